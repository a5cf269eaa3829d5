// An ISAKMP SA between phase 1 and phase 2: what it may move, agree on and wait for before it stands.
#include <algorithm>

#include "support/catch.hpp"
#include "support/dialogue_scene.hpp"
#include "support/nat_scene.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;

namespace {

using client_end = dialogue_scene::end;
const ip::address elsewhere = ip::address::v4(203, 0, 113, 77);

/// Aggressive Mode with XAUTH; the client comes from anywhere, and is known by its name.
auto roaming(bool left, const ip::address& client_at = left_address) -> v1::config {
    auto c = xauth_config(left, !left);
    auto& p = c.peers[0];
    p.suites[0].group = crypto::group_id::modp1024;
    p.local_id = *ike::identity::of_text(ike::id_type::fqdn, left ? "left.example" : "right.example");
    p.remote_id = *ike::identity::of_text(ike::id_type::fqdn, left ? "right.example" : "left.example");
    p.modes = {.begin_aggressive = left, .accept_aggressive = !left, .accept_main = false};
    if (left) p.path.local.address = client_at;
    else p.path.remote.address = ip::address::v4(0, 0, 0, 0);
    return c;
}
/// A client that is somewhere else and the edge device of `s`; what goes to other addresses is lost. Ports for
/// NAT traversal are seen as `encap_port`.
void talk_from_elsewhere(dialogue_scene& s, client_end& client, duration how_long, std::uint16_t encap_port = 4500) {
    std::vector<std::byte> scratch(16384);
    const auto from = [&](ike::path at) {
        if (at.local.port == 4500) at.local.port = encap_port;
        return ike::reversed(at);
    };
    const auto to = [&](ike::path at) {
        if (at.remote.port == encap_port) at.remote.port = 4500;
        return ike::reversed(at);
    };
    for (const instant until = s.now() + how_long; s.now() < until; s.clock.advance(milliseconds(20))) {
        client.ike.handle_timeout(s.now());
        client.drain_events(s.now());
        while (auto tx = client.ike.poll_transmit(scratch))
            s.right.ike.handle_datagram(s.now(), from(tx->path), tx->octets);
        s.right.ike.handle_timeout(s.now());
        while (auto d = s.right.ike.poll_dialogue()) knows_carol(s, s.right, *d);
        s.right.drain_events(s.now());
        while (auto tx = s.right.ike.poll_transmit(scratch))
            if (tx->path.remote.address == elsewhere)
                client.ike.handle_datagram(s.now(), to(tx->path), tx->octets);
    }
}
auto outbound_ports(const client_end& e) -> std::set<std::uint16_t> {
    std::set<std::uint16_t> out;
    for (const auto& [name, sa] : e.table)
        if (!sa.inbound) out.insert(sa.encapsulation.remote);
    return out;
}
auto count_of(const dialogue_scene& ends, testing::side from, isakmp::exchange_type t) -> std::size_t {
    return static_cast<std::size_t>(std::ranges::count_if(ends.sent, [&](const auto& m) {
        return m.from == from && isakmp::header::parse(m.octets)->exchange == t;
    }));
}
/// Whether each end, once it has done what was due, waits for a moment to come.
auto timers_move(dialogue_scene& ends, duration how_long) -> bool {
    for (const instant until = ends.now() + how_long; ends.now() < until; ends.clock.advance(milliseconds(50))) {
        ends.turn();
        if (ends.left.ike.poll_timeout() <= ends.now() || ends.right.ike.poll_timeout() <= ends.now()) return false;
    }
    return true;
}

}  // namespace

// --- where the peer is --------------------------------------------------------------------------------------------------------

TEST_CASE("a client that comes back from another address passes XAUTH while its old SA stands", "[ike][xauth][path]") {
    dialogue_scene ends{roaming(true), roaming(false)};
    ends.script = knows_carol;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(2)));
    REQUIRE(ends.right.established.size() == 1);
    REQUIRE(ends.right.table.size() == 2);
    client_end back{roaming(true, elsewhere), 77U};
    REQUIRE(back.ike.start(ends.now(), sa::policy_id{1}));
    talk_from_elsewhere(ends, back, seconds(5));
    REQUIRE(back.established.size() == 1);
    CHECK(back.table.size() == 2);
    REQUIRE(ends.right.established.size() == 2);
    CHECK(ends.right.established[1].path.remote.address == elsewhere);
    CHECK(ends.right.established[1].cookies == back.established[0].cookies);
}

