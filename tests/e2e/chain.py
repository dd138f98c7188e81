# SPDX-License-Identifier: Apache-2.0
"""weir keeps itself in the node's CNI chain: the folder of configurations, read as runtimes read it.

From "install" to "remove" the first file must be whole at any moment and have weir at its end, whatever
happens: the primary's file written again, at once or piece by piece, weird or weirctl killed at any point.
Afterwards the folder is byte for byte as before. WEIR_CHAIN_REWRITES: how often the primary is written.
"""
import contextlib
import json
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import threading
import time

import cni
import runtimes
from fixture import BUILD, CNI_BIN, Node, Skip, eventually, main
from netns import run
from rounds import rounds

REWRITES = rounds("WEIR_CHAIN_REWRITES", 100)
WEIRCTL = os.path.join(BUILD, "cli", "weirctl")
PRIMARY = "10-bridge.conflist"
SUFFIXES = (".conf", ".conflist", ".json")


class NotReady(Exception):
    """The runtime has no network: the folder is empty, or its first file cannot be used."""


def load(folder):
    """(name, list) that containerd takes: the first file by name, and no other."""
    names = sorted(n for n in os.listdir(folder) if os.path.splitext(n)[1] in SUFFIXES)
    if not names:
        raise NotReady("no configuration")
    try:
        with open(os.path.join(folder, names[0])) as f:
            return names[0], json.load(f)
    except FileNotFoundError:
        return load(folder)  # replaced by one of another name while we looked
    except ValueError as why:
        raise NotReady(f"{names[0]}: {why}") from None


def types(conflist):
    return [p["type"] for p in conflist["plugins"]]


def snapshot(folder):
    """Everything that is to be as before."""
    found = {}
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        st = os.lstat(path)
        with open(path, "rb") as f:
            found[name] = (f.read(), stat.filemode(st.st_mode), st.st_uid, st.st_gid, st.st_mtime_ns, st.st_ino)
    return found


class Witness(threading.Thread):
    """Looks at the folder all the time; what it saw that must not be is in .wrong."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder, self.wrong, self.looks, self.ended = folder, [], 0, threading.Event()

    def run(self):
        while not self.ended.is_set():
            try:
                name, conflist = load(self.folder)
                if types(conflist)[-1] != "weir":
                    self.wrong.append(f"{name}: {types(conflist)}")
            except NotReady as why:
                self.wrong.append(str(why))
            self.looks += 1
            time.sleep(0.0005)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


class Primary:
    """The primary CNI's installer: its file, with a token that changes."""

    def __init__(self, node, name=PRIMARY):
        self.path = os.path.join(node.net_d, name)
        self.plugins = node.chain.plugins
        self.token = 0

    def text(self):
        self.token += 1
        plugins = [dict(p, token=f"token-{self.token}") for p in self.plugins]
        return json.dumps({"name": "weir-t", "cniVersion": "1.0.0", "plugins": plugins}, indent=2)

    def at_once(self):
        with open(self.path + ".tmp", "w", opener=secret) as f:
            f.write(self.text())
        os.rename(self.path + ".tmp", self.path)

    def in_pieces(self):
        text = self.text()
        with open(self.path, "w", opener=secret) as f:
            for part in (text[:40], text[40:]):
                f.write(part)
                f.flush()
                time.sleep(0.003)

    def away_and_back(self):
        os.unlink(self.path)
        time.sleep(0.003)
        self.at_once()


def secret(path, flags):
    return os.open(path, flags, 0o600)


class ChainNode(Node):
    """A node with a folder of configurations and one of plugins; weir is in neither."""

    def __init__(self, test, **kwargs):
        super().__init__(test, start=False, weir=False, **kwargs)
        self.net_d, self.bin = self.path("cni/net.d"), self.path("cni/bin")
        os.makedirs(self.net_d)
        os.makedirs(self.bin)
        for name in os.listdir(CNI_BIN):
            os.symlink(os.path.join(CNI_BIN, name), os.path.join(self.bin, name))
        self.chain.path = [self.bin]
        self.config["chain"] = {"manage": "yes", "dir": self.net_d, "binDir": self.bin}

    def put_plugin(self):
        self.weirctl("chain", "install", "--dir", self.path("run"), "--bin-dir", self.bin, "--plugin",
                     os.path.join(BUILD, "plugin", "weir"))

    def tool(self, *args):
        """weirctl chain ... on this node's folder; its decoded answer."""
        done = self.weirctl("-o", "json", "chain", args[0], "--dir", self.net_d, *args[1:])
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def reload(self):
        """The runtime looks at the folder again, as it does before each pod."""
        self.chain.plugins = load(self.net_d)[1]["plugins"]

    def status(self):
        return self.query("status")["chain"]


