#pragma once
// The course of IKE as a picture: both ends, every message between them with its payloads, states and keys.
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "ipsec/ike/v1/events.hpp"
#include "ipsec/testing/lossy_link.hpp"

namespace two_gateways {

class ladder {
public:
    static constexpr std::size_t most = 400;  ///< messages that are drawn; those behind are counted

    /// @param method  by which phase 1 goes
    explicit ladder(ipsec::isakmp::oakley_authentication method) : method_{method} {}

    /// A message was sent, or came in and was accepted.
    void on(ipsec::testing::side where, const ipsec::ike::message_trace& m);
    void on(ipsec::testing::side where, const ipsec::ike::v1::phase_1_secrets& s);
    void on(ipsec::testing::side where, const ipsec::ike::v1::child_secrets& s);
    /// What happened at one end: an SA stands, an exchange was given up.
    void note(ipsec::instant when, ipsec::testing::side where, std::string text);

    /// The whole picture in one file: SVG, or HTML with it where the name ends with .html. @return what went wrong, or nothing
    [[nodiscard]] auto write(const std::string& file, std::string_view title) const -> std::expected<void, std::string>;

private:
    struct line {
        ipsec::instant when;
        ipsec::testing::side where = ipsec::testing::side::left;
        bool is_message = false, arrived = false;
        std::string headline, state, taken_by;  ///< `taken_by`: the state at the other end that took it
        std::vector<std::string> said;
        std::vector<std::byte> datagram;
    };
    [[nodiscard]] auto svg(std::string_view title) const -> std::string;

    ipsec::isakmp::oakley_authentication method_;
    std::vector<line> lines_;
    std::size_t left_out_ = 0;
};

}  // namespace two_gateways
