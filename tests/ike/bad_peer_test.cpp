// What strangers, forgers and broken peers send: refused by name, audited, and nothing lost for the honest peer.
#include <functional>
#include <memory>

#include "support/botan_ends.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using testing::side;

namespace {

using octets = std::vector<std::byte>;
using ends_ptr = std::unique_ptr<identity_ends>;

auto make_ends() -> ends_ptr {
    auto l = ike_config(true), r = ike_config(false);
    for (auto* c : {&l, &r}) c->peers[0].children[0].pfs = crypto::group_id::modp1024;
    return std::make_unique<identity_ends>(std::move(l), std::move(r));
}
/// The messages of one Main Mode and one Quick Mode, as they were sent.
auto recorded() -> std::vector<identity_ends::message> {
    auto ends = make_ends();
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(3)));
    return ends->sent;
}
auto far_path(side from) -> ike::path { return from == side::left ? ike::reversed(left_path) : left_path; }

/// Runs the honest exchange; in front of every message its receiver gets what `forge` makes of it.
void with_forgeries(identity_ends& ends, const std::function<std::vector<octets>(std::size_t, const octets&)>& forge) {
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    std::size_t seen = 0;
    for (int i = 0; i < 200; ++i) {
        ends.flush(ends.left, side::left);
        ends.flush(ends.right, side::right);
        for (; seen < ends.sent.size(); ++seen) {
            const auto m = ends.sent[seen];
            auto& to = m.from == side::left ? ends.right : ends.left;
            for (const auto& f : forge(seen, m.octets)) to.ike.handle_datagram(ends.now(), far_path(m.from), f);
        }
        ends.clock.advance(milliseconds(1));
        ends.turn();
    }
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.right.table.size() == 2);
    CHECK(ends.equal_sas());
    CHECK(ends.left.failures.empty());
    CHECK(ends.right.failures.empty());
}
/// The payloads of a message; identity crypto leaves them readable.
auto payloads(const octets& m) -> isakmp::chain {
    const auto h = isakmp::header::parse(m);
    const auto c = isakmp::chain::parse(h->next_payload, byte_view{m}.subspan(28), isakmp::rules_decrypted);
    REQUIRE(c);
    return *c;
}
/// The message again with other payloads.
auto rebuilt(const octets& m, const std::vector<std::pair<isakmp::payload_type, octets>>& list) -> octets {
    octets room(16384);
    isakmp::builder b{room};
    b.start(*isakmp::header::parse(m));
    for (const auto& [type, body] : list) b.add(type, body);
    if ((m[19] & std::byte{1}) != std::byte{0}) b.pad_to(16);
    const auto all = b.finish();
    REQUIRE(all);
    return {all->begin(), all->end()};
}
auto listed(const octets& m) -> std::vector<std::pair<isakmp::payload_type, octets>> {
    std::vector<std::pair<isakmp::payload_type, octets>> out;
    for (const auto& p : payloads(m)) out.emplace_back(p.type, octets{p.body.begin(), p.body.end()});
    return out;
}

}  // namespace

TEST_CASE("every message cut short at every place is dropped, and the exchange goes on", "[ike][bad_peer][cve-06]") {
    auto ends = make_ends();
    with_forgeries(*ends, [](std::size_t, const octets& m) {
        std::vector<octets> out;
        for (std::size_t n = 0; n < m.size(); n += n < 64 ? 1 : 7) {
            octets cut(m.begin(), m.begin() + static_cast<std::ptrdiff_t>(n));
            out.push_back(cut);
            if (n >= 28) {  // and with a header that does not know of it
                wire::store(byte_span{cut}.subspan(24), static_cast<std::uint32_t>(n));
                out.push_back(cut);
            }
        }
        return out;
    });
    CHECK(ends->right.record.count(errc::malformed) > 100);
}

