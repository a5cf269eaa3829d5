// wire_bump: a bump in the wire, IPsec for hosts that know nothing of it.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "../common/command_line.hpp"
#include "bump.hpp"
#include "ipsec/crypto/proposal_name.hpp"

namespace wire_bump {
namespace {

using namespace ipsec;

volatile std::sig_atomic_t interrupted = 0;

void show(const options& o) {
    fmt::print("{} (inside) and {} (outside), as {}; peer {}\n", o.inside, o.outside, ip::to_text(o.address).view(),
               ip::to_text(o.peer).view());
    for (const auto& p : o.pairs)
        fmt::print("{} <-> {}: ESP tunnel, out {:08x} {}, in {:08x} {}\n", ip::to_text(p.local).view(),
                   ip::to_text(p.remote).view(), p.out.spi.value(), crypto::to_text(p.out.suite).view(), p.in.spi.value(),
                   crypto::to_text(p.in.suite).view());
    fmt::print("ready\n");
    std::fflush(stdout);
}

void show(const bump& b, const port& inside, const port& outside) {
    using dataplane::fate;
    const auto row = [](const char* what, std::uint64_t n) { fmt::print("  {:<48}{:>12}\n", what, n); };
    const auto drops = [](const char* way, const dataplane::counters& c) {
        for (std::size_t i = 0; i < dataplane::drop_reasons; ++i)
            if (c.drops()[i] != 0)
                fmt::print("  {:<48}{:>12}\n", fmt::format("{}: dropped, {}", way, name_of(static_cast<dataplane::drop>(i))),
                           c.drops()[i]);
    };
    row("out: packets protected", b.out().packets(fate::protect));
    row("out: packets passed", b.out().packets(fate::bypass));
    drops("out", b.out());
    row("in: packets whose protection came off", b.in().packets(fate::deliver));
    row("in: packets passed", b.in().packets(fate::bypass));
    drops("in", b.in());
    row("ARP and neighbor discovery passed", b.get_counts().link_frames);
    row("ARP and neighbor discovery answered", b.get_counts().answered);
    row("dropped: no IP, or not as it says", b.get_counts().not_ip);
    row("dropped: for the bump itself, and not ESP", b.get_counts().for_bump);
    row("dropped: for a host that nobody is", b.get_counts().no_neighbor);
    for (const auto& [name, p] : {std::pair{"inside", &inside}, std::pair{"outside", &outside}}) {
        const auto& c = p->get_counts();
        row(fmt::format("{}: frames received", name).c_str(), c.received);
        row(fmt::format("{}: frames sent", name).c_str(), c.sent);
        row(fmt::format("{}: frames refused, too long perhaps", name).c_str(), c.refused);
        row(fmt::format("{}: frames cut or without their checksum", name).c_str(), c.unusable);
    }
}

constexpr auto port_hint = ": give an Ethernet interface, as root or with CAP_NET_RAW";

auto run(const options& o) -> int {
    auto inside = port::open(o.inside), outside = port::open(o.outside);
    if (!inside) return complain("--inside: " + inside.error() + port_hint, 1);
    if (!outside) return complain("--outside: " + outside.error() + port_hint, 1);
    bump b{o, *inside, *outside};
    if (b.fault()) return complain("--policy: " + *b.fault() + ": correct it", 2);
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    show(o);
    while (interrupted == 0) {
        std::array<pollfd, 2> what{{{inside->fd(), POLLIN, 0}, {outside->fd(), POLLIN, 0}}};
        if (ppoll(what.data(), what.size(), nullptr, &before) < 0) continue;  // signals come through here only
        bool more = true;
        for (int turns = 0; more && turns < 64; ++turns)
            more = b.turn(instant{std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds{1}});
    }
    show(b, *inside, *outside);
    return 0;
}

}  // namespace
}  // namespace wire_bump

extern "C" void stop(int) { wire_bump::interrupted = 1; }

auto main(int argc, char** argv) -> int {
    const auto parsed = wire_bump::parse(argc, argv);
    if (const int* code = std::get_if<int>(&parsed)) return *code;
    std::signal(SIGINT, stop);
    std::signal(SIGTERM, stop);
    return command_line::whole_run("wire_bump", [&] { return wire_bump::run(std::get<wire_bump::options>(parsed)); });
}
