#!/usr/bin/env python3
"""New Group Mode, XAUTH, Mode Config, CONNECTED, dead peer detection, messages in pieces and the Base and Authentication Only
exchanges, as two ends of this library ran them (record_exchanges.cpp), read by others: the oracle of this folder, which takes the capture, long-term keys and Diffie-Hellman
secrets and derives all else; tshark; and ipsec_decode.

Environment: as tests/examples/support.py says.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "examples")]

from oracle_test import frame_offsets  # noqa: E402
from support import check, finish, needs, program, run  # noqa: E402

# RFC 2408 section 3.1 and appendix B of RFC 2409: CONNECTED bears the message id of its Quick Mode and, as an Informational
# exchange, an IV made from that id. tshark goes on in the Quick Mode's chain, and finds noise. The oracle and ipsec_decode open it.
# The empty identity of section 4.2 of draft-ietf-ipsec-isakmp-hybrid-auth stops its dissector ("failed assertion len > 0"); the runs of
# clients that say a name it reads from end to end.
CLOSED_TO_TSHARK = {"connected-from-initiator": {11}, "connected-from-responder": {11}, "connected-from-both": {11},
                    "xauth-hybrid-rsa": {5}, "xauth-hybrid-rsa-from-edge": {6}, "xauth-hybrid-aggressive-rsa": {1}}
EXPERT_ERROR = 8388608
# Pieces of an Aggressive Mode's message 2 that end among its Vendor IDs: HASH_R covers none of these.
UNVOUCHED = {"pieces-aggressive-xauth": [7, 8]}
TRANSACTION, CONNECTED, ATTRIBUTES_NOT_SUPPORTED = "HASH of a Transaction", 16384, 13
LEAST_FRAGMENT = 128  # what the recorder asks for: v1::least_fragment
OVERHEAD = 28 + 4 + 4  # of a piece: header, generic header, and ID to flags
R_U_THERE, R_U_THERE_ACK = 36136, 36137  # RFC 3706 section 7


def common(**more):
    """What the oracle has to find in Main Mode with a Quick Mode and both Deletes behind it."""
    found = {"HASH_I": 1, "HASH_R": 1, "HASH(1)": 1, "HASH(2)": 1, "HASH(3)": 1, "HASH of an Informational": 3, "NAT-D": 4, "choice": 2}
    found.update(more)
    return {name: n for name, n in found.items() if n}


def signed(**more):
    return common(HASH_I=0, HASH_R=0, SIG_I=1, SIG_R=1, **more)


GROUPS = {"HASH(1) of a New Group Mode": 1, "HASH(2) of a New Group Mode": 1, "choice": 3}
RIGHT = {  # of each run: all that the oracle has to find right, and how often
    "new-group-modp": {**common(), **GROUPS},
    "new-group-ec2n": {**common(), **GROUPS},
    "new-group-refused": {"HASH_I": 1, "HASH_R": 1, "HASH(1) of a New Group Mode": 1, "HASH of an Informational": 3, "NAT-D": 4, "choice": 1},
    "connected-from-initiator": {**common(), "HASH of an Informational": 4},
    "connected-from-responder": {**common(), "HASH of an Informational": 4},
    "connected-from-both": {**common(), "HASH of an Informational": 4},
    "xauth": {**common(), TRANSACTION: 4},
    "xauth-from-initiator": {**common(), TRANSACTION: 4},
    "xauth-second-try": {**common(), TRANSACTION: 6},
    "xauth-aggressive-rsa": {**signed(), TRANSACTION: 4},
    "xauth-hybrid-rsa": {**common(HASH_R=0, SIG_R=1), TRANSACTION: 4},
    "xauth-hybrid-rsa-from-edge": {**common(HASH_I=0, SIG_I=1), TRANSACTION: 4},
    "xauth-hybrid-dss": {**common(HASH_R=0, SIG_R=1), TRANSACTION: 4},
    "xauth-hybrid-aggressive-rsa": {**common(HASH_R=0, SIG_R=1), TRANSACTION: 4},
    "xauth-hybrid-aggressive-dss-from-edge": {**common(HASH_I=0, SIG_I=1), TRANSACTION: 4},
    "mode-config": {**common(), TRANSACTION: 2},
    "mode-config-push": {**common(), TRANSACTION: 2},
    "mode-config-ecdsa": {**signed(), TRANSACTION: 2},
    "xauth-mode-config": {**common(), TRANSACTION: 6},
    "xauth-radius-chap": {**common(), TRANSACTION: 4},
    "xauth-otp": {**common(), TRANSACTION: 6},
    "xauth-s-key": {**common(), TRANSACTION: 4},
    "xauth-next-pin": {**common(), TRANSACTION: 10},
    "alive-from-initiator": {**common(), "HASH of an Informational": 9},
    "alive-from-responder": {**common(), "HASH of an Informational": 9},
    "alive-from-both": {**common(), "HASH of an Informational": 9},
    "pieces": common(),
    "pieces-rsa": signed(),
    "pieces-aggressive-xauth": {**common(), TRANSACTION: 4},
    "base-psk": {"HASH_I": 1, "HASH_R": 1, "choice": 1},
    "base-rsa-sig": {"SIG_I": 1, "SIG_R": 1, "choice": 1},
    "authentication-only-psk": {"HASH_I": 1, "HASH_R": 1, "choice": 1},
    "authentication-only-rsa-sig": {"SIG_I": 1, "SIG_R": 1, "choice": 1},
}
# Attributes of Transaction exchanges: draft-beaulieu-ike-xauth section 6.2, draft-dukes-ike-mode-cfg section 3.4.
TYPE, USER, PASSWORD, PASSCODE, MESSAGE, CHALLENGE, DOMAIN, STATUS, NEXT_PIN, ANSWER, ADDRESS = *range(16520, 16530), 1
ONE_TIME = b"5bf0 75d9 959d 036f"
# What each REQUEST and REPLY of a run says, in order; `...` stands for a value that is judged apart.  draft section 5.4, App.
ROUNDS = {
    "xauth-radius-chap": [
        {TYPE: 1, USER: b"", PASSWORD: b"", CHALLENGE: ...},
        {TYPE: 1, USER: b"carol", PASSWORD: ...},
    ],
    "xauth-otp": [
        {TYPE: 2, USER: b""},
        {TYPE: 2, USER: b"carol"},
        {TYPE: 2, USER: b"", PASSWORD: b"", CHALLENGE: b"otp-md5 499 ke1234 ext"},
        {TYPE: 2, USER: b"carol", PASSWORD: ONE_TIME},
    ],
    "xauth-s-key": [
        {TYPE: 3, USER: b"", DOMAIN: b"", PASSWORD: b"", CHALLENGE: b"s/key 99 ke1234"},
        {TYPE: 3, USER: b"carol", DOMAIN: b"example", PASSWORD: ONE_TIME},
    ],
    "xauth-next-pin": [
        {USER: b"", PASSCODE: b""},
        {USER: b"carol", PASSCODE: b"1637364856"},
        {ANSWER: b"", MESSAGE: b"own PIN (y/n)?"},
        {ANSWER: b"y"},
        {NEXT_PIN: b"", MESSAGE: b"4-6 digits"},
        {NEXT_PIN: b"1234"},
        {USER: b"", PASSCODE: b""},
        {USER: b"carol", PASSCODE: b"1234764456"},
    ],
}


class Course:
    def __init__(self, work, name):
        self.name, self.folder = name, os.path.join(work, name)
        self.capture, self.keys_file = (os.path.join(self.folder, file) for file in ("protected.pcap", "keys.json"))
        with open(self.keys_file, encoding="utf-8") as f:
            self.keys = json.load(f)
        self.report = None

    def with_keys(self, change):
        """A file of keys that something is different in."""
        copy = json.loads(json.dumps(self.keys))
        change(copy)
        with open(self.keys_file + ".other", "w", encoding="utf-8") as f:
            json.dump(copy, f)
        return self.keys_file + ".other"


def ask(module, capture, keys_file):
    """@return faults and report of the oracle"""
    with open(keys_file, encoding="utf-8") as f:
        judge = module.Oracle(capture, module.Keys(json.load(f)))
    judge.run()
    return judge.faults, {**judge.report(), "values compared": judge.counts["values compared"]}


def secrets_alone(keys):
    """Nothing is left that the oracle derives by itself."""
    for entry in keys["ike_sas"]:
        for name in [n for n in entry if n not in ("version", "spi_i", "spi_r", "dh_secret")]:
            del entry[name]
    del keys["ipsec_sas"]


def the_oracle_agrees(c, module):
    """@return whether it could follow; if not, there is nothing to hold the others to"""
    faults, c.report = ask(module, c.capture, c.keys_file)
    found = c.report["right"]
    check(f"{c.name}: the oracle derives every key and checks every HASH and signature", not faults and c.report["unchecked"] == 0 and found == RIGHT[c.name], (faults, found))
    if faults:
        return False
    compared = c.report["values compared"]  # SKEYIDs, the cipher's key and IV, and both keys of each IPsec SA
    check(f"{c.name}: what the ends say of their keys is what it derived", compared >= 2 + 2 * len(c.keys["ipsec_sas"]), compared)
    check(f"{c.name}: both ends are proven to it", [s["proven"] for s in c.report["ike_sas"]] == [{"i": True, "r": True}], c.report["ike_sas"])
    faults, alone = ask(module, c.capture, c.with_keys(secrets_alone))
    check(f"{c.name}: by capture, long-term keys and Diffie-Hellman secrets alone it is as sure", not faults and alone["right"] == c.report["right"], faults)
    judged = [m for m in c.report["messages"] if m["encrypted"] or m["exchange"] in ("Base", "Authentication Only")]
    check(f"{c.name}: no encrypted message is without a verdict", all(m["verdicts"] for m in judged if m["encrypted"]) and len(judged) >= 3, judged)
    return True


def the_oracle_notices(c, module):
    """One octet of each message in turn is another one; and a pre-shared key or Diffie-Hellman secret that is not the one that was used."""
    with open(c.capture, "rb") as f:
        whole = f.read()
    missed, changed = [], c.capture + ".changed"
    for number, (place, size) in enumerate(frame_offsets(whole), 1):
        octets = bytearray(whole)
        # Behind IP and UDP stands the header. In encrypted messages an octet of the first block; else an attribute of the SA, which
        # may have Vendor IDs behind it that nobody vouches for, or the last octet: of a nonce, NAT-D, AUTH.
        head = place + 28
        octets[head + 28 + 5 if octets[head + 19] & 1 else head + 74 if octets[head + 16] == 1 else place + size - 1] ^= 1
        with open(changed, "wb") as f:
            f.write(octets)
        faults, report = ask(module, changed, c.keys_file)
        if not faults and report["right"] == c.report["right"]:
            missed.append(number)
    check(f"{c.name}: it notices an octet of any message that is another one", missed == UNVOUCHED.get(c.name, []), missed)

    def other_psk(keys):
        keys["psk"] = keys["psk"][:-2] + "00"

    def other_secret(keys):
        for entry in keys["ike_sas"]:
            entry["dh_secret"] = "00" + entry["dh_secret"][2:]

    changes = [other_psk] * ("psk" in c.keys) + [other_secret] * ("dh_secret" in c.keys["ike_sas"][0])
    check(f"{c.name}: it notices another secret", all(ask(module, c.capture, c.with_keys(change))[0] for change in changes))


def said(c, kind):
    """Bodies of payloads of a kind in messages that were opened, in order."""
    out = []
    for m in c.report["messages"]:
        out += [bytes.fromhex(p["body"]) for p in m.get("payloads", []) if p["payload"] == kind]
    return out


def attributes(body):
    """{attribute: value} of an ATTR payload."""
    found, at = {}, 4
    while at < len(body):
        kind, value = struct.unpack_from(">HH", body, at)
        at += 4
        if kind & 0x8000:
            found[kind & 0x7FFF] = value
        else:
            found[kind] = body[at : at + value]
            at += value
    return found


def rounds_were_said(c, transactions):
    """The same question, answer and order as the draft's examples have, and a CHAP that Python's MD5 makes."""
    rounds = ROUNDS[c.name]
    check(f"{c.name}: so many REQUESTs and REPLYs, then SET and ACK", [kind for kind, _ in transactions] == [1, 2] * (len(rounds) // 2) + [3, 4], transactions)
    for (_, said_here), wanted in zip(transactions, rounds):
        held = said_here.keys() == wanted.keys() and all(v is ... or said_here[k] == v for k, v in wanted.items())
        check(f"{c.name}: what is said is {wanted}", held, said_here)
    check(f"{c.name}: and it is well", transactions[-2][1].get(STATUS) == 1, transactions[-2])
    if c.name == "xauth-radius-chap":  # RFC 1994 section 4.1
        challenge, told = transactions[0][1][CHALLENGE], transactions[1][1][PASSWORD]
        right = hashlib.md5(told[:1] + b"Ar3etTnp" + challenge).digest()
        check(f"{c.name}: the password is ID and MD5 of ID, password and challenge", len(challenge) == 16 and told[1:] == right, told.hex())


def somebody_is_alive(c):
    """RFC 3706 section 5: each R-U-THERE has its ACK, of the same number and under the same cookies; the next number is one more."""
    told = []
    for m in c.report["messages"]:
        for p in m.get("payloads", []):
            body = bytes.fromhex(p["body"])
            if p["payload"] == "N" and int.from_bytes(body[6:8], "big") in (R_U_THERE, R_U_THERE_ACK):
                told.append((m["by"], int.from_bytes(body[6:8], "big"), body))
    # DOI, protocol ISAKMP, 16 octets of SPI; then type, cookies, number: section 5.3
    cookies = bytes.fromhex(c.report["ike_sas"][0]["spi_i"] + c.report["ike_sas"][0]["spi_r"])
    right_form = all(body[:6] == bytes((0, 0, 0, 1, 1, 16)) and body[8:24] == cookies and len(body) == 28 for _, _, body in told)
    check(f"{c.name}: each has the form of a Notify payload with the cookies and a number", told and right_form, told)
    pairs = list(zip(told[::2], told[1::2]))
    answered = all(q[1] == R_U_THERE and a[1] == R_U_THERE_ACK and q[0] != a[0] and q[2][24:] == a[2][24:] for q, a in pairs)
    check(f"{c.name}: every query has its answer at once", len(told) == 2 * len(pairs) and len(pairs) >= 3 and answered, told)
    askers = {q[0] for q, _ in pairs}
    # Where both would ask, a query of one shows the other that it is alive.
    check(f"{c.name}: whoever was told to ask does", c.name.endswith("both") or askers == {c.name.removeprefix("alive-from-")}, askers)
    for who in askers:
        numbers = [int.from_bytes(q[2][24:], "big") for q, _ in pairs if q[0] == who]
        check(f"{c.name}: numbers go up by one", numbers == list(range(numbers[0], numbers[0] + len(numbers))), numbers)


def faults_of_pieces(c):
    """Numbers from 1 in order under one identifier, the last one marked, none longer than the recorder asked for and all but the
    last as long; together they are a message of the same cookies, as long as its header says."""
    with open(c.capture, "rb") as f:
        capture = f.read()
    frames = [capture[place : place + size] for place, size in frame_offsets(capture)]
    runs = []  # of one message each: what the report says of a piece, and its UDP payload
    for m in c.report["messages"]:
        if "fragment" in m:
            if not runs or runs[-1][-1][0].get("joined"):
                runs.append([])
            runs[-1].append((m, frames[m["frame"] - 1][20 + 8 :]))  # behind IPv4 and UDP
    faults = []
    for run_of in runs:
        told = [m["fragment"] for m, _ in run_of]
        sizes = [len(octets) for _, octets in run_of]
        last = len(told)
        if [t["number"] for t in told] != list(range(1, last + 1)) or last < 2:
            faults.append(("numbers", told))
        if len({t["id"] for t in told}) != 1 or [t["last"] for t in told] != [False] * (last - 1) + [True]:
            faults.append(("identifier or mark", told))
        if sizes[-1] > LEAST_FRAGMENT or any(size != LEAST_FRAGMENT for size in sizes[:-1]):
            faults.append(("sizes", sizes))
        whole = b"".join(octets[OVERHEAD:] for _, octets in run_of)
        if whole[:16] != run_of[0][1][:16] or int.from_bytes(whole[24:28], "big") != len(whole):
            faults.append(("message", whole[:28].hex()))
    return faults


def came_in_pieces(c):
    """Messages that are too long for one piece come as Cisco's fragments are."""
    joined = [m for m in c.report["messages"] if m.get("joined")]
    check(f"{c.name}: several messages came in pieces, in clear and encrypted", len(joined) >= 3 and {m["encrypted"] for m in joined} == {False, True}, joined)
    faults = faults_of_pieces(c)
    check(f"{c.name}: each in order, under one identifier, as long as was asked for, and the last one says so", not faults, faults)


