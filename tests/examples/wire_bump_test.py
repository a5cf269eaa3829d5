#!/usr/bin/env python3
"""Puts wire_bump between hosts in network namespaces: pings and TCP must go through, and nothing but ESP may be between the bumps.

    wire:   host A - bump A - bump B - host B          one Ethernet, with a VLAN on it
    router: host A - bump A - router - bump B - host B

Environment: as support.py says. Needs root, namespaces and packet sockets; what listens is in this file.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import support
from support import BIN, check, finish, needs, skip

PROGRAM = os.path.join(BIN, "wire_bump")
OCTETS = 1_000_000


# --- what runs inside of a namespace: this file again, with a first argument --------------------------------------------------


def offload_off(interface):
    """Checksums and segments are made by the sender, as on a wire: TX checksums, TSO, GSO, GRO."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for command in (0x17, 0x1F, 0x24, 0x2C):
            value = bytearray(struct.pack("II", command, 0))
            held = (ctypes_char * len(value)).from_buffer(value)
            fcntl.ioctl(s, 0x8946, struct.pack("16sP16x", interface.encode(), addressof(held)))


def sniff(interface):
    """Counts the frames on an interface by what they are until SIGTERM, and prints the counts."""
    seen, s = {}, socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((interface, 0))
    s.setsockopt(263, 8, 1)  # PACKET_AUXDATA: tags that the kernel took out
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(print(json.dumps(seen), flush=True)))
    print("ready", flush=True)
    while True:
        data, more, _, _ = s.recvmsg(65536, 64)
        kind, at = struct.unpack_from(">H", data, 12)[0], 14
        tagged = kind == 0x8100 or any(struct.unpack_from("I", d)[0] & 0x10 for _, t, d in more if t == 8)
        if kind == 0x8100:
            kind, at = struct.unpack_from(">H", data, 16)[0], 18
        p = data[at:]
        if kind == 0x0800:
            name = f"{p[9]} {socket.inet_ntop(socket.AF_INET, p[12:16])} {socket.inet_ntop(socket.AF_INET, p[16:20])}"
        elif kind == 0x86DD:
            nd = p[6] == 58 and 133 <= p[40] <= 137 and p[7] == 255
            name = "nd" if nd else f"{p[6]} {socket.inet_ntop(socket.AF_INET6, p[8:24])} {socket.inet_ntop(socket.AF_INET6, p[24:40])}"
        else:
            name = "arp" if kind == 0x0806 else f"ethertype {kind:04x}"
        name = ("tagged " if tagged else "") + name
        seen[name] = seen.get(name, 0) + 1


def send_tagged(interface):
    """Five UDP datagrams from 10.77.5.1 to 10.77.5.2, in VLAN 5."""
    addresses = socket.inet_aton("10.77.5.1") + socket.inet_aton("10.77.5.2")
    header = struct.pack(">BBHHHBBH", 0x45, 0, 29, 0, 0x4000, 64, 17, 0) + addresses
    total = sum(struct.unpack(">10H", header))
    header = header[:10] + struct.pack(">H", 0xFFFF - (total % 0xFFFF)) + header[12:]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind((interface, 0))
        for _ in range(5):
            s.send(b"\xff" * 6 + s.getsockname()[4] + b"\x81\x00\x00\x05\x08\x00" + header + struct.pack(">HHHH", 9, 9, 9, 0) + b"x")


