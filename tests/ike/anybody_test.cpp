// Peers of any address in Main Mode: answered before anybody says who it is, picked by the identity of message 5.   RFC 2409 §5.4
#include <algorithm>
#include <functional>
#include <memory>
#include <optional>

#include "support/catch.hpp"
#include "support/identity_key_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using isakmp::oakley_authentication;
using testing::side;

namespace {

auto named(std::string_view text) -> ike::identity { return *ike::identity::of_text(ike::id_type::fqdn, text); }
constexpr std::string_view gateway_name = "gw.example.org";

/// How both ends prove themselves.
struct way {
    const char* what;
    oakley_authentication method;
    bool by_certificate;
};
const way by_secret{"pre-shared key", oakley_authentication::pre_shared_key, false};
const way by_key{"signatures, known keys", oakley_authentication::rsa_signatures, false};
const way by_certificate{"signatures, certificates", oakley_authentication::rsa_signatures, true};

/// Whoever is on the road: the name that it says, the key that it has.
struct traveller {
    std::string_view name;
    std::uint32_t key;
};
const traveller alice{"alice.example", 11}, bob{"bob.example", 12};

auto on_the_road(const traveller& who, const way& by) -> v1::config {
    auto c = ike_config(true);
    auto& p = c.peers[0];
    if (by.method != oakley_authentication::pre_shared_key) prove_by(c, true, by.method, by.by_certificate);
    p.local_id = named(who.name);
    p.remote_id = named(gateway_name);
    for (auto& own : p.keys.sign_with) {
        own.key = crypto::signing_key{who.key};
        if (by.by_certificate)
            own.certificate = {testing::identity_key_provider::certificate_of(who.key, who.name)};
    }
    return c;
}
/// A gateway that knows Alice and Bob, in this order, wherever they are.
auto at_home(const way& by, const std::function<void(v1::peer_config&, const traveller&)>& change = [](auto&, auto&) {})
    -> v1::config {
    v1::config all;
    for (const traveller& who : {alice, bob}) {
        auto c = ike_config(false);
        if (by.method != oakley_authentication::pre_shared_key) prove_by(c, false, by.method, by.by_certificate);
        auto& p = c.peers[0];
        p.path.remote.address = ip::address::v4(0, 0, 0, 0);
        p.xauth.allow_group_secret = true;
        p.local_id = named(gateway_name);
        p.remote_id = named(who.name);
        for (auto& known : p.keys.peer_keys) known.key = testing::identity_key_provider::public_key_of(who.key);
        p.children[0].policy = sa::policy_id{who.key + 100};
        change(p, who);
        all.peers.push_back(std::move(p));
    }
    return all;
}
template <class Ends> void bring_up(Ends& ends, duration d = seconds(5)) {
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(d));
}

}  // namespace

// req: rfc2409-5.4-m1
TEST_CASE("Main Mode from any address is answered, and goes to the peer that message 5 names and proves", "[ike][anybody]") {
    const way by = GENERATE(by_secret, by_key, by_certificate);
    const traveller who = GENERATE(alice, bob);
    const bool has_nat = GENERATE(false, true);
    CAPTURE(by.what, who.name, has_nat);
    deferred_key_ends ends{on_the_road(who, by), at_home(by)};
    if (has_nat) ends.nat = nat_box{.outside = ip::address::v4(203, 0, 113, 9)};
    bring_up(ends);
    const v1::peer_id peer{who.key == alice.key ? 0U : 1U}, other{1U - peer.value()};
    REQUIRE(ends.right.established.size() == 1);
    CHECK(ends.right.established[0].peer == peer);
    REQUIRE(ends.right.children.size() == 1);
    CHECK(ends.right.children[0].policy == sa::policy_id{who.key + 100});
    CHECK(ends.right.ike.children(peer).size() == 1);
    CHECK(ends.right.ike.children(other).empty());
    CHECK(ends.right.ike.half_open_count() == 0);
    CHECK(ends.right.record.audits.empty());
    CHECK(ends.left.record.audits.empty());
    if (!has_nat) CHECK(ends.equal_sas());
    // What belongs to one of them ends with it alone.
    ends.right.ike.close(ends.now(), other);
    CHECK(ends.right.ike.established_count() == 1);
    ends.right.ike.close(ends.now(), peer);
    REQUIRE(ends.run(seconds(1)));
    CHECK(ends.right.ike.ike_sa_count() == 0);
    CHECK(ends.left.table.empty());
}

