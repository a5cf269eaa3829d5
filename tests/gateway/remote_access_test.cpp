// XAUTH and Mode Config in a configuration: what the keys mean, what the library is told, what is said of a bad one.
#include <algorithm>

#include "gateway/config.hpp"
#include "gateway/plan.hpp"
#include "gateway/texts.hpp"
#include "ipsec/ike/v1/config_check.hpp"

namespace {

using namespace gateway;
using namespace gateway::testing;
using namespace ipsec;
using ike::v1::config_part;
using ike::v1::xauth_part;

constexpr std::string_view carol = "  xauth-1 {\n id = carol\n secret = Ar3etTnp\n }\n";
constexpr std::string_view dave = "  xauth-2 {\n id = dave\n id2 = eve\n secret = W7R0g3do\n }\n";

/// `good` with other words: a line of it, or keys in the connection from line 7 on.
auto changed(std::string text, std::string_view line, std::string_view instead) -> std::string {
    const auto at = text.find(line);
    REQUIRE(at != std::string::npos);
    return text.replace(at, line.size(), instead);
}
auto with_users(const std::string& text, std::string_view users) -> std::string {
    return changed(text, "secrets {\n", "secrets {\n" + std::string{users});
}
auto client() -> std::string {
    return with_users(with_in_connection("    local-2 {\n auth = xauth\n xauth_id = carol\n }"), carol);
}
auto edge_device() -> std::string {
    return with_users(with_in_connection("    remote-2 { auth = xauth }"), std::string{carol} + std::string{dave});
}
auto with_pool(const std::string& text, std::string_view keys) -> std::string {
    return text + "pools {\n  far {\n" + std::string{keys} + "\n  }\n}\n";
}
auto is_text(const secret<128>& s, std::string_view t) -> bool {
    return std::ranges::equal(s.view(), std::as_bytes(std::span{t}));
}
auto peer_of(const config& c) -> ike::v1::peer_config {
    auto all = make_config(c);
    CHECK(ike::v1::check(all));
    REQUIRE(all.peers.size() == 1);
    return std::move(all.peers[0]);
}

}  // namespace

TEST_CASE("a second local round of XAUTH says one user's password", "[gateway][config][xauth]") {
    const config c = good_config(client());
    const auto p = peer_of(c);
    CHECK(p.xauth.part == xauth_part::client);
    CHECK(p.xauth.user == "carol");
    CHECK(is_text(p.xauth.password, "Ar3etTnp"));
    CHECK(p.mode_config.part == config_part::none);
    CHECK(describe(c).find("XAUTH as 'carol'") != std::string::npos);
    CHECK(describe(c).find("Ar3etTnp") == std::string::npos);
    CHECK(p.psk == ike::v1::psk_of("pre-shared"));
}

TEST_CASE("a second remote round of XAUTH knows all users, or the one it names", "[gateway][config][xauth]") {
    const config all = good_config(edge_device());
    CHECK(peer_of(all).xauth.part == xauth_part::edge_device);
    const auto& users = all.connections[0].access.users;
    REQUIRE(users.size() == 3);
    CHECK(users[1].name == "dave");
    CHECK(users[2].name == "eve");
    CHECK(is_text(users[0].password, "Ar3etTnp"));
    CHECK(is_text(users[2].password, "W7R0g3do"));
    const config one = good_config(changed(edge_device(), "auth = xauth }", "auth = xauth-generic\n xauth_id = eve }"));
    REQUIRE(one.connections[0].access.users.size() == 1);
    CHECK(one.connections[0].access.users[0].name == "eve");
    CHECK_FALSE(all.connections[0].same_but_children(one.connections[0]));
}

TEST_CASE("without a second round nobody is asked and nothing is given", "[gateway][config][xauth]") {
    const auto p = peer_of(good_config(std::string{good}));
    CHECK(p.xauth.part == xauth_part::none);
    CHECK(p.mode_config.part == config_part::none);
}

TEST_CASE("with vips, dynamic is the address that the peer gives", "[gateway][config][mode_config]") {
    config c = good_config(changed(with_in_connection("    vips = 0.0.0.0"), "local_ts = 10.1.0.0/16", "local_ts = dynamic"));
    CHECK(peer_of(c).mode_config.part == config_part::client);
    CHECK_FALSE(peer_of(c).mode_config.push);
    const auto& k = c.connections[0].children[0];
    CHECK(make_entry(c.connections[0], k).selectors.traffic.source == ip::range{ip::address::v4(192, 0, 2, 1)});
    const auto given = ip::address::v4(10, 3, 0, 1);
    c.connections[0].given = given;
    CHECK(make_entry(c.connections[0], k).selectors.traffic.source == ip::range{given});
    CHECK(make_entry(c.connections[0], k).protections[0].tunnel.value().local == ip::address::v4(192, 0, 2, 1));
    CHECK(peer_of(c).children[0].local == ike::client{.addresses = given});
    config same = good_config(changed(with_in_connection("    vips = 0.0.0.0"), "local_ts = 10.1.0.0/16", "local_ts = dynamic"));
    CHECK(same.connections[0].same_but_children(c.connections[0]));  // nothing in the file is other for it
}

