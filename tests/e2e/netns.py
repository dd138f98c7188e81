# SPDX-License-Identifier: Apache-2.0
"""Network namespaces for tests: make them, run in them, open sockets in them.

A socket stays in the namespace in which it was made, so one test process can
be a server in one pod and a client in another without starting anything.
"""
import contextlib
import ctypes
import errno
import os
import selectors
import socket
import struct
import subprocess
import threading
import time

CLONE_NEWNET = 0x40000000
RUN_NETNS = "/run/netns"
IPPROTO_SCTP = 132
NETLINK_NETFILTER = 12

_libc = ctypes.CDLL(None, use_errno=True)

SOCKET_TYPES = {
    "tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "udp": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "sctp": (socket.SOCK_STREAM, IPPROTO_SCTP),
}


def run(*argv, check=True, **kwargs):
    """Runs a command, gives back its output; a failure shows what it said."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: exit {done.returncode}: "
                           f"{done.stderr.strip() or done.stdout.strip()}")
    return done


@contextlib.contextmanager
def inside(path):
    """The calling thread is in the namespace for as long as the block lasts."""
    back = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(there, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {path}")
        yield
    finally:
        _libc.setns(back, CLONE_NEWNET)
        os.close(there)
        os.close(back)


def family_of(addr):
    return socket.AF_INET6 if ":" in addr else socket.AF_INET


class Place:
    """A network namespace with addresses: the node, a pod, a host outside."""

    def __init__(self, name, addrs=()):
        self.netns = name
        self.path = f"{RUN_NETNS}/{name}"
        self.addrs = list(addrs)
        self._servers = []

    def create(self, sysctls=()):
        run("ip", "netns", "add", self.netns)
        self.run("ip", "link", "set", "lo", "up")
        for key, value in dict(sysctls).items():
            self.sysctl(key, value)
        return self

    def delete(self):
        self.stop_servers()
        if os.path.exists(self.path):
            run("ip", "netns", "del", self.netns, check=False)

    def sysctl(self, key, value):
        """Writes a sysctl of this namespace (the thread's namespace decides which one)."""
        with inside(self.path), open("/proc/sys/" + key.replace(".", "/"), "w") as f:
            f.write(str(value))

    def command(self, *argv):
        """argv that runs in here; unlike `ip netns exec` it leaves /sys as it is."""
        return ("nsenter", f"--net={self.path}", *argv)

    def run(self, *argv, **kwargs):
        return run(*self.command(*argv), **kwargs)

    def popen(self, *argv, **kwargs):
        return subprocess.Popen(self.command(*argv), **kwargs)

    def addr(self, family=4):
        """The first address of the family, or None."""
        want = socket.AF_INET6 if family in (6, socket.AF_INET6) else socket.AF_INET
        return next((a for a in self.addrs if family_of(a) == want), None)

    def socket(self, family, protocol="tcp"):
        kind, proto = SOCKET_TYPES[protocol]
        with inside(self.path):
            return socket.socket(family, kind | socket.SOCK_NONBLOCK, proto)

    def nft_generation(self):
        """How many transactions nf_tables has committed in here (NFT_MSG_GETGEN)."""
        with inside(self.path):
            s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        with s:
            s.send(struct.pack("=IHHIIBBH", 20, 10 << 8 | 16, 1, 1, 0, 0, 0, 0))
            return struct.unpack_from(">I", s.recv(4096), 24)[0]

    def listen(self, port, protocol="tcp", addr=None):
        """Echoes on the port, on all addresses of both families (or on addr), until the end."""
        server = Echo(self, port, protocol, addr)
        self._servers.append(server)
        return server

    def stop_servers(self):
        while self._servers:
            self._servers.pop().close()

    def reach(self, addr, port, protocol="tcp", timeout=5.0):
        """True when a byte sent there comes back. Where none is expected a short time will do."""
        return probe([(self, addr, port, protocol)], timeout)[0]


class Echo:
    """Sends back what it gets. One thread a server; ends with close()."""

    def __init__(self, place, port, protocol, addr):
        self.accepted = 0
        self.received = 0
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._protocol = protocol
        for where in [addr] if addr else ["0.0.0.0", "::"]:
            s = place.socket(family_of(where), protocol)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family_of(where) == socket.AF_INET6:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            s.bind((where, port))
            if protocol != "udp":
                s.listen(512)
            self._selector.register(s, selectors.EVENT_READ,
                                    self._datagram if protocol == "udp" else self._accept)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _accept(self, s):
        try:
            conn, _ = s.accept()
        except OSError:
            return
        self.accepted += 1
        conn.setblocking(False)
        self._selector.register(conn, selectors.EVENT_READ, self._stream)

    def _stream(self, s):
        try:
            data = s.recv(65536)
            if data:
                self.received += len(data)
                s.send(data)
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._selector.unregister(s)
        s.close()

    def _datagram(self, s):
        try:
            data, peer = s.recvfrom(65536)
            self.received += len(data)
            s.sendto(data, peer)
        except OSError:
            pass

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


class _Probe:
    """One attempt of probe(): connect, send a byte, wait for it to come back."""

    def __init__(self, place, addr, port, protocol):
        self.reached = False
        self.sent = False
        self.protocol = protocol
        self.sock = place.socket(family_of(addr), protocol)
        err = self.sock.connect_ex((addr, port))
        self.failed = err not in (0, errno.EINPROGRESS)

    def step(self, events):
        """True when there is nothing left to wait for."""
        try:
            if events & selectors.EVENT_READ:
                self.reached = bool(self.sock.recv(64))
                return True
            if not self.sent and events & selectors.EVENT_WRITE:
                self.sock.send(b"?")
                self.sent = True
        except BlockingIOError:
            pass
        except OSError:
            return True
        return False


def probe(attempts, timeout=1.0):
    """Tries all (place, addr, port, protocol) at once; a list of bools, in that order.

    An attempt that nothing answers costs the timeout, but all share it.
    A UDP datagram is sent again while there is time, as it may be lost.
    """
    tries = [_Probe(*a) for a in attempts]
    with selectors.DefaultSelector() as selector:
        for t in tries:
            if not t.failed:
                selector.register(t.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, t)
        end = time.monotonic() + timeout
        again = time.monotonic() + timeout / 3
        while selector.get_map() and (left := end - time.monotonic()) > 0:
            for key, events in selector.select(min(left, timeout / 3)):
                t = key.data
                if t.step(events):
                    selector.unregister(t.sock)
                elif t.sent:
                    selector.modify(t.sock, selectors.EVENT_READ, t)
            if time.monotonic() > again:
                again += timeout / 3
                for key in selector.get_map().values():
                    if key.data.protocol == "udp":
                        key.data.step(selectors.EVENT_WRITE if not key.data.sent else 0)
                        with contextlib.suppress(OSError):
                            key.data.sock.send(b"?")
    for t in tries:
        t.sock.close()
    return [t.reached for t in tries]
