# SPDX-License-Identifier: Apache-2.0
"""Random clusters before the oracle and the compiler; a difference is shrunk and shown as YAML.

    clusters.py [--seed N] [--count N]

A cluster is made from its seed alone: --seed N --count 1 gives the one that failed again.
--count 0 goes on until a difference is found.
"""
import argparse
import itertools
import os
import random
import sys
import time

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
sys.path[:0] = [os.path.join(TOP, "tests", d) for d in ("oracle", "random")]

import cluster as clusters  # noqa: E402
import generate  # noqa: E402
from judge import Judge  # noqa: E402

NODE = list(generate.NODE)


def family(ips, mark):
    return next((ip for ip in ips if (":" in ip) == (mark == 6)), None)


def places_of(cluster):
    """Names and addresses: the pods, an address outside, the node."""
    found = {key: (family(p["ips"], 4), family(p["ips"], 6)) for key, p in cluster["pods"].items()}
    return {**found, "outside": generate.OUTSIDE, "node": tuple(NODE)}


def ask(judge, cluster):
    return judge.pairs(clusters.objects(cluster), list(places_of(cluster).values()),
                       generate.COLUMNS, NODE, explain=True)


def compare(cluster, answer):
    """Lines, one for each connection about which the oracle and the compiler differ."""
    return [f"{how}: {line}" for how in ("compiled", "explained")
            for line in clusters.differences(answer["oracle"], answer[how],
                                             list(places_of(cluster)), generate.COLUMNS)]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options.add_argument("--count", type=int, default=int(os.environ.get("WEIR_CLUSTERS", "1000")))
    options = options.parse_args()
    judge, began = Judge(), time.monotonic()
    print(f"{options.count or 'all'} clusters from seed {options.seed} on", flush=True)
    asked = denied = 0
    end = options.seed + options.count
    for seed in range(options.seed, end) if options.count else itertools.count(options.seed):
        cluster = generate.cluster(random.Random(seed))
        answer = ask(judge, cluster)
        asked += len(answer["oracle"]) - answer["oracle"].count("-")
        denied += sum(answer["oracle"].count(letter) for letter in "eix")
        if compare(cluster, answer):
            small = clusters.shrink(cluster, lambda c: bool(compare(c, ask(judge, c))))
            print(f"seed {seed}: the oracle says (first) otherwise than the compiler (second):")
            print("\n".join(compare(small, ask(judge, small))[:10]))
            print(clusters.show(small))
            sys.exit(1)
    print(f"no difference in {asked} connections, of which {denied / asked:.0%} are denied; "
          f"{time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
