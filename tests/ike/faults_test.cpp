// Every fault that `testing/faults.hpp` knows, done by one end to the other, which names it; and nothing of it elsewhere.
#include <algorithm>
#include <functional>

#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "support/catch.hpp"
#include "support/faulty_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using isakmp::exchange_type;
using isakmp::payload_type;
using enum testing::hashed;

namespace {

using testing::fault_plan;

constexpr auto main_mode = exchange_type::identity_protection;
constexpr auto quick_mode = exchange_type::quick_mode;

auto octets(std::initializer_list<int> v) -> std::vector<std::byte> {
    std::vector<std::byte> out;
    for (const int i : v) out.push_back(static_cast<std::byte>(i));
    return out;
}

/// One SA negotiated under the plan of one end.
struct scene {
    explicit scene(const std::function<void(fault_plan&)>& plan, bool by_left = true) {
        plan((by_left ? ends.left : ends.right).crypto.plan);
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(20)));
    }
    faulty_ends ends;
    [[nodiscard]] auto stands() const -> bool { return ends.left.table.size() == 2 && ends.equal_sas(); }
};

struct row {
    const char* name;
    bool by_left;
    std::function<void(fault_plan&)> plan;
    errc refusal;                          ///< by the other end
    std::optional<isakmp::errc> detail{};  ///< broken rule of the language
    bool stands = false;                   ///< whether the SA comes about all the same, after a retransmission or over it
};

