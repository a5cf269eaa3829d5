#include "ipsec/xfrm/parse.hpp"

#include <string>
#include <string_view>

#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
using crypto::encryption_id;
using crypto::integrity_id;
using test::hex;

namespace {

constexpr std::string_view ends = "src 192.0.2.1 dst 192.0.2.2 ";
constexpr std::string_view aes_key = "0x000102030405060708090a0b0c0d0e0f";
constexpr std::string_view sha1_key = "0x000102030405060708090a0b0c0d0e0f10111213";
constexpr std::string_view sha256_key = "0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// A text with @A for an AES-128 key, @1 for one of HMAC-SHA1, @2 for one of HMAC-SHA2-256, @E for two ends.
auto filled(std::string_view pattern) -> std::string {
    std::string out;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] != '@') {
            out += pattern[i];
            continue;
        }
        switch (pattern[++i]) {
            case 'A': out += aes_key; break;
            case '1': out += sha1_key; break;
            case '2': out += sha256_key; break;
            case 'E': out += ends; break;
            default: FAIL("no such letter");
        }
    }
    return out;
}
auto one_state(const std::string& text) -> xfrm::state {
    auto f = xfrm::parse(text);
    if (!f) FAIL(std::string{xfrm::text_of(f.error()).view()});
    REQUIRE(f->states.size() == 1);
    return std::move(f->states[0]);
}
auto one_policy(const std::string& text) -> xfrm::policy_rule {
    auto f = xfrm::parse(text);
    if (!f) FAIL(std::string{xfrm::text_of(f.error()).view()});
    REQUIRE(f->policies.size() == 1);
    return f->policies[0];
}
auto prefix(std::string_view text) -> ip::range { return *ip::parse_prefix(text); }

}  // namespace

// req: rfc2401-4.4.3-1, rfc2401-4.4.3-12
TEST_CASE("a state line gives every part of an SA", "[xfrm][parse]") {
    const auto s = one_state(
        filled("xfrm state add @E proto esp spi 0x1000 reqid 7 mode tunnel enc 'cbc(aes)' @A auth-trunc 'hmac(sha256)' @2 128 "
               "replay-window 64 replay-oseq 5 replay-seq 0x9 flag noecn nopmtudisc extra-flag dont-encap-dscp "
               "encap espinudp 4500 4501 198.51.100.7 "
               "sel src 10.1.0.0/16 dst 10.2.0.9 proto tcp sport 80 dport 1024 "
               "limit time-soft 100 limit time-hard 200 limit byte-soft 5000 limit byte-hard 6000 limit packet-soft 7 limit "
               "packet-hard 8\n"));
    CHECK(s.id == sa::id{sa::spi{0x1000}, ip::address::v4(192, 0, 2, 2), sa::protocol::esp});
    CHECK(s.source == ip::address::v4(192, 0, 2, 1));
    CHECK(s.mode == sa::mode::tunnel);
    CHECK(s.reqid == 7);
    CHECK(s.replay_window == 64);
    CHECK(s.sent == 5);
    CHECK(s.received == 9);
    CHECK(s.flags == xfrm::state_flags{.noecn = true, .nopmtudisc = true, .dont_encap_dscp = true});
    CHECK(s.transform == crypto::transform{encryption_id::aes_cbc, 128, integrity_id::hmac_sha2_256_128});
    CHECK("0x" + hex(s.keymat.view()) == std::string{aes_key} + std::string{sha256_key.substr(2)});
    CHECK(s.encapsulation == sa::udp_encapsulation{4500, 4501});
    CHECK(s.original == ip::address::v4(198, 51, 100, 7));
    ip::selector wanted;
    wanted.source = prefix("10.1.0.0/16");
    wanted.destination = prefix("10.2.0.9");
    wanted.protocol = ip::next_header::tcp;
    wanted.source_port = std::uint16_t{80};
    wanted.destination_port = std::uint16_t{1024};
    CHECK(s.selectors == wanted);
    CHECK(s.soft == xfrm::state_limits{100, 5000, 7});
    CHECK(s.hard == xfrm::state_limits{200, 6000, 8});
    CHECK(s.line.number == 1);
}

TEST_CASE("what a state line does not say has the kernel's default", "[xfrm][parse]") {
    const auto s = one_state(filled("state add @E spi 300 proto ah auth sha1 @1"));
    CHECK(s.id.spi == sa::spi{300});
    CHECK(s.mode == sa::mode::transport);
    CHECK(s.replay_window == 0);
    CHECK(s.reqid == 0);
    CHECK(s.selectors.source == ip::range::any(ip::family::v4));
    CHECK(s.selectors.destination == ip::range::any(ip::family::v4));
    CHECK(s.transform.integrity == integrity_id::hmac_sha1_96);
    CHECK(s.soft == xfrm::state_limits{});
    const auto endless = one_state(
        filled("state add @E spi 300 proto ah auth sha1 @1 limit time-hard 0 limit byte-hard 18446744073709551615 limit "
               "packet-hard 18446744073709551615"));
    CHECK(endless.hard == xfrm::state_limits{});
    CHECK_FALSE(s.encapsulation);
    const auto both = one_state(filled("state add @E spi 300 proto ah auth sha1 @1 flag af-unspec"));
    CHECK(both.selectors == ip::selector{});
}

