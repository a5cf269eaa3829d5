// TUN devices and raw sockets. They need root and a network namespace of their own, and so are hidden: linux_root_test.sh
// runs them.
#include <poll.h>

#include <asio/io_context.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "ipsec/io/asio.hpp"
#include "ipsec/io/linux/raw_ip.hpp"
#include "ipsec/io/linux/tun.hpp"
#include "ipsec/io/linux/udp.hpp"
#include "ipsec/ip/flow.hpp"
#include "ipsec/ip/udp.hpp"
#include "ipsec/testing/packet_buffer.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using io::errc;
using testing::packet_buffer;

namespace {

using bytes = std::vector<std::byte>;

auto addr(std::string_view s) -> ip::address { return ip::parse_address(s).value(); }
void shell(const std::string& command) {
    INFO(command);
    REQUIRE(std::system(command.c_str()) == 0);
}
auto wait_for(int fd, int milliseconds = 5000) -> bool {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, milliseconds) == 1;
}
auto buffers(std::size_t n, std::size_t size = 2000) -> std::vector<packet_buffer> {
    std::vector<packet_buffer> v;
    for (std::size_t i = 0; i < n; ++i) v.push_back(packet_buffer::of_size(size));
    return v;
}
template <class T> auto value(io::os_result<T> r) -> T {
    if (!r) throw std::runtime_error{r.error().text()};
    return std::move(*r);
}

/// A TUN device with 10.9.0.1/24 and fd09::1/64 on it; 10.9.0.2 and fd09::2 lie behind it.
auto open_tun(unsigned mtu = 1400) -> io::tun_device {
    auto t = value(io::tun_device::open({.name = "ipsec%d", .mtu = mtu}));
    shell("sysctl -qw net.ipv6.conf." + t.name() + ".router_solicitations=0 2>/dev/null; ip addr add 10.9.0.1/24 dev " +
          t.name() + " && ip addr add fd09::1/64 nodad dev " + t.name());
    // A busy kernel hears late that the interface is up, and until then takes no packet to the address.
    shell("for i in $(seq 100); do ip -6 addr show dev " + t.name() + " tentative | grep -q fd09:: || break; sleep 0.1; done; "
          "ip -6 route get fd09::1 >/dev/null");
    return t;
}
const auto here4 = addr("10.9.0.1"), there4 = addr("10.9.0.2"), here6 = addr("fd09::1"), there6 = addr("fd09::2");

/// The next packet of that protocol out of the device; what the system says of its own accord on a new interface is passed over.
auto next_of(io::tun_device& t, ip::next_header protocol, packet_buffer& into) -> bool {
    while (wait_for(t.fd())) {
        if (value(t.read(std::span{&into, 1})) != 1) continue;
        const auto flow = ip::read_flow(std::as_const(into).octets());
        if (flow && flow->protocol == protocol) return true;
    }
    return false;
}
/// A packet with a payload of `size` counted octets.
auto packet(const ip::address& from, const ip::address& to, ip::next_header protocol, std::size_t size, std::uint8_t tos = 0,
            std::uint8_t ttl = 64, std::uint16_t id = 1, bool df = true, std::uint16_t fragment_offset = 0, bool more = false)
    -> bytes {
    const std::size_t header = from.is_v4() ? 20 : 40;
    bytes p(header + size);
    for (std::size_t i = 0; i < size; ++i) p[header + i] = static_cast<std::byte>(i + 1);
    if (from.is_v4()) {
        ip::v4::header h;
        h.type_of_service = tos;
        h.total_length = static_cast<std::uint16_t>(p.size());
        h.identification = id;
        h.dont_fragment = df;
        h.more_fragments = more;
        h.fragment_offset = fragment_offset;
        h.time_to_live = ttl;
        h.protocol = protocol;
        h.source = from;
        h.destination = to;
        h.emit_with_checksum(p).value();
    } else {
        ip::v6::header{tos, 0, static_cast<std::uint16_t>(size), protocol, ttl, from, to}.emit(p).value();
    }
    return p;
}
auto udp_packet(const ip::address& from, const ip::address& to, std::uint16_t port, std::size_t size, std::uint8_t tos = 0)
    -> bytes {
    auto p = packet(from, to, ip::next_header::udp, 8 + size, tos, 33);
    const auto datagram = byte_span{p}.last(8 + size);
    ip::udp::header{4321, port, 0, 0}.emit(datagram);
    ip::udp::finish(datagram, from, to).value();
    return p;
}
auto raw(ip::next_header protocol, const ip::address& local) -> io::raw_ip_socket {
    return value(io::raw_ip_socket::open({.protocol = protocol, .local = local, .options = {.receive_buffer = 1 << 20}}));
}

}  // namespace

