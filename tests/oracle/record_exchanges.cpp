// record_exchanges FOLDER: two ends of this library run every exchange that no other program here speaks, and each run is written
// into a folder of its own, for the oracle, tshark and ipsec_decode: our_exchanges_test.py. Names of runs go to standard output.
#include <botan/base64.h>

#include <cstdio>
#include <functional>

#include "ipsec/crypto/botan/public_key_provider.hpp"
#include "ipsec/ike/v1/endpoint.hpp"
#include "ipsec/ike/v1/ike_proposals.hpp"
#include "oracle/recording.hpp"
#include "support/dialogue_scene.hpp"
#include "support/exchange_ends.hpp"
#include "support/group_scene.hpp"
#include "support/test_pki.hpp"

namespace {

using namespace ipsec;
using namespace ipsec::test;
using isakmp::oakley_authentication;
using oracle::json;
using oracle::recording;

constexpr std::array signing_keys{keys::rsa_2048_pkcs8, keys::p256, keys::dsa_1024};
constexpr std::size_t rsa_key = 0, p256_key = 1, dsa_key = 2;

/// Real cryptography, and chance that can be repeated. Both ends have the keys of both.
struct chance {
    testing::seeded_rng source;
};
struct seeded_provider : chance, crypto::botan::public_key_provider {
    explicit seeded_provider(std::uint64_t seed) : chance{testing::seeded_rng{seed}}, public_key_provider{source} {
        for (const auto& k : signing_keys)
            if (!this->keys().add_signing_key(pki::private_key(k))) throw std::runtime_error{"a signing key"};
    }
    seeded_provider(const seeded_provider&) = delete;
    auto operator=(const seeded_provider&) -> seeded_provider& = delete;
};

auto pem(byte_view der) -> std::string {
    return "-----BEGIN PUBLIC KEY-----\n" + Botan::base64_encode(crypto::botan::shim::octets(der), der.size()) +
           "\n-----END PUBLIC KEY-----\n";
}
auto by_psk(std::string_view psk = "correct horse") -> json {
    return {{"psk", oracle::hex(std::as_bytes(std::span{psk}))}};
}
auto by_keys(std::initializer_list<std::size_t> all) -> json {
    json out{{"credentials", json::array()}};
    for (const std::size_t k : all) out["credentials"].push_back({{"public_key", pem(pki::spki(signing_keys.at(k)))}});
    return out;
}

/// A run between two endpoints.
struct run {
    std::string name;
    std::function<v1::config(bool left)> make;
    std::string exchange = "main", method = "psk";
    json keys = by_psk();
    bool stands = true;  ///< whether SAs are there in the end
    duration how_long = seconds(8);
};

struct watcher {
    recording* record;
    const run* what;
    void on(const v1::phase_1_secrets& s) const noexcept { record->on(s, what->exchange, what->method); }
    void on(const v1::child_secrets& s) const noexcept { record->on(s); }
};
struct traits {
    using provider = seeded_provider;
    using observer = watcher;
};

class end {
public:
    end(v1::config c, std::uint64_t seed, recording& r, const run& what) : crypto_{seed}, record_{&r}, watcher_{&r, &what} {
        auto made = v1::endpoint<traits>::make(std::move(c), crypto_, watcher_);
        if (!made) throw std::runtime_error{what.name + ": " + std::string{ike::name_of(made.error())}};
        ike.emplace(std::move(*made));
    }
    /// All that is due, and what other programs would be asked.
    void turn(instant now) {
        ike->handle_timeout(now);
        drain();
        while (const auto d = ike->poll_dialogue()) answer(now, *d);
        drain();
    }
    void drain() {
        while (const auto ev = ike->poll_event()) {
            std::visit(overloaded{[&](const sa::install_inbound& e) { record_->on(e), ++installed; },
                                  [&](const sa::install_outbound& e) { record_->on(e), ++installed; },
                                  [](const auto&) {}},
                       *ev);
            ike->answer(*ev, true);
        }
    }
    std::optional<v1::endpoint<traits>> ike{};
    std::size_t installed = 0;

private:
    void answer(instant now, const v1::dialogue& d) {
        using enum isakmp::config_attribute;
        if (const auto* a = std::get_if<v1::xauth_attempt>(&d)) {
            if (const auto next = question_after(*a)) {
                if (!ike->answer(now, *a, *next)) throw std::runtime_error{"a question"};
                return;
            }
            const bool right = a->user == "carol" && holds(*a);
            ike->answer(now, *a, right, right ? "welcome" : "no such user");
        } else if (const auto* p = std::get_if<v1::xauth_prompt>(&d)) {  // the second try, and all but names and passwords
            auto said = carols_credentials();
            if (!p->challenge.empty() && p->type != isakmp::xauth_type::radius_chap) said.password = secret_text(one_time);
            said.passcode = secret_text(has_pin_ ? "1234764456" : "1637364856");
            said.next_pin = secret_text("1234");
            said.reply = secret_text("y");
            said.domain = "example";
            has_pin_ = has_pin_ || p->wanted.front() == xauth_next_pin;
            ike->answer(now, *p, &said);
        } else if (const auto* w = std::get_if<v1::configuration_wanted>(&d)) {
            v1::configuration c;
            c.add(internal_ip4_address, ip::address::v4(10, 3, 0, 7)).add(internal_ip4_netmask, ip::address::v4(255, 255, 0, 0));
            c.add(internal_ip4_dns, ip::address::v4(10, 2, 0, 53)).add(internal_address_expiry, 3600U);
            ike->answer(now, *w, c);
        }
    }
    static constexpr const char* one_time = "5bf0 75d9 959d 036f";
    /// The draft's examples: §5.4, and A-6 for passcodes.
    [[nodiscard]] static auto question_after(const v1::xauth_attempt& a) -> std::optional<v1::xauth_question> {
        using enum isakmp::config_attribute;
        if (a.asked.type == isakmp::xauth_type::otp && a.asked.challenge.empty())
            return v1::xauth_question{.type = a.asked.type, .challenge = "otp-md5 499 ke1234 ext"};
        if (is_text(a.passcode, "1637364856")) return v1::xauth_question{.wanted = {xauth_answer}, .message = "own PIN (y/n)?"};
        if (is_text(a.reply, "y")) return v1::xauth_question{.wanted = {xauth_next_pin}, .message = "4-6 digits"};
        if (is_text(a.next_pin, "1234")) return v1::xauth_question{.wanted = {xauth_user_name, xauth_passcode}};
        return std::nullopt;
    }
    [[nodiscard]] auto holds(const v1::xauth_attempt& a) -> bool {
        if (!a.passcode.empty()) return is_text(a.passcode, "1234764456");
        switch (type_of(a.asked)) {
            case isakmp::xauth_type::radius_chap:
                return v1::radius_chap::holds(crypto_, a, carols_credentials().password.view()).value();
            case isakmp::xauth_type::generic: return is_text(a.password, "Ar3etTnp");
            default: return is_text(a.password, one_time);
        }
    }
    seeded_provider crypto_;
    recording* record_;
    watcher watcher_;
    bool has_pin_ = false;
};

void record(const std::filesystem::path& folder, const run& r, std::uint64_t seed) {
    recording out{folder / r.name, r.keys};
    end left{r.make(true), 2 * seed, out, r}, right{r.make(false), 2 * seed + 1, out, r};
    instant now{1'000'000'000};
    std::vector<std::byte> scratch(32768);
    const auto pass = [&](duration d) {
        for (const instant until = now + d; now < until; now = now + milliseconds(20))
            for (end* from : {&left, &right}) {
                end& to = from == &left ? right : left;
                from->turn(now);
                while (const auto tx = from->ike->poll_transmit(scratch)) {
                    out.sent(now, tx->path, tx->octets);
                    to.ike->handle_datagram(now, ike::reversed(tx->path), tx->octets);
                    to.drain();
                }
            }
    };
    if (!left.ike->start(now, sa::policy_id{1})) throw std::runtime_error{r.name + ": does not start"};
    pass(r.how_long);
    if ((left.installed > 0 && right.installed > 0) != r.stands) throw std::runtime_error{r.name + ": not as expected"};
    left.ike->close(now);
    pass(seconds(1));
    out.end();
}

// --- what the ends are told -------------------------------------------------------------------------------------------------

/// The right end has the group too, or knows nothing of it.
auto new_group(const crypto::private_group& g, bool known = true) {
    return [=](bool left) {
        auto c = own::group_config(left, own::plain, left || known ? std::optional{g} : std::nullopt);
        c.peers[0].children[0].pfs = known || left ? own::own_number : crypto::group_id::none;
        return c;
    };
}
auto committed(bool by_left, bool by_right) {
    return [=](bool left) {
        auto c = ike_config(left);
        c.peers[0].children[0].commit_bit = left ? by_left : by_right;
        return c;
    };
}
/// @param edge_left  whether the end that begins phase 1 asks for the password
auto xauth(bool edge_left, std::string_view password = "Ar3etTnp") {
    return [=](bool left) { return xauth_config(left, left == edge_left, "carol", password); };
}
auto asking(v1::xauth_question first) {
    return [=](bool left) {
        auto c = xauth_config(left, !left);
        if (!left) c.peers[0].xauth.question = first;
        return c;
    };
}
/// Queries go out when nothing was heard for two seconds.
auto alive(bool by_left, bool by_right) {
    return [=](bool left) {
        auto c = ike_config(left);
        c.peers[0].dpd = {.delay = seconds((left ? by_left : by_right) ? 2 : 0), .timeout = seconds(6)};
        return c;
    };
}
/// Messages in the smallest pieces that there are, from both ends.
auto in_pieces(std::function<v1::config(bool)> make) {
    return [=](bool left) {
        auto c = make(left);
        c.peers[0].fragmentation = {.enabled = true, .size = v1::least_fragment};
        return c;
    };
}
auto with_mode_config(std::function<v1::config(bool)> make, bool push) {
    return [=](bool left) {
        auto c = make(left);
        c.peers[0].mode_config = {.part = left ? v1::config_part::client : v1::config_part::server, .push = push};
        return c;
    };
}
auto aggressive(std::function<v1::config(bool)> make) {
    return [=](bool left) {
        auto c = make(left);
        c.peers[0].modes = {.begin_aggressive = left, .accept_aggressive = true, .accept_main = false};
        return c;
    };
}
/// Both ends sign with the same key: which of the two signed is in what is signed.
auto signed_by(std::function<v1::config(bool)> make, oakley_authentication method, std::size_t key) {
    return [=](bool left) {
        auto c = make(left);
        auto& p = c.peers[0];
        p.psk = {};
        p.suites[0].authentication = method;
        p.keys.sign_with.push_back({method, crypto::signing_key{static_cast<std::uint32_t>(key)}, {}});
        p.keys.peer_keys.push_back({method, {pki::spki(signing_keys.at(key))}, {}});
        return c;
    };
}

/// The edge device alone signs; the client knows its key, and says no name unless it is to.
auto hybrid(bool edge_left, oakley_authentication method, std::size_t key, bool named = false) {
    return [=](bool left) {
        auto c = signed_by(xauth(edge_left), method, key)(left);
        auto& p = c.peers[0];
        p.suites[0].hybrid = true;
        const auto name = *ike::identity::of_text(ike::id_type::user_fqdn, "carol@example.org");
        if (left == edge_left) {
            p.keys.peer_keys.clear();
            p.remote_id = named ? name : ike::identity::none();
        } else {
            p.keys.sign_with.clear();
            if (named) p.local_id = name;
        }
        c.limits.amplification = 10;
        return c;
    };
}

auto runs() -> std::vector<run> {
    using enum oakley_authentication;
    const auto plain = [](bool left) { return ike_config(left); };
    return {
        {.name = "new-group-modp", .make = new_group(own::modp())},
        {.name = "new-group-ec2n", .make = new_group(own::ec2n())},
        {.name = "new-group-refused", .make = new_group(own::modp(), false), .stands = false},
        {.name = "connected-from-initiator", .make = committed(true, false)},
        {.name = "connected-from-responder", .make = committed(false, true)},
        {.name = "connected-from-both", .make = committed(true, true)},
        {.name = "xauth", .make = xauth(false), .method = "xauth-psk"},
        {.name = "xauth-from-initiator", .make = xauth(true), .method = "xauth-psk"},
        {.name = "xauth-second-try", .make = xauth(false, "wrong"), .method = "xauth-psk"},
        {.name = "xauth-aggressive-rsa",
         .make = aggressive(signed_by(xauth(false), rsa_signatures, rsa_key)),
         .exchange = "aggressive",
         .method = "xauth-rsa-sig",
         .keys = by_keys({rsa_key})},
        {.name = "xauth-hybrid-rsa",
         .make = hybrid(false, rsa_signatures, rsa_key),
         .method = "hybrid-rsa-sig",
         .keys = by_keys({rsa_key})},
        {.name = "xauth-hybrid-rsa-from-edge",
         .make = hybrid(true, rsa_signatures, rsa_key),
         .method = "hybrid-rsa-sig",
         .keys = by_keys({rsa_key})},
        {.name = "xauth-hybrid-dss",
         .make = hybrid(false, dss_signatures, dsa_key, true),
         .method = "hybrid-dss",
         .keys = by_keys({dsa_key})},
        {.name = "xauth-hybrid-aggressive-rsa",
         .make = aggressive(hybrid(false, rsa_signatures, rsa_key)),
         .exchange = "aggressive",
         .method = "hybrid-rsa-sig",
         .keys = by_keys({rsa_key})},
        {.name = "xauth-hybrid-aggressive-dss-from-edge",
         .make = aggressive(hybrid(true, dss_signatures, dsa_key, true)),
         .exchange = "aggressive",
         .method = "hybrid-dss",
         .keys = by_keys({dsa_key})},
        {.name = "mode-config", .make = with_mode_config(plain, false)},
        {.name = "mode-config-push", .make = with_mode_config(plain, true)},
        {.name = "mode-config-ecdsa",
         .make = with_mode_config(signed_by(plain, ecdsa_256, p256_key), false),
         .method = "ecdsa-256",
         .keys = by_keys({p256_key})},
        {.name = "xauth-radius-chap", .make = asking({.type = isakmp::xauth_type::radius_chap}), .method = "xauth-psk"},
        {.name = "xauth-otp",
         .make = asking({.type = isakmp::xauth_type::otp, .wanted = {isakmp::config_attribute::xauth_user_name}}),
         .method = "xauth-psk"},
        {.name = "xauth-s-key",
         .make = asking({.type = isakmp::xauth_type::s_key,
                         .wanted = {isakmp::config_attribute::xauth_user_name, isakmp::config_attribute::xauth_domain,
                                    isakmp::config_attribute::xauth_user_password},
                         .challenge = "s/key 99 ke1234"}),
         .method = "xauth-psk"},
        {.name = "xauth-next-pin",
         .make = asking({.wanted = {isakmp::config_attribute::xauth_user_name, isakmp::config_attribute::xauth_passcode}}),
         .method = "xauth-psk"},
        {.name = "alive-from-initiator", .make = alive(true, false)},
        {.name = "alive-from-responder", .make = alive(false, true)},
        {.name = "alive-from-both", .make = alive(true, true)},
        {.name = "pieces", .make = in_pieces(plain)},
        {.name = "pieces-rsa",
         .make = in_pieces(signed_by(plain, rsa_signatures, rsa_key)),
         .method = "rsa-sig",
         .keys = by_keys({rsa_key})},
        {.name = "pieces-aggressive-xauth",
         .make = in_pieces(aggressive(xauth(false))),
         .exchange = "aggressive",
         .method = "xauth-psk"},
        {.name = "xauth-mode-config", .make = with_mode_config(xauth(false), false), .method = "xauth-psk"},
    };
}

// --- RFC 2408 §4.4, §4.6 ----------------------------------------------------------------------------------------------------

/// The SA is that of the IPsec DOI. AUTH, of which RFC 2408 says nothing, is what RFC 2409 §5 makes of SKEYID, with nothing in
/// the place of what is not known yet: g^xr of the Base Exchange's third message, both public values of Authentication Only, and,
/// for SKEYID of signatures, g^xy.
template <v1::auth_payload Auth> struct house_policy {
    static constexpr v1::auth_payload auth = Auth;
    seeded_provider* crypto;
    v1::peer_config peer;
    std::string own, other;

    auto offer() -> ike::result<v1::octets> { return v1::write_ike_offer(peer); }
    auto choose(byte_view sa) -> ike::result<v1::chosen_sa> {
        auto p = v1::pick_ike(peer, sa);
        if (!p) return std::unexpected{p.error().why};
        return v1::chosen_sa{std::move(p->reply), p->agreed.suite.group};
    }
    auto accept(byte_view sent, byte_view answer) -> ike::result<v1::chosen_sa> {
        const auto a = v1::verify_ike_reply(sent, answer);
        if (!a) return std::unexpected{a.error().why};
        return v1::chosen_sa{v1::to_octets(answer), a->suite.group};
    }
    static auto id_of(std::string_view name) -> v1::octets {
        v1::octets out = unhex("02000000");
        for (const char c : name) out.push_back(static_cast<std::byte>(c));
        return out;
    }
    auto identity() -> v1::octets { return id_of(own); }
    [[nodiscard]] auto suite() const -> const v1::ike_suite& { return peer.suites[0]; }
    [[nodiscard]] auto skeyid(const v1::transcript& t, byte_view gxy) const -> crypto::digest {
        const auto f = v1::prf_of(suite().hash);
        auto made = Auth == v1::auth_payload::hash ? v1::skeyid_psk(*crypto, f, peer.psk.view(), t.ni, t.nr)
                                                   : v1::skeyid_signature(*crypto, f, t.ni, t.nr, gxy);
        return std::move(made.value());
    }
    [[nodiscard]] auto hash_of(const v1::transcript& t, v1::role r) const -> crypto::digest {
        const bool i = r == v1::role::initiator;
        return std::move(v1::phase_1_hash(*crypto, v1::prf_of(suite().hash), skeyid(t, {}), i ? t.ke_i : t.ke_r,
                                          i ? t.ke_r : t.ke_i, i ? t.cky.initiator.octets() : t.cky.responder.octets(),
                                          i ? t.cky.responder.octets() : t.cky.initiator.octets(), t.sa_i, i ? t.id_i : t.id_r)
                             .value());
    }
    auto prove(const v1::transcript& t, v1::role r) -> ike::result<v1::octets> {
        const auto value = hash_of(t, r);
        if constexpr (Auth == v1::auth_payload::hash) return v1::to_octets(value.view());
        else return std::move(crypto->sign({}, crypto::signing_key{rsa_key}, scheme, value.view())->value());
    }
    auto verify(const v1::transcript& t, v1::role r, byte_view in) -> ike::result<void> {
        if ((r == v1::role::initiator ? t.id_i : t.id_r) != id_of(other)) return std::unexpected{ike::errc::identity_mismatch};
        const auto value = hash_of(t, r);
        const bool holds = Auth == v1::auth_payload::hash
                               ? ct_equal(value.view(), in)
                               : crypto->verify({}, {pki::spki(signing_keys.at(rsa_key))}, scheme, value.view(), in)->has_value();
        if (!holds) return std::unexpected{ike::errc::bad_hash};
        return {};
    }
    static constexpr auto scheme = crypto::signature_scheme::rsa_pkcs1_raw;
};

template <class Exchange, v1::auth_payload Auth>
void record_in_clear(const std::filesystem::path& folder, const std::string& exchange, std::uint64_t seed) {
    constexpr bool hashed = Auth == v1::auth_payload::hash;
    const std::string method = hashed ? "psk" : "rsa-sig";
    recording out{folder / (exchange + "-" + method), hashed ? by_psk() : by_keys({rsa_key})};
    v1::ike_suite suite{crypto::encryption_id::aes_cbc, 128, crypto::hash_id::sha2_256, crypto::group_id::modp1536};
    if (!hashed) suite.authentication = oakley_authentication::rsa_signatures;
    seeded_provider for_left{seed}, for_right{seed + 1};
    using policy = house_policy<Auth>;
    const auto told = [&](seeded_provider& p, bool is_left) {
        policy made{&p, {}, is_left ? "left.example" : "right.example", is_left ? "right.example" : "left.example"};
        made.peer.psk = v1::psk_of("correct horse");
        made.peer.suites = {suite};
        return made;
    };
    exchange_end<Exchange, policy> left{told(for_left, true), seed + 2}, right{told(for_right, false), seed + 3};
    instant now{1'000'000'000};
    left.start(now);
    while (!left.out.empty() || !right.out.empty())
        for (auto* from : {&left, &right})
            for (const auto& m : std::exchange(from->out, {})) {
                now = now + milliseconds(20);
                out.sent(now, from == &left ? left_path : ike::reversed(left_path), m);
                (from == &left ? right : left).handle(m, now);
            }
    if (!left.is_established() || !right.is_established()) throw std::runtime_error{exchange + ": not as expected"};
    for (auto* e : {&left, &right}) {
        const auto& t = e->seen();
        if constexpr (requires { std::get<typename Exchange::established>(e->state).shared; }) {
            const byte_view gxy = std::get<typename Exchange::established>(e->state).shared.view();
            const auto keys = v1::derive(e->crypto, v1::prf_of(e->policy.suite().hash), e->policy.skeyid(t, gxy), gxy,
                                         t.cky.initiator.octets(), t.cky.responder.octets());
            out.on(t.cky, exchange, method, suite, gxy, &keys.value());
        } else {
            out.on(t.cky, exchange, method, suite, {}, nullptr);
        }
    }
    out.end();
    std::puts((exchange + "-" + method).c_str());
}

}  // namespace

int main(int count, char** words) {
    if (count != 2) {
        std::fputs("record_exchanges FOLDER\n", stderr);
        return 2;
    }
    try {
        const std::filesystem::path folder{words[1]};
        std::uint64_t seed = 1;
        for (const run& r : runs()) {
            record(folder, r, seed++);
            std::puts(r.name.c_str());
        }
        using enum v1::auth_payload;
        record_in_clear<base_with<seeded_provider>, hash>(folder, "base", 101);
        record_in_clear<base_with<seeded_provider>, signature>(folder, "base", 201);
        record_in_clear<authentication_only_with<seeded_provider>, hash>(folder, "authentication-only", 301);
        record_in_clear<authentication_only_with<seeded_provider>, signature>(folder, "authentication-only", 401);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "record_exchanges: %s\n", e.what());
        return 1;
    }
    return 0;
}
