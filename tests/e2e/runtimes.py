# SPDX-License-Identifier: Apache-2.0
"""weir called by real container runtimes: podman with its CNI backend, and containerd's ctr.

Everything of the runtimes (images, state, sockets) is in the node's temporary folder; they run in the
node's network namespace and in a mount namespace of their own, where /etc/cni/net.d and /opt/cni/bin are
ours. No registry is needed: the root file system is a static busybox.
"""
import contextlib
import json
import os
import shutil
import subprocess
import time

from fixture import BUILD, CNI_BIN, Skip, eventually, main
from netns import run

BUSYBOX = "/bin/busybox"


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"needs {program} (apt-get install podman containerd runc busybox-static)")


def conflist(node):
    """bridge and weir, as an administrator would write them."""
    return {"cniVersion": "1.0.0", "name": "weirtest",
            "plugins": [dict(p) for p in node.chain.plugins]}


def make_rootfs(node):
    said = run("ldd", BUSYBOX, check=False)
    if "not a dynamic executable" not in said.stdout + said.stderr:
        raise Skip("needs a static busybox (apt-get install busybox-static)")
    root = node.path("rootfs")
    for folder in ("bin", "proc", "sys", "dev", "etc", "tmp"):
        os.makedirs(os.path.join(root, folder), exist_ok=True)
    shutil.copy(BUSYBOX, os.path.join(root, "bin", "busybox"))
    for name in ("sh", "ip", "sleep", "cat"):
        with contextlib.suppress(FileExistsError):
            os.symlink("busybox", os.path.join(root, "bin", name))
    return root


@contextlib.contextmanager
def view(node):
    """The two folders that runtimes look into; how to start something that sees them.

    One mount namespace for all calls of a test: podman keeps the pod's network namespace in it.
    """
    for folder in ("cni", "cni/net.d", "cni/bin"):
        os.makedirs(node.path(folder), exist_ok=True)
    with open(node.path("cni/net.d/10-weirtest.conflist"), "w") as f:
        json.dump(conflist(node), f)
    for name in os.listdir(CNI_BIN):
        with contextlib.suppress(FileExistsError):
            os.symlink(os.path.join(CNI_BIN, name), node.path(f"cni/bin/{name}"))
    shutil.copy(os.path.join(BUILD, "plugin", "weir"), node.path("cni/bin/weir"))
    for folder in ("/etc/cni", "/opt"):
        if not os.path.isdir(folder):
            raise Skip(f"needs the folder {folder}, to mount over in a namespace of its own")
    script = ("mount -t tmpfs none /etc/cni && mount -t tmpfs none /opt && "
              "mkdir -p /etc/cni/net.d /opt/cni/bin && "
              f"mount --bind {node.path('cni/net.d')} /etc/cni/net.d && "
              f"mount --bind {node.path('cni/bin')} /opt/cni/bin && echo ready && exec sleep 600")
    holder = node.host.popen("unshare", "--mount", "--propagation", "slave", "sh", "-c", script,
                             stdout=subprocess.PIPE, text=True)
    try:
        if holder.stdout.readline() != "ready\n":
            raise Skip("needs to mount in a namespace of its own")
        yield ("nsenter", f"--mount=/proc/{holder.pid}/ns/mnt", "--")
    finally:
        holder.kill()
        holder.wait()


def endpoints(node):
    return [e for e in node.query("endpoints")["endpoints"] if e["container"]]


