// R-U-THERE and R-U-THERE-ACK as they are on the wire: crypto is the identity here, so that they can be read off it.
#include <set>

#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;

namespace {

struct seen {
    testing::side from;
    isakmp::cookie_pair cookies;
    isakmp::notification note;
    std::uint32_t number = 0;
};
auto with_queries(v1::config c) -> v1::config {
    c.peers[0].dpd.delay = seconds(10);
    return c;
}
/// Both kinds of messages, in order.
auto queries(const identity_ends& ends) -> std::vector<seen> {
    std::vector<seen> out;
    for (const auto& m : ends.sent) {
        const auto h = isakmp::header::parse(m.octets);
        if (!h || h->exchange != isakmp::exchange_type::informational || !h->flags.encrypted()) continue;
        const auto chain = isakmp::chain::parse(h->next_payload, byte_view{m.octets}.subspan(28), isakmp::rules_decrypted);
        REQUIRE(chain);
        for (const auto& p : *chain) {
            if (p.type != isakmp::payload_type::notification) continue;
            const auto n = isakmp::notification::parse(p.body);
            REQUIRE(n);
            if (n->message != isakmp::notify_type::r_u_there && n->message != isakmp::notify_type::r_u_there_ack) continue;
            CHECK(chain->size() == 2);  // HASH(1), and this
            seen s{m.from, h->cookies(), *n, 0};
            CHECK(hex(n->spi) == hex(s.cookies.octets()));
            REQUIRE(n->data.size() == 4);
            s.number = wire::load<std::uint32_t>(n->data);
            out.push_back(s);
        }
    }
    return out;
}

}  // namespace

// req: rfc3706-5.3-1, rfc3706-5.3-2, rfc3706-5.3-3, rfc3706-5.3-4, rfc3706-5.3-5, rfc3706-5.3-6, rfc3706-5.3-7, rfc3706-5.3-8
// req: rfc3706-5.3-9, rfc3706-6.1-1
// req: rfc2409-4-4
TEST_CASE("a query and its answer have the form of the RFC", "[ike][dpd][rfc3706-5.3-1][IKE1-093]") {
    identity_ends ends{with_queries(ike_config(true)), ike_config(false)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(15)));
    const auto all = queries(ends);
    REQUIRE(all.size() == 2);
    for (const seen& s : all) {
        CHECK(s.note.doi == isakmp::doi_id::ipsec);
        CHECK(s.note.protocol == isakmp::protocol_id::isakmp);
        CHECK(s.note.spi.size() == 16);
        CHECK(s.cookies == ends.left.established[0].cookies);
    }
    CHECK(all[0].from == testing::side::left);
    CHECK(all[1].from == testing::side::right);
    CHECK(static_cast<std::uint16_t>(all[0].note.message) == 36136);
    CHECK(static_cast<std::uint16_t>(all[1].note.message) == 36137);
    CHECK(all[0].number == all[1].number);
}

// req: rfc3706-6.2-2, rfc3706-6.2-3, rfc3706-6.2-4, rfc3706-6.2-5
TEST_CASE("numbers of queries begin by chance below 2^31, and go up by one", "[ike][dpd][rfc3706-6.2-2][IKE1-093]") {
    std::set<std::uint32_t> first;
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        identity_ends ends{with_queries(ike_config(true)), ike_config(false), identity_ends::link{}, seed};
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(100)));
        std::vector<std::uint32_t> numbers;
        for (const seen& s : queries(ends))
            if (s.from == testing::side::left) numbers.push_back(s.number);
        REQUIRE(numbers.size() >= 8);
        for (std::size_t i = 1; i < numbers.size(); ++i) CHECK(numbers[i] == numbers[0] + i);
        CHECK(numbers[0] < 0x8000'0000U);
        first.insert(numbers[0]);
    }
    CHECK(first.size() == 8);
}
