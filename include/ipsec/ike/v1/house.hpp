#pragma once
/// What all ISAKMP SAs of an endpoint share: configuration, providers, queues, child SAs.
///
/// Part of `endpoint.hpp`; users have no need for it.
#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "ipsec/ike/v1/anybody.hpp"
#include "ipsec/ike/v1/bound_addresses.hpp"
#include "ipsec/ike/v1/config_check.hpp"
#include "ipsec/ike/v1/detail/transaction_states.hpp"
#include "ipsec/ike/v1/fragmentation.hpp"
#include "ipsec/ike/v1/informational.hpp"
#include "ipsec/ike/v1/peer_room.hpp"
#include "ipsec/ike/v1/quick_mode.hpp"
#include "ipsec/sa/index.hpp"

namespace ipsec::ike::v1 {

template <class Traits> struct observer_of {
    using type = null_observer;
};
template <class Traits>
    requires requires { typename Traits::observer; }
struct observer_of<Traits> {
    using type = typename Traits::observer;
};

template <class Traits>
struct house {
    using provider = typename Traits::provider;
    using observer = typename observer_of<Traits>::type;
    using environment = v1::environment<provider, observer>;
    using quick_environment = quick_mode::environment<provider, observer>;
    struct outgoing {
        ike::path path;
        octets datagram;           ///< the ISAKMP message, without what the link puts in front of it
        bool is_keepalive = false; ///< a NAT-keepalive instead of a message
        cutting pieces{};          ///< where it goes out in pieces
    };

    house(config c, provider& p, observer& o)
        : settings{std::move(c)}, crypto{p}, watcher{o}, rooms(settings.peers.size()) {}
    house(config c, provider& p)
        requires std::same_as<observer, null_observer>
        : settings{std::move(c)}, crypto{p}, watcher{nobody}, rooms(settings.peers.size()) {}
    house(const house&) = delete;
    auto operator=(const house&) -> house& = delete;

    null_observer nobody{};  ///< looks on where nobody else does
    config settings;
    provider& crypto;
    observer& watcher;
    instant now{};
    std::deque<event> events{};
    std::deque<outgoing> messages{};
    std::vector<peer_room> rooms;  ///< by the number of the peer
    sa::hash_index<sa::spi_key> inbound_spis{};  ///< of pairs and of installs that are asked for: to the number of the peer
    sa::hash_index<sa::id> outbound_ids{};       ///< of pairs: to the number of the peer
    struct doomed_sa {
        peer_id by;
        std::string user;
        isakmp::cookie_pair cookies;
    };
    bound_addresses bound{};  ///< of children with `bind_remote`
    std::map<detail::name_at, std::uint32_t> by_name{};  ///< peers by the identities that they have
    /// Those that may begin with Aggressive Mode and prove none, by both addresses.
    std::map<std::pair<ip::address, ip::address>, std::vector<peer_id>> unproven{};
    std::vector<doomed_sa> doomed{};  ///< ISAKMP SAs that a peer deleted under another one
    static constexpr unsigned ticket_bits = 40;
    std::uint64_t tickets = 0;
    std::uint16_t fragment_ids = 0;
    std::deque<dialogue> dialogues{};
    std::uint64_t established = 0;  ///< counts ISAKMP SAs, so that the newest is known
    std::uint32_t pairs = 0;

