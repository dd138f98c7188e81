#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A big cluster (30,000 pods, 30,000 policies) by API server and by folder: cold start until all is
enforced, memory, and CPU time while 100 pods a second change.

Rounds go through three sources: a folder of manifests; a fake API server that serves prepared
answers (kube_fake.py), so that weird is what is measured; and the real kube-apiserver, beside which
the time is given that it needs to list the same for a client that throws everything away.

    bench/kube_scale.py [--pods 30000] [--policies 30000] [--local 100] [--rounds 3]
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tests", "e2e"), os.path.join(HERE, "..", "tests", "kube"), HERE]
import kube_fake  # noqa: E402
from apiserver import ADMIN_TOKEN, ApiServer  # noqa: E402
from fixture import Node, Skip  # noqa: E402
from memory import pod, policy  # noqa: E402
from node import KubeNode  # noqa: E402

FAKE_PORT = 6444
START_AIM, MEMORY_AIM, POD_AIM = 2.0, 40, 300  # s, MB, bytes
RATE, SECONDS = 100, 10


def namespaces(args):
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"ns-{n}"}}
            for n in range((max(args.pods, args.policies) + 3) // 4)]


def text(objects):
    return "".join("---\n" + json.dumps(o) + "\n" for o in objects)


def lists_alone(server):
    """Seconds in which clients that only read get the same lists, the collections at once."""
    began = time.monotonic()
    clients = [server.place.popen(
        "curl", "-sSf", "-o", "/dev/null", "--cacert", server.ca, "-H", f"Authorization: Bearer {ADMIN_TOKEN}",
        f"{server.url}{path}?limit={kube_fake.PAGE}&resourceVersion=0") for path in kube_fake.COLLECTIONS.values()]
    assert not any([client.wait() for client in clients]), "a list failed"
    return time.monotonic() - began


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(node):
    with open(f"/proc/{node.process.pid}/status") as f:
        status = dict(line.split(":", 1) for line in f)
    return [int(status[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM")]


def cold_start(node, pods, policies):
    """Nothing in the kernel, no state: seconds until all is enforced, resident MB, peak MB."""
    node.stop()
    node.host.run("nft", "delete", "table", "inet", "weir", check=False)
    subprocess.run(["rm", "-rf", node.path("state")], check=True)
    os.mkdir(node.path("state"))
    if os.path.exists(node.rpc):
        os.unlink(node.rpc)
    began = time.monotonic()
    node.start(timeout=120, sync=False)
    while True:
        status = node.query("status")
        seen = status["cluster"]
        if status["state"]["inSync"] and seen["pods"] == pods and seen["policies"] == policies:
            break
        if time.monotonic() - began > 120:
            raise RuntimeError(f"not enforced: {status['state']} {seen}")
        time.sleep(0.01)
    seconds = time.monotonic() - began
    time.sleep(1)
    return [seconds, *memory_mb(node)]


def cpu_while_changing(node, change):
    """Percent of one processor while RATE pods a second change."""
    before, began = cpu_seconds(node.process.pid), time.monotonic()
    for n in range(RATE * SECONDS):
        change(n)
        ahead = began + (n + 1) / RATE - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
    took = time.monotonic() - began
    return 100 * (cpu_seconds(node.process.pid) - before) / took, RATE * SECONDS / took


def relabelled(n, args):
    """A pod elsewhere with a label of its own, another each time."""
    obj = pod(args.local + n % RATE, args.local)
    obj["metadata"]["labels"]["round"] = str(n // RATE)
    return obj


class Bench:
    def __init__(self, args, server, files, real, fake):
        self.args, self.server = args, server
        self.nodes = {"files": files, "fake server": fake, "kube-apiserver": real}
        self.starts = {name: [] for name in self.nodes}
        self.alone = []

    def rounds(self, pods, policies):
        for _ in range(self.args.rounds):
            self.alone.append(lists_alone(self.server))
            for name, node in self.nodes.items():
                self.starts[name].append(cold_start(node, pods, policies))
                if name != "kube-apiserver":
                    node.stop()
            self.nodes["kube-apiserver"].stop()

    def report(self):
        for name, rows in self.starts.items():
            seconds, resident, peak = (statistics.median(column) for column in zip(*rows))
            print(f"{name:15} enforced after {seconds:5.2f} s (aim {START_AIM:.0f}), resident {resident:5.1f} MB "
                  f"(aim {MEMORY_AIM}), peak {peak:5.1f} MB", flush=True)
        print(f"kube-apiserver  lists it all to a client that only reads in {statistics.median(self.alone):.2f} s",
              flush=True)

    def changes(self):
        args, files, real = self.args, self.nodes["files"], self.nodes["kube-apiserver"]
        files.start(timeout=120)
        cpu, rate = cpu_while_changing(files, lambda n: files.write_manifest(
            f"changing-{n % RATE}", relabelled(n, args)))
        print(f"files           {cpu:.1f} % of a processor at {rate:.0f} pod changes/s", flush=True)
        files.stop()
        real.start(timeout=120)

        def patch(n):
            obj = relabelled(n, args)
            meta = obj["metadata"]
            real.api.patch(real.api.path("Pod", meta["namespace"], meta["name"]), {"metadata": {"labels": meta["labels"]}})
        cpu, rate = cpu_while_changing(real, patch)
        print(f"kube-apiserver  {cpu:.1f} % of a processor at {rate:.0f} pod changes/s", flush=True)
        real.stop()


class Fake:
    """kube_fake.py as a process; empty: kinds of which it has nothing."""

    def __init__(self, server, node, folder, port, *empty):
        server.kubeconfig(node.path("kubeconfig"), node.path("token"), port=port)
        self.process = server.place.popen(
            sys.executable, os.path.join(HERE, "kube_fake.py"), server.addr, str(port),
            server.path("server.crt"), server.path("server.key"), folder, *empty,
            stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def bytes_per_pod(server, node, folder, args):
    """Resident memory with all pods and no policy, against none of either."""
    with Fake(server, node, folder, FAKE_PORT + 1, "NetworkPolicy"):
        full = cold_start(node, args.pods, 0)[1]
    with Fake(server, node, folder, FAKE_PORT + 2, "NetworkPolicy", "Pod"):
        empty = cold_start(node, 0, 0)[1]
    node.stop()
    print(f"fake server     {(full - empty) * (1 << 20) / args.pods:.0f} bytes a pod (aim {POD_AIM})", flush=True)


def fill(args, server, files):
    """The same world into etcd and into the folder; pods that change have a file each."""
    world = namespaces(args)
    pods = [pod(n, args.local) for n in range(args.pods)]
    policies = [policy(n) for n in range(args.policies)]
    server.fill([*world, *pods, *policies])
    files.write_manifest("namespaces", text(world))
    files.write_manifest("policies", text(policies))
    files.write_manifest("pods", text(pods[:args.local] + pods[args.local + RATE:]))
    for n in range(RATE):
        files.write_manifest(f"changing-{n}", relabelled(n, args))


def measure(args):
    quiet = {"log": {"level": "warning"}, "metrics": ""}
    with tempfile.TemporaryDirectory(prefix="weir-t-scale-") as folder, ApiServer("kscale") as server, \
            Node("fscale", config={**quiet, "node": "node-0"}, start=False) as files, \
            KubeNode("kscale", server, name="node-0", config=dict(quiet), start=False) as real, \
            KubeNode("kfake", server, name="node-0", config=dict(quiet), start=False) as fake:
        began = time.monotonic()
        fill(args, server, files)
        kube_fake.learn(server.api, folder)
        print(f"{args.pods} pods ({args.local} local), {args.policies} policies; prepared in "
              f"{time.monotonic() - began:.0f} s", flush=True)
        bench = Bench(args, server, files, real, fake)
        with Fake(server, fake, folder, FAKE_PORT):
            bench.rounds(args.pods, args.policies)
        bench.report()
        bytes_per_pod(server, fake, folder, args)
        bench.changes()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pods", type=int, default=30000)
    parser.add_argument("--policies", type=int, default=30000)
    parser.add_argument("--local", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    measure(parser.parse_args())


if __name__ == "__main__":
    try:
        main()
    except Skip as why:
        print(f"skipped: {why}")
        sys.exit(77)
