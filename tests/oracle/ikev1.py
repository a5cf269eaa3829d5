"""IKEv1 with pre-shared keys, followed from outside: RFC 2409 sections 5 to 5.5 and appendix B.

Knows the pre-shared key and Diffie-Hellman shared secrets, and nothing else that is not in the datagrams.
"""

import hmac
import ipaddress
from dataclasses import dataclass, field

import isakmp
from algorithms import AH_TRANSFORMS, IKE_CIPHERS, IKE_HASHES, decrypt_cbc, digest, prf
from ipsec import AH, ESP, Mismatch, Sa
from isakmp import DELETE, HASH, ID, KE, NONCE, SA, Malformed


def one(payloads, kind):
    found = [p.body for p in payloads if p.kind == kind]
    if len(found) != 1:
        raise Malformed(f"{len(found)} {isakmp.NAMES.get(kind, kind)} payloads where one belongs")
    return found[0]


def one_address(identity):
    """The address of an ID payload that names exactly one, else None: RFC 2407 section 4.6.2.1."""
    if identity[0] in (1, 5) and len(identity) in (8, 20):
        return str(ipaddress.ip_address(identity[4:]))
    return None


def expand(hash_name, key, seed, size):
    """K1 | K2 | ... with K1 = prf(key, seed), Kn = prf(key, Kn-1 | seed): RFC 2409 section 5.5."""
    out = last = b""
    while len(out) < size:
        last = prf(hash_name, key, last + seed)
        out += last
    return out[:size]


@dataclass
class Quick:
    """One Quick Mode, by its message id."""

    iv: bytes
    initiator: str = ""                          # address of whoever sent the first message
    responder: str = ""
    stage: int = 0
    nonce_i: bytes = b""
    nonce_r: bytes = b""
    offers: list = field(default_factory=list)   # proposals of each SA payload
    clients: list = field(default_factory=list)  # IDci and IDcr, where they name one address each
    pfs: bool = False


@dataclass
class IkeSa:
    cookie_i: bytes
    cookie_r: bytes = b""
    initiator: str = ""
    responder: str = ""
    sa_i: bytes = b""
    parts: dict = field(default_factory=dict)    # KE and nonces by the letter of their sender
    hash: str = ""
    cipher: str = ""
    block: int = 0
    key: bytes = b""
    skeyid: bytes = b""
    skeyid_d: bytes = b""
    skeyid_a: bytes = b""
    skeyid_e: bytes = b""
    first_iv: bytes = b""
    iv: bytes = b""                              # of Main Mode; at its end the last block of phase 1
    stage: int = 0                               # Main Mode messages seen
    key_octets: int = 0
    quick: dict = field(default_factory=dict)
    seen: set = field(default_factory=set)