TEST_CASE("lengths that lie are refused, in every payload of every message", "[ike][bad_peer][cve-01][cve-02][cve-04]") {
    auto ends = make_ends();
    with_forgeries(*ends, [](std::size_t, const octets& m) {
        std::vector<octets> out;
        for (const std::uint32_t lie :
             {0U, 27U, 0xffffffffU, static_cast<std::uint32_t>(m.size() + 1), static_cast<std::uint32_t>(m.size() - 1)}) {
            octets f = m;
            wire::store(byte_span{f}.subspan(24), lie);
            out.push_back(f);
        }
        for (const auto& p : payloads(m)) {
            const auto at = static_cast<std::size_t>(p.raw.data() - m.data()) + 2;
            const auto real = static_cast<std::uint16_t>(p.raw.size());
            for (const std::uint16_t lie :
                 {std::uint16_t{0}, std::uint16_t{1}, std::uint16_t{3}, static_cast<std::uint16_t>(real + 1),
                  static_cast<std::uint16_t>(real - 1), std::uint16_t{0x7fff}, std::uint16_t{0xffff}}) {
                octets f = m;
                wire::store(byte_span{f}.subspan(at), lie);
                out.push_back(f);
            }
        }
        return out;
    });
}

// req: rfc2407-4.2.1-1
TEST_CASE("a message without one of its payloads, or with one twice, is refused", "[ike][bad_peer][cve-05]") {
    auto ends = make_ends();
    with_forgeries(*ends, [](std::size_t, const octets& m) {
        std::vector<octets> out;
        const auto all = listed(m);
        for (std::size_t i = 0; i < all.size(); ++i) {
            auto less = all, more = all;
            less.erase(less.begin() + static_cast<std::ptrdiff_t>(i));
            more.insert(more.begin() + static_cast<std::ptrdiff_t>(i), all[i]);
            if (!less.empty()) out.push_back(rebuilt(m, less));
            out.push_back(rebuilt(m, more));
        }
        return out;
    });
    std::size_t missing = 0, doubled = 0;
    for (const auto* end : {&ends->left, &ends->right})
        for (const auto& a : end->record.audits) {
            missing += a.detail == isakmp::errc::missing_payload ? 1U : 0U;
            doubled += a.detail == isakmp::errc::doubled_payload ? 1U : 0U;
        }
    CHECK(missing >= 8);
    CHECK(doubled >= 8);
}

// req: rfc2409-5-4
TEST_CASE("payloads of every type, and every exchange type, are refused where they do not belong", "[ike][bad_peer][cve-07]") {
    auto ends = make_ends();
    with_forgeries(*ends, [](std::size_t, const octets& m) {
        std::vector<octets> out;
        for (unsigned n = 0; n < 256; ++n) {
            if (n == 2 || n == 5 || n == 32) continue;
            octets f = m;
            f[18] = static_cast<std::byte>(n);
            out.push_back(f);
        }
        return out;
    });
    CHECK(ends->right.record.count(errc::unknown_exchange) > 250);
    auto again = make_ends();
    with_forgeries(*again, [](std::size_t, const octets& m) {
        std::vector<octets> out;
        for (unsigned n = 1; n < 256; ++n) {
            const auto type = static_cast<isakmp::payload_type>(n);
            if (type == isakmp::payload_type::vendor_id || type == isakmp::payload_type::certificate ||
                type == isakmp::payload_type::certificate_request || type == isakmp::payload_type::nat_d ||
                type == isakmp::payload_type::nat_oa || type == isakmp::payload_type::notification)
                continue;
            auto list = listed(m);
            list.emplace_back(type, octets(8));
            out.push_back(rebuilt(m, list));
        }
        return out;
    });
}

// req: rfc2409-10-2
TEST_CASE("an encrypted message changed in any octet is dropped and moves no IV", "[ike][bad_peer][cve-39]") {
    auto ends = make_ends();
    with_forgeries(*ends, [](std::size_t, const octets& m) {
        std::vector<octets> out;
        if ((m[19] & std::byte{1}) == std::byte{0}) return out;
        const auto padding = m.size() - 28 - payloads(m).octets().size();
        for (std::size_t i = 28; i + padding < m.size(); ++i) {
            octets f = m;
            f[i] ^= std::byte{0x10};
            out.push_back(f);
        }
        return out;
    });
}