TEST_CASE("a TUN device has the name, the MTU and the state that were asked for", "[io][linux][tun][.root]") {
    auto t = open_tun(1300);
    CHECK(t.name().starts_with("ipsec"));
    CHECK(t.name().find('%') == std::string::npos);
    CHECK(t.index() != 0);
    CHECK(value(t.mtu()) == 1300);
    CHECK(t.set_mtu(1280).has_value());
    CHECK(value(t.mtu()) == 1280);
    CHECK(t.set_mtu(10).error().code == errc::cannot_configure);
    shell("ip -o link show up dev " + t.name() + " | grep -q mtu.1280");
    CHECK(t.set_up(false).has_value());
    shell("ip -o link show up dev " + t.name() + " | (! grep -q .)");

    CHECK(io::tun_device::open({.name = t.name()}).error().code == errc::address_in_use);
    CHECK(io::tun_device::open({.name = "a-name-of-16-char"}).error().code == errc::no_such_device);
    const auto name = t.name();
    { const auto gone = std::move(t); }
    shell("! ip link show dev " + name + " 2>/dev/null");
}

TEST_CASE("what the system routes into a TUN device comes out as whole packets", "[io][linux][tun][udp][.root]") {
    auto t = open_tun();
    const auto [from, to] = GENERATE(table<std::string, std::string>({{"10.9.0.1", "10.9.0.2"}, {"fd09::1", "fd09::2"}}));
    CAPTURE(to);
    const bool v4 = addr(from).is_v4();
    const bytes text(100, std::byte{0x5a});
    auto into = buffers(1);

    const auto mtu = GENERATE(io::path_mtu::fragment, io::path_mtu::discover, io::path_mtu::probe);
    auto s = value(io::udp_socket::open({.local = {addr(from), 0}, .options = {.mtu = mtu}}));
    REQUIRE(s.send({.where = {.remote = {addr(to), 4500}, .traffic_class = 0xb9, .hop_limit = 9}, .octets = text}).refused == 0);
    REQUIRE(next_of(t, ip::next_header::udp, into[0]));
    const auto p = into[0].octets();
    const auto seen = ip::read_overview(p).value();
    CHECK(seen.length == p.size());
    CHECK(seen.flow.source == addr(from));
    CHECK(seen.flow.destination == addr(to));
    CHECK(seen.flow.destination_port == 4500);
    const auto datagram = p.subspan(seen.upper_offset);
    CHECK(std::ranges::equal(datagram.subspan(8), text));
    CHECK(ip::udp::has_valid_checksum(datagram, addr(from), addr(to)));  // nobody was left to write it later
    CHECK(ip::udp::header::parse(datagram)->checksum != 0);
    if (v4) {
        const auto h = ip::v4::header::parse(p).value();
        CHECK(h.type_of_service == 0xb9);
        CHECK(h.time_to_live == 9);
        CHECK(h.dont_fragment == (mtu != io::path_mtu::fragment));
    } else {
        const auto h = ip::v6::header::parse(p).value();
        CHECK(h.traffic_class == 0xb9);
        CHECK(h.hop_limit == 9);
    }
    // Longer than the interface takes: fragments, or a refusal.
    const bytes big(1500, std::byte{1});
    const auto r = s.send({.where = {.remote = {addr(to), 4500}}, .octets = big});
    CHECK(r.refused == (mtu == io::path_mtu::fragment ? 0U : 1U));
    if (r.refused > 0) CHECK(r.last.code == errc::too_long);
    CHECK(s.set_path_mtu(io::path_mtu::fragment).has_value());
    CHECK(s.send({.where = {.remote = {addr(to), 4500}}, .octets = big}).refused == 0);
}

// req: rfc3948-2.1-2, rfc3948-2.3-2
TEST_CASE("a socket for ESP in UDP sends no UDP checksum over IPv4", "[io][linux][udp][.root]") {
    auto t = open_tun();
    auto s = value(io::udp_socket::open({.local = {here4, 0}, .without_checksum = true}));
    REQUIRE(s.send({.where = {.remote = {there4, 4500}}, .octets = bytes(30)}).refused == 0);
    auto into = buffers(1);
    REQUIRE(next_of(t, ip::next_header::udp, into[0]));
    CHECK(ip::udp::header::parse(into[0].octets().subspan(20))->checksum == 0);
}

