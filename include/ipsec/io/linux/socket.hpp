#pragma once
/// What UDP and raw sockets share on Linux: options, and bursts of messages with their addresses and header fields.
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "ipsec/io/fill.hpp"
#include "ipsec/io/linux/descriptor.hpp"
#include "ipsec/io/socket_address.hpp"

namespace ipsec::io {

/// What becomes of a packet that is longer than the path takes.
enum class path_mtu : std::uint8_t {
    system = 1,  ///< the system's usual way: DF bit, and fragments where it knows the path to be narrower
    fragment,    ///< no DF bit: the system and routers fragment it
    discover,    ///< DF bit; refused with `too_long` over what the system knows of the path
    probe,       ///< DF bit; the system's knowledge of the path is not asked, only the interface's MTU
};

struct socket_options {
    std::optional<std::uint32_t> mark{};  ///< of what is sent, for routing rules (SO_MARK, CAP_NET_ADMIN)
    std::size_t receive_buffer = 0;       ///< octets that may wait in the system; 0: its default
    std::size_t send_buffer = 0;
    path_mtu mtu = path_mtu::system;
};

/// Datagrams that go through the system in one call; longer bursts take several.
inline constexpr std::size_t message_burst_size = 64;

namespace detail {

template <class T> [[nodiscard]] auto set_option(int fd, int level, int option, const T& value) noexcept -> bool {
    return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

[[nodiscard]] constexpr auto family_number(ip::family f) noexcept -> int { return f == ip::family::v4 ? AF_INET : AF_INET6; }

/// Address octets from and to what the C library has.
template <class Raw> [[nodiscard]] auto address_from(ip::family f, const Raw& raw) noexcept -> ip::address {
    static_assert(sizeof raw == 4 || sizeof raw == 16);
    return ip::address::of(f, std::as_bytes(std::span{&raw, 1}));
}
template <class Raw> void address_to(const ip::address& a, Raw& raw) noexcept {
    copy_octets(a.octets().first(std::min(a.size(), sizeof raw)), std::as_writable_bytes(std::span{&raw, 1}));
}

/// @return octets written to `out`
inline auto write_name(const socket_address& a, std::uint32_t interface, sockaddr_storage& out) noexcept -> socklen_t {
    if (a.address.is_v4()) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(a.port);
        address_to(a.address, in.sin_addr);
        std::memcpy(&out, &in, sizeof in);
        return sizeof in;
    }
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(a.port);
    address_to(a.address, in.sin6_addr);
    if (a.address.is_link_local()) in.sin6_scope_id = interface;
    std::memcpy(&out, &in, sizeof in);
    return sizeof in;
}
[[nodiscard]] inline auto read_name(const sockaddr_storage& from) noexcept -> socket_address {
    if (from.ss_family == AF_INET6) {
        sockaddr_in6 in;
        std::memcpy(&in, &from, sizeof in);
        return {address_from(ip::family::v6, in.sin6_addr), ntohs(in.sin6_port)};
    }
    sockaddr_in in;
    std::memcpy(&in, &from, sizeof in);
    return {address_from(ip::family::v4, in.sin_addr), ntohs(in.sin_port)};
}

/// Control messages, written one behind the other.
class control_writer {
public:
    explicit control_writer(std::span<std::byte> room) noexcept : room_{room} {}
    template <class T> void put(int level, int type, const T& value) noexcept {
        cmsghdr h{};
        h.cmsg_level = level;
        h.cmsg_type = type;
        h.cmsg_len = CMSG_LEN(sizeof value);
        if (CMSG_SPACE(sizeof value) > room_.size() - size_) return;
        std::memset(room_.data() + size_, 0, CMSG_SPACE(sizeof value));
        std::memcpy(room_.data() + size_, &h, sizeof h);
        std::memcpy(room_.data() + size_ + CMSG_LEN(0), &value, sizeof value);
        size_ += CMSG_SPACE(sizeof value);
    }
    [[nodiscard]] auto size() const noexcept -> std::size_t { return size_; }

private:
    std::span<std::byte> room_;
    std::size_t size_ = 0;
};

/// What the control messages of a datagram that came in say.
inline void read_control(msghdr& from, datagram_info& into) noexcept {
    const auto number = [](const cmsghdr* c) -> std::uint8_t {  // the TOS comes as one octet, the others as int
        if (c->cmsg_len < CMSG_LEN(sizeof(int))) return *CMSG_DATA(c);
        int v = 0;
        std::memcpy(&v, CMSG_DATA(c), sizeof v);
        return static_cast<std::uint8_t>(v);
    };
    for (cmsghdr* c = CMSG_FIRSTHDR(&from); c != nullptr; c = CMSG_NXTHDR(&from, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            in_pktinfo i;
            std::memcpy(&i, CMSG_DATA(c), sizeof i);
            into.local.address = address_from(ip::family::v4, i.ipi_addr);
            into.interface = static_cast<std::uint32_t>(i.ipi_ifindex);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            in6_pktinfo i;
            std::memcpy(&i, CMSG_DATA(c), sizeof i);
            into.local.address = address_from(ip::family::v6, i.ipi6_addr);
            into.interface = i.ipi6_ifindex;
        } else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) ||
                   (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS)) {
            into.traffic_class = number(c);
        } else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
                   (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)) {
            into.hop_limit = number(c);
        }
    }
}
/// The control messages that ask for what `from` says. @return octets written
[[nodiscard]] inline auto write_control(const datagram_info& from, std::span<std::byte> room) noexcept -> std::size_t {
    control_writer w{room};
    const bool v6 = from.remote.address.is_v6();
    if (v6 && !from.local.address.is_unspecified()) {
        in6_pktinfo i{};
        address_to(from.local.address, i.ipi6_addr);
        if (from.local.address.is_link_local()) i.ipi6_ifindex = from.interface;
        w.put(IPPROTO_IPV6, IPV6_PKTINFO, i);
    } else if (!from.local.address.is_unspecified()) {
        in_pktinfo i{};
        address_to(from.local.address, i.ipi_spec_dst);
        w.put(IPPROTO_IP, IP_PKTINFO, i);
    }
    w.put(v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TCLASS : IP_TOS, static_cast<int>(from.traffic_class));
    if (from.hop_limit != 0) w.put(v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_HOPLIMIT : IP_TTL, static_cast<int>(from.hop_limit));
    return w.size();
}