TEST_CASE("each side's own messages sent back to it do nothing", "[ike][bad_peer][cve-44]") {
    auto ends = make_ends();
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    std::size_t seen = 0;
    for (int i = 0; i < 100; ++i) {
        ends->flush(ends->left, side::left);
        ends->flush(ends->right, side::right);
        for (; seen < ends->sent.size(); ++seen) {
            const auto m = ends->sent[seen];
            auto& to = m.from == side::left ? ends->left : ends->right;
            to.ike.handle_datagram(ends->now(), m.from == side::left ? left_path : ike::reversed(left_path), m.octets);
        }
        ends->clock.advance(milliseconds(1));
        ends->turn();
    }
    REQUIRE(ends->run(seconds(1)));
    CHECK(ends->left.table.size() == 2);
    CHECK(ends->equal_sas());
    CHECK(ends->left.failures.empty());
}

// req: rfc2408-2.5.3-3
TEST_CASE("a whole exchange replayed after it is over changes nothing", "[ike][bad_peer]") {
    auto ends = make_ends();
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(3)));
    const auto all = ends->sent;
    const auto replay = [&] {
        for (const auto& m : all)
            (m.from == side::left ? ends->right : ends->left).ike.handle_datagram(ends->now(), far_path(m.from), m.octets);
        REQUIRE(ends->run(seconds(1)));
    };
    replay();
    CHECK(ends->left.table.size() == 2);
    CHECK(ends->right.table.size() == 2);
    REQUIRE(ends->run(seconds(300)));  // resends are forgotten by now, message IDs are not
    replay();
    CHECK(ends->left.table.size() == 2);
    CHECK(ends->right.table.size() == 2);
    CHECK(ends->right.record.count(errc::replayed_message_id) >= 2);
    CHECK(ends->left.ike.ike_sa_count() == 1);
    CHECK(ends->right.ike.ike_sa_count() == 1);
    // And when the SAs are gone, the same messages bring none of them back.
    ends->left.ike.close(ends->now());
    REQUIRE(ends->run(seconds(1)));
    replay();
    CHECK(ends->right.table.empty());
    CHECK(ends->right.ike.established_count() == 0);
}

// req: rfc2408-4.3-1
TEST_CASE("a spent cookie makes no second ISAKMP SA, an old one none at all", "[ike][bad_peer][cookie]") {
    const auto all = recorded();
    auto ends = make_ends();
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    for (int i = 0; i < 500 && ends->sent.size() < 3; ++i) {
        ends->turn();
        ends->clock.advance(microseconds(100));
    }
    const auto third = ends->sent.at(2).octets;
    ends->right.ike.handle_datagram(ends->now(), far_path(side::left), third);
    CHECK(ends->right.ike.half_open_count() == 1);
    ends->right.ike.close(ends->now());
    CHECK(ends->right.ike.ike_sa_count() == 0);
    ends->right.ike.handle_datagram(ends->now(), far_path(side::left), third);
    CHECK(ends->right.ike.ike_sa_count() == 0);
    CHECK(ends->right.record.count(errc::spent_cookie) == 1);
    ends->clock.advance(seconds(121));
    ends->right.ike.handle_datagram(ends->now(), far_path(side::left), third);
    CHECK(ends->right.ike.ike_sa_count() == 0);
    CHECK(ends->right.record.count(errc::bad_cookie) == 1);
    // A cookie of somebody else's making.
    octets forged = third;
    forged[8] ^= std::byte{1};
    ends->right.ike.handle_datagram(ends->now(), far_path(side::left), forged);
    CHECK(ends->right.record.count(errc::bad_cookie) == 2);
    CHECK(ends->right.ike.ike_sa_count() == 0);
}

