#include "ipsec/isakmp/chain.hpp"

#include "ipsec/isakmp/builder.hpp"
#include "ipsec/isakmp/notify_type.hpp"
#include "ipsec/isakmp/oakley.hpp"
#include "ipsec/isakmp/offer.hpp"
#include "ipsec/isakmp/payloads/nonce.hpp"
#include "ipsec/isakmp/payloads/vendor_id.hpp"
#include "support/alloc_counter.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
using namespace ipsec::isakmp;
using test::unhex;

namespace {

struct row {
    const char* what;
    payload_type first;
    const char* octets;
    chain_rules rules;
    std::optional<errc> fault;
};
constexpr chain_rules keeping{.unknown = unknown_payloads::kept};
constexpr chain_rules not_zero{.reserved_must_be_zero = false};

/// A first message of Main Mode: one proposal, two transforms.
auto main_mode_1(byte_span room) -> builder {
    builder b{room};
    b.start({.initiator = cookie_i{std::array{1_b, 2_b, 3_b, 4_b, 5_b, 6_b, 7_b, 8_b}},
             .exchange = exchange_type::identity_protection});
    b.sa().proposal(1, protocol_id::isakmp);
    b.transform(1, key_ike).number(oakley_attribute::encryption_algorithm, 7).number(oakley_attribute::key_length, 128);
    b.transform(2, key_ike).number(oakley_attribute::encryption_algorithm, 5);
    return b;
}

}  // namespace

// req: rfc2408-5.3-7, rfc2407-4.6.1-m1, rfc2407-4.6.2-m1
TEST_CASE("a chain is walked by its generic headers", "[isakmp][chain]") {
    using enum payload_type;
    // req: rfc2408-2.5.2-2, rfc2408-3.4-1
    const auto r = GENERATE(values<row>({
        {"nothing", none, "", rules_in_clear, {}},
        {"one vendor id", vendor_id, "00000005 aa", rules_in_clear, {}},
        {"two", nonce, "0d000005 aa 00000004", rules_in_clear, {}},
        {"NAT-D", nat_d, "14000005 aa 00000005 bb", rules_in_clear, {}},
        {"octets left over", vendor_id, "00000005 aa 00", rules_in_clear, errc::trailing_octets},
        // libreswan's message 2 of Aggressive Mode with a certificate
        {"two zeros that make it a multiple of four", vendor_id, "00000006 aabb 0000", rules_in_clear, {}},
        {"three zeros that do", vendor_id, "00000005 aa 000000", rules_in_clear, {}},
        {"what does and is not zero", vendor_id, "00000005 aa 000001", rules_in_clear, errc::trailing_octets},
        {"four zeros", vendor_id, "00000004 00000000", rules_in_clear, errc::trailing_octets},
        {"seven zeros", vendor_id, "00000005 aa 00000000000000", rules_in_clear, errc::trailing_octets},
        {"octets and no payload", none, "00", rules_in_clear, errc::trailing_octets},
        {"padding of any octets", vendor_id, "00000005 aa ffeedd", rules_decrypted, {}},
        {"length 0", vendor_id, "00000000 aa", rules_in_clear, errc::length_below_header},  // cve-02
        {"length 3", vendor_id, "00000003 aa", rules_in_clear, errc::length_below_header},
        {"one octet too long", vendor_id, "00000006 aa", rules_in_clear, errc::length_past_end},
        {"length of all ones", vendor_id, "0000ffff aa", rules_in_clear, errc::length_past_end},
        {"generic header cut", vendor_id, "000000", rules_in_clear, errc::truncated},
        {"promised and not there", vendor_id, "0d000005 aa", rules_in_clear, errc::truncated},
        {"RESERVED", vendor_id, "00010005 aa", rules_in_clear, errc::reserved_not_zero},
        {"RESERVED, by option", vendor_id, "00010005 aa", not_zero, {}},
        {"a proposal outside of an SA", proposal, "00000005 aa", keeping, errc::bad_next_payload},
        {"a transform behind an SA", security_association, "03000004 00000004", keeping, errc::bad_next_payload},
        {"an IKEv2 payload", payload_type{33}, "00000005 aa", rules_in_clear, errc::bad_next_payload},
        {"a private payload", payload_type{200}, "00000005 aa", rules_in_clear, errc::bad_next_payload},
        {"unknown ones, kept", payload_type{200}, "21000005 aa 00000004", keeping, {}},
    }));
    CAPTURE(r.what);
    const auto octets = unhex(r.octets);
    const auto c = chain::parse(r.first, octets, r.rules);
    CHECK((c ? std::nullopt : std::optional{c.error()}) == r.fault);
}

