#!/usr/bin/env python3
"""Asks policy_explain its three questions about files of `ip xfrm` lines, and gives it what it cannot read.

Environment: as support.py says.
"""

import os
import tempfile

from support import check, finish, is_complaint, program, run

PROGRAM = program("policy_explain")

OFFICE = """\
# ESP between two sites; telnet never; DNS in the clear
ip xfrm policy add src 0.0.0.0/0 dst 0.0.0.0/0 proto tcp dport 23 dir out action block priority 10
ip xfrm policy add src 10.1.0.0/16 dst 10.2.0.0/16 dir out priority 20 tmpl src 192.0.2.1 dst 192.0.2.2 proto esp mode tunnel
ip xfrm policy add src 0.0.0.0/0 dst 0.0.0.0/0 proto udp dport 53 dir out priority 30
ip xfrm policy add src 10.2.0.0/16 dst 10.1.0.0/16 dir in priority 20 tmpl src 192.0.2.2 dst 192.0.2.1 proto esp mode tunnel
"""
# line 6: both halves of it are taken before
SHADOWED = OFFICE + """\
ip xfrm policy add src 10.1.0.0/17 dst 10.2.3.0/24 dir out action block priority 40
ip xfrm policy add src 10.1.128.0/17 dst 10.9.0.0/24 dir out action block priority 40
"""


def ask(*arguments):
    return run(PROGRAM, *arguments)


def complains(what, *arguments):
    code, out, errors = ask(*arguments)
    check(f"{what}: one line, exit code 2", code == 2 and not out and is_complaint("policy_explain", errors), (code, out, errors))
    return errors


