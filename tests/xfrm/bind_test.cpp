#include "ipsec/xfrm/bind.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/policy/spd.hpp"
#include "ipsec/sa/sadb.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "ipsec/xfrm/manual_sa.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
namespace botan = crypto::botan;

namespace {

const ip::address left = ip::address::v4(192, 0, 2, 1), right = ip::address::v4(192, 0, 2, 2);
constexpr std::string_view aes_sha1 = " enc aes sixteen_octets_! auth sha1 twenty_octets_there.";

auto parsed(const std::string& text) -> xfrm::file {
    auto f = xfrm::parse(text);
    if (!f) FAIL(std::string{xfrm::text_of(f.error()).view()});
    return std::move(*f);
}
/// A state line between the two gateways.
auto state_line(bool out, const std::string& spi, const std::string& more, std::string_view algorithms = aes_sha1)
    -> std::string {
    return std::string{"state add "} + (out ? "src 192.0.2.1 dst 192.0.2.2" : "src 192.0.2.2 dst 192.0.2.1") + " proto esp spi " +
           spi + " " + more + std::string{algorithms} + "\n";
}
auto bound_of(const std::string& text, const xfrm::choices& allowed = {}) -> xfrm::bound {
    const auto f = parsed(text);
    auto b = xfrm::bind(f, std::array{left}, allowed);
    if (!b) FAIL(std::string{xfrm::text_of(b.error()).view()});
    return std::move(*b);
}
auto fault_of(const std::string& text) -> xfrm::fault {
    const auto f = parsed(text);
    const auto b = xfrm::bind(f, std::array{left});
    REQUIRE_FALSE(b.has_value());
    return b.error();
}
constexpr const char* tunnel_policies =
    "policy add dir out src 10.1.0.0/16 dst 10.2.0.0/16 tmpl src 192.0.2.1 dst 192.0.2.2 proto esp reqid 1 mode tunnel\n"
    "policy add dir in src 10.2.0.0/16 dst 10.1.0.0/16 tmpl src 192.0.2.2 dst 192.0.2.1 proto esp reqid 1 mode tunnel\n"
    "policy add dir fwd src 10.2.0.0/16 dst 10.1.0.0/16 tmpl src 192.0.2.2 dst 192.0.2.1 proto esp reqid 1 mode tunnel\n";

}  // namespace

// req: rfc2406-5-2, rfc2401-4.4.3-1
TEST_CASE("a state is mapped to the parameters of an SA", "[xfrm][manual_sa]") {
    const auto f =
        parsed(state_line(true, "0x1000", "mode tunnel") +
               state_line(true, "0x1001",
                          "mode tunnel replay-window 128 flag noecn nopmtudisc extra-flag dont-encap-dscp "
                          "limit time-soft 5 limit time-hard 18446744073709551614 limit byte-soft 2047 "
                          "limit byte-hard 4097 limit packet-hard 9") +
               "state add src 192.0.2.1 dst 192.0.2.2 proto ah spi 0x1002 auth md5 sixteen_octets_!\n"
               "state add src 192.0.2.1 dst 192.0.2.2 proto ah spi 0x1003 auth md5 sixteen_octets_! flag align4\n"
               "state add src 2001:db8::1 dst 2001:db8::2 proto ah spi 0x1004 auth md5 sixteen_octets_! flag align4\n");
    const auto plain = xfrm::parameters_of(f.states[0]);
    CHECK(plain.manual);
    CHECK_FALSE(plain.anti_replay);
    CHECK_FALSE(plain.allow_static_counter_keys);
    CHECK(plain.source == left);
    CHECK(plain.mode == sa::mode::tunnel);
    CHECK(plain.lifetimes == sa::lifetimes{});
    CHECK(plain.tunnel.df == ip::df_rule::copy);
    CHECK(plain.tunnel.ecn == ip::ecn_mode::normal);
    CHECK_FALSE(plain.tunnel.dscp);
    CHECK(plain.icv_alignment == 0);
    const auto rich = xfrm::parameters_of(f.states[1]);
    CHECK(rich.anti_replay);
    CHECK(rich.window == 128);
    CHECK(rich.tunnel.df == ip::df_rule::clear);
    CHECK(rich.tunnel.ecn == ip::ecn_mode::ignored);
    CHECK(rich.tunnel.dscp == std::uint8_t{0});
    CHECK(rich.lifetimes.soft == sa::limits{seconds(5), 1, 0});
    CHECK(rich.lifetimes.hard == sa::limits{seconds(std::numeric_limits<std::int64_t>::max()), 4, 9});
    CHECK(xfrm::parameters_of(f.states[2]).icv_alignment == 8);
    CHECK(xfrm::parameters_of(f.states[3]).icv_alignment == 4);
    CHECK(xfrm::parameters_of(f.states[4]).icv_alignment == 8);
}

