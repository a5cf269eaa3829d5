// Public key encryption in a group by its parts: the public value is looked at where it is read, in the clear or decrypted.
//                                                                                             RFC 2409 §5.2, §5.3, §5.6
#include "support/catch.hpp"
#include "support/group_scene.hpp"
#include "support/sealing_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using namespace ipsec::test::own;

namespace {

auto configured(bool left, isakmp::oakley_authentication method, const crypto::private_group& g) -> v1::config {
    auto c = ike_config(left);
    auto& p = c.peers[0];
    p.psk = {};
    p.suites = {{crypto::encryption_id::aes_cbc, 128, crypto::hash_id::sha1, own_number, method, true}};
    p.private_groups = {{own_number, g}};
    p.new_group_limits = {.least_modp_bits = 768, .least_field_bits = 150, .rounds = 2};
    p.keys.decrypt_with.push_back({crypto::decryption_key{left ? 0U : 1U}, {}});
    p.keys.peer_keys.push_back({method, {pki::spki(left ? keys::rsa_2048_pkcs8 : keys::rsa_2048)}, {}});
    return c;
}

}  // namespace

// IKE1-025; req: rfc2409-5-6
TEST_CASE("both modes of encryption work in a group by its parts", "[ike][main_mode][encryption][new_group][IKE1-025]") {
    const auto method =
        GENERATE(isakmp::oakley_authentication::rsa_encryption, isakmp::oakley_authentication::revised_rsa_encryption);
    const bool binary = GENERATE(false, true);
    CAPTURE(binary, isakmp::name_of(method));
    const auto g = binary ? ec2n() : modp("05", crypto::group_id::modp768);
    sealing_ends ends{configured(true, method, g), configured(false, method, g)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(2)));
    REQUIRE(ends.left.established.size() == 1);
    REQUIRE(ends.right.established.size() == 1);
    CHECK(ends.left.established[0].suite.by_parts);
    CHECK(ends.left.failures.empty());
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
}
