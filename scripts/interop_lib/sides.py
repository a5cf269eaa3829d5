"""The two sides of a cell: our gateway, and the peers that `scripts/peers` starts. All of them are driven alike."""
import collections
import contextlib
import json
import pathlib
import re
import signal
import socket

from . import traffic
from .net import Failed, Process, run, wait_for

PEERS = pathlib.Path(__file__).resolve().parent.parent / "peers"

Sas = collections.namedtuple("Sas", "ike children")  # identifiers of what is established: of ISAKMP SAs, and of SA pairs
NONE = Sas(frozenset(), frozenset())


class Side:
    """One end of the cable. `who` is "ours" or "peer": which end of a plan it plays."""

    name = "?"
    cannot = {}  # what a stand-in for our side lacks: {ability: why}

    def __init__(self, who, ns):
        self.who, self.ns = who, ns

    def configure(self, plan, folder):
        """Has it run with this plan and nothing else; `folder` takes its configuration and what it says."""
        raise NotImplementedError

    def initiate(self):
        raise NotImplementedError

    def terminate(self, what):
        """Ends the SAs of the child ("child"), or the ISAKMP SA and all with it ("ike"), telling the other side."""
        raise NotImplementedError

    def sas(self):
        raise NotImplementedError

    def die(self):
        """Ends it without a word to anybody."""
        raise NotImplementedError

    def restart(self):
        """Starts it again with the plan it had."""
        raise NotImplementedError

    def settle(self):
        """After a case: no SA of it is left. Raises `Failed` when it did not survive the case."""
        raise NotImplementedError

    def log(self):
        """What it said since `configure`."""
        raise NotImplementedError

    def pid(self):
        raise NotImplementedError

    def memory(self):
        """Resident kilobytes."""
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.pid()}/status").read_text())[1])

    def finish(self):
        """Takes it down for good."""

    def ping(self, own, other, count=3, size=56):
        traffic.must_ping(self.ns, own, other, count, size)

    def addresses(self):
        """The IPv4 addresses of its devices, as `ip addr` says them."""
        return self.ns.ip("-4", "addr")


class Gateway(Side):
    """`examples/gateway`, a new process for each case."""

    name = "gateway"
    device = "ipsec0"

    def __init__(self, who, ns, program, work):
        super().__init__(who, ns)
        self.program, self.work = program, work
        self.process = self.folder = None
        self.input = []

    def configure(self, plan, folder):
        self.folder = folder
        (folder / "ours.conf").write_text(plan.swanctl_conf(self.who))
        plan.write_keys(self.who, folder)
        before, self.input = self.input, ["--config", folder / "ours.conf", *plan.options]
        if self.process and self.process.alive() and before == self.input:
            self._control("reload")
        else:
            self.finish()
            self.restart()

    def hang_up(self, plan):
        """The file says `plan` now, and SIGHUP has it read."""
        (self.folder / "ours.conf").write_text(plan.swanctl_conf(self.who))
        since = (self.folder / "ours.jsonl").stat().st_size
        self.process.send(signal.SIGHUP)

        def outcome():
            return [e for e in self.events(since) if e.get("event") in ("reloaded", "reload_refused")]

        if (said := wait_for("the gateway has reloaded", outcome, 5, pause=0.02)[0])["event"] != "reloaded":
            raise Failed(f"gateway: SIGHUP: {said}")

    def configure_keys(self, batch, folder):
        """Manual keys only, in the syntax of `ip -batch`. They are new for each run, as counter modes need them to be."""
        self.folder = folder
        (folder / "ours.xfrm").write_text(batch)
        self.input = ["--xfrm", folder / "ours.xfrm", "--allow-static-counter-keys"]
        self.restart()

    def restart(self):
        folder = self.folder
        (folder / "keys").mkdir(exist_ok=True)
        command = [self.program, *self.input, "--control", self.work / "control.sock", "--log-keys", folder / "keys"]
        with open(folder / "ours.jsonl", "ab") as out, open(folder / "ours.log", "ab") as errors:
            self.heard = out.tell()
            self.process = Process(self.ns.start(*command, stdout=out, stderr=errors))
        wait_for("the gateway is ready", self._ready, 5, pause=0.02)
        self.ns.ip("link", "set", self.device, "txqueuelen", 5000, check=False)

    def _ready(self):
        if not self.process.alive():
            raise Failed(f"the gateway ended: {self._last_words()}")
        return any(e.get("event") == "ready" for e in self.events(self.heard))

    def events(self, since=0):
        text = (self.folder / "ours.jsonl").read_bytes()[since:].decode(errors="replace")
        found = []
        for line in text.splitlines():
            with contextlib.suppress(ValueError):  # the last line may be half written
                found.append(json.loads(line))
        return found

    def audits(self):
        """How often each reason was audited; under "unsaid" those of which only the number was said."""
        counts = collections.Counter()
        for e in self.events():
            if e.get("event") == "audit":
                counts[e.get("why", "unsaid")] += e.get("unsaid", 1)
        return counts

    def _last_words(self):
        status = self.process.started.poll()
        words = (self.folder / "ours.log").read_text(errors="replace").strip() or self.log()
        return f"exit {status}: {' '.join(words.split())[-300:]}"

    def _control(self, command):
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(15)
            try:
                control.connect(str(self.work / "control.sock"))
                control.sendall(command.encode() + b"\n")
                answers = [json.loads(line) for line in control.makefile("r")]
            except (OSError, ValueError) as error:
                raise Failed(
                    f"gateway: {command}: {error}" + ("" if self.process.alive() else f"; {self._last_words()}")
                ) from error
        if not answers or not answers[-1].get("ok"):
            raise Failed(f"gateway: {command}: {answers[-1].get('error', answers[-1]) if answers else 'no answer'}")
        return answers[:-1]

    def initiate(self):
        self._control("initiate net")

    def terminate(self, what):
        self._control("terminate net" if what == "child" else "terminate ike gw")

    def sas(self):
        """@return what `list` says: lines with "sa": "ike" or "child" """
        lines = self._control("list")
        ike = frozenset(
            json.dumps(line.get("cookies")) for line in lines if line.get("sa") == "ike" and line.get("state") == "established"
        )
        children = frozenset(json.dumps(line.get("spi_in")) for line in lines if line.get("sa") == "child")
        return Sas(ike, children)

    def children(self):
        """@return {name: [SPIs of each of its pairs of SAs]}"""
        found = collections.defaultdict(list)
        for line in self._control("list"):
            if line.get("sa") == "child":
                found[line["child"]].append((*line["spi_in"], *line["spi_out"]))
        return dict(found)

    def pid(self):
        return self.process.pid

    def stop(self):
        """An orderly end. Raises `Failed` when it did not end, or not with 0."""
        status = self.process.end(signal.SIGTERM)
        if status != 0:
            raise Failed(f"the gateway ended badly after SIGTERM: {status}: {self._last_words()}")

    def die(self):
        self.process.end(signal.SIGKILL)

    def settle(self):
        process = self.process
        if process is None:
            return
        try:
            if not process.alive():
                raise Failed(f"the gateway did not survive: {self._last_words()}")
            self.stop()
        finally:
            self.finish()

    def log(self):
        return (self.folder / "ours.jsonl").read_text(errors="replace")

    def finish(self):
        if self.process:
            self.process.end(signal.SIGKILL)
            self.process = None


