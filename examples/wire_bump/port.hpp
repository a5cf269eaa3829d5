#pragma once
// One side of the bump: all frames of an Ethernet interface, through a packet socket.
#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <utility>

#include "ipsec/testing/packet_buffer.hpp"

namespace wire_bump {

using mac_address = std::array<std::byte, 6>;

/// A frame, or the IP packet in it with the link header set aside: then it is what the walks work on.
struct frame : ipsec::testing::packet_buffer {
    using packet_buffer::packet_buffer;
    static constexpr std::size_t max_link = 22;  ///< Ethernet with two VLAN tags

    /// Leaves the IP packet alone. @pre it begins behind `header <= max_link` octets and is `length` octets long
    void strip_link(std::size_t header, std::size_t length) noexcept;
    /// Puts the header in front again, for a packet of the IP version that it is now. @pre there is head room
    void restore_link() noexcept;
    void set_destination(const mac_address& to) noexcept { ipsec::copy_octets(to, link); }
    [[nodiscard]] auto sender() const noexcept -> mac_address;  ///< @pre `strip_link` was called

    std::array<std::byte, max_link> link{};
    std::size_t link_size = 0;
};

class port {
public:
    struct counts {
        std::uint64_t received = 0, sent = 0, refused = 0;  ///< refused: too long for the interface, or its queue is full
        std::uint64_t unusable = 0;  ///< came cut, or with a checksum left to hardware: offloading is on at the sender
    };
    /// Opens the socket, hears all frames and switches off what puts packets together in the interface.
    /// @return what is wrong with the interface, or with our rights
    [[nodiscard]] static auto open(const std::string& interface) -> std::expected<port, std::string>;

    port(port&& other) noexcept : fd_{std::exchange(other.fd_, -1)}, mac_{other.mac_}, mtu_{other.mtu_}, counts_{other.counts_} {}
    port(const port&) = delete;
    auto operator=(const port&) -> port& = delete;
    auto operator=(port&&) -> port& = delete;
    ~port();

    /// The next frame that came in, its VLAN tag in place; nothing when none is there.
    [[nodiscard]] auto receive() -> std::optional<frame>;
    void send(ipsec::byte_view octets) noexcept;
    [[nodiscard]] auto mac() const noexcept -> const mac_address& { return mac_; }
    [[nodiscard]] auto fd() const noexcept -> int { return fd_; }
    [[nodiscard]] auto get_counts() const noexcept -> const counts& { return counts_; }

private:
    port(int fd, const mac_address& mac, std::size_t mtu) noexcept : fd_{fd}, mac_{mac}, mtu_{mtu} {}
    int fd_;
    mac_address mac_;
    std::size_t mtu_;
    counts counts_;
};

}  // namespace wire_bump
