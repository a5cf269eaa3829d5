#pragma once
// Groups by their parts: the octets are the attributes of a transform. What is read is written back as the same group, and a
// check of it comes to an end, whatever it says.
#include <algorithm>
#include <vector>

#include "fuzz/expect.hpp"
#include "ipsec/crypto/private_group_check.hpp"
#include "ipsec/ike/v1/group_attributes.hpp"
#include "ipsec/testing/seeded_rng.hpp"

namespace ipsec::fuzz {

inline void group_attributes(byte_view in) {
    const auto list = isakmp::attribute_list::parse(in, 32);
    if (!list) return;
    const auto g = ike::v1::read_group(*list);
    expect(g || g.error() == crypto::errc::bad_group || g.error() == crypto::errc::unknown_group);
    if (!g) return;
    expect(ike::v1::has_group_parts(*list));

    std::vector<std::byte> room(16384);
    isakmp::builder b{room};
    b.sa().proposal(1, isakmp::protocol_id::isakmp).transform(1, isakmp::key_ike);
    const auto before = b.chain_so_far().size();
    ike::v1::write_group(b, *g);
    const auto all = b.finish();
    expect(all.has_value());
    const auto again = isakmp::attribute_list::parse(byte_view{*all}.subspan(before));
    expect(again && ike::v1::read_group(*again) == g);

    // Small, or a run would take long.
    constexpr crypto::group_limits limits{.least_modp_bits = 16,
                                          .largest_modp_bits = 256,
                                          .least_field_bits = 8,
                                          .largest_field_bits = 64,
                                          .rounds = 2,
                                          .unknown_order = true};
    testing::seeded_rng random{1};
    const auto fine = crypto::check(*g, limits, random);
    expect(fine || fine.error() == crypto::errc::bad_group);
    const std::size_t size = crypto::size_of(*g);
    expect(size <= crypto::largest_group_bits / 8U + 1U);
    if (!fine) return;
    for (const std::byte fill : {std::byte{0}, std::byte{1}, std::byte{0xff}}) {
        std::vector<std::byte> y(size, fill);
        (void)crypto::check_public_value(*g, y);
        y.push_back(fill);
        expect(!crypto::check_public_value(*g, y));
    }
}

}  // namespace ipsec::fuzz
