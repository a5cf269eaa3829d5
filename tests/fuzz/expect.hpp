#pragma once
// What a fuzz target asserts with, in the fuzzer and in the replay alike.
#include <cstdio>
#include <cstdlib>
#include <source_location>

namespace ipsec::fuzz {

/// Ends the process when `claim` is false, so that the fuzzer keeps the input and the replay fails.
inline void expect(bool claim, std::source_location where = std::source_location::current()) noexcept {
    if (!claim) {
        std::fprintf(stderr, "%s:%u: fuzz expectation is false\n", where.file_name(), static_cast<unsigned>(where.line()));
        std::abort();
    }
}

}  // namespace ipsec::fuzz
