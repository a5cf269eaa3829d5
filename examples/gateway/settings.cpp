#include "settings.hpp"

#include <glob.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <utility>

#include "ipsec/core/secret.hpp"

namespace gateway {

auto in_quotes(std::string_view word) -> std::string {
    constexpr std::size_t longest = 60;
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out = "'";
    for (const char c : word.substr(0, longest)) {
        const auto octet = static_cast<unsigned char>(c);
        if (octet >= 0x20 && octet != 0x7f) out += c;
        else (out += "\\x") += {digits[octet >> 4], digits[octet & 15U]};
    }
    return out + (word.size() > longest ? "...'" : "'");
}

auto fault::text() const -> std::string {
    std::string out = where.file + ":";
    if (where.line != 0) out += std::to_string(where.line) + ":" + std::to_string(where.column) + ":";
    return out + " " + what;
}

auto section::find(std::string_view key) const -> const setting* {
    const auto it = std::ranges::find(settings, key, &setting::key);
    return it == settings.end() ? nullptr : &*it;
}
auto section::find_section(std::string_view of) const -> const section* {
    const auto it = std::ranges::find(sections, of, &section::name);
    return it == sections.end() ? nullptr : &*it;
}

namespace {

/// `name : other { }`: what stands in `other` and not in `name` is taken over.
struct reference {
    std::vector<std::string> of;  // names from the outermost section to the one that inherits
    std::string to;               // dotted
    place at;
};

/// What the parsers of a file and of all that it includes share.
struct reading {
    const includer& include;
    std::vector<reference> references{};
    unsigned files = 0;
};

constexpr unsigned most_files = 1000;
constexpr std::size_t most_references = 1000;
constexpr std::size_t most_inherited = 100'000;  // settings and sections: templates inside of templates double with each level

class parser {
public:
    parser(const source& from, reading& all, unsigned depth) : from_{from}, all_{all}, depth_{depth} {}

    /// Reads to the end of the text, or of the section that `opened` names.
    auto body(section& into, std::vector<std::string>& path, const place* opened) -> outcome {
        for (;;) {
            skip_blanks_and_lines();
            const place at = here();
            if (is_end()) {
                if (opened == nullptr) return {};
                return fault{at, "section " + in_quotes(path.back()) + " of line " + std::to_string(opened->line) +
                                     " is not closed: '}' is missing"};
            }
            if (peek() == '}') {
                if (opened == nullptr) return fault{at, "'}' closes nothing"};
                take();
                return {};
            }
            const std::string name = word();
            if (name.empty()) return unexpected("a key or the name of a section");
            const bool on_line = skip_blanks();
            if (name == "include" && on_line && !is_end() && peek() != '=' && peek() != '{' && peek() != ':' && peek() != '\n') {
                if (auto bad = included(into, path)) return bad;
                continue;
            }
            if (!is_end() && peek() == '=') {
                take();
                if (auto bad = value(into, name, at)) return bad;
                continue;
            }
            if (auto bad = subsection(into, path, name, at)) return bad;
        }
    }

private:
    [[nodiscard]] auto is_end() const -> bool { return at_ == from_.text.size(); }
    [[nodiscard]] auto peek() const -> char { return from_.text[at_]; }
    [[nodiscard]] auto here() const -> place { return {from_.file, line_, column_}; }
    auto take() -> char {
        const char c = from_.text[at_++];
        if (c == '\n') {
            ++line_;
            column_ = 1;
        } else {
            ++column_;
        }
        return c;
    }
    /// @return whether there was one
    auto skip_blanks() -> bool {
        const auto before = at_;
        while (!is_end() && (peek() == ' ' || peek() == '\t' || peek() == '\r')) take();
        return at_ != before;
    }
    void skip_comment() {
        while (!is_end() && peek() != '\n') take();
    }
    void skip_blanks_and_lines() {
        for (;;) {
            skip_blanks();
            if (is_end()) return;
            if (peek() == '#') skip_comment();
            else if (peek() == '\n') take();
            else return;
        }
    }
    [[nodiscard]] static auto is_name(char c) -> bool {
        return static_cast<unsigned char>(c) > 0x20 && c != 0x7f &&
               std::string_view{".,:{}=\"#"}.find(c) == std::string_view::npos;
    }
    auto word() -> std::string {
        std::string out;
        while (!is_end() && is_name(peek())) out += take();
        return out;
    }
    [[nodiscard]] auto unexpected(const std::string& wanted) const -> fault {
        if (is_end()) return {here(), "the file ends where " + wanted + " was expected"};
        if (peek() == '\n') return {here(), "the line ends where " + wanted + " was expected"};
        return {here(), in_quotes(std::string_view{&from_.text[at_], 1}) + " where " + wanted + " was expected"};
    }

