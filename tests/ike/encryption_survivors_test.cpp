// Public key encryption, where a change of the code went unseen: by which key of ours a peer may speak to us, and what follows
// where a public value cannot be read.
#include <algorithm>
#include <set>

#include "support/sealing_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using isakmp::oakley_authentication;
using testing::side;

namespace {

using message = std::vector<std::byte>;

auto configured(bool left, oakley_authentication method) -> v1::config {
    auto c = sealing_config(left, method);
    c.peers[0].modes = {.begin_aggressive = left, .accept_aggressive = !left, .accept_main = false};
    return c;
}
/// A responder of two peers from anywhere, each spoken to by a key of ours of its own; the left end is the second one.
auto two_keys(oakley_authentication method) -> v1::config {
    auto c = configured(false, method), other = configured(false, method);
    c.peers[0].path.remote.address = other.peers[0].path.remote.address = ip::address::v4(0, 0, 0, 0);
    other.peers[0].remote_id = *ike::identity::of_text(ike::id_type::fqdn, "other.example");
    other.peers[0].keys.decrypt_with = {{crypto::decryption_key{0}, certificates[0]}};
    other.peers[0].children[0].policy = sa::policy_id{102};
    c.peers[0].keys.decrypt_with[0].certificate = certificates[1];
    c.peers.insert(c.peers.begin(), std::move(other.peers[0]));
    return c;
}
/// A message 3 of nobody: protected, by its flag, with the cookies of message 2.
auto made_up_third(const message& second) -> message {
    auto h = *isakmp::header::parse(second);
    h.flags = isakmp::encrypted;
    h.next_payload = isakmp::payload_type::hash;
    message m(isakmp::header::size + 32, std::byte{0x5a});
    h.length = static_cast<std::uint32_t>(m.size());
    h.emit(byte_span{m}.first<isakmp::header::size>());
    return m;
}
/// The body of a payload of a message in the clear.
auto body_of(message& m, isakmp::payload_type t) -> byte_span {
    const auto h = isakmp::header::parse(m);
    const auto in = isakmp::chain::parse(h->next_payload, byte_view{m}.subspan(isakmp::header::size));
    REQUIRE(in);
    const auto* p = in->find(t);
    REQUIRE(p != nullptr);
    return byte_span{m}.subspan(static_cast<std::size_t>(p->body.data() - m.data()), p->body.size());
}

}  // namespace

// req: rfc2409-5.2-m1
TEMPLATE_TEST_CASE("a peer that encrypts to a key of ours which is for another one is not known by its name",
                   "[ike][aggressive][encryption]", sealing_ends, deferred_sealing_ends) {
    for (const auto method : sealing_methods)
        for (const bool own_key : {true, false}) {
            CAPTURE(name_of(method), own_key);
            auto l = configured(true, method);
            l.peers[0].keys.peer_keys[0].certificate = certificates[own_key ? 1 : 0];
            if (!own_key) l.peers[0].keys.peer_keys[0].key = {pki::spki(keys::rsa_2048)};
            TestType ends{std::move(l), two_keys(method)};
            REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
            REQUIRE(ends.run(seconds(400)));
            CHECK(ends.right.established.size() == (own_key ? 1 : 0));
            CHECK(ends.left.table.size() == (own_key ? 2 : 0));
        }
}

// pitfall 10
TEMPLATE_TEST_CASE("whatever message 1 held, a made-up message 3 costs the same steps and is refused by the same name",
                   "[ike][aggressive][encryption][cve-37]", sealing_ends, deferred_sealing_ends) {
    for (const auto method : sealing_methods) {
        std::vector<std::vector<std::string>> calls;
        for (const auto how : {lie::none, lie::other_text, lie::short_text, lie::no_padding, lie::out_of_range}) {
            CAPTURE(name_of(method), static_cast<int>(how));
            TestType ends{configured(true, method), configured(false, method)};
            keyed_of(ends.left).how = how;
            REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
            // Until message 2 is on its way; the initiator gets to see it never.
            for (int i = 0; i < 4; ++i) {
                ends.answer_tickets(ends.left);
                ends.flush(ends.left, side::left);
            }
            REQUIRE(!ends.sent.empty());
            ends.wire.cut();
            ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), ends.sent[0].octets);
            for (int i = 0; i < 4; ++i) ends.answer_tickets(ends.right);
            ends.flush(ends.right, side::right);
            const auto& second = ends.sent.back();
            REQUIRE(second.from == side::right);
            keyed_of(ends.right).calls.clear();
            ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), made_up_third(second.octets));
            for (int i = 0; i < 4; ++i) ends.answer_tickets(ends.right);
            ends.flush(ends.right, side::right);
            CHECK(count_of(keyed_of(ends.right).calls, "agree") == 1);
            CHECK(ends.right.record.count(errc::not_decryptable) == 1);
            CHECK(ends.right.failures.empty());
            CHECK(ends.right.ike.half_open_count() == 1);
            calls.push_back(keyed_of(ends.right).calls);
        }
        for (const auto& c : calls) CHECK(c == calls[0]);
    }
}

