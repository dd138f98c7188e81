# SPDX-License-Identifier: Apache-2.0
"""Records carry the policies that were in force: 200 rapid flips of a policy, with a connection
right before and right after each. The one before is explained by what was before, also when
the flow thread hardly ever runs."""
import contextlib
import os
import socket
import subprocess
import sys
import time

from fixture import Skip, eventually, main
from rounds import rounds

try:
    import zmq  # noqa: F401
except ImportError:
    zmq = None

FLIPS = rounds("WEIR_FLIPS", 200)
PORT = 8080
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: shop, name: web}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - ports: [{port: 8080}]
"""


def connect(sock, addr):
    sock.settimeout(20)
    sock.connect((addr, PORT))
    port = sock.getsockname()[1]
    sock.close()
    return port


def explained(record):
    """By the policy, or by nothing."""
    return any(p.get("name") == "web" for p in record["ingress"].get("policies", [])) \
        or record["ingress"].get("policy") is not None \
        or record["ingress"].get("rule") is not None


@contextlib.contextmanager
def starved(node):
    """The flow thread shares its processor with one that never rests, and comes second."""
    folder = f"/proc/{node.process.pid}/task"
    for tid in map(int, os.listdir(folder)):
        with open(f"{folder}/{tid}/comm") as f:
            if f.read().strip() == "weird-flows":
                thread = tid
    everywhere = os.sched_getaffinity(thread)
    one = {min(everywhere)}
    hog = subprocess.Popen([sys.executable, "-c", "while True: pass"],
                           preexec_fn=lambda: os.sched_setaffinity(0, one))
    os.sched_setaffinity(thread, one)
    os.setpriority(os.PRIO_PROCESS, thread, 5)
    try:
        yield
    finally:
        hog.kill()
        hog.wait()
        os.setpriority(os.PRIO_PROCESS, thread, 0)
        os.sched_setaffinity(thread, everywhere)


def flip(node, client, web, flips):
    """Source port of each connection: was the policy in force?"""
    expected = {}
    took = []
    for i in range(flips):
        on = i % 2 == 1
        expected[connect(client.socket(socket.AF_INET), web.addr(4))] = on
        begin = time.monotonic()
        if on:
            node.remove_manifest("web")
        else:
            node.write_manifest("web", POLICY)
        node.wait()
        took.append(time.monotonic() - begin)
        expected[connect(client.socket(socket.AF_INET), web.addr(4))] = not on
    took.sort()
    print(f"  {len(expected)} connections; change and wait: median {took[len(took) // 2] * 1000:.1f} ms")
    return expected


def flip_and_check(node, flips, around):
    if zmq is None:
        raise Skip("needs python3-zmq")
    client = node.add_pod("shop", "client")
    web = node.add_pod("shop", "web", {"app": "web"})
    web.listen(PORT)
    node.wait()
    subscriber = node.subscribe(("ns.shop",))
    with around(node):
        expected = flip(node, client, web, flips)

    def found():
        return {r["src"]["port"]: r for r in subscriber.records()
                if r["type"] == "open" and r["dst"]["port"] == PORT}

    eventually(lambda: set(expected) <= set(found()), 30, f"records of {len(expected)} connections")
    records = found()
    subscriber.close()
    wrong = [port for port, on in expected.items() if explained(records[port]) != on]
    assert not wrong, (f"{len(wrong)} of {len(expected)} wrongly explained, e.g. "
                       f"policy {expected[wrong[0]]}: {records[wrong[0]]}")


def test_flips(node):
    flip_and_check(node, FLIPS, lambda _: contextlib.nullcontext())


def test_starved(node):
    flip_and_check(node, min(FLIPS, 20), starved)


if __name__ == "__main__":
    main(__file__, [test_flips, test_starved])
