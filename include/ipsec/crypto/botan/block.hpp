#pragma once
/// One AES block at a time on Botan, for what is put together of blocks here.                      RFC 3566, RFC 3610 §2.2
#include <botan/block_cipher.h>

#include <memory>
#include <span>

#include "ipsec/crypto/botan/shim.hpp"
#include "ipsec/crypto/cbc_mac.hpp"

namespace ipsec::crypto::botan {

/// AES with its key set. Movable.
class aes_block {
public:
    /// @return `bad_key_size` for anything but 16, 24 or 32 octets, `provider_failed`
    [[nodiscard]] static auto make(byte_view key) noexcept -> result<aes_block> {
        if (key.size() != 16 && key.size() != 24 && key.size() != 32) return std::unexpected{errc::bad_key_size};
        return shim::fenced([&]() -> result<aes_block> {
            aes_block b;
            b.cipher_ = Botan::BlockCipher::create_or_throw("AES-" + std::to_string(key.size() * 8));
            b.cipher_->set_key(shim::octets(key), key.size());
            return b;
        });
    }
    [[nodiscard]] auto encrypt(std::span<std::byte, 16> block) noexcept -> bool {
        try {
            if (cipher_ == nullptr) return false;
            cipher_->encrypt(shim::octets(byte_span{block}));
            return true;
        } catch (...) {
            return false;
        }
    }

private:
    aes_block() noexcept = default;
    std::unique_ptr<Botan::BlockCipher> cipher_;
};
static_assert(block_cipher_128<aes_block>);

}  // namespace ipsec::crypto::botan
