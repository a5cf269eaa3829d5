#pragma once
/// Where the walks put packets: one in may be none, one or several out.
#include <concepts>
#include <cstddef>
#include <optional>
#include <utility>

#include "ipsec/dataplane/verdict.hpp"
#include "ipsec/io/packet.hpp"

namespace ipsec::dataplane {

/// Takes the packets back that a walk is done with, dropped ones too: the buffers belong to the user's pool.
template <class S, class P>
concept emits = requires(S& s, P&& p, const verdict& v) {
    { s.emit(std::move(p), v) } noexcept;
};

/// Gives a fresh packet with `size` octets, or nothing when the pool is empty.
template <class S, class P>
concept makes = requires(S& s, std::size_t size) {
    { s.make(size) } noexcept -> std::same_as<std::optional<P>>;
};

/// Packets of one burst come in the order in which they went in.
template <class S, class P>
concept sink = io::packet<P> && emits<S, P>;

/// A sink that can also give packets, for what turns one packet into several.
template <class S, class P>
concept making_sink = sink<S, P> && makes<S, P>;

}  // namespace ipsec::dataplane
