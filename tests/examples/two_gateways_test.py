#!/usr/bin/env python3
"""Runs two_gateways as its users do and judges what it leaves, with nothing of the library in the judgement.

Environment: as support.py says, IPSECPP_SANITIZED (1: no limit on memory), IPSECPP_BIG_CAPTURE (octets of the long input, default
6e7). What needs tshark or `cryptography` is skipped, and said to be, where they are not installed.
"""

import glob
import hashlib
import importlib.util
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

import support
from support import SANITIZED, SOURCE, check, finish, needs

PROGRAM = support.program("two_gateways")
DEMO = os.path.join(SOURCE, "examples", "data", "demo.pcap")
sys.path.insert(0, os.path.join(SOURCE, "tests", "oracle"))

from packets import frames, ip_of  # noqa: E402  (captures only: standard library)


def run(*arguments, **more):
    return support.run(PROGRAM, *arguments, **more)


def routed(packet):
    """The packet without what a router may change."""
    p = bytearray(packet)
    if p[0] >> 4 == 4:
        p[8] = p[10] = p[11] = 0
    else:
        p[7] = 0
    return bytes(p)


def crosses(packet):
    """Whether a packet of the demo capture goes from one subnet to the other."""
    if packet[0] >> 4 == 4:
        return {bytes(packet[12:15]), bytes(packet[16:19])} == {b"\x0a\x01\x00", b"\x0a\x02\x00"}
    return {bytes(packet[8:16]), bytes(packet[24:32])} == {b"\xfd\x01" + bytes(6), b"\xfd\x02" + bytes(6)}


def packets_of(capture):
    return [p for p in (ip_of(link, data) for _, link, data in frames(capture)) if p is not None]


def demo_packets():
    return [routed(p) for p in packets_of(DEMO) if crosses(p)]


def with_oracle(name, out, fault=None):
    """The oracle holds protected.pcap against keys.json; with a fault in these, its name is in what the oracle says."""
    if not needs(importlib.util.find_spec("cryptography"), "no module `cryptography` (Debian: python3-cryptography), which the oracle reads protected.pcap with"):
        return
    code, shown, errors = support.run(sys.executable, os.path.join(SOURCE, "tests", "oracle", "oracle.py"), os.path.join(out, "protected.pcap"), "--keys",
                                      os.path.join(out, "keys.json"))
    if fault is None:
        check(f"{name}: the oracle derives all keys and finds in each frame what keys.json says", code == 0, shown + errors)
    else:
        check(f"{name}: the oracle says so", code == 1 and fault in shown, shown + errors)


def files_of(folder):
    return sorted(os.path.relpath(f, folder) for f in glob.glob(os.path.join(folder, "**"), recursive=True, include_hidden=True) if os.path.isfile(f))


FILES = ["keys.json", "protected.pcap", "recovered.pcap", "wireshark/esp_sa", "wireshark/ikev1_decryption_table", "wireshark/preferences"]


def carries(work):
    expected = demo_packets()
    runs = [("--mode", m, "--protocol", p) for m in ("tunnel", "transport") for p in ("esp", "ah", "esp+ah")]
    runs += [("--suite", s, "--pfs", "modp1024") for s in ("3des-md5", "aes256-sha512", "aes256gcm16", "null-sha256", "aes192-sha384", "aes128-sha256")]
    runs += [("--protocol", "ah", "--suite", "sha256"), ("--protocol", "esp+ah", "--suite", "aes128gcm16-sha384-modp1024")]
    runs += [("--lifetime", "1s", "--pfs", "modp1024"), ("--lifetime", "1s,ike=2s"), ("--lifetime", "8kB", "--protocol", "esp+ah"),
             ("--left", "10.1.0.0/24,fd01::/64"), ("--pfs", "modp2048")]
    for arguments in runs:
        out = os.path.join(work, "out")
        shutil.rmtree(out, ignore_errors=True)
        code, shown, errors = run(*arguments, "--out", out)
        name = " ".join(arguments)
        check(f"{name}: says that all is equal", code == 0 and shown.splitlines()[-1].startswith("EQUAL: 102 packets"), shown + errors)
        check(f"{name}: leaves its files and no others", os.path.isdir(out) and files_of(out) == FILES, str(os.path.isdir(out) and files_of(out)))
        recovered = [routed(p) for p in packets_of(os.path.join(out, "recovered.pcap"))]
        check(f"{name}: recovered.pcap holds what went in", sorted(recovered) == sorted(expected))
        protected = packets_of(os.path.join(out, "protected.pcap"))
        allowed = {"esp": {17, 50}, "ah": {17, 51}}.get(dict(zip(arguments[::2], arguments[1::2])).get("--protocol", "esp"), {17, 51})
        check(f"{name}: nothing but ISAKMP and IPsec on the link", all((p[9] if p[0] >> 4 == 4 else p[6]) in allowed for p in protected))
        with_oracle(name, out)


