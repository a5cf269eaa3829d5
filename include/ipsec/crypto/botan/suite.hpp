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

using cbc_suite = encrypt_then_mac<any_cipher, any_mac>;
using ctr_suite = encrypt_then_mac<any_ctr, any_mac>;
using gateway_suite = any_suite<cbc_suite, aead, ctr_suite, any_ccm, any_null_gmac>;  // what carries most packets comes first
static_assert(explain_esp_suite<gateway_suite>());

namespace detail {
/// A combined mode, or what its maker says.
template <class Mode>
[[nodiscard]] auto combined(const transform& t) noexcept -> result<gateway_suite> {
    auto made = Mode::make(t.encryption, t.key_bits);
    if (!made) return std::unexpected{made.error()};
    return result<gateway_suite>{std::in_place, std::move(*made)};
}
/// A cipher and a MAC, or what their makers say.
template <class Cipher>
[[nodiscard]] auto composed(const transform& t) noexcept -> result<gateway_suite> {
    auto c = Cipher::make(t.encryption, t.key_bits);
    if (!c) return std::unexpected{c.error()};
    auto m = any_mac::make(t.integrity);
    if (!m) return std::unexpected{m.error()};
    return result<gateway_suite>{std::in_place, encrypt_then_mac<Cipher, any_mac>{std::move(*c), std::move(*m)}};
}
}  // namespace detail

/// @return what `check(t, allowed)` finds wrong; `unsupported_algorithm` for what Botan does not have
[[nodiscard]] inline auto make_esp_suite(const transform& t, dangers allowed = {}) noexcept -> result<gateway_suite> {
    if (auto ok = check(t, allowed); !ok) return std::unexpected{ok.error()};
    if (is_ccm(t.encryption)) return detail::combined<any_ccm>(t);
    if (t.encryption == encryption_id::null_aes_gmac) return detail::combined<any_null_gmac>(t);
    if (is_combined(t.encryption)) return detail::combined<aead>(t);
    if (is_counter_mode(t.encryption)) return detail::composed<any_ctr>(t);
    return detail::composed<any_cipher>(t);
}
/// The MAC of an AH SA. @return `unknown_algorithm`; `no_integrity` for `none`, which AH does not have (RFC 2402 §5)
[[nodiscard]] inline auto make_mac(integrity_id id) noexcept -> result<any_mac> {
    if (id == integrity_id::none) return std::unexpected{errc::no_integrity};
    return any_mac::make(id);
}

}  // namespace ipsec::crypto::botan