def test_podman(node):
    need("podman", "runc")
    rootfs = make_rootfs(node)
    with open(node.path("containers.conf"), "w") as f:
        f.write(f'[network]\nnetwork_backend = "cni"\ncni_plugin_dirs = ["{node.path("cni/bin")}"]\n'
                f'network_config_dir = "{node.path("cni/net.d")}"\n[engine]\ncgroup_manager = "cgroupfs"\n')
    env = {**os.environ, "CONTAINERS_CONF": node.path("containers.conf"), "TMPDIR": node.dir}
    podman = ("podman", "--root", node.path("podman"), "--runroot", node.path("podman-run"),
              "--storage-driver", "vfs", "--runtime", "runc", "--tmpdir", node.path("podman-tmp"))

    run("tar", "-C", rootfs, "-cf", node.path("rootfs.tar"), ".")
    with view(node) as wrap:
        podman_life(node, lambda *args, check=True: node.host.run(*wrap, *podman, *args, env=env,
                                                                  check=check))


def podman_life(node, call):
    """A container comes, has the address that weir knows, and goes."""
    call("import", node.path("rootfs.tar"), "weirtest:1")
    try:
        call("run", "-d", "--ulimit", "nofile=512:512",
             "--ulimit", "nproc=512:512", "--name", "one", "--network", "weirtest", "weirtest:1", "/bin/sleep", "60")
        found = endpoints(node)
        assert len(found) == 1 and found[0]["addresses"], found
        assert found[0]["namespace"] is None, "podman gives no namespace: not a Kubernetes pod"
        inside = call("exec", "one", "/bin/ip", "addr").stdout
        assert found[0]["addresses"][0] in inside, inside
        call("rm", "-f", "-t", "0", "one")
        eventually(lambda: not endpoints(node), 5, "podman rm is a DEL")
    finally:
        call("rm", "-f", "-t", "0", "--all", check=False)


@contextlib.contextmanager
def containerd(node):
    """containerd of this test; how to call ctr."""
    need("containerd", "ctr", "runc")
    config, sock = node.path("containerd.toml"), node.path("ctd.sock")
    with open(config, "w") as f:
        f.write(f'version = 2\nroot = "{node.path("ctd-root")}"\nstate = "{node.path("ctd-state")}"\n'
                f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{sock}"\n')
    with view(node) as wrap, open(node.path("containerd.log"), "w") as log:
        process = node.host.popen(*wrap, "containerd", "--config", config, stdout=log, stderr=log,
                                  stdin=subprocess.DEVNULL)
        try:
            eventually(lambda: os.path.exists(sock), 20, "containerd's socket")
            yield lambda *args, check=True: node.host.run(*wrap, "ctr", "-a", sock, *args, check=check)
        finally:
            process.terminate()
            process.wait()


def test_ctr(node):
    with containerd(node) as call:
        ctr_life(node, call)


def ctr_life(node, call):
    rootfs, name = make_rootfs(node), f"weirtest{os.getpid()}"
    try:
        call("run", "-d", "--cni", "--runc-binary", "runc", "--rootfs", rootfs, name,
             "/bin/sleep", "60")
        found = endpoints(node)
        assert len(found) == 1 and found[0]["addresses"], found
        assert found[0]["namespace"] is None, "ctr gives no CNI_ARGS"
        inside = call("task", "exec", "--exec-id", "x", name, "/bin/ip", "addr").stdout
        assert found[0]["addresses"][0] in inside, inside
        call("task", "kill", "-s", "KILL", name)
        time.sleep(0.3)
        call("task", "rm", "-f", name, check=False)
    finally:
        call("task", "kill", "-s", "KILL", name, check=False)
        call("task", "rm", "-f", name, check=False)
        call("container", "rm", name, check=False)


def test_ctr_foreground_calls_del(node):
    """ctr run in the foreground removes the network at the end, with an empty CNI_NETNS."""
    with containerd(node) as call:
        out = call("run", "--rm", "--cni", "--runc-binary", "runc", "--rootfs", make_rootfs(node),
                   f"weirtest{os.getpid()}", "/bin/ip", "addr").stdout
        assert "10.77." in out, out
        eventually(lambda: not endpoints(node), 5, "the endpoint is gone")


if __name__ == "__main__":
    main(__file__, [test_podman, test_ctr, test_ctr_foreground_calls_del])
