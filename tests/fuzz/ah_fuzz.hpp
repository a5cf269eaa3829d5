#pragma once
// AH input as it comes from the network, with an ICV that always holds or with the real rule; and any packet through seal
// and open.
#include <algorithm>
#include <array>
#include <vector>

#include "fuzz/expect.hpp"
#include "ipsec/ah/open.hpp"
#include "ipsec/ah/seal.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "ipsec/testing/packet_buffer.hpp"
#include "ipsec/testing/seeded_rng.hpp"

namespace ipsec::fuzz {

/// The first octet says which SA: mode, IP version, extended numbers, size of the ICV, place of destination options, whether the
/// ICV is judged, and which way round. The rest is
/// the packet. `seen` hears of every fault, so that a test can count what a corpus reaches; the fuzzer hears nothing.
template <class Seen>
void ah_seen(byte_view in, Seen&& seen) {
    if (in.empty()) return;
    const auto choice = std::to_integer<unsigned>(in[0]);
    const byte_view octets = in.subspan(1);
    const bool over_v6 = (choice & 2U) != 0;
    sa::parameters p;
    p.id = {.spi = sa::spi{0x10203040},
            .destination = over_v6 ? *ip::parse_address("2001:db8::2") : ip::address::v4(192, 0, 2, 2),
            .protocol = sa::protocol::ah};
    p.source = over_v6 ? *ip::parse_address("2001:db8::1") : ip::address::v4(192, 0, 2, 1);
    p.mode = (choice & 1U) != 0 ? sa::mode::transport : sa::mode::tunnel;
    p.extended_sequence = (choice & 4U) != 0;
    if ((choice & 32U) != 0) p.destination_options = ip::destination_options_place::in_front;
    testing::checksum_mac mac;
    mac.icv = std::array<std::size_t, 4>{12, 16, 24, 32}[choice >> 3 & 3U];
    const std::vector<std::byte> keymat(mac.keymat_size());
    testing::seeded_rng random{1};
    auto out = sa::outbound<testing::checksum_mac>::make(p, mac, keymat, random, instant{});
    auto inbound = sa::inbound<testing::checksum_mac>::make(p, mac, keymat, random, instant{});
    expect(out.has_value() && inbound.has_value());

    if (const auto h = ah::header::parse(octets)) {
        std::array<std::byte, ah::header::size> again{};
        h->emit(again);
        expect(std::ranges::equal(again, octets.first(again.size())));
    }
    testing::packet_buffer packet{octets, 192, 0};
    if ((choice & 0x80U) == 0) {
        auto waiting = ah::inspect(*inbound, packet, instant{});
        if (!waiting) {
            seen(waiting.error());
            expect(packet.octets().size() == octets.size() && inbound->window().top() == sa::sequence64{});
            return;
        }
        // Computing leaves the packet as it was, whatever comes of it.
        const auto outcome = ah::compute(*inbound, waiting->job);
        expect(std::ranges::equal(packet.octets(), octets.first(packet.octets().size())));
        const auto sequence = waiting->admission.sequence();
        const bool judged = (choice & 0x40U) != 0;
        const auto done = ah::finish(*inbound, packet, std::move(*waiting), judged ? outcome : crypto::result<void>{}, instant{});
        if (judged && !outcome) {
            seen(done.error());
            expect(done == std::unexpected{ah::errc::unauthentic} && inbound->window().top() == sa::sequence64{});
            return;
        }
        expect(inbound->window().top() == sequence);
        // Once is enough, whatever became of it.
        testing::packet_buffer copy{octets, 192, 0};
        const auto again = ah::inspect(*inbound, copy, instant{});
        expect(!again && again.error() == ah::errc::replayed);
        seen(again.error());
        if (!done) return seen(done.error());
        expect(ip::packet_length(packet.octets()) == packet.octets().size());
    }
    std::vector<std::byte> before(packet.octets().begin(), packet.octets().end());
    const auto sealed = ah::seal(*out, packet, instant{});
    if (!sealed) {
        seen(sealed.error());
        expect(std::ranges::equal(packet.octets(), before) && out->last_sequence() == sa::sequence64{});
        return;
    }
    expect(ip::packet_length(packet.octets()) == packet.octets().size());
    auto fresh = sa::inbound<testing::checksum_mac>::make(p, mac, keymat, random, instant{});
    const auto opened = ah::open(*fresh, packet, instant{});
    if (!opened) {  // it stands where it was made: a source route may have more to go
        expect(opened.error() == ah::errc::unfinished_route && p.mode == sa::mode::transport);
        return seen(opened.error());
    }
    // A header checksum of ffff, which nobody computes, is the same number as 0000 and comes back as that.
    if (p.mode == sa::mode::transport && (before[0] >> 4) == std::byte{4} && before[10] == std::byte{0xff} &&
        before[11] == std::byte{0xff})
        before[10] = before[11] = std::byte{0};
    expect(packet.octets().size() <= before.size() &&
           std::ranges::equal(packet.octets(), byte_view{before}.first(packet.octets().size())));
}
inline void ah(byte_view in) {
    ah_seen(in, [](ah::errc) {});
}

}  // namespace ipsec::fuzz
