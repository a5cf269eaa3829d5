#pragma once
/// One of several MACs, as negotiated: a variant of MACs that is a MAC itself.
#include "ipsec/crypto/any_of.hpp"
#include "ipsec/crypto/concepts.hpp"

namespace ipsec::crypto {

/// Holds whichever MAC was agreed. The first one is found first: put there what carries most packets.
template <mac... Macs>
class any_mac : public any_of<Macs...> {
    using base = any_of<Macs...>;

public:
    using typename base::keys;
    using typename base::scratch;
    using base::base;

    /// Octets of IV in front of the ICV proper; zero for most.                                            RFC 4543 §4
    [[nodiscard]] constexpr auto iv_size() const noexcept -> std::size_t {
        return base::ask([](const auto& m) { return iv_size_of(m); });
    }
    /// Whether the safety of the MAC rests on a number that never repeats under one key: where it has an IV.
    [[nodiscard]] constexpr auto is_counter_mode() const noexcept -> bool { return iv_size() != 0; }
    /// @return `foreign_keys`; what the MAC says
    [[nodiscard]] auto make_iv(scratch& t, std::uint64_t sequence, byte_span iv) const noexcept -> result<void> {
        return base::template at<0>([&]<std::size_t I>(const auto& m) -> result<void> {
            if constexpr (mac_with_iv<std::remove_cvref_t<decltype(m)>>) {
                auto* room = std::get_if<I>(&t);
                if (room == nullptr) return std::unexpected{errc::foreign_keys};
                return m.make_iv(*room, sequence, iv);
            } else {
                return {};
            }
        });
    }
    [[nodiscard]] auto compute(const keys& k, scratch& t, std::span<const byte_view> parts, byte_span icv) const noexcept
        -> result<void> {
        return base::unwrap(k, t, [&](const auto& m, const auto& mine, auto& room) { return m.compute(mine, room, parts, icv); });
    }
};

}  // namespace ipsec::crypto
