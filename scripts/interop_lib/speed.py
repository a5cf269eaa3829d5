"""What a gateway's packets cost: two namespaces with a gateway each, load through them, and the clock of one of the two."""
import dataclasses
import json
import os
import pathlib
import socket
import time

from .net import Failed, Namespace, Process, cable, run
from .plan import OURS, PEER, Plan
from .sides import Gateway, StrongSwan

PORT = 9  # of the datagrams; whoever has it reads none of them
MTU = 1400  # of both TUN devices: that of strongSwan, which is fixed
HEADERS = 28  # IPv4 and UDP: a datagram of 64 octets is an inner packet of 92

# openssl before strongSwan's own plugins: the fastest that it has for every suite here
FAST = ("--set", "charon.load = random nonce openssl aes sha2 sha1 md5 gmp gcm hmac kdf drbg kernel-libipsec kernel-netlink "
        "socket-default counters vici")


@dataclasses.dataclass
class Cost:
    """What was forwarded in a while, and what it took of the tested side."""

    packets: int
    wall: float  # seconds
    cpu: float  # seconds of all its threads
    user: float  # the part of `cpu` that it spent outside of the system
    arrived: int  # packets that came out of the tunnel at its end, as far as that had time for them

    @property
    def each(self):
        """CPU nanoseconds a packet."""
        return self.cpu * 1e9 / self.packets

    @property
    def rate(self):
        """Packets for a second of CPU time."""
        return self.packets / self.cpu

    @property
    def raw(self):
        """Packets a second, as they came."""
        return self.packets / self.wall


class Clock:
    """CPU time of a process, over all threads; packet counters of its namespace."""

    def __init__(self, pid):
        self.proc = pathlib.Path("/proc", str(pid))

    def cpu(self):
        """Nanoseconds, exact."""
        return sum(int((t / "schedstat").read_text().split()[0]) for t in (self.proc / "task").iterdir())

    def ticks(self):
        """(user, system), sampled."""
        fields = (self.proc / "stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]), int(fields[12])

    def counter(self, device, direction):
        for line in (self.proc / "net" / "dev").read_text().splitlines():
            name, _, numbers = line.partition(":")
            if name.strip() == device:
                return int(numbers.split()[1 if direction == "rx" else 9])
        raise Failed(f"no device {device}")

    def pin(self, core):
        for thread in (self.proc / "task").iterdir():
            os.sched_setaffinity(int(thread.name), {core})


class Pair:
    """The tested side in one namespace on one core; our gateway in another namespace, a cable between them, and everything else on
    the other core."""

    def __init__(self, name, work, cores, tested, far):
        self.name, self.work = name, work / name
        self.tested_core, self.other_core = cores
        self.work.mkdir()
        self.namespaces, self.sides, self.sinks = [], [], []
        self.make = (tested, far)

    def start(self):
        near, far = (self._namespace(f"{self.name}-{end}") for end in ("near", "far"))
        cable(near, "eth0", far, "eth0")
        for ns, end in ((near, OURS), (far, PEER)):
            ns.ip("link", "set", "eth0", "txqueuelen", 5000)
            ns.ip("addr", "add", f"{end.outer[4]}/24", "dev", "eth0")
            ns.ip("addr", "add", f"{end.inner[4]}/24", "dev", "lo")
            with ns.inside():
                sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.sinks.append(sink)
            sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            sink.bind((end.inner[4], PORT))
        self.near, self.far = self.make[0](near, self._folder("near")), self.make[1](far, self._folder("far"))
        self.sides = [self.near, self.far]

    def _namespace(self, name):
        self.namespaces.append(Namespace(name))
        return self.namespaces[-1]

    def _folder(self, name):
        (self.work / name).mkdir()
        return self.work / name

    def connect(self, suite):
        plan = Plan(esp=suite, connection=("encap = yes",), child=("rekey_time = 0", "life_time = 1h"))
        for side, folder in ((self.far, "far"), (self.near, "near")):
            side.configure(plan, self.work / folder)
            side.ns.ip("link", "set", "ipsec0", "mtu", MTU)
        self.near.initiate()
        self.near.ping(*plan.addresses("ours"))
        self.clock, self.far_clock = Clock(self.near.pid()), Clock(self.far.pid())
        self.clock.pin(self.tested_core)

    def disconnect(self):
        self.near.settle()
        self.far.settle()

    # --- what is measured -------------------------------------------------------------------------------------------------
    def datagrams(self, blast, size, way, seconds):
        """Inner packets of `size` octets through the tested side: sealed by it ("out") or opened ("in"). @return a Cost"""
        ends = (OURS, PEER) if way == "out" else (PEER, OURS)
        sender = self.near.ns if way == "out" else self.far.ns
        # Where the tested side is the near one, the far one takes what the sender leaves it of their core.
        os.setpriority(os.PRIO_PROCESS, self.far.pid(), 19 if way == "out" else 0)
        load = Process(sender.start(blast, ends[0].inner[4], ends[1].inner[4], PORT, size - HEADERS, seconds + 5))
        try:
            time.sleep(0.3)
            return self._watch(("eth0", "tx") if way == "out" else ("ipsec0", "rx"), lambda: time.sleep(seconds))
        finally:
            load.end()

    def tcp(self, seconds):
        """TCP from the near to the far host. @return (a Cost of segments, megabits a second)"""
        os.setpriority(os.PRIO_PROCESS, self.far.pid(), 0)
        server = Process(self.far.ns.start("iperf3", "-s", "-1", "-B", PEER.inner[4]))
        said = {}
        try:
            time.sleep(0.3)

            def load():
                said["text"] = self.near.ns.run(
                    "iperf3", "-c", PEER.inner[4], "-B", OURS.inner[4], "-t", seconds, "-J", timeout=seconds + 15
                )

            cost = self._watch(("eth0", "tx"), load)
        finally:
            server.end()
        return cost, json.loads(said["text"])["end"]["sum_received"]["bits_per_second"] * 1e-6

    def _watch(self, counter, load):
        end = self.far_clock if counter[1] == "tx" else self.clock

        def look():
            return (
                self.clock.counter(*counter),
                time.monotonic(),
                self.clock.cpu(),
                self.clock.ticks(),
                end.counter("ipsec0", "rx"),
            )

        a = look()
        load()
        b = look()
        user, system = (after - before for after, before in zip(b[3], a[3]))
        cpu = (b[2] - a[2]) * 1e-9
        if b[0] == a[0] or b[4] == a[4] or cpu == 0:
            raise Failed(f"{self.name}: nothing came through")
        return Cost(b[0] - a[0], b[1] - a[1], cpu, cpu * user / max(user + system, 1), b[4] - a[4])

    def finish(self):
        for side in self.sides:
            side.finish()
        for sink in self.sinks:
            sink.close()
        for ns in self.namespaces:
            ns.remove()


def gateway_of(program, who):
    return lambda ns, work: Gateway(who, ns, program, work)


def strongswan(ns, work):
    return StrongSwan("ours", ns, work, settings=FAST)


def bare(program, core, suite, size, rounds):
    """@return nanoseconds of (sealing, opening) one inner packet of `size` octets by the crypto library's bare calls"""
    line = run("taskset", "-c", core, program, rounds, suite, size, timeout=120).splitlines()[2]
    cells = line.split("|")
    return float(cells[1].split()[1]), float(cells[2].split()[1])
