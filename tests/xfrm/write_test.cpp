#include "ipsec/xfrm/write.hpp"

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/catch.hpp"
#include "support/hex.hpp"
#include "support/kernel_vectors.hpp"

using namespace ipsec;
using xfrm::form;

namespace {

auto written(const xfrm::file& f, form how) -> std::string {
    std::string out(xfrm::room_for(f) + 1, '\0');
    const auto text = xfrm::write(out, f, how);
    REQUIRE(text.has_value());
    return std::string{*text};
}
auto parsed(const std::string& text) -> xfrm::file {
    auto f = xfrm::parse(text);
    INFO(text);
    if (!f) FAIL(std::string{xfrm::text_of(f.error()).view()});
    return std::move(*f);
}
/// As `ip xfrm policy` of iproute2 6.1 lists policies of Linux 6.1.
constexpr const char* policy_listing =
    "src fd06::1/128 dst ::/0 \n"
    "\tdir out priority 0 ptype main \n"
    "\ttmpl src :: dst ::\n"
    "\t\tproto esp reqid 0 mode transport\n"
    "src fd04::1/128 dst fd03::5/128 proto tcp sport 5 dport 7 \n"
    "\tdir out priority 0 ptype main \n"
    "\ttmpl src fe99::1 dst fd99::1\n"
    "\t\tproto esp reqid 0 mode tunnel\n"
    "\ttmpl src fe99::1 dst fd99::1\n"
    "\t\tproto esp reqid 0 mode tunnel\n"
    "src ::/0 dst fd00::/8 \n"
    "\tdir out priority 0 ptype main \n"
    "\ttmpl src :: dst ::\n"
    "\t\tproto esp reqid 16 mode transport\n"
    "src 10.2.0.0/16 dst 10.0.0.0/8 proto 253 \n"
    "\tdir in priority 0 ptype main \n"
    "src 10.2.0.0/16 dst 10.0.0.0/8 proto ipencap \n"
    "\tdir in priority 0 ptype main \n"
    "src 10.2.0.0/16 dst 10.0.0.0/8 proto icmp type 5 \n"
    "\tdir in priority 0 ptype main \n"
    "src 10.2.0.0/16 dst 10.0.0.0/8 proto ipv6-icmp type 5 code 3 \n"
    "\tdir fwd priority 0 ptype main \n"
    "src 10.2.0.0/16 dst 10.0.0.0/8 proto tcp sport 80 \n"
    "\tdir in action block priority 0 ptype main \n"
    "src 10.0.0.0/8 dst 10.2.0.0/16 proto tcp dport 80 \n"
    "\tdir out priority 5 ptype main \n"
    "\ttmpl src 10.0.0.1 dst 10.0.0.2\n"
    "\t\tproto esp reqid 7 mode tunnel\n"
    "\ttmpl src 0.0.0.0 dst 0.0.0.0\n"
    "\t\tproto ah reqid 0 mode transport\n";

/// As `ip xfrm state` lists them.
constexpr const char* state_listing =
    "src 10.0.0.1 dst 10.0.0.2\n"
    "\tproto esp spi 0x00001000 reqid 7 mode tunnel\n"
    "\treplay-window 0 flag noecn nopmtudisc\n"
    "\tauth-trunc hmac(sha1) 0x303132333435363738396162636465666768696a 96\n"
    "\tenc cbc(aes) 0x00112233445566778899aabbccddeeff\n"
    "\tanti-replay esn context:\n"
    "\t seq-hi 0x0, seq 0x7, oseq-hi 0x0, oseq 0x0\n"
    "\t replay_window 288, bitmap-length 9\n"
    "\t 0000007f 00000000 00000000 00000000 00000000 00000000 00000000 00000000 \n"
    "\t 00000000 \n"
    "\tsel src 10.0.0.0/8 dst 10.2.0.0/16 proto tcp sport 80 \n"
    "src 10.0.0.1 dst 10.0.0.2\n"
    "\tproto esp spi 0x00001009 reqid 0 mode transport\n"
    "\treplay-window 0 \n"
    "\tenc cbc(aes) 0x00112233445566778899aabbccddeeff\n"
    "\tanti-replay context: seq 0x0, oseq 0x10, bitmap 0x00000000\n"
    "\tsel src 0.0.0.0/0 dst 0.0.0.0/0 sport 5 \n";

}  // namespace

