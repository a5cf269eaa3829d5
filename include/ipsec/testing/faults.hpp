#pragma once
/// Faults on purpose, in the messages that an IKEv1 endpoint sends: to see how a peer, ours or anybody's, takes them.
///
///     struct traits { using provider = testing::faulty<crypto::botan::provider>; };
///     provider.plan.add({exchange_type::quick_mode, 1}, testing::omit{payload_type::nonce});
///
/// The hook is the provider of the endpoint's traits: with a provider that is not wrapped in `faulty`, nothing of it is compiled.
/// Payloads are changed before encryption, and by choice before the HASH is made: then the message is genuine for the peer.
#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "ipsec/core/overloaded.hpp"
#include "ipsec/ike/path.hpp"
#include "ipsec/ike/v1/message.hpp"

namespace ipsec::testing {

/// One message of the endpoint: the `nth` of its exchange type, counted from 1; what is sent again does not count.
struct message_pick {
    isakmp::exchange_type exchange{};
    std::size_t nth = 1;
    friend auto operator==(const message_pick&, const message_pick&) -> bool = default;
};

// --- what happens to a message; the first time it is sent, unless it is named otherwise -----------------------------------

struct drop {};
struct twice {};
/// Goes out behind the next `messages` that the endpoint sends; never, if it sends no more.
struct behind {
    std::size_t messages = 1;
};
/// `earlier` goes out once more behind it, octet for octet as it did.
struct replay {
    message_pick earlier{};
};
/// Octets of the datagram, from the header (RFC 2408 §3.1: CKY-I at 0, CKY-R 8, version 17, exchange 18, flags 19, message ID 20,
/// length 24) or from what is behind it, encrypted or not. Each time that it is sent.
struct set_datagram {
    std::size_t at = 0;
    std::vector<std::byte> octets{};
};

// --- what happens to its payloads: each time that it is sent --------------------------------------------------------------

/// Octets of a payload's body, behind the generic header; what reaches past its end is left out.
struct set_octets {
    isakmp::payload_type type{};
    std::size_t at = 0;
    std::vector<std::byte> octets{};
    std::size_t place = 0;  ///< among the payloads of this type
};
struct set_body {
    isakmp::payload_type type{};
    std::vector<std::byte> body{};
    std::size_t place = 0;
};
struct omit {
    isakmp::payload_type type{};
    std::size_t place = 0;
};
/// The payload stands there twice, one behind the other.
struct repeat {
    isakmp::payload_type type{};
    std::size_t place = 0;
};
/// The generic header says this length, whatever is true.
struct set_length {
    isakmp::payload_type type{};
    std::uint16_t length = 0;
    std::size_t place = 0;
};
using payload_fault = std::variant<set_octets, set_body, omit, repeat, set_length>;
using datagram_fault = std::variant<drop, twice, behind, replay, set_datagram>;

/// When a HASH over the other payloads is made, where there is one.
enum class hashed : std::uint8_t {
    after_the_fault,   ///< it covers the fault: the message is genuine
    before_the_fault,  ///< it does not hold any more
};

/// The faults to come, what was sent so far, and what waits.
class fault_plan {
public:
    void add(const message_pick& m, datagram_fault f) { datagrams_.push_back({m, std::move(f)}); }
    void add(const message_pick& m, payload_fault f, hashed h = hashed::after_the_fault) {
        payloads_.push_back({m, std::move(f), h});
    }
    /// The next values of these, instead of what chance would give. A nonce may have any length; a message ID is that of the next
    /// exchange under an ISAKMP SA, whether it was used before or not, and INITIAL-CONTACT is one.
    void force_cookie(const isakmp::cookie_i& c) { cookies_.push_back(c); }
    void force_nonce(std::vector<std::byte> n) { nonces_.push_back(std::move(n)); }
    void force_message_id(isakmp::message_id id) { ids_.push_back(id); }
    /// How many faults were done: a plan that hit nothing tests nothing.
    [[nodiscard]] auto done() const noexcept -> std::size_t { return done_; }

    // --- the endpoint's side, by way of `faulty` ---
    [[nodiscard]] auto next_cookie() -> std::optional<isakmp::cookie_i> { return next(cookies_); }
    [[nodiscard]] auto next_nonce() -> std::optional<std::vector<std::byte>> { return next(nonces_); }
    [[nodiscard]] auto next_message_id() -> std::optional<isakmp::message_id> { return next(ids_); }

