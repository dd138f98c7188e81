# SPDX-License-Identifier: Apache-2.0
"""Changes under traffic: what stays allowed loses no packet, what stays denied lets none through.

Two streams of 10,000 packets/s in each direction of judgement (the server's ingress, the client's
egress), each packet judged as new, while policies, labels, namespaces and pods change around them
in every way that touches the rulesets in use without changing these two verdicts.
"""
import random

from fixture import main
from rounds import rounds
from streams import Streams

CHANGES = rounds("WEIR_CHANGES", 200)
RATE = 10000
OPEN, DENIED = 7000, 7001


def policy(name, spec, namespace="shop"):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"namespace": namespace, "name": name}, "spec": spec}


def udp(*ports):
    return [{"protocol": "UDP", "port": p} for p in ports]


def base(node):
    """What holds all the time: both pods isolated both ways, one port open between them."""
    node.write_manifest("base", [
        policy("base-in", {"podSelector": {"matchLabels": {"app": "server"}},
                           "policyTypes": ["Ingress"],
                           "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "client"}}}],
                                        "ports": udp(OPEN)}]}),
        policy("base-out", {"podSelector": {"matchLabels": {"app": "client"}},
                            "policyTypes": ["Egress"],
                            "egress": [{"to": [{"podSelector": {"matchLabels": {"app": "server"}}}],
                                        "ports": udp(OPEN)}]}),
    ])


class Changer:
    """Each method makes one change, or takes it back when it is there; none may matter."""

    def __init__(self, node, seed):
        self.node = node
        self.random = random.Random(seed)
        self.there = set()
        self.client = self.server = None
        self.counter = 0

    def toggle(self, name, objects):
        if name in self.there:
            self.there.discard(name)
            self.node.remove_manifest(name)
        else:
            self.there.add(name)
            self.node.write_manifest(name, objects)

    def other_peer(self):
        self.toggle("other-peer", policy("other-peer", {
            "podSelector": {}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "x"}}}]}]}))

    def same_again(self):
        self.toggle("same-again", policy("a-same-again", {
            "podSelector": {"matchLabels": {"app": "server"}},
            "ingress": [{"from": [{"namespaceSelector": {}}], "ports": udp(OPEN)}]}))

    def any_peer_other_port(self):
        self.toggle("any-peer", policy("any-peer", {
            "podSelector": {}, "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"ports": udp(9999)}], "egress": [{"ports": udp(9999)}]}))

    def block(self):
        self.toggle("block", policy("block", {
            "podSelector": {}, "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
                                  {"ipBlock": {"cidr": "fd00::/8"}}], "ports": udp(8000, 8001)}],
            "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}},
                               {"ipBlock": {"cidr": "fd00::/8"}}], "ports": udp(8000)}]}))

    def port_range(self):
        self.toggle("range", policy("range", {
            "podSelector": {"matchLabels": {"app": "server"}},
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "client"}}}],
                         "ports": [{"protocol": "UDP", "port": 7100, "endPort": 7200}]}]}))

    def default_deny(self):
        self.toggle("default-deny", policy("default-deny", {
            "podSelector": {}, "policyTypes": ["Ingress", "Egress"]}))

    def relabel_client(self):
        self.counter += 1
        self.node.write_pod("shop", "client", {"app": "client", "version": str(self.counter % 3)})

    def relabel_server(self):
        """Another label, for which another policy exists: the server's ruleset changes."""
        self.counter += 1
        self.node.write_pod("shop", "server", {"app": "server", "colour": ["red", "blue"][self.counter % 2]})
        self.node.write_manifest("red", policy("red", {
            "podSelector": {"matchLabels": {"colour": "red"}},
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "y"}}}], "ports": udp(1)}]}))

    def relabel_namespace(self):
        self.counter += 1
        self.node.write_namespace("shop", {"round": str(self.counter)})

    def another_pod(self):
        name = "shop/another"
        if name in self.node.pods:
            self.node.del_pod(self.node.pods[name])
        else:
            self.node.add_pod("shop", "another", {"app": self.random.choice(["x", "client", "server"])})

    def one(self):
        kinds = [self.other_peer, self.same_again, self.any_peer_other_port, self.block, self.port_range,
                 self.default_deny, self.relabel_client, self.relabel_server, self.relabel_namespace,
                 self.another_pod]
        change = self.random.choice(kinds)
        change()
        self.node.wait()
        return change.__name__


def prepare(node, seed):
    node.write_namespace("shop")
    changer = Changer(node, seed)
    changer.client = node.add_pod("shop", "client", {"app": "client"})
    changer.server = node.add_pod("shop", "server", {"app": "server"})
    base(node)
    node.wait()
    return changer


def open_streams(streams, changer, family):
    to = changer.server.addr(family)
    streams.open("open", changer.client, changer.server, to, OPEN, RATE)
    streams.open("denied", changer.client, changer.server, to, DENIED, RATE)
    return streams.start()


def judge(end, what):
    """Not one packet of the open stream missing, not one of the denied one there."""
    assert end["open"]["sent"] > RATE / 10, f"the stream did not flow: {end}"
    assert end["open"]["missing"] == 0, f"{what}: false drops: {end}"
    assert end["denied"]["received"] == 0, f"{what}: leaks: {end}"


def under_traffic(node, family, seed=1):
    changer = prepare(node, seed)
    bad = []
    with Streams() as streams:
        open_streams(streams, changer, family)
        leaked = 0
        for number in range(CHANGES // 2):
            kind = changer.one()
            now = streams.stats()
            if now["denied"]["received"] > leaked:
                leaked = now["denied"]["received"]
                bad.append(f"{number}: {kind}")
        end = streams.drain()
    judge(end, f"IPv{family}, {CHANGES // 2} changes, leaks first seen after {bad}")


def test_ipv4(node):
    under_traffic(node, 4)


def test_ipv6(node):
    under_traffic(node, 6)


if __name__ == "__main__":
    main(__file__, [test_ipv4, test_ipv6])
