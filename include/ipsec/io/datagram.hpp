#pragma once
/// What the library asks of the user's datagram transport.
#include <concepts>
#include <optional>

#include "ipsec/core/bytes.hpp"

namespace ipsec::io {

/// One datagram that came in; the octets live in the scratch that `receive` was given.
template <class Path> struct received {
    Path path;
    byte_span octets;
};

/// Datagrams in and out. A `Path` is local endpoint, remote endpoint and link (`ike::path`).
template <class L, class Path>
concept datagram = requires(L& l, const Path& path, byte_view out, byte_span scratch) {
    { l.receive(scratch) } -> std::same_as<std::optional<received<Path>>>;
    { l.send(path, out) } -> std::same_as<bool>;
};

}  // namespace ipsec::io
