# SPDX-License-Identifier: Apache-2.0
"""Each part of the nftables rules judged by packets, in both families.

Egress, the input hook (a pod to its own node), guards, prefixes with exceptions, what holds for peers
that nothing names, a pod to itself behind its own Service, neighbour discovery.
"""
import os

from cni import Chain
from fixture import BUILD, CNI_BIN, Node, Pod, main, probe

GUARDED = {"podCIDRs": ["10.77.0.0/16", "fd77::/64"]}
FAMILIES = (4, 6)
PORTS = (80, 81)


def policy(name, spec):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"namespace": "shop", "name": name}, "spec": spec}


def selects(app):
    return {"podSelector": {"matchLabels": {"app": app}}}


def tcp(port):
    return [{"protocol": "TCP", "port": port}]


def add_pods(node, *names):
    node.write_namespace("shop")
    pods = [node.add_pod("shop", name, {"app": name}) for name in names]
    for pod in pods:
        for port in PORTS:
            pod.listen(port)
    return pods


def expect(cases):
    """cases: (place, address, port, whether it passes); all at once, the refused ones wait together."""
    got = probe([(place, addr, port, "tcp") for place, addr, port, _ in cases], timeout=0.7)
    # who has to get through has time
    late = [n for n, (case, ok) in enumerate(zip(cases, got)) if case[3] and not ok]
    for n, ok in zip(late, probe([(*cases[n][:3], "tcp") for n in late], timeout=5.0)):
        got[n] = ok
    wrong = [f"{place} -> {addr} {port}: {'passes' if ok else 'is dropped'}"
             for (place, addr, port, want), ok in zip(cases, got) if ok != want]
    assert not wrong, wrong


def gateway(pod, family):
    return next(ip["gateway"] for ip in pod.result["ips"] if (":" in ip["gateway"]) == (family == 6))


def test_egress(node):
    client, server, other = add_pods(node, "client", "server", "other")
    node.write_manifest("egress", policy("egress", {
        **selects("client"), "policyTypes": ["Egress"],
        "egress": [{"to": [selects("server")], "ports": tcp(80)}]}))
    node.wait()
    expect([case for f in FAMILIES for case in (
        (client, server.addr(f), 80, True), (client, server.addr(f), 81, False),
        (client, other.addr(f), 80, False), (other, client.addr(f), 80, True))])


def test_input_hook(node):
    """A pod to its own node is judged by its egress; the node to its pods never."""
    closed, free = add_pods(node, "closed", "free")
    node.host.listen(80)
    node.write_manifest("closed", policy("closed", {
        **selects("closed"), "policyTypes": ["Ingress", "Egress"]}))
    node.wait()
    expect([case for f in FAMILIES for case in (
        (closed, gateway(closed, f), 80, False), (free, gateway(free, f), 80, True),
        (node.host, closed.addr(f), 80, True), (node.host, free.addr(f), 80, True))])
    node.write_manifest("closed", policy("closed", {
        **selects("closed"), "policyTypes": ["Egress"],
        "egress": [{"to": [{"ipBlock": {"cidr": "10.77.0.1/32"}}, {"ipBlock": {"cidr": "fd77::1/128"}}]}]}))
    node.wait()
    expect([(closed, gateway(closed, f), 80, True) for f in FAMILIES])


def test_guards(node):
    """An address of the pods' range whose ADD weir has not seen: nothing passes, either way."""
    known, = add_pods(node, "known")
    stranger = Pod(node, "shop", "stranger").create()
    node.outside.append(stranger)  # removed at the end
    chain = Chain(node.host.path, "weir-t", node.chain.plugins[:1], [os.path.join(BUILD, "plugin"), CNI_BIN])
    result = chain.add(stranger.container, stranger.path, stranger.args)
    stranger.addrs = [ip["address"].split("/")[0] for ip in result["ips"]]
    stranger.listen(80)
    node.host.listen(80)
    node.wait()
    expect([case for f in FAMILIES for case in (
        (stranger, known.addr(f), 80, False), (known, stranger.addr(f), 80, False),
        (stranger, gateway(known, f), 80, False), (known, gateway(known, f), 80, True))])


