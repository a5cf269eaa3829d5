#pragma once
/// What a fault of the crypto provider is in IKE.
#include "ipsec/crypto/errc.hpp"
#include "ipsec/ike/errc.hpp"

namespace ipsec::ike::v1 {

/// A hash, prf or cipher that policy names and the provider has not is refused with the configuration (`check_for`). A group, and
/// what is lost later, shows when it is used first: nothing is made without it, and it has this name to whoever observes. To the
/// peer a phase 1 says nothing of it; one that cannot read a message waits until its time is over.
[[nodiscard]] constexpr auto errc_of(crypto::errc e) noexcept -> errc {
    switch (e) {
        case crypto::errc::bad_public_value: return errc::bad_key_exchange;
        case crypto::errc::bad_group: return errc::group_refused;
        case crypto::errc::no_randomness: return errc::no_randomness;
        case crypto::errc::unknown_algorithm:
        case crypto::errc::unknown_group:
        case crypto::errc::unsupported_algorithm: return errc::unusable_algorithm;
        default: return errc::crypto_failed;
    }
}

}  // namespace ipsec::ike::v1
