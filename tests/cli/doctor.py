# SPDX-License-Identifier: Apache-2.0
"""weirctl doctor on trees that look like nodes, and beside a daemon that this script plays.

Each node of the table of docs/BACKEND-CHOICE.md that leaves traces in files is made as a tree of
files; what only the kernel tells is asked in a network namespace of its own.
"""
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading

BUILD = os.path.abspath(os.environ.get("top_builddir", "."))
WEIRCTL = os.path.join(BUILD, "cli", "weirctl")
TOP = os.path.abspath(os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "../..")))

STATUS = {
    "version": "0.1.0", "node": "n1", "backend": {"name": "nftables"},
    "state": {"inSync": True, "error": None},
    "endpoints": {"total": 3, "enforced": 3, "adopted": 0, "unmanaged": 0},
    "source": {"kind": "kubernetes", "server": "https://10.96.0.1:443", "ready": True,
               "broken": [], "collections": [{"kind": "Pod", "current": True, "absent": False}]},
}


class FakeWeird:
    """Answers every request with the status that it holds."""

    def __init__(self, folder):
        self.status = json.loads(json.dumps(STATUS))
        self.path = folder + "/weird.sock"
        self._listen = socket.socket(socket.AF_UNIX)
        self._listen.bind(self.path)
        self._listen.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            conn, _ = self._listen.accept()
            with conn:
                (length,) = struct.unpack("!I", conn.recv(4, socket.MSG_WAITALL))
                conn.recv(length, socket.MSG_WAITALL)
                reply = json.dumps({"version": 1, "result": self.status}).encode()
                conn.sendall(struct.pack("!I", len(reply)) + reply)


class Tree:
    """A healthy node of a cluster on machines, with bridged pods, as files."""

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="weir-doctor-")
        self.weird = FakeWeird(self.root)
        self.write("proc/sys/kernel/osrelease", "6.1.0-30-amd64\n")
        self.write("proc/self/status", "Name:\tweirctl\nCapEff:\t000001ffffffffff\n")
        self.write("proc/net/netfilter/nfnetlink_log", "")
        self.write("proc/mounts", "bpf /sys/fs/bpf bpf rw,nosuid 0 0\n")
        self.write("sys/module/nf_tables/refcnt", "1\n")
        self.write("sys/kernel/btf/vmlinux", "")
        for name, value in (("nf_conntrack_max", 1000), ("nf_conntrack_count", 10),
                            ("nf_conntrack_acct", 1), ("nf_conntrack_timestamp", 1),
                            ("nf_conntrack_events", 1)):
            self.write(f"proc/sys/net/netfilter/{name}", f"{value}\n")
        for name in ("iptables", "ip6tables"):
            self.write(f"proc/sys/net/bridge/bridge-nf-call-{name}", "1\n")
        self.write("proc/sys/net/ipv4/ip_forward", "1\n")
        self.write("proc/sys/net/ipv4/conf/all/rp_filter", "0\n")
        self.chain({"type": "bridge", "bridge": "cni0", "ipam": {"type": "host-local"}})
        self.link("vethA", bridge="cni0")

    def write(self, path, text):
        whole = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "w") as f:
            f.write(text)

    def remove(self, path):
        whole = os.path.join(self.root, path)
        if os.path.isdir(whole):
            shutil.rmtree(whole)
        else:
            os.unlink(whole)

    def chain(self, *plugins, name="pods", weir=True, file="10-pods.conflist", binaries="opt/cni/bin"):
        shutil.rmtree(f"{self.root}/etc/cni/net.d", ignore_errors=True)
        for p in [*plugins, {"type": "weir"}]:
            self.write(f"{binaries}/{p['type']}", "")
        self.write(f"etc/cni/net.d/{file}", json.dumps({
            "cniVersion": "1.0.0", "name": name,
            "plugins": [*plugins, *([{"type": "weir"}] if weir else [])]}))

    def link(self, name, bridge=None, lower=None):
        self.write(f"sys/class/net/{name}/ifindex", "7\n")
        self.write(f"sys/class/net/{name}/iflink", "2\n")
        if bridge:
            self.write(f"sys/class/net/{name}/brport/path_cost", "2\n")
            os.symlink(f"../{bridge}", f"{self.root}/sys/class/net/{name}/master")
        if lower:
            os.symlink(f"../{lower}", f"{self.root}/sys/class/net/{name}/lower_{lower}")

    def doctor(self, *args, code=None):
        done = subprocess.run([WEIRCTL, "--socket", self.weird.path, "doctor", "--root", self.root,
                               "-o", "json", *args], text=True, capture_output=True, timeout=20)
        assert done.returncode in ((0, 1) if code is None else (code,)), (done.returncode, done)
        return json.loads(done.stdout)

    def check(self, name, result, found="", advice=None):
        """One line of what doctor says is as expected; the whole."""
        said = self.doctor()
        line = next(c for c in said["checks"] if c["check"] == name)
        assert line["result"] == result, line
        assert found in line["found"], line
        assert advice is None or advice in line.get("advice", ""), line
        assert result != "fail" or line["advice"], line
        return said


