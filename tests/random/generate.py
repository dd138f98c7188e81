# SPDX-License-Identifier: Apache-2.0
"""Random clusters with random policies of all kinds: every clause of the APIs, over a small
vocabulary, so that selectors hit, ranges touch and named ports mean different things.
"""
import ipaddress

KEYS = ("app", "tier", "env")
VALUES = ("a", "b", "c", "")
PORT_NAMES = ("http", "dns", "admin")
PORTS = (53, 80, 81, 443, 8080)
PROTOCOLS = ("TCP", "UDP", "SCTP")
ACTIONS = ("Accept", "Deny", "Pass")
DOMAINS = ("example.com", "a.example.com", "b.example.com", "x.a.example.com", "a.example.org")
PATTERNS = ("*.example.com", "*.a.example.com", "A.example.com.", "b.example.com", "example.com",
            "c.example.com", "*.example.org")
NODE = ("10.77.0.1", "fd77::1")
OUTSIDE = ("192.0.2.10", "2001:db8::10")
COLUMNS = [("TCP", 80), ("TCP", 81), ("TCP", 8080), ("UDP", 53), ("UDP", 80), ("SCTP", 80),
           ("SCTP", 443), ("ICMP", 0)]


def chance(rng, p):
    return rng.random() < p


def labels(rng):
    return {k: rng.choice(VALUES) for k in KEYS if chance(rng, 0.6)}


def named_ports(rng):
    """A name is another number in each pod, or another protocol, or not there."""
    return {n: f"{rng.choice(PORTS)}/{rng.choice(PROTOCOLS)}" for n in PORT_NAMES
            if chance(rng, 0.6)}


def requirement(rng, keys):
    operator = rng.choice(("In", "NotIn", "Exists", "DoesNotExist"))
    found = {"key": rng.choice(keys), "operator": operator}
    if operator in ("In", "NotIn"):
        found["values"] = rng.sample(VALUES, rng.randint(1, 3))
    return found


def selector(rng, keys=KEYS):
    kind = rng.random()
    if kind < 0.25:
        return {}
    found = {}
    if kind < 0.7:
        found["matchLabels"] = {rng.choice(keys): rng.choice(VALUES)}
    if kind > 0.6:
        found["matchExpressions"] = [requirement(rng, keys) for _ in range(rng.randint(1, 2))]
    return found


def namespace_selector(rng, names):
    if chance(rng, 0.3):
        return {"matchLabels": {"kubernetes.io/metadata.name": rng.choice(names)}}
    return selector(rng)


def block(rng, addresses):
    """Around an address that is used, so that borders are near."""
    ip = ipaddress.ip_address(rng.choice(addresses))
    bits = ip.max_prefixlen
    length = rng.choice((0, 8, bits - 8, bits - 4, bits - 3, bits - 2, bits - 1, bits, bits))
    net = ipaddress.ip_network(f"{ip}/{length}", strict=False)
    found = {"cidr": str(net)}
    if length < bits and chance(rng, 0.5):
        other = [a for a in map(ipaddress.ip_address, addresses)
                 if a.version == ip.version and a in net]
        found["except"] = [
            str(ipaddress.ip_network(f"{rng.choice(other)}/{rng.randint(length + 1, bits)}",
                                     strict=False)) for _ in range(rng.randint(1, 2))]
    return {"ipBlock": found}


def peer(rng, names, addresses):
    kind = rng.random()
    if kind < 0.35:
        return block(rng, addresses)
    found = {}
    if kind < 0.7:
        found["podSelector"] = selector(rng)
    if kind > 0.55:
        found["namespaceSelector"] = namespace_selector(rng, names)
    return found


def port(rng):
    found = {}
    if chance(rng, 0.7):
        found["protocol"] = rng.choice(PROTOCOLS)
    kind = rng.random()
    if kind < 0.3:
        found["port"] = rng.choice(PORT_NAMES)
    elif kind < 0.6:
        found["port"] = rng.choice(PORTS)
    elif kind < 0.85:
        found["port"] = rng.choice((1, 52, 53, 79, 80, 81, 443, 445, 1000, 3000))
        found["endPort"] = found["port"] + rng.choice((0, 0, 1, 1, 2, 27, 400, 60000))
    return found


