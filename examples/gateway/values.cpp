#include "values.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <span>

#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/ike/v1/config_check.hpp"
#include "ipsec/ip/next_header.hpp"

namespace gateway {

using namespace ipsec;

namespace {

constexpr std::string_view blanks = " \t\r\n";

auto refuse(std::string what, std::size_t offset = 0) -> std::unexpected<bad_value> {
    return std::unexpected{bad_value{std::move(what), offset}};
}

struct number_and_unit {
    std::uint64_t number = 0;
    std::string_view unit;
};
auto read_with_unit(std::string_view text) -> std::optional<number_and_unit> {
    number_and_unit out;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), out.number);
    if (fault != std::errc{}) return std::nullopt;
    out.unit = text.substr(static_cast<std::size_t>(end - text.data()));
    const auto first = out.unit.find_first_not_of(blanks);
    out.unit = first == std::string_view::npos ? std::string_view{} : out.unit.substr(first);
    return out;
}

auto digit_of(char c) -> unsigned {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
    return 16;
}
/// Two digits an octet; colons may stand between octets.
auto read_hexadecimal(std::string_view text, std::size_t offset) -> value_result<std::vector<std::byte>> {
    std::vector<std::byte> out;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        if (text[i] == ':' && i > 0) ++i;
        const unsigned high = i < text.size() ? digit_of(text[i]) : 16, low = i + 1 < text.size() ? digit_of(text[i + 1]) : 16;
        if (high == 16 || low == 16) return refuse("two hexadecimal digits make an octet; here are none", offset + i);
        out.push_back(static_cast<std::byte>(high << 4 | low));
    }
    if (out.empty()) return refuse("no octets", offset);
    return out;
}
auto read_base64(std::string_view text, std::size_t offset) -> value_result<std::vector<std::byte>> {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string_view body = text;
    while (body.size() + 2 > text.size() && body.ends_with('=')) body.remove_suffix(1);
    if (body.empty()) return refuse("no octets", offset);
    if (text.size() % 4 != 0) return refuse("Base64 comes in groups of four characters", offset + text.size());
    std::vector<std::byte> out;
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (std::size_t i = 0; i < body.size(); ++i) {
        const auto six = alphabet.find(body[i]);
        if (six == std::string_view::npos) return refuse(in_quotes(body.substr(i, 1)) + " is no Base64", offset + i);
        bits = bits << 6 | static_cast<std::uint32_t>(six);
        if ((held += 6) < 8) continue;
        held -= 8;
        out.push_back(static_cast<std::byte>(bits >> held & 0xffU));
    }
    return out;
}

auto read_protocol(std::string_view word) -> std::optional<std::uint8_t> {
    if (word.empty() || word == "%any") return std::uint8_t{0};
    if (const auto number = ip::parse_decimal(word, 255)) return static_cast<std::uint8_t>(*number);
    if (word == "ipv6-icmp") return static_cast<std::uint8_t>(ip::next_header::icmp_v6);
    for (unsigned n = 1; n < 256; ++n)
        if (name_of(static_cast<ip::next_header>(n)) == word) return static_cast<std::uint8_t>(n);
    return std::nullopt;
}

/// Reads every proposal of a list into `add`, which says what is wrong; `default` goes to `add_default`.
template <class Add, class Default>
auto read_proposals(std::string_view text, Add&& add, Default&& add_default) -> std::optional<bad_value> {
    for (const list_word& word : split_list(text)) {
        if (word.text.empty()) return bad_value{"a proposal is missing", word.offset};
        if (word.text == "default") {
            add_default();
        } else if (auto bad = add(word.text)) {
            bad->offset += word.offset;
            return bad;
        }
    }
    return {};
}
/// In words of the proposal: 'aes128-md6': 'md6': unknown algorithm.
auto describe(std::string_view proposal, const crypto::name_error& e) -> bad_value {
    const auto at = static_cast<std::size_t>(e.word.data() - proposal.data());
    if (e.word == proposal) return {in_quotes(proposal) + ": " + std::string{name_of(e.code)}, 0};
    return {in_quotes(proposal) + ": " + in_quotes(e.word) + ": " + std::string{name_of(e.code)}, at};
}
/// One child negotiates one group and one kind of sequence numbers, whatever the suite.
struct agreement {
    bool is_first = true;
    auto join(child_proposals& all, std::string_view proposal, crypto::group_id pfs, bool extended) -> std::optional<bad_value> {
        if (!is_first && pfs != all.pfs)
            return bad_value{in_quotes(proposal) + ": another group than the proposal before it: a child has one for all", 0};
        if (!is_first && extended != all.extended_sequence)
            return bad_value{in_quotes(proposal) + ": esn in some proposals only: a child has it in all or in none", 0};
        is_first = false;
        all.pfs = pfs;
        all.extended_sequence = extended;
        return {};
    }
};

}  // namespace