TEST_CASE("a chain stops at its limit and not before", "[isakmp][chain]") {
    std::vector<std::byte> octets;
    for (int i = 0; i < 5; ++i) {
        const auto p = unhex(i < 4 ? "0d000004" : "00000004");
        octets.insert(octets.end(), p.begin(), p.end());
    }
    CHECK(basic_chain<5>::parse(payload_type::vendor_id, octets)->size() == 5);
    CHECK(basic_chain<4>::parse(payload_type::vendor_id, octets).error() == errc::too_many_payloads);
}

TEST_CASE("every payload type from 0 to 255 is known, kept or refused", "[isakmp][chain][cve-07]") {
    for (int n = 0; n < 256; ++n) {
        CAPTURE(n);
        const payload_type type{static_cast<std::uint8_t>(n)};
        const auto octets = n == 0 ? std::vector<std::byte>{} : unhex("00000005 aa");
        const bool known = n == 0 || n == 1 || (n >= 4 && n <= 13) || n == 20 || n == 21;
        CHECK(chain::parse(type, octets).has_value() == known);
        CHECK(chain::parse(type, octets, keeping).has_value() == (n != 2 && n != 3));
    }
}

TEST_CASE("a chain gives payloads by type, and what lies behind one without the padding", "[isakmp][chain]") {
    const auto octets = unhex("0a000006 1111 0d00000c 2222222222222222 0d000005 aa 00000005 bb 0000");
    const auto c = chain::parse(payload_type::hash, octets, rules_decrypted);
    REQUIRE(c);
    CHECK(c->size() == 4);
    CHECK(c->count(payload_type::vendor_id) == 2);
    CHECK(test::hex(c->find(payload_type::vendor_id, 1)->body) == "bb");
    CHECK(c->find(payload_type::vendor_id, 2) == nullptr);
    CHECK(c->find(payload_type::key_exchange) == nullptr);
    CHECK(c->get<nonce>()->data.size() == 8);
    CHECK(c->get<vendor_id>(2).error() == errc::missing_payload);
    CHECK(test::hex((*c)[0].raw) == "0a0000061111");
    CHECK(test::hex(c->behind(0)) == "0d00000c22222222222222220d000005aa00000005bb");
    CHECK(c->behind(3).empty());
    CHECK(c->octets().size() == octets.size() - 2);
}

// req: rfc2409-3.2-2
TEST_CASE("an encrypted message is left closed", "[isakmp][chain]") {
    const auto octets = unhex("4949494949494949 5252525252525252 08 10 20 01 00000001 00000024 ffffffff ffffffff");
    const auto m = parse_message(octets);
    REQUIRE(m);
    CHECK(m->payloads.empty());
    CHECK(m->behind_header.size() == 8);
    auto clear = octets;
    clear[18] = 2_b;
    clear[19] = 0_b;
    clear[23] = 0_b;
    CHECK(parse_message(clear).error() == errc::length_past_end);
}

TEST_CASE("every truncation of a message is refused, with and without a length that agrees", "[isakmp][chain][cve-06]") {
    std::array<std::byte, 512> room{};
    auto b = main_mode_1(room);
    const auto whole = b.add(payload_type::vendor_id, unhex("0102030405")).finish();
    REQUIRE(whole);
    REQUIRE(parse_message(*whole));
    for (std::size_t n = 0; n < whole->size(); ++n) {
        CAPTURE(n);
        std::vector<std::byte> cut(whole->begin(), whole->begin() + static_cast<std::ptrdiff_t>(n));
        CHECK_FALSE(parse_message(cut));
        if (n < header::size) continue;
        wire::store<std::uint32_t>(byte_span{cut}.subspan(24), static_cast<std::uint32_t>(n));
        CHECK_FALSE(parse_message(cut));
    }
}

