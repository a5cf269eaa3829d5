#pragma once
/// An ISAKMP SA as octets, with the pairs of SAs that it looks after: to take it up again after a restart, or elsewhere.
///
///     const auto s = ike.store(now, cookies);                        // endpoint.hpp
///     const auto kept = seal(provider, key, provider, *s, room);     // or `emit`, for a place that only the right ones reach
///     …
///     auto s = open(provider, key, kept);                            // or `parse`
///     auto cookies = ike.restore(now, *s, away);
///
/// The form has a version, is the same on every machine, names algorithms by word, and peers by their addresses and policies: the
/// configuration may have another order by then. The seal is that of `sa/sealed_snapshot.hpp`, with keys of its own.
///
/// **Message IDs.** All that were used go along, so none is used twice and none of the peer's is taken twice, up to the moment
/// of the snapshot. What the peer said after it could be said again by somebody who recorded it: so store one after each
/// exchange, or accept a Delete or an INITIAL-CONTACT that comes twice. No key or IV comes of that: those of the peer's
/// messages are the peer's choice, and ours are drawn at random.
/// **What is not in it**: exchanges under way, and pairs whose outbound SAs wait still. The peer repeats what it began.
#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "ipsec/ike/v1/config_check.hpp"
#include "ipsec/ike/v1/detail/snapshot_fields.hpp"
#include "ipsec/ike/v1/house.hpp"
#include "ipsec/sa/detail/snapshot_form.hpp"

namespace ipsec::ike::v1 {

/// How long until something happens; `endless` for what never does.
inline constexpr duration endless{std::numeric_limits<std::int64_t>::max()};

/// A pair of SAs as it was; times count from the moment of the snapshot.
struct kept_pair {
    child_pair pair;  ///< without its instants, its peer and its place in the configuration: `policy` names the child
    duration age, soft_left = endless, hard_left = endless, retire_left = endless;
};

/// Everything about an ISAKMP SA that stands. Move-only, since it has the keys.
struct snapshot {
    static constexpr std::uint16_t version = 1;         ///< of the form
    static constexpr std::size_t max_size = 9 + 65535;  ///< octets that `emit` and `seal` need at most
    static constexpr std::size_t max_pairs = 256;

