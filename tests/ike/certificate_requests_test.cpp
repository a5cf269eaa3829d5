// Which of several credentials an end proves itself by: what certificate requests say of it, in whatever message they come.
#include <map>
#include <memory>
#include <tuple>

#include "support/catch.hpp"
#include "support/good_end.hpp"
#include "support/signing_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using isakmp::cert_encoding;
using isakmp::oakley_authentication;
using isakmp::payload_type;
using testing::side;

namespace {

using pki::octets;

/// A credential under either root: the places of their keys with the provider, and the keys.
struct method {
    oakley_authentication authentication;
    std::uint32_t first, second;
};
constexpr method rsa{oakley_authentication::rsa_signatures, 1, 0}, ecdsa{oakley_authentication::ecdsa_256, 3, 3};

/// Of the end that signs: its key under the first root, or under the second.
auto certificate_of(bool left, const method& m, bool by_second) -> const octets& {
    static std::map<std::tuple<bool, oakley_authentication, bool>, octets> made;
    octets& out = made[{left, m.authentication, by_second}];
    if (!out.empty()) return out;
    out = pki::certificate{.subject = pki::name(left ? "left.example" : "gw.example.org"),
                           .key = signing_keys[by_second ? m.second : m.first],
                           .issuer = by_second ? pki::second_name : pki::root_name,
                           .signer = by_second ? keys::rsa_1024 : keys::rsa_2048,
                           .extensions = {pki::usage(0x80),
                                          pki::names({{0x82, pki::text(left ? "left.example" : "gw.example.org")}})},
                           .serial = 9}
              .der();
    return out;
}
/// What the payload has that says it.
auto said(const octets& certificate) -> octets { return pki::join({octets{std::byte{4}}, certificate}); }

/// Two ends of which one has a credential under either root, and the other believes both roots.
struct scene {
    v1::config left, right;
    bool left_chooses;
    octets by_root, by_second;
    [[nodiscard]] auto chooser() -> v1::peer_config& { return (left_chooses ? left : right).peers[0]; }
    [[nodiscard]] auto asker() -> v1::peer_config& { return (left_chooses ? right : left).peers[0]; }
};
auto scene_of(const method& m, bool aggressive, bool left_chooses) -> scene {
    const signing_method known{m.authentication, left_chooses ? m.first : m.second, left_chooses ? m.second : m.first};
    scene s{signing_config(true, known, aggressive), signing_config(false, known, aggressive), left_chooses,
            certificate_of(left_chooses, m, false), certificate_of(left_chooses, m, true)};
    static const octets second_root = pki::second().der();
    s.chooser().keys.sign_with = {{m.authentication, crypto::signing_key{m.first}, {s.by_root}},
                                  {m.authentication, crypto::signing_key{m.second}, {s.by_second, second_root}}};
    s.chooser().keys.send_unasked = true;  // so that the choice shows where nobody asks
    s.asker().keys.peer_keys.clear();
    s.asker().keys.trust.emplace();
    return s;
}
template <class Ends> auto made(scene s) -> std::unique_ptr<Ends> {
    return std::make_unique<Ends>(std::move(s.left), std::move(s.right));
}
template <class Ends> auto met(scene s) -> std::unique_ptr<Ends> {
    auto ends = made<Ends>(std::move(s));
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(30)));
    return ends;
}
template <class Ends> auto sent_by(const Ends& ends, bool left) -> const std::vector<octets>& {
    return (left ? ends.left : ends.right).record.certificates;
}

using bodies = std::vector<octets>;  ///< of payloads
auto request(cert_encoding e, const octets& authority) -> octets {
    return pki::join({octets{static_cast<std::byte>(e)}, authority});
}

