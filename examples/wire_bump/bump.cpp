#include "bump.hpp"

#include "ipsec/io/frame.hpp"

namespace wire_bump {

using namespace ipsec;
using dataplane::fate;

namespace {

/// What the options name is protected, in their order; everything else passes.
auto make_spd(const options& o) -> policy::spd<> {
    policy::spd<> out;
    std::uint32_t number = 0;
    for (const auto& pair : o.pairs) {
        policy::entry e{
            .id = sa::policy_id{++number}, .action = policy::action::apply, .selectors = {}, .protections = {}, .take = {}};
        e.selectors.traffic.source = pair.local;
        e.selectors.traffic.destination = pair.remote;
        (void)e.protections.push_back(
            {.protocol = sa::protocol::esp, .mode = sa::mode::tunnel, .tunnel = policy::tunnel_ends{o.address, o.peer}});
        (void)out.append_pair(e);
    }
    (void)out.append_pair(
        {.id = sa::policy_id{++number}, .action = policy::action::bypass, .selectors = {}, .protections = {}, .take = {}});
    return out;
}

}  // namespace

bump::bump(const options& o, port& inside, port& outside)
    : own_{o.address},
      peer_{o.peer},
      inside_{inside},
      outside_{outside},
      spd_{make_spd(o)},
      // No hop is taken off: to the hosts the two bumps and what is between them are a piece of wire.
      outbound_{sadb_, spd_, events_, {.forwards = false}},
      inbound_{sadb_, spd_, events_, {.forwards = false}, is_own{o.address}} {
    std::uint32_t number = 0;
    for (const auto& pair : o.pairs) {
        const sa::policy_id id{++number};
        install<sa::outbound>(pair, id, pair.out, true);
        install<sa::inbound>(pair, id, pair.in, false);
    }
}

template <template <class...> class Direction>
void bump::install(const protected_pair& pair, sa::policy_id id, const manual_sa& given, bool outwards) {
    auto p = sa::manual({given.spi, outwards ? peer_ : own_, sa::protocol::esp}, sa::mode::tunnel, outwards ? own_ : peer_);
    p.policy = id;
    p.selectors.source = outwards ? pair.local : pair.remote;
    p.selectors.destination = outwards ? pair.remote : pair.local;
    const auto put = [&]() -> sa::result<void> {
        auto suite = crypto::botan::make_esp_suite(given.suite);
        if (!suite) return std::unexpected{sa::from(suite.error())};
        auto made =
            Direction<crypto::botan::gateway_suite>::make(std::move(p), std::move(*suite), given.key.view(), random_, instant{});
        if (!made) return std::unexpected{made.error()};
        if (const auto h = sadb_.insert(std::move(*made)); !h) return std::unexpected{h.error()};
        return {};
    };
    if (const auto ok = put(); !ok && !fault_)
        fault_ = std::string{outwards ? "SA out: " : "SA in: "} + std::string{name_of(ok.error())};
}

auto bump::turn(instant now) -> bool {
    null_observer nobody;
    gather(inside_, outside_);
    bool more = burst_.size() == burst;
    to_outside out{this};
    outbound_.process(std::span{burst_}, now, out, nobody);
    gather(outside_, inside_);
    more = more || burst_.size() == burst;
    to_inside in{this};
    inbound_.process(std::span{burst_}, now, in, nobody);
    return more;
}

/// Reads a burst of IP packets; frames of the link itself pass at once.
void bump::gather(port& from, port& to) {
    burst_.clear();
    while (burst_.size() < burst) {
        auto f = from.receive();
        if (!f) break;
        if (is_for_a_walk(*f, from, to)) burst_.push_back(std::move(*f));
    }
}

auto bump::is_for_a_walk(frame& f, port& from, port& to) -> bool {
    const bool from_inside = &from == &inside_;
    const byte_view whole = std::as_const(f).octets();
    const auto packet = io::ip_packet_in(io::link_type::ethernet, whole, whole.size());
    if (!packet && packet.error() == io::no_packet::arp) {
        const auto a = arp::parse(whole);
        if (a && from_inside) learn(a->sender, a->sender_mac);
        const bool asks_for_us = a && a->is_request && a->target == own_;
        ++(asks_for_us ? counts_.answered : counts_.link_frames);
        if (asks_for_us) from.send(answer(*a, from.mac()));
        else to.send(whole);
        return false;
    }
    const auto header = packet ? static_cast<std::size_t>(packet->data() - whole.data()) : 0;
    const auto flow = packet ? ip::read_flow(*packet) : std::unexpected{ip::errc::truncated};
    if (!flow || header > frame::max_link) {
        ++counts_.not_ip;
        return false;
    }
    f.strip_link(header, packet->size());
    if (from_inside) learn(flow->source, f.sender());
    if (is_neighbor_discovery(f.octets())) {
        const auto reply = answer_solicitation(f.octets(), f.sender(), own_, from.mac());
        ++(reply ? counts_.answered : counts_.link_frames);
        f.restore_link();
        if (reply) from.send(*reply);
        else to.send(f.octets());
        return false;
    }
    if (flow->destination == own_ && (from_inside || flow->protocol != ip::next_header::esp)) {
        ++counts_.for_bump;
        return false;
    }
    return true;
}

/// Hosts are reached where their own packets came from. What waited for this one goes to it now.
void bump::learn(const ip::address& host, const mac_address& mac) {
    if (!neighbors_.learn(host, mac) || waiting_.empty()) return;
    for (waiter& w : std::exchange(waiting_, {}))
        if (w.host == host) send_to(mac, std::move(w.packet));
        else waiting_.push_back(std::move(w));
}

/// The tunnel's packet goes the way of the one in it: to the next hop that the host chose, at whose far end the peer stands.
void bump::to_outside::emit(frame&& f, const dataplane::verdict& v) noexcept {
    if (v.fate == fate::drop) return;
    f.restore_link();
    b->outside_.send(std::as_const(f).octets());
}

void bump::to_inside::emit(frame&& f, const dataplane::verdict& v) noexcept {
    if (v.fate == fate::drop) return;
    if (v.fate == fate::deliver) return b->deliver(std::move(f));
    f.restore_link();
    b->inside_.send(std::as_const(f).octets());
}

/// A packet that came through the tunnel. A host that is not known yet is asked for; who waits longest makes room for others.
void bump::deliver(frame&& f) {
    const auto flow = ip::read_flow(f.octets());
    if (!flow) return;
    if (const auto to = neighbors_.find(flow->destination)) return send_to(*to, std::move(f));
    if (waiting_.size() == max_waiting) {
        waiting_.pop_front();
        ++counts_.no_neighbor;
    }
    waiting_.push_back({flow->destination, std::move(f)});
    inside_.send(probe(flow->destination, inside_.mac()));
}

/// The Ethernet address on the tunnel's packet may have been the bump's own.
void bump::send_to(const mac_address& host, frame&& f) {
    f.set_destination(host);
    f.restore_link();
    inside_.send(std::as_const(f).octets());
}

}  // namespace wire_bump
