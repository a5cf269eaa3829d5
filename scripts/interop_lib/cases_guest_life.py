"""strongSwan on a Linux kernel of its own: what becomes of SAs under which the kernel protects packets."""
import contextlib
import dataclasses
import re
import time

from . import traffic
from .bench import GuestStrongSwan
from .cases_nat import FIRST, SECOND, port_at_peer
from .matrix import cell
from .net import Failed, wait_for
from .plan import Plan
from .sides import NONE
from .wire import Watch, spis


def native(name, what):
    return cell(f"native/{name}", what, "strongswan", GuestStrongSwan)


@contextlib.contextmanager
def pinging(bench, protection, renewed=False):
    """Pings beside what the cell does. Each must be answered once, and be on the wire protected so; with `renewed` by the SAs
    that were there first and by others after them. Yields a list that then has how many there were."""
    note = []
    file = bench.folder / "wire.pcap"
    watch = Watch(*bench.tap(), file)
    try:
        pings = traffic.Pings(bench.ours.ns, *bench.plan.addresses("ours"))
        try:
            yield note
        finally:
            sent, lost = pings.end()
            time.sleep(0.1)
    finally:
        seen = watch.end()
    if lost or sent < 25:
        raise Failed(f"{len(lost)} of {sent} pings were not answered once, the first ones are {lost[:3]}")
    found = {kind for kind, _ in seen} - {""}
    if found - {"IKE"} != {protection} or any(seen[protection, leaves] < sent - 1 for leaves in (True, False)):
        raise Failed(f"{sent} pings, and on the wire is {dict(seen)}")
    if renewed and sorted(map(len, spis(file).values())) != [2, 2]:
        raise Failed(f"packets went by {[len(s) for s in spis(file).values()]} SAs each way")
    note.append(f"{sent} pings, each answered once")


def pinged(bench):
    """Before something happens: an echo passes both SAs, and a ping from the guest as well would take it half a second."""
    bench.ours.ping(*bench.plan.addresses("ours"))


def others(side, field, before):
    return lambda: getattr(side.sas(), field) - getattr(before, field)


@native("rekey/ours", "ESP in tunnel mode: we rekey the child and the ISAKMP SA under pings, each answered once; then ping")
def _(bench):
    bench.needs("native")
    plan = Plan(esp="aes128gcm16")
    soon = dataclasses.replace(
        plan,
        connection=("rekey_time = 4s", "over_time = 26s", "rand_time = 0s"),
        child=("rekey_time = 3s", "life_time = 30s", "rand_time = 0s"),
    )
    bench.connect(plan, "initiator", ours=soon)
    ours, peer = bench.ours.sas(), bench.peer.sas()
    with pinging(bench, "ESP", renewed=True) as note:
        bench.peer.ping(*bench.plan.addresses("peer"))
        for what in ("children", "ike"):
            wait_for(f"we have others of our {what}", others(bench.ours, what, ours), 6)
        time.sleep(0.3)
    bench.ping()
    now = bench.peer.sas()
    if not now.children - peer.children or not now.ike - peer.ike:
        raise Failed(f"strongSwan has {now}, and had {peer}")
    return note[0]


@native(
    "rekey/peer",
    "AH in transport mode: the peer rekeys the child, then the ISAKMP SA, under pings, each answered once; then ping",
)
def _(bench):
    bench.needs("native")
    bench.connect(Plan(esp="", ah="sha256-modp2048", mode="transport"), "responder")
    pinged(bench)
    with pinging(bench, "AH", renewed=True) as note:
        for what, field in (("child", "children"), ("ike", "ike")):
            before = bench.ours.sas()
            bench.peer.rekey(what)
            wait_for(f"we have others of our {field}", others(bench.ours, field, before), 5)
        time.sleep(0.3)
    bench.ping()
    return note[0]


IN_FRAGMENTS = Plan(auth="rsa", fragmentation=True, esp="aes256-sha256", options=("--fragment-size", 512))


def in_fragments(bench):
    log = bench.peer.log()
    for word in ("splitting IKE message", "received fragment #"):
        if word not in log:
            raise Failed(f"strongSwan never says '{word}'")


@native(
    "reauthentication/ours",
    "RSA, certificates in IKE fragments both ways: we begin anew under pings, each answered once; the child goes on; ping",
)
def _(bench):
    bench.needs("native")
    soon = ("rekey_time = 3s", "over_time = 26s", "rand_time = 0s")
    bench.connect(IN_FRAGMENTS, "initiator", ours=dataclasses.replace(IN_FRAGMENTS, connection=soon))
    in_fragments(bench)
    before = bench.peer.sas()
    with pinging(bench, "ESP") as note:
        bench.peer.ping(*bench.plan.addresses("peer"))
        wait_for("strongSwan has another ISAKMP SA", others(bench.peer, "ike", before), 8)
    bench.ping()
    if bench.peer.sas().children != before.children:
        raise Failed("the child is another one")
    return note[0]


