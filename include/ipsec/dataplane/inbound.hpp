#pragma once
/// The walk of packets coming in.                                                              RFC 2401 §5.2
///
///     SPI, destination and protocol -> SA -> replay check, for the packets of the burst -> ICV and decryption, all at once ->
///     replay commit, padding, strip -> next header: another transform, or policy: may this packet have come this way? -> sink
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <variant>

#include "ipsec/ah/open.hpp"
#include "ipsec/core/observer.hpp"
#include "ipsec/core/static_vector.hpp"
#include "ipsec/dataplane/audit.hpp"
#include "ipsec/dataplane/crypto_calls.hpp"
#include "ipsec/dataplane/event_queue.hpp"
#include "ipsec/dataplane/outbound.hpp"
#include "ipsec/dataplane/reasons.hpp"
#include "ipsec/dataplane/sink.hpp"
#include "ipsec/esp/open.hpp"
#include "ipsec/ip/tunnel.hpp"
#include "ipsec/policy/spd.hpp"
#include "ipsec/sa/sadb.hpp"

namespace ipsec::dataplane {

/// SAs that are taken off one packet before the walk gives up on it.
inline constexpr std::size_t max_nesting = 8;

/// Says of every address that it is this system's: right for a host, and for a gateway through which no foreign IPsec passes.
struct every_address {
    [[nodiscard]] constexpr auto operator()(const ip::address&) const noexcept -> bool { return true; }
};

/// Takes bursts of packets, removes the protection of those that have it, holds them against policy, and hands them to a sink in
/// the order in which they came.
///
/// Several SAs come off in rounds; the SAs of one bundle have to come in its order. When a bundle is off, the flow that appears
/// is held against the selectors of the SA and against the inbound SPD; if it is IPsec for this system again, the next bundle
/// begins.
///
/// `IsLocal` says which destinations are this system's: IPsec for others is traffic like any other. Holds the workspace of a
/// burst and allocates nothing. One thread at a time.
template <class Sadb, class Spd, io::packet Packet, std::size_t Burst = 32, class Events = event_queue<>,
          class IsLocal = every_address>
class inbound {
public:
    inbound(Sadb& sadb, const Spd& spd, Events& events, options how = {}, IsLocal is_local = {}) noexcept
        : sadb_{&sadb}, spd_{&spd}, events_{&events}, how_{how}, is_local_{std::move(is_local)} {}

    /// Every packet comes out through `sink.emit` once, in order: with `fate::deliver`, `bypass`, or `drop` and the reason.
    /// Longer spans than `Burst` are taken in pieces.
    // req: rfc2401-4.4.1-m2, rfc2401-4.4.1-m5, rfc2401-5-m1
    template <sink<Packet> Sink, class Observer>
    void process(std::span<Packet> packets, instant now, Sink& to, Observer& observer) noexcept {
        while (!packets.empty()) {
            const std::span<Packet> some = packets.first(packets.size() < Burst ? packets.size() : Burst);
            packets = packets.subspan(some.size());
            for (std::size_t i = 0; i < some.size(); ++i) slots_[i].reset();
            for (std::size_t left = some.size(); left > 0;) left = round(some, now, observer);
            for (std::size_t i = 0; i < some.size(); ++i) {
                counters_.count(slots_[i].verdict, std::as_const(some[i]).octets().size());
                to.emit(std::move(some[i]), slots_[i].verdict);
            }
        }
    }
    [[nodiscard]] auto counters() const noexcept -> const dataplane::counters& { return counters_; }

private:
    using entry = typename Sadb::inbound_entry;
    using esp_sa = typename Sadb::esp_inbound;
    using ah_sa = typename Sadb::ah_inbound;
    using esp_suite = typename esp_sa::suite_type;

    struct slot {
        dataplane::verdict verdict;
        bool is_open = true;  ///< not decided yet
        bool tunnelled = false;  ///< the last SA taken off was a tunnel
        entry* sa = nullptr;  ///< whose protection is being taken off
        sa::id id;  ///< as the packet says, with `has_id`
        sa::sequence32 sequence;
        bool has_id = false;
        ip::address source;  ///< of the header in front of the IPsec header
        ip::flow flow;  ///< of the packet as it is now
        sa::bundle_check order;
        static_vector<policy::applied, policy::max_protections> way;  ///< SAs of the bundle so far, outermost first
        std::variant<std::monostate, esp::pending<esp_sa>, ah::pending<ah_sa>> pending;

        void reset() noexcept {
            verdict = {};
            is_open = true;
            tunnelled = has_id = false;
            sa = nullptr;
            flow = {};
            order = {};
            way.clear();
            pending.template emplace<0>();
        }
    };

