#!/usr/bin/env python3
"""ipsec_pcap with keys given by hand: what it protects it opens again, octet for octet, and so do ipsec_decode and tshark; what is
not allowed by name is refused; what the Linux kernel sent opens (the captures of IPSECPP_SHARED, where that is set)."""

import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

from support import check, finish, is_complaint, needs, program, run, skip

tool = program("ipsec_pcap")
decode = program("ipsec_decode")
shared = os.environ.get("IPSECPP_SHARED", "")
kernel = os.path.join(shared, "captures", "linux-kernel-esp-ah")
chance = random.Random(5)


def key(octets):
    return "0x" + chance.randbytes(octets).hex()


# Name, words of `ip xfrm`, and what tshark calls cipher and integrity (None: it does not read the suite).
SUITES = [
    ("null-sha1", "enc ecb(cipher_null) \"\" auth-trunc hmac(sha1) {20} 96", "NULL", "HMAC-SHA-1-96 [RFC2404]"),
    ("3des-md5", "enc cbc(des3_ede) {24} auth-trunc hmac(md5) {16} 96", "TripleDES-CBC [RFC2451]", "HMAC-MD5-96 [RFC2403]"),
    ("aes128-sha1", "enc cbc(aes) {16} auth-trunc hmac(sha1) {20} 96", "AES-CBC [RFC3602]", "HMAC-SHA-1-96 [RFC2404]"),
    ("aes192-sha256", "enc cbc(aes) {24} auth-trunc hmac(sha256) {32} 128", "AES-CBC [RFC3602]", "HMAC-SHA-256-128 [RFC4868]"),
    ("aes256-sha384", "enc cbc(aes) {32} auth-trunc hmac(sha384) {48} 192", "AES-CBC [RFC3602]", "HMAC-SHA-384-192 [RFC4868]"),
    ("aes256-sha512", "enc cbc(aes) {32} auth-trunc hmac(sha512) {64} 256", "AES-CBC [RFC3602]", "HMAC-SHA-512-256 [RFC4868]"),
    ("aes128gcm16", "aead rfc4106(gcm(aes)) {20} 128", "AES-GCM with 16 octet ICV [RFC4106]", "NULL"),
    ("aes256gcm8", "aead rfc4106(gcm(aes)) {36} 64", "AES-GCM with 8 octet ICV [RFC4106]", "NULL"),
    ("chacha20poly1305", "aead rfc7539esp(chacha20,poly1305) {36} 128", "ChaCha20 with Poly1305 [RFC7634]", "NULL"),
    # the library's table may have these
    ("aes128ctr-sha256", "enc rfc3686(ctr(aes)) {20} auth-trunc hmac(sha256) {32} 128", "AES-CTR [RFC3686]", "HMAC-SHA-256-128 [RFC4868]"),
    ("blowfish128-sha1", "enc cbc(blowfish) {16} auth-trunc hmac(sha1) {20} 96", "BLOWFISH-CBC [RFC2451]", "HMAC-SHA-1-96 [RFC2404]"),
    ("cast128-sha1", "enc cbc(cast5) {16} auth-trunc hmac(sha1) {20} 96", "CAST5-CBC [RFC2144]", "HMAC-SHA-1-96 [RFC2404]"),
    ("twofish256-sha1", "enc cbc(twofish) {32} auth-trunc hmac(sha1) {20} 96", "TWOFISH-CBC", "HMAC-SHA-1-96 [RFC2404]"),
    ("camellia256-sha256", "enc cbc(camellia) {32} auth-trunc hmac(sha256) {32} 128", None, None),
    ("serpent256-sha256", "enc cbc(serpent) {32} auth-trunc hmac(sha256) {32} 128", None, None),
    ("aes128-sha256_96", "enc cbc(aes) {16} auth-trunc hmac(sha256) {32} 96", "AES-CBC [RFC3602]", "HMAC-SHA-256-96 [draft-ietf-ipsec-ciph-sha-256-00]"),
    ("aes128-rmd160", "enc cbc(aes) {16} auth-trunc hmac(rmd160) {20} 96", "AES-CBC [RFC3602]", "MAC-RIPEMD-160-96 [RFC2857]"),
    ("aes128-aesxcbc", "enc cbc(aes) {16} auth-trunc xcbc(aes) {16} 96", None, None),
    ("aes128-aescmac", "enc cbc(aes) {16} auth-trunc cmac(aes) {16} 96", None, None),
    ("aes128ccm16", "aead rfc4309(ccm(aes)) {19} 128", None, None),
    ("aes128gmac", "aead rfc4543(gcm(aes)) {20} 128", None, None),
]
COUNTER = ("gcm", "ctr", "ccm", "gmac", "chacha")


def filled(words):
    return re.sub(r"\{(\d+)\}", lambda m: key(int(m[1])), words)


# --- packets ---------------------------------------------------------------------------------------------------------------------


def checksum(octets):
    octets += bytes(len(octets) % 2)
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def datagram(source, destination, text, v6, ttl=17):
    pseudo = source + destination + (struct.pack(">II", 8 + len(text), 17) if v6 else struct.pack(">BBH", 0, 17, 8 + len(text)))
    udp = struct.pack(">HHHH", 40000, 9999, 8 + len(text), 0) + text
    udp = udp[:6] + struct.pack(">H", checksum(pseudo + udp) or 0xFFFF) + udp[8:]
    if v6:
        return struct.pack(">IHBB", 0x60012345, len(udp), 17, ttl) + source + destination + udp
    header = struct.pack(">BBHHHBBH", 0x45, 0x28, 20 + len(udp), chance.randrange(65536), 0x4000, ttl, 17, 0) + source + destination
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + udp


def conversation(v6, lengths):
    one, other = (bytes([0xFD] + [0] * 14 + [n]) if v6 else bytes([10, n, 0, 1]) for n in (1, 2))
    return [datagram(*((one, other) if i % 3 else (other, one)), chance.randbytes(n), v6) for i, n in enumerate(lengths)]


