#pragma once
#include "ipsec/isakmp/config_attribute.hpp"

namespace ipsec::isakmp {

/// The Attributes payload of a Transaction exchange.                                     draft-dukes-ike-mode-cfg-02 §3.2
///
///     Type | RESERVED | Identifier
///     Attributes
struct attributes {
    static constexpr payload_type type = payload_type::attributes;
    config_message message = config_message::reserved;
    std::uint16_t identifier = 0;  ///< of a transaction, which may go over several exchanges
    attribute_list list{};         ///< views the input

    /// @return `errc::truncated`, `errc::reserved_not_zero`, `errc::length_past_end` (an attribute is cut: the payload is to be
    ///         discarded as a whole), `errc::too_many_attributes`
    [[nodiscard]] static constexpr auto parse(byte_view body) noexcept -> result<attributes> {
        wire::reader r{body};
        attributes a;
        a.message = r.take<config_message>();
        const auto reserved = r.take<std::uint8_t>();
        a.identifier = r.take<std::uint16_t>();
        if (!r.ok()) return std::unexpected{errc::truncated};
        if (reserved != 0) return std::unexpected{errc::reserved_not_zero};
        const auto list = attribute_list::parse(r.take_rest());
        if (!list) return std::unexpected{list.error()};
        a.list = *list;
        return a;
    }
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return 4 + list.octets().size(); }
    constexpr void emit(wire::writer& w) const noexcept {
        w.put(message).put(std::uint8_t{0}).put(identifier).put_octets(list.octets());
    }
    [[nodiscard]] constexpr auto find(config_attribute a) const noexcept -> std::optional<attribute> {
        return list.find(static_cast<std::uint16_t>(a));
    }
    friend constexpr auto operator==(const attributes&, const attributes&) noexcept -> bool = default;
};

}  // namespace ipsec::isakmp
