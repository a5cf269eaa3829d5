#pragma once
/// What a cipher asks of its IVs, as types: a source of IVs says what it promises, and a mode takes no other.
#include <concepts>
#include <cstdint>

#include "ipsec/core/bytes.hpp"
#include "ipsec/core/rng.hpp"
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/wire/big_endian.hpp"

namespace ipsec::crypto {

enum class iv_promise : std::uint8_t {
    unpredictable = 1,  ///< nobody knows the next one before it is used: CBC              RFC 2405 §3, RFC 2451 §3, RFC 3602 §3
    never_repeating,    ///< no two packets under one key have the same: counter modes     RFC 3686 §3.1, RFC 4106 §3.1
};

/// Where the IVs of one SA come from: made with its scratch, asked once per packet. `take` may throw; a suite fences it.
template <class I>
concept iv_source = std::movable<I> && requires(I& ivs, rng_archetype& random, std::uint64_t sequence, byte_span iv) {
    { I::promise } -> std::convertible_to<iv_promise>;
    { I::make(random) } noexcept -> std::same_as<result<I>>;
    { ivs.take(sequence, iv) } -> std::same_as<void>;  // fills all of `iv`
};
template <class I> concept unpredictable_ivs = iv_source<I> && I::promise == iv_promise::unpredictable;
template <class I> concept never_repeating_ivs = iv_source<I> && I::promise == iv_promise::never_repeating;

/// The 64-bit sequence number, which an SA never uses twice. It is known beforehand, so it is nothing for CBC.
// req: rfc3686-2.1-1, rfc3686-3.1-2, rfc3686-4-4, rfc4309-2-7, rfc4309-3.1-2, rfc4309-4-3, rfc8750-4-1
class sequence_ivs {
public:
    static constexpr iv_promise promise = iv_promise::never_repeating;
    template <rng Rng>
    [[nodiscard]] static auto make(Rng&) noexcept -> result<sequence_ivs> { return sequence_ivs{}; }
    /// @pre `iv.size() == 8`
    static void take(std::uint64_t sequence, byte_span iv) noexcept { wire::store(iv, sequence); }
};
static_assert(never_repeating_ivs<sequence_ivs>);

}  // namespace ipsec::crypto
