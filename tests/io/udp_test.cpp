#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <vector>

#include "ipsec/ike/path.hpp"
#include "ipsec/io/linux/udp.hpp"
#include "ipsec/ip/ecn.hpp"
#include "ipsec/ip/udp_encap.hpp"
#include "ipsec/testing/packet_buffer.hpp"
#include "support/alloc_counter.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
using io::errc;
using testing::packet_buffer;

namespace {

using link_type = io::udp_link<ike::path>;
static_assert(io::datagram<link_type, ike::path>);
static_assert(!std::is_copy_constructible_v<io::udp_socket> && std::is_nothrow_move_constructible_v<io::udp_socket>);

auto addr(std::string_view s) -> ip::address { return ip::parse_address(s).value(); }
auto open(const io::udp_options& o) -> io::udp_socket {
    auto s = io::udp_socket::open(o);
    if (!s) throw std::runtime_error{s.error().text()};
    return std::move(*s);
}
auto open(std::string_view address, io::socket_options options = {}) -> io::udp_socket {
    return open({.local = {addr(address), 0}, .options = options});
}
/// Whether this machine has the loopback address: containers often come without IPv6.
auto has(std::string_view address) -> bool {
    if (io::udp_socket::open({.local = {addr(address), 0}})) return true;
    WARN("skipped: this system has no " << address);
    return false;
}
auto wait_for(int fd) -> bool {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, 5000) == 1;
}
auto buffers(std::size_t n, std::size_t size = 256) -> std::vector<packet_buffer> {
    std::vector<packet_buffer> v;
    for (std::size_t i = 0; i < n; ++i) v.push_back(packet_buffer::of_size(size));
    return v;
}
auto octets(std::size_t n, int first = 0) -> std::vector<std::byte> {
    std::vector<std::byte> v(n);
    for (std::size_t i = 0; i < n; ++i) v[i] = static_cast<std::byte>(static_cast<std::size_t>(first) + i);
    return v;
}

}  // namespace

TEST_CASE("a descriptor is closed once, by its last owner", "[io][linux]") {
    const auto is_open = [](int fd) { return ::fcntl(fd, F_GETFD) != -1; };
    int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    {
        io::descriptor a{fd};
        io::descriptor b{std::move(a)};
        CHECK_FALSE(a);  // NOLINT(bugprone-use-after-move): this is the case
        CHECK(b.get() == fd);
        a = std::move(b);
        CHECK(is_open(fd));
        auto& self = a;
        a = std::move(self);
        CHECK(is_open(fd));
    }
    CHECK_FALSE(is_open(fd));
    fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    {
        io::descriptor a{fd};
        CHECK(a.release() == fd);
    }
    CHECK(is_open(fd));
    ::close(fd);
}

TEST_CASE("a datagram tells where it came from and went to, and how its header was marked", "[io][linux][udp]") {
    const auto address = GENERATE(as<std::string>{}, "127.0.0.1", "::1");
    CAPTURE(address);
    if (!has(address)) return;
    auto from = open(address), to = open(address);
    CHECK(to.local().address == addr(address));
    CHECK(to.local().port != 0);
    auto into = buffers(4);
    std::array<io::datagram_info, 4> infos{};
    CHECK(to.receive(std::span{into}, std::span{infos}).value() == 0);  // nothing waits

    const auto text = octets(20);
    for (const auto mark : {ip::ecn::not_ect, ip::ecn::ect_1, ip::ecn::ect_0, ip::ecn::ce}) {
        const auto traffic_class = ip::traffic_class_of(46, mark);
        const auto sent = from.send(
            {.where = {.local = {}, .remote = to.local(), .interface = 0, .traffic_class = traffic_class, .hop_limit = 17},
             .head = {},
             .octets = text});
        CHECK(sent.done == 1);
        CHECK(sent.refused == 0);
        REQUIRE(wait_for(to.fd()));
        REQUIRE(to.receive(std::span{into}, std::span{infos}).value() == 1);
        CHECK(std::ranges::equal(into[0].octets(), text));
        CHECK(into[0].head_room() == io::room{}.head);
        CHECK(infos[0].remote == from.local());
        CHECK(infos[0].local == to.local());
        CHECK(infos[0].traffic_class == traffic_class);
        CHECK(infos[0].hop_limit == 17);
        CHECK(infos[0].interface != 0);
    }
}

