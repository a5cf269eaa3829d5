// The Base and the Authentication Only Exchange of RFC 2408 §4.4 and §4.6, under a DOI and a policy of the test's own.
#include <algorithm>

#include "support/catch.hpp"
#include "support/exchange_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using ike::v1::auth_payload;
using isakmp::payload_type;

namespace {

/// "HDR; SA; NONCE", as the figures of RFC 2408 §4 have it.
auto notation(byte_view datagram) -> std::string {
    const auto m = isakmp::parse_message(datagram);
    REQUIRE(m);
    std::string out = m->head.flags.encrypted() ? "HDR*" : "HDR";
    for (const auto& p : m->payloads) {
        out += "; ";
        out += p.type == payload_type::identification                                             ? "ID"
               : p.type == payload_type::hash || p.type == payload_type::signature                ? "AUTH"
                                                                                                  : isakmp::name_of(p.type);
    }
    return out;
}
auto notations(const std::vector<ike::v1::octets>& messages) -> std::vector<std::string> {
    std::vector<std::string> out;
    for (const auto& m : messages) out.push_back(notation(m));
    return out;
}

}  // namespace

// req: rfc2408-4.1-3
// req: rfc2408-3.16-4, rfc2408-4-1
TEMPLATE_TEST_CASE("the Base Exchange has the messages of its figure, and both ends see one transcript", "[ike][base]",
                   exchange_ends<base>, (exchange_ends<base, auth_payload::signature>)) {
    TestType ends;
    REQUIRE(ends.run());
    CHECK(notations(ends.messages) ==
          std::vector<std::string>{"HDR; SA; NONCE", "HDR; SA; NONCE", "HDR; KE; ID; AUTH", "HDR; KE; ID; AUTH"});
    for (const auto& m : ends.messages) {
        const auto h = isakmp::header::parse(m);
        CHECK(h->exchange == isakmp::exchange_type::base);
        CHECK(h->id == isakmp::message_id{0});
    }
    REQUIRE(ends.left.is_established());
    REQUIRE(ends.right.is_established());
    const auto &l = ends.left.seen(), &r = ends.right.seen();
    CHECK(l.cky == r.cky);
    CHECK(l.sa_i == r.sa_i);
    CHECK(l.sa_r == r.sa_r);
    CHECK(toy::sa_tree::parse(l.sa_r)->proposals()[0].value.number == 2);
    CHECK(l.ni == r.ni);
    CHECK(l.nr == r.nr);
    CHECK(l.ke_i == r.ke_i);
    CHECK(l.ke_r == r.ke_r);
    CHECK(l.id_i == r.id_i);
    CHECK(l.id_r == r.id_r);
    CHECK(l.id_r.size() == 3);
    CHECK(std::ranges::equal(std::get<base::established>(ends.left.state).shared.view(),
                             std::get<base::established>(ends.right.state).shared.view()));
}

// req: rfc2408-4.1-3, rfc2408-4-1
TEMPLATE_TEST_CASE("the Authentication Only Exchange has the messages of its figure, and both ends see one transcript",
                   "[ike][authentication_only]", exchange_ends<authentication_only>,
                   (exchange_ends<authentication_only, auth_payload::signature>)) {
    TestType ends;
    REQUIRE(ends.run());
    CHECK(notations(ends.messages) == std::vector<std::string>{"HDR; SA; NONCE", "HDR; SA; NONCE; ID; AUTH", "HDR; ID; AUTH"});
    for (const auto& m : ends.messages)
        CHECK(isakmp::header::parse(m)->exchange == isakmp::exchange_type::authentication_only);
    REQUIRE(ends.left.is_established());
    REQUIRE(ends.right.is_established());
    const auto &l = ends.left.seen(), &r = ends.right.seen();
    CHECK(l.cky == r.cky);
    CHECK(l.sa_r == r.sa_r);
    CHECK(l.ni == r.ni);
    CHECK(l.nr == r.nr);
    CHECK(l.id_i == r.id_i);
    CHECK(l.id_r == r.id_r);
    CHECK(l.ke_i.empty());
}

// req: rfc2408-4.4-1, rfc2408-4.4-2, rfc2408-4.6-1, rfc2408-4.6-2
TEMPLATE_TEST_CASE("no octet of a message can be changed on its way without the exchange coming to nothing", "[ike][base]",
                   exchange_ends<base>, exchange_ends<authentication_only>) {
    TestType honest;
    REQUIRE(honest.run());
    const auto messages = honest.messages;
    for (std::size_t n = 0; n < messages.size(); ++n)
        for (std::size_t at = 0; at < messages[n].size(); ++at) {
            CAPTURE(n, at);
            TestType ends;
            ends.left.start(ends.clock.now());
            for (std::size_t i = 0; i <= n; ++i) {
                auto& from = i % 2 == 0 ? ends.left : ends.right;
                auto& to = i % 2 == 0 ? ends.right : ends.left;
                REQUIRE(from.out.size() == 1);
                auto m = std::move(from.out[0]);
                from.out.clear();
                REQUIRE(m == messages[i]);
                if (i == n) m[at] ^= std::byte{1};
                to.handle(m, ends.clock.now());
            }
            // Whatever goes on after it, the two ends never both stand.
            for (int i = 0; i < 4; ++i) {
                for (auto& m : std::exchange(ends.left.out, {})) ends.right.handle(m, ends.clock.now());
                for (auto& m : std::exchange(ends.right.out, {})) ends.left.handle(m, ends.clock.now());
            }
            CHECK_FALSE((ends.left.is_established() && ends.right.is_established()));
            CHECK(ends.left.refused.size() + ends.right.refused.size() > 0);
        }
}

