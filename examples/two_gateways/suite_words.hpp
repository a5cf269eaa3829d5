#pragma once
// What protects packets, in strongSwan's words.
#include <expected>
#include <string>
#include <string_view>

#include "ipsec/crypto/proposal_name.hpp"
#include "ipsec/ike/v1/config.hpp"

namespace two_gateways {

struct suite_words {
    ipsec::ike::v1::child_suite suite;
    ipsec::crypto::group_id group = ipsec::crypto::group_id::none;
    ipsec::crypto::integrity_id integrity = ipsec::crypto::integrity_id::none;  ///< of AH, or what goes with the cipher
};

/// "aes128-sha1" for the protocols that are wanted. AH takes the integrity part; with ESP in a combined mode, which has none to
/// share, a part that is named is AH's alone. @return what is wrong with the words, to stand behind them
[[nodiscard]] inline auto read_suite_words(std::string_view text, bool esp, bool ah) -> std::expected<suite_words, std::string> {
    using namespace ipsec;
    suite_words out;
    std::optional<crypto::transform> cipher;
    if (const auto only_ah = crypto::parse_ah_proposal(text); only_ah && !esp) {
        out.integrity = only_ah->integrity;
        out.group = only_ah->group;
    } else {
        auto p = crypto::parse_esp_proposal(text, {.no_integrity = false});
        std::string without;
        if (!p && esp && ah && p.error().code == crypto::errc::two_integrities) {
            const std::string_view word = p.error().word;
            if (const auto named = crypto::parse_ah_proposal(word)) out.integrity = named->integrity;
            without = text;
            without.erase(text.find(word) - 1, word.size() + 1);  // with the dash before it
            p = crypto::parse_esp_proposal(without, {.no_integrity = false});
        }
        if (!p)
            return std::unexpected{(p.error().word == text ? std::string{} : "with '" + std::string{p.error().word} + "' ") +
                                   "is no suite: " + std::string{name_of(p.error().code)} +
                                   ": use names like aes128-sha1, aes256gcm16 or 3des-md5"};
        if (p->extended_sequence)
            return std::unexpected{std::string{"asks for extended sequence numbers, which are not offered here: drop esn"}};
        if (const auto ok = crypto::check_for_ike_v1(p->protection); !ok)
            return std::unexpected{"is nothing that IKEv1 can agree on: " + std::string{name_of(ok.error())} +
                                   ": use another suite"};
        cipher = p->protection;
        if (out.integrity == crypto::integrity_id::none) out.integrity = p->protection.integrity;
        out.group = p->group;
    }
    if (ah && out.integrity == crypto::integrity_id::none)
        return std::unexpected{
            std::string{"names no integrity algorithm for AH: "} +
            (esp ? "give one beside the cipher, as in aes128gcm16-sha256" : "use names like sha256 or aes128-sha1")};
    if (esp) out.suite.esp = cipher;
    if (ah) out.suite.ah = out.integrity;
    return out;
}

}  // namespace two_gateways
