#pragma once
/// By what an endpoint finds the peer that something concerns.
#include <bit>

#include "ipsec/ip/address.hpp"
#include "ipsec/isakmp/cookie.hpp"
#include "ipsec/sa/index.hpp"
#include "ipsec/wire/big_endian.hpp"

namespace ipsec::ike::v1::detail {

/// Both cookies of an ISAKMP SA. One of them is ours and nobody else chose it, so nobody can make many that share a hash.
struct cookie_key {
    isakmp::cookie_pair cookies;
    cookie_key() = default;
    cookie_key(const isakmp::cookie_pair& c) noexcept : cookies{c} {}  // NOLINT: it is the same thing, with a hash
    friend auto operator==(const cookie_key&, const cookie_key&) noexcept -> bool = default;
    [[nodiscard]] friend auto hash_of(const cookie_key& k) noexcept -> std::uint64_t {
        const auto i = wire::load<std::uint64_t>(k.cookies.initiator.octets());
        const auto r = wire::load<std::uint64_t>(k.cookies.responder.octets());
        return sa::mix(sa::mix(i) ^ std::rotl(r, 29));
    }
};

/// The addresses that a peer is configured by.
struct address_pair {
    ip::address local, remote;
    friend constexpr auto operator==(const address_pair&, const address_pair&) noexcept -> bool = default;
    [[nodiscard]] friend auto hash_of(const address_pair& k) noexcept -> std::uint64_t {
        const auto l = k.local.numbers(), r = k.remote.numbers();
        return sa::mix(sa::mix(l.high ^ std::rotl(l.low, 29)) ^ r.high ^ std::rotl(r.low, 29));
    }
};

}  // namespace ipsec::ike::v1::detail