// req: rfc2409-5.4-m1
TEST_CASE("whoever is nobody's name, or has not the keys of whom it names, is nobody, and nothing tells which",
          "[ike][anybody]") {
    struct row {
        const char* what;
        way by;
        traveller who;
        const char* secret;
        errc why;
    };
    const auto r = GENERATE(values<row>({
        {"no such name", by_secret, {"mallory.example", 0}, "correct horse", errc::identity_mismatch},
        {"the name, another secret", by_secret, alice, "wrong horse", errc::timed_out},
        {"no such name, another secret", by_secret, {"mallory.example", 0}, "wrong horse", errc::timed_out},
        {"no such name, some key", by_key, {"mallory.example", 13}, "", errc::bad_signature},
        {"no such name, Bob's key", by_key, {"mallory.example", bob.key}, "", errc::bad_signature},
        {"Alice's name, Bob's key", by_key, {alice.name, bob.key}, "", errc::bad_signature},
        {"Bob's name, Alice's key", by_key, {bob.name, alice.key}, "", errc::bad_signature},
        {"no such name, its certificate", by_certificate, {"mallory.example", 13}, "", errc::identity_mismatch},
    }));
    CAPTURE(r.what);
    auto l = on_the_road(r.who, r.by);
    if (r.by.method == oakley_authentication::pre_shared_key) l.peers[0].psk = v1::psk_of(r.secret);
    deferred_key_ends ends{std::move(l), at_home(r.by)};
    bring_up(ends, seconds(200));
    CHECK(ends.right.established.empty());
    CHECK(ends.left.established.empty());
    CHECK(ends.right.ike.ike_sa_count() == 0);
    CHECK(ends.right.record.count(r.why) > 0);
    for (const errc other : {errc::identity_mismatch, errc::timed_out, errc::bad_signature})
        if (other != r.why) CHECK(ends.right.record.count(other) == 0);
    CHECK(ends.right.failures.empty());  // of no peer is anything told: nothing shows that it was one
    // Message 4 is the last one that it gets, whichever it was.
    std::vector<std::vector<std::byte>> said;
    for (const auto& m : ends.sent)
        if (m.from == side::right && std::ranges::find(said, m.octets) == said.end()) said.push_back(m.octets);
    CHECK(said.size() == 2);
}

// req: rfc2409-5.4-m1
TEST_CASE("a certificate for one name proves no other", "[ike][anybody]") {
    auto l = on_the_road(bob, by_certificate);
    l.peers[0].local_id = named(alice.name);
    deferred_key_ends ends{std::move(l), at_home(by_certificate)};
    bring_up(ends, seconds(200));
    CHECK(ends.right.established.empty());
    CHECK(ends.right.record.count(errc::bad_certificate) > 0);
}

// req: rfc2409-5.4-m1
TEST_CASE("each peer of any address is judged by its own means: one by its key, another by its certificate", "[ike][anybody]") {
    const traveller who = GENERATE(alice, bob);
    CAPTURE(who.name);
    auto l = on_the_road(who, by_key);
    if (who.key == bob.key)
        l.peers[0].keys.sign_with[0].certificate = {testing::identity_key_provider::certificate_of(who.key, who.name)};
    l.peers[0].keys.send_unasked = true;  // who answers has the other's key, and asks for nothing
    deferred_key_ends ends{std::move(l), at_home(by_key, [](v1::peer_config& p, const traveller& one) {
                               if (one.key != bob.key) return;
                               p.keys.peer_keys.clear();
                               p.keys.trust.emplace();
                           })};
    bring_up(ends);
    REQUIRE(ends.right.established.size() == 1);
    CHECK(ends.right.established[0].peer == v1::peer_id{who.key == alice.key ? 0U : 1U});
}

