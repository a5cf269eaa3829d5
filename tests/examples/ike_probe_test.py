#!/usr/bin/env python3
"""Lets ike_probe ask a responder written here, which takes some suites and methods, refuses others by name and is silent on the rest.

Environment: as support.py says.
"""

import hashlib
import json
import socket
import struct
import subprocess
import threading
import time

from support import check, finish, is_complaint, program, run

PROGRAM = program("ike_probe")
DES, DES3, AES = 1, 5, 7
MD5, SHA = 1, 2
PSK, DSS, RSA = 1, 2, 3
VENDOR = bytes.fromhex("afcad71368a1f1c96b8696fc77570100")
STRANGER = hashlib.md5(b"a vendor that nobody has heard of").digest()


def attributes(data):
    found = {}
    while data:
        kind, value = struct.unpack(">HH", data[:4])
        if kind & 0x8000:
            found[kind & 0x7FFF], data = value, data[4:]
        else:
            found[kind], data = int.from_bytes(data[4 : 4 + value], "big"), data[4 + value :]
    return found


class Responder(threading.Thread):
    """Takes 3DES with MD5 or SHA in groups 2 and 5, by pre-shared key or RSA signature; refuses DES by name; drops every first try."""

    def __init__(self, lossy=False):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port, self.lossy, self.times, self.seen = self.socket.getsockname()[1], lossy, [], {}
        self.start()

    def run(self):
        while True:
            data, who = self.socket.recvfrom(65535)
            self.times.append(time.monotonic())
            tries = self.seen[data[:8]] = self.seen.get(data[:8], 0) + 1
            if self.lossy and tries == 1:
                continue
            answer = self.answer(data)
            if answer:
                self.socket.sendto(answer, who)

    def answer(self, data):
        assert data[16] == 1 and data[18] == 2 and struct.unpack(">I", data[24:28])[0] == len(data), data.hex()
        sa = data[28 : 28 + struct.unpack(">H", data[30:32])[0]]
        proposal, at, offered = sa[12:], 8, []
        for _ in range(proposal[7]):
            size = struct.unpack(">H", proposal[at + 2 : at + 4])[0]
            offered.append((proposal[at : at + size], attributes(proposal[at + 8 : at + size])))
            at += size
        head = data[:8] + b"\1\2\3\4\5\6\7\x08"
        for transform, a in offered:
            if a[1] == DES3 and a[2] in (MD5, SHA) and a[4] in (2, 5) and a[3] in (PSK, RSA):
                chosen = b"\0" + transform[1:]
                body = struct.pack(">BBHBBBB", 0, 0, 8 + len(chosen), 1, 1, 0, 1) + chosen
                body = sa[4:12] + body
                body = struct.pack(">BBH", 13, 0, 4 + len(body)) + body + struct.pack(">BBH", 13, 0, 4 + len(VENDOR)) + VENDOR
                body += struct.pack(">BBH", 0, 0, 4 + len(STRANGER)) + STRANGER
                return head + struct.pack(">BBBBII", 1, 0x10, 2, 0, 0, 28 + len(body)) + body
        if any(a[1] == DES for _, a in offered):
            body = struct.pack(">BBHIBBH", 0, 0, 12, 1, 1, 0, 14)  # NO-PROPOSAL-CHOSEN
            return head + struct.pack(">BBBBII", 11, 0x10, 5, 0, 7, 28 + len(body)) + body
        return None


def ask(port, *more):
    return run(PROGRAM, "127.0.0.1", "--port", str(port), "--timeout", "200", "--rate", "500", *more)


