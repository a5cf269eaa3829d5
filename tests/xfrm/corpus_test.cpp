// The corpus of the fuzz target reaches every fault that a file can have.
#include <array>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include "fuzz/replay.hpp"
#include "ipsec/xfrm/bind.hpp"
#include "support/catch.hpp"

using namespace ipsec;

TEST_CASE("the corpus reaches every fault of a file", "[xfrm][corpus]") {
    std::set<xfrm::errc> reached;
    const auto folder = std::filesystem::path{IPSECPP_TEST_DATA}.parent_path() / "fuzz" / "corpus" / "xfrm";
    for (const auto& entry : std::filesystem::directory_iterator{folder}) {
        const auto octets = fuzz::read_file(entry.path());
        const std::string_view text{reinterpret_cast<const char*>(octets.data()), octets.size()};
        const auto f = xfrm::parse(text);
        if (!f) {
            reached.insert(f.error().code);
            continue;
        }
        for (const bool no_integrity : {false, true}) {
            const auto b = xfrm::bind(*f, std::array{ip::address::v4(192, 0, 2, 1)},
                                      {.allow_static_counter_keys = false, .dangers = {.no_integrity = no_integrity}});
            if (!b) reached.insert(b.error().code);
        }
    }
    const std::set<xfrm::errc> elsewhere{xfrm::errc::out_of_memory, xfrm::errc::inexpressible, xfrm::errc::no_room};
    for (int i = 1; i <= static_cast<int>(xfrm::errc::no_room); ++i) {
        const auto e = static_cast<xfrm::errc>(i);
        CAPTURE(std::string{xfrm::name_of(e)});
        CHECK(reached.contains(e) != elsewhere.contains(e));
    }
}
