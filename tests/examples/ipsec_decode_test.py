#!/usr/bin/env python3
"""ipsec_decode opens what other implementations sent: the captures that come with the project, and where IPSECPP_SHARED names
their folder, all of `captures/external`, `captures/v*` and `captures/linux-kernel-esp-ah`. What it must find is in the files of keys,
or follows from the ICVs. Malformed packets are refused without fuss, and so is input that is no capture or no file of keys."""

import collections
import glob
import hmac
import json
import os
import struct
import subprocess
import tempfile

from support import SANITIZED, SOURCE, check, finish, is_complaint, program, run, skip

decode = program("ipsec_decode")
here = os.path.join(SOURCE, "tests", "data", "captures")
shared = os.environ.get("IPSECPP_SHARED", "")
captures = os.path.join(shared, "captures")
has_shared = bool(shared) and os.path.isdir(captures)
lacking = collections.defaultdict(list)  # algorithm: captures


def lines(capture, *keys):
    code, out, errors = run(decode, "--in", capture, *keys, "--json", timeout=60)
    return code, [json.loads(line) for line in out.splitlines()], errors


def keys_beside(about, path, folder):
    """A file beside a capture as a file of keys: some have none, and say what is in the capture alone."""
    if any(name in about for name in ("ipsec_sas", "child_sas", "ike_sas", "credentials")):
        return path
    none = os.path.join(folder, "none.json")
    with open(none, "w", encoding="utf-8") as file:
        file.write('{"ike_sas": []}')
    return none


def short(path):
    return os.path.relpath(path, captures if has_shared and path.startswith(captures) else here)


def waits(line, capture):
    """Whether a packet stays closed for no other reason than an algorithm that the library does not have."""
    why = line.get("not_opened", "")
    if not why.startswith("this library lacks "):
        return False
    lacking[why.removeprefix("this library lacks ")].append(short(capture))
    return True


