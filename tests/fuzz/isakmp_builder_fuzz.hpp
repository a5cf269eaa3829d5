#pragma once
#include <algorithm>

#include "fuzz/isakmp_common.hpp"

namespace ipsec::fuzz {

/// The first octet says how much room there is (times eight), each following pair is one call of the builder. Whatever it is
/// told, it stays inside of its octets; what it builds without lies is read back.
template <class Seen>
void isakmp_builder_seen(byte_view in, Seen& seen) {
    using namespace isakmp;
    if (in.empty()) return;
    std::vector<std::byte> room(std::to_integer<std::size_t>(in[0]) * 8);
    builder b{room};
    bool lied = false;
    std::size_t payloads = 0;
    for (std::size_t i = 1; i + 1 < in.size(); i += 2) {
        const auto arg = std::to_integer<std::uint8_t>(in[i + 1]);
        const byte_view some = in.first(std::min<std::size_t>(arg, in.size()));
        const auto op = std::to_integer<unsigned>(in[i]) % 12;
        payloads += op == 1 || op == 2 || op == 8 ? 1U : 0U;
        lied = lied || op >= 9;
        switch (op) {
            case 0: b.start(header{}); break;
            case 1: b.add(payload_type{static_cast<std::uint8_t>(4 + arg % 10)}, some); break;
            case 2: b.sa(); break;
            case 3: b.proposal(arg, protocol_id::ipsec_esp, some.first(std::min<std::size_t>(some.size(), 4))); break;
            case 4: b.transform(arg, 1); break;
            case 5: b.number(arg, std::uint64_t{arg} << (arg % 40)); break;
            case 6: b.variable(arg, some); break;
            case 7: b.close(); break;
            case 8: b.claim(payload_type::hash, arg); break;
            case 9: b.lie_length(arg); break;
            case 10: b.lie_next(payload_type{arg}); break;
            default: b.pad_to(arg); break;
        }
    }
    const payload_type first = b.first();
    const auto out = b.finish();
    if (!heard(seen, out)) return;
    expect(out->size() <= room.size());
    if (lied) return;
    const auto c = basic_chain<256>::parse(first, b.chain_so_far());
    expect(c ? c->size() == payloads : c.error() == errc::too_many_payloads);
}
inline void isakmp_builder(byte_view in) {
    deaf seen;
    isakmp_builder_seen(in, seen);
}

}  // namespace ipsec::fuzz
