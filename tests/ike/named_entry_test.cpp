// Named SPD entries: road warriors whose identity chooses the entry, and whose address is bound to its SAs.   RFC 4301 §4.4.1.1
#include <array>
#include <functional>
#include <memory>
#include <optional>

#include "dataplane/gateways.hpp"
#include "ipsec/ike/v1/bound_addresses.hpp"
#include "ipsec/sa/install.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using dataplane::drop;
using dataplane::fate;
using ike::errc;
using testing::checksum_mac;
using testing::identity_suite;

namespace {

auto v4(const char* text) -> ip::address { return ip::parse_range(text)->first(); }
auto client_of(const char* text) -> ike::client { return {.addresses = *ip::parse_range(text)}; }
auto named(const char* text) -> ike::identity { return *ike::identity::of_text(ike::id_type::fqdn, text); }
const ike::client anybody{.addresses = ip::range::any(ip::family::v4)};

// --- what the responder binds ------------------------------------------------------------------------------------------------

const std::vector<ip::range> pool{*ip::parse_range("10.1.0.0/24")};
const std::vector<ip::range> own_address{ip::range{left_address}};

struct road {
    v1::config warrior = ike_config(true), home = ike_config(false);
    v1::child_config &asks = warrior.peers[0].children[0], &binds = home.peers[0].children[0];
    road() {
        asks.local = client_of("10.1.0.7");
        warrior.peers[0].local_id = home.peers[0].remote_id = named("alice.example");
        binds.remote = anybody;
        binds.bind_remote = true;
        home.authorization = {{.who = {.text = "alice.example"}, .addresses = pool}};
    }
    [[nodiscard]] auto ends() -> std::unique_ptr<identity_ends> {
        return std::make_unique<identity_ends>(std::move(warrior), std::move(home));
    }
};
/// The far side of the SAs of an end, which is one for all of them.
template <class End> auto far_side(const End& e) -> std::optional<ip::range> {
    std::optional<ip::range> out;
    for (const auto& [name, sa] : e.table) {
        const ip::range far = sa.inbound ? sa.selectors.source : sa.selectors.destination;
        if (out && *out != far) return std::nullopt;
        out = far;
    }
    return out;
}

}  // namespace

