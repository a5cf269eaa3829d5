#pragma once
/// XAUTH: a user name and a password after phase 1, asked for by an edge device.                draft-beaulieu-ike-xauth-02
///
///     client                                     edge device
///     expecting                                  asking
///                                      <--       REQUEST(USER_NAME="", USER_PASSWORD="")
///     prompting
///     REPLY(USER_NAME, USER_PASSWORD)  -->       judging
///     answered                                   telling
///                                      <--       SET(STATUS)
///     ACK(STATUS)                      -->
///     passed, refused                            passed, refused
///
/// Which end is which is agreed on with the authentication method of phase 1 (§7.2); the edge device may be the initiator. A
/// pre-shared key that many clients share proves to none of them who the gateway is: the client tells its password to whoever has
/// that key.
#include "ipsec/ike/v1/mode_config.hpp"
#include "ipsec/ike/v1/xauth_methods.hpp"

namespace ipsec::ike::v1 {

namespace xauth_mode {

using isakmp::config_attribute;
using isakmp::config_message;

// --- states -------------------------------------------------------------------------------------------------------------------

/// Nobody has to say anything.
struct idle {
    static constexpr std::string_view name = "no XAUTH";
};
/// Edge device: REQUEST is out.
struct asking {
    static constexpr std::string_view name = "REQUEST sent";
    unsigned tries_left = 0;  ///< after the answer to this one
};
/// Edge device: the user judges.
struct judging {
    static constexpr std::string_view name = "judging";
    unsigned tries_left = 0;
};
/// Edge device: SET is out.
struct telling {
    static constexpr std::string_view name = "SET sent";
    bool passed = false;
};
/// Client: REQUEST or SET has to come.
struct expecting {
    static constexpr std::string_view name = "expecting REQUEST";
    bool told = false;  ///< the configured password went out before
};
/// Client: the user is asked.
struct prompting {
    static constexpr std::string_view name = "prompting";
    bool told = false;
    std::optional<std::uint16_t> type{};
    std::uint16_t identifier = 0;
    std::vector<config_attribute> wanted{};
};
struct passed {
    static constexpr std::string_view name = "passed";
};
struct refused {
    static constexpr std::string_view name = "refused";
};

// --- events that are no messages: answers of users -----------------------------------------------------------------------------

using transaction::effects;
using transaction::environment;
using transaction::step;
struct verdict {
    bool right = false;
    std::string_view message{};
};
struct answer {
    const credentials* given = nullptr;  ///< nothing: cannot say
};

namespace detail {
[[nodiscard]] inline auto text(const isakmp::attributes& in, config_attribute a) -> std::string {
    const auto found = in.find(a);
    if (!found) return {};
    return {reinterpret_cast<const char*>(found->value.data()), found->value.size()};
}
/// A value that fits; longer ones are nobody's password.
[[nodiscard]] inline auto hidden(const isakmp::attributes& in, config_attribute a) -> secret<128> {
    const auto found = in.find(a);
    return found && found->value.size() <= 128 ? secret<128>{found->value} : secret<128>{};
}
[[nodiscard]] inline auto request(std::string_view message) -> transaction::content {
    transaction::content c{.message = config_message::request, .identifier = 0, .attributes = {}};
    (void)c.put(config_attribute::xauth_user_name, byte_view{});
    (void)c.put(config_attribute::xauth_user_password, byte_view{});
    if (!message.empty()) (void)c.put(config_attribute::xauth_message, message.substr(0, 255));
    return c;
}
[[nodiscard]] inline auto status(bool ok, std::string_view message) -> transaction::content {
    transaction::content c{.message = config_message::set, .identifier = 0, .attributes = {}};
    (void)c.put_number(config_attribute::xauth_status, ok ? 1 : 0);
    if (!message.empty()) (void)c.put(config_attribute::xauth_message, message.substr(0, 255));
    return c;
}
/// REPLY: what is asked for, in its order; the type only where the request has one. FAIL where something cannot be said.   §6.1
[[nodiscard]] inline auto reply(const prompting& s, const credentials* given) -> transaction::content {
    transaction::content c{.message = config_message::reply, .identifier = s.identifier, .attributes = {}};
    if (s.type && !c.put_number(config_attribute::xauth_type, *s.type)) given = nullptr;
    bool all = given != nullptr;
    for (const config_attribute a : s.wanted) {
        if (!all) break;
        switch (a) {
            case config_attribute::xauth_user_name: all = !given->user.empty() && c.put(a, given->user); break;
            case config_attribute::xauth_domain: all = c.put(a, given->domain); break;
            case config_attribute::xauth_user_password: all = c.put(a, given->password.view()); break;
            case config_attribute::xauth_passcode: all = c.put(a, given->passcode.view()); break;
            case config_attribute::xauth_next_pin: all = c.put(a, given->next_pin.view()); break;
            case config_attribute::xauth_answer: all = c.put(a, given->reply.view()); break;
            default: break;  // not for us to fill in
        }
    }
    if (all) return c;
    transaction::content no{.message = config_message::reply, .identifier = s.identifier, .attributes = {}};
    if (s.type) (void)no.put_number(config_attribute::xauth_type, *s.type);
    (void)no.put_number(config_attribute::xauth_status, 0);
    return no;
}
}  // namespace detail

// --- transitions: edge device -------------------------------------------------------------------------------------------------

/// REQUEST out.
[[nodiscard]] inline auto ask(const environment& e) -> step<asking> {
    return {asking{e.peer.xauth.tries - 1U}, {.say = detail::request({}), .ask = {}}};
}
/// REPLY in: the user judges. One that says FAIL, or has no name, ends it.                         §5, §6.1
[[nodiscard]] inline auto on(asking s, const transaction::reply& msg, const environment& e) -> step<judging, telling> {
    const isakmp::attributes& in = msg.in;
    if (in.find(config_attribute::xauth_status) || !in.find(config_attribute::xauth_user_name))
        return {telling{false}, {.say = detail::status(false, {}), .ask = {}}};
    return {judging{s.tries_left},
            {.say = {},
             .ask = xauth_attempt{.peer = e.id,
                                  .cookies = e.cookies,
                                  .user = detail::text(in, config_attribute::xauth_user_name),
                                  .domain = detail::text(in, config_attribute::xauth_domain),
                                  .password = detail::hidden(in, config_attribute::xauth_user_password),
                                  .passcode = detail::hidden(in, config_attribute::xauth_passcode),
                                  .reply = detail::hidden(in, config_attribute::xauth_answer),
                                  .tries_left = s.tries_left}}};
}
/// SET out, or REQUEST once more.
[[nodiscard]] inline auto on(judging s, const verdict& v, const environment&) -> step<asking, telling> {
    if (!v.right && s.tries_left > 0) return {asking{s.tries_left - 1}, {.say = detail::request(v.message), .ask = {}}};
    return {telling{v.right}, {.say = detail::status(v.right, v.message), .ask = {}}};
}
/// ACK in. What it says is of no meaning.                                                             §6.1
[[nodiscard]] inline auto on(telling s, const transaction::ack&, const environment& e) -> step<passed, refused> {
    xauth_ended end{.peer = e.id, .cookies = e.cookies, .passed = s.passed, .message = {}};
    if (s.passed) return {passed{}, {.say = {}, .ask = std::move(end)}};
    return {refused{}, {.say = {}, .ask = std::move(end)}};
}

// --- transitions: client ----------------------------------------------------------------------------------------------------

/// REQUEST or SET has to come.
[[nodiscard]] inline auto expect(const environment&) -> step<expecting> { return {expecting{}, {}}; }
/// REPLY out, once it is known what to say.
[[nodiscard]] inline auto on(prompting s, const answer& a, const environment&) -> step<expecting> {
    return {expecting{s.told}, {.say = detail::reply(s, a.given), .ask = {}}};
}
/// REQUEST in: answered from the configuration the first time, if that has all; else the user is asked.
[[nodiscard]] inline auto on(expecting s, const transaction::request& msg, const environment& e) -> step<prompting, expecting> {
    const isakmp::attributes& in = msg.in;
    prompting next{.told = s.told, .type = {}, .identifier = in.identifier, .wanted = {}};
    if (const auto t = in.find(config_attribute::xauth_type))
        if (const auto n = t->number()) next.type = static_cast<std::uint16_t>(*n);
    bool simple = next.type.value_or(0) == 0;
    for (const isakmp::attribute a : in.list) {
        const auto type = static_cast<config_attribute>(a.type);
        if (type == config_attribute::xauth_type || type == config_attribute::xauth_message ||
            type == config_attribute::xauth_challenge)
            continue;
        if (isakmp::is_xauth(a.type)) next.wanted.push_back(type);
        simple = simple && (type == config_attribute::xauth_user_name || type == config_attribute::xauth_user_password);
    }
    if (simple && !s.told && !e.peer.xauth.user.empty()) {
        credentials own{.user = e.peer.xauth.user, .domain = {}, .password = e.peer.xauth.password.clone()};
        next.told = true;
        auto done = on(std::move(next), answer{&own}, e);
        return {std::get<expecting>(done.state), std::move(done.out)};
    }
    xauth_prompt p{.peer = e.id,
                   .cookies = e.cookies,
                   .type = next.type.value_or(0),
                   .message = detail::text(in, config_attribute::xauth_message),
                   .challenge = detail::text(in, config_attribute::xauth_challenge),
                   .domain = detail::text(in, config_attribute::xauth_domain),
                   .wanted = next.wanted};
    return {std::move(next), {.say = {}, .ask = std::move(p)}};
}
/// REQUEST may come again at any time: the edge device asks anew.                                    §6
[[nodiscard]] inline auto on(prompting s, const transaction::request& msg, const environment& e) -> step<prompting, expecting> {
    return on(expecting{s.told}, msg, e);
}
[[nodiscard]] inline auto on(passed, const transaction::request& msg, const environment& e) -> step<prompting, expecting> {
    return on(expecting{}, msg, e);
}
/// SET in, ACK out.                                                                                  §5, §6.1
[[nodiscard]] inline auto on(expecting, const transaction::set& msg, const environment& e) -> step<passed, refused> {
    const isakmp::attributes& in = msg.in;
    const auto status = in.find(config_attribute::xauth_status);
    const bool ok = status && status->number() == 1U;
    transaction::content ack{.message = config_message::ack, .identifier = in.identifier, .attributes = {}};
    (void)ack.put(config_attribute::xauth_status, byte_view{});
    effects out{.say = std::move(ack),
                .ask = xauth_ended{e.id, e.cookies, ok, detail::text(in, config_attribute::xauth_message)}};
    if (ok) return {passed{}, std::move(out)};
    return {refused{}, std::move(out)};
}
[[nodiscard]] inline auto on(prompting s, const transaction::set& msg, const environment& e) -> step<passed, refused> {
    return on(expecting{s.told}, msg, e);
}
[[nodiscard]] inline auto on(passed, const transaction::set& msg, const environment& e) -> step<passed, refused> {
    return on(expecting{}, msg, e);
}

}  // namespace xauth_mode

}  // namespace ipsec::ike::v1
