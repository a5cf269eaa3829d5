"""IKEv1 followed from outside: RFC 2409, every authentication method and every exchange, the drafts of Transaction exchanges, and the
Base and Authentication Only exchanges of RFC 2408.

Knows long-term keys and Diffie-Hellman shared secrets, and nothing else that is not in the datagrams.
"""

import hmac
import ipaddress
import warnings
from collections import Counter
from dataclasses import dataclass, field

from cryptography import x509

import isakmp
from algorithms import AH_TRANSFORMS, IKE_CIPHERS, IKE_HASHES, cipher_key, decrypt_cbc, digest, prf
from credentials import CURVES, METHODS, public_octets, rsa_decrypt, rsa_open
from ipsec import AH, ESP, Mismatch, Sa
from isakmp import ATTRIBUTES, CERT, DELETE, FRAGMENT, HASH, ID, KE, NAT_D, NONCE, NOTIFY, REQUEST, SA, SIG, VENDOR, Malformed

# Octets of a public value and of the shared secret, by group: RFC 2409 section 5 (left-padded), 2412 appendix E, 3526, 5114, 5903, 6954.
GROUPS = {
    1: (96, 96),
    2: (128, 128),
    3: (20, 20),
    4: (24, 24),
    5: (192, 192),
    14: (256, 256),
    15: (384, 384),
    16: (512, 512),
    17: (768, 768),
    18: (1024, 1024),
    19: (64, 32),
    20: (96, 48),
    21: (132, 66),
    22: (128, 128),
    23: (256, 256),
    24: (256, 256),
    25: (48, 24),
    26: (56, 28),
    27: (56, 28),
    28: (64, 32),
    29: (96, 48),
    30: (128, 64),
}

XAUTH_STATUS_OK = (16527, 1)
HASH_ALONE = "hash alone"  # of an end that still has to say a password
# RFC 2408 sections 4.4 and 4.6: who sends what. AUTH is a HASH or a SIG, as the method that was agreed on says.
AUTH = "AUTH"
IN_CLEAR = {
    isakmp.BASE: (("i", {SA, NONCE}), ("r", {SA, NONCE}), ("i", {KE, ID, AUTH}), ("r", {KE, ID, AUTH})),
    isakmp.AUTHENTICATION_ONLY: (("i", {SA, NONCE}), ("r", {SA, NONCE, ID, AUTH}), ("i", {ID, AUTH})),
}


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


def identity_text(identity):
    """What an ID payload names, for those types that are text or an address; else hexadecimal."""
    if len(identity) < 4:
        return identity.hex()
    if identity[0] in (2, 3):
        return identity[4:].decode(errors="replace")
    return one_address(identity) or identity[4:].hex()


def expand(hash_name, key, seed, size):
    """K1 | K2 | ... with K1 = prf(key, seed), Kn = prf(key, Kn-1 | seed): RFC 2409 section 5.5."""
    out = last = b""
    while len(out) < size:
        last = prf(hash_name, key, last + seed)
        out += last
    return out[:size]


def skeyid_of(family, hash_name, ni, nr, cookies, secret, psk=b""):
    """RFC 2409 section 5; `cookies` is CKY-I | CKY-R."""
    if family == "psk":
        return prf(hash_name, psk, ni + nr)
    if family == "signature":
        return prf(hash_name, ni + nr, secret)
    return prf(hash_name, digest(hash_name, ni + nr), cookies)


def skeyids(hash_name, skeyid, cookies, secret):
    """SKEYID_d, SKEYID_a, SKEYID_e."""
    d = prf(hash_name, skeyid, secret + cookies + b"\0")
    a = prf(hash_name, skeyid, d + secret + cookies + b"\1")
    return d, a, prf(hash_name, skeyid, a + secret + cookies + b"\2")


def nonce_fits(nonce):
    if not 8 <= len(nonce) <= 256:
        raise Malformed(f"a nonce of {len(nonce)} octets: RFC 2409 section 5 says 8 to 256")
    return nonce


