#pragma once
/// The SPD in its three pieces, decorrelated, so that what a look-up finds may be cached.       RFC 4301 §4.4.1
#include "ipsec/policy/decorrelate.hpp"
#include "ipsec/policy/inbound_check.hpp"

namespace ipsec::policy {

/// The pieces of an SPD.
enum class spd_part : std::uint8_t {
    secure = 1,  ///< SPD-S: what IPsec protects, in both directions
    outbound,    ///< SPD-O: outbound packets that are bypassed or discarded
    inbound,     ///< SPD-I: inbound packets that are bypassed or discarded
};
[[nodiscard]] constexpr auto name_of(spd_part p) noexcept -> std::string_view {
    switch (p) {
        case spd_part::secure: return "SPD-S";
        case spd_part::outbound: return "SPD-O";
        case spd_part::inbound: return "SPD-I";
    }
    return "unknown part of the SPD";
}
/// The piece that an entry belongs to.
[[nodiscard]] constexpr auto part_of(action a, bool is_outbound) noexcept -> spd_part {
    if (a == action::apply) return spd_part::secure;
    return is_outbound ? spd_part::outbound : spd_part::inbound;
}

/// One piece, or the half of SPD-S for one direction. Looks things up as a `rule_list` does, so a `flow_cache` may stand in
/// front; the order of its parts does not matter. Each answer names the entry that the user wrote, of which the part was cut.
// req: rfc4301-4.4.1-15
class part_list {
public:
    part_list() noexcept = default;
    part_list(const decorrelated& whole, bool protects, std::uint64_t generation) : generation_{generation} {
        parts_.entries = whole.entries;
        parts_.users = whole.users;
        for (const auto& p : whole.pieces)
            if ((whole.entries[p.entry]->action == action::apply) == protects) parts_.pieces.push_back(p);
    }
    /// @return as `rule_list::lookup`. `errc::no_policy`: not in this piece; the other one may have it
    [[nodiscard]] auto lookup(const ip::flow& f, const io::metadata& m = {}) const noexcept -> result<hit> {
        const auto* const p = parts_.find(f, m);
        if (p == nullptr) return std::unexpected{errc::no_policy};
        if (p->verdict != ip::match::yes) return std::unexpected{errc::ports_unavailable};
        return hit{parts_.entries[p->entry], static_cast<std::uint32_t>(p->entry)};
    }
    [[nodiscard]] auto size() const noexcept -> std::size_t { return parts_.pieces.size(); }
    /// That of the ordered list: differs after every change of it.
    [[nodiscard]] auto generation() const noexcept -> std::uint64_t { return generation_; }

private:
    decorrelated parts_;
    std::uint64_t generation_ = 1;
};

/// Made of the two ordered lists of an SPD, into whose entries it points: it is made anew when they change. For policies of
/// hundreds of entries; a `rule_list` with the scalable classifier answers for any number without being split.
class split_spd {
public:
    /// The pieces bear the generations of the lists that they were cut of: a cache that stood in front of the last ones of the
    /// same `from` knows. One that stood in front of another's wants `clear`.
    /// @return `errc::too_many_boxes`, `errc::exhausted`
    template <class Spd>
    [[nodiscard]] static auto make(const Spd& from, const box_limits& most = {}) noexcept -> result<split_spd> {
        const auto out = in_order(from.outbound.entries()), in = in_order(from.inbound.entries());
        if (!out || !in) return std::unexpected{errc::exhausted};
        const auto leaving = decorrelate(*out, most), entering = decorrelate(*in, most);
        if (!leaving) return std::unexpected{leaving.error()};
        if (!entering) return std::unexpected{entering.error()};
        try {
            result<split_spd> s{std::in_place};
            s->secure_out_ = {*leaving, true, from.outbound.generation()};
            s->outbound_ = {*leaving, false, from.outbound.generation()};
            s->secure_in_ = {*entering, true, from.inbound.generation()};
            s->inbound_ = {*entering, false, from.inbound.generation()};
            return s;
        } catch (const std::bad_alloc&) {
            return std::unexpected{errc::exhausted};
        }
    }
    /// SPD-S, by direction; SPD-O; SPD-I.
    [[nodiscard]] auto secure(bool is_outbound) const noexcept -> const part_list& {
        return is_outbound ? secure_out_ : secure_in_;
    }
    [[nodiscard]] auto outbound() const noexcept -> const part_list& { return outbound_; }
    [[nodiscard]] auto inbound() const noexcept -> const part_list& { return inbound_; }

    /// Who decides an outbound packet: SPD-S, and where it has nothing, SPD-O. @return as `rule_list::lookup`
    [[nodiscard]] auto lookup(const ip::flow& f, const io::metadata& m = {}) const noexcept -> result<hit> {
        const auto secured = secure_out_.lookup(f, m);
        if (secured || secured.error() != errc::no_policy) return secured;
        return outbound_.lookup(f, m);
    }
    /// Who decides an inbound packet that came in the clear: SPD-I alone. What it does not have is discarded, and it has nothing
    /// that is to be protected.
    /// @return as `rule_list::lookup`; `errc::discarded`
    // req: rfc4301-4.4.1-4
    [[nodiscard]] auto check_clear(const ip::flow& f, const io::metadata& m = {}) const noexcept -> result<hit> {
        const auto found = inbound_.lookup(f, m);
        if (found && found->rule->action == action::discard) return std::unexpected{errc::discarded};
        return found;
    }
    /// Whether an inbound packet may have come the way it came: what came through SAs falls under SPD-S, where one entry alone
    /// has the packet, what came in the clear under SPD-I.
    /// @return as `spd::check_inbound`, but that the entry that has the packet decides alone: what a later one would allow is not
    ///         looked for, and the fault is that of the first
    // req: rfc4301-4.4.1-4, rfc2401-5.2.1-1
    [[nodiscard]] auto check_inbound(const ip::flow& f, const io::metadata& m, std::span<const applied> way) const noexcept
        -> result<hit> {
        auto found = secure_in_.lookup(f, m);
        if (!found && found.error() == errc::no_policy) found = inbound_.lookup(f, m);
        if (!found) return found;
        if (const auto ok = matches_bundle(*found->rule, way); !ok) return std::unexpected{ok.error()};
        return found;
    }

private:
    part_list secure_out_, secure_in_, outbound_, inbound_;
};

}  // namespace ipsec::policy
