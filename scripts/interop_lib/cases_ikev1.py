"""IKEv1 beyond Main Mode with pre-shared keys, against strongSwan in user space; and ike-scan against our responder."""
import json
import re

from .bench import Wired
from .matrix import cell
from .net import Failed, wait_for
from .plan import OURS, PEER, Plan
from .sides import NONE
from .wire import ike_sizes

# Every mode with every method; every cipher, hash and group of both ends at least once in each role.
SUITES = (
    ("main", "psk", "blowfish128-sha1-modp1024"),
    ("main", "psk", "cast128-md5-modp1536"),
    ("main", "psk", "camellia256-sha384-modp4096"),
    ("main", "psk", "aes256-sha512-ecp384"),
    ("aggressive", "psk", "3des-sha1-modp1024"),
    ("aggressive", "psk", "aes128-sha256-ecp256"),
    ("main", "rsa", "aes192-sha256-modp2048"),
    ("aggressive", "rsa", "camellia128-sha1-modp1536"),
    ("main", "ecdsa256", "aes128-sha256-ecp256"),
    ("main", "ecdsa384", "aes256-sha384-ecp384"),
    ("main", "ecdsa521", "aes256-sha512-modp3072"),
    ("aggressive", "ecdsa256", "des-md5-modp768"),
)


def ikev1(mode, auth, suite, role):
    @cell(
        f"ikev1/{mode}-{auth}/{suite}/{role}",
        f"{mode.capitalize()} Mode with {auth} and {suite}, we are the {role}; ping, Delete",
        "strongswan",
        Wired,
    )
    def _(bench):
        bench.connect(Plan(ike=suite, auth=auth, aggressive=mode == "aggressive"), role)
        bench.ping()
        (bench.ours if role == "initiator" else bench.peer).terminate("ike")
        bench.wait_down()


for row in SUITES:
    for side in ("initiator", "responder"):
        ikev1(*row, side)


def fragments(role):
    @cell(
        f"ikev1/fragments/{role}",
        f"RSA with 4096 bits: certificates in IKE fragments both ways, we are the {role}; ping",
        "strongswan",
        Wired,
    )
    def _(bench):
        bench.connect(Plan(auth="rsa4096", fragmentation=True), role)
        bench.ping()
        log = bench.peer.log()
        for word in ("splitting IKE message", "received fragment #"):
            if word not in log:
                raise Failed(f"strongSwan never says '{word}'")


def small_fragments(role):
    @cell(
        f"ikev1/fragments/small/{role}",
        f"RSA in Main and Aggressive Mode, no packet of IKE over 512 octets from us and 576 from the peer, we are the {role}; ping",
        "strongswan",
        Wired,
    )
    def _(bench):
        bench.needs("fragment size")
        bench.peer.set("charon.fragment_size = 576")
        found = []
        try:
            for aggressive in (False, True):
                plan = Plan(auth="rsa", aggressive=aggressive, fragmentation=True, options=("--fragment-size", 512))
                with bench.capture() as file:
                    bench.connect(plan, role)
                    bench.ping()
                    (bench.ours if role == "initiator" else bench.peer).terminate("ike")
                    bench.wait_down()
                sizes = ike_sizes(file)
                # in Aggressive Mode the first message comes before anybody knows what the other end takes
                first = [sizes[0]] if aggressive else []
                ours = [n for source, n in sizes[len(first) :] if source == OURS.outer[4]]
                peers = [n for source, n in sizes[len(first) :] if source != OURS.outer[4]]
                if max(ours) > 512 or max(peers) > 576:
                    raise Failed(f"packets of {max(ours)} and {max(peers)} octets")
                if max(ours) < 480 or max(peers) < 540:
                    raise Failed(f"nothing was cut: {max(ours)} and {max(peers)} octets at most")
                found.append(f"{len(ours)} and {len(peers)} packets")
        finally:
            bench.peer.set()
        return "; ".join(found)


for side in ("initiator", "responder"):
    fragments(side)
    small_fragments(side)


def drafts(role):
    @cell(
        f"ikev1/nat-t-drafts/{role}",
        f"NAT-T as the drafts have it, we are the {role}; ping, rekey of the child, Delete",
        "strongswan",
        Wired,
    )
    def _(bench):
        bench.needs("drafts")
        bench.connect(Plan(options=("--nat-t", "drafts")), role)
        bench.ping()
        log = bench.peer.log()
        if "received draft-ietf-ipsec-nat-t-ike-0" not in log or "received NAT-T (RFC 3947) vendor ID" in log:
            raise Failed("strongSwan does not hear of the drafts alone")
        before = bench.peer.sas().children
        bench.peer.rekey("child")
        wait_for("there is another child", lambda: bench.peer.sas().children - before, 5)
        bench.ping()
        bench.ours.terminate("ike")
        bench.wait_down()


for side in ("initiator", "responder"):
    drafts(side)


@cell(
    "ikev1/dpd/peer",
    "strongSwan asks whether we are alive, and hears it; then we are killed, and it finds out",
    "strongswan",
    Wired,
)
def _(bench):
    bench.connect(Plan(), "initiator", peer=Plan(dpd=True))
    bench.ping()
    wait_for("strongSwan hears an answer", lambda: re.search(r"parsed INFORMATIONAL.*N\(DPD_ACK\)", bench.peer.log()), 5)
    bench.ours.die()
    wait_for("the SAs of strongSwan are gone", lambda: bench.peer.sas() == NONE, 10)
    bench.ours.restart()