    auto value(section& into, const std::string& key, const place& key_at) -> outcome {
        skip_blanks();
        setting s{key, {}, key_at, here()};
        if (!is_end() && peek() == '"') {
            if (auto bad = quoted(s)) return bad;
        } else if (auto bad = unquoted(s)) {
            return bad;
        }
        if (const setting* first = into.find(key))
            return fault{key_at, in_quotes(key) + " stands here a second time; first in " + first->key_at.file + ":" +
                                     std::to_string(first->key_at.line)};
        into.settings.push_back(std::move(s));
        return {};
    }
    auto unquoted(setting& s) -> outcome {
        while (!is_end() && peek() != '\n' && peek() != '#' && peek() != '}') {
            const place at = here();
            const char c = take();
            if (c == '\\' && continues()) continue;
            if (c == '{') return fault{at, "'{' in a value: put the value in quotes"};
            if (c == '"') return fault{at, "a quote in the middle of a value: put all of it in quotes"};
            if (is_control(c)) return fault{at, "control character " + in_quotes(std::string_view{&c, 1}) + " in a value"};
            s.value += c;
        }
        s.value.erase(s.value.find_last_not_of(" \t\r") + 1);
        if (s.value.empty()) return fault{s.value_at, in_quotes(s.key) + " has no value"};
        return {};
    }
    auto quoted(setting& s) -> outcome {
        const place opened = here();
        take();
        s.value_at = here();
        for (;;) {
            if (is_end() || peek() == '\n') return fault{opened, "the quote is not closed on its line"};
            const place at = here();
            const char c = take();
            if (c == '"') break;
            if (is_control(c)) return fault{at, "control character " + in_quotes(std::string_view{&c, 1}) + " in a value"};
            if (c != '\\') {
                s.value += c;
                continue;
            }
            if (continues()) continue;
            if (is_end() || peek() == '\n') return fault{opened, "the quote is not closed on its line"};
            const char escaped = take();
            constexpr std::string_view letters = "nrtbf", meanings = "\n\r\t\b\f";
            const auto which = letters.find(escaped);
            s.value += which == std::string_view::npos ? escaped : meanings[which];
        }
        skip_blanks();
        if (!is_end() && peek() != '\n' && peek() != '#' && peek() != '}')
            return unexpected("the end of the line behind a quote");
        return {};
    }
    /// Behind a backslash: whether the line ends here and the next one goes on with the value, from its first character that is
    /// no blank.
    auto continues() -> bool {
        std::size_t n = at_;
        if (n < from_.text.size() && from_.text[n] == '\r') ++n;
        if (n == from_.text.size() || from_.text[n] != '\n') return false;
        while (at_ <= n) take();
        skip_blanks();
        return true;
    }
    [[nodiscard]] static auto is_control(char c) -> bool {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\r') || c == 0x7f;
    }

