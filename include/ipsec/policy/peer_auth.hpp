#pragma once
/// The peer authorization database: who a peer may say it is, and for what it may have SAs.       RFC 4301 §4.4.3
#include <cstdint>
#include <span>
#include <string_view>

#include "ipsec/core/bytes.hpp"
#include "ipsec/core/strong.hpp"
#include "ipsec/ip/selector.hpp"

namespace ipsec::policy {

/// What a peer is known by, once it is authenticated. The octets are somebody else's.
struct peer_identity {
    enum class form : std::uint8_t {
        dns_name = 1,  ///< foo.example.com; compares without case
        mail,          ///< foo@example.com; the part behind the @ compares without case
        dn,            ///< a distinguished name as text, the top first: C=US, O=GTE, CN=Kent
        address,
        key_id,        ///< octets without structure
    };
    form kind = form::dns_name;
    std::string_view text{};  ///< of the first three; octets of a key id
    ip::address address{};
};

namespace detail {
[[nodiscard]] constexpr auto is_like(std::string_view a, std::string_view b) noexcept -> bool {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}
[[nodiscard]] constexpr auto ends_like(std::string_view whole, std::string_view end) noexcept -> bool {
    return whole.size() > end.size() && is_like(whole.substr(whole.size() - end.size()), end);
}
}  // namespace detail

/// Which identities an entry is for: one, or all below a name. `.example.com` is for every DNS name that ends so, `@example.com`
/// for every mail address there, `C=US, O=GTE` with `whole_tree` for that name and all names under it.       RFC 4301 §4.4.3.1
// req: rfc4301-4.4.3.1-1, rfc4301-4.4.3.1-3, rfc4301-4.4.3.1-4
struct identity_rule {
    peer_identity::form kind = peer_identity::form::dns_name;
    std::string_view text{};
    ip::range addresses{};    ///< for `address`
    bool whole_tree = false;  ///< for `dn`

    [[nodiscard]] constexpr auto contains(const peer_identity& id) const noexcept -> bool {
        using enum peer_identity::form;
        if (id.kind != kind) return false;
        switch (kind) {
            case dns_name: return text.starts_with('.') ? detail::ends_like(id.text, text) : detail::is_like(id.text, text);
            case mail: {
                if (text.starts_with('@')) return detail::ends_like(id.text, text);
                const auto at = text.rfind('@');
                if (at == std::string_view::npos) return id.text == text;
                return id.text.substr(0, at) == text.substr(0, at) && detail::is_like(id.text, text);
            }
            case dn:
                return id.text == text || (whole_tree && id.text.size() > text.size() && id.text.starts_with(text) &&
                                           id.text.substr(text.size()).starts_with(','));
            case address: return addresses.contains(id.address);
            case key_id: return id.text == text;
        }
        return false;
    }
};

/// How a peer proves who it is. Keys and anchors are the user's, found by `peer_entry::credential`.
enum class peer_method : std::uint8_t { shared_secret = 1, certificate };

/// Whose selectors a peer's SAs are looked up by.                                              RFC 4301 §4.4.3.3
enum class child_lookup : std::uint8_t {
    by_identity = 1,  ///< the identity is the symbolic name in the SPD
    by_selectors,     ///< addresses in the peer's offer, as far as `addresses` allow them
};

using credential_id = strong<struct credential_id_tag, std::uint32_t>;

struct peer_entry {
    identity_rule who;
    peer_method method = peer_method::shared_secret;
    credential_id credential{};           ///< the secret or the trust anchor
    // req: rfc4301-4.4.3.2-2
    bool certificate_must_match = true;   ///< the identity stands in the certificate's subject or its other names
    child_lookup lookup = child_lookup::by_selectors;
    // req: rfc4301-4.4.3.3-1
    std::span<const ip::range> addresses{};  ///< of both families that the peer may speak for; none: no SA at all
};

/// The entry for an identity: the first in order that is for it; null when there is none, and the peer is refused.
[[nodiscard]] constexpr auto find_peer(std::span<const peer_entry> ordered, const peer_identity& id) noexcept
    -> const peer_entry* {
    for (const auto& e : ordered)
        if (e.who.contains(id)) return &e;
    return nullptr;
}

/// Whether a peer may have an SA for traffic whose far side is `remote`: every address of it lies in one of the entry's ranges.
/// An entry that goes by identity leaves that to the SPD entry with its name.
[[nodiscard]] constexpr auto may_protect(const peer_entry& e, const ip::range& remote) noexcept -> bool {
    if (e.lookup == child_lookup::by_identity) return true;
    for (const auto& r : e.addresses)
        if (r.contains(remote)) return true;
    return false;
}
/// Whether the identity that the certificate vouches for is that of the peer, where the entry asks for it. A key id is in no
/// certificate.
[[nodiscard]] constexpr auto vouches_for(const peer_entry& e, const peer_identity& asserted,
                                         std::span<const peer_identity> in_certificate) noexcept -> bool {
    if (e.method != peer_method::certificate || !e.certificate_must_match) return true;
    if (asserted.kind == peer_identity::form::key_id) return false;
    const identity_rule exactly{.kind = asserted.kind, .text = asserted.text, .addresses = ip::range{asserted.address}};
    for (const auto& id : in_certificate)
        if (exactly.contains(id) && !asserted.text.starts_with('.') && !asserted.text.starts_with('@')) return true;
    return false;
}

}  // namespace ipsec::policy
