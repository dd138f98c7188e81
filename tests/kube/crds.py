# SPDX-License-Identifier: Apache-2.0
"""The kinds of cluster-wide policies for a real API server: it takes whatever their specs hold."""
from node import eventually

GROUP = "policy.networking.k8s.io"
KINDS = {"ClusterNetworkPolicy": ("clusternetworkpolicies", "v1alpha2"),
         "AdminNetworkPolicy": ("adminnetworkpolicies", "v1alpha1"),
         "BaselineAdminNetworkPolicy": ("baselineadminnetworkpolicies", "v1alpha1")}
ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def definition(kind):
    plural, version = KINDS[kind]
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}", "annotations": {
            "api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/network-policy-api"}},
        "spec": {"group": GROUP, "scope": "Cluster",
                 "names": {"plural": plural, "singular": kind.lower(), "kind": kind,
                           "listKind": kind + "List"},
                 "versions": [{"name": version, "served": True, "storage": True,
                               "subresources": {"status": {}}, "schema": {"openAPIV3Schema": {
                                   "type": "object",
                                   "properties": {"spec": ANYTHING, "status": ANYTHING}}}}]}}


def install(node, kinds=tuple(KINDS)):
    """Returns when weird follows them."""
    for kind in kinds:
        node.api.apply(definition(kind))
    eventually(lambda: all(followed(node, kind) for kind in kinds), 40, "the CRDs are followed")


def followed(node, kind):
    state = node.collection(kind)
    return state["current"] and not state["absent"]


def remove(node, kind):
    node.api.delete("CustomResourceDefinition", None, definition(kind)["metadata"]["name"])
