#pragma once
// The bump in the wire: two ports, and between them policy, SAs and the walks of the library.         RFC 2401 §3.3 (c)
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/dataplane/inbound.hpp"
#include "ipsec/dataplane/outbound.hpp"
#include "ipsec/policy/spd.hpp"
#include "ipsec/sa/sadb.hpp"
#include "neighbors.hpp"
#include "options.hpp"
#include "port.hpp"

namespace wire_bump {

class bump {
public:
    static constexpr std::size_t burst = 32;
    static constexpr std::size_t max_waiting = 64;  ///< packets for a host whose Ethernet address is asked for

    struct counts {
        std::uint64_t link_frames = 0;   ///< ARP and neighbor discovery, passed
        std::uint64_t answered = 0;      ///< ARP and neighbor discovery for the bump's own address
        std::uint64_t not_ip = 0;        ///< frames that are no IP, or not as they say: dropped
        std::uint64_t for_bump = 0;      ///< packets to the bump itself that are not ESP from outside: dropped
        std::uint64_t no_neighbor = 0;   ///< packets for a host that nobody is: dropped
    };

    bump(const options& o, port& inside, port& outside);
    bump(const bump&) = delete;
    auto operator=(const bump&) -> bump& = delete;

    /// Takes what has come in on both sides, a burst of each. @return whether there may be more
    auto turn(ipsec::instant now) -> bool;
    /// What was wrong with an SA of the options, or nothing.
    [[nodiscard]] auto fault() const -> const std::optional<std::string>& { return fault_; }
    [[nodiscard]] auto out() const -> const ipsec::dataplane::counters& { return outbound_.counters(); }
    [[nodiscard]] auto in() const -> const ipsec::dataplane::counters& { return inbound_.counters(); }
    [[nodiscard]] auto get_counts() const -> const counts& { return counts_; }

private:
    using sadb = ipsec::sa::sadb<ipsec::crypto::botan::gateway_suite, ipsec::crypto::botan::any_mac>;
    using spd = ipsec::policy::spd<>;
    struct to_outside {
        bump* b;
        void emit(frame&& f, const ipsec::dataplane::verdict& v) noexcept;
    };
    struct to_inside {
        bump* b;
        void emit(frame&& f, const ipsec::dataplane::verdict& v) noexcept;
    };
    struct is_own {
        ipsec::ip::address own;
        [[nodiscard]] auto operator()(const ipsec::ip::address& a) const noexcept -> bool { return a == own; }
    };
    template <template <class...> class Direction>
    void install(const protected_pair& pair, ipsec::sa::policy_id id, const manual_sa& given, bool outwards);
    void gather(port& from, port& to);
    [[nodiscard]] auto is_for_a_walk(frame& f, port& from, port& to) -> bool;
    void learn(const ipsec::ip::address& host, const mac_address& mac);
    void deliver(frame&& f);
    void send_to(const mac_address& host, frame&& f);

    struct waiter {
        ipsec::ip::address host;
        frame packet;
    };

    ipsec::ip::address own_, peer_;
    port& inside_;
    port& outside_;
    ipsec::crypto::botan::provider random_;
    sadb sadb_;
    spd spd_;
    ipsec::dataplane::event_queue<> events_;
    ipsec::dataplane::outbound<sadb, spd, frame, burst> outbound_;
    ipsec::dataplane::inbound<sadb, spd, frame, burst, ipsec::dataplane::event_queue<>, is_own> inbound_;
    neighbors neighbors_;
    std::vector<frame> burst_;
    std::deque<waiter> waiting_;
    counts counts_;
    std::optional<std::string> fault_;
};

}  // namespace wire_bump