    [[nodiscard]] auto peer(peer_id id) const -> const peer_config& { return settings.peers[id.value()]; }
    [[nodiscard]] auto room(peer_id id) -> peer_room& { return rooms[id.value()]; }
    [[nodiscard]] auto room(peer_id id) const -> const peer_room& { return rooms[id.value()]; }
    [[nodiscard]] auto children_of(peer_id id) -> std::vector<child_pair>& { return rooms[id.value()].children; }
    [[nodiscard]] auto children_of(peer_id id) const -> const std::vector<child_pair>& { return rooms[id.value()].children; }
    [[nodiscard]] auto env(peer_id id, const ike::path& at) -> environment {
        return {now, crypto, watcher, peer(id), id, at, room(id).groups};
    }
    /// Whether the group is one, by the peer's limits: what is known of it already, or else nothing.
    [[nodiscard]] auto verdict_on(peer_id id, const crypto::private_group& g) const -> std::optional<bool> {
        if (std::ranges::find(room(id).groups, g, &named_group::parts) != room(id).groups.end()) return true;
        const auto at = std::ranges::find(room(id).judged, g, &judged_group::parts);
        return at == room(id).judged.end() ? std::nullopt : std::optional{at->good};
    }
    /// The same; what is not known is found out, which is slow. @return as `crypto::check`
    /// @param may_push_out  verdicts that are known, where there is no room for one more
    [[nodiscard]] auto judge(peer_id id, const crypto::private_group& g, bool may_push_out = true) -> crypto::result<void> {
        if (const auto known = verdict_on(id, g))
            return *known ? crypto::result<void>{} : std::unexpected{crypto::errc::bad_group};
        const auto ok = crypto::check(g, peer(id).new_group_limits, crypto);
        if (!ok && ok.error() != crypto::errc::bad_group) return ok;
        auto& judged = room(id).judged;
        if (may_push_out && !judged.empty() && judged.size() >= settings.limits.private_groups) judged.erase(judged.begin());
        if (judged.size() < settings.limits.private_groups) judged.push_back({g, ok.has_value()});
        return ok;
    }

    /// The peer of this name that may begin with Aggressive Mode from there. One with an address of its own has to come from it.
    ///                                                                                                  RFC 2409 §5.4
    // req: rfc2409-5.4-m1
    [[nodiscard]] auto find_by_name(const ike::path& at, const identity& who) const -> std::optional<peer_id> {
        for (const ip::address& remote : {at.remote.address, any_like(at.remote.address)}) {
            const auto found = by_name.find({at.local.address, remote, who.type(), {who.data().begin(), who.data().end()}});
            if (found != by_name.end() && settings.peers[found->second].modes.accept_aggressive) return peer_id{found->second};
        }
        return std::nullopt;
    }
    /// Whose such an Aggressive Mode may be, to be tried in this order: a hybrid client may say the name of another peer, or none
    /// where one is wanted of it. Whoever says none is the only such peer of his address, or nobody.
    ///                                                                        draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2
    [[nodiscard]] auto find_all_by_name(const ike::path& at, const identity& who) const -> static_vector<peer_id, 2> {
        static_vector<peer_id, 2> out;
        if (const auto named = find_by_name(at, who)) (void)out.push_back(*named);
        if (!who.is_none()) {
            if (const auto any = find_by_name(at, identity::none())) (void)out.push_back(*any);
            return out;
        }
        if (!out.empty()) return out;
        for (const ip::address& remote : {at.remote.address, any_like(at.remote.address)}) {
            const auto found = unproven.find({at.local.address, remote});
            if (found == unproven.end()) continue;
            if (found->second.size() == 1) (void)out.push_back(found->second.front());
            break;
        }
        return out;
    }
    /// The peer of this name that may begin with Main Mode from anywhere.
    [[nodiscard]] auto find_anybody(const ike::path& at, const identity& who) const -> std::optional<peer_id> {
        const auto found = by_name.find(
            {at.local.address, any_like(at.remote.address), who.type(), {who.data().begin(), who.data().end()}});
        if (found != by_name.end() && serves_anybody(settings.peers[found->second])) return peer_id{found->second};
        return who.is_none() ? std::nullopt : find_anybody(at, identity::none());
    }
    /// The address that stands for any of its family.
    [[nodiscard]] static auto any_like(const ip::address& a) -> ip::address {
        return a.is_v4() ? ip::address::v4(0, 0, 0, 0) : ip::address::lowest(ip::family::v6);
    }
    /// A ticket says by itself which peer it is about, so that its answer finds its way at once. Never 0.
    [[nodiscard]] auto next_ticket(peer_id p) -> crypto::ticket {
        const std::uint64_t whose = (std::uint64_t{p.value()} + 1) << ticket_bits;
        return crypto::ticket{whose | (++tickets & ((std::uint64_t{1} << ticket_bits) - 1))};
    }
    /// A number that is no peer's for a ticket that was not made here.
    [[nodiscard]] static auto peer_of(crypto::ticket t) -> std::uint64_t { return (t.value() >> ticket_bits) - 1; }

