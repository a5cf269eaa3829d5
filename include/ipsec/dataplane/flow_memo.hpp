#pragma once
/// What was found for a flow holds for the next packet of the flow in the same burst.
#include <array>
#include <cstddef>
#include <cstdint>

#include "ipsec/io/packet.hpp"
#include "ipsec/ip/flow.hpp"

namespace ipsec::dataplane {

/// Whether policy sees the same in both.
[[nodiscard]] inline auto same_metadata(const io::metadata& a, const io::metadata& b) noexcept -> bool {
    return &a == &b || (a.interface == b.interface && a.sensitivity == b.sensitivity && a.user == b.user);
}

/// Places of a burst by a hash of their flows: a hint, for its user to compare. One flow may push another out.
class flow_memo {
public:
    static constexpr std::size_t nowhere = 0;

    void clear() noexcept { places_ = {}; }
    /// The cell for packets of this flow. It holds `nowhere`, or what was put there.
    [[nodiscard]] auto operator[](const ip::flow& f) noexcept -> std::uint16_t& {
        const auto s = f.source.numbers(), d = f.destination.numbers();
        std::uint64_t h = (s.high ^ s.low) * 0x9e3779b97f4a7c15U;
        h ^= d.high ^ d.low ^ (std::uint64_t{f.source_port.value_or(0)} << 16 | f.destination_port.value_or(0));
        return places_[(h * 0x9e3779b97f4a7c15U) >> 58];
    }

private:
    std::array<std::uint16_t, 64> places_{};
};

}  // namespace ipsec::dataplane
