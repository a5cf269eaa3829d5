#pragma once
// The routes that bring packets to the TUN device, by rtnetlink: a table of their own, which everything uses but what the gateway
// itself sends. Behind each route stands one that says "unreachable": should the gateway die, nothing leaves in the clear, until
// the next gateway or `ip rule del priority N` takes it away.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ipsec/io/linux/descriptor.hpp"
#include "ipsec/ip/range.hpp"

namespace gateway {

/// Every address of this system.
[[nodiscard]] auto own_addresses() -> std::vector<ipsec::ip::address>;

/// The links that sealed packets leave by.
struct outer_link {
    std::uint32_t mtu = 1500;  ///< the least of them
    std::optional<ipsec::ip::address> v4{}, v6{};  ///< one of our addresses there
};
/// @param ours  addresses that sealed packets come from; those that no device has are passed over
[[nodiscard]] auto outer_link_of(std::span<const ipsec::ip::address> ours) -> outer_link;

class routes {
public:
    static constexpr std::uint32_t mark = 0x4500;   ///< of what the gateway sends: it does not come back to it
    /// Numbers of table and rule: each gateway of a network namespace has the first that no other one has.
    static constexpr std::uint32_t first_table = 4500, tables = 16;

    /// Makes the rules for both families, and takes away what a gateway left behind that had the same number and is no more.
    /// @param device  the index of the TUN device
    /// @return        `address_in_use` when all numbers are taken; `cannot_open`, `cannot_configure`
    [[nodiscard]] static auto open(unsigned device) -> ipsec::io::os_result<routes>;
    routes(routes&&) noexcept = default;
    auto operator=(routes&&) noexcept -> routes& = default;
    /// Takes routes and rules back.
    ~routes();

    /// Packets to `far` go to the device, with an own address out of `near` as their source where there is one.
    struct wish {
        ipsec::ip::range far, near;
    };
    /// From now on these and no others: what stays is not touched, and what is new comes before what is gone goes.
    /// @return the destinations that get no route, and why
    auto replace(std::span<const wish> all) -> std::vector<std::pair<ipsec::ip::range, ipsec::io::os_error>>;

    /// The device has these addresses from now on, and no others of those before.
    auto hold(const std::vector<ipsec::ip::address>& all) -> ipsec::io::os_result<void>;

private:
    routes() = default;
    struct known {
        ipsec::ip::address first;
        unsigned length = 0;
        std::optional<ipsec::ip::address> source{};
        [[nodiscard]] auto same_destination(const known& o) const -> bool { return first == o.first && length == o.length; }
        friend auto operator==(const known&, const known&) -> bool = default;
    };
    [[nodiscard]] auto take_number() -> bool;
    [[nodiscard]] auto rule(bool add, bool v6) const -> ipsec::io::os_result<void>;
    /// To the device, or the one behind it.
    [[nodiscard]] auto route(bool add, const known& k, bool to_device) const -> ipsec::io::os_result<void>;
    [[nodiscard]] auto address(bool add, const ipsec::ip::address& a) const -> ipsec::io::os_result<void>;
    void flush(bool v6) const;
    [[nodiscard]] auto ask(const void* request, std::size_t size, const char* doing) const -> ipsec::io::os_result<void>;
    ipsec::io::descriptor fd_;
    ipsec::io::descriptor number_;  ///< a socket whose name says that the table is taken, until its holder is no more
    unsigned device_ = 0;
    std::uint32_t table_ = first_table;
    std::vector<known> known_;
    std::vector<ipsec::ip::address> held_;
};

}  // namespace gateway