// req: rfc4301-4.4.1.1-7, rfc4301-4.4.3.3-1
TEST_CASE("the address of a road warrior takes the place of the policy's remote one, where the identity may have it",
          "[ike][named_entry]") {
    struct row {
        const char* what;
        std::function<void(road&)> change;
        std::optional<errc> refused;
        const char* bound;
    };
    const auto to_transport = [](road& r) { r.asks.mode = r.binds.mode = sa::mode::transport; };
    const auto as_itself = [](road& r) {
        r.asks.local.reset();
        r.asks.remote.reset();
        r.binds.local = ike::client{.addresses = right_address};
        r.home.authorization[0].addresses = own_address;
    };
    const auto udp = [](ike::client c, std::uint16_t port) {
        c.protocol = 17;
        c.port = port;
        return c;
    };
    const std::vector<row> rows{
        {"one host of the pool", [](road&) {}, {}, "10.1.0.7"},
        {"another host of it", [](road& r) { r.asks.local = client_of("10.1.0.250"); }, {}, "10.1.0.250"},
        {"two hosts", [](road& r) { r.asks.local = client_of("10.1.0.6/31"); }, errc::identity_mismatch, ""},
        {"all of the pool", [](road& r) { r.asks.local = client_of("10.1.0.0/24"); }, errc::identity_mismatch, ""},
        {"what the policy has", [](road& r) { r.asks.local = anybody; }, errc::identity_mismatch, ""},
        {"a host that is not in the database", [](road& r) { r.asks.local = client_of("10.1.1.7"); }, errc::not_authorized, ""},
        {"a host that the policy has not",
         [](road& r) { r.binds.remote = client_of("10.3.0.0/16"); },
         errc::identity_mismatch,
         ""},
        {"one of the other family", [](road& r) { r.asks.local = client_of("fd01::7"); }, errc::identity_mismatch, ""},
        {"another near side", [](road& r) { r.asks.remote = client_of("10.2.0.0/17"); }, errc::identity_mismatch, ""},
        {"by the name alone",
         [](road& r) { r.home.authorization[0] = {.who = {.text = ".example"}, .lookup = policy::child_lookup::by_identity}; },
         {}, "10.1.0.7"},
        {"a protocol that the policy says not",
         [&](road& r) { r.asks.local = udp(client_of("10.1.0.7"), 0); },
         errc::identity_mismatch,
         ""},
        {"the protocol of the policy",
         [&](road& r) {
             r.asks.local = udp(client_of("10.1.0.7"), 1701);
             r.binds.remote = udp(anybody, 1701);
         },
         {}, "10.1.0.7"},
        {"part of the policy, where that is allowed",
         [&](road& r) {
             r.asks.local = udp(client_of("10.1.0.7"), 1701);
             r.asks.remote = client_of("10.2.0.0/17");
             r.binds.allow_narrower = true;
         },
         {}, "10.1.0.7"},
        {"no identities", as_itself, {}, "192.0.2.1"},
        {"no identities, and none in the policy",
         [&](road& r) {
             as_itself(r);
             r.binds.local.reset();
             r.binds.remote.reset();
         },
         {}, "192.0.2.1"},
        {"no identities, and an address that is not in the database",
         [&](road& r) {
             as_itself(r);
             r.home.authorization[0].addresses = pool;
         },
         errc::not_authorized, ""},
        {"transport mode, no identities",
         [&](road& r) {
             as_itself(r);
             to_transport(r);
         },
         {}, "192.0.2.1"},
        {"transport mode, the peer's address",
         [&](road& r) {
             as_itself(r);
             to_transport(r);
             r.asks.local = ike::client{.addresses = left_address};
             r.asks.remote = ike::client{.addresses = right_address};
         },
         {}, "192.0.2.1"},
        {"transport mode, somebody else's", to_transport, errc::identity_mismatch, ""},
    };
    for (const row& r : rows) {
        CAPTURE(r.what);
        road to;
        r.change(to);
        const auto ends = to.ends();
        REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
        REQUIRE(ends->run(seconds(5)));
        CHECK(ends->right.table.size() == (r.refused ? 0U : 2U));
        CHECK(ends->left.table.size() == ends->right.table.size());
        if (r.refused) {
            REQUIRE(ends->right.failures.size() == 1);
            CHECK(ends->right.failures[0].why == *r.refused);
            REQUIRE(ends->left.failures.size() == 1);  // and was told
            CHECK(ends->left.failures[0].why == errc::refused_by_peer);
            continue;
        }
        CHECK(ends->right.failures.empty());
        CHECK(far_side(ends->right) == ip::parse_range(r.bound));
        CHECK(ends->equal_sas());
    }
}

// req: rfc4301-4.4.1.1-7
TEST_CASE("what is no host beyond the gateway is never bound, not even where the name may choose its address",
          "[ike][named_entry]") {
    struct row {
        const char *what, *says;
        bool bound;
        const char* local = "10.2.0.0/16";
    };
    const std::vector<row> rows{
        {"a host", "10.1.0.7", true},
        {"a host where all of remote is in local", "10.1.0.7", true, "0.0.0.0/0"},
        {"the last host of a network", "10.1.255.255", true},
        {"no address", "0.0.0.0", false},
        {"all hosts of the link", "255.255.255.255", false},
        {"a group", "224.0.0.5", false},
        {"the last group", "239.255.255.255", false},
        {"each host itself", "127.0.0.1", false},
        {"each host itself, another way", "127.255.0.9", false},
        {"each host itself where all of remote is in local", "127.0.0.1", false, "0.0.0.0/0"},
        {"beside what each host is", "128.0.0.1", true},
        {"the gateway", "198.51.100.1", false},
        {"the gateway where all of remote is in local", "198.51.100.1", false, "0.0.0.0/0"},
        {"beside the gateway", "198.51.100.2", true},
        {"a host behind the gateway", "10.2.0.9", false},
        {"a host behind another gateway", "10.3.0.0", true},
        {"IPv6: a host", "fd01::7", true, "fd02::/16"},
        {"IPv6: no address", "::", false, "fd02::/16"},
        {"IPv6: each host itself", "::1", false, "fd02::/16"},
        {"IPv6: a group", "ff02::1", false, "fd02::/16"},
        {"IPv6: a host behind the gateway", "fd02::9", false, "fd02::/16"},
        {"IPv6: the last of all, a group", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false, "fd02::/16"},
    };
    for (const row& r : rows) {
        CAPTURE(r.what);
        road to;
        to.home.authorization = {{.who = {.text = "alice.example"}, .lookup = policy::child_lookup::by_identity}};
        to.asks.local = client_of(r.says);
        to.asks.remote = to.binds.local = client_of(r.local);
        to.binds.remote = ike::client{.addresses = ip::range::any(v4(r.says).family())};
        const auto ends = to.ends();
        REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
        REQUIRE(ends->run(seconds(5)));
        CHECK(ends->right.table.size() == (r.bound ? 2U : 0U));
        CHECK(ends->left.table.size() == ends->right.table.size());
        if (r.bound) CHECK(far_side(ends->right) == ip::parse_range(r.says));
        CHECK(ends->right.failures.size() == (r.bound ? 0U : 1U));
        for (const auto& f : ends->right.failures) CHECK(f.why == errc::identity_mismatch);
    }
}

