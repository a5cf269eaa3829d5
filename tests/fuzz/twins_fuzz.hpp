#pragma once
// ESP and AH of the library and of the slow twin (tests/twin) get the same input: same verdict, same octets, same window.
#include <algorithm>
#include <string>

#include "fuzz/expect.hpp"
#include "twin/compare.hpp"

namespace ipsec::fuzz {

/// The first octet says which SA and which way round, the second which algorithms, the third how much padding. The rest is a
/// packet as it arrives, the text under an ICV that holds, or a packet that is sealed and comes back.
inline void twins(byte_view in) {
    if (in.size() < 3) return;
    const auto choice = std::to_integer<unsigned>(in[0]), which = std::to_integer<unsigned>(in[1]);
    const auto padding = std::to_integer<std::size_t>(in[2]);
    const twin::octets rest(in.begin() + 3, in.end());
    const bool over_v6 = (choice & 2U) != 0, is_ah = (choice & 8U) != 0;
    static const auto pairs = twin::esp_pairs();
    const auto rows = is_ah ? twin::pair_of_rows{nullptr, &twin::macs[which % twin::macs.size()]} : pairs[which % pairs.size()];
    sa::parameters p;
    p.id = {.spi = sa::spi{0x10203040},
            .destination = over_v6 ? *ip::parse_address("2001:db8::2") : ip::address::v4(192, 0, 2, 2),
            .protocol = is_ah ? sa::protocol::ah : sa::protocol::esp};
    p.source = over_v6 ? *ip::parse_address("2001:db8::1") : ip::address::v4(192, 0, 2, 1);
    p.mode = (choice & 1U) != 0 ? sa::mode::transport : sa::mode::tunnel;
    p.extended_sequence = (choice & 4U) != 0;
    p.anti_replay = rows.mac != nullptr || rows.cipher->icv != 0;
    twin::octets keymat;
    for (std::size_t i = 0; i < twin::keymat_size(rows); ++i) keymat.push_back(static_cast<std::byte>(i + 1));
    twin::ends both{p, rows.cipher, rows.mac, keymat, p.extended_sequence ? 0xffff'fffeU : 0U};

    const auto arrives = [&](const twin::octets& packet) {
        if (is_ah && !twin::has_plain_headers(packet)) return;
        std::optional<twin::fault> verdict;
        twin::octets opened;
        for (int twice = 0; twice < 2; ++twice) expect(both.open(packet, verdict, opened).empty());
    };
    const unsigned way_round = choice >> 4 & 3U;
    if (way_round == 0) return arrives(rest);
    if (way_round == 1 && !is_ah) {  // whatever lies under the encryption
        const std::size_t unit = std::max<std::size_t>(rows.cipher->block, 4);
        const auto text = twin::part(rest, 0, rest.size() / unit * unit);
        const twin::octets iv(rows.cipher->iv, static_cast<std::byte>(padding));
        const auto esp = twin::protect(both.sender, ++both.sender.sent, iv, text);
        const auto inner = twin::put(twin::octets(40), 0, padding << 8 | padding, 2);  // only its traffic class counts
        return arrives(twin::join({twin::outer_header(both.sender, inner, 50, esp.size()), esp}));
    }
    if (is_ah && p.mode == sa::mode::transport && !twin::has_plain_headers(rest)) return;
    esp::shape shape;
    if (way_round == 3) (p.mode == sa::mode::tunnel ? shape.tfc_padding : shape.extra_padding) = padding;
    twin::octets sealed;
    expect(both.seal(rest, sealed, shape).empty());
    if (!sealed.empty()) arrives(sealed);
}

}  // namespace ipsec::fuzz
