#pragma once
/// How much one key of an algorithm may protect before it has to be replaced.
#include <cstdint>

#include "ipsec/crypto/algorithms.hpp"
#include "ipsec/crypto/key_limits.hpp"

namespace ipsec::crypto {

/// Blocks of 64 bits: two equal ciphertext blocks, which tell the difference of two blocks of text, are to be expected after
/// 2^32 blocks, so 32 GiB are the most (the birthday bound; RFC 3686 §7 draws the same line for blocks of 128 bits).
///
/// Blocks of 128 bits: 2^64 blocks (RFC 3686 §7, RFC 4106 §10, RFC 4543 §7), 2^68 octets, are beyond a 64-bit counter of octets.
/// CCM: 2^61 calls of the cipher (RFC 3610 §2.6). A packet takes two per block of text and at most five more; 2^58 packets and
/// 2^62 octets stay under it. ChaCha20-Poly1305: 2^64 packets (RFC 7634 §5), which sequence numbers end before.
// req: rfc3686-7-4, rfc4309-9-3
[[nodiscard]] constexpr auto limits_of(encryption_id id) noexcept -> key_limits {
    if (!is_known(id)) return {};
    if (info_of(id).block == 8) return {.octets = std::uint64_t{8} << 32};
    if (is_ccm(id)) return {.octets = std::uint64_t{1} << 62, .packets = std::uint64_t{1} << 58};
    return {};
}
/// AES-CMAC: 2^48 packets (NIST SP 800-38B App. B). AES-XCBC-MAC, made of the same chain of blocks and without a figure of its
/// own in RFC 3566, is held to the same. HMAC: none that RFC 2403, RFC 2857 or RFC 4868 know of.
[[nodiscard]] constexpr auto limits_of(integrity_id id) noexcept -> key_limits {
    if (id == integrity_id::aes_cmac_96 || id == integrity_id::aes_xcbc_96) return {.packets = std::uint64_t{1} << 48};
    return {};
}

}  // namespace ipsec::crypto
