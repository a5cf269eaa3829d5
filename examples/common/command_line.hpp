#pragma once
// What the programs have in common before they begin: arguments, and one line about what is wrong.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace command_line {

/// One line on the standard error: what, where, and what to do. @return `code`
inline auto complain(std::string_view program, std::string what, int code = 2) -> int {
    for (char& c : what)  // words of the user's are in it, and names of files
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
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

}  // namespace command_line
