#pragma once
/// A perfect link in memory: what one end sends, the other receives, at once and in order.
#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "ipsec/core/bytes.hpp"
#include "ipsec/io/datagram.hpp"

namespace ipsec::io {

/// Two ends that model `io::datagram<Path>`; `Path` has `local` and `remote`, which change places on the way.
/// Holds at most `limit` datagrams per direction; `send` refuses more. The ends point into the link, so it stays where it is.
template <class Path>
class memory_link {
    struct item {
        Path path;
        std::vector<std::byte> octets;
    };

public:
    class end {
    public:
        /// @return the oldest datagram for this end; one longer than `scratch` is cut, as `recvfrom` does
        [[nodiscard]] auto receive(byte_span scratch) -> std::optional<received<Path>> {
            std::deque<item>& in = link_->queues_[at_];
            if (in.empty()) return std::nullopt;
            item next = std::move(in.front());
            in.pop_front();
            const std::size_t n = std::min(scratch.size(), next.octets.size());
            copy_octets(byte_view{next.octets}.first(n), scratch);
            return received<Path>{std::move(next.path), scratch.first(n)};
        }
        /// @return false when the link is full; the datagram is lost then
        auto send(const Path& path, byte_view octets) -> bool {
            std::deque<item>& out = link_->queues_[1 - at_];
            if (out.size() >= link_->limit_) return false;
            item next{path, {octets.begin(), octets.end()}};
            std::swap(next.path.local, next.path.remote);
            out.push_back(std::move(next));
            return true;
        }
        /// Datagrams that wait for this end.
        [[nodiscard]] auto waiting() const noexcept -> std::size_t { return link_->queues_[at_].size(); }

    private:
        friend class memory_link;
        end(memory_link& link, std::size_t at) noexcept : link_{&link}, at_{at} {}
        memory_link* link_;
        std::size_t at_;
    };

    explicit memory_link(std::size_t limit = 1024) : limit_{limit} {}
    memory_link(const memory_link&) = delete;
    auto operator=(const memory_link&) -> memory_link& = delete;

    [[nodiscard]] auto left() noexcept -> end { return end{*this, 0}; }
    [[nodiscard]] auto right() noexcept -> end { return end{*this, 1}; }
    [[nodiscard]] auto idle() const noexcept -> bool { return queues_[0].empty() && queues_[1].empty(); }

private:
    std::array<std::deque<item>, 2> queues_;
    std::size_t limit_;
};

}  // namespace ipsec::io