auto rows() -> std::vector<row> {
    using namespace testing;
    using p = fault_plan;
    const auto zeros = [](std::size_t n) { return std::vector<std::byte>(n); };
    return {
        // Main Mode, in the clear
        {"no such cipher offered",
         true,
         [](p& f) { f.add({main_mode, 1}, set_octets{payload_type::security_association, 31, octets({99})}); },
         errc::no_proposal_chosen,
         isakmp::errc::bad_attribute_value},
        {"an SA payload of another DOI", true,
         [](p& f) { f.add({main_mode, 1}, set_octets{payload_type::security_association, 3, octets({2})}); }, errc::malformed,
         isakmp::errc::unsupported_doi},
        {"a situation that nobody knows", true,
         [](p& f) { f.add({main_mode, 1}, set_octets{payload_type::security_association, 7, octets({8})}); }, errc::malformed,
         isakmp::errc::unsupported_situation},
        {"two SA payloads", true, [](p& f) { f.add({main_mode, 1}, repeat{payload_type::security_association}); },
         errc::malformed, isakmp::errc::doubled_payload},
        {"no SA payload", true, [](p& f) { f.add({main_mode, 1}, omit{payload_type::security_association}); }, errc::malformed,
         isakmp::errc::missing_payload},
        {"a public value of zero",
         true,
         [=](p& f) { f.add({main_mode, 2}, set_body{payload_type::key_exchange, zeros(256)}); },
         errc::bad_key_exchange,
         {}},
        {"the responder's public value of zero",
         false,
         [=](p& f) { f.add({main_mode, 2}, set_body{payload_type::key_exchange, zeros(256)}); },
         errc::bad_key_exchange,
         {}},
        {"a public value too short",
         true,
         [=](p& f) { f.add({main_mode, 2}, set_body{payload_type::key_exchange, zeros(128)}); },
         errc::bad_key_exchange,
         {}},
        {"no KE payload", true, [](p& f) { f.add({main_mode, 2}, omit{payload_type::key_exchange}); }, errc::malformed,
         isakmp::errc::missing_payload},
        {"two nonces", false, [](p& f) { f.add({main_mode, 2}, repeat{payload_type::nonce}); }, errc::malformed,
         isakmp::errc::doubled_payload},
        {"a payload that says it is longer than the message", true,
         [](p& f) { f.add({main_mode, 2}, set_length{payload_type::nonce, 9999}); }, errc::malformed,
         isakmp::errc::length_past_end},
        {"a payload that says it is shorter than its header", true,
         [](p& f) { f.add({main_mode, 2}, set_length{payload_type::nonce, 3}); }, errc::malformed,
         isakmp::errc::length_below_header},
        {"a nonce of four octets", true, [=](p& f) { f.force_nonce(zeros(4)); }, errc::malformed, isakmp::errc::bad_nonce_size},
        {"a responder's choice that was not offered",
         false,
         [](p& f) { f.add({main_mode, 1}, set_octets{payload_type::security_association, 31, octets({1})}); },
         errc::not_what_was_offered,
         {},
         true},  // a responder without state makes another answer to message 1 when it comes again
        // Main Mode, encrypted
        {"HASH_I of another key",
         true,
         [](p& f) { f.add({main_mode, 3}, set_octets{payload_type::hash, 0, octets({1, 2, 3})}); },
         errc::bad_hash,
         {}},
        {"IDii changed behind HASH_I",
         true,
         [](p& f) { f.add({main_mode, 3}, set_octets{payload_type::identification, 4, octets({10})}); },
         errc::bad_hash,
         {}},
        {"no HASH_I", true, [](p& f) { f.add({main_mode, 3}, omit{payload_type::hash}); }, errc::malformed,
         isakmp::errc::missing_payload},
        {"two identities", false, [](p& f) { f.add({main_mode, 3}, repeat{payload_type::identification}); }, errc::malformed,
         isakmp::errc::doubled_payload},
        // The header, on the wire
        {"another major version", true, [](p& f) { f.add({main_mode, 1}, set_datagram{17, octets({0x20})}); }, errc::malformed,
         isakmp::errc::bad_major_version},
        {"a length that is not the datagram's", true, [](p& f) { f.add({main_mode, 1}, set_datagram{24, octets({0, 0, 1, 0})}); },
         errc::malformed, isakmp::errc::unequal_lengths},
        {"a message ID in phase 1", true, [](p& f) { f.add({main_mode, 1}, set_datagram{23, octets({1})}); }, errc::malformed,
         isakmp::errc::bad_message_id},
        {"a responder cookie that is not the responder's",
         true,
         [](p& f) { f.add({main_mode, 2}, set_datagram{8, octets({1, 2, 3, 4, 5, 6, 7, 8})}); },
         errc::bad_cookie,
         {}},
        {"an exchange that the peer does not speak",
         true,
         [](p& f) { f.add({main_mode, 1}, set_datagram{18, octets({200})}); },
         errc::unknown_exchange,
         {}},
        {"message 5 without the encryption flag",
         true,
         [](p& f) { f.add({main_mode, 3}, set_datagram{19, octets({0})}); },
         errc::wrong_flags,
         {}},
        // Quick Mode: genuine, and not
        {"no such transform, under a HASH that holds",
         true,
         [](p& f) { f.add({quick_mode, 1}, set_octets{payload_type::security_association, 25, octets({99})}); },
         errc::no_proposal_chosen,
         {}},
        {"the same behind the HASH",
         true,
         [](p& f) { f.add({quick_mode, 1}, set_octets{payload_type::security_association, 25, octets({99})}, before_the_fault); },
         errc::bad_hash,
         {}},
        {"client identities that policy has not",
         true,
         [](p& f) { f.add({quick_mode, 1}, set_octets{payload_type::identification, 4, octets({172, 16})}); },
         errc::identity_mismatch,
         {}},
        {"no nonce, under a HASH that holds", true, [](p& f) { f.add({quick_mode, 1}, omit{payload_type::nonce}); },
         errc::malformed, isakmp::errc::missing_payload},
        {"IDci without IDcr", true, [](p& f) { f.add({quick_mode, 1}, omit{payload_type::identification, 1}); }, errc::malformed,
         isakmp::errc::missing_payload},
        {"no HASH(2)", false, [](p& f) { f.add({quick_mode, 1}, omit{payload_type::hash}, before_the_fault); }, errc::malformed,
         isakmp::errc::missing_payload},
        {"HASH(3) of something else",
         true,
         [](p& f) { f.add({quick_mode, 2}, set_octets{payload_type::hash, 0, octets({0, 0, 0})}); },
         errc::bad_hash,
         {}},
        {"another message ID on the wire",
         true,
         [](p& f) { f.add({quick_mode, 1}, set_datagram{20, octets({1, 2, 3, 4})}); },
         errc::bad_hash,
         {}},
        {"ciphertext of half a block",
         true,
         [](p& f) { f.add({quick_mode, 1}, set_datagram{0, octets({9, 9, 9, 9})}); },
         errc::unknown_cookie,
         {}},
    };
}

}  // namespace

