#pragma once
// Every secret of the run, and what it opens, for keys.json and for Wireshark. A gateway that guards anything keeps no such list.
#include <cstdint>
#include <expected>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "ipsec/ike/v1/events.hpp"
#include "ipsec/sa/events.hpp"
#include "ipsec/testing/lossy_link.hpp"
#include "opened.hpp"
#include "plan.hpp"

namespace two_gateways {

class secrets {
public:
    explicit secrets(const plan& p) : plan_{&p} {}

    void on(const ipsec::ike::v1::phase_1_secrets& s);
    void on(ipsec::testing::side where, const ipsec::ike::v1::child_secrets& s);
    /// A message is sent. Whoever sends the first one of a Quick Mode is its initiator.
    void on(ipsec::testing::side from, const ipsec::ike::message_trace& m);
    /// An SA was installed, at either end: now its addresses are known.
    void installed(const ipsec::sa::install& sa);

    /// A packet was written into protected.pcap. @param number  its place there, from 1
    void written(std::uint64_t number, ipsec::byte_view packet) { opened_.written(number, packet); }

    struct counts {
        std::uint64_t ike = 0, esp = 0, ah = 0;  ///< packets in protected.pcap
    };
    /// What keys.json says about protected.pcap.
    struct capture {
        std::string file;  ///< where it is now: its octets are counted and hashed
        std::string license;  ///< of what is in it
        counts seen;
    };
    /// Writes keys.json. @return what went wrong, or nothing
    [[nodiscard]] auto write_json(const std::string& file, const capture& about) const -> std::expected<void, std::string>;
    /// Writes ikev1_decryption_table, esp_sa and preferences into `folder`, which Wireshark takes as its personal configuration.
    [[nodiscard]] auto write_wireshark(const std::string& folder) const -> std::expected<void, std::string>;
    [[nodiscard]] auto ike_sas() const -> std::size_t { return ike_.size(); }
    [[nodiscard]] auto ipsec_sas() const -> std::size_t { return ipsec_.size(); }

private:
    struct ike_entry {
        bool aggressive = false;
        std::string spi_i, spi_r, dh_secret, skeyid, skeyid_d, skeyid_a, skeyid_e, encr_key, initial_iv;
        ipsec::ike::v1::ike_suite suite;
    };
    struct ipsec_entry {
        ipsec::sa::id id;
        ipsec::ip::address source;
        ipsec::crypto::transform transform;
        std::string encr_key, auth_key;
    };
    struct direction {
        std::uint32_t spi = 0;
        std::string encr_key, auth_key;
    };
    struct child_entry {
        bool initiator_is_left = true;
        ipsec::sa::protocol protocol;
        ipsec::crypto::transform transform;
        std::string dh_secret;
        direction to_left, to_right;
    };
    struct quick_entry {
        std::string spi_i, spi_r, message_id, dh_secret;
    };
    using exchange = std::tuple<std::string, std::uint32_t>;  // cookies, message id

    const plan* plan_;
    std::set<std::string> aggressive_;  // cookies of initiators
    std::vector<ike_entry> ike_;
    std::vector<ipsec_entry> ipsec_;
    std::set<std::tuple<ipsec::sa::protocol, std::uint32_t, ipsec::ip::address>> known_;
    std::vector<child_entry> children_;
    std::vector<quick_entry> quick_modes_;  // with perfect forward secrecy
    std::map<exchange, ipsec::testing::side> initiators_, reporters_;
    opened_frames opened_;
};

}  // namespace two_gateways
