#pragma once
// Files of `ip xfrm`: what is accepted writes itself back in both forms; what is refused points into the text; what is bound is
// fit for an SPD.
#include <array>
#include <string>
#include <string_view>

#include "fuzz/expect.hpp"
#include "ipsec/core/bytes.hpp"
#include "ipsec/xfrm/bind.hpp"
#include "ipsec/xfrm/parse.hpp"
#include "ipsec/xfrm/write.hpp"

namespace ipsec::fuzz {

/// Parses what was written of `text`, with both made equal in what the form has no words for.
inline void check_written(std::string_view text, xfrm::form how) {
    auto before = xfrm::parse(text);
    std::string room(xfrm::room_for(*before), '\0');
    const auto written = xfrm::write(room, *before, how);
    expect(written.has_value());
    auto after = xfrm::parse(*written);
    expect(after.has_value());
    for (auto& s : before->states) {
        s.used = {};
        if (how == xfrm::form::batch) {
            s.bitmap.clear();
        } else {
            s.soft = s.hard = {};
            s.flags.dont_encap_dscp = false;
        }
    }
    expect(*after == *before);
}

inline void xfrm(byte_view in) {
    const std::string_view text{reinterpret_cast<const char*>(in.data()), in.size()};
    const auto f = xfrm::parse(text);
    if (!f) {
        const auto& e = f.error();
        const auto is_inside = [&](std::string_view word) { return word.empty() || text.find(word) != std::string_view::npos; };
        expect(xfrm::name_of(e.code) != "unknown xfrm error" && e.line >= 1 && e.column >= 1);
        expect(is_inside(e.after));
        if (e.code != xfrm::errc::missing_word) expect(is_inside(e.word) || e.column != 0);
        expect(!xfrm::text_of(e).view().empty());
        return;
    }
    check_written(text, xfrm::form::batch);
    check_written(text, xfrm::form::listing);

    std::array<ip::address, 2> mine{ip::address::v4(192, 0, 2, 1), ip::address::v6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 1})};
    const auto bound = xfrm::bind(*f, mine, {.allow_static_counter_keys = true, .dangers = {.no_integrity = true}});
    if (!bound) {
        expect(bound.error().line >= 1);
        return;
    }
    for (const auto* list : {&bound->outbound_policies, &bound->inbound_policies})
        for (const auto& e : *list) expect(e.id.value() != 0 && policy::validate(e) != policy::entry_fault::mixed_addresses);
    for (const auto* list : {&bound->inbound, &bound->outbound})
        for (const auto& m : *list) {
            expect(sa::validate(m.parameters).has_value());
            const auto size = m.parameters.id.protocol == sa::protocol::ah
                                  ? crypto::result<std::size_t>{crypto::info_of(m.transform.integrity).key}
                                  : crypto::keymat_size(m.transform);
            expect(size.has_value() && *size == m.keymat.size());
        }
}

}  // namespace ipsec::fuzz
