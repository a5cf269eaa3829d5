#pragma once
/// What an ISAKMP SA keeps of its Transaction exchanges: one of each end's, and where XAUTH and Mode Config stand.
#include "ipsec/ike/v1/xauth.hpp"

namespace ipsec::ike::v1::transaction {

/// The exchange that this end began last.
struct own_exchange {
    isakmp::message_id id;
    isakmp::config_message said = isakmp::config_message::reserved;
    std::uint16_t identifier = 0;
    bool open = false;
    iv next;
    octets sent, sent_payloads;
    retransmit_timer timer{};
};
/// The exchange that the peer began last; its answer may be late.
struct peer_exchange {
    isakmp::message_id id;
    isakmp::config_message said = isakmp::config_message::reserved;
    std::uint16_t identifier = 0;
    bool open = false;
    iv next;
    octets received, sent, sent_payloads;
};
/// Mode Config, as far as something is under way.
struct config_idle {};
struct config_asking {};   ///< client: REQUEST is out
struct config_waiting {};  ///< client: SET has to come; server: REQUEST has to come
struct config_serving {    ///< server: the user is asked what to say to the REQUEST
    configuration asked;
};
struct config_composing {};  ///< server: the user is asked what to SET
struct config_setting {      ///< server: SET is out
    configuration given;
};
struct config_done {};

struct talk {
    std::variant<xauth_mode::idle, xauth_mode::asking, xauth_mode::judging, xauth_mode::telling, xauth_mode::expecting,
                 xauth_mode::prompting, xauth_mode::passed, xauth_mode::refused>
        xauth{};
    std::variant<config_idle, config_asking, config_waiting, config_serving, config_composing, config_setting, config_done>
        config{};
    own_exchange own{};
    peer_exchange peers{};
    instant until = instant::never();  ///< phase 2 waits no longer than that
};

}  // namespace ipsec::ike::v1::transaction
