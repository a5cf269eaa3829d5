#pragma once
/// The curves over prime fields that IKE has numbers for: y^2 = x^3 + ax + b. All have a prime number of points, so a point on
/// the curve is in the group.                                     RFC 5903 §3, RFC 5114 §2.4-2.5 (192, 224), RFC 6954 §2.1
#include "ipsec/crypto/modp.hpp"

namespace ipsec::crypto {

/// Numbers big-endian, of the length of a coordinate; views of constants. Empty for what is no such group.
struct prime_curve {
    byte_view p{}, a{}, b{};
    [[nodiscard]] constexpr auto coordinate() const noexcept -> std::size_t { return p.size(); }
};

namespace ecp {
inline constexpr std::array<std::byte, 24> ecp192_p = detail::octets_from_hex(
    "fffffffffffffffffffffffffffffffeffffffffffffffff");
inline constexpr std::array<std::byte, 24> ecp192_a = detail::octets_from_hex(
    "fffffffffffffffffffffffffffffffefffffffffffffffc");
inline constexpr std::array<std::byte, 24> ecp192_b = detail::octets_from_hex(
    "64210519e59c80e70fa7e9ab72243049feb8deecc146b9b1");
inline constexpr std::array<std::byte, 28> ecp224_p = detail::octets_from_hex(
    "ffffffffffffffffffffffffffffffff000000000000000000000001");
inline constexpr std::array<std::byte, 28> ecp224_a = detail::octets_from_hex(
    "fffffffffffffffffffffffffffffffefffffffffffffffffffffffe");
inline constexpr std::array<std::byte, 28> ecp224_b = detail::octets_from_hex(
    "b4050a850c04b3abf54132565044b0b7d7bfd8ba270b39432355ffb4");
inline constexpr std::array<std::byte, 32> ecp256_p = detail::octets_from_hex(
    "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
inline constexpr std::array<std::byte, 32> ecp256_a = detail::octets_from_hex(
    "ffffffff00000001000000000000000000000000fffffffffffffffffffffffc");
inline constexpr std::array<std::byte, 32> ecp256_b = detail::octets_from_hex(
    "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b");
inline constexpr std::array<std::byte, 48> ecp384_p = detail::octets_from_hex(
    "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff");
inline constexpr std::array<std::byte, 48> ecp384_a = detail::octets_from_hex(
    "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000fffffffc");
inline constexpr std::array<std::byte, 48> ecp384_b = detail::octets_from_hex(
    "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef");
inline constexpr std::array<std::byte, 66> ecp521_p = detail::octets_from_hex(
    "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
    "ffffffffffffffffffff");
inline constexpr std::array<std::byte, 66> ecp521_a = detail::octets_from_hex(
    "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
    "fffffffffffffffffffc");
inline constexpr std::array<std::byte, 66> ecp521_b = detail::octets_from_hex(
    "0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c"
    "34f1ef451fd46b503f00");
inline constexpr std::array<std::byte, 28> ecp224bp_p = detail::octets_from_hex(
    "d7c134aa264366862a18302575d1d787b09f075797da89f57ec8c0ff");
inline constexpr std::array<std::byte, 28> ecp224bp_a = detail::octets_from_hex(
    "68a5e62ca9ce6c1c299803a6c1530b514e182ad8b0042a59cad29f43");
inline constexpr std::array<std::byte, 28> ecp224bp_b = detail::octets_from_hex(
    "2580f63ccfe44138870713b1a92369e33e2135d266dbb372386c400b");
inline constexpr std::array<std::byte, 32> ecp256bp_p = detail::octets_from_hex(
    "a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377");
inline constexpr std::array<std::byte, 32> ecp256bp_a = detail::octets_from_hex(
    "7d5a0975fc2c3057eef67530417affe7fb8055c126dc5c6ce94a4b44f330b5d9");
inline constexpr std::array<std::byte, 32> ecp256bp_b = detail::octets_from_hex(
    "26dc5c6ce94a4b44f330b5d9bbd77cbf958416295cf7e1ce6bccdc18ff8c07b6");
inline constexpr std::array<std::byte, 48> ecp384bp_p = detail::octets_from_hex(
    "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123acd3a729901d1a71874700133107ec53");
inline constexpr std::array<std::byte, 48> ecp384bp_a = detail::octets_from_hex(
    "7bc382c63d8c150c3c72080ace05afa0c2bea28e4fb22787139165efba91f90f8aa5814a503ad4eb04a8c7dd22ce2826");
inline constexpr std::array<std::byte, 48> ecp384bp_b = detail::octets_from_hex(
    "04a8c7dd22ce28268b39b55416f0447c2fb77de107dcd2a62e880ea53eeb62d57cb4390295dbc9943ab78696fa504c11");
inline constexpr std::array<std::byte, 64> ecp512bp_p = detail::octets_from_hex(
    "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca703308717d4d9b009bc66842aecda12ae6a380e62881ff2f2d82c685"
    "28aa6056583a48f3");
inline constexpr std::array<std::byte, 64> ecp512bp_a = detail::octets_from_hex(
    "7830a3318b603b89e2327145ac234cc594cbdd8d3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9"
    "e7c1ac4d77fc94ca");
inline constexpr std::array<std::byte, 64> ecp512bp_b = detail::octets_from_hex(
    "3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94cadc083e67984050b75ebae5dd"
    "2809bd638016f723");
}  // namespace ecp

[[nodiscard]] constexpr auto curve_of(group_id g) noexcept -> prime_curve {
    switch (g) {
        case group_id::ecp192: return {ecp::ecp192_p, ecp::ecp192_a, ecp::ecp192_b};
        case group_id::ecp224: return {ecp::ecp224_p, ecp::ecp224_a, ecp::ecp224_b};
        case group_id::ecp256: return {ecp::ecp256_p, ecp::ecp256_a, ecp::ecp256_b};
        case group_id::ecp384: return {ecp::ecp384_p, ecp::ecp384_a, ecp::ecp384_b};
        case group_id::ecp521: return {ecp::ecp521_p, ecp::ecp521_a, ecp::ecp521_b};
        case group_id::ecp224bp: return {ecp::ecp224bp_p, ecp::ecp224bp_a, ecp::ecp224bp_b};
        case group_id::ecp256bp: return {ecp::ecp256bp_p, ecp::ecp256bp_a, ecp::ecp256bp_b};
        case group_id::ecp384bp: return {ecp::ecp384bp_p, ecp::ecp384bp_a, ecp::ecp384bp_b};
        case group_id::ecp512bp: return {ecp::ecp512bp_p, ecp::ecp512bp_a, ecp::ecp512bp_b};
        default: return {};
    }
}

}  // namespace ipsec::crypto
