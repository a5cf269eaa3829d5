"""What a gateway's packets cost: two namespaces with a gateway each, load through them, and the clock of one of the two."""
import dataclasses
import json
import os
import pathlib
import signal
import socket
import time

from .net import Failed, Namespace, Process, cable, run, wait_for
from .plan import OURS, PEER, Plan
from .sides import Gateway, StrongSwan

PORT = 9  # of the datagrams; whoever has it reads none of them
MTU = 1400  # of both TUN devices: that of strongSwan, which is fixed
HEADERS = 28  # IPv4 and UDP
IN_BUFFERS = 20_000  # packets that may wait at a gateway which stands still: not sent to it again
LONGEST_RECORDING = 30  # seconds

# Before strongSwan's portable plugins those that use what the processor has: the fastest for every suite here.
FAST = (
    "--set",
    "charon.load = random nonce aesni openssl aes sha2 sha1 md5 gmp gcm hmac kdf drbg kernel-libipsec kernel-netlink "
    "socket-default counters vici",
)


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


class Load(Process):
    """A program that ends with the block."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end(signal.SIGKILL)


class Pair:
    """The tested side in one namespace on one core; our gateway in another namespace, and everything but the tested side on
    another core."""

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
    def sealed(self, programs, size, seconds):
        """Inner packets of `size` octets from the near host, as many as the tested side takes. @return a Cost"""
        # The far side takes what the sender leaves it of their core.
        os.setpriority(os.PRIO_PROCESS, self.far.pid(), 19)

        def load():
            with self._load(programs, self.near, OURS, PEER, size, seconds + 5):
                time.sleep(seconds)
            self._come_to_rest(self.clock)  # whoever takes in more than it can seal pays for that

        return self._watch(("eth0", "tx"), load)

    def opened(self, programs, size, packets):
        """The other way. One core cannot seal as fast as the other one opens: `packets` are sealed while the tested side stands
        still, and sent at once when it goes on."""
        os.setpriority(os.PRIO_PROCESS, self.far.pid(), 0)
        said = self.work / "replay.txt"
        with open(said, "wb") as out:
            replay = Process(
                self.far.ns.start(programs / "bench_wire_replay", "eth0", IN_BUFFERS, packets, stdout=out, stderr=out)
            )
        os.kill(self.near.pid(), signal.SIGSTOP)
        try:
            wait_for("the recorder is ready", lambda: "ready" in said.read_text(), 5, pause=0.02)
            with self._load(programs, self.far, PEER, OURS, size, LONGEST_RECORDING):
                wait_for("packets are recorded", lambda: "full" in said.read_text(), LONGEST_RECORDING)
            self._come_to_rest(self.far_clock)  # a later number would make all recorded ones too old
            os.kill(self.near.pid(), signal.SIGCONT)
            self._come_to_rest(self.clock)  # what its buffers held

            def load():
                replay.send(signal.SIGCONT)
                wait_for("recorded packets are sent", lambda: "sent" in said.read_text(), 20, pause=0.01)
                self._come_to_rest(self.clock)

            return self._watch(("ipsec0", "rx"), load)
        finally:
            os.kill(self.near.pid(), signal.SIGCONT)
            replay.end(signal.SIGKILL)

    def _load(self, programs, side, source, target, size, seconds):
        return Load(side.ns.start(programs / "bench_udp_blast", source.inner[4], target.inner[4], PORT, size - HEADERS, seconds))

    def _come_to_rest(self, clock):
        def rests():
            before = clock.cpu()
            time.sleep(0.05)
            return clock.cpu() - before < 1e6

        wait_for(f"{self.name} worked off what came", rests, 20, pause=0)

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
    lines = run("taskset", "-c", core, program, rounds, suite, size, timeout=120).splitlines()
    line = next(one for one in lines if one.startswith(f"{suite} "))
    cells = line.split("|")
    return float(cells[1].split()[1]), float(cells[2].split()[1])
