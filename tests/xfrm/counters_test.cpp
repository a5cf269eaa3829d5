// What listings show that commands do not say: counters, dates, directions of SAs.
#include <string>
#include <utility>

#include "ipsec/xfrm/bind.hpp"
#include "ipsec/xfrm/write.hpp"
#include "support/catch.hpp"

using namespace ipsec;

namespace {

auto parsed(const std::string& text) -> xfrm::file {
    auto f = xfrm::parse(text);
    INFO(text);
    if (!f) FAIL(std::string{xfrm::text_of(f.error()).view()});
    return std::move(*f);
}
auto written(const xfrm::file& f, xfrm::form how) -> std::string {
    std::string out(xfrm::room_for(f) + 1, '\0');
    const auto text = xfrm::write(out, f, how);
    REQUIRE(text.has_value());
    return std::string{*text};
}

/// As `ip -s xfrm policy` of iproute2 6.1 lists policies of Linux 6.1.
constexpr const char* counted_policies =
    "src 10.0.0.0/8 dst 10.1.0.0/16 proto mobility-header type 5 uid 0\n"
    "\tdir out action allow index 9 priority 0 ptype main share any flag  (0x00000000)\n"
    "\tlifetime config:\n"
    "\t  limit: soft (INF)(bytes), hard (INF)(bytes)\n"
    "\t  limit: soft (INF)(packets), hard (INF)(packets)\n"
    "\t  expire add: soft 0(sec), hard 0(sec)\n"
    "\t  expire use: soft 0(sec), hard 0(sec)\n"
    "\tlifetime current:\n"
    "\t  0(bytes), 0(packets)\n"
    "\t  add 2026-11-27 16:44:43 use -\n"
    "\ttmpl src 0.0.0.0 dst 0.0.0.0\n"
    "\t\tproto esp spi 0x00000000(0) reqid 0(0x00000000) mode transport\n"
    "\t\tlevel required share any \n"
    "\t\tenc-mask ffffffff auth-mask ffffffff comp-mask ffffffff\n"
    "src fd00::/8 dst fd01::/16 proto tcp sport 5 dport 7 uid 0\n"
    "\tdir in action block index 8 priority 3 ptype main share any flag  (0x00000000)\n"
    "\tlifetime config:\n"
    "\t  limit: soft (INF)(bytes), hard (INF)(bytes)\n"
    "\t  limit: soft (INF)(packets), hard (INF)(packets)\n"
    "\t  expire add: soft 0(sec), hard 0(sec)\n"
    "\t  expire use: soft 0(sec), hard 0(sec)\n"
    "\tlifetime current:\n"
    "\t  20124(bytes), 83(packets)\n"
    "\t  add 2026-11-27 16:44:43 use 2026-11-27 16:45:01\n";

/// As `ip -s xfrm state` lists states, with the lines that newer kernels and newer iproute2 add.
constexpr const char* counted_states =
    "src 10.0.0.1 dst 10.0.0.2\n"
    "\tproto esp spi 0x00001000(4096) reqid 7(0x00000007) mode tunnel\n"
    "\treplay-window 32 seq 0x00000000 flag noecn nopmtudisc (0x00000101)\n"
    "\tauth-trunc hmac(sha1) 0x303132333435363738396162636465666768696a (160 bits) 96\n"
    "\tenc cbc(aes) 0x00112233445566778899aabbccddeeff (128 bits)\n"
    "\tencap type espinudp sport 4500 dport 4501 addr 0.0.0.0\n"
    "\tlastused 2026-11-27 16:45:01\n"
    "\tanti-replay context: seq 0x4, oseq 0x0, bitmap 0x0000000f\n"
    "\ttfcpad 500\n"
    "\tdir out\n"
    "\tsel src 10.0.0.0/8 dst 10.2.0.0/16 proto tcp sport 80 uid 0\n"
    "\tlifetime config:\n"
    "\t  limit: soft 4000(bytes), hard 5000(bytes)\n"
    "\t  limit: soft (INF)(packets), hard (INF)(packets)\n"
    "\t  expire add: soft 100(sec), hard 200(sec)\n"
    "\t  expire use: soft 0(sec), hard 0(sec)\n"
    "\tlifetime current:\n"
    "\t  0(bytes), 721(packets)\n"
    "\t  add 2026-11-27 16:44:43 use 2026-11-27 16:45:01\n"
    "\tstats:\n"
    "\t  replay-window 1 replay 2 failed 3\n"
    "src 10.0.0.2 dst 10.0.0.1\n"
    "\tproto ah spi 0x00001001(4097) reqid 0(0x00000000) mode transport\n"
    "\treplay-window 0 seq 0x4294967295 flag  (0x00000000)\n"
    "\tauth-trunc hmac(sha1) 0x303132333435363738396162636465666768696a (160 bits) 96\n"
    "\tlastused -\n"
    "\tanti-replay context: seq 0x0, oseq 0x0, bitmap 0x00000000\n"
    "\tdir in\n"
    "src 10.0.0.1 dst 10.0.0.2\n"
    "\tproto esp spi 0x00001002(4098) reqid 0(0x00000000) mode transport\n"
    "\treplay-window 0 seq 0x00000000 flag  (0x00000000)\n"
    "\tauth-trunc hmac(sha1) 0x303132333435363738396162636465666768696a (160 bits) 96\n"
    "\tenc ecb(cipher_null)  (0 bits)\n"
    "src 10.0.0.1 dst 10.0.0.2\n"
    "\tproto esp spi 0x00001003(4099) reqid 0(0x00000000) mode transport\n"
    "\treplay-window 0 seq 0x00000000 flag  (0x00000000)\n"
    "\taead rfc4106(gcm(aes)) 0x00112233445566778899aabbccddeeff00112233 (160 bits) 128\n";

}  // namespace

