#pragma once
/// The database of security associations.                                                      RFC 2401 §4.4.3
#include <limits>
#include <span>
#include <utility>

#include "ipsec/core/rng.hpp"
#include "ipsec/ip/flow.hpp"
#include "ipsec/sa/bundle.hpp"
#include "ipsec/sa/either.hpp"
#include "ipsec/sa/inbound.hpp"
#include "ipsec/sa/index.hpp"
#include "ipsec/sa/outbound.hpp"
#include "ipsec/sa/pool.hpp"
#include "ipsec/wire/big_endian.hpp"

namespace ipsec::sa {

/// SAs of both directions, ESP with suites of type `EspSuite` and AH with MACs of type `AhMac`.
///
/// Pointers that lookups give stay good until the SA is erased. Only `insert` and `reserve_spi` allocate; a limit bounds the
/// number of SAs per direction; `MaxBundle` the SAs of one bundle. Outbound SAs have their numbers from a `Sequence`: cores that
/// share SAs have a database each, with `shared_sequence`, and make those SAs themselves, since `apply` makes such as count
/// alone. One thread at a time: `shared_directory.hpp` is for more.
template <crypto::esp_suite EspSuite, crypto::mac AhMac, window Window = dynamic_window,
          index_of<sa::id> Index = hash_index<sa::id>, std::size_t MaxBundle = max_bundle,
          sequence_policy Sequence = sequence_counter>
class sadb {
public:
    using bundle = basic_bundle<MaxBundle>;
    using esp_inbound = inbound<EspSuite, Window>;
    using ah_inbound = inbound<AhMac, Window>;
    using esp_outbound = outbound<EspSuite, Sequence>;
    using ah_outbound = outbound<AhMac, Sequence>;
    using inbound_entry = either<esp_inbound, ah_inbound>;
    using outbound_entry = either<esp_outbound, ah_outbound>;

    explicit sadb(std::size_t limit = 65536) noexcept : inbound_{limit}, outbound_{limit}, bundles_{limit}, limit_{limit} {}

    // --- inbound: by what `parameters::found_by` says ------------------------------------------------------------------------

    /// A free SPI for SAs towards `destination`, kept until an SA is inserted under it or `release_spi`.
    /// @return `errc::no_randomness`; `errc::database_full`
    // req: rfc2406-2.1-1, rfc2402-2.4-1
    template <rng R>
    [[nodiscard]] auto reserve_spi(sa::protocol protocol, const ip::address& destination, R& random) noexcept -> result<spi> {
        if (inbound_.size() + reserved_ >= limit_) return std::unexpected{errc::database_full};
        for (int attempt = 0; attempt < 64; ++attempt) {
            std::array<std::byte, 4> octets{};
            if (!random.fill(octets)) return std::unexpected{errc::no_randomness};
            const sa::id id{.spi = spi{wire::load<std::uint32_t>(octets)}, .destination = destination, .protocol = protocol};
            if (id.spi.value() < 256 || inbound_index_.find(id) != Index::absent) continue;
            if (is_slot(by_spi_.find({.spi = id.spi, .protocol = protocol}))) continue;  // its packets would be the new SA's
            if (!inbound_index_.insert(id, only_reserved)) return std::unexpected{errc::database_full};
            ++reserved_;
            return id.spi;
        }
        return std::unexpected{errc::no_randomness};  // a source that repeats itself
    }
    /// Gives up an SPI that no SA took. @return false when it is not reserved
    auto release_spi(const sa::id& id) noexcept -> bool {
        if (inbound_index_.find(id) != only_reserved) return false;
        --reserved_;
        return inbound_index_.erase(id);
    }
    /// @return `errc::duplicate`, `errc::database_full`, `errc::bad_bundle` for more than `MaxBundle` SAs; the SA is gone then
    [[nodiscard]] auto insert(esp_inbound&& s) noexcept -> result<inbound_handle> { return insert(inbound_entry{std::move(s)}); }
    [[nodiscard]] auto insert(ah_inbound&& s) noexcept -> result<inbound_handle> { return insert(inbound_entry{std::move(s)}); }

