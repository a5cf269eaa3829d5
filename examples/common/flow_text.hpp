#pragma once
// Packets as a user writes them: 10.1.0.1[4000] -> 10.2.0.2[53] udp
#include <algorithm>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "ipsec/ip/flow.hpp"
#include "ipsec/ip/selector_text.hpp"

namespace flow_text {

namespace ip = ipsec::ip;

namespace detail {
[[nodiscard]] inline auto take_word(std::string_view& text) -> std::string_view {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    return word;
}
[[nodiscard]] inline auto parse_end(std::string_view word, ip::address& address, std::optional<std::uint16_t>& port) -> bool {
    const auto bracket = word.find('[');
    const auto a = ip::parse_address(word.substr(0, bracket));
    if (!a) return false;
    address = *a;
    if (bracket == std::string_view::npos) return true;
    if (!word.ends_with(']')) return false;
    const auto p = ip::parse_decimal(word.substr(bracket + 1, word.size() - bracket - 2), 65535);
    if (p) port = static_cast<std::uint16_t>(*p);
    return p.has_value();
}
[[nodiscard]] inline auto parse_protocol(std::string_view name) -> std::optional<ip::next_header> {
    if (const auto n = ip::parse_decimal(name, 255)) return static_cast<ip::next_header>(*n);
    if (name == "mobility-header") return ip::next_header::mobility;  // as the files call it
    for (unsigned n = 0; n < 256; ++n)
        if (const auto h = static_cast<ip::next_header>(n); !name.empty() && name_of(h) == name) return h;
    return std::nullopt;
}
}  // namespace detail

/// @return the packet, or what is wrong with the words and how they are to be
[[nodiscard]] inline auto parse_flow(std::string_view text) -> std::expected<ip::flow, std::string> {
    using namespace detail;
    ip::flow f;
    const auto usage = [](std::string_view what) {
        return std::unexpected{fmt::format("--flow: {}: write it like '10.1.0.1[4000] -> 10.2.0.2[53] udp' or "
                                           "'10.1.0.1 -> 10.2.0.2 icmp(8/0)', with 'later fragment' behind it for one", what)};
    };
    if (!parse_end(take_word(text), f.source, f.source_port)) return usage("no source address and port");
    if (take_word(text) != "->") return usage("no arrow");
    if (!parse_end(take_word(text), f.destination, f.destination_port)) return usage("no destination address and port");
    if (f.source.family() != f.destination.family()) return usage("one IPv4 and one IPv6 address");
    auto word = take_word(text);
    const auto parenthesis = word.find('(');
    const auto protocol = parse_protocol(word.substr(0, parenthesis));
    if (!protocol) return usage("no protocol");
    f.protocol = *protocol;
    if (parenthesis != std::string_view::npos) {
        if (!word.ends_with(')') || !ip::has_message(f.protocol)) return usage("no message of this protocol");
        word = word.substr(parenthesis + 1, word.size() - parenthesis - 2);
        const auto slash = word.find('/');
        const auto type = ip::parse_decimal(word.substr(0, slash), 255);
        const auto code = slash == std::string_view::npos ? 0U : ip::parse_decimal(word.substr(slash + 1), 255).value_or(256);
        if (!type || code > 255) return usage("no message type and code");
        if (ip::is_icmp(f.protocol)) {
            f.icmp_type = static_cast<std::uint8_t>(*type);
            f.icmp_code = static_cast<std::uint8_t>(code);
        } else {
            f.mobility_type = static_cast<std::uint8_t>(*type);
        }
    }
    if (const auto kind = take_word(text); !kind.empty()) {
        if (kind != "later" || take_word(text) != "fragment" || !take_word(text).empty())
            return usage("no words of a packet at its end");
        f.fragment = ip::fragment::later;
    }
    const bool shows_ports = f.source_port && f.destination_port, shows_any = f.source_port || f.destination_port;
    const bool wants_ports = ip::has_ports(f.protocol) && f.fragment != ip::fragment::later;
    if (wants_ports != shows_ports || shows_ports != shows_any)
        return usage("ports where a packet has none, or none where it has");
    const bool wants_message = ip::has_message(f.protocol) && f.fragment != ip::fragment::later;
    if (wants_message != (f.icmp_type || f.mobility_type))
        return usage("a message where a packet has none, or none where it has");
    return f;
}

}  // namespace flow_text
