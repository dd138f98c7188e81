# SPDX-License-Identifier: Apache-2.0
"""weirctl simulate against a running weird: what it says is what then happens."""
import json
import os
import signal
import subprocess
import time

from fixture import BUILD, Node, eventually, main

NAMES = ("shop", "guests")


def pods(node):
    for namespace in NAMES:
        node.write_namespace(namespace, {"kubernetes.io/metadata.name": namespace})
    web = node.add_pod("shop", "web", {"app": "web"})
    db = node.add_pod("shop", "db", {"app": "db"})
    visitor = node.add_pod("guests", "visitor", {"app": "visitor"})
    db.listen(5432)
    return web, db, visitor


def policy(name, rules, **spec):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"namespace": "shop", "name": name},
            "spec": {"podSelector": {"matchLabels": {"app": "db"}}, "ingress": rules, **spec}}


def only(port):
    return [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}],
             "ports": [{"protocol": "TCP", "port": port}]}]


def write(node, name, *objects):
    path = node.path(name)
    with open(path, "w") as f:
        f.write("---\n".join(json.dumps(o) + "\n" for o in objects))
    return path


def end(e):
    return e.get("pod") or e.get("prefix") or e.get("node")


def changes(answer):
    """(source, destination, ports) -> the verdict there would be."""
    found = {}
    for c in answer["changes"]:
        ports = tuple((p["protocol"], p.get("first"), p.get("last")) for p in c["ports"])
        found[end(c["source"]), end(c["destination"]), ports] = c["after"]["verdict"]
    return found


def test_a_policy_that_is_not_there(node):
    pods(node)
    node.wait()
    answer = node.query("simulate", write(node, "db.yaml", policy("db", only(5432))))
    assert [(p["name"], p["change"]) for p in answer["policies"]] == [("db", "added")]
    assert answer["complete"] and answer["more"] == 0
    every = (None, None, None), ("TCP", 0, 65535), ("UDP", 0, 65535), ("SCTP", 0, 65535)
    but = ((None, None, None), ("TCP", 0, 5431), ("TCP", 5433, 65535), ("UDP", 0, 65535),
           ("SCTP", 0, 65535))
    want = {("web", "db", but): "denied", ("visitor", "db", every): "denied",
            ("0.0.0.0/0", "db", every): "denied", ("::/0", "db", every): "denied"}
    assert changes(answer) == want, answer["changes"]
    assert answer["pairs"] == {"allowed": 0, "denied": 4}
    assert all(c["families"] == ["IPv4", "IPv6"] for c in answer["changes"]
               if "pod" in c["source"])
    side = answer["changes"][0]["after"]["ingress"]
    assert side["reason"] == "isolated" and side["policies"][0]["name"] == "db", side
    assert not node.query("policies")["policies"], "nothing of it is in force"


def test_what_it_says_then_happens(node):
    web, db, visitor = pods(node)
    node.write_manifest("db", policy("db", only(1)))
    node.wait()
    assert not web.reach(db.addr(4), 5432, timeout=0.5)
    answer = node.query("simulate", write(node, "db.yaml", policy("db", only(5432))))
    assert answer["policies"][0]["change"] == "changed"
    assert changes(answer) == {("web", "db", (("TCP", 1, 1),)): "denied",
                               ("web", "db", (("TCP", 5432, 5432),)): "allowed"}
    text = node.weirctl("simulate", node.path("db.yaml")).stdout
    assert "would be allowed  shop/web -> shop/db: TCP 5432 (1 pair)" in text, text
    node.write_manifest("db", policy("db", only(5432)))
    node.wait()
    assert web.reach(db.addr(4), 5432) and not visitor.reach(db.addr(4), 5432, timeout=0.5)
    same = node.query("simulate", node.path("db.yaml"))
    assert same["policies"][0]["change"] == "unchanged" and not same["changes"], same
    without = node.query("simulate", "--without", "NetworkPolicy/shop/db")
    assert without["removed"][0]["name"] == "db"
    assert without["pairs"]["allowed"] == 4 and without["pairs"]["denied"] == 0, without


