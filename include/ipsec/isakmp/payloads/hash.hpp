#pragma once
#include "ipsec/isakmp/payloads/opaque.hpp"

namespace ipsec::isakmp {

/// HASH_I, HASH_R, HASH(1) and so on.                                                   RFC 2408 §3.11
struct hash_data : detail::opaque_payload<hash_data, payload_type::hash> {
    /// @return `errc::bad_hash` when there is no data; the size belongs to the negotiated hash
    [[nodiscard]] static constexpr auto parse(byte_view body) noexcept -> result<hash_data> {
        return bounded(body, 1, any_size, errc::bad_hash);
    }
};

}  // namespace ipsec::isakmp
