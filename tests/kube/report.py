# SPDX-License-Identifier: Apache-2.0
"""What weird writes to a real API server: Events on pods that are denied, counted up; one
leader among several nodes, and another when it dies."""
import signal
import time

from node import HOME, KubeNode, eventually, main

DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: shop, name: deny}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
"""
CONFIG = {"report": {"repeat": "1s", "eventsPerMinute": 600}}


def events(node, name):
    items = node.api.call("GET", "/api/v1/namespaces/shop/events")["items"]
    return [e for e in items if e["involvedObject"]["name"] == name]


def holder(node):
    status, lease = node.api.request(
        "GET", f"/apis/coordination.k8s.io/v1/namespaces/{HOME}/leases/weir")
    return lease["spec"]["holderIdentity"].split("_")[0] if status == 200 else None


def test_denied_pod_has_an_event(node):
    web = node.add_pod("shop", "web", {"app": "web"})
    client = node.add_pod("shop", "client")
    web.listen(80)
    node.write_manifest("deny", DENY)
    node.wait()
    assert not client.reach(web.addr(4), 80)
    eventually(lambda: events(node, "web"), what="an Event")
    event = events(node, "web")[0]
    assert event["reason"] == "TrafficDenied" and event["type"] == "Warning", event
    assert event["involvedObject"]["uid"] == node.pod_uid("shop", "web"), event
    for word in ("TCP port 80 from shop/client", "NetworkPolicy shop/deny"):
        assert word in event["message"], event["message"]
    # again and again: one Event, counted up
    for _ in range(3):
        assert not client.reach(web.addr(4), 80)
    eventually(lambda: events(node, "web")[0]["count"] > 1, 10, "a count above 1")
    assert len(events(node, "web")) == 1, events(node, "web")
    assert not events(node, "client"), "nobody denied the client"


def test_one_leader(node):
    eventually(lambda: holder(node) == node.name, 20, "a leader")
    with KubeNode("kreport2", node.server, name="node-2", config=CONFIG):
        time.sleep(6)
        assert holder(node) == node.name, "a lease that is renewed was taken"
        node.stop(signal.SIGKILL)
        eventually(lambda: holder(node) == "node-2", 40, "another leader")


if __name__ == "__main__":
    main(__file__, [test_denied_pod_has_an_event, test_one_leader], config=CONFIG)