// req: rfc4301-4.4.1.1-7
TEST_CASE("a bound address stays with its SAs, whichever end rekeys them", "[ike][named_entry][rekey]") {
    const bool unsaid = GENERATE(false, true);
    CAPTURE(unsaid);
    road to;
    if (unsaid) {
        for (auto* c : {&to.asks, &to.binds}) {
            c->local.reset();
            c->remote.reset();
        }
        to.home.authorization[0].addresses = own_address;
    }
    const auto ends = to.ends();
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(5)));
    const auto bound = far_side(ends->right);
    for (auto* e : {&ends->right, &ends->left}) {
        e->ike.handle(ends->now(), sa::soft_expired{e->ike.children().back().outbound[0], e->children.back().policy});
        REQUIRE(ends->run(seconds(30)));
        CHECK(e->children.back().rekeyed);
        CHECK(ends->right.table.size() == 2);
        CHECK(far_side(ends->right) == bound);
        CHECK(ends->equal_sas());
    }
    CHECK(ends->right.failures.empty());
}

// req: rfc4301-4.4.1.1-7
TEST_CASE("the end that binds an address leaves it to the peer to begin", "[ike][named_entry]") {
    const auto ends = road{}.ends();
    const auto now = ends->now();
    CHECK(ends->right.ike.start(now, sa::policy_id{101}) == std::unexpected{errc::peer_begins});
    CHECK(ends->right.ike.start(now, sa::policy_id{101}, client_of("10.2.0.0/16"), client_of("10.1.0.7")) ==
          std::unexpected{errc::peer_begins});
    sa::acquire wanted;
    wanted.policy = sa::policy_id{101};
    CHECK(ends->right.ike.handle(now, wanted) == std::unexpected{errc::peer_begins});
    CHECK(ends->right.ike.start(now, sa::policy_id{102}) == std::unexpected{errc::no_such_policy});
    CHECK(ends->right.ike.ike_sa_count() == 0);
}

