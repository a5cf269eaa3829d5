#pragma once
// One end of the socket pair that joins the hosts, and an eavesdropper on it.
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "ipsec/ip/flow.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "options.hpp"
#include "pbuf_packet.hpp"
#include "transfer.hpp"

namespace lwip_hosts {

class wire {
public:
    static constexpr std::uint16_t mtu = 1500;

    /// What an eavesdropper learns from the packets that reach this end.
    struct view {
        std::array<std::uint64_t, 256> by_protocol{};
        std::uint64_t octets = 0;
        std::uint64_t readable = 0;  ///< packets in which the text of the transfer stands
    };

    wire(int fd, const options& o, std::uint64_t seed) noexcept : fd_{fd}, piece_{o.piece}, loss_{o.loss}, rng_{seed} {}

    void send(ipsec::byte_view packet) noexcept {
        if (rng_.chance(loss_) || ::send(fd_, packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) ++lost_;
    }
    /// The next packet, read into buffers of the size that was asked for. Nothing when none is there.
    [[nodiscard]] auto receive() noexcept -> pbuf* {
        pbuf* const head = pbuf_alloc(PBUF_RAW, piece_, PBUF_RAM);
        for (unsigned room = piece_; head != nullptr && room < mtu; room += piece_)
            if (pbuf* const more = pbuf_alloc(PBUF_RAW, piece_, PBUF_RAM)) pbuf_cat(head, more);
        std::array<iovec, 32> pieces{};
        msghdr m{};
        m.msg_iov = pieces.data();
        for (pbuf* p = head; p != nullptr && m.msg_iovlen < pieces.size(); p = p->next)
            pieces[m.msg_iovlen++] = {p->payload, p->len};
        const auto n = head == nullptr ? -1 : ::recvmsg(fd_, &m, MSG_DONTWAIT);
        closed_ = closed_ || n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
        if (n > 0) pbuf_realloc(head, static_cast<std::uint16_t>(n));  // gives back the pieces that stayed empty
        else if (head != nullptr) pbuf_free(head);
        return n > 0 ? head : nullptr;
    }
    void eavesdrop(ipsec::byte_view packet) noexcept {
        if (const auto flow = ipsec::ip::read_flow(packet)) ++seen_.by_protocol[static_cast<std::uint8_t>(flow->protocol)];
        seen_.octets += packet.size();
        const std::string_view text{reinterpret_cast<const char*>(packet.data()), packet.size()};
        if (text.find(transfer::marker) != std::string_view::npos) ++seen_.readable;
    }
    [[nodiscard]] auto seen() const noexcept -> const view& { return seen_; }
    [[nodiscard]] auto lost() const noexcept -> std::uint64_t { return lost_; }
    [[nodiscard]] auto is_closed() const noexcept -> bool { return closed_; }  ///< by the other end
    [[nodiscard]] auto fd() const noexcept -> int { return fd_; }

private:
    int fd_;
    std::uint16_t piece_;
    double loss_;
    ipsec::testing::seeded_rng rng_;
    view seen_;
    std::uint64_t lost_ = 0;
    bool closed_ = false;
};

}  // namespace lwip_hosts
