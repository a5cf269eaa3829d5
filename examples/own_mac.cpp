// A MAC of one's own in AH and ESP: any length of ICV, padded where AH has to be aligned, with the rest of the library unchanged.
// The MAC is SipHash-2-4, which fits one page: 64 bits of it, or fewer, or more by further passes under keys of their own.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "ipsec/ah/open.hpp"
#include "ipsec/ah/seal.hpp"
#include "ipsec/crypto/botan/random.hpp"
#include "ipsec/crypto/esp_suite.hpp"
#include "ipsec/esp/open.hpp"
#include "ipsec/esp/seal.hpp"
#include "ipsec/testing/packet_buffer.hpp"

using namespace ipsec;

namespace {

/// SipHash-2-4 over octets that come in pieces; `Icv` octets of it, every eight of them by a pass of its own.
template <std::size_t Icv>
class siphash_mac {
public:
    struct keys {
        secret<16> key;
    };
    struct scratch {};

    static constexpr auto keymat_size() noexcept -> std::size_t { return 16; }
    static constexpr auto icv_size() noexcept -> std::size_t { return Icv; }
    static auto make_keys(byte_view keymat) noexcept -> crypto::result<keys> {
        if (keymat.size() != 16) return std::unexpected{crypto::errc::bad_key_size};
        return keys{secret<16>{keymat}};
    }
    template <rng Rng> static auto make_scratch(const keys&, Rng&) noexcept -> crypto::result<scratch> { return scratch{}; }
    static auto compute(const keys& k, scratch&, std::span<const byte_view> parts, byte_span icv) noexcept
        -> crypto::result<void> {
        for (std::size_t at = 0; at < Icv; at += 8) {
            std::array<std::byte, 8> word{};
            wire::store(byte_span{word}, std::byteswap(hash(k.key.view(), at, parts)));  // SipHash is little-endian
            const std::size_t n = std::min<std::size_t>(8, Icv - at);
            copy_octets(byte_view{word}.first(n), icv.subspan(at));
        }
        return {};
    }

private:
    static auto hash(byte_view key, std::uint64_t tweak, std::span<const byte_view> parts) noexcept -> std::uint64_t {
        const std::uint64_t k0 = std::byteswap(wire::load<std::uint64_t>(key)) ^ tweak,
                            k1 = std::byteswap(wire::load<std::uint64_t>(key.subspan(8)));
        std::array<std::uint64_t, 4> v{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                                       k1 ^ 0x7465646279746573};
        const auto rounds = [&v](int n) {
            for (; n > 0; --n) {
                v[0] += v[1], v[2] += v[3];
                v[1] = std::rotl(v[1], 13) ^ v[0], v[3] = std::rotl(v[3], 16) ^ v[2];
                v[0] = std::rotl(v[0], 32);
                v[2] += v[1], v[0] += v[3];
                v[1] = std::rotl(v[1], 17) ^ v[2], v[3] = std::rotl(v[3], 21) ^ v[0];
                v[2] = std::rotl(v[2], 32);
            }
        };
        std::uint64_t word = 0, length = 0;
        const auto take = [&](std::uint64_t m) { v[3] ^= m, rounds(2), v[0] ^= m; };
        for (const byte_view part : parts)
            for (const std::byte b : part) {
                word |= std::to_integer<std::uint64_t>(b) << 8 * (length % 8);
                if (++length % 8 == 0) take(std::exchange(word, 0));
            }
        take(word | length << 56);
        v[2] ^= 0xff;
        rounds(4);
        return v[0] ^ v[1] ^ v[2] ^ v[3];
    }
};

// 40 octets of UDP over IPv4.
constexpr std::array<unsigned char, 40> datagram{0x45, 0,   0,   40,  0,   1,   0,    0,    64,   17,   0x66, 0xc0, 10, 1,
                                                 0,    1,   10,  2,   0,   1,   0x1f, 0x90, 0x1f, 0x91, 0,    20,   0,  0,
                                                 'o',  'w', 'n', ' ', 'm', 'a', 'c',  's',  ' ',  'w',  'o',  'k'};

auto parameters_for(sa::protocol protocol) -> sa::parameters {
    const auto a = ip::address::v4(192, 0, 2, 1), b = ip::address::v4(192, 0, 2, 2);
    return sa::manual({sa::spi{0x1001}, b, protocol}, sa::mode::tunnel, a);
}

/// One packet there and back, and how long it was on the way. Zero: it did not come through, or a forged one did.
template <class Suite, class Seal, class Open>
auto there_and_back(const Suite& suite, sa::protocol protocol, Seal seal, Open open) -> std::size_t {
    crypto::botan::random random;
    std::array<std::byte, 16> keymat{};
    if (!random.fill(keymat)) return 0;
    auto out = sa::outbound<Suite>::make(parameters_for(protocol), Suite{suite}, keymat, random, instant{});
    auto in = sa::inbound<Suite>::make(parameters_for(protocol), Suite{suite}, keymat, random, instant{});
    if (!out || !in) return 0;
    testing::packet_buffer packet{std::as_bytes(std::span{datagram})};
    if (!seal(*out, packet)) return 0;
    const std::size_t size = packet.octets().size();
    auto forged = packet.clone();
    forged.octets()[size - 1] ^= std::byte{1};
    if (open(*in, forged) || !open(*in, packet)) return 0;
    return std::ranges::equal(packet.octets(), std::as_bytes(std::span{datagram})) ? size : 0;
}

/// The example of SipHash's authors: key 00 to 0f, message 00 to 0e.
auto is_siphash() -> bool {
    std::array<std::byte, 16> count{};
    for (unsigned i = 0; i < 16; ++i) count[i] = static_cast<std::byte>(i);
    siphash_mac<8>::scratch scratch;
    std::array<std::byte, 8> icv{};
    const std::array<byte_view, 2> message{byte_view{count}.first(4), byte_view{count}.subspan(4, 11)};
    const auto keys = siphash_mac<8>::make_keys(count);
    return keys && siphash_mac<8>::compute(*keys, scratch, message, icv) && wire::load<std::uint64_t>(icv) == 0xe545be4961ca29a1;
}

template <std::size_t Icv>
auto show() -> bool {
    using mac = siphash_mac<Icv>;
    static_assert(crypto::explain_mac<mac>());
    using suite = crypto::encrypt_then_mac<crypto::null_cipher, mac>;
    const auto in_ah = there_and_back(
        mac{}, sa::protocol::ah, [](auto& sa, auto& p) { return ah::seal(sa, p, instant{}).has_value(); },
        [](auto& sa, auto& p) { return ah::open(sa, p, instant{}).has_value(); });
    const auto in_esp = there_and_back(
        suite{}, sa::protocol::esp, [](auto& sa, auto& p) { return esp::seal(sa, p, instant{}).has_value(); },
        [](auto& sa, auto& p) { return esp::open(sa, p, instant{}).has_value(); });
    const std::size_t header = in_ah - datagram.size() - 20;
    fmt::print("ICV of {:2} octets: AH of {} octets ({} of them padding), {} on the wire; in ESP {} on the wire\n", Icv, header,
               header - 12 - Icv, in_ah, in_esp);
    return in_ah != 0 && in_esp != 0 && header % 4 == 0;
}

}  // namespace

int main() {
    const bool ok = is_siphash() && show<5>() && show<8>() && show<13>() && show<40>();
    fmt::print("{}\n", ok ? "each came out as it went in, and no forged one did" : "something failed");
    return ok ? 0 : 1;
}
