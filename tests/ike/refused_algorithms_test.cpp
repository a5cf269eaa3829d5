// A provider that does not have what policy names: each hash, prf, cipher, group and use of a public key in turn, at either end,
// in both modes. The end that misses it says so by name, and nothing stands that is made of something else.
#include <algorithm>
#include <memory>
#include <utility>

#include "ipsec/crypto/botan/public_key_provider.hpp"
#include "support/catch.hpp"
#include "support/good_end.hpp"
#include "support/ike_ends.hpp"
#include "support/test_pki.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using isakmp::oakley_authentication;

namespace {

/// What a provider does with the keys that it was given.
enum class key_work { sign, verify, seal, open };
using algorithm =
    std::variant<std::monostate, crypto::hash_id, crypto::prf_id, crypto::encryption_id, crypto::group_id, key_work>;

/// What both ends sign with.
auto key_of(oakley_authentication method) -> std::string_view {
    switch (method) {
        case oakley_authentication::rsa_signatures: return keys::rsa_2048;
        case oakley_authentication::dss_signatures: return keys::dsa_1024;
        case oakley_authentication::ecdsa_256: return keys::p256;
        case oakley_authentication::ecdsa_384: return keys::p384;
        case oakley_authentication::ecdsa_521: return keys::p521;
        default: return {};
    }
}

/// Real cryptography with one piece missing, or all of it from the n-th call on.
struct refusing_provider : crypto::botan::public_key_provider {
    using base = crypto::botan::public_key_provider;
    template <class T> using answer = std::optional<crypto::result<T>>;

    explicit refusing_provider(std::uint64_t = 0) {}
    /// The key that a method asks for, as number 0: to read all of them takes longer than most exchanges.
    void read_key(oakley_authentication method) {
        if (v1::is_by_encryption(*v1::proof_by(method)))
            REQUIRE(this->keys().add_decryption(keys::unbase64(keys::rsa_2048_pkcs8)));
        else if (const auto key = key_of(method); !key.empty()) REQUIRE(this->keys().add_signing(keys::unbase64(key)));
    }
    [[nodiscard]] auto lacks(const algorithm& a) noexcept -> bool {
        if (a != missing && ++calls <= works_for) return false;
        ++refusals;
        return true;
    }
    static constexpr std::unexpected unsupported{crypto::errc::unsupported_algorithm};

