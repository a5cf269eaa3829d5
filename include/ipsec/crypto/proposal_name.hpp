#pragma once
/// Proposals as people write them, in strongSwan's words: "aes128-sha1", "aes128gcm16-modp2048", "3des-md5", "null-sha256".
#include <array>
#include <optional>
#include <string_view>

#include "ipsec/crypto/algorithms.hpp"

namespace ipsec::crypto {

/// What is wrong, and with which word of the text; the whole text when a word is missing.
struct name_error {
    errc code;
    std::string_view word;  ///< lives as long as the text that was parsed
    friend constexpr auto operator==(const name_error&, const name_error&) noexcept -> bool = default;
};
template <class T> using name_result = std::expected<T, name_error>;

/// Protection of packets by ESP; `group` is `none` without perfect forward secrecy.
struct esp_proposal {
    transform protection;
    group_id group = group_id::none;
    bool extended_sequence = false;
    friend constexpr auto operator==(const esp_proposal&, const esp_proposal&) noexcept -> bool = default;
};
/// Protection of packets by AH.
struct ah_proposal {
    integrity_id integrity = integrity_id::none;
    group_id group = group_id::none;
    bool extended_sequence = false;
    friend constexpr auto operator==(const ah_proposal&, const ah_proposal&) noexcept -> bool = default;
};
/// Protection of IKEv1 messages: cipher, hash (whose HMAC is the prf) and group.                          RFC 2409 §4
struct ike_v1_proposal {
    encryption_id encryption = encryption_id::aes_cbc;
    std::uint16_t key_bits = 0;
    hash_id hash = hash_id::sha1;
    group_id group = group_id::none;
    friend constexpr auto operator==(const ike_v1_proposal&, const ike_v1_proposal&) noexcept -> bool = default;
};

namespace detail {

struct cipher_word {
    encryption_id id;
    std::uint16_t key_bits;
};
/// "gcm128" for "gcm16" and its like.
[[nodiscard]] constexpr auto is_suffix_in_bits(const encryption_info& e, std::string_view word) noexcept -> bool {
    if (e.suffix != "gcm8" && e.suffix != "gcm12" && e.suffix != "gcm16" && e.suffix != "ccm8" && e.suffix != "ccm12" &&
        e.suffix != "ccm16")
        return false;
    return word.starts_with(e.suffix.substr(0, 3)) && word.substr(3) == (e.icv == 8 ? "64" : e.icv == 12 ? "96" : "128");
}
/// "aes256gcm16" and its like. No value: the word is no cipher's. An error: it is one, with a key length that it does not take.
[[nodiscard]] constexpr auto read_cipher(std::string_view word) noexcept -> std::optional<result<cipher_word>> {
    for (const auto& e : encryption_algorithms) {
        if (!word.starts_with(e.name)) continue;
        std::string_view rest = word.substr(e.name.size());
        if (!e.key_length_attribute) {
            if (rest == e.suffix) return cipher_word{e.id, 0};
            continue;
        }
        unsigned bits = 0;
        const bool has_bits = !rest.empty() && rest.front() >= '0' && rest.front() <= '9';
        while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9' && bits < 10000) {
            bits = bits * 10 + static_cast<unsigned>(rest.front() - '0');
            rest.remove_prefix(1);
        }
        // strongSwan also takes the length of the ICV in bits, and the name alone for a key of 128.
        if (rest != e.suffix && !is_suffix_in_bits(e, rest)) continue;
        if (!has_bits) bits = 128;
        if (bits > 0xffff || !key_size(e.id, static_cast<std::uint16_t>(bits))) return std::unexpected{errc::bad_key_size};
        return cipher_word{e.id, static_cast<std::uint16_t>(bits)};
    }
    return std::nullopt;
}
[[nodiscard]] constexpr auto read_integrity(std::string_view word) noexcept -> std::optional<integrity_id> {
    if (word == "none") return integrity_id::none;
    if (word == "sha") word = "sha1";
    for (const auto& i : integrity_algorithms) {
        const bool is_sha2 = i.hash == hash_id::sha2_256 || i.hash == hash_id::sha2_384 || i.hash == hash_id::sha2_512;
        if (word == i.name || (is_sha2 && word.starts_with("sha2_") && word.substr(5) == i.name.substr(3))) return i.id;
    }
    return std::nullopt;
}
/// A hash of phase 1 that no integrity algorithm is made of.
[[nodiscard]] constexpr auto read_hash(std::string_view word) noexcept -> std::optional<hash_id> {
    for (const auto& h : hash_algorithms)
        if (word == h.name && h.ike_v1 != 0) return h.id;
    return std::nullopt;
}
/// Whether the word names what is known and not there.
[[nodiscard]] constexpr auto is_refused(std::string_view word) noexcept -> bool {
    for (const auto& c : refused_ciphers)
        if (word == c.name) return true;
    for (const auto& m : refused_macs)
        if (word == m.name) return true;
    return false;
}
[[nodiscard]] constexpr auto read_group(std::string_view word) noexcept -> std::optional<group_id> {
    for (const auto& g : groups)
        if (word == g.name) return g.id;
    return std::nullopt;
}

/// Whether the word would be a group's if there were one of that size.
[[nodiscard]] constexpr auto looks_like_group(std::string_view word) noexcept -> bool {
    return word.starts_with("modp") || word.starts_with("ecp") || word.starts_with("ec2n");
}

/// All words of a proposal, each kind at most once.
struct words {
    std::optional<cipher_word> cipher;
    std::optional<integrity_id> integrity;
    std::optional<hash_id> hash;  ///< in its place, of no use to packets
    std::optional<group_id> group;
    std::optional<bool> extended_sequence;
    std::string_view cipher_text, integrity_text;
};
[[nodiscard]] constexpr auto read_words(std::string_view text) noexcept -> name_result<words> {
    words w;
    std::string_view rest = text;
    for (bool more = true; more;) {
        const auto dash = rest.find('-');
        const std::string_view word = rest.substr(0, dash);
        more = dash != std::string_view::npos;
        rest.remove_prefix(more ? dash + 1 : rest.size());
        bool twice = false;
        if (const auto c = read_cipher(word)) {
            if (!*c) return std::unexpected{name_error{c->error(), word}};
            twice = w.cipher.has_value();
            w.cipher = **c;
            w.cipher_text = word;
        } else if (const auto i = read_integrity(word)) {
            twice = w.integrity || w.hash;
            w.integrity = *i;
            w.integrity_text = word;
        } else if (const auto h = read_hash(word)) {
            twice = w.integrity || w.hash;
            w.hash = *h;
            w.integrity_text = word;
        } else if (const auto g = read_group(word)) {
            twice = w.group.has_value();
            w.group = *g;
        } else if (word == "esn" || word == "noesn") {
            twice = w.extended_sequence.has_value();
            w.extended_sequence = word == "esn";
        } else {
            return std::unexpected{name_error{looks_like_group(word) ? errc::unknown_group
                                              : is_refused(word)     ? errc::unsupported_algorithm
                                                                     : errc::unknown_algorithm,
                                              word}};
        }
        if (twice) return std::unexpected{name_error{errc::bad_proposal, word}};
    }
    return w;
}

}  // namespace detail

