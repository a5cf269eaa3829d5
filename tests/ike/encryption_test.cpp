// Main Mode with public key encryption: known keys and HASH(1), good links and bad ones, and what nobody may learn from a
// responder that cannot decrypt.
#include <algorithm>

#include "ipsec/crypto/botan/public_key_provider.hpp"
#include "support/catch.hpp"
#include "support/ike_ends.hpp"
#include "support/test_pki.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using isakmp::oakley_authentication;
using testing::fate;

namespace {

/// What a sender makes of one of its cipher texts.
enum class lie { none, other_text, short_text, no_padding, out_of_range, too_short, empty_text };

/// A Botan provider with two keys to decrypt by, that remembers what it was asked, and lies about cipher texts if told.
template <class Base> struct keyed : Base {
    explicit keyed(std::uint64_t = 0) {
        REQUIRE(this->keys().add_decryption(keys::unbase64(keys::rsa_2048)));
        REQUIRE(this->keys().add_decryption(keys::unbase64(keys::rsa_2048_pkcs8)));
    }
    template <class Group> auto generate(crypto::ticket t, const Group& g) noexcept {
        calls.emplace_back("generate");
        return Base::generate(t, g);
    }
    auto agree(crypto::ticket t, const typename Base::dh_key& k, byte_view peer) noexcept {
        calls.emplace_back("agree");
        return Base::agree(t, k, peer);
    }
    auto fill(byte_span out) noexcept {
        calls.emplace_back("fill " + std::to_string(out.size()));
        return Base::fill(out);
    }
    auto hash(crypto::hash_id h, std::span<const byte_view> parts) noexcept {
        calls.emplace_back("hash");
        return Base::hash(h, parts);
    }
    auto prf(crypto::prf_id p, byte_view key, std::span<const byte_view> parts) noexcept {
        calls.emplace_back("prf");
        return Base::prf(p, key, parts);
    }
    auto encrypt(crypto::encryption_id c, byte_view key, byte_view iv, byte_span text) noexcept {
        calls.emplace_back("encrypt " + std::to_string(text.size()));
        return Base::encrypt(c, key, iv, text);
    }
    auto decrypt(crypto::encryption_id c, byte_view key, byte_view iv, byte_span text) noexcept {
        calls.emplace_back("decrypt " + std::to_string(text.size()));
        return Base::decrypt(c, key, iv, text);
    }
    auto decrypt_raw(crypto::ticket t, crypto::decryption_key k, std::span<const byte_view> pieces) noexcept {
        calls.emplace_back("decrypt_raw " + std::to_string(pieces.size()));
        return Base::decrypt_raw(t, k, pieces);
    }
    auto encrypt_to(crypto::ticket t, const crypto::public_key& k, std::span<const byte_view> pieces) noexcept {
        calls.emplace_back("encrypt_to " + std::to_string(pieces.size()));
        if (how == lie::none) return Base::encrypt_to(t, k, pieces);
        const std::size_t at = std::min(which, pieces.size() - 1);
        std::vector<byte_view> said(pieces.begin(), pieces.end());
        const std::vector<std::byte> other(32, std::byte{7});
        if (how == lie::other_text) said[at] = other;
        if (how == lie::short_text) said[at] = byte_view{other}.first(4);
        auto made = Base::encrypt_to(t, k, said);
        if (!made || !*made) return made;
        auto& text = (**made)[at];
        if (how == lie::no_padding) text[100] ^= std::byte{1};
        if (how == lie::out_of_range) std::ranges::fill(text, std::byte{0xff});
        if (how == lie::too_short) text.resize(200);
        if (how == lie::empty_text) text.clear();
        return made;
    }
    std::vector<std::string> calls;
    lie how = lie::none;
    std::size_t which = 1;
};
using immediate = ike_ends<keyed<crypto::botan::public_key_provider>>;
using deferred = ike_ends<testing::deferred_dh<keyed<crypto::botan::public_key_provider>>>;
/// The provider itself, also where its answers are deferred.
template <class End> auto keyed_of(End& end) -> auto& {
    if constexpr (requires { end.crypto.inner(); }) return end.crypto.inner();
    else return end.crypto;
}

const std::vector<std::byte> certificates[] = {std::vector<std::byte>(700, std::byte{0x30}),
                                               std::vector<std::byte>(800, std::byte{0x31})};
constexpr std::array methods{oakley_authentication::rsa_encryption, oakley_authentication::revised_rsa_encryption};

/// The left end begins, and decrypts by the first key; the right one by the second. Each knows the other's key.
auto configured(bool left, oakley_authentication method, crypto::hash_id hash = crypto::hash_id::sha1) -> v1::config {
    auto c = ike_config(left);
    auto& p = c.peers[0];
    p.psk = {};
    p.local_id = *ike::identity::of_text(ike::id_type::fqdn, left ? "left.example" : "gw.example.org");
    p.remote_id = *ike::identity::of_text(ike::id_type::fqdn, left ? "gw.example.org" : "left.example");
    p.suites = {{crypto::encryption_id::aes_cbc, 128, hash, crypto::group_id::modp1024, method}};
    p.keys.decrypt_with.push_back({crypto::decryption_key{left ? 0U : 1U}, {}});
    p.keys.peer_keys.push_back({method, {pki::spki(left ? keys::rsa_2048_pkcs8 : keys::rsa_2048)}, {}});
    return c;
}
template <class Ends> void check_good_end(Ends& ends) {
    CHECK(ends.left.established.size() == 1);
    CHECK(ends.right.established.size() == 1);
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
    CHECK(ends.left.failures.empty());
    CHECK(ends.right.failures.empty());
}
template <class Ends> void check_nothing_stands(Ends& ends) {
    CHECK((ends.left.established.empty() && ends.right.established.empty()));
    CHECK(ends.left.table.empty());
    CHECK(ends.right.table.empty());
}
/// Everything that the right end did, as far as somebody can see who has no key: its calls, and the sizes of its messages.
struct seen {
    std::vector<std::string> calls;
    std::vector<std::size_t> sent;
    friend auto operator==(const seen&, const seen&) -> bool = default;
};
template <class Ends> auto what_right_did(oakley_authentication method, lie how, std::size_t which) -> seen {
    Ends ends{configured(true, method), configured(false, method)};
    keyed_of(ends.left).how = how;
    keyed_of(ends.left).which = which;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(400)));
    if (how == lie::none) check_good_end(ends);
    else check_nothing_stands(ends);
    seen out{keyed_of(ends.right).calls, {}};
    for (const auto& m : ends.sent)
        if (m.from == testing::side::right) out.sent.push_back(m.octets.size());
    return out;
}

}  // namespace

