// docs/xfrm.md says which words are refused. It says so of no other ones.
#include <array>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "ipsec/xfrm/parse.hpp"
#include "support/catch.hpp"

using namespace ipsec;

namespace {

constexpr const char* state =
    "xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1000 mode tunnel enc aes sixteen_octets_! ";
constexpr const char* policy = "xfrm policy add dir out src 10.0.0.0/8 ";
constexpr const char* listed_state =
    "src 192.0.2.1 dst 192.0.2.2\n\tproto esp spi 0x1000 reqid 0 mode tunnel\n\tenc cbc(aes) "
    "0x00112233445566778899aabbccddeeff\n\t";
constexpr const char* listed_policy = "src 10.0.0.0/8 dst 10.1.0.0/16 \n\tdir out priority 0 ptype main \n\t";

/// A word where it is refused, or taken since it says nothing.
struct use {
    const char* word;  // as in the page
    const char* entry;
    const char* more;
    bool is_taken = false;
};
constexpr auto uses = std::to_array<use>({
    {"mark", state, "mark 5"},
    {"mark", state, "mark 0"},  // that is with a mask of ones
    {"mark", state, "mark 0 mask 1"},
    {"mark", state, "mark 0 mask 0", true},
    {"mark", listed_state, "mark 0/0x0", true},
    {"mark", listed_state, "mark 0x0/0x0 \n", true},
    {"mark", listed_state, "mark 0x1/0x1 \n"},
    {"mark", policy, "mark 0 mask 0", true},
    {"mark", policy, "mark 5 mask 0"},
    {"mark", listed_policy, "mark 0/0", true},
    {"mark", listed_policy, "mark 0x5/0xffffffff "},
    {"if_id", state, "if_id 5"},
    {"if_id", state, "if_id 0", true},
    {"if_id", policy, "if_id 0x7"},
    {"if_id", listed_policy, "if_id 0x0", true},
    {"seq", state, "seq 5"},
    {"seq", state, "seq 0x0", true},
    {"seq", state, "seq 0/0"},
    {"seq", listed_state, "seq 0x00000007", true},
    {"output-mark", state, "output-mark 0"},
    {"offload", state, "offload dev eth0 dir in"},
    {"pcpu-num", state, "pcpu-num 0"},
    {"coa", state, "coa 192.0.2.9"},
    {"ctx", state, "ctx a"},
    {"ctx", policy, "ctx a"},
    {"security", listed_state, "security context a "},
    {"security", listed_policy, "security context a "},
    {"crypto", listed_state, "crypto offload parameters: dev eth0 dir in"},
    {"comp", state, "comp deflate"},
    {"comp", "xfrm state add src 192.0.2.1 dst 192.0.2.2 ", "proto comp"},
    {"decap-dscp", state, "flag decap-dscp"},
    {"wildrecv", state, "flag noecn wildrecv"},
    {"icmp", state, "flag icmp"},
    {"icmp", policy, "flag icmp"},
    {"oseq-may-wrap", state, "extra-flag oseq-may-wrap"},
    {"time-use-soft", state, "limit time-use-soft 1"},
    {"time-use-soft", state, "limit time-use-soft 0", true},
    {"time-use-hard", state, "limit time-use-hard 1"},
    {"time-use-hard", policy, "limit time-use-hard 0", true},
    {"espintcp", state, "encap espintcp 4500 4500 0.0.0.0"},
    {"espinudp-nonike", state, "encap espinudp-nonike 4500 4500 0.0.0.0"},
    {"beet", "xfrm state add src 192.0.2.1 dst 192.0.2.2 ", "mode beet"},
    {"beet", policy, "tmpl proto esp mode beet"},
    {"iptfs", "xfrm state add src 192.0.2.1 dst 192.0.2.2 ", "mode iptfs"},
    {"iptfs", policy, "tmpl proto esp mode iptfs"},
    {"index", policy, "index 9"},
    {"index", policy, "index 0", true},
    {"index", listed_policy, "index 9", true},
    {"limit", policy, "limit time-hard 9"},
    {"limit", policy, "limit byte-soft 9"},
    {"limit", policy, "limit time-hard 0", true},
    {"limit", policy, "limit packet-hard 18446744073709551615", true},
    {"localok", policy, "flag localok"},
    {"use", policy, "tmpl proto esp level use"},
    {"sub", policy, "ptype sub"},
    {"dev", state, "sel dev eth0"},
    {"dev", policy, "dev eth0"},
    {"dev", listed_state, "sel src 10.0.0.0/8 dst 10.0.0.0/8 dev eth0"},
    {"key", state, "sel proto gre key 5"},
    {"key", policy, "proto gre key 5"},
});

/// @return (word, in) of the rows of the page
auto rows_of_page() -> std::set<std::pair<std::string, std::string>> {
    std::ifstream in{std::string{IPSECPP_TEST_DATA} + "/../../docs/xfrm.md"};
    std::set<std::pair<std::string, std::string>> rows;
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with("| `")) continue;
        const auto end = line.find('`', 3), next = line.find('|', end + 4);
        rows.insert({line.substr(3, end - 3), line.substr(end + 4, next - end - 5)});
    }
    return rows;
}

}  // namespace

TEST_CASE("words for what is not here are refused by name, or say nothing", "[xfrm][parse][fault]") {
    for (const auto& u : uses) {
        const std::string text = std::string{u.entry} + u.more;
        CAPTURE(text);
        const auto f = xfrm::parse(text);
        REQUIRE(f.has_value() == u.is_taken);
        if (f) continue;
        CHECK(f.error().code == xfrm::errc::unsupported);
        CHECK(f.error().word == u.word);
    }
}

TEST_CASE("docs/xfrm.md has the words that are refused and no other", "[xfrm][docs]") {
    std::set<std::pair<std::string, std::string>> refused;
    for (const auto& u : uses) {
        if (u.is_taken) continue;
        const bool in_state = std::string_view{u.entry}.find("policy") == std::string_view::npos && u.entry != listed_policy;
        refused.insert({u.word, in_state ? "state" : "policy"});
    }
    std::set<std::pair<std::string, std::string>> of_page;
    for (const auto& [word, where] : rows_of_page()) {
        if (where != "policy") of_page.insert({word, "state"});
        if (where != "state") of_page.insert({word, "policy"});
    }
    CHECK(of_page.size() > 30);
    CHECK(of_page == refused);
}