// req: rfc2409-5.3-1
TEMPLATE_TEST_CASE("a message 2 that cannot be read ends nothing: the genuine one may come yet",
                   "[ike][aggressive][encryption][cve-33]", sealing_ends, deferred_sealing_ends) {
    using enum isakmp::payload_type;
    for (const auto method : sealing_methods)
        for (const auto spoilt : {nonce, key_exchange, identification, isakmp::payload_type::hash}) {
            CAPTURE(name_of(method), static_cast<int>(spoilt));
            TestType ends{configured(true, method), configured(false, method)};
            REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
            ends.wire.cut();
            const auto turn = [&](auto& end, side s) {
                for (int i = 0; i < 6; ++i) {
                    ends.answer_tickets(end);
                    ends.flush(end, s);
                }
            };
            turn(ends.left, side::left);
            ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), ends.sent.at(0).octets);
            turn(ends.right, side::right);
            const message second = ends.sent.at(1).octets;
            message forged = second;
            const byte_span body = body_of(forged, spoilt);
            body[body.size() / 2] ^= std::byte{1};
            ends.left.ike.handle_datagram(ends.now(), left_path, forged);
            turn(ends.left, side::left);
            CHECK(ends.left.established.empty());
            CHECK(ends.left.failures.empty());
            CHECK(ends.left.record.count(errc::bad_hash) == 1);
            ends.left.ike.handle_datagram(ends.now(), left_path, second);
            turn(ends.left, side::left);
            CHECK(ends.left.established.size() == 1);
        }
}

// pitfall 10
TEST_CASE("how many octets stand for a text that is none looks like a text's, and is the same for the same block",
          "[ike][encryption][cve-37]") {
    sealing_provider crypto;
    null_observer nobody;
    const v1::peer_config peer;
    v1::environment<sealing_provider, null_observer> e{instant{}, crypto, nobody, peer, v1::peer_id{0}};
    v1::agreed_ike agreed;
    const auto size_for = [&](std::uint8_t n, std::size_t block) {
        crypto::rsa_block b = crypto::rsa_block::zeros(block);
        b.octets()[0] = std::byte{0xff};  // no padding
        b.octets()[20] = std::byte{n};
        const auto text = v1::phase_1::unpadded<256>(b, v1::phase_1::nonce_size, agreed, e);
        REQUIRE(text);
        return text->size();
    };
    for (const std::size_t block : {std::size_t{128}, std::size_t{256}, std::size_t{512}}) {
        CAPTURE(block);
        const std::size_t most = std::min<std::size_t>(256, block - 11);
        std::set<std::size_t> sizes;
        std::size_t below_the_middle = 0;
        for (unsigned n = 0; n < 256; ++n) {
            const auto size = size_for(static_cast<std::uint8_t>(n), block);
            CHECK(size == size_for(static_cast<std::uint8_t>(n), block));
            CHECK((size >= 8 && size <= most));
            sizes.insert(size);
            below_the_middle += size < (8 + most) / 2 ? 1U : 0U;
        }
        CHECK(sizes.size() > 60);
        CHECK((below_the_middle > 90 && below_the_middle < 166));
    }
    // What is there comes back as it is.
    crypto::rsa_block good = crypto::rsa_block::zeros(256);
    REQUIRE(crypto::pkcs1::pad(message(40, std::byte{9}), crypto, good.octets()));
    CHECK(v1::phase_1::unpadded<256>(good, v1::phase_1::nonce_size, agreed, e) == message(40, std::byte{9}));
}
