# SPDX-License-Identifier: Apache-2.0
"""weirctl on a terminal, against a daemon that is played by this script.

What needs a terminal and a misbehaving daemon is tested here: the live
stream, resize, Ctrl-C, a daemon that goes away, errors. What weird really
answers is tested in tests/e2e/weirctl.py.
"""
import fcntl
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

try:
    import zmq
except ImportError:
    print("skip: needs python3-zmq")
    sys.exit(77)

WEIRCTL = os.path.join(os.environ.get("top_builddir", "."), "cli", "weirctl")


class FakeDaemon:
    """Answers RPC from a table of results and publishes what it is told."""

    def __init__(self):
        self.dir = tempfile.TemporaryDirectory(prefix="weirctl-test-")
        self.rpc = self.dir.name + "/weird.sock"
        self.flows = "ipc://" + self.dir.name + "/flows.sock"
        self.history = []
        self.raw = None  # bytes sent in place of a reply
        self.asked = []
        self._listen = socket.socket(socket.AF_UNIX)
        self._listen.bind(self.rpc)
        self._listen.listen()
        self.publish_start()
        threading.Thread(target=self._serve, daemon=True).start()

    def publish_start(self):
        self._pub = zmq.Context.instance().socket(zmq.XPUB)
        self._pub.setsockopt(zmq.LINGER, 0)
        self._pub.bind(self.flows)

    def publish_stop(self):
        self._pub.close()

    def wait_subscribed(self):
        assert self._pub.poll(5000), "nobody subscribed"
        return self._pub.recv()[1:].decode()

    def publish(self, record, topics=None, number=None):
        ends = [record.get(k, {}).get("namespace") for k in ("src", "dst")]
        for topic in topics or dict.fromkeys(f"ns.{n}" for n in ends if n):
            frames = [topic.encode(), json.dumps(record).encode()]
            self._pub.send_multipart(frames + ([str(number).encode()] if number else []))

    def _serve(self):
        while True:
            conn, _ = self._listen.accept()
            threading.Thread(target=self._talk, args=(conn,), daemon=True).start()

    def _talk(self, conn):
        with conn:
            head = conn.recv(4, socket.MSG_WAITALL)
            if len(head) < 4:
                return
            request = json.loads(conn.recv(struct.unpack("!I", head)[0], socket.MSG_WAITALL))
            self.asked.append(request)
            if self.raw is not None:
                conn.sendall(self.raw)
                return
            reply = json.dumps({"version": 1, **self._answer(request)}).encode()
            conn.sendall(struct.pack("!I", len(reply)) + reply)

    def _answer(self, request):
        if request["method"] == "status":
            return {"result": {"publisher": {"addresses": [self.flows]}}}
        if request["method"] == "flows":
            return {"result": {"records": self.history}}
        return {"error": {"code": 102, "msg": "no such thing", "details": "try another"}}


def record(seq, src="shop/web", dst="shop/db", **more):
    ends = []
    for end in (src, dst):
        namespace, _, pod = end.partition("/")
        ends.append({"addr": "10.0.0.1", "port": 5432, "namespace": namespace, "pod": pod} if pod
                    else {"addr": end, "port": 5432})
    return {"seq": seq, "time": 1_700_000_000_123_000_000 + seq, "start": 1_700_000_000_000_000_000,
            "type": "open", "verdict": "allowed", "protocol": "TCP", "src": ends[0],
            "dst": ends[1], "connections": 1, "why": "rule 0 of NetworkPolicy shop/db", **more}


