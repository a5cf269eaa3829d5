#pragma once
/// What XAUTH and Mode Config tell their user and ask of him.
///
/// These come by `poll_dialogue`, apart from the events: a loop that answers every event with yes must let nobody in by that, and
/// an answer is often late, since a person or another server gives it.
#include <algorithm>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ipsec/ike/v1/config.hpp"
#include "ipsec/ike/v1/message.hpp"
#include "ipsec/ip/address.hpp"
#include "ipsec/isakmp/config_attribute.hpp"
#include "ipsec/isakmp/cookie.hpp"

namespace ipsec::ike::v1 {

/// Edge device: somebody says who he is. To be answered with whether that is so, or with one more question.
struct xauth_attempt {
    peer_id peer;
    isakmp::cookie_pair cookies;
    std::string user{}, domain{};  ///< `user`: where this question did not ask for one, as it was said before
    /// What was asked for, no more. `reply`: XAUTH_ANSWER. In RADIUS-CHAP `password` is what `radius_chap.hpp` makes.
    secret<128> password{}, passcode{}, reply{};
    unsigned tries_left = 0;   ///< after this one
    secret<128> next_pin{};
    xauth_question asked{};    ///< with the challenge that was drawn
    unsigned rounds_left = 0;  ///< questions that may still be asked, repeated ones among them
};
/// Client: the edge device asks for what the configuration does not have. To be answered with `credentials`, or with nothing.
struct xauth_prompt {
    peer_id peer;
    isakmp::cookie_pair cookies;
    isakmp::xauth_type type = isakmp::xauth_type::generic;
    std::string message{}, challenge{}, domain{};
    std::vector<isakmp::config_attribute> wanted{};
    unsigned round = 0;  ///< no two of an ISAKMP SA have one
};
/// What a client says; those that are asked for go out. For OTP and S/KEY `password` is what the user's calculator makes of the
/// challenge; for RADIUS-CHAP it is the password itself, and what goes out is made of it.
struct credentials {
    std::string user{}, domain{};
    secret<128> password{}, passcode{}, next_pin{}, reply{};
};
/// XAUTH is over, on either side.
struct xauth_ended {
    peer_id peer;
    isakmp::cookie_pair cookies;
    bool passed = false;
    std::string message{};  ///< what the edge device said beside it
};

/// Attributes of Mode Config, in order; empty values ask for one.
struct configuration {
    struct item {
        isakmp::config_attribute type{};
        octets value{};
        friend auto operator==(const item&, const item&) -> bool = default;
    };
    std::vector<item> items{};

    auto add(isakmp::config_attribute a, byte_view value = {}) -> configuration& {
        items.push_back({a, to_octets(value)});
        return *this;
    }
    auto add(isakmp::config_attribute a, const ip::address& value) -> configuration& { return add(a, value.octets()); }
    auto add(isakmp::config_attribute a, std::uint32_t value) -> configuration& {
        std::array<std::byte, 4> o{};
        wire::store(byte_span{o}, value);
        return add(a, byte_view{o});
    }
    [[nodiscard]] auto find(isakmp::config_attribute a) const -> const item* {
        const auto at = std::ranges::find(items, a, &item::type);
        return at != items.end() ? &*at : nullptr;
    }
    [[nodiscard]] auto has(isakmp::config_attribute a) const -> bool { return find(a) != nullptr; }
    friend auto operator==(const configuration&, const configuration&) -> bool = default;
};
/// Server: the peer asks for attributes, or is to be told them. To be answered with a `configuration`; an empty one says "none".
struct configuration_wanted {
    peer_id peer;
    isakmp::cookie_pair cookies;
    configuration asked{};  ///< values are what the peer would like; empty where it has to be told
};
/// Client: this is what the server gave; server: this is what the peer took.
struct configured {
    peer_id peer;
    isakmp::cookie_pair cookies;
    configuration given{};
};

using dialogue = std::variant<xauth_attempt, xauth_prompt, xauth_ended, configuration_wanted, configured>;

}  // namespace ipsec::ike::v1
