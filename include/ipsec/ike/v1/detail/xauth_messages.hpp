#pragma once
/// XAUTH: what its messages say, written and read.                                        draft-beaulieu-ike-xauth-02 §6.1, §6.2
#include "ipsec/ike/v1/detail/xauth_states.hpp"

namespace ipsec::ike::v1::xauth_mode::detail {

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

// --- edge device --------------------------------------------------------------------------------------------------------------

/// In the order of App. A: the type, what is asked for, what it is to be answered with.
[[nodiscard]] inline auto request(const xauth_question& q) -> transaction::content {
    transaction::content c{.message = config_message::request, .identifier = 0, .attributes = {}};
    if (q.type) (void)c.put_number(config_attribute::xauth_type, static_cast<std::uint16_t>(*q.type));
    for (const config_attribute a : q.wanted) (void)c.put(a, byte_view{});
    if (!q.domain.empty()) (void)c.put(config_attribute::xauth_domain, q.domain);
    if (!q.message.empty()) (void)c.put(config_attribute::xauth_message, q.message);
    if (!q.challenge.empty()) (void)c.put(config_attribute::xauth_challenge, q.challenge);
    return c;
}
[[nodiscard]] inline auto status(bool ok, std::string_view message) -> transaction::content {
    transaction::content c{.message = config_message::set, .identifier = 0, .attributes = {}};
    (void)c.put_number(config_attribute::xauth_status, ok ? 1 : 0);
    if (!message.empty()) (void)c.put(config_attribute::xauth_message, message.substr(0, 255));
    return c;
}
/// What a REPLY has that it may not, or lacks. One that says "generic" where no type was asked for is taken: it says the same.
/// What was left empty is taken: whether it is right, the user says.
/// @return `errc::xauth_type`; `errc::malformed` where something is missing, or is of a length that it cannot have
[[nodiscard]] inline auto fault_of(const isakmp::attributes& in, const xauth_question& asked) -> std::optional<errc> {
    const auto type = in.find(config_attribute::xauth_type);
    const auto said = type ? type->number() : std::optional<std::uint64_t>{0};
    if (said != static_cast<std::uint64_t>(type_of(asked))) return errc::xauth_type;
    for (const config_attribute a : asked.wanted) {
        const auto found = in.find(a);
        const bool is_name = a == config_attribute::xauth_user_name || a == config_attribute::xauth_domain;
        if (!found || found->value.size() > (is_name ? 255U : 128U)) return errc::malformed;
        if (a == config_attribute::xauth_user_password && type_of(asked) == isakmp::xauth_type::radius_chap &&
            found->value.size() != radius_chap::answer_size)
            return errc::malformed;
    }
    return std::nullopt;
}
/// For the user to judge: of the REPLY what was asked for, since anything else in it answers nothing.
[[nodiscard]] inline auto attempt_of(const isakmp::attributes& in, const round& r, const environment& e) -> xauth_attempt {
    using enum config_attribute;
    const auto value = [&](config_attribute a) { return wants(r.asked, a) ? hidden(in, a) : secret<128>{}; };
    return {.peer = e.id,
            .cookies = e.cookies,
            .user = r.user,
            .domain = wants(r.asked, xauth_domain) ? text(in, xauth_domain) : std::string{},
            .password = value(xauth_user_password),
            .passcode = value(xauth_passcode),
            .reply = value(xauth_answer),
            .tries_left = r.tries_left,
            .next_pin = value(xauth_next_pin),
            .asked = r.asked,
            .rounds_left = r.rounds_left};
}

// --- client -------------------------------------------------------------------------------------------------------------------

/// REQUEST. A domain without a value is asked for, one with a value is told. What comes twice is asked for once.
[[nodiscard]] inline auto question_in(const isakmp::attributes& in) -> xauth_question {
    using enum config_attribute;
    xauth_question q{.type = {}, .wanted = {}, .message = text(in, xauth_message), .challenge = text(in, xauth_challenge),
                     .domain = text(in, xauth_domain)};
    if (const auto t = in.find(config_attribute::xauth_type))
        q.type = static_cast<isakmp::xauth_type>(std::min<std::uint64_t>(t->number().value_or(0xffff), 0xffff));
    for (const isakmp::attribute a : in.list) switch (const auto type = static_cast<config_attribute>(a.type)) {
            case xauth_domain:
                if (!a.value.empty()) break;
                [[fallthrough]];
            case xauth_user_name:
            case xauth_user_password:
            case xauth_passcode:
            case xauth_next_pin:
            case xauth_answer:
                if (!wants(q, type)) q.wanted.push_back(type);
                break;
            default: break;  // not for us to fill in
        }
    return q;
}
/// REPLY without anything but FAIL; the type only where the request has one.
[[nodiscard]] inline auto cannot_say(const prompting& s) -> transaction::content {
    transaction::content no{.message = config_message::reply, .identifier = s.identifier, .attributes = {}};
    if (s.asked.type) (void)no.put_number(config_attribute::xauth_type, static_cast<std::uint16_t>(*s.asked.type));
    (void)no.put_number(config_attribute::xauth_status, 0);
    return no;
}
/// REPLY: what is asked for, in its order. FAIL where something is not filled in; a password and a domain may be empty.  §6.1
[[nodiscard]] inline auto reply(const prompting& s, const credentials* given, const environment& e) -> effects {
    if (given == nullptr) return {.say = cannot_say(s), .ask = {}};
    secret<128> password = given->password.clone();
    if (type_of(s.asked) == isakmp::xauth_type::radius_chap && wants(s.asked, config_attribute::xauth_user_password)) {
        auto made = e.crypto.chap(e.crypto.provider, password.view(), std::as_bytes(std::span{s.asked.challenge}));
        if (!made) return {.say = cannot_say(s), .ask = {}, .report = made.error()};
        password = std::move(*made);
    }
    transaction::content c{.message = config_message::reply, .identifier = s.identifier, .attributes = {}};
    const auto fill_in = [&](config_attribute a, byte_view value) { return !value.empty() && c.put(a, value); };
    bool all = !s.asked.type || c.put_number(config_attribute::xauth_type, static_cast<std::uint16_t>(*s.asked.type));
    for (const config_attribute a : s.asked.wanted) {
        if (!all) break;
        switch (a) {
            case config_attribute::xauth_user_name: all = !given->user.empty() && c.put(a, given->user); break;
            case config_attribute::xauth_domain: all = c.put(a, given->domain); break;
            case config_attribute::xauth_user_password: all = c.put(a, password.view()); break;
            case config_attribute::xauth_passcode: all = fill_in(a, given->passcode.view()); break;
            case config_attribute::xauth_next_pin: all = fill_in(a, given->next_pin.view()); break;
            case config_attribute::xauth_answer: all = fill_in(a, given->reply.view()); break;
            default: break;
        }
    }
    if (!all) return {.say = cannot_say(s), .ask = {}};
    return {.say = std::move(c), .ask = {}};
}

}  // namespace ipsec::ike::v1::xauth_mode::detail