TEST_CASE("a child that binds an address and contradicts itself is refused when it is configured", "[ike][named_entry][config]") {
    struct row {
        const char* what;
        std::function<void(v1::config&)> change;
        std::optional<errc> fault;
    };
    const auto second = [](v1::config& c) -> v1::peer_config& {
        auto other = std::move(road{}.home.peers[0]);
        other.path.remote.address = v4("192.0.2.2");
        other.remote_id = named("bob.example");
        c.peers.push_back(std::move(other));
        return c.peers[1];
    };
    const std::vector<row> rows{
        {"as it is", [](auto&) {}, {}},
        {"two peers with one policy", [&](auto& c) { second(c); }, {}},
        {"one of which does not bind", [&](auto& c) { second(c).children[0].bind_remote = false; }, errc::duplicate_policy},
        {"twice with one peer", [](auto& c) { c.peers[0].children.push_back(c.peers[0].children[0]); }, errc::duplicate_policy},
        {"no database", [](auto& c) { c.authorization.clear(); }, errc::binds_unchecked},
        {"begun at once", [](auto& c) { c.peers[0].children[0].start_at_once = true; }, errc::peer_begins},
        {"begun anew", [](auto& c) { c.peers[0].children[0].when_dead = v1::on_dead_peer::restart; }, errc::peer_begins},
        {"a name in place of the address", [](auto& c) { c.peers[0].children[0].remote_name = named("a"); }, errc::bad_selector},
        {"between clients", [](auto& c) { c.peers[0].children[0].transport_for_clients = true; }, errc::bad_selector},
    };
    for (const row& r : rows) {
        CAPTURE(r.what);
        v1::config c = std::move(road{}.home);
        r.change(c);
        CHECK(v1::check(c) == (r.fault ? ike::result<void>{std::unexpected{*r.fault}} : ike::result<void>{}));
    }
}

TEST_CASE("a child that binds an address comes and goes in a list of children", "[ike][named_entry][children]") {
    const auto ends = road{}.ends();
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(5)));
    auto& ike = ends->right.ike;
    auto children = ike.settings().peers[0].children;
    auto plain = children;
    plain[0].bind_remote = false;
    REQUIRE(ike.replace_children(ends->now(), v1::peer_id{0}, children));
    CHECK(ike.children().size() == 1);  // the same as before
    REQUIRE(ike.replace_children(ends->now(), v1::peer_id{0}, plain));
    CHECK(ike.children().empty());
    CHECK(ike.start(ends->now(), sa::policy_id{101}) == std::unexpected{errc::not_authorized});  // for all of it
    REQUIRE(ike.replace_children(ends->now(), v1::peer_id{0}, children));
    CHECK(ike.start(ends->now(), sa::policy_id{101}) == std::unexpected{errc::peer_begins});
    identity_ends without{ike_config(true), ike_config(false)};
    CHECK(without.right.ike.replace_children(without.now(), v1::peer_id{0}, children) == std::unexpected{errc::binds_unchecked});
}

// req: rfc4301-4.4.1.1-7
TEST_CASE("in transport mode through a NAT the address that its packets show is bound", "[ike][named_entry][nat]") {
    road to;
    const auto outside = v4("203.0.113.9");
    const std::vector<ip::range> may{ip::range{outside}};
    for (auto* c : {&to.asks, &to.binds}) c->mode = sa::mode::transport;
    to.asks.local = ike::client{.addresses = left_address};
    to.asks.remote = ike::client{.addresses = right_address};
    to.binds.local = to.asks.remote;
    to.home.authorization[0].addresses = may;
    to.home.peers[0].path.remote.address = outside;
    const auto ends = to.ends();
    ends->nat = nat_box{.outside = outside};
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(5)));
    REQUIRE(ends->right.table.size() == 2);
    CHECK(far_side(ends->right) == ip::range{outside});
}

// --- two of them at once -----------------------------------------------------------------------------------------------------

