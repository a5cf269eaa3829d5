#pragma once
/// Protection suites of IKE as administrators write them: "aes256-sha256-modp2048", "3des-md5-modp1024-rsasig".
///
/// A cipher, a hash and a group in the words of `crypto/proposal_name.hpp`, in any order; and, if it is no pre-shared key, a word
/// for the method of authentication: `psk`, `dsssig`, `rsasig`, `rsaenc`, `rsarev`, `ecdsa256`, `ecdsa384`, `ecdsa521`,
/// `hybridrsa`, `hybriddss` (draft-ietf-ipsec-isakmp-hybrid-auth-05). A prf may be named (`prfsha1`): no number is assigned to
/// any, so it has to be the HMAC of the hash, unless a number of private use says which it is:
/// "aes256-sha256-modp2048-prfsha512@65001" is for peers that mean the same by 65001.             RFC 2409 §4, App. A
///
/// A group of one's own has its number in its word (`peer_config::private_groups`): "aes256-sha256-inline40000" where its parts
/// stand in the offer, "aes256-sha256-group40000" where New Group Mode has agreed on it before. "aes256-sha256-inline" takes from
/// an initiator any group by its parts that the limits allow.                                     RFC 2409 §4, §5.6
#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "ipsec/crypto/proposal_name.hpp"
#include "ipsec/ike/v1/config.hpp"
#include "ipsec/isakmp/oakley.hpp"

