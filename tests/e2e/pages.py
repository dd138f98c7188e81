# SPDX-License-Identifier: Apache-2.0
"""The page of metrics and the probes against clients that do not know HTTP, come in crowds or
leave early, and a port that somebody else has. Policy and the RPC socket must not notice."""
import socket
import time

from fixture import Node, eventually, main

PORT = 9571
CONNECTIONS_MAX = 16  # daemon/http/http.c


def dial(node):
    s = node.host.socket(socket.AF_INET)
    s.settimeout(20)
    s.connect(("127.0.0.1", PORT))
    return s


def everything(s):
    """What comes until the other end closes."""
    data = b""
    try:
        while chunk := s.recv(65536):
            data += chunk
    except OSError:  # hung up on
        pass
    s.close()
    return data


def talk(node, data):
    s = dial(node)
    try:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
    except OSError:  # hung up on
        pass
    return everything(s)


def request(node, path, method="GET"):
    """Status and body."""
    answer = talk(node, f"{method} {path} HTTP/1.0\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def get(node, path):
    status, body = request(node, path)
    assert status == 200, (path, status, body)
    return body.decode()


def test_pages(node):
    assert get(node, "/healthz") == "ok\n"
    assert get(node, "/readyz") == "ok\n"
    metrics = get(node, "/metrics")
    assert metrics.endswith("\n") and "\n# TYPE weir_" in metrics, metrics[:500]
    status, body = request(node, "/metrics", "HEAD")
    assert (status, body) == (200, b"")
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "BREW"):
        assert request(node, "/metrics", method)[0] == 405, method
    for path in ("/", "/metrics/", "/METRICS", "/../metrics", "/" + "x" * 4000):
        assert request(node, path)[0] in (400, 404, 414), path


def test_not_http(node):
    bad = [b"\0" * 1000, b"\xff" * 1000, b"GET", b"GET /metrics", b"\r\n" * 1000,
           b"GET /metrics HTTP/9.9\r\n\r\n", b"GET  HTTP/1.1\r\n\r\n", b"GET /" + b"x" * 100000,
           b"GET /metrics HTTP/1.1\r\n" + b"A: b\r\n" * 100000,
           b"GET /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
           b"GET /metrics HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
           b"POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
           b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"]
    for data in bad:
        answer = talk(node, data)
        assert b" 200 " not in answer.split(b"\r\n")[0] or b"HTTP" in data, (data[:40], answer[:80])
        assert get(node, "/healthz") == "ok\n", data[:40]


def test_early_leavers(node):
    for _ in range(200):
        s = dial(node)
        s.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        s.close()
    eventually(lambda: get(node, "/healthz") == "ok\n", 20, "an answer")


def test_crowd(node):
    """Those who are too many are hung up on; policy and RPC go on, and afterwards all is well."""
    fds = len(node.open_files())
    crowd = [dial(node) for _ in range(10 * CONNECTIONS_MAX)]
    began = time.monotonic()
    node.write_namespace("shop")
    node.wait()
    assert time.monotonic() - began < 10
    eventually(lambda: len(node.open_files()) <= fds + CONNECTIONS_MAX + 2, 20, "the limit")
    for s in crowd:
        s.close()
    eventually(lambda: answers(node), 20, "an answer")


def answers(node):
    try:
        return get(node, "/healthz") == "ok\n"
    except (OSError, IndexError, ValueError):
        return False


def test_slow_ones_are_not_waited_for(node):
    """Who has all connections and says nothing keeps others out for 10 s at most."""
    crowd = [dial(node) for _ in range(CONNECTIONS_MAX)]
    for s in crowd:
        s.send(b"GET /met")
    eventually(lambda: answers(node), 40, "an answer")
    for s in crowd:
        s.close()


def test_port_taken(_):
    with Node("http-taken", start=False) as node:
        taken = node.host.socket(socket.AF_INET)
        taken.bind(("127.0.0.1", PORT))
        taken.listen()
        node.start()  # enforces all the same
        assert "no metrics" in node.log(), node.log()
        assert node.query("status")
        assert node.stop() == 0


def test_other_addresses(_):
    with Node("http-v6", start=False, config={"metrics": f"[::1]:{PORT}"}) as node:
        node.start()
        s = node.host.socket(socket.AF_INET6)
        s.settimeout(20)
        s.connect(("::1", PORT))
        s.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert everything(s).endswith(b"ok\n")
    for wrong in ("localhost:9571", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:99999", "::1:9571"):
        with Node("http-wrong", start=False, config={"metrics": wrong}) as node:
            node.start()
            assert wrong in node.log(), (wrong, node.log())


if __name__ == "__main__":
    main(__file__, [test_pages, test_not_http, test_early_leavers, test_crowd,
                    test_slow_ones_are_not_waited_for, test_port_taken, test_other_addresses])
