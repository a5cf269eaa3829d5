#include "loop.hpp"

#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include <fmt/format.h>

#include "ipsec/ip/udp_encap.hpp"
#include "ipsec/policy/gateway_rules.hpp"
#include "plan.hpp"
#include "privileges.hpp"

namespace gateway {

using namespace ipsec;

auto loop::now() -> instant {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return instant{static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec};
}

auto loop::open(files&& f, policy_ids&& ids) -> std::optional<std::string> {
    ids_ = std::move(ids);
    for (std::size_t i = 0; i < burst_size; ++i) burst_.push_back(packet::of_size(2048));
    sigset_t set;
    ::sigemptyset(&set);
    for (const int s : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, s);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    ::signal(SIGPIPE, SIG_IGN);  // whoever reads what the gateway says may end before it
    signals_.reset(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!options_.log_keys.empty()) {
        keys_ = key_log::open(options_.log_keys);
        if (!keys_) return options_.log_keys + ": cannot be written; give another folder with --log-keys";
        std::fprintf(stderr, "gateway: EVERY SECRET of this run is being written to %s: whoever reads it reads the traffic\n",
                     options_.log_keys.c_str());
    }
    auto tun = io::tun_device::open({.name = options_.device, .mtu = options_.mtu});
    if (!tun) return tun.error().text();
    tun_.emplace(std::move(*tun));
    auto made = routes::open(tun_->index());
    if (!made) return made.error().text();
    routes_.emplace(std::move(*made));
    std::vector<ip::address> outer;
    for (const connection& c : f.settings.connections) outer.push_back(c.path.local.address);
    if (f.xfrm)
        for (const auto& s : f.xfrm->states) outer.push_back(s.source);
    engine_.emplace(wire_, *tun_, report_, keys_ ? &*keys_ : nullptr, options_.phase_1, outer_link_of(outer));
    for (auto [path, server] : {std::pair{&options_.control, &control_}, std::pair{&options_.metrics, &metrics_}}) {
        if (path->empty()) continue;
        auto opened = unix_server::open(*path);
        if (!opened) return *path + ": " + opened.error().text();
        *server = std::move(*opened);
    }
    if (auto bad = load(now(), std::move(f))) return bad;
    if (!without_route_.empty()) return "no route to " + without_route_;  // its packets would leave in the clear
    return drop_privileges(options_.user);
}

/// Sockets for every address that the configuration names, then the configuration, then routes.
auto loop::load(instant at, files&& f) -> std::optional<std::string> {
    std::optional<xfrm::bound> manual;
    const auto mine = own_addresses();
    if (f.xfrm) {
        auto b = xfrm::bind(*f.xfrm, mine,
                            {.allow_static_counter_keys = options_.allow_static_counter_keys, .first_policy = 1U << 30});
        if (!b) return options_.xfrm + ": " + std::string{xfrm::text_of(b.error()).view()};
        manual = std::move(*b);
        const std::vector<ip::range> own(mine.begin(), mine.end());
        for (const auto* list : {&manual->outbound_policies, &manual->inbound_policies})
            for (const policy::entry& e : *list)
                if (const auto bad = policy::gateway_rules<>{own}.validate(e); bad != policy::entry_fault::none)
                    return fmt::format("{}: policy from {} to {}: {}: write mode tunnel", options_.xfrm,
                                       ip::to_text(e.selectors.traffic.source).view(),
                                       ip::to_text(e.selectors.traffic.destination).view(), name_of(bad));
    }
    for (const connection& c : f.settings.connections) {
        const bool by_nat_port = c.path.link.kind == ike::link_kind::udp_encap;
        if (auto ok = wire_.open(c.path.local.address, by_nat_port ? 0 : c.path.local.port, 4500); !ok)
            return fmt::format("connection {}, address {}: {}", c.name, text(c.path.local.address), ok.error().text());
    }
    if (manual)
        for (const bool in_udp : {true, false})  // those that want a port of their own come first
            for (const auto* list : {&manual->inbound, &manual->outbound})
                for (const auto& s : *list) {
                    const sa::parameters& p = s.parameters;
                    const auto& local = list == &manual->inbound ? p.id.destination : p.source;
                    if (static_cast<bool>(p.encapsulation) != in_udp) continue;
                    if (auto ok = wire_.open(local, 0, p.encapsulation.local); !ok)
                        return fmt::format("{}, address {}: {}", options_.xfrm, text(local), ok.error().text());
                }
    if (auto bad = engine_->load(at, std::move(f.settings), std::move(manual))) return bad;
    make_routes();
    return std::nullopt;
}

void loop::make_routes() {
    if (const auto ok = routes_->hold(engine_->given()); !ok)
        report_.line({{"event", "no_address"}, {"why", ok.error().text()}});
    std::vector<routes::wish> all;
    const auto add = [&](const ip::selector& out) { all.push_back({.far = out.destination, .near = out.source}); };
    for (const connection& c : engine_->settings().connections)
        for (const child& k : c.children) add(make_entry(c, k).selectors.traffic);
    if (const auto& manual = engine_->manual())
        for (const auto& e : manual->outbound_policies)
            if (e.action == policy::action::apply) add(e.selectors.traffic);
    for (const auto& [to, why] : routes_->replace(all)) {
        const std::string range{ip::to_text(to).view()};
        report_.line({{"event", "no_route"}, {"to", range}, {"why", why.text()}});
        without_route_ = range + ": " + why.text();
    }
}

// --- the loop itself ------------------------------------------------------------

auto loop::run() -> int {
    report_.line({{"event", "ready"}, {"device", tun_->name()}, {"pid", ::getpid()}});
    instant stats = options_.stats == 0 ? instant::never() : now() + seconds(options_.stats);
    while (!over_) {
        fds_.clear();
        const auto watch = [&](int fd, short what = POLLIN) {
            if (fd >= 0) fds_.push_back({fd, what, 0});
        };
        watch(signals_.get());
        watch(tun_->fd());
        for (const auto& s : wire_.sites())
            for (const int fd : {s->ike.fd(), s->nat.fd(), s->esp.fd(), s->ah.fd()}) watch(fd);
        for (auto* server : {&control_, &metrics_}) {
            if (!*server) continue;
            watch(server->fd());
            // whoever waits for an answer has said what he has to say
            for (const auto& c : server->clients())
                if (c.waits_for.empty()) watch(c.fd.get(), c.out.empty() ? POLLIN : POLLOUT);
        }
        const instant until = std::min(engine_->deadline(), stats);
        const std::int64_t left = until == instant::never() ? 1000 : (until - now()).nanoseconds() / 1'000'000 + 1;
        (void)::poll(fds_.data(), fds_.size(), static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000)));
        const instant at = now();
        if (has_come(tun_->fd(), POLLERR | POLLHUP | POLLNVAL)) {
            report_.line({{"event", "device_gone"}, {"device", tun_->name()}});
            failed_ = over_ = true;
        }
        if (has_come(signals_.get())) serve_signals(at);
        serve_sockets(at);
        for (int i = 0; i < 4 && has_come(tun_->fd()); ++i) {
            const auto n = tun_->read(std::span{burst_});
            if (!n || *n == 0) break;
            engine_->from_tun(at, std::span{burst_}.first(*n));
            if (*n < burst_.size()) break;
        }
        if (has_come(control_.fd()) || !control_.clients().empty()) serve_control(at);
        if (has_come(metrics_.fd()) || !metrics_.clients().empty()) serve_metrics(at);
        engine_->turn(at);
        if (engine_->has_moved()) make_routes();
        if (stats <= at) {
            report_.line(engine_->statistics());
            stats = at + seconds(options_.stats);
        }
    }
    engine_->close(now());
    report_.line(engine_->statistics());
    report_.line({{"event", "stopped"}});
    return failed_ ? 1 : 0;
}

