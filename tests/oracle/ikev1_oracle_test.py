#!/usr/bin/env python3
"""Proves the oracle on IKEv1: published values, captures of other implementations, and exchanges made here of the methods that no capture has.

    ikev1_oracle_test.py [DATA]

Each exchange made here is also damaged, an octet at a time, and made again under misreadings of the RFC: all of that must be refused.
Environment: IPSECPP_SHARED, the folder with captures/ that the project does not carry; without it that part is skipped. Exit 77 when
anything was skipped.
"""

import importlib.util
import json
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "examples"))

from support import check, finish, needs, skip  # noqa: E402

if not needs(importlib.util.find_spec("cryptography"), "no module `cryptography` (Debian: python3-cryptography)"):
    finish()

from cryptography.exceptions import InvalidTag  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402

import algorithms  # noqa: E402
import ikev1  # noqa: E402
import self_made  # noqa: E402
from credentials import check_ecdsa  # noqa: E402
from oracle import Keys, Oracle  # noqa: E402

DATA = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("IPSECPP_TEST_DATA", os.path.join(HERE, "..", "data"))
SHARED = os.environ.get("IPSECPP_SHARED", "")
WORK = tempfile.mkdtemp()


def judged(capture, keys):
    """The oracle after it read a capture, given by its path or its octets."""
    if isinstance(capture, bytes):
        path = os.path.join(WORK, "capture")
        with open(path, "wb") as f:
            f.write(capture)
        capture = path
    made = Oracle(capture, Keys(keys))
    made.run()
    return made


def said(oracle):
    return "\n".join([*oracle.summary(), *oracle.faults])


# Published values


def vectors(name):
    path = next(
        (p for p in (os.path.join(DATA, "vectors", name), os.path.join(SHARED or "/nowhere", "vectors", name)) if os.path.exists(p)), None
    )
    if path is None:
        skip(f"no {name}")
        return []
    with open(path, encoding="utf-8") as f:
        return json.load(f)["tests"]


def derivations():
    for name, family in (("psk-cavs", "psk"), ("sig-cavs", "signature"), ("pke-selfmade", "encryption")):
        tests = vectors(f"ikev1-kdf-{name}.json")
        wrong = []
        for n, t in enumerate(tests):
            raw = {k: bytes.fromhex(v) for k, v in t.items() if isinstance(v, str) and k not in ("hash", "note_ka")}
            kind, cookies = t["hash"].lower().replace("-", ""), raw["cky_i"] + raw["cky_r"]
            skeyid = ikev1.skeyid_of(family, kind, raw["ni"], raw["nr"], cookies, raw["gxy"], raw.get("psk", b""))
            found = (skeyid, *ikev1.skeyids(kind, skeyid, cookies, raw["gxy"]))
            if found != tuple(raw[k] for k in ("skeyid", "skeyid_d", "skeyid_a", "skeyid_e")):
                wrong.append(n)
            if (
                "ka_appendix_b_32_bytes" in raw
                and len(found[3]) < 32
                and algorithms.cipher_key(kind, found[3], "AES", 32) != raw["ka_appendix_b_32_bytes"]
            ):
                wrong.append(f"{n}, key")
            if "phase1_iv_hash" in raw and algorithms.digest(kind, raw["gxi"] + raw["gxr"]) != raw["phase1_iv_hash"]:
                wrong.append(f"{n}, IV")
        if tests:
            check(f"{name}: {len(tests)} derivations", not wrong, str(wrong))


