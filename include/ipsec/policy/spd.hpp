#pragma once
/// The security policy database: an ordered list for packets that leave and one for packets that enter.   RFC 2401 §4.4.1
#include <new>
#include <utility>

#include "ipsec/policy/classifier.hpp"
#include "ipsec/policy/inbound_check.hpp"

namespace ipsec::policy {

/// Entries in the order in which they are searched, and a classifier that answers for them. Control path (`insert`, `erase`,
/// `replace`) allocates; look-ups do not. Pointers and indices from look-ups hold until the next change.
template <classifier Classifier = linear_classifier>
class rule_list {
public:
    rule_list() noexcept(std::is_nothrow_default_constructible_v<Classifier>) = default;
    explicit rule_list(Classifier c) noexcept : classifier_{std::move(c)} {}
    rule_list(rule_list&& other) noexcept
        : items_{std::exchange(other.items_, nullptr)}, size_{std::exchange(other.size_, 0)},
          room_{std::exchange(other.room_, 0)}, classifier_{std::move(other.classifier_)} {}
    auto operator=(rule_list&& other) noexcept -> rule_list& {
        if (this == &other) return *this;
        delete[] items_;
        items_ = std::exchange(other.items_, nullptr);
        size_ = std::exchange(other.size_, 0);
        room_ = std::exchange(other.room_, 0);
        classifier_ = std::move(other.classifier_);
        return *this;
    }
    rule_list(const rule_list&) = delete;
    auto operator=(const rule_list&) -> rule_list& = delete;
    ~rule_list() { delete[] items_; }

    /// Puts `e` before the entry that stands at `place` now; `place == size()` puts it last.
    /// @return `errc::bad_place`, `bad_entry`, `duplicate_id`, `exhausted`; the list is as before then
    // req: rfc2401-4.4.1-2 (total ordering)
    [[nodiscard]] auto insert(std::size_t place, const entry& e) noexcept -> result<void> {
        if (place > size_) return std::unexpected{errc::bad_place};
        if (validate(e) != entry_fault::none) return std::unexpected{errc::bad_entry};
        if (place_of(e.id)) return std::unexpected{errc::duplicate_id};
        const entry copy = e;  // `e` may stand in this list
        if (!make_room()) return std::unexpected{errc::exhausted};
        for (std::size_t i = size_; i > place; --i) items_[i] = std::move(items_[i - 1]);
        items_[place] = copy;
        ++size_;
        if (classifier_.rebuild(entries())) return {};
        take_out(place);
        (void)classifier_.rebuild(entries());
        return std::unexpected{errc::exhausted};
    }
    [[nodiscard]] auto append(const entry& e) noexcept -> result<void> { return insert(size_, e); }
    /// SAs made for the entry stay with whoever holds them: their policy id no longer finds an entry, so `check_inbound` lets
    /// nothing through them.
    /// @return `errc::bad_place`; `errc::exhausted` when the classifier cannot follow: the entry is out of the list all the same
    auto erase(std::size_t place) noexcept -> result<void> {
        if (place >= size_) return std::unexpected{errc::bad_place};
        take_out(place);
        if (!classifier_.rebuild(entries())) return std::unexpected{errc::exhausted};
        return {};
    }
    /// Another entry in the same place; it may keep the id.
    /// @return `errc::bad_place`, `bad_entry`, `duplicate_id`, `exhausted`; the list is as before then
    [[nodiscard]] auto replace(std::size_t place, const entry& e) noexcept -> result<void> {
        if (place >= size_) return std::unexpected{errc::bad_place};
        if (validate(e) != entry_fault::none) return std::unexpected{errc::bad_entry};
        if (const auto at = place_of(e.id); at && *at != place) return std::unexpected{errc::duplicate_id};
        const entry before = std::exchange(items_[place], entry{e});
        if (classifier_.rebuild(entries())) return {};
        items_[place] = before;
        (void)classifier_.rebuild(entries());
        return std::unexpected{errc::exhausted};
    }
    void clear() noexcept {
        size_ = 0;
        (void)classifier_.rebuild(entries());
    }
    [[nodiscard]] auto size() const noexcept -> std::size_t { return size_; }
    [[nodiscard]] auto entries() const noexcept -> std::span<const entry> { return {items_, size_}; }
    [[nodiscard]] auto operator[](std::size_t i) const noexcept -> const entry& { return items_[i]; }
    /// Where the entry with this id stands, if there is one.
    [[nodiscard]] auto place_of(sa::policy_id id) const noexcept -> std::optional<std::size_t> {
        for (std::size_t i = 0; i < size_; ++i)
            if (items_[i].id == id) return i;
        return std::nullopt;
    }
    /// The first entry from `from` on that the packet fits.
    /// @return `errc::no_policy`: discard it; `errc::ports_unavailable`: the first entry that could fit cannot be told from a
    ///         fragment, and the packet is dropped rather than tried against later entries
    // req: rfc2401-5-1 (no policy: discard), rfc2401-4.4.1-m2, rfc2401-5-m1
    [[nodiscard]] auto lookup(const ip::flow& f, const io::metadata& m = {}, std::size_t from = 0) const noexcept -> result<hit> {
        const auto at = classifier_.first(entries(), f, m, from);
        if (at.match == ip::match::yes) return hit{&items_[at.index], at.index};
        return std::unexpected{at.match == ip::match::no ? errc::no_policy : errc::ports_unavailable};
    }
    [[nodiscard]] auto get_classifier() const noexcept -> const Classifier& { return classifier_; }

private:
    [[nodiscard]] auto make_room() noexcept -> bool {
        if (size_ < room_) return true;
        const auto room = room_ == 0 ? std::size_t{8} : room_ * 2;
        auto* const larger = new (std::nothrow) entry[room];
        if (larger == nullptr) return false;
        for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move(items_[i]);
        delete[] items_;
        items_ = larger;
        room_ = room;
        return true;
    }
    void take_out(std::size_t place) noexcept {
        for (std::size_t i = place + 1; i < size_; ++i) items_[i - 1] = std::move(items_[i]);
        --size_;
    }
    entry* items_ = nullptr;
    std::size_t size_ = 0;
    std::size_t room_ = 0;
    [[no_unique_address]] Classifier classifier_{};
};

/// Both directions. An entry's selectors are those of packets in its list's direction, so a pair of entries for a conversation
/// has one selector and its `reversed()`, and one id. A system with a policy per interface has an `spd` per interface.
// req: rfc2401-4.4.1-m3, rfc2401-4.4.1-m7
template <classifier Classifier = linear_classifier>
struct spd {
    rule_list<Classifier> outbound;
    rule_list<Classifier> inbound;

    /// Appends `e` for packets that leave, and for packets that enter the same with its selectors reversed.
    /// @return as `rule_list::insert`; neither list has changed then
    [[nodiscard]] auto append_pair(const entry& e) noexcept -> result<void> {
        if (const auto out = outbound.append(e); !out) return out;
        entry back = e;
        back.selectors.traffic = e.selectors.traffic.reversed();
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
