# SPDX-License-Identifier: Apache-2.0
"""A weir-hub of its own for a test: free ports, a folder that goes away, people, nodes.

    with Hub() as hub:
        node = hub.node("c1", "n1")
        node.send([flow(...), ...])
        hub.get("admin", "/v1/flows", limit=10)
"""
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse

BUILD = os.path.abspath(os.environ.get("top_builddir", os.getcwd()))
TOP = os.path.abspath(os.environ.get(
    "top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")))
HUB = os.environ.get("WEIR_HUB", os.path.join(BUILD, "hub/weir-hub"))
NODE = os.path.join(BUILD, "tests/hub/node")


# user -> the namespace of which they may see the flows; None: everything
PEOPLE = {"admin": None, "ns-shop": "shop", "ns-mail": "mail", "ns-none": "none"}


def token_of(who):
    return f"weir_{who}_" + "x" * 32


def private(path, flags):
    return os.open(path, flags, 0o600)


def free_ports(n):
    """Free a moment ago; all bound at once, so that they differ."""
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def wait_for(what, condition, seconds=20):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.text = response.read().decode()

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def lines(self):
        return [json.loads(line) for line in self.text.splitlines() if line]


class Node:
    """tests/hub/node: enrolled, connected, sends what it is told."""

    def __init__(self, hub, cluster, name):
        token = hub.post("admin", "/v1/enrolments", {"cluster": cluster}).json["token"]
        self.hub = hub
        self.sent = self.acked = 0
        self.process = subprocess.Popen([NODE, token, name], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        os.set_blocking(self.process.stdout.fileno(), False)

    def send(self, flows, wait=True):
        for flow in flows:
            self.process.stdin.write(json.dumps(flow) + "\n")
        self.process.stdin.flush()
        self.sent += len(flows)
        if wait:
            wait_for("all flows are stored", self.is_stored, 60)

    def is_stored(self):
        if self.process.poll() is not None:
            raise AssertionError("the node has ended")
        if self.hub.process.poll() is not None:
            raise AssertionError(f"weir-hub has ended: {self.hub.log_text()}")
        for line in self.process.stdout.readlines():
            self.acked = max(self.acked, int(line.split()[1]))
        return self.acked >= self.sent

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


class Hub:
    def __init__(self, **flags):
        self.folder = tempfile.mkdtemp(prefix="weir-t-hub-")
        self.port, self.metrics_port, link = free_ports(3)
        self.nodes = []
        self.write_access()
        self.flags = {
            "config": "/dev/null", "state-dir": f"{self.folder}/state",
            "store-path": f"{self.folder}/flows", "access-file": f"{self.folder}/access.yaml",
            "access-audit": f"{self.folder}/audit.log",
            "http-address": f"127.0.0.1:{self.port}",
            "metrics-address": f"127.0.0.1:{self.metrics_port}",
            "listen": f"tcp://127.0.0.1:{link}", "address": f"tcp://127.0.0.1:{link}",
            "join-window": "50ms", "join-commit": "20ms",
            **{k.replace("_", "-"): v for k, v in flags.items()},
        }
        self.process = self.tls = None

    def write_access(self, people=PEOPLE):
        """Each with a token of their name; None: all rights, else who may see a namespace."""
        bindings = [{"role": "organisation-admin", "users": [who]} if namespace is None else
                    {"role": "namespace-viewer", "users": [who], "clusters": ["*"],
                     "namespaces": [namespace]} for who, namespace in people.items()]
        tokens = [{"user": who, "hash": "sha256:" + hashlib.sha256(
            token_of(who).encode()).hexdigest()} for who in people]
        with open(f"{self.folder}/access.yaml", "w", opener=private) as f:
            json.dump({"bindings": bindings, "tokens": tokens}, f)

    def start(self):
        self.log = open(f"{self.folder}/log", "a+")
        self.process = subprocess.Popen(
            [HUB] + [f"--{k}={v}" for k, v in self.flags.items()], stderr=self.log,
            # with AddressSanitizer: memory that was freed is soon used again, as ever
            env={**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") +
                 ":quarantine_size_mb=1"})
        wait_for("the hub is ready", self.is_ready)

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"weir-hub has ended: {self.log_text()}")
        try:
            return self.get(None, "/readyz").status == 200
        except OSError:
            return False

    def log_text(self):
        with open(f"{self.folder}/log") as f:
            return f.read()

    def reload(self, says="was read again"):
        before = self.log_text().count(says)
        self.process.send_signal(signal.SIGHUP)
        wait_for("the hub has read access.yaml", lambda: self.log_text().count(says) > before)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        assert status == 0, f"weir-hub ended with {status}: {self.log_text()}"

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.clean_up()
            raise
        return self

    def __exit__(self, *_):
        self.clean_up()

    def clean_up(self):
        for node in self.nodes:
            if node.process.poll() is None:
                node.process.kill()
                node.process.wait()
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        elif self.process and self.process.returncode:
            print(f"weir-hub ended with {self.process.returncode}:\n{self.log_text()[-4000:]}")
        shutil.rmtree(self.folder, ignore_errors=True)

    def node(self, cluster, name):
        self.nodes.append(Node(self, cluster, name))
        return self.nodes[-1]

    # --- HTTP ---------------------------------------------------------------------------

    def connection(self):
        if self.tls:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30,
                                               context=self.tls)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def use_tls(self):
        """A certificate of its own, which it trusts."""
        self.flags["http-certificate"] = f"{self.folder}/tls.crt"
        self.flags["http-key"] = f"{self.folder}/tls.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=hub",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                        self.flags["http-key"], "-out", self.flags["http-certificate"]],
                       check=True, capture_output=True)
        self.tls = ssl.create_default_context(cafile=self.flags["http-certificate"])
        return self

    def request(self, who, method, path, params=(), body=None, headers=None, raw=None):
        query = raw if raw is not None else urllib.parse.urlencode(params, doseq=True)
        headers = dict(headers or {})
        if who:
            headers["Authorization"] = f"Bearer {token_of(who)}"
        c = self.connection()
        try:
            c.request(method, path + ("?" + query if query else ""), body, headers)
            return Answer(c.getresponse())
        finally:
            c.close()

    def get(self, who, path, params=None, ndjson=False, **more):
        headers = {"Accept": "application/x-ndjson"} if ndjson else {}
        return self.request(who, "GET", path, params if params is not None else more,
                            headers=headers)

    def post(self, who, path, body):
        return self.request(who, "POST", path, body=json.dumps(body))

    def metrics(self):
        c = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=30)
        c.request("GET", "/metrics")
        text = c.getresponse().read().decode()
        c.close()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in text.splitlines() if not line.startswith("#")}


def main(tests):
    failed = 0
    for test in tests:
        started = time.monotonic()
        try:
            test()
            print(f"ok   {test.__name__} ({time.monotonic() - started:.1f} s)")
        except Exception:
            import traceback
            traceback.print_exc()
            print(f"FAIL {test.__name__}")
            failed += 1
    sys.exit(1 if failed else 0)