auto split_list(std::string_view text, char separator) -> std::vector<list_word> {
    std::vector<list_word> out;
    for (std::size_t at = 0;;) {
        const auto end = std::min(text.find(separator, at), text.size());
        std::string_view word = text.substr(at, end - at);
        const auto first = std::min(word.find_first_not_of(blanks), word.size());
        word.remove_prefix(first);
        word = word.substr(0, word.find_last_not_of(blanks) + 1);
        out.push_back({word, at + first});
        if (end == text.size()) return out;
        at = end + 1;
    }
}

auto read_time(std::string_view text) -> value_result<duration> {
    const auto n = read_with_unit(text);
    std::uint64_t unit = 0;
    if (n && (n->unit.empty() || n->unit == "s")) unit = 1;
    else if (n && n->unit == "m") unit = 60;
    else if (n && n->unit == "h") unit = 3600;
    else if (n && n->unit == "d") unit = 86400;
    if (unit == 0) return refuse(in_quotes(text) + " is no time: write 30s, 5m, 1h or 1d");
    constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();  // what IKEv1 can say, RFC 2407 §4.5
    if (n->number > most / unit) return refuse(in_quotes(text) + " is too long: at most " + std::to_string(most) + "s");
    return seconds(static_cast<std::int64_t>(n->number * unit));
}

auto read_bytes(std::string_view text) -> value_result<std::uint64_t> {
    const auto n = read_with_unit(text);
    unsigned shift = 64;
    if (n && n->unit.empty()) shift = 0;
    else if (n && (n->unit == "K" || n->unit == "k")) shift = 10;
    else if (n && (n->unit == "M" || n->unit == "m")) shift = 20;
    else if (n && (n->unit == "G" || n->unit == "g")) shift = 30;
    if (shift == 64) return refuse(in_quotes(text) + " is no number of octets: write 500000, 500K, 500M or 5G");
    constexpr std::uint64_t most = std::uint64_t{std::numeric_limits<std::uint32_t>::max()} * 1024;
    if (n->number > most >> shift) return refuse(in_quotes(text) + " is too much: at most 4095G");
    return n->number << shift;
}

auto read_number(std::string_view text, std::uint64_t least, std::uint64_t most) -> value_result<std::uint64_t> {
    const auto n = read_with_unit(text);
    if (n && n->unit.empty() && n->number >= least && n->number <= most) return n->number;
    return refuse(in_quotes(text) + " is no whole number from " + std::to_string(least) + " to " + std::to_string(most));
}

auto read_flag(std::string_view text) -> value_result<bool> {
    for (const std::string_view yes : {"yes", "true", "enabled", "1"})
        if (text == yes) return true;
    for (const std::string_view no : {"no", "false", "disabled", "0"})
        if (text == no) return false;
    return refuse(in_quotes(text) + " is neither yes nor no");
}