TEST_CASE("a limit in octets lets no more through than was asked for", "[xfrm][manual_sa][limit]") {
    struct row {
        const char* asked;
        std::uint64_t kilobytes;  // 0: refused
        const char* word;
    };
    const auto r = GENERATE(values<row>({{"byte-hard 100", 0, "byte-hard"},
                                         {"byte-hard 1023", 0, "byte-hard"},
                                         {"byte-hard 1024", 1, ""},
                                         {"byte-hard 2047", 1, ""},
                                         {"byte-hard 4097", 4, ""},
                                         {"byte-soft 1023", 0, "byte-soft"},
                                         {"byte-soft 2048", 2, ""}}));
    CAPTURE(r.asked);
    const auto f = parsed(state_line(true, "0x1000", std::string{"mode tunnel limit "} + r.asked));
    const auto m = xfrm::manual_sa_of(f.states[0]);
    REQUIRE(m.has_value() == (r.kilobytes != 0));
    if (!m) {
        CHECK(m.error() == xfrm::fault{.code = xfrm::errc::short_limit, .line = 1, .word = r.word});
        CHECK(std::string{xfrm::text_of(m.error()).view()} ==
              "line 1: limit under 1024 octets, to be given in packets or as 1024 at least: '" + std::string{r.word} + "'");
        return;
    }
    const auto& l = m->parameters.lifetimes;
    CHECK((l.hard.kilobytes | l.soft.kilobytes) == r.kilobytes);
}

TEST_CASE("with noecn both ends let ECN fields be, as Linux does", "[xfrm][manual_sa][bind]") {
    const auto of = [](bool sends, const char* more) {
        const auto f = parsed(state_line(sends, "0x1000", more));
        const auto b = xfrm::bind(f, std::array{left}).value();
        return (sends ? b.outbound : b.inbound)[0].parameters.tunnel.ecn;
    };
    for (const bool sends : {false, true}) {
        CAPTURE(sends);
        CHECK(of(sends, "mode tunnel flag noecn") == ip::ecn_mode::ignored);
        CHECK(of(sends, "mode tunnel") == ip::ecn_mode::normal);
    }
}

// req: rfc4303-2.2.1-2, rfc4106-2-2
TEST_CASE("extended numbers and counter modes are taken from a listing of what was negotiated", "[xfrm][manual_sa][bind]") {
    constexpr xfrm::choices negotiated{.negotiated = true};
    const auto f = parsed(state_line(true, "0x1000", "mode tunnel replay-window 32 flag esn"));
    CHECK(xfrm::manual_sa_of(f.states[0]).error().code == xfrm::errc::extended_with_manual_keys);
    const auto m = xfrm::manual_sa_of(f.states[0], negotiated);
    REQUIRE(m);
    CHECK(m->parameters.extended_sequence);
    CHECK_FALSE(m->parameters.manual);
    CHECK(sa::validate(m->parameters));
    const auto gcm = parsed(state_line(true, "0x1000", "", " aead rfc4106(gcm(aes)) twenty_octets_there. 128"));
    CHECK(xfrm::manual_sa_of(gcm.states[0], negotiated));
}

TEST_CASE("UDP ports are seen from this end", "[xfrm][bind]") {
    const auto b = bound_of(state_line(true, "0x1000", "mode tunnel encap espinudp 4500 4501 0.0.0.0 ") +
                            state_line(false, "0x1001", "mode tunnel encap espinudp 4501 4500 0.0.0.0 ") +
                            state_line(true, "0x1002", "mode tunnel "));
    CHECK(b.outbound.at(0).parameters.encapsulation == sa::udp_encapsulation{4500, 4501});
    CHECK(b.inbound.at(0).parameters.encapsulation == sa::udp_encapsulation{4500, 4501});
    CHECK_FALSE(b.outbound.at(1).parameters.encapsulation);
}