    void report(const fault& f, const ike::path& at, const isakmp::header& h, bool authenticated = false) {
        tell(watcher, audit_record{now, f.why, f.detail, at, h.cookies(), h.exchange, h.id, authenticated});
    }
    /// Puts a message into the queue; over the limit it is dropped, and a retransmission makes up for it.
    void send(const ike::path& at, const octets& datagram, byte_view payloads, std::string_view state, unsigned transmission) {
        if constexpr (observes<observer, message_trace>) {
            if (const auto h = isakmp::header::parse(datagram))
                watcher.on(message_trace{now, direction::out, at, *h, datagram, payloads, state,
                                         static_cast<std::uint8_t>(std::min(transmission, 255U))});
        }
        const auto put = [&](const ike::path& to, const octets& d) {
            if (messages.size() < settings.limits.queue) messages.push_back({to, d});
        };
        if constexpr (spoils_messages<provider>) crypto.send(at, datagram, transmission, put);
        else put(at, datagram);
    }
    void send_keepalive(const ike::path& at) {
        if (messages.size() < settings.limits.queue) messages.push_back({at, {}, true});
    }
    void trace_in(const ike::path& at, const isakmp::header& h, byte_view datagram, byte_view payloads, std::string_view state) {
        tell(watcher, message_trace{now, direction::in, at, h, datagram, payloads, state, 1});
    }
    // --- whose SA is it? ---
    void own_inbound(const sa::id& id, peer_id p) { (void)inbound_spis.insert({id.spi}, p.value()); }
    void own_outbound(const sa::id& id, peer_id p) { (void)outbound_ids.insert(id, p.value()); }
    void disown_inbound(const sa::id& id) { (void)inbound_spis.erase({id.spi}); }
    /// A peer may have named one SPI for two pairs: then the other one keeps it.
    void disown_outbound(const sa::id& id, peer_id p) {
        const bool still = std::ranges::any_of(children_of(p), [&](const child_pair& c) {
            return std::ranges::find(c.outbound, id) != c.outbound.end();
        });
        if (!still) (void)outbound_ids.erase(id);
    }
    /// Calls `f(child_pair&)` for each pair that the SA belongs to. `f` neither adds nor drops pairs.
    template <class F> void for_pairs_with(const sa::id& id, F&& f) {
        const std::uint32_t in = inbound_spis.find({id.spi}), out = outbound_ids.find(id);
        for (const std::uint32_t p : {in, out == in ? decltype(inbound_spis)::absent : out})
            if (p < rooms.size())
                for (child_pair& c : rooms[p].children)
                    if (c.has(id)) f(c);
    }
    /// An SPI that no SA of this endpoint has. The SADB has the last word when the SA is installed.
    [[nodiscard]] auto draw_spi() -> result<std::uint32_t> {
        for (int i = 0; i < 16; ++i) {
            std::array<std::byte, 4> o{};
            if (!crypto.fill(o)) return std::unexpected{errc::no_randomness};
            const auto spi = wire::load<std::uint32_t>(o);
            if (spi >= 256 && inbound_spis.find({sa::spi{spi}}) == decltype(inbound_spis)::absent) return spi;
        }
        return std::unexpected{errc::no_randomness};
    }
    [[nodiscard]] auto draw_spis(std::size_t n) -> result<std::vector<child_spis>> {
        std::vector<child_spis> out(n);
        for (child_spis& s : out) {
            const auto esp = draw_spi(), ah = draw_spi();
            if (!esp || !ah) return std::unexpected{errc::no_randomness};
            s = {*esp, *ah};
        }
        return out;
    }
    /// When to replace an SA of this life. The initiator goes first, at a moment that chance picks, so that the two ends do not
    /// meet; the responder follows only if nothing happened.
    [[nodiscard]] auto soft_limit(std::uint64_t whole, role r) -> std::uint64_t {
        const std::uint64_t margin = whole / 100 * settings.margin_percent + whole % 100 * settings.margin_percent / 100;
        if (r == role::responder) return whole - margin / 2;
        return whole - margin / 2 * 2 - by_chance(margin / 2);
    }
    /// As above, in seconds, for an SA that has its own time for that.
    [[nodiscard]] auto soft_limit(std::uint64_t whole, role r, const std::optional<rekey_time>& own) -> std::uint64_t {
        if (!own || own->after >= whole) return soft_limit(whole, r);
        if (r == role::responder) return own->after + (whole - own->after) / 2;
        return own->after - by_chance(own->chance);
    }
    /// A number up to `most`.
    [[nodiscard]] auto by_chance(std::uint64_t most) -> std::uint64_t {
        std::array<std::byte, 4> o{};
        (void)crypto.fill(o);  // without chance the moment is merely a fixed one
        const std::uint64_t part = wire::load<std::uint32_t>(o) % 1024;
        return most / 1024 * part + most % 1024 * part / 1024;
    }

