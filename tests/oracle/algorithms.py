"""Algorithms by their numbers in IKEv1 (RFC 2409 appendix A, RFC 2407 section 4.4 and 4.5), over hashlib and `cryptography`."""

import hashlib
import hmac
import warnings

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import Cipher, aead, modes

import idea
import tiger

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    try:
        from cryptography.hazmat.decrepit.ciphers.algorithms import CAST5, Blowfish, TripleDES
    except ImportError:
        from cryptography.hazmat.primitives.ciphers.algorithms import CAST5, Blowfish, TripleDES
    try:
        from cryptography.hazmat.decrepit.ciphers.algorithms import Camellia
    except ImportError:
        from cryptography.hazmat.primitives.ciphers.algorithms import Camellia

# Phase 1 attribute 1: name, block size, key octets, and whether a key length attribute may say otherwise (RFC 2409 appendix B);
# None: it must be there (RFC 3602 section 5.3).
IKE_CIPHERS = {1: ("DES", 8, 8, False), 2: ("IDEA", 8, 16, False), 3: ("BLOWFISH", 8, 56, True), 5: ("3DES", 8, 24, False), 6: ("CAST", 8, 16, True),
               7: ("AES", 16, None, True), 8: ("CAMELLIA", 16, 16, True)}
# Phase 1 attribute 2. HMAC over it is the PRF, unless a PRF is negotiated, for which no number was ever assigned.
IKE_HASHES = {1: "md5", 2: "sha1", 3: "tiger", 4: "sha256", 5: "sha384", 6: "sha512"}

# ESP transform: name, block (padding), IV on the wire, key octets (None: as the key length attribute says), salt octets,
# ICV of a combined mode.
ESP_CIPHERS = {
    2: ("DES", 8, 8, 8, 0, 0), 3: ("3DES", 8, 8, 24, 0, 0), 5: ("IDEA", 8, 8, 16, 0, 0),
    6: ("CAST", 8, 8, None, 0, 0), 7: ("BLOWFISH", 8, 8, None, 0, 0),
    11: ("NULL", 4, 0, 0, 0, 0), 12: ("AES", 16, 16, None, 0, 0), 13: ("AES-CTR", 4, 8, None, 4, 0),
    14: ("AES-CCM", 4, 8, None, 3, 8), 15: ("AES-CCM", 4, 8, None, 3, 12), 16: ("AES-CCM", 4, 8, None, 3, 16),
    18: ("AES-GCM", 4, 8, None, 4, 8), 19: ("AES-GCM", 4, 8, None, 4, 12), 20: ("AES-GCM", 4, 8, None, 4, 16),
    22: ("CAMELLIA", 16, 16, None, 0, 0), 23: ("AES-GMAC", 4, 8, None, 4, 16),
}
# RFC 2451 and RFC 4312 give these a key length without an attribute.
ESP_DEFAULT_BITS = {"BLOWFISH": 128, "CAST": 128, "CAMELLIA": 128}
# Authentication algorithm attribute 5: hash, key octets, ICV octets.
AUTHENTICATION = {1: ("md5", 16, 12), 2: ("sha1", 20, 12), 5: ("sha256", 32, 16), 6: ("sha384", 48, 24), 7: ("sha512", 64, 32),
                  8: ("ripemd160", 20, 12), 9: ("aes-xcbc", 16, 12)}
# The AH transform implies the authentication algorithm.
AH_TRANSFORMS = {2: 1, 3: 2, 5: 5, 6: 6, 7: 7, 8: 8, 9: 9}

# RFC 2409 appendix A, with parity bits.
WEAK_DES_KEYS = {bytes.fromhex(k) for k in """
    0101010101010101 1F1F1F1FE0E0E0E0 E0E0E0E01F1F1F1F FEFEFEFEFEFEFEFE 01FE01FE01FE01FE 1FE01FE00EF10EF1 01E001E001F101F1 1FFE1FFE0EFE0EFE
    011F011F010E010E E0FEE0FEF1FEF1FE FE01FE01FE01FE01 E01FE01FF10EF10E E001E001F101F101 FE1FFE1FFE0EFE0E 1F011F010E010E01 FEE0FEE0FEF1FEF1""".split()}


