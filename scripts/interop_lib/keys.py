"""SAs with keys given by hand, in the words of `ip xfrm`, for both sides of the cable."""
import hashlib
import secrets

from .plan import OURS, PEER

CIPHERS = {
    "des": ("cbc(des)", 8),
    "3des": ("cbc(des3_ede)", 24),
    "aes128": ("cbc(aes)", 16),
    "aes192": ("cbc(aes)", 24),
    "aes256": ("cbc(aes)", 32),
    "null": ("ecb(cipher_null)", 0),
}
MACS = {
    "md5": ("hmac(md5)", 16, 96),
    "sha1": ("hmac(sha1)", 20, 96),
    "sha256": ("hmac(sha256)", 32, 128),
    "sha384": ("hmac(sha384)", 48, 192),
    "sha512": ("hmac(sha512)", 64, 256),
}
COMBINED = {
    f"aes{bits}gcm{icv}": ("rfc4106(gcm(aes))", bits // 8 + 4, icv * 8) for bits in (128, 192, 256) for icv in (8, 12, 16)
}
COMBINED["chacha20poly1305"] = ("rfc7539esp(chacha20,poly1305)", 36, 128)
SPI_OUT, SPI_IN = 0x1001, 0x2002  # from us, to us
RUN = secrets.token_bytes(32)  # other keys in each run: a counter mode must not see one twice


def key(label, size):
    """The same octets for the same label, with odd parity, as DES wants it."""
    octets = hashlib.sha512(RUN + label.encode()).digest()[:size]
    return "0x" + bytes(b & 0xFE | (bin(b & 0xFE).count("1") + 1) % 2 for b in octets).hex() if size else '""'


def algorithms(suite, label):
    if suite in COMBINED:
        name, size, bits = COMBINED[suite]
        return f"aead {name} {key(label + 'aead', size)} {bits}"
    *cipher, mac = suite.split("-")
    name, size, bits = MACS[mac]
    words = f"auth-trunc {name} {key(label + 'auth', size)} {bits}"
    if cipher:
        name, size = CIPHERS[cipher[0]]
        words += f" enc {name} {key(label + 'enc', size)}"
    return words


def batch(protections, family, who):
    """Lines for `ip -batch` at the side `who`: SAs and a policy for each direction; `protections` are pairs of protocol and
    suite with their mode, the inner one first."""
    f = family
    lines = []
    for spi, source, target, label in ((SPI_OUT, OURS, PEER, "out"), (SPI_IN, PEER, OURS, "in")):
        templates = ""
        for at, (protocol, suite, mode) in enumerate(protections):
            ends = f"src {source.outer[f]} dst {target.outer[f]} proto {protocol}"
            lines.append(
                f"xfrm state add {ends} spi {spi + at:#x} reqid 1 mode {mode} replay-window 32 "
                f"{algorithms(suite, f'{label}{at}')}"
            )
            templates += f" tmpl {ends} reqid 1 mode {mode}"
        where = "outer" if protections[0][2] == "transport" else "network"
        ends = f"src {getattr(source, where)[f]} dst {getattr(target, where)[f]}"
        outward = (source is OURS) == (who == "ours")
        for direction in ("out",) if outward else ("in", "fwd"):
            lines.append(f"xfrm policy add {ends} dir {direction}{templates}")
    return "\n".join(lines) + "\n"
