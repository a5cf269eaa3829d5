#pragma once
#include "ipsec/core/result.hpp"

namespace ipsec::io {

/// What can go wrong between the library and the files or devices that an adapter serves.
enum class errc : std::uint8_t {
    cannot_open = 1,   ///< no such file, or no right to read or write it
    foreign,           ///< the file is none of the formats that the adapter reads
    damaged,           ///< it began well and then broke off, or does not parse
    unsupported_link,  ///< the frames are of a link type that this adapter cannot find IP packets in
    cannot_write,      ///< the file or network refused octets, at once or when the file was closed
    cannot_read,       ///< the device or socket gives nothing any more
    cannot_configure,  ///< the system refuses an option, for a reason that has no name here
    not_permitted,     ///< the process lacks a privilege: CAP_NET_ADMIN, CAP_NET_RAW or CAP_NET_BIND_SERVICE
    no_such_device,    ///< no interface or device of that name
    address_in_use,    ///< somebody else holds the address and port, or the name
    no_such_address,   ///< the local address is none of this system's
    not_supported,     ///< the system knows no such address family, protocol or option
    unreachable,       ///< no route, or the link or the peer's port is down
    too_long,          ///< longer than the path takes in one piece
    mixed_families,    ///< IPv4 handed to an IPv6 socket, or the other way
    no_room,           ///< the caller's buffer is too small to read anything into
};
template <class T> using result = std::expected<T, errc>;

[[nodiscard]] constexpr auto condition_of(errc e) noexcept -> condition {
    switch (e) {
        case errc::foreign:
        case errc::damaged: return condition::malformed;
        case errc::unsupported_link:
        case errc::not_supported: return condition::unsupported;
        case errc::too_long: return condition::exhausted;
        case errc::mixed_families:
        case errc::no_room: return condition::misuse;
        case errc::cannot_open:
        case errc::cannot_write:
        case errc::cannot_read:
        case errc::cannot_configure:
        case errc::not_permitted:
        case errc::no_such_device:
        case errc::address_in_use:
        case errc::no_such_address:
        case errc::unreachable: return condition::failed;
    }
    return condition::failed;
}
[[nodiscard]] constexpr auto name_of(errc e) noexcept -> std::string_view {
    switch (e) {
        case errc::cannot_open: return "cannot be opened";
        case errc::foreign: return "not a capture";
        case errc::damaged: return "damaged capture";
        case errc::unsupported_link: return "unsupported link type";
        case errc::cannot_write: return "cannot be written";
        case errc::cannot_read: return "cannot be read";
        case errc::cannot_configure: return "option refused";
        case errc::not_permitted: return "not permitted";
        case errc::no_such_device: return "no such device";
        case errc::address_in_use: return "address or name in use";
        case errc::no_such_address: return "not an address of this system";
        case errc::not_supported: return "not supported by this system";
        case errc::unreachable: return "unreachable";
        case errc::too_long: return "too long for the path";
        case errc::mixed_families: return "IPv4 mixed with IPv6";
        case errc::no_room: return "buffer is too small";
    }
    return "unknown input or output error";
}

}  // namespace ipsec::io
