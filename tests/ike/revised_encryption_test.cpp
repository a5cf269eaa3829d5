// The revised mode of public key encryption octet by octet: what the messages hold, put together here by hand from RFC 2409 §5.3
// with nothing of the library's own derivation, and what a message must not look like.
#include <botan/hash.h>
#include <botan/mac.h>

#include <algorithm>

#include "support/catch.hpp"
#include "support/sealing_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using isakmp::payload_type;

namespace {

using octets = std::vector<std::byte>;
const octets certificate(300, std::byte{0x30});

auto configured(bool left, crypto::encryption_id cipher, std::uint16_t bits) -> v1::config {
    auto c = ike_config(left);
    auto& p = c.peers[0];
    constexpr auto method = isakmp::oakley_authentication::revised_rsa_encryption;
    p.psk = {};
    p.suites = {{cipher, bits, crypto::hash_id::sha1, crypto::group_id::modp1024, method}};
    p.keys.decrypt_with.push_back({crypto::decryption_key{left ? 0U : 1U}, left ? certificate : octets{}});
    p.keys.peer_keys.push_back({method, {pki::spki(left ? keys::rsa_2048_pkcs8 : keys::rsa_2048)}, {}});
    return c;
}
auto hmac_sha1(byte_view key, byte_view text) -> octets {
    auto mac = Botan::MessageAuthenticationCode::create_or_throw("HMAC(SHA-1)");
    mac->set_key(reinterpret_cast<const std::uint8_t*>(key.data()), key.size());
    mac->update(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    const auto out = mac->final();
    const auto view = std::as_bytes(std::span{out});
    return {view.begin(), view.end()};
}
auto sha1(byte_view text) -> octets {
    auto hash = Botan::HashFunction::create_or_throw("SHA-1");
    hash->update(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    const auto out = hash->final();
    const auto view = std::as_bytes(std::span{out});
    return {view.begin(), view.end()};
}
/// What is in a block of PKCS#1 type 2: everything behind the first zero after its two octets.
auto unpadded(byte_view block) -> octets {
    REQUIRE(block[1] == std::byte{2});
    const auto end = std::find(block.begin() + 2, block.end(), std::byte{0});
    REQUIRE(end != block.end());
    return {end + 1, block.end()};
}
auto chain_of(byte_view datagram) -> isakmp::chain {
    const auto h = isakmp::header::parse(datagram);
    REQUIRE(h);
    const auto chain = isakmp::chain::parse(h->next_payload, datagram.subspan(isakmp::header::size));
    REQUIRE(chain);
    return *chain;
}

}  // namespace

// req: rfc2409-5.3-2, rfc2409-5.3-4
// pitfall 9: Ne, the IVs of a direction, padding that is always there and counts without itself.
TEST_CASE("messages 3 and 4 of the revised mode hold what the RFC says", "[ike][encryption][IKE1-042]") {
    struct cipher {
        crypto::encryption_id id;
        std::uint16_t bits;
        std::size_t key, block;
    };
    for (const auto& c :
         {cipher{crypto::encryption_id::aes_cbc, 128, 16, 16}, cipher{crypto::encryption_id::aes_cbc, 256, 32, 16},
          cipher{crypto::encryption_id::des3_cbc, 0, 24, 8}}) {
        CAPTURE(static_cast<int>(c.id), c.bits);
        sealing_ends ends{configured(true, c.id, c.bits), configured(false, c.id, c.bits)};
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(30)));
        REQUIRE(ends.left.established.size() == 1);
        REQUIRE(ends.right.established.size() == 1);
        for (const bool third : {true, false}) {
            const auto& m = ends.sent[third ? 2 : 3].octets;
            const auto in = chain_of(m);
            REQUIRE(in.size() == (third ? 6 : 5));
            CHECK(in[0].type == payload_type::nonce);
            CHECK(in[1].type == payload_type::key_exchange);
            CHECK(in[2].type == payload_type::identification);
            const byte_view sealed[] = {in[0].body};
            const auto block = ends.left.crypto.keys().decrypt_raw(crypto::decryption_key{third ? 1U : 0U}, sealed);
            REQUIRE(block);
            const auto nonce = unpadded((*block)[0].view());
            CHECK(nonce.size() == 32);
            // Ne = prf(N_b, CKY); Ke its first octets, or K1 | K2 with K1 = prf(Ne, 0), K2 = prf(Ne, K1)
            const auto ne = hmac_sha1(nonce, byte_view{m}.subspan(third ? 0 : 8, 8));
            auto ke = ne;
            if (c.key > ne.size()) {
                ke = hmac_sha1(ne, octets(1));
                const auto k2 = hmac_sha1(ne, ke);
                ke.insert(ke.end(), k2.begin(), k2.end());
            }
            ke.resize(c.key);
            for (const auto* end : {&ends.left, &ends.right}) CHECK((third ? end->record.ke_i : end->record.ke_r) == hex(ke));
            // One text: the IV of each payload is the last block of the one before, that of the first is zero.
            octets text, plain;
            std::vector<std::size_t> sizes;
            for (std::size_t i = 1; i < in.size(); ++i) {
                text.insert(text.end(), in[i].body.begin(), in[i].body.end());
                sizes.push_back(in[i].body.size());
            }
            plain = text;
            REQUIRE(ends.left.crypto.decrypt(c.id, ke, octets(c.block), plain));
            // 128 octets of a public value, then a whole block of padding: there always is some.
            CHECK(sizes[0] == 128 + c.block);
            for (std::size_t i = 128; i + 1 < sizes[0]; ++i) CHECK(plain[i] == std::byte{0});
            CHECK(plain[sizes[0] - 1] == static_cast<std::byte>(c.block - 1));
            // ID_IPV4_ADDR, no protocol, no port, the address; 8 octets, so that the rest of the block is padding.
            const byte_view id = byte_view{plain}.subspan(sizes[0], sizes[1]);
            CHECK(hex(id.first(8)) == (third ? "01000000c0000201" : "01000000c6336401"));
            CHECK(sizes[1] == 16);
            CHECK(hex(id.last(8)) == "0000000000000007");
            if (third) {  // a certificate for key exchange
                const byte_view cert = byte_view{plain}.subspan(sizes[0] + sizes[1]);
                CHECK(in[3].type == payload_type::certificate);
                CHECK(cert[0] == std::byte{5});
                CHECK(std::ranges::equal(cert.subspan(1, certificate.size()), certificate));
            }
            // NAT-D is behind the nonce, and encrypted with the rest: the receiver's address, then the sender's.
            const std::size_t each = sizes[sizes.size() - 1];
            for (const bool first : {true, false}) {
                octets claim{m.begin(), m.begin() + 16};
                const auto at = first == third ? std::array{198_b, 51_b, 100_b, 1_b} : std::array{192_b, 0_b, 2_b, 1_b};
                claim.insert(claim.end(), at.begin(), at.end());
                for (const auto b : {1_b, 0xf4_b}) claim.push_back(b);
                const byte_view nat = byte_view{plain}.last(first ? 2 * each : each).first(each);
                CHECK(std::ranges::equal(nat.first(20), sha1(claim)));
                CHECK(nat.back() == static_cast<std::byte>(c.block - 1 - 20 % c.block));
            }
            CHECK(in[in.size() - 1].type == payload_type::nat_d);
            CHECK(in[in.size() - 2].type == payload_type::nat_d);
        }
    }
}

