# SPDX-License-Identifier: Apache-2.0
"""Every clause of NetworkPolicy v1 through real packets: the table of tests/cases/, everybody to
everybody, with the plugins bridge and ptp, in IPv4 and IPv6; the kernel against the oracle.

    policy_cases.py [bridge|ptp] [WORD]     WORD: only cases whose name holds it

With WEIR_TEST_SHORT each case has one of the plugins: every second one bridge, the others ptp.
"""
import os
import sys
import time

import matrix
from fixture import Skip
from rounds import SHORT

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cases"))

import cases  # noqa: E402

PRIMARIES = ("bridge", "ptp")
SHOWN_MAX = 12


def run(primary, base, table):
    """How many cases were wrong."""
    wrong, began = 0, time.monotonic()
    with matrix.Field(f"cases-{primary}", primary, base["pods"], cases.LISTEN) as field:
        for case in table:
            cluster = case.cluster(field.places)
            found = list(case.wrong(field.oracle(cluster, case.columns), field.names))
            found += field.compare(cluster, case.columns)
            if found:
                wrong += 1
                print(f"FAIL {primary}: {case.name}\n  " + "\n  ".join(found[:SHOWN_MAX]),
                      flush=True)
        print(f"{primary}: {len(table)} cases, {field.probes} connections tried in IPv4 and IPv6, "
              f"{wrong} cases wrong, {field.again} tried again; "
              f"{time.monotonic() - began:.0f} s", flush=True)
    return wrong


def main():
    base, table = cases.load()
    words = sys.argv[1:]
    primaries = [words.pop(0)] if words and words[0] in PRIMARIES else PRIMARIES
    table = [c for c in table if all(w in c.name for w in words)]
    try:
        share = len(primaries) if SHORT else 1
        wrong = sum(run(primary, base, table[i % share::share]) for i, primary in enumerate(primaries))
    except Skip as why:
        print(f"skipped: {why}")
        sys.exit(77)
    sys.exit(1 if wrong or not table else 0)


if __name__ == "__main__":
    main()