# The form of keys.json: what the collections of captures with keys have, and the SKEYIDs and Diffie-Hellman secrets.
FORM = {
    "": {"capture", "origin", "license", "sha256", "bytes", "contents", "psk", "ike_sas", "quick_modes", "child_sas", "ipsec_sas", "packets", "verified_packets", "packets_left_out"},
    "ike_sas": {"version", "proposal", "exchange", "method", "cookie_i", "encryption_key", "oakley_encr", "oakley_hash", "dh_secret", "skeyid", "skeyid_d", "skeyid_a", "skeyid_e",
                "encr_key", "initial_iv", "spi_i", "spi_r"},
    "ipsec_sas": {"proto", "spi", "src", "dst", "encr", "encr_key", "auth", "auth_key", "udp_encap"},
    "IKEv1 encrypted": {"frame", "kind", "exchange", "message_id", "padding_octets", "iv", "first_payload", "payload_types", "plaintext"},
    "ESP": {"frame", "kind", "spi", "seq", "iv", "next_header", "pad_length", "payload"},
    "AH": {"frame", "kind", "spi", "next_header", "seq", "payload"},
}


def keys_of(out):
    with open(os.path.join(out, "keys.json"), encoding="utf-8") as f:
        return json.load(f)


def tells_what_is_inside(work):
    """keys.json: its form, the digest of the capture, the text of each frame, and an end to that list."""
    out = os.path.join(work, "inside")
    for arguments, kinds in ((("--lifetime", "2s"), {"ESP": 102}), (("--protocol", "ah"), {"AH": 102}), (("--protocol", "esp+ah", "--mode", "transport"), {"ESP": 102, "AH": 102})):
        name = " ".join(arguments)
        code, shown, errors = run("--pfs", "modp1024", *arguments, "--out", out, "--quiet")
        keys = keys_of(out)
        check(f"{name}: keys.json has the form", code == 0 and set(keys) == FORM[""] and all(set(e) == FORM[part] for part in ("ike_sas", "ipsec_sas") for e in keys[part]) and
              all(set(p) == FORM[p["kind"]] for p in keys["packets"]), f"{shown}{errors}{sorted(keys)}")
        with open(os.path.join(out, "protected.pcap"), "rb") as f:
            capture = f.read()
        check(f"{name}: it says which octets it is about", (keys["sha256"], keys["bytes"]) == (hashlib.sha256(capture).hexdigest(), len(capture)))
        found = {kind: sum(p["kind"] == kind for p in keys["packets"]) for kind in ("IKEv1 encrypted", "ESP", "AH")}
        clear = 4 * len(keys["ike_sas"])  # messages 1 to 4 of each Main Mode
        check(f"{name}: every protected frame is listed", found == {"ESP": 0, "AH": 0, **kinds, "IKEv1 encrypted": keys["contents"]["IKEv1"] - clear}, str(found))
        check(f"{name}: all that is listed was opened", keys["verified_packets"] == len(keys["packets"]) and keys["packets_left_out"] == 0)
        inner = sorted(routed(bytes.fromhex(p["payload"])) for p in keys["packets"] if p.get("next_header") in (4, 41))
        check(f"{name}: the payloads of tunnels are what went in", not inner or inner == sorted(demo_packets()))
    check("the demo's own capture has the project's license", keys["license"] == "BSL-1.0", keys["license"])

    # The oracle is no use unless it notices.
    original = json.dumps(keys)
    changes = {"sha256": lambda k: k.update(sha256="00" * 32), "packets: KEYS has": lambda k: k["packets"][-1].update(payload="00"), "no text: ": lambda k: k["packets"][3].update(not_opened="x"),
               "found": lambda k: k["packets"].pop(0), "packets_left_out": lambda k: k.update(packets_left_out=1), "verified_packets": lambda k: k.update(verified_packets=1)}
    for word, change in changes.items():
        keys = json.loads(original)
        change(keys)
        with open(os.path.join(out, "keys.json"), "w", encoding="utf-8") as f:
            json.dump(keys, f)
        with_oracle(f"keys.json with another {word}", out, word)

    capture = os.path.join(work, "middling.pcap")
    with open(capture, "wb") as f:
        subprocess.run([sys.executable, os.path.join(SOURCE, "scripts", "make-big-capture"), "2e6"], stdout=f, check=True)
    code, shown, errors = run("--in", capture, "--protocol", "esp+ah", "--pfs", "modp1024", "--out", out, "--quiet")
    keys = keys_of(out)
    octets = sum(len(p.get("payload", p.get("plaintext"))) // 2 for p in keys["packets"])
    check("the list ends at 1 MiB of text, and says how many frames follow", code == 0 and (1 << 20) - 70000 < octets < (1 << 20) + 70000 and
          keys["packets"][-1]["frame"] + keys["packets_left_out"] == sum(keys["contents"].values()), f"{shown}{errors}{octets} {keys['packets_left_out']} {keys['contents']}")
    check("another input keeps its license", keys["license"] == "that of the input", keys["license"])
    with_oracle("a list that ends early", out)


def repeats(work):
    sums = []
    for name in ("a", "b"):
        out = os.path.join(work, name)
        code, _, errors = run("--loss", "0.2", "--seed", "7", "--pfs", "modp1024", "--out", out, "--quiet")
        check(f"loss with a seed, run {name}", code == 0, errors)
        sums.append([hashlib.sha256(open(os.path.join(out, f), "rb").read()).hexdigest() for f in FILES])
        with_oracle(f"loss with a seed, run {name}", out)
    check("the same seed gives the same octets", sums[0] == sums[1])
    for seed in range(1, 7):
        out = os.path.join(work, "lossy")
        code, shown, errors = run("--loss", "0.3", "--seed", str(seed), "--pfs", "modp1024", "--lifetime", "2s", "--out", out, "--quiet")
        check(f"loss 0.3, seed {seed}: whatever came out is equal", code == 0 and "lost on the link" in shown, shown + errors)


def loses_most(work):
    """A run in which nothing comes across claims no success, and no run hangs."""
    out = os.path.join(work, "lost")
    for arguments in (("--loss", "1"), ("--loss", "1", "--seed", "1", "--protocol", "esp+ah"), ("--loss", "1", "--mode", "transport"), ("--lifetime", "1kB", "--in", one_long_packet(work))):
        code, shown, errors = run(*arguments, "--out", out, "--quiet", timeout=120)
        count = "1 packets" if "--in" in arguments else "102 packets"
        check(f"{' '.join(arguments[:4])}: nothing came out, which is no success", code == 1 and shown.startswith(f"NOTHING CAME OUT: {count}") and "; 0 packets, 0 octets out;" in shown and
              ("no SA yet 102" in shown or "lets any SA carry 1;" in shown), shown + errors)
    came = {"0.6": 0, "0.9": 0}
    for loss, seed in ((loss, seed) for loss in came for seed in range(1, 11)):
        code, shown, errors = run("--loss", loss, "--seed", str(seed), "--pfs", "modp1024", "--out", out, "--quiet", timeout=120)
        packets = len(packets_of(os.path.join(out, "recovered.pcap")))
        came[loss] += packets
        word = "EQUAL: 102 packets" if packets else "NOTHING CAME OUT: 102 packets"
        check(f"loss {loss}, seed {seed}: {'says' if packets else 'does not say'} that what came out is equal", code == (0 if packets else 1) and shown.startswith(word) and
              f"; {packets} packets, " in shown, shown + errors)
    check("loss 0.6: packets come across with some seeds", came["0.6"] > 0, str(came))


def one_long_packet(work):
    """A capture of one packet that is longer than 1 kB."""
    path = os.path.join(work, "long.pcap")
    with open(path, "wb") as f:
        data = next(p for p in packets_of(DEMO) if crosses(p) and len(p) > 1024)
        f.write(struct.pack("<IHHiIIIIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101, 1000, 0, len(data), len(data)) + data)
    return path


def quiet_and_formats(work):
    out = os.path.join(work, "out")
    code, shown, errors = run("--quiet", "--out", out)
    check("--quiet prints the last line alone", code == 0 and len(shown.splitlines()) == 1 and not errors, shown + errors)
    code, shown, errors = run("--out", out)
    words = ("Main Mode", "Quick Mode", "KE, NONCE", "policy 1: 10.1.0.0/24 <-> 10.2.0.0/24", "policy 2: fd01::/64 <-> fd02::/64", "wants protection", "established")
    check("the timeline names messages, payloads, states and policies", all(w in shown for w in words), shown)

    keep = os.path.join(out, "mine.txt")
    open(keep, "w").close()
    code, _, errors = run("--quiet", "--out", out + "/")
    check("other files in the folder stay", code == 0 and files_of(out) == sorted([*FILES, "mine.txt"]), errors)

    # The same packets as raw IP, as Linux cooked frames of both versions, and with VLAN tags.
    shapes = {
        "raw": (101, lambda p: p),
        "cooked": (113, lambda p: struct.pack(">HHH8sH", 0, 1, 6, bytes(8), 0x0800 if p[0] >> 4 == 4 else 0x86DD) + p),
        "cooked2": (276, lambda p: struct.pack(">HHIHBB8s", 0x0800 if p[0] >> 4 == 4 else 0x86DD, 0, 2, 1, 0, 6, bytes(8)) + p),
        "vlan": (1, lambda p: bytes(12) + struct.pack(">HHH", 0x8100, 5, 0x0800 if p[0] >> 4 == 4 else 0x86DD) + p),
    }
    for name, (link, wrap) in shapes.items():
        capture = os.path.join(work, name + ".pcap")
        with open(capture, "wb") as f:
            f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link))
            for n, p in enumerate(packets_of(DEMO)):
                data = wrap(p)
                f.write(struct.pack("<IIII", 1000 + n, 0, len(data), len(data)) + data)
        code, shown, errors = run("--in", capture, "--quiet", "--out", out)
        check(f"{name} frames", code == 0 and shown.startswith("EQUAL: 102 packets"), shown + errors)
        with open(capture, "rb") as f:
            code, shown, errors = run("--in", "-", "--quiet", "--out", out, stdin=f)
        check(f"{name} frames through the standard input", code == 0 and shown.startswith("EQUAL: 102 packets"), shown + errors)


def refuses(work):
    def file(name, octets):
        path = os.path.join(work, name)
        with open(path, "wb") as f:
            f.write(octets)
        return path

    with open(DEMO, "rb") as f:
        demo = f.read()
    cases = {
        "a missing file": ["--in", os.path.join(work, "nowhere.pcap")],
        "a folder as input": ["--in", work],
        "an empty file": ["--in", file("empty.pcap", b"")],
        "a text": ["--in", file("text.pcap", b"hello, gateways\n" * 10)],
        "a truncated capture": ["--in", file("cut.pcap", demo[:-7])],
        "a capture that breaks off after its first frames": ["--in", file("cut2.pcap", demo[:3000])],
        "frames of a foreign link": ["--in", file("wlan.pcap", demo[:20] + struct.pack("<I", 105) + demo[24:])],
        "an unknown suite": ["--suite", "rot13-sha1"],
        "an IKE suite with a group that the gateways do not have": ["--ike", "aes128-sha1-group40000"],
        "an IKE suite with a group by its parts": ["--ike", "aes128-sha1-inline40000"],
        "an IKE suite with a method": ["--ike", "aes128-sha1-modp1024-rsasig", "--auth", "rsa-sig"],
        "an IKE suite with the method that goes without saying": ["--ike", "aes128-sha1-modp1024-psk", "--auth", "rsa-sig"],
        "a prf with a number that is assigned to none": ["--ike", "aes128-sha1-modp1024-prfsha256@5"],
        "NULL with NULL": ["--suite", "null-none"],
        "NULL alone": ["--suite", "null"],
        "a cipher without integrity": ["--suite", "aes128"],
        "a key length that there is not": ["--suite", "aes100-sha1"],
        "a suite that IKEv1 has not": ["--suite", "chacha20poly1305"],
        "AH and a combined mode": ["--protocol", "ah", "--suite", "aes128gcm16"],
        "AH and a combined mode with a group": ["--protocol", "ah", "--suite", "aes128gcm16-modp1024"],
        "AH over a combined mode, and no integrity for AH": ["--protocol", "esp+ah", "--suite", "aes128gcm16"],
        "an integrity beside a combined mode without AH": ["--suite", "aes128gcm16-sha256"],
        "AH, and an integrity beside a combined mode that it does not use": ["--protocol", "ah", "--suite", "aes128gcm16-sha256"],
        "an unknown group": ["--pfs", "modp42"],
        "an unknown mode": ["--mode", "wormhole"],
        "an unknown protocol": ["--protocol", "gre"],
        "an unknown lifetime": ["--lifetime", "soon"],
        "a lifetime of nothing": ["--lifetime", "0s"],
        "two lifetimes of one kind": ["--lifetime", "1s,2s"],
        "two lifetimes of phase 1": ["--lifetime", "ike=8h,1s,ike=9h"],
        "a policy file and a suite": ["--policy", os.path.join(support.SOURCE, "examples/data/textbook.policy"), "--suite", "aes128-sha1"],
        "a policy file of no name": ["--policy", ""],
        "a suite with a terminal's words in its name": ["--suite", os.fsdecode(b"aes128\x9b31m-\xc2\x9bsha1")],
        "an unknown prefix": ["--left", "10.1.0.0/33"],
        "a probability over one": ["--loss", "1.5"],
        "a seed that is no number": ["--seed", "x"],
        "a cipher that the library has not at this length": ["--ike", "cast80-md5-modp768"],
        "the same, from the suite of packets": ["--suite", "cast40-md5"],
        "an unknown option": ["--frobnicate"],
        "an unknown exchange": ["--exchange", "base"],
        "an unknown method": ["--auth", "charm"],
        "certificates of a shared secret": ["--certificates"],
        "a method that takes more than phase 1": ["--auth", "xauth-psk"],
        "a lifetime that IKE cannot say": ["--lifetime", "4294967295h"],
        "a group of no name": ["--pfs", ""],
        "an empty lifetime": ["--lifetime", ""],
        "an empty list of prefixes": ["--left", ""],
        "an empty seed": ["--seed", ""],
        "a suite with a line break in its name": ["--suite", "aes128\nsha1"],
        "a file with a line break in its name": ["--in", os.path.join(work, "no\nwhere")],
        "an option without its value": ["--in"],
    }
    with open("/dev/full", "w") as full:
        done = subprocess.run([support.program("two_gateways"), "--out", os.path.join(work, "shown to nobody")], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=600)
    check("no room for what it says: exit 2 and one line", done.returncode == 2 and support.is_complaint("two_gateways", done.stderr), done)
    for what, arguments in cases.items():
        folder = os.path.join(work, "refusals")
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        code, shown, errors = run(*arguments, "--out", os.path.join(folder, "new")) if what != "an option without its value" else run("--out", os.path.join(folder, "new"), *arguments)
        check(f"{what}: exit 2 and one line", code == 2 and support.is_complaint("two_gateways", errors), f"{code}: {errors}")
        check(f"{what}: nothing is left behind", os.listdir(folder) == [], str(os.listdir(folder)))

    folder = os.path.join(work, "kept")
    os.mkdir(folder)
    code, _, _ = run("--in", file("cut3.pcap", demo[:3000]), "--out", folder)
    check("an existing folder stays as it was", code == 2 and os.listdir(folder) == [], str(os.listdir(folder)))
    for what, target in (("a file in place of the folder", file("plain", b"x")), ("a folder in a folder that is not there", os.path.join(work, "no", "such", "place")),
                         ("a folder that nobody can write", "/proc/two_gateways")):
        code, _, errors = run("--out", target)
        check(f"{what}: exit 2 and one line", code == 2 and len(errors.splitlines()) == 1 and target.rstrip("/").rsplit("/", 1)[0] in errors, f"{code}: {errors}")
    for inside, make in (("keys.json", os.makedirs), ("wireshark", lambda name: open(name, "w").close()), ("wireshark/esp_sa", os.makedirs),
                         ("recovered.pcap", os.mkfifo), ("keys.json", lambda name: os.symlink("nowhere", name))):
        folder = os.path.join(work, "taken")
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        make(os.path.join(folder, inside))
        before = sorted(glob.glob(os.path.join(folder, "**"), recursive=True, include_hidden=True))
        code, _, errors = run("--out", folder)
        check(f"{inside} is something else already: exit 2 and one line that names it", code == 2 and len(errors.splitlines()) == 1 and "taken/" + inside in errors, f"{code}: {errors}")
        after = sorted(glob.glob(os.path.join(folder, "**"), recursive=True, include_hidden=True))
        check(f"{inside} is something else already: the folder stays as it was", before == after, str(after))
    folder = os.path.join(work, "closed")
    os.mkdir(folder)
    with open(os.path.join(folder, "recovered.pcap"), "wb") as there:
        os.fchmod(there.fileno(), 0o600)
    code, _, errors = run("--out", folder, "--quiet")
    modes = {name: os.stat(os.path.join(folder, name)).st_mode & 0o777 for name in ("recovered.pcap", "protected.pcap")}
    umask = os.umask(0)
    os.umask(umask)
    check("a file that is replaced keeps its mode, a new one has the umask's", code == 0 and
          modes == {"recovered.pcap": 0o600, "protected.pcap": 0o666 & ~umask}, f"{code}: {errors} {modes}")
    for protocol, words in (("ah", "sha256"), ("esp+ah", "aes128gcm16-sha256")):
        _, _, errors = run("--protocol", protocol, "--suite", "aes128gcm16", "--out", os.path.join(work, "refusals", "new"))
        check(f"{protocol} and a combined mode: the line says what lacks and what to write", "--suite: 'aes128gcm16' names no integrity algorithm for AH: " in errors and words in errors, errors)
    code, shown, _ = run("--help")
    check("--help says what is compared and what the exit codes mean", code == 0 and "TTL" in shown and "Exit code" in shown)


def too_little_volume(work):
    """A packet that no SA may carry is dropped by name; it does not wait for ever."""
    for protocol in ("esp", "ah", "esp+ah"):
        out = os.path.join(work, "small")
        code, shown, errors = run("--lifetime", "1kB", "--protocol", protocol, "--out", out, "--quiet")
        short = [p for p in packets_of(os.path.join(out, "recovered.pcap"))]
        long = [p for p in demo_packets() if len(p) > 1024]
        check(f"{protocol}: SAs of 1 kB carry the short packets and drop the others by name",
              code == 0 and f"; {len(short)} packets" in shown and f"lets any SA carry {102 - len(short)};" in shown and len(long) <= 102 - len(short) < 102, shown + errors)


def with_tshark(work):
    """Wireshark's view of protected.pcap with the files in wireshark/ against the input."""
    if not needs(shutil.which("tshark"), "no tshark, which opens protected.pcap as Wireshark does"):
        return
    fields = ["-T", "fields", "-E", "separator=|", "-E", "occurrence=l", "-e", "ip.src", "-e", "ipv6.src", "-e", "icmp.seq", "-e", "icmpv6.echo.sequence_number",
              "-e", "dns.id", "-e", "dns.qry.name", "-e", "tcp.seq_raw", "-e", "tcp.len", "-e", "http.request.uri", "-e", "http.response.code"]

    def rows(capture, only, **environment):
        done = subprocess.run(["tshark", "-r", capture, "-Y", only, *fields], capture_output=True, text=True, env={**os.environ, **environment})
        # The innermost source: an IPv6 packet in an IPv4 tunnel shows both.
        split = (line.split("|") for line in done.stdout.splitlines())
        return sorted("|".join([six or four, *rest]) for four, six, *rest in split)

    expected = [r for r in rows(DEMO, "(ip.addr==10.1.0.0/24 && ip.addr==10.2.0.0/24 && !arp) || (ipv6.addr==fd01::/64 && ipv6.addr==fd02::/64)")]
    for arguments in ((), ("--mode", "transport"), ("--suite", "3des-md5", "--pfs", "modp1024"), ("--suite", "aes256-sha256", "--lifetime", "1s", "--pfs", "modp1536"),
                      ("--suite", "aes128gcm16")):
        out = os.path.join(work, "shark")
        code, _, errors = run("--quiet", "--out", out, *arguments)
        config = {"WIRESHARK_CONFIG_DIR": os.path.join(out, "wireshark")}
        capture = os.path.join(out, "protected.pcap")
        name = "tshark " + " ".join(arguments)
        check(f"{name}: shows the packets that went in", code == 0 and rows(capture, "esp", **config) == expected and len(expected) == 102, "\n".join(rows(capture, "esp", **config)[:5] + ["..."] + expected[:5]))
        text = subprocess.run(["tshark", "-r", capture, "-V", "-Y", "isakmp"], capture_output=True, text=True, env={**os.environ, **config}).stdout
        sealed = text.count("Flags: 0x01")
        check(f"{name}: opens every ISAKMP message", sealed >= 9 and text.count("Decrypted") + text.count("Payload: Hash") + text.count("Payload: Identification") >= sealed, text[-2000:])
        good = subprocess.run(["tshark", "-r", capture, "-Y", "esp", "-T", "fields", "-e", "esp.icv_good"], capture_output=True, text=True, env={**os.environ, **config}).stdout
        check(f"{name}: finds every ICV right", "gcm" in name or good.split().count("1") + good.split().count("True") == 102, good[:200])


def streams(work):
    size = os.environ.get("IPSECPP_BIG_CAPTURE", "6e7")
    out = os.path.join(work, "big")
    generator = subprocess.Popen([sys.executable, os.path.join(SOURCE, "scripts", "make-big-capture"), size], stdout=subprocess.PIPE)
    program = subprocess.Popen([PROGRAM, "--in", "-", "--quiet", "--out", out, "--lifetime", "4MB", "--pfs", "modp1024"], stdin=generator.stdout, stdout=subprocess.PIPE, text=True)
    generator.stdout.close()
    shown = program.stdout.read()
    _, status, usage = os.wait4(program.pid, 0)
    generator.wait()
    check(f"a stream of {size} octets comes out equal", os.waitstatus_to_exitcode(status) == 0 and shown.startswith("EQUAL") and "dropped: none" in shown, shown)
    peak = usage.ru_maxrss / 1024
    print(f"        peak resident memory {peak:.0f} MB: {shown.strip()}")
    check("peak resident memory stays under 100 MB", SANITIZED or peak < 100)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for part in (carries, tells_what_is_inside, repeats, loses_most, quiet_and_formats, refuses, too_little_volume, with_tshark, streams):
            part(folder)
    finish()
