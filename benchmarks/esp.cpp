// What ESP costs beside its cryptography: seal and open in tunnel mode, in bursts of 32, against the bare Botan calls on the same
// octets in the same run.
//
//     bench_esp [ROUNDS] [SUITE] [SIZE]         SIZE: octets of the inner packet
//
// The bare calls are the provider's best route: one object per SA and direction, the key set once, in place, nothing
// allocated. They get IV and headers for nothing. common/measure.hpp says how it is measured.
//
// Suites with much code (SHA-384, SHA-512, DES) work in two strides: bench_between says what any code between two MACs costs.
#include <botan/aead.h>
#include <botan/cipher_mode.h>
#include <botan/mac.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <variant>
#include <vector>

#include "common/framing.hpp"
#include "common/measure.hpp"
#include "ipsec/crypto/botan/random.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/esp/open.hpp"
#include "ipsec/esp/seal.hpp"

namespace {

using namespace ipsec;
using bench::burst;
using bench::need;
using crypto::encryption_id;
using crypto::integrity_id;
using suite_type = crypto::botan::gateway_suite;
using seal_item = crypto::batch_item<suite_type, crypto::seal_job>;
using open_item = crypto::batch_item<suite_type, crypto::open_job>;

constexpr std::size_t outer = 20;

struct named_suite {
    std::string_view name;
    crypto::transform transform;
};
constexpr std::array suites{
    named_suite{"null-sha1", {encryption_id::null, 0, integrity_id::hmac_sha1_96}},
    named_suite{"3des-md5", {encryption_id::des3_cbc, 0, integrity_id::hmac_md5_96}},
    named_suite{"3des-sha1", {encryption_id::des3_cbc, 0, integrity_id::hmac_sha1_96}},
    named_suite{"aes128-sha1", {encryption_id::aes_cbc, 128, integrity_id::hmac_sha1_96}},
    named_suite{"aes128-sha256", {encryption_id::aes_cbc, 128, integrity_id::hmac_sha2_256_128}},
    named_suite{"aes256-sha256", {encryption_id::aes_cbc, 256, integrity_id::hmac_sha2_256_128}},
    named_suite{"aes256-sha512", {encryption_id::aes_cbc, 256, integrity_id::hmac_sha2_512_256}},
    named_suite{"aes128gcm16", {encryption_id::aes_gcm_16, 128, integrity_id::none}},
    named_suite{"aes256gcm16", {encryption_id::aes_gcm_16, 256, integrity_id::none}},
    named_suite{"chacha20poly1305", {encryption_id::chacha20_poly1305, 0, integrity_id::none}},
};
constexpr std::array<std::size_t, 4> all_sizes{64, 256, 1420, 8900};

/// The calls that nothing can do without, on the Botan objects of one SA.
class bare {
public:
    bare(suite_type::scratch& of, byte_view keymat, const suite_type& suite) : iv_{suite.iv_size()}, icv_{suite.icv_size()} {
        if (auto* combined = std::get_if<crypto::botan::aead::scratch>(&of)) {
            sealer_ = combined->encryptor.get();
            opener_ = combined->decryptor.get();
            std::memcpy(nonce_.data(), keymat.data() + (keymat.size() - 4), 4);
            granule_ = combined->granule;
            tail_.reserve(granule_ + 64);
        } else {
            auto& two = std::get<crypto::botan::cbc_suite::scratch>(of);
            encryptor_ = two.cipher.encryptor.get();
            decryptor_ = two.cipher.decryptor.get();
            mac_ = two.mac.mac.get();
        }
    }
    void seal(byte_span esp) {
        auto* p = reinterpret_cast<std::uint8_t*>(esp.data());
        const std::size_t text = esp.size() - 8 - iv_ - icv_;
        if (sealer_) {
            sealer_->set_associated_data(p, 8);
            std::memcpy(nonce_.data() + 4, p + 8, 8);
            sealer_->start(nonce_.data(), nonce_.size());
            const std::size_t whole = text & ~(granule_ - 1);
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
            const std::size_t whole = text & ~(granule_ - 1);
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
    Botan::Cipher_Mode* encryptor_ = nullptr;
    Botan::Cipher_Mode* decryptor_ = nullptr;
    Botan::MessageAuthenticationCode* mac_ = nullptr;
    Botan::AEAD_Mode* sealer_ = nullptr;
    Botan::AEAD_Mode* opener_ = nullptr;
    Botan::secure_vector<std::uint8_t> tail_;
    std::array<std::uint8_t, 64> whole_mac_{};
    std::array<std::uint8_t, 12> nonce_{};
    std::size_t granule_ = 1, iv_, icv_;
};

/// A pair of SAs, and the bare calls on its objects.
class subject {
public:
    subject(const named_suite& s, bench::buffers& packets)
        : packets_{&packets},
          suite_{need(crypto::botan::make_esp_suite(s.transform))},
          keymat_(suite_.keymat_size()),
          is_combined_{s.transform.integrity == integrity_id::none},
          out_{make<sa::outbound<suite_type>>(s)},
          in_{make<sa::inbound<suite_type>>(s)},
          bare_out_{out_.scratch(), keymat_, suite_},
          bare_in_{in_.scratch(), keymat_, suite_} {}

    [[gnu::always_inline]] void seal() {
        prepare_all();
        out_.suite().seal_first(out_.keys(), out_.scratch(), std::span<seal_item>{jobs_});
        if (two_strides_) out_.suite().seal_second(out_.keys(), out_.scratch(), std::span<seal_item>{jobs_});
        for (const auto& i : jobs_)
            if (!i.outcome) std::abort();
    }
    [[gnu::always_inline]] void open() {
        for (std::size_t i = 0; i < burst; ++i) {
            if (!esp::inspect_into(in_, (*packets_)[i], instant{}, waiting_[i], opens_[i].job)) std::abort();
        }
        in_.suite().open_first(in_.keys(), in_.scratch(), std::span<open_item>{opens_});
        if (two_strides_) in_.suite().open_second(in_.keys(), in_.scratch(), std::span<open_item>{opens_});
        for (std::size_t i = 0; i < burst; ++i)
            if (!esp::finish(in_, (*packets_)[i], std::move(waiting_[i]), opens_[i].outcome, instant{})) std::abort();
    }
    /// Headers, trailers and, of the combined modes, IVs.
    void prepare_theirs() {
        prepare_all();
        if (is_combined_)
            for (const auto& i : jobs_) wire::store(i.job.packet.subspan(8), i.job.sequence);
    }
    [[gnu::always_inline]] void bare_seal() {
        for (auto& packet : *packets_) bare_out_.seal(packet.octets().subspan(outer));
    }
    [[gnu::always_inline]] void bare_open() {
        for (auto& packet : *packets_) bare_in_.open(packet.octets().subspan(outer));
    }

private:
    template <class Sa> auto make(const named_suite& s) -> Sa {
        if constexpr (std::same_as<Sa, sa::outbound<suite_type>>) (void)random_.fill(keymat_);
        sa::parameters p;
        p.id = {.spi = sa::spi{0x1234567}, .destination = ip::address::v4(192, 0, 2, 2), .protocol = sa::protocol::esp};
        p.source = ip::address::v4(192, 0, 2, 1);
        return need(Sa::make(p, need(crypto::botan::make_esp_suite(s.transform)), keymat_, random_, instant{}));
    }
    [[gnu::always_inline]] void prepare_all() {
        for (std::size_t i = 0; i < burst; ++i)
            if (!esp::prepare_into(out_, (*packets_)[i], instant{}, jobs_[i].job)) std::abort();
    }
    bench::buffers* packets_;
    crypto::botan::random random_;
    suite_type suite_;
    std::vector<std::byte> keymat_;
    bool is_combined_, two_strides_ = suite_.two_strides();
    sa::outbound<suite_type> out_;
    sa::inbound<suite_type> in_;
    bare bare_out_, bare_in_;
    // As in the walks, what waits between the halves has a place of its own.
    std::array<seal_item, burst> jobs_;
    std::array<open_item, burst> opens_;
    std::array<esp::pending<sa::inbound<suite_type>>, burst> waiting_;
};

/// What the AES calls for the IV of one packet take in a suite with CBC, ns: the least of many passes.
auto cost_of_iv() -> double {
    crypto::botan::random random;
    auto pool = need(crypto::botan::iv_pool::make(random));
    std::array<std::byte, 16> iv{};
    double least = 1e9;
    for (int pass = 0; pass < 200; ++pass) {
        constexpr std::size_t ivs = 64 * bench::burst;
        least = std::min(least, bench::time_of([&] {
                                    for (std::size_t i = 0; i < ivs; ++i) pool.take(i, iv);
                                }) * bench::burst / ivs);
    }
    return least;
}

}  // namespace

auto main(int argc, char** argv) -> int {
    const auto asked = bench::read_request(argc, argv, "bench_esp", suites, {all_sizes.begin(), all_sizes.end()});
    bench::print_heading("ESP tunnel mode, IPv4 in IPv4", asked.rounds);
    bench::verdicts verdicts;
    for (const auto& s : suites) {
        if (!asked.wants(s.name)) continue;
        for (const std::size_t size : asked.sizes) {
            const auto floor = bench::framing_floor<true>(size, asked.rounds);
            bench::print_cell<subject>(s, s.name, size, asked.rounds, floor, verdicts);
        }
    }
    bench::print_goal(verdicts);
    std::printf("of what CBC costs on its way out %.1f ns are the AES calls that make its IVs\n", cost_of_iv());
    return 0;
}
