"""ESP and AH packets under known keys: RFC 2406 and RFC 2402."""

import hmac
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag

import algorithms
from packets import parse_ip

ESP, AH = 50, 51


class Mismatch(Exception):
    pass


@dataclass
class Sa:
    """One direction of a negotiated pair."""

    protocol: int        # 50 or 51
    spi: bytes
    source: str
    destination: str
    tunnel: bool
    cipher: int          # ESP transform, None for AH
    key_bits: int
    authentication: int  # attribute 5, None or 0 when a combined mode does it
    by: str              # "initiator" or "responder": who sends under it
    esn: bool = False
    encryption_key: bytes = b""
    salt: bytes = b""
    integrity_key: bytes = b""
    opened: int = 0
    octets: int = 0

    def key_sizes(self):
        encryption = salt = integrity = 0
        if self.protocol == ESP:
            name, _, _, fixed, salt, _ = algorithms.ESP_CIPHERS[self.cipher]
            bits = self.key_bits or algorithms.ESP_DEFAULT_BITS.get(name)
            if fixed is None and not bits:
                raise Mismatch("ESP cipher with a variable key, but no key length attribute")
            encryption = fixed if fixed is not None else bits // 8
        if self.authentication:
            integrity = algorithms.AUTHENTICATION[self.authentication][1]
        return encryption, salt, integrity

    def adopt(self, keymat):
        encryption, salt, integrity = self.key_sizes()
        self.encryption_key = keymat[:encryption]
        self.salt = keymat[encryption : encryption + salt]
        self.integrity_key = keymat[encryption + salt : encryption + salt + integrity]

    def keymat_size(self):
        return sum(self.key_sizes())


def icv_of(sa, data):
    name, _, size = algorithms.AUTHENTICATION[sa.authentication]
    if sa.esn:
        data += bytes(4)  # the high half; a capture of more than 2^32 packets is not read here
    return algorithms.mac(name, sa.integrity_key, data)[:size]


def open_esp(sa, payload):
    """(next header, plaintext, IV, pad length) of an ESP packet; the plaintext is without padding and trailer."""
    _, block, iv_size, _, _, tag_size = algorithms.ESP_CIPHERS[sa.cipher]
    name = algorithms.ESP_CIPHERS[sa.cipher][0]
    body = payload
    if sa.authentication:
        size = algorithms.AUTHENTICATION[sa.authentication][2]
        body, icv = payload[:-size], payload[-size:]
        if not hmac.compare_digest(icv_of(sa, body), icv):
            raise Mismatch("ESP ICV does not hold")
    iv, text = body[8 : 8 + iv_size], body[8 + iv_size :]
    if tag_size:
        aad = body[:4] + bytes(4) + body[4:8] if sa.esn else body[:8]
        try:
            plain = algorithms.open_combined(name, sa.encryption_key, sa.salt, iv, text[:-tag_size], text[-tag_size:], aad)
        except InvalidTag:
            raise Mismatch("ESP ICV does not hold") from None
    elif name == "AES-CTR":
        plain = algorithms.decrypt_ctr(sa.encryption_key, sa.salt, iv, text)
    else:
        if len(text) % block:
            raise Mismatch("ESP ciphertext is no whole number of blocks")
        plain = algorithms.decrypt_cbc(name, sa.encryption_key, iv, text)
    if len(plain) < 2 or plain[-2] + 2 > len(plain):
        raise Mismatch("ESP pad length is longer than the plaintext")
    pad, following = plain[-2], plain[-1]
    if plain[len(plain) - 2 - pad : len(plain) - 2] != bytes(range(1, pad + 1)):
        raise Mismatch("ESP padding is not 1, 2, 3, ...")  # RFC 2406 section 2.4, the default padding
    if (len(plain) % max(block, 4)) != 0:
        raise Mismatch("ESP plaintext does not end on a boundary")
    return following, plain[: len(plain) - 2 - pad], iv, pad


def check_ah(sa, ip):
    """(next header, payload) of an IP packet that carries AH, once its ICV holds. RFC 2402 section 3.3.3."""
    following, length = ip.payload[0], (ip.payload[1] + 2) * 4
    size = algorithms.AUTHENTICATION[sa.authentication][2]
    header = bytearray(ip.header)
    if ip.version == 4:
        if len(header) > 20:
            raise Mismatch("IPv4 options under AH are not read here")
        header[1] = 0                  # type of service
        header[6:8] = header[10:12] = bytes(2)  # flags and fragment offset, checksum
        header[8] = 0                  # time to live
    else:
        header[0:4] = b"\x60\0\0\0"    # class and flow label
        header[7] = 0                  # hop limit
    if length < 12 + size or length % (4 if ip.version == 4 else 8):
        raise Mismatch(f"AH of {length} octets")
    covered = bytes(header) + ip.payload[:12] + bytes(size) + ip.payload[12 + size :]
    if not hmac.compare_digest(icv_of(sa, covered), ip.payload[12 : 12 + size]):
        raise Mismatch("AH ICV does not hold")
    return following, ip.payload[length:]


def unwrap(find, ip, on_open):
    """Opens ESP and AH, one inside the other, down to what they protect: (next header, payload, last SA).

    on_open(SA, octets before, what was found) is called for each, the outermost first."""
    protocol, payload, sa = ip.protocol, ip.payload, None
    while protocol in (ESP, AH):
        spi, = struct.unpack_from(">4s", payload, 0 if protocol == ESP else 4)
        sa = find(protocol, spi, ip.destination)
        if sa is None:
            raise Mismatch(f"no SA for {'ESP' if protocol == ESP else 'AH'} SPI {spi.hex()} to {ip.destination}")
        before, at = len(payload), 4 if protocol == ESP else 8
        found = {"kind": "ESP" if protocol == ESP else "AH", "spi": spi.hex(), "seq": int.from_bytes(payload[at : at + 4], "big")}
        if protocol == ESP:
            protocol, payload, iv, pad = open_esp(sa, payload)
            found.update(iv=iv.hex(), pad_length=pad)
        else:
            protocol, payload = check_ah(sa, ip)
        on_open(sa, before, {**found, "next_header": protocol, "payload": payload.hex()})
        if sa.tunnel and protocol in (4, 41):
            inner = parse_ip(payload)
            if inner.protocol in (ESP, AH) and inner.destination == ip.destination:
                ip, protocol, payload = inner, inner.protocol, inner.payload
    return protocol, payload, sa
