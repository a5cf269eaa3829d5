#include "gateway.hpp"

#include <algorithm>

#include "../common/payload_text.hpp"
#include "ipsec/core/overloaded.hpp"
#include "ipsec/crypto/proposal_name.hpp"
#include "ipsec/ike/v1/suite_name.hpp"
#include "ipsec/ip/selector_text.hpp"
#include "ipsec/isakmp/chain.hpp"
#include "ipsec/sa/install.hpp"

namespace two_gateways {

using namespace ipsec;
using dataplane::drop;
using dataplane::fate;

namespace {

auto text(const sa::id& id) -> std::string {
    return fmt::format("{} SPI {:08x}", id.protocol == sa::protocol::esp ? "ESP" : "AH", id.spi.value());
}
auto text(const sa::install& e) -> std::string {
    if (e.id.protocol == sa::protocol::esp) return std::string{crypto::to_text(e.transform).view()};
    const auto* i = crypto::find(e.transform.integrity);
    return std::string{i != nullptr ? i->name : "?"};
}

/// Whether a network may lose a packet for this reason; the other reasons are somebody's fault.
auto is_excused(drop why, bool lossy) -> bool {
    switch (why) {
        case drop::malformed:
        case drop::fragment:
        case drop::unsupported_header:
        case drop::hop_limit:
        case drop::bad_label:
        case drop::congestion_mark:
        case drop::no_policy:
        case drop::discarded:
        case drop::fragment_ports:
        case drop::too_long:
        case drop::dummy: return true;
        case drop::no_sa:
        case drop::unknown_spi:
        case drop::lifetime_expired: return lossy;
        default: return false;
    }
}

}  // namespace

gateway::gateway(side here, const plan& p, surroundings& around)
    : here_{here},
      around_{around},
      method_{p.what.ike.authentication},
      lossy_{p.what.loss > 0},
      volume_{p.what.lifetime.kilobytes * 1024},
      random_{.seeded = p.what.seeded ? std::optional{testing::seeded_rng{p.what.seed * 2 + (here == side::left ? 0U : 1U)}}
                                      : std::nullopt,
              .system = {}},
      provider_{random_},
      spd_{make_spd(p, here)},
      outbound_{sadb_, spd_, events_, {.forwards = p.what.mode == sa::mode::tunnel}},
      inbound_{sadb_,
               spd_,
               events_,
               {.forwards = p.what.mode == sa::mode::tunnel},
               is_ours{p.what.mode == sa::mode::tunnel ? std::optional{address_of(here)} : std::nullopt}} {
    auto made = ike::v1::endpoint<traits>::make(make_config(p, here, provider_), provider_, watcher_);
    if (made) ike_.emplace(std::move(*made));
    else fault_ = made.error();
}

// --- packets ------------------------------------------------------------

void gateway::forward(packet&& p) {
    if (volume_ > 0) {
        // No SA, however new, may carry it: it would wait for the next one for ever.
        if (std::as_const(p).octets().size() + most_overhead > volume_)
            return around_.check.dropped(p.number, "longer than --lifetime lets any SA carry", true);
        spare_.emplace(std::as_const(p).octets());
        spare_->number = p.number;
    }
    to_wire sink{this};
    null_observer nobody;
    outbound_.process(std::span{&p, 1}, around_.time.now(), sink, nobody);
}

void gateway::leaves(packet&& p, const dataplane::verdict& v) {
    if (v.fate == fate::drop) {
        if (v.reason == drop::lifetime_expired && spare_) {
            // This packet was one too many for its SA: it goes with the next one, from the beginning.
            p = std::move(*spare_);
            installed_ = true;
        } else if (v.reason != drop::no_sa) {
            return drop(p, v);
        }
        waiting_octets_ += std::as_const(p).octets().size();
        waiting_.push_back({std::move(p), v.policy});
        return;
    }
    ++protected_[v.policy.value()];
    around_.link.send(here_, std::as_const(p).octets(), p.number);
}

/// IKE is for the gateway's own address; everything else goes through the inbound walk.
void gateway::receive(const wire::link_type::message& m) {
    const byte_view octets{m.octets};
    const auto flow = ip::read_flow(octets);
    if (flow && flow->destination == address_of(here_) && flow->protocol == ip::next_header::udp &&
        flow->destination_port == 500 && !flow->is_fragment()) {
        const ike::path path{{flow->destination, *flow->destination_port}, {flow->source, *flow->source_port}, {}};
        const byte_view datagram = octets.subspan(ip::read_overview(octets)->upper_offset);
        const auto udp = ip::udp::header::parse(datagram);
        if (udp && ip::udp::has_valid_checksum(datagram, flow->source, flow->destination))
            ike_->handle_datagram(around_.time.now(), path, datagram.first(udp->length).subspan(ip::udp::header::size));
        return;
    }
    packet p{octets};
    p.number = m.tag;
    to_hosts sink{this};
    null_observer nobody;
    inbound_.process(std::span{&p, 1}, around_.time.now(), sink, nobody);
}

void gateway::arrives(packet&& p, const dataplane::verdict& v) {
    if (v.fate != fate::deliver) return drop(p, v);
    const byte_view octets = std::as_const(p).octets();
    if (!around_.check.came_out(p.number, octets))
        around_.log.at(around_.time.now(), here_, "frame {} is NOT what went in", p.number);
    if (auto ok = around_.recovered.write(around_.time.stamp(), octets); !ok && !around_.fault) around_.fault = ok.error().text;
}

void gateway::drop(const packet& p, const dataplane::verdict& v) {
    const bool excused = v.fate == fate::drop && is_excused(v.reason, lossy_);
    around_.check.dropped(p.number, v.fate == fate::drop ? name_of(v.reason) : "passed in the clear", excused);
    if (!excused) around_.log.at(around_.time.now(), here_, "frame {} DROPPED: {}", p.number, name_of(v.reason));
}

/// SAs came: what waited goes out, in its order. What still has none waits on.
void gateway::retry() {
    std::deque<waiter> all = std::exchange(waiting_, {});
    waiting_octets_ = 0;
    for (waiter& w : all) forward(std::move(w.what));
}

void gateway::give_up(sa::policy_id policy) {
    std::deque<waiter> all = std::exchange(waiting_, {});
    waiting_octets_ = 0;
    for (waiter& w : all) {
        if (w.policy == policy) {
            drop(w.what, {.fate = fate::drop, .reason = drop::no_sa, .policy = w.policy});
        } else {
            waiting_octets_ += std::as_const(w.what).octets().size();
            waiting_.push_back(std::move(w));
        }
    }
}

// --- the turn of the loop ------------------------------------------------------------

void gateway::turn() {
    const instant now = around_.time.now();
    if (ike_->poll_timeout() <= now) ike_->handle_timeout(now);
    if (expiry_ <= now) {
        sadb_.expire(now, [&](const sa::id& id, sa::policy_id policy, sa::expiry what) {
            if (what == sa::expiry::hard) ike_->handle(now, sa::hard_expired{id, policy});
            else ike_->handle(now, sa::soft_expired{id, policy});
        });
        expiry_ = sadb_.deadline();
    }
    for (bool busy = true; busy;) {
        busy = false;
        while (const auto up = events_.poll()) {
            busy = true;
            std::visit(overloaded{[&](const sa::acquire& e) {
                                      around_.log.at(now, here_, "policy {} wants protection for {}: no SA yet", e.policy.value(),
                                                     ip::to_text(e.flow).view());
                                      if (auto ok = ike_->handle(now, e); !ok) {
                                          around_.log.at(now, here_, "IKE cannot help: {}", name_of(ok.error()));
                                          give_up(e.policy);
                                      }
                                  },
                                  [&](const sa::soft_expired& e) { ike_->handle(now, e); },
                                  [&](const sa::hard_expired& e) {
                                      // An outbound SA that is used up is not used, that is all: what the peer still sends on
                                      // the SA of the other direction is welcome until there are new ones.
                                      if (sadb_.get(sadb_.handle_of_outbound(e.id)) != nullptr)
                                          ike_->handle(now, sa::soft_expired{e.id, e.policy});
                                      else ike_->handle(now, e);
                                  },
                                  [](const auto&) {}},
                       *up);
        }
        while (const auto e = ike_->poll_event()) {
            busy = true;
            const bool ok = perform(*e);
            ike_->answer(*e, ok);
        }
        while (const auto m = ike_->poll_transmit(scratch_)) {
            busy = true;
            if (!around_.link.send(here_, udp_packet(m->path, m->octets, identification_++), 0))
                around_.log.at(now, here_, "   ... lost on the link");
        }
        if (std::exchange(installed_, false) && !waiting_.empty()) {
            busy = true;
            retry();
        }
    }
}

auto gateway::deadline() const -> instant { return std::min(ike_->poll_timeout(), expiry_); }

void gateway::close() {
    ike_->close(around_.time.now());
    turn();
}

// --- what IKE asks for ------------------------------------------------------------

auto gateway::perform(const ike::v1::event& event) -> bool {
    const instant now = around_.time.now();
    auto& log = around_.log;
    return std::visit(
        overloaded{
            [&](const sa::install_inbound& e) { return install<sa::inbound>(e, true); },
            [&](const sa::install_outbound& e) { return install<sa::outbound>(e, false); },
            [&](const sa::update_path& e) { return sa::apply(sadb_, e).has_value(); },
            [&](const sa::remove& e) { return remove(e.id); },
            [&](const ike::v1::ike_established& e) {
                log.at(now, here_, "ISAKMP SA stands ({}), as {}", ike::v1::to_text(e.suite).view(),
                       e.role == ike::v1::role::initiator ? "initiator" : "responder");
                around_.picture.note(now, here_, "the ISAKMP SA stands");
                return true;
            },
            [&](const ike::v1::exchange_failed& e) {
                log.at(now, here_, "exchange given up: {}", name_of(e.why));
                around_.picture.note(now, here_, fmt::format("given up: {}", name_of(e.why)));
                give_up(e.policy);
                return true;
            },
            [&](const ike::v1::ike_closed& e) {
                log.at(now, here_, "ISAKMP SA is over: {}", name_of(e.why));
                around_.picture.note(now, here_, "the ISAKMP SA is over");
                return true;
            },
            [&](const ike::v1::child_established& e) {
                log.at(now, here_, "policy {} is served{}", e.policy.value(), e.rekeyed ? " by new SAs" : "");
                around_.picture.note(now, here_, fmt::format("policy {} is served", e.policy.value()));
                return true;
            }},
        event);
}

template <template <class...> class Direction> auto gateway::install(const sa::install& e, bool inbound) -> bool {
    const instant now = around_.time.now();
    const auto put = [&](auto suite_or_fault) -> bool {
        if (!suite_or_fault) return false;
        using type = std::remove_cvref_t<decltype(*suite_or_fault)>;
        auto made = Direction<type>::make(sa::parameters_of(e), std::move(*suite_or_fault), e.keymat.view(), random_, now);
        return made && sadb_.insert(std::move(*made));
    };
    const bool esp = e.id.protocol == sa::protocol::esp;
    // Inside of AH, ESP may be without integrity of its own.
    const bool ok = esp ? put(crypto::botan::make_esp_suite(e.transform, {.no_integrity = e.bundle.size > 1}))
                        : put(crypto::botan::make_mac(e.transform.integrity));
    around_.log.at(now, here_, "{} {} SA, {} {}, {}{}", inbound ? "inbound" : "outbound", text(e.id), text(e),
                   e.mode == sa::mode::tunnel ? "tunnel" : "transport", ip::to_text(e.selectors).view(),
                   ok ? "" : ": NOT INSTALLED");
    if (!ok) return false;
    around_.keys.installed(e);
    expiry_ = sadb_.deadline();
    if (!inbound) installed_ = true;
    return true;
}

auto gateway::remove(const sa::id& id) -> bool {
    const bool inbound = sadb_.erase(sadb_.handle_of_inbound(id)), gone = inbound || sadb_.erase(sadb_.handle_of_outbound(id));
    if (gone) around_.log.at(around_.time.now(), here_, "{} {} SA removed", inbound ? "inbound" : "outbound", text(id));
    expiry_ = sadb_.deadline();
    return gone;
}

// --- what is shown ------------------------------------------------------------

void gateway::watcher::on(const ike::message_trace& m) noexcept {
    g->around_.picture.on(g->here_, m);
    if (m.direction != ike::direction::out) return;
    g->around_.keys.on(g->here_, m);
    std::string payloads;
    if (const auto chain = isakmp::chain::parse(m.header.next_payload, m.payloads, isakmp::rules_decrypted))
        payloads = payload_text::names(g->method_, m.header, *chain);
    g->around_.log.at(m.when, g->here_, "{} {:<13} HDR{}{:<38} {}{}", g->here_ == side::left ? "-->" : "<--",
                      name_of(m.header.exchange), m.header.flags.encrypted() ? "*" : "", payloads, m.state,
                      m.transmission > 1 ? fmt::format(" (sent {} times)", m.transmission) : "");
}
void gateway::watcher::on(const ike::audit_record& r) noexcept {
    g->around_.log.at(r.when, g->here_, "audit: {} {}", name_of(r.exchange), name_of(r.why));
}

}  // namespace two_gateways