def test_recorded_flows(node):
    web, db, visitor = pods(node)
    node.wait()
    for who in (web, visitor):
        for family in (4, 6):
            assert who.reach(db.addr(family), 5432)

    def both():
        lines = node.weirctl("-o", "json", "flows", "--last", "100").stdout.splitlines()
        records = [json.loads(line) for line in lines]
        seen = {r["src"].get("pod") for r in records if r.get("dst", {}).get("pod") == "db"}
        return {"web", "visitor"} <= seen and records

    records = eventually(both, what="the records")
    path = write(node, "db.yaml", policy("db", only(5432)))
    done = node.weirctl("-o", "json", "simulate", path, "--since", "1h")
    answer = json.loads(done.stdout)["flows"]
    assert done.returncode == 1, "there is a connection that would be denied"
    assert answer["denied"] == 2 and answer["allowed"] == 0, answer
    assert {c["source"]["pod"] for c in answer["changes"]} == {"visitor"}
    with open(node.path("flows.json"), "w") as f:
        f.writelines(json.dumps(r) + "\n" for r in records)
    again = node.query("simulate", path, "--flows", node.path("flows.json"))["flows"]
    assert again == answer, (again, answer)
    # the pods of the records are gone, and no others of a workload are there
    node.del_pod(visitor)
    node.wait()
    gone = node.query("simulate", path, "--flows", node.path("flows.json"))["flows"]
    assert gone["denied"] == 0 and gone["unjudged"][0]["connections"] == 2, gone
    assert node.weirctl("simulate", path, "--flows", node.path("flows.json")).returncode == 0


def propose(node, *args):
    done = node.weirctl("propose", "-n", "shop", *args)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_proposed_policies(node):
    """From flows to policies that allow these, and nothing else."""
    web, db, visitor = pods(node)
    outside = node.add_outside("world")
    dns = node.add_pod("guests", "dns", {"app": "dns", "pod-template-hash": "x1"})
    outside.listen(443)
    web.listen(80)
    dns.listen(53, "udp")
    node.wait()
    assert "no flow of a pod" in node.weirctl("propose", "-n", "shop").stderr
    allowed = [(web, db, 5432, "tcp"), (visitor, web, 80, "tcp"), (web, dns, 53, "udp"),
               (web, outside, 443, "tcp")]
    other = [(visitor, db, 5432, "tcp"), (db, web, 80, "tcp"), (web, db, 5433, "tcp"),
             (db, outside, 443, "tcp")]
    for family in (4, 6):
        for src, dst, port, protocol in allowed:
            assert src.reach(dst.addr(family), port, protocol), (src, dst, port)

    def flows():
        lines = node.weirctl("-o", "json", "flows", "--last", "1000").stdout.splitlines()
        ends = [r for r in map(json.loads, lines) if r["type"] == "open"]
        return len(ends) >= 8 and lines

    lines = eventually(flows, what="the records")
    text = eventually(lambda: propose(node, "--since", "7d"), what="the proposal")
    assert text == propose(node, "--since", "7d"), "the same flows, the same text"
    with open(node.path("flows.json"), "w") as f:
        f.writelines(line + "\n" for line in lines)
    path = node.path("proposed.yaml")
    with open(path, "w") as f:
        f.write(propose(node, "--flows", node.path("flows.json")))
    assert "pod-template-hash" not in text and "0.0.0.0/0" not in text, text
    assert "#   ingress from shop/web (Pod) TCP 5432: 2 connections" in text, text
    for args in (("--since", "7d"), ("--flows", node.path("flows.json"))):
        done = node.weirctl("-o", "json", "simulate", path, *args)
        told = json.loads(done.stdout)["flows"]
        assert done.returncode == 0 and told["denied"] == 0 and not told["unjudged"], told
        assert told["connections"] == 8, told
    with open(path) as f:
        node.write_manifest("proposed", f.read())
    node.wait()
    for family in (4, 6):
        for src, dst, port, protocol in allowed:
            assert src.reach(dst.addr(family), port, protocol), (src, dst, port, text)
        for src, dst, port, protocol in other:
            assert not src.reach(dst.addr(family), port, protocol, timeout=0.3), (src, dst, port)
    # what was denied is told of, and not allowed
    text = eventually(lambda: "denied when it was seen" in propose(node) and propose(node),
                      what="the denials")
    policies = [d for d in text.split("---\n") if "apiVersion" in d]
    assert len(policies) == 2 and all("5433" not in d.split("apiVersion")[1] for d in policies)