    auto subsection(section& into, std::vector<std::string>& path, const std::string& name, const place& at) -> outcome {
        path.push_back(name);
        if (!is_end() && peek() == ':') {
            do {
                take();
                skip_blanks();
                reference r{path, word(), here()};
                r.at.column -= static_cast<unsigned>(r.to.size());
                while (!is_end() && peek() == '.') {
                    r.to += take();
                    r.to += word();
                }
                if (r.to.empty()) return unexpected("the name of a section");
                if (all_.references.size() == most_references) return fault{r.at, "too many sections inherit"};
                all_.references.push_back(std::move(r));
                skip_blanks();
            } while (!is_end() && peek() == ',');
        }
        skip_blanks_and_lines();
        if (is_end() || peek() != '{') {
            if (!is_end()) return unexpected("'=' or '{' behind " + in_quotes(name));
            return fault{at, in_quotes(name) + " is followed by neither '=' nor '{'"};
        }
        take();
        if (path.size() > deepest_section) return fault{at, "sections are nested too deeply"};
        auto it = std::ranges::find(into.sections, name, &section::name);
        if (it == into.sections.end()) it = into.sections.insert(it, section{name, at});
        else it->again.push_back(at);
        if (auto bad = body(*it, path, &at)) return bad;
        path.pop_back();
        return {};
    }

    auto included(section& into, std::vector<std::string>& path) -> outcome {
        const place at = here();
        setting s{"include", {}, at, at};
        if (peek() == '"') {
            if (auto bad = quoted(s)) return bad;
        } else if (auto bad = unquoted(s)) {
            return bad;
        }
        if (!all_.include) return fault{at, "an include is not possible here"};
        if (depth_ == deepest_include) return fault{at, "files include each other too deeply"};
        const auto sources = all_.include(s.value, from_.file);
        if (!sources) return fault{at, sources.error()};
        for (const source& one : *sources) {
            if (++all_.files > most_files) return fault{at, "too many files are included"};
            // What it opens it closes: the end of an included file is no end of ours.
            if (auto bad = parser{one, all_, depth_ + 1}.body(into, path, nullptr)) return bad;
        }
        return {};
    }

    const source& from_;
    reading& all_;
    unsigned depth_;
    std::size_t at_ = 0;
    unsigned line_ = 1, column_ = 1;
};

auto descend(section& root, const std::vector<std::string>& path) -> section* {
    section* s = &root;
    for (const std::string& name : path) {
        const auto it = std::ranges::find(s->sections, name, &section::name);
        if (it == s->sections.end()) return nullptr;
        s = &*it;
    }
    return s;
}
auto split(std::string_view dotted) -> std::vector<std::string> {
    std::vector<std::string> out;
    for (;;) {
        const auto dot = dotted.find('.');
        out.emplace_back(dotted.substr(0, dot));
        if (dot == std::string_view::npos) return out;
        dotted.remove_prefix(dot + 1);
    }
}
auto size_of(const section& s) -> std::size_t {
    std::size_t n = 1 + s.settings.size();
    for (const section& one : s.sections) n += size_of(one);
    return n;
}
/// What `from` has and `into` has not.
void take_over(section& into, const section& from) {
    for (const setting& s : from.settings)
        if (into.find(s.key) == nullptr) into.settings.push_back(s);
    for (const section& s : from.sections) {
        const auto it = std::ranges::find(into.sections, s.name, &section::name);
        if (it != into.sections.end()) take_over(*it, s);
        else into.sections.push_back(s);
    }
}

/// Templates are resolved in the order in which they are needed: a section that inherits is complete before another one inherits
/// from it.
class inheritance {
public:
    inheritance(section& root, const std::vector<reference>& references)
        : root_{root}, references_{references}, states_(references.size()) {}
    auto resolve() -> outcome {
        for (std::size_t i = 0; i < references_.size(); ++i)
            if (auto bad = resolve(i)) return bad;
        return {};
    }

private:
    enum class state : unsigned char { waiting, under_way, done };

