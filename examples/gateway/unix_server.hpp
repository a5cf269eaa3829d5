#pragma once
// A Unix socket to which others connect: for commands, one line each, and for those who only read.
#include <string>
#include <vector>

#include "ipsec/core/instant.hpp"
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
        ipsec::instant until;  ///< whoever is not through by then is cut off
        std::string line{};    ///< what came so far
        std::string waits_for{};  ///< the child whose fate is the answer
        std::string out{};        ///< of the answer, what the client has not taken yet
        bool answered = false;    ///< `out` is the rest
    };
    /// Takes whoever knocks. One that says nothing, or does not take its answer, has some seconds.
    void accept(ipsec::instant now);
    /// Reads what there is; the end counts as the end of a line. @return whether a line is there that has no answer yet
    [[nodiscard]] static auto read(client& c) -> bool;
    /// Sends what the client takes at once; `forget` sends the rest.
    static void answer(client& c, std::string text);
    /// Hangs up on those who have their answer, or whose time is over.
    void forget(ipsec::instant now);

    [[nodiscard]] auto fd() const -> int { return fd_.get(); }
    [[nodiscard]] auto clients() -> std::vector<client>& { return clients_; }
    explicit operator bool() const { return static_cast<bool>(fd_); }

private:
    ipsec::io::descriptor fd_;
    std::string path_;
    std::vector<client> clients_;
};

}  // namespace gateway
