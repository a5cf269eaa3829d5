// What the initiator is told of an offer that comes to nothing: each fault has a notify type of its own.
//                                                                 RFC 2408 §5.4 - §5.8, RFC 2407 §4.2, §4.5.2, §4.5.3
#include <functional>

#include "support/catch.hpp"
#include "support/faulty_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using isakmp::exchange_type;
using isakmp::notify_type;
using isakmp::oakley_attribute;
using isakmp::payload_type;
using isakmp::protocol_id;
using isakmp::sa_attribute;
using testing::side;

namespace {

using octets = std::vector<std::byte>;
constexpr auto main_mode = exchange_type::identity_protection;
constexpr auto quick_mode = exchange_type::quick_mode;

auto body(const std::function<void(isakmp::builder&)>& fill) -> octets {
    octets room(16384);
    isakmp::builder b{room};
    b.sa();
    fill(b);
    return v1::detail::sa_body(b);
}
/// The same octets with others in their place.
auto patched(octets all, std::size_t at, std::initializer_list<int> v) -> octets {
    for (const int i : v) all.at(at++) = static_cast<std::byte>(i);
    return all;
}
using attributes = std::vector<std::pair<unsigned, std::uint64_t>>;
void put(isakmp::builder& b, const attributes& all) {
    for (const auto& [type, value] : all) b.number(static_cast<std::uint16_t>(type), value);
}

// What both ends of `ike_config` agree to, by the numbers of RFC 2409 App. A and RFC 2407 §4.5.
const attributes good_phase_1{{1, 7}, {14, 128}, {2, 4}, {4, 14}, {3, 1}};
auto phase_1(const attributes& all, unsigned transform = 1, protocol_id protocol = protocol_id::isakmp) -> octets {
    return body([&](isakmp::builder& b) {
        b.proposal(1, protocol).transform(1, static_cast<std::uint8_t>(transform));
        put(b, all);
    });
}
auto and_also(attributes all, const attributes& more) -> attributes {
    all.insert(all.end(), more.begin(), more.end());
    return all;
}
auto but(attributes all, unsigned type, std::optional<std::uint64_t> value = {}) -> attributes {
    std::erase_if(all, [&](const auto& a) { return a.first == type; });
    if (value) all.emplace_back(type, *value);
    return all;
}
const octets spi = unhex("00001234");
/// AES-CBC with HMAC-SHA2-256 in tunnel mode, which `child()` has.
const attributes good_phase_2{{4, 1}, {6, 128}, {5, 5}};
struct one_proposal {
    protocol_id protocol = protocol_id::ipsec_esp;
    unsigned transform = 12;
    attributes all = good_phase_2;
    octets spi_octets = spi;
};
auto phase_2(std::initializer_list<one_proposal> list) -> octets {
    return body([&](isakmp::builder& b) {
        std::uint8_t n = 0;
        for (const auto& p : list) {
            b.proposal(++n, p.protocol, p.spi_octets).transform(1, static_cast<std::uint8_t>(p.transform));
            put(b, p.all);
        }
    });
}
auto config(bool left) -> v1::config {
    auto c = ike_config(left);
    c.peers[0].children[0].suites = {
        {.esp = crypto::transform{crypto::encryption_id::aes_cbc, 128, crypto::integrity_id::hmac_sha2_256_128}}};
    return c;
}

struct row {
    const char* fault;
    octets offer;
    std::optional<notify_type> answer;      ///< nothing: silence
    std::optional<isakmp::errc> detail{};   ///< in the audit record
    errc why = errc::malformed;
};

}  // namespace

