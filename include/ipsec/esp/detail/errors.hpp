#pragma once
/// What faults of the layers below are called here.
#include "ipsec/crypto/errc.hpp"
#include "ipsec/esp/errc.hpp"
#include "ipsec/ip/errc.hpp"
#include "ipsec/sa/errc.hpp"

namespace ipsec::esp::detail {

[[nodiscard]] constexpr auto from(crypto::errc e) noexcept -> errc {
    switch (e) {
        case crypto::errc::unauthentic: return errc::unauthentic;
        case crypto::errc::bad_length: return errc::bad_length;
        default: return errc::crypto_failed;
    }
}
[[nodiscard]] constexpr auto from(sa::errc e) noexcept -> errc {
    switch (e) {
        case sa::errc::left_of_window: return errc::left_of_window;
        case sa::errc::replayed: return errc::replayed;
        case sa::errc::zero_sequence: return errc::zero_sequence;
        case sa::errc::before_first_subspace: return errc::before_first;
        case sa::errc::reserve_used:  // no number may be used now, and a number is what it takes
        case sa::errc::sequence_exhausted: return errc::sequence_exhausted;
        default: return errc::misuse;
    }
}
[[nodiscard]] constexpr auto from(ip::errc e) noexcept -> errc {
    switch (e) {
        case ip::errc::bad_fragment:  // malformed, and a fragment all the same
        case ip::errc::is_fragment: return errc::fragment;
        case ip::errc::too_long: return errc::too_long;
        case ip::errc::ttl_expired: return errc::hop_limit;
        case ip::errc::ce_over_not_ect: return errc::ecn_drop;
        case ip::errc::chain_truncated:
        case ip::errc::chain_too_long:
        case ip::errc::hop_by_hop_not_first:
        case ip::errc::bad_option:
        case ip::errc::jumbogram: return errc::unsupported_header;
        case ip::errc::no_room: return errc::no_head_room;
        case ip::errc::mixed_families: return errc::misuse;
        default: return errc::not_ip;
    }
}

}  // namespace ipsec::esp::detail
