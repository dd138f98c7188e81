# SPDX-License-Identifier: Apache-2.0
"""The API of a real weir-hub, over what a node has sent: each answer against a model in here,
and against docs/openapi.json in both directions."""
import http.client
import json
import os
import random
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from hubtest import HUB as HUB_PROGRAM  # noqa: E402
from hubtest import PEOPLE, TOP, Hub, main, token_of, wait_for  # noqa: E402

NAMESPACES = ["shop", "pay", "mail"]
SINCE = {"since": "1h"}
with open(os.path.join(TOP, "docs/openapi.json")) as f:
    DOCUMENT = json.load(f)


def end(rng, outside=0.1):
    if rng.random() < outside:
        return {"addr": f"192.0.2.{rng.randrange(1, 9)}"}
    n = rng.randrange(6)
    namespace = rng.choice(NAMESPACES)
    return {"namespace": namespace, "pod": f"pod-{n}", "workload": f"app-{n % 3}",
            "addr": f"10.{NAMESPACES.index(namespace)}.0.{n + 1}"}


def random_flows(count, seed):
    rng = random.Random(seed)
    flows = []
    for _ in range(count):
        flow = {"type": rng.choice(["open", "end", "denied"]), "src": end(rng),
                "dst": end(rng), "port": rng.choice([80, 443, 5432])}
        if "namespace" not in flow["src"] and "namespace" not in flow["dst"]:
            flow["dst"] = end(rng, 0)
        flow["verdict"] = "denied" if flow["type"] == "denied" else "allowed"
        if flow["type"] == "end":
            flow["bytes"] = [rng.randrange(1000), rng.randrange(1000)]
        if rng.random() < 0.5:
            flow["policy"] = f"policy-{rng.randrange(3)}"
        flows.append(flow)
    return flows


def seen(flows, namespace):
    """What this person may know of; numbered as the node numbers them."""
    return [(i + 1, f) for i, f in enumerate(flows)
            if namespace is None or namespace in (f["src"].get("namespace"),
                                                  f["dst"].get("namespace"))]


def shown_end(e, namespace):
    if namespace is None or e.get("namespace") == namespace:
        return e
    if "namespace" in e:
        return {k: e[k] for k in ("namespace", "workload")}
    return {"addr": e["addr"]}


def number(flow):
    """The node's number of a flow, which is in its source port, too: that is never hidden."""
    return flow["src"]["port"] - 1024


# --- the hub of all tests ---------------------------------------------------------------------

HUB = None
FLOWS = random_flows(900, 7)


def pages(who, limit, **params):
    flows, cursor, rounds = [], {}, 0
    fixed = {"from": str(time.time_ns() - 3600 * 10**9), "to": str(time.time_ns() + 10**10)}
    while True:
        a = HUB.get(who, "/v1/flows", limit=limit, **fixed, **params, **cursor)
        assert a.status == 200, a.text
        assert len(a.json["flows"]) <= limit and a.json["complete"], a.text
        flows += a.json["flows"]
        rounds += 1
        assert rounds < 1000
        if "cursor" not in a.json:
            return flows
        cursor = {"cursor": a.json["cursor"]}


def test_flows_are_those_of_the_model():
    for who, namespace in PEOPLE.items():
        want = seen(FLOWS, namespace)
        for order in "newest", "oldest":
            got = pages(who, 97, order=order)
            seqs = [number(f) for f in got]
            assert sorted(seqs) == [n for n, _ in want], (who, len(seqs), len(want))
            times = [f["time"] for f in got]
            assert times == sorted(times, reverse=order == "newest"), (who, order)
        model = dict(want)
        for f in got:
            for side in "src", "dst":
                shown = shown_end(model[number(f)][side], namespace)
                have = f[side]
                for key in "namespace", "pod", "workload", "addr":
                    assert have.get(key) == shown.get(key), (who, side, key, f)
                assert ("labels" in have) == ("pod" in shown), (who, f)
            mine = namespace is None or model[number(f)]["dst"].get("namespace") == namespace
            policies = f.get("ingress", {}).get("policies", [])
            assert bool(policies) == (mine and "policy" in model[number(f)]), (who, f)
            assert f["cluster"] == "c1"
            if namespace is None:
                assert f["seq"] == number(f) and f["node"] == "n1"
            elif "pod" not in f["src"] or "pod" not in f["dst"]:
                assert "seq" not in f and "flow" not in f, (who, f)


