# SPDX-License-Identifier: Apache-2.0
"""Requests to a Kubernetes API server: objects in, objects out.

    api = Client(place, "10.123.0.1", 6443, "pki/ca.crt", token="...")
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    api.patch(api.path("Pod", "shop", "web"), {"metadata": {"labels": {"app": "db"}}})

One connection for each thread, kept open. Any thread may call.
"""
import concurrent.futures
import contextlib
import http.client
import json
import socket
import ssl
import threading

from netns import inside

POLICY = "policy.networking.k8s.io/v1alpha2"
POLICY_OLD = "policy.networking.k8s.io/v1alpha1"
# kind: (apiVersion, name of the collection, lies in a namespace)
KINDS = {
    "Namespace": ("v1", "namespaces", False),
    "Node": ("v1", "nodes", False),
    "Pod": ("v1", "pods", True),
    "Service": ("v1", "services", True),
    "ServiceAccount": ("v1", "serviceaccounts", True),
    "Secret": ("v1", "secrets", True),
    "ConfigMap": ("v1", "configmaps", True),
    "Event": ("v1", "events", True),
    "DaemonSet": ("apps/v1", "daemonsets", True),
    "Lease": ("coordination.k8s.io/v1", "leases", True),
    "NetworkPolicy": ("networking.k8s.io/v1", "networkpolicies", True),
    "ClusterNetworkPolicy": (POLICY, "clusternetworkpolicies", False),
    "AdminNetworkPolicy": (POLICY_OLD, "adminnetworkpolicies", False),
    "BaselineAdminNetworkPolicy": (POLICY_OLD, "baselineadminnetworkpolicies", False),
    "ClusterRole": ("rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ClusterRoleBinding": ("rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "Role": ("rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("rbac.authorization.k8s.io/v1", "rolebindings", True),
    "CustomResourceDefinition": ("apiextensions.k8s.io/v1", "customresourcedefinitions", False),
}
MERGE = "application/merge-patch+json"


class ApiError(Exception):
    def __init__(self, method, path, status, answer):
        super().__init__(f"{method} {path}: {status} {answer}")
        self.status = status


class _Connection(http.client.HTTPSConnection):
    def __init__(self, place, host, port, context):
        super().__init__(host, port, timeout=60, context=context)
        self.place = place

    def connect(self):
        with inside(self.place.path):
            sock = socket.create_connection((self.host, self.port), self.timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self._context.wrap_socket(sock, server_hostname=self.host)


class Client:
    def __init__(self, place, host, port, ca, token):
        self.place, self.host, self.port, self.token = place, host, port, token
        self._context = ssl.create_default_context(cafile=ca)
        self._local = threading.local()

    def request(self, method, path, body=None, content_type="application/json"):
        """Status and decoded answer (text when it is no JSON). Tried again once when the
        connection had been closed meanwhile."""
        headers = {"Authorization": "Bearer " + self.token, "Content-Type": content_type}
        data = None if body is None else json.dumps(body)
        for attempt in (0, 1):
            connection = getattr(self._local, "connection", None)
            fresh = connection is None
            if fresh:
                connection = _Connection(self.place, self.host, self.port, self._context)
                self._local.connection = connection
            try:
                connection.request(method, path, data, headers)
                answer = connection.getresponse()
                text = answer.read()
                break
            except (OSError, http.client.HTTPException):
                self.close()
                if fresh or attempt:
                    raise
        with contextlib.suppress(ValueError):
            return answer.status, json.loads(text)
        return answer.status, text.decode(errors="replace")

    def close(self):
        """The calling thread's connection; the next request opens another."""
        connection = getattr(self._local, "connection", None)
        if connection:
            connection.close()
            self._local.connection = None

    def call(self, method, path, body=None, content_type="application/json"):
        status, answer = self.request(method, path, body, content_type)
        if status >= 300:
            message = answer.get("message") if isinstance(answer, dict) else answer
            raise ApiError(method, path, status, message)
        return answer

    # --- objects

    @staticmethod
    def collection(kind, namespace=None):
        version, plural, namespaced = KINDS[kind]
        root = "/api/v1" if version == "v1" else "/apis/" + version
        inner = f"/namespaces/{namespace}" if namespaced and namespace else ""
        return f"{root}{inner}/{plural}"

    @classmethod
    def path(cls, kind, namespace, name):
        return f"{cls.collection(kind, namespace)}/{name}"

    @classmethod
    def _place(cls, obj):
        meta = obj["metadata"]
        return obj["kind"], meta.get("namespace", "default"), meta["name"]

    def get(self, kind, namespace, name):
        """The object; None when there is none."""
        status, answer = self.request("GET", self.path(kind, namespace, name))
        if status not in (200, 404):
            raise ApiError("GET", self.path(kind, namespace, name), status, answer)
        return answer if status == 200 else None

    def list(self, kind, namespace=None):
        return self.call("GET", self.collection(kind, namespace))["items"]

    def create(self, obj):
        kind, namespace, _ = self._place(obj)
        return self.call("POST", self.collection(kind, namespace), obj)

    def apply(self, obj):
        """Made, or made like this. Of a Pod, labels and annotations only can change."""
        kind, namespace, name = self._place(obj)
        status, answer = self.request("POST", self.collection(kind, namespace), obj)
        if status < 300:
            return answer
        if status != 409:
            raise ApiError("POST", f"{kind} {namespace}/{name}", status, answer.get("message"))
        now = self.get(kind, namespace, name)
        if kind in ("Pod", "Namespace", "Node"):
            for key in ("labels", "annotations"):
                now["metadata"][key] = obj["metadata"].get(key)
        else:
            keep = now["metadata"]["resourceVersion"]
            now = {**obj, "metadata": {**obj["metadata"], "resourceVersion": keep}}
        return self.call("PUT", self.path(kind, namespace, name), now)

    def patch(self, path, change):
        return self.call("PATCH", path, change, MERGE)

    def set_status(self, kind, namespace, name, status):
        return self.patch(self.path(kind, namespace, name) + "/status", {"status": status})

    def delete(self, kind, namespace, name):
        """At once. False when there was none."""
        path = self.path(kind, namespace, name)
        status, answer = self.request("DELETE", path + "?gracePeriodSeconds=0")
        if status not in (200, 202, 404):
            raise ApiError("DELETE", path, status, answer)
        if kind == "Namespace" and status != 404:
            # what the controller manager does when the namespace is empty
            self.request("PUT", path + "/finalize", {
                "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "spec": {}})
        return status != 404

    def each(self, function, items, threads=8):
        """function(item) for all, in threads; the results, in order."""
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            return list(pool.map(function, items))
