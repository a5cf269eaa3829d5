// Public key encryption in both modes: behind a NAT, under the limits that strangers have, and messages and configurations that
// are refused by name.
#include <algorithm>
#include <functional>

#include "support/sealing_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using isakmp::oakley_authentication;

namespace {

auto configured(bool left, oakley_authentication method, bool aggressive) -> v1::config {
    auto c = sealing_config(left, method);
    if (aggressive)
        c.peers[0].modes = {.begin_aggressive = left, .accept_aggressive = !left, .accept_main = false};
    return c;
}
auto first_message(oakley_authentication method) -> std::vector<std::byte> {
    sealing_ends ends{configured(true, method, true), configured(false, method, true)};
    ends.wire.cut();
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
    ends.turn();
    return ends.sent.at(0).octets;
}
struct piece {
    isakmp::payload_type type;
    v1::octets body;
};
/// The payloads of `message` as `change` leaves them.
template <class Change> auto rewritten(const std::vector<std::byte>& message, Change&& change) -> v1::octets {
    const auto h = isakmp::header::parse(message);
    REQUIRE(h);
    const auto in = isakmp::chain::parse(h->next_payload, byte_view{message}.subspan(isakmp::header::size));
    REQUIRE(in);
    std::vector<piece> all;
    for (const auto& p : *in) all.push_back({p.type, v1::to_octets(p.body)});
    change(all);
    v1::message_writer w{v1::header_of(h->cookies(), h->exchange)};
    for (const auto& p : all) w.add(p.type, p.body);
    const auto m = w.finish();
    REQUIRE(m);
    return m->datagram;
}
auto at(std::vector<piece>& all, isakmp::payload_type t) -> std::vector<piece>::iterator {
    const auto found = std::ranges::find(all, t, &piece::type);
    REQUIRE(found != all.end());
    return found;
}

}  // namespace

// RFC 2409 §5.3 has all behind the nonce encrypted, NAT-D too.
// req: rfc3947-3.1-1, rfc3947-4-1, rfc3947-4-2, rfc2409-5.3-4
TEMPLATE_TEST_CASE("encryption behind a NAT: both ends see it, and go on by the port for it", "[ike][encryption][nat][IKE1-094]",
                   sealing_ends, deferred_sealing_ends) {
    const auto outside = ip::address::v4(203, 0, 113, 9);
    for (const auto method : sealing_methods)
        for (const bool aggressive : {false, true})
            for (const bool there_is_one : {true, false}) {
                CAPTURE(name_of(method), aggressive, there_is_one);
                auto r = configured(false, method, aggressive);
                if (there_is_one) r.peers[0].path.remote.address = aggressive ? ip::address::v4(0, 0, 0, 0) : outside;
                TestType ends{configured(true, method, aggressive), std::move(r)};
                if (there_is_one) ends.nat = nat_box{.outside = outside};
                REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
                REQUIRE(ends.run(seconds(100)));
                if (!there_is_one) check_good_end(ends);  // else the two ends see two addresses
                CHECK(ends.left.table.size() == 2);
                CHECK(ends.right.table.size() == 2);
                REQUIRE(ends.left.established.size() == 1);
                REQUIRE(ends.right.established.size() == 1);
                const auto kind = there_is_one ? ike::link_kind::udp_encap : ike::link_kind::udp;
                CHECK(ends.left.established[0].path.link.kind == kind);
                CHECK(ends.right.established[0].path.link.kind == kind);
                for (const auto& [name, sa] : ends.left.table) CHECK(static_cast<bool>(sa.encapsulation) == there_is_one);
                // An end that is made to believe it says so by the same payloads.
                auto forced = configured(true, method, aggressive);
                forced.peers[0].nat.force = true;
                TestType made{std::move(forced), configured(false, method, aggressive)};
                REQUIRE(made.left.ike.start(made.now(), sa::policy_id{1}));
                REQUIRE(made.run(seconds(100)));
                check_good_end(made);
                for (const auto& [name, sa] : made.right.table) CHECK(static_cast<bool>(sa.encapsulation));
            }
}

TEST_CASE("strangers cause no more decryption than the limits let them", "[ike][aggressive][encryption][cve-37][cve-45]") {
    const auto method = GENERATE(sealing_methods[0], sealing_methods[1]);
    CAPTURE(name_of(method));
    auto c = configured(false, method, true);
    c.peers[0].path.remote.address = ip::address::v4(0, 0, 0, 0);
    std::size_t allowed = 2;
    SECTION("by the rate") { c.limits.aggressive_per_second = 2; }
    SECTION("of one address") {
        c.limits.aggressive_per_source = 3;
        allowed = 3;
    }
    ike_end<sealing_provider> right{std::move(c), 5U};
    for (int n = 0; n < 6; ++n) right.ike.handle_datagram(instant{}, ike::reversed(left_path), first_message(method));
    CHECK(count_of(right.crypto.calls, "decrypt_raw") == allowed);
    CHECK(count_of(right.crypto.calls, "encrypt_to") == allowed);
    CHECK(count_of(right.crypto.calls, "agree") == 0);
    CHECK(right.record.count(errc::limit_reached) == 6 - allowed);
}

