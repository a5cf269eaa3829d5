#include "ipsec/fmt.hpp"

#include <array>

#include "ipsec/crypto/proposal_name.hpp"
#include "ipsec/esp/errc.hpp"
#include "ipsec/ip/prefix.hpp"
#include "ipsec/isakmp/payload.hpp"
#include "support/catch.hpp"

using namespace ipsec;

TEST_CASE("what has a name or a text prints it", "[fmt]") {
    CHECK(fmt::format("{}", esp::errc::replayed) == name_of(esp::errc::replayed));
    CHECK(fmt::format("{:>12}|", ip::address::v4(10, 1, 0, 1)) == "    10.1.0.1|");
    CHECK(fmt::format("{}", *ip::parse_address("fd01::1")) == "fd01::1");
    CHECK(fmt::format("{}", isakmp::payload_type::nonce) == name_of(isakmp::payload_type::nonce));
    CHECK(fmt::format("{}", crypto::transform{crypto::encryption_id::aes_cbc, 128, crypto::integrity_id::hmac_sha1_96}) ==
          "aes128-sha1");
}

TEST_CASE("an open enum's unknown value prints as its number", "[fmt]") {
    const auto unknown = static_cast<isakmp::payload_type>(201);
    CHECK(fmt::format("{}", unknown) == (name_of(unknown).empty() ? std::string{"201"} : std::string{name_of(unknown)}));
}

TEST_CASE("an SPI prints as eight digits and a secret as its length", "[fmt]") {
    CHECK(fmt::format("{}", sa::spi{0xc956}) == "0x0000c956");
    const std::array key{std::byte{0xde}, std::byte{0xad}};
    CHECK(fmt::format("{}", secret<16>{key}) == "<2 secret octets>");
}
