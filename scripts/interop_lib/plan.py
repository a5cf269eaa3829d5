"""What two sides are to agree on, and the configuration of either of them in its own syntax."""
import dataclasses

from . import certificates

PSK = "an interop secret"


@dataclasses.dataclass(frozen=True)
class End:
    """One side of the cable."""

    outer: dict
    inner: dict
    network: dict


OURS = End({4: "10.77.0.1", 6: "fd77::1"}, {4: "10.1.0.1", 6: "fd01::1"}, {4: "10.1.0.0/24", 6: "fd01::/64"})
PEER = End({4: "10.77.0.2", 6: "fd77::2"}, {4: "10.2.0.1", 6: "fd02::1"}, {4: "10.2.0.0/24", 6: "fd02::/64"})
NAT = "10.77.0.3"  # where an end is seen that is behind one
LEASE, POOL = "10.3.0.1", "10.3.0.1/32"  # what an end is given that takes an address, and of what
USER, PASSWORD = "carol", "an interop password"
NEIGHBOURS = (1, 3)  # further gateways at the peer


@dataclasses.dataclass(frozen=True)
class Plan:
    """One connection "gw" with one child "net". What only one side is told goes by `dataclasses.replace`."""

    ike: str = "aes128-sha1-modp2048"
    esp: str = "aes128-sha1"
    ah: str = ""
    mode: str = "tunnel"
    family: int = 4
    psk: str = PSK
    auth: str = "psk"  # or a kind of key in certificates.py
    aggressive: bool = False
    fragmentation: bool = False
    start_action: str = "none"
    dpd: bool = False
    xauth: str = ""  # the end that says a password: "ours" or "peer"
    hybrid: bool = False  # that end proves itself by nothing else
    password: str = PASSWORD
    takes: str = ""  # the end that is given an address by Mode Config
    push: bool = False  # without asking for it
    nat: str = ""  # the end that is behind one: "ours" or "peer"
    connection: tuple = ()  # further lines of the connection
    child: tuple = ()  # and of the child
    options: tuple = ()  # of the gateway's command line
    before: str = ""  # further sections in front of it, in the syntax of swanctl.conf
    after: str = ""  # and behind it

    def ends(self, who):
        return (OURS, PEER) if who == "ours" else (PEER, OURS)

    def addresses(self, who):
        """(own, other) as seen by the hosts whose packets are protected."""
        if self.takes:
            address = {end: LEASE if end == self.takes else self.ends(end)[0].inner[4] for end in ("ours", "peer")}
            return address[who], address[other_end(who)]
        own, other = self.ends(who)
        which = "outer" if self.mode == "transport" else "inner"
        return getattr(own, which)[self.family], getattr(other, which)[self.family]

    def swanctl_conf(self, who):
        own, other = self.ends(who)
        f = self.family
        connection = [
            "version = 1",
            f"local_addrs = {own.outer[f]}",
            f"remote_addrs = {NAT if self.nat == other_end(who) else other.outer[f]}",
            f"proposals = {self.ike}",
        ]
        if self.aggressive:
            connection.append("aggressive = yes")
        connection.append(f"fragmentation = {'yes' if self.fragmentation else 'no'}")
        if self.auth == "psk":
            local, remote = (["auth = psk", f"id = {end.outer[f]}"] for end in (own, other))
            secret = ("ike-peer", [f'secret = "{self.psk}"'])
        else:
            names = certificates.NAMES
            local = ["auth = pubkey", "certs = end.pem", f"id = {names[who]}"]
            remote = ["auth = pubkey", "cacerts = ca.pem", f"id = {names[other_end(who)]}"]
            secret = ("private-end", ["file = end.pem"])
        secrets = [secret]
        rounds = [("local", local), ("remote", remote)]
        if self.hybrid:
            client = "local" if self.xauth == who else "remote"
            rounds = [r for r in rounds if r[0] != client]
            if client == "local":
                secrets = []
        if self.xauth:
            rounds.append((("local" if self.xauth == who else "remote") + "-xauth", ["auth = xauth", f"xauth_id = {USER}"]))
            secrets.append(("xauth-user", [f"id = {USER}", f'secret = "{self.password}"']))
        pools = []
        if self.takes:
            connection += ["vips = 0.0.0.0" if self.takes == who else "pools = far", f"pull = {'no' if self.push else 'yes'}"]
            if self.takes != who:
                pools = [("pools", [("far", [f"addrs = {POOL}", "dns = 10.2.0.53"])])]
        if self.dpd:
            connection += ["dpd_delay = 1s", "dpd_timeout = 3s"]
        child = [f"mode = {self.mode}"]
        if self.mode == "tunnel":  # with an address of Mode Config, "dynamic" is the word for it, and the default
            child += [f"local_ts = {own.network[f]}"] if self.takes != who else []
            child += [f"remote_ts = {other.network[f]}"] if self.takes in ("", who) else []
        if self.esp:
            child.append(f"esp_proposals = {self.esp}")
        if self.ah:
            child.append(f"ah_proposals = {self.ah}")
        if self.start_action != "none":
            child.append(f"start_action = {self.start_action}")
        if self.dpd:
            child.append(f"dpd_action = {'trap' if self.start_action == 'trap' else 'clear'}")
        text = _braces(
            [
                (
                    "connections",
                    [
                        (
                            "gw",
                            [
                                *connection,
                                *self.connection,
                                *rounds,
                                ("children", [("net", [*child, *self.child])]),
                            ],
                        )
                    ],
                ),
                ("secrets", secrets),
                *pools,
            ]
        )
        return self.before + text + self.after

    def write_keys(self, who, folder):
        """What stands beside the configuration: swanctl's folders of keys and certificates."""
        for path, octets in certificates.made(self.auth)[who].items() if self.auth != "psk" else ():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(octets)

    def ipsec_conf(self, who):
        """libreswan's words for the same. Its suites are named cipher-hash;group."""
        own, other = self.ends(who)
        f = self.family
        lines = [
            "config setup",
            "    uniqueids=no",
            "    ikev1-policy=accept",
            "conn net",
            "    ikev2=no",
            *self._libreswan_auth(who),
            "    auto=add",
            f"    left={own.outer[f]}",
            f"    right={other.outer[f]}",
            f"    type={self.mode}",
            f"    ike={_libreswan(self.ike)}",
        ]
        lines.append("    phase2=" + ("ah+esp" if self.ah and self.esp else "ah" if self.ah else "esp"))
        lines.append("    phase2alg=" + _libreswan(self.ah or self.esp))
        lines.append("    pfs=" + ("yes" if "modp" in (self.ah or self.esp) else "no"))
        if self.mode == "tunnel":
            lines += [f"    leftsubnet={own.network[f]}", f"    rightsubnet={other.network[f]}"]
        if f == 6:
            lines.append("    hostaddrfamily=ipv6")
        return "\n".join(lines) + "\n"

    def _libreswan_auth(self, who):
        """With certificates, its own is "end" in the database of NSS."""
        lines = ["    aggressive=yes"] if self.aggressive else []
        if self.auth == "psk":
            return ["    authby=secret", *lines]
        own, other = (f"@{certificates.NAMES[end]}" for end in (who, other_end(who)))
        keys = ["    leftrsasigkey=%cert", "    rightrsasigkey=%cert", "    leftcert=end", "    leftsendcert=always"]
        return ["    authby=rsasig", *lines, *keys, f"    leftid={own}", f"    rightid={other}"]

    def ipsec_secrets(self):
        return f': PSK "{self.psk}"\n'