# --- the whole ----------------------------------------------------------------------------


def test_healthy(t):
    said = t.doctor(code=0)
    assert {c["result"] for c in said["checks"]} == {"ok"}, said
    assert said["result"] == "ok" and said["backend"] == "nftables" and said["row"] == "bridge"
    assert len(said["checks"]) >= 20
    assert not any(c["check"] == "clock" for c in said["checks"]), "of this machine, not of the tree"


def test_printed_for_people(t):
    t.write("proc/sys/net/ipv4/ip_forward", "0\n")
    done = subprocess.run([WEIRCTL, "--socket", t.weird.path, "doctor", "--root", t.root],
                          text=True, capture_output=True)
    assert done.returncode == 1, done
    assert "  fail  forwarding" in done.stdout and "-> sysctl net.ipv4.ip_forward=1" in done.stdout
    done = subprocess.run([WEIRCTL, "--socket", t.weird.path, "doctor", "--root", t.root, "-o", "yaml"],
                          text=True, capture_output=True)
    assert "result: fail" in done.stdout and "row: bridge" in done.stdout, done.stdout


def test_nothing_is_changed(t):
    def everything():
        found = {}
        for where, folders, names in os.walk(t.root):
            for n in folders + names:
                st = os.lstat(os.path.join(where, n))
                found[os.path.join(where, n)] = (st.st_mtime_ns, st.st_mode, st.st_size)
        return found
    before = everything()
    t.doctor()
    assert everything() == before


def test_root_that_is_not_there(t):
    done = subprocess.run([WEIRCTL, "doctor", "--root", t.root + "/nowhere"], text=True,
                          capture_output=True)
    assert done.returncode == 2 and "there is no such folder" in done.stderr, done


def test_empty_tree(t):
    """Nothing of a node is there: every check still says something, nothing crashes."""
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run([WEIRCTL, "--socket", empty + "/none", "doctor", "--root", empty,
                               "-o", "json"], text=True, capture_output=True)
    said = json.loads(done.stdout)
    assert done.returncode == 1 and said["row"] == "other" and said["primary"] == "", said
    assert all(c["found"] for c in said["checks"]), said


# --- kernel and settings --------------------------------------------------------------------


def test_kernel(t):
    t.check("version", "ok", "Linux 6.1.0-30-amd64")
    t.write("proc/sys/kernel/osrelease", "4.18.0-553.el8\n")
    t.check("version", "warn", "older than 5.10", "upgrade")
    t.write("proc/sys/kernel/osrelease", "rubbish")
    t.check("version", "warn", "no version")


def test_modules(t):
    t.remove("sys/module/nf_tables")
    t.check("nf_tables", "fail", advice="CONFIG_NF_TABLES")
    t.write("lib/modules/6.1.0-30-amd64/modules.dep",
            "kernel/net/netfilter/nf_tables.ko: kernel/net/netfilter/nfnetlink.ko\n"
            "kernel/net/netfilter/nfnetlink_log.ko.xz:\n")
    t.check("nf_tables", "ok", "on demand")
    t.remove("proc/net/netfilter/nfnetlink_log")
    t.check("NFLOG", "ok", "on demand")
    t.remove("lib/modules/6.1.0-30-amd64/modules.dep")
    t.check("NFLOG", "warn", "not recorded", "modprobe")
    t.remove("proc/sys/net/netfilter")
    t.check("conntrack", "fail", advice="modprobe nf_conntrack")


