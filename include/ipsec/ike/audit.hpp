#pragma once
/// What an observer of IKE is told: audit records, the course of messages, and, for those who ask by type, secrets.
///
/// An observer takes what it has an `on(const Event&) noexcept` for. Views in an event are good during the call only.
#include <array>
#include <optional>
#include <string_view>

#include "ipsec/core/instant.hpp"
#include "ipsec/crypto/ids.hpp"
#include "ipsec/ike/errc.hpp"
#include "ipsec/ike/path.hpp"
#include "ipsec/isakmp/header.hpp"
#include "ipsec/isakmp/notify_type.hpp"

namespace ipsec::ike {

/// Something was refused, dropped or given up. Attackers can cause these at will: count them or limit their rate.   RFC 2408 §5
// req: rfc2408-5.1-4, rfc2408-5.1-10, rfc2408-5.2-9
struct audit_record {
    instant when;
    errc why = errc::malformed;
    std::optional<isakmp::errc> detail{};   ///< which rule of the language was broken
    ike::path path{};
    isakmp::cookie_pair cookies{};
    isakmp::exchange_type exchange = isakmp::exchange_type::none;
    isakmp::message_id message_id{};
    bool authenticated = false;             ///< the message was protected by an ISAKMP SA and its HASH held
};

/// A notification came in. Nothing is done upon one that is not authenticated.
struct notify_record {
    instant when;
    ike::path path{};
    isakmp::cookie_pair cookies{};
    isakmp::notify_type type{};
    bool authenticated = false;
};

/// A peer's genuine messages come from another port now, and go there.                          RFC 3947 §4, §7
// req: rfc3947-8-2
struct path_record {
    instant when;
    ike::path before{}, after{};
    isakmp::cookie_pair cookies{};
};

enum class direction : std::uint8_t { in = 1, out };

/// A message that was sent, or that came in and was accepted.
struct message_trace {
    instant when;
    ike::direction direction = ike::direction::in;
    ike::path path{};
    isakmp::header header{};
    byte_view datagram;            ///< as on the wire
    byte_view payloads;            ///< the payload chain in clear, padding included; the first one's type is in the header
    std::string_view state;        ///< the state that took the message in, or that it was sent from
    std::uint8_t transmission = 1; ///< 2 and more: sent again
};

/// Records by kind, for those who only count. Keep one as an observer, or inside of one.
class audit_counter {
public:
    void on(const audit_record& r) noexcept { ++counts_[static_cast<std::size_t>(r.why)]; }
    [[nodiscard]] auto count(errc e) const noexcept -> std::uint64_t { return counts_[static_cast<std::size_t>(e)]; }

private:
    std::array<std::uint64_t, 256> counts_{};
};

/// New Group Mode gave a number to a group.                                                    RFC 2409 §5.6
struct group_record {
    instant when;
    ike::path path;
    isakmp::cookie_pair cookies;
    crypto::group_id number{};
};

}  // namespace ipsec::ike
