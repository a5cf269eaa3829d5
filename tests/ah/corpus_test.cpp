// The seeds of the fuzz target reach every fault that a packet can have, and packets without any.
#include <filesystem>
#include <set>

#include "fuzz/ah_fuzz.hpp"
#include "fuzz/replay.hpp"
#include "support/catch.hpp"

using namespace ipsec;

TEST_CASE("the corpus of AH reaches every fault that a packet can have", "[ah][corpus]") {
    const auto folder = std::filesystem::path{IPSECPP_TEST_DATA}.parent_path() / "fuzz" / "corpus" / "ah";
    std::set<ah::errc> seen;
    std::size_t faultless = 0;
    for (const auto& entry : std::filesystem::directory_iterator{folder}) {
        bool fault = false;
        fuzz::ah_seen(fuzz::read_file(entry.path()), [&](ah::errc e) {
            seen.insert(e);
            fault = fault || e != ah::errc::replayed;  // which the second copy of every packet is
        });
        faultless += fault ? 0U : 1U;
    }
    CHECK(faultless > 30);
    // What one packet on a new SA can not cause: old numbers, used-up SAs, packets of 64 KiB, callers without room or with bugs,
    // providers that fail. ah_test and the corpus of the inbound walk have those.
    using enum ah::errc;
    const std::set<ah::errc> not_here{left_of_window, no_head_room, too_long,      hop_limit,
                                      sequence_exhausted, expired,  crypto_failed, misuse};
    for (int i = 1; i <= static_cast<int>(misuse); ++i) {
        const auto e = static_cast<ah::errc>(i);
        CAPTURE(name_of(e));
        CHECK(seen.contains(e) != not_here.contains(e));
    }
}