// req: rfc2408-2.5.3-4
TEST_CASE("a flood of first messages keeps nothing, costs no Diffie-Hellman, and the honest peer gets in",
          "[ike][bad_peer][cve-45][cve-50]") {
    auto l = ike_config(true), r = ike_config(false);
    for (auto* c : {&l, &r}) c->cookie_slot = seconds(600);
    deferred_ends ends{std::move(l), std::move(r)};
    const auto first = recorded().at(0).octets;
    testing::seeded_rng chance{99};
    std::vector<std::byte> scratch(32768);
    const auto flood = [&](int n) {
        for (int i = 0; i < n; ++i) {
            octets m = first;
            (void)chance.fill(byte_span{m}.first(8));
            m[m.size() - 1] ^= static_cast<std::byte>(chance.below(4));  // the lifetime: offers of many kinds
            auto at = far_path(side::left);
            if (i % 2 == 0) at.remote.address = ip::address::v4(203, 0, 113, static_cast<std::uint8_t>(chance.below(256)));
            at.remote.port = static_cast<std::uint16_t>(chance.below(65536));
            ends.right.ike.handle_datagram(ends.now(), at, m);
            while (auto tx = ends.right.ike.poll_transmit(scratch)) CHECK(tx->octets.size() <= m.size());
        }
    };
    flood(5000);
    CHECK(ends.right.ike.ike_sa_count() == 0);
    CHECK(ends.right.crypto.asked() == 0);
    CHECK(ends.right.ike.poll_timeout() == instant::never());
    CHECK(ends.right.record.count(errc::unknown_peer) == 2500);
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    for (int i = 0; i < 60; ++i) {
        flood(20);
        ends.turn();
        ends.clock.advance(milliseconds(1));
    }
    REQUIRE(ends.run(seconds(60)));
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
}

TEST_CASE("half-open ISAKMP SAs stay under their limit, the oldest goes", "[ike][bad_peer]") {
    auto r = ike_config(false);
    r.limits.half_open = 4;
    deferred_ends ends{ike_config(true), std::move(r)};
    // A peer that answers with the cookie each time, but never goes on.
    for (std::uint64_t i = 0; i < 20; ++i) {
        ike_end<testing::identity_provider> other{ike_config(true), 1000 + i};
        REQUIRE(other.ike.start(ends.now(), v1::peer_id{0}));
        std::vector<std::byte> scratch(32768);
        for (int k = 0; k < 3; ++k) {
            while (auto tx = other.ike.poll_transmit(scratch))
                ends.right.ike.handle_datagram(ends.now(), ike::reversed(tx->path), tx->octets);
            while (auto tx = ends.right.ike.poll_transmit(scratch))
                other.ike.handle_datagram(ends.now(), ike::reversed(tx->path), tx->octets);
        }
        CHECK(ends.right.ike.half_open_count() <= 4);
        ends.clock.advance(milliseconds(5));
    }
    CHECK(ends.right.record.count(errc::limit_reached) == 16);
}

