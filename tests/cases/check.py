# SPDX-License-Identifier: Apache-2.0
"""The table of cases without packets: what was worked out by hand against the oracle, and the
compiler's tables against the oracle for everybody to everybody. And that the cases that
docs/CONFORMANCE.md names for a clause are there.
"""
import os
import re
import sys
import time

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
sys.path[:0] = [os.path.join(TOP, "tests", d) for d in ("oracle", "cases")]

import cases  # noqa: E402
import cluster as clusters  # noqa: E402
from judge import Judge  # noqa: E402

CASES_MIN = 200
NODE = ("10.77.0.1", "fd77::1")
OUTSIDE = ("192.0.2.10", "2001:db8::10")


def missing(table):
    """What the document names and nobody has written."""
    with open(os.path.join(TOP, "docs", "CONFORMANCE.md")) as f:
        named = re.findall(r"`(tiers|peers|ports|old): ([^|]*?)`[; ]", f.read())
    return {f"cluster-{file}: {name}" for file, name in named} - {c.name for c in table}


def main():
    base, table = cases.load()
    places = {key: (f"10.77.0.{i}", f"fd77::{i:x}") for i, key in enumerate(base["pods"], 2)}
    places.update(node=NODE, outside=OUTSIDE)
    judge, began, problems, pairs = Judge(), time.monotonic(), 0, 0
    for case in table:
        answer = judge.pairs(clusters.objects(case.cluster(places)), list(places.values()),
                             case.columns, NODE, explain=True)
        found = [f"by hand: {line}" for line in case.wrong(answer["oracle"], list(places))]
        for how in ("compiled", "explained"):
            found += [f"{how}: {line}" for line in clusters.differences(
                answer["oracle"], answer[how], list(places), case.columns)]
        pairs += len(answer["oracle"])
        if found:
            problems += 1
            print(f"{case.name}\n  " + "\n  ".join(found[:10]))
    for name in sorted(missing(table)):
        problems += 1
        print(f"docs/CONFORMANCE.md names a case that is not there: {name}")
    by_hand = sum(len(families) for c in table for *_, families in c.expect)
    print(f"{len(table)} cases, {by_hand} expectations by hand, {pairs} pairs: "
          f"{problems} cases wrong; {time.monotonic() - began:.1f} s")
    sys.exit(1 if problems or len(table) < CASES_MIN else 0)


if __name__ == "__main__":
    main()
