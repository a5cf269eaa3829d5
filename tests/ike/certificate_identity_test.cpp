// Identities of phase 1 held against what a certificate says, by RFC 4945 §3.1.
#include "ipsec/ike/certificate_identity.hpp"

#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
using namespace ipsec::ike;

namespace {

using octets = std::vector<std::byte>;
using test::unhex;

auto tlv(unsigned tag, const octets& content) -> octets {
    octets out{static_cast<std::byte>(tag), static_cast<std::byte>(content.size())};
    out.insert(out.end(), content.begin(), content.end());
    return out;
}
auto joined(const std::vector<octets>& parts) -> octets {
    octets out;
    for (const auto& p : parts) out.insert(out.end(), p.begin(), p.end());
    return out;
}
auto text(std::string_view s) -> octets {
    const auto b = std::as_bytes(std::span{s});
    return {b.begin(), b.end()};
}
/// A Name of one attribute 2.5.4.`arc` for each pair, strings with `tag`.
auto name(const std::vector<std::pair<unsigned, std::string_view>>& parts, unsigned tag = 0x0c) -> octets {
    std::vector<octets> sets;
    for (const auto& [arc, value] : parts)
        sets.push_back(
            tlv(0x31, tlv(0x30, joined({tlv(6, {0x55_b, 0x04_b, static_cast<std::byte>(arc)}), tlv(tag, text(value))}))));
    return tlv(0x30, joined(sets));
}
auto id_of(id_type type, const octets& data) -> identity { return identity::of_octets(type, data).value(); }
auto id_of(id_type type, std::string_view data) -> identity { return id_of(type, text(data)); }

const auto subject = name({{6, "US"}, {10, "Foobar Inc."}, {11, "Engineering"}, {3, "gw.example.org"}});
const auto v4 = unhex("c0000201"), v6 = unhex("20010db8000000000000000000000001");

auto certificate() -> crypto::certified {
    return {.subject = subject,
            .names = {{1, v4},
                      {2, text("gw.example.org")},
                      {2, text("*.wild.example")},
                      {3, text("admin@Example.org")},
                      {5, v6},
                      {9, name({{3, "another name"}})}}};
}

}  // namespace

