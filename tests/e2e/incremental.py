# SPDX-License-Identifier: Apache-2.0
"""What led to a state does not matter: after any sequence of events the kernel holds what a fresh start makes.

Random events of every kind of object, alone and many at once. Now and then the tables of the running
weird are compared with those after a restart, which takes over what is in the kernel, and with those of a
weird that finds an empty kernel and reads the same objects in another order. And what came and went
again leaves nothing.

WEIR_CHANGES is the number of events, WEIR_TEST_SEED the first seed.
"""
import hashlib
import itertools
import json
import os
import random
import re
import sys
import time

from fixture import Node, eventually, main
from rounds import rounds

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "random"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))

import cluster as clusters  # noqa: E402
import generate  # noqa: E402

CHANGES = rounds("WEIR_CHANGES", 360)
SEED = int(os.environ.get("WEIR_TEST_SEED", "1"))
NAMESPACES = ("shop", "bank", "guests")
TABLES = (("inet", "weir"), ("netdev", "weir"))
ELSEWHERE = {f"{ns}/far-{i}": {"ips": [f"10.78.0.{i}", f"fd78::{i}"]}
             for i, ns in enumerate(NAMESPACES * 2, 2)}
COMMENT = re.compile(r'chain (\S+) {\n\s+comment "(.*)"')  # which nft leaves out of its JSON


# --- the tables as text that says nothing of how they came about


def plain(value):
    """Without what the kernel counts: handles, packets, elements in the order of a hash."""
    if isinstance(value, list):
        return [plain(v) for v in value]
    if not isinstance(value, dict):
        return value
    found = {k: plain(v) for k, v in value.items() if k not in ("handle", "packets", "bytes")}
    if "elem" in found and isinstance(found["elem"], list):
        found["elem"].sort(key=json.dumps)
    return found


def line(kind, content):
    return f"{kind} {json.dumps(plain(content), sort_keys=True)}"


def listing(node, family, table):
    """{name of a chain, map or set: text}"""
    answer = node.host.run("nft", "-j", "list", "table", family, table).stdout
    found = {}
    for entry in json.loads(answer)["nftables"]:
        kind, content = next(iter(entry.items()))
        if kind != "metainfo":
            name = content["chain"] if kind == "rule" else content["name"]
            found.setdefault(name, []).append(line(kind, content))
    for name, comment in COMMENT.findall(node.host.run("nft", "list", "table", family, table).stdout):
        found[name].append(line("comment", {"chain": name, "text": comment}))
    return {name: "\n".join(lines) for name, lines in found.items()}


def settled(node):
    """The listings of all tables: weird deletes what is out of use a moment (2 ms) later."""
    found = []

    def look():
        before, found[:] = list(found), [item for family, table in TABLES
                                         for item in listing(node, family, table).items()]
        time.sleep(0.05)
        return sorted(before) == sorted(found)

    eventually(look, what="two listings that are alike")
    return found


def tables(node):
    """What is in the kernel. Rulesets have numbers in the order in which they came: a ruleset is
    called by a hash of all its chains and maps instead."""
    found = settled(node)
    parts = {}
    for name, text in sorted(found):
        ruleset = re.match(r"rs_\d+", name)
        if ruleset:
            number = ruleset.group()
            parts.setdefault(number, []).append(re.sub(rf"\b{number}(?=\b|_)", "rs_this", text))
    names = {number: "rs_" + hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:12]
             for number, lines in parts.items()}
    renamed = sorted(re.sub(r"rs_\d+(?=\b|_)", lambda m: names[m.group()], text) for _, text in found)
    return [sorted_again(text) for text in "\n".join(renamed).split("\n")]


def sorted_again(text):
    """Elements of which the names have changed."""
    kind, content = text.split(" ", 1)
    return line(kind, json.loads(content))


def assert_same(got, want, why):
    if sorted(got) == sorted(want):
        return
    extra, missing = sorted(set(got) - set(want)), sorted(set(want) - set(got))
    raise AssertionError("\n".join([why, *(f"+ {x[:400]}" for x in extra[:6]),
                                    *(f"- {x[:400]}" for x in missing[:6])]))


# --- the events