/// @return `unknown_algorithm`, `unsupported_algorithm`, `unknown_group`, `bad_key_size` with the word; `bad_proposal` for a kind
///         named twice, or without a cipher; what `check` finds: `null_with_null` ("null-none", "null"), `no_integrity`,
///         `two_integrities`
[[nodiscard]] constexpr auto parse_esp_proposal(std::string_view text, dangers allowed = {}) noexcept
    -> name_result<esp_proposal> {
    const auto w = detail::read_words(text);
    if (!w) return std::unexpected{w.error()};
    if (w->hash) return std::unexpected{name_error{errc::unsupported_algorithm, w->integrity_text}};
    if (!w->cipher) return std::unexpected{name_error{errc::bad_proposal, text}};
    const esp_proposal p{{w->cipher->id, w->cipher->key_bits, w->integrity.value_or(integrity_id::none)},
                         w->group.value_or(group_id::none),
                         w->extended_sequence.value_or(false)};
    if (auto ok = check(p.protection, allowed); !ok) {
        const bool about_mac = ok.error() == errc::two_integrities;
        return std::unexpected{name_error{ok.error(), about_mac ? w->integrity_text : text}};
    }
    return p;
}
/// @return as above; `bad_proposal` without an integrity algorithm or with a cipher; `no_integrity` for "none"
[[nodiscard]] constexpr auto parse_ah_proposal(std::string_view text) noexcept -> name_result<ah_proposal> {
    const auto w = detail::read_words(text);
    if (!w) return std::unexpected{w.error()};
    if (w->hash) return std::unexpected{name_error{errc::unsupported_algorithm, w->integrity_text}};
    if (w->cipher && w->cipher->id == encryption_id::null_aes_gmac && !w->integrity) {  // one word for both protocols
        const auto id = w->cipher->key_bits == 128   ? integrity_id::aes_gmac_128
                        : w->cipher->key_bits == 192 ? integrity_id::aes_gmac_192
                                                     : integrity_id::aes_gmac_256;
        return ah_proposal{id, w->group.value_or(group_id::none), w->extended_sequence.value_or(false)};
    }
    if (w->cipher) return std::unexpected{name_error{errc::bad_proposal, w->cipher_text}};
    if (!w->integrity) return std::unexpected{name_error{errc::bad_proposal, text}};
    if (*w->integrity == integrity_id::none) return std::unexpected{name_error{errc::no_integrity, w->integrity_text}};
    return ah_proposal{*w->integrity, w->group.value_or(group_id::none), w->extended_sequence.value_or(false)};
}
/// @return as above; `bad_proposal` unless cipher, hash and group are there; `not_for_ike_v1` for a cipher or hash without
///         a number
[[nodiscard]] constexpr auto parse_ike_v1_proposal(std::string_view text) noexcept -> name_result<ike_v1_proposal> {
    const auto w = detail::read_words(text);
    if (!w) return std::unexpected{w.error()};
    if (w->cipher && find(w->cipher->id)->ike_v1 == 0) return std::unexpected{name_error{errc::not_for_ike_v1, w->cipher_text}};
    if (!w->cipher || !(w->integrity || w->hash) || !w->group || w->extended_sequence)
        return std::unexpected{name_error{errc::bad_proposal, text}};
    if (w->hash) return ike_v1_proposal{w->cipher->id, w->cipher->key_bits, *w->hash, *w->group};
    const auto* i = find(*w->integrity);
    if (i == nullptr) return std::unexpected{name_error{errc::no_integrity, w->integrity_text}};
    const auto* h = i->auth_v1 != 0 ? find(i->hash) : nullptr;  // sha256_96 is an ICV, and no hash
    if (h == nullptr || h->ike_v1 == 0) return std::unexpected{name_error{errc::not_for_ike_v1, w->integrity_text}};
    return ike_v1_proposal{w->cipher->id, w->cipher->key_bits, i->hash, *w->group};
}

