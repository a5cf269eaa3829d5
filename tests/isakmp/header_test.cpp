#include "ipsec/isakmp/header.hpp"

#include "ipsec/isakmp/notify_type.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
using namespace ipsec::isakmp;
using test::unhex;

namespace {
constexpr auto good = "4949494949494949 5252525252525252 01 10 02 00 00000000 0000001c";

auto patched(std::size_t at, std::string_view octets) -> std::vector<std::byte> {
    auto h = unhex(good);
    const auto p = unhex(octets);
    std::copy(p.begin(), p.end(), h.begin() + static_cast<std::ptrdiff_t>(at));
    return h;
}
}  // namespace

TEST_CASE("a header is emitted as it was parsed", "[isakmp][header]") {
    const auto octets = patched(16, "08 10 20 03 deadbeef 0000009c");
    const auto h = header::parse(octets);
    REQUIRE(h);
    CHECK(h->next_payload == payload_type::hash);
    CHECK(h->version == version_1_0);
    CHECK(h->exchange == exchange_type::quick_mode);
    CHECK(h->flags.encrypted());
    CHECK(h->flags.commit());
    CHECK_FALSE(h->flags.authentication_only());
    CHECK(h->id == message_id{0xdeadbeef});
    CHECK(h->length == 156);
    CHECK(test::hex(h->initiator.octets()) == "4949494949494949");
    CHECK(test::hex(h->responder.octets()) == "5252525252525252");
    std::array<std::byte, header::size> again{};
    h->emit(again);
    CHECK(test::hex(again) == test::hex(octets));
}

TEST_CASE("a fresh header says version 1.0", "[isakmp][header]") {
    // req: rfc2408-3.1-1, rfc2408-3.1-4
    std::array<std::byte, header::size> out{};
    header{}.emit(out);
    CHECK(out[17] == 0x10_b);
}

// req: rfc2408-2.4-1, rfc2408-2.4-3
// IKE1-100
// req: rfc2408-5.1-1
TEST_CASE("a header is judged by every field", "[isakmp][header]") {
    struct row {
        const char* what;
        std::size_t at;
        const char* octets;
        std::optional<errc> fault;
        std::optional<notify_type> answer;
    };
    using enum notify_type;
    // req: rfc2408-5.1-2
    // req: rfc2408-3.1-3, rfc2408-3.1-6, rfc2408-3.1-15
    const auto r = GENERATE(values<row>({
        {"first message of Main Mode", 8, "0000000000000000", {}, {}},
        {"no initiator cookie", 0, "0000000000000000", errc::bad_cookie, invalid_cookie},
        {"major version 2", 17, "20", errc::bad_major_version, invalid_major_version},
        {"major version 0", 17, "01", errc::bad_major_version, invalid_major_version},
        {"minor version 1", 17, "11", errc::bad_minor_version, invalid_minor_version},
        {"exchange 0", 18, "00", errc::bad_exchange_type, invalid_exchange_type},
        {"exchange 31", 18, "1f", errc::bad_exchange_type, invalid_exchange_type},
        {"IKE_SA_INIT", 18, "22", errc::bad_exchange_type, invalid_exchange_type},
        {"private exchange", 18, "ff", errc::bad_exchange_type, invalid_exchange_type},
        {"all defined flags", 19, "07", {}, {}},
        {"an undefined flag", 19, "08", errc::bad_flags, invalid_flags},
        {"phase 1 with message id", 20, "00000001", errc::bad_message_id, invalid_message_id},
        {"aggressive mode with message id", 18, "0400 00000001", errc::bad_message_id, invalid_message_id},
        {"quick mode without message id", 18, "2001 00000000", errc::bad_message_id, invalid_message_id},
        {"new group mode without message id", 18, "2101 00000000", errc::bad_message_id, invalid_message_id},
        {"quick mode with message id", 18, "2001 00000001", {}, {}},
        {"informational without message id", 18, "0500 00000000", {}, {}},
        {"informational with message id", 18, "0501 12345678", {}, {}},
        {"length 0", 24, "00000000", errc::length_below_header, payload_malformed},
        {"length 27", 24, "0000001b", errc::length_below_header, payload_malformed},
        {"length one more", 24, "0000001d", errc::unequal_lengths, unequal_payload_lengths},
        {"length of all ones", 24, "ffffffff", errc::unequal_lengths, unequal_payload_lengths},
    }));
    CAPTURE(r.what);
    const auto h = parse_header(patched(r.at, r.octets));
    CHECK((h ? std::nullopt : std::optional{h.error()}) == r.fault);
    if (!h) CHECK(notify_for(h.error()) == r.answer);
}

TEST_CASE("a header cut anywhere is truncated", "[isakmp][header]") {
    const auto whole = unhex(good);
    for (std::size_t n = 0; n < whole.size(); ++n) {
        CAPTURE(n);
        CHECK(header::parse(byte_view{whole}.first(n)).error() == errc::truncated);
    }
}

TEST_CASE("a datagram longer than its header says is refused", "[isakmp][header]") {
    auto longer = unhex(good);
    longer.push_back(0_b);
    CHECK(parse_header(longer).error() == errc::unequal_lengths);
}

TEST_CASE("rules widen and narrow what a header may be", "[isakmp][header]") {
    CHECK(parse_header(patched(17, "1f"), {.accept_higher_minor = true}));
    CHECK(parse_header(patched(19, "f8"), {.ignore_undefined_flags = true}));
    CHECK(parse_header(unhex(good), {.max_message = 27}).error() == errc::message_too_long);
    constexpr std::array only_quick{exchange_type::quick_mode};
    CHECK(parse_header(unhex(good), {.exchanges = only_quick}).error() == errc::bad_exchange_type);
}

TEST_CASE("cookies are zero, equal and ordered by their octets", "[isakmp][cookie]") {
    const cookie_pair none;
    CHECK(none.initiator.is_zero());
    const auto h = header::parse(unhex(good)).value();
    CHECK_FALSE(h.initiator.is_zero());
    CHECK(h.cookies() == h.cookies());
    CHECK(none < h.cookies());
    CHECK(test::hex(h.cookies().octets()) == "49494949494949495252525252525252");
    CHECK_FALSE(std::is_convertible_v<cookie_i, cookie_r>);
}

TEST_CASE("every fault has a name, a condition and a considered answer", "[isakmp][errc]") {
    std::size_t silent = 0;
    for (int n = 1; n <= static_cast<int>(last_errc); ++n) {
        const auto e = static_cast<errc>(n);
        CAPTURE(n);
        CHECK(name_of(e) != "unknown ISAKMP error");
        CHECK(name_of(condition_of(e)) != "unknown condition");
        CHECK((condition_of(e) == condition::misuse) == (e == errc::no_room || e == errc::bad_nesting));
        const auto answer = notify_for(e);
        if (!answer) ++silent;
        else CHECK((is_error(*answer) && name_of(*answer) != "unknown error"));
    }
    CHECK(silent == 8);
    CHECK(name_of(errc{}) == "unknown ISAKMP error");
    CHECK(name_of(notify_type{31}) == "unknown error");
    CHECK(name_of(notify_type{40503}) == "unknown status");
}
