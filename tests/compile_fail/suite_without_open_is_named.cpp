// A suite that lacks a part is refused in a sentence that names the part.
// expect: an esp_suite has open(keys
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/crypto/esp_suite.hpp"

using namespace ipsec::crypto;

struct some_mac : no_mac {};
using whole = encrypt_then_mac<null_cipher, some_mac>;

struct half : whole {
    void open() = delete;
};

#ifdef IPSECPP_LEGAL
static_assert(explain_esp_suite<whole>());
#else
static_assert(explain_esp_suite<half>());
#endif
