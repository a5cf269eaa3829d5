#pragma once
/// Which algorithm a Botan suite is: fixed by its type, or decided while running. Both answer the same questions.
#include "ipsec/crypto/algorithms.hpp"

namespace ipsec::crypto::botan {

/// Known to the compiler: sizes are constants, and a suite of it carries nothing.
template <encryption_id Id, std::uint16_t KeyBits = 0>
struct fixed_encryption {
    static_assert(key_size(Id, KeyBits).has_value(), "the algorithm does not take this key length");
    [[nodiscard]] static constexpr auto id() noexcept -> encryption_id { return Id; }
    [[nodiscard]] static constexpr auto key() noexcept -> std::size_t { return *key_size(Id, KeyBits); }
    [[nodiscard]] static constexpr auto iv() noexcept -> std::size_t { return info_of(Id).iv; }
    [[nodiscard]] static constexpr auto block() noexcept -> std::size_t { return info_of(Id).block; }
    [[nodiscard]] static constexpr auto icv() noexcept -> std::size_t { return info_of(Id).icv; }
    [[nodiscard]] static constexpr auto salt() noexcept -> std::size_t { return info_of(Id).salt; }
};
/// As negotiated.
class chosen_encryption {
public:
    /// @pre `key_size(id, key_bits)` has a value
    constexpr chosen_encryption(encryption_id id, std::uint16_t key_bits) noexcept
        : info_{find(id)}, key_{static_cast<std::uint8_t>(*key_size(id, key_bits))} {
        iv_ = info_->iv;
        block_ = info_->block;
        icv_ = info_->icv;
        salt_ = info_->salt;
    }
    [[nodiscard]] constexpr auto id() const noexcept -> encryption_id { return info_->id; }
    [[nodiscard]] constexpr auto key() const noexcept -> std::size_t { return key_; }
    [[nodiscard]] constexpr auto iv() const noexcept -> std::size_t { return iv_; }
    [[nodiscard]] constexpr auto block() const noexcept -> std::size_t { return block_; }
    [[nodiscard]] constexpr auto icv() const noexcept -> std::size_t { return icv_; }
    [[nodiscard]] constexpr auto salt() const noexcept -> std::size_t { return salt_; }

private:
    const encryption_info* info_;
    std::uint8_t key_, iv_ = 0, block_ = 1, icv_ = 0, salt_ = 0;
};

template <integrity_id Id>
struct fixed_integrity {
    static_assert(is_known(Id), "no such integrity algorithm; no_mac stands for none");
    [[nodiscard]] static constexpr auto id() noexcept -> integrity_id { return Id; }
    [[nodiscard]] static constexpr auto key() noexcept -> std::size_t { return info_of(Id).key; }
    [[nodiscard]] static constexpr auto icv() noexcept -> std::size_t { return info_of(Id).icv; }
};
class chosen_integrity {
public:
    /// @pre `id` is in the table, or `none`
    constexpr explicit chosen_integrity(integrity_id id) noexcept : id_{id} {
        if (const auto* i = find(id)) {
            key_ = i->key;
            icv_ = i->icv;
        }
    }
    [[nodiscard]] constexpr auto id() const noexcept -> integrity_id { return id_; }
    [[nodiscard]] constexpr auto key() const noexcept -> std::size_t { return key_; }
    [[nodiscard]] constexpr auto icv() const noexcept -> std::size_t { return icv_; }

private:
    integrity_id id_;
    std::uint8_t key_ = 0, icv_ = 0;
};

}  // namespace ipsec::crypto::botan
