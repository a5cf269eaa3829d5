#pragma once
// Opens ESP and checks AH by the keys alone: an observer judges no order and keeps no window.
#include <optional>
#include <string>
#include <vector>

#include "ipsec/ah/header.hpp"
#include "ipsec/crypto/botan/random.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/esp/header.hpp"
#include "ipsec/sa/inbound.hpp"
#include "keyring.hpp"

namespace ipsec_decode {

/// What the ICV of a packet says.
enum class icv : std::uint8_t { unknown, none, bad, ok };
[[nodiscard]] constexpr auto name_of(icv v) noexcept -> const char* {
    switch (v) {
        case icv::unknown: return "unknown";
        case icv::none: return "none";
        case icv::bad: return "bad";
        case icv::ok: return "ok";
    }
    return "unknown";
}

/// What became of an ESP packet.
struct opened_esp {
    icv verdict = icv::unknown;
    std::string why_not{};              ///< empty: it is open
    byte_view iv{}, text{};             ///< `text` is payload, padding and trailer; views into the caller's room
};

/// What became of an AH packet.
struct checked_ah {
    icv verdict = icv::unknown;
    std::string why_not{};
};

class packet_sa {
public:
    explicit packet_sa(const packet_key& key);

    /// @param packet  from the ESP header to the ICV
    /// @param room    what `opened_esp` has views into
    [[nodiscard]] auto open(byte_view packet, std::vector<std::byte>& room) -> opened_esp;
    /// @param packet  from the IP header on. @param at  where AH begins
    [[nodiscard]] auto check(byte_view packet, std::size_t at, const ah::header& h) -> checked_ah;

private:
    using esp_suite = crypto::botan::gateway_suite;
    struct esp_part {
        esp_suite suite;
        esp_suite::keys keys;
        esp_suite::scratch scratch;
    };
    using ah_sa = sa::inbound<crypto::botan::any_mac>;

    void make_esp(const crypto::transform& t, byte_view keymat);
    void make_ah(const packet_key& key);
    /// Tries the sequence numbers that the packet may have until `right(number, extended)` holds.
    template <class Right>
    auto find_number(std::uint32_t low, bool may_differ, Right right) -> bool;

    std::optional<esp_part> esp_;
    std::optional<ah_sa> ah_;
    bool reads_text_ = true;  ///< the cipher is there, and not the MAC alone
    std::string why_not_, lacks_;
    extended numbers_ = extended::unknown;
    std::uint32_t high_ = 0;
    crypto::botan::random random_;
};

}  // namespace ipsec_decode
