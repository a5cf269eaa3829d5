// lwip_hosts: two processes, an lwIP stack in each, and ESP in transport mode between them as a bump in the stack.
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>

#include "../common/command_line.hpp"
#include "host.hpp"
#include "ipsec/crypto/proposal_name.hpp"
#include "transfer.hpp"

namespace lwip_hosts {
namespace {

using namespace ipsec;
using dataplane::drop;
using dataplane::fate;

constexpr auto patience = seconds(120);
constexpr char done_word = 'd';

auto clock_now() -> instant { return instant{std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds{1}}; }

/// What a host says in the end; goes through a pipe as it stands.
struct report {
    bool done = false;
    std::uint64_t acknowledged = 0, received = 0, sum_sent = 0, sum_received = 0;
    double seconds = 0;
    dataplane::counters out, in;
    buffer_counts buffers_out, buffers_in;
    wire::view seen;
    std::uint64_t lost = 0;
};
static_assert(std::is_trivially_copyable_v<report>);

/// @param left     this host connects and the other one listens
/// @param control  left: to read from, a word when the right one is done; right: to write to
auto run(bool left, const options& o, int fd, int control) -> report {
    const auto a = o.ipv6 ? ip::address::v6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 1}) : ip::address::v4(192, 0, 2, 1);
    const auto b = o.ipv6 ? ip::address::v6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 2}) : ip::address::v4(192, 0, 2, 2);
    wire link{fd, o, o.seed * 2 + (left ? 0U : 1U)};
    host h{left ? a : b, left ? b : a, o, link};
    transfer t{left, o.octets};
    report r;
    bool peer_is_done = !left, said = false;
    if (!h.fault() && !(left ? t.connect(to_lwip(b)) : t.listen(to_lwip(b)))) return r;
    const instant start = clock_now();
    std::optional<instant> begin;
    for (instant now = start; !h.fault() && !t.has_failed() && now - start < patience; now = clock_now()) {
        h.turn(now);
        if (t.has_begun() && !begin) begin = now;
        if (t.is_done() && !r.done) {
            r.done = true;
            r.seconds = static_cast<double>((clock_now() - *begin).nanoseconds()) * 1e-9;
        }
        if (!left && r.done && !std::exchange(said, true) && ::write(control, &done_word, 1) != 1) break;
        if (link.is_closed() || (left && r.done && peer_is_done)) break;
        std::array<pollfd, 2> what{{{fd, POLLIN, 0}, {peer_is_done ? -1 : control, POLLIN, 0}}};
        const auto wait = std::min(h.deadline(), start + patience) - clock_now();
        const auto ms = std::clamp(wait.nanoseconds() / 1'000'000 + 1, std::int64_t{0}, std::int64_t{1000});
        if (poll(what.data(), what.size(), static_cast<int>(ms)) < 0) break;
        char word = 0;
        if (what[1].revents != 0) {
            if (::read(control, &word, 1) != 1) break;  // it ended before its time
            peer_is_done = true;
        }
    }
    if (h.fault()) fmt::print(stderr, "lwip_hosts: {} host: {}\n", left ? "left" : "right", *h.fault());
    r.acknowledged = t.acknowledged();
    r.received = t.received();
    r.sum_sent = t.sum_sent();
    r.sum_received = t.sum_received();
    r.out = h.out();
    r.in = h.in();
    r.buffers_out = h.buffers_out();
    r.buffers_in = h.buffers_in();
    r.seen = link.seen();
    r.lost = link.lost();
    return r;
}

template <class F>
void row(const char* what, const report& l, const report& r, F&& of) {
    fmt::print("  {:<58}{:>12}{:>12}\n", what, of(l), of(r));
}

