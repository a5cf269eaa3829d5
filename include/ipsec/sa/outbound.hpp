#pragma once
/// An SA as its sender holds it.                                                               RFC 2401 §4.4.3, RFC 2406 §3.3
#include <utility>

#include "ipsec/core/rng.hpp"
#include "ipsec/ip/outer_header.hpp"
#include "ipsec/sa/kept_keymat.hpp"
#include "ipsec/sa/lifetime.hpp"
#include "ipsec/sa/parameters.hpp"
#include "ipsec/sa/path_mtu.hpp"
#include "ipsec/sa/sequence_policy.hpp"
#include "ipsec/sa/suite.hpp"

namespace ipsec::sa {

/// Parameters, keys, the counter and the lifetimes of one outbound SA. Distinct SAs may be used from distinct threads; one may
/// not: threads that share one have an object each, and a `Sequence` that says so.
template <suite Suite, sequence_policy Sequence = sequence_counter>
class outbound {
public:
    using suite_type = Suite;
    using sequence_type = Sequence;
    using keys_type = typename Suite::keys;
    using scratch_type = typename Suite::scratch;
    static constexpr sa::protocol protocol = protocol_of<Suite>;

    /// @param keymat  as many octets as the suite asks for, salt included
    /// @param now     the lifetimes run from here; they end with what one key of the suite may protect, if not before
    /// @return as `validate`; `errc::family_mismatch` for tunnel ends of different IP versions; a fault of the suite
    /// The counter stops before it wraps, unless nobody looks at it: anti-replay is off and the cipher is no counter mode.
    // req: rfc2406-3.3.3-1, rfc2402-3.3.2-1
    template <rng R>
    [[nodiscard]] static auto make(sa::parameters p, Suite s, byte_view keymat, R& random, instant now) noexcept
        -> result<outbound>
        requires std::same_as<Sequence, sequence_counter>
    {
        const auto end = !p.anti_replay && !is_counter_mode(s) ? sequence_counter::at_end::roll_over
                                                               : sequence_counter::at_end::stop;
        const sequence_counter numbers{p.extended_sequence, end};
        return make(std::move(p), std::move(s), keymat, random, now, numbers);
    }
    /// As above, with numbers from elsewhere; of limits in kilobytes and packets it has its part where others have the same key
    /// and share them. @return also `errc::sequence_mismatch`: 32 bits of one, 64 of the other
    template <rng R>
    [[nodiscard]] static auto make(sa::parameters p, Suite s, byte_view keymat, R& random, instant now, Sequence numbers) noexcept
        -> result<outbound> {
        if (const auto ok = validate(p, s); !ok) return std::unexpected{ok.error()};
        if (numbers.last_number() != sequence_counter{p.extended_sequence}.last_number())
            return std::unexpected{errc::sequence_mismatch};
        if (p.source.family() != p.id.destination.family()) return std::unexpected{errc::family_mismatch};
        auto keys = s.make_keys(keymat);
        if (!keys) return std::unexpected{from(keys.error())};
        auto scratch = s.make_scratch(*keys, random);
        if (!scratch) return std::unexpected{from(scratch.error())};
        kept_keymat kept;
        if (p.exportable && !kept.keep(keymat)) return std::unexpected{errc::database_full};
        return outbound{std::move(p),         std::move(s),    std::move(*keys), std::move(*scratch),
                        std::move(numbers), std::move(kept), now};
    }