TEST_CASE("the kernel's names give this library's algorithms", "[xfrm][parse][algorithms]") {
    struct row {
        const char* text;
        crypto::transform want;
        std::size_t octets;
    };
    const std::string k = "0x" + std::string(128, '1');
    const auto r = GENERATE(values<row>({
        {"enc 'cbc(des)' 8 auth-trunc 'hmac(md5)' 16 96", {encryption_id::des_cbc, 0, integrity_id::hmac_md5_96}, 24},
        {"enc 'cbc(des3_ede)' 24 auth 'hmac(sha1)' 20", {encryption_id::des3_cbc, 0, integrity_id::hmac_sha1_96}, 44},
        {"enc 'ecb(cipher_null)' 0 auth md5 16", {encryption_id::null, 0, integrity_id::hmac_md5_96}, 16},
        {"enc aes 16 auth-trunc sha256 32 128", {encryption_id::aes_cbc, 128, integrity_id::hmac_sha2_256_128}, 48},
        {"enc 'cbc(aes)' 24 auth 'hmac(sha384)' 48", {encryption_id::aes_cbc, 192, integrity_id::hmac_sha2_384_192}, 72},
        {"enc 'cbc(aes)' 32 auth-trunc 'hmac(sha512)' 64 256",
         {encryption_id::aes_cbc, 256, integrity_id::hmac_sha2_512_256},
         96},
        {"enc 'cbc(aes)' 16", {encryption_id::aes_cbc, 128, integrity_id::none}, 16},
        {"enc 'cbc(aes)' 16 auth digest_null 0", {encryption_id::aes_cbc, 128, integrity_id::none}, 16},
        {"auth digest_null 0 enc 'cbc(aes)' 16", {encryption_id::aes_cbc, 128, integrity_id::none}, 16},
        {"aead 'rfc4106(gcm(aes))' 20 128", {encryption_id::aes_gcm_16, 128, integrity_id::none}, 20},
        {"aead 'rfc4106(gcm(aes))' 28 96", {encryption_id::aes_gcm_12, 192, integrity_id::none}, 28},
        {"aead 'rfc4106(gcm(aes))' 36 64", {encryption_id::aes_gcm_8, 256, integrity_id::none}, 36},
        {"aead 'rfc7539esp(chacha20,poly1305)' 36 128", {encryption_id::chacha20_poly1305, 0, integrity_id::none}, 36},
    }));
    CAPTURE(r.text);
    // a lone number up to 64 that follows the name of an algorithm stands for a key of so many octets
    std::string text = filled("state add @E proto esp spi 0x100 ");
    bool after_name = false;
    std::string_view rest = r.text;
    while (!rest.empty()) {
        const auto blank = rest.find(' ');
        const std::string word{rest.substr(0, blank)};
        rest.remove_prefix(blank == std::string_view::npos ? rest.size() : blank + 1);
        const bool is_number = word.find_first_not_of("0123456789") == std::string::npos;
        if (is_number && after_name) text += std::stoul(word) == 0 ? "\"\"" : k.substr(0, 2 + 2 * std::stoul(word));
        else text += word;
        text += ' ';
        after_name = !is_number;
    }
    CAPTURE(text);
    const auto s = one_state(text);
    CHECK(s.transform == r.want);
    CHECK(s.keymat.size() == r.octets);
}

TEST_CASE("a key may be plain characters", "[xfrm][parse]") {
    const auto s = one_state(filled("state add @E proto esp spi 0x100 enc aes \"sixteen octets !\""));
    CHECK(hex(s.keymat.view()) == hex(octets_of(std::string_view{"sixteen octets !"})));
}

// req: rfc2401-4.4.2-1
TEST_CASE("a policy line gives an entry and its templates", "[xfrm][parse]") {
    const auto p = one_policy(
        "ip xfrm policy add dir out src 10.1.0.0/16 dst 10.2.0.0/16 proto udp dport 53 priority 9 ptype main action allow "
        "tmpl src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1234 reqid 7 mode tunnel level required "
        "tmpl proto ah reqid 8 mode transport");
    CHECK(p.direction == xfrm::direction::out);
    CHECK(p.selectors.source == prefix("10.1.0.0/16"));
    CHECK(p.selectors.destination == prefix("10.2.0.0/16"));
    CHECK(p.selectors.protocol == ip::protocol_selector{ip::next_header::udp});
    CHECK(p.selectors.source_port.is_any());
    CHECK(p.selectors.destination_port == ip::port_range{53});
    CHECK(p.priority == 9);
    CHECK(p.allow);
    REQUIRE(p.templates.size() == 2);
    CHECK(p.templates[0] == xfrm::policy_template{.source = ip::address::v4(192, 0, 2, 1),
                                                  .destination = ip::address::v4(192, 0, 2, 2),
                                                  .protocol = sa::protocol::esp,
                                                  .spi = sa::spi{0x1234},
                                                  .reqid = 7,
                                                  .mode = sa::mode::tunnel});
    CHECK(p.templates[1] == xfrm::policy_template{.source = {},
                                                  .destination = {},
                                                  .protocol = sa::protocol::ah,
                                                  .spi = {},
                                                  .reqid = 8,
                                                  .mode = sa::mode::transport});
}

