// What the two packet walks cost: ns per packet of the outbound and the inbound walk in tunnel mode, beside ESP alone and beside
// the cryptography alone on the same octets in the same run.
//
//     bench_walk [ROUNDS] [SUITE]
//
// The "none" suite does nothing, so that its lines show the walks by themselves. With 16 SAs the packets of a burst go round
// robin over SAs of host pairs under one policy: the worst order there is.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "ipsec/crypto/botan/mac.hpp"
#include "ipsec/crypto/botan/random.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/dataplane/inbound.hpp"
#include "ipsec/dataplane/outbound.hpp"
#include "ipsec/policy/spd.hpp"
#include "ipsec/sa/sadb.hpp"
#include "ipsec/testing/identity_crypto.hpp"

namespace {

using namespace ipsec;
using crypto::encryption_id;
using crypto::integrity_id;

constexpr std::size_t together = 256;  // packets per measurement, in bursts of 1 or 32
constexpr std::size_t head = 128, tail = 64;

/// The sizes of AES-GCM and none of its work.
struct no_suite {
    struct keys {};
    struct scratch {};
    [[nodiscard]] static constexpr auto keymat_size() noexcept -> std::size_t { return 20; }
    [[nodiscard]] static constexpr auto iv_size() noexcept -> std::size_t { return 8; }
    [[nodiscard]] static constexpr auto block_size() noexcept -> std::size_t { return 1; }
    [[nodiscard]] static constexpr auto icv_size() noexcept -> std::size_t { return 16; }
    [[nodiscard]] static constexpr auto is_counter_mode() noexcept -> bool { return true; }
    [[nodiscard]] static constexpr auto authenticates() noexcept -> bool { return true; }
    [[nodiscard]] static auto make_keys(byte_view) noexcept -> crypto::result<keys> { return keys{}; }
    template <rng R>
    [[nodiscard]] static auto make_scratch(const keys&, R&) noexcept -> crypto::result<scratch> { return scratch{}; }
    [[nodiscard]] static auto seal(const keys&, scratch&, const crypto::seal_job&) noexcept -> crypto::result<void> { return {}; }
    [[nodiscard]] static auto open(const keys&, scratch&, const crypto::open_job&) noexcept -> crypto::result<void> { return {}; }
};

/// A handle to octets that lie elsewhere, as packets of a pool are.
class pooled {
public:
    pooled() = default;
    pooled(byte_span store, byte_view octets) : store_{store}, begin_{head}, end_{head + octets.size()} {
        std::memcpy(store.data() + head, octets.data(), octets.size());
    }
    [[nodiscard]] auto octets() noexcept -> byte_span { return store_.subspan(begin_, end_ - begin_); }
    [[nodiscard]] auto octets() const noexcept -> byte_view { return byte_view{store_}.subspan(begin_, end_ - begin_); }
    [[nodiscard]] auto head_room() const noexcept -> std::size_t { return begin_; }
    [[nodiscard]] auto tail_room() const noexcept -> std::size_t { return store_.size() - end_; }
    void grow_front(std::size_t n) noexcept { begin_ -= n; }
    void grow_back(std::size_t n) noexcept { end_ += n; }
    void shrink_front(std::size_t n) noexcept { begin_ += n; }
    void shrink_back(std::size_t n) noexcept { end_ -= n; }
    [[nodiscard]] auto metadata() const noexcept -> const io::metadata& { return nothing; }

private:
    static constexpr io::metadata nothing{};
    byte_span store_;
    std::size_t begin_ = 0, end_ = 0;
};
static_assert(io::packet<pooled>);

/// Leaves packets where they are.
struct counting_sink {
    std::size_t passed = 0;
    void emit(pooled&&, const dataplane::verdict& v) noexcept { passed += v.fate != dataplane::fate::drop; }
};
/// Hears of drops, so that the code for audit records is there, as in a real system.
struct clerk {
    std::size_t drops = 0;
    void on(const dataplane::audit_record&) noexcept { ++drops; }
};

auto plain_packet(std::size_t size, std::size_t host) -> std::vector<std::byte> {
    std::vector<std::byte> p(size);
    for (std::size_t i = 0; i < size; ++i) p[i] = static_cast<std::byte>(i * 131 + 7);
    ip::v4::header h;
    h.total_length = static_cast<std::uint16_t>(size);
    h.time_to_live = 64;
    h.dont_fragment = true;
    h.protocol = ip::next_header::udp;
    h.source = ip::address::v4(10, 1, 1, 1);
    h.destination = ip::address::v4(10, 2, 2, static_cast<std::uint8_t>(host));
    (void)h.emit_with_checksum(p);
    return p;
}
template <class T> auto need(T value) -> auto {
    if (!value) std::abort();
    return std::move(*value);
}
auto median(std::vector<double> v) -> double {
    std::ranges::sort(v);
    return v[v.size() / 2];
}
template <class Work> auto time_of(Work&& work) -> double {
    const auto begin = std::chrono::steady_clock::now();
    work();
    const auto end = std::chrono::steady_clock::now();
    return std::chrono::duration<double, std::nano>(end - begin).count() / together;
}

struct samples {
    std::vector<double> out, out_esp, out_bare, in, in_esp, in_bare;
};

template <class Suite> struct bench {
    using database = sa::sadb<Suite, testing::checksum_mac>;
    using policies = policy::spd<>;
    using sa_in = typename database::esp_inbound;
    using sa_out = typename database::esp_outbound;

    template <class Make>
    static void run(Make&& make_suite, std::size_t size, std::size_t burst, std::size_t sas, std::size_t rounds, samples& into) {
        crypto::botan::random random;
        database sadb;
        policies spd;
        dataplane::event_queue<> events;
        clerk log;
        const auto left = ip::address::v4(192, 0, 2, 1), right = ip::address::v4(192, 0, 2, 2);
        policy::entry rule;
        rule.id = sa::policy_id{7};
        rule.action = policy::action::apply;
        rule.selectors.traffic.source = need(ip::parse_prefix("10.1.0.0/16"));
        rule.selectors.traffic.destination = need(ip::parse_prefix("10.2.0.0/16"));
        (void)rule.protections.push_back({.tunnel = policy::tunnel_ends{left, right}});
        if (!spd.outbound.append(rule)) std::abort();
        rule.protections[0].tunnel = policy::tunnel_ends{right, left};
        if (!spd.inbound.append(rule)) std::abort();
        std::vector<sa_out*> senders;
        std::vector<sa_in*> receivers;
        for (std::size_t i = 0; i < sas; ++i) {
            sa::parameters p;
            p.id = {.spi = sa::spi{static_cast<std::uint32_t>(0x1234567 * (i + 1))}, .destination = right};
            p.source = left;
            p.policy = rule.id;
            p.window = 1024;
            p.selectors = rule.selectors.traffic;
            if (sas > 1) {
                p.selectors.source = ip::address::v4(10, 1, 1, 1);
                p.selectors.destination = ip::address::v4(10, 2, 2, static_cast<std::uint8_t>(i));
            }
            std::vector<std::byte> keymat(make_suite().keymat_size());
            (void)random.fill(keymat);
            const auto o = need(sadb.insert(need(sa_out::make(p, make_suite(), keymat, random, instant{}))));
            const auto n = need(sadb.insert(need(sa_in::make(p, make_suite(), keymat, random, instant{}))));
            senders.push_back(sadb.get(o)->esp());
            receivers.push_back(sadb.get(n)->esp());
        }
        dataplane::outbound<database, policies, pooled> out{sadb, spd, events};
        dataplane::inbound<database, policies, pooled> in{sadb, spd, events};

        const std::size_t stride = (head + size + tail + 63) / 64 * 64 + 64;
        std::vector<std::byte> pool(stride * together);
        std::vector<pooled> packets(together);
        std::vector<std::vector<std::byte>> plain;
        for (std::size_t i = 0; i < sas; ++i) plain.push_back(plain_packet(size, i));
        const auto restore = [&] {
            for (std::size_t i = 0; i < together; ++i)
                packets[i] = pooled{byte_span{pool}.subspan(i * stride, stride), plain[i % sas]};
        };
        counting_sink sink;
        std::array<crypto::seal_job, together> jobs;
        std::array<crypto::open_job, together> unjobs;
        using pending = esp::inspected<sa_in>;
        std::vector<std::optional<pending>> waiting(burst);
        const auto walk_out = [&] {
            for (std::size_t i = 0; i < together; i += burst)
                out.process(std::span{packets}.subspan(i, burst), instant{}, sink, log);
        };
        const auto walk_in = [&] {
            for (std::size_t i = 0; i < together; i += burst)
                in.process(std::span{packets}.subspan(i, burst), instant{}, sink, log);
        };
        const auto esp_out = [&] {
            for (std::size_t i = 0; i < together; i += burst) {
                for (std::size_t k = i; k < i + burst; ++k)
                    if (!esp::prepare_into(*senders[k % sas], packets[k], instant{}, jobs[k])) std::abort();
                for (std::size_t k = i; k < i + burst; ++k) {
                    auto& sa = *senders[k % sas];
                    if (!sa.suite().seal(sa.keys(), sa.scratch(), jobs[k])) std::abort();
                }
            }
        };
        const auto esp_in = [&] {
            for (std::size_t i = 0; i < together; i += burst) {
                for (std::size_t k = 0; k < burst; ++k)
                    waiting[k].emplace(need(esp::inspect(*receivers[(i + k) % sas], packets[i + k], instant{})));
                for (std::size_t k = 0; k < burst; ++k) {
                    auto& sa = *receivers[(i + k) % sas];
                    const auto outcome = sa.suite().open(sa.keys(), sa.scratch(), waiting[k]->job);
                    if (!esp::finish(sa, packets[i + k], std::move(*waiting[k]), outcome, instant{})) std::abort();
                }
            }
        };
        const auto bare_out = [&] {
            for (std::size_t k = 0; k < together; ++k) {
                auto& sa = *senders[k % sas];
                if (!sa.suite().seal(sa.keys(), sa.scratch(), jobs[k])) std::abort();
            }
        };
        const auto bare_in = [&] {
            for (std::size_t k = 0; k < together; ++k) {
                auto& sa = *receivers[k % sas];
                if (!sa.suite().open(sa.keys(), sa.scratch(), unjobs[k])) std::abort();
            }
        };
        for (std::size_t round = 0; round < rounds + 3; ++round) {
            restore();
            const double a = time_of(walk_out);
            const double b = time_of(walk_in);
            if (sink.passed != 2 * together * (round + 1)) std::abort();
            restore();
            const double c = time_of(esp_out);
            const double d = time_of(esp_in);
            restore();
            esp_out();
            for (std::size_t k = 0; k < together; ++k)
                unjobs[k] = {.packet = jobs[k].packet, .sequence = jobs[k].sequence, .extended = jobs[k].extended};
            const double f = time_of(bare_in);
            const double e = time_of(bare_out);
            if (round < 3) continue;  // caches and clocks settle
            into.out.push_back(a);
            into.in.push_back(b);
            into.out_esp.push_back(c);
            into.in_esp.push_back(d);
            into.out_bare.push_back(e);
            into.in_bare.push_back(f);
        }
    }
};

template <class Suite, class Make> void lines(std::string_view name, Make&& make_suite, std::size_t rounds) {
    constexpr std::size_t layouts = 6;  // where things happen to lie is worth more than what is measured
    for (const std::size_t size : {std::size_t{64}, std::size_t{1420}})
        for (const std::size_t sas : {std::size_t{1}, std::size_t{16}})
            for (const std::size_t burst : {std::size_t{1}, std::size_t{32}}) {
                samples all;
                std::vector<std::vector<std::byte>> shifts;
                for (std::size_t i = 0; i < layouts; ++i) {
                    shifts.emplace_back(16 * (1 + i * 37 % 61));
                    bench<Suite>::run(make_suite, size, burst, sas, std::max<std::size_t>(rounds / layouts, 4), all);
                }
                const double o = median(all.out), oe = median(all.out_esp), ob = median(all.out_bare);
                const double n = median(all.in), ne = median(all.in_esp), nb = median(all.in_bare);
                std::printf("%-12.*s %5zu %4zu %5zu | %7.1f %7.1f %7.1f %6.1f | %7.1f %7.1f %7.1f %6.1f\n",
                            static_cast<int>(name.size()), name.data(), size, sas, burst, o, oe, ob, o - ob, n, ne, nb, n - nb);
                std::fflush(stdout);
            }
}

}  // namespace

