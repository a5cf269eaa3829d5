// A recorded run of strongSwan with NAT traversal and dead peer detection: its NAT-D payloads are judged here, and this library
// asks and answers in the place of either peer, octet for octet.                              RFC 3947 §3.2, RFC 3706 §5.3
#include <limits>
#include <optional>
#include <vector>

#include "support/catch.hpp"
#include "support/derived_capture.hpp"
#include "support/replay_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
namespace v1 = ipsec::ike::v1;
using isakmp::notify_type;
using isakmp::payload_type;
using octets = std::vector<std::byte>;

namespace {

const ike::path alice_path{{ip::address::v4(10, 77, 0, 1), 500}, {ip::address::v4(10, 77, 0, 2), 500}, {}};

struct recording : derived_capture {
    recording() : derived_capture{"v1-main-psk-natt-dpd"} {
        REQUIRE(sas.size() == 1);
        REQUIRE(sas[0].phase_1.size() == 6);
    }
    /// What both peers say that they understand, with this library in the place of one of them.
    [[nodiscard]] auto extensions() const -> v1::extensions {
        return v1::read_vendor_ids(sas[0].phase_1[0].chain) & v1::read_vendor_ids(sas[0].phase_1[1].chain) &
               v1::own_extensions({});
    }
    [[nodiscard]] auto notes(notify_type type) const -> std::vector<const recorded_message*> {
        std::vector<const recorded_message*> out;
        for (const recorded_message& m : later)
            if (const auto n = m.chain.get<isakmp::notification>(); n && n->message == type) out.push_back(&m);
        return out;
    }
    [[nodiscard]] auto cookies() const -> isakmp::cookie_pair { return sas[0].keys.cky; }
    [[nodiscard]] auto hash() const -> crypto::hash_id { return sas[0].keys.agreed.suite.hash; }
};

auto id_octets(const recorded_message& m) -> octets {
    octets id(4);
    wire::store(byte_span{id}, m.head.id.value());
    return id;
}
auto number_of(const recorded_message& m) -> octets {
    const auto n = m.chain.get<isakmp::notification>().value();
    return {n.data.begin(), n.data.end()};
}

/// The endpoint of one of the two, as it was when phase 1 and the Quick Mode were over.
struct player {
    player(recording& r, bool as_alice) {
        const ike::path at = as_alice ? alice_path : ike::reversed(alice_path);
        const auto name = [](bool alice) {
            return *ike::identity::of_text(ike::id_type::fqdn, alice ? "alice.example" : "bob.example");
        };
        v1::config c;
        v1::peer_config p;
        p.path = at;
        p.psk = v1::psk_of("interop-psk");
        p.local_id = name(as_alice);
        p.remote_id = name(!as_alice);
        p.suites = {r.sas[0].keys.agreed.suite};
        p.dpd.delay = as_alice ? seconds(1) : duration{};  // bob asked nothing
        c.peers.push_back(std::move(p));
        auto made = v1::endpoint<replay_traits>::make(std::move(c), crypto, seen);
        REQUIRE(made);
        ike.emplace(std::move(*made));
        v1::snapshot s;
        s.role = as_alice ? v1::role::initiator : v1::role::responder;
        s.local = at.local.address;
        s.remote = at.remote.address;
        s.path = path = v1::moved_for_nat(at, 4500);
        s.peer_identity = name(!as_alice);
        s.life = {15'840, 0};
        s.soft_octets = s.hard_octets = std::numeric_limits<std::uint64_t>::max();
        for (const recorded_message& m : r.later)
            if (m.head.exchange == isakmp::exchange_type::quick_mode) s.used_ids = {m.head.id.value()};
        s.keyed = std::move(r.sas[0].keys);
        s.keyed.both = r.extensions();
        REQUIRE(ike->restore(now, s));
    }
    void hear(const recorded_message& m) {
        octets datagram(4);  // the non-ESP marker
        datagram.insert(datagram.end(), m.octets.begin(), m.octets.end());
        ike->handle_datagram(now, path, datagram);
    }
    /// What it says now, without the marker.
    auto said() -> std::vector<octets> {
        std::vector<octets> out;
        octets scratch(v1::endpoint<replay_traits>::max_message);
        while (auto tx = ike->poll_transmit(scratch)) {
            REQUIRE(tx->path == path);
            REQUIRE(tx->octets.size() > 4);
            out.emplace_back(tx->octets.begin() + 4, tx->octets.end());
        }
        return out;
    }
    replay_provider crypto;
    watcher seen;
    std::optional<v1::endpoint<replay_traits>> ike;
    ike::path path;
    instant now{1'000'000'000};
};

}  // namespace

TEST_CASE("recorded NAT-D payloads are ours for the same end, and say what their senders wanted said", "[ike][capture][nat]") {
    const recording r;
    crypto::botan::provider p;
    for (const std::size_t i : {2U, 3U}) {
        CAPTURE(i);
        const recorded_message& m = r.sas[0].phase_1[i];
        REQUIRE(m.chain.count(payload_type::nat_d) == 2);
        const ike::path sender = m.from_alice ? alice_path : ike::reversed(alice_path);
        const auto ours = v1::nat_d_bodies(p, r.hash(), r.cookies(), sender, false).value();
        CHECK(hex(m.body(payload_type::nat_d, 0)) == hex(ours[0].view()));
        // Each peer made a NAT up in front of itself, so that ESP goes in UDP: its own end is nobody's.
        CHECK(hex(m.body(payload_type::nat_d, 1)) != hex(ours[1].view()));
        const ike::path receiver = ike::reversed(sender);
        const auto view = v1::judge_nat(p, r.hash(), r.cookies(), receiver, false, m.chain).value();
        CHECK(view == v1::nat_view{.here = false, .there = true});
        // Were the receiver at another address or port, there would be a NAT in front of it.
        for (const auto& at : {ike::socket_address{receiver.local.address, 501}, {ip::address::v4(10, 77, 0, 3), 500}}) {
            const ike::path other{at, receiver.remote, {}};
            CHECK(v1::judge_nat(p, r.hash(), r.cookies(), other, false, m.chain).value()->here);
        }
    }
}

// req: rfc3706-5.2-1, rfc3706-5.3-8, rfc3706-5.3-9
TEST_CASE("in bob's place, recorded R-U-THERE are answered by his R-U-THERE-ACK, octet for octet", "[ike][capture][dpd]") {
    recording r;
    const auto asked = r.notes(notify_type::r_u_there), answered = r.notes(notify_type::r_u_there_ack);
    REQUIRE(asked.size() == 3);
    REQUIRE(answered.size() == 3);
    player bob{r, false};
    for (std::size_t i = 0; i < asked.size(); ++i) {
        CAPTURE(i);
        bob.crypto.will_fill(id_octets(*answered[i]));
        bob.hear(*asked[i]);
        const auto out = bob.said();
        REQUIRE(out.size() == 1);
        CHECK(hex(out[0]) == hex(answered[i]->octets));
        bob.hear(*asked[i]);  // a copy
        CHECK(bob.said().empty());
    }
    CHECK(bob.seen.notes.size() == 3);
    CHECK(bob.seen.audits.size() == 3);  // the copies
    CHECK(bob.ike->established_count() == 1);
    CHECK(bob.crypto.is_spent());
}

// req: rfc3706-5.3-1, rfc3706-5.3-7, rfc3706-6.2-4
TEST_CASE("in alice's place, her R-U-THERE go out octet for octet, and bob's recorded answers keep him alive",
          "[ike][capture][dpd]") {
    recording r;
    const auto asked = r.notes(notify_type::r_u_there), answered = r.notes(notify_type::r_u_there_ack);
    player alice{r, true};
    alice.crypto.will_fill(number_of(*asked[0]));
    for (std::size_t i = 0; i < asked.size(); ++i) {
        CAPTURE(i);
        CHECK(hex(number_of(*asked[i])) == hex(number_of(*answered[i])));
        alice.crypto.will_fill(id_octets(*asked[i]));
        alice.now = alice.now + seconds(1);
        CHECK(alice.ike->poll_timeout() == alice.now);
        alice.ike->handle_timeout(alice.now);
        const auto out = alice.said();
        REQUIRE(out.size() == 1);
        CHECK(hex(out[0]) == hex(asked[i]->octets));
        if (i > 0) alice.hear(*answered[i - 1]);  // an answer from before is none
        CHECK(alice.seen.audits.size() == i);
        CHECK(alice.ike->poll_timeout() == alice.now + seconds(2));  // the question again
        alice.hear(*answered[i]);
        CHECK(alice.seen.audits.size() == i);
        CHECK(alice.ike->poll_timeout() == alice.now + seconds(1));  // the next one
    }
    CHECK(alice.seen.notes.size() == 3);
    CHECK(alice.ike->established_count() == 1);
    CHECK(alice.crypto.is_spent());
}
