#pragma once
/// What the faults of the layers below mean for a packet.
#include "ipsec/ah/errc.hpp"
#include "ipsec/dataplane/verdict.hpp"
#include "ipsec/esp/errc.hpp"
#include "ipsec/ip/errc.hpp"
#include "ipsec/policy/errc.hpp"

namespace ipsec::dataplane {

[[nodiscard]] constexpr auto reason_of(ip::errc e) noexcept -> drop {
    switch (e) {
        case ip::errc::is_fragment: return drop::fragment;
        case ip::errc::ttl_expired: return drop::hop_limit;
        case ip::errc::ce_over_not_ect: return drop::congestion_mark;
        case ip::errc::too_long: return drop::too_long;
        case ip::errc::no_room: return drop::no_room;
        case ip::errc::jumbogram:
        case ip::errc::chain_too_long: return drop::unsupported_header;
        default: return drop::malformed;
    }
}
[[nodiscard]] constexpr auto reason_of(esp::errc e) noexcept -> drop {
    using esp::errc;
    switch (e) {
        case errc::truncated:
        case errc::not_ip:
        case errc::not_esp:
        case errc::bad_length: return drop::malformed;
        case errc::fragment: return drop::fragment;
        case errc::unsupported_header: return drop::unsupported_header;
        case errc::reserved_spi: return drop::reserved_spi;
        case errc::left_of_window: return drop::left_of_window;
        case errc::replayed:
        case errc::zero_sequence:
        case errc::before_first: return drop::replayed;
        case errc::unauthentic: return drop::bad_icv;
        case errc::bad_padding:
        case errc::bad_pad_length:
        case errc::bad_inner_packet: return drop::bad_payload;
        case errc::dummy: return drop::dummy;
        case errc::ecn_drop: return drop::congestion_mark;
        case errc::no_head_room:
        case errc::no_tail_room: return drop::no_room;
        case errc::too_long: return drop::too_long;
        case errc::hop_limit: return drop::hop_limit;
        case errc::sequence_exhausted: return drop::sequence_exhausted;
        case errc::expired: return drop::lifetime_expired;
        case errc::crypto_failed: return drop::crypto_failed;
        case errc::wrong_sa:
        case errc::misuse: return drop::misuse;
    }
    return drop::misuse;
}
[[nodiscard]] constexpr auto reason_of(ah::errc e) noexcept -> drop {
    using ah::errc;
    switch (e) {
        case errc::truncated:
        case errc::not_ip:
        case errc::not_ah:
        case errc::bad_payload_length: return drop::malformed;
        case errc::fragment: return drop::fragment;
        case errc::ip_options:
        case errc::extension_headers: return drop::unsupported_header;
        case errc::reserved_spi: return drop::reserved_spi;
        case errc::left_of_window: return drop::left_of_window;
        case errc::replayed:
        case errc::zero_sequence:
        case errc::before_first: return drop::replayed;
        case errc::unauthentic: return drop::bad_icv;
        case errc::bad_inner_packet: return drop::bad_payload;
        case errc::ecn_drop: return drop::congestion_mark;
        case errc::no_head_room: return drop::no_room;
        case errc::too_long: return drop::too_long;
        case errc::hop_limit: return drop::hop_limit;
        case errc::sequence_exhausted: return drop::sequence_exhausted;
        case errc::expired: return drop::lifetime_expired;
        case errc::crypto_failed: return drop::crypto_failed;
        case errc::wrong_sa:
        case errc::misuse: return drop::misuse;
    }
    return drop::misuse;
}
[[nodiscard]] constexpr auto reason_of(policy::errc e) noexcept -> drop {
    using policy::errc;
    switch (e) {
        case errc::no_policy: return drop::no_policy;
        case errc::discarded: return drop::discarded;
        case errc::ports_unavailable: return drop::fragment_ports;
        case errc::protection_missing:
        case errc::wrong_protection:
        case errc::wrong_tunnel:
        case errc::wrong_policy:
        case errc::unexpected_protection: return drop::wrong_bundle;
        case errc::bad_entry:
        case errc::bad_place:
        case errc::duplicate_id:
        case errc::exhausted:
        case errc::too_many_boxes: return drop::misuse;
    }
    return drop::misuse;
}

}  // namespace ipsec::dataplane