void loop::serve_sockets(instant at) {
    for (const auto& s : wire_.sites()) {
        for (io::raw_ip_socket* raw : {&s->esp, &s->ah})
            if (!has_come(raw->fd())) continue;
            else if (const auto n = raw->receive(std::span{burst_}); n && *n > 0)
                engine_->from_wire(at, std::span{burst_}.first(*n));
        if (has_come(s->nat.fd())) serve_nat_port(at, *s);
        if (!has_come(s->ike.fd())) continue;
        if (const auto n = s->ike.receive(std::span{burst_}, infos_); n)
            for (std::size_t i = 0; i < *n; ++i)
                engine_->from_ike(
                    at, {{infos_[i].local.address, infos_[i].local.port}, {infos_[i].remote.address, infos_[i].remote.port}, {}},
                    std::as_const(burst_[i]).octets());
    }
}

/// Port 4500: ESP gets an IP header again and goes with the other packets, IKE goes as it came.
void loop::serve_nat_port(instant at, site& s) {
    const auto n = s.nat.receive(std::span{burst_}, infos_);
    if (!n) return;
    std::size_t esp = 0;
    for (std::size_t i = 0; i < *n; ++i) {
        const byte_view octets = std::as_const(burst_[i]).octets();
        const auto what = ip::udp_encap::classify(octets);
        const auto& from = infos_[i];
        if (!what || what->kind == ip::udp_encap::kind::keepalive) continue;
        if (what->kind == ip::udp_encap::kind::ike) {
            engine_->from_ike(at,
                              {{from.local.address, from.local.port},
                               {from.remote.address, from.remote.port},
                               {ike::link_kind::udp_encap, 0}},
                              octets);
            continue;
        }
        const ip::udp_encap::outer o{.source = from.remote.address,
                                     .destination = from.local.address,
                                     .traffic_class = from.traffic_class,
                                     .hop_limit = from.hop_limit};
        burst_[i].grow_front(outer_size(o));
        if (!make_outer(burst_[i].octets(), o)) continue;
        if (esp != i) std::swap(burst_[esp], burst_[i]);
        ++esp;
    }
    if (esp > 0) engine_->from_wire(at, std::span{burst_}.first(esp));
}

void loop::serve_signals(instant at) {
    signalfd_siginfo what{};
    while (::read(signals_.get(), &what, sizeof what) == sizeof what) {
        if (what.ssi_signo != SIGHUP) {
            over_ = true;
            continue;
        }
        (void)reload(at);
    }
}

}  // namespace gateway
