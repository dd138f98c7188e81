#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Print the flow records of a namespace: subscribe.py NAMESPACE [ADDRESS]

Without a namespace (or with ""): count batch.v1 and check that no record is missing.
Needs python3-zmq and python3-msgpack."""
import json
import sys

import msgpack
import zmq

namespace = sys.argv[1] if len(sys.argv) > 1 else ""
address = sys.argv[2] if len(sys.argv) > 2 else "ipc:///run/weir/flows.sock"
topic = b"ns." + namespace.encode() if namespace else b"batch.v1"

socket = zmq.Context().socket(zmq.SUB)
socket.setsockopt(zmq.SUBSCRIBE, topic)
socket.connect(address)
expected = {}  # what comes next, for each source of numbers


def lost(source, number, count):
    gap = number - expected.get(source, number)
    expected[source] = number + count
    return f"  ({gap} lost before)" if gap else ""


while True:
    name, payload, *number = socket.recv_multipart()
    if name != topic:  # "ns.shop" also matches "ns.shop-test"
        continue
    if namespace:
        r = json.loads(payload)
        ends = [f"{e.get('namespace', '-')}/{e.get('pod', e.get('addr'))}" for e in (r["src"], r["dst"])]
        print(r["type"], r["verdict"], *ends, r["dst"].get("port"), r.get("why", ""), lost(name, int(number[0]), 1))
    else:
        _, (node, boot, batch, first, records, *_), *_ = msgpack.unpackb(payload)
        print(f"{node}: batch {batch}, {records} records from {first}", lost((node, boot), first, records))
