#pragma once
// A provider for IKE that has no chance in it: random octets, public values and g^xy are those of a recording.
#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/isakmp/cookie.hpp"
#include "support/hex.hpp"

namespace ipsec::test {

/// Models `crypto::ike_v1_provider`. Arithmetic is Botan's, chance is scripted: `fill` and `generate` hand out the script in
/// order, `agree` knows only the pairs of public values that it was told. What is not in the script fails and goes to `faults`.
class replay_provider {
public:
    class dh_key {
    public:
        dh_key(crypto::group_id g, std::vector<std::byte> y) : group_{g}, public_{std::move(y)} {}
        [[nodiscard]] auto group() const noexcept -> crypto::group_id { return group_; }
        [[nodiscard]] auto public_value() const noexcept -> byte_view { return public_; }

    private:
        crypto::group_id group_;
        std::vector<std::byte> public_;
    };

    // --- the script ---
    void will_fill(std::vector<std::byte> octets) { fills_.push_back(std::move(octets)); }
    /// The next key pair has this public value; with `peer` it makes `shared`.
    void will_agree(std::vector<std::byte> own, std::vector<std::byte> peer, std::vector<std::byte> shared) {
        own_.push_back(own);
        shared_[{std::move(own), std::move(peer)}] = std::move(shared);
    }
    /// The responder's cookie that goes with this initiator's. A cookie jar asks for HMAC-SHA2-256 under a key of 32 octets,
    /// which no recording has else.
    void will_answer(const isakmp::cookie_pair& cky) { cookies_[cky.initiator] = cky.responder; }
    /// All that was scripted has been used, and nothing else was asked for.
    [[nodiscard]] auto is_spent() const -> bool { return faults.empty() && fills_.empty() && own_.empty(); }

    // --- crypto::ike_v1_provider ---
    [[nodiscard]] auto fill(byte_span out) noexcept -> bool {
        if (fills_.empty() || fills_.front().size() != out.size())
            return fail("fill of " + std::to_string(out.size()) + " octets");
        copy_octets(fills_.front(), out);
        fills_.pop_front();
        return true;
    }
    [[nodiscard]] auto prf(crypto::prf_id f, byte_view key, std::span<const byte_view> parts) noexcept
        -> crypto::result<crypto::digest> {
        if (f != crypto::prf_id::hmac_sha2_256 || key.size() != 32 || parts.empty()) return inner_.prf(f, key, parts);
        for (const byte_view part : parts) {
            if (part.size() != isakmp::cookie_i::size) continue;
            const auto it = cookies_.find(isakmp::cookie_i{part.first<isakmp::cookie_i::size>()});
            if (it == cookies_.end()) continue;
            // Its first half goes with path and CKY-I, its second one with the offer behind them, cut off the front of each.
            std::array<std::byte, isakmp::cookie_r::size> octets{};
            copy_octets(it->second.octets(), octets);
            if (parts.back().size() != isakmp::cookie_i::size) std::ranges::rotate(octets, octets.begin() + octets.size() / 2);
            return crypto::digest{byte_view{octets}};
        }
        (void)fail("cookie that was not recorded");
        return std::unexpected{crypto::errc::provider_failed};
    }
    [[nodiscard]] auto hash(crypto::hash_id h, std::span<const byte_view> parts) noexcept { return inner_.hash(h, parts); }
    [[nodiscard]] auto encrypt(crypto::encryption_id c, byte_view key, byte_view iv, byte_span text) noexcept {
        return inner_.encrypt(c, key, iv, text);
    }
    [[nodiscard]] auto decrypt(crypto::encryption_id c, byte_view key, byte_view iv, byte_span text) noexcept {
        return inner_.decrypt(c, key, iv, text);
    }
    [[nodiscard]] auto generate(crypto::ticket, crypto::group_id g) noexcept -> std::optional<crypto::result<dh_key>> {
        if (own_.empty() || crypto::find(g) == nullptr || own_.front().size() != crypto::find(g)->size()) {
            (void)fail("key pair that was not recorded");
            return std::unexpected{crypto::errc::provider_failed};
        }
        dh_key k{g, std::move(own_.front())};
        own_.pop_front();
        return k;
    }
    /// @return `bad_public_value` for a public value of the peer that was not recorded with ours
    [[nodiscard]] auto agree(crypto::ticket, const dh_key& mine, byte_view peer) noexcept
        -> std::optional<crypto::result<crypto::dh_secret>> {
        const auto own = mine.public_value();
        const auto it = shared_.find({{own.begin(), own.end()}, {peer.begin(), peer.end()}});
        if (it == shared_.end() || !crypto::check_public_value(mine.group(), peer)) {
            (void)fail("public value that was not recorded");
            return std::unexpected{crypto::errc::bad_public_value};
        }
        return crypto::dh_secret{it->second};
    }

    std::vector<std::string> faults;

private:
    auto fail(std::string what) noexcept -> bool {
        faults.push_back(std::move(what));
        return false;
    }
    crypto::botan::provider inner_;
    std::deque<std::vector<std::byte>> fills_, own_;
    std::map<std::pair<std::vector<std::byte>, std::vector<std::byte>>, std::vector<std::byte>> shared_;
    std::map<isakmp::cookie_i, isakmp::cookie_r> cookies_;
};
static_assert(crypto::explain_ike_v1_provider<replay_provider>());

}  // namespace ipsec::test