    /// The SA that a packet names; null when there is none. SAs of `lookup::by_source` are not among them.
    // req: rfc2406-3.4.2-1, rfc2402-3.4.2-1, rfc4303-2.1-1
    [[nodiscard]] auto find_inbound(const sa::id& id) noexcept -> inbound_entry* {
        const auto slot = inbound_index_.find(id);
        if (is_slot(slot)) [[likely]] return inbound_.taken(slot);
        return by_spi_.size() == 0 ? nullptr : found(by_spi_.find({.spi = id.spi, .protocol = id.protocol}));
    }
    /// As above, among all SAs: the longest of what names one counts, so SPI, destination and source come first, then SPI,
    /// destination and protocol, then SPI and protocol.                                        RFC 4301 §4.1
    // req: rfc4301-4.1-1, rfc4301-4.1-2, rfc4301-4.1-3, rfc4303-2.1-2, rfc4303-2.1-3, rfc4302-2.4-2, rfc4302-2.4-3
    [[nodiscard]] auto find_inbound(const sa::id& id, const ip::address& source) noexcept -> inbound_entry* {
        if (by_source_.size() != 0) [[unlikely]]
            if (auto* const e = found(by_source_.find({.spi = id.spi, .destination = id.destination, .source = source})))
                return e;
        return find_inbound(id);
    }
    /// As `find_inbound(id)` for many packets, with the memory that it needs asked for beforehand. @pre both are of one size
    void find_inbound(std::span<const sa::id> ids, std::span<inbound_entry*> into) noexcept {
        if constexpr (requires { inbound_index_.home(ids[0]); })
            for (const sa::id& id : ids) __builtin_prefetch(inbound_index_.home(id));
        if (by_spi_.size() != 0)
            for (const sa::id& id : ids) __builtin_prefetch(by_spi_.home({.spi = id.spi, .protocol = id.protocol}));
        for (std::size_t i = 0; i < ids.size(); ++i) into[i] = find_inbound(ids[i]);
    }
    /// SAs of `lookup::by_spi` alone: for systems whose SAs are all of that kind.
    [[nodiscard]] auto find_by_spi(const spi_key& key) noexcept -> inbound_entry* { return found(by_spi_.find(key)); }
    void find_by_spi(std::span<const spi_key> keys, std::span<inbound_entry*> into) noexcept {
        for (const spi_key& key : keys) __builtin_prefetch(by_spi_.home(key));
        for (std::size_t i = 0; i < keys.size(); ++i) into[i] = find_by_spi(keys[i]);
    }
    [[nodiscard]] auto get(inbound_handle h) noexcept -> inbound_entry* { return inbound_.get(h); }
    [[nodiscard]] auto handle_of_inbound(const sa::id& id) const noexcept -> inbound_handle {
        auto slot = inbound_index_.find(id);
        if (!is_slot(slot)) slot = by_spi_.find({.spi = id.spi, .protocol = id.protocol});
        return is_slot(slot) ? inbound_.handle_at(slot) : inbound_handle{};
    }
    /// As `find_inbound(id, source)`.
    [[nodiscard]] auto handle_of_inbound(const sa::id& id, const ip::address& source) const noexcept -> inbound_handle {
        const auto slot = by_source_.find({.spi = id.spi, .destination = id.destination, .source = source});
        return is_slot(slot) ? inbound_.handle_at(slot) : handle_of_inbound(id);
    }
    /// @return false when the handle is out of date
    auto erase(inbound_handle h) noexcept -> bool {
        const inbound_entry* const e = inbound_.get(h);
        if (e == nullptr) return false;
        const sa::parameters& p = e->parameters();
        with_index(p, [&](auto& index, const auto& key) { return index.erase(key); });
        return inbound_.erase(h);
    }

    // --- outbound: by policy, selectors and class ----------------------------------------------------------------------------

    /// Takes an SA; it is used once its bundle is complete, which a single SA is at once. Then it goes before older ones. SAs of
    /// one bundle find each other by policy, class, `bundle.pair` and size; a number serves one bundle until that is complete.
    /// @return `errc::duplicate`, `errc::bad_bundle` for a place that is taken, `errc::database_full`; the SA is gone then
    // req: rfc2401-4.5-6
    [[nodiscard]] auto insert(esp_outbound&& s) noexcept -> result<outbound_handle> {
        return insert(outbound_entry{std::move(s)});
    }
    [[nodiscard]] auto insert(ah_outbound&& s) noexcept -> result<outbound_handle> {
        return insert(outbound_entry{std::move(s)});
    }

