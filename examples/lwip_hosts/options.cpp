#include "options.hpp"

#include "../common/command_line.hpp"
#include "ipsec/crypto/proposal_name.hpp"
#include "ipsec/ike/v1/config_check.hpp"

namespace lwip_hosts {

using namespace ipsec;

namespace {
auto complain(const std::string& what) -> int { return command_line::complain("lwip_hosts", what); }
}  // namespace

auto parse(int argc, const char* const* argv) -> std::variant<options, int> {
    options o;
    std::string suite = "aes128-sha1";
    CLI::App app{
        "Two processes with an lwIP stack each, joined by a socket pair, talk TCP through ESP in transport mode. IPsec is a "
        "bump\n"
        "in the stack: it hangs on the hooks of lwIP's network interface. IKEv1 makes the keys, over lwIP's own UDP.\n"
        "Exit code: 0 what came is what was sent and nobody could read it, 1 it is not so, 2 bad input.",
        "lwip_hosts"};
    app.add_option("--octets", o.octets, "how many each host sends to the other (1000000)")
        ->type_name("N")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{10'000'000'000}));
    app.add_option("--suite", suite, "ESP algorithms in strongSwan's words (aes128-sha1)")->type_name("SUITE");
    app.add_option("--piece", o.piece, "size of a receive buffer; packets that do not fit come as a chain of them (1514)")
        ->type_name("OCTETS")
        ->check(CLI::Range(64, 9000));
    app.add_option("--loss", o.loss, "probability that the wire loses a packet, 0 to 0.3")
        ->type_name("P")
        ->check(CLI::Range(0.0, 0.3));
    app.add_option("--seed", o.seed, "which packets are lost (1)")->type_name("N");
    app.add_flag("--ipv6", o.ipv6, "IPv6 instead of IPv4");
    app.add_flag("--clear", o.clear, "policy lets everything pass unprotected: what IPsec costs, and what it hides");
    if (const auto code = command_line::parse(app, argc, argv)) return *code;
    const auto p = crypto::parse_esp_proposal(suite);
    if (!p) return complain("--suite: '" + std::string{p.error().word} + "': " + std::string{name_of(p.error().code)} +
                        ": use a suite such as aes128-sha1");
    if (p->group != crypto::group_id::none || p->extended_sequence)
        return complain("--suite: '" + suite + "' says more than a cipher and its integrity: use a suite such as aes128-sha1");
    if (!ike::v1::check(ike::v1::child_suite{.esp = p->protection}))
        return complain("--suite: '" + suite + "' has no number in IKEv1: use aes128-sha1 or another one that has");
    o.suite = p->protection;
    return o;
}

}  // namespace lwip_hosts
