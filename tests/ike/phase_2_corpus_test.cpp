// The seeds of the fuzz target quick_mode that are honest messages of exchanges under an ISAKMP SA: where they come from, and
// that each is taken, and refused where its HASH is wrong by one bit.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>

#include "fuzz/quick_mode_fuzz.hpp"
#include "support/catch.hpp"

using namespace ipsec;
namespace v1 = ipsec::ike::v1;
using ike::errc;

namespace {

using octets = std::vector<std::byte>;
auto folder() -> std::filesystem::path {
    return std::filesystem::path{IPSECPP_TEST_DATA}.parent_path() / "fuzz" / "corpus" / "quick_mode";
}
struct row {
    const char* name;
    std::size_t place;
    std::optional<errc> refused{};  ///< of the honest message
};
constexpr row rows[] = {
    {"group-1", 8},
    {"group-2", 9},
    {"group-refused", 10},
    {"pfs-1", 11},
    {"pfs-2", 12},
    {"connected", 13},
    {"connected-fourth", 14},
    {"xauth-request", 15},
    {"xauth-reply", 16},
    {"xauth-set", 17},
    {"xauth-ack", 18},
    {"config-request", 19},
    {"config-reply", 20},
    {"config-set", 21},
    {"config-ack", 22},
    {"alive-ack", 23},
    {"delete-of-a-client-that-has-not-passed", 24},
    {"connected-by-right", 26},
    {"connected-by-right-fourth", 27},
    {"xauth-radius-chap-request", 28},
    {"xauth-radius-chap-reply", 29},
    {"xauth-otp-request", 30},
    {"xauth-otp-reply", 31},
    {"xauth-s-key-request", 32},
    {"xauth-s-key-reply", 33},
    {"quick-1-of-a-client-that-has-not-passed", 25, errc::unexpected_message},
    {"quick-1-to-a-client-that-rests", 34},
};

/// A payload by itself, behind the octet that says its type.
auto alone(const v1::informational::content::payload& p) -> octets {
    octets out{static_cast<std::byte>(p.type), std::byte{0}, std::byte{0}, static_cast<std::byte>((p.body.size() + 4) >> 8),
               static_cast<std::byte>(p.body.size() + 4)};
    out.insert(out.end(), p.body.begin(), p.body.end());
    return out;
}
/// What stands behind the HASH of a message, behind the octet that says the first type of it.
auto behind_hash(const octets& m) -> octets {
    const auto chain = fuzz::detail::chain_of(m);
    REQUIRE(chain);
    REQUIRE((*chain)[0].type == isakmp::payload_type::hash);
    octets out{m.at(isakmp::header::size)};
    const auto rest = chain->behind(0);
    out.insert(out.end(), rest.begin(), rest.end());
    return out;
}
auto honest(std::size_t place) -> octets {
    const fuzz::ike_v1_phase_2 ends{fuzz::ike_v1_places.at(place)};
    const auto cky = ends.right.spy.cookies.octets();
    using enum isakmp::notify_type;
    if (place == 10) return alone(v1::informational::notify_of(attributes_not_supported, isakmp::protocol_id::isakmp, {}));
    if (place == 23) {
        const auto asked = behind_hash(ends.held_back);
        return alone(v1::informational::notify_of(r_u_there_ack, isakmp::protocol_id::isakmp, cky, byte_view{asked}.last(4)));
    }
    if (place == 24) return alone(v1::informational::delete_of(ends.right.spy.cookies));
    if (place == 25 || place == 34) return behind_hash(fuzz::ike_v1_phase_2{fuzz::ike_v1_places[0]}.held_back);
    if (place == 14 || place == 27) return honest(place - 1);
    return behind_hash(ends.held_back);
}
auto honest(const row& r) -> octets {
    octets out{static_cast<std::byte>(r.place)};
    const auto rest = honest(r.place);
    out.insert(out.end(), rest.begin(), rest.end());
    return out;
}
auto run(const octets& in) -> fuzz::ike_v1_tally {
    fuzz::ike_v1_tally got;
    fuzz::ike_v1_count = &got;
    fuzz::quick_mode(in);
    fuzz::ike_v1_count = nullptr;
    return got;
}

}  // namespace

TEST_CASE("the seeds under an ISAKMP SA are the honest messages of today; each is taken, and none with a wrong HASH",
          "[ike][fuzz][corpus]") {
    for (const row& r : rows)
        for (const bool spoilt : {false, true}) {
            CAPTURE(r.name, spoilt);
            std::ifstream file{folder() / r.name, std::ios::binary};
            REQUIRE(file);
            const std::string text{std::istreambuf_iterator<char>{file}, {}};
            auto in = honest(r);
            CHECK(std::ranges::equal(std::as_bytes(std::span{text}), in));
            if (spoilt) in[0] |= std::byte{0x80};
            const auto got = run(in);
            const auto expected = spoilt && r.place != 25 ? std::optional{errc::bad_hash} : r.refused;
            for (std::size_t e = 1; e < got.refused.size(); ++e) {
                const auto code = static_cast<errc>(e);
                CAPTURE(name_of(code));
                CHECK((got.refused[e] != 0) == (expected == code));
            }
        }
}

TEST_CASE("every place of a message under an ISAKMP SA can be reached", "[ike][fuzz][corpus]") {
    for (std::size_t i = 0; i < fuzz::ike_v1_places.size(); ++i) {
        CAPTURE(i);
        const auto& place = fuzz::ike_v1_places[i];
        const fuzz::ike_v1_phase_2 ends{place};
        CHECK(ends.delivered == place.after);
        CHECK(ends.left.ike.ike_sa_count() == 1);
        CHECK(ends.right.ike.ike_sa_count() == 1);
    }
}

/// Writes the seeds anew: run it by name where messages have changed on purpose.
TEST_CASE("write the seeds under an ISAKMP SA", "[.][write_seeds]") {
    for (const row& r : rows) {
        const auto text = honest(r);
        std::ofstream out{folder() / r.name, std::ios::binary};
        out.write(reinterpret_cast<const char*>(text.data()), static_cast<std::streamsize>(text.size()));
        CHECK(out);
    }
}
