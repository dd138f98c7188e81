# SPDX-License-Identifier: Apache-2.0
"""A node whose weird follows a real API server. As tests/e2e/fixture.py, but objects go
to the server: node.write_manifest() applies them, node.remove_manifest() deletes them, and
node.add_pod() does what the scheduler and the kubelet do.

    with ApiServer("mytest") as server, KubeNode("mytest", server) as node:
        web = node.add_pod("shop", "web", {"app": "web"})
"""
import json
import os
import threading

import yaml
from apiserver import TOP, ApiServer  # noqa: F401 - puts tests/e2e on the path
from client import Client
from fixture import Node

CONF = os.path.join(TOP, "conf/kubernetes")
HOME, ACCOUNT = "weir-system", "weird"  # as conf/kubernetes has them


def documents(content):
    """The objects of a YAML or JSON text, one object, or a list of them."""
    if isinstance(content, str):
        content = list(yaml.safe_load_all(content))
    objects = content if isinstance(content, list) else [content]
    for obj in filter(None, objects):
        if obj["kind"] == "List":
            yield from documents(obj["items"])
        else:
            yield obj


def install_account(server):
    """The service account of weird with exactly the rights of conf/kubernetes."""
    for name in ("namespace.yaml", "rbac.yaml"):
        with open(os.path.join(CONF, name)) as f:
            for obj in documents(f.read()):
                server.api.apply(obj)


class KubeNode(Node):
    """name: of the Node object. Its weird reads the token from node.path("token")."""

    def __init__(self, test, server, name="node-1", config=None, start=True, **kwargs):
        self.server = server
        self.api = server.api
        self.name = name
        self._applied = {}  # name of a manifest: what it held
        self._known = set()  # namespaces that exist
        self._uids = {}
        self._lock = threading.Lock()
        config = dict(config or {})
        super().__init__(test, config=config, start=False, **kwargs)
        self.link = server.attach(self.host)
        self.config.update({"node": name})
        self.config.setdefault("source", {}).update(
            {"files": None, "kubernetes": {"kubeconfig": self.path("kubeconfig")}})
        server.kubeconfig(self.path("kubeconfig"), self.path("token"))
        install_account(server)
        self.write_token(server.token(HOME, ACCOUNT))
        self.api.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
        if start:
            self.start()

    def write_token(self, token):
        """As the kubelet replaces a projected token: another file in its place."""
        with open(self.path(".token"), "w") as f:
            f.write(token)
        os.rename(self.path(".token"), self.path("token"))

    # --- objects

    def write_manifest(self, name, content):
        objects = [self._complete(obj) for obj in documents(content)]
        for obj in objects:
            if "namespace" in obj["metadata"]:
                self._need_namespace(obj["metadata"]["namespace"])
            made = self.api.apply({k: v for k, v in obj.items() if k != "status"})
            if obj["kind"] == "Pod":
                self._uids[obj["metadata"]["namespace"], obj["metadata"]["name"]] = made["metadata"]["uid"]
            if "status" in obj:
                self.api.set_status(*key(obj), obj["status"])
        now = {key(obj) for obj in objects}
        for gone in self._applied.get(name, set()) - now:
            self.api.delete(*gone)
        self._applied[name] = now

    def remove_manifest(self, name):
        if name not in self._applied:
            raise FileNotFoundError(name)
        for gone in self._applied.pop(name):
            self.api.delete(*gone)

    def _complete(self, obj):
        """With what the server insists on and a manifest of a test leaves out."""
        obj = json.loads(json.dumps(obj))
        if obj["kind"] == "Pod":
            for container in obj["spec"]["containers"]:
                container.setdefault("image", "none")
            if obj["spec"].get("nodeName") == "node-1":
                obj["spec"]["nodeName"] = self.name
        return obj

    def _need_namespace(self, name):
        with self._lock:
            if name not in self._known:
                if not self.api.get("Namespace", None, name):
                    self.write_namespace(name)
                self._known.add(name)

    # --- pods

    def pod_uid(self, namespace, name):
        return self._uids.get((namespace, name))

    def add_pod(self, namespace, name, labels=None, ports=(), manifest=True):
        pod = super().add_pod(namespace, name, labels, ports, manifest)
        if manifest:
            self.report(pod)
        return pod

    def report(self, pod, phase="Running"):
        """What the kubelet tells the server of a pod that runs."""
        self.api.set_status("Pod", pod.namespace, pod.name, {
            "phase": phase, "podIP": pod.addrs[0], "podIPs": [{"ip": a} for a in pod.addrs],
            "hostIP": "192.0.2.1"})


def key(obj):
    return obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"]


def remote_pod(namespace, name, addr, labels=None, node="node-2"):
    """The Pod object of a pod that runs somewhere else, as fill() takes it."""
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "labels": labels or {},
                     "uid": f"{namespace}-{name}", "creationTimestamp": "2024-01-01T00:00:00Z"},
        "spec": {"nodeName": node, "containers": [{"name": "main", "image": "none"}]},
        "status": {"phase": "Running", "podIP": addr, "podIPs": [{"ip": addr}]},
    }


__all__ = ["ApiServer", "Client", "KubeNode", "documents", "install_account", "remote_pod"]
