#pragma once
/// The walk of packets going out.                                                              RFC 2401 §5.1
///
///     flow, read once -> SPD: discard, bypass or apply -> bundle of SAs -> per SA, innermost first: headers and trailer for the
///     packets of the burst, cryptography for all of them at once -> sink
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include "ipsec/ah/seal.hpp"
#include "ipsec/core/observer.hpp"
#include "ipsec/dataplane/audit.hpp"
#include "ipsec/dataplane/by_inference.hpp"
#include "ipsec/dataplane/crypto_calls.hpp"
#include "ipsec/dataplane/event_queue.hpp"
#include "ipsec/dataplane/flow_memo.hpp"
#include "ipsec/dataplane/icv_list.hpp"
#include "ipsec/dataplane/labels.hpp"
#include "ipsec/dataplane/options.hpp"
#include "ipsec/dataplane/reasons.hpp"
#include "ipsec/dataplane/sink.hpp"
#include "ipsec/dataplane/size_check.hpp"
#include "ipsec/esp/seal.hpp"
#include "ipsec/ip/tunnel.hpp"
#include "ipsec/policy/inbound_check.hpp"
#include "ipsec/sa/bundle.hpp"

namespace ipsec::dataplane {

/// Takes bursts of packets, protects them as policy says, and hands them to a sink in the order in which they came.
///
/// Holds the workspace of a burst and allocates nothing. `Sadb` is an `sa::sadb`, `Spd` a `policy::spd`, whose headers the user
/// includes; both stay the user's and must outlive the walk. One thread at a time; distinct walks over distinct databases may
/// run in distinct threads.
template <class Sadb, class Spd, io::packet Packet, std::size_t Burst = 32, class Events = event_queue<>>
    requires(Burst > 0 && Burst < 65536)
class outbound {
public:
    outbound(Sadb& sadb, const Spd& spd, Events& events, options how = {}) noexcept
        : sadb_{&sadb},
          spd_{&spd},
          events_{&events},
          how_{how},
          identification_{how.first_identification},
          unjudged_{how.mtu == 0 ? 0xffffffffU : small_packet} {}

    /// Every packet comes out through `sink.emit` once, in order: with `fate::protect`, `bypass`, or `drop` and the reason. A
    /// packet dropped with `drop::no_sa` or `too_big` is as it was, so that the sink may keep it until the SA is there, or cut it
    /// or answer it (`dataplane/fitting.hpp`). Longer spans than `Burst` are taken in pieces.
    ///
    /// @param classify  gives a packet's class for `sa::parameters::traffic_class`
    /// @param pad       gives octets of padding behind an inner packet, from the SA's parameters, the octets of the packet and
    ///                  those that it may have: `random_padding`, or nothing
    /// @param to        may change the databases in `emit`; an observer must not
    // req: rfc2401-4.4.1-m2, rfc2401-4.4.1-m7, rfc2401-5-m1, rfc2401-5.1.1-1
    template <sink<Packet> Sink, class Observer, class Classify, class Pad = no_padding>
    void process(std::span<Packet> packets, instant now, Sink& to, Observer& observer, Classify&& classify,
                 Pad&& pad = {}) noexcept {
        while (!packets.empty()) {
            const std::span<Packet> some = packets.first(packets.size() < Burst ? packets.size() : Burst);
            packets = packets.subspan(some.size());
            find_all(some, now, observer, classify);
            for (std::size_t level = 0; level < deepest_; ++level) protect_all(some, level, now, observer, pad);
            for (std::size_t i = 0; i < some.size(); ++i) {
                counters_.count(slots_[i].verdict, std::as_const(some[i]).octets().size());
                to.emit(std::move(some[i]), slots_[i].verdict);
            }
        }
    }
    template <sink<Packet> Sink, class Observer>
    void process(std::span<Packet> packets, instant now, Sink& to, Observer& observer) noexcept {
        process(packets, now, to, observer, [](const Packet&) { return std::uint32_t{0}; });
    }
    [[nodiscard]] auto counters() const noexcept -> const dataplane::counters& { return counters_; }

private:
    using entry = typename Sadb::outbound_entry;
    using esp_suite = typename Sadb::esp_outbound::suite_type;
    using ah_sa = typename Sadb::ah_outbound;
    struct slot {
        dataplane::verdict verdict;
        ip::overview seen;
        std::uint32_t traffic_class = 0;
        std::uint32_t level = 0;  ///< by its label
        bool by_payload = false;  ///< policy decided by what the packet quotes
        std::uint8_t size = 0;  ///< SAs of the bundle; 0: nothing to do, or done for
        std::array<entry*, Sadb::bundle::max_size> sas;  // the first `size` of them
        ah::icv_job icv;  ///< of the SA that is being put on, if it is AH
    };

