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
    check("so are its children", [line.split(":")[0] for line in lines if line.startswith("  child")] == ["  child net", "  child net6", "  child both"], out)
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
        for address in ("0.0.0.0", "255.255.255.255", "224.0.0.1", "::", "ff02::1"):
            bad = write("bad.conf", f"connections {{\n  gw {{\n    remote_addrs = {address}\n  }}\n}}\n")
            refused(f"{address} is nobody's", f"{bad}:3:20: remote_addrs in connections.gw: '{address}' is not the address of one system", "--config", bad, "--check")
        bad = write("bad.conf", "secrets {\n  bogus {\n  }\n}\n")
        xfrm = write("xfrm", "")
        refused("a bad file is refused beside keys by hand, too", f"{bad}:2:3: unknown section 'bogus' in secrets; known are ike<suffix>, private<suffix>, rsa<suffix>, ecdsa<suffix>, pkcs8<suffix>, xauth<suffix>", "--config", bad, "--xfrm", xfrm, "--check")
        state = "state add src 192.0.2.1 dst 192.0.2.2 proto esp spi {} {}\n"
        for what, spi, words in (("reserved SPI", 255, "auth 'hmac(sha1)' 0x" + "ab" * 20 + " enc 'cbc(aes)' 0x" + "cd" * 16),
                                 ("counter mode", 4096, "aead 'rfc4106(gcm(aes))' 0x" + "ab" * 20 + " 128"),
                                 ("no integrity", 4096, "enc 'cbc(aes)' 0x" + "cd" * 16)):
            bad = write("xfrm", state.format(spi, words))
            code, nothing, err = run("--xfrm", bad, "--check")
            check(f"{what} is refused by --check", code == 2 and nothing == "" and err.count("\n") == 1 and err.startswith(f"gateway: {bad}: "), err)
        refused("a folder is no batch", f"{folder}: cannot be read: it is a folder", "--xfrm", folder, "--check")
        none = os.path.join(folder, "none.conf")
        refused("a missing file is refused", f"{none}: cannot be read: No such file or directory", "--config", none, "--check")
        refused("a folder is refused", f"{folder}: cannot be read: it is a folder", "--config", folder, "--check")

    code, nothing, err = run("--check")
    check("without --config there is one line", code == 2 and nothing == "" and err.count("\n") == 1 and "--config" in err, err)
    code, nothing, err = run("--config", SAMPLE, "--chekc")
    check("so is there for an unknown option", code == 2 and nothing == "" and err.count("\n") == 1 and "--chekc" in err, err)
    finish()


main()
