# SPDX-License-Identifier: Apache-2.0
"""A node of a cluster in a network namespace: weird, a real CNI chain, pods.

    from fixture import Node, main

    def test_default_deny(node):
        web = node.add_pod("shop", "web", labels={"app": "web"})
        node.write_manifest("deny.yaml", "...")
        node.wait()
        assert not node.host.reach(web.addr(4), 80)

    if __name__ == "__main__":
        main(__file__, [test_default_deny])

Everything is named weir-t-<test>-<pid> and goes away at the end, also when a
test fails or is interrupted. Nothing outside of these namespaces is touched.
"""
import atexit
import contextlib
import ipaddress
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cni  # noqa: E402
import flows  # noqa: E402
from netns import RUN_NETNS, Place, probe, run  # noqa: E402,F401

BUILD = os.environ.get("top_builddir", os.getcwd())
CNI_BIN = os.environ.get("WEIR_CNI_BIN", "/usr/lib/cni")

NODE_SYSCTLS = {
    "net.ipv4.ip_forward": 1,
    "net.ipv6.conf.all.forwarding": 1,
    "net.ipv6.conf.default.accept_dad": 0,
}
BRIDGE_SYSCTLS = {
    "net.bridge.bridge-nf-call-iptables": 1,
    "net.bridge.bridge-nf-call-ip6tables": 1,
}
POD_SYSCTLS = {"net.ipv6.conf.default.accept_dad": 0}


class Skip(Exception):
    """The machine lacks something; the text says what."""


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs root (network namespaces)")


