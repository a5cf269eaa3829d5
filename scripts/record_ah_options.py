#!/usr/bin/env python3
"""Records tests/data/linux-kernel/ah-options.json: packets with IPv4 options and IPv6 extension headers that a Linux kernel put AH on.

    record_ah_options.py FOLDER     FOLDER: a running guest with a cable of datagrams: `host.sock` to be bound here, `guest.sock`
                                    and the command socket `ctl.sock` of the guest there

The guest forwards each packet twice, without and with a policy that asks for AH in transport mode, so that both forms of the same
packet are seen: the one in front of AH and the one behind it."""
import json
import pathlib
import socket
import struct
import sys
import time

FOLDER = pathlib.Path(sys.argv[1])
HERE, GUEST = bytes.fromhex("525400780001"), bytes.fromhex("525400780002")
KEYS = {"hmac(sha1)": ("96", "00112233445566778899aabbccddeeff01234567"),
        "hmac(sha256)": ("128", "00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210")}
PING4 = bytes.fromhex("0800000000010001") + bytes(range(24))
HOP_BY_HOP, ROUTING, AH, DESTINATION, ICMP6 = 0, 43, 51, 60, 58
A, B = (bytes.fromhex("fd880000000000000000000000000" + d) for d in ("00a", "00b"))

V4 = {  # options, by name
    "none": "",
    "no operation and end of list": "01010100",
    "octets behind the end of the list": "01000744",
    "router alert": "94040000",
    "security, 11 octets": "820bab2233445566778899 00",
    "extended security": "85060102030400 00",
    "sender directed multi-destination": "9506c0000201 0000",
    "record route": "07070400000000 00",
    "record route, longer": "070f04000000000000000000000000 00",
    "timestamp": "440c0500 00000000 00000000",
    "timestamp with addresses": "44140501 0000000000000000 0000000000000000",
    "traceroute": "520c1234000100000a580001",
    "stream": "88041234",
    "unknown, may not be copied": "1e06a1b2c3d4 0000",
    "unknown, copied": "9e06a1b2c3d4 0000",
    "loose route to go": "830b04 0a580007 0a580008 00",
    "loose route, one behind": "830b08 0a580007 0a580008 00",
    "all classes": "01 82040102 94040000 07070400000000 1e0401020101 0000",
}
V6 = {  # (number, what follows the next header octet), by name; the kernel's place for AH
    "none": ([], "behind"),
    "hop-by-hop, router alert": ([(HOP_BY_HOP, "00 050200000100")], "behind"),
    "hop-by-hop, may change": ([(HOP_BY_HOP, "00 3e04a1b2c3d4")], "behind"),
    "hop-by-hop, some may change": ([(HOP_BY_HOP, "01 3e02aaaa 1e03bbbbbb 3e03cccccc")], "behind"),
    "hop-by-hop, changeable without data": ([(HOP_BY_HOP, "00 3e00 010200 00")], "behind"),
    "destination options in front": ([(DESTINATION, "00 3e04a1b2c3d4")], "in_front"),
    "hop-by-hop and destination options in front": ([(HOP_BY_HOP, "00 1e04a1b2c3d4"), (DESTINATION, "00 3e04a1b2c3d4")], "in_front"),
    "routing type 0 at its end": ([(ROUTING, "04 0000 00000000" + A.hex() + B.hex())], "behind"),
    "routing type 0, one to go": ([(ROUTING, "04 0001 00000000" + A.hex() + B.hex())], "behind"),
    "routing type 0, two to go": ([(ROUTING, "04 0002 00000000" + A.hex() + B.hex())], "behind"),
    "routing type 2": ([(ROUTING, "02 0201 00000000" + A.hex())], "behind"),
    "destination, routing, destination behind": ([(DESTINATION, "00 3e04a1b2c3d4"), (ROUTING, "02 0001 00000000" + A.hex()),
                                                  (DESTINATION, "00 3e0401020304")], "behind"),
    "everything": ([(HOP_BY_HOP, "00 3e04a1b2c3d4"), (DESTINATION, "00 1e02aaaa0100"),
                    (ROUTING, "04 0002 00000000" + A.hex() + B.hex()), (DESTINATION, "00 3e0401020304")], "behind"),
}