class Follower:
    """Takes datagrams in the order of the capture and checks each one."""

    def __init__(self, psk, dh_of, dh_candidates):
        self.psk = psk
        self.dh_of = dh_of                       # (cookie_i, cookie_r) -> secret or None
        self.dh_candidates = dh_candidates       # (spi, spi) -> secrets that a Quick Mode with PFS may have used
        self.by_initiator = {}
        self.by_cookies = {}
        self.pairs = []                          # (quick, [(Sa, seed), ...], skeyid_d, hash), keys to be chosen when PFS
        self.hashes = 0
        self.messages = 0
        self.repeats = 0
        self.deletes = []
        self.notes = []
        self.texts = {}                          # of each encrypted datagram: what was found in it

    def take(self, source, destination, data):
        m = isakmp.parse_message(data)
        if m.cookie_r == bytes(8):
            sa = self.by_initiator.get(m.cookie_i)
            if sa is None:
                sa = self.by_initiator[m.cookie_i] = IkeSa(m.cookie_i, initiator=source, responder=destination)
        else:
            sa = self.by_cookies.get((m.cookie_i, m.cookie_r))
            if sa is None:
                base = self.by_initiator.get(m.cookie_i)
                if base is None:
                    raise Mismatch("message under cookies that no first message announced")
                # A responder that keeps no state may answer a repeated first message with another cookie.
                sa = IkeSa(m.cookie_i, m.cookie_r, base.initiator, base.responder, base.sa_i, stage=1)
                self.by_cookies[(m.cookie_i, m.cookie_r)] = sa
        if data in sa.seen:
            self.repeats += 1
            return
        sa.seen.add(data)
        self.messages += 1
        self.data = data
        if m.exchange == isakmp.MAIN:
            self._main(sa, source, m)
        elif m.exchange == isakmp.QUICK:
            self._quick(sa, source, destination, m)
        elif m.exchange == isakmp.INFORMATIONAL:
            self._informational(sa, m)
        else:
            raise Malformed(f"exchange type {m.exchange}")

    # Main Mode, RFC 2409 section 5.4

    def _main(self, sa, source, m):
        if m.encrypted:
            return self._main_identity(sa, source, m)
        payloads, end = isakmp.parse_chain(m.first, m.body)
        if end != len(m.body):
            raise Malformed("octets behind the last payload")
        kinds = [p.kind for p in payloads]
        if SA in kinds and source == sa.initiator:
            sa.sa_i, sa.stage = one(payloads, SA), 1
        elif SA in kinds:
            chosen = isakmp.parse_sa(one(payloads, SA))
            if len(chosen) != 1 or len(chosen[0].transforms) != 1:
                raise Mismatch("the answer holds more than one transform")
            a = chosen[0].transforms[0].attributes
            if a.get(3) != 1:
                raise Mismatch(f"authentication method {a.get(3)}: only pre-shared keys are followed")
            sa.hash = IKE_HASHES[a[2]]
            sa.cipher, sa.block, fixed = IKE_CIPHERS[a[1]]
            sa.key_octets = fixed or a.get(14, 128) // 8
            sa.stage = 2
        elif KE in kinds:
            letter = "i" if source == sa.initiator else "r"
            sa.parts["g" + letter], sa.parts["n" + letter] = one(payloads, KE), one(payloads, NONCE)
            sa.stage = 3 if letter == "i" else 4
            if len(sa.parts) == 4:
                self._derive(sa)

    def _derive(self, sa):
        """RFC 2409 section 5 and appendix B."""
        secret = self.dh_of(sa.cookie_i, sa.cookie_r)
        if secret is None:
            raise Mismatch(f"no Diffie-Hellman secret for IKE SA {sa.cookie_i.hex()}")
        cookies = sa.cookie_i + sa.cookie_r
        sa.skeyid = prf(sa.hash, self.psk, sa.parts["ni"] + sa.parts["nr"])
        sa.skeyid_d = prf(sa.hash, sa.skeyid, secret + cookies + b"\0")
        sa.skeyid_a = prf(sa.hash, sa.skeyid, sa.skeyid_d + secret + cookies + b"\1")
        sa.skeyid_e = prf(sa.hash, sa.skeyid, sa.skeyid_a + secret + cookies + b"\2")
        key = sa.skeyid_e
        if len(key) < sa.key_octets:
            key = last = prf(sa.hash, sa.skeyid_e, b"\0")
            while len(key) < sa.key_octets:
                last = prf(sa.hash, sa.skeyid_e, last)
                key += last
        sa.key = key[: sa.key_octets]
        sa.first_iv = sa.iv = digest(sa.hash, sa.parts["gi"] + sa.parts["gr"])[: sa.block]

    def _decrypt(self, sa, m, iv):
        """Payloads, plaintext and next IV."""
        if not sa.key:
            raise Mismatch("encrypted before there is a key")
        if not m.body or len(m.body) % sa.block:
            raise Malformed("ciphertext is no whole number of blocks")
        plain = decrypt_cbc(sa.cipher, sa.key, iv, m.body)
        payloads, end = isakmp.parse_chain(m.first, plain)
        self.texts[self.data] = {"kind": "IKEv1 encrypted", "exchange": m.exchange, "message_id": m.message_id.hex(), "padding_octets": len(plain) - end,
                                 "iv": iv.hex(), "first_payload": m.first, "payload_types": [p.kind for p in payloads], "plaintext": plain.hex()}
        return payloads, plain[:end], m.body[-sa.block :]

    def _main_identity(self, sa, source, m):
        payloads, _, sa.iv = self._decrypt(sa, m, sa.iv)
        identity, claimed = one(payloads, ID), one(payloads, HASH)
        mine, theirs = ("gi", "gr") if source == sa.initiator else ("gr", "gi")
        cookies = sa.cookie_i + sa.cookie_r if source == sa.initiator else sa.cookie_r + sa.cookie_i
        self._compare("HASH_I" if source == sa.initiator else "HASH_R", claimed,
                      prf(sa.hash, sa.skeyid, sa.parts[mine] + sa.parts[theirs] + cookies + sa.sa_i + identity))
        sa.stage = 5 if source == sa.initiator else 6

    def _compare(self, what, claimed, computed):
        if not hmac.compare_digest(claimed, computed):
            raise Mismatch(f"{what} is {claimed.hex()}, computed {computed.hex()}")
        self.hashes += 1

    def _phase_2_iv(self, sa, m):
        if sa.stage < 5:
            raise Mismatch("phase 2 before the end of phase 1")
        return digest(sa.hash, sa.iv + m.message_id)[: sa.block]

    # Quick Mode, RFC 2409 section 5.5

    def _quick(self, sa, source, destination, m):
        if m.message_id not in sa.quick:
            sa.quick[m.message_id] = Quick(self._phase_2_iv(sa, m), source, destination)
        q = sa.quick[m.message_id]
        expected = [q.initiator, q.responder, q.initiator]
        if q.stage >= len(expected) or source != expected[q.stage]:
            raise Mismatch("a Quick Mode message out of turn")
        payloads, plain, q.iv = self._decrypt(sa, m, q.iv)
        if not payloads or payloads[0].kind != HASH:
            raise Malformed("the first payload is no HASH")
        claimed, rest = payloads[0].body, plain[payloads[0].end :]
        q.stage += 1
        if q.stage == 1:
            self._compare("HASH(1)", claimed, prf(sa.hash, sa.skeyid_a, m.message_id + rest))
            q.nonce_i = one(payloads, NONCE)
            q.offers = [isakmp.parse_sa(p.body) for p in payloads if p.kind == SA]
            q.pfs = any(p.kind == KE for p in payloads)
            q.clients = [one_address(p.body) for p in payloads if p.kind == ID]
        elif q.stage == 2:
            self._compare("HASH(2)", claimed, prf(sa.hash, sa.skeyid_a, m.message_id + q.nonce_i + rest))
            q.nonce_r = one(payloads, NONCE)
            answers = [isakmp.parse_sa(p.body) for p in payloads if p.kind == SA]
            if q.pfs != any(p.kind == KE for p in payloads):
                raise Mismatch("KE in one direction only")
            self._negotiated(sa, q, answers)
        else:
            self._compare("HASH(3)", claimed, prf(sa.hash, sa.skeyid_a, b"\0" + m.message_id + q.nonce_i + q.nonce_r))

    def _negotiated(self, sa, q, answers):
        if len(answers) != len(q.offers):
            raise Mismatch(f"{len(q.offers)} SAs offered, {len(answers)} answered")
        for offer, answer in zip(q.offers, answers):
            bundle = []
            for chosen in answer:
                same = [p for p in offer if p.number == answer[0].number and p.protocol == chosen.protocol]
                # A responder may number the proposal that it takes anew.
                same = same or [p for p in offer if p.protocol == chosen.protocol]
                if len(chosen.transforms) != 1 or not same:
                    raise Mismatch("the answer is no choice among the offers")
                t, a = chosen.transforms[0], chosen.transforms[0].attributes
                protocol = {2: AH, 3: ESP}[chosen.protocol]
                cipher = t.identifier if protocol == ESP else None
                authentication = a.get(5) if protocol == ESP else a.get(5, AH_TRANSFORMS.get(t.identifier))
                tunnel = a.get(4) in (1, 3)
                ends = [q.initiator, q.responder]
                if not tunnel and len(q.clients) == 2 and None not in q.clients:
                    ends = q.clients  # in transport mode the packets bear the clients' own addresses
                for spi, source, destination, by in ((chosen.spi, *ends, "initiator"), (same[0].spi, *reversed(ends), "responder")):
                    made = Sa(protocol, spi, source, destination, tunnel, cipher, a.get(6, 0), authentication, by,
                              esn=a.get(11) == 1)
                    seed = bytes([chosen.protocol]) + spi + q.nonce_i + q.nonce_r
                    bundle.append((made, seed))
            self.pairs.append((q, bundle, sa.skeyid_d, sa.hash))

    def keys_for(self, pair, secret):
        """Gives the SAs of a pair the keys that follow from `secret`, g(qm)^xy, or b"" without PFS."""
        _, bundle, skeyid_d, hash_name = pair
        for sa, seed in bundle:
            sa.adopt(expand(hash_name, skeyid_d, secret + seed, sa.keymat_size()))

    # Informational, RFC 2409 section 5.7

    def _informational(self, sa, m):
        if not m.encrypted:
            payloads, _ = isakmp.parse_chain(m.first, m.body)
            self.notes.append("unprotected Informational: " + ", ".join(isakmp.NAMES.get(p.kind, str(p.kind)) for p in payloads))
            return
        payloads, plain, _ = self._decrypt(sa, m, self._phase_2_iv(sa, m))
        if not payloads or payloads[0].kind != HASH:
            raise Malformed("the first payload is no HASH")
        self._compare("HASH of an Informational", payloads[0].body, prf(sa.hash, sa.skeyid_a, m.message_id + plain[payloads[0].end :]))
        for p in payloads:
            if p.kind == DELETE:
                size, count = p.body[5], int.from_bytes(p.body[6:8], "big")
                self.deletes += [p.body[8 + i * size : 8 + (i + 1) * size] for i in range(count)]
