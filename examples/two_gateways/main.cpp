// two_gateways: IKEv1 and IPsec between two gateways, over nothing but this library, fed with a real capture.
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "../common/command_line.hpp"
#include "../common/broken_capture.hpp"
#include "ipsec/crypto/proposal_name.hpp"
#include "ipsec/ip/selector_text.hpp"
#include "simulation.hpp"

namespace two_gateways {
namespace {

using namespace ipsec;

void show_plan(const options& o, const plan& p, timeline& log) {
    const bool transport = o.mode == sa::mode::transport;
    log.line("left gateway {}, right gateway {}; seed {}{}", ip::to_text(left_gateway).view(), ip::to_text(right_gateway).view(),
             o.seed, o.seeded ? ", keys too" : "");
    for (std::size_t i = 0; i < p.policies.size(); ++i) {
        const policy_pair& who = p.policies[i];
        const auto& suite = p.suite_of(i);
        std::string service;
        if (who.protocol != 0) service = fmt::format(" {}", name_of(static_cast<ip::next_header>(who.protocol)));
        if (who.right_port != 0) service += fmt::format(" port {}", who.right_port);
        std::string how;
        if (suite.esp) how = fmt::format("ESP {}", crypto::to_text(*suite.esp).view());
        if (suite.ah) how += fmt::format("{}AH {}", how.empty() ? "" : ", over it ", crypto::find(*suite.ah)->name);
        log.line("policy {}: {} <-> {}{}: {} in {} mode{}", i + 1, ip::to_text(who.left).view(), ip::to_text(who.right).view(),
                 service, how, transport ? "transport" : "tunnel", transport ? ", SAs per host pair" : "");
    }
    log.line("");
}

/// Reads a file once to see who is where, so that policies are for its subnets. @return what is wrong with the input
auto survey(const std::string& name, sides& where) -> std::optional<std::string> {
    auto reader = io::pcap_reader::open(name);
    if (!reader)
        return "--in: " + reader.error().text + ": give a pcap or pcapng file of Ethernet, raw IP or Linux cooked frames";
    for (;;) {
        auto next = reader->next();
        if (!next) return "--in: " + command_line::broken_capture(next.error());
        if (!*next || interrupted != 0) return {};
        if (!(*next)->packet) continue;
        if (const auto flow = ip::read_flow(*(*next)->packet)) where.learn(*flow);
    }
}

auto run(const options& o) -> int {
    auto out = output_folder::open(o.out);
    if (!out) return complain(out.error());
    std::error_code ignored;
    const bool is_file = o.in != "-" && std::filesystem::is_regular_file(o.in, ignored);
    sides known{o.left};
    if (is_file && o.left.empty())
        if (const auto fault = survey(o.in, known)) return complain(*fault);
    plan p{o, o.policies.empty() ? known.policies() : o.policies};
    if (!p.by_shared_secret()) {
        // Apart from what the gateways draw, so that --auth alone does not change their cookies.
        randomness random{.seeded = o.seeded ? std::optional{testing::seeded_rng{~o.seed}} : std::nullopt, .system = {}};
        for (const side s : {side::left, side::right}) {
            auto made = make_key_pair(o.ike.authentication, random);
            if (!made)
                return complain("--auth: no key can be made: " + std::string{name_of(made.error())} + ": use another method");
            if (o.certificates)
                if (const auto ok = certify(*made, address_of(s), random); !ok)
                    return complain("--certificates: none can be made: " + std::string{name_of(ok.error())} +
                                    ": use another method");
            p.keys[s == side::left ? 0 : 1] = std::move(*made);
        }
    }

    auto input = io::pcap_reader::open(o.in);
    if (!input)
        return complain("--in: " + input.error().text +
                        ": give a pcap or pcapng file of Ethernet, raw IP or Linux cooked frames");
    auto tap = io::pcap_writer::open(out->file("protected.pcap"));
    auto recovered = io::pcap_writer::open(out->file("recovered.pcap"));
    for (const auto* w : {&tap, &recovered})
        if (!*w) return complain("--out: " + w->error().text + ": give a folder that can be written");

    const auto size = is_file ? std::optional<std::uint64_t>{std::filesystem::file_size(o.in, ignored)} : std::nullopt;
    progress bar{!o.quiet, size};
    timeline log{o.quiet, bar};
    show_plan(o, p, log);
    simulation s{o, sides{o.left}, p, *out, log, bar, std::move(*tap), std::move(*recovered)};
    auto fault = s.run(*input);
    if (!fault) fault = s.finish();
    bar.clear();
    if (fault) return complain(*fault);
    if (auto ok = out->put_in_place(); !ok) return complain(ok.error());
    log.line("Wireshark shows it decrypted: WIRESHARK_CONFIG_DIR={0}/wireshark wireshark {0}/protected.pcap\n",
             out->target().string());
    log.last(s.summary());
    return s.holds() ? 0 : 1;
}

}  // namespace
}  // namespace two_gateways

extern "C" void stop(int) { two_gateways::interrupted = 1; }

auto main(int argc, char** argv) -> int {
    std::signal(SIGINT, stop);
    std::signal(SIGTERM, stop);
    std::signal(SIGPIPE, SIG_IGN);
    const auto parsed = two_gateways::parse(argc, argv);
    if (const int* code = std::get_if<int>(&parsed)) return *code;
    return command_line::whole_run("two_gateways", [&] { return two_gateways::run(std::get<two_gateways::options>(parsed)); });
}
