#!/usr/bin/env python3
"""Gateways that are killed, doubled, misused and misread: nothing leaves in the clear, nothing is left behind.

Environment: IPSECPP_BIN (folder of the program), IPSECPP_SOURCE (the project). Needs what gateway_live_test.py needs.
"""

import contextlib
import os
import pathlib
import signal
import socket
import stat
import subprocess
import sys
import time

from gateway_live_test import BIN, Gateway, expect, main, net, wait_for


def route_to(g, address):
    return g.ns.run("ip", "route", "get", address, check=False)


def rules(g):
    return [line for line in g.ns.ip("rule").splitlines() if "0x4500" in line]


def raw(path, octets, end=True):
    """Says something to a Unix socket. @return all that comes back"""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(15)
        s.connect(str(path))
        s.sendall(octets)
        if end:
            s.shutdown(socket.SHUT_WR)
        out = b""
        with contextlib.suppress(ConnectionResetError):
            while block := s.recv(65536):
                out += block
        return out


def killed_closes_the_way(s):
    s.both({"a": (0, "start_action = trap\n")})
    for g in (s.right, s.left):
        g.start()
    s.opens(0)
    expect("the way is by the device", "dev ipsec0" in route_to(s.left, "10.2.0.1"))
    s.left.stop(signal.SIGKILL)
    expect("nothing leaves in the clear after a kill", "No route to host" in route_to(s.left, "10.2.0.1"), route_to(s.left, "10.2.0.1"))
    s.left.start()
    expect("the next one has one rule", len(rules(s.left)) == 1, rules(s.left))
    s.opens(0)
    s.left.stop()
    expect("an orderly end takes the rule", rules(s.left) == [], rules(s.left))
    left = s.left.ns.ip("route", "show", "table", "4500", check=False)
    expect("and the routes", "10.2" not in left, left)


def two_gateways_do_not_disturb_each_other(s):
    s.both({"a": (0, "start_action = trap\n")})
    for g in (s.right, s.left):
        g.start()
    s.opens(0)
    s.left.ns.ip("addr", "add", "192.0.2.7/24", "dev", "out")
    other = Gateway(7, s.left.ns, s.left.folder / "other")
    text = (s.left.folder / "conf").read_text().replace("192.0.2.1", "192.0.2.7").replace("10.2.0.0", "10.9.0.0")
    (other.folder / "conf").write_text(text)
    config = ("--config", other.folder / "conf", "--device", "ipsec1")
    other.start(*config)
    expect("each has its rule", len(rules(s.left)) == 2, rules(s.left))
    expect("each has its device", "dev ipsec1" in route_to(s.left, "10.9.0.1"))
    other.stop()
    s.ping(0)
    expect("one rule is left", len(rules(s.left)) == 1, rules(s.left))
    # one that cannot even start takes nothing away
    (other.folder / "conf").write_text((s.left.folder / "conf").read_text())
    out = s.left.ns.run(BIN / "gateway", *config, check=False)
    expect("its port is taken", "Address already in use" in out and out.count("\n") == 1, out)
    s.ping(0)


def a_range_is_routed(s):
    s.both({"a": (0, "")})
    text = (s.left.folder / "conf").read_text().replace("remote_ts = 10.2.0.0/24", "remote_ts = 10.2.0.1-10.2.0.77")
    (s.left.folder / "conf").write_text(text)
    s.left.start()
    for host, inside in ((0, False), (1, True), (63, True), (64, True), (77, True), (78, False), (128, False)):
        way = route_to(s.left, f"10.2.0.{host}")
        expect(f"10.2.0.{host} goes by the device: {inside}", ("dev ipsec0" in way) == inside, way)


