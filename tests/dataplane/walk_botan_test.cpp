// The walks with real cryptography.
#include "dataplane/walks.hpp"

#include "ipsec/crypto/botan/suite.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using namespace ipsec::test;
using crypto::encryption_id;
using crypto::integrity_id;
namespace botan = crypto::botan;

namespace {
auto gateway_maker(crypto::transform t, integrity_id ah) -> maker<botan::gateway_suite, botan::any_mac> {
    return {[t] { return *botan::make_esp_suite(t); }, [ah] { return *botan::make_mac(ah); }};
}
}  // namespace

// req: rfc2401-4.5-1, rfc2401-4.5-2, rfc2401-4.5-3
TEST_CASE("packets get through every combination of SAs with Botan", "[dataplane][walk][botan]") {
    struct row {
        const char* name;
        crypto::transform t;
        integrity_id ah;
    };
    const std::vector<row> rows{
        {"aes128-sha1", {encryption_id::aes_cbc, 128, integrity_id::hmac_sha1_96}, integrity_id::hmac_sha1_96},
        {"3des-sha256", {encryption_id::des3_cbc, 0, integrity_id::hmac_sha2_256_128}, integrity_id::hmac_sha2_256_128},
        {"null-sha512", {encryption_id::null, 0, integrity_id::hmac_sha2_512_256}, integrity_id::hmac_sha2_512_256},
        {"aes256gcm16", {encryption_id::aes_gcm_16, 256, integrity_id::none}, integrity_id::hmac_sha2_384_192},
        {"chacha20poly1305", {encryption_id::chacha20_poly1305, 0, integrity_id::none}, integrity_id::hmac_sha1_96},
    };
    for (const auto& r : rows) {
        CAPTURE(r.name);
        carry_every_shape(gateway_maker(r.t, r.ah), 24);
    }
}

// req: rfc2406-3.4.4-1, rfc2402-3.4.4-1
TEST_CASE("a changed octet costs the packet and nothing else with Botan", "[dataplane][walk][botan]") {
    drop_every_forgery(gateway_maker({encryption_id::aes_cbc, 128, integrity_id::hmac_sha1_96}, integrity_id::hmac_sha1_96),
                       sa::protocol::esp);
    drop_every_forgery(gateway_maker({encryption_id::aes_gcm_16, 128, integrity_id::none}, integrity_id::hmac_sha1_96),
                       sa::protocol::esp);
    drop_every_forgery(gateway_maker({encryption_id::aes_cbc, 128, integrity_id::hmac_sha1_96}, integrity_id::hmac_sha2_256_128),
                       sa::protocol::ah);
}
