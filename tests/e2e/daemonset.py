# SPDX-License-Identifier: Apache-2.0
"""weird with exactly the rights that conf/kubernetes/daemonset.yaml gives it, by runc.

The container is made from the manifest: its capabilities, read-only root, seccomp, mounts with
their propagation, /proc/sys read-only as kubelet has it. What is proven: that is enough to enforce, to
see pods that come later, and to switch the kernel's settings on. And that it is not more than needed.
"""
import json
import os
import shutil
import subprocess

from fixture import BUILD, Node, Skip, eventually, main

try:
    import yaml
except ImportError:
    yaml = None

BUILD = os.path.abspath(BUILD)
TOP = os.path.abspath(os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "../..")))
SECCOMP = "/usr/share/containers/seccomp.json"
# What a runtime hides and protects when a container is not privileged.
MASKED = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
          "/proc/sched_debug", "/proc/scsi", "/sys/firmware"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: shop, name: deny}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""


def manifest(path="daemonset.yaml"):
    with open(os.path.join(TOP, "conf/kubernetes", path)) as f:
        return yaml.safe_load(f)["spec"]["template"]["spec"]


def seccomp(capabilities):
    """The default profile of container runtimes, for these capabilities."""
    with open(SECCOMP) as f:
        profile = json.load(f)
    names = []
    for rule in profile["syscalls"]:
        if set(rule.get("includes", {}).get("caps", [])) - capabilities or \
                set(rule.get("excludes", {}).get("caps", [])) & capabilities:
            continue
        names.append({"names": rule["names"], "action": rule["action"],
                      **({"args": rule["args"]} if rule.get("args") else {}),
                      **({"errnoRet": rule["errnoRet"]} if "errnoRet" in rule else {})})
    return {"defaultAction": profile["defaultAction"], "syscalls": names,
            "defaultErrnoRet": profile.get("defaultErrnoRet", 1),
            "architectures": ["SCMP_ARCH_X86_64"]}


def mounts(node, spec, container, same_paths):
    """Those of the manifest, the node's folders replaced by those of the test. same_paths: the
    two folders of weird are where the fixture's configuration has them."""
    here = {"/run/weir": node.path("run"), "/var/lib/weir": node.path("state"),
            "/etc/cni/net.d": node.path("net.d"), "/opt/cni/bin": node.path("bin"),
            "/run/netns": "/run/netns", "/proc/sys/net": "/proc/sys/net"}
    paths = {v["name"]: v["hostPath"]["path"] for v in spec["volumes"] if "hostPath" in v}
    for folder in ("net.d", "bin"):
        os.makedirs(node.path(folder), exist_ok=True)
    yield from (bind(BUILD), bind("/usr"), bind(node.dir))
    for m in container["volumeMounts"]:
        if m["name"] in paths:
            source = here[paths[m["name"]]]
            moved = same_paths and m["mountPath"] in ("/run/weir", "/var/lib/weir")
            slave = "rslave" if m.get("mountPropagation") == "HostToContainer" else "rprivate"
            yield bind(source, source if moved else m["mountPath"],
                       "ro" if m.get("readOnly") else "rw", slave)


def bind(source, target=None, how="ro", propagation="rprivate"):
    return {"destination": target or source, "source": source, "type": "bind",
            "options": ["rbind", how, propagation]}


def bundle(node, spec, container, args, name="bundle", same_paths=True):
    """An OCI bundle of one container of the manifest."""
    context = container["securityContext"]
    caps = ["CAP_" + c for c in context["capabilities"]["add"]]
    root = node.path(name + "/rootfs")
    os.makedirs(root)
    for folder in ("bin", "lib", "lib64", "sbin"):
        os.symlink("usr/" + folder, os.path.join(root, folder))
    system = [{"destination": "/proc", "type": "proc", "source": "proc"},
              {"destination": "/sys", "type": "sysfs", "source": "sysfs",
               "options": ["nosuid", "noexec", "nodev", "ro"]},
              {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]}]
    config = {
        "ociVersion": "1.0.2",
        "root": {"path": root, "readonly": context["readOnlyRootFilesystem"]},
        "mounts": system + list(mounts(node, spec, container, same_paths)),
        "process": {
            "user": {"uid": context["runAsUser"], "gid": 0}, "cwd": "/",
            "args": args,
            "env": [f"PATH=/usr/sbin:/usr/bin:{BUILD}/daemon", "ASAN_OPTIONS=detect_leaks=0"],
            "noNewPrivileges": not context["allowPrivilegeEscalation"],
            "capabilities": {k: caps for k in ("bounding", "effective", "permitted")}},
        "linux": {
            "namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "ipc"}, {"type": "uts"},
                           {"type": "network", "path": node.host.path}],
            "maskedPaths": MASKED, "readonlyPaths": READ_ONLY,
            "seccomp": seccomp(set(caps))},
    }
    with open(node.path(name + "/config.json"), "w") as f:
        json.dump(config, f)