TEST_CASE("each connection gives the next address of its pool", "[gateway][config][mode_config]") {
    struct row {
        const char* addresses;
        ip::address first;
        std::optional<ip::address> second;
    };
    const auto r = GENERATE(values<row>({
        {"10.3.0.0/24", ip::address::v4(10, 3, 0, 1), ip::address::v4(10, 3, 0, 2)},
        {"10.3.0.0/30", ip::address::v4(10, 3, 0, 1), ip::address::v4(10, 3, 0, 2)},
        {"10.3.0.8/31", ip::address::v4(10, 3, 0, 8), ip::address::v4(10, 3, 0, 9)},
        {"10.3.0.255-10.3.1.0", ip::address::v4(10, 3, 0, 255), ip::address::v4(10, 3, 1, 0)},
        {"10.3.0.7", ip::address::v4(10, 3, 0, 7), std::nullopt},
        {"255.255.255.255/32", ip::address::v4(255, 255, 255, 255), std::nullopt},
        {"10.3.0.7/32", ip::address::v4(10, 3, 0, 7), std::nullopt},
    }));
    INFO(r.addresses);
    const std::string keys = "addrs = " + std::string{r.addresses} + "\ndns = 10.9.0.1, 10.9.0.2";
    const std::string one = changed(with_in_connection("    pools = far\n    pull = no"), "remote_ts = 10.2.0.0/16", "");
    const std::string two = changed(one, "connections {\n", R"(connections {
  b {
    version = 1
    local_addrs = 192.0.2.1
    remote_addrs = 192.0.2.3
    pools = far
    local { auth = psk }
    remote { auth = psk }
  }
)");
    const config c = good_config(with_pool(one, keys));
    CHECK(c.connections[0].access.lease == r.first);
    CHECK(c.connections[0].access.name_servers == std::vector{ip::address::v4(10, 9, 0, 1), ip::address::v4(10, 9, 0, 2)});
    const auto p = peer_of(c);
    CHECK(p.mode_config.part == config_part::server);
    CHECK(p.mode_config.push);
    CHECK(p.children[0].remote == ike::client{.addresses = r.first});
    CHECK(describe(c).find("gives the address " + std::string{ip::to_text(r.first).view()}) != std::string::npos);
    const auto both = read(with_pool(two, keys));
    CHECK(both.has_value() == r.second.has_value());
    if (both) {
        CHECK(both->connections[0].access.lease == r.first);
        CHECK(both->connections[1].access.lease == r.second);
    } else {
        CHECK(both.error().text() == "f.conf:15:13: pools in connections.gw: 'far' has no address left for this connection");
    }
}