/// The message with requests behind its payloads. One that is encrypted is of `sender`, whose keys are in its record.
template <class End> auto with_requests(End& sender, const octets& m, const bodies& more) -> octets {
    const auto h = isakmp::header::parse(m).value();
    octets clear(m.begin() + isakmp::header::size, m.end());
    const auto* k = h.flags.encrypted() ? &sender.record.phase_1.back() : nullptr;
    if (k != nullptr) clear = v1::open_message(sender.crypto, k->cipher, k->next, m).value().payloads;
    const auto chain = isakmp::chain::parse(h.next_payload, clear, isakmp::rules_decrypted).value();
    v1::message_writer w{v1::header_of(h.cookies(), h.exchange)};
    for (const isakmp::payload_view& p : chain) w.add(p.type, p.body);
    for (const octets& one : more) w.add(payload_type::certificate_request, one);
    const auto out = k != nullptr ? w.finish(sender.crypto, k->cipher, k->next) : w.finish();
    return out.value().datagram;
}
/// Runs the exchange with requests that somebody on the way puts into message `number`. In front of it comes the true one's copy.
template <class Ends> auto met_with(scene s, std::size_t number, const bodies& more) -> std::unique_ptr<Ends> {
    auto ends = made<Ends>(std::move(s));
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    std::size_t seen = 0;
    for (int i = 0; i < 20; ++i) {
        ends->flush(ends->left, side::left);
        ends->flush(ends->right, side::right);
        for (; seen < ends->sent.size(); ++seen) {
            if (seen + 1 != number) continue;
            const auto m = ends->sent[seen];
            const bool from_left = m.from == side::left;
            const auto forged = with_requests(from_left ? ends->left : ends->right, m.octets, more);
            (from_left ? ends->right : ends->left)
                .ike.handle_datagram(ends->now(), from_left ? ike::reversed(left_path) : left_path, forged);
        }
        ends->clock.advance(milliseconds(1));
        ends->turn();
    }
    REQUIRE(ends->run(seconds(30)));
    return ends;
}
auto parsed(const octets& datagram) -> isakmp::chain {
    return isakmp::chain::parse(isakmp::header::parse(datagram)->next_payload, byte_view{datagram}.subspan(isakmp::header::size))
        .value();
}

}  // namespace

// req: rfc2408-3.10-3, rfc4945-3.2.7.1-3, rfc4945-3.2.8.3-1, rfc4945-3.3.7-1, rfc4945-3.3.9-1, rfc4945-3.3.11.2-2, rfc4945-3.3-1
TEST_CASE("of several credentials the one signs that the peer asks for", "[ike][certificates][requests]") {
    struct row {
        const char* what;
        bool ask;
        std::vector<octets> authorities;
        bool second;
    };
    const octets nobody = pki::name("Nobody");
    const std::vector<row> rows{{"the first authority", true, {pki::root_name}, false},
                                {"the second authority", true, {pki::second_name}, true},
                                {"one that is not here, and the second", true, {nobody, pki::second_name}, true},
                                {"the second, and one that is not here", true, {pki::second_name, nobody}, true},
                                {"both, the second in front", true, {pki::second_name, pki::root_name}, false},
                                {"any", true, {}, false},
                                {"one that is not here", true, {nobody}, false},
                                {"nothing", false, {}, false}};
    for (const auto& m : {rsa, ecdsa})
        for (const bool aggressive : {false, true})
            for (const bool left_chooses : {false, true})
                for (const auto& r : rows) {
                    if (m.authentication == ecdsa.authentication && r.authorities != rows[1].authorities) continue;
                    CAPTURE(r.what, name_of(m.authentication), aggressive, left_chooses);
                    auto s = scene_of(m, aggressive, left_chooses);
                    s.asker().keys.trust->ask = r.ask;
                    s.asker().keys.trust->authorities = r.authorities;
                    s.asker().keys.trust->anchors = {r.second ? 1U : 0U};  // the other one would not do
                    const auto expected = said(r.second ? s.by_second : s.by_root);
                    const auto ends = met<deferred_signing_ends>(std::move(s));
                    check_good_end(*ends);
                    CHECK(sent_by(*ends, left_chooses) == bodies{expected});
                    CHECK(sent_by(*ends, !left_chooses).empty());
                }
}

TEST_CASE("who has the key of its peer asks for no certificate: another key would be of no use",
          "[ike][certificates][requests]") {
    const bool aggressive = GENERATE(false, true), left_chooses = GENERATE(false, true);
    auto s = scene_of(rsa, aggressive, left_chooses);
    s.chooser().keys.send_unasked = false;
    s.asker().keys.peer_keys.push_back({rsa.authentication, {pki::spki(signing_keys[rsa.first])}});
    s.asker().keys.trust->authorities = {pki::second_name};
    const auto ends = met<signing_ends>(std::move(s));
    check_good_end(*ends);
    CHECK(sent_by(*ends, left_chooses).empty());
}

