# SPDX-License-Identifier: Apache-2.0
"""weirctl simulate before random clusters: for each port as many pairs of pods get another verdict
as the oracle says.

    simulate.py [--seed N] [--count N]

Random policies are in force, others are asked about; a cluster is made from its seed alone.
"""
import argparse
import json
import os
import random
import sys
import time

from fixture import Node, Skip

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path[:0] = [os.path.join(TESTS, "oracle"), os.path.join(TESTS, "random")]

import cluster as clusters  # noqa: E402
import generate  # noqa: E402
from judge import Judge  # noqa: E402

PODS = {f"{ns}/{pod}": {"ips": [f"10.88.{i}.{j}"]}
        for i, ns in enumerate(("shop", "bank", "guests")) for j, pod in enumerate("abcd", 1)}
COLUMNS = generate.COLUMNS


def allowed(judge, cluster):
    """{(source, destination, column): the verdict}, of different pods."""
    keys = list(cluster["pods"])
    answer = judge.pairs(clusters.objects(cluster),
                         [(cluster["pods"][k]["ips"][0], None) for k in keys], COLUMNS)["oracle"]
    square = len(keys) ** 2
    return {(src, dst, column): answer[2 * c * square + s * len(keys) + d] == "+"
            for c, column in enumerate(COLUMNS) for s, src in enumerate(keys)
            for d, dst in enumerate(keys) if s != d}


def covers(ports, column):
    protocol, port = column
    if protocol == "ICMP":
        return any(p["protocol"] is None for p in ports)
    return any(p["protocol"] == protocol and p["first"] <= port <= p["last"] for p in ports)


def told(answer):
    """{(column, verdict): how many pairs of pods}."""
    counts = {}
    for change in answer["changes"]:
        if "pod" not in change["source"] or "pod" not in change["destination"]:
            continue
        for column in COLUMNS:
            if covers(change["ports"], column):
                key = column, change["after"]["verdict"]
                counts[key] = counts.get(key, 0) + change["pairs"]
    return counts


def expected(before, after):
    counts = {}
    for key, verdict in after.items():
        if before[key] != verdict:
            key = key[2], "allowed" if verdict else "denied"
            counts[key] = counts.get(key, 0) + 1
    return counts


def name(obj):
    meta = obj["metadata"]
    return "/".join([obj["kind"]] + ([meta["namespace"]] if "namespace" in meta else [])
                    + [meta["name"]])


def try_one(node, judge, rng):
    """What weir tells, what is right, and the two clusters."""
    now = generate.cluster(rng, PODS)
    then = {**now, **{k: v for k, v in generate.cluster(rng, PODS).items()
                      if k in ("policies", "clusterPolicies")}, "staged": []}
    node.write_manifest("cluster", clusters.objects(now))
    node.wait()
    with open(node.path("then.yaml"), "w") as f:
        f.write("---\n".join(json.dumps(o) + "\n" for o in clusters.policy_objects(then)))
    gone = ({name(o) for o in clusters.policy_objects(now)}
            - {name(o) for o in clusters.policy_objects(then)})
    answer = node.query("simulate", node.path("then.yaml"), "--without", ",".join(sorted(gone)))
    assert answer["complete"] and not answer["more"], f"{answer['more']} rows more"
    return told(answer), expected(allowed(judge, now), allowed(judge, then)), (now, then)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options.add_argument("--count", type=int, default=100)
    options = options.parse_args()
    judge, began, changed = Judge(), time.monotonic(), 0
    print(f"{options.count} clusters from seed {options.seed} on", flush=True)
    try:
        with Node("simulate") as node:
            for seed in range(options.seed, options.seed + options.count):
                got, want, (now, then) = try_one(node, judge, random.Random(seed))
                changed += sum(want.values())
                if got != want:
                    print(f"seed {seed}: weir tells {got}, the oracle {want}\nin force:\n"
                          f"{clusters.show(now)}\nasked about:\n{clusters.show(then)}")
                    sys.exit(1)
    except Skip as why:
        print(f"skipped: {why}")
        sys.exit(77)
    print(f"no difference in {changed} pairs with another verdict; "
          f"{time.monotonic() - began:.1f} s")
    sys.exit(0 if changed else 1)


if __name__ == "__main__":
    main()