// IKE1-047; req: rfc2408-1.5.3-1, rfc2408-1.6.2-1
TEMPLATE_TEST_CASE("a wrong key tells nobody anything, and is cleaned up", "[ike][bad_peer][cve-47]", testing::identity_provider,
                   crypto::botan::provider) {
    auto l = ike_config(true, "the wrong one"), r = ike_config(false);
    for (auto* c : {&l, &r})
        c->peers[0].suites = {{crypto::encryption_id::aes_cbc, 128, crypto::hash_id::sha1, crypto::group_id::modp768}};
    testing::clock clock;
    testing::seeded_rng rng_l{1}, rng_r{2};
    std::vector<std::byte> scratch(32768);
    const auto talk = [&](auto& a, auto& b) {
        REQUIRE(a.ike.start(clock.now(), sa::policy_id{1}));
        std::size_t after_third = 0;
        for (int i = 0; i < 200; ++i) {
            a.drain_events(clock.now());
            while (auto tx = a.ike.poll_transmit(scratch))
                b.ike.handle_datagram(clock.now(), ike::reversed(tx->path), tx->octets);
            b.drain_events(clock.now());
            while (auto tx = b.ike.poll_transmit(scratch)) {
                if (a.record.messages.size() > 5) ++after_third;
                a.ike.handle_datagram(clock.now(), ike::reversed(tx->path), tx->octets);
            }
            clock.advance(seconds(1));
            a.ike.handle_timeout(clock.now());
            b.ike.handle_timeout(clock.now());
        }
        CHECK(after_third == 0);  // message 5 is never answered
        CHECK(a.failures.at(0).why == errc::timed_out);
        CHECK(b.failures.at(0).why == errc::timed_out);
        CHECK(a.ike.ike_sa_count() == 0);
        CHECK(b.ike.ike_sa_count() == 0);
        CHECK(b.record.count(errc::bad_hash) + b.record.count(errc::not_decryptable) >= 1);
        CHECK(b.established.empty());
    };
    if constexpr (std::same_as<TestType, crypto::botan::provider>) {
        ike_end<TestType> a{std::move(l), rng_l}, b{std::move(r), rng_r};
        talk(a, b);
    } else {
        ike_end<TestType> a{std::move(l), 1U}, b{std::move(r), 2U};
        talk(a, b);
    }
}

// req: rfc2407-4.6.2-3, rfc2407-4.6.2-4
TEST_CASE("an identity that is not the expected one ends phase 1", "[ike][bad_peer]") {
    auto l = ike_config(true), r = ike_config(false);
    l.peers[0].local_id = *ike::identity::of_text(ike::id_type::fqdn, "mallory.example");
    r.peers[0].remote_id = *ike::identity::of_text(ike::id_type::fqdn, "alice.example");
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(300)));
    CHECK(ends.right.failures.at(0).why == errc::identity_mismatch);
    CHECK(ends.right.record.count(errc::identity_mismatch) == 1);
    CHECK(ends.right.ike.ike_sa_count() == 0);
    CHECK(ends.left.failures.at(0).why == errc::timed_out);
}

// IKE1-091, pitfall 29
// cve-41
TEST_CASE("notifications and deletes in the clear do nothing in any state", "[ike][bad_peer][cve-16][cve-73]") {
    auto ends = make_ends();
    with_forgeries(*ends, [](std::size_t, const octets& m) {
        std::vector<octets> out;
        const auto h = isakmp::header::parse(m);
        for (const auto cookies : {h->cookies(), isakmp::cookie_pair{h->initiator, {}}})
            for (const unsigned type : {1U, 4U, 7U, 14U, 16U, 18U, 24U, 16384U, 24576U, 24578U, 36136U}) {
                isakmp::header ih;
                ih.initiator = cookies.initiator;
                ih.responder = cookies.responder;
                ih.exchange = isakmp::exchange_type::informational;
                ih.id = isakmp::message_id{0x1234};
                octets room(256), spi(16);
                isakmp::notification n;
                n.message = static_cast<isakmp::notify_type>(type);
                n.spi = spi;
                isakmp::builder b{room};
                const auto all = b.start(ih).add(n).finish();
                out.emplace_back(all->begin(), all->end());
            }
        return out;
    });
    CHECK(ends->left.record.notes.size() > 0);
    for (const auto& n : ends->left.record.notes) CHECK_FALSE(n.authenticated);
}

// req: rfc2409-5-14, rfc2408-4.2-10
TEST_CASE("an answer that fits no offer is not believed; the true one still is", "[ike][bad_peer]") {
    auto ends = make_ends();
    std::size_t forged = 0;
    with_forgeries(*ends, [&](std::size_t i, const octets& m) {
        std::vector<octets> out;
        if (i != 1) return out;
        for (std::size_t at = 28 + 4 + 8 + 8 + 8; at < m.size(); ++at) {  // attributes of the transform
            octets f = m;
            f[at] ^= std::byte{1};
            out.push_back(f);
            ++forged;
        }
        return out;
    });
    CHECK(forged > 20);
    CHECK(ends->left.record.audits.size() == forged);
}