def checksum(octets):
    octets += bytes(len(octets) % 2)
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def v4(options):
    octets = bytes.fromhex(options)
    octets += bytes(-len(octets) % 4)
    body = PING4[:2] + struct.pack(">H", checksum(PING4)) + PING4[4:]
    head = struct.pack(">BBHHHBBH", 0x45 + len(octets) // 4, 0x2B, 20 + len(octets) + len(body), 0x1234, 0x4000, 60, 1, 0)
    head += bytes([10, 66, 0, 1, 10, 88, 0, 1]) + octets
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body


def v6(chain):
    body = bytes.fromhex("8000abcd00010001") + bytes(range(24))
    numbers = [number for number, _ in chain] + [ICMP6]
    headers = b"".join(bytes([following]) + bytes.fromhex(rest) for (_, rest), following in zip(chain, numbers[1:]))
    head = struct.pack(">IHBB", 0x62B12345, len(headers) + len(body), numbers[0], 60)
    return head + bytes.fromhex("fd660000000000000000000000000001fd880000000000000000000000000001") + headers + body


def guest(command):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(str(FOLDER / "ctl.sock"))
    s.sendall(b"%d\n" % (len(command) + 1) + command.encode() + b"\n")
    f = s.makefile("rb")
    status, size = map(int, f.readline().split())
    text = f.read(size).decode()
    if status != 0:
        sys.exit(f"{command}: {text}")
    return text


def through(cable, packet):
    """The packet as the guest sends it on."""
    kind = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
    cable.sendto(GUEST + HERE + kind + packet, str(FOLDER / "guest.sock"))
    end = time.monotonic() + 3
    while time.monotonic() < end:
        cable.settimeout(max(0.01, end - time.monotonic()))
        try:
            frame = cable.recv(4096)
        except TimeoutError:
            break
        source = slice(26, 30) if kind == b"\x08\x00" else slice(22, 38)  # an ICMP error quotes the packet, but has another
        if frame[:6] == HERE and frame[12:14] == kind and frame[source] == packet[source.start - 14:source.stop - 14]:
            size = struct.unpack(">H", frame[16:18])[0] if kind == b"\x08\x00" else 40 + struct.unpack(">H", frame[18:20])[0]
            return frame[14:14 + size]
    return None


def main():
    path = FOLDER / "host.sock"
    path.unlink(missing_ok=True)
    cable = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    cable.bind(str(path))
    guest("ip xfrm state flush; ip xfrm policy flush; ip route replace 10.88.0.0/16 via 10.78.0.1; ip route replace 10.66.0.0/16 via "
          "10.78.0.1; ip -6 route replace fd88::/64 via fd78::1; ip -6 route replace fd66::/64 via fd78::1; "
          "for f in /proc/sys/net/ipv4/conf/*/accept_source_route /proc/sys/net/ipv6/conf/*/accept_source_route; do echo 1 > $f; done; "
          "for f in /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv4/conf/*/send_redirects; do echo 0 > $f; done")
    out, spi = [], 0x1000
    cases = [("v4", name, v4(options), "behind") for name, options in V4.items()]
    cases += [("v6", name, v6(chain), place) for name, (chain, place) in V6.items()]
    for auth, (bits, key) in KEYS.items():
        for family, name, packet, place in cases:
            for flag in ("", "align4") if family == "v4" and auth == "hmac(sha256)" and name in ("none", "all classes") else ("",):
                spi += 1
                plain = through(cable, packet)
                source, destination = ("10.66.0.1", "10.88.0.1") if family == "v4" else ("fd66::1", "fd88::1")
                guest(f"ip xfrm state add src {source} dst {destination} proto ah spi {spi:#x} mode transport auth-trunc '{auth}' 0x{key} "
                      f"{bits} {'flag ' + flag if flag else ''}; ip xfrm policy add src {source} dst {destination} dir out tmpl proto ah "
                      f"mode transport")
                protected = through(cable, packet)
                guest("ip xfrm state flush; ip xfrm policy flush")
                if plain is None or protected is None:
                    print(f"{family} {name}: {'dropped' if plain is None else 'dropped under AH'}", file=sys.stderr)
                    continue
                if family == "v4":  # time went on between the two: the timestamps are those of the second
                    end = (plain[0] & 15) * 4
                    plain = plain[:10] + bytes(2) + plain[12:20] + protected[20:end] + plain[end:]
                    plain = plain[:10] + struct.pack(">H", checksum(plain[:end])) + plain[12:]
                out.append({"name": f"{family} {name} {auth}" + (f" {flag}" if flag else ""), "family": family, "auth": auth,
                            "icv_bits": int(bits), "key": key, "spi": spi, "alignment": 4 if flag else 8,
                            "destination_options": place, "plain": plain.hex(), "packet": protected.hex()})
    kernel = guest("uname -r").strip()
    target = pathlib.Path(__file__).resolve().parent.parent / "tests/data/linux-kernel/ah-options.json"
    target.write_text(json.dumps({"kernel": kernel, "vectors": out}, indent=1) + "\n")
    print(f"{len(out)} packets of kernel {kernel}")


main()
