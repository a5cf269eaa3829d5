#pragma once
/// Offers as values: what a phase 1 transform and a phase 2 proposal say, read out of their attributes.
/// RFC 2409 §5, App. A; RFC 2407 §4.4, §4.5; RFC 4304
#include <optional>

#include "ipsec/crypto/algorithms.hpp"
#include "ipsec/crypto/ids.hpp"
#include "ipsec/isakmp/chain.hpp"
#include "ipsec/isakmp/oakley.hpp"

namespace ipsec::isakmp {

/// Life types and durations in pairs; each kind may be there or not.                     RFC 2407 §4.5.2, RFC 2409 App. A
struct offered_lifetime {
    std::optional<std::uint64_t> seconds{};
    std::optional<std::uint64_t> kilobytes{};
    [[nodiscard]] constexpr auto is_said() const noexcept -> bool { return seconds || kilobytes; }
    friend auto operator==(const offered_lifetime&, const offered_lifetime&) noexcept -> bool = default;
};

/// A group given by its parameters instead of its number.                               RFC 2409 §5.6, App. A
struct offered_group {
    std::optional<oakley_group_type> kind{};
    std::optional<std::uint16_t> field_size{};
    byte_view prime{}, generator_one{}, generator_two{}, curve_a{}, curve_b{}, order{};  ///< empty: not said; view the input
    [[nodiscard]] constexpr auto is_said() const noexcept -> bool {
        return kind || field_size || !prime.empty() || !generator_one.empty() || !generator_two.empty() || !curve_a.empty() ||
               !curve_b.empty() || !order.empty();
    }
    friend constexpr auto operator==(const offered_group& a, const offered_group& b) noexcept -> bool {
        return a.kind == b.kind && a.field_size == b.field_size && detail::same_octets(a.prime, b.prime) &&
               detail::same_octets(a.generator_one, b.generator_one) && detail::same_octets(a.generator_two, b.generator_two) &&
               detail::same_octets(a.curve_a, b.curve_a) && detail::same_octets(a.curve_b, b.curve_b) &&
               detail::same_octets(a.order, b.order);
    }
};

/// One phase 1 transform. Equal are offers that agree to the same, whatever their numbers, order and encodings.
struct phase1_offer {
    std::uint8_t number = 0;
    oakley_encryption encryption = oakley_encryption::reserved;
    std::optional<std::uint16_t> key_length{};  ///< bits; said only where the cipher has a choice
    oakley_hash hash = oakley_hash::reserved;
    oakley_authentication authentication = oakley_authentication::reserved;
    std::optional<crypto::group_id> group{};    ///< absent only where `parameters` are there
    offered_group parameters{};
    std::optional<std::uint16_t> prf{};         ///< no value is assigned
    offered_lifetime life{};
    friend constexpr auto operator==(const phase1_offer& a, const phase1_offer& b) noexcept -> bool {
        return a.encryption == b.encryption && a.key_length == b.key_length && a.hash == b.hash &&
               a.authentication == b.authentication && a.group == b.group && a.parameters == b.parameters && a.prf == b.prf &&
               a.life == b.life;
    }
};

/// One phase 2 transform under its protocol. Equal as above.
struct phase2_offer {
    std::uint8_t number = 0;
    protocol_id protocol = protocol_id::reserved;
    transform_number id = 0;
    std::optional<encapsulation_mode> mode{};  ///< absent: unspecified, host dependent     RFC 2407 §4.5
    std::optional<authentication_algorithm> authentication{};
    std::optional<std::uint16_t> key_length{};
    std::optional<std::uint16_t> key_rounds{};
    std::optional<crypto::group_id> group{};   ///< PFS
    std::optional<std::uint16_t> compress_dictionary{};
    byte_view compress_private{};              ///< views the input
    std::optional<std::uint16_t> ecn_tunnel{}; ///< RFC 3168 §9.2.1: 1 allowed, 2 forbidden
    bool extended_sequence = false;          ///< RFC 4304
    offered_lifetime life{};

