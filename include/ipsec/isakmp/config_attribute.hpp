#pragma once
/// Numbers of Mode Config and XAUTH, and their names.    draft-dukes-ike-mode-cfg-02 §3.3-3.4, draft-beaulieu-ike-xauth-02 §6
#include <cstdint>
#include <string_view>

#include "ipsec/isakmp/attribute.hpp"

namespace ipsec::isakmp {

/// What a message of a Transaction exchange is. Open.
enum class config_message : std::uint8_t { reserved = 0, request = 1, reply = 2, set = 3, ack = 4 };
[[nodiscard]] constexpr auto name_of(config_message m) noexcept -> std::string_view {
    switch (m) {
        case config_message::reserved: return "RESERVED";
        case config_message::request: return "ISAKMP_CFG_REQUEST";
        case config_message::reply: return "ISAKMP_CFG_REPLY";
        case config_message::set: return "ISAKMP_CFG_SET";
        case config_message::ack: return "ISAKMP_CFG_ACK";
    }
    return "unknown configuration message";
}

/// Attributes of the payload. Open; those from 16384 on are of private use.
enum class config_attribute : std::uint16_t {
    reserved = 0,
    internal_ip4_address = 1,
    internal_ip4_netmask = 2,
    internal_ip4_dns = 3,
    internal_ip4_nbns = 4,
    internal_address_expiry = 5,  ///< seconds
    internal_ip4_dhcp = 6,
    application_version = 7,
    internal_ip6_address = 8,
    internal_ip6_netmask = 9,
    internal_ip6_dns = 10,
    internal_ip6_nbns = 11,
    internal_ip6_dhcp = 12,
    internal_ip4_subnet = 13,  ///< address and mask
    supported_attributes = 14,
    internal_ip6_subnet = 15,  ///< address and length of the prefix
    xauth_type = 16520,
    xauth_user_name = 16521,
    xauth_user_password = 16522,
    xauth_passcode = 16523,
    xauth_message = 16524,
    xauth_challenge = 16525,
    xauth_domain = 16526,
    xauth_status = 16527,
    xauth_next_pin = 16528,
    xauth_answer = 16529,
    unity_banner = 28672,  ///< Cisco's, from here on
    unity_save_password = 28673,
    unity_default_domain = 28674,
    unity_split_dns = 28675,
    unity_split_include = 28676,
    unity_nat_t_port = 28677,
    unity_local_lan = 28678,
    unity_perfect_forward_secrecy = 28679,
    unity_firewall_type = 28680,
    unity_backup_servers = 28681,
    unity_ddns_hostname = 28682
};
[[nodiscard]] constexpr auto name_of(config_attribute a) noexcept -> std::string_view {
    switch (a) {
        case config_attribute::reserved: return "RESERVED";
        case config_attribute::internal_ip4_address: return "INTERNAL_IP4_ADDRESS";
        case config_attribute::internal_ip4_netmask: return "INTERNAL_IP4_NETMASK";
        case config_attribute::internal_ip4_dns: return "INTERNAL_IP4_DNS";
        case config_attribute::internal_ip4_nbns: return "INTERNAL_IP4_NBNS";
        case config_attribute::internal_address_expiry: return "INTERNAL_ADDRESS_EXPIRY";
        case config_attribute::internal_ip4_dhcp: return "INTERNAL_IP4_DHCP";
        case config_attribute::application_version: return "APPLICATION_VERSION";
        case config_attribute::internal_ip6_address: return "INTERNAL_IP6_ADDRESS";
        case config_attribute::internal_ip6_netmask: return "INTERNAL_IP6_NETMASK";
        case config_attribute::internal_ip6_dns: return "INTERNAL_IP6_DNS";
        case config_attribute::internal_ip6_nbns: return "INTERNAL_IP6_NBNS";
        case config_attribute::internal_ip6_dhcp: return "INTERNAL_IP6_DHCP";
        case config_attribute::internal_ip4_subnet: return "INTERNAL_IP4_SUBNET";
        case config_attribute::supported_attributes: return "SUPPORTED_ATTRIBUTES";
        case config_attribute::internal_ip6_subnet: return "INTERNAL_IP6_SUBNET";
        case config_attribute::xauth_type: return "XAUTH_TYPE";
        case config_attribute::xauth_user_name: return "XAUTH_USER_NAME";
        case config_attribute::xauth_user_password: return "XAUTH_USER_PASSWORD";
        case config_attribute::xauth_passcode: return "XAUTH_PASSCODE";
        case config_attribute::xauth_message: return "XAUTH_MESSAGE";
        case config_attribute::xauth_challenge: return "XAUTH_CHALLENGE";
        case config_attribute::xauth_domain: return "XAUTH_DOMAIN";
        case config_attribute::xauth_status: return "XAUTH_STATUS";
        case config_attribute::xauth_next_pin: return "XAUTH_NEXT_PIN";
        case config_attribute::xauth_answer: return "XAUTH_ANSWER";
        case config_attribute::unity_banner: return "UNITY_BANNER";
        case config_attribute::unity_save_password: return "UNITY_SAVE_PASSWD";
        case config_attribute::unity_default_domain: return "UNITY_DEF_DOMAIN";
        case config_attribute::unity_split_dns: return "UNITY_SPLITDNS_NAME";
        case config_attribute::unity_split_include: return "UNITY_SPLIT_INCLUDE";
        case config_attribute::unity_nat_t_port: return "UNITY_NATT_PORT";
        case config_attribute::unity_local_lan: return "UNITY_LOCAL_LAN";
        case config_attribute::unity_perfect_forward_secrecy: return "UNITY_PFS";
        case config_attribute::unity_firewall_type: return "UNITY_FW_TYPE";
        case config_attribute::unity_backup_servers: return "UNITY_BACKUP_SERVERS";
        case config_attribute::unity_ddns_hostname: return "UNITY_DDNS_HOSTNAME";
    }
    return static_cast<std::uint16_t>(a) >= 16384 ? "private attribute" : "reserved attribute";
}
/// What XAUTH_TYPE says. Open; from 32768 on of private use.                                draft-beaulieu-ike-xauth-02 §6.3
enum class xauth_type : std::uint16_t { generic = 0, radius_chap = 1, otp = 2, s_key = 3 };
[[nodiscard]] constexpr auto name_of(xauth_type t) noexcept -> std::string_view {
    switch (t) {
        case xauth_type::generic: return "Generic";
        case xauth_type::radius_chap: return "RADIUS-CHAP";
        case xauth_type::otp: return "OTP";
        case xauth_type::s_key: return "S/KEY";
    }
    return static_cast<std::uint16_t>(t) >= 32768 ? "private XAUTH type" : "reserved XAUTH type";
}
[[nodiscard]] constexpr auto is_xauth(std::uint16_t type) noexcept -> bool {
    return type >= static_cast<std::uint16_t>(config_attribute::xauth_type) &&
           type <= static_cast<std::uint16_t>(config_attribute::xauth_answer);
}
/// How long the value of an attribute is where it has one; nothing for those of any length.
[[nodiscard]] constexpr auto config_value_size(config_attribute a) noexcept -> std::optional<std::size_t> {
    switch (a) {
        case config_attribute::internal_ip4_address:
        case config_attribute::internal_ip4_netmask:
        case config_attribute::internal_ip4_dns:
        case config_attribute::internal_ip4_nbns:
        case config_attribute::internal_address_expiry:
        case config_attribute::internal_ip4_dhcp: return 4;
        case config_attribute::internal_ip6_address:
        case config_attribute::internal_ip6_netmask:
        case config_attribute::internal_ip6_dns:
        case config_attribute::internal_ip6_nbns:
        case config_attribute::internal_ip6_dhcp: return 16;
        case config_attribute::internal_ip4_subnet: return 8;
        case config_attribute::internal_ip6_subnet: return 17;
        default: return std::nullopt;
    }
}

}  // namespace ipsec::isakmp