    /// Writes the message in `b` anew with its faults. The first payload stays claimed where a HASH is still to be made.
    void spoil(isakmp::builder& b, byte_span room, ike::v1::message_stage stage) {
        const auto h = isakmp::header::parse(room);
        if (!h) return;
        const message_pick m{h->exchange, sent_[h->exchange] + 1};
        const bool before_hash = stage == ike::v1::message_stage::before_hash;
        // A message that has no HASH over its payloads has one stage only, and both kinds of fault are done there.
        const auto concerns = [&](const payload_rule& r) {
            return r.message == m && (before_hash ? r.when == hashed::after_the_fault
                                                  : r.when == hashed::before_the_fault || hashed_ != m);
        };
        if (before_hash) hashed_ = m;
        if (std::ranges::none_of(payloads_, concerns)) return;
        std::vector<part> parts = read(b.close().first(), b.chain_so_far());
        for (const payload_rule& r : payloads_)
            if (concerns(r)) done_ += apply(parts, r.fault) ? 1U : 0U;
        write(b, room, *h, parts, before_hash);
    }
    /// Hands what really goes out to `emit(path, octets)`.
    template <class Emit>
    void send(const ike::path& at, byte_view datagram, unsigned transmission, Emit&& emit) {
        const auto h = isakmp::header::parse(datagram);
        if (!h) return emit(at, ike::v1::to_octets(datagram));
        const message_pick m = number(*h, datagram, transmission);
        std::vector<std::byte> octets = h->flags.encrypted() ? ike::v1::to_octets(datagram) : spoilt(m, *h, datagram);
        std::size_t copies = 1, late = 0;
        std::vector<message_pick> again;
        for (const datagram_rule& r : datagrams_) {
            if (r.message != m) continue;
            if (transmission > 1 && !std::holds_alternative<set_datagram>(r.fault)) continue;
            ++done_;
            std::visit(
                overloaded{[&](const drop&) { copies = 0; }, [&](const twice&) { copies = 2; },
                           [&](const behind& f) { late = f.messages; }, [&](const replay& f) { again.push_back(f.earlier); },
                           [&](const set_datagram& f) { overwrite(octets, f.at, f.octets); }},
                r.fault);
        }
        history_.push_back({m, octets});
        if (history_.size() > most_remembered) history_.pop_front();
        if (late > 0) waiting_.push_back({late, at, octets});
        else
            for (std::size_t i = 0; i < copies; ++i) emit(at, octets);
        for (const message_pick& w : again)
            for (const past& p : history_)
                if (p.message == w) {
                    emit(at, p.octets);
                    break;
                }
        if (late == 0) release(emit);
    }

private:
    static constexpr std::size_t most_remembered = 256;
    struct payload_rule {
        message_pick message;
        payload_fault fault;
        hashed when{};
    };
    struct datagram_rule {
        message_pick message;
        datagram_fault fault;
    };
    struct part {
        isakmp::payload_type type{};
        std::vector<std::byte> body;
        std::optional<std::uint16_t> length{};
    };
    struct past {
        message_pick message;
        std::vector<std::byte> octets;
    };
    struct waiting {
        std::size_t messages;
        ike::path at;
        std::vector<std::byte> octets;
    };
    struct original {
        std::vector<std::byte> octets;
        std::size_t nth;
    };

