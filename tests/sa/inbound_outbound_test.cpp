#include <array>
#include <utility>

#include "ipsec/sa/inbound.hpp"
#include "ipsec/sa/outbound.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "sa/suites.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using sa::sequence32;
using sa::sequence64;
using test::settable_suite;

namespace {

constexpr instant start{};
constexpr std::uint64_t two32 = std::uint64_t{1} << 32;
const std::array<std::byte, 4> four_octets{};

auto negotiated() -> sa::parameters {
    sa::parameters p;
    p.id = {.spi = sa::spi{0x1000}, .destination = ip::address::v4(192, 0, 2, 2), .protocol = sa::protocol::esp};
    p.source = ip::address::v4(192, 0, 2, 1);
    return p;
}
auto out(sa::parameters p, settable_suite s = {}) {
    testing::seeded_rng r;
    return sa::outbound<settable_suite>::make(std::move(p), s, four_octets, r, start);
}
template <sa::window W = sa::dynamic_window> auto in(sa::parameters p, settable_suite s = {}) {
    testing::seeded_rng r;
    return sa::inbound<settable_suite, W>::make(std::move(p), s, four_octets, r, start);
}
template <class Sa> auto take(Sa& s, std::uint32_t low) -> std::optional<sa::errc> {
    auto a = s.check(sequence32{low});
    if (!a) return a.error();
    const auto c = s.commit(std::move(*a));
    return c ? std::nullopt : std::optional{c.error()};
}

}  // namespace

TEST_CASE("an SA that may not be is refused with the reason", "[sa][outbound][inbound][pitfall-33]") {
    struct row {
        const char* what;
        void (*spoil)(sa::parameters&);
        settable_suite suite;
        sa::errc fault;
    };
    const auto r = GENERATE(values<row>({
        // req: rfc2406-2.1-1, rfc2402-2.4-1, rfc4302-2.4-6, rfc4303-2.1-6
        {"SPI 0", [](sa::parameters& p) { p.id.spi = sa::spi{0}; }, {}, sa::errc::reserved_spi},
        {"SPI 255", [](sa::parameters& p) { p.id.spi = sa::spi{255}; }, {}, sa::errc::reserved_spi},
        // req: rfc2406-3.4.3-2, rfc4303-3.4.3-2
        {"anti-replay without integrity",
         [](sa::parameters&) {},
         {.has_integrity = false},
         sa::errc::anti_replay_without_integrity},
        // req: rfc4106-2-2
        {"counter mode by hand", [](sa::parameters& p) { p.manual = true; }, {.counts = true}, sa::errc::static_counter_keys},
        {"an AH identity for ESP", [](sa::parameters& p) { p.id.protocol = sa::protocol::ah; }, {}, sa::errc::protocol_mismatch},
        // req: rfc4303-2.2.1-2, rfc4302-2.5.1-2
        {"extended numbers by hand",
         [](sa::parameters& p) { p.manual = p.extended_sequence = true; },
         {},
         sa::errc::extended_with_manual_keys},
        {"no place in the bundle", [](sa::parameters& p) { p.bundle = {.position = 1, .size = 1}; }, {}, sa::errc::bad_bundle},
        {"a bundle of none", [](sa::parameters& p) { p.bundle.size = 0; }, {}, sa::errc::bad_bundle},
    }));
    CAPTURE(r.what);
    auto p = negotiated();
    r.spoil(p);
    CHECK(out(p, r.suite).error() == r.fault);
    CHECK(in(p, r.suite).error() == r.fault);
}

TEST_CASE("faults of one direction", "[sa][outbound][inbound]") {
    auto p = negotiated();
    p.source = ip::address::lowest(ip::family::v6);
    CHECK(out(p).error() == sa::errc::family_mismatch);
    p = negotiated();
    for (const std::uint32_t w : {0U, 31U, 48U, 8192U}) {
        p.window = w;
        CHECK(in(p).error() == sa::errc::bad_window);
        CHECK(out(p));  // the sender has no window
    }
}

