# SPDX-License-Identifier: Apache-2.0
"""The API client (reflect.c) with a real API server over HTTP/2: all on one connection, and what
happens when that one is dead though TCP does not say so. And a CRD while the server restarts."""
import contextlib
import socket
import tempfile
import threading

from apiserver import ADMIN_TOKEN, ApiServer
from faults import Follower
from fixture import eventually, main
from netns import inside

NAMESPACES = "/api/v1/namespaces"
THINGS = "/apis/weir.test/v1/things"
CRD = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.weir.test"},
    "spec": {"group": "weir.test", "scope": "Cluster",
             "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
             "versions": [{"name": "v1", "served": True, "storage": True, "schema": {
                 "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]},
}
RESTARTS = 2


class Relay:
    """A load balancer before the server that may forget connections: it takes what comes on
    them, and nothing comes back."""

    def __init__(self, server):
        self.server = server
        self.frozen, self.connections = set(), []
        with inside(server.place.path):
            self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near = self.listener.accept()[0]
                far = self._connect()
                if not far:
                    near.close()
                    continue
                n = len(self.connections)
                self.connections.append((near, far))
                for a, b in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(n, a, b), daemon=True).start()

    def _connect(self):
        with contextlib.suppress(OSError), inside(self.server.place.path):
            return socket.create_connection((self.server.addr, self.server.port))
        return None

    def _pump(self, n, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if n not in self.frozen:
                    sink.sendall(data)
            if n not in self.frozen:
                sink.shutdown(socket.SHUT_WR)

    def freeze(self):
        self.frozen |= set(range(len(self.connections)))

    def close(self):
        self.listener.close()
        for pair in self.connections:
            for s in pair:
                s.close()


class Place:
    """The server, which is the same for all tests, a relay before it, and followers."""

    server = None

    def __init__(self, test):
        Place.server = Place.server or ApiServer(test)
        self.stack = contextlib.ExitStack()
        self.relay = Relay(self.server)
        self.stack.callback(self.relay.close)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()

    def follow(self, path, **args):
        folder = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-t-connection-"))
        f = Follower(folder, self.relay, path=path, user={"token": ADMIN_TOKEN},
                     cluster={"certificate-authority": self.server.ca},
                     popen=self.server.place.popen, **args)
        self.stack.callback(f.close)
        return f

    def add(self, name):
        self.server.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def test_one_connection(place):
    f = place.follow(NAMESPACES)
    eventually(lambda: f.ended and f.state()["current"], 10)
    for n in range(5):
        place.add(f"shop{n}")
        eventually(lambda n=n: f"shop{n}" in f.objects, what="an event")
        assert f.get(f"{NAMESPACES}/shop{n}") == ["200", "0", f"shop{n}"]
    assert len(place.relay.connections) == 1, "a watch and requests share one"


def test_dead_connection(place):
    """A new request would go to the dead connection too, and so would the next watch."""
    f = place.follow(NAMESPACES)
    eventually(lambda: f.ended and f.state()["current"], 10)
    place.add("before")
    eventually(lambda: "before" in f.objects)
    place.relay.freeze()
    place.add("after")
    eventually(lambda: "after" in f.objects, 15, "news on another connection")
    assert f.ended == 1, "no list was needed"
    assert f.get(NAMESPACES + "/after")[0] == "200"
    assert len(place.relay.connections) == 2


def test_restart_with_a_crd(place):
    """A server that starts does not serve its CRDs at first: that is no empty list."""
    place.server.api.create(CRD)
    thing = {"apiVersion": "weir.test/v1", "kind": "Thing", "metadata": {"name": "one"}}

    def created():
        with contextlib.suppress(OSError):
            return place.server.api.request("POST", THINGS, thing)[0] in (201, 409)
    eventually(created, 20, "the collection")
    f = place.follow(THINGS, optional=True)
    eventually(lambda: "one" in f.objects and f.state()["current"], 10)
    for _ in range(RESTARTS):
        place.server.kill()
        eventually(lambda: not f.state()["current"], 10)
        place.server.start()
        eventually(lambda: f.state()["current"], 20)
        assert set(f.objects) == {"one"} and not f.state()["absent"]
    place.server.api.request("DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
                             "things.weir.test")
    eventually(lambda: f.state()["absent"] and not f.objects, 20, "the end of the collection")


if __name__ == "__main__":
    main(__file__, [t for name, t in list(globals().items()) if name.startswith("test_")], Place)
