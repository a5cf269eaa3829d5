#pragma once
// Proposals as people write them: what is accepted is legal and writes itself back; what is refused points into the text.
#include <string_view>

#include "fuzz/expect.hpp"
#include "ipsec/core/bytes.hpp"
#include "ipsec/crypto/proposal_name.hpp"

namespace ipsec::fuzz {

inline void proposal_name(byte_view in) {
    const std::string_view text{reinterpret_cast<const char*>(in.data()), in.size()};
    const auto inside = [&](const crypto::name_error& e) {
        return crypto::name_of(e.code) != "unknown crypto error" &&
               (e.word.empty() || text.find(e.word) != std::string_view::npos);
    };
    if (const auto p = crypto::parse_esp_proposal(text)) {
        expect(crypto::check(p->protection).has_value());
        const auto written = crypto::to_text(p->protection);
        const auto again = crypto::parse_esp_proposal(written.view());
        expect(again && again->protection == p->protection);
    } else {
        expect(inside(p.error()));
    }
    if (const auto p = crypto::parse_ike_v1_proposal(text)) {
        const auto written = crypto::to_text(*p);
        const auto again = crypto::parse_ike_v1_proposal(written.view());
        expect(again && *again == *p);
    } else {
        expect(inside(p.error()));
    }
    if (const auto p = crypto::parse_ah_proposal(text); !p) expect(inside(p.error()));
}

}  // namespace ipsec::fuzz
