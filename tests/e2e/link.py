# SPDX-License-Identifier: Apache-2.0
"""A real weird and a real weir-hub: enrolment, a hub that is away, weird killed, a spool that is
too small, a node that is revoked, a node that listens.

Every record that weird has numbered is stored by the hub, or in a gap that the hub has stored:
    different seqs + records lost in gaps = numbers given out
whatever happened between them. flows.state says which numbers were given out.
"""
import os
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../hub"))

from fixture import BUILD, Node, Skip, main, merge  # noqa: E402
from netns import inside  # noqa: E402
import hubtest  # noqa: E402

ALLOWED = 10000
PORTS, SOURCES, RATE = 50, 40, 5000

POLICY = f"""
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{namespace: shop, name: half}}
spec:
  podSelector: {{matchLabels: {{app: web}}}}
  ingress:
  - ports: [{{protocol: UDP, port: {ALLOWED}, endPort: {ALLOWED + PORTS - 1}}}]
"""


class Hub(hubtest.Hub):
    """In the node's namespace, where 127.0.0.1 is the same for both."""

    def __init__(self, node, **flags):
        self.node_place = node.host
        super().__init__(**flags)

    def start(self):
        with inside(self.node_place.path):
            super().start()

    def connection(self):
        connection = super().connection()
        with inside(self.node_place.path):
            connection.connect()
        return connection

    def token(self, **more):
        answer = self.post("admin", "/v1/enrolments", {"cluster": "c1", **more})
        assert answer.status in (200, 201), answer.text
        return answer.json["token"]

    def all(self, path):
        """Every item of a paged answer."""
        items, cursor = [], None
        while True:
            params = {"since": "1h", "limit": 1000, **({"cursor": cursor} if cursor else {})}
            answer = self.get("admin", path, params).json
            items += answer[path.rsplit("/", 1)[1]]
            cursor = answer.get("cursor")
            if not cursor:
                return items

    def state_of(self, name):
        found = [n for n in self.get("admin", "/v1/nodes").json["nodes"] if n["node"] == name]
        return found[0] if found else {}