def test_filters():
    def count(who, **params):
        return len(pages(who, 1000, **params))

    def model(who, condition):
        namespace = PEOPLE[who]
        return sum(1 for _, f in seen(FLOWS, namespace) if condition(
            {**f, "src": shown_end(f["src"], namespace), "dst": shown_end(f["dst"], namespace)}))

    checks = [
        ({"namespace": "shop"},
         lambda f: "shop" in (f["src"].get("namespace"), f["dst"].get("namespace"))),
        ({"from.namespace": "shop"}, lambda f: f["src"].get("namespace") == "shop"),
        ({"to.namespace": ["shop", "pay"]},
         lambda f: f["dst"].get("namespace") in ("shop", "pay")),
        ({"verdict": "denied"}, lambda f: f["verdict"] == "denied"),
        ({"port": "!443"}, lambda f: f["port"] != 443),
        ({"port": "80-443"}, lambda f: 80 <= f["port"] <= 443),
        ({"pod": "pod-2"}, lambda f: "pod-2" in (f["src"].get("pod"), f["dst"].get("pod"))),
        ({"from.workload": "Deployment/app-1"}, lambda f: f["src"].get("workload") == "app-1"),
        ({"address": "192.0.2.0/24"},
         lambda f: any(f[s].get("addr", "").startswith("192.0.2.") for s in ("src", "dst"))),
        ({"to.label": "app=app-0"},
         lambda f: f["dst"].get("workload") == "app-0" and "pod" in f["dst"]),
        ({"type": "end", "cluster": "c1", "node": "n1"}, lambda f: f["type"] == "end"),
        ({"cluster": "c2"}, lambda f: False),
    ]
    for who in PEOPLE:
        for params, condition in checks:
            got, want = count(who, **params), model(who, condition)
            assert got == want, (who, params, got, want)
    assert count("ns-shop", pod="pod-2") < count("admin", pod="pod-2")


def test_fields_and_ndjson():
    a = HUB.get("admin", "/v1/flows", limit=5, fields="seq,src.namespace,nodes", **SINCE)
    for f in a.json["flows"]:
        assert set(f) <= {"seq", "src", "nodes"} and set(f["src"]) <= {"namespace"}, f
        assert "n1" in f["nodes"].values()
    a = HUB.get("admin", "/v1/flows", ndjson=True, limit=7, **SINCE)
    assert a.headers["content-type"] == "application/x-ndjson"
    assert len(a.lines) == 7 and a.headers["weir-complete"] == "true"
    b = HUB.get("admin", "/v1/flows", ndjson=True, limit=7, cursor=a.headers["weir-cursor"],
                **SINCE)
    assert not {f["seq"] for f in a.lines} & {f["seq"] for f in b.lines}


def sums(who, **params):
    a = HUB.get(who, "/v1/sums", **{**SINCE, **params})
    assert a.status == 200, a.text
    return a.json