namespace {

using end = ike_end<testing::identity_provider>;
using walks = gateway<identity_suite, checksum_mac>;

/// One system: IKE, and the packet side that it installs its SAs in.
struct system_ {
    explicit system_(v1::config c, std::uint64_t seed) : ike_side{std::move(c), seed} {}
    void drain(instant now) {
        while (auto ev = ike_side.ike.poll_event()) {
            const bool ok = std::visit(
                [&](auto& e) {
                    using kind = std::decay_t<decltype(e)>;
                    if constexpr (std::is_base_of_v<sa::install, kind>) {
                        const identity_suite suite;
                        e.keymat = secret<256>{e.keymat.view().first(suite.keymat_size())};
                        if (lies) e.selectors = {};
                        return sa::apply(packets.sadb, e, [&](const auto&) -> crypto::result<identity_suite> { return suite; },
                                         [](auto) -> crypto::result<checksum_mac> { return checksum_mac{}; }, random, now)
                            .has_value();
                    } else if constexpr (std::same_as<kind, sa::remove>) {
                        return sa::apply(packets.sadb, e).has_value();
                    } else if constexpr (std::same_as<kind, v1::exchange_failed>) {
                        ike_side.failures.push_back(e);
                    }
                    return true;
                },
                *ev);
            ike_side.ike.answer(*ev, ok);
        }
    }
    end ike_side;
    walks packets;
    testing::seeded_rng random{5};
    bool lies = false;  ///< its SAs take whatever it sends, whatever was agreed on
};

struct warrior {
    const char* name;
    ip::address outer, inner;
};
const std::array warriors{warrior{"alice.example", v4("192.0.2.1"), v4("10.9.0.1")},
                          warrior{"bob.example", v4("192.0.2.2"), v4("10.9.1.1")}};
const std::array may_have{std::vector{*ip::parse_range("10.9.0.0/24")}, std::vector{*ip::parse_range("10.9.1.0/24")}};
const ip::address server = v4("10.2.0.80");

/// A gateway whose peers come from anywhere, two of them, on one clock and on a wire that loses nothing.
struct two_on_the_road {
    explicit two_on_the_road(bool share_policy, const std::function<void(v1::config&)>& change = [](v1::config&) {},
                             bool by_main_mode = false) {
        auto h = ike_config(false);
        const v1::peer_config plain = std::move(h.peers[0]);
        h.peers.clear();
        for (std::size_t n = 0; n < warriors.size(); ++n) {
            const auto& w = warriors[n];
            auto c = ike_config(true);
            auto& p = c.peers[0];
            p.path.local.address = w.outer;
            p.local_id = named(w.name);
            p.suites[0].group = crypto::group_id::modp1024;
            p.modes = {.begin_aggressive = !by_main_mode, .accept_aggressive = false, .accept_main = by_main_mode};
            p.children[0].local = ike::client{.addresses = w.inner};
            v1::peer_config q;
            q.path = plain.path;
            q.path.remote.address = v4("0.0.0.0");
            q.remote_id = named(w.name);
            q.psk = v1::psk_of("correct horse");
            q.suites = p.suites;
            q.modes = {.begin_aggressive = false, .accept_aggressive = !by_main_mode, .accept_main = by_main_mode};
            q.xauth.allow_group_secret = by_main_mode;  // one key for both
            q.children = plain.children;
            q.children[0].remote = anybody;
            q.children[0].bind_remote = true;
            q.children[0].policy = sa::policy_id{share_policy ? 101U : 101U + static_cast<std::uint32_t>(n)};
            h.authorization.push_back({.who = {.text = w.name}, .addresses = may_have[n]});
            h.peers.push_back(std::move(q));
            change(c);
            road.push_back(std::make_unique<system_>(std::move(c), 10 + n));
            append(*road[n], sa::policy_id{1}, {}, client_of("10.2.0.0/16").addresses);
        }
        change(h);
        home = std::make_unique<system_>(std::move(h), 99);
        for (const ip::range& far : share_policy ? std::vector{anybody.addresses} : std::vector{may_have[0][0], may_have[1][0]}) {
            append(*home, sa::policy_id{next_policy++}, client_of("10.2.0.0/16").addresses, far);
        }
    }
    static void append(system_& s, sa::policy_id id, const ip::range& source, const ip::range& destination) {
        ip::selector traffic;
        traffic.source = source;
        traffic.destination = destination;
        auto e = apply_entry({{}}, id, traffic);
        e.protections[0].tunnel.reset();  // between whatever ends its SAs have
        REQUIRE(s.packets.spd.append_pair(e));
    }
    void run(int turns = 60) {
        std::vector<std::byte> scratch(32768);
        for (int i = 0; i < turns; ++i) {
            const instant now = clock.now();
            for (auto& w : road) {
                w->ike_side.ike.handle_timeout(now);
                w->drain(now);
                while (auto tx = w->ike_side.ike.poll_transmit(scratch))
                    home->ike_side.ike.handle_datagram(now, ike::reversed(tx->path), tx->octets);
            }
            home->ike_side.ike.handle_timeout(now);
            home->drain(now);
            while (auto tx = home->ike_side.ike.poll_transmit(scratch))
                for (std::size_t n = 0; n < road.size(); ++n)
                    if (tx->path.remote.address == warriors[n].outer)
                        road[n]->ike_side.ike.handle_datagram(now, ike::reversed(tx->path), tx->octets);
            clock.advance(milliseconds(10));
        }
    }
    void bring_up(std::size_t n) {
        REQUIRE(road[n]->ike_side.ike.start(clock.now(), sa::policy_id{1}));
        run();
    }
    static auto packet(const ip::address& from, const ip::address& to) -> std::vector<std::byte> {
        auto p = v4_packet(20);
        std::ranges::copy(from.octets(), p.begin() + 12);
        std::ranges::copy(to.octets(), p.begin() + 16);
        mend_checksum(p);
        return p;
    }
    testing::clock clock;
    std::unique_ptr<system_> home;
    std::vector<std::unique_ptr<system_>> road;
    std::uint32_t next_policy = 101;
};
auto one(std::vector<collecting_sink::item>&& items) -> collecting_sink::item {
    REQUIRE(items.size() == 1);
    return std::move(items[0]);
}
auto alone(packet_buffer&& p) -> std::vector<packet_buffer> {
    std::vector<packet_buffer> out;
    out.push_back(std::move(p));
    return out;
}

}  // namespace

