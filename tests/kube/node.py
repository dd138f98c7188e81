# SPDX-License-Identifier: Apache-2.0
"""A node whose weird follows a real API server. As tests/e2e/fixture.py, but objects go
to the server: node.write_manifest() applies them, node.remove_manifest() deletes them, and
node.add_pod() does what the scheduler and the kubelet do.

    def test_default_deny(node):
        web = node.add_pod("shop", "web", {"app": "web"})
        node.write_manifest("deny", ...)
        eventually(lambda: not node.host.reach(web.addr(4), 80))

    if __name__ == "__main__":
        main(__file__, [test_default_deny])

One server is shared by the tests of a file. node.wait() makes weird list everything anew: to
see what its watches do, look until it is there (eventually).
"""
import contextlib
import json
import os
import re
import sys

import apiserver  # puts tests/e2e on the path
import yaml
from apiserver import TOP, ApiServer
from fixture import BUILD, Node, Skip, eventually
from fixture import main as run_tests

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
        self._state = {}  # what was applied last, by key
        self._uids = {}
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
            self.start_or_close()

    def in_sync(self):
        """Without making weird list everything once more."""
        return self.answers() and self.query("status")["state"]["inSync"]

    def write_token(self, token):
        """As the kubelet replaces a projected token: another file in its place."""
        with open(self.path(".token"), "w") as f:
            f.write(token)
        os.rename(self.path(".token"), self.path("token"))

    # --- objects

    def write_manifest(self, name, content):
        objects = [self._complete(obj) for obj in documents(content)]
        for obj in objects:
            self._apply(obj)
        now = {key(obj) for obj in objects}
        for gone in self._applied.get(name, set()) - now:
            self._delete(gone)
        self._applied[name] = now

    def remove_manifest(self, name):
        if name not in self._applied:
            raise FileNotFoundError(name)
        for gone in self._applied.pop(name):
            self._delete(gone)

    def _apply(self, obj):
        if self._state.get(key(obj)) == obj:
            return
        namespace = obj["metadata"].get("namespace")
        if namespace and ("Namespace", None, namespace) not in self._state:
            self.write_namespace(namespace)
        made = self.api.apply({k: v for k, v in obj.items() if k != "status"})
        if "status" in obj:
            self.api.set_status(*key(obj), obj["status"])
        self._uids[key(obj)] = made["metadata"]["uid"]
        self._state[key(obj)] = obj

    def _delete(self, gone):
        self._state.pop(gone, None)
        self._uids.pop(gone, None)
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

    # --- pods

    def pod_uid(self, namespace, name):
        return self._uids.get(("Pod", namespace, name))

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


    def far_pod(self, namespace, name, labels, place):
        """The object of a pod on another node; its addresses are those of the place."""
        self.write_manifest(f"pod-{namespace}-{name}", remote_pod(namespace, name, place.addrs, labels))

    # --- what weird says

    def collection(self, kind):
        """How weird follows the objects of this kind."""
        found = [c for c in self.query("status")["source"]["collections"] if c["kind"] == kind]
        assert len(found) == 1, f"{kind}: {found}"
        return found[0]

    def current(self, timeout=30.0):
        """Returns when weird follows all collections."""
        eventually(lambda: all(c["current"] for c in self.query("status")["source"]["collections"]),
                   timeout, "all collections are followed")

    def close(self):
        super().close()
        with contextlib.suppress(OSError):
            for gone in sorted(self._state, key=lambda k: k[0] == "Namespace"):
                self.api.delete(*gone)
        self._state.clear()


def key(obj):
    return obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"]


def remote_pod(namespace, name, addrs, labels=None, node="node-2"):
    """The Pod object of a pod that runs somewhere else."""
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "labels": labels or {}},
        "spec": {"nodeName": node, "containers": [{"name": "main", "image": "none"}]},
        "status": {"phase": "Running", "podIP": addrs[0], "podIPs": [{"ip": a} for a in addrs]},
    }


def policy(namespace, name, spec):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"namespace": namespace, "name": name}, "spec": spec}


def refused(server):
    """Requests of weird that its rights did not cover; there must be none."""
    asked = {(e["verb"], e["group"], e["resource"], e["subresource"])
             for e in server.audit() if e["code"] == 403}
    return [" ".join(filter(None, what)) for what in asked]


def main(path, tests, flags=(), **options):
    """The tests of a file with one server. options: of KubeNode."""
    name = re.sub(r"[^a-z0-9]", "", os.path.splitext(os.path.basename(path))[0].lower())[:20]
    try:
        server = ApiServer("k" + name, flags)
    except Skip as why:
        print(f"skip: {why}")
        sys.exit(77)
    status = 0
    with server:
        try:
            run_tests(path, tests, lambda test: KubeNode("k" + test, server, **options))
        except SystemExit as end:
            status = end.code
        for what in refused(server):
            print(f"FAIL weird may not {what}: conf/kubernetes/rbac.yaml does not say so")
            status = 1
    sys.exit(status)


__all__ = ["BUILD", "TOP", "KubeNode", "apiserver", "documents", "eventually", "install_account", "main",
           "policy", "remote_pod"]