def test_what_only_bpf_needs_is_no_fault(t):
    t.remove("sys/kernel/btf")
    t.write("proc/mounts", "")
    t.doctor(code=0)
    t.check("BTF", "ok", "not there")
    t.check("BPF file system", "ok", "not mounted")


def test_bridges(t):
    t.write("proc/sys/net/bridge/bridge-nf-call-iptables", "0\n")
    t.check("bridges", "fail", "bridge-nf-call-iptables 0", "br_netfilter")
    t.remove("proc/sys/net/bridge")
    t.check("br_netfilter", "fail", "past every policy")
    t.check("bridges", "fail", "is missing")
    t.remove("sys/class/net")
    t.chain({"type": "ptp", "ipam": {"type": "host-local"}})
    t.check("br_netfilter", "ok", "not loaded")
    t.check("bridges", "ok")


def test_conntrack_settings(t):
    t.write("proc/sys/net/netfilter/nf_conntrack_acct", "0\n")
    t.write("proc/sys/net/netfilter/nf_conntrack_events", "2\n")
    t.check("flow records", "warn", "nf_conntrack_acct 0, nf_conntrack_events 2", "conntrackSettings")
    t.write("proc/sys/net/netfilter/nf_conntrack_count", "751\n")
    t.check("conntrack table", "warn", "751 of 1000", "nf_conntrack_max")


def test_reverse_path_filter(t):
    t.write("proc/sys/net/ipv4/conf/all/rp_filter", "1\n")
    t.check("rp_filter", "ok", "strict")
    t.write("etc/eks/bootstrap.sh", "")
    t.check("rp_filter", "warn", "secondary interfaces", "rp_filter=2")


# --- network ----------------------------------------------------------------------------------

CALICO = {"type": "calico", "ipam": {"type": "calico-ipam"}, "policy": {"type": "k8s"}}
CANAL = {"type": "calico", "ipam": {"type": "host-local", "subnet": "usePodCidr"}}
AZURE = {"type": "azure-vnet", "mode": "transparent", "ipam": {"type": "azure-vnet-ipam"}}
OVERLAY = {"type": "azure-vnet", "mode": "transparent", "ipam": {"type": "azure-cns", "mode": "overlay"}}
AKS, EKS = "etc/kubernetes/azure.json", "etc/eks/bootstrap.sh"
NODENAME, CILIUM = "var/lib/calico/nodename", "run/cilium/cilium.sock"
AGENT, CALICO_BPF = "sys/fs/bpf/globals/aws/programs/p", "sys/class/net/bpfin.cali/ifindex"

# row, first plugin, files that mark the node
NODES = [
    ("aks", AZURE, [AKS]),
    ("aks-overlay", OVERLAY, [AKS]),
    ("aks-bridge", {**AZURE, "mode": "bridge"}, [AKS]),
    ("aks-calico", OVERLAY, [AKS, NODENAME]),
    ("aks-kubenet", {"type": "bridge", "bridge": "cbr0"}, [AKS]),
    ("aks-kubenet-calico", CANAL, [AKS, NODENAME]),
    ("aks-cilium", {"type": "cilium-cni", "ipam": {"type": "azure-ipam"}}, [AKS, CILIUM]),
    ("eks", {"type": "aws-cni", "vethPrefix": "eni"}, [EKS]),
    ("eks-agent", {"type": "aws-cni", "vethPrefix": "eni"}, [EKS, AGENT]),
    ("eks-calico", {"type": "aws-cni", "vethPrefix": "eni"}, [EKS, NODENAME]),
    ("eks-calico-network", CALICO, [EKS, NODENAME]),
    ("calico-bpf", {"type": "aws-cni"}, [EKS, NODENAME, CALICO_BPF]),
    ("cilium", {"type": "cilium-cni"}, [EKS, CILIUM]),
    ("cilium", {"type": "cilium-cni"}, [CILIUM]),
    ("calico", CALICO, [NODENAME]),
    ("calico-bpf", CALICO, [NODENAME, CALICO_BPF]),
    ("canal", CANAL, [NODENAME]),
    ("flannel", {"type": "flannel", "delegate": {"hairpinMode": True}}, []),
    ("bridge", {"type": "bridge"}, []),
    ("ptp", {"type": "ptp"}, []),
    ("weave", {"type": "weave-net"}, []),
    ("direct", {"type": "macvlan", "mode": "bridge"}, []),
    ("direct", {"type": "ipvlan"}, []),
    ("ovs", {"type": "antrea"}, []),
    ("ovs", {"type": "ovn-k8s-cni-overlay"}, []),
    ("multus", {"type": "multus"}, []),
    ("other", {"type": "somebody-elses"}, []),
]


