#pragma once
/// The words for algorithms and keys of a state: `enc`, `auth`, `auth-trunc`, `aead`.
#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "ipsec/xfrm/algorithms.hpp"
#include "ipsec/xfrm/detail/read_counters.hpp"
#include "ipsec/xfrm/detail/words.hpp"
#include "ipsec/xfrm/state.hpp"

namespace ipsec::xfrm::detail {

/// The value of a hexadecimal digit; nothing for another character.
[[nodiscard]] constexpr auto digit_of(char c) noexcept -> std::optional<unsigned> {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
    return std::nullopt;
}

/// Takes the algorithms of one state, in any order, and puts them together.
class algorithm_reader {
public:
    /// Takes the next word and its values when it names an algorithm. @return false when it does not, or there is none
    auto take_from(words& in) noexcept -> bool {
        const word* const w = in.peek();
        if (w == nullptr) return false;
        if (w->text == "enc") take_cipher(in);
        else if (w->text == "auth" || w->text == "auth-trunc") take_mac(in);
        else if (w->text == "aead") take_aead(in);
        else if (w->text == "comp") in.fail(errc::unsupported, in.take());
        else return false;
        return true;
    }
    [[nodiscard]] auto has_any() const noexcept -> bool { return cipher_ || mac_ || aead_; }
    /// Whether the algorithms go together and with the protocol; then they stand in `to`.                RFC 2406 §5, RFC 2402 §5
    // req: rfc2406-5-9
    void finish(words& in, state& to) noexcept {
        if (to.id.protocol == sa::protocol::ah) {
            if (cipher_) return in.fail(errc::misplaced_algorithm, *cipher_);
            if (aead_) return in.fail(errc::misplaced_algorithm, *aead_);
            if (!mac_) return in.fail_entry(errc::missing_word, "auth-trunc");
            if (mac_id_ == crypto::integrity_id::none) return in.fail(errc::unsupported_algorithm, mac_name_);
        } else {
            if (aead_ && mac_) return in.fail(errc::misplaced_algorithm, *mac_);
            if (!aead_ && !cipher_) return in.fail_entry(errc::missing_word, "enc");
            if (cipher_id_ == crypto::encryption_id::null && mac_id_ == crypto::integrity_id::none)
                return in.fail(errc::null_with_null, cipher_name_);
        }
        to.transform = {.encryption = cipher_id_, .key_bits = key_bits_, .integrity = mac_id_};
        to.keymat = std::move(cipher_key_);
        if (!to.keymat.append(mac_key_.view())) in.fail_entry(errc::bad_key_size, {});
    }

private:
    void take_cipher(words& in) noexcept {
        const word keyword = in.take();
        const word name = in.take();
        if (in.failed()) return;
        if (cipher_) return in.fail(errc::repeated_word, keyword);
        if (aead_) return in.fail(errc::misplaced_algorithm, keyword);
        const auto* const row = find(cipher_names, name.text);
        if (row == nullptr) return in.fail(errc::unknown_algorithm, name);
        if (!crypto::is_known(row->id)) return in.fail(errc::unsupported_algorithm, name);
        cipher_ = keyword;
        cipher_name_ = name;
        cipher_id_ = row->id;
        take_key(in, name, row->id == crypto::encryption_id::null, cipher_key_);
        check_cipher_key(in);
    }
    void take_aead(words& in) noexcept {
        const word keyword = in.take();
        const word name = in.take();
        if (in.failed()) return;
        if (aead_) return in.fail(errc::repeated_word, keyword);
        if (cipher_) return in.fail(errc::misplaced_algorithm, keyword);
        const auto* const row = find(aead_names, name.text);
        if (row == nullptr) return in.fail(errc::unknown_algorithm, name);
        if (!crypto::is_known(row->id)) return in.fail(errc::unsupported_algorithm, name);
        aead_ = keyword;
        cipher_name_ = name;
        take_key(in, name, false, cipher_key_);
        const word size = in.take();
        if (in.failed()) return;
        const auto bits = read_number(size.text, 65535);
        if (!bits) return in.fail(errc::bad_value, size);
        for (const auto& a : aead_names)
            if (a.name == name.text && icv_bits(a.id) == *bits && crypto::is_known(a.id)) {
                cipher_id_ = a.id;
                return check_cipher_key(in);
            }
        in.fail(errc::unsupported_icv, size);
    }
    void take_mac(words& in) noexcept {
        const word keyword = in.take();
        const word name = in.take();
        if (in.failed()) return;
        if (mac_) return in.fail(errc::repeated_word, keyword);
        const auto* const row = find(mac_names, name.text);
        if (row == nullptr) return in.fail(errc::unknown_algorithm, name);
        if (row->id == crypto::integrity_id{}) return in.fail(errc::unsupported_algorithm, name);
        mac_ = keyword;
        mac_name_ = name;
        mac_id_ = row->id;
        take_key(in, name, row->id == crypto::integrity_id::none, mac_key_);
        if (in.failed()) return;
        if (keyword.text == "auth") {
            // What the kernel takes for hmac(sha256) is not what everybody else does: whoever wants it writes the length.
            if (row->default_bits != icv_bits(row->id)) in.fail(errc::default_icv, name);
        } else {
            const word size = in.take();
            if (in.failed()) return;
            const auto bits = read_number(size.text, 65535);
            if (!bits) return in.fail(errc::bad_value, size);
            const auto fits = [&](const mac_name& m) {
                return m.name == row->name && m.id != crypto::integrity_id{} && icv_bits(m.id) == *bits;
            };
            const auto* const sized = std::ranges::find_if(mac_names, fits);
            if (sized == mac_names.end()) return in.fail(errc::unsupported_icv, size);
            mac_id_ = sized->id;
        }
        const std::size_t wanted = crypto::is_known(mac_id_) ? crypto::info_of(mac_id_).key : 0U;
        if (mac_key_.size() != wanted) in.fail(errc::bad_key_size, name);
    }
    /// "0x" and digits, or the characters themselves. A listing has no word for the key of a null algorithm.
    static void take_key(words& in, const word& algorithm, bool is_null, secret<128>& into) noexcept {
        if (in.is_listing() && is_null) return (void)skip_parenthesis(in);
        const word key = in.take();
        if (in.failed()) return;
        in.hide_last(algorithm.text);
        (void)skip_parenthesis(in);
        if (!key.text.starts_with("0x")) {
            if (!into.append(octets_of(key.text))) in.fail(errc::bad_key_size, algorithm);
            return;
        }
        const auto digits = key.text.substr(2);
        if (digits.size() % 2 != 0) return in.fail(errc::bad_key, algorithm);
        for (std::size_t i = 0; i < digits.size(); i += 2) {
            const auto high = digit_of(digits[i]), low = digit_of(digits[i + 1]);
            if (!high || !low) return in.fail(errc::bad_key, algorithm);
            const std::byte octet{static_cast<unsigned char>(*high << 4 | *low)};
            if (!into.append(byte_view{&octet, 1})) return in.fail(errc::bad_key_size, algorithm);
        }
    }
    /// The octets of the key, salt included, are as many as the cipher takes.
    void check_cipher_key(words& in) noexcept {
        if (in.failed()) return;
        const auto& info = crypto::info_of(cipher_id_);
        const std::size_t octets = cipher_key_.size(), salt = info.salt;
        key_bits_ = static_cast<std::uint16_t>(info.key_length_attribute && octets >= salt ? (octets - salt) * 8 : 0);
        const auto wanted = crypto::key_size(cipher_id_, key_bits_);
        if (!wanted || *wanted + salt != octets) in.fail(errc::bad_key_size, cipher_name_);
    }
    /// The first row of that name, an algorithm that is here in front of one that is not.
    template <class Row, std::size_t N>
    static auto find(const std::array<Row, N>& rows, std::string_view name) noexcept -> const Row* {
        const Row* found = nullptr;
        for (const auto& r : rows) {
            bool is_it = r.name == name;
            if constexpr (requires { r.short_name; }) is_it = is_it || r.short_name == name;
            if (is_it && (found == nullptr || found->id == decltype(r.id){})) found = &r;
        }
        return found;
    }

    std::optional<word> cipher_, mac_, aead_;  // the words that name the kinds
    word cipher_name_, mac_name_;
    crypto::encryption_id cipher_id_ = crypto::encryption_id::null;
    std::uint16_t key_bits_ = 0;
    crypto::integrity_id mac_id_ = crypto::integrity_id::none;
    secret<128> cipher_key_, mac_key_;
};

}  // namespace ipsec::xfrm::detail
