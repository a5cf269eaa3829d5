#pragma once
/// What can go wrong in IKE, and what a peer may be told of it.
#include <cstdint>

#include "ipsec/core/result.hpp"

namespace ipsec::ike {

enum class errc : std::uint8_t {
    malformed = 1,        ///< header, payload chain or payload is wrong; the audit record carries the `isakmp::errc`
    unknown_exchange,     ///< exchange type that this endpoint does not speak
    wrong_flags,          ///< encrypted where it may not be, or clear where it must be encrypted
    unknown_cookie,       ///< no ISAKMP SA has this cookie pair
    bad_cookie,           ///< the responder cookie is not one of ours, or is too old                   RFC 2408 §2.5.3
    offer_forgotten,      ///< the responder cookie is ours, but the offer it goes with was pushed out by others
    spent_cookie,         ///< the responder cookie made an ISAKMP SA before
    unknown_peer,         ///< no configured peer has this address
    unexpected_message,   ///< genuine or not, the state has no use for it
    not_decryptable,      ///< the text is no whole number of blocks, or decrypts to no payload chain
    bad_hash,             ///< HASH does not hold
    replayed_message_id,  ///< the message ID was used before under this ISAKMP SA
    no_proposal_chosen,   ///< nothing that the peer offers is in the policy
    not_what_was_offered, ///< the peer chose what was not offered, or changed it                       RFC 2409 §5
    bad_key_exchange,     ///< the public value has not the length of the group, or lies outside it     RFC 2409 §5
    bad_identity,         ///< an identity that does not parse, or port and protocol that may not be    RFC 2407 §4.6.2
    identity_mismatch,    ///< the identity is not the one that the policy asks for
    not_authorized,       ///< the identity is genuine, and the policy gives it nothing of the kind      RFC 4301 §4.4.3
    already_bound,        ///< another peer has SAs for this address under the same policy                RFC 4301 §4.4.1.1
    limit_reached,        ///< a limit of the configuration is used up
    timed_out,            ///< the last retransmission was not answered
    expired,              ///< the ISAKMP SA lived as long as it may
    refused_by_peer,      ///< a protected notification of the peer ended the exchange
    deleted_by_peer,      ///< a protected Delete of the peer
    install_refused,      ///< the SAs could not be installed on this side
    crypto_failed,        ///< the crypto provider failed
    no_randomness,        ///< the random source failed
    closed,               ///< closed by its user
    peer_dead,            ///< the peer answered no query of dead peer detection                        RFC 3706 §5.4
    xauth_failed,  ///< the client did not say what the edge device wants to hear                draft-beaulieu-ike-xauth-02
    xauth_type,    ///< a type of XAUTH that is not known, or not the one that was asked for     draft-beaulieu-ike-xauth-02 §6.2
    bad_fragment,  ///< a piece of a message that does not go with the others                    fragmentation.hpp
    fragments_missing,  ///< not all pieces of a message came in time
    no_ah_through_nat,    ///< a NAT is on the way, and AH does not survive one                         RFC 3948 §1
    group_refused,        ///< a group by its parts that is none, or not in the policy                  RFC 2409 §5.6
    no_such_peer,         ///< the configuration has no peer of this number
    no_such_policy,       ///< the configuration has no child SA for this policy
    peer_begins,          ///< the remote side of the child is the peer's own: it is up to the peer to begin   RFC 4301 §4.4.1.1
    wrong_result_for_event, ///< an answer or completion for something that was not asked
    // Faults of a configuration:
    no_suites,            ///< an empty list of suites
    not_for_ike_v1,       ///< an algorithm that has no number in IKEv1                                 RFC 7634
    unusable_algorithm,   ///< NULL with NULL, a key length that the cipher has not, no such group; one that the provider has not
    not_for_phase_1,      ///< a cipher that can not protect ISAKMP messages
    short_secret,         ///< a pre-shared key below the least length, and `allow_short_secret` not set
    unequal_secrets,      ///< peers of any address that Main Mode cannot tell apart by their pre-shared keys   RFC 2409 §5.4
    group_secret,         ///< a pre-shared key that many know, for XAUTH or for peers of any address, unless `allow_group_secret`
    hybrid_without_xauth, ///< a hybrid suite, and `xauth::part` says neither client nor edge device
    unproven_name,        ///< hybrid clients that only a name tells apart, unless `allow_unproven_name`
    duplicate_peer,       ///< two peers with one address, by which a pre-shared key is picked, or one name     RFC 2409 §5.4
    duplicate_policy,     ///< two child SAs with one policy number
    bad_selector,         ///< a selector that no identity payload can say
    binds_unchecked,      ///< a child that takes the peer's address, and no database that says who has which  RFC 4301 §4.4.3
    bad_lifetime,         ///< a lifetime of nothing, or one shorter than its margin
    bad_limit,            ///< a limit of zero where at least one is needed, or below another that it has to hold
    no_key_for_method,    ///< a method of authentication without the keys it needs, or that the provider has not
    not_for_aggressive_mode, ///< Aggressive Mode cannot negotiate a group; or a peer that no exchange serves    RFC 2409 §5
    bad_question,         ///< a REQUEST of XAUTH that may not be asked so                draft-beaulieu-ike-xauth-02 §6.2
    // Of a peer, again:
    bad_signature,        ///< SIG_I or SIG_R does not hold                                             RFC 2409 §5.1
    bad_certificate,      ///< a certificate of the peer proves no key, or not for this identity        RFC 4945
    no_key_of_peer,       ///< a signature, and neither a key nor a certificate to hold it against
    // Snapshots:
    bad_snapshot,         ///< no snapshot, or values that no ISAKMP SA has
    snapshot_version,     ///< made by a version of this library whose form is another one
    snapshot_truncated,   ///< it ends too early
    snapshot_key,         ///< sealed with another key, or sealed where an open one was expected
    snapshot_altered,     ///< sealed with this key, and changed since
    already_there,        ///< an SA with these cookies, or with one of these SPIs, stands here
};
template <class T> using result = std::expected<T, errc>;

[[nodiscard]] constexpr auto condition_of(errc e) noexcept -> condition {
    switch (e) {
        case errc::malformed:
        case errc::wrong_flags:
        case errc::bad_fragment:
        case errc::bad_key_exchange:
        case errc::bad_snapshot:
        case errc::snapshot_truncated:
        case errc::bad_identity: return condition::malformed;
        case errc::spent_cookie:
        case errc::replayed_message_id: return condition::replay;
        case errc::unknown_cookie:
        case errc::bad_cookie:
        case errc::not_decryptable:
        case errc::bad_signature:
        case errc::bad_certificate:
        case errc::no_key_of_peer:
        case errc::snapshot_key:
        case errc::snapshot_altered:
        case errc::bad_hash: return condition::unauthenticated;
        case errc::unknown_peer:
        case errc::unexpected_message:
        case errc::no_proposal_chosen:
        case errc::not_what_was_offered:
        case errc::identity_mismatch:
        case errc::not_authorized:
        case errc::already_bound:
        case errc::peer_begins:
        case errc::refused_by_peer:
        case errc::deleted_by_peer:
        case errc::install_refused:
        case errc::xauth_failed:
        case errc::xauth_type:
        case errc::no_ah_through_nat:
        case errc::group_refused:
        case errc::closed: return condition::policy;
        case errc::unknown_exchange:
        case errc::offer_forgotten:
        case errc::limit_reached:
        case errc::peer_dead:
        case errc::fragments_missing:
        case errc::timed_out:
        case errc::expired: return condition::exhausted;
        case errc::crypto_failed:
        case errc::no_randomness: return condition::failed;
        case errc::snapshot_version:
        case errc::already_there:
        case errc::no_such_peer:
        case errc::no_such_policy:
        case errc::wrong_result_for_event:
        case errc::no_suites:
        case errc::not_for_ike_v1:
        case errc::unusable_algorithm:
        case errc::not_for_phase_1:
        case errc::short_secret:
        case errc::group_secret:
        case errc::unequal_secrets:
        case errc::hybrid_without_xauth:
        case errc::unproven_name:
        case errc::duplicate_peer:
        case errc::duplicate_policy:
        case errc::bad_selector:
        case errc::binds_unchecked:
        case errc::bad_lifetime:
        case errc::no_key_for_method:
        case errc::not_for_aggressive_mode:
        case errc::bad_question:
        case errc::bad_limit: return condition::misuse;
    }
    return condition::failed;
}

[[nodiscard]] constexpr auto name_of(errc e) noexcept -> std::string_view {
    switch (e) {
        case errc::malformed: return "malformed message";
        case errc::unknown_exchange: return "unknown exchange";
        case errc::wrong_flags: return "wrong flags for this state";
        case errc::unknown_cookie: return "no ISAKMP SA with these cookies";
        case errc::bad_cookie: return "responder cookie is not ours or too old";
        case errc::offer_forgotten: return "offer of this cookie was pushed out";
        case errc::spent_cookie: return "responder cookie was used before";
        case errc::unknown_peer: return "no peer with this address";
        case errc::unexpected_message: return "message that the state has no use for";
        case errc::not_decryptable: return "message does not decrypt to payloads";
        case errc::bad_hash: return "HASH does not hold";
        case errc::replayed_message_id: return "message ID was used before";
        case errc::no_proposal_chosen: return "no proposal chosen";
        case errc::not_what_was_offered: return "peer chose what was not offered";
        case errc::bad_key_exchange: return "public value does not fit its group";
        case errc::bad_identity: return "identity malformed or with a forbidden port";
        case errc::identity_mismatch: return "identity is not the expected one";
        case errc::not_authorized: return "identity is not authorized for this";
        case errc::already_bound: return "another peer has this address";
        case errc::limit_reached: return "limit of the configuration reached";
        case errc::timed_out: return "no answer from the peer";
        case errc::expired: return "ISAKMP SA is past its lifetime";
        case errc::refused_by_peer: return "refused by the peer";
        case errc::deleted_by_peer: return "deleted by the peer";
        case errc::install_refused: return "SA could not be installed";
        case errc::crypto_failed: return "crypto provider failed";
        case errc::no_randomness: return "random source failed";
        case errc::closed: return "closed";
        case errc::peer_dead: return "peer is dead";
        case errc::xauth_failed: return "user is not authenticated";
        case errc::xauth_type: return "XAUTH of a type that is not known or was not asked for";
        case errc::bad_fragment: return "piece of a message that does not go with the others";
        case errc::fragments_missing: return "not all pieces of a message came";
        case errc::no_ah_through_nat: return "AH does not pass the NAT on the way";
        case errc::group_refused: return "group is none, or not in the policy";
        case errc::no_such_peer: return "no such peer in the configuration";
        case errc::no_such_policy: return "no such policy in the configuration";
        case errc::peer_begins: return "the peer has to begin";
        case errc::wrong_result_for_event: return "answer to something that was not asked";
        case errc::no_suites: return "no suites configured";
        case errc::not_for_ike_v1: return "algorithm has no number in IKEv1";
        case errc::unusable_algorithm: return "unusable algorithm or key length";
        case errc::not_for_phase_1: return "cipher can not protect ISAKMP messages";
        case errc::short_secret: return "pre-shared key is too short";
        case errc::unequal_secrets: return "peers of any address have different pre-shared keys";
        case errc::group_secret: return "a pre-shared key that many know is not allowed";
        case errc::hybrid_without_xauth: return "hybrid authentication without XAUTH";
        case errc::unproven_name: return "peers told apart by a name that nothing proves";
        case errc::duplicate_peer: return "two peers with one address or one name";
        case errc::duplicate_policy: return "two child SAs with one policy number";
        case errc::bad_selector: return "selector that no identity payload can say";
        case errc::binds_unchecked: return "no database says which address the peer may have";
        case errc::bad_lifetime: return "lifetime is nothing, or shorter than its margin";
        case errc::bad_limit: return "limit is below the least that works";
        case errc::no_key_for_method: return "method of authentication without its keys";
        case errc::not_for_aggressive_mode: return "offer that Aggressive Mode cannot make";
        case errc::bad_question: return "XAUTH question that may not be asked";
        case errc::bad_signature: return "signature does not hold";
        case errc::bad_certificate: return "certificate does not prove the peer";
        case errc::no_key_of_peer: return "no key to verify the signature with";
        case errc::bad_snapshot: return "no snapshot of an ISAKMP SA";
        case errc::snapshot_version: return "snapshot of another version";
        case errc::snapshot_truncated: return "snapshot is truncated";
        case errc::snapshot_key: return "snapshot is sealed with another key";
        case errc::snapshot_altered: return "snapshot was altered";
        case errc::already_there: return "SA stands here already";
    }
    return "unknown IKE error";
}

}  // namespace ipsec::ike
