// What the library is told of a configuration.
#include "gateway/plan.hpp"

#include "gateway/texts.hpp"
#include "ipsec/ike/v1/config_check.hpp"

namespace {

using namespace gateway;
using namespace gateway::testing;
using namespace ipsec;

constexpr auto here = ip::address::v4(192, 0, 2, 1), there = ip::address::v4(192, 0, 2, 2);

}  // namespace

TEST_CASE("a connection becomes a peer of IKE", "[gateway][plan]") {
    std::string text = with_in_connection("    rekey_time = 100\n    over_time = 20");
    text.replace(text.find("remote { auth = psk }"), 21, "remote { auth = psk\n id = you.example }");
    text.replace(text.find("= aes128-sha1\n"), 14, "= aes128-sha1-modp2048-esn\n start_action = start\n life_bytes = 1M\n");
    const config all = good_config(text);
    const auto made = make_config(all);
    REQUIRE(made.peers.size() == 1);
    CHECK(ike::v1::check(made));
    const auto& p = made.peers[0];
    CHECK(p.path == all.connections[0].path);
    CHECK(p.psk == ike::v1::psk_of("pre-shared"));
    CHECK_FALSE(p.local_id);
    CHECK(p.remote_id == *ike::identity::of_text(ike::id_type::fqdn, "you.example"));
    CHECK(p.suites == all.connections[0].suites);
    CHECK(p.lifetime == ike::v1::lifetime{.seconds = 120, .kilobytes = 0});
    CHECK(p.rekey_at == ike::v1::rekey_time{.after = 100, .chance = 20});
    REQUIRE(p.children.size() == 1);
    const auto& c = p.children[0];
    CHECK(c.policy == all.connections[0].children[0].policy);
    CHECK(c.mode == sa::mode::tunnel);
    CHECK(c.suites == all.connections[0].children[0].suites);
    CHECK(c.pfs == crypto::group_id::modp2048);
    CHECK(c.extended_sequence);
    CHECK(c.local == ike::client{.addresses = *ip::parse_prefix("10.1.0.0/16")});
    CHECK(c.remote == ike::client{.addresses = *ip::parse_prefix("10.2.0.0/16")});
    CHECK(c.lifetime == ike::v1::lifetime{.seconds = 3960, .kilobytes = 1024});
    CHECK_FALSE(c.start_at_once);  // the gateway asks for it once, and not whenever an ISAKMP SA comes to stand
    CHECK(c.rekey);
    CHECK(c.rekey_at == ike::v1::rekey_time{.after = 3600, .chance = 360});
    CHECK_FALSE(c.allow_narrower);
}

TEST_CASE("a child says what a peer's death means for it", "[gateway][plan]") {
    using ike::v1::on_dead_peer;
    const auto when_dead = [](const char* action) {
        const auto made = make_config(good_config(with_in_child("dpd_action = " + std::string{action})));
        return made.peers[0].children[0].when_dead;
    };
    CHECK(when_dead("none") == on_dead_peer::forget);
    CHECK(when_dead("clear") == on_dead_peer::forget);
    CHECK(when_dead("trap") == on_dead_peer::forget);
    CHECK(when_dead("restart") == on_dead_peer::restart);
}

TEST_CASE("SAs serve another version of their child where only actions differ", "[gateway][plan]") {
    policy_ids ids;
    const auto before = read(std::string{good}, ids);
    const auto stays = [&](const char* more) {
        const auto after = read(with_in_child(more), ids);
        return after->connections[0].children[0].same_sas(before->connections[0].children[0]);
    };
    for (const char* more : {"", "start_action = trap|start", "dpd_action = restart", "close_action = trap"}) {
        CAPTURE(more);
        CHECK(stays(more));
    }
    for (const char* more :
         {"rekey_time = 2h", "replay_window = 32", "copy_df = no", "rekey_packets = 100", "ah_proposals = sha1"}) {
        CAPTURE(more);
        CHECK_FALSE(stays(more));
    }
}

TEST_CASE("a child without soft limit is not rekeyed", "[gateway][plan]") {
    CHECK_FALSE(make_config(good_config(with_in_child("rekey_time = 0\n life_time = 1h"))).peers[0].children[0].rekey);
    CHECK(make_config(good_config(with_in_child("rekey_time = 0\n life_time = 1h\n rekey_packets = 100")))
              .peers[0]
              .children[0]
              .rekey);
}

TEST_CASE("traffic between the ends themselves is named by nothing in transport mode", "[gateway][plan]") {
    const auto between_ends = [](const char* local, const char* mode) {
        std::string text = with("10.1.0.0/16", local);
        text.replace(text.find("10.2.0.0/16"), 11, "dynamic");
        text.replace(text.find("= aes128-sha1\n"), 14, "= aes128-sha1\n mode = " + std::string{mode} + "\n");
        auto made = make_config(good_config(text));
        return std::move(made.peers[0].children[0]);
    };
    const auto transport = between_ends("dynamic", "transport");
    CHECK_FALSE((transport.local || transport.remote));
    const auto tunnel = between_ends("dynamic", "tunnel");
    CHECK(tunnel.local == ike::client{.addresses = here});
    CHECK(tunnel.remote == ike::client{.addresses = there});
    const auto port = between_ends("dynamic[tcp/80]", "transport");
    CHECK(port.local == ike::client{.addresses = here, .protocol = 6, .port = 80});
    CHECK(port.remote == ike::client{.addresses = there});
}