auto main(int argc, char** argv) -> int {
    const std::size_t rounds = argc > 1 ? static_cast<std::size_t>(std::strtoul(argv[1], nullptr, 10)) : 300;
    const std::string_view only = argc > 2 ? argv[2] : "";
    if (rounds == 0) {
        std::fprintf(stderr, "bench_walk: ROUNDS is a number from 1\n");
        return 2;
    }
    std::printf("ESP tunnel, IPv4 in IPv4: ns per packet; \"crypto\" is the suite alone, \"more\" what the walk adds to it\n");
    std::printf("%-12s %5s %4s %5s | %7s %7s %7s %6s | %7s %7s %7s %6s\n", "suite", "size", "SAs", "burst", "out", "esp",
                "crypto", "more", "in", "esp", "crypto", "more");
    using botan_suite = crypto::botan::gateway_suite;
    const auto botan = [](crypto::transform t) { return [t] { return need(crypto::botan::make_esp_suite(t)); }; };
    if (only.empty() || only == "none") lines<no_suite>("none", [] { return no_suite{}; }, rounds);
    if (only.empty() || only == "aes128-sha1")
        lines<botan_suite>("aes128-sha1", botan({encryption_id::aes_cbc, 128, integrity_id::hmac_sha1_96}), rounds / 4 + 1);
    if (only.empty() || only == "aes128gcm16")
        lines<botan_suite>("aes128gcm16", botan({encryption_id::aes_gcm_16, 128, integrity_id::none}), rounds / 4 + 1);
    return 0;
}
