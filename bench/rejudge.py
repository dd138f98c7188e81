#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What it costs to judge established connections again: a node that follows many of them, changes
of policy that end none, and one that ends all.

Per change: the time until all had been judged, and how long weird answered nobody meanwhile: the
longest step that it says it made, and the slowest of requests that are made all the time. Beside
it, in the same run, the same changes with connections: keep.

    bench/rejudge.py [--connections 100000] [--rounds 10]
"""
import argparse
import os
import socket
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "e2e"))
from fixture import BUILD, Node, eventually  # noqa: E402

OFFER = os.path.join(BUILD, "tests", "e2e", "offer")
SOURCES, FIRST = 500, 20000


def policy(name, ingress):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"namespace": "shop", "name": name},
            "spec": {"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"],
                     "ingress": ingress}}


def metrics(node):
    page = node.host.run("curl", "-s", "http://127.0.0.1:9571/metrics").stdout
    return {line.split()[0]: float(line.split()[1]) for line in page.splitlines() if line[0] != "#"}


class Requests(threading.Thread):
    """One after another; slowest is the longest wait for an answer, in ms."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.path, self.ended, self.slowest = node.rpc, False, 0.0
        self.start()

    def run(self):
        while not self.ended:
            began = time.monotonic()
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(self.path)
                s.sendall(b'{"method":"nothing"}\n')
                s.recv(4096)
            self.slowest = max(self.slowest, (time.monotonic() - began) * 1000)
            time.sleep(0.0005)

    def end(self):
        self.ended = True
        self.join()
        return self.slowest


def open_connections(node, client, server, n):
    done = client.run(OFFER, server.addr(4), str(FIRST), str(n // SOURCES), str(SOURCES), "40000", "1024")
    sent = int(done.stdout.split()[0])
    eventually(lambda: metrics(node)["weir_flow_connections"] >= n * 0.999, 60, f"{n} are followed ({sent} sent)")


def change(node, manifest, ends=0):
    """(ms until all are judged, or so many have ended; ms of the slowest request; connections ended)"""
    before = metrics(node)
    requests = Requests(node)
    began = time.monotonic()
    node.write_manifest("open", manifest)
    if ends and node.config["connections"] == "rejudge":
        name = "weir_connections_ended_total"
        eventually(lambda: metrics(node)[name] >= before[name] + ends, 60, "all have ended")
        took = (time.monotonic() - began) * 1000
        node.wait()
    else:
        node.wait()
        time.sleep(0.1)
        took = metrics(node)["weir_rejudge_last_seconds"] * 1000
    slowest, after = requests.end(), metrics(node)
    return took, slowest, after["weir_connections_ended_total"] - before["weir_connections_ended_total"]


def measure(mode, args):
    with Node("benchrejudge", config={"connections": mode}) as node:
        for timeout in ("timeout", "timeout_stream"):
            node.host.sysctl(f"net.netfilter.nf_conntrack_udp_{timeout}", 3600)
        node.write_namespace("shop")
        client = node.add_pod("shop", "client", {"app": "client"})
        server = node.add_pod("shop", "server", {"app": "server"})
        opened = [policy("open", [{"ports": [{"protocol": "UDP", "port": 1024, "endPort": 60000 + i}]}])
                  for i in range(2)]
        node.write_manifest("open", opened[0])
        node.wait()
        open_connections(node, client, server, args.connections)
        none = [change(node, opened[i % 2]) for i in range(1, args.rounds + 1)]
        step = metrics(node)["weir_rejudge_max_step_seconds"] * 1000
        ends = change(node, policy("open", []), metrics(node)["weir_flow_connections"])
        allstep = metrics(node)["weir_rejudge_max_step_seconds"] * 1000
        print(f"{mode:9} ends none: {statistics.median(n[0] for n in none):7.1f} ms until all are judged, "
              f"slowest request {max(n[1] for n in none):5.1f} ms (median of rounds "
              f"{statistics.median(n[1] for n in none):.1f}), longest step {step:.1f} ms")
        print(f"{mode:9} ends {ends[2]:.0f}: {ends[0]:7.1f} ms until all had ended, "
              f"slowest request {ends[1]:5.1f} ms, longest step {allstep:.1f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=100000)
    parser.add_argument("--rounds", type=int, default=10)
    args = parser.parse_args()
    if not os.path.exists(OFFER):
        subprocess.run(["make", "-C", BUILD, "tests/e2e/offer"], check=True)
    for mode in ("keep", "rejudge"):
        measure(mode, args)


if __name__ == "__main__":
    main()
