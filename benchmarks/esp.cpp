// What ESP costs beside its cryptography: seal and open in tunnel mode, in bursts of 32, against the bare Botan calls on the same
// octets in the same run.
//
//     bench_esp [ROUNDS] [SUITE] [SIZE]         SIZE: octets of the inner packet
//
// The bare calls are the provider's best route: one object per SA and direction, the key set once, in place, nothing
// allocated. They get IV and headers for nothing. Where a key table, a buffer or a packet happens to lie is worth more than
// what is measured: both runs use the same Botan objects, which are those in the SA, and the same packets in the same state of
// the caches. A round is ours, theirs, theirs, ours; "extra" is the median of the differences within rounds, and of that the
// median over many layouts, each with new objects and packets elsewhere. "+-" is half the distance between the quartiles of
// the layouts: a cell where it is large was disturbed and says little (slow suites on a busy machine: a burst does not fit
// between two interruptions). The clock is that of the thread, which stands still while others run.
//
// Suites with SHA-384 and SHA-512 show more than the others: bench_between says what any code between two of their MACs costs.
#include <botan/aead.h>
#include <botan/cipher_mode.h>
#include <botan/mac.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
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

/// How often the measured code stands in the program, each time elsewhere: where a loop lies is worth up to 15 % of SHA-512,
/// whose code fills the processor's cache of decoded instructions (`benchmarks/between`); one place must not stand for all.
constexpr std::size_t places = 12;
/// Pushes the code behind it, a burst's worth, some octets on, by instructions that take part of a nanosecond in all. (It also
/// keeps the compiler from making one of what differs by its place only.)
template <std::size_t Octets> [[gnu::always_inline]] inline void push_on() {
    asm volatile(".rept %c0\n nop\n .endr" ::"i"(Octets));
}

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

auto thread_time() -> double {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}
template <class Work>
auto time_of(Work&& work) -> double {
    const double begin = thread_time();
    work();
    return (thread_time() - begin) / burst;
}
/// Calls `work` with the stack 16 * `steps` octets further down. Where Botan's frames lie in a cache line is worth up to 3 % of
/// AES-GCM: the depth of the call, which differs between ours and theirs, must not pick one place for the whole run.
template <class Work>
[[gnu::noinline]] auto deeper(std::size_t steps, Work& work) -> double {
    void* volatile room = __builtin_alloca(16 * steps + 16);
    (void)room;
    return work();
}
auto at_part(std::vector<double> v, double part) -> double {
    std::ranges::sort(v);
    return v[static_cast<std::size_t>(part * static_cast<double>(v.size() - 1) + 0.5)];
}
auto median(std::vector<double> v) -> double { return at_part(std::move(v), 0.5); }
template <class T> auto need(T value) -> auto {
    if (!value) std::abort();
    return std::move(*value);
}

/// One number per round, then one per layout.
struct samples {
    std::vector<double> ours, theirs, extra;
    void add(double a, double b, double difference) {
        ours.push_back(a);
        theirs.push_back(b);
        extra.push_back(difference);
    }
};
struct both {
    samples seal, open;
};

using buffers = std::vector<testing::packet_buffer>;

