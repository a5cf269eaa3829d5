#pragma once
// Counts the blocks of code that a program runs, in whatever function or loop they stand: a measure of work that does not depend
// on the machine, and that no walk gets around.
//
// For a program that is compiled whole with -fsanitize-coverage=trace-pc; include it in exactly one of its source files. Code of
// libraries is not counted.
#include <cstdint>

#ifdef __clang__
#define IPSECPP_UNCOUNTED [[clang::no_sanitize("coverage")]]
#else
#define IPSECPP_UNCOUNTED [[gnu::no_sanitize_coverage]]
#endif

namespace ipsec::test {
inline std::uint64_t blocks_run = 0;
}  // namespace ipsec::test

extern "C" {
void __sanitizer_cov_trace_pc();
IPSECPP_UNCOUNTED void __sanitizer_cov_trace_pc() { ++ipsec::test::blocks_run; }
}
