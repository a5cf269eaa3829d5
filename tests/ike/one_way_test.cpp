// Informational exchanges: one way, never answered by one another, by name where they are nonsense; and offers of many shapes.
#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using testing::side;

namespace {

auto stand() -> std::unique_ptr<identity_ends> {
    auto ends = std::make_unique<identity_ends>();
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(5)));
    REQUIRE(ends->left.table.size() == 2);
    return ends;
}
/// The right end says `c` to the left one. @return how many messages the left end sent because of it
auto tell_left(identity_ends& ends, const v1::informational::content& c, std::uint32_t id, std::uint8_t flags = 0)
    -> std::size_t {
    auto m = v1::informational::write(c, isakmp::message_id{id}, ends.right.record.phase_1.at(0), ends.right.crypto, flags);
    REQUIRE(m);
    const auto before = ends.sent.size();
    ends.left.ike.handle_datagram(ends.now(), left_path, m->datagram);
    ends.flush(ends.left, side::left);
    return ends.sent.size() - before;
}
auto body(std::string_view h) -> v1::octets { return unhex(h); }

}  // namespace

// IKE1-092; req: rfc2408-5.14-16
TEST_CASE("no notification is answered, whatever it says", "[ike][informational][IKE1-092]") {
    const auto ends = stand();
    std::uint32_t id = 1000;
    for (std::uint32_t type = 1; type <= 40; ++type)
        for (const std::uint32_t base : {0U, 16383U, 24575U}) {
            CAPTURE(type, base);
            v1::informational::content c;
            c.payloads.push_back(v1::informational::notify_of(static_cast<isakmp::notify_type>(base + type),
                                                              isakmp::protocol_id::ipsec_esp, {}));
            CHECK(tell_left(*ends, c, ++id) == 0);
        }
    CHECK(ends->left.table.size() == 2);
    CHECK(ends->left.ike.ike_sa_count() == 1);
}

// IKE1-090; req: rfc2408-5.14-12, rfc2408-5.14-16, rfc2408-5.14-17, rfc2408-5.14-18, rfc2408-5.14-19, rfc2408-5.14-20
// req: rfc2408-5.15-15, rfc2408-5.15-16, rfc2408-5.15-17, rfc2408-5.15-18
TEST_CASE("a notification or Delete of an unknown DOI, protocol or SPI size is told by name, and nothing happens",
          "[ike][informational][IKE1-090]") {
    struct row {
        const char* what;
        isakmp::payload_type type;
        const char* body;
        std::optional<isakmp::errc> fault;
    };
    using enum isakmp::payload_type;
    const auto r = GENERATE(values<row>({
        {"N: unknown DOI", notification, "00000007" "03" "04" "000e" "01020304", isakmp::errc::unsupported_doi},
        {"N: unknown protocol", notification, "00000001" "09" "04" "000e" "01020304", isakmp::errc::bad_protocol},
        {"N: SPI of three octets", notification, "00000001" "03" "03" "000e" "010203", isakmp::errc::bad_spi_size},
        {"N: SPI past the end", notification, "00000001" "03" "04" "000e" "0102", isakmp::errc::length_past_end},
        {"N: type zero", notification, "00000001" "03" "00" "0000", isakmp::errc::bad_notify_type},
        {"N: short", notification, "0000000103", isakmp::errc::truncated},
        {"D: unknown DOI", delete_sa, "00000007" "03" "04" "0001" "01020304", isakmp::errc::unsupported_doi},
        {"D: unknown protocol", delete_sa, "00000001" "09" "04" "0001" "01020304", isakmp::errc::bad_protocol},
        {"D: SPIs of two octets", delete_sa, "00000001" "03" "02" "0001" "0102", isakmp::errc::bad_spi_size},
        {"D: more SPIs than said", delete_sa, "00000001" "03" "04" "0001" "0102030405060708", isakmp::errc::bad_spi_count},
        {"D: fewer SPIs than said", delete_sa, "00000001" "03" "04" "0002" "01020304", isakmp::errc::bad_spi_count},
        {"D: an SPI of nobody", delete_sa, "00000001" "03" "04" "0001" "01020304", std::nullopt},
    }));
    CAPTURE(r.what);
    const auto ends = stand();
    v1::informational::content c;
    c.payloads.push_back({r.type, body(r.body)});
    CHECK(tell_left(*ends, c, 77) == 0);
    CHECK(ends->left.table.size() == 2);
    if (!r.fault) {
        CHECK(ends->left.record.audits.empty());
        return;
    }
    REQUIRE(ends->left.record.audits.size() == 1);
    CHECK(ends->left.record.audits[0].why == errc::malformed);
    CHECK(ends->left.record.audits[0].detail == r.fault);
    CHECK(ends->left.record.audits[0].authenticated);
}

