# SPDX-License-Identifier: Apache-2.0
"""Those who ask and do not read: 1,000 live streams, and large answers. They cost nobody else
anything: flows are stored as fast, others hear them, the hub's memory stays bounded; and each
knows exactly how many flows it has lost."""
import base64
import json
import os
import resource
import select
import socket
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "e2e")]

import api  # noqa: E402
from hubtest import Hub, main, token_of, wait_for  # noqa: E402
from rounds import rounds  # noqa: E402

CLIENTS = rounds("WEIR_SLOW_CLIENTS", 1000)
ASKERS = rounds("WEIR_SLOW_ASKERS", 60)  # of answers that are larger, together, than the limit
FLOWS = int(os.environ.get("WEIR_SLOW_FLOWS", "6000"))
QUEUE = 500
HUB = None


def with_hub(**flags):
    def decorate(test):
        def run():
            global HUB
            with Hub(**flags) as HUB:
                HUB.node("c1", "n1")
                test()
        run.__name__ = test.__name__
        return run
    return decorate


def resident():
    with open(f"/proc/{HUB.process.pid}/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize()


def open_stream(who, path, buffer=4096):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    s.connect(("127.0.0.1", HUB.port))
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token_of(who)}\r\n"
              f"Accept: application/x-ndjson\r\n\r\n".encode())
    return s


def open_live():
    """One after another, as each signs in: the hub's queue has a bound, too."""
    s = open_stream("admin", "/v1/flows/live")
    head = s.recv(15)
    assert head == b"HTTP/1.1 200 OK", head
    return s


def unchunk(text):
    body = b""
    while text:
        size, rest = text.split(b"\r\n", 1)
        body += rest[:int(size, 16)]
        text = rest[int(size, 16) + 2:]
    return body


def read_rest(s):
    """Until nothing has come for a while: flows heard, flows lost. What was lost lies, to the
    number, between the flows before and behind it."""
    text = b""
    s.settimeout(0.7)
    try:
        while piece := s.recv(1 << 16):
            text += piece
    except TimeoutError:
        pass
    heard = lost = missing = 0
    last = None
    for line in unchunk(text.split(b"\r\n\r\n", 1)[1]).splitlines():
        if not line:
            continue
        o = json.loads(line)
        assert "unread" not in o, "the thread that feeds streams could not keep up"
        if "lost" in o:
            missing = o["lost"]
            lost += missing
            continue
        assert last is None or o["seq"] == last + missing + 1, (last, missing, o["seq"])
        last, missing = o["seq"], 0
        heard += 1
    return heard, lost


def send(flows):
    started = time.monotonic()
    HUB.nodes[0].send(flows)
    return time.monotonic() - started


@with_hub(live_queue=QUEUE, limits_idle="5m")
def test_live_streams():
    flows = api.random_flows(FLOWS, 3)
    alone = min(send(flows) for _ in range(2))
    before = resident()
    slow = [open_live() for _ in range(CLIENTS)]
    wait_for("all streams are there",
             lambda: HUB.metrics()["weir_hub_live_clients"] == CLIENTS, 60)
    api.HUB = HUB
    quick = api.Live("admin", "verdict=denied&fields=verdict", ndjson=True)
    together = min(send(flows) for _ in range(2))
    want = 2 * sum(f["verdict"] == "denied" for f in flows)
    wait_for("a quick reader hears of all", lambda: len(quick.flows) + sum(
        f.get("lost", 0) for f in quick.flows) >= want)
    grown = resident() - before
    print(f"{FLOWS} flows stored in {alone:.2f} s alone, {together:.2f} s beside {CLIENTS} slow "
          f"readers; {grown >> 20} MiB more")
    assert together < 3 * alone + 1, "slow readers slow the nodes down"
    # a connection of libmicrohttpd has 32 KiB of its own (limits.uri)
    assert grown < CLIENTS * 80 * 1024 + (64 << 20), f"{grown} bytes more"
    # what fits into its queue it hears, and soon
    lost = sum(f.get("lost", 0) for f in quick.flows)
    for burst in range(10):
        send(flows[:QUEUE])
        want += sum(f["verdict"] == "denied" for f in flows[:QUEUE])
        wait_for("a quick reader hears of a burst",
                 lambda: sum(f.get("lost", 1) for f in quick.flows) >= want, 5)
    assert sum(f.get("lost", 0) for f in quick.flows) == lost
    for s in slow[:5]:
        heard, lost = read_rest(s)
        assert heard + lost == 2 * FLOWS + 10 * QUEUE, (heard, lost)
        assert lost > 0, "the queue has no bound"
    for s in slow:
        s.close()
    quick.close()