// req: rfc4945-3.2.5-1, rfc2408-3.10-1
TEST_CASE("requests of a Main Mode are in message 4 and, where nobody else reads them, in 5", "[ike][certificates][requests]") {
    const bool left_asks = GENERATE(true, false);
    auto s = scene_of(rsa, false, !left_asks);
    s.chooser().keys.send_unasked = false;
    s.asker().keys.trust->authorities = {pki::second_name};
    const auto expected = said(s.by_second);
    const auto ends = met<signing_ends>(std::move(s));
    check_good_end(*ends);
    std::vector<std::size_t> asking;  // of the messages in the clear
    for (std::size_t i = 0; i < 4; ++i) {
        const byte_view m = ends->sent.at(i).octets;
        const auto h = isakmp::header::parse(m).value();
        const auto chain = isakmp::chain::parse(h.next_payload, m.subspan(isakmp::header::size), {}).value();
        if (chain.find(payload_type::certificate_request) != nullptr) asking.push_back(i + 1);
    }
    CHECK(asking == (left_asks ? std::vector<std::size_t>{} : std::vector<std::size_t>{4}));
    CHECK(sent_by(*ends, !left_asks) == bodies{expected});  // so the initiator asked in the only message that is left
}

// req: rfc4945-3.3.6-1, rfc4945-3.3.6-2, rfc4945-3.3.6-3, rfc2408-3.9-1
TEST_CASE("a certificate goes to whom asks for none only where that is wanted", "[ike][certificates][requests]") {
    CHECK_FALSE(v1::public_keys{}.send_unasked);
    struct row {
        const char* what;
        bool unasked, ask;
        octets authority;
        std::size_t expected;
    };
    const std::vector<row> rows{{"asked", false, true, pki::root_name, 1},
                                {"asked for one that is not here", false, true, pki::name("Nobody"), 1},
                                {"not asked", false, false, {}, 0},
                                {"not asked, and wanted", true, false, {}, 1}};
    for (const bool aggressive : {false, true})
        for (const bool left_chooses : {false, true})
            for (const auto& r : rows) {
                CAPTURE(r.what, aggressive, left_chooses);
                auto s = scene_of(rsa, aggressive, left_chooses);
                s.chooser().keys.send_unasked = r.unasked;
                s.asker().keys.trust->ask = r.ask;
                s.asker().keys.trust->authorities = {r.authority};
                s.asker().keys.trust->known = {s.by_root};  // who asks for none has it
                const auto ends = met<deferred_signing_ends>(std::move(s));
                check_good_end(*ends);
                CHECK(sent_by(*ends, left_chooses).size() == r.expected);
            }
}

// req: rfc2408-3.10-2, rfc2408-3.10-3
TEMPLATE_TEST_CASE("requests count in whatever message they come", "[ike][certificates][requests]", signing_ends,
                   deferred_signing_ends) {
    struct row {
        bool aggressive;
        std::size_t message;
    };
    constexpr row rows[] = {{false, 1}, {false, 2}, {false, 3}, {false, 4}, {false, 5}, {true, 1}, {true, 2}};
    for (const row& r : rows) {
        CAPTURE(r.aggressive, r.message);
        const bool left_chooses = r.message % 2 == 0;
        auto s = scene_of(rsa, r.aggressive, left_chooses);
        s.asker().keys.trust->ask = false;
        s.chooser().keys.send_unasked = false;
        const auto expected = said(s.by_second);
        const auto ends = met_with<TestType>(std::move(s), r.message, {request(cert_encoding::x509_signature, pki::second_name)});
        CHECK(sent_by(*ends, left_chooses) == bodies{expected});
        // Of message 5 it also changed the last block, which the IV of message 6 is: no matter for what is sent.
        if (r.message != 5) check_good_end(*ends);
        else CHECK(ends->right.established.size() == 1);
    }
}

// req: rfc4945-3.2.8.1-1, rfc4945-3.2.8.2-1, rfc4945-3.2.3-3, rfc2408-5.10-7
TEST_CASE("requests that are many, long or nonsense change nothing for an honest peer", "[ike][certificates][requests][cve-08]") {
    struct row {
        const char* what;
        bodies more;
    };
    const auto x509 = cert_encoding::x509_signature;
    octets cut = pki::second_name, longer = pki::second_name;
    cut.pop_back();
    longer.push_back(std::byte{});
    const octets endless{std::byte{0x30}, std::byte{0x84}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff}};
    const octets second = request(x509, pki::second_name);
    const std::vector<row> rows{{"nonsense",
                                 {{},
                                  request(cert_encoding{0xff}, pki::second_name),
                                  request(cert_encoding::crl, {}),
                                  request(cert_encoding::arl, pki::second_name),
                                  request(cert_encoding::pgp, pki::second_name),
                                  request(x509, cut),
                                  request(x509, longer),
                                  request(x509, endless)}},
                                {"a long name", {request(x509, octets(6000, std::byte{0x30}))}},
                                {"many of nothing", bodies(20, request(x509, octets(200, std::byte{0xff})))},
                                {"more than a message may have", bodies(40, second)},
                                {"more than a datagram may have", {second, request(x509, octets(9000))}}};
    for (const bool aggressive : {false, true})
        for (const auto& r : rows)
            for (const std::size_t number : {aggressive ? 1U : 3U, aggressive ? 2U : 4U}) {
                CAPTURE(r.what, aggressive, number);
                auto s = scene_of(rsa, aggressive, number % 2 == 0);
                s.asker().keys.trust->ask = false;
                s.asker().keys.trust->anchors = {0};
                const bool left_chooses = s.left_chooses;
                const auto expected = said(s.by_root);
                const auto ends = met_with<signing_ends>(std::move(s), number, r.more);
                check_good_end(*ends);
                CHECK(sent_by(*ends, left_chooses) == bodies{expected});
                CHECK(ends->right.ike.half_open_count() == 0);
            }
}

