"""What the matrix against the Linux kernel asks: rows of cells, and what both sides are given for each cell."""
import dataclasses

from .keys import key
from .plan import OURS, PEER

# --- algorithms: all that Linux has for ESP and AH (net/xfrm/xfrm_algo.c), by our words: its word, octets of the key, bits of the ICV
CIPHERS = {
    "null": ("ecb(cipher_null)", 0),
    "des": ("cbc(des)", 8),
    "3des": ("cbc(des3_ede)", 24),
    "blowfish40": ("cbc(blowfish)", 5),
    "blowfish128": ("cbc(blowfish)", 16),
    "blowfish448": ("cbc(blowfish)", 56),
    "cast40": ("cbc(cast5)", 5),
    "cast80": ("cbc(cast5)", 10),
    "cast96": ("cbc(cast5)", 12),
    "cast128": ("cbc(cast5)", 16),
    **{f"aes{bits}": ("cbc(aes)", bits // 8) for bits in (128, 192, 256)},
    **{f"camellia{bits}": ("cbc(camellia)", bits // 8) for bits in (128, 192, 256)},
    **{f"twofish{bits}": ("cbc(twofish)", bits // 8) for bits in (128, 192, 256)},
    **{f"serpent{bits}": ("cbc(serpent)", bits // 8) for bits in (128, 192, 256)},
    **{f"aes{bits}ctr": ("rfc3686(ctr(aes))", bits // 8 + 4) for bits in (128, 192, 256)},
    "sm4": ("cbc(sm4)", 16),
    "sm4ctr": ("rfc3686(ctr(sm4))", 20),
}
# What Linux has and this library or Botan has not: one row each says so.
RARE = ("cast40", "cast80", "sm4", "sm4ctr", "sm3")
ONE_ROW_EACH = (("cast40", "sha1"), ("cast80", "sha1"), ("sm4", "sha256"), ("sm4ctr", "sha256"), ("aes128", "sm3"))
COUNTERS = ("aes128ctr", "aes192ctr", "aes256ctr", "sm4ctr")  # not without integrity: RFC 3686 §2.1
MACS = {
    "md5": ("hmac(md5)", 16, 96),
    "sha1": ("hmac(sha1)", 20, 96),
    "ripemd160": ("hmac(rmd160)", 20, 96),
    "sha256_96": ("hmac(sha256)", 32, 96),
    "sha256": ("hmac(sha256)", 32, 128),
    "sha384": ("hmac(sha384)", 48, 192),
    "sha512": ("hmac(sha512)", 64, 256),
    "aesxcbc": ("xcbc(aes)", 16, 96),
    "aescmac": ("cmac(aes)", 16, 96),
    "sm3": ("hmac(sm3)", 32, 256),
}
COMBINED = {
    **{f"aes{bits}gcm{n}": ("rfc4106(gcm(aes))", bits // 8 + 4, n * 8) for bits in (128, 192, 256) for n in (8, 12, 16)},
    **{f"aes{bits}ccm{n}": ("rfc4309(ccm(aes))", bits // 8 + 3, n * 8) for bits in (128, 192, 256) for n in (8, 12, 16)},
    **{f"aes{bits}gmac": ("rfc4543(gcm(aes))", bits // 8 + 4, 128) for bits in (128, 192, 256)},
    "chacha20poly1305": ("rfc7539esp(chacha20,poly1305)", 36, 128),
}
# name: mode, family of the outer header, family of the packets
MODES = {
    "t4": ("transport", 4, 4),
    "t6": ("transport", 6, 6),
    "u4": ("tunnel", 4, 4),
    "u6": ("tunnel", 6, 6),
    "6in4": ("tunnel", 4, 6),
    "4in6": ("tunnel", 6, 4),
}
ROUTER = {4: "10.66.0.1", 6: "fd66::1"}
NAT_PORT = 40500
SIZES = (0, 1, 7, 15, 16, 17, 300, 1200)
BEFORE = (6, 0xFFFFFFFD)  # the number of 64 bits before the first one: four packets cross 2^32


def words(suite, label):
    """The algorithms of a suite, with keys of that label: "aes128-sha256", "sha256" (AH), "aes128gcm16", "aes128-none"."""
    if suite in COMBINED:
        name, size, bits = COMBINED[suite]
        return f"aead {name} {key(label + 'aead', size)} {bits}"
    *cipher, mac = suite.split("-")
    text = ""
    if mac != "none":
        name, size, bits = MACS[mac]
        text = f"auth-trunc {name} {key(label + 'auth', size)} {bits}"
    if cipher:
        name, size = CIPHERS[cipher[0]]
        text += f" enc {name} {key(label + 'enc', size)}"
    return text


@dataclasses.dataclass
class Cell:
    """One combination. `layers` are pairs of protocol and suite, the inner one first."""

    column: str
    layers: tuple
    mode: str  # of MODES
    esn: bool = False
    window: int = 32
    align4: bool = False
    udp: bool = False
    df: bool = True  # the outer DF bit is as the inner one, and set for IPv6
    router: bool = False  # one stands between, and changes what it may
    route: bool = False  # the packets go by a source route through it
    home: bool = False  # the guest is a mobile node: packets go to its care-of address, a routing header has its home address
    mobile: bool = False  # we are one: what the kernel sends goes to our care-of address, a routing header has our home address
    nat: bool = False  # a NAT stands between, with us behind it
    tfcpad: int = 0  # octets that inner packets have at least
    rounds: list = None
    options: str = ""
    headers: str = ""
    first_header: int = 0
    cut_first: bool = False  # packets are cut before they go into the tunnel
    flip: int = 0  # the place of an octet that is changed on the way, against the rules
    other_key: bool = False  # what the guest sends is under another key than ours
    say: tuple = ()  # further words for socat, which speaks in the guest

    @property
    def speaks(self):
        """Whether the guest sends a datagram of its own accord, instead of answers."""
        return bool(self.say) or self.mobile

    def hosts(self, number):
        """Our address and the guest's, of this cell alone."""
        f = MODES[self.mode][2]
        if f == 4:
            return tuple(f"10.{net}.{number >> 8}.{number & 255}" for net in (64, 65))
        return tuple(f"fd{net}::{number:x}" for net in (64, 65))

    def seen_by(self, who, number):
        """The same two, as that side knows them."""
        ours, theirs = self.hosts(number)
        if self.nat and who == "peer":
            ours = ours.replace("10.64.", "10.66.").replace("fd64:", "fd66:")
        return ours, theirs

    def care_of(self, number):
        """Where our packets come, when it is not where we are at home."""
        return self.hosts(number)[0].replace("::", ":c0a::")

    def first_hop(self, number):
        """Where our packets go, when it is not their end."""
        if self.home:
            return self.hosts(number)[1].replace("::", ":c0a::")  # the care-of address
        return ROUTER[MODES[self.mode][1]] if self.route else None

    def texts(self, number):
        """@return lines for `ip -batch` for us and for the guest."""
        mode, outer, inner = MODES[self.mode]
        sides = {"ours": [], "peer": []}
        for to_peer in (True, False):
            for who, lines in sides.items():
                hosts = self.seen_by(who, number)
                ends = hosts if mode == "transport" else (OURS.outer[outer], PEER.outer[outer])
                source, target = ends if to_peer else reversed(ends)
                if self.route and to_peer == (who == "ours") and (to_peer or outer == 4):
                    target = ROUTER[outer]  # the sender finds its SA by the first hop; IPv4 answers go back by the same route
                if self.home and to_peer and who == "ours":
                    target = self.first_hop(number)
                templates = ""
                for place, (protocol, suite) in enumerate(self.layers):
                    its_mode = mode if place == 0 else "transport"
                    where = f"src {source} dst {target} proto {protocol}"
                    spi = spi_of(number, to_peer, place)
                    text = f"xfrm state add {where} spi {spi:#x} reqid {number} mode {its_mode}"
                    other = self.other_key and who == "peer" and not to_peer
                    lines.append(text + self.more(who, to_peer, suite, f"{number}{to_peer}{place}{other}"))
                    templates += f" tmpl {where} reqid {number} mode {its_mode}"
                selectors = "src {} dst {}".format(*(hosts if to_peer else hosts[::-1]))
                if self.nat:  # the same, in cells without ICMP
                    selectors += " proto udp " + ("dport 7" if to_peer else "sport 7")
                elif self.udp:  # the datagrams that carry ESP between the same hosts are not to be protected
                    selectors += f" proto {'icmp' if inner == 4 else 'ipv6-icmp'}"
                if self.route or self.home:
                    everybody = "10.64.0.0/14" if inner == 4 else "fd64::/14"
                    selectors = f"src {hosts[0]} dst {everybody}" if to_peer else f"src {hosts[1]} dst {everybody}"
                if who == "peer" and (self.home if to_peer else self.mobile):
                    # the kernel takes the header off by a state of its own, the last one, and puts it on by one, the first
                    where = f"src {source} dst {target} proto route2"
                    away = self.first_hop(number) if to_peer else self.care_of(number)
                    lines.append(f"xfrm state add {where} mode ro coa {away}")
                    header = f" tmpl {where} mode ro"
                    templates = templates + header if to_peer else header + templates
                outward = to_peer == (who == "ours")
                for direction in ("out",) if outward else ("in", "fwd"):
                    lines.append(f"xfrm policy add {selectors} dir {direction}{templates}")
        return "\n".join(sides["ours"]) + "\n", "\n".join(sides["peer"]) + "\n"

    def more(self, who, to_peer, suite, label):
        mode, outer, inner = MODES[self.mode]
        sends = to_peer == (who == "ours")
        text = ""
        if not suite.endswith("-none"):
            text += f" replay-window {self.window}"
        flags = [w for w, on in (("esn", self.esn), ("align4", self.align4), ("af-unspec", outer != inner), ("nopmtudisc", not self.df)) if on]
        if self.esn:
            which = "oseq" if sends else "seq"
            text += f" replay-{which} {BEFORE[1]} replay-{which}-hi {BEFORE[0]}"
        text += " " + words(suite, label)
        if self.tfcpad:
            text += f" tfcpad {self.tfcpad}"
        if self.udp:
            outside = NAT_PORT if self.nat and who == "peer" else 4500
            text += " encap espinudp {} {} 0.0.0.0".format(*((outside, 4500) if to_peer else (4500, outside)))
        if flags:
            text += " flag " + " ".join(flags)
        return text

    def request(self, number):
        """What kernel_peer is told."""
        hosts = self.hosts(number)
        mode, outer, inner = MODES[self.mode]
        told = {
            "xfrm": self.texts(number)[0],
            "mine": [hosts[0]] if mode == "transport" else [hosts[0], OURS.outer[outer]],
            "spi": spi_of(number, False, len(self.layers) - 1),
            "probe": {
                "source": hosts[0],
                "destination": self.first_hop(number) or hosts[1],
                "answering": hosts[1],
                "options": self.options.replace("PEER", octets_of(hosts[1])),
                "headers": self.headers.replace("PEER", octets_of(hosts[1])),
                "first_header": self.first_header,
            },
            "rounds": self.rounds or [{"sizes": [SIZES[(number + 2 * i) % 8] for i in range(4)]}],
        }
        if self.cut_first:
            told["cut_first"] = 1300
        if self.flip or self.other_key:
            told["patience"] = 1000  # most of them wait for what must not come
        if self.flip:
            told["flip"] = self.flip
        if self.router:
            told["router"] = ROUTER[outer]
        if self.tfcpad:
            told["least"] = self.tfcpad
        if self.nat:
            told["nat"] = {"address": self.seen_by("peer", number)[0], "port": NAT_PORT}
            told["probe"]["udp"] = True
            told["rounds"] = [{"sizes": [s + 1 for s in told["rounds"][0]["sizes"]]}]  # socat does not echo nothing
        if self.mobile:
            told["care_of"] = self.care_of(number)
        if self.speaks:
            told["text"] = f"the kernel, cell {number}"
            told["rounds"] = [{"sizes": [], "answers": 1}]
        return told


def octets_of(host):
    """An address in hexadecimal."""
    if "." in host:
        return "".join(f"{int(n):02x}" for n in host.split("."))
    head, _, tail = host.partition("::")
    return head.rjust(4, "0") + "0" * 24 + tail.rjust(4, "0")


def spi_of(number, to_peer, place):
    return 0x10000 + number * 8 + (0 if to_peer else 4) + place


@dataclasses.dataclass
class Row:
    name: str
    what: str
    cells: list


def every_mode(layers, esn=True, **how):
    """Six cells, and six with extended numbers across 2^32."""
    extended = (False, True) if esn else (False,)
    return [Cell(m + ("+esn" if e else ""), layers, m, esn=e, **how) for e in extended for m in MODES]


def esp_rows():
    for cipher in CIPHERS:
        for mac in MACS:
            if (cipher in RARE or mac in RARE) and (cipher, mac) not in ONE_ROW_EACH:
                continue
            suite = f"{cipher}-{mac}"
            yield Row(f"esp/{suite}", f"ESP {suite}", every_mode((("esp", suite),)))
        if cipher not in ("null", *COUNTERS, *RARE):
            suite = f"{cipher}-none"
            yield Row(f"esp/{suite}", f"ESP {suite}", every_mode((("esp", suite),), esn=False))
    for suite in COMBINED:
        yield Row(f"esp/{suite}", f"ESP {suite}", every_mode((("esp", suite),)))


def ah_rows():
    for mac in MACS:
        layers = (("ah", mac),)
        narrow = [Cell(m + "+align4", layers, m, align4=True, router=True) for m in ("t4", "u4", "6in4")]
        yield Row(f"ah/{mac}", f"AH {mac}, through a router", every_mode(layers, router=True) + narrow)


def other_rows():
    for suites in (("3des-md5", "sha1"), ("aes128-sha256", "sha256"), ("aes256gcm16", "sha512"), ("null-sha1", "sha384")):
        layers = (("esp", suites[0]), ("ah", suites[1]))
        yield Row(
            f"esp-in-ah/{suites[0]}-in-{suites[1]}", f"ESP {suites[0]} inside AH {suites[1]}", every_mode(layers, router=True)
        )
    for suite in ("3des-md5", "aes128-sha1", "aes256-sha512", "aes128gcm16", "chacha20poly1305"):
        yield Row(f"udp/{suite}", f"ESP {suite} in UDP", every_mode((("esp", suite),), udp=True))
    for suite, esn in (("3des-md5", (False, False)), ("aes128-sha256", (True, True)), ("aes128gcm16", (False, True))):
        # in transport mode the checksum of what is inside covers addresses that the other side never sees: RFC 3948 §3.1.2
        modes = list(zip(("t4", "t6"), esn))  # few cells, since the guest starts a program for each datagram
        cells = [Cell(m + ("+esn" if e else ""), (("esp", suite),), m, esn=e, udp=True, nat=True) for m, e in modes]
        yield Row(f"nat/{suite}", f"UDP in ESP {suite} in UDP, through a NAT that changes address and port", cells)
    for suite in ("3des-md5", "aes128-sha256", "aes128gcm16"):
        tunnels = [m for m, (mode, _, _) in MODES.items() if mode == "tunnel"]
        cells = [
            Cell(f"{m}+{size}{'+esn' if e else ''}", (("esp", suite),), m, esn=e, tfcpad=size, udp=(size == 901))
            for e in (False, True)
            for size in (64, 700, 901)
            for m in tunnels
        ]
        yield Row(f"tfc/{suite}", f"ESP {suite}, inner packets padded by both sides; in UDP as well", cells)
    for layers in ((("esp", "aes128-sha256"),), (("esp", "aes128gcm16"),), (("ah", "sha256"),)):
        cells = []
        for mode, width, esn in WINDOWS:
            column = f"{mode}+{width}{'+esn' if esn else ''}"
            cells.append(Cell(column, layers, mode, esn=esn, window=width, rounds=window_rounds(width)))
        name = f"{layers[0][0]}-{layers[0][1]}"
        yield Row(f"window/{name}", f"{name}: both edges of windows, numbers that come twice, too late, out of order", cells)
    yield from fragment_rows()
    yield from option_rows()
    yield from header_rows()


# the widest once, since each of its numbers is a packet
WINDOWS = [(m, w, e) for m, w in (("t4", 32), ("u6", 32), ("t4", 64), ("u6", 64), ("t4", 256)) for e in (False, True)]
WINDOWS += [("t4", 1024, False), ("t4", 4096, True)]


def window_rounds(width):
    """First the guest's window: its right edge, its left one, one behind that, one twice, and one that shows that all came.
    Then ours, in the same way."""
    return [
        {"window": width, "sizes": [8] * (width + 2), "send": [width, 1, 0, 1, width, width + 1], "answers": 3},
        {"window": width, "sizes": [8] * (width + 1), "take": [width, 1, 0, 1, width]},
    ]


def fragment_rows():
    for name, layers in (
        ("esp-aes128-sha256", (("esp", "aes128-sha256"),)),
        ("esp-aes128gcm16", (("esp", "aes128gcm16"),)),
        ("ah-sha256", (("ah", "sha256"),)),
        ("esp-in-ah", (("esp", "aes128-sha256"), ("ah", "sha256"))),
    ):
        rounds = [{"sizes": [1400, 2000, 8000]}]
        cells = every_mode(layers, df=False, rounds=rounds)
        tunnels = [m for m, (mode, _, _) in MODES.items() if mode == "tunnel"]
        cells += [Cell(f"{m}+first", layers, m, df=False, rounds=rounds, cut_first=True) for m in tunnels]
        yield Row(f"fragments/{name}", f"{name}: packets over the MTU, cut and put together again on both sides", cells)


# RFC 791 §3.1, RFC 1108, RFC 2113, RFC 1770; 0x9e is nobody's
OPTIONS = {
    "nop": "01010101",
    "end": "01000000",
    "record-route": "070b04" + 8 * "00" + "00",
    "timestamp": "440c0500" + 8 * "00",
    "router-alert": "94040000",
    "security": "820b" + 9 * "00" + "00",
    "extended-security": "85040000",
    "stream-id": "88040001",
    "multi-destination": "95060a4200010101",
    "unknown": "9e08010203040506",
    "many": "01" + "070704" + 4 * "00" + "94040000",
}
ROUTES = {"loose-route": "830704" + "PEER" + "00", "strict-route": "890704" + "PEER" + "00"}


def option_rows():
    for layers in ((("ah", "sha256"),), (("ah", "md5"),), (("ah", "aesxcbc"),), (("esp", "aes128-sha256"), ("ah", "sha1"))):
        cells = [
            Cell(f"{mode}+{name}", layers, mode, options=octets, router=True)
            for mode in ("t4", "u4", "4in6")
            for name, octets in OPTIONS.items()
        ]
        cells += [Cell(f"t4+{name}", layers, "t4", options=o, router=True, route=True) for name, o in ROUTES.items()]
        name = "-in-".join(f"{p}-{s}" for p, s in layers)
        yield Row(f"options/{name}", f"{name}: IPv4 options, through a router", cells)


# Option types: nobody knows 0x1e and 0x3e, whoever meets them passes over; the second may change on the way.   RFC 8200 §4.2
HEADERS = {
    "hop-by-hop": (0, "3a001e0401020304"),
    "hop-by-hop-changing": (0, "3a003e0401020304"),
    "hop-by-hop-both": (0, "3a01" + "1e03010203" + "3e03040506" + "0102" + "0000"),
    "destination": (60, "3a001e0401020304"),
    "destination-changing": (60, "3a003e0401020304"),
    "hop-by-hop-destination": (0, "3c001e0401020304" + "3a003e0405060708"),
}


def header_rows():
    both = ((("ah", "sha256"),), (("ah", "md5"),), (("esp", "aes128-sha256"),), (("esp", "aes128-sha256"), ("ah", "sha1")))
    for layers in both:
        ah = layers[-1][0] == "ah"
        cells = [
            Cell(f"{mode}+{name}", layers, mode, headers=octets, first_header=first, router=ah)
            for mode in ("t6", "u6", "6in4")
            for name, (first, octets) in HEADERS.items()
        ]
        cells += [
            Cell("t6+routing-0", layers, "t6", headers="3a02000100000000PEER", first_header=43, router=True, route=True)
        ]
        cells += [Cell("t6+routing-2", layers, "t6", headers="3a02020100000000PEER", first_header=43, router=ah, home=True)]
        cells += [Cell("t6+kernel-routing-2", layers, "t6", router=ah, mobile=True)]
        # 54 and 59 are IPV6_HOPOPTS and IPV6_DSTOPTS
        for name, option in (("hop-by-hop", 54), ("destination", 59)):
            for kind, octet in (("", "1e"), ("-changing", "3e")):
                say = f"setsockopt-bin=41:{option}:x0000{octet}0401020304"
                cells.append(Cell(f"t6+kernel-{name}{kind}", layers, "t6", say=(say,), router=ah))
        name = "-in-".join(f"{p}-{s}" for p, s in layers)
        yield Row(f"headers/{name}", f"{name}: IPv6 extension headers", cells)


# What must not pass, and the words with which it does not. Behind IPv4's 20 octets, ESP has its number at 4 and AH at 8.
FORGED = Row(
    "forged",
    "packets that were changed on the way, or are under other keys",
    [
        Cell(f"{protocol}-{suite}+{what}", ((protocol, suite),), "t4", **how)
        for protocol, suite, number in (("esp", "aes128-sha256", 26), ("esp", "aes128gcm16", 26), ("ah", "sha256", 30))
        for what, how in (("number", {"flip": number}), ("id", {"flip": 5}), ("key", {"other_key": True}))
    ],
)
KERNEL_REFUSES = "FAILED: the kernel answered none of 4, XfrmInStateProtoError 4"
WE_REFUSE = "FAILED: 4 sent, 4 came back, right are [], wanted [0, 1, 2, 3], 4 in: ICV does not hold"


def forged_verdict(column):
    """What must become of a cell of `FORGED`. ESP does not cover the IP header."""
    if column.endswith("+key"):
        return WE_REFUSE
    return "passed" if column.startswith("esp-") and column.endswith("+id") else KERNEL_REFUSES


def rows():
    yield from esp_rows()
    yield from ah_rows()
    yield from other_rows()


def unlisted(algorithms):
    """What the library's table has beyond the lists above: what the kernel has as well, and names of what it has not."""
    ours, kernel_has_none = [], []
    listed = {*CIPHERS.values(), *COMBINED.values()}
    for a in algorithms["encryption"]:
        if not a["kernel"]:
            kernel_has_none.append(f"ESP {a['name']}")
            continue
        for bits in [b for b in a["key_bits"] if b] or [0]:
            entry = (a["kernel"], bits // 8 + a["salt"]) + ((a["icv"] * 8,) if a["combined"] else ())
            if entry not in listed:
                ours.append(" ".join(map(str, entry)))
    for a in algorithms["integrity"]:
        entry = (a["kernel"], a["key"], a["icv"] * 8)
        if not a["kernel"]:
            kernel_has_none.append(f"AH {a['name']}")
        elif entry not in MACS.values():
            ours.append(" ".join(map(str, entry)))
    return ours, kernel_has_none
