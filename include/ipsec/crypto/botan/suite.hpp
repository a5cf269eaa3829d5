#pragma once
/// The suites that a gateway negotiates, from a transform.
#include "ipsec/crypto/any_suite.hpp"
#include "ipsec/crypto/botan/aead.hpp"
#include "ipsec/crypto/botan/cipher.hpp"
#include "ipsec/crypto/botan/mac.hpp"
#include "ipsec/crypto/esp_suite.hpp"

namespace ipsec::crypto::botan {

using cbc_suite = encrypt_then_mac<any_cipher, any_mac>;
using gateway_suite = any_suite<cbc_suite, aead>;
static_assert(explain_esp_suite<gateway_suite>());

/// @return what `check(t, allowed)` finds wrong
[[nodiscard]] inline auto make_esp_suite(const transform& t, dangers allowed = {}) noexcept -> result<gateway_suite> {
    if (auto ok = check(t, allowed); !ok) return std::unexpected{ok.error()};
    if (is_combined(t.encryption)) {
        auto a = aead::make(t.encryption, t.key_bits);
        if (!a) return std::unexpected{a.error()};
        return result<gateway_suite>{std::in_place, std::move(*a)};
    }
    auto c = any_cipher::make(t.encryption, t.key_bits);
    if (!c) return std::unexpected{c.error()};
    auto m = any_mac::make(t.integrity);
    if (!m) return std::unexpected{m.error()};
    return result<gateway_suite>{std::in_place, cbc_suite{std::move(*c), std::move(*m)}};
}
/// The MAC of an AH SA. @return `unknown_algorithm`; `no_integrity` for `none`, which AH does not have (RFC 2402 §5)
[[nodiscard]] inline auto make_mac(integrity_id id) noexcept -> result<any_mac> {
    if (id == integrity_id::none) return std::unexpected{errc::no_integrity};
    return any_mac::make(id);
}

}  // namespace ipsec::crypto::botan
