# SPDX-License-Identifier: Apache-2.0
"""The table of cases of NetworkPolicy v1 and of the cluster-wide policies: tests/cases/*.yaml.

    - name: what is true
      namespaces: {shop: {team: green}}        # replaces the labels of base.yaml
      pods: {shop/web: {labels: {app: x}}}     # replaces labels, ports; a new one is hostNetwork
      policies:
        shop/name: {podSelector: {}, ...}      # the spec
      clusterPolicies:
        name: {tier: Admin, ...}               # ClusterNetworkPolicy, or Kind/name
      staged: [name]                           # policies that are only staged
      nodes: {n1: {labels: {zone: a}, ips: ["{{ip4:node}}"]}}
      columns: [[TCP, 9090]]                   # asked beside the usual ones
      expect:                                  # by hand; both families unless one is named
        - deny bank/web -> shop/web 80/TCP
        - allow shop/web -> outside 0/ICMP IPv6

In policies {{ip4:shop/web}}, {{ip6:outside}} and {{net4:shop/web/29}} are addresses and the
networks around them; places are the pods, "node" and "outside".
"""
import copy
import glob
import ipaddress
import json
import os
import re

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
COLUMNS = [("TCP", 80), ("TCP", 81), ("TCP", 443), ("TCP", 8080), ("UDP", 53), ("UDP", 80),
           ("SCTP", 80), ("ICMP", 0)]
LISTEN = (53, 80, 81, 443, 8080, 9090)  # of TCP, UDP and SCTP
KEYS = {"name", "namespaces", "pods", "policies", "clusterPolicies", "staged", "nodes", "columns",
        "expect"}
EXPECTATION = re.compile(r"(allow|deny) (\S+) -> (\S+) (\d+)/(\w+)(?: IPv([46]))?$")
PLACEHOLDER = re.compile(r"\{\{(ip|net)([46]):([^}]*?)(?:/(\d+))?\}\}")


def address(places, name, family):
    return places[name][0 if family == "4" else 1]


def fill_in(value, places):
    """The value with its placeholders replaced."""
    def text(found):
        kind, family, name, length = found.groups()
        if kind == "ip":
            return address(places, name, family)
        return str(ipaddress.ip_network(f"{address(places, name, family)}/{length}", strict=False))
    return json.loads(PLACEHOLDER.sub(text, json.dumps(value)))


class Case:
    def __init__(self, raw, base, source):
        unknown = set(raw) - KEYS
        if unknown or not raw.get("expect"):
            raise ValueError(f"{source}: {raw.get('name')}: unknown {unknown}, or no expect")
        self.name = f"{os.path.basename(source)[:-5]}: {raw['name']}"
        self.raw = raw
        self.base = base
        self.columns = COLUMNS + [tuple(c) for c in raw.get("columns", [])]
        self.expect = [self._expectation(text) for text in raw["expect"]]

    def _expectation(self, text):
        found = EXPECTATION.match(text)
        if not found:
            raise ValueError(f"{self.name}: cannot read {text!r}")
        verdict, src, dst, port, protocol, family = found.groups()
        column = (protocol, int(port))
        if column not in self.columns:
            raise ValueError(f"{self.name}: {text!r}: this port is not in the columns")
        return verdict == "allow", src, dst, column, [int(family)] if family else [4, 6]

    def cluster(self, places):
        """places: name -> (IPv4, IPv6); the pods among them get these addresses."""
        c = copy.deepcopy({k: self.base[k] for k in ("namespaces", "pods")})
        c["namespaces"].update(self.raw.get("namespaces", {}))
        for key, pod in self.raw.get("pods", {}).items():
            c["pods"].setdefault(key, {}).update(pod)
        for key, pod in c["pods"].items():
            pod["ips"] = list(places["node" if pod.get("hostNetwork") else key])
        c["staged"] = self.raw.get("staged", [])
        for part in ("policies", "clusterPolicies", "nodes"):
            c[part] = fill_in(self.raw.get(part, {}), places)
        return c

    def wrong(self, answer, names):
        """The expectations that an answer of Judge.pairs() (letters) does not meet."""
        for allow, src, dst, column, families in self.expect:
            for family in families:
                at = (((self.columns.index(column) * 2 + (family == 6)) * len(names)
                       + names.index(src)) * len(names) + names.index(dst))
                if (answer[at] == "+") != allow:
                    yield (f"{src} -> {dst} {column[1]}/{column[0]} IPv{family}: "
                           f"{answer[at]!r}, by hand {'allow' if allow else 'deny'}")


def load():
    with open(os.path.join(HERE, "base.yaml")) as f:
        base = yaml.safe_load(f)
    found = []
    for path in sorted(glob.glob(os.path.join(HERE, "*.yaml"))):
        if os.path.basename(path) != "base.yaml":
            with open(path) as f:
                found += [Case(raw, base, path) for raw in yaml.safe_load(f)]
    names = [c.name for c in found]
    if len(set(names)) != len(names):
        raise ValueError(f"names that come twice: {sorted({n for n in names if names.count(n) > 1})}")
    return base, found
