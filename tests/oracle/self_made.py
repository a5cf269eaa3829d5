"""Makes IKEv1 exchanges that no capture at hand has, straight from the text of RFC 2409, so that the oracle has something to judge.

Shares no derivation with ikev1.py. Each `wrong` is a misreading that two ends could share without noticing it.
"""

import datetime
import hashlib
import hmac
import ipaddress
import struct
import warnings

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa, utils

from algorithms import encrypt_cbc

METHODS = {
    "psk": 1,
    "dss": 2,
    "rsa-sig": 3,
    "rsa-enc": 4,
    "rsa-rev": 5,
    "ecdsa-256": 9,
    "ecdsa-384": 10,
    "ecdsa-521": 11,
    "xauth-rsa-sig": 65005,
    "hybrid-rsa-sig": 64221,
    "hybrid-dss": 64223,
}
HASHES = {"md5": 1, "sha1": 2, "sha256": 4, "sha384": 5, "sha512": 6}
CIPHERS = {
    "DES": (1, 8, 8),
    "IDEA": (2, 8, 16),
    "BLOWFISH": (3, 8, 56),
    "3DES": (5, 8, 24),
    "CAST": (6, 8, 16),
    "AES": (7, 16, 16),
    "CAMELLIA": (8, 16, 16),
}
MAIN, AGGRESSIVE, INFORMATIONAL, TRANSACTION, QUICK, NEW_GROUP = 2, 4, 5, 6, 32, 33
ENDS = {"i": "10.9.0.1", "r": "10.9.0.2"}
GROUP_OCTETS = {2: 128, 3: 20, 4: 24, 14: 256, 19: 64, 21: 132}
SECRET_OCTETS = {**GROUP_OCTETS, 19: 32, 21: 66}


def attribute(kind, value):
    return struct.pack(">HH", 0x8000 | kind, value) if value < 1 << 16 else struct.pack(">HHI", kind, 4, value)


def chain(payloads):
    """First payload type, and the octets."""
    out = b""
    for n, (_, body) in enumerate(payloads):
        out += struct.pack(">BBH", payloads[n + 1][0] if n + 1 < len(payloads) else 0, 0, len(body) + 4) + body
    return payloads[0][0], out


def proposal(number, protocol, spi, transforms):
    body = struct.pack(">BBBB", number, protocol, len(spi), len(transforms)) + spi
    body += chain(
        [
            (3, struct.pack(">BBH", n + 1, t, 0) + b"".join(attribute(*a) for a in attributes))
            for n, (t, attributes) in enumerate(transforms)
        ]
    )[1]
    return (2, body)


def security_association(proposals):
    return struct.pack(">II", 1, 1) + chain(proposals)[1]


def pem(private):
    return private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


class Certified:
    """A key pair and a certificate."""

    def __init__(self, private, name):
        self.private, self.pem = private, pem(private)
        subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)])
        day = datetime.datetime(2020, 1, 1)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(private.public_key()).serial_number(1)
        made = builder.not_valid_before(day).not_valid_after(day.replace(year=2040)).sign(private, hashes.SHA256())
        self.der, self.certificate = made.public_bytes(serialization.Encoding.DER), made.public_bytes(serialization.Encoding.PEM).decode()