TEMPLATE_TEST_CASE("who is not wanted, knows no key or can do nothing that is wanted, is refused by name", "[ike][base]",
                   exchange_ends<base>, exchange_ends<authentication_only>) {
    struct row {
        const char* name;
        void (*change)(TestType&);
        bool by_right;
        errc why;
    };
    const auto r = GENERATE(values<row>({
        {"nothing in common", [](TestType& e) { e.right.policy.own.suites = {{{toy::porter, {toy::vehicle::bicycle}, 1}}}; },
         true, errc::no_proposal_chosen},
        {"another key", [](TestType& e) { e.right.policy.key = "between others"; },
         !std::same_as<TestType, exchange_ends<authentication_only>>, errc::bad_hash},
        {"an initiator that nobody knows", [](TestType& e) { e.left.policy.name = "mallory"; }, true, errc::identity_mismatch},
        {"a responder that nobody knows", [](TestType& e) { e.right.policy.name = "mallory"; }, false, errc::identity_mismatch},
    }));
    CAPTURE(r.name);
    TestType ends;
    r.change(ends);
    REQUIRE(ends.run());
    CHECK_FALSE((ends.left.is_established() && ends.right.is_established()));
    const auto& refused = r.by_right ? ends.right.refused : ends.left.refused;
    REQUIRE(!refused.empty());
    CHECK(refused[0].why == r.why);
    CHECK(ends.left.timer.due() == instant::never());
    CHECK(ends.right.timer.due() == instant::never());
}

TEST_CASE("what does not belong into a message of the Base Exchange is refused by the rule it breaks", "[ike][base]") {
    struct row {
        const char* name;
        std::vector<payload_type> payloads;
        std::optional<isakmp::errc> detail;
    };
    using enum payload_type;
    const auto r = GENERATE(values<row>({
        {"no nonce", {security_association}, isakmp::errc::missing_payload},
        {"two SAs", {security_association, security_association, nonce}, isakmp::errc::doubled_payload},
        {"SA not first", {nonce, security_association}, isakmp::errc::payload_out_of_order},
        {"KE too early", {security_association, nonce, key_exchange}, isakmp::errc::unexpected_payload},
        {"a notification in the clear", {security_association, nonce, notification}, isakmp::errc::unexpected_payload},
        {"with a vendor id it is fine", {security_association, nonce, vendor_id}, {}},
    }));
    CAPTURE(r.name);
    exchange_ends<base> ends;
    std::vector<std::byte> room(4096);
    isakmp::header h;
    h.initiator = isakmp::cookie_i{std::array<std::byte, 8>{std::byte{1}}};
    h.exchange = isakmp::exchange_type::base;
    isakmp::builder b{room};
    b.start(h);
    const auto sa = toy::write_offer(ends.left.policy.own);
    const std::vector<std::byte> filling(32, std::byte{5});
    for (const auto t : r.payloads) b.add(t, t == security_association ? byte_view{sa} : byte_view{filling});
    ends.right.handle(*b.finish(), instant{});
    REQUIRE(ends.right.refused.size() == (r.detail ? 1U : 0U));
    if (r.detail) CHECK(ends.right.refused[0].detail == r.detail);
    else CHECK(ends.right.states.back() == "SA, NONCE answered");
}

TEST_CASE("a public value that is ours, zero or of another size is no key exchange", "[ike][base]") {
    for (const int kind : {0, 1, 2}) {
        CAPTURE(kind);
        exchange_ends<base> ends;
        ends.left.start(instant{});
        ends.right.handle(ends.left.out.at(0), instant{});
        ends.left.handle(ends.right.out.at(0), instant{});
        const auto m = ends.left.out.at(1);
        const auto parsed = isakmp::parse_message(m);
        std::vector<std::byte> room(4096);
        isakmp::builder b{room};
        b.start(parsed->head);
        for (const auto& p : parsed->payloads) {
            std::vector<std::byte> body(p.body.begin(), p.body.end());
            if (p.type == payload_type::key_exchange && kind == 1) body.assign(body.size(), std::byte{0});
            if (p.type == payload_type::key_exchange && kind == 2) body.resize(body.size() - 1);
            b.add(p.type, body);
        }
        const auto sent = *b.finish();
        // Message 3 as message 4, to its own sender; or changed, to the responder.
        auto& to = kind == 0 ? ends.left : ends.right;
        to.handle(sent, instant{});
        REQUIRE(to.refused.size() == 1);
        CHECK(to.refused[0].why == errc::bad_key_exchange);
    }
}
