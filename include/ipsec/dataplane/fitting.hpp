#pragma once
/// Makes what goes out fit its path: fragments before or after protection, or an ICMP message to the source.
///                                                                            RFC 2401 §6, RFC 4301 §8.2, RFC 2406 §3.3.4
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "ipsec/core/token_bucket.hpp"
#include "ipsec/dataplane/options.hpp"
#include "ipsec/dataplane/reasons.hpp"
#include "ipsec/dataplane/sink.hpp"
#include "ipsec/ip/fragment.hpp"
#include "ipsec/ip/icmp.hpp"

namespace ipsec::dataplane {

struct fitting_options {
    /// Whom ICMP messages come from: addresses of this system on the side of the sources. Without one there are none.
    std::optional<ip::address> answer_from_v4{}, answer_from_v6{};
    token_bucket answers{10, 10};              ///< RFC 4443 §2.4 (f)
    std::uint32_t first_identification = 1;    ///< of IPv6 fragments; better not what an attacker can guess
};
struct fitting_counters {
    std::uint64_t cut_first = 0, cut_after = 0;  ///< packets
    std::uint64_t pieces = 0;                    ///< made of them
    std::uint64_t answered = 0, unanswered = 0;  ///< packets that were too big
    std::uint64_t lost = 0;                      ///< packets lost in part or as a whole since the sink had no packet to give
};

/// Stands around an outbound walk. `Walk` is a `dataplane::outbound` over `Packet` whose options say an MTU. Packets that fit
/// pass as they come; what was cut first follows behind the other packets of its burst. Pieces come from `sink.make`; the
/// packet itself becomes the last one. Allocates nothing.
///
/// ESP in UDP is not cut here, but by whoever puts the UDP header in: the verdict says that it is too large.
template <class Walk, io::packet Packet, std::size_t Burst = 32>
class fitting {
public:
    fitting(Walk& walk, fitting_options how) noexcept : walk_{&walk}, how_{how}, identification_{how.first_identification} {}

    /// As `Walk::process`. More packets than there were may come out, with `fate::protect`, and messages with `fate::answer`.
    template <making_sink<Packet> Sink, class Observer, class Classify, class Pad = no_padding>
    void process(std::span<Packet> packets, instant now, Sink& to, Observer& observer, Classify&& classify,
                 Pad&& pad = {}) noexcept {
        while (!packets.empty()) {
            const auto some = packets.first(packets.size() < Burst ? packets.size() : Burst);
            packets = packets.subspan(some.size());
            catcher<Sink> out{this, &to, now, true};
            walk_->process(some, now, out, observer, classify, pad);
            out.may_cut_first = false;
            const std::size_t waiting = std::exchange(waiting_, 0);
            for (std::size_t i = 0; i < waiting; ++i) {
                held h = std::move(*std::exchange(held_[i], std::nullopt));
                ++counters_.cut_first;
                cut(std::move(h.packet), h.verdict, to, [&](Packet&& piece) {
                    Packet one{std::move(piece)};
                    walk_->process(std::span{&one, 1}, now, out, observer, classify, pad);
                });
            }
        }
    }
    template <making_sink<Packet> Sink, class Observer>
    void process(std::span<Packet> packets, instant now, Sink& to, Observer& observer) noexcept {
        process(packets, now, to, observer, [](const Packet&) { return std::uint32_t{0}; });
    }
    [[nodiscard]] auto counters() const noexcept -> const fitting_counters& { return counters_; }

private:
    struct held {
        Packet packet;
        dataplane::verdict verdict;
    };
    /// Between the walk and the user's sink: takes out what is too large.
    template <class Sink> struct catcher {
        fitting* self;
        Sink* to;
        instant now;
        bool may_cut_first;
        void emit(Packet&& p, const verdict& v) noexcept {
            if (v.mtu == 0) [[likely]] return to->emit(std::move(p), v);
            if (v.fate == fate::drop) return self->too_big(std::move(p), v, *to, now, may_cut_first);
            self->protected_one(std::move(p), v, *to);
        }
    };

    /// Cuts into fragments after protection.
    // req: rfc2401-B.2-m1
    template <class Sink> void protected_one(Packet&& p, verdict v, Sink& to) noexcept {
        if (v.fate != fate::protect || v.encapsulation || std::as_const(p).octets().size() <= v.mtu)
            return to.emit(std::move(p), v);
        // A packet of ours that has to pass is cut whatever DF says: an inner IPv6 packet of up to 1280 octets.
        if (auto header = ip::v4::view::of(p.octets())) header->set_dont_fragment(false);
        ++counters_.cut_after;
        cut(std::move(p), v, to, [&](Packet&& piece) {
            verdict of_piece = v;
            of_piece.mtu = 0;
            to.emit(std::move(piece), of_piece);
        });
    }
    template <class Sink> void too_big(Packet&& p, const verdict& v, Sink& to, instant now, bool may_cut_first) noexcept {
        const byte_view octets = std::as_const(p).octets();
        const bool is_v6 = (octets[0] >> 4) == std::byte{6};
        if (may_cut_first && v.may_cut) {
            held_[waiting_++].emplace(std::move(p), v);
            return;
        }
        if (!answer(octets, is_v6, v, to, now)) ++counters_.unanswered;
        to.emit(std::move(p), v);
    }
    // req: rfc4303-3.3.4-2, rfc4301-8.2.1-3, rfc4301-8.2.1-6
    template <class Sink> auto answer(byte_view packet, bool is_v6, const verdict& v, Sink& to, instant now) noexcept -> bool {
        const auto& from = is_v6 ? how_.answer_from_v6 : how_.answer_from_v4;
        const bool has_df = is_v6 || (packet[6] & std::byte{0x40}) != std::byte{0};
        if (!from || !has_df || !ip::icmp::may_answer(packet, true) || !how_.answers.take(now)) return false;
        std::optional<Packet> made = to.make(ip::icmp::error_size(packet));
        if (!made || !ip::icmp::write_too_big(made->octets(), packet, *from, v.mtu)) return false;
        ++counters_.answered;
        to.emit(std::move(*made), {.fate = fate::answer, .reason = drop::none, .policy = v.policy});
        return true;
    }
    /// Hands all pieces of a packet to `each`, in order.
    template <class Sink, class Each> void cut(Packet&& p, verdict v, Sink& to, Each&& each) noexcept {
        const auto length = ip::packet_length(std::as_const(p).octets());
        if (length) p.shrink_back(p.octets().size() - *length);
        const auto plan = ip::fragmentation::plan(std::as_const(p).octets(), v.mtu, identification_++);
        v.fate = fate::drop;
        if (!plan) {
            v.reason = reason_of(plan.error());
            return to.emit(std::move(p), v);
        }
        for (std::size_t i = 0; i + 1 < plan->pieces(); ++i) {
            std::optional<Packet> piece = to.make(plan->size_of(i));
            if (!piece) {
                ++counters_.lost;
                v.reason = drop::no_room;
                return to.emit(std::move(p), v);
            }
            plan->write(i, std::as_const(p).octets(), piece->octets());
            ++counters_.pieces;
            each(std::move(*piece));
        }
        p.shrink_front(plan->write_last(p.octets()));
        ++counters_.pieces;
        each(std::move(p));
    }

    Walk* walk_;
    fitting_options how_;
    std::uint32_t identification_;
    std::array<std::optional<held>, Burst> held_{};
    std::size_t waiting_ = 0;
    fitting_counters counters_;
};

}  // namespace ipsec::dataplane