def test_prefixes_with_exceptions(node):
    client, server = add_pods(node, "client", "server")
    near = node.add_outside("near", ("192.0.2.10", "2001:db8::10"))
    far = node.add_outside("far", ("192.0.2.200", "2001:db8:0:1::10"))
    for place in (near, far):
        place.listen(80)
    blocks = [{"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.128/25"]}},
              {"ipBlock": {"cidr": "2001:db8::/32", "except": ["2001:db8:0:1::/64"]}}]
    node.write_manifest("blocks", [
        policy("out", {**selects("client"), "policyTypes": ["Egress"], "egress": [{"to": blocks}]}),
        policy("in", {**selects("server"), "policyTypes": ["Ingress"],
                      "ingress": [{"from": blocks, "ports": tcp(80)}]})])
    node.wait()
    expect([case for f in FAMILIES for case in (
        (client, near.addr(f), 80, True), (client, far.addr(f), 80, False),
        (near, server.addr(f), 80, True), (near, server.addr(f), 81, False),
        (far, server.addr(f), 80, False), (client, server.addr(f), 80, False))])


def test_peers_that_nothing_names(node):
    """A rule without peers holds for everybody, beside what is said of some."""
    client, server, other = add_pods(node, "client", "server", "other")
    outside = node.add_outside("world")
    node.write_manifest("any", policy("any", {
        **selects("server"), "policyTypes": ["Ingress"],
        "ingress": [{"ports": tcp(80)}, {"from": [selects("client")], "ports": tcp(81)}]}))
    node.wait()
    expect([case for f in FAMILIES for case in (
        (outside, server.addr(f), 80, True), (outside, server.addr(f), 81, False),
        (other, server.addr(f), 80, True), (other, server.addr(f), 81, False),
        (client, server.addr(f), 81, True))])


def test_pod_to_itself(node):
    """Directly, and through a Service whose only pod it is; another pod gets no further by it."""
    pod, other = add_pods(node, "self", "other")
    node.write_manifest("closed", policy("closed", {
        **selects("self"), "policyTypes": ["Ingress", "Egress"]}))
    node.host.run("nft", "-f", "-", input=f"""
        table inet services {{
            chain pre {{ type nat hook prerouting priority -100;
                ip daddr 10.96.0.1 tcp dport 8000 dnat ip to {pod.addr(4)}:80
                ip6 daddr fd96::1 tcp dport 8000 dnat ip6 to [{pod.addr(6)}]:80
            }}
            chain post {{ type nat hook postrouting priority 100;
                ip saddr {pod.addr(4)} ip daddr {pod.addr(4)} masquerade
                ip6 saddr {pod.addr(6)} ip6 daddr {pod.addr(6)} masquerade
            }}
        }}""")
    node.wait()
    expect([case for f, service in ((4, "10.96.0.1"), (6, "fd96::1")) for case in (
        (pod, pod.addr(f), 80, True), (pod, service, 8000, True), (other, service, 8000, False))])


def test_neighbour_discovery(node):
    """Pods that may not talk but for one port find each other when nobody knows where the other is."""
    client, server = add_pods(node, "client", "server")
    node.write_manifest("closed", [
        policy("default-deny", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
        policy("out", {**selects("client"), "policyTypes": ["Egress"],
                       "egress": [{"to": [selects("server")], "ports": tcp(80)}]}),
        policy("in", {**selects("server"), "policyTypes": ["Ingress"],
                      "ingress": [{"from": [selects("client")], "ports": tcp(80)}]})])
    node.wait()
    for _ in range(3):
        for place in (client, server):
            place.run("ip", "-6", "neigh", "flush", "all")
        expect([(client, server.addr(6), 80, True), (server, client.addr(6), 80, False)])
    echo = client.run("ping", "-6", "-c1", "-W1", server.addr(6), check=False)
    assert echo.returncode, "an echo request is not neighbour discovery"


if __name__ == "__main__":
    main(__file__, [test_egress, test_input_hook, test_guards, test_prefixes_with_exceptions,
                    test_peers_that_nothing_names, test_pod_to_itself, test_neighbour_discovery],
         lambda name: Node(name, config=GUARDED))