    auto prf(crypto::prf_id f, byte_view key, std::span<const byte_view> parts) noexcept -> crypto::result<crypto::digest> {
        if (lacks(f)) return unsupported;
        return base::prf(f, key, parts);
    }
    auto hash(crypto::hash_id h, std::span<const byte_view> parts) noexcept -> crypto::result<crypto::digest> {
        if (lacks(h)) return unsupported;
        return base::hash(h, parts);
    }
    auto encrypt(crypto::encryption_id c, byte_view key, byte_view iv, byte_span text) noexcept -> crypto::result<void> {
        if (lacks(c)) return unsupported;
        return base::encrypt(c, key, iv, text);
    }
    auto decrypt(crypto::encryption_id c, byte_view key, byte_view iv, byte_span text) noexcept -> crypto::result<void> {
        if (lacks(c)) return unsupported;
        return base::decrypt(c, key, iv, text);
    }
    auto generate(crypto::ticket t, crypto::group_id g) noexcept -> answer<dh_key> {
        if (lacks(g)) return unsupported;
        return base::generate(t, g);
    }
    auto agree(crypto::ticket t, const dh_key& k, byte_view peer) noexcept -> answer<crypto::dh_secret> {
        if (lacks(k.group())) return unsupported;
        return base::agree(t, k, peer);
    }
    auto sign(crypto::ticket t, crypto::signing_key k, crypto::signature_scheme s, byte_view digest) noexcept
        -> answer<std::vector<std::byte>> {
        if (lacks(key_work::sign)) return unsupported;
        return base::sign(t, k, s, digest);
    }
    auto verify(crypto::ticket t, const crypto::public_key& k, crypto::signature_scheme s, byte_view digest,
                byte_view signature) noexcept -> answer<void> {
        if (lacks(key_work::verify)) return unsupported;
        return base::verify(t, k, s, digest, signature);
    }
    auto encrypt_to(crypto::ticket t, const crypto::public_key& k, std::span<const byte_view> pieces) noexcept
        -> answer<std::vector<std::vector<std::byte>>> {
        if (lacks(key_work::seal)) return unsupported;
        return base::encrypt_to(t, k, pieces);
    }
    auto decrypt_raw(crypto::ticket t, crypto::decryption_key k, std::span<const byte_view> pieces) noexcept
        -> answer<std::vector<crypto::rsa_block>> {
        if (lacks(key_work::open)) return unsupported;
        return base::decrypt_raw(t, k, pieces);
    }
    algorithm missing{};
    std::size_t works_for = static_cast<std::size_t>(-1), calls = 0, refusals = 0;
};
using refusing_ends = ike_ends<refusing_provider>;

/// By one method, under one suite; each end has the keys of either.
auto configured(bool left, const v1::ike_suite& suite, bool aggressive) -> v1::config {
    auto c = ike_config(left);
    auto& p = c.peers[0];
    const auto method = suite.authentication;
    p.local_id = *ike::identity::of_text(ike::id_type::fqdn, left ? "left.example" : "gw.example.org");
    p.remote_id = *ike::identity::of_text(ike::id_type::fqdn, left ? "gw.example.org" : "left.example");
    p.suites = {suite};
    p.modes = {.begin_aggressive = left && aggressive, .accept_aggressive = aggressive, .accept_main = !aggressive};
    if (const auto key = key_of(method); !key.empty()) {
        p.keys.sign_with.push_back({method, crypto::signing_key{0}, {}});
        p.keys.peer_keys.push_back({method, {pki::spki(key)}});
    }
    if (v1::is_by_encryption(*v1::proof_by(method))) {
        p.keys.decrypt_with.push_back({crypto::decryption_key{0}, {}});
        p.keys.peer_keys.push_back({method, {pki::spki(keys::rsa_2048_pkcs8)}, {}});
    }
    c.limits.amplification = 20;
    return c;
}
auto ends_by(const v1::ike_suite& suite, bool aggressive) -> std::unique_ptr<refusing_ends> {
    auto out = std::make_unique<refusing_ends>(configured(true, suite, aggressive), configured(false, suite, aggressive));
    for (auto* end : {&out->left, &out->right}) end->crypto.read_key(suite.authentication);
    return out;
}
auto usual(oakley_authentication method = oakley_authentication::pre_shared_key) -> v1::ike_suite {
    return {crypto::encryption_id::aes_cbc, 128, crypto::hash_id::sha1, crypto::group_id::modp768, method};
}
/// Phase 1 and a pair of SAs, where one end misses something; without `missing`, it works.
void check_refusal(const v1::ike_suite& suite, const algorithm& missing, bool aggressive, bool at_left) {
    CAPTURE(aggressive, at_left);
    const auto made = ends_by(suite, aggressive);
    auto& ends = *made;
    auto& own = at_left ? ends.left : ends.right;
    auto& other = at_left ? ends.right : ends.left;
    own.crypto.missing = missing;
    const auto begun = ends.left.ike.start(ends.now(), sa::policy_id{1});
    if (!begun) CHECK((at_left && begun.error() == errc::unusable_algorithm));  // Aggressive Mode begins with a key pair
    REQUIRE(ends.run(seconds(400)));
    if (missing.index() == 0) return check_good_end(ends);
    CHECK(own.crypto.refusals > 0);
    CHECK(own.record.count(errc::unusable_algorithm) > 0);
    CHECK(own.record.count(errc::crypto_failed) + own.record.count(errc::bad_hash) + own.record.count(errc::bad_signature) == 0);
    for (auto* end : {&own, &other}) {
        CHECK(end->established.empty());
        CHECK(end->children.empty());
        CHECK(end->table.empty());
        CHECK(end->removed == 0);  // nothing was there for a while
        CHECK(end->ike.ike_sa_count() == 0);
        CHECK(end->ike.half_open_count() == 0);
    }
    // The end that misses it says so, of the phase 1 and of what waited for it; where it only cannot read what comes, it waits.
    const bool waits = std::ranges::none_of(own.failures, [](const auto& f) { return f.why == errc::unusable_algorithm; });
    for (const auto& f : own.failures) CHECK(f.why == (waits ? errc::timed_out : errc::unusable_algorithm));
    for (const auto& f : other.failures) CHECK(f.why == errc::timed_out);
    CHECK(ends.left.failures.size() >= 1);  // whoever asked for it hears of it
}
void check_refusals(const v1::ike_suite& suite, const algorithm& missing) {
    for (const bool aggressive : {false, true})
        for (const bool at_left : {true, false}) check_refusal(suite, missing, aggressive, at_left);
}

struct refusing_traits {
    using provider = refusing_provider;
};
/// What an endpoint with this suite says to being made.
auto made_with(const v1::ike_suite& s, refusing_provider& p) -> std::optional<errc> {
    const auto made = v1::endpoint<refusing_traits>::make(configured(true, s, false), p);
    return made ? std::nullopt : std::optional{made.error()};
}

}  // namespace