TEST_CASE("a child becomes a policy in both directions", "[gateway][plan]") {
    std::string text = with("10.1.0.0/16", "10.1.0.0/16[tcp/80]");
    const config all = good_config(text);
    const auto spd = make_spd(all);
    REQUIRE(spd.outbound.size() == 1);
    REQUIRE(spd.inbound.size() == 1);
    const policy::entry& e = spd.outbound[0];
    CHECK(e.id == all.connections[0].children[0].policy);
    CHECK(e.action == policy::action::apply);
    CHECK(e.selectors.traffic.source == ip::range{*ip::parse_prefix("10.1.0.0/16")});
    CHECK(e.selectors.traffic.destination == ip::range{*ip::parse_prefix("10.2.0.0/16")});
    CHECK(e.selectors.traffic.protocol == ip::protocol_selector{ip::next_header::tcp});
    CHECK(e.selectors.traffic.source_port == ip::port_range{80});
    CHECK(e.selectors.traffic.destination_port.is_any());
    CHECK(spd.inbound[0].selectors.traffic == e.selectors.traffic.reversed());
    CHECK(e.take == policy::packet_values{});
}

TEST_CASE("the bundle of a child is ESP inside of AH, and the innermost makes the tunnel", "[gateway][plan]") {
    using policy::protection;
    const policy::tunnel_ends ends{here, there};
    struct row {
        const char* keys;
        std::vector<protection> bundle;
    };
    constexpr auto esp = sa::protocol::esp, ah = sa::protocol::ah;
    constexpr auto tunnel = sa::mode::tunnel, transport = sa::mode::transport;
    const auto r = GENERATE_COPY(values<row>({
        {"esp_proposals = aes128-sha1", {protection{esp, tunnel, ends}}},
        {"ah_proposals = sha1", {protection{ah, tunnel, ends}}},
        {"esp_proposals = aes128-sha1\n ah_proposals = sha1", {protection{esp, tunnel, ends}, protection{ah, transport, {}}}},
        {"mode = transport", {protection{esp, transport, {}}}},
        {"mode = transport\n esp_proposals = aes128-sha1\n ah_proposals = sha1",
         {protection{esp, transport, {}}, protection{ah, transport, {}}}},
    }));
    CAPTURE(r.keys);
    std::string text = with("        esp_proposals = aes128-sha1", r.keys);
    if (std::string_view{r.keys}.starts_with("mode")) {
        text.replace(text.find("10.1.0.0/16"), 11, "dynamic");
        text.replace(text.find("10.2.0.0/16"), 11, "dynamic");
    }
    const config all = good_config(text);
    const auto e = make_entry(all.connections[0], all.connections[0].children[0]);
    CHECK(std::vector<protection>(e.protections.begin(), e.protections.end()) == r.bundle);
}

TEST_CASE("of overlapping policies the first in the file serves", "[gateway][plan]") {
    const config all =
        good_config(with_in_child("      }\n      wide {\n        local_ts = 10.0.0.0/8\n        remote_ts = 10.0.0.0/8"));
    const auto spd = make_spd(all);
    ip::flow f;
    f.source = ip::address::v4(10, 1, 0, 1);
    f.destination = ip::address::v4(10, 2, 0, 1);
    const auto& children = all.connections[0].children;
    CHECK(spd.lookup(f)->rule->id == children[0].policy);
    f.source = ip::address::v4(10, 4, 0, 1);
    CHECK(spd.lookup(f)->rule->id == children[1].policy);
}

TEST_CASE("an install gets the limits that IKE does not negotiate", "[gateway][plan]") {
    const config all = good_config(
        with_in_child("rekey_packets = 100\n rekey_bytes = 10K\n life_bytes = 20K\n replay_window = 0\n copy_df = no"));
    const child& c = all.connections[0].children[0];
    sa::install_inbound in;
    in.lifetimes = {.soft = {seconds(50), 18, 0}, .hard = {seconds(60), 20, 0}};
    sa::install_outbound out;
    out.lifetimes = in.lifetimes;
    amend(c, in);
    amend(c, out);
    const sa::lifetimes wanted{.soft = {seconds(50), 10, 100}, .hard = {seconds(60), 20, 110}};
    CHECK(in.lifetimes == wanted);
    CHECK(out.lifetimes == wanted);
    CHECK_FALSE(in.anti_replay);
    CHECK(out.anti_replay);  // the peer judges
    CHECK(choices_of(c).window == sa::local_choices{}.window);
    CHECK(choices_of(c).tunnel.df == ip::df_rule::clear);
    const config other = good_config(with_in_child("replay_window = 1024"));
    CHECK(choices_of(other.connections[0].children[0]).window == 1024);
}
