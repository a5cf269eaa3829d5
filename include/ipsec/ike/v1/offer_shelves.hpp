#pragma once
/// The offers that message 3 of a Main Mode will be held against.                                     RFC 2409 §5
///
/// HASH_I and HASH_R cover SAi_b, which message 3 does not carry. What is kept is therefore not the exchange but the *offer*:
/// a peer sends the same octets each time, so a few offers per configured peer are enough, however many first messages come;
/// its cookie says which of them it is (`cookie_jar.hpp`).
/// An offer under which that peer was authenticated once is never pushed out by unproven ones: with the source address forged, a
/// flood of first messages, each with an offer of its own, does not keep a peer out that was here before; and a new peer gets
/// in when fewer than `offers_per_peer` different acceptable offers arrive between its messages 1 and 3.
#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "ipsec/ike/v1/first_words.hpp"

namespace ipsec::ike::v1 {

/// The offers of all peers: a few of each, and a number in all of those that are unproven, so that a flood with many peers'
/// addresses fills no memory. One under which a peer was authenticated counts for that peer alone.
class offer_shelves {
public:
    struct offer {
        std::vector<std::byte> sai_b;
        first_words said{};           ///< beside it
        std::size_t suite = 0;        ///< place of the suite that was picked from it
        std::vector<std::byte> reply; ///< body of the SA payload that answers it
        bool proven = false;          ///< the peer was authenticated under it
        std::uint64_t used = 0;
    };
    explicit offer_shelves(std::size_t peers) : shelves_(peers) {}

    /// Keeps an offer; in place of the peer's oldest unproven one (or its oldest of all) where it has `most` of them, and in
    /// place of the oldest unproven one of all peers where there are `most_unproven` of these. What the others are costs nothing.
    auto keep(std::size_t peer, offer o, std::size_t most, std::size_t most_unproven) -> const offer& {
        std::vector<offer>& shelf = shelves_[peer];
        const auto same = [&](const offer& have) { return have.sai_b == o.sai_b && have.said == o.said; };
        if (const auto have = std::ranges::find_if(shelf, same); have != shelf.end()) {
            const bool counted = unproven_.erase(have->used) > 0;
            have->used = ++clock_;
            if (counted) unproven_.emplace(have->used, peer);
            return *have;
        }
        const auto goes_first = [](const offer& a, const offer& b) {
            return a.proven != b.proven ? !a.proven : a.used < b.used;
        };
        if (shelf.size() >= most) drop(peer, std::ranges::min_element(shelf, goes_first)->used);
        if (unproven_.size() >= most_unproven) drop(unproven_.begin()->second, unproven_.begin()->first);
        o.used = ++clock_;
        unproven_.emplace(o.used, peer);
        shelf.push_back(std::move(o));
        return shelf.back();
    }
    [[nodiscard]] auto of(std::size_t peer) const noexcept -> const std::vector<offer>& { return shelves_[peer]; }
    void prove(std::size_t peer, byte_view sai_b) {
        for (offer& o : shelves_[peer])
            if (std::ranges::equal(o.sai_b, sai_b)) {
                o.proven = true;
                unproven_.erase(o.used);
            }
    }

private:
    void drop(std::size_t peer, std::uint64_t used) {
        std::erase_if(shelves_[peer], [used](const offer& o) { return o.used == used; });
        unproven_.erase(used);
    }

    std::vector<std::vector<offer>> shelves_;
    std::map<std::uint64_t, std::size_t> unproven_;  ///< the oldest first: whose they are
    std::uint64_t clock_ = 0;
};

}  // namespace ipsec::ike::v1
