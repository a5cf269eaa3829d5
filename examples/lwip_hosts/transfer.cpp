#include "transfer.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace lwip_hosts {

void transfer::add(std::uint64_t& sum, std::span<const char> text) noexcept {
    for (const char c : text) sum = (sum ^ static_cast<std::uint8_t>(c)) * 0x100000001b3U;
}

auto transfer::connect(const ip_addr_t& to) -> bool {
    tcp_pcb* const c = tcp_new_ip_type(IP_GET_TYPE(&to));
    if (c == nullptr) return false;
    tcp_arg(c, this);
    tcp_err(c, [](void* self, err_t) { static_cast<transfer*>(self)->failed_ = true; });
    return tcp_connect(c, &to, port, [](void* self, tcp_pcb* connection, err_t) -> err_t {
               static_cast<transfer*>(self)->begin(connection);
               return ERR_OK;
           }) == ERR_OK;
}

auto transfer::listen(const ip_addr_t& at) -> bool {
    tcp_pcb* const fresh = tcp_new_ip_type(IP_GET_TYPE(&at));
    if (fresh == nullptr || tcp_bind(fresh, &at, port) != ERR_OK) return false;
    tcp_pcb* const c = tcp_listen(fresh);
    if (c == nullptr) return false;
    tcp_arg(c, this);
    tcp_accept(c, [](void* self, tcp_pcb* connection, err_t fault) -> err_t {
        if (connection == nullptr || fault != ERR_OK) return ERR_VAL;
        static_cast<transfer*>(self)->begin(connection);
        return ERR_OK;
    });
    return true;
}

void transfer::begin(tcp_pcb* connection) {
    begun_ = true;
    tcp_arg(connection, this);
    tcp_err(connection, [](void* self, err_t why) {
        if (why != ERR_CLSD) static_cast<transfer*>(self)->failed_ = true;  // else both ends are through with it
    });
    tcp_sent(connection, [](void* self, tcp_pcb* c, u16_t n) -> err_t {
        static_cast<transfer*>(self)->acknowledged_ += n;
        static_cast<transfer*>(self)->pump(c);
        return ERR_OK;
    });
    tcp_recv(connection,
             [](void* self, tcp_pcb* c, pbuf* p, err_t) -> err_t { return static_cast<transfer*>(self)->received(c, p); });
    pump(connection);
}

/// Writes as many lines as the send buffer takes, and ends the stream behind the last one.
void transfer::pump(tcp_pcb* connection) {
    while (written_ < octets_) {
        std::array<char, 64> line{};
        const int size = std::snprintf(line.data(), line.size(), "%.*s, line %012llu from the %s\n", int{marker.size()},
                                       marker.data(), static_cast<unsigned long long>(written_), left_ ? "left" : "right");
        const auto n = std::min(static_cast<std::uint64_t>(size), octets_ - written_);
        if (tcp_sndbuf(connection) < n) break;
        const auto flags = static_cast<u8_t>(TCP_WRITE_FLAG_COPY | TCP_WRITE_FLAG_MORE);
        if (tcp_write(connection, line.data(), static_cast<u16_t>(n), flags) != ERR_OK) break;
        add(sum_sent_, std::span{line}.first(n));
        written_ += n;
        if (written_ == octets_) tcp_shutdown(connection, 0, 1);
    }
    tcp_output(connection);
}

auto transfer::received(tcp_pcb* connection, pbuf* p) -> err_t {
    if (p == nullptr) {
        ended_ = true;
        return ERR_OK;
    }
    for (const pbuf* q = p; q != nullptr; q = q->next) add(sum_received_, {static_cast<const char*>(q->payload), q->len});
    received_ += p->tot_len;
    tcp_recved(connection, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

}  // namespace lwip_hosts
