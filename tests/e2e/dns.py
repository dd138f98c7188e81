# SPDX-License-Identifier: Apache-2.0
"""Names in policies (domainNames): learned from answers that pods receive from resolvers that
are trusted, held for their time, kept over a restart; and from nobody else.
"""
import contextlib
import signal
import socket
import struct
import time

from dnsserver import A, AAAA, Server, addr, alias, answer, ask, query
from fixture import Node, eventually, main
from netns import family_of, inside

RESOLVER = {4: "192.0.2.53", 6: "2001:db8::53"}
SERVICE = {4: "10.96.0.10", 6: "fd96::10"}
STRANGER = {4: "192.0.2.80", 6: "2001:db8::80"}
PORT = 443


def rule(action, peer, ports=None):
    return {"action": action, "to": [peer], **({"protocols": ports} if ports else {})}


def names(node, *domains, name="names", annotations=None):
    """Pods of namespace shop may ask anybody, and connect to these names; to nobody else."""
    dns = [{"udp": {"destinationPort": {"number": 53}}}, {"tcp": {"destinationPort": {"number": 53}}}]
    node.write_manifest(name, {
        "apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy",
        "metadata": {"name": name, "annotations": annotations or {}},
        "spec": {"tier": "Admin", "priority": 10,
                 "subject": {"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}},
                 "egress": [
                     rule("Accept", {"networks": ["0.0.0.0/0", "::/0"]}, dns),
                     rule("Accept", {"domainNames": list(domains)}),
                     rule("Deny", {"networks": ["0.0.0.0/0", "::/0"]})]}})
    node.wait()


def internet(node):
    """A host that has all of 198.51.100.0/24 and 2001:db8:1::/64 and answers on PORT."""
    place = node.add_outside("net", (STRANGER[4], STRANGER[6]))
    link = f"out{len(node.outside)}"
    for prefix, family in (("198.51.100.0/24", 4), ("2001:db8:1::/64", 6)):
        place.run("ip", "route", "add", "local", prefix, "dev", "lo")
        node.host.run("ip", "route", "add", prefix, "via", STRANGER[family], "dev", link, "onlink")
    place.listen(PORT)
    return place


@contextlib.contextmanager
def scene(node, zone, domains=("api.example.com",), **kwargs):
    """(pod, internet), with a server at RESOLVER that knows the zone."""
    outside = node.add_outside("dns", tuple(RESOLVER.values()))
    net = internet(node)
    node.write_namespace("shop")
    pod = node.add_pod("shop", "client", {"app": "client"})
    names(node, *domains)
    server = Server(outside, zone, **kwargs)
    try:
        yield pod, net, server
    finally:
        server.close()


def known(node):
    return {n["name"]: {a["address"]: a["seconds"] for a in n["addresses"]}
            for n in node.query("names")["names"]}


def learned(node, name, *addrs):
    """Until the name has these addresses and no others."""
    return eventually(lambda: set(known(node).get(name, ())) == set(addrs), 5,
                      f"{name} has {addrs}")


def counter(node, name):
    page = node.host.run("curl", "-sf", "http://127.0.0.1:9571/metrics").stdout
    return next(float(line.split()[1]) for line in page.splitlines()
                if line.split()[0] == f"weir_dns_{name}")


def can(pod, address):
    return pod.reach(address, PORT, timeout=3)


def cannot(pod, address):
    return not pod.reach(address, PORT, timeout=0.4)


def test_exact_names(node):
    zone = {"api.example.com": [addr("198.51.100.1"), addr("198.51.100.2")],
            "www.example.com": [addr("198.51.100.3")]}
    with scene(node, zone) as (pod, _, _):
        assert cannot(pod, "198.51.100.1"), "nobody has asked yet"
        ask(pod, RESOLVER[4], "API.Example.com")
        ask(pod, RESOLVER[4], "www.example.com")
        learned(node, "api.example.com", "198.51.100.1", "198.51.100.2")
        assert can(pod, "198.51.100.1") and can(pod, "198.51.100.2")
        assert cannot(pod, "198.51.100.3"), "nobody wants www"
        assert "www.example.com" not in known(node)
        item = node.query("names")["names"][0]
        assert [p["name"] for p in item["policies"]] == ["names"], item
        assert "198.51.100.2" in node.weirctl("names").stdout
        names(node, "www.example.com")  # another name is wanted now: this one is forgotten
        assert cannot(pod, "198.51.100.1") and not known(node)
        ask(pod, RESOLVER[4], "www.example.com")
        learned(node, "www.example.com", "198.51.100.3")
        assert can(pod, "198.51.100.3")
        node.remove_manifest("names")
        node.wait()
        assert "answers_" not in node.host.run("nft", "list", "table", "inet", "weir").stdout


def test_wildcards(node):
    zone = {"example.com": [addr("198.51.100.1")], "a.example.com": [addr("198.51.100.2")],
            "x.y.example.com": [addr("198.51.100.3")], "badexample.com": [addr("198.51.100.4")]}
    with scene(node, zone, ["*.example.com"]) as (pod, _, _):
        for name in zone:
            ask(pod, RESOLVER[4], name)
        learned(node, "x.y.example.com", "198.51.100.3")
        assert set(known(node)) == {"a.example.com", "x.y.example.com"}
        assert can(pod, "198.51.100.2") and can(pod, "198.51.100.3")
        assert cannot(pod, "198.51.100.1") and cannot(pod, "198.51.100.4")


def test_ipv6(node):
    zone = {"api.example.com": lambda name, kind: [
        addr("2001:db8:1::7") if kind == AAAA else addr("198.51.100.7")]}
    with scene(node, zone) as (pod, _, _):
        for kind in (A, AAAA):
            ask(pod, RESOLVER[6], "api.example.com", kind)
        learned(node, "api.example.com", "198.51.100.7", "2001:db8:1::7")
        assert can(pod, "2001:db8:1::7") and can(pod, "198.51.100.7")
        assert cannot(pod, "2001:db8:1::8")


def test_aliases(node):
    zone = {"api.example.com": [alias("edge.cdn.net", 30), addr("198.51.100.9", 20, "edge.cdn.net"),
                                addr("198.51.100.66", 60, "bank.example.com")]}
    with scene(node, zone, ["api.example.com", "*.cdn.net", "bank.example.com"]) as (pod, _, _):
        ask(pod, RESOLVER[4], "api.example.com")
        learned(node, "api.example.com", "198.51.100.9")
        assert known(node)["api.example.com"]["198.51.100.9"] <= 22
        learned(node, "edge.cdn.net", "198.51.100.9")
        assert "bank.example.com" not in known(node), "no part of the answer to the question"
        assert can(pod, "198.51.100.9") and cannot(pod, "198.51.100.66")


def test_time_to_live(node):
    """New connections end with it, established ones do not."""
    zone = {"api.example.com": [addr("198.51.100.1", 1), addr("198.51.100.2", 60)]}
    with scene(node, zone) as (pod, _, _):
        ask(pod, RESOLVER[4], "api.example.com")
        learned(node, "api.example.com", "198.51.100.1", "198.51.100.2")
        with pod.socket(socket.AF_INET) as s:
            s.settimeout(3)
            s.connect(("198.51.100.1", PORT))
            s.sendall(b"1")
            assert s.recv(1) == b"1"
            learned(node, "api.example.com", "198.51.100.2")
            assert cannot(pod, "198.51.100.1") and can(pod, "198.51.100.2")
            s.sendall(b"2")
            assert s.recv(1) == b"2", "the established connection was ended"
        assert counter(node, "expired_total") == 1
        ask(pod, RESOLVER[4], "api.example.com")
        learned(node, "api.example.com", "198.51.100.1", "198.51.100.2")
        assert can(pod, "198.51.100.1")


def test_many_addresses(node):
    """More than UDP may carry: the answer is truncated, and comes by TCP."""
    all_ = [f"198.51.100.{i}" for i in range(1, 201)]
    zone = {"api.example.com": [addr(a) for a in all_]}
    with scene(node, zone, limit=1232) as (pod, _, server):
        assert len(ask(pod, RESOLVER[4], "api.example.com")) > 3000
        learned(node, "api.example.com", *all_)
        assert can(pod, all_[0]) and can(pod, all_[199]) and cannot(pod, "198.51.100.201")
        server.limit = 65535  # in fragments
        server.zone["api.example.com"] = [addr(a) for a in [*all_, "198.51.100.201"]]
        ask(pod, RESOLVER[4], "api.example.com")
        learned(node, "api.example.com", *all_, "198.51.100.201")
        assert counter(node, "addresses") == 201


def test_restart(node):
    zone = {"api.example.com": [addr("198.51.100.1", 60), addr("198.51.100.2", 2)]}
    with scene(node, zone) as (pod, _, _):
        ask(pod, RESOLVER[4], "api.example.com")
        learned(node, "api.example.com", "198.51.100.1", "198.51.100.2")
        eventually(lambda: "198.51.100.1" in read(node.path("state/names.state")), 5, "the file")
        node.stop(signal.SIGKILL)
        assert can(pod, "198.51.100.1")
        time.sleep(4.2)  # the time of .2 passes while nobody looks
        node.start()
        assert can(pod, "198.51.100.1") and cannot(pod, "198.51.100.2")
        assert set(known(node)["api.example.com"]) == {"198.51.100.1"}
        ask(pod, RESOLVER[4], "api.example.com")
        learned(node, "api.example.com", "198.51.100.1", "198.51.100.2")
        node.stop()
        with open(node.path("state/names.state"), "a") as f:
            f.write("nonsense\n")
        node.start()
        assert not known(node) and cannot(pod, "198.51.100.1")
        assert "learned names are forgotten" in node.log()
        ask(pod, RESOLVER[4], "api.example.com")
        learned(node, "api.example.com", "198.51.100.1", "198.51.100.2")


def read(path):
    with contextlib.suppress(FileNotFoundError), open(path) as f:
        return f.read()
    return ""


def test_forgeries(node):
    """Answers of a stranger, of another pod, without a question, in the resolver's name."""
    zone = {"api.example.com": [addr("198.51.100.1")]}
    with scene(node, zone) as (pod, net, server):
        fake = answer("api.example.com", [addr("198.51.100.66", 3600)])
        stranger = Server(net, {"api.example.com": [addr("198.51.100.66", 3600)]})
        for family in (4, 6):
            reply = ask(pod, STRANGER[family], "api.example.com")
            assert b"\xc6\x33\x64\x42" in reply, "the stranger answered"
        stranger.close()
        mallory = node.add_pod("other", "mallory")
        for place in (mallory, net, node.outside[0]):  # the last is the resolver itself, unasked
            for family in (4, 6):
                with place.socket(family_of(pod.addr(family)), "udp") as s:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                    with contextlib.suppress(OSError):
                        s.bind(("", 53))
                    s.sendto(fake, (pod.addr(family), 5353))
        in_the_name_of_the_resolver(mallory, pod, fake)
        ask(pod, RESOLVER[4], "api.example.com")
        learned(node, "api.example.com", "198.51.100.1")
        assert counter(node, "answers_total") == 1, "something else was copied"
        assert cannot(pod, "198.51.100.66")


def in_the_name_of_the_resolver(place, pod, message):
    """A raw IPv4 packet, from port 53 of the resolver, to a port that has asked nothing."""
    udp = struct.pack(">4H", 53, 5353, 8 + len(message), 0) + message
    src, dst = (socket.inet_aton(a) for a in (RESOLVER[4], pod.addr(4)))
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, src, dst)
    with inside(place.path):
        s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with s, contextlib.suppress(OSError):
        s.sendto(ip + udp, (pod.addr(4), 0))


