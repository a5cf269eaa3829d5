#pragma once
// What the gateway is configured with: connections, their children and secrets, as values of the library's types.
// Keys, defaults and meanings are those of strongSwan's swanctl.conf; what this gateway cannot do is refused by name.
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "credentials.hpp"
#include "ipsec/ike/v1/config.hpp"
#include "ipsec/ip/tunnel.hpp"
#include "ipsec/sa/lifetime.hpp"
#include "settings.hpp"

namespace gateway {

/// One side of a child's traffic. Without addresses (`dynamic`): that end of the tunnel itself.
struct traffic {
    std::optional<ipsec::ip::range> addresses{};
    std::uint8_t protocol = 0;  ///< 0: any
    std::uint16_t port = 0;     ///< 0: any
    friend auto operator==(const traffic&, const traffic&) -> bool = default;
};

/// What becomes of a child when its peer is dead, or closes it: nothing, wait for a packet, or negotiate again at once.
enum class action : std::uint8_t { none = 0, trap, start };
[[nodiscard]] auto name_of(action a) -> std::string_view;

struct child {
    std::string name;
    ipsec::sa::policy_id policy;  ///< from `policy_ids`: the same after every reload
    ipsec::sa::mode mode = ipsec::sa::mode::tunnel;
    traffic local, remote;
    /// In order of preference. With both esp_proposals and ah_proposals: every pair of them, ESP inside of AH.
    std::vector<ipsec::ike::v1::child_suite> suites;
    ipsec::crypto::group_id pfs = ipsec::crypto::group_id::none;
    bool extended_sequence = false;
    bool trap = false;                   ///< start_action: a packet without SA starts IKE
    bool start = false;                  ///< start_action: negotiate as soon as the configuration is loaded
    action dpd_action = action::none;
    action close_action = action::none;
    ipsec::sa::lifetimes life;           ///< soft: rekey_*, hard: life_*; kilobytes are rounded up; 0: not by this
    ipsec::duration rand_time{};         ///< a rekey comes up to so much earlier than `life.soft.time`, by chance
    std::uint32_t replay_window = 64;    ///< packets; 0: no anti-replay
    ipsec::ip::tunnel_options tunnel{};  ///< copy_dscp, copy_df, copy_ecn
    friend auto operator==(const child&, const child&) -> bool = default;
    /// Whether SAs made for `other` serve this one: all is equal but the actions.
    [[nodiscard]] auto same_sas(child other) const -> bool;
};

/// Who somebody says that he is after phase 1, and what shows it.
struct user {
    std::string name;
    ipsec::secret<128> password;
    friend auto operator==(const user&, const user&) -> bool = default;
};
/// What comes between the phases: XAUTH and Mode Config.
struct remote_access {
    ipsec::ike::v1::xauth_part xauth = ipsec::ike::v1::xauth_part::none;
    std::vector<user> users{};                      ///< as the client: the one that this end is; else all that may come in
    bool takes_address = false;                     ///< vips: the peer gives this end an address
    std::optional<ipsec::ip::address> lease{};      ///< pools: what the peer is given
    std::vector<ipsec::ip::address> name_servers{}; ///< and is told beside it
    bool pull = true;                               ///< whoever wants an address asks for it; else it is told
    friend auto operator==(const remote_access&, const remote_access&) -> bool = default;
};

struct connection {
    std::string name;
    ipsec::ike::path path;               ///< local_addrs, local_port, remote_addrs, remote_port
    std::optional<ipsec::ike::identity> local_id{}, remote_id{};  ///< absent: the address of that end
    ipsec::secret<128> psk;              ///< with `auth = psk`
    credentials keys;                    ///< with `auth = pubkey`
    bool aggressive = false;             ///< Aggressive Mode is begun and taken in place of Main Mode
    bool fragmentation = false;          ///< of IKE messages
    std::vector<ipsec::ike::v1::ike_suite> suites;                ///< in order of preference
    ipsec::duration rekey_time{};        ///< never 0
    ipsec::duration over_time{};         ///< the ISAKMP SA ends so long after `rekey_time`
    ipsec::duration rand_time{};         ///< a rekey comes up to so much earlier, by chance
    ipsec::duration dpd_delay{};         ///< without packets from the peer for so long, it is asked; 0: never
    ipsec::duration dpd_timeout{};       ///< without an answer for so long, it is dead
    bool encap = false;                  ///< UDP encapsulation even without a NAT between
    remote_access access{};
    std::optional<ipsec::ip::address> given{};  ///< what the peer gave: no file says it, and nothing is other for it
    std::uint32_t keyingtries = 1;       ///< how often an exchange is begun before it is given up; 0: for ever
    std::vector<child> children{};
    /// What `dynamic` stands for in local_ts and remote_ts.
    [[nodiscard]] auto local_end() const -> const ipsec::ip::address& { return given ? *given : path.local.address; }
    [[nodiscard]] auto remote_end() const -> const ipsec::ip::address& {
        return access.lease ? *access.lease : path.remote.address;
    }
    /// Everything but the children.
    [[nodiscard]] auto same_but_children(const connection& other) const -> bool;
    friend auto operator==(const connection& a, const connection& b) -> bool {
        return a.same_but_children(b) && a.children == b.children;
    }
};

struct config {
    std::vector<connection> connections{};
    [[nodiscard]] auto find(std::string_view name) const -> const connection*;
    /// By policy. @return nothing when no child has it
    struct owner {
        const gateway::connection* connection = nullptr;
        const gateway::child* child = nullptr;
        explicit operator bool() const { return child != nullptr; }
    };
    [[nodiscard]] auto find(ipsec::sa::policy_id policy) const -> owner;
    friend auto operator==(const config&, const config&) -> bool = default;
};

/// Numbers for children, by name. A name keeps its number for as long as this object lives, whatever is reloaded meanwhile, and
/// no number is used for another name.
class policy_ids {
public:
    [[nodiscard]] auto of(const std::string& connection, const std::string& child) -> ipsec::sa::policy_id;

private:
    std::map<std::pair<std::string, std::string>, std::uint32_t> numbers_;
};

/// Reads a file and checks it as a whole; `v1::check` then finds nothing in what `make_config` makes of it.
/// @param may_be_empty  a file without connections is one too: beside keys given by hand, say
[[nodiscard]] auto read_config(const std::filesystem::path& file, policy_ids& ids, bool may_be_empty = false)
    -> result<config>;
/// @param files  where keys and certificates come from; absent: a file that names one is at fault
[[nodiscard]] auto read_config(const section& file, policy_ids& ids, bool may_be_empty = false, const key_files& files = {})
    -> result<config>;

/// What a reload changes. Connections go by name; a connection is changed when anything but its children is. Children go by
/// policy; all children of an added or removed connection are added or removed.
struct changes {
    template <class Name> struct list {
        std::vector<Name> added{}, removed{}, changed{}, unchanged{};
        friend auto operator==(const list&, const list&) -> bool = default;
    };
    list<std::string> connections{};
    list<ipsec::sa::policy_id> children{};
    friend auto operator==(const changes&, const changes&) -> bool = default;
};
/// @pre both were read with the same `policy_ids`
[[nodiscard]] auto difference(const config& before, const config& after) -> changes;

/// The summary for `--check`: lines, each ended. Secrets are shown as their length.
[[nodiscard]] auto describe(const config& c) -> std::string;

}  // namespace gateway