// req: rfc2409-5-6, rfc2409-5-7, rfc2408-5.7-8
TEST_CASE("public values and nonces of the wrong size or range are refused", "[ike][bad_peer][cve-21][cve-23]") {
    auto ends = make_ends();
    with_forgeries(*ends, [](std::size_t i, const octets& m) {
        std::vector<octets> out;
        if (i != 2 && i != 3) return out;
        const auto all = listed(m);
        for (const std::size_t n : {std::size_t{7}, std::size_t{257}}) {
            auto list = all;
            for (auto& [type, body] : list)
                if (type == isakmp::payload_type::nonce) body.resize(n);
            out.push_back(rebuilt(m, list));
        }
        for (const std::size_t n : {std::size_t{0}, std::size_t{255}, std::size_t{257}}) {
            auto list = all;
            for (auto& [type, body] : list)
                if (type == isakmp::payload_type::key_exchange) body.resize(n);
            out.push_back(rebuilt(m, list));
        }
        // Of the right size, but in no group: 0, 1, p-1, p. They spend no cookie and end no exchange.
        const auto prime = crypto::prime_of(crypto::group_id::modp2048);
        for (const int n : {0, 1, 2, 3}) {
            auto list = all;
            for (auto& [type, body] : list)
                if (type == isakmp::payload_type::key_exchange) {
                    body.assign(256, std::byte{0});
                    if (n >= 2) body.assign(prime.begin(), prime.end());
                    body.back() = static_cast<std::byte>(n < 2 ? n : 0xfe + n - 2);
                }
            out.push_back(rebuilt(m, list));
        }
        return out;
    });
    CHECK(ends->right.record.count(errc::bad_key_exchange) >= 6);
    CHECK(ends->left.record.count(errc::bad_key_exchange) >= 6);
}

// IKE1-022
// req: rfc2408-5.4-14
TEST_CASE("nothing acceptable: no state, one short answer, and the initiator is not stopped by it", "[ike][bad_peer]") {
    auto l = ike_config(true), r = ike_config(false);
    l.peers[0].suites = {{crypto::encryption_id::des3_cbc, 0, crypto::hash_id::md5, crypto::group_id::modp1024}};
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(5)));
    CHECK(ends.right.ike.ike_sa_count() == 0);
    CHECK(ends.right.record.count(errc::no_proposal_chosen) >= 1);
    CHECK(ends.left.failures.empty());
    CHECK(ends.left.record.notes.at(0).type == isakmp::notify_type::no_proposal_chosen);
    CHECK_FALSE(ends.left.record.notes.at(0).authenticated);
    REQUIRE(ends.run(seconds(300)));
    CHECK(ends.left.failures.at(0).why == errc::timed_out);
}

// IKE1-001
TEST_CASE("messages for nobody are refused by name", "[ike][bad_peer][cve-11]") {
    auto ends = make_ends();
    const auto all = recorded();
    for (std::size_t i = 2; i < all.size(); ++i)
        ends->right.ike.handle_datagram(ends->now(), far_path(side::left), all[i].octets);
    CHECK(ends->right.ike.ike_sa_count() == 0);
    // Ends of one seed make the same cookies: those of message 3 and 5 are good, but nobody made an offer here.
    CHECK(ends->right.record.count(errc::offer_forgotten) >= 1);
    CHECK(ends->right.record.count(errc::unknown_cookie) + ends->right.record.count(errc::bad_cookie) +
              ends->right.record.count(errc::offer_forgotten) ==
          all.size() - 2);
    auto stranger = far_path(side::left);
    stranger.remote.address = ip::address::v4(203, 0, 113, 9);
    ends->right.ike.handle_datagram(ends->now(), stranger, all[0].octets);
    CHECK(ends->right.record.count(errc::unknown_peer) == 1);
    std::vector<std::byte> scratch(32768);
    CHECK_FALSE(ends->right.ike.poll_transmit(scratch));
}
