#include "ipsec/io/asio.hpp"

#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ipsec/ike/path.hpp"
#include "ipsec/io/linux/udp.hpp"
#include "ipsec/testing/packet_buffer.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using namespace std::chrono_literals;
using testing::packet_buffer;

namespace {

using link_type = io::asio_udp_link<ike::path>;
static_assert(io::datagram<link_type, ike::path>);

auto bound(asio::io_context& loop, const char* address = "127.0.0.1") -> asio::ip::udp::socket {
    return {loop, {asio::ip::make_address(address), 0}};
}
auto octets(std::string_view s) -> std::vector<std::byte> {
    const auto v = std::as_bytes(std::span{s});
    return {v.begin(), v.end()};
}

/// An endpoint that notes what is done to it, and does what the test wrote down.
struct scripted_endpoint {
    static constexpr std::size_t max_message = 64;
    struct message {
        ike::path path;
        byte_view octets;
    };
    std::vector<std::string> log;
    std::deque<int> events;
    std::deque<std::vector<std::byte>> out;
    std::vector<std::byte> in_flight;
    instant due = instant::never();
    std::vector<instant> fired;
    std::optional<duration> again;  ///< the next deadline after one that fired

    void handle_datagram(instant, const ike::path&, byte_view d) {
        log.push_back("datagram " + std::to_string(d.size()));
        events.push_back(static_cast<int>(d.size()));
    }
    void handle_timeout(instant now) {
        log.emplace_back("timeout");
        fired.push_back(now);
        due = again ? now + *again : instant::never();
    }
    auto poll_event() -> std::optional<int> {
        if (events.empty()) return std::nullopt;
        const int e = events.front();
        events.pop_front();
        return e;
    }
    void answer(int e, bool ok) {
        log.push_back("answer " + std::to_string(e) + (ok ? " yes" : " no"));
        if (ok) out.push_back(octets("message"));
    }
    auto poll_transmit(byte_span scratch) -> std::optional<message> {
        if (out.empty()) return std::nullopt;
        in_flight = out.front();
        out.pop_front();
        copy_octets(in_flight, scratch);
        return message{{}, scratch.first(in_flight.size())};
    }
    auto poll_timeout() const -> instant { return due; }
};
struct scripted_host {
    scripted_endpoint& endpoint;
    std::move_only_function<void(int)> also{};
    bool on(int e) {
        endpoint.log.push_back("event " + std::to_string(e));
        if (also) also(e);
        return e % 2 == 1;  // even ones are refused
    }
    void send(const ike::path&, byte_view o) { endpoint.log.push_back("send " + std::to_string(o.size())); }
};
using strings = std::vector<std::string>;

}  // namespace

TEST_CASE("after a datagram, events are answered and then messages sent", "[io][asio]") {
    asio::io_context loop;
    scripted_endpoint e;
    scripted_host host{e};
    io::asio_ike ike{loop.get_executor(), e, host};
    ike.receive(ike::path{}, octets("abc"));
    CHECK(e.log == strings{"datagram 3", "event 3", "answer 3 yes", "send 7"});
    e.log.clear();
    ike.receive(ike::path{}, octets("ab"));  // its install fails, and the exchange hears of it
    CHECK(e.log == strings{"datagram 2", "event 2", "answer 2 no"});
    CHECK(loop.run() == 0);  // no deadline, nothing to wait for
}

TEST_CASE("a settle from inside of an event is left to the one that is under way", "[io][asio]") {
    asio::io_context loop;
    scripted_endpoint e;
    scripted_host host{e};
    io::asio_ike ike{loop.get_executor(), e, host};
    host.also = [&](int event) {
        if (event == 1) e.events.push_back(5);  // as `endpoint.start` would
        ike.settle();
    };
    e.events = {1};
    ike.settle();
    CHECK(e.log == strings{"event 1", "answer 1 yes", "event 5", "answer 5 yes", "send 7", "send 7"});
}

TEST_CASE("after an exception of the host the next call goes on with what waits", "[io][asio]") {
    asio::io_context loop;
    scripted_endpoint e;
    scripted_host host{e};
    io::asio_ike ike{loop.get_executor(), e, host};
    host.also = [](int event) {
        if (event == 1) throw std::runtime_error{"no room"};
    };
    e.events = {1, 3};
    CHECK_THROWS_AS(ike.settle(), std::runtime_error);
    ike.settle();
    CHECK(e.log == strings{"event 1", "event 3", "answer 3 yes", "send 7"});
}

TEST_CASE("what sending brings about is answered in the same turn", "[io][asio]") {
    asio::io_context loop;
    scripted_endpoint e;
    struct echo {
        scripted_endpoint& endpoint;
        bool on(int event) { return endpoint.log.push_back("event " + std::to_string(event)), false; }
        void send(const ike::path&, byte_view) {
            endpoint.log.emplace_back("send");
            endpoint.events.push_back(2);
        }
    } host{e};
    io::asio_ike ike{loop.get_executor(), e, host};
    e.out.push_back(std::vector<std::byte>(7));
    ike.settle();
    CHECK(e.log == strings{"send", "event 2", "answer 2 no"});
}