// IKE1-004; req: rfc2408-5.14-13, rfc2408-5.14-15
TEST_CASE("a notification with the authentication-only bit is taken by its HASH, a Delete is not",
          "[ike][informational][IKE1-004]") {
    const auto ends = stand();
    const auto& keys = ends->right.record.phase_1.at(0);
    const auto write = [&](const v1::informational::content::payload& p, std::uint32_t id, std::byte flaw) {
        v1::message_writer w{v1::header_of(keys.cky, isakmp::exchange_type::informational, isakmp::message_id{id})};
        const auto n = keys.keys.skeyid_a.size();
        w.build().claim(isakmp::payload_type::hash, n);
        w.add(p.type, p.body);
        const auto hash =
            *v1::hash_1_2(ends->right.crypto, keys.prf, keys.keys.skeyid_a, id, {}, w.behind_hash(n, ends->right.crypto));
        v1::octets h(hash.view().begin(), hash.view().end());
        h[0] ^= flaw;
        w.set_hash(h);
        auto m = w.finish()->datagram;
        m[19] = std::byte{isakmp::header_flags::authentication_only_bit};
        return m;
    };
    const auto note = v1::informational::notify_of(isakmp::notify_type::replay_status, isakmp::protocol_id::ipsec_esp, {},
                                                   body("00000001"));
    const auto feed = [&](const v1::octets& m) { ends->left.ike.handle_datagram(ends->now(), left_path, m); };
    feed(write(note, 5, std::byte{1}));
    CHECK(ends->left.record.count(errc::bad_hash) == 1);
    CHECK(ends->left.record.notes.empty());
    feed(write(note, 6, std::byte{0}));
    CHECK(ends->left.record.notes.size() == 1);
    feed(write(note, 6, std::byte{0}));
    CHECK(ends->left.record.count(errc::replayed_message_id) == 1);
    feed(write(v1::informational::delete_of(keys.cky), 7, std::byte{0}));
    CHECK(ends->left.ike.ike_sa_count() == 1);
    auto both = write(note, 8, std::byte{0});
    both[19] |= std::byte{isakmp::header_flags::encryption_bit};
    feed(both);
    CHECK(ends->left.record.count(errc::wrong_flags) == 1);
}

