#pragma once
// A section of `children`.
#include <string>

#include "config.hpp"
#include "reading.hpp"

namespace gateway {

/// Appends the child to its connection, whose ends and addresses are known by now.
[[nodiscard]] auto read_child(const section& s, const std::string& where, connection& of, policy_ids& ids) -> outcome;

}  // namespace gateway
