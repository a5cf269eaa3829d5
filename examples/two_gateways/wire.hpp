#pragma once
// The link between the gateways, with an eavesdropper on it who writes protected.pcap.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "comparison.hpp"
#include "ipsec/ike/path.hpp"
#include "ipsec/io/pcap.hpp"
#include "ipsec/ip/udp.hpp"
#include "ipsec/ip/v4.hpp"
#include "ipsec/testing/clock.hpp"
#include "ipsec/testing/lossy_link.hpp"
#include "secrets.hpp"

namespace two_gateways {

using ipsec::testing::side;

/// The clock of the run: virtual, and moved along by the timestamps of the input. Where the input leaps, the clock steps
/// by `longest_gap` only, so that a capture with a date of 1970 in it does not cost half a century of rekeying.
class run_clock {
public:
    static constexpr ipsec::duration longest_gap = ipsec::seconds(24 * 3600);

    [[nodiscard]] auto now() const -> ipsec::instant { return clock_.now(); }
    void advance_to(ipsec::instant t) { clock_.advance_to(t); }
    /// When a frame of the input happens.
    [[nodiscard]] auto of_input(ipsec::instant stamp) -> ipsec::instant {
        if (!started_) {
            started_ = true;
            clock_ = ipsec::testing::clock{stamp};
        }
        const ipsec::instant t = stamp + ipsec::duration{-skipped_.nanoseconds()};
        if (t - clock_.now() > longest_gap) skipped_ = skipped_ + (t - clock_.now() - longest_gap);
        return stamp + ipsec::duration{-skipped_.nanoseconds()};
    }
    /// The time to write into captures, so that leaps of the input show in the output.
    [[nodiscard]] auto stamp() const -> ipsec::instant { return clock_.now() + skipped_; }

private:
    ipsec::testing::clock clock_;
    ipsec::duration skipped_{};
    bool started_ = false;
};

/// An ISAKMP message in UDP over IPv4.
[[nodiscard]] inline auto udp_packet(const ipsec::ike::path& p, ipsec::byte_view message, std::uint16_t identification)
    -> std::vector<std::byte> {
    using namespace ipsec;
    constexpr std::size_t before = ip::v4::min_header + ip::udp::header::size;
    std::vector<std::byte> out(before + message.size());
    const byte_span whole{out};
    ip::v4::header h;
    h.total_length = static_cast<std::uint16_t>(out.size());
    h.identification = identification;
    h.time_to_live = 64;
    h.protocol = ip::next_header::udp;
    h.source = p.local.address;
    h.destination = p.remote.address;
    (void)h.emit_with_checksum(whole);
    ip::udp::header{.source_port = p.local.port, .destination_port = p.remote.port}.emit(whole.subspan(ip::v4::min_header));
    copy_octets(message, whole.subspan(before));
    (void)ip::udp::finish(whole.subspan(ip::v4::min_header), h.source, h.destination);
    return out;
}

class wire {
public:
    /// What the simulation keeps beside the octets: the place of the packet in the input, 0 for IKE.
    using link_type = ipsec::testing::lossy_link<std::uint64_t>;

    wire(const ipsec::testing::link_options& options, run_clock& time, ipsec::io::pcap_writer tap, comparison& check,
         secrets& keys)
        : link_{options}, time_{&time}, tap_{std::move(tap)}, check_{&check}, keys_{&keys} {}

    /// Sends a packet to the other side. @return whether the link takes it there
    auto send(side from, ipsec::byte_view packet, std::uint64_t number) -> bool {
        if (number == 0) ++seen_.ike;
        else if (is_ah(packet)) ++seen_.ah;
        else ++seen_.esp;
        if (auto ok = tap_.write(time_->stamp(), packet); !ok && !fault_) fault_ = ok.error().text;
        keys_->written(tap_.written(), packet);
        if (link_.send(from, packet, time_->now(), number) != ipsec::testing::fate::drop) return true;
        if (number != 0) check_->dropped(number, "lost on the link", true);
        return false;
    }
    [[nodiscard]] auto receive(side to) -> std::optional<link_type::message> { return link_.receive(to, time_->now()); }
    [[nodiscard]] auto next_arrival() const -> ipsec::instant { return link_.next_arrival(); }
    [[nodiscard]] auto idle() const -> bool { return link_.idle(); }
    [[nodiscard]] auto seen() const -> const secrets::counts& { return seen_; }
    /// Closes the tap's file. @return what went wrong with it at any time
    [[nodiscard]] auto close() -> std::optional<std::string> {
        if (auto ok = tap_.close(); !ok && !fault_) fault_ = ok.error().text;
        return fault_;
    }

private:
    [[nodiscard]] static auto is_ah(ipsec::byte_view packet) -> bool {
        const bool v6 = (packet[0] >> 4) == std::byte{6};
        return packet[v6 ? 6 : 9] == std::byte{51};
    }
    link_type link_;
    run_clock* time_;
    ipsec::io::pcap_writer tap_;
    comparison* check_;
    secrets* keys_;
    secrets::counts seen_;
    std::optional<std::string> fault_;
};

}  // namespace two_gateways
