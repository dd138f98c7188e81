#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Established connections end when a policy denies them, and only those.

Long-lived TCP and UDP connections over IPv4 and IPv6 between two pods of one node; policies come
and go meanwhile. When the policy came into force is told by fresh connections: the first attempt
that gets no answer. From then on no byte of an old connection may come through for longer than
100 ms.
"""
import contextlib
import errno
import multiprocessing
import signal
import time

from fixture import Node, eventually, main
from netns import family_of
from rounds import rounds

PORT = 7000
DEADLINE = 0.1
CHANGES = rounds("WEIR_CHANGES", 50)
RELEASES = rounds("WEIR_RELEASES", 10)


def policy(name, spec, namespace="shop"):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"namespace": namespace, "name": name}, "spec": spec}


DENY_IN = policy("deny-in", {"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"]})
DENY_OUT = policy("deny-out", {"podSelector": {"matchLabels": {"app": "client"}}, "policyTypes": ["Egress"]})


class Connection:
    """One that is open: alive as long as what is sent comes back."""

    def __init__(self, src, addr, port, protocol):
        self.name = f"{protocol}/{family_of(addr).name}"
        self.protocol = protocol
        self.reset = None       # when the kernel said that it is over
        self.answered = None    # when the last answer had been asked for
        self.asked = {}
        self.counter = 0
        self.rest = b""         # of a word, TCP
        self.sock = src.socket(family_of(addr), protocol)
        err = self.sock.connect_ex((addr, port))
        assert err in (0, errno.EINPROGRESS), err
        eventually(lambda: self.turn() and self.answered, 5, f"{self.name} opens")

    def turn(self, ask=True):
        """Reads what has come; asks again."""
        try:
            while data := self.sock.recv(65536):
                data = self.rest + data
                for at in range(0, len(data) - 7, 8):
                    sent = self.asked.pop(data[at:at + 8], None)
                    self.answered = max(self.answered or 0, sent) if sent else self.answered
                self.rest = data[len(data) // 8 * 8:]
        except BlockingIOError:
            pass
        except OSError as e:
            if e.errno in (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED):
                self.reset = self.reset or time.monotonic()
        if ask and not self.reset:
            try:
                self.counter += 1
                word = self.counter.to_bytes(8, "big")
                self.sock.send(word)
                self.asked[word] = time.monotonic()
            except OSError as e:
                if e.errno in (errno.ECONNRESET, errno.EPIPE):
                    self.reset = self.reset or time.monotonic()
        return True

    def over(self):
        return self.reset or (self.protocol == "udp" and self.answered < time.monotonic() - 0.2)

    def close(self):
        self.sock.close()


def open_all(src, dst, port=PORT):
    return [Connection(src, dst.addr(f), port, p) for p in ("tcp", "udp") for f in (4, 6)]


class Fresh:
    """Attempts that are judged anew, one each turn."""

    def __init__(self, src, addr, port):
        self.src, self.addr, self.port = src, addr, port
        self.attempts = []  # (when, socket)

    def turn(self):
        s = self.src.socket(family_of(self.addr), "udp")
        s.connect((self.addr, self.port))
        self.attempts.append((time.monotonic(), s))
        s.send(b"fresh...")

    def denied_since(self):
        """When the first attempt without an answer was made; None: all had one."""
        found = None
        for when, s in self.attempts:
            try:
                s.recv(64)
            except OSError:
                found = found or when
            s.close()
        self.attempts = []
        return found


def run_for(seconds, connections, fresh=None, ask=True):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for c in connections:
            c.turn(ask)
        if fresh:
            fresh.turn()
        time.sleep(0.002)


def ended_by(node, change, connections, fresh, seconds=1.0):
    """Makes the change; how long after it was in force each connection still lived, in s."""
    run_for(0.05, connections, fresh)
    change()
    run_for(seconds, connections, fresh)
    since = fresh.denied_since()
    assert since, "fresh connections are not denied"
    for c in connections:
        assert c.answered > since - seconds, f"{c.name}: had been dead before"
        over = max(c.answered - since, c.reset - since if c.reset else 0)
        assert over < DEADLINE, f"{c.name}: went on for {over * 1000:.0f} ms"
        assert c.protocol == "udp" or c.reset, f"{c.name}: nobody told the client"
    return max(max(c.answered, c.reset or 0) - since for c in connections)


def pods(node):
    node.write_namespace("shop")
    client = node.add_pod("shop", "client", {"app": "client"})
    server = node.add_pod("shop", "server", {"app": "server"})
    server.listen(PORT)
    server.listen(PORT, "udp")
    node.wait()
    return client, server


def blocked(node):
    text = "".join(node.host.run("nft", "list", "set", "inet", "weir", s).stdout
                   for s in ("ended4", "ended6"))
    return text.count("expires")


def sockets(pod):
    """Its established TCP connections."""
    return pod.run("ss", "-Htn", "state", "established").stdout.splitlines()


def metric(node, name):
    text = node.host.run("curl", "-s", "http://127.0.0.1:9571/metrics").stdout
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " "))


def test_both_directions(node):
    """Ingress of the destination, egress of the source, and labels that move a pod under a policy."""
    client, server = pods(node)
    changes = {
        "ingress": lambda: node.write_manifest("deny", DENY_IN),
        "egress": lambda: node.write_manifest("deny", DENY_OUT),
    }
    for what, change in changes.items():
        connections = open_all(client, server)
        lived = ended_by(node, change, connections, Fresh(client, server.addr(4), PORT))
        print(f"     {what}: ended {lived * 1000:.1f} ms after the policy was in force")
        assert blocked(node) >= 6, blocked(node)
        node.remove_manifest("deny")
        node.wait()
        eventually(lambda: blocked(node) == 0, 5, "released")
        for c in connections:
            c.close()
        assert client.reach(server.addr(4), PORT)
    assert metric(node, "weir_connections_ended_total") >= 8


def test_idle(node):
    """Nobody sends anything: both ends are told all the same."""
    client, server = pods(node)
    connections = [Connection(client, server.addr(f), PORT, "tcp") for f in (4, 6)]
    assert len(sockets(server)) == len(sockets(client)) == 2
    node.write_manifest("deny", DENY_IN)
    node.wait()
    began = time.monotonic()
    eventually(lambda: not sockets(server) and not sockets(client), 2, "both ends are gone")
    print(f"     both ends were reset {(time.monotonic() - began) * 1000:.0f} ms after weirctl wait")
    for c in connections:
        c.turn(ask=False)
        assert c.reset, c.name


def blast(sock, to, stop):
    while not stop.is_set():
        for _ in range(50):
            with contextlib.suppress(OSError):
                sock.sendto(b"answer", to)


@contextlib.contextmanager
def streaming(sock, to):
    """Three senders at a time: some packet is always just being judged."""
    stop = multiprocessing.Event()
    senders = [multiprocessing.Process(target=blast, args=(sock, to, stop)) for _ in range(3)]
    for p in senders:
        p.start()
    try:
        yield
    finally:
        stop.set()
        for p in senders:
            p.join()


def test_released_while_answers_come(node):
    """A server that never stops answering: what is judged while its connection is released must
    not block it once more for good."""
    client, server = pods(node)
    answerer = server.socket(family_of(server.addr(4)), "udp")
    answerer.bind((server.addr(4), PORT + 1))
    for i in range(RELEASES):
        asker = client.socket(family_of(client.addr(4)), "udp")
        asker.bind((client.addr(4), PORT + i))
        asker.sendto(b"ask", (server.addr(4), PORT + 1))
        with streaming(answerer, (client.addr(4), PORT + i)):
            time.sleep(0.1)
            node.write_manifest("deny", DENY_IN)
            node.wait()
            eventually(lambda: blocked(node) > 0, 5, f"round {i}: blocked")
            node.remove_manifest("deny")
            node.wait()
            eventually(lambda: blocked(node) == 0, 5, f"round {i}: released")
        asker.close()
    answerer.close()


def restarted(node, change, sig):
    node.stop(sig)
    change()
    node.start()


def test_policy_came_while_weird_was_away(node):
    """Stopped and killed: what the first look at conntrack finds is judged as well."""
    client, server = pods(node)
    for sig in (signal.SIGTERM, signal.SIGKILL):
        connections = open_all(client, server)
        restarted(node, lambda: node.write_manifest("deny", DENY_IN), sig)
        gone = time.monotonic()
        eventually(lambda: run_for(0.01, connections) or all(c.over() for c in connections), 5, "ended")
        last = max(c.reset or c.answered for c in connections)
        print(f"     ended {max(0, last - gone) * 1000:.0f} ms after weird was in sync")
        assert last - gone < 0.5, "found late"
        assert blocked(node) >= 6
        node.restart(sig)  # what is blocked stays so, and does no harm to anybody else
        assert blocked(node) >= 6
        for c in connections:
            c.close()
        restarted(node, lambda: node.remove_manifest("deny"), sig)
        eventually(lambda: blocked(node) == 0, 5, "released")
        assert client.reach(server.addr(4), PORT)


def test_keep(node):
    node.config["connections"] = "keep"
    node.restart()
    client, server = pods(node)
    connections = open_all(client, server)
    node.write_manifest("deny", DENY_IN)
    node.wait()
    run_for(0.5, connections)
    last = time.monotonic() - 0.2
    assert all(c.answered > last and not c.reset for c in connections), "an old connection was ended"
    assert not client.reach(server.addr(4), PORT, timeout=0.3), "a new one was let in"
    assert blocked(node) == 0


def test_labels_and_namespaces(node):
    """A pod, or the peer of a rule, becomes another one by its labels."""
    client, server = pods(node)
    node.write_manifest("allow", policy("allow", {
        "podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "client"}},
                               "namespaceSelector": {"matchExpressions": [
                                   {"key": "closed", "operator": "DoesNotExist"}]}}]}]}))
    node.write_manifest("locked", policy("locked", {
        "podSelector": {"matchLabels": {"locked": "yes"}}, "policyTypes": ["Egress"]}))
    node.wait()
    steps = {
        "the client is no peer any more": (
            lambda: node.write_pod("shop", "client", {"app": "other"}),
            lambda: node.write_pod("shop", "client", {"app": "client"})),
        "its namespace is none": (
            lambda: node.write_namespace("shop", {"closed": "yes"}),
            lambda: node.write_namespace("shop")),
        "a policy selects the client": (
            lambda: node.write_pod("shop", "client", {"app": "client", "locked": "yes"}),
            lambda: node.write_pod("shop", "client", {"app": "client"})),
    }
    for what, (change, back) in steps.items():
        connections = open_all(client, server)
        lived = ended_by(node, change, connections, Fresh(client, server.addr(4), PORT))
        print(f"     {what}: {lived * 1000:.1f} ms")
        back()
        node.wait()
        eventually(lambda: blocked(node) == 0, 5, "released")
        for c in connections:
            c.close()


def point_service(node, server):
    """What kube-proxy makes of a Service whose only endpoint this is now."""
    for kind, ip, to in (("ip", "10.96.0.1", server.addr(4)), ("ip6", "fd96::1", f"[{server.addr(6)}]")):
        node.host.run("nft", f"""
            table {kind} service
            delete table {kind} service
            table {kind} service {{ chain in {{ type nat hook prerouting priority dstnat;
                {kind} daddr {ip} tcp dport 80 dnat to {to}:80;
                {kind} daddr {ip} udp dport 80 dnat to {to}:80;
            }}; }}""")


def test_through_a_service(node):
    """The client knows only the Service's address, and its next packet would go to another server,
    which is open to all: no answer of that one may pass for an answer of the first."""
    client, first = pods(node)
    second = node.add_pod("shop", "second", {"app": "second"})
    for server in (first, second):
        for protocol in ("tcp", "udp"):
            server.listen(80, protocol)
    node.wait()
    point_service(node, first)
    connections = [Connection(client, ip, 80, "tcp") for ip in ("10.96.0.1", "fd96::1")]
    point_service(node, second)
    lived = ended_by(node, lambda: node.write_manifest("deny", DENY_IN), connections,
                     Fresh(client, first.addr(4), PORT))
    print(f"     {lived * 1000:.1f} ms")


def test_routed_pods(_):
    """Without a bridge a reset takes another way."""
    for test in (test_idle, test_through_a_service):
        with Node("rejudgeptp", primary="ptp") as node:
            test(node)


def test_let_in_all_the_same(node):
    """What the kernel lets in although the tables deny it (here a rule of the test; else the last moment
    before a change) ends when its first packet is reported, without any further change."""
    client, server = pods(node)
    node.write_manifest("deny", DENY_IN)
    node.wait()
    node.host.run("nft", "insert", "rule", "inet", "weir", "forward", "udp", "dport", str(PORT), "accept")
    time.sleep(0.3)
    ended, rounds = metric(node, "weir_connections_ended_total"), metric(node, "weir_rejudge_rounds_total")
    assert client.reach(server.addr(4), PORT, "udp")
    eventually(lambda: metric(node, "weir_connections_ended_total") > ended, 1, "the connection ends")
    assert metric(node, "weir_rejudge_rounds_total") == rounds


def test_records_say_why(node):
    client, server = pods(node)
    with contextlib.closing(node.subscribe()) as subscriber:
        connections = open_all(client, server)
        node.write_manifest("deny", DENY_OUT)
        node.wait()
        run_for(0.2, connections)
        for c in connections:
            port = c.sock.getsockname()[1]
            record = subscriber.wait_for(lambda r, port=port: r["type"] == "end" and r["src"]["port"] == port)
            assert record, f"{c.name}: no record of its end"
            assert record["end"] == "policy" and record["verdict"] == "denied", record
            assert record["egress"]["policies"][0]["name"] == "deny-out", record
            assert record["packets"][0] > 0, record


def test_outside(node):
    """One end is no pod of this node: in, and out."""
    client, server = pods(node)
    outside = node.add_outside("net")
    outside.listen(PORT)
    outside.listen(PORT, "udp")
    inward, outward = open_all(outside, server), open_all(client, outside)
    lived = ended_by(node, lambda: node.write_manifest("deny", [DENY_IN, DENY_OUT]), inward + outward,
                     Fresh(outside, server.addr(4), PORT))
    print(f"     {lived * 1000:.1f} ms")


def test_node_stays(node):
    """What the node itself opens to its pods is nobody's business."""
    client, server = pods(node)
    connections = open_all(node.host, server)
    node.write_manifest("deny", [DENY_IN, DENY_OUT])
    node.wait()
    run_for(0.3, connections)
    assert all(c.answered > time.monotonic() - 0.2 and not c.reset for c in connections)


