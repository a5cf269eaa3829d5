#pragma once
/// The machines of all exchanges, one type for each role: what `tables.hpp` makes tables of.
#include "ipsec/ike/v1/aggressive_mode.hpp"
#include "ipsec/ike/v1/authentication_only.hpp"
#include "ipsec/ike/v1/base_exchange.hpp"
#include "ipsec/ike/v1/new_group_mode.hpp"
#include "ipsec/ike/v1/quick_mode.hpp"
#include "ipsec/ike/v1/tables.hpp"
#include "ipsec/ike/v1/xauth.hpp"

namespace ipsec::ike::v1 {

/// Main Mode, RFC 2409 §5.
template <class Provider> struct main_mode_initiator {
    static constexpr std::string_view exchange = "Main Mode";
    static constexpr v1::role role = v1::role::initiator;
    using environment = v1::environment<Provider, null_observer>;
    using key = typename Provider::dh_key;
    using states = type_list<main_mode::sent_sa, main_mode::making_ke_i, main_mode::sent_ke<key>, main_mode::agreeing_i<key>,
                             phase_1::signing<main_mode::agreed_i>, main_mode::sent_auth,
                             phase_1::proving<main_mode::sent_auth>, phase_1::verifying<main_mode::sent_auth>,
                             phase_1::sealing<main_mode::sent_ke<key>>, phase_1::opening<main_mode::sent_ke<key>>,
                             main_mode::established>;
    using events = type_list<main_mode::reply_sa, dh_generated<key>, main_mode::key_exchange, dh_agreed, main_mode::authenticated,
                             main_mode::misidentified, phase_1::claim, signature_made, certificate_judged, signature_judged,
                             pieces_encrypted, pieces_decrypted>;
    using entrances = type_list<enters<started, decltype(main_mode::start(std::declval<environment&>()))>>;
};
/// Its answer to message 1 has no state: `cookie_jar.hpp`.
template <class Provider> struct main_mode_responder {
    static constexpr std::string_view exchange = "Main Mode";
    static constexpr v1::role role = v1::role::responder;
    using environment = v1::environment<Provider, null_observer>;
    using key = typename Provider::dh_key;
    using states =
        type_list<main_mode::making_ke_r, main_mode::agreeing_r<key>, main_mode::expecting_auth,
                  phase_1::proving<main_mode::expecting_auth>, phase_1::verifying<main_mode::expecting_auth>,
                  phase_1::signing<main_mode::proven_r>, phase_1::opening<main_mode::making_ke_r>,
                  phase_1::sealing<main_mode::agreeing_r<key>>, main_mode::established>;
    using events = typename main_mode_initiator<Provider>::events;
    using entrances = type_list<enters<
        main_mode::key_exchange,
        decltype(main_mode::begin(std::declval<const isakmp::cookie_pair&>(), std::declval<const agreed_ike&>(),
                                  std::declval<const extensions&>(), byte_view{}, std::declval<main_mode::key_exchange>(),
                                  std::declval<environment&>()))>>;
};

/// Aggressive Mode, RFC 2409 §5. It has events of Main Mode: both modes' `on` would be found.
template <class Provider> struct aggressive_machine {
    static constexpr std::string_view exchange = "Aggressive Mode";
    using environment = v1::environment<Provider, null_observer>;
    using key = typename Provider::dh_key;
    template <class State, class Event> static auto on(State&& s, Event&& v, environment& e)
        -> decltype(aggressive_mode::on(std::forward<State>(s), std::forward<Event>(v), e)) {
        return aggressive_mode::on(std::forward<State>(s), std::forward<Event>(v), e);
    }
    using events = type_list<dh_generated<key>, aggressive_mode::answer, aggressive_mode::called_back, dh_agreed,
                             aggressive_mode::authenticated, aggressive_mode::misidentified, phase_1::claim, signature_made,
                             certificate_judged, signature_judged, pieces_encrypted, pieces_decrypted>;
};
template <class Provider> struct aggressive_initiator : aggressive_machine<Provider> {
    static constexpr v1::role role = v1::role::initiator;
    using typename aggressive_machine<Provider>::environment;
    using typename aggressive_machine<Provider>::key;
    using states =
        type_list<aggressive_mode::making_ke_i, phase_1::sealing<aggressive_mode::sent_first<key>>,
                  aggressive_mode::sent_first<key>, phase_1::opening<aggressive_mode::agreeing_i<key>>,
                  aggressive_mode::agreeing_i<key>, phase_1::proving<aggressive_mode::answered<key>>,
                  phase_1::verifying<aggressive_mode::answered<key>>, phase_1::signing<aggressive_mode::proven_i>,
                  aggressive_mode::established>;
    using entrances = type_list<enters<started, decltype(aggressive_mode::start(std::declval<environment&>()))>>;
};
template <class Provider> struct aggressive_responder : aggressive_machine<Provider> {
    static constexpr v1::role role = v1::role::responder;
    using typename aggressive_machine<Provider>::key;
    using states =
        type_list<phase_1::opening<aggressive_mode::making_ke_r>, aggressive_mode::making_ke_r,
                  phase_1::sealing<aggressive_mode::replying<key>>, aggressive_mode::sent_second<key>,
                  aggressive_mode::agreeing_r<key>, phase_1::signing<aggressive_mode::answering>,
                  aggressive_mode::expecting_proof, phase_1::proving<aggressive_mode::expecting_proof>,
                  phase_1::verifying<aggressive_mode::expecting_proof>, aggressive_mode::established>;
    using entrances =
        type_list<enters<aggressive_mode::offer, decltype(aggressive_mode::begin(std::declval<const isakmp::cookie_pair&>(),
                                                                                 std::declval<aggressive_mode::offer>()))>>;
};

/// Quick Mode, RFC 2409 §5.5, with and without PFS.
template <class Provider> struct quick_mode_initiator {
    static constexpr std::string_view exchange = "Quick Mode";
    static constexpr v1::role role = v1::role::initiator;
    using environment = quick_mode::environment<Provider, null_observer>;
    using key = typename Provider::dh_key;
    using states = type_list<quick_mode::making_ke_i, quick_mode::sent_offer<key>, quick_mode::agreeing_i<key>,
                             quick_mode::installing_i, quick_mode::awaiting_connected, quick_mode::done>;
    using events = type_list<dh_generated<key>, quick_mode::answer, dh_agreed, quick_mode::installed, quick_mode::proof,
                             quick_mode::connected>;
    using entrances = type_list<
        enters<started, decltype(quick_mode::start(std::declval<quick_mode::subject>(), std::declval<std::vector<child_spis>>(),
                                                   std::declval<environment&>()))>>;
};
template <class Provider> struct quick_mode_responder {
    static constexpr std::string_view exchange = "Quick Mode";
    static constexpr v1::role role = v1::role::responder;
    using environment = quick_mode::environment<Provider, null_observer>;
    using key = typename Provider::dh_key;
    using states = type_list<quick_mode::making_ke_r, quick_mode::agreeing_r<key>, quick_mode::installing_r,
                             quick_mode::expecting_proof, quick_mode::awaiting_connected, quick_mode::done>;
    using events = typename quick_mode_initiator<Provider>::events;
    using entrances = type_list<
        enters<quick_mode::offer, decltype(quick_mode::begin(isakmp::message_id{}, std::declval<quick_mode::offer>(),
                                                             std::span<const child_spis>{}, std::declval<environment&>()))>>;
};

/// New Group Mode, RFC 2409 §5.6. Its events are those of Quick Mode in form: both modes' `on` would be found.
template <class Provider> struct new_group_initiator {
    static constexpr std::string_view exchange = "New Group Mode";
    static constexpr v1::role role = v1::role::initiator;
    using environment = quick_mode::environment<Provider, null_observer>;
    template <class State, class Event> static auto on(State&& s, Event&& v, environment& e)
        -> decltype(new_group_mode::on(std::forward<State>(s), std::forward<Event>(v), e)) {
        return new_group_mode::on(std::forward<State>(s), std::forward<Event>(v), e);
    }
    using states = type_list<new_group_mode::sent_group, new_group_mode::agreed>;
    using events = type_list<new_group_mode::answer, new_group_mode::refusal>;
    using entrances = type_list<
        enters<started, decltype(new_group_mode::start(isakmp::message_id{}, std::declval<const named_group&>(),
                                                       std::declval<environment&>()))>>;
};
template <class Provider> struct new_group_responder {
    static constexpr std::string_view exchange = "New Group Mode";
    static constexpr v1::role role = v1::role::responder;
    using environment = quick_mode::environment<Provider, null_observer>;
    template <class State, class Event> static auto on(State&& s, Event&& v, environment& e)
        -> decltype(new_group_mode::on(std::forward<State>(s), std::forward<Event>(v), e)) {
        return new_group_mode::on(std::forward<State>(s), std::forward<Event>(v), e);
    }
    using states = type_list<new_group_mode::agreed>;
    using events = typename new_group_initiator<Provider>::events;
    using entrances =
        type_list<enters<new_group_mode::offer,
                         decltype(new_group_mode::begin(isakmp::message_id{}, std::declval<const new_group_mode::offer&>(),
                                                        std::declval<environment&>()))>>;
};

/// Base Exchange, RFC 2408 §4.4.
template <class Provider> struct base_initiator {
    static constexpr std::string_view exchange = "Base";
    static constexpr v1::role role = v1::role::initiator;
    using environment = exchange_environment<Provider, exchange_policy_archetype>;
    using key = typename Provider::dh_key;
    using states = type_list<base_exchange::sent_offer, base_exchange::making_ke_i, base_exchange::sent_proof<key>,
                             base_exchange::agreeing_i<key>, base_exchange::established>;
    using events = type_list<base_exchange::answer, dh_generated<key>, base_exchange::proof, dh_agreed>;
    using entrances = type_list<enters<started, decltype(base_exchange::start(std::declval<environment&>()))>>;
};
template <class Provider> struct base_responder {
    static constexpr std::string_view exchange = "Base";
    static constexpr v1::role role = v1::role::responder;
    using environment = exchange_environment<Provider, exchange_policy_archetype>;
    using key = typename Provider::dh_key;
    using states = type_list<base_exchange::sent_answer, base_exchange::making_ke_r, base_exchange::agreeing_r<key>,
                             base_exchange::established>;
    using events = typename base_initiator<Provider>::events;
    using entrances =
        type_list<enters<generic::offer, decltype(base_exchange::begin(std::declval<generic::offer>(), isakmp::cookie_r{},
                                                                       std::declval<environment&>()))>>;
};

/// Authentication Only Exchange, RFC 2408 §4.6.
template <class Provider> struct authentication_only_initiator {
    static constexpr std::string_view exchange = "Authentication Only";
    static constexpr v1::role role = v1::role::initiator;
    using environment = exchange_environment<Provider, exchange_policy_archetype>;
    using states = type_list<authentication_only::sent_offer, authentication_only::established>;
    using events = type_list<authentication_only::answer, authentication_only::proof>;
    using entrances = type_list<enters<started, decltype(authentication_only::start(std::declval<environment&>()))>>;
};
template <class Provider> struct authentication_only_responder {
    static constexpr std::string_view exchange = "Authentication Only";
    static constexpr v1::role role = v1::role::responder;
    using environment = exchange_environment<Provider, exchange_policy_archetype>;
    using states = type_list<authentication_only::sent_proof, authentication_only::established>;
    using events = typename authentication_only_initiator<Provider>::events;
    using entrances =
        type_list<enters<generic::offer, decltype(authentication_only::begin(std::declval<generic::offer>(), isakmp::cookie_r{},
                                                                             std::declval<environment&>()))>>;
};

/// XAUTH, draft-beaulieu-ike-xauth-02, over Transaction exchanges. Either end of the ISAKMP SA may be the edge device.
template <class Provider> struct xauth_edge_device {
    static constexpr std::string_view exchange = "XAUTH", role = "edge device";
    using environment = transaction::environment;
    using states = type_list<xauth_mode::asking, xauth_mode::judging, xauth_mode::telling, xauth_mode::passed,
                             xauth_mode::refused>;
    using events = type_list<transaction::reply, transaction::ack, xauth_mode::verdict, xauth_mode::question>;
    using entrances = type_list<enters<started, decltype(xauth_mode::ask(std::declval<environment&>()))>>;
};
template <class Provider> struct xauth_client {
    static constexpr std::string_view exchange = "XAUTH", role = "client";
    using environment = transaction::environment;
    using states = type_list<xauth_mode::expecting, xauth_mode::prompting, xauth_mode::passed, xauth_mode::refused>;
    using events = type_list<transaction::request, transaction::set, xauth_mode::answer>;
    using entrances = type_list<enters<started, decltype(xauth_mode::expect(std::declval<environment&>()))>>;
};

/// Mode Config, draft-dukes-ike-mode-cfg-02, over Transaction exchanges.
template <class Provider> struct mode_config_client {
    static constexpr std::string_view exchange = "Mode Config", role = "client";
    using environment = transaction::environment;
    using states = type_list<mode_config::asking, mode_config::expecting_set, mode_config::done>;
    using events = type_list<transaction::reply, transaction::set>;
    using entrances = type_list<enters<started, decltype(mode_config::begin_client(std::declval<environment&>()))>>;
};
template <class Provider> struct mode_config_server {
    static constexpr std::string_view exchange = "Mode Config", role = "server";
    using environment = transaction::environment;
    using states = type_list<mode_config::expecting_request, mode_config::serving, mode_config::composing, mode_config::setting,
                             mode_config::done>;
    using events = type_list<transaction::request, transaction::ack, configuration>;
    using entrances = type_list<enters<started, decltype(mode_config::begin_server(std::declval<environment&>()))>>;
};

/// Informational is not among them, since it has no states: an exchange is one message one way, nobody awaits or repeats it, and
/// what a message means is for the SAs and exchanges that it names (`informational.hpp`). Not even R-U-THERE makes it one: query
/// and answer are two exchanges, and the timer between them is the ISAKMP SA's.           RFC 2409 §5.7, RFC 2408 §4.8, RFC 3706
template <class Provider>
using all_machines =
    type_list<main_mode_initiator<Provider>, main_mode_responder<Provider>, aggressive_initiator<Provider>,
              aggressive_responder<Provider>, quick_mode_initiator<Provider>, quick_mode_responder<Provider>,
              new_group_initiator<Provider>, new_group_responder<Provider>, base_initiator<Provider>, base_responder<Provider>,
              authentication_only_initiator<Provider>, authentication_only_responder<Provider>, xauth_edge_device<Provider>,
              xauth_client<Provider>, mode_config_client<Provider>, mode_config_server<Provider>>;

/// Calls `f(std::type_identity<Machine>{})` for each machine.
template <class Provider, class F> constexpr void for_each_machine(F&& f) {
    [&]<class... Machines>(type_list<Machines...>) { (f(std::type_identity<Machines>{}), ...); }(all_machines<Provider>{});
}

}  // namespace ipsec::ike::v1