def test_bad_questions(node):
    pods(node)
    node.wait()
    broken = policy("db", only(5432))
    broken["spec"]["podSelctor"] = {}
    for objects, want in (([broken], "podSelctor"),
                          ([policy("ok", []), {**policy("x", []), "kind": "NetworkPolicies"}],
                           "is meant"),
                          ([{**policy("x", []), "apiVersion": "extensions/v1beta1"}], "apiVersion"),
                          ([{"kind": "NetworkPolicy"}], "apiVersion or kind is missing")):
        done = node.weirctl("simulate", write(node, "bad.yaml", *objects))
        assert done.returncode == 2 and want in done.stderr and "bad.yaml" in done.stderr, done
    for args, want in ((["simulate"], "needs files"), (["simulate", "/nonexistent"], "No such file"),
                       (["simulate", "--without", "Pod/a/b"], "want KIND"),
                       (["simulate", "--without", "NetworkPolicy/a/b"], "no such policy")):
        done = node.weirctl(*args)
        assert done.returncode == 2 and want in done.stderr, (args, done.stderr)
    ignored = node.query("simulate", write(node, "pod.yaml", {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": "new"}}))
    assert ignored["ignored"] == ["Pod"] and not ignored["changes"], ignored
    assert node.weirctl("status").returncode == 0


def test_weird_is_not_disturbed(node):
    """A policy of 10,000 rules, asked for again and again while it is being answered."""
    web, db, _ = pods(node)
    node.wait()
    rules = [{"from": [{"ipBlock": {"cidr": f"10.{i >> 8}.{i & 255}.0/24"}}],
              "ports": [{"protocol": "TCP", "port": 1 + i}]} for i in range(10000)]
    path = write(node, "big.yaml", policy("big", rules))
    files = len(node.open_files())
    asking = [ask(node, "-o", "json", "simulate", path) for _ in range(3)]
    slowest = 0
    while any(p.poll() is None for p in asking):
        began = time.monotonic()
        assert node.weirctl("-o", "json", "status").returncode == 0
        slowest = max(slowest, time.monotonic() - began)
    codes = sorted(p.returncode for p in asking)
    assert codes[0] == 0 and set(codes) <= {0, 2}, codes
    assert slowest < 2, f"status took {slowest:.2f} s"
    # one that asks and goes, one whose child dies, one that weird does not survive
    gone = ask(node, "simulate", path)
    time.sleep(0.1)
    gone.kill()
    gone.wait()
    eventually(lambda: not children(node), 60, "the child that nobody waits for")
    dying = ask(node, "simulate", path)
    child = eventually(lambda: children(node), 10, "the child")[0]
    os.kill(child, signal.SIGKILL)
    dying.wait()
    assert dying.returncode == 2 and b"did not finish" in dying.stderr.read()
    eventually(lambda: len(node.open_files()) <= files, 20, "files are closed again")
    left = ask(node, "simulate", path)
    child = eventually(lambda: children(node), 10, "the child")[0]
    node.stop(signal.SIGKILL)
    left.wait()
    eventually(lambda: not os.path.exists(f"/proc/{child}/exe"), 10, "the child's end")
    node.start()
    assert web.reach(db.addr(4), 5432)


def ask(node, *args):
    """weirctl, running."""
    return subprocess.Popen([os.path.join(BUILD, "cli", "weirctl"), "--socket", node.rpc, *args],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def children(node):
    with open(f"/proc/{node.process.pid}/task/{node.process.pid}/children") as f:
        return [int(word) for word in f.read().split()]


if __name__ == "__main__":
    main(__file__, [test_a_policy_that_is_not_there, test_what_it_says_then_happens,
                    test_recorded_flows, test_proposed_policies, test_bad_questions,
                    test_weird_is_not_disturbed])
