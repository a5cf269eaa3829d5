// INITIAL-CONTACT in both roles: whoever begins a phase 1 says it or hears it, and what stood before goes.    RFC 2407 §4.6.3.3
#include <algorithm>
#include <memory>
#include <optional>

#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::v1::on_dead_peer;
using isakmp::notify_type;

namespace {

using end_type = ike_end<testing::identity_provider>;

/// Two ends without a link: datagrams go over at once. Either may lose all that it knows.
struct scene {
    using adjust = std::function<void(v1::config&)>;
    explicit scene(adjust f) : settings{std::move(f)} { restart(true), restart(false); }
    void restart(bool is_left) {
        auto c = ike_config(is_left);
        c.peers[0].lifetime = {900, 0};
        c.peers[0].children[0].lifetime = {28'800, 0};
        settings(c);
        (is_left ? left : right) = std::make_unique<end_type>(std::move(c), ++seed);
    }
    void run(duration d) {
        std::vector<std::byte> scratch(end_type::endpoint::max_message);
        for (const instant end = now + d; now < end; now = now + milliseconds(100))
            for (auto* from : {left.get(), right.get()}) {
                auto& to = from == left.get() ? *right : *left;
                from->ike.handle_timeout(now);
                from->drain_events(now);
                while (auto tx = from->ike.poll_transmit(scratch)) {
                    const bool informational = tx->octets[18] == std::byte{5};
                    if (informational && spoil) scratch[32] ^= std::byte{1};  // the first octet of HASH(1), "encrypted" as it is
                    to.ike.handle_datagram(now, ike::reversed(tx->path), tx->octets);
                    to.drain_events(now);
                }
            }
    }
    adjust settings;
    std::uint64_t seed = 0;
    std::unique_ptr<end_type> left, right;
    instant now{1'000'000'000};
    bool spoil = false;
};
auto heard(const end_type& e) -> std::ptrdiff_t {
    return std::ranges::count(e.record.notes, notify_type::initial_contact, &ike::notify_record::type);
}
auto has_any(const end_type& e, const std::map<std::string, end_type::sa_entry>& old) -> bool {
    return std::ranges::any_of(old, [&](const auto& x) { return e.table.contains(x.first); });
}

}  // namespace

TEST_CASE("an end that lost everything says INITIAL-CONTACT in either role, and what its peer had with it goes",
          "[ike][initial_contact]") {
    struct row {
        const char* what;
        bool left_restarts, as_initiator, as_responder, spoilt;
        on_dead_peer then;
        std::ptrdiff_t said;
        bool old_stays;
        std::size_t sas_after;  // at the end that did not restart
    };
    using enum on_dead_peer;
    const auto r = GENERATE(values<row>({
        {"the initiator, to a responder", true, true, false, false, forget, 1, false, 2},
        {"the same, which leaves it to that one to begin again", true, true, false, false, restart, 1, false, 2},
        {"an initiator that may not", true, false, true, false, forget, 0, true, 4},
        {"the responder, to an initiator", false, false, true, false, forget, 1, false, 0},
        {"the responder, to one that begins again what it had", false, false, true, false, restart, 1, false, 2},
        {"a responder that may not", false, true, false, false, restart, 0, true, 2},
        {"somebody on the way", false, true, true, true, restart, 0, true, 2},
    }));
    CAPTURE(r.what);
    bool restarted = false;
    scene s{[&](v1::config& c) {
        auto& p = c.peers[0];
        p.send_initial_contact = restarted && r.as_initiator;
        p.initial_contact_as_responder = restarted && r.as_responder;
        p.children[0].when_dead = r.then;
    }};
    REQUIRE(s.left->ike.start(s.now, sa::policy_id{1}));
    s.run(seconds(5));
    auto& stays = r.left_restarts ? s.right : s.left;
    const auto old = stays->table;
    REQUIRE(old.size() == 2);
    restarted = true;
    s.spoil = r.spoilt;
    s.restart(r.left_restarts);
    if (r.left_restarts) REQUIRE(s.left->ike.start(s.now, sa::policy_id{1}));
    s.run(seconds(r.left_restarts ? 5 : 890));  // until the initiator replaces its ISAKMP SA: it knows nothing of the restart
    const auto& up = stays->established;
    REQUIRE(up.size() == 2);
    CHECK(up[1].role == (r.left_restarts ? v1::role::responder : v1::role::initiator));
    CHECK(heard(*stays) == r.said);
    CHECK(has_any(*stays, old) == r.old_stays);
    CHECK(stays->table.size() == r.sas_after);
    CHECK(std::ranges::count(stays->closed, ike::errc::deleted_by_peer, &v1::ike_closed::why) == (r.old_stays ? 0 : 1));
    if (!r.old_stays) CHECK(stays->ike.ike_sa_count() == 1);
}

TEST_CASE("INITIAL-CONTACT is said with the first SA alone, by one end of it or both", "[ike][initial_contact]") {
    scene s{[](v1::config& c) { c.peers[0].initial_contact_as_responder = true; }};
    REQUIRE(s.left->ike.start(s.now, sa::policy_id{1}));
    s.run(seconds(3000));
    CHECK(s.left->established.size() >= 3);
    CHECK(heard(*s.left) == 1);
    CHECK(heard(*s.right) == 1);
    CHECK(s.left->table.size() == 2);
    CHECK(s.left->removed + s.right->removed == 0);
}

TEST_CASE("two ends that begin at once and say INITIAL-CONTACT take nothing from each other", "[ike][initial_contact]") {
    scene s{[](v1::config& c) { c.peers[0].initial_contact_as_responder = true; }};
    REQUIRE(s.left->ike.start(s.now, sa::policy_id{1}));
    REQUIRE(s.right->ike.start(s.now, sa::policy_id{101}));
    s.run(seconds(10));
    CHECK(heard(*s.left) + heard(*s.right) >= 1);
    CHECK(s.left->removed + s.right->removed == 0);
    CHECK(s.left->table.size() >= 2);
    CHECK(s.left->table.size() == s.right->table.size());
    CHECK(s.left->failures.empty());
    CHECK(s.right->failures.empty());
}
