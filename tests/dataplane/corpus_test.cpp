// The seeds of the fuzz target reach whatever the inbound walk can make of a packet.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "fuzz/dataplane_inbound_fuzz.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using dataplane::drop;
using dataplane::fate;

TEST_CASE("the fuzz corpus reaches every fate and every reason of the inbound walk", "[dataplane][fuzz]") {
    const auto folder = std::filesystem::path{IPSECPP_TEST_DATA}.parent_path() / "fuzz" / "corpus" / "dataplane_inbound";
    REQUIRE(std::filesystem::is_directory(folder));
    std::uint64_t delivered = 0, bypassed = 0;
    std::set<drop> seen;
    for (const auto& file : std::filesystem::directory_iterator{folder}) {
        std::ifstream in{file.path(), std::ios::binary};
        const std::vector<char> text{std::istreambuf_iterator<char>{in}, {}};
        const auto c = fuzz::dataplane_inbound_detail::walk(std::as_bytes(std::span{text}));
        delivered += c.packets(fate::deliver);
        bypassed += c.packets(fate::bypass);
        for (std::size_t i = 1; i < dataplane::drop_reasons; ++i)
            if (c.drops(static_cast<drop>(i)) > 0) seen.insert(static_cast<drop>(i));
    }
    CHECK(delivered > 10);
    CHECK(bypassed > 0);
    // What is left out is of the outbound walk, of time, or of a provider that fails; `discarded` and `hop_limit` need another
    // setting.
    const std::set<drop> not_here{drop::no_sa,   drop::sequence_exhausted, drop::lifetime_expired,
                                  drop::no_room, drop::too_long,           drop::crypto_failed,
                                  drop::misuse,  drop::discarded,          drop::hop_limit,
                                  drop::too_big, drop::bad_fragment};
    for (std::size_t i = 1; i < dataplane::drop_reasons; ++i) {
        const auto d = static_cast<drop>(i);
        CAPTURE(name_of(d));
        CHECK(seen.contains(d) != not_here.contains(d));
    }
}