    /// Takes at most one SA off every packet. @return how many packets are not decided yet
    template <class Observer>
    auto round(std::span<Packet> packets, instant now, Observer& observer) noexcept -> std::size_t {
        jobs_.clear();
        for (std::size_t i = 0; i < packets.size(); ++i)
            if (slots_[i].is_open) look(slots_[i], packets[i], i, now, observer);
        jobs_.run([&](std::size_t i, const crypto::result<void>& outcome) { outcomes_[i] = outcome; });
        std::size_t left = 0;
        for (std::size_t i = 0; i < packets.size(); ++i) {
            slot& s = slots_[i];
            if (!s.is_open) continue;
            finish(s, packets[i], i, now, observer);
            if (s.is_open) ++left;
        }
        return left;
    }

    /// Whether it is IPsec for this system.
    [[nodiscard]] auto is_ours(const ip::flow& f) const noexcept -> bool {
        const bool is_ipsec = f.protocol == ip::next_header::esp || f.protocol == ip::next_header::ah;
        return is_ipsec && !f.is_protocol_hidden && is_local_(f.destination);
    }

    // --- first half: up to the cryptography ------------------------------------------------------------------------------------

    template <class Observer>
    void look(slot& s, Packet& packet, std::size_t i, instant now, Observer& observer) noexcept {
        const auto seen = ip::read_overview(std::as_const(packet).octets());
        if (!seen)
            return discard(s, packet, s.verdict.transforms == 0 ? reason_of(seen.error()) : drop::bad_payload, now, observer);
        s.flow = seen->flow;
        if (!is_ours(s.flow)) return arrive(s, packet, now, observer);
        const bool is_esp = s.flow.protocol == ip::next_header::esp;
        const byte_view header = std::as_const(packet).octets().first(seen->length).subspan(seen->upper_offset);
        s.has_id = header.size() >= (is_esp ? 8U : 12U) && s.flow.fragment != ip::fragment::later;
        if (s.has_id) {
            const byte_view spi = header.subspan(is_esp ? 0 : 4);
            s.id = {.spi = sa::spi{wire::load<std::uint32_t>(spi)},
                    .destination = s.flow.destination,
                    .protocol = is_esp ? sa::protocol::esp : sa::protocol::ah};
            s.sequence = sa::sequence32{wire::load<std::uint32_t>(spi.subspan(4))};
            s.source = s.flow.source;
        }
        // req: rfc2406-3.4.1-1, rfc2402-3.4.1-1
        if (s.flow.is_fragment()) return discard(s, packet, drop::fragment, now, observer);
        if (!s.has_id) return discard(s, packet, drop::malformed, now, observer);
        // req: rfc2406-2.1-1, rfc2402-2.4-1
        if (s.id.spi.value() < 256) return discard(s, packet, drop::reserved_spi, now, observer);
        s.sa = sadb_->find_inbound(s.id);
        if (s.sa == nullptr) return no_sa(s, packet, now, observer);
        if (s.verdict.transforms == max_nesting || s.way.full()) return discard(s, packet, drop::too_deep, now, observer);
        s.verdict.policy = s.sa->parameters().policy;
        if (const drop why = inspect(s, packet, i, now); why != drop::none) {
            events_->collect(*s.sa);
            discard(s, packet, why, now, observer);
        }
    }
    // req: rfc2406-3.4.2-1, rfc2402-3.4.2-1, rfc4303-3.4.2-1
    template <class Observer>
    void no_sa(slot& s, Packet& packet, instant now, Observer& observer) noexcept {
        // Under protection that was genuine, IPsec that is not ours is the sender's traffic; policy decides about it.
        if (s.verdict.transforms > 0) {
            s.has_id = false;
            return arrive(s, packet, now, observer);
        }
        events_->push(sa::unknown_spi{.id = s.id, .source = s.source});
        discard(s, packet, drop::unknown_spi, now, observer);
    }
    auto inspect(slot& s, Packet& packet, std::size_t i, instant now) noexcept -> drop {
        if (auto* const esp = s.sa->esp()) {
            auto p = esp::inspect(*esp, packet, now);
            if (!p) return reason_of(p.error());
            jobs_.add(i, esp->suite(), esp->keys(), esp->scratch(), p->job);
            s.pending.template emplace<1>(std::move(*p));
            return drop::none;
        }
        auto p = ah::inspect(*s.sa->ah(), packet, now);
        if (!p) return reason_of(p.error());
        outcomes_[i] = ah::compute(*s.sa->ah(), p->job);
        s.pending.template emplace<2>(std::move(*p));
        return drop::none;
    }

    // --- second half -----------------------------------------------------------------------------------------------------------

