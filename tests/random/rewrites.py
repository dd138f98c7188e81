# SPDX-License-Identifier: Apache-2.0
"""Two ways of writing that the API says mean the same are judged the same, over random clusters.

    rewrites.py [--seed N] [--count N]

Each rewrite goes over all manifests of a cluster. A difference is shrunk and shown as YAML.
"""
import argparse
import copy
import os
import random
import sys
import time

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
sys.path[:0] = [os.path.join(TOP, "tests", d) for d in ("oracle", "random")]

import cluster as clusters  # noqa: E402
import generate  # noqa: E402
from clusters import NODE, places_of  # noqa: E402
from judge import Judge, Refused  # noqa: E402

NAME_LABEL = "kubernetes.io/metadata.name"
BASELINE = "BaselineAdminNetworkPolicy"


def everywhere(value, change):
    """change(dict) of each dict in value, the inner ones first."""
    for child in (value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()):
        everywhere(child, change)
    if isinstance(value, dict):
        change(value)


def rules(policies):
    """(spec, rule, key of its peers) of each rule."""
    for spec in policies.values():
        for direction, peers in (("ingress", "from"), ("egress", "to")):
            for rule in spec.get(direction, []):
                yield spec, rule, peers


def in_specs(cluster, change):
    everywhere([cluster["policies"], cluster["clusterPolicies"]], change)


# --- the rewrites: each changes the cluster that it gets


def labels_as_expressions(cluster):
    """matchLabels: {a: b} is matchExpressions: [{key: a, operator: In, values: [b]}]."""
    def change(found):
        labels = found.pop("matchLabels", None)
        if labels:
            found.setdefault("matchExpressions", []).extend(
                {"key": k, "operator": "In", "values": [v]} for k, v in labels.items())
    in_specs(cluster, change)


def other_order_in_selectors(cluster):
    def change(found):
        for key in ("matchExpressions", "values", "except", "networks"):
            if key in found:
                found[key].reverse()
    in_specs(cluster, change)


def default_types_written(cluster):
    """Without policyTypes: Ingress, and Egress when there are egress rules."""
    for spec in cluster["policies"].values():
        if not spec.get("policyTypes"):
            spec["policyTypes"] = ["Ingress"] + (["Egress"] if spec.get("egress") else [])


def empty_lists_left_out(cluster):
    for _, rule, peers in rules(cluster["policies"]):
        for key in (peers, "ports"):
            if rule.get(key) == []:
                del rule[key]


def empty_lists_written(cluster):
    for _, rule, peers in rules(cluster["policies"]):
        rule.setdefault(peers, [])
        rule.setdefault("ports", [])


def defaults_of_ports_written(cluster):
    """A port is of TCP, and a range of one."""
    for _, rule, _ in rules(cluster["policies"]):
        for port in rule.get("ports", []):
            port.setdefault("protocol", "TCP")
            if isinstance(port.get("port"), int):
                port.setdefault("endPort", port["port"])


def own_namespace_by_name(cluster):
    """podSelector alone means pods of the policy's own namespace."""
    for key, spec in cluster["policies"].items():
        own = {"matchLabels": {NAME_LABEL: key.split("/")[0]}}
        for _, rule, peers in rules({key: spec}):
            for peer in rule.get(peers, []):
                if "podSelector" in peer:
                    peer.setdefault("namespaceSelector", copy.deepcopy(own))


def all_pods_written(cluster):
    """namespaceSelector alone means all pods of these namespaces."""
    for _, rule, peers in rules(cluster["policies"]):
        for peer in rule.get(peers, []):
            if "namespaceSelector" in peer:
                peer.setdefault("podSelector", {})


def namespaces_as_pods(cluster):
    """Of the whole cluster: "namespaces" is "pods" with an empty podSelector."""
    def change(found):
        if isinstance(found, dict) and isinstance(found.get("namespaces"), dict):
            found["pods"] = {"namespaceSelector": found.pop("namespaces"), "podSelector": {}}
    for spec in cluster["clusterPolicies"].values():
        change(spec["subject"])
    for _, rule, peers in rules(cluster["clusterPolicies"]):
        for peer in rule[peers]:
            change(peer)


def other_priorities(cluster):
    """Only their order counts."""
    for spec in cluster["clusterPolicies"].values():
        if "priority" in spec:
            spec["priority"] = {0: 17, 1: 999, 1000: 1000}[spec["priority"]]


