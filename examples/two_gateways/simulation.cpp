#include "simulation.hpp"

#include <algorithm>

#include "../common/broken_capture.hpp"
#include "ipsec/ike/v1/suite_name.hpp"

namespace two_gateways {

using namespace ipsec;

simulation::simulation(const options& what, sides where, const plan& p, output_folder& out, timeline& log, progress& bar,
                       io::pcap_writer tap, io::pcap_writer recovered)
    : what_{what},
      where_{std::move(where)},
      out_{out},
      log_{log},
      bar_{bar},
      keys_{p},
      picture_{what.ike.authentication},
      recovered_{std::move(recovered)},
      link_{testing::link_options{.loss = what.loss, .seed = what.seed}, time_, std::move(tap), check_, keys_},
      around_{time_, link_, check_, log_, keys_, recovered_, picture_, {}},
      left_{side::left, p, around_},
      right_{side::right, p, around_},
      policies_{p.policies.size()} {}

auto simulation::run(io::pcap_reader& input) -> std::optional<std::string> {
    for (const gateway* g : {&left_, &right_})
        if (const auto fault = g->fault())
            return "IKE refuses this configuration with " + std::string{ike::v1::to_text(what_.ike).view()} + ": " +
                   std::string{name_of(*fault)} +
                   ": give others with --suite, --ike, --auth or --exchange";
    for (;;) {
        if (interrupted != 0) return "interrupted: nothing was written";
        auto next = input.next();
        if (!next) return "--in: " + command_line::broken_capture(next.error());
        if (!*next) break;
        bar_.at(input.offset().value_or(0), input.frames());
        take(**next);
        if (around_.fault) return *around_.fault + ": free some room or give another folder with --out";
    }
    drain();
    return {};
}

/// One frame of the input: time passes until it happens, then it goes to the gateway of its side.
void simulation::take(const io::captured& c) {
    const instant when = time_.of_input(c.time);
    if (c.number == 1) log_.begins_at(when);
    if (!c.packet) {
        ++aside_[std::string{name_of(c.packet.error())}];
        return;
    }
    const auto flow = ip::read_flow(*c.packet);
    if (!flow) {
        ++aside_["IP packet that does not parse: " + std::string{name_of(flow.error())}];
        return;
    }
    const where w = where_.judge(*flow);
    if (w != where::from_left && w != where::from_right) {
        ++aside_[std::string{name_of(w)}];
        return;
    }
    // In the wire for its hosts, a gateway cannot tell their own IPsec from that of the other gateway.
    if (what_.mode == sa::mode::transport && (flow->protocol == ip::next_header::esp || flow->protocol == ip::next_header::ah)) {
        ++aside_["IPsec of the hosts, which transport mode does not wrap again"];
        return;
    }
    run_until(when);
    gateway& g = w == where::from_left ? left_ : right_;
    const gateway& across = w == where::from_left ? right_ : left_;
    // An answer cannot leave before its question came across, which may still wait for an SA.
    if (across.waiting() > 0)
        while ((across.waiting() > 0 || !link_.idle()) && step(instant::never())) {}
    // The hosts of a gateway whose queue is full are held up: what they send is late, not lost.
    while (g.waiting() > gateway::max_waiting && step(instant::never())) {}
    check_.went_in(c.number, *c.packet);
    packet p{*c.packet};
    p.number = c.number;
    g.forward(std::move(p));
    g.turn();
}

/// Goes to the next thing that happens by `until`. @return whether there was one
auto simulation::step(instant until) -> bool {
    const instant next = std::min({link_.next_arrival(), left_.deadline(), right_.deadline()});
    if (next > until || next == instant::never() || interrupted != 0) return false;
    // Something that stays due for ever would hold the run up for ever.
    if (next > time_.now()) idle_steps_ = 0;
    else if (++idle_steps_ > 1'000'000) {
        stuck_ = true;
        return false;
    }
    time_.advance_to(next);
    for (const side s : {side::left, side::right}) {
        gateway& g = s == side::left ? left_ : right_;
        while (const auto m = link_.receive(s)) {
            g.receive(*m);
            g.turn();
        }
        g.turn();
    }
    return true;
}

void simulation::run_until(instant t) {
    while (step(t)) {}
    time_.advance_to(t);
}

/// The input is over: what waits or is under way arrives, then both sides say goodbye.
void simulation::drain() {
    const instant patience = time_.now() + seconds(600);
    while ((left_.waiting() > 0 || right_.waiting() > 0 || !link_.idle()) && step(patience)) {}
    left_.close();
    while (!link_.idle() && step(patience)) {}
    right_.close();
    while (!link_.idle() && step(patience)) {}
    log_.line("");
    for (std::size_t i = 1; i <= policies_; ++i) {
        const auto of = [i](const gateway& g) {
            const auto it = g.protected_packets().find(static_cast<std::uint32_t>(i));
            return it == g.protected_packets().end() ? 0 : it->second;
        };
        log_.line("policy {}: apply: {} packets left to right, {} right to left", i, of(left_), of(right_));
    }
    for (const auto& [reason, n] : check_.drops()) log_.line("drop: {}: {} packets", reason, n);
    for (const auto& [reason, n] : aside_) log_.line("not for the gateways: {}: {} frames", reason, n);
}

auto simulation::finish() -> std::optional<std::string> {
    const std::string advice = ": free some room or give another folder with --out";
    if (const auto fault = link_.close()) return *fault + advice;
    if (auto ok = recovered_.close(); !ok) return ok.error().text + advice;
    const secrets::capture about{.file = out_.file("protected.pcap"), .license = what_.in_license, .seen = link_.seen()};
    if (auto ok = keys_.write_json(out_.file("keys.json"), about); !ok) return ok.error();
    if (auto ok = keys_.write_wireshark(out_.file("wireshark")); !ok) return ok.error();
    if (!what_.diagram.empty()) {
        const auto title = fmt::format("IKEv1 between two gateways: {} Mode, {}", what_.aggressive ? "Aggressive" : "Main",
                                       name_of(what_.ike.authentication));
        if (auto ok = picture_.write(what_.diagram.string(), title); !ok)
            return ok.error() + ": give another name with --diagram";
    }
    return {};
}

auto simulation::summary() const -> std::string {
    const auto& seen = link_.seen();
    const char* verdict = holds() ? "EQUAL" : nothing_came_out() ? "NOTHING CAME OUT" : "NOT EQUAL";
    std::string s = fmt::format(
        "{}: {} packets, {} octets in; {} packets, {} octets out{}; on the wire {} ESP, {} AH, {} IKE in {} ISAKMP SAs and {} "
        "IPsec SAs",
        verdict, check_.packets_in(), check_.octets_in(), check_.equal(), check_.octets_out(),
        nothing_came_out() ? "" : ", equal", seen.esp, seen.ah, seen.ike, keys_.ike_sas(), keys_.ipsec_sas());
    const auto list = [&s](const char* title, const std::map<std::string, std::uint64_t>& counts) {
        std::string items;
        for (const auto& [reason, n] : counts) items += fmt::format("{}{} {}", items.empty() ? "" : ", ", reason, n);
        s += fmt::format("; {}: {}", title, items.empty() ? "none" : items);
    };
    list("dropped", check_.drops());
    list("not for the gateways", aside_);
    if (check_.different() > 0) s += fmt::format("; DIFFERENT {}", check_.different());
    if (check_.surplus() > 0) s += fmt::format("; TWICE {}", check_.surplus());
    if (check_.vanished() > 0) s += fmt::format("; VANISHED {}", check_.vanished());
    if (stuck_) s += "; time stood still";
    return s;
}

}  // namespace two_gateways
