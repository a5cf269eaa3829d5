// A recorded Main Mode of strongSwan with RSA signatures: the states of this library play each of the two ends. SKEYID and what
// follows come from the recorded g^xy, each message is opened, and SIG_I and SIG_R are held against the keys of the certificates.
#include <memory>
#include <sstream>

#include "ipsec/crypto/botan/public_key_provider.hpp"
#include "ipsec/ike/v1/main_mode.hpp"
#include "support/catch.hpp"
#include "support/ike_capture.hpp"
#include "support/replay_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
namespace v1 = ipsec::ike::v1;
namespace mm = ipsec::ike::v1::main_mode;
namespace phase_1 = ipsec::ike::v1::phase_1;
using isakmp::payload_type;
using v1::role;

namespace {

constexpr auto recording = "v1-main-rsa-aes128-sha1-modp2048";
constexpr auto rsa = isakmp::oakley_authentication::rsa_signatures;
constexpr v1::ike_suite suite{crypto::encryption_id::aes_cbc, 128, crypto::hash_id::sha1, crypto::group_id::modp2048, rsa};
constexpr auto peer_of(role ours) -> role { return ours == role::initiator ? role::responder : role::initiator; }
using key = replay_provider::dh_key;

using environment = v1::environment<replay_provider, watcher>;

auto certificate_of(role who) -> Botan::X509_Certificate {
    std::ifstream file{std::string{IPSECPP_TEST_DATA} + "/captures/" + recording + "/creds/x509/" +
                       (who == role::initiator ? "alice.pem" : "bob.pem")};
    std::stringstream text;
    text << file.rdbuf();
    Botan::DataSource_Memory pem{text.str()};
    return Botan::X509_Certificate{pem};
}
auto der_of(role who) -> std::vector<std::byte> { return crypto::botan::shim::bytes_of(certificate_of(who).BER_encode()); }
auto key_of(role who) -> crypto::public_key {
    const std::unique_ptr<Botan::Public_Key> k{certificate_of(who).subject_public_key()};  // Botan 2 gives a bare pointer
    return {crypto::botan::shim::bytes_of(k->subject_public_key())};
}
auto name_of_end(role who) -> ike::identity {
    return *ike::identity::of_text(ike::id_type::fqdn, who == role::initiator ? "alice.example" : "bob.example");
}
auto peer_config_of(role ours) -> v1::peer_config {
    const ike::path as_alice{{ip::address::v4(10, 77, 0, 1), 500}, {ip::address::v4(10, 77, 0, 2), 500}, {}};
    v1::peer_config p;
    p.path = ours == role::initiator ? as_alice : ike::reversed(as_alice);
    p.local_id = name_of_end(ours);
    p.remote_id = name_of_end(peer_of(ours));
    p.suites = {suite};
    p.lifetime = {.seconds = 15840, .kilobytes = 0};
    p.keys.sign_with.push_back({rsa, crypto::signing_key{0}, {der_of(ours)}});
    p.keys.peer_keys.push_back({rsa, key_of(peer_of(ours)), {}});
    return p;
}

template <class T, class... Next> auto only(v1::step<Next...>&& s) -> T {
    REQUIRE(std::holds_alternative<T>(s.state));
    return std::get<T>(std::move(s.state));
}
auto body_in(const v1::sealed_message& ours, payload_type t) -> std::string {
    const auto chain = isakmp::chain::parse(static_cast<payload_type>(ours.datagram[16]), ours.payloads, isakmp::rules_decrypted);
    const auto* p = chain ? chain->find(t) : nullptr;
    return p == nullptr ? "" : hex(p->body);
}

/// What is wrong with the peer's proof, to see it found.
enum class spoil { nothing, signature, other_key, other_name };

struct player {
    explicit player(role who, spoil wrong = spoil::nothing) : ours{who}, spoiled{wrong}, peer{peer_config_of(who)} {
        if (spoiled == spoil::other_key) peer.keys.peer_keys[0].key = key_of(ours);
        if (spoiled == spoil::other_name) peer.remote_id = name_of_end(ours);
    }
    role ours;
    spoil spoiled;
    v1::peer_config peer;
    ike_capture capture = ike_capture::load(recording);
    const recorded_main& r = capture.mains.at(0);
    replay_provider crypto{};
    crypto::botan::key_ring ring{};
    watcher seen{};

