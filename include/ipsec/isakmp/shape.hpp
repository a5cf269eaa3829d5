#pragma once
/// Which payloads each message requires and allows, as a table.                          RFC 2409 §5, RFC 2408 §3, RFC 3947 §3
#include <array>
#include <span>
#include <string_view>

#include "ipsec/isakmp/chain.hpp"

namespace ipsec::isakmp {

/// How often one payload stands in a message.
struct payload_rule {
    static constexpr std::uint8_t any_number = 255;
    payload_type type = payload_type::none;
    std::uint8_t least = 0;
    std::uint8_t most = any_number;
};
/// One message of an exchange: the counts of all payloads that may be there, and those that stand first, in this order.
struct shape {
    std::string_view name{};
    std::span<const payload_rule> rules{};
    std::span<const payload_type> leading{};
    payload_type paired = payload_type::none;  ///< comes in twos: IDci never without IDcr
};

/// Holds the payloads of a message against its shape.
///
/// @return `errc::unexpected_payload` (a type without a rule), `missing_payload`, `doubled_payload` (more than allowed),
///         `payload_out_of_order`
template <std::size_t Capacity>
[[nodiscard]] constexpr auto check_shape(const basic_chain<Capacity>& payloads, const shape& s) noexcept -> result<void> {
    for (const payload_view& p : payloads) {
        bool allowed = false;
        for (const payload_rule& r : s.rules) allowed = allowed || r.type == p.type;
        if (!allowed) return std::unexpected{errc::unexpected_payload};
    }
    for (const payload_rule& r : s.rules) {
        const std::size_t n = payloads.count(r.type);
        if (n < r.least) return std::unexpected{errc::missing_payload};
        if (r.most != payload_rule::any_number && n > r.most) return std::unexpected{errc::doubled_payload};
    }
    if (s.paired != payload_type::none && payloads.count(s.paired) % 2 != 0) return std::unexpected{errc::missing_payload};
    for (std::size_t i = 0; i < s.leading.size(); ++i)
        if (i >= payloads.size() || payloads[i].type != s.leading[i]) return std::unexpected{errc::payload_out_of_order};
    return {};
}

/// The messages of IKEv1, numbered from 1 as in the figures of RFC 2409 §5: `shapes::main_mode_psk[4]` is the fifth.
///
/// Vendor ids come in phase 1 only (RFC 2408 §3.16), certificates and requests for them at any point (RFC 2408 §3.9, §3.10),
/// notifications where they are protected (RFC 2407 §4.6.3) and, in the clear, in an Informational only.
namespace shapes {

namespace detail {
using enum payload_type;
inline constexpr payload_rule vendor{vendor_id, 0, payload_rule::any_number};
inline constexpr payload_rule cert{certificate, 0, payload_rule::any_number};
inline constexpr payload_rule request{certificate_request, 0, payload_rule::any_number};
inline constexpr payload_rule notify{notification, 0, payload_rule::any_number};
inline constexpr payload_rule nat{nat_d, 0, payload_rule::any_number};
inline constexpr payload_rule nat_draft{nat_d_draft, 0, payload_rule::any_number};
inline constexpr payload_rule original{nat_oa, 0, 2};
inline constexpr payload_rule original_draft{nat_oa_draft, 0, 2};

inline constexpr std::array lead_sa{security_association};
inline constexpr std::array lead_hash{hash};
inline constexpr std::array lead_hash_sa{hash, security_association};

inline constexpr std::array offer{payload_rule{security_association, 1, 1}, vendor, cert, request};
inline constexpr std::array exchange_keys{
    payload_rule{key_exchange, 1, 1}, payload_rule{nonce, 1, 1}, nat, nat_draft, vendor, cert, request};
inline constexpr std::array identify_psk{
    payload_rule{identification, 1, 1}, payload_rule{hash, 1, 1}, notify, vendor, cert, request};
inline constexpr std::array identify_sig{
    payload_rule{identification, 1, 1}, payload_rule{signature, 1, 1}, notify, vendor, cert, request};

/// ID and nonce are cipher texts; HASH(1) names the key that they are for.                  RFC 2409 §5.2, §5.3
inline constexpr std::array sealed_offer{payload_rule{hash, 0, 1},
                                         payload_rule{key_exchange, 1, 1},
                                         payload_rule{identification, 1, 1},
                                         payload_rule{nonce, 1, 1},
                                         nat,
                                         nat_draft,
                                         vendor,
                                         cert,
                                         request};
inline constexpr std::array sealed_answer{payload_rule{key_exchange, 1, 1},
                                          payload_rule{identification, 1, 1},
                                          payload_rule{nonce, 1, 1},
                                          nat,
                                          nat_draft,
                                          vendor,
                                          cert,
                                          request};
inline constexpr std::array proof_alone{payload_rule{hash, 1, 1}, notify, vendor, cert, request};

inline constexpr std::array aggressive_offer{payload_rule{security_association, 1, 1},
                                             payload_rule{key_exchange, 1, 1},
                                             payload_rule{nonce, 1, 1},
                                             payload_rule{identification, 1, 1},
                                             vendor,
                                             cert,
                                             request};
inline constexpr std::array aggressive_answer_psk{payload_rule{security_association, 1, 1}, payload_rule{key_exchange, 1, 1},
                                                  payload_rule{nonce, 1, 1}, payload_rule{identification, 1, 1},
                                                  payload_rule{hash, 1, 1}, nat, nat_draft, vendor, cert, request};
inline constexpr std::array aggressive_answer_sig{payload_rule{security_association, 1, 1}, payload_rule{key_exchange, 1, 1},
                                                  payload_rule{nonce, 1, 1}, payload_rule{identification, 1, 1},
                                                  payload_rule{signature, 1, 1}, nat, nat_draft, vendor, cert, request};
/// The same with cipher texts; HASH(1) in front of them, HASH_R behind them.
inline constexpr std::array aggressive_sealed_offer{payload_rule{security_association, 1, 1},
                                                    payload_rule{hash, 0, 1},
                                                    payload_rule{key_exchange, 1, 1},
                                                    payload_rule{identification, 1, 1},
                                                    payload_rule{nonce, 1, 1},
                                                    vendor,
                                                    cert,
                                                    request};
inline constexpr std::array aggressive_proof_psk{payload_rule{hash, 1, 1}, nat, nat_draft, vendor, cert, request, notify};
inline constexpr std::array aggressive_proof_sig{payload_rule{signature, 1, 1}, nat, nat_draft, vendor, cert, request, notify};

inline constexpr std::array quick_offer{payload_rule{hash, 1, 1}, payload_rule{security_association, 1, payload_rule::any_number},
                                        payload_rule{nonce, 1, 1}, payload_rule{key_exchange, 0, 1},
                                        payload_rule{identification, 0, 2}, original, original_draft, notify, cert, request};
inline constexpr std::array quick_proof{payload_rule{hash, 1, 1}, notify, cert, request};

inline constexpr std::array new_group_offer{payload_rule{hash, 1, 1}, payload_rule{security_association, 1, 1}};
inline constexpr std::array new_group_answer{payload_rule{hash, 1, 1}, payload_rule{security_association, 0, 1}, notify};

inline constexpr std::array protected_information{payload_rule{hash, 1, 1}, notify,
                                                  payload_rule{delete_sa, 0, payload_rule::any_number}, cert, request};
inline constexpr std::array open_information{payload_rule{notification, 1, payload_rule::any_number}, vendor, cert, request};
}  // namespace detail

// req: rfc2409-5-5, rfc2409-5-11
inline constexpr std::array<shape, 6> main_mode_psk{{{"Main Mode 1", detail::offer, detail::lead_sa},
                                                     {"Main Mode 2", detail::offer, detail::lead_sa},
                                                     {"Main Mode 3", detail::exchange_keys, {}},
                                                     {"Main Mode 4", detail::exchange_keys, {}},
                                                     {"Main Mode 5", detail::identify_psk, {}},
                                                     {"Main Mode 6", detail::identify_psk, {}}}};
inline constexpr std::array<shape, 6> main_mode_signature{{{"Main Mode 1", detail::offer, detail::lead_sa},
                                                           {"Main Mode 2", detail::offer, detail::lead_sa},
                                                           {"Main Mode 3", detail::exchange_keys, {}},
                                                           {"Main Mode 4", detail::exchange_keys, {}},
                                                           {"Main Mode 5", detail::identify_sig, {}},
                                                           {"Main Mode 6", detail::identify_sig, {}}}};
/// For both methods of encryption; the revised one also has an order: public_key_encryption.hpp.
inline constexpr std::array<shape, 6> main_mode_encryption{{{"Main Mode 1", detail::offer, detail::lead_sa},
                                                            {"Main Mode 2", detail::offer, detail::lead_sa},
                                                            {"Main Mode 3", detail::sealed_offer, {}},
                                                            {"Main Mode 4", detail::sealed_answer, {}},
                                                            {"Main Mode 5", detail::proof_alone, {}},
                                                            {"Main Mode 6", detail::proof_alone, {}}}};
inline constexpr std::array<shape, 3> aggressive_psk{{{"Aggressive Mode 1", detail::aggressive_offer, detail::lead_sa},
                                                      {"Aggressive Mode 2", detail::aggressive_answer_psk, detail::lead_sa},
                                                      {"Aggressive Mode 3", detail::aggressive_proof_psk, {}}}};
/// For both methods of encryption; the revised one also has an order: public_key_encryption.hpp.
inline constexpr std::array<shape, 3> aggressive_encryption{
    {{"Aggressive Mode 1", detail::aggressive_sealed_offer, detail::lead_sa},
     {"Aggressive Mode 2", detail::aggressive_answer_psk, detail::lead_sa},
     {"Aggressive Mode 3", detail::aggressive_proof_psk, {}}}};
inline constexpr std::array<shape, 3> aggressive_signature{{{"Aggressive Mode 1", detail::aggressive_offer, detail::lead_sa},
                                                            {"Aggressive Mode 2", detail::aggressive_answer_sig, detail::lead_sa},
                                                            {"Aggressive Mode 3", detail::aggressive_proof_sig, {}}}};
// req: rfc2409-5.5-2, rfc2409-5.5-4
inline constexpr std::array<shape, 3> quick_mode{
    {{"Quick Mode 1", detail::quick_offer, detail::lead_hash_sa, payload_type::identification},
     {"Quick Mode 2", detail::quick_offer, detail::lead_hash_sa, payload_type::identification},
     {"Quick Mode 3", detail::quick_proof, detail::lead_hash}}};
/// Under an ISAKMP SA; a notification may stand for the SA of message 2.                 RFC 2409 §5.6
inline constexpr std::array<shape, 2> new_group_mode{{{"New Group Mode 1", detail::new_group_offer, detail::lead_hash_sa},
                                                      {"New Group Mode 2", detail::new_group_answer, detail::lead_hash}}};
/// Under an ISAKMP SA: HASH(1), then notifications and deletes.                          RFC 2409 §5.7
inline constexpr shape informational{"Informational", detail::protected_information, detail::lead_hash};
/// In the clear, before keys exist: notifications only.                                  RFC 2408 §4.8
inline constexpr shape informational_in_clear{"Informational in the clear", detail::open_information, {}};

// --- the exchanges of RFC 2408 §4, whose AUTH is a HASH or a SIG ---------------------------------------------------------------

namespace detail {
inline constexpr std::array sa_nonce{payload_rule{security_association, 1, 1}, payload_rule{nonce, 1, 1}, vendor, cert, request};
inline constexpr std::array ke_auth_hash{payload_rule{key_exchange, 1, 1}, payload_rule{identification, 1, 1},
                                         payload_rule{hash, 1, 1}, vendor, cert, request};
inline constexpr std::array ke_auth_sig{payload_rule{key_exchange, 1, 1}, payload_rule{identification, 1, 1},
                                        payload_rule{signature, 1, 1}, vendor, cert, request};
inline constexpr std::array sa_auth_hash{payload_rule{security_association, 1, 1}, payload_rule{nonce, 1, 1},
                                         payload_rule{identification, 1, 1}, payload_rule{hash, 1, 1}, vendor, cert, request};
inline constexpr std::array sa_auth_sig{payload_rule{security_association, 1, 1}, payload_rule{nonce, 1, 1},
                                        payload_rule{identification, 1, 1}, payload_rule{signature, 1, 1}, vendor, cert, request};
inline constexpr std::array auth_hash{payload_rule{identification, 1, 1}, payload_rule{hash, 1, 1}, vendor, cert, request};
inline constexpr std::array auth_sig{payload_rule{identification, 1, 1}, payload_rule{signature, 1, 1}, vendor, cert, request};
}  // namespace detail

/// RFC 2408 §4.4
// req: rfc2408-4.1-1
inline constexpr std::array<shape, 4> base_hash{{{"Base 1", detail::sa_nonce, detail::lead_sa},
                                                 {"Base 2", detail::sa_nonce, detail::lead_sa},
                                                 {"Base 3", detail::ke_auth_hash, {}},
                                                 {"Base 4", detail::ke_auth_hash, {}}}};
inline constexpr std::array<shape, 4> base_signature{{{"Base 1", detail::sa_nonce, detail::lead_sa},
                                                      {"Base 2", detail::sa_nonce, detail::lead_sa},
                                                      {"Base 3", detail::ke_auth_sig, {}},
                                                      {"Base 4", detail::ke_auth_sig, {}}}};
/// RFC 2408 §4.6
inline constexpr std::array<shape, 3> authentication_only_hash{{{"Authentication Only 1", detail::sa_nonce, detail::lead_sa},
                                                                {"Authentication Only 2", detail::sa_auth_hash, detail::lead_sa},
                                                                {"Authentication Only 3", detail::auth_hash, {}}}};
inline constexpr std::array<shape, 3> authentication_only_signature{
    {{"Authentication Only 1", detail::sa_nonce, detail::lead_sa},
     {"Authentication Only 2", detail::sa_auth_sig, detail::lead_sa},
     {"Authentication Only 3", detail::auth_sig, {}}}};
/// RFC 2408 §4.5: IKE has it as Main Mode, RFC 2409 §5.
inline constexpr const auto& identity_protection_hash = main_mode_psk;
inline constexpr const auto& identity_protection_signature = main_mode_signature;
/// RFC 2408 §4.7: IKE has it as Aggressive Mode, RFC 2409 §5.
inline constexpr const auto& aggressive_hash = aggressive_psk;

}  // namespace shapes

}  // namespace ipsec::isakmp