    // --- which SAs -------------------------------------------------------------------------------------------------------------

    template <class Observer, class Classify>
    void find_all(std::span<Packet> packets, instant now, Observer& observer, Classify& classify) noexcept {
        deepest_ = 0;
        if (packets.size() > 1) memo_.clear();
        for (std::size_t i = 0; i < packets.size(); ++i) {
            slot& s = slots_[i];
            s.verdict = {};
            s.size = 0;
            const Packet& packet = packets[i];
            if (const auto ok = ip::read_overview_into(packet.octets(), s.seen); !ok) [[unlikely]] {
                discard(s, packet, reason_of(ok.error()), now, observer);
                continue;
            }
            if (!read_level(how_, packet, s.level)) [[unlikely]] {
                discard(s, packet, drop::bad_label, now, observer);
                continue;
            }
            s.traffic_class = classify(packet);
            const bool is_fragment = s.seen.flow.is_fragment();
            if (is_fragment) [[unlikely]] recall_ports(how_.fragments, packet.octets(), s.seen.flow, 0, now);
            std::uint16_t* hint = nullptr;
            if (packets.size() > 1) {
                hint = &memo_[s.seen.flow];
                if (*hint != flow_memo::nowhere && !is_fragment && is_alike(packets, *hint - 1U, i)) {
                    const slot& like = slots_[*hint - 1U];
                    s.verdict = like.verdict;
                    s.size = like.size;
                    s.sas = like.sas;
                    s.verdict.mtu = 0;
                    s.verdict.may_cut = false;
                    if (s.seen.length > unjudged_ && !check_size(s, packet, now))
                        discard(s, packet, drop::too_big, now, observer);
                    continue;
                }
            }
            if (const drop why = find(s, packet); why != drop::none) {
                discard(s, packet, why, now, observer);
                continue;
            }
            if (is_fragment) [[unlikely]] (void)remember_ports(how_.fragments, packet.octets(), s.seen.flow, 0, now);
            if (s.seen.length > unjudged_ && !check_size(s, packet, now)) {
                discard(s, packet, drop::too_big, now, observer);
                continue;
            }
            if (hint != nullptr && !s.by_payload) *hint = static_cast<std::uint16_t>(i + 1);
            if (s.size > deepest_) deepest_ = s.size;
        }
    }
    /// Whether policy and database give the same for both packets: nothing that they look at differs.
    [[nodiscard]] auto is_alike(std::span<Packet> packets, std::size_t a, std::size_t b) const noexcept -> bool {
        return slots_[a].traffic_class == slots_[b].traffic_class && slots_[a].level == slots_[b].level &&
               slots_[a].seen.flow == slots_[b].seen.flow &&
               same_metadata(std::as_const(packets[a]).metadata(), std::as_const(packets[b]).metadata());
    }
    // req: rfc2401-4.4.1-9
    auto find(slot& s, const Packet& packet) noexcept -> drop {
        s.by_payload = false;
        const auto hit = spd_->lookup(s.seen.flow, with_level(how_, packet.metadata(), s.level));
        if (!hit) [[unlikely]] {
            if (hit.error() == policy::errc::no_policy && how_.icmp_by_payload && find_by_payload(s, packet)) return drop::none;
            return reason_of(hit.error());
        }
        const policy::entry& rule = *hit->rule;
        s.verdict.policy = rule.id;
        if (rule.action == policy::action::discard) return drop::discarded;
        if (rule.action == policy::action::apply) {
            const drop why = find_bundle(s, rule);
            if (s.seen.flow.fragment != ip::fragment::later || why != drop::none) [[likely]] return why;
            const sa::parameters& p = s.sas[0]->parameters();
            return p.mode == sa::mode::transport || carries_fragments(p) ? why : drop::fragment_ports;  // ESP and AH name theirs
        }
        s.verdict.fate = fate::bypass;
        return drop::none;
    }
    /// The tunnel of the traffic that an ICMP error message is about; no SA is asked for.        RFC 4301 §6.2
    // req: rfc4301-6.2-2, rfc4301-6.2-3, rfc2401-6-1, rfc2401-6-2
    auto find_by_payload(slot& s, const Packet& packet) noexcept -> bool {
        const auto about = flow_in_question(packet.octets(), s.seen.flow);
        if (!about) return false;
        const auto hit = spd_->lookup(*about, with_level(how_, packet.metadata(), s.level));
        if (!hit || hit->rule->action != policy::action::apply) return false;
        const typename Sadb::bundle* const b = sadb_->find_outbound(hit->rule->id, *about, s.traffic_class);
        if (b == nullptr || take_bundle(s, *hit->rule, *b) != drop::none) return false;
        s.by_payload = s.sas[0]->parameters().mode == sa::mode::tunnel;
        if (!s.by_payload) s.size = 0;
        else s.verdict.policy = hit->rule->id;
        return s.by_payload;
    }
    // req: rfc2401-5.1.1-2, rfc2401-5.1.1-3
    auto find_bundle(slot& s, const policy::entry& rule) noexcept -> drop {
        const ip::flow& flow = s.seen.flow;
        const typename Sadb::bundle* const b = sadb_->find_outbound(rule.id, flow, s.traffic_class);
        if (b == nullptr) {
            events_->push(sa::acquire{.policy = rule.id,
                                      .flow = flow,
                                      .selectors = policy::sa_selectors(rule, flow),
                                      .traffic_class = s.traffic_class});
            return drop::no_sa;
        }
        return take_bundle(s, rule, *b);
    }
    auto take_bundle(slot& s, const policy::entry& rule, const typename Sadb::bundle& b) noexcept -> drop {
        // Whoever made the SAs may have made other ones than policy asks for: less protection must not slip through.
        if (b.size() != rule.protections.size()) return drop::wrong_bundle;
        for (std::size_t k = 0; k < b.size(); ++k) {
            entry* const e = sadb_->get(b[k]);
            if (e == nullptr) return drop::wrong_bundle;
            const sa::parameters& p = e->parameters();
            const policy::protection& want = rule.protections[k];
            if (p.id.protocol != want.protocol || p.mode != want.mode) return drop::wrong_bundle;
            if (want.tunnel && (p.source != want.tunnel->local || p.id.destination != want.tunnel->remote))
                return drop::wrong_bundle;
            s.sas[k] = e;
        }
        s.size = static_cast<std::uint8_t>(b.size());
        return drop::none;
    }

