// gateway: a VPN gateway for Linux, with connections in the syntax of swanctl.conf.
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>

#include <fmt/format.h>

#include "../common/command_line.hpp"
#include "loop.hpp"

namespace gateway {
namespace {

/// One line on the standard error: what, where, and what to do. @return 2
auto complain(const std::string& what) -> int { return command_line::complain("gateway", what); }

auto run(const options& o) -> int {
    policy_ids ids;
    auto f = read_files(o, ids);
    if (!f) return complain(f.error());
    if (o.check) {
        std::fputs(describe(f->settings).c_str(), stdout);
        if (f->xfrm) fmt::print("{}: {} states, {} policies\n", o.xfrm, f->xfrm->states.size(), f->xfrm->policies.size());
        return 0;
    }
    loop all{o};
    if (const auto bad = all.open(std::move(*f), std::move(ids))) return complain(*bad);
    return all.run();
}

}  // namespace
}  // namespace gateway

auto main(int argc, char** argv) -> int {
    gateway::options o;
    CLI::App app{"A VPN gateway: IKEv1, ESP and AH for the connections of a swanctl.conf.\nExit code: 0 done, 2 bad input.",
                 "gateway"};
    app.add_option("--config", o.config, "connections, children and secrets in the syntax of swanctl.conf")
        ->type_name("FILE");
    app.add_option("--xfrm", o.xfrm, "SAs with keys given by hand, as a batch of ip xfrm")->type_name("FILE");
    app.add_flag("--allow-static-counter-keys", o.allow_static_counter_keys,
                 "accept keys given by hand for AES-GCM and the like: after a restart they betray both plaintexts");
    app.add_flag("--check", o.check, "read the files, print what they say, and end");
    app.add_option("--log-keys", o.log_keys, "write every secret to tables for Wireshark in this folder")->type_name("DIR");
    app.add_option("--stats", o.stats, "print statistics every so many seconds")->type_name("SECONDS");
    app.add_option("--control", o.control, "Unix socket for commands")->type_name("PATH");
    app.add_option("--metrics", o.metrics, "Unix socket for Prometheus")->type_name("PATH");
    app.add_option("--device", o.device, "name of the TUN device (ipsec0)")->type_name("NAME");
    app.add_option("--user", o.user, "become this user once everything is open; it must be able to read the files again")
        ->type_name("NAME");
    app.add_option("--mtu", o.mtu, "MTU of the TUN device (1380)")->type_name("OCTETS")->check(CLI::Range(1280, 1500));
    app.add_option("--fragment-size", o.phase_1.fragment_size,
                   "octets of the largest IP packet with a piece of an IKE message (1280), with fragmentation = yes")
        ->type_name("OCTETS")
        ->check(CLI::Range(256, 1500));
    app.add_option("--nat-t", o.phase_1.nat, "NAT traversal as RFC 3947 has it (rfc), as drafts 02 and 03 (drafts), or both")
        ->type_name("rfc|both|drafts")
        ->transform(CLI::CheckedTransformer(std::map<std::string, ipsec::ike::v1::nat_forms>{
            {"rfc", ipsec::ike::v1::nat_forms::rfc},
            {"both", ipsec::ike::v1::nat_forms::rfc_and_drafts},
            {"drafts", ipsec::ike::v1::nat_forms::drafts}}));
    if (const auto code = command_line::parse(app, argc, argv)) return *code;
    if (o.config.empty() && o.xfrm.empty()) return gateway::complain("nothing to do: give --config FILE, --xfrm FILE or both");
    return command_line::whole_run("gateway", [&] { return gateway::run(o); });
}
