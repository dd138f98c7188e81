# SPDX-License-Identifier: Apache-2.0
"""The rights in conf/kubernetes, asked of a real API server: weird may what it does, and no more."""
import sys

from node import ACCOUNT, HOME, install_account
from apiserver import ApiServer, Skip
from client import Client

WORLD = ("namespaces", "nodes", "pods", "services", "networkpolicies.networking.k8s.io",
         "clusternetworkpolicies.policy.networking.k8s.io")
# verb, resource[/subresource][.group], namespace: what weird does
MAY = [
    *((verb, resource, None) for resource in WORLD for verb in ("list", "watch")),
    ("get", "pods", "shop"),
    ("create", "events", "shop"),
    ("patch", "events", "shop"),
    ("patch", "clusternetworkpolicies/status.policy.networking.k8s.io", None),
    *((verb, "leases.coordination.k8s.io", HOME) for verb in ("get", "create", "update")),
]
# what would make weird worth attacking
MUST_NOT = [
    *((verb, resource, "shop") for resource in WORLD for verb in ("create", "update", "patch", "delete")),
    ("patch", "clusternetworkpolicies.policy.networking.k8s.io", None),
    ("patch", "pods/status", "shop"),
    ("create", "pods/exec", "shop"),
    ("patch", "nodes/status", None),
    ("get", "secrets", HOME),
    ("list", "secrets", None),
    ("get", "configmaps", "shop"),
    ("create", "serviceaccounts/token", HOME),
    ("list", "events", None),
    ("delete", "events", "shop"),
    ("update", "leases.coordination.k8s.io", "kube-system"),
    ("delete", "leases.coordination.k8s.io", HOME),
    ("create", "clusterrolebindings.rbac.authorization.k8s.io", None),
    ("escalate", "clusterroles.rbac.authorization.k8s.io", None),
    ("impersonate", "users", None),
]


def allowed(api, verb, resource, namespace):
    name, _, group = resource.partition(".")
    name, _, subresource = name.partition("/")
    attributes = {"verb": verb, "group": group, "resource": name, "subresource": subresource,
                  "namespace": namespace or ""}
    return api.call("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes}})["status"]["allowed"]


def main():
    with ApiServer("rights") as server:
        install_account(server)
        weird = Client(server.place, server.addr, server.port, server.ca, server.token(HOME, ACCOUNT))
        wrong = [f"{'may not' if expected else 'may'} {verb} {resource} in {namespace or 'all'}"
                 for expected, table in ((True, MAY), (False, MUST_NOT))
                 for verb, resource, namespace in table
                 if allowed(weird, verb, resource, namespace) != expected]
        nobody = Client(server.place, server.addr, server.port, server.ca, "no-token")
        status, _ = nobody.request("GET", "/api/v1/pods")
        assert status == 401, status
    assert not wrong, "\n".join(["weird", *wrong])
    print(f"{len(MAY)} rights that are used, {len(MUST_NOT)} that must not be had")


if __name__ == "__main__":
    try:
        main()
    except Skip as why:
        print(f"skip: {why}")
        sys.exit(77)