def in_sync(node, token=None):
    """ours is there, and made from the primary's as it is now"""
    with contextlib.suppress(NotReady):
        name, conflist = load(node.net_d)
        return "weir" in types(conflist)[-1:] and "weir.dev/madeFrom" in conflist and \
            token in (None, conflist["plugins"][0].get("token"))
    return False


# --- the primary is written again and again


def pods_come_and_go(node, ended, said):
    """ADDs and DELs until told to stop; those that failed failed because weird was away."""
    n = 0
    while not ended.is_set():
        n += 1
        node.reload()
        assert types({"plugins": node.chain.plugins}) == ["bridge", "weir"], node.chain.plugins
        try:
            pod = node.add_pod("shop", f"web-{n % 5}")
        except cni.CniError as why:
            assert why.plugin == "weir" and why.code == 11, why
            said["refused"] += 1
            continue
        said["added"] += 1
        node.reload()
        with contextlib.suppress(cni.CniError):
            node.del_pod(pod)


def rewrite(node, primary, kills):
    """Every way in which installers write; weird is killed and started meanwhile."""
    ways = (primary.at_once, primary.in_pieces, primary.away_and_back)
    for i in range(REWRITES):
        ways[i % len(ways)]()
        time.sleep(random.uniform(0, 0.02))
        if i % (REWRITES // kills) == REWRITES // kills // 2:
            node.stop(signal.SIGKILL)
            ways[i % len(ways)]()
            node.start(sync=False)


def test_rewritten_while_pods_come_and_go(node):
    primary = Primary(node)
    primary.at_once()
    before, names = node.tool("status"), os.listdir(node.net_d)
    assert before["state"] == "missing" and before["primary"] == PRIMARY, before
    node.put_plugin()
    node.start()
    eventually(lambda: in_sync(node), 10, "weir is in the chain")
    said, ended = {"added": 0, "refused": 0, "error": None}, threading.Event()

    def pods():
        try:
            pods_come_and_go(node, ended, said)
        except Exception as why:
            said["error"] = why

    with Witness(node.net_d) as witness:
        thread = threading.Thread(target=pods)
        thread.start()
        try:
            rewrite(node, primary, kills=4)
            eventually(lambda: said["added"] > 5 or said["error"], 60, "enough pods")
        finally:
            ended.set()
            thread.join()
        eventually(lambda: in_sync(node, f"token-{primary.token}"), 10, "the last token")
    if said["error"]:
        raise said["error"]
    assert not witness.wrong, witness.wrong[:5]
    assert witness.looks > 100, (witness.looks, said)
    print(f"     {primary.token} tokens, {said['added']} pods added, {said['refused']} refused, "
          f"{witness.looks} looks")

    last = snapshot(node.net_d)[PRIMARY]
    node.stop()
    assert node.tool("status")["state"] == "in sync", "the chain outlasts weird"
    node.tool("remove")
    assert snapshot(node.net_d) == {PRIMARY: last} and os.listdir(node.net_d) == names


def test_follows_within_milliseconds(node):
    primary = Primary(node)
    primary.at_once()
    node.put_plugin()
    node.start()
    took = []
    for i in range(30):
        (primary.at_once, primary.in_pieces)[i % 2]()
        began = time.monotonic()
        while not in_sync(node, f"token-{primary.token}"):
            assert time.monotonic() < began + 2, "not followed"
        took.append(time.monotonic() - began)
    took.sort()
    print(f"     follows in {took[15] * 1000:.1f} ms (p50), {took[-1] * 1000:.1f} ms (longest)")
    assert took[15] < 0.5, took


# --- weird and the folder


def metrics(node):
    return node.host.run("curl", "-s", "http://127.0.0.1:9571/metrics").stdout


def metric(node):
    return [line for line in metrics(node).splitlines() if line.startswith("weir_chain_in_sync ")]


def test_status_and_metric(node):
    node.start()  # neither a primary nor a plugin
    assert node.status()["state"] == "no primary" and metric(node) == ["weir_chain_in_sync 0"]
    primary = Primary(node)
    primary.at_once()
    eventually(lambda: "is not put into the chain" in (node.status()["reason"] or ""), 10, "no plugin yet")
    assert os.listdir(node.net_d) == [PRIMARY]
    node.put_plugin()
    eventually(lambda: in_sync(node), 10, "it tries again")
    status = node.status()
    assert status["inSync"] and status["primary"] == PRIMARY and status["file"] == "00-weir.conflist", status
    assert metric(node) == ["weir_chain_in_sync 1"]
    with open(primary.path, "w") as f:
        f.write("{")
    eventually(lambda: node.status()["state"] == "broken", 10, "it is seen")
    assert metric(node) == ["weir_chain_in_sync 0"] and in_sync(node), "the last good one stays"


def test_primary_leaves_and_another_comes(node):
    node.config["chain"]["primaryTimeout"] = "3s"
    old = Primary(node)
    old.at_once()
    node.put_plugin()
    node.start()
    for _ in range(2):  # each time it has its full time to come back
        text = open(old.path).read()
        os.rename(old.path, node.path("aside"))
        time.sleep(1)
        assert in_sync(node), "ours stays for a while"
        os.rename(node.path("aside"), old.path)
        eventually(lambda: node.status()["state"] == "in sync", 10, "it is back as it was")
        time.sleep(1.5)
    assert open(old.path).read() == text
    new = Primary(node, "00-first.conf")
    with open(new.path, "w") as f:
        json.dump({"cniVersion": "0.4.0", "name": "other", "type": "ptp"}, f)
    eventually(lambda: load(node.net_d)[0] == "00-00-weir.conflist", 10, "another is first")
    # the file may have been read while it was being written
    eventually(lambda: types(load(node.net_d)[1]) == ["ptp", "weir"], 10, "with what is in it")
    os.unlink(old.path)
    os.unlink(new.path)
    eventually(lambda: os.listdir(node.net_d) == ["00-00-weir.conflist"], 2, "ours alone, for a while")
    eventually(lambda: not os.listdir(node.net_d), 15, "a node without a primary has no network")


def test_the_token_stays_secret(node):
    primary = Primary(node)
    primary.at_once()
    os.chmod(primary.path, 0o644)
    node.put_plugin()
    node.start()
    ours = os.path.join(node.net_d, "00-weir.conflist")
    for mode, owner in ((0o640, 12), (0o600, 0), (0o644, 0)):
        os.chown(primary.path, owner, owner)
        os.chmod(primary.path, mode)
        eventually(lambda: (os.stat(ours).st_mode & 0o777, os.stat(ours).st_gid) == (mode, owner), 10,
                   f"mode {mode:o}, owner {owner}")


def test_a_read_only_folder_is_no_busy_loop(node):
    node.wrap = ("unshare", "--mount", "--propagation", "private", "sh", "-c",
                 f'mount --bind {node.net_d} {node.net_d} && mount -o remount,ro,bind {node.net_d} && exec "$@"', "sh")
    no_busy_loop(node, "Read-only")


def test_a_name_that_is_taken_is_no_busy_loop(node):
    """All but the last step succeeds, and each try makes inotify tell of files."""
    os.mkdir(os.path.join(node.net_d, "00-weir.conflist"))
    no_busy_loop(node, "Is a directory")


def no_busy_loop(node, reason):
    Primary(node).at_once()
    node.put_plugin()
    node.start()
    eventually(lambda: reason in (node.status()["reason"] or ""), 10, "it says why")
    before, writes = cpu_ticks(node.process.pid), set()
    for _ in range(500):
        writes.add(os.stat(node.net_d).st_mtime_ns)
        time.sleep(0.002)
    assert cpu_ticks(node.process.pid) - before < 20 and len(writes) < 6, f"weird spins: {len(writes)}"
    assert node.log().count(reason) <= 2, "logged once, not each time"


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_purge_restores_the_folder(node):
    Primary(node).at_once()
    with open(os.path.join(node.net_d, "00-weir.conflist.txt"), "w") as f:
        f.write("somebody's")
    before = snapshot(node.net_d)
    node.put_plugin()
    node.start()
    eventually(lambda: in_sync(node), 10, "weir is in the chain")
    assert node.weirctl("chain", "status", "--dir", node.net_d).returncode == 0
    node.stop()
    node.host.run(os.path.join(BUILD, "daemon", "weird"), "--config", node.path("weird.yaml"), "--purge")
    assert snapshot(node.net_d) == before


# --- killed at any point

CALLS = ("openat", "flock", "write", "fchown", "fchmod", "fsync", "renameat", "renameat2", "unlinkat", "exit_group")


def killed_at(node, verb, call, n):
    """weirctl chain VERB, killed when it makes this system call for the nth time. False: it never does."""
    done = run("strace", "-qq", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={n}", WEIRCTL, "chain", verb,
               "--dir", node.net_d, check=False)
    if "Invalid argument" in done.stderr or "Operation not permitted" in done.stderr:
        raise Skip(f"strace: {done.stderr.strip()}")
    return done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)


