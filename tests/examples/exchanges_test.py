#!/usr/bin/env python3
"""Every exchange of phase 1 with every method of authentication, and every cipher of IKE, between two ends of this library; and others
who read what they sent: the oracle of tests/oracle, written from the RFC alone, which takes private keys and Diffie-Hellman secrets and
derives all else; tshark; and ipsec_decode.

Two of our own ends would share a misreading. What they agree on here, the others found by themselves.

Environment: as support.py says.
"""

import base64
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile

import support
from support import SOURCE, check, finish, is_complaint, needs, program, run

GATEWAYS, DECODE = program("two_gateways"), program("ipsec_decode")
ORACLE = os.path.join(SOURCE, "tests", "oracle", "oracle.py")
sys.path.insert(0, os.path.dirname(ORACLE))

from oracle_test import frame_offsets  # noqa: E402  (of a capture: standard library)

METHODS = ("psk", "rsa-sig", "dss", "ecdsa-256", "ecdsa-384", "ecdsa-521", "rsa-enc", "rsa-rev")
SIGNED = {"rsa-sig", "dss", "ecdsa-256", "ecdsa-384", "ecdsa-521"}
RUNS = [("main", method, ()) for method in METHODS] + [("aggressive", method, ("--pfs", "modp1024")) for method in METHODS]
RUNS += [(exchange, method, ("--ike", suite)) for exchange, method, suite in (
    ("main", "psk", "des-md5-modp768"), ("aggressive", "psk", "3des-md5-modp1024"), ("main", "rsa-rev", "idea-md5-modp1024"),
    ("aggressive", "rsa-sig", "blowfish128-sha1-modp1536"), ("main", "rsa-enc", "cast128-sha1-modp1024"), ("main", "dss", "3des-sha256-ec2n155"),
    ("aggressive", "dss", "des-sha1-ec2n185"), ("main", "rsa-rev", "aes192-sha384-ecp384"), ("aggressive", "ecdsa-256", "aes256-sha512-ecp256"),
    ("main", "rsa-sig", "camellia256-sha256-ecp521"), ("main", "rsa-rev", "des-md5-modp1024"), ("main", "psk", "blowfish448-md5-modp1024"),
    ("aggressive", "ecdsa-521", "twofish128-sha256-modp1024"), ("main", "psk", "serpent256-sha1-modp1024"),
    ("main", "psk", "aes128-tiger-modp1024"), ("main", "psk", "aes128-sha1-modp3072"), ("aggressive", "rsa-sig", "aes256-sha256-modp4096"),
    ("aggressive", "psk", "aes128-sha256-ecp192"), ("main", "rsa-enc", "aes128-sha1-ecp224"), ("main", "psk", "aes256-sha256-modp2048s256"),
    ("main", "dss", "aes256-sha512-ecp512bp"))]
RUNS += [("main", method, ("--certificates",)) for method in METHODS[1:]] + [("aggressive", method, ("--certificates", "--pfs", "modp1024")) for method in METHODS[1:]]

# What tshark 4.0 cannot decrypt in IKEv1, by the algorithm, and what it cannot for want of the KE payloads, which the revised mode has
# encrypted: without them there is no IV for the first block behind them. ipsec_decode and the oracle open all of these (the oracle
# knows no Twofish and no Serpent: their numbers are for private use).
CLOSED_TO_TSHARK = ("idea", "blowfish", "cast", "camellia", "twofish", "serpent", "tiger")
CLOSED_TO_ORACLE = ("twofish", "serpent")
CLOSED_FRAMES_OF_TSHARK = {("main", "rsa-rev"): {5}, ("aggressive", "rsa-rev"): {3}}
# It reads an encrypted certificate of that mode as if it was in clear.
SEALED_CERTIFICATES = {("main", "rsa-rev"): {3}, ("aggressive", "rsa-rev"): {1}}
EXPERT_ERROR = 8388608
PAYLOADS = {4: "KE", 5: "ID", 10: "NONCE"}  # what the oracle says it opened


