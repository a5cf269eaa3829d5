// The steps of a snapshot in every order, and a crash between any two of them.
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "ipsec/sa/snapshot.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "sa/suites.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using sa::sequence64;
using out_sa = sa::outbound<test::settable_suite>;
using in_sa = sa::inbound<test::settable_suite>;

namespace {

constexpr instant start{5'000'000'000};
const std::array<std::byte, 4> keymat{};

auto parameters() -> sa::parameters {
    sa::parameters p;
    p.id = {.spi = sa::spi{0x1000}, .destination = ip::address::v4(192, 0, 2, 2), .protocol = sa::protocol::esp};
    p.source = ip::address::v4(192, 0, 2, 1);
    p.exportable = true;
    return p;
}
template <class Sa> auto make(const sa::parameters& p = parameters()) -> Sa {
    testing::seeded_rng random;
    return *Sa::make(p, {}, keymat, random, start);
}
template <class Sa> auto again(const sa::snapshot& s) -> sa::result<Sa> {
    testing::seeded_rng random;
    return sa::restore<Sa>(s, {}, random, start);
}
/// One packet: with the next number, or with one near the top of the window, seen before or not.
auto one_packet(out_sa& from, std::mt19937&) -> sa::result<sequence64> { return from.next_sequence(); }
auto offer(in_sa& to, std::uint32_t number) -> sa::result<sequence64> {
    auto admission = to.check(sa::sequence32{number});
    if (!admission) return std::unexpected{admission.error()};
    if (const auto ok = to.commit(std::move(*admission)); !ok) return std::unexpected{ok.error()};
    return sequence64{number};
}
auto one_packet(in_sa& to, std::mt19937& draw) -> sa::result<sequence64> {
    const auto top = static_cast<std::uint32_t>(to.window().top().value());
    const auto back = static_cast<std::uint32_t>(draw() % 12);
    return offer(to, top + 4 > back ? top + 4 - back : 1);
}

struct outcome {
    std::size_t used = 0, twice = 0, held_back = 0, crashes = 0;
};
/// One SA through many steps. Snapshots are stored in the order in which they were taken; a crash restores what was stored last.
template <class Sa> auto walk(std::mt19937& draw) -> outcome {
    outcome o;
    std::set<std::uint64_t> used;
    std::vector<sa::snapshot> waiting;
    std::optional<sa::snapshot> stored;
    auto living = make<Sa>();
    for (int step = 0; step < 80; ++step) {
        switch (draw() % 8) {
            case 0: waiting.push_back(*sa::take(living, draw() % 6, start)); break;
            case 1:
            case 2:
                if (waiting.empty()) break;
                stored = std::move(waiting.front());
                waiting.erase(waiting.begin());
                break;
            case 3:
                if (stored) (void)sa::confirm(living, *stored);
                break;
            case 4:
                if (!stored || draw() % 3 != 0) break;
                living = std::move(*again<Sa>(*stored));
                waiting.clear();
                ++o.crashes;
                break;
            default:
                const auto n = one_packet(living, draw);
                if (n) o.twice += used.insert(n->value()).second ? 0U : 1U;
                else o.held_back += n.error() == sa::errc::reserve_used ? 1U : 0U;
        }
    }
    o.used = used.size();
    return o;
}

}  // namespace

// req: rfc4303-3.3.3-4, rfc4303-3.3.3-1, rfc4303-3.4.3-5
TEMPLATE_TEST_CASE("no number comes twice in any order of take, store, confirm and crash", "[sa][snapshot][rfc4303-3.3.3]",
                   out_sa, in_sa) {
    std::mt19937 draw{4303};
    outcome all;
    for (int i = 0; i < 1000; ++i) {
        const auto o = walk<TestType>(draw);
        all.used += o.used;
        all.twice += o.twice;
        all.held_back += o.held_back;
        all.crashes += o.crashes;
    }
    CHECK(all.twice == 0);
    CHECK(all.used > 3000);  // and it is not by silence
    CHECK(all.held_back > 1000);
    CHECK(all.crashes > 1000);
}

TEST_CASE("a snapshot that was not stored before a crash has set nothing apart", "[sa][snapshot]") {
    auto first = make<out_sa>();
    const auto s1 = sa::take(first, 1000, start);
    REQUIRE(sa::confirm(first, *s1));
    for (int i = 0; i < 990; ++i) REQUIRE(first.next_sequence());
    REQUIRE(sa::take(first, 1000, start)->number == sequence64{1990});  // and is not stored
    for (int i = 0; i < 10; ++i) CHECK(first.next_sequence());
    CHECK(first.next_sequence() == std::unexpected{sa::errc::reserve_used});  // or it would send 1001, as the restored one will
    auto second = again<out_sa>(*s1);
    REQUIRE(second);
    const auto s2 = sa::take(*second, 5, start);
    REQUIRE(sa::confirm(*second, *s2));
    CHECK(second->next_sequence() == sequence64{1001});
}

TEST_CASE("only the snapshot of this SA that was taken last is confirmed", "[sa][snapshot]") {
    auto out = make<out_sa>();
    const auto s1 = sa::take(out, 10, start), s2 = sa::take(out, 5, start);
    CHECK(sa::confirm(out, *s1).error() == sa::errc::bad_snapshot);
    auto in = make<in_sa>();
    CHECK(sa::confirm(in, *s2).error() == sa::errc::bad_snapshot);
    auto p = parameters();
    p.id.spi = sa::spi{0x1001};
    auto other = make<out_sa>(p);
    REQUIRE(sa::take(other, 10, start));
    REQUIRE(sa::take(other, 5, start)->turn == s2->turn);
    CHECK(sa::confirm(other, *s2).error() == sa::errc::bad_snapshot);
    const auto s3 = sa::take(out, 10, start);
    CHECK(s3->number == s1->number);
    CHECK(sa::confirm(out, *s1).error() == sa::errc::bad_snapshot);  // s2 may be stored yet
    CHECK(sa::confirm(out, *s2).error() == sa::errc::bad_snapshot);
    const auto s4 = sa::take(out, 5, start);
    CHECK(sa::confirm(out, *s4));
    for (int i = 0; i < 5; ++i) CHECK(out.next_sequence());
    CHECK(out.next_sequence() == std::unexpected{sa::errc::reserve_used});
}

TEST_CASE("a reserve of nothing silences an SA at once", "[sa][snapshot]") {
    auto out = make<out_sa>();
    REQUIRE(out.next_sequence());
    REQUIRE(sa::take(out, 0, start));
    CHECK(out.next_sequence() == std::unexpected{sa::errc::reserve_used});
}

// req: rfc4303-3.4.3-5
TEST_CASE("a receiver takes nothing behind what its snapshot covers", "[sa][snapshot][rfc4303-3.4.3-5]") {
    auto in = make<in_sa>();
    REQUIRE(offer(in, 5000));  // no snapshot was taken: nothing is held back
    const auto s1 = sa::take(in, 100, start);
    REQUIRE(sa::confirm(in, *s1));
    CHECK(offer(in, 5100));
    CHECK(offer(in, 5101).error() == sa::errc::reserve_used);
    CHECK(in.window().top() == sequence64{5100});
    const auto s2 = sa::take(in, 100, start);
    CHECK(offer(in, 5101).error() == sa::errc::reserve_used);  // it is not stored yet
    REQUIRE(sa::confirm(in, *s2));
    CHECK(offer(in, 5101));

    auto after = again<in_sa>(*s2);
    REQUIRE(after);
    CHECK(offer(*after, 5101).error() == sa::errc::left_of_window);
    CHECK(offer(*after, 5200).error() == sa::errc::replayed);
    CHECK(offer(*after, 5201).error() == sa::errc::reserve_used);  // or a second restore would take it again
    REQUIRE(sa::confirm(*after, *sa::take(*after, 10, start)));
    CHECK(offer(*after, 5201));
}

TEST_CASE("what an SA may send after its snapshot counts as sent", "[sa][snapshot][lifetime]") {
    auto p = parameters();
    p.lifetimes.soft = {.kilobytes = 90, .packets = 90};
    p.lifetimes.hard = {.kilobytes = 100, .packets = 100};
    auto out = make<out_sa>(p);
    for (int i = 0; i < 10; ++i) {
        REQUIRE(out.next_sequence());
        REQUIRE(out.charge(1024, start));
    }
    const auto s = sa::take(out, 40, start, 1024);
    REQUIRE(s);
    CHECK(s->used.packets == 50);
    CHECK(s->used.octets == 50 * 1024);
    CHECK(sa::take(out, 40, start)->used.octets == 10 * 1024 + 40 * 65535);
    CHECK(out.lifetime().packets() == 10);  // of the living one nothing is taken away

    // However often it crashes: no more packets in all than the hard limit.
    std::size_t sent = 10;
    auto stored = std::move(*sa::take(out, 40, start, 1024));
    for (int crash = 0; crash < 4; ++crash) {
        auto living = again<out_sa>(stored);
        REQUIRE(living);
        auto next = sa::take(*living, 20, start, 1024);
        REQUIRE(sa::confirm(*living, *next));
        stored = std::move(*next);
        for (int i = 0; i < 15 && living->next_sequence(); ++i) sent += living->charge(1024, start) ? 1U : 0U;
    }
    CHECK(sent <= 100);
    CHECK(again<out_sa>(stored)->lifetime().is_expired());

    auto unlimited = make<out_sa>();
    const auto most = sa::take(unlimited, 0xfffffffe, start, 0xffffffff);
    REQUIRE(most);
    CHECK(most->used.octets == ~std::uint64_t{0} / 2);  // not past what can be counted
    CHECK_FALSE(again<out_sa>(*most)->lifetime().is_expired());
}
