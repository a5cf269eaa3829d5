#pragma once
/// Owned file descriptors and the errors of system calls, for the Linux adapters.
#if !defined(__linux__)
#error "ipsec/io/linux/ is for Linux; write an adapter to io/packet.hpp and io/datagram.hpp for other systems"
#endif
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <expected>
#include <string>
#include <utility>

#include "ipsec/io/errc.hpp"

namespace ipsec::io {

/// A code to branch on, the system's number, and what was tried. Nothing is allocated until somebody asks for text.
struct os_error {
    errc code = errc::cannot_open;
    int number = 0;          ///< errno; 0 when the adapter itself refused
    const char* doing = "";  ///< a literal: "opening /dev/net/tun"
    /// "opening /dev/net/tun: Operation not permitted"
    [[nodiscard]] auto text() const -> std::string {
        return std::string{doing} + ": " + (number != 0 ? std::string{std::strerror(number)} : std::string{name_of(code)});
    }
};
template <class T> using os_result = std::expected<T, os_error>;

/// What became of a burst that was sent.
struct burst_outcome {
    std::size_t done = 0;     ///< from the front of the burst: sent or refused; the rest did not fit the system's queue
    std::size_t refused = 0;  ///< of those done: lost, since the system would not take them
    os_error last{};          ///< why the last refused one was; without meaning while `refused` is 0
};

/// A file descriptor that is closed in the end.
class descriptor {
public:
    descriptor() noexcept = default;
    explicit descriptor(int fd) noexcept : fd_{fd} {}
    descriptor(descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    auto operator=(descriptor&& other) noexcept -> descriptor& {
        if (this != &other) reset(std::exchange(other.fd_, -1));
        return *this;
    }
    descriptor(const descriptor&) = delete;
    auto operator=(const descriptor&) -> descriptor& = delete;
    ~descriptor() { reset(); }

    /// For poll, epoll and the like; -1 when there is none.
    [[nodiscard]] auto get() const noexcept -> int { return fd_; }
    [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
    /// Hands it over: the caller closes it.
    [[nodiscard]] auto release() noexcept -> int { return std::exchange(fd_, -1); }
    void reset(int fd = -1) noexcept {
        if (fd == fd_) return;
        if (fd_ >= 0) ::close(fd_);
        fd_ = fd;
    }

private:
    int fd_ = -1;
};

namespace detail {

/// @param otherwise  for numbers that say nothing in particular
[[nodiscard]] constexpr auto errc_of(int number, errc otherwise) noexcept -> errc {
    switch (number) {
        case EPERM:
        case EACCES: return errc::not_permitted;
        case ENODEV:
        case ENXIO:
        case ENOENT: return errc::no_such_device;
        case EADDRINUSE:
        case EBUSY: return errc::address_in_use;
        case EADDRNOTAVAIL: return errc::no_such_address;
        case ENOPROTOOPT:
        case EOPNOTSUPP:
        case EPROTONOSUPPORT:
        case EAFNOSUPPORT: return errc::not_supported;
        case ENETUNREACH:
        case EHOSTUNREACH:
        case ENETDOWN:
        case ECONNREFUSED: return errc::unreachable;
        case EMSGSIZE: return errc::too_long;
        default: return otherwise;
    }
}
/// The error of the system call that failed just now.
[[nodiscard]] inline auto last_error(const char* doing, errc otherwise) noexcept -> os_error {
    return {errc_of(errno, otherwise), errno, doing};
}
[[nodiscard]] inline auto failed(const char* doing, errc otherwise = errc::cannot_configure) noexcept
    -> std::unexpected<os_error> {
    return std::unexpected{last_error(doing, otherwise)};
}
/// The system's queue is full, or empty: no error.
[[nodiscard]] constexpr auto would_block(int number) noexcept -> bool {
    return number == EAGAIN || number == EWOULDBLOCK || number == ENOBUFS;
}

}  // namespace detail

}  // namespace ipsec::io
