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
    bool was_repeated = false;  ///< by the peer, after it was answered
};
struct talk {
    std::variant<xauth_mode::idle, xauth_mode::asking, xauth_mode::judging, xauth_mode::telling, xauth_mode::expecting,
                 xauth_mode::prompting, xauth_mode::passed, xauth_mode::refused>
        xauth{};
    std::variant<mode_config::idle, mode_config::asking, mode_config::expecting_set, mode_config::expecting_request,
                 mode_config::serving, mode_config::composing, mode_config::setting, mode_config::done, failed>
        config{};
    own_exchange own{};
    peer_exchange peers{};
    instant until = instant::never();        ///< phase 2 waits no longer than that
    instant rests_until = instant::never();  ///< what comes next begins then
};

}  // namespace ipsec::ike::v1::transaction
