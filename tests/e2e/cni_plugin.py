# SPDX-License-Identifier: Apache-2.0
"""The plugin as a runtime meets it: real bridge and ptp before it, every command of the
specification, and what goes wrong in a node's life."""
import contextlib
import json
import os
import signal
import subprocess

from cni import CniError
from fixture import BUILD, CNI_BIN, POD_SYSCTLS, Node, Pod, eventually, main
from netns import inside, run

ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def weir_entry(node):
    return node.chain.plugins[-1]


def refused(code, call, *args, **kwargs):
    """The call fails with that CNI error code; its error object."""
    try:
        call(*args, **kwargs)
    except CniError as error:
        assert error.code == code, f"code {error.code}, not {code}: {error}"
        for key in ("cniVersion", "code", "msg"):
            assert key in error.error, error.error
        return error.error
    raise AssertionError(f"no error, {code} was expected")


def bare_pod(node, namespace, name):
    pod = Pod(node, namespace, name)
    pod.create(POD_SYSCTLS)
    node.pods[str(pod)] = pod
    return pod


def weir_call(node, command, pod, **kwargs):
    kwargs.setdefault("prev", pod.result)
    return node.chain.call(weir_entry(node), command, pod.container, pod.path, pod.args, **kwargs)


def endpoints(node):
    """Those that came by ADD; pods that only a manifest knows have no container."""
    return {f"{e['namespace']}/{e['pod']}": e for e in node.query("endpoints")["endpoints"]
            if e["container"]}


def raw(node, command, text, **env):
    """weir itself with this text on stdin: exit status and stdout."""
    with inside(node.host.path):
        done = subprocess.run([os.path.join(BUILD, "plugin", "weir")], input=text.encode(),
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
                              env={**ENV, "CNI_COMMAND": command, "CNI_PATH": CNI_BIN, **env})
    return done.returncode, done.stdout.decode()


def each_version(primary):
    for version in ("0.3.0", "0.3.1", "0.4.0", "1.0.0"):
        with Node(f"cni-{primary}", primary=primary, cni_version=version) as node:
            pod = node.add_pod("shop", "web", {"app": "web"})
            assert pod.result["cniVersion"] == version, pod.result
            assert set(endpoints(node)["shop/web"]["addresses"]) == set(pod.addrs)
            if version in ("0.3.0", "0.3.1"):
                refused(1, weir_call, node, "CHECK", pod)
            else:
                weir_call(node, "CHECK", pod)
            node.del_pod(pod)
            assert not endpoints(node)


def test_versions_with_bridge(_):
    each_version("bridge")


def test_versions_with_ptp(_):
    each_version("ptp")


def test_version_command(node):
    code, out = raw(node, "VERSION", '{"cniVersion":"1.1.0"}')
    answer = json.loads(out)
    assert code == 0 and answer["cniVersion"] == "1.1.0", out
    assert answer["supportedVersions"] == ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]


def test_result_is_passed_on_byte_for_byte(node):
    pod = bare_pod(node, "shop", "web")
    prev = ('{"cniVersion":"1.1.0", "interfaces":[{"name":"eth0","sandbox":"%s","mtu":1500}],'
            '"ips":[{"address":"10.77.9.9/16","interface":0}],"routes":[{"dst":"0.0.0.0/0",'
            '"priority":12345678901234567890}],"dns":{},"unknown":{"x":[1.10,null]}}' % pod.path)
    conf = '{"cniVersion":"1.1.0","name":"n","type":"weir","socket":"%s","prevResult":%s}'
    code, out = raw(node, "ADD", conf % (node.rpc, prev), CNI_CONTAINERID=pod.container,
                    CNI_NETNS=pod.path, CNI_IFNAME="eth0", CNI_ARGS=pod.args)
    assert code == 0 and out.strip() == prev, out
    assert endpoints(node)["shop/web"]["addresses"] == ["10.77.9.9"]


def test_add_with_bad_results(node):
    pod = bare_pod(node, "shop", "web")
    refused(7, weir_call, node, "ADD", pod, prev=None)
    for broken in ({"ips": [{"address": "10.0.0.300/8"}]}, {"ips": [{"address": "10.0.0.1"}]},
                   {"ips": {}}, {"interfaces": 1},
                   {"ips": [{"address": "10.0.0.1/8", "interface": 3}]}):
        refused(6, weir_call, node, "ADD", pod, prev={"cniVersion": "1.0.0", **broken})
    assert not endpoints(node)
    refused(4, node.chain.call, weir_entry(node), "ADD", "", pod.path, pod.args, prev={"ips": []})
    refused(4, node.chain.call, weir_entry(node), "ADD", pod.container, "", pod.args, prev={"ips": []})
    refused(4, node.chain.call, weir_entry(node), "NONSENSE", pod.container, pod.path)


def test_add_without_address_with_many_and_twice(node):
    none = bare_pod(node, "shop", "none")
    none.result = {"cniVersion": "1.0.0", "interfaces": [], "ips": []}
    weir_call(node, "ADD", none)
    assert endpoints(node)["shop/none"]["addresses"] == []
    many = bare_pod(node, "shop", "many")
    many.result = {"cniVersion": "1.0.0",
                   "interfaces": [{"name": "eth0", "sandbox": many.path}],
                   "ips": [{"address": a, "interface": 0} for a in
                           ("10.77.8.1/16", "10.77.8.2/16", "fd77::8:1/64", "fd77::8:2/64")]}
    for _ in range(2):
        weir_call(node, "ADD", many)
    found = [e for e in node.query("endpoints")["endpoints"] if e["pod"] == "many"]
    assert len(found) == 1 and len(found[0]["addresses"]) == 4, found
    weir_call(node, "CHECK", many)


