// Seeds of the fuzz targets main_mode, aggressive_mode and quick_mode that are what strongSwan and racoon said under encryption:
// opened by the recorded secrets of tests/data/captures and written down as the targets read it, so that they are sealed anew
// under the keys of the fuzzer's ends. (A script would need a library for 3DES and CAST-128; here the test itself is the proof
// that each message was opened rightly.)
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include "fuzz/aggressive_mode_fuzz.hpp"
#include "fuzz/main_mode_fuzz.hpp"
#include "fuzz/quick_mode_fuzz.hpp"
#include "support/catch.hpp"
#include "support/derived_capture.hpp"

using namespace ipsec;
using ike::errc;

namespace {

using octets = std::vector<std::byte>;
using seed_map = std::map<std::string, std::map<std::string, octets>>;  ///< by target and name
constexpr std::size_t hash_of_the_ends = 20;

auto folder(const std::string& target) -> std::filesystem::path {
    return std::filesystem::path{IPSECPP_TEST_DATA}.parent_path() / "fuzz" / "corpus" / target;
}
/// The payloads in a row, with a proof of the length that the fuzzer's ends make. `first` and on; IDs of `ids` stand for the
/// message's own, as far as there are any.
auto chained(const isakmp::chain& in, std::size_t first, const std::vector<octets>& ids = {}) -> octets {
    octets out;
    std::size_t identity = 0;
    for (std::size_t i = first; i < in.size(); ++i) {
        octets body(in[i].body.begin(), in[i].body.end());
        if (in[i].type == isakmp::payload_type::hash) body.resize(hash_of_the_ends);
        if (in[i].type == isakmp::payload_type::signature) body.resize(testing::identity_key_provider::signature_size);
        if (in[i].type == isakmp::payload_type::identification && identity < ids.size()) body = ids[identity++];
        const auto next = i + 1 < in.size() ? in[i + 1].type : isakmp::payload_type::none;
        const auto size = body.size() + 4;
        for (const auto b : {static_cast<std::byte>(next), 0_b, static_cast<std::byte>(size >> 8), static_cast<std::byte>(size)})
            out.push_back(b);
        out.insert(out.end(), body.begin(), body.end());
    }
    return out;
}
/// A message of phase 1 as it came, but in clear; its cookies, length and proof are made right.
auto of_phase_1(const test::recorded_message& m, std::size_t after) -> octets {
    using enum isakmp::payload_type;
    const bool is_signed = m.chain.find(signature) != nullptr;
    const auto method = !is_signed ? 0U : m.chain.find(certificate) != nullptr ? 32U : 16U;
    octets out{static_cast<std::byte>(after | method), 7_b};
    out.insert(out.end(), m.octets.begin(), m.octets.begin() + isakmp::header::size);
    auto payloads = chained(m.chain, 0);
    payloads.resize((payloads.size() + 15) / 16 * 16);
    out.insert(out.end(), payloads.begin(), payloads.end());
    return out;
}
/// Where a message under an ISAKMP SA fits in, by its number in its exchange.
auto place_of(const test::recorded_message& m, std::size_t number) -> std::size_t {
    using enum isakmp::exchange_type;
    const bool pfs = m.chain.find(isakmp::payload_type::key_exchange) != nullptr;
    if (m.head.exchange == quick_mode) return number == 0 ? (pfs ? 11 : 0) : number == 1 ? (pfs ? 12 : 1) : 2;
    if (m.head.exchange == informational) return 6;
    REQUIRE(m.head.exchange == transaction);
    // REQUEST, REPLY, SET, ACK; attributes of XAUTH have numbers of their own.
    const auto body = m.body(isakmp::payload_type::attributes);
    const bool xauth = body.size() > 5 && (wire::load<std::uint16_t>(byte_view{body}.subspan(4)) & 0x7fffU) >= 16520;
    const auto kind = std::to_integer<std::size_t>(body.at(0));
    return kind <= 2 && !xauth ? 18 + kind : 14 + kind;
}
/// The same as the target quick_mode reads it. Clients are those of the fuzzer's ends, so that what is offered is looked at.
auto under_an_ike_sa(const test::recorded_message& m, std::size_t place) -> octets {
    static const auto ids = [] {
        const fuzz::ike_v1_phase_2 ends{fuzz::ike_v1_places[0]};
        const auto offer = fuzz::detail::chain_of(ends.held_back);
        std::vector<octets> out;
        for (std::size_t i = 0; i < 2; ++i) {
            const auto body = offer.value().find(isakmp::payload_type::identification, i)->body;
            out.emplace_back(body.begin(), body.end());
        }
        return out;
    }();
    REQUIRE(m.chain[0].type == isakmp::payload_type::hash);
    const auto next = m.chain.size() > 1 ? m.chain[1].type : isakmp::payload_type::none;
    octets out{static_cast<std::byte>(place), static_cast<std::byte>(next)};
    const auto payloads = chained(m.chain, 1, ids);
    out.insert(out.end(), payloads.begin(), payloads.end());
    // Who names the ISAKMP SA means that of the ends.
    const auto named = m.head.cookies().octets();
    const auto own = fuzz::ike_v1_phase_2{fuzz::ike_v1_places.at(place)}.right.spy.cookies.octets();
    for (auto at = out.begin(); (at = std::search(at, out.end(), named.begin(), named.end())) != out.end();)
        at = std::ranges::copy(own, at).out;
    return out;
}

/// What all recorded peers said under encryption; of messages with equal payloads of equal lengths one is enough.
auto said_by_peers() -> seed_map {
    seed_map out;
    std::set<std::string> forms;
    const auto add = [&](const std::string& target, const std::string& run, std::size_t number, const isakmp::chain& chain,
                         octets in) {
        std::string form = target + std::to_string(std::to_integer<unsigned>(in[0]));
        for (const auto& p : chain)
            form += ' ' + std::to_string(static_cast<unsigned>(p.type)) + ':' + std::to_string(p.body.size());
        if (forms.insert(std::move(form)).second) out[target]["peer-" + run + '-' + std::to_string(number)] = std::move(in);
    };
    std::set<std::string> runs;
    for (const auto& f : std::filesystem::directory_iterator{std::string{IPSECPP_TEST_DATA} + "/captures"})
        if (const auto name = f.path().filename().string(); name.starts_with("v1-")) runs.insert(name);
    for (const auto& run : runs) {
        const test::derived_capture c{run};
        std::size_t number = 0;
        for (const auto& sa : c.sas)
            for (std::size_t i = 0; i < sa.phase_1.size(); ++i) {
                const auto& m = sa.phase_1[i];
                ++number;
                if (!m.head.flags.encrypted()) continue;
                const bool aggressive = m.head.exchange == isakmp::exchange_type::aggressive;
                add(aggressive ? "aggressive_mode" : "main_mode", run, number, m.chain, of_phase_1(m, i));
            }
        std::map<std::uint32_t, std::size_t> of_exchange;
        for (const auto& m : c.later)
            add("quick_mode", run, ++number, m.chain, under_an_ike_sa(m, place_of(m, of_exchange[m.head.id.value()]++)));
    }
    return out;
}

}  // namespace

