#pragma once
#include "ipsec/isakmp/payloads/opaque.hpp"

namespace ipsec::isakmp {

/// SIG_I, SIG_R.                                                                         RFC 2408 §3.12, RFC 2409 §5.1
struct signature_data : detail::opaque_payload<signature_data, payload_type::signature> {
    /// @return `errc::bad_signature` when there is no data
    [[nodiscard]] static constexpr auto parse(byte_view body) noexcept -> result<signature_data> {
        return bounded(body, 1, any_size, errc::bad_signature);
    }
};

}  // namespace ipsec::isakmp
