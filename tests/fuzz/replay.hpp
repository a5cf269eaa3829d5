#pragma once
// Runs a fuzz target over files: the corpus of the project, and seeds of others where they lie beside it.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ios>
#include <string>
#include <vector>

#include "ipsec/core/bytes.hpp"
#include "support/catch.hpp"

namespace ipsec::fuzz {

using target = void (*)(byte_view);

inline auto read_file(const std::filesystem::path& path) -> std::vector<std::byte> {
    std::ifstream in{path, std::ios::binary};
    const std::string text{std::istreambuf_iterator<char>{in}, {}};
    std::vector<std::byte> out(text.size());
    std::ranges::transform(text, out.begin(), [](char c) { return static_cast<std::byte>(c); });
    return out;
}

/// A copy whose end is the end of an allocation, so that AddressSanitizer sees one octet read too many.
inline void run_exact(target run, byte_view in) {
    const std::vector<std::byte> exact(in.begin(), in.end());
    run(exact);
}

/// Each file whole, then every one of its prefixes (of long files a spread of them).
inline auto replay_folder(target run, const std::filesystem::path& folder, bool prefixes) -> std::size_t {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{folder})
        if (entry.is_regular_file() && entry.path().extension() != ".md") files.push_back(entry.path());
    std::ranges::sort(files);
    for (const auto& file : files) {
        INFO("input " << file.string());
        const auto octets = read_file(file);
        run_exact(run, octets);
        const std::size_t stride = octets.size() / 256 + 1;
        if (prefixes)
            for (std::size_t n = 0; n < octets.size(); n += stride) run_exact(run, byte_view{octets}.first(n));
    }
    return files.size();
}

/// The corpus under tests/fuzz/corpus/<name>; an empty one is a fault: a target without seeds tests little.
inline void replay_corpus(const char* name, target run) {
    const auto folder = std::filesystem::path{IPSECPP_TEST_DATA}.parent_path() / "fuzz" / "corpus" / name;
    INFO("corpus " << folder.string());
    REQUIRE(std::filesystem::is_directory(folder));
    CHECK(replay_folder(run, folder, true) > 0);
}

/// Seeds of other projects, where IPSECPP_SHARED names their folder; any octets are fair input for any target.
inline void replay_shared(target run) {
    const char* shared = std::getenv("IPSECPP_SHARED");
    const auto folder = std::filesystem::path{shared != nullptr ? shared : ""} / "captures" / "fuzz-seeds";
    if (shared == nullptr || !std::filesystem::is_directory(folder)) {
        WARN("skipped: no shared data");
        return;
    }
    CHECK(replay_folder(run, folder, false) > 0);
}

}  // namespace ipsec::fuzz

#define IPSECPP_REPLAY(name)                                                          \
    TEST_CASE("the corpus of " #name " replays", "[fuzz][" #name "]") {               \
        ipsec::fuzz::replay_corpus(#name, &ipsec::fuzz::name);                        \
    }                                                                                 \
    TEST_CASE("seeds of others replay through " #name, "[fuzz][" #name "][shared]") { \
        ipsec::fuzz::replay_shared(&ipsec::fuzz::name);                               \
    }
