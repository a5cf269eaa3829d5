// The DOI is a parameter: another one negotiates, notifies and deletes with what isakmp/ has.
#include "support/toy_doi.hpp"

#include <algorithm>

#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
namespace toy = ipsec::test::toy;
using isakmp::errc;
using test::hex;

namespace {
const toy::abilities left{
    {{{toy::courier, {toy::vehicle::balloon, toy::vehicle::mule}, 20}, {toy::porter, {toy::vehicle::mule}, 1}},
     {{toy::courier, {toy::vehicle::bicycle}, 15}}}};

template <class P> auto written(const P& p) -> std::vector<std::byte> {
    std::vector<std::byte> out(p.size());
    wire::writer w{out};
    p.emit(w);
    return out;
}
}  // namespace

// req: rfc2408-2.1-1, rfc2408-3.4-2, rfc2408-3.4-3
TEST_CASE("an SA payload of another DOI carries its own number, situation, protocols, transforms and attributes",
          "[isakmp][doi]") {
    const auto offer = toy::write_offer(left);
    CHECK(hex(byte_view{offer}.first(6)) == "00c0ffee0100");
    const auto tree = toy::sa_tree::parse(offer);
    REQUIRE(tree);
    CHECK(tree->sa().doi == toy::doi::number);
    CHECK(tree->alternative_count() == 2);
    REQUIRE(tree->proposals().size() == 3);
    CHECK(tree->proposals()[0].value.protocol == toy::courier);
    CHECK(tree->proposals()[0].value.spi.size() == 3);
    CHECK(tree->transforms(tree->proposals()[0]).size() == 2);
    CHECK(written(tree->sa()) == offer);
    // Each DOI reads its own only.
    CHECK(isakmp::security_association::parse(offer).error() == errc::unsupported_doi);
    CHECK(isakmp::sa_tree::parse(offer).error() == errc::unsupported_doi);
    auto of_ipsec = offer;
    of_ipsec[0] = of_ipsec[1] = of_ipsec[2] = std::byte{0};
    of_ipsec[3] = std::byte{1};
    CHECK(toy::security_association::parse(of_ipsec).error() == errc::unsupported_doi);
    auto storm = offer;
    storm[4] = std::byte{9};
    CHECK(toy::security_association::parse(storm).error() == errc::unsupported_situation);
    CHECK(toy::security_association::parse(byte_view{offer}.first(5)).error() == errc::truncated);
}

TEST_CASE("two ends of another DOI agree on what both can do, or on nothing", "[isakmp][doi]") {
    struct row {
        const char* name;
        toy::abilities right;
        std::vector<std::uint8_t> numbers;  ///< of the proposals chosen
    };
    const std::vector<row> rows{
        {"the first alternative, whose parts hold together",
         {{{{toy::courier, {toy::vehicle::mule}, 5}, {toy::porter, {toy::vehicle::mule}, 5}}}},
         {1, 1}},
        {"the second, where half of the first is missing",
         {{{{toy::courier, {toy::vehicle::bicycle, toy::vehicle::mule}, 5}}}},
         {2}},
        {"none, where everything is too slow", {{{{toy::courier, {toy::vehicle::bicycle}, 500}}}}, {}},
        {"none, with nothing in common", {{{{toy::porter, {toy::vehicle::bicycle}, 0}}}}, {}},
    };
    const auto offer = toy::write_offer(left);
    for (const auto& r : rows) {
        CAPTURE(r.name);
        const auto answer = toy::choose(r.right, offer);
        REQUIRE(answer);
        CHECK(answer->empty() == r.numbers.empty());
        if (answer->empty()) continue;
        const auto tree = toy::sa_tree::parse(*answer);
        REQUIRE(tree);
        std::vector<std::uint8_t> numbers;
        for (const auto& p : tree->proposals()) numbers.push_back(p.value.number);
        CHECK(numbers == r.numbers);
        CHECK(toy::is_answer_to(offer, *answer));
        // Every octet of the answer counts.
        for (std::size_t i = 6; i < answer->size(); ++i) {
            auto other = *answer;
            other[i] ^= std::byte{0x40};
            const auto parsed = toy::sa_tree::parse(other);
            if (parsed && parsed->proposals()[0].value.spi.size() == tree->proposals()[0].value.spi.size() &&
                !std::ranges::equal(parsed->proposals()[0].value.spi, tree->proposals()[0].value.spi))
                continue;  // an SPI is the sender's own
            if (parsed && parsed->proposals().size() > 1 &&
                !std::ranges::equal(parsed->proposals()[1].value.spi, tree->proposals()[1].value.spi))
                continue;
            CAPTURE(i);
            CHECK_FALSE(toy::is_answer_to(offer, other));
        }
    }
}

TEST_CASE("notifications and Deletes of another DOI have its sizes and its data", "[isakmp][doi]") {
    const std::array spi{std::byte{1}, std::byte{2}, std::byte{3}};
    const std::array one{std::byte{7}};
    toy::notification n;
    n.protocol = toy::courier;
    n.message = toy::lost_parcel;
    n.spi = spi;
    n.data = one;
    const auto octets = written(n);
    CHECK(hex(octets) == "00c0ffeec8039c41010203" "07");
    REQUIRE(toy::notification::parse(octets));
    CHECK(*toy::notification::parse(octets) == n);
    CHECK(isakmp::notification::parse(octets).error() == errc::unsupported_doi);
    n.data = {};
    CHECK(toy::notification::parse(written(n)).error() == errc::bad_notify_data);
    n.data = one;
    n.spi = byte_view{spi}.first(2);
    CHECK(toy::notification::parse(written(n)).error() == errc::bad_spi_size);
    n.protocol = isakmp::protocol_id::ipsec_esp;
    CHECK(toy::notification::parse(written(n)).error() == errc::bad_protocol);

    toy::delete_sa d;
    d.protocol = toy::courier;
    d.spi_size = 3;
    d.count = 1;
    d.spis = spi;
    REQUIRE(toy::delete_sa::parse(written(d)));
    CHECK(*toy::delete_sa::parse(written(d)) == d);
    CHECK(isakmp::delete_sa::parse(written(d)).error() == errc::unsupported_doi);
    d.protocol = toy::porter;
    CHECK(toy::delete_sa::parse(written(d)).error() == errc::bad_spi_size);
    d.protocol = isakmp::protocol_id::ipsec_ah;
    CHECK(toy::delete_sa::parse(written(d)).error() == errc::bad_protocol);
}
