#pragma once
// The keys of a section, as a table: what each is called, and where its value goes.
#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "reading.hpp"

namespace gateway {

/// A key, and what reads its value into a `T`.
template <class T> struct key {
    std::string_view name;
    std::optional<bad_value> (*read)(std::string_view, T&);
};

/// A value read by `Read` goes to a member.
template <auto Read, auto Member, class T> auto store(std::string_view text, T& into) -> std::optional<bad_value> {
    auto v = Read(text);
    if (!v) return std::move(v.error());
    into.*Member = std::move(*v);
    return {};
}
/// Read elsewhere.
template <class T> auto later(std::string_view, T&) -> std::optional<bad_value> { return {}; }
/// A flag that must be off, since this gateway does not know how.
template <class T> auto only_no(std::string_view text, T&) -> std::optional<bad_value> {
    const auto v = read_flag(text);
    if (!v) return v.error();
    if (*v) return bad_value{in_quotes(text) + " is not supported: this gateway takes 'no' only"};
    return {};
}
inline auto only(std::string_view text, std::string_view wanted) -> std::optional<bad_value> {
    if (text == wanted) return {};
    return bad_value{in_quotes(text) + " is not supported: this gateway takes " + in_quotes(wanted) + " only"};
}
template <class N, N Most> auto number(std::string_view text) -> value_result<N> {
    const auto n = read_number(text, 0, Most);
    if (!n) return std::unexpected{n.error()};
    return static_cast<N>(*n);
}

template <class T, std::size_t N>
auto read_keys(const section& s, const std::string& where, const std::array<key<T>, N>& keys, words elsewhere, T& into)
    -> outcome {
    for (const setting& one : s.settings) {
        const auto it = std::ranges::find(keys, std::string_view{one.key}, &key<T>::name);
        if (it == keys.end()) {
            std::array<std::string_view, N> names{};
            std::ranges::transform(keys, names.begin(), &key<T>::name);
            return unknown(one.key_at, "key", one.key, where, names, elsewhere);
        }
        if (auto bad = it->read(one.value, into)) return at_value(one, where, *bad);
    }
    return {};
}

}  // namespace gateway
