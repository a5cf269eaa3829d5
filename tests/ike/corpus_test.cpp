// The seeds of the fuzz targets main_mode and quick_mode reach what lies behind parsing, encryption and HASH.
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <string>

#include "fuzz/main_mode_fuzz.hpp"
#include "fuzz/quick_mode_fuzz.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using ike::errc;

namespace {

struct reached {
    const char* file;
    std::optional<errc> refused{};  ///< before anything vouched for the message
    std::optional<errc> ended{};    ///< under the protection of an ISAKMP SA
    std::size_t established = 0, installed = 0, removed = 0, notes = 0;
};

auto folder(const char* target) -> std::filesystem::path {
    return std::filesystem::path{IPSECPP_TEST_DATA}.parent_path() / "fuzz" / "corpus" / target;
}
/// Honest messages, and what peers of other projects said: phase_1_corpus_test, phase_2_corpus_test, peer_corpus_test.
auto is_tested_elsewhere(const std::string& name) -> bool {
    return std::ranges::any_of(std::array{"-signature", "-certificate", "peer-", "group-", "pfs-", "connected",
                                          "xauth-", "config-", "alive-", "-has-not-passed", "-that-rests"},
                               [&](const char* part) { return name.find(part) != std::string::npos; });
}
auto compare(const char* target, void (*run)(byte_view), std::initializer_list<reached> table) -> std::set<errc> {
    std::set<std::string> named;
    std::set<errc> codes;
    for (const reached& want : table) {
        for (const auto& code : {want.refused, want.ended})
            if (code) codes.insert(*code);
        CAPTURE(target, want.file);
        named.insert(want.file);
        std::ifstream in{folder(target) / want.file, std::ios::binary};
        REQUIRE(in);
        const std::string text{std::istreambuf_iterator<char>{in}, {}};
        fuzz::ike_v1_tally got;
        fuzz::ike_v1_count = &got;
        run(std::as_bytes(std::span{text}));
        fuzz::ike_v1_count = nullptr;
        CHECK(got.established == want.established);
        CHECK(got.installed == want.installed);
        CHECK(got.removed == want.removed);
        CHECK(got.notes == want.notes);
        // What time ends afterwards does not count here.
        for (std::size_t e = 1; e < got.refused.size(); ++e) {
            const auto code = static_cast<errc>(e);
            if (code == errc::timed_out || code == errc::expired) continue;
            CAPTURE(name_of(code));
            CHECK((got.refused[e] != 0) == (want.refused == code));
            CHECK((got.refused_under_protection[e] != 0) == (want.ended == code));
        }
    }
    for (const auto& entry : std::filesystem::directory_iterator{folder(target)})
        CHECK((named.contains(entry.path().filename().string()) || is_tested_elsewhere(entry.path().filename().string())));
    return codes;
}

auto main_mode_reaches() -> std::set<errc> {
    return compare("main_mode", &fuzz::main_mode,
                   {{.file = "message-1"},
                    {.file = "message-1-short", .refused = errc::malformed},
                    {.file = "message-1-wrong-cookie", .refused = errc::bad_cookie},
                    {.file = "message-2"},
                    {.file = "message-2-short", .refused = errc::malformed},
                    {.file = "message-2-wrong-cookie"},
                    {.file = "message-2-encrypted", .refused = errc::wrong_flags},
                    {.file = "message-2-not-offered", .refused = errc::not_what_was_offered},
                    {.file = "message-3"},
                    {.file = "message-3-short", .refused = errc::malformed},
                    {.file = "message-3-wrong-cookie", .refused = errc::bad_cookie},
                    {.file = "message-3-bad-public-value", .refused = errc::bad_key_exchange},
                    {.file = "message-4"},
                    {.file = "message-4-short", .refused = errc::malformed},
                    {.file = "message-4-wrong-cookie", .refused = errc::bad_cookie},
                    {.file = "message-5", .established = 1},
                    {.file = "message-5-short", .refused = errc::malformed},
                    {.file = "message-5-wrong-cookie", .refused = errc::unknown_cookie},
                    {.file = "message-5-bad-hash", .refused = errc::bad_hash},
                    {.file = "message-5-bad-identity", .refused = errc::bad_identity},
                    {.file = "message-5-garbage", .refused = errc::not_decryptable},
                    {.file = "message-6", .established = 1},
                    {.file = "message-6-short", .refused = errc::malformed},
                    {.file = "message-6-wrong-cookie", .refused = errc::unknown_cookie},
                    {.file = "message-6-other-identity", .refused = errc::identity_mismatch},
                    {.file = "message-7", .refused = errc::unexpected_message},
                    {.file = "no-proposal", .refused = errc::no_proposal_chosen},
                    {.file = "unknown-exchange", .refused = errc::unknown_exchange}});
}

auto quick_mode_reaches() -> std::set<errc> {
    return compare("quick_mode", &fuzz::quick_mode,
                   {{.file = "quick-1", .installed = 1},
                    {.file = "quick-1-bad-hash", .refused = errc::bad_hash},
                    {.file = "quick-1-bad-identity", .ended = errc::bad_identity},
                    {.file = "quick-1-other-identity", .ended = errc::identity_mismatch},
                    {.file = "quick-1-no-proposal", .ended = errc::no_proposal_chosen},
                    {.file = "quick-1-nine-sas", .ended = errc::limit_reached},
                    {.file = "used-message-id", .refused = errc::replayed_message_id},
                    {.file = "quick-2", .installed = 1},  // the outbound SA comes in 100 ms
                    {.file = "quick-2-not-offered", .ended = errc::not_what_was_offered},
                    {.file = "quick-3", .installed = 1},
                    {.file = "delete-ah"},
                    {.file = "delete-esp"},
                    {.file = "delete-isakmp", .ended = errc::deleted_by_peer},
                    {.file = "delete-own-pair", .removed = 2},
                    {.file = "delete-twice", .removed = 2},
                    {.file = "delete-isakmp-twice", .ended = errc::deleted_by_peer},
                    {.file = "malformed-delete", .ended = errc::malformed},
                    {.file = "initial-contact", .notes = 1},
                    {.file = "no-proposal", .notes = 1},
                    {.file = "refused", .ended = errc::refused_by_peer, .notes = 1},
                    {.file = "refused-by-spi", .ended = errc::refused_by_peer, .notes = 1},
                    {.file = "responder-lifetime", .notes = 1},
                    {.file = "shorter-life", .notes = 1}});
}

}  // namespace

TEST_CASE("the corpora of Main and Quick Mode reach each message, both ends' SAs, and every fault that a message can cause",
          "[ike][corpus]") {
    auto seen = main_mode_reaches();
    seen.merge(quick_mode_reaches());
    using enum errc;
    // What is left out is of time, of this side's user, provider and configuration; and two faults that one message to these ends
    // cannot cause: a peer from elsewhere, and the cookie of an ISAKMP SA that is gone. bad_peer_test has those. Extensions and
    // New Group Mode have tests of their own.
    const std::set<errc> not_here{timed_out,     expired,      install_refused, crypto_failed, no_randomness, closed,
                                  no_such_peer,  no_such_policy, wrong_result_for_event, unknown_peer, spent_cookie,
                                  peer_dead,     no_ah_through_nat, offer_forgotten, not_authorized, already_bound, peer_begins,
                                  xauth_failed,  xauth_type, bad_fragment,   fragments_missing, group_refused};
    for (int n = 1; n < static_cast<int>(no_suites); ++n) {
        const auto e = static_cast<errc>(n);
        CAPTURE(name_of(e));
        CHECK(seen.contains(e) != not_here.contains(e));
    }
}