def gateway_captures(folder):
    """Two gateways with the keys of one of them: every ESP and AH packet opens, and every IKEv1 message, its HASH included."""
    for keys in sorted(glob.glob(os.path.join(folder, "v*", "keys.json"))):
        capture = os.path.join(os.path.dirname(keys), "ike.pcap")
        code, found, errors = lines(capture, "--keys", keys)
        kinds = collections.Counter(f["kind"] for f in found)
        held = [f for f in found if f["icv"] == "ok" or waits(f, capture)]
        phase_1_signed = [f for f in found if f["kind"] == "IKEv1 encrypted" and f["icv"] == "none" and 9 in f["payload_types"]]
        clear = [f for f in found if f["kind"] == "IKEv1" and f["icv"] == "none"]
        v2 = [f for f in found if f["kind"].startswith("IKEv2")]
        check(f"{short(capture)}: {dict(kinds)} open", code == 0 and errors == "" and kinds["ESP"] + kinds["AH"] > 0 and
              len(held) + len(phase_1_signed) + len(clear) + len(v2) == len(found), [f for f in found if f not in held])
        check(f"{short(capture)}: every ICV says ok", all(f["icv"] == "ok" for f in found if f["kind"] in ("ESP", "AH")))
        if "v1-" in keys:
            with open(keys, encoding="utf-8") as file:
                values = json.load(file)["values"]
            # The IVs that the peer computed: those of the messages that it sent or took.
            theirs = [v for name, v in values if name.startswith("next IV for MID ")]
            ours = [f["iv"] for f in found if f["kind"] == "IKEv1 encrypted" and "iv" in f]
            check(f"{short(capture)}: IVs chain as the peer says", sum(iv in theirs for iv in ours) > len(ours) // 3 or not ours)


def contents(found):
    """Lines by kind, as `contents` of the files of keys counts them: encrypted or not."""
    return collections.Counter(f["kind"].removesuffix(" encrypted") for f in found)


def expected_contents(about):
    """What is no ESP, AH or ISAKMP gets no line. One file leaves its last frame out: it is cut, and its ports say IKE."""
    more = {"IKE-other": 1} if about["capture"] == "tcpdump/isakmp-rfc3948-oobr.pcap" else {}
    counted = {kind: n for kind, n in about["contents"].items() if kind in ("ESP", "AH", "IKEv1", "IKEv2", "IKE-other")}
    return {**counted, **more}


def expected_packets(folder, scratch):
    """Everything that `packets` of the files beside the captures list as opened."""
    opened = 0
    for keys in sorted(glob.glob(os.path.join(folder, "*", "*.json"))):
        with open(keys, encoding="utf-8") as file:
            about = json.load(file)
        code, found, errors = lines(keys[: -len(".json")], "--keys", keys_beside(about, keys, scratch))
        wrong = [] if code == 0 and errors == "" else [(code, errors)]
        if "contents" in about and contents(found) != expected_contents(about):
            wrong.append((about["contents"], contents(found)))
        for wanted in about.get("packets", []):
            if wanted.get("not_opened") or wanted["kind"].startswith("IKEv2"):
                continue
            same = [f for f in found if f["frame"] == wanted["frame"] and f["kind"] == wanted["kind"]]
            fits = same and same[0]["icv"] in ("ok", "none") and all(same[0].get(k) == v for k, v in wanted.items() if k != "note")
            if "note" in wanted:
                fits = fits and (not waits(same[0], keys[: -len(".json")]) or same[0]["icv"] == "ok")
            else:
                opened += 1
            if not fits:
                wrong.append((wanted, same))
        check(f"{short(keys)}: {about.get('verified_packets', 0)} packets as listed", not wrong, wrong[:2])
    check(f"{opened} packets of others' captures hold the octets that are listed", opened > 70, opened)


def malformed(folder, scratch):
    """Each of these broke a program once. Nothing in them opens, and nothing of it is an error of the input."""
    for name in ("libreswan/isakmp-crash1.pcap", "libreswan/01-sunrise-sunset-esp-short.pcap", "tcpdump/esp_truncated.pcap",
                 "tcpdump/isakmp-delete-segfault.pcap", "tcpdump/isakmp-pointer-loop.pcap", "tcpdump/isakmp-rfc3948-oobr.pcap",
                 "tcpdump/isakmpv1-attr-oobr.pcap", "zeek/ipv6_zero_len_ah.pcap"):
        capture = os.path.join(folder, name)
        with open(capture + ".json", encoding="utf-8") as file:
            about = json.load(file)
        wanted = expected_contents(about)
        code, found, errors = lines(capture, "--keys", keys_beside(about, capture + ".json", scratch))
        check(f"{name}: refused, packet by packet", contents(found) == wanted and code == 0 and errors == "" and
              all(f["icv"] == "unknown" and f["not_opened"] for f in found), (code, found, errors))


def kernel_states(folder):
    """What the Linux kernel sent, with the keys as it lists them: 64-bit numbers across 2^32, UDP encapsulation, ESP inside AH."""
    opened = 0
    for state in sorted(glob.glob(os.path.join(folder, "state", "*.state"))):
        name = os.path.basename(state)[: -len(".state")]
        code, found, errors = lines(os.path.join(folder, "pcap", name + ".pcap"), "--xfrm", state)
        if code == 2 and "unsupported" in errors:
            lacking[errors.split("unsupported ")[1].split(":")[0]].append(name)
            continue
        with_icv = "-none-" not in name
        good = [f for f in found if f["icv"] == ("ok" if with_icv else "none") and "payload" in f]
        opened += len(good)
        check(f"{name}: 8 packets open", len(good) == len(found) == (16 if name.startswith("both") else 8), (errors, found[:2]))
    check(f"{opened} packets of the kernel's open", opened > 500, opened)


def cut_short(folder):
    """Captures of which only the first octets of each frame were kept: the same lines, as far as the headers say what they are."""
    for name in ("v1-transport-3des-sha1", "v1-ah-sha1", "v1-main-psk-natt-dpd"):
        keys = os.path.join(here, name, "keys.json")
        whole_capture = os.path.join(here, name, "ike.pcap")
        with open(whole_capture, "rb") as file:
            octets = file.read()
        whole = {(f["frame"], f["kind"]): f for f in lines(whole_capture, "--keys", keys)[1]}
        raw = int.from_bytes(octets[20:24], "little") == 101
        assert raw or int.from_bytes(octets[20:24], "little") == 1
        # IP, and with it the ports; a marker and the header of ISAKMP; what the counts below are of
        link = 0 if raw else 14
        for kept in (*range(0, 80), 100, 150):
            capture = os.path.join(folder, "cut.pcap")
            at, cut, out = 24, set(), octets[:24]
            for frame in range(1, len(octets)):
                if at == len(octets):
                    break
                size, wire = struct.unpack("<II", octets[at + 8:at + 16])
                part = octets[at + 16:at + 16 + min(size, kept)]
                if wire > len(part):
                    cut.add(frame)
                out += octets[at:at + 8] + struct.pack("<II", len(part), wire) + part
                at += 16 + size
            with open(capture, "wb") as file:
                file.write(out)
            code, found, errors = lines(capture, "--keys", keys)
            cut_lines = [f for f in found if f["frame"] in cut]
            said = all(f["icv"] == "unknown" and f["not_opened"] == "captured only in part" and "payload" not in f for f in cut_lines)
            true = all(any((f["frame"], kind) in whole and all(whole[f["frame"], kind].get(k, v) == v for k, v in f.items()
                                                               if k not in ("icv", "kind", "not_opened"))
                           for kind in ({f["kind"]} if f["kind"] != "IKE-other" else {"IKEv1", "IKEv1 encrypted", "ESP"}) | (
                               {"IKEv1 encrypted"} if f["kind"] == "IKEv1" else set())) for f in cut_lines)
            if kept < link + 20:
                enough = not cut_lines
            elif kept < link + 20 + 8 + 4 + 28:
                enough = {f["frame"] for f in found} == {frame for frame, _ in whole} or kept < link + 24
            else:
                enough = {(f["frame"], f["kind"]) for f in found} == set(whole)
            if not (code == 0 and errors == "" and cut and said and true and enough):
                check(f"{name}, {kept} octets of each frame", False, (code, errors, said, true, enough, found[:3]))
                break
        else:
            check(f"{name}: frames that are cut give lines that say so", True)


def forged():
    """One bit of every packet is changed: all ICVs are bad, and so is every HASH that the bit did not make unreadable."""
    with open(os.path.join(here, "v1-transport-3des-sha1", "ike.pcap"), "rb") as file:
        octets = bytearray(file.read())
    keys = os.path.join(here, "v1-transport-3des-sha1", "keys.json")
    at = 24
    while at < len(octets):
        at += 16 + int.from_bytes(octets[at + 8:at + 12], "little")
        octets[at - 20] ^= 1
    with tempfile.TemporaryDirectory() as folder:
        capture = os.path.join(folder, "forged.pcap")
        with open(capture, "wb") as file:
            file.write(octets)
        _, found, errors = lines(capture, "--keys", keys)
    icvs = collections.Counter((f["kind"], f["icv"]) for f in found)
    check("of forged packets none is taken for genuine", errors == "" and icvs["ESP", "bad"] == 6 and icvs["IKEv1 encrypted", "ok"] == 0
          and not any("payload" in f for f in found), icvs)


def write_packets(path, protocol, sent):
    """IPv4 packets, raw, in a capture. Of each: the second, the number of its sender, what it holds."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for second, sender, octets in sent:
            addresses = struct.pack(">I", 0x0A000000 + sender) + bytes([10, 255, 0, 2])
            packet = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(octets), 1, 0, 64, protocol, 0) + addresses + octets
            file.write(struct.pack("<IIII", second, 0, len(packet), len(packet)) + packet)


def write_packet(path, protocol, octets):
    write_packets(path, protocol, [(1, 1, octets)])


def by_hand(folder):
    """Packets that no implementation sends. The first one once made the decoder read behind the packet."""
    capture, keys = os.path.join(folder, "hand.pcap"), os.path.join(folder, "hand.json")
    with open(keys, "w", encoding="utf-8") as file:
        json.dump({"ipsec_sas": [{"proto": "AH", "spi": "00001234", "auth": "AES-128-GMAC", "auth_key": "11" * 20},
                                 {"proto": "ESP", "spi": "00001234", "encr": "NULL", "auth": "HMAC-SHA-1-96", "auth_key": "22" * 20}]}, file)
    for words in (1, 2, 3, 4):
        ah = struct.pack(">BBHII", 59, words, 0, 0x1234, 1) + bytes(4 * (words - 1))
        write_packet(capture, 51, ah)
        code, found, errors = lines(capture, "--keys", keys)
        check(f"an AH of {len(ah)} octets has no room for the ICV: not judged", code == 0 and len(found) == 1 and
              found[0]["icv"] == "unknown" and "its length" in found[0]["not_opened"], (code, found, errors))

    text = b"\1\2\3\4"
    layers = 200
    for i in range(layers):
        pad = -(len(text) + 2) % 4
        body = struct.pack(">II", 0x1234, 1) + text + bytes(range(1, pad + 1)) + bytes([pad, 59 if i == 0 else 50])
        text = body + hmac.digest(b"\x22" * 20, body, "sha1")[:12]
    write_packet(capture, 50, text)
    code, found, errors = lines(capture, "--keys", keys)
    depth, at = 0, found[0] if found else {}
    while at.get("inner"):
        depth, at = depth + 1, at["inner"][0]
    check("ESP in ESP is followed to a certain depth", code == 0 and 0 < depth < 50 and at["not_opened"] == "nested too deep",
          (code, depth, errors))


def both_lists(folder):
    """Keys in `child_sas` count whether or not `ipsec_sas` has some."""
    whole = os.path.join(here, "v1-transport-3des-sha1", "keys.json")
    with open(whole, encoding="utf-8") as file:
        keys = json.load(file)
    assert keys["child_sas"] and not keys.get("ipsec_sas")
    capture = os.path.join(os.path.dirname(whole), "ike.pcap")
    foreign = {"proto": "ESP", "spi": "00001234", "encr": "NULL", "auth": "HMAC-SHA-1-96", "auth_key": "22" * 20}
    mixed = os.path.join(folder, "mixed.json")
    with open(mixed, "w", encoding="utf-8") as file:
        json.dump({**keys, "ipsec_sas": [foreign]}, file)
    code, found, errors = lines(capture, "--keys", mixed)
    esp = [f["icv"] for f in found if f["kind"] == "ESP"]
    check("child_sas beside ipsec_sas are read", code == 0 and esp and set(esp) == {"ok"}, (code, errors, esp))


def isakmp(first, flags, message_id, body, version=0x10, cookie=0x41):
    """A message of Quick Mode."""
    return bytes([cookie] * 8) + b"B" * 8 + struct.pack(">BBBBII", first, version, 32, flags, message_id, 28 + len(body)) + body


def piece(identifier, number, last, data, cookie=0x41):
    """UDP with one piece of a message."""
    message = isakmp(132, 0, 0x1234, struct.pack(">BBHHBB", 0, 0, 8 + len(data), identifier, number, last) + data, cookie=cookie)
    return struct.pack(">HHHH", 500, 500, 8 + len(message), 0) + message


def halves(message, identifier, **more):
    """UDP with the two pieces of a message."""
    return [piece(identifier, 1, 0, message[:40], **more), piece(identifier, 2, 1, message[40:], **more)]


def in_pieces(folder):
    """IKEv1 messages in pieces, of which no key is known: a piece has nothing to open, what they make is open or is not."""
    capture, keys = os.path.join(folder, "pieces.pcap"), os.path.join(folder, "no-keys.json")
    with open(keys, "w", encoding="utf-8") as file:
        file.write('{"ike_sas": []}')
    clear = isakmp(10, 0, 0x1234, struct.pack(">BBH", 0, 0, 20) + bytes(16))
    a, b = halves(clear, 7), halves(clear, 8)
    sealed = halves(isakmp(8, 1, 0x1234, bytes(64)), 7)
    flood = [(2, sender, piece(1, 255, 0, b"x")) for sender in range(2, 258)]
    for what, sent, joined, closed in (
            ("in clear", [(1, 1, a[0]), (1, 1, a[1])], [2], {}),
            ("encrypted", [(1, 1, sealed[0]), (1, 1, sealed[1])], [2], {2: "no key is known"}),
            ("out of order", [(1, 1, a[1]), (1, 1, a[0])], [2], {}),
            ("pieces of two messages in turn", [(1, 1, a[0]), (1, 1, b[0]), (1, 1, a[1]), (1, 1, b[1])], [3, 4], {}),
            ("of one sender, halves from two", [(1, 1, a[0]), (1, 2, a[1])], [], {}),
            ("under other cookies", [(1, 1, a[0]), (1, 1, halves(clear, 7, cookie=0x43)[1])], [], {}),
            ("piece 2 within a minute", [(1, 1, a[0]), (60, 1, a[1])], [2], {}),
            ("piece 2 after a minute", [(1, 1, a[0]), (61, 1, a[1])], [], {}),
            ("of two that contradict each other", [(1, 1, a[0]), (1, 1, piece(7, 1, 0, b"other"))], [], {2: "does not go with"}),
            ("number 0", [(1, 1, piece(7, 0, 0, b"x"))], [], {1: "piece 0 of message 7"}),
            ("of another message's length", [(1, 1, a[0]), (1, 1, piece(7, 2, 1, b"x"))], [], {2: "no message of this ISAKMP SA"}),
            ("of a message of other cookies", [(1, 1, x) for x in halves(isakmp(10, 0, 0x1234, clear[28:], cookie=0x43), 7)], [],
             {2: "no message of this ISAKMP SA"}),
            ("of a message of version 2", [(1, 1, x) for x in halves(isakmp(10, 0, 0x1234, clear[28:], version=0x20), 7)], [],
             {2: "no message of version 1"}),
            ("255 others wait", [(1, 1, a[0]), *flood[1:], (2, 1, a[1])], [257], {}),
            ("256 others wait, and the oldest gave way", [(1, 1, a[0]), *flood, (2, 1, a[1])], [], {})):
        write_packets(capture, 17, sent)
        code, found, errors = lines(capture, "--keys", keys)
        why = {f["frame"]: f["not_opened"] for f in found if "not_opened" in f}
        check(f"pieces, {what}: joined in {joined}, closed {closed}", code == 0 and errors == "" and len(found) == len(sent) and
              [f["frame"] for f in found if f.get("joined")] == joined and set(why) == set(closed) and
              all(part in why[frame] for frame, part in closed.items()), (code, errors, why, found[-4:]))
        _, told, _ = run(decode, "--in", capture, "--keys", keys, timeout=60)
        counted = f" {len(sent)} of ESP, AH or ISAKMP, {len(sent) - len(closed)} of them open"
        check(f"pieces, {what}: the last line counts{counted}", told.splitlines()[-1].endswith(counted), told[-300:])


def flood_of_pieces(folder):
    """As many senders as one likes, each with a piece that waits for others: no more memory than for a few."""
    capture, keys = os.path.join(folder, "flood.pcap"), os.path.join(folder, "no-keys.json")
    with open(keys, "w", encoding="utf-8") as file:
        file.write('{"ike_sas": []}')

    def most_held(senders):
        write_packets(capture, 17, ((1, sender, piece(1, 255, 0, b"x" * 1000)) for sender in range(1, senders + 1)))
        with subprocess.Popen([decode, "--in", capture, "--keys", keys, "--json"], stdout=subprocess.DEVNULL) as child:
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        return child.returncode, used.ru_maxrss

    few, many = most_held(1000), most_held(20000)
    bounded = SANITIZED or many[1] < few[1] + 8192  # KiB; sanitizers keep what was freed
    check("pieces that wait are bounded, however many send them", few[0] == many[0] == 0 and bounded, (few, many))


def offers(folder):
    """What a phase 1 offers, in words: a group by its parts, by a private number, and by one of the table."""
    def basic(kind, value):
        return struct.pack(">HH", 0x8000 | kind, value)

    def variable(kind, octets):
        return struct.pack(">HH", kind, len(octets)) + octets

    suite = basic(1, 7) + basic(14, 128) + basic(2, 2) + basic(3, 1)
    groups = {"1024-bit MODP group by its parts": basic(5, 1) + variable(6, b"\xff" * 128) + basic(7, 2),
              "155-bit EC2N group by its parts": basic(5, 3) + basic(15, 155) + variable(6, b"\x08" + bytes(18) + b"\x01") + basic(7, 123),
              "private group 40000": basic(4, 40000),
              "2048-bit MODP": basic(4, 14)}
    transforms = b""
    for i, group in enumerate(groups.values()):
        more = 3 if i + 1 < len(groups) else 0
        transforms += struct.pack(">BBHBBH", more, 0, 8 + len(suite + group), i + 1, 1, 0) + suite + group
    proposal = struct.pack(">BBHBBBB", 0, 0, 8 + len(transforms), 1, 1, 0, len(groups)) + transforms
    sa = struct.pack(">BBHII", 0, 0, 12 + len(proposal), 1, 1) + proposal
    message = b"\x11" * 8 + bytes(8) + struct.pack(">BBBBII", 1, 0x10, 2, 0, 0, 28 + len(sa)) + sa
    capture = os.path.join(folder, "offer.pcap")
    keys = os.path.join(folder, "none.json")
    with open(keys, "w", encoding="utf-8") as file:
        file.write('{"ike_sas": []}')
    write_packet(capture, 17, struct.pack(">HHHH", 500, 500, 8 + len(message), 0) + message)
    code, found, errors = lines(capture, "--keys", keys)
    said = found[0].get("offers", [[]])[0] if found else []
    check("an offer is told in words, its groups too", code == 0 and len(said) == 1 + len(groups) and
          all(f", SHA, {group}, pre-shared key" in line for group, line in zip(groups, said[1:])), (code, errors, said))


def own_prf(folder):
    """Under a prf of private use nobody tells an observer which function the number means: what the cipher key opens is open, and no
    HASH is judged, genuine as all of them are."""
    for exchange, method, closed in (("main", "psk", set()), ("aggressive", "psk", set()), ("main", "rsa-sig", set()), ("main", "rsa-rev", {3, 4}),
                                     ("aggressive", "rsa-rev", {1, 2})):
        out = os.path.join(folder, f"{exchange}-{method}")
        code, said, errors = run(program("two_gateways"), "--quiet", "--seed", "1", "--exchange", exchange, "--auth", method,
                                 "--ike", "aes128-sha1-modp1024-prfsha256@65001", "--out", out, timeout=60)
        check(f"{exchange} {method}: the gateways agree on a prf of private use", code == 0 and said.startswith("EQUAL"), (code, said, errors))
        if code != 0:
            continue
        capture, keys = os.path.join(out, "protected.pcap"), os.path.join(out, "keys.json")
        code, found, errors = lines(capture, "--keys", keys)
        sealed = [f for f in found if f["kind"] == "IKEv1 encrypted"]
        signed = [f for f in sealed if 9 in f.get("payload_types", [])]
        check(f"{exchange} {method}: every sealed message opens, and no HASH in it is judged", code == 0 and errors == "" and len(sealed) > 3 and
              all("plaintext" in f and f["icv"] == ("none" if f in signed else "unknown") for f in sealed) and
              len(signed) == (2 if method == "rsa-sig" else 0), sealed)
        why = {f["frame"]: f["not_opened"] for f in found if "not_opened" in f}
        check(f"{exchange} {method}: of phase 1 stays closed what keys by that prf hide", set(why) == closed and
              all(w.endswith("payloads are under keys by a prf of private use") for w in why.values()), why)
        _, told, _ = run(decode, "--in", capture, "--keys", keys, timeout=60)
        check(f"{exchange} {method}: people are told why", told.count(", and its HASH is by a prf of private use") == len(sealed) - len(signed), told[:2000])


def own_prf_answered(folder):
    """The first message comes again behind the answer: what was agreed on stays."""
    out = os.path.join(folder, "main-psk")
    with open(os.path.join(out, "protected.pcap"), "rb") as file:
        octets = file.read()
    frames, at = [], 24
    while at < len(octets):
        size = 16 + int.from_bytes(octets[at + 8:at + 12], "little")
        frames.append(octets[at:at + size])
        at += size
    # As if another transform came first in it: in place of PRF (13) stands once more the length of the key (14).
    plain = frames[0].replace(struct.pack(">HH", 0x800D, 65001), struct.pack(">HH", 0x800E, 128))
    assert plain != frames[0]
    capture = os.path.join(folder, "again.pcap")
    with open(capture, "wb") as file:
        file.write(octets[:24] + b"".join([plain, frames[1], plain, *frames[2:]]))
    code, found, errors = lines(capture, "--keys", os.path.join(out, "keys.json"))
    icvs = collections.Counter(f["icv"] for f in found if f["kind"] == "IKEv1 encrypted")
    check("a first message that comes again changes nothing of what was agreed on", code == 0 and errors == "" and set(icvs) == {"unknown"}, icvs)


def wrong_values():
    """Files in which one value is of another type, or beyond its range: what it is, and the text."""
    esp = {"proto": "ESP", "spi": "00001234", "encr": "NULL", "auth": "HMAC-SHA-1-96", "auth_key": "22" * 20}
    v1 = {"version": 1, "cookie_i": "11" * 8, "encryption_key": "22" * 16, "oakley_encr": 7, "oakley_hash": 2}
    v2 = {"version": 2, "spi_i": "11" * 8, "spi_r": "22" * 8, "sk_ei": "33" * 16}
    child = {"role": "initiator", "spi_in": "00001234", "spi_out": "00001235", "suite": {"encryption": "NULL"}}
    for name, good, wrong in (
            ("ipsec_sas", esp, {"udp_encap": "yes", "src": 5, "dst": True, "encr": 7, "auth_key": []}),
            ("ipsec_sas", esp, {"src": "nowhere"}),
            ("ike_sas", v1, {"oakley_encr": 65541, "oakley_hash": 65538, "version": 3}),
            ("ike_sas", v1, {"oakley_encr": -1, "oakley_hash": "SHA", "version": "1"}),
            ("ike_sas", v2, {"spi_i": "11", "spi_r": 5, "sk_ei": "no key", "dh_secret": {}, "proposal": 1, "keys": []}),
            ("ike_sas", v2, {"keys": {"SK_ei": "no key"}}),
            ("child_sas", child, {"role": "boss", "suite": "NULL", "spi_in": 4660})):
        for key, value in wrong.items():
            yield f"{name}: {key} is {value!r}", json.dumps({name: [{**good, key: value}]})


def bad_input(folder):
    capture = os.path.join(here, "v1-rekeys", "ike.pcap")
    keys = os.path.join(here, "v1-rekeys", "keys.json")

    def file_of(name, text):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    refused = {
        "no such capture": ("--in", "nowhere.pcap", "--keys", keys),
        "a capture that is none": ("--in", keys, "--keys", keys),
        "no keys": ("--in", capture),
        "keys twice": ("--in", capture, "--keys", keys, "--xfrm", keys),
        "keys that are no JSON": ("--in", capture, "--keys", file_of("a.json", "{\"ike_sas\": [")),
        "an object without keys": ("--in", capture, "--keys", file_of("j.json", "{}")),
        "a list of another name": ("--in", capture, "--keys", file_of("k.json", '{"ipsec_saz": []}')),
        "keys of another shape": ("--in", capture, "--keys", file_of("b.json", "[1, 2]")),
        "an SPI that is none": ("--in", capture, "--keys", file_of("c.json", '{"ipsec_sas": [{"proto": "ESP", "spi": "12"}]}')),
        "a key that is no hexadecimal": ("--in", capture, "--keys", file_of(
            "d.json", '{"ipsec_sas": [{"proto": "ESP", "spi": "00001234", "encr": "AES-CBC", "encr_key": "0g"}]}')),
        "a cookie that is none": ("--in", capture, "--keys", file_of("e.json", '{"ike_sas": [{"version": 1, "cookie_i": "00"}]}')),
        "lists in lists, 100000 deep": ("--in", capture, "--keys", file_of("h.json", '{"ipsec_sas": ' + "[" * 100000 + "]" * 100000 + "}")),
        "objects in objects that do not end": ("--in", capture, "--keys", file_of("i.json", '{"a":' * 100000)),
        **{f"{what} ({i})": ("--in", capture, "--keys", file_of(f"typed{i}.json", text)) for i, (what, text) in enumerate(wrong_values())},
        "a private key that is none": ("--in", capture, "--keys", file_of("g.json", '{"credentials": [{"private_key": "a secret"}]}')),
        "xfrm words that are none": ("--in", capture, "--xfrm", file_of("f.xfrm", "xfrm state add src 10.0.0.1 wrong\n")),
        "an option that is none": ("--in", capture, "--what"),
    }
    for i, good in enumerate(({"ike_sas": []}, {"ike_sas": [{"version": 2, "spi_i": "11" * 8}]})):
        code, out, errors = run(decode, "--in", capture, "--keys", file_of(f"good{i}.json", json.dumps(good)), "--json")
        check(f"{good} is a file of keys", code == 0 and errors == "" and len(out.splitlines()) > 40, (code, out, errors))
    for what, arguments in refused.items():
        code, out, errors = run(decode, *arguments)
        check(f"{what}: one line and exit code 2", code == 2 and out == "" and is_complaint("ipsec_decode", errors), (code, out, errors))
    code, out, errors = run(decode, "--in", capture, "--keys", keys)
    check("for people: a line per packet and a last one that counts", code == 0 and errors == "" and
          out.splitlines()[-1].endswith("of ESP, AH or ISAKMP, 44 of them open") and "Quick Mode  ICV ok  HASH SA" in out, out)


gateway_captures(here)
forged()
with tempfile.TemporaryDirectory() as temporary:
    bad_input(temporary)
    by_hand(temporary)
    both_lists(temporary)
    cut_short(temporary)
    in_pieces(temporary)
    flood_of_pieces(temporary)
    offers(temporary)
    own_prf(temporary)
    own_prf_answered(temporary)
if has_shared:
    gateway_captures(captures)
    with tempfile.TemporaryDirectory() as temporary:
        expected_packets(os.path.join(captures, "external"), temporary)
        malformed(os.path.join(captures, "external"), temporary)
    kernel_states(os.path.join(captures, "linux-kernel-esp-ah"))
else:
    skip("captures of other implementations: IPSECPP_SHARED does not name their folder")
for algorithm, where in sorted(lacking.items()):
    print(f"waits for {algorithm}: {', '.join(sorted(set(where)))}")
finish()
