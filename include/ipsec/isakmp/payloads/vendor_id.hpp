#pragma once
#include "ipsec/isakmp/payloads/opaque.hpp"

namespace ipsec::isakmp {

/// A vendor id; unknown ones are passed over.                                            RFC 2408 §3.16
struct vendor_id : detail::opaque_payload<vendor_id, payload_type::vendor_id> {
    /// Takes any body: an id that nobody knows does no harm.
    [[nodiscard]] static constexpr auto parse(byte_view body) noexcept -> result<vendor_id> {
        return bounded(body, 0, any_size, errc::truncated);  // req: rfc2408-3.16-3
    }
};

}  // namespace ipsec::isakmp
