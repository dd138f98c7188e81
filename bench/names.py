#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long after a DNS answer its addresses may be connected to, and how many connections that
are opened at once have to wait for it.

A pod asks for a name that it has not asked for before, and the moment it has the answer it sends
numbered datagrams to the address as fast as it can: the window is the time until it sends the
first one that arrives. Then the same with a TCP connection: one whose SYN came too early is
made a second later. Beside it, in alternating rounds, an address that was known before.

    bench/names.py [--rounds 300] [--connections 100] [--known 0 1000]
"""
import argparse
import math
import os
import select
import socket
import statistics
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "e2e"))
from dnsserver import Server, addr, ask  # noqa: E402
from fixture import Node  # noqa: E402

RESOLVER, NET, PORT = "192.0.2.53", "192.0.2.80", 443
LATER = 0.01


def rule(action, peer):
    return {"action": action, "to": [peer]}


def prepare(node):
    resolver = node.add_outside("dns", (RESOLVER,))
    net = node.add_outside("net", (NET,))
    net.run("ip", "route", "add", "local", "10.200.0.0/16", "dev", "lo")
    node.host.run("ip", "route", "add", "10.200.0.0/16", "via", NET, "dev", "out2", "onlink")
    node.write_namespace("shop")
    node.write_manifest("names", {
        "apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy",
        "metadata": {"name": "names"},
        "spec": {"tier": "Admin", "priority": 10, "subject": {"namespaces": {}}, "egress": [
            rule("Accept", {"networks": [f"{RESOLVER}/32"]}),
            rule("Accept", {"domainNames": ["*.example.com"]}),
            rule("Deny", {"networks": ["0.0.0.0/0", "::/0"]})]}})
    pod = node.add_pod("shop", "client")
    node.wait()
    net.listen(PORT, "tcp", "0.0.0.0")
    zone = Names(iter(range(1, 65000)))
    return pod, net, Server(resolver, zone, addrs=["0.0.0.0"])


class Names(dict):
    """Each name that is asked for has an address of its own."""

    def __init__(self, numbers):
        super().__init__()
        self.numbers = numbers

    def get(self, name, default=None):
        if name not in self:
            n = next(self.numbers)
            self[name] = [addr(f"10.200.{n >> 8}.{n & 255}", 3600)]
        return self[name]


def resolve(pod, name):
    return socket.inet_ntoa(ask(pod, RESOLVER, name)[-4:])


def window(pod, net, name):
    """us until the first datagram that arrives is sent."""
    with pod.socket(socket.AF_INET, "udp") as s, net.socket(socket.AF_INET, "udp") as there:
        there.bind(("0.0.0.0", PORT))
        poll = select.poll()
        poll.register(there, select.POLLIN)
        address = resolve(pod, name)
        s.connect((address, PORT))
        sent = [time.monotonic_ns()]
        while sent[-1] - sent[0] < 2e9:
            s.send(struct.pack(">I", len(sent) - 1))
            sent.append(time.monotonic_ns())
            if poll.poll(0):
                return (sent[struct.unpack(">I", there.recv(64))[0]] - sent[0]) / 1e3
    raise AssertionError(f"{name}: never allowed")


def connect(pod, name, after=0.0, address=None):
    """Had the connection to wait for a second SYN? after: seconds between answer and first SYN."""
    with pod.socket(socket.AF_INET) as s:
        learned = resolve(pod, name)
        if after:
            time.sleep(after)
        s.connect_ex((address or learned, PORT))
        return not select.select([], [s], [], 0.5)[1]


def percentile(values, share):
    values = sorted(values)
    return values[max(0, math.ceil(len(values) * share) - 1)]


def run(known, rounds, connections):
    config = {"dns": {"resolvers": [RESOLVER], "maxNames": 65536}}
    with Node("benchnames", config=config) as node:
        pod, net, server = prepare(node)
        for n in range(known):
            resolve(pod, f"known{n}.example.com")
        times = [window(pod, net, f"w{n}.example.com") for n in range(rounds)]
        old = resolve(pod, "old.example.com")
        time.sleep(0.1)
        again, waited, later = 0, 0, 0
        for n in range(connections):
            waited += connect(pod, f"c{n}.example.com")
            later += connect(pod, f"l{n}.example.com", after=LATER)
            again += connect(pod, "old.example.com", address=old)
        server.close()
    print(f"| {known} | {statistics.median(times):.0f} | {percentile(times, .99):.0f} | {max(times):.0f} | "
          f"{sum(t > 0 for t in times)} of {rounds} | {waited} of {connections} | {later} of {connections} | {again} of {connections} |", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--known", type=int, nargs="*", default=[0, 100])
    args = parser.parse_args()
    print("| names known before | window p50 us | p99 us | longest us | first datagram too early | "
          f"TCP had to wait | the same {LATER * 1000:.0f} ms later | address known |\n|---|---|---|---|---|---|---|---|")
    for known in args.known:
        run(known, args.rounds, args.connections)


if __name__ == "__main__":
    main()