def write_capture(path, packets, apart=1, kept=65535):
    """One packet all `apart` seconds; of each the first `kept` octets."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for i, p in enumerate(packets):
            file.write(struct.pack("<IIII", 1000 + i * apart, i, min(kept, len(p)), len(p)) + p[:kept])


def read_capture(path):
    with open(path, "rb") as file:
        octets = file.read()
    order = "<" if octets[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    ethernet = struct.unpack(order + "I", octets[20:24])[0] == 1
    at, out = 24, []
    while at < len(octets):
        n = struct.unpack(order + "I", octets[at + 8:at + 12])[0]
        p = octets[at + 16:at + 16 + n]
        at += 16 + n
        if ethernet:
            p = p[14:]
        size = 40 + int.from_bytes(p[4:6], "big") if p[0] >> 4 == 6 else int.from_bytes(p[2:4], "big")
        out.append(p[:size])
    return out


# --- files ----------------------------------------------------------------------------------------------------------------------


def rules(mode, v6, outer_v6, suites, more=""):
    """One system's file: states both ways and its policies. `suites` are pairs of protocol and words, the one applied first in front."""
    one, other = ("fd00::1", "fd00::2") if v6 else ("10.1.0.1", "10.2.0.1")
    ends = (one, other) if mode == "transport" else ("2001:db8::1", "2001:db8::2") if outer_v6 else ("192.0.2.1", "192.0.2.2")
    out, templates = [], {"out": "", "in": ""}
    for i, (proto, words) in enumerate(suites):
        kind = mode if i == 0 else "transport"  # the second one goes between the same two ends
        for way, (src, dst) in (("out", ends), ("in", ends[::-1])):
            spi = 0x1000 + 16 * i + (way == "in")
            out.append(f"xfrm state add src {src} dst {dst} proto {proto} spi {spi:#x} reqid {7 + i} mode {kind} "
                       f"{filled(words)} flag af-unspec {more}")
            templates[way] += f" tmpl src {src} dst {dst} proto {proto} reqid {7 + i} mode {kind}"
    prefix = {"out": (one, other), "in": (other, one)}
    for way in ("out", "in"):
        out.append(f"xfrm policy add dir {way} src {prefix[way][0]} dst {prefix[way][1]}{templates[way]}")
    return "\n".join(out) + "\n"


