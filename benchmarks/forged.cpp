// What a forged ESP packet costs: the whole way to its refusal, against the refusal by the bare Botan calls on the same octets in
// the same run.
//
//     bench_forged [ROUNDS]
//
// Of encrypt-then-MAC only the MAC is computed, and nothing is decrypted. Combined modes of Botan refuse by an exception, which
// is most of the time on both sides.
#include <botan/aead.h>
#include <botan/exceptn.h>
#include <botan/mac.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <variant>
#include <vector>

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

struct named_suite {
    std::string_view name;
    crypto::transform transform;
};
constexpr std::array suites{
    named_suite{"aes128-sha1", {encryption_id::aes_cbc, 128, integrity_id::hmac_sha1_96}},
    named_suite{"aes256-sha512", {encryption_id::aes_cbc, 256, integrity_id::hmac_sha2_512_256}},
    named_suite{"aes128gcm16", {encryption_id::aes_gcm_16, 128, integrity_id::none}},
    named_suite{"chacha20poly1305", {encryption_id::chacha20_poly1305, 0, integrity_id::none}},
};
constexpr std::size_t outer = 20;

/// The provider's own refusal of one packet. @return whether it was refused
class bare {
public:
    bare(suite_type::scratch& of, byte_view keymat, const suite_type& suite) : iv_{suite.iv_size()}, icv_{suite.icv_size()} {
        if (auto* combined = std::get_if<crypto::botan::aead::scratch>(&of)) {
            opener_ = combined->decryptor.get();
            granule_ = combined->granule;
            std::memcpy(nonce_.data(), keymat.data() + (keymat.size() - 4), 4);
            tail_.reserve(granule_ + 64);
        } else {
            mac_ = std::get<crypto::botan::cbc_suite::scratch>(of).mac.mac.get();
        }
    }
    auto refuse(byte_span esp) -> bool {
        auto* p = reinterpret_cast<std::uint8_t*>(esp.data());
        const std::size_t text = esp.size() - 8 - iv_ - icv_;
        if (mac_ != nullptr) {
            mac_->update(p, 8 + iv_ + text);
            mac_->final(whole_.data());
            return std::memcmp(p + 8 + iv_ + text, whole_.data(), icv_) != 0;
        }
        try {
            opener_->set_associated_data(p, 8);
            std::memcpy(nonce_.data() + 4, p + 8, 8);
            opener_->start(nonce_.data(), nonce_.size());
            const std::size_t whole = text & ~(granule_ - 1);
            std::uint8_t* at = p + 8 + iv_;
            if (whole > 0) opener_->process(at, whole);
            tail_.assign(at + whole, at + text + icv_);
            opener_->finish(tail_);
        } catch (const Botan::Exception&) {
            opener_->reset();
            return true;
        }
        return false;
    }

private:
    Botan::MessageAuthenticationCode* mac_ = nullptr;
    Botan::AEAD_Mode* opener_ = nullptr;
    Botan::secure_vector<std::uint8_t> tail_;
    std::array<std::uint8_t, 64> whole_{};
    std::array<std::uint8_t, 12> nonce_{};
    std::size_t granule_ = 1, iv_, icv_;
};

void line(const named_suite& s, std::size_t size, std::size_t rounds) {
    crypto::botan::random random;
    const auto suite = need(crypto::botan::make_esp_suite(s.transform));
    std::vector<std::byte> keymat(suite.keymat_size());
    (void)random.fill(keymat);
    sa::parameters p;
    p.id = {.spi = sa::spi{0x1234567}, .destination = ip::address::v4(192, 0, 2, 2), .protocol = sa::protocol::esp};
    p.source = ip::address::v4(192, 0, 2, 1);
    auto out =
        need(sa::outbound<suite_type>::make(p, need(crypto::botan::make_esp_suite(s.transform)), keymat, random, instant{}));
    auto in = need(sa::inbound<suite_type>::make(p, need(crypto::botan::make_esp_suite(s.transform)), keymat, random, instant{}));
    bare theirs{in.scratch(), keymat, suite};

    const auto plain = bench::plain_packet(size);
    bench::buffers forged, packets;
    for (std::size_t i = 0; i < burst; ++i) {
        packets.emplace_back(plain);
        if (!esp::seal(out, packets[i], instant{})) std::abort();
        packets[i].octets().back() ^= std::byte{1};
        forged.push_back(packets[i].clone());
    }
    const auto restore = [&] {
        for (std::size_t i = 0; i < burst; ++i) packets[i].assign(forged[i].octets());
    };
    std::vector<double> ours_ns, theirs_ns;
    for (std::size_t i = 0; i < rounds; ++i) {
        restore();
        ours_ns.push_back(bench::time_of([&] {
            for (auto& packet : packets)
                if (esp::open(in, packet, instant{})) std::abort();
        }));
        restore();
        theirs_ns.push_back(bench::time_of([&] {
            for (auto& packet : packets)
                if (!theirs.refuse(packet.octets().subspan(outer))) std::abort();
        }));
    }
    const double a = bench::median(ours_ns), b = bench::median(theirs_ns);
    std::printf("%-17.*s %5zu %9.0f %9.0f %6.2f%s\n", static_cast<int>(s.name.size()), s.name.data(), size, a, b, a / b,
                a / b > 1.5 ? "  missed" : "");
    std::fflush(stdout);
}

}  // namespace

auto main(int argc, char** argv) -> int {
    const std::size_t rounds = argc > 1 ? static_cast<std::size_t>(std::strtoul(argv[1], nullptr, 10)) : 300;
    if (rounds == 0) {
        std::fprintf(stderr, "bench_forged: ROUNDS is a number from 1\n");
        return 2;
    }
    std::printf("Forged ESP packets, bursts of %zu, ns per packet; goal: at most 1.5 times the bare refusal\n", burst);
    std::printf("%-17s %5s %9s %9s %6s\n", "suite", "size", "refused", "bare", "times");
    for (const auto& s : suites)
        for (const std::size_t size : {std::size_t{64}, std::size_t{1420}}) line(s, size, rounds);
    return 0;
}
