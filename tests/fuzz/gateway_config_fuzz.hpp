#pragma once
// Configuration files of the gateway: a refusal names a place in the text, in one line; what is accepted, IKE and policy accept.
#include <algorithm>
#include <string>
#include <string_view>

#include "fuzz/expect.hpp"
#include "gateway/plan.hpp"
#include "ipsec/core/bytes.hpp"
#include "ipsec/ike/v1/config_check.hpp"

namespace ipsec::fuzz {

inline void gateway_config(byte_view in) {
    const std::string text{reinterpret_cast<const char*>(in.data()), in.size()};
    const auto inside = [&text](const gateway::fault& f) {
        const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
        expect(f.where.line >= 1 && f.where.line <= lines && f.where.column >= 1 && f.where.column <= text.size() + 1);
        expect(!f.what.empty() && f.text().find('\n') == std::string::npos);
    };
    // The file includes itself until that is too deep, and one whose text is no good.
    const gateway::includer itself = [&text](const std::string& pattern, const std::string&) {
        using sources = std::expected<std::vector<gateway::source>, std::string>;
        if (pattern == "bad") return sources{std::unexpected{std::string{"is not there"}}};
        return sources{{{pattern, text}}};
    };
    if (const auto whole = gateway::parse_settings({"fuzz", text}, itself); !whole) inside(whole.error());
    const auto settings = gateway::parse_settings({"fuzz", text});
    if (!settings) return inside(settings.error());
    gateway::policy_ids ids;
    const auto config = gateway::read_config(*settings, ids);
    if (!config) return inside(config.error());
    expect(ike::v1::check(gateway::make_config(*config)).has_value());
    std::size_t children = 0;
    for (const auto& c : config->connections) children += c.children.size();
    const auto spd = gateway::make_spd(*config);
    expect(spd.outbound.size() == children && spd.inbound.size() == children);
    expect(gateway::describe(*config).size() > config->connections.size());
    const auto same = gateway::difference(*config, *gateway::read_config(*settings, ids));
    expect(same.children.unchanged.size() == children && same.connections.unchanged.size() == config->connections.size());
}

}  // namespace ipsec::fuzz
