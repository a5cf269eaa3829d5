"""Faults on purpose against strongSwan: `testing/faults.hpp` in an endpoint of its own (tests/interop/faulty_peer.cpp).

Each cell ends with a tunnel that carries an echo: after retransmission, or, where the peer refused what was faulty, after another
exchange without a fault. In between nothing half-installed may remain, at either end."""
import contextlib
import dataclasses
import json
import subprocess
import time

from .bench import Wired
from .matrix import cell
from .net import Failed, Process, wait_for
from .plan import OURS, PEER, PSK, Plan
from .sides import NONE, Sas

PLAN = Plan(ike="aes128-sha1-modp1024", esp="aes128-sha1")


class Faulty:
    """The program: a word in, its state out."""

    def __init__(self, bench, fault):
        program = bench.options.gateway.parent / "faulty_peer"
        command = bench.ours.ns.command(program, OURS.outer[4], PEER.outer[4], PSK, fault)
        self.errors = open(bench.folder / "ours.log", "ab")
        self.states = open(bench.folder / "ours.jsonl", "a")
        self.started = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True, start_new_session=True
        )

    def ask(self, word):
        with contextlib.suppress(BrokenPipeError):  # the next line says so
            self.started.stdin.write(word + "\n")
            self.started.stdin.flush()
        line = self.started.stdout.readline()
        if not line:
            raise Failed(f"faulty_peer ended with {self.started.wait(5)}")
        self.states.write(line)
        return json.loads(line)

    def sas(self):
        state = self.ask("list")
        return Sas(state["ike"], state["children"])

    def has_echo(self):
        """Whether an echo came back through the tunnel."""
        before = self.ask("ping")["echoes"]
        time.sleep(0.05)
        return self.ask("list")["echoes"] > before

    def finish(self):
        with contextlib.suppress(BrokenPipeError):
            self.started.stdin.close()
        Process(self.started).end()
        for file in (self.started.stdout, self.errors, self.states):
            file.close()


@contextlib.contextmanager
def faulty(bench, fault):
    bench.needs("faults")
    bench.plan = PLAN
    bench.peer.set("charon.retransmit_timeout = 0.5", "charon.retransmit_base = 1.5", "charon.retransmit_tries = 4")
    ours = None
    try:
        bench.peer.configure(PLAN, bench.folder)
        ours = Faulty(bench, fault)
        yield ours
        ours.ask("close")
        wait_for("the SAs of strongSwan are gone", lambda: bench.peer.sas() == NONE, 5)
    finally:
        if ours:
            ours.finish()
        bench.peer.set()


def begin(bench, ours, role):
    """An attempt, whatever becomes of it."""
    if role == "initiator":
        ours.ask("start")
    else:
        with contextlib.suppress(Failed):
            bench.peer.swanctl("--initiate", "--child", "net", "--timeout", 5)


def stands(bench, ours):
    """One pair of SAs, the same at both ends, which carries an echo."""
    wait_for("there is an SA at each end", lambda: ours.sas().children and bench.peer.sas().children, 10)
    wait_for("an echo comes back", ours.has_echo, 5)
    mine, theirs = ours.sas(), bench.peer.sas()
    if mine.ike != 1 or len(mine.children) != 1 or len(theirs.ike) != 1 or len(theirs.children) != 1:
        raise Failed(f"we have {mine}, strongSwan has {theirs}")
    if mine.children[0][1] not in theirs.children:
        raise Failed(f"we send to {mine.children[0][1]}, strongSwan takes {theirs.children}")


def done(ours):
    """How many faults were done: one that hits nothing tests nothing."""
    if not (count := ours.ask("list")["done"]):
        raise Failed("no fault was done")
    return count


def made_up_for(fault, what, role):
    @cell(f"faults/{fault}/{role}", f"each message of ours is {what}, we are the {role}; one tunnel, ping", "strongswan", Wired)
    def _(bench):
        with faulty(bench, fault) as ours:
            begin(bench, ours, role)
            stands(bench, ours)
            return f"{done(ours)} faults"


REFUSED, SILENCE = "refused by the peer", "no answer from the peer"  # a word that nothing vouches for ends no exchange


@dataclasses.dataclass(frozen=True)
class Refusal:
    fault: str
    role: str
    what: str
    words: str  # of strongSwan's log
    ours: str = ""  # why we gave up; empty where the other end begins anew, and nothing is ours to give up


