#pragma once
// The packets of a capture through the library's walks, a burst at a time.
#include <array>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ipsec/ah/header.hpp"
#include "ipsec/crypto/botan/random.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/dataplane/inbound.hpp"
#include "ipsec/dataplane/outbound.hpp"
#include "ipsec/dataplane/padding.hpp"
#include "ipsec/dataplane/reassembling.hpp"
#include "ipsec/esp/trailer.hpp"
#include "ipsec/io/pcap.hpp"
#include "ipsec/ip/v6.hpp"
#include "ipsec/policy/spd.hpp"
#include "ipsec/sa/sadb.hpp"
#include "ipsec/testing/packet_buffer.hpp"
#include "rules.hpp"
#include "udp_wrap.hpp"

namespace ipsec_pcap {

class walk {
public:
    /// @param unmatched_pass  what no policy fits goes through as it is, as to the Linux kernel
    walk(job what, io::pcap_writer& out, bool unmatched_pass) : job_{what}, out_{out}, unmatched_pass_{unmatched_pass} {}
    walk(const walk&) = delete;
    auto operator=(const walk&) -> walk& = delete;
    ~walk() = default;

    /// Installs the SAs and policies. @return what is wrong with them
    [[nodiscard]] auto install(const xfrm::bound& b, instant now) -> std::optional<std::string>;
    /// One frame; what came of it is written when its burst is full, or the next one comes at another time.
    /// @return what is wrong with the output
    [[nodiscard]] auto frame(const io::captured& c) -> std::optional<std::string>;
    /// What is left of the last burst.
    [[nodiscard]] auto finish() -> std::optional<std::string>;

    [[nodiscard]] auto dropped() const -> std::uint64_t { return dropped_; }
    [[nodiscard]] auto report() const -> nlohmann::ordered_json;

    // --- for the walks ---
    void emit(testing::packet_buffer&& p, const dataplane::verdict& v) noexcept;
    [[nodiscard]] auto make(std::size_t size) noexcept -> std::optional<testing::packet_buffer>;

private:
    using suite = crypto::botan::gateway_suite;
    using sadb = sa::sadb<suite, crypto::botan::any_mac>;
    using spd = policy::spd<>;
    static constexpr std::size_t burst = 32;
    static constexpr std::size_t longest_padded = 1400;  ///< octets: `tfcpad` beyond a usual path would be cut into fragments
    // One SA puts in front an IPv6 header and an AH with the longest ICV at most, which is more than ESP and its IV; and behind,
    // padding of both kinds, the trailer and the ICV. A policy has up to `max_protections` of them.
    static constexpr std::size_t head_room =
        policy::max_protections * (ip::v6::header_size + ah::length_for(crypto::max_icv_size, 8));
    static constexpr std::size_t tail_room =
        policy::max_protections * (longest_padded + esp::max_pad_length + esp::trailer_size + crypto::max_icv_size);

    [[nodiscard]] auto run() -> std::optional<std::string>;
    void count_drop(std::string_view why);
    [[nodiscard]] auto is_for_us(const ip::flow& f) const noexcept -> bool;
    /// A system joins fragments of whatever is sent to an end of its SAs: those of UDP do not all show the ports.
    struct takes_ours {
        const walk* all;
        [[nodiscard]] auto operator()(const ip::flow& f) const noexcept -> bool { return all->is_for_us(f); }
    };
    /// ESP in UDP may come in fragments too: UDP goes when they are joined.                         RFC 3948 §3.4
    struct without_udp {
        walk* all;
        template <class Observer>
        void process(std::span<testing::packet_buffer> some, instant now, walk& to, Observer& observer) noexcept {
            for (auto& p : some)
                if (unwrap(std::as_const(p).octets(), all->udp_ports_, all->room_)) p.assign(all->room_, head_room, tail_room);
            all->inbound_.process(some, now, to, observer);
        }
    };

    job job_;
    io::pcap_writer& out_;
    bool unmatched_pass_;
    sadb sadb_;
    spd spd_;
    dataplane::event_queue<> events_;
    dataplane::outbound<sadb, spd, testing::packet_buffer, burst> outbound_{sadb_, spd_, events_};
    dataplane::inbound<sadb, spd, testing::packet_buffer, burst> inbound_{sadb_, spd_, events_};
    std::unique_ptr<ip::reassembly<>> fragments_ = std::make_unique<ip::reassembly<>>();  // 1 MB
    dataplane::reassembling<ip::reassembly<>, takes_ours> joining_{*fragments_, dataplane::direction::inbound, {}, {this}};
    without_udp behind_joining_{this};
    std::vector<ip::address> our_ends_;  ///< of SAs here
    crypto::botan::random random_;
    std::array<testing::packet_buffer, burst> packets_;
    std::size_t waiting_ = 0;
    instant now_{};  ///< of the packets that wait
    std::vector<std::uint16_t> udp_ports_;
    std::vector<std::byte> room_;
    std::optional<std::string> fault_;
    struct tally {
        std::uint64_t packets = 0, octets = 0;
    };
    tally in_, changed_, passed_, joined_;
    std::uint64_t dropped_ = 0;
    std::map<std::string_view, std::uint64_t> drops_, without_packet_;
};

}  // namespace ipsec_pcap