def what_was_said(c):
    """What the messages say, as the figures of their texts have it."""
    transactions = [(body[0], attributes(body)) for body in said(c, "ATTR")]
    shape = [kind for kind, _ in transactions]
    if c.name in ROUNDS:
        rounds_were_said(c, transactions)
    elif c.name.startswith("xauth"):
        tries = 2 if c.name == "xauth-second-try" else 1
        wanted = [1, 2] * tries + [3, 4] + ([1, 2] if c.name == "xauth-mode-config" else [])
        check(f"{c.name}: REQUEST, REPLY, SET, ACK", shape == wanted, shape)
        names = [t for kind, t in transactions if kind == 2 and USER in t]
        check(f"{c.name}: the name and the password that were given", len(names) == tries and names[-1][USER] == b"carol" and names[-1][PASSWORD] == b"Ar3etTnp", transactions)
        if "hybrid" in c.name:  # draft-ietf-ipsec-isakmp-hybrid-auth section 4.2
            empty = [body for body in said(c, "ID") if body[0] == 0]
            named = [body for body in said(c, "ID") if body[4:] == b"carol@example.org"]
            check(f"{c.name}: the client's identity is empty, or what it is told to say", (empty, len(named)) in (([bytes(4)], 0), ([], 1)), (empty, named))
        check(f"{c.name}: the status says that it is well", [t[STATUS] for kind, t in transactions if kind == 3] == [1], transactions)
    if "mode-config" in c.name:
        push = c.name.endswith("push")
        given = [t for kind, t in transactions if kind == (3 if push else 2) and ADDRESS in t]
        check(f"{c.name}: the address that was given", len(given) == 1 and given[0][ADDRESS] == bytes((10, 3, 0, 7)) and (push or shape[-2:] == [1, 2]) and (not push or shape == [3, 4]), transactions)
    if c.name.startswith("alive"):
        somebody_is_alive(c)
    if c.name.startswith("pieces"):
        came_in_pieces(c)
    notifies = [int.from_bytes(body[6:8], "big") for body in said(c, "N")]
    if c.name.startswith("connected"):
        quick = next(m["message_id"] for m in c.report["messages"] if m["exchange"] == "Quick")
        told = [m for m in c.report["messages"] if CONNECTED in m.get("notifies", [])]
        check(f"{c.name}: CONNECTED once, under the Quick Mode's message id, with an IV of its own", [(m["message_id"], m["chained"]) for m in told] == [(quick, False)], told)
    elif c.name == "new-group-refused":
        check(f"{c.name}: ATTRIBUTES-NOT-SUPPORTED, and no Quick Mode", ATTRIBUTES_NOT_SUPPORTED in notifies and not c.report["ike_sas"][0]["quick_modes"], notifies)
    elif c.name.startswith("new-group"):
        both = c.report["ike_sas"][0]["new_groups"]
        quick = c.report["ike_sas"][0]["quick_modes"]
        check(f"{c.name}: both ends say the same group, and the Quick Mode uses it", [g["by"] for g in both] == ["initiator", "responder"] and both[0]["groups"] == both[1]["groups"] and
              [q["pfs_group"] for q in quick] == [40000], (both, quick))


