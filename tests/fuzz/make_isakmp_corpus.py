#!/usr/bin/env python3
"""Writes the seeds of the ISAKMP fuzz targets into tests/fuzz/corpus/isakmp_*/, from the figures of RFC 2408 and RFC 2407.

Every payload type and every fault of isakmp::errc has a seed; tests/isakmp/corpus_test.cpp counts them. The octets are put
together here and not by the library's builder, so that a fault in the builder does not hide in them. The same run writes the
same files.
"""
import pathlib
import struct

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"


def write(target, name, octets):
    folder = CORPUS / ("isakmp_" + target)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(octets)


def payload(following, body, length=None, reserved=0):
    return struct.pack(">BBH", following, reserved, 4 + len(body) if length is None else length) + body


def chain(*payloads):
    """(type, body) pairs -> first type and octets."""
    out = b""
    for i, (_, body) in enumerate(payloads):
        out += payload(payloads[i + 1][0] if i + 1 < len(payloads) else 0, body)
    return (payloads[0][0] if payloads else 0), out


def header(first, length, ci=b"IIIIIIII", cr=b"RRRRRRRR", version=0x10, exchange=2, flags=0, mid=0):
    return ci + cr + struct.pack(">BBBBII", first, version, exchange, flags, mid, length)


def message(first, octets, **fields):
    length = fields.pop("length", 28 + len(octets))
    return header(first, length, **fields) + octets


def basic(kind, value):
    return struct.pack(">HH", kind | 0x8000, value)


def variable(kind, value):
    return struct.pack(">HH", kind, len(value)) + value


def transform_body(number, ident, attributes, reserved2=0):
    return struct.pack(">BBH", number, ident, reserved2) + attributes


def proposal_body(number, protocol, spi, transforms, count=None, chained=None):
    inner = chained if chained is not None else chain(*[(3, t) for t in transforms])[1]
    return struct.pack(">BBBB", number, protocol, len(spi), len(transforms) if count is None else count) + spi + inner


def sa_body(proposals, doi=1, situation=struct.pack(">I", 1), chained=None):
    inner = chained if chained is not None else chain(*[(2, p) for p in proposals])[1]
    return struct.pack(">I", doi) + situation + inner


LIFE = basic(11, 1) + variable(12, struct.pack(">I", 28800))
AES = basic(1, 7) + basic(14, 128) + basic(2, 2) + basic(3, 1) + basic(4, 14)
DES3 = basic(1, 5) + basic(2, 1) + basic(3, 1) + basic(4, 2)
PHASE1 = sa_body([proposal_body(1, 1, b"", [transform_body(1, 1, AES + LIFE), transform_body(2, 1, DES3 + basic(11, 2) + basic(12, 1000))])])
SPI = b"\xc4\xfa\xb3\x3d"
ESP_ATTR = basic(4, 1) + basic(5, 2) + basic(6, 128) + basic(1, 1) + variable(2, struct.pack(">I", 86400)) + basic(1, 2) + variable(2, struct.pack(">I", 100000))
PHASE2 = sa_body([
    proposal_body(1, 3, SPI, [transform_body(1, 12, ESP_ATTR + basic(3, 14) + basic(11, 1)), transform_body(2, 3, basic(4, 1) + basic(5, 2))]),
    proposal_body(1, 2, SPI, [transform_body(1, 3, basic(4, 1) + basic(5, 2))]),
    proposal_body(2, 3, SPI, [transform_body(1, 11, basic(4, 2) + basic(5, 1))]),
    proposal_body(3, 4, b"\x12\x34", [transform_body(1, 2, basic(4, 2) + basic(8, 9) + variable(9, b"\x00\x00\x0c\x01"))]),
])
SENSITIVE = struct.pack(">II", 7, 5) + struct.pack(">HH", 3, 0) + b"SEC\0" + struct.pack(">HH", 9, 0) + b"\xff\x80\0\0" + \
    struct.pack(">HH", 4, 0) + b"HIGH" + struct.pack(">HH", 0, 0)