TEST_CASE("every length field of a first message that lies is an error, never a read outside", "[isakmp][chain][cve-01]") {
    std::array<std::byte, 512> room{};
    auto b = main_mode_1(room);
    const auto whole = b.add(payload_type::vendor_id, unhex("0102030405")).finish();
    REQUIRE(whole);
    struct field {
        const char* what;
        std::size_t at;
    };
    //                     SA          proposal     transform 1                transform 2               vendor id
    const field fields[] = {{"SA", 30}, {"proposal", 42}, {"transform 1", 50}, {"transform 2", 66}, {"vendor id", 78}};
    for (const field& f : fields) {
        const auto real = wire::load<std::uint16_t>(byte_view{*whole}.subspan(f.at));
        for (const unsigned value : {0U, 1U, 3U, real - 1U, real + 1U, 0x7fffU, 0xffffU}) {
            CAPTURE(f.what, value, real);
            std::vector<std::byte> lie(whole->begin(), whole->end());
            wire::store(byte_span{lie}.subspan(f.at), static_cast<std::uint16_t>(value));
            const auto m = parse_message(lie);
            const bool refused = !m || !sa_tree::parse(m->payloads.find(payload_type::security_association)->body);
            CHECK(refused);
        }
    }
}

TEST_CASE("an SA is read to the bottom, with AND by one number and OR by the next", "[isakmp][chain][sa]") {
    // req: rfc2408-4.2-1, rfc2408-4.2-2, rfc2408-4.2-3
    std::array<std::byte, 512> room{};
    const auto spi = unhex("c4fab33d");
    builder b{room};
    b.sa();
    b.proposal(1, protocol_id::ipsec_esp, spi).transform(1, 12).number(5, 2).transform(2, 3).number(5, 1);
    b.proposal(1, protocol_id::ipsec_ah, spi).transform(1, 3).number(5, 2);
    b.proposal(4, protocol_id::ipsec_esp, spi).transform(1, 12).number(5, 2);
    const auto octets = b.finish();
    REQUIRE(octets);
    const auto tree = sa_tree::parse(octets->subspan(4));
    REQUIRE(tree);
    CHECK(tree->proposals().size() == 3);
    CHECK(tree->alternative_count() == 2);
    std::vector<std::size_t> sizes;
    tree->for_each_alternative([&](std::span<const proposal_node> all) {
        sizes.push_back(all.size());
        return true;
    });
    CHECK(sizes == std::vector<std::size_t>{2, 1});
    CHECK(tree->transforms(tree->proposals()[0]).size() == 2);
    CHECK(tree->transforms(tree->proposals()[0])[1].value.id == 3);
    CHECK(tree->transforms(tree->proposals()[1]).size() == 1);
    CHECK(tree->transforms(tree->proposals()[2])[0].value.attributes.find(5)->number() == 2);
}

