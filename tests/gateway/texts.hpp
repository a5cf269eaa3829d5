#pragma once
// Configurations for tests: a good one, and what changes one line of it.
#include <string>
#include <string_view>

#include "gateway/config.hpp"
#include "support/catch.hpp"

namespace gateway::testing {

inline constexpr std::string_view good = R"(connections {
  gw {
    version = 1
    local_addrs = 192.0.2.1
    remote_addrs = 192.0.2.2
    proposals = aes128-sha1-modp2048
    local { auth = psk }
    remote { auth = psk }
    children {
      net {
        local_ts = 10.1.0.0/16
        remote_ts = 10.2.0.0/16
        esp_proposals = aes128-sha1
      }
    }
  }
}
secrets {
  ike-1 { secret = "pre-shared" }
}
)";

/// `good` with another text for the one line that has `line` in it.
inline auto with(std::string_view line, std::string_view instead) -> std::string {
    std::string out{good};
    const auto at = out.find(line);
    REQUIRE(at != std::string::npos);
    REQUIRE(out.find(line, at + 1) == std::string::npos);
    return out.replace(at, line.size(), instead);
}
/// `good` with `more` keys in the connection, in lines from 7 on.
inline auto with_in_connection(std::string_view more) -> std::string {
    return with("    local { auth = psk }", std::string{more} + "\n    local { auth = psk }");
}
/// `good` with `more` keys in the child, in lines from 14 on.
inline auto with_in_child(std::string_view more) -> std::string {
    return with("        esp_proposals = aes128-sha1", "        esp_proposals = aes128-sha1\n" + std::string{more});
}

inline auto read(const std::string& text, policy_ids& ids) -> result<config> {
    const auto settings = parse_settings({"f.conf", text});
    if (!settings) return std::unexpected{settings.error()};
    return read_config(*settings, ids);
}
inline auto read(const std::string& text) -> result<config> {
    policy_ids ids;
    return read(text, ids);
}
/// The configuration, which must be good.
inline auto good_config(const std::string& text) -> config {
    auto c = read(text);
    INFO((c ? std::string{} : c.error().text()));
    REQUIRE(c);
    return std::move(*c);
}

}  // namespace gateway::testing
