#pragma once
// Keys and certificates of a connection with `auth = pubkey`, as the values that the reader found in files.
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ipsec/crypto/botan/public_key_provider.hpp"
#include "ipsec/ike/v1/config.hpp"

namespace gateway {

using der = std::vector<std::byte>;
using key_provider = ipsec::crypto::botan::public_key_provider;

/// The contents of a file of keys or certificates: the folder is swanctl's for its kind (x509, x509ca, pubkey, private, ...), the
/// name is as written. @return why it cannot be read
using key_files = std::function<std::expected<std::string, std::string>(const std::string& folder, const std::string& name)>;

/// A file with a private key. What may be in it: `load_private_key`.
struct private_file {
    ipsec::secret<8192> octets;
    ipsec::crypto::public_key half;  ///< its public one
};
/// @return what is wrong with the file
[[nodiscard]] auto read_private_key(std::string_view file) -> std::expected<private_file, std::string>;

/// Which part this end has where one of the two proves itself by XAUTH alone.
enum class hybrid_part : std::uint8_t { none, client, edge_device };

/// How both ends of a connection prove who they are.
struct credentials {
    hybrid_part hybrid = hybrid_part::none;
    ipsec::isakmp::oakley_authentication method = ipsec::isakmp::oakley_authentication::pre_shared_key;
    ipsec::secret<8192> private_key;                       ///< the file
    ipsec::crypto::public_key half;                        ///< the public key of this end
    std::optional<der> certificate{};                      ///< of this end
    bool send = true, send_unasked = false, ask = true;    ///< send_cert, send_certreq
    std::optional<ipsec::crypto::public_key> peer_key{};   ///< remote.pubkeys
    std::vector<der> anchors{};                            ///< remote.cacerts and remote.certs
    std::vector<der> known{};                              ///< remote.certs
    [[nodiscard]] auto is_pubkey() const -> bool {
        return method != ipsec::isakmp::oakley_authentication::pre_shared_key;
    }
    friend auto operator==(const credentials&, const credentials&) -> bool = default;
};

/// The certificate in a file, PEM or DER. @return what is wrong with it
[[nodiscard]] auto read_certificate(std::string_view file) -> std::expected<der, std::string>;
/// The same for a public key by itself.
[[nodiscard]] auto read_public_key(std::string_view file) -> std::expected<ipsec::crypto::public_key, std::string>;
[[nodiscard]] auto key_in(const der& certificate) -> ipsec::crypto::public_key;
/// The method of IKEv1 that a key of this kind signs by. @return nothing for a key that IKE does not take
[[nodiscard]] auto method_of(const ipsec::crypto::public_key& k) -> std::optional<ipsec::isakmp::oakley_authentication>;

/// Has a provider that has no keys yet serve what `keys_of` says. @return what it refuses
[[nodiscard]] auto equip(key_provider& p, const credentials& c) -> std::optional<std::string>;
/// The keys as the library's configuration names them, with a provider that `equip` was called with.
[[nodiscard]] auto keys_of(const credentials& c) -> ipsec::ike::v1::public_keys;

}  // namespace gateway