TEST_CASE("of peers of any address the first whose suites fit answers, and only who has the suite goes on by it",
          "[ike][anybody]") {
    const ike::v1::ike_suite first{crypto::encryption_id::aes_cbc, 128, crypto::hash_id::sha2_256, crypto::group_id::modp2048};
    const ike::v1::ike_suite second{crypto::encryption_id::aes_cbc, 256, crypto::hash_id::sha2_256, crypto::group_id::modp2048};
    struct row {
        const char* what;
        std::vector<ike::v1::ike_suite> offer;
        traveller who;
        bool stands;
    };
    const auto r = GENERATE_COPY(values<row>({{"Alice's, Alice", {first}, alice, true},
                                              {"Bob's, Bob", {second}, bob, true},
                                              {"both, Alice", {second, first}, alice, true},
                                              {"Alice's, Bob", {first}, bob, false},
                                              {"Bob's, Alice", {second}, alice, false}}));
    CAPTURE(r.what);
    auto l = on_the_road(r.who, by_secret);
    l.peers[0].suites = r.offer;
    deferred_key_ends ends{std::move(l), at_home(by_secret, [&](v1::peer_config& p, const traveller& who) {
                               p.suites = {who.key == alice.key ? first : second};
                           })};
    bring_up(ends, seconds(200));
    CHECK(ends.right.established.size() == (r.stands ? 1U : 0U));
    if (r.stands) CHECK(ends.right.established[0].peer == v1::peer_id{r.who.key == alice.key ? 0U : 1U});
    else CHECK(ends.right.record.count(errc::identity_mismatch) > 0);
}

TEST_CASE("an offer that fits none of them is refused; where there are none, nobody is there", "[ike][anybody]") {
    auto l = on_the_road(alice, by_secret);
    l.peers[0].suites[0].hash = crypto::hash_id::sha2_512;
    identity_ends ends{std::move(l), at_home(by_secret)};
    bring_up(ends, seconds(200));
    CHECK(ends.right.record.count(errc::no_proposal_chosen) >= 1);
    CHECK(ends.right.ike.ike_sa_count() == 0);
    identity_ends none{on_the_road(alice, by_secret), at_home(by_secret, [](v1::peer_config& p, const traveller&) {
                           p.modes = {.begin_aggressive = false, .accept_aggressive = true, .accept_main = false};
                       })};
    bring_up(none, seconds(200));
    CHECK(none.right.record.count(errc::unknown_peer) >= 1);
    CHECK(none.sent.size() == none.left.record.messages.size());  // all of them its own
}

TEST_CASE("what an encrypted identity would prove is not for peers of any address in Main Mode", "[ike][anybody]") {
    const way by{"encryption", oakley_authentication::rsa_encryption, false};
    auto l = on_the_road(alice, by);
    auto r = at_home(by, [](v1::peer_config& p, const traveller&) { p.modes.accept_aggressive = true; });
    deferred_key_ends ends{std::move(l), std::move(r)};
    bring_up(ends, seconds(200));
    CHECK(ends.right.record.count(errc::no_proposal_chosen) >= 1);
    CHECK(ends.right.ike.ike_sa_count() == 0);
}

TEST_CASE("a peer of any address is rekeyed by either end, where it is", "[ike][anybody][rekey]") {
    const bool by_home = GENERATE(false, true);
    CAPTURE(by_home);
    auto l = on_the_road(bob, by_secret);
    l.peers[0].lifetime.seconds = 100;
    l.peers[0].rekey = !by_home;
    identity_ends ends{std::move(l), at_home(by_secret)};
    bring_up(ends, seconds(99));
    REQUIRE(ends.right.established.size() == 2);
    for (const auto& e : ends.right.established) CHECK(e.peer == v1::peer_id{1});
    CHECK(ends.left.established.size() == 2);
    CHECK(ends.right.ike.children(v1::peer_id{1}).size() == 1);
    CHECK(ends.right.failures.empty());
}

TEST_CASE("what stands with a peer of any address is taken up again", "[ike][anybody][snapshot]") {
    identity_ends ends{on_the_road(bob, by_secret), at_home(by_secret)};
    bring_up(ends);
    const auto kept = ends.right.ike.store(ends.now(), ends.right.established.at(0).cookies);
    REQUIRE(kept);
    ends.right.ike = ike_end<testing::identity_provider>::make(at_home(by_secret), ends.right.crypto, ends.right.record);
    REQUIRE(ends.right.ike.restore(ends.now(), *kept));
    CHECK(ends.right.ike.children(v1::peer_id{1}).size() == 1);
    ends.left.ike.handle(ends.now(), sa::soft_expired{ends.left.ike.children().back().outbound[0], sa::policy_id{1}});
    REQUIRE(ends.run(seconds(3)));
    CHECK(ends.left.children.size() == 2);
}

