// Groups 3 and 4 against OpenSSL's Oakley-EC2N-3 and Oakley-EC2N-4, where its library is there.
#include "ipsec/crypto/public_value.hpp"
#include "support/catch.hpp"
#include "crypto/vectors.hpp"

#ifdef IPSECPP_WITH_OPENSSL
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#endif

using namespace ipsec;
using namespace ipsec::crypto;

#ifdef IPSECPP_WITH_OPENSSL
namespace {
template <auto Free>
struct freed {
    template <class T> void operator()(T* p) const { Free(p); }
};
using bignum = std::unique_ptr<BIGNUM, freed<BN_free>>;
using group = std::unique_ptr<EC_GROUP, freed<EC_GROUP_free>>;
using point = std::unique_ptr<EC_POINT, freed<EC_POINT_free>>;

auto from(byte_view v) -> bignum {
    return bignum{BN_bin2bn(reinterpret_cast<const unsigned char*>(v.data()), static_cast<int>(v.size()), nullptr)};
}
auto to(const BIGNUM* n, std::size_t size) -> test::octets {
    test::octets out(size);
    REQUIRE(BN_bn2binpad(n, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(size)) == static_cast<int>(size));
    return out;
}
/// The x coordinate of k times `base`, or of k times the generator.
auto times(const EC_GROUP* g, const EC_POINT* base, byte_view k, std::size_t size) -> test::octets {
    const point product{EC_POINT_new(g)};
    const auto n = from(k);
    REQUIRE(EC_POINT_mul(g, product.get(), base == nullptr ? n.get() : nullptr, base, base == nullptr ? nullptr : n.get(),
                         nullptr) == 1);
    const bignum x{BN_new()};
    REQUIRE(EC_POINT_get_affine_coordinates(g, product.get(), x.get(), nullptr, nullptr) == 1);
    return to(x.get(), size);
}
}  // namespace
#endif

TEST_CASE("groups 3 and 4 are OpenSSL's", "[crypto][ec2n][openssl]") {
#ifndef IPSECPP_WITH_OPENSSL
    WARN("skipped: OpenSSL's libcrypto is not there (Debian: libssl-dev)");
#else
    struct row {
        group_id id;
        int theirs;
    };
    const auto r = GENERATE(values<row>({{group_id::ec2n155, NID_ipsec3}, {group_id::ec2n185, NID_ipsec4}}));
    const group g{EC_GROUP_new_by_curve_name(r.theirs)};
    if (g == nullptr) {
        WARN("skipped: this OpenSSL was built without curves over GF(2^m)");
        return;
    }
    const auto ours = binary_group_of(r.id);
    const auto curve = curve_of(ours).value();
    const auto size = find(r.id)->size();

    // What OpenSSL calls the order is that of the generator, 4 and 2 times a prime; its cofactor is what is left of the curve's
    // order, 3 and 2. The RFCs' Group Order is the curve's.
    CHECK(to(EC_GROUP_get0_order(g.get()), size) == test::joined({test::octets(size - ours.order.size()), ours.order}));
    const bignum whole{BN_dup(EC_GROUP_get0_order(g.get()))};
    REQUIRE(BN_mul_word(whole.get(), BN_get_word(EC_GROUP_get0_cofactor(g.get()))) == 1);
    CHECK(to(whole.get(), size) == test::octets(ours.curve_order.begin(), ours.curve_order.end()));
    CHECK(BN_get_word(EC_GROUP_get0_cofactor(g.get())) == (r.id == group_id::ec2n155 ? 3U : 2U));

    test::counting_rng random;
    for (int i = 0; i < 12; ++i) {
        test::octets a(size), b(size), mine(size);
        (void)random.fill(a);
        (void)random.fill(b);
        REQUIRE(multiply(curve, a, ours.generator, mine));
        CHECK(mine == times(g.get(), nullptr, a, size));
        // Their point of our x, with either y; our secret from it is theirs.
        const auto peer = times(g.get(), nullptr, b, size);
        CHECK(check_public_value(r.id, peer).has_value());
        const auto x = from(peer);
        for (const int y_bit : {0, 1}) {
            const point p{EC_POINT_new(g.get())};
            REQUIRE(EC_POINT_set_compressed_coordinates(g.get(), p.get(), x.get(), y_bit, nullptr) == 1);
            REQUIRE(multiply(curve, a, peer, mine));
            CHECK(mine == times(g.get(), p.get(), a, size));
        }
    }
    // What is on the curve is decided alike.
    std::size_t on = 0;
    for (unsigned v = 1; v < 200; ++v) {
        test::octets x(size);
        x[size - 1] = static_cast<std::byte>(v);
        x[size / 2] = static_cast<std::byte>(v * 37);
        const auto n = from(x);
        const point p{EC_POINT_new(g.get())};
        const bool theirs = EC_POINT_set_compressed_coordinates(g.get(), p.get(), n.get(), 0, nullptr) == 1;
        CHECK(curve.is_on_curve(curve.field().from(x).value()) == theirs);
        on += theirs ? 1 : 0;
    }
    CHECK(on > 60);
    CHECK(on < 140);
#endif
}
