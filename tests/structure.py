# SPDX-License-Identifier: Apache-2.0
"""Who may know whom: the table of docs/ARCHITECTURE.md, held against every #include.

Also: what any source file must have (SPDX line, a C file its own header
first, a size that can be read), and that every path named in the documents
exists.
"""
import os
import re
import sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

# folder -> folders whose headers it may include; include/weir is for everybody.
MAY_SEE = {
    "include/weir": set(),
    "lib": {"lib"},
    "policy": {"policy"},
    "backends": {"backends"},
    "plugin": {"plugin"},
    "cli": {"cli"},
    "hub": {"hub"},
    "daemon": {"daemon", "policy", "backends"},
}
# Headers of include/weir that a folder must not use, and why.
MUST_NOT = {
    "lib": ({"backend.h", "compiler.h"}, "lib knows no kernel object and compiles nothing"),
    "policy": ({"backend.h", "log.h", "rpc.h", "record.h", "wire.h"},
               "policy is pure: no I/O, no log"),
    "backends": ({"compiler.h", "log.h", "rpc.h", "record.h", "wire.h"},
                 "a backend knows backend.h and ruleset.h, and never logs"),
    "cli": ({"backend.h", "compiler.h"}, "weirctl asks the daemon"),
    "plugin": ({"backend.h", "compiler.h", "ruleset.h", "policy.h", "record.h", "wire.h"},
               "the plugin asks the daemon and stays small"),
}
BACKENDS = {"nftables", "ebpf", "delegate", "fake"}
# What policy/ and lib/ may take from the system has no I/O in it.
PURE_NOT = {"fcntl.h", "sys/socket.h", "pthread.h", "time.h", "sys/stat.h", "unistd.h"}
LINES_MAX = 600

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)
problems = []
checked = 0


def complain(path, text):
    problems.append(f"{os.path.relpath(path, TOP)}: {text}")


def sources(folder):
    for where, folders, names in os.walk(os.path.join(TOP, folder)):
        folders[:] = [d for d in folders if not d.startswith((".", "build"))]
        for name in names:
            if name.endswith((".c", ".h")):
                yield os.path.join(where, name)


def own_header(path):
    header = path[:-2] + ".h"
    if os.path.exists(header):
        return os.path.relpath(header, TOP)
    public = os.path.join(TOP, "include/weir", os.path.basename(header))
    return "weir/" + os.path.basename(header) if os.path.exists(public) else None


def check_include(folder, path, kind, name):
    relative = os.path.relpath(path, TOP)
    if kind == "<":
        if folder == "policy" and name in PURE_NOT:
            complain(path, f"includes <{name}>: policy is pure")
        return
    if name.startswith("weir/"):
        header = name[len("weir/"):]
        if not os.path.exists(os.path.join(TOP, "include", name)):
            complain(path, f"includes {name}, which does not exist")
        forbidden, why = MUST_NOT.get(folder, (set(), ""))
        if header in forbidden:
            complain(path, f"includes {name}: {why}")
        return
    if name in ("config.h",):
        return
    there = name.split("/")[0]
    if "/" not in name:
        complain(path, f'includes "{name}": write the path from the top')
    elif there not in MAY_SEE[folder]:
        complain(path, f"includes {name}: {folder}/ may not know {there}/ (docs/ARCHITECTURE.md)")
    elif folder == "backends":
        own, other = relative.split("/")[1], name.split("/")[1]
        if own in BACKENDS and other in BACKENDS and own != other:
            complain(path, f"includes {name}: a backend never sees another backend")


def check_source(folder, path):
    global checked
    checked += 1
    with open(path) as f:
        text = f.read()
    includes = INCLUDE.findall(text)
    if not text.startswith("/* SPDX-License-Identifier: Apache-2.0 */"):
        complain(path, "the first line is not the SPDX line")
    if path.endswith(".h") and "#pragma once" not in text:
        complain(path, "no #pragma once")
    if text.count("\n") > LINES_MAX:
        complain(path, f"{text.count(chr(10))} lines: over {LINES_MAX}, split it")
    header = own_header(path) if path.endswith(".c") else None
    quoted = [name for kind, name in includes if kind == '"' and name != "config.h"]
    if header and header in quoted and quoted[0] != header:
        complain(path, f"includes {quoted[0]} before its own header {header}")
    for kind, name in includes:
        check_include(folder, path, kind, name)


PATH_WORD = re.compile(r"(?<![\w/.-])((?:include|lib|policy|backends|plugin|daemon|cli|hub|conf|docs|"
                       r"tests|bench|build-aux)/[\w./*<>-]*[\w/*>])")


def check_document(path):
    """Every path of the tree that a document names exists. `hub/` comes later."""
    global checked
    checked += 1
    with open(path) as f:
        text = f.read()
    for word in set(PATH_WORD.findall(text)):
        if word.startswith("hub/") or "*" in word or "<" in word:
            continue
        if not os.path.exists(os.path.join(TOP, word.rstrip("."))):
            complain(path, f"names {word}, which does not exist")


def main():
    for folder in MAY_SEE:
        for path in sources(folder):
            check_source(folder, path)
    documents = [os.path.join(TOP, "README.md")]
    for where in ("docs", "docs/man", "bench"):
        folder = os.path.join(TOP, where)
        if os.path.isdir(folder):
            documents += [os.path.join(folder, n) for n in os.listdir(folder)
                          if n.endswith((".md", ".1", ".5", ".8"))]
    for path in documents:
        check_document(path)
    for problem in sorted(problems):
        print(problem)
    if checked < 50:
        sys.exit(f"only {checked} files were found in {TOP}")
    print(f"{checked} files, {len(problems)} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
