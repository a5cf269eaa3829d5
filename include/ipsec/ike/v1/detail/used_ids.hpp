#pragma once
/// The message IDs that were used under an ISAKMP SA: four octets for each, of which there may be thousands.
#include <algorithm>
#include <cstdint>
#include <vector>

namespace ipsec::ike::v1::detail {

/// In rising order. An ID that is new costs a move of those above it, which is nothing beside the message that brought it.
class used_ids {
public:
    [[nodiscard]] auto contains(std::uint32_t id) const noexcept -> bool { return std::ranges::binary_search(ids_, id); }
    void insert(std::uint32_t id) {
        const auto at = std::ranges::lower_bound(ids_, id);
        if (at == ids_.end() || *at != id) ids_.insert(at, id);
    }
    [[nodiscard]] auto size() const noexcept -> std::size_t { return ids_.size(); }
    [[nodiscard]] auto begin() const noexcept { return ids_.begin(); }
    [[nodiscard]] auto end() const noexcept { return ids_.end(); }

private:
    std::vector<std::uint32_t> ids_{};
};

}  // namespace ipsec::ike::v1::detail
