#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long from the change of a policy until packets are judged by it, beside `nft -f` of the same change.

A real weird reads a folder with many policies, one a file. One of them opens now this port, now
that one; from the rename of its file until the first packet of a steady stream to the port just
opened (20,000 packets/s) passes. In alternating rounds weird is stopped and `nft -f` makes the same
change to the same table: another chain for the client's address in the server's map.

    bench/change.py [--policies 10 1000 10000] [--changes 100] [--rounds 4]
"""
import argparse
import json
import math
import os
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "e2e"))
from fixture import BUILD, Node  # noqa: E402

PORTS = (7000, 7001)
RATE = 20000
AIMS = {"p50": 1.0, "p99": 10.0}  # ms, at 10,000 policies


def policy(namespace, name, app, peer, port):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"namespace": namespace, "name": name},
            "spec": {"podSelector": {"matchLabels": {"app": app}}, "policyTypes": ["Ingress"],
                     "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": peer}}}],
                                  "ports": [{"protocol": "UDP", "port": port}]}]}}


def fill(node, count):
    """count policies beside the one that changes; a pod elsewhere for every tenth of them."""
    for n in range(count // 10):
        node.write_namespace(f"ns-{n}")
        node.write_manifest(f"pod-{n}", {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": f"ns-{n}", "name": "app-0", "labels": {"app": "app-0"}},
            "spec": {"nodeName": "elsewhere"}, "status": {"podIP": f"10.200.{n >> 8 & 255}.{n & 255}"}})
    for n in range(count):
        node.write_manifest(f"policy-{n}", policy(f"ns-{n // 10}", f"p-{n % 10}", f"app-{n % 3}", "app-0", 80 + n % 10))


class Stream:
    def __init__(self, client, server, rate=RATE):
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "bench", "first_packet"), client.netns, server.netns, server.addr(4), str(rate),
             *map(str, PORTS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def measure(self, port, change):
        """ms from the moment that change() returns as its own until a packet to the port passes."""
        self.process.stdin.write(f"{port}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "started\n", "a port is open that should not be"
        start = change()
        sent = int(self.process.stdout.readline())
        assert sent >= start, f"passed before the change, or never: {sent} {start}"
        return (sent - start) / 1e6

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def by_weir(node, stream, count, offset):
    """Times of count changes."""
    path = os.path.join(node.manifests, "changing.yaml")
    times = []
    for n in range(count):
        port = (n + offset) % 2

        def change():
            with open(node.path("next"), "w") as f:
                json.dump(policy("shop", "changing", "server", "client", PORTS[port]), f)
            start = time.monotonic_ns()
            os.rename(node.path("next"), path)
            return start
        times.append(stream.measure(port, change))
        time.sleep(0.005)
    return times


def server_map(node, client):
    """The map of the server's ruleset, and the chain that reports and drops."""
    listing = node.host.run("nft", "list", "map", "inet", "weir", "ingress4").stdout
    chain = re.search(r"goto (rs_\d+)", listing).group(1)
    assert client.addr(4) in node.host.run("nft", "list", "map", "inet", "weir", chain + "_4").stdout
    return chain + "_4", chain + "_deny"


def by_nft(node, stream, count, offset, client):
    """The same with nft -f; weird does not run."""
    node.stop()
    name, deny = server_map(node, client)
    setup = "".join(f"add chain inet weir open_{i}\nadd rule inet weir open_{i} udp dport {port} return\n"
                    f"add rule inet weir open_{i} goto {deny}\n" for i, port in enumerate(PORTS))
    node.host.run("nft", "-f", "-", input=setup)
    times = []
    for n in range(count):
        port = (n + offset) % 2
        script = (f"delete element inet weir {name} {{ {client.addr(4)} }}\n"
                  f"add element inet weir {name} {{ {client.addr(4)} : goto open_{port} }}\n")
        file = node.path("change.nft")

        def change():
            with open(file, "w") as f:
                f.write(script)
            start = time.monotonic_ns()
            node.host.run("nft", "-f", file)
            return start
        times.append(stream.measure(port, change))
        time.sleep(0.005)
    node.start(timeout=120)
    return times


def figures(times):
    ordered = sorted(times)
    return {"p50": statistics.median(ordered), "p99": ordered[math.ceil(len(ordered) * 0.99) - 1], "max": ordered[-1]}


def measure(policies, args):
    with Node("change", config={"log": {"level": "warning"}}, start=False) as node:
        node.write_namespace("shop")
        fill(node, policies)
        node.start(timeout=120)
        client = node.add_pod("shop", "client", {"app": "client"})
        server = node.add_pod("shop", "server", {"app": "server"})
        node.write_manifest("changing", policy("shop", "changing", "server", "client", PORTS[1]))
        node.wait(60)
        stream = Stream(client, server)
        weir, peer = [], []
        each = args.changes // args.rounds // 2 * 2  # the last one leaves the second port open
        for _ in range(args.rounds):
            weir += by_weir(node, stream, each, 0)
            peer += by_nft(node, stream, each, 0, client)
        stream.close()
    return figures(weir), figures(peer)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--policies", type=int, nargs="+", default=[10, 1000, 10000])
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=4)
    args = parser.parse_args()
    for policies in args.policies:
        weir, peer = measure(policies, args)
        for name in ("p50", "p99", "max"):
            aim = f", aim {AIMS[name]} ms" if name in AIMS else ""
            print(f"{policies} policies, {name}: weir {weir[name]:.2f} ms, nft -f {peer[name]:.2f} ms, "
                  f"ratio {weir[name] / peer[name]:.2f}{aim}", flush=True)


if __name__ == "__main__":
    main()
