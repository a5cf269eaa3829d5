#include "unix_server.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

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

void unix_server::accept(instant now) {
    io::descriptor fd{::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (fd && clients_.size() < most_clients) clients_.push_back({.fd = std::move(fd), .until = now + seconds(10)});
}
auto unix_server::read(client& c) -> bool {
    std::array<char, 512> some{};
    for (;;) {
        const ssize_t n = ::read(c.fd.get(), some.data(), some.size());
        if (n > 0) {  // what goes over a line is read as well: who hangs up on octets that nobody read resets the connection
            if (c.line.size() < longest_line) c.line.append(some.data(), static_cast<std::size_t>(n));
            continue;
        }
        if (n == 0 || c.line.size() >= longest_line) c.line += '\n';
        break;
    }
    return !c.answered && c.line.find('\n') != std::string::npos;
}
void unix_server::answer(client& c, std::string text) {
    if (!c.answered) c.out = std::move(text);
    c.answered = true;
    c.waits_for.clear();
    while (!c.out.empty()) {
        const ssize_t n = ::send(c.fd.get(), c.out.data(), c.out.size(), MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n <= 0) c.out.clear();  // nobody is there any more
        else c.out.erase(0, static_cast<std::size_t>(n));
    }
}
void unix_server::forget(instant now) {
    for (client& c : clients_)
        if (c.answered) answer(c, {});
    std::erase_if(clients_, [now](const client& c) { return (c.answered && c.out.empty()) || c.until < now; });
}

}  // namespace gateway
