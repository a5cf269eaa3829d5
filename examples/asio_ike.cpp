// Two IKE endpoints on two sockets in one Asio loop: Main Mode with a pre-shared key, then Quick Mode, over the loopback
// interface. The ports are the system's choice, so that this runs beside an IKE daemon and without privileges.
#include <fmt/format.h>

#include "ipsec/core/overloaded.hpp"
#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/crypto/proposal_name.hpp"
#include "ipsec/fmt.hpp"
#include "ipsec/ike/v1/endpoint.hpp"
#include "ipsec/io/asio.hpp"

using namespace ipsec;
namespace v1 = ike::v1;

namespace {

struct traits {
    using provider = crypto::botan::provider;
};
using endpoint = v1::endpoint<traits>;
using udp_link = io::asio_udp_link<ike::path>;

/// What a program does with the events of its endpoint. This one has no packets to protect: it prints.
struct host {
    std::string_view name;
    udp_link& wire;
    int inbound = 0, outbound = 0;
    bool failed = false;

    auto on(const v1::event& e) -> bool {
        std::visit(overloaded{[&](const sa::install_inbound& in) { show("inbound", in), ++inbound; },
                              [&](const sa::install_outbound& out) { show("outbound", out), ++outbound; },
                              [](const sa::update_path&) {},  // no NAT on loopback
                              [&](const sa::remove& gone) { fmt::print("{:5}  SA removed: {}\n", name, gone.id.spi); },
                              [&](const v1::ike_established& up) {
                                  fmt::print("{:5}  ISAKMP SA with {}, {}\n", name, up.path.remote.address,
                                             up.role == v1::role::initiator ? "initiator" : "responder");
                              },
                              [&](const v1::child_established&) { fmt::print("{:5}  Quick Mode is over\n", name); },
                              [&](const v1::exchange_failed& e2) {
                                  fmt::print("{:5}  given up: {}\n", name, e2.why);
                                  failed = true;
                              },
                              [&](const v1::ike_closed& gone) { fmt::print("{:5}  ISAKMP SA closed: {}\n", name, gone.why); }},
                   e);
        return true;
    }
    void send(const ike::path& path, byte_view octets) { wire.send(path, octets); }
    void show(const char* direction, const sa::install& e) const {
        fmt::print("{:5}  {} SA: {}, {}\n", name, direction, e.id.spi, e.transform);
    }
};

auto open_link(asio::io_context& loop, const char* address) -> udp_link {
    return udp_link{asio::ip::udp::socket{loop, {asio::ip::make_address(address), 0}}};
}

auto make_config(const udp_link& here, const udp_link& there, std::uint32_t policy) -> v1::config {
    v1::peer_config peer;
    peer.path = {here.local(), there.local(), {}};
    peer.psk = v1::psk_of("correct horse battery staple");
    v1::child_config child;
    child.policy = sa::policy_id{policy};
    child.mode = sa::mode::transport;  // between the two ends themselves
    child.pfs = crypto::group_id::modp2048;
    peer.children.push_back(child);
    v1::config c;
    c.peers.push_back(std::move(peer));
    return c;
}

}  // namespace

int main() {
    asio::io_context loop;
    udp_link left_link = open_link(loop, "127.0.0.1"), right_link = open_link(loop, "127.0.0.2");
    crypto::botan::provider provider;
    auto left = endpoint::make(make_config(left_link, right_link, 1), provider);
    auto right = endpoint::make(make_config(right_link, left_link, 2), provider);
    if (!left || !right) return 1;

    host left_host{"left", left_link}, right_host{"right", right_link};
    io::asio_ike left_ike{loop.get_executor(), *left, left_host}, right_ike{loop.get_executor(), *right, right_host};
    io::asio_reader left_reader{left_link.socket(), [&] { left_ike.receive(left_link); }};
    io::asio_reader right_reader{right_link.socket(), [&] { right_ike.receive(right_link); }};

    if (!left->start(io::asio_now(), sa::policy_id{1})) return 1;
    left_ike.settle();

    asio::steady_timer patience{loop, std::chrono::seconds{20}};
    patience.async_wait([&](const asio::error_code& error) {
        if (!error) loop.stop();
    });
    const auto is_done = [](const host& h) { return h.failed || (h.inbound == 1 && h.outbound == 1); };
    while (!(is_done(left_host) && is_done(right_host)) && loop.run_one() > 0) {}

    // A polite end: the peer is told that everything is over.
    left->close(io::asio_now());
    left_ike.settle();
    while (right->established_count() > 0 && loop.run_one() > 0) {}
    const bool ok = !left_host.failed && !right_host.failed && left_host.outbound == 1 && right_host.outbound == 1 &&
                    right->established_count() == 0 && right->children().empty();
    fmt::print("{}\n", ok ? "negotiated, and closed in order" : "something failed");
    return ok ? 0 : 1;
}
