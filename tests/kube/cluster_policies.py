# SPDX-License-Identifier: Apache-2.0
"""ClusterNetworkPolicy from a real API server: its CRD appears and vanishes while weird runs; what
the policies do to packets; what the status of each one says."""
import crds
from node import eventually, main

KIND = "ClusterNetworkPolicy"


def cluster_policy(name, **spec):
    return {"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": KIND,
            "metadata": {"name": name}, "spec": {
                "tier": "Admin", "priority": 10, "subject": {"namespaces": {}}, **spec}}


def rule(action, *to, **more):
    return {"action": action, "to": list(to), **more}


def conditions(node, name):
    found = node.api.get(KIND, None, name).get("status", {}).get("conditions", [])
    return {c["type"]: (c["status"], c["reason"], c["message"]) for c in found}


def test_crd_appears_and_vanishes(node):
    web, client = node.add_pod("shop", "web", {"app": "web"}), node.add_pod("shop", "client")
    web.listen(80)
    node.current()
    assert node.collection(KIND)["absent"] and client.reach(web.addr(4), 80)
    crds.install(node)
    node.write_manifest("deny", cluster_policy("deny", egress=[rule("Deny", {"namespaces": {}})]))
    eventually(lambda: not client.reach(web.addr(4), 80), what="the policy in force")
    crds.remove(node, KIND)
    eventually(lambda: node.collection(KIND)["absent"], 40, "the end of the CRD")
    eventually(lambda: client.reach(web.addr(4), 80), what="the end of the policy")
    node._applied.clear()  # they went with the CRD
    node._state = {k: v for k, v in node._state.items() if k[0] != KIND}


def test_nodes_are_peers(node):
    """By the addresses and labels that the Node objects have, as they change."""
    web, world = node.add_pod("shop", "web"), node.add_outside("world")
    world.listen(80)
    crds.install(node)
    node.write_manifest("deny", cluster_policy("deny", egress=[
        rule("Deny", {"nodes": {"matchLabels": {"zone": "a"}}})]))
    node.write_manifest("far", {
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": "far", "labels": {"zone": "b"}},
        "status": {"addresses": [{"type": "InternalIP", "address": a} for a in world.addrs]}})
    node.wait()
    assert web.reach(world.addr(4), 80)
    node.api.patch(node.api.path("Node", None, "far"), {"metadata": {"labels": {"zone": "a"}}})
    eventually(lambda: not web.reach(world.addr(4), 80), what="the label that came")
    assert not web.reach(world.addr(6), 80)
    node.api.patch(node.api.path("Node", None, "far"), {"metadata": {"labels": {"zone": None}}})
    eventually(lambda: web.reach(world.addr(4), 80), what="the label that went")


def test_status(node):
    web, client = node.add_pod("shop", "web"), node.add_pod("shop", "client")
    web.listen(80)
    crds.install(node)
    node.write_manifest("p", cluster_policy("p", egress=[rule("Deny", {"namespaces": {}})]))
    eventually(lambda: conditions(node, "p").get("weir.dev/Realised", "")[:1] == ("True",), 40,
               "a condition")
    said = conditions(node, "p")
    assert said["weir.dev/Accepted"][:2] == ("True", "Accepted"), said
    assert "generation 1 in force on 2 endpoints" in said["weir.dev/Realised"][2], said
    # a rule that fails closed
    node.write_manifest("p", cluster_policy("p", egress=[
        rule("Accept", {"strangers": {}}), rule("Deny", {"namespaces": {}})]))
    eventually(lambda: conditions(node, "p")["weir.dev/Accepted"][1] == "FailsClosed", 40,
               "the condition of a rule that fails closed")
    assert "egress[0]" in conditions(node, "p")["weir.dev/Accepted"][2]
    assert "egress[0]" in node.weirctl("policies").stdout
    # one that is broken: the last form that was right holds
    node.write_manifest("p", cluster_policy("p", priority=5000, egress=[]))
    eventually(lambda: conditions(node, "p")["weir.dev/Accepted"][0] == "False", 40,
               "the condition of a broken policy")
    assert "spec.priority" in conditions(node, "p")["weir.dev/Accepted"][2]
    assert not client.reach(web.addr(4), 80)


if __name__ == "__main__":
    main(__file__, [test_crd_appears_and_vanishes, test_nodes_are_peers, test_status])