TEST_CASE("an SA in transport mode takes packets between its hosts", "[xfrm][manual_sa]") {
    const auto f = parsed(state_line(true, "0x1000", "mode transport sel src 192.0.2.0/24 proto tcp") +
                          state_line(true, "0x1001", "mode tunnel") +
                          "state add src 0.0.0.0 dst 192.0.2.2 proto ah spi 0x1002 auth md5 sixteen_octets_!\n");
    const auto s = xfrm::parameters_of(f.states[0]).selectors;
    CHECK(s.source == ip::range{left});
    CHECK(s.destination == ip::range{right});
    CHECK(s.protocol == ip::protocol_selector{ip::next_header::tcp});
    CHECK(xfrm::parameters_of(f.states[1]).selectors.source == ip::range::any(ip::family::v4));
    CHECK(xfrm::parameters_of(f.states[2]).selectors.source == ip::range::any(ip::family::v4));
    CHECK(xfrm::parameters_of(f.states[2]).selectors.destination == ip::range{right});
}

TEST_CASE("of two policies that fit the same packets in one direction the first one counts", "[xfrm][bind]") {
    const auto b = bound_of("policy add dir out src 10.0.0.1/8 dst 10.2.0.0/16\n"
                            "policy add dir out src 10.0.0.2/8 dst 10.2.0.0/16 action block\n"
                            "policy add dir in src 10.0.0.1/8 dst 10.2.0.0/16 priority 2\n"
                            "policy add dir in src 10.0.0.2/8 dst 10.2.0.0/16 priority 1 action block\n");
    REQUIRE(b.outbound_policies.size() == 1);
    CHECK(b.outbound_policies[0].action == policy::action::bypass);
    REQUIRE(b.inbound_policies.size() == 1);
    CHECK(b.inbound_policies[0].action == policy::action::discard);
}

// req: rfc4106-2-2, rfc4303-2.2.1-2, rfc2406-2.1-1, rfc2406-3.4.3-2
TEST_CASE("what keys by hand do not allow is refused with the line of the state", "[xfrm][manual_sa][fault]") {
    using xfrm::errc;
    struct row {
        const char* spi;
        const char* more;
        const char* algorithms;
        errc code;
        const char* word;
    };
    const auto r = GENERATE(values<row>({
        {"255", "", aes_sha1.data(), errc::reserved_spi, "spi"},
        {"0x1000", "replay-window 32 flag esn", aes_sha1.data(), errc::extended_with_manual_keys, "esn"},
        {"0x1000", "replay-window 5", aes_sha1.data(), errc::bad_window, "replay-window"},
        {"0x1000", "", " enc aes sixteen_octets_!", errc::no_integrity, "cbc(aes)"},
        {"0x1000", "", " aead rfc4106(gcm(aes)) twenty_octets_there. 128", errc::static_counter_keys, "rfc4106(gcm(aes))"},
        {"0x1000", "", " aead rfc7539esp(chacha20,poly1305) thirty-six_octets_of_a_chacha20_key. 128", errc::static_counter_keys,
         "rfc7539esp(chacha20,poly1305)"},
    }));
    CAPTURE(r.more, r.algorithms);
    const auto f = parsed("\n" + state_line(false, r.spi, r.more, r.algorithms));
    const auto m = xfrm::manual_sa_of(f.states[0]);
    REQUIRE_FALSE(m.has_value());
    CHECK(m.error() == xfrm::fault{r.code, 2, 0, r.word, ""});
    const auto b = xfrm::bind(f, std::array{left});
    REQUIRE_FALSE(b.has_value());
    CHECK(b.error() == m.error());
}

