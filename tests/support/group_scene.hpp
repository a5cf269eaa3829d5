#pragma once
// Groups of one's own, small so that tests are quick, and what the ends of a scene said of them.
#include <algorithm>

#include "ipsec/crypto/ec2n_groups.hpp"
#include "ipsec/ike/v1/suite_name.hpp"
#include "support/ike_ends.hpp"

namespace ipsec::test::own {

inline constexpr crypto::group_id own_number{40000};

/// With another generator than Oakley's, so that no number of the table stands for it.
inline auto modp(std::string_view generator = "05", crypto::group_id like = crypto::group_id::modp1024)
    -> crypto::private_group {
    return crypto::modp_parameters{v1::to_octets(crypto::prime_of(like)), unhex(generator), {}};
}
inline auto ec2n() -> crypto::private_group {
    const auto g = crypto::binary_group_of(crypto::group_id::ec2n155);
    return crypto::ec2n_parameters{155,          v1::to_octets(g.polynomial), v1::to_octets(g.generator),  {},
                                   unhex("00"), v1::to_octets(g.b),          v1::to_octets(g.curve_order)};
}
/// Suites by their names in phase 1.
inline constexpr std::string_view by_parts = "aes128-sha256-inline40000", any = "aes128-sha256-inline",
                                  by_number = "aes128-sha256-group40000, aes128-sha256-modp2048",
                                  plain = "aes128-sha256-modp2048";
/// Small groups and few rounds.
inline auto group_config(bool left, std::string_view suites, const std::optional<crypto::private_group>& g = {}) -> v1::config {
    auto c = ike_config(left);
    auto& p = c.peers[0];
    p.suites = *v1::parse_ike_suites(suites);
    if (g) p.private_groups = {{own_number, *g}};
    p.new_group_limits = {.least_modp_bits = 1024, .least_field_bits = 150, .rounds = 2};
    return c;
}

inline auto octets_in(const identity_ends::message& m) -> byte_view { return m.octets; }
inline auto octets_in(const std::vector<std::byte>& m) -> byte_view { return m; }
/// Messages of an exchange that were sent.
auto count_of(const auto& ends, isakmp::exchange_type t) -> std::size_t {
    return static_cast<std::size_t>(std::ranges::count_if(
        ends.sent, [&](const auto& m) { return isakmp::header::parse(octets_in(m))->exchange == t; }));
}
auto told_not_supported(const auto& end) -> std::size_t {
    return static_cast<std::size_t>(
        std::ranges::count(end.record.notes, isakmp::notify_type::attributes_not_supported, &ike::notify_record::type));
}

}  // namespace ipsec::test::own