def run_bundle(node, name="bundle"):
    return ("sh", "-c", f"exec runc --root {node.path('runc')} run -b {node.path(name)} "
                        f"{node.netns}-{name}")


def contained(name):
    if yaml is None or not shutil.which("runc") or not os.path.exists(SECCOMP):
        raise Skip("needs runc, the seccomp profile of podman, and python3-yaml")
    node = Node(name, config={"sysctlDir": "/host/proc/sys"}, start=False)
    spec = manifest()
    bundle(node, spec, spec["containers"][0],
           [f"{BUILD}/daemon/weird", "--config", node.path("weird.yaml")])
    node.wrap = run_bundle(node)
    return node


def test_enforces(node):
    node.write_namespace("shop")
    node.host.sysctl("net.bridge.bridge-nf-call-iptables", 0)
    node.host.sysctl("net.netfilter.nf_conntrack_acct", 0)
    node.start()
    web, db = node.add_pod("shop", "web"), node.add_pod("shop", "db")
    db.listen(80)
    node.wait()
    assert web.reach(db.addr(4), 80)
    for key in ("net/bridge/bridge-nf-call-iptables", "net/netfilter/nf_conntrack_acct"):
        value = node.host.run("cat", f"/proc/sys/{key}").stdout.strip()
        assert value == "1", f"{key} is {value}: {node.log()}"
    node.write_manifest("deny", DENY)
    node.wait()
    for family in (4, 6):
        assert not web.reach(db.addr(family), 80, timeout=0.5)
    assert node.query("status")["endpoints"] == {"total": 2, "enforced": 2, "adopted": 0, "unmanaged": 0}
    eventually(lambda: '"denied"' in node.weirctl("-o", "json", "flows").stdout, what="a flow record")
    assert node.weirctl("dump").returncode == 0


def test_replaced_while_pods_run(node):
    node.write_namespace("shop")
    node.write_manifest("deny", DENY)
    node.start()
    web, db = node.add_pod("shop", "web"), node.add_pod("shop", "db")
    db.listen(80)
    assert node.stop() == 0, node.log()
    assert not web.reach(db.addr(4), 80, timeout=0.5), "enforcement ended with the container"
    node.start()
    found = node.query("endpoints")["endpoints"]
    assert len(found) == 2 and all(e["enforced"] and e["container"] for e in found), found
    assert not web.reach(db.addr(4), 80, timeout=0.5)


def test_uninstalled(node):
    """uninstall/daemonset.yaml, with its own rights: the folders are as before, the kernel is."""
    primary = '{"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "bridge"}]}\n'
    os.makedirs(node.path("net.d"), exist_ok=True)
    for path, text in (("net.d/10-pods.conflist", primary), ("bin/weir", "a plugin")):
        with open(node.path(path), "w") as f:
            f.write(text)
    os.chmod(node.path("bin/weir"), 0o755)
    node.config["chain"] = {"manage": "yes"}
    node.write_namespace("shop")
    node.start()
    node.add_pod("shop", "web")
    eventually(lambda: "00-weir.conflist" in os.listdir(node.path("net.d")), what="the chain")
    assert "weir" in node.host.run("nft", "list", "tables").stdout
    node.stop()
    assert "00-weir.conflist" in os.listdir(node.path("net.d")), "the chain ended with weird"
    spec = manifest("uninstall/daemonset.yaml")
    bundle(node, spec, spec["initContainers"][0], spec["initContainers"][0]["command"], "uninstall",
           same_paths=False)
    done = node.host.popen(*run_bundle(node, "uninstall"), stderr=subprocess.PIPE, text=True)
    assert done.wait(20) == 0, done.stderr.read()
    assert os.listdir(node.path("net.d")) == ["10-pods.conflist"]
    with open(node.path("net.d/10-pods.conflist")) as f:
        assert f.read() == primary
    left = {folder: os.listdir(node.path(folder)) for folder in ("bin", "run", "state")}
    assert not any(left.values()), left
    assert "weir" not in node.host.run("nft", "list", "tables").stdout


def test_without_net_admin_it_says_so(node):
    with open(node.path("bundle/config.json")) as f:
        config = json.load(f)
    config["process"]["capabilities"] = {}
    with open(node.path("bundle/config.json"), "w") as f:
        json.dump(config, f)
    node.write_config()
    done = subprocess.run(node.wrap, text=True, capture_output=True, timeout=20)
    assert done.returncode == 1 and "CAP_NET_ADMIN is needed" in done.stdout + done.stderr, done


if __name__ == "__main__":
    main(__file__, [test_enforces, test_replaced_while_pods_run, test_uninstalled,
                    test_without_net_admin_it_says_so],
         node=contained)
