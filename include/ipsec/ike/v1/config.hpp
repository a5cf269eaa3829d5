#pragma once
/// What an IKEv1 endpoint is told: its peers, their suites, the child SAs it may make, and its limits.
///
/// Plain values with safe defaults; `config_check.hpp` names the first fault. Nothing here is looked up by a global.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ipsec/core/instant.hpp"
#include "ipsec/core/secret.hpp"
#include "ipsec/core/strong.hpp"
#include "ipsec/crypto/algorithms.hpp"
#include "ipsec/crypto/ids.hpp"
#include "ipsec/crypto/private_group_check.hpp"
#include "ipsec/crypto/public_key.hpp"
#include "ipsec/ike/errc.hpp"
#include "ipsec/ike/identity.hpp"
#include "ipsec/ike/path.hpp"
#include "ipsec/ike/retransmit.hpp"
#include "ipsec/ike/v1/certificates.hpp"
#include "ipsec/ike/v1/remote_access.hpp"
#include "ipsec/isakmp/oakley.hpp"
#include "ipsec/policy/peer_auth.hpp"
#include "ipsec/sa/id.hpp"

namespace ipsec::ike::v1 {

/// A peer's place in the configuration, counted from 0.
using peer_id = strong<struct peer_id_tag, std::uint32_t>;

/// A pseudo-random function of private use: a number that both ends have settled on, and what it stands for at this one.
///                                                                                              RFC 2409 §4, §5, App. A
struct private_prf {
    static constexpr std::uint16_t first_number = 65001;  ///< no number below is assigned
    std::uint16_t number = 0;  ///< 0: none is negotiated, and the prf is the HMAC of the hash
    crypto::prf_id function{};
    friend constexpr auto operator==(const private_prf&, const private_prf&) noexcept -> bool = default;
};

/// What protects ISAKMP messages.                                                               RFC 2409 §4
struct ike_suite {
    crypto::encryption_id encryption = crypto::encryption_id::aes_cbc;
    std::uint16_t key_bits = 256;  ///< 0 where the cipher has one key length
    crypto::hash_id hash = crypto::hash_id::sha2_256;
    crypto::group_id group = crypto::group_id::modp2048;
    isakmp::oakley_authentication authentication = isakmp::oakley_authentication::pre_shared_key;
    /// Of a group without a number that everybody knows, its parts stand in the offer, and no number: that of `private_groups`
    /// with this number, or, as the responder, any that `new_group_limits` take, where `group` is `none`. Otherwise the number
    /// stands there, once New Group Mode has agreed on it.                                       RFC 2409 §4, §5.6
    bool by_parts = false;
    private_prf prf{};
    /// RSA or DSS signatures of the edge device alone: the client says HASH in place of SIG, which proves nothing of it, and is
    /// authenticated by XAUTH. It has no key of its own, and leaves its identity empty unless `local_id` says one.
    bool hybrid = false;                                  // draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2
    friend constexpr auto operator==(const ike_suite&, const ike_suite&) noexcept -> bool = default;
};
/// The prf that SKEYID and all that follows from it is made by. @pre the hash is known
[[nodiscard]] constexpr auto prf_of(const ike_suite& s) noexcept -> crypto::prf_id {
    return s.prf.number != 0 ? s.prf.function : crypto::find(s.hash)->prf;
}

/// What protects packets: ESP, AH, or both together as one proposal (ESP inside, AH outside).   RFC 2408 §4.2
struct child_suite {
    std::optional<crypto::transform> esp{};
    std::optional<crypto::integrity_id> ah{};
    friend constexpr auto operator==(const child_suite&, const child_suite&) noexcept -> bool = default;
};

/// What shows that a peer is who it says.                                                        RFC 2409 §5
enum class proof : std::uint8_t { shared_key = 1, signature, encryption, revised_encryption };
/// @return nothing for a method that is not of phase 1 as RFC 2409 and RFC 4754 have it
[[nodiscard]] constexpr auto proof_by(isakmp::oakley_authentication method) noexcept -> std::optional<proof> {
    switch (method) {
        case isakmp::oakley_authentication::pre_shared_key: return proof::shared_key;
        case isakmp::oakley_authentication::dss_signatures:
        case isakmp::oakley_authentication::rsa_signatures:
        case isakmp::oakley_authentication::ecdsa_256:
        case isakmp::oakley_authentication::ecdsa_384:
        case isakmp::oakley_authentication::ecdsa_521: return proof::signature;
        case isakmp::oakley_authentication::rsa_encryption: return proof::encryption;
        case isakmp::oakley_authentication::revised_rsa_encryption: return proof::revised_encryption;
        default: return std::nullopt;
    }
}

/// Whether nonce and identity go encrypted to a public key, and being able to read them is the proof.   RFC 2409 §5.2, §5.3
[[nodiscard]] constexpr auto is_by_encryption(proof p) noexcept -> bool {
    return p == proof::encryption || p == proof::revised_encryption;
}

/// When an SA ends. 0 stands for "not by this"; the smaller value of the two peers counts.      RFC 2407 §4.5
struct lifetime {
    std::uint64_t seconds = 28800;
    std::uint64_t kilobytes = 0;
    friend constexpr auto operator==(const lifetime&, const lifetime&) noexcept -> bool = default;
};

/// When a rekey starts, in seconds since the SA was made: at `after`, or by chance up to `chance` earlier. It counts for the end
/// that began the exchange; the other end follows halfway to the end of the SA, if nothing happened until then.
struct rekey_time {
    std::uint64_t after = 0;   ///< more than 0
    std::uint64_t chance = 0;  ///< no more than `after`
    friend constexpr auto operator==(const rekey_time&, const rekey_time&) noexcept -> bool = default;
};

/// What becomes of the traffic of a peer that does not answer any more.                         RFC 3706
enum class on_dead_peer : std::uint8_t {
    forget = 1,  ///< the SAs go; the next packet may ask for new ones
    restart,     ///< the same, and those that were there are negotiated again at once; also where an answer to our phase 1
                 ///< is followed by INITIAL-CONTACT: that peer died and came back
};

/// One policy entry that is served by SAs with this peer. Suites in order of preference, best first.
struct child_config {
    sa::policy_id policy{1};
    sa::mode mode = sa::mode::tunnel;
    std::vector<child_suite> suites{
        {.esp = crypto::transform{crypto::encryption_id::aes_cbc, 256, crypto::integrity_id::hmac_sha2_256_128}}};
    crypto::group_id pfs = crypto::group_id::none;  ///< `none`: keys from phase 1 alone; else both sides need this group
    /// Whose packets. Absent on both sides: those of the two peers themselves, and no identities are sent.   RFC 2409 §5.5
    std::optional<client> local{}, remote{};
    /// What stands for `local` and `remote` in the identities of Quick Mode instead of addresses: a domain name, a user at one, a
    /// DER name, a key id. The traffic is that of `local` and `remote` all the same.        RFC 2407 §4.6.2.1, RFC 2401 §4.4.2
    std::optional<identity> local_name{}, remote_name{};
    /// A peer may ask for part of `local` and `remote` (SAs per host pair); else only for exactly them. Not with names.
    bool allow_narrower = false;
    /// A named SPD entry, as a responder has it for road warriors: the identity that was proven in phase 1 chose the entry, and
    /// the address of the initiator is the remote one of the SAs, in place of `remote`. It is the one host that its client
    /// identity says; the peer's own address in transport mode, or where no identities come. It has to lie in `remote` (mostly
    /// any address) and in what `config::authorization` lets the identity have, and no other peer has it under this policy.
    /// Never bound, but refused with `errc::identity_mismatch`: the unspecified address, loopback, multicast, 255.255.255.255,
    /// this end's own address, and what is in `local`, unless all of `remote` lies in `local` as well (a tunnel for any traffic).
    /// An authorization entry `by_identity` lists no addresses: there the peer chooses any other one that lies in `remote`.
    /// Peers may share the number of such a policy: packets have no names, so of two entries for any address the first would
    /// get them all. Only the peer begins; what stands is rekeyed by either end.                 RFC 4301 §4.4.1.1, §4.4.3
    bool bind_remote = false;
    /// A transport-mode SA between the clients' own addresses, for ends that stand in the wire for hosts (BITW).
    bool transport_for_clients = false;
    v1::lifetime lifetime{.seconds = 3600, .kilobytes = 0};
    std::uint8_t pairs = 1;          ///< SA payloads in one Quick Mode, each a pair of SAs by itself        RFC 2409 §5.5
    bool anti_replay = true;         ///< inbound SAs keep a window; without one the initiator is told           RFC 2407 §4.6.3.2
    bool replay_status = false;      ///< as the responder, say REPLAY-STATUS in any case                      RFC 2407 §4.6.3.2
    bool extended_sequence = false;  ///< ask for extended sequence numbers                                    RFC 4304
    bool start_at_once = false;      ///< negotiate as soon as the ISAKMP SA stands, not only on `acquire`
    bool rekey = true;               ///< a new pair before the old one ends
    /// Absent, or not before the end that was agreed on: by `config::margin_percent`.
    std::optional<rekey_time> rekey_at{};
    on_dead_peer when_dead = on_dead_peer::forget;
    /// Set the commit bit: the peer uses its SAs once it has heard CONNECTED from this end. A peer's is always heeded.
    bool commit_bit = false;                                                                 // RFC 2408 §3.1
    friend auto operator==(const child_config&, const child_config&) noexcept -> bool = default;
};
/// Whether SAs made for `a` serve `b` as well: all is equal but when to negotiate.
[[nodiscard]] inline auto same_sas(const child_config& a, child_config b) noexcept -> bool {
    b.start_at_once = a.start_at_once;
    b.when_dead = a.when_dead;
    return a == b;
}

/// A group by its parts, and the number that stands for it: 32768 or more.                     RFC 2409 §5.6, §6
struct named_group {
    crypto::group_id id{};
    crypto::private_group parts{};
    friend auto operator==(const named_group&, const named_group&) -> bool = default;
};
[[nodiscard]] constexpr auto is_private(crypto::group_id g) noexcept -> bool { return static_cast<std::uint16_t>(g) >= 0x8000; }
/// @return null when there is none of that number
[[nodiscard]] inline auto find_group(std::span<const named_group> all, crypto::group_id g) noexcept -> const named_group* {
    for (const named_group& n : all)
        if (n.id == g) return &n;
    return nullptr;
}
/// In which form an end speaks of NAT: as the RFC, or as draft-ietf-ipsec-nat-t-ike-02 and -03, for peers that are older.
enum class nat_forms : std::uint8_t { rfc = 1, rfc_and_drafts, drafts };

/// How an endpoint gets through NAT.                                                            RFC 3947, RFC 3948
struct nat_traversal {
    bool enabled = true;               ///< say and listen for it in phase 1
    bool force = false;                ///< behave as if there were a NAT in any case, and make the peer believe so
    std::uint16_t port = 4500;         ///< where both ends move to once a NAT was found
    duration keepalive = seconds(20);  ///< from behind a NAT, so that it keeps its mapping; 0: none       RFC 3948 §4
    nat_forms forms = nat_forms::rfc;
};

/// IKE messages in pieces that a path takes, for peers that say they understand it.              detail in fragmentation.hpp
struct fragmentation {
    bool enabled = false;      ///< say and take it
    std::size_t size = 1200;   ///< octets of the largest IKE datagram that goes out; 576 and 1280 less IP and UDP are safe values
};

/// Dead peer detection. A query goes out when nothing genuine was heard for `delay`, and again as any message is repeated.
struct dead_peer_detection {
    duration delay{};    ///< 0: never ask; queries of the peer are answered in any case
    duration timeout{};  ///< without an answer for so long after the first query the peer is dead; 0: as for any message
};

/// Which exchanges phase 1 may go by. Aggressive Mode shows identities to everybody and gives whoever asks something to guess
/// weak pre-shared keys by, so it is neither begun nor answered unless that is said here.                    RFC 2409 §5
struct phase_1_modes {
    bool begin_aggressive = false;   ///< this end begins with Aggressive Mode in place of Main Mode
    bool accept_aggressive = false;  ///< the peer may begin with it; then it is known by its identity
    bool accept_main = true;
};

/// Keys for the methods of authentication that have public ones.                                      RFC 2409 §5.1 to §5.3
struct public_keys {
    struct own_signature {
        isakmp::oakley_authentication method{};
        crypto::signing_key key;
        own_certificate certificate{};  ///< sent in CERT payloads; empty: none is sent
    };
    struct known_key {
        isakmp::oakley_authentication method{};
        crypto::public_key key{};
        /// DER of the certificate that the key is from: encryption names it to the peer by HASH(1). Empty: no name is sent.
        std::vector<std::byte> certificate{};
    };
    /// What the peer encrypts to. A key that is here cannot sign: its number is of another type.
    struct own_decryption {
        crypto::decryption_key key;
        std::vector<std::byte> certificate{};  ///< DER; HASH(1) of the peer may name it, the revised mode sends the first
        friend auto operator==(const own_decryption&, const own_decryption&) -> bool = default;
    };
    /// Several for one method, each under an authority of its own: the first that a certificate request of the peer asks for
    /// signs, or the first of all where none asks or none fits.                                           RFC 4945 §3.2.7.1
    std::vector<own_signature> sign_with{};
    /// A certificate goes also to a peer that asks for none: some want one and do not say so.                RFC 4945 §3.3.6
    // req: rfc4945-3.3.6-3
    bool send_unasked = false;
    std::vector<own_decryption> decrypt_with{};  ///< the first one, where the peer names none
    std::vector<known_key> peer_keys{};    ///< what the peer signs with, or what is encrypted to it
    /// A signature of the peer may also hold by a certificate that comes with it, or that is here already.
    std::optional<v1::trust> trust{};
};

struct peer_config {
    /// In Main Mode the peer, and a pre-shared key with it, is picked by the remote address; in Aggressive Mode by `remote_id`.
    /// A remote address of all zeros stands for any: such a peer has a `remote_id`, by which it is picked in Main Mode too, at
    /// message 5 and not by encryption. What is a key before that, a pre-shared one, all of them at a local address share.
    ///                                                                                                        RFC 2409 §5.4
    ike::path path;
    secret<128> psk;
    bool allow_short_secret = false;      ///< accept a key under 8 octets
    std::optional<identity> local_id{};   ///< default: the local address
    /// Default: the remote address. `identity::none()` for hybrid clients, who prove no name: they may say none, or any.
    /// Not beside a `config::authorization`, where nobody would be found by it.
    std::optional<identity> remote_id{};
    std::vector<ike_suite> suites{ike_suite{}};  ///< the best first, also as text: suite_name.hpp
    /// Of what an initiator offers, the responder takes its own first suite in place of the initiator's first. RFC 2409 §5 leaves
    /// the choice to the responder.
    bool prefer_own_suites = false;
    phase_1_modes modes{};
    public_keys keys{};
    v1::lifetime lifetime{};
    std::vector<child_config> children{};
    bool send_initial_contact = true;     ///< on the first ISAKMP SA with this peer                          RFC 2407 §4.6.3.3
    /// Say it where the peer began that SA, too: so it learns that an end which waits for others to begin was restarted. Most
    /// others say it as initiators only, and one that ends all SAs with an address may end those of another peer there.
    bool initial_contact_as_responder = false;
    nat_traversal nat{};
    dead_peer_detection dpd{};
    /// Groups of one's own: New Group Mode offers one before the first Quick Mode that has its number for PFS, or as soon as the
    /// ISAKMP SA stands where a suite has it for the next one, and takes it from the peer. What was agreed on stays known until
    /// the number is agreed on anew.                                                               RFC 2409 §5.6
    std::vector<named_group> private_groups{};
    bool accept_new_groups = false;       ///< take any group of the peer's that `crypto::check` passes with these limits
    crypto::group_limits new_group_limits{};
    /// Identities have perfect forward secrecy too: an ISAKMP SA serves one Quick Mode and is deleted. RFC 2409 §8
    bool identity_pfs = false;
    /// Child SAs stay when the last ISAKMP SA with the peer ends ("dangling"); else they go with it. With `identity_pfs`, stay.
    bool children_outlive_ike = true;
    v1::fragmentation fragmentation{};
    v1::xauth xauth{};
    v1::mode_config_settings mode_config{};
    bool rekey = true;                    ///< a new Main Mode before the ISAKMP SA ends, if child SAs are there then
    std::optional<rekey_time> rekey_at{}; ///< as in `child_config`
};

/// Bounds of everything that a peer can make the endpoint keep.
struct limits {
    std::size_t message = 8192;           ///< octets of a datagram that is looked at
    std::size_t half_open = 64;           ///< ISAKMP SAs whose peer is not authenticated yet, cookie verified; the oldest goes
    /// Of these, how many one peer's address may have; its oldest goes. Peers of any address that answer alike (`anybody.hpp`)
    /// have these and `offers_per_peer` together: the oldest of the same address goes first.
    std::size_t half_open_per_peer = 32;
    std::size_t offers_per_peer = 8;      ///< offers (SAi_b) kept for message 3; the oldest unproven goes
    std::size_t offers = 1024;            ///< the same of all peers, as far as they are unproven; the oldest of these goes
    std::size_t ike_sas_per_peer = 8;     ///< authenticated ISAKMP SAs of one peer; the oldest goes
    std::size_t exchanges = 16;           ///< Quick Modes of one ISAKMP SA that are open or can still be asked for a resend
    std::size_t child_pairs_per_peer = 64;///< pairs of SAs of one peer
    std::size_t message_ids = 4096;       ///< message IDs of the peer remembered under one ISAKMP SA; then no new exchange
    std::size_t queue = 256;              ///< messages waiting for `poll_transmit`; newer ones are dropped beyond it
    std::size_t pairs_per_exchange = 8;   ///< SA payloads accepted in one Quick Mode
    /// Of `half_open`; beyond it the first message of an Aggressive Mode is not answered, nor message 3 of a Main Mode from an
    /// address that no peer has. The two are counted each by itself, here and in the next two.
    std::size_t aggressive_half_open = 16;
    std::size_t aggressive_per_source = 4;///< the same, of one remote address
    std::uint32_t aggressive_per_second = 10; ///< Diffie-Hellman that strangers may cause; as much again at once
    std::uint8_t aggressive_repeats = 2;  ///< how often message 2 is repeated where message 3 does not come
    std::uint8_t amplification = 5;       ///< octets sent for one that came in, before the peer is known to be there
    std::size_t private_groups = 4;       ///< groups of one peer that New Group Mode agreed on; verdicts kept on its groups
    /// Of groups that come by their parts in phase 1, of all peers; as much at once. Aggressive Modes have as many of their own.
    std::uint32_t group_checks_per_second = 2;
    std::size_t fragmented = 16;          ///< messages that come in pieces at once, of all peers; the oldest goes
    std::size_t fragments = 32;           ///< pieces of one message
};

/// Whether this end begins with Aggressive Mode: where it is told to, or where Main Mode is not served.
[[nodiscard]] constexpr auto begins_aggressive(const peer_config& p) noexcept -> bool {
    return p.modes.begin_aggressive || !p.modes.accept_main;
}
/// Whether in a phase 1 by this suite the peer is the one who proves nothing; and whether this end is.
///                                                                  draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2
[[nodiscard]] constexpr auto is_unproven_there(const peer_config& p, const ike_suite& s) noexcept -> bool {
    return s.hybrid && p.xauth.part == xauth_part::edge_device;
}
[[nodiscard]] constexpr auto is_unproven_here(const peer_config& p, const ike_suite& s) noexcept -> bool {
    return s.hybrid && p.xauth.part == xauth_part::client;
}
/// Of our keys the one for a method and for what the peer asked; of the peer's keys the one for it. @return nullptr: none
[[nodiscard]] inline auto key_to_sign(const peer_config& p, isakmp::oakley_authentication method,
                                      const certificates_asked& asked = {}) -> const public_keys::own_signature* {
    const auto& all = p.keys.sign_with;
    if (asked.fits && *asked.fits < all.size() && all[*asked.fits].method == method) return &all[*asked.fits];
    const auto at = std::ranges::find(all, method, &public_keys::own_signature::method);
    return at == all.end() ? nullptr : &*at;
}
[[nodiscard]] inline auto key_of_peer(const peer_config& p, isakmp::oakley_authentication method) -> const crypto::public_key* {
    const auto at = std::ranges::find(p.keys.peer_keys, method, &public_keys::known_key::method);
    return at == p.keys.peer_keys.end() ? nullptr : &at->key;
}

struct config {
    std::vector<peer_config> peers{};
    /// Who may have SAs for what, once it is authenticated: the first entry in order for its identity counts, and whoever has
    /// none gets nothing. Empty: each peer may have all of its children. Texts and ranges outlive the endpoint.   RFC 4301 §4.4.3
    std::vector<policy::peer_entry> authorization{};
    retransmit_policy retransmit{};
    v1::limits limits{};
    /// Seconds since 1970 at `instant{}`: certificates have dates, and the time that is handed in has none.
    std::int64_t unix_time_at_zero = 0;
    duration cookie_slot = seconds(60);  ///< a cookie is good in the slot it was made in and in the next one
    /// A rekey starts when this share of the lifetime is left, in percent; up to as much again is added by chance.
    std::uint8_t margin_percent = 10;
    /// How long the old pair stands after its successor was agreed on: the initiator of the rekey deletes it then; the other end
    /// lets go of it after four times as long, should the Delete be lost.
    duration delete_grace = seconds(5);
    /// How long the initiator of a Quick Mode waits, after message 3, until it asks for its outbound SAs: a peer that makes its
    /// inbound SAs upon message 3 loses what comes before they stand. Meanwhile the old pair carries a rekey's traffic, and the
    /// first packet of a new pair is late. A packet that comes in on the new pair ends the wait; a message 2 that is repeated
    /// while it lasts (message 3 was lost) begins it anew. Zero: no wait.                      RFC 2408 §3.1, commit bit
    duration outbound_delay = milliseconds(100);
    /// How long an end whose answer was the last word of XAUTH or Mode Config waits until it begins what comes next. On the way,
    /// or among the threads of a peer, one of two datagrams overtakes the other, and a Quick Mode that is there before the answer
    /// is taken for one without XAUTH. A proven word of the peer ends the wait, and so does the end of the dialogue's patience.
    /// Zero: no wait.
    duration answer_pause = milliseconds(50);
    /// How long CONNECTED is waited for where the peer set the commit bit. The last message goes out again meanwhile; a packet
    /// that comes in on the new pair ends the wait as well. After it the SAs are used all the same: the bit is under no HASH, so
    /// that whoever sets it on the way must not hang an SA by it.                                   RFC 2408 §3.1
    duration connected_wait = seconds(10);
};

/// The text of a pre-shared key as octets, no NUL behind it. @pre no longer than 128 characters
[[nodiscard]] inline auto psk_of(std::string_view text) -> secret<128> { return secret<128>{std::as_bytes(std::span{text})}; }

}  // namespace ipsec::ike::v1
