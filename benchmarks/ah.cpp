// What AH costs beside its MAC: seal and open in tunnel mode, in bursts of 32, against the bare Botan calls on the same octets in
// the same run.
//
//     bench_ah [ROUNDS] [SUITE] [SIZE]          SIZE: octets of the inner packet
//
// The bare calls are the provider's best route: one object per SA and direction, the key set once. They get the packet with its
// mutable fields and its ICV zeroed for nothing, in one piece. common/measure.hpp says how it is measured.
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
#include "ipsec/ah/open.hpp"
#include "ipsec/ah/seal.hpp"
#include "ipsec/crypto/botan/random.hpp"
#include "ipsec/crypto/botan/suite.hpp"

namespace {

using namespace ipsec;
using bench::burst;
using bench::need;
using crypto::integrity_id;
using mac_type = crypto::botan::any_mac;

struct named_mac {
    std::string_view name;
    integrity_id id;
};
constexpr std::array macs{
    named_mac{"md5", integrity_id::hmac_md5_96},           named_mac{"sha1", integrity_id::hmac_sha1_96},
    named_mac{"sha256", integrity_id::hmac_sha2_256_128},  named_mac{"sha384", integrity_id::hmac_sha2_384_192},
    named_mac{"sha512", integrity_id::hmac_sha2_512_256},
};
constexpr std::array<std::size_t, 4> all_sizes{64, 512, 1420, 8900};

/// A pair of SAs, and the bare calls on its objects.
class subject {
public:
    subject(const named_mac& m, bench::buffers& packets)
        : packets_{&packets},
          keymat_(need(crypto::botan::make_mac(m.id)).keymat_size()),
          out_{make<sa::outbound<mac_type>>(m)},
          in_{make<sa::inbound<mac_type>>(m)},
          icv_{out_.suite().icv_size()} {}

    [[gnu::always_inline]] void seal() {
        for (std::size_t i = 0; i < burst; ++i) {
            if (!ah::prepare_into(out_, (*packets_)[i], instant{}, jobs_[i])) std::abort();
            ah::lay_out(out_, jobs_[i], work_[i]);
        }
        ah::run(out_, work_);
        for (std::size_t i = 0; i < burst; ++i)
            if (!ah::write_icv(out_, work_[i])) std::abort();
    }
    [[gnu::always_inline]] void open() {
        for (std::size_t i = 0; i < burst; ++i) {
            if (!ah::inspect_into(in_, (*packets_)[i], instant{}, waiting_[i])) std::abort();
            ah::lay_out(in_, waiting_[i].job, work_[i]);
        }
        ah::run(in_, work_);
        for (std::size_t i = 0; i < burst; ++i) {
            const auto outcome = ah::verify(in_, work_[i]);
            if (!ah::finish(in_, (*packets_)[i], std::move(waiting_[i]), outcome, instant{})) std::abort();
        }
    }
    /// All but the ICV.
    void prepare_theirs() { seal(); }
    [[gnu::always_inline]] void bare_seal() {
        for (auto& packet : *packets_) compute(mac_of(out_), packet.octets());
        for (auto& packet : *packets_) std::memcpy(icv_of(packet), whole_.data(), icv_);
    }
    [[gnu::always_inline]] void bare_open() {
        for (auto& packet : *packets_) {
            compute(mac_of(in_), packet.octets());
            if (std::memcmp(icv_of(packet), whole_.data(), icv_) == 0) ++alike_;
        }
    }

private:
    template <class Sa> auto make(const named_mac& m) -> Sa {
        if constexpr (std::same_as<Sa, sa::outbound<mac_type>>) (void)random_.fill(keymat_);
        sa::parameters p;
        p.id = {.spi = sa::spi{0x1234567}, .destination = ip::address::v4(192, 0, 2, 2), .protocol = sa::protocol::ah};
        p.source = ip::address::v4(192, 0, 2, 1);
        return need(Sa::make(p, need(crypto::botan::make_mac(m.id)), keymat_, random_, instant{}));
    }
    /// All MACs here are Botan's own.
    [[gnu::always_inline]] static auto mac_of(auto& sa) -> Botan::MessageAuthenticationCode& {
        return *std::get<crypto::botan::botan_mac::scratch>(sa.scratch()).mac;
    }
    [[gnu::always_inline]] void compute(Botan::MessageAuthenticationCode& mac, byte_view packet) {
        mac.update(reinterpret_cast<const std::uint8_t*>(packet.data()), packet.size());
        mac.final(whole_.data());
    }
    /// Behind the outer header and the fixed part of AH.
    [[nodiscard]] static auto icv_of(testing::packet_buffer& p) -> std::byte* { return p.octets().data() + 20 + 12; }

    bench::buffers* packets_;
    crypto::botan::random random_;
    std::vector<std::byte> keymat_;
    sa::outbound<mac_type> out_;
    sa::inbound<mac_type> in_;
    std::size_t icv_, alike_ = 0;
    std::array<std::uint8_t, 64> whole_{};
    // As in the walks, what waits between the steps has a place of its own.
    std::array<ah::icv_job, burst> jobs_;
    std::array<ah::pending<sa::inbound<mac_type>>, burst> waiting_;
    std::array<ah::icv_work, burst> work_;
};

}  // namespace

auto main(int argc, char** argv) -> int {
    const auto asked = bench::read_request(argc, argv, "bench_ah", macs, {all_sizes.begin(), all_sizes.end()});
    bench::print_heading("AH tunnel mode, IPv4 in IPv4", asked.rounds);
    bench::verdicts verdicts;
    for (const auto& m : macs) {
        if (!asked.wants(m.name)) continue;
        for (const std::size_t size : asked.sizes) {
            const auto floor = bench::framing_floor<false>(size, asked.rounds);
            bench::print_cell<subject>(m, m.name, size, asked.rounds, floor, verdicts);
        }
    }
    bench::print_goal(verdicts);
    return 0;
}
