#pragma once
// A Unix socket to which others connect: for commands, one line each, and for those who only read.
#include <string>
#include <vector>

#include "ipsec/io/linux/descriptor.hpp"

namespace gateway {

class unix_server {
public:
    static constexpr std::size_t most_clients = 16, longest_line = 1024;

    unix_server() = default;
    /// Takes the place of a socket that nobody listens to any more. For its owner alone.
    [[nodiscard]] static auto open(const std::string& path) -> ipsec::io::os_result<unix_server>;
    unix_server(unix_server&&) noexcept = default;
    auto operator=(unix_server&& other) noexcept -> unix_server&;
    ~unix_server();

    struct client {
        ipsec::io::descriptor fd;
        std::string line{};   ///< what came so far
        bool answered = false;
        std::string waits_for{};  ///< the child whose fate is the answer
        std::int64_t until = 0;   ///< nanoseconds; when the wait is over
    };
    /// Takes whoever knocks.
    void accept();
    /// Reads what there is. @return whether a whole line is there; a client that hung up is answered already
    [[nodiscard]] static auto read(client& c) -> bool;
    /// Sends all of it, if the client takes it at once, and hangs up.
    static void answer(client& c, const std::string& text);
    void forget_answered();

    [[nodiscard]] auto fd() const -> int { return fd_.get(); }
    [[nodiscard]] auto clients() -> std::vector<client>& { return clients_; }
    explicit operator bool() const { return static_cast<bool>(fd_); }

private:
    ipsec::io::descriptor fd_;
    std::string path_;
    std::vector<client> clients_;
};

}  // namespace gateway