// req: rfc2407-4.2.2-2, rfc2407-4.2.3-2, rfc2407-4.5.2-2, rfc2407-4.5.3-1
// req: rfc2408-5.4-9, rfc2408-5.4-10, rfc2408-5.4-11, rfc2408-5.4-12, rfc2408-5.4-13, rfc2408-5.4-14, rfc2408-5.5-8
// req: rfc2408-5.5-9, rfc2408-5.5-10, rfc2408-5.5-11, rfc2408-5.5-12, rfc2408-5.6-7, rfc2408-5.6-8, rfc2408-5.6-9, rfc2408-5.6-10
TEST_CASE("Quick Mode: an offer of which nothing can be taken is refused by the notify type of its fault",
          "[ike][quick_mode][refusal]") {
    using enum notify_type;
    using enum isakmp::errc;
    constexpr auto none = errc::no_proposal_chosen;
    const auto good = phase_2({{}});
    auto labelled = unhex("00000001 00000003 00000005 0000 0000 0000 0000");
    labelled.insert(labelled.end(), good.begin() + 8, good.end());
    const one_proposal ah_md5{protocol_id::ipsec_ah, 2, {{4, 1}, {5, 1}}};
    const auto with = [](const attributes& all) { return phase_2({{.all = all}}); };
    const row rows[] = {
        // the SA payload itself: DOI in the first four octets, situation in the next
        {"another DOI", patched(good, 3, {2}), doi_not_supported, unsupported_doi},
        {"a situation that nobody knows", patched(good, 7, {8}), situation_not_supported, unsupported_situation},
        {"no situation", patched(good, 7, {0}), situation_not_supported, unsupported_situation},
        {"secrecy", labelled, situation_not_supported, unsupported_situation},
        // proposals: number, protocol, size of the SPI and count stand in octets 12 to 15
        {"no proposal", octets(good.begin(), good.begin() + 8), bad_proposal_syntax, no_proposal},
        {"more transforms promised", patched(good, 15, {2}), bad_proposal_syntax, bad_transform_count},
        {"a proposal longer than the payload", patched(good, 10, {0x7f}), payload_malformed, length_past_end},
        {"RESERVED not zero", patched(good, 9, {1}), payload_malformed, reserved_not_zero},
        {"an unknown protocol", phase_2({{.protocol = protocol_id{99}}}), invalid_protocol_id, bad_protocol, none},
        {"IPCOMP", phase_2({{.protocol = protocol_id::ipcomp, .transform = 2}}), invalid_protocol_id, bad_protocol, none},
        {"an SPI of three octets", phase_2({{.spi_octets = unhex("001234")}}), invalid_spi, bad_spi_size, none},
        {"a reserved SPI", phase_2({{.spi_octets = unhex("000000ff")}}), invalid_spi, bad_spi, none},
        // transforms
        {"the reserved transform", phase_2({{.transform = 0}}), invalid_transform_id, bad_transform_id, none},
        {"an unknown transform", phase_2({{.transform = 99}}), no_proposal_chosen, {}, none},
        {"an unknown transform, and a fault", phase_2({{.transform = 99}, {.all = but(good_phase_2, 5, 99)}}),
         attributes_not_supported, bad_attribute_value, none},
        // attributes
        {"an unknown attribute", with(and_also(good_phase_2, {{77, 1}})), attributes_not_supported, unknown_attribute, none},
        {"one that is not spoken here: key rounds", with(and_also(good_phase_2, {{7, 12}})), attributes_not_supported,
         unknown_attribute, none},
        {"an unknown MAC", with(but(good_phase_2, 5, 99)), attributes_not_supported, bad_attribute_value, none},
        {"an unknown mode", with(but(good_phase_2, 4, 9)), attributes_not_supported, bad_attribute_value, none},
        {"an unknown group", with(and_also(good_phase_2, {{3, 99}})), attributes_not_supported, bad_attribute_value, none},
        {"a key length that AES has not", with(but(good_phase_2, 6, 129)), attributes_not_supported, bad_attribute_value, none},
        {"AES without a key length", with(but(good_phase_2, 6)), attributes_not_supported, missing_attribute, none},
        {"two modes", with(and_also(good_phase_2, {{4, 2}})), attributes_not_supported, doubled_attribute, none},
        {"two durations", with(and_also(good_phase_2, {{1, 1}, {2, 60}, {1, 1}, {2, 61}})), attributes_not_supported,
         doubled_attribute, none},
        {"a duration of nothing", with(and_also(good_phase_2, {{2, 60}})), attributes_not_supported, unpaired_lifetime, none},
        {"AH without its algorithm", phase_2({{protocol_id::ipsec_ah, 2, {{4, 1}}}}), attributes_not_supported,
         missing_attribute, none},
        // what could be served, and is not wanted
        {"another key length", with(but(good_phase_2, 6, 256)), no_proposal_chosen, {}, none},
        {"AH where ESP is wanted", phase_2({ah_md5}), no_proposal_chosen, {}, none},
        {"a fault beside it", phase_2({{.all = but(good_phase_2, 5, 99)}, ah_md5}), no_proposal_chosen, {}, none},
        {"a group where none is wanted", with(and_also(good_phase_2, {{3, 14}})), no_proposal_chosen, {}, none},
    };
    for (const row& r : rows) {
        CAPTURE(r.fault);
        faulty_ends ends{config(true), config(false)};
        ends.left.crypto.plan.add({quick_mode, 1}, testing::set_body{payload_type::security_association, r.offer});
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(20)));
        CHECK(ends.left.crypto.plan.done() > 0);
        CHECK(ends.right.table.empty());
        REQUIRE(ends.right.record.audits.size() == 1);
        CHECK(ends.right.record.audits[0].why == r.why);
        CHECK(ends.right.record.audits[0].detail == r.detail);
        CHECK(ends.right.record.audits[0].authenticated);
        REQUIRE(ends.left.record.notes.size() == 1);
        CHECK(name_of(ends.left.record.notes[0].type) == name_of(r.answer.value()));
        CHECK(ends.left.record.notes[0].authenticated);
    }
}

