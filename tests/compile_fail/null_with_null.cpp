// NULL encryption with NULL authentication protects nothing.                                RFC 2406 §5
// req: rfc2406-5-9
// expect: NULL encryption with NULL authentication
#include "ipsec/crypto/esp_suite.hpp"

using namespace ipsec::crypto;

struct some_mac : no_mac {};

#ifdef IPSECPP_LEGAL
encrypt_then_mac<null_cipher, some_mac> suite;
#else
encrypt_then_mac<null_cipher, no_mac> suite;
#endif
