#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The API client against a server that misbehaves: after each fault the client knows exactly the
objects that the server has, and has not asked more often than it should.

The client is tests/kube/reflect.c, whose times are those of a test: it tries again after 20 ms,
then 40 and so on up to 400, each time +-50 %."""
import contextlib
import email.utils
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
sys.path[:0] = [os.path.join(TOP, "tests/e2e"), os.path.dirname(os.path.abspath(__file__))]

from fixture import Skip, eventually, main  # noqa: E402
from server import PATH, Gone, Pki, Server, expired, hang, raw, status, status_object  # noqa: E402

REFLECT = os.path.join(os.environ.get("top_builddir", "."), "tests/kube/reflect")


def start(*argv, **kwargs):
    return subprocess.Popen(argv, **kwargs)


class Follower:
    """What reflect has heard, put together as its users do."""

    def __init__(self, folder, server, optional=False, user=None, cluster=None, path=PATH,
                 popen=start):
        self.path = os.path.join(folder, "kubeconfig")
        cluster = {"server": server.url, **(cluster or {})}
        with open(self.path, "w", encoding="utf-8") as file:
            json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "c",
                       "contexts": [{"name": "c", "context": {"cluster": "x", "user": "u"}}],
                       "clusters": [{"name": "x", "cluster": cluster}],
                       "users": [{"name": "u", "user": user or {}}]}, file)
        self.objects, self.named = {}, set()
        self.kinds, self.answers, self.began, self.ended, self.relisted = set(), [], 0, 0, 0
        self.states, self.errors = [], []
        self.process = popen(REFLECT, *(["-o"] if optional else []), self.path, path,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            word, _, rest = line.rstrip("\n").partition(" ")
            getattr(self, "_on_" + word)(rest)

    def _on_begin(self, _):
        self.began += 1
        self.named = set()

    def _on_object(self, rest):
        name, version, kind = rest.split(" ")
        self.named.add(name)
        self.kinds.add(kind)
        self.objects[name] = version

    def _on_removed(self, name):
        self.objects.pop(name, None)

    def _on_end(self, _):
        self.ended += 1
        self.objects = {n: v for n, v in self.objects.items() if n in self.named}

    def _on_batch(self, _):
        pass

    def _on_relisted(self, _):
        self.relisted += 1

    def _on_answer(self, rest):
        self.answers.append(rest.split(" ", 2))

    def _on_state(self, rest):
        self.states.append(json.loads(rest))

    def _on_error(self, rest):
        self.errors.append(rest)

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def state(self):
        """The state, with the error in it."""
        n = len(self.errors)
        self.say("state")
        eventually(lambda: len(self.errors) > n, what="a state")
        return dict(self.states[-1], error=self.errors[-1])

    def get(self, path):
        n = len(self.answers)
        self.say("get " + path)
        eventually(lambda: len(self.answers) > n, what="an answer")
        return self.answers[-1]

    def close(self):
        """Stops in the middle of whatever is under way; must leave nothing behind."""
        if self.process.poll() is None:
            self.say("end")
        assert self.process.wait(10) == 0, f"reflect ended with {self.process.returncode}"
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()


class Place:
    """What a test gets in place of a node: a folder, servers and followers."""

    def __init__(self, _name):
        if not os.path.exists(REFLECT):
            raise Skip("tests/kube/reflect is not built")
        if not shutil.which("openssl"):
            raise Skip("needs openssl")
        self.folder = tempfile.mkdtemp(prefix="weir-t-faults-")
        self.servers, self.followers = [], []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            for f in self.followers:
                f.close() if kind is None else f.process.kill()
        finally:
            for s in self.servers:
                s.stop()
            shutil.rmtree(self.folder)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".new", path)
        return path

    def server(self, *names, **args):
        server = Server(**args)
        self.servers.append(server)
        server.put(*names)
        return server

    def follow(self, server, **args):
        self.followers.append(Follower(self.folder, server, **args))
        return self.followers[-1]

    def both(self, *names, **args):
        server = self.server(*names)
        f = self.follow(server, **args)
        same(f, server)
        eventually(lambda: f.state()["current"], what="a watch")
        return server, f


def same(f, server, timeout=5.0):
    """The client knows what the server has, in the form that it has."""
    def is_same():
        with server.changed:
            want = {n: o["metadata"]["resourceVersion"] for n, o in server.objects.items()}
        return f.objects == want and f.ended > 0
    try:
        eventually(is_same, timeout)
    except AssertionError:
        raise AssertionError(f"{f.objects} is not {server.objects}; {f.state()}") from None


def works(f, server):
    """What happens now is heard."""
    server.put("afterwards")
    same(f, server)
    server.delete("afterwards")
    same(f, server)


# --- as it should be ------------------------------------------------------------------------


def test_events(place):
    server, f = place.both("a", "b")
    server.put("a", "c")
    server.delete("b")
    same(f, server)
    works(f, server)
    assert f.kinds == {"Thing"}, f.kinds
    assert (f.began, f.ended) == (1, 1)
    request = server.asked("watch")[0]
    assert request["query"]["allowWatchBookmarks"] == "true"
    assert 45 <= int(request["query"]["timeoutSeconds"]) <= 75
    assert request["headers"]["User-Agent"].startswith("weird/")


def test_pages(place):
    server = place.server(*[f"n{i}" for i in range(23)], page=5)
    f = place.follow(server)
    same(f, server)
    assert len(server.asked("page")) == 4 and f.began == 1
    works(f, server)


def test_get(place):
    server, f = place.both("a")
    assert f.get(PATH + "/a") == ["200", "0", "a"]
    code, _, words = f.get(PATH + "/missing")
    assert code == "404" and words == "HTTP 404: not found", words
    server.fault("get", raw(b"not json"))
    assert "not JSON" in f.get(PATH + "/a")[2]
    server.fault("get", raw(b"[" + b" " * (4 << 20) + b"]"))
    assert "longer" in f.get(PATH + "/a")[2]
    server.fault("get", hang)
    assert f.get(PATH + "/a")[0] == "0"


def test_relist(place):
    server, f = place.both("a")
    f.say("relist")
    f.say("relist")
    eventually(lambda: f.relisted == 2)
    assert 2 <= f.began <= 3  # both by one list, unless it had begun when the second came
    works(f, server)


def test_bookmarks_only(place):
    server, f = place.both("a")
    server.version += 50  # elsewhere
    for n in range(1, 5):
        time.sleep(0.9)  # a watch that says nothing for 3 s is dead
        server.bookmark()
        eventually(lambda n=n: f.state()["bookmarks"] == n)
    assert len(server.asked("watch")) == 1
    server.compacted = server.version
    server.break_connections()
    eventually(lambda: len(server.asked("watch")) == 2)
    assert server.asked("watch")[1]["query"]["resourceVersion"] == "151"
    works(f, server)
    assert f.began == 1


# --- 410 ---------------------------------------------------------------------------------------


def test_gone_at_the_start_of_a_watch(place):
    server = place.server("a")
    server.fault("watch", status(410))
    f = place.follow(server)
    eventually(lambda: f.began == 2)
    same(f, server)
    works(f, server)


def test_gone_later(place):
    server, f = place.both("a", "b")
    server.listener.shutdown()  # what happens now is never seen
    server.break_connections()
    server.put("c")
    server.delete("a")
    server.compact()
    threading.Thread(target=server.listener.serve_forever, args=(0.01,), daemon=True).start()
    same(f, server)
    assert f.began == 2
    works(f, server)


def test_gone_in_the_middle_of_a_watch(place):
    server, f = place.both("a", "b")

    def too_late(handler, _):
        handler.event("ERROR", status_object(410, "Expired"))
        handler.end_stream()
        raise Gone
    server.on_event(too_late)
    server.delete("b")
    same(f, server)
    assert f.began == 2
    works(f, server)


def test_gone_while_paging(place):
    server = place.server(*[f"n{i}" for i in range(9)], page=3)
    server.fault("page", status(410), times=2)
    f = place.follow(server)
    same(f, server)
    assert f.began == 3 and f.ended == 1
    works(f, server)


def test_always_gone_is_no_storm(place):
    server = place.server("a")
    server.fault("watch", expired, times=1000)
    f = place.follow(server)
    time.sleep(2)
    lists = len(server.asked("list"))
    assert 4 <= lists <= 20, lists  # 20 ms, doubled: 5 in 0.6 s, then 400 ms +-50 %
    assert "410" in f.state()["error"] or "too old" in f.state()["error"]
    server.faults.clear()
    same(f, server)
    works(f, server)


# --- streams that break --------------------------------------------------------------------------


def test_half_lines(place):
    server, f = place.both("a")

    def halves(handler, line):
        handler.chunk(line[:7])
        time.sleep(0.2)
        handler.chunk(line[7:-1])
        time.sleep(0.2)
        handler.chunk(line[-1:])
    server.on_event(halves)
    server.put("b")
    same(f, server)
    assert len(server.asked("watch")) == 1
    works(f, server)


def test_trickle(place):
    server, f = place.both("a")

    def trickle(handler, line):
        for i in range(len(line)):
            handler.chunk(line[i:i + 1])
            time.sleep(0.005)
    server.on_event(trickle)
    server.put("b", "c")
    same(f, server)
    assert f.began == 1 and len(server.asked("watch")) == 1


def test_many_events_in_one_piece(place):
    server, f = place.both("a")

    def together(handler, line):
        time.sleep(0.1)
        handler.chunk(line * 1000)
    server.on_event(together)
    server.put("b")
    same(f, server)
    eventually(lambda: f.state()["events"] == 1000)
    works(f, server)


def test_disconnect_in_the_middle_of_an_event(place):
    server, f = place.both("a")
    time.sleep(0.25)

    def cut(handler, line):
        handler.chunk(line[:len(line) // 2])
        raise Gone
    server.on_event(cut)
    server.put("b")
    same(f, server)
    time.sleep(0.05)
    server.on_event(cut, cut, cut)
    server.delete("a")
    same(f, server)
    assert f.began == 1, "a disconnect is no reason for a list"
    assert server.asked("watch")[1]["query"]["resourceVersion"] == "101"
    works(f, server)


def test_disconnect_in_the_middle_of_a_list(place):
    server = place.server("a", "b")

    def half(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "5000")
        handler.end_headers()
        handler.wfile.write(b'{"metadata":{"resourceVersion":"5"},"items":[{"metadata":{"name":"old"}}')
        raise Gone
    server.fault("list", half, times=2)
    f = place.follow(server)
    same(f, server)
    assert f.began == 3 and f.ended == 1
    works(f, server)


def bad_event(place, line, lists=2):
    server, f = place.both("a")
    server.on_event(lambda handler, _: handler.chunk(line))
    server.put("b")
    server.delete("a")
    same(f, server)
    assert f.began == lists, f.began
    works(f, server)
    return f


def test_garbage_in_a_watch(place):
    for line in (b"no json\n", b'{"type":"ADDED","object":{"metadata":{"name":"x","resourceVersion":"9"}}} x\n',
                 b'{"type":"ADDED","object":[]}\n', b'{"object":{}}\n', b"\0\n", b"[" * 5000 + b"\n"):
        bad_event(place, line)


def test_event_without_metadata(place):
    bad_event(place, b'{"type":"ADDED","object":{"kind":"Thing"}}\n')
    bad_event(place, b'{"type":"DELETED","object":{"metadata":{"name":"a"}}}\n')


def test_unknown_event_is_passed_over(place):
    server, f = place.both("a")

    def unknown(handler, line):
        handler.event("PONDERED", {"metadata": {"name": "x", "resourceVersion": "999"}})
        handler.chunk(b"\n\n" + line)
    server.on_event(unknown)
    server.put("b")
    same(f, server)
    assert f.began == 1 and f.state()["unknown"] == 1


def test_huge_line(place):
    server, f = place.both("a")

    def huge(handler, _):
        for _ in range(17):
            handler.chunk(b"x" * (1 << 20))
    server.on_event(huge)
    server.put("b")
    same(f, server)
    assert f.began == 2
    works(f, server)


def test_large_object(place):
    server, f = place.both("a")
    server.put("b", data="y" * (3 << 20))
    same(f, server)
    assert f.began == 1


def test_garbage_in_a_list(place):
    """Each would be an empty list, and all policies gone, to a reader that is not careful."""
    server = place.server("a", "b")
    f = place.follow(server)
    same(f, server)
    meta = b'"metadata":{"resourceVersion":"7"}'
    broken = [b"", b"no json", b"{}", b"[]", b"<html></html>", b"{" + meta + b"}",
              b'{"items":[]}', b"{" + meta + b',"items":["a"]}', b"{" + meta + b',"items":{}}',
              b"{" + meta + b',"items":[{"metadata":}]}', b"{" + meta + b',"items":[',
              b"{" + meta + b',"items":[]}}', b'{"items":[],"metadata":{"resourceVersion":7}}',
              json.dumps(status_object(200, "x")).encode()]
    for body in broken:
        server.fault("list", raw(body))
    before = f.ended
    f.say("relist")
    eventually(lambda: not server.faults, 15)
    eventually(lambda: f.relisted == 1)
    assert f.ended == before + 1, "a list that is none was believed"
    same(f, server)
    works(f, server)


def test_item_without_metadata(place):
    server = place.server("a")
    server.fault("list", raw(b'{"metadata":{"resourceVersion":"101"},"items":[{},{"metadata":null},'
                             b'{"metadata":{"name":"a","resourceVersion":"101"}}]}'))
    f = place.follow(server)
    eventually(lambda: f.ended == 1)
    assert f.objects == {"-": "-", "a": "101"}
    server.put("b")
    eventually(lambda: "b" in f.objects)


# --- servers that are busy, broken or away ------------------------------------------------------


def pause(server, what, n=0):
    """Seconds between request n of this sort and the next."""
    eventually(lambda: len(server.asked(what)) > n + 1)
    times = [r["time"] for r in server.asked(what)]
    return times[n + 1] - times[n]


def test_retry_after_seconds(place):
    server = place.server("a")
    server.fault("list", status(429, {"Retry-After": "1"}))
    f = place.follow(server)
    same(f, server)
    assert 1.0 <= pause(server, "list") < 1.3


def test_retry_after_date(place):
    """By the server's clock, which is two hours ahead."""
    ahead = time.time() + 7200
    server = place.server("a")
    server.fault("list", status(503, {"Retry-After": email.utils.formatdate(ahead + 1, usegmt=True),
                                      "Date": email.utils.formatdate(ahead, usegmt=True)}))
    server.fault("watch", status(429, {"Retry-After": email.utils.formatdate(ahead - 60, usegmt=True),
                                       "Date": email.utils.formatdate(ahead, usegmt=True)}))
    server.fault("watch", status(429, {"Retry-After": "soon"}))
    server.fault("watch", status(429, {"Retry-After": "-5"}))
    f = place.follow(server)
    same(f, server)
    assert 1.0 <= pause(server, "list") < 1.3
    for n in range(3):
        assert pause(server, "watch", n) < 1.0, "a date in the past, or none"
    works(f, server)