    template <class T> [[nodiscard]] static auto next(std::deque<T>& list) -> std::optional<T> {
        if (list.empty()) return std::nullopt;
        std::optional<T> out{std::move(list.front())};
        list.pop_front();
        return out;
    }
    static void overwrite(std::vector<std::byte>& to, std::size_t at, byte_view with) {
        for (std::size_t i = 0; i < with.size() && at + i < to.size(); ++i) to[at + i] = with[i];
    }
    [[nodiscard]] static auto read(isakmp::payload_type first, byte_view octets) -> std::vector<part> {
        std::vector<part> out;
        const auto chain = isakmp::chain::parse(
            first, octets, {.behind = isakmp::trailing::tolerated, .unknown = isakmp::unknown_payloads::kept});
        if (chain)
            for (const isakmp::payload_view& p : *chain) out.push_back({p.type, ike::v1::to_octets(p.body), {}});
        return out;
    }
    static void write(isakmp::builder& b, byte_span room, const isakmp::header& h, const std::vector<part>& parts, bool claim) {
        b = isakmp::builder{room};
        b.start(h);
        for (const part& p : parts) {
            if (claim && &p == &parts.front() && p.type == isakmp::payload_type::hash) b.claim(p.type, p.body.size());
            else b.add(p.type, p.body);
            if (p.length) b.lie_length(*p.length);
        }
    }
    [[nodiscard]] static auto apply(std::vector<part>& parts, const payload_fault& f) -> bool {
        return std::visit(
            [&](const auto& x) {
                std::size_t n = x.place;
                const auto it = std::ranges::find_if(parts, [&](const part& p) { return p.type == x.type && n-- == 0; });
                if (it == parts.end()) return false;
                overloaded{[&](const set_octets& s) { overwrite(it->body, s.at, s.octets); },
                           [&](const set_body& s) { it->body = s.body; }, [&](const omit&) { parts.erase(it); },
                           [&](const repeat&) { parts.insert(it, part{*it}); },
                           [&](const set_length& s) { it->length = s.length; }}(x);
                return true;
            },
            f);
    }
    /// A message in the clear with its faults.
    [[nodiscard]] auto spoilt(const message_pick& m, const isakmp::header& h, byte_view datagram) -> std::vector<std::byte> {
        const auto concerns = [&](const payload_rule& r) { return r.message == m; };
        if (std::ranges::none_of(payloads_, concerns)) return ike::v1::to_octets(datagram);
        auto parts = read(h.next_payload, datagram.subspan(isakmp::header::size));
        for (const payload_rule& r : payloads_)
            if (concerns(r)) done_ += apply(parts, r.fault) ? 1U : 0U;
        std::vector<std::byte> room(65535);
        isakmp::builder b{room};
        write(b, room, h, parts, false);
        const auto all = b.finish();
        return all ? ike::v1::to_octets(*all) : ike::v1::to_octets(datagram);
    }
    /// Which message it is; one that is sent again is known by its octets.
    [[nodiscard]] auto number(const isakmp::header& h, byte_view datagram, unsigned transmission) -> message_pick {
        auto& known = originals_[h.exchange];
        if (transmission > 1)
            for (const original& o : known)
                if (std::ranges::equal(o.octets, datagram)) return {h.exchange, o.nth};
        known.push_back({ike::v1::to_octets(datagram), ++sent_[h.exchange]});
        if (known.size() > most_remembered) known.pop_front();
        return {h.exchange, sent_[h.exchange]};
    }
    template <class Emit> void release(Emit&& emit) {
        for (waiting& w : waiting_)
            if (--w.messages == 0) emit(w.at, w.octets);
        std::erase_if(waiting_, [](const waiting& w) { return w.messages == 0; });
    }

    std::vector<payload_rule> payloads_{};
    std::vector<datagram_rule> datagrams_{};
    std::deque<isakmp::cookie_i> cookies_{};
    std::deque<std::vector<std::byte>> nonces_{};
    std::deque<isakmp::message_id> ids_{};
    std::map<isakmp::exchange_type, std::size_t> sent_{};
    std::map<isakmp::exchange_type, std::deque<original>> originals_{};
    std::deque<past> history_{};
    std::vector<waiting> waiting_{};
    std::optional<message_pick> hashed_{};
    std::size_t done_ = 0;
};

/// A provider, and a plan of what goes wrong. Models what `Provider` models.
template <class Provider>
class faulty : public Provider {
public:
    using Provider::Provider;
    fault_plan plan{};

    [[nodiscard]] auto fill(byte_span out) noexcept -> bool {
        if (out.size() == isakmp::cookie_i::size)
            if (const auto c = plan.next_cookie()) {
                copy_octets(c->octets(), out);
                return true;
            }
        return Provider::fill(out);
    }
    [[nodiscard]] auto forced_nonce() { return plan.next_nonce(); }
    [[nodiscard]] auto forced_message_id() { return plan.next_message_id(); }
    void spoil(isakmp::builder& b, byte_span room, ike::v1::message_stage stage) { plan.spoil(b, room, stage); }
    template <class Emit> void send(const ike::path& at, byte_view datagram, unsigned transmission, Emit&& emit) {
        plan.send(at, datagram, transmission, std::forward<Emit>(emit));
    }
};

}  // namespace ipsec::testing
