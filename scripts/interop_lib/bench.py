"""The benches on which cells run: what stands between and around the two sides, made once and used for many cells."""
import contextlib
import pathlib
import signal
import subprocess

from . import traffic
from .net import Failed, Namespace, Process, Skipped, cable, run, wait_for
from .plan import NAT, NEIGHBOURS, OURS, PEER, neighbour_addresses
from .sides import PEERS, NONE, Gateway, Guest, Libreswan, StrongSwan
from .wire import Capture

LIB = pathlib.Path(__file__).resolve().parent


def address(ns, end, device):
    for family, prefix in ((4, 24), (6, 64)):
        flags = ["nodad"] if family == 6 else []
        ns.ip("addr", "add", f"{end.outer[family]}/{prefix}", "dev", device, *flags)
        ns.ip("addr", "add", f"{end.inner[family]}/{prefix}", "dev", "lo", *flags)


class Bench:
    """Our side in the namespace "ours", a peer at the other end of the cable."""

    native = False  # whether ESP and AH go over IP as they are

    def __init__(self, options, work):
        self.options, self.work = options, work
        self.namespaces, self.folder, self.plan = [], None, None
        self.ours = self.peer = None

    def make(self):
        """Starts what stays for all cells. What was made when it fails, `finish` takes down."""
        raise NotImplementedError

    def namespace(self, name):
        ns = Namespace(name)
        self.namespaces.append(ns)
        return ns

    def our_side(self, ns):
        if self.options.self_test:
            return StrongSwan("ours", ns, self.work / "ours")
        return Gateway("ours", ns, self.options.gateway, self.work)

    def finish(self):
        for side in (self.ours, self.peer):
            if side:
                side.finish()
        for ns in self.namespaces:
            ns.remove()

    def needs(self, *abilities):
        """Skips the cell where strongSwan plays our part and lacks one of them."""
        for ability in abilities:
            if self.options.self_test and ability in self.ours.cannot:
                raise Skipped(self.ours.cannot[ability])

    def tap(self):
        """@return where packets between the two sides are seen: a namespace and a device"""
        raise NotImplementedError

    # --- what cells are made of -----------------------------------------------------------------------------------------
    @contextlib.contextmanager
    def capture(self, *what):
        """`what` is a filter of tcpdump's."""
        capture = Capture(*self.tap(), self.folder / "wire.pcap", *what)
        try:
            yield capture.file
        finally:
            capture.end()

    def configure(self, plan, ours=None, peer=None):
        """Both sides run with `plan`, or with their own variants of it."""
        self.plan = plan
        self.peer.configure(peer or plan, self.folder)
        self.ours.configure(ours or plan, self.folder)

    def connect(self, plan, role, ours=None, peer=None):
        self.configure(plan, ours, peer)
        (self.ours if role == "initiator" else self.peer).initiate()
        self.wait_up()

    def wait_up(self, seconds=10):
        for side in (self.ours, self.peer):
            wait_for(f"{side.name} has SAs", lambda s=side: s.sas().ike and s.sas().children, seconds)

    def wait_down(self, what="ike", seconds=5):
        for side in (self.ours, self.peer):
            wait_for(
                f"the SAs of {side.name} are gone",
                lambda s=side: s.sas() == NONE if what == "ike" else not s.sas().children,
                seconds,
            )

    def ping(self, count=3, size=56):
        """Both ways."""
        self.ours.ping(*self.plan.addresses("ours"), count, size)
        self.peer.ping(*self.plan.addresses("peer"), count, size)

    def come_back(self, seconds):
        """Traffic brings the SAs back, by a trap; then there is one pair of them, and nothing left of what was before."""
        if self.options.self_test:  # has no traps
            wait_for("the stand-in initiates", self._initiated, seconds)
        traffic.ping_until(self.ours.ns, *self.plan.addresses("ours"), seconds)
        self.wait_up()
        self.ping()
        for side in (self.ours, self.peer):
            wait_for(f"{side.name} has one pair of SAs", lambda s=side: len(s.sas().ike) == len(s.sas().children) == 1, 5)

    def _initiated(self):
        try:
            self.ours.initiate()
        except Failed:
            return False
        return True

    def settle(self):
        """The end of a cell, whatever became of it. Raises the first `Failed` after everything was seen to."""
        failures = []
        for side in (self.ours, self.peer):
            try:
                side.settle()
            except Failed as failed:
                failures.append(failed)
        if failures:
            raise failures[0]


