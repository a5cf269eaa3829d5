#pragma once
/// Mode Config: one end asks the other for an address and what goes with it, or is told.   draft-dukes-ike-mode-cfg-02
#include "ipsec/ike/v1/dialogue.hpp"
#include "ipsec/ike/v1/transaction.hpp"

namespace ipsec::ike::v1::mode_config {

/// The attributes of a message, XAUTH's aside. Reserved ones that nobody knows and private ones are kept: the user may know them.
/// @return `errc::malformed` when a value has not the length of its attribute
[[nodiscard]] inline auto read(const isakmp::attribute_list& list) -> result<configuration> {
    configuration c;
    for (const isakmp::attribute a : list) {
        if (isakmp::is_xauth(a.type)) continue;
        const auto type = static_cast<isakmp::config_attribute>(a.type);
        const auto size = isakmp::config_value_size(type);
        if (size && !a.value.empty() && a.value.size() != *size) return std::unexpected{errc::malformed};
        if (type == isakmp::config_attribute::supported_attributes && a.value.size() % 2 != 0)
            return std::unexpected{errc::malformed};
        c.add(type, a.value);
    }
    return c;
}

/// @return `errc::limit_reached` when it is too much for one message, `errc::malformed` for a value of a wrong length
[[nodiscard]] inline auto write(isakmp::config_message message, std::uint16_t identifier, const configuration& c)
    -> result<transaction::content> {
    transaction::content out{.message = message, .identifier = identifier, .attributes = {}};
    for (const configuration::item& i : c.items) {
        const auto size = isakmp::config_value_size(i.type);
        if (size && !i.value.empty() && i.value.size() != *size) return std::unexpected{errc::malformed};
        if (!out.put(i.type, byte_view{i.value})) return std::unexpected{errc::limit_reached};
    }
    return out;
}
/// What an ACK says of a SET: the attributes that were taken, without values.                            §2
[[nodiscard]] inline auto taken(const configuration& set) -> configuration {
    configuration c;
    for (const configuration::item& i : set.items) c.add(i.type);
    return c;
}
/// A server gives no more addresses than it was asked for, nothing but attributes with values, and a netmask only beside an
/// address.                                                                                            §3.4
[[nodiscard]] inline auto answer(const configuration& asked, const configuration& given) -> configuration {
    using enum isakmp::config_attribute;
    configuration c;
    const auto count = [](const configuration& of, isakmp::config_attribute a) {
        return std::ranges::count(of.items, a, &configuration::item::type);
    };
    for (const configuration::item& i : given.items) {
        if (i.value.empty()) continue;
        const bool address = i.type == internal_ip4_address || i.type == internal_ip6_address;
        if (address && count(c, i.type) >= count(asked, i.type)) continue;
        if (i.type == internal_ip4_netmask && !given.has(internal_ip4_address)) continue;
        if (i.type == internal_ip6_netmask && !given.has(internal_ip6_address)) continue;
        if ((i.type == internal_ip4_netmask || i.type == internal_ip6_netmask) && c.has(i.type)) continue;
        c.items.push_back(i);
    }
    return c;
}

}  // namespace ipsec::ike::v1::mode_config