TEST_CASE("Quick Mode: a transform that fits is taken, whatever is wrong beside it", "[ike][quick_mode][refusal]") {
    const one_proposal good{}, unknown{.transform = 99}, strange{.all = and_also(good_phase_2, {{77, 1}})},
        ipcomp{.protocol = protocol_id::ipcomp, .transform = 2, .spi_octets = unhex("1234")};
    for (const auto& offer : {phase_2({unknown, good}), phase_2({strange, good}), phase_2({ipcomp, good}),
                              phase_2({good, strange}), phase_2({{.transform = 0}, good})}) {
        CAPTURE(hex(offer));
        const auto picked = v1::pick_child(config(false).peers[0].children[0], offer, {256, 257});
        REQUIRE(picked);
        CHECK(picked->agreed.suite.esp->key_bits == 128);
        CHECK(picked->agreed.peer.esp == 0x1234);
    }
}

// req: rfc2409-5.5-5, rfc2407-4.6.2-3, rfc2408-5.7-8, rfc2408-5.7-9, rfc2408-5.8-9
TEST_CASE("Quick Mode: identities and public values are refused by types of their own", "[ike][quick_mode][refusal]") {
    using namespace testing;
    using enum notify_type;
    struct other {
        const char* fault;
        payload_fault change;
        notify_type answer;
        errc why;
    };
    const other rows[] = {
        {"a type of identity that nobody knows", set_octets{payload_type::identification, 0, unhex("63")}, invalid_id_information,
         errc::bad_identity},
        {"a port without a protocol", set_octets{payload_type::identification, 1, unhex("00 0050")}, invalid_id_information,
         errc::bad_identity},
        {"addresses that policy has not", set_octets{payload_type::identification, 4, unhex("ac10")}, invalid_id_information,
         errc::identity_mismatch},
        {"a public value too short", set_body{payload_type::key_exchange, octets(128)}, invalid_key_information,
         errc::bad_key_exchange},
        {"a public value of zero", set_body{payload_type::key_exchange, octets(256)}, invalid_key_information,
         errc::bad_key_exchange},
        {"a nonce too short", set_body{payload_type::nonce, octets(4)}, payload_malformed, errc::malformed},
    };
    for (const other& r : rows) {
        CAPTURE(r.fault);
        auto l = config(true), right = config(false);
        for (auto* c : {&l, &right}) c->peers[0].children[0].pfs = crypto::group_id::modp2048;
        faulty_ends ends{std::move(l), std::move(right)};
        ends.left.crypto.plan.add({quick_mode, 1}, r.change);
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(20)));
        CHECK(ends.right.table.empty());
        REQUIRE(ends.right.record.audits.size() == 1);
        CHECK(ends.right.record.audits[0].why == r.why);
        REQUIRE(ends.left.record.notes.size() == 1);
        CHECK(name_of(ends.left.record.notes[0].type) == name_of(r.answer));
        REQUIRE(ends.left.failures.size() == 1);
        CHECK(ends.left.failures[0].why == errc::refused_by_peer);  // the SPI named it, or it was the only one that waited
    }
}