// req: rfc4945-3.1-2, rfc4945-3.1-4, rfc4945-3.1.1-3, rfc4945-3.1.1-4, rfc4945-3.1.1-6, rfc4945-3.1.1-8, rfc4945-3.1.2-3
// req: rfc4945-3.1.2-5, rfc4945-3.1.2-6, rfc4945-3.1.3-3, rfc4945-3.1.3-5, rfc4945-3.1.3-6, rfc4945-3.1.5-1, rfc4945-3.1.5-6
// req: rfc4945-3.1.8-1, rfc4945-3.1.9-3, rfc4945-5.1.3.6-5, rfc4945-5.1.3.6-10, rfc4945-5.1.3.6-12, rfc2408-1.3-m2
TEST_CASE("an identity is certified by the name of its own kind, whole, and by nothing else",
          "[ike][certificate_identity][cve-42]") {
    struct row {
        const char* what;
        identity id;
        bool expected;
    };
    auto similar = v4;
    similar.back() = 0x02_b;
    const std::vector<row> rows{
        {"IPv4 address", id_of(id_type::ipv4_addr, v4), true},
        {"another IPv4 address", id_of(id_type::ipv4_addr, similar), false},
        {"IPv6 address", id_of(id_type::ipv6_addr, v6), true},
        {"another IPv6 address", id_of(id_type::ipv6_addr, octets(16)), false},
        {"the address as text", id_of(id_type::fqdn, "192.0.2.1"), false},
        {"FQDN", id_of(id_type::fqdn, "gw.example.org"), true},
        {"FQDN in other case", id_of(id_type::fqdn, "GW.Example.ORG"), true},
        {"part of the FQDN", id_of(id_type::fqdn, "example.org"), false},
        {"more than the FQDN", id_of(id_type::fqdn, "www.gw.example.org"), false},
        {"an FQDN that a pattern would take", id_of(id_type::fqdn, "a.wild.example"), false},
        {"the pattern itself is a name like any other", id_of(id_type::fqdn, "*.wild.example"), true},
        {"FQDN with a pattern in the identity", id_of(id_type::fqdn, "*.example.org"), false},
        {"the FQDN as a mail address", id_of(id_type::user_fqdn, "gw.example.org"), false},
        {"mail address", id_of(id_type::user_fqdn, "admin@Example.org"), true},
        {"mail address in other case", id_of(id_type::user_fqdn, "Admin@example.ORG"), true},
        {"another mail address", id_of(id_type::user_fqdn, "root@example.org"), false},
        {"the mail address as an FQDN", id_of(id_type::fqdn, "admin@example.org"), false},
        {"the subject", id_of(id_type::der_asn1_dn, subject), true},
        {"a name of subjectAltName", id_of(id_type::der_asn1_dn, name({{3, "another name"}})), true},
        {"part of the subject", id_of(id_type::der_asn1_dn, name({{6, "US"}, {10, "Foobar Inc."}})), false},
        {"the subject in another encoding",
         id_of(id_type::der_asn1_dn, name({{6, "US"}, {10, "Foobar Inc."}, {11, "Engineering"}, {3, "gw.example.org"}}, 0x13)),
         false},
        {"a subnet", id_of(id_type::ipv4_addr_subnet, joined({v4, octets(4, 0xff_b)})), false},
        {"a range", id_of(id_type::ipv4_addr_range, joined({v4, v4})), false},
        {"a general name", id_of(id_type::der_asn1_gn, tlv(0x82, text("gw.example.org"))), false},
        {"a key id", id_of(id_type::key_id, "gw.example.org"), false},
    };
    for (const auto& r : rows) {
        CAPTURE(r.what);
        CHECK(is_certified(r.id, certificate()) == r.expected);
    }
    // A host's name in the subject alone is no name of the host, and an empty subject is nobody's identity.
    crypto::certified bare = certificate();
    bare.names.clear();
    CHECK_FALSE(is_certified(id_of(id_type::fqdn, "gw.example.org"), bare));
    CHECK(is_certified(id_of(id_type::der_asn1_dn, subject), bare));
    bare.subject = unhex("3000");
    CHECK_FALSE(is_certified(id_of(id_type::der_asn1_dn, unhex("3000")), bare));
    bare.subject = {};
    CHECK_FALSE(is_certified(id_of(id_type::der_asn1_dn, unhex("3000")), bare));
}

// req: rfc4945-3.1.1-7, rfc4945-3.1.1-9, rfc4945-3.1.1-11, rfc4945-3.1.1-12, rfc4945-3.1.1-15, rfc4945-3.1.1-16, rfc4945-3.1.1-18
// req: rfc4945-3.1.1-20, rfc4945-3.1.2-4, rfc4945-3.1.2-7, rfc4945-3.1.2-9, rfc4945-3.1.3-4, rfc4945-3.1.3-7, rfc4945-3.1.3-9
// req: rfc4945-3.1.5-4, rfc4945-5.1-1, rfc4945-7.3-1
TEST_CASE("all checks of an identity are on unless policy turns them off", "[ike][certificate_identity]") {
    const auto here = ip::parse_address("192.0.2.1").value(), elsewhere = ip::parse_address("192.0.2.9").value();
    const auto six = ip::parse_address("2001:db8::1").value();
    const auto fqdn = id_of(id_type::fqdn, "gw.example.org"), stranger = id_of(id_type::fqdn, "other.example.org");
    const auto mail = id_of(id_type::user_fqdn, "other@example.org"), dn = id_of(id_type::der_asn1_dn, name({{3, "other"}}));
    const auto four = id_of(id_type::ipv4_addr, v4), other_four = id_of(id_type::ipv4_addr, unhex("c0000209"));
    const auto c = certificate();
    struct row {
        const char* what;
        identity id;
        ip::address source;
        identity_policy policy;
        bool expected;
    };
    const std::vector<row> rows{
        {"a name from anywhere", fqdn, elsewhere, {}, true},
        {"a name that is not certified", stranger, here, {}, false},
        {"a mail address that is not certified", mail, here, {}, false},
        {"a distinguished name that is not certified", dn, here, {}, false},
        {"a name that need not be certified", stranger, here, {.skip_certificate = true}, true},
        {"an address from itself", four, here, {}, true},
        {"an address from elsewhere", four, elsewhere, {}, false},
        {"an address from elsewhere, behind a NAT", four, elsewhere, {.skip_address = true}, true},
        {"an address of the other family", id_of(id_type::ipv6_addr, v6), here, {}, false},
        {"an IPv6 address from itself", id_of(id_type::ipv6_addr, v6), six, {}, true},
        {"an address that is not certified, from itself", other_four, elsewhere, {}, false},
        {"the same, where it need not be", other_four, elsewhere, {.skip_certificate = true}, true},
        {"an address from elsewhere where it need not be certified", other_four, here, {.skip_certificate = true}, false},
    };
    for (const auto& r : rows) {
        CAPTURE(r.what);
        const auto verdict = check_identity(r.id, c, r.source, r.policy);
        CHECK(verdict.has_value() == r.expected);
        if (!verdict) CHECK(verdict.error() == errc::identity_mismatch);
    }
}

