#pragma once
// Published vectors and small helpers for the tests of this room.
#include <nlohmann/json.hpp>

#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "ipsec/core/bytes.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "support/hex.hpp"

namespace ipsec::test {

using octets = std::vector<std::byte>;

/// The list `tests` of a file in tests/data/vectors. Throws when the file is missing or empty.
[[nodiscard]] inline auto vectors(const std::string& name) -> nlohmann::json {
    std::ifstream in{std::string{IPSECPP_TEST_DATA} + "/vectors/" + name + ".json"};
    auto all = nlohmann::json::parse(in).at("tests");
    if (all.empty()) throw std::runtime_error{"no vectors in " + name};
    return all;
}
[[nodiscard]] inline auto field(const nlohmann::json& t, const char* name) -> octets {
    return unhex(t.at(name).get<std::string>());
}

[[nodiscard]] inline auto joined(std::initializer_list<byte_view> parts) -> octets {
    octets out;
    for (const auto p : parts) out.insert(out.end(), p.begin(), p.end());
    return out;
}
/// Octets that differ from place to place.
[[nodiscard]] inline auto pattern(std::size_t n, unsigned start = 0) -> octets {
    octets out(n);
    for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::byte>(start + i * 7 + i / 256);
    return out;
}
template <class T, class E>
[[nodiscard]] auto fault(const std::expected<T, E>& r) -> std::optional<E> {
    if (r) return std::nullopt;
    return r.error();
}

/// Repeatable octets.
struct counting_rng {
    std::uint64_t state = 1;
    auto fill(byte_span out) noexcept -> bool {
        for (auto& b : out) b = static_cast<std::byte>((state = state * 6364136223846793005U + 1442695040888963407U) >> 56);
        return true;
    }
};
/// Never has any.
struct dry_rng {
    static auto fill(byte_span) noexcept -> bool { return false; }
};

/// A packet with room for everything: SPI, sequence number, IV, `text`, ICV.
template <class Suite>
[[nodiscard]] auto packet_for(const Suite& s, byte_view text, std::uint32_t spi = 0x01020304, std::uint32_t sequence = 1)
    -> octets {
    octets p(8 + s.iv_size() + text.size() + s.icv_size());
    wire::store(byte_span{p}, spi);
    wire::store(byte_span{p}.subspan(4), sequence);
    copy_octets(text, byte_span{p}.subspan(8 + s.iv_size()));
    return p;
}
template <class Suite>
[[nodiscard]] auto text_of(const Suite& s, byte_view packet) -> octets {
    const auto v = packet.subspan(8 + s.iv_size(), packet.size() - 8 - s.iv_size() - s.icv_size());
    return {v.begin(), v.end()};
}

}  // namespace ipsec::test