def other_end(who):
    return "peer" if who == "ours" else "ours"


def neighbour(who, number, ike, esp, start_action):
    """A section for `Plan.before` and `Plan.after`: a connection of ours to one of `NEIGHBOURS`, between other networks."""
    ours = (OURS.outer[4], f"10.1.{number}.0/24")
    peer = (neighbour_addresses(number)[0], f"10.2.{number}.0/24")
    own, other = (ours, peer) if who == "ours" else (peer, ours)
    return _braces(
        [
            (
                "connections",
                [
                    (
                        f"gw{number}",
                        [
                            "version = 1",
                            f"local_addrs = {own[0]}",
                            f"remote_addrs = {other[0]}",
                            f"proposals = {ike}",
                            ("local", ["auth = psk", f"id = {own[0]}"]),
                            ("remote", ["auth = psk", f"id = {other[0]}"]),
                            (
                                "children",
                                [
                                    (
                                        f"net{number}",
                                        [
                                            f"local_ts = {own[1]}",
                                            f"remote_ts = {other[1]}",
                                            f"esp_proposals = {esp}",
                                            f"start_action = {start_action}",
                                        ],
                                    )
                                ],
                            ),
                        ],
                    )
                ],
            )
        ]
    )


def neighbour_addresses(number):
    """@return those of the peer: the gateway's, and one inside of its network"""
    return f"10.77.0.{10 + number}", f"10.2.{number}.1"


def _braces(items, depth=0):
    indent = "  " * depth
    out = ""
    for item in items:
        if isinstance(item, str):
            out += f"{indent}{item}\n"
        else:
            out += f"{indent}{item[0]} {{\n{_braces(item[1], depth + 1)}{indent}}}\n"
    return out


def _libreswan(suite):
    words = suite.replace("gcm16", "_gcm").split("-")
    if words[0].startswith("aes") and "_gcm" in words[0]:
        words[0] = "aes_gcm" + words[0][3:].replace("_gcm", "")
    words = ["sha2_256" if w == "sha256" else w for w in words]
    group = [w for w in words if w.startswith("modp")]
    return "-".join(w for w in words if w not in group) + "".join(";" + g for g in group)
