#pragma once
// One host: an lwIP stack with one interface, and IPsec between the two, as a bump in the stack.      RFC 2401 §3.3
#include <array>
#include <deque>
#include <optional>
#include <span>
#include <string>

#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/dataplane/inbound.hpp"
#include "ipsec/dataplane/outbound.hpp"
#include "ipsec/ike/v1/endpoint.hpp"
#include "ipsec/policy/spd.hpp"
#include "ipsec/sa/install.hpp"
#include "options.hpp"
#include "pbuf_packet.hpp"
#include "wire.hpp"

namespace lwip_hosts {

/// The stack is lwIP's one of this process, so there is one host in a process.
class host {
public:
    static constexpr std::size_t max_waiting = 64;  ///< packets without an SA that are kept

    /// @param link  outlives the host
    host(const ipsec::ip::address& here, const ipsec::ip::address& peer, const options& o, wire& link);
    host(const host&) = delete;
    auto operator=(const host&) -> host& = delete;

    /// Takes what came off the wire and lets everything happen that is due now, in lwIP and in IKE.
    void turn(ipsec::instant now);
    /// When `turn` has something to do next, as far as time alone decides.
    [[nodiscard]] auto deadline() const -> ipsec::instant;
    /// What went wrong in setting up or in IKE, or nothing.
    [[nodiscard]] auto fault() const -> const std::optional<std::string>& { return fault_; }

    [[nodiscard]] auto out() const -> const ipsec::dataplane::counters& { return outbound_.counters(); }
    [[nodiscard]] auto in() const -> const ipsec::dataplane::counters& { return inbound_.counters(); }
    [[nodiscard]] auto buffers_out() const -> const buffer_counts& { return buffers_out_; }
    [[nodiscard]] auto buffers_in() const -> const buffer_counts& { return buffers_in_; }

private:
    using sadb = ipsec::sa::sadb<ipsec::crypto::botan::gateway_suite, ipsec::crypto::botan::any_mac>;
    using spd = ipsec::policy::spd<>;
    struct traits {
        using provider = ipsec::crypto::botan::provider;
    };
    struct to_wire {
        host* h;
        void emit(pbuf_packet&& p, const ipsec::dataplane::verdict& v) noexcept;
    };
    struct to_stack {
        host* h;
        void emit(pbuf_packet&& p, const ipsec::dataplane::verdict& v) noexcept;
    };
    auto set_up_interface() -> bool;
    auto open_ike_port() -> bool;
    auto leave_stack(const pbuf& p) -> err_t;
    void enter(std::span<pbuf_packet> packets);
    void ike_datagram(pbuf* p, const ip_addr_t& from, std::uint16_t port);
    void send_ike(const ipsec::ike::v1::transmit& m);
    void drain_ike();
    auto perform(const ipsec::ike::v1::event& e) -> bool;
    void fail(std::string what) {
        if (!fault_) fault_ = std::move(what);
    }

    ipsec::ip::address here_, peer_;
    wire& link_;
    ipsec::instant now_{};
    ipsec::crypto::botan::provider provider_;
    sadb sadb_;
    spd spd_;
    ipsec::dataplane::event_queue<> events_;
    ipsec::dataplane::outbound<sadb, spd, pbuf_packet> outbound_;
    ipsec::dataplane::inbound<sadb, spd, pbuf_packet> inbound_;
    std::optional<ipsec::ike::v1::endpoint<traits>> ike_;
    std::deque<pbuf_packet> waiting_;
    buffer_counts buffers_out_, buffers_in_;
    std::optional<std::string> fault_;
    std::uint16_t mtu_ = 0;
    netif interface_{};
    udp_pcb* ike_port_ = nullptr;
    std::array<std::byte, ipsec::ike::v1::endpoint<traits>::max_message> scratch_{};
};

}  // namespace lwip_hosts