def prf(name, key, data):
    return hmac.new(key, data, tiger.Tiger if name == "tiger" else name).digest()


def digest(name, data):
    return tiger.Tiger(data).digest() if name == "tiger" else hashlib.new(name, data).digest()


def is_weak_des(key):
    """Whatever its parity bits, which DES does not use."""
    return bytes((b & 0xFE) | (bin(b >> 1).count("1") + 1) % 2 for b in key) in WEAK_DES_KEYS


def cipher_key(hash_name, material, cipher, size):
    """The key of a cipher from SKEYID_e, or from Ne_i and Ne_r: RFC 2409 appendix B, and section 5.3."""
    if cipher == "DES":
        for at in range(0, len(material) - 7, 8):
            if not is_weak_des(material[at : at + 8]):
                return material[at : at + 8]
        raise ValueError("every eight octets of SKEYID_e are a weak DES key")
    if len(material) >= size:
        return material[:size]
    key = last = prf(hash_name, material, b"\0")
    while len(key) < size:
        last = prf(hash_name, material, last)
        key += last
    return key[:size]


def mac(name, key, data):
    """HMAC, or AES-XCBC-MAC of RFC 3566."""
    if name != "aes-xcbc":
        return hmac.new(key, data, name).digest()
    ecb = Cipher(AES(key), modes.ECB()).encryptor()
    k1, k2, k3 = (ecb.update(bytes([n]) * 16) for n in (1, 2, 3))
    whole = bool(data) and len(data) % 16 == 0
    data = data if whole else data + b"\x80" + bytes(-(len(data) + 1) % 16)
    data = data[:-16] + bytes(a ^ b for a, b in zip(data[-16:], k2 if whole else k3))
    return Cipher(AES(k1), modes.CBC(bytes(16))).encryptor().update(data)[-16:]


def _algorithm(name, key):
    return {"DES": lambda: TripleDES(key * 3), "3DES": lambda: TripleDES(key), "AES": lambda: AES(key), "CAST": lambda: CAST5(key),
            "BLOWFISH": lambda: Blowfish(key), "CAMELLIA": lambda: Camellia(key)}[name]()


def _cbc(name, key, iv, text, encrypt):
    if name == "NULL":
        return text
    if name == "IDEA":
        return idea.cbc(key, iv, text, encrypt)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cipher = Cipher(_algorithm(name, key), modes.CBC(iv))
        try:
            turner = cipher.encryptor() if encrypt else cipher.decryptor()
        except UnsupportedAlgorithm:
            raise ValueError(f"`cryptography` has no {name} here: OpenSSL's legacy provider is missing") from None
        return turner.update(text) + turner.finalize()


def decrypt_cbc(name, key, iv, text):
    return _cbc(name, key, iv, text, False)


def encrypt_cbc(name, key, iv, text):
    return _cbc(name, key, iv, text, True)


def decrypt_ctr(key, salt, iv, text):
    """RFC 3686: the counter begins with 1."""
    return Cipher(AES(key), modes.CTR(salt + iv + b"\0\0\0\1")).decryptor().update(text)


def open_combined(name, key, salt, iv, text, tag, aad):
    """The plaintext of AES-GCM (RFC 4106), AES-GMAC (RFC 4543) or AES-CCM (RFC 4309); raises cryptography.exceptions.InvalidTag."""
    if name == "AES-CCM":
        return aead.AESCCM(key, tag_length=len(tag)).decrypt(salt + iv, text + tag, aad)
    opener = Cipher(AES(key), modes.GCM(salt + iv, tag, min_tag_length=len(tag))).decryptor()
    if name == "AES-GMAC":
        opener.authenticate_additional_data(aad + iv + text)
        return text + opener.finalize()
    opener.authenticate_additional_data(aad)
    return opener.update(text) + opener.finalize()