NONCE = b"0123456789abcdef"
KE = bytes(range(1, 129))
ID4 = b"\x01\x11\x01\xf4" + bytes([10, 77, 0, 1])
HASH = bytes(range(20))
VID = bytes.fromhex("4a131c81070358455c5728f20e95452f")
NOTIFY_IC = struct.pack(">IBBH", 1, 1, 16, 24578) + b"IIIIIIIIRRRRRRRR"
DELETE_ESP = struct.pack(">IBBH", 1, 3, 4, 2) + SPI + b"\x01\x02\x03\x04"


def one_transform(attributes, protocol=3, ident=12, spi=SPI, number=1):
    return sa_body([proposal_body(1, protocol, spi, [transform_body(number, ident, attributes)])])


def headers():
    first, octets = chain((1, PHASE1), (13, VID))
    write("header", "main_mode_1", message(first, octets, cr=bytes(8)))
    write("header", "encrypted", message(5, bytes(64), flags=1))
    write("header", "quick_mode", message(8, bytes(64), exchange=32, flags=3, mid=0xdeadbeef))
    write("header", "informational_in_clear", message(11, payload(0, NOTIFY_IC), exchange=5))
    write("header", "nothing_inside", message(0, b""))
    write("header", "transaction", message(8, bytes(32), exchange=6, flags=1, mid=9))
    write("header", "truncated", message(first, octets)[:27])
    for name, n in (("length_0", 0), ("length_27", 27)):
        write("header", name, message(first, octets, length=n))
    for name, n in (("length_short", 27 + len(octets)), ("length_long", 29 + len(octets)), ("length_max", 0xffffffff)):
        write("header", name, message(first, octets, length=n))
    write("header", "too_long", message(13, payload(0, bytes(2048))))
    write("header", "no_cookie", message(first, octets, ci=bytes(8)))
    write("header", "major_2", message(33, octets, version=0x20, exchange=34, flags=8))
    write("header", "minor_1", message(first, octets, version=0x11))
    write("header", "exchange_0", message(first, octets, exchange=0))
    write("header", "exchange_240", message(first, octets, exchange=240))
    write("header", "flags", message(first, octets, flags=0x88))
    write("header", "message_id_phase1", message(first, octets, mid=1))
    write("header", "message_id_phase2", message(8, bytes(32), exchange=32, flags=1))
    write("header", "trailing", message(first, octets + b"\0"))
    write("header", "payload_length_0", message(1, payload(0, PHASE1, length=0)))
    write("header", "payload_length_lies", message(1, payload(0, PHASE1, length=0xffff)))


