# SPDX-License-Identifier: Apache-2.0
"""A pod can send any packet, and get no other pod's rights by it.

Frames are made by hand and sent out of a pod; the next one that is honest tells
when those before it would have arrived. What passes without anti-spoofing, and
is a lie, is dropped, counted and recorded with it; what a host must say to have
an address and neighbours passes.
"""
import json
import os
import re
import signal
import struct
import urllib.request

import frames as f
from fixture import BUILD, Node, eventually, main
from netns import inside

SERVICE, OUTSIDE, OUTSIDE6 = "10.96.0.10", "192.0.2.7", "2001:db8::7"
ALL_NODES, ROUTERS, DHCP6 = "ff02::1", "ff02::2", "ff02::1:2"
NODE_LINK_LOCAL = "fe80::77"

DB_FROM_WEB = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: shop, name: db}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]
"""


class Pods:
    """a sends, b receives, c is who a would like to be."""

    def __init__(self, node):
        self.node = node
        self.a = node.add_pod("shop", "a")
        self.b = node.add_pod("shop", "b")
        self.c = node.add_pod("shop", "c", labels={"app": "web"})
        self.mac = {p: f.hardware(p) for p in (self.a, self.b, self.c)}
        self.gateway = {4: gateway(self.a, "4"), 6: gateway(self.a, "6")}
        self.number = 0

    def data(self):
        self.number += 1
        return f"weir-{os.getpid()}-{self.number:06d}".encode()

    def udp(self, src, dst=None, sport=4000, dport=4001, vlan=None, src_mac=None):
        """(frame, what to look for): a datagram to b."""
        data = self.data()
        dst = dst or self.b.addr(6 if ":" in src else 4)
        frame = f.ethernet(src_mac or self.mac[self.a], self.mac[self.b], f.IPV6 if ":" in src else f.IPV4,
                           f.udp(src, dst, sport, dport, data), vlan)
        return frame, data

    def raw(self, kind, payload, dst=None):
        return f.ethernet(self.mac[self.a], dst or self.mac[self.b], kind, payload), payload

    def icmp6(self, packet, dst=None):
        return self.raw(f.IPV6, packet, f.mac_of_group(dst) if dst else None)

    def arrive(self, wanted):
        """name -> whether the frame arrives at b."""
        capture = f.Capture(self.b)
        try:
            for frame, _ in wanted.values():
                f.send(self.a, frame)
            fence, data = self.udp(self.a.addr(4))
            f.send(self.a, fence)
            assert capture.until(data), "not even an honest packet arrives"
            return {name: capture.has(data) for name, (_, data) in wanted.items()}
        finally:
            capture.close()


def gateway(pod, family):
    found = re.search(r"default via (\S+)", pod.run("ip", f"-{family}", "route").stdout)
    return found.group(1) if found else None


def honest(p):
    """What any host says."""
    a4, a6, mac = p.a.addr(4), p.a.addr(6), p.mac[p.a]
    link_local = f.eui64(mac)
    router_alert = bytes([58, 0, 5, 2, 0, 0, 1, 0])
    return {
        "IPv4": p.udp(a4),
        "IPv6": p.udp(a6),
        "DHCP": p.raw(f.IPV4, f.udp("0.0.0.0", "255.255.255.255", 68, 67, p.data()), f.BROADCAST),
        "DHCPv6": p.icmp6(f.udp(link_local, DHCP6, 546, 547, p.data()), DHCP6),
        "ARP request": p.raw(f.ARP, f.arp(1, mac, a4, "00:00:00:00:00:00", p.b.addr(4)), f.BROADCAST),
        "ARP reply": p.raw(f.ARP, f.arp(2, mac, a4, p.mac[p.b], p.b.addr(4))),
        "ARP probe": p.raw(f.ARP, f.arp(1, mac, "0.0.0.0", "00:00:00:00:00:00", a4), f.BROADCAST),
        "ARP announcement": p.raw(f.ARP, f.arp(1, mac, a4, "00:00:00:00:00:00", a4), f.BROADCAST),
        "solicitation": p.icmp6(f.neighbor(135, a6, f.solicited_node(p.b.addr(6)), p.b.addr(6), mac),
                                f.solicited_node(p.b.addr(6))),
        "solicitation, link-local": p.icmp6(
            f.neighbor(135, link_local, f.solicited_node(p.b.addr(6)), p.b.addr(6), mac),
            f.solicited_node(p.b.addr(6))),
        "DAD": p.icmp6(f.neighbor(135, "::", ALL_NODES, a6, mac), ALL_NODES),
        "DAD, link-local": p.icmp6(f.neighbor(135, "::", ALL_NODES, link_local, mac), ALL_NODES),
        "advertisement": p.icmp6(f.neighbor(136, a6, p.b.addr(6), a6, mac, 0x60000000)),
        "advertisement, link-local": p.icmp6(
            f.neighbor(136, link_local, p.b.addr(6), link_local, mac, 0x60000000)),
        "router solicitation": p.icmp6(f.icmp6(link_local, ALL_NODES, 133, p.data()), ALL_NODES),
        "MLD report": p.icmp6(
            f.icmp6(link_local, ALL_NODES, 143, bytes(4) + p.data(), 1, router_alert, 0), ALL_NODES),
        "MLD report before an address": p.icmp6(
            f.icmp6("::", ALL_NODES, 143, bytes(4) + p.data(), 1, router_alert, 0), ALL_NODES),
        "ping": p.icmp6(f.icmp6(a6, p.b.addr(6), 128, struct.pack("!HH", 1, 1) + p.data(), 64)),
    }


def lies(p):
    """kind of spoofing -> name -> frame"""
    a4, a6, mac, c4, c6 = p.a.addr(4), p.a.addr(6), p.mac[p.a], p.c.addr(4), p.c.addr(6)
    link_local = f.eui64(mac)
    b4, b6 = p.b.addr(4), p.b.addr(6)
    options = bytes([58, 0, 1, 4, 0, 0, 0, 0])
    fragment = struct.pack("!BBHI", 58, 0, 1, 77)

    def advert(src, target, **kwargs):
        body = struct.pack("!I", 0x60000000) + f.ip_bytes(target) + b"\2\1" + f.mac_bytes(mac)
        return p.icmp6(f.icmp6(src, b6, 136, body, **kwargs))

    return {
        "ipv4": {
            "another pod": p.udp(c4),
            "a Service": p.udp(SERVICE),
            "the node": p.udp(p.gateway[4]),
            "outside": p.udp(OUTSIDE),
            "nobody": p.udp("0.0.0.0"),
            "DHCP to one": p.udp("0.0.0.0", sport=68, dport=67),
            "link-local": p.udp("169.254.7.7"),
        },
        "ipv6": {
            "another pod": p.udp(c6),
            "the node": p.udp(p.gateway[6]),
            "outside": p.udp(OUTSIDE6),
            "a datagram from link-local": p.udp(link_local),
            "a datagram from the node's link-local": p.udp(NODE_LINK_LOCAL),
            "ping from link-local": p.icmp6(
                f.icmp6(link_local, b6, 128, struct.pack("!HH", 1, 2) + p.data(), 64)),
            "ping at hop limit 255": p.icmp6(
                f.icmp6(c6, b6, 128, struct.pack("!HH", 1, 2) + p.data(), 255)),
            "solicitation": p.icmp6(f.neighbor(135, c6, b6, b6, mac)),
            "solicitation as the node": p.icmp6(f.neighbor(135, NODE_LINK_LOCAL, b6, b6, mac)),
        },
        "arp": {
            "reply": p.raw(f.ARP, f.arp(2, mac, c4, p.mac[p.b], b4)),
            "request": p.raw(f.ARP, f.arp(1, mac, c4, "00:00:00:00:00:00", b4), f.BROADCAST),
            "gateway": p.raw(f.ARP, f.arp(2, mac, p.gateway[4], p.mac[p.b], b4)),
            "reply from nobody": p.raw(f.ARP, f.arp(2, mac, "0.0.0.0", p.mac[p.b], b4)),
            "other hardware": p.raw(f.ARP, struct.pack("!HHBBH", 6, f.IPV4, 6, 4, 2)
                                    + f.mac_bytes(mac) + f.ip_bytes(a4)
                                    + f.mac_bytes(p.mac[p.b]) + f.ip_bytes(b4)),
        },
        "neighbor": {
            "advertisement": advert(a6, c6),
            "advertisement from another": advert(c6, a6),
            "advertisement of the node": advert(a6, NODE_LINK_LOCAL),
            "advertisement of the gateway": advert(a6, p.gateway[6]),
            "advertisement behind options": advert(a6, c6, before=options, first=60),
            "advertisement in a fragment": advert(a6, c6, before=fragment, first=44),
            "router advertisement": p.icmp6(
                f.icmp6(link_local, ALL_NODES, 134, struct.pack("!BBHII", 64, 0, 1800, 0, 0)),
                ALL_NODES),
            "router advertisement, own address": p.icmp6(
                f.icmp6(a6, ALL_NODES, 134, struct.pack("!BBHII", 64, 0, 900, 0, 0)), ALL_NODES),
            "redirect": p.icmp6(f.icmp6(link_local, b6, 137, bytes(4) + f.ip_bytes(c6)
                                        + f.ip_bytes(c6))),
            "DAD for another": p.icmp6(f.neighbor(135, "::", ALL_NODES, c6, mac), ALL_NODES),
            "DAD for the node": p.icmp6(
                f.neighbor(135, "::", ALL_NODES, NODE_LINK_LOCAL, mac), ALL_NODES),
        },
        "mac": {
            "another pod's": p.udp(a4, src_mac=p.mac[p.c]),
            "nobody's": p.udp(a6, src_mac="02:00:00:00:00:99"),
        },
        "frame": {
            "in a VLAN": p.udp(a4, vlan=7),
            "in a VLAN, IPv6": p.udp(a6, vlan=7),
            "in VLAN 0": p.udp(a4, vlan=0),
            "MACsec": p.raw(0x88E5, p.data()),
            "MPLS": p.raw(0x8847, p.data()),
            "RARP": p.raw(0x8035, f.arp(3, mac, a4, mac, a4)),
            "PPPoE": p.raw(0x8864, p.data()),
        },
    }


def prepare(node):
    """The bridge has a link-local address that pods know."""
    pods = Pods(node)
    node.host.run("ip", "addr", "add", NODE_LINK_LOCAL + "/64", "dev", "cni0", "nodad")
    if node.config.get("antiSpoofing") != "no":
        eventually(lambda: "fe80::77" in table(node), 10, "the node's new address")
    return pods


def table(node):
    return node.host.run("nft", "list", "table", "netdev", "weir", check=False).stdout


def metrics(node):
    with inside(node.host.path), \
            urllib.request.urlopen("http://127.0.0.1:9571/metrics", timeout=5) as page:
        return page.read().decode()


def counts(node):
    """kind -> packets dropped, as the metrics say"""
    found = re.findall(r'weir_spoofed_packets_total\{kind="(\w+)"\} (\d+)', metrics(node))
    return {kind: int(count) for kind, count in found}


def check(pods):
    """All that is honest arrives, nothing else does, and each lie is counted once."""
    lost = [name for name, there in pods.arrive(honest(pods)).items() if not there]
    assert not lost, f"honest, but dropped: {lost}"
    for kind, wanted in lies(pods).items():
        before = counts(pods.node) if pods.node.process else None
        through = [name for name, there in pods.arrive(wanted).items() if there]
        assert not through, f"{kind}: arrived: {through}"
        if before:
            now = counts(pods.node)
            more = {k: now[k] - before[k] for k in now if now[k] != before[k]}
            assert more == {kind: len(wanted)}, f"{kind}: counted {more}, sent {len(wanted)}"


def test_without(_):
    """The frames are such that they would arrive: else the other tests would show nothing."""
    with Node("spoofoff", config={"antiSpoofing": "no"}) as node:
        pods = prepare(node)
        assert not table(node)
        for kind, wanted in {"honest": honest(pods), **lies(pods)}.items():
            lost = [name for name, there in pods.arrive(wanted).items() if not there]
            # what the kernel itself does not forward
            assert set(lost) <= {"advertisement in a fragment"}, f"{kind}: {lost}"
        assert not any(e["antiSpoofing"] for e in node.query("endpoints")["endpoints"])


def test_bridged(node):
    pods = prepare(node)
    check(pods)
    endpoints = node.query("endpoints")["endpoints"]
    assert len(endpoints) == 3 and all(e["antiSpoofing"] for e in endpoints), endpoints


def test_records(node):
    pods = prepare(node)
    with_flows = node.subscribe()
    f.send(pods.a, pods.udp(pods.c.addr(4), dport=4711)[0])
    f.send(pods.a, pods.udp(pods.c.addr(6), dport=4712)[0])
    for port, claimed in ((4711, pods.c.addr(4)), (4712, pods.c.addr(6))):
        record = with_flows.wait_for(lambda r, port=port: r.get("dst", {}).get("port") == port)
        assert record, f"no record of port {port}"
        assert record["type"] == "denied" and record["verdict"] == "denied"
        assert record["egress"]["reason"] == "spoofed" and record["egress"]["verdict"] == "denied"
        assert record["src"]["addr"] == claimed and record["src"]["pod"] == "a", record["src"]
        assert record["dst"]["pod"] == "b" and "ingress" not in record
        assert "spoofed" in record["why"]
    assert not [r for r in with_flows.records() if r.get("src", {}).get("pod") == "c"]
    eventually(lambda: "spoofed" in node.weirctl("flows", "--pod", "a", "--verdict", "denied").stdout,
               10, "spoofed packets in weirctl flows")
    with_flows.close()


def test_rights(node):
    """The database lets in web: nobody is web but by being it."""
    node.write_manifest("db.yaml", DB_FROM_WEB)
    pods = prepare(node)
    db = node.add_pod("shop", "db", labels={"app": "db"})
    pods.b, pods.mac[db] = db, f.hardware(db)
    capture = f.Capture(db)
    for src in (pods.c.addr(4), pods.c.addr(6)):
        f.send(pods.a, pods.udp(src)[0])
    frame, data = pods.udp(pods.c.addr(4))
    f.send(pods.c, frame[:6] + f.mac_bytes(pods.mac[pods.c]) + frame[12:])
    assert capture.until(data), "web does not reach the database"
    assert sum(b"weir-" in x for x in capture.frames) == 1
    capture.close()


def through_tunnel(node, pods):
    """Does what a packs for the node's VXLAN arrive at b, as if from another node's pod?"""
    data = pods.data()
    inner = f.ethernet(pods.mac[pods.a], f.hardware(node.host, "flannel.1"), f.IPV4,
                       f.udp("10.78.0.9", pods.b.addr(4), 4000, 4001, data))
    packed = f.udp(pods.a.addr(4), pods.gateway[4], 8472, 8472, struct.pack("!II", 1 << 27, 1 << 8) + inner)
    capture = f.Capture(pods.b)
    f.send(pods.a, f.ethernet(pods.mac[pods.a], f.hardware(node.host, "cni0"), f.IPV4, packed))
    fence, last = pods.udp(pods.a.addr(4))
    f.send(pods.a, fence)
    assert capture.until(last)
    capture.close()
    return capture.has(data)


def test_tunnel(_):
    """The node takes packets out of a VXLAN, whoever put them in; a pod is not to."""
    for setting in ("no", "yes"):
        with Node("spoofvxlan", config={"antiSpoofing": setting}) as node:
            pods = Pods(node)
            node.host.run("ip", "link", "add", "flannel.1", "type", "vxlan", "id", "1", "dstport", "8472",
                          "nolearning", "local", pods.gateway[4])
            node.host.run("ip", "addr", "add", "10.78.0.0/32", "dev", "flannel.1")
            node.host.run("ip", "link", "set", "flannel.1", "up")
            node.host.run("ip", "route", "add", "10.78.0.0/16", "dev", "flannel.1")
            if setting == "no":
                assert through_tunnel(node, pods), "the frame is wrong: it would not have come through"
                continue
            eventually(lambda n=node: "udp dport 8472" in table(n), 10, "a rule for the tunnel")
            assert not through_tunnel(node, pods)
            assert counts(node)["tunnel"] == 1
            node.host.run("ip", "link", "del", "flannel.1")
            eventually(lambda n=node: "udp dport 8472" not in table(n), 10, "the end of the rule")


def test_several_addresses(node):
    """All that the CNI result says are the pod's, and no other."""
    pods = prepare(node)
    addrs = ["10.77.9.1/16", "10.77.9.2/16", "fd77::9:1/64", "fd77::9:2/64"]
    node.chain.plugins[0] = {**node.chain.plugins[0], "ipam": {
        "type": "static", "addresses": [{"address": addr} for addr in addrs]}}
    pods.a = node.add_pod("shop", "several")
    pods.mac[pods.a] = f.hardware(pods.a)
    sources = [addr.split("/")[0] for addr in addrs] + ["10.77.9.3", "fd77::9:3"]
    arrived = pods.arrive({src: pods.udp(src) for src in sources})
    assert [src for src in sources if arrived[src]] == sources[:4], arrived


