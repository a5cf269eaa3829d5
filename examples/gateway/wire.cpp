#include "wire.hpp"

#include <algorithm>

#include "ipsec/ip/udp_encap.hpp"
#include "routes.hpp"

namespace gateway {

using namespace ipsec;

auto wire::open(const ip::address& local, std::uint16_t ike_port, std::uint16_t nat_port) -> io::os_result<void> {
    if (const site* const there = find(local)) {
        if (ike_port != 0 && ike_port != there->ike.local().port)
            return std::unexpected{io::os_error{io::errc::not_supported, 0, "a second port for IKE"}};
        if (nat_port == 0 || nat_port == there->nat_port) return {};
        return std::unexpected{io::os_error{io::errc::not_supported, 0, "a second port for ESP in UDP"}};
    }
    if (ike_port == 0) ike_port = 500;
    if (nat_port == 0) nat_port = 4500;
    const io::socket_options options{.mark = routes::mark, .receive_buffer = 4U << 20, .send_buffer = 4U << 20};
    auto ike = io::udp_socket::open({.local = {local, ike_port}, .options = options});
    if (!ike) return std::unexpected{ike.error()};
    auto nat = io::udp_socket::open({.local = {local, nat_port}, .options = options, .in_runs = true});
    if (!nat) return std::unexpected{nat.error()};
    auto esp = io::raw_ip_socket::open({.protocol = ip::next_header::esp, .local = local, .options = options});
    if (!esp) return std::unexpected{esp.error()};
    auto ah = io::raw_ip_socket::open({.protocol = ip::next_header::ah, .local = local, .options = options});
    if (!ah) return std::unexpected{ah.error()};
    sites_.push_back(
        std::make_unique<site>(site{local, nat_port, std::move(*ike), std::move(*nat), std::move(*esp), std::move(*ah)}));
    pending_.emplace_back();
    return {};
}
auto wire::find(const ip::address& local) -> site* {
    for (const auto& s : sites_)
        if (s->local == local) return s.get();
    return nullptr;
}
auto wire::is_ours(const ip::address& a) const -> bool {
    return std::ranges::any_of(sites_, [&](const auto& s) { return s->local == a; });
}

void wire::queue(byte_view sealed, sa::udp_encapsulation in_udp) {
    const auto where = ip::udp_encap::strip(sealed);  // says of ESP what it says of its outer header
    ip::address source;
    if (where) source = where->outer.source;
    else if (const auto seen = ip::read_overview(sealed)) source = seen->flow.source;
    for (std::size_t i = 0; i < sites_.size(); ++i) {
        if (sites_[i]->local != source) continue;
        pending& p = pending_[i];
        if (!where) p.ah.push_back(sealed);
        else if (!in_udp) p.esp.push_back(sealed);
        else
            p.in_udp.push_back({.where = {.local = {source, in_udp.local},
                                          .remote = {where->outer.destination, in_udp.remote},
                                          .traffic_class = where->outer.traffic_class},
                                .octets = sealed.subspan(where->offset, where->length)});
        return;
    }
    ++refused;  // from an address that no socket has
}
void wire::count(const io::burst_outcome& o, std::size_t of) {
    sent += o.done - o.refused;
    refused += of - (o.done - o.refused);
    if (o.refused > 0) last = o.last;
}
void wire::flush() {
    for (std::size_t i = 0; i < sites_.size(); ++i) {
        site& s = *sites_[i];
        pending& p = pending_[i];
        if (!p.esp.empty()) count(s.esp.send(std::span<const byte_view>{p.esp}), p.esp.size());
        if (!p.ah.empty()) count(s.ah.send(std::span<const byte_view>{p.ah}), p.ah.size());
        if (!p.in_udp.empty()) count(s.nat.send(p.in_udp), p.in_udp.size());
        p.esp.clear();
        p.ah.clear();
        p.in_udp.clear();
    }
}

void wire::send(const ike::path& path, byte_view datagram) {
    site* const s = find(path.local.address);
    if (s == nullptr) return;
    auto& socket = path.link.kind == ike::link_kind::udp_encap ? s->nat : s->ike;
    // What is lost here is sent again, as if the network had lost it.
    (void)socket.send(io::outgoing_datagram{.where = {.local = {path.local.address, path.local.port},
                                                      .remote = {path.remote.address, path.remote.port}},
                                            .octets = datagram});
}

}  // namespace gateway