def chains():
    def seed(name, first, octets, rules=0):
        write("chain", name, bytes([rules, first]) + octets)

    mm = {
        "main_1": [(1, PHASE1), (13, VID), (13, b"")],
        "main_3": [(4, KE), (10, NONCE), (20, HASH), (20, HASH)],
        "main_5": [(5, ID4), (8, HASH), (11, NOTIFY_IC)],
        "main_5_signed": [(5, ID4), (6, b"\x04" + bytes(40)), (7, b"\x04"), (9, bytes(128))],
        "aggressive_1": [(1, PHASE1), (4, KE), (10, NONCE), (5, ID4)],
        "quick_1": [(8, HASH), (1, PHASE2), (10, NONCE), (4, KE), (5, b"\x04\0\0\0" + bytes([10, 0, 0, 0, 255, 0, 0, 0])),
                    (5, b"\x04\0\0\0" + bytes([10, 1, 0, 0, 255, 255, 0, 0])), (21, b"\x01\0\0\0" + bytes([10, 0, 0, 1]))],
        "quick_3": [(8, HASH)],
        "informational": [(8, HASH), (12, DELETE_ESP), (11, NOTIFY_IC)],
        "quick_one_identity": [(8, HASH), (1, PHASE2), (10, NONCE), (5, ID4)],
        "quick_sa_late": [(8, HASH), (10, NONCE), (1, PHASE2)],
        "doubled_nonce": [(4, KE), (10, NONCE), (10, NONCE)],
    }
    for name, payloads in mm.items():
        first, octets = chain(*payloads)
        seed(name, first, octets)
        seed(name + "_padded", first, octets + bytes(5), rules=1)
    seed("empty", 0, b"")
    seed("proposal_outside", 2, payload(0, bytes(8)))
    seed("transform_outside", 13, payload(3, VID) + payload(0, bytes(4)))
    seed("unknown_refused", 99, payload(0, b"?"))
    seed("unknown_kept", 130, payload(200, b"?") + payload(14, b"?") + payload(0, b"?"), rules=2)
    seed("reserved", 13, payload(0, VID, reserved=1))
    seed("reserved_kept", 13, payload(0, VID, reserved=1), rules=4)
    seed("length_3", 13, payload(0, VID, length=3))
    seed("length_one_more", 13, payload(0, VID, length=5 + len(VID)))
    seed("header_cut", 13, b"\0\0\0")
    seed("too_many", *chain(*[(13, b"")] * 33))
    seed("just_enough", *chain(*[(13, b"")] * 32))
    seed("trailing", 13, payload(0, VID) + b"\0")