TEST_CASE("dangers are allowed by name, each by its own", "[xfrm][manual_sa]") {
    const auto gcm = parsed(state_line(true, "0x1000", "", " aead rfc4106(gcm(aes)) twenty_octets_there. 128"));
    const auto bare = parsed(state_line(true, "0x1000", "", " enc aes sixteen_octets_!"));
    const auto window = parsed(state_line(true, "0x1000", "replay-window 32", " enc aes sixteen_octets_!"));
    const xfrm::choices counter{.allow_static_counter_keys = true, .dangers = {}};
    const xfrm::choices naked{.allow_static_counter_keys = false, .dangers = {.no_integrity = true}};
    REQUIRE(xfrm::manual_sa_of(gcm.states[0], counter).has_value());
    CHECK(xfrm::manual_sa_of(gcm.states[0], counter)->parameters.allow_static_counter_keys);
    CHECK(xfrm::manual_sa_of(gcm.states[0], naked).error().code == xfrm::errc::static_counter_keys);
    CHECK(xfrm::manual_sa_of(bare.states[0], naked).has_value());
    CHECK(xfrm::manual_sa_of(bare.states[0], counter).error().code == xfrm::errc::no_integrity);
    CHECK(xfrm::manual_sa_of(window.states[0], naked).error().code == xfrm::errc::replay_without_integrity);
}

TEST_CASE("SAs are parted by whose address stands at which end", "[xfrm][bind]") {
    const auto b =
        bound_of(state_line(true, "0x1000", "reqid 1 mode tunnel") + state_line(false, "0x1001", "reqid 1 mode tunnel") +
                 "state add src 192.0.2.8 dst 192.0.2.9 proto ah spi 0x1002 auth md5 sixteen_octets_!\n"
                 "state add src 192.0.2.1 dst 192.0.2.1 proto ah spi 0x1003 auth md5 sixteen_octets_!\n" +
                 tunnel_policies);
    REQUIRE(b.outbound.size() == 2);
    REQUIRE(b.inbound.size() == 2);
    CHECK(b.outbound[0].parameters.id.spi == sa::spi{0x1000});
    CHECK(b.inbound[0].parameters.id.spi == sa::spi{0x1001});
    CHECK(b.outbound[1].parameters.id.spi == sa::spi{0x1003});
    CHECK(b.inbound[1].parameters.id.spi == sa::spi{0x1003});
    CHECK(b.foreign == 1);
    CHECK(b.without_policy == 2);
    CHECK(b.outbound[0].line.number == 1);
    CHECK(test::hex(b.outbound[0].keymat.view()) ==
          test::hex(octets_of(std::string_view{"sixteen_octets_!twenty_octets_there."})));
}

// req: rfc2401-4.4.1-m10, rfc2401-4.4.1-m11, rfc2401-4.4.1-2
// req: rfc2401-4.4.1-1, rfc4301-4.4.1-10, rfc4301-4.4.1-11, rfc2401-4.6.3-1, rfc4301-4.5.3-1
TEST_CASE("policies become an ordered SPD and bind their SAs", "[xfrm][bind]") {
    const auto b =
        bound_of(state_line(true, "0x1000", "reqid 1 mode tunnel") + state_line(false, "0x1001", "reqid 1 mode tunnel") +
                 "policy add dir out dst 10.9.0.0/16 priority 8\n" + "policy add dir out dst 10.8.0.0/16 priority 8\n" +
                 "policy add dir out dst 10.7.0.0/16 priority 7 action block tmpl proto ah\n" + tunnel_policies);
    REQUIRE(b.outbound_policies.size() == 4);
    CHECK(b.outbound_policies[0].action == policy::action::apply);
    CHECK(b.outbound_policies[1].action == policy::action::discard);
    CHECK(b.outbound_policies[2].action == policy::action::bypass);
    CHECK(b.outbound_policies[2].selectors.traffic.destination == ip::range{*ip::parse_prefix("10.9.0.0/16")});
    CHECK(b.outbound_policies[3].selectors.traffic.destination == ip::range{*ip::parse_prefix("10.8.0.0/16")});
    REQUIRE(b.inbound_policies.size() == 1);  // `in` and `fwd` say the same
    const policy::protection esp_tunnel{sa::protocol::esp, sa::mode::tunnel, policy::tunnel_ends{left, right}};
    for (const auto* e : {&b.outbound_policies[0], &b.inbound_policies[0]}) {
        REQUIRE(e->protections.size() == 1);
        CHECK(e->protections[0] == esp_tunnel);
        CHECK(policy::validate(*e) == policy::entry_fault::none);
    }
    CHECK(b.inbound_policies[0].id == b.outbound_policies[0].id);
    CHECK(b.outbound[0].parameters.policy == b.outbound_policies[0].id);
    CHECK(b.inbound[0].parameters.policy == b.inbound_policies[0].id);
    CHECK(b.outbound[0].parameters.bundle == sa::bundle_place{});
    CHECK(b.without_policy == 0);
    policy::spd<> spd;
    REQUIRE(xfrm::append_to(spd, b).has_value());
    CHECK(spd.outbound.size() == 4);
    CHECK(spd.inbound.size() == 1);
    CHECK_FALSE(xfrm::append_to(spd, b).has_value());
}

