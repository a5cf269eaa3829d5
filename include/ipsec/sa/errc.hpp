#pragma once
#include "ipsec/core/result.hpp"
#include "ipsec/crypto/errc.hpp"

namespace ipsec::sa {

enum class errc : std::uint8_t {
    left_of_window = 1,             ///< too old to judge: drop, audit                                   RFC 2406 §3.4.3
    replayed,                       ///< seen before: drop, audit                                        RFC 2406 §3.4.3
    zero_sequence,                  ///< number 0, which no sender with anti-replay ever sends           RFC 2406 §3.3.3
    before_first_subspace,          ///< would stand before the first number of an SA with extended ones RFC 4303 App. A2.2
    sequence_exhausted,             ///< the counter would wrap: rekey first                             RFC 2406 §3.3.3
    anti_replay_without_integrity,  ///< nothing vouches for the sequence number                         RFC 2406 §3.4.3
    static_counter_keys,            ///< a counter-mode suite with keys given by hand                    RFC 4106 §2
    extended_with_manual_keys,      ///< extended numbers are there by negotiation only                  RFC 4303 §2.2.1
    bad_window,                     ///< a width under 32, no multiple of 32, or more than the type holds
    reserved_spi,                   ///< SPI 0 to 255                                                    RFC 2406 §2.1
    family_mismatch,                ///< the two ends of the SA are of different IP versions
    bad_bundle,                     ///< position outside the bundle, or a bundle of none or too many
    protocol_mismatch,              ///< an ESP identity with an AH transform, or the other way round
    duplicate,                      ///< SPI, destination and protocol are taken                         RFC 2401 §4.1
    unknown,                        ///< no such SA, or it was removed and the handle is old
    database_full,                  ///< the limit that the user set, or memory, is used up
    no_randomness,                  ///< the random source failed
    bad_key_size,                   ///< the keying material has a length that the suite does not take
    weak_key,                       ///< a weak or semi-weak DES key                                     RFC 2405 §2
    unknown_algorithm,              ///< the provider does not have it, or refuses the pair
    provider_failed,                ///< the library behind the suite reported a fault
    reserve_used,                   ///< the numbers that the last snapshot set apart are used up: take another one first
    sequence_mismatch,              ///< numbers outside of the number space of the SA
    keys_not_exportable,            ///< the SA was not made so that its keys may leave it
    bad_snapshot,                   ///< no snapshot, one of the other direction, or values that no SA has
    snapshot_version,               ///< made by a version of this library whose form is another one
    snapshot_truncated,             ///< it ends too early
    snapshot_key,                   ///< sealed with another key, or sealed where an open one was expected
    snapshot_altered,               ///< sealed with this key, and changed since
};
template <class T> using result = std::expected<T, errc>;
inline constexpr errc no_fault{};  ///< of what tells faults as plain numbers: no enumerator has it

[[nodiscard]] constexpr auto condition_of(errc e) noexcept -> condition {
    switch (e) {
        case errc::left_of_window:
        case errc::replayed:
        case errc::zero_sequence:
        case errc::before_first_subspace: return condition::replay;
        case errc::sequence_exhausted:
        case errc::reserve_used:
        case errc::database_full: return condition::exhausted;
        case errc::anti_replay_without_integrity:
        case errc::static_counter_keys:
        case errc::extended_with_manual_keys:
        case errc::reserved_spi:
        case errc::bad_key_size:
        case errc::keys_not_exportable:
        case errc::weak_key: return condition::policy;
        case errc::bad_window:
        case errc::family_mismatch:
        case errc::bad_bundle:
        case errc::protocol_mismatch:
        case errc::duplicate:
        case errc::sequence_mismatch:
        case errc::unknown: return condition::misuse;
        case errc::bad_snapshot:
        case errc::snapshot_truncated: return condition::malformed;
        case errc::snapshot_key:
        case errc::snapshot_altered: return condition::unauthenticated;
        case errc::snapshot_version:
        case errc::unknown_algorithm: return condition::unsupported;
        case errc::no_randomness:
        case errc::provider_failed: return condition::failed;
    }
    return condition::failed;
}
[[nodiscard]] constexpr auto name_of(errc e) noexcept -> std::string_view {
    switch (e) {
        case errc::left_of_window: return "left of the window";
        case errc::replayed: return "replayed";
        case errc::zero_sequence: return "sequence number zero";
        case errc::before_first_subspace: return "before the first sequence number";
        case errc::sequence_exhausted: return "sequence numbers used up";
        case errc::anti_replay_without_integrity: return "anti-replay without integrity";
        case errc::static_counter_keys: return "counter-mode suite with keys given by hand";
        case errc::extended_with_manual_keys: return "extended sequence numbers with keys given by hand";
        case errc::bad_window: return "bad window width";
        case errc::reserved_spi: return "reserved SPI";
        case errc::family_mismatch: return "ends of different IP versions";
        case errc::bad_bundle: return "bad place in a bundle";
        case errc::protocol_mismatch: return "identity and transform of different protocols";
        case errc::duplicate: return "SPI, destination and protocol taken";
        case errc::unknown: return "unknown SA";
        case errc::database_full: return "SA database full";
        case errc::no_randomness: return "random source failed";
        case errc::bad_key_size: return "key has the wrong size";
        case errc::weak_key: return "weak DES key";
        case errc::unknown_algorithm: return "unknown algorithm";
        case errc::provider_failed: return "crypto provider failed";
        case errc::reserve_used: return "sequence numbers set apart by the last snapshot used up";
        case errc::sequence_mismatch: return "numbers outside of the number space";
        case errc::keys_not_exportable: return "keys of this SA may not leave it";
        case errc::bad_snapshot: return "no snapshot of such an SA";
        case errc::snapshot_version: return "snapshot of another version";
        case errc::snapshot_truncated: return "snapshot is truncated";
        case errc::snapshot_key: return "snapshot is sealed with another key";
        case errc::snapshot_altered: return "snapshot was altered";
    }
    return "unknown SA error";
}

/// What a fault of the suite means for the making of an SA.
[[nodiscard]] constexpr auto from(crypto::errc e) noexcept -> errc {
    switch (e) {
        case crypto::errc::bad_key_size: return errc::bad_key_size;
        case crypto::errc::weak_key: return errc::weak_key;
        case crypto::errc::static_counter_keys: return errc::static_counter_keys;
        case crypto::errc::no_randomness: return errc::no_randomness;
        case crypto::errc::unknown_algorithm:
        case crypto::errc::unsupported_algorithm:
        case crypto::errc::not_for_esp:
        case crypto::errc::not_for_ike_v1:
        case crypto::errc::no_integrity:
        case crypto::errc::null_with_null: return errc::unknown_algorithm;
        default: return errc::provider_failed;
    }
}

}  // namespace ipsec::sa