    /// Asks for the outbound SAs of the peer's pairs that `which(late_use)` picks.
    template <class Which> void use(peer_id p, Which&& which) {
        std::vector<late_use>& late = room(p).late;
        // Packets take the outbound SA that was installed last: an older pair for the same traffic must not follow its successor.
        const auto pair = [&](const late_use& l) { return std::ranges::find(room(p).children, l.number, &child_pair::number); };
        const auto goes_first = [&](const late_use& l) {
            return std::ranges::any_of(late, [&](const late_use& o) {
                const auto a = pair(l), b = pair(o), end = room(p).children.end();
                return a != end && b != end && a->is_followed_by(*b) && which(o);
            });
        };
        std::vector<std::uint32_t> now_used;
        for (const late_use& l : std::as_const(late))
            if (which(l) || goes_first(l)) now_used.push_back(l.number);
        std::erase_if(late, [&](late_use& l) {
            if (std::ranges::find(now_used, l.number) == now_used.end()) return false;
            for (event& e : l.events) events.push_back(std::move(e));
            return true;
        });
    }
    /// Message 3 was lost, and went out again. A few times: anybody can repeat a message that he saw.
    void use_later(peer_id p, const isakmp::cookie_pair& made_under, isakmp::message_id id) {
        for (late_use& l : room(p).late)
            if (l.made_under == made_under && l.message_id == id && l.repeated++ < 3)
                l.at = std::max(l.at, now + settings.outbound_delay);
    }
    /// Whether a pair for this traffic stands and is about to be used.
    [[nodiscard]] auto is_late(peer_id p, std::size_t child, const std::optional<client>& local,
                               const std::optional<client>& remote) const -> bool {
        return std::ranges::any_of(children_of(p), [&](const child_pair& c) {
            return c.serves(p, child, local, remote) &&
                   std::ranges::any_of(room(p).late, [&](const late_use& l) { return l.number == c.number; });
        });
    }

