#pragma once
/// What policy does with a packet.                                                             RFC 2401 §4.4.1
#include <cstdint>
#include <string_view>

namespace ipsec::policy {

enum class action : std::uint8_t {
    discard = 1,  ///< must not leave, enter, or be delivered
    bypass,       ///< passes without IPsec
    apply,        ///< gets the protections of the entry
};

[[nodiscard]] constexpr auto name_of(action a) noexcept -> std::string_view {
    switch (a) {
        case action::discard: return "discard";
        case action::bypass: return "bypass";
        case action::apply: return "apply";
    }
    return "unknown action";
}

}  // namespace ipsec::policy