TEST_CASE("a template takes an SA by protocol, mode, reqid, SPI and ends", "[xfrm][bind]") {
    struct row {
        const char* state;
        const char* direction;
        const char* policy;
        bool taken;
    };
    const auto r = GENERATE(values<row>({
        {"reqid 1 mode tunnel", "out", "tmpl proto esp reqid 1 mode tunnel", true},
        {"reqid 2 mode tunnel", "out", "tmpl proto esp reqid 1 mode tunnel", false},
        {"reqid 2 mode tunnel", "out", "tmpl proto esp mode tunnel", false},
        {"reqid 2 mode tunnel", "in", "tmpl proto esp mode tunnel", true},
        {"reqid 2 mode tunnel", "in", "tmpl proto esp reqid 1 mode tunnel", false},
        {"mode tunnel", "out", "tmpl proto esp mode tunnel", true},
        {"mode tunnel", "out", "tmpl proto ah mode tunnel", false},
        {"mode tunnel", "out", "tmpl proto esp mode transport", false},
        {"mode tunnel", "out", "tmpl proto esp spi 0x1000 mode tunnel", true},
        {"mode tunnel", "out", "tmpl proto esp spi 0x1001 mode tunnel", false},
        {"mode tunnel", "out", "tmpl src 192.0.2.1 dst 192.0.2.3 proto esp mode tunnel", false},
        {"mode tunnel", "out", "tmpl src 192.0.2.3 dst 192.0.2.2 proto esp mode tunnel", false},
        {"mode transport", "out", "tmpl src 198.51.100.1 dst 198.51.100.2 proto esp", true},
        {"mode transport", "out", "dst 192.0.2.0/24 tmpl proto esp", true},
        {"mode transport", "out", "dst 192.0.3.0/24 tmpl proto esp", false},
        {"mode transport", "out", "src 192.0.2.9 tmpl proto esp", false},
    }));
    CAPTURE(r.state, r.direction, r.policy);
    const bool out = std::string_view{r.direction} == "out";
    const auto b = bound_of(state_line(out, "0x1000", r.state) + "policy add dir " + r.direction + " " + r.policy + "\n");
    const auto& sas = out ? b.outbound : b.inbound;
    const auto& policies = out ? b.outbound_policies : b.inbound_policies;
    REQUIRE(sas.size() == 1);
    REQUIRE(policies.size() == 1);
    CHECK((sas[0].parameters.policy == policies[0].id) == r.taken);
    CHECK(b.without_policy == (r.taken ? 0U : 1U));
}

