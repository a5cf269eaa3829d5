#pragma once
// The application: one TCP connection of lwIP, on which each host sends its text to the other.
#include <cstdint>
#include <span>
#include <string_view>

#include "lwip.hpp"

namespace lwip_hosts {

class transfer {
public:
    static constexpr std::uint16_t port = 7;
    static constexpr std::string_view marker = "lwIP over ESP";  ///< stands in every line of the text

    /// @param left    whose text is sent: the other one is expected
    /// @param octets  of each text
    transfer(bool left, std::uint64_t octets) noexcept : left_{left}, octets_{octets} {}

    /// @return false when lwIP refuses
    [[nodiscard]] auto connect(const ip_addr_t& to) -> bool;
    [[nodiscard]] auto listen(const ip_addr_t& at) -> bool;

    [[nodiscard]] auto has_begun() const noexcept -> bool { return begun_; }
    /// The peer has all of our text and has ended its own.
    [[nodiscard]] auto is_done() const noexcept -> bool { return acknowledged_ == octets_ && ended_; }
    [[nodiscard]] auto has_failed() const noexcept -> bool { return failed_; }
    [[nodiscard]] auto acknowledged() const noexcept -> std::uint64_t { return acknowledged_; }
    [[nodiscard]] auto received() const noexcept -> std::uint64_t { return received_; }
    /// Checksums (FNV-1a, 64 bits) of what was handed to TCP and of what TCP handed out.
    [[nodiscard]] auto sum_sent() const noexcept -> std::uint64_t { return sum_sent_; }
    [[nodiscard]] auto sum_received() const noexcept -> std::uint64_t { return sum_received_; }

private:
    static constexpr std::uint64_t start_of_sum = 0xcbf29ce484222325U;
    static void add(std::uint64_t& sum, std::span<const char> text) noexcept;
    void begin(tcp_pcb* connection);
    void pump(tcp_pcb* connection);
    auto received(tcp_pcb* connection, pbuf* p) -> err_t;

    bool left_;
    std::uint64_t octets_, written_ = 0, acknowledged_ = 0, received_ = 0;
    std::uint64_t sum_sent_ = start_of_sum, sum_received_ = start_of_sum;
    bool begun_ = false, ended_ = false, failed_ = false;
};

}  // namespace lwip_hosts
