#pragma once
/// Mode Config: one end asks the other for an address and what goes with it, or is told.   draft-dukes-ike-mode-cfg-02
///
///     client                              server                      client                        server
///     asking                              expecting_request           expecting_set                 composing
///     REQUEST(ADDRESS="")            -->                                                            setting
///                                         serving                                              <--  SET(ADDRESS)
///                                    <--  REPLY(ADDRESS)              ACK(ADDRESS="")          -->
///     done                                done                        done                          done
#include <algorithm>

#include "ipsec/ike/v1/dialogue.hpp"
#include "ipsec/ike/v1/transaction.hpp"

namespace ipsec::ike::v1::mode_config {

/// The attributes of a message, XAUTH's aside. Reserved ones that nobody knows and private ones are kept: the user may know them.
/// @return `errc::malformed` when a value has not the length of its attribute
[[nodiscard]] inline auto read(const isakmp::attribute_list& list) -> result<configuration> {
    configuration c;
    for (const isakmp::attribute a : list) {
        if (isakmp::is_xauth(a.type)) continue;
        const auto type = static_cast<isakmp::config_attribute>(a.type);
        const auto size = isakmp::config_value_size(type);
        if (size && !a.value.empty() && a.value.size() != *size) return std::unexpected{errc::malformed};
        if (type == isakmp::config_attribute::supported_attributes && a.value.size() % 2 != 0)
            return std::unexpected{errc::malformed};
        c.add(type, a.value);
    }
    return c;
}

/// @return `errc::limit_reached` when it is too much for one message, `errc::malformed` for a value of a wrong length
[[nodiscard]] inline auto write(isakmp::config_message message, std::uint16_t identifier, const configuration& c)
    -> result<transaction::content> {
    transaction::content out{.message = message, .identifier = identifier, .attributes = {}};
    for (const configuration::item& i : c.items) {
        const auto size = isakmp::config_value_size(i.type);
        if (size && !i.value.empty() && i.value.size() != *size) return std::unexpected{errc::malformed};
        if (!out.put(i.type, byte_view{i.value})) return std::unexpected{errc::limit_reached};
    }
    return out;
}
/// What an ACK says of a SET: the attributes that were taken, without values.                            §2
[[nodiscard]] inline auto taken(const configuration& set) -> configuration {
    configuration c;
    for (const configuration::item& i : set.items) c.add(i.type);
    return c;
}
/// A server gives no more addresses than it was asked for, nothing but attributes with values, and a netmask only beside an
/// address.                                                                                            §3.4
[[nodiscard]] inline auto answer(const configuration& asked, const configuration& given) -> configuration {
    using enum isakmp::config_attribute;
    configuration c;
    const auto count = [](const configuration& of, isakmp::config_attribute a) {
        return std::ranges::count(of.items, a, &configuration::item::type);
    };
    for (const configuration::item& i : given.items) {
        if (i.value.empty()) continue;
        const bool address = i.type == internal_ip4_address || i.type == internal_ip6_address;
        if (address && count(c, i.type) >= count(asked, i.type)) continue;
        if (i.type == internal_ip4_netmask && !given.has(internal_ip4_address)) continue;
        if (i.type == internal_ip6_netmask && !given.has(internal_ip6_address)) continue;
        if ((i.type == internal_ip4_netmask || i.type == internal_ip6_netmask) && c.has(i.type)) continue;
        c.items.push_back(i);
    }
    return c;
}

// --- states -------------------------------------------------------------------------------------------------------------------

/// It has not begun.
struct idle {
    static constexpr std::string_view name = "no Mode Config";
};
/// Client: REQUEST is out.
struct asking {
    static constexpr std::string_view name = "REQUEST sent";
};
/// Client: SET has to come.
struct expecting_set {
    static constexpr std::string_view name = "expecting SET";
};
/// Server: REQUEST has to come.
struct expecting_request {
    static constexpr std::string_view name = "expecting REQUEST";
};
/// Server: the user is asked what to say to the REQUEST.
struct serving {
    static constexpr std::string_view name = "serving";
    configuration asked{};
    std::uint16_t identifier = 0;
};
/// Server: the user is asked what to SET.
struct composing {
    static constexpr std::string_view name = "composing";
};
/// Server: SET is out.
struct setting {
    static constexpr std::string_view name = "SET sent";
    configuration given{};
};
struct done {
    static constexpr std::string_view name = "done";
};

using transaction::effects;
using transaction::environment;
using transaction::step;
using isakmp::config_message;

namespace detail {
/// ACK out: all was taken. @return `errc::malformed`
[[nodiscard]] inline auto take(const transaction::set& msg, const environment& e) -> result<effects> {
    const auto set = read(msg.in.list);
    if (!set) return std::unexpected{set.error()};
    auto ack = write(config_message::ack, msg.in.identifier, taken(*set));
    if (!ack) return std::unexpected{ack.error()};
    return effects{.say = std::move(*ack), .ask = configured{e.id, e.cookies, *set}};
}
/// What an answer does where it says nothing: phase 2 waits for it, or goes without it.
[[nodiscard]] inline auto without(errc why, const environment& e) -> step<done, failed> {
    if (e.peer.mode_config.required) return {failed{why}, {.report = why}};
    return {done{}, {.report = why}};
}
/// SET in, in state `s`; one that cannot be read changes nothing.
template <class Step, class Before> [[nodiscard]] auto take_set(Before s, const transaction::set& msg, const environment& e)
    -> Step {
    auto out = take(msg, e);
    if (!out) return {std::move(s), {.report = out.error()}};
    return {done{}, std::move(*out)};
}
/// REQUEST in, in state `s`; likewise.
template <class Step, class Before>
[[nodiscard]] auto take_request(Before s, const transaction::request& msg, const environment& e) -> Step {
    const auto asked = read(msg.in.list);
    if (!asked) return {std::move(s), {.report = asked.error()}};
    return {serving{*asked, msg.in.identifier}, {.ask = configuration_wanted{e.id, e.cookies, *asked}}};
}
}  // namespace detail

// --- transitions: client ------------------------------------------------------------------------------------------------------

/// REQUEST out, unless the server pushes.
[[nodiscard]] inline auto begin_client(const environment& e) -> step<asking, expecting_set, failed> {
    if (e.peer.mode_config.push) return {expecting_set{}, {}};
    configuration wanted;
    for (const auto a : e.peer.mode_config.wanted) wanted.add(a);
    auto c = write(config_message::request, 0, wanted);
    if (!c) return {failed{c.error()}, {}};
    return {asking{}, {.say = std::move(*c)}};
}
/// REPLY in.
[[nodiscard]] inline auto on(asking, const transaction::reply& msg, const environment& e) -> step<done, failed> {
    const auto said = read(msg.in.list);
    if (!said) return detail::without(said.error(), e);
    return {done{}, {.ask = configured{e.id, e.cookies, *said}}};
}
/// SET in, ACK out: at any time, again too. One that cannot be read changes nothing.
[[nodiscard]] inline auto on(asking s, const transaction::set& msg, const environment& e) -> step<done, asking> {
    return detail::take_set<step<done, asking>>(s, msg, e);
}
[[nodiscard]] inline auto on(expecting_set s, const transaction::set& msg, const environment& e) -> step<done, expecting_set> {
    return detail::take_set<step<done, expecting_set>>(s, msg, e);
}
[[nodiscard]] inline auto on(done s, const transaction::set& msg, const environment& e) -> step<done> {
    return detail::take_set<step<done>>(s, msg, e);
}

// --- transitions: server ------------------------------------------------------------------------------------------------------

/// REQUEST has to come, or the user says what to SET.
[[nodiscard]] inline auto begin_server(const environment& e) -> step<expecting_request, composing> {
    if (!e.peer.mode_config.push) return {expecting_request{}, {}};
    return {composing{}, {.ask = configuration_wanted{e.id, e.cookies, {}}}};
}
/// REQUEST in: the user is asked; at any time, again too.
[[nodiscard]] inline auto on(expecting_request s, const transaction::request& msg, const environment& e)
    -> step<serving, expecting_request> {
    return detail::take_request<step<serving, expecting_request>>(s, msg, e);
}
[[nodiscard]] inline auto on(serving s, const transaction::request& msg, const environment& e) -> step<serving> {
    return detail::take_request<step<serving>>(std::move(s), msg, e);
}
[[nodiscard]] inline auto on(composing s, const transaction::request& msg, const environment& e) -> step<serving, composing> {
    return detail::take_request<step<serving, composing>>(s, msg, e);
}
[[nodiscard]] inline auto on(setting s, const transaction::request& msg, const environment& e) -> step<serving, setting> {
    return detail::take_request<step<serving, setting>>(std::move(s), msg, e);
}
[[nodiscard]] inline auto on(done s, const transaction::request& msg, const environment& e) -> step<serving, done> {
    return detail::take_request<step<serving, done>>(s, msg, e);
}
/// REPLY out. What cannot be said is reported, and may be said otherwise.
[[nodiscard]] inline auto on(serving s, const configuration& given, const environment&) -> step<done, serving> {
    auto c = write(config_message::reply, s.identifier, answer(s.asked, given));
    if (!c) return {std::move(s), {.report = c.error()}};
    return {done{}, {.say = std::move(*c)}};
}
/// SET out.
[[nodiscard]] inline auto on(composing s, const configuration& given, const environment&) -> step<setting, composing> {
    auto c = write(config_message::set, 0, given);
    if (!c) return {s, {.report = c.error()}};
    return {setting{given}, {.say = std::move(*c)}};
}
/// ACK in: it says what the client took.
[[nodiscard]] inline auto on(setting s, const transaction::ack& msg, const environment& e) -> step<done, failed> {
    const auto said = read(msg.in.list);
    if (!said) return detail::without(said.error(), e);
    configuration kept;
    for (const configuration::item& i : s.given.items)
        if (said->has(i.type)) kept.items.push_back(i);
    return {done{}, {.ask = configured{e.id, e.cookies, std::move(kept)}}};
}

}  // namespace ipsec::ike::v1::mode_config