def test_hostile_messages(node):
    good = answer("api.example.com", [addr("198.51.100.1")])
    bad = [b"", b"\0", good[:11], good[:-1], good[:12] + b"\xc0\x0c" + good[14:],
           good[:4] + b"\xff\xff" + good[6:], good[:6] + b"\xff\xff" + good[8:], b"\xff" * 512,
           answer("api.example.com", [alias("b.example"), alias("api.example.com", owner="b.example")])]
    zone = {f"{i}.example.com": (lambda data: lambda name, kind: data)(data)
            for i, data in enumerate(bad)}
    zone["api.example.com"] = [addr("198.51.100.1")]
    with scene(node, zone) as (pod, _, _):
        for i in range(len(bad)):
            ask(pod, RESOLVER[4], f"{i}.example.com")
        ask(pod, RESOLVER[4], "api.example.com")
        learned(node, "api.example.com", "198.51.100.1")
        # one of them has the bit for "truncated", so that it came by TCP as well
        assert counter(node, "malformed_total") == len(bad) + 1


def test_through_a_service(node):
    """The pod asks the Service's address; a pod answers, and then a server on the node."""
    node.write_manifest("kube-dns", {
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"namespace": "kube-system", "name": "kube-dns"},
        "spec": {"clusterIP": SERVICE[4], "clusterIPs": list(SERVICE.values()),
                 "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]}})
    zone = {"api.example.com": [addr("198.51.100.1")], "www.example.com": [addr("198.51.100.2")],
            "web.example.com": [addr("198.51.100.3")]}
    internet(node)
    node.write_namespace("shop")
    pod = node.add_pod("shop", "client")
    coredns = node.add_pod("kube-system", "coredns")
    names(node, "*.example.com")
    for table, ip, to in (("ip", SERVICE[4], coredns.addr(4)),
                          ("ip6", SERVICE[6], f"[{coredns.addr(6)}]")):
        node.host.run("nft", f"table {table} service {{ chain in {{ type nat hook prerouting "
                      f"priority dstnat; {table} daddr {ip} udp dport 53 dnat to {to}:53; }}; }}")
    server = Server(coredns, zone)
    for family in (4, 6):
        ask(pod, SERVICE[family], "api.example.com")
    learned(node, "api.example.com", "198.51.100.1")
    assert counter(node, "learned_total") == 2
    to_the_resolver_from_its_port(pod, answer("api.example.com", [addr("198.51.100.66", 3600)]))
    ask(pod, SERVICE[4], "www.example.com")
    learned(node, "www.example.com", "198.51.100.2")
    assert set(known(node)["api.example.com"]) == {"198.51.100.1"}
    assert counter(node, "answers_total") == 5, "a message that a pod made up was copied"
    server.close()
    for table in ("ip", "ip6"):
        node.host.run("nft", "delete", "table", table, "service")
    node.host.run("ip", "addr", "add", f"{SERVICE[4]}/32", "dev", "lo")  # as a node cache has it
    server = Server(node.host, zone, addrs=[SERVICE[4]])
    ask(pod, SERVICE[4], "web.example.com")
    learned(node, "web.example.com", "198.51.100.3")
    server.close()
    assert can(pod, "198.51.100.3")


def to_the_resolver_from_its_port(pod, message):
    """In a connection that is established, between two endpoints, from port 53; but not a reply."""
    with pod.socket(socket.AF_INET, "udp") as s:
        s.settimeout(3)
        s.bind(("", 53))
        s.connect((SERVICE[4], 53))
        s.send(query("www.example.com"))
        s.recv(512)
        s.send(message)
        s.recv(512)  # the server takes it for a question


def test_too_many_names(node):
    """A wildcard cannot take the place of the names that are spelt out."""
    any_ = {f"{i}.w.example": [addr(f"198.51.100.{i}")] for i in range(1, 9)}
    zone = {**any_, "api.example.com": [addr("198.51.100.100")]}
    with scene(node, zone, ["*.w.example", "api.example.com"]) as (pod, _, _):
        for name in zone:
            ask(pod, RESOLVER[4], name)
        learned(node, "api.example.com", "198.51.100.100")
        assert len(known(node)) == 6 and counter(node, "names_refused_total") == 3


def small(name):
    config = {"dns": {"resolvers": [*RESOLVER.values(), "kube-system/kube-dns"], "maxNames": 5}}
    return Node(name, config=config)


if __name__ == "__main__":
    main(__file__, [test_exact_names, test_wildcards, test_ipv6, test_aliases, test_time_to_live,
                    test_many_addresses, test_restart, test_forgeries, test_hostile_messages,
                    test_through_a_service, test_too_many_names], node=small)
