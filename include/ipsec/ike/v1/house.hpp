#pragma once
/// What all ISAKMP SAs of an endpoint share: configuration, providers, queues, child SAs.
///
/// Part of `endpoint.hpp`; users have no need for it.
#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "ipsec/ike/v1/detail/transaction_states.hpp"
#include "ipsec/ike/v1/fragmentation.hpp"
#include "ipsec/ike/v1/informational.hpp"
#include "ipsec/ike/v1/quick_mode.hpp"

namespace ipsec::ike::v1 {

/// A pair of SAs (or of bundles) in use. It belongs to the endpoint, so that it outlives the ISAKMP SA that made it.
struct child_pair {
    peer_id peer;
    std::size_t child = 0;  ///< place in the peer's `children`
    sa::policy_id policy;
    isakmp::cookie_pair made_under;
    isakmp::message_id message_id;
    v1::role role = v1::role::initiator;
    std::uint32_t number = 0;
    std::optional<client> local{}, remote{};
    static_vector<sa::id, 2> inbound, outbound;
    sa::udp_encapsulation encapsulation;
    v1::lifetime lifetime;
    instant made, soft, hard;
    bool rekey_started = false;
    instant retire = instant::never();  ///< a successor is in use: when to delete this one

    [[nodiscard]] auto has(const sa::id& id) const noexcept -> bool {
        return std::ranges::find(inbound, id) != inbound.end() || std::ranges::find(outbound, id) != outbound.end();
    }
    [[nodiscard]] auto serves(peer_id p, std::size_t c, const std::optional<client>& l,
                              const std::optional<client>& r) const noexcept -> bool {
        return peer == p && child == c && local == l && remote == r;
    }
    /// Whether `o` was made later, by another exchange, for the same traffic.
    [[nodiscard]] auto is_followed_by(const child_pair& o) const noexcept -> bool {
        return o.serves(peer, child, local, remote) && o.number > number && o.message_id != message_id;
    }
};

/// A pair that stands but for its outbound SAs: the peer may not have taken message 3 yet.
struct late_use {
    std::uint32_t number = 0;  ///< of the pair
    isakmp::cookie_pair made_under;
    isakmp::message_id message_id;
    instant at;
    std::vector<event> events;  ///< what the user is told then
    unsigned repeated = 0;      ///< how often the wait began anew
};

/// Where a peer is by its last genuine message, as long as an SA with it stands. It is one place for all SAs: a NAT that forgets
/// its mappings forgets them for all.                                                          RFC 3947 §4, RFC 3948 §4
struct whereabouts {
    ike::path path;
    nat_view nat;
    instant keepalive_at = instant::never();
};

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

    house(config c, provider& p, observer& o) : settings{std::move(c)}, crypto{p}, watcher{o} {}
    house(config c, provider& p)
        requires std::same_as<observer, null_observer>
        : settings{std::move(c)}, crypto{p}, watcher{nobody} {}
    house(const house&) = delete;
    auto operator=(const house&) -> house& = delete;

    null_observer nobody{};  ///< looks on where nobody else does
    config settings;
    provider& crypto;
    observer& watcher;
    instant now{};
    std::deque<event> events{};
    std::deque<outgoing> messages{};
    std::vector<child_pair> children{};
    std::vector<late_use> late{};
    std::map<std::uint32_t, whereabouts> known{};  ///< by the number of the peer
    struct doomed_sa {
        peer_id by;
        isakmp::cookie_pair cookies;
    };
    std::vector<doomed_sa> doomed{};  ///< ISAKMP SAs that a peer deleted under another one
    std::uint64_t tickets = 0;
    std::uint16_t fragment_ids = 0;
    std::deque<dialogue> dialogues{};
    std::uint64_t established = 0;  ///< counts ISAKMP SAs, so that the newest is known
    std::uint32_t pairs = 0;