// req: rfc3947-7-1
TEST_CASE("an SA that has not passed XAUTH moves no child of the peer, and one that has does", "[ike][xauth][path]") {
    const auto client = [] {
        auto c = xauth_config(true, false, "");
        c.peers[0].send_initial_contact = false;  // what stands at the right end stays
        return c;
    };
    dialogue_scene ends{client(), nat_scene::seen_from_outside(xauth_config(false, true))};
    ends.nat.emplace(nat_box{.outside = nat_outside});
    bool again = false;
    ends.script = [&](dialogue_scene& s, client_end& e, const v1::dialogue& d) {
        if (const auto* a = std::get_if<v1::xauth_attempt>(&d); a != nullptr && !again) e.ike.answer(s.now(), *a, true);
        if (const auto* p = std::get_if<v1::xauth_prompt>(&d)) {
            if (again) s.nat->reboot();  // the client's answer comes from another port
            const v1::credentials c = carols_credentials();
            e.ike.answer(s.now(), *p, &c);
        }
    };
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(2)));
    REQUIRE(ends.right.table.size() == 2);
    const auto ports = outbound_ports(ends.right);
    REQUIRE(ports.size() == 1);
    again = true;
    ends.left.ike = client_end::make(client(), ends.left.crypto, ends.left.record);
    ends.left.table.clear();
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
    REQUIRE(ends.talk(seconds(2)));
    const auto attempts = dialogue_scene::of<v1::xauth_attempt>(ends.seen_right);
    REQUIRE(attempts.size() == 2);
    const ike::path_record& move = ends.right.record.moves.back();  // the new SA itself follows
    REQUIRE(move.cookies == attempts[1]->cookies);
    REQUIRE(move.before.link == move.after.link);
    const std::uint16_t move_to = move.after.remote.port;
    REQUIRE_FALSE(ports.contains(move_to));
    CHECK(outbound_ports(ends.right) == ports);
    ends.right.ike.answer(ends.now(), *attempts[1], true);
    REQUIRE(ends.talk(seconds(2)));
    CHECK(outbound_ports(ends.right) == std::set{move_to});
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(2)));
    CHECK(ends.right.table.size() == 4);
    CHECK(outbound_ports(ends.right) == std::set{move_to});
}

// req: rfc3947-7-1
TEST_CASE("where a NAT forgot the peer, a new ISAKMP SA brings the children to its port", "[ike][path][rfc3947-7-1]") {
    auto l = ike_config(true), r = ike_config(false);
    l.peers[0].lifetime = r.peers[0].lifetime = {200, 0};
    l.peers[0].rekey_at = v1::rekey_time{.after = 50, .chance = 0};
    nat_scene ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(40)));
    REQUIRE(ends.right.table.size() == 2);
    ends.nat->reboot();
    REQUIRE(ends.run(seconds(12)));
    REQUIRE(ends.right.established.size() == 2);
    const auto port = [&](std::size_t i) { return ends.right.established[i].path.remote.port; };
    CHECK(port(1) != port(0));
    CHECK(outbound_ports(ends.right) == std::set{port(1)});
}

// req: rfc3947-7-1
TEST_CASE("a new ISAKMP SA with the peer at another address gives the children there no ports", "[ike][xauth][path]") {
    const auto behind_nat = [](v1::config c) {
        c.peers[0].nat.force = true;
        c.peers[0].send_initial_contact = false;  // what stands at the right end stays
        return c;
    };
    dialogue_scene ends{behind_nat(roaming(true)), behind_nat(roaming(false))};
    ends.script = knows_carol;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(2)));
    REQUIRE(outbound_ports(ends.right) == std::set<std::uint16_t>{4500});
    client_end back{behind_nat(roaming(true, elsewhere)), 77U};
    REQUIRE(back.ike.start(ends.now(), sa::policy_id{1}));
    talk_from_elsewhere(ends, back, seconds(5), 61000);
    REQUIRE(back.established.size() == 1);
    CHECK(ends.right.established.back().path.remote == ike::socket_address{elsewhere, 61000});
    CHECK(ends.right.table.size() == 4);
    CHECK(outbound_ports(ends.right) == std::set<std::uint16_t>{4500, 61000});
}

