# SPDX-License-Identifier: Apache-2.0
"""No window at pod start: traffic hammers a pod's address, and comes from inside the pod, in both
directions while ADD runs. Nothing that policy denies gets through, in 200 ADDs.

Each ADD is hammered on four ports: one denied and one allowed, in and out. The allowed ones prove
that the hammer works: the round ends when packets of both have arrived.
"""
import contextlib
import ipaddress
import os
import sys

from fixture import Node, POD_SYSCTLS, Pod, eventually, main
from rounds import rounds
from streams import Streams

ROUNDS = rounds("WEIR_ADDS", 200)
RATE = 2000
GUARDS = ["10.77.0.0/16", "fd77::/64"]
OPEN_IN, DENIED_IN, OPEN_OUT, DENIED_OUT = 7000, 7001, 7002, 7003

POLICY = f"""
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{namespace: shop, name: only-two-ports}}
spec:
  podSelector: {{}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{{namespaceSelector: {{}}}}]
    ports: [{{protocol: UDP, port: {OPEN_IN}}}]
  egress:
  - to: [{{namespaceSelector: {{}}}}]
    ports: [{{protocol: UDP, port: {OPEN_OUT}}}]
"""


def impatient_neighbours(place, device):
    """An address that is not there yet is asked for every 10 ms, not every second."""
    for family in ("ipv4", "ipv6"):
        place.sysctl(f"net.{family}.neigh.{device}.retrans_time_ms", 10)


def next_address(node, family):
    """What host-local will give next: one more than the last."""
    last = node.path(os.path.join("ipam", "weir-t",
                                  f"last_reserved_ip.{node.families.index(family)}"))
    with open(last) as f:
        return str(ipaddress.ip_address(f.read().strip()) + 1)


def hammered_add(node, peer, number, family):
    """ADD under the hammer; what came through on the denied ports, in and out."""
    node.write_pod("shop", f"web-{number}", {"app": "web"})
    pod = Pod(node, "shop", f"web-{number}")
    pod.create(POD_SYSCTLS)
    node.pods[str(pod)] = pod
    addr, peer_addr = next_address(node, family), peer.addr(family)
    with Streams() as s:
        s.open("open_in", peer, pod, addr, OPEN_IN, RATE)
        s.open("denied_in", peer, pod, addr, DENIED_IN, RATE)
        s.open("open_out", pod, peer, peer_addr, OPEN_OUT, RATE)
        s.open("denied_out", pod, peer, peer_addr, DENIED_OUT, RATE)
        s.start()
        pod.result = node.chain.add(pod.container, pod.path, pod.args)
        pod.addrs = [ip["address"].split("/")[0] for ip in pod.result["ips"]]
        assert addr in pod.addrs, f"{pod} has {pod.addrs}, the hammer was on {addr}"
        eventually(lambda: arrived(s), 20, f"ADD {number}: packets on the open ports")
        end = s.drain()
    node.del_pod(pod)
    return end["denied_in"]["received"], end["denied_out"]["received"]


def arrived(streams):
    now = streams.stats()
    return now["open_in"]["received"] > 20 and now["open_out"]["received"] > 20


def hammer(primary, family):
    with Node(f"window-{primary}{family}", primary=primary, families=(4, 6),
              config={"podCIDRs": GUARDS}) as node:
        peer = node.add_pod("out", "peer")
        impatient_neighbours(peer, "eth0")
        if primary == "bridge":
            impatient_neighbours(node.host, "cni0")
        node.write_manifest("policy", POLICY)
        node.wait()
        leaks = 0
        for number in range(ROUNDS // 4):
            came_in, went_out = hammered_add(node, peer, number, family)
            if came_in or went_out:
                leaks += 1
                print(f"ADD {number} ({primary}, IPv{family}): {came_in} packets in, "
                      f"{went_out} out on denied ports", file=sys.stderr)
        assert leaks == 0, f"{leaks} of {ROUNDS // 4} ADDs had a window"


def test_bridge_ipv4(_):
    hammer("bridge", 4)


def test_bridge_ipv6(_):
    hammer("bridge", 6)


def test_ptp_ipv4(_):
    hammer("ptp", 4)


def test_ptp_ipv6(_):
    hammer("ptp", 6)


if __name__ == "__main__":
    main(__file__, [test_bridge_ipv4, test_bridge_ipv6, test_ptp_ipv4, test_ptp_ipv6],
         node=contextlib.nullcontext)
