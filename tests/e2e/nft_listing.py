# SPDX-License-Identifier: Apache-2.0
"""`nft list ruleset` and `nft -j list ruleset` work at every moment of updates; foreign tables stay as they are.

An administrator's listings run in a loop while policies, labels and pods change. Tables of others, among
them such as are named like ours in other families, are the same byte for byte at each look and after a purge.
"""
import json
import os
import subprocess
import threading

from fixture import BUILD, main
from rounds import rounds
from no_wrong_verdict import prepare

CHANGES = rounds("WEIR_CHANGES", 200) // 2

FOREIGN = """
table ip weir {
    set egress4 { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.0.2.1 } }
    chain rs_1 { ip saddr @egress4 return; }
    chain forward { type filter hook forward priority 10; policy accept; jump rs_1; }
}
table inet other {
    map ports { type inet_service : verdict; elements = { 80 : accept, 443 : return } }
    chain forward { type filter hook forward priority -10; policy accept; tcp dport vmap @ports; }
    chain nat { type nat hook postrouting priority 100; oifname "nowhere" masquerade; }
}
table bridge weir {
    chain input { type filter hook input priority 0; policy accept; ether type arp accept; }
}
"""
TABLES = [("ip", "weir"), ("inet", "other"), ("bridge", "weir")]


def foreign(node):
    return [node.host.run("nft", "-a", "list", "table", *table).stdout for table in TABLES]


class Lister(threading.Thread):
    """Lists all the time; problems is what went wrong."""

    def __init__(self, node):
        super().__init__()
        self.node = node
        self.ended = threading.Event()
        self.problems = []
        self.listings = 0

    def listing(self, *options):
        done = subprocess.run(self.node.host.command("nft", *options, "list", "ruleset"),
                              capture_output=True, text=True, check=False)
        self.listings += 1
        if done.returncode or done.stderr:
            self.problems.append(f"nft {' '.join(options)} list ruleset: {done.returncode} {done.stderr[:200]}")
        return done.stdout

    def run(self):
        while not self.ended.is_set():
            if "table inet weir" not in self.listing():
                self.problems.append("the listing lacks table inet weir")
            try:
                json.loads(self.listing("-j"))
            except ValueError as error:
                self.problems.append(f"not JSON: {error}")


def test_listing(node):
    node.host.run("nft", "-f", "-", input=FOREIGN)
    before = foreign(node)
    changer = prepare(node, 11)
    lister = Lister(node)
    lister.start()
    try:
        for _ in range(CHANGES):
            what = changer.one()
            assert foreign(node) == before, f"a foreign table has changed after {what}"
    finally:
        lister.ended.set()
        lister.join()
    assert not lister.problems, lister.problems[:5]
    assert lister.listings > CHANGES / 4, lister.listings
    print(f"{lister.listings} listings during {CHANGES} changes")
    node.stop()
    node.host.run(os.path.join(BUILD, "daemon", "weird"), "--config", node.path("weird.yaml"), "--purge")
    assert foreign(node) == before, "a foreign table has changed by the purge"
    assert "inet weir" not in node.host.run("nft", "list", "tables").stdout


if __name__ == "__main__":
    main(__file__, [test_listing])