TEST_CASE("selectors of policies", "[xfrm][parse]") {
    struct row {
        const char* text;
        const char* source;
        const char* destination;
        ip::protocol_selector protocol;
        ip::port_range icmp;
    };
    const auto r = GENERATE(values<row>({
        {"dir in", "0.0.0.0/0", "0.0.0.0/0", {}, {}},
        {"dir in dst 2001:db8::/32", "::/0", "2001:db8::/32", {}, {}},
        {"dir fwd src 10.0.0.1 action block", "10.0.0.1/32", "0.0.0.0/0", {}, {}},
        {"dir in proto icmp type 8", "0.0.0.0/0", "0.0.0.0/0", ip::next_header::icmp, ip::port_range::icmp(8)},
        {"dir in src ::/0 proto ipv6-icmp type 1 code 4", "::/0", "::/0", ip::next_header::icmp_v6, ip::port_range::icmp(1, 4)},
        {"dir in proto 0", "0.0.0.0/0", "0.0.0.0/0", {}, {}},
        {"dir in proto ipencap", "0.0.0.0/0", "0.0.0.0/0", ip::next_header::ipv4, {}},
        {"dir in proto 89", "0.0.0.0/0", "0.0.0.0/0", ip::next_header{89}, {}},
        {"proto tcp sport 0 dir in", "0.0.0.0/0", "0.0.0.0/0", ip::next_header::tcp, {}},
    }));
    CAPTURE(r.text);
    const auto p = one_policy("policy add " + std::string{r.text});
    CHECK(p.selectors.source == prefix(r.source));
    CHECK(p.selectors.destination == prefix(r.destination));
    CHECK(p.selectors.protocol == r.protocol);
    CHECK(p.selectors.icmp == r.icmp);
    CHECK(p.selectors.source_port.is_any());
    CHECK(p.allow == (std::string_view{r.text}.find("block") == std::string_view::npos));
}

TEST_CASE("a tunnel changes the family of a packet", "[xfrm][parse]") {
    const auto* const text =
        GENERATE("policy add dir out src 10.0.0.0/8 tmpl src ::1 dst ::2 proto esp mode tunnel",
                 "policy add dir out tmpl src ::1 dst ::2 proto esp mode tunnel tmpl src ::1 dst ::2 proto ah",
                 "policy add dir out tmpl src ::1 dst ::2 proto esp mode tunnel tmpl proto ah",
                 "policy add dir out src ::1 tmpl src :: proto ah",
                 "state add src ::1 dst ::2 proto esp spi 0x100 mode tunnel enc aes @A sel src 10.0.0.0/8",
                 "state add src ::1 dst ::2 proto esp spi 0x100 enc aes @A flag af-unspec");
    CAPTURE(text);
    CHECK(xfrm::parse(filled(text)).has_value());
}

TEST_CASE("what ip takes in other words means the same", "[xfrm][parse]") {
    struct row {
        const char* said;
        const char* meant;
    };
    const auto r = GENERATE(values<row>({
        {"ip x p a dir in", "policy add dir in"},
        {"ip xf pol upd dir in", "policy update dir in"},
        {"x s u @E proto esp spi 0x100 enc aes @A", "state update @E proto esp spi 0x100 enc aes @A"},
        {"x s a @E proto esp spi 0x100 enc aes @A", "state add @E proto esp spi 0x100 enc aes @A"},
        {"ip xfrm sa add @E proto esp spi 0x100 enc aes @A", "state add @E proto esp spi 0x100 enc aes @A"},
        {"policy add dir in priority 3\nip x p f\npolicy add dir in", "policy add dir in"},
        {"ip -4 xfrm policy add dir in", "policy add dir in"},
        {"ip -6 xfrm policy add dir in", "policy add dir in src ::/0"},
        {"ip -6 xfrm policy add dir in sport 80", "policy add dir in src ::/0 proto 0 sport 80"},
        {"ip -6 xfrm policy add src ::1 dir out tmpl src 192.0.2.1 dst 192.0.2.2 proto esp mode tunnel",
         "policy add src ::1 dir out tmpl src 192.0.2.1 dst 192.0.2.2 proto esp mode tunnel"},
        {"policy add dst 10.9.0.0/16 sport 80 dir out", "policy add dst 10.9.0.0/16 proto 0 sport 80 dir out"},
        {"policy add dport 53 proto udp dir out", "policy add proto udp dport 53 dir out"},
        {"state add @E proto esp spi 0x100 enc aes @A sel sport 80",
         "state add @E proto esp spi 0x100 enc aes @A sel proto 0 sport 80"},
        {"policy add src 10.0 dst 10.1/16 dir in", "policy add src 10.0.0.0/32 dst 10.1.0.0/16 dir in"},
        {"policy add src 10/8 dst 10.1.2 dir in", "policy add src 10.0.0.0/8 dst 10.1.2.0 dir in"},
        {"state add src 192.0.2.1/32 dst 192.0.2.2/32 proto esp spi 0x100 enc aes @A",
         "state add @E proto esp spi 0x100 enc aes @A"},
        {"state add src ::1/128 dst ::2/128 proto esp spi 0x100 enc aes @A",
         "state add src ::1 dst ::2 proto esp spi 0x100 enc aes @A"},
        {"policy add dir in tmpl src 10.1/32 dst 10.2 proto esp mode tunnel",
         "policy add dir in tmpl src 10.1.0.0 dst 10.2.0.0 proto esp mode tunnel"},
    }));
    CAPTURE(r.said);
    const auto said = xfrm::parse(filled(r.said));
    const auto text = filled(r.meant);  // which `meant` does not point into
    const auto meant = xfrm::parse(text);
    if (!said) FAIL(std::string{xfrm::text_of(said.error()).view()});
    REQUIRE(meant.has_value());
    CHECK(*said == *meant);
}

TEST_CASE("comments, quotes, continued lines and blank lines", "[xfrm][parse]") {
    const auto f = xfrm::parse(filled("# a file\r\n"
                                      "\n"
                                      "   ip xfrm state flush # all of them\n"
                                      "\txfrm state add @E \\\n"
                                      "    proto \"esp\" spi 0x100 \\\r\n"
                                      "    enc 'cbc(aes)' @A# no blank is needed\n"
                                      "state add @E proto esp spi 0x101 enc cbc(aes) @A\\\n"
                                      "  mode tunnel # \\\n"
                                      "policy add dir in"));
    REQUIRE(f.has_value());
    REQUIRE(f->states.size() == 2);
    CHECK(f->states[0].line.number == 4);
    CHECK(f->states[1].line.number == 7);
    CHECK(f->states[1].mode == sa::mode::tunnel);
    REQUIRE(f->policies.size() == 1);
    CHECK(f->policies[0].line.number == 9);
    CHECK(xfrm::parse("")->states.empty());
    CHECK(xfrm::parse("\n \t\r\n#\n  # x").has_value());
}