class Wired(Bench):
    """strongSwan in user space: three namespaces, "ours" and "peer" at the ends, "wire" between them with a bridge or a relay."""

    def make(self):
        ours, self.wire, peer = (self.namespace(n) for n in ("ours", "wire", "peer"))
        self.wire.ip("link", "add", "bridge", "type", "bridge")
        self.wire.ip("link", "set", "bridge", "up")
        for ns, end, device in ((ours, OURS, "to-ours"), (peer, PEER, "to-peer")):
            cable(ns, "eth0", self.wire, device)
            address(ns, end, "eth0")
            self.wire.ip("link", "set", device, "master", "bridge")
            # forged packets come from anywhere: what is sent to them goes to the wire, and nowhere from there
            ns.ip("route", "add", "10.128.0.0/9", "via", "10.77.0.3")
        for number in NEIGHBOURS:
            for added, device in zip(neighbour_addresses(number), ("eth0", "lo")):
                peer.ip("addr", "add", f"{added}/24", "dev", device)
        self.wire.ip("addr", "add", "10.77.0.3/24", "dev", "bridge")
        self.wire.sysctl("net.ipv4.ip_forward=0")
        self.peer = StrongSwan("peer", peer, self.work / "peer")
        self.ours = self.our_side(ours)

    def tap(self):
        return self.wire, "to-ours"

    @contextlib.contextmanager
    def relay(self, *how):
        """A bad wire for a while; yields an object with `said`, `signal`."""
        for device in ("to-ours", "to-peer"):
            self.wire.ip("link", "set", device, "nomaster")
        with tool(self.wire, self.folder / "relay.txt", LIB / "relay.py", "to-ours", "to-peer", *how) as relay:
            try:
                yield relay
            finally:
                for device in ("to-ours", "to-peer"):
                    self.wire.ip("link", "set", device, "master", "bridge")

    @contextlib.contextmanager
    def flood(self, *how):
        with tool(self.wire, self.folder / "flood.txt", LIB / "flood.py", OURS.outer[4], *how) as flood:
            yield flood


def needs_nat(ns):
    chain = "add chain ip t c { type nat hook postrouting priority srcnat; }"
    answer = ns.run("nft", f"add table ip t; {chain}; delete table ip t", check=False)
    if answer.strip():
        raise Skipped(f"the kernel has no NAT: {' '.join(answer.split())}")


def give_ports(ns, folder, chain):
    """The NAT of a namespace is this chain and no other, and forgets what it gave before."""
    rules = folder / "nat.nft"
    rules.write_text(f"table ip nat\ndelete table ip nat\ntable ip nat {{\n  chain nat {{\n    {chain}\n  }}\n}}\n")
    ns.run("nft", "-f", rules)
    ns.run("conntrack", "-F")


class Natted(Bench):
    """strongSwan in user space as in `Wired`, and a NAT in the namespace between, with our side behind it. IPv4 only."""

    inside = OURS

    def make(self):
        ours, self.nat, peer = (self.namespace(n) for n in ("ours", "nat", "peer"))
        needs_nat(self.nat)
        for ns, end, other in ((ours, OURS, PEER), (peer, PEER, OURS)):
            cable(ns, "eth0", self.nat, "inside" if end is self.inside else "outside")
            address(ns, end, "eth0")
            if end is self.inside:
                ns.ip("route", "add", other.outer[4], "via", "10.77.0.254")
        self.nat.ip("addr", "add", "10.77.0.254/32", "dev", "inside")
        self.nat.ip("route", "add", self.inside.outer[4], "dev", "inside")
        self.nat.ip("addr", "add", f"{NAT}/24", "dev", "outside")
        self.peer = StrongSwan("peer", peer, self.work / "peer")
        self.ours = self.our_side(ours)

    def map(self, first, last):
        """Has the NAT give UDP ports from `first` to `last`, and forget what it gave before."""
        of_udp = f'oifname "outside" meta l4proto udp masquerade to :{first}-{last}'
        give_ports(self.nat, self.folder, f'type nat hook postrouting priority srcnat; {of_udp}; oifname "outside" masquerade')

    def tap(self):
        return self.nat, "outside"


class NattedPeer(Natted):
    """The same with strongSwan behind the NAT, and our side in front of it."""

    inside = PEER


