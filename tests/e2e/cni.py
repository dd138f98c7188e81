# SPDX-License-Identifier: Apache-2.0
"""Calls a chain of CNI plugins as a container runtime does (CNI spec 1.0.0, section 3)."""
import json
import os
import subprocess

from netns import inside


class CniError(Exception):
    """A plugin failed: its error object, or its output when it gave none."""

    def __init__(self, plugin, command, error):
        super().__init__(f"{plugin} {command}: {error.get('msg')} {error.get('details', '')}".strip())
        self.plugin = plugin
        self.code = error.get("code")
        self.error = error


class Chain:
    """One network: a list of plugin configurations, run in the node's namespace."""

    def __init__(self, node_netns, name, plugins, path, version="1.0.0"):
        self.node_netns = node_netns
        self.name = name
        self.plugins = plugins
        self.path = path  # folders with plugins, as in CNI_PATH
        self.version = version

    def call(self, plugin, command, container="", netns="", args="", prev=None, ifname="eth0",
             extra=None):
        """One plugin, one command; its decoded answer (None when it is silent)."""
        conf = dict(plugin, cniVersion=self.version, name=self.name, **(extra or {}))
        if prev is not None:
            conf["prevResult"] = prev
        env = {"CNI_COMMAND": command, "CNI_PATH": ":".join(self.path),
               "CNI_CONTAINERID": container, "CNI_NETNS": netns, "CNI_IFNAME": ifname,
               "CNI_ARGS": args, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        with inside(self.node_netns):
            done = subprocess.run([self._find(plugin["type"])], env=env, input=json.dumps(conf),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            answer = json.loads(done.stdout) if done.stdout.strip() else None
        except ValueError:
            answer = {"msg": f"not JSON: {done.stdout!r}"}
        if done.returncode:
            raise CniError(plugin["type"], command,
                           answer or {"msg": f"exit {done.returncode}: {done.stderr}"})
        return answer

    def add(self, container, netns, args, ifname="eth0"):
        """The result of the last plugin. When one fails, those before it are undone."""
        result = None
        for plugin in self.plugins:
            try:
                result = self.call(plugin, "ADD", container, netns, args, result, ifname)
            except CniError:
                self.delete(container, netns, args, result, ifname, ignore=True)
                raise
        return result

    def check(self, container, netns, args, result, ifname="eth0"):
        for plugin in self.plugins:
            self.call(plugin, "CHECK", container, netns, args, result, ifname)

    def delete(self, container, netns, args, result=None, ifname="eth0", ignore=False):
        """In reverse order, with the result of the ADD."""
        for plugin in reversed(self.plugins):
            try:
                self.call(plugin, "DEL", container, netns, args, result, ifname)
            except CniError:
                if not ignore:
                    raise

    def _find(self, name):
        for folder in self.path:
            if os.access(os.path.join(folder, name), os.X_OK):
                return os.path.join(folder, name)
        raise CniError(name, "find", {"msg": f"no such plugin in {':'.join(self.path)}"})


def primary(kind, families, data_dir, subnets=("10.77.0.0/16", "fd77::/64")):
    """The configuration of Debian's bridge or ptp plugin with host-local addresses."""
    ranges = [[{"subnet": s}] for s, family in zip(subnets, (4, 6)) if family in families]
    routes = [{"dst": d} for d, family in zip(("0.0.0.0/0", "::/0"), (4, 6)) if family in families]
    ipam = {"type": "host-local", "dataDir": data_dir, "ranges": ranges, "routes": routes}
    if kind == "bridge":
        return {"type": "bridge", "bridge": "cni0", "isGateway": True,
                "hairpinMode": True, "ipMasq": False, "ipam": ipam}
    if kind == "ptp":
        return {"type": "ptp", "ipMasq": False, "ipam": ipam}
    raise ValueError(f"no primary plugin called {kind}: bridge, ptp")
