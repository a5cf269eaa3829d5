#pragma once
// Decrypts IKEv1 as an observer who was given the encryption key: it follows the IVs from message to message.   RFC 2409 App. B
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/ike/v1/keymat.hpp"
#include "ipsec/isakmp/chain.hpp"
#include "keyring.hpp"
#include "packet_sa.hpp"
#include "sealed.hpp"

namespace ipsec_decode {

/// As they come from all kinds of peers: private payloads, and padding behind the last one.
inline constexpr isakmp::chain_rules lenient_rules{.behind = isakmp::trailing::tolerated,
                                                   .unknown = isakmp::unknown_payloads::kept};

/// What became of an encrypted message.
struct opened_message {
    std::string why_not{};               ///< empty: it is open
    std::vector<std::byte> iv{}, text{}; ///< `text` with its padding
    isakmp::chain payloads{};            ///< views into `text`
    icv hash = icv::none;                ///< the HASH payload, where the file has what it is made with
    bool by_own_prf = false;             ///< it is made with a prf of private use, and nobody told which function that is
};

class ike_v1_observer {
public:
    ike_v1_observer(const std::vector<ike_v1_key>& keys, private_keys& rsa);

    /// A message in the clear: KE, SA and ID payloads are kept for the IV and the hashes of phase 1.
    /// @return what was hidden in it by public key encryption
    auto in_clear(const isakmp::header& h, const isakmp::chain& payloads) -> unsealed;
    [[nodiscard]] auto open(const isakmp::header& h, byte_view datagram) -> opened_message;

private:
    using octets = std::vector<std::byte>;
    /// Blocks that the next message of an exchange may go on from, the newest last. A message that comes twice adds none.
    using ivs = std::deque<ike::v1::iv>;
    static constexpr std::size_t most_ivs = 16, most_exchanges = 1024;
    struct exchange {
        ivs next;
        octets ni, nr;
    };
    struct association {
        const ike_v1_key* key = nullptr;
        octets gxi, gxr, sai, idii, idir;  ///< bodies of payloads; empty until they were seen
        isakmp::phase1_offer offer{};      ///< the first one, then the one that was chosen; its prf is one that no file tells
        ivs phase_1;
        std::map<std::uint32_t, exchange> exchanges;
    };

    [[nodiscard]] auto find(const isakmp::header& h) -> association*;
    /// Opens `sealed` with the first IV of `next` that gives payloads.
    auto try_ivs(const association& a, const ivs& next, const isakmp::header& h, byte_view sealed, opened_message& out) -> bool;
    [[nodiscard]] auto first_of_phase_1(association& a) -> bool;
    [[nodiscard]] auto exchange_of(association& a, std::uint32_t id) -> exchange*;
    [[nodiscard]] auto phase_1_hash(const association& a, const isakmp::header& h, const isakmp::chain& c) -> icv;
    [[nodiscard]] auto phase_2_hash(const association& a, const isakmp::header& h, const isakmp::chain& c, exchange& x) -> icv;

    std::vector<association> all_;
    private_keys* rsa_;
    crypto::botan::provider crypto_;
};

}  // namespace ipsec_decode
