#pragma once
// The grammar of swanctl.conf: sections with braces, `key = value`, comments, quotes, includes. It knows no key by name.
#include <expected>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gateway {

/// Where something stands; line and column count from 1, the column in octets.
struct place {
    std::string file;
    unsigned line = 1;  ///< 0: the file as a whole
    unsigned column = 1;
    friend auto operator==(const place&, const place&) -> bool = default;
};

/// A word of a file as a message shows it: in quotes, cut when it is long, without control characters.
[[nodiscard]] auto in_quotes(std::string_view word) -> std::string;

/// What is wrong, and where.
struct fault {
    place where;
    std::string what;
    /// "site.conf:3:5: unknown key 'x' in connections.gw; ...", one line.
    [[nodiscard]] auto text() const -> std::string;
};
template <class T> using result = std::expected<T, fault>;
using outcome = std::optional<fault>;  // nothing: it went well

struct setting {
    std::string key, value;
    place key_at, value_at;  ///< `value_at`: of the first character, the quote left out
};

struct section {
    std::string name;
    place at;  ///< of the name; the beginning of the file for the whole
    std::vector<setting> settings{};  ///< in order of the file, each key once
    std::vector<section> sections{};  ///< in order of the file, each name once
    std::vector<place> again{};       ///< where the section was opened once more: both are one
    bool is_template = false;         ///< another section inherits from it: `other : this { }`

    [[nodiscard]] auto find(std::string_view key) const -> const setting*;
    [[nodiscard]] auto find_section(std::string_view of) const -> const section*;
};

/// A whole file, of 16 MiB at most. @return why it cannot be read
[[nodiscard]] auto read_text(const std::filesystem::path& file) -> std::expected<std::string, std::string>;

/// The texts that a pattern of an `include` stands for, each with the name to show. The pattern is as written; `from` is the name
/// of the including file.
struct source {
    std::string file, text;
};
using includer =
    std::function<std::expected<std::vector<source>, std::string>(const std::string& pattern, const std::string& from)>;

inline constexpr unsigned deepest_include = 10;  ///< files inside of files
inline constexpr unsigned deepest_section = 10;  ///< sections inside of sections

/// @param include  absent: an `include` is a fault
[[nodiscard]] auto parse_settings(const source& from, const includer& include = {}) -> result<section>;
/// A file and all that it includes, with patterns like `conf.d/*.conf` relative to the including file.
[[nodiscard]] auto read_settings(const std::filesystem::path& file) -> result<section>;
/// Wipes all values: secrets are among them.
void wipe_values(section& s);

}  // namespace gateway