def file_of(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def there_and_back(folder, name, xfrm, packets, *options):
    """@return the protected packets; nothing where the library lacks the algorithm"""
    plain, sealed, again = (os.path.join(folder, n + ".pcap") for n in ("plain", name, "again"))
    write_capture(plain, packets)
    states = file_of(folder, name + ".xfrm", xfrm)
    code, out, errors = run(tool, "protect", "--xfrm", states, "--in", plain, "--out", sealed, "--report", "json", *options)
    if code == 2 and ("unsupported algorithm" in errors or "unsupported ICV" in errors):
        print(f"waits for the algorithm: {name}")
        return None
    report = json.loads(out) if code == 0 else {}
    good = code == 0 and errors == "" and report["protected"]["packets"] == len(packets) and report["dropped"] == 0 and \
        report["in"]["octets"] == sum(map(len, packets)) and report["protected"]["octets"] == sum(map(len, read_capture(sealed)))
    check(f"{name}: protected", good, (code, out, errors, xfrm))
    code, out, errors = run(tool, "open", "--xfrm", states, "--in", sealed, "--out", again, "--report", "json", *options)
    check(f"{name}: opened again, octet for octet", good and code == 0 and read_capture(again) == packets, (code, out, errors))
    protected = read_capture(sealed) if good else []
    check(f"{name}: nothing is on the wire in the clear", all(p[28:] not in s for p, s in zip(packets, protected) if len(p) > 60)
          or "null" in name or "gmac" in name or name.startswith("ah"))
    return protected


def observer(folder, name, packets, longer=False):
    """ipsec_decode sees the same packets by the same file, with what is behind them where they are padded (`longer`)."""
    code, out, errors = run(decode, "--in", os.path.join(folder, name + ".pcap"), "--xfrm", os.path.join(folder, name + ".xfrm"), "--json")
    found = [json.loads(line) for line in out.splitlines()]
    inner = [f["payload"] for f in found if f["icv"] == "ok" and f["next_header"] in (4, 41)]
    same = len(inner) == len(packets) and all(i.startswith(p.hex()) if longer else i == p.hex() for i, p in zip(inner, packets))
    check(f"{name}: ipsec_decode sees the packets inside", code == 0 and same, (errors, found[:2]))


def with_tshark(folder, name, cipher, integrity, packets):
    """tshark with the keys of the file: every ICV is good, and the UDP datagrams inside are ours.

    @return false when tshark does not know the suite"""
    uat = []
    with open(os.path.join(folder, name + ".xfrm"), encoding="utf-8") as file:
        for line in file:
            if not line.startswith("xfrm state"):
                continue
            word = line.split()
            after = lambda w: word[word.index(w) + 1] if w in word else ""
            cipher_key = word[word.index("aead" if "aead" in word else "enc") + 2].strip('"')
            mac_key = word[word.index("auth-trunc") + 2] if "auth-trunc" in word else ""
            family = "IPv6" if ":" in after("src") else "IPv4"
            uat.append(",".join(f'"{f}"' for f in (family, after("src"), after("dst"), f"0x{int(after('spi'), 16):08x}", cipher,
                                                    cipher_key, integrity, mac_key)))
    home = os.path.join(folder, "tshark")
    os.makedirs(home, exist_ok=True)
    file_of(home, "esp_sa", "\n".join(uat) + "\n")
    done = subprocess.run(
        ["tshark", "-r", os.path.join(folder, name + ".pcap"), "-o", "esp.enable_encryption_decode:TRUE", "-o",
         "esp.enable_authentication_check:TRUE", "-o", "udp.check_checksum:TRUE", "-T", "fields", "-e", "esp.icv_good", "-e",
         "udp.checksum.status", "-e", "udp.length"],
        capture_output=True, text=True, timeout=120, env={**os.environ, "WIRESHARK_CONFIG_DIR": home})
    if "invalid value" in done.stderr:  # this version has no such suite
        return False
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    wanted = [str(len(p) - (40 if p[0] >> 4 == 6 else 20)) for p in packets]
    combined = "aead" in open(os.path.join(folder, name + ".xfrm"), encoding="utf-8").read()
    good = [r[2].split(",")[-1] for r in rows] == wanted and all(r[1].split(",")[-1] == "1" for r in rows) and \
        (combined or all(r[0] in ("1", "True") for r in rows))
    check(f"{name}: tshark opens it", good, (rows[:3], wanted[:3], done.stderr[:500]))
    return True


def suites(folder):
    lengths = [*range(0, 40), 100, 1000, 1372, 1399]
    unread = []
    tshark = needs(shutil.which("tshark"), "no tshark, which opens our ESP")
    for name, words, cipher, integrity in SUITES:
        options = ["--allow-static-counter-keys"] if any(c in name for c in COUNTER) else []
        packets = conversation(False, lengths)
        if there_and_back(folder, name, rules("tunnel", False, False, [("esp", words)]), packets, *options) is None:
            continue
        observer(folder, name, packets)
        if tshark and (cipher is None or not with_tshark(folder, name, cipher, integrity, packets)):
            unread.append(name)
    if tshark:
        print("suites that tshark does not read: " + ", ".join(unread))
    for what, mode, v6, outer_v6, list_of in (
            ("esp-transport4", "transport", False, False, [("esp", SUITES[2][1])]),
            ("esp-transport6", "transport", True, True, [("esp", SUITES[2][1])]),
            ("esp-tunnel6in4", "tunnel", True, False, [("esp", SUITES[2][1])]),
            ("esp-tunnel4in6", "tunnel", False, True, [("esp", SUITES[2][1])]),
            ("ah-transport4", "transport", False, False, [("ah", "auth-trunc hmac(sha256) {32} 128")]),
            ("ah-tunnel6", "tunnel", True, True, [("ah", "auth-trunc hmac(sha1) {20} 96")]),
            ("ah-over-esp-tunnel4", "tunnel", False, False, [("esp", SUITES[2][1]), ("ah", "auth-trunc hmac(sha1) {20} 96")]),
            ("ah-over-esp-transport6", "transport", True, True, [("esp", SUITES[2][1]), ("ah", "auth-trunc hmac(md5) {16} 96")])):
        there_and_back(folder, what, rules(mode, v6, outer_v6, list_of), conversation(v6, lengths))


def in_udp(folder):
    packets = conversation(False, [10, 20, 30])
    for name, ports in (("udp-4500", "4500 4500"), ("udp-other", "7000 7001")):
        sealed = there_and_back(folder, name, rules("tunnel", False, False, [("esp", SUITES[2][1])], f"encap espinudp {ports} 0.0.0.0"), packets)
        check(f"{name}: between those ports, without a checksum", all(
            p[9] == 17 and f"{int.from_bytes(p[20:22], 'big')} {int.from_bytes(p[22:24], 'big')}" == ports and p[26:28] == b"\0\0" and
            checksum(p[:20]) == 0 and int.from_bytes(p[24:26], "big") == len(p) - 20 for p in sealed), sealed[:1])
        observer(folder, name, packets)


def padded(folder):
    """Inner packets have a length that `tfcpad` says, as those that a kernel sends; longer ones are as they were."""
    packets = conversation(False, [*range(0, 40), 300, 600, 1000])
    sealed = there_and_back(folder, "tfcpad", rules("tunnel", False, False, [("esp", SUITES[2][1])], "tfcpad 700"), packets)
    short = {len(s) for p, s in zip(packets, sealed) if len(p) <= 700}
    check("packets of up to 700 octets have one length", len(short) == 1 and short.pop() > 700, sorted(map(len, sealed)))
    check("longer ones are not padded", all(len(s) < len(p) + 80 for p, s in zip(packets, sealed) if len(p) > 700))
    observer(folder, "tfcpad", packets, longer=True)


def drops(folder):
    """Each reason is counted by its name, and the exit code says that there were some."""
    packets = conversation(False, [10, 20, 30, 40])
    foreign = datagram(bytes([172, 16, 0, 1]), bytes([172, 16, 0, 2]), b"nobody's", False)
    xfrm = file_of(folder, "drops.xfrm", rules("tunnel", False, False, [("esp", SUITES[2][1])], "replay-window 32"))
    plain, sealed, again = (os.path.join(folder, n) for n in ("d.pcap", "e.pcap", "f.pcap"))
    write_capture(plain, [*packets, foreign])
    code, out, _ = run(tool, "protect", "--xfrm", xfrm, "--in", plain, "--out", sealed, "--report", "json")
    check("what no policy fits is dropped", code == 1 and json.loads(out)["drops"] == {"no policy": 1}, out)
    code, out, _ = run(tool, "protect", "--xfrm", xfrm, "--in", plain, "--out", again, "--report", "json", "--pass-unmatched")
    check("or passes where that was said", code == 0 and json.loads(out)["passed"] == {"packets": 1, "octets": len(foreign)} and
          read_capture(again)[-1] == foreign, out)
    protected = read_capture(sealed)
    forged = bytearray(protected[1])
    forged[-1] ^= 1
    stranger = bytearray(protected[0])
    stranger[20:24] = b"\0\0\x77\x77"
    write_capture(sealed, [bytes(forged), *protected, protected[0], bytes(stranger), packets[0], b"\x45\0\0\x05"])
    code, out, _ = run(tool, "open", "--xfrm", xfrm, "--in", sealed, "--out", again, "--report", "json")
    wanted = {"ICV does not hold": 1, "came in the clear": 1, "replayed": 1, "unknown SPI": 1}
    check("each drop has its reason", code == 1 and json.loads(out)["drops"] == wanted and read_capture(again) == packets and
          sum(json.loads(out)["without_packet"].values()) == 1, out)
    write_capture(sealed, [bytes(forged), protected[1]])
    code, out, _ = run(tool, "open", "--xfrm", xfrm, "--in", sealed, "--out", again, "--report", "json")
    check("a forged packet is dropped, and does not use up the number", json.loads(out)["drops"] == {"ICV does not hold": 1} and
          read_capture(again) == [packets[1]], out)
    code, out, errors = run(tool, "protect", "--xfrm", xfrm, "--in", plain, "--out", sealed)
    check("the report for people", code == 1 and errors == "" and "protected          4 packets" in out and "1 dropped: no policy" in out, out)


def forward_rules(folder):
    """`dir fwd` beside `dir in` counts once where it says the same. Where it says something else, neither is left out."""
    states = rules("tunnel", False, False, [("esp", SUITES[2][1])])
    states = "".join(line + "\n" for line in states.splitlines() if "state" in line)
    plain, out = (os.path.join(folder, n) for n in ("w.pcap", "x.pcap"))
    write_capture(plain, [datagram(bytes([10, 2, 0, 1]), bytes([10, 1, 0, 1]), b"text", False)])
    ends = "src 10.2.0.1 dst 10.1.0.1"
    for inbound, forward, wanted in (("allow", "allow", 0), ("block", "block", 1), ("allow", "block", 2), ("block", "allow", 2)):
        lines = [f"xfrm policy add dir in {ends} action {inbound}\n", f"xfrm policy add dir fwd {ends} action {forward}\n"]
        for order in (lines, lines[::-1]):
            xfrm = file_of(folder, "forward.xfrm", states + "".join(order))
            code, shown, errors = run(tool, "open", "--xfrm", xfrm, "--in", plain, "--out", out)
            check(f"in says {inbound}, fwd says {forward}: {('passed', 'dropped', 'refused')[wanted]}", code == wanted and
                  (wanted < 2 or is_complaint("ipsec_pcap", errors) and re.search("line [34]", errors)),
                  (code, shown, errors))


def limits_hold(folder):
    packets = conversation(False, [10] * 9)
    xfrm = file_of(folder, "limits.xfrm", rules("tunnel", False, False, [("esp", SUITES[2][1])], "limit packet-hard 2"))
    plain, sealed = (os.path.join(folder, n) for n in ("l.pcap", "m.pcap"))
    write_capture(plain, packets)
    code, out, _ = run(tool, "protect", "--xfrm", xfrm, "--in", plain, "--out", sealed, "--report", "json")
    check("a limit of packets ends an SA, none does not", code == 1 and json.loads(out)["drops"] == {"lifetime over": 2, "no SA yet": 3} and
          json.loads(out)["protected"]["packets"] == 4, out)


def times_pass(folder):
    """A lifetime in seconds ends between two packets that stand side by side in the capture, however few there are."""
    packets = [p for p in conversation(False, [10] * 24) if p[13] == 1][:10]  # of one SA
    assert len(packets) == 10
    plain, sealed, again = (os.path.join(folder, n) for n in ("t.pcap", "u.pcap", "v.pcap"))
    endless = rules("tunnel", False, False, [("esp", SUITES[2][1])])
    ending = file_of(folder, "ending.xfrm", endless.replace("flag af-unspec", "flag af-unspec limit time-hard 60"))
    for apart, stand in ((1, 10), (20, 3), (3600, 1)):
        write_capture(plain, packets, apart)
        run(tool, "protect", "--xfrm", file_of(folder, "endless.xfrm", endless), "--in", plain, "--out", sealed)
        for command, name, capture in (("protect", "protected", plain), ("open", "opened", sealed)):
            code, out, errors = run(tool, command, "--xfrm", ending, "--in", capture, "--out", again, "--report", "json")
            report = json.loads(out or "{}")
            check(f"a packet all {apart} s, a lifetime of 60 s, {command}: {stand} of 10 go through", report and
                  report[name]["packets"] == stand and report["dropped"] == 10 - stand, (code, out, errors))


def fragments_of(packet, size, identification):
    """The packet in fragments that hold `size` octets each, a multiple of 8. That of IPv4 has an identification, which AH covers."""
    v6 = packet[0] >> 4 == 6
    head, data = (packet[:40], packet[40:]) if v6 else (packet[:20], packet[20:])
    out = []
    for at in range(0, len(data), size):
        part, more = data[at:at + size], at + size < len(data)
        if v6:
            extension = struct.pack(">BBHI", head[6], 0, at | more, identification)
            out.append(head[:4] + struct.pack(">HB", 8 + len(part), 44) + head[7:] + extension + part)
        else:
            h = head[:2] + struct.pack(">H", 20 + len(part)) + head[4:6] + struct.pack(">H", at // 8 | more << 13) + head[8:10] + b"\0\0" + head[12:]
            out.append(h[:10] + struct.pack(">H", checksum(h)) + h[12:] + part)
    return out


def in_fragments(folder):
    """ESP and AH that a path cut into fragments: whole again they open, also in UDP; what lacks a fragment is dropped by name."""
    packets = conversation(False, [1500, 10, 3000])
    for name, suite, outer_v6, more in (("esp in IPv4", ("esp", SUITES[2][1]), False, ""), ("esp in IPv6", ("esp", SUITES[2][1]), True, ""),
                                        ("ah in IPv4", ("ah", "auth-trunc hmac(sha1) {20} 96"), False, ""),
                                        ("esp in UDP", ("esp", SUITES[2][1]), False, "encap espinudp 4500 4500 0.0.0.0")):
        sealed = there_and_back(folder, name, rules("tunnel", False, outer_v6, [suite], more), packets)
        first, third = (fragments_of(sealed[i], 1200, 70 + i) for i in (0, 2))
        cut, out = (os.path.join(folder, n) for n in ("cut.pcap", "joined.pcap"))
        for what, sent, wanted, drops in (
                ("in order", [*first, sealed[1], *third], packets, {}),
                ("the last one first", [*first[::-1], sealed[1], *third[::-1]], packets, {}),
                ("of two packets in turn", [first[0], third[0], first[1], sealed[1], *third[1:]], packets, {}),
                ("of which one is missing", [*first[:1], sealed[1], *third], packets[1:], {"fragments of a packet that is not whole": 1})):
            write_capture(cut, sent)
            code, shown, errors = run(tool, "open", "--xfrm", os.path.join(folder, name + ".xfrm"), "--in", cut, "--out", out,
                                      "--report", "json")
            report = json.loads(shown or "{}")
            opened = read_capture(out) if code != 2 else []
            check(f"{name} in fragments, {what}", code == bool(drops) and sorted(opened) == sorted(wanted) and report["drops"] == drops and
                  report["joined"]["packets"] == len(sent) - 1, (code, shown, errors))
            code, shown, errors = run(decode, "--in", cut, "--xfrm", os.path.join(folder, name + ".xfrm"), "--json")
            found = [json.loads(line) for line in shown.splitlines()]
            inner = [f["payload"] for f in found if f["icv"] == "ok" and f["next_header"] in (4, 41)]
            named = [f["frame"] for f in found if f.get("joined")]
            check(f"{name} in fragments, {what}: ipsec_decode opens them in the frame that completes them", code == 0 and
                  sorted(inner) == sorted(p.hex() for p in wanted) and len(named) == len(wanted) - 1 and
                  all(f["icv"] == "none" and "not_opened" not in f for f in found if f["frame"] not in named and "fragment" in f),
                  (code, errors, [{k: v for k, v in f.items() if k != "payload"} for f in found]))


def captured_in_part(folder):
    """A packet of which the capture has the beginning does not go through: the exit code says so, with a report and without one."""
    plain, out = (os.path.join(folder, n) for n in ("part.pcap", "of-part.pcap"))
    xfrm = file_of(folder, "part.xfrm", rules("tunnel", False, False, [("esp", SUITES[2][1])]))
    write_capture(plain, conversation(False, [10, 100, 20, 200]), kept=60)
    code, shown, errors = run(tool, "protect", "--xfrm", xfrm, "--in", plain, "--out", out, "--report", "json")
    report = json.loads(shown or "{}")
    check("what was captured in part is dropped by that name", code == 1 and report["drops"] == {"captured only in part": 2} and
          report["dropped"] == 2 and report["in"]["packets"] == 4 and report["protected"]["packets"] == 2, (code, shown, errors))
    code, shown, errors = run(tool, "protect", "--xfrm", xfrm, "--in", plain, "--out", out, "--quiet")
    check("and without a report the exit code says so", code == 1 and shown == "", (code, shown, errors))


def deep_bundles(folder):
    """As many SAs as a policy has, each with an IPv6 header of its own: the buffers have room for all of it."""
    esp, ah = SUITES[5][1], "auth-trunc hmac(sha512) {64} 256"
    for what, chain in (("3 tunnels", ["esp"] * 3), ("4 tunnels", ["esp"] * 4), ("AH twice", ["esp", "ah", "esp", "ah"])):
        states, templates = "", {"out": "", "in": ""}
        for i, proto in enumerate(chain):
            for way, (src, dst) in (("out", (f"fd1{i}::1", f"fd1{i}::2")), ("in", (f"fd1{i}::2", f"fd1{i}::1"))):
                states += (f"xfrm state add src {src} dst {dst} proto {proto} spi {0x1000 + 16 * i + (way == 'in'):#x} reqid {7 + i} "
                           f"mode tunnel {filled(esp if proto == 'esp' else ah)} flag af-unspec"
                           f"{' tfcpad 1400' if proto == 'esp' and what == '4 tunnels' else ''}\n")
                templates[way] += f" tmpl src {src} dst {dst} proto {proto} reqid {7 + i} mode tunnel"
        policies = "".join(f"xfrm policy add dir {way} src {src} dst {dst}{templates[way]}\n"
                           for way, (src, dst) in (("out", ("fd00::1", "fd00::2")), ("in", ("fd00::2", "fd00::1"))))
        there_and_back(folder, f"deep, {what}", states + policies, conversation(True, [0, 10, 100, 1300]))


def faults_of_sas(folder):
    """What the makers of SAs refuse has line, algorithms and bits, and is refused whether a packet comes or not."""
    empty, one, out = (os.path.join(folder, n + ".pcap") for n in ("none", "one", "faulty"))
    write_capture(empty, [])
    write_capture(one, conversation(False, [10]))
    weak = "enc cbc(des) 0x0101010101010101 auth-trunc hmac(md5) {16} 96"
    for what, words, told in (
            ("CAST with 40 bits", "enc cbc(cast5) {5} auth-trunc hmac(sha1) {20} 96", "line 1: cbc(cast5) of 40 bits, hmac(sha1): "),
            ("a weak key of DES", weak, "line 1: cbc(des) of 64 bits, hmac(md5): ")):
        xfrm = file_of(folder, "faulty.xfrm", rules("tunnel", False, False, [("esp", words)]))
        for command in ("protect", "open"):
            for packets, capture in (("no packet", empty), ("a packet", one)):
                code, shown, errors = run(tool, command, "--xfrm", xfrm, "--in", capture, "--out", out)
                check(f"{what}, {command} with {packets}: named, exit code 2", code == 2 and shown == "" and
                      is_complaint("ipsec_pcap", errors) and told in errors and not os.path.exists(out), (code, shown, errors))
    xfrm = file_of(folder, "faulty.xfrm", rules("tunnel", False, False, [("esp", SUITES[2][1])]))
    code, shown, errors = run(tool, "protect", "--xfrm", xfrm, "--in", empty, "--out", out)
    check("a capture without packets gives one without packets", code == 0 and read_capture(out) == [], (code, shown, errors))


def keepalives(folder):
    """NAT keepalives are no policy's matter: they are counted, and no drops. To protect, they are packets like others."""
    packets = conversation(False, [10, 20, 30])
    xfrm = rules("tunnel", False, False, [("esp", SUITES[2][1])], "encap espinudp 4500 4500 0.0.0.0")
    sealed = there_and_back(folder, "keepalives", xfrm, packets)
    name = os.path.join(folder, "keepalives.xfrm")
    alive = sealed[0][:24] + struct.pack(">HH", 9, 0) + b"\xff"
    alive = alive[:2] + struct.pack(">H", len(alive)) + alive[4:]
    alive = alive[:10] + b"\0\0" + alive[12:]
    alive = alive[:10] + struct.pack(">H", checksum(alive[:20])) + alive[12:]
    other = alive[:-1] + b"\xfe"
    mixed, out = (os.path.join(folder, n) for n in ("mixed.pcap", "unmixed.pcap"))
    write_capture(mixed, [alive, *sealed, alive])
    code, shown, errors = run(tool, "open", "--xfrm", name, "--in", mixed, "--out", out, "--report", "json")
    report = json.loads(shown or "{}")
    check("NAT keepalives are skipped and counted", code == 0 and report["without_packet"] == {"NAT keepalive": 2} and
          report["dropped"] == 0 and read_capture(out) == packets, (code, shown, errors))
    write_capture(mixed, [other])
    code, shown, errors = run(tool, "open", "--xfrm", name, "--in", mixed, "--out", out, "--report", "json")
    check("another octet is none", code == 1 and json.loads(shown)["drops"] == {"no policy": 1}, (code, shown, errors))
    write_capture(mixed, [alive])
    code, shown, errors = run(tool, "protect", "--xfrm", name, "--in", mixed, "--out", out, "--report", "json")
    check("to protect, a keepalive is a packet", code == 1 and json.loads(shown)["drops"] == {"no policy": 1}, (code, shown, errors))


def block(kind, body):
    """A block of pcapng."""
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))


