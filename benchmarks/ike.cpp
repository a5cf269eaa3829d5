// Handshakes of IKEv1, both ends in one process, against the bare calls of the same provider in the same run; and messages parsed
// and written without any cryptography.
//
//     bench_ike [ROUNDS]                        exit code 1: the goal was missed
//
// Each call that the endpoints make to the provider for Diffie-Hellman, a signature, a prf or a hash is timed where it is made:
// their sum is what the same exchange costs at least. "ratio" is that sum by the whole time of both ends, with parsing, writing,
// ciphers, events and bookkeeping: 1 is the best there is. The goal counts where the Diffie-Hellman group is one that is in use.
#include <botan/pk_algs.h>
#include <botan/pkcs8.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "common/measure.hpp"
#include "ipsec/crypto/botan/public_key_provider.hpp"
#include "ipsec/ike/v1/endpoint.hpp"
#include "ipsec/isakmp/shape.hpp"

namespace {

using namespace ipsec;
namespace v1 = ike::v1;
using bench::median;

/// Nanoseconds of a clock that costs little to read; what interrupts a run shows in it, so the least of all rounds counts.
auto clock_now() -> double {
    return static_cast<double>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

/// Time in calls of the provider, by kind, in nanoseconds.
struct spent {
    double dh = 0, prf = 0, signature = 0, cipher = 0, random = 0;
    /// Of what the goal counts: neither ciphers nor random octets.
    [[nodiscard]] auto sum() const -> double { return dh + prf + signature; }
};

/// Adds to `sum` what a call takes.
template <class Call> auto watch(double& sum, Call&& call) noexcept {
    const double begin = clock_now();
    auto answer = call();
    sum += clock_now() - begin;
    return answer;
}

/// Botan, with a stop-watch on what counts.
class timed_provider : public crypto::botan::public_key_provider {
public:
    using base = crypto::botan::public_key_provider;
    using dh_key = base::dh_key;
    [[nodiscard]] auto prf(crypto::prf_id f, byte_view key, std::span<const byte_view> parts) noexcept {
        return watch(time.prf, [&] { return base::prf(f, key, parts); });
    }
    [[nodiscard]] auto hash(crypto::hash_id h, std::span<const byte_view> parts) noexcept {
        return watch(time.prf, [&] { return base::hash(h, parts); });
    }
    [[nodiscard]] auto encrypt(crypto::encryption_id c, byte_view key, byte_view iv, byte_span text) noexcept {
        return watch(time.cipher, [&] { return base::encrypt(c, key, iv, text); });
    }
    [[nodiscard]] auto decrypt(crypto::encryption_id c, byte_view key, byte_view iv, byte_span text) noexcept {
        return watch(time.cipher, [&] { return base::decrypt(c, key, iv, text); });
    }
    [[nodiscard]] auto fill(byte_span out) noexcept {
        return watch(time.random, [&] { return base::fill(out); });
    }
    [[nodiscard]] auto generate(crypto::ticket t, crypto::group_id g) noexcept {
        return watch(time.dh, [&] { return base::generate(t, g); });
    }
    [[nodiscard]] auto agree(crypto::ticket t, const dh_key& k, byte_view peer) noexcept {
        return watch(time.dh, [&] { return base::agree(t, k, peer); });
    }
    [[nodiscard]] auto sign(crypto::ticket t, crypto::signing_key own, crypto::signature_scheme s, byte_view digest) noexcept {
        return watch(time.signature, [&] { return base::sign(t, own, s, digest); });
    }
    [[nodiscard]] auto verify(crypto::ticket t, const crypto::public_key& peer, crypto::signature_scheme s, byte_view digest,
                              byte_view signature) noexcept {
        return watch(time.signature, [&] { return base::verify(t, peer, s, digest, signature); });
    }
    spent time;
};

/// Keeps what was sent, when it is told to.
struct recorder {
    struct message {
        isakmp::header header;
        std::vector<std::byte> payloads;
    };
    std::vector<message>* into = nullptr;
    void on(const ike::message_trace& m) noexcept {
        if (into != nullptr && m.direction == ike::direction::out)
            into->push_back({m.header, {m.payloads.begin(), m.payloads.end()}});
    }
};
struct traits {
    using provider = timed_provider;
    using observer = recorder;
};

constexpr std::size_t children = 16;

constexpr auto by_rsa = isakmp::oakley_authentication::rsa_signatures;

/// Two RSA keys of 2048 bits, as files have them: of the left and of the right end.
auto rsa_keys() -> const std::array<std::string, 2>& {
    static const auto made = [] {
        crypto::botan::rng_adapter random;
        std::array<std::string, 2> out;
        for (std::string& pem : out) pem = Botan::PKCS8::PEM_encode(*Botan::create_private_key("RSA", random, "2048"));
        return out;
    }();
    return made;
}
/// What an end that signs is set up with. Loading keys is no part of a handshake: each is used once before.
auto keys_of(bool left, timed_provider& mine) -> v1::public_keys {
    crypto::botan::key_ring peers;
    const auto file = [&](bool which) { return std::as_bytes(std::span{rsa_keys()[which ? 0 : 1]}); };
    const auto own = bench::need(mine.keys().add_signing(file(left)));
    const auto at_peer = bench::need(peers.add_signing(file(!left)));
    const auto known = bench::need(peers.public_of(at_peer));
    const std::array<std::byte, 20> digest{};
    const auto scheme = crypto::signature_scheme::rsa_pkcs1_raw;
    const auto theirs = bench::need(peers.sign(at_peer, scheme, digest));
    if (!mine.sign({}, own, scheme, digest)->has_value() || !mine.verify({}, known, scheme, digest, theirs)->has_value())
        std::abort();
    v1::public_keys k;
    k.sign_with.push_back({by_rsa, own, {}});
    k.peer_keys.push_back({by_rsa, known, {}});
    return k;
}

auto config_of(bool left, const v1::ike_suite& suite, crypto::group_id pfs, timed_provider& mine) -> v1::config {
    const auto l = ip::address::v4(192, 0, 2, 1), r = ip::address::v4(192, 0, 2, 2);
    v1::peer_config p;
    p.path = {.local = {left ? l : r}, .remote = {left ? r : l}};
    if (suite.authentication == by_rsa) p.keys = keys_of(left, mine);
    else p.psk = v1::psk_of("both of them know this secret");
    p.suites = {suite};
    for (std::size_t i = 0; i < children; ++i) {
        v1::child_config c;
        c.policy = sa::policy_id{static_cast<std::uint32_t>(i + 1)};
        c.pfs = pfs;
        const auto side = [&](std::uint8_t net) {
            return ike::client{.addresses = ip::range{ip::address::v4(10, net, static_cast<std::uint8_t>(i), 1)}};
        };
        c.local = side(left ? 1 : 2);
        c.remote = side(left ? 2 : 1);
        p.children.push_back(c);
    }
    v1::config c;
    c.peers.push_back(std::move(p));
    c.outbound_delay = duration{};
    return c;
}

/// Two endpoints and nothing between them.
class pair {
public:
    pair(const v1::ike_suite& suite, crypto::group_id pfs)
        : left_{bench::need(v1::endpoint<traits>::make(config_of(true, suite, pfs, crypto_[0]), crypto_[0], watcher_[0]))},
          right_{bench::need(v1::endpoint<traits>::make(config_of(false, suite, pfs, crypto_[1]), crypto_[1], watcher_[1]))} {}

    void record(std::vector<recorder::message>& into) { watcher_[0].into = watcher_[1].into = &into; }
    void main_mode() {
        if (!left_.start(now_, v1::peer_id{0})) std::abort();
        pump();
        if (left_.established_count() != 1 || right_.established_count() != 1) std::abort();
    }
    void quick_mode(std::size_t child) {
        if (!left_.start(now_, sa::policy_id{static_cast<std::uint32_t>(child + 1)})) std::abort();
        pump();
        if (left_.children().size() != child + 1 || right_.children().size() != child + 1) std::abort();
    }
    [[nodiscard]] auto take_time() -> spent {
        spent all;
        for (auto& c : crypto_) {
            const spent t = std::exchange(c.time, {});
            all = {all.dh + t.dh, all.prf + t.prf, all.signature + t.signature, all.cipher + t.cipher, all.random + t.random};
        }
        return all;
    }

private:
    void pump() {
        for (bool busy = true; busy;) {
            busy = false;
            for (auto* const from : {&left_, &right_}) {
                auto& to = from == &left_ ? right_ : left_;
                while (const auto e = from->poll_event()) from->answer(*e, true);
                while (const auto m = from->poll_transmit(scratch_)) {
                    busy = true;
                    to.handle_datagram(now_, ike::reversed(m->path), m->octets);
                }
            }
        }
    }
    std::array<timed_provider, 2> crypto_;
    std::array<recorder, 2> watcher_;
    v1::endpoint<traits> left_, right_;
    instant now_{1'000'000'000};
    std::array<std::byte, v1::endpoint<traits>::max_message> scratch_{};
};

/// The round that was disturbed least, whole: its parts belong together.
struct least {
    double whole = 0, count = 1;
    spent bare;
    void add(double time, const spent& in_calls, double exchanges) {
        if (whole == 0 || time < whole) *this = {time, exchanges, in_calls};
    }
    /// One of these and one of those behind it.
    [[nodiscard]] auto then(const least& next) const -> least {
        const auto both = [&](double spent::*part) { return bare.*part / count + next.bare.*part / next.count; };
        return {whole / count + next.whole / next.count, 1,
                {both(&spent::dh), both(&spent::prf), both(&spent::signature), both(&spent::cipher), both(&spent::random)}};
    }
    /// @return whether the goal was met
    auto print(std::string_view what, std::string_view suite) const -> bool {
        const auto us = [&](double ns) { return ns / count / 1e3; };
        std::printf("%-26.*s %-24.*s %9.0f %9.1f %9.1f %8.1f %8.1f %8.1f %8.1f  %.3f\n", static_cast<int>(what.size()),
                    what.data(), static_cast<int>(suite.size()), suite.data(), 1e9 * count / whole, us(whole), us(bare.dh),
                    us(bare.prf), us(bare.signature), us(bare.cipher), us(bare.random), bare.sum() / whole);
        return bare.sum() / whole >= 0.90;
    }
};

struct row {
    std::string_view name;
    v1::ike_suite suite;
    crypto::group_id pfs;
    std::string_view main_mode = "Main Mode, pre-shared key";
};
constexpr std::array rows{
    row{"aes128-sha1-modp2048", {crypto::encryption_id::aes_cbc, 128, crypto::hash_id::sha1, crypto::group_id::modp2048},
        crypto::group_id::modp2048},
    row{"aes128-sha1-modp2048",
        {crypto::encryption_id::aes_cbc, 128, crypto::hash_id::sha1, crypto::group_id::modp2048, by_rsa},
        crypto::group_id::modp2048, "Main Mode, RSA-2048 sign."},
    row{"3des-md5-modp1024", {crypto::encryption_id::des3_cbc, 0, crypto::hash_id::md5, crypto::group_id::modp1024},
        crypto::group_id::modp1024},
};

/// @return cells that missed the goal
auto handshakes(const row& r, std::size_t rounds) -> unsigned {
    least main_mode, quick, quick_pfs;
    for (std::size_t i = 0; i < rounds; ++i)
        for (const bool pfs : {false, true}) {
            pair p{r.suite, pfs ? r.pfs : crypto::group_id::none};
            (void)p.take_time();
            double begin = clock_now();
            p.main_mode();
            main_mode.add(clock_now() - begin, p.take_time(), 1);
            if (r.suite.authentication == by_rsa) continue;  // Quick Mode is the same whatever showed who the peer is
            begin = clock_now();
            for (std::size_t c = 0; c < children; ++c) p.quick_mode(c);
            (pfs ? quick_pfs : quick).add(clock_now() - begin, p.take_time(), children);
        }
    unsigned missed = 0;
    const bool counts = r.suite.group == crypto::group_id::modp2048;
    if (!main_mode.print(r.main_mode, r.name) && counts) ++missed;
    if (quick.whole == 0) return missed;
    if (!quick_pfs.print("Quick Mode with PFS", r.name) && counts) ++missed;
    (void)quick.print("Quick Mode without PFS", r.name);  // for itself: next to nothing of a handshake
    if (!main_mode.then(quick).print("both, without PFS", r.name) && counts) ++missed;
    if (!main_mode.then(quick_pfs).print("both, with PFS", r.name) && counts) ++missed;
    return missed;
}

/// What the parsers and the writer do in a second, over the messages of one handshake.
void messages(std::size_t rounds) {
    std::vector<recorder::message> all;
    pair p{rows[0].suite, rows[0].pfs};
    p.record(all);
    p.main_mode();
    p.quick_mode(0);
    std::size_t octets = 0;
    for (const auto& m : all) octets += isakmp::header::size + m.payloads.size();
    std::vector<double> parsed, written;
    std::size_t seen = 0;
    for (std::size_t i = 0; i < rounds; ++i) {
        double begin = clock_now();
        for (int again = 0; again < 200; ++again)
            for (const auto& m : all) {
                std::array<std::byte, isakmp::header::size> head{};
                m.header.emit(head);
                const auto h = isakmp::header::parse(head);
                const auto chain = isakmp::chain::parse(h->next_payload, m.payloads, isakmp::rules_decrypted);
                if (!chain) std::abort();
                for (const auto& payload : *chain)
                    if (payload.type == isakmp::payload_type::security_association) {
                        const auto tree = isakmp::sa_tree::parse(payload.body);
                        if (!tree) std::abort();
                        seen += tree->proposals().size();
                    }
                seen += chain->size();
            }
        parsed.push_back((clock_now() - begin) / (200.0 * static_cast<double>(all.size())));
        begin = clock_now();
        for (int again = 0; again < 200; ++again)
            for (const auto& m : all) {
                const auto chain = isakmp::chain::parse(m.header.next_payload, m.payloads, isakmp::rules_decrypted);
                v1::message_writer w{m.header};
                for (const auto& payload : *chain) w.add(payload.type, payload.body);
                const auto made = w.finish();
                if (!made) std::abort();
                seen += made->datagram.size();
            }
        written.push_back((clock_now() - begin) / (200.0 * static_cast<double>(all.size())));
    }
    if (seen == 0) std::abort();
    std::printf("\nmessages of one Main Mode and Quick Mode (%zu, %zu octets), without cryptography:\n", all.size(), octets);
    std::printf("  parsed down to the transforms   %10.0f a second, %6.1f ns each\n", 1e9 / median(parsed), median(parsed));
    std::printf("  taken apart and written again   %10.0f a second, %6.1f ns each\n", 1e9 / median(written), median(written));
}

}  // namespace

auto main(int argc, char** argv) -> int {
    const std::size_t rounds = argc > 1 ? static_cast<std::size_t>(std::strtoul(argv[1], nullptr, 10)) : 15;
    if (rounds == 0) {
        std::fprintf(stderr, "bench_ike: ROUNDS is a number from 1\n");
        return 2;
    }
    std::printf("both ends in one thread; a second of one core for both\n%-26s %-24s %9s %9s %9s %8s %8s %8s %8s  ratio\n",
                "exchange", "suite", "a second", "us", "us in DH", "in prf", "in sig.", "cipher", "random");
    unsigned missed = 0;
    for (const row& r : rows) missed += handshakes(r, rounds);
    std::printf("goal: handshakes at least 0.90 of the bare calls with modp2048: %s\n", missed == 0 ? "met" : "missed");
    messages(rounds);
    return missed == 0 ? 0 : 1;
}
