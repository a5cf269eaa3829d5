#pragma once
/// XAUTH: a user says who he is after phase 1, asked by an edge device.                        draft-beaulieu-ike-xauth-02
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
/// REQUEST and REPLY may come several times, each for something else and of another type (`xauth_question.hpp`): a challenge for
/// RADIUS-CHAP, OTP or S/KEY, a passcode, a new PIN, an answer to a message. What is right is up to users on both sides.
///
/// Which end is which is agreed on with the authentication method of phase 1 (§7.2); the edge device may be the initiator. A
/// pre-shared key that many clients share proves to none of them who the gateway is: the client tells its password to whoever has
/// that key.
#include "ipsec/ike/v1/detail/xauth_messages.hpp"
#include "ipsec/ike/v1/mode_config.hpp"
#include "ipsec/ike/v1/xauth_methods.hpp"

namespace ipsec::ike::v1::xauth_mode {

// --- transitions: edge device -------------------------------------------------------------------------------------------------

namespace detail {
/// REQUEST out. A challenge of RADIUS-CHAP that is not there is drawn; without randomness nobody is let in.
[[nodiscard]] inline auto ask(round r, const environment& e) -> step<asking, telling> {
    if (type_of(r.asked) == isakmp::xauth_type::radius_chap && r.asked.challenge.empty()) {
        std::array<std::byte, radius_chap::challenge_size> drawn{};
        if (!e.crypto.fill(e.crypto.provider, drawn))
            return {telling{false}, {.say = status(false, {}), .ask = {}, .report = errc::no_randomness}};
        r.asked.challenge.assign(reinterpret_cast<const char*>(drawn.data()), drawn.size());
    }
    auto say = request(r.asked);
    return {asking{std::move(r)}, {.say = std::move(say), .ask = {}}};
}
}  // namespace detail

/// REQUEST out: the configured question.
[[nodiscard]] inline auto ask(const environment& e) -> step<asking, telling> {
    const v1::xauth& x = e.peer.xauth;
    return detail::ask({x.tries - 1U, x.rounds - 1U, x.question, {}}, e);
}
/// REPLY in: the user judges. One that says FAIL, or does not say what was asked for, ends it.      §5, §6.1, §6.2
[[nodiscard]] inline auto on(asking s, const transaction::reply& msg, const environment& e) -> step<judging, telling> {
    const isakmp::attributes& in = msg.in;
    if (in.find(config_attribute::xauth_status)) return {telling{false}, {.say = detail::status(false, {}), .ask = {}}};
    if (const auto fault = detail::fault_of(in, s.asked))
        return {telling{false}, {.say = detail::status(false, {}), .ask = {}, .report = *fault}};
    if (wants(s.asked, config_attribute::xauth_user_name)) s.user = detail::text(in, config_attribute::xauth_user_name);
    auto attempt = detail::attempt_of(in, s, e);
    return {judging{std::move(s)}, {.say = {}, .ask = std::move(attempt)}};
}
/// SET out, or the same REQUEST once more; RADIUS-CHAP has another challenge then (RFC 1994 §4.1).
[[nodiscard]] inline auto on(judging s, const verdict& v, const environment& e) -> step<asking, telling> {
    if (v.right || s.tries_left == 0 || s.rounds_left == 0)
        return {telling{v.right, std::move(s.user)}, {.say = detail::status(v.right, v.message), .ask = {}}};
    round again = std::move(s);
    --again.tries_left;
    --again.rounds_left;
    if (!v.message.empty()) again.asked.message = v.message.substr(0, 255);
    if (type_of(again.asked) == isakmp::xauth_type::radius_chap) again.asked.challenge.clear();
    return detail::ask(std::move(again), e);
}
/// REQUEST out, for something else; SET(FAIL) once there were as many as may be.                     §5
[[nodiscard]] inline auto on(judging s, const question& q, const environment& e) -> step<asking, telling> {
    if (s.rounds_left == 0)
        return {telling{false}, {.say = detail::status(false, {}), .ask = {}, .report = errc::limit_reached}};
    return detail::ask({s.tries_left, s.rounds_left - 1, q.next, std::move(s.user)}, e);
}
/// ACK in. What it says is of no meaning.                                                             §6.1
[[nodiscard]] inline auto on(telling s, const transaction::ack&, const environment& e) -> step<passed, refused> {
    xauth_ended end{.peer = e.id, .cookies = e.cookies, .passed = s.passed, .message = {}};
    if (s.passed) return {passed{.user = std::move(s.user)}, {.say = {}, .ask = std::move(end)}};
    return {refused{}, {.say = {}, .ask = std::move(end)}};
}

// --- transitions: client ----------------------------------------------------------------------------------------------------

/// REQUEST or SET has to come.
[[nodiscard]] inline auto expect(const environment&) -> step<expecting> { return {expecting{}, {}}; }
/// REPLY out, once it is known what to say.
[[nodiscard]] inline auto on(prompting s, const answer& a, const environment& e) -> step<expecting> {
    auto out = detail::reply(s, a.given, e);
    return {expecting{s}, std::move(out)};
}
/// REQUEST in: answered from the configuration, if that has all and its password did not go out before; else the user is asked.
/// What may not be asked, is of a type that nobody knows, or comes after as many as may be, is answered with FAIL.   §5, §6.2
[[nodiscard]] inline auto on(expecting s, const transaction::request& msg, const environment& e) -> step<prompting, expecting> {
    const isakmp::attributes& in = msg.in;
    prompting next{{s.told, s.rounds + 1, s.requests + 1}, in.identifier, detail::question_in(in)};
    const xauth_question& asked = next.asked;
    std::optional<errc> fault;
    if (s.rounds >= e.peer.xauth.rounds) fault = errc::limit_reached;
    else if (!is_known(type_of(asked))) fault = errc::xauth_type;
    else if (!is_coherent(asked)) fault = errc::malformed;
    if (fault) return {std::move(s), {.say = detail::cannot_say(next), .ask = {}, .report = fault}};
    const bool simple = type_of(asked) <= isakmp::xauth_type::radius_chap &&
                        std::ranges::all_of(asked.wanted, [](config_attribute a) {
                            return a == config_attribute::xauth_user_name || a == config_attribute::xauth_user_password;
                        });
    if (simple && !s.told && !e.peer.xauth.user.empty()) {
        const credentials own{.user = e.peer.xauth.user, .domain = {}, .password = e.peer.xauth.password.clone()};
        next.told = wants(asked, config_attribute::xauth_user_password);
        auto done = on(std::move(next), answer{&own}, e);
        return {std::get<expecting>(done.state), std::move(done.out)};
    }
    xauth_prompt p{.peer = e.id,
                   .cookies = e.cookies,
                   .type = type_of(asked),
                   .message = asked.message,
                   .challenge = asked.challenge,
                   .domain = asked.domain,
                   .wanted = asked.wanted,
                   .round = next.requests};
    return {std::move(next), {.say = {}, .ask = std::move(p)}};
}
/// REQUEST may come again at any time: the edge device asks anew.                                    §6
[[nodiscard]] inline auto on(prompting s, const transaction::request& msg, const environment& e) -> step<prompting, expecting> {
    return on(expecting{s}, msg, e);
}
[[nodiscard]] inline auto on(passed s, const transaction::request& msg, const environment& e) -> step<prompting, expecting> {
    return on(expecting{{.requests = s.requests}}, msg, e);
}
/// SET in, ACK out.                                                                                  §5, §6.1
[[nodiscard]] inline auto on(expecting s, const transaction::set& msg, const environment& e) -> step<passed, refused> {
    const isakmp::attributes& in = msg.in;
    const auto status = in.find(config_attribute::xauth_status);
    const bool ok = status && status->number() == 1U;
    transaction::content ack{.message = config_message::ack, .identifier = in.identifier, .attributes = {}};
    (void)ack.put(config_attribute::xauth_status, byte_view{});
    effects out{.say = std::move(ack),
                .ask = xauth_ended{e.id, e.cookies, ok, detail::text(in, config_attribute::xauth_message)}};
    if (ok) return {passed{.requests = s.requests}, std::move(out)};
    return {refused{}, std::move(out)};
}
[[nodiscard]] inline auto on(prompting s, const transaction::set& msg, const environment& e) -> step<passed, refused> {
    return on(expecting{s}, msg, e);
}
[[nodiscard]] inline auto on(passed s, const transaction::set& msg, const environment& e) -> step<passed, refused> {
    return on(expecting{{.requests = s.requests}}, msg, e);
}

}  // namespace ipsec::ike::v1::xauth_mode
