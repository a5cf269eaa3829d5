#pragma once
/// The walk of packets coming in.                                                              RFC 2401 §5.2
///
///     SPI, destination and protocol -> SA -> replay check, for the packets of the burst -> ICV and decryption, all at once ->
///     replay commit, padding, strip -> next header: another transform, or policy: may this packet have come this way? -> sink
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "ipsec/ah/open.hpp"
#include "ipsec/ah/resync.hpp"
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
#include "ipsec/esp/open.hpp"
#include "ipsec/esp/resync.hpp"
#include "ipsec/ip/tunnel.hpp"
#include "ipsec/ip/upper_repair.hpp"
#include "ipsec/policy/inbound_check.hpp"
#include "ipsec/sa/bundle.hpp"

namespace ipsec::dataplane {

/// Takes bursts of packets, removes the protection of those that have it, holds them against policy, and hands them to a sink in
/// the order in which they came.
///
/// Several SAs come off in rounds; the SAs of one bundle have to come in its order. When a bundle is off, the flow that appears
/// is held against the selectors of the SA and against the inbound SPD; if it is IPsec for this system again, by what `IsLocal`
/// says of its destination, the next bundle begins. Holds the workspace of a burst, allocates nothing; one thread at a time.
template <class Sadb, class Spd, io::packet Packet, std::size_t Burst = 32, class Events = event_queue<>,
          class IsLocal = every_address, std::size_t MaxNesting = max_nesting>
    requires(Burst > 0 && Burst < 65536 && MaxNesting > 0 && MaxNesting < 256)
class inbound {
public:
    inbound(Sadb& sadb, const Spd& spd, Events& events, options how = {}, IsLocal is_local = {}) noexcept
        : sadb_{&sadb}, spd_{&spd}, events_{&events}, how_{how}, is_local_{std::move(is_local)} {}

