#include "unix_server.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace gateway {

using namespace ipsec;

auto unix_server::open(const std::string& path) -> io::os_result<unix_server> {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof at.sun_path)
        return std::unexpected{io::os_error{io::errc::cannot_open, ENAMETOOLONG, "naming a Unix socket"}};
    path.copy(at.sun_path, path.size());
    unix_server s;
    s.fd_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!s.fd_) return std::unexpected{io::os_error{io::errc::cannot_open, errno, "opening a Unix socket"}};
    const auto* address = reinterpret_cast<const sockaddr*>(&at);
    if (::connect(s.fd_.get(), address, sizeof at) == 0)
        return std::unexpected{io::os_error{io::errc::address_in_use, EADDRINUSE, "binding a Unix socket"}};
    struct ::stat what {};
    if (::stat(path.c_str(), &what) == 0 && S_ISSOCK(what.st_mode)) ::unlink(path.c_str());
    s.fd_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const auto before = ::umask(0177);
    const bool ok = ::bind(s.fd_.get(), address, sizeof at) == 0 && ::listen(s.fd_.get(), 8) == 0;
    const int number = errno;
    ::umask(before);
    if (!ok) return std::unexpected{io::os_error{io::errc::cannot_open, number, "binding a Unix socket"}};
    s.path_ = path;
    return s;
}
auto unix_server::operator=(unix_server&& other) noexcept -> unix_server& {
    fd_ = std::move(other.fd_);
    path_ = std::exchange(other.path_, {});
    clients_ = std::move(other.clients_);
    return *this;
}
unix_server::~unix_server() {
    if (fd_ && !path_.empty()) ::unlink(path_.c_str());
}

void unix_server::accept() {
    io::descriptor fd{::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (fd && clients_.size() < most_clients) clients_.push_back({.fd = std::move(fd)});
}
auto unix_server::read(client& c) -> bool {
    std::array<char, 512> some{};
    for (;;) {
        const ssize_t n = ::read(c.fd.get(), some.data(), some.size());
        if (n > 0 && c.line.size() < longest_line) {
            c.line.append(some.data(), static_cast<std::size_t>(n));
            continue;
        }
        if (n >= 0) {  // the end counts as the end of a line; nobody has more to say
            if (c.line.empty() || n > 0) c.answered = true;
            else if (c.line.find('\n') == std::string::npos) c.line += '\n';
        }
        break;
    }
    return !c.answered && c.line.find('\n') != std::string::npos;
}
void unix_server::answer(client& c, const std::string& text) {
    std::size_t at = 0;
    while (at < text.size()) {
        const ssize_t n = ::send(c.fd.get(), text.data() + at, text.size() - at, MSG_NOSIGNAL);
        if (n <= 0) break;
        at += static_cast<std::size_t>(n);
    }
    c.answered = true;
}
void unix_server::forget_answered() {
    std::erase_if(clients_, [](const client& c) { return c.answered; });
}

}  // namespace gateway
