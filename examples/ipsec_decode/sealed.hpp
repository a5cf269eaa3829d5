#pragma once
// Opens what the two methods of public key encryption hide in messages of phase 1 that are in clear otherwise.
//                                                                                               RFC 2409 §5.2, §5.3
#include <algorithm>
#include <optional>
#include <vector>

#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/ike/v1/revised_encryption.hpp"
#include "ipsec/isakmp/chain.hpp"
#include "ipsec/isakmp/offer.hpp"
#include "keyring.hpp"

namespace ipsec_decode {

/// Bodies that were encrypted, in the order of the message.
struct unsealed {
    struct part {
        isakmp::payload_type type;
        std::vector<std::byte> body;
    };
    std::vector<part> parts;
    std::size_t closed = 0;  ///< how many no key opens
    bool by_own_prf = false; ///< these are under keys that a prf of private use makes
};

/// The text of an RSA block with padding of type 2; nothing where no key gives such. An observer has nobody to hide it from.
[[nodiscard]] inline auto unpadded(private_keys& keys, byte_view sealed) -> std::optional<std::vector<std::byte>> {
    for (const crypto::decryption_key k : keys.numbers) {
        if (keys.ring.modulus_size(k) != sealed.size()) continue;
        const auto blocks = keys.ring.decrypt_raw(k, std::array{sealed});
        if (!blocks) continue;
        const byte_view block = blocks->front().view();
        if (block[0] != std::byte{0} || block[1] != std::byte{2}) continue;
        const auto end = std::ranges::find(block.subspan(2), std::byte{0});
        if (end - block.subspan(2).begin() < 8 || end == block.subspan(2).end()) continue;
        return std::vector<std::byte>(end + 1, block.subspan(2).end());
    }
    return {};
}

/// What one message hides. @param offer  what the ends agreed on, or the first offer before they did
[[nodiscard]] inline auto unseal(private_keys& keys, crypto::botan::provider& crypto, const isakmp::header& h,
                                 const isakmp::chain& payloads, const isakmp::phase1_offer& offer) -> unsealed {
    using enum isakmp::payload_type;
    using enum isakmp::oakley_authentication;
    unsealed out;
    if (offer.authentication == rsa_encryption) {
        for (const isakmp::payload_view& p : payloads) {
            if (p.type != identification && p.type != nonce) continue;
            if (auto text = unpadded(keys, p.body)) out.parts.push_back({p.type, std::move(*text)});
            else ++out.closed;
        }
        return out;
    }
    const auto* const n = payloads.find(nonce);
    if (offer.authentication != revised_rsa_encryption || n == nullptr) return out;
    std::vector<isakmp::payload_view> behind;
    for (bool is_behind = false; const isakmp::payload_view& p : payloads) {
        if (is_behind && p.type != isakmp::payload_type::hash) behind.push_back(p);  // HASH_R of Aggressive Mode is in clear
        is_behind = is_behind || p.type == nonce;
    }
    const auto* const cipher = crypto::find_phase_1_encryption(static_cast<std::uint16_t>(offer.encryption));
    const auto* const digest = crypto::find_phase_1_hash(static_cast<std::uint16_t>(offer.hash));
    const auto text = unpadded(keys, n->body);
    // Which end speaks is not said: the key that fits its cookie tells.
    for (const byte_view cookie : {byte_view{h.initiator.octets()}, byte_view{h.responder.octets()}}) {
        if (!text || cipher == nullptr || digest == nullptr || offer.prf) break;
        auto by = ike::v1::phase_1::make_ephemeral(crypto, digest->prf, cipher->id, offer.key_length.value_or(0), *text, cookie);
        if (!by) break;
        out.parts = {{nonce, *text}};
        for (const isakmp::payload_view& p : behind) {
            if (!ike::v1::phase_1::is_whole(p.body, by->by.block)) break;
            auto body = ike::v1::phase_1::unseal(crypto, *by, p.body);
            if (!body || !*body) break;
            out.parts.push_back({p.type, std::move(**body)});
        }
        if (out.parts.size() == behind.size() + 1) return out;
    }
    out.parts.clear();
    if (text) out.parts.push_back({nonce, *text});
    out.closed = behind.size() + 1 - out.parts.size();
    out.by_own_prf = text && offer.prf;
    return out;
}

}  // namespace ipsec_decode
