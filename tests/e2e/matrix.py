# SPDX-License-Identifier: Apache-2.0
"""Everybody to everybody through the kernel, compared with the oracle.

A field is a node with its pods, made once; for each cluster (tests/oracle/cluster.py) the
manifests are rewritten, weird is waited for, and all pairs are tried in both families
(tests/e2e/probe.c): pods, the node itself and a host outside.
"""
import os
import subprocess
import sys

from fixture import BUILD, Node

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))

import cluster as clusters  # noqa: E402
from judge import Judge  # noqa: E402

SPORT_FIRST, SPORT_LAST = 20000, 65000
WAIT_S = 5
QUIET_MS = 60
PATIENT_MS = 1500  # longer than the first retransmission of TCP
KERNEL = {"+": "1", "e": "0", "i": "0", "x": "0", "-": "-"}


class Probe:
    """tests/e2e/probe.c, with a new source port each round."""

    def __init__(self, listen, places):
        """places: (network namespace, IPv4 or None, IPv6 or None)."""
        argv = [os.path.join(BUILD, "tests/e2e/probe"), ",".join(map(str, listen))]
        argv += [",".join(x or "-" for x in p) for p in places]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.sport = SPORT_FIRST
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError(f"probe ended with {self.process.wait()}")

    def round(self, columns, quiet_ms=QUIET_MS):
        self.sport += 1
        assert self.sport < SPORT_LAST, "no source port is left that was not used"
        words = [str(self.sport), str(quiet_ms), *(f"{a.lower()}:{b}" for a, b in columns)]
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Field:
    def __init__(self, test, primary, pods, listen, node=None):
        """pods: "namespace/name", ...; node: one that has them, in place of a new one."""
        self.node = node or Node(test, primary)
        self.judge = Judge()
        self.probe = None
        self.probes = self.again = 0
        try:
            for pod in [p for p in pods if p not in self.node.pods]:
                self.node.add_pod(*pod.split("/"), manifest=False)
            self.outside = self.node.add_outside("world")
            self.places = {key: (p.addr(4), p.addr(6)) for key, p in self.node.pods.items()}
            self.places["node"] = self._node_addresses()
            self.places["outside"] = (self.outside.addr(4), self.outside.addr(6))
            self.names = list(self.places)
            namespaces = [p.netns for p in self.node.pods.values()]
            namespaces += [self.node.host.netns, self.outside.netns]
            self.probe = Probe(listen, [(n, *self.places[name])
                                        for n, name in zip(namespaces, self.names)])
        except BaseException:
            self.close()
            raise

    def _node_addresses(self):
        """Where the pods see the node: their gateways."""
        pod = next(iter(self.node.pods.values()))
        return tuple(next(ip["gateway"] for ip in pod.result["ips"]
                          if (":" in ip["address"]) == (family == 6)) for family in (4, 6))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.node.print_log()
        self.close()

    def close(self):
        if self.probe:
            self.probe.close()
        self.node.close()

    def apply(self, cluster):
        """Lines of what weird says when it cannot put the cluster into force."""
        self.node.write_manifest("cluster", clusters.objects(cluster))
        done = self.node.weirctl("wait", "--timeout", f"{WAIT_S}s")
        return [done.stderr.strip()] if done.returncode else []

    def oracle(self, cluster, columns):
        return self.judge.pairs(clusters.objects(cluster), list(self.places.values()), columns,
                                self.places["node"])["oracle"]

    def compare(self, cluster, columns):
        """The cluster in force and tried out: lines where the kernel differs from the oracle.

        When something allowed did not come through, the machine may have been too slow for a
        TCP connection: one more, patient round decides. What is denied and came through, did.
        """
        oracle = self.oracle(cluster, columns)
        want = "".join(KERNEL[letter] for letter in oracle)
        failed = self.apply(cluster)
        if failed:
            return failed
        got = self.probe.round(columns)
        self.probes += len(got) - got.count("-")
        if got != want and all(w == "1" for g, w in zip(got, want) if g != w):
            self.again += 1
            got = self.probe.round(columns, PATIENT_MS)
        return list(clusters.differences(oracle, self._spoken(got, oracle), self.names, columns))

    @staticmethod
    def _spoken(got, oracle):
        """The kernel's characters, in the oracle's words where they agree."""
        return [letter if KERNEL[letter] == g else {"1": "reached", "0": "not reached", "r": "refused"}
                .get(g, g) for g, letter in zip(got, oracle)]
