#pragma once
/// Diffie-Hellman of every kind of group: modular exponentiation and curves over prime fields by Botan, curves over GF(2^m) by
/// `crypto/ec2n.hpp`, since Botan has none.
#include <botan/pubkey.h>

#include <algorithm>
#include <memory>

#include "ipsec/core/secret.hpp"
#include "ipsec/crypto/botan/rng_adapter.hpp"
#include "ipsec/crypto/botan/shim.hpp"
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/crypto/private_group_check.hpp"

namespace ipsec::crypto::botan {

/// A Diffie-Hellman key pair. Both halves are wiped when it goes.
class dh_key {
public:
    /// `none` for a private group.
    [[nodiscard]] auto group() const noexcept -> group_id { return group_; }
    [[nodiscard]] auto public_value() const noexcept -> byte_view { return public_.view(); }
    /// The private exponent, for a user who writes a file of keys for an analyser.
    [[nodiscard]] auto private_value() const noexcept -> byte_view { return private_.view(); }

private:
    friend class dh;
    group_id group_ = group_id::none;
    std::unique_ptr<const private_group> parts_;
    secret<1024> public_;
    secret<80> private_;
};

/// The computations, over random octets of the caller's.
class dh {
public:
    /// @return `unknown_group`, `unsupported_algorithm` for a curve that Botan was built without, `no_randomness`,
    ///         `provider_failed`
    template <rng Rng>
    [[nodiscard]] static auto generate(group_id g, Rng& random) noexcept -> result<dh_key> {
        const auto* info = find(g);
        if (info == nullptr) return std::unexpected{errc::unknown_group};
        dh_key k;
        k.group_ = g;
        k.public_ = secret<1024>::zeros(info->size());
        k.private_ = secret<80>::zeros(info->exponent_size());
        if (info->kind == group_kind::ecp) return point_pair(std::move(k), random);
        if (!draw(k, random)) return std::unexpected{errc::no_randomness};
        if (info->kind == group_kind::modp) {
            const auto group = modp_of(g);
            return filled(std::move(k), power(group.generator, k.private_.view(), group.prime, k.public_.octets()));
        }
        const auto group = binary_group_of(g);
        const auto curve = curve_of(group);
        if (!curve) return std::unexpected{errc::unknown_group};
        return filled(std::move(k), multiply(*curve, k.private_.view(), group.generator, k.public_.octets()));
    }
    /// As above. @pre `check` passed the group
    template <rng Rng>
    [[nodiscard]] static auto generate(const private_group& g, Rng& random) noexcept -> result<dh_key> {
        const std::size_t size = size_of(g);
        if (size == 0 || size > 1024) return std::unexpected{errc::bad_group};
        dh_key k;
        k.parts_ = std::make_unique<const private_group>(g);
        k.public_ = secret<1024>::zeros(size);
        if (const auto* m = std::get_if<modp_parameters>(&g)) {
            k.private_ = secret<80>::zeros(exponent_size(*m));
            if (!draw(k, random)) return std::unexpected{errc::no_randomness};
            return filled(std::move(k), power(m->generator, k.private_.view(), m->prime, k.public_.octets()));
        }
        const auto& e = *std::get_if<ec2n_parameters>(&g);
        const auto curve = crypto::detail::curve_of(e);
        if (!curve) return std::unexpected{errc::bad_group};
        k.private_ = secret<80>::zeros(size);
        if (!draw(k, random)) return std::unexpected{errc::no_randomness};
        return filled(std::move(k), multiply(*curve, k.private_.view(), e.generator_x, k.public_.octets()));
    }
    /// @return `unknown_group`, `foreign_keys` for a pair that was moved from, `bad_public_value`, `provider_failed`
    template <rng Rng>
    [[nodiscard]] static auto agree(const dh_key& mine, byte_view peer, Rng& random) noexcept -> result<dh_secret> {
        const auto* info = find(mine.group_);
        if (info == nullptr && mine.parts_ == nullptr) return std::unexpected{errc::unknown_group};
        // Without its exponent the secret would be 1, and everybody would know it.
        if (mine.private_.empty()) return std::unexpected{errc::foreign_keys};
        const byte_view x = mine.private_.view();
        if (mine.parts_ != nullptr) {
            if (auto ok = check_public_value(*mine.parts_, peer); !ok) return std::unexpected{ok.error()};
            auto out = dh_secret::zeros(peer.size());
            if (const auto* m = std::get_if<modp_parameters>(mine.parts_.get()))
                return filled(std::move(out), power(peer, x, m->prime, out.octets()));
            const auto curve = crypto::detail::curve_of(*std::get_if<ec2n_parameters>(mine.parts_.get()));
            if (!curve) return std::unexpected{errc::bad_group};
            return filled(std::move(out), multiply(*curve, x, peer, out.octets()));
        }
        if (auto ok = check_public_value(mine.group_, peer); !ok) return std::unexpected{ok.error()};
        auto out = dh_secret::zeros(info->secret_size());
        switch (info->kind) {
            case group_kind::modp: return filled(std::move(out), power(peer, x, prime_of(mine.group_), out.octets()));
            case group_kind::ec2n: {
                const auto curve = curve_of(binary_group_of(mine.group_));
                if (!curve) return std::unexpected{errc::unknown_group};
                return filled(std::move(out), multiply(*curve, x, peer, out.octets()));
            }
            case group_kind::ecp: break;
        }
        return point_secret(mine, peer, random);
    }

private:
    template <class Value>
    [[nodiscard]] static auto filled(Value&& v, result<void> made) noexcept -> result<Value> {
        if (!made) return std::unexpected{made.error()};
        return std::move(v);  // not before: who calls fills it among the arguments, in whatever order
    }
    /// One length for all exponents, so that the time does not tell it.
    template <rng Rng>
    [[nodiscard]] static auto draw(dh_key& k, Rng& random) noexcept -> bool {
        if (!random.fill(k.private_.octets())) return false;
        k.private_.octets().front() |= std::byte{0x80};
        return true;
    }
    /// Twice the strength that RFC 3526 §8 gives to a prime of that length, or as long as the order.
    [[nodiscard]] static auto exponent_size(const modp_parameters& m) noexcept -> std::size_t {
        std::size_t bits = 624;
        for (const auto& g : groups)
            if (g.rfc == 3526 && g.bits >= wire::bit_length(m.prime))
                bits = std::min<std::size_t>(bits, g.exponent_bits);
        const auto order = wire::without_zeros(m.order).size();
        return order == 0 ? bits / 8 : std::min(bits / 8, order);
    }
    [[nodiscard]] static auto power(byte_view base, byte_view x, byte_view p, byte_span out) noexcept -> result<void> {
        return shim::fenced([&]() -> result<void> {
            shim::number_to(Botan::power_mod(shim::number_from(base), shim::number_from(x), shim::number_from(p)), out);
            return {};
        });
    }

