#pragma once
/// The way events and audit records leave the library: a parameter, never a global.            RFC 2401 §7
///
/// An observer is any type with `on(const Event&) noexcept` for the events it wants to see; events it has no overload for are
/// passed over at no cost. Records themselves belong to the layer that makes them (`dataplane/audit.hpp`, `ike/audit.hpp`).

namespace ipsec {

template <class O, class Event>
concept observes = requires(O& o, const Event& e) { { o.on(e) } noexcept; };

/// Sees nothing and costs nothing.
struct null_observer {};

/// Hands `event` to `observer` if it wants events of that type.
template <class Observer, class Event>
constexpr void tell(Observer& observer, const Event& event) noexcept {
    if constexpr (observes<Observer, Event>) observer.on(event);
}

}  // namespace ipsec
