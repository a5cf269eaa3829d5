#pragma once
/// The security policy database: an ordered list for packets that leave and one for packets that enter.   RFC 2401 §4.4.1
#include <utility>

#include "ipsec/policy/classifier.hpp"
#include "ipsec/policy/inbound_check.hpp"

namespace ipsec::policy {

/// Entries in the order in which they are searched, and a classifier that answers for them. Changes (`insert`, `erase`,
/// `replace`) allocate; look-ups do not. An entry stays where it is in memory until it is erased, so pointers from look-ups hold
/// until then.
///
/// @tparam Rules  what an entry may say: `rfc4301`, `rfc2401`, or `gateway_rules` over one of them (`policy/gateway_rules.hpp`)
///
/// One thread at a time changes, and nobody looks anything up meanwhile; `shared_policy` has a list that is changed while in use.
template <classifier Classifier = linear_classifier, class Rules = rfc4301>
class rule_list {
public:
    rule_list() noexcept(std::is_nothrow_default_constructible_v<Classifier>) = default;
    explicit rule_list(Classifier c, Rules r = {}) noexcept : classifier_{std::move(c)}, rules_{std::move(r)} {}
    rule_list(rule_list&& other) noexcept
        : list_{std::move(other.list_)}, classifier_{std::exchange(other.classifier_, Classifier{})}, rules_{other.rules_},
          generation_{other.generation_++} {}
    auto operator=(rule_list&& other) noexcept -> rule_list& {
        if (this == &other) return *this;
        list_ = std::move(other.list_);
        classifier_ = std::exchange(other.classifier_, Classifier{});
        rules_ = other.rules_;
        const auto theirs = other.generation_++;
        generation_ = (generation_ > theirs ? generation_ : theirs) + 1;
        return *this;
    }
    rule_list(const rule_list&) = delete;
    auto operator=(const rule_list&) -> rule_list& = delete;
    ~rule_list() = default;