def bad_input(folder):
    plain = os.path.join(folder, "p.pcap")
    write_capture(plain, conversation(False, [10]))
    good = file_of(folder, "good.xfrm", rules("tunnel", False, False, [("esp", SUITES[2][1])]))
    gcm = file_of(folder, "gcm.xfrm", rules("tunnel", False, False, [("esp", SUITES[6][1])]))
    bare = file_of(folder, "bare.xfrm", rules("tunnel", False, False, [("esp", "enc cbc(aes) {16}")]))
    wrong = file_of(folder, "wrong.xfrm", "xfrm state add src 10.0.0.1 wrong\n")
    out = os.path.join(folder, "out.pcap")
    whole = ("--in", plain, "--out", out)
    for what, arguments, told in (
            ("no command", (), "protect"),
            ("another command", ("seal",), ""),
            ("no file of xfrm lines", ("protect", *whole), "--xfrm"),
            ("no such file", ("protect", "--xfrm", "nowhere", *whole), "nowhere"),
            ("a wrong word", ("protect", "--xfrm", wrong, *whole), "line 1, column 29: unknown word 'wrong'"),
            ("counter modes with keys by hand", ("protect", "--xfrm", gcm, *whole), "--allow-static-counter-keys"),
            ("no integrity", ("open", "--xfrm", bare, *whole), "--allow-no-integrity"),
            ("no capture", ("protect", "--xfrm", good, "--in", good, "--out", out), "--in"),
            ("the same file twice", ("protect", "--xfrm", good, "--in", plain, "--out", plain), "--out"),
            ("a folder for --out", ("protect", "--xfrm", good, "--in", plain, "--out", folder), "--out"),
            ("another form of report", ("protect", "--xfrm", good, *whole, "--report", "xml"), "--report"),
            ("states without policies", ("protect", "--xfrm", file_of(folder, "s.xfrm", "".join(
                line for line in open(good, encoding="utf-8") if "state" in line)), *whole), "no policy")):
        code, shown, errors = run(tool, *arguments)
        check(f"{what}: one line and exit code 2", code == 2 and shown == "" and is_complaint("ipsec_pcap", errors) and told in errors,
              (code, shown, errors))
    two_links = os.path.join(folder, "two.pcapng")
    with open(two_links, "wb") as file:
        file.write(block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", 101, 0, 65535)) +
                   block(1, struct.pack("<HHI", 1, 0, 65535)))
    for program_name, arguments in (("ipsec_pcap", (tool, "protect", "--xfrm", good, "--in", two_links, "--out", out)),
                                    ("ipsec_decode", (decode, "--xfrm", good, "--in", two_links))):
        code, shown, errors = run(*arguments)
        check(f"{program_name}: interfaces of two link types: it is said what to give", code == 2 and
              is_complaint(program_name, errors) and errors.endswith(": give the frames of one interface\n"), (code, shown, errors))
    for what, victim, arguments in (
            ("the capture", plain, ("--in", out + ".part")), ("the keys", good, ("--xfrm", out + ".part")), ("somebody's file", good, ())):
        shutil.copy(victim, out + ".part")
        before = open(out + ".part", "rb").read()
        given = {"--in": plain, "--xfrm": good, "--out": out, **dict(zip(arguments[::2], arguments[1::2]))}
        code, shown, errors = run(tool, "protect", *(word for pair in given.items() for word in pair))
        check(f"{what} under the name that is written first: one line, exit code 2, and it is as it was",
              code == 2 and shown == "" and is_complaint("ipsec_pcap", errors) and "out.pcap.part" in errors and
              open(out + ".part", "rb").read() == before and not os.path.exists(out), (code, shown, errors))
        os.remove(out + ".part")
    os.symlink(os.path.join(folder, "nowhere"), out + ".part")
    code, shown, errors = run(tool, "protect", "--xfrm", good, *whole)
    check("a link that leads nowhere is no place to write through", code == 2 and "out.pcap.part" in errors and
          not os.path.exists(os.path.join(folder, "nowhere")), (code, errors))
    os.remove(out + ".part")
    keys_before = open(good, "rb").read()
    code, shown, errors = run(tool, "protect", "--xfrm", good, "--in", plain, "--out", good)
    check("the keys are not written over", code == 2 and "--xfrm" in errors and open(good, "rb").read() == keys_before, (code, errors))
    check("nothing is left of what was given up", not os.path.exists(out) and not os.path.exists(out + ".part"))


