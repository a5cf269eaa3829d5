#pragma once
// ESP input as it comes from the network, and what lies under the encryption; and any packet through seal and open.
#include <algorithm>
#include <array>
#include <vector>

#include "fuzz/expect.hpp"
#include "ipsec/esp/open.hpp"
#include "ipsec/esp/seal.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "ipsec/testing/packet_buffer.hpp"
#include "ipsec/testing/seeded_rng.hpp"

namespace ipsec::fuzz {

/// The first octet says which SA: mode, IP version, extended numbers, block, and which way round. The rest is the packet.
/// `seen` hears of every fault, so that a test can count what a corpus reaches; the fuzzer hears nothing.
template <class Seen>
void esp_seen(byte_view in, Seen&& seen) {
    if (in.empty()) return;
    const auto choice = std::to_integer<unsigned>(in[0]);
    const byte_view octets = in.subspan(1);
    const bool over_v6 = (choice & 2U) != 0;
    sa::parameters p;
    p.id = {.spi = sa::spi{0x10203040},
            .destination = over_v6 ? *ip::parse_address("2001:db8::2") : ip::address::v4(192, 0, 2, 2),
            .protocol = sa::protocol::esp};
    p.source = over_v6 ? *ip::parse_address("2001:db8::1") : ip::address::v4(192, 0, 2, 1);
    p.mode = (choice & 1U) != 0 ? sa::mode::transport : sa::mode::tunnel;
    p.extended_sequence = (choice & 4U) != 0;
    testing::identity_cipher cipher;
    cipher.block = std::array<std::size_t, 4>{1, 4, 8, 16}[choice >> 3 & 3U];
    cipher.iv = std::array<std::size_t, 4>{0, 8, 8, 16}[choice >> 3 & 3U];
    const testing::identity_suite suite{cipher, testing::checksum_mac{}};
    const std::vector<std::byte> keymat(suite.keymat_size());
    testing::seeded_rng random{1};
    auto out = sa::outbound<testing::identity_suite>::make(p, suite, keymat, random, instant{});
    auto inbound = sa::inbound<testing::identity_suite>::make(p, suite, keymat, random, instant{});
    expect(out.has_value() && inbound.has_value());

    // Read as a header, whatever it is: what is accepted comes out again octet for octet.
    if (const auto h = esp::header::parse(octets)) {
        std::array<std::byte, esp::header::size> again{};
        h->emit(again);
        expect(std::ranges::equal(again, octets.first(again.size())));
    }
    testing::packet_buffer packet{octets, 128, 400};
    if ((choice & 0x80U) == 0) {
        // Inbound, with an ICV that always holds: the fuzzer sees the trailer and the inner packet.
        auto waiting = esp::inspect(*inbound, packet, instant{});
        if (!waiting) {
            seen(waiting.error());
            expect(packet.octets().size() == octets.size() && inbound->window().top() == sa::sequence64{});
            return;
        }
        const auto sequence = waiting->admission.sequence();
        if ((choice & 0x40U) != 0) {
            const auto outcome = suite.open(inbound->keys(), inbound->scratch(), waiting->job);
            const auto done = esp::finish(*inbound, packet, std::move(*waiting), outcome, instant{});
            if (!done) seen(done.error());
            expect(outcome.has_value() ||
                   (done == std::unexpected{esp::errc::unauthentic} && inbound->window().top() == sa::sequence64{}));
            return;
        }
        const auto done = esp::finish(*inbound, packet, std::move(*waiting), {}, instant{});
        expect(inbound->window().top() == sequence);
        // Once is enough, whatever became of it.
        testing::packet_buffer copy{octets, 128, 400};
        const auto again = esp::inspect(*inbound, copy, instant{});
        expect(!again && again.error() == esp::errc::replayed);
        seen(again.error());
        if (!done) return seen(done.error());
        expect(ip::packet_length(packet.octets()) == packet.octets().size());
    }
    // Any packet: sealed, opened, and the same again.
    std::vector<std::byte> before(packet.octets().begin(), packet.octets().end());
    const auto sealed = esp::seal(*out, packet, instant{});
    if (!sealed) {
        seen(sealed.error());
        expect(std::ranges::equal(packet.octets(), before) && out->last_sequence() == sa::sequence64{});
        return;
    }
    expect(ip::packet_length(packet.octets()) == packet.octets().size());
    auto fresh = sa::inbound<testing::identity_suite>::make(p, suite, keymat, random, instant{});
    const auto opened = esp::open(*fresh, packet, instant{});
    // A packet that says "nothing follows" looks like a dummy under transport mode.
    if (!opened) {
        expect(opened == std::unexpected{esp::errc::dummy} && p.mode == sa::mode::transport);
        return;
    }
    // A header checksum of ffff, which nobody computes, is the same number as 0000 and comes back as that.
    if (p.mode == sa::mode::transport && (before[0] >> 4) == std::byte{4} && before[10] == std::byte{0xff} &&
        before[11] == std::byte{0xff})
        before[10] = before[11] = std::byte{0};
    expect(packet.octets().size() <= before.size() &&
           std::ranges::equal(packet.octets(), byte_view{before}.first(packet.octets().size())));
}
inline void esp(byte_view in) {
    esp_seen(in, [](esp::errc) {});
}

}  // namespace ipsec::fuzz
