#pragma once
// The values of settings: times, sizes, addresses, identities, secrets, proposals, each read from the text of one setting.
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "config.hpp"
#include "ipsec/crypto/proposal_name.hpp"

namespace gateway {

/// What is wrong with a value, and how many octets into it.
struct bad_value {
    std::string what;
    std::size_t offset = 0;
};
template <class T> using value_result = std::expected<T, bad_value>;

/// A word of a list, and where it stands in the text.
struct list_word {
    std::string_view text;
    std::size_t offset = 0;
};
/// The words between `separator`, blanks around them left out.
[[nodiscard]] auto split_list(std::string_view text, char separator = ',') -> std::vector<list_word>;

/// "90", "90s", "5m", "1h", "1d"; up to 2^32 - 1 seconds.
[[nodiscard]] auto read_time(std::string_view text) -> value_result<ipsec::duration>;
/// A number of octets, with K, M or G for powers of 1024.
[[nodiscard]] auto read_bytes(std::string_view text) -> value_result<std::uint64_t>;
[[nodiscard]] auto read_number(std::string_view text, std::uint64_t least, std::uint64_t most) -> value_result<std::uint64_t>;
/// yes, true, enabled, 1; no, false, disabled, 0
[[nodiscard]] auto read_flag(std::string_view text) -> value_result<bool>;
/// One address; neither names nor lists nor %any.
[[nodiscard]] auto read_address(std::string_view text) -> value_result<ipsec::ip::address>;
/// `192.0.2.1`, `gw.example`, `@gw.example`, `me@example`, `@@me@example`, `@#0f1e` (a key ID).
[[nodiscard]] auto read_identity(std::string_view text) -> value_result<ipsec::ike::identity>;
/// Text, `0x` and hexadecimal digits, or `0s` and Base64; up to 128 octets.
[[nodiscard]] auto read_secret(std::string_view text) -> value_result<ipsec::secret<128>>;
/// `dynamic`, `10.1.0.0/16`, `10.1.0.1-10.1.0.9`, each with `[tcp]`, `[tcp/80]`, `[17]` or `[/53]` behind it if wanted.
[[nodiscard]] auto read_traffic(std::string_view text) -> value_result<traffic>;
[[nodiscard]] auto read_action(std::string_view text) -> value_result<action>;

/// A list of proposals; `default` stands for the library's.
[[nodiscard]] auto read_ike_proposals(std::string_view text) -> value_result<std::vector<ipsec::ike::v1::ike_suite>>;
/// What all proposals of a child agree on, and what differs.
struct child_proposals {
    std::vector<ipsec::crypto::transform> esp{};
    std::vector<ipsec::crypto::integrity_id> ah{};
    ipsec::crypto::group_id pfs = ipsec::crypto::group_id::none;
    bool extended_sequence = false;
};
/// @param inside_ah  ESP may then go without integrity
[[nodiscard]] auto read_esp_proposals(std::string_view text, bool inside_ah) -> value_result<child_proposals>;
[[nodiscard]] auto read_ah_proposals(std::string_view text) -> value_result<child_proposals>;

}  // namespace gateway
