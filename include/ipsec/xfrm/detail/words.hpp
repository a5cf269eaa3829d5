#pragma once
/// Cuts a file into entries and entries into words, and remembers the first fault.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "ipsec/core/static_vector.hpp"
#include "ipsec/ip/address.hpp"
#include "ipsec/xfrm/errc.hpp"

namespace ipsec::xfrm::detail {

struct word {
    std::string_view text{};   ///< without its quotes
    std::uint32_t line = 0, column = 0;
    std::string_view after{};  ///< the word in front of it in the entry
};

/// An entry is a line that `ip -batch` would take, or, where a line begins with "src", a piece of a listing: that line and the
/// indented ones under it, or, as `ip -o` lists, behind a backslash. `#` begins a comment, anywhere; a backslash at the end of a
/// line for `ip -batch` joins the next one to it.
///
/// After the first fault there are no more words and no more entries, so that a reader asks once, at the end.
class words {
public:
    explicit words(std::string_view text) noexcept : text_{text} {}

    /// Goes to the next entry that has a word. @pre the words of the last one were taken
    /// @return false at the end of the text or after a fault
    auto next_entry() noexcept -> bool {
        is_listing_ = false;
        before_ = {};
        while (!failed() && at_ < text_.size()) {
            if (text_[at_] == '\n') {
                line_feed();
                continue;
            }
            if (peek() == nullptr) continue;  // blanks or a comment; `at_` is at a line feed or at the end
            is_listing_ = next_->text == "src";
            start_ = *next_;
            return true;
        }
        return false;
    }
    [[nodiscard]] auto is_listing() const noexcept -> bool { return is_listing_; }
    /// The first word of the entry.
    [[nodiscard]] auto start() const noexcept -> const word& { return start_; }

    /// The next word of the entry; null at its end or after a fault.
    auto peek() noexcept -> const word* {
        if (!next_ && !failed()) read();
        return next_ ? &*next_ : nullptr;
    }
    /// @return the next word; an empty one, with `errc::missing_value` kept, where there is none
    auto take() noexcept -> word {
        if (peek() == nullptr) {
            fail(errc::missing_value, word{.text = {}, .line = line_, .column = column(), .after = before_});
            return {};
        }
        const word w = *next_;
        next_.reset();
        before_ = w.text;
        return w;
    }
    auto take_if(std::string_view text) noexcept -> bool {
        if (peek() == nullptr || next_->text != text) return false;
        (void)take();
        return true;
    }
    /// The last word was a key: faults that follow name `instead` as the word in front of theirs.
    void hide_last(std::string_view instead) noexcept { before_ = instead; }

