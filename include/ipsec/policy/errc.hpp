#pragma once
#include "ipsec/core/result.hpp"

namespace ipsec::policy {

/// Why policy does not let a packet pass, or does not take an entry.
enum class errc : std::uint8_t {
    no_policy = 1,          ///< no entry fits: the packet is discarded                              RFC 2401 §5
    discarded,              ///< the entry that fits says discard
    ports_unavailable,      ///< an entry asks for a port or protocol that the fragment does not show: drop  RFC 2401 §4.4.2
    protection_missing,     ///< it came in the clear, or with fewer SAs than the entry asks for      RFC 2401 §5.2.1
    wrong_protection,       ///< other protocols or modes than the entry asks for, or in another order
    wrong_tunnel,           ///< right protocols and modes, but between other tunnel ends
    wrong_policy,           ///< right kinds of SAs, but made for another entry
    unexpected_protection,  ///< it came through SAs, or through more of them than the entry has
    bad_entry,              ///< an entry that contradicts itself (`validate` says which)
    bad_place,              ///< no such place in the list
    duplicate_id,           ///< the list has an entry with this id
    exhausted,              ///< no memory for the entry, or for the classifier's index of it
    too_many_boxes,         ///< the answer has more parts than the caller allows
};
template <class T> using result = std::expected<T, errc>;

[[nodiscard]] constexpr auto condition_of(errc e) noexcept -> condition {
    switch (e) {
        case errc::no_policy:
        case errc::discarded:
        case errc::ports_unavailable:
        case errc::protection_missing:
        case errc::wrong_protection:
        case errc::wrong_tunnel:
        case errc::wrong_policy:
        case errc::unexpected_protection: return condition::policy;
        case errc::bad_entry:
        case errc::bad_place:
        case errc::duplicate_id: return condition::misuse;
        case errc::exhausted:
        case errc::too_many_boxes: return condition::exhausted;
    }
    return condition::policy;
}
[[nodiscard]] constexpr auto name_of(errc e) noexcept -> std::string_view {
    switch (e) {
        case errc::no_policy: return "no policy";
        case errc::discarded: return "discarded by policy";
        case errc::ports_unavailable: return "fragment does not show what policy asks for";
        case errc::protection_missing: return "required protection is missing";
        case errc::wrong_protection: return "protection of another kind or order";
        case errc::wrong_tunnel: return "tunnel between other ends";
        case errc::wrong_policy: return "SA was made for another policy";
        case errc::unexpected_protection: return "more protection than policy has";
        case errc::bad_entry: return "policy entry contradicts itself";
        case errc::bad_place: return "no such place in the policy list";
        case errc::duplicate_id: return "policy id is taken";
        case errc::exhausted: return "no room for the policy entry";
        case errc::too_many_boxes: return "policy comes apart into too many parts";
    }
    return "unknown policy error";
}

}  // namespace ipsec::policy
