"""The Linux kernel with keys given by hand: ESP and AH, every algorithm that both sides have, both modes, IPv4 and IPv6."""
import socket
import threading

from . import keys
from .bench import GuestKernel
from .matrix import cell
from .net import Failed
from .plan import Plan
from .traffic import family_of
from .wire import Watch

ESP = (
    "des-md5",
    "3des-md5",
    "3des-sha1",
    "aes128-md5",
    "aes128-sha1",
    "aes192-sha256",
    "aes256-sha256",
    "aes256-sha384",
    "aes256-sha512",
    "null-sha1",
    "null-sha256",
    "aes128gcm8",
    "aes192gcm12",
    "aes256gcm16",
    "aes128gcm16",
    "chacha20poly1305",
)
AH = ("md5", "sha1", "sha256", "sha384", "sha512")


def echo_from_us(bench, own, other):
    """Datagrams of several sizes to the guest, each of which must come back."""
    with bench.ours.ns.inside():
        end = socket.socket(family_of(own), socket.SOCK_DGRAM)
    with end:
        end.settimeout(2)
        end.bind((own, 0))
        end.connect((other, 7))
        for size in (0, 1, 15, 16, 17, 300, 1200):
            sent = bytes(n & 255 for n in range(size)) + b"\n"
            try:
                end.send(sent)
                got = end.recv(2048)
            except OSError as error:
                raise Failed(f"UDP {own} > {other}, {size + 1} octets: {error}") from error
            if got != sent:
                raise Failed(f"UDP {own} > {other}: other octets came back")


def from_guest(bench, own, other):
    """The guest pings us, and sends a datagram that comes back. One command: each costs a tenth of a second."""
    with bench.ours.ns.inside():
        end = socket.socket(family_of(other), socket.SOCK_DGRAM)
    f = 6 if ":" in own else 4

    def echo():
        try:
            data, whence = end.recvfrom(2048)
            end.sendto(data, whence)
        except OSError:
            pass

    with end:
        end.settimeout(5)
        end.bind((other, 7))
        answering = threading.Thread(target=echo, daemon=True)
        answering.start()
        their = f"[{own}]" if f == 6 else own
        our = f"[{other}]" if f == 6 else other
        out = bench.guest.run(
            f"ping -n -q -c 3 -i 0.1 -W 2 -I {own} {other}; echo from the guest | socat -t 0.2 - UDP{f}:{our}:7,bind={their}; true"
        )
        answering.join(6)
    if " 3 received" not in out or "from the guest" not in out:
        raise Failed(f"from the guest: {' '.join(out.split())[-300:]}")


def manual(name, what, protections, on_wire, family):
    @cell(f"linux/{name}/v{family}", f"{what} mode, IPv{family}, keys given by hand; ping and UDP both ways", "linux", GuestKernel)
    def _(bench):
        bench.needs("manual keys")
        batch = bench.folder / "peer.xfrm"
        batch.write_text(keys.batch(protections, family, "peer"))
        bench.guest.put(batch, "/tmp/keys")
        bench.guest.run("ip xfrm state flush; ip xfrm policy flush; ip -batch /tmp/keys")
        bench.ours.configure_keys(keys.batch(protections, family, "ours"), bench.folder)
        own, other = Plan(mode=protections[0][2], family=family).addresses("ours")
        watch = Watch(bench.ours.ns, "tap0", bench.folder / "wire.pcap")
        try:
            bench.ours.ping(own, other)
            echo_from_us(bench, own, other)
            from_guest(bench, other, own)
        finally:
            seen = watch.end()
        # two times three pings and eight datagrams, all answered: so many packets each way, and nothing in the clear
        if {k: n for k, n in seen.items() if k[0]} != {(on_wire, True): 14, (on_wire, False): 14}:
            found = (f"{n} {k[0] or 'other'} {'out' if k[1] else 'in'}" for k, n in seen.items())
            raise Failed(f"on the wire: {', '.join(found)}")


# Each algorithm once through the gateway, modes and families in turn: every combination is in the matrix of the library itself.
WAYS = (("transport", 4), ("tunnel", 6), ("tunnel", 4), ("transport", 6))
for of_protocol, suites in (("esp", ESP), ("ah", AH)):
    for at, suite in enumerate(suites):
        how, version = WAYS[at % len(WAYS)]
        manual(
            f"{of_protocol}/{suite}/{how}",
            f"{of_protocol.upper()} {suite}, {how}",
            ((of_protocol, suite, how),),
            of_protocol.upper(),
            version,
        )
for how in ("transport", "tunnel"):
    bundle = (("esp", "aes128-sha1", how), ("ah", "sha256", "transport"))
    manual(f"esp-in-ah/aes128-sha1-in-sha256/{how}", f"ESP aes128-sha1 inside AH sha256, {how}", bundle, "ESP in AH", 4)