def test_sums():
    for who, namespace in PEOPLE.items():
        want = {}
        for _, f in seen(FLOWS, namespace):
            key = (f["src"].get("namespace"), f["dst"].get("namespace"))
            s = want.setdefault(key, [0, 0, 0])
            s[0] += f["type"] == "open"
            s[1] += f["type"] == "denied"
            s[2] += sum(f.get("bytes", ()))
        answer = sums(who, by="from.namespace,to.namespace", limit=1000, measure="bytes")
        got = {(s.get("from.namespace"), s.get("to.namespace")):
               [s["connections"], s["denied"], s["bytes"]] for s in answer["sums"]}
        assert got == want, (who, got, want)
        most = [s["bytes"] for s in answer["sums"]]
        assert most == sorted(most, reverse=True)
    top = sums("admin", by="from.pod", limit=2)
    rest = sums("admin", by="from.pod", limit=1000)
    assert len(top["sums"]) == 2 and "other" in top and "other" not in rest
    assert (sum(s["connections"] for s in top["sums"]) + top["other"]["connections"] ==
            sum(s["connections"] for s in rest["sums"]))
    by_time = sums("admin", by="time", step="1m")["sums"]
    assert all(isinstance(s["time"], int) and s["time"] % (60 * 10**9) == 0 for s in by_time)
    assert (sum(s["connections"] for s in by_time) ==
            sum(f["type"] == "open" for f in FLOWS))


def test_map():
    for who, namespace in PEOPLE.items():
        for level in "namespace", "workload":
            want = {}
            for _, f in seen(FLOWS, namespace):
                key = tuple((f[s].get("namespace"),
                             f"Deployment/{f[s]['workload']}"
                             if level == "workload" and "workload" in f[s] else None)
                            for s in ("src", "dst"))
                e = want.setdefault(key, [0, 0])
                e[0] += f["type"] == "open"
                e[1] += f["type"] == "denied"
            a = HUB.get(who, "/v1/map", level=level, limit=1000, **SINCE).json
            names = {v["id"]: (v.get("namespace"), v.get("workload")) for v in a["vertices"]}
            got = {(names[e["from"]], names[e["to"]]): [e["connections"], e["denied"]]
                   for e in a["edges"]}
            assert got == want, (who, level, set(got) ^ set(want))
            for e in a["edges"]:
                assert ("denied" in e["verdicts"]) == (e["denied"] > 0)


def test_values():
    for who, namespace in PEOPLE.items():
        a = HUB.get(who, "/v1/values", field="namespace", **SINCE).json
        want = {f[s]["namespace"] for _, f in seen(FLOWS, namespace) for s in ("src", "dst")
                if "namespace" in f[s]}
        assert set(a["values"]) == want, (who, a)
        a = HUB.get(who, "/v1/values", field="pod", prefix="shop/", **SINCE).json
        want = {f"shop/{f[s]['pod']}" for _, f in seen(FLOWS, namespace) for s in ("src", "dst")
                if f[s].get("namespace") == "shop" and "pod" in shown_end(f[s], namespace)}
        assert set(a["values"]) == want, (who, a, want)


# --- who may not --------------------------------------------------------------------------------

def test_nobody():
    for path in DOCUMENT["paths"]:
        for method, o in DOCUMENT["paths"][path].items():
            a = HUB.request(None, method.upper(), path.replace("{", "").replace("}", ""))
            if "security" in o:
                assert a.status == 200, (path, a.text)
            else:
                assert a.status == 401, (path, a.text)
                assert a.headers["www-authenticate"].startswith("Bearer"), path
                check_problem(a)
    assert HUB.get("wrong", "/v1/me").status == 401
    assert HUB.get("wrong", "/v1/flows").status == 401


def same(a, b):
    assert (a.status, a.text) == (b.status, b.text), (a.text, b.text)
    strip = {"date"}
    assert {k: v for k, v in a.headers.items() if k not in strip} == {
        k: v for k, v in b.headers.items() if k not in strip}


