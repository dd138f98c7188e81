# SPDX-License-Identifier: Apache-2.0
"""Subscribes to the flow stream of a node (needs python3-zmq)."""
import json
import threading
import time

try:
    import zmq
except ImportError:
    zmq = None


class Subscriber:
    """Collects messages of the topics in a thread until it is closed."""

    def __init__(self, address, topics=("ns.",), hwm=0):
        if zmq is None:
            raise RuntimeError("python3-zmq is not installed")
        self.messages = []  # (topic, payload bytes)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._socket = zmq.Context.instance().socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, hwm)
        self._socket.setsockopt(zmq.RCVTIMEO, 50)
        self._socket.setsockopt(zmq.LINGER, 0)
        for topic in topics:
            self._socket.setsockopt(zmq.SUBSCRIBE, topic.encode())
        self._socket.connect(address)
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self):
        while not self._ended.is_set():
            try:
                parts = self._socket.recv_multipart()
            except zmq.Again:
                continue
            with self._lock:
                self.messages.append((parts[0].decode(), parts[1]))

    def records(self):
        """The JSON records so far (of ns. topics), each once."""
        with self._lock:
            texts = [p for topic, p in self.messages if topic.startswith("ns.")]
        found = {}
        for text in texts:
            record = json.loads(text)
            found[record["seq"]] = record
        return [found[seq] for seq in sorted(found)]

    def wait_for(self, match, timeout=5.0):
        """The first record for which match(record) is true; None when none comes in time."""
        end = time.monotonic() + timeout
        while True:
            for record in self.records():
                if match(record):
                    return record
            if time.monotonic() > end:
                return None
            time.sleep(0.02)

    def close(self):
        self._ended.set()
        self._thread.join()
        self._socket.close()
