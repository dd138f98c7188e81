# SPDX-License-Identifier: Apache-2.0
"""weirctl against a running weird: what it says is what the kernel does."""
import json
import signal
import subprocess
import time

from fixture import BUILD, Node, eventually, main

POLICIES = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: shop, name: default-deny}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: shop, name: db}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{protocol: TCP, port: 5432}]
"""


def pods(node):
    for namespace in ("shop", "guests"):
        node.write_namespace(namespace)
    web = node.add_pod("shop", "web", {"app": "web"})
    db = node.add_pod("shop", "db", {"app": "db"})
    visitor = node.add_pod("guests", "visitor")
    node.write_manifest("policies", POLICIES)
    node.wait()
    db.listen(5432)
    return web, db, visitor


def answer(node, *args):
    done = node.weirctl("-o", "json", *args)
    return done.returncode, json.loads(done.stdout)


def test_status(node):
    pods(node)
    code, status = answer(node, "status")
    assert code == 0, status
    assert status["node"] == "node-1" and status["backend"]["name"] == "nftables"
    assert status["state"]["inSync"] and status["state"]["desired"] == status["state"]["realised"]
    assert status["endpoints"] == {"total": 3, "enforced": 3, "adopted": 0, "unmanaged": 0}
    assert status["cluster"]["policies"] == 2
    assert status["bridgeNetfilter"] == {"ipv4": True, "ipv6": True}
    assert not status["source"]["broken"]
    text = node.weirctl("status").stdout
    assert "in sync" in text and "3 enforced" in text, text


def test_broken_file_is_shown(node):
    pods(node)
    node.write_manifest("broken", "kind: NetworkPolicy\nspec: {podSelctor: {}}\n")
    node.weirctl("wait")
    status = node.query("status")
    assert any("broken.yaml" in b["file"] for b in status["source"]["broken"]), status["source"]
    errors = node.query("policies")["errors"]
    assert any("broken.yaml" in e["file"] for e in errors), errors
    assert "refused" in node.weirctl("policies").stdout
    assert status["cluster"]["policies"] == 2, "the others stay"
    node.remove_manifest("broken")
    node.wait()
    assert not node.query("status")["source"]["broken"]


def test_endpoints(node):
    web, db, _ = pods(node)
    found = {f"{e['namespace']}/{e['pod']}": e for e in node.query("endpoints")["endpoints"]}
    assert set(found) == {"shop/web", "shop/db", "guests/visitor"}
    assert sorted(found["shop/web"]["addresses"]) == sorted(web.addrs)
    assert all(e["enforced"] and e["reason"] is None for e in found.values())
    assert not found["guests/visitor"]["ingress"]["isolated"]
    names = [p["name"] for p in found["shop/db"]["ingress"]["policies"]]
    assert sorted(names) == ["db", "default-deny"], names
    assert not found["shop/db"]["egress"]["isolated"]
    only = node.query("endpoints", "-n", "guests")["endpoints"]
    assert [e["pod"] for e in only] == ["visitor"]
    node.del_pod(db)
    assert len(node.query("endpoints")["endpoints"]) == 2


def test_pods_without_cni_are_listed(node):
    pods(node)
    node.write_pod("shop", "old", {"app": "old"}, podIP="10.77.9.9", podIPs=[{"ip": "10.77.9.9"}])
    node.write_pod("shop", "blank", {"app": "old"})
    node.wait()
    found = {e["pod"]: e for e in node.query("endpoints")["endpoints"]}
    assert found["old"]["enforced"] and found["old"]["container"] is None, found["old"]
    assert found["old"]["ingress"]["isolated"]
    assert not found["blank"]["enforced"] and found["blank"]["code"] == "no-address"
    counts = node.query("status")["endpoints"]
    assert counts == {"total": 4, "enforced": 4, "adopted": 1, "unmanaged": 1}, counts


def test_bridge_netfilter_off_is_told(node):
    web, _, _ = pods(node)
    node.host.sysctl("net.bridge.bridge-nf-call-iptables", 0)
    code, status = answer(node, "status")
    assert code == 1 and status["endpoints"]["enforced"] == 0, status["endpoints"]
    reasons = {e["reason"] for e in node.query("endpoints")["endpoints"]}
    assert all("bridge-nf-call" in r for r in reasons), reasons


def test_policies_and_identities(node):
    pods(node)
    policies = {p["name"]: p for p in node.query("policies")["policies"]}
    assert policies["default-deny"]["selected"] == 2 and policies["db"]["selected"] == 1
    assert policies["db"]["directions"] == ["ingress"] and policies["db"]["rules"]["ingress"] == 1
    identities = node.query("identities", "-n", "shop")["identities"]
    assert {i["labels"].get("app") for i in identities} == {"web", "db"}, identities


def test_explain_agrees_with_packets(node):
    web, db, visitor = pods(node)
    for who, want in ((web, 0), (visitor, 1)):
        code, told = answer(node, "explain", "--from", str(who), "--to", "shop/db", "--port", "5432")
        assert code == want, told
        assert [a["family"] for a in told["answers"]] == ["IPv4", "IPv6"], told
        for family in (4, 6):
            assert who.reach(db.addr(family), 5432, timeout=0.6 if want else 5.0) == (want == 0)
    assert told["answers"][0]["ingress"]["reason"] == "isolated"
    assert len(told["answers"][0]["ingress"]["policies"]) == 2
    code, told = answer(node, "explain", "--from", "shop/web", "--to", "shop/db", "--port", "5432")
    side = told["answers"][0]["ingress"]
    assert side["reason"] == "rule" and side["rule"] == 0 and side["policies"][0]["name"] == "db"
    assert side["ruleText"] == "from pods app=web in namespace shop on TCP 5432", side


def test_explain_the_special_cases(node):
    _, db, _ = pods(node)

    def reason(source, to, port="5432"):
        told = answer(node, "explain", "--from", source, "--to", to, "--port", port)[1]
        return told["answers"][0]["ingress"]["reason"]

    assert reason("shop/db", "shop/db") == "self"
    assert reason("10.77.0.1", "shop/db") == "own-node"
    assert reason("192.0.2.1", "shop/db") == "isolated"
    assert reason("shop/db", "guests/visitor") == "no-policy"
    assert reason("shop/db", "192.0.2.1") == "not-endpoint"
    done = node.weirctl("explain", "--from", "shop/nobody", "--to", "shop/db", "--port", "1")
    assert done.returncode == 2 and "no pod shop/nobody" in done.stderr
    told = answer(node, "explain", "--from", db.addr(4), "--to", db.addr(6), "--port", "1")
    assert told[0] == 1 and "same family" in told[1]["note"], told


def test_flows_say_why(node):
    web, db, visitor = pods(node)
    assert web.reach(db.addr(4), 5432)
    assert not visitor.reach(db.addr(4), 5432, timeout=0.5)

    def records():
        lines = node.weirctl("-o", "json", "flows").stdout.splitlines()
        return [json.loads(line) for line in lines]

    def find(verdict):
        return eventually(lambda: next((r for r in records() if r["verdict"] == verdict and
                                        r["dst"].get("pod") == "db"), None), what=f"{verdict} record")

    allowed, denied = find("allowed"), find("denied")
    assert allowed["src"]["pod"] == "web" and "shop/db" in allowed["why"], allowed
    assert denied["src"]["pod"] == "visitor" and "isolated" in denied["why"], denied
    assert {p["name"] for p in denied["ingress"]["policies"]} == {"db", "default-deny"}, denied
    text = node.weirctl("flows", "--verdict", "denied").stdout
    assert "guests/visitor" in text and "shop/web" not in text, text
    assert node.weirctl("-o", "json", "flows", "--last", "1").stdout.count("\n") == 1


def test_follow(node):
    web, db, _ = pods(node)
    live = subprocess.Popen([f"{BUILD}/cli/weirctl", "--socket", node.rpc, "flows", "-f", "-n", "shop"],
                            stdout=subprocess.PIPE, text=True)
    try:
        eventually(lambda: node.query("status")["publisher"]["subscribers"] >= 1, what="subscriber")
        time.sleep(0.2)
        assert web.reach(db.addr(6), 5432)
        line = live.stdout.readline()
        while "shop/web" not in line:
            assert line, "the stream ended"
            line = live.stdout.readline()
        assert "shop/db" in line and "5432/tcp" in line and "allowed" in line, line
    finally:
        live.send_signal(signal.SIGINT)
        assert live.wait(5) == 0


def test_wait_and_dump(node):
    pods(node)
    began = time.monotonic()
    node.wait()
    assert time.monotonic() - began < 10
    dump = node.weirctl("dump")
    assert dump.returncode == 0 and "weir" in dump.stdout
    node.stop()
    done = node.weirctl("wait", "--timeout", "1s")
    assert done.returncode == 2 and "systemctl status weird" in done.stderr


def test_doctor(node):
    pods(node)
    checks = {c["check"]: c for c in node.query("doctor")["checks"]}
    assert checks["weird"]["result"] == "ok" and "3 of 3" in checks["weird"]["found"], checks
    assert checks["source"]["result"] == "ok" and node.manifests in checks["source"]["found"], checks
    node.stop()
    checks = {c["check"]: c for c in node.query("doctor")["checks"]}
    assert checks["weird"]["result"] == "fail", checks


if __name__ == "__main__":
    main(__file__, [test_status, test_broken_file_is_shown, test_endpoints,
                    test_pods_without_cni_are_listed, test_bridge_netfilter_off_is_told,
                    test_policies_and_identities, test_explain_agrees_with_packets,
                    test_explain_the_special_cases, test_flows_say_why, test_follow,
                    test_wait_and_dump, test_doctor],
         node=lambda name: Node(name, config={"bridgeNetfilter": "check"}))
