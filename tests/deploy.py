# SPDX-License-Identifier: Apache-2.0
"""What ships for a cluster, held against the tree: conf/kubernetes, conf/container, the unit.

Nothing is started here but "weird --check-config": names agree, rights are those that the
sources ask for, metrics exist, the image has every library. Skips nothing silently.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

try:
    import yaml
except ImportError:
    print("skip: needs python3-yaml")
    sys.exit(77)

TOP = os.path.abspath(os.environ.get(
    "top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")))
BUILD = os.path.abspath(os.environ.get("top_builddir", os.getcwd()))
KUBERNETES = os.path.join(TOP, "conf/kubernetes")
PLACEHOLDERS = {"NODE_NAME": "node-1", "HOST_IP": "192.0.2.1"}
PROGRAMS = ["daemon/weird", "cli/weirctl"] + (
    ["hub/weir-hub"] if os.path.exists(os.path.join(BUILD, "hub/weir-hub")) else [])
# Labels that Prometheus or scrape.yaml give to every series.
TARGET_LABELS = {"job", "instance", "node"}


def read(path):
    with open(os.path.join(TOP, path)) as f:
        return f.read()


def documents(path):
    return [d for d in yaml.safe_load_all(read(path)) if d]


def yaml_files():
    for where, _, names in os.walk(KUBERNETES):
        for name in sorted(names):
            if name.endswith(".yaml"):
                yield os.path.relpath(os.path.join(where, name), TOP)


def objects():
    """Everything that is applied to a cluster: (kind, name) -> object."""
    found = {}
    for path in yaml_files():
        for o in documents(path):
            if "kind" in o and o["kind"] != "Kustomization":
                key = (o["kind"], o["metadata"]["name"])
                assert key not in found, f"{path}: {key} is there twice"
                found[key] = o
    return found


def pod_spec(name="weird"):
    return objects()[("DaemonSet", name)]["spec"]["template"]["spec"]


def containers(spec):
    return spec.get("initContainers", []) + spec["containers"]


def daemon_sources():
    found = {}
    for where, _, names in os.walk(os.path.join(TOP, "daemon")):
        for name in sorted(names):
            if name.endswith(".c"):
                path = os.path.relpath(os.path.join(where, name), TOP)
                found[path] = read(path)
    return found


# --- names -------------------------------------------------------------------------


def test_every_file_is_yaml_and_applied():
    files = list(yaml_files())
    assert len(files) >= 8, files
    applied = set()
    for path in files:
        parsed = documents(path)
        assert parsed, f"{path} is empty"
        assert read(path).startswith("# SPDX-License-Identifier: Apache-2.0\n"), path
        if os.path.basename(path) == "kustomization.yaml":
            folder = os.path.dirname(path)
            applied |= {os.path.join(folder, r) for r in parsed[0]["resources"]} | {path}
    loose = set(files) - applied - {p for p in files if "/monitoring/" in p}
    assert not loose, f"in no kustomization: {loose}"
    assert applied <= set(files), f"named and missing: {applied - set(files)}"


def test_names_agree():
    found = objects()
    assert ("Namespace", "weir-system") in found
    for (kind, name), o in found.items():
        namespace = o["metadata"].get("namespace")
        cluster_wide = kind in ("Namespace", "ClusterRole", "ClusterRoleBinding")
        assert namespace == (None if cluster_wide else "weir-system"), (kind, name, namespace)
        assert o["metadata"]["labels"]["app.kubernetes.io/name"] == "weir", (kind, name)
        if kind.endswith("Binding"):
            assert (o["roleRef"]["kind"], o["roleRef"]["name"]) in found, o["roleRef"]
            for s in o["subjects"]:
                assert (s["kind"], s["name"]) in found and s["namespace"] == "weir-system", s
        if kind == "DaemonSet":
            labels = o["spec"]["template"]["metadata"]["labels"]
            assert o["spec"]["selector"]["matchLabels"] == labels, name
    selectors = [o["spec"]["selector"]["matchLabels"] for (k, _), o in found.items()
                 if k == "DaemonSet"]
    assert len({json.dumps(s, sort_keys=True) for s in selectors}) == len(selectors), selectors
    assert ("ServiceAccount", pod_spec()["serviceAccountName"]) in found


def test_volumes_agree():
    found = objects()
    for name in ("weird", "weir-uninstall"):
        spec = pod_spec(name)
        volumes = {v["name"]: v for v in spec["volumes"]}
        mounted = {m["name"] for c in containers(spec) for m in c.get("volumeMounts", [])}
        assert mounted == set(volumes), (name, mounted ^ set(volumes))
        for v in volumes.values():
            assert "configMap" not in v or ("ConfigMap", v["configMap"]["name"]) in found, v


def test_one_image():
    version = re.search(r"AC_INIT\(\[weir\], \[([^]]+)\]", read("configure.ac")).group(1)
    wanted = None
    for path in ("kustomization.yaml", "uninstall/kustomization.yaml"):
        images = documents(f"conf/kubernetes/{path}")[0]["images"]
        assert [i["name"] for i in images] == ["weir"] and images[0]["newTag"] == version, images
        assert wanted in (None, images), f"{path} has another image"
        wanted = images
    for name in ("weird", "weir-uninstall"):
        for c in containers(pod_spec(name)):
            assert c["image"] == "weir", c
    assert f"weir:{version}" in read("conf/container/Containerfile")


def test_kustomize_builds():
    kubectl = shutil.which("kubectl")
    for folder in (KUBERNETES, KUBERNETES + "/uninstall") if kubectl else ():
        done = subprocess.run([kubectl, "kustomize", folder], text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        images = set(re.findall(r"image: (\S+)", done.stdout))
        assert len(images) == 1 and "registry.invalid/weir:" in images.pop(), done.stdout


# --- what the pod may do --------------------------------------------------------------


def test_least_capabilities():
    unit = read("conf/weird.service.in")
    in_unit = re.search(r"^CapabilityBoundingSet=(.*)$", unit, re.M).group(1).split()
    for name in ("weird", "weir-uninstall"):
        spec = pod_spec(name)
        assert spec["hostNetwork"] and not spec.get("hostPID") and not spec.get("hostIPC"), name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["tolerations"] == [{"operator": "Exists"}]
        assert spec["priorityClassName"] == "system-node-critical"
        for c in containers(spec):
            context = c["securityContext"]
            assert "privileged" not in context and not context["allowPrivilegeEscalation"], c
            assert context["readOnlyRootFilesystem"], c
            assert context["capabilities"]["drop"] == ["ALL"], c
            added = {"CAP_" + cap for cap in context["capabilities"].get("add", [])}
            assert added <= set(in_unit) & {"CAP_NET_ADMIN", "CAP_NET_RAW"}, (c["name"], added)
            assert "lifecycle" not in c, f"{c['name']}: nothing may be removed at the end"
            assert set(c["resources"]) == {"requests", "limits"}, c["name"]
            assert "cpu" not in c["resources"]["limits"], c["name"]
            for m in c.get("volumeMounts", []):
                assert m.get("mountPropagation") in (None, "HostToContainer"), m


def test_probes_ask_pages_that_exist():
    weird = pod_spec()["containers"][0]
    ports = {p["name"]: p["containerPort"] for p in weird["ports"]}
    pages = set(re.findall(r'\{ "(/[a-z]+)"', read("daemon/http/http.c")))
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        get = weird[probe]["httpGet"]
        assert get["path"] in pages and get["port"] in ports, get
    assert weird["readinessProbe"]["httpGet"]["path"] == "/readyz"
    metrics = next(a for a in weird["args"] if a.startswith("--metrics="))
    assert metrics.endswith(f":{ports['metrics']}"), metrics


def test_plugin_is_installed_whole():
    spec = pod_spec()
    init = spec["initContainers"][0]
    script = init["command"][-1]
    image_path = re.search(r"COPY --from=build /image(\S+/weir) ", read("conf/container/Containerfile"))
    assert image_path.group(1) in script, script
    host_paths = {v["name"]: v["hostPath"]["path"] for v in spec["volumes"] if "hostPath" in v}
    folder = next(m["mountPath"] for m in init["volumeMounts"] if host_paths[m["name"]] == "/opt/cni/bin")
    with tempfile.TemporaryDirectory() as root:
        source, target = f"{root}/weir", f"{root}/bin"
        os.mkdir(target)
        for text in ("first", "second"):
            with open(source, "w") as f:
                f.write(text)
            script_here = script.replace(image_path.group(1), source).replace(folder, target)
            subprocess.run(init["command"][:-1] + [script_here], check=True)
            with open(f"{target}/weir") as f:
                assert f.read() == text
            assert os.listdir(target) == ["weir"] and os.access(f"{target}/weir", os.X_OK)


# --- rights at the API server ----------------------------------------------------------


def granted(to="weird"):
    """{(group, resource): verbs} of the roles of this name."""
    found = {}
    for (kind, name), o in objects().items():
        for rule in o.get("rules", []) if kind in ("Role", "ClusterRole") and name == to else ():
            assert "*" not in str(rule), f"a wildcard is not least: {rule}"
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    found.setdefault((group, resource), set()).update(rule["verbs"])
    return found


METHODS = {"GET": "get", "PUT": "update", "PATCH": "patch", "POST": "create", "DELETE": "delete"}


def plain(text):
    """C source with its string macros filled in and adjacent strings joined."""
    for name, value in re.findall(r'^#define (\w+)\s+("[^"]*")', text, re.M):
        text = re.sub(rf"(?<!#define )\b{name}\b", lambda _: value, text)
    return re.sub(r'"\s+"', "", text)


def resource_of(path):
    """(group, resource, whether an object of it is named) of "/apis/apps/v1/namespaces/%s/x/%s"."""
    parts = path.strip("/").split("/")
    group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1], parts[3:])
    if rest[0] == "namespaces" and len(rest) > 2:
        rest = rest[2:]
    return group, "/".join([rest[0], *rest[2:]]), len(rest) > 1


def verbs_of(line, text, named):
    """What the source does with the path in this line. A table with .collection is followed; what
    else is asked stands in the same file: of an object that is named here, or for which the file
    makes the path from a ->collection; "%s%s" is a name and what comes behind it."""
    used = {METHODS[m] for m in re.findall(r'"(GET|PUT|PATCH|POST|DELETE)"', text)}
    if ".collection" in line:
        return {"": {"list", "watch"}}
    if "%s%s" in line:
        found = {}
        for method, suffix in re.findall(r'"(GET|PUT|PATCH)", "(/\w+|)"', text):
            found.setdefault(suffix, set()).add(METHODS[method])
        return found
    if "->collection" in line:
        return {"": used}
    return {"": used & ({"get", "update", "patch", "delete"} if named else {"create"})}


def requested():
    """{(group, resource): verbs} as the sources of weird name them."""
    found = {}
    for source in daemon_sources().values():
        text = plain(source)
        for line in re.findall(r'^(?!#define|\s*\*).*"/apis?/.*$', text, re.M):
            group, name, named = resource_of(re.search(r'"(/apis?/[^"?]*)', line).group(1))
            verbs = verbs_of(line, text, named)
            assert any(verbs.values()), f"no verb for {line.strip()}"
            for suffix, some in verbs.items():
                found.setdefault((group, name + suffix), set()).update(some)
    return found


def test_rights_are_those_that_are_used():
    have, want = granted(), requested()
    assert want["", "pods"] == {"get", "list", "watch"}, want
    for resource in sorted(set(have) | set(want)):
        lacking = want.get(resource, set()) - have.get(resource, set())
        unused = have.get(resource, set()) - want.get(resource, set())
        assert not lacking and not unused, f"{resource}: lacking {lacking}, unused {unused}"


def test_every_right_has_a_reason():
    for part in read("conf/kubernetes/rbac.yaml").split("\n  - apiGroups")[:-1]:
        assert part.rstrip().splitlines()[-1].lstrip().startswith("#"), part[-200:]


# --- configuration ----------------------------------------------------------------------


def weird_arguments(path):
    arguments = []
    for a in pod_spec()["containers"][0]["args"]:
        for name, value in PLACEHOLDERS.items():
            a = a.replace(f"$({name})", value)
        assert "$(" not in a, f"{a}: nobody sets it"
        arguments.append(f"--config={path}" if a.startswith("--config=") else a)
    return arguments


def test_weird_takes_the_configuration():
    weird = pod_spec()["containers"][0]
    assert {e["name"] for e in weird["env"]} == set(PLACEHOLDERS)
    text = objects()[("ConfigMap", "weird")]["data"]["weird.yaml"]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        for extra, good in (("", True), ("nonsense: 1\n", False)):
            f.seek(0)
            f.write(text + extra)
            f.truncate()
            f.flush()
            done = subprocess.run([f"{BUILD}/daemon/weird", "--check-config", *weird_arguments(f.name)],
                                  text=True, capture_output=True)
            assert (done.returncode == 0) == good, done.stderr


def merged_configuration():
    config = yaml.safe_load(read("conf/weird.yaml"))
    ours = yaml.safe_load(objects()[("ConfigMap", "weird")]["data"]["weird.yaml"])
    for key, value in ours.items():
        config[key] = {**config[key], **value} if isinstance(value, dict) else value
    return config


def test_every_folder_of_the_configuration_is_the_nodes():
    spec = pod_spec()
    config = merged_configuration()
    host = {v["name"]: v["hostPath"]["path"] for v in spec["volumes"] if "hostPath" in v}
    at = {m["mountPath"]: m for m in spec["containers"][0]["volumeMounts"]}
    for folder in (config["runDir"], config["stateDir"]):
        assert not at[folder].get("readOnly") and host[at[folder]["name"]] == folder, folder
    assert config["rpc"].startswith(config["runDir"] + "/"), config["rpc"]
    settings = at[config["sysctlDir"] + "/net"]
    assert host[settings["name"]] == "/proc/sys/net" and not settings.get("readOnly")
    chain = config["chain"]
    assert chain["manage"], "nobody else puts weir into the chain"
    assert host[at[chain["dir"]]["name"]] == "/etc/cni/net.d", "not the folder of the runtime"
    assert not at[chain["dir"]].get("readOnly")
    assert host[at[chain["binDir"]]["name"]] == "/opt/cni/bin"
    assert at["/run/netns"]["mountPropagation"] == "HostToContainer"


# --- metrics ------------------------------------------------------------------------------


def known_metrics():
    """Name -> (type, labels), from the documentation; each must be in the sources too."""
    found = {}
    for names, kinds, labels in re.findall(r"^\| ([\w, ]+) \| ((?:gauge|counter)[\w, ]*) \| ([^|]*)\|",
                                           read("docs/OPERATIONS.md"), re.M):
        names, kinds = names.split(", "), kinds.split(", ")
        for name, kind in zip(names, kinds if len(kinds) > 1 else kinds * len(names)):
            found[name] = (kind, set(re.split(r"[,\s]+", labels.strip())) - {""})
    assert len(found) > 30, found
    sources = "".join(daemon_sources().values())
    for name in found:
        assert re.search(rf"\b{name}\b", sources), f"{name} is documented and nowhere in daemon/"
    return found


def check_expression(expr, metrics, where):
    names = set(re.findall(r"\b(?:weir|process)_\w+", expr))
    assert names or "up{" in expr, f"{where}: no metric in {expr}"
    for name in names:
        assert name in metrics, f"{where}: there is no metric {name}"
        counted = re.search(rf"(rate|increase)\({name}\b", expr)
        kind, labels = metrics[name]
        assert bool(counted) == (kind == "counter"), f"{where}: {name} is a {kind}: {expr}"
        for matchers in re.findall(rf"\b{name}\{{([^}}]*)\}}", expr):
            used = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
            assert used <= labels | TARGET_LABELS, f"{where}: {name} has no label {used - labels}"
    if len(names) == 1:
        grouped = set(re.split(r"[,\s]+", ",".join(re.findall(r"\bby \(([^)]*)\)", expr)))) - {""}
        assert grouped <= metrics[names.pop()][1] | TARGET_LABELS, f"{where}: {expr}"


def test_alerts():
    metrics = known_metrics()
    rules = [r for g in documents("conf/kubernetes/monitoring/alerts.yaml")[0]["groups"]
             for r in g["rules"]]
    assert len(rules) >= 8
    assert len({r["alert"] for r in rules}) == len(rules)
    for r in rules:
        check_expression(r["expr"], metrics, r["alert"])
        assert r["labels"]["severity"] in ("page", "ticket"), r
        assert set(r["annotations"]) == {"summary", "description"}, r
        given = set(re.findall(r"\$labels\.(\w+)", json.dumps(r["annotations"])))
        name = re.search(r"\b(?:weir|process)_\w+", r["expr"])
        allowed = TARGET_LABELS | (metrics[name.group()][1] if name else set())
        assert given <= allowed, f"{r['alert']}: no label {given - allowed}"


def test_dashboard():
    metrics = known_metrics()
    board = json.loads(read("conf/kubernetes/monitoring/dashboard.json"))
    variables = {v["name"] for v in board["templating"]["list"]}
    taken = set()
    assert len(board["panels"]) >= 12
    for p in board["panels"]:
        assert p["title"] and p["description"] and p["targets"], p
        box = p["gridPos"]
        cells = {(x, y) for x in range(box["x"], box["x"] + box["w"])
                 for y in range(box["y"], box["y"] + box["h"])}
        assert not cells & taken and box["x"] + box["w"] <= 24, f"{p['title']} overlaps"
        taken |= cells
        for t in p["targets"]:
            check_expression(t["expr"], metrics, p["title"])
            used = set(re.findall(r"\$(\w+)", t["expr"])) - {"__rate_interval"}
            assert used <= variables, f"{p['title']}: {used - variables}"
    assert len({p["id"] for p in board["panels"]}) == len(board["panels"])


def test_scrape():
    job = documents("conf/kubernetes/monitoring/scrape.yaml")[0]["scrape_configs"][0]
    used = {m for path in ("alerts.yaml", "dashboard.json")
            for m in re.findall(r'job=\\?"(\w+)', read(f"conf/kubernetes/monitoring/{path}"))}
    assert used == {job["job_name"]}, used
    keep = job["relabel_configs"][0]
    labels = objects()[("DaemonSet", "weird")]["spec"]["template"]["metadata"]["labels"]
    values = [labels["app.kubernetes.io/name"], labels["app.kubernetes.io/component"],
              pod_spec()["containers"][0]["ports"][0]["name"]]
    assert keep["regex"] == ";".join(values) and keep["action"] == "keep", keep
    assert job["kubernetes_sd_configs"][0]["namespaces"]["names"] == ["weir-system"]
    assert job["relabel_configs"][1]["target_label"] in TARGET_LABELS


# --- image and unit ----------------------------------------------------------------------------


def needed(path):
    out = subprocess.run(["objdump", "-p", path], text=True, capture_output=True, check=True).stdout
    return re.findall(r"NEEDED\s+(\S+)", out)


def loaded_by(program):
    """Path -> package of all it loads. Not followed: what the image is built without."""
    out = subprocess.run(["ldd", program], text=True, capture_output=True, check=True).stdout
    assert "not found" not in out, out
    where = dict(re.findall(r"(\S+) => (/\S+)", out))
    left_out = re.compile(r"lib(systemd|asan|ubsan|lsan|tsan)\.so")
    found, open_ones = {}, [program]
    while open_ones:
        for name in needed(open_ones.pop()):
            path = where.get(name)
            if path and path not in found and not left_out.match(name):
                found[path] = package_of(path)
                open_ones.append(path)
    return found


def package_of(path):
    for p in (path, os.path.realpath(path), "/usr" + path):
        done = subprocess.run(["dpkg-query", "-S", p], text=True, capture_output=True)
        if done.returncode == 0:
            return done.stdout.split(":")[0]
    return None


def dependencies(package, seen):
    if package in seen:
        return
    seen.add(package)
    done = subprocess.run(["dpkg-query", "-W", "-f=${Pre-Depends}, ${Depends}", package],
                          text=True, capture_output=True)
    for d in re.split(r"[,|]", done.stdout):
        name = d.split("(")[0].split(":")[0].strip()
        if name:
            dependencies(name, seen)


def test_image_has_every_library():
    if not shutil.which("dpkg-query") or not shutil.which("objdump"):
        print("   (not Debian: the libraries of the image are not compared)")
        return
    last = read("conf/container/Containerfile").split("\nFROM ")[-1]
    named = re.search(r"--no-install-recommends \\\n(.*?)&&", last, re.S).group(1)
    given = set()
    for package in named.replace("\\", " ").split():
        dependencies(package, given)
    for program in PROGRAMS:
        loaded = loaded_by(os.path.join(BUILD, program))
        assert len(loaded) >= 3, loaded
        for path, package in loaded.items():
            assert package in given, f"{program} loads {path} ({package}): not in the image"


def test_unit_may_write_where_it_must():
    unit = read("conf/weird.service.in")
    config = yaml.safe_load(read("conf/weird.yaml"))
    assert re.search(rf"^ReadWritePaths=-{config['chain']['dir']}$", unit, re.M)
    for directive, folder in (("StateDirectory", config["stateDir"]), ("RuntimeDirectory", config["runDir"])):
        assert re.search(rf"^{directive}={os.path.basename(folder)}$", unit, re.M), directive
    assert "ProtectKernelTunables" not in unit, "weird writes below /proc/sys/net"


def test_unit():
    unit = os.path.join(BUILD, "conf/weird.service")
    with open(unit) as f:
        assert re.search(r"^ExecStart=/\S+/sbin/weird$", f.read(), re.M), "where is weird?"
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        print("   (no systemd-analyze: the unit is not verified)")
        return
    with open(unit) as f:
        text = re.sub(r"^ExecStart=\S+", f"ExecStart={BUILD}/daemon/weird",
                      f.read(), flags=re.M)
    with tempfile.TemporaryDirectory() as folder:
        for extra, good in (("", True), ("Nonsense=1\n", False)):
            with open(f"{folder}/weird.service", "w") as f:
                f.write(text.replace("[Install]", extra + "[Install]"))
            done = subprocess.run([analyze, "verify", "--man=no", f"{folder}/weird.service"],
                                  text=True, capture_output=True,
                                  env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"})
            said = [line for line in done.stderr.splitlines() if "weird.service" in line]
            assert (not said) == good, done.stderr


# --- the hub --------------------------------------------------------------------------------


def hub_config():
    return yaml.safe_load(objects()[("ConfigMap", "weir-hub")]["data"]["hub.yaml"])


def test_hub_takes_its_configuration():
    if not os.path.exists(f"{BUILD}/hub/weir-hub"):
        print("   (built without the hub)")
        return
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(objects()[("ConfigMap", "weir-hub")]["data"]["hub.yaml"])
        f.flush()
        done = subprocess.run([f"{BUILD}/hub/weir-hub", "--check-config", f"--config={f.name}"],
                              text=True, capture_output=True)
        assert done.returncode == 0, done.stderr


def test_hub_pod():
    config = {**yaml.safe_load(read("conf/hub.yaml")), **hub_config()}
    spec = objects()[("StatefulSet", "weir-hub")]["spec"]
    pod = spec["template"]["spec"]
    hub, = pod["containers"]
    volumes = [v["name"] for v in pod["volumes"]] + [
        c["metadata"]["name"] for c in spec["volumeClaimTemplates"]]
    assert sorted(m["name"] for m in hub["volumeMounts"]) == sorted(volumes)
    at = [m["mountPath"] for m in hub["volumeMounts"]]
    for path in (config["http"]["certificate"], config["http"]["key"], config["access"]["file"],
                 config["stateDir"] + "/x", "/var/lib/weir-hub/flows"):
        assert os.path.dirname(path) in at, f"{path} is in no volume"
    ports = {p["name"]: p["containerPort"] for p in hub["ports"]}
    assert ports == {"nodes": int(config["listen"][0].rsplit(":")[-1]),
                     "https": int(config["http"]["address"].rsplit(":")[-1]),
                     "metrics": int(config["metrics"]["address"].rsplit(":")[-1])}, ports
    service = objects()[("Service", "weir-hub")]["spec"]
    assert service["selector"] == spec["selector"]["matchLabels"]
    assert {p["targetPort"] for p in service["ports"]} == {"nodes", "https"}, "metrics stay inside"
    assert pod["securityContext"]["runAsNonRoot"] and not pod.get("hostNetwork")
    assert hub["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert hub["image"] == "weir" and documents("conf/kubernetes/hub/kustomization.yaml")[0][
        "images"] == documents("conf/kubernetes/kustomization.yaml")[0]["images"]


def test_hub_rights_are_those_that_are_used():
    asked = set()
    for where, _, names in os.walk(os.path.join(TOP, "hub")):
        for name in names:
            if name.endswith(".c"):
                asked |= set(re.findall(r'"(?:%s)?(/apis?/[^"?]*)', read(os.path.join(where, name))))
    assert {resource_of(path)[:2]: {"create"} for path in asked} == granted("weir-hub"), asked


def test_hub_unit():
    unit = read("conf/weir-hub.service.in")
    config = yaml.safe_load(read("conf/hub.yaml"))
    assert re.search(rf"^StateDirectory={os.path.basename(config['stateDir'])}$", unit, re.M)
    assert config["store"]["path"].startswith(config["stateDir"] + "/")
    assert config["access"]["audit"].startswith(config["stateDir"] + "/")
    assert re.search(r"^CapabilityBoundingSet=$", unit, re.M)


def main():
    failed = 0
    tests = [f for name, f in globals().items() if name.startswith("test_")]
    for test in tests:
        try:
            test()
            print(f"ok   {test.__name__}")
        except Exception as e:  # each is told, the others go on
            failed += 1
            print(f"FAIL {test.__name__}: {type(e).__name__}: {e}")
    print(f"{len(tests)} tests, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
