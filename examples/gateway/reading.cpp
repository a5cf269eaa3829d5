#include "reading.hpp"

#include <algorithm>

namespace gateway {

auto at_value(const setting& s, const std::string& where, const bad_value& bad) -> fault {
    fault f{s.value_at, s.key + " in " + where + ": " + bad.what};
    f.where.column += static_cast<unsigned>(bad.offset);
    return f;
}
auto joined(words all) -> std::string {
    std::string out;
    for (const auto w : all) (out += out.empty() ? "" : ", ") += w;
    return out;
}
auto unknown(const place& at, std::string_view kind, const std::string& name, const std::string& where, words known,
             words elsewhere) -> fault {
    const std::string in = where.empty() ? std::string{} : " in " + where;
    if (std::ranges::find(elsewhere, name) != elsewhere.end())
        return {at, std::string{kind} + " " + in_quotes(name) + in + ": strongSwan has it, this gateway does not"};
    const std::string there_are = known.empty() ? "; none is known there" : "; known are " + joined(known);
    return {at, "unknown " + std::string{kind} + " " + in_quotes(name) + in + there_are};
}
auto twice(const section& s, const std::string& where) -> outcome {
    if (s.again.empty()) return {};
    return fault{s.again.front(), where + " stands here a second time; first in " + s.at.file + ":" + std::to_string(s.at.line)};
}

}  // namespace gateway
