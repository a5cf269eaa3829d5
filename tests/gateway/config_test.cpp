// Configurations: what their keys mean, and what is said of a bad one.
#include "gateway/config.hpp"

#include "gateway/texts.hpp"
#include "ipsec/crypto/proposal_name.hpp"

namespace {

using namespace gateway;
using namespace gateway::testing;
using namespace ipsec;
using namespace std::string_literals;

/// A whole second connection, between `good`'s first address and another.
constexpr std::string_view second = R"(  b {
    version = 1
    local_addrs = 192.0.2.1
    remote_addrs = 192.0.2.3
    local { auth = psk }
    remote { auth = psk }
    children { net { } }
  }
)";
auto with_second(std::string_view text = second) -> std::string {
    return with("connections {\n", "connections {\n" + std::string{text});
}
auto without(std::string_view line) -> std::string { return with(line, ""); }

auto proposals_of(const std::vector<ike::v1::child_suite>& all) -> std::string {
    std::string out;
    for (const auto& s : all) {
        if (!out.empty()) out += ", ";
        if (s.esp) out += to_text(*s.esp).view();
        if (s.ah) out += "+" + std::string{crypto::info_of(*s.ah).name};
    }
    return out;
}

}  // namespace

TEST_CASE("a bad configuration is refused with file, line, column and word", "[gateway][config]") {
    struct row {
        const char* what;
        std::string text, fault;
    };
    const std::string keys =
        "version, local_addrs, remote_addrs, local_port, remote_port, proposals, rekey_time, over_time, rand_time, "
        "dpd_delay, dpd_timeout, encap, keyingtries, unique, mobike, aggressive, fragmentation, send_cert, "
        "send_certreq, vips, pools, pull";
    const auto r = GENERATE_COPY(values<row>({
        // the whole
        {"an empty file", "", "f.conf:1:1: there are no connections"},
        {"no connection", "\nconnections { }", "f.conf:2:1: there are no connections"},
        {"a key outside", "version = 1", "f.conf:1:1: unknown key 'version'; none is known there"},
        {"an unknown section", "charon { }", "f.conf:1:1: unknown section 'charon'; known are connections, secrets, pools"},
        {"strongSwan's section", "authorities { }",
         "f.conf:1:1: section 'authorities': strongSwan has it, this gateway does not"},
        {"a connection twice", with_second("  gw { }\n"),
         "f.conf:3:3: connections.gw stands here a second time; first in f.conf:2"},
        {"a connection's ends twice", with_second() + "connections { c : connections.b { } }",
         "f.conf:29:15: connections.c: its two addresses are those of connections.b: put its children there"},
        // connections
        {"an unknown key", with_in_connection("    versoin = 1"),
         "f.conf:7:5: unknown key 'versoin' in connections.gw; known are " + keys},
        {"strongSwan's key", with_in_connection("    if_id_in = 1"),
         "f.conf:7:5: key 'if_id_in' in connections.gw: strongSwan has it, this gateway does not"},
        {"an unknown section in it", with_in_connection("    lokal { }"),
         "f.conf:7:5: unknown section 'lokal' in connections.gw; known are children, local, remote"},
        {"no version", without("    version = 1\n"),
         "f.conf:2:3: connections.gw: version is missing, for strongSwan that is 0: write version = 1"},
        {"either version", with("version = 1", "version = 0"),
         "f.conf:3:15: version in connections.gw: '0' (IKEv1 or IKEv2) is not supported: write version = 1"},
        {"IKEv2", with("version = 1", "version = 2"),
         "f.conf:3:15: version in connections.gw: '2' (IKEv2) is not supported: write version = 1"},
        {"no version at all", with("version = 1", "version = x"),
         "f.conf:3:15: version in connections.gw: 'x' is not supported: this gateway takes '1' only"},
        {"no address of this end", without("    local_addrs = 192.0.2.1\n"),
         "f.conf:2:3: connections.gw: local_addrs is missing: write the address of this end"},
        {"no address of the other end", without("    remote_addrs = 192.0.2.2\n"),
         "f.conf:2:3: connections.gw: remote_addrs is missing: write the address of the other end"},
        {"anybody", with("192.0.2.2", "%any"),
         "f.conf:5:20: remote_addrs in connections.gw: '%any' is not supported: a pre-shared key goes with two addresses, write "
         "one"},
        {"two addresses", with("192.0.2.2", "192.0.2.2, fd00::2"),
         "f.conf:5:29: remote_addrs in connections.gw: one address goes here, not a list"},
        {"a subnet", with("192.0.2.2", "192.0.2.0/24"),
         "f.conf:5:20: remote_addrs in connections.gw: '192.0.2.0/24' is a subnet: write one address"},
        {"a name", with("192.0.2.2", "gw.example"),
         "f.conf:5:20: remote_addrs in connections.gw: 'gw.example' is no address; names are not looked up"},
        {"two families", with("192.0.2.2", "fd00::2"),
         "f.conf:5:20: remote_addrs in connections.gw: IPv4 on one end and IPv6 on the other"},
        {"one address twice", with("192.0.2.2", "192.0.2.1"),
         "f.conf:5:20: remote_addrs in connections.gw: both ends have the same address"},
        {"port 0", with_in_connection("    local_port = 0"),
         "f.conf:7:18: local_port in connections.gw: '0' is no whole number from 1 to 65535"},
        {"an unknown cipher", with("aes128-sha1-modp2048", "aes128-sha1-modp2048, rot13-sha1-modp2048"),
         "f.conf:6:39: proposals in connections.gw: 'rot13-sha1-modp2048': 'rot13': unknown algorithm"},
        {"an unknown group", with("aes128-sha1-modp2048", "aes128-sha1-modp2000"),
         "f.conf:6:29: proposals in connections.gw: 'aes128-sha1-modp2000': 'modp2000': unknown Diffie-Hellman group"},
        {"no group", with("aes128-sha1-modp2048", "aes128-sha1"),
         "f.conf:6:17: proposals in connections.gw: 'aes128-sha1': proposal with a word too many or one missing"},
        {"a key length that the library has not", with("aes128-sha1-modp2048", "aes128-sha1-modp2048, cast80-md5-modp1024"),
         "f.conf:6:39: proposals in connections.gw: 'cast80-md5-modp1024': unusable algorithm or key length: the crypto library "
         "has it not"},
        {"GCM for phase 1", with("aes128-sha1-modp2048", "aes128gcm16-sha256-modp2048"),
         "f.conf:6:17: proposals in connections.gw: 'aes128gcm16-sha256-modp2048': 'aes128gcm16': algorithm has no number in "
         "IKEv1"},
        {"ChaCha20-Poly1305 for phase 1", with("aes128-sha1-modp2048", "chacha20poly1305-sha256-modp2048"),
         "f.conf:6:17: proposals in connections.gw: 'chacha20poly1305-sha256-modp2048': 'chacha20poly1305': algorithm has no "
         "number in IKEv1"},
        {"nothing between commas", with("aes128-sha1-modp2048", "aes128-sha1-modp2048,,"),
         "f.conf:6:38: proposals in connections.gw: a proposal is missing"},
        {"neither Aggressive nor Main Mode", with_in_connection("    aggressive = both"),
         "f.conf:7:18: aggressive in connections.gw: 'both' is neither yes nor no"},
        {"two groups in Aggressive Mode",
         with("aes128-sha1-modp2048", "aes128-sha1-modp2048, aes128-sha1-modp1024\n    aggressive = yes"),
         "f.conf:2:3: connections.gw: " + std::string{name_of(ike::errc::not_for_aggressive_mode)}},
        {"neither yes nor no", with_in_connection("    encap = si"),
         "f.conf:7:13: encap in connections.gw: 'si' is neither yes nor no"},
        {"certificates at times", with_in_connection("    send_cert = sometimes"),
         "f.conf:7:17: send_cert in connections.gw: 'sometimes' is not supported: write ifasked, always (asked for or "
         "not) or never"},
        {"unique peers", with_in_connection("    unique = replace"),
         "f.conf:7:14: unique in connections.gw: 'replace' is not supported: this gateway takes 'no' only"},
        {"no time", with_in_connection("    dpd_delay = 3w"),
         "f.conf:7:17: dpd_delay in connections.gw: '3w' is no time: write 30s, 5m, 1h or 1d"},
        {"a negative time", with_in_connection("    dpd_delay = -3s"),
         "f.conf:7:17: dpd_delay in connections.gw: '-3s' is no time: write 30s, 5m, 1h or 1d"},
        {"a time without end", with_in_connection("    over_time = 99999d"),
         "f.conf:7:17: over_time in connections.gw: '99999d' is too long: at most 4294967295s"},
        {"never a rekey", with_in_connection("    rekey_time = 0"),
         "f.conf:7:18: rekey_time in connections.gw: '0' is not supported: an ISAKMP SA has an end"},
        {"by chance before it is there", with_in_connection("    rekey_time = 1m\n    rand_time = 2m"),
         "f.conf:8:17: rand_time in connections.gw: longer than rekey_time"},
        {"together too long", with_in_connection("    rekey_time = 4294967295"),
         "f.conf:7:18: rekey_time in connections.gw: with rekey_time and over_time together longer than 4294967295s"},
        {"no local", without("    local { auth = psk }\n"),
         "f.conf:2:3: connections.gw: section local is missing: write local { auth = psk }"},
        {"two rounds", with_in_connection("    local-2 { auth = psk }"),
         "f.conf:8:5: connections.gw.local: a second authentication round is not supported but for auth = xauth"},
        {"an unknown method", with("local { auth = psk }", "local { auth = eap }"),
         "f.conf:7:20: auth in connections.gw.local: 'eap' is not supported: this gateway takes psk, pubkey and, in a second "
         "round, "
         "xauth"},
        {"a signature at one end", with("local { auth = psk }", "local { auth = pubkey }"),
         "f.conf:8:21: auth in connections.gw.remote: another method than in connections.gw.local"},
        {"auth not said", with("remote { auth = psk }", "remote { id = a.example }"),
         "f.conf:8:5: connections.gw.remote: auth is missing, for strongSwan that is pubkey: write auth = psk"},
        {"an unknown key in local", with("local { auth = psk }", "local { auth = psk\n name = x }"),
         "f.conf:8:2: unknown key 'name' in connections.gw.local; known are auth, id, certs, pubkeys, cacerts, xauth_id"},
        {"strongSwan's key in local", with("local { auth = psk }", "local { auth = psk\n certs = x.pem }"),
         "f.conf:8:2: certs in connections.gw.local: needs auth = pubkey"},
        {"any identity", with("remote { auth = psk }", "remote { auth = psk\n id = %any }"),
         "f.conf:9:7: id in connections.gw.remote: '%any' is not supported: the peer has to be named, or without id it is its "
         "address"},
        {"a distinguished name", with("remote { auth = psk }", "remote { auth = psk\n id = \"C=CH, CN=gw\" }"),
         "f.conf:9:8: id in connections.gw.remote: 'C=CH, CN=gw': distinguished names are not supported: write a name or an "
         "address"},
        {"an identity with its kind", with("remote { auth = psk }", "remote { auth = psk\n id = fqdn:gw.example }"),
         "f.conf:9:7: id in connections.gw.remote: 'fqdn:gw.example' is no identity: write an address, a name, me@a.name, or "
         "@#0f1e for a key ID"},
        {"half an octet", with("remote { auth = psk }", "remote { auth = psk\n id = \"@#0f1\" }"),
         "f.conf:9:12: id in connections.gw.remote: two hexadecimal digits make an octet; here are none"},
        // children
        {"an unknown key in a child", with_in_child("        local_net = 10.1.0.0/16"),
         "f.conf:14:9: unknown key 'local_net' in connections.gw.children.net; known are local_ts, remote_ts, mode, "
         "esp_proposals, "
         "ah_proposals, start_action, dpd_action, close_action, rekey_time, life_time, rand_time, rekey_bytes, life_bytes, "
         "rekey_packets, "
         "life_packets, replay_window, copy_dscp, copy_df, copy_ecn"},
        {"strongSwan's key in a child", with_in_child("        updown = x"),
         "f.conf:14:9: key 'updown' in connections.gw.children.net: strongSwan has it, this gateway does not"},
        {"a child twice", with_in_child("      }\n      net {"),
         "f.conf:15:7: connections.gw.children.net stands here a second time; first in f.conf:10"},
        {"a section in a child", with_in_child("        x { }"),
         "f.conf:14:9: unknown section 'x' in connections.gw.children.net; none is known there"},
        {"a key beside children", with("    children {", "    children {\n      mode = tunnel"),
         "f.conf:10:7: unknown key 'mode' in connections.gw.children; none is known there"},
        {"two subnets", with("10.1.0.0/16", "10.1.0.0/16,10.3.0.0/16"),
         "f.conf:11:31: local_ts in connections.gw.children.net: IKEv1 names one subnet for each side: write one child for each"},
        {"no subnet", with("10.1.0.0/16", "10.1.0.0/33"),
         "f.conf:11:20: local_ts in connections.gw.children.net: '10.1.0.0/33' is no subnet (prefix is longer than the address): "
         "write 10.1.0.0/16, "
         "fd01::/64 or dynamic"},
        {"everything", with("10.1.0.0/16", "any"),
         "f.conf:11:20: local_ts in connections.gw.children.net: 'any' is no subnet: write 10.1.0.0/16, fd01::/64 or dynamic"},
        {"an open bracket", with("10.1.0.0/16", "10.1.0.0/16[tcp"),
         "f.conf:11:35: local_ts in connections.gw.children.net: ']' is missing"},
        {"no protocol", with("10.1.0.0/16", "10.1.0.0/16[tpc/80]"),
         "f.conf:11:32: local_ts in connections.gw.children.net: 'tpc' is no protocol: write tcp, udp, icmp or a number"},
        {"a port by name", with("10.1.0.0/16", "10.1.0.0/16[tcp/http]"),
         "f.conf:11:36: local_ts in connections.gw.children.net: 'http' is no port from 1 to 65535; names are not looked up"},
        {"a range of ports", with("10.1.0.0/16", "10.1.0.0/16[tcp/1-9]"),
         "f.conf:11:36: local_ts in connections.gw.children.net: '1-9' is not supported: IKEv1 names one port or all"},
        {"a port alone", with("10.1.0.0/16", "10.1.0.0/16[/53]"),
         "f.conf:11:33: local_ts in connections.gw.children.net: a port needs its protocol: write [tcp/53]"},
        {"a port of ICMP", with("10.1.0.0/16", "10.1.0.0/16[icmp/8]"),
         "f.conf:11:37: local_ts in connections.gw.children.net: 'icmp' has no ports"},
        {"two families of traffic", with("10.2.0.0/16", "fd02::/64"),
         "f.conf:12:21: remote_ts in connections.gw.children.net: IPv4 on one side and IPv6 on the other"},
        {"two protocols",
         with("10.1.0.0/16\n        remote_ts = 10.2.0.0/16", "10.1.0.0/16[tcp]\n        remote_ts = 10.2.0.0/16[udp]"),
         "f.conf:12:21: remote_ts in connections.gw.children.net: another protocol than in local_ts"},
        {"transport mode for others", with_in_child("        mode = transport"),
         "f.conf:11:20: local_ts in connections.gw.children.net: transport mode protects the traffic of the two ends themselves: "
         "write dynamic"},
        {"another mode", with_in_child("        mode = beet"),
         "f.conf:14:16: mode in connections.gw.children.net: 'beet' is not supported: write tunnel or transport"},
        {"NULL with NULL", with("= aes128-sha1\n", "= aes128-sha1, null-none\n"),
         "f.conf:13:38: esp_proposals in connections.gw.children.net: 'null-none': NULL encryption with NULL authentication"},
        {"no integrity", with("= aes128-sha1\n", "= aes128-none\n"),
         "f.conf:13:25: esp_proposals in connections.gw.children.net: 'aes128-none': encryption without integrity"},
        {"ChaCha20-Poly1305", with("= aes128-sha1\n", "= chacha20poly1305\n"),
         "f.conf:13:25: esp_proposals in connections.gw.children.net: 'chacha20poly1305': algorithm has no number in IKEv1"},
        {"two integrities", with("= aes128-sha1\n", "= aes128gcm16-sha1\n"),
         "f.conf:13:37: esp_proposals in connections.gw.children.net: 'aes128gcm16-sha1': 'sha1': combined mode with an "
         "integrity algorithm beside it"},
        {"an unknown curve", with("= aes128-sha1\n", "= aes128-sha1-ecp257\n"),
         "f.conf:13:37: esp_proposals in connections.gw.children.net: 'aes128-sha1-ecp257': 'ecp257': unknown Diffie-Hellman "
         "group"},
        {"two groups", with("= aes128-sha1\n", "= aes128-sha1-modp2048, aes128-md5-modp1024\n"),
         "f.conf:13:47: esp_proposals in connections.gw.children.net: 'aes128-md5-modp1024': another group than the proposal "
         "before it: a child has one "
         "for all"},
        {"esn in one of two", with("= aes128-sha1\n", "= aes128-sha1-esn, aes128-md5\n"),
         "f.conf:13:42: esp_proposals in connections.gw.children.net: 'aes128-md5': esn in some proposals only: a child has it "
         "in all or in none"},
        {"AH that encrypts", with_in_child("        ah_proposals = aes128-sha1"),
         "f.conf:14:24: ah_proposals in connections.gw.children.net: 'aes128-sha1': 'aes128': proposal with a word too many or "
         "one missing"},
        {"AH that does not authenticate", with_in_child("        ah_proposals = none"),
         "f.conf:14:24: ah_proposals in connections.gw.children.net: 'none': encryption without integrity"},
        {"another group for AH", with_in_child("        ah_proposals = sha1-modp2048"),
         "f.conf:14:24: ah_proposals in connections.gw.children.net: another group or other sequence numbers than esp_proposals"},
        {"an unknown start_action", with_in_child("        start_action = trap|go"),
         "f.conf:14:29: start_action in connections.gw.children.net: 'go' is no start_action: write none, trap, start or "
         "trap|start"},
        {"none and something", with_in_child("        start_action = none|trap"),
         "f.conf:14:24: start_action in connections.gw.children.net: 'none' is no start_action: write none, trap, start or "
         "trap|start"},
        {"an unknown action", with_in_child("        dpd_action = die"),
         "f.conf:14:22: dpd_action in connections.gw.children.net: 'die' is no action: write none, trap or start"},
        {"the end before the rekey", with_in_child("        rekey_time = 1h\n        life_time = 1h"),
         "f.conf:15:21: life_time in connections.gw.children.net: life_time must be longer than rekey_time"},
        {"no margin, in octets", with_in_child("        rekey_bytes = 5"),
         "f.conf:14:23: rekey_bytes in connections.gw.children.net: life_bytes must be longer than rekey_bytes"},
        {"no margin, in packets", with_in_child("        rekey_packets = 10\n        life_packets = 10"),
         "f.conf:15:24: life_packets in connections.gw.children.net: life_packets must be longer than rekey_packets"},
        {"no octets", with_in_child("        life_bytes = 5T"),
         "f.conf:14:22: life_bytes in connections.gw.children.net: '5T' is no number of octets: write 500000, 500K, 500M or 5G"},
        {"too many octets", with_in_child("        life_bytes = 4096G"),
         "f.conf:14:22: life_bytes in connections.gw.children.net: '4096G' is too much: at most 4095G"},
        {"no end at all", with_in_child("        rekey_time = 0"),
         "f.conf:14:22: rekey_time in connections.gw.children.net: without it a child needs life_time or life_bytes"},
        {"a torn window", with_in_child("        replay_window = 100"),
         "f.conf:14:25: replay_window in connections.gw.children.net: '100' is no multiple of 32"},
        {"a huge window", with_in_child("        replay_window = 8192"),
         "f.conf:14:25: replay_window in connections.gw.children.net: '8192' is no whole number from 0 to 4096"},
        {"the inner DSCP", with_in_child("        copy_dscp = yes"),
         "f.conf:14:21: copy_dscp in connections.gw.children.net: 'yes' is not supported: the inner DSCP is never changed, write "
         "out or no"},
        // secrets
        {"no secret", without("  ike-1 { secret = \"pre-shared\" }\n"),
         "f.conf:2:3: connections.gw: no secret fits: write secrets { ike-gw { id = 192.0.2.2 ... } }"},
        {"a secret of others", with("secret = \"pre-shared\"", "secret = \"pre-shared\"\n id = 192.0.2.9"),
         "f.conf:2:3: connections.gw: no secret fits: write secrets { ike-gw { id = 192.0.2.2 ... } }"},
        {"no text", with("ike-1 { secret = \"pre-shared\" }", "ike-1 { id = a.example }"),
         "f.conf:19:3: secrets.ike-1: secret is missing"},
        {"a short secret", with("\"pre-shared\"", "\"pre\""),
         "f.conf:19:21: secret in secrets.ike-1: the secret has 3 octets; at least 8 are asked for"},
        {"a long secret", with("pre-shared", std::string(129, 'x')),
         "f.conf:19:21: secret in secrets.ike-1: the secret has 129 octets; at most 128 are possible"},
        {"a torn hexadecimal secret", with("\"pre-shared\"", "0x0102030405060x"),
         "f.conf:19:34: secret in secrets.ike-1: two hexadecimal digits make an octet; here are none"},
        {"no Base64", with("\"pre-shared\"", "0sAAAAAAAA!AAA"), "f.conf:19:30: secret in secrets.ike-1: '!' is no Base64"},
        {"torn Base64", with("\"pre-shared\"", "0sAAAAAAAAA"),
         "f.conf:19:31: secret in secrets.ike-1: Base64 comes in groups of four characters"},
        {"a secret twice", with("secrets {", "secrets {\n  ike-1 { }"),
         "f.conf:20:3: secrets.ike-1 stands here a second time; first in f.conf:19"},
        {"strongSwan's secret", with("ike-1", "eap-1"),
         "f.conf:19:3: section 'eap-1' in secrets: strongSwan has it, this gateway does not"},
        {"an unknown secret", with("ike-1", "key-1"),
         "f.conf:19:3: unknown section 'key-1' in secrets; known are ike<suffix>, private<suffix>, "
         "rsa<suffix>, ecdsa<suffix>, pkcs8<suffix>, xauth<suffix>"},
        {"an unknown key of a secret", with("secret = \"pre-shared\"", "psk = \"pre-shared\""),
         "f.conf:19:11: unknown key 'psk' in secrets.ike-1; known are secret, id<suffix>"},
        {"the grammar", with("    }\n  }\n}\nsecrets", "    }\n  }\nsecrets"),
         "f.conf:20:1: section 'connections' of line 1 is not closed: '}' is missing"},
    }));
    CAPTURE(r.what);
    const auto c = read(r.text);
    REQUIRE_FALSE(c);
    CHECK(c.error().text() == r.fault);
}