def tshark_agrees(c):
    fields = ("frame.number", "isakmp.flag_e", "isakmp.typepayload", "_ws.malformed", "_ws.expert.severity")
    words = [word for field in fields for word in ("-e", field)]
    done = subprocess.run(["tshark", "-r", c.capture, "-T", "fields", *words], capture_output=True, text=True, check=False,
                          env={**os.environ, "WIRESHARK_CONFIG_DIR": os.path.join(c.folder, "wireshark")})
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    closed = CLOSED_TO_TSHARK.get(c.name, set())
    bad = {int(r[0]) for r in rows if r[3] or any(int(s) >= EXPERT_ERROR for s in r[4].split(",") if s)}
    check(f"{c.name}: tshark finds nothing malformed but what is known to be closed to it", bad == closed and len(rows) == len(c.report["messages"]), (bad, done.stderr))
    kinds = {"SA": "1", "KE": "4", "ID": "5", "CERT": "6", "CR": "7", "HASH": "8", "SIG": "9", "NONCE": "10", "N": "11", "D": "12", "VID": "13", "ATTR": "14", "NAT-D": "20"}
    ours = {m["frame"]: [kinds[p["payload"]] for p in m.get("payloads", [])] for m in c.report["messages"]}
    # Proposals and transforms (2 and 3) stand inside of SA payloads, and pieces (132) around the message that they make.
    theirs = {int(r[0]): [t for t in r[2].split(",") if t and t not in ("2", "3", "132")] for r in rows}
    check(f"{c.name}: it finds the payloads that the oracle finds", all(theirs[n] == ours[n] for n in ours if n not in closed), (theirs, ours))


