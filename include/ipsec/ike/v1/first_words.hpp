#pragma once
/// What message 1 of a Main Mode says beside its offer, and what is kept of it until message 3 comes back with the cookie.
#include <array>
#include <cstdint>

#include "ipsec/ike/v1/certificates.hpp"
#include "ipsec/ike/v1/nat_traversal.hpp"
#include "ipsec/wire/big_endian.hpp"

namespace ipsec::ike::v1 {

struct first_words {
    extensions peer{};            ///< vendor IDs
    certificates_asked asked{};   ///< certificate requests                                              RFC 2408 §3.10

    /// All of it, for the hash of a cookie.
    [[nodiscard]] auto octets() const noexcept -> std::array<std::byte, 3> {
        std::array<std::byte, 3> o{peer.octet() | (asked.at_all ? std::byte{64} : std::byte{}) |
                                   (asked.fits ? std::byte{128} : std::byte{})};
        wire::store(byte_span{o}.subspan(1), asked.fits.value_or(0));
        return o;
    }
    friend auto operator==(const first_words&, const first_words&) -> bool = default;
};

}  // namespace ipsec::ike::v1
