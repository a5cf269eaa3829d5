#pragma once
/// Authentication with public key encryption: whoever can read a nonce is who the key belongs to.       RFC 2409 §5.2, §5.3
///
///     Main Mode, messages 3 and 4; Aggressive Mode has the same behind its SA, and HASH_R behind that
///
///     HDR, KE, [ HASH(1), ] <IDii_b>PubKey_r, <Ni_b>PubKey_r   -->
///                                                              <--   HDR, KE, <IDir_b>PubKey_i, <Nr_b>PubKey_i
///
/// In the revised mode the nonce comes first, and what follows it goes by a key made of it: revised_encryption.hpp.
///
/// What cannot be decrypted must not be told from what can: the text of random octets stands for it, everything goes on by the
/// same steps, and the HASH of the next message does not hold. Refused at once is only what anybody can see who has no key: a
/// payload longer than a block of the key, a HASH(1) that names no certificate of ours.
#include <algorithm>

#include "ipsec/crypto/pkcs1.hpp"
#include "ipsec/ike/v1/phase_1_authentication.hpp"
#include "ipsec/ike/v1/revised_encryption.hpp"

namespace ipsec::ike::v1::phase_1 {

/// Octets that are wiped when this goes out of scope, whatever became of them meanwhile.
class wiped_at_end {
public:
    explicit wiped_at_end(octets& o) noexcept : octets_{o} {}
    wiped_at_end(const wiped_at_end&) = delete;
    auto operator=(const wiped_at_end&) -> wiped_at_end& = delete;
    ~wiped_at_end() { wipe(octets_); }

private:
    octets& octets_;
};

/// What an end says encrypted: all there is to write it. Views.
struct own_part {
    byte_view nonce, id_b;
    const std::vector<octets>& pieces;  ///< cipher texts, in the order of `sealing::pieces`
};
/// What the peer said.
struct opened_exchange {
    octets nonce, id_b;
    octets gx;  ///< empty: could not be read, and something else has to stand for it
    nat_view nat{};  ///< revised: what NAT-D says, where there is any
};
/// Whose part of which exchange it is; a view.
struct said_by {
    role end = role::initiator;
    isakmp::cookie_pair cky;
    const agreed_ike& agreed;
    const extensions& both;  ///< NAT-D goes with it where NAT traversal does
    bool aggressive = false;
};

[[nodiscard]] inline auto is_sealed(const agreed_ike& a) noexcept -> bool {
    const auto method = proof_by(a.suite.authentication);
    return method && is_by_encryption(*method);
}

[[nodiscard]] inline auto is_revised(const agreed_ike& a) noexcept -> bool {
    return proof_by(a.suite.authentication) == proof::revised_encryption;
}

// --- out ----------------------------------------------------------------------------------------------------------------------

/// What has to be encrypted before the exchange goes on. @pre the configuration has a key of the peer: `check`
template <class Before, class Env> [[nodiscard]] auto ask_to_seal(Before before, Env& e) -> sealing<Before> {
    const auto method = before.agreed.suite.authentication;
    const auto* to = key_of_peer(e.peer, method);
    return {std::move(before), to == nullptr ? crypto::public_key{} : *to, id_body(local_identity(e.peer)),
            proof_by(method) == proof::revised_encryption};
}
/// An identity that is too long for a block of the peer's key cannot be said at all.
[[nodiscard]] constexpr auto why_not_sealed(crypto::errc e) noexcept -> errc {
    switch (e) {
        case crypto::errc::bad_length: return errc::bad_identity;
        default: return errc_of(e);
    }
}
/// HASH(1), the hash of the certificate whose key is used, where one is known.
// req: rfc2409-5.2-m1
template <class Env> [[nodiscard]] auto add_hash_1(message_writer& w, const agreed_ike& agreed, Env& e) -> result<void> {
    const auto& known = e.peer.keys.peer_keys;
    const auto at = std::ranges::find(known, agreed.suite.authentication, &public_keys::known_key::method);
    if (at == known.end() || at->certificate.empty()) return {};
    const std::array<byte_view, 1> parts{at->certificate};
    const auto hash = e.crypto.hash(agreed.suite.hash, parts);
    if (!hash) return std::unexpected{errc_of(hash.error())};
    w.add(isakmp::payload_type::hash, hash->view());
    return {};
}
/// [HASH(1),] <N>, <KE>, <ID> [, <CERT>] [, <NAT-D>, <NAT-D>]. No text says where NAT-D goes in this mode; that everything behind
/// the nonce is encrypted is said.                                                              RFC 2409 §5.3, RFC 3947 §3.2
// req: rfc2409-5.3-1, rfc2409-5.3-2, rfc2409-5.3-4
template <class Env>
[[nodiscard]] auto add_revised(message_writer& w, const said_by& own, byte_view gx, const own_part& mine, Env& e)
    -> result<void> {
    if (mine.pieces.size() != 1 || e.peer.keys.decrypt_with.empty()) return std::unexpected{errc::crypto_failed};
    auto by = cipher_of(own.agreed, own.cky, own.end, mine.nonce, e);
    if (!by) return std::unexpected{by.error()};
    if (own.end == role::initiator)
        if (auto ok = add_hash_1(w, own.agreed, e); !ok) return ok;
    w.add(isakmp::payload_type::nonce, mine.pieces[0]);
    std::vector<sealed_exchange::part> parts{{isakmp::payload_type::key_exchange, to_octets(gx)},
                                             {isakmp::payload_type::identification, to_octets(mine.id_b)}};
    const auto& certificate = e.peer.keys.decrypt_with.front().certificate;
    if (own.end == role::initiator && !certificate.empty()) {
        const isakmp::certificate c{isakmp::cert_encoding::x509_key_exchange, certificate};
        octets body(c.size());
        wire::writer out{body};
        c.emit(out);
        parts.push_back({isakmp::payload_type::certificate, std::move(body)});
    }
    if (own.both.nat_traversal) {
        const auto nat = nat_d_bodies(e.crypto, own.agreed.suite.hash, own.cky, e.path, e.peer.nat.force);
        if (!nat) return std::unexpected{nat.error()};
        for (const auto& body : *nat) parts.push_back({nat_d_of(own.both), to_octets(body.view())});
    }
    for (const auto& p : parts) {
        const auto text = seal(e.crypto, *by, p.body);
        if (!text) return std::unexpected{text.error()};
        w.add(p.type, *text);
    }
    return {};
}
/// KE, [HASH(1),] <ID>, <N> [, NAT-D, NAT-D], in Aggressive Mode with HASH(1) first: only the bodies are encrypted.
// req: rfc2409-5.2-1, rfc2409-5.2-m2
template <class Env>
[[nodiscard]] auto add_sealed(message_writer& w, const said_by& own, byte_view gx, const own_part& mine, Env& e) -> result<void> {
    if (is_revised(own.agreed)) return add_revised(w, own, gx, mine, e);
    if (mine.pieces.size() != 2) return std::unexpected{errc::crypto_failed};
    if (!own.aggressive) w.add(isakmp::payload_type::key_exchange, gx);
    if (own.end == role::initiator)
        if (auto ok = add_hash_1(w, own.agreed, e); !ok) return ok;
    if (own.aggressive) w.add(isakmp::payload_type::key_exchange, gx);
    w.add(isakmp::payload_type::identification, mine.pieces[0]).add(isakmp::payload_type::nonce, mine.pieces[1]);
    if (!own.both.nat_traversal) return {};
    return add_nat_d(w, e.crypto, own.agreed.suite.hash, own.cky, e.path, e.peer.nat.force, nat_d_of(own.both));
}

// --- in -----------------------------------------------------------------------------------------------------------------------

/// Which of our keys a message is for: the one that HASH(1) names, or the first. Where no certificate of ours is known, HASH(1)
/// says nothing. @return `errc::no_key_for_method`, `errc::crypto_failed`
template <class Env>
[[nodiscard]] auto key_to_open(const isakmp::payload_view* hash_1, const agreed_ike& agreed, Env& e)
    -> result<crypto::decryption_key> {
    const auto& own = e.peer.keys.decrypt_with;
    if (own.empty()) return std::unexpected{errc::no_key_for_method};
    bool named = false;
    for (const auto& k : own) {
        if (hash_1 == nullptr || k.certificate.empty()) continue;
        named = true;
        const std::array<byte_view, 1> parts{k.certificate};
        const auto hash = e.crypto.hash(agreed.suite.hash, parts);
        if (!hash) return std::unexpected{errc_of(hash.error())};
        if (std::ranges::equal(hash->view(), hash_1->body)) return k.key;
    }
    if (named) return std::unexpected{errc::no_key_for_method};
    return own.front().key;
}
/// The payloads behind the nonce, which stands first, or behind HASH(1). In Aggressive Mode the SA stands in front of both, and
/// with it what needs not be hidden: vendor IDs; HASH_R comes last and in the clear, as the figure has it.
/// @return `isakmp::errc::payload_out_of_order`, `errc::not_decryptable` for what is no whole number of blocks
// req: rfc2409-5.3-1, rfc2409-5.3-2, rfc2409-5.3-4
[[nodiscard]] inline auto read_behind_nonce(const isakmp::chain& in, const said_by& peer)
    -> admitted<std::vector<sealed_exchange::part>> {
    using isakmp::payload_type;
    const auto is = [&](std::size_t i, payload_type t) { return i < in.size() && in[i].type == t; };
    std::size_t at = 0;
    if (peer.aggressive)
        while (is(at, payload_type::security_association) || is(at, payload_type::vendor_id)) ++at;
    if (peer.end == role::initiator && is(at, payload_type::hash)) ++at;
    if (!is(at, payload_type::nonce)) return std::unexpected{fault{isakmp::errc::payload_out_of_order}};
    const std::size_t block = crypto::find(peer.agreed.suite.encryption)->block;
    std::vector<sealed_exchange::part> out;
    while (++at < in.size()) {
        if (in[at].type == payload_type::hash) {
            if (peer.aggressive && peer.end == role::responder && at + 1 == in.size()) break;
            return std::unexpected{fault{isakmp::errc::payload_out_of_order}};
        }
        if (!is_whole(in[at].body, block)) return std::unexpected{fault{errc::not_decryptable}};
        out.push_back({in[at].type, to_octets(in[at].body)});
    }
    return out;
}
/// What of a message is encrypted; nothing is decrypted yet. @return `errc::not_decryptable` for more than one block
template <class Env>
[[nodiscard]] auto read_sealed(const isakmp::chain& in, const said_by& peer, Env& e) -> admitted<sealed_exchange> {
    using isakmp::payload_type;
    const auto key = key_to_open(peer.end == role::initiator ? in.find(payload_type::hash) : nullptr, peer.agreed, e);
    if (!key) return std::unexpected{fault{key.error()}};
    sealed_exchange s{*key, {}};
    if (is_revised(peer.agreed)) {
        auto behind = read_behind_nonce(in, peer);
        if (!behind) return std::unexpected{behind.error()};
        s.behind = std::move(*behind);
    } else s.pieces.push_back(to_octets(in.find(payload_type::identification)->body));
    s.pieces.push_back(to_octets(in.find(payload_type::nonce)->body));
    if constexpr (crypto::public_encryption_provider<typename Env::provider>) {
        const auto block = e.crypto.modulus_size(*key);
        if (!block) return std::unexpected{fault{errc::no_key_for_method}};
        for (const octets& piece : s.pieces)
            if (piece.size() > *block) return std::unexpected{fault{errc::not_decryptable}};
    }
    return s;
}
/// Whether NAT-D is among what is encrypted: everybody can see that, and whatever it says, it is answered.
[[nodiscard]] inline auto has_nat_d(const sealed_exchange& s) -> bool {
    return std::ranges::any_of(s.behind, [](const sealed_exchange::part& p) { return is_nat_d(p.type); });
}

/// How long a nonce is, and an identity with its four octets in front.                          RFC 2409 §5, RFC 2408 §3.8
struct size_range {
    std::size_t least, most;
};
inline constexpr size_range nonce_size{8, 256}, id_size{5, 512};

/// A block without its padding, or random octets. How many is as a text might have it and follows from the block, which only the
/// key's owner can see: whatever is computed with them later takes as long as with a text, and each time as long for the same
/// block. One number for all would show in that time.
template <std::size_t Most, class Env>
[[nodiscard]] auto unpadded(const crypto::rsa_block& block, size_range r, const agreed_ike& agreed, Env& e) -> result<octets> {
    const std::array<byte_view, 1> parts{block.view()};
    const auto drawn = e.crypto.hash(agreed.suite.hash, parts);
    if (!drawn) return std::unexpected{errc_of(drawn.error())};
    if (drawn->size() < 2 || block.size() < crypto::pkcs1::least_padding + r.least)
        return std::unexpected{errc::crypto_failed};
    const std::size_t most = std::min(r.most, block.size() - crypto::pkcs1::least_padding);
    const std::size_t beyond =
        (wire::load<std::uint16_t>(drawn->view()) * (most - r.least + 1)) >> 16;  // no division: that takes time
    const crypto::pkcs1::expected_size size{.least = r.least, .most = r.most, .substitute = r.least + beyond};
    const auto text = crypto::pkcs1::unpad<Most>(block.view(), size, e.crypto);
    if (!text) return std::unexpected{errc_of(text.error())};
    return to_octets(text->view());
}
/// The same by the key of the nonce. Where anything cannot be read, an unknown nonce stands for the one that was, so that no
/// HASH can hold; it is drawn in any case.
template <class Env>
[[nodiscard]] auto open_revised(const sealed_exchange& s, const said_by& peer, const crypto::rsa_block& block, Env& e)
    -> result<opened_exchange> {
    using isakmp::payload_type;
    auto nonce = unpadded<256>(block, nonce_size, peer.agreed, e);
    if (!nonce) return std::unexpected{nonce.error()};
    octets unknown(own_nonce);
    if (!e.crypto.fill(unknown)) return std::unexpected{errc::no_randomness};
    auto by = cipher_of(peer.agreed, peer.cky, peer.end, *nonce, e);
    if (!by) return std::unexpected{by.error()};
    opened_exchange out;
    std::vector<sealed_exchange::part> rest;
    bool readable = true;
    for (const auto& p : s.behind) {
        auto body = unseal(e.crypto, *by, p.body);
        if (!body) return std::unexpected{body.error()};
        readable = readable && body->has_value();
        if (!*body) continue;
        if (p.type == payload_type::key_exchange) out.gx = std::move(**body);
        else if (p.type == payload_type::identification) out.id_b = std::move(**body);
        else rest.push_back({p.type, std::move(**body)});
    }
    if (peer.both.nat_traversal) {
        const auto nat = judge_nat(e.crypto, peer.agreed.suite.hash, peer.cky, e.path, e.peer.nat.force, rest);
        if (!nat) return std::unexpected{nat.error()};
        if (readable) out.nat = nat->value_or(nat_view{});
    }
    // req: rfc2409-5-6
    readable = readable && check_public_value(peer.agreed, out.gx).has_value();
    if (!readable) out.gx.clear();
    wipe(readable ? unknown : *nonce);
    out.nonce = std::move(readable ? *nonce : unknown);
    return out;
}
/// Reads what `peer` encrypted. `gx` is its public value, where that came in the clear.
/// @return `errc::crypto_failed`, `errc::no_randomness`; never anything that depends on the texts
template <class Env>
[[nodiscard]] auto open(const sealed_exchange& s, const said_by& peer, octets gx, const std::vector<crypto::rsa_block>& blocks,
                        Env& e) -> result<opened_exchange> {
    if (blocks.size() != (is_revised(peer.agreed) ? 1U : 2U)) return std::unexpected{errc::crypto_failed};
    if (is_revised(peer.agreed)) return open_revised(s, peer, blocks[0], e);
    auto id = unpadded<512>(blocks[0], id_size, peer.agreed, e);
    auto nonce = unpadded<256>(blocks[1], nonce_size, peer.agreed, e);
    if (!id) return std::unexpected{id.error()};
    if (!nonce) return std::unexpected{nonce.error()};
    return opened_exchange{std::move(*nonce), std::move(*id), std::move(gx)};
}

}  // namespace ipsec::ike::v1::phase_1