TEST_CASE("peers of any address are configured so that Main Mode can serve them", "[ike][anybody][config]") {
    using peers = std::vector<v1::peer_config>;
    struct row {
        const char* what;
        std::function<void(peers&)> change;
        std::optional<errc> fault;
    };
    const std::vector<row> rows{
        {"one secret", [](peers&) {}, {}},
        {"two secrets", [](peers& all) { all[1].psk = v1::psk_of("another secret"); }, errc::unequal_secrets},
        {"one secret for both, which one of them does not allow",
         [](peers& all) { all[1].xauth.allow_group_secret = false; },
         errc::group_secret},
        {"a secret for the only one that is there",
         [](peers& all) {
             all.resize(1);
             all[0].xauth.allow_group_secret = false;
         },
         {}},
        {"two secrets, one of them for Aggressive Mode",
         [](peers& all) {
             all[1].psk = v1::psk_of("another secret");
             all[1].modes = {.begin_aggressive = false, .accept_aggressive = true, .accept_main = false};
         },
         {}},
        {"two secrets at two addresses",
         [](peers& all) {
             all[1].psk = v1::psk_of("another secret");
             all[1].path.local.address = ip::address::v4(198, 51, 100, 2);
         },
         {}},
        {"two secrets, one of them of a known address",
         [](peers& all) {
             all[1].psk = v1::psk_of("another secret");
             all[1].path.remote.address = left_address;
         },
         {}},
        {"no name", [](peers& all) { all[0].remote_id.reset(); }, errc::bad_identity},
        {"one name", [](peers& all) { all[1].remote_id = all[0].remote_id; }, errc::duplicate_peer},
        {"no exchange",
         [](peers& all) { all[0].modes = {.begin_aggressive = true, .accept_aggressive = false, .accept_main = false}; },
         errc::bad_identity},
    };
    for (const row& r : rows) {
        CAPTURE(r.what);
        auto c = at_home(by_secret);
        r.change(c.peers);
        CHECK(v1::check(c) == (r.fault ? ike::result<void>{std::unexpected{*r.fault}} : ike::result<void>{}));
    }
    CHECK(v1::check(at_home({"encryption", oakley_authentication::rsa_encryption, false})) ==
          std::unexpected{errc::not_for_aggressive_mode});
}

// --- what strangers can take from others -------------------------------------------------------------------------------------

namespace {
using end = ike_end<testing::identity_provider>;

/// A gateway, and whoever comes, each from an address of its own.
struct crowd {
    explicit crowd(v1::config c) : home{std::move(c), std::uint64_t{7}} {}
    auto come(const traveller& who, const ip::address& from, std::string_view secret = "correct horse") -> end& {
        auto c = on_the_road(who, by_secret);
        c.peers[0].path.local.address = from;
        c.peers[0].psk = v1::psk_of(secret);
        all.push_back(std::make_unique<end>(std::move(c), 20 + all.size()));
        REQUIRE(all.back()->ike.start(now, sa::policy_id{1}));
        return *all.back();
    }
    /// So many messages of its own reach the gateway, and all answers come back.
    void speak(end& e, int messages) {
        std::vector<std::byte> scratch(16384);
        for (; messages > 0; --messages) {
            e.drain_events(now);
            const auto tx = e.ike.poll_transmit(scratch);
            if (!tx) return;
            home.ike.handle_datagram(now, ike::reversed(tx->path), tx->octets);
            home.drain_events(now);
            while (const auto back = home.ike.poll_transmit(scratch))
                if (back->path.remote.address == tx->path.local.address || all.size() == 1)
                    e.ike.handle_datagram(now, ike::reversed(back->path), back->octets);
        }
    }
    instant now{};
    end home;
    std::vector<std::unique_ptr<end>> all;
};
auto from(std::uint8_t n) -> ip::address { return ip::address::v4(203, 0, 113, n); }
}  // namespace

