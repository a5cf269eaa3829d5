"""strongSwan in user space, with one side behind a NAT."""
import re
import time

from . import traffic
from .bench import Natted, NattedPeer
from .matrix import cell
from .net import Failed, wait_for
from .plan import Plan
from .wire import kinds

FIRST, SECOND = (20000, 20999), (30000, 30999)  # ports that the NAT gives, before and after it forgets


def port_at_peer(bench):
    """The port by which the peer reaches us."""
    return int(re.search(r"remote-port=(\d+)", bench.peer.swanctl("--list-sas", "--raw"))[1])


def behind(bench, **plan):
    """We connect from behind the NAT, and hold the peer to the port that it gave."""
    bench.map(*FIRST)
    bench.connect(Plan(nat="ours", **plan), "initiator")
    if port_at_peer(bench) not in range(FIRST[0], FIRST[1] + 1):
        raise Failed(f"the peer reaches us at port {port_at_peer(bench)}: no NAT")


@cell("nat/traffic", "we are behind a NAT: ping both ways, 10 MB over TCP each way, Delete", "strongswan", Natted)
def _(bench):
    with bench.capture("ip") as file:
        behind(bench)
        bench.ping()
    if set(seen := kinds(file)) - {""} != {"IKE", "ESP in UDP"}:
        raise Failed(f"on the wire: {dict(seen)}")
    own, other = bench.plan.addresses("ours")
    there = traffic.copy(bench.ours.ns, own, bench.peer.ns, other)
    back = traffic.copy(bench.peer.ns, other, bench.ours.ns, own)
    bench.ours.terminate("ike")
    bench.wait_down()
    return f"{there:.0f} and {back:.0f} Mbit/s"


@cell("nat/forgets", "the NAT forgets us and gives other ports: traffic comes back, the ISAKMP SA stays", "strongswan", Natted)
def _(bench):
    behind(bench, dpd=True)
    bench.ping()
    before = bench.ours.sas().ike, bench.peer.sas().ike
    bench.map(*SECOND)
    begun = time.monotonic()
    own, other = bench.plan.addresses("peer")
    traffic.ping_until(bench.peer.ns, own, other, 10)
    took = time.monotonic() - begun
    bench.ping()
    wait_for("the peer reaches us at another port", lambda: SECOND[0] <= port_at_peer(bench) <= SECOND[1], 3)
    # the child may be another one: strongSwan rekeys where its ESP in user space cannot take another port
    if (bench.ours.sas().ike, bench.peer.sas().ike) != before:
        raise Failed("the ISAKMP SA is another one")
    return f"after {took:.1f} s"


@cell("nat/peer", "strongSwan is behind a NAT and begins: ping both ways, 10 MB over TCP each way, rekey, Delete", "strongswan", NattedPeer)
def _(bench):
    bench.map(*FIRST)
    with bench.capture("ip") as file:
        bench.connect(Plan(nat="peer"), "responder")
        bench.ping()
    if set(seen := kinds(file)) - {""} != {"IKE", "ESP in UDP"}:
        raise Failed(f"on the wire: {dict(seen)}")
    if "nat-local=yes" not in bench.peer.swanctl("--list-sas", "--raw"):
        raise Failed("the peer finds no NAT in front of it")
    own, other = bench.plan.addresses("ours")
    there = traffic.copy(bench.ours.ns, own, bench.peer.ns, other)
    back = traffic.copy(bench.peer.ns, other, bench.ours.ns, own)
    before = bench.ours.sas()
    bench.peer.rekey("child")
    wait_for("another child", lambda: bench.ours.sas().children - before.children, 5)
    bench.ping()
    bench.peer.terminate("ike")
    bench.wait_down()
    return f"{there:.0f} and {back:.0f} Mbit/s"