/// A name in place, without allocation.
class proposal_text {
public:
    [[nodiscard]] constexpr auto view() const noexcept -> std::string_view { return {text_.data(), size_}; }
    constexpr operator std::string_view() const noexcept { return view(); }  // NOLINT: it is a text

    constexpr auto add(std::string_view s) noexcept -> proposal_text& {
        for (const char c : s)
            if (size_ < text_.size()) text_[size_++] = c;
        return *this;
    }
    constexpr auto add(unsigned n) noexcept -> proposal_text& {
        std::array<char, 10> digits{};
        std::size_t at = digits.size();
        do digits[--at] = static_cast<char>('0' + n % 10);
        while ((n /= 10) != 0);
        return add(std::string_view{digits.data() + at, digits.size() - at});
    }

private:
    std::array<char, 64> text_{};
    std::size_t size_ = 0;
};
/// "aes128-sha1", "aes256gcm16"; parses back to the same value.
[[nodiscard]] constexpr auto to_text(const transform& t) noexcept -> proposal_text {
    proposal_text out;
    if (const auto* e = find(t.encryption)) {
        out.add(e->name);
        if (e->key_length_attribute) out.add(unsigned{t.key_bits});
        out.add(e->suffix);
    } else {
        out.add("?");
    }
    if (const auto* i = find(t.integrity)) out.add("-").add(i->name);
    else if (!is_combined(t.encryption)) out.add("-none");
    return out;
}
[[nodiscard]] constexpr auto to_text(const ike_v1_proposal& p) noexcept -> proposal_text {
    const auto* e = find(p.encryption);
    const auto* h = find(p.hash);
    const auto* g = find(p.group);
    proposal_text out;
    out.add(e != nullptr ? e->name : "?");
    if (e != nullptr && e->key_length_attribute) out.add(unsigned{p.key_bits});
    out.add("-").add(h != nullptr ? h->name : "?");
    return p.group == group_id::none ? out : out.add("-").add(g != nullptr ? g->name : "?");  // its group is told otherwise
}

}  // namespace ipsec::crypto
