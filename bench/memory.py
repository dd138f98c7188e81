#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Memory of weird: empty, and with a cluster of pods and policies of which some are local.

Runs the real daemon in a network namespace of its own (root), with the backend given, and reads
its resident set once it is ready: with a folder of manifests, and with an API server that lists
the same objects.

    bench/memory.py [--pods 30000] [--policies 30000] [--local 100] [--backend nftables]
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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


def namespace(n):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"ns-{n}"}}


def fill(folder, args):
    namespaces = max(args.pods, args.policies) // 4
    documents(folder + "/namespaces.yaml", map(namespace, range(namespaces)))
    documents(folder + "/pods.yaml", (pod(n, args.local) for n in range(args.pods)))
    documents(folder + "/policies.yaml", map(policy, range(args.policies)))


class Lists(BaseHTTPRequestHandler):
    """An API server that lists, page by page, and then has no news."""
    protocol_version = "HTTP/1.1"
    collections = {}  # path: (how many, object of a number)
    never = threading.Event()

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        total, make = self.collections.get(url.path, (0, None))
        if "watch" in query:
            self.send_response(200)
            self.end_headers()
            self.never.wait()
            return
        first = int(query.get("continue", 0))
        last = min(total, first + int(query.get("limit", 500)))
        meta = {"resourceVersion": "1", **({"continue": str(last)} if last < total else {})}
        body = json.dumps({"metadata": meta, "items": [make(n) for n in range(first, last)]}).encode()
        self.send_response(200 if url.path in self.collections else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(args):
    """In a process of its own: tells the port, and goes on until its input ends."""
    Lists.collections = {
        "/api/v1/namespaces": (max(args.pods, args.policies) // 4, namespace),
        "/api/v1/pods": (args.pods, lambda n: pod(n, args.local)),
        "/api/v1/nodes": (0, None), "/api/v1/services": (0, None),
        "/apis/networking.k8s.io/v1/networkpolicies": (args.policies, policy)}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Lists)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()
    os._exit(0)  # some threads never end


def api_server(folder, args, wrap):
    """The server, and the kubeconfig for it."""
    server = subprocess.Popen([*wrap, sys.executable, __file__, "--serve", f"--pods={args.pods}",
                               f"--policies={args.policies}", f"--local={args.local}"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    port = int(server.stdout.readline())
    path = folder + "/kubeconfig"
    with open(path, "w") as f:
        json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "c",
                   "contexts": [{"name": "c", "context": {"cluster": "x", "user": "u"}}],
                   "clusters": [{"name": "x", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                   "users": [{"name": "u", "user": {}}]}, f)
    return server, path


def is_ready(folder):
    return subprocess.run([BUILD + "/cli/weirctl", "--socket", folder + "/run/weird.sock", "wait"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def measure(folder, source, backend, wrap):
    """Resident MB, peak MB and seconds until ready."""
    start = time.monotonic()
    weird = subprocess.Popen([
        *wrap, BUILD + "/daemon/weird", "--node=node-0", "--backend=" + backend, "--state-dir=" + folder + "/state",
        "--run-dir=" + folder + "/run", "--rpc=" + folder + "/run/weird.sock", source,
        "--flows-publish=ipc://" + folder + "/run/flows.sock", "--metrics=", "--log-level=warning"])
    try:
        while not is_ready(folder):
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


def report(what, aim, figures):
    resident, peak, seconds = figures
    print(f"{what:18} {resident:6.1f} MB resident (aim {aim}), peak {peak:6.1f} MB, ready after {seconds:.2f} s")


def compare(folder, args, netns):
    wrap = ["ip", "netns", "exec", netns] if netns else []
    os.mkdir(folder + "/empty")
    os.mkdir(folder + "/full")
    fill(folder + "/full", args)
    print(f"backend {args.backend}; full: {args.pods} pods ({args.local} local), {args.policies} policies")
    for name, aim in AIMS.items():
        report(name + ", files", aim, measure(folder, f"--source-files-path={folder}/{name}", args.backend, wrap))
    server, kubeconfig = api_server(folder, args, wrap)
    try:
        report("full, API server", AIMS["full"],
               measure(folder, "--source-kubernetes-kubeconfig=" + kubeconfig, args.backend, wrap))
    finally:
        server.stdin.close()
        server.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pods", type=int, default=30000)
    parser.add_argument("--policies", type=int, default=30000)
    parser.add_argument("--local", type=int, default=100)
    parser.add_argument("--backend", default="nftables" if os.geteuid() == 0 else "fake")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args)
    netns = f"weir-t-memory-{os.getpid()}" if os.geteuid() == 0 else None
    if netns:
        subprocess.run(["ip", "netns", "add", netns], check=True)
        subprocess.run(["ip", "-n", netns, "link", "set", "lo", "up"], check=True)
    try:
        with tempfile.TemporaryDirectory(prefix="weir-t-memory-") as folder:
            compare(folder, args, netns)
    finally:
        if netns:
            subprocess.run(["ip", "netns", "del", netns], check=True)


if __name__ == "__main__":
    main()
