// An offer that we did not write: ike-scan 1.9.5 with --trans for each of a binary group, a prime one, and a private number.
//                                                                                             RFC 2409 §4, §5.6, App. A
#include "ipsec/crypto/ec2n_groups.hpp"
#include "ipsec/ike/v1/suite_name.hpp"
#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;

namespace {

using octets = std::vector<std::byte>;

/// (1=7,14=128,2=4,3=1, …) and: 5=3, 6, 7, 9, 10, 16 of Oakley's third group, without a field size as §5.6 lists the parts;
/// 5=1, 6 and 7=5 with the prime of the first group; 4=40000.
const octets message_1 = unhex(
    "8dbdc03a94f88109000000000000000001100200000000000000012d00000111000000010000000100000105010100030300005d010100008001"
    "0007800e0080800200048003000180050003000600140800000000000000000000004000000000000001000700017b0009000100000a00030733"
    "8f001000140800000000000000000057db5698537193aef944030000840201000080010007800e00808002000480030001800500010006006"
    "0ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b30"
    "2b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a63a3620ffffffffffffffff800700050000001c0301000080010007800e008"
    "0800200048003000180049c40");

}  // namespace

// IKE1-025; req: rfc2409-4-10, rfc2409-5-14
TEST_CASE("ike-scan's offer of groups by their parts is read, and answered as it was written",
          "[ike][proposals][new_group][IKE1-025]") {
    struct row {
        const char* what;
        std::string_view suite;
        std::size_t least_field;
        std::uint8_t transform;  ///< the one that is taken; 0: none
    };
    const auto r = GENERATE(values<row>({
        {"a binary one, by the policy's sizes", "aes128-sha256-inline", 155, 1},
        {"none of so few bits, and so the prime one", "aes128-sha256-inline", 163, 2},
        {"its own, which comes second", "aes128-sha256-inline40000", 155, 2},
        {"a number that nobody agreed on", "aes128-sha256-group40000, aes128-sha256-modp2048", 155, 0},
        {"none of them", "aes256-sha256-inline", 155, 0},
    }));
    CAPTURE(r.what);
    const octets prime = v1::to_octets(crypto::prime_of(crypto::group_id::modp768));
    auto c = ike_config(false);
    auto& p = c.peers[0];
    p.suites = *v1::parse_ike_suites(r.suite);
    p.private_groups = {{crypto::group_id{40000}, crypto::modp_parameters{prime, unhex("05"), {}}}};
    p.new_group_limits = {.least_modp_bits = 768, .least_field_bits = r.least_field};
    const auto h = isakmp::header::parse(message_1);
    REQUIRE(h);
    REQUIRE(h->length == message_1.size());
    const auto chain = isakmp::chain::parse(h->next_payload, byte_view{message_1}.subspan(isakmp::header::size));
    REQUIRE(chain);
    const octets sa = v1::to_octets(chain->find(isakmp::payload_type::security_association)->body);
    const auto tree = isakmp::sa_tree::parse(sa);
    REQUIRE(tree);
    const auto transforms = tree->transforms(tree->proposals()[0]);
    REQUIRE(transforms.size() == 3);
    const auto third = crypto::binary_group_of(crypto::group_id::ec2n155);
    CHECK(v1::read_group(transforms[0].value.attributes) ==
          crypto::private_group{crypto::ec2n_parameters{155,
                                                        v1::to_octets(third.polynomial),
                                                        v1::to_octets(third.generator),
                                                        {},
                                                        unhex("00"),
                                                        v1::to_octets(third.b),
                                                        v1::to_octets(third.curve_order)}});
    CHECK(v1::read_group(transforms[1].value.attributes) == p.private_groups[0].parts);

    identity_ends ends{ike_config(true), std::move(c)};
    ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), message_1);
    ends.flush(ends.right, testing::side::right);
    CHECK(ends.right.record.count(ike::errc::no_proposal_chosen) == (r.transform == 0 ? 1 : 0));
    REQUIRE(ends.sent.size() == 1);
    if (r.transform == 0) return;
    const byte_view answer = ends.sent[0].octets;
    const auto back = isakmp::chain::parse(isakmp::header::parse(answer)->next_payload, answer.subspan(isakmp::header::size));
    REQUIRE(back);
    const octets body = v1::to_octets(back->find(isakmp::payload_type::security_association)->body);
    const auto said = isakmp::sa_tree::parse(body);
    REQUIRE(said);
    const auto chosen = said->transforms(said->proposals()[0]);
    REQUIRE(chosen.size() == 1);
    CHECK(chosen[0].value.number == r.transform);
    CHECK(hex(chosen[0].value.attributes.octets()) == hex(transforms[r.transform - 1U].value.attributes.octets()));
}