TEST_CASE("a state is written as a line that says no more than it must", "[xfrm][write]") {
    const std::string text =
        "xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x00001000 reqid 7 mode tunnel replay-window 64 replay-seq 9 "
        "replay-oseq 5 flag noecn nopmtudisc align4 extra-flag dont-encap-dscp auth-trunc 'hmac(sha1)' "
        "0x000102030405060708090a0b0c0d0e0f10111213 96 enc 'cbc(aes)' 0x000102030405060708090a0b0c0d0e0f encap espinudp 4500 "
        "4501 "
        "0.0.0.0 sel src 10.1.0.0/16 dst 0.0.0.0/0 proto udp dport 53 limit time-soft 100 limit packet-soft 7 "
        "limit byte-hard 18446744073709551614\n"
        "xfrm state add src 2001:db8::1 dst 2001:db8::2 proto ah spi 0x00000100 reqid 0 mode transport replay-window 32 "
        "replay-oseq 4294967293 replay-oseq-hi 6 flag af-unspec esn auth-trunc 'hmac(sha1)' "
        "0x000102030405060708090a0b0c0d0e0f10111213 96\n"
        "xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x00001001 reqid 0 mode transport replay-window 0 auth-trunc "
        "'hmac(sha1)' 0x000102030405060708090a0b0c0d0e0f10111213 96 enc 'ecb(cipher_null)' \"\" sel src 0.0.0.0/0 dst 0.0.0.0/0 "
        "proto 0 sport 5\n"
        "xfrm policy add dir out src 10.1.0.0/16 dst 10.2.0.0/16 proto icmp type 8 code 0 priority 4 tmpl src 192.0.2.1 "
        "dst 192.0.2.2 proto esp spi 0x00001000 reqid 7 mode tunnel tmpl proto ah mode transport\n"
        "xfrm policy add dir fwd src ::/0 dst 2001:db8::/32 action block\n";
    CHECK(written(parsed(text), form::batch) == text);
}

TEST_CASE("listings of the kernel come out as they went in", "[xfrm][write][kernel]") {
    for (const char* const text : {policy_listing, state_listing}) {
        const auto f = parsed(text);
        CHECK(f.states.size() + f.policies.size() >= 2);
        CHECK(written(f, form::listing) == text);
    }
    const auto both = parsed(std::string{state_listing} + policy_listing);
    CHECK(both.states.size() == 2);
    CHECK(both.policies.size() == 9);
    // The newest is listed first, and was added last.
    CHECK(both.states[1].id.spi == sa::spi{0x1000});
    CHECK(both.policies.back().selectors.source == *ip::parse_prefix("fd06::1"));
}

TEST_CASE("an upper protocol is read and listed by the name that ip has for it", "[xfrm][parse][write]") {
    struct row {
        const char* said;
        int number;
        const char* listed;
    };
    const auto r = GENERATE(values<row>({{"l2tp", 115, "l2tp"},       {"vrrp", 112, "vrrp"},         {"pim", 103, "pim"},
                                         {"115", 115, "l2tp"},        {"0x73", 115, "l2tp"},         {"L2TP", 115, "l2tp"},
                                         {"ax.25", 93, "ax.25"},      {"IPSEC-ESP", 50, "esp"},      {"OSPFIGP", 89, "ospf"},
                                         {"IPv6-Frag", 44, "ipv6-frag"}, {"mpls-in-ip", 137, "mpls-in-ip"}, {"7", 7, "7"},
                                         {"253", 253, "253"}}));
    CAPTURE(r.said);
    const auto f = parsed(std::string{"policy add dir in proto "} + r.said);
    CHECK(f.policies[0].selectors.protocol == static_cast<ip::next_header>(r.number));
    const std::string listed =
        std::string{"src 0.0.0.0/0 dst 0.0.0.0/0 proto "} + r.listed + " \n\tdir in priority 0 ptype main \n";
    CHECK(written(f, form::listing) == listed);
    CHECK(parsed(listed) == f);
}