class World:
    """The objects that exist, each in a file of its own, and events that change one of them."""

    def __init__(self, node, seed):
        self.node = node
        self.random = random.Random(seed)
        self.objects = {}
        self.files = {}
        self.counter = itertools.count()
        self.here = {str(pod): {"ips": pod.addrs} for pod in node.pods.values()}
        pods = {**self.here, **ELSEWHERE}
        self.addresses = [ip for pod in pods.values() for ip in pod["ips"]] + list(generate.OUTSIDE)
        for key in self.here:
            self.put(f"pod {key}", self.pod(key, self.here[key], "node-1"))

    def put(self, key, obj):
        """None: gone."""
        if obj is None:
            if self.objects.pop(key, None) is not None:
                self.node.remove_manifest(self.files.pop(key))
            return
        self.objects[key] = obj
        self.node.write_manifest(self.files.setdefault(key, f"object-{next(self.counter)}"), obj)

    def pod(self, key, pod, where):
        pod = {**pod, "labels": generate.labels(self.random), "ports": generate.named_ports(self.random)}
        return clusters.pod_objects({"pods": {key: pod}}, where)[0]

    def namespace(self):
        name = self.random.choice(NAMESPACES)
        labels = {name: generate.labels(self.random)}
        return f"namespace {name}", clusters.namespace_objects({"namespaces": labels})[0]

    def pod_here(self):
        key = self.random.choice(list(self.here))
        return f"pod {key}", self.pod(key, self.here[key], "node-1")

    def pod_elsewhere(self):
        key = self.random.choice(list(ELSEWHERE))
        return f"pod {key}", self.pod(key, ELSEWHERE[key], "node-2")

    def a_node(self):
        nodes = generate.nodes(self.random, generate.NODE)
        name = self.random.choice(("here", "there"))
        found = clusters.node_objects({"nodes": {name: nodes[name]}})[0] if name in nodes else None
        return f"node {name}", found

    def policy(self):
        key = f"{self.random.choice(NAMESPACES)}/policy-{self.random.randrange(5)}"
        return f"policy {key}", self.policy_object("policies", key, generate.policy)

    def cluster_policy(self):
        key = f"cluster-{self.random.randrange(4)}"
        return f"policy {key}", self.policy_object("clusterPolicies", key, generate.cluster_policy)

    def policy_object(self, kind, key, make):
        spec = make(self.random, NAMESPACES, self.addresses + list(generate.NODE))
        staged = [key] if generate.chance(self.random, 0.1) else []
        return clusters.policy_objects({"policies": {}, kind: {key: spec}, "staged": staged})[0]

    def one(self):
        """One event; an object goes one time in four, but a pod that runs here stays."""
        kinds = (self.namespace, self.pod_here, self.pod_elsewhere, self.a_node, self.policy,
                 self.policy, self.cluster_policy)
        key, obj = self.random.choice(kinds)()
        gone = key[4:] not in self.here and generate.chance(self.random, 0.25)
        self.put(key, None if gone else obj)

    def replace_pod(self):
        """CNI DEL, and ADD of one with the same name: another interface, other addresses."""
        key = self.random.choice(list(self.here))
        self.node.del_pod(self.node.pods[key], manifest=False)
        pod = self.node.add_pod(*key.split("/"), manifest=False)
        self.here[key] = {"ips": pod.addrs}
        self.put(f"pod {key}", self.pod(key, self.here[key], "node-1"))

    def many(self, count):
        """Some of them at once, so that weird sees them as one change, or in the middle."""
        for _ in range(count):
            self.one()
            if generate.chance(self.random, 0.3):
                self.node.wait()
        self.node.wait()

    def back_to(self, objects):
        """As it was then, in any order."""
        keys = sorted({*objects, *self.objects})
        self.random.shuffle(keys)
        for key in keys:
            if self.objects.get(key) != objects.get(key):
                self.put(key, objects.get(key))
                if generate.chance(self.random, 0.3):
                    self.node.wait()
        self.node.wait()

    def mix_files(self):
        """The same objects in files with other names, which are read in another order."""
        keys = list(self.objects)
        self.random.shuffle(keys)
        for key in keys:
            self.node.remove_manifest(self.files.pop(key))
        for key in keys:
            self.put(key, self.objects[key])


def prepare(node, seed):
    for name in NAMESPACES:
        node.add_pod(name, "a", manifest=False)
        node.add_pod(name, "b", manifest=False)
    return World(node, seed)


def cold(node, world):
    """A start with nothing in the kernel; the endpoints stay known."""
    node.stop()
    for table in TABLES:
        node.host.run("nft", "delete", "table", *table)
    world.mix_files()
    node.start()


def interfaces_followed(node):
    """What the kernel tells of interfaces comes when it comes; `weirctl wait` is about objects."""
    links = json.loads(node.host.run("ip", "-j", "-6", "addr", "show", "scope", "link").stdout)
    own = sorted(a["local"] for link in links for a in link.get("addr_info", []) if a)
    known = json.loads(node.host.run("nft", "-j", "list", "set", "netdev", "weir", "node6").stdout)
    return own == sorted(known["nftables"][-1]["set"].get("elem", []))


def check_cold(node, world, why):
    eventually(lambda: interfaces_followed(node), what="the node's own addresses")
    running = tables(node)
    node.restart()
    assert_same(tables(node), running, f"{why}: after a restart (+) it is not as before (-)")
    cold(node, world)
    assert_same(running, tables(node), f"{why}: after the events (+) it is not as from a fresh start (-)")
    return len(running)


# --- the tests


def run_events(node, seed):
    lines = 0
    world = prepare(node, seed)
    for n in range(30, CHANGES // 2 + 1, 30):
        world.many(15)
        world.replace_pod()
        world.many(15)
        lines += check_cold(node, world, f"seed {seed}, {n} events")
    print(f"{CHANGES // 2} events, {lines} lines of tables compared")


def test_incremental_is_cold_bridged(node):
    run_events(node, SEED)


def test_incremental_is_cold_routed(_bridged):
    with Node("incremental-routed", "ptp") as node:
        run_events(node, SEED + 1)


def test_what_came_and_went_leaves_nothing(node):
    world = prepare(node, SEED + 2)
    for n in range(CHANGES // 60):
        world.many(15)
        then, before = dict(world.objects), tables(node)
        world.many(15)
        assert tables(node) != before, "the events changed nothing"
        world.back_to(then)
        assert_same(tables(node), before, f"seed {SEED + 2}, round {n}: something was left (+) or lost (-)")


if __name__ == "__main__":
    main(__file__, [test_incremental_is_cold_bridged, test_incremental_is_cold_routed,
                    test_what_came_and_went_leaves_nothing])