// req: rfc4301-4.4.1.1-7
TEST_CASE("two road warriors are served at once, and neither gets the other's packets", "[ike][named_entry][dataplane]") {
    const bool share = GENERATE(true, false), by_main_mode = GENERATE(true, false);
    CAPTURE(share, by_main_mode);
    two_on_the_road net{share, [](v1::config&) {}, by_main_mode};
    for (std::size_t n : {0U, 1U}) net.bring_up(n);
    auto& home = net.home->packets;
    REQUIRE(home.sadb.inbound_size() == 2);
    REQUIRE(home.sadb.outbound_size() == 2);
    for (std::size_t n : {0U, 1U, 0U}) {
        CAPTURE(n);
        const auto& w = warriors[n];
        // To it: by its own SA, and readable for it alone.
        const auto plain = two_on_the_road::packet(server, w.inner);
        auto sent = one(home.send({plain}));
        REQUIRE(sent.verdict.fate == fate::protect);
        CHECK(ip::read_flow(std::as_const(sent.packet).octets())->destination == w.outer);
        const auto wire = octets_in(sent.packet);
        CHECK(one(net.road[1 - n]->packets.receive({wire})).verdict.reason == drop::unknown_spi);
        const auto got = one(net.road[n]->packets.receive({wire}));
        CHECK(got.verdict.fate == fate::deliver);
        CHECK((octets_in(got.packet) == plain));
        // From it.
        auto back = one(net.road[n]->packets.send({two_on_the_road::packet(w.inner, server)}));
        REQUIRE(back.verdict.fate == fate::protect);
        CHECK(one(home.receive(alone(std::move(back.packet)))).verdict.fate == fate::deliver);
    }
    CHECK(home.log.records.empty());
    // An address that nobody has is up to nobody.
    CHECK(one(home.send({two_on_the_road::packet(server, v4("10.9.0.2"))})).verdict.reason == drop::no_sa);
    const auto wanted = home.poll();
    REQUIRE(wanted.size() == 1);
    const auto answer = net.home->ike_side.ike.handle(net.clock.now(), std::get<sa::acquire>(wanted[0]));
    CHECK(answer == std::unexpected{errc::peer_begins});
}

// req: rfc4301-4.4.1.1-7
TEST_CASE("a packet from another source than the bound one is dropped and reported", "[ike][named_entry][dataplane]") {
    two_on_the_road net{GENERATE(true, false)};
    net.road[0]->lies = true;
    for (std::size_t n : {0U, 1U}) net.bring_up(n);
    auto& home = net.home->packets;
    for (const auto& from : {warriors[1].inner, v4("10.9.0.2"), v4("8.8.8.8")}) {
        auto sent = one(net.road[0]->packets.send({two_on_the_road::packet(from, server)}));
        REQUIRE(sent.verdict.fate == fate::protect);
        home.log.records.clear();
        CHECK(one(home.receive(alone(std::move(sent.packet)))).verdict.reason == drop::wrong_selectors);
        REQUIRE(home.log.records.size() == 1);
        CHECK(home.log.records[0].event == drop::wrong_selectors);
        CHECK(home.log.records[0].flow.source == from);
        REQUIRE(home.log.records[0].expected);
        CHECK(home.log.records[0].expected->source == ip::range{warriors[0].inner});
    }
}

