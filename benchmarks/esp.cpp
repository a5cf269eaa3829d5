// What ESP costs beside its cryptography: seal and open in tunnel mode, in bursts of 32, against the bare Botan calls on the same
// octets in the same run.
//
//     bench_esp [ROUNDS] [SUITE]
//
// The bare calls are the provider's best route: one object per SA and direction, the key set once, in place, nothing allocated.
// They get IV and headers for nothing. Rounds of ours and theirs alternate, so that a disturbance hits both; every number is a
// median over the rounds, "extra" that of the differences within a round.
#include <botan/aead.h>
#include <botan/cipher_mode.h>
#include <botan/mac.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ipsec/crypto/botan/random.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/esp/open.hpp"
#include "ipsec/esp/seal.hpp"
#include "ipsec/testing/packet_buffer.hpp"

namespace {

using namespace ipsec;
using crypto::encryption_id;
using crypto::integrity_id;
using suite_type = crypto::botan::gateway_suite;

constexpr std::size_t burst = 32;
constexpr std::size_t outer = 20;

struct named_suite {
    const char* name;
    crypto::transform transform;
    const char* botan_cipher;  ///< empty for NULL
    const char* botan_mac;     ///< empty for the combined modes
};
constexpr std::array suites{
    named_suite{"null-sha1", {encryption_id::null, 0, integrity_id::hmac_sha1_96}, "", "HMAC(SHA-1)"},
    named_suite{"3des-sha1", {encryption_id::des3_cbc, 0, integrity_id::hmac_sha1_96}, "TripleDES/CBC/NoPadding", "HMAC(SHA-1)"},
    named_suite{"aes128-sha1", {encryption_id::aes_cbc, 128, integrity_id::hmac_sha1_96}, "AES-128/CBC/NoPadding", "HMAC(SHA-1)"},
    named_suite{"aes128-sha256", {encryption_id::aes_cbc, 128, integrity_id::hmac_sha2_256_128}, "AES-128/CBC/NoPadding", "HMAC(SHA-256)"},
    named_suite{"aes256-sha512", {encryption_id::aes_cbc, 256, integrity_id::hmac_sha2_512_256}, "AES-256/CBC/NoPadding", "HMAC(SHA-512)"},
    named_suite{"aes128gcm16", {encryption_id::aes_gcm_16, 128, integrity_id::none}, "AES-128/GCM", ""},
    named_suite{"aes256gcm16", {encryption_id::aes_gcm_16, 256, integrity_id::none}, "AES-256/GCM", ""},
    named_suite{"chacha20poly1305", {encryption_id::chacha20_poly1305, 0, integrity_id::none}, "ChaCha20Poly1305", ""},
};
constexpr std::array<std::size_t, 4> sizes{64, 256, 1420, 8900};

/// The calls that nothing can do without.
class bare {
public:
    bare(const named_suite& s, byte_view keymat, std::size_t key, std::size_t iv, std::size_t icv) : iv_{iv}, icv_{icv} {
        const auto* octets = reinterpret_cast<const std::uint8_t*>(keymat.data());
        if (*s.botan_mac != '\0') {
            if (*s.botan_cipher != '\0') {
                encryptor_ = Botan::Cipher_Mode::create_or_throw(s.botan_cipher, Botan::ENCRYPTION);
                decryptor_ = Botan::Cipher_Mode::create_or_throw(s.botan_cipher, Botan::DECRYPTION);
                encryptor_->set_key(octets, key);
                decryptor_->set_key(octets, key);
            }
            mac_ = Botan::MessageAuthenticationCode::create_or_throw(s.botan_mac);
            mac_->set_key(octets + key, keymat.size() - key);
        } else {
            sealer_ = Botan::AEAD_Mode::create_or_throw(s.botan_cipher, Botan::ENCRYPTION);
            opener_ = Botan::AEAD_Mode::create_or_throw(s.botan_cipher, Botan::DECRYPTION);
            sealer_->set_key(octets, key);
            opener_->set_key(octets, key);
            std::memcpy(nonce_.data(), octets + key, 4);
            granule_ = sealer_->update_granularity();
            tail_.reserve(granule_ + 64);
        }
    }
    void seal(byte_span esp) {
        auto* p = reinterpret_cast<std::uint8_t*>(esp.data());
        const std::size_t text = esp.size() - 8 - iv_ - icv_;
        if (sealer_) {
            sealer_->set_associated_data(p, 8);
            std::memcpy(nonce_.data() + 4, p + 8, 8);
            sealer_->start(nonce_.data(), nonce_.size());
            const std::size_t whole = text / granule_ * granule_;
            std::uint8_t* at = p + 8 + iv_;
            if (whole > 0) sealer_->process(at, whole);
            tail_.assign(at + whole, at + text);
            sealer_->finish(tail_);
            std::memcpy(at + whole, tail_.data(), tail_.size());
            return;
        }
        if (encryptor_) {
            encryptor_->start(p + 8, iv_);
            encryptor_->process(p + 8 + iv_, text);
        }
        mac_->update(p, 8 + iv_ + text);
        mac_->final(whole_mac_.data());
        std::memcpy(p + 8 + iv_ + text, whole_mac_.data(), icv_);
    }
    void open(byte_span esp) {
        auto* p = reinterpret_cast<std::uint8_t*>(esp.data());
        const std::size_t text = esp.size() - 8 - iv_ - icv_;
        if (opener_) {
            opener_->set_associated_data(p, 8);
            std::memcpy(nonce_.data() + 4, p + 8, 8);
            opener_->start(nonce_.data(), nonce_.size());
            const std::size_t whole = text / granule_ * granule_;
            std::uint8_t* at = p + 8 + iv_;
            if (whole > 0) opener_->process(at, whole);
            tail_.assign(at + whole, at + text + icv_);
            opener_->finish(tail_);
            if (!tail_.empty()) std::memcpy(at + whole, tail_.data(), tail_.size());
            return;
        }
        mac_->update(p, 8 + iv_ + text);
        mac_->final(whole_mac_.data());
        if (std::memcmp(p + 8 + iv_ + text, whole_mac_.data(), icv_) != 0) std::abort();
        if (decryptor_) {
            decryptor_->start(p + 8, iv_);
            decryptor_->process(p + 8 + iv_, text);
        }
    }

private:
    std::unique_ptr<Botan::Cipher_Mode> encryptor_, decryptor_;
    std::unique_ptr<Botan::MessageAuthenticationCode> mac_;
    std::unique_ptr<Botan::AEAD_Mode> sealer_, opener_;
    Botan::secure_vector<std::uint8_t> tail_;
    std::array<std::uint8_t, 64> whole_mac_{};
    std::array<std::uint8_t, 12> nonce_{};
    std::size_t granule_ = 1, iv_, icv_;
};

auto plain_packet(std::size_t size) -> std::vector<std::byte> {
    std::vector<std::byte> p(size);
    for (std::size_t i = 0; i < size; ++i) p[i] = static_cast<std::byte>(i * 131 + 7);
    ip::v4::header h;
    h.total_length = static_cast<std::uint16_t>(size);
    h.time_to_live = 64;
    h.dont_fragment = true;
    h.protocol = ip::next_header::udp;
    h.source = ip::address::v4(10, 1, 1, 1);
    h.destination = ip::address::v4(10, 2, 2, 2);
    (void)h.emit_with_checksum(p);
    return p;
}

template <class Work>
auto time_of(Work&& work) -> double {
    const auto begin = std::chrono::steady_clock::now();
    work();
    const auto end = std::chrono::steady_clock::now();
    return std::chrono::duration<double, std::nano>(end - begin).count() / burst;
}
auto median(std::vector<double> v) -> double {
    std::ranges::sort(v);
    return v[v.size() / 2];
}
template <class T> auto need(T value) -> auto {
    if (!value) std::abort();
    return std::move(*value);
}

struct measured {
    double ours, theirs, extra;
    static auto of(const std::vector<double>& ours, const std::vector<double>& theirs) -> measured {
        std::vector<double> differences(ours.size());
        for (std::size_t i = 0; i < ours.size(); ++i) differences[i] = ours[i] - theirs[i];
        return {median(ours), median(theirs), median(differences)};
    }
};
struct line {
    measured seal, open;
};
struct samples {
    std::vector<double> ours_seal, theirs_seal, ours_open, theirs_open;
};

/// Rounds over one set of objects.
void run(const named_suite& s, std::size_t size, std::size_t rounds, samples& into) {
    crypto::botan::random random;
    auto suite = need(crypto::botan::make_esp_suite(s.transform));
    std::vector<std::byte> keymat(suite.keymat_size());
    (void)random.fill(keymat);
    sa::parameters p;
    p.id = {.spi = sa::spi{0x1234567}, .destination = ip::address::v4(192, 0, 2, 2), .protocol = sa::protocol::esp};
    p.source = ip::address::v4(192, 0, 2, 1);
    auto out = need(sa::outbound<suite_type>::make(p, need(crypto::botan::make_esp_suite(s.transform)), keymat, random, instant{}));
    auto in = need(sa::inbound<suite_type>::make(p, need(crypto::botan::make_esp_suite(s.transform)), keymat, random, instant{}));
    const std::size_t key = need(crypto::key_size(s.transform.encryption, s.transform.key_bits));
    bare botan{s, keymat, key, suite.iv_size(), suite.icv_size()};

    const auto plain = plain_packet(size);
    std::vector<testing::packet_buffer> packets;
    for (std::size_t i = 0; i < burst; ++i) packets.emplace_back(plain);
    const auto restore = [&] {
        for (auto& packet : packets) packet.assign(plain);
    };
    // Before every measurement the same work: copying with wide registers slows down what follows for a while.
    std::vector<testing::packet_buffer> decoys;
    for (std::size_t i = 0; i < burst; ++i) decoys.emplace_back(plain);
    const auto settle = [&] {
        for (auto& packet : decoys) packet.assign(plain);
    };
    const auto seal_all = [&] {
        std::array<crypto::seal_job, burst> jobs;
        for (std::size_t i = 0; i < burst; ++i)
            if (!esp::prepare_into(out, packets[i], instant{}, jobs[i])) std::abort();
        for (const auto& job : jobs)
            if (!out.suite().seal(out.keys(), out.scratch(), job)) std::abort();
    };
    const auto open_all = [&] {
        using pending = esp::pending<sa::inbound<suite_type>>;
        std::array<std::optional<pending>, burst> waiting;
        std::array<crypto::result<void>, burst> outcome;
        for (std::size_t i = 0; i < burst; ++i) {
            auto w = esp::inspect(in, packets[i], instant{});
            if (!w) std::abort();
            waiting[i].emplace(std::move(*w));
        }
        for (std::size_t i = 0; i < burst; ++i) outcome[i] = in.suite().open(in.keys(), in.scratch(), waiting[i]->job);
        for (std::size_t i = 0; i < burst; ++i)
            if (!esp::finish(in, packets[i], std::move(*waiting[i]), outcome[i], instant{})) std::abort();
    };
    const auto bare_seal = [&] {
        for (auto& packet : packets) botan.seal(packet.octets().subspan(outer));
    };
    const auto bare_open = [&] {
        for (auto& packet : packets) botan.open(packet.octets().subspan(outer));
    };

    for (std::size_t round = 0; round < rounds + 3; ++round) {
        restore();
        settle();
        const double a = time_of(seal_all);
        settle();
        const double b = time_of(open_all);
        restore();
        seal_all();
        settle();
        const double c = time_of(bare_open);
        settle();
        // What lies there now is framed text once more: the same octets as before sealing.
        const double d = time_of(bare_seal);
        if (round < 3) continue;  // caches and clocks settle
        into.ours_seal.push_back(a);
        into.ours_open.push_back(b);
        into.theirs_open.push_back(c);
        into.theirs_seal.push_back(d);
    }
}

/// Where tables and packets happen to lie is worth more than what is measured, so every number comes from several layouts of memory.
auto run(const named_suite& s, std::size_t size, std::size_t rounds) -> line {
    constexpr std::size_t layouts = 10;
    samples all;
    std::vector<std::vector<std::byte>> shifts;
    for (std::size_t i = 0; i < layouts; ++i) {
        shifts.emplace_back(16 * (1 + i * 37 % 61));
        run(s, size, std::max<std::size_t>(rounds / layouts, 4), all);
    }
    return {measured::of(all.ours_seal, all.theirs_seal), measured::of(all.ours_open, all.theirs_open)};
}

}  // namespace