    /// The newest complete bundle of the policy that takes the packet and has no SA whose hard lifetime is over; null when there
    /// is none. What takes it: class 0 or the packet's, the selectors of the innermost SA, and for one in transport mode its
    /// destination, since the receiver knows the SPI there only.
    ///
    /// Bundles for one pair of hosts are hashed by the two addresses, and those from more than one to a single host by that one,
    /// so that a policy may have any number of them: road warriors, say. The others of the policy, and those of one such list
    /// that differ in ports, are tried one by one, newest first.
    // req: rfc2401-5.1.1-3
    [[nodiscard]] auto find_outbound(policy_id policy, const ip::flow& flow, std::uint32_t traffic_class = 0) noexcept
        -> const bundle* {
        const bundle* best = wide_ == 0 ? nullptr : first_of(place{.policy = policy}, flow, traffic_class);
        const auto look = [&](const place& where) {
            const bundle* const b = first_of(where, flow, traffic_class);
            if (b != nullptr && (best == nullptr || best->since < b->since)) best = b;
        };
        if (to_hosts_ != 0) look({.policy = policy, .of = traffic::to_host, .destination = flow.destination});
        if (pairs_ != 0)
            look({.policy = policy, .of = traffic::host_pair, .source = flow.source, .destination = flow.destination});
        return best;
    }
    [[nodiscard]] auto get(outbound_handle h) noexcept -> outbound_entry* { return outbound_.get(h); }
    [[nodiscard]] auto handle_of_outbound(const sa::id& id) const noexcept -> outbound_handle {
        const auto slot = outbound_index_.find(id);
        return slot == Index::absent ? outbound_handle{} : outbound_.handle_at(slot);
    }
    /// Erases the SA; its bundle is not used any more, since it is not whole. @return false when the handle is out of date
    auto erase(outbound_handle h) noexcept -> bool {
        outbound_entry* const e = outbound_.get(h);
        if (e == nullptr) return false;
        (void)outbound_index_.erase(e->parameters().id);
        dissolve(e->in_bundle);
        return outbound_.erase(h);
    }

    // --- all of them -----------------------------------------------------------------------------------------------------------

    /// Calls `f(handle, entry&)` for every inbound SA; `f` may erase the SA it was called with.
    template <class F> void for_each_inbound(F&& f) {
        for (std::uint32_t i = 0; i < inbound_.slots(); ++i)
            if (inbound_entry* const e = inbound_.at(i)) f(inbound_.handle_at(i), *e);
    }
    template <class F> void for_each_outbound(F&& f) {
        for (std::uint32_t i = 0; i < outbound_.slots(); ++i)
            if (outbound_entry* const e = outbound_.at(i)) f(outbound_.handle_at(i), *e);
    }
    /// Looks at the lifetimes of all SAs: calls `f(id, policy, expiry)` for each expiry not reported yet, and erases SAs whose
    /// hard lifetime is over. Lifetimes in packets and kilobytes are noticed by the walks as well.
    // req: rfc2401-4.4.3-12
    template <class F> void expire(instant now, F&& f) {
        const auto one = [&](auto handle, auto& entry) {
            entry.lifetime().check(now);
            const sa::id id = entry.parameters().id;
            const policy_id policy = entry.parameters().policy;
            const bool over = entry.lifetime().is_expired();
            const expiry news = entry.lifetime().take_expiry();
            if (over) erase(handle);
            if (news != expiry::none) f(id, policy, news);
        };
        for_each_inbound(one);
        for_each_outbound(one);
    }
    /// When `expire` has to be called next: long ago for an SA that is over or has something to report; `instant::never()` when
    /// there is no such SA and no lifetime is in seconds. Looks at every SA.
    [[nodiscard]] auto deadline() noexcept -> instant {
        instant first = instant::never();
        const auto one = [&](auto, auto& entry) {
            const sa::lifetime& l = entry.lifetime();
            const bool is_due = l.is_expired() || l.has_news();
            const instant at = is_due ? instant{std::numeric_limits<std::int64_t>::min()} : l.deadline();
            if (at < first) first = at;
        };
        for_each_inbound(one);
        for_each_outbound(one);
        return first;
    }
    [[nodiscard]] auto inbound_size() const noexcept -> std::size_t { return inbound_.size(); }
    [[nodiscard]] auto outbound_size() const noexcept -> std::size_t { return outbound_.size(); }

private:
    static constexpr std::uint32_t only_reserved = 0xfffffffeU;
    static_assert(Index::absent > only_reserved && hash_index<spi_key>::absent > only_reserved);

