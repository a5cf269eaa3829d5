"""strongSwan with ESP in user space: always NAT-T, always tunnel mode."""
import time

from . import traffic
from .bench import Wired
from .matrix import cell
from .net import Failed, wait_for
from .plan import NEIGHBOURS, Plan, neighbour
from .wire import dissect, kinds

IKE = ("des-md5-modp768", "3des-md5-modp1024", "3des-sha1-modp1536", "aes128-sha1-modp2048", "aes256-sha256-modp3072")
ESP = ("3des-md5", "aes128-sha1", "aes256-sha256", "aes128gcm16", "null-sha1")
ROLES = ("initiator", "responder")


def strongswan(name, what):
    return cell(name, what, "strongswan", Wired)


def suites(ike, esp, role):
    @strongswan(f"ike/{ike}/{role}", f"Main Mode with {ike}, we are the {role}; ping, Delete")
    def _(bench):
        bench.connect(Plan(ike=ike, esp=esp), role)
        bench.ping()
        (bench.ours if role == "initiator" else bench.peer).terminate("ike")
        bench.wait_down()


def transforms(ike, esp, pfs, role):
    group = "-" + ike.rsplit("-", 1)[1] if pfs else ""

    @strongswan(
        f"esp/{esp}/{'pfs' if pfs else 'no-pfs'}/{role}",
        f"ESP {esp}{group} under {ike}, we are the {role}; ping, 10 MB over TCP each way",
    )
    def _(bench):
        bench.connect(Plan(ike=ike, esp=esp + group), role)
        bench.ping()
        bench.ping(1, size=1200)
        own, other = bench.plan.addresses("ours")
        there = traffic.copy(bench.ours.ns, own, bench.peer.ns, other)
        back = traffic.copy(bench.peer.ns, other, bench.ours.ns, own)
        return f"{there:.0f} and {back:.0f} Mbit/s"


def decrypts(ike, esp):
    @strongswan(f"wire/{ike}/{esp}", "tshark opens every message and every packet with the tables of --log-keys")
    def _(bench):
        bench.needs("key log")
        with bench.capture() as file:
            bench.connect(Plan(ike=ike, esp=esp), "initiator")
            bench.ping(5)
            bench.ours.terminate("ike")
            bench.wait_down()
            time.sleep(0.3)
        seen = dissect(file, bench.folder / "keys")
        if seen.sealed < 6 or not seen.shows(pings=20):
            raise Failed(f"tshark: {seen}")
        return f"{seen.isakmp} messages, {seen.protected} packets"


for at, suite in enumerate(IKE):
    for side in ROLES:
        suites(suite, ESP[at], side)
for at, transform in enumerate(ESP):
    for with_pfs in (False, True):
        for side in ROLES:
            transforms(IKE[at], transform, with_pfs, side)
for at, suite in enumerate(IKE):
    decrypts(suite, ESP[at])


def flowing(bench, changed, begin, what):
    """Numbered datagrams over a rekey: `begin` starts it, `changed` says that it happened. Each must arrive exactly once."""
    own, other = bench.plan.addresses("ours")
    flow = traffic.Flow(bench.ours.ns, own, bench.peer.ns, other)
    flow.start()
    try:
        time.sleep(1)
        begin()
        wait_for(what, changed, 10)
        time.sleep(1.5)
    finally:
        result = flow.finish()
    if any(lost or twice for _, lost, twice in result):
        raise Failed(flow.describe(result))
    if flow.achieved() < 2000 * 0.98:
        raise Failed(f"this machine sent {flow.achieved():.0f} a second each way only")
    return f"{result[0][0]} and {result[1][0]} datagrams, {flow.achieved():.0f} a second each way"


def rekeys(what, who):
    field = "children" if what == "child" else "ike"

    @strongswan(
        f"rekey/{what}/{who}",
        f"{'we rekey' if who == 'ours' else 'the peer rekeys'} the {'child' if what == 'child' else 'ISAKMP'} SA "
        "under 2000 numbered datagrams a second each way",
    )
    def _(bench):
        plan = ours = Plan(esp="aes128-sha1-modp2048")
        if who == "ours":  # soon, and after that no more
            ours = Plan(
                esp=plan.esp,
                **(
                    {"child": ("rekey_time = 4s", "life_time = 30s", "rand_time = 0s")}
                    if what == "child"
                    else {"connection": ("rekey_time = 4s", "over_time = 26s", "rand_time = 0s")}
                ),
            )
        bench.connect(plan, "initiator", ours=ours)
        bench.ping()
        before = getattr(bench.peer.sas(), field)
        return flowing(
            bench,
            lambda: getattr(bench.peer.sas(), field) - before,
            lambda: who == "ours" or bench.peer.rekey(what),
            "the rekey",
        )


for subject in ("child", "ike"):
    for one in ("ours", "peer"):
        rekeys(subject, one)


def deletes(what, who):
    subject_, sender = "child" if what == "child" else "ISAKMP", "us" if who == "ours" else "the peer"

    @strongswan(
        f"delete/{what}/{who}",
        f"Delete of the {subject_} SA from {sender}, then up again",
    )
    def _(bench):
        bench.connect(Plan(), "initiator")
        bench.ping()
        getattr(bench, who).terminate(what)
        bench.wait_down(what)
        if what == "child" and not bench.peer.sas().ike:
            raise Failed("the ISAKMP SA went with the child")
        if traffic.ping(bench.ours.ns, *bench.plan.addresses("ours"), count=1, wait=0.5):
            raise Failed("a ping was answered without SAs")
        bench.ours.initiate()
        bench.wait_up()
        bench.ping()


