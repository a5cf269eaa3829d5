// informational.hpp: HASH(1) over what is in it, an IV of its own, and nothing let in that does not hold.
#include <algorithm>

#include "ipsec/ike/v1/informational.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
namespace v1 = ipsec::ike::v1;
namespace info = v1::informational;
using ike::errc;
using test::hex;

namespace {
auto keys() -> v1::main_mode::keyed {
    v1::main_mode::keyed k;
    k.cky = {isakmp::cookie_i{std::array<std::byte, 8>{std::byte{1}}}, isakmp::cookie_r{std::array<std::byte, 8>{std::byte{2}}}};
    k.agreed.suite = {crypto::encryption_id::aes_cbc, 128, crypto::hash_id::sha1, crypto::group_id::modp768};
    k.prf = crypto::prf_id::hmac_sha1;
    for (auto* d : {&k.keys.skeyid, &k.keys.skeyid_d, &k.keys.skeyid_a, &k.keys.skeyid_e}) *d = crypto::digest::zeros(20);
    k.cipher = {crypto::encryption_id::aes_cbc, 16, v1::encryption_key::zeros(16)};
    k.next = v1::make_iv(v1::octets(16));
    return k;
}
}  // namespace

// req: rfc2408-5.15-3, rfc2408-5.14-2
// pitfall 27; req: rfc2408-3.15-1, rfc2408-3.15-2, rfc2408-5.14-3, rfc2408-5.14-4, rfc2408-5.14-5, rfc2408-5.14-6
// req: rfc2408-5.14-7, rfc2408-5.14-8, rfc2408-5.14-9, rfc2408-5.15-4, rfc2408-5.15-5, rfc2408-5.15-6, rfc2408-5.15-7
// req: rfc2408-5.15-8, rfc2408-5.15-9
TEST_CASE("Delete and Notify bodies, octet for octet", "[ike][informational]") {
    CHECK(hex(info::delete_of(isakmp::protocol_id::ipsec_esp, std::array{0x1001U, 0x1002U}).body) ==
          "00000001" "03" "04" "0002" "00001001" "00001002");
    CHECK(hex(info::delete_of(keys().cky).body) == "00000001" "01" "10" "0001" "0100000000000000" "0200000000000000");
    CHECK(hex(info::notify_of(isakmp::notify_type::no_proposal_chosen, isakmp::protocol_id::ipsec_ah, test::unhex("00001001"),
                              test::unhex("ff"))
                  .body) == "00000001" "02" "04" "000e" "00001001" "ff");
}

// req: rfc2409-5.7-1, rfc2408-4.8-1
// req: rfc2407-4.6.3-1, rfc2408-5.14-11, rfc2408-5.14-14, rfc2408-5.15-11, rfc2408-5.15-13, rfc2409-B-3
TEST_CASE("what one end writes the other lets in; nothing else", "[ike][informational]") {
    testing::identity_provider p;
    const auto k = keys();
    info::content c;
    c.payloads.push_back(info::delete_of(k.cky));
    c.payloads.push_back(info::notify_of(isakmp::notify_type::initial_contact, isakmp::protocol_id::isakmp, k.cky.octets()));
    const isakmp::message_id id{0x01020304};
    const auto m = info::write(c, id, k, p);
    REQUIRE(m);
    const auto h = *isakmp::header::parse(m->datagram);
    CHECK(h.exchange == isakmp::exchange_type::informational);
    CHECK(h.flags.encrypted());
    CHECK(h.id == id);
    CHECK(h.cookies() == k.cky);
    CHECK(h.length == m->datagram.size());
    CHECK((m->datagram.size() - 28) % 16 == 0);
    const auto in = info::admit(h, m->datagram, k, p);
    REQUIRE(in);
    CHECK(in->chain.size() == 3);
    CHECK(in->chain[0].type == isakmp::payload_type::hash);
    CHECK(std::ranges::equal(in->chain[1].body, c.payloads[0].body));
    CHECK(std::ranges::equal(in->chain[2].body, c.payloads[1].body));

    const auto why = [&](v1::octets octets, auto change) {
        change(octets);
        const auto r = info::admit(*isakmp::header::parse(octets), octets, k, p);
        return r ? std::nullopt : std::optional{r.error().why};
    };
    CHECK(why(m->datagram, [](auto&) {}) == std::nullopt);
    CHECK(why(m->datagram, [](auto& o) { o[40] ^= std::byte{1}; }) == errc::bad_hash);                // the HASH itself
    CHECK(why(m->datagram, [](auto& o) { o[28 + 24 + 12] ^= std::byte{1}; }) == errc::bad_hash);      // a cookie in the Delete
    CHECK(why(m->datagram, [](auto& o) { o[23] ^= std::byte{1}; }) == errc::bad_hash);                // another message ID
    CHECK(why(m->datagram, [](auto& o) { o[20] = o[21] = o[22] = o[23] = std::byte{0}; }) == errc::malformed);
    CHECK(why(m->datagram, [](auto& o) { o[19] = std::byte{0}; }) == errc::wrong_flags);
    CHECK(why(m->datagram, [](auto& o) { o.pop_back(); }) == errc::not_decryptable);
    CHECK(why(m->datagram, [](auto& o) { o.resize(28); }) == errc::not_decryptable);
    CHECK(why(m->datagram, [](auto& o) { o[16] = std::byte{11}; }) == errc::malformed);  // not HASH first
    auto other = keys();
    other.keys.skeyid_a.octets()[0] = std::byte{1};
    CHECK(info::admit(h, m->datagram, other, p).error().why == errc::bad_hash);
    // In the clear there is no HASH, and it is never let in as if there were one.
    const auto clear = info::write_clear(c, id, k.cky);
    REQUIRE(clear);
    CHECK_FALSE(isakmp::header::parse(clear->datagram)->flags.encrypted());
    CHECK(info::admit(*isakmp::header::parse(clear->datagram), clear->datagram, k, p).error().why == errc::wrong_flags);
}
