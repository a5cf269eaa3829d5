// Groups by their parts as attributes of a transform.
#include "ipsec/ike/v1/group_attributes.hpp"

#include "ipsec/crypto/ec2n_groups.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
using namespace ipsec::ike;
using isakmp::oakley_attribute;

namespace {
using octets = std::vector<std::byte>;
auto of(byte_view v) -> octets { return {v.begin(), v.end()}; }

auto modp() -> crypto::modp_parameters { return {of(crypto::prime_of(crypto::group_id::modp768)), test::unhex("02"), {}}; }
auto ec2n() -> crypto::ec2n_parameters {
    const auto g = crypto::binary_group_of(crypto::group_id::ec2n155);
    return {155, of(g.polynomial), of(g.generator), test::unhex("01c8"), test::unhex("00"), of(g.b), of(g.curve_order)};
}
/// The attributes of the one transform of an SA payload that `write` fills.
template <class Write>
auto attributes(octets& room, Write write) -> isakmp::attribute_list {
    room.assign(8192, {});
    isakmp::builder b{room};
    b.sa().proposal(1, isakmp::protocol_id::isakmp).transform(1, isakmp::key_ike);
    const auto before = b.chain_so_far().size();
    write(b);
    const auto all = b.finish();
    REQUIRE(all.has_value());
    return isakmp::attribute_list::parse(byte_view{*all}.subspan(before)).value();
}
auto read(const crypto::private_group& g, octets& room) {
    return v1::read_group(attributes(room, [&](isakmp::builder& b) { v1::write_group(b, g); }));
}
template <class Write>
auto fault_of(Write write) -> std::optional<crypto::errc> {
    octets room;
    const auto g = v1::read_group(attributes(room, write));
    if (g) return std::nullopt;
    return g.error();
}
}  // namespace

TEST_CASE("a group that is written as attributes is read back", "[ike][group_attributes]") {
    octets room;
    auto with_order = modp();
    with_order.order = test::unhex("0123456789");
    auto bare = ec2n();
    bare.generator_y.clear();
    bare.order.clear();
    auto short_curve = ec2n();
    short_curve.polynomial = test::unhex("0800000000000000000000004000000000000001");
    for (const crypto::private_group& g :
         std::vector<crypto::private_group>{modp(), with_order, ec2n(), bare, short_curve}) {
        const auto back = read(g, room);
        REQUIRE(back.has_value());
        // Numbers come without leading zeros; the values are the same.
        octets again_room;
        const auto again = read(*back, again_room);
        CHECK(again == back);
        CHECK(back->index() == g.index());
    }
    const auto m = std::get<crypto::modp_parameters>(read(modp(), room).value());
    CHECK(m == modp());
    const auto e = std::get<crypto::ec2n_parameters>(read(ec2n(), room).value());
    CHECK(e.field_size == 155);
    CHECK(test::hex(e.polynomial) == "0800000000000000000000004000000000000001");
    CHECK(test::hex(e.generator_x) == "7b");
    CHECK(test::hex(e.generator_y) == "01c8");
    CHECK(test::hex(e.curve_a) == "00");
    CHECK(test::hex(e.curve_b) == "07338f");
    CHECK(test::hex(e.order) == "0800000000000000000057db5698537193aef944");
}

TEST_CASE("what stands beside a group is passed over, and parts are told from the rest", "[ike][group_attributes]") {
    octets room;
    const auto list = attributes(room, [](isakmp::builder& b) {
        b.number(oakley_attribute::encryption_algorithm, 5U).number(oakley_attribute::hash_algorithm, 2U);
        v1::write_group(b, modp());
        b.number(oakley_attribute::life_type, 1U).number(oakley_attribute::life_duration, 3600U);
    });
    CHECK(v1::has_group_parts(list));
    CHECK(v1::read_group(list) == crypto::private_group{modp()});
    octets other;
    CHECK_FALSE(v1::has_group_parts(
        attributes(other, [](isakmp::builder& b) { b.number(oakley_attribute::group_description, 2U).number(16385U, 1U); })));
    std::size_t parts = 0;
    for (std::uint16_t t = 0; t < 40; ++t) parts += v1::is_group_part(t) ? 1 : 0;
    CHECK(parts == 8);
}

TEST_CASE("an order of zero stands for none, and small numbers may come as basic attributes", "[ike][group_attributes]") {
    octets room;
    const auto list = attributes(room, [](isakmp::builder& b) {
        b.number(oakley_attribute::group_type, 1U)
            .variable(oakley_attribute::group_prime, modp().prime)
            .number(oakley_attribute::group_generator_one, 2U)  // basic: two octets
            .number(oakley_attribute::field_size, 768U)
            .variable(oakley_attribute::group_order, test::unhex("0000"));
    });
    CHECK(v1::read_group(list) == crypto::private_group{modp()});
}

