"""IDEA, which few builds of OpenSSL still have: two 64 by 128 bit permutations of eight rounds and a half."""


def _times(a, b):
    """Multiplication modulo 2^16 + 1, where 0 stands for 2^16."""
    return (a or 0x10000) * (b or 0x10000) % 0x10001 & 0xFFFF


def _inverse(a):
    return pow(a or 0x10000, -1, 0x10001) & 0xFFFF


def encryption_keys(key):
    value, out = int.from_bytes(key, "big"), []
    while len(out) < 52:
        out += [value >> shift & 0xFFFF for shift in range(112, -1, -16)]
        value = (value << 25 | value >> 103) & (1 << 128) - 1
    return out[:52]


def decryption_keys(key):
    k, out = encryption_keys(key), []
    for round_ in range(9):
        a, b, c, d = k[48 - 6 * round_ : 52 - 6 * round_]
        b, c = (b, c) if round_ in (0, 8) else (c, b)
        out += [_inverse(a), -b & 0xFFFF, -c & 0xFFFF, _inverse(d)]
        if round_ < 8:
            out += k[46 - 6 * round_ : 48 - 6 * round_]
    return out


def block(keys, data):
    a, b, c, d = (int.from_bytes(data[i : i + 2], "big") for i in (0, 2, 4, 6))
    for r in range(0, 48, 6):
        a, b, c, d = _times(a, keys[r]), b + keys[r + 1] & 0xFFFF, c + keys[r + 2] & 0xFFFF, _times(d, keys[r + 3])
        t = _times(a ^ c, keys[r + 4])
        u = _times((b ^ d) + t & 0xFFFF, keys[r + 5])
        t = t + u & 0xFFFF
        a, b, c, d = a ^ u, c ^ u, b ^ t, d ^ t
    out = (_times(a, keys[48]), c + keys[49] & 0xFFFF, b + keys[50] & 0xFFFF, _times(d, keys[51]))
    return b"".join(x.to_bytes(2, "big") for x in out)


def cbc(key, iv, text, encrypt):
    keys, out = encryption_keys(key) if encrypt else decryption_keys(key), []
    for at in range(0, len(text), 8):
        piece = text[at : at + 8]
        if encrypt:
            iv = block(keys, bytes(x ^ y for x, y in zip(piece, iv)))
            out.append(iv)
        else:
            out.append(bytes(x ^ y for x, y in zip(block(keys, piece), iv)))
            iv = piece
    return b"".join(out)
