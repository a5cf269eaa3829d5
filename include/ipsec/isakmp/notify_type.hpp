#pragma once
/// Notify message types, and which of them may answer what.                          RFC 2408 §3.14.1, RFC 2407 §4.6.3
#include <optional>

#include "ipsec/isakmp/errc.hpp"

namespace ipsec::isakmp {

/// Open: any 16-bit number is a value.
enum class notify_type : std::uint16_t {
    invalid_payload_type = 1,
    doi_not_supported = 2,
    situation_not_supported = 3,
    invalid_cookie = 4,
    invalid_major_version = 5,
    invalid_minor_version = 6,
    invalid_exchange_type = 7,
    invalid_flags = 8,
    invalid_message_id = 9,
    invalid_protocol_id = 10,
    invalid_spi = 11,
    invalid_transform_id = 12,
    attributes_not_supported = 13,
    no_proposal_chosen = 14,
    bad_proposal_syntax = 15,
    payload_malformed = 16,
    invalid_key_information = 17,
    invalid_id_information = 18,
    invalid_cert_encoding = 19,
    invalid_certificate = 20,
    cert_type_unsupported = 21,
    invalid_cert_authority = 22,
    invalid_hash_information = 23,
    authentication_failed = 24,
    invalid_signature = 25,
    address_notification = 26,
    notify_sa_lifetime = 27,
    certificate_unavailable = 28,
    unsupported_exchange_type = 29,
    unequal_payload_lengths = 30,
    connected = 16384,
    responder_lifetime = 24576,  ///< IPsec DOI, RFC 2407 §4.6.3.1
    replay_status = 24577,       ///< IPsec DOI, RFC 2407 §4.6.3.2
    initial_contact = 24578,     ///< IPsec DOI, RFC 2407 §4.6.3.3
    r_u_there = 36136,           ///< RFC 3706 §5.1
    r_u_there_ack = 36137,       ///< RFC 3706 §5.1
};

/// Errors are 1..16383, private ones included; everything from 16384 on is a status.
[[nodiscard]] constexpr auto is_error(notify_type t) noexcept -> bool {
    return static_cast<std::uint16_t>(t) >= 1 && static_cast<std::uint16_t>(t) < 16384;
}
[[nodiscard]] constexpr auto is_status(notify_type t) noexcept -> bool { return static_cast<std::uint16_t>(t) >= 16384; }

[[nodiscard]] constexpr auto name_of(notify_type t) noexcept -> std::string_view {
    switch (t) {
        case notify_type::invalid_payload_type: return "INVALID-PAYLOAD-TYPE";
        case notify_type::doi_not_supported: return "DOI-NOT-SUPPORTED";
        case notify_type::situation_not_supported: return "SITUATION-NOT-SUPPORTED";
        case notify_type::invalid_cookie: return "INVALID-COOKIE";
        case notify_type::invalid_major_version: return "INVALID-MAJOR-VERSION";
        case notify_type::invalid_minor_version: return "INVALID-MINOR-VERSION";
        case notify_type::invalid_exchange_type: return "INVALID-EXCHANGE-TYPE";
        case notify_type::invalid_flags: return "INVALID-FLAGS";
        case notify_type::invalid_message_id: return "INVALID-MESSAGE-ID";
        case notify_type::invalid_protocol_id: return "INVALID-PROTOCOL-ID";
        case notify_type::invalid_spi: return "INVALID-SPI";
        case notify_type::invalid_transform_id: return "INVALID-TRANSFORM-ID";
        case notify_type::attributes_not_supported: return "ATTRIBUTES-NOT-SUPPORTED";
        case notify_type::no_proposal_chosen: return "NO-PROPOSAL-CHOSEN";
        case notify_type::bad_proposal_syntax: return "BAD-PROPOSAL-SYNTAX";
        case notify_type::payload_malformed: return "PAYLOAD-MALFORMED";
        case notify_type::invalid_key_information: return "INVALID-KEY-INFORMATION";
        case notify_type::invalid_id_information: return "INVALID-ID-INFORMATION";
        case notify_type::invalid_cert_encoding: return "INVALID-CERT-ENCODING";
        case notify_type::invalid_certificate: return "INVALID-CERTIFICATE";
        case notify_type::cert_type_unsupported: return "CERT-TYPE-UNSUPPORTED";
        case notify_type::invalid_cert_authority: return "INVALID-CERT-AUTHORITY";
        case notify_type::invalid_hash_information: return "INVALID-HASH-INFORMATION";
        case notify_type::authentication_failed: return "AUTHENTICATION-FAILED";
        case notify_type::invalid_signature: return "INVALID-SIGNATURE";
        case notify_type::address_notification: return "ADDRESS-NOTIFICATION";
        case notify_type::notify_sa_lifetime: return "NOTIFY-SA-LIFETIME";
        case notify_type::certificate_unavailable: return "CERTIFICATE-UNAVAILABLE";
        case notify_type::unsupported_exchange_type: return "UNSUPPORTED-EXCHANGE-TYPE";
        case notify_type::unequal_payload_lengths: return "UNEQUAL-PAYLOAD-LENGTHS";
        case notify_type::connected: return "CONNECTED";
        case notify_type::responder_lifetime: return "RESPONDER-LIFETIME";
        case notify_type::replay_status: return "REPLAY-STATUS";
        case notify_type::initial_contact: return "INITIAL-CONTACT";
        case notify_type::r_u_there: return "R-U-THERE";
        case notify_type::r_u_there_ack: return "R-U-THERE-ACK";
    }
    return is_error(t) ? "unknown error" : "unknown status";
}

/// What IKE may answer to a message refused with `e`; nothing where silence is prescribed or no type fits.  RFC 2408 §5
///
/// Whether it is sent is the caller's policy: nothing answers a notification, and before authentication little should be said.
[[nodiscard]] constexpr auto notify_for(errc e) noexcept -> std::optional<notify_type> {
    using enum notify_type;
    switch (e) {
        case errc::unequal_lengths: return unequal_payload_lengths;
        case errc::bad_cookie: return invalid_cookie;
        case errc::bad_next_payload:
        case errc::unexpected_payload: return invalid_payload_type;
        case errc::bad_major_version: return invalid_major_version;
        case errc::bad_minor_version: return invalid_minor_version;
        case errc::bad_exchange_type: return invalid_exchange_type;
        case errc::bad_flags: return invalid_flags;
        case errc::bad_message_id: return invalid_message_id;
        case errc::truncated:
        case errc::length_below_header:
        case errc::length_past_end:
        case errc::trailing_octets:
        case errc::reserved_not_zero:
        case errc::missing_payload:
        case errc::doubled_payload:
        case errc::payload_out_of_order:
        case errc::bad_nonce_size:
        case errc::bad_spi_count:
        case errc::bad_nat_d:
        case errc::bad_nat_oa: return payload_malformed;
        case errc::unsupported_doi: return doi_not_supported;
        case errc::unsupported_situation: return situation_not_supported;
        case errc::no_proposal:
        case errc::bad_proposal_order:
        case errc::no_transform:
        case errc::bad_transform_count:
        case errc::bad_transform_order: return bad_proposal_syntax;
        case errc::bad_protocol: return invalid_protocol_id;
        case errc::bad_spi_size:
        case errc::bad_spi: return invalid_spi;
        case errc::bad_transform_id: return invalid_transform_id;
        case errc::unknown_transform: return std::nullopt;  // passed over without a word, RFC 2408 §5.6
        case errc::unknown_attribute:
        case errc::basic_as_variable:
        case errc::bad_attribute_value:
        case errc::doubled_attribute:
        case errc::missing_attribute:
        case errc::unpaired_lifetime: return attributes_not_supported;
        case errc::bad_key_exchange: return invalid_key_information;
        case errc::bad_id_type:
        case errc::bad_id_data:
        case errc::bad_id_port: return invalid_id_information;
        case errc::bad_cert_encoding: return invalid_cert_encoding;
        case errc::bad_certificate: return invalid_certificate;
        case errc::bad_hash: return invalid_hash_information;
        case errc::bad_signature: return invalid_signature;
        case errc::too_many_proposals:
        case errc::too_many_transforms: return no_proposal_chosen;
        case errc::message_too_long:
        case errc::too_many_payloads:
        case errc::too_many_attributes:  // somebody floods: no amplification
        case errc::bad_notify_type:
        case errc::bad_notify_data:      // a notification is never answered by one
        case errc::no_room:
        case errc::bad_nesting: return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace ipsec::isakmp
