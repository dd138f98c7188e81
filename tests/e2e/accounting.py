# SPDX-License-Identifier: Apache-2.0
"""Exact accounting: every connection offered is in a record, or in a counted loss.

Connections are UDP datagrams of distinct 5-tuples (offer.c), half of them to ports that policy
allows and half to ports that it denies. A subscriber of batch.v1 must find
    open records + connections of denied records + losses of gap records = offered
alone, beside a slow subscriber, and beside a stopped one. What a slow subscriber misses, it can
tell exactly by the numbers.
"""
import multiprocessing
import os
import signal
import subprocess
import time

from fixture import BUILD, Node, Skip, main
from rounds import rounds

try:
    import msgpack
    import zmq
except ImportError:
    msgpack = None

SOURCES = rounds("WEIR_SOURCES", 400)  # source ports
PORTS = 250  # destination ports of each half
RATE = 15000  # datagrams a second
ALLOWED, DENIED = 10000, 20000  # first ports
QUEUE = 50  # batches that wait for one subscriber; small, so that it can be too slow
OPEN, GAP, DENIAL = 0, 4, 3  # include/weir/record.h
TYPE, CONNECTIONS, LOSS = 0, 16, 18  # places in a record, docs/WIRE.md

POLICY = f"""
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{namespace: shop, name: half}}
spec:
  podSelector: {{matchLabels: {{app: web}}}}
  ingress:
  - ports: [{{protocol: UDP, port: {ALLOWED}, endPort: {ALLOWED + PORTS - 1}}}]
"""


def member(record, place, default=None):
    return record[place] if len(record) > place and record[place] is not None else default


class Count:
    """What a subscriber has seen of batch.v1."""

    def __init__(self):
        self.opened = self.denied = self.lost = self.unknown = 0
        self.seen = self.missed = 0
        self.first = self.expected = None

    def add(self, payload):
        _, (_, _, _, first, n, *_), _, _, _, records, *_ = msgpack.unpackb(payload)
        assert len(records) == n, f"a batch says {n} records and has {len(records)}"
        if self.expected is None:
            self.first = self.expected = first
        assert first >= self.expected, f"records {first} after {self.expected - 1}"
        self.missed += first - self.expected
        self.seen += n
        self.expected = first + n
        for record in records:
            self.count(record)

    def count(self, record):
        kind = record[TYPE]
        if kind == OPEN:
            self.opened += 1
        elif kind == DENIAL:
            self.denied += member(record, CONNECTIONS, 1)
        elif kind == GAP:
            _, lost = member(record, LOSS)
            self.lost += lost
            self.unknown += lost == 0

    def all(self):
        return self.opened + self.denied + self.lost

    def __str__(self):
        return (f"{self.opened} opened + {self.denied} denied + {self.lost} lost"
                f" ({self.seen} records, {self.missed} missed)")


def subscribe(address, hwm=0):
    socket = zmq.Context.instance().socket(zmq.SUB)
    socket.setsockopt(zmq.RCVHWM, hwm)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SUBSCRIBE, b"batch.v1")
    socket.connect(address)
    return socket


def receive(socket, count, quiet=3.0, pause=0.0, limit=120.0):
    """Until no records have come for so long. Waits are counted, not the clock: it goes on while
    this process is stopped."""
    end = time.monotonic() + limit
    waited = 0.0
    while time.monotonic() < end and waited < quiet:
        if not socket.poll(200):
            waited += 0.2
            continue
        before = count.seen
        count.add(socket.recv_multipart()[1])
        waited = 0.0 if count.seen > before else waited + 0.2
        time.sleep(pause)


def count_in_child(address, hwm, pause, ready, pipe):
    count = Count()
    socket = subscribe(address, hwm)
    assert socket.poll(10000)  # the batch that a new subscriber gets first, or an empty one
    ready.set()
    receive(socket, count, quiet=8.0, pause=pause)
    pipe.send(count.__dict__)


class Second:
    """Another subscriber, in a process of its own."""

    def __init__(self, address, hwm=1, pause=0.0):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        ready = context.Event()
        self.process = context.Process(target=count_in_child,
                                       args=(address, hwm, pause, ready, theirs), daemon=True)
        self.process.start()
        assert ready.wait(20), "the second subscriber gets nothing"

    def count(self):
        assert self.pipe.poll(120), "the second subscriber does not end"
        count = Count()
        count.__dict__ = self.pipe.recv()
        self.process.join()
        return count

    def stop(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.join()


def prepare(node):
    if msgpack is None:
        raise Skip("needs python3-zmq and python3-msgpack")
    for key, seconds in (("udp_timeout", 5), ("udp_timeout_stream", 5)):
        node.host.sysctl(f"net.netfilter.nf_conntrack_{key}", seconds)  # nf_conntrack_max is one for all
    node.write_manifest("half", POLICY)
    client = node.add_pod("shop", "client")
    web = node.add_pod("shop", "web", {"app": "web"})
    node.wait()
    return client, web


def offer(client, web):
    """Both halves at once; how many connections were offered."""
    halves = [client.popen(os.path.join(BUILD, "tests/e2e/offer"), web.addr(4), str(first), str(PORTS),
                           str(SOURCES), str(RATE // 2), str(source), stdout=subprocess.PIPE)
              for first, source in ((ALLOWED, 2000), (DENIED, 30000))]
    return sum(int(half.communicate()[0]) for half in halves)


def account(node, client, web):
    count = Count()
    socket = subscribe(node.flows_address)
    assert socket.poll(10000), "no batch within 10 s"
    sender = multiprocessing.get_context("fork").Pool(1)
    try:
        offered = sender.apply_async(offer, (client, web))
        receive(socket, count)
        offered = offered.get(60)
    finally:
        sender.terminate()
        socket.close()
    print(f"  offered {offered}: {count}", flush=True)
    assert offered == 2 * PORTS * SOURCES
    assert count.missed == 0, f"the good subscriber missed {count.missed} records"
    assert count.unknown == 0, f"{count.unknown} losses of unknown size"
    assert count.all() == offered, f"{count.all()} accounted for of {offered}"
    return count


def test_alone(node):
    client, web = prepare(node)
    count = account(node, client, web)
    status = node.query("status")
    assert status["flows"]["deniedConnections"] == count.denied or count.lost, status["flows"]


def test_beside_a_slow_subscriber(node):
    client, web = prepare(node)
    slow = Second(node.flows_address, pause=0.3)
    good = account(node, client, web)
    count = slow.count()
    print(f"  slow: {count}", flush=True)
    assert count.missed > 0, "it was not slow enough to miss anything"
    assert count.expected >= good.expected, "it does not know of what it missed at the end"


def test_beside_a_stopped_subscriber(node):
    client, web = prepare(node)
    stopped = Second(node.flows_address)
    stopped.stop()
    try:
        good = account(node, client, web)
        stopped.go_on()
        count = stopped.count()
        print(f"  stopped: {count}", flush=True)
        assert count.missed > 0, "it has got everything, although it was stopped"
        assert count.expected >= good.expected, "it does not know of what it missed at the end"
    finally:
        stopped.kill()


if __name__ == "__main__":
    main(__file__, [test_alone, test_beside_a_slow_subscriber, test_beside_a_stopped_subscriber],
         lambda name: Node(name, config={"flows": {"queue": QUEUE}}))