def what_is_there(folder):
    """What --out may not replace stays as it is, and a file that is replaced keeps its mode."""
    plain, good = os.path.join(folder, "q.pcap"), file_of(folder, "q.xfrm", rules("tunnel", False, False, [("esp", SUITES[2][1])]))
    write_capture(plain, conversation(False, [10]))
    place = os.path.join(folder, "place")
    os.mkdir(place)
    name = os.path.join(place, "out.pcap")
    other = file_of(folder, "other", "somebody's")
    socket_there = socket.socket(socket.AF_UNIX)

    def protect(out):
        return run(tool, "protect", "--xfrm", good, "--in", plain, "--out", out)

    for what, make, told in (
            ("a FIFO", os.mkfifo, "a FIFO"),
            ("a link to a file", lambda n: os.symlink(other, n), "a symbolic link"),
            ("a link that leads nowhere", lambda n: os.symlink("nowhere", n), "a symbolic link"),
            ("a socket", socket_there.bind, "a socket"),
            ("a folder", os.mkdir, "a folder")):
        make(name)
        before = os.lstat(name)
        code, shown, errors = protect(name)
        after = os.lstat(name)
        check(f"--out is {what}: one line that says so, exit code 2, and it is as it was",
              code == 2 and shown == "" and is_complaint("ipsec_pcap", errors) and f"--out: {name}: is {told}: " in errors and
              (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode) and os.listdir(place) == ["out.pcap"], (code, shown, errors))
        (os.rmdir if os.path.isdir(name) else os.remove)(name)
    socket_there.close()
    check("what a link leads to is as it was", open(other, encoding="utf-8").read() == "somebody's")

    code, shown, errors = run(tool, "protect", "--xfrm", good, "--in", plain, "--out", "-", cwd=place)
    check("--out -: one line, exit code 2, and no file of that name", code == 2 and shown == "" and is_complaint("ipsec_pcap", errors) and
          "--out: -: " in errors and os.listdir(place) == [], (code, shown, errors, os.listdir(place)))

    umask = os.umask(0o027)
    for what, mode, wanted in (("a new file", None, 0o640), ("one of its owner alone", 0o600, 0o600), ("one for all", 0o644, 0o644)):
        if mode is not None:
            with open(name, "wb"):
                os.chmod(name, mode)
        code, shown, errors = protect(name)
        found = os.stat(name).st_mode & 0o7777 if code == 0 else None
        check(f"--out is {what}: mode {wanted:o}", found == wanted and len(read_capture(name)) == 1 and os.listdir(place) == ["out.pcap"],
              (code, shown, errors, found))
        os.remove(name)
    os.umask(umask)


