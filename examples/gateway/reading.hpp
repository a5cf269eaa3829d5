#pragma once
// How a fault of a section, a key or a value is said, with its place.
#include <span>
#include <string>
#include <string_view>

#include "settings.hpp"
#include "values.hpp"

namespace gateway {

using words = std::span<const std::string_view>;

[[nodiscard]] auto at_value(const setting& s, const std::string& where, const bad_value& bad) -> fault;
[[nodiscard]] auto joined(words all) -> std::string;
/// @param elsewhere  what strongSwan has and this gateway has not
[[nodiscard]] auto unknown(const place& at, std::string_view kind, const std::string& name, const std::string& where, words known,
                           words elsewhere) -> fault;
/// Whether a section that may stand once stands a second time.
[[nodiscard]] auto twice(const section& s, const std::string& where) -> outcome;

}  // namespace gateway