def test_hidden_is_like_absent():
    same(HUB.get("ns-shop", "/v1/flows", node="n1", **{"from.namespace": "pay",
                                                       "to.namespace": "mail"}, **SINCE),
         HUB.get("ns-shop", "/v1/flows", node="n1", **{"from.namespace": "nowhere",
                                                       "to.namespace": "mail"}, **SINCE))
    same(HUB.request("ns-shop", "DELETE", "/v1/nodes/c1/n1"),
         HUB.request("ns-shop", "DELETE", "/v1/nodes/c1/n9"))
    same(HUB.request("ns-shop", "DELETE", "/v1/nodes/c1/n1"),
         HUB.request("admin", "DELETE", "/v1/nodes/c9/n1"))
    assert HUB.get("ns-shop", "/v1/nodes").json == {"nodes": []}
    assert HUB.get("ns-shop", "/v1/gaps", **SINCE).json["gaps"] == []
    assert HUB.post("ns-shop", "/v1/enrolments", {"cluster": "c1"}).status == 403
    same(HUB.post("ns-shop", "/v1/enrolments", {"cluster": "c1"}),
         HUB.post("ns-shop", "/v1/enrolments", {"cluster": "c9"}))
    for path in "/v1/audit", "/v1/roles":
        assert HUB.get("ns-shop", path).status == 403
    lines = HUB.get("admin", "/v1/audit", last=50).json["audit"]
    assert any(line["user"] == "ns-shop" and line["object"] == "c1/n1" and
               line["action"] == "node.revoke" and line["outcome"] == "denied" for line in lines)
    assert not any("weir_" in json.dumps(line) for line in lines), "a token is in the audit log"
    assert len(HUB.get("admin", "/v1/nodes").json["nodes"]) == 1


# --- mistakes -----------------------------------------------------------------------------------

def check_problem(a):
    assert a.headers["content-type"] == "application/problem+json", a.headers
    assert set(a.json) <= set(DOCUMENT["components"]["schemas"]["Problem"]["properties"])
    assert a.json["status"] == a.status
    return a.json.get("detail", "")


def test_mistakes():
    for params, word in [({"namspace": "a"}, 'did you mean "namespace"'),
                         ({"limit": "0"}, "limit"), ({"limit": "1000000"}, "at most 10000"),
                         ({"port": "x"}, "port"), ({"from": "yesterday"}, "from"),
                         ({"cursor": "x"}, "cursor"), ({"fields": "colour"}, "fields"),
                         ({"namespace": "x" * 600}, "namespace"), ({"label": "=x"}, "label")]:
        a = HUB.get("admin", "/v1/flows", params)
        assert a.status == 400 and word in check_problem(a), (params, a.text)
    for body, word in [({"cluster": ""}, "cluster"), ({}, "cluster"), ([], "body"),
                       ({"cluster": "c", "ttl": "1y"}, "ttl"),
                       ({"cluster": "c", "uses": 0}, "uses"), ({"cluster": "c", "x": 1}, "x:")]:
        a = HUB.post("admin", "/v1/enrolments", body)
        assert a.status == 400 and word in check_problem(a), (body, a.text)
    assert HUB.request("admin", "POST", "/v1/enrolments", body="{" * 70000).status == 413
    assert HUB.request("admin", "POST", "/v1/flows").status == 405
    assert HUB.get("admin", "/v1/nothing").status == 404
    assert HUB.request("admin", "GET", "/v1/flows", raw="namespace=a%00b").status == 400
    many = "&".join(f"port={i + 1}" for i in range(300))
    assert HUB.request("admin", "GET", "/v1/flows", raw=many).status == 400
    assert HUB.request("admin", "GET", "/v1/flows", raw="pod=" + "a" * 40000).status in (
        400, 413, 414, 431)
    c = HUB.connection()
    c.request("GET", "/v1/me", headers={"Authorization": "Bearer " + "x" * 60000})
    assert c.getresponse().status in (400, 413, 431)
    c.close()
    assert HUB.get("admin", "/v1/me").status == 200


# --- live ---------------------------------------------------------------------------------------