def ended_by_a_signal(folder):
    """A run that a signal ends leaves nothing of its own, has the status of that signal, and the next run is not in its way."""
    plain, good = os.path.join(folder, "s.pcap"), file_of(folder, "s.xfrm", rules("tunnel", False, False, [("esp", SUITES[2][1])]))
    write_capture(plain, conversation(False, [10]))
    with open(plain, "rb") as file:
        octets = file.read()
    place = os.path.join(folder, "interrupted")
    os.mkdir(place)
    out = os.path.join(place, "out.pcap")
    command = [tool, "protect", "--xfrm", good, "--in", "-", "--out", out]
    for what in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGQUIT):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
            child.stdin.write(octets)
            child.stdin.flush()
            until = time.monotonic() + 30
            while not os.path.exists(out + ".part") and time.monotonic() < until:
                time.sleep(0.01)
            began = os.listdir(place)
            child.send_signal(what)
            status = child.wait(30)
        check(f"{what.name} in the middle: nothing is left, and the status is the signal's", began == ["out.pcap.part"] and
              status == -what and os.listdir(place) == [], (began, status, os.listdir(place)))
    code, shown, errors = run(tool, "protect", "--xfrm", good, "--in", plain, "--out", out, preexec_fn=lambda: signal.signal(
        signal.SIGHUP, signal.SIG_IGN))
    check("the next run has its way", code == 0 and os.listdir(place) == ["out.pcap"], (code, shown, errors))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as child:
        until = time.monotonic() + 30
        while "out.pcap.part" not in os.listdir(place) and child.poll() is None and time.monotonic() < until:
            child.stdin.write(octets[:24])
            child.stdin.flush()
            time.sleep(0.01)
            octets = octets[24:] if octets else b""
        child.send_signal(signal.SIGHUP)
        child.stdin.write(octets)
        child.stdin.close()
        status = child.wait(30)
    check("a signal that is ignored, as under nohup, ends nothing", status == 0 and os.listdir(place) == ["out.pcap"], status)