TEST_CASE("policies listed with counters say what those without say", "[xfrm][parse][counters]") {
    const auto f = parsed(counted_policies);
    CHECK(written(f, xfrm::form::listing) ==
          "src 10.0.0.0/8 dst 10.1.0.0/16 proto mobility-header type 5 \n"
          "\tdir out priority 0 ptype main \n"
          "\ttmpl src 0.0.0.0 dst 0.0.0.0\n"
          "\t\tproto esp reqid 0 mode transport\n"
          "src fd00::/8 dst fd01::/16 proto tcp sport 5 dport 7 \n"
          "\tdir in action block priority 3 ptype main \n");
}

TEST_CASE("states listed with counters say what those without say, and their limits", "[xfrm][parse][counters]") {
    const auto f = parsed(counted_states);
    CHECK(written(f, xfrm::form::batch) ==
          "xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi 0x00001003 reqid 0 mode transport replay-window 0 "
          "aead 'rfc4106(gcm(aes))' 0x00112233445566778899aabbccddeeff00112233 128\n"
          "xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi 0x00001002 reqid 0 mode transport replay-window 0 "
          "auth-trunc 'hmac(sha1)' 0x303132333435363738396162636465666768696a 96 enc 'ecb(cipher_null)' \"\"\n"
          "xfrm state add src 10.0.0.2 dst 10.0.0.1 proto ah spi 0x00001001 reqid 0 mode transport replay-window 0 "
          "auth-trunc 'hmac(sha1)' 0x303132333435363738396162636465666768696a 96 dir in\n"
          "xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi 0x00001000 reqid 7 mode tunnel replay-window 32 replay-seq 4 "
          "flag noecn nopmtudisc auth-trunc 'hmac(sha1)' 0x303132333435363738396162636465666768696a 96 "
          "enc 'cbc(aes)' 0x00112233445566778899aabbccddeeff encap espinudp 4500 4501 0.0.0.0 tfcpad 500 dir out "
          "sel src 10.0.0.0/8 dst 10.2.0.0/16 proto tcp sport 80 "
          "limit time-soft 100 limit byte-soft 4000 limit time-hard 200 limit byte-hard 5000\n");
    // What a listing has a place for comes back from one.
    const auto again = parsed(written(f, xfrm::form::listing));
    REQUIRE(again.states.size() == 4);
    for (std::size_t i = 0; i < 4; ++i) CHECK(again.states[i].direction == f.states[i].direction);
}

