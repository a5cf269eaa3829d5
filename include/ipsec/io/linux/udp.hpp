#pragma once
/// UDP sockets in bursts, with the header fields of every datagram: for IKE on port 500, and IKE and ESP on port 4500.
///
///     auto socket = io::udp_socket::open({.local = {address, 4500}, .options = {.receive_buffer = 1 << 20}});
///     while (auto n = socket->receive(std::span{packets}, std::span{infos}); n && *n > 0)
///         …                                                            // ip/udp_encap.hpp tells IKE and ESP apart
///     socket->send({.where = info, .head = ip::udp_encap::non_esp_marker, .octets = ike});
///
/// Ports below 1024 need CAP_NET_BIND_SERVICE. One thread at a time.
#include <algorithm>
#include <span>
#include <utility>

#include "ipsec/io/datagram.hpp"
#include "ipsec/io/linux/socket.hpp"

namespace ipsec::io {

struct udp_options {
    socket_address local{};  ///< an unspecified address is every address of its family; port 0: the system's choice
    socket_options options{};
    /// IPv4: sends 0 for the UDP checksum, as is proper for ESP in UDP                          RFC 3948 §2.1
    // req: rfc3948-2.1-2, rfc3948-2.3-2
    bool without_checksum = false;
    /// What is sent in a burst to one place and has one size crosses the system as one (UDP_SEGMENT), which takes half the time;
    /// on the wire nothing changes. Where the system does not do that, as `without_checksum`, datagrams go one by one.
    bool in_runs = false;
    bool share_port = false;  ///< several sockets may have it (SO_REUSEPORT): one for each core
};

/// One datagram to send: where to, and its octets in up to two pieces.
struct outgoing_datagram {
    datagram_info where{};
    byte_view head{};  ///< goes in front, say a non-ESP marker; may be empty
    byte_view octets{};
};

/// One socket of one address family; an IPv6 socket takes no IPv4.
class udp_socket {
public:
    /// @return `cannot_open`, `not_supported` (no such family), `not_permitted` (port or mark), `address_in_use`,
    ///         `no_such_address`, `cannot_configure`
    [[nodiscard]] static auto open(const udp_options& o) -> os_result<udp_socket>;

    /// One datagram into each buffer, from the front of `into`, as many as wait, up to `message_burst_size`.
    ///
    /// @param infos   where datagram `i` came from and how; as long as `into` or longer
    /// @param around  stays free in every buffer. A datagram that does not fit between comes out with no octets.
    /// @return        datagrams read; 0 when nothing waits; `cannot_read`, `unreachable` (what an earlier one met), `no_room`
    template <packet P>
    [[nodiscard]] auto receive(std::span<P> into, std::span<datagram_info> infos, const room& around = {}) noexcept
        -> os_result<std::size_t> {
        const std::size_t most = std::min({into.size(), infos.size(), message_burst_size});
        std::size_t count = 0;
        for (; count < most; ++count) {
            const byte_span space = open_for_filling(into[count], around);
            if (space.empty()) break;
            burst_->expect(count, space);
        }
        if (count == 0 && most > 0) return std::unexpected{os_error{errc::no_room, 0, receiving}};
        const auto n = burst_->receive(fd_.get(), count, receiving);
        for (std::size_t i = 0; i < count; ++i) keep_first(into[i], n && i < *n ? take(i, infos[i]) : 0);
        return n;
    }
    /// One datagram into plain octets. @return as above; a datagram that does not fit comes out with no octets
    [[nodiscard]] auto receive(byte_span into, datagram_info& info) noexcept -> os_result<std::optional<byte_span>> {
        burst_->expect(0, into);
        const auto n = burst_->receive(fd_.get(), 1, receiving);
        if (!n) return std::unexpected{n.error()};
        if (*n == 0) return std::optional<byte_span>{};
        return std::optional{into.first(take(0, info))};
    }

    /// Sends them in order, each from its local address and with its traffic class.
    ///
    /// A `local.address` must be one of this system's; its port does not count, the socket has one.
    /// @return `burst_outcome::last` is `unreachable` (or IPv4's local address is none of ours), `too_long`, `mixed_families`,
    ///         `not_permitted` (a firewall) or `cannot_write` (or IPv6's local address is none of ours)
    auto send(std::span<const outgoing_datagram> burst) noexcept -> burst_outcome {
        burst_outcome r;
        while (!burst.empty()) {
            std::size_t count = 0, messages = 0;
            while (count < std::min(burst.size(), message_burst_size) && fits(burst[count].where)) {
                const auto run = first_run(burst.first(std::min(burst.size(), message_burst_size)).subspan(count));
                burst_->fill_run(messages++, count, run);
                count += run.size();
            }
            const std::size_t before = r.done;
            burst_->send(fd_.get(), messages, sending, r);
            if (r.done - before < count) return r;
            if (count < std::min(burst.size(), message_burst_size)) {
                r.last = {errc::mixed_families, 0, sending};
                ++r.refused;
                ++r.done;
                ++count;
            }
            burst = burst.subspan(count);
        }
        return r;
    }
    auto send(const outgoing_datagram& one) noexcept -> burst_outcome { return send(std::span{&one, 1}); }

