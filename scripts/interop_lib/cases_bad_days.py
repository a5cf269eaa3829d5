"""Bad days, with strongSwan in user space: peers that die, secrets and suites that do not fit, bad wires, floods."""
import dataclasses
import re
import signal
import threading
import time

from . import traffic
from .cases_strongswan import ROLES, strongswan
from .net import Failed, wait_for
from .plan import PEER, Plan


def attempt(side):
    """Initiates, beside what the cell does, and lets it fail. @return the thread"""

    def run():
        try:
            side.initiate()
        except Failed:
            pass

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def killed(exchange, role, messages):
    @strongswan(
        f"killed/{exchange}-mode/{role}",
        f"the peer is killed after message {messages} of {exchange.title()} Mode, we are the {role}; it comes back",
    )
    def _(bench):
        plan = Plan(start_action="trap", dpd=True)
        bench.configure(plan, peer=dataclasses.replace(plan, start_action="none"))
        with bench.relay("--stop-after", exchange, messages) as relay:
            trying = attempt(bench.ours if role == "initiator" else bench.peer)
            relay.wait("stopped", 5)
            bench.peer.die()
            bench.peer.restart()
            relay.send(signal.SIGUSR1)
            trying.join(10)
            if role == "responder":
                bench.peer.initiate()
            bench.come_back(14)


for side in ROLES:
    killed("main", side, 3 if side == "initiator" else 4)
    killed("quick", side, 1 if side == "initiator" else 2)


def refused(name, what, role, ours, evidence=None):
    """With `ours` for our side there is no SA; with the same plan as the peer's there is one."""

    @strongswan(f"{name}/{role}", f"{what}, we are the {role}: no SA, and nothing in the way of a later one")
    def _(bench):
        bench.configure(Plan(), ours=ours)
        trying = attempt(bench.ours if role == "initiator" else bench.peer)
        time.sleep(2)
        for one in (bench.ours, bench.peer):
            if one.sas().children:
                raise Failed(f"{one.name} has SAs")
        if traffic.ping(bench.ours.ns, *bench.plan.addresses("ours"), count=1, wait=0.3):
            raise Failed("a ping was answered")
        if evidence and not re.search(evidence[role], bench.peer.log()):
            raise Failed(f"the peer's log does not have '{evidence[role]}'")
        bench.ours.configure(bench.plan, bench.folder)
        trying.join(15)
        (bench.ours if role == "initiator" else bench.peer).initiate()
        bench.wait_up()
        bench.ping()


NO_PROPOSAL = {"initiator": "generating INFORMATIONAL_V1 request .*N\\(NO_PROP\\)", "responder": "received NO_PROPOSAL_CHOSEN"}
for side in ROLES:
    refused("wrong-psk", "the secrets differ", side, Plan(psk="another secret"))
    refused("no-common-suite/ike", "no suite of phase 1 in common", side, Plan(ike="aes256-sha256-modp3072"), NO_PROPOSAL)
    refused("no-common-suite/esp", "no suite of ESP in common", side, Plan(esp="aes256-sha256"), NO_PROPOSAL)


@strongswan("interface-down", "our interface goes down for two seconds under traffic and comes back")
def _(bench):
    bench.connect(Plan(), "initiator")
    own, other = bench.plan.addresses("ours")
    flow = traffic.Flow(bench.ours.ns, own, bench.peer.ns, other, rate=500)
    flow.start()
    try:
        time.sleep(0.5)
        before = flow.sent[0]
        bench.ours.ns.ip("link", "set", "eth0", "down")
        time.sleep(2)
        bench.ours.ns.ip("link", "set", "eth0", "up")
        traffic.ping_until(bench.ours.ns, own, other, 8)
        bench.ping()
        time.sleep(0.5)
    finally:
        result = flow.finish()
        # what IPv6 lost with the interface
        bench.ours.ns.ip("addr", "replace", "fd77::1/64", "dev", "eth0", "nodad")
        bench.ours.ns.ip("route", "replace", "10.128.0.0/9", "via", "10.77.0.3", "dev", "eth0")
    if any(twice for _, _, twice in result):
        raise Failed(flow.describe(result))
    if not any(flow.seen[0][before + 1100 :]):
        raise Failed(f"nothing arrived after the interface was up again: {flow.describe(result)}")


