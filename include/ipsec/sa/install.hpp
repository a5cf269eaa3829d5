#pragma once
/// Carries out what IKE asks of the packet side: events of `events.hpp` become SAs in a database.
#include "ipsec/sa/events.hpp"
#include "ipsec/sa/sadb.hpp"

namespace ipsec::sa {

/// What an install does not say and the user decides: for SAs that IKE makes.
struct local_choices {
    std::uint32_t window = 64;      ///< width of the anti-replay window of inbound SAs
    ip::tunnel_options tunnel{};    ///< how outer headers are made
    std::uint8_t icv_alignment = 0; ///< as in `parameters`
    bool exportable = false;        ///< the SAs can be written down as snapshots, with their keys
    resync_policy resync{};         ///< as in `parameters`
};

namespace detail {

template <class Sa, class Database, class Suite, rng R>
[[nodiscard]] auto make_and_insert(Database& database, const install& e, crypto::result<Suite> suite, R& random, instant now,
                                   const local_choices& local) noexcept {
    using answer = decltype(database.insert(std::declval<Sa&&>()));
    if (!suite) return answer{std::unexpected{from(suite.error())}};
    parameters p = parameters_of(e);
    p.window = local.window;
    p.tunnel = local.tunnel;
    p.icv_alignment = local.icv_alignment;
    p.exportable = local.exportable;
    p.resync = local.resync;
    // A suite that does not authenticate has no anti-replay to offer; IKE agreed on it as a whole.    RFC 2406 §3.4.3
    p.anti_replay = p.anti_replay && authenticates(*suite);
    auto made = Sa::make(std::move(p), std::move(*suite), e.keymat.view(), random, now);
    if (!made) return answer{std::unexpected{made.error()}};
    return database.insert(std::move(*made));
}

}  // namespace detail

/// Makes the SA that the event describes and puts it into the database.
///
/// @param make_suite  `crypto::transform -> crypto::result<EspSuite>`
/// @param make_mac    `crypto::integrity_id -> crypto::result<AhMac>`
/// @return the handle; a fault of the makers; as `inbound::make` and `sadb::insert`
template <class Database, class MakeSuite, class MakeMac, rng R>
[[nodiscard]] auto apply(Database& database, const install_inbound& e, MakeSuite&& make_suite, MakeMac&& make_mac, R& random,
                         instant now, const local_choices& local = {}) noexcept -> result<inbound_handle> {
    if (e.id.protocol == protocol::esp)
        return detail::make_and_insert<typename Database::esp_inbound>(database, e, make_suite(e.transform), random, now, local);
    return detail::make_and_insert<typename Database::ah_inbound>(database, e, make_mac(e.transform.integrity), random, now,
                                                                  local);
}
template <class Database, class MakeSuite, class MakeMac, rng R>
[[nodiscard]] auto apply(Database& database, const install_outbound& e, MakeSuite&& make_suite, MakeMac&& make_mac, R& random,
                         instant now, const local_choices& local = {}) noexcept -> result<outbound_handle> {
    if (e.id.protocol == protocol::esp)
        return detail::make_and_insert<typename Database::esp_outbound>(database, e, make_suite(e.transform), random, now, local);
    return detail::make_and_insert<typename Database::ah_outbound>(database, e, make_mac(e.transform.integrity), random, now,
                                                                   local);
}
/// @return as `sadb::reserve_spi`
template <class Database, rng R>
[[nodiscard]] auto apply(Database& database, const reserve_spi& e, R& random) noexcept -> result<spi> {
    return database.reserve_spi(e.protocol, e.destination, random);
}
/// @return `errc::unknown` when there is no outbound SA of that identity
template <class Database>
auto apply(Database& database, const update_path& e) noexcept -> result<void> {
    auto* const found = database.get(database.handle_of_outbound(e.id));
    if (found == nullptr) return std::unexpected{errc::unknown};
    if (auto* const esp = found->esp()) esp->set_encapsulation(e.encapsulation);
    return {};
}
/// Takes the SA of that identity out, inbound and outbound, or gives up a reserved SPI. @return `errc::unknown` when there is
///        none
template <class Database>
auto apply(Database& database, const remove& e) noexcept -> result<void> {
    const bool in = database.erase(database.handle_of_inbound(e.id));
    const bool out = database.erase(database.handle_of_outbound(e.id));
    if (in || out || database.release_spi(e.id)) return {};
    return std::unexpected{errc::unknown};
}

}  // namespace ipsec::sa