// req: rfc4301-4.4.1.1-7
TEST_CASE("an address leads to one road warrior under a policy, until that has gone", "[ike][named_entry]") {
    two_on_the_road net{true, [](v1::config& c) {
                            for (auto& e : c.authorization) e.addresses = may_have[0];
                            for (auto& p : c.peers)
                                if (p.modes.begin_aggressive) p.children[0].local = ike::client{.addresses = warriors[0].inner};
                        }};
    auto& home = net.home->ike_side;
    net.bring_up(0);
    net.bring_up(1);
    REQUIRE(home.failures.size() == 1);
    CHECK(home.failures[0].why == errc::already_bound);
    CHECK(home.failures[0].peer == v1::peer_id{1});
    CHECK(home.ike.children(v1::peer_id{0}).size() == 1);
    CHECK(home.ike.children(v1::peer_id{1}).empty());
    CHECK(net.home->packets.sadb.inbound_size() == 1);
    // The same one may come again, and has it still.
    net.road[0]->ike_side.ike.handle(net.clock.now(), sa::soft_expired{net.road[0]->ike_side.ike.children()[0].outbound[0], {}});
    net.run(900);
    CHECK(home.ike.children(v1::peer_id{0}).size() == 1);
    net.bring_up(1);
    CHECK(home.failures.size() == 2);
    net.road[0]->ike_side.ike.close(net.clock.now());
    net.run();
    REQUIRE(home.ike.children().empty());
    net.bring_up(1);
    CHECK(home.failures.size() == 2);
    CHECK(home.ike.children(v1::peer_id{1}).size() == 1);
}

// req: rfc4301-4.4.1.1-7
TEST_CASE("a bound address is its peer's again after a restart", "[ike][named_entry][snapshot]") {
    const auto same_pool = [](v1::config& c) {
        for (auto& e : c.authorization) e.addresses = may_have[0];
        for (auto& p : c.peers)
            if (p.modes.begin_aggressive) p.children[0].local = ike::client{.addresses = warriors[0].inner};
    };
    two_on_the_road net{true, same_pool}, other{true, same_pool};
    net.bring_up(0);
    other.bring_up(1);
    const auto kept = [](two_on_the_road& of) {
        auto& e = of.home->ike_side;
        return *e.ike.store(of.clock.now(), e.record.phase_1.back().cky);
    };
    const auto alice = kept(net), bob = kept(other);
    two_on_the_road fresh{true, same_pool};
    auto& home = fresh.home->ike_side;
    REQUIRE(home.ike.restore(fresh.clock.now(), alice));
    CHECK(home.ike.restore(fresh.clock.now(), bob) == std::unexpected{errc::already_bound});
    CHECK(home.ike.ike_sa_count() == 1);
    home.ike.close(fresh.clock.now());
    CHECK(home.ike.restore(fresh.clock.now(), bob));
}

TEST_CASE("an address is free again with the last pair that it was bound to", "[ike][named_entry]") {
    v1::bound_addresses all;
    const sa::policy_id policy{1}, another{2};
    const auto a = v4("10.9.0.1");
    CHECK(all.bind(sa::spi{1}, 0, policy, a));
    CHECK(all.bind(sa::spi{2}, 0, policy, a));
    CHECK_FALSE(all.bind(sa::spi{3}, 1, policy, a));
    CHECK(all.bind(sa::spi{3}, 1, another, a));
    all.release(sa::spi{1});
    all.release(sa::spi{1});
    all.release(sa::spi{77});
    CHECK_FALSE(all.is_free_for(1, policy, a));
    all.release(sa::spi{2});
    CHECK(all.is_free_for(1, policy, a));
    CHECK(all.size() == 1);
}