def test_unknown_interface(node):
    """A pod whose interface has no end on the host is not guarded, and that is said."""
    node.host.run("ip", "link", "add", "wire", "type", "veth", "peer", "name", "wall")
    node.host.run("ip", "link", "set", "wire", "up")
    node.chain.plugins[0] = {"type": "macvlan", "master": "wire", "mode": "bridge",
                             "ipam": node.chain.plugins[0]["ipam"]}
    pod = node.add_pod("shop", "a")
    endpoint = node.query("endpoints")["endpoints"][0]
    assert not endpoint["antiSpoofing"] and "not known" in endpoint["antiSpoofingReason"], endpoint
    assert "without anti-spoofing" in node.weirctl("endpoints").stdout
    assert not table(node)
    assert re.search(r"^weir_spoof_unguarded_pods 1$", metrics(node), re.M)
    node.del_pod(pod)


def test_routed(_):
    with Node("spoofptp", primary="ptp") as node:
        pods = Pods(node)
        a4, c4, a6, c6 = pods.a.addr(4), pods.c.addr(4), pods.a.addr(6), pods.c.addr(6)
        host = f.hardware(node.host, node.query("endpoints")["endpoints"][0]["hostInterface"])
        sent = {name: (f.mac_bytes(host) + frame[6:], data) for name, (frame, data) in {
            "own": pods.udp(a4), "own6": pods.udp(a6),
            "another's": pods.udp(c4), "another's, IPv6": pods.udp(c6)}.items()}
        capture = f.Capture(pods.b)
        for frame, _data in sent.values():
            f.send(pods.a, frame)
        last, data = pods.udp(a4)
        f.send(pods.a, f.mac_bytes(host) + last[6:])
        assert capture.until(data)
        arrived = [name for name, (_, data) in sent.items() if capture.has(data)]
        capture.close()
        assert arrived == ["own", "own6"], arrived
        before = counts(node)
        f.send(pods.a, pods.raw(f.ARP, f.arp(2, pods.mac[pods.a], pods.gateway[4], host, c4))[0])
        f.send(pods.a, pods.icmp6(f.icmp6(f.eui64(pods.mac[pods.a]), ALL_NODES, 134, bytes(12)), ALL_NODES)[0])
        now = counts(node)
        assert now["arp"] == before["arp"] + 1 and now["neighbor"] == before["neighbor"] + 1
        assert pods.b.listen(80) and pods.a.reach(pods.b.addr(4), 80)
        assert pods.a.reach(pods.b.addr(6), 80)