// Whoever puts requests in on the way gets another credential of ours, and no more: not one for another method, none beyond them.
TEST_CASE("a request leads to credentials for the method alone, and nothing of it is kept", "[ike][certificates][requests]") {
    static_assert(std::is_trivially_copyable_v<v1::certificates_asked> && sizeof(v1::certificates_asked) <= 8);
    v1::peer_config p;
    const octets by_root = certificate_of(true, rsa, false), by_second = certificate_of(true, rsa, true);
    p.keys.sign_with = {{ecdsa.authentication, crypto::signing_key{3}, {by_root}},
                        {rsa.authentication, crypto::signing_key{7}, {}},
                        {rsa.authentication, crypto::signing_key{1}, {by_root}},
                        {rsa.authentication, crypto::signing_key{0}, {by_second}}};
    const auto x509 = cert_encoding::x509_signature;
    struct row {
        const char* what;
        bodies all;
        oakley_authentication method;
        bool at_all;
        std::optional<std::uint16_t> fits;
        std::uint32_t key;
    };
    const auto of_root = request(x509, pki::root_name), of_second = request(x509, pki::second_name), any = request(x509, {});
    const std::vector<row> rows{{"nothing", {}, rsa.authentication, false, {}, 7},
                                {"any: the first that has a certificate", {any}, rsa.authentication, true, 2, 1},
                                {"the first", {of_root}, rsa.authentication, true, 2, 1},
                                {"the second", {of_second}, rsa.authentication, true, 3, 0},
                                {"the second, by the other method", {of_second}, ecdsa.authentication, true, {}, 3},
                                {"the first, by the other method", {of_root}, ecdsa.authentication, true, 0, 3},
                                {"both", {of_second, of_root}, rsa.authentication, true, 2, 1},
                                {"any, and the second", {any, of_second}, rsa.authentication, true, 3, 0},
                                {"a list", {request(cert_encoding::crl, pki::root_name)}, rsa.authentication, false, {}, 7},
                                {"a key", {of_second}, oakley_authentication::pre_shared_key, false, {}, 7}};
    for (const auto& r : rows) {
        CAPTURE(r.what);
        v1::message_writer w{v1::header_of({}, isakmp::exchange_type::identity_protection)};
        w.add(payload_type::vendor_id, octets(4));
        for (const octets& one : r.all) w.add(payload_type::certificate_request, one);
        const auto m = w.finish().value();
        const auto asked = v1::phase_1::read_requests(parsed(m.datagram), p, {.authentication = r.method});
        CHECK(asked.at_all == r.at_all);
        CHECK(asked.fits == r.fits);
        if (r.method != oakley_authentication::pre_shared_key)
            CHECK(v1::key_to_sign(p, r.method, asked)->key == crypto::signing_key{r.key});
    }
    // Of several messages the last one that asks counts; a place that is none leads nowhere.
    for (const auto& [a, b] : {std::pair{2, 3}, std::pair{3, 2}}) {
        v1::certificates_asked asked{.at_all = true, .fits = static_cast<std::uint16_t>(a)};
        asked.add({.at_all = true, .fits = static_cast<std::uint16_t>(b)});
        asked.add({});
        CHECK(asked == v1::certificates_asked{.at_all = true, .fits = static_cast<std::uint16_t>(b)});
    }
    CHECK(v1::key_to_sign(p, rsa.authentication, {.at_all = true, .fits = 4})->key == crypto::signing_key{7});
    CHECK(v1::key_to_sign(p, rsa.authentication, {.at_all = true, .fits = 0})->key == crypto::signing_key{7});
}