// req: rfc3947-7-1
TEST_CASE("a new ISAKMP SA without NAT traversal moves no child that is encapsulated", "[ike][path]") {
    const auto config = [](bool left, bool nat) {
        auto c = ike_config(left);
        c.peers[0].nat.enabled = c.peers[0].nat.force = nat;
        c.peers[0].send_initial_contact = false;  // what stands at the right end stays
        return c;
    };
    identity_ends ends{config(true, true), config(false, true)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(2)));
    REQUIRE(outbound_ports(ends.right) == std::set<std::uint16_t>{4500});
    ends.left.ike = client_end::make(config(true, false), ends.left.crypto, ends.left.record);
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
    REQUIRE(ends.run(seconds(2)));
    REQUIRE(ends.right.established.size() == 2);
    REQUIRE(ends.right.established[1].path.remote.port == 500);
    CHECK(ends.right.table.size() == 2);
    CHECK(outbound_ports(ends.right) == std::set<std::uint16_t>{4500});
}

// req: rfc3706-5.4-5
TEST_CASE("an SA that has not passed XAUTH and falls silent ends no child of the peer", "[ike][xauth][dpd][bad_peer]") {
    auto l = xauth_config(true, false), r = xauth_config(false, true);
    l.peers[0].identity_pfs = r.peers[0].identity_pfs = true;  // no ISAKMP SA stays with the children
    r.peers[0].dpd = {.delay = seconds(3), .timeout = seconds(3)};
    dialogue_scene ends{std::move(l), std::move(r)};
    ends.script = knows_carol;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(20)));
    REQUIRE(ends.right.table.size() == 2);
    REQUIRE(ends.right.ike.ike_sa_count() == 0);
    ends.left.ike = client_end::make(xauth_config(true, false, ""), ends.left.crypto, ends.left.record);
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));  // nobody answers its prompt
    REQUIRE(ends.talk(seconds(1)));
    REQUIRE(ends.right.ike.ike_sa_count() == 1);
    ends.wire.cut();
    REQUIRE(ends.talk(seconds(10)));
    CHECK(ends.right.record.count(errc::peer_dead) == 1);
    CHECK(ends.right.ike.ike_sa_count() == 0);
    CHECK(ends.right.table.size() == 2);
}

// --- groups -------------------------------------------------------------------------------------------------------------------

// req: rfc2409-5.6-1
TEST_CASE("New Group Mode before XAUTH is over is not answered", "[ike][xauth][new_group][bad_peer]") {
    constexpr crypto::group_id number{40000};
    const auto prime = crypto::prime_of(crypto::group_id::modp1024);
    const crypto::private_group group = crypto::modp_parameters{{prime.begin(), prime.end()}, unhex("02"), {}};
    auto edge = xauth_config(false, true);
    edge.peers[0].accept_new_groups = true;
    edge.peers[0].new_group_limits = {.least_modp_bits = 768, .least_field_bits = 150, .rounds = 2};
    dialogue_scene ends{xauth_config(true, false), std::move(edge)};
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
    REQUIRE(ends.talk(seconds(1)));
    const auto attempts = dialogue_scene::of<v1::xauth_attempt>(ends.seen_right);
    REQUIRE(attempts.size() == 1);
    const v1::peer_config nobody;
    const auto& keys = ends.left.record.phase_1.at(0);
    v1::quick_mode::environment<testing::identity_provider, ike_record> e{
        {ends.now(), ends.left.crypto, ends.left.record, nobody, v1::peer_id{0}, left_path}, keys};
    const isakmp::message_id id{7};
    const auto first = v1::phase_2_iv(ends.left.crypto, keys.agreed.suite.hash, keys.next, id.value());
    const auto m = v1::new_group_mode::detail::write(id, v1::new_group_mode::detail::write_sa({number, group}), *first, e);
    REQUIRE(m);
    const auto answers = [&] {
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), m->datagram);
        ends.flush(ends.right, testing::side::right);
        return count_of(ends, testing::side::right, isakmp::exchange_type::new_group_mode);
    };
    CHECK(answers() == 0);
    CHECK(ends.right.record.count(errc::unexpected_message) == 1);
    ends.right.ike.answer(ends.now(), *attempts[0], true);
    REQUIRE(ends.talk(seconds(1)));
    REQUIRE(ends.right.established.size() == 1);
    CHECK(answers() == 1);
}

