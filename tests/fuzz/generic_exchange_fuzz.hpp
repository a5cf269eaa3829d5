#pragma once
#include "fuzz/expect.hpp"
#include "support/exchange_ends.hpp"

namespace ipsec::fuzz {

namespace detail {
/// After `after` messages of an honest exchange, `m` comes in. Refused, it changes nothing; taken, the state moves on by an edge.
template <class Exchange> void say_to(std::size_t after, byte_view m, unsigned how) {
    test::exchange_ends<Exchange> ends;
    ends.left.start(instant{});
    std::vector<std::byte> last = ends.left.out.at(0);
    for (std::size_t i = 0; i < after; ++i) {
        auto& to = i % 2 == 0 ? ends.right : ends.left;
        to.handle(last, instant{});
        if (!to.out.empty()) last = to.out.back();
    }
    auto& to = after % 2 == 0 ? ends.right : ends.left;
    std::vector<std::byte> datagram{m.begin(), m.end()};
    if ((how & 1U) != 0 && datagram.size() >= 16) copy_octets(byte_view{last}.first(16), datagram);
    if ((how & 2U) != 0 && datagram.size() >= 28)
        wire::store(byte_span{datagram}.subspan(24), static_cast<std::uint32_t>(datagram.size()));
    to.policy.takes_any_proof = (how & 4U) != 0;
    const auto states = to.states;
    const auto refused = to.refused.size();
    to.handle(datagram, instant{});
    if (to.refused.size() != refused) expect(to.states == states);
    const bool initiates = &to == &ends.left;
    const auto edges =
        initiates ? ike::v1::edges_of<typename Exchange::initiator>() : ike::v1::edges_of<typename Exchange::responder>();
    for (std::size_t i = 1; i < to.states.size(); ++i) expect(ike::v1::leads_to(edges, to.states[i - 1], to.states[i]));
}
}  // namespace detail

/// First octet: the exchange (0 Base, 1 Authentication Only) and, above it, after how many honest messages the rest of the input
/// comes in. Its cookies and its length are made right where bits 0 and 1 of the second octet say so; with bit 2 whatever AUTH is
/// in it holds.
inline void generic_exchange(byte_view in) {
    if (in.size() < 2) return;
    const auto first = std::to_integer<unsigned>(in[0]);
    const auto how = std::to_integer<unsigned>(in[1]);
    if ((first & 1U) == 0) detail::say_to<test::base>((first >> 1) % 5, in.subspan(2), how);
    else detail::say_to<test::authentication_only>((first >> 1) % 4, in.subspan(2), how);
}

}  // namespace ipsec::fuzz