class Daemon(Side):
    """A peer that stays for many cases, here in a namespace or in a guest."""

    script = None

    def __init__(self, who, ns, state, guest=None, settings=()):
        super().__init__(who, ns)
        self.state, self.guest, self.settings = state, guest, settings
        self.running = False
        self.begun = 0
        self.plan = self.folder = None
        if not guest:
            run(PEERS / self.script, "root", timeout=600)  # made once, and no part of any case: it may take a minute

    def _script(self, *arguments, **how):
        return run(PEERS / self.script, arguments[0], self.state, *arguments[1:], **how)

    def start(self):
        if not self.running:
            where = ["--guest", self.guest.folder] if self.guest else ["--ns", self.ns.name]
            self._script("start", *where, *self.settings, timeout=60)
            self.running, self.begun = True, 0

    def configure(self, plan, folder):
        self.start()
        self.plan, self.folder = plan, folder
        self.begun = self.load()

    def load(self):
        """Has it run with its plan. @return how long its log was before"""
        raise NotImplementedError

    def log(self):
        return self._script("log", check=False)[self.begun :]

    def die(self):
        (self.folder / f"{self.who}.before.log").write_text(self.log())
        self._script("stop", "--kill")
        self.running = False

    def stop(self):
        (self.folder / f"{self.who}.before.log").write_text(self.log())
        self._script("stop")
        self.running = False

    def restart(self):
        self.start()
        self.load()

    def finish(self):
        if self.running:
            self._script("stop", check=False)
            self.running = False

    def ping(self, own, other, count=3, size=56):
        if self.guest:
            self.guest.ping(own, other, count, size)
        else:
            super().ping(own, other, count, size)

    def addresses(self):
        return self.guest.run("ip -4 addr") if self.guest else super().addresses()