TEST_CASE("keys and randomness that are not there are named", "[sa][outbound][inbound]") {
    testing::seeded_rng r;
    const std::array<std::byte, 5> five{};
    CHECK(sa::outbound<settable_suite>::make(negotiated(), {}, five, r, start).error() == sa::errc::bad_key_size);
    CHECK(sa::inbound<settable_suite>::make(negotiated(), {}, five, r, start).error() == sa::errc::bad_key_size);
    struct {
        auto fill(byte_span) noexcept -> bool { return false; }
    } dry;
    CHECK(sa::outbound<settable_suite>::make(negotiated(), {}, four_octets, dry, start).error() == sa::errc::no_randomness);
}

// req: rfc4106-2-2
TEST_CASE("a counter mode with keys given by hand has to be asked for by name", "[sa][outbound][rfc4106-2-2]") {
    auto p = sa::manual(negotiated().id, sa::mode::tunnel, negotiated().source);
    CHECK(out(p, {.counts = true}).error() == sa::errc::static_counter_keys);
    p.allow_static_counter_keys = true;
    CHECK(out(p, {.counts = true}));
    CHECK(in(p, {.counts = true}));
}

// req: rfc2406-5-2, rfc4303-3.3.3-3
// req: rfc2402-3.4.3-1, rfc2406-3.4.3-1, rfc4302-3.4.3-1, rfc4303-3.4.3-1, rfc2401-4.4.3-8
TEST_CASE("manual SAs have no anti-replay unless it is asked for", "[sa][inbound][rfc2406-5-2]") {
    auto p = sa::manual(negotiated().id, sa::mode::tunnel, negotiated().source);
    CHECK_FALSE(p.anti_replay);
    auto s = in(p);
    REQUIRE(s);
    CHECK_FALSE(take(*s, 5));
    CHECK_FALSE(take(*s, 5));
    CHECK_FALSE(take(*s, 0));
    p.anti_replay = true;
    auto strict = in(p);
    REQUIRE(strict);
    CHECK_FALSE(take(*strict, 5));
    CHECK(take(*strict, 5) == sa::errc::replayed);
}

// req: rfc2406-3.3.3-1
// req: rfc2402-2.5-2, rfc2406-2.2-2, rfc4302-2.5-5, rfc4303-2.2-5, rfc4302-3.3.2-1, rfc2401-4.4.3-7, rfc4301-4.4.2.1-4
TEST_CASE("an outbound SA stops at the end of its numbers unless nobody looks at them", "[sa][outbound][rfc2406-3.3.3-1]") {
    struct row {
        const char* what;
        bool anti_replay, counter_mode, stops;
    };
    const auto r = GENERATE(values<row>({{"anti-replay", true, false, true},
                                         {"anti-replay and counter mode", true, true, true},
                                         {"counter mode alone", false, true, true},
                                         {"neither", false, false, false}}));
    CAPTURE(r.what);
    auto p = negotiated();
    p.anti_replay = r.anti_replay;
    auto s = out(p, {.counts = r.counter_mode});
    REQUIRE(s);
    CHECK(s->next_sequence()->value() == 1);
    CHECK_FALSE(s->lifetime().has_news());
    // A new SA has to be there before the numbers are used up: time for that is left.          RFC 2406 §3.3.3
    s->resume_at(sequence64{two32 - two32 / 32});
    CHECK(s->next_sequence());
    CHECK((s->lifetime().take_expiry() == sa::expiry::soft) == r.stops);
    s->resume_at(sequence64{two32 - 2});
    CHECK(s->next_sequence()->value() == two32 - 1);
    CHECK_FALSE(s->lifetime().has_news());
    const auto over = s->next_sequence();
    CHECK(over.has_value() != r.stops);
    if (r.stops) {
        CHECK(over.error() == sa::errc::sequence_exhausted);
        CHECK(s->lifetime().take_expiry() == sa::expiry::hard);
        CHECK_FALSE(s->charge(1, start));
    } else {
        CHECK(over->value() == 0);
    }
}

