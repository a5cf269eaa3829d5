#include "policy_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "../common/whole_file.hpp"
#include "suite_words.hpp"

namespace two_gateways {
namespace {

using namespace ipsec;

auto take_word(std::string_view& text) -> std::string_view {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r"), text.size()));
    const auto word = text.substr(0, text.find_first_of(" \t\r"));
    text.remove_prefix(word.size());
    return word;
}
auto read_range(std::string_view word) -> std::expected<ip::range, std::string> {
    if (const auto r = ip::parse_range(word)) return *r;
    return std::unexpected{std::string{"is no address, prefix or range: write 10.1.0.0/24 or 10.2.0.20"}};
}
/// "any", "tcp/23", "udp/53", "icmp", "47". @return what is wrong, or nothing
auto read_service(std::string_view word, policy_pair& p) -> std::string {
    if (word == "any") return {};
    const auto slash = word.find('/');
    const auto name = word.substr(0, slash);
    const auto number = [](std::string_view text, unsigned most) -> std::optional<unsigned> {
        unsigned n = 0;
        const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), n);
        if (fault != std::errc{} || end != text.data() + text.size() || n > most) return {};
        return n;
    };
    if (name == "tcp") p.protocol = 6;
    else if (name == "udp") p.protocol = 17;
    else if (name == "icmp") p.protocol = 1;
    else if (const auto n = number(name, 255); n && *n != 0) p.protocol = static_cast<std::uint8_t>(*n);
    else return "is no protocol: write any, tcp/23, udp/53, icmp or a number";
    if (slash == std::string_view::npos) return {};
    const auto port = number(word.substr(slash + 1), 65535);
    if (!port || *port == 0 || (p.protocol != 6 && p.protocol != 17)) return "has no port: write tcp/23 or udp/53";
    p.right_port = static_cast<std::uint16_t>(*port);
    return {};
}

}  // namespace

auto read_policies(const std::string& file, bool esp, bool ah) -> std::expected<std::vector<policy_pair>, std::string> {
    const auto text = command_line::file_text::read(file);
    if (!text) return std::unexpected{"--policy: " + text.error()};
    std::vector<policy_pair> out;
    unsigned at = 0;
    for (std::string_view rest = text->view(); !rest.empty();) {
        std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        ++at;
        line = line.substr(0, line.find('#'));
        const auto left = take_word(line);
        if (left.empty()) continue;
        const auto right = take_word(line), service = take_word(line), suite = take_word(line), more = take_word(line);
        const auto wrong = [&](std::string_view word, std::string_view what) {
            return std::unexpected{fmt::format("--policy: {}:{}: '{}' {}", file, at, word, what)};
        };
        if (suite.empty() || !more.empty())
            return wrong(more.empty() ? left : more, "does not make four words: write LEFT RIGHT any|tcp/PORT|udp/PORT SUITE");
        policy_pair p;
        const auto l = read_range(left), r = read_range(right);
        if (!l) return wrong(left, l.error());
        if (!r) return wrong(right, r.error());
        if (l->family() != r->family())
            return wrong(right, "is of another family of addresses than the left side: give one of the same");
        p.left = *l;
        p.right = *r;
        if (const auto fault = read_service(service, p); !fault.empty()) return wrong(service, fault);
        const auto words = read_suite_words(suite, esp, ah);
        if (!words) return wrong(suite, words.error());
        if (words->group != crypto::group_id::none) return wrong(suite, "names a group: give that with --pfs");
        p.suite = words->suite;
        if (out.size() == 64) return wrong(left, "is one policy too many: 64 are the most");
        out.push_back(p);
    }
    if (out.empty())
        return std::unexpected{"--policy: " + file + ": no policy in it: write LEFT RIGHT any|tcp/PORT|udp/PORT SUITE"};
    return out;
}

}  // namespace two_gateways
