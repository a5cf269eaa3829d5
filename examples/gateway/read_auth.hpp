#pragma once
// The sections `local` and `remote` of a connection: how its ends prove who they are.
#include <optional>
#include <span>
#include <string>

#include "credentials.hpp"
#include "read_remote_access.hpp"
#include "reading.hpp"

namespace gateway {

/// One end in an authentication round.
struct auth_draft {
    bool has_auth = false, is_pubkey = false, is_xauth = false;  ///< no round at all: XAUTH is all that the end proves itself by
    std::string user{};  ///< xauth_id
    std::optional<ipsec::ike::identity> id{};
    const section* round = nullptr;
    std::string where{};
    [[nodiscard]] auto as_user() const -> xauth_round { return {has_auth ? round : nullptr, where, user}; }
};
/// `local`, `local-1` and so on; there must be one, and there may be one more with `auth = xauth`, or that one alone.
[[nodiscard]] auto read_auth_sections(const section& s, const std::string& where, const std::string& kind, auth_draft& a,
                                      auth_draft& xauth) -> outcome;

/// Where files come from, and which private keys the section `secrets` has.
struct keys_there {
    const key_files& files;
    std::span<const private_file> own;
    std::span<const user> users;
};
/// Keys and certificates of both ends; nothing with pre-shared keys. Where one end has XAUTH alone, those of the other: hybrid
/// authentication, which strongSwan takes such a connection for too.          draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2
[[nodiscard]] auto settle_keys(const auth_draft& local, const auth_draft& remote, const keys_there& there, credentials& c)
    -> outcome;

}  // namespace gateway
