#pragma once
/// Joins fragments before a walk sees them.                                   RFC 2401 §5.2, Appendix B.2, RFC 4301 §5.2
#include <span>
#include <utility>

#include "ipsec/core/observer.hpp"
#include "ipsec/dataplane/audit.hpp"
#include "ipsec/dataplane/options.hpp"
#include "ipsec/dataplane/reasons.hpp"
#include "ipsec/dataplane/sink.hpp"
#include "ipsec/ip/reassembly.hpp"

namespace ipsec::dataplane {

/// Takes IPsec in fragments: what has to be whole before it can be opened. Later fragments of IPv6 may hide what they are of.
struct fragments_of_ipsec {
    [[nodiscard]] constexpr auto operator()(const ip::flow& f) const noexcept -> bool {
        return f.protocol == ip::next_header::esp || f.protocol == ip::next_header::ah || f.is_protocol_hidden;
    }
};
/// Takes all fragments: in front of an outbound walk in transport mode, for a system that adds IPsec below an IP stack.
// req: rfc2401-B.2-2
struct all_fragments {
    [[nodiscard]] constexpr auto operator()(const ip::flow&) const noexcept -> bool { return true; }
};

/// Stands in front of a walk. `Table` is an `ip::reassembly`, which stays the caller's. `Takes` says which fragments are for
/// this system to join: look at the destination where others' IPsec passes through. The others go on as they are.
///
/// A fragment comes out at once, with `fate::held`, since its octets were copied; one that cannot be taken comes out with
/// `fate::drop`. A whole datagram goes to the walk in a packet of `sink.make`. A packet that is no fragment costs one look.
template <class Table, class Takes = fragments_of_ipsec>
class reassembling {
public:
    explicit reassembling(Table& table, direction which = direction::inbound, options how = {}, Takes takes = {}) noexcept
        : table_{&table}, direction_{which}, how_{how}, takes_{std::move(takes)} {}

    /// As `Walk::process`, for packets and datagrams joined; the fragments of the span come out first.
    // req: rfc2401-B.2-1
    template <class Walk, io::packet Packet, making_sink<Packet> Sink, class Observer>
    void process(Walk& walk, std::span<Packet> packets, instant now, Sink& to, Observer& observer) noexcept {
        std::size_t first = 0;
        while (first < packets.size() && !may_be_fragment(std::as_const(packets[first]).octets())) ++first;
        if (first == packets.size()) [[likely]] return walk.process(packets, now, to, observer);
        std::size_t kept = first;
        for (std::size_t i = first; i < packets.size(); ++i) {
            if (may_be_fragment(std::as_const(packets[i]).octets()) && !join(packets[i], now, to, observer)) continue;
            if (kept != i) packets[kept] = std::move(packets[i]);
            ++kept;
        }
        walk.process(packets.first(kept), now, to, observer);
    }
    [[nodiscard]] auto counters() const noexcept -> const dataplane::counters& { return counters_; }

private:
    /// True for every fragment, and for some others.
    [[nodiscard]] static auto may_be_fragment(byte_view p) noexcept -> bool {
        if (p.size() < ip::v4::min_header) return false;
        if ((p[0] >> 4) == std::byte{4}) return (wire::load<std::uint16_t>(p.subspan(6)) & 0x3fffU) != 0;
        return ip::is_extension(static_cast<ip::next_header>(p[ip::v6::next_header_at]));
    }
    /// @return whether there is a packet in `p` for the walk: no fragment to take, or the datagram
    template <io::packet Packet, class Sink, class Observer>
    auto join(Packet& p, instant now, Sink& to, Observer& observer) noexcept -> bool {
        const byte_view octets = std::as_const(p).octets();
        const auto flow = ip::read_flow(octets);
        if (!flow || !flow->is_fragment() || !takes_(*flow)) return true;
        const auto size = table_->add(octets, now);
        if (!size) {
            drop_it(p, *flow, reason_of(size.error()), now, to, observer);
            return false;
        }
        if (*size == 0) {
            leave(p, {.fate = fate::held}, to);
            return false;
        }
        auto whole = to.make(*size);
        if (!whole) {
            table_->drop();
            drop_it(p, *flow, drop::no_room, now, to, observer);
            return false;
        }
        table_->take(whole->octets());
        leave(p, {.fate = fate::held}, to);
        p = std::move(*whole);
        return true;
    }
    template <io::packet Packet, class Sink> void leave(Packet& p, const verdict& v, Sink& to) noexcept {
        counters_.count(v, std::as_const(p).octets().size());
        to.emit(std::move(p), v);
    }
    template <io::packet Packet, class Sink, class Observer>
    void drop_it(Packet& p, const ip::flow& flow, drop why, instant now, Sink& to, Observer& observer) noexcept {
        if constexpr (observes<Observer, audit_record>) {
            if (how_.audit)
                tell(observer, audit_record{.event = why,
                                            .direction = direction_,
                                            .when = now,
                                            .spi = {},
                                            .source = flow.source,
                                            .destination = flow.destination,
                                            .sequence = {},
                                            .flow_id = flow_id_of(std::as_const(p).octets()),
                                            .flow = flow,
                                            .policy = {},
                                            .expected = {}});
        }
        leave(p, {.fate = fate::drop, .reason = why}, to);
    }

    Table* table_;
    direction direction_;
    options how_;
    [[no_unique_address]] Takes takes_;
    dataplane::counters counters_;
};

}  // namespace ipsec::dataplane
