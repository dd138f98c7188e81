# SPDX-License-Identifier: Apache-2.0
"""A DNS server for tests, by UDP and TCP, that says whatever it is told to, also nonsense.

    server = Server(place, {"api.example.com": [a("198.51.100.1", ttl=30)]})
    ask(pod, "192.0.2.53", "api.example.com")  # -> the answer's bytes, as the pod got them
"""
import ipaddress
import selectors
import socket
import struct
import threading
import time

from netns import family_of

A, CNAME, AAAA = 1, 5, 28
TRUNCATED, NXDOMAIN = 0x0200, 3


def encode_name(name):
    return b"".join(bytes([len(x)]) + x.encode() for x in name.rstrip(".").split(".")) + b"\0"


def record(kind, data, ttl, owner=None):
    """owner None: the name that was asked for."""
    head = encode_name(owner) if owner else b"\xc0\x0c"
    return head + struct.pack(">2HIH", kind, 1, ttl, len(data)) + data


def addr(text, ttl=60, owner=None):
    packed = ipaddress.ip_address(text).packed
    return record(A if len(packed) == 4 else AAAA, packed, ttl, owner)


def alias(to, ttl=60, owner=None):
    return record(CNAME, encode_name(to), ttl, owner)


def question(name, kind):
    return encode_name(name) + struct.pack(">2H", kind, 1)


def query(name, kind=A, number=0x1234):
    return struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + question(name, kind)


def answer(name, records, kind=A, number=0x1234, flags=0x8180):
    return (struct.pack(">6H", number, flags, 1, len(records), 0, 0) + question(name, kind) +
            b"".join(records))


def read_query(message):
    """(number, name, kind)"""
    at, labels = 12, []
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    return struct.unpack_from(">H", message)[0], ".".join(labels), \
        struct.unpack_from(">H", message, at + 1)[0]


class Server:
    """zone: name in lower case -> records, or a function (name, kind) -> records or raw bytes.

    What is longer than limit is answered truncated by UDP, and as a whole by TCP.
    """

    def __init__(self, place, zone, addrs=("0.0.0.0", "::"), limit=4096):
        self.zone = zone
        self.limit = limit
        self.asked = 0
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        for where in addrs:
            for protocol in ("udp", "tcp"):
                s = place.socket(family_of(where), protocol)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family_of(where) == socket.AF_INET6:
                    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                s.bind((where, 53))
                if protocol == "tcp":
                    s.listen(64)
                self._selector.register(s, selectors.EVENT_READ,
                                        self._datagram if protocol == "udp" else self._accept)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def respond(self, message):
        number, name, kind = read_query(message)
        self.asked += 1
        found = self.zone.get(name.lower(), [])
        if callable(found):
            found = found(name, kind)
        if isinstance(found, bytes):
            return found
        return answer(name, found, kind, number, 0x8180 | (0 if found else NXDOMAIN))

    def _datagram(self, s):
        message, peer = s.recvfrom(65535)
        reply = self.respond(message)
        if len(reply) > self.limit:
            number, name, kind = read_query(message)
            reply = answer(name, [], kind, number, 0x8180 | TRUNCATED)
        s.sendto(reply, peer)

    def _accept(self, s):
        conn, _ = s.accept()
        conn.setblocking(False)
        self._selector.register(conn, selectors.EVENT_READ, self._stream)

    def _stream(self, s):
        data = s.recv(65535)
        if data:
            reply = self.respond(data[2:])
            s.setblocking(True)
            s.sendall(struct.pack(">H", len(reply)) + reply)
            s.setblocking(False)
            return
        self._selector.unregister(s)
        s.close()

    def _serve(self):
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                key.data(key.fileobj)

    def close(self):
        self._wake.send(b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()
        self._wake.close()


def read_exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise OSError("the server hung up")
        data += more
    return data


def ask(place, server, name, kind=A, protocol="udp", timeout=5.0):
    """Asks, and by TCP again when the answer was truncated."""
    with place.socket(family_of(server), protocol) as s:
        s.settimeout(timeout)
        s.connect((server, 53))
        if protocol == "tcp":
            message = query(name, kind)
            s.sendall(struct.pack(">H", len(message)) + message)
            return read_exactly(s, struct.unpack(">H", read_exactly(s, 2))[0])
        end = time.monotonic() + timeout
        while True:
            s.send(query(name, kind))
            s.settimeout(0.5)
            try:
                reply = s.recv(65535)
                break
            except TimeoutError:
                if time.monotonic() > end:
                    raise
    if len(reply) > 3 and struct.unpack_from(">H", reply, 2)[0] & TRUNCATED:
        return ask(place, server, name, kind, "tcp", timeout)
    return reply