    /// Keeps the fault unless there was one.
    void fail(errc code, const word& w) noexcept {
        if (!fault_) fault_ = fault{code, w.line, w.column, w.text, w.after};
        next_.reset();
    }
    /// A fault about the entry as a whole, or about something that `name` says.
    void fail_entry(errc code, std::string_view name) noexcept {
        fail(code, word{.text = name, .line = start_.line, .column = start_.column, .after = {}});
    }
    [[nodiscard]] auto failed() const noexcept -> bool { return fault_.has_value(); }
    [[nodiscard]] auto get_fault() const noexcept -> const std::optional<fault>& { return fault_; }

private:
    [[nodiscard]] auto column() const noexcept -> std::uint32_t { return static_cast<std::uint32_t>(at_ - line_start_ + 1); }
    /// A backslash in a listing is the end of a line that `ip -o` did not end.
    [[nodiscard]] auto is_blank(char c) const noexcept -> bool {
        return (c == '\\' && is_listing_) || is_white(c);
    }
    static auto is_white(char c) noexcept -> bool { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }
    /// Octets of a backslash and the line feed behind it at `i`; 0 when there is none.
    [[nodiscard]] auto continuation(std::size_t i) const noexcept -> std::size_t {
        if (is_listing_) return 0;
        const auto rest = text_.substr(i);
        return rest.starts_with("\\\n") ? 2 : rest.starts_with("\\\r\n") ? 3 : 0;
    }
    void line_feed() noexcept {
        ++at_;
        ++line_;
        line_start_ = at_;
    }
    /// Whether the line feed at `at_` is followed by an indented line that has a word.
    [[nodiscard]] auto is_indented_next() const noexcept -> bool {
        std::size_t i = at_ + 1;
        while (i < text_.size() && is_white(text_[i])) ++i;
        return i > at_ + 1 && i < text_.size() && text_[i] != '\n';
    }
    void skip_blanks() noexcept {
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (is_blank(c)) {
                ++at_;
            } else if (c == '#') {
                while (at_ < text_.size() && text_[at_] != '\n') ++at_;
            } else if (const auto n = continuation(at_)) {
                at_ += n - 1;
                line_feed();
            } else if (c == '\n' && is_listing_ && is_indented_next()) {
                line_feed();
            } else {
                return;
            }
        }
    }
    void read() noexcept {
        skip_blanks();
        if (at_ == text_.size() || text_[at_] == '\n') return;
        word w{.text = {}, .line = line_, .column = column(), .after = before_};
        const char first = text_[at_];
        const bool is_quoted = first == '\'' || first == '"';
        const std::size_t from = is_quoted ? ++at_ : at_;
        if (is_quoted) {
            while (at_ < text_.size() && text_[at_] != first && text_[at_] != '\n' && text_[at_] != '#') ++at_;
        } else {
            while (at_ < text_.size() && !ends_word(at_)) ++at_;
        }
        w.text = text_.substr(from, at_ - from);
        if (is_quoted && (at_ == text_.size() || text_[at_++] != first)) return fail(errc::bad_quote, w);
        if (at_ < text_.size() && !ends_word(at_)) return fail(errc::bad_quote, w);
        if (at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"')) return fail(errc::bad_quote, w);
        if (const auto n = continuation(at_); n != 0 && at_ + n < text_.size() && !is_blank(text_[at_ + n]) &&
                                              text_[at_ + n] != '\n' && text_[at_ + n] != '#')
            return fail(errc::bad_continuation, w);
        next_ = w;
    }
    [[nodiscard]] auto ends_word(std::size_t i) const noexcept -> bool {
        const char c = text_[i];
        return is_blank(c) || c == '\n' || c == '#' || c == '\'' || c == '"' || (c == '\\' && continuation(i) != 0);
    }

    std::string_view text_;
    std::size_t at_ = 0, line_start_ = 0;
    std::uint32_t line_ = 1;
    bool is_listing_ = false;
    std::optional<word> next_;
    word start_;
    std::string_view before_;
    std::optional<fault> fault_;
};

/// Remembers which words an entry has said.
class said_words {
public:
    /// @return false, with the fault kept, when `w` was said before
    auto once(words& in, const word& w) noexcept -> bool {
        for (std::size_t i = 0; i < said_.size(); ++i)
            if (said_[i] == w.text) {
                in.fail(errc::repeated_word, w);
                return false;
            }
        (void)said_.push_back(w.text);
        return true;
    }
    [[nodiscard]] auto has(std::string_view name) const noexcept -> bool {
        for (const auto s : said_)
            if (s == name) return true;
        return false;
    }

private:
    static_vector<std::string_view, 32> said_;
};

/// Takes the next word, which has to be `name`; `errc::unknown_word` for any other.
inline void expect(words& in, std::string_view name) noexcept {
    const word w = in.take();
    if (w.text != name) in.fail(errc::unknown_word, w);
}
/// Reads `text`, decimal or behind "0x", as a number up to `most`. Nothing for anything else; a zero in front would be octal to
/// `ip`, and is refused.
[[nodiscard]] inline auto read_number(std::string_view text, std::uint64_t most) noexcept -> std::optional<std::uint64_t> {
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        base = 16;
        text.remove_prefix(2);
    } else if (text.size() > 1 && text.front() == '0') {
        return std::nullopt;
    }
    std::uint64_t v = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, v, base);
    if (error != std::errc{} || stopped != end || text.empty() || v > most) return std::nullopt;
    return v;
}
/// The next word as such a number; `errc::bad_value` and 0 when it is none.
template <class T>
[[nodiscard]] auto take_number(words& in, std::uint64_t most) noexcept -> T {
    const word w = in.take();
    if (in.failed()) return T{};
    const auto v = read_number(w.text, most);
    if (!v) in.fail(errc::bad_value, w);
    return static_cast<T>(v.value_or(0));
}
template <class T>
[[nodiscard]] auto take_number(words& in) noexcept -> T {
    return take_number<T>(in, std::numeric_limits<T>::max());
}
/// The number of `(0x00000007)`; nothing for what is no number in parentheses.
[[nodiscard]] inline auto read_parenthesis(std::string_view text) noexcept -> std::optional<std::uint64_t> {
    if (text.size() < 2 || !text.starts_with('(') || !text.ends_with(')')) return std::nullopt;
    return read_number(text.substr(1, text.size() - 2), std::numeric_limits<std::uint64_t>::max());
}
/// As `take_number`; in a listing with counters it may stand there twice, as `7(0x00000007)`, and has to be the same.
template <class T>
[[nodiscard]] auto take_shown_number(words& in) noexcept -> T {
    const word w = in.take();
    if (in.failed()) return T{};
    const auto again = in.is_listing() ? std::min(w.text.find('('), w.text.size()) : w.text.size();
    const auto v = read_number(w.text.substr(0, again), std::numeric_limits<T>::max());
    const bool differs = again != w.text.size() && read_parenthesis(w.text.substr(again)) != v;
    if (!v || differs) in.fail(errc::bad_value, w);
    return static_cast<T>(v.value_or(0));
}
/// Reads an address; of IPv4 also the short form of `ip`, which leaves zeros at its end out: `10.1` is 10.1.0.0.
[[nodiscard]] inline auto read_address(std::string_view text) noexcept -> std::optional<ip::address> {
    if (const auto a = ip::parse_address(text)) return *a;
    std::array<std::uint8_t, 4> octets{};
    for (auto& octet : octets) {
        const auto dot = text.find('.');
        const auto field = text.substr(0, dot);
        const auto v = field.size() <= 3 && field.find_first_of("xX") == field.npos ? read_number(field, 255) : std::nullopt;
        if (!v) return std::nullopt;
        octet = static_cast<std::uint8_t>(*v);
        if (dot == text.npos) return ip::address::v4(octets[0], octets[1], octets[2], octets[3]);
        text.remove_prefix(dot + 1);
    }
    return std::nullopt;
}
/// The next word as an address without a length; `errc::bad_value` when it is none.
[[nodiscard]] inline auto take_address(words& in) noexcept -> ip::address {
    const word w = in.take();
    if (in.failed()) return {};
    const auto a = read_address(w.text);
    if (!a) in.fail(errc::bad_value, w);
    return a.value_or(ip::address{});
}
/// An end of an SA: as above, or with the length of all its bits behind it.
[[nodiscard]] inline auto take_end(words& in) noexcept -> ip::address {
    const word w = in.take();
    if (in.failed()) return {};
    const auto slash = w.text.find('/');
    const auto a = read_address(w.text.substr(0, slash));
    const bool is_whole = slash == w.text.npos || (a && w.text.substr(slash) == (a->is_v4() ? "/32" : "/128"));
    if (!a || !is_whole) in.fail(errc::bad_value, w);
    return a.value_or(ip::address{});
}
/// The next word, which has to be one of the `names`. @return its place; `errc::bad_value` for any other word, `unsupported` for
/// one of `others`
template <std::size_t N, std::size_t M>
[[nodiscard]] auto take_choice(words& in, const std::array<std::string_view, N>& names,
                               const std::array<std::string_view, M>& others) noexcept -> std::size_t {
    const word w = in.take();
    if (in.failed()) return 0;
    for (std::size_t i = 0; i < N; ++i)
        if (w.text == names[i]) return i;
    const bool is_known = std::ranges::find(others, w.text) != others.end();
    in.fail(is_known ? errc::unsupported : errc::bad_value, w);
    return 0;
}

}  // namespace ipsec::xfrm::detail