def test_retry_after_is_told(place):
    server, f = place.both("a")
    server.fault("get", status(429, {"Retry-After": "7"}))
    assert f.get(PATH + "/a")[:2] == ["429", "7000"]
    server.fault("get", status(503, {"Retry-After": "99999999999999999999"}))
    assert f.get(PATH + "/a")[:2] == ["503", "300000"], "bounded"


def test_errors_of_the_server(place):
    for code in (500, 429, 403):
        server = place.server("a")
        server.fault("list", status(code, message=f"fault {code}"), times=2)
        server.fault("watch", status(code), times=2)
        f = place.follow(server)
        told = eventually(lambda: (state := f.state())["error"] and state)
        assert not told["current"] and f"HTTP {code}: fault {code}" == told["error"], told
        same(f, server)
        works(f, server)
        assert f.began == 3 and f.state()["error"] == "", "a watch that fails is no reason for a list"


def test_away(place):
    """The server is off: few requests, at different times, nothing forgotten, no list after it."""
    server, f = place.both("a", "b")
    time.sleep(0.25)
    server.stop()
    attempts = []
    with socket.create_server(server.address) as port:
        port.settimeout(0.05)
        end = time.monotonic() + 3.5
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                port.accept()[0].close()
                attempts.append(time.monotonic())
    state = f.state()
    assert not state["current"] and state["listed"] and state["error"] and state["silentMs"] > 3000
    assert set(f.objects) == {"a", "b"} and f.began == 1
    # 20 ms doubled: 5 tries in 0.6 s, then one in 200..600 ms; libcurl may try twice
    assert 7 <= len(attempts) <= 40, len(attempts)
    gaps = [b - a for a, b in zip(attempts[5:], attempts[6:])]
    assert max(gaps) - min(gaps) > 0.02, f"no jitter: {gaps}"
    server.put("c")
    server.delete("a")
    server.start()
    same(f, server)
    assert f.began == 1
    works(f, server)