def odd_commands_are_answered(s):
    s.both({"a": (0, "")})
    s.left.start("--config", s.left.folder / "conf", "--metrics", s.left.folder / "metrics")
    control, metrics = s.left.folder / "control", s.left.folder / "metrics"
    for said in (b"initiate \xff\n", b"\xff\xfe\n", b"\n", b"list", b"x" * 5000 + b"\n", b"terminate nobody\n", b"flush everything\n"):
        answer = raw(control, said)
        expect(f"{said[:20]} has one answer", b'"ok"' in answer and answer.endswith(b"\n"), answer)
    expect("flush", b'"ok":true' in raw(control, b"flush ike\n") and b'"ok":true' in raw(control, b"flush sa\n"))
    long = b"GET /metrics HTTP/1.1\r\n" + b"X-Long: " + b"y" * 4000 + b"\r\n\r\n"
    for said in (b"", b"\n", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", long):
        answer = raw(metrics, said)
        expect(f"metrics for {said[:12]}", b"ipsec_packets_total{" in answer, answer[:200])
        expect("HTTP for who speaks it", answer.startswith(b"HTTP/1.1 200") == said.startswith(b"GET"), answer[:100])
    # whoever waits with his side closed costs nothing; two who wait for one child are both told
    begun = ticks(s.left)
    waiting = [socket.socket(socket.AF_UNIX) for _ in range(2)]
    for w in waiting:
        w.connect(str(control))
        w.sendall(b"initiate a\n")
        w.shutdown(socket.SHUT_WR)
        w.settimeout(20)
    time.sleep(2)
    expect("waiting costs nothing", ticks(s.left) - begun < 50, ticks(s.left) - begun)
    s.right.start()
    for w in waiting:
        with w:
            expect("told", b'"ok":true' in w.recv(4096))


def ticks(g):
    return sum(map(int, pathlib.Path(f"/proc/{g.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]))


def nobody_reads(s):
    s.both({"a": (0, "start_action = trap\n")})
    s.right.start()
    command = s.left.ns.command(BIN / "gateway", "--control", s.left.folder / "control", "--config", s.left.folder / "conf")
    for how in ("closes", "sleeps"):
        read, write = os.pipe()
        process = net.Process(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=write, stderr=subprocess.DEVNULL))
        os.close(write)
        expect("it is ready", b"ready" in os.read(read, 4096))
        if how == "closes":
            os.close(read)
        s.opens(0)
        for _ in range(300):
            raw(s.left.folder / "control", b"reload\n")  # a line each, far more than a pipe holds
        s.ping(0)
        expect("it ends well", process.end() == 0)
        if how == "sleeps":
            os.close(read)


def a_device_that_goes_ends_it(s):
    s.both({"a": (0, "")})
    s.left.start()
    s.left.ns.ip("link", "del", "ipsec0")
    expect("exit 1", s.left.process.started.wait(5) == 1)
    expect("said", "device_gone" in (s.left.folder / "out").read_text())
    s.left.process = None


def keys_are_logged_for_their_owner_alone(s):
    s.both({"a": (0, "start_action = trap\n")})
    keys, victim = s.left.folder / "keys", s.left.folder / "victim"
    s.right.start()
    for again in (False, True):
        if again:  # somebody waits there with links
            for name in ("esp_sa", "ikev1_decryption_table"):
                (keys / name).unlink()
                (keys / name).symlink_to(victim)
        victim.write_text("mine")
        s.left.start("--config", s.left.folder / "conf", "--log-keys", keys)
        s.opens(0)
        wait_for("keys come", lambda: (keys / "esp_sa").read_text().count("\n") >= 2, 2)
        for name in ("esp_sa", "ikev1_decryption_table", "preferences"):
            seen = (keys / name).lstat()
            expect(f"{name} is a file of its owner's", stat.S_ISREG(seen.st_mode) and stat.S_IMODE(seen.st_mode) == 0o600, seen)
        expect("nobody else's file was touched", victim.read_text() == "mine")
        s.left.stop()
    expect("the folder too", stat.S_IMODE(keys.stat().st_mode) == 0o700, oct(keys.stat().st_mode))


def another_user(s):
    s.both({"a": (0, "start_action = trap\n")})
    for g in (s.left, s.right):
        g.start("--config", g.folder / "conf", "--user", "nobody")
    status = pathlib.Path(f"/proc/{s.left.process.pid}/status").read_text()
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    expect("not root", "0" not in lines["Uid"].split() + lines["Gid"].split(), lines["Uid"])
    expect("three capabilities", int(lines["CapEff"], 16) == 1 << 10 | 1 << 12 | 1 << 13, lines["CapEff"])
    s.opens(0)
    s.left.stop()
    out = s.left.ns.run(BIN / "gateway", "--config", s.left.folder / "conf", "--user", "no-such", check=False)
    expect("a user that is not", out.endswith("gateway: --user no-such: there is no such user\n"), out)


def keys_by_hand_change(s):
    def batch(key, spi):
        text = ""
        for a, b in ((1, 2), (2, 1)):
            text += (
                f"state add src 192.0.2.{a} dst 192.0.2.{b} proto esp spi {spi + a:#x} reqid 1 mode tunnel "
                f"enc 'ecb(cipher_null)' \"\" auth 'hmac(sha1)' 0x{key * 20}\n"
            )
        return text

    def write(g, states):
        a, b = g.side, 3 - g.side
        policies = "".join(
            f"policy add dir {d} src 10.{x}.0.0/24 dst 10.{y}.0.0/24 tmpl src 192.0.2.{x} dst 192.0.2.{y} proto esp reqid 1 mode tunnel\n"
            for d, x, y in (("out", a, b), ("in", b, a))
        )
        (g.folder / "xfrm").write_text(states + policies)

    for g in (s.left, s.right):
        write(g, batch("ab", 0x1000))
        g.start("--xfrm", g.folder / "xfrm")
    s.ping(0)

    def count(g):
        return [(x["sas"], x["protected"]) for x in g.ask("list") if x.get("event") == "stats"][0]

    for g in (s.left, s.right):
        g.ask("reload")
    s.ping(0)
    expect("what is as before goes on", count(s.left)[0] == 2, count(s.left))
    write(s.left, batch("cd", 0x1000))
    s.left.ask("reload")
    expect("another key under the same SPI counts", s.answered(0) == 0 and count(s.left)[0] == 2, count(s.left))
    write(s.right, batch("cd", 0x1000))
    s.right.ask("reload")
    s.ping(0)
    write(s.left, "")
    s.left.ask("reload")
    expect("keys that are gone are gone", count(s.left)[0] == 0 and s.answered(0) == 0, count(s.left))


def the_first_packets_wait(s):
    s.both({"a": (0, "start_action = trap\n"), "b": (1, "start_action = trap\n")})
    s.left.start()
    with s.left.ns.inside():
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with s.right.ns.inside():
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sender, receiver:
        sender.bind((s.left.inner(0), 0))
        receiver.bind((s.right.inner(0), 7009))
        receiver.settimeout(15)
        for n in range(400):
            sender.sendto(str(n).encode(), (s.right.inner(0), 7009))
            time.sleep(0.002)
        s.right.start()
        expect("the first one comes first", receiver.recv(100) == b"0")
        for n in range(1, 100):
            expect("and the next ones in their order", receiver.recv(100) == str(n).encode())


CASES = [
    killed_closes_the_way,
    two_gateways_do_not_disturb_each_other,
    a_range_is_routed,
    odd_commands_are_answered,
    nobody_reads,
    a_device_that_goes_ends_it,
    keys_are_logged_for_their_owner_alone,
    another_user,
    keys_by_hand_change,
    the_first_packets_wait,
]

if __name__ == "__main__":
    sys.exit(main(CASES, "gwhard"))
