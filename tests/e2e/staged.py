# SPDX-License-Identifier: Apache-2.0
"""Staged policies decide nothing, and records say what they would have decided."""
import json

from fixture import Node, eventually, main


def policy(name, mode=None, port=1, **spec):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"namespace": "shop", "name": name,
                         "annotations": {"weir.dev/mode": mode} if mode else {}},
            "spec": {"podSelector": {"matchLabels": {"app": "db"}},
                     "ingress": [{"ports": [{"protocol": "TCP", "port": port}]}], **spec}}


def pods(node):
    node.write_namespace("shop")
    web = node.add_pod("shop", "web", {"app": "web"})
    db = node.add_pod("shop", "db", {"app": "db"})
    db.listen(5432)
    return web, db


def records(node, **want):
    """The records of new and denied connections to db."""
    lines = node.weirctl("-o", "json", "flows", "--last", "1000").stdout.splitlines()
    found = [r for r in map(json.loads, lines) if r["type"] in ("open", "denied")]
    return [r for r in found if all(r.get(k) == v for k, v in want.items())]


def test_would_deny(node):
    web, db = pods(node)
    node.write_manifest("db", policy("db", "staged"))
    node.wait()
    for family in (4, 6):
        assert web.reach(db.addr(family), 5432), "a staged policy decides nothing"
    found = eventually(lambda: len(records(node, staged="denied")) == 2 and
                       records(node, staged="denied"), what="the records")
    for r in found:
        assert r["verdict"] == "allowed" and r["ingress"]["reason"] == "no-policy", r
        assert r["stagedIngress"]["reason"] == "isolated", r
        assert [p["name"] for p in r["stagedIngress"]["policies"]] == ["db"], r
        assert r["stagedWhy"] == "denied: ingress isolated by NetworkPolicy shop/db", r
    text = node.weirctl("flows").stdout
    assert "would be denied" in text and "shop/db" in text, text


def test_the_sum_of_what_would_change(node):
    web, db = pods(node)
    node.write_manifest("db", policy("db", "staged"))
    node.write_manifest("web", policy("web", "staged", podSelector={"matchLabels": {"app": "web"}}))
    node.wait()
    for _ in range(3):
        assert web.reach(db.addr(4), 5432)
    eventually(lambda: len(records(node, staged="denied")) == 3, what="the records")
    answer = {s["name"]: s for s in node.query("policies", "--staged")["staged"]}
    assert set(answer) == {"db", "web"}, answer
    assert (answer["db"]["denied"], answer["db"]["allowed"]) == (3, 0), answer
    assert (answer["web"]["denied"], answer["web"]["allowed"]) == (0, 0), answer
    change, = answer["db"]["changes"]
    assert change["source"]["pod"] == "web" and change["destination"]["pod"] == "db", change
    assert (change["port"], change["connections"], change["verdict"]) == (5432, 3, "denied")
    text = node.weirctl("policies", "--staged").stdout
    assert "would be denied   shop/web -> shop/db TCP 5432, ingress: 3 times" in text, text
    node.remove_manifest("db")
    node.wait()
    assert {s["name"] for s in node.query("policies", "--staged")["staged"]} == {"web"}


def test_rule_hits(node):
    web, db = pods(node)
    rules = policy("db", port=5432)
    rules["spec"]["ingress"].append({"ports": [{"protocol": "TCP", "port": 6000}]})
    node.write_manifest("db", rules)
    node.wait()

    def hits():
        return node.query("policies")["policies"][0]["hits"]

    for _ in range(3):
        assert web.reach(db.addr(4), 5432)
    for _ in range(2):
        assert not web.reach(db.addr(4), 1, timeout=0.3)
    eventually(lambda: hits()["connections"] == 5, what="the counts")
    assert [r["connections"] for r in hits()["ingress"]] == [3, 0], hits()
    assert hits()["isolated"] == {"ingress": 2, "egress": 0} and hits()["unused"] == 1, hits()
    assert hits()["last"], hits()
    wide = node.weirctl("policies", "-o", "wide").stdout
    assert "UNUSED RULES" in wide, wide
    assert "unused    NetworkPolicy shop/db: ingress[1]\n" in wide, wide
    assert "decided   NetworkPolicy shop/db: ingress[0] 3 connections\n" in wide, wide
    metrics = node.host.run("curl", "-s", "http://127.0.0.1:9571/metrics").stdout
    assert ('weir_policy_connections_total{kind="NetworkPolicy",namespace="shop",policy="db",'
            'direction="ingress"} 5\n') in metrics, metrics
    rules["spec"]["ingress"].reverse()  # an edit: what rule 0 did was done by another rule
    node.write_manifest("db", rules)
    node.wait()
    assert [r["connections"] for r in hits()["ingress"]] == [0, 0], hits()
    assert web.reach(db.addr(4), 5432)
    eventually(lambda: [r["connections"] for r in hits()["ingress"]] == [0, 1], what="the counts")


def test_would_allow_and_the_same(node):
    web, db = pods(node)
    node.write_manifest("deny", policy("deny"))
    node.write_manifest("db", policy("db", "staged", 5432))
    node.wait()
    assert not web.reach(db.addr(4), 5432, timeout=0.5)
    found = eventually(lambda: records(node, verdict="denied"), what="the record")[0]
    assert found["staged"] == "allowed" and found["stagedIngress"]["reason"] == "rule", found
    assert found["stagedIngress"]["policies"][0]["name"] == "db", found
    # where it has no part in it, nothing is said
    assert db.reach(web.addr(4), 1, timeout=0.5) in (True, False)
    other = eventually(lambda: [r for r in records(node) if r["dst"].get("pod") == "web"],
                       what="the record of the other direction")[0]
    assert "staged" not in other, other


def test_enforced_then_staged_again(node):
    web, db = pods(node)
    for mode, reaches in (("staged", True), (None, False), ("staged", True), ("enforced", False)):
        node.write_manifest("db", policy("db", mode))
        node.wait()
        assert web.reach(db.addr(4), 5432, timeout=5 if reaches else 0.5) == reaches, mode
    node.write_manifest("db", policy("db", "stagged"))
    node.wait()
    assert not web.reach(db.addr(4), 5432, timeout=0.5), "an unknown mode opens nothing"
    broken = node.query("status")["source"]["broken"]
    assert any("stagged" in b["error"] for b in broken), broken


def test_survives_a_restart(node):
    web, db = pods(node)
    node.write_manifest("db", policy("db", "staged"))
    node.restart()
    assert web.reach(db.addr(4), 5432)
    eventually(lambda: records(node, staged="denied"), what="the record")


if __name__ == "__main__":
    main(__file__, [test_would_deny, test_the_sum_of_what_would_change, test_rule_hits,
                    test_would_allow_and_the_same,
                    test_enforced_then_staged_again, test_survives_a_restart])
