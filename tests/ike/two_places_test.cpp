// One identity at two addresses: devices that share a name, and whose SAs stand side by side; and users who share one, and are
// told apart by XAUTH.                           RFC 2409 §5.4, RFC 3947 §4, draft-beaulieu-ike-xauth-02
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using testing::side;

namespace {

using end = ike_end<testing::identity_provider>;

auto named(const char* text) -> ike::identity { return *ike::identity::of_text(ike::id_type::fqdn, text); }

/// A device of Alice's. Behind a NAT of its own its address is that of the NAT.
struct device {
    ip::address outer, inner;
    std::optional<nat_box> nat;
    end e;
    bool is_off = false;  ///< hears nothing, and says nothing
    device(std::uint8_t n, bool has_nat, const std::function<void(v1::peer_config&)>& more)
        : outer{ip::address::v4(203, 0, 113, n)}, inner{ip::address::v4(10, 1, 0, n)},
          nat{has_nat ? std::optional{nat_box{.outside = outer, .next_port = static_cast<std::uint16_t>(40000 + 1000 * n)}}
                      : std::nullopt},
          e{config_of(has_nat ? left_address : outer, inner, more), std::uint64_t{n}} {}
    static auto config_of(const ip::address& own, const ip::address& inner, const std::function<void(v1::peer_config&)>& more)
        -> v1::config {
        auto c = ike_config(true);
        auto& p = c.peers[0];
        p.path.local.address = own;
        p.local_id = named("alice.example");
        p.remote_id = named("gw.example");
        p.suites[0].group = crypto::group_id::modp1024;
        p.modes = {.begin_aggressive = true, .accept_aggressive = false, .accept_main = false};
        p.send_initial_contact = false;
        p.children[0].local = ike::client{.addresses = inner};
        if (more) more(p);
        return c;
    }
};

/// Of a peer's configuration at the gateway, and at the devices.
using more_of = std::function<void(v1::peer_config&)>;

/// A gateway that knows Alice by her name alone, and two of her devices.
struct two_places {
    explicit two_places(bool has_nat, const more_of& there = {}, const std::array<more_of, 2>& here = {})
        : home{gateway(there), std::uint64_t{99}} {
        for (const std::size_t n : {1U, 2U})
            devices.push_back(std::make_unique<device>(static_cast<std::uint8_t>(n), has_nat, here[n - 1]));
    }
    static auto gateway(const more_of& more) -> v1::config {
        auto c = ike_config(false);
        auto& p = c.peers[0];
        p.path.remote.address = ip::address::v4(0, 0, 0, 0);
        p.local_id = named("gw.example");
        p.remote_id = named("alice.example");
        p.suites[0].group = crypto::group_id::modp1024;
        p.modes = {.begin_aggressive = false, .accept_aggressive = true, .accept_main = false};
        p.children[0].remote = ike::client{.addresses = ip::range::any(ip::family::v4)};
        p.children[0].bind_remote = true;
        c.authorization = {{.who = {.text = "alice.example"}, .lookup = policy::child_lookup::by_identity}};
        if (more) more(p);
        return c;
    }
    void run(int turns = 300) {
        std::vector<std::byte> scratch(end::endpoint::max_message);
        for (int i = 0; i < turns; ++i) {
            for (auto& d : devices) {
                if (d->is_off) continue;
                d->e.ike.handle_timeout(now);
                d->e.drain_events(now);
                while (auto tx = d->e.ike.poll_transmit(scratch))
                    home.ike.handle_datagram(
                        now, ike::reversed(d->nat ? d->nat->translate(side::left, tx->path) : tx->path), tx->octets);
            }
            home.ike.handle_timeout(now);
            home.drain_events(now);
            while (const auto said = home.ike.poll_dialogue())  // who says a name has it
                if (const auto* a = std::get_if<v1::xauth_attempt>(&*said)) home.ike.answer(now, *a, true);
            while (auto tx = home.ike.poll_transmit(scratch))
                for (auto& d : devices) {
                    if (d->is_off || tx->path.remote.address != d->outer) continue;
                    const auto at = d->nat ? d->nat->translate(side::right, tx->path) : tx->path;
                    if (d->nat && at.remote.address == d->outer) continue;  // a mapping that is no more
                    d->e.ike.handle_datagram(now, ike::reversed(at), tx->octets);
                }
            now = now + milliseconds(10);
        }
    }
    void bring_up() {
        for (auto& d : devices) {
            REQUIRE(d->e.ike.start(now, sa::policy_id{1}));
            run();
            REQUIRE(d->e.table.size() == 2);
        }
        REQUIRE(home.established.size() == 2);
        REQUIRE(home.established[0].peer == home.established[1].peer);
        REQUIRE(home.ike.children().size() == 2);
    }
    /// A device makes its pair anew. @return whether it came about
    auto rekeys(device& d) -> bool {
        const auto before = d.e.children.size();
        d.e.ike.handle(now, sa::soft_expired{d.e.ike.children().back().outbound[0], sa::policy_id{1}});
        run();
        return d.e.children.size() == before + 1 && d.e.children.back().rekeyed;
    }
    /// To which ports of a device the gateway's packets go.
    [[nodiscard]] auto ports_to(const device& d) const -> std::set<std::uint16_t> {
        std::set<std::uint16_t> out;
        for (const auto& [name, sa] : home.table)
            if (!sa.inbound && sa.selectors.destination == ip::range{d.inner}) out.insert(sa.encapsulation.remote);
        return out;
    }
    instant now{1'000'000'000};
    end home;
    std::vector<std::unique_ptr<device>> devices;
};

}  // namespace

// req: rfc2409-5.4-m1
TEST_CASE("of two devices with one identity each goes on at its own address, whoever came last", "[ike][two_places]") {
    const bool has_nat = GENERATE(false, true);
    CAPTURE(has_nat);
    two_places at{has_nat};
    at.bring_up();
    for (auto& d : at.devices) {
        CHECK(at.rekeys(*d));
        CHECK(d->e.failures.empty());
    }
    CHECK(at.home.record.audits.empty());
    CHECK(at.home.failures.empty());
    CHECK(at.home.ike.established_count() == 2);
    // What the gateway has to say to each of them finds it, under the SA that is its own.
    at.home.ike.close(at.now);
    at.run();
    for (auto& d : at.devices) CHECK(d->e.ike.established_count() == 0);
}

// req: rfc3947-7-1, rfc3947-4-10
TEST_CASE("a NAT that gives one of two devices with one identity another port moves the SAs of that one alone",
          "[ike][two_places][nat]") {
    const std::size_t who = GENERATE(0U, 1U);
    CAPTURE(who);
    two_places at{true};
    at.bring_up();
    device &moves = *at.devices[who], &stays = *at.devices[1 - who];
    const auto before = at.ports_to(moves), others = at.ports_to(stays);
    REQUIRE(before.size() == 1);
    REQUIRE(others.size() == 1);
    REQUIRE(before != others);
    moves.nat->reboot();
    CHECK(at.rekeys(moves));
    CHECK(at.ports_to(moves) == std::set<std::uint16_t>{moves.nat->ports.at(4500)});
    CHECK(at.ports_to(moves) != before);
    CHECK(at.ports_to(stays) == others);
    CHECK(at.rekeys(stays));
    CHECK(at.ports_to(stays) == others);
    CHECK(at.home.record.count(ike::errc::unexpected_message) == 0);
}

// req: rfc3706-5.4-5
TEST_CASE("of two devices with one identity the one that is alive outlives the other", "[ike][two_places][dpd]") {
    const std::size_t who = GENERATE(0U, 1U);  // the one that came first, and the one that came last
    CAPTURE(who);
    two_places at{false, [](v1::peer_config& p) { p.dpd = {.delay = seconds(5)}; }};
    at.bring_up();
    device &dies = *at.devices[who], &lives = *at.devices[1 - who];
    dies.is_off = true;
    at.run(12000);
    CHECK(at.home.ike.established_count() == 1);
    REQUIRE(at.home.ike.children().size() == 1);
    CHECK(at.home.ike.children()[0].host == lives.outer);
    CHECK(lives.e.table.size() == 2);
    CHECK(at.rekeys(lives));
}

namespace {

/// Users of a group, whose name and key is the same for all: XAUTH says who each of them is.
struct two_users : two_places {
    explicit two_users(std::string_view second = "bob")
        : two_places{false,
                     [](v1::peer_config& p) {
                         p.xauth.part = v1::xauth_part::edge_device;
                         p.xauth.allow_group_secret = true;
                     },
                     {user("alice"), user(second)}} {}
    static auto user(std::string_view name) -> more_of {
        return [name = std::string{name}](v1::peer_config& p) {
            p.xauth.part = v1::xauth_part::client;
            p.xauth.allow_group_secret = true;
            p.xauth.user = name;
            p.send_initial_contact = true;
        };
    }
    /// Under the ISAKMP SA of a device.
    void says(device& d, isakmp::payload_type type, v1::octets body, std::uint32_t id) {
        v1::informational::content c;
        c.payloads.push_back({type, std::move(body)});
        const auto m = v1::informational::write(c, isakmp::message_id{id}, d.e.record.phase_1.at(0), d.e.crypto);
        REQUIRE(m);
        home.ike.handle_datagram(now, {{right_address, 500}, {d.outer, 500}, {}}, m->datagram);
        run(10);
    }
};

}  // namespace

// req: rfc2407-4.6.3.3-1
TEST_CASE("INITIAL-CONTACT ends what the same user had, and nothing of another", "[ike][two_places][xauth]") {
    const bool same = GENERATE(false, true);
    CAPTURE(same);
    two_users at{same ? "alice" : "bob"};
    for (auto& d : at.devices) {
        REQUIRE(d->e.ike.start(at.now, sa::policy_id{1}));
        at.run();
        REQUIRE(d->e.table.size() == 2);
    }
    CHECK(at.home.ike.established_count() == (same ? 1U : 2U));
    CHECK(at.home.ike.children().size() == (same ? 1U : 2U));
    CHECK(at.home.ike.children().back().user == (same ? "alice" : "bob"));
}

TEST_CASE("a user deletes nothing of another's", "[ike][two_places][xauth]") {
    const bool same = GENERATE(false, true);
    CAPTURE(same);
    two_users at;
    at.bring_up();
    device &alice = *at.devices[0], &bob = *at.devices[1];
    device& who = same ? alice : bob;
    const auto children = at.home.ike.children();
    const auto alices = std::ranges::find(children, std::string{"alice"}, &v1::child_pair::user);
    REQUIRE(alices != children.end());
    const auto word = [](sa::spi s) {
        std::array<std::byte, 4> o{};
        wire::store(byte_span{o}, s.value());
        return o;
    };
    v1::octets body = unhex("00000001" "03040001");  // IPsec DOI, ESP, one SPI of four octets
    const auto spi = word(alices->outbound[0].spi);
    body.insert(body.end(), spi.begin(), spi.end());
    at.says(who, isakmp::payload_type::delete_sa, body, 77);
    CHECK(at.home.ike.children().size() == (same ? 1U : 2U));
    body = unhex("00000001" "01100001");  // ISAKMP, two cookies
    const auto cky = alice.e.record.phase_1.at(0).cky.octets();
    body.insert(body.end(), cky.begin(), cky.end());
    at.says(who, isakmp::payload_type::delete_sa, body, 78);
    CHECK(at.home.ike.established_count() == (same ? 1U : 2U));
}