// req: rfc2408-5.2-8, rfc2408-5.4-8
// req: rfc2408-5.1-4, rfc2408-5.2-9, rfc2408-5.2-13, rfc2408-5.2-15, rfc2408-5.2-17, rfc2408-5.2-19, rfc2408-5.4-9
// req: rfc2408-5.4-11, rfc2408-5.4-13, rfc2408-5.8-8, rfc2408-5.11-10
TEST_CASE("each fault is refused by its name",
          "[ike][faults][IKE1-002][IKE1-003][IKE1-004][IKE1-005][IKE1-006][IKE1-007][IKE1-023][IKE1-027][IKE1-046][IKE1-076]") {
    for (const row& r : rows()) {
        CAPTURE(r.name);
        const scene s{r.plan, r.by_left};
        const auto& own = r.by_left ? s.ends.left : s.ends.right;
        const auto& peer = r.by_left ? s.ends.right : s.ends.left;
        CHECK((own.crypto.plan.done() > 0 || std::string_view{r.name} == "a nonce of four octets"));
        REQUIRE(!peer.record.audits.empty());
        CHECK(std::string{name_of(peer.record.audits[0].why)} == std::string{name_of(r.refusal)});
        CHECK(peer.record.audits[0].detail == r.detail);
        CHECK(s.stands() == r.stands);
    }
}

TEST_CASE("what a link does to a message, done by its sender, is made up for", "[ike][faults][IKE1-008]") {
    using namespace testing;
    for (const exchange_type x : {main_mode, quick_mode})
        for (const bool by_left : {true, false})
            for (std::size_t nth = 1; nth <= (x == main_mode ? 3U : by_left ? 2U : 1U); ++nth) {
                CAPTURE(static_cast<int>(x), by_left, nth);
                const datagram_fault faults[] = {drop{}, twice{}, behind{1}, behind{2}, replay{{x, nth}}, replay{{main_mode, 1}}};
                for (const auto& f : faults) {
                    CAPTURE(f.index());
                    const scene s{[&](fault_plan& p) { p.add({x, nth}, f); }, by_left};
                    CHECK((by_left ? s.ends.left : s.ends.right).crypto.plan.done() == 1);
                    CHECK(s.stands());
                    CHECK(s.ends.left.established.size() == 1);
                    CHECK(s.ends.right.established.size() == 1);
                }
            }
}

TEST_CASE("cookie, nonce and message ID are what they are forced to be", "[ike][faults]") {
    const isakmp::cookie_i cookie{std::array<std::byte, 8>{std::byte{0xc0}, std::byte{0x0c}}};
    const auto nonce = std::vector<std::byte>(100, std::byte{0x55});
    const scene s{[&](fault_plan& p) {
        p.force_cookie(cookie);
        p.force_nonce(nonce);
        p.force_message_id(isakmp::message_id{0x1111});  // INITIAL-CONTACT
        p.force_message_id(isakmp::message_id{0x1234});
    }};
    CHECK(s.stands());
    REQUIRE(s.ends.left.established.size() == 1);
    CHECK(s.ends.left.established[0].cookies.initiator == cookie);
    REQUIRE(s.ends.left.children.size() == 1);
    CHECK(s.ends.left.children[0].message_id == isakmp::message_id{0x1234});
    const auto& third = s.ends.sent[2].octets;
    const auto m = isakmp::parse_message(third);
    REQUIRE(m);
    CHECK(std::ranges::equal(m->payloads.get<isakmp::nonce>()->data, nonce));
}

