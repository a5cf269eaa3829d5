#pragma once
#include "ipsec/core/result.hpp"

namespace ipsec::io {

/// What can go wrong between the library and the files or devices that an adapter serves.
enum class errc : std::uint8_t {
    cannot_open = 1,   ///< no such file, or no right to read or write it
    foreign,           ///< the file is none of the formats that the adapter reads
    damaged,           ///< it began well and then broke off, or does not parse
    unsupported_link,  ///< the frames are of a link type that this adapter cannot find IP packets in
    cannot_write,      ///< the file system refused octets, at once or when the file was closed
};
template <class T> using result = std::expected<T, errc>;

[[nodiscard]] constexpr auto condition_of(errc e) noexcept -> condition {
    switch (e) {
        case errc::foreign:
        case errc::damaged: return condition::malformed;
        case errc::unsupported_link: return condition::unsupported;
        case errc::cannot_open:
        case errc::cannot_write: return condition::failed;
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
    }
    return "unknown input or output error";
}

}  // namespace ipsec::io