TEST_CASE("what a listing with counters limits, and nothing here does, is refused", "[xfrm][parse][counters][fault]") {
    struct row {
        const char* what;
        const char* instead_of;
        const char* text;
        xfrm::errc code;
        const char* word;
    };
    const auto r = GENERATE(values<row>({
        {"a policy that expires", "add: soft 0(sec), hard 0(sec)", "add: soft 0(sec), hard 9(sec)", xfrm::errc::unsupported,
         "config:"},
        {"a policy with flags", "flag  (", "flag icmp (", xfrm::errc::unsupported, "icmp"},
        {"a policy that is shared", "share any flag", "share user flag", xfrm::errc::unsupported, "user"},
        {"a template with a choice of algorithms", "auth-mask ffffffff", "auth-mask 00000008", xfrm::errc::unsupported,
         "00000008"},
        {"a state that expires after its first use", "use: soft 0(sec), hard 0(sec)", "use: soft 1(sec), hard 0(sec)",
         xfrm::errc::unsupported, "use:"},
        {"a state that lets no octet through", "hard 5000(bytes)", "hard 0(bytes)", xfrm::errc::unsupported, "0(bytes)"},
        {"a state whose octets are past the soft limit at once", "soft 4000(bytes)", "soft 0(bytes)", xfrm::errc::unsupported,
         "0(bytes),"},
        {"a state that lets no packet through", "hard (INF)(packets)", "hard 0(packets)", xfrm::errc::unsupported, "0(packets)"},
        {"a state whose packets are past the soft limit at once", "soft (INF)(packets)", "soft 0(packets)",
         xfrm::errc::unsupported, "0(packets),"},
        {"a policy that lets no octet through", "hard (INF)(bytes)", "hard 0(bytes)", xfrm::errc::unsupported, "0(bytes)"},
        {"a state with flags that have no names", "flag  (0x00000000)", "flag  (0x00000010)", xfrm::errc::bad_value,
         "(0x00000010)"},
        {"a state whose flags are no number", "flag  (0x00000000)", "flag  (none)", xfrm::errc::bad_value, "(none)"},
        {"a policy with flags that have no names", "flag  (0x00000000)", "flag  (0x00000001)", xfrm::errc::bad_value,
         "(0x00000001)"},
        {"a state with two SPIs", "0x00001000(4096)", "0x00001000(4097)", xfrm::errc::bad_value, "0x00001000(4097)"},
        {"a state with two reqids", "7(0x00000007)", "7(0x00000008)", xfrm::errc::bad_value, "7(0x00000008)"},
        {"a state with half a reqid", "7(0x00000007)", "7(0x00000007", xfrm::errc::bad_value, "7(0x00000007"},
        {"a template with two SPIs", "0x00000000(0)", "0x00000000(1)", xfrm::errc::bad_value, "0x00000000(1)"},
        {"a state of another direction", "dir in\nsrc", "dir other (3)\nsrc", xfrm::errc::bad_value, "other"},
        {"an amount of something else", "4000(bytes)", "4000(bits)", xfrm::errc::bad_value, "4000(bits),"},
        {"an amount that is no number", "4000(bytes)", "4k(bytes)", xfrm::errc::bad_value, "4k(bytes),"},
        {"a lifetime of another kind", "lifetime current:", "lifetime expected:", xfrm::errc::unknown_word, "expected:"},
        {"limits twice", "lifetime current:\n\t  0(bytes), 721(packets)\n", "lifetime config:\n", xfrm::errc::repeated_word,
         "config:"},
        {"an end in the middle", " (160 bits) 128\n", " (160", xfrm::errc::missing_value, ""},
    }));
    CAPTURE(r.what);
    std::string text =
        std::string{r.what}.find("polic") != std::string::npos || std::string{r.what}.find("templ") != std::string::npos
            ? counted_policies
            : counted_states;
    const auto at = text.find(r.instead_of);
    REQUIRE(at != std::string::npos);
    text.replace(at, std::string{r.instead_of}.size(), r.text);
    const auto f = xfrm::parse(text);
    REQUIRE_FALSE(f.has_value());
    CAPTURE(std::string{xfrm::text_of(f.error()).view()});
    CHECK(f.error().code == r.code);
    CHECK(f.error().word == r.word);
}

