#include "options.hpp"

#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>

#include "../common/command_line.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/crypto/proposal_name.hpp"

namespace wire_bump {

using namespace ipsec;

auto complain(const std::string& what, int code) -> int { return command_line::complain("wire_bump", what, code); }

namespace {

using fault = std::optional<std::string>;  // what is wrong

auto in_quotes(std::string_view s) -> std::string { return "'" + std::string{s} + "'"; }

auto read_spi(const std::string& word, sa::spi& into) -> fault {
    const bool hex = word.starts_with("0x");
    std::uint32_t n = 0;
    const char* const end = word.data() + word.size();
    const auto [stop, bad] = std::from_chars(word.data() + (hex ? 2 : 0), end, n, hex ? 16 : 10);
    if (bad != std::errc{} || stop != end || n < 256) return in_quotes(word) + " is no SPI: give a number from 256 on, as 0x1001";
    into = sa::spi{n};
    return {};
}

/// Encryption key, salt where the cipher has one, integrity key, in hex.
auto read_key(std::string_view word, std::size_t size, secret<256>& into) -> fault {
    if (word.starts_with("0x")) word.remove_prefix(2);
    const auto wrong = "the key has the wrong form: give " + std::to_string(size * 2) + " hex digits";  // never the key itself
    if (word.size() != size * 2 || size > secret<256>::capacity) return wrong;
    into = secret<256>::zeros(size);
    for (std::size_t i = 0; i < size; ++i) {
        unsigned octet = 0;
        const char* const at = word.data() + 2 * i;
        const auto [stop, bad] = std::from_chars(at, at + 2, octet, 16);
        if (bad != std::errc{} || stop != at + 2) return wrong;
        into.octets()[i] = static_cast<std::byte>(octet);
    }
    return {};
}

auto read_sa(const std::string& spi, const std::string& suite, const std::string& key, manual_sa& into) -> fault {
    if (into.spi.value() != 0) return "this direction has its SA already: give one in and one out";
    if (auto f = read_spi(spi, into.spi)) return f;
    const auto p = crypto::parse_esp_proposal(suite);
    if (!p)
        return in_quotes(p.error().word) + ": " + std::string{name_of(p.error().code)} + ": write a suite such as aes128-sha1";
    if (p->group != crypto::group_id::none || p->extended_sequence)
        return in_quotes(suite) + " says more than a cipher and its integrity: write aes128-sha1";
    into.suite = p->protection;
    const auto made = crypto::botan::make_esp_suite(into.suite);
    if (!made) return in_quotes(suite) + ": " + std::string{name_of(made.error())} + ": use another suite";
    if (made->is_counter_mode())
        return in_quotes(suite) + ": a counter mode wants keys that are fresh, not given by hand: use a cipher in CBC mode";
    return read_key(key, made->keymat_size(), into.key);
}

/// "protect LOCAL REMOTE" begins a pair; "out SPI SUITE KEY" and "in SPI SUITE KEY" behind it are its SAs.
auto read_line(const std::string& line, options& o) -> fault {
    std::istringstream words{line.substr(0, line.find('#'))};
    std::string kind, a, b, c, more;
    if (!(words >> kind)) return {};
    if (kind == "protect") {
        if (!(words >> a >> b) || words >> more) return "protect takes two prefixes: write protect LOCAL-PREFIX REMOTE-PREFIX";
        const auto local = ip::parse_prefix(a), remote = ip::parse_prefix(b);
        if (!local || !remote) return in_quotes(local ? b : a) + " is no prefix: write 10.1.0.0/24 or fd01::/64";
        if (local->family() != remote->family()) return "IPv4 and IPv6 in one pair: give two prefixes of one version";
        o.pairs.push_back({.local = *local, .remote = *remote, .out = {}, .in = {}});
        return {};
    }
    if (kind != "out" && kind != "in") return in_quotes(kind) + " is not known: write protect, out or in";
    if (o.pairs.empty()) return in_quotes(kind) + " before the first protect: write protect LOCAL-PREFIX REMOTE-PREFIX above it";
    if (!(words >> a >> b >> c) || words >> more) return kind + " takes three words: write " + kind + " SPI SUITE KEY";
    return read_sa(a, b, c, kind == "out" ? o.pairs.back().out : o.pairs.back().in);
}

auto read_policy(const std::string& name, options& o) -> fault {
    std::ifstream in{name};
    std::string line;
    for (std::size_t n = 1; std::getline(in, line); ++n)
        if (const auto f = read_line(line, o)) return name + ":" + std::to_string(n) + ": " + *f;
    if (!in.eof()) return name + " cannot be read: give a file";
    for (const auto& p : o.pairs)
        if (p.out.spi.value() == 0 || p.in.spi.value() == 0)
            return name + ": protect " + std::string{ip::to_text(p.local).view()} + " " +
                   std::string{ip::to_text(p.remote).view()} + " has not both of its SAs: write an SA out and an SA in";
    for (std::size_t i = 0; i < o.pairs.size(); ++i)
        for (std::size_t k = 0; k < i; ++k)
            if (o.pairs[i].out.spi == o.pairs[k].out.spi || o.pairs[i].in.spi == o.pairs[k].in.spi)
                return name + ": an SPI serves two SAs of one direction: give each its own";
    return {};
}

}  // namespace

auto parse(int argc, const char* const* argv) -> std::variant<options, int> {
    options o;
    std::string address, peer, policy;
    CLI::App app{
        "A bump in the wire: stands between two Ethernet interfaces and protects, in tunnel mode from its own address to that of "
        "a\n"
        "peer, the IP packets that the policy file names. Every other IP packet passes as it is, ARP and neighbor discovery "
        "too;\n"
        "other frames are dropped. SIGINT or SIGTERM ends it with a table of what it did.\n"
        "The policy file: 'protect LOCAL-PREFIX REMOTE-PREFIX', then the SAs of that pair, 'out SPI SUITE KEY' and\n"
        "'in SPI SUITE KEY', KEY being the encryption key and the integrity key behind each other in hex. Each pair adds to the\n"
        "ones above it. Keys by hand come without anti-replay (RFC 2406 section 5).\n"
        "Exit code: 0 ended by a signal, 1 no access to the interfaces, 2 bad input.",
        "wire_bump"};
    app.add_option("--inside", o.inside, "interface towards the hosts")->type_name("IF")->required();
    app.add_option("--outside", o.outside, "interface towards the network")->type_name("IF")->required();
    app.add_option("--address", address, "address of this bump, no interface's")->type_name("ADDRESS")->required();
    app.add_option("--peer", peer, "address of the other bump")->type_name("ADDRESS")->required();
    app.add_option("--policy", policy, "file with policy and keys")->type_name("FILE")->required();
    if (const auto code = command_line::parse(app, argc, argv)) return *code;
    const auto a = ip::parse_address(address), p = ip::parse_address(peer);
    if (!a) return complain("--address: " + in_quotes(address) + " is no address: give one such as 192.0.2.1", 2);
    if (!p) return complain("--peer: " + in_quotes(peer) + " is no address: give one such as 192.0.2.2", 2);
    if (a->family() != p->family() || *a == *p)
        return complain("--peer: " + in_quotes(peer) + " does not go with --address: give another address of its family", 2);
    if (o.inside == o.outside)
        return complain("--outside: " + in_quotes(o.outside) + " is the inside as well: give another interface", 2);
    o.address = *a;
    o.peer = *p;
    if (const auto f = read_policy(policy, o)) return complain("--policy: " + *f, 2);
    return o;
}

}  // namespace wire_bump
