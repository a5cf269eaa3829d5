// ike_probe: asks IKEv1 responders which suites, groups and authentication methods they speak, and who they say they are. One
// datagram for each question, at a bounded rate, to the addresses that the user names and no other.
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "../common/command_line.hpp"
#include "../common/method_names.hpp"
#include "ipsec/crypto/botan/random.hpp"
#include "ipsec/ike/vendor_ids.hpp"
#include "ipsec/io/linux/udp.hpp"
#include "probe.hpp"

namespace {

using namespace probing;
using json = nlohmann::ordered_json;

struct options {
    std::vector<std::string> addresses, ciphers, hashes, groups, methods;
    std::uint16_t port = 500, from_port = 0;
    double rate = 50;
    unsigned patience = 1000, tries = 2;
    bool json = false;
};

constexpr std::array usual_ciphers{"des", "3des", "blowfish128", "cast128", "aes128", "aes192", "aes256", "camellia128"};
constexpr std::array usual_hashes{"md5", "sha1", "sha256", "sha384", "sha512"};
constexpr std::array usual_groups{"modp768", "modp1024", "modp1536", "modp2048", "modp3072", "modp4096"};

auto clock_now() -> instant {
    const auto t = std::chrono::steady_clock::now().time_since_epoch();
    return instant{std::chrono::duration_cast<std::chrono::nanoseconds>(t).count()};
}

template <class T> using outcome = std::expected<T, std::string>;

/// Every cipher with every hash with every group, in the order in which a table shows them.
auto suites_of(const options& o) -> outcome<std::vector<suite>> {
    std::vector<suite> all;
    for (const auto& c : o.ciphers)
        for (const auto& h : o.hashes)
            for (const auto& g : o.groups) {
                const std::string text = c + "-" + h + "-" + g;
                const auto s = crypto::parse_ike_v1_proposal(text);
                if (!s)
                    return std::unexpected{
                        fmt::format("'{}' in {}: {}: give --cipher, --hash and --group words like aes128, sha1, modp2048",
                                    s.error().word, text, name_of(s.error().code))};
                if (std::ranges::find(all, *s) == all.end()) all.push_back(*s);
            }
    return all;
}
auto methods_of(const options& o) -> std::vector<method> {
    std::vector<method> all;
    for (const auto& m : method_names::known)
        if (o.methods.empty() || std::ranges::find(o.methods, m.name) != o.methods.end()) all.push_back(m.id);
    return all;
}
auto hex_of(byte_view octets) -> std::string {
    std::string s;
    for (const std::byte b : octets) s += fmt::format("{:02x}", static_cast<unsigned>(b));
    return s;
}

// --- the answers, to look at ---------------------------------------------------------------------------------------------------

auto cipher_text(const suite& s) -> std::string {
    const auto text = crypto::to_text(s);
    return std::string{text.view().substr(0, text.view().find('-'))};
}
void print_table(const probe& p, const options& o) {
    const auto all = p.suites();
    const auto taken = std::ranges::count(all, verdict::taken, [](const question* q) { return q->outcome; });
    fmt::print("\n{}  {} of {} questions answered, {} suites taken\n", ip::to_text(p.who()).view(), p.answered(),
               p.questions().size(), taken);
    if (taken > 0) {
        fmt::print("  {:<12}", "");
        for (const auto& h : o.hashes) fmt::print(" {:<{}}", h, 4 + 5 * o.groups.size());
        fmt::print("\n");
    }
    std::size_t at = 0;
    while (taken > 0 && at < all.size()) {
        fmt::print("  {:<12}", cipher_text(all[at]->suites.front()));
        for (std::size_t h = 0; h < o.hashes.size(); ++h) {
            std::string cell;
            for (std::size_t g = 0; g < o.groups.size() && at < all.size(); ++g, ++at) {
                const question& q = *all[at];
                const auto group = static_cast<unsigned>(q.suites.front().group);
                cell += q.outcome == verdict::taken     ? fmt::format("{:<5}", group)
                        : q.outcome == verdict::refused ? fmt::format("{:<5}", "-")
                                                        : fmt::format("{:<5}", "?");
            }
            fmt::print(" {:<{}}", cell, 4 + 5 * o.groups.size());
        }
        fmt::print("\n");
    }
    if (taken > 0) fmt::print("  a number is a group that is taken, - one that is refused, ? one without an answer\n");
    std::string methods;
    for (const method m : p.taken_methods()) methods += (methods.empty() ? "" : ", ") + method_names::name_of(m);
    if (taken > 0) fmt::print("  methods: {}\n", methods);
    for (const auto& id : p.vendor_ids()) {
        const auto* const known = ike::find_vendor(id);
        fmt::print("  vendor id: {}{}\n", hex_of(id), known != nullptr ? fmt::format("  {}", known->name) : "");
    }
}
auto as_json(const probe& p) -> json {
    json j{{"address", std::string{ip::to_text(p.who()).view()}}, {"asked", p.questions().size()}, {"answered", p.answered()}};
    j["suites"] = json::array();
    for (const question* q : p.suites()) {
        json one{{"suite", std::string{crypto::to_text(q->suites.front()).view()}}, {"verdict", name_of(q->outcome)}};
        if (q->chosen_method) one["method"] = method_names::name_of(*q->chosen_method);
        if (q->reason) one["reason"] = name_of(*q->reason);
        j["suites"].push_back(std::move(one));
    }
    j["methods"] = json::array();
    for (const method m : p.taken_methods()) j["methods"].push_back(method_names::name_of(m));
    j["vendor_ids"] = json::array();
    for (const auto& id : p.vendor_ids()) {
        json one{{"hex", hex_of(id)}};
        if (const auto* const known = ike::find_vendor(id)) one["name"] = known->name;
        j["vendor_ids"].push_back(std::move(one));
    }
    return j;
}

// --- asking --------------------------------------------------------------------------------------------------------------------

auto ask(probe& p, const options& o, crypto::botan::random& random) -> outcome<void> {
    const auto any = ip::address::lowest(p.who().family());
    auto socket = io::udp_socket::open({.local = {any, o.from_port}});
    if (!socket)
        return std::unexpected{socket.error().text() + ": see whether --from-port is free, and this machine has a network"};
    const io::datagram_info to{.local = {any, 0}, .remote = {p.who(), o.port}};
    const auto gap = microseconds(static_cast<std::int64_t>(1e6 / o.rate));
    std::array<std::byte, 16384> scratch{};
    for (instant go = clock_now(); !p.is_over();) {
        const instant now = clock_now();
        p.handle_timeout(now, o.tries);
        if (p.is_over()) p.finish_first_round();
        if (now >= go)
            if (const auto datagram = p.next(now, milliseconds(o.patience), random, scratch); !datagram.empty()) {
                const auto sent = socket->send({.where = to, .octets = datagram});
                if (sent.refused != 0 && sent.last.code != io::errc::unreachable)
                    return std::unexpected{sent.last.text() + ": see whether there is a way to that address"};
                go = now + gap;
            }
        pollfd wait{socket->fd(), POLLIN, 0};
        (void)::poll(&wait, 1, 5);
        io::datagram_info from;
        for (int tries = 0; tries < 64; ++tries) {
            const auto got = socket->receive(byte_span{scratch}, from);
            if (!got) continue;  // what an earlier datagram met
            if (!*got) break;
            if (from.remote.address == p.who()) p.handle(**got);
        }
        if (p.is_over()) p.finish_first_round();
    }
    return {};
}

auto run(options& o) -> int {
    const auto complain = [](std::string what) { return command_line::complain("ike_probe", std::move(what)); };
    if (o.ciphers.empty()) o.ciphers.assign(usual_ciphers.begin(), usual_ciphers.end());
    if (o.hashes.empty()) o.hashes.assign(usual_hashes.begin(), usual_hashes.end());
    if (o.groups.empty()) o.groups.assign(usual_groups.begin(), usual_groups.end());
    const auto suites = suites_of(o);
    if (!suites) return complain(suites.error());
    std::vector<probe> probes;
    for (const auto& text : o.addresses) {
        const auto a = ip::parse_address(text);
        if (!a) return complain(fmt::format("{}: no IP address: give every responder by its address", text));
        if (a->is_unspecified() || a->is_multicast() || *a == ip::address::v4(255, 255, 255, 255))
            return complain(fmt::format("{}: is not the address of one responder: give every one by its own", text));
        probes.emplace_back(*a, *suites, methods_of(o));
    }
    crypto::botan::random random;
    json all = json::array();
    bool silent = false;
    for (probe& p : probes) {
        if (!o.json) {
            fmt::print("asking {} for {} suites, {:g} a second at most\n", ip::to_text(p.who()).view(), suites->size(), o.rate);
            std::fflush(stdout);
        }
        if (const auto done = ask(p, o, random); !done) return complain(done.error());
        silent = silent || p.answered() == 0;
        if (o.json) all.push_back(as_json(p));
        else print_table(p, o);
    }
    if (o.json) fmt::print("{}\n", all.dump(2));
    return silent ? 1 : 0;
}

}  // namespace