TEST_CASE("every upper protocol is read again as it was written", "[xfrm][parse][write]") {
    for (int number = 1; number < 256; ++number) {
        CAPTURE(number);
        const auto f = parsed("policy add dir in proto " + std::to_string(number));
        CHECK(f.policies[0].selectors.protocol == static_cast<ip::next_header>(number));
        for (const auto how : {form::batch, form::listing}) CHECK(parsed(written(f, how)) == f);
    }
    for (const char* const any : {"0", "ip", "hopopt"})
        CHECK(parsed(std::string{"policy add dir in proto "} + any).policies[0].selectors.protocol.is_any());
}

TEST_CASE("policies that differ behind their prefixes are two, and written so", "[xfrm][parse][write]") {
    const std::string batch =
        "xfrm policy add dir out src 10.0.0.1/8 dst 10.1.0.0/16\n"
        "xfrm policy add dir out src 10.0.0.2/8 dst 10.1.0.0/16\n"
        "xfrm policy add dir out src 10.0.0.0/8 dst 10.1.0.0/16\n"
        "xfrm policy add dir in src fd00::/8 dst fd00::1/64 priority 3\n";
    const auto f = parsed(batch);
    REQUIRE(f.policies.size() == 4);
    CHECK(f.policies[0].selectors == f.policies[2].selectors);
    CHECK(written(f, form::batch) == batch);
    CHECK(parsed(written(f, form::listing)) == f);
    CHECK(xfrm::parse(batch + "policy add dir out src 10.0.0.2/8 dst 10.1.0.0/16").error().code == xfrm::errc::duplicate);
    const auto g = parsed(batch + "policy update dir out src 10.0.0.2/8 dst 10.1.0.0/16 priority 8");
    CHECK(g.policies[1].priority == 8);
    auto p = f.policies[0];
    p.written.source = ip::address::v4(11, 0, 0, 1);  // not of its prefix
    std::array<char, xfrm::policy_rule::max_text> room{};
    CHECK(xfrm::write(room, p, form::batch).error() == xfrm::errc::inexpressible);
}

TEST_CASE("templates behind a tunnel of another family are read again as they were written", "[xfrm][parse][write]") {
    const auto* const templates =
        GENERATE("tmpl src ::1 dst ::2 proto esp mode tunnel tmpl proto ah",
                 "tmpl src :: proto esp mode tunnel tmpl src ::1 proto ah tmpl proto ah",
                 "tmpl src :: proto esp mode tunnel tmpl dst 0.0.0.0 proto esp mode tunnel tmpl proto ah",
                 "tmpl dst 0.0.0.0 proto esp mode tunnel tmpl src 0.0.0.0 proto ah");
    CAPTURE(templates);
    const auto f = parsed(std::string{"policy add dir out src 10.0.0.0/8 "} + templates);
    for (const auto how : {form::batch, form::listing}) CHECK(parsed(written(f, how)) == f);
}

TEST_CASE("policies of sockets are no part of the SPD", "[xfrm][parse]") {
    const auto f = parsed(std::string{"src 0.0.0.0/0 dst 0.0.0.0/0 \n\tsocket in priority 0 ptype main \n"} + policy_listing);
    CHECK(f.policies.size() == 9);
}

