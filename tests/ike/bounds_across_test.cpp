// Bounds that hold over all peers, over all ISAKMP SAs of one peer, and before anything that costs arithmetic.
#include <algorithm>
#include <memory>
#include <set>

#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using testing::side;

namespace {

using octets = std::vector<std::byte>;
using end_type = ike_end<testing::identity_provider>;

auto offer(std::size_t n) -> v1::offer_shelves::offer {
    octets o(2);
    wire::store(byte_span{o}, static_cast<std::uint16_t>(n));
    return {.sai_b = o, .suite = n, .reply = {}, .mark = {o[0], o[1]}};
}
auto all_of(const v1::offer_shelves& shelves, std::size_t peers) -> std::set<std::size_t> {
    std::set<std::size_t> out;
    for (std::size_t p = 0; p < peers; ++p)
        for (const auto& o : shelves.of(p)) out.insert(o.suite);
    return out;
}
auto part(std::uint8_t n) -> ike::client { return {.addresses = ip::address::v4(10, 1, 0, n)}; }
const ike::client there{.addresses = *ip::parse_range("10.2.0.0/16")};

}  // namespace

// --- offers -------------------------------------------------------------------------------------------------------------------

TEST_CASE("offers of all peers together are bounded, the latest stay, and proven ones count for none but their peer",
          "[ike][strangers][cookie][cve-45]") {
    constexpr std::size_t peers = 200, most = 8, in_all = 20;
    v1::offer_shelves shelves{peers};
    (void)shelves.keep(3, offer(1), most, in_all);
    shelves.prove(3, offer(1).mark, 8);
    for (std::size_t n = 2; n < 1000; ++n) {
        (void)shelves.keep(n % peers, offer(n), most, in_all);
        CHECK(all_of(shelves, peers).size() == std::min<std::size_t>(n, in_all + 1));
    }
    std::set<std::size_t> latest{1};
    for (std::size_t n = 980; n < 1000; ++n) latest.insert(n);
    CHECK(all_of(shelves, peers) == latest);
    // One that comes again is a late one again.
    (void)shelves.keep(980 % peers, offer(980), most, in_all);
    (void)shelves.keep(0, offer(2000), most, in_all);
    CHECK(all_of(shelves, peers).contains(980));
    CHECK_FALSE(all_of(shelves, peers).contains(981));
    // Where all are proven nothing has to go.
    for (std::size_t p = 0; p < peers; ++p) {
        (void)shelves.keep(p, offer(3000 + p), most, in_all);
        shelves.prove(p, offer(3000 + p).mark, 8);
    }
    CHECK(all_of(shelves, peers).size() >= peers + 1);
}

TEST_CASE("first messages from many peers' addresses leave no more offers than the limit", "[ike][strangers][cookie]") {
    auto r = ike_config(false);
    const auto mould = ike_config(false);
    for (std::uint8_t n = 10; n < 40; ++n) {
        v1::peer_config p;
        p.path = mould.peers[0].path;
        p.path.remote.address = ip::address::v4(192, 0, 2, n);
        p.psk = v1::psk_of("correct horse");
        p.suites = mould.peers[0].suites;
        r.peers.push_back(std::move(p));
    }
    r.limits.offers = 5;
    end_type right{std::move(r), 5U};
    octets scratch(16384);
    // Every one has an offer of its own: message 3 to the first ones is too late, to the last ones it is not.
    const auto exchange = [&](std::uint8_t n, int messages, std::vector<std::unique_ptr<end_type>>& all) {
        auto c = ike_config(true);
        c.peers[0].path.local.address = ip::address::v4(192, 0, 2, n);
        c.peers[0].lifetime.seconds = 1000U + n;
        all.push_back(std::make_unique<end_type>(std::move(c), 100U + n));
        REQUIRE(all.back()->ike.start(instant{}, v1::peer_id{0}));
        for (int i = 0; i < messages; ++i) {
            auto& from = i % 2 == 0 ? *all.back() : right;
            auto& to = i % 2 == 0 ? right : *all.back();
            while (auto tx = from.ike.poll_transmit(scratch))
                to.ike.handle_datagram(instant{}, ike::reversed(tx->path), tx->octets);
        }
    };
    std::vector<std::unique_ptr<end_type>> all;
    for (std::uint8_t n = 10; n < 40; ++n) exchange(n, 2, all);
    for (auto& e : all)
        while (auto tx = e->ike.poll_transmit(scratch)) right.ike.handle_datagram(instant{}, ike::reversed(tx->path), tx->octets);
    CHECK(right.record.count(errc::offer_forgotten) == 25);
    CHECK(right.ike.ike_sa_count() == 5);
}