// req: rfc2409-5.2-1, rfc2409-5.2-2, rfc2409-5.2-m1, rfc2409-5.2-m2
TEMPLATE_TEST_CASE("public key encryption in Main Mode", "[ike][encryption][IKE1-042]", immediate, deferred) {
    for (const auto method : methods)
        for (const auto hash : {crypto::hash_id::md5, crypto::hash_id::sha1, crypto::hash_id::sha2_256})
            for (const bool named : {false, true}) {
                CAPTURE(name_of(method), static_cast<int>(hash), named);
                auto l = configured(true, method, hash), r = configured(false, method, hash);
                if (named) {  // two keys; HASH(1) says which one it is, and it is not the first
                    l.peers[0].keys.peer_keys[0].certificate = certificates[1];
                    r.peers[0].keys.decrypt_with = {{crypto::decryption_key{0}, certificates[0]},
                                                    {crypto::decryption_key{1}, certificates[1]}};
                }
                TestType ends{std::move(l), std::move(r)};
                REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
                REQUIRE(ends.run(seconds(30)));
                check_good_end(ends);
                REQUIRE(ends.left.established.size() == 1);
                CHECK(ends.left.established[0].suite.authentication == method);
                // Identity and nonce are nowhere to be read.
                for (const auto& m : ends.sent) {
                    const auto text = std::string{reinterpret_cast<const char*>(m.octets.data()), m.octets.size()};
                    CHECK(text.find("example") == std::string::npos);
                }
            }
}

// PITFALLS 10: what cannot be decrypted looks like what can until the HASH fails.
TEMPLATE_TEST_CASE("a responder does the same for any cipher text, whatever is in it", "[ike][encryption][cve-37][pitfall-10]",
                   immediate, deferred) {
    for (const auto method : methods) {
        const auto good = what_right_did<TestType>(method, lie::none, 1);
        for (const std::size_t which : {0U, 1U}) {
            if (which == 0 && method == oakley_authentication::revised_rsa_encryption) continue;  // the nonce is all there is
            // What decrypts to something else than the initiator goes on with: no padding is wrong here.
            const auto plain = what_right_did<TestType>(method, lie::other_text, which);
            REQUIRE(plain.sent.size() >= 2);
            CHECK(std::ranges::equal(std::span{good.sent}.first(2), std::span{plain.sent}.first(2)));
            const auto agreed = std::ranges::find(plain.calls, "agree") - plain.calls.begin();
            REQUIRE(static_cast<std::size_t>(agreed) < plain.calls.size());
            CHECK(std::equal(plain.calls.begin(), plain.calls.begin() + agreed, good.calls.begin()));
            for (const auto how : {lie::short_text, lie::no_padding, lie::out_of_range, lie::too_short, lie::empty_text}) {
                CAPTURE(name_of(method), static_cast<int>(how), which);
                CHECK(what_right_did<TestType>(method, how, which) == plain);
            }
        }
    }
}

