#include "loop.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "ipsec/ip/udp_encap.hpp"
#include "ipsec/xfrm/parse.hpp"
#include "plan.hpp"
#include "privileges.hpp"

namespace gateway {

using namespace ipsec;

auto read_files(const options& o, policy_ids& ids) -> std::expected<files, std::string> {
    files f;
    if (!o.config.empty()) {
        auto settings = read_config(o.config, ids, !o.xfrm.empty());
        if (!settings) return std::unexpected{settings.error().text()};
        f.settings = std::move(*settings);
    }
    if (!o.xfrm.empty()) {
        std::ifstream in{o.xfrm, std::ios::binary};
        std::ostringstream all;
        all << in.rdbuf();
        if (!in) return std::unexpected{o.xfrm + ": cannot be read"};
        f.xfrm_text = all.str();
        auto parsed = xfrm::parse(f.xfrm_text);
        if (!parsed) return std::unexpected{o.xfrm + ": " + std::string{xfrm::text_of(parsed.error()).view()}};
        f.xfrm = std::move(*parsed);
    }
    return f;
}

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
    engine_.emplace(wire_, *tun_, report_, keys_ ? &*keys_ : nullptr);
    for (auto [path, server] : {std::pair{&options_.control, &control_}, std::pair{&options_.metrics, &metrics_}}) {
        if (path->empty()) continue;
        auto opened = unix_server::open(*path);
        if (!opened) return *path + ": " + opened.error().text();
        *server = std::move(*opened);
    }
    if (auto bad = load(now(), std::move(f))) return bad;
    return drop_privileges();
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
    }
    for (const connection& c : f.settings.connections) {
        const bool by_nat_port = c.path.link.kind == ike::link_kind::udp_encap;
        if (auto ok = wire_.open(c.path.local.address, by_nat_port ? 500 : c.path.local.port, 4500); !ok)
            return fmt::format("connection {}, address {}: {}", c.name, text(c.path.local.address), ok.error().text());
    }
    if (manual)
        for (const bool in_udp : {true, false})  // those that want a port of their own come first
            for (const auto* list : {&manual->inbound, &manual->outbound})
                for (const auto& s : *list) {
                    const sa::parameters& p = s.parameters;
                    const auto& local = list == &manual->inbound ? p.id.destination : p.source;
                    if (static_cast<bool>(p.encapsulation) != in_udp) continue;
                    if (auto ok = wire_.open(local, 500, p.encapsulation.local); !ok)
                        return fmt::format("{}, address {}: {}", options_.xfrm, text(local), ok.error().text());
                }
    if (auto bad = engine_->load(at, std::move(f.settings), manual ? &*manual : nullptr)) return bad;
    manual_ = std::move(manual);
    manual_text_ = std::move(f.xfrm_text);
    make_routes();
    return std::nullopt;
}

void loop::make_routes() {
    std::vector<routes::wish> all;
    const auto add = [&](const ip::selector& out) { all.push_back({.far = out.destination, .near = out.source}); };
    for (const connection& c : engine_->settings().connections)
        for (const child& k : c.children) add(make_entry(c, k).selectors.traffic);
    if (manual_)
        for (const auto& e : manual_->outbound_policies)
            if (e.action == policy::action::apply) add(e.selectors.traffic);
    for (const auto& [to, why] : routes_->replace(all))
        report_.line({{"event", "no_route"}, {"to", std::string{ip::to_text(to).view()}}, {"why", why.text()}});
}

// --- the loop itself ------------------------------------------------------------

