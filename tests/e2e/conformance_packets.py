# SPDX-License-Identifier: Apache-2.0
"""The public conformance suites through real packets: bridged and routed, IPv4 and IPv6.

    conformance_packets.py [--all] [--primary bridge|ptp] [--write FILE] [SUITE...]

Without --all every thirtieth case. What tests/conformance.py says of CONFORMANCE_DIR holds here, too.
The pods have other addresses here than in the data. Where a policy names addresses, so that the
verdicts depend on them, the oracle says what is right, which tests/conformance.py has held
against the data with the data's addresses; else the data does. --write puts the table of results
into docs/CONFORMANCE.md.
"""
import argparse
import ipaddress
import json
import lzma
import os
import platform
import re
import sys
import time

import matrix
from fixture import Node, Skip

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
sys.path.insert(0, os.path.join(TOP, "tests"))

import conformance as suites  # noqa: E402

SHARE = 30
SHOWN_MAX = 20
LITERAL = re.compile(r'"[0-9a-f:.]+/\d+"')
BEGIN, END = "<!-- written by tests/e2e/conformance_packets.py -->\n", "<!-- until here -->\n"


class Count:
    """What one suite came to behind one primary plugin."""

    def __init__(self):
        self.cases = self.steps = self.asked = self.by_oracle = 0
        self.left_out = {}
        self.wrong = []

    def leave_out(self, why, n=1):
        self.left_out[why] = self.left_out.get(why, 0) + n


def key_of(pod):
    return f"{pod['namespace']}/{pod['name']}"


def states(case):
    yield case["state"]
    for step in case["steps"]:
        if "state_after" in step:
            yield step["state_after"]


def pods_of(case):
    """All pods with an address of their own that the case ever has."""
    return tuple(sorted({key_of(p) for s in states(case) for p in s["pods"]
                         if not p.get("hostNetwork")}))


def ports_of(cases):
    return tuple(sorted({e["port"] for c in cases for s in c["steps"] for e in s["expect"]}))


class Play:
    """Cases with the same pods on one node."""

    def __init__(self, primary, pods, listen):
        self.field = matrix.Field("conformance", primary, pods, listen,
                                  Node("conformance", primary))
        self.at = {name: i for i, name in enumerate(self.field.names)}

    def where(self, state, family):
        """What the data calls an end -> its address here."""
        found = {key: ips[family == 6] for key, ips in self.field.places.items() if "/" in key}
        for number, node in enumerate(state.get("nodes", [])):
            if number == 0:
                ip = self.field.places["node"][family == 6]
            else:  # a node that is not here
                ip = f"fd00:feed::{number}" if family == 6 else f"198.18.0.{number}"
            found[f"node:{node['name']}"] = ip
        for pod in state["pods"]:
            if pod.get("hostNetwork"):
                found[key_of(pod)] = found.get(f"node:{pod.get('node')}", "")
        for ext in state.get("external", []):
            found[f"ext:{ext['name']}"] = self.field.places["outside"][family == 6]
        return found

    def objects(self, state, step, family):
        where = self.where(state, family)
        found = [suites.namespace_object(n) for n in state["namespaces"]]
        for pod in state["pods"]:
            made = suites.pod_object({**pod, "ip": where[key_of(pod)]})
            made["spec"]["nodeName"] = "node-1"
            if not pod.get("hostNetwork"):
                made["status"]["podIPs"] = [{"ip": ip} for ip in self.field.places[key_of(pod)]]
            found.append(made)
        for node in state.get("nodes", []):
            found.append(suites.node_object({**node, "ips": [
                self.where(state, f)[f"node:{node['name']}"] for f in (4, 6)]}))
        return found + suites.fill_in(widen(step.get("objects", []), family), where)

    def place(self, state, end):
        """The field's place for an end of an expectation; None: there is none here."""
        pods = {key_of(p): p for p in state["pods"]}
        if end.startswith("ext:"):
            return self.at["outside"]
        if end.startswith("node:") or pods[end].get("hostNetwork"):
            name = end[5:] if end.startswith("node:") else pods[end].get("node")
            nodes = state.get("nodes", [])
            return self.at["node"] if nodes and nodes[0]["name"] == name else None
        return self.at[end]

    def close(self):
        self.field.close()


def widen(objects, family):
    """The length of a network of IPv4 for IPv6: with as many bits behind it."""
    if family == 4:
        return objects
    text = re.sub(r"\{\{cidr:(.+?)/(\d+)\}\}",
                  lambda m: "{{cidr:%s/%d}}" % (m.group(1), int(m.group(2)) + 96),
                  json.dumps(objects))
    return json.loads(text)


def run_step(play, name, state, step, count):
    asked, objects = [], step.get("objects", [])
    for e in step["expect"]:
        src, dst = play.place(state, e["from"]), play.place(state, e["to"])
        if e.get("undefined"):
            continue
        if src is None or dst is None:
            count.leave_out("an end on the network of another node")
        elif src == play.at["node"]:
            count.leave_out("from the node itself, which is always let in")
        elif src == dst:
            count.leave_out("a pod to itself (see policy_paths.py)")
        else:
            asked.append((e, src, dst))
    columns = sorted({(e["proto"], e["port"]) for e, _, _ in asked})
    by_address = "{{" in json.dumps(objects) or LITERAL.search(json.dumps(objects))
    for families in ((4,), (6,)) if by_address else ((4, 6),):
        run_round(play, name, play.objects(state, step, families[0]), families, columns, asked,
                  by_address, count)


