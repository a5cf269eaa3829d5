#pragma once
// What the gateway says while it runs: one JSON object per line on the standard output.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "ipsec/core/instant.hpp"
#include "ipsec/dataplane/audit.hpp"
#include "ipsec/ike/audit.hpp"
#include "ipsec/ike/v1/misfit.hpp"
#include "ipsec/ip/selector_text.hpp"
#include "ipsec/sa/events.hpp"

namespace gateway {

using json = nlohmann::ordered_json;

[[nodiscard]] inline auto text(const ipsec::ip::address& a) -> std::string { return std::string{ipsec::ip::to_text(a).view()}; }
[[nodiscard]] auto text(ipsec::sa::spi spi) -> std::string;
[[nodiscard]] auto text(const ipsec::ike::path& p) -> std::string;
/// The suite of an SA as proposals name it, or the MAC of AH.
[[nodiscard]] auto text(const ipsec::sa::install& e) -> std::string;

/// The object as text, with the end of the line. What is not UTF-8 in it is replaced.
[[nodiscard]] auto one_line(const json& j) -> std::string;

/// Lines with the time of day in front. Nobody is waited for: what a reader does not take is counted, and told in `unheard`.
/// Attackers cause audit records at will: beyond `most_per_second` they are only counted.
class report {
public:
    static constexpr unsigned most_per_second = 20;

    void line(json fields);
    void audit(ipsec::instant now, json fields);
    [[nodiscard]] auto audits() const -> std::uint64_t { return audits_; }

private:
    std::uint64_t audits_ = 0, unsaid_ = 0, unheard_ = 0;
    std::int64_t second_ = 0;
    unsigned said_ = 0;
};

[[nodiscard]] auto describe(const ipsec::ike::audit_record& r) -> json;
[[nodiscard]] auto describe(const ipsec::ike::v1::misfit_record& r) -> json;
[[nodiscard]] auto describe(const ipsec::dataplane::audit_record& r) -> json;

}  // namespace gateway
