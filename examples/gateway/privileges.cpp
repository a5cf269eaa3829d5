#include "privileges.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace gateway {

namespace {

/// The process becomes somebody else's, and keeps its capabilities for what follows.
auto become(const std::string& user) -> std::optional<std::string> {
    const auto failed = [&](const char* doing) { return "--user " + user + ": " + doing + ": " + std::strerror(errno); };
    errno = 0;
    const passwd* const who = ::getpwnam(user.c_str());
    if (who == nullptr) return "--user " + user + ": there is no such user";
    if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return failed("keeping capabilities");
    if (::setgroups(0, nullptr) != 0 || ::setresgid(who->pw_gid, who->pw_gid, who->pw_gid) != 0 ||
        ::setresuid(who->pw_uid, who->pw_uid, who->pw_uid) != 0)
        return failed("becoming that user");
    return std::nullopt;
}

}  // namespace

auto drop_privileges(const std::string& user) -> std::optional<std::string> {
    constexpr std::array kept{CAP_NET_ADMIN, CAP_NET_RAW, CAP_NET_BIND_SERVICE};
    const auto failed = [](const char* doing) { return std::string{doing} + ": " + std::strerror(errno); };
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> sets{};
    if (::syscall(SYS_capget, &header, sets.data()) != 0) return failed("asking for the capabilities");
    // Who may not shrink the bounding set has nothing in it to fear: no program is started that could gain by it.
    for (int c = 0; c <= CAP_LAST_CAP; ++c) {
        bool keep = false;
        for (const int k : kept) keep = keep || k == c;
        if (!keep) (void)::prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
    }
    if (!user.empty())
        if (auto bad = become(user)) return bad;
    std::array<__user_cap_data_struct, 2> only{};
    for (const int k : kept) {
        auto& set = only[static_cast<std::size_t>(k) / 32];
        const auto bit = sets[static_cast<std::size_t>(k) / 32].permitted & (1U << (k % 32));
        set.permitted |= bit;
        set.effective |= bit;
    }
    if (::syscall(SYS_capset, &header, only.data()) != 0) return failed("giving up capabilities");
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("giving up new privileges");
    return std::nullopt;
}

}  // namespace gateway