TEST_CASE("a hash, a prf or a cipher that the provider has not is refused with the configuration that names it",
          "[ike][provider]") {
    auto s = usual();
    s.prf = {65001, crypto::prf_id::hmac_sha2_512};
    struct row {
        const char* what;
        algorithm missing;
        std::optional<errc> fault;
    };
    const auto r = GENERATE(values<row>({{"nothing", {}, {}},
                                         {"its hash", crypto::hash_id::sha1, errc::unusable_algorithm},
                                         {"its prf", crypto::prf_id::hmac_sha2_512, errc::unusable_algorithm},
                                         {"its cipher", crypto::encryption_id::aes_cbc, errc::unusable_algorithm},
                                         {"another hash", crypto::hash_id::md5, {}},
                                         {"the prf of its hash, which is another", crypto::prf_id::hmac_sha1, {}},
                                         {"another cipher", crypto::encryption_id::des3_cbc, {}},
                                         {"its group", crypto::group_id::modp768, {}}}));  // to ask would cost a key pair
    CAPTURE(r.what);
    refusing_provider p;
    p.missing = r.missing;
    CHECK(made_with(s, p) == r.fault);
    // Whatever stands in front of it, and whichever peer it is for.
    auto c = configured(true, {crypto::encryption_id::camellia_cbc, 128, crypto::hash_id::sha2_256}, false);
    c.peers[0].children.clear();
    c.peers[0].path.remote.address = c.peers[0].path.local.address;
    c.peers.push_back(std::move(configured(true, s, false).peers[0]));
    const auto all = v1::check_for(c, p);
    CHECK((all ? std::nullopt : std::optional{all.error()}) == r.fault);
    CHECK(v1::check_for<refusing_provider>(c));  // the type has it
}

TEST_CASE("a configuration names those ciphers at those key lengths, and those hashes, that the library has",
          "[ike][provider]") {
    refusing_provider p;
    std::size_t refused = 0;
    for (const auto& c : crypto::encryption_algorithms) {
        if (c.ike_v1 == 0) continue;
        for (std::uint16_t bits = 0; bits <= 448; bits = static_cast<std::uint16_t>(bits + 8)) {
            auto s = usual();
            s.encryption = c.id;
            s.key_bits = bits;
            if (!v1::check(s)) continue;
            CAPTURE(c.name, bits);
            // Botan has CAST-128 from 88 bits on; everything else that has a name here it has at all its lengths.
            const bool has = c.id != crypto::encryption_id::cast128_cbc || bits >= 88;
            CHECK(made_with(s, p) == (has ? std::nullopt : std::optional{errc::unusable_algorithm}));
            refused += !has;
        }
    }
    CHECK(refused == 6);  // 40, 48, ... 80 bits
    for (const auto& h : crypto::hash_algorithms) {
        if (h.ike_v1 == 0) continue;
        CAPTURE(h.name);
        auto s = usual();
        s.hash = h.id;
        const bool has = p.hash(h.id, {}).has_value();
        CHECK((has || h.id == crypto::hash_id::tiger));  // Botan 3 has no Tiger
        CHECK(made_with(s, p) == (has ? std::nullopt : std::optional{errc::unusable_algorithm}));
    }
}

TEST_CASE("a hash, prf or cipher that policy names and the provider has not ends phase 1 by that name at either end",
          "[ike][provider][cve-27]") {
    for (const auto& h : crypto::hash_algorithms) {
        if (h.ike_v1 == 0 || !crypto::botan::provider{}.hash(h.id, {})) continue;  // Botan 3 has no Tiger
        CAPTURE(h.name);
        auto s = usual();
        s.hash = h.id;
        check_refusal(s, {}, false, false);
        check_refusals(s, h.id);
        check_refusals(s, h.prf);
    }
    for (const auto& c : crypto::encryption_algorithms) {
        if (c.ike_v1 == 0) continue;
        CAPTURE(c.name);
        auto s = usual();
        s.encryption = c.id;
        s.key_bits = c.key_length_attribute ? 128 : 0;
        check_refusal(s, {}, false, false);
        for (const bool at_left : {true, false}) check_refusal(s, c.id, false, at_left);
    }
}