def many_ports(rng):
    """So many ranges that a data plane looks them up instead of comparing; some end just before
    a port that is asked for."""
    numbers = rng.sample(range(1, 40, 2), 12) + rng.sample((52, 53, 79, 80, 442, 8079, 8080), 4)
    return [{"protocol": protocol, "port": p}
            for protocol in rng.sample(PROTOCOLS, rng.randint(1, 3)) for p in numbers]


def some(rng, make, p_absent=0.25):
    """A list, an empty one, or nothing."""
    kind = rng.random()
    if kind < p_absent:
        return None
    return [make() for _ in range(rng.randint(1, 3))] if kind > p_absent + 0.08 else []


def rule(rng, key, names, addresses):
    found = {key: some(rng, lambda: peer(rng, names, addresses)),
             "ports": some(rng, lambda: port(rng), 0.4)}
    if chance(rng, 0.1):
        found["ports"] = many_ports(rng)
    return {k: v for k, v in found.items() if v is not None}


def policy(rng, names, addresses):
    spec = {"podSelector": selector(rng)}
    for key, peers in (("ingress", "from"), ("egress", "to")):
        if chance(rng, 0.65):
            spec[key] = [rule(rng, peers, names, addresses) for _ in range(rng.randint(0, 3))]
    types = rng.choice((None, None, [], ["Ingress"], ["Egress"], ["Ingress", "Egress"]))
    if types is not None:
        spec["policyTypes"] = types
    return spec


# --- policies of the whole cluster -------------------------------------------------


def cluster_pods(rng, names):
    found = {"podSelector": selector(rng)}
    if chance(rng, 0.7):
        found["namespaceSelector"] = namespace_selector(rng, names)
    return found


def cluster_peer(rng, names, addresses, key):
    kind = rng.random()
    if kind < 0.04:
        return rng.choice(({}, {"strangers": {}}))
    if kind < 0.4 or (key == "from" and kind < 0.6):
        return {"namespaces": namespace_selector(rng, names)}
    if kind < 0.6 or key == "from":
        return {"pods": cluster_pods(rng, names)}
    if kind < 0.78:
        return {"nodes": selector(rng)}
    if kind < 0.85:
        return {"networks": [block(rng, addresses)["ipBlock"]["cidr"]
                             for _ in range(rng.randint(1, 3))]}
    return {"domainNames": rng.sample(PATTERNS, rng.randint(1, 2))}


def cluster_protocol(rng):
    kind = rng.random()
    if kind < 0.03:
        return rng.choice(({}, {"icmp": {}}, {"tcp": {}}))
    if kind < 0.3:
        return {"destinationNamedPort": rng.choice(PORT_NAMES)}
    found = {"number": rng.choice(PORTS)}
    if kind < 0.6:
        start = rng.choice((1, 52, 53, 79, 80, 81, 443, 1000))
        found = {"range": {"start": start, "end": start + rng.choice((1, 2, 27, 400, 60000))}}
    return {rng.choice(PROTOCOLS).lower(): {"destinationPort": found}}


def cluster_rule(rng, key, names, addresses):
    found = {"action": rng.choice(ACTIONS),
             key: [cluster_peer(rng, names, addresses, key) for _ in range(rng.randint(1, 3))]}
    if any("domainNames" in p for p in found[key]) and chance(rng, 0.8):
        found["action"] = "Accept"  # the API has names for nothing else
    if chance(rng, 0.6):
        found["protocols"] = [cluster_protocol(rng) for _ in range(rng.randint(1, 3))]
    return found


def cluster_policy(rng, names, addresses):
    """Few priorities, so that names have to tell them apart."""
    spec = {"tier": rng.choice(("Admin", "Baseline")), "priority": rng.choice((0, 1, 1000))}
    spec["subject"] = ({"pods": cluster_pods(rng, names)} if chance(rng, 0.4)
                       else {"namespaces": namespace_selector(rng, names)})
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        if chance(rng, 0.7):
            spec[direction] = [cluster_rule(rng, peers, names, addresses)
                               for _ in range(rng.randint(0, 3))]
    return spec


# --- the same in the kinds that came before -----------------------------------------


