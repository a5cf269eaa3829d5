#pragma once
/// ESP and AH over raw sockets: whole IP packets in bursts, IPv4 and IPv6 alike.
///
///     auto esp = io::raw_ip_socket::open({.protocol = ip::next_header::esp, .local = address, .options = {.mark = 1}});
///     while (auto n = esp->receive(std::span{packets}); n && *n > 0)
///         inbound.process(std::span{packets}.first(*n), now, sink, observer);
///     esp->send(std::span{sealed});
///
/// The system reassembles fragments before a raw socket sees them, and fragments nothing that has its own header: what is longer
/// than the MTU is refused with `too_long`. Needs CAP_NET_RAW to open, none afterwards. One thread at a time.
#include <algorithm>
#include <span>
#include <utility>

#include "ipsec/io/linux/socket.hpp"
#include "ipsec/ip/v4.hpp"
#include "ipsec/ip/v6.hpp"

namespace ipsec::io {

struct raw_ip_options {
    ip::next_header protocol = ip::next_header::esp;
    ip::address local{};  ///< packets to this address; an unspecified one is every address of its family
    socket_options options{};
};

class raw_ip_socket {
public:
    /// @return `cannot_open`, `not_permitted`, `not_supported`, `no_such_address`, `cannot_configure`
    [[nodiscard]] static auto open(const raw_ip_options& o) -> os_result<raw_ip_socket>;

    /// One IP packet into each buffer, header included, from the front of `into`, as many as wait, up to `message_burst_size`.
    ///
    /// IPv4 packets are as they came, but for fragments, which are whole again. Of IPv6 the system shows what follows the header
    /// chain; the header is written anew from what it tells: source, destination, traffic class and hop limit as they were, flow
    /// label 0 (AH takes it for zero, RFC 2402 §3.3.3.1.2.1), and none of the extension headers that stood before ESP or AH.
    ///
    /// @param around  stays free in every buffer. A packet that does not fit between comes out with no octets.
    /// @return        packets read; 0 when nothing waits; `cannot_read`, `no_room`
    template <packet P> [[nodiscard]] auto receive(std::span<P> into, const room& around = {}) noexcept
        -> os_result<std::size_t> {
        const std::size_t front = is_v6() ? ip::v6::header_size : 0;  // the header goes into the head room
        const std::size_t most = std::min(into.size(), message_burst_size);
        std::size_t count = 0;
        for (; count < most; ++count) {
            const byte_span space = open_for_filling(into[count], {around.head + front, around.tail});
            if (space.empty()) break;
            burst_->expect(count, space);
        }
        if (count == 0 && most > 0) return std::unexpected{os_error{errc::no_room, 0, receiving}};
        const auto n = burst_->receive(fd_.get(), count, receiving);
        for (std::size_t i = 0; i < count; ++i) {
            datagram_info info{.local = {local_, 0}, .remote = {}};
            keep_first(into[i], n && i < *n ? burst_->received(i, info) : 0);
            if (is_v6() && !into[i].octets().empty()) put_header(into[i], info);
        }
        return n;
    }

    /// Sends whole IP packets to the destinations in their headers. The system writes total length and checksum of IPv4 headers,
    /// and an identification where there is 0 and no DF bit: fatal to AH, so give such packets one before they are sealed.
    /// @return `burst_outcome::last` is `unreachable`, `too_long`, `mixed_families` (no packet of this family), `not_permitted`
    ///         (a firewall), or `cannot_write`
    template <packet P> auto send(std::span<P> burst) noexcept -> burst_outcome {
        return send(burst, [](const P& p) { return byte_view{p.octets()}; });
    }
    auto send(std::span<const byte_view> burst) noexcept -> burst_outcome {
        return send(burst, [](byte_view p) { return p; });
    }
    auto send(byte_view packet) noexcept -> burst_outcome { return send(std::span<const byte_view>{&packet, 1}); }

    /// Readable when `receive` has something to give.
    [[nodiscard]] auto fd() const noexcept -> int { return fd_.get(); }

private:
    static constexpr const char* receiving = "receiving from a raw socket";
    static constexpr const char* sending = "sending by a raw socket";

    raw_ip_socket() : burst_{std::make_unique<detail::message_burst>()} {}
    [[nodiscard]] auto is_v6() const noexcept -> bool { return local_.is_v6(); }

    template <packet P> void put_header(P& p, const datagram_info& info) const noexcept {
        const auto length = p.octets().size();
        if (length > 65535) {
            keep_first(p, 0);
            return;
        }
        p.grow_front(ip::v6::header_size);
        const ip::v6::header h{.traffic_class = info.traffic_class,
                               .flow_label = 0,
                               .payload_length = static_cast<std::uint16_t>(length),
                               .next = protocol_,
                               .hop_limit = info.hop_limit,
                               .source = info.remote.address,
                               .destination = info.local.address};
        (void)h.emit(p.octets());  // both addresses are of this socket's family, and there is room
    }
    /// The destination of a packet of this socket's family.
    [[nodiscard]] auto destination_of(byte_view packet, ip::address& to) const noexcept -> bool {
        if (is_v6()) {
            if (packet.size() < ip::v6::header_size || (packet[0] >> 4) != std::byte{6}) return false;
            to.assign_v6(packet.subspan(24, 16));
        } else {
            if (packet.size() < ip::v4::min_header || (packet[0] >> 4) != std::byte{4}) return false;
            to.assign_v4(packet.subspan(16, 4));
        }
        return true;
    }
    template <class T, class Octets> auto send(std::span<T> burst, Octets octets) noexcept -> burst_outcome {
        burst_outcome r;
        datagram_info where;
        while (!burst.empty()) {
            const std::size_t most = std::min(burst.size(), message_burst_size);
            std::size_t count = 0;
            for (; count < most && destination_of(octets(burst[count]), where.remote.address); ++count)
                burst_->fill(count, where, {}, octets(burst[count]), false);
            const std::size_t before = r.done;
            burst_->send(fd_.get(), count, sending, r);
            if (r.done - before < count) return r;
            if (count < most) {
                r.last = {errc::mixed_families, 0, sending};
                ++r.refused;
                ++r.done;
                ++count;
            }
            burst = burst.subspan(count);
        }
        return r;
    }
    descriptor fd_;
    ip::address local_;
    ip::next_header protocol_ = ip::next_header::esp;
    std::unique_ptr<detail::message_burst> burst_;
};

inline auto raw_ip_socket::open(const raw_ip_options& o) -> os_result<raw_ip_socket> {
    const auto family = o.local.family();
    const bool v6 = family == ip::family::v6;
    const int on = 1;
    raw_ip_socket s;
    s.local_ = o.local;
    s.protocol_ = o.protocol;
    s.fd_.reset(::socket(detail::family_number(family), SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, static_cast<int>(o.protocol)));
    const int fd = s.fd_.get();
    if (!s.fd_) return detail::failed("opening a raw socket", errc::cannot_open);
    if (!detail::set_option(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_HDRINCL : IP_HDRINCL, on))
        return detail::failed("sending whole packets by a raw socket");
    if (auto ok = detail::configure(fd, family, o.options); !ok) return std::unexpected{ok.error()};
    if (auto bound = detail::bind_to(fd, {o.local, 0}, "binding a raw socket"); !bound) return std::unexpected{bound.error()};
    return s;
}

}  // namespace ipsec::io
