#include "host.hpp"

#include <algorithm>
#include <vector>

#include "ipsec/core/overloaded.hpp"

namespace lwip_hosts {

using namespace ipsec;
using dataplane::drop;
using dataplane::fate;

namespace {

constexpr sa::policy_id for_ike{1}, for_the_rest{2};
constexpr std::uint16_t ike_udp_port = 500;

/// IKE passes as it is, everything else between the two is protected; what no entry takes is discarded.
auto make_spd(const ip::address& here, const ip::address& peer, bool clear) -> policy::spd<> {
    policy::spd<> out;
    policy::entry ike{.id = for_ike, .action = policy::action::bypass, .selectors = {}, .protections = {}, .take = {}};
    ike.selectors.traffic = {.source = here,
                             .destination = peer,
                             .protocol = ip::next_header::udp,
                             .source_port = ike_udp_port,
                             .destination_port = ike_udp_port,
                             .icmp = {}};
    policy::entry rest{.id = for_the_rest, .action = policy::action::bypass, .selectors = {}, .protections = {}, .take = {}};
    rest.selectors.traffic.source = here;
    rest.selectors.traffic.destination = peer;
    if (!clear) {
        rest.action = policy::action::apply;
        (void)rest.protections.push_back({.protocol = sa::protocol::esp, .mode = sa::mode::transport});
    }
    (void)out.append_pair(ike);
    (void)out.append_pair(rest);
    return out;
}

auto make_config(const ip::address& here, const ip::address& peer, const crypto::transform& suite) -> ike::v1::config {
    ike::v1::peer_config p;
    p.path = {.local = {here}, .remote = {peer}};
    p.psk = ike::v1::psk_of("two lwIP hosts share this secret");
    ike::v1::child_config c;
    c.policy = for_the_rest;
    c.mode = sa::mode::transport;
    c.suites = {{.esp = suite}};
    p.children.push_back(std::move(c));
    ike::v1::config out;
    out.peers.push_back(std::move(p));
    return out;
}

/// Octets by which ESP in transport mode lengthens a packet at most.                                   RFC 2406 §2
auto overhead_of(const crypto::transform& t) -> std::uint16_t {
    const auto suite = crypto::botan::make_esp_suite(t);
    if (!suite) return 0;
    const std::size_t block = std::max(suite->block_size(), std::size_t{4});
    return static_cast<std::uint16_t>(esp::header::size + suite->iv_size() + block - 1 + esp::trailer_size + suite->icv_size());
}

}  // namespace

host::host(const ip::address& here, const ip::address& peer, const options& o, wire& link)
    : here_{here},
      peer_{peer},
      link_{link},
      spd_{make_spd(here, peer, o.clear)},
      outbound_{sadb_, spd_, events_},
      inbound_{sadb_, spd_, events_} {
    if (auto ike = ike::v1::endpoint<traits>::make(make_config(here, peer, o.suite), provider_)) ike_.emplace(std::move(*ike));
    else fail("IKE: " + std::string{name_of(ike.error())});
    // What TCP sends has to fit into the wire with ESP around it.
    mtu_ = static_cast<std::uint16_t>(wire::mtu - (o.clear ? 0 : overhead_of(o.suite)));
    lwip_init();
    if (!set_up_interface()) fail("lwIP takes no interface");
    else if (!open_ike_port()) fail("lwIP gives no UDP port for IKE");
}

auto host::set_up_interface() -> bool {
    const auto hook = [](netif* n) -> err_t {
        n->name[0] = 'e';
        n->name[1] = 's';
        n->mtu = n->mtu6 = static_cast<host*>(n->state)->mtu_;
        n->output = [](netif* i, pbuf* p, const ip4_addr_t*) { return static_cast<host*>(i->state)->leave_stack(*p); };
        n->output_ip6 = [](netif* i, pbuf* p, const ip6_addr_t*) { return static_cast<host*>(i->state)->leave_stack(*p); };
        return ERR_OK;
    };
    if (netif_add_noaddr(&interface_, this, hook, ip_input) == nullptr) return false;
    const ip_addr_t mine = to_lwip(here_);
    if (here_.is_v4()) {
        const ip_addr_t mask = to_lwip(ip::address::v4(255, 255, 255, 0));
        netif_set_addr(&interface_, ip_2_ip4(&mine), ip_2_ip4(&mask), nullptr);
    } else {
        netif_ip6_addr_set(&interface_, 0, ip_2_ip6(&mine));
        netif_ip6_addr_set_state(&interface_, 0, IP6_ADDR_PREFERRED);
    }
    netif_set_default(&interface_);
    netif_set_link_up(&interface_);
    netif_set_up(&interface_);
    return true;
}

auto host::open_ike_port() -> bool {
    const ip_addr_t mine = to_lwip(here_);
    ike_port_ = udp_new_ip_type(IP_GET_TYPE(&mine));
    if (ike_port_ == nullptr || udp_bind(ike_port_, &mine, ike_udp_port) != ERR_OK) return false;
    const auto heard = [](void* self, udp_pcb*, pbuf* p, const ip_addr_t* from, u16_t port) {
        static_cast<host*>(self)->ike_datagram(p, *from, port);
    };
    udp_recv(ike_port_, heard, this);
    return true;
}

// --- the bump: between lwIP and the wire -------------------------------------------------------------------------------

/// lwIP has a packet for the interface. The pbuf stays lwIP's: TCP may have to send these very octets again, so the packet that
/// is encrypted in place is a copy, the one that a driver without scatter and gather makes anyway.
auto host::leave_stack(const pbuf& p) -> err_t {
    auto packet = pbuf_packet::copy_of(p, buffers_out_);
    if (!packet) return ERR_MEM;
    to_wire sink{this};
    null_observer nobody;
    outbound_.process(std::span{&*packet, 1}, now_, sink, nobody);
    return ERR_OK;
}

void host::to_wire::emit(pbuf_packet&& p, const dataplane::verdict& v) noexcept {
    if (v.fate != fate::drop) h->link_.send(std::as_const(p).octets());
    else if (v.reason == drop::no_sa && h->waiting_.size() < max_waiting) h->waiting_.push_back(std::move(p));
}

/// Packets came off the wire. They are decrypted where they lie, and lwIP gets the same pbufs.
void host::enter(std::span<pbuf_packet> packets) {
    to_stack sink{this};
    null_observer nobody;
    inbound_.process(packets, now_, sink, nobody);
}

void host::to_stack::emit(pbuf_packet&& p, const dataplane::verdict& v) noexcept {
    if (v.fate == fate::drop) return;
    pbuf* const up = p.release();
    if (h->interface_.input(up, &h->interface_) != ERR_OK) pbuf_free(up);
}

// --- IKE over lwIP's UDP -----------------------------------------------------------------------------------------------

void host::ike_datagram(pbuf* p, const ip_addr_t& from, std::uint16_t port) {
    buffer_counts seen_already;
    const auto whole = pbuf_packet::adopt(p, seen_already);
    if (!whole) return;
    ike_->handle_datagram(now_, {{here_, ike_udp_port}, {from_lwip(from), port}, {}}, whole->octets());
    drain_ike();  // at once: the packet behind this one may be the first that comes through the new SA
}

void host::send_ike(const ike::v1::transmit& m) {
    // Refers to the scratch: UDP puts its header in front as a pbuf of its own, so what reaches the interface is a chain.
    pbuf* const p = pbuf_alloc(PBUF_TRANSPORT, static_cast<std::uint16_t>(m.octets.size()), PBUF_REF);
    if (p == nullptr) return;
    p->payload = scratch_.data();
    const ip_addr_t to = to_lwip(m.path.remote.address);
    udp_sendto(ike_port_, p, &to, m.path.remote.port);
    pbuf_free(p);
}

auto host::perform(const ike::v1::event& event) -> bool {
    const auto suite = [](const crypto::transform& t) { return crypto::botan::make_esp_suite(t); };
    const auto mac = [](crypto::integrity_id id) { return crypto::botan::make_mac(id); };
    return std::visit(
        overloaded{[&](const sa::install_inbound& e) { return sa::apply(sadb_, e, suite, mac, provider_, now_).has_value(); },
                   [&](const sa::install_outbound& e) { return sa::apply(sadb_, e, suite, mac, provider_, now_).has_value(); },
                   [&](const sa::remove& e) { return sa::apply(sadb_, e).has_value(); },
                   [&](const ike::v1::exchange_failed& e) {
                       fail("IKE gave up: " + std::string{name_of(e.why)});
                       return true;
                   },
                   [](const auto&) { return true; }},
        event);
}

/// Events of the packets to IKE, events of IKE to the SADB, messages to the wire; then what waited for an SA goes out.
void host::drain_ike() {
    while (const auto up = events_.poll())
        std::visit(overloaded{[&](const sa::acquire& e) { (void)ike_->handle(now_, e); },
                              [&](const sa::soft_expired& e) { ike_->handle(now_, e); },
                              [&](const sa::hard_expired& e) { ike_->handle(now_, e); }, [](const auto&) {}},
                   *up);
    while (const auto e = ike_->poll_event()) ike_->answer(*e, perform(*e));
    while (const auto m = ike_->poll_transmit(scratch_)) send_ike(*m);
    if (waiting_.empty() || sadb_.outbound_size() == 0) return;
    std::vector<pbuf_packet> all{std::move_iterator{waiting_.begin()}, std::move_iterator{waiting_.end()}};
    waiting_.clear();
    to_wire sink{this};
    null_observer nobody;
    outbound_.process(std::span{all}, now_, sink, nobody);
}

// --- the turn of the loop ----------------------------------------------------------------------------------------------

void host::turn(instant now) {
    now_ = now;
    std::vector<pbuf_packet> burst;
    while (burst.size() < 32) {
        pbuf* const p = link_.receive();
        if (p == nullptr) break;
        auto packet = pbuf_packet::adopt(p, buffers_in_);
        if (!packet) continue;
        link_.eavesdrop(std::as_const(*packet).octets());
        burst.push_back(std::move(*packet));
    }
    enter(burst);
    sys_check_timeouts();
    if (ike_->poll_timeout() <= now) ike_->handle_timeout(now);
    if (sadb_.deadline() <= now)
        sadb_.expire(now, [&](const sa::id& id, sa::policy_id policy, sa::expiry what) {
            if (what == sa::expiry::hard) ike_->handle(now, sa::hard_expired{id, policy});
            else ike_->handle(now, sa::soft_expired{id, policy});
        });
    drain_ike();
}

auto host::deadline() const -> instant {
    const auto stack = sys_timeouts_sleeptime();
    const instant timers = stack == SYS_TIMEOUTS_SLEEPTIME_INFINITE ? instant::never() : now_ + milliseconds(stack);
    return std::min(timers, ike_->poll_timeout());
}

}  // namespace lwip_hosts
