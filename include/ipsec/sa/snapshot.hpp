#pragma once
/// One SA as octets: to take it up again after a restart, or in another process.               RFC 4303 §3.3.3
///
/// `take` reads a living SA, `emit` and `parse` give and read the octets (`sealed_snapshot.hpp` those under a key), `restore`
/// makes the SA again. The form has a version, is the same on every machine, and names algorithms by word.
///
/// **Take, store, confirm.** `take` plans numbers for the SA, and `confirm` gives them to it. Between the two the user stores the
/// octets where a restart finds them, in place of those before. Snapshots are stored in the order in which they were taken, and a
/// restart restores the one that was stored last.
///
/// **No number twice.** An outbound SA uses no number behind the last snapshot that was confirmed (`errc::reserve_used`), nor
/// behind the last one taken, and what is restored goes on behind it: so a crash at any point between two steps repeats nothing.
/// A restored SA has no number before a snapshot of its own is confirmed, so that even one restored twice repeats nothing.
/// To hand an SA over for good, take a snapshot with a reserve of 0: the old SA is silent from then on, confirmed or not.
///
/// **No window opened again.** What is restored inbound counts every number as seen up to the top of its window, and `jump` more.
/// Packets on their way are lost by that; replays are not let in. The same steps make that true at any time: an inbound SA takes
/// no number behind that of the last snapshot confirmed or taken (`errc::reserve_used`, the packet is dropped), so `jump` has to
/// cover what comes in until the next one is confirmed. An SA of which no snapshot was ever taken is not held back; a restored
/// one is, until a snapshot of it is confirmed.
///
/// **No lifetime forgotten.** What an outbound SA may send after the snapshot counts as sent: as many packets as numbers were set
/// apart, each of the largest size that is stated.
#include <limits>
#include <optional>
#include <utility>

#include "ipsec/sa/detail/snapshot_fields.hpp"
#include "ipsec/sa/detail/snapshot_form.hpp"
#include "ipsec/sa/inbound.hpp"
#include "ipsec/sa/outbound.hpp"

namespace ipsec::sa {

/// Everything about an SA. Move-only, since it has the keys.
struct snapshot {
    static constexpr std::size_t max_size = 1024;  ///< octets that `emit` needs at most
    static constexpr std::uint16_t version = 1;    ///< of the form; a value that came later is `bad_snapshot` to older readers

    enum class way : std::uint8_t { inbound = 1, outbound };