    /// The number of the next packet, used up from now on even if the packet is never sent. When few are left, the soft lifetime
    /// is over, so that a new SA is there before the last one.                                RFC 2406 §3.3.3
    /// @return `errc::sequence_exhausted` once the counter would wrap; that ends the life of the SA. `errc::reserve_used`: the
    ///         numbers set apart by `reserve` are used up, and the SA goes on once a snapshot is stored and confirmed
    [[nodiscard, gnu::always_inline]] auto next_sequence() noexcept -> result<sequence64> {
        const auto s = counter_.next();
        if (!s || counter_.is_low()) [[unlikely]] {
            if (s) lifetime_.grow_old();
            else if (s.error() == errc::sequence_exhausted) lifetime_.end();
        }
        return s;
    }
    /// Uses up one packet and `octets` of the lifetimes.
    /// @return false: they are over, and the packet is not to be sent
    [[nodiscard]] auto charge(std::size_t octets, instant now) noexcept -> bool { return lifetime_.charge(octets, now); }

    [[nodiscard]] auto suite() const noexcept -> const Suite& { return suite_; }
    [[nodiscard]] auto keys() const noexcept -> const keys_type& { return keys_; }
    [[nodiscard]] auto scratch() noexcept -> scratch_type& { return scratch_; }
    /// What all packets of the SA have alike, made when it was.
    [[nodiscard]] auto sizes() const noexcept -> const suite_sizes& { return sizes_; }
    [[nodiscard]] auto outer() const noexcept -> const ip::outer_header& { return outer_; }
    [[nodiscard]] auto parameters() const noexcept -> const sa::parameters& { return parameters_; }
    void set_encapsulation(udp_encapsulation e) noexcept {
        parameters_.encapsulation = e;
        path_.set_fits(0);
    }
    [[nodiscard]] auto path() noexcept -> path_mtu& { return path_; }
    [[nodiscard]] auto path() const noexcept -> const path_mtu& { return path_; }
    [[nodiscard]] auto lifetime() noexcept -> sa::lifetime& { return lifetime_; }
    [[nodiscard]] auto lifetime() const noexcept -> const sa::lifetime& { return lifetime_; }
    [[nodiscard]] auto last_sequence() const noexcept -> sequence64 { return counter_.last(); }
    /// The next number is the one after `last`: for tests, and for state that was kept across a restart.
    void resume_at(sequence64 last) noexcept
        requires std::same_as<Sequence, sequence_counter>
    {
        counter_.resume_at(last);
    }
    /// As `sequence_counter::reserve`: what `take` does.
    auto reserve(std::uint64_t n) noexcept -> number_plan
        requires std::same_as<Sequence, sequence_counter>
    {
        return counter_.reserve(n);
    }
    /// As `sequence_counter::confirm`: what `sa::confirm` does.
    auto confirm(const number_plan& plan) noexcept -> bool
        requires std::same_as<Sequence, sequence_counter>
    {
        return counter_.confirm(plan);
    }
    [[nodiscard]] auto numbers() const noexcept -> const Sequence& { return counter_; }
    /// For `given_sequence`: where the user hands in numbers.
    [[nodiscard]] auto numbers() noexcept -> Sequence& { return counter_; }
    /// What the keys were made of; empty unless the SA is exportable.
    [[nodiscard]] auto keymat() const noexcept -> byte_view { return kept_.view(); }

private:
    outbound(sa::parameters p, Suite s, keys_type k, scratch_type t, Sequence numbers, kept_keymat kept, instant now) noexcept
        : parameters_{std::move(p)},
          outer_{parameters_.source, parameters_.id.destination, header_of<Suite>, parameters_.tunnel},
          suite_{std::move(s)},
          sizes_{sizes_of(suite_)},
          keys_{std::move(k)},
          scratch_{std::move(t)},
          counter_{std::move(numbers)},
          lifetime_{part_of(capped(parameters_.lifetimes, crypto::limits_of(suite_)), sharers_of(counter_)), now},
          kept_{std::move(kept)} {}

    sa::parameters parameters_;
    ip::outer_header outer_;
    Suite suite_;
    suite_sizes sizes_;
    keys_type keys_;
    scratch_type scratch_;
    Sequence counter_;
    sa::lifetime lifetime_;
    kept_keymat kept_;
    path_mtu path_;
};

}  // namespace ipsec::sa
