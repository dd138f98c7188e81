# SPDX-License-Identifier: Apache-2.0
"""conf/kubernetes and a real API server: weird may what it does, and no more; every field is known."""
import glob
import os
import sys

from node import ACCOUNT, CONF, HOME, documents, install_account
from apiserver import ApiServer, Skip
from client import Client

WORLD = ("namespaces", "nodes", "pods", "services", "networkpolicies.networking.k8s.io",
         "clusternetworkpolicies.policy.networking.k8s.io")
# verb, resource[/subresource][.group], namespace, name where only that: what weird does
MAY = [
    *((verb, resource, None) for resource in WORLD for verb in ("list", "watch")),
    ("get", "pods", "shop"),
    ("create", "events", "shop"),
    ("patch", "events", "shop"),
    ("get", "clusternetworkpolicies.policy.networking.k8s.io", None),
    ("update", "clusternetworkpolicies/status.policy.networking.k8s.io", None),
    ("create", "leases.coordination.k8s.io", HOME),
    *((verb, "leases.coordination.k8s.io", HOME, "weir") for verb in ("get", "update")),
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
    ("delete", "leases.coordination.k8s.io", HOME, "weir"),
    ("update", "leases.coordination.k8s.io", HOME, "another"),
    ("create", "clusterrolebindings.rbac.authorization.k8s.io", None),
    ("escalate", "clusterroles.rbac.authorization.k8s.io", None),
    ("impersonate", "users", None),
]


def allowed(api, verb, resource, namespace, object_name=""):
    name, _, group = resource.partition(".")
    name, _, subresource = name.partition("/")
    attributes = {"verb": verb, "group": group, "resource": name, "subresource": subresource,
                  "namespace": namespace or "", "name": object_name}
    return api.call("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes}})["status"]["allowed"]


def lost(sent, kept, where=""):
    """Fields of what was sent that the server did not keep: it drops those that it doesn't know."""
    if isinstance(sent, dict):
        for key, value in sent.items():
            if not isinstance(kept, dict) or key not in kept:
                yield f"{where}.{key}"
            else:
                yield from lost(value, kept[key], f"{where}.{key}")
    elif isinstance(sent, list):
        if not isinstance(kept, list) or len(kept) != len(sent):
            yield where
            return
        for i, value in enumerate(sent):
            yield from lost(value, kept[i], f"{where}[{i}]")


def check_fields(server):
    """Everything that is applied to a cluster; how many objects."""
    checked = 0
    for path in sorted(glob.glob(f"{CONF}/*.yaml") + glob.glob(f"{CONF}/uninstall/*.yaml")):
        with open(path) as f:
            text = f.read()
        if os.path.basename(path) == "kustomization.yaml":
            continue
        for obj in documents(text):
            kept = server.api.apply(obj)
            wrong = list(lost(obj, kept, f"{obj['kind']} {obj['metadata']['name']}"))
            assert not wrong, "not known to the API server: " + ", ".join(wrong)
            checked += 1
    return checked


def main():
    with ApiServer("rights") as server:
        install_account(server)
        checked = check_fields(server)
        weird = Client(server.place, server.addr, server.port, server.ca, server.token(HOME, ACCOUNT))
        wrong = [("may not " if expected else "may ") + " ".join(str(word) for word in right)
                 for expected, table in ((True, MAY), (False, MUST_NOT)) for right in table
                 if allowed(weird, *right) != expected]
        nobody = Client(server.place, server.addr, server.port, server.ca, "no-token")
        status, _ = nobody.request("GET", "/api/v1/pods")
        assert status == 401, status
    assert not wrong, "\n".join(["weird", *wrong])
    assert checked >= 9, checked
    print(f"{checked} objects are accepted whole; {len(MAY)} rights that are used, {len(MUST_NOT)} that must not be had")


if __name__ == "__main__":
    try:
        main()
    except Skip as why:
        print(f"skip: {why}")
        sys.exit(77)
