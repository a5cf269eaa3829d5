#pragma once
// What the ISAKMP targets share. A `seen` hears of every fault and every payload type, so that a test can count what a corpus
// reaches; the fuzzer hears nothing.
#include <algorithm>
#include <vector>

#include "fuzz/expect.hpp"
#include "ipsec/isakmp/builder.hpp"
#include "ipsec/isakmp/chain.hpp"

namespace ipsec::fuzz {

struct deaf {
    void fault(isakmp::errc) const noexcept {}
    void type(isakmp::payload_type) const noexcept {}
};

/// Tells `seen` of the fault, if there is one. @return whether there is a value
template <class Seen, class Result>
auto heard(Seen& seen, const Result& r) -> bool {
    if (!r) {
        seen.fault(r.error());
        expect(!name_of(r.error()).empty());
    }
    return r.has_value();
}

/// What parses is emitted again octet for octet, and says its size.
template <class P, class Seen>
void isakmp_body(byte_view in, Seen& seen) {
    const auto p = P::parse(in);
    if (!heard(seen, p)) return;
    seen.type(P::type);
    expect(p->size() == in.size());
    std::vector<std::byte> again(in.size());
    wire::writer w{again};
    p->emit(w);
    expect(w.finish().has_value() && w.size() == in.size());
    expect(std::ranges::equal(again, in));
    expect(*p == *P::parse(again));
}

}  // namespace ipsec::fuzz