def test_adopted(_):
    """Pods that ran before weird came: their interfaces are found by their addresses."""
    for primary in ("bridge", "ptp"):
        with Node("spoofadopt", primary=primary, weir=False, start=False) as node:
            pods = Pods(node)
            for p in (pods.a, pods.b, pods.c):
                node.write_pod(p.namespace, p.name, podIP=p.addrs[0], phase="Running",
                               podIPs=[{"ip": addr} for addr in p.addrs])
            node.start()
            listed = node.query("endpoints")["endpoints"]
            assert len(listed) == 3 and all(e["antiSpoofing"] for e in listed), listed
            if primary == "bridge":
                node.host.run("ip", "addr", "add", NODE_LINK_LOCAL + "/64", "dev", "cni0", "nodad")
                eventually(lambda: "fe80::77" in table(node), 10, "the node's new address")
                check(pods)
            else:
                before = counts(node)["ipv4"]
                f.send(pods.a, pods.udp(pods.c.addr(4))[0])
                assert counts(node)["ipv4"] == before + 1


def test_nobody_there(node):
    """weird is killed: what was in force stays, and a new start changes nothing."""
    pods = prepare(node)
    before = rules(node)
    node.stop(signal.SIGKILL)
    check(pods)
    node.start()
    assert rules(node) == before
    check(pods)