TEMPLATE_TEST_CASE("encryption to another key, or by another end, proves nobody", "[ike][encryption]", immediate, deferred) {
    for (const auto method : methods)
        for (const auto& [left_lies, has_other_key] : {std::pair{false, false}, {false, true}, {true, false}, {true, true}}) {
            CAPTURE(name_of(method), left_lies, has_other_key);
            auto l = configured(true, method), r = configured(false, method);
            auto& liar = (left_lies ? l : r).peers[0];
            if (has_other_key) liar.keys.decrypt_with[0].key = crypto::decryption_key{left_lies ? 1U : 0U};
            else liar.local_id = *ike::identity::of_text(ike::id_type::fqdn, "other.example");
            TestType ends{std::move(l), std::move(r)};
            REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
            REQUIRE(ends.run(seconds(400)));
            CHECK((ends.left.established.empty() || ends.right.established.empty()));
            CHECK(ends.left.table.empty());
            CHECK(ends.right.table.empty());
        }
}

// req: rfc2408-5.1-9
TEMPLATE_TEST_CASE("encryption over a bad link: one message lost, doubled, swapped or late", "[ike][encryption][bad_link]",
                   immediate, deferred) {
    for (const auto method : methods)
        for (std::size_t i = 0; i < 7U; ++i)
            for (const auto what : {fate::drop, fate::duplicate, fate::swap, fate::delay}) {
                CAPTURE(name_of(method), i, static_cast<int>(what));
                TestType ends{configured(true, method), configured(false, method),
                              typename TestType::link{{}, {{.index = i, .what = what, .from = {}, .extra = milliseconds(500)}}}};
                REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
                REQUIRE(ends.run(seconds(100)));
                check_good_end(ends);
                // Not once more for a message that came twice.
                CHECK(std::ranges::count(keyed_of(ends.right).calls, std::string{"agree"}) == 1);
            }
}

TEST_CASE("a responder spends no RSA before the cookie of message 3 holds", "[ike][encryption][cve-37]") {
    for (const auto method : methods) {
        immediate ends{configured(true, method), configured(false, method)};
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(30)));
        auto third = ends.sent[2].octets;
        third[8] ^= std::byte{1};  // a cookie that nobody made
        immediate fresh{configured(true, method), configured(false, method)};
        fresh.right.ike.handle_datagram(fresh.now(), ike::reversed(ends.sent[2].path), third);
        CHECK(fresh.right.record.count(errc::bad_cookie) == 1);
        for (const auto& c : keyed_of(fresh.right).calls)
            CHECK((c.starts_with("fill") || c.starts_with("prf") || c.starts_with("hash")));
    }
}

TEST_CASE("HASH(1) that names no key of ours, and a text of more than one block, are refused by name", "[ike][encryption]") {
    const auto run = [](v1::config l, v1::config r, errc why) {
        immediate ends{std::move(l), std::move(r)};
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(400)));
        check_nothing_stands(ends);
        CHECK(ends.left.record.count(why) + ends.right.record.count(why) >= 1);
    };
    for (const auto method : methods) {
        auto l = configured(true, method), r = configured(false, method);
        l.peers[0].keys.peer_keys[0].certificate = certificates[0];
        r.peers[0].keys.decrypt_with[0].certificate = certificates[1];
        run(std::move(l), std::move(r), errc::no_key_for_method);
    }
    auto l = configured(true, oakley_authentication::rsa_encryption);
    l.peers[0].local_id = *ike::identity::of_text(ike::id_type::fqdn, std::string(240, 'a') + ".example");
    run(std::move(l), configured(false, oakley_authentication::rsa_encryption), errc::bad_identity);
}

TEST_CASE("encryption without the keys it needs is refused by name", "[ike][encryption][config]") {
    auto c = configured(true, oakley_authentication::rsa_encryption);
    CHECK(v1::check(c));
    CHECK(v1::check_for<crypto::botan::public_key_provider>(c));
    CHECK(v1::check_for<crypto::botan::provider>(c).error() == errc::no_key_for_method);
    SECTION("no key of ours") { c.peers[0].keys.decrypt_with.clear(); }
    SECTION("no key of the peer") { c.peers[0].keys.peer_keys.clear(); }
    SECTION("a key for another method") { c.peers[0].keys.peer_keys[0].method = oakley_authentication::rsa_signatures; }
    CHECK(v1::check(c).error() == errc::no_key_for_method);
}