with tempfile.TemporaryDirectory() as folder:

    def write(name, text):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    office, shadowed = write("office", OFFICE), write("shadowed", SHADOWED)

    # --flow: who decides, and why none before
    code, out, errors = ask("--xfrm", office, "--flow", "10.1.0.1[4000] -> 10.2.0.2[80] tcp")
    check("a packet between the sites is protected", code == 0 and "decided by line 3: apply esp tunnel 192.0.2.1-192.0.2.2" in out, out)
    check("the policy before does not fit, and why", "no   line 2" in out and "its destination port does not fit" in out, out)
    check("later policies are not shown", "line 4" not in out, out)
    code, out, errors = ask("--xfrm", office, "--flow", "10.1.0.1 -> 10.2.0.2 tcp later fragment")
    check("a later fragment is dropped where a port is asked for", code == 0 and "decided by line 2: discard, since it cannot tell" in out, out)
    code, out, errors = ask("--xfrm", office, "--flow", "10.9.0.1 -> 10.8.0.2 icmp(8/0)")
    check("no policy: discard", code == 0 and "decided by no policy: discard" in out and out.count("does not fit") == 3, out)
    mobile = write("mobile", "policy add dir out src fd00::/8 dst ::/0 proto mobility-header type 5\n")
    for flow, line in (("mobility-header(5)", "decided by line 1"), ("mobility-header(6)", "decided by no policy")):
        code, out, errors = ask("--xfrm", mobile, "--flow", "fd00::1 -> fd01::1 " + flow)
        check(f"a policy for one mobility message judges {flow}", code == 0 and line in out and "mobility(" in out, (out, errors))
    code, out, errors = ask("--xfrm", office, "--unmatched", "bypass", "--flow", "10.9.0.1 -> 10.8.0.2 icmp(8/0)")
    check("no policy: bypass, when asked for", code == 0 and "decided by no policy: bypass" in out, out)
    code, out, errors = ask("--xfrm", office, "--dir", "in", "--flow", "10.2.0.1 -> 10.1.0.2 gre")
    check("the other direction has policies of its own", code == 0 and "decided by line 5: apply esp tunnel" in out, out)

    many = write("many", "".join(f"policy add dir out src 10.{i // 256}.{i % 256}.0/24 dst 10.0.0.0/8\n" for i in range(5000)))
    code, out, errors = ask("--xfrm", many, "--flow", "10.19.135.1 -> 10.0.0.1 gre")
    check("one of 5000 policies decides", code == 0 and "decided by line 5000" in out, (code, out[-300:], errors))

    # --shadowed
    code, out, errors = ask("--xfrm", office, "--shadowed")
    check("every policy decides something", code == 0 and out == "every policy decides some packet\n", out)
    code, out, errors = ask("--xfrm", shadowed, "--shadowed")
    check("the policy that never decides is named", code == 1 and "out: never decides: line 6" in out and "line 7" not in out, out)
    check("and who takes its packets", "taken by line 3" in out and "taken by line 4" not in out, out)

    # --diff
    code, out, errors = ask("--xfrm", office, "--diff", shadowed)
    check("a shadowed block makes no difference, nor does one where nothing passed", code == 0 and "alike" in out, out)
    wider = write("wider", OFFICE.replace("dport 53 dir out", "dport 53-54 dir out").replace("dport 53-54", "dport 54"))
    code, out, errors = ask("--xfrm", office, "--diff", wider)
    check("another port makes one", code == 1 and "[53] udp" in out and "[54] udp" in out and out.count("no policy: discard") >= 2, out)
    code, out, errors = ask("--xfrm", wider, "--diff", wider)
    check("a file and itself", code == 0, out)

    tunnel = "policy add dir out src 10.1.0.0/16 dst 10.2.0.0/16 tmpl src 192.0.2.1 dst 192.0.2.2 proto esp mode tunnel"
    plain = write("plain", tunnel + "\n")
    with_esp = f"{tunnel} reqid 1 tmpl src 192.0.2.1 dst 192.0.2.2 proto ah reqid 5"
    for what, before, after, told in (
            ("another reqid", f"{tunnel} reqid 1", f"{tunnel} reqid 2", ("reqid 1", "reqid 2")),
            ("a reqid and none", tunnel, f"{tunnel} reqid 2", ("reqid 2",)),
            ("another SPI", f"{tunnel} spi 0x1000", f"{tunnel} spi 0x1001", ("spi 0x1000", "spi 0x1001")),
            ("another reqid of the second SA", with_esp, with_esp.replace("reqid 5", "reqid 6"), ("reqid 1 ah", "reqid 5", "reqid 6")),
            ("both alike", with_esp, with_esp, None)):
        code, out, errors = ask("--xfrm", write("before", before + "\n"), "--diff", write("after", after + "\n"))
        check(f"{what}: {'a' if told else 'no'} difference", code == (1 if told else 0) and errors == "" and
              (all(word in out for word in told) and "before  line 1" in out if told else "alike" in out), (code, out, errors))
    block = write("block", tunnel.replace("dir out", "dir out action block") + " reqid 1\n")
    other = write("other", tunnel.replace("dir out", "dir out action block") + " reqid 2\n")
    code, out, errors = ask("--xfrm", block, "--diff", other)
    check("a reqid of what is blocked is no difference", code == 0 and "alike" in out, (code, out, errors))

    # what it cannot read
    check("an empty packet is complained of as one", complains("an empty packet", "--xfrm", plain, "--flow", "").find("--flow: ") > 0)
    check("so is an empty name", complains("an empty name", "--xfrm", plain, "--diff", "").find("--diff: no name: ") > 0)
    for question in (("--shadowed",), ("--diff", plain)):
        said = complains(f"a direction for {question[0]}", "--xfrm", plain, "--dir", "in", *question)
        check("it is said what --dir goes with", "--dir: " in said and "--flow" in said, said)
    bad = write("bad", OFFICE + "ip xfrm policy add src 10.0.0.0/8 dst wonderland dir out\n")
    complains("no file", "--xfrm", os.path.join(folder, "none"), "--shadowed")
    complains("a folder", "--xfrm", folder, "--shadowed")
    said = complains("a bad line", "--xfrm", bad, "--shadowed")
    check("the line is named, and what to do", "line 6" in said and said.endswith(": correct the line\n"), said)
    short = write("short", OFFICE + "ip xfrm policy add src 10.0.0.0/8 dst 10.0.0.0/8 dir out tmpl proto comp\n")
    check("so is a policy that this library cannot have", complains("compression", "--xfrm", short, "--shadowed").endswith(": correct the line\n"))
    remarks = write("remarks", "# nothing but remarks\n\n")
    for question in (("--shadowed",), ("--diff", office), ("--flow", "10.0.0.1 -> 10.0.0.2 gre")):
        said = complains(f"no policy, {question[0]}", "--xfrm", remarks, *question)
        check("it is said that there is none", f"{remarks}: no policy: " in said, said)
    check("nor in the other file", "--diff: " in complains("no policy to compare with", "--xfrm", office, "--diff", remarks))
    complains("a bad second file", "--xfrm", office, "--diff", bad)
    complains("no question", "--xfrm", office)
    complains("two questions", "--xfrm", office, "--shadowed", "--flow", "10.0.0.1 -> 10.0.0.2 gre")
    complains("no such direction", "--xfrm", office, "--dir", "up", "--shadowed")
    for flow in (
        "hello", "10.0.0.1", "10.0.0.1 -> 10.0.0.2", "10.0.0.1 -> ::1 gre", "10.0.0.1 -> 10.0.0.2 tcp", "10.0.0.1[1] -> 10.0.0.2 tcp",
        "10.0.0.1[1] -> 10.0.0.2[2] gre", "10.0.0.1[1] -> 10.0.0.2[70000] tcp", "10.0.0.1[1 -> 10.0.0.2[2] tcp",
        "10.0.0.1 -> 10.0.0.2 icmp(300/0)", "10.0.0.1 -> 10.0.0.2 icmp(8/x)", "10.0.0.1 -> 10.0.0.2 gre(1)", "10.0.0.1 -> 10.0.0.2 gre now",
        "10.0.0.1 -> 10.0.0.2 icmp", "10.0.0.1[1] -> 10.0.0.2[2] tcp later fragment",
    ):  # fmt: skip
        complains(f"'{flow}' is no packet", "--xfrm", office, "--flow", flow)
    key = "0xda95a285616577f7b4a08d791f4ceb50"
    secret = write("secret", f"ip xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi 300 {key}\n")
    check("no key is shown", key not in complains("a key in the wrong place", "--xfrm", secret, "--shadowed"))

finish()
