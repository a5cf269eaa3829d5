#pragma once
/// The suites that a gateway negotiates, from a transform.
#include "ipsec/crypto/any_suite.hpp"
#include "ipsec/crypto/botan/aead.hpp"
#include "ipsec/crypto/botan/ccm.hpp"
#include "ipsec/crypto/botan/cipher.hpp"
#include "ipsec/crypto/botan/ctr.hpp"
#include "ipsec/crypto/botan/gmac.hpp"
#include "ipsec/crypto/botan/mac.hpp"
#include "ipsec/crypto/esp_suite.hpp"

namespace ipsec::crypto::botan {

using cbc_suite = encrypt_then_mac<any_cipher, botan_mac>;
/// The choice of a cipher, as a type of its own: a compiler does not inline into `cbc_suite` what another suite calls as well.
class rare_encryption : public chosen_encryption {
public:
    using chosen_encryption::chosen_encryption;
};
using rare_cipher = basic_cipher<rare_encryption>;
using cbc_xcbc_suite = encrypt_then_mac<rare_cipher, aes_xcbc_96>;
using ctr_suite = encrypt_then_mac<any_ctr, botan_mac>;
using ctr_xcbc_suite = encrypt_then_mac<any_ctr, aes_xcbc_96>;
/// What carries few packets. It stands in functions of its own, so that the compiler goes on to inline the others.
class rare_suite : public any_suite<ctr_suite, any_ccm, any_null_gmac, cbc_xcbc_suite, ctr_xcbc_suite> {
    using base = any_suite<ctr_suite, any_ccm, any_null_gmac, cbc_xcbc_suite, ctr_xcbc_suite>;

public:
    using base::base;
    [[nodiscard, gnu::noinline]] auto seal(const keys& k, scratch& t, const seal_job& job) const noexcept -> result<void> {
        return base::seal(k, t, job);
    }
    [[nodiscard, gnu::noinline]] auto open(const keys& k, scratch& t, const open_job& job) const noexcept -> result<void> {
        return base::open(k, t, job);
    }
};
/// What carries most packets comes first. The MAC that is not Botan's makes suites of its own, so that the others need not ask.
using gateway_suite = any_suite<cbc_suite, aead, rare_suite>;
static_assert(explain_esp_suite<gateway_suite>());

namespace detail {
template <class Suite>
[[nodiscard]] auto wrapped(Suite s) noexcept -> result<gateway_suite> {
    if constexpr (std::constructible_from<gateway_suite, Suite>) return result<gateway_suite>{std::in_place, std::move(s)};
    else return result<gateway_suite>{std::in_place, rare_suite{std::move(s)}};
}
/// A combined mode, or what its maker says.
template <class Mode>
[[nodiscard]] auto combined(const transform& t) noexcept -> result<gateway_suite> {
    auto made = Mode::make(t.encryption, t.key_bits);
    if (!made) return std::unexpected{made.error()};
    return wrapped(std::move(*made));
}
template <class Cipher>
[[nodiscard]] auto with_xcbc(const transform& t) noexcept -> result<gateway_suite> {
    auto c = Cipher::make(t.encryption, t.key_bits);
    if (!c) return std::unexpected{c.error()};
    return wrapped(encrypt_then_mac<Cipher, aes_xcbc_96>{std::move(*c), aes_xcbc_96{}});
}
/// A cipher and a MAC, or what their makers say.
template <class Cipher>
[[nodiscard]] auto composed(const transform& t) noexcept -> result<gateway_suite> {
    auto c = Cipher::make(t.encryption, t.key_bits);
    if (!c) return std::unexpected{c.error()};
    auto m = botan_mac::make(t.integrity);
    if (!m) return std::unexpected{m.error()};
    return wrapped(encrypt_then_mac<Cipher, botan_mac>{std::move(*c), std::move(*m)});
}
}  // namespace detail

/// @return what `check(t, allowed)` finds wrong; `unsupported_algorithm` for what Botan does not have
[[nodiscard]] inline auto make_esp_suite(const transform& t, dangers allowed = {}) noexcept -> result<gateway_suite> {
    if (auto ok = check(t, allowed); !ok) return std::unexpected{ok.error()};
    if (is_ccm(t.encryption)) return detail::combined<any_ccm>(t);
    if (t.encryption == encryption_id::null_aes_gmac) return detail::combined<any_null_gmac>(t);
    if (is_combined(t.encryption)) return detail::combined<aead>(t);
    if (t.integrity == integrity_id::aes_xcbc_96)
        return is_counter_mode(t.encryption) ? detail::with_xcbc<any_ctr>(t) : detail::with_xcbc<rare_cipher>(t);
    if (is_counter_mode(t.encryption)) return detail::composed<any_ctr>(t);
    return detail::composed<any_cipher>(t);
}
/// The MAC of an AH SA. @return `unknown_algorithm`; `no_integrity` for `none`, which AH does not have (RFC 2402 §5)
[[nodiscard]] inline auto make_mac(integrity_id id) noexcept -> result<any_mac> {
    return any_mac::make(id);
}

}  // namespace ipsec::crypto::botan
