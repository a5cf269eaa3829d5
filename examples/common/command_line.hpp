#pragma once
// What the programs have in common before they begin: arguments, and one line about what is wrong.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace command_line {

/// Octets of the UTF-8 character at the start of `text` that a terminal may be shown; 0 for a control character, and for octets
/// that are no UTF-8, among which a terminal can find one.
[[nodiscard]] inline auto shown_octets(std::string_view text) -> std::size_t {
    const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    const unsigned first = at(0);
    if (first < 0x80) return first < 0x20 || first == 0x7f ? 0 : 1;
    const std::size_t size = first >= 0xf0 && first < 0xf5 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
    for (std::size_t i = 1; i < size; ++i)
        if ((at(i) & 0xc0) != 0x80) return 0;
    // The second octet of some rules out shorter forms, surrogates and what is beyond the last character; C1 is control.
    const unsigned second = at(1);
    const unsigned least = first == 0xc2 || first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return first >= 0xf5 || second < least || second > most ? 0 : size;
}

/// One line on the standard error: what, where, and what to do. @return `code`
inline auto complain(std::string_view program, std::string what, int code = 2) -> int {
    for (std::size_t i = 0; i < what.size();) {  // words of the user's are in it, and names of files
        const std::size_t n = shown_octets(std::string_view{what}.substr(i));
        if (n == 0) what[i] = ' ';
        i += n == 0 ? 1 : n;
    }
    std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(program.size()), program.data(), what.c_str());
    return code;
}

/// Reads the arguments. @return the exit code of a program that has said already what there is to say (0 after --help, 2 after a
/// complaint), or nothing
[[nodiscard]] inline auto parse(CLI::App& app, int argc, const char* const* argv) -> std::optional<int> {
    try {
        app.parse(argc, argv);
        return {};
    } catch (const CLI::CallForHelp&) {
        std::fputs(app.help().c_str(), stdout);
        return 0;
    } catch (const CLI::ParseError& e) {
        return complain(app.get_name(), std::string{e.what()} + ": see " + app.get_name() + " --help");
    }
}

/// Runs a program and sees to it that all it printed went out. @return what `run` returns, or 2 after a complaint
template <class Run> [[nodiscard]] auto whole_run(std::string_view program, Run&& run) -> int {
    try {
        const int code = run();
        if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
    } catch (const std::system_error&) {  // of fmt, which could not write
    }
    return complain(program, "standard output: cannot be written: give it room");
}

}  // namespace command_line
