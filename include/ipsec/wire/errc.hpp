#pragma once
#include "ipsec/core/result.hpp"

namespace ipsec::wire {

/// What can be wrong with octets before anybody asks what they mean.
enum class errc : std::uint8_t {
    truncated = 1,  ///< fewer octets than the field, the header or the length field asks for
    trailing,       ///< octets left over where none may be
    overflow,       ///< the output has no room
};
template <class T> using result = std::expected<T, errc>;

[[nodiscard]] constexpr auto condition_of(errc e) noexcept -> condition {
    return e == errc::overflow ? condition::misuse : condition::malformed;
}
[[nodiscard]] constexpr auto name_of(errc e) noexcept -> std::string_view {
    switch (e) {
        case errc::truncated: return "truncated";
        case errc::trailing: return "octets left over";
        case errc::overflow: return "no room in the output";
    }
    return "unknown wire error";
}

}  // namespace ipsec::wire