TEST_CASE("a connection has strongSwan's defaults", "[gateway][config]") {
    const config all = good_config(std::string{good});
    REQUIRE(all.connections.size() == 1);
    const connection& c = all.connections[0];
    CHECK(c.name == "gw");
    CHECK(c.path == ike::path{{ip::address::v4(192, 0, 2, 1), 500}, {ip::address::v4(192, 0, 2, 2), 500}, {}});
    CHECK_FALSE(c.local_id);
    CHECK_FALSE(c.remote_id);
    CHECK(c.psk == ike::v1::psk_of("pre-shared"));
    CHECK(c.suites == std::vector{ike::v1::ike_suite{crypto::encryption_id::aes_cbc, 128, crypto::hash_id::sha1,
                                                     crypto::group_id::modp2048}});
    CHECK(c.rekey_time == seconds(4 * 3600));
    CHECK(c.over_time == seconds(24 * 60));
    CHECK(c.rand_time == seconds(24 * 60));
    CHECK(c.dpd_delay == duration{});
    CHECK(c.dpd_timeout == seconds(150));
    CHECK_FALSE(c.encap);
    CHECK(c.keyingtries == 1);

    REQUIRE(c.children.size() == 1);
    const child& n = c.children[0];
    CHECK(n.name == "net");
    CHECK(n.policy == sa::policy_id{1});
    CHECK(n.mode == sa::mode::tunnel);
    CHECK(n.local == traffic{.addresses = *ip::parse_range("10.1.0.0/16")});
    CHECK(n.remote == traffic{.addresses = *ip::parse_range("10.2.0.0/16")});
    CHECK(proposals_of(n.suites) == "aes128-sha1");
    CHECK(n.pfs == crypto::group_id::none);
    CHECK_FALSE((n.extended_sequence || n.trap || n.start));
    CHECK(n.dpd_action == action::none);
    CHECK(n.close_action == action::none);
    CHECK(n.life == sa::lifetimes{.soft = {seconds(3600), 0, 0}, .hard = {seconds(3960), 0, 0}});
    CHECK(n.rand_time == seconds(360));
    CHECK(n.replay_window == 64);
    CHECK(n.tunnel == ip::tunnel_options{});
}

