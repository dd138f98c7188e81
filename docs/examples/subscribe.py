#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Print the flow records of a namespace: subscribe.py NAMESPACE [ADDRESS]

Without a namespace: count batch.v1 and check that no number is missing.
Needs python3-zmq and python3-msgpack."""
import sys

import msgpack
import zmq

namespace = sys.argv[1] if len(sys.argv) > 1 else ""
address = sys.argv[2] if len(sys.argv) > 2 else "ipc:///run/weir/flows.sock"
topic = b"ns." + namespace.encode() if namespace else b"batch.v1"

socket = zmq.Context().socket(zmq.SUB)
socket.setsockopt(zmq.SUBSCRIBE, topic)
socket.connect(address)
expected = {}  # (node, boot): the seq that comes next

while True:
    name, payload = socket.recv_multipart()
    if name != topic:  # "ns.shop" also matches "ns.shop-test"
        continue
    if namespace:
        print(payload.decode(), flush=True)
        continue
    _, (node, boot, number, first, records, *_), *_ = msgpack.unpackb(payload)
    lost = first - expected.get((node, boot), first)
    expected[node, boot] = first + records
    print(f"{node}: batch {number}, records {first}..{first + records - 1}, lost {lost}", flush=True)
