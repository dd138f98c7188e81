# SPDX-License-Identifier: Apache-2.0
"""What weir costs on the wire: new connections per second and established throughput.

Each contender is a node of its own with two pods (real ptp plugin); rounds alternate among them, and
each round's figure is divided by the figure of "conntrack" in the same round. Medians of the ratios.

  bare         no netfilter rule at all, conntrack off
  conntrack    no weir; one rule with a conntrack match, as kube-proxy brings to every node
  weir-N       weir, N policies select the server pod
  linear-N     the same decisions as N rules in one chain, first match wins

usage: data_plane.py [--rounds 15] [--seconds 1] [connect] [stream]
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "e2e"))

from fixture import BUILD, Node  # noqa: E402

PORT = 8080
TRAFFIC = os.path.join(BUILD, "bench", "traffic")


def policies(n):
    """n policies that select the server; only the last lets the client in."""
    def one(i, peer, port):
        return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                "metadata": {"namespace": "shop", "name": f"p{i}"},
                "spec": {"podSelector": {"matchLabels": {"app": "server"}},
                         "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": peer}}}],
                                      "ports": [{"protocol": "TCP", "port": port}]}]}}
    return [one(i, f"other-{i}", 1 + i % 60000) for i in range(n - 1)] + [one(n, "client", PORT)]


def linear(n, client):
    rules = ["ct state established accept"]
    rules += [f"ip saddr 10.{100 + i // 65536}.{i // 256 % 256}.{i % 256} tcp dport {1 + i % 60000} accept"
              for i in range(n - 1)]
    rules += [f"ip saddr {client} tcp dport {PORT} accept", "ct state new drop"]
    body = "\n".join(rules)
    return chain(body)


def chain(body):
    return f"table inet peer {{\nchain forward {{\ntype filter hook forward priority 0\n{body}\n}}\n}}\n"


class Contender:
    def __init__(self, name):
        self.name = name
        kind, _, number = name.partition("-")
        weir = kind == "weir"
        self.node = Node("dp" + name.replace("-", ""), primary="ptp", families=(4,), start=weir, weir=weir)
        self.client = self.node.add_pod("shop", "client", {"app": "client"})
        self.server = self.node.add_pod("shop", "server", {"app": "server"})
        if weir:
            self.node.write_manifest("policies", policies(int(number)))
            self.node.wait(60)
        elif kind == "linear":
            self.nft(linear(int(number), self.client.addr(4)))
        elif kind == "conntrack":
            self.nft(chain("ct state established accept"))
        if kind != "bare":
            self.node.host.sysctl("net.netfilter.nf_conntrack_tcp_timeout_close", 1)

    def nft(self, text):
        self.node.host.run("nft", "-f", "-", input=text)

    def measure(self, mode, seconds):
        out = subprocess.run([TRAFFIC, mode, self.client.netns, self.server.netns,
                              self.server.addr(4), str(PORT), str(seconds)],
                             stdout=subprocess.PIPE, check=True, text=True).stdout
        return json.loads(out)


def table(mode, contenders, results):
    unit = "connections/s" if mode == "connect" else "Gbit/s"
    print(f"\n{mode}: median of {len(next(iter(results.values())))} rounds\n")
    print(f"{'':14}{unit:>16}{'/ conntrack':>13}{'/ bare':>9}{'cpu us/conn' if mode == 'connect' else 'cpu s/GB':>14}")
    for c in contenders:
        rounds = results[c.name]
        rate = [r["count"] / r["seconds"] * (8e-9 if mode == "stream" else 1) for r in rounds]
        cpu = [r["cpu"] / r["count"] * (1e9 if mode == "stream" else 1e6) for r in rounds]

        def ratio(to):
            return statistics.median((a["count"] / a["seconds"]) / (b["count"] / b["seconds"])
                                     for a, b in zip(rounds, results[to]))
        print(f"{c.name:14}{statistics.median(rate):16,.1f}{ratio('conntrack'):13.3f}{ratio('bare'):9.3f}"
              f"{statistics.median(cpu):14.2f}")
    if mode == "connect" and "weir-10000" in results and "weir-1" in results:
        ratio = statistics.median(a["count"] / b["count"] for a, b in
                                  zip(results["weir-10000"], results["weir-1"]))
        print(f"weir-10000 / weir-1: {ratio:.3f}")
    sys.stdout.flush()


def main():
    args = argparse.ArgumentParser(usage=__doc__)
    args.add_argument("--rounds", type=int, default=15)
    args.add_argument("--seconds", type=float, default=1.0)
    args.add_argument("modes", nargs="*", default=["connect", "stream"])
    args = args.parse_args()
    names = ["bare", "conntrack", "weir-1", "weir-100", "weir-10000", "linear-100", "linear-10000"]
    contenders = [Contender(n) for n in names]
    try:
        for mode in args.modes or ["connect", "stream"]:
            results = {c.name: [] for c in contenders}
            for _ in range(args.rounds):
                for c in contenders:
                    results[c.name].append(c.measure(mode, args.seconds))
            table(mode, contenders, results)
    finally:
        for c in contenders:
            c.node.close()


if __name__ == "__main__":
    main()
