#pragma once
/// DES keys that must not be used, and degenerate 3DES keys.                   RFC 2409 App. A, RFC 2405 §4, RFC 2451 §2.3
#include <array>
#include <cstdint>

#include "ipsec/core/bytes.hpp"
#include "ipsec/crypto/errc.hpp"
#include "ipsec/crypto/ids.hpp"

namespace ipsec::crypto {

/// The 4 weak and the 12 semi-weak keys, with odd parity. RFC 2409 App. A prints two of the weak ones with their right halves
/// taken for each other; what it prints is refused as well, for a peer that skips by that list.
inline constexpr std::array<std::uint64_t, 18> weak_des_keys{
    0x0101010101010101, 0x1f1f1f1f0e0e0e0e, 0xe0e0e0e0f1f1f1f1, 0xfefefefefefefefe,  // weak
    0x01fe01fe01fe01fe, 0x1fe01fe00ef10ef1, 0x01e001e001f101f1, 0x1ffe1ffe0efe0efe,  // semi-weak, in pairs
    0x011f011f010e010e, 0xe0fee0fef1fef1fe, 0xfe01fe01fe01fe01, 0xe01fe01ff10ef10e,
    0xe001e001f101f101, 0xfe1ffe1ffe0efe0e, 0x1f011f010e010e01, 0xfee0fee0fef1fef1,
    0x1f1f1f1fe0e0e0e0, 0xe0e0e0e01f1f1f1f,  // as printed in RFC 2409
};

namespace detail {
/// A DES key without its parity bits, which no round key depends on.
[[nodiscard]] constexpr auto without_parity(byte_view key) noexcept -> std::uint64_t {
    std::uint64_t v = 0;
    for (std::size_t i = 0; i < 8; ++i) v = (v << 8) | (std::to_integer<std::uint64_t>(key[i]) & 0xfeU);
    return v;
}
}  // namespace detail

/// Whether the first eight octets are a weak or semi-weak key, whatever their parity bits. @pre `key.size() >= 8`
// req: rfc2409-4-13, rfc2405-4-2, rfc2451-2.2-3
[[nodiscard]] constexpr auto is_weak_des_key(byte_view key) noexcept -> bool {
    const std::uint64_t mine = detail::without_parity(key);
    bool found = false;
    for (const std::uint64_t weak : weak_des_keys) found |= (weak & 0xfefefefefefefefe) == mine;  // all of them, always
    return found;
}
/// Whether 3DES under this key is single DES: K1 = K2 or K2 = K3. @pre `key.size() == 24`
/// Single weak keys inside a 3DES key do no harm.                                                          RFC 2451 §2.3
// req: rfc2451-2.3-4
[[nodiscard]] constexpr auto is_degenerate_3des_key(byte_view key) noexcept -> bool {
    const auto k1 = detail::without_parity(key), k2 = detail::without_parity(key.subspan(8)),
               k3 = detail::without_parity(key.subspan(16));
    return (k1 == k2) | (k2 == k3);
}
/// @return `weak_key` when the cipher must not be used with this key; sizes are the caller's matter
// req: rfc2405-4-3, rfc2451-2.3-2
[[nodiscard]] constexpr auto check_cipher_key(encryption_id id, byte_view key) noexcept -> result<void> {
    const bool bad = (id == encryption_id::des_cbc && key.size() == 8 && is_weak_des_key(key)) ||
                     (id == encryption_id::des3_cbc && key.size() == 24 && is_degenerate_3des_key(key));
    if (bad) return std::unexpected{errc::weak_key};
    return {};
}

}  // namespace ipsec::crypto
