// The table of vendor IDs: its octets are what their makers say they are, and recordings of other people's peers are named by it.
#include <cstdlib>
#include <set>
#include <string>

#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/ike/v1/nat_traversal.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
using test::hex;
using test::unhex;
namespace v1 = ipsec::ike::v1;

namespace {
auto chain_of(const std::vector<std::vector<std::byte>>& ids, std::vector<std::byte>& room) -> isakmp::chain {
    room.resize(1024);
    isakmp::builder b{room};
    for (const auto& id : ids) b.add(isakmp::payload_type::vendor_id, id);
    const auto all = b.finish();
    REQUIRE(all);
    return isakmp::chain::parse(b.first(), *all).value();
}
}  // namespace

// req: rfc2408-3.16-7
TEST_CASE("a vendor ID that is made by MD5 is the MD5 of the text beside it", "[ike][vendor_id]") {
    crypto::botan::provider p;
    std::size_t hashed = 0;
    std::set<std::string> seen;
    for (const ike::vendor_row& r : ike::known_vendors) {
        CAPTURE(std::string{r.name});
        CHECK(seen.insert(hex(r.view())).second);
        if (r.md5_of.empty()) continue;
        const std::array<byte_view, 1> text{std::as_bytes(std::span{r.md5_of})};
        const auto h = p.hash(crypto::hash_id::md5, text);
        REQUIRE(h);
        CHECK(hex(h->view().first(r.size)) == hex(r.view()));
        ++hashed;
    }
    CHECK(hashed >= 30);
    CHECK(hex(v1::vendor_nat_traversal) == hex(ike::known_vendors[0].view()));
}

// req: rfc2408-3.16-3
TEST_CASE("a vendor ID is known by what it begins with, and unknown ones do no harm", "[ike][vendor_id][IKE1-049]") {
    struct row {
        const char* octets;
        const char* name;
    };
    for (const auto& t : {row{"4a131c81070358455c5728f20e95452f", "NAT traversal (RFC 3947)"},
                          row{"afcad71368a1f1c96b8696fc77570100", "dead peer detection (RFC 3706)"},
                          row{"afcad71368a1f1c96b8696fc77570103", "dead peer detection (RFC 3706)"},
                          row{"4048b7d56ebce88525e7de7f00d6c2d380000000", "IKE fragmentation"},
                          row{"4048b7d56ebce88525e7de7f00d6c2d3c0000000", "IKE fragmentation"},
                          row{"4048b7d56ebce88525e7de7f00d6c2d3", "IKE fragmentation"},
                          row{"12f5f28c457168a9702d9fe274cc0100", "Cisco Unity"},
                          row{"1e2b516905991c7d7c96fcbfb587e46100000009", "Microsoft Windows"},
                          row{"f4ed19e0c114eb516faaac0ee37daf2807b4381f000000010000138d0000000000000000", "Check Point"},
                          row{"4f45706c75746f756e697430", "Openswan, FreeS/WAN or libreswan"},
                          row{"4f452d4c6962726573776" "16e2d342e39", "libreswan"},
                          row{"434953434f56504e2d5245562d3032", "Cisco VPN"},
                          row{"09002689dfd6b712", "XAUTH"},
                          row{"4a131c81070358455c5728f20e954500", "unknown vendor ID"},
                          row{"4a131c", "unknown vendor ID"},
                          row{"", "unknown vendor ID"}}) {
        CAPTURE(t.octets);
        CHECK(ike::name_of_vendor(unhex(t.octets)) == t.name);
    }
}

TEST_CASE("what vendor IDs say does not depend on their order, nor on others between them", "[ike][vendor_id][IKE1-049]") {
    const auto rfc = unhex("4a131c81070358455c5728f20e95452f"), draft = unhex("90cb80913ebb696e086381b5ec427b1f"),
               dpd = unhex("afcad71368a1f1c96b8696fc77570100"), xauth = unhex("09002689dfd6b712"),
               frag = unhex("4048b7d56ebce88525e7de7f00d6c2d3c0000000"), other = unhex("0123456789");
    v1::extensions all;
    all.nat_traversal = all.nat_rfc = all.nat_drafts = all.dead_peer_detection = all.fragmentation =
        all.extended_authentication = true;
    std::vector<std::byte> room;
    CHECK(v1::read_vendor_ids(chain_of({rfc, draft, dpd, xauth, frag, other}, room)) == all);
    CHECK(v1::read_vendor_ids(chain_of({other, frag, xauth, other, dpd, draft, rfc}, room)) == all);
    CHECK(v1::read_vendor_ids(chain_of({other}, room)) == v1::extensions{});
    // dead peer detection of another major version, and drafts that nobody here speaks
    CHECK(v1::read_vendor_ids(chain_of({unhex("afcad71368a1f1c96b8696fc77570200"), unhex("4485152d18b6bbcd0be8a8469579ddcc"),
                                        unhex("439b59f8ba676c4c7737ae22eab8f582")},
                                       room)) == v1::extensions{});
}

TEST_CASE("of two forms of NAT traversal that both ends have, the RFC's is taken", "[ike][vendor_id][nat]") {
    v1::extensions a, b;
    a.nat_traversal = a.nat_rfc = a.nat_drafts = b.nat_traversal = b.nat_rfc = b.nat_drafts = true;
    CHECK((a & b).nat_rfc);
    CHECK_FALSE((a & b).nat_drafts);
    b.nat_rfc = false;
    CHECK((a & b).nat_drafts);
    CHECK((a & b).nat_traversal);
    CHECK(v1::nat_d_of(a & b) == isakmp::payload_type::nat_d_draft);
    a.nat_drafts = false;
    CHECK_FALSE((a & b).nat_traversal);
    // each of them counts for a cookie
    std::set<std::byte> octets;
    for (auto member : {&v1::extensions::nat_traversal, &v1::extensions::dead_peer_detection, &v1::extensions::nat_rfc,
                        &v1::extensions::nat_drafts, &v1::extensions::fragmentation,
                        &v1::extensions::extended_authentication}) {
        v1::extensions e;
        e.*member = true;
        octets.insert(e.octet());
    }
    CHECK(octets.size() == 6);
}