    [[nodiscard]] constexpr auto esp() const noexcept -> esp_transform { return esp_transform{id}; }
    [[nodiscard]] constexpr auto ah() const noexcept -> ah_transform { return ah_transform{id}; }
    friend constexpr auto operator==(const phase2_offer& a, const phase2_offer& b) noexcept -> bool {
        return a.protocol == b.protocol && a.id == b.id && a.mode == b.mode && a.authentication == b.authentication &&
               a.key_length == b.key_length && a.key_rounds == b.key_rounds && a.group == b.group &&
               a.compress_dictionary == b.compress_dictionary && detail::same_octets(a.compress_private, b.compress_private) &&
               a.ecn_tunnel == b.ecn_tunnel && a.extended_sequence == b.extended_sequence && a.life == b.life;
    }
};

namespace detail {

/// A basic attribute's number. @return `errc::basic_as_variable`
// req: rfc2409-A-1, rfc2407-4.5-1
[[nodiscard]] constexpr auto basic_value(const attribute& a) noexcept -> result<std::uint16_t> {
    if (a.encoding != attribute_encoding::basic) return std::unexpected{errc::basic_as_variable};
    return static_cast<std::uint16_t>(a.number().value_or(0));
}

/// Puts `value` where nothing was or the same; `errc::doubled_attribute` where something else was.
// req: rfc2407-4.5.2-1, rfc2407-4.5.2-2
template <class T>
[[nodiscard]] constexpr auto settle(std::optional<T>& place, T value) noexcept -> result<void> {
    if (place && *place != value) return std::unexpected{errc::doubled_attribute};
    place = value;
    return {};
}
[[nodiscard]] constexpr auto settle(byte_view& place, byte_view value) noexcept -> result<void> {
    if (value.empty()) return std::unexpected{errc::bad_attribute_value};
    if (!place.empty() && !same_octets(place, value)) return std::unexpected{errc::doubled_attribute};
    place = value;
    return {};
}
template <class T>
[[nodiscard]] constexpr auto settle_basic(std::optional<T>& place, const attribute& a) noexcept -> result<void> {
    const auto v = basic_value(a);
    if (!v) return std::unexpected{v.error()};
    return settle(place, static_cast<T>(*v));
}

/// Pairs each duration with the type before it.                                         RFC 2407 §4.5
// req: rfc2407-4.5-3
class life_pairing {
public:
    [[nodiscard]] constexpr auto take_type(const attribute& a) noexcept -> result<void> {
        if (open_ != none) return std::unexpected{errc::unpaired_lifetime};
        const auto v = basic_value(a);
        if (!v) return std::unexpected{v.error()};
        const life_type t{*v};
        if (t != life_type::seconds && t != life_type::kilobytes) return std::unexpected{errc::bad_attribute_value};
        open_ = t;
        return {};
    }
    /// Basic, or variable of any length up to 64 bits of value.
    [[nodiscard]] constexpr auto take_duration(const attribute& a, offered_lifetime& life) noexcept -> result<void> {
        if (open_ == none) return std::unexpected{errc::unpaired_lifetime};
        const auto n = a.number();
        if (!n || *n == 0) return std::unexpected{errc::bad_attribute_value};
        auto& place = open_ == life_type::seconds ? life.seconds : life.kilobytes;
        open_ = none;
        return settle(place, *n);
    }
    [[nodiscard]] constexpr auto finish() const noexcept -> result<void> {
        if (open_ != none) return std::unexpected{errc::unpaired_lifetime};
        return {};
    }

private:
    static constexpr life_type none{};
    life_type open_ = none;  ///< what the next duration is of
};

[[nodiscard]] constexpr auto take_phase1(const attribute& a, phase1_offer& o, std::optional<oakley_encryption>& encryption,
                                         std::optional<oakley_hash>& hash, std::optional<oakley_authentication>& authentication,
                                         life_pairing& life) noexcept -> result<void> {
    switch (oakley_attribute{a.type}) {
        case oakley_attribute::encryption_algorithm: return settle_basic(encryption, a);
        case oakley_attribute::hash_algorithm: return settle_basic(hash, a);
        case oakley_attribute::authentication_method: return settle_basic(authentication, a);
        case oakley_attribute::group_description: return settle_basic(o.group, a);
        case oakley_attribute::group_type: return settle_basic(o.parameters.kind, a);
        case oakley_attribute::group_prime: return settle(o.parameters.prime, a.value);
        case oakley_attribute::group_generator_one: return settle(o.parameters.generator_one, a.value);
        case oakley_attribute::group_generator_two: return settle(o.parameters.generator_two, a.value);
        case oakley_attribute::group_curve_a: return settle(o.parameters.curve_a, a.value);
        case oakley_attribute::group_curve_b: return settle(o.parameters.curve_b, a.value);
        case oakley_attribute::life_type: return life.take_type(a);
        case oakley_attribute::life_duration: return life.take_duration(a, o.life);
        case oakley_attribute::prf: return settle_basic(o.prf, a);
        case oakley_attribute::key_length: return settle_basic(o.key_length, a);
        case oakley_attribute::field_size: return settle_basic(o.parameters.field_size, a);
        case oakley_attribute::group_order: return settle(o.parameters.order, a.value);
    }
    return std::unexpected{errc::unknown_attribute};
}

[[nodiscard]] constexpr auto take_phase2(const attribute& a, phase2_offer& o, std::optional<std::uint16_t>& esn,
                                         life_pairing& life) noexcept -> result<void> {
    switch (sa_attribute{a.type}) {
        case sa_attribute::life_type: return life.take_type(a);
        case sa_attribute::life_duration: return life.take_duration(a, o.life);
        case sa_attribute::group_description: return settle_basic(o.group, a);
        case sa_attribute::encapsulation_mode: return settle_basic(o.mode, a);
        case sa_attribute::authentication_algorithm: return settle_basic(o.authentication, a);
        case sa_attribute::key_length: return settle_basic(o.key_length, a);
        case sa_attribute::key_rounds: return settle_basic(o.key_rounds, a);
        case sa_attribute::compress_dictionary_size: return settle_basic(o.compress_dictionary, a);
        case sa_attribute::compress_private_algorithm: return settle(o.compress_private, a.value);
        case sa_attribute::ecn_tunnel: return settle_basic(o.ecn_tunnel, a);
        case sa_attribute::extended_sequence_number: return settle_basic(esn, a);
    }
    return std::unexpected{errc::unknown_attribute};
}

/// The AH transform and the authentication algorithm that belong together.              RFC 2407 §4.4.3, RFC 4868 §4
[[nodiscard]] constexpr auto authentication_of(ah_transform t) noexcept -> std::optional<authentication_algorithm> {
    switch (t) {
        case ah_transform::md5: return authentication_algorithm::hmac_md5;
        case ah_transform::sha: return authentication_algorithm::hmac_sha;
        case ah_transform::des: return authentication_algorithm::des_mac;
        case ah_transform::sha2_256: return authentication_algorithm::hmac_sha2_256;
        case ah_transform::sha2_384: return authentication_algorithm::hmac_sha2_384;
        case ah_transform::sha2_512: return authentication_algorithm::hmac_sha2_512;
        case ah_transform::ripemd: return authentication_algorithm::hmac_ripemd;
        case ah_transform::aes_xcbc_mac: return authentication_algorithm::aes_xcbc_mac;
        case ah_transform::aes_128_gmac: return authentication_algorithm::aes_128_gmac;
        case ah_transform::aes_192_gmac: return authentication_algorithm::aes_192_gmac;
        case ah_transform::aes_256_gmac: return authentication_algorithm::aes_256_gmac;
        case ah_transform::reserved: break;
    }
    return std::nullopt;
}

[[nodiscard]] constexpr auto judge_ah(const phase2_offer& o) noexcept -> result<void> {
    if (o.id < 2) return std::unexpected{errc::bad_transform_id};  // 0 and 1 are RESERVED
    const auto natural = authentication_of(o.ah());
    if (!natural) return std::unexpected{errc::unknown_transform};
    if (!o.authentication) return std::unexpected{errc::missing_attribute};  // req: rfc2407-4.4.3-1
    // AH_MD5 also goes with KPDK, as in RFC 1826; any other pair contradicts itself.
    const bool kpdk = o.ah() == ah_transform::md5 && *o.authentication == authentication_algorithm::kpdk;
    if (*o.authentication != *natural && !kpdk) return std::unexpected{errc::bad_attribute_value};
    return {};
}
[[nodiscard]] constexpr auto judge_esp(const phase2_offer& o) noexcept -> result<void> {
    if (o.id == 0) return std::unexpected{errc::bad_transform_id};
    const bool is_private = o.id >= 249;  // RFC 2407 §6.5: what such a number means is what the table of algorithms says
    if (is_private ? crypto::find_esp_v1(o.id) == nullptr : o.id > 23 || o.id == 17)
        return std::unexpected{errc::unknown_transform};
    if (o.esp() == esp_transform::null && !o.authentication)
        return std::unexpected{errc::missing_attribute};  // req: rfc2407-4.5-5
    if (has_fixed_key(o.esp()) && o.key_length) return std::unexpected{errc::bad_attribute_value};           // req: rfc2407-4.5-6
    if (needs_key_length(o.esp()) && !o.key_length) return std::unexpected{errc::missing_attribute};
    if (o.authentication && is_combined_mode(o.esp())) return std::unexpected{errc::bad_attribute_value};
    return {};
}

}  // namespace detail

/// Reads a phase 1 transform. Values are open: whether an algorithm is known or wanted is the caller's to say.
///
/// @return `errc::bad_transform_id` (not KEY_IKE), `unknown_attribute`, `basic_as_variable`, `doubled_attribute` (entries that
///         contradict each other; repeated ones are taken), `bad_attribute_value` (value 0 of a class, a key length for a cipher
///         with one only, an unknown life type), `unpaired_lifetime`, `missing_attribute` (encryption, hash, authentication,
///         group, or the key length of a cipher that needs it)
[[nodiscard]] constexpr auto read_phase1(const transform& t) noexcept -> result<phase1_offer> {
    if (t.id != key_ike) return std::unexpected{errc::bad_transform_id};
    phase1_offer o;
    o.number = t.number;
    std::optional<oakley_encryption> encryption{};
    std::optional<oakley_hash> hash{};
    std::optional<oakley_authentication> authentication{};
    detail::life_pairing life;
    for (const attribute a : t.attributes)
        if (const auto ok = detail::take_phase1(a, o, encryption, hash, authentication, life); !ok)
            return std::unexpected{ok.error()};
    if (const auto ok = life.finish(); !ok) return std::unexpected{ok.error()};
    if (!encryption || !hash || !authentication || (!o.group && !o.parameters.is_said()))
        return std::unexpected{errc::missing_attribute};
    o.encryption = *encryption;
    o.hash = *hash;
    o.authentication = *authentication;
    if (o.encryption == oakley_encryption::reserved || o.hash == oakley_hash::reserved ||
        o.authentication == oakley_authentication::reserved || (o.group && *o.group == crypto::group_id::none) ||
        (o.key_length && *o.key_length == 0))
        return std::unexpected{errc::bad_attribute_value};
    if (has_fixed_key(o.encryption) && o.key_length) return std::unexpected{errc::bad_attribute_value};  // req: rfc2409-A-5
    if (needs_key_length(o.encryption) && !o.key_length) return std::unexpected{errc::missing_attribute};
    return o;
}

/// Reads a phase 2 transform of a proposal for `protocol`.
///
/// @return as `read_phase1`; also `bad_protocol`, `bad_transform_id` (RESERVED), `unknown_transform` (to be passed over in
///         silence), `missing_attribute` (authentication of AH or of ESP_NULL), `bad_attribute_value` (AH transform and
///         algorithm that contradict each other, an algorithm beside a combined mode, an ESN other than 1)
[[nodiscard]] constexpr auto read_phase2(protocol_id protocol, const transform& t) noexcept -> result<phase2_offer> {
    phase2_offer o;
    o.number = t.number;
    o.protocol = protocol;
    o.id = t.id;
    if (protocol != protocol_id::ipsec_ah && protocol != protocol_id::ipsec_esp && protocol != protocol_id::ipcomp)
        return std::unexpected{errc::bad_protocol};
    std::optional<std::uint16_t> esn{};
    detail::life_pairing life;
    for (const attribute a : t.attributes)
        if (const auto ok = detail::take_phase2(a, o, esn, life); !ok) return std::unexpected{ok.error()};
    if (const auto ok = life.finish(); !ok) return std::unexpected{ok.error()};
    if (esn && *esn != 1) return std::unexpected{errc::bad_attribute_value};  // req: rfc4304-3-2
    o.extended_sequence = esn.has_value();
    if ((o.mode && *o.mode == encapsulation_mode::reserved) ||
        (o.authentication && *o.authentication == authentication_algorithm::reserved) || (o.key_length && *o.key_length == 0) ||
        (o.group && *o.group == crypto::group_id::none))
        return std::unexpected{errc::bad_attribute_value};
    result<void> ok;
    if (protocol == protocol_id::ipsec_ah) ok = detail::judge_ah(o);
    if (protocol == protocol_id::ipsec_esp) ok = detail::judge_esp(o);
    if (protocol == protocol_id::ipcomp && o.id == 0) ok = std::unexpected{errc::bad_transform_id};
    if (!ok) return std::unexpected{ok.error()};
    return o;
}

/// Whether a proposal may stand in phase 1: protocol ISAKMP, an SPI of 0 to 16 octets that is not looked at.
/// @return `errc::bad_protocol`, `errc::bad_spi_size`                                    RFC 2408 §3.5
// req: rfc2408-3.5-2, rfc2408-3.5-3
[[nodiscard]] constexpr auto check_phase1_proposal(const proposal& p) noexcept -> result<void> {
    if (p.protocol != protocol_id::isakmp) return std::unexpected{errc::bad_protocol};
    if (p.spi.size() > 16) return std::unexpected{errc::bad_spi_size};
    return {};
}

/// The SPI of a phase 2 proposal: four octets for AH and ESP, above the reserved range; a CPI of two or four for IPCOMP.
/// @return `errc::bad_protocol`, `errc::bad_spi_size`, `errc::bad_spi`          RFC 2406 §2.1, RFC 2402 §2.4, RFC 3173 §4
[[nodiscard]] constexpr auto read_phase2_spi(const proposal& p) noexcept -> result<std::uint32_t> {
    switch (p.protocol) {
        case protocol_id::ipsec_ah:
        case protocol_id::ipsec_esp: {
            if (p.spi.size() != 4) return std::unexpected{errc::bad_spi_size};
            const auto spi = wire::load<std::uint32_t>(p.spi);
            if (spi < 256) return std::unexpected{errc::bad_spi};
            return spi;
        }
        case protocol_id::ipcomp:
            if (p.spi.size() == 2) return wire::load<std::uint16_t>(p.spi);
            if (p.spi.size() == 4) return wire::load<std::uint32_t>(p.spi);
            return std::unexpected{errc::bad_spi_size};
        default: return std::unexpected{errc::bad_protocol};
    }
}

/// The one proposal that a phase 1 SA may hold.                                          RFC 2409 §5
/// @return `errc::too_many_proposals`, or as `check_phase1_proposal`
// req: rfc2409-5-10
template <std::size_t P, std::size_t T, std::size_t A>
[[nodiscard]] constexpr auto phase1_proposal(const basic_sa_tree<P, T, A>& tree) noexcept -> result<const proposal_node*> {
    if (tree.proposals().size() != 1) return std::unexpected{errc::too_many_proposals};
    const proposal_node& p = tree.proposals().front();
    if (const auto ok = check_phase1_proposal(p.value); !ok) return std::unexpected{ok.error()};
    return &p;
}

/// The first transform of `tree`'s phase 1 proposal that `wanted` takes, in the sender's order. Transforms that do not read
/// are passed over (RFC 2408 §5.6). `wanted(const phase1_offer&) -> bool`
/// @return the offer and where it lies; nothing when no transform is wanted
template <std::size_t P, std::size_t T, std::size_t A, class Wanted>
[[nodiscard]] constexpr auto choose_phase1(const basic_sa_tree<P, T, A>& tree, const proposal_node& p, Wanted&& wanted)
    -> const transform_node* {
    for (const transform_node& t : tree.transforms(p)) {
        const auto o = read_phase1(t.value);
        if (o && wanted(*o)) return &t;
    }
    return nullptr;
}

}  // namespace ipsec::isakmp
