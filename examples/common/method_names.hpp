#pragma once
// Methods of authentication by the words that options and files of keys have for them.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "ipsec/isakmp/oakley.hpp"

namespace method_names {

using ipsec::isakmp::oakley_authentication;

struct row {
    std::string_view name;
    oakley_authentication id;
};
/// Those that authenticate phase 1 alone stand first.
inline constexpr std::array known{
    row{"psk", oakley_authentication::pre_shared_key},
    row{"rsa-sig", oakley_authentication::rsa_signatures},
    row{"dss", oakley_authentication::dss_signatures},
    row{"rsa-enc", oakley_authentication::rsa_encryption},
    row{"rsa-rev", oakley_authentication::revised_rsa_encryption},
    row{"ecdsa-256", oakley_authentication::ecdsa_256},
    row{"ecdsa-384", oakley_authentication::ecdsa_384},
    row{"ecdsa-521", oakley_authentication::ecdsa_521},
    row{"xauth-psk", oakley_authentication::xauth_init_pre_shared},
    row{"xauth-rsa", oakley_authentication::xauth_init_rsa},
    row{"hybrid-rsa", oakley_authentication::hybrid_init_rsa},
};
[[nodiscard]] constexpr auto find(std::string_view name) -> std::optional<oakley_authentication> {
    const auto* const at = std::ranges::find(known, name, &row::name);
    return at == known.end() ? std::nullopt : std::optional{at->id};
}
[[nodiscard]] inline auto name_of(oakley_authentication m) -> std::string {
    const auto* const at = std::ranges::find(known, m, &row::id);
    return at == known.end() ? fmt::format("method {}", static_cast<unsigned>(m)) : std::string{at->name};
}

}  // namespace method_names