def primitives():
    tests = vectors("des-weak-keys.json")
    parity = [bytes(b ^ 1 for b in bytes.fromhex(t["key"])) for t in tests]
    check(
        "weak DES keys, whatever their parity",
        all(algorithms.is_weak_des(bytes.fromhex(t["key"])) for t in tests) and all(map(algorithms.is_weak_des, parity)),
    )
    check("another DES key", not algorithms.is_weak_des(bytes.fromhex("0123456789abcdef")))
    weak = bytes.fromhex("0101010101010101")
    check("a weak key of DES is passed over", algorithms.cipher_key("md5", weak + b"abcdefgh", "DES", 8) == b"abcdefgh")
    for t in vectors("cbc-ciphers.json"):
        name = t["alg"].removesuffix("-CBC").upper().removesuffix("-128")
        if name in ("DES", "3DES", "CAST", "BLOWFISH", "AES", "CAMELLIA"):
            key, iv, clear, text = (bytes.fromhex(t[k]) for k in ("key", "iv", "plaintext", "ciphertext"))
            check(
                f"{name}-CBC with {len(key) * 8} bits",
                algorithms.decrypt_cbc(name, key, iv, text) == clear and algorithms.encrypt_cbc(name, key, iv, clear) == text,
            )
    # Ascom's and Schneier's published block, doubled through CBC.
    key, iv = bytes.fromhex("00010002000300040005000600070008"), bytes(8)
    text = algorithms.encrypt_cbc("IDEA", key, iv, bytes.fromhex("0000000100020003") * 2)
    check(
        "IDEA-CBC",
        text[:8].hex() == "11fbed2b01986de5" and algorithms.decrypt_cbc("IDEA", key, iv, text) == bytes.fromhex("0000000100020003") * 2,
    )
    check("Tiger", algorithms.digest("tiger", b"abc").hex() == "2aab1484e8c158f2bfb8c5ff41b57a525129131c957b5f93")  # its authors' own
    for t in vectors("aes-xcbc-rfc3566.json"):
        check(
            f"AES-XCBC-MAC of {len(t['data']) // 2} octets",
            algorithms.mac("aes-xcbc", bytes.fromhex(t["key"]), bytes.fromhex(t["data"])).hex() == t["mac"],
        )
    for file, name in (("esp-aes-ccm-rfc4309", "AES-CCM"), ("esp-aes-gcm-rfc4106", "AES-GCM"), ("esp-aes-gmac-rfc4543", "AES-GMAC")):
        wrong = []
        for n, t in enumerate(vectors(file + ".json")):
            key, salt, iv, text, tag, aad = (bytes.fromhex(t[k]) for k in ("key", "salt", "iv", "ciphertext", "tag", "aad"))
            try:
                good = algorithms.open_combined(name, key, salt, iv, text, tag, aad) == bytes.fromhex(t["plaintext"])
            except InvalidTag:
                good = False
            wrong += [n] if good != t["valid"] else []
        check(f"{name} as ESP has it", not wrong, str(wrong))
    for t in vectors("aes-ctr-rfc3686.json"):
        key, salt, iv, text = (bytes.fromhex(t[k]) for k in ("key", "nonce", "iv", "ciphertext"))
        check(f"AES-CTR, case {t['case']}", algorithms.decrypt_ctr(key, salt, iv, text).hex() == t["plaintext"])
    for t in vectors("hmac-ripemd-rfc2286.json"):
        if t["alg"] == "HMAC-RIPEMD160":
            check(
                f"HMAC-RIPEMD-160, case {t['case']}",
                algorithms.mac("ripemd160", bytes.fromhex(t["key"]), bytes.fromhex(t["data"])).hex() == t["mac"],
            )


# Captures


def credentials(folder):
    """Of a capture with creds/: alice initiates."""
    out = []
    for who, of in (("alice", "initiator"), ("bob", "responder")):
        entry = {"of": of}
        for name, path in (("private_key", f"private/{who}.pem"), ("certificate", f"x509/{who}.pem")):
            if os.path.exists(os.path.join(folder, "creds", path)):
                with open(os.path.join(folder, "creds", path), encoding="utf-8") as f:
                    entry[name] = f.read()
        if len(entry) > 1:
            out.append(entry)
    return out