def associations():
    def seed(name, body):
        write("sa", name, body)

    seed("phase1", PHASE1)
    seed("phase2", PHASE2)
    seed("sensitive", sa_body([proposal_body(1, 1, b"", [transform_body(1, 1, AES)])], situation=SENSITIVE))
    seed("sensitive_padding", sa_body([proposal_body(1, 1, b"", [transform_body(1, 1, AES)])], situation=SENSITIVE.replace(b"SEC\0", b"SEC\1")))
    seed("sensitive_cut", struct.pack(">I", 1) + SENSITIVE[:20])
    seed("doi_0", sa_body([], doi=0))
    seed("doi_9", sa_body([proposal_body(1, 1, b"", [transform_body(1, 1, AES)])], doi=9))
    seed("situation_0", sa_body([], situation=bytes(4)))
    seed("situation_unknown", sa_body([], situation=b"\x80\0\0\1"))
    seed("cut", b"\0\0\0\1\0")
    seed("no_proposal", sa_body([]))
    seed("no_transform", sa_body([proposal_body(1, 3, SPI, [])]))
    seed("other_payload", sa_body([], chained=payload(10, proposal_body(1, 3, SPI, [transform_body(1, 12, ESP_ATTR)])) + payload(0, NONCE)))
    seed("other_payload_inside", sa_body([proposal_body(1, 3, SPI, [0], chained=payload(2, transform_body(1, 12, ESP_ATTR)) + payload(0, b""))]))
    seed("order", sa_body([proposal_body(n, 3, SPI, [transform_body(1, 12, ESP_ATTR)]) for n in (2, 1)]))
    seed("torn_group", sa_body([proposal_body(n, 3, SPI, [transform_body(1, 12, ESP_ATTR)]) for n in (1, 2, 1)]))
    seed("transform_order", sa_body([proposal_body(1, 3, SPI, [transform_body(1, 12, ESP_ATTR)] * 2)]))
    seed("count_more", sa_body([proposal_body(1, 3, SPI, [transform_body(1, 12, ESP_ATTR)], count=2)]))
    seed("count_0", sa_body([proposal_body(1, 3, SPI, [transform_body(1, 12, ESP_ATTR)], count=0)]))
    seed("proposals_17", sa_body([proposal_body(n, 3, SPI, [transform_body(1, 3, basic(5, 2))]) for n in range(1, 18)]))
    seed("transforms_129", sa_body([proposal_body(1, 3, SPI, [transform_body(n, 3, b"") for n in range(1, 130)])]))
    seed("attributes_33", one_transform(basic(5, 2) * 33))
    seed("spi_past_end", struct.pack(">II", 1, 1) + payload(0, struct.pack(">BBBB", 1, 3, 200, 1) + SPI))
    seed("trailing_in_proposal", sa_body([proposal_body(1, 3, SPI, [0], chained=payload(0, transform_body(1, 12, ESP_ATTR)) + b"\0")]))
    seed("trailing_in_sa", PHASE1 + b"\0")
    seed("reserved2", sa_body([proposal_body(1, 3, SPI, [transform_body(1, 12, ESP_ATTR, reserved2=1)])]))
    seed("attribute_past_end", one_transform(struct.pack(">HH", 2, 40) + b"\0"))
    seed("attribute_cut", one_transform(b"\x80\x01\x00"))
    seed("isakmp_spi_16", one_transform(AES, protocol=1, ident=1, spi=bytes(16)))
    seed("isakmp_spi_17", one_transform(AES, protocol=1, ident=1, spi=bytes(17)))
    seed("isakmp_transform_2", one_transform(AES, protocol=1, ident=2, spi=b""))
    seed("protocol_0", one_transform(ESP_ATTR, protocol=0))
    seed("protocol_9", one_transform(ESP_ATTR, protocol=9))
    seed("spi_3", one_transform(ESP_ATTR, spi=b"abc"))
    seed("spi_reserved", one_transform(ESP_ATTR, spi=b"\0\0\0\xff"))
    seed("esp_0", one_transform(ESP_ATTR, ident=0))
    seed("esp_99", one_transform(ESP_ATTR, ident=99))
    seed("esp_null_alone", one_transform(basic(4, 1), ident=11))
    seed("esp_aes_no_key_length", one_transform(basic(5, 2)))
    seed("esp_3des_key_length", one_transform(basic(5, 2) + basic(6, 192), ident=3))
    seed("esp_gcm_with_hmac", one_transform(basic(5, 2) + basic(6, 128), ident=20))
    seed("esp_gcm", one_transform(basic(6, 128) + basic(10, 1) + basic(7, 10), ident=20))
    seed("ah_contradiction", one_transform(basic(5, 1), protocol=2, ident=3))
    seed("ah_sha2", one_transform(basic(5, 5), protocol=2, ident=5))
    seed("esn_0", one_transform(ESP_ATTR + basic(11, 0)))
    seed("unknown_attribute", one_transform(ESP_ATTR + basic(300, 1)))
    seed("basic_as_variable", one_transform(ESP_ATTR + variable(4, b"\0\1")))
    seed("contradiction", one_transform(ESP_ATTR + basic(4, 2)))
    seed("repetition", one_transform(ESP_ATTR + basic(4, 1)))
    seed("life_type_alone", one_transform(basic(5, 2) + basic(6, 128) + basic(1, 1)))
    seed("duration_alone", one_transform(basic(5, 2) + basic(6, 128) + basic(2, 1000)))
    seed("two_durations", one_transform(ESP_ATTR + basic(1, 1) + basic(2, 1000)))
    seed("phase1_missing_hash", one_transform(basic(1, 5) + basic(3, 1) + basic(4, 2), protocol=1, ident=1, spi=b""))
    seed("phase1_new_group", one_transform(basic(1, 5) + basic(2, 1) + basic(3, 1) + basic(5, 1) + variable(6, KE) + variable(7, b"\2") + basic(15, 1024)
                                           + variable(8, b"\3") + variable(9, b"\4") + variable(10, b"\5") + variable(16, b"\6") + basic(13, 1),
                                           protocol=1, ident=1, spi=b""))
    seed("phase1_3des_key_length", one_transform(DES3 + basic(14, 192), protocol=1, ident=1, spi=b""))