/// `system` is its usual way: discovery, and fragments where the path turns out to be narrower.
[[nodiscard]] inline auto set_path_mtu(int fd, ip::family f, path_mtu how) noexcept -> os_result<void> {
    const bool v6 = f == ip::family::v6;
    int value = v6 ? IPV6_PMTUDISC_WANT : IP_PMTUDISC_WANT;
    if (how == path_mtu::fragment) value = v6 ? IPV6_PMTUDISC_DONT : IP_PMTUDISC_DONT;
    if (how == path_mtu::discover) value = v6 ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO;
    if (how == path_mtu::probe) value = v6 ? IPV6_PMTUDISC_PROBE : IP_PMTUDISC_PROBE;
    if (!set_option(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, value))
        return failed("setting a socket's path MTU discovery");
    return {};
}
/// @return what the socket is bound to now
[[nodiscard]] inline auto bind_to(int fd, const socket_address& a, const char* doing) noexcept -> os_result<socket_address> {
    sockaddr_storage name{};
    socklen_t size = write_name(a, 0, name);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&name), size) != 0) return failed(doing);
    size = sizeof name;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) return failed(doing);
    return read_name(name);
}
/// Options of all our sockets: header fields of what comes in, marks, buffers, path MTU.
[[nodiscard]] inline auto configure(int fd, ip::family f, const socket_options& o) noexcept -> os_result<void> {
    const int on = 1;
    const bool v6 = f == ip::family::v6;
    const auto told = v6 ? set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, on) &&
                               set_option(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, on) &&
                               set_option(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, on)
                         : set_option(fd, IPPROTO_IP, IP_PKTINFO, on) && set_option(fd, IPPROTO_IP, IP_RECVTOS, on) &&
                               set_option(fd, IPPROTO_IP, IP_RECVTTL, on);
    if (!told) return failed("asking for header fields of datagrams");
    if (o.mark && !set_option(fd, SOL_SOCKET, SO_MARK, *o.mark)) return failed("setting a socket's mark");
    const auto resize = [fd](std::size_t octets, int force, int plain) {
        const int n = static_cast<int>(std::min<std::size_t>(octets, 0x3fffffff));
        // beyond the system's limit where the process may do that
        return octets == 0 || set_option(fd, SOL_SOCKET, force, n) || set_option(fd, SOL_SOCKET, plain, n);
    };
    if (!resize(o.receive_buffer, SO_RCVBUFFORCE, SO_RCVBUF)) return failed("setting a socket's receive buffer");
    if (!resize(o.send_buffer, SO_SNDBUFFORCE, SO_SNDBUF)) return failed("setting a socket's send buffer");
    if (o.mtu != path_mtu::system) return set_path_mtu(fd, f, o.mtu);
    return {};
}

/// The workspace of a burst: made once per socket.
class message_burst {
public:
    static constexpr std::size_t max_parts = 2;

