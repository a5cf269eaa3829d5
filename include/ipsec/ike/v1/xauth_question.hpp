#pragma once
/// What an edge device asks in one REQUEST of XAUTH.                                       draft-beaulieu-ike-xauth-02 §6
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "ipsec/ike/errc.hpp"
#include "ipsec/isakmp/config_attribute.hpp"

namespace ipsec::ike::v1 {

/// By default a name and a password. Several of these may follow each other, of types of their own, before SET ends it all.  §5
struct xauth_question {
    std::optional<isakmp::xauth_type> type{};  ///< nothing: no XAUTH_TYPE goes out, which stands for generic
    /// What the client is to fill in; they go out with empty values in this order.
    std::vector<isakmp::config_attribute> wanted{isakmp::config_attribute::xauth_user_name,
                                                 isakmp::config_attribute::xauth_user_password};
    std::string message{};    ///< for the person to read
    /// For the password to be made with; octets, and for OTP and S/KEY text as in RFC 2243. Where one of RADIUS-CHAP is empty
    /// the edge device draws 16 octets of it.
    std::string challenge{};
    std::string domain{};     ///< told to the client; empty: not told

    friend auto operator==(const xauth_question&, const xauth_question&) -> bool = default;
};

[[nodiscard]] inline auto wants(const xauth_question& q, isakmp::config_attribute a) -> bool {
    return std::ranges::find(q.wanted, a) != q.wanted.end();
}
[[nodiscard]] inline auto type_of(const xauth_question& q) -> isakmp::xauth_type {
    return q.type.value_or(isakmp::xauth_type::generic);
}
[[nodiscard]] constexpr auto is_known(isakmp::xauth_type t) noexcept -> bool { return t <= isakmp::xauth_type::s_key; }

/// Whether attributes stand beside each other that may.                                                          §6.2
///
/// A generic question has no challenge, and a password of RADIUS-CHAP cannot be hidden without one; a new PIN and an answer are
/// asked for alone, beside a message, and an answer with one.
[[nodiscard]] inline auto is_coherent(const xauth_question& q) -> bool {
    using enum isakmp::config_attribute;
    const bool alone = q.wanted.size() == 1 && q.challenge.empty() && q.domain.empty();
    if (wants(q, xauth_next_pin)) return alone;
    if (wants(q, xauth_answer)) return alone && !q.message.empty();
    switch (type_of(q)) {
        case isakmp::xauth_type::generic: return q.challenge.empty();
        case isakmp::xauth_type::radius_chap: return !q.challenge.empty() || !wants(q, xauth_user_password);
        default: return true;
    }
}

/// Whether an edge device here may ask it.
/// @return `errc::bad_question`: not coherent, of no known type, for nothing, for what a client does not fill in, for something
///         twice or for a domain that it tells, by RADIUS-CHAP for no password, or with a text of more than 255 octets
[[nodiscard]] inline auto check(const xauth_question& q) -> result<void> {
    using enum isakmp::config_attribute;
    xauth_question whole = q;
    if (type_of(q) == isakmp::xauth_type::radius_chap && q.challenge.empty()) whole.challenge.assign(16, '\0');  // to be drawn
    const bool may_be_filled_in = std::ranges::all_of(q.wanted, [](isakmp::config_attribute a) {
        return a == xauth_user_name || a == xauth_user_password || a == xauth_passcode || a == xauth_domain ||
               a == xauth_next_pin || a == xauth_answer;
    });
    const bool once = std::ranges::all_of(
        q.wanted, [&](isakmp::config_attribute a) { return std::ranges::count(q.wanted, a) == 1; });
    const bool told_or_asked = q.domain.empty() || !wants(q, xauth_domain);
    const bool hides = type_of(q) != isakmp::xauth_type::radius_chap || wants(q, xauth_user_password);
    const bool fits = std::max({q.message.size(), q.challenge.size(), q.domain.size()}) <= 255;
    if (!is_known(type_of(q)) || q.wanted.empty() || !may_be_filled_in || !once || !told_or_asked || !hides || !fits ||
        !is_coherent(whole))
        return std::unexpected{errc::bad_question};
    return {};
}

}  // namespace ipsec::ike::v1
