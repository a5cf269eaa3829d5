// Every recorded IKEv1 run, from its secrets to its keys: what this library makes of the pre-shared key, of each g^xy and of the
// messages is what was written down then, and it opens every message.
#include <algorithm>
#include <filesystem>
#include <set>

#include "support/catch.hpp"
#include "support/derived_capture.hpp"

using namespace ipsec;
using namespace ipsec::test;

namespace {

struct derived_row {
    const char* name;
    std::size_t ike_sas, opened, children, ivs;
};
constexpr std::array derived_rows{
    derived_row{"v1-aes256-sha512-ecp256-v6", 1, 7, 1, 4},
    derived_row{"v1-aggr-psk-3des-sha1-modp1024", 1, 6, 1, 4},
    derived_row{"v1-ah-sha1", 1, 7, 1, 4},
    derived_row{"v1-cast-md5", 1, 7, 1, 4},
    derived_row{"v1-main-psk-3des-md5-modp1024", 1, 7, 1, 4},
    derived_row{"v1-main-psk-natt-dpd", 1, 13, 1, 10},
    derived_row{"v1-main-rsa-aes128-sha1-modp2048", 1, 7, 1, 4},
    derived_row{"v1-racoon-aggr-psk", 1, 7, 1, 5},
    derived_row{"v1-rekeys", 2, 18, 3, 9},
    derived_row{"v1-transport-3des-sha1", 1, 7, 1, 4},
    derived_row{"v1-xauth-psk", 1, 11, 1, 6},
};
constexpr std::string_view iv_name = "next IV for MID ";

}  // namespace

TEST_CASE("no recorded IKEv1 run is left out", "[ike][capture][keymat]") {
    std::set<std::string> there, known;
    for (const auto& f : std::filesystem::directory_iterator{std::string{IPSECPP_TEST_DATA} + "/captures"})
        if (const auto name = f.path().filename().string(); name.starts_with("v1-")) there.insert(name);
    for (const auto& r : derived_rows) known.insert(r.name);
    CHECK(there == known);
}

TEST_CASE("from the recorded secrets come the recorded SKEYIDs, cipher keys, IVs, HASHes and KEYMAT, and every message opens",
          "[ike][capture][keymat][IKE1-050]") {
    for (const auto& row : derived_rows) {
        CAPTURE(row.name);
        const derived_capture c{row.name};
        CHECK(c.sas.size() == row.ike_sas);
        CHECK(c.opened == row.opened);
        for (const auto* what :
             {"SKEYID", "SKEYID_d", "SKEYID_a", "SKEYID_e", "encryption key Ka", "initial IV", "HASH_I", "HASH_R"})
            CHECK(c.derived.at(what).size() == row.ike_sas);
        for (const auto* what : {"Hash(1)", "Hash(2)", "Hash(3)", "KEYMAT_i", "KEYMAT_r"})
            CHECK(c.derived.at(what).size() == row.children);
        for (const auto& [what, values] : c.derived) {
            CAPTURE(what);
            REQUIRE(c.recorded.contains(what));
            CHECK(values == c.recorded.at(what));
        }
        const auto count = [](const derived_capture::names& all) {
            return static_cast<std::size_t>(
                std::ranges::count_if(all, [](const auto& v) { return v.first.starts_with(iv_name); }));
        };
        CHECK(count(c.derived) == row.ivs);
        CHECK(count(c.recorded) == row.ivs);
    }
}

TEST_CASE("from another pre-shared key come other keys, and nothing opens", "[ike][capture][keymat]") {
    for (const auto& row : derived_rows) {
        CAPTURE(row.name);
        const bool is_signed = std::string_view{row.name}.find("-rsa-") != std::string_view::npos;
        if (is_signed) CHECK_NOTHROW(derived_capture{row.name, "interop-psj"});  // it has no part in those keys
        else CHECK_THROWS(derived_capture{row.name, "interop-psj"});
    }
}