TEST_CASE("listings and commands may alternate", "[xfrm][parse]") {
    const auto f =
        parsed(std::string{"policy add dir in priority 1\n"} + policy_listing +
               "policy add dir out priority 2\nstate add src ::1 dst ::2 proto ah spi 0x5000 auth md5 sixteen_octets_!\n" +
               state_listing + "\n\n# the end");
    REQUIRE(f.policies.size() == 11);
    CHECK(f.policies.front().priority == 1);
    CHECK(f.policies[1].priority == 5);
    CHECK(f.policies.back().priority == 2);
    REQUIRE(f.states.size() == 3);
    CHECK(f.states[0].id.spi == sa::spi{0x5000});
    CHECK(f.states[1].id.spi == sa::spi{0x1009});
}

TEST_CASE("a fault in a listing has its line", "[xfrm][parse][fault]") {
    struct row {
        const char* text;
        xfrm::errc code;
        std::uint32_t line, column;
        const char* word;
    };
    const auto r = GENERATE(values<row>({
        {"src 10.0.0.1 dst 10.0.0.2\n\tproto esp spi 0x100 reqid 0 mode tunnel\n\tenc cbc(sm4) 0x00\n",
         xfrm::errc::unsupported_algorithm, 3, 6, "cbc(sm4)"},
        {"src 10.0.0.1 dst 10.0.0.2\n\tproto esp spi 0x100 mode tunnel\n\tfirstused 5", xfrm::errc::unknown_word, 3, 2,
         "firstused"},
        {"src 10.0.0.1 dst 10.0.0.2\n\tspi 1 anti-replay context: seq 5, oseq x,", xfrm::errc::bad_value, 2, 41, "x,"},
        {"src 10.0.0.1 dst 10.0.0.2\n\tspi 1 anti-replay frob", xfrm::errc::unknown_word, 2, 20, "frob"},
        {"src 10.0.0.1 dst 10.0.0.2\n\tspi 1 anti-replay esn context:\n\t seq-hi 0x0, seq 0x0, oseq-hi 0x0, oseq 0x0\n"
         "\t replay_window 64, bitmap-length 3\n",
         xfrm::errc::bad_value, 4, 35, "3"},
        {"src 10.0.0.1 dst 10.0.0.2\n\tspi 1 anti-replay esn context:\n\t seq-hi 0x0, seq 0x0, oseq-hi 0x0, oseq 0x0\n"
         "\t replay_window 32, bitmap-length 1\n\t g\n",
         xfrm::errc::bad_value, 5, 3, "g"},
        {"src 0.0.0.0/0 dst 0.0.0.0/0\n\tdir out priority 0\n\ttmpl src :: dst ::\n\t\tproto esp\n\t\tlevel use",
         xfrm::errc::unsupported, 5, 9, "use"},
        {"src 10.0.0.1 dst 10.0.0.2\nproto esp", xfrm::errc::missing_word, 1, 1, "proto"},
    }));
    CAPTURE(r.text);
    const auto f = xfrm::parse(r.text);
    REQUIRE_FALSE(f.has_value());
    CHECK(f.error().code == r.code);
    CHECK(f.error().line == r.line);
    CHECK(f.error().column == r.column);
    CHECK(f.error().word == r.word);
}

TEST_CASE("every state that the kernel listed is read and written again", "[xfrm][kernel]") {
    std::ifstream in{std::string{IPSECPP_TEST_DATA} + "/linux-kernel/states.json"};
    const auto all = nlohmann::json::parse(in);
    int same = 0;
    for (const auto& [name, value] : all.items()) {
        CAPTURE(name);
        const auto text = value.get<std::string>();
        const auto f = xfrm::parse(text);
        REQUIRE(f);
        CHECK(written(*f, form::listing) == text);
        ++same;
        // And as commands: the same but for the marks within the window.
        auto again = parsed(written(*f, form::batch));
        auto before = parsed(text);
        for (auto& s : before.states) s.bitmap.clear();
        CHECK(again == before);
    }
    CHECK(same == 115);
}

