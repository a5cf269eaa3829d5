#pragma once
/// What proposals of both phases are read and written with.
#include <array>
#include <optional>

#include "ipsec/ike/v1/lifetimes.hpp"
#include "ipsec/isakmp/chain.hpp"

namespace ipsec::ike::v1::detail {

inline constexpr std::size_t offer_room = 8192;

/// A value that may be said once, or again the same. @return `bad_attribute_value` for zero, `doubled_attribute`
[[nodiscard]] inline auto set_once(std::uint64_t& to, std::uint64_t v) -> isakmp::result<void> {
    if (v == 0) return std::unexpected{isakmp::errc::bad_attribute_value};
    if (to != 0 && to != v) return std::unexpected{isakmp::errc::doubled_attribute};
    to = v;
    return {};
}

/// Why nothing of an offer is chosen, one part of it after another.           RFC 2408 §5.5, §5.6, RFC 2407 §4.5.3
class refusal {
public:
    /// This end could serve it, and its policy does not want it: nothing that is wrong elsewhere in the offer says more.
    void unwanted() noexcept { unwanted_ = true; }
    /// This end cannot serve it. The first such reason counts, and an unknown transform is none.
    // req: rfc2408-5.6-7
    void unserved(isakmp::errc e) noexcept {
        if (!first_ && e != isakmp::errc::unknown_transform) first_ = e;
    }
    [[nodiscard]] auto why() const noexcept -> fault {
        fault f{errc::no_proposal_chosen};
        if (!unwanted_ && first_) f.detail = *first_;
        return f;
    }

private:
    bool unwanted_ = false;
    std::optional<isakmp::errc> first_{};
};

/// The same attributes, in whatever order and encoding.
// req: rfc2409-5-14, rfc2409-A-3
[[nodiscard]] inline auto same_attributes(const isakmp::attribute_list& a, const isakmp::attribute_list& b) -> bool {
    if (a.count() != b.count()) return false;
    std::array<bool, 64> used{};
    for (const isakmp::attribute x : a) {
        std::size_t i = 0;
        bool found = false;
        for (const isakmp::attribute y : b) {
            if (i < used.size() && !used[i] && x == y) {
                used[i] = true;
                found = true;
                break;
            }
            ++i;
        }
        if (!found) return false;
    }
    return true;
}

/// The body of the one SA payload that `b` holds.
[[nodiscard]] inline auto sa_body(isakmp::builder& b) -> octets {
    const auto all = b.finish();
    return all && all->size() > 4 ? to_octets(byte_view{*all}.subspan(4)) : octets{};
}

}  // namespace ipsec::ike::v1::detail