TEST_CASE("what a state has used is read", "[xfrm][parse][counters]") {
    std::string text = counted_states;
    text.replace(text.find("0(bytes), 721(packets)"), 1, "892644");
    const auto f = parsed(text);
    CHECK(f.states.back().used == xfrm::used_up{892644, 721});
    CHECK(f.states.front().used == xfrm::used_up{});
}

TEST_CASE("what only listings show is no word of a command", "[xfrm][parse][counters][fault]") {
    const auto* const text = GENERATE("state add lastused -", "state add stats: replay-window 0 replay 0 failed 0",
                                      "state add lifetime current:", "policy add dir in lifetime config:",
                                      "policy add dir in share any", "policy add dir in uid 0",
                                      "policy add dir in tmpl proto esp enc-mask ffffffff");
    CAPTURE(text);
    const auto f = xfrm::parse(text);
    REQUIRE_FALSE(f.has_value());
    CHECK(f.error().code == xfrm::errc::unknown_word);
}

TEST_CASE("states still negotiated are left out of a listing, and counted", "[xfrm][parse][counters]") {
    // As Linux lists what `ip xfrm state allocspi` and an acquire made, beside a state that is there.
    const std::string reserved =
        "src 10.1.0.2 dst 10.1.0.1\n"
        "\tproto esp spi 0x0000136a reqid 3 mode tunnel\n"
        "\treplay-window 0 \n"
        "\tanti-replay context: seq 0x0, oseq 0x0, bitmap 0x00000000\n"
        "\tsel src 10.1.0.2/32 dst 10.1.0.1/32 \n";
    const std::string acquired =
        "src 10.1.0.1 dst 10.1.0.2\n"
        "\tproto esp spi 0x00000000 reqid 1 mode transport\n"
        "\treplay-window 0 \n"
        "\tanti-replay context: seq 0x0, oseq 0x0, bitmap 0x00000000\n"
        "\tsel src 10.1.0.1/32 dst 10.1.0.2/32 proto icmp type 8 code 0 dev d0 \n";
    const std::string whole =
        "src 10.80.0.2 dst 10.80.0.1\n"
        "\tproto ah spi 0x00010983 reqid 153 mode transport\n"
        "\treplay-window 32 \n"
        "\tauth-trunc hmac(md5) 0x12e8de4e6cda3abf0ed71b657f358fa4 96\n"
        "\tanti-replay context: seq 0x4, oseq 0x0, bitmap 0x0000000f\n"
        "\tsel src 0.0.0.0/0 dst 0.0.0.0/0 \n";
    const auto f = parsed(reserved + acquired + whole + reserved);
    CHECK(f.larval == 3);
    REQUIRE(f.states.size() == 1);
    CHECK(written(f, xfrm::form::listing) == whole);
    // A command has to say more, and so has what does not name an SA or is bound to an interface.
    CHECK(xfrm::parse("state add src 10.1.0.2 dst 10.1.0.1 proto esp spi 0x136a").error().word == "enc");
    CHECK(xfrm::parse("src 10.1.0.2 dst 10.1.0.1\n\tproto esp reqid 3 mode tunnel\n").error().word == "spi");
    const auto with_device = whole.substr(0, whole.size() - 1) + "dev d0 \n";  // faults look into it
    const auto bound = xfrm::parse(with_device);
    REQUIRE_FALSE(bound);
    CHECK(std::string{xfrm::text_of(bound.error()).view()} ==
          "line 6, column 34: unsupported here: 'dev' after '0.0.0.0/0'");
    CHECK(xfrm::parse("src 0.0.0.0/0 dst 0.0.0.0/0 dev d0 \n\tdir in priority 0 ptype main \n").error().word == "dev");
}

