#pragma once
/// A policy as the language says it: what `ip xfrm policy add` takes and `ip xfrm policy` lists.   RFC 2401 §4.4.1, §4.4.2
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "ipsec/core/static_vector.hpp"
#include "ipsec/ip/selector.hpp"
#include "ipsec/policy/entry.hpp"
#include "ipsec/sa/id.hpp"
#include "ipsec/xfrm/state.hpp"

namespace ipsec::xfrm {

/// One SA that a policy asks for. Several are a bundle, the one applied first in front.        RFC 2401 §4.3
struct policy_template {
    std::optional<ip::address> source;       ///< absent: any. In transport mode the kernel does not look at the two
    std::optional<ip::address> destination;
    sa::protocol protocol = sa::protocol::esp;
    sa::spi spi;                             ///< 0: any
    std::uint32_t reqid = 0;                 ///< out: that of the state. In: 0 takes a state of any
    sa::mode mode = sa::mode::transport;
    std::optional<ip::family> family{};      ///< of both ends, where both are any; absent: that of the packet by then
    friend constexpr auto operator==(const policy_template&, const policy_template&) noexcept -> bool = default;
};

/// The addresses of a policy with bits behind their prefix, as `10.0.0.1/8` has them. They say nothing of which packets it fits,
/// but to the kernel two policies that differ in them are two.
struct written_addresses {
    std::optional<ip::address> source, destination;  ///< absent: no such bits
    friend constexpr auto operator==(const written_addresses&, const written_addresses&) noexcept -> bool = default;
};

struct policy_rule {
    /// Characters of the longest text form, the line feeds included.
    static constexpr std::size_t max_text = 1536;

    xfrm::direction direction = direction::out;
    ip::selector selectors;
    written_addresses written;
    bool allow = true;           ///< `action`: allow, which with templates means apply, or block
    std::uint32_t priority = 0;  ///< the least goes first; among equals, the one that was added first
    static_vector<policy_template, policy::max_protections> templates;
    source_line line;
    friend constexpr auto operator==(const policy_rule&, const policy_rule&) noexcept -> bool = default;
};

}  // namespace ipsec::xfrm
