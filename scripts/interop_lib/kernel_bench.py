"""The guest kernel as the matrix needs it: one of its own, spoken to over one connection, and kernel_peer at our end of the cable."""
import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import textwrap

from .bench import Bench
from .net import Failed, Process, Skipped, run
from .plan import OURS, PEER
from .sides import Guest


MATRIX = pathlib.Path(__file__).resolve().parents[2] / "build" / "interop" / "matrix.txt"
SIGNS = {"passed": "+", "FAILED": "F", "kernel has none": "-", "ours has none": "o"}  # by how a verdict begins


class Line:
    """The guest's command loop, without a connection and a program for each command."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        self.socket.connect(str(path))
        self.answers = self.socket.makefile("rb")

    def ask(self, command):
        """@return status and output of a command of the guest's shell."""
        octets = command.encode() + b"\n"
        self.socket.sendall(b"%d\n" % len(octets) + octets)
        status, length = map(int, self.answers.readline().split())
        return status, self.answers.read(length).decode(errors="replace")

    def close(self):
        self.answers.close()
        self.socket.close()


class Peer:
    """kernel_peer: a line of JSON in, a line of JSON out."""

    def __init__(self, program, ns, own, guest):
        self.process = subprocess.Popen(
            ns.command(program, "tap0", own, guest), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    def ask(self, request):
        self.begin(request)
        return self.end()

    def begin(self, request):
        with contextlib.suppress(BrokenPipeError):  # `end` says so
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()

    def end(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"kernel_peer ended with {self.process.wait(5)}")
        return json.loads(line)

    def finish(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        Process(self.process).end()
        self.process.stdout.close()


class KernelMatrix(Bench):
    """What is learned about each cell goes into `results`, by row and column."""

    peer_program = line = guest = None
    results = None

    def make(self):
        if self.options.self_test:
            raise Skipped("the matrix is for the library alone")
        self.results = {}
        self.number = 0
        ns = self.namespace("ours")
        ns.sysctl("net.ipv6.conf.default.disable_ipv6=1", "net.ipv4.ip_forward=0")
        self.guest = Guest(ns, self.work / "guest")
        own = ns.run("cat", "/sys/class/net/tap0/address").strip()
        self.line = Line(self.work / "guest" / "control.sock")
        guest = self.tell("cat /sys/class/net/eth0/address").strip()
        for f, prefix, flags in ((4, 24, ""), (6, 64, " nodad")):
            self.tell(
                f"ip addr add {PEER.outer[f]}/{prefix} dev eth0{flags}; "
                f"ip neigh replace {OURS.outer[f]} lladdr {own} dev eth0 nud permanent"
            )
        # whole networks of hosts, ours behind our address and the guest's all in itself; sockets that take ESP out of UDP
        self.tell(
            f"ip route add 10.64.0.0/16 via {OURS.outer[4]}; ip route add 10.66.0.0/16 via {OURS.outer[4]}\n"
            f"ip -6 route add fd64::/16 via {OURS.outer[6]}; ip -6 route add fd66::/16 via {OURS.outer[6]}\n"
            "ip route add local 10.65.0.0/16 dev lo; ip -6 route add local fd65::/16 dev lo\n"
            "for i in all eth0; do echo 1 >/proc/sys/net/ipv4/conf/$i/accept_source_route\n"
            "echo 0 >/proc/sys/net/ipv4/conf/$i/rp_filter; done\n"
            f"socat -u UDP4-DATAGRAM:{OURS.outer[4]}:4500,bind=:4500,setsockopt-int=17:100:2 OPEN:/dev/null,wronly "
            ">/dev/null 2>&1 </dev/null &\n"
            f"socat -u UDP6-DATAGRAM:[{OURS.outer[6]}]:4500,bind=[::]:4500,ipv6only=1,setsockopt-int=17:100:2 OPEN:/dev/null,wronly "
            ">/dev/null 2>&1 </dev/null &\n"
            "for f in udp udp6; do until grep -q :1194 /proc/net/$f; do sleep 0.1; done; done"
        )
        self.program = self.options.gateway.parent / "kernel_peer"
        if not os.access(self.program, os.X_OK):
            raise Failed(f"{self.program} cannot be run")
        self.peer_program = Peer(self.program, ns, own, guest)
        self.version = self.tell("uname -r").strip()

    def algorithms(self):
        return json.loads(run(self.program, "--algorithms"))

    def tell(self, command):
        status, out = self.line.ask(command)
        if status != 0:
            raise Failed(f"in the guest: {' '.join(out.split())[-300:]}")
        return out

    def settle(self):
        pass

    def finish(self):
        if self.line:
            self.line.close()
        if self.peer_program:
            self.peer_program.finish()
        if self.guest:
            self.guest.finish()
        super().finish()
        if self.results:
            text = table(self.results, f"the matrix against Linux {self.version}")
            MATRIX.parent.mkdir(parents=True, exist_ok=True)
            MATRIX.write_text(text)
            print(text, end="", flush=True)

    # --- a row --------------------------------------------------------------------------------------------------------------
    def run_row(self, row):
        """Runs its cells. @return {column: "passed" or why not}"""
        numbered = []
        lines = []
        for cell in row.cells:
            self.number += 1
            numbered.append((self.number, cell, len(lines)))
            lines += cell.texts(self.number)[1].splitlines()
        (self.folder / "peer.xfrm").write_text("\n".join(lines) + "\n")
        _, said = self.line.ask(
            "while read -r l; do echo $l; done </proc/net/xfrm_stat; echo\n"  # each further program costs a twentieth of a second
            "exec ip -force -batch - 2>&1 <<'@@'\nxfrm state flush\nxfrm policy flush\n" + "\n".join(lines) + "\n@@"
        )
        counted, _, said = said.partition("\n\n")
        self.counters = counters_of(counted)
        refused = refusals(said)
        found = self.results.setdefault(row.name, {})
        for number, cell, first in numbered:
            found[cell.column] = self.run_cell(cell, number, first, refused)
        return found

    def run_cell(self, cell, number, first, refused):
        count = len(cell.texts(number)[1].splitlines())
        why = next((refused[n] for n in range(first + 3, first + count + 3) if n in refused), None)
        if why:
            return f"kernel has none: {why}"
        request = cell.request(number)
        theirs = cell.hosts(number)[1]
        if cell.home:
            self.tell(f"ip addr add {theirs}/128 dev lo home nodad")
        if cell.nat:
            self.echo(theirs)
        self.peer_program.begin(request)
        if cell.speaks:
            ours, theirs = cell.hosts(number)
            self.line.ask(
                f"ip addr add {theirs}/128 dev lo nodad; printf '%s' '{request['text']}' | "
                f"socat -u - '{','.join((f'UDP6-DATAGRAM:[{ours}]:7,bind=[{theirs}]', *cell.say))}'"
            )
        answer = self.peer_program.end()
        verdict = judged(request, answer)
        if verdict == "passed" or verdict.startswith("ours has none"):
            return verdict
        (self.folder / f"{cell.column}.xfrm").write_text(request["xfrm"])
        now = counters_of(self.tell("cat /proc/net/xfrm_stat"))
        grown = {k: n - self.counters[k] for k, n in now.items() if n != self.counters[k]}
        self.counters = now
        return verdict + "".join(f", {k} {n}" for k, n in grown.items())

    def echo(self, host):
        """The guest sends back what comes to UDP port 7 of that address."""
        six = ":" in host
        listen = f"UDP6-RECVFROM:7,bind=[{host}]" if six else f"UDP4-RECVFROM:7,bind={host}"
        count = f"$(grep -c ':0007 ' /proc/net/udp{'6' if six else ''})"
        self.tell(
            (f"ip addr add {host}/128 dev lo nodad; " if six else "")
            + f"n={count}; socat {listen},fork PIPE >/dev/null 2>&1 </dev/null &\n"
            + f"for i in $(seq 50); do [ {count} -gt ${{n:-0}} ] && exit 0; sleep 0.1; done; exit 1"
        )


def sign_of(verdict):
    return next(sign for begin, sign in SIGNS.items() if verdict.startswith(begin))


def table(results, title):
    """Rows of the same columns together; a column of many words is said by its words."""
    count = {begin: sum(v.startswith(begin) for r in results.values() for v in r.values()) for begin in SIGNS}
    lines = [f"{title}: " + ", ".join(f"{n} {begin} ({SIGNS[begin]})" for begin, n in count.items())]
    shown = None
    for name, row in results.items():
        columns = list(row)
        if sum(len(c) + 1 for c in columns) > 110:
            lines.append(name)
            for begin, sign in SIGNS.items():
                if of_sign := [c for c in columns if row[c].startswith(begin)]:
                    lines += textwrap.wrap(" ".join(of_sign), 126, initial_indent=f"  {sign} ", subsequent_indent="    ")
            shown = None
            continue
        if columns != shown:
            lines += ["", " " * 32 + " ".join(columns)]
            shown = columns
        lines.append(f"{name:<32}" + " ".join(sign_of(row[c]).center(len(c)) for c in columns).rstrip())
    return "\n".join(lines) + "\n"


def counters_of(text):
    """Why the kernel dropped what it dropped."""
    return {k: int(n) for k, n in (line.split() for line in text.splitlines())}


def refusals(said):
    """{line: what `ip -force -batch` said about it}"""
    refused, words = {}, []
    for line in said.splitlines():
        if at := re.match(r"Command failed -?\S*:(\d+)", line):
            refused[int(at[1])] = " ".join(words) or "refused"
            words = []
        else:
            words.append(line.strip())
    return refused


def judged(request, answer):
    """Both directions by name: the kernel took ours if it answered, and we took its answers if they were delivered."""
    if "refused" in answer:
        why = re.sub(r"^line \d+(, column \d+)?: ", "", answer["refused"])
        return f"{'ours has none' if answer['lacking'] else 'FAILED: ours refuses it'}: {why}"
    for asked, got in zip(request["rounds"], answer["rounds"]):
        sent = asked.get("send", list(range(len(asked["sizes"]))))
        answers = asked.get("answers", len(sent))
        wanted = right_answers(asked, sent, answers)
        if got["delivered"] == wanted or ("take" not in asked and sorted(got["delivered"]) == sorted(wanted)):
            continue
        faults = "".join(f", {n} {why}" for why, n in answer["faults"].items())
        if answer["lacking"] and not got["delivered"]:
            return f"ours has none: {faults[2:]}"
        if not got["answers"]:
            return f"FAILED: the kernel answered none of {got['sent']}{faults}"
        return f"FAILED: {got['sent']} sent, {got['answers']} came back, right are {got['delivered']}, wanted {wanted}{faults}"
    return "passed"


def right_answers(asked, sent, answers):
    """Places of the requests whose answers are to be delivered, in order."""
    if "text" in asked or not sent:
        return [0] * answers
    if "take" in asked:  # each the first time, but for what is left of the window
        top = asked["take"][0]
        return [i for at, i in enumerate(asked["take"]) if i not in asked["take"][:at] and top - i < asked["window"]]
    if answers == len(sent):
        return sent
    top = sent[0]
    return [i for at, i in enumerate(sent) if i not in sent[:at] and top - i < asked["window"]]