void show(const report& left, const report& right) {
    const auto count = [&](const char* what, auto of) { row(what, left, right, of); };
    const auto rate = [](std::uint64_t n, double s) {
        return fmt::format("{:.1f}", s > 0 ? static_cast<double>(n) / s * 1e-6 : 0);
    };
    fmt::print("  {:<58}{:>12}{:>12}\n", "", "left", "right");
    count("TCP: octets sent and acknowledged", [](const report& r) { return r.acknowledged; });
    count("     octets received", [](const report& r) { return r.received; });
    count("     MB/s, both directions together", [&](const report& r) { return rate(r.acknowledged + r.received, r.seconds); });
    count("out: packets protected", [](const report& r) { return r.out.packets(fate::protect); });
    count("     passed as they were: policy says bypass", [](const report& r) { return r.out.packets(fate::bypass); });
    count("     waited for an SA", [](const report& r) { return r.out.drops(drop::no_sa); });
    count("     discarded: no policy", [](const report& r) { return r.out.drops(drop::no_policy); });
    count("     pbufs copied, since lwIP keeps its own", [](const report& r) { return r.buffers_out.copied; });
    count("         of these chains, joined by the copy", [](const report& r) { return r.buffers_out.joined; });
    count("in:  packets whose protection came off", [](const report& r) { return r.in.packets(fate::deliver); });
    count("     passed as they were: policy says bypass", [](const report& r) { return r.in.packets(fate::bypass); });
    count("     dropped", [](const report& r) { return r.in.packets(fate::drop); });
    count("     copies avoided: pbufs in one piece", [](const report& r) { return r.buffers_in.in_place; });
    count("         octets in them", [](const report& r) { return r.buffers_in.octets_in_place; });
    count("     chains, joined by a copy", [](const report& r) { return r.buffers_in.joined; });
    fmt::print("what an eavesdropper saw\n");
    for (std::size_t p = 0; p < left.seen.by_protocol.size(); ++p)
        if (left.seen.by_protocol[p] + right.seen.by_protocol[p] != 0) {
            const char* name = p == 50 ? " (ESP)" : p == 17 ? " (UDP: IKE)" : p == 6 ? " (TCP)" : "";
            count(fmt::format("     packets of protocol {}{}", p, name).c_str(),
                  [p](const report& r) { return r.seen.by_protocol[p]; });
        }
    count("     octets", [](const report& r) { return r.seen.octets; });
    count("     packets with text that can be read", [](const report& r) { return r.seen.readable; });
    count("lost on the wire", [](const report& r) { return r.lost; });
}

/// @return whether everything came as it was sent and, unless that is what was asked for, nobody could read it
auto judge(const report& l, const report& r, const options& o) -> bool {
    const bool equal = l.done && r.done && l.received == o.octets && r.received == o.octets && l.sum_sent == r.sum_received &&
                       r.sum_sent == l.sum_received;
    bool hidden = true;
    for (const report* one : {&l, &r}) {
        hidden = hidden && one->seen.readable == 0;
        for (std::size_t p = 0; p < one->seen.by_protocol.size(); ++p)
            hidden = hidden && (p == 50 || p == 17 || one->seen.by_protocol[p] == 0);
    }
    if (!equal) fmt::print("NOT EQUAL: not all of it came, or not as it was sent\n");
    else if (!o.clear && !hidden) fmt::print("NOT HIDDEN: the eavesdropper saw more than ESP and IKE\n");
    else
        fmt::print("EQUAL: {} octets each way, checksums {:016x} and {:016x}, {}\n", o.octets, l.sum_sent, r.sum_sent,
                   o.clear ? "in the clear" : "nothing but ESP and IKE on the wire");
    return equal && (o.clear || hidden);
}

auto start(const options& o) -> int {
    std::array<int, 2> ends{}, control{};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends.data()) != 0 || pipe(control.data()) != 0) return 1;
    std::fflush(stdout);
    const pid_t child = fork();
    if (child < 0) return 1;
    if (child == 0) {
        close(ends[0]);
        close(control[0]);
        const report r = run(false, o, ends[1], control[1]);
        _exit(::write(control[1], &r, sizeof r) == sizeof r ? 0 : 1);
    }
    close(ends[1]);
    close(control[1]);
    const report left = run(true, o, ends[0], control[0]);
    close(ends[0]);  // that ends the right one's loop
    report right;
    const bool heard = ::read(control[0], &right, sizeof right) == sizeof right;
    int status = 0;
    waitpid(child, &status, 0);
    if (!heard) right = {};
    fmt::print(
        "TCP over IP{}, {}\n", o.ipv6 ? "v6" : "v4",
        o.clear ? "no protection" : fmt::format("ESP {} in transport mode, keys by IKEv1", crypto::to_text(o.suite).view()));
    show(left, right);
    return judge(left, right, o) ? 0 : 1;
}

}  // namespace
}  // namespace lwip_hosts

auto main(int argc, char** argv) -> int {
    std::signal(SIGPIPE, SIG_IGN);
    const auto parsed = lwip_hosts::parse(argc, argv);
    if (const int* code = std::get_if<int>(&parsed)) return *code;
    return command_line::whole_run("lwip_hosts", [&] { return lwip_hosts::start(std::get<lwip_hosts::options>(parsed)); });
}
