# SPDX-License-Identifier: Apache-2.0
"""A real kube-apiserver with its etcd, in a network namespace of their own.

    with ApiServer("mytest") as server:
        server.attach(node.host)            # reachable from there as server.url
        server.api.apply({...})             # client.py, as administrator
        server.kill(); server.start()       # what it knew is still there
        server.token("kube-system", "weird")

RBAC is on; no controllers run. Binaries: build-aux/apiserver.
"""
import atexit
import base64
import contextlib
import datetime
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
sys.path[:0] = [os.path.join(TOP, "tests/e2e"), os.path.dirname(os.path.abspath(__file__))]

from client import Client  # noqa: E402
from fixture import Skip, need_root, reap_dead  # noqa: E402
from netns import Place, inside, run  # noqa: E402

ADDR = "10.123.0.1"
PORT = 6443
ETCD = "http://127.0.0.1:2379"
ADMIN_TOKEN = "the-administrator"
SHM = "/dev/shm"
ROOM = 1 << 30  # bytes that etcd and the logs may take


def binaries():
    """The paths of kube-apiserver and etcd."""
    done = subprocess.run([os.path.join(TOP, "build-aux/apiserver"), "--find"],
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Skip(done.stdout.strip())
    return done.stdout.split("\n")[:2]


def make_folder(prefix):
    """In memory when there is room: a disk's fsync() is not what is tested."""
    where = None
    with contextlib.suppress(OSError):
        stat = os.statvfs(SHM)
        where = SHM if stat.f_bavail * stat.f_frsize > ROOM else None
        for name in os.listdir(SHM):  # of tests that were killed
            found = re.match(r"weir-t-.*?-(\d+)-", name)
            if found and not os.path.exists(f"/proc/{found.group(1)}"):
                shutil.rmtree(os.path.join(SHM, name), ignore_errors=True)
    return tempfile.mkdtemp(prefix=prefix, dir=where)


class ApiServer:
    """flags: more arguments of kube-apiserver. start=False leaves it off."""

    def __init__(self, test, flags=(), start=True):
        need_root()
        reap_dead()
        self.server, self.etcd = binaries()
        self.flags = list(flags)
        name = f"weir-t-{test}-{os.getpid()}-api"
        self.dir = make_folder(name + "-")
        self.place = Place(name)
        self.processes = {}
        self.links = 0
        self.starts = []  # times (began, ready)
        atexit.register(self.close)
        self.place.create({"net.ipv4.ip_forward": 0})
        self.place.run("ip", "addr", "add", f"{ADDR}/32", "dev", "lo")
        self.addr, self.port = ADDR, PORT
        self.url = f"https://{ADDR}:{PORT}"
        self.ca = self.path("ca.crt")
        self._certificates()
        self._tokens()
        self._audit_policy()
        self.api = Client(self.place, ADDR, PORT, self.ca, ADMIN_TOKEN)
        if start:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            sys.stderr.write("--- kube-apiserver, the end of its log\n" + self.log()[-3000:])
        self.close()

    def path(self, name):
        return os.path.join(self.dir, name)

    # --- what it needs to start

    def _certificates(self):
        def openssl(*argv):
            run("openssl", *argv, cwd=self.dir)

        with open(self.path("san"), "w") as f:
            f.write(f"subjectAltName=IP:{ADDR},IP:127.0.0.1,IP:10.96.0.1,DNS:kubernetes.default.svc\n")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=test-ca")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=kube-apiserver")
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                "-CAcreateserial", "-out", "server.crt", "-days", "2", "-extfile", "san")
        openssl("genrsa", "-out", "sa.key", "2048")

    def _tokens(self):
        with open(self.path("tokens.csv"), "w") as f:
            f.write(f"{ADMIN_TOKEN},admin,admin,system:masters\n")

    def _audit_policy(self):
        """Who asked for what, and the answer: of the service accounts, weird above all."""
        with open(self.path("audit.yaml"), "w") as f:
            json.dump({"apiVersion": "audit.k8s.io/v1", "kind": "Policy",
                       "omitStages": ["RequestReceived", "ResponseStarted"],
                       "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
                                 {"level": "None"}]}, f)

    # --- processes

    def _run(self, name, *argv):
        # in the end of this process they end too, whatever it died of
        with open(self.path(name + ".log"), "a") as log:
            self.processes[name] = self.place.popen(
                "setpriv", "--pdeathsig", "KILL", *argv, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log)

    def start(self, timeout=90.0, flags=()):
        """Returns when the server is ready. flags: more of them, this time."""
        began = time.time()
        if "etcd" not in self.processes:
            self._run("etcd", self.etcd, "--data-dir", self.path("etcd"), "--listen-client-urls", ETCD,
                      "--advertise-client-urls", ETCD, "--listen-peer-urls", "http://127.0.0.1:2380",
                      "--initial-advertise-peer-urls", "http://127.0.0.1:2380",
                      "--initial-cluster", "default=http://127.0.0.1:2380", "--log-level", "warn",
                      "--logger", "zap", "--log-outputs", "stderr",
                      "--quota-backend-bytes", str(4 << 30), "--snapshot-count", "100000")
        self._run(
            "kube-apiserver", self.server, "--etcd-servers=" + ETCD, f"--bind-address={ADDR}",
            f"--secure-port={PORT}", f"--advertise-address={ADDR}",
            "--tls-cert-file=" + self.path("server.crt"),
            "--tls-private-key-file=" + self.path("server.key"),
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-account-key-file=" + self.path("sa.key"),
            "--service-account-signing-key-file=" + self.path("sa.key"),
            "--service-cluster-ip-range=10.96.0.0/16", "--authorization-mode=RBAC",
            "--token-auth-file=" + self.path("tokens.csv"), "--profiling=false",
            "--disable-admission-plugins=ServiceAccount,DefaultStorageClass,StorageObjectInUseProtection",
            "--endpoint-reconciler-type=none", "--etcd-compaction-interval=0", "--event-ttl=10m",
            "--audit-policy-file=" + self.path("audit.yaml"),
            "--audit-log-path=" + self.path("audit.log"),
            "--cert-dir=" + self.dir, *self.flags, *flags)
        end = time.monotonic() + timeout
        while not self.ready():
            for name, process in self.processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended with {process.returncode}:\n{self.log(name)}")
            if time.monotonic() > end:
                raise RuntimeError(f"kube-apiserver is not ready after {timeout} s:\n{self.log()}")
            time.sleep(0.05)
        self.starts.append((began, time.time()))

    def ready(self):
        with contextlib.suppress(OSError):
            return self.api.request("GET", "/readyz")[0] == 200
        self.api.close()
        return False

    def stop(self, sig=signal.SIGTERM, name="kube-apiserver"):
        process = self.processes.pop(name, None)
        if process:
            process.send_signal(sig)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(3)  # it would wait a minute for open watches to end
            process.kill()
            process.wait()
        self.api.close()

    def kill(self):
        """As a crash of its node: no connection is closed in an orderly way."""
        self.stop(signal.SIGKILL)

    def log(self, name="kube-apiserver"):
        with contextlib.suppress(FileNotFoundError), open(self.path(name + ".log")) as f:
            return f.read()
        return ""

    def memory_kb(self):
        with open(f"/proc/{self.processes['kube-apiserver'].pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def audit(self):
        """What service accounts have asked of a server that was ready: before that it does not
        know all roles, and refuses too much."""
        with contextlib.suppress(FileNotFoundError), open(self.path("audit.log")) as f:
            for line in f:
                e = json.loads(line)
                came = datetime.datetime.fromisoformat(e["requestReceivedTimestamp"]).timestamp()
                if any(began <= came <= ready for began, ready in self.starts):
                    continue
                yield {"user": e["user"]["username"], "verb": e["verb"], "uri": e["requestURI"],
                       "resource": e.get("objectRef", {}).get("resource"),
                       "group": e.get("objectRef", {}).get("apiGroup", ""),
                       "subresource": e.get("objectRef", {}).get("subresource"),
                       "code": e.get("responseStatus", {}).get("code")}

    # --- the way to it

    def attach(self, place):
        """A link to the place, from which the server is reachable at its address."""
        self.links += 1
        near, far = f"node{self.links}", f"10.123.1.{self.links}"
        self.place.run("ip", "link", "add", near, "type", "veth", "peer", "name", "api0",
                       "netns", place.netns)
        self.place.run("ip", "addr", "add", f"10.123.0.2{self.links}", "peer", far, "dev", near)
        self.place.run("ip", "link", "set", near, "up")
        place.run("ip", "addr", "add", far, "peer", ADDR, "dev", "api0")
        place.run("ip", "link", "set", "api0", "up")
        return near

    def cut(self, link="node1"):
        """Packets are lost from now on, in both directions; join() ends it."""
        self.place.run("ip", "link", "set", link, "down")

    def join(self, link="node1"):
        self.place.run("ip", "link", "set", link, "up")

    # --- credentials

    def token(self, namespace, account, seconds=3600, bound_to=None):
        """Of a service account, as a pod gets it. bound_to: a Secret in that namespace;
        the token dies with it (the server may remember it for ten seconds)."""
        path = Client.path("ServiceAccount", namespace, account) + "/token"
        spec = {"expirationSeconds": seconds, "audiences": []}
        if bound_to:
            spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Secret", "name": bound_to}
        return self.api.call("POST", path, {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec,
        })["status"]["token"]

    def kubeconfig(self, path, token_file, port=PORT):
        """Written to path. The token is in a file of its own, so that it can be replaced."""
        with open(path, "w") as f:
            json.dump({
                "apiVersion": "v1", "kind": "Config", "current-context": "test",
                "clusters": [{"name": "test", "cluster": {
                    "server": f"https://{self.addr}:{port}", "certificate-authority": self.ca}}],
                "users": [{"name": "weird", "user": {"tokenFile": token_file}}],
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "weird"}}],
            }, f, indent=1)

    # --- etcd

    def _etcd(self, method, body):
        request = urllib.request.Request(f"{ETCD}/v3/kv/{method}", json.dumps(body).encode())
        with inside(self.place.path), urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def compact(self):
        """Forgets all history: whoever asks for what was before gets 410."""
        now = self._etcd("range", {"key": "AA=="})["header"]["revision"]
        self._etcd("compaction", {"revision": now, "physical": True})

    def fill(self, objects, at_once=100):
        """Writes objects straight into etcd, a hundred times as fast as through the server,
        which sees them all the same. They must be valid: nobody looks at them."""
        batch = []
        for obj in objects:
            batch.append({"requestPut": {
                "key": base64.b64encode(etcd_key(obj).encode()).decode(),
                "value": base64.b64encode(json.dumps(obj).encode()).decode()}})
            if len(batch) == at_once:
                self._etcd("txn", {"success": batch})
                batch = []
        if batch:
            self._etcd("txn", {"success": batch})

    # --- the end

    def close(self):
        atexit.unregister(self.close)
        for name in ("kube-apiserver", "etcd"):
            self.stop(signal.SIGKILL, name)
        self.place.delete()
        if not os.environ.get("WEIR_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)


def etcd_key(obj):
    """Where a kube-apiserver 1.20 stores it."""
    folder = {"Node": "minions", "Service": "services/specs"}.get(obj["kind"])
    if folder is None:
        folder = Client.collection(obj["kind"]).rsplit("/", 1)[1]
    meta = obj["metadata"]
    inner = f"/{meta['namespace']}" if "namespace" in meta else ""
    return f"/registry/{folder}{inner}/{meta['name']}"