TEST_CASE("a socket on every address tells the one that was meant, and answers from it", "[io][linux][udp]") {
    auto server = open("0.0.0.0"), client = open("127.0.0.1");
    auto into = buffers(1);
    std::array<io::datagram_info, 1> info{};
    for (const auto* meant : {"127.0.0.1", "127.0.0.2", "127.3.4.5"}) {
        CAPTURE(meant);
        const io::socket_address there{addr(meant), server.local().port};
        REQUIRE(client.send({.where = {.remote = there}, .octets = octets(3)}).refused == 0);
        REQUIRE(wait_for(server.fd()));
        REQUIRE(server.receive(std::span{into}, std::span{info}).value() == 1);
        CHECK(info[0].local == there);
        CHECK(info[0].remote == client.local());
        REQUIRE(server.send({.where = info[0], .octets = octets(3)}).refused == 0);  // the way back is the way it came
        REQUIRE(wait_for(client.fd()));
        REQUIRE(client.receive(std::span{into}, std::span{info}).value() == 1);
        CHECK(info[0].remote == there);
    }
}

TEST_CASE("bursts of any length arrive whole and in order", "[io][linux][udp]") {
    const auto address = GENERATE(as<std::string>{}, "127.0.0.1", "::1");
    CAPTURE(address);
    if (!has(address)) return;
    const auto count =
        GENERATE(std::size_t{1}, io::message_burst_size, io::message_burst_size + 1, 2 * io::message_burst_size + 22);
    auto from = open(address), to = open(address, {.receive_buffer = 1 << 20});
    std::vector<std::vector<std::byte>> texts;
    for (std::size_t i = 0; i < count; ++i) texts.push_back(octets(1 + i, static_cast<int>(i)));
    std::vector<io::outgoing_datagram> burst;
    for (const auto& t : texts) burst.push_back({.where = {.remote = to.local()}, .head = {}, .octets = t});
    const auto sent = from.send(burst);
    CHECK(sent.done == count);
    CHECK(sent.refused == 0);

    auto into = buffers(count);
    std::vector<io::datagram_info> infos(count);
    std::size_t got = 0;
    while (got < count && wait_for(to.fd())) {
        const auto n = to.receive(std::span{into}.subspan(got), std::span{infos}.subspan(got)).value();
        CHECK(n <= io::message_burst_size);
        got += n;
    }
    REQUIRE(got == count);
    for (std::size_t i = 0; i < count; ++i) {
        CAPTURE(i);
        CHECK(std::ranges::equal(into[i].octets(), texts[i]));
        CHECK(infos[i].remote == from.local());
    }
}

