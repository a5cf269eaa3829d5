"""Traffic between two hosts: pings, a file over TCP, numbered datagrams."""
import collections
import hashlib
import os
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import time

from .net import Failed, Process, wait_for


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def ping(ns, own, other, count=3, size=56, wait=2):
    """@return how many of `count` were answered"""
    out = ns.run(
        "ping", "-n", "-q", "-c", count, "-i", "0.05", "-W", wait, "-s", size, "-I", own, other, check=False, timeout=30
    )
    seen = re.search(r"(\d+) received", out)
    return int(seen[1]) if seen else 0


def must_ping(ns, own, other, count=3, size=56):
    answered = ping(ns, own, other, count, size)
    if answered != count:
        raise Failed(f"ping -s {size} {own} > {other}: {answered} of {count} answered")


def ping_until(ns, own, other, seconds, what="ping"):
    """Pings until one is answered: what starts an SA, or shows that one is back."""
    wait_for(f"{what} {own} > {other} is answered", lambda: ping(ns, own, other, 1, wait=1), seconds)


class Pings:
    """Pings fifty times a second until `end`, beside what the cell does."""

    def __init__(self, ns, own, other):
        self.process = Process(ns.start("ping", "-n", "-i", 0.02, "-I", own, other, stdout=subprocess.PIPE))

    def end(self):
        """@return how many were sent, and the numbers of those that were not answered exactly once; not of the last one, whose
        answer may be on its way"""
        self.process.send(signal.SIGINT)
        said = self.process.started.communicate(timeout=5)[0].decode()
        sent = int(re.search(r"(\d+) packets transmitted", said)[1])
        answers = collections.Counter(map(int, re.findall(r"icmp_seq=(\d+) ttl", said)))
        return sent, [n for n in range(1, sent) if answers[n] != 1]


def copy(client_ns, own, server_ns, other, octets=10_000_000, seconds=15):
    """`octets` over TCP from `own` to `other`; the checksums of both ends must be equal. @return megabits a second"""
    data = os.urandom(octets)
    with server_ns.inside():
        server = socket.socket(family_of(other), socket.SOCK_STREAM)
    with client_ns.inside():
        client = socket.socket(family_of(own), socket.SOCK_STREAM)
    result = {}

    def serve():
        try:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(seconds)
                digest, got = hashlib.sha256(), 0
                while block := connection.recv(1 << 16):
                    digest.update(block)
                    got += len(block)
            result.update(digest=digest.digest(), got=got)
        except OSError as error:
            result.update(error=error)

    with server, client:
        server.settimeout(seconds)
        client.settimeout(seconds)
        server.bind((other, 0))
        server.listen(1)
        receiver = threading.Thread(target=serve, daemon=True)
        receiver.start()
        begun = time.monotonic()
        try:
            client.bind((own, 0))
            client.connect(server.getsockname()[:2])
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise Failed(f"TCP {own} > {other}: {error}") from error
        receiver.join(seconds)
    if result.get("digest") != hashlib.sha256(data).digest():
        raise Failed(
            f"TCP {own} > {other}: {result.get('got', 0)} of {octets} octets, or other ones: {result.get('error', '')}"
        )
    return octets * 8e-6 / (time.monotonic() - begun)


class Flow(threading.Thread):
    """Numbered datagrams both ways at so many a second, until `finish`; counts what arrived never, or more than once."""

    port = 7007

    def __init__(self, a_ns, a, b_ns, b, rate=2000, size=200):
        super().__init__(daemon=True)
        self.ends = []
        for ns, own, other in ((a_ns, a, b), (b_ns, b, a)):
            with ns.inside():
                end = socket.socket(family_of(own), socket.SOCK_DGRAM)
            end.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE: what is lost here nobody else lost
            end.setblocking(False)
            end.bind((own, self.port))
            end.connect((other, self.port))
            self.ends.append(end)
        self.rate, self.padding = rate, bytes(size - 8)
        self.sent = [0, 0]  # by the end that sent
        self.seen = [bytearray(), bytearray()]  # by the end that sent: how often each number arrived
        self.refused = 0
        self.stopping = threading.Event()
        self.begun = time.monotonic()
        self.ended = None

    def run(self):
        self.begun = time.monotonic()
        skipped = 0  # what could not be sent in time is left out, not sent in a burst
        while not self.stopping.is_set():
            due = int((time.monotonic() - self.begun) * self.rate) - skipped - self.sent[0]
            if due > 50:
                skipped += due - 50
                due = 50
            for _ in range(due):
                for at in (0, 1):
                    self._send(at)
            self._receive(0.002)
        self.ended = time.monotonic()
        quiet = time.monotonic() + 0.5  # what is on its way has as long as that after the last one came
        while time.monotonic() < quiet:
            if self._receive(0.1):
                quiet = time.monotonic() + 0.5

    def _send(self, at):
        number = self.sent[at]
        self.sent[at] += 1
        self.seen[at].append(0)
        try:
            self.ends[at].send(struct.pack(">Q", number) + self.padding)
        except OSError:
            self.refused += 1  # by the own stack: it stays a number that never arrived

    def _receive(self, seconds):
        ready, _, _ = select.select(self.ends, [], [], seconds)
        for end in ready:
            counts = self.seen[1 - self.ends.index(end)]
            try:
                while True:
                    number = struct.unpack_from(">Q", end.recv(2048))[0]
                    counts[number] = min(counts[number] + 1, 255)
            except OSError:
                pass  # nothing more, or an ICMP error that the lost number tells of
        return ready

    def finish(self):
        """Ends the flow. @return a list of (sent, never arrived, arrived more than once), from a to b and from b to a"""
        self.stopping.set()
        self.join()
        for end in self.ends:
            end.close()
        return [(self.sent[at], self.seen[at].count(0), sum(n > 1 for n in self.seen[at])) for at in (0, 1)]

    def achieved(self):
        return min(self.sent) / (self.ended - self.begun)

    def describe(self, result):
        text = []
        for at, name in ((0, "a > b"), (1, "b > a")):
            sent, lost, twice = result[at]
            first = [n for n, count in enumerate(self.seen[at]) if count == 0][:3]
            text.append(f"{name}: {sent} sent, {lost} lost{f' (first {first})' if lost else ''}, {twice} more than once")
        return "; ".join(text) + (f"; {self.refused} refused by the own stack" if self.refused else "")
