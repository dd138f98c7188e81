# SPDX-License-Identifier: Apache-2.0
"""Pods that ran before weird came are enforced without a restart; those that can't be are listed.

Only what the source tells of them is known: no CNI ADD was seen.
"""
import socket
import urllib.request

from fixture import Node, Pod, POD_SYSCTLS, main
from netns import inside

ALLOW_WEB = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: shop, name: db}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]
"""


def bare_pod(node, namespace, name):
    """Runs, as the chain says; no object."""
    pod = Pod(node, namespace, name)
    pod.create(POD_SYSCTLS)
    node.pods[str(pod)] = pod
    pod.result = node.chain.add(pod.container, pod.path, pod.args)
    pod.addrs = [ip["address"].split("/")[0] for ip in pod.result["ips"]]
    return pod


def tell(node, pod, labels, **spec):
    """The object of a running pod, as an API server has it."""
    node.write_manifest(f"pod-{pod.namespace}-{pod.name}", {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": pod.namespace, "name": pod.name, "labels": labels},
        "spec": {"nodeName": "node-1", **spec},
        "status": {"phase": "Running", "podIP": pod.addrs[0],
                   "podIPs": [{"ip": addr} for addr in pod.addrs]}})


def connect(src, dst, port):
    s = src.socket(socket.AF_INET, "tcp")
    s.settimeout(2)
    s.connect((dst.addr(4), port))
    return s


def alive(s):
    s.send(b"x")
    return s.recv(1) == b"x"


def listed(node, *args):
    answer = node.query("endpoints", *args)
    return {e["pod"]: e for e in answer.get("endpoints", answer.get("unmanaged"))}


def metric(node, reason):
    with inside(node.host.path), urllib.request.urlopen("http://127.0.0.1:9571/metrics", timeout=5) as page:
        for line in page.read().decode().splitlines():
            if line.startswith(f'weir_unmanaged_pods{{reason="{reason}"}}'):
                return int(line.split()[-1])
    raise AssertionError(f"no metric for {reason}")


def pods_that_run(node):
    web, db, other = (bare_pod(node, "shop", name) for name in ("web", "db", "other"))
    db.listen(80)
    assert web.reach(db.addr(4), 80) and other.reach(db.addr(4), 80), "nothing is enforced yet"
    return web, db, other


def check_adopted(node, web, db, other):
    """They run; weird comes; what its policies say holds, and nothing was restarted."""
    with connect(web, db, 80) as conn:
        assert alive(conn)
        for pod in (web, db, other):
            tell(node, pod, {"app": pod.name})
        node.write_manifest("db", ALLOW_WEB)
        node.start()
        assert alive(conn), "the open connection goes on"
        for family in (4, 6):
            assert web.reach(db.addr(family), 80)
            assert not other.reach(db.addr(family), 80, timeout=0.3)
        tell(node, web, {"app": "former"})
        tell(node, other, {"app": "web"})
        node.wait()
        assert not web.reach(db.addr(4), 80, timeout=0.3)
        assert other.reach(db.addr(4), 80)
    found = listed(node)
    assert set(found) == {"web", "db", "other"}
    for entry in found.values():
        assert entry["origin"] == "adopted" and entry["enforced"] and entry["realised"] > 0, entry
    assert not listed(node, "--unmanaged")
    assert node.query("status")["endpoints"] == {"total": 3, "enforced": 3, "adopted": 3, "unmanaged": 0}


def test_ran_before_on_a_bridge(_):
    with Node("adopt", weir=False, start=False) as node:
        check_adopted(node, *pods_that_run(node))


def test_ran_before_routed(_):
    with Node("adopt", primary="ptp", weir=False, start=False) as node:
        check_adopted(node, *pods_that_run(node))


def test_left_by_the_plugin(_):
    """onUnavailable: allow, and the daemon was away."""
    with Node("adopt", start=False) as node:
        node.chain.plugins[-1]["onUnavailable"] = "allow"
        web, db, other = pods_that_run(node)
        check_adopted(node, web, db, other)
        # a new sandbox of the pod: from now on CNI tells its addresses
        node.del_pod(db, manifest=False)
        again = bare_pod(node, "shop", "db")
        entry = listed(node)["db"]
        assert entry["origin"] == "cni" and entry["addresses"] == again.addrs and entry["known"], entry
        again.listen(80)
        assert other.reach(again.addr(4), 80)
        assert not web.reach(again.addr(4), 80, timeout=0.3)


def out_of_the_node(node):
    """A default route, as every node has one."""
    node.add_outside("world")
    node.host.run("ip", "route", "add", "default", "dev", "out1")


def odd_pods(node):
    """One pod for each reason."""
    base = Pod(node, "odd", "x")
    for name, addrs, spec in (("host", ["10.77.0.1"], {"hostNetwork": True}),
                              ("away", ["198.51.100.7"], {}),
                              ("self", ["10.77.0.1"], {})):
        base.name, base.addrs = name, addrs
        tell(node, base, {}, **spec)
    for name in ("taken-1", "taken-2"):
        base.name, base.addrs = name, ["10.77.3.3"]
        tell(node, base, {})
    node.write_pod("odd", "waits")
    node.write_pod("odd", "finished", phase="Succeeded", podIP="10.77.3.4")


def test_reasons(node):
    node.add_pod("shop", "web")
    out_of_the_node(node)
    odd_pods(node)
    node.wait()
    found = {name: e["code"] for name, e in listed(node, "--unmanaged").items()}
    taken = [name for name in ("taken-1", "taken-2") if name in found]
    assert len(taken) == 1 and found.pop(taken[0]) == "address-taken", found
    assert found == {"host": "host-network", "away": "unreached", "self": "unreached",
                     "waits": "no-address"}, found
    assert metric(node, "unreached") == 2 and metric(node, "host-network") == 1
    assert metric(node, "bridge") == 0
    assert "host" not in listed(node), "only pods that could be enforced"
    for form in ("table", "json", "yaml"):
        done = node.weirctl("-o", form, "endpoints", "-u", "-n", "odd")
        assert done.returncode == 0 and "no interface of this node" in done.stdout, done


def test_bridge_that_bypasses(_):
    """An adopted pod on a bridge whose packets skip the hooks is not enforced, and weird says so."""
    with Node("adopt", weir=False, start=False, config={"bridgeNetfilter": "check"}) as node:
        web = bare_pod(node, "shop", "web")
        tell(node, web, {"app": "web"})
        node.start()
        assert not listed(node, "--unmanaged")
        node.host.sysctl("net.bridge.bridge-nf-call-iptables", 0)
        assert listed(node, "--unmanaged")["web"]["code"] == "bridge"
        assert metric(node, "bridge") == 1
        node.write_manifest("db", ALLOW_WEB)
        assert node.weirctl("wait", "--timeout", "1s").returncode == 1, "not in sync"
        node.host.sysctl("net.bridge.bridge-nf-call-iptables", 1)
        node.wait(timeout=35)
        assert not listed(node, "--unmanaged")


if __name__ == "__main__":
    main(__file__, [test_ran_before_on_a_bridge, test_ran_before_routed, test_left_by_the_plugin,
                    test_reasons, test_bridge_that_bypasses])