TEST_CASE("runs of one size to one place arrive as the datagrams that they are", "[io][linux][udp]") {
    const auto address = GENERATE(as<std::string>{}, "127.0.0.1", "::1");
    CAPTURE(address);
    if (!has(address)) return;
    struct row {
        const char* what;
        std::vector<std::size_t> sizes;
        std::vector<int> to;  // which of two receivers; the last one stands for the rest
        bool marked;          // every datagram with a head
    };
    const auto r = GENERATE(values<row>({
        {"one run", std::vector<std::size_t>(io::message_burst_size, 100), {0}, false},
        {"longer than a message", std::vector<std::size_t>(io::message_burst_size + 30, 1400), {0}, false},
        {"a shorter one ends a run", {100, 100, 40, 100, 100}, {0}, false},
        {"a longer one begins another", {100, 100, 140, 140, 100}, {0}, false},
        {"empty ones are datagrams too", {100, 100, 0, 0, 100}, {0}, false},
        {"two places by turns", {100, 100, 100, 100, 100, 100}, {0, 0, 1, 0, 1, 1}, false},
        {"heads in front", {100, 100, 100, 60}, {0}, true},
        {"what is too long for a run", {30'000, 30'000, 30'000}, {0}, false},
    }));
    CAPTURE(r.what);
    auto from = open({.local = {addr(address), 0}, .in_runs = true});
    std::array receivers{open(address, {.receive_buffer = 4 << 20}), open(address, {.receive_buffer = 4 << 20})};
    std::vector<std::vector<std::byte>> texts;
    std::vector<io::outgoing_datagram> burst;
    std::array<std::vector<std::vector<std::byte>>, 2> wanted;
    for (std::size_t i = 0; i < r.sizes.size(); ++i) texts.push_back(octets(r.sizes[i], static_cast<int>(i)));
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const auto to = static_cast<std::size_t>(r.to[std::min(i, r.to.size() - 1)]);
        const byte_view head = r.marked ? byte_view{ip::udp_encap::non_esp_marker} : byte_view{};
        burst.push_back({.where = {.remote = receivers[to].local()}, .head = head, .octets = texts[i]});
        wanted[to].emplace_back(head.begin(), head.end());
        wanted[to].back().insert(wanted[to].back().end(), texts[i].begin(), texts[i].end());
    }
    const auto sent = from.send(burst);
    CHECK(sent.done == burst.size());
    CHECK(sent.refused == 0);
    for (std::size_t to = 0; to < 2; ++to) {
        std::vector<std::byte> room(65'536);
        for (std::size_t i = 0; i < wanted[to].size(); ++i) {
            CAPTURE(to, i);
            io::datagram_info info;
            REQUIRE(wait_for(receivers[to].fd()));
            const auto got = receivers[to].receive(byte_span{room}, info).value();
            REQUIRE(got.has_value());
            CHECK(std::ranges::equal(*got, wanted[to][i]));
            CHECK(info.remote == from.local());
        }
        io::datagram_info info;
        CHECK_FALSE(receivers[to].receive(byte_span{room}, info).value().has_value());
    }
}

TEST_CASE("a run that the system refuses goes datagram by datagram", "[io][linux][udp]") {
    // The system does not cut what has no checksum.
    auto from = open({.local = {addr("127.0.0.1"), 0}, .without_checksum = true, .in_runs = true});
    auto to = open("127.0.0.1", {.receive_buffer = 1 << 20});
    const auto text = octets(100);
    const std::vector<io::outgoing_datagram> burst(20, {.where = {.remote = to.local()}, .head = {}, .octets = text});
    const auto sent = from.send(burst);
    CHECK(sent.done == burst.size());
    CHECK(sent.refused == 0);
    auto into = buffers(burst.size());
    std::vector<io::datagram_info> infos(burst.size());
    std::size_t got = 0;
    while (got < burst.size() && wait_for(to.fd()))
        got += to.receive(std::span{into}.subspan(got), std::span{infos}.subspan(got)).value();
    CHECK(got == burst.size());
    for (const auto& one : into) CHECK(std::ranges::equal(one.octets(), text));
}

TEST_CASE("a non-ESP marker goes in front without a copy of the message", "[io][linux][udp]") {
    auto from = open("127.0.0.1"), to = open("127.0.0.1");
    const auto message = octets(30, 1);
    REQUIRE(from.send({.where = {.remote = to.local()}, .head = ip::udp_encap::non_esp_marker, .octets = message}).refused == 0);
    REQUIRE(from.send({.where = {.remote = to.local()}, .octets = ip::udp_encap::nat_keepalive}).refused == 0);
    REQUIRE(from.send({.where = {.remote = to.local()}, .octets = message}).refused == 0);
    auto into = buffers(3);
    std::array<io::datagram_info, 3> infos{};
    REQUIRE(wait_for(to.fd()));
    REQUIRE(to.receive(std::span{into}, std::span{infos}).value() == 3);
    const auto ike = ip::udp_encap::classify(into[0].octets()).value();
    CHECK(ike.kind == ip::udp_encap::kind::ike);
    CHECK(std::ranges::equal(into[0].octets().subspan(ike.offset), message));
    CHECK(ip::udp_encap::classify(into[1].octets())->kind == ip::udp_encap::kind::keepalive);
    CHECK(ip::udp_encap::classify(into[2].octets())->kind == ip::udp_encap::kind::esp);
}

TEST_CASE("a datagram that does not fit comes out with no octets, and the next one is whole", "[io][linux][udp]") {
    auto from = open("127.0.0.1"), to = open("127.0.0.1");
    const io::room around{.head = 40, .tail = 60};
    std::vector<packet_buffer> into;
    for (int i = 0; i < 3; ++i) into.push_back(packet_buffer::of_size(200, 0, 0));
    for (const std::size_t n : {101U, 100U, 99U})
        REQUIRE(from.send({.where = {.remote = to.local()}, .octets = octets(n)}).refused == 0);
    std::array<io::datagram_info, 3> infos{};
    REQUIRE(wait_for(to.fd()));
    REQUIRE(to.receive(std::span{into}, std::span{infos}, around).value() == 3);
    CHECK(into[0].octets().empty());
    CHECK(into[1].octets().size() == 100);
    CHECK(into[2].octets().size() == 99);
    CHECK(into[2].head_room() == 40);

    into[0] = packet_buffer::of_size(100, 0, 0);
    CHECK(to.receive(std::span{into}, std::span{infos}, around).error().code == errc::no_room);
}

TEST_CASE("what the system refuses is counted, and the rest of the burst goes on", "[io][linux][udp]") {
    auto from = open("127.0.0.1"), to = open("127.0.0.1");
    const auto good = octets(8), huge = octets(70000);
    const io::datagram_info there{.local = {}, .remote = to.local()};
    struct row {
        const char* what;
        io::outgoing_datagram bad;
        errc why;
    };
    const std::array rows{
        row{"to the other family", {.where = {.remote = {addr("::1"), 500}}, .octets = good}, errc::mixed_families},
        row{"from the other family",
            {.where = {.local = {addr("::1"), 0}, .remote = to.local()}, .octets = good},
            errc::mixed_families},
        row{"longer than any datagram", {.where = there, .octets = huge}, errc::too_long},
        row{"from an address that is none of ours",
            {.where = {.local = {addr("192.0.2.77"), 0}, .remote = to.local()}, .octets = good},
            errc::unreachable},
    };
    const auto& r = rows[GENERATE(0U, 1U, 2U, 3U)];
    CAPTURE(r.what);
    const std::size_t place = GENERATE(0U, 1U, 2U);
    std::vector<io::outgoing_datagram> burst(3, {.where = there, .head = {}, .octets = good});
    burst[place] = r.bad;
    const auto sent = from.send(burst);
    CHECK(sent.done == 3);
    CHECK(sent.refused == 1);
    CHECK(sent.last.code == r.why);
    CHECK_FALSE(sent.last.text().empty());
    auto into = buffers(4);
    std::array<io::datagram_info, 4> infos{};
    REQUIRE(wait_for(to.fd()));
    CHECK(to.receive(std::span{into}, std::span{infos}).value() == 2);
}

TEST_CASE("a socket that cannot be opened says why", "[io][linux][udp]") {
    const auto taken = open("127.0.0.1");
    CHECK(io::udp_socket::open({.local = taken.local()}).error().code == errc::address_in_use);
    const auto foreign = io::udp_socket::open({.local = {addr("192.0.2.77"), 0}});
    CHECK(foreign.error().code == errc::no_such_address);
    CHECK(foreign.error().text().starts_with("binding a UDP socket: "));

    const auto shared = open({.local = {addr("127.0.0.1"), 0}, .share_port = true});
    CHECK(open({.local = shared.local(), .share_port = true}).local() == shared.local());
    CHECK(io::udp_socket::open({.local = shared.local()}).error().code == errc::address_in_use);
}

TEST_CASE("IPv4 stays out of an IPv6 socket", "[io][linux][udp]") {
    if (!has("::1")) return;
    const auto six = open("::");
    CHECK(io::udp_socket::open({.local = {addr("0.0.0.0"), six.local().port}}).has_value());
}

TEST_CASE("nothing is allocated for a burst of datagrams, refused ones included", "[io][linux][udp]") {
    if (!test::allocations_are_counted) return;
    auto from = open("127.0.0.1"), to = open("127.0.0.1");
    const auto text = octets(50);
    std::vector<io::outgoing_datagram> burst(
        20, {.where = {.remote = to.local()}, .head = ip::udp_encap::non_esp_marker, .octets = text});
    burst[7].where.remote.address = addr("::1");
    auto into = buffers(20);
    std::array<io::datagram_info, 20> infos{};
    const test::allocations count;
    const auto sent = from.send(burst);
    const bool came = wait_for(to.fd());
    const auto n = to.receive(std::span{into}, std::span{infos});
    const auto allocated = count.count();
    CHECK(allocated == 0);
    CHECK(sent.refused == 1);
    REQUIRE(came);
    CHECK(n.value() == 19);
}

TEST_CASE("a link hands datagrams on with the path that they came by", "[io][linux][udp]") {
    const ike::path like{{}, {}, {ike::link_kind::udp_encap, 0}};
    link_type left{open("127.0.0.1"), like}, right{open("127.0.0.1")};
    const ike::path out{{left.socket().local().address, left.socket().local().port},
                        {right.socket().local().address, right.socket().local().port},
                        {}};
    std::array<std::byte, 64> scratch{};
    CHECK_FALSE(right.receive(scratch));
    const auto text = octets(9);
    REQUIRE(left.send(out, text));
    REQUIRE(wait_for(right.fd()));
    const auto in = right.receive(scratch);
    REQUIRE(in);
    CHECK(std::ranges::equal(in->octets, text));
    CHECK(in->path == ike::reversed(out));
    REQUIRE(right.send(in->path, text));
    REQUIRE(wait_for(left.fd()));
    const auto back = left.receive(scratch);
    REQUIRE(back);
    CHECK(back->path.link.kind == ike::link_kind::udp_encap);
    CHECK(back->path.remote == out.remote);
    CHECK_FALSE(left.send({out.local, {addr("::1"), 1}, {}}, text));
}