class Live(threading.Thread):
    def __init__(self, who, params="", ndjson=False):
        super().__init__(daemon=True)
        self.c = HUB.connection()
        self.c.request("GET", "/v1/flows/live" + ("?" + params if params else ""), headers={
            "Authorization": f"Bearer {token_of(who)}",
            "Accept": "application/x-ndjson" if ndjson else "text/event-stream"})
        self.response = self.c.getresponse()
        assert self.response.status == 200, self.response.read()
        self.ndjson, self.flows, self.kinds = ndjson, [], []
        self.response.readline()
        self.start()

    def close(self):
        self.c.sock.shutdown(socket.SHUT_RDWR)
        self.join(10)
        self.c.close()

    def run(self):
        event = None
        try:
            for raw in self.response:
                line = raw.decode().rstrip("\n")
                if self.ndjson and line:
                    self.flows.append(json.loads(line))
                elif line.startswith("event: "):
                    event = line[7:]
                    self.kinds.append(event)
                elif line.startswith("data: ") and event == "flow":
                    self.flows.append(json.loads(line[6:]))
        except (OSError, ValueError, http.client.HTTPException):
            pass


def test_live():
    streams = {who: Live(who) for who in PEOPLE}
    denied = Live("admin", "verdict=denied&fields=seq,verdict", ndjson=True)
    first = HUB.nodes[0].sent
    more = random_flows(200, 11)
    HUB.nodes[0].send(more)
    for who, namespace in PEOPLE.items():
        want = [first + n for n, _ in seen(more, namespace)]
        wait_for(f"{who} hears of all", lambda: len(streams[who].flows) >= len(want))
        time.sleep(0.05)
        heard = [number(f) for f in streams[who].flows]
        assert heard == want, (who, heard, want)
        for f in streams[who].flows:
            source = more[number(f) - first - 1]
            for side in "src", "dst":
                shown = shown_end(source[side], namespace)
                assert f[side].get("pod") == shown.get("pod"), (who, f)
    assert denied.flows == [{"seq": first + n, "verdict": "denied"}
                            for n, f in seen(more, None) if f["verdict"] == "denied"]
    FLOWS.extend(more)
    assert HUB.metrics()["weir_hub_live_clients"] == len(PEOPLE) + 1
    for s in [*streams.values(), denied]:
        s.close()


# --- the document -------------------------------------------------------------------------------

def resolve(schema):
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


TYPES = {"string": str, "integer": int, "boolean": bool, "object": dict, "array": list}


def hold_against(value, schema, where, used):
    schema = resolve(schema)
    assert isinstance(value, TYPES[schema["type"]]), (where, value)
    if "enum" in schema:
        assert value in schema["enum"], (where, value)
    if isinstance(value, list):
        for v in value:
            hold_against(v, schema["items"], where + "[]", used)
    if not isinstance(value, dict) or "properties" not in schema:
        return
    for name in schema.get("required", ()):
        assert name in value, (where, name)
    for name, v in value.items():
        assert name in schema["properties"], f"{where}: {name} is not described"
        used.add((id(schema), name))
        hold_against(v, schema["properties"][name], f"{where}.{name}", used)


def test_answers_are_as_described():
    used = set()
    fill = {"/v1/sums": [{"by": "from.namespace,port,verdict,policy"}, {"by": "port", "limit": 2},
                         {"by": "time,cluster,node,from.workload", "step": "1m"},
                         {"by": "to.workload,from.pod,to.pod,from.address"},
                         {"by": "to.address,protocol,reason,to.namespace"}],
            "/v1/map": [{"limit": 3}], "/v1/values": [{"field": "pod"}],
            "/v1/flows": [{"limit": 1000}], "/v1/gaps": [{}]}
    for path, methods in DOCUMENT["paths"].items():
        get = methods.get("get")
        if not get or path == "/v1/flows/live":
            continue
        for params in fill.get(path, [{}]):
            a = HUB.get("admin", path, **params, **(SINCE if path in fill else {}))
            content = get["responses"][str(a.status)]["content"]
            kind = a.headers["content-type"].split(";")[0]
            assert kind in content, (path, kind)
            if kind == "application/json":
                hold_against(a.json, content[kind]["schema"], path, used)
    a = HUB.post("admin", "/v1/enrolments", {"cluster": "c1", "node": "n7"})
    hold_against(a.json, DOCUMENT["components"]["schemas"]["Token"], "token", used)
    # each member of these is there in some answer
    for name in "Sum", "Measures", "Vertex", "Edge", "Map", "Sums", "Values", "Me", "Token", "Role", "Binding":
        schema = DOCUMENT["components"]["schemas"][name]
        lacking = {n for n in schema["properties"] if (id(schema), n) not in used}
        assert lacking <= {"why"}, f"{name}: nothing has {lacking}"