// --- time ---------------------------------------------------------------------------------------------------------------------

TEST_CASE("no timer stays in the past while XAUTH takes longer than the soft limit", "[ike][xauth][time]") {
    auto l = xauth_config(true, false, ""), r = xauth_config(false, true);
    for (auto* c : {&l, &r}) {
        c->peers[0].lifetime = {20, 0};
        c->peers[0].rekey_at = v1::rekey_time{.after = 5, .chance = 0};
    }
    dialogue_scene ends{std::move(l), std::move(r)};  // nobody answers the prompt
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    CHECK(timers_move(ends, seconds(15)));
    CHECK(ends.left.ike.ike_sa_count() == 1);
    CHECK(ends.right.ike.ike_sa_count() == 1);
    CHECK(ends.left.established.empty());
}

// req: rfc2409-8-m1
TEST_CASE("no timer stays in the past where an SA has served its one Quick Mode", "[ike][identity_pfs][time]") {
    auto l = ike_config(true), r = ike_config(false);
    for (auto* c : {&l, &r}) {
        c->peers[0].identity_pfs = true;
        c->peers[0].lifetime = {20, 0};
        c->peers[0].rekey_at = v1::rekey_time{.after = 5, .chance = 0};
        c->delete_grace = seconds(60);
    }
    dialogue_scene ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    CHECK(timers_move(ends, seconds(15)));
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.left.ike.ike_sa_count() == 1);
    CHECK(ends.left.established.size() == 1);
}

// --- Mode Config --------------------------------------------------------------------------------------------------------------

TEST_CASE("Mode Config that is not required, and gets no answer or a bad one, leaves the SA standing", "[ike][mode_config]") {
    auto l = ike_config(true);
    l.peers[0].mode_config.part = v1::config_part::client;
    l.peers[0].mode_config.required = false;
    dialogue_scene ends{std::move(l), ike_config(false)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    const bool bad_answer = GENERATE(false, true);
    CAPTURE(bad_answer);
    REQUIRE(ends.talk(seconds(1)));
    REQUIRE(ends.left.table.size() == 2);
    const auto asked = std::ranges::find_if(ends.sent, [](const auto& m) {
        return isakmp::header::parse(m.octets)->exchange == isakmp::exchange_type::transaction;
    });
    REQUIRE(asked != ends.sent.end());
    if (bad_answer) {
        const auto& keys = ends.right.record.phase_1.at(0);
        v1::transaction::content c{.message = isakmp::config_message::reply, .identifier = 0, .attributes = {}};
        REQUIRE(c.put(isakmp::config_attribute::internal_ip4_address, std::string_view{"abc"}));
        const auto next = v1::make_iv(byte_view{asked->octets}.last(keys.cipher.block));
        const auto m = v1::transaction::write(c, isakmp::header::parse(asked->octets)->id, next, keys, ends.right.crypto);
        REQUIRE(m);
        ends.left.ike.handle_datagram(ends.now(), left_path, m->datagram);
        CHECK(ends.left.record.count(errc::malformed) == 1);
    }
    CHECK(timers_move(ends, seconds(200)));
    const auto requests = count_of(ends, testing::side::left, isakmp::exchange_type::transaction);
    CHECK((requests == 1) == bad_answer);
    CHECK(ends.left.closed.empty());
    CHECK(ends.left.ike.established_count() == 1);
    CHECK(ends.right.ike.established_count() == 1);
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
}

// --- configurations -----------------------------------------------------------------------------------------------------------

TEST_CASE("a suite with a method that XAUTH has no number for is refused", "[ike][xauth][config]") {
    using method = isakmp::oakley_authentication;
    for (const auto m : {method::rsa_signatures, method::ecdsa_256, method::ecdsa_384, method::ecdsa_521}) {
        CAPTURE(static_cast<unsigned>(m));
        auto c = ike_config(true);
        auto& p = c.peers[0];
        p.psk = {};
        p.suites[0].authentication = m;
        p.keys.sign_with.push_back({m, crypto::signing_key{0}, {}});
        p.keys.peer_keys.push_back({m, {}, {}});
        REQUIRE(v1::check(c));
        p.xauth.part = v1::xauth_part::edge_device;
        const auto ok = v1::check(c);
        CHECK(ok.has_value() == (m == method::rsa_signatures));
        if (!ok) CHECK(ok.error() == errc::unusable_algorithm);
    }
}
