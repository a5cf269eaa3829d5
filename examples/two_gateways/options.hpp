#pragma once
// What the user asked for, checked: nothing behind this file meets a bad option.
#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "ipsec/ike/v1/config.hpp"
#include "ipsec/ip/prefix.hpp"
#include "ipsec/sa/id.hpp"
#include "sides.hpp"

namespace two_gateways {

struct options {
    std::string in;                          // a file, or - for the standard input
    std::string in_license = "that of the input";
    std::filesystem::path out = "demo-out";
    ipsec::sa::mode mode = ipsec::sa::mode::tunnel;
    ipsec::ike::v1::child_suite suite;       // ESP, AH or both, as --protocol says
    ipsec::ike::v1::ike_suite ike;           // with the method of authentication
    bool aggressive = false;                 // phase 1 by Aggressive Mode
    bool certificates = false;               // the keys of the two ends come with certificates
    ipsec::crypto::group_id pfs = ipsec::crypto::group_id::none;
    ipsec::ike::v1::lifetime lifetime{.seconds = 3600, .kilobytes = 0};
    ipsec::ike::v1::lifetime ike_lifetime{.seconds = 28800, .kilobytes = 0};
    std::vector<ipsec::ip::prefix> left;     // empty: whoever speaks first
    std::filesystem::path diagram;           // empty: no picture
    std::vector<policy_pair> policies;       // of a file; empty: from the capture
    double loss = 0;
    std::uint64_t seed = 0;
    bool seeded = false;                     // --seed was given: then keys follow the seed too
    bool quiet = false;
};

/// The options, or the exit code of a program that has said already what there is to say: 0 after --help, 2 for bad input.
[[nodiscard]] auto parse(int argc, const char* const* argv) -> std::variant<options, int>;

/// One line on the standard error: what, where, and what to do. @return 2
auto complain(const std::string& what) -> int;

}  // namespace two_gateways
