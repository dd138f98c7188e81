# SPDX-License-Identifier: Apache-2.0
"""weird follows a real API server: what changes there is in force, judged by real connections.

No node.wait() after a change: it would list everything anew. What is seen here, watches told.
"""
import os
import random
import time

from node import eventually, main, policy, remote_pod

PORT = 8080
MANY = int(os.environ.get("WEIR_PODS", "5000"))
IN_TIME = 3.0  # seconds; a busy machine, not what it takes
FRIENDS = {"podSelector": {"matchLabels": {"app": "web"}},
           "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"team": "a"}},
                                  "podSelector": {"matchLabels": {"app": "friend"}}}]}]}

CRD = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "clusternetworkpolicies.policy.networking.k8s.io",
                 # names under k8s.io want to know who approved them
                 "annotations": {"api-approved.kubernetes.io": "unapproved, a test"}},
    "spec": {
        "group": "policy.networking.k8s.io", "scope": "Cluster",
        "names": {"kind": "ClusterNetworkPolicy", "listKind": "ClusterNetworkPolicyList",
                  "plural": "clusternetworkpolicies", "singular": "clusternetworkpolicy"},
        "versions": [{
            "name": "v1alpha2", "served": True, "storage": True, "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]},
}
DENY_ALL = {
    "apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy",
    "metadata": {"name": "nobody"},
    "spec": {"tier": "Admin", "priority": 10, "subject": {"namespaces": {}},
             "ingress": [{"name": "nobody", "action": "Deny", "from": [{"namespaces": {}}]}]},
}


def becomes(expected, src, dst, what="", timeout=IN_TIME):
    """Seconds until connections from src to dst pass, or pass no longer, and 0.2 s on do so still."""
    began = time.monotonic()
    eventually(lambda: src.reach(dst.addr(4), PORT, timeout=0.2) == expected, timeout,
               f"{what}: {'reached' if expected else 'not reached'}")
    took = time.monotonic() - began
    time.sleep(0.2)
    assert src.reach(dst.addr(4), PORT, timeout=5.0 if expected else 0.5) == expected, f"{what}: and back again"
    return took


def serve(node, labels=None):
    web = node.add_pod("shop", "web", labels or {"app": "web"})
    web.listen(PORT)
    return web


def counted(node, pods):
    eventually(lambda: node.query("status")["cluster"]["pods"] == pods, 20,
               f"{pods} pods, not {node.query('status')['cluster']['pods']}")


def test_many_pods(node):
    """Thousands of pods come by watch, are listed page by page, and go by watch."""
    api, server = node.api, node.server
    namespaces = [f"many-{n}" for n in range(20)]
    for name in namespaces:
        node.write_namespace(name)
    pods = [remote_pod(namespaces[n % 20], f"p{n}", [f"10.{200 + (n >> 16)}.{n >> 8 & 255}.{n & 255}"],
                       {"app": f"app{n % 7}"}) for n in range(MANY)]
    lists = node.collection("Pod")["lists"]
    server.fill(pods)
    counted(node, MANY)
    gone = pods[:300]
    api.each(lambda p: api.delete("Pod", p["metadata"]["namespace"], p["metadata"]["name"]), gone)
    counted(node, MANY - 300)
    assert node.collection("Pod")["lists"] == lists, "changes made weird list anew"
    node.restart()
    counted(node, MANY - 300)
    # one of the many is somebody who can connect
    web, far = serve(node), node.add_outside("far")
    node.write_manifest("friends", policy("shop", "friends", FRIENDS))
    becomes(False, far, web, "unknown outside")
    node.write_namespace("many-0", {"team": "a"})
    node.far_pod("many-0", "far", {"app": "friend"}, far)
    becomes(True, far, web, "a pod among many")
    for name in namespaces:
        node.remove_manifest(f"namespace-{name}")
    api.each(lambda p: api.delete("Pod", p["metadata"]["namespace"], p["metadata"]["name"]), pods[300:])
    node.remove_manifest("pod-many-0-far")
    becomes(False, far, web, "its pod is gone")


def test_labels_and_policies(node):
    """Each kind of change that turns a verdict, in random order, many times."""
    rng = random.Random(5)
    web, far = serve(node), node.add_outside("far")
    node.write_namespace("guests", {"team": "a"})
    node.far_pod("guests", "far", {"app": "friend"}, far)
    node.write_manifest("friends", policy("shop", "friends", FRIENDS))
    becomes(True, far, web, "at the start")
    no_peer = {**FRIENDS, "ingress": []}
    no_port = {**FRIENDS, "ingress": [{**FRIENDS["ingress"][0], "ports": [{"port": PORT + 1}]}]}
    ways = {
        "label of the peer": (lambda: node.far_pod("guests", "far", {"app": "other"}, far),
                              lambda: node.far_pod("guests", "far", {"app": "friend"}, far)),
        "label of the namespace": (lambda: node.write_namespace("guests", {"team": "b"}),
                                   lambda: node.write_namespace("guests", {"team": "a"})),
        "no peer": (lambda: node.write_manifest("friends", policy("shop", "friends", no_peer)),
                    lambda: node.write_manifest("friends", policy("shop", "friends", FRIENDS))),
        "other port": (lambda: node.write_manifest("friends", policy("shop", "friends", no_port)),
                       lambda: node.write_manifest("friends", policy("shop", "friends", FRIENDS))),
        "peer is gone": (lambda: node.remove_manifest("pod-guests-far"),
                         lambda: node.far_pod("guests", "far", {"app": "friend"}, far)),
    }
    for number in range(10):
        name = rng.choice(sorted(ways))
        deny, allow = ways[name]
        deny()
        becomes(False, far, web, f"{number}: {name}")
        allow()
        becomes(True, far, web, f"{number}: {name} taken back")
    node.write_pod("shop", "web", {"app": "elsewhere"})
    node.write_manifest("deny", policy("shop", "deny", {"podSelector": {"matchLabels": {"app": "elsewhere"}}}))
    becomes(False, far, web, "label of the local pod")
    node.remove_manifest("deny")
    becomes(True, far, web, "policy is gone")


def test_many_changes_at_once(node):
    """500 changes as fast as the server takes them; the last of each object counts."""
    rng = random.Random(6)
    web = serve(node)
    far = [node.add_outside(f"far{n}", (f"192.0.2.{10 + n}", f"2001:db8::{10 + n}")) for n in range(4)]
    node.write_namespace("guests", {"team": "a"})
    for n, place in enumerate(far):
        node.far_pod("guests", f"far{n}", {"app": "friend"}, place)
    node.write_manifest("friends", policy("shop", "friends", FRIENDS))
    last = {}

    def change(n):
        """Each thread has a pod of its own."""
        for _ in range(125):
            last[n] = rng.choice(["friend", "other", "third"])
            node.api.patch(node.api.path("Pod", "guests", f"far{n}"), {"metadata": {"labels": {"app": last[n]}}})

    node.api.each(change, range(4), 4)
    for n, place in enumerate(far):
        becomes(last[n] == "friend", place, web, f"far{n} is {last[n]}")


def test_replaced_under_its_name(node):
    """A StatefulSet's pod: the new one has the name of the old, and is somebody else."""
    node.write_manifest("deny", policy("shop", "deny", {"podSelector": {"matchLabels": {"app": "db"}}}))
    client = node.add_pod("shop", "client")
    old = node.add_pod("shop", "db-0", {"app": "db"})
    old.listen(PORT)
    becomes(False, client, old, "the old one")
    # its object is replaced while the container still runs
    node.remove_manifest("pod-shop-db-0")
    node.write_pod("shop", "db-0", {"app": "open"})
    time.sleep(0.5)
    assert not client.reach(old.addr(4), PORT, timeout=0.5), "the labels of the new pod opened the old one"
    node.outside.append(node.pods.pop("shop/db-0"))
    new = node.add_pod("shop", "db-0", manifest=False)
    node.report(new)
    new.listen(PORT)
    becomes(True, client, new, "the new one")
    # the runtime takes the old sandbox down later than it made the new one
    node.chain.delete(old.container, old.path, old.args, old.result)
    becomes(True, client, new, "the new one when the old is torn down")
    node.write_pod("shop", "db-0", {"app": "db"})
    becomes(False, client, new, "the new one with other labels")


def test_address_reused(node):
    """The address of a pod that went is another's within the second."""
    web, far = serve(node), node.add_outside("far")
    node.write_namespace("guests", {"team": "a"})
    node.write_manifest("friends", policy("shop", "friends", FRIENDS))
    names = ("friend", "other")
    node.far_pod("guests", "friend", {"app": "friend"}, far)
    becomes(True, far, web, "the first of the address")
    for number in range(6):  # the friend is the last
        goes, comes = names[number % 2], names[(number + 1) % 2]
        if number % 3 == 0:  # the new one is told of before the old one is gone
            node.far_pod("guests", comes, {"app": comes}, far)
            node.remove_manifest(f"pod-guests-{goes}")
        else:
            node.remove_manifest(f"pod-guests-{goes}")
            node.far_pod("guests", comes, {"app": comes}, far)
        becomes(comes == "friend", far, web, f"{number}: {comes}")
    # a pod that has ended keeps its address in its status
    node.api.set_status("Pod", "guests", "friend", {"phase": "Succeeded"})
    node.far_pod("guests", "other", {"app": "other"}, far)
    becomes(False, far, web, "the first one has ended")


def condition(node, name, kind):
    """The status of a condition that weird writes to a ClusterNetworkPolicy."""
    def find():
        status = node.api.get("ClusterNetworkPolicy", None, name).get("status", {})
        return next((c["status"] for c in status.get("conditions", []) if c["type"] == kind), None)
    return eventually(find, 40, f"{name}: {kind}")


def test_kind_comes_and_goes(node):
    """ClusterNetworkPolicy: its CRD is installed while weird runs, removed, and installed again."""
    assert node.collection("ClusterNetworkPolicy")["absent"], "there is no CRD yet"
    web, client = serve(node), node.add_pod("shop", "client")
    becomes(True, client, web, "no policy")
    for _ in range(2):
        node.api.apply(CRD)
        made = eventually(lambda: node.api.request("POST", node.api.collection("ClusterNetworkPolicy"),
                                                   DENY_ALL)[0] == 201, 20, "the CRD is served")
        assert made
        took = becomes(False, client, web, "denied for the cluster", 60)
        assert condition(node, "nobody", "weir.dev/Accepted") == "True"
        assert condition(node, "nobody", "weir.dev/Realised") == "True"
        node.api.create({**DENY_ALL, "metadata": {"name": "broken"},
                         "spec": {**DENY_ALL["spec"], "tier": "Cellar"}})
        assert condition(node, "broken", "weir.dev/Accepted") == "False"
        node.api.delete("CustomResourceDefinition", None, CRD["metadata"]["name"])
        gone = becomes(True, client, web, "the kind is gone", 60)
        print(f"     heard of the CRD within {took:.1f} s, of its end within {gone:.1f} s")
        eventually(lambda: node.api.get("CustomResourceDefinition", None, CRD["metadata"]["name"]) is None,
                   20, "the CRD is deleted")


if __name__ == "__main__":
    main(__file__, [test_many_pods, test_labels_and_policies, test_many_changes_at_once,
                    test_replaced_under_its_name, test_address_reused, test_kind_comes_and_goes])