TEST_CASE("the commands that made the kernel's vectors give its SAs", "[xfrm][kernel]") {
    int states = 0;
    for (const auto& entry : test::kernel_cases()) {
        CAPTURE(entry.at("name").get<std::string>());
        for (const auto& j : entry.at("sas")) {
            const auto wanted = test::kernel_sa_of(j);
            const auto text = [&](const char* key) { return j.value(key, std::string{}); };
            std::string line = "xfrm state add src " + text("src") + " dst " + text("dst") + " proto " + text("proto") +
                               " spi 0x" + text("spi") + " mode " + text("mode") + " replay-window 32";
            if (entry.at("mode") == "tunnel46" || entry.at("mode") == "tunnel64") line += " flag af-unspec";
            if (j.value("esn", false)) line += " flag esn replay-oseq 4294967293 replay-oseq-hi 6";
            const auto bits = std::to_string(j.value("icv_bits", 0));
            if (j.contains("aead")) line += " aead '" + text("aead") + "' 0x" + text("aead_key") + " " + bits;
            if (j.contains("auth")) line += " auth-trunc '" + text("auth") + "' 0x" + text("auth_key") + " " + bits;
            if (j.contains("enc"))
                line += " enc '" + text("enc") + "' " + (text("enc_key").empty() ? "\"\"" : "0x" + text("enc_key"));
            if (j.contains("encap")) line += " encap " + text("encap") + " 0.0.0.0";
            CAPTURE(line);
            const auto f = xfrm::parse(line);
            REQUIRE(wanted.missing.empty());
            REQUIRE(f.has_value());
            const auto& s = f->states.at(0);
            CHECK(s.id == wanted.parameters.id);
            CHECK(s.source == wanted.parameters.source);
            CHECK(s.mode == wanted.parameters.mode);
            CHECK(s.transform == wanted.transform);
            CHECK(test::hex(s.keymat.view()) == test::hex(wanted.keymat));
            CHECK(s.flags.esn == wanted.parameters.extended_sequence);
            CHECK(s.sent == wanted.before);
            CHECK(static_cast<bool>(s.encapsulation) == wanted.in_udp);
            CHECK(parsed(written(*f, form::batch)) == *f);
            CHECK(parsed(written(*f, form::listing)) == *f);
            ++states;
        }
    }
    CHECK(states == 238);
}

TEST_CASE("what has no words, or no room, is not written", "[xfrm][write]") {
    const auto good = parsed("policy add dir out src 10.0.0.0/8 proto tcp sport 5 tmpl proto esp").policies[0];
    std::array<char, xfrm::policy_rule::max_text> room{};
    const auto whole = xfrm::write(room, good, form::batch);
    REQUIRE(whole.has_value());
    for (std::size_t n = 0; n < whole->size(); ++n) {
        std::vector<char> small(n);
        CHECK(xfrm::write(small, good, form::batch).error() == xfrm::errc::no_room);
    }
    const auto refused = [&](auto change) {
        auto p = good;
        change(p);
        const auto text = xfrm::write(room, p, form::batch);
        return !text && text.error() == xfrm::errc::inexpressible;
    };
    CHECK_FALSE(refused([](auto&) {}));
    CHECK(refused([](auto& p) { p.selectors.source = ip::range::any(); }));
    CHECK(refused([](auto& p) { p.selectors = {}; }));
    CHECK(refused([](auto& p) { p.selectors.source = *ip::parse_range("10.0.0.1-10.0.0.2"); }));
    CHECK(refused([](auto& p) { p.selectors.source_port = *ip::port_range::make(5, 6); }));
    CHECK(refused([](auto& p) { p.selectors.source_port = ip::port_range::opaque(); }));
    CHECK(refused([](auto& p) { p.selectors.protocol = ip::protocol_selector::opaque(); }));
    CHECK(refused([](auto& p) { p.selectors.protocol = ip::next_header::icmp; }));
    CHECK(refused([](auto& p) { p.selectors.protocol = ip::next_header::hop_by_hop; }));
    CHECK(refused([](auto& p) { p.selectors.icmp = ip::port_range::icmp(8); }));

    auto state =
        std::move(parsed("state add src ::1 dst ::2 proto esp spi 0x5000 enc aes sixteen_octets_! auth sha1 twenty_octets_there.")
                      .states[0]);
    std::array<char, xfrm::state::max_text> wide{};
    CHECK(xfrm::write(wide, state, form::batch).has_value());
    state.transform.encryption = crypto::encryption_id{0};
    CHECK(xfrm::write(wide, state, form::batch).error() == xfrm::errc::inexpressible);
}