// req: rfc2409-5-12
TEST_CASE("an SA that is formed wrongly is refused by name", "[isakmp][chain][sa]") {
    // req: rfc2408-3.5-1, rfc2408-3.6-1, rfc2408-4.2-5
    using build = void (*)(builder&);
    struct sa_row {
        const char* what;
        build add;
        std::optional<errc> fault;
        std::optional<notify_type> answer;
    };
    using enum notify_type;
    constexpr auto ike = protocol_id::isakmp;
    const sa_row rows[] = {
        {"one of one", [](builder& b) { b.proposal(1, ike).transform(1, 1); }, {}, {}},
        {"no proposal", [](builder&) {}, errc::no_proposal, bad_proposal_syntax},
        {"no transform", [](builder& b) { b.proposal(1, ike); }, errc::no_transform, bad_proposal_syntax},
        {"numbers go back", [](builder& b) { b.proposal(2, ike).transform(1, 1).proposal(1, ike).transform(1, 1); },
         errc::bad_proposal_order, bad_proposal_syntax},
        {"a group torn apart",
         [](builder& b) { b.proposal(1, ike).transform(1, 1).proposal(2, ike).transform(1, 1).proposal(1, ike).transform(1, 1); },
         errc::bad_proposal_order, bad_proposal_syntax},
        {"one transform number twice", [](builder& b) { b.proposal(1, ike).transform(1, 1).transform(1, 1); },
         errc::bad_transform_order, bad_proposal_syntax},
        {"count too high", [](builder& b) { b.proposal(1, ike).transform(1, 1).lie_transform_count(2); },
         errc::bad_transform_count, bad_proposal_syntax},
        {"count too low", [](builder& b) { b.proposal(1, ike).transform(1, 1).transform(2, 1).lie_transform_count(1); },
         errc::bad_transform_count, bad_proposal_syntax},
        {"count 0", [](builder& b) { b.proposal(1, ike).transform(1, 1).lie_transform_count(0); }, errc::bad_transform_count,
         bad_proposal_syntax},
        {"a nonce behind a transform",
         [](builder& b) { b.proposal(1, ike).transform(1, 1).lie_next(payload_type::nonce).transform(2, 1); },
         errc::bad_next_payload, invalid_payload_type},
        {"RESERVED of a transform", [](builder& b) { b.proposal(1, ike).transform(1, 1).lie_reserved(1); },
         errc::reserved_not_zero, payload_malformed},
        {"a transform that ends the chain early",
         [](builder& b) { b.proposal(1, ike).transform(1, 1).lie_next(payload_type::none).transform(2, 1); },
         errc::trailing_octets, payload_malformed},
        {"65 attributes",
         [](builder& b) {
             b.proposal(1, ike).transform(1, 1);
             for (int i = 0; i < 65; ++i) b.number(1, 7);
         },
         errc::too_many_attributes,
         {}},
        {"17 proposals",
         [](builder& b) {
             for (std::uint8_t i = 1; i <= 17; ++i) b.proposal(i, ike).transform(1, 1);
         },
         errc::too_many_proposals, no_proposal_chosen},
        {"129 transforms",
         [](builder& b) {
             b.proposal(1, ike);
             for (std::uint8_t i = 1; i <= 129; ++i) b.transform(i, 1);
         },
         errc::too_many_transforms, no_proposal_chosen},
    };
    for (const sa_row& r : rows) {
        CAPTURE(r.what);
        std::array<std::byte, 2048> room{};
        builder b{room};
        b.sa();
        r.add(b);
        const auto octets = b.finish();
        REQUIRE(octets);
        const auto tree = sa_tree::parse(octets->subspan(4));
        CHECK((tree ? std::nullopt : std::optional{tree.error()}) == r.fault);
        if (!tree) CHECK(notify_for(tree.error()) == r.answer);
    }
}

TEST_CASE("reading and building a message allocates nothing, whatever its lengths say", "[isakmp][chain][cve-04]") {
    if (!test::allocations_are_counted) {
        WARN("skipped: allocations are not counted here");
        return;
    }
    std::array<std::byte, 512> room{};
    const test::allocations made;
    auto b = main_mode_1(room);
    const auto whole = b.finish();
    std::size_t read = 0;
    for (const std::uint32_t claimed : {static_cast<std::uint32_t>(whole->size()), 0U, 27U, 0x7fffffffU, 0xffffffffU}) {
        wire::store(whole->subspan(24), claimed);
        const auto m = parse_message(*whole);
        if (!m) continue;
        const auto tree = sa_tree::parse(m->payloads.find(payload_type::security_association)->body);
        for (const transform_node& t : tree->transforms(tree->proposals()[0])) read += read_phase1(t.value) ? 1U : 2U;
    }
    const std::size_t count = made.count();
    CHECK(read == 4);  // two transforms of the one message that tells the truth; both lack attributes
    CHECK(count == 0);
}
