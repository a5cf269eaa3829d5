#pragma once
// A file of results: written aside and put in place in the end, so that a run that fails, or is ended by a signal,
// leaves nothing half-written.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace command_line {

/// What is there under `name` and must not be replaced by a file: a folder, a device, a FIFO, a link wherever it leads.
/// @return what it is and what to do; nothing where there is a regular file or none
[[nodiscard]] inline auto what_is_in_the_way(const std::filesystem::path& name) -> std::optional<std::string> {
    std::error_code none;
    const auto said = [&](const char* what) { return name.string() + ": is " + what + ": give the name of a file"; };
    switch (std::filesystem::symlink_status(name, none).type()) {
        case std::filesystem::file_type::not_found:
        case std::filesystem::file_type::none:  // cannot be asked about: making the file will say why
        case std::filesystem::file_type::regular: return {};
        case std::filesystem::file_type::directory: return said("a folder");
        case std::filesystem::file_type::symlink: return said("a symbolic link");
        case std::filesystem::file_type::fifo: return said("a FIFO");
        case std::filesystem::file_type::socket: return said("a socket");
        case std::filesystem::file_type::block:
        case std::filesystem::file_type::character: return said("a device");
        default: return said("no regular file");
    }
}

/// Who may read and write the file that is there; nothing where there is none.
[[nodiscard]] inline auto mode_of(const std::filesystem::path& name) -> std::optional<::mode_t> {
    struct ::stat s {};
    if (::lstat(name.c_str(), &s) != 0 || !S_ISREG(s.st_mode)) return {};
    return s.st_mode & ::mode_t{0777};
}

namespace detail {
/// The name that a signal takes away: no object, since a handler may look at nothing that is just being changed.
inline std::array<char, 4096> unfinished{};
inline constexpr std::array ending_signals{SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT};

/// Holds the signals back while there is a file and no name in `unfinished`, or the other way around.
class signals_held {
public:
    signals_held() {
        ::sigset_t all;
        ::sigemptyset(&all);
        for (const int s : ending_signals) ::sigaddset(&all, s);
        ::sigprocmask(SIG_BLOCK, &all, &before_);
    }
    signals_held(const signals_held&) = delete;
    auto operator=(const signals_held&) -> signals_held& = delete;
    ~signals_held() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

private:
    ::sigset_t before_{};
};
/// Takes the file away. The signal comes again with its default action, which gives the status that whoever waits looks for.
extern "C" inline void leave_nothing(int signal) {
    if (unfinished[0] != '\0') ::unlink(unfinished.data());
    ::raise(signal);  // it is blocked until this returns
}
/// From now on a signal that ends the program takes the file of this name away first. A signal that is ignored stays so.
inline void watch(const std::string& name) {
    if (name.size() >= unfinished.size()) return;  // longer than any path that can be opened
    unfinished[name.copy(unfinished.data(), unfinished.size() - 1)] = '\0';
    for (const int s : ending_signals) {
        struct ::sigaction now {};
        if (::sigaction(s, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) continue;
        now.sa_handler = leave_nothing;
        now.sa_flags = static_cast<int>(SA_RESETHAND);
        ::sigaction(s, &now, nullptr);
    }
}
}  // namespace detail

/// One at a time in a program: what a signal leaves nothing of is the one that was opened last.
class output_file {
public:
    /// Makes an empty file aside, with the mode of the file that it will replace, or the umask's.
    /// @return what cannot be done, where, and what to do
    [[nodiscard]] static auto open(const std::string& name) -> std::expected<output_file, std::string> {
        if (name == "-") return std::unexpected{"-: the standard output is not written to: give a file"};
        if (auto why = what_is_in_the_way(name)) return std::unexpected{std::move(*why)};
        output_file out{name};
        const auto mode = mode_of(name);
        const detail::signals_held held;
        // Nobody else can open the file before it has its mode, and nothing that is there is written through.
        const int made = ::open(out.aside_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode ? 0600 : 0666);
        const int fault = errno;
        if (made < 0) {
            const std::string aside = std::exchange(out.aside_, {});  // it is not ours to take away
            if (fault == EEXIST)
                return std::unexpected{aside + ": is there, and is written first: take it away, or give another name"};
            return std::unexpected{aside + ": " + std::strerror(fault) + ": give a file that can be written"};
        }
        detail::watch(out.aside_);
        const bool done = !mode || ::fchmod(made, *mode) == 0;
        const int refused = errno;
        ::close(made);
        if (!done) return std::unexpected{out.aside_ + ": " + std::strerror(refused) + ": give a file that can be written"};
        return out;
    }
    output_file(output_file&& other) noexcept : name_{std::move(other.name_)}, aside_{std::exchange(other.aside_, {})} {}
    auto operator=(output_file&&) -> output_file& = delete;
    ~output_file() {
        if (aside_.empty()) return;
        const detail::signals_held held;
        ::unlink(aside_.c_str());
        detail::unfinished[0] = '\0';
    }

    /// Where to write until `put_in_place`.
    [[nodiscard]] auto aside() const -> const std::string& { return aside_; }

    /// The file takes its name. @return what went wrong and what to do
    [[nodiscard]] auto put_in_place() -> std::expected<void, std::string> {
        if (auto why = what_is_in_the_way(name_)) return std::unexpected{std::move(*why)};  // it may have come since
        const detail::signals_held held;
        if (std::rename(aside_.c_str(), name_.c_str()) != 0)
            return std::unexpected{name_ + ": " + std::strerror(errno) + ": give a file that can be written"};
        aside_.clear();
        detail::unfinished[0] = '\0';
        return {};
    }

private:
    explicit output_file(const std::string& name) : name_{name}, aside_{name + ".part"} {}
    std::string name_, aside_;
};

}  // namespace command_line