TEST_CASE("AH whose MAC the kernel has no name for, or that has none, is not written", "[xfrm][write]") {
    using crypto::integrity_id;
    struct row {
        integrity_id id;
        std::size_t key;
        bool is_said;
    };
    const auto r = GENERATE(values<row>({
        {integrity_id::hmac_sha1_96, 20, true},
        {integrity_id::aes_cmac_96, 16, true},
        {integrity_id::aes_gmac_128, 20, false},
        {integrity_id::aes_gmac_256, 36, false},
        {integrity_id::des_mac, 8, false},
        {integrity_id{0}, 0, false},
        {integrity_id::none, 0, false},
    }));
    CAPTURE(static_cast<int>(r.id));
    auto state = std::move(parsed("state add src ::1 dst ::2 proto ah spi 0x5000 auth sha1 twenty_octets_there.").states[0]);
    const std::vector<std::byte> key(r.key, std::byte{0x5c});
    state.transform.integrity = r.id;
    state.keymat = secret<128>{byte_view{key}};
    std::array<char, xfrm::state::max_text> room{};
    for (const auto how : {form::batch, form::listing}) {
        const auto text = xfrm::write(room, state, how);
        CHECK(text.has_value() == r.is_said);
        if (!text) CHECK(text.error() == xfrm::errc::inexpressible);
    }
    state.id.protocol = sa::protocol::esp;  // which may go without one
    CHECK(xfrm::write(room, state, form::batch).has_value() == (r.is_said || r.id == integrity_id::none));
}

TEST_CASE("the longest entries fit into the room that is promised", "[xfrm][write]") {
    const std::string v6 = "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    std::string text = "state add src " + v6 + " dst " + v6 +
                       " proto esp spi 0xffffffff reqid 4294967295 mode transport "
                       "replay-window 4096 replay-seq 4294967295 replay-oseq 4294967295 replay-seq-hi 4294967295 "
                       "replay-oseq-hi 4294967295 flag noecn nopmtudisc af-unspec align4 esn extra-flag dont-encap-dscp "
                       "auth hmac(sha512) 0x" +
                       std::string(128, 'f') + " enc cbc(aes) 0x" + std::string(64, 'f') + " encap espinudp 65535 65535 " + v6 +
                       " sel src " + v6 + "/128 dst " + v6 +
                       "/128 proto udplite sport 65535 "
                       "dport 65535 dir out";
    for (const char* kind : {"time", "byte", "packet"})
        for (const char* end : {"soft", "hard"}) text += std::string{" limit "} + kind + "-" + end + " 18446744073709551614";
    std::string policy = "policy add dir out src " + v6 + "/128 dst " + v6 +
                         "/128 proto udplite sport 65535 dport 65535 action block "
                         "priority 4294967295";
    for (int i = 0; i < 4; ++i)
        policy += " tmpl src " + v6 + " dst " + v6 + " proto esp spi 0xffffffff reqid 4294967295 mode transport";
    const auto f = parsed(text + "\n" + policy);
    for (const auto how : {form::batch, form::listing}) {
        std::array<char, xfrm::state::max_text> room{};
        CHECK(xfrm::write(room, f.states[0], how).has_value());
        std::array<char, xfrm::policy_rule::max_text> rule_room{};
        CHECK(xfrm::write(rule_room, f.policies[0], how).has_value());
    }
}