    /// Sets or clears the DF bit of all that is sent from now on. @return `cannot_configure`
    [[nodiscard]] auto set_path_mtu(path_mtu how) noexcept -> os_result<void> {
        return detail::set_path_mtu(fd_.get(), local_.address.family(), how);
    }
    /// What it is bound to, with the port that the system chose.
    [[nodiscard]] auto local() const noexcept -> const socket_address& { return local_; }
    /// Readable when `receive` has something to give.
    [[nodiscard]] auto fd() const noexcept -> int { return fd_.get(); }

private:
    static constexpr const char* receiving = "receiving from a UDP socket";
    static constexpr const char* sending = "sending by a UDP socket";

    udp_socket() : burst_{std::make_unique<detail::message_burst>()} {}
    [[nodiscard]] auto fits(const datagram_info& where) const noexcept -> bool {
        const auto f = local_.address.family();
        return where.remote.address.family() == f && (where.local.address.is_unspecified() || where.local.address.family() == f);
    }
    /// What of the front of `burst` may cross the system as one.
    [[nodiscard]] auto first_run(std::span<const outgoing_datagram> burst) const noexcept -> std::span<const outgoing_datagram> {
        constexpr std::size_t longest = 65'000;  // octets of one message: with all headers a length field must hold them
        const auto size = [&](std::size_t i) { return burst[i].head.size() + burst[i].octets.size(); };
        std::size_t n = 1, octets = size(0);
        if (!in_runs_ || !burst_->takes_runs() || burst[0].octets.empty()) return burst.first(1);
        for (bool goes_on = true; goes_on && n < burst.size() && burst[n].where == burst[0].where; ++n) {
            const bool like_first = burst[n].head.size() == burst[0].head.size() && !burst[n].octets.empty();
            if (!like_first || size(n) > size(0) || octets + size(n) > longest) break;
            octets += size(n);
            goes_on = size(n) == size(0);  // a shorter one is the last
        }
        return burst.first(n);
    }
    [[nodiscard]] auto take(std::size_t i, datagram_info& info) noexcept -> std::size_t {
        info = {.local = local_, .remote = {}, .interface = 0, .traffic_class = 0, .hop_limit = 0};
        return burst_->received(i, info);
    }
    descriptor fd_;
    socket_address local_{};
    bool in_runs_ = false;
    std::unique_ptr<detail::message_burst> burst_;
};

inline auto udp_socket::open(const udp_options& o) -> os_result<udp_socket> {
    const auto family = o.local.address.family();
    const int on = 1;
    udp_socket s;
    s.fd_.reset(::socket(detail::family_number(family), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
    const int fd = s.fd_.get();
    if (!s.fd_) return detail::failed("opening a UDP socket", errc::cannot_open);
    if (family == ip::family::v6 && !detail::set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, on))
        return detail::failed("keeping IPv4 out of an IPv6 socket");
    if (o.share_port && !detail::set_option(fd, SOL_SOCKET, SO_REUSEPORT, on)) return detail::failed("sharing a UDP port");
    if (o.without_checksum && !detail::set_option(fd, SOL_SOCKET, SO_NO_CHECK, on))
        return detail::failed("switching the UDP checksum off");
    if (auto ok = detail::configure(fd, family, o.options); !ok) return std::unexpected{ok.error()};
    if (auto bound = detail::bind_to(fd, o.local, "binding a UDP socket"); bound) s.local_ = *bound;
    else return std::unexpected{bound.error()};
    s.in_runs_ = o.in_runs;
    return s;
}

/// One UDP socket as an `io::datagram<L, Path>`: for loops that take one datagram after the other.
///
/// `Path` is an aggregate that begins with a local and a remote end, each of them an address and a port (`ike::path`). Header
/// fields are not told, errors are what a network would do: lost.
template <class Path> class udp_link {
public:
    /// @param like  what the paths of this link have beside their two ends
    explicit udp_link(udp_socket socket, const Path& like = {}) noexcept : socket_{std::move(socket)}, like_{like} {}

    [[nodiscard]] auto receive(byte_span scratch) noexcept -> std::optional<received<Path>> {
        datagram_info info;
        // an error that an earlier datagram met says nothing of the next one
        for (int tries = 0; tries < 8; ++tries) {
            const auto got = socket_.receive(scratch, info);
            if (!got) continue;
            if (!*got) return std::nullopt;
            received<Path> r{like_, **got};
            assign(r.path.local, info.local);
            assign(r.path.remote, info.remote);
            return r;
        }
        return std::nullopt;
    }
    auto send(const Path& path, byte_view octets) noexcept -> bool {
        const outgoing_datagram d{
            .where = {.local = {path.local.address, path.local.port}, .remote = {path.remote.address, path.remote.port}},
            .octets = octets};
        const auto r = socket_.send(d);
        return r.done == 1 && r.refused == 0;
    }
    [[nodiscard]] auto socket() noexcept -> udp_socket& { return socket_; }
    [[nodiscard]] auto fd() const noexcept -> int { return socket_.fd(); }

private:
    template <class End> static void assign(End& to, const socket_address& from) noexcept {
        to.address = from.address;
        to.port = from.port;
    }
    udp_socket socket_;
    Path like_;
};

}  // namespace ipsec::io