class Terminal:
    """weirctl on a pty of so many columns; collects what it shows."""

    def __init__(self, daemon, *args, columns=120, env=None):
        self.master, slave = pty.openpty()
        self.resize(columns)
        # a terminal of its own, so that Ctrl-C (the tty's SIGINT) is real
        self.process = subprocess.Popen(
            [WEIRCTL, "--socket", daemon.rpc, *args], stdin=slave, stdout=slave, stderr=slave,
            env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", "NO_COLOR": "", **(env or {})},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.text = ""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            self.text += data.decode()

    def resize(self, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))

    def wait_for(self, text, timeout=5.0):
        end = time.monotonic() + timeout
        while text not in self.plain():
            assert time.monotonic() < end, f"{text!r} did not come; screen:\n{self.text}"
            time.sleep(0.01)

    def plain(self):
        return re.sub(r"\x1b\[[0-9;]*m", "", self.text).replace("\r", "")

    def lines(self):
        return self.plain().splitlines()

    def press_ctrl_c(self):
        os.write(self.master, b"\x03")
        return self.process.wait(5)

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(5)


def test_live(daemon):
    daemon.history = [record(1, dst="shop/old")]
    t = Terminal(daemon, "flows", "-f")
    assert daemon.wait_subscribed() == "ns."
    t.wait_for("shop/old")
    daemon.publish(record(1, dst="shop/old"))  # came in the history and live: shown once
    daemon.publish(record(2))  # both ends in one namespace: one topic
    daemon.publish(record(3, src="shop/web", dst="bank/vault", verdict="denied", type="denied",
                          connections=7, why="isolated for ingress by bank/deny"))  # two topics
    daemon.publish(record(4, type="update", dst="shop/quiet"))
    daemon.publish({"seq": 5, "time": 1, "type": "gap", "lost": 42, "lostAt": "conntrack"},
                   topics=["ns.shop"])
    daemon.publish(record(6, type="end", end="fin", bytes=[300, 123456]))
    t.wait_for("ended")
    lines = t.lines()
    assert [w for w in ("TIME", "VERDICT", "SOURCE", "DESTINATION", "PORT", "WHY")
            if w not in lines[0]] == [], lines[0]
    assert sum("shop/old" in line for line in lines) == 1, t.plain()
    denied = [line for line in lines if "bank/vault" in line]
    assert len(denied) == 1, t.plain()
    assert re.search(r"denied +shop/web +bank/vault +5432/tcp +isolated for ingress by bank/deny"
                     r" \(7 times\)", denied[0]), denied[0]
    assert "--- gap: 42 records were lost (conntrack)" in lines, t.plain()
    assert not any("shop/quiet" in line for line in lines)
    ended = next(line for line in lines if "ended" in line)
    assert "300 B out" in ended and "123 kB in" in ended, ended
    assert "\x1b[1;31mdenied" in t.text, "denied stands out on a terminal"
    assert t.press_ctrl_c() == 0


def test_holes_are_shown(daemon):
    t = Terminal(daemon, "flows", "-f")
    daemon.wait_subscribed()
    daemon.publish(record(10), number=4)  # the first tells where the topic stands
    daemon.publish(record(11, src="bank/a", dst="bank/b"), number=900)  # a topic of its own
    daemon.publish(record(12), number=5)
    daemon.publish(record(30, dst="shop/late"), number=13)
    daemon.publish(record(31, dst="shop/anew"), number=1)  # weird was started anew
    t.wait_for("shop/anew")
    gaps = [line for line in t.lines() if "gap" in line]
    assert gaps == ["--- gap: 7 records were lost (subscriber)"], t.plain()
    t.close()


def test_columns_stay_aligned(daemon):
    t = Terminal(daemon, "flows", "-f", columns=140)
    daemon.wait_subscribed()
    daemon.publish(record(1, src="shop/a-rather-long-name"))
    daemon.publish(record(2))
    daemon.publish(record(3, src="192.0.2.1"))
    t.wait_for("192.0.2.1")
    at = {line.index("5432/tcp") for line in t.lines() if "5432/tcp" in line}
    assert len(at) == 1, t.plain()
    t.close()


def test_resize(daemon):
    t = Terminal(daemon, "flows", "-f", columns=200)
    daemon.wait_subscribed()
    why = "isolated for ingress by " + ", ".join(f"shop/policy-{i}" for i in range(6))
    daemon.publish(record(1, why=why))
    t.wait_for("policy-5")
    t.resize(80)
    time.sleep(0.2)
    before = len(t.lines())
    daemon.publish(record(2, src="shop/" + "x" * 60, why=why))
    t.wait_for("xxxx")
    time.sleep(0.1)
    after = t.lines()[before:]
    assert after and all(len(line) <= 80 for line in after), after
    t.close()