class Course:
    """One run, and what it left."""

    def __init__(self, work, number, exchange, method, more):
        self.exchange, self.method, self.more = exchange, method, more
        self.name = " ".join((exchange, method, *more))
        self.suite = more[more.index("--ike") + 1] if "--ike" in more else "aes128"
        self.is_certified = "--certificates" in more
        self.folder = os.path.join(work, str(number))
        self.capture, self.keys_file = os.path.join(self.folder, "protected.pcap"), os.path.join(self.folder, "keys.json")
        self.code, self.said, self.errors = run(GATEWAYS, "--quiet", "--seed", str(number), "--exchange", exchange, "--auth", method, *more, "--out", self.folder)
        if self.code == 0:
            with open(self.keys_file, encoding="utf-8") as f:
                self.keys = json.load(f)

    def is_closed_to(self, algorithms):
        return any(part.startswith(algorithms) for part in self.suite.split("-"))

    def is_unknown_here(self):
        """Whether the crypto library was built without the suite, as it may be without Tiger; which the program says."""
        return "tiger" in self.suite and self.code == 2 and "tiger" in self.errors and is_complaint("two_gateways", self.errors)


def two_gateways_agree(c):
    check(f"{c.name}: all comes out equal", c.code == 0 and c.said.startswith("EQUAL: 102 packets"), (c.code, c.said, c.errors))
    if c.code != 0:
        return False
    told = {(e["exchange"], e["method"]) for e in c.keys["ike_sas"]}
    check(f"{c.name}: keys.json says so, and has the keys of both ends", told == {(c.exchange, c.method)} and ("psk" in c.keys) == (c.method == "psk") and
          [e["of"] for e in c.keys.get("credentials", [])] == ([] if c.method == "psk" else ["192.0.2.1", "192.0.2.2"]), (told, list(c.keys)))
    return True


def ask_oracle(c, capture=None, keys=None):
    code, shown, errors = run(sys.executable, ORACLE, capture or c.capture, "--keys", keys or c.keys_file, "--report", c.folder + ".report")
    with open(c.folder + ".report", encoding="utf-8") as f:
        return code, shown + errors, json.load(f)


def the_oracle_agrees(c):
    """@return what it found in each frame"""
    code, shown, report = ask_oracle(c)
    right, pfs = report["right"], "--pfs" in c.more
    check(f"{c.name}: the oracle derives every key and checks every HASH and signature", code == 0 and report["verdict"] == "right" and report["unchecked"] == 0, shown)
    proof = "SIG" if c.method in SIGNED else "HASH"
    check(f"{c.name}: both ends are proven to it, by {proof}", right.get(proof + "_I") == right.get(proof + "_R") == 1 and [s["proven"] for s in report["ike_sas"]] == [{"i": True, "r": True}], right)
    check(f"{c.name}: it saw two Quick Modes and three farewells", [right.get(f"HASH({n})") for n in (1, 2, 3)] == [2, 2, 2] and right.get("HASH of an Informational") == 3, right)
    check(f"{c.name}: perfect forward secrecy as asked", [bool(q["pfs_group"]) for q in report["ike_sas"][0]["quick_modes"]] == [pfs] * 2 and len(c.keys["quick_modes"]) == 2 * pfs,
          report["ike_sas"][0]["quick_modes"])
    if c.is_certified:
        the_oracle_reads_certificates(c, report)
    return {m["frame"]: m for m in report["messages"]}


