#pragma once
/// States become SAs of this library, with keys given by hand.                                 RFC 2401 §4.4.3, §4.6.1
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

#include "ipsec/core/rng.hpp"
#include "ipsec/crypto/algorithms.hpp"
#include "ipsec/sa/install.hpp"
#include "ipsec/sa/parameters.hpp"
#include "ipsec/xfrm/algorithms.hpp"
#include "ipsec/xfrm/errc.hpp"
#include "ipsec/xfrm/state.hpp"

namespace ipsec::xfrm {

/// What the caller knows of the file, and what he names as wanted although it is dangerous.
struct choices {
    bool allow_static_counter_keys = false;  ///< a restart with these keys gives both plaintexts away      RFC 4106 §2
    std::uint32_t first_policy = 1;           ///< the policies are numbered from here: others may have the lower numbers
    crypto::dangers dangers{};               ///< encryption without integrity                              RFC 4303 §1
    /// The file lists SAs that a key exchange made: extended numbers and counter modes are as the peers agreed.  RFC 4303 §2.2.1
    bool negotiated = false;
};

/// Everything that an SA is made of. Move-only, as its keys are.
struct manual_sa {
    sa::parameters parameters;
    crypto::transform transform;
    secret<128> keymat;
    sa::sequence64 sent;      ///< sending goes on after this number
    sa::sequence64 received;  ///< receiving: this number and those before it count as seen
    used_up used;             ///< of the limits on octets and packets
    source_line line;
};

namespace detail {
/// The kernel counts octets, an SA kilobytes: those that are full, so that no more than was asked for passes. Less than one,
/// which would be no limit, counts as one, and `manual_sa_of` refuses it.
[[nodiscard]] constexpr auto limits_of(const state_limits& l) noexcept -> sa::limits {
    constexpr std::uint64_t longest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return {.time = seconds(static_cast<std::int64_t>(l.seconds < longest ? l.seconds : longest)),
            .kilobytes = l.octets == 0 || l.octets >= 1024 ? l.octets / 1024 : 1,
            .packets = l.packets};
}
/// An SA in transport mode takes packets from one host to the other; where they share nothing with `sel`, it takes none by its
/// destination.                                                                                 RFC 2401 §4.1
[[nodiscard]] constexpr auto selectors_of(const state& s) noexcept -> ip::selector {
    ip::selector all = s.selectors;
    if (s.mode != sa::mode::transport) return all;
    if (const auto d = intersection(all.destination, ip::range{s.id.destination})) all.destination = *d;
    if (s.source.is_unspecified()) return all;
    if (const auto from = intersection(all.source, ip::range{s.source})) all.source = *from;
    return all;
}
}  // namespace detail

/// What the state says, in this library's terms; it may not be allowed together (`manual_sa_of`). Outer headers and ICV padding
/// are as the kernel makes them: flow labels are copied, AH pads to 8 octets unless `align4` says otherwise. Without
/// `replay-window` there is no anti-replay. Limits in octets are rounded down to kilobytes. UDP ports are those of an SA
/// that sends. `tfcpad` is for walks that are given a padding (`dataplane/padding.hpp`).
///                                            RFC 2406 §5, RFC 4302 §3.3.3.2.1
// req: rfc2406-5-2, rfc2401-4.4.3-1
[[nodiscard]] inline auto parameters_of(const state& s) noexcept -> sa::parameters {
    sa::parameters p = sa::manual(s.id, s.mode, s.source);
    p.selectors = detail::selectors_of(s);
    p.extended_sequence = s.flags.esn;
    if (s.replay_window != 0) {
        p.anti_replay = true;
        p.window = s.replay_window;
    }
    p.lifetimes = {.soft = detail::limits_of(s.soft), .hard = detail::limits_of(s.hard)};
    p.encapsulation = s.encapsulation;
    if (s.tfcpad != 0)
        p.tfc = {.what = sa::tfc_policy::kind::to_size, .size = static_cast<std::uint16_t>(s.tfcpad < 65535 ? s.tfcpad : 65535)};
    p.tunnel.copy_flow_label = true;
    if (s.flags.nopmtudisc) p.tunnel.df = ip::df_rule::clear;
    if (s.flags.noecn) p.tunnel.ecn = ip::ecn_mode::ignored;
    if (s.flags.dont_encap_dscp) p.tunnel.dscp = 0;
    if (s.id.protocol == sa::protocol::ah) p.icv_alignment = s.flags.align4 && s.id.destination.is_v4() ? 4 : 8;
    return p;
}

/// The SA of a state, its keys copied, bound to no policy yet.
/// @return `errc::reserved_spi`, `bad_window`, `replay_without_integrity`; `extended_with_manual_keys`, `static_counter_keys` and
///         `no_integrity` unless `allowed`; `short_limit`; the fault has the line of the state
// req: rfc4106-2-2, rfc4303-2.2.1-2, rfc2406-2.1-1, rfc2406-3.4.3-2
[[nodiscard]] inline auto manual_sa_of(const state& s, const choices& allowed = {}) noexcept -> result<manual_sa> {
    const auto no = [&s](errc code, std::string_view word) {
        return std::unexpected{fault{.code = code, .line = s.line.number, .word = word}};
    };
    const std::string_view cipher = kernel_name(s.transform.encryption);
    manual_sa m{.parameters = parameters_of(s),
                .transform = s.transform,
                .keymat = s.keymat.clone(),
                .sent = sa::sequence64{s.sent},
                .received = sa::sequence64{s.received},
                .used = s.used,
                .line = s.line};
    m.parameters.manual = !allowed.negotiated;
    m.parameters.allow_static_counter_keys = allowed.allow_static_counter_keys;
    const bool authenticated =
        s.transform.integrity != crypto::integrity_id::none || crypto::is_combined(s.transform.encryption);
    if (s.id.spi.value() < 256) return no(errc::reserved_spi, "spi");
    if (s.flags.esn && !allowed.negotiated) return no(errc::extended_with_manual_keys, "esn");
    const auto is_short = [](const state_limits& l) { return l.octets != 0 && l.octets < 1024; };
    if (is_short(s.soft)) return no(errc::short_limit, "byte-soft");
    if (is_short(s.hard)) return no(errc::short_limit, "byte-hard");
    if (s.replay_window % 32 != 0) return no(errc::bad_window, "replay-window");
    if (!authenticated && !allowed.dangers.no_integrity) return no(errc::no_integrity, cipher);
    if (!authenticated && s.replay_window != 0) return no(errc::replay_without_integrity, "replay-window");
    if (s.id.protocol == sa::protocol::esp && !allowed.negotiated &&
        !crypto::check_for_manual_keys(s.transform, allowed.allow_static_counter_keys))
        return no(errc::static_counter_keys, cipher);
    return m;
}

namespace detail {
template <class Sa, class Database, class Suite, rng R>
[[nodiscard]] auto make_and_insert(Database& database, const manual_sa& m, crypto::result<Suite> suite, sa::sequence64 last,
                                   R& random, instant now) noexcept {
    using answer = decltype(database.insert(std::declval<Sa&&>()));
    if (!suite) return answer{std::unexpected{sa::from(suite.error())}};
    auto made = Sa::make(m.parameters, std::move(*suite), m.keymat.view(), random, now);
    if (!made) return answer{std::unexpected{made.error()}};
    if (last.value() != 0) made->resume_at(last);
    if (m.used != used_up{}) {
        auto usage = made->lifetime().usage(now);
        usage.octets = m.used.octets;
        usage.packets = m.used.packets;
        made->lifetime().resume(usage, now);
    }
    return database.insert(std::move(*made));
}
}  // namespace detail

/// Makes the SA and puts it into the database, as one that receives; its numbers and what it has used go on where the state says.
///
/// @param make_suite  `crypto::transform -> crypto::result<EspSuite>`
/// @param make_mac    `crypto::integrity_id -> crypto::result<AhMac>`
/// @return the handle; a fault of the makers; as `inbound::make` and `sadb::insert`
template <class Database, class MakeSuite, class MakeMac, rng R>
[[nodiscard]] auto install_inbound(Database& database, const manual_sa& m, MakeSuite&& make_suite, MakeMac&& make_mac, R& random,
                                   instant now) noexcept -> sa::result<sa::inbound_handle> {
    if (m.parameters.id.protocol == sa::protocol::esp)
        return detail::make_and_insert<typename Database::esp_inbound>(database, m, make_suite(m.transform), m.received, random,
                                                                       now);
    return detail::make_and_insert<typename Database::ah_inbound>(database, m, make_mac(m.transform.integrity), m.received,
                                                                  random, now);
}
/// As above, as one that sends.
template <class Database, class MakeSuite, class MakeMac, rng R>
[[nodiscard]] auto install_outbound(Database& database, const manual_sa& m, MakeSuite&& make_suite, MakeMac&& make_mac, R& random,
                                    instant now) noexcept -> sa::result<sa::outbound_handle> {
    if (m.parameters.id.protocol == sa::protocol::esp)
        return detail::make_and_insert<typename Database::esp_outbound>(database, m, make_suite(m.transform), m.sent, random,
                                                                        now);
    return detail::make_and_insert<typename Database::ah_outbound>(database, m, make_mac(m.transform.integrity), m.sent, random,
                                                                   now);
}

}  // namespace ipsec::xfrm
