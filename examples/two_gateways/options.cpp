#include "options.hpp"

#include <unistd.h>

#include <charconv>
#include <optional>
#include <random>
#include <string_view>
#include <utility>

#include "../common/command_line.hpp"
#include "../common/method_names.hpp"
#include "ipsec/ike/v1/config_check.hpp"
#include "ipsec/ike/v1/suite_name.hpp"
#include "policy_file.hpp"
#include "suite_words.hpp"

namespace two_gateways {
namespace {

using namespace ipsec;
using result = std::optional<std::string>;  // what is wrong

auto in_quotes(std::string_view s) -> std::string { return "'" + std::string{s} + "'"; }

auto split(std::string_view list) -> std::vector<std::string_view> {
    std::vector<std::string_view> out;
    for (;;) {
        const auto comma = list.find(',');
        out.push_back(list.substr(0, comma));
        if (comma == std::string_view::npos) return out;
        list.remove_prefix(comma + 1);
    }
}

/// "1h", "90s", "90", "64MB", "500kB" and "ike=8h", separated by commas.
auto read_lifetimes(std::string_view text, options& o) -> result {
    o.lifetime = {.seconds = 0, .kilobytes = 0};
    bool told[3]{};  // of ISAKMP SAs, of the others by time and by volume
    for (const std::string_view word : split(text)) {
        std::string_view number = word;
        const bool for_ike = number.starts_with("ike=");
        if (for_ike) number.remove_prefix(4);
        std::uint64_t n = 0;
        const auto [end, fault] = std::from_chars(number.data(), number.data() + number.size(), n);
        const std::string_view unit{end, static_cast<std::size_t>(number.data() + number.size() - end)};
        if (fault != std::errc{} || n == 0 || n > 0xffffffffU)
            return "--lifetime: " + in_quotes(word) +
                   " is no lifetime: write 1h, 90s, 64MB or ike=8h, several with commas between";
        auto& life = for_ike ? o.ike_lifetime : o.lifetime;
        if (unit.empty() || unit == "s") life.seconds = n;
        else if (unit == "m") life.seconds = n * 60;
        else if (unit == "h") life.seconds = n * 3600;
        else if (unit == "kB" && !for_ike) life.kilobytes = n;
        else if (unit == "MB" && !for_ike) life.kilobytes = n * 1024;
        else
            return "--lifetime: unit " + in_quotes(unit) + " of " + in_quotes(word) +
                   " is not known: use s, m, h, or for packets kB, MB";
        if (std::exchange(told[for_ike ? 0 : unit.ends_with('B') ? 2 : 1], true))
            return "--lifetime: " + in_quotes(word) + " is the second of its kind: give one";
        if (!ike::v1::fits(life)) return "--lifetime: " + in_quotes(word) + " is more than IKE can say: give less";
    }
    if (o.lifetime.seconds == 0) o.lifetime.seconds = 3600;
    return {};
}

auto read_left(std::string_view text, options& o) -> result {
    for (const std::string_view word : split(text)) {
        const auto p = ip::parse_prefix(word);
        if (!p)
            return "--left: " + in_quotes(word) + " is no prefix (" + std::string{name_of(p.error())} +
                   "): write 10.1.0.0/24 or fd01::/64";
        o.left.push_back(*p);
    }
    return {};
}

auto read_pfs(std::string_view text, options& o) -> result {
    const auto named = o.pfs;
    o.pfs = crypto::group_id::none;
    if (text != "none") {
        for (const auto& g : crypto::groups)
            if (g.name == text) o.pfs = g.id;
        if (o.pfs == crypto::group_id::none)
            return "--pfs: group " + in_quotes(text) +
                   " is not known: use none, modp2048, modp3072, ecp256, ecp384, ecp256bp, ...";
    }
    if (named != crypto::group_id::none && named != o.pfs)
        return "--pfs: " + in_quotes(text) + " is not the group that --suite names: drop one of them";
    return {};
}

/// What protects ISAKMP messages, in strongSwan's words; and a prf of private use, which both ends know.
auto read_ike(std::string_view text, options& o) -> result {
    const auto s = ike::v1::parse_ike_suite(text);
    if (!s)
        return "--ike: " + in_quotes(text) + (s.error().word == text ? "" : ": " + in_quotes(s.error().word)) + ": " +
               std::string{name_of(s.error().code)} + ": use names like aes128-sha1-modp2048 or 3des-md5-modp1024";
    if (crypto::find(s->group) == nullptr)
        return "--ike: " + in_quotes(text) + ": the gateways have no group of their own: use one like modp2048 or ecp256";
    if (s->authentication != isakmp::oakley_authentication::pre_shared_key || text.find("psk") != std::string_view::npos)
        return "--ike: " + in_quotes(text) + ": the method of authentication is no part of it: give it with --auth";
    o.ike = *s;
    return {};
}

/// By which exchange phase 1 goes, and what shows who the two ends are.
auto read_phase_1(std::string_view exchange, std::string_view method, options& o) -> result {
    if (exchange != "main" && exchange != "aggressive")
        return "--exchange: " + in_quotes(exchange) + " is not known: use main or aggressive";
    o.aggressive = exchange == "aggressive";
    const auto by = method_names::find(method);
    if (!by || !ike::v1::proof_by(*by))
        return "--auth: " + in_quotes(method) +
               " is not known: use psk, rsa-sig, dss, ecdsa-256, ecdsa-384, ecdsa-521, rsa-enc or rsa-rev";
    o.ike.authentication = *by;
    return {};
}

/// The suite of all policies.
auto read_suite(std::string_view text, bool esp, bool ah, options& o) -> result {
    const auto words = read_suite_words(text, esp, ah);
    if (!words) return "--suite: " + in_quotes(text) + " " + words.error();
    o.suite = words->suite;
    o.pfs = words->group;
    // ISAKMP messages get the same algorithms where phase 1 has them.
    const auto* i = crypto::find(words->integrity);
    const auto* h = i != nullptr ? crypto::find(i->hash) : nullptr;
    o.ike.hash = h != nullptr && h->ike_v1 != 0 ? h->id : crypto::hash_id::sha2_256;
    const auto* c = o.suite.esp ? crypto::find(o.suite.esp->encryption) : nullptr;
    if (c != nullptr && c->ike_v1 != 0) {
        o.ike.encryption = c->id;
        o.ike.key_bits = o.suite.esp->key_bits;
    }
    return {};
}

}  // namespace

auto complain(const std::string& what) -> int { return command_line::complain("two_gateways", what); }

auto parse(int argc, const char* const* argv) -> std::variant<options, int> {
    options o;
    std::string mode = "tunnel", protocol = "esp", suite = "aes128-sha1", pfs, lifetime, left, out = o.out.string();
    std::string loss = "0", seed, ike, exchange = "main", method = "psk", diagram, policy;
    CLI::App app{
        "Two security gateways negotiate with IKEv1 and carry a capture through IPsec between them.\n"
        "Checks that what comes out equals what went in, but for what a router may change: the TTL or hop limit, and with it\n"
        "the IPv4 header checksum. Exit code: 0 all equal, 1 not equal or nothing came out, 2 bad input.",
        "two_gateways"};
    o.in = IPSECPP_DEMO_CAPTURE;
    app.add_option("--in", o.in, "pcap or pcapng file with Ethernet, raw IP or Linux cooked frames, or - for standard input")
        ->type_name("FILE");
    app.add_option("--out", out, "folder for protected.pcap, recovered.pcap, keys.json and wireshark/ (demo-out)")
        ->type_name("DIR");
    app.add_option("--mode", mode, "tunnel (default), or transport: the two ends stand in the wire for their hosts")
        ->type_name("MODE");
    app.add_option("--protocol", protocol, "esp (default), ah or esp+ah")->type_name("PROTOCOL");
    app.add_option("--suite", suite,
                   "algorithms in strongSwan's words (aes128-sha1). AH takes the integrity algorithm; none is chosen for it:\n"
                   "ah goes with sha256 too, esp+ah with a combined mode only if AH's is named, as in aes128gcm16-sha256")
        ->type_name("SUITE");
    app.add_option("--ike", ike,
                   "what protects IKE itself (from --suite, and modp2048): aes128-sha1-modp2048, 3des-md5-modp1024, ...")
        ->type_name("SUITE");
    app.add_option("--exchange", exchange, "how the two ends meet: main (default) or aggressive")->type_name("EXCHANGE");
    app.add_option("--auth", method,
                   "what shows who they are: psk (default); with keys made for the run rsa-sig, dss, ecdsa-256, ecdsa-384,\n"
                   "ecdsa-521 (signatures), rsa-enc, rsa-rev (public key encryption, the revised one)")
        ->type_name("METHOD");
    app.add_flag("--certificates", o.certificates,
                 "certificates for these keys: sent with a signature and believed; named by HASH(1) to whoever decrypts");
    app.add_option("--pfs", pfs, "group for perfect forward secrecy: none (default), modp2048, ...")->type_name("GROUP");
    app.add_option("--lifetime", lifetime, "when SAs end: 1h (default), 64MB, ike=8h (default), or several with commas between")
        ->type_name("LIFE");
    app.add_option("--policy", policy,
                   "who is protected from whom and how, a line for each, the first that fits decides:\n"
                   "LEFT RIGHT any|tcp/PORT|udp/PORT SUITE, as in: 10.1.0.0/24 10.2.0.20 tcp/23 3des-sha1")
        ->type_name("FILE");
    app.add_option("--left", left, "addresses behind the first gateway; without it, whoever speaks first in a conversation")
        ->type_name("PREFIX,...");
    app.add_option("--diagram", diagram, "draw the course of IKE, with payloads, states and keys: a name with .svg or .html")
        ->type_name("FILE");
    app.add_option("--loss", loss, "probability that the link between the gateways loses a packet, 0 to 1")->type_name("P");
    app.add_option("--seed", seed, "repeats a run: loss, cookies and keys follow from it. Such keys are for tests only")
        ->type_name("N");
    app.add_flag("--quiet", o.quiet, "print the last line alone");
    if (const auto code = command_line::parse(app, argc, argv)) return *code;
    const auto given = [&app](const char* name) { return app.count(name) > 0; };
    if (!given("--in")) o.in_license = "BSL-1.0";  // it comes with this project
    o.out = out;
    if (out.empty()) return complain("--out: no name: give a folder");
    if (o.in.empty()) return complain("--in: no name: give a file, or - for the standard input");
    if (o.in == "-" && isatty(STDIN_FILENO) != 0)
        return complain("--in -: the standard input is a terminal: give a capture by a pipe");

    if (mode != "tunnel" && mode != "transport")
        return complain("--mode: " + in_quotes(mode) + " is not known: use tunnel or transport");
    if (mode == "transport") o.mode = sa::mode::transport;
    const bool both = protocol == "esp+ah" || protocol == "ah+esp";
    if (protocol != "esp" && protocol != "ah" && !both)
        return complain("--protocol: " + in_quotes(protocol) + " is not known: use esp, ah or esp+ah");
    if (const auto fault = read_suite(suite, protocol != "ah", protocol != "esp", o)) return complain(*fault);
    if (given("--pfs"))
        if (const auto fault = read_pfs(pfs, o)) return complain(*fault);
    o.ike.group = o.pfs == crypto::group_id::none ? crypto::group_id::modp2048 : o.pfs;
    if (given("--ike"))
        if (const auto fault = read_ike(ike, o)) return complain(*fault);
    if (const auto fault = read_phase_1(exchange, method, o)) return complain(*fault);
    if (o.certificates && o.ike.authentication == isakmp::oakley_authentication::pre_shared_key)
        return complain("--certificates: a pre-shared key has none: give --auth rsa-sig or another method with keys");
    if (given("--diagram")) {
        o.diagram = diagram;
        if (o.diagram.extension() != ".svg" && o.diagram.extension() != ".html")
            return complain("--diagram: " + in_quotes(diagram) +
                            " is no name of a picture: give one with .svg or .html at its end");
    }
    if (given("--lifetime"))
        if (const auto fault = read_lifetimes(lifetime, o)) return complain(*fault);
    if (given("--left"))
        if (const auto fault = read_left(left, o)) return complain(*fault);
    if (given("--policy")) {
        if (given("--left")) return complain("--policy: the file says who is left: take --left away");
        if (given("--suite"))
            return complain("--policy: the file says every suite: take --suite away, and give that of phase 1 with --ike");
        if (policy.empty()) return complain("--policy: no name: give a file");
        auto policies = read_policies(policy, protocol != "ah", protocol != "esp");
        if (!policies) return complain(policies.error());
        o.policies = std::move(*policies);
        for (const policy_pair& p : o.policies)
            if (const auto prefix = p.left.as_prefix()) o.left.push_back(*prefix);
            else
                return complain("--policy: " + in_quotes(ip::to_text(p.left).view()) +
                                " is no prefix: give one on the left side");
    }

    const auto [end, bad] = std::from_chars(loss.data(), loss.data() + loss.size(), o.loss);
    if (bad != std::errc{} || end != loss.data() + loss.size() || !(o.loss >= 0 && o.loss <= 1))
        return complain("--loss: " + in_quotes(loss) + " is no probability: give a number from 0 to 1");
    o.seeded = given("--seed");
    if (o.seeded) {
        const auto [stop, fault] = std::from_chars(seed.data(), seed.data() + seed.size(), o.seed);
        if (fault != std::errc{} || stop != seed.data() + seed.size())
            return complain("--seed: " + in_quotes(seed) + " is no seed: give a whole number");
    } else {
        o.seed = std::random_device{}();
    }
    return o;
}

}  // namespace two_gateways