def of_one_system(folder):
    """What stands for both directions: states with the `dir` that newer kernels list, and policies."""
    packets = conversation(False, [10] * 12)
    plain, sealed, again = (os.path.join(folder, n) for n in ("one.pcap", "two.pcap", "three.pcap"))
    write_capture(plain, packets)
    xfrm = rules("tunnel", False, False, [("esp", SUITES[2][1])])
    said = "".join(line + (f" dir {'in' if 'dst 192.0.2.1 ' in line else 'out'}" if "state" in line else "") + "\n" for line in xfrm.splitlines())
    assert said.count(" dir out") == said.count(" dir in") == 2
    there_and_back(folder, "states with dir", said, packets)
    observer(folder, "states with dir", packets)

    # A template that takes SAs of any reqid, as one that receives may: those between its ends, and no other to the same peer.
    more = filled("xfrm state add src 192.0.2.77 dst 192.0.2.1 proto esp spi 0x7777 reqid 77 mode tunnel " + SUITES[2][1]) + "\n"
    any_reqid = "".join(re.sub(r"reqid \d+", "reqid 0", line) if " dir in " in line else line for line in xfrm.splitlines(True))
    there_and_back(folder, "a template of any reqid", any_reqid + more, packets)

    ours = sum(p[13] == 1 for p in packets)  # from 10.1.0.1
    block = "xfrm policy add src {} dst {} dir {} action block priority {}\n"
    for what, more, protected, opened in (
            ("an inbound block in front", block.format("10.0.0.0/8", "10.0.0.0/8", "in", 0), 12, 0),
            ("an outbound block of all the rest", block.format("0.0.0.0/0", "0.0.0.0/0", "out", 9), 12, 12),
            ("an inbound block of all the rest", block.format("0.0.0.0/0", "0.0.0.0/0", "in", 9), 12, 12),
            ("an inbound block of the same packets", block.format("10.1.0.1", "10.2.0.1", "in", 0), 12, 12 - ours),
            ("an outbound block in front", block.format("10.0.0.0/8", "10.0.0.0/8", "out", 0), 0, 12),
            ("one for forwarding that is the last", block.format("10.0.0.0/8", "10.0.0.0/8", "fwd", 9), 12, 12)):
        with_block = file_of(folder, "block.xfrm", "".join(
            line + (" priority 5" if "policy" in line else "") + "\n" for line in xfrm.splitlines()) + more)
        code, out, errors = run(tool, "protect", "--xfrm", with_block, "--in", plain, "--out", sealed, "--report", "json")
        report = json.loads(out or "{}")
        check(f"{what}: {protected} of 12 are protected", report and report["protected"]["packets"] == protected and
              report["dropped"] == 12 - protected, (code, out, errors))
        run(tool, "protect", "--xfrm", file_of(folder, "free.xfrm", xfrm), "--in", plain, "--out", sealed)
        code, out, errors = run(tool, "open", "--xfrm", with_block, "--in", sealed, "--out", again, "--report", "json")
        report = json.loads(out or "{}")
        check(f"{what}: {opened} of 12 are opened", report and report["opened"]["packets"] == opened, (code, out, errors))


