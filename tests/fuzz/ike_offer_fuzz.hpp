#pragma once
// Offers of phase 1: the octets are the body of an SA payload. What is picked of it is in the policy, the answer is one that the
// sender of the offer takes for the same, and no group that Aggressive Mode cannot negotiate comes without being asked for.
#include <algorithm>

#include "fuzz/expect.hpp"
#include "ipsec/ike/v1/misfit.hpp"
#include "ipsec/ike/v1/suite_name.hpp"

namespace ipsec::fuzz {

inline void ike_offer(byte_view in) {
    namespace v1 = ike::v1;
    static const auto prime = crypto::detail::octets_from_hex("fffffffffffffa43");  // 2^64 less 1469
    static const v1::named_group own{
        crypto::group_id{40000}, crypto::modp_parameters{{prime.begin(), prime.end()}, {std::byte{2}}, {}}};
    static const v1::peer_config policy = [] {
        v1::peer_config p;
        p.suites =
            *v1::parse_ike_suites("aes128-sha1-inline40000, aes128-sha1-group40000, aes128-sha1-inline, aes128-sha1-modp1024");
        p.private_groups = {own};
        p.new_group_limits = {.least_modp_bits = 16, .largest_modp_bits = 256, .least_field_bits = 8, .largest_field_bits = 64};
        return p;
    }();
    const v1::private_groups all{true, {&own, 1}};
    const auto picked = v1::pick_ike(policy, in, {}, all);
    const auto bare = v1::pick_ike(policy, in);
    expect(!bare || (!bare->agreed.parts && !bare->agreed.suite.by_parts && crypto::find(bare->agreed.suite.group) != nullptr));
    (void)v1::explain_misfits(v1::write_ike_offer(policy, false), in);
    if (!picked) return expect(!bare);
    const auto& a = picked->agreed;
    expect(picked->suite < policy.suites.size() && policy.suites[picked->suite] == a.suite);
    expect(v1::parse_ike_suite(v1::to_text(a.suite)) == a.suite);
    expect((a.parts != nullptr) == (crypto::find(a.suite.group) == nullptr));
    if (a.parts && a.suite.group == own.id) expect(crypto::is_same_group(*a.parts, own.parts));
    if (a.parts && a.suite.group != own.id) expect(crypto::has_good_size(*a.parts, policy.new_group_limits));
    const auto agreed = v1::verify_ike_reply(in, picked->reply, all);
    expect(agreed.has_value() && (agreed->parts != nullptr) == (a.parts != nullptr));
    expect(!a.parts || crypto::is_same_group(*agreed->parts, *a.parts));
    expect(v1::place_of(policy, *agreed) == picked->suite);
}

}  // namespace ipsec::fuzz
