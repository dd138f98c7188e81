# SPDX-License-Identifier: Apache-2.0
"""What the table of cases cannot say: connections through DNAT, errors about connections,
neighbour discovery, the node's other addresses, pods that are none.
"""
import contextlib
import errno
import socket
import time

from fixture import Node, eventually, main
from netns import family_of

SERVICE = {4: "10.96.0.1", 6: "fd96::1"}
NODE_EXTRA = {4: "198.51.100.1", 6: "2001:db8:1::1"}
CLOSED = 9999


def policy(name, spec, namespace="shop"):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"namespace": namespace, "name": name}, "spec": spec}


def deny_all(node, *namespaces):
    node.write_manifest("deny", [
        policy("deny", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}, ns)
        for ns in namespaces])


def allow(node, port, protocol, src="client", dst="web"):
    """Both ends of one connection, nothing else."""
    ports = [{"protocol": protocol, "port": port}]
    node.write_manifest(f"allow-{port}-{protocol.lower()}", [
        policy(f"out-{port}", {"podSelector": {"matchLabels": {"app": src}},
                               "policyTypes": ["Egress"], "egress": [
                                   {"to": [{"podSelector": {"matchLabels": {"app": dst}}}],
                                    "ports": ports}]}),
        policy(f"in-{port}", {"podSelector": {"matchLabels": {"app": dst}}, "ingress": [
            {"from": [{"podSelector": {"matchLabels": {"app": src}}}], "ports": ports}]})])


def two_pods(node):
    web = node.add_pod("shop", "web", {"app": "web"})
    client = node.add_pod("shop", "client", {"app": "client"})
    return web, client


def add_service(node, pod, port, target):
    """What kube-proxy makes of a Service: DNAT, and SNAT for a pod that meets itself."""
    for family, ip in SERVICE.items():
        kind, addr = ("ip", pod.addr(4)) if family == 4 else ("ip6", f"[{pod.addr(6)}]")
        plain = addr.strip("[]")
        node.host.run("nft", f"""
            table {kind} service {{
                chain in {{ type nat hook prerouting priority dstnat;
                    {kind} daddr {ip} tcp dport {port} dnat to {addr}:{target}; }}
                chain out {{ type nat hook postrouting priority srcnat;
                    {kind} saddr {plain} {kind} daddr {plain} masquerade; }}
            }}""")


def test_pod_to_itself_through_a_service(node):
    web, client = two_pods(node)
    deny_all(node, "shop")
    node.wait()
    add_service(node, web, 80, 8080)
    web.listen(8080)
    for family, ip in SERVICE.items():
        assert web.reach(ip, 80), f"IPv{family}: web does not reach itself through its Service"
        assert web.reach(web.addr(family), 8080), f"IPv{family}: web does not reach itself"
        assert not client.reach(ip, 80, timeout=0.4), f"IPv{family}: client gets in"


def test_services_are_judged_behind_dnat(node):
    web, client = two_pods(node)
    deny_all(node, "shop")
    allow(node, 8080, "TCP")
    node.wait()
    add_service(node, web, 80, 8080)
    web.listen(80)
    web.listen(8080)
    for family, ip in SERVICE.items():
        assert client.reach(ip, 80), f"IPv{family}: the port of the pod is allowed"
        assert client.reach(web.addr(family), 8080)
        assert not client.reach(web.addr(family), 80, timeout=0.4), f"IPv{family}: port 80 is not"


def error_of(place, addr, port, timeout=0.6):
    """The error that a datagram to this port comes back with, or None."""
    with place.socket(family_of(addr), "udp") as s:
        s.connect((addr, port))
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            try:
                s.send(b"?")
            except OSError as e:
                return e.errno
            time.sleep(0.02)
    return None


def test_errors_about_allowed_connections_pass(node):
    """A closed port answers with ICMP, for which no rule allows anything."""
    web, client = two_pods(node)
    deny_all(node, "shop")
    allow(node, CLOSED, "UDP")
    node.wait()
    for family in (4, 6):
        addr = web.addr(family)
        assert error_of(client, addr, CLOSED) == errno.ECONNREFUSED, f"IPv{family}: error is lost"
        assert error_of(client, addr, CLOSED + 1) is None, f"IPv{family}: an error about nothing"
        assert error_of(web, client.addr(family), CLOSED) is None


