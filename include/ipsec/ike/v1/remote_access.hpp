#pragma once
/// What a peer is told about XAUTH and Mode Config, which come between phase 1 and phase 2.
#include <cstdint>
#include <string>
#include <vector>

#include "ipsec/core/instant.hpp"
#include "ipsec/core/secret.hpp"
#include "ipsec/ike/v1/xauth_question.hpp"
#include "ipsec/isakmp/config_attribute.hpp"

namespace ipsec::ike::v1 {

/// Who asks and who is asked for a user name and a password after phase 1.                       draft-beaulieu-ike-xauth-02
enum class xauth_part : std::uint8_t { none = 0, edge_device, client };
struct xauth {
    xauth_part part = xauth_part::none;
    std::string user{};           ///< client: empty asks the user of the library each time
    secret<128> password{};       ///< client
    xauth_question question{};    ///< edge device: what it asks first
    std::uint8_t tries = 3;       ///< edge device: how often a wrong answer may be repeated
    std::uint8_t rounds = 8;      ///< how many REQUESTs an edge device makes, and a client answers, before SET comes
    duration patience = seconds(60);  ///< how long all of it may take, a person at the keyboard included
    /// A pre-shared key that many clients know proves nothing about the gateway to any of them, nor which of them somebody is;
    /// without this neither a client nor an edge device may have a pre-shared key beside XAUTH, nor may several peers of any
    /// address have one in Main Mode, where each of them could say another's name and get what is that one's.
    bool allow_group_secret = false;
    /// In a hybrid phase 1 anybody can say any name: who judges a user of an edge device has to look whether he is one of that
    /// peer. Without this there are no two such peers at one pair of addresses, nor one at an address beside one that comes from
    /// anywhere: only a name would tell them apart.
    bool allow_unproven_name = false;
};

/// Which end has addresses to give away after phase 1, and which one takes one.                  draft-dukes-ike-mode-cfg-02
enum class config_part : std::uint8_t { none = 0, client, server };
struct mode_config_settings {
    config_part part = config_part::none;
    bool push = false;                ///< the server begins; else the client asks. Both ends have to agree
    bool required = true;             ///< phase 2 waits for it
    duration patience = seconds(60);  ///< for how long
    /// Client: what it asks for.
    std::vector<isakmp::config_attribute> wanted{
        isakmp::config_attribute::internal_ip4_address, isakmp::config_attribute::internal_ip4_netmask,
        isakmp::config_attribute::internal_ip4_dns, isakmp::config_attribute::internal_ip4_nbns};
};

}  // namespace ipsec::ike::v1
