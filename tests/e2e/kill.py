# SPDX-License-Identifier: Apache-2.0
"""weird is killed (SIGKILL) at random points of changes under traffic, and started again.

No wrong verdict meanwhile; afterwards the kernel holds what the manifests say: it is in sync, CHECK
finds every endpoint enforced, one more start changes nothing in the kernel, and a purge and fresh
start come to the same rules.
"""
import json
import os
import random
import signal
import threading
import time

from fixture import eventually, main
from no_wrong_verdict import judge, open_streams, prepare
from rounds import rounds
from streams import Streams

KILLS = rounds("WEIR_KILLS", 100)


def kill_during(node, changer, delay):
    """One change, and in the middle of it SIGKILL."""
    timer = threading.Timer(delay, lambda: node.stop(signal.SIGKILL))
    timer.start()
    try:
        changer.one()
    except Exception:  # pylint: disable=broad-except
        pass  # whoever talked to weird at that moment has an error; the next one will not
    timer.join()


def heal(node, changer):
    """What a runtime does after a failed ADD or DEL: it calls again."""
    node.start()
    pod = node.pods.get("shop/another")
    if pod and not pod.result:
        node.del_pod(pod)


def shape(node):
    """How many objects of each kind the table has."""
    count = {}
    for entry in json.loads(node.host.run("nft", "-j", "list", "table", "inet", "weir").stdout)["nftables"]:
        for kind, value in entry.items():
            count[kind] = count.get(kind, 0) + 1
            if kind in ("map", "set"):
                count["elements"] = count.get("elements", 0) + len(value.get("elem", []))
    return count


def settled(node):
    """The generation of the kernel's tables once nothing more is cleaned up."""
    last = since = None
    while last is None or time.monotonic() - since < 0.5:
        now = node.host.nft_generation()
        if now != last:
            last, since = now, time.monotonic()
        time.sleep(0.01)
    return last


def nothing_changes(node):
    """A start into a world that is as it was commits nothing to the kernel."""
    before = settled(node)
    for sig in (signal.SIGKILL, signal.SIGTERM):
        node.stop(sig)
        node.start()
        time.sleep(0.1)
        assert node.host.nft_generation() == before, f"after {sig}: the kernel was written to"


def test_kill_under_traffic(node):
    seed = int(os.environ.get("WEIR_SEED", "7"))
    rng = random.Random(seed)
    changer = prepare(node, seed)
    with Streams() as streams:
        open_streams(streams, changer, 4)
        for _ in range(KILLS):
            kill_during(node, changer, rng.uniform(0, 0.03))
            heal(node, changer)
        end = streams.drain()
    judge(end, f"{KILLS} kills, seed {seed}")
    node.wait()
    status = node.query("status")
    assert status["state"]["inSync"], status
    for pod in node.pods.values():
        node.chain.call(node.chain.plugins[-1], "CHECK", pod.container, pod.path, pod.args, pod.result)
    nothing_changes(node)
    after = shape(node)
    node.stop()
    node.host.run("nft", "delete", "table", "inet", "weir")
    node.start()
    eventually(lambda: shape(node) == after, what=f"fresh: {shape(node)}, after kills: {after}")


if __name__ == "__main__":
    main(__file__, [test_kill_under_traffic])