namespace ipsec::ike::v1 {

namespace detail {
using auth_method = isakmp::oakley_authentication;
struct method_word {
    std::string_view text;
    auth_method by{};
    bool hybrid = false;
};
inline constexpr std::array method_words{
    method_word{"psk", auth_method::pre_shared_key},
    method_word{"dsssig", auth_method::dss_signatures},
    method_word{"rsasig", auth_method::rsa_signatures},
    method_word{"rsaenc", auth_method::rsa_encryption},
    method_word{"rsarev", auth_method::revised_rsa_encryption},
    method_word{"ecdsa256", auth_method::ecdsa_256},
    method_word{"ecdsa384", auth_method::ecdsa_384},
    method_word{"ecdsa521", auth_method::ecdsa_521},
    method_word{"hybridrsa", auth_method::rsa_signatures, true},
    method_word{"hybriddss", auth_method::dss_signatures, true},
};
/// Cuts the next word off.
[[nodiscard]] constexpr auto next_word(std::string_view& rest, std::string_view separators) noexcept -> std::string_view {
    const auto end = rest.find_first_of(separators);
    const std::string_view word = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return word;
}
/// Groups of one's own.
struct private_word {
    crypto::group_id group{};
    bool by_parts = false;
};
inline constexpr std::string_view by_parts_word = "inline", by_number_word = "group";
/// @return nothing for a word of another kind, or a number that is no private one
[[nodiscard]] constexpr auto read_private_word(std::string_view word) noexcept -> std::optional<private_word> {
    if (word == by_parts_word) return private_word{crypto::group_id::none, true};
    const bool by_parts = word.starts_with(by_parts_word);
    if (!by_parts && !word.starts_with(by_number_word)) return std::nullopt;
    word.remove_prefix(by_parts ? by_parts_word.size() : by_number_word.size());
    unsigned n = 0;
    for (const char c : word) {
        if (c < '0' || c > '9' || n > 0xffff) return std::nullopt;
        n = n * 10 + static_cast<unsigned>(c - '0');
    }
    if (n > 0xffff || !is_private(static_cast<crypto::group_id>(n))) return std::nullopt;
    return private_word{static_cast<crypto::group_id>(n), by_parts};
}
/// "prfsha256" for the HMAC of the hash, which needs no word; "prfsha512@65001" for a function that a number of private use
/// stands for with this peer.
/// @return `not_for_ike_v1` for one without a number that is not the HMAC of the hash; `unknown_algorithm`; `bad_proposal` for a
///         number that is none of private use
[[nodiscard]] constexpr auto read_prf_word(std::string_view word, crypto::hash_id hash) noexcept -> crypto::result<private_prf> {
    const auto at = word.find('@');
    const std::string_view name = word.substr(0, at);
    const auto* const f = std::ranges::find(crypto::prf_algorithms, name, &crypto::prf_info::name);
    const bool known = f != crypto::prf_algorithms.end();
    if (at == std::string_view::npos) {
        if (!known || f->id != crypto::find(hash)->prf) return std::unexpected{crypto::errc::not_for_ike_v1};
        return private_prf{};
    }
    if (!known) return std::unexpected{crypto::errc::unknown_algorithm};
    unsigned n = 0;
    for (const char c : word.substr(at + 1)) {
        if (c < '0' || c > '9' || n > 0xffff) return std::unexpected{crypto::errc::bad_proposal};
        n = n * 10 + static_cast<unsigned>(c - '0');
    }
    if (n < private_prf::first_number || n > 0xffff) return std::unexpected{crypto::errc::bad_proposal};
    return private_prf{static_cast<std::uint16_t>(n), f->id};
}
/// A suite of a type that may know methods of authentication or not.
template <class Suite>
[[nodiscard]] constexpr auto read_suite(std::string_view text) noexcept -> crypto::name_result<Suite> {
    using crypto::errc;
    using crypto::name_error;
    if (text.empty() || text.ends_with('-')) return std::unexpected{name_error{errc::bad_proposal, text}};
    crypto::proposal_text plain;  // the words that every proposal has
    std::string_view prf_word, own_word;
    std::optional<private_word> own;
    std::optional<method_word> by;
    for (std::string_view rest = text; !rest.empty();) {
        const std::string_view word = next_word(rest, "-");
        const auto* const m = std::ranges::find(method_words, word, &method_word::text);
        if (m != method_words.end()) {
            if (by) return std::unexpected{name_error{errc::bad_proposal, word}};
            by = *m;
            by->text = word;  // as it stands there
        } else if (word.starts_with("prf")) {
            if (!prf_word.empty()) return std::unexpected{name_error{errc::bad_proposal, word}};
            prf_word = word;
        } else if (const auto group = read_private_word(word)) {
            if (own) return std::unexpected{name_error{errc::bad_proposal, word}};
            own = group;
            own_word = word;
        } else {
            if (!plain.view().empty()) plain.add("-");
            plain.add(word);
        }
    }
    if (own) plain.add("-").add(crypto::find(crypto::group_id::modp2048)->name);  // in the place of the private one
    const auto p = crypto::parse_ike_v1_proposal(plain);
    if (!p) {
        // The word is one of the text's, unless it is about all of them.
        const auto at = p.error().word == plain.view() ? std::string_view::npos : text.find(p.error().word);
        return std::unexpected{
            name_error{p.error().code, at == std::string_view::npos ? text : text.substr(at, p.error().word.size())}};
    }
    Suite s{};
    if (!prf_word.empty()) {
        const auto prf = read_prf_word(prf_word, p->hash);
        if (!prf) return std::unexpected{name_error{prf.error(), prf_word}};
        if constexpr (requires { s.prf; }) s.prf = *prf;
        else if (prf->number != 0) return std::unexpected{name_error{errc::not_for_ike_v1, prf_word}};
    }
    s.encryption = p->encryption;
    s.key_bits = p->key_bits;
    s.hash = p->hash;
    s.group = own ? own->group : p->group;
    if constexpr (requires { s.by_parts; }) s.by_parts = own && own->by_parts;
    else if (own) return std::unexpected{name_error{errc::unknown_group, own_word}};
    const auto method = by.value_or(method_words.front());
    const std::unexpected no_such_method{name_error{errc::unsupported_algorithm, method.text}};
    if constexpr (requires { s.authentication = method.by; }) s.authentication = method.by;
    else if (method.by != auth_method::pre_shared_key) return no_such_method;
    if constexpr (requires { s.hybrid; }) s.hybrid = method.hybrid;
    else if (method.hybrid) return no_such_method;
    return s;
}
template <class Suite> [[nodiscard]] constexpr auto write_suite(const Suite& s) noexcept -> crypto::proposal_text {
    const bool is_plain = crypto::find(s.group) != nullptr;
    auto out = crypto::to_text(
        crypto::ike_v1_proposal{s.encryption, s.key_bits, s.hash, is_plain ? s.group : crypto::group_id::none});
    if constexpr (requires { s.by_parts; }) {
        if (!is_plain) out.add("-").add(s.by_parts ? by_parts_word : by_number_word);
        if (!is_plain && s.group != crypto::group_id::none) out.add(static_cast<unsigned>(s.group));
    }
    if constexpr (requires { s.prf; })
        if (s.prf.number != 0) {
            const auto* const f = crypto::find(s.prf.function);
            out.add("-").add(f != nullptr ? f->name : "prf?").add("@").add(unsigned{s.prf.number});
        }
    if constexpr (requires { s.authentication; }) {
        bool hybrid = false;
        if constexpr (requires { s.hybrid; }) hybrid = s.hybrid;
        for (const method_word& m : method_words)
            if (m.by == s.authentication && m.hybrid == hybrid && m.by != auth_method::pre_shared_key) out.add("-").add(m.text);
    }
    return out;
}
}  // namespace detail

/// @return what `crypto::parse_ike_v1_proposal` finds; `bad_proposal` for a second method or prf, or a prf with a number that is
///         none of private use; `not_for_ike_v1` for a prf without a number that is not the HMAC of the hash;
///         `unsupported_algorithm` for a method that no suite can have; each with the word
[[nodiscard]] constexpr auto parse_ike_suite(std::string_view text) noexcept -> crypto::name_result<ike_suite> {
    return detail::read_suite<ike_suite>(text);
}
/// Several of them with commas or blanks between, the one that is liked best first: `peer_config::suites` as a line of text.
/// @return as above; `bad_proposal` for a suite named twice, and for an empty list
[[nodiscard]] inline auto parse_ike_suites(std::string_view text) -> crypto::name_result<std::vector<ike_suite>> {
    std::vector<ike_suite> out;
    for (std::string_view rest = text; !rest.empty();) {
        const std::string_view word = detail::next_word(rest, ", ");
        if (word.empty()) continue;
        const auto s = parse_ike_suite(word);
        if (!s) return std::unexpected{s.error()};
        if (std::ranges::find(out, *s) != out.end())
            return std::unexpected{crypto::name_error{crypto::errc::bad_proposal, word}};
        out.push_back(*s);
    }
    if (out.empty()) return std::unexpected{crypto::name_error{crypto::errc::bad_proposal, text}};
    return out;
}
/// "aes256-sha256-modp2048"; parses back to the same value.
[[nodiscard]] constexpr auto to_text(const ike_suite& s) noexcept -> crypto::proposal_text { return detail::write_suite(s); }

}  // namespace ipsec::ike::v1
