#pragma once
/// An SA as its receiver holds it.                                                             RFC 2401 §4.4.3, RFC 2406 §3.4
#include <utility>

#include "ipsec/core/rng.hpp"
#include "ipsec/sa/kept_keymat.hpp"
#include "ipsec/sa/lifetime.hpp"
#include "ipsec/sa/parameters.hpp"
#include "ipsec/sa/replay_window.hpp"
#include "ipsec/sa/sequence.hpp"
#include "ipsec/sa/suite.hpp"

namespace ipsec::sa {

/// For SAs of a type that has no anti-replay: it only follows the highest number, which extended numbers need.
class no_window {
public:
    using admission = admission_to<no_window>;
    [[nodiscard]] static constexpr auto make(std::size_t) noexcept -> result<no_window> { return no_window{}; }
    [[nodiscard]] constexpr auto check(sequence64 s) const noexcept -> result<admission> { return admission{s}; }
    [[nodiscard]] constexpr auto commit(admission a) noexcept -> result<void> {
        if (a.number() > top_) top_ = a.number();
        return {};
    }
    [[nodiscard]] constexpr auto top() const noexcept -> sequence64 { return top_; }
    [[nodiscard]] static constexpr auto width() noexcept -> std::size_t { return 32; }
    constexpr void resume_at(sequence64 top) noexcept { top_ = top; }

private:
    sequence64 top_{};
};

/// Parameters, keys, the window and the lifetimes of one inbound SA.
///
/// A window type of fixed width does not go with a suite whose type says that it does not authenticate; where only the run time
/// knows, `make` refuses.
template <suite Suite, window Window = dynamic_window>
    requires(std::same_as<Window, no_window> || !never_authenticates<Suite>)
class inbound {
public:
    using suite_type = Suite;
    using keys_type = typename Suite::keys;
    using scratch_type = typename Suite::scratch;
    static constexpr sa::protocol protocol = protocol_of<Suite>;

    /// Proof that a number passed `check()`: for `commit()` alone, once. A moved-from one proves nothing any more, and one that
    /// nobody gave proves nothing yet.
    class admission {
    public:
        admission() noexcept = default;
        admission(const admission&) = delete;
        auto operator=(const admission&) -> admission& = delete;
        admission(admission&& other) noexcept : number_{other.number_}, is_good_{std::exchange(other.is_good_, false)} {}
        auto operator=(admission&& other) noexcept -> admission& {
            number_ = other.number_;
            is_good_ = std::exchange(other.is_good_, false);
            return *this;
        }
        /// All 64 bits, as the ICV of extended numbers covers them.
        [[nodiscard]] auto sequence() const noexcept -> sequence64 { return number_; }

    private:
        friend inbound;
        explicit admission(sequence64 number) noexcept : number_{number}, is_good_{true} {}
        sequence64 number_{};
        bool is_good_ = false;
    };

    /// @param keymat  as many octets as the suite asks for, salt included
    /// @param now     the lifetimes run from here; they end with what one key of the suite may protect, if not before
    /// @return as `validate`; `errc::bad_window`: the width does not fit the type, or `no_window` with anti-replay on; a fault of
    ///        the suite
    template <rng R>
    [[nodiscard]] static auto make(sa::parameters p, Suite s, byte_view keymat, R& random, instant now) noexcept
        -> result<inbound> {
        if (const auto ok = validate(p, s); !ok) return std::unexpected{ok.error()};
        if (std::same_as<Window, no_window> && p.anti_replay) return std::unexpected{errc::bad_window};
        auto w = Window::make(p.window);
        if (!w) return std::unexpected{w.error()};
        auto keys = s.make_keys(keymat);
        if (!keys) return std::unexpected{from(keys.error())};
        auto scratch = s.make_scratch(*keys, random);
        if (!scratch) return std::unexpected{from(scratch.error())};
        kept_keymat kept;
        if (p.exportable && !kept.keep(keymat)) return std::unexpected{errc::database_full};
        return inbound{std::move(p), std::move(s),    std::move(*keys), std::move(*scratch),
                       std::move(*w), std::move(kept), now};
    }

    /// Judges the number on the wire before the ICV is looked at; changes nothing.
    /// @return `errc::zero_sequence`, `left_of_window`, `replayed`, `before_first_subspace`; with anti-replay off only the last,
    ///         and that with extended numbers only
    // req: rfc2406-3.4.3-6, rfc2406-3.4.3-7, rfc2402-3.4.3-5, rfc2402-3.4.3-6
    [[nodiscard]] auto check(sequence32 low) const noexcept -> result<admission> {
        admission a;
        if (const errc fault = check_into(low, a); fault != no_fault) return std::unexpected{fault};
        return a;
    }
    /// As `check`, on the way of every packet: a `result` would be written in pieces and read back whole, which waits for the
    /// pieces.
    /// @param into  on success, the admission
    /// @return `no_fault`, or as `check`
    [[nodiscard, gnu::always_inline]] auto check_into(sequence32 low, admission& into) const noexcept -> errc {
        sequence64 number{low.value()};
        if (parameters_.extended_sequence) {
            const auto whole = recover(low, window_.top(), static_cast<std::uint32_t>(window_.width()));
            if (!whole) return whole.error();
            number = *whole;
        }
        if (parameters_.anti_replay)
            if (const auto ok = window_.check(number); !ok) return ok.error();
        into = admission{number};
        return no_fault;
    }
    /// After the ICV: judges again, marks the number, and moves the window if the number lies to the right.
    /// @return as `check`; `errc::reserve_used`: the number lies behind what the last confirmed snapshot covers, and a restart
    ///         would let it in again (never for an SA of which no snapshot was taken, nor with anti-replay off). Nothing has
    ///         changed then
    // req: rfc2406-3.4.3-12, rfc2402-3.4.3-11
    [[nodiscard]] auto commit(admission a) noexcept -> result<void> {
        if (!a.is_good_) return std::unexpected{errc::replayed};  // an admission that was used or moved from
        resync_.reset();
        if (parameters_.anti_replay) {
            auto ticket = window_.check(a.number_);
            if (!ticket) return std::unexpected{ticket.error()};
            if (a.number_.value() > covered_) [[unlikely]] return std::unexpected{errc::reserve_used};
            return window_.commit(std::move(*ticket));
        }
        if (parameters_.extended_sequence && a.number_ > window_.top()) window_.resume_at(a.number_);
        return {};
    }
    /// Uses up one packet and `octets` of the lifetimes. @return false: they are over, and the packet is to be dropped
    [[nodiscard]] auto charge(std::size_t octets, instant now) noexcept -> bool { return lifetime_.charge(octets, now); }

