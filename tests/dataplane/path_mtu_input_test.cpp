// What routers say about the size of our packets, held against the SAs that there are.
#include "ipsec/dataplane/path_mtu_input.hpp"

#include "dataplane/gateways.hpp"
#include "ipsec/testing/identity_crypto.hpp"

using namespace ipsec;
using namespace ipsec::test;
using dataplane::path_news;
using testing::checksum_mac;
using testing::identity_suite;
using octet_list = std::vector<std::byte>;

namespace {
const maker<identity_suite, checksum_mac> plain{[] { return identity_suite{}; }, [] { return checksum_mac{}; }};
const auto router = ip::address::v4(203, 0, 113, 1);

struct scene {
    std::vector<layer> layers;
    gateway<identity_suite, checksum_mac> left;
    explicit scene(std::vector<layer> l, const std::function<void(sa::parameters&)>& change = {}) : layers{std::move(l)} {
        REQUIRE(left.spd.append_pair(apply_entry(layers)));
        for (std::size_t i = 0; i < layers.size(); ++i) {
            auto p = parameters_of(layers, i, 0x1000);
            if (change) change(p);
            insert_outbound(left, p, plain);
        }
    }
    auto sealed(std::size_t payload = 1300) -> octet_list {
        return octets_in(left.send({v4_packet(payload)})[0].packet);
    }
    auto path() -> sa::path_mtu& {
        const auto n = layers.size() - 1;
        return left.sadb.get(left.sadb.handle_of_outbound({.spi = sa::spi{0x1000 + static_cast<std::uint32_t>(n)},
                                                           .destination = layers[n].right,
                                                           .protocol = layers[n].protocol}))
            ->path();
    }
    auto take(const octet_list& message, const dataplane::icmp_rules& rules = {}) -> std::string {
        return std::string{name_of(take_path_news(left.sadb, message, left.now, rules))};
    }
};
/// The message of a router that quotes no more than `quote` octets.
auto about(const octet_list& packet, std::uint32_t mtu, std::size_t quote = 1000, ip::address from = router) -> octet_list {
    octet_list out(ip::icmp::error_size(packet));
    REQUIRE(ip::icmp::write_too_big(out, packet, (packet[0] >> 4) == std::byte{6} ? right_end6 : from, mtu));
    const bool is_v6 = (out[0] >> 4) == std::byte{6};
    const std::size_t head = is_v6 ? 40 : 20;
    if (quote + head + 8 >= out.size()) return out;
    out.resize(head + 8 + quote);
    put16(out, is_v6 ? 4 : 2, is_v6 ? out.size() - 40 : out.size());
    put16(out, head + 2, 0);
    if (!is_v6) {
        mend_checksum(out);
        put16(out, head + 2, internet_checksum(byte_view{out}.subspan(head)));
    } else {
        const auto h = *ip::v6::header::parse(out);
        put16(out, head + 2, ip::upper_checksum(h.source, h.destination, ip::next_header::icmp_v6, byte_view{out}.subspan(head)));
    }
    return out;
}
const std::vector<layer> esp_tunnel{{sa::protocol::esp, sa::mode::tunnel, left_end, right_end}};
}  // namespace

// TUN-08, PITFALLS 51; req: rfc4301-8.2.1-1, rfc2401-6.1.2.1-1, rfc2401-6.1.2.1-3, rfc2401-6.1.2.3-3, rfc2401-B.3.1-m1
TEST_CASE("a message about a packet of an SA lowers its path, with 8 octets quoted too", "[dataplane][icmp]") {
    struct row { const char* name; std::vector<layer> layers; };
    const auto r = GENERATE(from_range(std::vector<row>{
        {"ESP tunnel", esp_tunnel},
        {"ESP tunnel over IPv6", {{sa::protocol::esp, sa::mode::tunnel, left_end6, right_end6}}},
        {"ESP transport", {{sa::protocol::esp, sa::mode::transport, left_host, right_host}}},
        {"AH tunnel", {{sa::protocol::ah, sa::mode::tunnel, left_end, right_end}}},
        {"AH around ESP", {{sa::protocol::esp, sa::mode::transport, left_host, right_host},
                           {sa::protocol::ah, sa::mode::transport, left_host, right_host}}},
    }));
    CAPTURE(r.name);
    const bool is_v6 = r.layers.back().right.is_v6();
    scene s{r.layers};
    const auto packet = s.sealed();
    CHECK(s.take(about(packet, 1300, is_v6 ? 48 : 28)) == "path MTU lowered");
    CHECK(s.path().get(s.left.now) == 1300);
    CHECK(s.take(about(packet, 1290)) == "path MTU lowered");
    CHECK(s.take(about(packet, 1295)) == "nothing new");
    CHECK(s.path().get(s.left.now) == 1290);
}