def key_pairs():
    """Of each kind, for initiator, responder, and another of the responder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parameters = dsa.generate_parameters(1024)
        makers = {"rsa": lambda: rsa.generate_private_key(65537, 1024), "dss": parameters.generate_private_key}
        for bits, curve in ((256, ec.SECP256R1), (384, ec.SECP384R1), (521, ec.SECP521R1)):
            makers[f"ecdsa-{bits}"] = lambda curve=curve: ec.generate_private_key(curve())
        return {kind: {end: Certified(make(), f"{end}.example") for end in ("i", "r", "r2")} for kind, make in makers.items()}


def rsa_sign(key, value, wrong):
    n = key.private_numbers()
    size = (n.public_numbers.n.bit_length() + 7) // 8
    info = bytes.fromhex("3021300906052b0e03021a05000414") if wrong == "DigestInfo" else b""
    block = b"\0\1" + b"\xff" * (size - 3 - len(info + value)) + b"\0" + info + value
    return pow(int.from_bytes(block, "big"), n.d, n.public_numbers.n).to_bytes(size, "big")


def rsa_encrypt(key, value):
    n = key.public_key().public_numbers()
    size = (n.n.bit_length() + 7) // 8
    block = b"\0\2" + bytes(1 + (i * 7 + len(value)) % 255 for i in range(size - 3 - len(value))) + b"\0" + value
    return pow(int.from_bytes(block, "big"), n.e, n.n).to_bytes(size, "big")


def dss_sign(key, value):
    n = key.private_numbers()
    p = n.public_numbers.parameter_numbers
    k = int.from_bytes(hashlib.sha512(value + n.x.to_bytes(64, "big")).digest(), "big") % (p.q - 1) + 1
    r = pow(p.g, k, p.p) % p.q
    s = pow(k, -1, p.q) * (int.from_bytes(value[: p.q.bit_length() // 8], "big") + n.x * r) % p.q
    return r.to_bytes(20, "big") + s.to_bytes(20, "big")


def ecdsa_sign(key, value, wrong):
    kind = {32: hashes.SHA256, 48: hashes.SHA384, 64: hashes.SHA512}[len(value)]()
    signed = key.sign(value, ec.ECDSA(kind if wrong == "digest of HASH" else utils.Prehashed(kind)))
    size = (key.curve.key_size + 7) // 8
    if wrong == "DER":
        return signed
    return b"".join(n.to_bytes(size, "big") for n in utils.decode_dss_signature(signed))


class Exchange:
    """One IKE SA from its first message on. `datagrams` are (from, message, clear payload bodies or None), `packets` are IP packets."""

    def __init__(
        self,
        keys,
        method,
        mode,
        hash_name="sha1",
        cipher="3DES",
        bits=0,
        group=2,
        wrong="",
        named=False,
        certs=False,
        sealed=True,
        natt=False,
        seed="1",
    ):
        self.keys, self.method, self.mode, self.hash_name, self.cipher, self.bits, self.group, self.wrong = (
            keys,
            method,
            mode,
            hash_name,
            cipher,
            bits,
            group,
            wrong,
        )
        self.named, self.certs, self.sealed, self.natt, self.seed, self.drawn = named, certs, sealed, natt, seed, 0
        self.number, self.block, octets = CIPHERS[cipher]
        self.octets = bits // 8 or octets
        self.cookie = {"i": self.random(8), "r": self.random(8)}
        self.nonce, self.ke = {"i": self.random(16), "r": self.random(24)}, {end: self.random(GROUP_OCTETS[group]) for end in "ir"}
        self.identity = {"i": b"\2\0\0\0alice.example", "r": b"\1\x11" + struct.pack(">H", 500) + ipaddress.ip_address(ENDS["r"]).packed}
        self.secret, self.psk = self.random(SECRET_OCTETS[group]), b"self-made key"
        self.packets, self.datagrams, self.spis, self.quick_modes = [], [], {}, []
        kind = method.replace("xauth-", "").replace("hybrid-", "")
        self.kind = kind
        self.pair = keys.get({"rsa-sig": "rsa", "rsa-enc": "rsa", "rsa-rev": "rsa"}.get(kind, kind))
        self.phase_1()

    def random(self, size):
        self.drawn += 1
        out = b""
        while len(out) < size:
            out += hashlib.sha256(f"{self.seed} {self.drawn} {len(out)}".encode()).digest()
        return out[:size]

    def prf(self, key, data, name=None):
        return hmac.new(key, data, name or self.hash_name).digest()

    def hash(self, data):
        return hashlib.new(self.hash_name, data).digest()

    def cipher_key(self, material):
        """Appendix B."""
        if self.cipher == "DES" or len(material) >= self.octets:
            return material[: self.octets]
        k = [self.prf(material, b"\0")]
        while len(b"".join(k)) < self.octets:
            k.append(self.prf(material, k[-1]))
        return b"".join(k)[: self.octets]

    # On the wire

    def send(self, end, exchange, payloads, mid=bytes(4), iv=None):
        """Returns the last block of ciphertext."""
        first, body = chain(payloads)
        sealed = iv is not None
        if sealed:
            body = encrypt_cbc(self.cipher, self.key, iv, body + bytes(-len(body) % self.block))
        responder = self.cookie["r"] if self.datagrams else bytes(8)
        message = self.cookie["i"] + responder + struct.pack(">BBBB4sI", first, 0x10, exchange, sealed, mid, 28 + len(body)) + body
        self.datagrams.append((end, message, None if sealed else payloads))
        self.udp(end, message)
        return body[-self.block :]

    def udp(self, end, message):
        port = 4500 if self.natt and len(self.datagrams) > 4 else 500
        data = bytes(4) * (port == 4500) + message
        self.ip(end, 17, struct.pack(">HHHH", port, port, 8 + len(data), 0) + data)

    def ip(self, end, protocol, data):
        other = "r" if end == "i" else "i"
        header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(data), 0, 0, 64, protocol, 0)
        self.packets.append(header + b"".join(ipaddress.ip_address(ENDS[e]).packed for e in (end, other)) + data)

    # Phase 1

    def offer(self):
        def transform(auth, life):
            out = [(1, self.number), (2, HASHES[self.hash_name]), (3, auth), (4, self.group), (11, 1), (12, life), (11, 2), (12, 100000)]
            return (1, out + ([(14, self.bits)] if self.bits else []))

        good = transform(METHODS[self.method], 3600)
        return security_association([proposal(1, 1, b"", [transform(METHODS[self.method], 28800), good])]), security_association(
            [proposal(1, 1, b"", [good])]
        )

    def derive(self):
        cookies, n = self.cookie["i"] + self.cookie["r"], self.nonce["i"] + self.nonce["r"]
        if self.kind == "psk":
            self.skeyid = self.prf(self.psk, n)
        elif self.kind in ("rsa-enc", "rsa-rev"):
            self.skeyid = self.prf(n if self.wrong == "no inner hash" else self.hash(n), cookies)
        else:
            self.skeyid = self.prf(n, self.secret)
        self.skeyid_d = self.prf(self.skeyid, self.secret + cookies + b"\0")
        self.skeyid_a = self.prf(self.skeyid, self.skeyid_d + self.secret + cookies + b"\1")
        self.skeyid_e = self.prf(self.skeyid, self.skeyid_a + self.secret + cookies + b"\2")
        self.key = self.cipher_key(self.skeyid_e)
        self.iv = self.hash(self.ke["i"] + self.ke["r"])[: self.block]

    def ancillary(self, end):
        """KE, nonce, and in Aggressive Mode or when encrypted the identity."""
        to = "r" if end == "i" else "i"
        named = (
            [(8, hashlib.new("sha1" if self.wrong == "HASH(1) by SHA" else self.hash_name, self.receiver(to).der).digest())]
            if self.named and end == "i"
            else []
        )
        if self.kind == "rsa-enc":
            key = self.receiver(to).private
            return [(4, self.ke[end]), *named, (5, rsa_encrypt(key, self.identity[end])), (10, rsa_encrypt(key, self.nonce[end]))]
        if self.kind == "rsa-rev":
            ke = self.cipher_key(self.prf(self.nonce[end], self.cookie["r" if self.wrong == "Ne_i over CKY-R" else end]))
            iv, out = bytes(self.block), []
            clear = [(4, self.ke[end]), (5, self.identity[end])] + ([(6, b"\4" + self.pair["i"].der)] if self.certs and end == "i" else [])
            for kind, body in clear:
                pad = self.block - 1 - len(body) % self.block
                if self.wrong == "padding counts itself":
                    body += bytes(pad) + bytes([pad + 1])
                else:
                    body += bytes(pad) + bytes([pad])
                out.append((kind, encrypt_cbc(self.cipher, ke, iv, body)))
                iv = bytes(self.block) if self.wrong == "IV 0 for each" else out[-1][1][-self.block :]
            if self.wrong == "identity in clear":
                out[1] = (5, self.identity[end])
            return [*named, (10, rsa_encrypt(self.receiver(to).private, self.nonce[end])), *out]
        return [(4, self.ke[end]), (10, self.nonce[end])] + ([(5, self.identity[end])] if self.mode == "aggressive" else [])

    def receiver(self, end):
        return self.pair["r2" if end == "r" and self.named else end]

    def proof(self, end):
        """[CERT,] SIG or HASH."""
        other = "r" if end == "i" else "i"
        offer = self.answered if self.wrong == "SAr" and end == "r" else self.offered
        identity = self.identity[end][4:] if self.wrong == "identity without type" else self.identity[end]
        cookies = [self.cookie[end], self.cookie[other]] if self.wrong != "cookies not turned" else [self.cookie["i"], self.cookie["r"]]
        data = self.ke[end] + self.ke[other] + b"".join(cookies) + offer + identity
        hybrid = "" if not self.method.startswith("hybrid") else "r" if self.wrong == "the other end signs" else "i"
        if self.kind in ("psk", "rsa-enc", "rsa-rev") or hybrid == end:
            return [(8, self.prf(self.skeyid, data, "sha1" if self.wrong == "HASH by the hash of the signature" else None))]
        key, tied = self.pair[end].private, {"dss": "sha1", "ecdsa-256": "sha256", "ecdsa-384": "sha384", "ecdsa-521": "sha512"}.get(
            self.kind
        )
        value = self.prf(self.skeyid, data, None if self.wrong == "negotiated hash" else tied)
        signed = (
            rsa_sign(key, value, self.wrong)
            if self.kind == "rsa-sig"
            else dss_sign(key, value)
            if self.kind == "dss"
            else ecdsa_sign(key, value, self.wrong)
        )
        return ([(6, b"\4" + self.pair[end].der)] if self.certs else []) + [(9, signed)]

    def nat_d(self, end):
        if not self.natt:
            return []
        other, cookies = "r" if end == "i" else "i", self.cookie["i"] + self.cookie["r"]
        return [(20, self.hash(cookies + ipaddress.ip_address(ENDS[e]).packed + struct.pack(">H", 500))) for e in (other, end)]

    def phase_1(self):
        self.offered, self.answered = self.offer()
        if self.mode == "main":
            self.send("i", MAIN, [(1, self.offered), (13, b"a vendor")])
            self.send("r", MAIN, [(1, self.answered)])
            nat = {e: [] if self.kind == "rsa-rev" else self.nat_d(e) for e in "ir"}
            self.send("i", MAIN, self.ancillary("i") + nat["i"])
            self.send("r", MAIN, self.ancillary("r") + nat["r"])
            self.derive()
            for end in "ir":
                self.iv = self.send(
                    end, MAIN, ([] if self.kind in ("rsa-enc", "rsa-rev") else [(5, self.identity[end])]) + self.proof(end), iv=self.iv
                )
            return
        self.send("i", AGGRESSIVE, [(1, self.offered), *self.ancillary("i")])
        self.derive()
        self.send("r", AGGRESSIVE, [(1, self.answered), *self.ancillary("r"), *self.proof("r")])
        last = self.send("i", AGGRESSIVE, self.proof("i"), iv=self.iv if self.sealed else None)
        self.iv = last if self.sealed else self.iv

    # Under the IKE SA

    def phase_2_iv(self, mid):
        return self.hash(self.iv + mid)[: self.block]

    def hashed(self, mid, payloads, between=b""):
        return [(8, self.prf(self.skeyid_a, mid + between + chain(payloads)[1])), *payloads]

    def quick(self, by, proposals, group=0, clients=True, connected=""):
        """`proposals`: of each SA payload a list of (protocol, transform, attributes). Makes the SAs' keys, too.

        `connected`: "", or how CONNECTED comes: an Informational with its "own IV" or in the "chain", or as "fourth message"."""
        to, mid = "r" if by == "i" else "i", self.random(4)
        nonce, ke = {e: self.random(20) for e in "ir"}, {e: self.random(GROUP_OCTETS.get(group, 0)) for e in "ir"}
        secret = self.random(SECRET_OCTETS[group]) if group else b""
        extra = [(3, group)] if group else []
        spis = {e: [[self.random(4) for _ in sa] for sa in proposals] for e in "ir"}

        def sas(end, more):
            out = []
            for n, sa in enumerate(proposals):
                made = [
                    proposal(
                        1,
                        protocol,
                        spis[end][n][m],
                        ([(transform, [*attributes, *extra, (1, 1), (2, 900)])] if more else []) + [(transform, [*attributes, *extra])],
                    )
                    for m, (protocol, transform, attributes) in enumerate(sa)
                ]
                out.append((1, security_association(made)))
            return out

        ids = [(5, b"\4\0\0\0" + ipaddress.ip_address(a).packed + b"\xff\xff\xff\0") for a in ("10.1.0.0", "10.2.0.0")] if clients else []
        first = [*sas(by, True), (10, nonce[by]), *([(4, ke[by])] if group else []), *ids]
        second = [*sas(to, False), (10, nonce[to]), *([(4, ke[to])] if group else []), *ids]
        iv = self.send(by, QUICK, self.hashed(mid, first), mid, self.phase_2_iv(mid))
        iv = self.send(to, QUICK, self.hashed(mid, second, b"" if self.wrong == "HASH(2) without nonce" else nonce[by]), mid, iv)
        zero = b"" if self.wrong == "HASH(3) without 0" else b"\0"
        iv = self.send(by, QUICK, [(8, self.prf(self.skeyid_a, zero + mid + nonce[by] + nonce[to]))], mid, iv)
        if connected:
            notify = self.hashed(mid, [(11, struct.pack(">IBBH", 1, 3, 4, 16384) + spis[to][0][0])])
            exchange = QUICK if connected == "fourth message" else INFORMATIONAL
            self.send(to, exchange, notify, mid, self.phase_2_iv(mid) if connected == "own IV" else iv)
        if group:
            self.quick_modes.append(
                {"spi_i": self.cookie["i"].hex(), "spi_r": self.cookie["r"].hex(), "message_id": mid.hex(), "dh_secret": secret.hex()}
            )
        for n, sa in enumerate(proposals):
            for sender, receiver in ((by, to), (to, by)):
                keys = []
                for m, (protocol, transform, attributes) in enumerate(sa):
                    spi = spis[sender if self.wrong == "the sender's SPI" else receiver][n][m]
                    number = proposals[n][0][0] if self.wrong == "one protocol for a bundle" else protocol
                    seed = bytes([number]) + spi + nonce[by] + nonce[to]
                    seed = (seed + secret) if self.wrong == "g(qm)^xy last" else secret + seed
                    out = last = b""
                    while len(out) < 128:
                        last = self.prf(self.skeyid_d, last + seed)
                        out += last
                    keys.append((protocol, transform, dict(attributes), spis[receiver][n][m], out))
                self.protected(sender, keys)

    def protected(self, sender, keys):
        """One packet under the SAs, the last of a bundle innermost: AES-128-CBC or 3DES with HMAC-SHA-96, AH with HMAC-MD5-96 or SHA."""
        inner = (
            struct.pack(">BBHHHBBH", 0x45, 0, 29, 0, 0, 64, 17, 0)
            + bytes([10, 1, 0, 1, 10, 2, 0, 1])
            + struct.pack(">HHHHB", 9, 9, 9, 0, 7)
        )
        protocol, data, other = 4, inner, "r" if sender == "i" else "i"
        for kind, transform, attributes, spi, keymat in reversed(keys):
            auth = {1: "md5", 2: "sha1", 8: "ripemd160"}[attributes[5]]
            size = 16 if auth == "md5" else 20
            if kind == 3:
                name, block, octets = {3: ("3DES", 8, 24), 5: ("IDEA", 8, 16), 12: ("AES", 16, 16)}[transform]
                pad = -(len(data) + 2) % block
                clear, iv = data + bytes(range(1, pad + 1)) + bytes([pad, protocol]), self.random(block)
                data = spi + b"\0\0\0\1" + iv + encrypt_cbc(name, keymat[:octets], iv, clear)
                data, protocol = data + self.prf(keymat[octets : octets + size], data, auth)[:12], 50
            else:
                header = struct.pack(">BBHHHBBH", 0x45, 0, 44 + len(data), 0, 0, 0, 51, 0) + b"".join(
                    ipaddress.ip_address(ENDS[e]).packed for e in (sender, other)
                )
                ah = struct.pack(">BBH", protocol, 4, 0) + spi + b"\0\0\0\1"
                data, protocol = ah + self.prf(keymat[:size], header + ah + bytes(12) + data, auth)[:12] + data, 51
        self.ip(sender, protocol, data)

    def new_group(self):
        mid = self.random(4)
        prime = struct.pack(">HH", 6, 128) + self.random(128)

        def body_with(generator):
            attributes = b"".join([attribute(4, 0x8001), attribute(5, 1), prime, attribute(7, generator)])
            transform = chain([(3, struct.pack(">BBH", 1, 1, 0) + attributes)])[1]
            return struct.pack(">II", 1, 1) + chain([(2, struct.pack(">BBBB", 1, 1, 0, 1) + transform)])[1]

        body, answer = body_with(2), body_with(3 if self.wrong == "New Group answered with another" else 2)
        iv = self.send("i", NEW_GROUP, self.hashed(mid, [(1, body)]), mid, self.phase_2_iv(mid))
        self.send(
            "r", NEW_GROUP, self.hashed(mid, [(1, answer)], self.nonce["i"] if self.wrong == "New Group HASH(2) with nonce" else b""), mid, iv
        )

    def transaction(self):
        mid = self.random(4)
        iv = self.send(
            "r", TRANSACTION, self.hashed(mid, [(14, b"\1\0\0\7" + struct.pack(">HHHH", 16521, 0, 16522, 0))]), mid, self.phase_2_iv(mid)
        )
        self.send(
            "i",
            TRANSACTION,
            self.hashed(mid, [(14, b"\2\0\0\7" + struct.pack(">HH5sHH6s", 16521, 5, b"alice", 16522, 6, b"secret"))]),
            mid,
            iv,
        )
        if self.method.startswith("hybrid") and self.wrong != "no password":
            mid = self.random(4)
            status = struct.pack(">HH", 0x8000 | 16527, 0 if self.wrong == "wrong password" else 1)
            iv = self.send("r", TRANSACTION, self.hashed(mid, [(14, b"\3\0\0\7" + status)]), mid, self.phase_2_iv(mid))
            self.send("i", TRANSACTION, self.hashed(mid, [(14, b"\4\0\0\7" + status)]), mid, iv)

    def delete(self, end):
        mid = self.random(4)
        body = struct.pack(">IBBH", 1, 1, 16, 1) + self.cookie["i"] + self.cookie["r"]
        self.send(end, INFORMATIONAL, self.hashed(mid, [(12, body)]), mid, self.phase_2_iv(mid))

    def fragmented(self, index, pieces):
        """Sends again in fragments what was sent as datagram `index`: the packet is replaced in its place."""
        end, message, _ = self.datagrams[index]
        at = next(n for n, p in enumerate(self.packets) if p.endswith(message))
        kept, self.packets = self.packets, []
        step = -(-len(message) // pieces)
        for n in range(pieces):
            body = struct.pack(">HBB", 9, n + 1, n + 1 == pieces) + message[n * step : (n + 1) * step]
            self.udp(
                end,
                message[:16]
                + struct.pack(">BBBB4sI", 132, 0x10, message[18], 0, message[20:24], 32 + len(body))
                + struct.pack(">BBH", 0, 0, 4 + len(body))
                + body,
            )
        self.packets = kept[:at] + list(reversed(self.packets)) + kept[at + 1 :]

    # For the oracle

    def secrets(self):
        credentials = []
        for end, of in (("i", "initiator"), ("r", ENDS["r"]), ("r2", "responder")):
            if self.pair and (end != "r2" or self.named):
                credentials.append({"of": of, "private_key": self.pair[end].pem, "certificate": self.pair[end].certificate})
        return {
            "ike_sas": [
                {
                    "version": 1,
                    "spi_i": self.cookie["i"].hex(),
                    "spi_r": self.cookie["r"].hex(),
                    "method": self.method,
                    "dh_secret": self.secret.hex(),
                }
            ],
            "child_sas": [],
            "quick_modes": self.quick_modes,
            "psk": self.psk.hex(),
            "credentials": credentials,
        }

    def capture(self, packets=None):
        out = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
        for p in self.packets if packets is None else packets:
            out += struct.pack("<IIII", 0, 0, len(p), len(p)) + p
        return out
