#pragma once
#include "ipsec/isakmp/payloads/opaque.hpp"

namespace ipsec::isakmp {

/// A Diffie-Hellman public value; its length belongs to the group and is checked with it.   RFC 2408 §3.7, RFC 2409 §5
struct key_exchange : detail::opaque_payload<key_exchange, payload_type::key_exchange> {
    /// @return `errc::bad_key_exchange` when there is no data
    [[nodiscard]] static constexpr auto parse(byte_view body) noexcept -> result<key_exchange> {
        return bounded(body, 1, any_size, errc::bad_key_exchange);
    }
};

}  // namespace ipsec::isakmp
