#include "neighbors.hpp"

#include "ipsec/ip/flow.hpp"
#include "ipsec/ip/pseudo_header.hpp"
#include "ipsec/ip/v6.hpp"
#include "ipsec/wire/reader.hpp"
#include "ipsec/wire/writer.hpp"

namespace wire_bump {

using namespace ipsec;

namespace {

constexpr std::uint16_t ethertype_arp = 0x0806, ethertype_ipv6 = 0x86dd;
constexpr std::uint8_t solicitation = 135, advertisement = 136;
constexpr std::byte target_mac_option{2};
constexpr mac_address everybody{std::byte{0xff}, std::byte{0xff}, std::byte{0xff},
                                std::byte{0xff}, std::byte{0xff}, std::byte{0xff}};

auto arp_frame(bool is_request, const mac_address& to, const arp& a, const mac_address& target_mac) -> std::vector<std::byte> {
    std::vector<std::byte> out(42);
    wire::writer w{out};
    w.put_octets(to).put_octets(a.sender_mac).put(ethertype_arp);
    w.put(std::uint16_t{1}).put(std::uint16_t{0x0800}).put(std::uint8_t{6}).put(std::uint8_t{4});
    w.put(static_cast<std::uint16_t>(is_request ? 1 : 2));
    w.put_octets(a.sender_mac).put_octets(a.sender.octets()).put_octets(target_mac).put_octets(a.target.octets());
    return out;
}

/// The Ethernet address of an IPv6 multicast group.                                                    RFC 2464 §7
auto group_mac(const ip::address& group) -> mac_address {
    mac_address m{std::byte{0x33}, std::byte{0x33}};
    copy_octets(group.octets().last(4), byte_span{m}.subspan(2));
    return m;
}

/// A solicitation or an advertisement about `target`.                                                  RFC 4861 §4.3, §4.4
/// @param flags  first octet behind the checksum
/// @param option  with the Ethernet address `from`, or none
auto nd_frame(std::uint8_t type, std::byte flags, const mac_address& to, const mac_address& from, const ip::address& source,
              const ip::address& destination, const ip::address& target, std::optional<std::byte> option)
    -> std::vector<std::byte> {
    const std::size_t size = option ? 32 : 24;
    std::vector<std::byte> out(14 + ip::v6::header_size + size);
    wire::writer w{out};
    w.put_octets(to).put_octets(from).put(ethertype_ipv6);
    const ip::v6::header h{.payload_length = static_cast<std::uint16_t>(size),
                           .next = ip::next_header::icmp_v6,
                           .hop_limit = 255,
                           .source = source,
                           .destination = destination};
    (void)h.emit(w.claim(ip::v6::header_size));
    const byte_span icmp = byte_span{out}.last(size);
    w.put(type).put(std::uint8_t{0}).put(std::uint16_t{0}).put(std::to_integer<std::uint8_t>(flags)).put_zeros(3);
    w.put_octets(target.octets());
    if (option) w.put(std::to_integer<std::uint8_t>(*option)).put(std::uint8_t{1}).put_octets(from);
    wire::store(icmp.subspan(2), ip::upper_checksum(source, destination, ip::next_header::icmp_v6, icmp));
    return out;
}

}  // namespace

auto neighbors::learn(const ip::address& host, const mac_address& mac) -> bool {
    if (host.is_unspecified() || host.is_multicast() || (hosts_.size() >= max_hosts && !hosts_.contains(host))) return false;
    const auto [at, is_new] = hosts_.insert_or_assign(host, mac);
    return is_new;
}
auto neighbors::find(const ip::address& host) const -> std::optional<mac_address> {
    const auto at = hosts_.find(host);
    if (at == hosts_.end()) return std::nullopt;
    return at->second;
}

auto arp::parse(byte_view frame) -> std::optional<arp> {
    wire::reader r{frame};
    r.skip(12);
    const auto ethertype = r.take<std::uint16_t>(), link = r.take<std::uint16_t>(), network = r.take<std::uint16_t>();
    const auto sizes = r.take<std::uint16_t>(), operation = r.take<std::uint16_t>();
    arp a{.is_request = operation == 1, .sender_mac = {}, .sender = {}, .target = {}};
    const byte_view rest = r.take_rest();
    if (ethertype != ethertype_arp || link != 1 || network != 0x0800 || sizes != 0x0604 || rest.size() < 20) return std::nullopt;
    copy_octets(rest.first(6), a.sender_mac);
    a.sender = ip::address::of(ip::family::v4, rest.subspan(6, 4));
    a.target = ip::address::of(ip::family::v4, rest.subspan(16, 4));
    return a;
}

auto answer(const arp& request, const mac_address& mac) -> std::vector<std::byte> {
    const arp reply{.is_request = false, .sender_mac = mac, .sender = request.target, .target = request.sender};
    return arp_frame(false, request.sender_mac, reply, request.sender_mac);
}

auto answer_solicitation(byte_view packet, const mac_address& sender, const ip::address& own, const mac_address& mac)
    -> std::optional<std::vector<std::byte>> {
    const auto seen = ip::read_overview(packet);
    if (!own.is_v6() || !seen || seen->flow.icmp_type != solicitation || !is_neighbor_discovery(packet)) return std::nullopt;
    const byte_view icmp = packet.first(seen->length).subspan(seen->upper_offset);
    if (icmp.size() < 24 || ip::address::of(ip::family::v6, icmp.subspan(8, 16)) != own) return std::nullopt;
    const ip::address& asker = seen->flow.source;
    if (ip::upper_checksum(asker, seen->flow.destination, ip::next_header::icmp_v6, icmp) != 0) return std::nullopt;
    // Who has no address yet hears it as one of all nodes.                                              RFC 4861 §7.2.4
    const bool anonymous = asker.is_unspecified();
    const auto all_nodes = ip::address::v6({0xff02, 0, 0, 0, 0, 0, 0, 1});
    return nd_frame(advertisement, std::byte(anonymous ? 0x20 : 0x60), anonymous ? group_mac(all_nodes) : sender, mac, own,
                    anonymous ? all_nodes : asker, own, target_mac_option);
}

auto probe(const ip::address& host, const mac_address& mac) -> std::vector<std::byte> {
    if (host.is_v4()) {
        const arp a{.is_request = true, .sender_mac = mac, .sender = ip::address::lowest(ip::family::v4), .target = host};
        return arp_frame(true, everybody, a, mac_address{});
    }
    auto group = std::array<std::byte, 16>{};
    copy_octets(ip::address::v6({0xff02, 0, 0, 0, 0, 1, 0xff00, 0}).octets().first(13), group);
    copy_octets(host.octets().last(3), byte_span{group}.last(3));
    const auto to = ip::address::of(ip::family::v6, group);
    return nd_frame(solicitation, std::byte{0}, group_mac(to), mac, ip::address::lowest(ip::family::v6), to, host, std::nullopt);
}

auto is_neighbor_discovery(byte_view packet) -> bool {
    const auto flow = ip::read_flow(packet);
    return flow && flow->protocol == ip::next_header::icmp_v6 && flow->icmp_type && *flow->icmp_type >= 133 &&
           *flow->icmp_type <= 137 && packet[7] == std::byte{255};
}

}  // namespace wire_bump
