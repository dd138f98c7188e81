#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Flow events: delivered of offered, and CPU per event, of weir's flow source,
conntrack -E and ulogd2, in the same run, alternating, medians.

Each round offers new UDP connections in a network namespace, as fast as the
machine makes them, then has the kernel forget them: two events a connection
(NEW, DESTROY). CPU is what the listening process used, user and system.

usage: flow_events.py [--rounds N] [--connections N] [--rate N] [--program PATH]
"""
import argparse
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time

NS = f"weir-t-flow-events-{os.getpid()}"
IN = ["ip", "netns", "exec", NS]
PLUGINS = "/usr/lib/x86_64-linux-gnu/ulogd"
BUFFER = 8 << 20

RULES = """table inet t {
 chain out {
  type filter hook output priority 0
  ct state established accept
 }
}
"""

ULOGD = """[global]
logfile="{dir}/ulogd.log"
loglevel=5
plugin="{plugins}/ulogd_inpflow_NFCT.so"
plugin="{plugins}/ulogd_filter_IP2STR.so"
plugin="{plugins}/ulogd_filter_PRINTFLOW.so"
plugin="{plugins}/ulogd_output_LOGEMU.so"
stack=ct1:NFCT,ip2str1:IP2STR,print1:PRINTFLOW,emu1:LOGEMU
[ct1]
netlink_socket_buffer_size={buffer}
netlink_socket_buffer_maxsize={buffer}
event_mask=0x00000005
hash_enable=0
[emu1]
file="{dir}/ulogd.out"
sync=0
"""


def run(*args, **kw):
    return subprocess.run(args, check=True, capture_output=True, text=True, **kw).stdout


def inside(*args, **kw):
    return run(*IN, *args, **kw)


class Listener:
    """A process that listens while connections are offered."""

    def start(self, argv, **kw):
        self.process = subprocess.Popen([*IN, *argv], text=True, **kw)

    def stop(self):
        """CPU seconds that it used in all."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.process.send_signal(signal.SIGTERM)
        self.out, self.err = self.process.communicate(timeout=60)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


class Weir(Listener):
    name = "weir"

    def __init__(self, program, directory):
        self.start([program, "read", str(BUFFER)], stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == "ready\n"

    def counts(self):
        new, end, lost_new, lost_end = map(int, self.out.split())
        return new + end, lost_new + lost_end


class Conntrack(Listener):
    """With the buffer that it has by default."""
    name = "conntrack -E"
    options = []

    def __init__(self, program, directory):
        self.start(["conntrack", "-E", "-e", "NEW,DESTROY", "-o", "id,timestamp", *self.options],
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(0.5)

    def counts(self):
        last = [l for l in self.err.splitlines() if "flow events have been shown" in l]
        return int(last[0].split(":")[1].split()[0]) if last else 0, None


class ConntrackBig(Conntrack):
    name = "conntrack -E -b 8M"
    options = ["-b", str(BUFFER)]


class Ulogd(Listener):
    name = "ulogd2"

    def __init__(self, program, directory):
        self.directory = directory
        config = os.path.join(directory, "ulogd.conf")
        with open(config, "w") as f:
            f.write(ULOGD.format(dir=directory, plugins=PLUGINS, buffer=BUFFER))
        self.file = os.path.join(directory, "ulogd.out")
        if os.path.exists(self.file):
            os.unlink(self.file)
        self.start(["ulogd", "-c", config], stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
        time.sleep(1)

    def counts(self):
        with open(self.file) as f:
            return sum(1 for _ in f), None


def one(cls, opts, directory):
    listener = cls(opts.program, directory)
    sent, seconds = inside(opts.program, "offer", str(opts.connections), str(opts.rate)).split()
    time.sleep(0.5)
    inside("conntrack", "-F")
    time.sleep(1.5)
    cpu = listener.stop()
    events, lost = listener.counts()
    return {"offered": 2 * int(sent), "events": events, "lost": lost, "cpu": cpu,
            "rate": int(sent) / float(seconds)}


def setup():
    run("ip", "netns", "add", NS)
    run("ip", "-n", NS, "link", "set", "lo", "up")
    inside("nft", "-f", "-", input=RULES)
    for key in ("acct", "timestamp", "events"):
        inside("sysctl", "-qw", f"net.netfilter.nf_conntrack_{key}=1")


def report(results):
    base = None
    print(f"{'':20}{'offered/s':>11}{'delivered':>11}{'counted lost':>14}{'CPU s/M':>10}"
          f"{'events/CPU s':>14}")
    for name, rounds in results.items():
        offered = sum(r["offered"] for r in rounds)
        events = sum(r["events"] for r in rounds)
        lost = sum(r["lost"] or 0 for r in rounds) if rounds[0]["lost"] is not None else None
        per_cpu = statistics.median(r["events"] / r["cpu"] if r["cpu"] else 0 for r in rounds)
        base = base or per_cpu
        print(f"{name:20}{statistics.median(r['rate'] for r in rounds):11,.0f}"
              f"{100 * events / offered:10.2f}%{'unknown' if lost is None else lost:>14}"
              f"{1e6 / per_cpu if per_cpu else 0:10.2f}{per_cpu:14,.0f}"
              f"   weir / this: {base / per_cpu if per_cpu else 0:.2f}")
        if lost is not None and events + lost != offered:
            print(f"  NOT EXACT: offered {offered}, delivered + lost {events + lost}")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--connections", type=int, default=60000)
    p.add_argument("--rate", type=int, default=0, help="connections a second, 0: no limit")
    p.add_argument("--program", default=os.path.join(os.environ.get("top_builddir", "."),
                                                     "bench/flow_events"))
    p.add_argument("--json", help="write every round to this file")
    opts = p.parse_args()
    opts.program = os.path.abspath(opts.program)
    if os.geteuid() != 0:
        print("needs root for a network namespace")
        return 77
    results = {}
    setup()
    try:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
            for _ in range(opts.rounds):
                for cls in (Weir, Conntrack, ConntrackBig, Ulogd):
                    results.setdefault(cls.name, []).append(one(cls, opts, directory))
    finally:
        run("ip", "netns", "del", NS)
    report(results)
    if opts.json:
        with open(opts.json, "w") as f:
            json.dump(results, f, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
