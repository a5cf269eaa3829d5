#pragma once
/// What can be wrong with a file of `ip xfrm` lines, and where.
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

#include "ipsec/core/result.hpp"
#include "ipsec/ip/text.hpp"

namespace ipsec::xfrm {

enum class errc : std::uint8_t {
    unknown_word = 1,           ///< no word of the language in this place
    missing_word,               ///< `word` has to be in the entry and is not
    missing_value,              ///< the entry ends where a value has to follow
    repeated_word,              ///< said twice in one entry
    bad_value,                  ///< no such number, address, prefix or choice
    bad_quote,                  ///< a quote that does not end on its line, or stands inside a word
    bad_continuation,           ///< a backslash at the end of a line in the middle of a word
    unsupported,                ///< a word of the language for what this library does not have
    unknown_algorithm,          ///< the kernel has no algorithm of that name and kind
    unsupported_algorithm,      ///< the kernel has the algorithm, this library has not
    unsupported_icv,            ///< the algorithm is there, but not with an ICV of so many bits
    default_icv,                ///< `auth` leaves the size of the ICV to Linux, whose default no RFC has
    bad_key,                    ///< a key in hexadecimal with an odd or a foreign digit
    bad_key_size,               ///< a key of a length that the algorithm does not take
    misplaced_algorithm,        ///< `enc` or `aead` for AH, or `auth` beside `aead`                    RFC 4106 §8.3
    null_with_null,             ///< neither encryption nor integrity                                   RFC 2406 §5
    no_integrity,               ///< encryption alone, and the caller did not allow it by name          RFC 4303 §1
    static_counter_keys,        ///< a counter mode, and the caller did not allow it by name            RFC 4106 §2
    extended_with_manual_keys,  ///< extended sequence numbers need negotiation                         RFC 4303 §2.2.1
    replay_without_integrity,   ///< a replay window, and nothing vouches for the sequence number       RFC 2406 §3.4.3
    bad_window,                 ///< a replay window under 32, no multiple of 32, or over 4096          RFC 4303 §3.4.3
    short_limit,                ///< a limit under 1024 octets: an SA here counts kilobytes
    reserved_spi,               ///< SPI 0 to 255                                                       RFC 2406 §2.1
    mixed_families,             ///< IPv4 beside IPv6 where both must be the same
    duplicate,                  ///< the SA or the selectors of the policy were there before
    shared_sa,                  ///< the templates of two policies take the same SA
    too_many,                   ///< more entries than the caller allows, or more templates than a bundle has SAs
    out_of_memory,
    inexpressible,              ///< writing: a value that the language has no words for
    no_room,                    ///< writing: the caller's buffer is too small
};

[[nodiscard]] constexpr auto condition_of(errc e) noexcept -> condition {
    switch (e) {
        case errc::unsupported:
        case errc::unsupported_algorithm:
        case errc::unsupported_icv:
        case errc::short_limit:
        case errc::default_icv: return condition::unsupported;
        case errc::null_with_null:
        case errc::no_integrity:
        case errc::static_counter_keys:
        case errc::extended_with_manual_keys:
        case errc::replay_without_integrity:
        case errc::reserved_spi:
        case errc::bad_window: return condition::policy;
        case errc::too_many:
        case errc::out_of_memory: return condition::exhausted;
        case errc::inexpressible:
        case errc::no_room: return condition::misuse;
        default: return condition::malformed;
    }
}
/// A phrase that a quoted word may follow.
[[nodiscard]] constexpr auto name_of(errc e) noexcept -> std::string_view {
    switch (e) {
        case errc::unknown_word: return "unknown word";
        case errc::missing_word: return "missing word";
        case errc::missing_value: return "missing value";
        case errc::repeated_word: return "repeated word";
        case errc::bad_value: return "bad value";
        case errc::bad_quote: return "misplaced quote";
        case errc::bad_continuation: return "backslash inside a word";
        case errc::unsupported: return "unsupported here:";
        case errc::unknown_algorithm: return "unknown algorithm";
        case errc::unsupported_algorithm: return "unsupported algorithm";
        case errc::unsupported_icv: return "unsupported ICV size";
        case errc::default_icv: return "ICV size to be given with auth-trunc, since no RFC has the default of Linux, for";
        case errc::bad_key: return "key is not hexadecimal for";
        case errc::bad_key_size: return "key has the wrong size for";
        case errc::misplaced_algorithm: return "algorithm does not belong here:";
        case errc::null_with_null: return "neither encryption nor integrity with";
        case errc::no_integrity: return "encryption without integrity:";
        case errc::static_counter_keys: return "counter mode with keys given by hand:";
        case errc::extended_with_manual_keys: return "extended sequence numbers with keys given by hand:";
        case errc::replay_without_integrity: return "anti-replay without integrity:";
        case errc::bad_window: return "bad width of the window:";
        case errc::short_limit: return "limit under 1024 octets, to be given in packets or as 1024 at least:";
        case errc::reserved_spi: return "reserved SPI:";
        case errc::mixed_families: return "IPv4 mixed with IPv6:";
        case errc::duplicate: return "already there:";
        case errc::shared_sa: return "SA of two policies:";
        case errc::too_many: return "too many:";
        case errc::out_of_memory: return "no memory";
        case errc::inexpressible: return "no words for this value";
        case errc::no_room: return "buffer is too small";
    }
    return "unknown xfrm error";
}

/// What is wrong, and where. Of two faults on a line the first is reported.
struct fault {
    errc code{};
    std::uint32_t line = 0;    ///< from 1: that of the word, or of the entry that lacks it
    std::uint32_t column = 0;  ///< in octets from 1; 0 when no single word is meant
    std::string_view word{};   ///< into the text that was parsed, or a name of this library's; may be a misplaced key
    std::string_view after{};  ///< the word in front of it in the same entry; empty at its start
    friend constexpr auto operator==(const fault&, const fault&) noexcept -> bool = default;
};
template <class T> using result = std::expected<T, fault>;

namespace detail {
/// Where in `word` a key in hexadecimal may begin: at "0x" with more behind it than a number of 32 bits has, or at 16 digits in a
/// row. The size of the word where there is none.
[[nodiscard]] constexpr auto start_of_key(std::string_view word) noexcept -> std::size_t {
    constexpr std::size_t longest_number = 8, shortest_key = 16;
    std::size_t digits = 0;
    for (std::size_t i = 0; i < word.size(); ++i) {
        const char c = word[i];
        if (c == '0' && i + 2 + longest_number < word.size() && (word[i + 1] == 'x' || word[i + 1] == 'X')) return i - digits;
        digits = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') ? digits + 1 : 0;
        if (digits == shortest_key) return i + 1 - digits;
    }
    return word.size();
}
/// A quoted word for people to read: shortened, unprintable characters as '?'. Nothing is shown of what could be a key in
/// hexadecimal, nor of what follows it.
constexpr void put_quoted(ip::text_writer& out, std::string_view word) noexcept {
    constexpr std::size_t most = 40;
    const std::size_t key = start_of_key(word), shown = key < most ? key : most;
    out.put('\'');
    for (const char c : word.substr(0, shown)) out.put(c >= ' ' && c <= '~' ? c : '?');
    if (key < word.size() && key <= most) out.put(word[key] == '0' && (word[key + 1] | 0x20) == 'x' ? "0x..." : "...");
    else if (word.size() > most) out.put("...");
    out.put('\'');
}
}  // namespace detail

/// "line 3, column 9: unknown word 'foo' after 'mode'"; no column where no single word is meant. Shows no key that is written
/// in hexadecimal.
[[nodiscard]] constexpr auto text_of(const fault& f) noexcept -> ip::text<256> {
    ip::text<256> t;
    ip::text_writer out{t.characters};
    out.put("line ").decimal(f.line);
    if (f.column != 0) out.put(", column ").decimal(f.column);
    out.put(": ").put(name_of(f.code));
    if (!f.word.empty() || f.code == errc::bad_value) detail::put_quoted(out.put(' '), f.word);
    if (!f.after.empty()) detail::put_quoted(out.put(" after "), f.after);
    t.size = out.size();
    return t;
}

}  // namespace ipsec::xfrm