auto read_address(std::string_view text) -> value_result<ip::address> {
    if (const auto a = ip::parse_address(text)) {
        const bool of_all = a->is_unspecified() || *a == ip::address::highest(a->family()) || a->is_multicast();
        if (of_all) return refuse(in_quotes(text) + " is not the address of one system");
        return *a;
    }
    if (text.starts_with('%'))
        return refuse(in_quotes(text) + " is not supported: a pre-shared key goes with two addresses, write one");
    if (const auto comma = text.find(','); comma != std::string_view::npos)
        return refuse("one address goes here, not a list", comma);
    if (text.find('/') != std::string_view::npos) return refuse(in_quotes(text) + " is a subnet: write one address");
    return refuse(in_quotes(text) + " is no address; names are not looked up");
}

auto read_identity(std::string_view text) -> value_result<ike::identity> {
    using ike::id_type;
    const auto made = [&](id_type type, std::size_t skip) -> value_result<ike::identity> {
        const std::string_view name = text.substr(skip);
        if (name.find('\0') != std::string_view::npos) return refuse(in_quotes(text) + ": an identity has no NUL in it");
        if (auto id = ike::identity::of_text(type, name)) return *id;
        return refuse(in_quotes(text) + " is empty or longer than " + std::to_string(ike::identity::max_data) + " octets", skip);
    };
    if (text.starts_with('%'))
        return refuse(in_quotes(text) + " is not supported: the peer has to be named, or without id it is its address");
    if (const auto a = ip::parse_address(text)) return ike::identity::of(*a);
    if (text.starts_with("@#")) {
        const auto octets = read_hexadecimal(text.substr(2), 2);
        if (!octets) return std::unexpected{octets.error()};
        if (auto id = ike::identity::of_octets(id_type::key_id, *octets)) return *id;
        return refuse(in_quotes(text) + " is longer than " + std::to_string(ike::identity::max_data) + " octets", 2);
    }
    if (text.starts_with("@@")) return made(id_type::user_fqdn, 2);
    if (text.starts_with('@')) return made(id_type::fqdn, 1);
    if (text.find('=') != std::string_view::npos)
        return refuse(in_quotes(text) + ": distinguished names are not supported: write a name or an address");
    if (text.find(':') != std::string_view::npos || text.find('/') != std::string_view::npos)
        return refuse(in_quotes(text) + " is no identity: write an address, a name, me@a.name, or @#0f1e for a key ID");
    return made(text.find('@') != std::string_view::npos ? id_type::user_fqdn : id_type::fqdn, 0);
}

auto read_secret(std::string_view text) -> value_result<secret<128>> {
    std::vector<std::byte> octets;
    if (text.starts_with("0x") || text.starts_with("0s")) {
        auto read = text[1] == 'x' ? read_hexadecimal(text.substr(2), 2) : read_base64(text.substr(2), 2);
        if (!read) return std::unexpected{read.error()};
        octets = std::move(*read);
    } else {
        const auto all = std::as_bytes(std::span{text});
        octets.assign(all.begin(), all.end());
    }
    secret<128> out;
    const bool fits = out.append(octets);
    const std::size_t size = octets.size();
    wipe(octets);
    if (!fits) return refuse("the secret has " + std::to_string(size) + " octets; at most 128 are possible");
    if (size < 8) return refuse("the secret has " + std::to_string(size) + " octets; at least 8 are asked for");
    return out;
}