// req: rfc2408-5.4-10, rfc2408-5.4-12, rfc2408-5.4-14, rfc2408-5.5-9, rfc2408-5.5-11, rfc2408-5.5-12, rfc2408-5.6-9
// req: rfc2408-5.6-10
TEST_CASE("Main Mode: one answer to message 1 by the type of its fault, and never longer than the message",
          "[ike][main_mode][refusal]") {
    using enum notify_type;
    using enum isakmp::errc;
    constexpr auto none = errc::no_proposal_chosen;
    const auto good = phase_1(good_phase_1);
    const auto long_spi = body([](isakmp::builder& b) {
        b.proposal(1, protocol_id::isakmp, octets(17)).transform(1, isakmp::key_ike);
        put(b, good_phase_1);
    });
    const row rows[] = {
        {"another DOI", patched(good, 3, {2}), doi_not_supported, unsupported_doi},
        {"a situation that nobody knows", patched(good, 7, {8}), situation_not_supported, unsupported_situation},
        {"no proposal", octets(good.begin(), good.begin() + 8), bad_proposal_syntax, no_proposal},
        {"a body of four octets", patched(octets(4), 3, {2}), {}, unsupported_doi},  // the answer would be longer
        {"more transforms promised", patched(good, 15, {2}), bad_proposal_syntax, bad_transform_count},
        {"a proposal longer than the payload", patched(good, 10, {0x7f}), payload_malformed, length_past_end},
        {"ESP", phase_1(good_phase_1, 1, protocol_id::ipsec_esp), invalid_protocol_id, bad_protocol},
        {"an SPI of 17 octets", long_spi, invalid_spi, bad_spi_size},
        {"the reserved transform", phase_1(good_phase_1, 0), invalid_transform_id, bad_transform_id, none},
        {"an unknown transform", phase_1(good_phase_1, 9), no_proposal_chosen, {}, none},
        {"an unknown attribute", phase_1(and_also(good_phase_1, {{77, 1}})), attributes_not_supported, unknown_attribute, none},
        {"an unknown cipher", phase_1(but(good_phase_1, 1, 99)), attributes_not_supported, bad_attribute_value, none},
        {"an unknown hash", phase_1(but(good_phase_1, 2, 99)), attributes_not_supported, bad_attribute_value, none},
        {"no hash", phase_1(but(good_phase_1, 2)), attributes_not_supported, missing_attribute, none},
        {"no group", phase_1(but(good_phase_1, 4)), attributes_not_supported, missing_attribute, none},
        {"two groups", phase_1(and_also(good_phase_1, {{4, 2}})), attributes_not_supported, doubled_attribute, none},
        {"a group by number and by parts", phase_1(and_also(good_phase_1, {{5, 1}})), attributes_not_supported, doubled_attribute,
         none},
        {"AES without a key length", phase_1(but(good_phase_1, 14)), attributes_not_supported, missing_attribute, none},
        {"another key length", phase_1(but(good_phase_1, 14, 256)), no_proposal_chosen, {}, none},
        {"another method", phase_1(but(good_phase_1, 3, 3)), no_proposal_chosen, {}, none},
    };
    for (const row& r : rows) {
        CAPTURE(r.fault);
        identity_ends ends{config(true), config(false)};
        v1::message_writer w{v1::header_of({isakmp::cookie_i{{std::byte{1}}}, {}}, main_mode)};
        w.add(payload_type::security_association, r.offer);
        const auto asked = w.finish().value().datagram;
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), asked);
        REQUIRE(ends.right.record.audits.size() == 1);
        CHECK(ends.right.record.audits[0].why == r.why);
        CHECK(ends.right.record.audits[0].detail == r.detail);
        CHECK(ends.right.ike.half_open_count() == 0);
        octets scratch(16384);
        const auto answer = ends.right.ike.poll_transmit(scratch);
        CHECK(answer.has_value() == r.answer.has_value());
        if (!answer) continue;
        CHECK(answer->octets.size() <= asked.size());
        const auto m = isakmp::parse_message(answer->octets);
        REQUIRE(m);
        CHECK(m->head.exchange == exchange_type::informational);
        const auto n = m->payloads.get<isakmp::notification>();
        REQUIRE(n);
        CHECK(name_of(n->message) == name_of(r.answer.value()));
        CHECK_FALSE(ends.right.ike.poll_transmit(scratch));
    }
}

TEST_CASE("what is wrong with a header is an audit record and never an answer", "[ike][refusal][bad_peer]") {
    struct change {
        const char* fault;
        std::size_t at;
        std::initializer_list<int> octets;
    };
    for (const change& c : {change{"no initiator cookie", 0, {0, 0, 0, 0, 0, 0, 0, 0}}, change{"an unknown payload", 16, {99}},
                            change{"major version 2", 17, {0x20}}, change{"minor version 1", 17, {0x11}},
                            change{"an exchange that nobody knows", 18, {99}}, change{"a flag that nobody knows", 19, {0x80}},
                            change{"a message ID in phase 1", 20, {1}}, change{"another length", 24, {0, 0, 1, 0}}}) {
        CAPTURE(c.fault);
        identity_ends ends{config(true), config(false)};
        v1::message_writer w{v1::header_of({isakmp::cookie_i{{std::byte{1}}}, {}}, main_mode)};
        w.add(payload_type::security_association, phase_1(good_phase_1));
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path),
                                       patched(w.finish().value().datagram, c.at, c.octets));
        CHECK(ends.right.record.audits.size() == 1);
        octets scratch(16384);
        CHECK_FALSE(ends.right.ike.poll_transmit(scratch));
    }
}
