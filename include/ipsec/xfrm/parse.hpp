#pragma once
/// Reads files for `ip -batch` with `xfrm` lines, and what `ip xfrm state` and `ip xfrm policy` list.      RFC 2401 §4.6.1
#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "ipsec/xfrm/detail/read_policy.hpp"
#include "ipsec/xfrm/detail/read_state.hpp"
#include "ipsec/xfrm/errc.hpp"
#include "ipsec/xfrm/policy_rule.hpp"
#include "ipsec/xfrm/state.hpp"

namespace ipsec::xfrm {

/// What a file says: states and policies in the order in which they would be added.
struct file {
    std::vector<state> states;
    std::vector<policy_rule> policies;
    std::size_t larval = 0;  ///< listed states left out: without algorithms, for SAs still negotiated. Not compared, not written
    friend auto operator==(const file& a, const file& b) -> bool { return a.states == b.states && a.policies == b.policies; }
};

/// What one file may make this library allocate. A look for duplicates takes time with the square of the number of entries.
struct limits {
    std::size_t states = 4096;
    std::size_t policies = 4096;
};

namespace detail {

class file_reader {
public:
    file_reader(std::string_view text, const limits& most) noexcept : in_{text}, most_{most} {}

    auto read() -> result<file> {
        while (in_.next_entry()) {
            if (in_.is_listing()) {
                read_listed();
            } else {
                turn_listed();
                read_command();
            }
        }
        turn_listed();
        if (in_.failed()) return std::unexpected{*in_.get_fault()};
        return std::move(file_);
    }

private:
    /// `[ip [-4|-6]] [xfrm] state|policy add|update ...`, or `flush`, which forgets what stood above. Words that `ip` takes by
    /// their beginnings are taken so here: `ip x p a`.
    void read_command() {
        const bool by_ip = in_.take_if("ip");
        const word family = by_ip && in_.peek() != nullptr ? *in_.peek() : word{};
        const bool only_v4 = by_ip && in_.take_if("-4"), only_v6 = by_ip && !only_v4 && in_.take_if("-6");
        if (by_ip && in_.peek() == nullptr) return (void)in_.take();
        const word* const first = in_.peek();
        const bool by_xfrm = first != nullptr && begins("xfrm", first->text);
        if (by_xfrm) (void)in_.take();
        if (by_xfrm && in_.peek() == nullptr) return (void)in_.take();
        const word object = in_.take();
        const auto is_object = [&](std::string_view name) { return by_xfrm ? begins(name, object.text) : object.text == name; };
        const bool is_state = is_object("state") || is_object("sa"), is_policy = is_object("policy");
        if (!is_state && !is_policy) return in_.fail(is_object("monitor") ? errc::unsupported : errc::unknown_word, object);
        const word verb = in_.take();
        if (in_.failed()) return;
        const auto meant = meaning_of(verb.text);
        if (meant == "flush") {
            if (in_.peek() != nullptr) return in_.fail(errc::unsupported, in_.take());  // `proto` or `ptype`: some of them
            is_state ? file_.states.clear() : file_.policies.clear();
            return;
        }
        if (meant != "add" && meant != "update") return in_.fail(meant.empty() ? errc::unknown_word : errc::unsupported, verb);
        const auto usual = only_v6 ? ip::family::v6 : ip::family::v4;
        const auto fits = [&](ip::family f) {
            if ((only_v4 || only_v6) && f != usual && !in_.failed()) in_.fail(errc::mixed_families, family);
        };
        if (is_state) {
            auto s = state_reader{in_}.read();
            fits(s.id.destination.family());
            put(std::move(s), meant == "update");
        } else if (auto p = policy_reader{in_, usual}.read()) {
            fits(p->selectors.source.family().value_or(usual));
            put(std::move(*p), meant == "update");
        }
    }
    static auto begins(std::string_view whole, std::string_view said) noexcept -> bool {
        return !said.empty() && whole.starts_with(said);
    }
    /// The first verb that begins with what was said, in the order in which `ip` looks for them; empty where there is none.
    static auto meaning_of(std::string_view said) noexcept -> std::string_view {
        constexpr std::array<std::string_view, 16> verbs{"add",  "update",     "allocspi",   "delete", "deleteall", "delall",
                                                         "show", "list",       "lst",        "get",    "flush",     "count",
                                                         "set",  "setdefault", "getdefault", "help"};
        for (const auto verb : verbs)
            if (begins(verb, said)) return verb;
        return {};
    }
    /// The second line of a listed state begins with `proto`, that of a policy with `dir` or `socket`, but for the words of the
    /// selector: whatever the first word is that only one of them has decides.
    void read_listed() {
        if (!in_a_listing_) {
            in_a_listing_ = true;
            first_state_ = std::ssize(file_.states);
            first_policy_ = std::ssize(file_.policies);
        }
        words ahead = in_;
        bool is_policy = false;
        while (const word* const w = ahead.peek()) {
            is_policy = w->text == "dir" || w->text == "socket";
            if (is_policy || w->text == "mode" || w->text == "spi") break;
            (void)ahead.take();
        }
        if (is_policy) {
            if (auto p = policy_reader{in_}.read()) put(std::move(*p), false);
        } else {
            state_reader reader{in_};
            auto s = reader.read();
            if (reader.is_larval()) ++file_.larval;
            else put(std::move(s), false);
        }
    }
    /// A listing shows the newest first: its end turns what it brought.
    void turn_listed() {
        if (!in_a_listing_) return;
        in_a_listing_ = false;
        std::reverse(file_.states.begin() + first_state_, file_.states.end());
        std::reverse(file_.policies.begin() + first_policy_, file_.policies.end());
    }
    void put(state&& s, bool replaces) {
        if (in_.failed()) return;
        for (auto& old : file_.states)
            if (old.id == s.id) {
                if (!replaces) return in_.fail_entry(errc::duplicate, "state");
                old = std::move(s);
                return;
            }
        if (file_.states.size() >= most_.states) return in_.fail_entry(errc::too_many, "state");
        file_.states.push_back(std::move(s));
    }
    void put(policy_rule&& p, bool replaces) {
        if (in_.failed()) return;
        for (auto& old : file_.policies)
            if (old.direction == p.direction && old.selectors == p.selectors && old.written == p.written) {
                if (!replaces) return in_.fail_entry(errc::duplicate, "policy");
                old = p;
                return;
            }
        if (file_.policies.size() >= most_.policies) return in_.fail_entry(errc::too_many, "policy");
        file_.policies.push_back(p);
    }

    words in_;
    limits most_;
    file file_;
    bool in_a_listing_ = false;
    std::ptrdiff_t first_state_ = 0, first_policy_ = 0;  // that the listing brought
};

}  // namespace detail

/// Reads a whole file; batch lines and pieces of listings may alternate. Words mean what they mean to the kernel, so that one
/// file serves both; what this library does not have is refused by name. `flush` forgets the states or policies above it.
/// Of a listing by `ip -s xfrm` the limits count, and what a state has used of those on octets and packets; other counters, dates
/// and what is only shown are passed over. What `ip -o` lists is read as well, and `docs/xfrm.md` has all that is refused.
///
/// @param text  stays the caller's; the words of a fault point into it. Wiping it is the caller's business too
/// @return the first fault, of any code but the last two and those that `manual_sa.hpp` and `bind.hpp` find
[[nodiscard]] inline auto parse(std::string_view text, const limits& most = {}) noexcept -> result<file> {
    try {
        return detail::file_reader{text, most}.read();
    } catch (const std::bad_alloc&) {
        return std::unexpected{fault{.code = errc::out_of_memory}};
    }
}

}  // namespace ipsec::xfrm