TEST_CASE("no offers at all is no limit to serve anybody by", "[ike][config]") {
    auto c = ike_config(true);
    c.limits.offers = 0;
    CHECK(v1::check(c).error() == errc::bad_limit);
}

// --- pairs of SAs -------------------------------------------------------------------------------------------------------------

TEST_CASE("pairs that are about to be made count for the peer, under whichever ISAKMP SA of its", "[ike][limits]") {
    const auto config = [](bool left) {
        auto c = ike_config(left);
        c.peers[0].children[0].allow_narrower = true;
        c.peers[0].send_initial_contact = false;
        if (!left) c.limits.child_pairs_per_peer = 3;
        return c;
    };
    end_type right{config(false), 5U};
    octets scratch(16384);
    const auto pass = [&](end_type& from, end_type& to) {
        while (auto tx = from.ike.poll_transmit(scratch)) to.ike.handle_datagram(instant{}, ike::reversed(tx->path), tx->octets);
    };
    // The peer comes twice: with an ISAKMP SA each time, and with two Quick Modes under each.
    std::vector<std::unique_ptr<end_type>> lefts;
    for (std::uint8_t k = 0; k < 2; ++k) {
        lefts.push_back(std::make_unique<end_type>(config(true), 11U + k));
        end_type& left = *lefts.back();
        REQUIRE(left.ike.start(instant{}, v1::peer_id{0}));
        for (int i = 0; i < 3; ++i) {
            pass(left, right);
            pass(right, left);
        }
        left.drain_events(instant{});
        REQUIRE(left.established.size() == 1);
        for (std::uint8_t n = 1; n <= 2; ++n)
            REQUIRE(left.ike.start(instant{}, sa::policy_id{1}, part(static_cast<std::uint8_t>(10 * k + n)), there));
        left.drain_events(instant{});
        pass(left, right);  // the user of the right end answers no install yet: its exchanges stay open
    }
    CHECK(right.ike.established_count() == 2);
    CHECK(right.record.count(errc::limit_reached) == 1);
    right.drain_events(instant{});
    std::size_t inbound = 0;
    for (const auto& [name, sa] : right.table) inbound += sa.inbound ? 1U : 0U;
    CHECK(inbound == 3);
}

// --- arithmetic ---------------------------------------------------------------------------------------------------------------

// req: rfc2409-5-6
TEST_CASE("the public value of a stranger is looked at within the limits only: in some groups that is arithmetic",
          "[ike][aggressive][cve-45][IKE1-046]") {
    const auto config = [](bool left) {
        auto c = ike_config(left);
        auto& p = c.peers[0];
        p.local_id = *ike::identity::of_text(ike::id_type::fqdn, left ? "left.example" : "right.example");
        p.remote_id = *ike::identity::of_text(ike::id_type::fqdn, left ? "right.example" : "left.example");
        p.suites[0].group = crypto::group_id::modp1024;
        p.modes = {.begin_aggressive = left, .accept_aggressive = !left, .accept_main = false};
        return c;
    };
    const auto first = [&](std::uint64_t seed) {
        octets m = first_message(config(true), seed);
        const auto h = isakmp::header::parse(m);
        const auto in = isakmp::chain::parse(h->next_payload, byte_view{m}.subspan(isakmp::header::size));
        REQUIRE(in);
        const byte_view gx = in->find(isakmp::payload_type::key_exchange)->body;
        // Out of range: refused in all groups at the same place, which is where groups 22 to 24 and EC2N take their time.
        std::ranges::fill(byte_span{m}.subspan(static_cast<std::size_t>(gx.data() - m.data()), gx.size()), std::byte{0});
        return m;
    };
    auto r = config(false);
    r.limits.aggressive_per_second = 2;
    end_type right{std::move(r), 5U};
    for (std::uint64_t n = 0; n < 6; ++n) right.ike.handle_datagram(instant{}, ike::reversed(left_path), first(100 + n));
    CHECK(right.record.count(errc::bad_key_exchange) == 2);
    CHECK(right.record.count(errc::limit_reached) == 4);
    CHECK(right.ike.ike_sa_count() == 0);
    CHECK(right.crypto.pairs_made() == 0);
}