auto loop::run() -> int {
    report_.line({{"event", "ready"}, {"device", tun_->name()}, {"pid", ::getpid()}});
    instant stats = options_.stats == 0 ? instant::never() : now() + seconds(options_.stats);
    while (!over_) {
        fds_.clear();
        const auto watch = [&](int fd) {
            if (fd >= 0) fds_.push_back({fd, POLLIN, 0});
        };
        watch(signals_.get());
        watch(tun_->fd());
        for (const auto& s : wire_.sites())
            for (const int fd : {s->ike.fd(), s->nat.fd(), s->esp.fd(), s->ah.fd()}) watch(fd);
        for (auto* server : {&control_, &metrics_}) {
            if (!*server) continue;
            watch(server->fd());
            for (const auto& c : server->clients()) watch(c.fd.get());
        }
        const instant until = std::min(engine_->deadline(), stats);
        const std::int64_t left = until == instant::never() ? 1000 : (until - now()).nanoseconds() / 1'000'000 + 1;
        (void)::poll(fds_.data(), fds_.size(), static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000)));
        const instant at = now();
        if (has_come(signals_.get())) serve_signals(at);
        serve_sockets(at);
        for (int i = 0; i < 4 && has_come(tun_->fd()); ++i) {
            const auto n = tun_->read(std::span{burst_});
            if (!n || *n == 0) break;
            engine_->from_tun(at, std::span{burst_}.first(*n));
            if (*n < burst_.size()) break;
        }
        if (has_come(control_.fd()) || !control_.clients().empty()) serve_control(at);
        if (has_come(metrics_.fd()) || !metrics_.clients().empty()) serve_metrics();
        engine_->turn(at);
        if (stats <= at) {
            report_.line(engine_->statistics());
            stats = at + seconds(options_.stats);
        }
    }
    engine_->close(now());
    report_.line(engine_->statistics());
    report_.line({{"event", "stopped"}});
    return 0;
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
        auto f = read_files(options_, ids_);
        const auto bad = f ? load(at, std::move(*f)) : std::optional{f.error()};
        report_.line(bad ? json{{"event", "reload_refused"}, {"why", *bad}} : json{{"event", "reloaded"}});
    }
}

// --- commands ------------------------------------------------------------

void loop::serve_control(instant at) {
    control_.accept();
    const auto reply = [](const std::string& bad) {
        return (bad.empty() ? json{{"ok", true}} : json{{"ok", false}, {"error", bad}}).dump() + "\n";
    };
    for (auto& c : control_.clients()) {
        if (!c.waits_for.empty()) {
            if (const auto fate = engine_->outcome_of(c.waits_for))
                unix_server::answer(c, reply(fate->first ? "" : fate->second));
            else if (at.nanoseconds() > c.until) unix_server::answer(c, reply("no outcome within 60 s"));
        } else if (unix_server::read(c)) {
            if (const auto text = obey(at, c)) unix_server::answer(c, *text == "" ? reply("") : *text);
        }
    }
    control_.forget_answered();
}

/// @return the answer; nothing when it comes later
auto loop::obey(instant at, unix_server::client& c) -> std::optional<std::string> {
    std::istringstream words{c.line};
    std::string verb, what, more;
    words >> verb >> what >> more;
    const auto fault = [](const std::string& text) { return json{{"ok", false}, {"error", text}}.dump() + "\n"; };
    if (verb == "list") {
        std::string all;
        for (const json& j : engine_->list()) all += j.dump() + "\n";
        return all + engine_->statistics().dump() + "\n" + json{{"ok", true}}.dump() + "\n";
    }
    if (verb == "initiate" && !what.empty()) {
        if (const auto bad = engine_->initiate(at, what); !bad.empty()) return fault(bad);
        c.waits_for = what;
        c.until = (at + seconds(60)).nanoseconds();
        return std::nullopt;
    }
    if (verb == "terminate" && !what.empty()) {
        const auto bad = what == "ike" && !more.empty() ? engine_->terminate_ike(at, more) : engine_->terminate(at, what);
        return bad.empty() ? "" : fault(bad);
    }
    if (verb == "flush" && (what == "ike" || what == "sa")) {
        if (what == "sa") engine_->flush_sas(at);
        else
            for (const connection& of : engine_->settings().connections) (void)engine_->terminate_ike(at, of.name);
        return "";
    }
    if (verb == "reload") {
        auto f = read_files(options_, ids_);
        const auto bad = f ? load(at, std::move(*f)) : std::optional{f.error()};
        report_.line(bad ? json{{"event", "reload_refused"}, {"why", *bad}} : json{{"event", "reloaded"}});
        return bad ? fault(*bad) : "";
    }
    return fault("commands are: list, initiate CHILD, terminate CHILD, terminate ike CONNECTION, flush ike|sa, reload");
}

void loop::serve_metrics() {
    metrics_.accept();
    // Who speaks HTTP gets an answer in HTTP; who says nothing gets the text as soon as it hangs up its side.
    for (auto& c : metrics_.clients()) {
        if (!unix_server::read(c)) continue;
        const std::string body = engine_->metrics();
        const bool http = c.line.starts_with("GET ");
        unix_server::answer(c, http ? fmt::format("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
                                                  "Content-Length: {}\r\nConnection: close\r\n\r\n{}",
                                                  body.size(), body)
                                    : body);
    }
    metrics_.forget_answered();
}

}  // namespace gateway
