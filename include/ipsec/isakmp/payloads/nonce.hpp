#pragma once
#include "ipsec/isakmp/payloads/opaque.hpp"

namespace ipsec::isakmp {

/// Ni, Nr: the octets of the body are Ni_b, Nr_b.                                        RFC 2408 §3.13, RFC 2409 §5
struct nonce : detail::opaque_payload<nonce, payload_type::nonce> {
    static constexpr std::size_t least = 8;
    static constexpr std::size_t most = 256;
    /// @return `errc::bad_nonce_size`
    [[nodiscard]] static constexpr auto parse(byte_view body) noexcept -> result<nonce> {
        return bounded(body, least, most, errc::bad_nonce_size);  // req: rfc2409-5-7
    }
};

}  // namespace ipsec::isakmp