def test_document_is_served():
    assert HUB.get(None, "/v1/openapi.json").json == DOCUMENT


def test_described_parameters_are_taken():
    good = {"since": "1h", "from": "1", "to": "2026-01-31T12:00:00Z", "limit": "5",
            "order": "oldest", "fields": "time", "seconds": "true", "by": "port", "step": "1m",
            "measure": "bytes", "field": "pod", "prefix": "a", "last": "5", "level": "namespace",
            "address": "10.0.0.0/8", "port": "80", "protocol": "TCP", "verdict": "denied",
            "staged": "allowed", "reason": "rule", "direction": "egress", "type": "open"}
    needs = {"/v1/sums": {"by": "port"}, "/v1/values": {"field": "pod"}}
    for path, methods in DOCUMENT["paths"].items():
        for ref in methods.get("get", {}).get("parameters", ()):
            name = ref["$ref"].rsplit("/", 1)[1]
            if name == "cursor" or path == "/v1/flows/live":
                continue
            value = good.get(name) or good.get(name.split(".")[-1], "x")
            a = HUB.get("admin", path, {**needs.get(path, {}), name: value})
            assert a.status == 200, (path, name, a.text)


# --- what it costs, what it says of itself ------------------------------------------------------

def test_metrics():
    m = HUB.metrics()
    with open(os.path.join(TOP, "docs/HUB.md")) as f:
        described = set(re.findall(r"^\| (weir_\w+) \|", f.read(), re.M))
    assert {name.split("{")[0] for name in m} == described, "docs/HUB.md has other metrics"
    assert m['weir_hub_nodes{state="connected"}'] == 1
    assert m["weir_hub_records_total"] == len(FLOWS), m["weir_hub_records_total"]
    want = {}
    for f in FLOWS:
        key = (f["src"].get("namespace", ""), f["verdict"])
        c = want.setdefault(key, [0, 0])
        c[0] += f["type"] == "open"
        c[1] += sum(f.get("bytes", ()))
    got = {}
    for name, i in ("connections", 0), ("bytes", 1):
        for k, v in m.items():
            labels = re.match(r'weir_flow_%s_total{from_namespace="(.*)",verdict="(.*)"}' % name, k)
            if labels:
                got.setdefault(labels.groups(), [0, 0])[i] = v
    assert got.pop(("other", "other"), None) is not None, "the bound of series was not met"
    assert got and all(got[k] == want[k] for k in got), (got, want)


def test_rights_change():
    """SIGHUP: who has lost a right has lost it at once, live streams too; a broken file changes
    nothing."""
    live = Live("ns-shop")
    HUB.write_access({"admin": None, "ns-shop": "mail", "ns-mail": "mail"})
    HUB.reload()
    live.join(10)
    assert not live.is_alive(), "a live stream outlasted its right"
    assert HUB.get("ns-none", "/v1/me").status == 401
    assert HUB.get("ns-shop", "/v1/values", field="namespace", prefix="shop", **SINCE) \
        .json == HUB.get("ns-mail", "/v1/values", field="namespace", prefix="shop", **SINCE).json
    with open(f"{HUB.folder}/access.yaml", "w") as f:
        f.write("bindings: [{role: nobody}]\n")
    HUB.reload("has errors")
    assert HUB.get("admin", "/v1/me").status == 200
    HUB.write_access()
    HUB.reload()
    assert HUB.get("ns-none", "/v1/me").status == 200


