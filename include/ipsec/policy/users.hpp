#pragma once
/// Senders as numbers, so that a set of senders is a set of numbers where policies are compared.    RFC 4301 appendix B
#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "ipsec/policy/entry.hpp"

namespace ipsec::policy {

/// 0 is a packet whose sender is not known, then each set of names that some sender falls under, last any other sender. Senders
/// that the same names take are one, and each number has one of them, in a spelling of its own: forms of names differ in whether
/// case matters.
class users {
public:
    /// @param e  must outlive this
    constexpr void add(const entry& e) {
        const auto& n = e.selectors.name;
        if (n.text().empty()) return;
        for (const auto* old : names_)
            if (*old == n) return;
        names_.push_back(&n);
        // Only names that differ in case at most can take the same sender.
        std::vector<const name_selector*> alike;
        for (const auto* other : names_)
            if (name_selector::make(name_form::system_fqdn, n.text())->contains(other->text())) alike.push_back(other);
        for (const auto* other : alike) {
            keep(*other);
            each_spelling(*other, (alike.size() + 1) * (alike.size() + 1), [this](const name_selector& s) { keep(s); });
        }
    }
    [[nodiscard]] constexpr auto number_of(std::string_view user) const noexcept -> std::size_t {
        if (user.empty()) return 0;
        for (std::size_t i = 0; i < senders_.size(); ++i)
            if (are_alike(user, senders_[i].text())) return i + 1;
        return last();
    }
    /// A sender with that number: its text, none for 0.
    [[nodiscard]] constexpr auto sender_at(std::size_t n) const noexcept -> name_selector {
        if (n == 0) return {};
        return n <= senders_.size() ? senders_[n - 1] : *name_selector::make(name_form::system_dn, "anybody else");
    }
    [[nodiscard]] constexpr auto last() const noexcept -> std::size_t { return senders_.size() + 1; }

private:
    [[nodiscard]] constexpr auto are_alike(std::string_view a, std::string_view b) const noexcept -> bool {
        return std::ranges::all_of(names_, [&](const auto* n) { return n->contains(a) == n->contains(b); });
    }
    constexpr void keep(const name_selector& sender) {
        if (number_of(sender.text()) == last()) senders_.push_back(sender);
    }
    /// Other spellings that a name takes: `most` of them, or all. The first letters change first, so that this many find one
    /// that no other name takes, and of those for each local part one, where there are such.
    template <class Put>
    static constexpr void each_spelling(const name_selector& name, std::size_t most, Put&& put) {
        const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
        for (std::size_t n = 1; n <= most; ++n) {
            std::array<char, name_selector::max_size> text{};
            const auto from = name.text();
            auto bits = n;
            for (std::size_t i = 0; i < from.size(); ++i) {
                text[i] = from[i];
                if (i < name.folded_from() || !is_letter(from[i])) continue;
                if ((bits & 1U) != 0) text[i] = static_cast<char>(from[i] ^ 0x20);
                bits >>= 1U;
            }
            if (bits != 0) return;  // there are no more letters
            put(*name_selector::make(name.form(), {text.data(), from.size()}));
        }
    }
    std::vector<const name_selector*> names_;
    std::vector<name_selector> senders_;  ///< one of each number
};

}  // namespace ipsec::policy
