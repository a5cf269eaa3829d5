"""Long-term keys of the two ends, and what RFC 2409 section 5 does with them. The arithmetic is done here, in whole numbers.

A library's "decrypt" hides bad padding behind random octets, and its "verify" wants the DigestInfo that IKEv1 leaves out.
"""

import warnings
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa, utils

from algorithms import digest
from ipsec import Mismatch

DIGEST_INFO = {
    "md5": "3020300c06082a864886f70d020505000410",
    "sha1": "3021300906052b0e03021a05000414",
    "sha256": "3031300d060960864801650304020105000420",
    "sha384": "3041300d060960864801650304020205000430",
    "sha512": "3051300d060960864801650304020305000440",
}
CURVES = {"sha256": "secp256r1", "sha384": "secp384r1", "sha512": "secp521r1"}


def fields(credential):
    for name in ("private_key", "public_key", "certificate"):
        value = credential.get(name)
        yield value.encode() if value is not None else None


def public_octets(public):
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@dataclass
class Key:
    """One key pair of one end, as far as it is known."""

    of: list  # "initiator", "responder", addresses; empty: anybody's
    public: object
    private: object = None
    certificate: bytes = b""  # DER

    @staticmethod
    def read(entry):
        private, public, certificate = fields(entry)
        of = entry.get("of", [])
        key = Key([of] if isinstance(of, str) else list(of), None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if certificate:
                read = x509.load_pem_x509_certificate(certificate)
                key.certificate, key.public = read.public_bytes(serialization.Encoding.DER), read.public_key()
            for made in ([serialization.load_pem_public_key(public)] if public else []) + (
                [serialization.load_pem_private_key(private, None)] if private else []
            ):
                if hasattr(made, "private_numbers"):
                    key.private, made = made, made.public_key()
                if key.public is not None and public_octets(key.public) != public_octets(made):
                    raise ValueError("a credential whose keys do not belong together")
                key.public = made
        if key.public is None:
            raise ValueError("a credential without a key")
        return key

    def belongs(self, names):
        return not self.of or any(n in self.of for n in names)


@dataclass
class Credentials:
    """Of KEYS: pre-shared keys and key pairs."""

    keys: list = field(default_factory=list)
    psks: list = field(default_factory=list)  # (names, key); no names: anybody's

    @staticmethod
    def read(data):
        made = Credentials([Key.read(entry) for entry in data.get("credentials", [])])
        for entry in data.get("psks", []):
            of = entry.get("of", [])
            made.psks.append(([of] if isinstance(of, str) else of, bytes.fromhex(entry["psk"])))
        if "psk" in data:
            made.psks.append(([], bytes.fromhex(data["psk"])))
        return made

    def psk_for(self, names):
        """The one that bears one of the names, else the one that bears none."""
        for of, psk in sorted(self.psks, key=lambda entry: not entry[0]):
            if not of or any(n in of for n in names):
                return psk
        raise Mismatch('no pre-shared key: give --psk, --psk-hex, or a KEYS with "psk"')

    def of(self, names, kind):
        return [key for key in self.keys if key.belongs(names) and isinstance(key.public, kind)]


def rsa_open(public, signature):
    """What the owner of the private key put into a block of type 1: PKCS #1 version 1.5, sections 8 and 10.1.2."""
    n = public.public_numbers()
    size = (n.n.bit_length() + 7) // 8
    if len(signature) != size or int.from_bytes(signature, "big") >= n.n:
        raise Mismatch(f"RSA signature of {len(signature)} octets under a modulus of {size}")
    block = pow(int.from_bytes(signature, "big"), n.e, n.n).to_bytes(size, "big")
    end = block.find(b"\0", 2)
    if block[:2] != b"\0\1" or end < 10 or block[2:end] != b"\xff" * (end - 2):
        raise Mismatch("RSA signature opens to no block of type 1")
    return block[end + 1 :]


def rsa_decrypt(private, text):
    """The content of a block of type 2, or None when it is none."""
    p = private.private_numbers()
    n = p.public_numbers.n
    size = (n.bit_length() + 7) // 8
    if len(text) != size or int.from_bytes(text, "big") >= n:
        return None
    block = pow(int.from_bytes(text, "big"), p.d, n).to_bytes(size, "big")
    end = block.find(b"\0", 2)
    return block[end + 1 :] if block[:2] == b"\0\2" and end >= 10 else None


def check_rsa(public, signature, hash_name, value):
    found = rsa_open(public, signature)
    if found != value:
        info = bytes.fromhex(DIGEST_INFO.get(hash_name, "00"))
        more = (
            ", with a DigestInfo, which RFC 2409 section 5.1 forbids"
            if found in (info + value, info + digest(hash_name, value))
            else ""
        )
        raise Mismatch(f"the RSA signature is over {found.hex()}, computed {value.hex()}{more}")


def check_dss(public, signature, hash_name, value):
    """r followed by s, over the HASH in the place of FIPS 186's digest of the message."""
    n = public.public_numbers()
    p, q, g = n.parameter_numbers.p, n.parameter_numbers.q, n.parameter_numbers.g
    size = (q.bit_length() + 7) // 8
    if len(signature) != 2 * size:
        raise Mismatch(f"DSS signature of {len(signature)} octets, q has {size}")
    r, s = (int.from_bytes(part, "big") for part in (signature[:size], signature[size:]))

    def holds(signed):
        h = int.from_bytes(signed[:size], "big")
        w = pow(s, -1, q)
        return pow(g, h * w % q, p) * pow(n.y, r * w % q, p) % p % q == r

    if not (0 < r < q and 0 < s < q) or not holds(value):
        again = 0 < r < q and 0 < s < q and holds(digest(hash_name, value))
        raise Mismatch("DSS signature does not hold" + (" but over a digest of HASH" if again else ""))


def check_ecdsa(public, signature, hash_name, value):
    """r followed by s, each as long as the group's order: RFC 4754 section 7."""
    size = (public.curve.key_size + 7) // 8
    if len(signature) != 2 * size:
        raise Mismatch(f"ECDSA signature of {len(signature)} octets, r and s have {size} each")
    numbers = utils.encode_dss_signature(*(int.from_bytes(part, "big") for part in (signature[:size], signature[size:])))

    def holds(signed):
        try:
            public.verify(
                numbers,
                signed,
                ec.ECDSA(
                    utils.Prehashed(
                        {16: hashes.MD5, 20: hashes.SHA1, 32: hashes.SHA256, 48: hashes.SHA384, 64: hashes.SHA512}[len(signed)]()
                    )
                ),
            )
        except InvalidSignature:
            return False
        return True

    if not holds(value):
        again = holds(digest(hash_name, value))
        raise Mismatch("ECDSA signature does not hold" + (" but over a digest of HASH" if again else ""))


@dataclass(frozen=True)
class Method:
    """An authentication method of phase 1."""

    name: str
    family: str  # "psk", "signature", "encryption", "revised"
    kind: type = type(None)  # of public key
    check: object = None  # of a signature
    tied: str = ""  # the hash that the signature algorithm is tied to
    hybrid: str = ""  # "i" or "r": that end says HASH alone, and a password afterwards


def _methods():
    dss = Method("dss", "signature", dsa.DSAPublicKey, check_dss, "sha1")
    rsa_sig = Method("rsa-sig", "signature", rsa.RSAPublicKey, check_rsa)
    out = {
        1: Method("psk", "psk"),
        2: dss,
        3: rsa_sig,
        4: Method("rsa-enc", "encryption", rsa.RSAPublicKey),
        5: Method("rsa-rev", "revised", rsa.RSAPublicKey),
        8: Method("ecdsa", "signature", ec.EllipticCurvePublicKey, check_ecdsa),
    }
    for number, bits, name in ((9, 256, "sha256"), (10, 384, "sha384"), (11, 521, "sha512")):
        out[number] = Method(f"ecdsa-{bits}", "signature", ec.EllipticCurvePublicKey, check_ecdsa, name)
    # draft-beaulieu-ike-xauth section 6: XAUTHInit and XAUTHResp of each; what follows phase 1 differs, not phase 1.
    for number, base in enumerate((1, 1, 2, 2, 3, 3, 4, 4, 5, 5), 65001):
        out[number] = Method("xauth-" + out[base].name, out[base].family, out[base].kind, out[base].check, out[base].tied)
    # draft-ietf-ipsec-isakmp-hybrid-auth sections 3.2.1 and 4: HybridInit and HybridResp of each
    for number, base, end in ((64221, rsa_sig, "i"), (64222, rsa_sig, "r"), (64223, dss, "i"), (64224, dss, "r")):
        out[number] = Method("hybrid-" + base.name, "signature", base.kind, base.check, base.tied, end)
    return out


METHODS = _methods()
