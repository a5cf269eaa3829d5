#!/usr/bin/env python3
"""Two of our gateways in two network namespaces: reloads under traffic, dead peers, keys by hand in UDP.

Environment: IPSECPP_BIN (folder of the program), IPSECPP_SOURCE (the project). Needs root, /dev/net/tun, iproute2, ping and ethtool.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

SOURCE = pathlib.Path(os.environ.get("IPSECPP_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BIN = pathlib.Path(os.environ.get("IPSECPP_BIN", SOURCE / "build" / "release" / "bin"))
sys.path.insert(0, str(SOURCE / "scripts"))

from interop_lib import net, traffic  # noqa: E402
from interop_lib.net import Failed, wait_for  # noqa: E402


class Gateway:
    """One end. Side 1 is 192.0.2.1 with 10.1.n.1 behind it, side 2 is 192.0.2.2 with 10.2.n.1."""

    def __init__(self, side, ns, folder):
        self.side, self.ns, self.folder = side, ns, folder
        folder.mkdir()
        self.process = None

    def inner(self, n):
        return f"10.{self.side}.{n}.1"

    def conf(self, children, connection="", psk="correct horse", more=""):
        """`children`: name to (number of the networks, more lines); `more`: connections beside."""
        a, b = self.side, 3 - self.side
        out = f"connections {{\n gw {{\n version = 1\n local_addrs = 192.0.2.{a}\n remote_addrs = 192.0.2.{b}\n{connection}\n"
        out += " local { auth = psk }\n remote { auth = psk }\n children {\n"
        for name, (n, lines) in children.items():
            out += f"  {name} {{\n local_ts = 10.{a}.{n}.0/24\n remote_ts = 10.{b}.{n}.0/24\n{lines}\n }}\n"
        (self.folder / "conf").write_text(out + f" }}\n }}\n{more}}}\nsecrets {{ ike {{ secret = \"{psk}\"\n }} }}\n")

    def start(self, *arguments):
        command = [BIN / "gateway", "--control", self.folder / "control", *(arguments or ("--config", self.folder / "conf"))]
        with open(self.folder / "out", "wb") as out, open(self.folder / "err", "wb") as err:
            self.process = net.Process(self.ns.start(*command, stdout=out, stderr=err))
        wait_for(f"gateway {self.side} is ready", lambda: self.heard("ready"), 5, 0.02)

    def heard(self, event, **wanted):
        """What it said of that kind, so far."""
        found = []
        for line in (self.folder / "out").read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):  # the last line may be half written
                one = json.loads(line)
                if one["event"] == event and all(one.get(k) == v for k, v in wanted.items()):
                    found.append(one)
        if not self.process.started.poll() in (None, 0):
            raise Failed(f"gateway {self.side} ended: {(self.folder / 'err').read_text()[-300:]}")
        return found

    def ask(self, command, good=True):
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(70)
            control.connect(str(self.folder / "control"))
            control.sendall(command.encode() + b"\n")
            answers = [json.loads(line) for line in control.makefile("r")]
        if good and not answers[-1].get("ok"):
            raise Failed(f"gateway {self.side}: {command}: {answers[-1]}")
        return answers

    def children(self):
        """Child to its inbound SPIs."""
        return {x["child"]: x["spi_in"] for x in self.ask("list") if x.get("sa") == "child"}

    def cookies(self):
        return {x["cookies"] for x in self.ask("list") if x.get("sa") == "ike"}

    def stop(self, how=signal.SIGTERM):
        if self.process:
            self.process.end(how)
            self.process = None


class Scene:
    def __init__(self, work, name):
        self.spaces = [net.Namespace("left"), net.Namespace("right")]
        net.cable(self.spaces[0], "out", self.spaces[1], "out")
        for side, ns in enumerate(self.spaces, 1):
            ns.ip("addr", "add", f"192.0.2.{side}/24", "dev", "out")
            for n in range(4):
                ns.ip("addr", "add", f"10.{side}.{n}.1/24", "dev", "lo")
        folder = work / name
        folder.mkdir()
        self.left, self.right = (Gateway(side, ns, folder / str(side)) for side, ns in enumerate(self.spaces, 1))

    def ping(self, n, count=3):
        traffic.must_ping(self.left.ns, self.left.inner(n), self.right.inner(n), count)

    def answered(self, n):
        return traffic.ping(self.left.ns, self.left.inner(n), self.right.inner(n), 1, wait=1)

    def both(self, children, **more):
        for g in (self.left, self.right):
            g.conf(children, **more)

    def opens(self, n):
        """Packets bring SAs."""
        traffic.ping_until(self.left.ns, self.left.inner(n), self.right.inner(n), 5)

    def finish(self):
        for g in (self.left, self.right):
            g.stop(signal.SIGKILL)
        for ns in self.spaces:
            ns.remove()


def expect(what, held, shown=""):
    if not held:
        raise Failed(f"{what}: {shown}")


def reload_keeps_what_did_not_change(s):
    s.both({"a": (0, ""), "b": (1, "")})
    for g in (s.right, s.left):
        g.start()
    for child in "ab":
        s.left.ask(f"initiate {child}")
    before, cookies = s.left.children(), s.left.cookies()
    with open(s.left.folder / "routes", "wb") as told:
        monitor = net.Process(s.left.ns.start("ip", "-4", "monitor", "route", stdout=told))
    flow = traffic.Flow(s.left.ns, s.left.inner(0), s.right.ns, s.right.inner(0), rate=1000)
    flow.start()
    try:
        time.sleep(0.3)
        # b is another one, c is new, and a stands last
        s.both({"c": (2, ""), "b": (1, "esp_proposals = aes128gcm16\n"), "a": (0, "start_action = trap\n")})
        for g in (s.left, s.right):
            g.ask("reload")
        wait_for("only a is left at both ends", lambda: [list(g.children()) for g in (s.left, s.right)] == [["a"], ["a"]], 3)
        for child in "bc":
            s.left.ask(f"initiate {child}")
        for n in range(3):
            s.ping(n)
        middle = s.left.children()
        s.both({"b": (1, "esp_proposals = aes128gcm16\n"), "a": (0, "")})
        for _ in range(20):  # and again, where nothing changes
            s.left.ask("reload")
        s.right.process.send(signal.SIGHUP)
        wait_for("the other end has heard of it", lambda: len(s.right.heard("reloaded")) == 2, 3)
        time.sleep(0.3)
    finally:
        result = flow.finish()
        monitor.end()
    expect("each datagram of a arrived once", not any(lost or twice for _, lost, twice in result), result)
    expect("a kept its SAs", middle["a"] == before["a"] == s.left.children()["a"], middle)
    expect("b got others", middle["b"] != before["b"], middle)
    expect("c is gone, b is not", s.left.children() == {k: middle[k] for k in "ab"}, s.left.children())
    expect("the ISAKMP SA stood", s.left.cookies() == cookies, s.left.cookies())
    expect("nothing was begun anew", not s.left.heard("connection_closed") and len(s.left.heard("ike_up")) == 1)
    told = (s.left.folder / "routes").read_text().splitlines()
    ours = [line.split()[:2] if line.startswith("Deleted") else line.split()[:1] for line in told if "ipsec0" in line]
    expect("of the routes only c's came and went", ours == [["10.2.2.0/24"], ["Deleted", "10.2.2.0/24"]], told)


def reload_begins_a_changed_connection_anew(s):
    s.both({"a": (0, "start_action = start\n")})
    for g in (s.right, s.left):
        g.start()
    wait_for("a stands", s.left.children, 5)
    cookies = s.left.cookies()
    s.both({"a": (0, "start_action = start\n")}, psk="another horse")
    for g in (s.right, s.left):
        g.ask("reload")
    wait_for("it stands again", lambda: s.left.cookies() and not s.left.cookies() & cookies and s.left.children(), 14)
    s.ping(0)
    s.left.conf({"a": (0, "start_action = start\n")}, psk="short")
    expect("a bad file is refused", not s.left.ask("reload", good=False)[-1]["ok"])
    s.ping(0)


def dead_peer_actions(s):
    s.right.conf({child: (n, "") for n, child in enumerate("abcd")})
    s.left.conf(
        {
            "a": (0, "start_action = start\n dpd_action = clear\n"),
            "b": (1, "dpd_action = trap\n"),
            "c": (2, "start_action = start\n dpd_action = restart\n"),
            "d": (3, "start_action = trap\n dpd_action = clear\n"),
        },
        connection=" dpd_delay = 1s\n dpd_timeout = 2s\n keyingtries = 0\n",
    )
    for g in (s.right, s.left):
        g.start()
    expect("without a trap no packet starts b", s.answered(1) == 0)
    s.opens(3)
    expect("with one they start d", set(s.left.children()) == set("acd"), s.left.children())
    s.left.ask("initiate b")
    wait_for("all stand", lambda: len(s.left.children()) == 4, 5)
    s.right.stop(signal.SIGKILL)
    wait_for("the peer is dead", lambda: s.left.heard("ike_down", why="peer is dead"), 8)
    expect("its SAs are gone", s.left.children() == {}, s.left.children())
    s.right.start()
    wait_for("c comes back by itself", lambda: list(s.left.children()) == ["c"], 14)
    s.ping(2)
    expect("a stays closed", s.answered(0) == 0 and list(s.left.children()) == ["c"], s.left.children())
    for n in (1, 3):
        s.opens(n)
    expect("b and d were opened by packets", set(s.left.children()) == set("bcd"), s.left.children())
    s.left.ask("initiate a")
    s.ping(0)


def close_actions(s):
    s.right.conf({child: (n, "") for n, child in enumerate("abc")})
    s.left.conf(
        {
            "a": (0, "start_action = start\n close_action = none\n"),
            "b": (1, "close_action = trap\n"),
            "c": (2, "close_action = start\n"),
        }
    )
    for g in (s.right, s.left):
        g.start()
    for child in "bc":
        s.left.ask(f"initiate {child}")
    wait_for("all stand", lambda: len(s.left.children()) == 3, 5)
    before = s.left.children()
    for child in "abc":
        s.right.ask(f"terminate {child}")
    def only_c_anew():
        now = s.left.children()
        return list(now) == ["c"] and now["c"] != before["c"]

    wait_for("c comes back with other SAs, alone", only_c_anew, 5)
    expect("a stays closed", s.answered(0) == 0)
    s.opens(1)
    s.left.ask("terminate c")  # our own wish is nobody's reason to begin again
    time.sleep(1.5)
    expect("c stays closed", list(s.left.children()) == ["b"], s.left.children())


def keying_tries(s):
    nobody = "local_addrs = 192.0.2.1\n remote_addrs = 192.0.2.3\n local { auth = psk }\n remote { auth = psk }\n"
    once = f"once {{\n version = 1\n {nobody} children {{ n {{ remote_ts = 10.9.0.0/24\n start_action = start\n }} }}\n}}\n"
    s.right.conf({"a": (0, "")})
    s.left.conf({"a": (0, "start_action = trap\n")}, connection=" keyingtries = 2\n", more=once)
    s.left.start()
    ping = s.left.ns.start(
        *("ping", "-c1", "-W20", "-I", s.left.inner(0), s.right.inner(0))
    )  # one packet, sent before there is anybody
    wait_for("the first try is over", lambda: s.left.heard("failed", child="a"), 15)
    expect("it was the first", s.left.heard("failed", child="a")[0].get("tries") == 1, s.left.heard("failed"))
    s.right.start()
    wait_for("the second one finds the peer", s.left.children, 5)

    def protected():
        return [x["protected"] for x in s.left.ask("list") if x.get("event") == "stats"]

    wait_for("the packet, which has waited, goes out", lambda: protected() == [1], 2)
    ping.terminate()
    ping.wait()
    time.sleep(12)
    expect("who may try once does not try again", len(s.left.heard("failed", child="n")) == 1, s.left.heard("failed"))


def start_by_hand(s, encap=lambda a, b: ""):
    """Both sides with keys given by hand. `encap`: more words of the state from side a to side b, 0 or 1."""
    states, policies = "", ""
    for a, b in ((0, 1), (1, 0)):
        key = f"0x{'0123456789abcdef' * 2}{a:02x}"
        states += (
            f"state add src 192.0.2.{a + 1} dst 192.0.2.{b + 1} proto esp spi 0x{1000 + a} reqid 1 mode tunnel replay-window 32 "
            f"auth 'hmac(sha1)' 0x{'0b' * 19}{a:02x} enc 'cbc(aes)' {key[:34]} {encap(a, b)}\n"
        )
        for direction, where in (("out", a), ("in", b)):
            policies += (
                f"{where} policy add dir {direction} src 10.{a + 1}.0.0/24 dst 10.{b + 1}.0.0/24 "
                f"tmpl src 192.0.2.{a + 1} dst 192.0.2.{b + 1} proto esp reqid 1 mode tunnel\n"
            )
    for side, g in enumerate((s.left, s.right)):
        own = "".join(line[2:] + "\n" for line in policies.splitlines() if line.startswith(f"{side} "))
        (g.folder / "xfrm").write_text(states + own)
        g.start("--xfrm", g.folder / "xfrm")


def keys_by_hand_in_udp(s):
    ports = (4500, 4600)  # of left and right
    start_by_hand(s, lambda a, b: f"encap espinudp {ports[a]} {ports[b]} 0.0.0.0")
    with s.left.ns.inside():  # all that reaches us: IP and what is in it
        heard = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    with heard:
        heard.bind(("out", 0x0800))
        heard.settimeout(1)
        s.ping(0)
        seen = []
        with contextlib.suppress(TimeoutError):
            while len(seen) < 6:
                seen.append(heard.recv(2048))
    found = {(p[9], int.from_bytes(p[20:22], "big"), int.from_bytes(p[22:24], "big"), p[28:32].hex()) for p in seen}
    wanted = {(17, 4600, 4500, "00001001")}
    expect("ESP came in UDP, between the ports that the file says", wanted <= found and all(f[0] == 17 for f in found), found)


def narrow_link(s):
    """The link takes less than the TUN device and the headers around: packets that may not be cut are answered, others are cut."""
    for ns in s.spaces:
        ns.ip("link", "set", "out", "mtu", "1300")
    start_by_hand(s)

    def ping(how, size, wait=1):
        command = ("ping", "-n", "-c1", f"-W{wait}", "-M", how, "-s", str(size - 28), "-I", s.left.inner(0), s.right.inner(0))
        return s.left.ns.run(*command, check=False)

    s.ping(0)
    for _ in range(3):  # before the source knows of the size, or it would cut by itself
        expect("what may be cut is cut, in both directions", " 0% packet loss" in (said := ping("dont", 1340, 2)), said)
    expect("what must not be cut and does not fit is answered", "(mtu = 1230)" in (said := ping("do", 1340)), said)
    # 1300 less outer header, ESP header, IV and ICV, down to whole blocks, less pad length and next header
    expect("the source believes it", "mtu=1230" in (said := ping("do", 1231)), said)
    expect("what was said to fit does", " 0% packet loss" in (said := ping("do", 1230)), said)
    left, right = ([x for x in g.ask("list") if x.get("event") == "stats"][0] for g in (s.left, s.right))
    expect("both are counted", left["cut"] == 3 and right["cut"] == 3 and left["too_big"] == 1, (left, right))
    expect("and nothing was lost", left["send_refused"] == 0 and right["send_refused"] == 0, (left, right))
    s.ping(0, count=40)  # the buffers are as they were


def transport_mode_for_others(s):
    """A gateway protects what passes through it in tunnels (RFC 2401 §4.1)."""
    (s.left.folder / "xfrm").write_text("policy add dir out src 10.1.0.0/16 dst 10.2.0.0/16 tmpl proto esp mode transport\n")
    with open(s.left.folder / "err", "wb") as err:
        ended = s.left.ns.start(BIN / "gateway", "--xfrm", s.left.folder / "xfrm", stderr=err).wait(5)
    said = (s.left.folder / "err").read_text()
    expect("it is refused, with what to do", ended == 2 and "10.1.0.0" in said and "write mode tunnel" in said, (ended, said))


CASES = [
    keys_by_hand_in_udp,
    narrow_link,
    transport_mode_for_others,
    reload_keeps_what_did_not_change,
    reload_begins_a_changed_connection_anew,
    dead_peer_actions,
    close_actions,
    keying_tries,
]


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def main(cases, tag):
    if sys.platform != "linux" or os.geteuid() != 0:
        skip("TUN devices and network namespaces need root on Linux")
    if not os.path.exists("/dev/net/tun"):
        skip("no /dev/net/tun")
    for tool in ("ip", "ping", "ethtool", "unshare"):
        if not shutil.which(tool):
            skip(f"no {tool}")
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode != 0:
        skip("this system gives no network namespaces")
    # inside of a chroot, say, there are namespaces but `ip netns` cannot enter them
    if subprocess.run(["unshare", "--net", "--mount", "mount", "--make-rslave", "/"], capture_output=True, check=False).returncode != 0:
        skip("the root of this system is no mount point, as ip netns wants it")
    net.TAG = tag
    wanted = sys.argv[1:]
    net.sweep()
    work, failed = net.folder(), 0
    try:
        for case in cases:
            if wanted and not any(w in case.__name__ for w in wanted):
                continue
            begun = time.monotonic()
            scene = Scene(work, case.__name__)
            try:
                case(scene)
                verdict = "ok      "
            except (Failed, OSError, AssertionError, ValueError, LookupError) as why:
                failed += 1
                verdict = "FAILED  "
                print(f"{case.__name__}: {type(why).__name__}: {why}")
                for g in (scene.left, scene.right):
                    with contextlib.suppress(OSError):
                        print((g.folder / "out").read_text()[-3000:], (g.folder / "err").read_text()[-500:])
            finally:
                scene.finish()
            print(f"{verdict}{case.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(CASES, "gwtest"))