/// Rounds over one set of objects and packets.
template <std::size_t Place>
[[gnu::noinline]] auto run_layout(const named_suite& s, std::size_t size, std::size_t rounds, std::size_t layout,
                                  buffers& packets, buffers& decoys) -> both {
    crypto::botan::random random;
    auto suite = need(crypto::botan::make_esp_suite(s.transform));
    std::vector<std::byte> keymat(suite.keymat_size());
    (void)random.fill(keymat);
    sa::parameters p;
    p.id = {.spi = sa::spi{0x1234567}, .destination = ip::address::v4(192, 0, 2, 2), .protocol = sa::protocol::esp};
    p.source = ip::address::v4(192, 0, 2, 1);
    auto out =
        need(sa::outbound<suite_type>::make(p, need(crypto::botan::make_esp_suite(s.transform)), keymat, random, instant{}));
    auto in = need(sa::inbound<suite_type>::make(p, need(crypto::botan::make_esp_suite(s.transform)), keymat, random, instant{}));
    bare bare_out{out.scratch(), keymat, suite}, bare_in{in.scratch(), keymat, suite};

    const auto plain = plain_packet(size);
    for (std::size_t i = 0; i < burst; ++i) packets.emplace_back(plain);
    for (std::size_t i = 0; i < burst; ++i) decoys.emplace_back(plain);
    const auto restore = [&] {
        for (auto& packet : packets) packet.assign(plain);
    };
    // Before every measurement the same work: copying with wide registers slows down what follows for a while, and what was done
    // to the packets last must not decide what of them is still near.
    const auto settle = [&] {
        for (auto& packet : decoys) packet.assign(plain);
    };
    // As in the walks, what waits between the halves has a place of its own.
    using pending = esp::pending<sa::inbound<suite_type>>;
    std::array<crypto::seal_job, burst> jobs;
    std::array<pending, burst> waiting;
    std::array<crypto::result<void>, burst> outcome;
    const auto prepare_all = [&] {
        for (std::size_t i = 0; i < burst; ++i)
            if (!esp::prepare_into(out, packets[i], instant{}, jobs[i])) std::abort();
    };
    const auto seal_all = [&] {
        push_on<Place * 336 % 4096>();
        prepare_all();
        for (const auto& job : jobs)
            if (!out.suite().seal(out.keys(), out.scratch(), job)) std::abort();
    };
    const auto open_all = [&] {
        push_on<Place * 336 % 4096>();
        for (std::size_t i = 0; i < burst; ++i)
            if (!esp::inspect_into(in, packets[i], instant{}, waiting[i])) std::abort();
        for (std::size_t i = 0; i < burst; ++i) outcome[i] = in.suite().open(in.keys(), in.scratch(), waiting[i].job);
        for (std::size_t i = 0; i < burst; ++i)
            if (!esp::finish(in, packets[i], std::move(waiting[i]), outcome[i], instant{})) std::abort();
    };
    const auto ours_seal = [&] {
        restore();
        settle();
        return time_of(seal_all);
    };
    const auto theirs_seal = [&] {
        restore();
        prepare_all();  // headers, trailers and, of the combined modes, IVs, which they get for nothing
        if (s.transform.integrity == integrity_id::none)
            for (const auto& job : jobs) wire::store(job.packet.subspan(8), job.sequence);
        settle();
        return time_of([&] {
            push_on<Place * 1872 % 4096>();
            for (auto& packet : packets) bare_out.seal(packet.octets().subspan(outer));
        });
    };
    const auto ours_open = [&] {
        restore();
        seal_all();
        settle();
        return time_of(open_all);
    };
    const auto theirs_open = [&] {
        restore();
        seal_all();
        settle();
        return time_of([&] {
            push_on<Place * 1872 % 4096>();
            for (auto& packet : packets) bare_in.open(packet.octets().subspan(outer));
        });
    };
    const auto round = [](samples& into, std::size_t depth, auto& ours, auto& theirs) {
        const double a = deeper(depth, ours), b = deeper(depth, theirs), c = deeper(depth, theirs), d = deeper(depth, ours);
        into.add((a + d) / 2, (b + c) / 2, (a - b - c + d) / 2);
    };
    both all;
    for (std::size_t i = 0; i < rounds + 2; ++i) {
        if (i == 2) all = {};  // caches and clocks have settled
        const std::size_t depth = (layout * 5 + i * 37) % 64;
        round(all.seal, depth, ours_seal, theirs_seal);
        round(all.open, depth, ours_open, theirs_open);
    }
    return all;
}