TEST_CASE("update replaces, flush forgets", "[xfrm][parse]") {
    const auto f = xfrm::parse(filled("state add @E proto esp spi 0x100 enc aes @A\n"
                                      "state update @E proto esp spi 0x100 reqid 5 enc aes @A\n"
                                      "state update @E proto esp spi 0x101 enc aes @A\n"
                                      "policy add dir in\n"
                                      "policy update dir in priority 4\n"));
    REQUIRE(f.has_value());
    REQUIRE(f->states.size() == 2);
    CHECK(f->states[0].reqid == 5);
    REQUIRE(f->policies.size() == 1);
    CHECK(f->policies[0].priority == 4);
    const auto g = xfrm::parse(filled("state add @E proto esp spi 0x100 enc aes @A\npolicy add dir in\nstate flush\n"));
    REQUIRE(g.has_value());
    CHECK(g->states.empty());
    CHECK(g->policies.size() == 1);
}

TEST_CASE("a fault has its line, column and word", "[xfrm][parse][fault]") {
    using xfrm::errc;
    struct row {
        const char* text;
        errc code;
        std::uint32_t line, column;
        const char* word;
        const char* after;
    };
    const auto r = GENERATE(values<row>({
        // the shape of lines
        {"foo", errc::unknown_word, 1, 1, "foo", ""},
        {"xfrm", errc::missing_value, 1, 5, "", "xfrm"},
        {"ip link add", errc::unknown_word, 1, 4, "link", "ip"},
        {"xfrm monitor", errc::unsupported, 1, 6, "monitor", "xfrm"},
        {"xfrm state", errc::missing_value, 1, 11, "", "state"},
        {"xfrm state erase", errc::unknown_word, 1, 12, "erase", "state"},
        {"xfrm state delete @E", errc::unsupported, 1, 12, "delete", "state"},
        {"xfrm policy setdefault in block", errc::unsupported, 1, 13, "setdefault", "policy"},
        {"xfrm state flush proto esp", errc::unsupported, 1, 18, "proto", "flush"},
        {"\n\n  xfrm state add src", errc::missing_value, 3, 21, "", "src"},
        {"policy add dir 'in", errc::bad_quote, 1, 16, "in", "dir"},
        {"policy add dir 'in # '", errc::bad_quote, 1, 16, "in ", "dir"},
        {"policy add dir i'n'", errc::bad_quote, 1, 16, "i", "dir"},
        {"policy add dir 'i'n", errc::bad_quote, 1, 16, "i", "dir"},
        {"policy add di\\\nr in", errc::bad_continuation, 1, 12, "di", "add"},
        {"policy add dir \\\n in frob", errc::unknown_word, 2, 5, "frob", "in"},
        // states
        {"state add @E proto esp spi 0x100 mode foo enc aes @A", errc::bad_value, 1, 65, "foo", "mode"},
        {"state add @E proto esp spi 0x100 mode beet", errc::unsupported, 1, 65, "beet", "mode"},
        {"state add @E proto comp spi 0x100", errc::unsupported, 1, 46, "comp", "proto"},
        {"state add @E proto tcp", errc::bad_value, 1, 46, "tcp", "proto"},
        {"state add frob", errc::unknown_word, 1, 11, "frob", "add"},
        {"state add src 192.0.2.1/24", errc::bad_value, 1, 15, "192.0.2.1/24", "src"},
        {"state add @E spi 0x100000000", errc::bad_value, 1, 44, "0x100000000", "spi"},
        {"state add @E spi 0100", errc::bad_value, 1, 44, "0100", "spi"},
        {"state add @E spi -1", errc::bad_value, 1, 44, "-1", "spi"},
        {"state add @E spi 0x", errc::bad_value, 1, 44, "0x", "spi"},
        {"state add @E spi \"\"", errc::bad_value, 1, 44, "", "spi"},
        {"state add src 192.0.2.1 src 192.0.2.1", errc::repeated_word, 1, 25, "src", "192.0.2.1"},
        {"state add dst 192.0.2.2 proto esp spi 0x100 enc aes @A", errc::missing_word, 1, 1, "src", ""},
        {" state add src 192.0.2.2 proto esp spi 0x100 enc aes @A", errc::missing_word, 1, 2, "dst", ""},
        {"state add @E spi 0x100 enc aes @A", errc::missing_word, 1, 1, "proto", ""},
        {"state add @E proto esp enc aes @A", errc::missing_word, 1, 1, "spi", ""},
        {"state add src 192.0.2.1 dst ::1 proto esp spi 0x100 enc aes @A", errc::mixed_families, 1, 1, "src", ""},
        {"state add @E replay-window 4097", errc::bad_value, 1, 54, "4097", "replay-window"},
        {"state add @E flag", errc::missing_value, 1, 44, "", "flag"},
        {"state add @E flag wildrecv", errc::unsupported, 1, 45, "wildrecv", "flag"},
        {"state add @E flag frob", errc::bad_value, 1, 45, "frob", "flag"},
        {"state add @E flag esn frob", errc::unknown_word, 1, 49, "frob", "esn"},
        {"state add @E extra-flag oseq-may-wrap", errc::unsupported, 1, 51, "oseq-may-wrap", "extra-flag"},
        {"state add @E mark 5", errc::unsupported, 1, 40, "mark", "192.0.2.2"},
        {"state add @E if_id 5", errc::unsupported, 1, 40, "if_id", "192.0.2.2"},
        {"state add @E limit time-use-hard 5", errc::unsupported, 1, 46, "time-use-hard", "limit"},
        {"state add @E limit frob 5", errc::bad_value, 1, 46, "frob", "limit"},
        {"state add @E limit byte-hard 0", errc::unsupported, 1, 56, "0", "byte-hard"},
        {"state add @E limit byte-soft 0", errc::unsupported, 1, 56, "0", "byte-soft"},
        {"state add @E limit packet-hard 0", errc::unsupported, 1, 58, "0", "packet-hard"},
        {"state add @E limit packet-soft 0", errc::unsupported, 1, 58, "0", "packet-soft"},
        {"state add @E limit byte-hard 5 limit byte-hard 6", errc::repeated_word, 1, 64, "byte-hard", "limit"},
        {"state add @E encap espintcp 1 2 0.0.0.0", errc::unsupported, 1, 46, "espintcp", "encap"},
        {"state add @E encap espinudp 1 0 0.0.0.0", errc::bad_value, 1, 57, "0", "1"},
        {"state add @E encap espinudp 1 65536 0.0.0.0", errc::bad_value, 1, 57, "65536", "1"},
        {"state add @E proto ah spi 0x100 auth sha1 @1 encap espinudp 1 2 0.0.0.0", errc::unsupported, 1, 1, "encap", ""},
        {"state add @E proto esp spi 0x100 enc aes @A flag esn", errc::missing_word, 1, 1, "replay-window", ""},
        {"state add @E proto esp spi 0x100 enc aes @A replay-oseq-hi 1", errc::missing_word, 1, 1, "esn", ""},
        // selectors
        {"ip -6 xfrm policy add dir in src 10.0.0.0/8", errc::mixed_families, 1, 4, "-6", "ip"},
        {"ip -4 xfrm policy add dir in src ::1", errc::mixed_families, 1, 4, "-4", "ip"},
        {"ip -6 x s a @E proto esp spi 0x100 enc aes @A", errc::mixed_families, 1, 4, "-6", "ip"},
        {"-6 xfrm policy add dir in", errc::unknown_word, 1, 1, "-6", ""},
        {"ip -6", errc::missing_value, 1, 6, "", "-6"},
        {"x p z dir in", errc::unknown_word, 1, 5, "z", "p"},
        {"x p addd dir in", errc::unknown_word, 1, 5, "addd", "p"},
        {"x p d dir in", errc::unsupported, 1, 5, "d", "p"},
        {"x m", errc::unsupported, 1, 3, "m", "x"},
        {"p a dir in", errc::unknown_word, 1, 1, "p", ""},
        {"state add src 192.0.2.1/31", errc::bad_value, 1, 15, "192.0.2.1/31", "src"},
        {"state add src ::1/32", errc::bad_value, 1, 15, "::1/32", "src"},
        {"policy add dir in src 10.256", errc::bad_value, 1, 23, "10.256", "src"},
        {"policy add dir in src 10.0.0.0.0", errc::bad_value, 1, 23, "10.0.0.0.0", "src"},
        {"policy add dir in src 010.1", errc::bad_value, 1, 23, "010.1", "src"},
        {"policy add dir in src 10.", errc::bad_value, 1, 23, "10.", "src"},
        {"policy add dir in src 0xa", errc::bad_value, 1, 23, "0xa", "src"},
        {"policy add dir in src 10/", errc::bad_value, 1, 23, "10/", "src"},
        {"state add @E sel src 10.0.0.0/33", errc::bad_value, 1, 48, "10.0.0.0/33", "src"},
        {"policy add dir in src 10.0.0.0/8 dst ::/0", errc::mixed_families, 1, 38, "::/0", "dst"},
        {"policy add dir in proto icmp sport 5", errc::unknown_word, 1, 30, "sport", "icmp"},
        {"policy add dir in sport 5 proto icmp", errc::bad_value, 1, 33, "icmp", "proto"},
        {"policy add dir in proto tcp type 5", errc::unknown_word, 1, 29, "type", "tcp"},
        {"policy add dir in proto icmp code 5", errc::unsupported, 1, 30, "code", "icmp"},
        {"policy add dir in proto icmp type 256", errc::bad_value, 1, 35, "256", "type"},
        {"policy add dir in proto frob", errc::bad_value, 1, 25, "frob", "proto"},
        {"policy add dir in proto tcp proto udp", errc::repeated_word, 1, 29, "proto", "tcp"},
        {"policy add dir in proto gre key 5", errc::unsupported, 1, 29, "key", "gre"},
        {"policy add dir in dev eth0", errc::unsupported, 1, 19, "dev", "in"},
        // policies
        {"policy add src 10.0.0.0/8", errc::missing_word, 1, 1, "dir", ""},
        {"policy add dir up", errc::bad_value, 1, 16, "up", "dir"},
        {"policy add dir in dir in", errc::repeated_word, 1, 19, "dir", "in"},
        {"policy add dir in action maybe", errc::bad_value, 1, 26, "maybe", "action"},
        {"policy add dir in ptype sub", errc::unsupported, 1, 25, "sub", "ptype"},
        {"policy add dir in mark 5", errc::unsupported, 1, 19, "mark", "in"},
        {"policy add dir in socket", errc::unknown_word, 1, 19, "socket", "in"},
        {"policy add dir out tmpl src 192.0.2.1", errc::missing_word, 1, 20, "proto", "tmpl"},
        {"policy add dir out tmpl proto esp level use", errc::unsupported, 1, 41, "use", "level"},
        {"policy add dir out tmpl proto esp proto ah", errc::repeated_word, 1, 35, "proto", "esp"},
        {"policy add dir out tmpl proto esp src 192.0.2.1 dst ::1", errc::mixed_families, 1, 20, "tmpl", "out"},
        {"policy add dir out tmpl proto esp tmpl proto esp tmpl proto esp tmpl proto esp tmpl proto esp", errc::too_many, 1, 80,
         "tmpl", "esp"},
        {"policy add dir out src 10.0.0.0/8 tmpl src ::1 dst ::2 proto esp", errc::mixed_families, 1, 35, "tmpl", "10.0.0.0/8"},
        {"policy add dir out src fd00::/8 tmpl src 0.0.0.0 proto esp", errc::mixed_families, 1, 33, "tmpl", "fd00::/8"},
        {"policy add tmpl dst ::1 proto esp dir out", errc::mixed_families, 1, 12, "tmpl", "add"},
        {"policy add dir out tmpl src ::1 dst ::2 proto esp mode tunnel tmpl src 10.0.0.1 proto ah", errc::mixed_families, 1, 63,
         "tmpl", "tunnel"},
        {"state add src ::1 dst ::2 proto esp spi 0x100 enc aes @A sel src 10.0.0.0/8", errc::mixed_families, 1, 90, "sel",
         "aes"},
        {"state add @E proto esp spi 0x100 sel dst ::/0 enc aes @A flag af-unspec", errc::mixed_families, 1, 60, "sel", "0x100"},
        {"policy add dir in\npolicy add dir in priority 5", errc::duplicate, 2, 1, "policy", ""},
        {"state add @E proto esp spi 0x100 enc aes @A\nstate add @E proto esp spi 0x100 enc aes @A", errc::duplicate, 2, 1,
         "state", ""},
    }));
    const std::string text = filled(r.text);
    CAPTURE(text);
    const auto f = xfrm::parse(text);
    REQUIRE_FALSE(f.has_value());
    CAPTURE(std::string{xfrm::text_of(f.error()).view()});
    CHECK(f.error().code == r.code);
    CHECK(f.error().line == r.line);
    CHECK(f.error().column == r.column);
    CHECK(f.error().word == r.word);
    CHECK(f.error().after == r.after);
}