// req: rfc4301-4.4.2.1-3
TEST_CASE("extended numbers go past 2^32 on both sides in step", "[sa][outbound][inbound]") {
    auto p = negotiated();
    p.extended_sequence = true;
    auto sender = out(p);
    auto receiver = in(p);
    REQUIRE((sender && receiver));
    sender->resume_at(sequence64{7 * two32 - 3});
    receiver->resume_at(sequence64{7 * two32 - 3});
    std::vector<sequence64> sent;
    for (int i = 0; i < 6; ++i) sent.push_back(*sender->next_sequence());
    std::swap(sent[1], sent[4]);  // late over the border
    for (const auto s : sent) {
        auto a = receiver->check(sa::low_half(s));
        REQUIRE(a);
        CHECK(a->sequence() == s);
        CHECK(receiver->commit(std::move(*a)));
    }
    for (const auto s : sent) CHECK(receiver->check(sa::low_half(s)).error() == sa::errc::replayed);
    CHECK(receiver->window().top() == sequence64{7 * two32 + 3});
}

TEST_CASE("a number before the first one of an extended SA is refused", "[sa][inbound]") {
    auto p = negotiated();
    p.extended_sequence = true;
    auto s = in(p);
    REQUIRE(s);
    CHECK_FALSE(take(*s, 3));
    CHECK(s->check(sequence32{0xffffffff}).error() == sa::errc::before_first_subspace);
    CHECK(s->check(sequence32{0}).error() == sa::errc::zero_sequence);
    CHECK(s->window().top() == sequence64{3});
}

TEST_CASE("extended numbers without anti-replay still follow the sender", "[sa][inbound]") {
    auto p = negotiated();
    p.extended_sequence = true;
    p.anti_replay = false;
    auto s = in(p, {.has_integrity = false});
    REQUIRE(s);
    s->resume_at(sequence64{two32 - 1});
    auto a = s->check(sequence32{2});
    REQUIRE(a);
    CHECK(a->sequence() == sequence64{two32 + 2});
    CHECK(s->commit(std::move(*a)));
    CHECK_FALSE(take(*s, 2));  // again: nobody minds
    CHECK(s->check(sequence32{3})->sequence() == sequence64{two32 + 3});
}

// req: rfc2406-3.4.3-12
TEST_CASE("checking alone moves no window", "[sa][inbound][rfc2406-3.4.3-12]") {
    auto s = in(negotiated());
    REQUIRE(s);
    for (std::uint32_t n = 1; n < 500; ++n) CHECK(s->check(sequence32{n}));
    CHECK(s->window().top() == sequence64{0});
}

TEST_CASE("an SA's admission is used once", "[sa][inbound]") {
    auto s = in(negotiated());
    REQUIRE(s);
    auto a = s->check(sequence32{9});
    auto b = s->check(sequence32{9});
    REQUIRE((a && b));
    CHECK(s->commit(std::move(*a)));
    CHECK(s->commit(std::move(*b)) == std::unexpected{sa::errc::replayed});
    CHECK_FALSE(s->commit(std::move(*a)));  // NOLINT: used up
    CHECK(s->window().top() == sequence64{9});
}

// req: rfc2406-3.4.3-2
TEST_CASE("anti-replay without integrity does not even compile where types say so", "[sa][inbound][rfc2406-3.4.3-2]") {
    static_assert(sa::never_authenticates<test::bare_suite>);
    static_assert(!sa::never_authenticates<settable_suite>);
    static_assert(requires { typename sa::inbound<test::bare_suite, sa::no_window>; });
    static_assert(requires { typename sa::inbound<settable_suite, sa::replay_window<64>>; });
    CHECK_FALSE([]<class S>(S) { return requires { typename sa::inbound<S, sa::replay_window<64>>; }; }(test::bare_suite{}));
    CHECK(in<sa::no_window>(negotiated()).error() == sa::errc::bad_window);
    auto p = negotiated();
    p.anti_replay = false;
    CHECK(in<sa::no_window>(p));
    p = negotiated();
    CHECK(in<sa::replay_window<64>>(p));
    p.window = 96;
    CHECK(in<sa::replay_window<64>>(p).error() == sa::errc::bad_window);
}

TEST_CASE("AH SAs are made of a MAC", "[sa][outbound][inbound]") {
    testing::seeded_rng r;
    auto p = negotiated();
    p.id.protocol = sa::protocol::ah;
    auto o = sa::outbound<test::settable_mac>::make(p, {}, four_octets, r, start);
    auto i = sa::inbound<test::settable_mac>::make(p, {}, four_octets, r, start);
    REQUIRE((o && i));
    CHECK(o->next_sequence()->value() == 1);
    CHECK_FALSE(take(*i, 1));
    CHECK(take(*i, 1) == sa::errc::replayed);
    p.id.protocol = sa::protocol::esp;
    CHECK(sa::outbound<test::settable_mac>::make(p, {}, four_octets, r, start).error() == sa::errc::protocol_mismatch);
}

