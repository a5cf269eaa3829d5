"""strongSwan and libreswan on a Linux kernel of their own: native ESP and AH, both modes, no NAT-T."""
import dataclasses
import time

from .bench import GuestLibreswan, GuestStrongSwan
from .cases_strongswan import ROLES
from .matrix import cell
from .net import Failed, Skipped, wait_for
from .plan import Plan
from .wire import dissect


# Peer; protocol, mode and family of the SAs; exchange and method of phase 1; suites of both.
ROWS = (
    (GuestStrongSwan, "esp", "transport", 4, ("aggressive", "psk"), "aes128-sha1-modp2048", "3des-md5"),
    (GuestStrongSwan, "ah", "transport", 4, ("main", "psk"), "aes256-sha256-modp3072", "md5"),
    (GuestStrongSwan, "esp", "tunnel", 4, ("main", "rsa"), "aes128-sha1-modp2048", "aes128-sha1-modp2048"),
    (GuestStrongSwan, "ah", "tunnel", 4, ("main", "ecdsa256"), "aes256-sha256-ecp256", "sha256"),
    (GuestStrongSwan, "esp", "tunnel", 6, ("aggressive", "rsa"), "aes128-sha1-modp2048", "aes128gcm16"),
    (GuestStrongSwan, "ah", "transport", 6, ("main", "psk"), "3des-sha1-modp1536", "sha1"),
    (GuestLibreswan, "esp", "transport", 4, ("aggressive", "psk"), "aes128-sha1-modp2048", "3des-sha1-modp2048"),
    (GuestLibreswan, "ah", "transport", 4, ("main", "psk"), "aes256-sha256-modp2048", "sha1-modp2048"),
    (GuestLibreswan, "esp", "tunnel", 4, ("main", "rsa"), "aes128-sha1-modp2048", "aes128-sha1"),
    (GuestLibreswan, "ah", "tunnel", 4, ("aggressive", "rsa"), "aes256-sha256-modp2048", "sha256"),
    (GuestLibreswan, "esp", "transport", 6, ("main", "psk"), "aes256-sha256-modp2048", "aes128gcm16"),
)


def native(bench_type, protocol, mode, family, phase_1, ike, suite, role):
    peer = bench_type.daemon.name.lower()
    name = f"{'native' if peer == 'strongswan' else peer}/{protocol}/{mode}{'-v6' if family == 6 else ''}/{role}"
    exchange, auth = phase_1

    @cell(
        name,
        f"{protocol.upper()} {suite} in {mode} mode over IPv{family} as the kernel does it, after {exchange.capitalize()} Mode "
        f"with {auth}, we are the {role}",
        peer,
        bench_type,
    )
    def _(bench):
        if protocol == "ah" or mode == "transport":  # in the others the stand-in gets by with NAT-T
            bench.needs("native")
        plan = Plan(
            ike=ike,
            auth=auth,
            aggressive=exchange == "aggressive",
            esp=suite if protocol == "esp" else "",
            ah=suite if protocol == "ah" else "",
            mode=mode,
            family=family,
            # libreswan wants certificates, and asks for none in Main Mode
            connection=("send_cert = always",) if peer == "libreswan" and auth != "psk" else (),
        )
        with bench.capture() as file:
            bench.connect(plan, role)
            bench.ping()
            bench.ping(1, size=1200)
            (bench.ours if role == "initiator" else bench.peer).terminate("ike")
            bench.wait_down()
            time.sleep(0.3)
        if bench.options.self_test:
            return
        seen = dissect(file, bench.folder / "keys")
        if seen.kinds != {protocol.upper()}:
            raise Failed(f"on the wire is {' and '.join(sorted(seen.kinds)) or 'nothing'}")
        if not seen.shows(pings=16):
            raise Failed(f"tshark: {seen}")


for side in ROLES:
    for row in ROWS:
        native(*row, side)


def bundle(bench_type, role, words):
    """ESP inside of AH in one proposal. `words` are the peer's, in its log or in what it says to who asked it to begin."""
    peer = bench_type.daemon.name.lower()

    @cell(
        f"{'native' if peer == 'strongswan' else peer}/esp-in-ah/{role}",
        f"ESP and AH in one proposal in transport mode, we are the {role}; ping, or a refusal that leaves nothing",
        peer,
        bench_type,
    )
    def _(bench):
        bench.needs("native")
        plan = Plan(ike="aes128-sha1-modp2048", esp="aes128-sha1", ah="sha1", mode="transport")
        try:
            bench.connect(plan, role)
        except Failed as refusal:
            if words not in f"{bench.peer.log()} {refusal}":
                raise
            if bench.ours.process and bench.ours.sas().children or bench.peer.sas().children:
                raise Failed(f"half-installed: {bench.ours.sas()}, {bench.peer.sas()}") from refusal
            raise Skipped(words) from refusal
        bench.ping()


bundle(GuestStrongSwan, "initiator", "no matching proposal found, sending NO_PROPOSAL_CHOSEN")
bundle(GuestStrongSwan, "responder", "received NO_PROPOSAL_CHOSEN error notify")
bundle(GuestLibreswan, "initiator", "keyword phase2, invalid value: ah+esp")


@cell(
    "libreswan/rekey/ours",
    "we rekey the child and the ISAKMP SA with libreswan, which by its own word cannot begin that; ping after each",
    "libreswan",
    GuestLibreswan,
)
def _(bench):
    bench.needs("native")  # the stand-in has its lifetimes from elsewhere
    plan = Plan(ike="aes128-sha1-modp2048", esp="aes128-sha1")
    soon = dataclasses.replace(
        plan,
        connection=("rekey_time = 3s", "over_time = 26s", "rand_time = 0s"),
        child=("rekey_time = 2s", "life_time = 30s", "rand_time = 0s"),
    )
    bench.connect(plan, "initiator", ours=soon)
    before = bench.peer.sas()
    for what in ("children", "ike"):
        wait_for(f"libreswan has others of its {what}", lambda w=what: getattr(bench.peer.sas(), w) - getattr(before, w), 8)
        bench.ping()
    said = bench.peer.whack("--name", "net", "--rekey-ipsec", check=False)
    if "cannot force rekey of IKEv1 connection" not in said + bench.peer.log():
        raise Failed("libreswan can begin a rekey: let it")