    auto env() -> environment { return {instant{}, crypto, seen, peer, v1::peer_id{0}, peer.path}; }
    auto generated() -> v1::dh_generated<key> { return {std::move(*crypto.generate({}, suite.group))}; }

    void script(std::size_t own, std::size_t theirs) {
        crypto.will_fill(r.messages[own].body(payload_type::nonce));
        crypto.will_agree(r.messages[own].body(payload_type::key_exchange), r.messages[theirs].body(payload_type::key_exchange),
                          unhex(r.keys.at("dh_secret").get<std::string>()));
    }
    void check_keys() const {
        CHECK(seen.phase_1.size() == 9);
        for (const auto& [name, value] : seen.phase_1) {
            CAPTURE(name);
            CHECK(value == r.keys.at(name).get<std::string>());
        }
    }
    /// Whoever signs then signs HASH as recorded; the signature is the recorded one, which this HASH and its key hold against.
    template <class Before> auto signature(const phase_1::signing<Before>& s) -> v1::signature_made {
        CHECK(s.scheme == crypto::signature_scheme::rsa_pkcs1_raw);
        CHECK(hex(s.hash.view()) == (ours == role::initiator ? r.hash_i : r.hash_r));
        auto sig = r.messages[ours == role::initiator ? 4 : 5].body(payload_type::signature);
        const auto verdict = ring.verify(key_of(ours), s.scheme, s.hash.view(), sig);
        CHECK(verdict.has_value());
        return {std::move(sig)};
    }
    template <class Before> auto judge(phase_1::verifying<Before>& s) -> v1::signature_judged {
        CHECK(hex(s.hash.view()) == (ours == role::initiator ? r.hash_r : r.hash_i));
        CHECK(s.what.certificates.size() == 1);
        if (s.what.certificates.size() == 1) CHECK(hex(s.what.certificates[0]) == hex(der_of(peer_of(ours))));
        if (spoiled == spoil::signature) s.what.proof[100] ^= std::byte{1};
        return {ring.verify(s.key, s.scheme, s.hash.view(), s.what.proof)};
    }
    /// Our message has what was in the recorded one; from here on the recorded IV counts, where ours has other payloads beside.
    void compare(const v1::sealed_message& m, std::size_t number) const {
        for (const auto t : {payload_type::identification, payload_type::certificate, payload_type::signature}) {
            CAPTURE(static_cast<int>(t));
            CHECK(body_in(m, t) == hex(r.messages[number].body(t)));
        }
    }
    [[nodiscard]] auto iv_of(std::size_t n) const -> v1::iv { return v1::make_iv(unhex(r.ivs[n])); }

