# SPDX-License-Identifier: Apache-2.0
"""A small API server with one collection, and every fault that one may wish for.

    server = Server()                       # http; Server(pki=Pki(dir)) speaks TLS
    server.put("a"); server.delete("a")     # what happens there, as real events
    server.fault("watch", status(429, {"Retry-After": "1"}), times=2)
    server.on_event(cut_in_the_middle)      # the next event of a watch is sent by this
    server.requests                         # what was asked, and when

It keeps the promises of the Kubernetes API: resource versions, continue tokens, bookmarks, 410.
"""
import json
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATH = "/apis/weir.test/v1/things"


class Gone(Exception):
    """The connection is to be closed as it is."""


class Pki:
    """A CA, and certificates that it has signed."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        self.run("req", "-x509", "-nodes", *self.new_key(name), "-out", self.path(f"{name}.crt"),
                 "-days", "30", "-subj", f"/CN={name}")

    def path(self, name):
        return f"{self.folder}/{name}"

    def new_key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout",
                self.path(f"{name}.key")]

    @staticmethod
    def run(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True)

    def sign(self, name, common_name, alt=""):
        """NAME.crt and NAME.key."""
        extra = self.path(f"{name}.ext")
        with open(extra, "w", encoding="utf-8") as file:
            file.write(f"subjectAltName={alt}\n" if alt else "basicConstraints=CA:FALSE\n")
        request = self.path(f"{name}.csr")
        self.run("req", "-nodes", *self.new_key(name), "-out", request, "-subj", f"/CN={common_name}")
        self.run("x509", "-req", "-in", request, "-CA", self.path(f"{self.name}.crt"), "-CAkey",
                 self.path(f"{self.name}.key"), "-CAcreateserial", "-days", "30", "-extfile", extra,
                 "-out", self.path(f"{name}.crt"))

    def context(self, server):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(f"{server}.crt"), self.path(f"{server}.key"))
        context.load_verify_locations(self.path(f"{self.name}.crt"))
        context.verify_mode = ssl.CERT_OPTIONAL
        return context


def status_object(code, message):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "code": code}


# --- faults of a whole request -------------------------------------------------------------


def status(code, headers=None, message="the fault that was asked for"):
    def answer(handler):
        handler.answer(code, status_object(code, message), headers or {})
    return answer


def raw(body):
    """200, and whatever body."""
    def answer(handler):
        handler.answer(200, None, {}, body)
    return answer


def hang(handler):
    """Nothing is said until the client goes."""
    handler.connection.settimeout(20)
    try:
        handler.connection.recv(1)
    except OSError:
        pass
    raise Gone


def expired(handler):
    """The watch begins, and says at once that it is too late for that."""
    handler.begin_stream()
    handler.event("ERROR", status_object(410, "too old resource version"))
    handler.end_stream()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.server.owner.connections.add(self.connection)

    def finish(self):
        self.server.owner.connections.discard(self.connection)
        try:
            super().finish()
        except OSError:
            pass

    def handle(self):
        try:
            super().handle()
        except (Gone, OSError):
            self.close_connection = True

    def answer(self, code, body, headers=None, text=None):
        data = json.dumps(body).encode() if text is None else text
        self.send_response_only(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in {"Date": self.date_time_string(), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def begin_stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def event(self, kind, obj):
        self.chunk(json.dumps({"type": kind, "object": obj}).encode() + b"\n")

    def end_stream(self):
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def do_GET(self):
        self.server.owner.serve(self)


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass

    def finish_request(self, request, client_address):
        """The handshake belongs to the thread of the connection."""
        context = self.owner.context
        if context:
            request.settimeout(5)
            request = context.wrap_socket(request, server_side=True)
            request.settimeout(None)
        super().finish_request(request, client_address)


class Server:
    def __init__(self, pki=None, cert="server", page=500):
        self.context = pki.context(cert) if pki else None
        self.scheme = "https" if pki else "http"
        self.page = page
        self.changed = threading.Condition()
        self.objects, self.events = {}, []  # name -> object; [(version, type, object)]
        self.version, self.compacted = 100, 0
        self.exists = self.ready = True
        self.token = self.subject = None
        self.requests, self.connections = [], set()
        self.faults, self.event_faults = [], []
        self.bookmarks = self.generation = 0  # of watches that may go on
        self.address = ("127.0.0.1", 0)
        self.start()

    # --- life

    def start(self):
        self.listener = Listener(self.address, Handler)
        self.listener.owner = self
        self.address = self.listener.server_address
        threading.Thread(target=self.listener.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self):
        """As when its machine is switched off: nobody is told goodbye."""
        self.listener.shutdown()
        self.listener.server_close()
        self.break_connections()

    def break_connections(self):
        with self.changed:
            self.generation += 1
            self.changed.notify_all()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.address[1]}"

    # --- what happens there

    def _happens(self, kind, name, obj):
        self.version += 1
        obj = dict(obj, metadata=dict(obj["metadata"], resourceVersion=str(self.version)))
        self.events.append((self.version, kind, obj))
        if kind == "DELETED":
            del self.objects[name]
        else:
            self.objects[name] = obj
        self.changed.notify_all()

    def put(self, *names, **fields):
        with self.changed:
            for name in names:
                kind = "MODIFIED" if name in self.objects else "ADDED"
                self._happens(kind, name, {"metadata": {"name": name}, **fields})

    def delete(self, *names):
        with self.changed:
            for name in names:
                self._happens("DELETED", name, self.objects[name])

    def compact(self):
        """What happened until now is forgotten."""
        with self.changed:
            self.compacted = self.version
            self.events.clear()

    def remove_collection(self):
        with self.changed:
            self.exists = False
            self.objects.clear()
            self.events.clear()
        self.break_connections()

    def bookmark(self):
        with self.changed:
            self.bookmarks += 1
            self.changed.notify_all()

    # --- faults

    def fault(self, what, answer, times=1):
        """The next requests of this sort ("list", "page", "watch", "ready", "get")."""
        self.faults += [(what, answer)] * times

    def on_event(self, *senders):
        """sender(handler, line) for each of the next events of any watch."""
        self.event_faults += senders

    def asked(self, what, since=0.0):
        return [r for r in self.requests if r["what"] == what and r["time"] >= since]

    # --- requests

    def _sort(self, path, query):
        if path == "/readyz":
            return "ready"
        if path != PATH:
            return "get"
        return "watch" if "watch" in query else "page" if "continue" in query else "list"

    def _refused(self, handler):
        if self.token and handler.headers.get("Authorization") != f"Bearer {self.token}":
            return True
        if not self.subject:
            return False
        cert = handler.connection.getpeercert() or {}
        return self.subject not in [v for part in cert.get("subject", ()) for _, v in part]

    def serve(self, handler):
        url = urllib.parse.urlsplit(handler.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        what = self._sort(url.path, query)
        self.requests.append({"time": time.monotonic(), "what": what, "query": query,
                              "port": handler.client_address[1], "headers": dict(handler.headers)})
        for i, (wanted, answer) in enumerate(self.faults):
            if wanted == what:
                del self.faults[i]
                answer(handler)
                return
        if self._refused(handler):
            handler.answer(401, status_object(401, "Unauthorized"))
        elif what == "ready":
            handler.answer(200 if self.ready else 500, None, {}, b"ok")
        elif what == "get":
            self._get(handler, url.path)
        elif not self.exists:
            handler.answer(404, status_object(404, "the server could not find the requested resource"))
        elif what == "watch":
            self._watch(handler, int(query["resourceVersion"]))
        else:
            self._list(handler, query)

    def _get(self, handler, path):
        obj = self.objects.get(path.rsplit("/", 1)[1])
        handler.answer(200 if obj else 404, obj or status_object(404, "not found"))

    def _list(self, handler, query):
        with self.changed:
            version, start = self.version, 0
            if "continue" in query:
                version, start = map(int, query["continue"].split("/"))
            names = sorted(self.objects)
            size = min(self.page, int(query["limit"]))
            meta = {"resourceVersion": str(version)}
            if start + size < len(names):
                meta.update({"continue": f"{version}/{start + size}", "remainingItemCount": 1})
            body = {"kind": "ThingList", "apiVersion": "weir.test/v1", "metadata": meta,
                    "items": [self.objects[n] for n in names[start:start + size]]}
        handler.answer(200, body)

    def _watch(self, handler, version):
        if version < self.compacted:
            expired(handler)
            return
        handler.begin_stream()
        generation, bookmarks = self.generation, self.bookmarks
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.version > version or self.generation > generation
                                      or self.bookmarks > bookmarks)
                if self.generation > generation:
                    raise Gone
                news = [e for e in self.events if e[0] > version]
                marked, bookmarks = self.bookmarks > bookmarks, self.bookmarks
                version = self.version
            for _, kind, obj in news:
                self._send(handler, kind, obj)
            if marked:
                handler.event("BOOKMARK", {"metadata": {"resourceVersion": str(version)}})

    def _send(self, handler, kind, obj):
        line = json.dumps({"type": kind, "object": obj}).encode() + b"\n"
        if self.event_faults:
            self.event_faults.pop(0)(handler, line)
        else:
            handler.chunk(line)
