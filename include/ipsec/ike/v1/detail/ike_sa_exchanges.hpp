#pragma once
/// What an ISAKMP SA holds while something is under way: the machine of its phase 1, its Quick Modes, its New Group Modes.
///
/// Part of `ike_sa.hpp`.
#include <optional>
#include <variant>
#include <vector>

#include "ipsec/ike/v1/aggressive_mode.hpp"
#include "ipsec/ike/v1/house.hpp"
#include "ipsec/ike/v1/main_mode.hpp"
#include "ipsec/ike/v1/new_group_mode.hpp"
#include "ipsec/ike/v1/quick_mode.hpp"

namespace ipsec::ike::v1::detail {

template <class DhKey>
using phase_1_machine =
    std::variant<failed, main_mode::sent_sa, main_mode::making_ke_i, main_mode::sent_ke<DhKey>, main_mode::agreeing_i<DhKey>,
                 phase_1::signing<main_mode::agreed_i>, main_mode::sent_auth, phase_1::proving<main_mode::sent_auth>,
                 phase_1::verifying<main_mode::sent_auth>, main_mode::making_ke_r, main_mode::agreeing_r<DhKey>,
                 main_mode::expecting_auth, phase_1::proving<main_mode::expecting_auth>,
                 phase_1::verifying<main_mode::expecting_auth>, phase_1::signing<main_mode::proven_r>,
                 phase_1::sealing<main_mode::sent_ke<DhKey>>, phase_1::opening<main_mode::sent_ke<DhKey>>,
                 phase_1::opening<main_mode::making_ke_r>, phase_1::sealing<main_mode::agreeing_r<DhKey>>,
                 aggressive_mode::making_ke_i, phase_1::sealing<aggressive_mode::sent_first<DhKey>>,
                 aggressive_mode::sent_first<DhKey>, phase_1::opening<aggressive_mode::agreeing_i<DhKey>>,
                 aggressive_mode::agreeing_i<DhKey>, phase_1::proving<aggressive_mode::answered<DhKey>>,
                 phase_1::verifying<aggressive_mode::answered<DhKey>>, phase_1::signing<aggressive_mode::proven_i>,
                 phase_1::opening<aggressive_mode::making_ke_r>, aggressive_mode::making_ke_r,
                 phase_1::sealing<aggressive_mode::replying<DhKey>>, aggressive_mode::sent_second<DhKey>,
                 aggressive_mode::agreeing_r<DhKey>, phase_1::signing<aggressive_mode::answering>,
                 aggressive_mode::expecting_proof, phase_1::proving<aggressive_mode::expecting_proof>,
                 phase_1::verifying<aggressive_mode::expecting_proof>, main_mode::established>;

template <class DhKey>
using quick_machine =
    std::variant<failed, quick_mode::making_ke_i, quick_mode::sent_offer<DhKey>, quick_mode::agreeing_i<DhKey>,
                 quick_mode::installing_i, quick_mode::making_ke_r, quick_mode::agreeing_r<DhKey>, quick_mode::installing_r,
                 quick_mode::expecting_proof, quick_mode::awaiting_connected, quick_mode::done>;

/// One Quick Mode.
template <class DhKey>
struct open_quick_mode {
    v1::role role = v1::role::initiator;
    isakmp::message_id id;
    quick_mode::subject about;
    std::vector<child_spis> own;           ///< SPIs that this side offered or answered
    std::vector<std::uint32_t> peer_spis;  ///< that the peer named, for a Delete that comes before the pair is in use
    octets first_proposal;                 ///< responder: protocol and SPI of it, for an error notification; empty: none was read
    quick_machine<DhKey> state{};
    crypto::ticket ticket{};
    instant begun;
    retransmit_timer timer{};
    octets sent, sent_payloads, received;
    instant deadline = instant::never();
    std::vector<sa::id> waiting;    ///< inbound SAs whose install is not answered
    std::vector<sa::id> installed;  ///< inbound SAs that stand
    std::vector<sa::id> outbound_waiting;
    std::vector<child_pair> pairs;
    bool rekeyed = false;
    bool sent_anything = false;
    octets connected, connected_payloads;  ///< CONNECTED, as this end said it
    bool connected_early = false;          ///< the peer said it before message 3 came
    bool handed_over = false;              ///< the pairs are the endpoint's
};

/// One New Group Mode.
struct open_group_mode {
    v1::role role = v1::role::initiator;
    crypto::group_id number{};
    std::variant<failed, new_group_mode::sent_group, new_group_mode::agreed> state{};
    retransmit_timer timer{};
    octets sent, sent_payloads, received;
    instant deadline = instant::never();
};
/// A Quick Mode to be, whose group is not agreed on yet.
struct waiting_for_group {
    std::size_t child = 0;
    std::optional<client> local, remote;
    friend auto operator==(const waiting_for_group&, const waiting_for_group&) -> bool = default;
};

}  // namespace ipsec::ike::v1::detail
