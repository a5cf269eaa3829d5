#pragma once
/// HMAC and AES-CMAC on Botan, and whichever MAC was agreed: AH, and the second half of encrypt-then-MAC.
#include <array>
#include <cstring>

#include "ipsec/core/secret.hpp"
#include "ipsec/crypto/algorithm_limits.hpp"
#include "ipsec/crypto/any_mac.hpp"
#include "ipsec/crypto/botan/block.hpp"
#include "ipsec/crypto/botan/choice.hpp"
#include "ipsec/crypto/botan/gmac.hpp"
#include "ipsec/crypto/botan/shim.hpp"
#include "ipsec/crypto/cbc_mac.hpp"
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/crypto/short_copy.hpp"

namespace ipsec::crypto::botan {

/// HMAC, truncated as RFC 2403, RFC 2404, RFC 2857 and RFC 4868 have it, or AES-CMAC-96 (RFC 4494). The key is set once, in the
/// scratch.
template <class Choice>
class basic_mac {
public:
    struct keys {
        secret<64> key;
    };
    struct scratch {
        std::unique_ptr<Botan::MessageAuthenticationCode> mac;
    };

    constexpr basic_mac() noexcept requires(std::default_initializable<Choice>) = default;
    constexpr explicit basic_mac(Choice c) noexcept : choice_{c} {}
    /// `none` makes a MAC of no octets, for cipher suites whose user named the danger.
    /// @return `unknown_algorithm` (AES-XCBC-MAC and AES-GMAC too: `any_mac` has them), `unsupported_algorithm`
    [[nodiscard]] static auto make(integrity_id id) noexcept -> result<basic_mac>
        requires(std::constructible_from<Choice, integrity_id>)
    {
        if (id != integrity_id::none && !is_known(id)) return std::unexpected{fault_of_missing(id)};
        if (id != integrity_id::none && !shim::has_mac_name(id)) return std::unexpected{errc::unknown_algorithm};
        return basic_mac{Choice{id}};
    }

    [[nodiscard]] constexpr auto id() const noexcept -> integrity_id { return choice_.id(); }
    [[nodiscard]] constexpr auto keymat_size() const noexcept -> std::size_t { return choice_.key(); }
    [[nodiscard]] constexpr auto icv_size() const noexcept -> std::size_t { return choice_.icv(); }
    [[nodiscard]] constexpr auto limits() const noexcept -> key_limits { return limits_of(id()); }

    /// Botan's SHA-512 is 16 KiB of code in one line: no other code keeps its place beside it.
    [[nodiscard]] constexpr auto is_large() const noexcept -> bool {
        return id() == integrity_id::hmac_sha2_384_192 || id() == integrity_id::hmac_sha2_512_256;
    }
    /// @return `bad_key_size` for any length but the one that the algorithm has
    // req: rfc2403-3-1, rfc2403-3-2, rfc2404-3-1, rfc2404-3-2, rfc4868-2.1.1-1, rfc2857-3-1, rfc2857-3-2
    [[nodiscard]] auto make_keys(byte_view keymat) const noexcept -> result<keys> {
        if (keymat.size() != keymat_size()) return std::unexpected{errc::bad_key_size};
        return keys{secret<64>{keymat}};
    }
    template <rng Rng>
    [[nodiscard]] auto make_scratch(const keys& k, Rng&) const noexcept -> result<scratch> {
        if (icv_size() == 0) return scratch{};
        return shim::fenced([&]() -> result<scratch> {
            scratch s{Botan::MessageAuthenticationCode::create_or_throw(shim::mac_name(id()))};
            s.mac->set_key(shim::octets(k.key.view()), k.key.size());
            return s;
        });
    }
    /// Writes the first `icv_size()` octets of the MAC over all parts; all of it where `icv` has room for the longest MAC.
    /// @pre `icv.size() >= icv_size()`
    // req: rfc2403-2-1, rfc2404-2-1, rfc4868-2.3-1, rfc2857-2-2
    [[nodiscard, gnu::always_inline]] auto compute(const keys&, scratch& t, std::span<const byte_view> parts,
                                                   byte_span icv) const noexcept -> result<void> {
        if (icv_size() == 0) return {};
        if (t.mac == nullptr) return std::unexpected{errc::foreign_keys};
        try {  // as `shim::fenced`, without a lambda, which the compiler would leave out of line
            for (const byte_view part : parts) t.mac->update(shim::octets(part), part.size());
            if (icv.size() >= whole_size) {  // reading at once what was just written would make the next MAC wait
                t.mac->final(shim::octets(icv));
                return {};
            }
            std::array<std::byte, whole_size> whole;  // NOLINT: written before it is read
            t.mac->final(shim::octets(byte_span{whole}));
            copy_short(whole.data(), icv.data(), icv_size());
            return {};
        } catch (...) {
            return std::unexpected{errc::provider_failed};
        }
    }

private:
    static constexpr std::size_t whole_size = 64;
    [[no_unique_address]] Choice choice_;
};

/// AES-XCBC-MAC-96 on Botan's AES.                                                                          RFC 3566
using aes_xcbc_96 = xcbc_mac_96<aes_block>;

/// Whichever MAC of Botan's own was agreed.
using botan_mac = basic_mac<chosen_integrity>;

/// Whichever MAC was agreed, for AH.
class any_mac : public crypto::any_mac<botan_mac, aes_xcbc_96, gmac> {
    using base = crypto::any_mac<botan_mac, aes_xcbc_96, gmac>;

public:
    /// @return `no_integrity` for `none`: a receiver without a MAC would take every packet; `unknown_algorithm`,
    ///         `unsupported_algorithm`
    [[nodiscard]] static auto make(integrity_id id) noexcept -> result<any_mac> {
        if (id == integrity_id::none) return std::unexpected{errc::no_integrity};
        if (id == integrity_id::aes_xcbc_96) return any_mac{base{aes_xcbc_96{}}, id};
        if (is_known(id) && info_of(id).iv != 0) return any_mac{base{gmac{id}}, id};
        auto m = botan_mac::make(id);
        if (!m) return std::unexpected{m.error()};
        return any_mac{base{std::move(*m)}, id};
    }
    [[nodiscard]] constexpr auto id() const noexcept -> integrity_id { return id_; }

private:
    constexpr any_mac(base b, integrity_id id) noexcept : base{std::move(b)}, id_{id} {}
    integrity_id id_;
};
template <integrity_id Id> using hmac = basic_mac<fixed_integrity<Id>>;
using aes_cmac_96 = hmac<integrity_id::aes_cmac_96>;
using hmac_sha1_96 = hmac<integrity_id::hmac_sha1_96>;
using hmac_sha2_256_128 = hmac<integrity_id::hmac_sha2_256_128>;
using hmac_sha2_384_192 = hmac<integrity_id::hmac_sha2_384_192>;
using hmac_sha2_512_256 = hmac<integrity_id::hmac_sha2_512_256>;

static_assert(explain_mac<any_mac>());
static_assert(explain_mac<hmac_sha2_256_128>());

}  // namespace ipsec::crypto::botan
