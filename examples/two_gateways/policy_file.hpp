#pragma once
// Policies as people write them, a line for each, the first that fits decides:
//
//     10.1.0.0/24   10.2.0.20      tcp/23   3des-sha1     # who, with whom, the server's port, and how
//     10.1.0.0/24   10.2.0.0/24    any      des-md5
#include <expected>
#include <string>
#include <vector>

#include "ipsec/sa/id.hpp"
#include "sides.hpp"

namespace two_gateways {

/// @param esp, ah  which protocols a suite's words are for
/// @return the policies in their order, or what is wrong: file, line, word, and what to write instead
[[nodiscard]] auto read_policies(const std::string& file, bool esp, bool ah)
    -> std::expected<std::vector<policy_pair>, std::string>;

}  // namespace two_gateways
