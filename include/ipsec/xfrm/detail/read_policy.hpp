#pragma once
/// The words of a policy, of a command and of a listing alike.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "ipsec/xfrm/detail/read_counters.hpp"
#include "ipsec/xfrm/detail/read_selector.hpp"
#include "ipsec/xfrm/detail/read_state.hpp"
#include "ipsec/xfrm/detail/words.hpp"
#include "ipsec/xfrm/policy_rule.hpp"

namespace ipsec::xfrm::detail {

class policy_reader {
public:
    /// @param usual  the family of a policy that names no address
    explicit policy_reader(words& in, ip::family usual = ip::family::v4) noexcept : in_{in}, usual_{usual} {
        p_.line.number = in.start().line;
    }

    /// Takes all words of the entry. @return the policy; nothing for a listed one that belongs to a socket; without meaning when
    ///         `in` has a fault then
    auto read() noexcept -> std::optional<policy_rule> {
        while (in_.peek() != nullptr)
            if (!selector_.take_from(in_)) take_word();
        if (in_.failed() || is_of_socket_) return std::nullopt;
        if (!said_.has("dir")) in_.fail_entry(errc::missing_word, "dir");
        selector_.check(in_);
        p_.selectors = selector_.finish(usual_);
        p_.written = selector_.written();
        check_families();
        if (in_.failed()) return std::nullopt;
        return p_;
    }

private:
    void take_word() noexcept {
        const word w = in_.take();
        const std::string_view name = w.text;
        if (name == "tmpl") return take_template(w);
        if (name == "socket" && in_.is_listing()) {
            is_of_socket_ = true;
            while (in_.peek() != nullptr) (void)in_.take();
            return;
        }
        if (in_.is_listing() && take_counters(w)) return;
        if (name == "limit") return take_no_limit(w);
        constexpr std::array<std::string_view, 7> names{"dir", "action", "priority", "ptype", "mark", "index", "if_id"};
        constexpr std::array<std::string_view, 2> others{"ctx", "security"};
        if (name == "flag") return refuse_flag();
        if (std::ranges::find(names, name) == names.end()) {
            const bool is_known = std::ranges::find(others, name) != others.end();
            return in_.fail(is_known ? errc::unsupported : errc::unknown_word, w);
        }
        if (!said_.once(in_, w)) return;
        constexpr std::array<std::string_view, 0> none{};
        if (name == "dir") {
            constexpr std::array<std::string_view, 3> directions{"in", "out", "fwd"};
            p_.direction = static_cast<direction>(1 + take_choice(in_, directions, none));
        } else if (name == "action") {
            constexpr std::array<std::string_view, 2> actions{"allow", "block"};
            p_.allow = take_choice(in_, actions, none) == 0;
        } else if (name == "priority") {
            p_.priority = take_number<std::uint32_t>(in_);
        } else if (name != "ptype") {
            take_nothing(in_, w);
        } else {
            constexpr std::array<std::string_view, 1> types{"main"};
            constexpr std::array<std::string_view, 1> other_types{"sub"};
            (void)take_choice(in_, types, other_types);
        }
    }
    void refuse_flag() noexcept {
        const word w = in_.take();
        if (!in_.failed()) in_.fail(w.text == "localok" || w.text == "icmp" ? errc::unsupported : errc::bad_value, w);
    }
    /// A policy has no lifetime here: only a limit that is none is taken.
    void take_no_limit(const word& w) noexcept {
        state_limits soft, hard;
        take_limit(in_, said_, soft, hard);
        if (soft != state_limits{} || hard != state_limits{}) in_.fail(errc::unsupported, w);
    }
    /// What `ip -s` shows of a policy beside itself. A policy has no lifetime here, so a limit is refused, as in a command.
    /// @return false when `w` is no word of that
    auto take_counters(const word& w) noexcept -> bool {
        if (w.text == "lifetime") {
            const word which = in_.take();
            if (which.text != "config:" && which.text != "current:") in_.fail(errc::unknown_word, which);
            if (in_.failed() || !said_.once(in_, which)) return true;
            if (which.text == "current:") return (void)take_current_lifetimes(in_), true;
            state_limits soft, hard;
            take_configured_lifetimes(in_, soft, hard);
            if (soft != state_limits{} || hard != state_limits{}) in_.fail(errc::unsupported, which);
            return true;
        }
        if (w.text == "flag") return skip_no_flags(in_);
        if (w.text != "index" && w.text != "share") return false;
        if (!said_.once(in_, w)) return true;
        if (w.text == "index") (void)take_number<std::uint32_t>(in_);
        else take_share();
        return true;
    }
    void take_share() noexcept {
        constexpr std::array<std::string_view, 1> shares{"any"};
        constexpr std::array<std::string_view, 3> others{"session", "user", "unique"};
        (void)take_choice(in_, shares, others);
    }
    /// Which algorithms of a kind a state may have: all of them.
    void take_mask() noexcept {
        const word w = in_.take();
        if (!in_.failed() && w.text != "ffffffff") in_.fail(errc::unsupported, w);
    }
    void take_template(const word& start) noexcept {
        policy_template t;
        said_words said;
        for (const word* next = in_.peek(); next != nullptr; next = in_.peek()) {
            const word w = *next;
            const std::string_view name = w.text;
            constexpr std::array<std::string_view, 7> names{"src", "dst", "proto", "spi", "reqid", "mode", "level"};
            constexpr std::array<std::string_view, 4> listed{"share", "enc-mask", "auth-mask", "comp-mask"};
            const bool is_listed = in_.is_listing() && std::ranges::find(listed, name) != listed.end();
            if (std::ranges::find(names, name) == names.end() && !is_listed) break;
            (void)in_.take();
            if (!said.once(in_, w)) return;
            if (name == "src") t.source = take_open_end(t.family);
            else if (name == "dst") t.destination = take_open_end(t.family);
            else if (name == "proto") t.protocol = take_ipsec_protocol(in_);
            else if (name == "spi") t.spi = sa::spi{take_shown_number<std::uint32_t>(in_)};
            else if (name == "reqid") t.reqid = take_shown_number<std::uint32_t>(in_);
            else if (name == "mode") t.mode = take_mode(in_);
            else if (name == "share") take_share();
            else if (is_listed) take_mask();
            else {
                constexpr std::array<std::string_view, 1> levels{"required"};
                constexpr std::array<std::string_view, 1> other_levels{"use"};
                (void)take_choice(in_, levels, other_levels);
            }
        }
        if (in_.failed()) return;
        const word about{.text = "proto", .line = start.line, .column = start.column, .after = "tmpl"};
        if (!said.has("proto")) return in_.fail(errc::missing_word, about);
        if (t.source && t.destination && t.source->family() != t.destination->family())
            return in_.fail(errc::mixed_families, start);
        if (!p_.templates.push_back(t)) return in_.fail(errc::too_many, start);
        (void)starts_.push_back(start);
    }
    /// Transport mode leaves a packet in the family that it has by then: that of the selectors, or of the tunnel in front.
    ///                                                                                            RFC 2401 §4.1, §4.3
    void check_families() noexcept {
        auto now = p_.selectors.source.family();
        for (std::size_t i = 0; i < p_.templates.size(); ++i) {
            auto& t = p_.templates[i];
            const auto wanted = t.family ? t.family : now;
            if (t.mode == sa::mode::transport && wanted != now) return in_.fail(errc::mixed_families, starts_[i]);
            if (t.source || t.destination || wanted == now) t.family.reset();
            now = wanted;
        }
    }
    /// All zeros stand for any address, of `family`.
    auto take_open_end(std::optional<ip::family>& family) noexcept -> std::optional<ip::address> {
        const auto a = take_end(in_);
        family = a.family();
        if (a.is_unspecified()) return std::nullopt;
        return a;
    }

    words& in_;
    ip::family usual_;
    policy_rule p_;
    said_words said_;
    selector_reader selector_;
    bool is_of_socket_ = false;
    static_vector<word, policy::max_protections> starts_;  // of the templates
};

}  // namespace ipsec::xfrm::detail