def the_oracle_reads_certificates(c, report):
    """RFC 2409 section 5.1: each end's stands beside its signature. Section 5.2: HASH(1) names the one that the responder decrypts by; in
    section 5.3 the initiator's stands behind its identity, encrypted, and the oracle holds it against KEYS when it is opened."""
    pems = [e["certificate"] for e in c.keys["credentials"]]
    ders = [base64.b64decode("".join(line for line in pem.splitlines() if "-----" not in line)).hex() for pem in pems]
    sent = [(m["by"], p["body"]) for m in report["messages"] for p in m["payloads"] if p["payload"] == "CERT"]
    by_name = report["right"].get("HASH(1) of a certificate", 0)
    if c.method in SIGNED:
        check(f"{c.name}: both certificates are sent, and no other", sorted(body[2:] for _, body in sent) == sorted(ders) and by_name == 0, (sent, ders))
        alone, none = (keys_with(c, name, change) for name, change in ((".alone", lambda k: [e.pop("private_key") for e in k["credentials"]]), (".none", lambda k: k.pop("credentials"))))
        for what, keys in (("the certificates alone", alone), ("nothing but what was sent", none)):
            code, shown, again = ask_oracle(c, keys=keys)
            check(f"{c.name}: the signatures hold by {what}", code == 0 and again["right"].get("SIG_I") == again["right"].get("SIG_R") == 1, shown)
    else:
        check(f"{c.name}: HASH(1) names the responder's certificate, and the initiator's is sent if its place is encrypted", by_name == 1 and len(sent) == (c.method == "rsa-rev"), (by_name, sent))
        code, shown, _ = ask_oracle(c, keys=keys_with(c, ".unnamed", lambda k: [e.pop("certificate") for e in k["credentials"]]))
        check(f"{c.name}: a HASH(1) of no certificate is noticed", code == 1 and "the hash of no certificate" in shown, shown)

    def exchange(keys):
        first, second = keys["credentials"]
        first["of"], second["of"] = second["of"], first["of"]

    code, shown, _ = ask_oracle(c, keys=keys_with(c, ".exchanged", exchange))
    check(f"{c.name}: it notices certificates that are each other's", code == 1 and "MISMATCH" in shown, shown)


def the_oracle_notices(c, messages, number):
    """One octet of one message of phase 1 is another one; the digest and the texts in keys.json are not what tells."""
    phase_1 = [frame for frame, m in messages.items() if m["message_id"] == "00000000"]
    frame = phase_1[number % len(phase_1)]
    with open(c.capture, "rb") as f:
        octets = bytearray(f.read())
    place, _ = frame_offsets(octets)[frame - 1]
    # Behind the headers of IP, UDP and ISAKMP: in an encrypted block, or the lifetime in the SA payload, or KE or a nonce.
    octets[place + 28 + (36 if messages[frame]["encrypted"] else 74)] ^= 1
    changed, keys = c.folder + ".changed", {k: v for k, v in c.keys.items() if k not in ("sha256", "packets", "verified_packets", "packets_left_out")}
    with open(changed, "wb") as f:
        f.write(octets)
    with open(changed + ".json", "w", encoding="utf-8") as f:
        json.dump(keys, f)
    code, shown, _ = ask_oracle(c, c.capture, changed + ".json")
    check(f"{c.name}: with the keys alone the oracle is as sure", code == 0, shown)
    code, shown, _ = ask_oracle(c, changed, changed + ".json")
    check(f"{c.name}: it notices an octet of message {frame} that is another one", code == 1 and "MISMATCH" in shown, shown)


def tshark_agrees(c):
    fields = ("frame.number", "isakmp.flag_e", "isakmp.typepayload", "_ws.malformed", "_ws.expert.severity", "_ws.expert.message")
    words = [word for field in fields for word in ("-e", field)]
    done = subprocess.run(["tshark", "-r", c.capture, "-T", "fields", *words], capture_output=True, text=True, check=False, env={**os.environ, "WIRESHARK_CONFIG_DIR": os.path.join(c.folder, "wireshark")})
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    closed = CLOSED_FRAMES_OF_TSHARK.get((c.exchange, c.method), set()) | (SEALED_CERTIFICATES.get((c.exchange, c.method), set()) if c.is_certified else set())
    bad = [r for r in rows if int(r[0]) not in closed and (r[3] or any(int(s) >= EXPERT_ERROR for s in r[4].split(",") if s))]
    check(f"{c.name}: tshark finds nothing malformed and no error", len(rows) == sum(c.keys["contents"].values()) and not bad, bad or done.stderr)
    if c.is_closed_to(CLOSED_TO_TSHARK):
        return
    listed = {p["frame"]: p["payload_types"] for p in c.keys["packets"] if p["kind"] == "IKEv1 encrypted"}
    # Proposals and transforms (2 and 3) stand inside of SA payloads.
    found = {int(r[0]): [int(t) for t in r[2].split(",") if t and t not in ("2", "3")] for r in rows if r[1] in ("1", "True")}
    check(f"{c.name}: tshark opens every encrypted message", len(listed) >= 8 and found.keys() == listed.keys() and all(found[n] == listed[n] for n in listed if n not in closed), (found, listed))


