#!/usr/bin/env python3
"""Proves the oracle before it judges anybody: it accepts captures of other implementations and refuses each kind of damage.

    oracle_test.py [DATA]    DATA/captures/<name>/ike.pcap and keys.json; exit 77 (skipped) without `cryptography`
"""

import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
GOOD = {  # name: IKE SAs, Quick Modes, HASHes, packets
    "v1-main-psk-3des-md5-modp1024": (1, 1, 7, "ESP opened 6"),
    "v1-rekeys": (2, 3, 18, "ESP opened 18"),
    "v1-transport-3des-sha1": (1, 1, 7, "ESP opened 6"),
    "v1-ah-sha1": (1, 1, 7, "AH ICV right 6"),
}
failures = 0


def oracle(capture, keys, *more):
    done = subprocess.run([sys.executable, os.path.join(HERE, "oracle.py"), capture, "--keys", keys, *more], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def check(what, held, shown=""):
    global failures
    print(("ok    " if held else "FAILED  ") + what)
    if not held:
        failures += 1
        print(shown)


def accepts(data):
    for name, (ike, quick, hashes, packets) in GOOD.items():
        folder = os.path.join(data, "captures", name)
        code, text = oracle(os.path.join(folder, "ike.pcap"), os.path.join(folder, "keys.json"), "--psk", "interop-psk")
        told = f"IKE SAs {ike}, Quick Modes {quick}," in text and f"HASHes right {hashes}," in text and packets in text
        check(f"{name}: every message opened, every key equal", code == 0 and told, text)


def frame_offsets(capture):
    """Where the octets of each frame begin in a little-endian pcap file."""
    at, out = 24, []
    while at < len(capture):
        size = int.from_bytes(capture[at + 8 : at + 12], "little")
        out.append((at + 16, size))
        at += 16 + size
    return out


def refuses(data):
    folder = os.path.join(data, "captures", "v1-main-psk-3des-md5-modp1024")
    keys_file, capture_file = os.path.join(folder, "keys.json"), os.path.join(folder, "ike.pcap")
    code, text = oracle(capture_file, keys_file, "--psk", "interop-psK")
    check("a wrong pre-shared key", code == 1 and "MISMATCH" in text, text)

    with open(keys_file, encoding="utf-8") as f:
        keys = json.load(f)
    with open(capture_file, "rb") as f:
        capture = f.read()
    with tempfile.TemporaryDirectory() as work:
        changed = os.path.join(work, "changed")

        def with_keys(change):
            copy = json.loads(json.dumps(keys))
            change(copy)
            with open(changed, "w", encoding="utf-8") as f:
                json.dump(copy, f)
            return oracle(capture_file, changed, "--psk", "interop-psk")

        def with_octet(frame, from_end):
            start, size = frame_offsets(capture)[frame - 1]
            damaged = bytearray(capture)
            damaged[start + size - from_end] ^= 1
            with open(changed, "wb") as f:
                f.write(damaged)
            return oracle(changed, keys_file, "--psk", "interop-psk")

        code, text = with_keys(lambda k: k["ike_sas"][0].update(dh_secret="00" * 128))
        check("a wrong Diffie-Hellman secret", code == 1 and "MISMATCH" in text, text)
        code, text = with_keys(lambda k: k["ike_sas"][0].update(skeyid_a="00" * 16))
        check("a recorded SKEYID_a that does not follow", code == 1 and "skeyid_a" in text, text)
        code, text = with_keys(lambda k: k["child_sas"][0].update(integ_r="00" * 16))
        check("a recorded ESP key that does not follow", code == 1 and "integ_r" in text, text)
        code, text = with_octet(4, 60)
        check("a changed public value or nonce", code == 1 and "MISMATCH" in text, text)
        code, text = with_octet(6, 20)
        check("a changed Main Mode message", code == 1 and "frame 6" in text, text)
        code, text = with_octet(8, 30)
        check("a changed Quick Mode message", code == 1 and "frame 8" in text, text)
        code, text = with_octet(10, 40)
        check("a changed ESP packet", code == 1 and "ESP ICV" in text, text)
        with open(changed, "wb") as f:
            f.write(capture[:-5])
        code, text = oracle(changed, keys_file, "--psk", "interop-psk")
        check("a capture that breaks off", code == 2, text)

    folder = os.path.join(data, "captures", "v1-ah-sha1")
    with open(os.path.join(folder, "ike.pcap"), "rb") as f:
        capture = bytearray(f.read())
    start, size = frame_offsets(capture)[9]
    with tempfile.TemporaryDirectory() as work:
        changed = os.path.join(work, "changed")
        for what, place, code_wanted in (("the protected payload", size - 1, 1), ("the outer destination's neighbour, the source", 14 + 15, 1),
                                         ("the time to live, which is mutable", 14 + 8, 0)):
            damaged = bytearray(capture)
            damaged[start + place] ^= 1
            with open(changed, "wb") as f:
                f.write(damaged)
            code, text = oracle(changed, os.path.join(folder, "keys.json"), "--psk", "interop-psk")
            check(f"AH: a change of {what}: exit {code_wanted}", code == code_wanted, text)


def main():
    try:
        import cryptography  # noqa: F401
    except ImportError:
        print("skipped: no module `cryptography` (Debian: python3-cryptography)")
        return 1 if os.environ.get("CI") == "true" else 77  # scripts/packages test brings it
    data = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("IPSECPP_TEST_DATA", os.path.join(HERE, "..", "data"))
    accepts(data)
    refuses(data)
    print(f"{failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
