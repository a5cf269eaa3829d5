#pragma once
/// What message 1 of a Main Mode says beside its offer, and what is kept of it until message 3 comes back with the cookie.
#include <cstddef>

#include "ipsec/core/static_vector.hpp"
#include "ipsec/ike/v1/certificates.hpp"
#include "ipsec/ike/v1/nat_traversal.hpp"

namespace ipsec::ike::v1 {

struct first_words {
    extensions peer{};            ///< vendor IDs
    certificates_asked asked{};   ///< certificate requests                                              RFC 2408 §3.10

    /// All of it, for the hash of a cookie. The first octet and the number of all say what follows.
    [[nodiscard]] auto octets() const noexcept -> static_vector<std::byte, 4> {
        const std::byte first = peer.octet() | (asked.at_all ? std::byte{64} : std::byte{}) |
                                (asked.fits ? std::byte{128} : std::byte{});
        static_vector<std::byte, 4> o;
        (void)o.push_back(first);
        if (asked.fits)
            for (const int shift : {8, 0}) (void)o.push_back(static_cast<std::byte>(*asked.fits >> shift));
        if (asked.encoding != isakmp::cert_encoding::none) (void)o.push_back(static_cast<std::byte>(asked.encoding));
        return o;
    }
    friend auto operator==(const first_words&, const first_words&) -> bool = default;
};

}  // namespace ipsec::ike::v1