    [[nodiscard]] auto suite() const noexcept -> const Suite& { return suite_; }
    [[nodiscard]] auto keys() const noexcept -> const keys_type& { return keys_; }
    [[nodiscard]] auto scratch() noexcept -> scratch_type& { return scratch_; }
    /// Of the suite, asked when the SA was made.
    [[nodiscard]] auto sizes() const noexcept -> const suite_sizes& { return sizes_; }
    [[nodiscard]] auto parameters() const noexcept -> const sa::parameters& { return parameters_; }
    [[nodiscard]] auto lifetime() noexcept -> sa::lifetime& { return lifetime_; }
    [[nodiscard]] auto lifetime() const noexcept -> const sa::lifetime& { return lifetime_; }
    [[nodiscard]] auto window() const noexcept -> const Window& { return window_; }
    /// `top` and every number before it count as seen: for tests, and for state that was kept across a restart.
    void resume_at(sequence64 top) noexcept { window_.resume_at(top); }
    /// Plans to take numbers up to `n` behind the top of the window; none behind them is taken from here on, and none that could
    /// not be taken before, until `confirm`: what `take` does.
    auto reserve(std::uint64_t n) noexcept -> number_plan {
        const std::uint64_t top = window_.top().value();
        const std::uint64_t end = sequence_counter{parameters_.extended_sequence}.last_number().value();
        const std::uint64_t to = n < end - top ? top + n : end;
        if (to < covered_) covered_ = to;
        return plan_ = {sequence64{to}, plan_.turn + 1};
    }
    /// `plan` is written down where a restart finds it: its numbers may be taken.
    /// @return false, and nothing has changed, when `plan` is not the last one
    auto confirm(const number_plan& plan) noexcept -> bool {
        if (plan != plan_ || plan.turn == 0) return false;
        covered_ = plan.last.value();
        return true;
    }

    /// An ICV did not hold. Nothing of the window changes.                                    RFC 4303 App. A3.1
    void note_unauthentic() noexcept { resync_.note_unauthentic(); }
    /// Whether so many ICVs in a row did not hold that the next packet is tried in later subspaces.
    [[nodiscard]] auto is_resync_due() const noexcept -> bool { return resync_.is_due(); }
    /// Looks for the subspace in which a packet is genuine, behind the one in which `check` puts it.          RFC 4303 App. A3.2
    ///
    /// @param try_number  `sequence64 -> bool`: whether the ICV of the packet holds under that whole number; called at most
    ///                    `parameters().resync.ahead` times
    /// @return whether it was found: everything before the packet counts as seen then, and `check` admits it. The window is
    ///         as it was otherwise. In both cases the next attempt is as many failures away as the policy says.
    // req: rfc4303-3.4.3-7, rfc4302-3.4.3-6
    template <std::predicate<sequence64> Try>
    auto resynchronise(sequence32 low, Try&& try_number) noexcept -> bool {
        resync_.reset();
        const auto expected = recover(low, window_.top(), static_cast<std::uint32_t>(window_.width()));
        std::uint64_t number = expected ? expected->value() : low.value();
        for (std::uint32_t i = 0; i < parameters_.resync.ahead; ++i) {
            if (number > std::numeric_limits<std::uint64_t>::max() - subspace) break;
            number += subspace;
            if (number <= window_.top().value() || !try_number(sequence64{number})) continue;
            window_.resume_at(sequence64{number - 1});
            return true;
        }
        return false;
    }
    /// What the keys were made of; empty unless the SA is exportable.
    [[nodiscard]] auto keymat() const noexcept -> byte_view { return kept_.view(); }

private:
    static constexpr std::uint64_t subspace = std::uint64_t{1} << 32;
    static constexpr std::uint64_t all_numbers = std::numeric_limits<std::uint64_t>::max();

    inbound(sa::parameters p, Suite s, keys_type k, scratch_type t, Window w, kept_keymat kept, instant now) noexcept
        : parameters_{std::move(p)},
          suite_{std::move(s)},
          sizes_{sizes_of(suite_)},
          keys_{std::move(k)},
          scratch_{std::move(t)},
          window_{std::move(w)},
          resync_{parameters_.extended_sequence ? parameters_.resync.after : 0},
          lifetime_{capped(parameters_.lifetimes, crypto::limits_of(suite_)), now},
          kept_{std::move(kept)} {}

    sa::parameters parameters_;
    Suite suite_;
    suite_sizes sizes_;
    keys_type keys_;
    scratch_type scratch_;
    Window window_;
    std::uint64_t covered_ = all_numbers;  ///< the last number that a restart would count as seen
    number_plan plan_;                     ///< of the last `reserve`
    resync_trigger resync_;
    sa::lifetime lifetime_;
    kept_keymat kept_;
};

}  // namespace ipsec::sa
