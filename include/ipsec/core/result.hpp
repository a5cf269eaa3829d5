#pragma once
/// How calls fail: one `errc` per layer, and a handful of conditions that callers branch on.
///
/// Each layer's namespace has `enum class errc : std::uint8_t`, `template <class T> using result = std::expected<T, errc>`,
/// `condition_of(errc)` and `name_of(errc)`. No code has the value 0.
#include <cstdint>
#include <expected>
#include <string_view>

namespace ipsec {

/// What a caller does about a failure. `misuse` is the caller's bug and never depends on what a peer sent.
enum class condition : std::uint8_t {
    malformed = 1,    ///< octets that do not parse
    replay,           ///< a number that was seen, or is too old to judge
    unauthenticated,  ///< ICV, HASH or cookie does not hold
    policy,           ///< well formed and genuine, but not allowed
    unsupported,      ///< known to the protocol, not to this build or configuration
    exhausted,        ///< a counter, a lifetime, a limit or a buffer is used up
    misuse,           ///< the caller broke a precondition
    failed,           ///< a provider (crypto, randomness, I/O) failed
};

[[nodiscard]] constexpr auto name_of(condition c) noexcept -> std::string_view {
    switch (c) {
        case condition::malformed: return "malformed";
        case condition::replay: return "replay";
        case condition::unauthenticated: return "unauthenticated";
        case condition::policy: return "policy";
        case condition::unsupported: return "unsupported";
        case condition::exhausted: return "exhausted";
        case condition::misuse: return "misuse";
        case condition::failed: return "failed";
    }
    return "unknown condition";
}

}  // namespace ipsec
