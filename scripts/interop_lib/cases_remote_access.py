"""XAUTH and Mode Config with strongSwan: the client says a password and is given an address."""
import dataclasses
import re

from .bench import GuestStrongSwan, Wired
from .cases_bad_days import attempt
from .matrix import cell
from .net import Failed, wait_for
from .plan import LEASE, Plan


def client_and_server(bench, client):
    return (bench.ours, bench.peer) if client == "ours" else (bench.peer, bench.ours)


def lease_is_there(bench, client):
    """The client has the address on a device of its own."""
    one = client_and_server(bench, client)[0]
    wait_for(f"{LEASE} is on a device", lambda: f"inet {LEASE}/" in one.addresses(), 3)


def refused_by_password(bench, right, client):
    """The client says another password, and gets nothing. @return its side of the bench, which still has that password"""
    one, other = client_and_server(bench, client)
    bench.configure(right, **{client: dataclasses.replace(right, password="another password")})
    trying = attempt(one)
    trying.join(12)
    if trying.is_alive() or one.sas().children or other.sas().children:
        raise Failed("a wrong password gets SAs, or no answer")
    # Any failure gets no SAs: this one has to be the verdict on the password, as whoever gave or heard it says.
    if bench.ours.name == "gateway" and not any(e.get("event") == "xauth" and not e["passed"] for e in bench.ours.events()):
        raise Failed("we never say that XAUTH failed")
    return one


def xauth(family, bench_type, mode, auth, client, **more):
    @cell(
        f"{family}/xauth/{mode}-{auth}/{'client' if client == 'ours' else 'server'}",
        f"XAUTH and Mode Config after {mode.capitalize()} Mode with {auth}, we are the {'client' if client == 'ours' else 'server'}: "
        f"a wrong password gets nothing{', after three rounds' if client == 'peer' else ''}; the right one an address; ping from it, both ways; Delete",
        "strongswan",
        bench_type,
    )
    def _(bench):
        right = Plan(auth=auth, aggressive=mode == "aggressive", xauth=client, takes=client, **more)
        one = refused_by_password(bench, right, client)
        if client == "peer":  # several rounds in one transaction: strongSwan answers each REQUEST, and we make as many as we have tries
            asked = [line for line in bench.peer.log().splitlines() if re.search(r"parsed TRANSACTION request.*CPRQ\(X_USER X_PWD", line)]
            if len(asked) != 3:
                raise Failed(f"strongSwan is asked {len(asked)} times, not 3")
        one.configure(right, bench.folder)
        one.initiate()
        bench.wait_up()
        lease_is_there(bench, client)
        bench.ping()
        one.terminate("ike")
        bench.wait_down()


def mode_config(auth, client, **more):
    @cell(
        f"ikev1/mode-config/{auth}/{'client' if client == 'ours' else 'server'}",
        f"Mode Config without XAUTH, with {auth}, we are the {'client' if client == 'ours' else 'server'}; "
        "an address, ping from it; a reload leaves it; Delete",
        "strongswan",
        Wired,
    )
    def _(bench):
        bench.configure(Plan(auth=auth, takes=client, **more))
        one, _ = client_and_server(bench, client)
        one.initiate()
        bench.wait_up()
        lease_is_there(bench, client)
        bench.ping()
        before = bench.ours.sas()
        bench.ours.configure(bench.plan, bench.folder)
        lease_is_there(bench, client)
        bench.ping()
        if bench.ours.sas() != before:
            raise Failed("the reload made other SAs")
        one.terminate("ike")
        bench.wait_down()


def hybrid(mode, client):
    """draft-ietf-ipsec-isakmp-hybrid-auth: the server signs, and the client has nothing but a password. The client begins: for a server
    that does, strongSwan has no words ("configuration uses unsupported authentication", "none allows HybridRespRSA authentication")."""

    @cell(
        f"ikev1/hybrid/{mode}/{'client' if client == 'ours' else 'server'}",
        f"hybrid authentication in {mode.capitalize()} Mode, we are the {'client' if client == 'ours' else 'server'}: "
        "a wrong password gets nothing; with the right one ping both ways; Delete",
        "strongswan",
        Wired,
    )
    def _(bench):
        right = Plan(auth="rsa", aggressive=mode == "aggressive", xauth=client, hybrid=True)
        one = refused_by_password(bench, right, client)
        one.configure(right, bench.folder)
        one.initiate()
        bench.wait_up()
        bench.ping()
        one.terminate("ike")
        bench.wait_down()


for side in ("ours", "peer"):
    for how in ("main", "aggressive"):
        hybrid(how, side)
    xauth("ikev1", Wired, "main", "psk", side)
    xauth("ikev1", Wired, "aggressive", "rsa", side, push=True)
    mode_config("ecdsa256", side)
xauth("native", GuestStrongSwan, "main", "psk", "ours")
xauth("native", GuestStrongSwan, "main", "psk", "peer", push=True)