    /// An ISAKMP SA came to stand there.
    void found(peer_id p, const ike::path& at, const nat_view& nat) {
        whereabouts& w = room(p).known.emplace(whereabouts{at, nat, instant::never()});
        w.keepalive_at = next_keepalive(p, w);
    }
    /// Whoever is behind a NAT keeps its mapping alive, once the peer is on the port for it.   RFC 3948 §4
    // req: rfc3948-4-3
    [[nodiscard]] auto next_keepalive(peer_id p, const whereabouts& w) const -> instant {
        const duration every = peer(p).nat.keepalive;
        if (!w.nat.here || w.path.link.kind != link_kind::udp_encap || every == duration{}) return instant::never();
        return now + every;
    }
    /// Whether the SAs of a pair go from one of these hosts to the other. Those between clients' own addresses do not say.
    [[nodiscard]] auto goes_by(const child_pair& c, const ike::path& at) const -> bool {
        const auto all_to = [](const auto& ids, const ip::address& a) {
            return std::ranges::all_of(ids, [&](const sa::id& id) { return id.destination == a; });
        };
        return peer(c.peer).children[c.child].transport_for_clients ||
               (all_to(c.inbound, at.local.address) && all_to(c.outbound, at.remote.address));
    }
    /// A NAT gave the peer another port: all that goes to it at this address goes there. It may have others, with SAs of their
    /// own: devices that share an identity.
    void moved(peer_id p, const ike::path& to) {
        auto& known = room(p).known;
        if (!known) return;
        auto& children = room(p).children;
        auto& late = room(p).late;
        if (same_hosts(known->path, to)) known->path = to;
        const sa::udp_encapsulation ports{to.local.port, to.remote.port};
        for (child_pair& c : children) {
            if (!c.encapsulation || !goes_by(c, to)) continue;
            c.encapsulation = ports;
            const auto waits = std::ranges::find(late, c.number, &late_use::number);
            if (waits == late.end())
                for (const sa::id& id : c.outbound) events.emplace_back(sa::update_path{id, ports});
            else
                for (event& e : waits->events)
                    if (auto* out = std::get_if<sa::install_outbound>(&e)) out->encapsulation = ports;
        }
    }

    /// A replacement did not come about: it is tried again later, as long as the pair lives.
    void rekey_failed(peer_id p, std::size_t child, const std::optional<client>& local, const std::optional<client>& remote) {
        for (child_pair& c : children_of(p))
            if (c.serves(p, child, local, remote) && c.rekey_started && c.retire == instant::never()) {
                c.rekey_started = false;
                c.soft = now + settings.retransmit.longest;
            }
    }
    /// Removes a pair on this side: the `i`th of the peer. One that was about to give way to it, and to no other, stays in use.
    void drop(peer_id p, std::size_t i) {
        std::vector<child_pair>& children = children_of(p);
        use(p, [&](const late_use& l) { return l.number == children[i].number; });
        for (const auto& ids : {children[i].inbound, children[i].outbound})
            for (const sa::id& id : ids) events.emplace_back(sa::remove{id});
        const child_pair gone = children[i];
        children.erase(children.begin() + static_cast<std::ptrdiff_t>(i));
        for (const sa::id& id : gone.inbound) {
            disown_inbound(id);
            bound.release(id.spi);
        }
        for (const sa::id& id : gone.outbound) disown_outbound(id, p);
        for (child_pair& c : children) {
            if (!c.is_followed_by(gone) || c.retire == instant::never() ||
                std::ranges::any_of(children, [&](const child_pair& o) { return c.is_followed_by(o); }))
                continue;
            c.retire = instant::never();
            c.rekey_started = false;
            c.soft = std::max(c.soft, now + settings.retransmit.longest * (c.role == role::responder ? 2 : 1));
        }
    }
};

/// Traffic of an SA in one direction.
[[nodiscard]] inline auto selector_of(const client& from, const client& to) -> ip::selector {
    ip::selector s;
    s.source = from.addresses;
    s.destination = to.addresses;
    const std::uint8_t protocol = from.protocol != 0 ? from.protocol : to.protocol;
    if (protocol != 0) s.protocol = ip::protocol_selector{static_cast<ip::next_header>(protocol)};
    if (from.port != 0) s.source_port = ip::port_range{from.port};
    if (to.port != 0) s.destination_port = ip::port_range{to.port};
    return s;
}

}  // namespace ipsec::ike::v1
