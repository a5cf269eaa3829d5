// Padding against traffic analysis in the language of ip xfrm.
#include <string>

#include "ipsec/xfrm/manual_sa.hpp"
#include "ipsec/xfrm/parse.hpp"
#include "ipsec/xfrm/write.hpp"
#include "support/catch.hpp"

using namespace ipsec;

namespace {
/// What a kernel of Linux 6.1 listed, iproute2 6.1; the first state pads to more than fits into any packet.
constexpr const char* listing =
    "src 192.0.2.1 dst 192.0.2.2\n"
    "\tproto esp spi 0x00001004 reqid 0 mode tunnel\n"
    "\treplay-window 0 \n"
    "\taead rfc4106(gcm(aes)) 0x000102030405060708090a0b0c0d0e0f10111213 128\n"
    "\tanti-replay esn context:\n"
    "\t seq-hi 0x0, seq 0x0, oseq-hi 0x0, oseq 0x0\n"
    "\t replay_window 64, bitmap-length 2\n"
    "\t 00000000 00000000 \n"
    "\ttfcpad 70000\n"
    "\tsel src 0.0.0.0/0 dst 0.0.0.0/0 \n"
    "src 192.0.2.1 dst 192.0.2.2\n"
    "\tproto esp spi 0x00001001 reqid 1 mode tunnel\n"
    "\treplay-window 32 \n"
    "\taead rfc4106(gcm(aes)) 0x000102030405060708090a0b0c0d0e0f10111213 128\n"
    "\tencap type espinudp sport 4500 dport 4500 addr 0.0.0.0\n"
    "\tanti-replay context: seq 0x0, oseq 0x0, bitmap 0x00000000\n"
    "\ttfcpad 700\n"
    "\tsel src 0.0.0.0/0 dst 0.0.0.0/0 \n";
const std::string gcm = " aead rfc4106(gcm(aes)) 0x000102030405060708090a0b0c0d0e0f10111213 128\n";
}  // namespace

// req: rfc4303-2.7-4
TEST_CASE("the kernel's tfcpad is padding to a size", "[xfrm][tfc]") {
    using kind = sa::tfc_policy::kind;
    const auto f = xfrm::parse(listing);
    REQUIRE(f);
    REQUIRE(f->states.size() == 2);  // the newest is listed first
    CHECK(f->states[0].tfcpad == 700);
    CHECK(xfrm::parameters_of(f->states[0]).tfc == sa::tfc_policy{.what = kind::to_size, .size = 700});
    CHECK(xfrm::parameters_of(f->states[1]).tfc == sa::tfc_policy{.what = kind::to_size, .size = 65535});
    for (const auto form : {xfrm::form::listing, xfrm::form::batch}) {
        std::array<char, 2 * xfrm::state::max_text> room{};
        std::string text;
        for (std::size_t i = 2; i-- > 0;) text += *xfrm::write(room, f->states[i], form);
        if (form == xfrm::form::listing) CHECK(text == listing);
        const auto again = xfrm::parse(text);
        REQUIRE(again);
        CHECK(again->states[form == xfrm::form::listing ? 0 : 1] == f->states[0]);
    }
    const auto none = xfrm::parse("state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1001 mode tunnel" + gcm);
    REQUIRE(none);
    CHECK_FALSE(xfrm::parameters_of(none->states[0]).tfc);
}

TEST_CASE("only a tunnel says how long the packet is that was padded, so tfcpad elsewhere is refused", "[xfrm][tfc]") {
    const std::string before = "state add src 192.0.2.1 dst 192.0.2.2 proto ";
    for (const std::string& text :
         {before + "esp spi 0x1001 mode transport tfcpad 700" + gcm, before + "esp spi 0x1001 tfcpad 700" + gcm,
          before + "ah spi 0x1001 mode tunnel tfcpad 700 auth md5 sixteen_octets_!\n"}) {
        CAPTURE(text);
        const auto f = xfrm::parse(text);
        REQUIRE_FALSE(f);
        CHECK(f.error().code == xfrm::errc::unsupported);
        CHECK(f.error().column == text.find("tfcpad") + 1);
        CHECK(f.error().word == "tfcpad");
    }
}
