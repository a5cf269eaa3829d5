#pragma once
// The keys that an observer was given, whatever form they came in.
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "ipsec/core/secret.hpp"
#include "ipsec/crypto/botan/key_ring.hpp"
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/crypto/ids.hpp"
#include "ipsec/isakmp/cookie.hpp"
#include "ipsec/sa/id.hpp"

namespace ipsec_decode {

using namespace ipsec;

/// Whether an SA has 64-bit sequence numbers. Not every file says so; then the packets tell.
enum class extended : std::uint8_t { unknown, no, yes };

/// Of one ESP or AH SA.
struct packet_key {
    sa::protocol protocol = sa::protocol::esp;
    sa::spi spi;
    std::optional<ip::address> destination;  ///< absent: any
    bool in_udp = false;                     ///< of any ports
    extended numbers = extended::unknown;
    std::uint32_t high = 0;                  ///< where the high half may stand
    std::optional<crypto::transform> transform;                ///< absent: the library lacks the cipher or the MAC
    std::optional<crypto::integrity_id> integrity;             ///< absent: it lacks the MAC
    std::string lacks;                                         ///< names of what it lacks
    secret<128> cipher_key, integrity_key;
};

/// Of one ISAKMP SA of IKEv1.
struct ike_v1_key {
    isakmp::cookie_i initiator;
    std::optional<isakmp::cookie_r> responder;
    std::optional<crypto::encryption_id> cipher;  ///< absent: the library lacks it
    std::optional<crypto::hash_id> hash;
    std::string lacks;
    std::vector<std::byte> initial_iv;            ///< empty: it follows from the KE payloads
    secret<64> encryption_key;
    crypto::digest skeyid, skeyid_a;              ///< empty: hashes are not checked
};

/// RSA keys that peers may have encrypted to.
struct private_keys {
    crypto::botan::key_ring ring;
    std::vector<crypto::decryption_key> numbers;
};

struct keyring {
    std::vector<packet_key> packets;
    std::vector<ike_v1_key> ike;
    private_keys rsa;
};

/// Reads a file of keys as the captures under `captures/external` have it (`ike_sas`, `ipsec_sas`), or as strongSwan's log was
/// turned into (`ike_sas`, `child_sas`), or of both; private keys in `credentials`. @return what is wrong with it
[[nodiscard]] auto read_json(const std::string& file) -> std::expected<keyring, std::string>;
/// Reads `ip xfrm state` lines. @return what is wrong with them
[[nodiscard]] auto read_xfrm(const std::string& file) -> std::expected<keyring, std::string>;

}  // namespace ipsec_decode