@with_hub(limits_answers="16MiB", limits_idle="4s", query_max_limit=4 * FLOWS)
def test_large_answers():
    send(api.random_flows(2 * FLOWS, 5))
    path = f"/v1/flows?since=1h&limit={4 * FLOWS}"
    one = len(HUB.get("admin", "/v1/flows", since="1h", limit=4 * FLOWS).text)
    before = resident()
    slow = [open_stream("admin", path) for _ in range(ASKERS)]
    wait_for("answers wait", lambda: HUB.metrics()["weir_hub_answers_bytes"] > 16 << 20)
    # another's question is refused, not kept waiting, and never costs memory
    a = wait_for("a refusal", lambda: refused(HUB.get("admin", "/v1/me")))
    assert a.headers["retry-after"] == "1"
    grown = resident() - before
    print(f"{one >> 10} KiB an answer, {ASKERS} asked, {grown >> 20} MiB more")
    assert grown < (16 << 20) * 2 + 8 * one, f"{grown} bytes more"
    wait_for("who does not read is cut off",
             lambda: HUB.metrics()["weir_hub_answers_bytes"] == 0, 30)
    assert HUB.get("admin", "/v1/me").status == 200
    for s in slow:
        s.close()


def refused(answer):
    return answer if answer.status == 503 else None


@with_hub(limits_idle="4s")
def test_stalled_requests():
    """Half a request holds a connection no longer than limits.idle."""
    stalled = []
    for _ in range(50):
        s = socket.create_connection(("127.0.0.1", HUB.port))
        s.sendall(b"GET /v1/flows HTTP/1.1\r\nHost: h")
        stalled.append(s)
    assert HUB.get("admin", "/v1/me").status == 200
    for s in stalled:
        s.settimeout(15)
        while s.recv(4096):
            pass
        s.close()


def unsigned_token(issuer):
    def part(o):
        return base64.urlsafe_b64encode(json.dumps(o).encode()).decode().rstrip("=")
    return ".".join([part({"alg": "RS256", "kid": "k"}),
                     part({"iss": issuer, "aud": "weir", "sub": "eve", "exp": 2**31}),
                     "c" * 342])


def test_issuer_that_does_not_answer():
    """Those whose token it would have to judge wait; nobody else does."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as dead:
        issuer = f"http://127.0.0.1:{dead.getsockname()[1]}"
        with Hub(oidc_issuer=issuer) as hub:
            waiting = []
            for _ in range(40):
                s = socket.create_connection(("127.0.0.1", hub.port))
                s.sendall(f"GET /v1/me HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer "
                          f"{unsigned_token(issuer)}\r\n\r\n".encode())
                waiting.append(s)
            started = time.monotonic()
            for _ in range(50):
                assert hub.get("admin", "/v1/me").status == 200
            took = time.monotonic() - started
            assert took < 2, f"{took:.1f} s for 50 answers"
            # whichever came first: the hub reads what is there at once in an order of its own
            answered = select.select(waiting, [], [], 20)[0]
            assert answered, "none of those who wait is told why"
            assert answered[0].recv(12) == b"HTTP/1.1 503"
            for s in waiting:
                s.close()


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < CLIENTS + 200:
        print(f"skip: needs {CLIENTS + 200} open files, the limit is {hard}")
        sys.exit(77)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, CLIENTS + 200), hard))
    main([test_live_streams, test_large_answers, test_stalled_requests,
          test_issuer_that_does_not_answer])
