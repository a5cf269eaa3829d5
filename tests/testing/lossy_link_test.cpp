#include "ipsec/testing/lossy_link.hpp"

#include <array>
#include <sstream>
#include <string>

#include "support/catch.hpp"

using namespace ipsec;
using namespace ipsec::testing;

namespace {

/// Sends octets 0, 1, 2, ... from the left, a millisecond apart, and says in which order they arrive: "0 2 1".
auto order_of_arrival(lossy_link<>& l, int count, duration gap = milliseconds(10)) -> std::string {
    testing::clock c;
    std::string out;
    const auto drain = [&] {
        while (auto m = l.receive(side::right, c.now()))
            out += (out.empty() ? "" : " ") + std::to_string(std::to_integer<int>(m->octets.at(0)));
    };
    for (int i = 0; i < count; ++i) {
        const std::array octet{static_cast<std::byte>(i)};
        l.send(side::left, octet, c.now());
        c.advance(gap);
        drain();
    }
    while (c.advance_to(l.next_arrival())) drain();
    return out;
}

}  // namespace

TEST_CASE("a script says what befalls each message", "[testing][lossy_link]") {
    struct row {
        const char* what;
        std::vector<fault> script;
        std::string arrives;
        link_counts counts;
    };
    const auto r = GENERATE(values<row>({
        {"nothing", {}, "0 1 2 3", {.sent = 4, .delivered = 4}},
        {"first lost", {{0, fate::drop}}, "1 2 3", {.sent = 4, .delivered = 3, .dropped = 1}},
        {"two lost", {{1, fate::drop}, {3, fate::drop}}, "0 2", {.sent = 4, .delivered = 2, .dropped = 2}},
        {"one doubled", {{2, fate::duplicate}}, "0 1 2 2 3", {.sent = 4, .delivered = 5, .duplicated = 1}},
        {"one doubled late",
         {{1, fate::duplicate, {}, milliseconds(15)}},
         "0 1 2 1 3",
         {.sent = 4, .delivered = 5, .duplicated = 1}},
        {"swapped", {{1, fate::swap}}, "0 2 1 3", {.sent = 4, .delivered = 4, .swapped = 1}},
        {"the last one swapped comes all the same", {{3, fate::swap}}, "0 1 2 3", {.sent = 4, .delivered = 4, .swapped = 1}},
        {"two swapped in a row", {{0, fate::swap}, {1, fate::swap}}, "2 0 1 3", {.sent = 4, .delivered = 4, .swapped = 2}},
        {"delayed", {{0, fate::delay, {}, milliseconds(25)}}, "1 2 0 3", {.sent = 4, .delivered = 4, .delayed = 1}},
        {"counted on one side", {{1, fate::drop, side::left}}, "0 2 3", {.sent = 4, .delivered = 3, .dropped = 1}},
        {"counted on the other side", {{1, fate::drop, side::right}}, "0 1 2 3", {.sent = 4, .delivered = 4}},
    }));
    CAPTURE(r.what);
    lossy_link<> l{{}, r.script};
    CHECK(order_of_arrival(l, 4) == r.arrives);
    CHECK(l.counts() == r.counts);
    CHECK(l.idle());
}

TEST_CASE("a script counts both directions together unless it names one", "[testing][lossy_link]") {
    lossy_link<> l{{}, {{1, fate::drop}, {1, fate::drop, side::left}}};
    const std::array octet{0x7f_b};
    CHECK(l.send(side::left, octet, {}) == fate::deliver);   // 0 of both, 0 of left
    CHECK(l.send(side::right, octet, {}) == fate::drop);     // 1 of both
    CHECK(l.send(side::left, octet, {}) == fate::drop);      // 1 of left
    CHECK(l.send(side::left, octet, {}) == fate::deliver);
    CHECK(l.next_arrival(side::left) == instant::never());
    CHECK(l.next_arrival(side::right) == instant{} + milliseconds(1));
}

TEST_CASE("a message takes the latency of the link", "[testing][lossy_link]") {
    lossy_link<> l{{.latency = milliseconds(5)}};
    const std::array octet{0x01_b};
    l.send(side::right, octet, instant{} + seconds(1));
    CHECK_FALSE(l.receive(side::left, instant{} + seconds(1) + milliseconds(4)).has_value());
    CHECK(l.receive(side::left, instant{} + seconds(1) + milliseconds(5)).has_value());
}

TEST_CASE("a cut link loses everything until it is mended", "[testing][lossy_link]") {
    lossy_link<> l;
    const std::array octet{0x01_b};
    l.cut(side::left);
    CHECK(l.send(side::left, octet, {}) == fate::drop);
    CHECK(l.send(side::right, octet, {}) == fate::deliver);
    l.cut();
    CHECK(l.send(side::right, octet, {}) == fate::drop);
    l.mend();
    CHECK(l.send(side::left, octet, {}) == fate::deliver);
}

TEST_CASE("chance is as likely as it was told and repeats with the seed", "[testing][lossy_link]") {
    const link_options options{.loss = 0.2, .duplicate = 0.1, .swap = 0.1, .delay = 0.1, .seed = 42};
    lossy_link<> a{options}, b{options};
    const std::string first = order_of_arrival(a, 200);
    CHECK(first == order_of_arrival(b, 200));
    CHECK(a.counts().dropped > 15);
    CHECK(a.counts().dropped < 70);
    CHECK(a.counts().duplicated > 0);
    CHECK(a.counts().swapped > 0);
    CHECK(a.counts().delayed > 0);
    CHECK(a.counts().delivered == a.counts().sent - a.counts().dropped + a.counts().duplicated);

    auto another = options;
    another.seed = 43;
    lossy_link<> c{another};
    CHECK(first != order_of_arrival(c, 200));
}

TEST_CASE("a script does not shift what chance does to the messages behind it", "[testing][lossy_link]") {
    lossy_link<> plain{{.loss = 0.5, .seed = 7}};
    lossy_link<> scripted{{.loss = 0.5, .seed = 7}, {{0, fate::duplicate}, {1, fate::swap}}};
    const std::array octet{0x01_b};
    for (int i = 0; i < 100; ++i) {
        const fate p = plain.send(side::left, octet, {});
        const fate s = scripted.send(side::left, octet, {});
        if (i > 1) CHECK(p == s);
    }
}

TEST_CASE("a link prints what is needed to make it again", "[testing][lossy_link]") {
    std::ostringstream out;
    out << lossy_link<>{{.loss = 0.25, .seed = 99}, {{3, fate::swap, side::right}}};
    CHECK(out.str().find("seed 99") != std::string::npos);
    CHECK(out.str().find("loss 0.25") != std::string::npos);
    CHECK(out.str().find("swap right 3") != std::string::npos);
}

TEST_CASE("the ends of a link are datagram transports with the path turned round", "[testing][lossy_link]") {
    struct path {
        int local = 0, remote = 0;
    };
    static_assert(io::datagram<link_end<path>, path>);
    testing::clock time;
    lossy_link<path> l;
    link_end<path> left{l, side::left, time}, right{l, side::right, time};
    const std::array octets{1_b, 2_b, 3_b};
    CHECK(left.send(path{1, 2}, octets));
    std::array<std::byte, 2> scratch{};
    CHECK_FALSE(right.receive(scratch).has_value());
    time.advance(milliseconds(1));
    const auto got = right.receive(scratch);
    REQUIRE(got.has_value());
    CHECK(got->path.local == 2);
    CHECK(got->path.remote == 1);
    CHECK(got->octets.size() == 2);
}