for subject in ("child", "ike"):
    for one in ("ours", "peer"):
        deletes(subject, one)


@strongswan("trap", "the first packet starts IKE and is not lost")
def _(bench):
    bench.needs("traps")
    bench.configure(Plan(start_action="trap"), peer=Plan())
    own, other = bench.plan.addresses("ours")
    traffic.must_ping(bench.ours.ns, own, other, count=1)
    bench.wait_up()
    bench.ping()


@strongswan("restart/peer-orderly", "the peer says Delete, ends, and comes back; traffic brings the SAs back")
def _(bench):
    bench.connect(Plan(start_action="trap"), "initiator", peer=Plan())
    bench.ping()
    bench.peer.stop()
    wait_for("our SAs are gone", lambda: not bench.ours.sas().ike, 5)
    bench.peer.restart()
    bench.come_back(10)


@strongswan("restart/peer-killed", "the peer is killed and comes back; dead peer detection and traffic bring the SAs back")
def _(bench):
    bench.connect(Plan(start_action="trap", dpd=True), "initiator", peer=Plan())
    bench.ping()
    bench.peer.die()
    bench.peer.restart()
    bench.come_back(14)


@strongswan("restart/ours-orderly", "we end by SIGTERM and leave no SA at the peer; then we come back")
def _(bench):
    bench.connect(Plan(), "initiator")
    bench.ping()
    bench.ours.stop()
    wait_for("the SAs of the peer are gone", lambda: not bench.peer.sas().ike, 5)
    bench.ours.restart()
    bench.ours.initiate()
    bench.wait_up()
    bench.ping()


@strongswan("restart/ours-killed", "we are killed and come back; the peer takes the new SAs")
def _(bench):
    bench.connect(Plan(), "initiator")
    bench.ping()
    bench.ours.die()
    bench.ours.restart()
    bench.ours.initiate()
    wait_for("we have SAs", lambda: bench.ours.sas().children, 10)
    traffic.ping_until(bench.ours.ns, *bench.plan.addresses("ours"), 8)
    bench.ping()


@strongswan("reload", "a reload that changes nothing drops nothing")
def _(bench):
    bench.connect(Plan(), "initiator")
    before = bench.ours.sas()
    own, other = bench.plan.addresses("ours")
    flow = traffic.Flow(bench.ours.ns, own, bench.peer.ns, other)
    flow.start()
    try:
        time.sleep(0.5)
        bench.ours.configure(bench.plan, bench.folder)
        time.sleep(1)
    finally:
        result = flow.finish()
    if any(lost or twice for _, lost, twice in result):
        raise Failed(flow.describe(result))
    if bench.ours.sas() != before:
        raise Failed("the SAs are other ones")


@strongswan("reload-changed", "SIGHUP, three times: the connections in front of and behind one under traffic are other ones")
def _(bench):
    bench.needs("SIGHUP")
    ike, esp = ("aes128-sha1-modp2048", "aes256-sha256-modp2048"), ("aes128-sha1", "aes256-sha256")

    def ours(n):  # of the first one the connection changes, of the third one the child
        first, third = NEIGHBOURS
        return Plan(
            start_action="start",
            before=neighbour("ours", first, ike[n % 2], esp[0], "start"),
            after=neighbour("ours", third, ike[0], esp[n % 2], "start"),
        )

    def once_each():
        found = bench.ours.children()
        return sorted(found) == ["net", "net1", "net3"] and all(len(pairs) == 1 for pairs in found.values()) and found

    def others(before):
        found = once_each()
        return found and all(found[name] != before[name] for name in ("net1", "net3")) and found

    all_of_them = (neighbour("peer", number, ",".join(ike), ",".join(esp), "none") for number in NEIGHBOURS)
    bench.configure(Plan(before="".join(all_of_them)), ours=ours(0))
    first = now = wait_for("three children", once_each, 10)
    own, other = bench.plan.addresses("ours")
    bench.ping()
    with bench.capture("ip"):
        flow = traffic.Flow(bench.ours.ns, own, bench.peer.ns, other, rate=1000)
        flow.start()
        try:
            for n in (1, 2, 3):
                time.sleep(0.5)
                bench.ours.hang_up(ours(n))
                now = wait_for("what changed is up again, and no more than that", lambda before=now: others(before), 5)
            wait_for("the peer has three children", lambda: len(bench.peer.sas().children) == 3, 5)
            time.sleep(1)
        finally:
            result = flow.finish()
        time.sleep(0.3)
    if any(lost or twice for _, lost, twice in result):
        raise Failed(flow.describe(result))
    if flow.achieved() < 1000 * 0.98:
        raise Failed(f"this machine sent {flow.achieved():.0f} a second each way only")
    if once_each() is False or bench.ours.children()["net"] != first["net"]:
        raise Failed(f"at the end there are {bench.ours.children()}, at the beginning there were {first}")
    seen = kinds(bench.folder / "wire.pcap")
    if set(seen) - {"ESP in UDP", "IKE", ""} or seen["ESP in UDP"] < sum(sent for sent, _, _ in result):
        raise Failed(f"on the wire: {dict(seen)}")
    return f"{flow.describe(result)}; {seen['ESP in UDP']} packets on the wire"