// req: rfc2406-5-9, rfc2401-4.4.3-2
TEST_CASE("a fault of algorithms and keys names the algorithm and never the key", "[xfrm][parse][fault]") {
    using xfrm::errc;
    struct row {
        const char* text;
        errc code;
        const char* word;
        const char* after;
    };
    const auto r = GENERATE(values<row>({
        {"proto esp enc rot13 @A", errc::unknown_algorithm, "rot13", "enc"},
        {"proto esp enc hmac(sha1) @A", errc::unknown_algorithm, "hmac(sha1)", "enc"},
        {"proto esp enc cbc(sm4) @A", errc::unsupported_algorithm, "cbc(sm4)", "enc"},
        {"proto ah auth-trunc hmac(sm3) @2 96", errc::unsupported_algorithm, "hmac(sm3)", "auth-trunc"},
        {"proto esp enc rfc3686(ctr(sm4)) @A", errc::unsupported_algorithm, "rfc3686(ctr(sm4))", "enc"},
        {"proto esp aead rfc4543(gcm(aes)) @1 96", errc::unsupported_icv, "96", "rfc4543(gcm(aes))"},
        {"proto esp aead cbc(aes) @A 128", errc::unknown_algorithm, "cbc(aes)", "aead"},
        {"proto comp", errc::unsupported, "comp", "proto"},
        {"proto esp comp deflate", errc::unsupported, "comp", "esp"},
        // the default of Linux for hmac(sha256) is 96 bits, RFC 4868 has 128
        {"proto ah auth hmac(sha256) @2", errc::default_icv, "hmac(sha256)", "auth"},
        {"proto ah auth-trunc hmac(sha256) @2 80", errc::unsupported_icv, "80", "hmac(sha256)"},
        {"proto ah auth-trunc hmac(sha256) @2 112", errc::unsupported_icv, "112", "hmac(sha256)"},
        {"proto ah auth-trunc hmac(sha1) @1 80", errc::unsupported_icv, "80", "hmac(sha1)"},
        {"proto ah auth-trunc hmac(sha1) @1 frob", errc::bad_value, "frob", "hmac(sha1)"},
        {"proto esp aead rfc4106(gcm(aes)) @1 80", errc::unsupported_icv, "80", "rfc4106(gcm(aes))"},
        {"proto esp enc aes 0x00112", errc::bad_key, "aes", "enc"},
        {"proto esp enc aes 0x0g", errc::bad_key, "aes", "enc"},
        {"proto esp enc aes 0x00", errc::bad_key_size, "aes", "enc"},
        {"proto esp enc aes short", errc::bad_key_size, "aes", "enc"},
        {"proto esp enc cbc(des3_ede) @A", errc::bad_key_size, "cbc(des3_ede)", "enc"},
        {"proto esp enc ecb(cipher_null) @A", errc::bad_key_size, "ecb(cipher_null)", "enc"},
        {"proto esp aead rfc4106(gcm(aes)) @A 128", errc::bad_key_size, "rfc4106(gcm(aes))", "aead"},
        {"proto esp aead rfc4106(gcm(aes)) 0x00 128", errc::bad_key_size, "rfc4106(gcm(aes))", "aead"},
        {"proto ah auth hmac(md5) @1", errc::bad_key_size, "hmac(md5)", "auth"},
        {"proto esp enc aes @A enc aes @A", errc::repeated_word, "enc", "aes"},
        {"proto ah auth md5 @A auth-trunc md5 @A 96", errc::repeated_word, "auth-trunc", "md5"},
        {"proto ah auth sha1 @1 enc aes @A", errc::misplaced_algorithm, "enc", "sha1"},
        {"proto ah aead rfc4106(gcm(aes)) @1 128", errc::misplaced_algorithm, "aead", "ah"},
        {"proto esp aead rfc4106(gcm(aes)) @1 128 auth sha1 @1", errc::misplaced_algorithm, "auth", "128"},
        {"proto esp enc aes @A aead rfc4106(gcm(aes)) @1 128", errc::misplaced_algorithm, "aead", "aes"},
        {"proto esp aead rfc4106(gcm(aes)) @1 128 enc aes @A", errc::misplaced_algorithm, "enc", "128"},
        {"proto ah", errc::missing_word, "auth-trunc", ""},
        {"proto ah auth digest_null \"\"", errc::unsupported_algorithm, "digest_null", "auth"},
        {"proto esp auth sha1 @1", errc::missing_word, "enc", ""},
        {"proto esp enc ecb(cipher_null) \"\"", errc::null_with_null, "ecb(cipher_null)", "enc"},
        {"proto esp enc cipher_null \"\" auth digest_null \"\"", errc::null_with_null, "cipher_null", "enc"},
    }));
    const std::string text = filled("xfrm state add @E spi 0x100 ") + filled(r.text);
    CAPTURE(text);
    const auto f = xfrm::parse(text);
    REQUIRE_FALSE(f.has_value());
    CHECK(f.error().code == r.code);
    CHECK(f.error().word == r.word);
    CHECK(f.error().after == r.after);
    CHECK(f.error().line == 1);
    CHECK(xfrm::text_of(f.error()).view().find("0001020304") == std::string_view::npos);
}