TEST_CASE("templates in a row are a bundle, and its SAs are found from the inside out", "[xfrm][bind]") {
    const auto ah = [](bool out, const char* spi) {
        return std::string{"state add "} + (out ? "src 192.0.2.1 dst 192.0.2.2" : "src 192.0.2.2 dst 192.0.2.1") +
               " proto ah spi " + spi + " reqid 1 auth md5 sixteen_octets_!\n";
    };
    // ESP in tunnel mode inside AH in transport mode, twice; an AH SA elsewhere does not fit.
    const auto b =
        bound_of(ah(true, "0x2000") + state_line(true, "0x1000", "reqid 1 mode tunnel") +
                 "state add src 192.0.2.1 dst 192.0.2.7 proto ah spi 0x2009 reqid 1 auth md5 sixteen_octets_!\n" +
                 state_line(true, "0x1001", "reqid 1 mode tunnel") + ah(true, "0x2001") +
                 state_line(true, "0x1002", "reqid 1 mode tunnel") + ah(false, "0x2002") +
                 state_line(false, "0x1003", "reqid 1 mode tunnel") +
                 "policy add dir out src 10.1.0.0/16 dst 10.2.0.0/16 tmpl src 192.0.2.1 dst 192.0.2.2 proto esp reqid 1 "
                 "mode tunnel tmpl proto ah reqid 1\n"
                 "policy add dir in src 10.2.0.0/16 dst 10.1.0.0/16 tmpl src 192.0.2.2 dst 192.0.2.1 proto esp reqid 1 "
                 "mode tunnel tmpl proto ah reqid 1\n");
    struct place {
        std::uint32_t spi, policy, pair;
        std::uint8_t position, size;
        auto operator==(const place&) const -> bool = default;
    };
    const auto places = [](const std::vector<xfrm::manual_sa>& sas) {
        std::vector<place> out;
        for (const auto& m : sas) {
            const auto& p = m.parameters;
            out.push_back({p.id.spi.value(), p.policy.value(), p.bundle.pair, p.bundle.position, p.bundle.size});
        }
        return out;
    };
    const auto id = b.outbound_policies.at(0).id.value();
    CHECK(id != 0);
    CHECK(b.inbound_policies.at(0).id.value() == id);
    CHECK(places(b.outbound) == std::vector<place>{{0x2000, id, 1, 1, 2},
                                                   {0x1000, id, 1, 0, 2},
                                                   {0x2009, 0, 0, 0, 1},
                                                   {0x1001, id, 2, 0, 2},
                                                   {0x2001, id, 2, 1, 2},
                                                   {0x1002, 0, 0, 0, 1}});
    CHECK(places(b.inbound) == std::vector<place>{{0x2002, id, 1, 1, 2}, {0x1003, id, 1, 0, 2}});
    // Two templates that say the same take two SAs.
    const auto same = bound_of(state_line(true, "0x1000", "mode tunnel") + state_line(true, "0x1001", "mode tunnel") +
                               "policy add dir out tmpl proto esp mode tunnel tmpl proto esp mode tunnel\n");
    CHECK(places(same.outbound) == std::vector<place>{{0x1000, 1, 1, 0, 2}, {0x1001, 1, 1, 1, 2}});
}

TEST_CASE("what policies cannot say here is refused with the line of the policy", "[xfrm][bind][fault]") {
    using xfrm::errc;
    const auto sa = state_line(true, "0x1000", "reqid 1 mode tunnel");
    CHECK(fault_of("policy add dir out tmpl src 192.0.2.1 proto esp mode tunnel\n") ==
          xfrm::fault{errc::unsupported, 1, 0, "tmpl", ""});
    CHECK(fault_of("policy add dir in src 10.0.0.0/8\npolicy add dir fwd src 10.0.0.0/8 action block\n") ==
          xfrm::fault{errc::unsupported, 2, 0, "fwd", ""});
    CHECK(fault_of(sa + "policy add dir out dst 10.0.0.0/8 tmpl proto esp reqid 1 mode tunnel\n"
                        "policy add dir out dst 11.0.0.0/8 tmpl proto esp reqid 1 mode tunnel\n") ==
          xfrm::fault{errc::shared_sa, 3, 0, "tmpl", ""});
}

