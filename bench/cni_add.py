# SPDX-License-Identifier: Apache-2.0
"""What weir adds to a pod's start: chained ADD and DEL, a running weird behind them, beside Debian's
`firewall` plugin on the same prevResult and beside starting /bin/true. Rounds alternate; medians.

usage: cni_add.py [--rounds 100]
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "e2e"))

from fixture import BUILD, CNI_BIN, POD_SYSCTLS, Node, Pod  # noqa: E402
from netns import inside  # noqa: E402


def timed(argv, env, text):
    """Milliseconds of one process, from its start to its end."""
    began = time.perf_counter()
    done = subprocess.run(argv, env=env, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False)
    took = (time.perf_counter() - began) * 1e3
    if done.returncode:
        raise RuntimeError(f"{argv}: {done.stdout.decode()} {done.stderr.decode()}")
    return took


def request(node, pod, entry, command):
    conf = dict(entry, cniVersion="1.0.0", name=node.chain.name, prevResult=pod.result)
    env = {"CNI_COMMAND": command, "CNI_CONTAINERID": pod.container, "CNI_NETNS": pod.path,
           "CNI_IFNAME": "eth0", "CNI_ARGS": pod.args, "CNI_PATH": CNI_BIN,
           "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    return env, json.dumps(conf).encode()


def one_round(node, pod, contenders, took):
    for name, path, entry in contenders:
        for command in ("ADD", "DEL"):
            env, text = request(node, pod, entry, command)
            took[name, command].append(timed([path], env, text))
    took["/bin/true", ""].append(timed(["/bin/true"], {}, b""))


def main():
    args = argparse.ArgumentParser(usage=__doc__)
    args.add_argument("--rounds", type=int, default=100)
    args = args.parse_args()
    with Node("cniadd", families=(4,)) as node:
        node.add_pod("shop", "standing")  # a node has pods; the first one costs a table more
        node.write_manifest("deny", {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                                     "metadata": {"namespace": "shop", "name": "deny"},
                                     "spec": {"podSelector": {}}})
        pod = Pod(node, "shop", "web")
        pod.create(POD_SYSCTLS)
        node.pods[str(pod)] = pod
        pod.result = node.chain.call(node.chain.plugins[0], "ADD", pod.container, pod.path, pod.args)
        node.wait()
        contenders = [("weir", os.path.join(BUILD, "plugin", "weir"), node.chain.plugins[1]),
                      ("firewall", os.path.join(CNI_BIN, "firewall"),
                       {"type": "firewall", "backend": "iptables"})]
        took = {(name, command): [] for name, *_ in contenders for command in ("ADD", "DEL")}
        took["/bin/true", ""] = []
        with inside(node.host.path):
            for _ in range(args.rounds):
                one_round(node, pod, contenders, took)
    true = statistics.median(took["/bin/true", ""])
    print(f"medians of {args.rounds} alternating rounds, ms\n")
    for (name, command), values in took.items():
        print(f"{name:10}{command:5}{statistics.median(values):8.2f}")
    for command in ("ADD", "DEL"):
        weir = statistics.median(took["weir", command])
        ratio = statistics.median(a / b for a, b in zip(took["weir", command],
                                                        took["firewall", command]))
        print(f"weir {command}: {ratio:.3f} of firewall, "
              f"{weir - 2 * true:+.2f} ms beyond twice the start of /bin/true (aim: +1)")


if __name__ == "__main__":
    main()