TEST_CASE("algorithms of the kernel that are not here are refused by name, those that are need a key",
          "[xfrm][parse][algorithms]") {
    const auto code_of = [](const std::string& algorithm) {
        const auto f = xfrm::parse(filled("xfrm state add @E spi 0x100 proto esp ") + algorithm);
        REQUIRE_FALSE(f.has_value());
        return f.error().code;
    };
    const auto wanted = [](bool is_here) { return is_here ? xfrm::errc::bad_key_size : xfrm::errc::unsupported_algorithm; };
    for (const auto& c : xfrm::cipher_names)
        for (const auto name : {c.name, c.short_name}) {
            CAPTURE(std::string{name});
            CHECK(code_of("enc '" + std::string{name} + "' 0x00") == wanted(crypto::is_known(c.id)));
        }
    for (const auto& m : xfrm::mac_names) {
        CAPTURE(std::string{m.name});
        const bool is_first = xfrm::kernel_name(m.id) == m.name || m.id == integrity_id{};
        const auto bits = std::to_string(xfrm::icv_bits(m.id));
        if (m.id != integrity_id{} || m.name != "hmac(sha256)")
            CHECK(code_of("enc aes sixteen_octets_! auth-trunc '" + std::string{m.name} + "' 0x00 " + bits) ==
                  wanted(is_first && m.id != integrity_id{}));
    }
    for (const auto& a : xfrm::aead_names) {
        CAPTURE(std::string{a.name});
        CHECK(code_of("aead '" + std::string{a.name} + "' 0x00 " + std::to_string(xfrm::icv_bits(a.id))) ==
              wanted(crypto::is_known(a.id)));
    }
}