    /// Whether the packet fits its path, or is to be cut once it is protected. What it may have goes into the verdict.
    auto check_size(slot& s, const Packet& packet, instant now) noexcept -> bool {
        s.verdict.mtu = 0;
        s.verdict.may_cut = false;
        if (s.size == 0 || (s.size == 1 && s.seen.length <= s.sas[0]->path().fits())) return true;
        const auto v = judge_size(std::span<entry* const>{s.sas}.first(s.size), packet.octets(), s.seen, how_, now);
        s.verdict.mtu = v.mtu;
        s.verdict.may_cut = v.what == size_verdict::kind::cut_first;
        return v.what == size_verdict::kind::fits || v.what == size_verdict::kind::cut_after;
    }

    // --- protection ------------------------------------------------------------------------------------------------------------

    /// Puts SA number `level` of their bundles on all packets that have one.
    template <class Observer, class Pad>
    void protect_all(std::span<Packet> packets, std::size_t level, instant now, Observer& observer, Pad& pad) noexcept {
        jobs_.clear();
        icvs_.clear();
        for (std::size_t i = 0; i < packets.size(); ++i) {
            slot& s = slots_[i];
            if (level >= s.size) continue;
            entry& e = *s.sas[level];
            if (const drop why = prepare(e, packets[i], level, i, now, pad); why != drop::none) [[unlikely]]
                discard(s, packets[i], why, now, observer, &e);
            events_->collect(e);
        }
        const auto take = [&](std::size_t i, bool is_sealed, std::uint64_t sequence) {
            slot& s = slots_[i];
            if (is_sealed) [[likely]] done(s, level);
            else
                discard(s, packets[i], drop::crypto_failed, now, observer, s.sas[level], sa::low_half(sa::sequence64{sequence}));
        };
        jobs_.run([&](std::size_t i, const auto& item) { take(i, item.outcome.has_value(), item.job.sequence); });
        icvs_.run([&](std::size_t i, const ah_sa& sa, const auto& work) {
            take(i, ah::write_icv(sa, work).has_value(), work.job->sequence.value());
        });
    }
    template <class Pad>
    auto prepare(entry& e, Packet& packet, std::size_t level, std::size_t i, instant now, Pad& pad) noexcept -> drop {
        if (level == 0 && how_.forwards && e.parameters().mode == sa::mode::tunnel)
            if (const auto ok = ip::decrement_hop_limit(packet.octets()); !ok) return reason_of(ok.error());
        const bool forwarded = how_.forwards && level == 0;  // further out, the inner header is our own
        if (auto* const esp = e.esp()) {
            esp::shape how{.identification = identification_++, .forwarded = forwarded};
            if constexpr (!std::is_same_v<std::remove_cvref_t<Pad>, no_padding>) {
                // req: rfc4303-2.7-2
                const sa::parameters& p = e.parameters();
                if (p.tfc && p.mode == sa::mode::tunnel)
                    how.tfc_padding = pad(p, ip::packet_length(std::as_const(packet).octets()).value_or(0),
                                          room_in_tunnel(std::span<entry* const>{slots_[i].sas}.subspan(
                                                             level, slots_[i].size - level), how_, now));
            }
            if (const auto ok = esp::prepare_into(*esp, packet, now, jobs_.next(), how); !ok) [[unlikely]]
                return reason_of(ok.error());
            jobs_.add(i, esp->suite(), esp->keys(), esp->scratch());
            return drop::none;
        }
        const ah::shape how{.identification = identification_++, .forwarded = forwarded};
        ah::icv_job& job = slots_[i].icv;
        if (const auto ok = ah::prepare_into(*e.ah(), packet, now, job, how); !ok) return reason_of(ok.error());
        icvs_.add(i, *e.ah(), job);
        return drop::none;
    }
    static void done(slot& s, std::size_t level) noexcept {
        ++s.verdict.transforms;
        if (level + 1 != s.size) return;
        s.verdict.fate = fate::protect;
        s.verdict.encapsulation = s.sas[level]->parameters().encapsulation;
    }

