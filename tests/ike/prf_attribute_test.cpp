// The attribute PRF of phase 1. RFC 2409 defines no function for it; without one the HMAC of the negotiated hash is the prf.
//                                                                                                    RFC 2409 §4, App. A
#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using isakmp::oakley_attribute;

namespace {

/// Two transforms that the policy takes but for what the first says of a prf; or the first alone.
auto offer(const v1::ike_suite& s, std::uint64_t prf, bool second) -> v1::octets {
    v1::octets room(4096);
    isakmp::builder b{room};
    b.sa().proposal(1, isakmp::protocol_id::isakmp);
    for (std::uint8_t n = 1; n <= (second ? 2 : 1); ++n) {
        b.transform(n, isakmp::key_ike)
            .number(oakley_attribute::encryption_algorithm, crypto::find(s.encryption)->ike_v1)
            .number(oakley_attribute::key_length, s.key_bits)
            .number(oakley_attribute::hash_algorithm, crypto::find(s.hash)->ike_v1)
            .number(oakley_attribute::group_description, static_cast<std::uint64_t>(s.group))
            .number(oakley_attribute::authentication_method, static_cast<std::uint64_t>(s.authentication));
        if (n == 1) b.number(oakley_attribute::prf, prf);
    }
    return v1::detail::sa_body(b);
}

}  // namespace

TEST_CASE("a prf is refused by name, whichever its number; another transform does without", "[ike][proposals][prf]") {
    const auto prf = GENERATE(as<std::uint64_t>{}, 0, 1, 65000, 65001, 65535);  // reserved to IANA up to 65000, private beyond
    CAPTURE(prf);
    const auto config = ike_config(false);
    const v1::peer_config& p = config.peers[0];
    const auto both = v1::pick_ike(p, offer(p.suites[0], prf, true));
    REQUIRE(both);
    CHECK(both->agreed.suite == p.suites[0]);
    const auto answer = isakmp::sa_tree::parse(both->reply);
    REQUIRE(answer);
    CHECK(answer->transforms(answer->proposals()[0])[0].value.number == 2);

    const auto alone = offer(p.suites[0], prf, false);
    CHECK(v1::pick_ike(p, alone).error().why == ike::errc::no_proposal_chosen);
    identity_ends ends{ike_config(true), ike_config(false)};
    v1::message_writer w{
        v1::header_of({isakmp::cookie_i{{std::byte{1}}}, {}}, isakmp::exchange_type::identity_protection)};
    w.add(isakmp::payload_type::security_association, alone);
    ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), w.finish()->datagram);
    CHECK(ends.right.record.count(ike::errc::no_proposal_chosen) == 1);
    REQUIRE(ends.right.record.misfits.size() == 1);
    const v1::misfit& m = ends.right.record.misfits[0];
    CHECK(name_of(oakley_attribute{m.attribute}) == "PRF");
    CHECK(m.offered == prf);
    CHECK_FALSE(m.wanted);
}

TEST_CASE("without a prf it is the HMAC of the negotiated hash", "[ike][main_mode][prf]") {
    const auto hash = GENERATE(crypto::hash_id::md5, crypto::hash_id::sha1, crypto::hash_id::sha2_256, crypto::hash_id::sha2_512);
    auto l = ike_config(true), r = ike_config(false);
    l.peers[0].suites[0].hash = r.peers[0].suites[0].hash = hash;
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
    REQUIRE(ends.run(seconds(2)));
    REQUIRE(ends.left.record.phase_1.size() == 1);
    const auto prf = ends.left.record.phase_1[0].prf;
    const auto* const info = crypto::find(prf);
    REQUIRE(info != nullptr);
    CHECK(info->name == "prf" + std::string{crypto::find(hash)->name});
    CHECK(ends.left.record.phase_1[0].keys.skeyid_d.size() == crypto::find(hash)->size);
    CHECK(ends.right.record.phase_1.at(0).prf == prf);
}