    /// Every packet comes out through `sink.emit` once, in order: with `fate::deliver`, `bypass`, or `drop` and the reason.
    /// Longer spans than `Burst` are taken in pieces. `to` may change the databases in `emit`; an observer must not.
    // req: rfc2401-4.4.1-m2, rfc2401-4.4.1-m5, rfc2401-5-m1
    template <sink<Packet> Sink, class Observer>
    void process(std::span<Packet> packets, instant now, Sink& to, Observer& observer) noexcept {
        while (!packets.empty()) {
            const std::span<Packet> some = packets.first(packets.size() < Burst ? packets.size() : Burst);
            packets = packets.subspan(some.size());
            for (std::size_t i = 0; i < some.size(); ++i) slots_[i].reset();
            if (some.size() > 1) memo_.clear();
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
        bool has_id = false;
        std::uint8_t id_view = 0;  ///< which of the views has the header in front of the IPsec header, with `has_id`
        std::uint8_t depth = 0;  ///< SAs in `way`
        entry* sa = nullptr;  ///< whose protection is being taken off
        sa::spi spi;  ///< as the packet says, with `has_id`
        sa::protocol protocol = sa::protocol::esp;
        sa::sequence32 sequence;
        std::uint32_t level = 0;  ///< by the label of the packet as it is now
        std::optional<std::uint32_t> flow_id;  ///< of the header in front of the IPsec header
        sa::bundle_check order;
        std::array<policy::applied, policy::max_protections> way;  ///< SAs of the bundle so far, outermost first
        std::array<ip::overview, 2> views;  // in place, in turn: copies of what was just written are slow
        std::uint8_t view = 0;
        esp::pending<esp_sa> pending_esp;
        ah::pending<ah_sa> pending_ah;

        /// The packet as it is now.
        [[nodiscard]] auto seen() noexcept -> ip::overview& { return views[view]; }
        [[nodiscard]] auto seen() const noexcept -> const ip::overview& { return views[view]; }
        /// Of the header in front of the IPsec header, with `has_id`.
        [[nodiscard]] auto source() const noexcept -> const ip::address& { return views[id_view].flow.source; }
        [[nodiscard]] auto destination() const noexcept -> const ip::address& { return views[id_view].flow.destination; }
        [[nodiscard]] auto id() const noexcept -> sa::id { return {spi, destination(), protocol}; }

        void reset() noexcept {
            verdict = {};
            is_open = true;
            tunnelled = has_id = false;
            depth = 0;
            sa = nullptr;
            order = {};
        }
    };

    /// Takes at most one SA off every packet. @return how many packets are not decided yet
    template <class Observer>
    auto round(std::span<Packet> packets, instant now, Observer& observer) noexcept -> std::size_t {
        jobs_.clear();
        icvs_.clear();
        found_.fill(none_found);
        for (std::size_t i = 0; i < packets.size(); ++i)
            if (slots_[i].is_open) look(slots_[i], packets[i], i, now, observer);
        jobs_.run([&](std::size_t i, const auto& item) { outcomes_[i] = item.outcome; });
        icvs_.run([&](std::size_t i, const ah_sa& sa, const auto& work) { outcomes_[i] = ah::verify(sa, work); });
        std::size_t left = 0;
        for (std::size_t i = 0; i < packets.size(); ++i) {
            slot& s = slots_[i];
            if (!s.is_open) continue;
            finish(packets, i, now, observer);
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
        const byte_view octets = std::as_const(packet).octets();
        if (s.verdict.transforms == 0)  // else it was read when the last bundle was off
            if (const auto ok = ip::read_overview_into(octets, s.seen()); !ok) [[unlikely]]
                return discard(s, packet, reason_of(ok.error()), now, observer);
        const ip::flow& flow = s.seen().flow;
        if (!is_ours(flow)) return arrive(s, packet, now, observer);
        const bool is_esp = flow.protocol == ip::next_header::esp;
        const byte_view header = octets.first(s.seen().length).subspan(s.seen().upper_offset);
        s.has_id = header.size() >= (is_esp ? 8U : 12U) && flow.fragment != ip::fragment::later;
        if (s.has_id) {
            const byte_view spi = header.subspan(is_esp ? 0 : 4);
            s.spi = sa::spi{wire::load<std::uint32_t>(spi)};
            s.protocol = is_esp ? sa::protocol::esp : sa::protocol::ah;
            s.sequence = sa::sequence32{wire::load<std::uint32_t>(spi.subspan(4))};
            s.id_view = s.view;
            s.flow_id = flow_id_of(octets);
        }
        // req: rfc2406-3.4.1-1, rfc2402-3.4.1-1, rfc2406-2.1-1, rfc2402-2.4-1
        if (flow.is_fragment()) return discard(s, packet, drop::fragment, now, observer);
        if (!s.has_id) return discard(s, packet, drop::malformed, now, observer);
        if (s.spi.value() < 256) return discard(s, packet, drop::reserved_spi, now, observer);
        s.sa = find(s, i);
        if (s.sa == nullptr) return no_sa(s, packet, now, observer);
        if (s.verdict.transforms == MaxNesting || s.depth == s.way.size())
            return discard(s, packet, drop::too_deep, now, observer);
        s.verdict.policy = s.sa->parameters().policy;
        if (const drop why = inspect(s, packet, i, now); why != drop::none) {
            events_->collect(*s.sa);
            discard(s, packet, why, now, observer);
        }
    }
    /// The SA that the packet names: that of an earlier packet of the round which names the same, or else the database's.
    // req: rfc2406-3.4.2-1, rfc2402-3.4.2-1
    [[nodiscard]] auto find(slot& s, std::size_t i) noexcept -> entry* {
        std::uint16_t& hint = found_[s.spi.value() % found_.size()];
        if (hint < i) {
            const slot& like = slots_[hint];
            if (like.sa != nullptr && like.spi == s.spi && like.protocol == s.protocol && like.has_id &&
                like.sa->parameters().id.destination == s.destination() && like.source() == s.source())
                return like.sa;
        }
        hint = static_cast<std::uint16_t>(i);
        return sadb_->find_inbound(s.id(), s.source());
    }
    // req: rfc2406-3.4.2-1, rfc2402-3.4.2-1, rfc4303-3.4.2-1
    template <class Observer>
    void no_sa(slot& s, Packet& packet, instant now, Observer& observer) noexcept {
        // Under protection that was genuine and is off as a whole, IPsec that is not ours is the sender's traffic; policy has
        // decided about it.
        if (s.verdict.transforms > 0 && s.order.is_whole()) {
            s.has_id = false;
            return arrive(s, packet, now, observer);
        }
        events_->push(sa::unknown_spi{.id = s.id(), .source = s.source()});
        discard(s, packet, drop::unknown_spi, now, observer);
    }
    auto inspect(slot& s, Packet& packet, std::size_t i, instant now) noexcept -> drop {
        if (auto* const esp = s.sa->esp()) {
            if (esp->is_resync_due()) [[unlikely]] (void)esp::resynchronise(*esp, packet, how_.resync_room, now);
            if (const auto ok = esp::inspect_into(*esp, packet, now, s.pending_esp, jobs_.next()); !ok) [[unlikely]]
                return reason_of(ok.error());
            jobs_.add(i, esp->suite(), esp->keys(), esp->scratch());
            return drop::none;
        }
        ah_sa& ah = *s.sa->ah();
        if (ah.is_resync_due()) [[unlikely]] (void)ah::resynchronise(ah, packet, now);
        if (const auto ok = ah::inspect_into(ah, packet, now, s.pending_ah); !ok) [[unlikely]] return reason_of(ok.error());
        icvs_.add(i, ah, s.pending_ah.job);
        return drop::none;
    }

    // --- second half -----------------------------------------------------------------------------------------------------------

    template <class Observer>
    void finish(std::span<Packet> packets, std::size_t i, instant now, Observer& observer) noexcept {
        slot& s = slots_[i];
        Packet& packet = packets[i];
        drop why = drop::none;
        auto alarm = ip::ecn_alarm::none;
        const auto take = [&](const auto& done) {
            if (done) [[likely]] alarm = done->alarm;
            else why = reason_of(done.error());
        };
        if (auto* const esp = s.sa->esp()) take(esp::finish(*esp, packet, std::move(s.pending_esp), outcomes_[i], now));
        else take(ah::finish(*s.sa->ah(), packet, std::move(s.pending_ah), outcomes_[i], now));
        events_->collect(*s.sa);
        if (why != drop::none) [[unlikely]] return discard(s, packet, why, now, observer);

        const sa::parameters& p = s.sa->parameters();
        ++s.verdict.transforms;
        s.tunnelled = p.mode == sa::mode::tunnel;
        if constexpr (observes<Observer, congestion_record>)
            if (alarm != ip::ecn_alarm::none && how_.audit)
                tell(observer, congestion_record{.alarm = alarm, .when = now, .id = s.id(), .source = s.source()});
        // req: rfc2401-4.4.1-m11
        if (!s.order.step(p)) [[unlikely]] return discard(s, packet, drop::wrong_bundle, now, observer);
        s.view ^= 1U;
        if (const auto ok = ip::read_overview_into(std::as_const(packet).octets(), s.seen()); !ok) [[unlikely]]
            return discard(s, packet, drop::bad_payload, now, observer);
        // Where ESP comes in UDP, a NAT may have changed addresses that the text's own checksum covers.    RFC 3948 §3.1.2
        if (p.encapsulation && !s.tunnelled) [[unlikely]] (void)ip::repair_upper_checksum(packet.octets(), s.seen());
        if (s.order.is_whole()) bundle_is_off(packets, i, now, observer);
        else note_way(s);
    }
    /// Writes down how the packet came through the SA that was taken off.
    static void note_way(slot& s) noexcept {
        const sa::parameters& p = s.sa->parameters();
        policy::applied& step = s.way[s.depth++];
        step.protocol = p.id.protocol;
        step.mode = p.mode;
        step.policy = p.policy;
        step.outer_source = s.source();
        step.outer_destination = s.destination();
    }
    /// All SAs of a bundle are off: holds what appeared against the SA and against policy.
    // req: rfc2401-5.2.1-1
    template <class Observer>
    void bundle_is_off(std::span<Packet> packets, std::size_t i, instant now, Observer& observer) noexcept {
        slot& s = slots_[i];
        const Packet& packet = packets[i];
        if (!read_level(how_, packet, s.level)) [[unlikely]] return discard(s, packet, drop::bad_label, now, observer);
        const bool is_fragment = s.seen().flow.is_fragment();
        if (is_fragment) [[unlikely]] recall(s, packet, now);
        std::uint16_t* hint = packets.size() > 1 && !is_fragment ? &memo_[s.seen().flow] : nullptr;
        // The verdict's policy is the SA's already; of an entry that allows the packet it is the number as well.
        if (hint == nullptr || *hint == flow_memo::nowhere || !is_alike(packets, *hint - 1U, i)) {
            const ip::selector& expected = s.sa->parameters().selectors;
            std::optional<ip::flow> about;
            ip::match fits = expected.judge(s.seen().flow);
            if (fits == ip::match::no && how_.icmp_by_payload && s.tunnelled) [[unlikely]] {
                about = flow_in_question(packet.octets(), s.seen().flow);
                if (about) fits = expected.judge(*about) == ip::match::yes ? ip::match::yes : ip::match::no;
                hint = nullptr;  // the next one may be about other traffic
            }
            if (is_fragment && fits == ip::match::yes && is_rewriting(expected, packet.octets(), s.seen().flow)) [[unlikely]]
                return discard(s, packet, drop::bad_fragment, now, observer);
            if (fits != ip::match::yes)
                return discard(s, packet, fits == ip::match::unavailable ? drop::fragment_ports : drop::wrong_selectors, now,
                               observer);
            note_way(s);
            const auto way = std::span{s.way}.first(s.depth);
            const auto metadata = with_level(how_, packet.metadata(), s.level);
            if (about) [[unlikely]]  // what policy says of the message itself comes first
                if (const auto own = spd_->check_inbound(s.seen().flow, metadata, way);
                    !own && own.error() != policy::errc::no_policy)
                    return discard(s, packet, reason_of(own.error()), now, observer);
            const auto hit = spd_->check_inbound(about ? *about : s.seen().flow, metadata, way);
            if (!hit) return discard(s, packet, reason_of(hit.error()), now, observer);
        }
        if (is_ours(s.seen().flow)) {  // the next bundle begins
            s.depth = 0;
            return;
        }
        arrive(s, packets[i], now, observer);
        if (is_fragment && s.verdict.fate == fate::deliver) [[unlikely]]
            (void)remember_ports(how_.fragments, std::as_const(packets[i]).octets(), s.seen().flow, way_of(s), now);
        if (hint != nullptr && s.verdict.transforms == 1 && s.verdict.fate == fate::deliver)
            *hint = static_cast<std::uint16_t>(i + 1);
    }
    /// A number for how a packet came: in the clear, or by which SA last.
    [[nodiscard]] static auto way_of(const slot& s) noexcept -> std::uint64_t {
        if (s.verdict.transforms == 0) return 0;
        const sa::id& id = s.sa->parameters().id;
        return std::uint64_t{static_cast<std::uint8_t>(id.protocol)} << 32 | id.spi.value();
    }
    /// Completes a later fragment, where the SA that it came through may carry some by state.
    // req: rfc4301-7.3-5, rfc4301-7.3-6
    void recall(slot& s, const Packet& packet, instant now) noexcept {
        if (s.verdict.transforms > 0 && !carries_fragments(s.sa->parameters())) return;
        recall_ports(how_.fragments, packet.octets(), s.seen().flow, way_of(s), now);
    }
    /// Whether the packet at `a`, which was delivered after one SA, says what selectors and policy say of the one at `b`: the
    /// same SA, between the same ends, and all that they look at.
    [[nodiscard]] auto is_alike(std::span<Packet> packets, std::size_t a, std::size_t b) const noexcept -> bool {
        const slot &x = slots_[a], &y = slots_[b];
        return x.sa == y.sa && y.verdict.transforms == 1 && x.level == y.level && x.source() == y.source() &&
               x.destination() == y.destination() && x.seen().flow == y.seen().flow &&
               same_metadata(std::as_const(packets[a]).metadata(), std::as_const(packets[b]).metadata());
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
        if (!read_level(how_, packet, s.level)) [[unlikely]] return discard(s, packet, drop::bad_label, now, observer);
        const bool is_fragment = s.seen().flow.is_fragment();
        if (is_fragment) [[unlikely]] recall(s, packet, now);
        const auto hit = spd_->check_inbound(s.seen().flow, with_level(how_, std::as_const(packet).metadata(), s.level), {});
        if (hit) {
            if (is_fragment) [[unlikely]]
                if (!remember_ports(how_.fragments, std::as_const(packet).octets(), s.seen().flow, 0, now))
                    return discard(s, packet, drop::bad_fragment, now, observer);
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
                           .source = s.seen().flow.source,
                           .destination = s.seen().flow.destination,
                           .sequence = {},
                           .flow_id = flow_id_of(packet.octets()),
                           .flow = s.seen().flow,
                           .policy = s.verdict.policy,
                           .expected = {}};
            if (s.has_id) {
                r.spi = s.spi;
                r.protocol = s.protocol;
                r.source = s.source();
                r.destination = s.destination();
                r.sequence = s.sequence;
                r.flow_id = s.flow_id;
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
    flow_memo memo_;
    static constexpr std::uint16_t none_found = 0xffffU;
    std::array<std::uint16_t, 16> found_{};  ///< by SPI: places of the round that may have found the SA
    std::array<crypto::result<void>, Burst> outcomes_{};
    job_list<esp_suite, crypto::open_job, Burst> jobs_;
    icv_list<ah_sa, Burst> icvs_;
    dataplane::counters counters_;
};

}  // namespace ipsec::dataplane