TEST_CASE("every word that iproute2 knows has an effect or is refused by name", "[xfrm][parse][fault]") {
    // What `ip xfrm state help` and `ip xfrm policy help` have, in entries that are whole but for the word.
    struct row {
        const char* entry;
        const char* words;  // one after the other, each with its values
    };
    const auto r = GENERATE(values<row>({
        {"state add @E proto esp spi 0x100 enc aes @A replay-window 32 ",
         "mode transport|mode tunnel|mode beet|mode ro|mode in_trigger|mode iptfs|mark 1 mask 2|mark 1|reqid 1|seq 1|"
         "replay-seq 1|replay-oseq 1|flag noecn|flag decap-dscp|flag nopmtudisc|flag wildrecv|flag icmp|flag af-unspec|"
         "flag align4|flag esn|flag noecn nopmtudisc esn|flag esn replay-seq-hi 1 replay-oseq-hi 1|"
         "sel src 10.0.0.0/8|sel dev eth0|sel proto tcp sport 1 dport 2|sel proto icmp type 1 code 2|sel proto gre key 1|"
         "limit time-soft 1|limit time-hard 1|limit time-use-soft 1|limit time-use-hard 1|limit byte-soft 1|limit byte-hard 1|"
         "limit packet-soft 1|limit packet-hard 1|encap espinudp 4500 4500 0.0.0.0|encap espinudp-nonike 4500 4500 0.0.0.0|"
         "encap espintcp 4500 4500 0.0.0.0|coa ::1|ctx a|extra-flag dont-encap-dscp|extra-flag oseq-may-wrap|"
         "offload dev eth0 dir in|offload crypto dev eth0 dir in|output-mark 1|if_id 1|tfcpad 1|dir in|pcpu-num 1|comp deflate"},
        {"state ", "allocspi @E|delete @E|get @E|deleteall|list|flush|flush proto esp|count"},
        {"policy add dir out ",
         "ctx a|mark 1|index 1|ptype main|ptype sub|action allow|action block|priority 1|flag localok|flag icmp|if_id 1|"
         "limit time-soft 1|src 10.0.0.0/8|dst 10.0.0.0/8|dev eth0|proto udp sport 1 dport 2|proto ipv6-icmp type 1 code 2|"
         "proto mobility-header type 1|proto gre key 1|proto sctp|proto dccp|proto 99|tmpl src 10.0.0.1 dst 10.0.0.2 proto esp|"
         "tmpl proto ah spi 5 reqid 6 mode transport level required|tmpl proto esp level use|tmpl proto comp|tmpl proto route2|"
         "tmpl proto hao|tmpl proto esp mode beet"},
        {"policy ",
         "delete dir in|get dir in|deleteall|list|flush|flush ptype main|count|set hthresh4 1 1|setdefault in block|getdefault"},
    }));
    std::string_view rest = r.words;
    while (!rest.empty()) {
        const auto bar = rest.find('|');
        const auto text = filled(std::string{r.entry} + std::string{rest.substr(0, bar)});
        rest.remove_prefix(bar == std::string_view::npos ? rest.size() : bar + 1);
        CAPTURE(text);
        const auto f = xfrm::parse(text);
        if (f) continue;
        CHECK(f.error().code == xfrm::errc::unsupported);
        CHECK(f.error().line == 1);
        CHECK(f.error().column > std::string_view{"policy"}.size());
        CHECK(text.substr(f.error().column - 1).starts_with(f.error().word));
    }
}