// IKE1-073, pitfall 16, pitfall 23; req: rfc2408-4.2-1, rfc2408-4.2-3
// req: rfc2409-3.2-1, rfc2408-4.2.1-1, rfc2408-4.2.1-2, rfc2408-4.2.1-3, rfc2408-2.1-m2
TEST_CASE("one number is AND, another is OR, and each protocol of a bundle is picked by itself",
          "[ike][proposals][IKE1-073][pitfall-16][pitfall-23]") {
    using isakmp::protocol_id;
    using isakmp::sa_attribute;
    const v1::octets spi = body("00001001"), cpi = body("0002");
    const auto esp = [&](isakmp::builder& b, std::uint8_t n, std::uint8_t id, unsigned bits, unsigned auth) {
        b.transform(n, id).number(sa_attribute::encapsulation_mode, 1U);
        if (bits != 0) b.number(sa_attribute::key_length, bits);
        if (auth != 0) b.number(sa_attribute::authentication_algorithm, auth);
    };
    const auto ah = [&](isakmp::builder& b, std::uint8_t n, std::uint8_t id, unsigned auth) {
        b.transform(n, id).number(sa_attribute::encapsulation_mode, 1U).number(sa_attribute::authentication_algorithm, auth);
    };
    std::array<std::byte, 2048> room{};
    isakmp::builder b{room};
    b.sa();
    b.proposal(1, protocol_id::ipsec_esp, spi);  // 1: ESP and IPCOMP
    esp(b, 1, 12, 128, 2);
    b.proposal(1, protocol_id::ipcomp, cpi);
    b.transform(1, 2);
    b.proposal(2, protocol_id::ipsec_ah, spi);  // 2: AH (MD5 or SHA) and ESP (3DES or AES)
    ah(b, 1, 2, 1);
    ah(b, 2, 3, 2);
    b.proposal(2, protocol_id::ipsec_esp, spi);
    esp(b, 1, 3, 0, 2);
    esp(b, 2, 12, 128, 2);
    b.proposal(3, protocol_id::ipsec_esp, spi);  // 3: ESP alone
    esp(b, 1, 12, 128, 2);
    const auto all = b.finish();
    REQUIRE(all);
    const auto offer = v1::to_octets(byte_view{*all}.subspan(4));
    const crypto::transform aes{crypto::encryption_id::aes_cbc, 128, crypto::integrity_id::hmac_sha1_96};
    v1::child_config c;
    c.suites = {{.esp = aes, .ah = crypto::integrity_id::hmac_sha1_96}};
    auto picked = v1::pick_child(c, offer, {500, 600});
    REQUIRE(picked);
    CHECK(picked->agreed.suite == c.suites[0]);
    const auto tree = isakmp::sa_tree::parse(picked->reply);
    REQUIRE(tree);
    REQUIRE(tree->proposals().size() == 2);
    for (const auto& p : tree->proposals()) {
        CHECK(p.value.number == 2);
        REQUIRE(tree->transforms(p).size() == 1);
        CHECK(tree->transforms(p)[0].value.number == 2);
        CHECK(wire::load<std::uint32_t>(p.value.spi) == (p.value.protocol == protocol_id::ipsec_esp ? 500 : 600));
    }
    CHECK(tree->proposals()[0].value.protocol == protocol_id::ipsec_ah);  // in the order of the offer
    // Part of an alternative is no alternative: ESP alone is the third one, and never the first without its IPCOMP.
    c.suites = {{.esp = aes}};
    picked = v1::pick_child(c, offer, {500, 600});
    REQUIRE(picked);
    CHECK(isakmp::sa_tree::parse(picked->reply)->proposals()[0].value.number == 3);
    c.suites = {{.ah = crypto::integrity_id::hmac_sha1_96}};
    CHECK(v1::pick_child(c, offer, {500, 600}).error().why == errc::no_proposal_chosen);
    // Nor can two proposals of different numbers be put together.
    c.suites = {{.esp = crypto::transform{crypto::encryption_id::des3_cbc, 0, crypto::integrity_id::hmac_sha1_96}}};
    CHECK(v1::pick_child(c, offer, {500, 600}).error().why == errc::no_proposal_chosen);
}

// RFC 4304 §3; IKE1-074; req: rfc4304-3-2
TEST_CASE("extended sequence numbers are agreed on when both ask, and never given unasked", "[ike][quick_mode][esn][IKE1-074]") {
    const bool l_asks = GENERATE(true, false), r_asks = GENERATE(true, false);
    CAPTURE(l_asks, r_asks);
    auto l = ike_config(true), r = ike_config(false);
    l.peers[0].children[0].extended_sequence = l_asks;
    r.peers[0].children[0].extended_sequence = r_asks;
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(5)));
    CHECK(ends.left.table.size() == (l_asks && !r_asks ? 0 : 2));
    for (const auto& [name, sa] : ends.left.table) CHECK(sa.esn == (l_asks && r_asks));
    if (l_asks && !r_asks) CHECK(ends.right.record.count(errc::no_proposal_chosen) >= 1);
}
