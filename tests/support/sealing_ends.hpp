#pragma once
// Two ends that authenticate each other by public key encryption: providers with two keys that remember what they were asked, and
// lie about cipher texts if told.
#include <algorithm>
#include <string>
#include <vector>

#include "ipsec/crypto/botan/public_key_provider.hpp"
#include "support/catch.hpp"
#include "support/good_end.hpp"
#include "support/ike_ends.hpp"
#include "support/test_pki.hpp"

namespace ipsec::test {

/// What a sender makes of one of its cipher texts.
enum class lie { none, other_text, short_text, no_padding, out_of_range, too_short, empty_text };

/// A Botan provider with two keys to decrypt by.
template <class Base> struct lying_keys : Base {
    explicit lying_keys(std::uint64_t = 0) {
        REQUIRE(this->keys().add_decryption_key(pki::private_key(keys::rsa_2048)));
        REQUIRE(this->keys().add_decryption_key(pki::private_key(keys::rsa_2048_pkcs8)));
    }
    template <class Group> auto generate(crypto::ticket t, const Group& g) noexcept {
        calls.emplace_back("generate");
        return Base::generate(t, g);
    }
    auto agree(crypto::ticket t, const typename Base::dh_key& k, byte_view peer) noexcept {
        calls.emplace_back("agree");
        return Base::agree(t, k, peer);
    }
    auto fill(byte_span out) noexcept {
        calls.emplace_back("fill " + std::to_string(out.size()));
        return Base::fill(out);
    }
    auto hash(crypto::hash_id h, std::span<const byte_view> parts) noexcept {
        calls.emplace_back("hash");
        return Base::hash(h, parts);
    }
    auto prf(crypto::prf_id p, byte_view key, std::span<const byte_view> parts) noexcept {
        calls.emplace_back("prf");
        return Base::prf(p, key, parts);
    }
    auto encrypt(crypto::encryption_id c, byte_view key, byte_view iv, byte_span text) noexcept {
        calls.emplace_back("encrypt " + std::to_string(text.size()));
        return Base::encrypt(c, key, iv, text);
    }
    auto decrypt(crypto::encryption_id c, byte_view key, byte_view iv, byte_span text) noexcept {
        calls.emplace_back("decrypt " + std::to_string(text.size()));
        return Base::decrypt(c, key, iv, text);
    }
    auto decrypt_raw(crypto::ticket t, crypto::decryption_key k, std::span<const byte_view> pieces) noexcept {
        calls.emplace_back("decrypt_raw " + std::to_string(pieces.size()));
        return Base::decrypt_raw(t, k, pieces);
    }
    auto encrypt_to(crypto::ticket t, const crypto::public_key& k, std::span<const byte_view> pieces) noexcept {
        calls.emplace_back("encrypt_to " + std::to_string(pieces.size()));
        if (how == lie::none) return Base::encrypt_to(t, k, pieces);
        const std::size_t at = std::min(which, pieces.size() - 1);
        std::vector<byte_view> said(pieces.begin(), pieces.end());
        const std::vector<std::byte> other(32, std::byte{7});
        if (how == lie::other_text) said[at] = other;
        if (how == lie::short_text) said[at] = byte_view{other}.first(4);
        auto made = Base::encrypt_to(t, k, said);
        if (!made || !*made) return made;
        auto& text = (**made)[at];
        if (how == lie::no_padding) text[100] ^= std::byte{1};
        if (how == lie::out_of_range) std::ranges::fill(text, std::byte{0xff});
        if (how == lie::too_short) text.resize(200);
        if (how == lie::empty_text) text.clear();
        return made;
    }
    std::vector<std::string> calls;
    lie how = lie::none;
    std::size_t which = 1;
};
using sealing_provider = lying_keys<crypto::botan::public_key_provider>;
using sealing_ends = ike_ends<sealing_provider>;
using deferred_sealing_ends = ike_ends<testing::deferred_dh<sealing_provider>>;
/// The provider itself, also where its answers are deferred.
template <class End> auto keyed_of(End& end) -> auto& {
    if constexpr (requires { end.crypto.inner(); }) return end.crypto.inner();
    else return end.crypto;
}

inline const std::vector<std::byte> certificates[] = {std::vector<std::byte>(700, std::byte{0x30}),
                                               std::vector<std::byte>(800, std::byte{0x31})};
inline constexpr std::array sealing_methods{isakmp::oakley_authentication::rsa_encryption,
                                            isakmp::oakley_authentication::revised_rsa_encryption};

/// The left end begins, and decrypts by the first key; the right one by the second. Each knows the other's key.
inline auto sealing_config(bool left, isakmp::oakley_authentication method, crypto::hash_id hash = crypto::hash_id::sha1)
    -> v1::config {
    auto c = ike_config(left);
    auto& p = c.peers[0];
    p.psk = {};
    p.local_id = *ike::identity::of_text(ike::id_type::fqdn, left ? "left.example" : "gw.example.org");
    p.remote_id = *ike::identity::of_text(ike::id_type::fqdn, left ? "gw.example.org" : "left.example");
    p.suites = {{crypto::encryption_id::aes_cbc, 128, hash, crypto::group_id::modp1024, method}};
    p.keys.decrypt_with.push_back({crypto::decryption_key{left ? 0U : 1U}, {}});
    p.keys.peer_keys.push_back({method, {pki::spki(left ? keys::rsa_2048_pkcs8 : keys::rsa_2048)}, {}});
    return c;
}
template <class Ends> void check_nothing_stands(Ends& ends) {
    CHECK((ends.left.established.empty() && ends.right.established.empty()));
    CHECK(ends.left.table.empty());
    CHECK(ends.right.table.empty());
}
/// The right end gets two keys; HASH(1) says which one it is, and it is not the first.
inline void name_the_second_key(v1::peer_config& left, v1::peer_config& right) {
    left.keys.peer_keys[0].certificate = certificates[1];
    right.keys.decrypt_with = {{crypto::decryption_key{0}, certificates[0]}, {crypto::decryption_key{1}, certificates[1]}};
}
/// How often a provider was asked for something.
[[nodiscard]] inline auto count_of(const std::vector<std::string>& calls, std::string_view what) -> std::size_t {
    return static_cast<std::size_t>(std::ranges::count_if(calls, [&](const auto& c) { return c.starts_with(what); }));
}
/// Everything that one end did, as far as somebody can see who has no key: its calls, and the sizes of its messages.
struct seen {
    std::vector<std::string> calls;
    std::vector<std::size_t> sent;
    friend auto operator==(const seen&, const seen&) -> bool = default;
    /// Until it answered for the first time.
    [[nodiscard]] auto first_calls() const -> std::span<const std::string> {
        const auto answered = std::ranges::find_if(calls, [](const auto& c) { return c.starts_with("encrypt_to"); });
        REQUIRE(answered != calls.end());
        return {calls.begin(), answered + 1};
    }
};
/// What one end does whose peer lies.
/// @param configured  of an end: the left one?
template <class Ends, class Configured>
auto what_one_did(testing::side honest, Configured&& configured, lie how, std::size_t which) -> seen {
    Ends ends{configured(true), configured(false)};
    const bool is_left = honest == testing::side::left;
    auto& watched = is_left ? ends.left : ends.right;
    auto& liar = is_left ? ends.right : ends.left;
    keyed_of(liar).how = how;
    keyed_of(liar).which = which;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(400)));
    if (how == lie::none) check_good_end(ends);
    CHECK(watched.established.size() == (how == lie::none ? 1 : 0));
    CHECK(watched.table.size() == (how == lie::none ? 2 : 0));
    seen out{keyed_of(watched).calls, {}};
    for (const auto& m : ends.sent)
        if (m.from == honest) out.sent.push_back(m.octets.size());
    return out;
}
template <class Ends, class Configured> auto what_right_did(Configured&& configured, lie how, std::size_t which) -> seen {
    return what_one_did<Ends>(testing::side::right, configured, how, which);
}
template <class Ends, class Configured> auto what_left_did(Configured&& configured, lie how, std::size_t which) -> seen {
    return what_one_did<Ends>(testing::side::left, configured, how, which);
}

}  // namespace ipsec::test

IPSECPP_ENDS_ELSEWHERE(ipsec::test::sealing_provider)
IPSECPP_ENDS_ELSEWHERE(ipsec::testing::deferred_dh<ipsec::test::sealing_provider>)