TEST_CASE("seeds of what recorded peers said under encryption are as the recordings have it, and all of it is understood",
          "[ike][fuzz][corpus][capture]") {
    const auto all = said_by_peers();
    std::map<errc, std::size_t> refused;
    std::size_t seeds = 0, established = 0, installed = 0;
    for (const auto& [target, by_name] : all) {
        for (const auto& [name, in] : by_name) {
            CAPTURE(target, name);
            std::ifstream file{folder(target) / name, std::ios::binary};
            REQUIRE(file);
            const std::string text{std::istreambuf_iterator<char>{file}, {}};
            CHECK(std::ranges::equal(std::as_bytes(std::span{text}), in));
            fuzz::ike_v1_tally got;
            fuzz::ike_v1_count = &got;
            (target == "quick_mode" ? fuzz::quick_mode : target == "main_mode" ? fuzz::main_mode : fuzz::aggressive_mode)(in);
            fuzz::ike_v1_count = nullptr;
            ++seeds;
            established += got.established;
            installed += got.installed;
            for (std::size_t e = 1; e < got.refused.size(); ++e)
                if (got.refused[e] + got.refused_under_protection[e] != 0) ++refused[static_cast<errc>(e)];
        }
        for (const auto& entry : std::filesystem::directory_iterator{folder(target)}) {
            const auto name = entry.path().filename().string();
            CHECK((!name.starts_with("peer-") || by_name.contains(name)));
        }
    }
    // Other names, suites and groups than those of the fuzzer's ends, and NAT-D of other addresses, which asks for port 4500; no
    // octet that is not understood, and no HASH that does not hold.
    const std::map<errc, std::size_t> expected{{errc::identity_mismatch, 9},  {errc::no_proposal_chosen, 6},
                                               {errc::not_what_was_offered, 6}, {errc::bad_key_exchange, 4},
                                               {errc::unexpected_message, 1},   {errc::deleted_by_peer, 3},
                                               {errc::timed_out, 3}};
    CHECK(refused == expected);
    CHECK(seeds == 42);
    CHECK(established == 3);
    CHECK(installed == 3);
}

/// Writes the seeds anew: run it by name where the targets read them in another way.
TEST_CASE("write the seeds of what recorded peers said", "[.][write_seeds]") {
    for (const auto& [target, by_name] : said_by_peers())
        for (const auto& [name, text] : by_name) {
            std::ofstream out{folder(target) / name, std::ios::binary};
            out.write(reinterpret_cast<const char*>(text.data()), static_cast<std::streamsize>(text.size()));
            CHECK(out);
        }
}