TEST_CASE("what ip lists with -o says the same as without", "[xfrm][parse][counters]") {
    for (const std::string text : {counted_states, counted_policies}) {
        std::string one_line;
        for (std::size_t i = 0; i < text.size(); ++i) {
            const bool ends_entry = text[i] == '\n' && (i + 1 == text.size() || text[i + 1] == 's');
            one_line += text[i] == '\n' ? (ends_entry ? "\\\n" : "\\") : std::string(1, text[i]);
        }
        CAPTURE(one_line);
        CHECK(parsed(one_line) == parsed(text));
    }
    const auto f = parsed("src 10.9.0.0/16 dst 0.0.0.0/0 \\\tdir fwd priority 0 ptype main \\\n"
                          "src 10.8.0.0/16 dst 0.0.0.0/0 \\\tdir in priority 7 ptype main \\\r\n"
                          "policy add dir out \\\n  priority 3\n");
    REQUIRE(f.policies.size() == 3);
    CHECK(f.policies[1].direction == xfrm::direction::fwd);
    CHECK(f.policies[2].priority == 3);
    CHECK(xfrm::parse("policy add dir in\\priority 3").error().code == xfrm::errc::bad_value);
}

TEST_CASE("an SA with a direction serves no other", "[xfrm][bind]") {
    const std::string state = "state add src 192.0.2.1 dst 192.0.2.2 proto ah spi 0x1000 auth sha1 twenty_octets_there. ";
    struct row {
        const char* direction;
        std::size_t inbound, outbound, foreign;
    };
    const auto both = std::array{ip::address::v4(192, 0, 2, 1), ip::address::v4(192, 0, 2, 2)};
    const auto r = GENERATE(values<row>({{"", 1, 1, 0}, {"dir in", 1, 0, 0}, {"dir out", 0, 1, 0}}));
    CAPTURE(r.direction);
    const auto f = parsed(state + r.direction);
    const auto to_both = xfrm::bind(f, both);
    REQUIRE(to_both);
    CHECK(to_both->inbound.size() == r.inbound);
    CHECK(to_both->outbound.size() == r.outbound);
    const auto to_sender = xfrm::bind(f, std::span{both}.first(1));
    REQUIRE(to_sender);
    CHECK(to_sender->outbound.size() == r.outbound);
    CHECK(to_sender->foreign == 1 - r.outbound);
}

TEST_CASE("a policy for messages of Mobile IPv6 is written as it was read", "[xfrm][parse][write]") {
    const std::string batch = "xfrm policy add dir out src fd00::/8 dst ::/0 proto mobility-header type 5\n";
    const auto f = parsed(batch);
    CHECK(f.policies[0].selectors.mobility == ip::port_range{5});
    CHECK(written(f, xfrm::form::batch) == batch);
    CHECK(written(parsed(written(f, xfrm::form::listing)), xfrm::form::batch) == batch);
    CHECK(xfrm::parse("policy add dir out proto mobility-header type 5 code 1").error().code == xfrm::errc::unsupported);
    CHECK(xfrm::parse("policy add dir out proto mobility-header sport 5").error().code == xfrm::errc::unknown_word);
    auto wide = f.policies[0];
    wide.selectors.mobility = *ip::port_range::make(5, 6);
    std::array<char, xfrm::policy_rule::max_text> room{};
    CHECK(xfrm::write(room, wide, xfrm::form::batch).error() == xfrm::errc::inexpressible);
    wide.selectors.mobility = ip::port_range{5};
    wide.selectors.protocol = ip::next_header::udp;
    CHECK(xfrm::write(room, wide, xfrm::form::batch).error() == xfrm::errc::inexpressible);
}