def rules(node):
    return re.sub(r"packets \d+ bytes \d+", "", table(node))


def test_repaired(node):
    """Somebody empties the table, or takes it away; CHECK sees it, and it comes back."""
    pods = prepare(node)
    before = rules(node)
    chain = re.search(r"chain (if_\d+)", before).group(1)
    for damage in (["flush", "table", "netdev", "weir"], ["delete", "table", "netdev", "weir"],
                   ["flush", "set", "netdev", "weir", "own4"],
                   ["flush", "chain", "netdev", "weir", chain]):
        node.host.run("nft", *damage)
        assert rules(node) != before
        done = [not_in_force(node, p) for p in (pods.a, pods.b, pods.c)]
        assert any(done), damage
        eventually(lambda: rules(node) == before, 10, f"repair after {damage}")
    check(pods)
    # also a pod that comes meanwhile is not let in without it
    node.host.run("nft", "delete", "table", "netdev", "weir")
    node.add_pod("shop", "d")
    assert hooks(node) == 4
    check(pods)


def hooks(node):
    return table(node).count("type filter hook ingress")


def not_in_force(node, pod):
    try:
        node.chain.check(pod.container, pod.path, pod.args, pod.result)
    except Exception:  # pylint: disable=broad-except
        return True
    return False


def test_interface_goes(node):
    """When the pod has gone its chain has; who has the name of its interface then is not judged by it."""
    pods = prepare(node)
    name = next(e["hostInterface"] for e in node.query("endpoints")["endpoints"] if e["pod"] == "a")
    assert f'device "{name}"' in table(node)
    node.del_pod(pods.a)
    assert name not in table(node)
    # a pod that ended without DEL, and another interface of that name
    name = next(e["hostInterface"] for e in node.query("endpoints")["endpoints"] if e["pod"] == "b")
    pods.b.delete()
    eventually(lambda: name not in node.host.run("ip", "link").stdout, 10, "the end of the interface")
    eventually(lambda: name not in table(node), 10, "the end of its chain")
    pods.a = node.add_pod("shop", "a")
    assert hooks(node) == 2, table(node)
    node.del_pod(pods.c)
    node.del_pod(pods.a)
    assert not table(node)


def test_purge(node):
    prepare(node)
    assert table(node)
    node.stop()
    assert table(node)
    node.host.run(os.path.join(BUILD, "daemon", "weird"), "--config", node.path("weird.yaml"), "--purge")
    assert not table(node)


def test_listing(node):
    """nft can show it, as text and as JSON."""
    prepare(node)
    text = table(node)
    assert hooks(node) == 3
    assert "shop/a" in text
    json.loads(node.host.run("nft", "-j", "list", "ruleset").stdout)


if __name__ == "__main__":
    main(__file__, [test_without, test_bridged, test_records, test_rights, test_tunnel,
                    test_several_addresses, test_unknown_interface, test_routed, test_adopted,
                    test_nobody_there, test_repaired, test_interface_goes, test_purge, test_listing],
         node=lambda name: Node(name))
