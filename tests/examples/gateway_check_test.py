#!/usr/bin/env python3
"""Runs gateway --check as its users do: what a good file says, and one line for a bad one."""

import os
import tempfile

import support
from support import SOURCE, check, finish

PROGRAM = support.program("gateway")
SAMPLE = os.path.join(SOURCE, "examples", "gateway", "site-to-site.conf")


def run(*arguments):
    return support.run(PROGRAM, *arguments, timeout=60)


def refused(what, wanted, *arguments):
    shown = run(*arguments)
    check(what, shown == (2, "", f"gateway: {wanted}\n"), shown)


def main():
    code, out, err = run("--config", SAMPLE, "--check")
    lines = out.splitlines()
    check("the sample is good", code == 0 and err == "", (code, err))
    check("its connection is shown", lines[:1] == ["connection office: 192.0.2.1 port 500 <-> 192.0.2.2 port 500, IKEv1"], out)
    check("so are its children", [line.split(":")[0] for line in lines if line.startswith("  child")] == ["  child net", "  child net6", "  child dns"], out)
    check("its secret is not", "change this" not in out and "pre-shared key of 29 octets" in out, out)

    with tempfile.TemporaryDirectory() as folder:
        def write(name, text):
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            return path

        with open(SAMPLE, encoding="utf-8") as f:
            sample = f.read()
        os.mkdir(os.path.join(folder, "conf.d"))
        part = write("conf.d/office.conf", sample)
        whole = write("whole.conf", "include conf.d/*.conf\n")
        check("an included file counts as if it stood there", run("--config", whole, "--check") == (0, out, ""))

        write("conf.d/office.conf", sample.replace("start_action", "star_action", 1))
        line = next(n for n, text in enumerate(sample.splitlines(), 1) if "start_action" in text)
        code, nothing, err = run("--config", whole, "--check")
        check("a fault in it has its name, line and column", code == 2 and nothing == "" and err.count("\n") == 1 and
              err.startswith(f"gateway: {part}:{line}:9: unknown key 'star_action' in connections.office.children.net; known are "), err)

        bad = write("bad.conf", "connections {\n  gw { version = 2 }\n}\n")
        refused("IKEv2 is refused by name", f"{bad}:2:18: version in connections.gw: '2' (IKEv2) is not supported: write version = 1", "--config", bad, "--check")
        binary = os.path.join(folder, "binary")
        with open(binary, "wb") as f:
            f.write(b"\x7fELF\x02\n")
        refused("a foreign file is refused", f"{binary}:1:1: '\\x7f' where a key or the name of a section was expected", "--config", binary, "--check")
        none = os.path.join(folder, "none.conf")
        refused("a missing file is refused", f"{none}: cannot be read: No such file or directory", "--config", none, "--check")
        refused("a folder is refused", f"{folder}: cannot be read: it is a folder", "--config", folder, "--check")

    code, nothing, err = run("--check")
    check("without --config there is one line", code == 2 and nothing == "" and err.count("\n") == 1 and "--config" in err, err)
    code, nothing, err = run("--config", SAMPLE, "--chekc")
    check("so is there for an unknown option", code == 2 and nothing == "" and err.count("\n") == 1 and "--chekc" in err, err)
    finish()


main()
