# SPDX-License-Identifier: Apache-2.0
"""An API server that only says by heart what a real one has said: lists, page by page, as fast as
Python writes bytes; watches of which nothing comes. What is measured with it is the client.

    kube_fake.py ADDR PORT CERT KEY FOLDER [EMPTY ...]

FOLDER/index.json: a path with its "continue" -> the file with the answer's body. EMPTY: kinds of
which there is nothing.
"""
import http.server
import json
import os
import ssl
import sys
import threading
import urllib.parse

COLLECTIONS = {"Namespace": "/api/v1/namespaces", "Pod": "/api/v1/pods", "Node": "/api/v1/nodes",
               "Service": "/api/v1/services",
               "NetworkPolicy": "/apis/networking.k8s.io/v1/networkpolicies"}
PAGE = 500  # what weird asks for
NOTHING = b'{"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[]}'


def learn(api, folder):
    """Asks a real server (tests/kube/client.py) for all pages, and writes them down."""
    index = {}
    for path in COLLECTIONS.values():
        token = ""
        while True:
            page = api.call("GET", f"{path}?limit={PAGE}&continue={urllib.parse.quote(token)}")
            index[f"{path} {token}"] = f"{len(index)}.json"
            with open(os.path.join(folder, index[f"{path} {token}"]), "w") as f:
                json.dump(page, f, separators=(",", ":"))
            token = page["metadata"].get("continue", "")
            if not token:
                break
    with open(os.path.join(folder, "index.json"), "w") as f:
        json.dump(index, f)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answers = {}

    def do_GET(self):
        path, _, query = self.path.partition("?")
        query = urllib.parse.parse_qs(query)
        body = self.answers.get(f"{path} {query.get('continue', [''])[0]}")
        if "watch" in query:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            threading.Event().wait()
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body or b"{}")))
        self.end_headers()
        self.wfile.write(body or b"{}")

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def main(addr, port, cert, key, folder, *empty):
    with open(os.path.join(folder, "index.json")) as f:
        for name, file in json.load(f).items():
            with open(os.path.join(folder, file), "rb") as body:
                Handler.answers[name] = body.read()
    for kind in empty:
        Handler.answers[COLLECTIONS[kind] + " "] = NOTHING
    server = Server((addr, int(port)), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
