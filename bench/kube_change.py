#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long from a change of a policy at a real API server until packets are judged by it, beside
the same change in a folder of manifests.

Two nodes with as many policies, one follows the API server, one a folder. In alternating rounds a
policy opens now this port, now that one; the clock runs from the moment that the request is sent
(the file is renamed) until the first packet of a steady stream to the port just opened passes. A
bare watch of the same collection, in a process of its own, tells how much of that is the API
server's.

    bench/kube_change.py [--policies 1000 10000] [--changes 1000] [--rounds 5]
"""
import argparse
import os
import socket
import ssl
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tests", "e2e"), os.path.join(HERE, "..", "tests", "kube"), HERE]
from apiserver import ADMIN_TOKEN, ApiServer  # noqa: E402
from change import PORTS, Stream, by_weir, figures, policy  # noqa: E402
from fixture import Node, Skip  # noqa: E402
from node import KubeNode, remote_pod  # noqa: E402

RATE = 5000  # packets/s: an API server wants a share of the processors too
AIMS = {"p50": 5.0}  # ms


def world(count):
    """count policies beside the one that changes; a pod elsewhere for every tenth of them."""
    for n in range(count // 10):
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"ns-{n}"}}
        yield remote_pod(f"ns-{n}", "app-0", [f"10.200.{n >> 8 & 255}.{n & 255}"], {"app": "app-0"})
    for n in range(count):
        yield policy(f"ns-{n // 10}", f"p-{n % 10}", f"app-{n % 3}", "app-0", 80 + n % 10)


class BareWatch:
    """When each event of the changing policy comes to somebody who only reads."""

    def __init__(self, server):
        self.process = server.place.popen(sys.executable, os.path.abspath(__file__), "--watch", server.addr,
                                          str(server.port), server.ca, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "watching\n"

    def next(self):
        return int(self.process.stdout.readline())

    def close(self):
        self.process.kill()
        self.process.wait()


def watch(host, port, ca):
    """Prints the time of each event, until it is killed."""
    context = ssl.create_default_context(cafile=ca)
    sock = context.wrap_socket(socket.create_connection((host, int(port))), server_hostname=host)
    path = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies?watch=1"
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\n\r\n".encode())
    head = sock.recv(65536)
    assert head.startswith(b"HTTP/1.1 200"), head
    print("watching", flush=True)
    while data := sock.recv(65536):
        now = time.monotonic_ns()
        for _ in range(data.count(b'"type":"MODIFIED"')):
            print(now, flush=True)


def by_kube(node, stream, bare, count, offset):
    """Times of count changes: until packets are judged, until the bare watch hears, until the
    server answers the request."""
    path = node.api.path("NetworkPolicy", "shop", "changing")
    judged, heard, answered = [], [], []
    for n in range(count):
        spec = policy("shop", "changing", "server", "client", PORTS[(n + offset) % 2])["spec"]
        moments = {}

        def change():
            start = time.monotonic_ns()
            node.api.patch(path, {"spec": spec})
            moments["answer"] = (time.monotonic_ns() - start) / 1e6
            moments["start"] = start
            return start
        judged.append(stream.measure((n + offset) % 2, change))
        heard.append((bare.next() - moments["start"]) / 1e6)
        answered.append(moments["answer"])
        time.sleep(0.005)
    return judged, heard, answered


def pair(node):
    client = node.add_pod("shop", "client", {"app": "client"})
    server = node.add_pod("shop", "server", {"app": "server"})
    node.write_manifest("changing", policy("shop", "changing", "server", "client", PORTS[1]))
    node.wait(60)
    return Stream(client, server, RATE)


def measure(count, args):
    quiet = {"log": {"level": "warning"}}
    with ApiServer("kchange") as server, KubeNode("kchange", server, config=quiet, start=False) as kube, \
            Node("fchange", config=quiet, start=False) as files:
        server.fill(world(count))
        for n, obj in enumerate(world(count)):
            files.write_manifest(f"object-{n}", obj)
        for node in (kube, files):
            node.write_namespace("shop")
            node.start(timeout=120)
        streams = {node: pair(node) for node in (kube, files)}
        bare = BareWatch(server)
        assert bare.process.poll() is None
        results = [[], [], [], []]
        each = args.changes // args.rounds // 2 * 2
        for _ in range(args.rounds):
            for result, more in zip(results, by_kube(kube, streams[kube], bare, each, 0)):
                result += more
            results[3] += by_weir(files, streams[files], each, 0)
        for stream in streams.values():
            stream.close()
        bare.close()
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--policies", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--changes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    for count in args.policies:
        judged, heard, answered, files = measure(count, args)
        beyond = figures([j - h for j, h in zip(judged, heard)])
        rows = [("API server -> judged", figures(judged)), ("API server -> a bare watch", figures(heard)),
                ("API server -> its answer", figures(answered)), ("judged after the bare watch heard", beyond),
                ("a file -> judged", figures(files))]
        for what, row in rows:
            aim = f" (aim p50 {AIMS['p50']:.0f})" if what == rows[0][0] else ""
            print(f"{count} policies, {len(judged)} changes: {what:34} p50 {row['p50']:6.2f} ms, "
                  f"p99 {row['p99']:6.2f} ms{aim}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--watch"]:
        watch(*sys.argv[2:])
    else:
        try:
            main()
        except Skip as why:
            print(f"skipped: {why}")
            sys.exit(77)