def write_token(node, token):
    with open(node.path("token"), "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
        f.write(token + "\n")


def status(node):
    return node.query("status")["hub"]


def until(node, what, condition, seconds=20):
    try:
        hubtest.wait_for(what, condition, seconds)
    except AssertionError as late:
        raise AssertionError(f"{late}: {status(node)}") from None


def await_connected(node):
    until(node, "connected", lambda: status(node)["state"] == "connected")


def await_all(node):
    until(node, "all acknowledged", lambda: status(node)["state"] == "connected" and
          status(node)["waiting"] == 0)


def prepare(node, hub, **spool):
    if not os.path.exists(hubtest.HUB):
        raise Skip("weir-hub is not built")
    node.config = {"flows": {"batchTime": "20ms"},
                   "hub": {"tokenFile": node.path("token"), "spool": spool}}
    write_token(node, hub.token())
    node.start()
    node.write_manifest("half", POLICY)
    client = node.add_pod("shop", "client")
    web = node.add_pod("shop", "web", {"app": "web"})
    node.wait()
    return client, web


class Traffic:
    def __init__(self, client, web):
        self.client, self.web, self.source = client, web, 2000

    def __call__(self, times=1):
        for _ in range(times):
            offer = self.client.popen(
                os.path.join(BUILD, "tests/e2e/offer"), self.web.addr(4), str(ALLOWED), str(PORTS),
                str(SOURCES), str(RATE), str(self.source), stdout=subprocess.PIPE)
            self.source += SOURCES
            assert int(offer.communicate()[0]) == PORTS * SOURCES


def numbers_given_out(node):
    with open(node.path("run/flows.state"), "rb") as f:
        magic, _, seq, _ = struct.unpack("=8s40sQQ", f.read())
    assert magic == b"weirseq1"
    return seq - 1


def look(node, hub):
    await_all(node)
    given = numbers_given_out(node)
    flows = hub.all("/v1/flows")
    seqs = [f["seq"] for f in flows if f.get("lostAt") != "spool"]
    gaps = [g for g in hub.all("/v1/gaps") if g.get("lostAt") == "spool"]
    return given, seqs, sum(g.get("lost", 0) for g in gaps), [g for g in gaps if not g.get("lost")]


def account(node, hub):
    """How many records are lost; every other one is there once. weird may still be reading what
    its kernel saw: numbers are given out until it has."""
    end = time.monotonic() + 60
    time.sleep(0.3)  # the batch that is being filled
    given, seqs, lost, unknown = look(node, hub)
    while len(seqs) + lost != given and time.monotonic() < end:
        time.sleep(0.5)
        given, seqs, lost, unknown = look(node, hub)
    print(f"  {given} numbers: {len(seqs)} stored, {lost} lost", flush=True)
    assert len(seqs) == len(set(seqs)), f"{len(seqs) - len(set(seqs))} are there twice"
    assert not unknown, f"gaps of unknown size: {unknown}"
    assert len(seqs) + lost == given
    return lost


def test_hub_away(node):
    with Hub(node) as hub:
        traffic = Traffic(*prepare(node, hub))
        await_connected(node)
        traffic()
        hub.stop()
        until(node, "not connected", lambda: status(node)["state"] != "connected")
        traffic(2)
        assert status(node)["waiting"] > 0
        hub.start()
        traffic()
        os.remove(node.path("token"))
        assert account(node, hub) == 0
        state = hub.state_of("node-1")
        assert state["state"] == "connected" and state["cluster"] == "c1", state
        hub.process.kill()  # nothing of what it has acknowledged goes with it
        hub.process.wait()
        traffic()
        hub.start()
        assert account(node, hub) == 0


def test_weird_killed(node):
    with Hub(node) as hub:
        traffic = Traffic(*prepare(node, hub, path=node.path("spool")))
        await_connected(node)
        traffic()
        hub.stop()
        for _ in range(3):
            traffic()
            node.stop(signal.SIGKILL)
            node.start()
        hub.start()
        traffic()
        lost = account(node, hub)
        assert lost < PORTS * SOURCES, "the spool on disk has held nothing"
        hub.stop()
        traffic()
        node.restart()  # well ended: nothing at all is lost
        hub.start()
        assert account(node, hub) == lost
        assert not [f for f in os.listdir(node.path("spool")) if status(node)["disk"] == 0]


def test_spool_overflow(node):
    with Hub(node) as hub:
        traffic = Traffic(*prepare(node, hub, memory="1MiB"))
        await_connected(node)
        traffic()
        hub.stop()
        traffic(20)
        hub.start()
        assert account(node, hub) > 0
        assert status(node)["lost"] > 0


def test_revoked(node):
    with Hub(node) as hub:
        traffic = Traffic(*prepare(node, hub))
        await_connected(node)
        traffic()
        account(node, hub)
        before = len(hub.all("/v1/flows"))
        answer = hub.request("admin", "DELETE", "/v1/nodes/c1/node-1")
        assert answer.status in (200, 204), answer.text
        until(node, "cut off", lambda: status(node)["state"] != "connected", 8)
        traffic()
        time.sleep(3)
        assert len(hub.all("/v1/flows")) == before, "records of a revoked node were stored"
        assert "hub" in node.weirctl("status").stdout
        write_token(node, hub.token(node="another"))
        until(node, "refused", lambda: "another node" in (status(node).get("error") or ""), 30)
        write_token(node, hub.token(node="node-1"))
        await_connected(node)
        assert account(node, hub) == 0


def test_node_listens(node):
    with Hub(node) as hub:
        prepared = prepare(node, hub)
        await_connected(node)
        node.stop()
        address = hub.flags.pop("listen")
        hub.stop()
        hub.flags["connect"] = address
        hub.flags["listen"] = "tcp://127.0.0.1:1"
        merge(node.config, {"hub": {"listen": address}})
        node.start()
        hub.start()
        await_connected(node)
        Traffic(*prepared)()
        assert account(node, hub) == 0


if __name__ == "__main__":
    main(__file__, [test_hub_away, test_weird_killed, test_spool_overflow, test_revoked,
                    test_node_listens], lambda name: Node(name, start=False))
