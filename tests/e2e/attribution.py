# SPDX-License-Identifier: Apache-2.0
"""Records carry the policies that were in force: 200 rapid flips of a policy, with a connection
right before and right after each. The one before is explained by what was before."""
import os
import socket
import time

from fixture import Skip, main

try:
    import zmq  # noqa: F401
except ImportError:
    zmq = None

FLIPS = int(os.environ.get("WEIR_FLIPS", "200"))
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
    sock.settimeout(2)
    sock.connect((addr, PORT))
    port = sock.getsockname()[1]
    sock.close()
    return port


def explained(record):
    """By the policy, or by nothing."""
    return any(p.get("name") == "web" for p in record["ingress"].get("policies", [])) \
        or record["ingress"].get("policy") is not None \
        or record["ingress"].get("rule") is not None


def test_flips(node):
    if zmq is None:
        raise Skip("needs python3-zmq")
    client = node.add_pod("shop", "client")
    web = node.add_pod("shop", "web", {"app": "web"})
    web.listen(PORT)
    node.wait()
    subscriber = node.subscribe(("ns.shop",))
    time.sleep(0.5)
    expected = {}  # source port: was the policy in force?
    took = []
    for flip in range(FLIPS):
        on = flip % 2 == 1
        expected[connect(client.socket(socket.AF_INET), web.addr(4))] = on
        begin = time.monotonic()
        if on:
            node.remove_manifest("web")
        else:
            node.write_manifest("web", POLICY)
        node.wait()
        took.append(time.monotonic() - begin)
        expected[connect(client.socket(socket.AF_INET), web.addr(4))] = not on
    last = max(expected)
    time.sleep(2)
    found = {r["src"]["port"]: r for r in subscriber.records()
             if r["type"] == "open" and r["dst"]["port"] == PORT}
    subscriber.close()
    missing = set(expected) - set(found)
    assert not missing, f"{len(missing)} of {len(expected)} connections have no record (last {last})"
    wrong = [port for port, on in expected.items() if explained(found[port]) != on]
    took.sort()
    print(f"  {len(expected)} connections; change and wait: median {took[len(took) // 2] * 1000:.1f} ms")
    assert not wrong, (f"{len(wrong)} of {len(expected)} wrongly explained, e.g. "
                       f"policy {expected[wrong[0]]}: {found[wrong[0]]}")


if __name__ == "__main__":
    main(__file__, [test_flips])
