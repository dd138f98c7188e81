# SPDX-License-Identifier: Apache-2.0
"""Streams of UDP datagrams that nobody answers: each packet is judged anew (tests/e2e/stream.c).

    with Streams() as s:
        s.open("ok", client, server, 7000, rate=5000)
        ...
        result = s.drain()["ok"]    # sent, received, missing, errors
"""
import json
import os
import subprocess

STREAM = os.path.join(os.environ.get("top_builddir", os.getcwd()), "tests", "e2e", "stream")


class Streams:
    def __init__(self):
        self.specs = []
        self.process = None

    def open(self, name, src, dst, addr, port, rate):
        """src, dst: places; addr: where to (dst may not have it yet)."""
        self.specs.append(f"{name},{src.netns},{dst.netns},{addr},{port},{rate}")
        return self

    def start(self):
        self.process = subprocess.Popen([STREAM, *self.specs], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.stdin.close()
            if self.process.wait() != 0:
                raise RuntimeError(f"stream ended with {self.process.returncode}")

    def _ask(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stats(self):
        return self._ask("stats")

    def drain(self):
        """Stops the senders, waits for what is under way; the final counts."""
        return self._ask("drain")