class Emulated(Bench):
    """A Linux kernel in an emulator at the other end; with a daemon in it, or with keys given by hand."""

    native = True
    daemon = guest = None
    settings = ()  # of the daemon

    def make(self):
        ns = self.namespace("ours")
        root = run(PEERS / self.daemon.script, "root", timeout=600).split()[-1] if self.daemon else None
        self.guest = Guest(ns, self.work / "guest", root)
        address(ns, OURS, "tap0")
        # no neighbour discovery that a policy of the guest would catch
        self.macs = (
            self.guest.run("cat /sys/class/net/eth0/address").strip(),
            ns.run("cat", "/sys/class/net/tap0/address").strip(),
        )
        self.neighbours(ns, *self.macs)
        for f, prefix, flags in ((4, 24, ""), (6, 64, " nodad")):
            self.guest.run(
                f"ip addr add {PEER.outer[f]}/{prefix} dev eth0{flags} && ip addr add {PEER.inner[f]}/{prefix} dev lo{flags} && "
                f"ip route add {OURS.network[f]} via {OURS.outer[f]} src {PEER.inner[f]}"
            )
        if self.daemon:
            self.peer = self.daemon("peer", ns, self.work / "peer", self.guest, self.settings)
            self.peer.start()  # slow in an emulator, and no part of the first cell
        self.ours = self.our_side(ns)

    def neighbours(self, ns, peer, ours):
        """Under which link addresses the two ends know each other."""
        for f in (4, 6):
            ns.ip("neigh", "replace", PEER.outer[f], "lladdr", peer, "dev", "tap0", "nud", "permanent")
        of_ours = (f"ip neigh replace {OURS.outer[f]} lladdr {ours} dev eth0 nud permanent" for f in (4, 6))
        self.guest.run(" && ".join(of_ours))

    def finish(self):
        if self.guest:
            self.guest.finish()
        if self.peer:
            self.peer.running = False  # it went with the guest
        super().finish()

    def tap(self):
        return self.ours.ns, "tap0"


class GuestStrongSwan(Emulated):
    daemon = StrongSwan
    settings = ("--set", "charon.fragment_size = 576")  # where a plan has fragmentation
    behind = None

    @contextlib.contextmanager
    def nat(self, who):
        """For a while there is a NAT on our end of the cable, once `map` was called, and `who` is behind it. IPv4 only."""
        ns, self.behind = self.ours.ns, who
        needs_nat(ns)
        if who == "ours":
            ns.ip("addr", "add", f"{NAT}/32", "dev", "tap0")  # the guest asks for it
        try:
            yield
        finally:
            ns.run("nft", "delete table ip nat", check=False)
            ns.run("conntrack", "-F", check=False)
            if who == "ours":
                ns.ip("addr", "del", f"{NAT}/32", "dev", "tap0")

    def map(self, first, last):
        """Has the NAT give UDP ports from `first` to `last`, and forget what it gave before."""
        hook = "postrouting priority srcnat" if self.behind == "ours" else "input priority 100"
        of_udp = f"ip saddr {(OURS if self.behind == 'ours' else PEER).outer[4]} meta l4proto udp"
        give_ports(self.ours.ns, self.folder, f"type nat hook {hook}; {of_udp} snat to {NAT}:{first}-{last}")

    @contextlib.contextmanager
    def cut(self):
        """For a while nothing that either end sends reaches the other: it is for a host that is not there."""
        nobody = "02:00:00:00:00:99"
        self.neighbours(self.ours.ns, nobody, nobody)
        try:
            yield
        finally:
            self.neighbours(self.ours.ns, *self.macs)


class GuestLibreswan(Emulated):
    daemon = Libreswan


class GuestKernel(Emulated):
    def make(self):
        super().make()
        for f in (4, 6):
            self.guest.run(f"socat UDP{f}-LISTEN:7,fork,reuseaddr PIPE > /dev/null 2>&1 < /dev/null &")

    def settle(self):
        self.ours.settle()


class Tool:
    """A helper of this folder that runs in a namespace and prints to a file."""

    def __init__(self, ns, file, program, *arguments):
        self.file = file
        with open(file, "wb") as out:
            self.process = Process(ns.start("python3", program, *arguments, stdout=out, stderr=subprocess.STDOUT))
        wait_for(f"{program.name} is ready", lambda: "ready" in self.said(), 5, pause=0.02)

    def said(self):
        return self.file.read_text(errors="replace")

    def wait(self, word, seconds):
        wait_for(f"{self.file.stem}: {word}", lambda: word in self.said(), seconds, pause=0.02)

    def send(self, number):
        self.process.send(number)

    def end(self):
        self.process.end(signal.SIGTERM)
        return self.said().strip().splitlines()[-1]


@contextlib.contextmanager
def tool(ns, file, program, *arguments):
    made = Tool(ns, file, program, *arguments)
    try:
        yield made
    finally:
        made.end()