def run_round(play, name, objects, families, columns, asked, by_address, count):
    field = play.field
    if not asked:
        return
    failed = apply(field, objects)
    if failed:
        count.wrong.append(f"{name}: {failed}")
        return
    oracle = field.judge.pairs(objects, list(field.places.values()), columns,
                               field.places["node"])["oracle"]
    square = len(field.names) ** 2

    def wrong(got):
        for e, src, dst in asked:
            for family in families:
                at = (columns.index((e["proto"], e["port"])) * 2 + (family == 6)) * square
                at += src * len(field.names) + dst
                want = matrix.KERNEL[oracle[at]] == "1" if by_address else e["allow"]
                if (got[at] == "1") != want:
                    yield (f"{name}: IPv{family} {e['from']} -> {e['to']} {e['port']}/{e['proto']} "
                           f"is {got[at]}, should be {int(want)}", want)

    found = list(wrong(field.probe.round(columns)))
    if found and all(want for _, want in found):  # a slow machine: see matrix.Field.compare
        found = list(wrong(field.probe.round(columns, matrix.PATIENT_MS)))
    n = len(asked) * len(families)
    count.asked += n
    count.by_oracle += n if by_address else 0
    count.wrong += [text for text, _ in found]


def apply(field, objects):
    """What weird says when it cannot put the objects into force; "": it did."""
    field.node.write_manifest("cluster", objects)
    done = field.node.weirctl("wait", "--timeout", "10s")
    return done.stderr.strip() if done.returncode else ""


def load(name, share):
    """The cases of a suite that are run, and how many are left out for what is in them."""
    with lzma.open(os.path.join(suites.FOLDER, name + ".json.xz")) as f:
        cases = json.load(f)["cases"]
    right = [c for c in cases
             if not {o["kind"] for s in c["steps"] for o in s.get("objects", [])} - suites.KINDS
             and not suites.TAGS_LEFT_OUT & set(c["tags"])]
    return right[::share], len(cases) - len(right)


def run(primary, names, share):
    counts, by_pods = {}, {}
    for name in names:
        cases, others = load(name, share)
        counts[name] = Count()
        if others:
            counts[name].leave_out("cases with fields that no version has", others)
        for case in cases:
            by_pods.setdefault(pods_of(case), []).append((name, case))
    for pods, cases in by_pods.items():
        play = Play(primary, pods, ports_of(c for _, c in cases))
        try:
            for name, case in cases:
                run_case(play, case, counts[name])
        finally:
            play.close()
    return counts


def run_case(play, case, count):
    state = case["state"]
    count.cases += 1
    for number, step in enumerate(case["steps"]):
        state = step.get("state_after", state)
        count.steps += 1
        run_step(play, f"{case['id']} step {number}", state, step, count)


def report(primary, counts, seconds):
    for name, c in counts.items():
        print(f"{primary} {name}: {c.cases} cases, {c.steps} steps, {c.asked} connections, "
              f"{len(c.wrong)} wrong", flush=True)
        for text in c.wrong[:SHOWN_MAX]:
            print(f"  {text}", flush=True)
    print(f"{primary}: {sum(c.asked for c in counts.values())} connections; {seconds:.0f} s")


def write(path, results):
    """The table, in place of the one in the document."""
    lines = [f"Linux {platform.release().split('-')[0]}, nftables backend.\n\n",
             "| suite | primary | cases | steps | connections | by the oracle | wrong |\n",
             "|---|---|---|---|---|---|---|\n"]
    reasons = {}
    for primary, counts in results.items():
        for name, c in counts.items():
            lines.append(f"| {name} | {primary} | {c.cases} | {c.steps} | {c.asked} | "
                         f"{c.by_oracle} | {len(c.wrong)} |\n")
            for why, n in c.left_out.items():
                reasons[why] = reasons.get(why, 0) + n
    lines.append("\nLeft out: " + ("; ".join(f"{why}: {n}" for why, n in sorted(reasons.items()))
                                   or "nothing") + ".\n")
    with open(path) as f:
        text = f.read()
    head, rest = text.split(BEGIN)
    with open(path, "w") as f:
        f.write(head + BEGIN + "".join(lines) + END + rest.split(END)[1])


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--all", action="store_true")
    options.add_argument("--primary", choices=("bridge", "ptp"))
    options.add_argument("--write")
    options.add_argument("suites", nargs="*")
    options = options.parse_args()
    if not os.path.isdir(suites.FOLDER):
        print(f"skipped: no conformance data in {suites.FOLDER} (set CONFORMANCE_DIR)")
        sys.exit(77)
    results = {}
    try:
        for primary in [options.primary] if options.primary else ("bridge", "ptp"):
            began = time.monotonic()
            results[primary] = run(primary, options.suites or suites.SUITES,
                                   1 if options.all else SHARE)
            report(primary, results[primary], time.monotonic() - began)
    except Skip as why:
        print(f"skipped: {why}")
        sys.exit(77)
    if options.write:
        write(options.write, results)
    asked = [c for counts in results.values() for c in counts.values()]
    sys.exit(1 if any(c.wrong for c in asked) or not sum(c.asked for c in asked) else 0)


if __name__ == "__main__":
    main()
