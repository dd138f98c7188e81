# SPDX-License-Identifier: Apache-2.0
"""Random clusters and policies through real packets, the kernel against the oracle.

    random_clusters.py [--seed N] [--count N] [--primary bridge|ptp]

A cluster is made from its seed alone: --seed N --count 1 gives the one that failed again. A
difference is shrunk, with real packets at every step, and shown as YAML.
"""
import argparse
import os
import random
import sys
import time

import matrix
from fixture import Skip

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "random"))

import cluster as clusters  # noqa: E402
import generate  # noqa: E402

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
              f"difference, {field.again} tried again; {time.monotonic() - began:.0f} s")
    return True


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options.add_argument("--count", type=int, default=100)
    options.add_argument("--primary", choices=("bridge", "ptp"))
    options = options.parse_args()
    seeds = range(options.seed, options.seed + options.count)
    print(f"{options.count} clusters from seed {options.seed} on", flush=True)
    half = (options.count + 1) // 2
    shares = ({options.primary: seeds} if options.primary
              else {"bridge": seeds[:half], "ptp": seeds[half:]})
    try:
        ok = all(run(primary, share) for primary, share in shares.items() if share)
    except Skip as why:
        print(f"skipped: {why}")
        sys.exit(77)
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