    v1::role role = v1::role::initiator;
    ip::address local, remote;  ///< by which the peer is configured
    ike::path path;             ///< where it is
    main_mode::keyed keyed;     ///< without the payloads of phase 1
    identity peer_identity;
    v1::lifetime life{0, 0};
    std::uint64_t octets = 0, soft_octets = 0, hard_octets = 0;
    duration age, soft_left = endless, hard_left = endless, retire_left = endless;
    bool spent = false;         ///< it has served its one Quick Mode (`peer_config::identity_pfs`)
    std::optional<std::uint32_t> own_query{}, peer_query{};  ///< of dead peer detection
    std::uint32_t answered_in = 0;
    std::vector<std::uint32_t> used_ids{};  ///< in rising order
    std::vector<kept_pair> pairs{};
};

namespace detail {
inline constexpr sa::detail::snapshot_form ike_sa_form{
    {std::byte{'I'}, std::byte{'P'}, std::byte{'i'}, std::byte{'k'}}, snapshot::version, "ipsecpp IKE snapshot 1"};

[[nodiscard]] constexpr auto errc_of(sa::errc e) noexcept -> errc {
    switch (e) {
        case sa::errc::snapshot_truncated: return errc::snapshot_truncated;
        case sa::errc::snapshot_version: return errc::snapshot_version;
        case sa::errc::snapshot_key: return errc::snapshot_key;
        case sa::errc::snapshot_altered: return errc::snapshot_altered;
        case sa::errc::bad_key_size: return errc::short_secret;
        case sa::errc::no_randomness: return errc::no_randomness;
        case sa::errc::bad_snapshot: return errc::bad_snapshot;
        default: return errc::crypto_failed;
    }
}

inline void put_body(wire::writer& w, const snapshot& s) noexcept {
    const main_mode::keyed& k = s.keyed;
    w.put(s.role);
    put(w, s.local);
    put(w, s.remote);
    put(w, s.path);
    w.put_octets(k.cky.octets());
    put(w, k.agreed.suite);
    put(w, k.agreed.lifetime);
    put(w, k.agreed.offered);
    put(w, k.both);
    put(w, k.nat);
    put_text(w, crypto::find(k.prf) != nullptr ? crypto::find(k.prf)->name : std::string_view{"?"});
    for (const crypto::digest* d : {&k.keys.skeyid, &k.keys.skeyid_d, &k.keys.skeyid_a, &k.keys.skeyid_e})
        put_short(w, d->view());
    put_short(w, k.cipher.key.view());
    put_short(w, k.next.view());
    w.put(static_cast<std::uint16_t>(s.peer_identity.size()));
    s.peer_identity.emit(w);
    put(w, s.life);
    w.put(s.octets).put(s.soft_octets).put(s.hard_octets);
    for (const duration d : {s.age, s.soft_left, s.hard_left, s.retire_left}) put(w, d);
    put_flag(w, s.spent);
    put(w, s.own_query);
    put(w, s.peer_query);
    w.put(s.answered_in).put(static_cast<std::uint16_t>(s.used_ids.size()));
    for (const std::uint32_t id : s.used_ids) w.put(id);
    w.put(static_cast<std::uint16_t>(s.pairs.size()));
    for (const kept_pair& p : s.pairs) {
        put(w, p.pair);
        for (const duration d : {p.age, p.soft_left, p.hard_left, p.retire_left}) put(w, d);
    }
}
/// Whether the parts fit each other: what is not so was not written by `put_body`.
[[nodiscard]] inline auto is_possible(const snapshot& s) noexcept -> bool {
    const main_mode::keyed& k = s.keyed;
    const auto* cipher = crypto::find(k.agreed.suite.encryption);
    const auto* prf = crypto::find(k.prf);
    if (!check(k.agreed.suite) || cipher == nullptr || prf == nullptr || s.local.family() != s.remote.family()) return false;
    const auto key = crypto::key_size(k.agreed.suite.encryption, k.agreed.suite.key_bits);
    if (!key || k.cipher.key.size() != *key || k.next.size != cipher->block) return false;
    for (const crypto::digest* d : {&k.keys.skeyid, &k.keys.skeyid_d, &k.keys.skeyid_a, &k.keys.skeyid_e})
        if (d->size() != prf->size) return false;
    if (s.pairs.size() > snapshot::max_pairs) return false;
    for (const kept_pair& p : s.pairs)
        if (p.pair.inbound.size() != p.pair.outbound.size() || p.pair.inbound.empty() || p.age < duration{}) return false;
    return !k.cky.initiator.is_zero() && !k.cky.responder.is_zero() && s.age >= duration{} && s.hard_left > duration{} &&
           std::ranges::is_sorted(s.used_ids, std::less_equal<>{});
}
/// What is cut off was found by the header's length already. @return `errc::bad_snapshot`
[[nodiscard]] inline auto take_body(byte_view in) -> result<snapshot> {
    sa::detail::field_reader r{in};
    snapshot s;
    main_mode::keyed& k = s.keyed;
    s.role = r.take_enum(role::initiator, role::responder);
    s.local = sa::detail::take_address(r);
    s.remote = sa::detail::take_address(r);
    s.path = take_path(r);
    k.cky = take_cookies(r);
    k.agreed.suite = take_suite(r);
    k.agreed.lifetime = take_lifetime(r);
    k.agreed.offered = take_lifetime(r);
    k.both = take_extensions(r);
    k.nat = take_nat(r);
    k.prf = take_prf(r);
    for (crypto::digest* d : {&k.keys.skeyid, &k.keys.skeyid_d, &k.keys.skeyid_a, &k.keys.skeyid_e})
        *d = crypto::digest{take_short(r, crypto::digest::capacity)};
    const auto* cipher = crypto::find(k.agreed.suite.encryption);
    k.cipher = {k.agreed.suite.encryption, cipher != nullptr ? cipher->block : std::size_t{0},
                encryption_key{take_short(r, encryption_key::capacity)}};
    k.next = make_iv(take_short(r, iv_octets{}.size()));
    if (auto id = identity::parse_phase_1(r.take_octets(r.take<std::uint16_t>()))) s.peer_identity = *id;
    else r.claim(false);
    s.life = take_lifetime(r);
    s.octets = r.take<std::uint64_t>();
    s.soft_octets = r.take<std::uint64_t>();
    s.hard_octets = r.take<std::uint64_t>();
    for (duration* d : {&s.age, &s.soft_left, &s.hard_left, &s.retire_left}) *d = duration{r.take_signed()};
    s.spent = r.take_flag();
    s.own_query = take_number(r);
    s.peer_query = take_number(r);
    s.answered_in = r.take<std::uint32_t>();
    for (std::size_t n = r.take<std::uint16_t>(); n > 0 && r.ok(); --n) s.used_ids.push_back(r.take<std::uint32_t>());
    const std::size_t pairs = r.take<std::uint16_t>();
    r.claim(pairs <= snapshot::max_pairs);
    for (std::size_t n = pairs; n > 0 && r.ok(); --n) {
        kept_pair p{.pair = take_pair(r), .age = {}};
        for (duration* d : {&p.age, &p.soft_left, &p.hard_left, &p.retire_left}) *d = duration{r.take_signed()};
        s.pairs.push_back(std::move(p));
    }
    if (!r.ok() || r.left() != 0 || !is_possible(s)) return std::unexpected{errc::bad_snapshot};
    return s;
}
}  // namespace detail

/// As octets that anybody can read and change.
/// @param out  `snapshot::max_size` octets are always enough; the caller wipes them after use
/// @return the octets written, at the front of `out`; `errc::bad_snapshot`: no room, or values that `parse` would refuse. After
///         a fault `out` is zero
[[nodiscard]] inline auto emit(const snapshot& s, byte_span out) noexcept -> result<byte_view> {
    wire::writer w{out};
    sa::detail::put_header(w, detail::ike_sa_form, sa::detail::seal_kind::open);
    detail::put_body(w, s);
    if (!w.ok() || !detail::is_possible(s) || !sa::detail::put_length(w, w.size())) {
        wipe(out);
        return std::unexpected{errc::bad_snapshot};
    }
    return w.written();
}
/// @return `errc::snapshot_truncated`, `snapshot_version`, `bad_snapshot`; `snapshot_key` for one that is sealed
[[nodiscard]] inline auto parse(byte_view in) -> result<snapshot> {
    const auto kind = sa::detail::read_header(in, detail::ike_sa_form);
    if (!kind) return std::unexpected{detail::errc_of(kind.error())};
    if (*kind != sa::detail::seal_kind::open) return std::unexpected{errc::snapshot_key};
    return detail::take_body(in.subspan(sa::detail::snapshot_header_size));
}

/// Under a key: nobody reads the keys of the SA, and whoever changes an octet is found out.
/// @param key  a secret of at least 16 octets from a random source: no password
/// @return the octets written, at the front of `out`, which hold nothing in clear whatever the outcome; `errc::short_secret`,
///         `no_randomness`, `bad_snapshot` as `emit`, `crypto_failed`
template <class Provider, rng R>
    requires crypto::prf_provider<Provider> && crypto::aead_provider<Provider>
[[nodiscard]] auto seal(Provider& provider, byte_view key, R& random, const snapshot& s, byte_span out) noexcept
    -> result<byte_view> {
    const auto done = sa::detail::seal_form(provider, detail::ike_sa_form, key, random, out,
                                            [&](wire::writer& w) -> sa::result<void> {
                                                detail::put_body(w, s);
                                                if (!w.ok() || !detail::is_possible(s))
                                                    return std::unexpected{sa::errc::bad_snapshot};
                                                return {};
                                            });
    if (!done) return std::unexpected{detail::errc_of(done.error())};
    return *done;
}
/// @return `errc::snapshot_truncated`, `snapshot_version`, `bad_snapshot`; `snapshot_key` for another key, or one that is not
///         sealed; `snapshot_altered`; `crypto_failed`
template <class Provider>
    requires crypto::prf_provider<Provider> && crypto::aead_provider<Provider>
[[nodiscard]] auto open(Provider& provider, byte_view key, byte_view in) -> result<snapshot> {
    octets text(in.size());
    const auto body = sa::detail::open_form(provider, detail::ike_sa_form, key, in, text);
    auto s = body ? detail::take_body(*body) : result<snapshot>{std::unexpected{detail::errc_of(body.error())}};
    wipe(text);
    return s;
}

}  // namespace ipsec::ike::v1
