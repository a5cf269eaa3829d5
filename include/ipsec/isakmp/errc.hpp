#pragma once
#include "ipsec/core/result.hpp"

namespace ipsec::isakmp {

/// What can be wrong with an ISAKMP message before anybody asks who sent it. `notify_for` says what may be answered.
enum class errc : std::uint8_t {
    // octets and lengths                                                                      RFC 2408 §5.1, §5.3
    truncated = 1,         ///< fewer octets than a fixed field asks for
    length_below_header,   ///< a length field that does not cover the header it stands in
    length_past_end,       ///< a length field that reaches behind the octets it stands in
    unequal_lengths,       ///< ISAKMP header length is not the length of the datagram         RFC 2408 §5.1
    trailing_octets,       ///< octets behind the last payload, attribute or field
    message_too_long,      ///< longer than the limit of this configuration
    reserved_not_zero,     ///< a RESERVED field or padding that must be zero is not           RFC 2408 §2.5.2, §5.3
    // header                                                                                  RFC 2408 §5.2
    bad_cookie,            ///< the initiator cookie is zero                                   RFC 2408 §3.1, §5.2
    bad_major_version,     ///< major version is not 1
    bad_minor_version,     ///< minor version is higher than ours
    bad_exchange_type,     ///< exchange type unknown or not served
    bad_flags,             ///< bits set that no RFC defines
    bad_message_id,        ///< zero in phase 2, or not zero in phase 1                        RFC 2409 §5.5
    // chain                                                                                   RFC 2408 §5.3
    bad_next_payload,      ///< payload type unknown, or out of place (proposal outside of an SA)
    too_many_payloads,     ///< over the limit of this configuration
    missing_payload,       ///< the exchange requires a payload that is not there
    doubled_payload,       ///< more of one payload than the exchange allows
    unexpected_payload,    ///< a payload that does not belong into this message
    payload_out_of_order,  ///< HASH or SA not in the place that the exchange fixes            RFC 2409 §5, §5.5
    // security association                                                                    RFC 2408 §5.4 - §5.6
    unsupported_doi,       ///< neither the IPsec DOI nor, where allowed, ISAKMP's own
    unsupported_situation, ///< situation bits unknown, or without SIT_IDENTITY_ONLY           RFC 2407 §4.2
    no_proposal,           ///< an SA without a proposal
    too_many_proposals,    ///< over the limit of this configuration
    bad_proposal_order,    ///< proposal numbers that go back, or a group that is torn apart   RFC 2408 §4.2
    no_transform,          ///< a proposal without a transform
    too_many_transforms,   ///< over the limit of this configuration
    bad_transform_count,   ///< "# of transforms" is not the number of transforms
    bad_transform_order,   ///< transform numbers that do not increase                         RFC 2408 §4.2
    bad_protocol,          ///< protocol id unknown or not of this phase
    bad_spi_size,          ///< SPI size does not fit the protocol
    bad_spi,               ///< an SPI from the reserved range 0..255
    bad_spi_count,         ///< "# of SPIs" times SPI size is not what is there                RFC 2408 §3.15
    bad_transform_id,      ///< transform id that no transform can have (RESERVED)
    unknown_transform,     ///< transform id unknown: the transform is passed over in silence  RFC 2408 §5.6
    // attributes                                                                              RFC 2408 §3.3
    too_many_attributes,   ///< over the limit of this configuration
    unknown_attribute,     ///< an attribute class that no RFC at hand defines
    basic_as_variable,     ///< a basic attribute in the variable encoding                     RFC 2409 App. A
    bad_attribute_value,   ///< a value that the class does not take
    doubled_attribute,     ///< two entries of one class that contradict each other            RFC 2407 §4.5.2
    missing_attribute,     ///< a class that must be there is not
    unpaired_lifetime,     ///< a life duration without its type, or a type without a duration RFC 2407 §4.5
    // other payloads                                                                          RFC 2408 §5.7 - §5.15
    bad_key_exchange,      ///< no key exchange data
    bad_id_type,           ///< identification type unknown
    bad_id_data,           ///< identification data that does not fit its type
    bad_id_port,           ///< protocol and port of a phase 1 identity                        RFC 2407 §4.6.2
    bad_cert_encoding,     ///< certificate encoding NONE or RESERVED
    bad_certificate,       ///< no certificate data
    bad_hash,              ///< no hash data
    bad_signature,         ///< no signature data
    bad_nonce_size,        ///< nonce under 8 or over 256 octets                               RFC 2409 §5
    bad_notify_type,       ///< notify message type 0                                          RFC 2408 §3.14.1
    bad_notify_data,       ///< notification data that does not fit its type                   RFC 2407 §4.6.3
    bad_nat_d,             ///< NAT-D without a hash                                           RFC 3947 §3.2
    bad_nat_oa,            ///< NAT-OA without an address                                      RFC 3947 §5.2
    // misuse of the builder
    no_room,               ///< the message does not fit into the octets given, or a payload into its length field
    bad_nesting,           ///< a transform outside of a proposal, an attribute outside of a transform
};
inline constexpr errc last_errc = errc::bad_nesting;
template <class T> using result = std::expected<T, errc>;

[[nodiscard]] constexpr auto condition_of(errc e) noexcept -> condition {
    switch (e) {
        case errc::message_too_long:
        case errc::too_many_payloads:
        case errc::too_many_proposals:
        case errc::too_many_transforms:
        case errc::too_many_attributes: return condition::exhausted;
        case errc::bad_major_version:
        case errc::bad_minor_version:
        case errc::bad_exchange_type:
        case errc::unsupported_doi:
        case errc::unsupported_situation:
        case errc::unknown_transform:
        case errc::unknown_attribute: return condition::unsupported;
        case errc::bad_cookie: return condition::unauthenticated;
        case errc::no_room:
        case errc::bad_nesting: return condition::misuse;
        default: return condition::malformed;
    }
}
[[nodiscard]] constexpr auto name_of(errc e) noexcept -> std::string_view {
    switch (e) {
        case errc::truncated: return "truncated";
        case errc::length_below_header: return "length does not cover its own header";
        case errc::length_past_end: return "length reaches past the end";
        case errc::unequal_lengths: return "header length is not the datagram's";
        case errc::trailing_octets: return "octets left over";
        case errc::message_too_long: return "message over the limit";
        case errc::reserved_not_zero: return "reserved field not zero";
        case errc::bad_cookie: return "initiator cookie is zero";
        case errc::bad_major_version: return "major version not 1";
        case errc::bad_minor_version: return "minor version too high";
        case errc::bad_exchange_type: return "exchange type unknown";
        case errc::bad_flags: return "undefined flags set";
        case errc::bad_message_id: return "message id does not fit the phase";
        case errc::bad_next_payload: return "payload type unknown or out of place";
        case errc::too_many_payloads: return "too many payloads";
        case errc::missing_payload: return "required payload missing";
        case errc::doubled_payload: return "payload more often than allowed";
        case errc::unexpected_payload: return "payload does not belong here";
        case errc::payload_out_of_order: return "payload not in its place";
        case errc::unsupported_doi: return "domain of interpretation not supported";
        case errc::unsupported_situation: return "situation not supported";
        case errc::no_proposal: return "SA without proposal";
        case errc::too_many_proposals: return "too many proposals";
        case errc::bad_proposal_order: return "proposal numbers out of order";
        case errc::no_transform: return "proposal without transform";
        case errc::too_many_transforms: return "too many transforms";
        case errc::bad_transform_count: return "number of transforms is wrong";
        case errc::bad_transform_order: return "transform numbers out of order";
        case errc::bad_protocol: return "protocol id unknown or not of this phase";
        case errc::bad_spi_size: return "SPI size does not fit the protocol";
        case errc::bad_spi: return "SPI from the reserved range";
        case errc::bad_spi_count: return "number of SPIs is wrong";
        case errc::bad_transform_id: return "transform id is reserved";
        case errc::unknown_transform: return "transform id unknown";
        case errc::too_many_attributes: return "too many attributes";
        case errc::unknown_attribute: return "attribute class unknown";
        case errc::basic_as_variable: return "basic attribute in variable encoding";
        case errc::bad_attribute_value: return "attribute value not allowed";
        case errc::doubled_attribute: return "attributes contradict each other";
        case errc::missing_attribute: return "required attribute missing";
        case errc::unpaired_lifetime: return "life type and duration do not pair";
        case errc::bad_key_exchange: return "no key exchange data";
        case errc::bad_id_type: return "identification type unknown";
        case errc::bad_id_data: return "identification data does not fit its type";
        case errc::bad_id_port: return "protocol or port not allowed in a phase 1 identity";
        case errc::bad_cert_encoding: return "certificate encoding invalid";
        case errc::bad_certificate: return "no certificate data";
        case errc::bad_hash: return "no hash data";
        case errc::bad_signature: return "no signature data";
        case errc::bad_nonce_size: return "nonce under 8 or over 256 octets";
        case errc::bad_notify_type: return "notify message type invalid";
        case errc::bad_notify_data: return "notification data does not fit its type";
        case errc::bad_nat_d: return "NAT-D without hash";
        case errc::bad_nat_oa: return "NAT-OA without address";
        case errc::no_room: return "no room in the output";
        case errc::bad_nesting: return "payload built outside of its parent";
    }
    return "unknown ISAKMP error";
}

}  // namespace ipsec::isakmp