// req: rfc2409-4-10, rfc2409-A-1
TEST_CASE("a group with a part missing, doubled, out of place or too long is none", "[ike][group_attributes]") {
    using crypto::errc;
    const auto put = [](isakmp::builder& b, oakley_attribute t, byte_view v) { b.variable(t, v); };
    CHECK(fault_of([](isakmp::builder&) {}) == errc::bad_group);
    CHECK(fault_of([](isakmp::builder& b) { b.number(oakley_attribute::group_type, 1U); }) == errc::bad_group);
    for (const oakley_attribute missing : {oakley_attribute::group_type, oakley_attribute::group_prime,
                                           oakley_attribute::group_generator_one}) {
        CAPTURE(isakmp::name_of(missing));
        CHECK(fault_of([&](isakmp::builder& b) {
                  if (missing != oakley_attribute::group_type) b.number(oakley_attribute::group_type, 1U);
                  if (missing != oakley_attribute::group_prime) put(b, oakley_attribute::group_prime, modp().prime);
                  if (missing != oakley_attribute::group_generator_one)
                      put(b, oakley_attribute::group_generator_one, modp().generator);
              }) == errc::bad_group);
    }
    // A field size is among the attributes and not among the parts of RFC 2409 §5.6: it follows from the polynomial.
    for (const oakley_attribute missing : {oakley_attribute::field_size, oakley_attribute::group_curve_a,
                                           oakley_attribute::group_curve_b}) {
        CAPTURE(isakmp::name_of(missing));
        const auto e = ec2n();
        const auto fault = missing == oakley_attribute::field_size ? std::nullopt : std::optional{errc::bad_group};
        CHECK(fault_of([&](isakmp::builder& b) {
                  b.number(oakley_attribute::group_type, 3U);
                  put(b, oakley_attribute::group_prime, e.polynomial);
                  put(b, oakley_attribute::group_generator_one, e.generator_x);
                  if (missing != oakley_attribute::field_size) b.number(oakley_attribute::field_size, 155U);
                  if (missing != oakley_attribute::group_curve_a) put(b, oakley_attribute::group_curve_a, e.curve_a);
                  if (missing != oakley_attribute::group_curve_b) put(b, oakley_attribute::group_curve_b, e.curve_b);
              }) == fault);
    }
    struct row {
        const char* what;
        oakley_attribute type;
        octets value;
        std::optional<errc> fault;
    };
    for (const row& r : std::vector<row>{
             {"the same prime again", oakley_attribute::group_prime, modp().prime, std::nullopt},
             {"another prime", oakley_attribute::group_prime, test::unhex("17"), errc::bad_group},
             {"another generator", oakley_attribute::group_generator_one, test::unhex("03"), errc::bad_group},
             {"an empty generator", oakley_attribute::group_generator_one, {}, errc::bad_group},
             {"a second generator", oakley_attribute::group_generator_two, test::unhex("03"), errc::bad_group},
             {"a curve", oakley_attribute::group_curve_a, test::unhex("00"), errc::bad_group},
             {"the rest of a curve", oakley_attribute::group_curve_b, test::unhex("01"), errc::bad_group},
             {"an order longer than any group", oakley_attribute::group_order, octets(1026, std::byte{1}), errc::bad_group},
             {"a basic attribute as a variable one", oakley_attribute::field_size, test::unhex("0300"), errc::bad_group}}) {
        CAPTURE(r.what);
        CHECK(fault_of([&](isakmp::builder& b) {
                  v1::write_group(b, modp());
                  put(b, r.type, r.value);
              }) == r.fault);
    }
    CHECK(fault_of([](isakmp::builder& b) {
              v1::write_group(b, modp());
              b.number(oakley_attribute::field_size, 767U);
          }) == errc::bad_group);
    CHECK(fault_of([](isakmp::builder& b) {
              auto e = ec2n();
              e.field_size = 154;
              v1::write_group(b, e);
          }) == errc::bad_group);
    for (const unsigned type : {2U, 4U, 65001U})
        CHECK(fault_of([&](isakmp::builder& b) {
                  b.number(oakley_attribute::group_type, type);
                  put(b, oakley_attribute::group_prime, modp().prime);
                  put(b, oakley_attribute::group_generator_one, modp().generator);
              }) == errc::unknown_group);
}