quiet = Responder()
words = ("--cipher", "des,3des,aes128", "--hash", "md5,sha1", "--group", "modp768,modp1024,modp1536")
code, out, errors = ask(quiet.port, *words, "--json", "--tries", "1")
check("JSON: exit code 0, nothing on the standard error", code == 0 and not errors, (code, out, errors))
told = json.loads(out)[0]
verdicts = {s["suite"]: s["verdict"] for s in told["suites"]}
check("each suite is asked for once", len(told["suites"]) == len(verdicts) == 18, verdicts)
taken = {s for s, v in verdicts.items() if v == "taken"}
check("what is taken", taken == {f"3des-{h}-{g}" for h in ("md5", "sha1") for g in ("modp1024", "modp1536")}, taken)
refused = [s for s in told["suites"] if s["verdict"] == "refused"]
check("what is refused, and why", len(refused) == 6 and all(s["suite"].startswith("des-") and s["reason"] == "NO-PROPOSAL-CHOSEN" for s in refused), refused)
check("what is not answered", sum(v == "no answer" for v in verdicts.values()) == 8, verdicts)
check("the methods, one by one", told["methods"] == ["psk", "rsa-sig"], told["methods"])
check("the vendor ids, by name where they have one", told["vendor_ids"] == [{"hex": VENDOR.hex(), "name": "dead peer detection (RFC 3706)"}, {"hex": STRANGER.hex()}], told["vendor_ids"])

code, out, errors = ask(quiet.port, *words, "--tries", "1")
check("the table", code == 0 and "4 suites taken" in out and "methods: psk, rsa-sig" in out, (code, out, errors))
check("the vendor ids of the table", f"  vendor id: {VENDOR.hex()}  dead peer detection (RFC 3706)\n  vendor id: {STRANGER.hex()}\n" in out, out)
row = next((line.split() for line in out.splitlines() if line.strip().startswith("3des")), [])
check("a row of the table", row == ["3des", "?", "2", "5", "?", "2", "5"], out)

lossy = Responder(lossy=True)
code, out, errors = ask(lossy.port, "--cipher", "3des", "--hash", "md5", "--group", "modp1024", "--json")
check("what was lost is asked again", code == 0 and json.loads(out)[0]["suites"][0]["verdict"] == "taken", (code, out, errors))

before = len(quiet.times)
run(PROGRAM, "127.0.0.1", "--port", str(quiet.port), "--rate", "20", "--tries", "1", "--timeout", "100", "--method", "psk", *words)
gaps = [b - a for a, b in zip(quiet.times[before:], quiet.times[before + 1 :])]
check("the rate is kept: 18 datagrams at 20 a second", len(gaps) == 17 and sum(gaps) > 16 * 0.05, gaps)

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
    nobody.bind(("127.0.0.1", 0))
    code, out, errors = ask(nobody.getsockname()[1], "--cipher", "3des", "--hash", "md5", "--group", "modp1024", "--tries", "1")
    check("nobody answers: exit code 1", code == 1 and "0 of 1 questions answered" in out, (code, out, errors))

for what, arguments in (
    ("a name instead of an address", ("gateway.example",)),
    ("a cipher that nobody has", ("127.0.0.1", "--cipher", "rot13")),
    ("a cipher without a number in IKEv1", ("127.0.0.1", "--cipher", "chacha20poly1305")),
    ("no address", ()),
    ("a method that is none", ("127.0.0.1", "--method", "charm")),
    ("a rate that is no number", ("127.0.0.1", "--rate", "nan")),
    ("a rate of minus nothing", ("127.0.0.1", "--rate", "-nan")),
    ("a rate beyond the most", ("127.0.0.1", "--rate", "1001")),
    ("no port", ("127.0.0.1", "--port", "0")),
    ("any host", ("0.0.0.0",)),
    ("many hosts, IPv4", ("224.0.0.1",)),
    ("many hosts, IPv6", ("ff02::1",)),
    ("all hosts", ("255.255.255.255",)),
    ("a cipher of no name", ("127.0.0.1", "--cipher", "")),
):
    code, out, errors = run(PROGRAM, *arguments)
    check(f"{what}: one line, exit code 2", code == 2 and not out and is_complaint("ike_probe", errors), (code, out, errors))
with open("/dev/full", "w") as full:
    done = subprocess.run([PROGRAM, "127.0.0.1", "--port", str(quiet.port), *words, "--tries", "1", "--timeout", "100", "--json"],
                          stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    check("no room for what it says: one line, exit code 2", done.returncode == 2 and is_complaint("ike_probe", done.stderr), done)
finish()
