// What the IPsec DOI asks of everybody: situations, algorithms, the form of INITIAL-CONTACT, and SPIs that nobody guesses.
#include <algorithm>
#include <set>

#include "ipsec/isakmp/payloads/notification.hpp"
#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using isakmp::notify_type;
using testing::side;

namespace {

using octets = std::vector<std::byte>;

/// All payloads of one type in messages of one exchange. Identity crypto leaves them readable.
auto payloads_of(const identity_ends& ends, side from, isakmp::exchange_type exchange, isakmp::payload_type type)
    -> std::vector<octets> {
    std::vector<octets> out;
    for (const auto& m : ends.sent) {
        const auto h = *isakmp::header::parse(m.octets);
        if (m.from != from || h.exchange != exchange) continue;
        const auto chain = isakmp::chain::parse(h.next_payload, byte_view{m.octets}.subspan(isakmp::header::size),
                                                isakmp::rules_decrypted);
        REQUIRE(chain);
        for (const auto& p : *chain)
            if (p.type == type) out.emplace_back(p.body.begin(), p.body.end());
    }
    return out;
}
void put_length(octets& m, std::size_t at, std::size_t size, std::uint32_t n) {
    for (std::size_t i = 0; i < size; ++i) m[at + size - 1 - i] = static_cast<std::byte>(n >> 8 * i);
}
/// The same first message with another situation, and empty levels and categories.                    RFC 2407 §4.6.1
auto with_situation(octets m, std::uint8_t bits) -> octets {
    constexpr std::size_t sa = isakmp::header::size, situation = sa + 8;
    m[situation + 3] = std::byte{bits};
    const auto labels = unhex("00000005 0000 0000 0000 0000");
    m.insert(m.begin() + situation + 4, labels.begin(), labels.end());
    const auto old = std::to_integer<std::uint32_t>(m[sa + 2]) << 8 | std::to_integer<std::uint32_t>(m[sa + 3]);
    put_length(m, sa + 2, 2, old + static_cast<std::uint32_t>(labels.size()));
    put_length(m, 24, 4, static_cast<std::uint32_t>(m.size()));
    return m;
}

}  // namespace

// req: rfc2407-4.2.2-2, rfc2407-4.2.3-2, rfc2408-5.4-11, rfc2408-5.4-12
TEST_CASE("secrecy and integrity are answered by SITUATION-NOT-SUPPORTED, and nothing begins", "[ike][doi]") {
    const auto bits = GENERATE(as<std::uint8_t>{}, 3, 5);  // SIT_IDENTITY_ONLY with SIT_SECRECY, with SIT_INTEGRITY
    CAPTURE(int{bits});
    identity_ends ends;
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
    octets scratch(16384);
    const auto first = ends.left.ike.poll_transmit(scratch);
    REQUIRE(first);
    const auto asked = with_situation({first->octets.begin(), first->octets.end()}, bits);
    ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), asked);
    CHECK(ends.right.ike.half_open_count() == 0);
    REQUIRE(ends.right.record.audits.size() == 1);
    CHECK(ends.right.record.audits[0].detail == isakmp::errc::unsupported_situation);
    const auto answer = ends.right.ike.poll_transmit(scratch);
    REQUIRE(answer);
    const auto h = *isakmp::header::parse(answer->octets);
    CHECK(h.exchange == isakmp::exchange_type::informational);
    const auto chain = isakmp::chain::parse(h.next_payload, answer->octets.subspan(isakmp::header::size));
    REQUIRE(chain);
    const auto n = chain->get<isakmp::notification>();
    REQUIRE(n);
    CHECK(n->message == notify_type::situation_not_supported);
    CHECK(answer->octets.size() <= asked.size());
    CHECK_FALSE(ends.right.ike.poll_transmit(scratch));
}

// req: rfc2407-4.4.3.1-1, rfc2407-4.4.4.2-1
TEST_CASE("what everybody has to speak: AH with HMAC-MD5, ESP with DES and HMAC-MD5", "[ike][doi]") {
    constexpr auto md5 = crypto::integrity_id::hmac_md5_96;
    const v1::child_suite suites[] = {{.ah = md5}, {.esp = crypto::transform{crypto::encryption_id::des_cbc, 0, md5}}};
    const auto which = GENERATE(0U, 1U);
    auto l = ike_config(true), r = ike_config(false);
    l.peers[0].children[0].suites = r.peers[0].children[0].suites = {suites[which]};
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(5)));
    REQUIRE(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
    for (const auto& [name, sa] : ends.left.table) {
        CHECK(sa.transform.integrity == md5);
        if (which == 1) CHECK(sa.transform.encryption == crypto::encryption_id::des_cbc);
        CHECK(name.find(which == 0 ? " ah " : " esp ") != std::string::npos);
    }
}

// req: rfc2407-4.6.3-2, rfc2407-4.6.3.3-5, rfc2407-4.6.3.3-6, rfc2407-4.6.3.3-8, rfc2407-4.6.3.3-9, rfc2407-4.6.3.3-1
// req: rfc2408-5.14-1 (RFC 2407 §4.6.3 has REPLAY-STATUS and RESPONDER-LIFETIME ride in Quick Mode)
TEST_CASE("INITIAL-CONTACT goes under protection, once, and names the ISAKMP SA by its cookies", "[ike][doi][initial_contact]") {
    const bool aggressive = GENERATE(false, true);
    CAPTURE(aggressive);
    auto l = ike_config(true), r = ike_config(false);
    l.peers[0].modes.begin_aggressive = r.peers[0].modes.accept_aggressive = aggressive;
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(5)));
    REQUIRE(ends.left.established.size() == 1);
    for (const side s : {side::left, side::right}) {
        CHECK(payloads_of(ends, s, isakmp::exchange_type::aggressive, isakmp::payload_type::notification).empty());
        CHECK(payloads_of(ends, s, isakmp::exchange_type::identity_protection, isakmp::payload_type::notification).empty());
    }
    const auto all = payloads_of(ends, side::left, isakmp::exchange_type::informational, isakmp::payload_type::notification);
    REQUIRE(all.size() == 1);
    const auto n = isakmp::notification::parse(all[0]);
    REQUIRE(n);
    CHECK(n->message == notify_type::initial_contact);
    CHECK(n->protocol == isakmp::protocol_id::isakmp);
    const auto cookies = ends.left.established[0].cookies.octets();
    CHECK(n->spi.size() == 16);
    CHECK(std::ranges::equal(n->spi, cookies));
    CHECK(n->data.empty());
}

// req: rfc2408-5.5-4
TEST_CASE("no SPI comes twice, and they are spread over all there are", "[ike][doi][spi]") {
    std::set<std::uint32_t> seen;
    std::size_t high = 0, made = 0;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        identity_ends ends{ike_config(true), ike_config(false), testing::lossy_link<ike::path>{}, seed};
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(1)));
        REQUIRE(ends.left.ike.children().size() == 1);
        for (const auto* end : {&ends.left, &ends.right}) {
            const auto children = end->ike.children();
            for (const sa::id& id : children[0].inbound) {
                seen.insert(id.spi.value());
                high += id.spi.value() >> 31;
                ++made;
                CHECK(id.spi.value() > 255);
            }
        }
    }
    CHECK(seen.size() == made);
    CHECK(made == 200);
    CHECK(high > 60);  // half of them, but for chance of one in 10^8
    CHECK(high < 140);
}
