// ipsec_decode: an observer's view of a capture: each ESP, AH and ISAKMP packet, whether its ICV holds, and what is inside.
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "../common/broken_capture.hpp"
#include "../common/command_line.hpp"
#include "../common/progress.hpp"
#include "decoder.hpp"

namespace ipsec_decode {
namespace {

auto complain(const std::string& what) -> int { return command_line::complain("ipsec_decode", what); }

/// "     3  192.0.2.1 > 192.0.2.2  ESP c254fe64 #1  ICV ok  10.1.1.1 -> 10.0.0.10 icmp(8/0), 84 octets"
auto line_of(const finding& f) -> std::string {
    const auto& e = f.entry;
    const auto text = [&e](const char* key) { return e.value(key, std::string{}); };
    std::string what = text("kind");
    if (e.contains("spi")) what += " " + text("spi");
    if (e.contains("seq")) what += fmt::format(" #{}", e["seq"].get<std::uint64_t>());
    if (e.contains("exchange")) {
        const auto type = static_cast<isakmp::exchange_type>(e["exchange"].get<unsigned>());
        if (what.starts_with("IKEv1")) what += fmt::format(" {}", name_of(type));
        else what += fmt::format(" exchange {}", static_cast<unsigned>(type));
    }
    return fmt::format("{:>6}  {} > {}  {}  ICV {}  {}", e["frame"].get<std::uint64_t>(), text("src"), text("dst"), what,
                       text("icv"), f.note);
}

auto run(const std::string& in, keyring& keys, bool as_json) -> int {
    auto input = io::pcap_reader::open(in);
    if (!input)
        return complain("--in: " + input.error().text +
                        ": give a pcap or pcapng file of Ethernet, raw IP or Linux cooked frames");
    std::error_code none;
    const auto size = in != "-" && std::filesystem::is_regular_file(in, none)
                          ? std::optional<std::uint64_t>{std::filesystem::file_size(in, none)}
                          : std::nullopt;
    command_line::progress bar{isatty(STDOUT_FILENO) == 0, size};  // a terminal that shows the lines needs no bar
    decoder d{keys, input->link()};
    std::uint64_t packets = 0, open = 0;
    for (;;) {
        auto next = input->next();
        if (!next) {
            bar.clear();
            return complain("--in: " + command_line::broken_capture(next.error()));
        }
        if (!*next) break;
        for (const finding& f : d.frame(**next)) {
            ++packets;
            if (f.is_open) ++open;
            const std::string line = as_json ? f.entry.dump() : line_of(f);
            std::puts(line.c_str());
        }
        if (std::ferror(stdout) != 0) return complain("standard output: cannot be written: give it room");
        bar.at(input->offset().value_or(0), input->frames());
    }
    bar.clear();
    if (!as_json) {
        std::string without;
        for (const auto& [why, n] : d.without_packet()) without += fmt::format("; {}: {}", why, n);
        fmt::print("{} frames, {} of ESP, AH or ISAKMP, {} of them open{}\n", input->frames(), packets, open, without);
    }
    return 0;
}

auto start(int argc, const char* const* argv) -> int {
    std::string in, keys_file, xfrm_file;
    bool as_json = false;
    CLI::App app{
        "Shows each ESP, AH and ISAKMP packet of a capture: whether its ICV holds, and what is inside of it.\n"
        "Exit code: 0 the capture was read, 2 bad input.",
        "ipsec_decode"};
    app.add_option("--in", in, "pcap or pcapng file with Ethernet, raw IP or Linux cooked frames, or - for standard input")
        ->type_name("FILE");
    app.add_option("--keys", keys_file, "keys in JSON: ipsec_sas, child_sas, ike_sas, credentials")->type_name("FILE");
    app.add_option("--xfrm", xfrm_file, "keys as `ip xfrm state` lists them, or as `ip -batch` takes them")->type_name("FILE");
    app.add_flag("--json", as_json, "a line of JSON per packet");
    if (const auto code = command_line::parse(app, argc, argv)) return *code;
    if (in.empty()) return complain("--in: no name: give a capture, or - for the standard input");
    if (keys_file.empty() == xfrm_file.empty()) return complain("--keys, --xfrm: give one of the two");
    auto keys = keys_file.empty() ? read_xfrm(xfrm_file) : read_json(keys_file);
    if (!keys) return complain((keys_file.empty() ? "--xfrm: " : "--keys: ") + keys.error());
    return run(in, *keys, as_json);
}

}  // namespace
}  // namespace ipsec_decode

auto main(int argc, char** argv) -> int {
    return command_line::whole_run("ipsec_decode", [&] { return ipsec_decode::start(argc, argv); });
}