TEST_CASE("a mark leads packets to the rules that are made for it", "[io][linux][udp][.root]") {
    auto t = open_tun();
    shell("ip route add unreachable default table 77 && ip rule add fwmark 77 table 77");
    const auto refused = [&](std::optional<std::uint32_t> mark) {
        auto s = value(io::udp_socket::open({.local = {here4, 0}, .options = {.mark = mark}}));
        return s.send({.where = {.remote = {there4, 4500}}, .octets = bytes(8)});
    };
    CHECK(refused(std::nullopt).refused == 0);
    CHECK(refused(78).refused == 0);
    const auto marked = refused(77);
    CHECK(marked.refused == 1);
    CHECK(marked.last.code == errc::unreachable);
    auto esp = value(io::raw_ip_socket::open({.local = here4, .options = {.mark = 77}}));
    CHECK(esp.send(packet(here4, there4, ip::next_header::esp, 16)).last.code == errc::unreachable);
    shell("ip rule del fwmark 77 && ip route flush table 77");
}

TEST_CASE("packets that are written to a TUN device come in at its interface", "[io][linux][tun][udp][.root]") {
    auto t = open_tun();
    const auto [local, remote] = GENERATE(table<std::string, std::string>({{"10.9.0.1", "10.9.0.2"}, {"fd09::1", "fd09::2"}}));
    CAPTURE(local);
    auto s = value(io::udp_socket::open({.local = {ip::address::lowest(addr(local).family()), 0}}));
    std::vector<packet_buffer> burst;
    for (std::size_t i = 0; i < 40; ++i) burst.emplace_back(udp_packet(addr(remote), addr(local), s.local().port, i, 0x2a));
    burst.insert(burst.begin() + 20, packet_buffer{bytes(20, std::byte{0xff})});  // no IP packet at all
    const auto r = t.write(std::span{burst});
    CHECK(r.done == 41);
    CHECK(r.refused == 1);
    CHECK(r.last.code == errc::cannot_write);

    auto into = buffers(64);
    std::vector<io::datagram_info> infos(64);
    REQUIRE(wait_for(s.fd()));
    REQUIRE(value(s.receive(std::span{into}, std::span{infos})) == 40);
    for (std::size_t i = 0; i < 40; ++i) {
        CAPTURE(i);
        CHECK(into[i].octets().size() == i);
        CHECK(infos[i].local == io::socket_address{addr(local), s.local().port});
        CHECK(infos[i].remote == io::socket_address{addr(remote), 4321});
        CHECK(infos[i].interface == t.index());
        CHECK(infos[i].traffic_class == 0x2a);
        CHECK(infos[i].hop_limit == 33);
    }

    REQUIRE(t.set_up(false).has_value());
    const auto down = t.write(std::as_const(burst[0]).octets());
    CHECK(down.done == 1);
    CHECK(down.refused == 1);
    CHECK(down.last.code == errc::unreachable);
}

TEST_CASE("a burst comes out of a TUN device in order, as far as the buffers go", "[io][linux][tun][.root]") {
    auto t = open_tun();
    auto s = value(io::udp_socket::open({.local = {here4, 0}}));
    auto into = buffers(10);
    while (wait_for(t.fd(), 200)) (void)value(t.read(std::span{into}));  // what a new interface says by itself
    for (std::size_t i = 0; i < 25; ++i) REQUIRE(s.send({.where = {.remote = {there4, 9}}, .octets = bytes(i)}).refused == 0);
    std::vector<std::size_t> sizes;
    for (const std::size_t expected : {10U, 10U, 5U, 0U}) {
        const auto n = value(t.read(std::span{into}));
        CHECK(n == expected);
        for (std::size_t i = 0; i < n; ++i) sizes.push_back(into[i].octets().size() - 28);
    }
    for (std::size_t i = 0; i < sizes.size(); ++i) CHECK(sizes[i] == i);

    into[1] = packet_buffer::of_size(100, 0, 0);  // no room for anything
    for (int i = 0; i < 2; ++i) REQUIRE(s.send({.where = {.remote = {there4, 9}}, .octets = bytes(5)}).refused == 0);
    CHECK(value(t.read(std::span{into})) == 1);
    CHECK(t.read(std::span{into}.subspan(1)).error().code == errc::no_room);
    CHECK(value(t.read(std::span{into})) == 1);  // it still waited
}