auto main(int argc, char** argv) -> int {
    const std::size_t rounds = argc > 1 ? static_cast<std::size_t>(std::strtoul(argv[1], nullptr, 10)) : 400;
    const std::string_view only = argc > 2 ? argv[2] : "";
    if (rounds == 0) {
        std::fprintf(stderr, "bench_esp: ROUNDS is a number from 1\n");
        return 2;
    }
    std::printf("ESP tunnel mode, IPv4 in IPv4, bursts of %zu, medians of %zu rounds, ns per packet\n", burst, rounds);
    std::printf("%-17s %5s | %8s %8s %6s %7s | %8s %8s %6s %7s\n", "suite", "size", "seal", "bare", "ratio", "extra", "open", "bare", "ratio", "extra");
    bool reached = true;
    for (const auto& s : suites) {
        if (!only.empty() && only != s.name) continue;
        for (const std::size_t size : sizes) {
            const auto r = run(s, size, std::max<std::size_t>(rounds * 1420 / std::max<std::size_t>(size, 1420), 20));
            std::printf("%-17s %5zu | %8.0f %8.0f %6.3f %7.1f | %8.0f %8.0f %6.3f %7.1f\n", s.name, size, r.seal.ours, r.seal.theirs,
                        r.seal.theirs / r.seal.ours, r.seal.extra, r.open.ours, r.open.theirs, r.open.theirs / r.open.ours, r.open.extra);
            std::fflush(stdout);
            if (r.seal.extra > 40 || r.open.extra > 40) reached = false;
            if (size == 1420 && (r.seal.theirs < 0.95 * r.seal.ours || r.open.theirs < 0.95 * r.open.ours)) reached = false;
        }
    }
    std::printf("goal: ratio of at least 0.95 at 1420 octets, at most 40 ns extra at any size: %s\n", reached ? "reached" : "missed in this run");
    return 0;
}