def refused(row):
    @cell(
        f"faults/{row.fault}/{row.role}",
        f"{row.what}, we are the {row.role}; strongSwan refuses it, nothing is left of it, and the next attempt stands",
        "strongswan",
        Wired,
    )
    def _(bench):
        with faulty(bench, row.fault) as ours:
            begin(bench, ours, row.role)
            wait_for(f"strongSwan says '{row.words}'", lambda: row.words in bench.peer.log(), 5)
            done(ours)
            if row.ours:
                wait_for(f"we hear that it is '{row.ours}'", lambda: row.ours in ours.ask("list")["failures"], 5)
            if ours.ask("list")["installed"] or bench.peer.sas().children:
                raise Failed(f"half-installed: we have {ours.ask('list')}, strongSwan has {bench.peer.sas()}")
            begin(bench, ours, row.role)
            stands(bench, ours)


for side in ("initiator", "responder"):
    made_up_for("dropped", "lost the first time", side)
    made_up_for("doubled", "sent twice", side)
    made_up_for("delayed", "late by one", side)
    made_up_for("replayed", "followed by an earlier one", side)
    refused(
        Refusal(
            "bad-hash",
            side,
            "HASH_I or HASH_R of something else",
            "calculated HASH does not match HASH payload",
            SILENCE if side == "initiator" else "",
        )
    )
TWICE = "more than 1 times (2) occurred in current message"
NO_NONCE = "NONCE payload missing in message"
for refusal in (
    Refusal("no-such-cipher", "initiator", "an offer of a cipher that nobody has", "no proposal found", SILENCE),
    Refusal("no-ke", "initiator", "no KE payload", "KE payload missing in message", SILENCE),
    Refusal("two-offers", "initiator", "two SA payloads", f"payload of type SECURITY_ASSOCIATION_V1 {TWICE}", SILENCE),
    Refusal("two-identities", "initiator", "two identities", f"payload of type ID_V1 {TWICE}", SILENCE),
    Refusal("no-such-transform", "initiator", "a transform that nobody has, and a HASH of it", "sending NO_PROPOSAL_CHOSEN", REFUSED),
    Refusal("not-the-hash-of-it", "initiator", "the same behind the HASH", "integrity check failed", REFUSED),
    Refusal("other-client", "initiator", "clients that policy has not", "no matching CHILD_SA config found for 172.16", REFUSED),
    Refusal("no-nonce", "initiator", "no nonce in Quick Mode, under a HASH that holds", NO_NONCE, REFUSED),
    Refusal("two-nonces", "initiator", "two nonces in Quick Mode", f"payload of type NONCE_V1 {TWICE}", REFUSED),
    Refusal("no-such-cipher", "responder", "a choice that was not offered", "no proposal found"),
    Refusal("no-such-transform", "responder", "a transform not offered", "no acceptable ENCRYPTION_ALGORITHM found", SILENCE),
    Refusal("no-nonce", "responder", "no nonce in Quick Mode, under a HASH that holds", NO_NONCE, SILENCE),
):
    refused(refusal)


@cell("faults/forced/initiator", "cookie, nonces and message id are forced; one tunnel, ping", "strongswan", Wired)
def _(bench):
    with faulty(bench, "forced") as ours:
        begin(bench, ours, "initiator")
        stands(bench, ours)
        state = ours.ask("list")
        if state["cookies"] != ["c00c000000000000"] or state["message_ids"] != [0x1234]:
            raise Failed(f"they are {state['cookies']}, {state['message_ids']}")
        if "initiator-spi=c00c000000000000" not in bench.peer.swanctl("--list-sas", "--raw"):
            raise Failed("strongSwan has another cookie")


@cell(
    "faults/message-id-again/initiator",
    "a second Quick Mode under the message id of the first: strongSwan refuses it, and the tunnel stands as before",
    "strongswan",
    Wired,
)
def _(bench):
    with faulty(bench, "message-id-again") as ours:
        begin(bench, ours, "initiator")
        stands(bench, ours)
        before = bench.peer.sas()
        begin(bench, ours, "initiator")
        words = "QUICK_MODE request with message ID 4660 processing failed"
        wait_for(f"strongSwan says '{words}'", lambda: words in bench.peer.log(), 5)
        wait_for(f"we hear that it is '{REFUSED}'", lambda: REFUSED in ours.ask("list")["failures"], 5)
        stands(bench, ours)
        if bench.peer.sas() != before:
            raise Failed(f"strongSwan has {bench.peer.sas()} in place of {before}")