    way direction = way::outbound;
    /// `tunnel.map` is null, see `dscp_map`. `tfc.sizes` is empty: the user's list is to be put back before `restore`.
    sa::parameters parameters;
    secret<256> keymat;
    sequence64 number;           ///< outbound: the last number that may have been used; inbound: the last that counts as seen
    std::uint64_t turn = 0;      ///< how many times the SA was written down; not in the octets, for `confirm` alone
    lifetime_usage used;         ///< outbound: with what may be sent up to `number`
    /// Where the SA had a `tunnel.map`: before `restore`, put it where it outlives the SA, and its address into `parameters`.
    std::optional<ip::dscp_map> dscp_map;
};

namespace detail {
template <class Sa>
[[nodiscard]] auto take(const Sa& sa, snapshot::way direction, const number_plan& plan, instant now) noexcept
    -> result<snapshot> {
    if (!sa.parameters().exportable) return std::unexpected{errc::keys_not_exportable};
    snapshot s;
    s.direction = direction;
    s.parameters = sa.parameters();
    s.parameters.tfc.sizes = {};
    if (const auto* const map = std::exchange(s.parameters.tunnel.map, nullptr)) s.dscp_map = *map;
    s.keymat = secret<256>{sa.keymat()};
    s.number = plan.last;
    s.turn = plan.turn;
    s.used = sa.lifetime().usage(now);
    return s;
}
/// Use that is counted ends at half of what there is room for, so that an SA without limits is not over by it.
inline constexpr std::uint64_t most_used = std::numeric_limits<std::uint64_t>::max() / 2;
[[nodiscard]] constexpr auto sum(std::uint64_t a, std::uint64_t b) noexcept -> std::uint64_t {
    return a < most_used && b < most_used - a ? a + b : (a > most_used ? a : most_used);
}
[[nodiscard]] constexpr auto product(std::uint64_t a, std::uint64_t b) noexcept -> std::uint64_t {
    return b == 0 || a <= most_used / b ? a * b : most_used;
}
inline constexpr snapshot_form packet_sa_form{
    {std::byte{'I'}, std::byte{'P'}, std::byte{'s'}, std::byte{'a'}}, snapshot::version, "ipsecpp snapshot 1"};
/// @return `errc::unknown_algorithm` for a pair without a name; `errc::bad_snapshot` when `w` has no room, and for what
///         `take_body` would refuse
[[nodiscard]] inline auto put_body(wire::writer& w, const snapshot& s) noexcept -> result<void> {
    w.put(s.direction);
    sa::parameters p = s.parameters;
    if (!is_possible(p, s.dscp_map)) return std::unexpected{errc::bad_snapshot};
    if (s.dscp_map) p.tunnel.map = &*s.dscp_map;
    if (!put(w, p)) return std::unexpected{errc::unknown_algorithm};
    w.put(static_cast<std::uint16_t>(s.keymat.size())).put_octets(s.keymat.view());
    w.put(s.number);
    put(w, s.used);
    if (!w.ok()) return std::unexpected{errc::bad_snapshot};
    return {};
}
/// @return `errc::snapshot_truncated`, `errc::bad_snapshot`
[[nodiscard]] inline auto take_body(byte_view in) noexcept -> result<snapshot> {
    field_reader r{in};
    snapshot s;
    s.direction = r.take_enum(snapshot::way::inbound, snapshot::way::outbound);
    s.parameters = take_parameters(r, s.dscp_map);
    r.claim(is_possible(s.parameters, s.dscp_map));
    const auto size = r.take<std::uint16_t>();
    r.claim(size <= s.keymat.capacity);
    if (r.ok()) s.keymat = secret<256>{r.take_octets(size)};
    s.number = r.take<sequence64>();
    s.used = take_usage(r);
    if (r.is_short()) return std::unexpected{errc::snapshot_truncated};
    if (!r.ok() || r.left() != 0) return std::unexpected{errc::bad_snapshot};
    return s;
}
}  // namespace detail

/// Writes down everything, and plans `reserve` more numbers for the SA, which `confirm` gives to it.
///
/// @param largest_packet  octets that one packet uses up of the lifetimes at most: what is restored has used that for each number
///                        set apart. The default is the most that an IP packet without jumbo option can have
/// @return `errc::keys_not_exportable`: nothing is planned then
// req: rfc4303-3.3.3-4
template <suite Suite>
[[nodiscard]] auto take(outbound<Suite>& sa, std::uint64_t reserve, instant now, std::uint32_t largest_packet = 65535) noexcept
    -> result<snapshot> {
    if (!sa.parameters().exportable) return std::unexpected{errc::keys_not_exportable};
    const std::uint64_t last = sa.last_sequence().value();
    auto s = detail::take(sa, snapshot::way::outbound, sa.reserve(reserve), now);
    if (!s) return s;
    const std::uint64_t ahead = s->number.value() - last;
    s->used.packets = detail::sum(s->used.packets, ahead);
    s->used.octets = detail::sum(s->used.octets, detail::product(ahead, largest_packet));
    return s;
}
/// Writes down everything, and plans to take numbers up to `jump` behind the highest one so far, which `confirm` allows.
/// @return `errc::keys_not_exportable`: nothing is planned then
template <suite Suite, window Window>
[[nodiscard]] auto take(inbound<Suite, Window>& sa, std::uint64_t jump, instant now) noexcept -> result<snapshot> {
    if (!sa.parameters().exportable) return std::unexpected{errc::keys_not_exportable};
    return detail::take(sa, snapshot::way::inbound, sa.reserve(jump), now);
}
/// The octets of `s` are stored for good, in place of those before: the SA goes on up to the number in `s`.
///
/// @param s  as `take` gave it, not as `parse` did
/// @pre `s` is what a restart would restore
/// @return `errc::bad_snapshot`, and nothing has changed: `s` is not the snapshot of `sa` that was taken last
// req: rfc4303-3.3.3-4
template <class Sa>
[[nodiscard]] auto confirm(Sa& sa, const snapshot& s) noexcept -> result<void> {
    constexpr bool is_inbound = requires { sa.window(); };
    const bool is_same = (s.direction == snapshot::way::inbound) == is_inbound && s.parameters.id == sa.parameters().id;
    if (!is_same || !sa.confirm({s.number, s.turn})) return std::unexpected{errc::bad_snapshot};
    return {};
}

/// As octets that anybody can read and change: for a place that only the right ones reach. `sealed_snapshot.hpp` has the other.
/// @param out  at least `snapshot::max_size` octets, which the caller wipes after use
/// @return the octets written, at the front of `out`; `errc::unknown_algorithm`: `parameters.transform` is no pair that there is;
///         `errc::bad_snapshot`: no room, or values that `parse` would refuse. After a fault `out` is zero
[[nodiscard]] inline auto emit(const snapshot& s, byte_span out) noexcept -> result<byte_view> {
    wire::writer w{out};
    detail::put_header(w, detail::packet_sa_form, detail::seal_kind::open);
    if (const auto ok = detail::put_body(w, s); !ok) {
        wipe(out);
        return std::unexpected{ok.error()};
    }
    (void)detail::put_length(w, w.size());
    return w.written();
}
/// @return `errc::snapshot_truncated`, `snapshot_version`, `bad_snapshot`; `snapshot_key` for one that is sealed
[[nodiscard]] inline auto parse(byte_view in) noexcept -> result<snapshot> {
    const auto kind = detail::read_header(in, detail::packet_sa_form);
    if (!kind) return std::unexpected{kind.error()};
    if (*kind != detail::seal_kind::open) return std::unexpected{errc::snapshot_key};
    return detail::take_body(in.subspan(detail::snapshot_header_size));
}

/// Makes the SA again.
///
/// @param s     of the direction of `Sa`, an `outbound` or `inbound`
/// @param suite made from `s.parameters.transform`
/// @param now   in the time of the new process
/// @param away  how long the SA was not there: taken off its lifetimes
/// @return `errc::bad_snapshot` for the other direction, or where a `dscp_map` or the sizes of `tfc` were left behind;
///         `errc::sequence_exhausted` when there is no number behind those set apart; what `Sa::make` finds
template <class Sa, rng R>
[[nodiscard]] auto restore(const snapshot& s, typename Sa::suite_type suite, R& random, instant now, duration away = {}) noexcept
    -> result<Sa> {
    constexpr bool is_inbound = requires(Sa& sa) { sa.window(); };
    if ((s.direction == snapshot::way::inbound) != is_inbound || s.dscp_map.has_value() != (s.parameters.tunnel.map != nullptr))
        return std::unexpected{errc::bad_snapshot};
    if (s.parameters.tfc.what == tfc_policy::kind::to_sizes && s.parameters.tfc.sizes.empty())
        return std::unexpected{errc::bad_snapshot};
    auto sa = Sa::make(s.parameters, std::move(suite), s.keymat.view(), random, now);
    if (!sa) return sa;
    const auto end = sequence_counter{s.parameters.extended_sequence}.last_number();
    if (s.number > end) return std::unexpected{errc::bad_snapshot};
    if constexpr (!is_inbound) {
        const bool rolls_over = sa->numbers().left() > end.value();
        if (s.number == end && !rolls_over) return std::unexpected{errc::sequence_exhausted};
    }
    sa->resume_at(s.number);
    (void)sa->reserve(0);
    lifetime_usage used = s.used;
    const auto later = [away](duration left) { return left == lifetime_usage::unlimited ? left : left - away; };
    used.soft_left = later(used.soft_left);
    used.hard_left = later(used.hard_left);
    sa->lifetime().resume(used, now);
    return sa;
}

}  // namespace ipsec::sa