@cell(
    "ikev1/reauthentication/ours",
    "we begin anew with RSA before the ISAKMP SA ends; the child goes on",
    "strongswan",
    Wired,
)
def _(bench):
    soon = Plan(auth="rsa", connection=("rekey_time = 3s", "over_time = 26s", "rand_time = 0s"))
    bench.connect(Plan(auth="rsa"), "initiator", ours=soon)
    before = bench.peer.sas()
    wait_for("strongSwan has another ISAKMP SA", lambda: bench.peer.sas().ike - before.ike, 8)
    bench.ping()
    if bench.peer.sas().children != before.children:
        raise Failed("the child is another one")


@cell(
    "ikev1/reauthentication/peer",
    "strongSwan begins anew with RSA, and ends the old ISAKMP SA; the child goes on under the new one, and ends by it",
    "strongswan",
    Wired,
)
def _(bench):
    bench.connect(Plan(auth="rsa"), "responder")
    before = bench.peer.sas()
    bench.peer.swanctl("--rekey", "--ike", "gw", "--reauth")
    new = wait_for("strongSwan has another ISAKMP SA", lambda: bench.peer.sas().ike - before.ike, 5)
    bench.ping()
    bench.peer.swanctl("--terminate", "--ike-id", *before.ike, "--timeout", 5)
    for end in (bench.peer, bench.ours):
        wait_for(f"{end.name} has one ISAKMP SA", lambda s=end: len(s.sas().ike) == 1, 5)
    bench.ping()
    if bench.peer.sas() != before._replace(ike=new):
        raise Failed(f"strongSwan has {bench.peer.sas()}")
    bench.peer.terminate("child")
    bench.wait_down("child")


@cell("ikev1/ike-probe", "our ike_probe finds what the peer takes and what it refuses, and its vendor IDs", "strongswan", Wired)
def _(bench):
    bench.needs("key log")  # it is the peer that is asked
    bench.configure(Plan(ike="aes128-sha256-modp2048,3des-sha1-modp1024"))
    probe = bench.options.gateway.with_name("ike_probe")
    said = bench.ours.ns.run(probe, PEER.outer[4], "--cipher", "aes128,3des", "--hash", "sha1,sha256", "--group", "modp1024,modp2048",
                             "--method", "psk,rsa-sig", "--timeout", "1000", "--json")
    (bench.folder / "ike_probe.json").write_text(said)
    found = json.loads(said)[0]
    taken = {s["suite"] for s in found["suites"] if s["verdict"] == "taken"}
    if taken != {"aes128-sha256-modp2048", "3des-sha1-modp1024"} or "psk" not in found["methods"]:
        raise Failed(f"taken: {sorted(taken)} by {found['methods']}")
    names = {v.get("name") for v in found["vendor_ids"]}
    if not {"dead peer detection (RFC 3706)", "XAUTH"} <= names:
        raise Failed(f"vendor IDs: {names}")
    return f"{len(taken)} of {len(found['suites'])} suites taken"


@cell(
    "ikev1/ike-scan",
    "ike-scan gets answers in both modes, and psk-crack finds the pre-shared key by our HASH_R",
    "strongswan",
    Wired,
)
def _(bench):
    bench.needs("key log")  # it is our responder that is asked
    psk = "interop-weak"
    target = OURS.outer[4]

    def scan(plan, *arguments):
        bench.configure(plan)
        said = bench.peer.ns.run("ike-scan", "--sport=0", "--retry=2", "--timeout=1000", *arguments, target)
        (bench.folder / "ike-scan.txt").open("a").write(said)
        if "1 returned handshake" not in said:
            raise Failed(f"ike-scan {' '.join(map(str, arguments))}: {said}")
        return said

    said = scan(Plan(ike="3des-md5-modp1024", psk=psk), "--trans=5,1,1,2")
    if "Main Mode Handshake returned" not in said or "Enc=3DES Hash=MD5 Auth=PSK Group=2:modp1024" not in said:
        raise Failed(f"ike-scan reads our answer otherwise: {said}")
    found = []
    dictionary = bench.folder / "words"
    dictionary.write_text("wrong-one\nwrong-two\n" + psk + "\n")
    for name, number in (("md5", 1), ("sha1", 2)):
        file = bench.folder / f"psk.{name}"
        peer_id = "".join(f"{int(part):02x}" for part in Plan().ends("peer")[0].outer[4].split("."))
        said = scan(
            Plan(ike=f"3des-{name}-modp1024", psk=psk, aggressive=True),
            "--aggressive",
            f"--id=0x{peer_id}",
            "--idtype=1",
            f"--trans=5,{number},1,2",
            "--dhgroup=2",
            f"--pskcrack={file}",
        )
        if "Aggressive Mode Handshake returned" not in said:
            raise Failed(f"ike-scan reads our answer otherwise: {said}")
        cracked = bench.peer.ns.run("psk-crack", f"--dictionary={dictionary}", file)
        if f'key "{psk}" matches' not in cracked:
            raise Failed(f"psk-crack: {cracked}")
        found.append(name)
    return f"found with {' and '.join(found)}"