def every_kill(node, verb, prepare):
    """One by one: the command is killed, what is there is whole, and the same command finishes the work."""
    kills = 0
    for call in CALLS:
        for n in range(1, 200):
            prepare()
            if not killed_at(node, verb, call, n):
                break
            kills += 1
            yield call, n
    assert kills > 20, f"only {kills} kills: does strace inject?"
    print(f"     {verb}: killed at {kills} points")


def test_weirctl_killed_at_any_point(node):
    if not shutil.which("strace"):
        raise Skip("needs strace")
    primary = Primary(node)
    primary.at_once()
    before = snapshot(node.net_d)
    for call, n in every_kill(node, "install", lambda: node.tool("remove")):
        name, conflist = load(node.net_d)
        assert types(conflist) == (["bridge"] if name == PRIMARY else ["bridge", "weir"]), (call, n)
        if n % 2:
            assert node.tool("install")["state"] == "in sync", (call, n)
            assert sorted(os.listdir(node.net_d)) == ["00-weir.conflist", PRIMARY], (call, n)
        node.tool("remove")
        assert snapshot(node.net_d) == before, (call, n)
    for call, n in every_kill(node, "remove", lambda: node.tool("install")):
        load(node.net_d)
        node.tool("remove")
        assert snapshot(node.net_d) == before, (call, n)


