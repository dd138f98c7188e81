# SPDX-License-Identifier: Apache-2.0
"""Cases of tests/cases through a real API server: everybody to everybody, the kernel against the
oracle. What the server makes of the objects (defaults, its own JSON) is what weird has to read.

    WEIR_CASES=N    every Nth case (1: all; 4)
"""
import os
import sys
import time

import node as kube
from follow import CRD
from node import eventually, main

sys.path.append(os.path.join(kube.TOP, "tests/cases"))

import cases  # noqa: E402
import crds  # noqa: E402
import matrix  # noqa: E402

EACH = int(os.environ.get("WEIR_CASES", "4"))


def understood(case):
    """Kubernetes 1.20 has no endPort, nobody can change the ports of a pod that runs, and the
    CRD here is that of ClusterNetworkPolicy only."""
    return "endPort" not in str(case.raw) and "nodes" not in case.raw and \
        all(name.startswith("ClusterNetworkPolicy/") for name in case.raw.get("clusterPolicies", ())) and \
        not any("ports" in pod for pod in case.raw.get("pods", {}).values())


def test_cases(node):
    node.api.apply(CRD)
    eventually(lambda: node.api.request("GET", node.api.collection("ClusterNetworkPolicy"))[0] == 200, 20,
               "the CRD is served")
    base, table = cases.load()
    table = [c for c in table if understood(c)][::EACH]
    for name, pod in base["pods"].items():
        ports = [(n, int(p.split("/")[0]), p.split("/")[1]) for n, p in pod.get("ports", {}).items()]
        node.add_pod(*name.split("/"), labels=pod["labels"], ports=ports)
    crds.install(node)
    began, wrong = time.monotonic(), []
    with matrix.Field("kcases", "bridge", base["pods"], cases.LISTEN, node) as field:
        for case in table:
            found = field.compare(case.cluster(field.places), case.columns)
            wrong += [f"{case.name}: {line}" for line in found[:5]]
        print(f"     {len(table)} cases, {field.probes} connections, {field.again} tried again; "
              f"{time.monotonic() - began:.0f} s")
    assert len(table) > 100 / EACH and not wrong, "\n".join([f"{len(table)} cases", *wrong])


if __name__ == "__main__":
    main(__file__, [test_cases])
