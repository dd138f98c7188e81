#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Memory of weird: empty, and with a cluster of pods and policies of which some are local.

Runs the real daemon in a network namespace of its own when it may (root), with the backend
given, and reads its resident set once it is ready.

    bench/memory.py [--pods 30000] [--policies 30000] [--local 100] [--backend nftables]
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

BUILD = os.environ.get("top_builddir", ".")
AIMS = {"empty": 10, "full": 40}  # MB resident


def documents(path, objects):
    with open(path, "w") as f:
        for o in objects:
            f.write("---\n" + json.dumps(o) + "\n")


def pod(n, local):
    name = f"app{n % 4}-5d4f8c7b9-{n:05x}"
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": f"ns-{n // 4}", "uid": f"00000000-0000-4000-8000-{n:012x}",
                     "labels": {"app": f"app{n % 4}", "pod-template-hash": "5d4f8c7b9"}},
        "spec": {"nodeName": "node-0" if n < local else f"node-{1 + n % 300}",
                 "containers": [{"name": "c", "image": "i", "ports": [{"name": "http", "containerPort": 8080}]}]},
        "status": {"podIP": f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"},
    }


def policy(n):
    return {
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": f"p{n % 4}", "namespace": f"ns-{n // 4}"},
        "spec": {"podSelector": {"matchLabels": {"app": f"app{n % 4}"}}, "policyTypes": ["Ingress"],
                 "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": f"app{(n + 1) % 4}"}}}],
                              "ports": [{"port": 8080, "protocol": "TCP"}]}]},
    }


def fill(folder, args):
    namespaces = {n // 4 for n in range(max(args.pods, args.policies))}
    documents(folder + "/namespaces.yaml",
              ({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"ns-{n}"}} for n in namespaces))
    documents(folder + "/pods.yaml", (pod(n, args.local) for n in range(args.pods)))
    documents(folder + "/policies.yaml", (policy(n) for n in range(args.policies)))


def measure(folder, manifests, backend):
    """Resident MB, peak MB and seconds until ready."""
    wrap = []
    if os.geteuid() == 0:
        wrap = ["unshare", "--net", "--", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]
    start = time.monotonic()
    weird = subprocess.Popen([
        *wrap, BUILD + "/daemon/weird", "--node=node-0", "--backend=" + backend, "--state-dir=" + folder + "/state",
        "--run-dir=" + folder + "/run", "--rpc=" + folder + "/run/weird.sock", "--source-files-path=" + manifests,
        "--flows-publish=ipc://" + folder + "/run/flows.sock", "--metrics=", "--log-level=warning"])
    try:
        while not os.path.exists(folder + "/run/weird.sock"):
            if weird.poll() is not None:
                raise SystemExit(f"weird ended with {weird.returncode}")
            time.sleep(0.01)
        seconds = time.monotonic() - start
        time.sleep(1)
        with open(f"/proc/{weird.pid}/status") as f:
            status = dict(line.split(":", 1) for line in f)
        return [int(status[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM")] + [seconds]
    finally:
        weird.send_signal(signal.SIGTERM)
        weird.wait()
        shutil.rmtree(folder + "/run", ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pods", type=int, default=30000)
    parser.add_argument("--policies", type=int, default=30000)
    parser.add_argument("--local", type=int, default=100)
    parser.add_argument("--backend", default="nftables" if os.geteuid() == 0 else "fake")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="weir-t-memory-") as folder:
        os.mkdir(folder + "/empty")
        os.mkdir(folder + "/full")
        fill(folder + "/full", args)
        print(f"backend {args.backend}; full: {args.pods} pods ({args.local} local), {args.policies} policies")
        for name, aim in AIMS.items():
            resident, peak, seconds = measure(folder, f"{folder}/{name}", args.backend)
            print(f"{name:6} {resident:6.1f} MB resident (aim {aim}), peak {peak:6.1f} MB, ready after {seconds:.2f} s")


if __name__ == "__main__":
    main()