def retransmitted(pod):
    names, values = [line.split() for line in pod.run("cat", "/proc/net/snmp").stdout.splitlines()
                     if line.startswith("Tcp:")]
    return int(values[names.index("RetransSegs")])


def bulk(connections, seconds):
    """As much as comes back."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for c in connections:
            for _ in range(20 if len(c.asked) < (50 if c.protocol == "udp" else 1000) else 0):
                c.turn()


def test_what_stays_allowed_loses_nothing(node):
    """Through CHANGES changes of policy, each of which ends another connection beside it, and kills
    of weird, a bulk transfer and a stream of UDP datagrams in established connections lose nothing."""
    client, server = pods(node)
    node.write_manifest("open", policy("open", {
        "podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"],
        "ingress": [{"ports": [{"protocol": "TCP", "port": PORT}, {"protocol": "UDP", "port": PORT}]}]}))
    server.listen(PORT + 1, "udp")
    node.wait()
    other = policy("other", {"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"],
                             "ingress": [{"ports": [{"protocol": "UDP", "port": PORT + 1}]}]})
    stay = open_all(client, server)
    ended, kills = 0, range(CHANGES // 4, CHANGES, CHANGES // 2)
    for i in range(CHANGES):
        node.write_manifest("other", other)
        node.wait()
        leaves = Connection(client, server.addr(4), PORT + 1, "udp")
        if i in kills:
            node.stop(signal.SIGKILL)
        node.remove_manifest("other")
        if i in kills:
            node.start()
        bulk(stay, 0.02)
        node.wait()
        run_for(0.01, [leaves])
        asked = time.monotonic()
        bulk(stay, 0.02)
        run_for(0.01, [leaves])
        ended += leaves.answered < asked
        leaves.close()
    eventually(lambda: all(c.turn(ask=False) and not c.asked for c in stay), 5,
               f"all comes back: {[(c.name, len(c.asked), c.counter) for c in stay]}")
    assert ended == CHANGES, f"of {CHANGES} connections {ended} ended"
    for c in stay:
        assert not c.reset, c.name
    print(f"     {sum(c.counter for c in stay)} packets through {CHANGES} changes, none lost; TCP sent "
          f"{retransmitted(client) + retransmitted(server)} again")


TESTS = [test_both_directions, test_idle, test_policy_came_while_weird_was_away, test_labels_and_namespaces,
         test_through_a_service, test_routed_pods, test_let_in_all_the_same, test_records_say_why, test_outside,
         test_node_stays, test_keep, test_what_stays_allowed_loses_nothing, test_released_while_answers_come]

if __name__ == "__main__":
    main(__file__, TESTS)