    /// Whether an answer of an index is an SA's, neither absent nor a reservation.
    [[nodiscard]] static constexpr auto is_slot(std::uint32_t slot) noexcept -> bool { return slot < only_reserved; }
    [[nodiscard]] auto found(std::uint32_t slot) const noexcept -> inbound_entry* {
        return is_slot(slot) ? inbound_.taken(slot) : nullptr;
    }
    /// Calls `work(index, key)` with the index that SAs with these parameters are found by.
    template <class Work>
    auto with_index(const sa::parameters& p, Work&& work) noexcept {
        switch (p.found_by) {
            case lookup::by_spi: return work(by_spi_, spi_key{.spi = p.id.spi, .protocol = p.id.protocol});
            case lookup::by_source:
                return work(by_source_, source_key{.spi = p.id.spi, .destination = p.id.destination, .source = p.source});
            case lookup::by_id: break;
        }
        return work(inbound_index_, p.id);
    }
    auto insert(inbound_entry&& entry) noexcept -> result<inbound_handle> {
        const sa::parameters& p = entry.parameters();
        if (p.bundle.size > MaxBundle) return std::unexpected{errc::bad_bundle};
        const std::uint32_t before = with_index(p, [](const auto& index, const auto& key) { return index.find(key); });
        if (is_slot(before)) return std::unexpected{errc::duplicate};
        const sa::id id = p.id;
        const auto h = inbound_.insert(std::move(entry));
        if (!h) return std::unexpected{errc::database_full};
        const sa::parameters& kept = inbound_.taken(h->slot)->parameters();
        if (!with_index(kept, [&](auto& index, const auto& key) { return index.insert(key, h->slot); })) {
            (void)inbound_.erase(*h);
            return std::unexpected{errc::database_full};
        }
        if (before == only_reserved) --reserved_;
        else if (kept.found_by != lookup::by_id) (void)release_spi(id);
        return *h;
    }
    auto insert(outbound_entry&& entry) noexcept -> result<outbound_handle> {
        const sa::parameters& p = entry.parameters();
        const sa::id id = p.id;
        if (p.bundle.size > MaxBundle) return std::unexpected{errc::bad_bundle};
        if (outbound_index_.find(id) != Index::absent) return std::unexpected{errc::duplicate};
        const auto h = outbound_.insert(std::move(entry));
        if (!h) return std::unexpected{errc::database_full};
        const auto ok = outbound_index_.insert(id, h->slot) ? join(*h) : result<void>{std::unexpected{errc::database_full}};
        if (ok) return *h;
        (void)outbound_index_.erase(id);
        (void)outbound_.erase(*h);
        return std::unexpected{ok.error()};
    }
    enum class traffic : std::uint8_t { any = 0, host_pair, to_host };
    /// A list of complete bundles that packets look through: those for one pair of hosts under a policy, those from others to one
    /// host, or all others of it.
    struct place {
        policy_id policy;
        traffic of = traffic::any;
        ip::address source{}, destination{};
        friend auto operator==(const place&, const place&) noexcept -> bool = default;
        friend auto hash_of(const place& k) noexcept -> std::uint64_t {
            const auto s = k.source.numbers(), d = k.destination.numbers();
            return mix(s.high ^ std::rotl(d.high, 23) ^ mix(std::rotl(s.low, 41) ^ d.low ^ (k.policy.value() << 1) ^
                                                            static_cast<std::uint64_t>(k.of)));
        }
    };
    /// A bundle that is not whole yet.
    struct unfinished {
        policy_id policy;
        std::uint32_t pair = 0, traffic_class = 0;
        std::uint8_t size = 0;
        friend auto operator==(const unfinished&, const unfinished&) noexcept -> bool = default;
        friend auto hash_of(const unfinished& k) noexcept -> std::uint64_t {
            return mix((std::uint64_t{k.policy.value()} << 32 | k.pair) ^ (std::uint64_t{k.traffic_class} << 8 | k.size));
        }
    };
    [[nodiscard]] static auto key_of(const parameters& p) noexcept -> unfinished {
        return {.policy = p.policy, .pair = p.bundle.pair, .traffic_class = p.traffic_class, .size = p.bundle.size};
    }
    [[nodiscard]] auto count_of(traffic t) noexcept -> std::size_t& {
        return t == traffic::host_pair ? pairs_ : t == traffic::to_host ? to_hosts_ : wide_;
    }
    /// @pre `b` is complete
    [[nodiscard]] auto place_of(const bundle& b) const noexcept -> place {
        const ip::selector& s = outbound_.get(b[0])->parameters().selectors;
        if (s.destination.first() != s.destination.last()) return {.policy = b.policy()};
        if (s.source.first() != s.source.last())
            return {.policy = b.policy(), .of = traffic::to_host, .destination = s.destination.first()};
        return {.policy = b.policy(), .of = traffic::host_pair, .source = s.source.first(), .destination = s.destination.first()};
    }
    [[nodiscard]] auto first_of(const place& where, const ip::flow& flow, std::uint32_t traffic_class) const noexcept
        -> const bundle* {
        for (const bundle* b = bundles_.at(places_.find(where)); b != nullptr; b = bundles_.get(b->older))
            if ((b->traffic_class() == 0 || b->traffic_class() == traffic_class) && takes(*b, flow) && is_alive(*b)) return b;
        return nullptr;
    }
    [[nodiscard]] auto takes(const bundle& b, const ip::flow& flow) const noexcept -> bool {
        const parameters& p = outbound_.get(b[0])->parameters();
        return p.selectors.contains(flow) && (p.mode == mode::tunnel || p.id.destination == flow.destination);
    }
    [[nodiscard]] auto is_alive(const bundle& b) const noexcept -> bool {
        for (std::size_t i = 0; i < b.size(); ++i)
            if (outbound_.get(b[i])->lifetime().is_expired()) return false;
        return true;
    }
    /// Puts the SA into the bundle that waits for it, or into a new one.
    auto join(outbound_handle h) noexcept -> result<void> {
        outbound_entry& e = *outbound_.get(h);
        const sa::parameters& p = e.parameters();
        if (p.bundle.size > 1)
            if (const bundle_handle waiting = bundles_.handle_at(unfinished_.find(key_of(p))); bundles_.get(waiting) != nullptr)
                if (bundle& b = *bundles_.get(waiting); b.place(p, h)) {
                    e.in_bundle = waiting;
                    if (!b.is_complete()) return {};
                    if (establish(waiting)) {
                        (void)unfinished_.erase(key_of(p));
                        return {};
                    }
                    b.vacate(p.bundle.position);
                    return std::unexpected{errc::database_full};
                }
        bundle fresh{p};
        if (!fresh.place(p, h)) return std::unexpected{errc::bad_bundle};
        const auto made = bundles_.insert(std::move(fresh));
        if (!made) return std::unexpected{errc::database_full};
        e.in_bundle = *made;
        if (p.bundle.size > 1 ? unfinished_.insert(key_of(p), made->slot) : establish(*made)) return {};
        (void)bundles_.erase(*made);
        return std::unexpected{errc::database_full};
    }
    /// Puts a bundle that became whole at the head of its list. @return false when memory is used up
    [[nodiscard]] auto establish(bundle_handle h) noexcept -> bool {
        bundle& b = *bundles_.get(h);
        const place where = place_of(b);
        const bundle_handle head = bundles_.handle_at(places_.find(where));
        if (!places_.insert(where, h.slot)) return false;
        if (bundle* const second = bundles_.get(head)) second->newer = h;
        b.older = head;
        b.since = ++established_;
        ++count_of(where.of);
        return true;
    }
    /// Takes a bundle apart that loses one of its SAs, which is still there.
    void dissolve(bundle_handle h) noexcept {
        bundle* const b = bundles_.get(h);
        if (b == nullptr) return;
        if (b->since == 0) {
            for (std::size_t i = 0; i < b->size(); ++i)  // any of them says which bundle it is
                if (const outbound_entry* const e = outbound_.get((*b)[i])) {
                    if (const auto key = key_of(e->parameters()); unfinished_.find(key) == h.slot) (void)unfinished_.erase(key);
                    break;
                }
        } else {
            const place where = place_of(*b);
            --count_of(where.of);
            if (bundle* const older = bundles_.get(b->older)) older->newer = b->newer;
            if (bundle* const newer = bundles_.get(b->newer)) newer->older = b->older;
            else if (bundles_.get(b->older) != nullptr) (void)places_.insert(where, b->older.slot);  // replaces: no memory
            else (void)places_.erase(where);
        }
        (void)bundles_.erase(h);
    }

    pool<inbound_entry, inbound_tag> inbound_;
    pool<outbound_entry, outbound_tag> outbound_;
    pool<bundle, bundle_tag> bundles_;
    Index inbound_index_, outbound_index_;
    hash_index<spi_key> by_spi_;
    hash_index<source_key> by_source_;
    hash_index<place> places_;            ///< the newest bundle of each list
    hash_index<unfinished> unfinished_;
    std::uint64_t established_ = 0;       ///< bundles ever
    std::size_t pairs_ = 0, to_hosts_ = 0, wide_ = 0;  ///< complete bundles, by what they are for
    std::size_t limit_;
    std::size_t reserved_ = 0;
};

}  // namespace ipsec::sa