// req: rfc4945-3.1-11, rfc4945-3.1.5-7, rfc4945-3.1.5-8
TEST_CASE("distinguished names: whole, by attributes, and by values where policy says so", "[ike][certificate_identity]") {
    CHECK(same_dn(subject, subject));
    CHECK(has_attribute(subject, dn_attribute::country, "US"));
    CHECK(has_attribute(subject, dn_attribute::organization, "Foobar Inc."));
    CHECK(has_attribute(subject, dn_attribute::organizational_unit, "Engineering"));
    CHECK(has_attribute(subject, dn_attribute::common_name, "gw.example.org"));
    CHECK_FALSE(has_attribute(subject, dn_attribute::common_name, "US"));
    CHECK_FALSE(has_attribute(subject, dn_attribute::organization, "Foobar"));
    CHECK_FALSE(has_attribute(subject, dn_attribute::organization, "FOOBAR Inc."));
    struct row {
        const char* what;
        octets other;
        bool expected;
    };
    const std::vector<row> rows{
        {"another kind of string", name({{6, "US"}, {10, "Foobar Inc."}, {11, "Engineering"}, {3, "gw.example.org"}}, 0x13),
         true},
        {"other case and blanks", name({{6, "us"}, {10, "  foobar   inc. "}, {11, "ENGINEERING"}, {3, "gw.example.org"}}), true},
        {"a blank more inside", name({{6, "US"}, {10, "Foo bar Inc."}, {11, "Engineering"}, {3, "gw.example.org"}}), false},
        {"another order", name({{10, "Foobar Inc."}, {6, "US"}, {11, "Engineering"}, {3, "gw.example.org"}}), false},
        {"an attribute less", name({{6, "US"}, {10, "Foobar Inc."}, {11, "Engineering"}}), false},
        {"an attribute more", name({{6, "US"}, {10, "Foobar Inc."}, {11, "Engineering"}, {3, "gw.example.org"}, {3, "x"}}),
         false},
        {"another attribute with this value", name({{6, "US"}, {10, "Foobar Inc."}, {10, "Engineering"}, {3, "gw.example.org"}}),
         false},
        {"nothing", {}, false},
        {"an empty name", unhex("3000"), false},
        {"no name", unhex("30020500"), false},
    };
    for (const auto& r : rows) {
        CAPTURE(r.what);
        CHECK(same_dn(subject, r.other, true) == r.expected);
        CHECK(same_dn(r.other, subject, true) == r.expected);
        CHECK_FALSE(same_dn(subject, r.other));
    }
    CHECK(is_certified(id_of(id_type::der_asn1_dn, rows[0].other), certificate(), {.values_of_names = true}));
    CHECK_FALSE(is_certified(id_of(id_type::der_asn1_dn, rows[2].other), certificate(), {.values_of_names = true}));
    // Cut anywhere it is no name, and says nothing.
    for (std::size_t n = 0; n < subject.size(); ++n) {
        const auto cut = byte_view{subject}.first(n);
        CHECK_FALSE(same_dn(cut, subject, true));
        CHECK_FALSE(has_attribute(cut, dn_attribute::country, "US"));
    }
}
