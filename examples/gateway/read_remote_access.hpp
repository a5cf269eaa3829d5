#pragma once
// The parts of a configuration about XAUTH and Mode Config: users, pools of addresses, and what a connection makes of them.
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config.hpp"
#include "reading.hpp"

namespace gateway {

/// Addresses that peers are given, in the order in which they go out.
struct pool {
    std::string name;
    std::vector<ipsec::ip::address> name_servers{};
    std::optional<ipsec::ip::address> next{};  ///< none: all are given
    ipsec::ip::address last{};
};
[[nodiscard]] auto read_pools(const section& s) -> std::expected<std::vector<pool>, fault>;
/// `vips` and `pools` of a connection; takes the address that it gives out of its pool.
[[nodiscard]] auto settle_address(const section& s, const std::string& where, std::vector<pool>& pools, remote_access& a)
    -> outcome;

/// A section of `secrets`. Names are as users say them in XAUTH, and no identities.
[[nodiscard]] auto read_users(const section& s, const std::string& where, std::vector<user>& all) -> outcome;
/// A section with `auth = xauth`.
struct xauth_round {
    const section* round = nullptr;  ///< null: there is none
    std::string where{};
    std::string user{};              ///< xauth_id
};
/// Who says a password, and which ones are right.
[[nodiscard]] auto settle_xauth(const xauth_round& local, const xauth_round& remote, std::span<const user> all, remote_access& a)
    -> outcome;

}  // namespace gateway