def test_silent_servers(place):
    """A server that takes the request and says nothing, at each step."""
    server = place.server("a")
    server.fault("list", hang)
    server.fault("watch", hang)
    f = place.follow(server)
    same(f, server, 8)
    eventually(lambda: f.state()["current"], 8)
    assert 1.8 <= pause(server, "list") <= 4.5 and 1.8 <= pause(server, "watch") <= 4.5
    works(f, server)


def test_dead_watch(place):
    """One that was open and says nothing, not even bookmarks."""
    server, f = place.both("a")

    def nothing(handler, _):
        hang(handler)
    server.on_event(nothing)
    server.put("b")
    same(f, server, 8)
    assert f.began == 1
    works(f, server)


# --- credentials -------------------------------------------------------------------------------


def test_token_rotates(place):
    server = place.server("a")
    server.token = "one"
    path = place.write("token", "one\n")
    f = place.follow(server, user={"tokenFile": path})
    same(f, server)
    server.token = "two"
    server.break_connections()
    eventually(lambda: "401" in f.state()["error"])
    assert not f.state()["current"] and set(f.objects) == {"a"}
    server.put("b")
    place.write("token", "two")
    same(f, server)
    assert f.began == 1
    works(f, server)
    os.unlink(path)
    server.break_connections()
    eventually(lambda: path in f.state()["error"])
    place.write("token", "two")
    works(f, server)