    /// Puts `e` before the entry that stands at `place` now; `place == size()` puts it last.
    /// @return `errc::bad_place`, `bad_entry`, `duplicate_id`, `exhausted`; the list is as before then
    // req: rfc2401-4.4.1-2 (total ordering)
    [[nodiscard]] auto insert(std::size_t place, const entry& e) noexcept -> result<void> {
        if (place > list_.size()) return std::unexpected{errc::bad_place};
        if (rules_.validate(e) != entry_fault::none) return std::unexpected{errc::bad_entry};
        if (list_.find(e.id) != no_slot) return std::unexpected{errc::duplicate_id};
        const slot s = list_.insert(place, e);
        if (s == no_slot) return std::unexpected{errc::exhausted};
        if (!classifier_.insert(list_, s)) {
            list_.erase(s);
            return std::unexpected{errc::exhausted};
        }
        ++generation_;
        return {};
    }
    [[nodiscard]] auto append(const entry& e) noexcept -> result<void> { return insert(list_.size(), e); }
    /// SAs made for the entry stay with whoever holds them: their policy id no longer finds an entry, so `check_inbound` lets
    /// nothing through them.
    /// @return `errc::bad_place`
    auto erase(std::size_t place) noexcept -> result<void> {
        if (place >= list_.size()) return std::unexpected{errc::bad_place};
        const slot s = list_.at(place);
        classifier_.erase(list_, s);
        list_.erase(s);
        ++generation_;
        return {};
    }
    /// Another entry in the same place; it may keep the id.
    /// @return `errc::bad_place`, `bad_entry`, `duplicate_id`, `exhausted`; the list is as before then
    [[nodiscard]] auto replace(std::size_t place, const entry& e) noexcept -> result<void> {
        if (place >= list_.size()) return std::unexpected{errc::bad_place};
        if (rules_.validate(e) != entry_fault::none) return std::unexpected{errc::bad_entry};
        const slot s = list_.at(place);
        if (const slot twin = list_.find(e.id); twin != no_slot && twin != s) return std::unexpected{errc::duplicate_id};
        const entry before = list_[s];
        classifier_.erase(list_, s);
        list_.assign(s, e);
        ++generation_;
        if (classifier_.insert(list_, s)) return {};
        list_.assign(s, before);
        (void)classifier_.insert(list_, s);
        return std::unexpected{errc::exhausted};
    }
    void clear() noexcept {
        classifier_.clear();
        list_.clear();
        ++generation_;
    }
    [[nodiscard]] auto size() const noexcept -> std::size_t { return list_.size(); }
    /// The entry at a place; counting to it takes a step for each few hundred entries.
    [[nodiscard]] auto operator[](std::size_t place) const noexcept -> const entry& { return list_[list_.at(place)]; }
    [[nodiscard]] auto entries() const noexcept -> const entry_list& { return list_; }
    /// Where the entry with this id stands, if there is one.
    [[nodiscard]] auto place_of(sa::policy_id id) const noexcept -> std::optional<std::size_t> {
        const slot s = list_.find(id);
        if (s == no_slot) return std::nullopt;
        return list_.place_of(s);
    }
    /// The entry with this id, null when there is none.
    [[nodiscard]] auto find(sa::policy_id id) const noexcept -> const entry* {
        const slot s = list_.find(id);
        return s == no_slot ? nullptr : &list_[s];
    }
    /// The first entry that the packet fits.
    /// @param after  what an earlier look-up gave: only entries behind it are looked at
    /// @return `errc::no_policy`: discard it; `errc::ports_unavailable`: the first entry that could fit cannot be told from a
    ///         fragment, and the packet is dropped rather than tried against later entries
    // req: rfc2401-5-1 (no policy: discard), rfc2401-4.4.1-m2, rfc2401-5-m1
    [[nodiscard]] auto lookup(const ip::flow& f, const io::metadata& m = {}, hit after = {}) const noexcept -> result<hit> {
        const auto at = classifier_.first(list_, f, m, after.at);
        if (at.match == ip::match::yes) return hit{&list_[at.at], at.at};
        return std::unexpected{at.match == ip::match::no ? errc::no_policy : errc::ports_unavailable};
    }
    [[nodiscard]] auto get_classifier() const noexcept -> const Classifier& { return classifier_; }
    /// Differs after every change: what was found before is stale.
    [[nodiscard]] auto generation() const noexcept -> std::uint64_t { return generation_; }

private:
    entry_list list_;
    [[no_unique_address]] Classifier classifier_{};
    [[no_unique_address]] Rules rules_{};
    std::uint64_t generation_ = 1;
};

/// Both directions. An entry's selectors are those of packets in its list's direction, so a pair of entries for a conversation
/// has one selector and its `reversed()`, and one id. A system with a policy per interface has an `spd` per interface.
// req: rfc2401-4.4.1-m3, rfc2401-4.4.1-m7
template <classifier Classifier = linear_classifier, class Rules = rfc4301>
struct spd {
    rule_list<Classifier, Rules> outbound;
    rule_list<Classifier, Rules> inbound;

    /// Appends `e` for packets that leave, and for packets that enter the same with its selectors reversed.
    /// @return as `rule_list::insert`; neither list has changed then
    [[nodiscard]] auto append_pair(const entry& e) noexcept -> result<void> {
        if (const auto out = outbound.append(e); !out) return out;
        entry back = e;
        back.selectors = e.selectors.reversed();
        back.take = e.take.reversed();
        const auto in = inbound.append(back);
        if (!in) (void)outbound.erase(outbound.size() - 1);
        return in;
    }
    /// Which entry lets an outbound packet go, and how. @return as `rule_list::lookup`
    [[nodiscard]] auto lookup(const ip::flow& f, const io::metadata& m = {}) const noexcept -> result<hit> {
        return outbound.lookup(f, m);
    }
    /// Whether an inbound packet may have come the way it came: `policy::check_inbound` over the inbound list.
    [[nodiscard]] auto check_inbound(const ip::flow& f, const io::metadata& m, std::span<const applied> way) const noexcept
        -> result<hit> {
        return policy::check_inbound(inbound, f, m, way);
    }
};

}  // namespace ipsec::policy