# name: what is right in it, counted, and packets opened
CAPTURES = {
    "v1-aes256-sha512-ecp256-v6": ({"HASH_I": 1, "HASH_R": 1, "HASH(3)": 1, "HASH of an Informational": 2, "NAT-D": 4}, 6),
    "v1-aggr-psk-3des-sha1-modp1024": ({"HASH_I": 1, "HASH_R": 1, "HASH(3)": 1, "HASH of an Informational": 2, "NAT-D": 4}, 6),
    "v1-ah-sha1": ({"HASH_I": 1, "HASH_R": 1, "HASH(3)": 1, "HASH of an Informational": 2, "NAT-D": 4}, 6),
    "v1-cast-md5": ({"HASH_I": 1, "HASH_R": 1, "HASH(3)": 1, "HASH of an Informational": 2, "NAT-D": 2}, 6),
    "v1-main-psk-3des-md5-modp1024": ({"HASH_I": 1, "HASH_R": 1, "HASH(3)": 1, "HASH of an Informational": 2, "NAT-D": 4}, 6),
    "v1-main-psk-natt-dpd": ({"HASH_I": 1, "HASH_R": 1, "HASH(3)": 1, "HASH of an Informational": 8, "NAT-D": 2}, 6),
    "v1-main-rsa-aes128-sha1-modp2048": ({"SIG_I": 1, "SIG_R": 1, "HASH(3)": 1, "HASH of an Informational": 2, "NAT-D": 4}, 6),
    "v1-racoon-aggr-psk": ({"HASH_I": 1, "HASH_R": 1, "HASH(3)": 1, "HASH of an Informational": 3}, 8),
    "v1-rekeys": ({"HASH_I": 2, "HASH_R": 2, "HASH(3)": 3, "HASH of an Informational": 5, "NAT-D": 8}, 18),
    "v1-transport-3des-sha1": ({"HASH_I": 1, "HASH_R": 1, "HASH(3)": 1, "HASH of an Informational": 2, "NAT-D": 4}, 6),
    "v1-xauth-psk": ({"HASH_I": 1, "HASH_R": 1, "HASH(3)": 1, "HASH of a Transaction": 4, "HASH of an Informational": 2, "NAT-D": 4}, 6),
}


def captures():
    for name, (right, packets) in CAPTURES.items():
        folder = next(
            (p for p in (os.path.join(DATA, "captures", name), os.path.join(SHARED or "/nowhere", "captures", name)) if os.path.isdir(p)),
            None,
        )
        if folder is None:
            skip(f"no capture {name}: IPSECPP_SHARED names no folder that has it")
            continue
        with open(os.path.join(folder, "keys.json"), encoding="utf-8") as f:
            keys = {**json.load(f), "psk": b"interop-psk".hex(), "credentials": credentials(folder)}
        oracle = judged(os.path.join(folder, "ike.pcap"), keys)
        f = oracle.follower
        good = {k: f.counts[k] for k in right} == right and f.counts["choice"] and not f.unchecked and len(oracle.packets) == packets
        check(
            f"{name}: every HASH, signature, key and packet",
            good and not oracle.faults and all(s.established for s in f.by_cookies.values()),
            said(oracle),
        )
        keys["ike_sas"][0]["dh_secret"] = keys["ike_sas"][0]["dh_secret"][:-2] + "00"
        check(f"{name}: refused with another Diffie-Hellman secret", judged(os.path.join(folder, "ike.pcap"), keys).faults)
        if keys["credentials"]:
            keys["credentials"].reverse()
            for entry, of in zip(keys["credentials"], ("initiator", "responder")):
                entry["of"] = of
            check(f"{name}: refused with the keys of each other", judged(os.path.join(folder, "ike.pcap"), keys).faults)


# Of others, with the cipher key alone: messages opened, or refused cleanly
EXTERNAL = {"wireshark/ikev1-bug-12620.pcapng": 7, "wireshark/ikev1-certs.pcap": 6}
NO_KEYS = (
    "suricata/ikev1-isakmp-main-mode.pcap",
    "tcpdump/ISAKMP_sa_setup.pcap",
    "tcpdump/isakmp-pointer-loop.pcap",
    "libreswan/ikeinit-japan-sunrise.pcap",
    "openswan/lp106-v1rwnatM3-v1rwnatN2.pcap",
    "openswan/lp186-v1certM3-v1certN2.pcap",
    "openswan/lp176-parentM3-parentN2.pcap",
)


