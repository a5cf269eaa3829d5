#!/usr/bin/env python3
"""An independent reading of a capture: derives every key, checks every HASH and ICV, opens every message and packet.

    oracle.py CAPTURE --keys KEYS.json [--psk TEXT | --psk-hex HEX] [--report FILE] [-v]

From KEYS.json it takes the Diffie-Hellman secrets and the long-term keys of both ends to work with; everything else in it is
compared with what was derived: keys, the digest of the capture, and what is inside of each frame. README.md beside this file has its
format, and that of the report. Ends with a summary; exit 1 when anything does not hold, 2 when the input is unusable.
Written from RFC 2402, 2406, 2407, 2408 and 2409.
"""

import argparse
import hashlib
import json
import os
import struct
import sys
from collections import Counter

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from credentials import Credentials  # noqa: E402
from ikev1 import Follower, identity_text  # noqa: E402
from ipsec import AH, ESP, Mismatch, unwrap  # noqa: E402
from isakmp import AUTHENTICATION_ONLY, Malformed  # noqa: E402
from packets import packets, parse_ip  # noqa: E402


class Keys:
    """KEYS.json: secrets to work from, and everything else to compare with."""

    def __init__(self, data):
        self.ike = [s for entry in data.get("ike_sas", []) for s in [entry, *entry.get("earlier", [])] if s.get("version", 1) == 1]
        self.children = data.get("child_sas", [])
        self.ipsec = data.get("ipsec_sas", [])
        self.file = {name: data[name] for name in ("sha256", "bytes") if name in data}
        self.packets, self.verified, self.left_out = data.get("packets"), data.get("verified_packets"), data.get("packets_left_out")
        # A log of values in order, as one peer printed them: the Quick Modes' own secrets are among them.
        self.loose = [bytes.fromhex(v) for name, v in data.get("values", []) if "secret" in name.lower() and "hellman" not in name.lower()]
        self.quick_modes = data.get("quick_modes", [])
        self.behind_nat = [(address, port) for address, port in data.get("behind_nat", [])]
        self.credentials = Credentials.read(data)
        self._own = {}  # credentials of one IKE SA
        self.children_of, self.ipsec_of = {}, {}
        for c in self.children:
            for spi in (c["spi_in"], c["spi_out"]):
                self.children_of.setdefault(spi, []).append(c)
        for s in self.ipsec:
            self.ipsec_of.setdefault(int(s["spi"], 16), []).append(s)

    def entry(self, cookie_i, cookie_r):
        for s in self.ike:
            if s.get("spi_i", s.get("cookie_i")) == cookie_i.hex() and s.get("spi_r", s.get("cookie_r")) in (cookie_r.hex(), None):
                return s
        return {}

    def dh_of(self, cookie_i, cookie_r):
        secret = self.entry(cookie_i, cookie_r).get("dh_secret")
        return None if secret is None else bytes.fromhex(secret)

    def known_key(self, cookie_i, cookie_r):
        """The cipher key, of a capture of others that came with nothing else."""
        key = self.entry(cookie_i, cookie_r).get("encryption_key")
        return None if key is None else bytes.fromhex(key)

    def credentials_of(self, sa):
        """Those of the IKE SA's own entry before those of all."""
        entry = self.entry(sa.cookie_i, sa.cookie_r)
        if not any(name in entry for name in ("psk", "psks", "credentials")):
            return self.credentials
        if sa.cookies not in self._own:
            own = Credentials.read(entry)
            self._own[sa.cookies] = Credentials(own.keys or self.credentials.keys, own.psks or self.credentials.psks)
        return self._own[sa.cookies]

    def pfs_of(self, quick):
        """The Diffie-Hellman secret that KEYS has for a Quick Mode, by cookies and message id."""
        for q in self.quick_modes:
            if q["message_id"] == quick.message_id.hex() and (q["spi_i"], q["spi_r"]) == tuple(c.hex() for c in quick.cookies):
                return bytes.fromhex(q["dh_secret"]) if q.get("dh_secret") else None
        return None

    def child(self, spis):
        for c in self.children_of.get(spis[0].hex(), []):
            if {c["spi_in"], c["spi_out"]} == {s.hex() for s in spis}:
                return c
        return None

    def candidates(self, quick, spis):
        """Secrets that a Quick Mode with PFS may have used."""
        secret, c = self.pfs_of(quick), self.child(spis)
        if secret is not None:
            return [secret]
        if c and c.get("dh_secret"):
            return [bytes.fromhex(c["dh_secret"])]
        return self.loose


