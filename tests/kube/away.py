# SPDX-License-Identifier: Apache-2.0
"""A real API server goes away and comes back, in all ways that one does: enforcement stays as it
was, weird says how old its knowledge is, and afterwards the world is what the server says.

    WEIR_AWAY=S    how long the network is cut (12; 200 and more: weird must have noticed)
"""
import os
import signal
import time

from follow import FRIENDS, IN_TIME, PORT, becomes, serve
from node import ACCOUNT, HOME, eventually, main, policy
from cni import CniError
from source import metrics

AWAY = int(os.environ.get("WEIR_AWAY", "12"))
NOTICED = 200  # seconds; sooner when weird has something to send
SOON = 30.0  # seconds until weird has the server back: retransmissions and back-off
CLOSED = policy("shop", "closed", {"podSelector": {"matchLabels": {"app": "web"}}})


def world(node):
    """A pod that lets one of two clients in."""
    web = serve(node)
    node.write_namespace("shop", {"team": "a"})
    friend = node.add_pod("shop", "friend", {"app": "friend"})
    other = node.add_pod("shop", "other", {"app": "other"})
    node.write_manifest("friends", policy("shop", "friends", FRIENDS))
    becomes(False, other, web, "the other")
    becomes(True, friend, web, "the friend")
    return web, friend, other


def unchanged(web, friend, other):
    assert friend.reach(web.addr(4), PORT), "what was allowed is not any more"
    assert not other.reach(web.addr(4), PORT, timeout=0.3), "what was denied is allowed"


def swap(node):
    """The friend and the other change places."""
    node.write_pod("shop", "friend", {"app": "other"})
    node.write_pod("shop", "other", {"app": "friend"})


def test_killed_and_back(node):
    web, friend, other = world(node)
    node.server.kill()
    eventually(lambda: not node.collection("Pod")["current"], 10, "weird notices")
    assert node.collection("Pod")["error"], "it says why"
    assert node.weirctl("wait", "--timeout", "1s").returncode == 1, "nobody knows what changed"
    unchanged(web, friend, other)
    lists = node.collection("Pod")["lists"]
    node.server.start()
    swap(node)
    becomes(True, other, web, "allowed when the server is back", SOON)
    becomes(False, friend, web, "denied when the server is back")
    node.current()
    assert node.collection("Pod")["lists"] <= lists + 2, "a storm of lists"


def test_restarted_in_order(node):
    """SIGTERM: the server ends its watches itself."""
    web, friend, other = world(node)
    node.server.stop(signal.SIGTERM)
    unchanged(web, friend, other)
    node.server.start()
    swap(node)
    becomes(True, other, web, "allowed", SOON)
    becomes(False, friend, web, "denied")


def test_away_for_long(node):
    """Packets are lost, nobody says so."""
    web, friend, other = world(node)
    node.server.cut(node.link)
    swap(node)
    node.remove_manifest("friends")
    node.write_manifest("closed", CLOSED)
    time.sleep(AWAY)
    unchanged(web, friend, other)
    pods = node.collection("Pod")
    assert pods["silentMs"] >= (AWAY - 1) * 1000, pods
    assert AWAY < NOTICED or not pods["current"], pods
    values = metrics(node)
    assert values["weir_source_silent_seconds", 'kind="Pod"'] >= AWAY - 1, values
    node.server.join(node.link)
    becomes(False, friend, web, "the policy changed meanwhile", SOON)
    becomes(False, other, web, "and closes for all")
    node.current()
    assert node.collection("Pod")["silentMs"] < (AWAY - 1) * 1000


def test_history_is_gone(node):
    """Compaction while weird is away: 410, and what was deleted meanwhile is not there."""
    web, friend, other = world(node)
    lists = node.collection("NetworkPolicy")["lists"]
    node.server.cut(node.link)
    node.server.kill()
    # without its cache of watches the server has only etcd's history
    node.server.start(flags=["--watch-cache=false"])
    try:
        node.remove_manifest("friends")
        node.remove_manifest("pod-shop-other")
        node.write_manifest("closed", CLOSED)
        node.server.compact()
        unchanged(web, friend, other)
        node.server.join(node.link)
        becomes(False, friend, web, "closed meanwhile", SOON)
        node.current()
        assert node.collection("NetworkPolicy")["lists"] > lists, "weird went on from what is compacted"
        node.remove_manifest("closed")
        becomes(True, friend, web, "a watch without cache")
        node.server.compact()
        node.write_manifest("closed", CLOSED)
        becomes(False, friend, web, "compaction with an open watch")
    finally:
        node.server.kill()
        node.server.start()


