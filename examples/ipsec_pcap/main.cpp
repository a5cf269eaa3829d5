// ipsec_pcap: a capture through IPsec with keys given by hand, out of it or into it.
#include <cstdio>
#include <filesystem>

#include <fmt/format.h>

#include "../common/broken_capture.hpp"
#include "../common/command_line.hpp"
#include "../common/output_file.hpp"
#include "../common/progress.hpp"
#include "walk.hpp"

namespace ipsec_pcap {
namespace {

struct options {
    std::string in, out, xfrm, report = "text";
    bool unmatched_pass = false, quiet = false;
    xfrm::choices allowed;
};

auto complain(const std::string& what) -> int { return command_line::complain("ipsec_pcap", what); }

void print_report(const options& o, const walk& w) {
    const auto r = w.report();
    if (o.report == "json") return void(std::puts(r.dump().c_str()));
    for (const char* key : {"in", "joined", "protected", "opened", "passed"})
        if (r.contains(key)) fmt::print("{:<10}{:>10} packets{:>12} octets\n", key, r[key]["packets"].get<std::uint64_t>(),
                                        r[key]["octets"].get<std::uint64_t>());
    fmt::print("{:<10}{:>10} packets\n", "dropped", r["dropped"].get<std::uint64_t>());
    for (const char* key : {"drops", "without_packet"})
        for (const auto& [why, n] : r[key].items())
            fmt::print("{:>20} {}: {}\n", n.get<std::uint64_t>(), key == std::string_view{"drops"} ? "dropped" : "frames", why);
}

auto run(const options& o, job what) -> int {
    std::error_code none;
    if (std::filesystem::equivalent(o.in, o.out, none)) return complain("--out: the same file as --in: give another name");
    if (std::filesystem::equivalent(o.xfrm, o.out, none)) return complain("--out: the same file as --xfrm: give another name");
    const auto rules = read_rules(o.xfrm, what, o.allowed);
    if (!rules) return complain("--xfrm: " + rules.error());
    auto input = io::pcap_reader::open(o.in);
    if (!input)
        return complain("--in: " + input.error().text +
                        ": give a pcap or pcapng file of Ethernet, raw IP or Linux cooked frames");
    auto file = command_line::output_file::open(o.out);
    if (!file) return complain("--out: " + file.error());
    auto output = io::pcap_writer::open(file->aside());
    if (!output) return complain("--out: " + output.error().text + ": give a file that can be written");

    const auto size = o.in != "-" && std::filesystem::is_regular_file(o.in, none)
                          ? std::optional<std::uint64_t>{std::filesystem::file_size(o.in, none)}
                          : std::nullopt;
    command_line::progress bar{!o.quiet, size};
    walk w{what, *output, o.unmatched_pass};
    std::optional<std::string> fault;
    for (bool is_first = true;; is_first = false) {
        auto next = input->next();
        if (!next) fault = "--in: " + command_line::broken_capture(next.error());
        if (is_first && !fault)  // lifetimes count from the first frame on; a fault of an SA is one without any frame too
            if (const auto why = w.install(*rules, *next ? (*next)->time : instant{})) fault = "--xfrm: " + o.xfrm + ": " + *why;
        if (fault || !*next) break;
        if (const auto why = w.frame(**next)) fault = "--out: " + *why + ": give it room";
        if (fault) break;
        bar.at(input->offset().value_or(0), input->frames());
    }
    if (!fault)
        if (const auto why = w.finish()) fault = "--out: " + *why + ": give it room";
    bar.clear();
    if (fault) return complain(*fault);
    if (const auto ok = output->close(); !ok) return complain("--out: " + ok.error().text + ": give it room");
    if (const auto ok = file->put_in_place(); !ok) return complain("--out: " + ok.error());
    if (!o.quiet) print_report(o, w);
    return w.dropped() == 0 ? 0 : 1;
}

auto start(int argc, const char* const* argv) -> int {
    options o;
    CLI::App app{
        "Protects the packets of a capture with SAs whose keys are given by hand, or opens what was protected so.\n"
        "SAs and policies are lines of `ip xfrm`: a batch, or what the kernel lists. States and policies of one system\n"
        "stand for both directions of a conversation; policies of the other direction (in and fwd to protect, out to open)\n"
        "that block, or allow without IPsec, are asked last. Exit code: 0 all packets went through, 1 some were dropped,\n"
        "2 bad input.",
        "ipsec_pcap"};
    app.require_subcommand(0, 1);
    auto* const protect = app.add_subcommand("protect", "policy decides: ESP or AH, or as it is, or dropped");
    auto* const open = app.add_subcommand("open", "the protection comes off, and policy judges what was in it");
    for (auto* const sub : {protect, open}) {
        sub->add_option("--xfrm", o.xfrm, "states and policies, as `ip -batch` takes them or as `ip xfrm` lists them")
            ->type_name("FILE");
        sub->add_option("--in", o.in, "pcap or pcapng file, or - for the standard input")->type_name("FILE");
        sub->add_option("--out", o.out, "pcap file of raw IP packets; whole or not there")->type_name("FILE");
        sub->add_option("--report", o.report, "text (default) or json: packets, octets, and drops by reason")->type_name("FORM");
        sub->add_flag("--pass-unmatched", o.unmatched_pass,
                      "what no policy fits goes through as it is, as the kernel does; else it is dropped");
        sub->add_flag("--allow-static-counter-keys", o.allowed.allow_static_counter_keys,
                      "counter modes with keys by hand: a second run with the same keys gives the text of both away");
        sub->add_flag("--negotiated", o.allowed.negotiated,
                      "the file lists SAs that IKE made: `flag esn` and counter modes are as the peers agreed");
        sub->add_flag("--allow-no-integrity", o.allowed.dangers.no_integrity, "encryption that anybody can change unseen");
        sub->add_flag("--quiet", o.quiet, "no bar and no report");
    }
    if (const auto code = command_line::parse(app, argc, argv)) return *code;
    if (!protect->parsed() && !open->parsed()) return complain("no command: give protect or open");
    for (const auto& [name, value] : {std::pair{"--xfrm", &o.xfrm}, {"--in", &o.in}, {"--out", &o.out}})
        if (value->empty()) return complain(std::string{name} + ": no name: give a file");
    if (o.report != "text" && o.report != "json") return complain("--report: '" + o.report + "' is not known: use text or json");
    return run(o, protect->parsed() ? job::protect : job::open);
}

}  // namespace
}  // namespace ipsec_pcap

auto main(int argc, char** argv) -> int {
    return command_line::whole_run("ipsec_pcap", [&] { return ipsec_pcap::start(argc, argv); });
}