def older_port(found):
    """The port of a ClusterNetworkPolicy as AdminNetworkPolicy writes it."""
    if "destinationNamedPort" in found:
        return {"namedPort": found["destinationNamedPort"]}
    for protocol, said in found.items():
        port = said.get("destinationPort", {})
        if "number" in port:
            return {"portNumber": {"protocol": protocol.upper(), "port": port["number"]}}
        if "range" in port:
            return {"portRange": {"protocol": protocol.upper(), **port["range"]}}
    return found  # no port that either kind knows


def older_rule(rule):
    found = {**rule, "action": {"Accept": "Allow"}.get(rule["action"], rule["action"])}
    ports = found.pop("protocols", None)
    if ports is not None:
        found["ports"] = [older_port(p) for p in ports]
    return found


def older_policy(spec):
    """What a ClusterNetworkPolicy says, in an AdminNetworkPolicy or BaselineAdminNetworkPolicy.

    The latter has neither priority nor Pass, which is left out with its rule.
    """
    found = {k: v for k, v in spec.items() if k != "tier"}
    for direction in ("ingress", "egress"):
        if direction in found:
            found[direction] = [older_rule(r) for r in found[direction]
                                if spec["tier"] == "Admin" or r["action"] != "Pass"]
    if spec["tier"] == "Baseline":
        del found["priority"]
    return found


def cluster_policies(rng, names, addresses):
    """Of all kinds. Some have a twin of the other kind that shares name, priority and subject, so
    that the kind has to tell them apart."""
    found = {}
    for i in range(rng.randint(0, 4)):
        key, spec = f"cluster-{i}", cluster_policy(rng, names, addresses)
        if spec["tier"] == "Admin" and chance(rng, 0.3):
            twin = cluster_policy(rng, names, addresses)
            twin.update({k: spec[k] for k in ("tier", "priority", "subject")})
            found[key] = twin
        if spec["tier"] == "Admin" and (key in found or chance(rng, 0.3)):
            key, spec = f"AdminNetworkPolicy/{key}", older_policy(spec)
        elif spec["tier"] == "Baseline" and chance(rng, 0.3):
            key, spec = "BaselineAdminNetworkPolicy/default", older_policy(spec)
        found[key] = spec
    return found


def nodes(rng, node):
    """This node, and the host outside as another one; either may not be known."""
    found = {"here": node, "there": OUTSIDE}
    return {name: {"labels": labels(rng), "ips": [ip for ip in ips if chance(rng, 0.9)]}
            for name, ips in found.items() if chance(rng, 0.8)}


def domains(rng, addresses):
    """Names that DNS has told of; two may have the same address."""
    return {name: rng.sample(addresses, rng.randint(1, min(3, len(addresses))))
            for name in DOMAINS if chance(rng, 0.6)}


# --- clusters -------------------------------------------------------------------------


def new_pods(rng, names):
    pods = {}
    for number in range(2, 2 + rng.randint(2, 9)):
        ips = [f"10.77.0.{number}", f"fd77::{number:x}"]
        if chance(rng, 0.3):
            ips.pop(rng.randint(0, 1))
        pods[f"{rng.choice(names)}/pod-{number}"] = {"ips": ips}
    return pods


def cluster(rng, pods=None, node=NODE):
    """pods: {"namespace/name": {"ips": [...]}} when they are given; they get labels and ports."""
    names = sorted({key.split("/")[0] for key in pods}) if pods else ["shop", "bank", "guests"]
    learned = not pods  # a real weird has heard of no name
    pods = {key: dict(pod) for key, pod in (pods or new_pods(rng, names)).items()}
    for pod in pods.values():
        pod.update(labels=labels(rng), ports=named_ports(rng))
    addresses = [ip for pod in pods.values() for ip in pod["ips"]] + list(OUTSIDE)
    found = {"namespaces": {name: labels(rng) for name in names}, "pods": pods,
             "policies": {f"{rng.choice(names)}/policy-{i}": policy(rng, names, addresses)
                          for i in range(rng.randint(0, 5))},
             "clusterPolicies": cluster_policies(rng, names, addresses + list(node)),
             "nodes": nodes(rng, node)}
    if learned:
        found["domains"] = domains(rng, addresses + list(node))
    found["staged"] = [key for part in ("policies", "clusterPolicies") for key in found[part]
                       if chance(rng, 0.1)]
    return found
