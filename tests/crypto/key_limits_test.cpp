#include "ipsec/crypto/algorithm_limits.hpp"

#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/crypto/proposal_name.hpp"
#include "support/catch.hpp"
#include "crypto/vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;

// req: rfc3686-7-4, rfc4309-9-3
TEST_CASE("the limits of a key follow from block and mode", "[crypto][key_limits]") {
    struct row {
        transform pair;
        std::uint64_t octets, packets;
    };
    using enum encryption_id;
    using enum integrity_id;
    constexpr auto free = key_limits::none;
    constexpr std::uint64_t birthday = std::uint64_t{32} << 30;
    const auto r = GENERATE_COPY(values<row>({
        {{des_cbc, 0, hmac_sha1_96}, birthday, free},
        {{des3_cbc, 0, hmac_md5_96}, birthday, free},
        {{blowfish_cbc, 448, hmac_sha1_96}, birthday, free},
        {{cast128_cbc, 128, hmac_sha1_96}, birthday, free},
        {{idea_cbc, 0, aes_cmac_96}, birthday, std::uint64_t{1} << 48},
        {{aes_cbc, 256, hmac_sha2_256_128}, free, free},
        {{aes_cbc, 256, aes_xcbc_96}, free, std::uint64_t{1} << 48},
        {{aes_gcm_16, 256, none}, free, free},
        {{aes_ctr, 128, hmac_sha1_96}, free, free},
        {{aes_ccm_16, 128, none}, std::uint64_t{1} << 62, std::uint64_t{1} << 58},
        {{chacha20_poly1305, 0, none}, free, free},
    }));
    const auto s = botan::make_esp_suite(r.pair).value();
    CAPTURE(to_text(r.pair).view());
    CHECK(s.limits() == key_limits{r.octets, r.packets});
    CHECK(limits_of(s) == s.limits());
}

TEST_CASE("a user's own parts that state no limit have none", "[crypto][key_limits]") {
    CHECK(limits_of(testing::identity_suite{}) == key_limits{});
    CHECK(limits_of(testing::checksum_mac{}) == key_limits{});
}
