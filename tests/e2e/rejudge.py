#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Established connections end when a policy denies them, and only those.

Long-lived TCP and UDP connections over IPv4 and IPv6 between two pods of one node; policies come
and go meanwhile. When the policy came into force is told by fresh connections: the first attempt
that gets no answer. From then on no byte of an old connection may come through for longer than
100 ms.
"""
import errno
import socket
import time

from fixture import eventually, main
from netns import family_of

PORT = 7000
DEADLINE = 0.1

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
        self.sock = src.socket(family_of(addr), protocol)
        err = self.sock.connect_ex((addr, port))
        assert err in (0, errno.EINPROGRESS), err
        eventually(lambda: self.turn() and self.answered, 5, f"{self.name} opens")

    def turn(self, ask=True):
        """Reads what has come; asks again."""
        try:
            while data := self.sock.recv(65536):
                for at in range(0, len(data) - 7, 8):
                    sent = self.asked.pop(data[at:at + 8], None)
                    self.answered = max(self.answered or 0, sent) if sent else self.answered
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
        assert blocked(node) >= 8, blocked(node)
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


TESTS = [test_both_directions, test_idle]

if __name__ == "__main__":
    main(__file__, TESTS)
