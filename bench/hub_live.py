#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From a packet to who follows the hub live: one datagram after the other from a pod to one on
another node, each from a port of its own; the time until its flow is a line at the other end
of GET /v1/flows/live. WEIR_SAMPLES (300)."""
import json
import os
import random
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.environ.get("top_srcdir", "."), "tests/e2e"))
from fleet import ADMIN, ALLOWED, Fleet, PORTS  # noqa: E402

SAMPLES = int(os.environ.get("WEIR_SAMPLES", "300"))


def follow(hub):
    process = hub.place.popen("curl", "-sN", "-H", "Accept: application/x-ndjson", "-H",
                              f"Authorization: Bearer {ADMIN}",
                              "http://127.0.0.1:9573/v1/flows/live?type=open",
                              stdout=subprocess.PIPE)
    time.sleep(1)
    return process


def measure(fleet):
    (_, client), (_, server) = fleet.pods[1], fleet.pods[12]
    stream = follow(fleet.hub)
    took = []
    try:
        for i in range(SAMPLES):
            s = client.socket(socket.AF_INET, "udp")
            s.bind(("", 30000 + i))
            began = time.monotonic()
            s.sendto(b"x", (server.addr(4), ALLOWED + i % PORTS))
            while True:
                line = stream.stdout.readline()
                if line.strip() and json.loads(line).get("src", {}).get("port") == 30000 + i:
                    break
            took.append((time.monotonic() - began) * 1000)
            s.close()
            time.sleep(random.uniform(0.02, 0.15))
    finally:
        stream.kill()
        stream.wait()
    return sorted(took)


def main():
    with Fleet() as fleet:
        took = measure(fleet)
    at = lambda share: took[min(len(took) - 1, int(len(took) * share))]  # noqa: E731
    print(f"packet -> line of the live stream, {len(took)} connections: p50 {at(0.5):.1f} ms, "
          f"p90 {at(0.9):.1f}, p99 {at(0.99):.1f}, longest {took[-1]:.1f}")


if __name__ == "__main__":
    socket.setdefaulttimeout(30)
    main()
