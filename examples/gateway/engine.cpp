#include "engine.hpp"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>

#include "ipsec/core/overloaded.hpp"
#include "ipsec/crypto/proposal_name.hpp"

namespace gateway {

using namespace ipsec;
using dataplane::drop;
using dataplane::fate;

namespace {
auto any_number(crypto::botan::random& from) -> std::uint32_t {
    std::uint32_t n = 1;
    (void)from.fill(std::as_writable_bytes(std::span{&n, 1}));
    return n;
}
}  // namespace

engine::engine(wire& link, io::tun_device& tun, report& out, key_log* keys, const phase_1_options& all, const outer_link& outer)
    : wire_{link},
      tun_{tun},
      report_{out},
      keys_{keys},
      phase_1_{all},
      outbound_{sadb_, spd_, events_, {.forwards = false, .mtu = outer.mtu}},
      fitting_{outbound_,
               {.answer_from_v4 = outer.v4, .answer_from_v6 = outer.v6, .first_identification = any_number(random_)}},
      inbound_{sadb_, spd_, events_, {.forwards = false}, is_ours{&link}} {}
engine::~engine() = default;

// --- configuration ------------------------------------------------------------

auto engine::load(instant now, config c, std::optional<xfrm::bound> manual) -> std::optional<std::string> {
    for (connection& of : c.connections)
        if (const connection* before = config_.find(of.name); before != nullptr && before->same_but_children(of))
            of.given = before->given;
    policy::spd<> spd = make_spd(c);
    if (manual)
        if (const auto ok = xfrm::append_to(spd, *manual); !ok) return std::string{name_of(ok.error())};
    std::vector<std::unique_ptr<peer>> fresh;
    for (const connection& of : c.connections) {
        if (const connection* before = config_.find(of.name); before != nullptr && before->same_but_children(of)) continue;
        ike::v1::config settings;
        settings.peers.push_back(make_peer(of));
        apply(phase_1_, settings.peers.back());
        // A gateway that waits for a peer which is not there holds up traffic: 11.5 s in all.
        settings.unix_time_at_zero = std::time(nullptr) - now.nanoseconds() / 1'000'000'000;  // for the dates of certificates
        settings.retransmit = {.first = milliseconds(500), .longest = seconds(4), .tries = 5};
        auto p = std::make_unique<peer>();
        p->name = of.name;
        p->look.g = this;
        p->crypto.emplace(random_);
        if (const auto bad = equip(*p->crypto, of.keys)) return fmt::format("connection {}: {}", of.name, *bad);
        auto made = ike::v1::endpoint<traits>::make(std::move(settings), *p->crypto, p->look);
        if (!made) return fmt::format("connection {}: {}", of.name, name_of(made.error()));
        p->ike.emplace(std::move(*made));
        fresh.push_back(std::move(p));
    }
    // From here on nothing fails: what is gone or other says goodbye, what is as before goes on.
    const auto stays = [](const config::owner& before, const config::owner& after) {
        return before && after && before.connection->same_but_children(*after.connection) && before.child->same_sas(*after.child);
    };
    for (const connection& of : config_.connections)
        for (const child& k : of.children) {
            const auto after = c.find(k.policy);
            if (!after || *after.child != k) opens_.erase(k.policy);
            if (stays({&of, &k}, after)) continue;
            up_.erase(k.policy);
            tries_.erase(k.policy);
            again_.erase(k.policy);
            want_address_.erase(k.policy);
        }
    std::vector<sa::policy_id> begin_at_once;
    for (const connection& of : c.connections)
        for (const child& k : of.children)
            if (const auto before = config_.find(k.policy); k.start && !(stays(before, {&of, &k}) && before.child->start))
                begin_at_once.push_back(k.policy);
    for (const auto& p : peers_) {
        const connection& before = *config_.find(p->name);
        const connection* after = c.find(p->name);
        if (after != nullptr && before.same_but_children(*after)) {
            if (before.children != after->children) replace_children(now, *p, before, *after);
            continue;
        }
        p->ike->close(now);
        report_.line({{"event", "connection_closed"}, {"connection", p->name}});
    }
    turn(now);
    std::erase_if(peers_, [&](const std::unique_ptr<peer>& p) {
        const connection* after = c.find(p->name);
        return after == nullptr || !config_.find(p->name)->same_but_children(*after);
    });
    for (auto& p : fresh) peers_.push_back(std::move(p));
    spd_ = std::move(spd);
    config_ = std::move(c);
    held_lost_ += std::erase_if(held_, [&](const held& h) { return !config_.find(h.policy); });
    for (const sa::policy_id policy : begin_at_once) (void)begin(now, config_.find(policy));
    replace_manual(now, std::move(manual));
    expiry_ = sadb_.deadline();
    if (look_at_ == instant::never()) look_at_ = now + seconds(1);
    return std::nullopt;
}
/// SAs with keys given by hand: what is gone or other ends, what is new or other begins. One whose key stays goes on counting,
/// since no number may be used twice under a key.
void engine::replace_manual(instant now, std::optional<xfrm::bound> next) {
    const auto same = [](const xfrm::manual_sa& a, const xfrm::manual_sa& b) {
        return a.parameters == b.parameters && a.transform == b.transform && a.keymat == b.keymat;
    };
    const auto refused = [&](const xfrm::manual_sa& s, sa::errc why) {
        if (why != sa::errc::duplicate)
            report_.line({{"event", "sa_refused"}, {"spi", text(s.parameters.id.spi)}, {"why", std::string{name_of(why)}}});
    };
    const auto make_mac = [](crypto::integrity_id i) { return crypto::botan::make_mac(i); };
    const auto make_suite = [](const crypto::transform& t) { return crypto::botan::make_esp_suite(t, {.no_integrity = true}); };
    for (const bool out : {true, false}) {
        const auto list = [out](auto& of) -> auto& { return out ? of.outbound : of.inbound; };
        if (manual_)
            for (const xfrm::manual_sa& old : list(*manual_)) {
                const auto is_it = [&](const xfrm::manual_sa& s) { return same(old, s); };
                if (next && std::ranges::any_of(list(*next), is_it)) continue;
                const sa::id& id = old.parameters.id;
                if (!out) {
                    (void)sadb_.erase(sadb_.handle_of_inbound(id));
                    continue;
                }
                const auto at = sadb_.handle_of_outbound(id);
                if (auto* const e = sadb_.get(at); e != nullptr && next) {
                    const auto sent = e->esp() != nullptr ? e->esp()->last_sequence() : e->ah()->last_sequence();
                    for (xfrm::manual_sa& s : next->outbound)
                        if (s.keymat == old.keymat) s.sent = std::max(s.sent, sent);
                }
                (void)sadb_.erase(at);
            }
        if (next)
            for (const xfrm::manual_sa& s : list(*next)) {
                if (out) {
                    if (const auto ok = xfrm::install_outbound(sadb_, s, make_suite, make_mac, random_, now); !ok)
                        refused(s, ok.error());
                } else if (const auto ok = xfrm::install_inbound(sadb_, s, make_suite, make_mac, random_, now); !ok) {
                    refused(s, ok.error());
                }
            }
    }
    manual_ = std::move(next);
}
/// First the SAs go of what is gone or other, in what IKE does not know of as well; then what is new is made known.
void engine::replace_children(instant now, peer& p, const connection& before, const connection& after) {
    auto all = make_peer(after).children;
    auto stay = all;
    std::erase_if(stay, [&](const ike::v1::child_config& k) {
        const auto of = [&k](const child& o) { return o.policy == k.policy; };
        const auto was = std::ranges::find_if(before.children, of), is = std::ranges::find_if(after.children, of);
        return was == before.children.end() || !is->same_sas(*was);
    });
    for (auto* list : {&stay, &all})
        if (const auto ok = p.ike->replace_children(now, ike::v1::peer_id{0}, std::move(*list)); !ok)
            report_.line({{"event", "failed"}, {"connection", p.name}, {"why", name_of(ok.error())}});
}
auto engine::find(const std::string& name) const -> config::owner {
    for (const connection& c : config_.connections)
        for (const child& k : c.children)
            if (k.name == name) return {&c, &k};
    return {};
}
auto engine::peer_of(const connection& c) -> peer* {
    for (const auto& p : peers_)
        if (p->name == c.name) return p.get();
    return nullptr;
}

// --- IKE ------------------------------------------------------------

void engine::from_ike(instant now, const ike::path& at, byte_view datagram) {
    for (const auto& p : peers_) {
        const auto& path = p->ike->settings().peers[0].path;
        if (path.remote.address == at.remote.address && path.local.address == at.local.address)
            return p->ike->handle_datagram(now, at, datagram);
    }
    report_.audit(now, {{"event", "audit"}, {"side", "ike"}, {"why", name_of(ike::errc::unknown_peer)}, {"path", text(at)}});
}

// --- the turn of the loop ------------------------------------------------------------

void engine::turn(instant now) {
    for (auto it = again_.begin(); it != again_.end();) {
        if (it->second > now) {
            ++it;
            continue;
        }
        const auto whose = config_.find(it->first);
        it = again_.erase(it);
        if (whose) (void)begin(now, whose);
    }
    if (look_at_ <= now) look_at_activity(now);
    if (expiry_ <= now) {
        sadb_.expire(now, [&](const sa::id& id, sa::policy_id policy, sa::expiry what) {
            if (what == sa::expiry::hard) rise(now, sa::hard_expired{id, policy});
            else rise(now, sa::soft_expired{id, policy});
        });
        expiry_ = sadb_.deadline();
    }
    for (const auto& p : peers_)
        if (p->ike->poll_timeout() <= now) p->ike->handle_timeout(now);
    for (bool busy = true; busy;) {
        busy = false;
        while (const auto up = events_.poll()) {
            busy = true;
            rise(now, *up);
        }
        for (const auto& p : peers_) {
            while (const auto e = p->ike->poll_event()) {
                busy = true;
                bool ok = true;
                perform(now, *p, *e, ok);
                p->ike->answer(*e, ok);
            }
            while (const auto d = p->ike->poll_dialogue()) {
                busy = true;
                converse(now, *p, *d);
            }
            while (const auto m = p->ike->poll_transmit(scratch_)) wire_.send(m->path, m->octets);
        }
        if (std::exchange(may_send_held_, false) && !held_.empty()) {
            busy = true;
            send_held(now);
        }
    }
}
auto engine::deadline() -> instant {
    instant t = std::min(expiry_, look_at_);
    for (const auto& p : peers_) t = std::min(t, p->ike->poll_timeout());
    for (const auto& [policy, when] : again_) t = std::min(t, when);
    return t;
}

/// What the packets want of IKE.
void engine::rise(instant now, const sa::up_event& event) {
    const auto to_peer = [&](sa::policy_id policy) -> peer* {
        const auto whose = config_.find(policy);
        return whose ? peer_of(*whose.connection) : nullptr;
    };
    std::visit(overloaded{[&](const sa::acquire& e) {
                              const auto whose = config_.find(e.policy);
                              if (!whose || !opens(*whose.child)) return;
                              if (!peer_of(*whose.connection)->ike->handle(now, e)) drop_held(e.policy);
                          },
                          [&](const sa::soft_expired& e) {
                              if (auto* p = to_peer(e.policy)) p->ike->handle(now, e);
                          },
                          [&](const sa::hard_expired& e) {
                              auto* p = to_peer(e.policy);
                              if (p == nullptr) return;
                              // An outbound SA that is used up is not used, that is all, until its successor is there.
                              if (sadb_.get(sadb_.handle_of_outbound(e.id)) != nullptr)
                                  p->ike->handle(now, sa::soft_expired{e.id, e.policy});
                              else p->ike->handle(now, e);
                          },
                          [](const auto&) {}},
               event);
}

/// Genuine packets that came in since the last look are proof of life.
void engine::look_at_activity(instant now) {
    look_at_ = now + seconds(1);
    std::map<std::uint32_t, std::uint64_t> seen;
    sadb_.for_each_inbound([&](auto, auto& e) {
        const sa::id& id = e.parameters().id;
        const auto n = e.lifetime().packets();
        const auto before = seen_.find(id.spi.value());
        seen[id.spi.value()] = n;
        if (n == 0 || (before != seen_.end() && before->second == n)) return;
        if (const auto whose = config_.find(e.parameters().policy))
            peer_of(*whose.connection)->ike->handle(now, sa::activity{id});
    });
    seen_ = std::move(seen);
}

// --- what IKE asks for ------------------------------------------------------------

template <class Install> auto engine::install(instant now, const Install& asked) -> bool {
    constexpr bool inbound = std::same_as<Install, sa::install_inbound>;
    const auto whose = config_.find(asked.policy);
    if (!whose) return false;
    if (keys_ != nullptr) keys_->on(asked);
    Install e{};
    static_cast<sa::install&>(e) = sa::install{.id = asked.id,
                                               .mode = asked.mode,
                                               .source = asked.source,
                                               .policy = asked.policy,
                                               .transform = asked.transform,
                                               .keymat = asked.keymat.clone(),
                                               .selectors = asked.selectors,
                                               .lifetimes = asked.lifetimes,
                                               .extended_sequence = asked.extended_sequence,
                                               .anti_replay = asked.anti_replay,
                                               .encapsulation = asked.encapsulation,
                                               .bundle = asked.bundle};
    amend(*whose.child, e);
    const auto make_suite = [&](const crypto::transform& t) {
        return crypto::botan::make_esp_suite(t, {.no_integrity = e.bundle.size > 1});
    };
    const auto make_mac = [](crypto::integrity_id i) { return crypto::botan::make_mac(i); };
    const auto made = sa::apply(sadb_, e, make_suite, make_mac, random_, now, choices_of(*whose.child));
    json j{{"event", made ? "sa_up" : "sa_refused"},
           {"connection", whose.connection->name},
           {"child", whose.child->name},
           {"direction", inbound ? "in" : "out"},
           {"protocol", e.id.protocol == sa::protocol::esp ? "esp" : "ah"},
           {"spi", text(e.id.spi)},
           {"suite", text(e)},
           {"mode", e.mode == sa::mode::tunnel ? "tunnel" : "transport"}};
    if (e.encapsulation) j["udp"] = e.encapsulation.remote;
    if (!made) j["why"] = std::string{name_of(made.error())};
    report_.line(std::move(j));
    expiry_ = sadb_.deadline();
    if (made && !inbound) may_send_held_ = true;
    return made.has_value();
}

void engine::perform(instant now, peer& p, const ike::v1::event& event, bool& ok) {
    const auto child_name = [&](sa::policy_id policy) {
        const auto whose = config_.find(policy);
        return whose ? whose.child->name : std::string{};
    };
    std::visit(overloaded{[&](const sa::install_inbound& e) { ok = install(now, e); },
                          [&](const sa::install_outbound& e) { ok = install(now, e); },
                          [&](const sa::update_path& e) { ok = sa::apply(sadb_, e).has_value(); },
                          [&](const sa::remove& e) {
                              auto* in = sadb_.find_inbound(e.id);
                              auto* out = sadb_.get(sadb_.handle_of_outbound(e.id));
                              const auto policy = in != nullptr    ? in->parameters().policy
                                                  : out != nullptr ? out->parameters().policy
                                                                   : sa::policy_id{};
                              ok = sa::apply(sadb_, e).has_value();
                              report_.line({{"event", "sa_down"},
                                            {"connection", p.name},
                                            {"protocol", e.id.protocol == sa::protocol::esp ? "esp" : "ah"},
                                            {"spi", text(e.id.spi)}});
                              expiry_ = sadb_.deadline();
                              lost(now, p, policy);
                          },
                          [&](const ike::v1::ike_established& e) {
                              p.standing.insert_or_assign(e.cookies, e);
                              report_.line({{"event", "ike_up"},
                                            {"connection", p.name},
                                            {"role", e.role == ike::v1::role::initiator ? "initiator" : "responder"},
                                            {"path", text(e.path)},
                                            {"seconds", e.lifetime.seconds}});
                          },
                          [&](const ike::v1::ike_closed& e) {
                              // Phase 1 went well, and what comes between the phases did not.
                              if (p.standing.erase(e.cookies) == 0) return failed(now, p, {e.peer, e.cookies, {}, {}, e.why});
                              report_.line({{"event", "ike_down"}, {"connection", p.name}, {"why", name_of(e.why)}});
                              if (e.why != ike::errc::peer_dead) return;
                              for (const child& k : config_.find(p.name)->children)
                                  if (!stands(p, k.policy) && up_.erase(k.policy) > 0) ended(now, k.policy, k.dpd_action);
                          },
                          [&](const ike::v1::exchange_failed& e) { failed(now, p, e); },
                          [&](const ike::v1::child_established& e) {
                              report_.line({{"event", "child_up"},
                                            {"connection", p.name},
                                            {"child", child_name(e.policy)},
                                            {"rekeyed", e.rekeyed}});
                              settle(e.policy, true, "");
                              again_.erase(e.policy);
                              tries_.erase(e.policy);
                              opens_.erase(e.policy);
                              up_.insert(e.policy);
                          }},
               event);
}
/// An exchange was given up. Where nobody answered it is begun again, as often as the configuration says.
void engine::failed(instant now, peer& p, const ike::v1::exchange_failed& e) {
    if (e.policy == sa::policy_id{})
        for (const child& k : config_.find(p.name)->children)  // these went no further than this
            if (want_address_.erase(k.policy) > 0) failed(now, p, {e.peer, e.cookies, {}, k.policy, e.why});
    const auto whose = config_.find(e.policy);
    json j{{"event", "failed"}, {"connection", p.name}, {"child", whose ? whose.child->name : ""}, {"why", name_of(e.why)}};
    const connection* const c = config_.find(p.name);
    // One that stands is rekeyed again by the library.
    if (whose && e.why == ike::errc::timed_out && !stands(p, e.policy)) {
        const auto n = ++tries_[e.policy];
        j["tries"] = n;
        if (c->keyingtries == 0 || n < c->keyingtries) {
            again_.insert_or_assign(e.policy, now);
            return report_.line(std::move(j));
        }
    }
    report_.line(std::move(j));
    tries_.erase(e.policy);
    settle(e.policy, false, name_of(e.why));
    drop_held(e.policy);
    // Closed on our side: nothing that waited for this Main Mode comes of it.
    if (c != nullptr && e.why == ike::errc::closed)
        for (const child& k : c->children) settle(k.policy, false, name_of(e.why));
}
void engine::settle(sa::policy_id policy, bool good, std::string_view why) {
    if (const auto whose = config_.find(policy); awaited_.erase(policy) > 0 && whose)
        outcomes_[whose.child->name] = {good, std::string{why}};
}

/// An SA is gone: if it was the child's last one, and not by our own doing, its peer closed it.
void engine::lost(instant now, const peer& p, sa::policy_id policy) {
    const auto whose = config_.find(policy);
    if (whose && !stands(p, policy) && up_.erase(policy) > 0) ended(now, policy, whose.child->close_action);
}
/// A child lost its SAs by somebody else's doing: the configuration says what comes next. Where a peer is dead, the library has
/// begun again already when that is `start`.
void engine::ended(instant now, sa::policy_id policy, action what) {
    opens_[policy] = what != action::none || config_.find(policy).child->trap;
    if (what == action::start) again_.insert({policy, now + seconds(1)});
}
/// Whether packets of the child start IKE.
auto engine::opens(const child& c) const -> bool {
    const auto it = opens_.find(c.policy);
    return it != opens_.end() ? it->second : c.trap || c.start;
}
auto engine::stands(const peer& p, sa::policy_id policy) -> bool {
    return std::ranges::any_of(p.ike->children(), [&](const ike::v1::child_pair& c) { return c.policy == policy; });
}

void engine::watcher::on(const ike::audit_record& r) noexcept { g->report_.audit(r.when, describe(r)); }
void engine::watcher::on(const ike::v1::misfit_record& r) noexcept { g->report_.audit(r.when, describe(r)); }
void engine::watcher::on(const ike::path_record& r) noexcept {
    g->report_.line({{"event", "path"}, {"before", text(r.before)}, {"after", text(r.after)}});
}
void engine::watcher::on(const ike::v1::phase_1_secrets& s) noexcept {
    if (g->keys_ != nullptr) g->keys_->on(s);
}

// --- commands ------------------------------------------------------------

auto engine::initiate(instant now, const std::string& name) -> std::string {
    const auto whose = find(name);
    if (!whose) return fmt::format("no child is called '{}'", name);
    awaited_.insert(whose.child->policy);
    outcomes_.erase(name);
    opens_.erase(whose.child->policy);
    if (auto ok = begin(now, whose); !ok) {
        awaited_.erase(whose.child->policy);
        return std::string{name_of(ok.error())};
    }
    return {};
}
auto engine::outcome_of(const std::string& name) -> std::optional<std::pair<bool, std::string>> {
    const auto it = outcomes_.find(name);
    if (it == outcomes_.end()) return std::nullopt;
    auto out = it->second;
    outcomes_.erase(it);
    return out;
}
template <class F> void engine::for_each_pair(F&& f) {
    for (const auto& p : peers_) {
        const auto pairs = p->ike->children();  // a copy: `f` ends some
        for (const auto& pair : pairs) f(*p, pair);
    }
}
auto engine::terminate(instant now, const std::string& name) -> std::string {
    const auto whose = find(name);
    if (!whose) return fmt::format("no child is called '{}'", name);
    bool any = false;
    up_.erase(whose.child->policy);
    again_.erase(whose.child->policy);
    for_each_pair([&](peer& p, const ike::v1::child_pair& pair) {
        if (pair.policy != whose.child->policy) return;
        any = true;
        p.ike->handle(now, sa::hard_expired{pair.inbound[0], pair.policy});
    });
    return any ? "" : fmt::format("child '{}' has no SAs", name);
}
auto engine::terminate_ike(instant now, const std::string& name) -> std::string {
    const connection* c = config_.find(name);
    if (c == nullptr) return fmt::format("no connection is called '{}'", name);
    for (const child& k : c->children) {
        up_.erase(k.policy);
        again_.erase(k.policy);
    }
    peer_of(*c)->ike->close(now);
    return {};
}
void engine::flush_sas(instant now) {
    up_.clear();
    for_each_pair(
        [&](peer& p, const ike::v1::child_pair& pair) { p.ike->handle(now, sa::hard_expired{pair.inbound[0], pair.policy}); });
}
void engine::close(instant now) {
    for (const auto& p : peers_) p->ike->close(now);
    turn(now);
}

// --- looking in ------------------------------------------------------------

auto engine::list() const -> std::vector<json> {
    std::vector<json> out;
    for (const auto& p : peers_) {
        for (const auto& [cookies, e] : p->standing)
            out.push_back(
                {{"sa", "ike"},
                 {"connection", p->name},
                 {"state", "established"},
                 {"cookies", wireshark::hex(cookies.octets())},
                 {"role", e.role == ike::v1::role::initiator ? "initiator" : "responder"},
                 {"suite",
                  std::string{crypto::to_text(crypto::ike_v1_proposal{e.suite.encryption, e.suite.key_bits, e.suite.hash,
                                                                      e.suite.group})
                                  .view()}},
                 {"path", text(e.path)}});
        for (const auto& pair : p->ike->children()) {
            const auto whose = config_.find(pair.policy);
            json j{{"sa", "child"}, {"connection", p->name}, {"child", whose ? whose.child->name : ""}};
            for (const sa::id& id : pair.inbound) j["spi_in"].push_back(text(id.spi));
            for (const sa::id& id : pair.outbound) j["spi_out"].push_back(text(id.spi));
            if (pair.encapsulation) j["udp"] = pair.encapsulation.remote;
            out.push_back(std::move(j));
        }
    }
    return out;
}
auto engine::statistics() const -> json {
    const auto &o = outbound_.counters(), &i = inbound_.counters();
    json drops = json::object();
    for (const auto* c : {&o, &i})
        for (std::size_t k = 0; k < dataplane::drop_reasons; ++k)
            if (const auto why = static_cast<drop>(k); c->drops(why) > 0)
                drops[c == &o ? "out" : "in"][std::string{name_of(why)}] = c->drops(why);
    std::size_t ike = 0, children = 0;
    for (const auto& p : peers_) {
        ike += p->standing.size();
        children += p->ike->children().size();
    }
    return {{"event", "stats"},
            {"protected", o.packets(fate::protect)},
            {"protected_octets", o.octets(fate::protect)},
            {"delivered", i.packets(fate::deliver)},
            {"delivered_octets", i.octets(fate::deliver)},
            {"drops", drops},
            {"held", held_.size()},
            {"held_lost", held_lost_},
            {"cut", fitting_.counters().cut_first + fitting_.counters().cut_after},
            {"too_big", fitting_.counters().answered + fitting_.counters().unanswered},
            {"send_refused", wire_.refused},
            {"tun_refused", tun_refused_},
            {"audits", report_.audits()},
            {"ike_sas", ike},
            {"children", children},
            {"sas", sadb_.inbound_size() + sadb_.outbound_size()}};
}
auto engine::metrics() const -> std::string {
    std::string out;
    const auto type = [&](std::string_view name, std::string_view kind, std::string_view help) {
        out += fmt::format("# HELP ipsec_{0} {2}\n# TYPE ipsec_{0} {1}\n", name, kind, help);
    };
    const auto &o = outbound_.counters(), &i = inbound_.counters();
    type("packets_total", "counter", "Packets that were protected (out) or delivered (in).");
    out += fmt::format("ipsec_packets_total{{direction=\"out\"}} {}\n", o.packets(fate::protect));
    out += fmt::format("ipsec_packets_total{{direction=\"in\"}} {}\n", i.packets(fate::deliver));
    type("octets_total", "counter", "Their octets, outer headers included (out) or taken off (in).");
    out += fmt::format("ipsec_octets_total{{direction=\"out\"}} {}\n", o.octets(fate::protect));
    out += fmt::format("ipsec_octets_total{{direction=\"in\"}} {}\n", i.octets(fate::deliver));
    type("drops_total", "counter", "Packets that were dropped, by reason.");
    for (const auto* c : {&o, &i})
        for (std::size_t k = 1; k < dataplane::drop_reasons; ++k)
            if (const auto why = static_cast<drop>(k); c->drops(why) > 0)
                out += fmt::format("ipsec_drops_total{{direction=\"{}\",reason=\"{}\"}} {}\n", c == &o ? "out" : "in",
                                   name_of(why), c->drops(why));
    type("audits_total", "counter", "Audit records, said or only counted.");
    out += fmt::format("ipsec_audits_total {}\n", report_.audits());
    const json s = statistics();
    for (const auto& [name, help] : {std::pair{"ike_sas", "ISAKMP SAs that stand."},
                                     {"children", "Pairs of SAs that stand."},
                                     {"sas", "SAs in the database."},
                                     {"held", "Packets that wait for an SA."}}) {
        type(name, "gauge", help);
        out += fmt::format("ipsec_{} {}\n", name, s.at(name).get<std::uint64_t>());
    }
    return out;
}

}  // namespace gateway

template class ipsec::ike::v1::ike_sa<gateway::engine::traits>;
template class ipsec::ike::v1::endpoint<gateway::engine::traits>;