def ping(place, addr):
    kind = "-6" if ":" in addr else "-4"
    return place.run("ping", kind, "-c1", "-W1", addr, check=False).returncode == 0


def test_neighbours_are_found_under_default_deny(node):
    """ARP and neighbour discovery are no connections; pings are."""
    web, client = two_pods(node)
    deny_all(node, "shop")
    allow(node, 80, "TCP")
    node.wait()
    web.listen(80)
    for family in (4, 6):
        for place in (web, client, node.host):
            place.run("ip", f"-{family}", "neigh", "flush", "all")
        assert client.reach(web.addr(family), 80), f"IPv{family}: the neighbour is not found"
        assert not ping(client, web.addr(family)), f"IPv{family}: a ping is let through"
        assert not web.reach(client.addr(family), 80, timeout=0.3)
    for place in (web, client, node.host):
        place.run("ip", "-6", "neigh", "flush", "all")
    assert ping(node.host, web.addr(6)), "the node does not reach its pod"


def connects(place, source, addr, port, timeout=0.5):
    with place.socket(family_of(addr)) as s:
        s.settimeout(timeout)
        try:
            s.bind((source, 0))  # fails until the kernel is done with a new address
            s.connect((addr, port))
            return True
        except OSError:
            return False


def test_every_address_of_the_node_is_the_node(node):
    web, _ = two_pods(node)
    deny_all(node, "shop")
    web.listen(80)
    for family, addr in NODE_EXTRA.items():
        node.host.run("ip", f"-{family}", "addr", "add", addr, "dev", "lo")
        assert eventually(lambda a=addr, f=family: connects(node.host, a, web.addr(f), 80),
                          what=f"{addr} is let in")


def test_pods_that_are_none(node):
    """A host-network pod is its node; a pod that has ended does not speak for its address."""
    web, client = two_pods(node)
    gateway = next(ip["gateway"] for ip in web.result["ips"] if ":" not in ip["address"])
    pod = {"apiVersion": "v1", "kind": "Pod"}
    node.write_manifest("none", [
        {**pod, "metadata": {"namespace": "shop", "name": "agent", "labels": {"app": "agent"}},
         "spec": {"nodeName": "node-1", "hostNetwork": True},
         "status": {"podIPs": [{"ip": gateway}]}},
        {**pod, "metadata": {"namespace": "shop", "name": "job", "labels": {"app": "friend"}},
         "spec": {"nodeName": "node-1"},
         "status": {"phase": "Succeeded", "podIPs": [{"ip": client.addr(4)}]}}])
    peers = {"podSelector": {"matchExpressions": [
        {"key": "app", "operator": "In", "values": ["agent", "friend"]}]}}
    node.write_manifest("policy", policy("friends", {
        "podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [peers]}], "egress": [{"to": [peers]}]}))
    node.wait()
    web.listen(80)
    client.listen(80)
    node.host.listen(80)
    assert not client.reach(web.addr(4), 80, timeout=0.4), "the label of a pod that has ended"
    assert not web.reach(client.addr(4), 80, timeout=0.4), "the label of a pod that has ended"
    assert not web.reach(gateway, 80, timeout=0.4), "a host-network pod was taken for a peer"
    assert node.host.reach(web.addr(4), 80)


TESTS = [test_pod_to_itself_through_a_service, test_services_are_judged_behind_dnat,
         test_errors_about_allowed_connections_pass, test_neighbours_are_found_under_default_deny,
         test_every_address_of_the_node_is_the_node, test_pods_that_are_none]


def on(primary, test):
    def run(name):
        with Node(name, primary) as node:
            test(node)
    run.__name__ = f"{test.__name__}_{primary}"
    return run


if __name__ == "__main__":
    main(__file__, [on(primary, test) for test in TESTS for primary in ("bridge", "ptp")],
         node=contextlib.nullcontext)