def tls(place):
    pki = Pki(place.folder)
    pki.sign("server", "server", "IP:127.0.0.1,DNS:weir.test")
    return pki, place.server("a", pki=pki)


def test_client_certificate(place):
    """It is replaced while connections with the old one are open: they are not used again."""
    pki, server = tls(place)
    for name in ("one", "two"):
        pki.sign(name, name)
    for kind in ("crt", "key"):
        shutil.copy(pki.path("one." + kind), pki.path("me." + kind))
    server.subject = "one"
    f = place.follow(server, cluster={"certificate-authority": "ca.crt"},
                     user={"client-certificate": "me.crt", "client-key": "me.key"})
    same(f, server)
    assert f.get(PATH + "/a")[0] == "200"
    for kind in ("crt", "key"):
        shutil.copy(pki.path("two." + kind), pki.path("me." + kind))
    server.subject = "two"
    assert f.get(PATH + "/a")[0] == "200", f.answers[-1]
    works(f, server)


def test_authorities(place):
    pki, server = tls(place)
    Pki(place.folder, "other")
    shutil.copy(pki.path("other.crt"), pki.path("trust.crt"))
    f = place.follow(server, cluster={"certificate-authority": "trust.crt"})
    eventually(lambda: "certificate" in f.state()["error"])
    assert not server.requests, "nothing is said to a server that nobody trusts"
    shutil.copy(pki.path("ca.crt"), pki.path("trust.crt"))
    same(f, server)
    works(f, server)