// req: rfc4301-4.5-1
TEST_CASE("bound SAs go into a database and are found for their policy's packets", "[xfrm][bind][botan]") {
    const auto b = bound_of(state_line(true, "0x1000", "reqid 1 mode tunnel replay-oseq 41") +
                            state_line(false, "0x1001", "reqid 1 mode tunnel replay-window 32 replay-seq 7") +
                            "state add src 192.0.2.1 dst 192.0.2.2 proto ah spi 0x1002 reqid 2 auth sha1 twenty_octets_there.\n"
                            "state add src 192.0.2.2 dst 192.0.2.1 proto ah spi 0x1003 reqid 2 auth sha1 twenty_octets_there.\n" +
                            tunnel_policies + "policy add dir out tmpl proto ah reqid 2\n");
    sa::sadb<botan::gateway_suite, botan::any_mac> sadb;
    testing::seeded_rng random{1};
    const auto suite = [](const crypto::transform& t) { return botan::make_esp_suite(t); };
    const auto mac = [](crypto::integrity_id i) { return botan::make_mac(i); };
    for (const auto& m : b.outbound) REQUIRE(xfrm::install_outbound(sadb, m, suite, mac, random, instant{}).has_value());
    for (const auto& m : b.inbound) REQUIRE(xfrm::install_inbound(sadb, m, suite, mac, random, instant{}).has_value());
    CHECK(xfrm::install_inbound(sadb, b.inbound[0], suite, mac, random, instant{}).error() == sa::errc::duplicate);

    ip::flow flow;
    flow.source = ip::address::v4(10, 1, 0, 5);
    flow.destination = ip::address::v4(10, 2, 0, 5);
    flow.protocol = ip::next_header::udp;
    const auto* const bundle = sadb.find_outbound(b.outbound_policies[0].id, flow);
    REQUIRE(bundle != nullptr);
    auto* const out = sadb.get((*bundle)[0])->esp();
    REQUIRE(out != nullptr);
    CHECK(out->parameters().id.spi == sa::spi{0x1000});
    CHECK(out->next_sequence() == sa::sequence64{42});
    auto* const in = sadb.find_inbound(b.inbound[0].parameters.id);
    REQUIRE(in != nullptr);
    REQUIRE(in->esp() != nullptr);
    CHECK(in->esp()->check(sa::sequence32{7}).error() == sa::errc::replayed);
    CHECK(in->esp()->check(sa::sequence32{8}).has_value());
    // In transport mode the SA takes packets of its two hosts alone.
    const auto ah_policy = b.outbound_policies[1].id;
    CHECK(sadb.find_outbound(ah_policy, flow) == nullptr);
    flow.source = left;
    flow.destination = right;
    CHECK(sadb.find_outbound(ah_policy, flow) != nullptr);
}

TEST_CASE("an SA goes on with what the kernel's state has used of its limits", "[xfrm][bind][botan][limit]") {
    struct row {
        const char* limits;
        const char* used;
        bool is_over;
        sa::expiry told;
        int packets;  // of 100 octets that still pass
    };
    const auto r = GENERATE(values<row>({
        {"limit byte-hard 4096", "0(bytes), 0(packets)", false, sa::expiry::none, 40},
        {"limit byte-hard 4096", "4000(bytes), 9(packets)", false, sa::expiry::none, 0},
        {"limit byte-hard 4096", "3900(bytes), 9(packets)", false, sa::expiry::none, 1},
        {"limit byte-hard 4096", "4096(bytes), 9(packets)", true, sa::expiry::hard, 0},
        {"limit packet-hard 10", "4096(bytes), 7(packets)", false, sa::expiry::none, 3},
        {"limit packet-hard 10", "4096(bytes), 10(packets)", true, sa::expiry::hard, 0},
        {"limit packet-soft 5 limit packet-hard 8", "0(bytes), 5(packets)", false, sa::expiry::soft, 3},
    }));
    CAPTURE(r.limits, r.used);
    auto f = parsed(state_line(true, "0x1000", std::string{"mode tunnel "} + r.limits));
    const auto listed = parsed(std::string{"src 192.0.2.1 dst 192.0.2.2\n\tproto esp spi 0x00001000 reqid 0 mode tunnel\n"
                                           "\tenc cbc(aes) 0x00112233445566778899aabbccddeeff\n\tlifetime current:\n\t  "} +
                               r.used + "\n\t  add 2026-11-27 16:44:43 use -\n");
    f.states[0].used = listed.states[0].used;
    const auto m = xfrm::manual_sa_of(f.states[0]);
    REQUIRE(m.has_value());
    sa::sadb<botan::gateway_suite, botan::any_mac> sadb;
    testing::seeded_rng random{1};
    const auto suite = [](const crypto::transform& t) { return botan::make_esp_suite(t); };
    const auto mac = [](crypto::integrity_id i) { return botan::make_mac(i); };
    const auto handle = xfrm::install_outbound(sadb, *m, suite, mac, random, instant{});
    REQUIRE(handle.has_value());
    auto& life = sadb.get(*handle)->lifetime();
    CHECK(life.is_expired() == r.is_over);
    CHECK(life.take_expiry() == r.told);
    int passed = 0;
    while (passed < 50 && life.charge(100, instant{})) ++passed;
    CHECK(passed == r.packets);
}
