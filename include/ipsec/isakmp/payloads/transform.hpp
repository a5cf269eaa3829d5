#pragma once
#include "ipsec/isakmp/attribute.hpp"
#include "ipsec/isakmp/doi.hpp"

namespace ipsec::isakmp {

/// One mechanism of a proposal.                                                         RFC 2408 §3.6
struct transform {
    static constexpr payload_type type = payload_type::transform;
    std::uint8_t number = 1;
    transform_number id = 0;  ///< its meaning depends on the protocol of the proposal
    attribute_list attributes{};

    /// @return `errc::truncated`, `errc::reserved_not_zero` (RESERVED2), or what is wrong with the attributes:
    ///         `errc::length_past_end`, `errc::too_many_attributes`
    [[nodiscard]] static constexpr auto parse(byte_view body,
                                              std::size_t attribute_limit = attribute_list::default_limit) noexcept
        -> result<transform> {
        wire::reader r{body};
        transform t;
        t.number = r.take<std::uint8_t>();
        t.id = r.take<transform_number>();
        const auto reserved2 = r.take<std::uint16_t>();
        if (!r.ok()) return std::unexpected{errc::truncated};
        if (reserved2 != 0) return std::unexpected{errc::reserved_not_zero};  // req: rfc2408-2.5.2-2
        const auto list = attribute_list::parse(r.take_rest(), attribute_limit);
        if (!list) return std::unexpected{list.error()};
        t.attributes = *list;
        return t;
    }
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return 4 + attributes.octets().size(); }
    constexpr void emit(wire::writer& w) const noexcept {
        w.put(number).put(id).put(std::uint16_t{0}).put_octets(attributes.octets());
    }
    /// Number, id and attributes in order, whatever their encodings.
    friend constexpr auto operator==(const transform& a, const transform& b) noexcept -> bool {
        return a.number == b.number && a.id == b.id && a.attributes == b.attributes;
    }
};

}  // namespace ipsec::isakmp