TEST_CASE("a message ID that was used before is refused", "[ike][faults][IKE1-005]") {
    // 0x76 went with INITIAL-CONTACT; 0x77 with the Quick Mode, which is remembered.
    const auto [id, refusal] = GENERATE(
        table<std::uint32_t, errc>({{0x76, errc::replayed_message_id}, {0x77, errc::unexpected_message}}));
    scene s{[](fault_plan& p) {
        p.force_message_id(isakmp::message_id{0x76});
        p.force_message_id(isakmp::message_id{0x77});
    }};
    REQUIRE(s.stands());
    CHECK(s.ends.right.record.audits.empty());
    s.ends.left.crypto.plan.force_message_id(isakmp::message_id{id});
    s.ends.left.ike.handle(s.ends.now(), sa::soft_expired{s.ends.left.ike.children()[0].outbound[0], sa::policy_id{1}});
    REQUIRE(s.ends.run(seconds(20)));
    CHECK(s.ends.right.record.count(refusal) > 0);
    CHECK(s.ends.right.children.size() == 1);
}

namespace {
using plain = testing::identity_provider;
using spoilt = testing::faulty<plain>;
static_assert(!v1::spoils_messages<plain> && v1::spoils_messages<spoilt>);
static_assert(!v1::spoils_messages<testing::deferred_dh<plain>>);
// Nothing is kept in an endpoint, whichever provider it has.
static_assert(sizeof(v1::endpoint<ike_traits<plain>>) == sizeof(v1::endpoint<ike_traits<spoilt>>));
static_assert(sizeof(v1::house<ike_traits<plain>>) == sizeof(v1::house<ike_traits<spoilt>>));
static_assert(crypto::ike_v1_provider<spoilt>);
}  // namespace

TEST_CASE("faults are done under real encryption too", "[ike][faults]") {
    using real_end = ike_end<testing::faulty<crypto::botan::provider>>;
    const auto refusal_of = [](const std::function<void(fault_plan&)>& plan) -> std::optional<errc> {
        auto l = ike_config(true), r = ike_config(false);
        for (auto* c : {&l, &r}) c->peers[0].suites[0].group = crypto::group_id::modp768;
        testing::seeded_rng rng_l{3}, rng_r{4};
        real_end a{std::move(l), rng_l}, b{std::move(r), rng_r};
        plan(a.crypto.plan);
        std::vector<std::byte> scratch(32768);
        instant now{1'000'000'000};
        REQUIRE(a.ike.start(now, sa::policy_id{1}));
        for (int i = 0; i < 20; ++i) {
            now = now + milliseconds(10);
            a.ike.handle_timeout(now);
            a.drain_events(now);
            while (auto tx = a.ike.poll_transmit(scratch)) b.ike.handle_datagram(now, ike::reversed(tx->path), tx->octets);
            b.drain_events(now);
            while (auto tx = b.ike.poll_transmit(scratch)) a.ike.handle_datagram(now, ike::reversed(tx->path), tx->octets);
        }
        if (b.record.audits.empty()) return {};
        return b.record.audits[0].why;
    };
    CHECK(refusal_of([](fault_plan&) {}) == std::nullopt);
    const testing::set_octets other{payload_type::security_association, 25, octets({99})};
    CHECK(refusal_of([&](fault_plan& p) { p.add({quick_mode, 1}, other); }) == errc::no_proposal_chosen);
    CHECK(refusal_of([&](fault_plan& p) { p.add({quick_mode, 1}, other, before_the_fault); }) == errc::bad_hash);
    CHECK(refusal_of([](fault_plan& p) { p.add({quick_mode, 1}, testing::omit{payload_type::nonce}); }) == errc::malformed);
    CHECK(refusal_of([](fault_plan& p) { p.add({main_mode, 3}, testing::omit{payload_type::hash}); }) == errc::malformed);
}

TEST_CASE("an endpoint with a plan of no faults sends what one without a plan sends", "[ike][faults]") {
    identity_ends without;
    faulty_ends with;
    REQUIRE(without.left.ike.start(without.now(), sa::policy_id{1}));
    REQUIRE(with.left.ike.start(with.now(), sa::policy_id{1}));
    REQUIRE(without.run(seconds(20)));
    REQUIRE(with.run(seconds(20)));
    REQUIRE(without.sent.size() == with.sent.size());
    for (std::size_t i = 0; i < with.sent.size(); ++i) CHECK(without.sent[i].octets == with.sent[i].octets);
}
