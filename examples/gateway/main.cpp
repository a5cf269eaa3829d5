// gateway: a VPN gateway for Linux, with connections in the syntax of swanctl.conf.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <string>

#include "config.hpp"

namespace gateway {
namespace {

struct options {
    std::string config, xfrm, log_keys, control, metrics;
    bool check = false;
    std::uint32_t stats = 0;  // seconds; 0: none
};

/// One line on the standard error: what, where, and what to do. @return 2
auto complain(const std::string& what) -> int {
    std::fprintf(stderr, "gateway: %s\n", what.c_str());
    return 2;
}

auto run(const options& o) -> int {
    policy_ids ids;
    const auto settings = read_config(o.config, ids);
    if (!settings) return complain(settings.error().text());
    std::fputs(describe(*settings).c_str(), stdout);
    return 0;
}

}  // namespace
}  // namespace gateway

auto main(int argc, char** argv) -> int {
    gateway::options o;
    CLI::App app{"A VPN gateway: IKEv1, ESP and AH for the connections of a swanctl.conf.\nExit code: 0 done, 2 bad input.",
                 "gateway"};
    app.add_option("--config", o.config, "connections, children and secrets in the syntax of swanctl.conf")
        ->type_name("FILE")
        ->required();
    app.add_option("--xfrm", o.xfrm, "SAs with keys given by hand, as a batch of ip xfrm")->type_name("FILE");
    app.add_flag("--check", o.check, "read the files, print what they say, and end");
    app.add_option("--log-keys", o.log_keys, "write every secret to tables for Wireshark in this folder")->type_name("DIR");
    app.add_option("--stats", o.stats, "print statistics every so many seconds")->type_name("SECONDS");
    app.add_option("--control", o.control, "Unix socket for commands")->type_name("PATH");
    app.add_option("--metrics", o.metrics, "Unix socket for Prometheus")->type_name("PATH");
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        std::fputs(app.help().c_str(), stdout);
        return 0;
    } catch (const CLI::ParseError& e) {
        std::string text = e.what();
        for (char& c : text)
            if (c == '\n') c = ' ';
        return gateway::complain(text + ": see gateway --help");
    }
    return gateway::run(o);
}