TEST_CASE("a stranger who fills the door to all peers of any address makes room for himself alone", "[ike][anybody][strangers]") {
    auto c = at_home(by_secret);
    c.limits.half_open_per_peer = 4;
    crowd net{std::move(c)};
    auto& before = net.come(alice, from(1));
    net.speak(before, 10);
    REQUIRE(net.home.established.size() == 1);
    std::vector<end*> waiting;
    for (std::uint8_t n = 2; n < 5; ++n) {
        waiting.push_back(&net.come(bob, from(n)));
        net.speak(*waiting.back(), 2);  // up to message 3
    }
    CHECK(net.home.ike.half_open_count() == 3);
    for (int n = 0; n < 20; ++n) net.speak(net.come(alice, from(99), "a wrong secret"), 2);
    CHECK(net.home.ike.half_open_count() == 4);
    for (end* const e : waiting) net.speak(*e, 10);
    CHECK(net.home.established.size() == 4);
    CHECK(net.home.closed.empty());
    CHECK(net.home.ike.established_count() == 4);
}

TEST_CASE("an offer under which a peer of any address was proven stays when strangers bring others",
          "[ike][anybody][strangers]") {
    auto c = at_home(by_secret);
    c.limits.offers_per_peer = 3;
    crowd net{std::move(c)};
    auto& first = net.come(bob, from(1));
    net.speak(first, 10);
    REQUIRE(net.home.established.size() == 1);
    auto& again = net.come(bob, from(1));
    net.speak(again, 1);  // message 1 alone
    for (std::uint64_t n = 1; n < 20; ++n) {
        auto other = on_the_road(alice, by_secret);
        other.peers[0].path.local.address = from(2);
        other.peers[0].lifetime.seconds = 10000 + n;
        net.all.push_back(std::make_unique<end>(std::move(other), 200 + n));
        REQUIRE(net.all.back()->ike.start(net.now, sa::policy_id{1}));
        net.speak(*net.all.back(), 1);
    }
    net.speak(again, 10);
    CHECK(net.home.established.size() == 2);
    CHECK(net.home.record.count(errc::offer_forgotten) == 0);
}

TEST_CASE("strangers at a door cost no more Diffie-Hellman than strangers may, and push out nobody",
          "[ike][anybody][strangers][cve-45]") {
    // Two doors, since the suites differ; and Carol, who has an address.
    auto c = at_home(by_secret);
    const auto carol_at = ip::address::v4(192, 0, 2, 33);
    auto carol = std::move(ike_config(false).peers.front());
    carol.path.remote.address = carol_at;
    carol.children[0].policy = sa::policy_id{300};
    c.peers.push_back(std::move(carol));
    c.limits.half_open = 20;
    c.limits.aggressive_half_open = 8;
    const bool is_alone = GENERATE(true, false);  // one source, or as many as there are messages
    const std::size_t most = is_alone ? c.limits.aggressive_per_source : c.limits.aggressive_half_open;
    crowd net{std::move(c)};
    auto known = ike_config(true);
    known.peers[0].path.local.address = carol_at;
    net.all.push_back(std::make_unique<end>(std::move(known), 999U));
    auto& waits = *net.all.back();
    REQUIRE(waits.ike.start(net.now, v1::peer_id{0}));
    net.speak(waits, 2);
    REQUIRE(net.home.ike.half_open_count() == 1);
    const std::size_t failed_before = net.home.failures.size();
    for (int n = 0; n < 60; ++n) {
        net.now = net.now + milliseconds(200);
        net.speak(
            net.come(n % 2 == 0 ? alice : bob, is_alone ? from(99) : from(static_cast<std::uint8_t>(n + 100)), "a wrong secret"),
            2);
        CHECK(net.home.ike.half_open_count() <= 1 + most);
    }
    CHECK(net.home.ike.half_open_count() == 1 + most);
    CHECK(net.home.record.count(errc::limit_reached) >= 60 - most);
    net.speak(waits, 10);
    CHECK(net.home.established.size() == 1);
    // Whose time is over is told to nobody as a failure of the peer that answered for all.
    net.now = net.now + seconds(600);
    net.home.ike.handle_timeout(net.now);
    net.home.drain_events(net.now);
    CHECK(net.home.ike.half_open_count() == 0);
    CHECK(net.home.failures.size() == failed_before);
}
