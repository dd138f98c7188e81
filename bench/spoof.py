# SPDX-License-Identifier: Apache-2.0
"""What anti-spoofing costs a packet: small UDP datagrams and one TCP stream, with and without it.

Nodes of their own with two pods each, and --pods more that only fill the tables; all have weir and one
policy. Rounds alternate between the two; each figure with is divided by that without of the same round.
Medians of the ratios.

usage: spoof.py [--rounds 15] [--seconds 1] [--pods 100]
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "e2e"))

from fixture import BUILD, Node  # noqa: E402

TRAFFIC = os.path.join(BUILD, "bench", "traffic")
POLICY = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
          "metadata": {"namespace": "shop", "name": "server"},
          "spec": {"podSelector": {"matchLabels": {"app": "server"}},
                   "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "client"}}}]}]}}


class Contender:
    def __init__(self, primary, setting, pods):
        self.node = Node(f"spoof{primary}{setting}", primary=primary, config={"antiSpoofing": setting})
        self.node.write_manifest("policy", POLICY)
        self.client = self.node.add_pod("shop", "client", {"app": "client"})
        self.server = self.node.add_pod("shop", "server", {"app": "server"})
        for i in range(pods):
            self.node.add_pod("shop", f"other-{i}")

    def measure(self, mode, family, seconds):
        out = subprocess.run([TRAFFIC, mode, self.client.netns, self.server.netns,
                              self.server.addr(family), "8080", str(seconds)],
                             stdout=subprocess.PIPE, check=True, text=True).stdout
        return json.loads(out)


def compare(pair, mode, family, args):
    """Medians: of the rate without, of the ratio of rates, of the ratio of CPU a packet."""
    rounds = [{s: c.measure(mode, family, args.seconds) for s, c in pair.items()} for _ in range(args.rounds)]

    def median(value):
        return statistics.median(value(r["no"], r["yes"]) for r in rounds)
    scale = 8e-9 if mode == "stream" else 1e-6
    return (median(lambda no, yes: no["count"] / no["seconds"] * scale),
            median(lambda no, yes: yes["count"] / yes["seconds"] / (no["count"] / no["seconds"])),
            median(lambda no, yes: yes["cpu"] / yes["count"] / (no["cpu"] / no["count"])),
            median(lambda no, yes: (yes["cpu"] / yes["count"] - no["cpu"] / no["count"]) * 1e9))


def main():
    args = argparse.ArgumentParser(usage=__doc__)
    args.add_argument("--rounds", type=int, default=15)
    args.add_argument("--seconds", type=float, default=1.0)
    args.add_argument("--pods", type=int, default=100)
    args = args.parse_args()
    print(f"{'':24}{'without':>16}{'with / without':>16}{'CPU, with / without':>21}{'CPU, difference':>17}")
    for primary in ("ptp", "bridge"):
        pair = {}
        try:
            for setting in ("no", "yes"):
                pair[setting] = Contender(primary, setting, args.pods)
            for mode in ("packets", "stream"):
                for family in (4, 6):
                    rate, ratio, cpu, more = compare(pair, mode, family, args)
                    unit = "Gbit/s" if mode == "stream" else "Mpps"
                    each = "" if mode == "stream" else f"{more:14.0f} ns"
                    print(f"{primary + ' IPv' + str(family) + ' ' + mode:24}{rate:9.2f} {unit:6}{ratio:16.3f}"
                          f"{cpu:21.3f}{each}", flush=True)
        finally:
            for c in pair.values():
                c.node.close()


if __name__ == "__main__":
    main()
