#pragma once
#include "ipsec/isakmp/payloads/opaque.hpp"

namespace ipsec::isakmp {

/// NAT-D: HASH(CKY-I | CKY-R | IP | Port), computed and compared by IKE.                 RFC 3947 §3.2
struct nat_d : detail::opaque_payload<nat_d, payload_type::nat_d> {
    /// @return `errc::bad_nat_d` when there is no hash
    [[nodiscard]] static constexpr auto parse(byte_view body) noexcept -> result<nat_d> {
        return bounded(body, 1, any_size, errc::bad_nat_d);
    }
};

}  // namespace ipsec::isakmp