TEST_CASE("the timer follows the endpoint's deadline", "[io][asio]") {
    asio::io_context loop;
    scripted_endpoint e;
    scripted_host host{e};
    io::asio_ike ike{loop.get_executor(), e, host};
    SECTION("it fires at the deadline and not before, again and again") {
        e.due = io::asio_now() + milliseconds(5);
        e.again = milliseconds(5);
        ike.settle();
        auto due = e.due;
        for (std::size_t i = 1; i <= 3; ++i) {
            while (e.fired.size() < i) REQUIRE(loop.run_one() == 1);
            CHECK(e.fired.back() >= due);
            due = e.due;
        }
    }
    SECTION("an earlier deadline takes the place of a later one") {
        e.due = io::asio_now() + seconds(3600);
        ike.settle();
        e.due = io::asio_now() + milliseconds(2);
        ike.settle();
        CHECK(loop.run_for(20s) > 0);
        CHECK(e.fired.size() == 1);
        CHECK(loop.stopped());  // and nothing of the hour is left
    }
    SECTION("no deadline ends the wait") {
        e.due = io::asio_now() + seconds(3600);
        ike.settle();
        e.due = instant::never();
        ike.settle();
        loop.run_for(20s);
        CHECK(loop.stopped());
        CHECK(e.fired.empty());
    }
    SECTION("a deadline that is past fires at once") {
        e.due = instant{};
        ike.settle();
        CHECK(loop.run_for(20s) > 0);
        CHECK(e.fired.size() == 1);
    }
}

TEST_CASE("what ends while its timer is on the way is not called any more", "[io][asio]") {
    asio::io_context loop;
    scripted_endpoint e;
    scripted_host host{e};
    std::optional<io::asio_ike<scripted_endpoint, scripted_host&>> ike;
    ike.emplace(loop.get_executor(), e, host);
    e.due = instant{};
    SECTION("before it fires") {
        ike->settle();
        ike.reset();
    }
    SECTION("when it fired already, and its handler stands in the queue") {
        // The handlers of two timers that are both due run one after the other: the first one ends the second one's owner.
        asio::steady_timer first{loop, std::chrono::steady_clock::time_point{}};
        first.async_wait([&](const asio::error_code&) { ike.reset(); });
        ike->settle();
        loop.run_for(20s);
        CHECK(e.fired.empty());
        return;
    }
    SECTION("when its deadline moved after it fired") {
        asio::steady_timer first{loop, std::chrono::steady_clock::time_point{}};
        first.async_wait([&](const asio::error_code&) {
            e.due = io::asio_now() + seconds(3600);
            ike->settle();
        });
        ike->settle();
        loop.run_for(50ms);
        CHECK(e.fired.empty());
        ike.reset();
    }
    SECTION("by an event of its own") {
        host.also = [&](int) { ike.reset(); };
        ike->receive(ike::path{}, octets("abc"));
        CHECK(e.log.back() == "send 7");
    }
    loop.run_for(20s);
    CHECK(loop.stopped());
    CHECK(e.fired.empty());
}

TEST_CASE("a reader calls as long as something waits, also when only a part is taken", "[io][asio]") {
    asio::io_context loop;
    link_type from{bound(loop)}, to{bound(loop)};
    const ike::path path{from.local(), to.local(), {}};
    for (const auto* s : {"a", "bb", "ccc"}) REQUIRE(from.send(path, octets(s)));
    std::vector<std::size_t> seen;
    io::asio_reader reader{to.socket(), [&] {
                               std::array<std::byte, 16> scratch{};
                               const auto in = to.receive(scratch);
                               REQUIRE(in);
                               CHECK(in->path.remote == from.local());
                               CHECK(in->path.local == to.local());
                               seen.push_back(in->octets.size());
                           }};
    while (seen.size() < 3) REQUIRE(loop.run_one_for(20s) == 1);
    CHECK(seen == std::vector<std::size_t>{1, 2, 3});
    CHECK(loop.run_one_for(20ms) == 0);  // nothing waits, nobody is called
    REQUIRE(from.send(path, octets("dddd")));
    while (seen.size() < 4) REQUIRE(loop.run_one_for(20s) == 1);
    CHECK(seen.back() == 4);
}

TEST_CASE("a reader goes on after an exception of what it calls", "[io][asio]") {
    asio::io_context loop;
    asio::ip::udp::socket a{loop, {asio::ip::address_v4::loopback(), 0}}, b{loop, {asio::ip::address_v4::loopback(), 0}};
    const std::array<char, 1> one{'x'};
    a.send_to(asio::buffer(one), b.local_endpoint());
    int calls = 0;
    io::asio_reader reader{b, [&] {
                               if (++calls == 1) throw std::runtime_error{"not now"};
                               loop.stop();
                           }};
    CHECK_THROWS_AS(loop.run(), std::runtime_error);
    loop.run();
    CHECK(calls == 2);
}