def lossy(role):
    @strongswan(f"bad-wire/{role}", f"20 % loss, reordering and duplication between us, we are the {role}")
    def _(bench):
        bench.configure(Plan())
        with bench.relay("--loss", 0.2, "--reorder", 0.1, "--duplicate", 0.1, "--seed", 1 + ROLES.index(role)) as relay:
            trying = attempt(bench.ours if role == "initiator" else bench.peer)
            bench.wait_up(15)
            trying.join(5)
            flow = traffic.Flow(
                bench.ours.ns, bench.plan.addresses("ours")[0], bench.peer.ns, bench.plan.addresses("peer")[0], rate=500
            )
            flow.start()
            time.sleep(2)
            result = flow.finish()
            carried = relay.end()
        for sent, lost, twice in result:
            if twice or not 0.1 * sent < lost < 0.35 * sent:
                raise Failed(flow.describe(result))
        bench.ping()
        return f"{carried}; {flow.describe(result)}"


for side in ROLES:
    lossy(side)


def unasked(side):
    """How many datagrams came to ports of a side at which nobody listens."""
    names, numbers = re.findall(r"(?m)^Udp: (.*)$", side.ns.run("cat", "/proc/net/snmp"))
    return int(dict(zip(names.split(), numbers.split()))["NoPorts"])


def flooded(bench, *how):
    """An honest peer, which was here before, connects while forged messages come. @return what was measured, and how many sent"""
    bench.connect(Plan(), "responder")  # by then all that a handshake takes is in memory
    bench.peer.terminate("ike")
    bench.wait_down()
    before = bench.ours.memory()
    with bench.flood("--rate", 50_000, "--seconds", 15, *how) as flood:
        time.sleep(1)
        bench.peer.initiate()
        wait_for("we have SAs", lambda: bench.ours.sas().children, 3)
        if not flood.process.alive():
            raise Failed("the flood was over before the handshake")
        bench.ping(1)
        during, until = [], time.monotonic() + 3
        while time.monotonic() < until:
            time.sleep(0.25)
            during.append(bench.ours.memory())
        said = flood.end()
    sent = int(said.split()[0])
    again = [int(n) for n in re.findall(r"sending retransmit (\d+)", bench.peer.log())]
    if max(again, default=0) > 3:
        raise Failed(f"the honest peer needed {max(again)} retransmissions; {said}")
    if sent < 100_000:
        raise Failed(f"no flood: {said}")
    if max(during) - before > 512:
        raise Failed(f"memory grew from {before} to {max(during)} kB; {said}")
    bench.ping()
    return f"{said}; {max(again, default=0)} retransmissions of the honest peer; memory {before} to {max(during)} kB", sent


def audited(bench, why, least):
    """Waits until so many refused messages were audited, with `why` among the reasons that were said. @return their number"""
    if bench.options.self_test:
        return 0

    def all_of_them():
        found = bench.ours.audits()
        return found[why] and found.total() >= least and found.total()

    return wait_for(f"{least} audit records, {why} among them", all_of_them, 3)


@strongswan("flood", "50 000 forged first messages a second, each from elsewhere, while an honest peer connects")
def _(bench):
    measured, sent = flooded(bench)
    return f"{measured}; {audited(bench, 'no peer with this address', sent // 2)} audited"


@strongswan("flood-as-the-peer", "the same with the honest peer's address: first messages, and third ones with bad cookies")
def _(bench):
    before = unasked(bench.peer)
    measured, sent = flooded(bench, "--source", PEER.outer[4])
    answered = unasked(bench.peer) - before
    if answered < sent // 4:
        raise Failed(f"{answered} first messages were answered; {measured}")
    return f"{measured}; {answered} answered, {audited(bench, 'responder cookie is not ours or too old', sent // 4)} audited"
