"""strongSwan and libreswan on a Linux kernel of their own: native ESP and AH, both modes, no NAT-T."""
import time

from .bench import GuestLibreswan, GuestStrongSwan
from .cases_strongswan import ROLES
from .matrix import cell
from .net import Failed
from .plan import Plan
from .wire import dissect


def native(peer, bench_type, protocol, mode, family, role, ike, suite):
    name = f"{'native' if peer == 'strongswan' else peer}/{protocol}/{mode}{'-v6' if family == 6 else ''}/{role}"

    @cell(
        name,
        f"{protocol.upper()} {suite} in {mode} mode over IPv{family} as the kernel does it, we are the {role}",
        peer,
        bench_type,
    )
    def _(bench):
        if protocol == "ah" or mode == "transport":  # in the others the stand-in gets by with NAT-T
            bench.needs("native")
        plan = Plan(
            ike=ike, esp=suite if protocol == "esp" else "", ah=suite if protocol == "ah" else "", mode=mode, family=family
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
        if seen.opened != seen.sealed or not seen.protected == seen.readable == seen.right == seen.pings == 16:
            raise Failed(f"tshark: {seen}")


for side in ROLES:
    for how in ("transport", "tunnel"):
        native(
            "strongswan",
            GuestStrongSwan,
            "esp",
            how,
            4,
            side,
            "aes128-sha1-modp2048",
            "aes128-sha1" if how == "tunnel" else "3des-md5",
        )
        native(
            "strongswan", GuestStrongSwan, "ah", how, 4, side, "aes256-sha256-modp3072", "sha256" if how == "tunnel" else "md5"
        )
        native(
            "libreswan",
            GuestLibreswan,
            "esp",
            how,
            4,
            side,
            "aes128-sha1-modp2048",
            "aes128-sha1" if how == "tunnel" else "3des-sha1-modp2048",
        )
        native(
            "libreswan",
            GuestLibreswan,
            "ah",
            how,
            4,
            side,
            "aes256-sha256-modp2048",
            "sha256" if how == "tunnel" else "sha1-modp2048",
        )
    native("strongswan", GuestStrongSwan, "esp", "tunnel", 6, side, "aes128-sha1-modp2048", "aes128gcm16")
    native("strongswan", GuestStrongSwan, "ah", "transport", 6, side, "3des-sha1-modp1536", "sha1")
    native("libreswan", GuestLibreswan, "esp", "transport", 6, side, "aes256-sha256-modp2048", "aes128gcm16")