auto run(const named_suite& s, std::size_t size, std::size_t rounds) -> both {
    constexpr std::size_t layouts = 25;
    both result;
    // All of them stay until the end: memory that is given back is handed out again, and its pages decide what of the packets
    // fits into a cache that is indexed by physical addresses.
    std::vector<buffers> kept(2 * layouts);
    std::vector<std::vector<std::byte>> shifts;
    for (std::size_t i = 0; i < layouts; ++i) {
        shifts.emplace_back(16 * (1 + i * 37 % 251));
        static constexpr auto each = []<std::size_t... Place>(std::index_sequence<Place...>) {
            return std::array{&run_layout<Place>...};
        }(std::make_index_sequence<places>{});
        const auto one =
            each[i % places](s, size, std::max<std::size_t>(rounds / layouts, 5), i, kept[2 * i], kept[2 * i + 1]);
        result.seal.add(median(one.seal.ours), median(one.seal.theirs), median(one.seal.extra));
        result.open.add(median(one.open.ours), median(one.open.theirs), median(one.open.extra));
    }
    return result;
}

struct column {
    double ours, theirs, extra, spread;
    explicit column(const samples& s)
        : ours{median(s.ours)},
          theirs{median(s.theirs)},
          extra{median(s.extra)},
          spread{(at_part(s.extra, 0.75) - at_part(s.extra, 0.25)) / 2} {}
    /// Of the time with and without the extra: the quotient of two medians would have the noise of both.
    [[nodiscard]] auto ratio() const -> double { return theirs / (theirs + extra); }
    void print() const { std::printf(" | %8.0f %8.0f %6.3f %6.1f +-%5.1f", ours, theirs, ratio(), extra, spread); }
};

}  // namespace

auto main(int argc, char** argv) -> int {
    const std::size_t rounds = argc > 1 ? static_cast<std::size_t>(std::strtoul(argv[1], nullptr, 10)) : 400;
    const std::string_view only = argc > 2 ? argv[2] : "";
    std::vector<std::size_t> asked{all_sizes.begin(), all_sizes.end()};
    if (argc > 3) asked = {static_cast<std::size_t>(std::strtoul(argv[3], nullptr, 10))};
    if (rounds == 0 || asked[0] < 28 || asked[0] > 9000) {
        std::fprintf(stderr, "bench_esp: ROUNDS is a number from 1, SIZE one from 28 to 9000\n");
        return 2;
    }
    if (!only.empty() && std::ranges::find(suites, only, &named_suite::name) == suites.end()) {
        std::fprintf(stderr, "bench_esp: no suite is called '%s' here\n", argv[2]);
        return 2;
    }
    std::printf("ESP tunnel mode, IPv4 in IPv4, bursts of %zu, %zu rounds, ns per packet\n", burst, rounds);
    std::printf("%-17s %5s | %8s %8s %6s %6s %7s | %8s %8s %6s %6s %7s\n", "suite", "size", "seal", "bare", "ratio", "extra",
                "+-", "open", "bare", "ratio", "extra", "+-");
    std::size_t missed = 0, unclear = 0;
    const auto judge = [&](const column& c, std::size_t size) {
        const double most = size == 1420 ? std::min(40.0, c.theirs * (1 / 0.95 - 1)) : 40.0;
        if (c.extra - c.spread > most) ++missed;
        else if (c.extra + c.spread > most) ++unclear;
    };
    for (const auto& s : suites) {
        if (!only.empty() && only != s.name) continue;
        for (const std::size_t size : asked) {
            const auto r = run(s, size, std::max<std::size_t>(rounds * 1420 / std::max<std::size_t>(size, 1420), 20));
            const column seal{r.seal}, open{r.open};
            std::printf("%-17s %5zu", s.name.data(), size);
            seal.print();
            open.print();
            std::printf("\n");
            std::fflush(stdout);
            judge(seal, size);
            judge(open, size);
        }
    }
    std::printf("goal: ratio of at least 0.95 at 1420 octets, at most 40 ns extra at any size:\n"
                "missed by %zu cells, and %zu cells were too disturbed to tell\n",
                missed, unclear);
    return 0;
}
