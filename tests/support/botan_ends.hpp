#pragma once
// Two IKEv1 endpoints with real cryptography.
#include "ipsec/crypto/botan/provider.hpp"
#include "support/ike_ends.hpp"

IPSECPP_ENDS_ELSEWHERE(ipsec::crypto::botan::provider)
