#pragma once
/// The offers that message 3 of a Main Mode will be held against.                                     RFC 2409 §5
///
/// HASH_I and HASH_R cover SAi_b, which message 3 does not carry. What is kept is therefore not the exchange but the *offer*:
/// a peer sends the same octets each time, so a few offers per configured peer are enough, however many first messages come;
/// its cookie says which of them it is (`cookie_jar.hpp`).
/// An offer under which that peer was authenticated once is never pushed out by unproven ones: with the source address forged, a
/// flood of first messages, each with an offer of its own, does not keep a peer out that was here before; and a new peer gets
/// in when fewer than `offers_per_peer` different acceptable offers arrive between its messages 1 and 3.
/// Of an offer that is proven a mark of 16 octets stays; its own octets go when no cookie that was made for it is good any more,
/// and are there again, proven, with the next message 1 that brings them. So an SA that stands for a day does not carry it along.
#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "ipsec/crypto/concepts.hpp"
#include "ipsec/ike/v1/crypto_fault.hpp"
#include "ipsec/ike/v1/first_words.hpp"

namespace ipsec::ike::v1 {

/// Stands for an offer: nobody finds another one with the same mark.
using offer_mark = std::array<std::byte, 16>;
/// What was said beside the offer counts: whoever copies an offer and says other things with it has another one.
/// @return `errc::crypto_failed`
template <crypto::prf_provider P>
[[nodiscard]] auto mark_of(P& p, byte_view sai_b, const first_words& said) -> result<offer_mark> {
    constexpr std::array label{std::byte{'S'}, std::byte{'A'}, std::byte{'i'}};  // for no secret's sake: a hash would do
    const auto words = said.octets();
    const std::array size{static_cast<std::byte>(words.size())};
    const std::array<byte_view, 3> parts{byte_view{size}, words, sai_b};
    const auto h = p.prf(crypto::prf_id::hmac_sha2_256, label, parts);
    if (!h) return std::unexpected{errc_of(h.error())};
    offer_mark mark{};
    if (h->size() < mark.size()) return std::unexpected{errc::crypto_failed};
    copy_octets(h->view().first(mark.size()), mark);
    return mark;
}

/// The offers of all peers: a few of each, and a number in all of those that are unproven, so that a flood with many peers'
/// addresses fills no memory. One under which a peer was authenticated counts for that peer alone.
class offer_shelves {
public:
    static constexpr std::size_t marks_per_peer = 8;  ///< the one that was proven longest ago goes

    struct offer {
        std::vector<std::byte> sai_b;
        first_words said{};           ///< beside it
        std::size_t suite = 0;        ///< place of the suite that was picked from it
        std::vector<std::byte> reply; ///< body of the SA payload that answers it
        offer_mark mark{};            ///< of `sai_b` and `said`
        instant until = instant::never();  ///< the last cookie that was made for it is good so long
        bool proven = false;          ///< the peer was authenticated under it
        std::uint64_t used = 0;
    };
    explicit offer_shelves(std::size_t peers) : shelves_(peers) {}

    /// Keeps an offer; in place of the peer's oldest unproven one where it has `most` of them, and in place of the oldest
    /// unproven one of all peers where there are `most_unproven` of these. One place of several is never a proven one's: an
    /// unproven offer has somewhere to go, and a proven one gives way to proven ones alone.
    auto keep(std::size_t peer, offer o, std::size_t most, std::size_t most_unproven) -> const offer& {
        std::vector<offer>& offers = shelves_[peer].offers;
        const auto same = [&](const offer& have) { return have.sai_b == o.sai_b && have.said == o.said; };
        if (const auto have = std::ranges::find_if(offers, same); have != offers.end()) {
            list_of(*have).erase(have->used);
            have->until = o.until;
            put_last(peer, *have);
            return *have;
        }
        o.proven = std::ranges::find(shelves_[peer].marks, o.mark) != shelves_[peer].marks.end();
        make_room(peer, o.proven, most);
        if (!o.proven && unproven_.size() >= most_unproven) drop(unproven_.begin()->second, unproven_.begin()->first);
        put_last(peer, o);
        offers.push_back(std::move(o));
        return offers.back();
    }
    [[nodiscard]] auto of(std::size_t peer) const noexcept -> const std::vector<offer>& { return shelves_[peer].offers; }
    /// The peer was authenticated under the offer with that mark: it is, from now on and whenever it comes again.
    void prove(std::size_t peer, const offer_mark& mark, std::size_t most) {
        auto& [offers, marks] = shelves_[peer];
        std::erase(marks, mark);
        if (marks.size() == marks_per_peer) marks.erase(marks.begin());
        marks.push_back(mark);
        const auto o = std::ranges::find(offers, mark, &offer::mark);  // one at most: the mark is of all that tells two apart
        if (o == offers.end() || o->proven) return;
        unproven_.erase(o->used);
        o->proven = true;
        proven_.emplace(o->used, peer);
        const auto proven = std::ranges::count(offers, true, &offer::proven);
        if (most > 1 && static_cast<std::size_t>(proven) >= most) drop_oldest(peer, true);
    }
    /// Lets the octets of proven offers go that no good cookie was made for. Costs nothing where there are none.
    void expire(instant now) {
        while (!proven_.empty()) {
            const auto [used, peer] = *proven_.begin();
            const auto& offers = shelves_[peer].offers;
            const auto o = std::ranges::find(offers, used, &offer::used);
            if (o != offers.end() && o->until > now) return;
            drop(peer, used);
        }
    }
    /// When `expire` has something to do for a peer.
    [[nodiscard]] auto due(std::size_t peer) const noexcept -> instant {
        instant t = instant::never();
        for (const offer& o : of(peer))
            if (o.proven) t = std::min(t, o.until);
        return t;
    }

private:
    struct shelf {
        std::vector<offer> offers{};
        std::vector<offer_mark> marks{};  ///< of what was proven, the latest last
    };
    using order = std::map<std::uint64_t, std::size_t>;
    auto list_of(const offer& o) noexcept -> order& { return o.proven ? proven_ : unproven_; }
    void put_last(std::size_t peer, offer& o) {
        o.used = ++clock_;
        list_of(o).emplace(o.used, peer);
    }
    /// For one more offer of a peer that may have `most`.
    void make_room(std::size_t peer, bool for_proven, std::size_t most) {
        const auto& offers = shelves_[peer].offers;
        const auto proven = static_cast<std::size_t>(std::ranges::count(offers, true, &offer::proven));
        if (for_proven && most > 1 && proven + 1 >= most) drop_oldest(peer, true);
        else if (offers.size() >= most) drop_oldest(peer, proven == offers.size());
    }
    void drop_oldest(std::size_t peer, bool proven) {
        const offer* oldest = nullptr;
        for (const offer& o : shelves_[peer].offers)
            if (o.proven == proven && (oldest == nullptr || o.used < oldest->used)) oldest = &o;
        if (oldest != nullptr) drop(peer, oldest->used);
    }
    void drop(std::size_t peer, std::uint64_t used) {
        std::vector<offer>& offers = shelves_[peer].offers;
        std::erase_if(offers, [used](const offer& o) { return o.used == used; });
        if (offers.empty()) offers = std::vector<offer>{};  // with its room
        unproven_.erase(used);
        proven_.erase(used);
    }

    std::vector<shelf> shelves_;
    order unproven_, proven_;  ///< the oldest first: whose they are
    std::uint64_t clock_ = 0;
};

}  // namespace ipsec::ike::v1
