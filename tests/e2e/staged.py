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
    main(__file__, [test_would_deny, test_would_allow_and_the_same,
                    test_enforced_then_staged_again, test_survives_a_restart])