// req: rfc2409-5.3-1, rfc2409-5.3-2, rfc2409-5.3-4
TEST_CASE("a nonce that does not stand first, and a text of no whole blocks, are refused", "[ike][encryption]") {
    sealing_ends ends{configured(true, crypto::encryption_id::aes_cbc, 128),
                      configured(false, crypto::encryption_id::aes_cbc, 128)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    std::vector<std::byte> scratch(8192);
    const auto one = ends.left.ike.poll_transmit(scratch);
    REQUIRE(one);
    ends.right.ike.handle_datagram(ends.now(), ike::reversed(one->path), one->octets);
    std::vector<std::byte> scratch_r(8192);
    const auto two = ends.right.ike.poll_transmit(scratch_r);
    REQUIRE(two);
    ends.left.ike.handle_datagram(ends.now(), ike::reversed(two->path), two->octets);
    const auto three = ends.left.ike.poll_transmit(scratch);
    REQUIRE(three);
    const auto in = chain_of(three->octets);
    const auto h = isakmp::header::parse(three->octets);
    struct part {
        payload_type type;
        octets body;
    };
    const auto send = [&](const std::vector<part>& parts) {
        octets room(8192);
        isakmp::builder b{room};
        b.start(*h);
        for (const auto& p : parts) b.add(p.type, p.body);
        const auto all = b.finish();
        REQUIRE(all);
        const auto before = ends.right.record.audits.size();
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(three->path), *all);
        REQUIRE(ends.right.record.audits.size() == before + 1);
        return ends.right.record.audits.back().why;
    };
    const auto of = [&](std::size_t i) { return part{in[i].type, {in[i].body.begin(), in[i].body.end()}}; };
    const part hash{payload_type::hash, octets(20)};
    CHECK(send({of(1), of(0), of(2)}) == errc::malformed);
    CHECK(send({of(0), hash, of(1), of(2)}) == errc::malformed);
    CHECK(send({of(1), hash, of(0), of(2)}) == errc::malformed);
    CHECK(send({of(0), of(1)}) == errc::malformed);
    CHECK(send({of(0), of(1), {payload_type::identification, octets(17)}}) == errc::not_decryptable);
    CHECK(send({{payload_type::nonce, octets(257)}, of(1), of(2)}) == errc::not_decryptable);
    // The message itself is still welcome.
    ends.right.ike.handle_datagram(ends.now(), ike::reversed(three->path), three->octets);
    CHECK(ends.right.ike.poll_transmit(scratch_r));
}