    template <class Observer>
    void finish(slot& s, Packet& packet, std::size_t i, instant now, Observer& observer) noexcept {
        drop why = drop::none;
        if (auto* const e = std::get_if<1>(&s.pending)) {
            if (const auto done = esp::finish(*s.sa->esp(), packet, std::move(*e), outcomes_[i], now); !done)
                why = reason_of(done.error());
        } else if (auto* const a = std::get_if<2>(&s.pending)) {
            if (const auto done = ah::finish(*s.sa->ah(), packet, std::move(*a), outcomes_[i], now); !done)
                why = reason_of(done.error());
        }
        s.pending.template emplace<0>();
        events_->collect(*s.sa);
        if (why != drop::none) return discard(s, packet, why, now, observer);

        const sa::parameters& p = s.sa->parameters();
        ++s.verdict.transforms;
        s.tunnelled = p.mode == sa::mode::tunnel;
        // req: rfc2401-4.4.1-m11
        if (!s.order.step(p)) return discard(s, packet, drop::wrong_bundle, now, observer);
        (void)s.way.push_back({.protocol = p.id.protocol,
                               .mode = p.mode,
                               .policy = p.policy,
                               .outer_source = s.source,
                               .outer_destination = s.id.destination});
        if (s.order.is_whole()) bundle_is_off(s, packet, now, observer);
    }
    /// All SAs of a bundle are off: holds what appeared against the SA and against policy.
    // req: rfc2401-5.2.1-1
    template <class Observer>
    void bundle_is_off(slot& s, Packet& packet, instant now, Observer& observer) noexcept {
        const auto flow = ip::read_flow(std::as_const(packet).octets());
        if (!flow) return discard(s, packet, drop::bad_payload, now, observer);
        s.flow = *flow;
        const ip::match fits = s.sa->parameters().selectors.judge(s.flow);
        if (fits != ip::match::yes)
            return discard(s, packet, fits == ip::match::unavailable ? drop::fragment_ports : drop::wrong_selectors, now,
                           observer);
        const auto hit = spd_->check_inbound(s.flow, std::as_const(packet).metadata(), std::span<const policy::applied>{s.way});
        if (!hit) return discard(s, packet, reason_of(hit.error()), now, observer);
        s.verdict.policy = hit->rule->id;
        s.way.clear();
        if (!is_ours(s.flow)) arrive(s, packet, now, observer);  // the usual end, without another round
    }
    /// No more IPsec for this system in the packet.
    template <class Observer>
    void arrive(slot& s, Packet& packet, instant now, Observer& observer) noexcept {
        if (s.verdict.transforms > 0) {
            if (!s.order.is_whole()) return discard(s, packet, drop::wrong_bundle, now, observer);
            if (how_.forwards && s.tunnelled)
                if (const auto ok = ip::decrement_hop_limit(packet.octets()); !ok)
                    return discard(s, packet, reason_of(ok.error()), now, observer);
            return settle(s, fate::deliver);
        }
        const auto hit = spd_->check_inbound(s.flow, std::as_const(packet).metadata(), {});
        if (hit) {
            s.verdict.policy = hit->rule->id;
            return settle(s, fate::bypass);
        }
        const drop why = reason_of(hit.error());
        discard(s, packet, why == drop::wrong_bundle ? drop::not_protected : why, now, observer);
    }

    static void settle(slot& s, fate f) noexcept {
        s.verdict.fate = f;
        s.is_open = false;
    }
    template <class Observer>
    void discard(slot& s, const Packet& packet, drop why, instant now, Observer& observer) noexcept {
        s.verdict.reason = why;
        settle(s, fate::drop);
        if constexpr (observes<Observer, audit_record>) {
            if (!how_.audit || why == drop::dummy) return;  // a dummy is thrown away in silence    RFC 4303 §2.6
            audit_record r{.event = why,
                           .direction = direction::inbound,
                           .when = now,
                           .spi = {},
                           .source = s.flow.source,
                           .destination = s.flow.destination,
                           .sequence = {},
                           .flow_id = flow_id_of(packet.octets()),
                           .flow = s.flow,
                           .policy = s.verdict.policy,
                           .expected = {}};
            if (s.has_id) {
                r.spi = s.id.spi;
                r.protocol = s.id.protocol;
                r.source = s.source;
                r.destination = s.id.destination;
                r.sequence = s.sequence;
            }
            if (why == drop::wrong_selectors) r.expected = s.sa->parameters().selectors;
            tell(observer, r);
        }
    }

    Sadb* sadb_;
    const Spd* spd_;
    Events* events_;
    options how_;
    [[no_unique_address]] IsLocal is_local_;
    std::array<slot, Burst> slots_{};
    std::array<crypto::result<void>, Burst> outcomes_{};
    job_list<esp_suite, crypto::open_job, Burst> jobs_;
    dataplane::counters counters_;
};

}  // namespace ipsec::dataplane