    [[nodiscard]] auto peer(peer_id id) const -> const peer_config& { return settings.peers[id.value()]; }
    [[nodiscard]] auto env(peer_id id, const ike::path& at) -> environment { return {now, crypto, watcher, peer(id), id, at}; }

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
        if (messages.size() < settings.limits.queue) messages.push_back({at, datagram});
    }
    void send_keepalive(const ike::path& at) {
        if (messages.size() < settings.limits.queue) messages.push_back({at, {}, true});
    }
    void trace_in(const ike::path& at, const isakmp::header& h, byte_view datagram, byte_view payloads, std::string_view state) {
        tell(watcher, message_trace{now, direction::in, at, h, datagram, payloads, state, 1});
    }
    /// An SPI that no SA of this endpoint has. The SADB has the last word when the SA is installed.
    [[nodiscard]] auto draw_spi() -> result<std::uint32_t> {
        for (int i = 0; i < 16; ++i) {
            std::array<std::byte, 4> o{};
            if (!crypto.fill(o)) return std::unexpected{errc::no_randomness};
            const auto spi = wire::load<std::uint32_t>(o);
            const bool used = std::ranges::any_of(children, [&](const child_pair& c) {
                return std::ranges::any_of(c.inbound, [&](const sa::id& id) { return id.spi.value() == spi; });
            });
            if (spi >= 256 && !used) return spi;
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

    /// Asks for the outbound SAs of the pairs that `which(late_use)` picks.
    template <class Which> void use(Which&& which) {
        std::erase_if(late, [&](late_use& l) {
            if (!which(std::as_const(l))) return false;
            for (event& e : l.events) events.push_back(std::move(e));
            return true;
        });
    }
    /// Message 3 was lost, and went out again. A few times: anybody can repeat a message that he saw.
    void use_later(const isakmp::cookie_pair& made_under, isakmp::message_id id) {
        for (late_use& l : late)
            if (l.made_under == made_under && l.message_id == id && l.repeated++ < 3) l.at = now + settings.outbound_delay;
    }
    /// Whether a pair for this traffic stands and is about to be used.
    [[nodiscard]] auto is_late(peer_id p, std::size_t child, const std::optional<client>& local,
                               const std::optional<client>& remote) const -> bool {
        return std::ranges::any_of(children, [&](const child_pair& c) {
            return c.serves(p, child, local, remote) &&
                   std::ranges::any_of(late, [&](const late_use& l) { return l.number == c.number; });
        });
    }

    /// An ISAKMP SA came to stand there.
    void found(peer_id p, const ike::path& at, const nat_view& nat) {
        whereabouts& w = known[p.value()];
        w = {at, nat, instant::never()};
        w.keepalive_at = next_keepalive(p, w);
    }
    /// Whoever is behind a NAT keeps its mapping alive, once the peer is on the port for it.   RFC 3948 §4
    // req: rfc3948-4-3
    [[nodiscard]] auto next_keepalive(peer_id p, const whereabouts& w) const -> instant {
        const duration every = peer(p).nat.keepalive;
        if (!w.nat.here || w.path.link.kind != link_kind::udp_encap || every == duration{}) return instant::never();
        return now + every;
    }
    /// A NAT gave the peer another port: all that goes to it goes there.
    void moved(peer_id p, const ike::path& to) {
        const auto at = known.find(p.value());
        if (at == known.end()) return;
        at->second.path = to;
        const sa::udp_encapsulation ports{to.local.port, to.remote.port};
        for (child_pair& c : children) {
            if (c.peer != p || !c.encapsulation) continue;
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
        for (child_pair& c : children)
            if (c.serves(p, child, local, remote) && c.rekey_started && c.retire == instant::never()) {
                c.rekey_started = false;
                c.soft = now + settings.retransmit.longest;
            }
    }
    /// Removes a pair on this side. One that was about to give way to it, and to no other, stays in use.
    void drop(std::size_t i) {
        use([&](const late_use& l) { return l.number == children[i].number; });
        for (const auto& ids : {children[i].inbound, children[i].outbound})
            for (const sa::id& id : ids) events.emplace_back(sa::remove{id});
        const child_pair gone = children[i];
        children.erase(children.begin() + static_cast<std::ptrdiff_t>(i));
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
