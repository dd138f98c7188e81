# SPDX-License-Identifier: Apache-2.0
"""The public conformance suites of NetworkPolicy and of the cluster-wide policies, as data,
before the oracle and the compiler.

CONFORMANCE_DIR names the folder with the data (cases with states, policies and expected
verdicts, see its README.md); without it ../shared/conformance beside the source tree is taken.
Names on the command line choose suites. What each pair of ends expects is compared on both
sides where the data tells them apart.
"""
import ipaddress
import json
import lzma
import os
import re
import sys
import time

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.join(TOP, "tests", "oracle"))

from judge import Judge, Refused  # noqa: E402

FOLDER = os.environ.get("CONFORMANCE_DIR", os.path.join(TOP, "..", "shared", "conformance"))
SUITES = ("cyclonus", "cyclonus-nodns", "k8s-netpol", "k8s-legacy-1.20", "recipes",
          "pa-integration", "npa-conformance", "npa-conformance-v1alpha1")
KINDS = {"NetworkPolicy", "ClusterNetworkPolicy", "AdminNetworkPolicy",
         "BaselineAdminNetworkPolicy"}
TAGS_LEFT_OUT = {"v0.1.1-sameLabels"}  # fields that no version has any more
SHOWN_MAX = 10


def namespace_object(ns):
    return {"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": ns["name"], "labels": ns.get("labels") or {}}}


def pod_object(pod):
    ports = [{k: v for k, v in p.items() if v} for p in pod.get("ports") or []]
    spec = {"containers": [{"name": "c", "ports": ports}]}
    if pod.get("hostNetwork"):
        spec["hostNetwork"] = True
    return {"apiVersion": "v1", "kind": "Pod", "spec": spec,
            "metadata": {"namespace": pod["namespace"], "name": pod["name"],
                         "labels": pod.get("labels") or {}},
            "status": {"podIPs": [{"ip": pod["ip"]}]}}


def node_object(node):
    return {"apiVersion": "v1", "kind": "Node",
            "metadata": {"name": node["name"], "labels": node.get("labels") or {}},
            "status": {"addresses": [{"type": "InternalIP", "address": ip}
                                     for ip in node["ips"]]}}


def addresses(state):
    """What an expectation calls an end -> its address."""
    found = {f"{p['namespace']}/{p['name']}": p["ip"] for p in state["pods"]}
    found.update({f"ext:{e['name']}": e["ip"] for e in state.get("external", [])})
    found.update({f"node:{n['name']}": n["ips"][0] for n in state.get("nodes", [])})
    return found


def network(ip, length):
    return str(ipaddress.ip_network(f"{ip}/{length}", strict=False))


def fill_in(objects, where):
    """Manifests with their placeholders replaced."""
    def value(found):
        kind, key = found.group(1), found.group(2)
        if kind == "ip":
            return where[key]
        if kind == "host":
            return where[key] + ("/128" if ":" in where[key] else "/32")
        if kind == "cidr":
            key, length = key.rsplit("/", 1)
            return network(where[key], length)
        return where[{"nodeip": "node:", "extip": "ext:"}[kind] + key]
    return json.loads(re.sub(r"\{\{(\w+):([^}]+)\}\}", value, json.dumps(objects)))


def expected(e):
    """Pairs (what, verdict): of each end when the data says so, else of the connection."""
    if "eg" in e and "in" in e:
        return [("egress", e["eg"]), ("ingress", e["in"])]
    return [("connection", e["allow"])]


def said(letter, what):
    return {"egress": letter not in "ex", "ingress": letter not in "ix",
            "connection": letter == "+"}[what]


class Suite:
    def __init__(self, name, judge):
        self.name, self.judge = name, judge
        self.cases = self.steps = self.expectations = self.skipped = 0
        self.wrong = []
        self.refused = []
        with lzma.open(os.path.join(FOLDER, name + ".json.xz")) as f:
            for case in json.load(f)["cases"]:
                self.run(case)

    def run(self, case):
        kinds = {o["kind"] for s in case["steps"] for o in s.get("objects", [])}
        if kinds - KINDS or TAGS_LEFT_OUT & set(case["tags"]):
            self.skipped += 1
            return
        self.cases += 1
        state = case["state"]
        for number, step in enumerate(case["steps"]):
            state = step.get("state_after", state)
            self.step(f"{case['id']} step {number}", state, step)

    def step(self, name, state, step):
        where = addresses(state)
        asked = [e for e in step["expect"] if not e.get("undefined")]
        objects = [namespace_object(n) for n in state["namespaces"]]
        objects += [pod_object(p) for p in state["pods"]]
        objects += [node_object(n) for n in state.get("nodes", [])]
        objects += fill_in(step.get("objects", []), where)
        try:
            answer = self.judge.connections(
                objects, [[where[e["from"]], where[e["to"]], e["proto"], e["port"]]
                          for e in asked], explain=True)
        except Refused as why:
            self.refused.append(f"{name}: {why}")
            return
        self.steps += 1
        self.expectations += len(asked)
        for who in ("oracle", "compiled", "explained"):
            for e, letter in zip(asked, answer[who]):
                for what, verdict in expected(e):
                    if said(letter, what) != verdict:
                        self.wrong.append(f"{name}: {who}: {what} of {e} is {not verdict}")

    def report(self):
        print(f"{self.name}: {self.cases} cases, {self.steps} steps, {self.expectations} "
              f"expectations, {len(self.wrong)} wrong, {len(self.refused)} refused; "
              f"{self.skipped} cases left out")
        for text in self.wrong[:SHOWN_MAX] + self.refused[:SHOWN_MAX]:
            print(f"  {text}")


def main():
    if not os.path.isdir(FOLDER):
        print(f"skipped: no conformance data in {FOLDER} (set CONFORMANCE_DIR)")
        sys.exit(77)
    judge, began = Judge(), time.monotonic()
    suites = [Suite(name, judge) for name in sys.argv[1:] or SUITES]
    for suite in suites:
        suite.report()
    expectations = sum(s.expectations for s in suites)
    bad = sum(len(s.wrong) + len(s.refused) for s in suites)
    print(f"{expectations} expectations, each before the oracle and the compiler (own pods, "
          f"pods elsewhere): {bad} wrong; {time.monotonic() - began:.1f} s")
    sys.exit(1 if bad or not expectations else 0)


if __name__ == "__main__":
    main()
