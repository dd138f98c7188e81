# SPDX-License-Identifier: Apache-2.0
"""Random clusters and policies through real packets, the kernel against the oracle.

    random_clusters.py [--seed N] [--count N] [--primary bridge|ptp]

--count is WEIR_PACKET_CLUSTERS when it is not said, and 100 when that is not, either.
A cluster is made from its seed alone: --seed N --count 1 gives the one that failed again. A
difference is shrunk, with real packets at every step, and shown as YAML. --count 0 goes on until
there is one.
"""
import argparse
import itertools
import os
import random
import sys
import time

import matrix
from fixture import Skip
from rounds import rounds

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "random"))

import cluster as clusters  # noqa: E402
import generate  # noqa: E402

ENDLESS_STEP = 1000  # clusters, half of them bridged; then the nodes are made anew
LISTEN = (53, 80, 81, 443, 8080)
PODS = tuple(f"{ns}/{pod}" for ns in ("shop", "bank", "guests") for pod in ("a", "b", "c"))


def show(field, seed, cluster):
    small = clusters.shrink(cluster, lambda c: bool(field.compare(c, generate.COLUMNS)),
                            keep=lambda path: path[0] == "pods" and len(path) < 3)
    print(f"seed {seed}: the oracle (first) and the kernel (second) differ:")
    print("\n".join(field.compare(small, generate.COLUMNS)[:12]))
    print(clusters.show(small), flush=True)


def run(primary, seeds):
    """True when the kernel and the oracle agree about all of them."""
    began = time.monotonic()
    with matrix.Field(f"random-{primary}", primary, PODS, LISTEN) as field:
        pods = {key: {"ips": list(field.places[key])} for key in PODS}
        for seed in seeds:
            cluster = generate.cluster(random.Random(seed), pods, field.places["node"])
            if field.compare(cluster, generate.COLUMNS):
                show(field, seed, cluster)
                return False
        print(f"{primary}: {len(seeds)} clusters, {field.probes} connections tried, no "
              f"difference, {field.again} tried again; {time.monotonic() - began:.0f} s",
              flush=True)
    return True


def run_all(seeds, primary):
    half = (len(seeds) + 1) // 2
    shares = {primary: seeds} if primary else {"bridge": seeds[:half], "ptp": seeds[half:]}
    return all(run(name, share) for name, share in shares.items() if share)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options.add_argument("--count", type=int,
                         default=rounds("WEIR_PACKET_CLUSTERS", 100))
    options.add_argument("--primary", choices=("bridge", "ptp"))
    options = options.parse_args()
    print(f"{options.count or 'all'} clusters from seed {options.seed} on", flush=True)
    step = options.count or ENDLESS_STEP
    firsts = [options.seed] if options.count else itertools.count(options.seed, step)
    try:
        ok = all(run_all(range(first, first + step), options.primary) for first in firsts)
    except Skip as why:
        print(f"skipped: {why}")
        sys.exit(77)
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
