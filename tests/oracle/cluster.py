# SPDX-License-Identifier: Apache-2.0
"""A small cluster as plain data, for cases and for random clusters.

    {"namespaces": {"shop": {"team": "red"}},                              # labels
     "pods": {"shop/web": {"labels": {"app": "web"},
                           "ports": {"http": "80/TCP"},                    # named ports
                           "hostNetwork": False,
                           "ips": ["10.77.0.2", "fd77::2"]}},
     "policies": {"shop/deny": {"podSelector": {}}},                       # specs
     "clusterPolicies": {"all": {"tier": "Admin", ...},                    # of the whole cluster;
                         "AdminNetworkPolicy/old": {...}},                 # of an older kind
     "staged": ["shop/deny", "all"],                                       # of these policies
     "domains": {"a.example.com": ["192.0.2.10"]},                         # what DNS has told
     "nodes": {"n1": {"labels": {"zone": "a"}, "ips": ["10.77.0.1"]}}}
"""
import copy

import yaml

from judge import Refused, pair_at

MEANING = {"+": "allowed", "e": "denied by egress", "i": "denied by ingress",
           "x": "denied by both", "-": "not asked"}


CLUSTER_KINDS = {"ClusterNetworkPolicy": "policy.networking.k8s.io/v1alpha2",
                 "AdminNetworkPolicy": "policy.networking.k8s.io/v1alpha1",
                 "BaselineAdminNetworkPolicy": "policy.networking.k8s.io/v1alpha1"}


def split(key):
    namespace, name = key.split("/")
    return {"namespace": namespace, "name": name}


def container_port(name, text):
    number, protocol = text.split("/")
    return {"name": name, "containerPort": int(number), "protocol": protocol}


def namespace_objects(cluster):
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
            for name, labels in cluster["namespaces"].items()]


def pod_objects(cluster, node="node-1"):
    return [{"apiVersion": "v1", "kind": "Pod",
             "metadata": {**split(key), "labels": pod.get("labels", {})},
             "spec": {"nodeName": node, "hostNetwork": pod.get("hostNetwork", False), "containers": [{"name": "main", "ports": [
                 container_port(*p) for p in pod.get("ports", {}).items()]}]},
             "status": {"podIPs": [{"ip": ip} for ip in pod.get("ips", []) if ip]}}
            for key, pod in cluster["pods"].items()]


def node_objects(cluster):
    return [{"apiVersion": "v1", "kind": "Node",
             "metadata": {"name": name, "labels": node.get("labels", {})},
             "status": {"addresses": [{"type": "InternalIP", "address": ip}
                                      for ip in node["ips"] if ip]}}
            for name, node in cluster.get("nodes", {}).items()]


def domain_objects(cluster):
    return [{"apiVersion": "weir.dev/test", "kind": "Domain", "metadata": {"name": name},
             "addresses": ips} for name, ips in cluster.get("domains", {}).items()]


def mode(cluster, key):
    staged = key in cluster.get("staged", [])
    return {"annotations": {"weir.dev/mode": "staged"}} if staged else {}


def cluster_policy(cluster, key, spec):
    kind, _, name = key.rpartition("/")
    kind = kind or "ClusterNetworkPolicy"
    return {"apiVersion": CLUSTER_KINDS[kind], "kind": kind,
            "metadata": {"name": name, **mode(cluster, key)}, "spec": spec}


def policy_objects(cluster):
    return [{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
             "metadata": {**split(key), **mode(cluster, key)}, "spec": spec}
            for key, spec in cluster["policies"].items()] + [
                cluster_policy(cluster, *item)
                for item in cluster.get("clusterPolicies", {}).items()]


def objects(cluster):
    return (namespace_objects(cluster) + node_objects(cluster) + pod_objects(cluster)
            + domain_objects(cluster) + policy_objects(cluster))


def show(cluster):
    """YAML that can be applied as it is."""
    return "---\n".join(yaml.safe_dump(o, sort_keys=False, default_flow_style=None)
                        for o in objects(cluster))


def _children(node):
    if isinstance(node, dict):
        return list(node)
    return list(range(len(node) - 1, -1, -1)) if isinstance(node, list) else []


def _paths(node, keep, path=()):
    """Everything that could be left out, the large things first."""
    below = []
    for child in _children(node):
        here = (*path, child)
        if not keep(here):
            yield here
        below.append(here)
    for here in below:
        yield from _paths(node[here[-1]], keep, here)


def _without(cluster, path):
    smaller = copy.deepcopy(cluster)
    node = smaller
    for step in path[:-1]:
        node = node[step]
    del node[path[-1]]
    return smaller


def never(_path):
    return False


def shrink(cluster, fails, keep=never):
    """A cluster of which nothing more can be left out without fails(cluster) becoming false.

    keep(path) is true for what must stay. What weir refuses to read does not fail.
    """
    def still_fails(smaller):
        try:
            return fails(smaller)
        except Refused:
            return False

    def structural(path):
        return len(path) == 1 or "ips" in path or keep(path)

    again = True
    while again:
        again = False
        for path in list(_paths(cluster, structural)):
            try:
                smaller = _without(cluster, path)
            except (KeyError, IndexError):
                continue  # went with something larger
            if still_fails(smaller):
                cluster, again = smaller, True
    return cluster


def differences(a, b, places, columns):
    """Lines that say where two answers of the same pairs differ. places: names."""
    for index, (x, y) in enumerate(zip(a, b)):
        if x != y:
            column, family, src, dst = pair_at(index, len(places))
            protocol, port = columns[column]
            yield (f"{places[src]} -> {places[dst]} {port}/{protocol} IPv{family}: "
                   f"{MEANING.get(x, x)}, but {MEANING.get(y, y)}")