auto main(int argc, char** argv) -> int {
    CLI::App app{
        "Asks IKEv1 responders which suites and authentication methods they speak: one first message of Main Mode for each\n"
        "question. Ask only those that are yours to ask. Exit code: 1 when one of them does not answer at all, 2 when\n"
        "nothing can be asked.",
        "ike_probe"};
    options o;
    app.add_option("ADDRESS", o.addresses, "responders, by their IP addresses")->required()->expected(1, 16);
    app.add_option("--port", o.port, "where they listen")->check(CLI::Range(1U, 65535U))->capture_default_str();
    app.add_option("--from-port", o.from_port, "where the questions come from; 0: any port. Some responders answer port 500 only")
        ->capture_default_str();
    app.add_option("--cipher", o.ciphers, "instead of the usual ones: des, 3des, blowfish128, cast128, aes128, …")
        ->delimiter(',');
    app.add_option("--hash", o.hashes, "md5, sha1, sha256, sha384, sha512")->delimiter(',');
    app.add_option("--group", o.groups, "modp768, modp1024, … by their names")->delimiter(',');
    std::vector<std::string> names;
    for (const auto& m : method_names::known) names.emplace_back(m.name);
    app.add_option("--method", o.methods, "only these")->delimiter(',')->check(CLI::IsMember(names));
    app.add_option("--rate", o.rate, "datagrams a second, at most, from 0.1 to 1000")->capture_default_str();
    app.add_option("--timeout", o.patience, "milliseconds until a datagram counts as lost")
        ->check(CLI::Range(50U, 60000U))
        ->capture_default_str();
    app.add_option("--tries", o.tries, "how often a question is asked")->check(CLI::Range(1U, 10U))->capture_default_str();
    app.add_flag("--json", o.json, "all answers as JSON");
    if (const auto code = command_line::parse(app, argc, argv)) return *code;
    if (!(o.rate >= 0.1 && o.rate <= 1000))  // a number that is none would pass CLI::Range
        return command_line::complain("ike_probe", "--rate: is no rate: give datagrams a second, from 0.1 to 1000");
    return command_line::whole_run("ike_probe", [&] { return run(o); });
}