    auto as_alice() -> std::variant<mm::established, v1::failed> {
        auto e = env();
        const auto& m = r.messages;
        const auto cky = r.cookies.initiator.octets();
        crypto.will_fill({cky.begin(), cky.end()});
        script(2, 3);
        auto s = only<mm::sent_sa>(mm::start(e));
        CHECK(hex(s.sai_b) == hex(m[0].body(payload_type::security_association)));
        auto reply = mm::admit(s, m[1].head, m[1].octets, e);
        REQUIRE(reply);
        CHECK(reply->agreed.suite == suite);
        auto third = mm::on(only<mm::making_ke_i>(mm::on(std::move(s), *reply, e)), generated(), e);
        auto sent = only<mm::sent_ke<key>>(std::move(third));
        auto ke = mm::admit(sent, m[3].head, m[3].octets, e);
        REQUIRE(ke);
        auto agreeing = only<mm::agreeing_i<key>>(mm::on(std::move(sent), std::move(*ke), e));
        auto gxy = std::move(*crypto.agree({}, agreeing.x, agreeing.peer_gx));
        auto signing = only<phase_1::signing<mm::agreed_i>>(mm::on(std::move(agreeing), v1::dh_agreed{std::move(gxy)}, e));
        check_keys();
        const auto made = signature(signing);
        auto fifth = mm::on(std::move(signing), made, e);
        REQUIRE(fifth.out.send);
        compare(*fifth.out.send, 4);
        auto waiting = only<mm::sent_auth>(std::move(fifth));
        waiting.next = iv_of(1);

        auto proof = mm::admit(waiting, m[5].head, m[5].octets, e);
        REQUIRE(proof);
        auto& claimed = std::get<phase_1::claim>(*proof);
        auto verifying = only<phase_1::verifying<mm::sent_auth>>(mm::on(std::move(waiting), std::move(claimed), e));
        const auto verdict = judge(verifying);
        auto last = mm::on(std::move(verifying), verdict, e);
        if (auto* bad = std::get_if<v1::failed>(&last.state)) return *bad;
        return only<mm::established>(std::move(last));
    }
    auto as_bob() -> std::variant<mm::established, v1::failed> {
        auto e = env();
        const auto& m = r.messages;
        script(3, 2);
        const auto sai_b = m[0].body(payload_type::security_association);
        auto picked = v1::pick_ike(e.peer, sai_b);
        REQUIRE(picked);
        CHECK(hex(picked->reply) == hex(m[1].body(payload_type::security_association)));
        auto ke = mm::admit_first_key_exchange(picked->agreed, {}, m[2].head, m[2].octets, e);
        REQUIRE(ke);
        auto making = only<mm::making_ke_r>(mm::begin(m[2].head.cookies(), picked->agreed, {}, sai_b, std::move(*ke), e));
        auto agreeing = only<mm::agreeing_r<key>>(mm::on(std::move(making), generated(), e));
        auto gxy = std::move(*crypto.agree({}, agreeing.x, agreeing.peer_gx));
        auto waiting = only<mm::expecting_auth>(mm::on(std::move(agreeing), v1::dh_agreed{std::move(gxy)}, e));
        check_keys();
        auto proof = mm::admit(waiting, m[4].head, m[4].octets, e);
        REQUIRE(proof);
        auto& claimed = std::get<phase_1::claim>(*proof);
        CHECK(hex(claimed.next.view()) == r.ivs[1]);
        auto verifying = only<phase_1::verifying<mm::expecting_auth>>(mm::on(std::move(waiting), std::move(claimed), e));
        const auto verdict = judge(verifying);
        auto next = mm::on(std::move(verifying), verdict, e);
        if (auto* bad = std::get_if<v1::failed>(&next.state)) return *bad;
        auto signing = only<phase_1::signing<mm::proven_r>>(std::move(next));
        const auto made = signature(signing);
        auto sixth = mm::on(std::move(signing), made, e);
        REQUIRE(sixth.out.send);
        compare(*sixth.out.send, 5);
        return only<mm::established>(std::move(sixth));
    }
    auto play() -> std::variant<mm::established, v1::failed> { return ours == role::initiator ? as_alice() : as_bob(); }
};

}  // namespace

// req: rfc2409-5.1-1, rfc2409-5.1-2
TEST_CASE("a recorded Main Mode with RSA signatures is understood at either end: keys, every message, both signatures",
          "[ike][capture][signatures]") {
    for (const auto ours : {role::initiator, role::responder}) {
        CAPTURE(static_cast<int>(ours));
        player p{ours};
        auto end = p.play();
        REQUIRE(std::holds_alternative<mm::established>(end));
        const auto& up = std::get<mm::established>(end);
        CHECK(up.remote == name_of_end(peer_of(ours)));
        if (ours == role::initiator) CHECK(hex(up.next.view()) == p.r.ivs[2]);
        CHECK(p.crypto.is_spent());
    }
}

TEST_CASE("a recorded Main Mode proves nobody when its signature, its key or its name is another",
          "[ike][capture][signatures][cve-33]") {
    for (const auto ours : {role::initiator, role::responder})
        for (const auto& [wrong, why] :
             {std::pair{spoil::signature, errc::bad_signature}, {spoil::other_key, errc::bad_signature},
              {spoil::other_name, errc::identity_mismatch}}) {
            CAPTURE(static_cast<int>(ours), static_cast<int>(wrong));
            player p{ours, wrong};
            auto end = p.play();
            REQUIRE(std::holds_alternative<v1::failed>(end));
            CHECK(std::get<v1::failed>(end).why == why);
        }
}