TEST_CASE("ESP and AH packets arrive as they were sent", "[io][linux][raw_ip][.root]") {
    const auto protocol = GENERATE(ip::next_header::esp, ip::next_header::ah);
    const auto address = GENERATE(as<std::string>{}, "127.0.0.1", "::1");
    CAPTURE(protocol, address);
    auto s = raw(protocol, addr(address)), other = raw(ip::next_header::gre, addr(address));
    auto into = buffers(4);
    CHECK(value(s.receive(std::span{into})) == 0);
    for (const bool df : {true, false}) {
        const auto p = packet(addr(address), addr(address), protocol, 200, 0xbb, 57, 0xbeef, df);
        const auto sent = s.send(p);
        CHECK(sent.done == 1);
        CHECK(sent.refused == 0);
        REQUIRE(wait_for(s.fd()));
        REQUIRE(value(s.receive(std::span{into})) == 1);
        CHECK(std::ranges::equal(into[0].octets(), p));
        CHECK(into[0].head_room() == io::room{}.head);
    }
    CHECK(value(other.receive(std::span{into})) == 0);
}

TEST_CASE("the identification 0 stays with DF, and only then", "[io][linux][raw_ip][.root]") {
    auto s = raw(ip::next_header::ah, addr("127.0.0.1"));
    auto into = buffers(1);
    for (const bool df : {true, false}) {
        REQUIRE(s.send(packet(addr("127.0.0.1"), addr("127.0.0.1"), ip::next_header::ah, 24, 0, 64, 0, df)).refused == 0);
        REQUIRE(wait_for(s.fd()));
        REQUIRE(value(s.receive(std::span{into})) == 1);
        CHECK((ip::v4::header::parse(into[0].octets())->identification == 0) == df);
    }
}

TEST_CASE("bursts of raw packets of any length arrive in order", "[io][linux][raw_ip][.root]") {
    const auto address = GENERATE(as<std::string>{}, "127.0.0.1", "::1");
    const std::size_t count = 2 * io::message_burst_size + 9;
    auto s = raw(ip::next_header::esp, addr(address));
    std::vector<packet_buffer> burst;
    for (std::size_t i = 0; i < count; ++i) burst.emplace_back(packet(addr(address), addr(address), ip::next_header::esp, 8 + i));
    const auto sent = s.send(std::span{burst});
    CHECK(sent.done == count);
    CHECK(sent.refused == 0);
    auto into = buffers(count);
    std::size_t got = 0;
    while (got < count && wait_for(s.fd())) got += value(s.receive(std::span{into}.subspan(got)));
    REQUIRE(got == count);
    for (std::size_t i = 0; i < count; ++i) CHECK(std::ranges::equal(into[i].octets(), std::as_const(burst[i]).octets()));
}

TEST_CASE("what does not fit its buffer comes out empty", "[io][linux][raw_ip][.root]") {
    const auto address = GENERATE(as<std::string>{}, "127.0.0.1", "::1");
    auto s = raw(ip::next_header::esp, addr(address));
    for (const std::size_t n : {300U, 40U})
        REQUIRE(s.send(packet(addr(address), addr(address), ip::next_header::esp, n)).refused == 0);
    auto into = buffers(2, 0);
    for (auto& p : into) p = packet_buffer::of_size(200, 0, 0);
    REQUIRE(wait_for(s.fd()));
    REQUIRE(value(s.receive(std::span{into}, {.head = 10, .tail = 10})) == 2);
    CHECK(into[0].octets().empty());
    CHECK(into[1].octets().size() == 40 + (addr(address).is_v4() ? 20U : 40U));
    into[0] = packet_buffer::of_size(20, 0, 0);
    CHECK(s.receive(std::span{into}, {.head = 10, .tail = 10}).error().code == errc::no_room);
}

