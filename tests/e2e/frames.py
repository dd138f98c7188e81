# SPDX-License-Identifier: Apache-2.0
"""Frames as a pod with raw sockets can make them, and who receives them.

Addresses are texts. A frame is sent out of a place and looked for in another;
what arrived is told apart by its bytes behind the Ethernet header.
"""
import ipaddress
import select
import socket
import struct
import time

from netns import inside

ETH_ALL, IPV4, ARP, IPV6 = 3, 0x0800, 0x0806, 0x86DD
BROADCAST = "ff:ff:ff:ff:ff:ff"
NOBODY6 = "::"


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def ip_bytes(text):
    return ipaddress.ip_address(text).packed


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mac_of_group(addr):
    """The Ethernet address of a multicast group."""
    raw = ip_bytes(addr)
    return "33:33:" + ":".join(f"{b:02x}" for b in raw[-4:])


def solicited_node(addr):
    return str(ipaddress.ip_address(b"\xff\x02" + bytes(9) + b"\x01\xff" + ip_bytes(addr)[-3:]))


def eui64(mac):
    raw = mac_bytes(mac)
    return str(ipaddress.ip_address(b"\xfe\x80" + bytes(6) + bytes([raw[0] ^ 2]) + raw[1:3]
                                    + b"\xff\xfe" + raw[3:]))


def ethernet(src, dst, kind, payload, vlan=None):
    tag = struct.pack("!HH", 0x8100, vlan) if vlan is not None else b""
    return mac_bytes(dst) + mac_bytes(src) + tag + struct.pack("!H", kind) + payload


def ipv4(src, dst, protocol, payload, ttl=64, number=0):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), number, 0, ttl, protocol, 0,
                       ip_bytes(src), ip_bytes(dst))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def pseudo6(src, dst, protocol, length):
    return ip_bytes(src) + ip_bytes(dst) + struct.pack("!IHBB", length, 0, 0, protocol)


def ipv6(src, dst, protocol, payload, hops=64):
    return struct.pack("!IHBB", 0x60000000, len(payload), protocol, hops) \
        + ip_bytes(src) + ip_bytes(dst) + payload


def udp(src, dst, sport, dport, data):
    """A datagram of either family, with its IP header."""
    head = struct.pack("!HHHH", sport, dport, 8 + len(data), 0)
    if ":" not in src:
        return ipv4(src, dst, 17, head + data)
    total = checksum(pseudo6(src, dst, 17, len(head + data)) + head + data) or 0xFFFF
    return ipv6(src, dst, 17, head[:6] + struct.pack("!H", total) + data)


def icmp6(src, dst, kind, body, hops=255, before=b"", first=58):
    """before: extension headers; first: the number of the first of them."""
    message = struct.pack("!BBH", kind, 0, 0) + body
    total = checksum(pseudo6(src, dst, 58, len(message)) + message)
    return ipv6(src, dst, first, before + message[:2] + struct.pack("!H", total) + message[4:], hops)


def neighbor(kind, src, dst, target, mac, flags=0):
    """135: solicitation, 136: advertisement; both with the sender's link-layer address."""
    option = struct.pack("!BB", 1 if kind == 135 else 2, 1) + mac_bytes(mac)
    if src == NOBODY6:
        option = b""
    return icmp6(src, dst, kind, struct.pack("!I", flags) + ip_bytes(target) + option)


def arp(operation, sender_mac, sender, target_mac, target):
    return struct.pack("!HHBBH", 1, IPV4, 6, 4, operation) + mac_bytes(sender_mac) \
        + ip_bytes(sender) + mac_bytes(target_mac) + ip_bytes(target)


def hardware(place, ifname="eth0"):
    """The Ethernet address of an interface."""
    with inside(place.path), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind((ifname, 0))
        return ":".join(f"{b:02x}" for b in s.getsockname()[4])


def send(place, frame, ifname="eth0"):
    with inside(place.path):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with s:
        s.bind((ifname, 0))
        s.send(frame)


class Capture:
    """Everything that arrives at an interface, from now on."""

    def __init__(self, place, ifname="eth0"):
        with inside(place.path):
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind((ifname, ETH_ALL))
        self.frames = []

    def until(self, data, timeout=5.0):
        """Reads until a frame with these bytes in it comes; False when none does."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            if not select.select([self._socket], [], [], left)[0]:
                break
            frame, address = self._socket.recvfrom(65536)
            if address[2] == socket.PACKET_OUTGOING:
                continue
            self.frames.append(frame)
            if data in frame:
                return True
        return False

    def has(self, data):
        return any(data in frame for frame in self.frames)

    def close(self):
        self._socket.close()