class Oracle:
    def __init__(self, capture, keys):
        self.capture = capture
        self.keys = keys
        self.follower = Follower(keys)
        self.faults = []
        self.counts = Counter()
        self.sas = {}
        self.texts = {}  # what is inside, by frame
        self.packets = []  # verdicts, for the report

    def fault(self, number, text):
        self.faults.append(f"frame {number}: {text}" if number else text)

    @staticmethod
    def ike_in(ip):
        """The ISAKMP message in a UDP datagram: port 500, or 4500 behind four zero octets."""
        if ip.protocol != 17 or len(ip.payload) < 8:
            return None
        source, destination = struct.unpack_from(">HH", ip.payload)
        body = ip.payload[8 : struct.unpack_from(">H", ip.payload, 4)[0]]
        if 500 in (source, destination):
            return body
        if 4500 in (source, destination) and body[:4] == bytes(4):
            return body[4:]
        return None

    @staticmethod
    def ipsec_in(ip):
        """The packet with UDP encapsulation taken off, when it carries ESP or AH."""
        if ip.protocol == 17 and len(ip.payload) > 16 and 4500 in struct.unpack_from(">HH", ip.payload) and ip.payload[8:12] != bytes(4):
            ip.payload, ip.protocol = ip.payload[8 : struct.unpack_from(">H", ip.payload, 4)[0]], ESP
        return ip if ip.protocol in (ESP, AH) else None

    def run(self):
        first = {}
        for number, ip in packets(self.capture):
            message = self.ike_in(ip)
            if message is not None:
                try:
                    self.follower.take(ip.source, ip.destination, message, struct.unpack_from(">HH", ip.payload), number)
                except (Mismatch, Malformed, struct.error, LookupError, ValueError) as e:
                    self.follower.record["fault"] = f"{type(e).__name__}: {e}"
                    self.fault(number, f"IKE: {type(e).__name__}: {e}")
                if message in self.follower.texts:
                    self.texts[number] = [{"frame": number, **self.follower.texts[message]}]
            elif (packet := self.ipsec_in(ip)) is not None:
                spi = packet.payload[0:4] if packet.protocol == ESP else packet.payload[4:8]
                first.setdefault((packet.protocol, spi, packet.destination), packet)
        self.choose_keys(first)
        self.open_packets()
        for sa in self.follower.by_cookies.values():
            if sa.key and not sa.established:
                self.follower.notes.append(f"IKE SA {sa.cookie_i.hex()}: not both ends were proven")
        self.compare()
        self.compare_file()
        if self.keys.packets is not None:
            self.compare_packets()

    def choose_keys(self, first):
        """Derives the keys of every pair; with PFS, by the secret that opens the first packet of one of its SAs."""
        for pair in self.follower.pairs:
            quick, bundle, skeyid_d, _ = pair
            spis = [sa.spi for sa, _ in bundle[:2]]
            if not skeyid_d:
                continue
            if not quick.pfs:
                self.follower.keys_for(pair, b"")
            elif not self.with_pfs(pair, spis, first):
                self.fault(0, f"no Diffie-Hellman secret fits the Quick Mode of SPIs {spis[0].hex()}, {spis[1].hex()}")
                continue
            for sa, _ in bundle:
                self.sas[(sa.protocol, sa.spi, sa.destination)] = sa

    def with_pfs(self, pair, spis, first):
        candidates = self.keys.candidates(pair[0], spis)
        fitting = []
        for secret in candidates:
            self.follower.keys_for(pair, secret)
            verdicts = [self.opens(sa, first) for sa, _ in pair[1]]
            if False not in verdicts and (True in verdicts or len(candidates) == 1 or self.matches(pair)):
                fitting.append(secret)
        if len(set(fitting)) != 1:
            return False
        self.follower.keys_for(pair, fitting[0])
        return True

    def opens(self, sa, first):
        packet = first.get((sa.protocol, sa.spi, sa.destination))
        if packet is None:
            return None
        try:
            unwrap(lambda p, s, d: sa if (p, s, d) == (sa.protocol, sa.spi, sa.destination) else None, packet, lambda *_: None)
        except Mismatch as e:
            return "no SA for" in str(e)  # what lies inside belongs to another SA
        return True

    def matches(self, pair):
        before = list(self.faults)
        for sa, _ in pair[1]:
            self.compare_child(sa)
        good, self.faults = len(self.faults) == len(before), before
        return good

    def open_packets(self):
        def opened(sa, octets, found):
            self.texts.setdefault(number, []).append({"frame": number, **found})
            sa.opened += 1
            sa.octets += octets
            sas.append(sa.spi.hex())
            self.counts["ESP opened" if sa.protocol == ESP else "AH ICV right"] += 1

        for number, ip in packets(self.capture):
            if (packet := self.ipsec_in(ip)) is None:
                continue
            sas = []
            try:
                protocol, payload, sa = unwrap(lambda *key: self.sas.get(key), packet, opened)
                self.packets.append({"frame": number, "verdict": "right", "inside": protocol, "sas": list(sas)})
                if sa.tunnel:
                    if protocol not in (4, 41):
                        raise Mismatch(f"next header {protocol} in a tunnel")
                    inner = parse_ip(payload)
                    if (inner.version == 4) != (protocol == 4):
                        raise Mismatch("inner version and next header disagree")
            except (Mismatch, struct.error, IndexError, KeyError) as e:
                self.packets.append({"frame": number, "verdict": "wrong", "why": str(e), "sas": list(sas)})
                self.fault(number, f"{type(e).__name__}: {e}")

    def compare(self):
        follower = self.follower
        known = {}
        for s in follower.by_cookies.values():
            if s.key or (s.exchange == AUTHENTICATION_ONLY and s.established):
                known.update({(s.cookie_i.hex(), s.cookie_r.hex()): s, (s.cookie_i.hex(), None): s})
        for entry in self.keys.ike:
            name = entry.get("spi_i", entry.get("cookie_i"))
            sa = known.get((name, entry.get("spi_r", entry.get("cookie_r"))))
            if sa is None:
                self.fault(0, f"KEYS has IKE SA {name}, the capture does not")
                continue
            for key, value in self.derived(sa).items():
                if entry.get(key) is not None:
                    self.equal(f"{key} of IKE SA {name}", entry[key], value)
        for sa in self.sas.values():
            self.compare_child(sa)
        made = {sa.spi.hex() for sa in self.sas.values()}
        for child in self.keys.children:
            for spi in (child["spi_in"], child["spi_out"]):
                if spi not in made:
                    self.fault(0, f"KEYS has SPI {spi}, no Quick Mode of the capture made it")

    @staticmethod
    def derived(sa):
        """What of an IKE SA may stand in KEYS, and stands in the report."""
        out = {
            "method": sa.method.name,
            "exchange": {1: "base", 2: "main", 3: "authentication-only", 4: "aggressive"}[sa.exchange],
            "hash": sa.hash,
            "cipher": sa.cipher,
            "group": sa.chosen.get(4),
            "encryption_key": sa.key,
            "encr_key": sa.key,
            "initial_iv": sa.first_iv,
            "last_iv": sa.iv,
        }
        if sa.skeyid:
            out.update(skeyid=sa.skeyid, skeyid_d=sa.skeyid_d, skeyid_a=sa.skeyid_a, skeyid_e=sa.skeyid_e)
        for letter in "ir":
            if letter in sa.ephemeral:
                out["ke_" + letter] = sa.ephemeral[letter]
            for name, key in (("nonce_", "n"), ("public_", "g"), ("id_", "id")):
                if key + letter in sa.parts:
                    out[name + letter] = sa.parts[key + letter]
        return out

    def compare_file(self):
        """The digest and the length of the capture."""
        if not self.keys.file:
            return
        digest, octets = hashlib.sha256(), 0
        with open(self.capture, "rb") as f:
            while piece := f.read(1 << 16):
                digest.update(piece)
                octets += len(piece)
        for name, value in (("sha256", digest.hexdigest()), ("bytes", octets)):
            if self.keys.file.get(name, value) != value:
                self.fault(0, f"{name} of the capture: KEYS has {self.keys.file[name]}, it is {value}")

    def compare_packets(self):
        """KEYS lists what is inside of the first frames, none left out, and says how many frames follow."""
        listed = {}
        for p in self.keys.packets:
            listed.setdefault(p["frame"], []).append(p)
            if p.get("not_opened"):
                self.fault(p["frame"], f"KEYS has no text: {p['not_opened']}")
        last = max(listed, default=0)
        for number in sorted({*listed, *(n for n in self.texts if n <= last)}):
            if listed.get(number) != self.texts.get(number):
                self.fault(number, f"packets: KEYS has {listed.get(number)}, found {self.texts.get(number)}")
            self.counts["texts compared"] += len(listed.get(number, []))
        after = sum(n > last for n in self.texts)
        if self.keys.left_out not in (None, after):
            self.fault(0, f"packets_left_out: KEYS has {self.keys.left_out}, {after} frames follow the last that is listed")
        if self.keys.verified not in (None, len(self.keys.packets)):
            self.fault(0, f"verified_packets: KEYS has {self.keys.verified}, {len(self.keys.packets)} packets are listed")

    def compare_child(self, sa):
        for c in self.keys.children_of.get(sa.spi.hex(), []):
            end = sa.by[0]
            self.equal(f"encr_{end} of SPI {sa.spi.hex()}", c.get("encr_" + end), sa.encryption_key + sa.salt)
            self.equal(f"integ_{end} of SPI {sa.spi.hex()}", c.get("integ_" + end), sa.integrity_key)
        for s in self.keys.ipsec_of.get(int(sa.spi.hex(), 16), []):
            if s.get("dst", sa.destination) == sa.destination:
                self.equal(f"encr_key of SPI {sa.spi.hex()}", s.get("encr_key"), sa.encryption_key + sa.salt)
                self.equal(f"auth_key of SPI {sa.spi.hex()}", s.get("auth_key"), sa.integrity_key)

    def equal(self, what, given, derived):
        if given is None:
            return
        derived = derived.hex() if isinstance(derived, bytes) else derived
        given = given.removeprefix("0x").lower() if isinstance(given, str) else given
        if given != (derived.lower() if isinstance(derived, str) else derived):
            self.fault(0, f"{what}: KEYS has {given}, derived {derived}")
        self.counts["values compared"] += 1

    def summary(self):
        f = self.follower
        lines = [
            f"IKE SAs {sum(bool(s.key) for s in f.by_cookies.values())}, Quick Modes {len({id(p[0]) for p in f.pairs})}, "
            f"IKE messages {f.messages} (and {f.repeats} repeats), HASHes right {f.hashes}, SPIs deleted {len(f.deletes)}",
            ", ".join(f"{k} {self.counts[k]}" for k in ("ESP opened", "AH ICV right", "values compared", "texts compared")),
            f"IKE SAs with both ends proven {sum(s.established and bool(s.skeyid) for s in f.by_cookies.values())}, signatures right {f.signatures}, "
            f"unchecked {f.unchecked}: " + ", ".join(f"{what} {n}" for what, n in sorted(f.counts.items())),
        ]
        return lines + f.notes

    def report(self):
        """All that was found, as JSON has it."""
        f = self.follower
        ike = []
        for sa in f.by_cookies.values():
            if not sa.method:
                continue
            derived = {k: v.hex() if isinstance(v, bytes) else v for k, v in self.derived(sa).items()}
            ike.append(
                {
                    "version": 1,
                    "spi_i": sa.cookie_i.hex(),
                    "spi_r": sa.cookie_r.hex(),
                    "initiator": sa.initiator,
                    "responder": sa.responder,
                    **derived,
                    "names": {letter: identity_text(sa.parts["id" + letter]) for letter in "ir" if "id" + letter in sa.parts},
                    "proven": {letter: sa.authenticated.get(letter) is True for letter in "ir"},
                    "new_groups": sa.groups,
                    "quick_modes": [
                        {
                            "message_id": q.message_id.hex(),
                            "by": "initiator" if q.initiator == sa.initiator else "responder",
                            "messages": q.stage,
                            "first_iv": q.first_iv.hex(),
                            "pfs_group": q.group if q.pfs else None,
                            "nonce_i": q.nonce_i.hex(),
                            "nonce_r": q.nonce_r.hex(),
                            "clients": q.names,
                        }
                        for q in sa.quick.values()
                    ],
                }
            )
        children = [
            {
                "protocol": "ESP" if sa.protocol == ESP else "AH",
                "spi": sa.spi.hex(),
                "src": sa.source,
                "dst": sa.destination,
                "mode": "tunnel" if sa.tunnel else "transport",
                "transform": sa.cipher,
                "auth": sa.authentication,
                "message_id": pair[0].message_id.hex(),
                "by": sa.by,
                "encr_key": (sa.encryption_key + sa.salt).hex(),
                "auth_key": sa.integrity_key.hex(),
                "packets": sa.opened,
                "octets": sa.octets,
            }
            for pair in f.pairs
            for sa, _ in pair[1]
            if self.sas.get((sa.protocol, sa.spi, sa.destination)) is sa
        ]
        return {
            "capture": os.path.basename(self.capture),
            "verdict": "wrong" if self.faults or not f.messages else "right",
            "faults": self.faults,
            "notes": f.notes,
            "right": dict(sorted(f.counts.items())),
            "unchecked": f.unchecked,
            "repeats": f.repeats,
            "ike_sas": ike,
            "ipsec_sas": children,
            "messages": f.records,
            "packets": self.packets,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("capture")
    parser.add_argument("--keys", required=True, help="JSON with the Diffie-Hellman secrets and long-term keys; all else in it is compared")
    parser.add_argument("--psk", help="pre-shared key as text")
    parser.add_argument("--psk-hex", help="pre-shared key in hexadecimal")
    parser.add_argument("--report", help="write all that was found there, as JSON (- is standard output, and nothing else goes there)")
    parser.add_argument("-v", "--verbose", action="store_true", help="a line per SA")
    args = parser.parse_args()
    try:
        with open(args.keys, encoding="utf-8") as f:
            keys = Keys(json.load(f))
        psk = args.psk.encode() if args.psk else bytes.fromhex(args.psk_hex) if args.psk_hex else None
        if psk is not None:
            keys.credentials.psks = [([], psk)]
        oracle = Oracle(args.capture, keys)
        oracle.run()
        if args.report:
            text = json.dumps(oracle.report(), indent=1) + "\n"
            if args.report == "-":
                sys.stdout.write(text)
                return 1 if oracle.faults or not oracle.follower.messages else 0
            with open(args.report, "w", encoding="utf-8") as f:
                f.write(text)
    except (OSError, ValueError) as e:
        print(f"oracle: {e}", file=sys.stderr)
        return 2
    if args.verbose:
        for sa in oracle.sas.values():
            print(
                f"{'ESP' if sa.protocol == ESP else 'AH'} {sa.spi.hex()} {sa.source} -> {sa.destination} "
                f"{'tunnel' if sa.tunnel else 'transport'}: {sa.opened} packets, {sa.octets} octets"
            )
    print("\n".join(oracle.summary()))
    for fault in oracle.faults[:50]:
        print("MISMATCH " + fault)
    if not oracle.follower.messages:
        print("MISMATCH no IKE message in the capture")
        return 1
    return 1 if oracle.faults else 0


if __name__ == "__main__":
    sys.exit(main())