def private_sizes(attributes):
    """Octets of a public value and of the secret of a group by its parts: RFC 2409 sections 5, 6.3 and appendix A."""
    kind, modulus = attributes.get(5), attributes.get(6, 0)
    if kind == 1:  # MODP: as long as the prime
        return ((modulus.bit_length() + 7) // 8,) * 2
    if kind == 3:  # EC2N: x alone, in the field of that polynomial
        return ((modulus.bit_length() + 6) // 8,) * 2
    raise Mismatch(f"a private group of type {kind}")


def fitting_group(group, publics, secret, own=None):
    """A value that lost its leading zeros is caught here, whoever else took it for granted. `own`: sizes of private groups."""
    public_size, secret_size = {**GROUPS, **(own or {})}.get(group, (None, None))
    if group >= 1 << 15 and public_size is None:
        raise Mismatch(f"group {group}, on which no New Group Mode agreed")
    if len({len(p) for p in publics}) > 1 or (public_size and len(publics[0]) != public_size):
        raise Mismatch(f"public values of {', '.join(str(len(p)) for p in publics)} octets in group {group}")
    if secret and secret_size and len(secret) != secret_size:
        raise Mismatch(f"a Diffie-Hellman secret of {len(secret)} octets in group {group}")


@dataclass
class Quick:
    """One Quick Mode, by its message id."""

    message_id: bytes
    iv: bytes
    first_iv: bytes
    cookies: tuple = ()
    initiator: str = ""  # address of whoever sent the first message
    responder: str = ""
    stage: int = 0
    nonce_i: bytes = b""
    nonce_r: bytes = b""
    public_i: bytes = b""
    offers: list = field(default_factory=list)  # proposals of each SA payload
    clients: list = field(default_factory=list)  # IDci and IDcr, where they name one address each
    names: list = field(default_factory=list)  # IDci and IDcr in text
    pfs: bool = False
    group: int = 0


@dataclass
class IkeSa:
    cookie_i: bytes
    cookie_r: bytes = b""
    initiator: str = ""
    responder: str = ""
    exchange: int = 0
    sa_i: bytes = b""
    raw: dict = field(default_factory=dict)  # (payloads, record) of the message with KE and nonce, by the letter of its sender
    parts: dict = field(default_factory=dict)  # g, n, id and the letter of their sender
    certificates: dict = field(default_factory=lambda: {"i": [], "r": []})
    authenticated: dict = field(default_factory=dict)  # by letter: True; False where nothing could be checked; "hash alone"
    passed: set = field(default_factory=set)  # message ids of Transactions in which the user was told to have passed
    method: object = None
    chosen: dict = field(default_factory=dict)  # attributes
    hash: str = ""
    cipher: str = ""
    block: int = 0
    key_octets: int = 0
    secret: bytes = b""
    key: bytes = b""
    skeyid: bytes = b""
    skeyid_d: bytes = b""
    skeyid_a: bytes = b""
    skeyid_e: bytes = b""
    ephemeral: dict = field(default_factory=dict)  # Ke_i and Ke_r of the revised mode
    first_iv: bytes = b""
    iv: bytes = b""  # of phase 1; at its end the last block
    quick: dict = field(default_factory=dict)
    chained: dict = field(default_factory=dict)  # IVs of the other exchanges under this SA, by message id
    groups: list = field(default_factory=list)  # New Group Mode
    offered_groups: dict = field(default_factory=dict)  # proposals of a New Group Mode's first message, by message id
    group_sizes: dict = field(default_factory=dict)  # of private groups that both ends agreed on, by number
    stage: int = 0  # messages of an exchange in the clear
    seen: set = field(default_factory=set)

    @property
    def cookies(self):
        return self.cookie_i + self.cookie_r

    @property
    def established(self):
        return "i" in self.authenticated and "r" in self.authenticated


class Follower:
    """Takes datagrams in the order of the capture and checks each one."""

    def __init__(self, keys):
        self.keys = keys  # dh_of, pfs_of, known_key, credentials, behind_nat
        self.by_initiator = {}
        self.by_cookies = {}
        self.pairs = []  # (quick, [(Sa, seed), ...], skeyid_d, hash), keys to be chosen when PFS
        self.fragments = {}
        self.counts = Counter()  # of right verdicts, by what was judged
        self.hashes = self.signatures = self.messages = self.repeats = self.unchecked = 0
        self.deletes = []
        self.notes = []
        self.texts = {}  # of each encrypted datagram: what was found in it
        self.records = []  # of each datagram: what the report says
        self.record = {}

    def take(self, source, destination, data, ports=(500, 500), number=0):
        self.record = {"frame": number, "source": source, "destination": destination, "ports": list(ports), "verdicts": []}
        self.records.append(self.record)
        m = isakmp.parse_message(data)
        self.record.update(
            cookie_i=m.cookie_i.hex(),
            cookie_r=m.cookie_r.hex(),
            exchange=isakmp.EXCHANGES.get(m.exchange, m.exchange),
            message_id=m.message_id.hex(),
            encrypted=m.encrypted,
        )
        sa = self._sa(source, destination, m)
        self.record["by"] = "initiator" if source == sa.initiator else "responder"
        if data in sa.seen:
            self.repeats += 1
            self.record["repeat"] = True
            return
        sa.seen.add(data)
        if m.first == FRAGMENT and not m.encrypted:
            whole = self._joined(sa, source, m)
            if whole is None:
                return
            data, m = whole, isakmp.parse_message(whole)
            if (m.cookie_i, m.cookie_r) != (sa.cookie_i, sa.cookie_r) or m.first == FRAGMENT:
                raise Malformed("fragments join to a message of another SA")
            self.record.update(
                joined=True, exchange=isakmp.EXCHANGES.get(m.exchange, m.exchange), message_id=m.message_id.hex(), encrypted=m.encrypted
            )
        self.messages += 1
        self.data = data
        self.addresses = (source, destination, ports)
        if m.exchange in (isakmp.MAIN, isakmp.AGGRESSIVE):
            self._phase_1(sa, source, m)
        elif m.exchange == isakmp.QUICK:
            self._quick(sa, source, destination, m)
        elif m.exchange == isakmp.INFORMATIONAL:
            self._informational(sa, m)
        elif m.exchange in (isakmp.TRANSACTION, isakmp.NEW_GROUP):
            self._other(sa, source, m)
        elif m.exchange in IN_CLEAR:
            self._in_clear(sa, source, m)
        else:
            raise Malformed(f"exchange type {m.exchange}")

    def _sa(self, source, destination, m):
        if m.cookie_r == bytes(8):
            sa = self.by_initiator.get(m.cookie_i)
            if sa is None:
                sa = self.by_initiator[m.cookie_i] = IkeSa(m.cookie_i, initiator=source, responder=destination)
            return sa
        sa = self.by_cookies.get((m.cookie_i, m.cookie_r))
        if sa is None:
            base = self.by_initiator.get(m.cookie_i)
            if base is None:
                raise Mismatch("message under cookies that no first message announced")
            # A responder that keeps no state may answer a repeated first message with another cookie.
            sa = IkeSa(m.cookie_i, m.cookie_r, base.initiator, base.responder, base.exchange, base.sa_i, dict(base.raw))
            sa.parts, sa.stage = dict(base.parts), base.stage
            self.by_cookies[(m.cookie_i, m.cookie_r)] = sa
        return sa

    def _joined(self, sa, source, m):
        """Fragments as Cisco speaks them: id (2 octets), number from 1, flag of the last, then a piece of the whole message."""
        payloads, _ = isakmp.parse_chain(m.first, m.body)
        body = one(payloads, FRAGMENT)
        if len(payloads) != 1 or len(body) < 5 or not body[2]:
            raise Malformed("a fragment without a piece or with something beside it")
        self.record["fragment"] = {"id": int.from_bytes(body[:2], "big"), "number": body[2], "last": bool(body[3] & 1)}
        group = self.fragments.setdefault((sa.cookies, source, body[:2]), {})
        group[body[2]] = (body[4:], bool(body[3] & 1))
        last = [number for number, (_, ends) in group.items() if ends]
        if not last or set(group) != set(range(1, last[0] + 1)):
            return None
        del self.fragments[(sa.cookies, source, body[:2])]
        return b"".join(group[number][0] for number in sorted(group))

    # Verdicts

    def _right(self, what, record=None, **more):
        self.counts[what] += 1
        (self.record if record is None else record)["verdicts"].append({"what": what, "verdict": "right", **more})

    def _unchecked(self, what, why, record=None):
        self.unchecked += 1
        (self.record if record is None else record)["verdicts"].append({"what": what, "verdict": "unchecked", "why": why})

    def _wrong(self, what, text, record=None, **more):
        (self.record if record is None else record)["verdicts"].append({"what": what, "verdict": "wrong", "why": text, **more})
        raise Mismatch(text)

    def _compare(self, what, claimed, computed):
        if not hmac.compare_digest(claimed, computed):
            self._wrong(what, f"{what} is {claimed.hex()}, computed {computed.hex()}", claimed=claimed.hex(), computed=computed.hex())
        self.hashes += 1
        self._right(what, value=computed.hex())

    def _seen(self, payloads):
        self.record["payloads"] = [{"payload": isakmp.NAMES.get(p.kind, p.kind), "body": p.body.hex()} for p in payloads]

    # Phase 1, RFC 2409 sections 5.1 to 5.4

    def _phase_1(self, sa, source, m):
        letter = "i" if source == sa.initiator else "r"
        if sa.exchange not in (0, m.exchange):
            raise Mismatch("Main Mode and Aggressive Mode under the same cookies")
        sa.exchange = m.exchange
        if m.encrypted:
            payloads, _, following = self._decrypt(sa, m, sa.iv)
        else:
            payloads, end = isakmp.parse_chain(m.first, m.body)
            if end != len(m.body):
                raise Malformed("octets behind the last payload")
            self._seen(payloads)
            following = sa.iv
        kinds = [p.kind for p in payloads]
        if letter in sa.authenticated or (SA in kinds and (letter in sa.raw or (letter == "r" and sa.method))):
            raise Mismatch("a phase 1 message out of turn")
        if SA in kinds and letter == "i":
            sa.sa_i = one(payloads, SA)
            isakmp.parse_sa(sa.sa_i)
        elif SA in kinds:
            self._choose(sa, one(payloads, SA))
        if NONCE in kinds:
            if letter in sa.raw:
                raise Mismatch("a second nonce")
            sa.raw[letter] = (payloads, self.record)
        elif KE in kinds:
            raise Mismatch("KE without a nonce")
        if sa.method and "i" in sa.raw and "gi" not in sa.parts:
            self._open_publics(sa, "i")
        if sa.method and letter == "r" and "r" in sa.raw and "gr" not in sa.parts:
            self._open_publics(sa, "r")
        if "gi" in sa.parts and "gr" in sa.parts and not sa.first_iv:
            self._derive(sa)
            following = sa.iv
        if sa.method:
            self._nat_d(sa, payloads)
        if NONCE not in kinds:
            sa.certificates[letter] += self._certificates(payloads)
        if m.encrypted or (m.exchange == isakmp.AGGRESSIVE and (letter == "r" or SA not in kinds)):
            self._authenticate(sa, letter, payloads)
            sa.iv = following

    def _choose(self, sa, body):
        chosen = isakmp.parse_sa(body)
        offered = isakmp.parse_sa(sa.sa_i)
        if len(chosen) != 1 or len(chosen[0].transforms) != 1:
            raise Mismatch("the answer holds more than one transform")
        if len(offered) != 1:
            raise Mismatch("more than one proposal in phase 1")
        pairs = chosen[0].transforms[0].pairs
        if not any(sorted(t.pairs) == sorted(pairs) for t in offered[0].transforms):
            self._wrong("choice", "the answer is no choice among the offers")
        self._right("choice")
        a = dict(pairs)
        if a.get(3) not in METHODS:
            raise Mismatch(f"authentication method {a.get(3)}")
        if a.get(2) not in IKE_HASHES or a.get(1) not in IKE_CIPHERS or 13 in a:
            raise Mismatch(f"cipher {a.get(1)}, hash {a.get(2)}, PRF {a.get(13)}: not read here")
        name, block, octets, variable = IKE_CIPHERS[a[1]]
        octets = a[14] // 8 if variable and 14 in a else octets
        if not octets:
            raise Mismatch(f"{name} without a key length")
        sa.method, sa.chosen, sa.hash = METHODS[a[3]], a, IKE_HASHES[a[2]]
        sa.cipher, sa.block, sa.key_octets = name, block, octets

    def _names(self, sa, letter):
        """By which names KEYS may call an end."""
        out = ["initiator", sa.initiator] if letter == "i" else ["responder", sa.responder]
        if "id" + letter in sa.parts:
            out.append(identity_text(sa.parts["id" + letter]))
        return out

    def _open_publics(self, sa, letter):
        """Takes KE and nonce, and the identity where it comes with them, out of a message, decrypting them if the method says so."""
        payloads, record = sa.raw[letter]
        try:
            if sa.method.family == "encryption":
                key = self._receivers_key(sa, letter, payloads, record)
                found = {
                    KE: one(payloads, KE),
                    NONCE: self._rsa(key, one(payloads, NONCE), "nonce"),
                    ID: self._rsa(key, one(payloads, ID), "identity"),
                }
            elif sa.method.family == "revised":
                found = self._open_revised(sa, letter, payloads, record)
            else:
                found = {KE: one(payloads, KE), NONCE: one(payloads, NONCE)}
                if sa.exchange == isakmp.AGGRESSIVE:
                    found[ID] = one(payloads, ID)
            if sa.method.family != "revised":
                sa.certificates[letter] += self._certificates(payloads)
            nonce_fits(found[NONCE])
        except (Mismatch, Malformed) as e:
            record["fault"] = str(e)
            raise
        if sa.method.family in ("encryption", "revised"):
            record["opened"] = {isakmp.NAMES[kind]: value.hex() for kind, value in found.items()}
        sa.parts["g" + letter], sa.parts["n" + letter] = found[KE], found[NONCE]
        if ID in found:
            self._take_identity(sa, letter, found[ID])

    @staticmethod
    def _take_identity(sa, letter, identity):
        """RFC 2407 section 4.6.2: protocol and port are 0 and 0, or UDP and 500; 4500 once it has floated."""
        if len(identity) < 4 or (identity[1], int.from_bytes(identity[2:4], "big")) not in ((0, 0), (17, 500), (17, 4500)):
            raise Malformed(f"identity {identity.hex()} in phase 1")
        sa.parts["id" + letter] = identity

    def _receivers_key(self, sa, letter, payloads, record):
        """The private key under which a nonce was encrypted; HASH(1) may say which: RFC 2409 section 5.2."""
        keys = [k for k in self.keys.credentials_of(sa).of(self._names(sa, "r" if letter == "i" else "i"), sa.method.kind) if k.private]
        at = next(n for n, p in enumerate(payloads) if p.kind == NONCE)
        if sa.method.family == "encryption":  # the order is free there, and HASH_R comes as well in Aggressive Mode
            named = [p.body for p in payloads if p.kind == HASH] if letter == "i" else []
        else:
            named = [p.body for p in payloads[:at] if p.kind == HASH]
        if named:
            if letter == "r" or len(named) != 1:
                raise Mismatch("HASH(1) belongs into the initiator's message, once")
            fitting = [k for k in keys if k.certificate and digest(sa.hash, k.certificate) == named[0]]
            if not fitting:
                self._wrong(
                    "HASH(1) of a certificate",
                    f"HASH(1) {named[0].hex()} is the hash of no certificate of the receiver that KEYS has",
                    record,
                )
            self.hashes += 1
            self._right("HASH(1) of a certificate", record, value=named[0].hex())
            return fitting[0]
        nonce = one(payloads, NONCE)
        fitting = [k for k in keys if rsa_decrypt(k.private, nonce) is not None]
        if not fitting:
            raise Mismatch(
                "the nonce opens under no private key of its receiver" if keys else "KEYS has no private RSA key of the receiver"
            )
        return fitting[0]

    def _rsa(self, key, text, what):
        clear = rsa_decrypt(key.private, text)
        if clear is None:
            raise Mismatch(f"the {what} opens to no block of type 2 (PKCS #1)")
        return clear

    def _open_revised(self, sa, letter, payloads, record):
        """RFC 2409 section 5.3: behind the nonce everything is encrypted under Ke, but for HASH_R, which the figure shows in clear."""
        at = next(n for n, p in enumerate(payloads) if p.kind == NONCE)
        before = [p.kind for p in payloads[:at]]
        if [k for k in before if k in (KE, ID, CERT, REQUEST)]:
            raise Mismatch("the encrypted nonce comes first")
        if sa.exchange == isakmp.MAIN and before not in ([], [HASH]):
            raise Mismatch("the first payload MUST be HASH(1) or the encrypted nonce")
        if HASH in before and before[-1] != HASH:
            raise Mismatch("HASH(1) is to be followed by the encrypted nonce")
        key = self._receivers_key(sa, letter, payloads, record)
        nonce = nonce_fits(self._rsa(key, payloads[at].body, "nonce"))
        ne = prf(sa.hash, nonce, sa.cookie_i if letter == "i" else sa.cookie_r)
        ke = sa.ephemeral[letter] = cipher_key(sa.hash, ne, sa.cipher, sa.key_octets)
        iv, found, opened = bytes(sa.block), {NONCE: nonce}, []
        for p in payloads[at + 1 :]:
            name = isakmp.NAMES.get(p.kind, p.kind)
            if p.kind == HASH:
                if letter == "i" or sa.exchange != isakmp.AGGRESSIVE:
                    raise Mismatch("a HASH behind the nonce")
                continue
            if not p.body or len(p.body) % sa.block:
                raise Mismatch(f"{name} behind the nonce is no whole number of blocks: all payloads that follow it MUST be encrypted")
            clear = decrypt_cbc(sa.cipher, ke, iv, p.body)
            iv = p.body[-sa.block :]
            pad = clear[-1]
            if pad >= sa.block or clear[len(clear) - 1 - pad : -1] != bytes(pad):
                raise Mismatch(f"padding of the encrypted {name}: {clear[-sa.block:].hex()}")
            clear = clear[: len(clear) - 1 - pad]
            opened.append((p, clear))
            if p.kind in (KE, ID):
                if p.kind in found:
                    raise Malformed(f"a second {name}")
                found[p.kind] = clear
        if KE not in found or ID not in found:
            raise Malformed("no KE or no ID behind the nonce")
        for p, clear in opened:
            p.body = clear
        sa.certificates[letter] += self._certificates(payloads[at + 1 :])
        own = [k.certificate for k in self.keys.credentials_of(sa).of([*self._names(sa, letter), identity_text(found[ID])], sa.method.kind)]
        if any(own) and sa.certificates[letter] and not set(own) & set(sa.certificates[letter]):
            raise Mismatch("no certificate that was sent is one that KEYS has for this end")
        return found

    @staticmethod
    def _certificates(payloads):
        """X.509, for signatures or for key exchange: RFC 2408 section 3.9."""
        if any(p.kind == CERT and (not p.body or p.body[0] > 10) for p in payloads):
            raise Malformed("a certificate in no encoding that the RFC has")
        return [p.body[1:] for p in payloads if p.kind == CERT and p.body[:1] in (b"\4", b"\5") and len(p.body) > 1]

    def _derive(self, sa):
        """RFC 2409 section 5 and appendix B."""
        group = sa.chosen.get(4, 0)
        sa.first_iv = sa.iv = digest(sa.hash, sa.parts["gi"] + sa.parts["gr"])[: sa.block]
        sa.secret = self.keys.dh_of(sa.cookie_i, sa.cookie_r)
        fitting_group(group, (sa.parts["gi"], sa.parts["gr"]), sa.secret)
        if sa.secret is None:
            sa.key = self.keys.known_key(sa.cookie_i, sa.cookie_r)
            if sa.key is None:
                raise Mismatch(f"no Diffie-Hellman secret for IKE SA {sa.cookie_i.hex()}")
            self.notes.append(f"IKE SA {sa.cookie_i.hex()}: only its cipher key is known, so messages are opened and no HASH is checked")
            return
        sa.skeyid = self._skeyid(sa, sa.secret)
        self._adopt_skeyid(sa)

    def _skeyid(self, sa, secret):
        psk = b""
        if sa.method.family == "psk":
            psk = self.keys.credentials_of(sa).psk_for(self._names(sa, "i")[1:] + self._names(sa, "r")[1:])
        return skeyid_of(sa.method.family, sa.hash, sa.parts["ni"], sa.parts["nr"], sa.cookies, secret, psk)

    @staticmethod
    def _adopt_skeyid(sa):
        sa.skeyid_d, sa.skeyid_a, sa.skeyid_e = skeyids(sa.hash, sa.skeyid, sa.cookies, sa.secret)
        sa.key = cipher_key(sa.hash, sa.skeyid_e, sa.cipher, sa.key_octets)

    # RFC 2408 sections 4.4 and 4.6: nothing is encrypted, and AUTH is what README.md reads it as

    def _in_clear(self, sa, source, m):
        letter = "i" if source == sa.initiator else "r"
        if sa.exchange not in (0, m.exchange):
            raise Mismatch("two kinds of exchange under the same cookies")
        if m.encrypted or m.message_id != bytes(4):
            raise Malformed("an exchange in the clear with the encryption bit or a message id")
        figure = IN_CLEAR[m.exchange]
        if sa.stage >= len(figure) or figure[sa.stage][0] != letter:
            raise Mismatch("a message out of turn")
        if (m.cookie_r == bytes(8)) != (sa.stage == 0):
            raise Malformed("the responder's cookie is missing, or too early")
        payloads, end = isakmp.parse_chain(m.first, m.body)
        self._seen(payloads)
        if end != len(m.body):
            raise Malformed("octets behind the last payload")
        kinds = [AUTH if p.kind in (HASH, SIG) else p.kind for p in payloads if p.kind not in (VENDOR, CERT, REQUEST)]
        if set(kinds) != figure[sa.stage][1] or len(kinds) != len(set(kinds)) or (SA in kinds and kinds[0] != SA):
            raise Malformed(f"payloads {kinds} are not those of the figure")
        sa.exchange = m.exchange
        if SA in kinds:
            sa.parts["n" + letter] = nonce_fits(one(payloads, NONCE))
            if letter == "i":
                sa.sa_i = one(payloads, SA)
                isakmp.parse_sa(sa.sa_i)
            else:
                self._choose(sa, one(payloads, SA))
        if KE in kinds:
            sa.parts["g" + letter] = one(payloads, KE)
            fitting_group(sa.chosen.get(4, 0), [sa.parts["g" + letter]], None)
        if AUTH in kinds:
            sa.certificates[letter] += self._certificates(payloads)
            self._take_identity(sa, letter, one(payloads, ID))
            self._auth_in_clear(sa, letter, payloads)
        sa.stage += 1
        if sa.stage == len(figure) and m.exchange == isakmp.BASE:
            self._derive(sa)

    def _auth_in_clear(self, sa, letter, payloads):
        """HASH_I and HASH_R of RFC 2409 section 5, with nothing where a public value or g^xy is not known yet."""
        if sa.method.family not in ("psk", "signature"):
            raise Mismatch(f"the method {sa.method.name} has no AUTH here")
        signs = sa.method.family == "signature"
        what = ("SIG_" if signs else "HASH_") + letter.upper()
        claimed = one(payloads, SIG if signs else HASH)
        other, cookies = ("r", sa.cookies) if letter == "i" else ("i", sa.cookie_r + sa.cookie_i)
        publics = sa.parts.get("g" + letter, b"") + sa.parts.get("g" + other, b"")
        hash_name = sa.method.tied or sa.hash
        value = prf(hash_name if signs else sa.hash, self._skeyid(sa, b""), publics + cookies + sa.sa_i + sa.parts["id" + letter])
        if signs:
            self._signed(sa, letter, what, claimed, hash_name, value)
        else:
            self._compare(what, claimed, value)
        sa.authenticated[letter] = True

    def _nat_d(self, sa, payloads):
        """HASH(CKY-I | CKY-R | address | port), the far end first: RFC 3947 section 3.2. One that differs tells of a NAT."""
        found = [p.body for p in payloads if p.kind in NAT_D]
        if not found:
            return
        source, destination, ports = self.addresses
        claims = []
        for n, value in enumerate(found):
            end, address, port = ("destination", destination, ports[1]) if n == 0 else ("source", source, ports[0])
            real = [(address, port), *(b for b in self.keys.behind_nat)]
            match = [r for r in real if digest(sa.hash, sa.cookies + ipaddress.ip_address(r[0]).packed + r[1].to_bytes(2, "big")) == value]
            claims.append(
                {"end": end, "is": f"{match[0][0]}:{match[0][1]}" if match else None, "as_in_datagram": match[:1] == [(address, port)]}
            )
            if match:
                self._right("NAT-D", value=value.hex())
            elif self.keys.behind_nat:
                self._wrong("NAT-D", f"the NAT-D hash of the {end} is of none of the addresses {real}", value=value.hex())
            else:
                self.record["verdicts"].append({"what": "NAT-D", "verdict": "differs", "value": value.hex()})
        self.record["nat_d"] = claims

    def _authenticate(self, sa, letter, payloads):
        if not sa.first_iv:
            raise Mismatch("a proof before both public values and nonces are known")
        if sa.exchange == isakmp.MAIN and sa.method.family in ("psk", "signature"):
            self._take_identity(sa, letter, one(payloads, ID))
        what, kind = (
            "HASH_" if sa.method.family != "signature" else "SIG_"
        ) + letter.upper(), HASH if sa.method.family != "signature" else SIG
        # Section 4.2 of the draft: whoever the method names has HASH in the place of SIG, by the prf that was agreed on whatever the
        # signature of the other end is tied to.
        alone = sa.method.hybrid == letter
        if alone:
            what, kind = "HASH_" + letter.upper(), HASH
        behind = [n for n, p in enumerate(payloads) if p.kind == NONCE][:1]  # what stands before a nonce is HASH(1)
        claimed = one(payloads[behind[0] :] if behind and sa.method.family == "revised" else payloads, kind)
        if "id" + letter not in sa.parts:
            raise Mismatch(f"{what} without an identity")
        if not sa.skeyid:
            self._only_opened(sa, letter, what, claimed, kind)
            sa.authenticated[letter] = False
            return
        other = "r" if letter == "i" else "i"
        cookies = sa.cookies if letter == "i" else sa.cookie_r + sa.cookie_i
        data = sa.parts["g" + letter] + sa.parts["g" + other] + cookies + sa.sa_i + sa.parts["id" + letter]
        if kind == HASH:
            self._compare(what, claimed, prf(sa.hash, sa.skeyid, data))
            sa.authenticated[letter] = HASH_ALONE if alone else True
            return
        hash_name = sa.method.tied or sa.hash
        value = prf(hash_name, sa.skeyid, data)
        self._signed(sa, letter, what, claimed, hash_name, value)
        sa.authenticated[letter] = True

    def _public_keys(self, sa, letter):
        """Of who signed: those of KEYS, and of the certificates that came with the message. When KEYS has any, no other counts."""
        keys = self.keys.credentials_of(sa).of(self._names(sa, letter), sa.method.kind)
        known, sent = [k.public for k in keys], []
        for der in sa.certificates[letter]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    sent.append(x509.load_der_x509_certificate(der).public_key())
                except ValueError as e:
                    raise Malformed(f"a certificate that is none: {e}") from None
        sent = [k for k in sent if isinstance(k, sa.method.kind)]
        self._known_certificate(sa, letter, keys, sent)
        if not known and sent:
            self.record["key"] = "of the certificate that was sent; KEYS has none for this end"
        return known or sent[:1]

    def _known_certificate(self, sa, letter, keys, sent):
        """No HASH covers a certificate. The first that was sent is the end's own; KEYS may know it, or its key."""
        if keys and sent and public_octets(sent[0]) not in [public_octets(k.public) for k in keys]:
            raise Mismatch("the certificate that was sent is of no key that KEYS has for this end")
        own = [k.certificate for k in keys if k.certificate]
        if own and sa.certificates[letter] and len(own) == len(keys) and not set(own) & set(sa.certificates[letter]):
            raise Mismatch("no certificate that was sent is one that KEYS has for this end")

    def _signed(self, sa, letter, what, claimed, hash_name, value):
        publics = self._public_keys(sa, letter)
        if not publics:
            raise Mismatch(f"no public key for {what}: none in KEYS, none sent")
        curve = CURVES.get(sa.method.tied)
        reasons = []
        for public in publics:
            if curve and public.curve.name != curve:
                reasons.append(f"a key on {public.curve.name}")
                continue
            try:
                sa.method.check(public, claimed, hash_name, value)
            except Mismatch as e:
                reasons.append(str(e))
                continue
            self.signatures += 1
            self._right(what, value=value.hex(), hash=hash_name)
            return
        self._wrong(what, f"{what}: {'; '.join(reasons)}", claimed=claimed.hex(), computed=value.hex())

    def _only_opened(self, sa, letter, what, claimed, kind):
        """Without SKEYID a HASH cannot be checked; a signature can at least be opened."""
        if kind == SIG and sa.method.name.endswith("rsa-sig"):
            for public in self._public_keys(sa, letter):
                found = rsa_open(public, claimed)
                if len(found) != len(digest(sa.hash, b"")):
                    raise Mismatch(f"{what} opens to {len(found)} octets, which is no {sa.hash}")
                self.record["signed"] = found.hex()
        self._unchecked(what, "SKEYID is not known")

    # Encryption, RFC 2409 appendix B

    def _decrypt(self, sa, m, iv):
        """Payloads, plaintext without padding, and next IV."""
        if not sa.key:
            raise Mismatch("encrypted before there is a key")
        if not m.body or len(m.body) % sa.block:
            raise Malformed("ciphertext is no whole number of blocks")
        plain = decrypt_cbc(sa.cipher, sa.key, iv, m.body)
        self.record.update(iv=iv.hex(), plaintext=plain.hex())
        payloads, end = isakmp.parse_chain(m.first, plain)
        self._seen(payloads)
        if plain[end:].strip(b"\0"):
            self.record["padding"] = plain[end:].hex() + " is not all zero"
        self.texts[self.data] = {
            "kind": "IKEv1 encrypted",
            "exchange": m.exchange,
            "message_id": m.message_id.hex(),
            "padding_octets": len(plain) - end,
            "iv": iv.hex(),
            "first_payload": m.first,
            "payload_types": [p.kind for p in payloads],
            "plaintext": plain.hex(),
        }
        return payloads, plain[:end], m.body[-sa.block :]

    def _phase_2_iv(self, sa, m):
        early = m.exchange == isakmp.INFORMATIONAL and "i" in sa.authenticated  # the responder tells why it goes no further
        if not (sa.established or early) or not m.encrypted:
            raise Mismatch("phase 2 before the end of phase 1, or in clear")
        return digest(sa.hash, sa.iv + m.message_id)[: sa.block]

    def _hashed(self, sa, m, what, payloads, plain, between=b""):
        """prf(SKEYID_a, M-ID | between | everything that follows HASH)."""
        if not payloads or payloads[0].kind != HASH:
            raise Malformed("the first payload is no HASH")
        if sa.skeyid_a:
            self._compare(what, payloads[0].body, prf(sa.hash, sa.skeyid_a, m.message_id + between + plain[payloads[0].end :]))
        else:
            self._unchecked(what, "SKEYID_a is not known")

    # Quick Mode, RFC 2409 section 5.5

    def _quick(self, sa, source, destination, m):
        if m.message_id == bytes(4):
            raise Malformed("Quick Mode with message id 0")
        q = sa.quick.get(m.message_id)
        if q is None:
            iv = self._phase_2_iv(sa, m)
            self._user_is_known(sa)
            q = Quick(m.message_id, iv, iv, (sa.cookie_i, sa.cookie_r), source, destination)
        expected = [q.initiator, q.responder, q.initiator, q.responder]
        if q.stage >= len(expected) or source != expected[q.stage]:
            raise Mismatch("a Quick Mode message out of turn")
        payloads, plain, following = self._decrypt(sa, m, q.iv)
        if not payloads or payloads[0].kind != HASH:
            raise Malformed("the first payload is no HASH")
        stage = q.stage + 1
        if stage == 1:
            self._hashed(sa, m, "HASH(1)", payloads, plain)
            self._offer(q, payloads)
            sa.quick[m.message_id] = q
        elif stage == 2:
            self._hashed(sa, m, "HASH(2)", payloads, plain, q.nonce_i)
            q.nonce_r = nonce_fits(one(payloads, NONCE))
            answers = [isakmp.parse_sa(p.body) for p in payloads if p.kind == SA]
            publics = [p.body for p in payloads if p.kind == KE]
            if q.pfs != bool(publics):
                raise Mismatch("KE in one direction only")
            if q.pfs:
                fitting_group(q.group, (q.public_i, one(payloads, KE)), self.keys.pfs_of(q), sa.group_sizes)
            self._negotiated(sa, q, answers)
        elif stage == 3:
            if sa.skeyid_a:
                self._compare("HASH(3)", payloads[0].body, prf(sa.hash, sa.skeyid_a, b"\0" + m.message_id + q.nonce_i + q.nonce_r))
            else:
                self._unchecked("HASH(3)", "SKEYID_a is not known")
        else:
            self._hashed(sa, m, "HASH(4)", payloads, plain)  # CONNECTED as a fourth message, which the RFC has as an Informational
        q.stage, q.iv = stage, following
        self._notified(payloads[1:])

    def _offer(self, q, payloads):
        if len(payloads) < 2 or payloads[1].kind != SA:
            raise Malformed("the payload behind HASH(1) is no SA")
        q.nonce_i = nonce_fits(one(payloads, NONCE))
        q.offers = [isakmp.parse_sa(p.body) for p in payloads if p.kind == SA]
        publics = [p.body for p in payloads if p.kind == KE]
        q.pfs, q.public_i = bool(publics), b"".join(publics[:1])
        groups = {t.attributes.get(3) for offer in q.offers for p in offer if p.protocol in (2, 3) for t in p.transforms}
        if q.pfs and (len(groups) != 1 or None in groups):
            raise Mismatch(f"KE, but the group of the transforms is {sorted(map(str, groups))}")
        if not q.pfs and groups - {None}:
            raise Mismatch("a group in the transforms, but no KE")
        q.group = next(iter(groups), None) or 0
        identities = [p.body for p in payloads if p.kind == ID]
        if len(identities) not in (0, 2) or any(len(i) < 4 for i in identities):
            raise Malformed(f"{len(identities)} client identities")
        q.clients, q.names = [one_address(i) for i in identities], [i.hex() for i in identities]

    def _negotiated(self, sa, q, answers):
        if len(answers) != len(q.offers):
            raise Mismatch(f"{len(q.offers)} SAs offered, {len(answers)} answered")
        for offer, answer in zip(q.offers, answers):
            bundle = []
            for chosen, same in self._choices(offer, answer):
                t, a = chosen.transforms[0], chosen.transforms[0].attributes
                if chosen.protocol == 4:
                    continue  # IPComp has no keys
                if len(chosen.spi) != 4 or len(same.spi) != 4:
                    raise Malformed("an SPI that is not four octets")
                protocol = {2: AH, 3: ESP}[chosen.protocol]
                cipher = t.identifier if protocol == ESP else None
                authentication = a.get(5) if protocol == ESP else a.get(5, AH_TRANSFORMS.get(t.identifier))
                tunnel = a.get(4) in (1, 3, 61443)
                ends = [q.initiator, q.responder]
                if not tunnel and a.get(4) not in (4, 61444) and len(q.clients) == 2 and None not in q.clients:
                    ends = q.clients  # in transport mode the packets bear the clients' own addresses
                for spi, source, destination, by in ((chosen.spi, *ends, "initiator"), (same.spi, *reversed(ends), "responder")):
                    made = Sa(protocol, spi, source, destination, tunnel, cipher, a.get(6, 0), authentication, by, esn=a.get(11) == 1)
                    made.key_sizes()
                    # The SPI is of who receives under the SA; protocol and SPI stand in the proposal that was chosen.
                    bundle.append((made, bytes([chosen.protocol]) + spi + q.nonce_i + q.nonce_r))
            if bundle:
                self.pairs.append((q, bundle, sa.skeyid_d, sa.hash))

    def _choices(self, offer, answer):
        """(chosen, offered) for each protocol of the answer. Proposals of one number belong together: RFC 2408 section 4.2."""
        if len({p.number for p in answer}) != 1 or any(len(p.transforms) != 1 for p in answer):
            raise Mismatch("the answer is no choice among the offers")
        # A responder may number the proposal that it takes anew.
        for number in sorted({p.number for p in offer}, key=lambda n: n != answer[0].number):
            group = [p for p in offer if p.number == number]
            if [p.protocol for p in group] != [p.protocol for p in answer]:
                continue
            if all(
                any(t.identifier == c.transforms[0].identifier and sorted(t.pairs) == sorted(c.transforms[0].pairs) for t in p.transforms)
                for p, c in zip(group, answer)
            ):
                self._right("choice")
                return list(zip(answer, group))
        self._wrong("choice", "the answer is no choice among the offers")

    def keys_for(self, pair, secret):
        """Gives the SAs of a pair the keys that follow from `secret`, g(qm)^xy, or b"" without PFS."""
        _, bundle, skeyid_d, hash_name = pair
        for sa, seed in bundle:
            sa.adopt(expand(hash_name, skeyid_d, secret + seed, sa.keymat_size()))

    # Transaction (draft-dukes-ike-mode-cfg section 3) and New Group Mode (RFC 2409 section 5.6): prf(SKEYID_a, M-ID | what follows)

    def _other(self, sa, source, m):
        key = (m.exchange, m.message_id)
        iv = sa.chained.get(key) or self._phase_2_iv(sa, m)
        payloads, plain, following = self._decrypt(sa, m, iv)
        again = key in sa.chained
        if m.exchange == isakmp.TRANSACTION:
            self._hashed(sa, m, "HASH of a Transaction", payloads, plain)
            self._status(sa, source, m, payloads)
        else:
            self._user_is_known(sa)
            self._hashed(sa, m, f"HASH({2 if again else 1}) of a New Group Mode", payloads, plain)
            for body in (p.body for p in payloads if p.kind == SA):
                self._new_group(sa, source, m, isakmp.parse_sa(body), again)
        sa.chained[key] = following
        self._notified(payloads[1:])

    def _status(self, sa, source, m, payloads):
        """SET(STATUS = OK) of whoever signed and ACK of the other: draft-beaulieu-ike-xauth-02 sections 5 and 6.1."""
        letter = "i" if source == sa.initiator else "r"
        for body in (p.body for p in payloads if p.kind == ATTRIBUTES):
            if body[0] == 3 and letter != sa.method.hybrid and XAUTH_STATUS_OK in isakmp.parse_attributes(body[4:]):
                sa.passed.add(m.message_id)
            elif body[0] == 4 and letter == sa.method.hybrid and m.message_id in sa.passed:
                sa.authenticated[letter] = True

    @staticmethod
    def _user_is_known(sa):
        """draft-ietf-ipsec-isakmp-hybrid-auth section 4: nothing but the Transaction exchange goes before that."""
        if sa.method.hybrid and sa.authenticated[sa.method.hybrid] == HASH_ALONE:
            raise Mismatch("an exchange under the SA of a hybrid method before its user was authenticated")

    def _new_group(self, sa, source, m, proposals, is_answer):
        groups = [t.attributes for proposal in proposals for t in proposal.transforms]
        if any(g.get(4, 0) < 1 << 15 for g in groups):
            raise Mismatch("a private group below 2^15")
        by = "initiator" if source == sa.initiator else "responder"
        sa.groups.append({"by": by, "groups": [{str(k): hex(v) for k, v in g.items()} for g in groups]})
        if not is_answer:
            sa.offered_groups[m.message_id] = proposals
            return
        self._choices(sa.offered_groups.get(m.message_id, []), proposals)
        sa.group_sizes.update({g[4]: private_sizes(g) for g in groups})

#Informational, RFC 2409 section 5.7

    def _informational(self, sa, m):
        if not m.encrypted:
            payloads, _ = isakmp.parse_chain(m.first, m.body)
            self._seen(payloads)
            self.record["unprotected"] = True
            self.notes.append("unprotected Informational: " + ", ".join(isakmp.NAMES.get(p.kind, str(p.kind)) for p in payloads))
            return
        # RFC 2408 section 3.1: CONNECTED bears the message id of its Quick Mode. Appendix B of RFC 2409 gives it an IV from that id, which
        # the Quick Mode's first message had, too; others go on in the Quick Mode's chain, as tshark does. Both are taken.
        ivs = [self._phase_2_iv(sa, m)]
        q = sa.quick.get(m.message_id)
        if q is not None:
            ivs.append(q.iv)
        iv = next((iv for iv in ivs if self._fits(sa, m, iv)), ivs[0])
        payloads, plain, following = self._decrypt(sa, m, iv)
        self._hashed(sa, m, "HASH of an Informational", payloads, plain)
        if q is not None:
            if not any(p.kind == NOTIFY and p.body[6:8] == (16384).to_bytes(2, "big") for p in payloads):
                raise Mismatch("an Informational under the message id of a Quick Mode that is not CONNECTED")
            self.record["chained"] = iv is not ivs[0]
            q.iv = following if iv is not ivs[0] else q.iv
        for p in payloads:
            if p.kind == DELETE:
                size, count = p.body[5], int.from_bytes(p.body[6:8], "big")
                self.deletes += [p.body[8 + i * size : 8 + (i + 1) * size] for i in range(count)]
        self._notified(payloads[1:])

    @staticmethod
    def _fits(sa, m, iv):
        """Whether the HASH of an Informational holds under an IV."""
        if len(m.body) % sa.block:
            return False
        plain = decrypt_cbc(sa.cipher, sa.key, iv, m.body)
        try:
            payloads, end = isakmp.parse_chain(m.first, plain)
        except Malformed:
            return False
        return payloads[:1] and payloads[0].body == prf(sa.hash, sa.skeyid_a, m.message_id + plain[payloads[0].end : end])

    def _notified(self, payloads):
        found = [int.from_bytes(p.body[6:8], "big") for p in payloads if p.kind == NOTIFY]
        if found:
            self.record["notifies"] = found
