"""Algorithms by their numbers in IKEv1 (RFC 2409 appendix A, RFC 2407 section 4.4 and 4.5), over hashlib and `cryptography`."""

import hashlib
import hmac
import warnings

from cryptography.hazmat.primitives.ciphers import Cipher, modes

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    try:
        from cryptography.hazmat.decrepit.ciphers.algorithms import CAST5, Blowfish, TripleDES
    except ImportError:
        from cryptography.hazmat.primitives.ciphers.algorithms import CAST5, Blowfish, TripleDES

# Phase 1 attribute 1: name, block size, key octets (None: as the key length attribute says).
IKE_CIPHERS = {1: ("DES", 8, 8), 3: ("BLOWFISH", 8, None), 5: ("3DES", 8, 24), 6: ("CAST", 8, 16), 7: ("AES", 16, None)}
# Phase 1 attribute 2. HMAC over it is the PRF, unless a PRF is negotiated, for which no number was ever assigned.
IKE_HASHES = {1: "md5", 2: "sha1", 4: "sha256", 5: "sha384", 6: "sha512"}

# ESP transform: name, block (padding), IV on the wire, key octets, salt octets, ICV of a combined mode.
ESP_CIPHERS = {
    2: ("DES", 8, 8, 8, 0, 0), 3: ("3DES", 8, 8, 24, 0, 0), 6: ("CAST", 8, 8, 16, 0, 0), 7: ("BLOWFISH", 8, 8, None, 0, 0),
    11: ("NULL", 4, 0, 0, 0, 0), 12: ("AES", 16, 16, None, 0, 0),
    18: ("AES-GCM", 4, 8, None, 4, 8), 19: ("AES-GCM", 4, 8, None, 4, 12), 20: ("AES-GCM", 4, 8, None, 4, 16),
}
# Authentication algorithm attribute 5: hash, key octets, ICV octets.
AUTHENTICATION = {1: ("md5", 16, 12), 2: ("sha1", 20, 12), 5: ("sha256", 32, 16), 6: ("sha384", 48, 24), 7: ("sha512", 64, 32)}
# The AH transform implies the authentication algorithm.
AH_TRANSFORMS = {2: 1, 3: 2, 5: 5, 6: 6, 7: 7}


def prf(name, key, data):
    return hmac.new(key, data, name).digest()


def digest(name, data):
    return hashlib.new(name, data).digest()


def _algorithm(name, key):
    return {"DES": lambda: TripleDES(key * 3), "3DES": lambda: TripleDES(key), "AES": lambda: AES(key), "CAST": lambda: CAST5(key),
            "BLOWFISH": lambda: Blowfish(key)}[name]()


def decrypt_cbc(name, key, iv, text):
    if name == "NULL":
        return text
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opener = Cipher(_algorithm(name, key), modes.CBC(iv)).decryptor()
        return opener.update(text) + opener.finalize()


def open_gcm(key, salt, iv, text, tag, aad):
    """The plaintext; raises cryptography.exceptions.InvalidTag."""
    opener = Cipher(AES(key), modes.GCM(salt + iv, tag, min_tag_length=len(tag))).decryptor()
    opener.authenticate_additional_data(aad)
    return opener.update(text) + opener.finalize()
