# SPDX-License-Identifier: Apache-2.0
"""docs/examples/subscribe.py, run as a reader of the documents would run it."""
import os
import subprocess
import sys

from fixture import Skip, eventually, main

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
EXAMPLE = os.path.join(TOP, "docs", "examples", "subscribe.py")


class Example:
    """The running example; said() is what it has printed."""

    def __init__(self, node, namespace):
        self.path = node.path(f"example-{namespace}.out")
        with open(self.path, "w") as out:
            self.process = subprocess.Popen([sys.executable, "-u", EXAMPLE, namespace, node.flows_address],
                                            stdout=out, stderr=subprocess.STDOUT)

    def said(self):
        with open(self.path) as f:
            return f.read()

    def close(self):
        self.process.kill()
        self.process.wait()


def test_example_prints_what_happens(node):
    try:
        import msgpack  # noqa: F401
        import zmq  # noqa: F401
    except ImportError:
        raise Skip("needs python3-zmq and python3-msgpack") from None
    client = node.add_pod("shop", "client", {"app": "client"})
    server = node.add_pod("shop", "server", {"app": "server"})
    server.listen(80)
    node.write_manifest("web", {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                                "metadata": {"namespace": "shop", "name": "web"},
                                "spec": {"podSelector": {"matchLabels": {"app": "server"}},
                                         "ingress": [{"ports": [{"port": 80}]}]}})
    node.wait()
    people, collector = Example(node, "shop"), Example(node, "")

    def seen():
        client.reach(server.addr(4), 80, timeout=0.2)
        client.reach(server.addr(4), 81, timeout=0.05)
        text = people.said()
        return "open allowed shop/client shop/server 80" in text and \
            "denied denied shop/client shop/server 81" in text and "isolated" in text and \
            "records from" in collector.said()
    try:
        eventually(seen, 10, "an allowed and a denied connection, with names and reasons")
        assert "lost" not in people.said() + collector.said()
    finally:
        people.close()
        collector.close()
    assert len(open(EXAMPLE).read().splitlines()) < 40


if __name__ == "__main__":
    main(__file__, [test_example_prints_what_happens])
