#pragma once
#include <optional>
#include <string>

namespace gateway {

/// Keeps CAP_NET_ADMIN, CAP_NET_RAW and CAP_NET_BIND_SERVICE and gives up every other capability, for good.
/// @param user  to become first; empty: none, and files of root stay readable to it
/// @return      what went wrong
[[nodiscard]] auto drop_privileges(const std::string& user) -> std::optional<std::string>;

}  // namespace gateway