TEST_CASE("faults read well and show no key", "[xfrm][fault]") {
    struct row {
        const char* text;
        const char* want;
    };
    const auto r = GENERATE(values<row>({
        {"\n\nxfrm state add mode foo", "line 3, column 21: bad value 'foo' after 'mode'"},
        {"foo", "line 1, column 1: unknown word 'foo'"},
        {"state add src", "line 1, column 14: missing value after 'src'"},
        {"state add @E proto esp spi 0x100", "line 1, column 1: missing word 'enc'"},
        {"state add 0x00112233445566778899", "line 1, column 11: unknown word '0x...' after 'add'"},
        {"state add @E proto esp enc aes @A @A", "line 1, column 93: unknown word '0x...' after 'aes'"},
        {"state add @E proto esp enc 0x00112233445566778899aabbccddeeff",
         "line 1, column 54: unknown algorithm '0x...' after 'enc'"},
        {"state add @E proto esp enc 'cbc(aes) 0x00112233445566778899aabbccddeeff",
         "line 1, column 54: misplaced quote 'cbc(aes) 0x...' after 'enc'"},
        {"state add @E proto esp enc cbc(aes)0x00112233445566778899aabbccddeeff aes",
         "line 1, column 54: unknown algorithm 'cbc(aes)0x...' after 'enc'"},
        {"state add @E proto esp enc 0X00112233445566778899aabbccddeeff aes",
         "line 1, column 54: unknown algorithm '0x...' after 'enc'"},
        {"state add 00112233445566778899AABBCCDDEEFF", "line 1, column 11: unknown word '...' after 'add'"},
        {"state add key=00112233445566 778899aabbccddee", "line 1, column 11: unknown word 'key=00112233445566' after 'add'"},
        {"state add key=0011223344556677", "line 1, column 11: unknown word 'key=...' after 'add'"},
        {"state add 00000x00112233445566778899", "line 1, column 11: unknown word '...' after 'add'"},
        {"state add '0x0011223344 5566778899aabb", "line 1, column 11: misplaced quote '0x...' after 'add'"},
        {"state add @E spi 0x123456789", "line 1, column 44: bad value '0x...' after 'spi'"},
        {"state add @E mode 0x12345678", "line 1, column 45: bad value '0x12345678' after 'mode'"},
        {"state add a-word-of-more-than-forty-characters-before-0x00112233445566778899aabbccddeeff",
         "line 1, column 11: unknown word 'a-word-of-more-than-forty-characters-bef...' after 'add'"},
        {"state add @E spi \"\"", "line 1, column 44: bad value '' after 'spi'"},
        {"state add a\x01\xff-very-long-word-that-nobody-wants-to-read-to-its-end",
         "line 1, column 11: unknown word 'a?\?-very-long-word-that-nobody-wants-to-...' after 'add'"},
    }));
    const std::string text = filled(r.text);
    CAPTURE(text);
    const auto f = xfrm::parse(text);
    REQUIRE_FALSE(f.has_value());
    CHECK(xfrm::text_of(f.error()).view() == r.want);
}

TEST_CASE("the caller bounds how much a file may hold", "[xfrm][parse]") {
    const auto text = filled("state add @E proto esp spi 0x100 enc aes @A\nstate add @E proto esp spi 0x101 enc aes @A\n"
                             "policy add dir in\npolicy add dir out\n");
    CHECK(xfrm::parse(text, {.states = 2, .policies = 2}).has_value());
    const auto states = xfrm::parse(text, {.states = 1, .policies = 2});
    REQUIRE_FALSE(states.has_value());
    CHECK(states.error() == xfrm::fault{xfrm::errc::too_many, 2, 1, "state", ""});
    const auto policies = xfrm::parse(text, {.states = 2, .policies = 1});
    REQUIRE_FALSE(policies.has_value());
    CHECK(policies.error() == xfrm::fault{xfrm::errc::too_many, 4, 1, "policy", ""});
}

TEST_CASE("every xfrm error has a name and a condition", "[xfrm][fault]") {
    for (int i = 1; i <= static_cast<int>(xfrm::errc::no_room); ++i) {
        const auto e = static_cast<xfrm::errc>(i);
        CAPTURE(i);
        CHECK(xfrm::name_of(e) != "unknown xfrm error");
        CHECK(name_of(xfrm::condition_of(e)) != "unknown condition");
    }
    CHECK(xfrm::name_of(static_cast<xfrm::errc>(static_cast<int>(xfrm::errc::no_room) + 1)) == "unknown xfrm error");
    CHECK(xfrm::condition_of(xfrm::errc::unknown_word) == condition::malformed);
    CHECK(xfrm::condition_of(xfrm::errc::unsupported_algorithm) == condition::unsupported);
    CHECK(xfrm::condition_of(xfrm::errc::static_counter_keys) == condition::policy);
}