TEST_CASE("fragments are whole again when a raw socket sees them", "[io][linux][raw_ip][tun][.root]") {
    auto t = open_tun();
    auto s = raw(ip::next_header::esp, here4);
    const auto whole = packet(there4, here4, ip::next_header::esp, 48, 0x28, 64, 77, false);
    auto first = packet(there4, here4, ip::next_header::esp, 24, 0x28, 64, 77, false, 0, true);
    auto last = packet(there4, here4, ip::next_header::esp, 24, 0x28, 64, 77, false, 3, false);
    copy_octets(byte_view{whole}.subspan(44), byte_span{last}.subspan(20));
    CHECK(t.write(last).refused == 0);
    auto into = buffers(2);
    CHECK_FALSE(wait_for(s.fd(), 100));
    CHECK(t.write(first).refused == 0);
    REQUIRE(wait_for(s.fd()));
    REQUIRE(value(s.receive(std::span{into})) == 1);
    CHECK(std::ranges::equal(into[0].octets(), whole));
}

TEST_CASE("raw packets that cannot go are named, and the rest of the burst goes on", "[io][linux][raw_ip][.root]") {
    auto t = open_tun(1280);
    const auto [local, remote] = GENERATE(table<std::string, std::string>({{"10.9.0.1", "10.9.0.2"}, {"fd09::1", "fd09::2"}}));
    const auto from = addr(local), to = addr(remote);
    CAPTURE(local);
    auto s = raw(ip::next_header::esp, from);
    const auto good = packet(from, to, ip::next_header::esp, 64), too_long = packet(from, to, ip::next_header::esp, 1300),
               nowhere = packet(from, addr(from.is_v4() ? "203.0.113.1" : "2001:db8::1"), ip::next_header::esp, 64),
               foreign = from.is_v4() ? packet(here6, there6, ip::next_header::esp, 64)
                                      : packet(here4, there4, ip::next_header::esp, 64);
    const auto why = [&](byte_view bad) {
        const std::array<byte_view, 3> burst{good, bad, good};
        const auto r = s.send(std::span<const byte_view>{burst});
        CHECK(r.done == 3);
        CHECK(r.refused == 1);
        auto into = buffers(1);
        CHECK(next_of(t, ip::next_header::esp, into[0]));
        CHECK(std::ranges::equal(into[0].octets(), good));
        CHECK(next_of(t, ip::next_header::esp, into[0]));
        return r.last.code;
    };
    CHECK(why(too_long) == errc::too_long);
    CHECK(why(nowhere) == errc::unreachable);
    CHECK(why(foreign) == errc::mixed_families);
    CHECK(why(byte_view{good}.first(10)) == errc::mixed_families);
    CHECK(why({}) == errc::mixed_families);
}

TEST_CASE("one Asio loop carries packets from a TUN device to a raw socket", "[io][linux][asio][tun][raw_ip][.root]") {
    // What the walks would stand between: packets that the system routes into the device, changed, go out as ESP, and come in.
    auto t = open_tun();
    auto out = raw(ip::next_header::gre, addr("127.0.0.1")), in = raw(ip::next_header::esp, addr("127.0.0.1"));
    auto s = value(io::udp_socket::open({.local = {here4, 0}}));
    constexpr std::size_t count = 30;
    std::vector<std::size_t> arrived;
    auto from_tun = buffers(8), from_net = buffers(8);
    asio::io_context loop;
    const auto wrap = [&](std::span<packet_buffer> burst) {
        for (packet_buffer& p : burst) {
            const auto flow = ip::read_flow(std::as_const(p).octets());
            if (!flow || flow->protocol != ip::next_header::udp) continue;
            const auto sealed = packet(addr("127.0.0.1"), addr("127.0.0.1"), ip::next_header::esp, p.octets().size());
            CHECK(out.send(sealed).refused == 0);
        }
    };
    const auto unwrap = [&](std::span<packet_buffer> burst) {
        for (const packet_buffer& p : burst) arrived.push_back(p.octets().size());
    };
    io::asio_reader on_tun{io::asio_watch(loop.get_executor(), t.fd()),
                           [&] { CHECK(io::read_bursts(t, std::span{from_tun}, wrap, 2).has_value()); }};
    io::asio_reader on_net{io::asio_watch(loop.get_executor(), in.fd()),
                           [&] { CHECK(io::read_bursts(in, std::span{from_net}, unwrap, 2).has_value()); }};
    for (std::size_t i = 0; i < count; ++i) REQUIRE(s.send({.where = {.remote = {there4, 9}}, .octets = bytes(i)}).refused == 0);
    while (arrived.size() < count) REQUIRE(loop.run_one_for(std::chrono::seconds{5}) == 1);
    for (std::size_t i = 0; i < count; ++i) CHECK(arrived[i] == i + 28 + 20);
}