def test_starts_without_server(node):
    """weird is restarted while the server is away: the kernel goes on with what it has."""
    web, friend, other = world(node)
    generation = node.host.nft_generation()
    node.server.kill()
    node.stop(signal.SIGKILL)
    node.start(sync=False)
    time.sleep(1)
    unchanged(web, friend, other)
    assert not node.query("status")["source"]["ready"]
    assert node.host.nft_generation() == generation, "the kernel was written to without knowing the world"
    node.server.start()
    swap(node)
    becomes(True, other, web, "allowed", SOON)
    becomes(False, friend, web, "denied")


def new_token(node, secret):
    node.api.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": HOME, "name": secret}})
    return node.server.token(HOME, ACCOUNT, bound_to=secret)


def test_token_rotates(node):
    """The token is replaced before it ends; the old one is worth nothing afterwards."""
    web, friend, _ = world(node)
    node.write_token(new_token(node, "first"))
    node.restart()
    node.write_token(new_token(node, "second"))
    node.api.delete("Secret", HOME, "first")
    node.server.kill()  # it forgets the tokens that it has seen
    node.server.start()
    swap(node)
    becomes(False, friend, web, "with the new token", SOON)
    node.current()


def test_token_ends(node):
    """The token is worth nothing and no other comes for a while."""
    web, friend, other = world(node)
    node.write_token(new_token(node, "third"))
    node.restart()
    node.api.delete("Secret", HOME, "third")
    node.server.kill()
    node.server.start()
    swap(node)
    eventually(lambda: "401" in str(node.collection("Pod")["error"]) or
               "nauthorized" in str(node.collection("Pod")["error"]), SOON, "status says why")
    unchanged(web, friend, other)
    node.write_token(new_token(node, "fourth"))
    becomes(False, friend, web, "with another token", SOON)
    becomes(True, other, web, "with another token")
    node.current()


def test_add_at_once(node):
    """The runtime is as fast as the server: the pod is not in the cache yet."""
    node.write_manifest("closed", CLOSED)
    client = node.add_pod("shop", "client")
    for number in range(20):
        web = node.add_pod("shop", f"web-{number}", {"app": "web"})
        web.listen(PORT)
        assert not client.reach(web.addr(4), PORT, timeout=0.1), f"{number}: not isolated when ADD returned"
        node.del_pod(web)


def test_add_while_away(node):
    """A pod that weird knows starts; one that it does not know fails, as configured."""
    web, friend, other = world(node)
    node.write_pod("shop", "known", {"app": "friend"})
    eventually(lambda: node.query("status")["cluster"]["pods"] == 4, IN_TIME)
    node.server.cut(node.link)
    node.write_pod("shop", "unknown", {"app": "friend"})
    known = node.add_pod("shop", "known", manifest=False)
    becomes(True, known, web, "a pod that is known")
    began = time.monotonic()
    try:
        node.add_pod("shop", "unknown", manifest=False)
        raise AssertionError("a pod that nobody knows was let in")
    except CniError as error:
        took = time.monotonic() - began
        assert took < 5, f"{took} s"
        assert error.code == 11, error.error  # try again later
    unchanged(web, friend, other)
    node.server.join(node.link)
    node.current()
    unknown = eventually(lambda: try_add(node, "unknown"), SOON, "its ADD, tried again")
    becomes(True, unknown, web, "known by now")


def try_add(node, name):
    try:
        return node.add_pod("shop", name, manifest=False)
    except CniError:
        return None


def test_add_isolated(node):
    """cni.unknownPod: isolate. Nothing passes until the server tells who it is."""
    node.config["cni"] = {"unknownPod": "isolate", "podTimeout": "500ms"}
    node.restart()
    web, _, _ = world(node)
    open_pod = node.add_pod("shop", "open")
    open_pod.listen(PORT)
    node.server.cut(node.link)
    node.write_pod("shop", "unknown", {"app": "friend"})
    unknown = node.add_pod("shop", "unknown", manifest=False)
    unknown.listen(PORT)
    assert not unknown.reach(open_pod.addr(4), PORT, timeout=0.5), "egress"
    assert not open_pod.reach(unknown.addr(4), PORT, timeout=0.5), "ingress"
    assert node.host.reach(unknown.addr(4), PORT), "probes of the kubelet"
    node.server.join(node.link)
    becomes(True, unknown, web, "known by now", SOON)
    becomes(True, open_pod, unknown, "known by now")


if __name__ == "__main__":
    main(__file__, [test_killed_and_back, test_restarted_in_order, test_away_for_long,
                    test_history_is_gone, test_starts_without_server, test_token_rotates,
                    test_token_ends, test_add_at_once, test_add_while_away, test_add_isolated])
