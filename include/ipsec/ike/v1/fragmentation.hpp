#pragma once
/// IKE messages in pieces, for paths that lose IP fragments: as Cisco, Microsoft, racoon and strongSwan speak it.
///
/// A message is cut as it stands, encrypted and with its header, once the peer said by its vendor ID that it understands pieces.
/// Pieces are not authenticated: whoever can forge a peer's address and knows the cookies can spoil a message, which the peer
/// then sends again, and can do nothing else. What that may cost is bounded by count, octets and time.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "ipsec/core/instant.hpp"
#include "ipsec/ike/errc.hpp"
#include "ipsec/ike/v1/message.hpp"
#include "ipsec/isakmp/cookie.hpp"
#include "ipsec/isakmp/payloads/fragment.hpp"

namespace ipsec::ike::v1 {

/// Octets of a piece beside its data.
inline constexpr std::size_t fragment_overhead =
    isakmp::header::size + isakmp::generic_header::size + isakmp::fragment::head_size;
inline constexpr std::size_t least_fragment = 128;  ///< nobody's path is as narrow as that

/// A message on its way out in pieces.
struct cutting {
    std::uint16_t id = 0;
    std::uint8_t number = 0;  ///< of the piece that went out last
    std::size_t done = 0;     ///< octets of the message that are out
};
/// Writes the next piece of `message`, no longer than `most`, to `out`. The header is the message's, in clear.
/// @return its size; 0 when `out` has no room for it, or the message needs more pieces than can be counted
[[nodiscard]] inline auto write_fragment(byte_view message, std::size_t most, cutting& c, byte_span out) -> std::size_t {
    const auto head = isakmp::header::parse(message);
    if (!head || most <= fragment_overhead || c.number == 255) return 0;
    const std::size_t n = std::min(most - fragment_overhead, message.size() - c.done);
    isakmp::header h = *head;
    h.flags = isakmp::in_clear;
    isakmp::fragment f;
    f.id = c.id;
    f.number = ++c.number;
    f.data = message.subspan(c.done, n);
    c.done += n;
    if (c.done == message.size()) f.flags = isakmp::fragment::last_bit;
    isakmp::builder b{out};
    const auto all = b.start(h).add(f).finish();
    return all ? all->size() : 0;
}

/// Messages that are coming in by pieces, one of each pair of cookies.
// CVE-2013-6076, CVE-2009-1574, CVE-2016-10396, CVE-2016-1287
class fragment_table {
public:
    struct bounds {
        std::size_t messages = 16;   ///< at once; the oldest goes
        std::size_t pieces = 32;     ///< of one message
        std::size_t octets = 8192;   ///< of one message
        duration time = seconds(15); ///< from the first piece to the last
    };

    /// Puts a piece to the others of its message.
    ///
    /// A piece that is there already, octet for octet, is passed over: peers repeat themselves. One that contradicts what is
    /// there costs the whole message, and the peer sends it again; another identifier begins a new one, since a peer that gave
    /// up on its message counts on.
    /// @param owner  whose messages give way to each other first
    /// @return the message when it is complete, nothing while pieces are missing; `errc::bad_fragment`, `errc::limit_reached`
    [[nodiscard]] auto take(instant now, const isakmp::cookie_pair& cookies, const isakmp::fragment& f, const bounds& b,
                            std::uint32_t owner = 0) -> result<std::optional<octets>> {
        if (f.number == 0 || f.data.empty()) return std::unexpected{errc::bad_fragment};
        if (f.number > b.pieces || f.data.size() > b.octets) return std::unexpected{errc::limit_reached};
        auto at = std::ranges::find(coming_, cookies, &message::cookies);
        if (at != coming_.end() && (at->id != f.id || at->until <= now)) {
            coming_.erase(at);
            at = coming_.end();
        }
        if (at == coming_.end()) {
            if (coming_.size() >= b.messages) make_room(owner);
            coming_.push_back({cookies, f.id, now + b.time, {}, 0, 0, owner});
            at = coming_.end() - 1;
        }
        message& m = *at;
        const auto refuse = [&](errc why) {
            coming_.erase(at);
            return std::unexpected{why};
        };
        const auto place = std::ranges::lower_bound(m.pieces, f.number, {}, &part::number);
        if (place != m.pieces.end() && place->number == f.number) {
            const bool same = std::ranges::equal(place->data, f.data) && f.is_last() == (m.last == f.number);
            if (!same) return refuse(errc::bad_fragment);
            return std::nullopt;
        }
        const bool behind_last = m.last != 0 && (f.number > m.last || f.is_last());
        if (behind_last || (f.is_last() && place != m.pieces.end())) return refuse(errc::bad_fragment);
        if (m.size + f.data.size() > b.octets) return refuse(errc::limit_reached);
        m.pieces.insert(place, {f.number, to_octets(f.data)});
        m.size += f.data.size();
        if (f.is_last()) m.last = f.number;
        if (m.pieces.size() != m.last) return std::nullopt;  // they are of different numbers, none behind the last
        octets whole;
        whole.reserve(m.size);
        for (const part& piece : m.pieces) whole.insert(whole.end(), piece.data.begin(), piece.data.end());
        coming_.erase(at);
        return whole;
    }
    /// Forgets what did not come in time. @return how many messages that were
    auto expire(instant now) -> std::size_t {
        return std::erase_if(coming_, [&](const message& m) { return m.until <= now; });
    }
    [[nodiscard]] auto due() const noexcept -> instant {
        instant t = instant::never();
        for (const message& m : coming_) t = std::min(t, m.until);
        return t;
    }
    [[nodiscard]] auto size() const noexcept -> std::size_t { return coming_.size(); }
    /// Octets of all pieces that wait.
    [[nodiscard]] auto octets_held() const noexcept -> std::size_t {
        std::size_t n = 0;
        for (const message& m : coming_) n += m.size;
        return n;
    }

private:
    struct part {
        std::uint8_t number = 0;
        octets data;
    };
    struct message {
        isakmp::cookie_pair cookies;
        std::uint16_t id = 0;
        instant until;
        std::vector<part> pieces;  ///< that are there, by number: a high one costs no more than others
        std::size_t last = 0;  ///< number of the last piece; 0: not there yet
        std::size_t size = 0;
        std::uint32_t owner = 0;
    };
    /// The oldest message of the same owner goes, so that nobody pushes out those of others; where it has none, the oldest.
    void make_room(std::uint32_t owner) {
        auto oldest = coming_.end();
        for (auto it = coming_.begin(); it != coming_.end(); ++it) {
            const bool mine = it->owner == owner, best_is_mine = oldest != coming_.end() && oldest->owner == owner;
            if (oldest == coming_.end() || (mine && !best_is_mine) || (mine == best_is_mine && it->until < oldest->until))
                oldest = it;
        }
        coming_.erase(oldest);
    }
    std::vector<message> coming_;
};

}  // namespace ipsec::ike::v1