def negotiated(folder):
    """A listing of what IKE made has `flag esn` and counter modes: both hold where it is said that it is one."""
    packets = conversation(False, [10, 20, 300])
    esn = rules("tunnel", False, False, [("esp", SUITES[2][1])], "replay-window 64").replace("flag af-unspec", "flag af-unspec esn")
    both = rules("tunnel", False, False, [("esp", SUITES[6][1])], "replay-window 64").replace("flag af-unspec", "flag af-unspec esn")
    plain, out = (os.path.join(folder, n) for n in ("listed.pcap", "of-listed.pcap"))
    write_capture(plain, packets)
    for name, xfrm in (("esn", esn), ("esn with gcm", both), ("gcm", rules("tunnel", False, False, [("esp", SUITES[6][1])])),
                       ("no esn", rules("tunnel", False, False, [("esp", SUITES[2][1])]))):
        there_and_back(folder, name, xfrm, packets, "--negotiated")
        observer(folder, name, packets)
        if name == "no esn":
            continue
        code, shown, errors = run(tool, "protect", "--xfrm", os.path.join(folder, name + ".xfrm"), "--in", plain, "--out", out)
        check(f"{name} with keys by hand: refused, and the option is named", code == 2 and shown == "" and
              is_complaint("ipsec_pcap", errors) and "--negotiated" in errors, (code, shown, errors))


def many(folder):
    """More states than a gateway has peers: as many as a file may hold."""
    states = "".join(f"xfrm state add src 192.0.2.1 dst 198.{18 + i // 65536}.{i // 256 % 256}.{i % 256} proto esp spi {0x1000 + i:#x} reqid 99 "
                     f"mode tunnel {SUITES[2][1].replace('{16}', '0x' + '11' * 16).replace('{20}', '0x' + '22' * 20)}\n" for i in range(5000))
    xfrm = rules("tunnel", False, False, [("esp", SUITES[2][1])]) + states
    there_and_back(folder, "5000 states", xfrm, conversation(False, [10]))
    observer(folder, "5000 states", read_capture(os.path.join(folder, "plain.pcap")))


def from_the_kernel(folder):
    """The states as the kernel listed them, and policies that ask for them: its packets open, octet for octet as ping made them."""
    opened = 0
    with open(os.path.join(kernel, "vectors.json"), encoding="utf-8") as file:
        cases = json.load(file)
    for case in cases:
        name = case["name"]
        with open(os.path.join(kernel, "state", name + ".state"), encoding="utf-8") as file:
            listed = file.read()
        listed = re.sub(r"\tanti-replay context: .*\n", "", listed)  # it is the sender's, after the exchange
        if case.get("esn"):  # the receiver has not seen these yet
            before = case["sas"][0]["seq_before"]
            listed = re.sub(r"\t seq-hi \w+, seq \w+,", f"\t seq-hi {before >> 32:#x}, seq {before & 0xFFFFFFFF:#x},", listed)
        reqid = re.search(r"reqid (\d+)", listed)[1]
        policies = ""
        for way, (inner, outer) in {"out": (case["inner"], case["outer"]), "in": (case["inner"][::-1], case["outer"][::-1])}.items():
            policies += f"xfrm policy add dir {way} src {inner[0]} dst {inner[1]}"
            mode = "transport" if case["mode"] == "transport" else "tunnel"
            for proto in ("esp", "ah") if case["proto"] == "both" else (case["proto"],):
                kind = "transport" if case["proto"] == "both" and proto == "ah" else mode
                policies += f" tmpl src {outer[0]} dst {outer[1]} proto {proto} reqid {reqid} mode {kind}"
            policies += "\n"
        states = file_of(folder, "kernel.xfrm", listed + "\n" + policies)
        again = os.path.join(folder, "kernel.pcap")
        options = ("--in", os.path.join(kernel, "pcap", name + ".pcap"), "--out", again, "--report", "json", "--allow-no-integrity")
        allowed = "--negotiated" if case.get("esn") else "--allow-static-counter-keys"
        if case.get("esn") or "-none-" in name:
            code, out, errors = run(tool, "open", "--xfrm", states, *options, "--allow-static-counter-keys")
            named = "extended sequence numbers with keys given by hand" if case.get("esn") else "anti-replay without integrity"
            check(f"{name}: refused by name", code == 2 and (named in errors or "unsupported" in errors), errors)
            if "-none-" in name:
                continue
        code, out, errors = run(tool, "open", "--xfrm", states, *options, allowed)
        if code == 2 and "unsupported" in errors:
            print(f"waits for the algorithm: {name}")
            continue
        pings = read_capture(again) if code == 0 else []
        at = 40 if pings and pings[0][0] >> 4 == 6 else 20
        check(f"{name}: 8 packets open", code == 0 and len(pings) == 8 and all(p[at] in (0, 8, 128, 129) for p in pings), (out, errors))
        opened += len(pings)
    check(f"{opened} of the kernel's packets went through the inbound walk", opened >= 300, opened)


with tempfile.TemporaryDirectory() as temporary:
    suites(temporary)
    in_udp(temporary)
    padded(temporary)
    drops(temporary)
    forward_rules(temporary)
    limits_hold(temporary)
    times_pass(temporary)
    captured_in_part(temporary)
    in_fragments(temporary)
    deep_bundles(temporary)
    faults_of_sas(temporary)
    keepalives(temporary)
    bad_input(temporary)
    what_is_there(temporary)
    ended_by_a_signal(temporary)
    of_one_system(temporary)
    negotiated(temporary)
    many(temporary)
    if shared and os.path.isdir(kernel):
        from_the_kernel(temporary)
    else:
        skip("captures of the Linux kernel: IPSECPP_SHARED does not name their folder")
finish()