class StrongSwan(Daemon):
    name = "strongSwan"
    script = "strongswan.sh"
    cannot = {
        "traps": "kernel-libipsec raises no acquire",
        "native": "kernel-libipsec always encapsulates in UDP, and knows tunnel mode only",
        "manual keys": "there is no way to give charon keys",
        "SIGHUP": "charon reads no connections upon SIGHUP",
        "fragment size": "charon has one for all, and the peer's is set in the cell",
        "drafts": "charon always says RFC 3947 as well",
        "key log": "charon writes no tables for Wireshark",
        "faults": "charon does none on purpose",
    }

    def load(self):
        conf = self.folder / f"{self.who}.conf"
        conf.write_text(self.plan.swanctl_conf(self.who))
        keys = self.folder / f"{self.who}.keys"
        keys.mkdir(exist_ok=True)
        self.plan.write_keys(self.who, keys)
        begun = int(self._script("load", conf, keys))
        if not self.guest:
            self.ns.ip("link", "set", "ipsec0", "txqueuelen", 5000, check=False)
        return begun

    def set(self, *settings):
        """Settings of strongswan.conf, for SAs that come from now on."""
        self.start()
        self._script("set", *settings)

    def pid(self):
        return int((self.state / "run" / "charon.pid").read_text())

    def swanctl(self, *arguments, **how):
        return self._script("swanctl", *arguments, **how)

    def initiate(self):
        self.swanctl("--initiate", "--child", "net", "--timeout", 15)

    def terminate(self, what):
        self.swanctl("--terminate", *(["--child", "net"] if what == "child" else ["--ike", "gw"]), "--timeout", 5)

    def rekey(self, what):
        self.swanctl("--rekey", *(["--child", "net"] if what == "child" else ["--ike", "gw"]))

    def sas(self):
        text = self.swanctl("--list-sas", "--raw")
        ike = re.findall(r"gw \{uniqueid=(\d+) version=1 state=ESTABLISHED", text)
        children = re.findall(r"state=INSTALLED [^{}]*?spi-in=(\w+)", text)
        return Sas(frozenset(ike), frozenset(children))

    def settle(self):
        if not self.folder:
            return
        if not self.running:
            self.start()
        self.swanctl("--terminate", "--ike", "gw", "--force", "--timeout", 3, check=False)  # says so where there is none
        (self.folder / f"{self.who}.log").write_text(self.log())


class Libreswan(Daemon):
    name = "libreswan"
    script = "libreswan.sh"

    def load(self):
        begun = len(self._script("log"))
        conf, secrets = self.folder / f"{self.who}.conf", self.folder / f"{self.who}.secrets"
        conf.write_text(self.plan.ipsec_conf(self.who))
        secrets.write_text(self.plan.ipsec_secrets())
        keys = self.folder / f"{self.who}.keys"
        if self.plan.auth != "psk":
            keys.mkdir(exist_ok=True)
            self.plan.write_keys(self.who, keys)
            made = ["-inkey", keys / "private/end.pem", "-in", keys / "x509/end.pem", "-out", keys / "end.p12"]
            run("openssl", "pkcs12", "-export", "-name", "end", "-passout", "pass:interop", *made)
        self._script("load", conf, secrets, *([keys] if self.plan.auth != "psk" else []))
        return begun

    def whack(self, *arguments, **how):
        return self._script("whack", *arguments, **how)

    def initiate(self):
        self.whack("--name", "net", "--initiate")

    def terminate(self, what):
        if what == "ike":
            self.whack("--name", "net", "--terminate")
            return
        for number in re.findall(r'#(\d+): "net".*?IPsec SA established', self.whack("--status")):
            self.whack("--deletestate", number)

    def sas(self):
        text = self.whack("--status")
        ike = re.findall(r'#(\d+): "net".*?(?:ISAKMP SA established|STATE_(?:MAIN|AGGR)_[IR]\d \(IKE SA established)', text)
        children = re.findall(r'#(\d+): "net".*?IPsec SA established', text)
        return Sas(frozenset(ike), frozenset(children))

    def settle(self):
        if not self.folder:
            return
        if not self.running:
            self.start()
        self.whack("--name", "net", "--terminate", check=False)
        (self.folder / f"{self.who}.log").write_text(self.log())


class Guest:
    """An emulated Linux kernel at the end of the cable tap0 of a namespace."""

    def __init__(self, ns, folder, root=None):
        self.ns, self.folder = ns, folder
        # it goes before what else this machine does: packets are lost while the emulator waits for a core
        run("nice", "-n", -10, PEERS / "guest.sh", "start", folder, "--ns", ns.name, *(["--root", root] if root else []), timeout=120)

    def run(self, command, **how):
        return run(PEERS / "guest.sh", "run", self.folder, command, **how)

    def put(self, file, path):
        run(PEERS / "guest.sh", "put", self.folder, file, path)

    def ping(self, own, other, count=3, size=56, within=None):
        """With `within` it pings until so many are answered, or for so many seconds."""
        how = f"-w {within} -i 0.5" if within else "-i 0.1 -W 2"
        out = self.run(f"ping -n -q -c {count} {how} -s {size} -I {own} {other}; true")
        seen = re.search(r"(\d+) received", out)
        if not seen or int(seen[1]) != count:
            raise Failed(f"ping -s {size} {own} > {other} in the guest: {seen[1] if seen else 'none'} of {count} answered")

    def finish(self):
        run(PEERS / "guest.sh", "stop", self.folder, check=False)
