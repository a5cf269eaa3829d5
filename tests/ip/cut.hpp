#pragma once
// Packets cut into fragments, as lists of octets.
#include <vector>

#include "ip/build.hpp"
#include "ipsec/ip/fragment.hpp"
#include "ipsec/ip/reassembly.hpp"

namespace ipsec::test {

inline void put16(byte_span out, std::size_t at, std::size_t v) { wire::store(out.subspan(at), static_cast<std::uint16_t>(v)); }

[[nodiscard]] inline auto pieces_of(octets packet, std::size_t mtu, std::uint32_t id = 0x01020304) -> std::vector<octets> {
    const auto cut = ip::fragmentation::plan(packet, mtu, id).value();
    std::vector<octets> out;
    for (std::size_t i = 0; i + 1 < cut.pieces(); ++i) {
        out.emplace_back(cut.size_of(i));
        cut.write(i, packet, out.back());
    }
    const auto begin = cut.write_last(packet);
    out.emplace_back(packet.begin() + static_cast<std::ptrdiff_t>(begin), packet.end());
    return out;
}

/// A packet with `payload` octets that count up, of either IP version. `protocol` is that of the payload.
[[nodiscard]] inline auto large(bool is_v6, std::size_t payload, std::uint8_t protocol = 50, std::string_view options = "",
                                std::uint8_t traffic_class = 0) -> octets {
    auto p = is_v6 ? v6(protocol, "", traffic_class) : v4(protocol, "", 0, options, traffic_class);
    for (std::size_t i = 0; i < payload; ++i) p.push_back(static_cast<std::byte>(i * 7 + i / 256 + 3));
    if (is_v6) {
        ip::v6::view::of(p).value();  // the header is good before its length changes
        wire::store(byte_span{p}.subspan(4), static_cast<std::uint16_t>(payload));
        return p;
    }
    auto v = ip::v4::view::of(p).value();
    v.set_total_length(static_cast<std::uint16_t>(p.size()));
    v.set_identification(0x4321);
    return p;
}

/// Adds a fragment; the datagram when it is complete.
template <class Table>
[[nodiscard]] auto add_to(Table& table, const octets& fragment, instant now = {}) -> ip::result<octets> {
    const auto size = table.add(fragment, now);
    if (!size) return std::unexpected{size.error()};
    octets whole(*size);
    if (*size != 0) table.take(whole);
    return whole;
}

}  // namespace ipsec::test