TEST_CASE("a group that policy names and the provider has not ends phase 1 by that name at either end",
          "[ike][provider][cve-27]") {
    for (const auto& g : crypto::groups) {
        CAPTURE(g.name);
        auto s = usual();
        s.group = g.id;
        check_refusals(s, g.id);
    }
}

TEST_CASE("a signature or an encryption that the provider has not ends phase 1 by that name at either end",
          "[ike][provider][cve-27]") {
    using enum oakley_authentication;
    for (const auto method : {rsa_signatures, dss_signatures, ecdsa_256, ecdsa_384, ecdsa_521}) {
        CAPTURE(name_of(method));
        check_refusal(usual(method), {}, false, false);
        // Main Mode: message 5 is the first with a signature. Aggressive Mode: message 2 is, and message 3 nobody answers.
        for (const bool aggressive : {false, true}) {
            check_refusal(usual(method), aggressive ? key_work::verify : key_work::sign, aggressive, true);
            check_refusal(usual(method), aggressive ? key_work::sign : key_work::verify, aggressive, false);
        }
    }
    for (const auto method : {rsa_encryption, revised_rsa_encryption}) {
        CAPTURE(name_of(method));
        check_refusal(usual(method), {}, false, false);
        for (const auto work : {key_work::seal, key_work::open}) {
            CAPTURE(static_cast<int>(work));
            check_refusals(usual(method), work);
        }
    }
}

TEST_CASE("a group for perfect forward secrecy that the provider has not ends a Quick Mode: NO-PROPOSAL-CHOSEN, no SA",
          "[ike][provider][cve-27]") {
    for (const bool at_left : {true, false}) {
        CAPTURE(at_left);
        auto l = configured(true, usual(), false), r = configured(false, usual(), false);
        for (auto* c : {&l, &r}) c->peers[0].children[0].pfs = crypto::group_id::ecp256;
        refusing_ends ends{std::move(l), std::move(r)};
        (at_left ? ends.left : ends.right).crypto.missing = crypto::group_id::ecp256;
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(60)));
        CHECK(ends.left.established.size() == 1);
        CHECK((at_left ? ends.left : ends.right).record.count(errc::unusable_algorithm) == 1);
        REQUIRE(ends.left.failures.size() == 1);
        CHECK(ends.left.failures[0].why == (at_left ? errc::unusable_algorithm : errc::refused_by_peer));
        const auto& told = ends.left.record.notes;
        CHECK(std::ranges::count(told, isakmp::notify_type::no_proposal_chosen, &ike::notify_record::type) == (at_left ? 0 : 1));
        for (auto* end : {&ends.left, &ends.right}) {
            CHECK(end->children.empty());
            CHECK(end->table.empty());
            CHECK(end->removed == 0);
        }
    }
}

TEST_CASE("a provider that has nothing any more from some call on leaves both SAs or none where it is",
          "[ike][provider][cve-27]") {
    using enum oakley_authentication;
    std::size_t ended = 0, stood = 0;
    for (const auto method : {pre_shared_key, ecdsa_256, revised_rsa_encryption})
        for (const bool at_left : {true, false})
            for (std::size_t n = 0; n < 60; n += method == pre_shared_key ? 1 : 5) {
                CAPTURE(name_of(method), at_left, n);
                const auto made = ends_by(usual(method), false);
                auto& ends = *made;
                auto& own = at_left ? ends.left : ends.right;
                own.crypto.works_for = own.crypto.calls + n;
                REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
                REQUIRE(ends.run(seconds(400)));
                if (own.crypto.refusals == 0) {
                    check_good_end(ends);
                    break;
                }
                ++(own.table.empty() ? ended : stood);
                CHECK((own.table.empty() || own.table.size() == 2));
                CHECK(own.children.size() == own.table.size() / 2);
                CHECK(own.record.count(errc::bad_hash) + own.record.count(errc::bad_signature) == 0);
                CHECK(own.ike.half_open_count() == 0);
                CHECK((ends.left.table.empty() || ends.left.table.size() == 2));
            }
    CHECK(ended > 0);
    CHECK(stood < ended);
}