// req: rfc2409-5.3-1, rfc2409-5.3-2, rfc2409-5.3-4, rfc2409-5-5
TEST_CASE("a message 1 in another order or with a text that can be none costs nothing", "[ike][aggressive][encryption]") {
    using enum isakmp::payload_type;
    using change = std::function<void(std::vector<piece>&)>;
    struct fault {
        const char* what;
        change make;
        bool revised_only;
    };
    const std::vector<fault> faults{
        {"KE in front of the nonce", [](auto& all) { std::iter_swap(at(all, nonce), at(all, key_exchange)); }, true},
        {"a vendor id behind the nonce",
         [](auto& all) { all.push_back({vendor_id, v1::octets(17, std::byte{1})}); }, true},
        {"HASH behind the nonce", [](auto& all) { all.push_back({hash, v1::octets(20)}); }, true},
        {"no nonce", [](auto& all) { all.erase(at(all, nonce)); }, false},
        {"no identity", [](auto& all) { all.erase(at(all, identification)); }, false},
        {"two identities", [](auto& all) { all.push_back(*at(all, identification)); }, false},
        {"a nonce of more than one block", [](auto& all) { at(all, nonce)->body.resize(257); }, false},
        {"the SA behind the rest", [](auto& all) { std::ranges::rotate(all, all.begin() + 1); }, false},
    };
    for (const auto method : sealing_methods) {
        const auto good = first_message(method);
        for (const auto& f : faults) {
            if (f.revised_only && method == oakley_authentication::rsa_encryption) continue;
            CAPTURE(name_of(method), f.what);
            ike_end<sealing_provider> right{configured(false, method, true), 5U};
            right.crypto.calls.clear();  // it was asked what it has
            right.ike.handle_datagram(instant{}, ike::reversed(left_path), rewritten(good, f.make));
            CHECK(right.crypto.calls.empty());
            CHECK(right.record.audits.size() == 1);
            CHECK(right.ike.ike_sa_count() == 0);
            right.ike.handle_datagram(instant{}, ike::reversed(left_path), good);
            CHECK(right.ike.ike_sa_count() == 1);
        }
    }
}

TEST_CASE("a forged message 2 that nobody can read ends nothing: the genuine one still comes through",
          "[ike][aggressive][encryption][cve-33]") {
    for (const auto method : sealing_methods)
        for (const auto what : {isakmp::payload_type::nonce, isakmp::payload_type::identification, isakmp::payload_type::hash,
                                isakmp::payload_type::key_exchange}) {
            CAPTURE(name_of(method), static_cast<int>(what));
            sealing_ends ends{configured(true, method, true), configured(false, method, true)};
            REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
            ends.wire.cut();
            ends.flush(ends.left, testing::side::left);
            ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), ends.sent.at(0).octets);
            ends.flush(ends.right, testing::side::right);
            const auto second = ends.sent.at(1).octets;
            const auto forged = rewritten(second, [&](auto& all) { at(all, what)->body.back() ^= std::byte{1}; });
            ends.left.ike.handle_datagram(ends.now(), left_path, forged);
            ends.left.drain_events(ends.now());
            CHECK(ends.left.established.empty());
            CHECK(ends.left.record.count(errc::bad_hash) == 1);
            ends.left.ike.handle_datagram(ends.now(), left_path, second);
            ends.left.drain_events(ends.now());
            CHECK(ends.left.established.size() == 1);
        }
}

TEST_CASE("HASH(1) that names no key of ours is not answered, and costs no private key", "[ike][aggressive][encryption]") {
    for (const auto method : sealing_methods) {
        auto l = configured(true, method, true), r = configured(false, method, true);
        l.peers[0].keys.peer_keys[0].certificate = certificates[0];
        r.peers[0].keys.decrypt_with[0].certificate = certificates[1];
        sealing_ends ends{std::move(l), std::move(r)};
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(400)));
        check_nothing_stands(ends);
        CHECK(ends.right.record.count(errc::no_key_for_method) >= 1);
        CHECK(count_of(ends.right.crypto.calls, "decrypt_raw") == 0);
    }
}

// pitfall 20
TEST_CASE("an Aggressive Mode stands on its method, and on what is encrypted by it", "[ike][aggressive][encryption][config]") {
    using enum oakley_authentication;
    const auto method = GENERATE(sealing_methods[0], sealing_methods[1]);
    auto c = configured(true, method, true);
    auto& suites = c.peers[0].suites;
    c.peers[0].psk = v1::psk_of("correct horse");
    const auto refused = [&] {
        const auto ok = v1::check(c);
        return !ok && ok.error() == errc::not_for_aggressive_mode;
    };
    CHECK(v1::check(c));
    suites.push_back(suites[0]);
    SECTION("another method") { suites[1].authentication = pre_shared_key; }
    SECTION("another hash") { suites[1].hash = crypto::hash_id::sha2_256; }
    SECTION("another group") { suites[1].group = crypto::group_id::modp2048; }
    CHECK((suites[0] == suites[1] || refused()));
    SECTION("another cipher") {
        suites[1].key_bits = 256;
        CHECK(refused() == (method == revised_rsa_encryption));
    }
    // A responder takes what the message was written for, whatever else is offered.
    c.peers[0].prefer_own_suites = true;
    const auto offer = v1::write_ike_offer(c.peers[0]);
    REQUIRE(v1::first_offered(offer) == suites[0]);
    std::swap(suites[0], suites[1]);
    const auto picked = v1::pick_ike(c.peers[0], offer, v1::first_offered(offer));
    REQUIRE(picked);
    CHECK(v1::goes_on_with(suites[1], picked->agreed.suite));
}
