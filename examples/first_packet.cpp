// One packet through one tunnel: seal it as gateway A, open it as gateway B.
// The suite, the keys by hand and the packet buffer are the simplest parts to start with; each can be exchanged.
#include <fmt/format.h>

#include <algorithm>

#include "ipsec/crypto/botan/aead.hpp"
#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/esp/open.hpp"
#include "ipsec/esp/seal.hpp"
#include "ipsec/testing/packet_buffer.hpp"

using namespace ipsec;
using suite = crypto::botan::aes_gcm_16;

namespace {

// An ICMP echo request from 10.1.0.1 to 10.2.0.1.
constexpr unsigned char ping[] = {0x45, 0, 0,  28, 0, 1, 0, 0, 64,   1,    0x66, 0xdc, 10, 1,
                                  0,    1, 10, 2,  0, 1, 8, 0, 0xf7, 0xfd, 0,    1,    0,  1};

auto tunnel_one_packet(byte_view keymat) -> bool {
    crypto::botan::provider random;
    const auto a = ip::address::v4(192, 0, 2, 1), b = ip::address::v4(192, 0, 2, 2);
    auto tunnel = sa::manual({sa::spi{0x1001}, b, sa::protocol::esp}, sa::mode::tunnel, a);
    tunnel.allow_static_counter_keys = true;  // GCM: only because these keys are fresh and used once

    auto sender = sa::outbound<suite>::make(tunnel, suite{}, keymat, random, instant{});
    auto receiver = sa::inbound<suite>::make(tunnel, suite{}, keymat, random, instant{});
    if (!sender || !receiver) return false;

    testing::packet_buffer packet{std::as_bytes(std::span{ping})};
    if (!esp::seal(*sender, packet, instant{})) return false;
    fmt::print("{} octets went in, {} are on the wire\n", sizeof ping, packet.octets().size());

    auto forged = packet.clone();
    forged.octets()[40] ^= std::byte{1};
    fmt::print("with one bit changed on the way: {}\n", name_of(esp::open(*receiver, forged, instant{}).error()));

    const auto opened = esp::open(*receiver, packet, instant{});
    return opened && std::ranges::equal(packet.octets(), std::as_bytes(std::span{ping}));
}

}  // namespace

int main() {
    auto keymat = secret<36>::zeros(20);  // a 128-bit key and the salt
    crypto::botan::provider random;
    if (!random.fill(keymat.octets())) return 1;
    const bool ok = tunnel_one_packet(keymat.view());
    fmt::print("{}\n", ok ? "untouched, it came out as it went in" : "something failed");
    return ok ? 0 : 1;
}
