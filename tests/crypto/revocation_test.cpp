// Revocation lists: given by the user or by the peer, old, forged, for others, and missing where one is needed.
#include "ipsec/crypto/botan/trust_store.hpp"

#include "support/catch.hpp"
#include "support/test_pki.hpp"
#include "crypto/vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;
using ipsec::test::fault;
namespace keys = ipsec::test::keys;
namespace pki = ipsec::test::pki;

namespace {

using verdict = std::optional<errc>;
using list = pki::revocation_list;

auto of_root(std::vector<unsigned> revoked = {}) -> list {
    return {.issuer = pki::root_name, .signer = keys::rsa_2048, .revoked = std::move(revoked)};
}
auto of_middle(std::vector<unsigned> revoked = {}) -> list {
    return {.issuer = pki::middle_name, .signer = keys::rsa_1024, .revoked = std::move(revoked)};
}
auto between(list l, std::string_view made, std::string_view next) -> test::octets {
    l.made = made;
    l.next = next;
    return l.der();
}

struct scene {
    explicit scene(botan::certificate_policy policy = {}) : store{policy} { REQUIRE(store.add_anchor(pki::root().der()) == 0U); }
    /// The gateway by the root (serial 7), or by the middle (7) which the root made (2).
    auto judge(bool by_middle, const std::vector<test::octets>& lists = {}) -> verdict {
        const auto peer = pki::gateway(by_middle).der(), middle = pki::middle().der();
        const std::array chain{byte_view{peer}, byte_view{middle}};
        const std::vector<byte_view> l{lists.begin(), lists.end()};
        return fault(store.prove(chain, l, {}, pki::now));
    }
    botan::trust_store store;
};

}  // namespace

// req: rfc4945-5.2-1, rfc4945-3.2.3-6
TEST_CASE("a certificate that a list names is refused, whoever brought the list", "[crypto][botan][revocation]") {
    struct row {
        const char* what;
        bool by_middle;
        std::vector<test::octets> lists;
        verdict expected;
    };
    const std::vector<row> rows{
        {"a list that names nobody", false, {of_root().der()}, {}},
        {"a list that names somebody else", false, {of_root({1, 3, 9}).der()}, {}},
        {"the peer", false, {of_root({3, 7}).der()}, errc::revoked},
        {"the authority in the middle", true, {of_root({2}).der()}, errc::revoked},
        {"the same serial number under another authority", true, {of_root({7}).der()}, {}},
        {"the peer, by the authority in the middle", true, {of_middle({7}).der()}, errc::revoked},
        {"both lists", true, {of_root().der(), of_middle({7}).der()}, errc::revoked},
    };
    for (const auto& r : rows) {
        CAPTURE(r.what);
        scene from_peer, from_user, as_pem;
        CHECK(from_peer.judge(r.by_middle, r.lists) == r.expected);
        for (const auto& l : r.lists) REQUIRE(from_user.store.add_list(l).has_value());
        CHECK(from_user.judge(r.by_middle) == r.expected);
    }
}

// req: rfc4945-5.2.1-1
TEST_CASE("a peer cannot talk away a revocation that is known here", "[crypto][botan][revocation]") {
    const auto earlier = between(of_root(), "250101000000Z", "270101000000Z");
    const auto later = between(of_root({7}), "260101000000Z", "270101000000Z");
    scene s;
    REQUIRE(s.store.add_list(later).has_value());
    CHECK(s.judge(false, {earlier}) == errc::revoked);
    REQUIRE(s.store.add_list(earlier).has_value());
    CHECK(s.judge(false) == errc::revoked);
    // A newer list that the peer brings counts against it as well.
    scene t;
    REQUIRE(t.store.add_list(earlier).has_value());
    CHECK(t.judge(false) == verdict{});
    CHECK(t.judge(false, {later}) == errc::revoked);
}

// req: rfc4945-3.3.10.5-1
TEST_CASE("lists of the peer that nobody signed, or out of their time, are passed over", "[crypto][botan][revocation]") {
    scene s;
    auto forged = of_root();
    forged.signer = keys::rsa_2048_pkcs8;
    forged.made = "260501000000Z";
    const auto real = of_root({7}).der();
    const std::vector<test::octets> useless{
        forged.der(), test::octets{}, test::octets(30), {real.begin(), real.end() - 1},
        between(of_root({7}), "250101000000Z", "260101000000Z"),  // over
        between(of_root({7}), "270101000000Z", "280101000000Z"),  // not yet
        list{.issuer = pki::name("Stranger"), .signer = keys::rsa_2048_pkcs8, .revoked = {7}}.der()};
    for (const auto& u : useless) CHECK(s.judge(false, {u}) == verdict{});
    CHECK(s.judge(false, {useless[0], useless[2], real}) == errc::revoked);
}

// req: rfc4945-5.2.2.4.1-1, rfc4945-5.2.2.4.1-2
TEST_CASE("delta lists, and lists with critical extensions that nobody knows, are no lists", "[crypto][botan][revocation]") {
    scene s;
    auto delta = of_root();
    delta.extensions = {pki::extension("2.5.29.27", true, pki::tlv(2, {std::byte{1}}))};
    auto unknown = of_root();
    unknown.extensions = {pki::extension("1.2.3.4", true, test::unhex("0500"))};
    auto numbered = of_root({7});
    numbered.extensions = {pki::extension("2.5.29.20", false, pki::tlv(2, {std::byte{5}}))};
    CHECK(fault(s.store.add_list(delta.der())) == errc::bad_certificate);
    CHECK(fault(s.store.add_list(unknown.der())) == errc::bad_certificate);
    CHECK(fault(s.store.add_list(test::octets(20))) == errc::bad_certificate);
    CHECK(s.judge(false, {delta.der(), unknown.der()}) == verdict{});
    CHECK(s.judge(false, {numbered.der()}) == errc::revoked);
    // A delta that is newer does not take the place of the whole list.
    delta.made = "260501000000Z";
    CHECK(s.judge(false, {of_root({7}).der(), delta.der()}) == errc::revoked);
}

TEST_CASE("where policy wants to know, what no current list speaks of is refused", "[crypto][botan][revocation]") {
    const auto old = between(of_root(), "250101000000Z", "260101000000Z");
    scene strict{botan::certificate_policy{.require_revocation = true}};
    CHECK(strict.judge(false) == errc::revocation_unknown);
    CHECK(strict.judge(false, {of_root().der()}) == verdict{});
    CHECK(strict.judge(false, {old}) == errc::revocation_unknown);
    CHECK(strict.judge(true, {of_root().der()}) == errc::revocation_unknown);
    CHECK(strict.judge(true, {of_middle().der()}) == errc::revocation_unknown);
    CHECK(strict.judge(true, {of_root().der(), of_middle().der()}) == verdict{});
    // A list of the user's own that is out of its time: whoever configures one wants it to count.
    scene s;
    REQUIRE(s.store.add_list(old).has_value());
    CHECK(s.judge(false) == errc::revocation_unknown);
    CHECK(s.judge(false, {of_root().der()}) == verdict{});
}