def attributes():
    write("attribute", "list", ESP_ATTR + AES + LIFE + variable(6, KE) + variable(9, b""))
    write("attribute", "both_encodings", basic(12, 1000) + variable(12, b"\x03\xe8") + variable(12, b"\0\0\x03\xe8") + variable(12, bytes(9)))
    write("attribute", "cut", b"\x80\x01\x00")
    write("attribute", "past_end", struct.pack(">HH", 2, 5) + b"1234")
    write("attribute", "too_many", basic(1, 1) * 33)
    write("attribute", "empty", b"")


def bodies():
    for target, body in (("ke", KE), ("hash", HASH), ("sig", bytes(128)), ("nonce", NONCE), ("vid", VID), ("nat_d", HASH)):
        write(target, "usual", body)
        write(target, "empty", b"")
    write("nonce", "least", bytes(8))
    write("nonce", "too_short", bytes(7))
    write("nonce", "most", bytes(256))
    write("nonce", "too_long", bytes(257))
    dn = bytes.fromhex("3016311430120603550403130b66 6f6f2e6261722e636f6d".replace(" ", ""))
    for name, kind, protocol, port, data in (
            ("v4", 1, 17, 500, bytes([10, 0, 0, 1])), ("v4_cut", 1, 0, 0, b"abc"), ("fqdn", 2, 0, 0, b"foo.bar.com"),
            ("fqdn_nul", 2, 0, 0, b"foo\0bar"), ("fqdn_empty", 2, 0, 0, b""), ("user_fqdn", 3, 17, 0, b"piper@foo.bar.com"),
            ("v4_subnet", 4, 6, 80, bytes([10, 0, 0, 0, 255, 0, 0, 0])), ("v6", 5, 17, 4500, bytes(15) + b"\1"),
            ("v6_subnet", 6, 0, 0, bytes(16) + b"\xff" * 8 + bytes(8)), ("v4_range", 7, 0, 0, bytes([10, 0, 0, 1, 10, 0, 0, 9])),
            ("v4_range_backwards", 7, 0, 0, bytes([10, 0, 0, 9, 10, 0, 0, 1])), ("v6_range", 8, 0, 0, bytes(16) + b"\xff" * 16),
            ("dn", 9, 0, 0, dn), ("dn_trailing", 9, 0, 0, dn + b"\0"), ("dn_cut", 9, 0, 0, dn[:-1]),
            ("dn_long", 9, 0, 0, b"\x30\x82\x01\x00" + bytes(256)), ("dn_indefinite", 9, 0, 0, b"\x30\x80\0\0"),
            ("gn", 10, 0, 0, b"\x82\x03abc"), ("key_id", 11, 0, 0, b"group"), ("type_0", 0, 0, 0, b"x"), ("type_200", 200, 0, 0, b"x")):
        write("id", name, struct.pack(">BBH", kind, protocol, port) + data)
    write("id", "cut", b"\1\0\0")
    for target in ("cert", "certreq"):
        write(target, "x509", b"\x04" + dn)
        write(target, "no_data", b"\x04")
        write(target, "encoding_0", b"\0abc")
        write(target, "encoding_11", b"\x0babc")
        write(target, "empty", b"")
    note = lambda doi, protocol, size, kind, rest: struct.pack(">IBBH", doi, protocol, size, kind) + rest  # noqa: E731
    for name, body in (
            ("initial_contact", NOTIFY_IC), ("no_proposal", note(0, 1, 0, 14, b"")), ("esp", note(1, 3, 4, 16384, SPI)),
            ("replay_on", note(1, 3, 4, 24577, SPI + b"\0\0\0\1")), ("replay_2", note(1, 3, 4, 24577, SPI + b"\0\0\0\2")),
            ("replay_short", note(1, 3, 4, 24577, SPI + b"\0\1")), ("lifetime", note(1, 3, 16, 24576, bytes(16) + basic(1, 1) + basic(2, 600))),
            ("lifetime_cut", note(1, 3, 4, 24576, SPI + b"\x80\x01")), ("dpd", note(1, 1, 16, 36136, bytes(16) + b"\0\0\0\7")),
            ("dpd_short", note(1, 1, 16, 36137, bytes(16) + b"\7")), ("ipcomp", note(1, 4, 2, 14, b"\1\2")), ("doi_7", note(7, 1, 0, 14, b"")),
            ("protocol_0", note(1, 0, 0, 14, b"")), ("spi_5", note(1, 3, 5, 14, b"12345")), ("spi_past_end", note(1, 1, 16, 14, b"1234")),
            ("type_0", note(1, 1, 0, 0, b"")), ("cut", NOTIFY_IC[:7]), ("private", note(1, 1, 0, 40503, b"text"))):
        write("notify", name, body)
    for name, body in (
            ("esp_two", DELETE_ESP), ("isakmp", note(1, 1, 16, 1, b"IIIIIIIIRRRRRRRR")), ("isakmp_bare", note(1, 1, 0, 1, b"")),
            ("isakmp_bare_many", note(1, 1, 0, 65535, b"")), ("count_more", note(1, 3, 4, 3, bytes(8))), ("count_less", note(1, 3, 4, 1, bytes(8))),
            ("count_max", note(1, 2, 4, 65535, bytes(8))), ("spi_5", note(1, 3, 5, 1, bytes(5))), ("isakmp_8", note(1, 1, 8, 1, bytes(8))),
            ("ipcomp", note(1, 4, 2, 2, bytes(4))), ("ipcomp_3", note(1, 4, 3, 1, bytes(3))), ("protocol_5", note(1, 5, 4, 1, bytes(4))),
            ("doi_2", note(2, 3, 4, 1, bytes(4))), ("cut", DELETE_ESP[:7]), ("none", note(1, 3, 4, 0, b""))):
        write("delete", name, body)
    write("nat_oa", "v4", b"\1\0\0\0" + bytes([10, 0, 0, 1]))
    write("nat_oa", "v6", b"\5\0\0\0" + bytes(16))
    write("nat_oa", "subnet", b"\4\0\0\0" + bytes(8))
    write("nat_oa", "reserved", b"\1\0\0\1" + bytes([10, 0, 0, 1]))
    write("nat_oa", "cut", b"\1\0\0")
    for name, body in (("first", b"\0\1\1\0data"), ("last", b"\0\1\2\1data"), ("empty", b"\0\1\1\1"), ("number_0", b"\0\1\0\0x"),
                       ("flags", b"\xff\xff\xff\xfe"), ("cut", b"\0\1\1")):
        write("fragment", name, body)
    xauth = variable(16521, b"") + variable(16522, b"")
    for name, body in (("xauth_request", b"\1\0\0\0" + xauth), ("xauth_typed", b"\1\0\0\7" + basic(16520, 0) + xauth),
                       ("xauth_reply", b"\2\0\0\0" + variable(16521, b"carol") + variable(16522, b"secret")),
                       ("xauth_radius_chap", b"\1\0\0\0" + basic(16520, 1) + xauth + variable(16525, bytes(range(1, 17)))),
                       ("xauth_radius_chap_reply", b"\2\0\0\0" + basic(16520, 1) + variable(16521, b"joe") + variable(16522, b"\xaa" + bytes(range(16)))),
                       ("xauth_otp", b"\1\0\0\0" + basic(16520, 2) + xauth + variable(16525, b"otp-md5 499 ke1234 ext")),
                       ("xauth_otp_reply", b"\2\0\0\0" + basic(16520, 2) + variable(16521, b"joe") + variable(16522, b"5bf0 75d9 959d 036f")),
                       ("xauth_s_key", b"\1\0\0\0" + basic(16520, 3) + xauth + variable(16526, b"example") + variable(16525, b"s/key 99 ke1234")),
                       ("xauth_next_pin", b"\1\0\0\0" + variable(16524, b"4-6 digits") + variable(16528, b"")),
                       ("xauth_answer", b"\1\0\0\0" + variable(16524, b"y/n?") + variable(16529, b"")),
                       ("xauth_passcode", b"\1\0\0\0" + variable(16521, b"") + variable(16523, b"")),
                       ("xauth_status", b"\3\0\0\0" + basic(16527, 1)), ("ack", b"\4\0\0\0"),
                       ("address", b"\2\0\0\1" + variable(1, b"\x0a\0\0\1") + variable(3, b"\x0a\0\0\2")),
                       ("half_an_attribute", b"\1\0\0\1" + variable(1, b"\x0a\0\0\1")[:-1]), ("type_9", b"\x09\0\0\0"),
                       ("reserved", b"\1\1\0\0"), ("cut", b"\1\0\0"), ("many", b"\1\0\0\0" + variable(1, b"") * 65)):
        write("config", name, body)