def external():
    folder = os.path.join(SHARED, "captures", "external")
    if not SHARED or not os.path.isdir(folder):
        skip("captures of other projects: IPSECPP_SHARED is not set, or has no captures/external")
        return
    for name in (*EXTERNAL, *NO_KEYS):
        with open(os.path.join(folder, name + ".json"), encoding="utf-8") as f:
            keys = json.load(f)
        oracle = judged(os.path.join(folder, name), keys)
        if name in EXTERNAL:
            check(
                f"{name}: {EXTERNAL[name]} messages opened as listed",
                not oracle.faults and oracle.counts["texts compared"] == EXTERNAL[name],
                said(oracle),
            )
        else:
            check(f"{name}: read without keys, nothing passes for proven", not oracle.follower.hashes and not oracle.texts, said(oracle))


# Exchanges made here

ESP_AES, ESP_3DES, ESP_IDEA = (3, 12, [(4, 1), (5, 2), (6, 128)]), (3, 3, [(4, 1), (5, 1)]), (3, 5, [(4, 1), (5, 8)])
AH_MD5, AH_SHA = (2, 2, [(4, 1), (5, 1)]), (2, 3, [(4, 1), (5, 2)])
MADE = [
    ("psk", "main", {"hash_name": "md5", "cipher": "DES"}),
    ("psk", "aggressive", {"hash_name": "sha256", "cipher": "IDEA", "group": 3}),
    ("psk", "aggressive", {"hash_name": "sha1", "cipher": "BLOWFISH", "sealed": False, "group": 4}),
    ("dss", "main", {"hash_name": "md5", "cipher": "CAST"}),
    ("dss", "aggressive", {"hash_name": "sha256", "cipher": "3DES", "certs": True}),
    ("rsa-sig", "main", {"cipher": "AES", "bits": 256, "certs": True, "natt": True}),
    ("rsa-sig", "aggressive", {"hash_name": "sha512", "cipher": "CAMELLIA", "bits": 192}),
    ("xauth-rsa-sig", "main", {"hash_name": "sha384", "cipher": "AES", "bits": 192}),
    ("hybrid-rsa-sig", "main", {}),
    ("hybrid-dss", "main", {"hash_name": "sha256", "cipher": "AES", "bits": 128}),
    ("hybrid-rsa-sig", "aggressive", {"hash_name": "sha1", "cipher": "3DES"}),
    ("rsa-enc", "main", {"hash_name": "md5", "cipher": "3DES"}),
    ("rsa-enc", "main", {"cipher": "BLOWFISH", "bits": 448, "named": True, "natt": True}),
    ("rsa-enc", "aggressive", {"hash_name": "sha256", "cipher": "AES", "bits": 128}),
    ("rsa-enc", "aggressive", {"hash_name": "sha1", "cipher": "DES", "named": True, "sealed": False}),
    ("rsa-rev", "main", {"hash_name": "md5", "cipher": "3DES", "certs": True}),
    ("rsa-rev", "main", {"cipher": "AES", "bits": 256, "named": True, "group": 14}),
    ("rsa-rev", "aggressive", {"hash_name": "sha256", "cipher": "IDEA", "certs": True, "named": True}),
    ("rsa-rev", "aggressive", {"hash_name": "md5", "cipher": "BLOWFISH", "sealed": False}),
    ("ecdsa-256", "main", {"cipher": "AES", "bits": 128, "hash_name": "sha1", "group": 19}),
    ("ecdsa-384", "aggressive", {"hash_name": "sha384", "cipher": "AES", "bits": 128, "certs": True}),
    ("ecdsa-521", "main", {"hash_name": "sha256", "cipher": "AES", "bits": 256, "group": 21}),
]


def whole(keys, method, mode, more, wrong=""):
    """A phase 1 and everything under it."""
    e = self_made.Exchange(keys, method, mode, wrong=wrong, seed=f"{method} {mode} {more} {wrong}", **more)
    e.transaction()
    e.quick("i", [[ESP_AES]])
    e.quick("r", [[ESP_IDEA], [AH_SHA, ESP_3DES]], group=2, connected="own IV")
    e.quick("i", [[AH_MD5, ESP_AES]], group=3, clients=False)
    e.new_group()
    e.delete("i")
    return e


