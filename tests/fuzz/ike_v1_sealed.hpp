#pragma once
// Two endpoints that authenticate each other by public key encryption without any: a cipher text is its padded block, so that a
// fuzzer writes what is decrypted.
#include "fuzz/ike_v1_common.hpp"
#include "ipsec/crypto/pkcs1.hpp"

namespace ipsec::fuzz {

struct identity_key_provider : testing::identity_provider {
    using testing::identity_provider::identity_provider;
    static constexpr std::size_t block = 128;
    [[nodiscard]] auto encrypt_to(crypto::ticket, const crypto::public_key&, std::span<const byte_view> pieces) noexcept
        -> std::optional<crypto::result<std::vector<std::vector<std::byte>>>> {
        std::vector<std::vector<std::byte>> out;
        for (const byte_view p : pieces) {
            std::vector<std::byte> text(block);
            if (const auto ok = crypto::pkcs1::pad(p, *this, text); !ok) return std::unexpected{ok.error()};
            out.push_back(std::move(text));
        }
        return out;
    }
    [[nodiscard]] auto decrypt_raw(crypto::ticket, crypto::decryption_key, std::span<const byte_view> pieces) noexcept
        -> std::optional<crypto::result<std::vector<crypto::rsa_block>>> {
        std::vector<crypto::rsa_block> out;
        for (const byte_view p : pieces) {
            auto text = crypto::rsa_block::zeros(block);
            copy_octets(p, text.octets().last(p.size()));
            out.push_back(std::move(text));
        }
        return out;
    }
    [[nodiscard]] auto modulus_size(crypto::decryption_key) noexcept -> crypto::result<std::size_t> { return block; }
    [[nodiscard]] auto modulus_size(const crypto::public_key&) noexcept -> crypto::result<std::size_t> { return block; }
};
static_assert(crypto::public_encryption_provider<identity_key_provider>);
struct ike_v1_sealed_traits {
    using provider = identity_key_provider;
    using observer = ike_v1_spy;
};

/// What the first octet of an input says: after how many messages the fuzzer speaks, by which mode and method.
struct ike_v1_stage {
    std::size_t after;
    bool aggressive, revised;
    explicit ike_v1_stage(std::byte b)
        : after{std::to_integer<std::size_t>(b) % 8},
          aggressive{(b & std::byte{0x10}) != std::byte{0}},
          revised{(b & std::byte{0x20}) != std::byte{0}} {}
    [[nodiscard]] auto config(bool left) const -> v1::config {
        auto c = ike_v1_config(left);
        auto& p = c.peers[0];
        const auto method = revised ? isakmp::oakley_authentication::revised_rsa_encryption
                                    : isakmp::oakley_authentication::rsa_encryption;
        p.suites[0].authentication = method;
        p.keys.decrypt_with = {{crypto::decryption_key{0}, {}}};
        p.keys.peer_keys = {{method, {}, {}}};
        if (aggressive) p.modes = {.begin_aggressive = left, .accept_aggressive = !left, .accept_main = false};
        return c;
    }
};

/// The fuzzer's message for `ends`: by the bits of `how`, with the exchange's cookies (1) and its own length (2).
template <class Ends> auto ike_v1_framed(const Ends& ends, byte_view in, unsigned how) -> std::vector<std::byte> {
    std::vector<std::byte> m{in.begin(), in.end()};
    const auto h = isakmp::header::parse(ends.held_back);
    if ((how & 1U) != 0 && h && m.size() >= 16) {
        copy_octets(h->initiator.octets(), m);
        copy_octets(h->responder.octets(), byte_span{m}.subspan(8));
    }
    if ((how & 2U) != 0 && m.size() >= 28) wire::store(byte_span{m}.subspan(24), static_cast<std::uint32_t>(m.size()));
    return m;
}

}  // namespace ipsec::fuzz

#ifdef IPSECPP_ENDS_MADE_ONCE  // see tests/support/made_once
extern template class ipsec::ike::v1::ike_sa<ipsec::fuzz::ike_v1_sealed_traits>;
extern template class ipsec::ike::v1::endpoint<ipsec::fuzz::ike_v1_sealed_traits>;
#endif