def test_name_in_certificate(place):
    pki, server = tls(place)
    pki.sign("named", "named", "DNS:weir.test")
    server.context = pki.context("named")
    f = place.follow(server, cluster={"certificate-authority": "ca.crt"})
    eventually(lambda: "SSL" in f.state()["error"] or "certificate" in f.state()["error"])
    assert not server.requests
    f = place.follow(server, cluster={"certificate-authority": "ca.crt", "tls-server-name": "weir.test"})
    same(f, server)
    works(f, server)


# --- a collection that comes and goes -----------------------------------------------------------


def test_collection_appears_and_vanishes(place):
    server = place.server()
    server.exists = False
    f = place.follow(server, optional=True)
    eventually(lambda: f.state()["absent"])
    assert f.state()["current"] and f.ended == 1
    f.say("relist")
    eventually(lambda: f.relisted == 1)
    server.exists = True
    server.put("a", "b")
    same(f, server)
    assert not f.state()["absent"]
    works(f, server)
    server.remove_collection()
    same(f, server)
    eventually(lambda: f.state()["absent"])
    server.exists = True
    server.put("c")
    same(f, server)
    works(f, server)


def test_server_that_is_not_ready(place):
    """One that starts says 404 until it has read its CRDs: nothing is forgotten for that."""
    server, f = place.both("a", optional=True)
    server.exists = server.ready = False
    server.break_connections()
    eventually(lambda: len(server.asked("ready")) >= 3)
    assert set(f.objects) == {"a"} and f.ended == 1
    assert "not ready" in f.state()["error"]
    server.exists = server.ready = True
    works(f, server)


def test_not_found_is_an_error_when_not_optional(place):
    server, f = place.both("a")
    server.exists = False
    server.break_connections()
    eventually(lambda: "404" in f.state()["error"])
    assert set(f.objects) == {"a"}
    server.exists = True
    works(f, server)


if __name__ == "__main__":
    main(__file__, [t for name, t in list(globals().items()) if name.startswith("test_")], Place)