def rows_of_document():
    with open(os.path.join(TOP, "docs/BACKEND-CHOICE.md")) as f:
        cells = [[c.strip() for c in line.split("|")[1:-1]] for line in f if line.startswith("| `")]
    return {c[0].strip("`"): c for c in cells}


def test_each_node_of_the_table(t):
    rows = rows_of_document()
    assert {"aks-npm", "cilium-stack", "kube-router"} == set(rows) - {n[0] for n in NODES}
    for row, plugin, marks in NODES:
        with NodeTree() as node:
            node.remove("sys/class/net")
            node.chain(plugin, {"type": "portmap"})
            for mark in marks:
                node.write(mark, "1\n")
            said = node.doctor()
            assert said["row"] == row, (row, said)
            _, cluster, _, attach, support, why = rows[row]
            assert cluster in ("any", said["cluster"]) and attach == said["attach"], (row, said)
            assert support == said["supported"], (row, said)
            line = next(c for c in said["checks"] if c["check"] == "backend")
            want = {"yes": "ok", "no": "fail"}.get(support, "warn")
            assert line["result"] == want and (said["backend"] is None) == (support == "no"), line
            assert ("not supported" in line["found"]) == (support == "no"), line
            assert line.get("advice", "") in why, line


def test_cilium_that_leaves_routing_to_the_kernel(t):
    t.chain({"type": "cilium-cni"})
    t.write(CILIUM, "")
    t.write("run/cilium/state/globals/node_config.h", "#define ENABLE_IPV4 1\n")
    assert t.doctor()["row"] == "cilium-stack"
    t.write("run/cilium/state/globals/node_config.h", "#define ENABLE_HOST_ROUTING 1\n")
    assert t.doctor()["row"] == "cilium"


def test_how_pods_hang(t):
    t.check("pods", "ok", "1 on a bridge cni0, 0 routed")
    t.link("vlan5", lower="eth0")
    t.link("cilium_host")
    t.check("pods", "ok", "1 on a bridge cni0, 0 routed")
    t.chain({"type": "ptp"})
    t.check("pods", "warn", "by its configuration: routed veth", "restart the pods")
    t.remove("sys/class/net/vethA")
    t.link("veth1")
    t.check("pods", "ok", "0 on a bridge, 1 routed")


def test_which_file_counts(t):
    t.write("etc/cni/net.d/00-broken.conflist", "{")
    t.write("etc/cni/net.d/05-empty.conflist", '{"plugins": []}')
    t.write("etc/cni/net.d/06-other.conflist.bak", '{"type": "macvlan"}')
    t.write("etc/cni/net.d/99-later.conf", '{"type": "macvlan"}')
    said = t.check("primary CNI", "warn", "00-broken.conflist (no JSON), 05-empty.conflist (names no plugin)")
    assert said["row"] == "bridge", said
    t.write("etc/cni/net.d/01-first.conf", '{"name": "one", "type": "ptp"}')
    assert t.check("primary CNI", "warn", "01-first.conf, network \"one\": ptp")["row"] == "ptp"
    t.check("chain", "fail", "weir is not in /etc/cni/net.d/01-first.conf")


def test_no_network_yet(t):
    t.remove("etc/cni/net.d")
    t.check("primary CNI", "fail", "no CNI configuration", "primary CNI of the cluster")
    t.check("chain", "fail", "no chain")
    t.chain(weir=True)
    t.check("primary CNI", "fail", "none:", "there must be a primary plugin")


def test_folders_elsewhere(t):
    t.remove("opt")
    t.remove("etc/cni")
    t.write("var/lib/rancher/k3s/agent/etc/cni/net.d/10-flannel.conflist",
            '{"name": "cbr0", "plugins": [{"type": "flannel"}]}')
    t.write("var/lib/rancher/k3s/data/current/bin/flannel", "")
    t.check("primary CNI", "ok", "/var/lib/rancher/k3s/agent/etc/cni/net.d/10-flannel.conflist")
    t.check("plugin", "warn", "/var/lib/rancher/k3s/data/current/bin/weir is not there", "weirctl chain install")


