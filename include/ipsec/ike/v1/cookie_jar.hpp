#pragma once
/// Responder cookies that verify themselves.                                                          RFC 2408 §2.5.3
///
/// Message 1 of a Main Mode is answered without keeping anything of its sender. The cookie is a keyed hash over both ends of the
/// path, CKY-I, the initiator's whole offer with what is said beside it, and a secret that is thrown away slot by slot; so it
/// depends on the parties, nobody else can make one, it is good for two slots at most, and it differs for every SA since CKY-I
/// does. It has two halves: the first goes without the offer, so that what is none of ours is known before any offer is looked
/// for, and a cookie of ours whose offer was pushed out is told by name; both together are 64 bits that a stranger would have to
/// guess.
#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "ipsec/core/ct_equal.hpp"
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/ike/v1/first_words.hpp"
#include "ipsec/isakmp/cookie.hpp"

namespace ipsec::ike::v1 {

/// Makes and checks responder cookies.
// req: rfc2408-2.5.3-2, rfc2408-2.5.3-3, rfc2408-2.5.3-m1, rfc2408-2.5.3-4, rfc2408-2.5.3-5
class cookie_jar {
public:
    explicit cookie_jar(duration slot) noexcept : slot_{slot} {}

    /// The cookie for an offer at `now`. @return `errc::no_randomness`, `errc::crypto_failed`
    template <class P>
        requires crypto::prf_provider<P> && rng<P>
    [[nodiscard]] auto make(P& p, instant now, const path& at, const isakmp::cookie_i& cky_i, byte_view sai_b,
                            const first_words& said = {}) -> result<isakmp::cookie_r> {
        if (auto ok = turn(p, now); !ok) return std::unexpected{ok.error()};
        return hash(p, current_, at, cky_i, sai_b, said);
    }
    /// Whether `cky_r` is one that was made here for that path and CKY-I, in this slot or in the one before, whatever the offer.
    template <class P>
        requires crypto::prf_provider<P> && rng<P>
    [[nodiscard]] auto was_made_here(P& p, instant now, const path& at, const isakmp::cookie_i& cky_i,
                                     const isakmp::cookie_r& cky_r) -> bool {
        if (!turn(p, now)) return false;
        const auto fits = [&](const secret<32>& key) {
            const auto half = first_half(p, key, at, cky_i);
            return half && ct_equal(byte_view{*half}, cky_r.octets().template first<half_size>());
        };
        return fits(current_) || (!previous_.empty() && fits(previous_));
    }
    /// Whether `cky_r` was made for this offer, in this slot or in the one before.
    template <class P>
        requires crypto::prf_provider<P> && rng<P>
    [[nodiscard]] auto is_ours(P& p, instant now, const path& at, const isakmp::cookie_i& cky_i, const isakmp::cookie_r& cky_r,
                               byte_view sai_b, const first_words& said = {}) -> bool {
        if (!turn(p, now)) return false;
        const auto fresh = hash(p, current_, at, cky_i, sai_b, said);
        if (fresh && ct_equal(fresh->octets(), cky_r.octets())) return true;
        if (previous_.empty()) return false;
        const auto old = hash(p, previous_, at, cky_i, sai_b, said);
        return old && ct_equal(old->octets(), cky_r.octets());
    }
    /// A cookie that made an ISAKMP SA makes no second one. @return false if it is spent already
    [[nodiscard]] auto spend(const isakmp::cookie_r& c) -> bool {
        for (const auto& s : spent_)
            if (s.cookie == c) return false;
        if (spent_.size() < max_spent) spent_.push_back({c, number_});
        else spent_[next_spent_++ % max_spent] = {c, number_};
        return true;
    }

private:
    static constexpr std::size_t max_spent = 1024, half_size = isakmp::cookie_r::size / 2;
    struct spent {
        isakmp::cookie_r cookie;
        std::int64_t slot = 0;
    };

    template <class P> auto turn(P& p, instant now) -> result<void> {
        const std::int64_t number = now.nanoseconds() / slot_.nanoseconds();
        if (number == number_ && !current_.empty()) return {};
        auto fresh = secret<32>::zeros(32);
        if (!p.fill(fresh.octets())) return std::unexpected{errc::no_randomness};
        if (number == number_ + 1) previous_ = std::move(current_);
        else previous_.clear();
        current_ = std::move(fresh);
        number_ = number;
        std::erase_if(spent_, [&](const spent& s) { return s.slot + 2 < number_; });  // their secrets are gone
        next_spent_ = 0;
        return {};
    }
    static auto ports_of(const path& at) -> std::array<std::byte, 4> {
        std::array<std::byte, 4> o{};
        wire::store(byte_span{o}, at.local.port);
        wire::store(byte_span{o}.subspan(2), at.remote.port);
        return o;
    }
    template <class P>
    static auto first_half(P& p, const secret<32>& key, const path& at, const isakmp::cookie_i& cky_i)
        -> result<std::array<std::byte, half_size>> {
        const auto ports = ports_of(at);
        constexpr std::array no_offer{std::byte{0xff}};  // and what has an offer is longer
        const std::array<byte_view, 5> parts{at.local.address.octets(), at.remote.address.octets(), byte_view{ports},
                                             byte_view{no_offer}, cky_i.octets()};
        auto h = p.prf(crypto::prf_id::hmac_sha2_256, key.view(), parts);
        if (!h) return std::unexpected{errc_of(h.error())};
        if (h->size() < half_size) return std::unexpected{errc::crypto_failed};
        std::array<std::byte, half_size> half{};
        copy_octets(h->view().first(half_size), half);
        return half;
    }
    template <class P>
    static auto hash(P& p, const secret<32>& key, const path& at, const isakmp::cookie_i& cky_i, byte_view sai_b,
                     const first_words& said) -> result<isakmp::cookie_r> {
        const auto ports = ports_of(at);
        const auto beside = said.octets();
        // The addresses have a length of their own, what is said beside the offer tells its own, and the offer, which is never
        // empty, comes last: no two inputs run together to the same octets, since both addresses are of one family.
        const std::array<byte_view, 6> parts{at.local.address.octets(), at.remote.address.octets(), byte_view{ports},
                                             beside, cky_i.octets(), sai_b};
        auto h = p.prf(crypto::prf_id::hmac_sha2_256, key.view(), parts);
        const auto half = first_half(p, key, at, cky_i);
        if (!h) return std::unexpected{errc_of(h.error())};
        if (!half || h->size() < half_size) return std::unexpected{errc::crypto_failed};
        std::array<std::byte, isakmp::cookie_r::size> cookie{};
        copy_octets(*half, cookie);
        copy_octets(h->view().first(half_size), byte_span{cookie}.subspan(half_size));
        isakmp::cookie_r c{cookie};
        if (c.is_zero()) {  // zero stands for "not chosen yet"
            cookie.back() = std::byte{1};
            c = isakmp::cookie_r{cookie};
        }
        return c;
    }

    duration slot_;
    std::int64_t number_ = -2;
    secret<32> current_, previous_;
    std::vector<spent> spent_;
    std::size_t next_spent_ = 0;
};

}  // namespace ipsec::ike::v1