    /// @param e         the SA that could not be put on
    /// @param sequence  the number of the packet, when it has one
    // req: rfc2401-5-1
    template <class Observer>
    void discard(slot& s, const Packet& packet, drop why, instant now, Observer& observer, entry* e = nullptr,
                 std::optional<sa::sequence32> sequence = {}) noexcept {
        s.verdict.fate = fate::drop;
        s.verdict.reason = why;
        s.size = 0;
        if (why != drop::too_big) {  // what a smaller packet would fare like is nobody's question then
            s.verdict.mtu = 0;
            s.verdict.may_cut = false;
        }
        if constexpr (observes<Observer, audit_record>) {
            if (!how_.audit || s.verdict.may_cut) return;  // it goes on in pieces
            const ip::flow& flow = s.seen.flow;
            audit_record r{.event = why,
                           .direction = direction::outbound,
                           .when = now,
                           .spi = {},
                           .source = flow.source,
                           .destination = flow.destination,
                           .sequence = sequence,
                           .flow_id = flow_id_of(packet.octets()),
                           .flow = flow,
                           .policy = s.verdict.policy,
                           .expected = {}};
            if (e != nullptr) {
                const sa::parameters& p = e->parameters();
                r.spi = p.id.spi;
                r.protocol = p.id.protocol;
                if (p.mode == sa::mode::tunnel) {
                    r.source = p.source;
                    r.destination = p.id.destination;
                }
                if (why == drop::sequence_exhausted)  // the last one there was
                    r.sequence = sa::low_half(e->esp() != nullptr ? e->esp()->last_sequence() : e->ah()->last_sequence());
            }
            tell(observer, r);
        }
    }

    Sadb* sadb_;
    const Spd* spd_;
    Events* events_;
    options how_;
    std::uint16_t identification_;  ///< of outer IPv4 headers: one number for all SAs, whose ends may be the same
    std::uint32_t unjudged_;  ///< octets of packets whose size is not looked at
    std::array<slot, Burst> slots_{};
    flow_memo memo_;
    job_list<esp_suite, crypto::seal_job, Burst> jobs_;
    icv_list<ah_sa, Burst> icvs_;
    std::size_t deepest_ = 0;
    dataplane::counters counters_;
};

}  // namespace ipsec::dataplane