def ipsec_decode_agrees(c, decode):
    code, shown, errors = run(decode, "--in", c.capture, "--keys", c.keys_file, "--json")
    lines = [json.loads(line) for line in shown.splitlines()]
    check(f"{c.name}: ipsec_decode opens every message", code == 0 and len(lines) == len(c.report["messages"]) and not [m for m in lines if "not_opened" in m], (code, errors, lines))
    listed = {m["frame"]: m["plaintext"] for m in lines if m["kind"] == "IKEv1 encrypted"}
    theirs = {m["frame"]: m["plaintext"] for m in c.report["messages"] if m["encrypted"]}
    check(f"{c.name}: it finds in them what the oracle finds", listed == theirs, (listed, theirs))
    pieces = {m["frame"]: (m["fragment"], m.get("joined", False)) for m in lines if "fragment" in m}
    check(f"{c.name}: it puts the same pieces together", pieces == {m["frame"]: (m["fragment"], m.get("joined", False)) for m in c.report["messages"] if "fragment" in m}, pieces)


def pieces_in_disorder(c, decode):
    """ipsec_decode with pieces reversed and doubled, and with one that says something else under the number of another."""
    with open(c.capture, "rb") as f:
        whole = f.read()
    records = [whole[place - 16 : place + size] for place, size in frame_offsets(whole)]
    first = next(i for i, m in enumerate(c.report["messages"]) if "fragment" in m)
    behind = next(i for i in range(first, len(records)) if c.report["messages"][i].get("joined")) + 1
    some = records[first:behind]

    def lines_of(name, between):
        path = c.capture + name
        with open(path, "wb") as f:
            f.write(whole[:24] + b"".join(records[:first] + between + records[behind:]))
        return [json.loads(line) for line in run(decode, "--in", path, "--keys", c.keys_file, "--json")[1].splitlines()]

    lines = lines_of(".disorder", [r for r in reversed(some) for _ in range(2)])
    want = sum(m.get("joined", False) for m in c.report["messages"])
    check(f"{c.name}: pieces in any order, and twice, make the same messages", sum(m.get("joined", False) for m in lines) == want and not any("not_opened" in m for m in lines), lines)
    other = some[0][:-1] + bytes([some[0][-1] ^ 1])
    lines = lines_of(".other", [some[0], other, *some[1:]])
    check(f"{c.name}: a piece that contradicts another is told", "does not go with" in lines[first + 1].get("not_opened", "") and not lines[first + len(some)].get("joined"), lines[: behind + 1])


def main():
    recorder = program("record_exchanges")
    decode = program("ipsec_decode")
    if not needs(importlib.util.find_spec("cryptography"), "no module `cryptography` (Debian: python3-cryptography), which the oracle needs"):
        finish()
    has_tshark = needs(shutil.which("tshark"), "no tshark")
    import oracle  # pylint: disable=import-outside-toplevel  (it wants `cryptography`)

    with tempfile.TemporaryDirectory() as work:
        code, shown, errors = run(recorder, work)
        check("every exchange comes to its end between two of our own", code == 0 and sorted(shown.split()) == sorted(RIGHT), (shown, errors))
        if code == 0:
            for name in RIGHT:
                course = Course(work, name)
                if not the_oracle_agrees(course, oracle):
                    continue
                the_oracle_notices(course, oracle)
                what_was_said(course)
                if has_tshark:
                    tshark_agrees(course)
                ipsec_decode_agrees(course, decode)
                if name == "pieces":
                    pieces_in_disorder(course, decode)
    finish()


if __name__ == "__main__":
    main()
