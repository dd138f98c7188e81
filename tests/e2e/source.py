# SPDX-License-Identifier: Apache-2.0
"""Broken manifests never open traffic: real weird, real packets, kill -9, and what status and
metrics say. What the files do to the cluster in detail: tests/unit/daemon/source/files.c."""
import json
import os
import re
import signal
import socket

from fixture import eventually, main

PORT = 8080
DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: shop, name: deny}
spec: {podSelector: {matchLabels: {app: web}}}
"""
SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{([a-z_]+="[^"\\\n]*"(?:,[a-z_]+="[^"\\\n]*")*)\})?'
                    r' (-?[0-9.]+(?:e[+-]?[0-9]+)?)$')


def get(node, page):
    """Status and body of a page of the metrics address."""
    with node.host.socket(socket.AF_INET) as sock:
        sock.setblocking(True)
        sock.connect(("127.0.0.1", 9571))
        sock.sendall(f"GET {page} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        answer = b""
        while chunk := sock.recv(65536):
            answer += chunk
    head, body = answer.decode().split("\r\n\r\n", 1)
    return int(head.split()[1]), body


def metrics(node):
    """The numbers; fails for what the text format 0.0.4 does not allow."""
    status, text = get(node, "/metrics")
    assert status == 200 and text.endswith("\n")
    kinds, helped, values = {}, set(), {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split()[2]
            assert name not in helped, f"two HELP of {name}"
            helped.add(name)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in kinds and kind in ("gauge", "counter"), line
            kinds[name] = kind
        else:
            found = SAMPLE.match(line)
            assert found, f"not a sample: {line}"
            name, labels, value = found.groups()
            assert name == list(kinds)[-1], f"{name} is not below its TYPE"
            assert (name, labels) not in values, f"twice: {line}"
            assert kinds[name] != "counter" or name.endswith("_total"), name
            values[name, labels] = float(value)
    assert helped == set(kinds)
    return values


def prepare(node):
    client = node.add_pod("shop", "client")
    web = node.add_pod("shop", "web", {"app": "web"})
    web.listen(PORT)
    node.write_manifest("deny", DENY)
    node.wait()
    assert not client.reach(web.addr(4), PORT, timeout=0.7), "the policy is not enforced"
    return client, web


def broken(node):
    return json.dumps(node.query("status")["source"]["broken"])


def still_denied(node, client, web, says):
    node.weirctl("wait", "--timeout", "60s")
    assert not client.reach(web.addr(4), PORT, timeout=0.7), f"open after: {says}"
    assert says in broken(node), broken(node)
    assert metrics(node)["weir_source_broken", None] == 1


def test_broken_keeps_last_good(node):
    client, web = prepare(node)
    for text, says in ((DENY.replace("podSelector", "podSelctor"), "podSelctor"),
                       (DENY.replace("NetworkPolicy", "NetworkPolcy"), "did you mean"),
                       (DENY.replace("networking.k8s.io", "networking.k8s"), "is not supported"),
                       (DENY.replace("name: deny", "nam: deny"), "shop/(no name)"),
                       ("kind: [unclosed\n", "deny.yaml"),
                       ("a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
                           f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n"
                           for i in range(9)), "too many nodes")):
        node.write_manifest("deny", text)
        still_denied(node, client, web, says)
        node.stop(signal.SIGKILL)
        node.start()
        still_denied(node, client, web, says)
    node.remove_manifest("deny")
    node.wait()
    assert client.reach(web.addr(4), PORT), "denied, although the policy is gone"


def test_folder_goes_and_comes_back(node):
    client, web = prepare(node)
    os.rename(node.manifests, node.manifests + ".away")
    eventually(lambda: "No such file" in broken(node), what="the missing folder is reported")
    assert not client.reach(web.addr(4), PORT, timeout=0.7)
    os.rename(node.manifests + ".away", node.manifests)
    node.wait()
    assert not client.reach(web.addr(4), PORT, timeout=0.7)
    assert broken(node) == "[]"


def test_ten_thousand_rules(node):
    client, web = prepare(node)
    rules = "".join(
        f"  - ports: [{{port: {1 + n}}}]\n    from: [{{ipBlock: {{cidr: 192.0.{n % 250}.0/24}}}}]\n"
        for n in range(10000))
    node.write_manifest("deny", DENY.rstrip().replace("spec: {podSelector: {matchLabels: {app: web}}}",
                                                      "spec:\n  podSelector: {matchLabels: {app: web}}\n"
                                                      f"  ingress:\n{rules}  - ports: [{{port: {PORT}}}]\n"))
    node.wait(60)
    assert client.reach(web.addr(4), PORT)


def test_pages(node):
    values = metrics(node)
    assert values["weir_rpc_requests_total", 'method="wait",result="ok"'] >= 1
    assert values["weir_in_sync", None] == 1
    for page in ("/healthz", "/readyz"):
        assert get(node, page)[0] == 200, page
    assert get(node, "/nothing")[0] == 404


if __name__ == "__main__":
    main(__file__, [test_broken_keeps_last_good, test_folder_goes_and_comes_back,
                    test_ten_thousand_rules, test_pages])