TEST_CASE("AH without a MAC is refused, whether the numbers count or not", "[sa][outbound][inbound]") {
    testing::seeded_rng r;
    auto p = negotiated();
    p.id.protocol = sa::protocol::ah;
    p.anti_replay = GENERATE(true, false);
    const test::settable_mac nothing{.icv = 0};
    CHECK(sa::outbound<test::settable_mac>::make(p, nothing, four_octets, r, start).error() == sa::errc::unknown_algorithm);
    CHECK(sa::inbound<test::settable_mac>::make(p, nothing, four_octets, r, start).error() == sa::errc::unknown_algorithm);
    // An IV alone vouches for nothing.
    const test::settable_mac_with_iv only_iv{{.icv = 8}, 8}, more{{.icv = 9}, 8};
    CHECK(sa::inbound<test::settable_mac_with_iv>::make(p, only_iv, four_octets, r, start).error() ==
          sa::errc::unknown_algorithm);
    CHECK(sa::inbound<test::settable_mac_with_iv>::make(p, more, four_octets, r, start));
}

TEST_CASE("a MAC with an IV is a counter mode, although it does not say so", "[sa][outbound]") {
    testing::seeded_rng r;
    auto p = sa::manual(negotiated().id, sa::mode::tunnel, negotiated().source);
    p.id.protocol = sa::protocol::ah;
    using out_sa = sa::outbound<test::settable_mac_with_iv>;
    CHECK(out_sa::make(p, {}, four_octets, r, start).error() == sa::errc::static_counter_keys);
    CHECK(out_sa::make(p, {{}, 0}, four_octets, r, start));  // one that was agreed without
    p.allow_static_counter_keys = true;
    auto o = out_sa::make(p, {}, four_octets, r, start);
    REQUIRE(o);
    o->resume_at(sa::sequence64{0xfffffffe});
    CHECK(o->next_sequence());
    const auto wrapped = o->next_sequence();
    REQUIRE_FALSE(wrapped);
    CHECK(wrapped.error() == sa::errc::sequence_exhausted);  // nobody looks at the numbers, but the IV must not repeat
}

namespace {

/// States how many packets one key may protect.
struct limited_suite : test::settable_suite {
    std::uint64_t most = 8;
    [[nodiscard]] auto limits() const noexcept -> crypto::key_limits { return {.packets = most}; }
};

}  // namespace

TEST_CASE("both ends of an SA stop at the limit of the key, although no lifetime was given",
          "[sa][outbound][inbound][lifetime]") {
    testing::seeded_rng random{1};
    sa::parameters p;
    p.id = {.spi = sa::spi{0x1000}, .destination = *ip::parse_address("192.0.2.2"), .protocol = sa::protocol::esp};
    p.source = *ip::parse_address("192.0.2.1");
    const std::vector<std::byte> keymat(4);
    const auto run = [](auto made) {
        REQUIRE(made);
        for (int i = 0; i < 8; ++i) {
            CHECK(made->lifetime().take_expiry() == (i == 7 ? sa::expiry::soft : sa::expiry::none));
            CHECK(made->charge(100, instant{}));
        }
        CHECK_FALSE(made->charge(100, instant{}));
        CHECK(made->lifetime().take_expiry() == sa::expiry::hard);
        CHECK(made->parameters().lifetimes == sa::lifetimes{});  // what the user asked for stands as he said it
    };
    run(sa::outbound<limited_suite>::make(p, limited_suite{}, keymat, random, instant{}));
    run(sa::inbound<limited_suite>::make(p, limited_suite{}, keymat, random, instant{}));
}

TEST_CASE("sizes that fit no field of an SA stay too large, and are not taken for small ones", "[sa]") {
    test::settable_mac mac;
    mac.icv = 65536 + 12;
    CHECK(sa::sizes_of(mac).icv == 65535);
    test::settable_mac_with_iv with_iv;
    with_iv.iv = 65536 + 8;
    CHECK(sa::sizes_of(with_iv).iv == 65535);
}
