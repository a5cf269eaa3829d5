#pragma once
/// The selectors that a packet's octets do not have, and those that they have, as one value.  RFC 2401 §4.4.2
#include <array>
#include <limits>
#include <span>

#include "ipsec/io/packet.hpp"
#include "ipsec/ip/selector.hpp"

namespace ipsec::policy {

/// The forms of a name.                                                                        RFC 2401 §4.4.2
enum class name_form : std::uint8_t {
    any = 0,              ///< whoever sends it
    opaque,               ///< only packets whose sender is not known
    user_fqdn,            ///< mozart@foo.example.com; the part behind the @ compares without case
    user_dn,              ///< an X.500 distinguished name, as text
    system_fqdn,          ///< foo.example.com; compares without case
    system_dn,            ///< an X.500 distinguished name, as text
    system_general_name,  ///< an X.500 general name, as text
};

/// Who sends a packet, compared with `io::metadata::user`. Any by default.
// req: rfc2401-4.4.2-4 (names of users and systems)
class name_selector {
public:
    static constexpr std::size_t max_size = 255;  ///< characters

    constexpr name_selector() noexcept = default;
    [[nodiscard]] static constexpr auto opaque() noexcept -> name_selector {
        name_selector n;
        n.form_ = name_form::opaque;
        return n;
    }
    /// @return nothing when `text` is empty or longer than `max_size`, or `form` takes no text
    [[nodiscard]] static constexpr auto make(name_form form, std::string_view text) noexcept -> std::optional<name_selector> {
        if (text.empty() || text.size() > max_size || form == name_form::any || form == name_form::opaque) return std::nullopt;
        name_selector n;
        n.form_ = form;
        n.size_ = static_cast<std::uint8_t>(text.size());
        for (std::size_t i = 0; i < text.size(); ++i) n.text_[i] = text[i];
        return n;
    }
    [[nodiscard]] constexpr auto form() const noexcept -> name_form { return form_; }
    [[nodiscard]] constexpr auto text() const noexcept -> std::string_view { return {text_.data(), size_}; }
    [[nodiscard]] constexpr auto is_any() const noexcept -> bool { return form_ == name_form::any; }

    /// @param user  the packet's sender; empty when not known
    [[nodiscard]] constexpr auto contains(std::string_view user) const noexcept -> bool {
        if (form_ == name_form::any) return true;
        if (form_ == name_form::opaque) return user.empty();
        if (user.size() != size_) return false;
        const auto from = folded_from();
        for (std::size_t i = 0; i < size_; ++i)
            if (user[i] != text_[i] && (i < from || lower(user[i]) != lower(text_[i]))) return false;
        return true;
    }
    /// The first character whose case does not matter; `text().size()` when it does for all.
    [[nodiscard]] constexpr auto folded_from() const noexcept -> std::size_t {
        if (form_ == name_form::system_fqdn) return 0;
        const auto at = text().rfind('@');
        return form_ == name_form::user_fqdn && at < size_ ? at : size_;
    }
    friend constexpr auto operator==(const name_selector&, const name_selector&) noexcept -> bool = default;

private:
    static constexpr auto lower(char c) noexcept -> char { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
    std::array<char, max_size> text_{};
    std::uint8_t size_ = 0;
    name_form form_ = name_form::any;
};

/// Data sensitivity levels from a first to a last, both included. Any by default; 0 is "unlabelled".
// req: rfc2401-4.4.2-5
struct sensitivity_range {
    std::uint32_t first = 0;
    std::uint32_t last = std::numeric_limits<std::uint32_t>::max();
    [[nodiscard]] constexpr auto contains(std::uint32_t level) const noexcept -> bool { return first <= level && level <= last; }
    friend constexpr auto operator==(const sensitivity_range&, const sensitivity_range&) noexcept -> bool = default;
};

/// What makes a selector a list (RFC 4301 §4.4.1.2): more selectors whose packets are in, and some whose packets are not. The
/// selectors are the user's, and stay as long as the entry; `selector_lists.hpp` makes them. Nothing by default.
struct alternatives {
    std::span<const ip::selector> also{};
    std::span<const ip::selector> except{};  ///< "all except": goes before `traffic` and `also`
    bool are_reversed = false;               ///< whether both are of packets in the other direction