def text_of(seed):
    return b"".join(hashlib.sha256(f"{seed} {n}".encode()).digest() for n in range(OCTETS // 32))


def serve(address):
    """Takes one connection: reads a text, sends another one, prints whether the first was right."""
    s = socket.create_server((address, 7777), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
    print("ready", flush=True)
    s.settimeout(20)
    c, _ = s.accept()
    c.settimeout(20)
    got = b""
    while len(got) < OCTETS and (some := c.recv(65536)):
        got += some
    c.sendall(text_of("down"))
    c.close()
    print("right" if got == text_of("up") else f"wrong: {len(got)} octets")


def call(address):
    with socket.create_connection((address, 7777), timeout=20) as c:
        c.sendall(text_of("up"))
        got = b""
        while some := c.recv(65536):
            got += some
    print("right" if got == text_of("down") else f"wrong: {len(got)} octets")


# --- namespaces ----------------------------------------------------------------------------------------------------------------


class Net:
    """Namespaces in a row, each joined with the next by a pair of interfaces: `r` of the one, `l` of the other.

    They have no names and live as long as a process that sleeps in each, so that nothing is left behind whatever happens."""

    UNTIL_WE_END = ("setpriv", "--pdeathsig", "KILL")

    def __init__(self, *names):
        self.names, self.running, self.sleepers = names, [], {}

    def __enter__(self):
        try:
            for n in self.names:
                p = self.sleepers[n] = subprocess.Popen([*self.UNTIL_WE_END, "unshare", "-n", "sleep", "600"], stderr=subprocess.DEVNULL)
                for _ in range(200):
                    if p.poll() is not None or os.readlink(f"/proc/{p.pid}/ns/net") != os.readlink("/proc/self/ns/net"):
                        break
                    time.sleep(0.01)
                for which in ("all", "default"):
                    self.setting(n, f"ipv6/conf/{which}/accept_dad", 0)  # addresses are good at once
            for n, after in zip(self.names, self.names[1:]):
                self.ip(n, f"link add dev r type veth peer name l netns {self.sleepers[after].pid}")
            for n in self.names:
                for i in "lr"[n == self.names[0]:2 - (n == self.names[-1])]:
                    if n in "ab":
                        self.setting(n, f"ipv6/conf/{i}/disable_ipv6", 1)
                    else:
                        self.must(n, sys.executable, __file__, "offload-off", i)
                    self.ip(n, f"link set dev {i} up {'mtu 1400' if n in 'AB' else ''}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for p in [*self.running, *self.sleepers.values()]:
            p.kill()
            p.communicate()

    def enter(self, name):
        return [*self.UNTIL_WE_END, "nsenter", f"--net=/proc/{self.sleepers[name].pid}/ns/net"]

    def inside(self, name, *command, timeout=60):
        done = subprocess.run([*self.enter(name), *command], capture_output=True, text=True, timeout=timeout)
        return done.returncode, done.stdout + done.stderr

    def must(self, name, *command):
        code, shown = self.inside(name, *command)
        if code != 0:
            raise RuntimeError(f"{command}: {shown}")

    def ip(self, name, line):
        self.must(name, "ip", *line.split())

    def setting(self, name, path, value):
        self.must(name, "sh", "-c", f"echo {value} >/proc/sys/net/{path}")

    def start(self, name, *command):
        """Starts a program that says "ready" when it is."""
        p = subprocess.Popen([*self.enter(name), *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.running.append(p)
        p.said = ""
        while not p.said.endswith("ready\n"):
            line = p.stdout.readline()
            if not line:
                raise RuntimeError(f"{command}: {p.said}")
            p.said += line
        return p

    def stop(self, p):
        """Ends it. @return what it said after it was ready, and its exit code"""
        p.send_signal(signal.SIGTERM)
        try:
            said, _ = p.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            p.kill()
            said, _ = p.communicate()
        self.running.remove(p)
        return said, p.returncode

    def pings(self, what, name, to, *options, held=True):
        """Five echoes, each answered, or none. Without -w ping waits for the last answer no longer than for two of the others."""
        wait = ("-w", "5") if held else ("-W", "1")
        _, shown = self.inside(name, "ping", "-c", "5", "-i", "0.05", *wait, *options, to)
        came = {int(n) for n in re.findall(r"bytes from .*icmp_seq=(\d+)", shown)}
        check(f"{what}: ping {to} {' '.join(options)} {'comes through' if held else 'does not'}", came >= {1, 2, 3, 4, 5} if held else not came, shown)

    def tcp(self, what, to):
        server = self.start("B", sys.executable, __file__, "serve", to)
        _, shown = self.inside("A", sys.executable, __file__, "call", to)
        said, _ = self.stop(server) if shown.strip() != "right" else (server.communicate(timeout=20)[0], 0)
        check(f"{what}: {OCTETS} octets over TCP to {to} and as many back", shown.strip() == "right" and said.strip() == "right", shown + said)


def policies(work, pairs, keys):
    """The policy files of both sides. @return their names"""
    files = [os.path.join(work, n) for n in ("a.conf", "b.conf")]
    for side, file in enumerate(files):
        with open(file, "w") as f:
            f.write("# made by the test\n")
            for n, (left, right, suite) in enumerate(pairs):
                to_right, to_left = (f"{spi:#x} {suite} {keys[n][way]}" for way, spi in enumerate((0x1001 + n, 0x2001 + n)))
                f.write(f"protect {left} {right}\n  out {to_right}\n  in {to_left}\n" if side == 0 else
                        f"protect {right} {left}  # as the other side sees it\n  in {to_right}\n  out {to_left}\n")
    return files


def number(table, label):
    found = re.search(re.escape(label) + r"\s+(\d+)$", table, re.MULTILINE)
    return int(found[1]) if found else 0


KEY_SIZES = {"aes128-sha1": 36, "aes256-sha256": 64, "3des-md5": 40}


def one_wire(work):
    pairs = [("10.77.0.1", "10.77.0.2", "aes128-sha1"), ("fd77::1/128", "fd77::2", "aes256-sha256"), ("10.77.5.1", "10.77.5.2/32", "3des-md5")]
    keys = [(os.urandom(KEY_SIZES[s]).hex(), "0x" + os.urandom(KEY_SIZES[s]).hex()) for _, _, s in pairs]
    with Net("A", "a", "b", "B") as net:
        for name, i, n in (("A", "r", 1), ("B", "l", 2)):
            for line in (f"addr add 10.77.0.{n}/24 dev {i}", f"addr add 10.77.1.{n}/24 dev {i}", f"addr add fd77::{n}/64 dev {i} nodad",
                         f"addr add 10.77.5.{n}/24 dev {i}"):
                net.ip(name, line)
        a_file, b_file = policies(work, pairs, keys)

        def bump(name, file, address, peer):
            inside, outside = ("l", "r") if name == "a" else ("r", "l")
            return net.start(name, PROGRAM, "--inside", inside, "--outside", outside, "--address", address, "--peer", peer, "--policy", file)

        ears = net.start("a", sys.executable, __file__, "sniff", "r")
        a, b = bump("a", a_file, "10.77.0.101", "10.77.0.102"), bump("b", b_file, "10.77.0.102", "10.77.0.101")
        check("wire: the program says what it protects", "10.77.0.1/32 <-> 10.77.0.2/32: ESP tunnel, out 00001001 aes128-sha1" in a.said, a.said)
        for to, options in (("10.77.0.2", ()), ("10.77.0.2", ("-s", "1300")), ("fd77::2", ()), ("10.77.5.2", ()), ("10.77.1.2", ())):
            net.pings("wire", "A", to, *options)
            net.pings("wire, back", "B", to[:-1] + "1", *options)
        net.pings("wire, at the end of its hops", "A", "10.77.0.2", "-t", "1")
        net.tcp("wire", "10.77.0.2")
        net.tcp("wire", "fd77::2")
        far_ears = net.start("B", sys.executable, __file__, "sniff", "l")
        net.inside("A", sys.executable, __file__, "send-tagged", "r")
        time.sleep(0.3)
        heard = json.loads(net.stop(far_ears)[0])
        check("wire: datagrams with a VLAN tag arrive with it", heard.get("tagged 17 10.77.5.1 10.77.5.2") == 5, str(heard))
        net.pings("wire, to a bump itself", "A", "10.77.0.102", held=False)
        _, shown = net.inside("A", "ip", "neigh", "show", "10.77.0.102")
        check("wire: a bump answers ARP for its address", "lladdr" in shown, shown)
        (seen, _), (at_a, code_a), (at_b, code_b) = net.stop(ears), net.stop(a), net.stop(b)
        check("wire: both end well", code_a == 0 and code_b == 0, at_a + at_b)
        seen = json.loads(seen)
        esp = {k: n for k, n in seen.items() if k.removeprefix("tagged ").startswith("50 ")}
        ends = {"10.77.0.101 10.77.0.102", "10.77.0.102 10.77.0.101"}
        named = re.compile(r"10\.77\.[05]\.[12]\b|fd77::[12]\b")
        naked = {k: n for k, n in seen.items() if k not in esp and len(named.findall(k)) == 2}
        check("wire: packets of the named hosts are between the bumps as ESP only", not naked and {k.split("50 ")[1] for k in esp} == ends and
              sum(esp.values()) > 2 * OCTETS / 1400, str(seen))
        check("wire: what is tagged is tagged between the bumps too", seen.get("tagged 50 10.77.0.101 10.77.0.102") == 5, str(seen))
        check("wire: what no policy names passes as it is", seen.get("1 10.77.1.1 10.77.1.2") == 10 and "arp" in seen and "nd" in seen, str(seen))
        for table in (at_a, at_b):
            check("wire: the table says so", number(table, "out: packets protected") > 500 and number(table, "in: packets whose protection came off") > 500 and
                  number(table, "out: packets passed") >= 5 and "dropped, " not in table, table)
        check("wire: what was for bump B itself went no further", number(at_b, "for the bump itself, and not ESP") == 5, at_b)

        # What must not pass: the same packets in the clear, and packets under another key.
        empty = os.path.join(work, "empty.conf")
        with open(empty, "w") as f:
            f.write("# nothing is protected\n")
        wrong = shutil.copy(policies(work, pairs, [(os.urandom(KEY_SIZES[s]).hex(), back) for (_, _, s), (_, back) in zip(pairs, keys)])[0],
                            os.path.join(work, "wrong.conf"))
        _, b_file = policies(work, pairs, keys)
        for what, file, reason in (("in the clear", empty, "in: dropped, came in the clear"), ("under another key", wrong, "in: dropped, ICV does not hold")):
            a, b = bump("a", file, "10.77.0.101", "10.77.0.102"), bump("b", b_file, "10.77.0.102", "10.77.0.101")
            net.pings(f"wire, {what}", "A", "10.77.0.2", held=False)
            net.stop(a)
            at_b, _ = net.stop(b)
            check(f"wire, {what}: bump B drops it and says why", number(at_b, reason) == 5, at_b)


def with_router(work, outer):
    pairs = [("10.78.1.0/24", "10.78.2.0/24", "aes128-sha1"), ("fd78:1::/64", "fd78:2::/64", "aes256-sha256")]
    keys = [(os.urandom(KEY_SIZES[s]).hex(), os.urandom(KEY_SIZES[s]).hex()) for _, _, s in pairs]
    left, right = ("10.78.1.100", "10.78.2.100") if outer == "IPv4" else ("fd78:1::100", "fd78:2::100")
    what = f"router, {outer} outside"
    with Net("A", "a", "R", "b", "B") as net:
        net.setting("R", "ipv4/ip_forward", 1)
        net.setting("R", "ipv6/conf/all/forwarding", 1)
        for name, i, n in (("A", "r", 1), ("B", "l", 2)):
            router = {"A": "l", "B": "r"}[name]
            for who, line in ((name, f"addr add 10.78.{n}.1/24 dev {i}"), (name, f"addr add fd78:{n}::1/64 dev {i} nodad"),
                              ("R", f"addr add 10.78.{n}.254/24 dev {router}"), ("R", f"addr add fd78:{n}::fe/64 dev {router} nodad"),
                              (name, f"route add default via 10.78.{n}.254"), (name, f"-6 route add default via fd78:{n}::fe")):
                net.ip(who, line)
        files = policies(work, pairs, keys)
        ears = [net.start("R", sys.executable, __file__, "sniff", i) for i in "lr"]
        a = net.start("a", PROGRAM, "--inside", "l", "--outside", "r", "--address", left, "--peer", right, "--policy", files[0])
        b = net.start("b", PROGRAM, "--inside", "r", "--outside", "l", "--address", right, "--peer", left, "--policy", files[1])
        # Host B is silent so far: its bump asks for it while the first packet waits.
        net.pings(what, "A", "10.78.2.1")
        net.pings(what, "A", "fd78:2::1")
        net.pings(f"{what}, back", "B", "10.78.1.1")
        net.pings(f"{what}, back", "B", "fd78:1::1", "-s", "1200")
        net.tcp(what, "10.78.2.1")
        net.tcp(what, "fd78:2::1")
        # More packets than wait for nobody, and host C, which comes up late and says nothing, is still asked for.
        net.inside("A", "ping", "-c", "80", "-i", "0.01", "-W", "1", "10.78.2.9")
        net.ip("B", "addr add 10.78.2.7/24 dev l")
        net.pings(f"{what}, to an address that is new", "A", "10.78.2.7")
        seen = [json.loads(net.stop(e)[0]) for e in ears]
        tables = [net.stop(p)[0] for p in (a, b)]
        for s in seen:
            routed = {k: n for k, n in s.items() if k[0].isdigit() and "ff02:" not in k and not k.startswith(("2 ", "0 "))}
            check(f"{what}: the router sees nothing but ESP", set(routed) == {f"50 {left} {right}", f"50 {right} {left}"}, str(s))
        check(f"{what}: nothing was dropped but the eldest of what waited for nobody", all("dropped, " not in t for t in tables) and
              [number(t, "for a host that nobody is") for t in tables] == [0, 80 - 64 + 1], "".join(tables))
        check(f"{what}: each bump was asked for its address", all(number(t, "neighbor discovery answered") >= 1 for t in tables), "".join(tables))


def refuses(work):
    def file(text):
        path = os.path.join(work, "bad.conf")
        with open(path, "w") as f:
            f.write(text)
        return path

    good, key = "protect 10.1.0.0/24 10.2.0.0/24\n", "00" * 36
    options = {"--inside": "lo0", "--outside": "lo1", "--address": "192.0.2.1", "--peer": "192.0.2.2"}
    lines = {
        "an unknown word": ("encrypt 10.1.0.0/24 10.2.0.0/24\n", ":1: 'encrypt'"),
        "an SA before its policy": ("out 0x1001 aes128-sha1 00\n", ":1: 'out'"),
        "an unknown prefix": ("protect 10.1.0.0/33 10.2.0.0/24\n", ":1: '10.1.0.0/33'"),
        "both versions of IP": ("protect 10.1.0.0/24 fd02::/64\n", ":1: "),
        "a reserved SPI": (good + f"out 255 aes128-sha1 {key}\n", ":2: '255'"),
        "an unknown suite": (good + f"\nout 0x1001 rot13-sha1 {key}\n", ":3: 'rot13'"),
        "a counter mode": (good + f"out 0x1001 aes128gcm16 {key}\n", ":2: 'aes128gcm16'"),
        "a short key": (good + "out 0x1001 aes128-sha1 0011\n", "72 hex digits"),
        "a key that is no hex": (good + f"out 0x1001 aes128-sha1 {'0g' * 36}\n", "72 hex digits"),
        "a word too many": (good + f"out 0x1001 aes128-sha1 {key} 00\n", ":2: out takes three words: write out SPI SUITE KEY"),
        "two SAs of one direction": (good + f"out 0x1001 aes128-sha1 {key}\nout 0x1002 aes128-sha1 {key}\n", ":3: "),
        "a pair without its SAs": (good + f"out 0x1001 aes128-sha1 {key}\n", "10.1.0.0/24 10.2.0.0/24 has not both"),
        "one SPI twice": ((good + f"out 0x1001 aes128-sha1 {key}\nin 0x2001 aes128-sha1 {key}\n") * 2, "serves two"),
    }
    cases = [(f"policy file with {what}", {}, text, words) for what, (text, words) in lines.items()]
    cases += [("a policy file that is not there", {"--policy": os.path.join(work, "nowhere")}, "", "nowhere"), ("a folder", {"--policy": work}, "", work),
              ("no address", {"--address": "here"}, "", "'here'"), ("addresses of two versions", {"--peer": "fd00::1"}, "", "--peer"),
              ("one interface twice", {"--outside": "lo0"}, "", "--outside"), ("an unknown option", {"--frobnicate": "1"}, "", "frobnicate")]
    for what, change, text, words in cases:
        given = {**options, "--policy": file(text), **change}
        code, _, errors = support.run(PROGRAM, *[w for pair in given.items() for w in pair], timeout=60)
        check(f"{what}: exit 2 and one line that names it", code == 2 and support.is_complaint("wire_bump", errors) and words in errors and key not in errors, f"{code}: {errors}")
    code, _, errors = support.run(PROGRAM, *[w for pair in {**options, "--policy": file("")}.items() for w in pair], timeout=60)
    check("an interface that is not there: exit 1 and one line", code == 1 and support.is_complaint("wire_bump", errors), errors)


def has_namespaces():
    """Whether hosts can be made here; what is missing is skipped by name."""
    for name in ("ip", "ping", "unshare", "nsenter", "setpriv"):
        if not needs(shutil.which(name), f"no {name} here, which network namespaces need"):
            return False
    if os.geteuid() != 0:
        skip("not root, which network namespaces need")
        return False
    try:
        with Net("A", "B"):
            return True
    except (RuntimeError, OSError) as fault:
        skip(f"no network namespaces here: {str(fault).strip()}")
        return False


def main():
    support.program("wire_bump")
    with tempfile.TemporaryDirectory() as work:
        refuses(work)
        if has_namespaces():
            one_wire(work)
            with_router(work, "IPv4")
            with_router(work, "IPv6")
    finish()


if __name__ == "__main__":
    helpers = {"offload-off": offload_off, "sniff": sniff, "serve": serve, "call": call, "send-tagged": send_tagged}
    if len(sys.argv) > 1:
        from ctypes import addressof, c_char as ctypes_char
        helpers[sys.argv[1]](sys.argv[2])
    else:
        main()
