#include "ipsec/sa/install.hpp"

#include "ipsec/sa/snapshot.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "sa/suites.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using sa::errc;

namespace {

using database = sa::sadb<test::settable_suite, test::settable_mac>;
constexpr instant start{};
const auto make_suite = [](const crypto::transform& t) -> crypto::result<test::settable_suite> {
    if (t.encryption == crypto::encryption_id::des_cbc) return std::unexpected{crypto::errc::unknown_algorithm};
    return test::settable_suite{.has_integrity = t.integrity != crypto::integrity_id::none};
};
const auto make_mac = [](crypto::integrity_id id) -> crypto::result<test::settable_mac> {
    if (id == crypto::integrity_id::none) return std::unexpected{crypto::errc::no_integrity};
    return test::settable_mac{};
};
template <class Event> auto event(std::uint32_t spi, sa::protocol protocol = sa::protocol::esp) -> Event {
    Event e;
    e.id = {.spi = sa::spi{spi}, .destination = ip::address::v4(192, 0, 2, 2), .protocol = protocol};
    e.source = ip::address::v4(192, 0, 2, 1);
    e.policy = sa::policy_id{7};
    e.transform = {
        .encryption = crypto::encryption_id::aes_cbc, .key_bits = 128, .integrity = crypto::integrity_id::hmac_sha1_96};
    e.keymat = secret<256>{std::array<std::byte, 4>{}};
    return e;
}

}  // namespace

// req: rfc4301-4.5-1
TEST_CASE("IKE's events become SAs and go again", "[sa][install]") {
    database d;
    testing::seeded_rng r;
    const auto spi =
        sa::apply(d, sa::reserve_spi{.protocol = sa::protocol::esp, .destination = ip::address::v4(192, 0, 2, 2)}, r);
    REQUIRE(spi);
    CHECK(sa::apply(d, event<sa::install_inbound>(spi->value()), make_suite, make_mac, r, start));
    CHECK(sa::apply(d, event<sa::install_outbound>(0x2000), make_suite, make_mac, r, start));
    CHECK(sa::apply(d, event<sa::install_inbound>(0x3000, sa::protocol::ah), make_suite, make_mac, r, start));
    CHECK(sa::apply(d, event<sa::install_outbound>(0x4000, sa::protocol::ah), make_suite, make_mac, r, start, {.window = 128}));
    CHECK(d.inbound_size() == 2);
    CHECK(d.outbound_size() == 2);
    CHECK(sa::apply(d, sa::remove{event<sa::install>(0x2000).id}));
    CHECK(sa::apply(d, sa::remove{event<sa::install>(spi->value()).id}));
    CHECK(sa::apply(d, sa::remove{event<sa::install>(0x2000).id}) == std::unexpected{errc::unknown});
    CHECK(d.inbound_size() == 1);
    CHECK(d.outbound_size() == 1);
    const auto kept =
        sa::apply(d, sa::reserve_spi{.protocol = sa::protocol::esp, .destination = ip::address::v4(192, 0, 2, 2)}, r);
    REQUIRE(kept);
    CHECK(sa::apply(d, sa::remove{event<sa::install>(kept->value()).id}));  // a reserved SPI that came to nothing
    CHECK_FALSE(sa::apply(d, sa::remove{event<sa::install>(kept->value()).id}));
}

TEST_CASE("an install that cannot be is answered with the reason", "[sa][install]") {
    database d;
    testing::seeded_rng r;
    auto e = event<sa::install_inbound>(0x1000);
    e.transform.encryption = crypto::encryption_id::des_cbc;
    CHECK(sa::apply(d, e, make_suite, make_mac, r, start) == std::unexpected{errc::unknown_algorithm});
    e = event<sa::install_inbound>(0x1000);
    e.keymat.truncate(3);
    CHECK(sa::apply(d, e, make_suite, make_mac, r, start) == std::unexpected{errc::bad_key_size});
    e = event<sa::install_inbound>(0x1000);
    CHECK(sa::apply(d, e, make_suite, make_mac, r, start, {.window = 33}) == std::unexpected{errc::bad_window});
    CHECK(sa::apply(d, e, make_suite, make_mac, r, start));
    CHECK(sa::apply(d, e, make_suite, make_mac, r, start) == std::unexpected{errc::duplicate});
    auto a = event<sa::install_outbound>(0x1000, sa::protocol::ah);
    a.transform.integrity = crypto::integrity_id::none;
    CHECK(sa::apply(d, a, make_suite, make_mac, r, start) == std::unexpected{errc::unknown_algorithm});
}

// req: rfc2406-3.4.3-2
TEST_CASE("an agreed suite without integrity comes without anti-replay", "[sa][install][rfc2406-3.4.3-2]") {
    database d;
    testing::seeded_rng r;
    auto e = event<sa::install_inbound>(0x1000);
    e.transform.integrity = crypto::integrity_id::none;
    const auto h = sa::apply(d, e, make_suite, make_mac, r, start);
    REQUIRE(h);
    CHECK_FALSE(d.get(*h)->parameters().anti_replay);
}

TEST_CASE("an SA of IKE's can be written down where the user says so, with its algorithms", "[sa][install][snapshot]") {
    database d;
    testing::seeded_rng r;
    const bool exportable = GENERATE(false, true);
    const auto e = event<sa::install_inbound>(0x1000);
    const auto h =
        sa::apply(d, e, make_suite, make_mac, r, start, {.exportable = exportable, .resync = {.after = 9, .ahead = 2}});
    REQUIRE(h);
    auto& made = *d.get(*h)->esp();
    CHECK(made.parameters().transform == e.transform);
    CHECK(made.parameters().resync.after == 9);
    const auto s = sa::take(made, 1, start);
    CHECK(s.has_value() == exportable);
    if (s) CHECK(s->keymat == e.keymat);
}
