#pragma once
/// Randomness as a parameter.
#include <concepts>

#include "ipsec/core/bytes.hpp"

namespace ipsec {

/// Fills all of `out` with unpredictable octets, or says that it could not (then `out` is not to be used).
template <class R>
concept rng = requires(R& r, byte_span out) { { r.fill(out) } noexcept -> std::same_as<bool>; };

}  // namespace ipsec