TEST_CASE("what cannot be between the phases is refused with file, line, column and word", "[gateway][config][xauth]") {
    struct row {
        const char* what;
        std::string text, fault;
    };
    const auto r = GENERATE(values<row>({
        {"XAUTH alone", with("    local { auth = psk }", "    local { auth = xauth }"),
         "f.conf:8:21: auth in connections.gw.remote: needs to be pubkey, since the other end has auth = xauth alone"},
        {"XAUTH at both ends, and nothing else",
         changed(with("    local { auth = psk }", "    local { auth = xauth }"), "remote { auth = psk }",
                 "remote { auth = xauth }"),
         "f.conf:8:5: connections.gw.remote: XAUTH at both ends: one of them says a password, the other one asks"},
        {"XAUTH at both ends", changed(client(), "    local-2", "    remote-2 { auth = xauth }\n    local-2"),
         "f.conf:7:5: connections.gw.remote-2: XAUTH at both ends: one of them says a password, the other one asks"},
        {"XAUTH twice", changed(edge_device(), "    remote-2", "    remote-3 { auth = xauth }\n    remote-2"),
         "f.conf:8:5: connections.gw.remote-2: a second round of XAUTH is not supported"},
        {"nobody in particular", changed(client(), " xauth_id = carol\n", ""),
         "f.conf:7:5: connections.gw.local-2: xauth_id is missing: write the name of the user that this end is"},
        {"somebody without a secret", changed(client(), "xauth_id = carol", "xauth_id = mallory"),
         "f.conf:9:13: xauth_id in connections.gw.local-2: 'mallory' has no secret: write secrets { xauth-1 { id = NAME and "
         "secret = ... } }"},
        {"nobody known", with_in_connection("    remote-2 { auth = xauth }"),
         "f.conf:7:5: connections.gw.remote-2: nobody is known: write secrets { xauth-1 { id = NAME and secret = ... } }"},
        {"a line's end in a name", changed(client(), "xauth_id = carol", "xauth_id = \"a\\nb\""),
         "f.conf:9:14: xauth_id in connections.gw.local-2: 'a\\x0ab' has no secret: write secrets { xauth-1 { id = NAME and "
         "secret = ... } }"},
        {"a user of another method", with("local { auth = psk }", "local { auth = psk\n xauth_id = carol }"),
         "f.conf:8:2: xauth_id in connections.gw.local: needs auth = xauth"},
        {"a certificate of a user", changed(edge_device(), "remote-2 { auth = xauth }", "remote-2 { auth = xauth\n certs = a }"),
         "f.conf:8:2: certs in connections.gw.remote-2: needs auth = pubkey"},
        {"another backend", changed(edge_device(), "auth = xauth }", "auth = xauth-pam }"),
         "f.conf:7:23: auth in connections.gw.remote-2: 'xauth-pam' is not supported: this gateway takes psk, pubkey and, in a "
         "second round, xauth"},
        {"a user twice", with_users(edge_device(), changed(std::string{carol}, "xauth-1", "xauth-3")),
         "f.conf:25:7: id in secrets.xauth-1: 'carol' has a secret already"},
        {"a secret of nobody", with_users(client(), "  xauth-2 { secret = abcdefgh }\n"),
         "f.conf:23:3: secrets.xauth-2: id is missing: write the name of the user"},
        {"a user without a secret", with_users(client(), "  xauth-2 { id = eve }\n"),
         "f.conf:23:3: secrets.xauth-2: secret is missing"},
        {"an unknown key of a user", with_users(client(), "  xauth-2 { pin = 1 }\n"),
         "f.conf:23:13: unknown key 'pin' in secrets.xauth-2; known are secret, id<suffix>"},
        {"an address of one's own choice", with_in_connection("    vips = 10.3.0.1"),
         "f.conf:7:12: vips in connections.gw: '10.3.0.1' is not supported: write 0.0.0.0, for what the peer gives"},
        {"an IPv4 address between IPv6 ends",
         changed(changed(with_in_connection("    vips = 0.0.0.0"), "192.0.2.1", "fd00::1"), "192.0.2.2", "fd00::2"),
         "f.conf:7:5: vips in connections.gw: not supported between addresses of IPv6"},
        {"addresses both ways", with_pool(with_in_connection("    vips = 0.0.0.0\n    pools = far"), "addrs = 10.3.0.0/24"),
         "f.conf:8:5: pools in connections.gw: vips is there too: an end gives an address or takes one"},
        {"a pool that is not there", with_in_connection("    pools = far"),
         "f.conf:7:13: pools in connections.gw: there is no pool 'far': write pools { NAME { addrs = ... } }"},
        {"a pool of nothing", with_pool(std::string{good}, "dns = 10.9.0.1"), "f.conf:22:3: pools.far: addrs is missing"},
        {"a pool of IPv6", with_pool(std::string{good}, "addrs = fd03::/64"),
         "f.conf:23:9: addrs in pools.far: 'fd03::/64' is no subnet or range of IPv4"},
        {"a name server by name", with_pool(std::string{good}, "dns = 10.9.0.1, ns.example"),
         "f.conf:23:17: dns in pools.far: 'ns.example' is no address; names are not looked up"},
        {"another attribute", with_pool(std::string{good}, "nbns = 10.9.0.1"),
         "f.conf:23:1: key 'nbns' in pools.far: strongSwan has it, this gateway does not"},
        {"a trap without an address",
         changed(with_in_connection("    vips = 0.0.0.0"), "        esp_proposals",
                 "        start_action = trap\n        esp_proposals"),
         "f.conf:14:24: start_action in connections.gw.children.net: with vips no packet can have the right source before IKE: "
         "write start"},
        {"transport mode",
         changed(with_in_connection("    vips = 0.0.0.0"), "        esp_proposals",
                 "        mode = transport\n        esp_proposals"),
         "f.conf:14:16: mode in connections.gw.children.net: transport mode is not supported with vips and pools"},
        {"a name that is too long",
         with_users(client(), "  xauth-2 { id = " + std::string(129, 'x') + "\n secret = abcdefgh }\n"),
         "f.conf:23:18: id in secrets.xauth-2: is longer than 128 octets"},
    }));
    INFO(r.what);
    const auto c = read(r.text);
    REQUIRE_FALSE(c);
    CHECK(c.error().text() == r.fault);
}