def test_stop_and_start_again():
    before = pages("admin", 1000, order="oldest")
    live = Live("admin")
    HUB.stop()
    live.join(10)
    assert not live.is_alive(), "a live stream outlasted the hub"
    HUB.start()
    assert pages("admin", 1000, order="oldest") == before


def test_tls():
    """Also over TLS, with large answers and live streams; never without, never an old one."""
    global HUB
    plain, HUB = HUB, Hub().use_tls()
    try:
        with HUB:
            HUB.node("c1", "n1").send(FLOWS)
            live = Live("admin")
            HUB.nodes[0].send(FLOWS[:50])
            wait_for("a stream over TLS", lambda: len(live.flows) == 50)
            assert len(HUB.get("admin", "/v1/flows", limit=1000, **SINCE).json["flows"]) == 1000
            live.close()
            with socket.create_connection(("127.0.0.1", HUB.port), 10) as s:
                s.sendall(b"GET /v1/me HTTP/1.1\r\nHost: hub\r\n\r\n")
                assert b"HTTP/1" not in s.recv(100)
            old = ssl.create_default_context(cafile=HUB.flags["http-certificate"])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
            with socket.create_connection(("127.0.0.1", HUB.port), 10) as s:
                try:
                    old.wrap_socket(s, server_hostname="127.0.0.1")
                    raise AssertionError("TLS 1.1 is spoken")
                except ssl.SSLError:
                    pass
    finally:
        HUB = plain


def test_budget():
    """A question that would read too much ends early, and says so; one answer has a bound."""
    global HUB
    plain, HUB = HUB, Hub(query_max_rows=1000, query_max_memory="1MiB", metrics_address="")
    try:
        with HUB:
            HUB.node("c1", "n1").send(random_flows(3000, 5))
            for path, params in [("/v1/flows", {"address": "203.0.113.1"}),
                                 ("/v1/sums", {"by": "from.address"})]:
                a = HUB.get("admin", path, **params, **SINCE).json
                assert a["complete"] is False and a["why"] == "rows", (path, a)
            a = HUB.get("admin", "/v1/flows", ndjson=True, address="203.0.113.1", **SINCE)
            assert a.headers["weir-complete"] == "false" and a.headers["weir-why"] == "rows"
            a = HUB.get("admin", "/v1/flows", limit=10000, **SINCE)
            assert a.status == 400 and "limit" in check_problem(a), a.text
            assert HUB.request("admin", "HEAD", "/v1/flows/live").status == 200
    finally:
        HUB = plain


def test_refuses_to_start():
    for flags, says in [({"http-address": "0.0.0.0:1"}, "without TLS"),
                        ({"http-certificate": "/nowhere", "http-key": "/nowhere"}, "/nowhere"),
                        ({"http-address": f"127.0.0.1:{HUB.port}"}, "listen on"),
                        ({"access-file": "/nowhere"}, "/nowhere"),
                        ({"store-path": "/proc/x/y"}, "/proc/x")]:
        other = Hub()
        other.flags.update(flags)
        try:
            done = subprocess.run([HUB_PROGRAM] + [f"--{k}={v}" for k, v in other.flags.items()],
                                  capture_output=True, text=True, timeout=20)
            assert done.returncode in (1, 2) and says in done.stderr, (flags, done)
        finally:
            other.clean_up()


if __name__ == "__main__":
    with Hub(metrics_flow_labels="from.namespace,verdict", metrics_max_series=5) as HUB:
        HUB.node("c1", "n1").send(FLOWS)
        main([test_flows_are_those_of_the_model, test_filters, test_fields_and_ndjson, test_sums,
              test_map, test_values, test_nobody, test_hidden_is_like_absent, test_mistakes,
              test_live, test_answers_are_as_described, test_document_is_served,
              test_described_parameters_are_taken, test_metrics, test_rights_change,
              test_tls, test_budget, test_refuses_to_start, test_stop_and_start_again])