TEST_CASE("every key of a connection means what strongSwan means", "[gateway][config]") {
    const config all = good_config(with_in_connection(R"(
    local_port = 1500
    remote_port = 2500
    rekey_time = 2d
    over_time = 90
    rand_time = 1m
    dpd_delay = 30s
    dpd_timeout = 5m
    encap = yes
    keyingtries = 0
    unique = no
    mobike = no
    aggressive = false
    fragmentation = 0
    send_cert = never
    send_certreq = disabled)"));
    const connection& c = all.connections[0];
    CHECK(c.path.local.port == 1500);
    CHECK(c.path.remote.port == 2500);
    CHECK(c.rekey_time == seconds(2 * 86400));
    CHECK(c.over_time == seconds(90));
    CHECK(c.rand_time == seconds(60));
    CHECK(c.dpd_delay == seconds(30));
    CHECK(c.dpd_timeout == seconds(300));
    CHECK(c.encap);
    CHECK(c.keyingtries == 0);
}

TEST_CASE("every key of a child means what strongSwan means", "[gateway][config]") {
    const config all = good_config(with_in_child(R"(
        start_action = trap|start
        dpd_action = restart
        close_action = trap
        rekey_time = 30m
        life_time = 40m
        rand_time = 2m
        rekey_bytes = 1M
        life_bytes = 1048577
        rekey_packets = 1000
        replay_window = 0
        copy_dscp = no
        copy_df = no
        copy_ecn = no)"));
    const child& n = all.connections[0].children[0];
    CHECK((n.trap && n.start));
    CHECK(n.dpd_action == action::start);
    CHECK(n.close_action == action::trap);
    CHECK(n.life == sa::lifetimes{.soft = {seconds(1800), 1024, 1000}, .hard = {seconds(2400), 1025, 1100}});
    CHECK(n.rand_time == seconds(120));
    CHECK(n.replay_window == 0);
    CHECK(n.tunnel.dscp == std::optional<std::uint8_t>{std::uint8_t{0}});
    CHECK(n.tunnel.df == ip::df_rule::clear);
    CHECK(n.tunnel.ecn == ip::ecn_mode::compatibility);
}

TEST_CASE("what is not said of a lifetime follows from what is", "[gateway][config]") {
    struct row {
        const char* keys;
        std::int64_t soft, hard, chance;
    };
    const auto r = GENERATE(values<row>({
        {"rekey_time = 100", 100, 110, 10},
        {"life_time = 100", 90, 100, 10},
        {"life_time = 2h", 3600, 7200, 3600},
        {"rekey_time = 0\n life_time = 100", 0, 100, 0},
        {"rekey_time = 100\n life_time = 900", 100, 900, 100},
        {"rekey_time = 100\n life_time = 120\n rand_time = 0", 100, 120, 0},
        {"rekey_time = 0\n life_bytes = 1G", 0, 0, 0},
    }));
    CAPTURE(r.keys);
    const config all = good_config(with_in_child(r.keys));
    const child& n = all.connections[0].children[0];
    CHECK(n.life.soft.time == seconds(r.soft));
    CHECK(n.life.hard.time == seconds(r.hard));
    CHECK(n.rand_time == seconds(r.chance));
}

// req: rfc4303-1-1
TEST_CASE("proposals of a child make its suites", "[gateway][config]") {
    struct row {
        const char* keys;
        const char* suites;
        crypto::group_id pfs = crypto::group_id::none;
        bool extended = false;
    };
    using crypto::group_id;
    const auto r = GENERATE(values<row>({
        {"", "aes256-sha256", group_id::none, false},
        {"esp_proposals = default", "aes256-sha256", group_id::none, false},
        {"esp_proposals = aes128gcm16, 3des-md5", "aes128gcm16, 3des-md5", group_id::none, false},
        {"esp_proposals = null-sha1,des-md5,null-sha1", "null-sha1, des-md5", group_id::none, false},
        {"esp_proposals = aes128-sha1-modp1024, aes256-sha512-modp1024", "aes128-sha1, aes256-sha512", group_id::modp1024, false},
        {"esp_proposals = aes128gcm16-esn", "aes128gcm16", group_id::none, true},
        {"ah_proposals = sha1, md5", "+sha1, +md5", group_id::none, false},
        {"ah_proposals = default", "+sha256", group_id::none, false},
        {"ah_proposals = sha512-modp2048", "+sha512", group_id::modp2048, false},
        {"esp_proposals = aes128-sha1, 3des-none\n ah_proposals = sha1, md5",
         "aes128-sha1+sha1, aes128-sha1+md5, 3des-none+sha1, 3des-none+md5", group_id::none, false},
    }));
    CAPTURE(r.keys);
    const config all = good_config(with("        esp_proposals = aes128-sha1", r.keys));
    const child& n = all.connections[0].children[0];
    CHECK(proposals_of(n.suites) == r.suites);
    CHECK(n.pfs == r.pfs);
    CHECK(n.extended_sequence == r.extended);
}

TEST_CASE("traffic is a subnet, a range, an address or the end itself, with protocol and port", "[gateway][config]") {
    struct row {
        const char* text;
        std::optional<const char*> addresses;
        int protocol, port;
    };
    const auto r = GENERATE(values<row>({
        {"10.1.0.0/16", "10.1.0.0/16", 0, 0},
        {"10.1.2.3/16", "10.1.0.0/16", 0, 0},
        {"10.1.0.1", "10.1.0.1", 0, 0},
        {"10.1.0.1-10.1.0.9", "10.1.0.1-10.1.0.9", 0, 0},
        {"0.0.0.0/0", "0.0.0.0/0", 0, 0},
        {"dynamic", std::nullopt, 0, 0},
        {"10.1.0.0/16[tcp]", "10.1.0.0/16", 6, 0},
        {"10.1.0.0/16 [udp/53]", "10.1.0.0/16", 17, 53},
        {"10.1.0.0/16[132/65535]", "10.1.0.0/16", 132, 65535},
        {"10.1.0.0/16[icmp]", "10.1.0.0/16", 1, 0},
        {"10.1.0.0/16[ipv6-icmp/%any]", "10.1.0.0/16", 58, 0},
        {"dynamic[%any/%any]", std::nullopt, 0, 0},
        {"dynamic[]", std::nullopt, 0, 0},
    }));
    CAPTURE(r.text);
    const config all = good_config(with("10.1.0.0/16", r.text));
    traffic wanted{
        .addresses = {}, .protocol = static_cast<std::uint8_t>(r.protocol), .port = static_cast<std::uint16_t>(r.port)};
    if (r.addresses) wanted.addresses = *ip::parse_range(*r.addresses);
    CHECK(all.connections[0].children[0].local == wanted);
}

TEST_CASE("an identity has the kind that its text shows", "[gateway][config]") {
    using ike::id_type;
    struct row {
        const char* text;
        id_type type;
        std::string data;
    };
    const auto r = GENERATE(values<row>({
        {"gw.example", id_type::fqdn, "gw.example"},
        {"@gw.example", id_type::fqdn, "gw.example"},
        {"me@example", id_type::user_fqdn, "me@example"},
        {"@@me@example", id_type::user_fqdn, "me@example"},
        {"192.0.2.9", id_type::ipv4_addr, "\xc0\x00\x02\x09"s},
        {"\"@#6b:65:79\"", id_type::key_id, "key"},
        {"fd00::1", id_type::ipv6_addr, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"s},
    }));
    CAPTURE(r.text);
    const config all = good_config(with("local { auth = psk }", "local { auth = psk\n id = " + std::string{r.text} + "\n }"));
    REQUIRE(all.connections[0].local_id);
    const byte_view d = all.connections[0].local_id->data();
    CHECK(all.connections[0].local_id->type() == r.type);
    CHECK(std::string{reinterpret_cast<const char*>(d.data()), d.size()} == r.data);
}

TEST_CASE("a secret is text, hexadecimal or Base64", "[gateway][config]") {
    struct row {
        const char* text;
        std::string octets;
    };
    const auto r = GENERATE(values<row>({
        {"pre-shared", "pre-shared"},
        {"\"pre # shared\"", "pre # shared"},
        {"0x7072652d736861726564", "pre-shared"},
        {"\"0x70:72:65:2D:73:68:61:72:65:64\"", "pre-shared"},
        {"0scHJlLXNoYXJlZA==", "pre-shared"},
        {"0sAAECAwQFBgc=", "\0\1\2\3\4\5\6\7"s},
    }));
    CAPTURE(r.text);
    const config all = good_config(with("\"pre-shared\" }", std::string{r.text} + "\n}"));
    CHECK(all.connections[0].psk == ike::v1::psk_of(r.octets));
}

TEST_CASE("the secret whose owners fit best is taken", "[gateway][config]") {
    struct row {
        const char* what;
        const char* secrets;
        const char* taken;
    };
    const auto r = GENERATE(values<row>({
        {"one for all", "ike-1 { secret = the-first }", "the-first"},
        {"the first of equals", "ike-1 { secret = the-first }\n ike-2 { secret = the-second }", "the-first"},
        {"an owner goes before none", "ike-1 { secret = the-first }\n ike-2 { secret = the-second\n id = 192.0.2.1 }",
         "the-second"},
        {"the peer goes before this end",
         "ike-1 { secret = the-first\n id = me.example }\n ike-2 { secret = the-second\n id = you.example }", "the-second"},
        {"both go before one",
         "ike-1 { secret = the-first\n id = you.example }\n ike-2 { secret = the-second\n id-a = me.example\n id-b = 192.0.2.2 }",
         "the-second"},
        {"others do not count", "ike-1 { secret = the-first\n id = other.example }\n ike-2 { secret = the-second }",
         "the-second"},
    }));
    CAPTURE(r.what);
    std::string text = with("ike-1 { secret = \"pre-shared\" }", r.secrets);
    text.replace(text.find("local { auth = psk }"), 20, "local { auth = psk\n id = me.example }");
    text.replace(text.find("remote { auth = psk }"), 21, "remote { auth = psk\n id = you.example }");
    CHECK(good_config(text).connections[0].psk == ike::v1::psk_of(r.taken));
}

TEST_CASE("a template gives what a connection does not say", "[gateway][config]") {
    const config all =
        good_config("base {\n version = 1\n local_addrs = 192.0.2.1\n local { auth = psk }\n remote { auth = psk }\n}\n" +
                    with_second("  c : base { remote_addrs = 192.0.2.7\n dpd_delay = 3s }\n"));
    REQUIRE(all.connections.size() == 2);
    CHECK(all.connections[0].name == "c");
    CHECK(all.connections[0].path.remote.address == ip::address::v4(192, 0, 2, 7));
    CHECK(all.connections[0].dpd_delay == seconds(3));
    CHECK(all.connections[1].dpd_delay == duration{});
}

TEST_CASE("a reload keeps the policy ids of names and says what changed", "[gateway][config]") {
    policy_ids ids;
    const auto before = read(with_second(), ids);
    REQUIRE(before);
    using list_of_names = std::vector<std::string>;
    using list_of_ids = std::vector<sa::policy_id>;
    const auto b_net = before->connections[0].children[0].policy, gw_net = before->connections[1].children[0].policy;
    CHECK(b_net != gw_net);

    SECTION("nothing") {
        const changes d = difference(*before, *read(with_second(), ids));
        CHECK(d.connections == changes::list<std::string>{.unchanged = {"b", "gw"}});
        CHECK(d.children == changes::list<sa::policy_id>{.unchanged = {b_net, gw_net}});
    }
    SECTION("another order is no change") {
        const auto after = read(std::string{good} + "connections {\n" + std::string{second} + "}\n", ids);
        REQUIRE(after);
        CHECK(difference(*before, *after).children.unchanged == list_of_ids{gw_net, b_net});
    }
    SECTION("a connection goes") {
        const changes d = difference(*before, *read(std::string{good}, ids));
        CHECK(d.connections == changes::list<std::string>{.removed = {"b"}, .unchanged = {"gw"}});
        CHECK(d.children == changes::list<sa::policy_id>{.removed = {b_net}, .unchanged = {gw_net}});
    }
    SECTION("a connection goes and comes back with its number, and a new one gets another") {
        const auto between = read(std::string{good}, ids);
        std::string text{second};
        text.replace(text.find("children { net { } }"), 20, "children { net { }\n more { } }");
        const auto after = read(with_second(text), ids);
        REQUIRE((between && after));
        const auto more = after->connections[0].children[1].policy;
        CHECK(more != gw_net);
        CHECK(more != b_net);
        const changes d = difference(*between, *after);
        CHECK(d.connections.added == list_of_names{"b"});
        CHECK(d.children == changes::list<sa::policy_id>{.added = {b_net, more}, .unchanged = {gw_net}});
    }
    SECTION("what belongs to a connection is no change of its children") {
        std::string text = with_second();
        text.replace(text.find("proposals = aes128-sha1-modp2048"), 32, "proposals = aes256-sha1-modp2048");
        const changes d = difference(*before, *read(text, ids));
        CHECK(d.connections == changes::list<std::string>{.changed = {"gw"}, .unchanged = {"b"}});
        CHECK(d.children.unchanged == list_of_ids{b_net, gw_net});
    }
    SECTION("another secret is a change of the connection") {
        std::string text = with_second();
        text.replace(text.find("pre-shared"), 10, "post-hared");
        CHECK(difference(*before, *read(text, ids)).connections.changed == list_of_names{"b", "gw"});
    }
    SECTION("a child changes alone") {
        std::string text = with_second();
        text.replace(text.find("10.2.0.0/16"), 11, "10.3.0.0/16");
        const changes d = difference(*before, *read(text, ids));
        CHECK(d.connections.changed.empty());
        CHECK(d.children == changes::list<sa::policy_id>{.changed = {gw_net}, .unchanged = {b_net}});
    }
}

TEST_CASE("a configuration finds its connections and children", "[gateway][config]") {
    const config all = good_config(with_second());
    CHECK(all.find("gw") == &all.connections[1]);
    CHECK(all.find("none") == nullptr);
    const auto owner = all.find(all.connections[1].children[0].policy);
    REQUIRE(owner);
    CHECK(owner.connection == &all.connections[1]);
    CHECK(owner.child == &all.connections[1].children[0]);
    CHECK_FALSE(all.find(sa::policy_id{99}));
}

TEST_CASE("the summary says everything but the secrets", "[gateway][config]") {
    const std::string text = describe(good_config(with_in_child(
        "        ah_proposals = md5\n        start_action = trap\n        rekey_packets = 10\n        life_packets = 20")));
    CHECK(text ==
          "connection gw: 192.0.2.1 port 500 <-> 192.0.2.2 port 500, IKEv1\n"
          "  ends 192.0.2.1 and 192.0.2.2, pre-shared key of 10 octets\n"
          "  aes128-sha1-modp2048\n"
          "  rekey after 4h; ends after 264m; dead peer detection: off; tries 1 time; UDP encapsulation behind NAT\n"
          "  child net: 10.1.0.0/16 <-> 10.2.0.0/16, tunnel mode\n"
          "    ESP aes128-sha1 in AH md5; no PFS\n"
          "    start trap; peer dead: none; closed by the peer: none\n"
          "    rekey after 1h, 10 packets; ends after 66m, 20 packets; window of 64 packets\n");
}