def keys_with(c, name, change):
    """A copy of keys.json that something is different in."""
    copy = json.loads(json.dumps(c.keys))
    change(copy)
    with open(c.folder + name, "w", encoding="utf-8") as f:
        json.dump(copy, f)
    return c.folder + name


def decode(c, keys):
    code, shown, errors = run(DECODE, "--in", c.capture, "--keys", keys, "--json")
    lines = [json.loads(line) for line in shown.splitlines()]
    check(f"{c.name}: ipsec_decode reads it", code == 0 and not errors and len(lines) == sum(c.keys["contents"].values()), (code, errors))
    return [line for line in lines if line["kind"].startswith("IKE")], [line for line in lines if line["kind"] == "ESP"]


def ipsec_decode_agrees(c, messages):
    """@param messages  what the oracle found"""
    # The first IV follows from the public values, which the revised mode has encrypted.
    ike, esp = decode(c, keys_with(c, ".no-iv", lambda k: [e.pop("initial_iv") for e in k["ike_sas"]]))
    check(f"{c.name}: ipsec_decode opens every message", len(ike) == c.keys["contents"]["IKEv1"] and not [m for m in ike if "not_opened" in m], [m for m in ike if "not_opened" in m])
    signed = {m["frame"] for m in ike if 9 in m["payload_types"]}
    sealed = [m for m in ike if m["kind"] == "IKEv1 encrypted"]
    check(f"{c.name}: every HASH in an encrypted message holds", all(m["icv"] == "ok" for m in sealed if m["frame"] not in signed) and bool(signed) == (c.method in SIGNED), sealed)
    check(f"{c.name}: every ICV holds", len(esp) == 102 and all(p["icv"] == "ok" for p in esp))
    listed = {p["frame"]: p["plaintext"] for p in c.keys["packets"] if p["kind"] == "IKEv1 encrypted"}
    check(f"{c.name}: what is in them is what the sender said", {m["frame"]: m["plaintext"] for m in sealed} == listed)
    hidden = {m["frame"]: sorted((PAYLOADS[p["payload"]], p["body"]) for p in m["opened"] if p["payload"] in PAYLOADS) for m in ike if "opened" in m}
    check(f"{c.name}: two messages have something that is for a private key, or none", len(hidden) == (2 if c.method in ("rsa-enc", "rsa-rev") else 0), hidden)
    if messages:
        in_clear = {"KE"} if c.method == "rsa-enc" else set()  # the oracle lists it all the same
        theirs = {frame: sorted((name, body) for name, body in m["opened"].items() if name not in in_clear) for frame, m in messages.items() if m.get("opened")}
        check(f"{c.name}: the oracle finds the same in them", hidden == theirs, (hidden, theirs))
    if hidden and "--ike" not in c.more:
        ike, _ = decode(c, keys_with(c, ".no-rsa", lambda k: k.pop("credentials")))
        check(f"{c.name}: without private keys it says what it cannot open", {m["frame"] for m in ike if "private key" in m.get("not_opened", "")} == set(hidden), ike[:6])


if __name__ == "__main__":
    foreign = os.environ.get("IPSECPP_SANITIZED") != "1"  # a sanitizer sees nothing new in programs of others
    has_oracle = foreign and needs(importlib.util.find_spec("cryptography"), "no module `cryptography` (Debian: python3-cryptography), which the oracle needs")
    has_tshark = foreign and needs(shutil.which("tshark"), "no tshark")
    with tempfile.TemporaryDirectory() as work:
        for number, (exchange, method, more) in enumerate(RUNS, 1):
            course = Course(work, number, exchange, method, more)
            if course.is_unknown_here():
                print(f"        {course.name}: not in this crypto library")
                continue
            if not two_gateways_agree(course):
                continue
            seen = {}
            if has_oracle and not course.is_closed_to(CLOSED_TO_ORACLE):
                seen = the_oracle_agrees(course)
                if "--ike" not in more:
                    the_oracle_notices(course, seen, number)
            if has_tshark:
                tshark_agrees(course)
            ipsec_decode_agrees(course, seen)
            shutil.rmtree(course.folder)
    finish()
