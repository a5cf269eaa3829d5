#pragma once
/// An SA as the language says it: what `ip xfrm state add` takes and `ip xfrm state` lists.        RFC 2401 §4.4.3, §4.6.1
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "ipsec/core/secret.hpp"
#include "ipsec/core/static_vector.hpp"
#include "ipsec/crypto/ids.hpp"
#include "ipsec/ip/selector.hpp"
#include "ipsec/sa/id.hpp"

namespace ipsec::xfrm {

/// Where an entry stood in its text. No part of what the entry says: any two compare equal.
struct source_line {
    std::uint32_t number = 0;  ///< from 1; 0 for an entry that was never read
    friend constexpr auto operator==(source_line, source_line) noexcept -> bool { return true; }
};

/// Of packets: for this system, from it, or coming in to be forwarded. An SA is for those that come `in` or go `out`.
enum class direction : std::uint8_t { in = 1, out, fwd };
[[nodiscard]] constexpr auto name_of(direction d) noexcept -> std::string_view {
    switch (d) {
        case direction::in: return "in";
        case direction::out: return "out";
        case direction::fwd: return "fwd";
    }
    return "unknown direction";
}

/// One set of limits as the language counts them; 0 stands for no limit.
struct state_limits {
    std::uint64_t seconds = 0;
    std::uint64_t octets = 0;
    std::uint64_t packets = 0;
    friend constexpr auto operator==(const state_limits&, const state_limits&) noexcept -> bool = default;
};

/// How much went through a state, as `ip -s` lists it.
struct used_up {
    std::uint64_t octets = 0;
    std::uint64_t packets = 0;
    friend constexpr auto operator==(const used_up&, const used_up&) noexcept -> bool = default;
};

/// The flags of a state that this library has a meaning for.
struct state_flags {
    bool noecn = false;             ///< the outer ECN field is 0, and where packets come in it does not count
    bool nopmtudisc = false;        ///< the outer DF bit stays clear
    bool af_unspec = false;         ///< without `sel`, packets of both families
    bool align4 = false;            ///< AH over IPv4: padded to 4 octets rather than 8             RFC 4302 §3.3.3.2.1
    bool esn = false;               ///< 64-bit sequence numbers                                    RFC 4303 §2.2.1
    bool dont_encap_dscp = false;   ///< `extra-flag`: outer DSCP 0
    friend constexpr auto operator==(const state_flags&, const state_flags&) noexcept -> bool = default;
};

/// Move-only, as its keys are. Compares keys in constant time.
struct state {
    /// Characters of the longest text form, the line feeds included.
    static constexpr std::size_t max_text = 3072;
    /// Words of 32 bits in the widest window of the kernel.
    static constexpr std::size_t max_bitmap = 128;

    sa::id id;
    ip::address source;                   ///< of the outer header; all zeros: any
    sa::mode mode = sa::mode::transport;
    std::uint32_t reqid = 0;              ///< ties the state to templates of policies; 0: none
    std::uint32_t replay_window = 0;      ///< width; 0: no anti-replay
    std::uint64_t sent = 0;               ///< the last sequence number sent
    std::uint64_t received = 0;           ///< the highest sequence number received
    /// Numbers received below `received`, as a listing has them: kept to be listed again, not used.
    static_vector<std::uint32_t, max_bitmap> bitmap;
    state_flags flags;
    crypto::transform transform;          ///< AH: the integrity algorithm alone
    secret<128> keymat;                   ///< cipher key, salt, integrity key                      RFC 4301 §4.5.2
    ip::selector selectors;               ///< `sel`; without it everything of the ends' family, or of both with `af-unspec`
    state_limits soft, hard;
    used_up used;                         ///< of those limits; times count anew. Not written: no form has words for it
    sa::udp_encapsulation encapsulation;  ///< `encap espinudp`, as the sender sees it: `local` is the source port  RFC 3948 §2.1
    ip::address original;  ///< beside it: the peer's own address before translation; all zeros when it is not known
    std::uint32_t tfcpad = 0;  ///< ESP in tunnel mode: the kernel pads inner packets up to so many octets   RFC 4303 §2.7
    std::optional<xfrm::direction> direction;  ///< `dir`, in or out, of newer kernels; absent: for both
    source_line line;

    friend auto operator==(const state&, const state&) noexcept -> bool = default;
};

/// The selectors of a state that has no `sel`.
[[nodiscard]] constexpr auto default_selectors(const sa::id& id, const state_flags& flags) noexcept -> ip::selector {
    ip::selector s;
    if (!flags.af_unspec) s.source = s.destination = ip::range::any(id.destination.family());
    return s;
}
/// Whether the kernel keeps the sequence numbers of such a state in 64 bits with a window of any width, and lists them so.
[[nodiscard]] inline auto has_wide_window(const state& s) noexcept -> bool { return s.flags.esn || s.replay_window > 32; }

}  // namespace ipsec::xfrm