def pieces():
    """Lists of pieces for ike_fragments: see ike_fragments_fuzz.hpp."""
    folder = CORPUS / "ike_fragments"
    folder.mkdir(parents=True, exist_ok=True)

    def piece(number, data, last=0, peer=0, ident=1, later=0):
        body = struct.pack(">HBB", ident, number, last) + data
        return bytes([peer | later * 8 << 2, len(body)]) + body

    two = piece(1, b"abc") + piece(2, b"de", 1)
    for name, octets in (
            ("in_order", two), ("reversed", piece(2, b"de", 1) + piece(1, b"abc")), ("doubled", two[:9] + two),
            ("conflict", piece(1, b"abc") + piece(1, b"abd") + two), ("behind_last", piece(2, b"x", 1) + piece(3, b"y") + two),
            ("two_last", piece(3, b"x", 1) + piece(2, b"y", 1)), ("last_early", piece(3, b"x") + piece(2, b"y", 1)),
            ("number_0", piece(0, b"x", 1)), ("empty", piece(1, b"", 1)), ("too_many", piece(9, b"x", 1)),
            ("too_long", piece(1, bytes(60)) + piece(2, bytes(60), 1)), ("other_id", piece(1, b"x") + piece(1, b"ab", ident=2) + piece(2, b"c", 1, ident=2)),
            ("late", piece(1, b"abc") + piece(2, b"de", 1, later=7) * 3), ("many_peers", b"".join(piece(1, b"x", peer=n) for n in range(4)) + two),
            ("message", message(*chain((4, bytes(200)), (10, bytes(32))))), ("cut", two[:-1])):
        (folder / name).write_bytes(octets)


def scripts():
    """Calls of the builder: see isakmp_builder_fuzz.hpp."""
    whole = bytes([0, 0, 2, 0, 3, 1, 4, 1, 5, 1, 6, 9, 4, 2, 3, 2, 4, 1, 1, 3, 8, 20, 7, 0])
    write("builder", "message", bytes([60]) + whole)
    write("builder", "no_room", bytes([6]) + whole)
    write("builder", "no_room_at_all", bytes([0]) + whole)
    write("builder", "transform_outside", bytes([60, 2, 0, 4, 1]))
    write("builder", "proposal_outside", bytes([60, 3, 1]))
    write("builder", "attribute_outside", bytes([60, 2, 0, 3, 1, 5, 1]))
    write("builder", "header_late", bytes([60, 1, 3, 0, 0]))
    write("builder", "lies", bytes([60]) + whole + bytes([9, 3, 10, 200, 11, 8]))
    write("builder", "many_payloads", bytes([255]) + bytes([1, 0]) * 300)
    write("builder", "many_transforms", bytes([255, 2, 0, 3, 1]) + bytes([4, 1]) * 256)


headers()
chains()
associations()
attributes()
bodies()
pieces()
scripts()