def test_daemon_goes_and_comes(daemon):
    t = Terminal(daemon, "flows", "-f")
    daemon.wait_subscribed()
    daemon.publish_stop()
    t.wait_for("weird has gone")
    daemon.publish_start()
    t.wait_for("weird is back")
    daemon.wait_subscribed()
    daemon.publish(record(1, dst="shop/after"))
    t.wait_for("shop/after")
    assert t.press_ctrl_c() == 0


def test_filters(daemon):
    t = Terminal(daemon, "flows", "-f", "--pod", "shop/db", "--verdict", "denied")
    assert daemon.wait_subscribed() == "ns.shop"
    daemon.publish(record(1, dst="shop/db"))
    daemon.publish(record(2, dst="shop/cache", verdict="denied"))
    daemon.publish(record(3, dst="shop/db", src="bank/x", verdict="denied"))
    daemon.publish(record(4, dst="shop2/db", src="shop2/y", verdict="denied"))  # same prefix
    daemon.publish(record(5, dst="shop/db", src="shop/last", verdict="denied"))
    t.wait_for("shop/last")
    assert [line.split()[2] for line in t.lines()[1:]] == ["bank/x", "shop/last"], t.plain()
    asked = next(r for r in daemon.asked if r["method"] == "flows")["params"]
    assert asked["namespace"] == "shop" and asked["pod"] == "db" and asked["verdict"] == "denied"
    t.close()


def test_hostile_names(daemon):
    t = Terminal(daemon, "flows", "-f")
    daemon.wait_subscribed()
    daemon.publish(record(1, why="\x1b]0;owned\x07\x1b[2J", dst="shop/end"))
    t.wait_for("shop/end")
    assert "\x1b]0" not in t.text and "\x1b[2J" not in t.text
    t.close()


def run(daemon, *args):
    return subprocess.run([WEIRCTL, "--socket", daemon.rpc, *args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=20)


def test_ndjson(daemon):
    daemon.history = [record(1, flow=2**64 - 1), record(2, why='a "quoted" } \\ ] reason')]
    done = run(daemon, "-o", "json", "flows")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert records == daemon.history, "exactly as it came, numbers beyond 2^53 too"
    assert "\x1b" not in done.stdout


def test_pipe_is_plain_and_whole(daemon):
    why = "x" * 300
    daemon.history = [record(1, why=why)]
    done = run(daemon, "flows")
    assert why in done.stdout and "\x1b" not in done.stdout and done.returncode == 0


def test_no_color(daemon):
    daemon.history = [record(1, verdict="denied")]
    t = Terminal(daemon, "flows", env={"NO_COLOR": "1"})
    t.process.wait(5)
    t.wait_for("denied")
    assert "\x1b" not in t.text


def test_errors(daemon):
    done = run(daemon, "dump")
    assert done.returncode == 2 and "no such thing: try another" in done.stderr, done.stderr
    daemon.raw = struct.pack("!I", 2) + b"[]"
    done = run(daemon, "status")
    assert done.returncode == 2 and "not weird" in done.stderr, done.stderr
    daemon.raw = b""
    done = run(daemon, "status")
    assert done.returncode == 2 and daemon.rpc in done.stderr, done.stderr
    daemon.rpc += ".not-there"
    done = run(daemon, "status")
    assert done.returncode == 2 and "systemctl status weird" in done.stderr, done.stderr


def main():
    failed = 0
    tests = [t for name, t in globals().items() if name.startswith("test_")]
    for test in tests:
        daemon = FakeDaemon()
        try:
            test(daemon)
            print("ok  ", test.__name__)
        except (AssertionError, subprocess.TimeoutExpired) as e:
            failed += 1
            print("FAIL", test.__name__, e)
        finally:
            daemon.publish_stop()
    print(f"{len(tests) - failed} passed, {failed} failed, 0 skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