def older_kinds(cluster):
    """A ClusterNetworkPolicy of the Admin tier can be an AdminNetworkPolicy."""
    found = {}
    for key, spec in cluster["clusterPolicies"].items():
        old = f"AdminNetworkPolicy/{key}"
        if spec.get("tier") == "Admin" and old not in cluster["clusterPolicies"]:
            cluster["staged"] = [old if k == key else k for k in cluster["staged"]]
            key, spec = old, generate.older_policy(spec)
        found[key] = spec
    cluster["clusterPolicies"] = found


def other_names(cluster):
    """Names of cluster-wide policies count by their order, those of NetworkPolicies not at all."""
    def cluster_name(key):
        kind, slash, name = key.rpartition("/")
        return key if kind == BASELINE else f"{kind}{slash}x-{name}"  # that one has no other name

    cluster_staged = [cluster_name(key) for key in cluster["staged"] if key in cluster["clusterPolicies"]]
    cluster["clusterPolicies"] = {cluster_name(key): spec for key, spec in cluster["clusterPolicies"].items()}
    turned = {}
    for n, (key, spec) in enumerate(cluster["policies"].items()):
        namespace, name = key.split("/")
        turned[f"{namespace}/{9 - n}-{name}"] = (key, spec)
    staged = set(cluster["staged"])
    cluster["policies"] = {new: spec for new, (_, spec) in turned.items()}
    cluster["staged"] = [new for new, (old, _) in turned.items() if old in staged] + cluster_staged


def own_name_as_label(cluster):
    """The API server sets this label on each namespace."""
    for name, labels in cluster["namespaces"].items():
        labels[NAME_LABEL] = name


def staged_left_out(cluster):
    """Staged policies decide nothing."""
    for kind in ("policies", "clusterPolicies"):
        for key in cluster["staged"]:
            cluster[kind].pop(key, None)
    cluster["staged"] = []


def rules_twice(cluster):
    for kind in ("policies", "clusterPolicies"):
        for spec in cluster[kind].values():
            for direction in ("ingress", "egress"):
                if direction in spec:
                    spec[direction] = [copy.deepcopy(r) for r in spec[direction] for _ in range(2)]


REWRITES = (labels_as_expressions, other_order_in_selectors, default_types_written, empty_lists_left_out,
            empty_lists_written, defaults_of_ports_written, own_namespace_by_name, all_pods_written,
            namespaces_as_pods, other_priorities, older_kinds, other_names, own_name_as_label, staged_left_out, rules_twice)


# --- comparing


def judged(judge, cluster):
    return judge.pairs(clusters.objects(cluster), list(places_of(cluster).values()),
                       generate.COLUMNS, NODE)["compiled"]


def compare(judge, cluster, rewrite):
    """Lines that say where the rewritten cluster is judged otherwise; whether there was one to write."""
    other = copy.deepcopy(cluster)
    rewrite(other)
    if other == cluster:
        return [], False
    return list(clusters.differences(judged(judge, cluster), judged(judge, other),
                                     list(places_of(cluster)), generate.COLUMNS)), True


def fails(judge, cluster, rewrite):
    try:
        return bool(compare(judge, cluster, rewrite)[0])
    except KeyError:
        return False  # shrunk so far that the rewrite does not know it


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options.add_argument("--count", type=int, default=int(os.environ.get("WEIR_CLUSTERS", "150")))
    options = options.parse_args()
    judge, began = Judge(), time.monotonic()
    written = dict.fromkeys(REWRITES, 0)
    print(f"{options.count} clusters from seed {options.seed} on", flush=True)
    for seed in range(options.seed, options.seed + options.count):
        cluster = generate.cluster(random.Random(seed))
        for rewrite in REWRITES:
            try:
                found, applies = compare(judge, cluster, rewrite)
            except Refused as why:
                print(f"seed {seed}, {rewrite.__name__}: {why}")
                sys.exit(1)
            written[rewrite] += applies
            if found:
                small = clusters.shrink(cluster, lambda c, r=rewrite: fails(judge, c, r))
                print(f"seed {seed}: as it is (first) and with {rewrite.__name__} (second):")
                print("\n".join(compare(judge, small, rewrite)[0][:10]))
                print(clusters.show(small))
                sys.exit(1)
    never = [r.__name__ for r in REWRITES if not written[r] and options.count >= 100]
    if never:
        print(f"nothing to rewrite in any cluster: {', '.join(never)}")
        sys.exit(1)
    print(f"{sum(written.values())} rewritten clusters, no difference; {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
