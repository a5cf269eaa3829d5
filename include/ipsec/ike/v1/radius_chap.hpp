#pragma once
/// RADIUS-CHAP, by which XAUTH hides a password: one octet of ID, then MD5 over ID, password and challenge.
///                                            draft-beaulieu-ike-xauth-02 App. A (example A-8), RFC 1994 §4.1, RFC 2865 §5.3
/// The draft calls it a string; what it shows is what CHAP-Password of RADIUS is, octet for octet, so an edge device can pass it
/// on as it came. MD5 is all that there is to it: who hears it can try passwords, and only the ISAKMP SA hides it.
#include <array>

#include "ipsec/core/secret.hpp"
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/ike/v1/dialogue.hpp"

namespace ipsec::ike::v1::radius_chap {

inline constexpr std::size_t challenge_size = 16;    ///< of those that are drawn here; others may have any
inline constexpr std::size_t answer_size = 1 + 16;

/// @return ID | MD5(ID | password | challenge), or what the provider says, which may be without MD5
template <class P>
[[nodiscard]] auto answer(P& p, std::byte id, byte_view password, byte_view challenge) noexcept -> crypto::result<secret<128>> {
    const std::array<byte_view, 3> parts{byte_view{&id, 1}, password, challenge};
    const auto hash = p.hash(crypto::hash_id::md5, parts);
    if (!hash) return std::unexpected{hash.error()};
    secret<128> out{byte_view{&id, 1}};
    if (hash->size() != answer_size - 1 || !out.append(hash->view())) return std::unexpected{crypto::errc::provider_failed};
    return out;
}

/// Edge device: whether whoever answered knows `password`. One of another type, or of another length, does not show it.
/// @return or what the provider says
template <class P>
[[nodiscard]] auto holds(P& p, const xauth_attempt& a, byte_view password) noexcept -> crypto::result<bool> {
    if (type_of(a.asked) != isakmp::xauth_type::radius_chap || a.password.size() != answer_size) return false;
    const auto right = answer(p, a.password.view()[0], password, std::as_bytes(std::span{a.asked.challenge}));
    if (!right) return std::unexpected{right.error()};
    return *right == a.password;
}

}  // namespace ipsec::ike::v1::radius_chap