def test_del_always_succeeds(node):
    pod = node.add_pod("shop", "web")
    call = node.chain.call
    call(weir_entry(node), "DEL", "unknown", "/run/netns/none")
    call(weir_entry(node), "DEL", pod.container, "")
    assert not endpoints(node)
    call(weir_entry(node), "DEL", pod.container, "")
    node.stop()
    call(weir_entry(node), "DEL", pod.container, pod.path, prev=pod.result)
    node.start()


def remove_table(node):
    node.host.run("nft", "delete", "table", "inet", "weir")


def remove_element(node):
    addr = endpoints(node)["shop/web"]["addresses"][0]
    node.host.run("nft", "delete", "element", "inet", "weir", "ingress4", "{", addr, "}")


def flush_ruleset_chain(node):
    listing = json.loads(node.host.run("nft", "-j", "list", "table", "inet", "weir").stdout)
    chain = next(o["chain"]["name"] for o in listing["nftables"]
                 if "chain" in o and o["chain"]["name"].startswith("rs_"))
    node.host.run("nft", "flush", "chain", "inet", "weir", chain)


def checks(node, pod):
    with contextlib.suppress(CniError):
        weir_call(node, "CHECK", pod)
        return True
    return False


def test_check_finds_what_was_removed_and_repairs(node):
    pod = node.add_pod("shop", "web", {"app": "web"})
    node.write_manifest("deny", {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                                 "metadata": {"namespace": "shop", "name": "deny"},
                                 "spec": {"podSelector": {}}})
    node.wait()
    for damage in (remove_table, remove_element, flush_ruleset_chain):
        weir_call(node, "CHECK", pod)
        damage(node)
        error = refused(100, weir_call, node, "CHECK", pod)
        assert error.get("details"), error
        eventually(lambda: checks(node, pod), 5, f"repaired after {damage.__name__}")
    other = dict(pod.result, ips=[{"address": "10.77.99.99/16"}])
    refused(100, weir_call, node, "CHECK", pod, prev=other)
    refused(3, node.chain.call, weir_entry(node), "CHECK", "unknown", pod.path, pod.args,
            prev=pod.result)


def test_gc_and_status(_):
    with Node("cni", start=False) as node:
        node.chain.version = "1.1.0"
        entry = weir_entry(node)
        refused(50, node.chain.call, entry, "STATUS")
        node.start()
        node.chain.call(entry, "STATUS")
        node.chain.version = "1.0.0"
        kept, gone = node.add_pod("shop", "kept"), node.add_pod("shop", "gone")
        refused(1, node.chain.call, entry, "GC")
        node.chain.version = "1.1.0"
        refused(7, node.chain.call, entry, "GC")
        name, node.chain.name = node.chain.name, "another"
        node.chain.call(entry, "GC", extra={"cni.dev/valid-attachments": []})
        node.chain.name = name
        assert len(endpoints(node)) == 2, "GC of another network takes nothing of this one"
        node.chain.call(entry, "GC", extra={"cni.dev/valid-attachments": [
            {"containerID": kept.container, "ifname": "eth0"}]})
        assert set(endpoints(node)) == {"shop/kept"}, endpoints(node)
        node.chain.version = "1.0.0"
        node.del_pod(gone)


def test_daemon_away(_):
    with Node("cni", start=False) as node:
        pod = bare_pod(node, "shop", "web")
        refused(11, node.chain.add, pod.container, pod.path, pod.args)
        weir_entry(node)["onUnavailable"] = "allow"
        pod.result = node.chain.add(pod.container, pod.path, pod.args)
        assert pod.result["ips"], pod.result
        node.start()
        assert "shop/web" not in endpoints(node), "adopted when the source tells of it: adoption.py"


def test_restart_between_add_and_del(node):
    pod = node.add_pod("shop", "web")
    lost = node.add_pod("shop", "lost")
    node.restart()
    assert set(endpoints(node)) == {"shop/web", "shop/lost"}
    weir_call(node, "CHECK", pod)
    node.stop()
    run("ip", "netns", "del", lost.netns)
    node.start()
    assert set(endpoints(node)) == {"shop/web"}, "the netns of shop/lost is gone"
    node.del_pod(pod)
    assert not endpoints(node)


def test_the_dead_leave_their_addresses(node):
    dead, other = node.add_pod("shop", "dead"), node.add_pod("shop", "other")
    heir = bare_pod(node, "shop", "heir")
    heir.result = dead.result
    run("ip", "netns", "del", dead.netns)
    run("ip", "netns", "del", other.netns)
    weir_call(node, "ADD", heir)
    assert set(endpoints(node)) == {"shop/heir", "shop/other"}
    node.restart(signal.SIGKILL)
    assert set(endpoints(node)) == {"shop/heir"}
    weir_call(node, "DEL", heir)
    assert not endpoints(node)


def test_gc_finds_the_dead(node):
    dead, live = node.add_pod("shop", "dead"), node.add_pod("shop", "live")
    run("ip", "netns", "del", dead.netns)
    node.chain.version = "1.1.0"
    node.chain.call(weir_entry(node), "GC", extra={"cni.dev/valid-attachments": [
        {"containerID": p.container, "ifname": "eth0"} for p in (dead, live)]})
    node.chain.version = "1.0.0"
    assert set(endpoints(node)) == {"shop/live"}


if __name__ == "__main__":
    main(__file__, [test_versions_with_bridge, test_versions_with_ptp, test_version_command,
                    test_result_is_passed_on_byte_for_byte, test_add_with_bad_results,
                    test_add_without_address_with_many_and_twice, test_del_always_succeeds,
                    test_check_finds_what_was_removed_and_repairs, test_gc_and_status,
                    test_daemon_away, test_restart_between_add_and_del,
                    test_the_dead_leave_their_addresses, test_gc_finds_the_dead])