    [[nodiscard]] constexpr auto empty() const noexcept -> bool { return also.empty() && except.empty(); }
    friend constexpr auto operator==(const alternatives& a, const alternatives& b) noexcept -> bool {
        const auto same = [&](std::span<const ip::selector> x, std::span<const ip::selector> y) {
            if (x.size() != y.size()) return false;
            for (std::size_t i = 0; i < x.size(); ++i)
                if (!(x[i] == (a.are_reversed == b.are_reversed ? y[i] : y[i].reversed()))) return false;
            return true;
        };
        return same(a.also, b.also) && same(a.except, b.except);
    }
};

/// All selectors of an SPD entry; a packet is in when it is in each. Everything by default.
// req: rfc2401-4.4.2-1
struct selectors {
    ip::selector traffic;
    sensitivity_range sensitivity;
    name_selector name;
    alternatives lists{};

    /// `unavailable` as in `ip::selector::judge`: drop the packet.
    [[nodiscard]] constexpr auto judge(const ip::flow& f, const io::metadata& m) const noexcept -> ip::match {
        auto t = traffic.judge(f);
        if (!lists.empty()) [[unlikely]] t = judge_lists(t, f);
        if (t == ip::match::no) return t;
        return sensitivity.contains(m.sensitivity) && name.contains(m.user) ? t : ip::match::no;
    }
    [[nodiscard]] constexpr auto contains(const ip::flow& f, const io::metadata& m = {}) const noexcept -> bool {
        return judge(f, m) == ip::match::yes;
    }
    /// The same packets the other way.
    [[nodiscard]] constexpr auto reversed() const noexcept -> selectors {
        auto s = *this;
        s.traffic = traffic.reversed();
        s.lists.are_reversed = !lists.are_reversed;
        return s;
    }
    /// Calls `work` for `traffic` and each of `also`, as they are in this direction, until it returns false.
    /// @return whether it never did
    template <class Work>
    constexpr auto each_traffic(Work&& work) const -> bool {
        if (!work(traffic)) return false;
        for (const auto& s : lists.also)
            if (!work(lists.are_reversed ? s.reversed() : s)) return false;
        return true;
    }
    friend constexpr auto operator==(const selectors&, const selectors&) noexcept -> bool = default;

private:
    [[nodiscard]] constexpr auto judge_lists(ip::match t, const ip::flow& f) const noexcept -> ip::match {
        const auto g = lists.are_reversed ? f.reversed() : f;
        for (const auto& s : lists.also) {
            if (t == ip::match::yes) break;
            if (const auto a = s.judge(g); a != ip::match::no) t = a;
        }
        for (const auto& s : lists.except) {
            if (t == ip::match::no) break;
            if (const auto x = s.judge(g); x != ip::match::no) t = x == ip::match::yes ? ip::match::no : ip::match::unavailable;
        }
        return t;
    }
};

/// Which selectors of a new SA are taken from the packet that asked for it rather than from the entry: each `true` makes the SA
/// narrower.                                                                                  RFC 2401 §4.4.1 (a, b)
struct packet_values {
    bool source = false;
    bool destination = false;
    bool protocol = false;
    bool source_port = false;
    bool destination_port = false;
    bool icmp = false;
    bool mobility = false;
    /// For the entry of the other direction.
    [[nodiscard]] constexpr auto reversed() const noexcept -> packet_values {
        return {destination, source, protocol, destination_port, source_port, icmp, mobility};
    }
    friend constexpr auto operator==(const packet_values&, const packet_values&) noexcept -> bool = default;
};

/// The selectors of the SA that a packet asks for under a policy: what an acquire carries. A range of both families comes down to
/// the packet's. @pre `policy` contains `packet`
[[nodiscard]] constexpr auto sa_selectors(const ip::selector& policy, const ip::flow& packet, const packet_values& take) noexcept
    -> ip::selector {
    const auto shown = ip::selector::of(packet);
    const auto one_family = [&packet](const ip::range& r) {
        return r.family() ? r : intersection(r, ip::range::any(packet.family())).value_or(r);
    };
    return {
        .source = take.source ? shown.source : one_family(policy.source),
        .destination = take.destination ? shown.destination : one_family(policy.destination),
        .protocol = take.protocol ? shown.protocol : policy.protocol,
        .source_port = take.source_port ? shown.source_port : policy.source_port,
        .destination_port = take.destination_port ? shown.destination_port : policy.destination_port,
        .icmp = take.icmp ? shown.icmp : policy.icmp,
        .mobility = take.mobility ? shown.mobility : policy.mobility,
    };
}

}  // namespace ipsec::policy
