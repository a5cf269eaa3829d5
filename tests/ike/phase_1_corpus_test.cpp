// The seeds of the fuzz targets aggressive_mode and public_key_encryption: what they reach, and where they come from.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "fuzz/aggressive_mode_fuzz.hpp"
#include "fuzz/public_key_encryption_fuzz.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using ike::errc;

namespace {

using octets = std::vector<std::byte>;
auto folder(const char* target) -> std::filesystem::path {
    return std::filesystem::path{IPSECPP_TEST_DATA}.parent_path() / "fuzz" / "corpus" / target;
}
auto seed(std::byte stage, const octets& message) -> octets {
    octets out{stage, std::byte{3}};
    out.insert(out.end(), message.begin(), message.end());
    return out;
}
/// The honest messages, by their names.
auto honest() -> std::map<std::string, std::map<std::string, octets>> {
    std::map<std::string, std::map<std::string, octets>> out;
    for (const bool aggressive : {false, true})
        for (const bool revised : {false, true})
            for (std::size_t after = 0; after < (aggressive ? 3U : 6U); ++after) {
                const auto b = static_cast<std::byte>(after | (aggressive ? 16U : 0U) | (revised ? 32U : 0U));
                const fuzz::ike_v1_stage stage{b};
                const fuzz::ike_v1_pair_of<fuzz::ike_v1_sealed_traits> ends{after, stage.config(true), stage.config(false)};
                REQUIRE(!ends.held_back.empty());
                out["public_key_encryption"][std::string{aggressive ? "aggressive" : "main"} + (revised ? "-revised-" : "-") +
                                             std::to_string(after + 1)] = seed(b, ends.held_back);
            }
    for (std::size_t after = 0; after < 3; ++after) {
        const auto config = [](bool left) {
            auto c = fuzz::ike_v1_config(left);
            c.peers[0].modes = {.begin_aggressive = left, .accept_aggressive = !left, .accept_main = false};
            return c;
        };
        const fuzz::ike_v1_pair ends{after, config(true), config(false)};
        REQUIRE(!ends.held_back.empty());
        out["aggressive_mode"]["message-" + std::to_string(after + 1)] = seed(static_cast<std::byte>(after), ends.held_back);
    }
    return out;
}
auto run(const std::string& target, const octets& in) -> fuzz::ike_v1_tally {
    fuzz::ike_v1_tally got;
    fuzz::ike_v1_count = &got;
    (target == "aggressive_mode" ? fuzz::aggressive_mode : fuzz::public_key_encryption)(in);
    fuzz::ike_v1_count = nullptr;
    return got;
}

}  // namespace

TEST_CASE("the seeds are the honest messages of today, and each is taken", "[ike][fuzz][aggressive][encryption]") {
    for (const auto& [target, seeds] : honest())
        for (const auto& [name, octets_of_it] : seeds) {
            CAPTURE(target, name);
            std::ifstream in{folder(target.c_str()) / name, std::ios::binary};
            REQUIRE(in);
            const std::string text{std::istreambuf_iterator<char>{in}, {}};
            CHECK(std::ranges::equal(std::as_bytes(std::span{text}), octets_of_it));
            const auto got = run(target, octets_of_it);
            // The last two messages of Main Mode, and of Aggressive Mode, make an ISAKMP SA.
            const bool aggressive = target == "aggressive_mode" || name.starts_with("aggressive");
            const auto number = static_cast<unsigned>(name.back() - '0');
            CHECK(got.established == (number >= (aggressive ? 2U : 5U) ? 1U : 0U));
            for (std::size_t e = 1; e < got.refused.size(); ++e)
                if (const auto code = static_cast<errc>(e); code != errc::timed_out) {
                    CAPTURE(name_of(code));
                    CHECK(got.refused[e] == 0);
                }
        }
}

TEST_CASE("a changed octet of an encrypted message 2 is refused by name, or is under no HASH", "[ike][fuzz][encryption]") {
    const auto seeds = honest().at("public_key_encryption");
    for (const auto& [name, in] : seeds) {
        if (name != "aggressive-2" && name != "aggressive-revised-2") continue;
        std::size_t passed = 0, tried = 0;
        for (std::size_t at = 30; at < in.size(); at += 3) {
            ++tried;
            auto changed = in;
            changed[at] ^= std::byte{1};
            const auto got = run("public_key_encryption", changed);
            CAPTURE(name, at);
            std::size_t named = 0;
            for (std::size_t e = 1; e < got.refused.size(); ++e) named += got.refused[e];
            CHECK((got.established == 0) == (named != 0));
            passed += got.established;
        }
        // Vendor ids, NAT-D, reserved octets, and padding of RSA, which is as good with other octets: the filler of a block is
        // more than half of it. All else is under HASH_R.
        CAPTURE(name, passed, tried);
        CHECK(passed < tried * 2 / 3);
    }
}

/// Writes the seeds anew: run it by name where messages have changed on purpose.
TEST_CASE("write the seeds of aggressive_mode and public_key_encryption", "[.][write_seeds]") {
    for (const auto& [target, seeds] : honest()) {
        std::filesystem::create_directories(folder(target.c_str()));
        for (const auto& [name, text] : seeds) {
            std::ofstream out{folder(target.c_str()) / name, std::ios::binary};
            out.write(reinterpret_cast<const char*>(text.data()), static_cast<std::streamsize>(text.size()));
            CHECK(out);
        }
    }
}
