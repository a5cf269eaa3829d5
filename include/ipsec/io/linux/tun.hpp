#pragma once
/// A TUN device: IP packets that the system routes into this process, and packets that this process hands to the system.
///
///     auto tun = io::tun_device::open({.name = "vpn0", .mtu = 1400});
///     while (auto n = tun->read(std::span{packets}); n && *n > 0)
///         outbound.process(std::span{packets}.first(*n), now, sink, observer);
///
/// Needs CAP_NET_ADMIN to make, none afterwards. Addresses and routes are the user's. One thread at a time.
#include "ipsec/io/linux/descriptor.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "ipsec/io/fill.hpp"

namespace ipsec::io {

struct tun_options {
    std::string name{};  ///< up to 15 characters, `%d` is a number to be found; empty: the system's choice
    unsigned mtu = 0;    ///< octets; 0 leaves the system's (1500)
    bool up = true;
};

class tun_device {
public:
    /// Makes the device, or takes a persistent one of that name: whole IP packets without a frame, non-blocking, nothing
    /// offloaded to it, so that each packet has its checksum and fits the MTU.
    /// @return `cannot_open` and `no_such_device` (no /dev/net/tun), `not_permitted`, `address_in_use` (the name),
    ///         `cannot_configure`
    [[nodiscard]] static auto open(const tun_options& o) -> os_result<tun_device>;

    /// One packet into each buffer, from the front of `into`, until nothing waits.
    ///
    /// @param around  stays free in every buffer; between there must be room for the MTU. The system cuts what is longer, and
    ///                then the packet's own length field says so.
    /// @return        packets read; 0 when nothing waits; `cannot_read`, `no_room`. A buffer without room ends the burst.
    template <packet P>
    [[nodiscard]] auto read(std::span<P> into, const room& around = {}) noexcept -> os_result<std::size_t> {
        std::size_t n = 0;
        for (P& p : into) {
            const byte_span space = open_for_filling(p, around);
            if (space.empty()) {
                if (n > 0) break;
                return std::unexpected{os_error{errc::no_room, 0, "reading from a TUN device"}};
            }
            ssize_t got = 0;
            do got = ::read(fd_.get(), space.data(), space.size());
            while (got < 0 && errno == EINTR);
            const int error = errno;
            keep_first(p, got > 0 ? static_cast<std::size_t>(got) : 0);
            if (got <= 0) {
                if (n > 0 || got == 0 || detail::would_block(error)) break;
                errno = error;
                return detail::failed("reading from a TUN device", errc::cannot_read);
            }
            ++n;
        }
        return n;
    }
    /// Hands packets to the system, as if they had come in at this interface.
    /// @return `burst_outcome::last` is `unreachable` while the device is down, else `cannot_write`
    auto write(byte_view packet) noexcept -> burst_outcome {
        burst_outcome r;
        ssize_t put = 0;
        do put = ::write(fd_.get(), packet.data(), packet.size());
        while (put < 0 && errno == EINTR);
        if (put < 0 && detail::would_block(errno)) return r;
        r.done = 1;
        if (put < 0) {
            r.refused = 1;
            // a device that is down says EIO
            r.last = {errno == EIO ? errc::unreachable : detail::errc_of(errno, errc::cannot_write), errno,
                      "writing to a TUN device"};
        }
        return r;
    }
    template <packet P> auto write(std::span<P> burst) noexcept -> burst_outcome {
        burst_outcome r;
        for (const P& p : burst) {
            const auto one = write(p.octets());
            if (one.done == 0) break;
            ++r.done;
            r.refused += one.refused;
            if (one.refused > 0) r.last = one.last;
        }
        return r;
    }

    /// @return `not_permitted`, `cannot_configure` for an MTU under 68 or over 65535
    [[nodiscard]] auto set_mtu(unsigned octets) const -> os_result<void>;
    [[nodiscard]] auto mtu() const -> os_result<unsigned>;
    [[nodiscard]] auto set_up(bool up) const -> os_result<void>;

    [[nodiscard]] auto name() const noexcept -> const std::string& { return name_; }
    [[nodiscard]] auto index() const noexcept -> unsigned { return ::if_nametoindex(name_.c_str()); }
    /// Readable when `read` has something to give.
    [[nodiscard]] auto fd() const noexcept -> int { return fd_.get(); }

private:
    tun_device() = default;
    /// An `ioctl` about the interface, by any socket.
    [[nodiscard]] auto ask(unsigned long request, ifreq& r, const char* doing) const -> os_result<void> {
        const descriptor any{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
        if (!any) return detail::failed("opening a socket", errc::cannot_open);
        name_.copy(r.ifr_name, IFNAMSIZ - 1);
        if (::ioctl(any.get(), request, &r) != 0) return detail::failed(doing);
        return {};
    }
    descriptor fd_;
    std::string name_;
};

// ---------------------------------------------------------------------------------------------------------------------

inline auto tun_device::open(const tun_options& o) -> os_result<tun_device> {
    if (o.name.size() >= IFNAMSIZ) return std::unexpected{os_error{errc::no_such_device, ENAMETOOLONG, "naming a TUN device"}};
    tun_device d;
    d.fd_.reset(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!d.fd_) return detail::failed("opening /dev/net/tun", errc::cannot_open);
    ifreq r{};
    o.name.copy(r.ifr_name, IFNAMSIZ - 1);
    r.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (::ioctl(d.fd_.get(), TUNSETIFF, &r) != 0) return detail::failed("making a TUN device");
    d.name_ = r.ifr_name;
    if (::ioctl(d.fd_.get(), TUNSETOFFLOAD, 0UL) != 0) return detail::failed("switching a TUN device's offloads off");
    if (o.mtu != 0)
        if (auto ok = d.set_mtu(o.mtu); !ok) return std::unexpected{ok.error()};
    if (o.up)
        if (auto ok = d.set_up(true); !ok) return std::unexpected{ok.error()};
    return d;
}
inline auto tun_device::set_mtu(unsigned octets) const -> os_result<void> {
    ifreq r{};
    r.ifr_mtu = static_cast<int>(octets);
    return ask(SIOCSIFMTU, r, "setting the MTU of a TUN device");
}
inline auto tun_device::mtu() const -> os_result<unsigned> {
    ifreq r{};
    if (auto ok = ask(SIOCGIFMTU, r, "asking for the MTU of a TUN device"); !ok) return std::unexpected{ok.error()};
    return static_cast<unsigned>(r.ifr_mtu);
}
inline auto tun_device::set_up(bool up) const -> os_result<void> {
    ifreq r{};
    if (auto ok = ask(SIOCGIFFLAGS, r, "asking for the state of a TUN device"); !ok) return ok;
    r.ifr_flags = static_cast<short>(up ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP);
    return ask(SIOCSIFFLAGS, r, up ? "bringing a TUN device up" : "taking a TUN device down");
}

}  // namespace ipsec::io