def places(payloads, message):
    """Offsets of octets that an authenticated exchange protects: of messages in clear within each payload, of others within the ciphertext."""
    if payloads is None:
        return [28, (28 + len(message) - 16) // 2]
    out, at = [], 28
    for kind, body in payloads:
        if kind == 1:
            out += [at + 4 + len(body) - 1]  # a value of the last attribute
        elif kind not in (13, 20):
            out += [*([at + 4] if kind != 6 else []), at + 4 + len(body) // 2, at + 3 + len(body)]
        at += 4 + len(body)
    return out


def damages(e):
    """(what, capture) with one bit turned."""
    for n, (_, message, payloads) in enumerate(e.datagrams):
        at = next(i for i, p in enumerate(e.packets) if p.endswith(message))
        for place in places(payloads, message):
            damaged = bytearray(e.packets[at])
            damaged[len(damaged) - len(message) + place] ^= 0x10
            yield f"message {n + 1}, octet {place}", e.capture([*e.packets[:at], bytes(damaged), *e.packets[at + 1 :]])


def self_made_exchanges(keys):
    for method, mode, more in MADE:
        e = whole(keys, method, mode, more)
        name = f"{method}, {mode}, " + ", ".join(f"{k} {v}" for k, v in more.items())
        oracle = judged(e.capture(), e.secrets())
        c, family = oracle.follower.counts, "HASH_" if e.kind in ("psk", "rsa-enc", "rsa-rev") else "SIG_"
        first = "HASH_I" if method.startswith("hybrid") else family + "I"
        good = (
            all(
                c[k] == n
                for k, n in (
                    (first, 1),
                    (family + "R", 1),
                    ("HASH(1)", 3),
                    ("HASH(2)", 3),
                    ("HASH(3)", 3),
                    ("HASH of a Transaction", 4 if method.startswith("hybrid") else 2),
                    ("HASH(1) of a New Group Mode", 1),
                    ("HASH(2) of a New Group Mode", 1),
                    ("HASH of an Informational", 2),
                    ("HASH(1) of a certificate", int(e.named)),
                    ("choice", 6),
                )
            )
            and len(oracle.packets) == 8
        )
        check(f"{name}: accepted", good and not oracle.faults, said(oracle))
        passed = [what for what, capture in damages(e) if not judged(capture, e.secrets()).faults]
        check(f"{name}: each damage refused", not passed, str(passed))
        if e.pair:
            secrets = e.secrets()
            secrets["credentials"] = [
                {**c, "of": {"initiator": self_made.ENDS["r"], self_made.ENDS["r"]: "initiator"}.get(c["of"], c["of"])}
                for c in secrets["credentials"]
            ]
            check(f"{name}: refused with the keys of each other", judged(e.capture(), secrets).faults)
            check(f"{name}: refused without long-term keys", e.certs or judged(e.capture(), {**e.secrets(), "credentials": []}).faults)


MISREADINGS = [
    ("DigestInfo", "rsa-sig", "main", {}, "DigestInfo"),
    ("negotiated hash", "dss", "main", {"hash_name": "sha256"}, "DSS signature"),
    ("negotiated hash", "ecdsa-256", "main", {"hash_name": "sha512"}, "ECDSA signature"),
    ("digest of HASH", "ecdsa-256", "main", {}, "over a digest of HASH"),
    ("DER", "ecdsa-384", "main", {}, "ECDSA signature of"),
    ("no inner hash", "rsa-enc", "main", {}, ""),
    ("no inner hash", "rsa-rev", "aggressive", {}, ""),
    ("HASH(1) by SHA", "rsa-enc", "main", {"hash_name": "md5", "named": True}, "HASH(1)"),
    ("Ne_i over CKY-R", "rsa-rev", "main", {}, "padding"),
    ("padding counts itself", "rsa-rev", "main", {}, "padding"),
    ("IV 0 for each", "rsa-rev", "main", {}, ""),
    ("IV 0 for each", "rsa-rev", "aggressive", {"certs": True}, ""),
    ("identity in clear", "rsa-rev", "main", {"cipher": "AES", "bits": 128}, "MUST be encrypted"),
    ("the other end signs", "hybrid-rsa-sig", "main", {}, ""),
    ("no password", "hybrid-rsa-sig", "main", {}, "before its user"),
    ("wrong password", "hybrid-rsa-sig", "aggressive", {}, "before its user"),
    ("HASH by the hash of the signature", "hybrid-dss", "main", {"hash_name": "sha256"}, "HASH_I"),
    ("SAr", "psk", "main", {}, "HASH_R"),
    ("SAr", "psk", "aggressive", {}, "HASH_R"),
    ("identity without type", "psk", "main", {}, "HASH_I"),
    ("cookies not turned", "psk", "aggressive", {}, "HASH_R"),
    ("HASH(2) without nonce", "psk", "main", {}, "HASH(2)"),
    ("HASH(3) without 0", "psk", "main", {}, "HASH(3)"),
    ("the sender's SPI", "psk", "main", {}, "ICV"),
    ("one protocol for a bundle", "psk", "main", {}, "ICV"),
    ("g(qm)^xy last", "psk", "main", {}, "secret"),
    ("New Group HASH(2) with nonce", "psk", "main", {}, "HASH(2) of a New Group Mode"),
    ("New Group answered with another", "psk", "main", {}, "the answer is no choice among the offers"),
]


def misreadings(keys):
    for wrong, method, mode, more, told in MISREADINGS:
        e = whole(keys, method, mode, more, wrong)
        oracle = judged(e.capture(), e.secrets())
        check(f"{method}, {mode}: {wrong}: refused", any(told in f for f in oracle.faults), said(oracle))


def more(keys):
    for connected in ("chain", "fourth message"):
        e = self_made.Exchange(keys, "psk", "main")
        e.quick("i", [[ESP_AES]], connected=connected)
        e.quick("r", [[ESP_3DES]])
        oracle = judged(e.capture(), e.secrets())
        check(f"CONNECTED, {connected}", not oracle.faults and oracle.follower.hashes == 9, said(oracle))
        at = next(n for n, p in enumerate(e.packets) if p.endswith(e.datagrams[9][1]))
        damaged = bytearray(e.packets[at])
        damaged[-12] ^= 1
        check(f"CONNECTED, {connected}, damaged", judged(e.capture([*e.packets[:at], bytes(damaged), *e.packets[at + 1 :]]), e.secrets()).faults)

    e = self_made.Exchange(keys, "psk", "main", cipher="AES")
    check("AES without a key length", any("without a key length" in f for f in judged(e.capture(), e.secrets()).faults))
    e = whole(keys, "psk", "main", {})
    e.fragmented(2, 3)
    e.fragmented(8, 2)
    oracle = judged(e.capture(), e.secrets())
    check("fragments in any order are joined", not oracle.faults and oracle.follower.hashes == 17, said(oracle))
    check(
        "a message that comes twice is counted as a repeat",
        judged(e.capture([p for p in e.packets for _ in (0, 1)]), e.secrets()).follower.repeats >= len(e.datagrams),
    )
    lost = [p for n, p in enumerate(e.packets) if n != 5]
    check("a message of phase 1 that is missing", judged(e.capture(lost), e.secrets()).faults)

    e = whole(keys, "psk", "main", {"cipher": "AES", "bits": 128, "natt": True})
    oracle = judged(e.capture(), {**e.secrets(), "behind_nat": [["192.168.1.2", 500]]})
    check(
        "NAT-D is right of what the datagrams show, whatever else stands behind a NAT",
        oracle.follower.counts["NAT-D"] == 4 and not oracle.faults,
        said(oracle),
    )
    moved = [
        p[:12] + bytes([10, 9, 0, 77]) + p[16:] if p[12:16] == bytes([10, 9, 0, 1]) else p[:16] + bytes([10, 9, 0, 77]) + p[20:]
        for p in e.packets[:4]
    ]
    oracle = judged(e.capture(moved), {**e.secrets(), "ike_sas": e.secrets()["ike_sas"]})
    nat = [c for r in oracle.follower.records for c in r.get("nat_d", [])]
    check("NAT-D tells of a NAT", [c["as_in_datagram"] for c in nat] == [True, False, False, True], str(nat))
    oracle = judged(e.capture(moved), {**e.secrets(), "behind_nat": [["10.9.0.1", 500]]})
    check(
        "NAT-D is of the address behind the NAT, when KEYS names it",
        oracle.follower.counts["NAT-D"] == 4 and not oracle.faults,
        said(oracle),
    )
    check("NAT-D of no known address", judged(e.capture(moved), {**e.secrets(), "behind_nat": [["10.9.0.5", 500]]}).faults)

    short = self_made.Exchange(keys, "psk", "main")
    short.secret = short.secret[1:]
    check(
        "a Diffie-Hellman secret that lost an octet",
        any("secret of 127 octets" in f for f in judged(short.capture(), short.secrets()).faults),
    )
    e = whole(keys, "psk", "main", {})
    for name, value in (("method", "rsa-sig"), ("hash", "md5"), ("skeyid", "00" * 20), ("initial_iv", "00" * 8)):
        secrets = e.secrets()
        secrets["ike_sas"][0][name] = value
        check(f"a recorded {name} that does not follow", any(name in f for f in judged(e.capture(), secrets).faults))
    for names, good in ((["10.9.0.1"], True), (["10.9.0.3"], False), (["alice.example"], False)):
        secrets = {**e.secrets(), "psks": [{"of": names, "psk": e.secrets()["psk"]}], "psk": "00"}
        check(f"Main Mode: the pre-shared key is chosen by address, here {names[0]}", bool(judged(e.capture(), secrets).faults) != good)
    a = self_made.Exchange(keys, "psk", "aggressive")
    check(
        "Aggressive Mode: by identity",
        not judged(a.capture(), {**a.secrets(), "psks": [{"of": "alice.example", "psk": a.psk.hex()}], "psk": "00"}).faults,
    )
    report = judged(e.capture(), e.secrets()).report()
    listed = json.loads(json.dumps(report))
    check(
        "the report has every message with its verdicts, and every key",
        listed["verdict"] == "right"
        and len(listed["messages"]) == len(e.datagrams)
        and len(listed["ipsec_sas"]) == 12
        and listed["ike_sas"][0]["skeyid_e"] == e.skeyid_e.hex()
        and len(listed["ike_sas"][0]["quick_modes"]) == 3,
    )


def ecdsa_of_the_rfc():
    """RFC 4754 section 8: r and s over the digest of "abc"."""
    for t in vectors("ecdsa-auth-rfc4754.json"):
        bits, names = int(t["alg"].split("-")[1]), {256: "sha256", 384: "sha384", 521: "sha512"}
        curve = {256: ec.SECP256R1, 384: ec.SECP384R1, 521: ec.SECP521R1}[bits]()
        found = t["fields"]
        public = ec.EllipticCurvePublicNumbers(int(found["gwx"], 16), int(found["gwy"], 16), curve).public_key()
        size = (bits + 7) // 8
        signature = int(found["r"], 16).to_bytes(size, "big") + int(found["s"], 16).to_bytes(size, "big")
        try:
            check_ecdsa(public, signature, names[bits], algorithms.digest(names[bits], b"abc"))
            held = True
        except ikev1.Mismatch as e:
            held = str(e)
        check(f"ECDSA-{bits} of RFC 4754", held is True, str(held))


def main():
    derivations()
    primitives()
    ecdsa_of_the_rfc()
    captures()
    external()
    keys = self_made.key_pairs()
    self_made_exchanges(keys)
    misreadings(keys)
    more(keys)
    shutil.rmtree(WORK)
    finish()


if __name__ == "__main__":
    main()