    // --- curves over prime fields --------------------------------------------------------------------------------------------
    template <rng Rng>
    [[nodiscard]] static auto point_pair(dh_key k, Rng& random) noexcept -> result<dh_key> {
        if (!shim::has_curve(k.group_)) return std::unexpected{errc::unsupported_algorithm};
        return shim::fenced([&]() -> result<dh_key> {
            const auto curve = shim::curve(k.group_);
            const auto& order = curve.get_order();
            const byte_span x = k.private_.octets();
            const auto mask = static_cast<std::byte>(0xffU >> (x.size() * 8 - order.bits()));
            // From 1 to the order less 1, all alike: what is not in between is thrown away, one in two at the most.
            for (int attempt = 0; attempt < 256; ++attempt) {
                if (!random.fill(x)) return std::unexpected{errc::no_randomness};
                x.front() &= mask;
                const auto number = shim::number_from(x);
                if (number == 0 || number >= order) continue;
                rng_adapter blinding{random};
                const auto uncompressed = shim::ecdh_key(blinding, curve, number).public_value();
                if (uncompressed.size() != k.public_.size() + 1) return std::unexpected{errc::provider_failed};
                copy_octets(std::as_bytes(std::span{uncompressed}).subspan(1), k.public_.octets());
                return std::move(k);
            }
            return std::unexpected{errc::no_randomness};
        });
    }
    /// The x coordinate alone.                                                                                  RFC 5903 §7, §9
    template <rng Rng>
    [[nodiscard]] static auto point_secret(const dh_key& mine, byte_view peer, Rng& random) noexcept -> result<dh_secret> {
        return shim::fenced([&]() -> result<dh_secret> {
            rng_adapter blinding{random};
            const auto key = shim::ecdh_key(blinding, shim::curve(mine.group_), shim::number_from(mine.private_.view()));
            std::vector<std::uint8_t> point(1 + peer.size(), 4);  // uncompressed
            copy_octets(peer, std::as_writable_bytes(std::span{point}).subspan(1));
            const auto x = Botan::PK_Key_Agreement{key, blinding, "Raw"}.derive_key(0, point).bits_of();
            auto out = dh_secret::zeros(peer.size() / 2);
            if (x.size() != out.size()) return std::unexpected{errc::provider_failed};
            copy_octets(std::as_bytes(std::span{x}), out.octets());
            return out;
        });
    }
};

}  // namespace ipsec::crypto::botan