    /// Makes message `i` ready for up to `into.size()` octets from anywhere.
    void expect(std::size_t i, byte_span into) noexcept {
        slot& s = slots_[i];
        iovec* const part = &parts_[i * max_parts];
        *part = {into.data(), into.size()};
        msghdr& h = headers_[i].msg_hdr;
        h = {&s.name, sizeof s.name, part, 1, s.control.data(), s.control.size(), 0};
    }
    /// Makes message `i` ready to be sent; `head` goes in front of `octets`.
    /// @param with_control  without it only the remote address counts
    void fill(std::size_t i, const datagram_info& where, byte_view head, byte_view octets, bool with_control) noexcept {
        begin(i, i, where, with_control);
        add(i, head);
        add(i, octets);
    }
    /// Makes message `i` a run of datagrams `at` and following of a burst: to one place, of one size but for the last one, which
    /// may be shorter. They cross the system as one, which cuts it up in the end.
    template <class Datagram> void fill_run(std::size_t i, std::size_t at, std::span<const Datagram> run) noexcept {
        begin(i, at, run[0].where, true);
        for (const Datagram& d : run) {
            add(i, d.head);
            add(i, d.octets);
        }
        if (run.size() < 2) return;
        slots_[i].datagrams = run.size();
        msghdr& h = headers_[i].msg_hdr;
        control_writer w{std::span{slots_[i].control}.subspan(h.msg_controllen)};
        w.put(IPPROTO_UDP, UDP_SEGMENT, static_cast<std::uint16_t>(run[0].head.size() + run[0].octets.size()));
        h.msg_controllen += w.size();
    }
    /// Whether `fill_run` is worth while: false once a device turned out to be none that lets the system do so.
    [[nodiscard]] auto takes_runs() const noexcept -> bool { return takes_runs_; }
    /// @return messages that came; 0 when nothing waits
    [[nodiscard]] auto receive(int fd, std::size_t count, const char* doing) noexcept -> os_result<std::size_t> {
        for (;;) {
            const int n = ::recvmmsg(fd, headers_.data(), static_cast<unsigned>(count), MSG_DONTWAIT, nullptr);
            if (n >= 0) return static_cast<std::size_t>(n);
            if (would_block(errno)) return std::size_t{0};
            if (errno != EINTR) return failed(doing, errc::cannot_read);
        }
    }
    /// Octets of message `i` that came; 0 when it did not fit whole. What is told of it goes to `info`.
    [[nodiscard]] auto received(std::size_t i, datagram_info& info) noexcept -> std::size_t {
        msghdr& h = headers_[i].msg_hdr;
        info.remote = read_name(slots_[i].name);
        read_control(h, info);
        return (h.msg_flags & MSG_TRUNC) != 0 ? 0 : headers_[i].msg_len;
    }
    /// Sends the first `count` messages; what the system refuses is lost and the next one tried.
    void send(int fd, std::size_t count, const char* doing, burst_outcome& outcome) noexcept {
        for (std::size_t at = 0; at < count;) {
            const int n = ::sendmmsg(fd, headers_.data() + at, static_cast<unsigned>(count - at), MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n > 0) {
                for (int i = 0; i < n; ++i) outcome.done += slots_[at++].datagrams;
                continue;
            }
            if (errno == EINTR) continue;
            if (would_block(errno)) return;
            if (slots_[at].datagrams > 1) {
                if (errno == EIO) takes_runs_ = false;
                if (!send_one_by_one(fd, at, doing, outcome)) return;
            } else {
                outcome.last = last_error(doing, errc::cannot_write);
                ++outcome.refused;
                ++outcome.done;
            }
            ++at;
        }
    }

private:
    struct slot {
        sockaddr_storage name{};
        alignas(cmsghdr) std::array<std::byte, 192> control{};
        std::size_t datagrams = 1;
    };
    /// Message `i`, whose parts are those of datagram `at` of the burst and of what is added.
    void begin(std::size_t i, std::size_t at, const datagram_info& where, bool with_control) noexcept {
        slot& s = slots_[i];
        s.datagrams = 1;
        msghdr& h = headers_[i].msg_hdr;
        h = {&s.name, write_name(where.remote, where.interface, s.name), &parts_[at * max_parts], 0, nullptr, 0, 0};
        if (!with_control) return;
        h.msg_control = s.control.data();
        h.msg_controllen = write_control(where, s.control);
    }
    void add(std::size_t i, byte_view part) noexcept {
        msghdr& h = headers_[i].msg_hdr;
        if (part.empty()) return;  // the system reads only, whatever its types say
        h.msg_iov[h.msg_iovlen++] = {const_cast<std::byte*>(part.data()), part.size()};
    }
    /// A run that the system does not take as one: longer than the path takes, say. @return false when its queue is full
    [[nodiscard]] auto send_one_by_one(int fd, std::size_t i, const char* doing, burst_outcome& outcome) noexcept -> bool {
        msghdr h = headers_[i].msg_hdr;
        h.msg_iovlen /= slots_[i].datagrams;
        h.msg_controllen -= CMSG_SPACE(sizeof(std::uint16_t));
        for (std::size_t left = slots_[i].datagrams; left > 0;) {
            if (::sendmsg(fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
                if (errno == EINTR) continue;
                if (would_block(errno)) return false;
                outcome.last = last_error(doing, errc::cannot_write);
                ++outcome.refused;
            }
            ++outcome.done;
            h.msg_iov += h.msg_iovlen;
            --left;
        }
        return true;
    }
    std::array<mmsghdr, message_burst_size> headers_{};
    std::array<slot, message_burst_size> slots_{};
    std::array<iovec, message_burst_size * max_parts> parts_{};
    bool takes_runs_ = true;
};

}  // namespace detail

}  // namespace ipsec::io