    static auto begins(const std::vector<std::string>& whole, const std::vector<std::string>& part) -> bool {
        return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
    }
    auto resolve(std::size_t i) -> outcome {
        if (states_[i] == state::done) return {};
        const reference& r = references_[i];
        const auto target = split(r.to);
        if (states_[i] == state::under_way || begins(r.of, target) || begins(target, r.of))
            return fault{r.at, "section " + in_quotes(r.to) + " would inherit from itself"};
        states_[i] = state::under_way;
        for (std::size_t k = 0; k < references_.size(); ++k)
            if (k != i && (begins(references_[k].of, target) || begins(target, references_[k].of)))
                if (auto bad = resolve(k)) return bad;
        section* const from = descend(root_, target);
        if (from == nullptr) return fault{r.at, "there is no section " + in_quotes(r.to) + " to inherit from"};
        if ((size_ += size_of(*from)) > most_inherited) return fault{r.at, "too much is inherited"};
        from->is_template = true;
        take_over(*descend(root_, r.of), section{*from});
        states_[i] = state::done;
        return {};
    }
    section& root_;
    const std::vector<reference>& references_;
    std::vector<state> states_;
    std::size_t size_ = 0;
};

/// The files of a pattern in order of their names. One without a wildcard must be there.
auto include_files(const std::string& pattern, const std::string& from) -> std::expected<std::vector<source>, std::string> {
    const auto whole = (std::filesystem::path{from}.parent_path() / pattern).string();
    glob_t found{};
    const int code = glob(whole.c_str(), 0, nullptr, &found);
    std::vector<std::string> names;
    for (std::size_t i = 0; code == 0 && i < found.gl_pathc; ++i) names.emplace_back(found.gl_pathv[i]);
    globfree(&found);
    if (code != 0 && code != GLOB_NOMATCH) return std::unexpected{in_quotes(pattern) + " cannot be searched"};
    if (names.empty() && pattern.find_first_of("*?[") == std::string::npos) names.push_back(whole);
    std::vector<source> out;
    for (const std::string& name : names) {
        auto text = read_text(name);
        if (!text) return std::unexpected{in_quotes(name) + " " + text.error()};
        out.push_back({name, std::move(*text)});
    }
    return out;
}

}  // namespace

auto read_text(const std::filesystem::path& file) -> std::expected<std::string, std::string> {
    static constexpr std::size_t most = 16U << 20;
    std::error_code ignored;
    if (std::filesystem::is_directory(file, ignored)) return std::unexpected{"cannot be read: it is a folder"};
    errno = 0;
    std::ifstream in{file, std::ios::binary};
    std::string text;
    for (std::array<char, 4096> some{}; in.read(some.data(), some.size()) || in.gcount() > 0;) {
        text.append(some.data(), static_cast<std::size_t>(in.gcount()));
        if (text.size() > most) return std::unexpected{"is longer than 16 MiB"};
    }
    if (!in.is_open() || in.bad())
        return std::unexpected{"cannot be read: " + std::string{errno != 0 ? std::strerror(errno) : "input error"}};
    return text;
}

auto parse_settings(const source& from, const includer& include) -> result<section> {
    section root{{}, {from.file, 1, 1}};
    reading all{include};
    std::vector<std::string> path;
    if (auto bad = parser{from, all, 0}.body(root, path, nullptr)) return std::unexpected{std::move(*bad)};
    if (auto bad = inheritance{root, all.references}.resolve()) return std::unexpected{std::move(*bad)};
    return root;
}

auto read_settings(const std::filesystem::path& file) -> result<section> {
    auto text = read_text(file);
    if (!text) {
        fault bad;
        bad.where = {.file = file.string(), .line = 0, .column = 0};
        bad.what = text.error();
        return std::unexpected{std::move(bad)};
    }
    source whole{file.string(), std::move(*text)};
    auto out = parse_settings(whole, include_files);
    ipsec::wipe(std::as_writable_bytes(std::span{whole.text}));
    return out;
}
void wipe_values(section& s) {
    for (setting& one : s.settings) ipsec::wipe(std::as_writable_bytes(std::span{one.value}));
    for (section& inner : s.sections) wipe_values(inner);
}

}  // namespace gateway