@native(
    "reauthentication/peer",
    "the same, and the peer begins anew and ends the old ISAKMP SA: the child goes on under the new one; ping",
)
def _(bench):
    bench.needs("native")
    bench.connect(IN_FRAGMENTS, "responder")
    in_fragments(bench)
    pinged(bench)
    before = bench.peer.sas()
    with pinging(bench, "ESP") as note:
        bench.peer.swanctl("--rekey", "--ike", "gw", "--reauth")
        new = wait_for("strongSwan has another ISAKMP SA", others(bench.peer, "ike", before), 5)
        bench.peer.swanctl("--terminate", "--ike-id", *before.ike, "--timeout", 5)
        wait_for("we have one ISAKMP SA", lambda: len(bench.ours.sas().ike) == 1, 5)
        time.sleep(0.2)
    bench.ping()
    if bench.peer.sas() != before._replace(ike=new):
        raise Failed(f"strongSwan has {bench.peer.sas()}, had {before}")
    return note[0]


@native(
    "delete",
    "ESP over IPv6: Delete of the child alone, from us, then from the peer: no ping passes, the ISAKMP SA stays; a new one",
)
def _(bench):
    bench.needs("native")
    bench.connect(Plan(esp="aes128-sha1", family=6), "initiator")
    pinged(bench)
    ike = bench.ours.sas().ike
    for side, other in ((bench.ours, bench.peer), (bench.peer, bench.ours)):
        side.terminate("child")
        wait_for(f"the child of {other.name} is gone", lambda s=other: not s.sas().children, 5)
        if traffic.ping(bench.ours.ns, *bench.plan.addresses("ours"), count=1, wait=0.3):
            raise Failed("a ping was answered without SAs")
        side.initiate()
        wait_for("we have a child", lambda: bench.ours.sas().children, 5)
        bench.ping()
    if bench.ours.sas().ike != ike:
        raise Failed("the ISAKMP SA is another one")


@native(
    "dpd",
    "the peer asks whether we are alive, and hears it; the cable is cut, and both find out; a packet in the guest brings all back",
)
def _(bench):
    bench.needs("native")
    plan = Plan(dpd=True)
    # whoever is asked knows that the other is there, and does not ask: we wait longer, so that it is the peer that asks
    ours = dataclasses.replace(plan, dpd=False, connection=("dpd_delay = 2s", "dpd_timeout = 2s"))
    bench.connect(plan, "initiator", ours=ours, peer=dataclasses.replace(plan, start_action="trap"))
    pinged(bench)
    before = bench.ours.sas()
    wait_for("strongSwan hears our answer", lambda: re.search(r"parsed INFORMATIONAL.*N\(DPD_ACK\)", bench.peer.log()), 5)
    pinged(bench)
    if bench.ours.sas() != before:
        raise Failed("there are other SAs, though both were alive")
    with bench.cut():
        begun = time.monotonic()
        for side in (bench.peer, bench.ours):
            wait_for(f"{side.name} finds out", lambda s=side: s.sas() == NONE, 8)
        took = time.monotonic() - begun
    bench.guest.ping(*bench.plan.addresses("peer"), 1, within=5)
    bench.ping()
    return f"found out after {took:.1f} s"


def forgets(bench, first_traffic):
    """Under a NAT: the peer rekeys the child; then other ports are given, and traffic goes on with the same SAs."""
    before = bench.ours.sas()
    with pinging(bench, "ESP in UDP", renewed=True) as note:
        bench.peer.rekey("child")
        wait_for("another child", others(bench.ours, "children", before), 5)
        time.sleep(0.3)
    before = bench.ours.sas()
    bench.map(*SECOND)
    begun = time.monotonic()
    first_traffic()
    took = time.monotonic() - begun
    bench.ping()
    if bench.ours.sas() != before:
        raise Failed("there are other SAs")
    return f"{note[0]}; back after {took:.1f} s"


def given(port):
    return "first" if FIRST[0] <= port <= FIRST[1] else "second" if SECOND[0] <= port <= SECOND[1] else f"none: {port}"


@native(
    "nat/ours",
    "we are behind a NAT: ping; the peer rekeys the child under pings; it forgets us and gives other ports: the SAs stay; ping",
)
def _(bench):
    bench.needs("native")
    with bench.nat("ours"):
        bench.map(*FIRST)
        bench.connect(Plan(nat="ours", esp="aes128gcm16"), "initiator")
        pinged(bench)
        ports = [given(port_at_peer(bench))]
        note = forgets(bench, lambda: traffic.ping_until(bench.ours.ns, *bench.plan.addresses("ours"), 3))
        ports.append(given(port_at_peer(bench)))
    if ports != ["first", "second"]:
        raise Failed(f"the peer reached us at ports of the ranges {ports}")
    return note


@native(
    "nat/peer",
    "strongSwan is behind a NAT: ping; it rekeys the child under pings; other ports are given, DPD shows it: the SAs stay; ping",
)
def _(bench):
    bench.needs("native")
    plan = Plan(nat="peer", esp="aes128gcm16")
    with bench.nat("peer"):
        bench.map(*FIRST)
        bench.connect(plan, "responder", peer=dataclasses.replace(plan, dpd=True))
        pinged(bench)
        note = forgets(bench, lambda: bench.guest.ping(*plan.addresses("peer"), 1, within=5))
        if "nat-local=yes" not in bench.peer.swanctl("--list-sas", "--raw"):
            raise Failed("the peer finds no NAT in front of it")
    paths = [given(int(e["after"].rsplit(":", 1)[1])) for e in bench.ours.events() if e.get("event") == "path"]
    if paths != ["first", "second"]:
        raise Failed(f"we reached the peer at ports of the ranges {paths}")
    return note