auto read_traffic(std::string_view text) -> value_result<traffic> {
    if (const auto comma = text.find(','); comma != std::string_view::npos)
        return refuse("IKEv1 names one subnet for each side: write one child for each", comma);
    traffic out;
    const auto bracket = text.find('[');
    std::string_view addresses = text.substr(0, bracket);
    addresses = addresses.substr(0, addresses.find_last_not_of(blanks) + 1);
    if (addresses != "dynamic") {
        const auto r = ip::parse_range(addresses);
        if (!r || !r->family()) {
            const auto why = r ? std::string{} : " (" + std::string{name_of(r.error())} + ")";
            return refuse(in_quotes(addresses) + " is no subnet" + why + ": write 10.1.0.0/16, fd01::/64 or dynamic");
        }
        out.addresses = *r;
    }
    if (bracket == std::string_view::npos) return out;
    if (!text.ends_with(']')) return refuse("']' is missing", text.size());
    const std::string_view inside = text.substr(bracket + 1, text.size() - bracket - 2);
    const auto slash = std::min(inside.find('/'), inside.size());
    const std::string_view protocol = inside.substr(0, slash);
    const auto number = read_protocol(protocol);
    if (!number) return refuse(in_quotes(protocol) + " is no protocol: write tcp, udp, icmp or a number", bracket + 1);
    out.protocol = *number;
    if (slash == inside.size()) return out;
    const std::string_view port = inside.substr(slash + 1);
    const std::size_t at = bracket + slash + 2;
    if (port == "%any") return out;
    if (port == "opaque" || port.find('-') != std::string_view::npos)
        return refuse(in_quotes(port) + " is not supported: IKEv1 names one port or all", at);
    const auto n = ip::parse_decimal(port, 65535);
    if (!n || *n == 0) return refuse(in_quotes(port) + " is no port from 1 to 65535; names are not looked up", at);
    if (out.protocol == 0) return refuse("a port needs its protocol: write [tcp/" + std::string{port} + "]", at);
    if (!has_ports(static_cast<ip::next_header>(out.protocol))) return refuse(in_quotes(protocol) + " has no ports", at);
    out.port = static_cast<std::uint16_t>(*n);
    return out;
}

auto read_action(std::string_view text) -> value_result<action> {
    if (text == "none" || text == "clear") return action::none;
    if (text == "trap" || text == "hold") return action::trap;
    if (text == "start" || text == "restart") return action::start;
    return refuse(in_quotes(text) + " is no action: write none, trap or start");
}

auto read_ike_proposals(std::string_view text) -> value_result<std::vector<ike::v1::ike_suite>> {
    std::vector<ike::v1::ike_suite> out;
    crypto::botan::provider provider;
    const auto add = [&](std::string_view word) -> std::optional<bad_value> {
        const auto p = crypto::parse_ike_v1_proposal(word);
        if (!p) return describe(word, p.error());
        out.push_back({p->encryption, p->key_bits, p->hash, p->group});
        if (const auto ok = ike::v1::check_for(out.back(), provider); !ok)
            return bad_value{in_quotes(word) + ": " + std::string{name_of(ok.error())} + ": the crypto library has it not", 0};
        return {};
    };
    const auto add_default = [&] {
        for (const auto& s : ike::v1::peer_config{}.suites) out.push_back(s);
    };
    if (auto bad = read_proposals(text, add, add_default)) return std::unexpected{std::move(*bad)};
    return out;
}

auto read_esp_proposals(std::string_view text, bool inside_ah) -> value_result<child_proposals> {
    child_proposals out;
    agreement all;
    const auto add = [&](std::string_view word) -> std::optional<bad_value> {
        const crypto::dangers allowed{.no_integrity = inside_ah};
        const auto p = crypto::parse_esp_proposal(word, allowed);
        if (!p) return describe(word, p.error());
        if (const auto ok = crypto::check_for_ike_v1(p->protection, allowed); !ok) return describe(word, {ok.error(), word});
        out.esp.push_back(p->protection);
        return all.join(out, word, p->group, p->extended_sequence);
    };
    const auto add_default = [&] {
        for (const auto& s : ike::v1::child_config{}.suites) out.esp.push_back(*s.esp);
    };
    if (auto bad = read_proposals(text, add, add_default)) return std::unexpected{std::move(*bad)};
    return out;
}

auto read_ah_proposals(std::string_view text) -> value_result<child_proposals> {
    child_proposals out;
    agreement all;
    const auto add = [&](std::string_view word) -> std::optional<bad_value> {
        const auto p = crypto::parse_ah_proposal(word);
        if (!p) return describe(word, p.error());
        out.ah.push_back(p->integrity);
        return all.join(out, word, p->group, p->extended_sequence);
    };
    const auto add_default = [&] { out.ah.push_back(crypto::integrity_id::hmac_sha2_256_128); };
    if (auto bad = read_proposals(text, add, add_default)) return std::unexpected{std::move(*bad)};
    return out;
}

}  // namespace gateway