def reap_dead():
    """Removes what an earlier run left that was killed: names whose process is gone."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(RUN_NETNS):
            found = re.match(r"weir-t-[a-z0-9-]*?-(\d+)(-|$)", name)
            if found and not os.path.exists(f"/proc/{found.group(1)}"):
                run("ip", "netns", "del", name, check=False)


class Pod(Place):
    def __init__(self, node, namespace, name, uid=None):
        netns = f"{node.netns}-{namespace}-{name}"
        while os.path.exists(f"{RUN_NETNS}/{netns}"):
            netns += "-again"  # one of the same name, which is being replaced
        super().__init__(netns)
        self.namespace = namespace
        self.name = name
        self.container = f"{namespace}-{name}-{os.urandom(6).hex()}"
        self.uid = uid or self.container
        self.result = None

    @property
    def args(self):
        return (f"IgnoreUnknown=1;K8S_POD_NAMESPACE={self.namespace};K8S_POD_NAME={self.name};"
                f"K8S_POD_INFRA_CONTAINER_ID={self.container};K8S_POD_UID={self.uid}")

    def __str__(self):
        return f"{self.namespace}/{self.name}"


class Node:
    """See the top of this file. start=False leaves weird off (node.start() later).

    config is merged into weird.yaml; env is added to weird's environment;
    wrap goes before its command line (e.g. ("valgrind",)).
    """

    def __init__(self, test, primary="bridge", families=(4, 6), config=None, start=True,
                 env=None, wrap=(), weir=True, cni_version="1.0.0", name="node-1",
                 subnets=("10.77.0.0/16", "fd77::/64")):
        need_root()
        reap_dead()
        self.netns = f"weir-t-{test}-{os.getpid()}"
        self.name = name
        self.families = families
        self.config = config or {}
        self.env = env or {}
        self.wrap = wrap
        self.pods = {}
        self.outside = []
        self.process = None
        self.dir = tempfile.mkdtemp(prefix=self.netns + "-")
        self.manifests = self.path("manifests")
        self.rpc = self.path("run/weird.sock")
        self.flows_address = "ipc://" + self.path("run/flows.sock")
        self.log_path = self.path("weird.log")
        for folder in ("manifests", "run", "state", "ipam"):
            os.mkdir(self.path(folder))
        atexit.register(self.close)
        self.host = Place(self.netns)
        self.host.create(NODE_SYSCTLS)
        if primary == "bridge":
            self._bridge_netfilter()
        plugins = [cni.primary(primary, families, self.path("ipam"), subnets)]
        if weir:
            plugins.append({"type": "weir", "socket": self.rpc, "timeoutMs": 10000})
        self.chain = cni.Chain(self.host.path, "weir-t", plugins,
                               [os.path.join(BUILD, "plugin"), CNI_BIN], cni_version)
        if start:
            self.start_or_close()

    def start_or_close(self):
        """For __init__: with a node that does not start nobody closes it."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.print_log()
        self.close()

    def path(self, name):
        return os.path.join(self.dir, name)

    def _bridge_netfilter(self):
        for key, value in BRIDGE_SYSCTLS.items():
            try:
                self.host.sysctl(key, value)
            except FileNotFoundError:
                raise Skip("needs the kernel module br_netfilter (modprobe br_netfilter)") from None

    # --- weird

    def write_config(self):
        config = {
            "node": self.name,
            "backend": "nftables",
            "source": {"files": {"path": self.manifests}},
            "rpc": self.rpc,
            "stateDir": self.path("state"),
            "runDir": self.path("run"),
            "flows": {"publish": [self.flows_address]},
            "metrics": "127.0.0.1:9571",
        }
        merge(config, self.config)
        with open(self.path("weird.yaml"), "w") as f:
            json.dump(config, f, indent=1)  # JSON is YAML

    def start(self, timeout=60.0, sync=True):
        """Starts weird and returns when it answers and (unless told otherwise) is in sync."""
        self.write_config()
        binary = os.path.join(BUILD, "daemon", "weird")
        with open(self.log_path, "a") as log:
            self.process = self.host.popen(*self.wrap, binary, "--config", self.path("weird.yaml"),
                                           stderr=log, stdout=log, stdin=subprocess.DEVNULL,
                                           env={**os.environ, **self.env})
        end = time.monotonic() + timeout
        while not os.path.exists(self.rpc) or not (self.in_sync() if sync else self.answers()):
            if self.process.poll() is not None:
                raise RuntimeError(f"weird ended with {self.process.returncode}:\n{self.log()}")
            if time.monotonic() > end:
                raise RuntimeError(f"weird is not in sync after {timeout} s:\n{self.log()}")
            time.sleep(0.02)

    def answers(self):
        return self.weirctl("-o", "json", "status").returncode in (0, 1)

    def in_sync(self):
        return self.weirctl("wait", "--timeout", "20s").returncode == 0

    def stop(self, sig=signal.SIGTERM, timeout=60.0):
        """Ends weird; its exit status (negative: the signal)."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(sig)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise RuntimeError(f"weird did not end on signal {sig} within {timeout} s") from None

    def restart(self, sig=signal.SIGTERM):
        self.stop(sig)
        self.start()

    def weirctl(self, *args, check=False):
        """Runs weirctl against this node; the finished process."""
        return run(os.path.join(BUILD, "cli", "weirctl"), "--socket", self.rpc, *args, check=check)

    def query(self, *args):
        """The decoded JSON answer of weirctl; exit status 1 ("no") is an answer too."""
        done = self.weirctl("-o", "json", *args)
        if done.returncode not in (0, 1) or not done.stdout.strip():
            raise RuntimeError(f"weirctl {' '.join(args)}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def wait(self, timeout=60):
        """Every change made before this call is enforced in the kernel."""
        self.weirctl("wait", "--timeout", f"{timeout}s", check=True)

    def subscriptions(self):
        return self.query("status")["publisher"]["subscribers"]

    def subscribe(self, topics=("ns.",), hwm=0):
        """A subscriber that weird knows of: it misses nothing from now on."""
        if flows.zmq is None:
            raise Skip("needs python3-zmq")
        before = self.subscriptions()
        subscriber = flows.Subscriber(self.flows_address, topics, hwm)
        eventually(lambda: self.subscriptions() >= before + len(topics), 20, "the subscription")
        return subscriber

    def log(self):
        with contextlib.suppress(FileNotFoundError), open(self.log_path) as f:
            return f.read()
        return ""

    def print_log(self):
        sys.stderr.write(f"--- weird, the end of {self.log_path}\n")
        sys.stderr.write("".join(line + "\n" for line in self.log().splitlines()[-40:]))

    def memory_kb(self):
        """Resident memory of weird."""
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def open_files(self):
        """Descriptors of weird."""
        return os.listdir(f"/proc/{self.process.pid}/fd")

    # --- objects

    def write_manifest(self, name, content):
        """content: YAML or JSON text, one object, or a list of objects. Written beside, then renamed."""
        if not isinstance(content, str):
            objects = content if isinstance(content, list) else [content]
            content = "---\n".join(json.dumps(o) + "\n" for o in objects)
        target = os.path.join(self.manifests, name if "." in name else name + ".yaml")
        with tempfile.NamedTemporaryFile("w", dir=self.dir, delete=False) as f:
            f.write(content)
        os.rename(f.name, target)

    def remove_manifest(self, name):
        os.unlink(os.path.join(self.manifests, name if "." in name else name + ".yaml"))

    def write_namespace(self, name, labels=None):
        self.write_manifest(f"namespace-{name}", {
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": labels or {}}})

    def write_pod(self, namespace, name, labels=None, ports=(), node=None, **status):
        """The Pod object of a pod. ports: (name, number, protocol) of a named container port;
        node: another one than this."""
        self.write_manifest(f"pod-{namespace}-{name}", {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": namespace, "name": name, "labels": labels or {}},
            "spec": {"nodeName": node or self.name, "containers": [{"name": "main", "ports": [
                {"name": n, "containerPort": p, "protocol": proto} for n, p, proto in ports]}]},
            **({"status": status} if status else {})})

    # --- pods

    def add_pod(self, namespace, name, labels=None, ports=(), manifest=True):
        """A pod: its object (unless manifest is False), its namespace, CNI ADD."""
        if manifest:
            self.write_pod(namespace, name, labels, ports)
        pod = Pod(self, namespace, name, self.pod_uid(namespace, name))
        pod.create(POD_SYSCTLS)
        self.pods[str(pod)] = pod
        try:
            pod.result = self.chain.add(pod.container, pod.path, pod.args)
        except cni.CniError:
            del self.pods[str(pod)]
            pod.delete()
            raise
        pod.addrs = [str(ipaddress.ip_interface(ip["address"]).ip) for ip in pod.result["ips"]]
        return pod

    def pod_uid(self, _namespace, _name):
        """The UID that the runtime is told; None: any."""
        return None

    def del_pod(self, pod, manifest=True):
        pod.stop_servers()
        self.pods.pop(str(pod), None)
        self.chain.delete(pod.container, pod.path, pod.args, pod.result)
        pod.delete()
        if manifest:
            with contextlib.suppress(FileNotFoundError):
                self.remove_manifest(f"pod-{pod.namespace}-{pod.name}")

    def add_outside(self, name, addrs=("192.0.2.10", "2001:db8::10")):
        """A host outside of the cluster, one router hop away from the pods."""
        place = Place(f"{self.netns}-out-{name}", addrs)
        place.create(POD_SYSCTLS)
        self.outside.append(place)
        link = f"out{len(self.outside)}"
        self.host.run("ip", "link", "add", link, "type", "veth",
                      "peer", "name", "eth0", "netns", place.netns)
        self.host.run("ip", "link", "set", link, "up")
        place.run("ip", "link", "set", "eth0", "up")
        for addr in addrs:
            via, bits = ("fe80::1", 128) if ":" in addr else ("169.254.1.1", 32)
            scope = "64" if ":" in addr else "32"
            # usable at once: not even a moment of duplicate address detection
            now = ("nodad",) if ":" in addr else ()
            self.host.run("ip", "addr", "replace", f"{via}/{scope}", "dev", link, *now)
            self.host.run("ip", "route", "replace", f"{addr}/{bits}", "dev", link)
            place.run("ip", "addr", "add", f"{addr}/{bits}", "dev", "eth0", *now)
            place.run("ip", "route", "add", "default", "via", via, "dev", "eth0", "onlink")
        return place

    # --- the end

    def close(self):
        atexit.unregister(self.close)
        try:
            self.stop()
        finally:
            for place in [*self.pods.values(), *self.outside, self.host]:
                place.delete()
            if not os.environ.get("WEIR_KEEP"):
                shutil.rmtree(self.dir, ignore_errors=True)


def merge(base, extra):
    """extra over base, level by level; None removes a key."""
    for key, value in extra.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        elif value is None:
            base.pop(key, None)
        else:
            base[key] = value


def eventually(check, timeout=20.0, what="condition"):
    """The first true value of check(); an AssertionError when none comes in time."""
    end = time.monotonic() + timeout
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {timeout} s")
        time.sleep(0.01)


def _interrupted(number, _frame):
    raise SystemExit(128 + number)


def main(path, tests, node=None):
    """Runs the tests (functions; each gets a Node of its own, or of node(name)).

    Names on the command line choose some. Exit 77 when all were skipped.
    """
    signal.signal(signal.SIGTERM, _interrupted)
    name = re.sub(r"[^a-z0-9]", "", os.path.splitext(os.path.basename(path))[0].lower())[:20]
    chosen = [t for t in tests if not sys.argv[1:] or t.__name__ in sys.argv[1:]]
    failed = skipped = 0
    for test in chosen:
        began = time.monotonic()
        try:
            with (node or Node)(name) as n:
                test(n)
            print(f"ok   {test.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
        except Skip as why:
            skipped += 1
            print(f"skip {test.__name__}: {why}", flush=True)
        except Exception:
            failed += 1
            print(f"FAIL {test.__name__}\n{traceback.format_exc()}", flush=True)
    print(f"{len(chosen) - failed - skipped} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 77 if skipped and skipped == len(chosen) else 0)