TEST_CASE("a reader may be ended from inside and from outside", "[io][asio]") {
    asio::io_context loop;
    link_type from{bound(loop)}, to{bound(loop)};
    REQUIRE(from.send({from.local(), to.local(), {}}, octets("a")));
    int calls = 0;
    std::move_only_function<void()> drain = [&] { ++calls; };
    using reader = io::asio_reader<asio::ip::udp::socket&, std::move_only_function<void()>>;
    std::unique_ptr<reader> r;
    SECTION("from inside, with nothing left to wait for") {
        drain = [&] {
            ++calls;
            std::array<std::byte, 16> scratch{};
            CHECK(to.receive(scratch));
            r.reset();
        };
        r = std::make_unique<reader>(to.socket(), std::move(drain));
        loop.run_for(20s);
        CHECK(calls == 1);
    }
    SECTION("from inside, with the datagram still there") {
        drain = [&] {
            ++calls;
            r.reset();
        };
        r = std::make_unique<reader>(to.socket(), std::move(drain));
        loop.run_for(20s);
        CHECK(calls == 1);
    }
    SECTION("from outside, before it was called") {
        r = std::make_unique<reader>(to.socket(), std::move(drain));
        r.reset();
        loop.run_for(20s);
        CHECK(calls == 0);
    }
    CHECK(loop.stopped());
}

TEST_CASE("a descriptor of somebody else's is watched and stays his", "[io][asio][linux]") {
    asio::io_context loop;
    auto a = io::udp_socket::open({.local = {ip::address::v4(127, 0, 0, 1), 0}}).value();
    auto b = io::udp_socket::open({.local = {ip::address::v4(127, 0, 0, 1), 0}}).value();
    const auto text = octets("hello");
    std::vector<packet_buffer> into;
    for (int i = 0; i < 4; ++i) into.push_back(packet_buffer::of_size(100));
    std::array<io::datagram_info, 4> infos{};
    std::size_t got = 0;
    {
        io::asio_reader reader{io::asio_watch(loop.get_executor(), b.fd()),
                               [&] { got += b.receive(std::span{into}, std::span{infos}).value(); }};
        a.send({.where = {.remote = b.local()}, .octets = text});
        while (got < 1) REQUIRE(loop.run_one_for(20s) == 1);
    }
    loop.restart();
    loop.run_for(20s);
    CHECK(loop.stopped());
    CHECK(std::ranges::equal(into[0].octets(), text));
    CHECK(b.send({.where = {.remote = a.local()}, .octets = text}).refused == 0);  // the owner's descriptor is open still
}

TEST_CASE("an Asio link sends to both families and refuses the other one", "[io][asio]") {
    asio::io_context loop;
    link_type four{bound(loop)};
    std::array<std::byte, 16> scratch{};
    CHECK_FALSE(four.receive(scratch));
    CHECK_FALSE(four.send({four.local(), {*ip::parse_address("::1"), 500}, {}}, octets("a")));
    asio::error_code error;
    asio::ip::udp::socket probe{loop, asio::ip::udp::v6()};
    if (probe.bind({asio::ip::make_address("::1"), 0}, error)) {
        WARN("skipped: this system has no ::1");
        return;
    }
    link_type six{std::move(probe), ike::path{{}, {}, {ike::link_kind::udp_encap, 0}}};
    CHECK(six.local().address == *ip::parse_address("::1"));
    REQUIRE(six.send({six.local(), six.local(), {}}, octets("abc")));
    const auto in = six.receive(scratch);
    REQUIRE(in);
    CHECK(in->octets.size() == 3);
    CHECK(in->path.remote == six.local());
    CHECK(in->path.link.kind == ike::link_kind::udp_encap);
}

TEST_CASE("a device is read in bursts until nothing waits or others have their turn", "[io][asio]") {
    struct device {
        std::size_t waiting;
        std::optional<io::errc> fault{};
        auto read(std::span<packet_buffer> into) -> io::os_result<std::size_t> {
            if (waiting == 0 && fault) return std::unexpected{io::os_error{*fault, 0, "reading"}};
            const auto n = std::min(waiting, into.size());
            waiting -= n;
            return n;
        }
    };
    std::vector<packet_buffer> buffers(4);
    std::vector<std::size_t> bursts;
    const auto process = [&](std::span<packet_buffer> b) { bursts.push_back(b.size()); };
    struct row {
        std::size_t waiting, most;
        std::vector<std::size_t> bursts;
    };
    const auto r = GENERATE(values<row>({{0, 8, {}}, {3, 8, {3}}, {4, 8, {4}}, {10, 8, {4, 4, 2}}, {100, 3, {4, 4, 4}}}));
    device d{r.waiting};
    std::size_t all = 0;
    for (const auto n : r.bursts) all += n;
    CHECK(io::read_bursts(d, std::span{buffers}, process, r.most).value() == all);
    CHECK(bursts == r.bursts);

    device dead{0, io::errc::cannot_read};
    CHECK(io::read_bursts(dead, std::span{buffers}, process).error().code == io::errc::cannot_read);
    device dying{4, io::errc::cannot_read};
    CHECK(io::read_bursts(dying, std::span{buffers}, process).value() == 4);  // what came is reported; the fault comes next time
}
