#pragma once
// What the user asked for, checked: nothing behind this file meets a bad option or a bad policy file.
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "ipsec/core/secret.hpp"
#include "ipsec/crypto/ids.hpp"
#include "ipsec/ip/prefix.hpp"
#include "ipsec/sa/id.hpp"

namespace wire_bump {

/// One direction of a tunnel, its key given by hand.
struct manual_sa {
    ipsec::sa::spi spi;  ///< 0: not given
    ipsec::crypto::transform suite;
    ipsec::secret<256> key;
};
/// Traffic that goes through the tunnel to the peer: between hosts behind this bump and hosts behind the other one.
struct protected_pair {
    ipsec::ip::prefix local, remote;
    manual_sa out, in;
};

struct options {
    std::string inside, outside;  // interfaces
    ipsec::ip::address address, peer;
    std::vector<protected_pair> pairs;
};

/// The options, or the exit code of a program that has said already what there is to say: 0 after --help, 2 for bad input.
[[nodiscard]] auto parse(int argc, const char* const* argv) -> std::variant<options, int>;

/// One line on the standard error. @return `code`
auto complain(const std::string& what, int code) -> int;

}  // namespace wire_bump