def test_chain(t):
    t.check("chain", "ok", "weir is last in /etc/cni/net.d/10-pods.conflist")
    t.chain({"type": "bridge"}, weir=False)
    t.check("chain", "fail", "new pods get no policy", "weir")
    t.chain({"type": "bridge"}, {"type": "weir"}, {"type": "portmap"}, weir=False)
    t.check("chain", "warn", "not last")
    t.weird.status["chain"] = {"manage": True, "inSync": False, "state": "broken", "reason": "no JSON"}
    t.check("chain", "fail", "broken: no JSON", "weirctl chain status")
    t.remove("opt/cni/bin/weir")
    t.check("plugin", "fail", "/opt/cni/bin/weir is not there", "--bin-dir /opt/cni/bin")
    t.remove("opt/cni/bin/bridge")
    t.check("plugin", "fail", "bridge is in none")


# --- weird --------------------------------------------------------------------------------------


def test_weird(t):
    t.check("weird", "ok", "in sync, 3 of 3 pods enforced")
    t.weird.status["endpoints"].update(enforced=2)
    t.check("weird", "fail", "2 of 3", "weirctl endpoints")
    t.weird.status["state"] = {"inSync": False, "error": "map in_4: No space left"}
    t.check("weird", "fail", "No space left", "log")
    t.weird.path = t.root + "/nobody"
    t.check("weird", "fail", "does not answer", "start it")
    t.check("source", "warn")


def test_source(t):
    t.check("source", "ok", "https://10.96.0.1:443 is heard")
    source = t.weird.status["source"]
    source["collections"].append({"kind": "NetworkPolicy", "current": False, "absent": False,
                                  "error": "403 Forbidden"})
    source["collections"].append({"kind": "ClusterNetworkPolicy", "current": False, "absent": True})
    t.check("source", "fail", "does not tell of NetworkPolicy: 403 Forbidden", "rights")
    source["collections"] = []
    source["broken"] = [{"error": "x"}]
    t.check("source", "warn", "1 objects", "weirctl policies")
    t.weird.status["source"] = {"kind": "files", "path": "/etc/weir/manifests", "broken": []}
    t.check("source", "ok", "/etc/weir/manifests")


def test_another_backend_is_in_use(t):
    t.weird.status["backend"]["name"] = "fake"
    t.check("backend", "warn", "nftables would be right", "backend: nftables")


def test_rights(t):
    t.write("proc/self/status", "CapEff:\t0000000000000000\n")
    t.check("rights", "warn", "CAP_NET_ADMIN", "as root")


def test_chains_of_others_in_the_kernel(_):
    """Not below a root: the engines whose only trace are their chains, in a namespace of our own."""
    if os.geteuid() != 0 or not shutil.which("nft"):
        print("   (needs root and nft: the kernel's chains are not looked at)")
        return
    rules = "".join(f"add chain ip filter {c}\n" for c in
                    ("AZURE-NPM", "KUBE-ROUTER-FORWARD", "WEAVE-NPC", "cali-FORWARD"))
    script = f"printf 'add table ip filter\\n{rules}' | nft -f - && exec {WEIRCTL} -o json doctor"
    for command, want in ((script, "Calico, Azure NPM, kube-router, Weave NPC"),
                          (f"exec {WEIRCTL} -o json doctor", None)):
        done = subprocess.run(["unshare", "-n", "sh", "-c", command], text=True, capture_output=True)
        checks = {c["check"]: c for c in json.loads(done.stdout)["checks"]}
        assert (want in checks["other engines"]["found"]) if want else True, checks
        assert checks["nf_tables"]["result"] == "ok", checks["nf_tables"]
        assert "clock" in checks
    assert "Azure" not in checks["other engines"]["found"], checks["other engines"]


class NodeTree:
    def __enter__(self):
        self.tree = Tree()
        return self.tree

    def __exit__(self, *_):
        shutil.rmtree(self.tree.root, ignore_errors=True)


def main():
    failed = 0
    tests = [f for name, f in globals().items() if name.startswith("test_")]
    for test in tests:
        try:
            with NodeTree() as tree:
                test(tree)
            print(f"ok   {test.__name__}")
        except Exception as e:  # each is told, the others go on
            failed += 1
            print(f"FAIL {test.__name__}: {type(e).__name__}: {e}")
    print(f"{len(tests)} tests, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
