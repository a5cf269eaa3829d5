#pragma once
// The loop: sockets, TUN device, timers, signals and commands around an engine. One thread, poll(2), nothing hidden.
#include <poll.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "engine.hpp"
#include "routes.hpp"
#include "unix_server.hpp"

namespace gateway {

struct options {
    std::string config, xfrm, log_keys, control, metrics, user, device = "ipsec0";
    bool check = false, allow_static_counter_keys = false;
    std::uint32_t stats = 0;  // seconds; 0: none
    std::uint32_t mtu = 1380; // of the TUN device: what fits into 1500 octets with every header around it
    phase_1_options phase_1{};
};

/// What the files say; texts with the place of the fault.
struct files {
    config settings;
    std::optional<ipsec::xfrm::file> xfrm;
};
[[nodiscard]] auto read_files(const options& o, policy_ids& ids) -> std::expected<files, std::string>;

class loop {
public:
    explicit loop(options o) : options_{std::move(o)} {}
    /// Sockets, device, routes; then every other privilege is given up. @return what went wrong
    [[nodiscard]] auto open(files&& f, policy_ids&& ids) -> std::optional<std::string>;
    /// Until SIGTERM or SIGINT: then Deletes go out. @return the exit code
    auto run() -> int;

private:
    static constexpr std::size_t burst_size = 32;
    [[nodiscard]] static auto now() -> ipsec::instant;
    [[nodiscard]] auto load(ipsec::instant at, files&& f) -> std::optional<std::string>;
    /// Reads the files again. @return why they are refused; then everything is as before
    [[nodiscard]] auto reload(ipsec::instant at) -> std::optional<std::string>;
    void make_routes();
    /// Whether the last poll saw something at a descriptor: whoever has nothing is not asked, which would be a system call each.
    [[nodiscard]] auto has_come(int fd, int what = ~0) const -> bool {
        return std::ranges::any_of(fds_, [=](const pollfd& p) { return p.fd == fd && (p.revents & what) != 0; });
    }
    void serve_sockets(ipsec::instant at);
    void serve_nat_port(ipsec::instant at, site& s);
    void serve_signals(ipsec::instant at);
    void serve_control(ipsec::instant at);
    void serve_metrics(ipsec::instant at);
    [[nodiscard]] auto obey(ipsec::instant at, unix_server::client& c) -> std::optional<std::string>;

    options options_;
    policy_ids ids_;
    report report_;
    std::optional<key_log> keys_;
    wire wire_;
    std::optional<ipsec::io::tun_device> tun_;
    std::optional<routes> routes_;
    std::optional<engine> engine_;
    std::string without_route_;  ///< the last destination that has none, and why
    ipsec::io::descriptor signals_;
    unix_server control_, metrics_;
    bool over_ = false, failed_ = false;
    std::vector<pollfd> fds_;  ///< what the loop waits for
    std::vector<packet> burst_;
    std::array<ipsec::io::datagram_info, burst_size> infos_{};
};

}  // namespace gateway
