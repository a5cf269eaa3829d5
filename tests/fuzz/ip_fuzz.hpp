#pragma once
// IPv4 and IPv6 headers: what is accepted is written back octet for octet; edits in place keep a right checksum right.
#include <algorithm>
#include <array>
#include <vector>

#include "fuzz/expect.hpp"
#include "ipsec/ip/tunnel.hpp"

namespace ipsec::fuzz {

inline void ip_v4(byte_view in) {
    const auto h = ip::v4::header::parse(in);
    const auto judged = ip::v4::check_header(in);
    if (!h) {
        expect(!judged && judged.error() == h.error());
        return;
    }
    std::array<std::byte, ip::v4::max_header> again{};
    expect(h->emit(again).has_value());
    expect(std::ranges::equal(byte_view{again}.first(h->size()), in.first(h->size())));
    expect(h->size() <= h->total_length && h->total_length <= in.size());

    std::vector<std::byte> copy(in.begin(), in.end());
    auto v = ip::v4::view::of(copy);
    expect(v.has_value());
    const bool was_right = v->has_valid_checksum();
    expect(!judged || was_right);
    v->set_time_to_live(static_cast<std::uint8_t>(v->time_to_live() + 1));
    v->set_protocol(ip::next_header::ah);
    v->set_type_of_service(static_cast<std::uint8_t>(v->type_of_service() ^ 3U));
    expect(v->has_valid_checksum() == was_right);
    expect(v->protocol() == ip::next_header::ah);
}

inline void ip_v6(byte_view in) {
    const auto h = ip::v6::header::parse(in);
    if (!h) return;
    std::array<std::byte, ip::v6::header_size> again{};
    expect(h->emit(again).has_value());
    expect(std::ranges::equal(again, in.first(again.size())));
    expect(ip::v6::header_size + h->payload_length <= in.size());
}

inline void ip(byte_view in) {
    ip_v4(in);
    ip_v6(in);
    const auto length = ip::packet_length(in);
    if (!length) return;
    expect(*length <= in.size());
    const auto fields = ip::read_inner_fields(in);
    expect(fields && fields->length == *length);
    for (unsigned outer = 0; outer < 4; ++outer) {
        std::vector<std::byte> inner(in.begin(), in.end());
        const auto d = ip::decapsulate(inner, ip::tunnelled(fields->family), static_cast<std::uint8_t>(outer));
        if (d) expect(d->length == *length);
        else expect(d.error() == ip::errc::ce_over_not_ect && std::ranges::equal(inner, in));
    }
    std::vector<std::byte> forwarded(in.begin(), in.end());
    if (!ip::decrement_hop_limit(forwarded)) expect(std::ranges::equal(forwarded, in));
}

}  // namespace ipsec::fuzz