def test_many_installers_at_once(node):
    """weird, and several weirctl that are killed at any time; the primary is written meanwhile."""
    primary = Primary(node)
    primary.at_once()
    node.put_plugin()
    node.start()
    eventually(lambda: in_sync(node), 10, "weir is in the chain")
    with Witness(node.net_d) as witness:
        for i in range(40):
            tools = [subprocess.Popen([WEIRCTL, "chain", "install", "--timeout", f"{t + 1}s", "--dir", node.net_d],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for t in range(3)]
            if i % 4 == 0:
                primary.at_once()
            time.sleep(random.uniform(0, 0.02))
            for tool in tools:
                if random.random() < 0.5:
                    tool.kill()
                tool.wait()
        eventually(lambda: in_sync(node, f"token-{primary.token}"), 10, "the last token")
    assert not witness.wrong, witness.wrong[:5]
    eventually(lambda: node.status()["state"] == "in sync", 10, "weird has the last word")
    last = snapshot(node.net_d)[PRIMARY]
    node.stop()
    node.tool("remove")
    assert snapshot(node.net_d) == {PRIMARY: last}


def test_a_running_plugin_is_replaced(node):
    """Never "text file busy"; and never half of it."""
    node.put_plugin()
    target = os.path.join(node.bin, "weir")
    shutil.copy("/bin/sleep", target)
    running = subprocess.Popen([target, "30"])
    try:
        node.put_plugin()
        with open(target, "rb") as ours, open(os.path.join(BUILD, "plugin", "weir"), "rb") as built:
            assert ours.read() == built.read()
        assert not [n for n in os.listdir(node.bin) if "weir-tmp" in n]
    finally:
        running.kill()
        running.wait()


# --- real runtimes


def test_containerd(node):
    with runtimes.containerd(node) as call:
        rootfs = runtimes.make_rootfs(node)

        def life(n):
            out = call("run", "--rm", "--cni", "--runc-binary", "runc", "--rootfs", rootfs,
                       f"weirtest{os.getpid()}x{n}", "/bin/ip", "addr").stdout
            assert "10.77." in out, out

        with_runtime(node, life)


def test_podman(node):
    node.put_plugin()
    node.start()
    runtimes.test_podman(node)
    assert in_sync(node) and adds(node) == 1


def adds(node):
    """How often the runtime came to weird with an ADD."""
    found = re.search(r'weir_rpc_requests_total\{method="cni.add",result="ok"\} (\d+)', metrics(node))
    return int(found.group(1)) if found else 0


def with_runtime(node, life):
    """Pods of a real runtime come and go while the primary's file is written again."""
    primary = Primary(node, "10-weirtest.conflist")
    primary.at_once()
    node.start()
    eventually(lambda: in_sync(node), 10, "weir is in the chain")
    ended = threading.Event()

    def write():
        while not ended.is_set():
            random.choice((primary.at_once, primary.in_pieces, primary.away_and_back))()
            time.sleep(0.02)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for n in range(4):
            life(n)
            assert adds(node) == n + 1, "an ADD that did not come through weir"
    finally:
        ended.set()
        thread.join()


if __name__ == "__main__":
    main(__file__, [test_rewritten_while_pods_come_and_go, test_follows_within_milliseconds,
                    test_status_and_metric, test_primary_leaves_and_another_comes,
                    test_the_token_stays_secret, test_a_read_only_folder_is_no_busy_loop,
                    test_a_name_that_is_taken_is_no_busy_loop,
                    test_purge_restores_the_folder, test_weirctl_killed_at_any_point,
                    test_many_installers_at_once, test_a_running_plugin_is_replaced, test_containerd,
                    test_podman],
         node=ChainNode)