// cve-67
TEST_CASE("no message is believed below the floor, and none longer than its time", "[dataplane][icmp]") {
    // req: rfc4301-6.1.1-3, rfc2401-6.1.2.4-1, rfc2401-6.1.2.4-3, rfc4301-8.2.2-1, rfc4301-8.2.2-3
    scene s{esp_tunnel};
    const auto packet = s.sealed();
    CHECK(s.take(about(packet, 68)) == "path MTU lowered");
    CHECK(s.path().get(s.left.now) == 576);
    s.left.now = instant{} + seconds(600);
    CHECK(s.path().get(s.left.now) == 0);
    CHECK(s.take(about(packet, 700), {.floor_v4 = 1000, .life = seconds(5)}) == "path MTU lowered");
    CHECK(s.path().get(s.left.now) == 1000);
    CHECK(s.path().until() == instant{} + seconds(605));
    scene six{{{sa::protocol::esp, sa::mode::tunnel, left_end6, right_end6}}};
    CHECK(six.take(about(six.sealed(), 600)) == "path MTU lowered");
    CHECK(six.path().get(six.left.now) == 1280);
}

TEST_CASE("a router that names no size gets the next lower usual one", "[dataplane][icmp]") {
    scene s{esp_tunnel};
    CHECK(s.take(about(s.sealed(1450), 0)) == "path MTU lowered");
    CHECK(s.path().get(s.left.now) == 1492);
}

// PITFALLS 51; req: rfc4301-6.1.1-1, rfc4301-6.1.1-2, rfc2401-6-5, rfc2401-6-7
// cve-67
TEST_CASE("messages that do not go with an SA, or that the rules refuse, change nothing", "[dataplane][icmp]") {
    scene s{esp_tunnel};
    const auto packet = s.sealed();
    struct row { const char* name; std::function<void(octet_list&)> change; const char* want; };
    const auto r = GENERATE(from_range(std::vector<row>{
        {"another SPI", [](octet_list& p) { p[20] ^= std::byte{1}; }, "about no SA of ours"},
        {"another destination", [](octet_list& p) { p[16] ^= std::byte{1}; }, "about no SA of ours"},
        {"another source", [](octet_list& p) { p[12] ^= std::byte{1}; }, "about no SA of ours"},
        {"another protocol", [](octet_list& p) { p[9] = std::byte{17}; }, "about no SA of ours"},
        {"AH instead", [](octet_list& p) { p[9] = std::byte{51}; }, "about no SA of ours"},
        {"a later fragment", [](octet_list& p) { p[7] = std::byte{1}; }, "about no SA of ours"},
        {"a number not sent yet", [](octet_list& p) { p[27] = std::byte{2}; }, "implausible"},
        {"number 0", [](octet_list& p) { p[27] = std::byte{0}; }, "implausible"},
        {"a packet that is smaller", [](octet_list& p) { put16(p, 2, 1200); }, "implausible"},
    }));
    CAPTURE(r.name);
    auto changed = packet;
    r.change(changed);
    mend_checksum(changed);
    CHECK(s.take(about(changed, 1200)) == r.want);
    CHECK(s.take(about(packet, 1200), {.accept_v4 = {}}) == "refused by rule");
    auto wrong = about(packet, 1200);
    wrong[30] ^= std::byte{1};
    CHECK(s.take(wrong) == "no ICMP error message");
    CHECK(s.take(packet) == "no ICMP error message");
    auto other = about(packet, 1200);  // port unreachable
    other[21] = std::byte{3};
    put16(other, 22, 0);
    put16(other, 22, internet_checksum(byte_view{other}.subspan(20)));
    CHECK(s.take(other) == "not about a size");
    CHECK(s.path().get(s.left.now) == 0);
}

TEST_CASE("a quoted number may be behind, but not by more than the rules say", "[dataplane][icmp]") {
    scene s{esp_tunnel};
    const auto packet = s.sealed();
    for (int i = 0; i < 10; ++i) (void)s.sealed();
    CHECK(s.take(about(packet, 1200), {.sequence_distance = 9}) == "implausible");
    CHECK(s.take(about(packet, 1200), {.sequence_distance = 10}) == "path MTU lowered");
}

// ESP-19
TEST_CASE("ESP in UDP is known by ports and SPI", "[dataplane][icmp]") {
    scene s{esp_tunnel, [](sa::parameters& p) { p.encapsulation = {4500, 4501}; }};
    const auto plain_esp = s.sealed();
    CHECK(s.take(about(plain_esp, 1200)) == "about no SA of ours");
    auto in_udp = plain_esp;
    in_udp.insert(in_udp.begin() + 20, 8, std::byte{});
    put16(in_udp, 2, in_udp.size());
    in_udp[9] = std::byte{17};
    put16(in_udp, 20, 4500);
    put16(in_udp, 22, 4501);
    mend_checksum(in_udp);
    CHECK(s.take(about(in_udp, 1200, 28)) == "about no SA of ours");  // no SPI in the quote
    auto other = in_udp;
    put16(other, 22, 4500);
    CHECK(s.take(about(other, 1200)) == "about no SA of ours");
    CHECK(s.take(about(in_udp, 1200)) == "path MTU lowered");
}
