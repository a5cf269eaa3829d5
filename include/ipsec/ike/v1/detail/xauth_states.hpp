#pragma once
/// XAUTH: its states, and what users answer.                                              draft-beaulieu-ike-xauth-02 §5
#include "ipsec/ike/v1/transaction.hpp"

namespace ipsec::ike::v1::xauth_mode {

using isakmp::config_attribute;
using isakmp::config_message;

// --- states -------------------------------------------------------------------------------------------------------------------

/// Nobody has to say anything.
struct idle {
    static constexpr std::string_view name = "no XAUTH";
};
/// Where an edge device stands between REQUEST and REPLY, and between REPLY and what comes of it.
struct round {
    unsigned tries_left = 0;   ///< after the answer to this one
    unsigned rounds_left = 0;  ///< REQUESTs after this one
    xauth_question asked{};    ///< with the challenge that was drawn
    std::string user{};        ///< who it said it is, in this round or before
};
/// Edge device: REQUEST is out.
struct asking : round {
    static constexpr std::string_view name = "REQUEST sent";
};
/// Edge device: the user judges.
struct judging : round {
    static constexpr std::string_view name = "judging";
};
/// Edge device: SET is out.
struct telling {
    static constexpr std::string_view name = "SET sent";
    bool passed = false;
    std::string user{};  ///< who it is, if so
};
/// What a client was asked so far.
struct heard {
    bool told = false;      ///< the configured password went out before
    unsigned rounds = 0;    ///< REQUESTs that came, since SET if there was one
    unsigned requests = 0;  ///< all that came: no two prompts have one number
};
/// Client: REQUEST or SET has to come.
struct expecting : heard {
    static constexpr std::string_view name = "expecting REQUEST";
};
/// Client: the user is asked.
struct prompting : heard {
    static constexpr std::string_view name = "prompting";
    std::uint16_t identifier = 0;
    xauth_question asked{};
};
struct passed {
    static constexpr std::string_view name = "passed";
    unsigned requests = 0;  ///< client: as `heard` has them
    std::string user{};     ///< edge device: who it is
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
    std::optional<unsigned> rounds_left{};  ///< of the attempt; a verdict on an earlier one is none on this
};
/// Not enough yet. @pre `check(next)`
struct question {
    const xauth_question& next;
    std::optional<unsigned> rounds_left{};
};
struct answer {
    const credentials* given = nullptr;  ///< nothing: cannot say
    std::optional<unsigned> round{};     ///< of the prompt
};

}  // namespace ipsec::ike::v1::xauth_mode
