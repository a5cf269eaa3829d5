#include "ipsec/isakmp/offer.hpp"

#include "ipsec/isakmp/builder.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
using namespace ipsec::isakmp;
using test::unhex;

namespace {
struct row {
    const char* what;
    const char* octets;  ///< attributes
    std::optional<errc> fault;
};
auto with(transform_number id, const std::vector<std::byte>& attributes) -> transform {
    return {.number = 1, .id = id, .attributes = attribute_list::parse(attributes).value()};
}
template <class R>
auto fault_of(const R& r) -> std::optional<errc> {
    return r ? std::nullopt : std::optional{r.error()};
}
}  // namespace

TEST_CASE("a phase 1 transform is read by its attributes", "[isakmp][offer]") {
    // req: rfc2409-A-1, rfc2409-A-5, rfc2407-4.5-3
    const auto r = GENERATE(values<row>({
        {"3DES, MD5, PSK, group 2", "80010005 80020001 80030001 80040002", {}},
        {"AES-128", "80010007 800e0080 80020002 80030001 8004000e", {}},
        {"AES without key length", "80010007 80020002 80030001 8004000e", errc::missing_attribute},
        {"3DES with key length", "80010005 800e00c0 80020001 80030001 80040002", errc::bad_attribute_value},
        {"Blowfish without key length", "80010003 80020001 80030001 80040002", {}},
        {"an unassigned cipher is the caller's to judge", "80010fff 80020001 80030001 80040002", {}},
        {"no encryption", "80020001 80030001 80040002", errc::missing_attribute},
        {"no hash", "80010005 80030001 80040002", errc::missing_attribute},
        {"no authentication", "80010005 80020001 80040002", errc::missing_attribute},
        {"no group", "80010005 80020001 80030001", errc::missing_attribute},
        {"no attributes", "", errc::missing_attribute},
        {"encryption 0", "80010000 80020001 80030001 80040002", errc::bad_attribute_value},
        {"group 0", "80010005 80020001 80030001 80040000", errc::bad_attribute_value},
        {"key length 0", "80010007 800e0000 80020002 80030001 8004000e", errc::bad_attribute_value},
        {"a basic class as variable", "000100020005 80020001 80030001 80040002", errc::basic_as_variable},
        {"a class of nobody", "80010005 80020001 80030001 80040002 80110001", errc::unknown_attribute},
        {"a private class", "80010005 80020001 80030001 80040002 c0010001", errc::unknown_attribute},
        {"one class twice, same value", "80010005 80010005 80020001 80030001 80040002", {}},
        {"one class twice, other value", "80010005 80010007 80020001 80030001 80040002", errc::doubled_attribute},
        {"seconds, basic", "80010005 80020001 80030001 80040002 800b0001 800c7080", {}},
        {"seconds and kilobytes", "80010005 80020001 80030001 80040002 800b0001 000c000400015180 800b0002 000c0004000186a0", {}},
        {"seconds twice", "80010005 80020001 80030001 80040002 800b0001 800c7080 800b0001 800c7081", errc::doubled_attribute},
        {"duration first", "80010005 80020001 80030001 80040002 800c7080 800b0001", errc::unpaired_lifetime},
        {"type alone", "80010005 80020001 80030001 80040002 800b0001", errc::unpaired_lifetime},
        {"two types", "80010005 80020001 80030001 80040002 800b0001 800b0002 800c7080", errc::unpaired_lifetime},
        {"life type 3", "80010005 80020001 80030001 80040002 800b0003 800c7080", errc::bad_attribute_value},
        {"duration 0", "80010005 80020001 80030001 80040002 800b0001 800c0000", errc::bad_attribute_value},
        {"duration of 9 octets", "80010005 80020001 80030001 80040002 800b0001 000c0009010000000000000000",
         errc::bad_attribute_value},
        {"a group by its parameters", "80010005 80020001 80030001 80050001 000600020017 0007000105", {}},
        {"an empty prime", "80010005 80020001 80030001 80050001 00060000", errc::bad_attribute_value},
    }));
    CAPTURE(r.what);
    const auto octets = unhex(r.octets);
    CHECK(fault_of(read_phase1(with(key_ike, octets))) == r.fault);
    CHECK(fault_of(read_phase1(with(2, octets))) == errc::bad_transform_id);
}

TEST_CASE("a phase 1 offer says what it read", "[isakmp][offer]") {
    const auto octets = unhex("80010007 800e0100 80020004 80030001 8004000e 800b0001 000c000400015180 800b0002 800c03e8");
    const auto o = read_phase1(with(key_ike, octets));
    REQUIRE(o);
    CHECK(o->encryption == oakley_encryption::aes_cbc);
    CHECK(o->key_length == 256);
    CHECK(o->hash == oakley_hash::sha2_256);
    CHECK(o->authentication == oakley_authentication::pre_shared_key);
    CHECK(o->group == crypto::group_id::modp2048);
    CHECK(o->life.seconds == 86400);
    CHECK(o->life.kilobytes == 1000);
    CHECK_FALSE(o->parameters.is_said());
}

TEST_CASE("offers are equal by what they agree to, not by order or encoding", "[isakmp][offer]") {
    // req: rfc2409-5-14, rfc2409-A-3
    const auto a = unhex("80010005 80020001 80030001 80040002 800b0001 800c7080");
    const auto b = unhex("800b0001 000c000400007080 80040002 80030001 80020001 80010005");
    const auto c = unhex("80010005 80020001 80030001 80040002 800b0001 800c7081");
    CHECK(*read_phase1(with(key_ike, a)) == *read_phase1(with(key_ike, b)));
    CHECK_FALSE(*read_phase1(with(key_ike, a)) == *read_phase1(with(key_ike, c)));
}

// pitfall 37; req: rfc2407-4.5-1, rfc2407-4.5.2-2, rfc2407-4.5.3-1
// cve-26
// req: rfc2407-4.5-m2, rfc2407-4.5-m3
TEST_CASE("a phase 2 transform is read under its protocol", "[isakmp][offer]") {
    // req: rfc2407-4.5-5, rfc2407-4.5-6, rfc2407-4.4.3-1, rfc4304-3-2
    struct phase2_row {
        const char* what;
        protocol_id protocol;
        transform_number id;
        const char* octets;
        std::optional<errc> fault;
    };
    using enum protocol_id;
    const auto r = GENERATE(values<phase2_row>({
        {"ESP AES-128 SHA1 tunnel", ipsec_esp, 12, "80040001 80050002 80060080", {}},
        {"ESP without authentication", ipsec_esp, 3, "80040001", {}},
        {"ESP_NULL with authentication", ipsec_esp, 11, "80040001 80050002", {}},
        {"ESP_NULL without", ipsec_esp, 11, "80040001", errc::missing_attribute},
        {"AES without key length", ipsec_esp, 12, "80050002", errc::missing_attribute},
        {"3DES with key length", ipsec_esp, 3, "80050002 800600c0", errc::bad_attribute_value},
        {"AES-GCM", ipsec_esp, 20, "80060080", {}},
        {"AES-GCM with HMAC", ipsec_esp, 20, "80060080 80050002", errc::bad_attribute_value},
        {"ESP transform 0", ipsec_esp, 0, "80050002", errc::bad_transform_id},
        {"ESP transform 17", ipsec_esp, 17, "80050002", errc::unknown_transform},
        {"ESP transform 249", ipsec_esp, 249, "80050002", errc::unknown_transform},
        {"ESP_SERPENT", ipsec_esp, 252, "80050002 80060080", {}},
        {"ESP_TWOFISH", ipsec_esp, 253, "80050002 80060100", {}},
        {"ESP transform 24", ipsec_esp, 24, "80050002", errc::unknown_transform},
        {"ESP transform 255", ipsec_esp, 255, "80050002", errc::unknown_transform},
        {"AH_AES-128-GMAC", ipsec_ah, 11, "8005000b", {}},
        {"AH_AES-192-GMAC", ipsec_ah, 12, "8005000c", {}},
        {"AH_AES-256-GMAC", ipsec_ah, 13, "8005000d", {}},
        {"AH_AES-256-GMAC with AES-128-GMAC", ipsec_ah, 13, "8005000b", errc::bad_attribute_value},
        {"AH transform 10", ipsec_ah, 10, "8005000a", errc::unknown_transform},
        {"AH_SHA", ipsec_ah, 3, "80050002", {}},
        {"AH_SHA without algorithm", ipsec_ah, 3, "", errc::missing_attribute},
        {"AH_SHA with HMAC-MD5", ipsec_ah, 3, "80050001", errc::bad_attribute_value},
        {"AH_MD5 with KPDK", ipsec_ah, 2, "80050004", {}},
        {"AH transform 1", ipsec_ah, 1, "80050002", errc::bad_transform_id},
        {"AH transform 200", ipsec_ah, 200, "80050002", errc::unknown_transform},
        {"IPCOMP_DEFLATE", ipcomp, 2, "80040001", {}},
        {"IPCOMP 0", ipcomp, 0, "80040001", errc::bad_transform_id},
        {"PROTO_ISAKMP", isakmp, 1, "80040001", errc::bad_protocol},
        {"protocol 77", protocol_id{77}, 1, "80040001", errc::bad_protocol},
        {"ESN", ipsec_esp, 12, "80050002 80060080 800b0001", {}},
        {"ESN 0", ipsec_esp, 12, "80050002 80060080 800b0000", errc::bad_attribute_value},
        {"ESN 2", ipsec_esp, 12, "80050002 80060080 800b0002", errc::bad_attribute_value},
        {"encapsulation 0", ipsec_esp, 12, "80050002 80060080 80040000", errc::bad_attribute_value},
        {"encapsulation twice", ipsec_esp, 12, "80050002 80060080 80040001 80040002", errc::doubled_attribute},
        {"class 12", ipsec_esp, 12, "80050002 80060080 800c0001", errc::unknown_attribute},
        {"basic as variable", ipsec_esp, 12, "80050002 000600020080", errc::basic_as_variable},
        // the example of RFC 2407 §4.5.2; req: rfc2407-4.5.2-1
        {"two lifetimes", ipsec_esp, 3, "80010001 00020004 00015180 80010002 00020004 000186a0", {}},
        {"two lifetimes of one kind", ipsec_esp, 3, "80010001 80020010 80010001 80020011", errc::doubled_attribute},
        {"duration alone", ipsec_esp, 3, "80020010", errc::unpaired_lifetime},
    }));
    CAPTURE(r.what);
    const auto octets = unhex(r.octets);
    CHECK(fault_of(read_phase2(r.protocol, with(r.id, octets))) == r.fault);
}

// req: rfc2407-4.4.3-3, rfc2407-4.4.4-3
TEST_CASE("every number of the table of algorithms reads as a transform, and has a name", "[isakmp][offer]") {
    for (const auto& e : crypto::encryption_algorithms) {
        if (e.esp_v1 == 0) continue;
        CAPTURE(e.name, e.suffix);
        std::string attributes;
        if (!e.combined) attributes += "80050002";
        if (e.key_length_attribute) attributes += " 80060080";
        const auto octets = unhex(attributes);
        CHECK(read_phase2(protocol_id::ipsec_esp, with(e.esp_v1, octets)));
        CHECK(name_of_transform(protocol_id::ipsec_esp, e.esp_v1) != "unknown ESP transform");
    }
    for (const auto& i : crypto::integrity_algorithms) {
        if (i.ah_v1 == 0) continue;
        CAPTURE(i.name);
        std::vector<std::byte> octets{std::byte{0x80}, std::byte{5}, std::byte{0}, static_cast<std::byte>(i.auth_v1)};
        CHECK(read_phase2(protocol_id::ipsec_ah, with(i.ah_v1, octets)));
        CHECK(name_of_transform(protocol_id::ipsec_ah, i.ah_v1) != "unknown AH transform");
        CHECK(name_of(authentication_algorithm{i.auth_v1}) != "unknown authentication algorithm");
    }
}

TEST_CASE("a phase 2 offer says what it read", "[isakmp][offer]") {
    const auto octets = unhex("80040002 80050005 80060100 8003000e 80010001 00020004 00015180 800b0001");
    const auto o = read_phase2(protocol_id::ipsec_esp, with(12, octets));
    REQUIRE(o);
    CHECK(o->esp() == esp_transform::aes_cbc);
    CHECK(o->mode == encapsulation_mode::transport);
    CHECK(o->authentication == authentication_algorithm::hmac_sha2_256);
    CHECK(o->key_length == 256);
    CHECK(o->group == crypto::group_id::modp2048);
    CHECK(o->extended_sequence);
    CHECK(o->life.seconds == 86400);
    CHECK_FALSE(o->life.kilobytes);
    const auto plain = unhex("80040001");
    CHECK_FALSE(read_phase2(protocol_id::ipsec_esp, with(3, plain))->extended_sequence);
    CHECK_FALSE(read_phase2(protocol_id::ipsec_esp, with(3, plain))->life.is_said());
}

// IKE1-028; req: rfc2408-5.5-7, rfc2408-2.4-1, rfc2408-2.4-2
TEST_CASE("SPIs fit their protocol and stay out of the reserved range", "[isakmp][offer]") {
    // req: rfc2408-3.5-2, rfc2408-3.5-3
    struct spi_row {
        protocol_id protocol;
        const char* spi;
        std::optional<errc> phase1;
        std::optional<errc> phase2;
    };
    const auto r = GENERATE(values<spi_row>({
        {protocol_id::isakmp, "", {}, errc::bad_protocol},
        {protocol_id::isakmp, "0102030405060708090a0b0c0d0e0f10", {}, errc::bad_protocol},
        {protocol_id::isakmp, "0102030405060708090a0b0c0d0e0f1011", errc::bad_spi_size, errc::bad_protocol},
        {protocol_id::ipsec_esp, "c4fab33d", errc::bad_protocol, {}},
        {protocol_id::ipsec_esp, "00000100", errc::bad_protocol, {}},
        {protocol_id::ipsec_esp, "000000ff", errc::bad_protocol, errc::bad_spi},
        {protocol_id::ipsec_ah, "00000000", errc::bad_protocol, errc::bad_spi},
        {protocol_id::ipsec_ah, "c4fab3", errc::bad_protocol, errc::bad_spi_size},
        {protocol_id::ipcomp, "0102", errc::bad_protocol, {}},
        {protocol_id::ipcomp, "010203", errc::bad_protocol, errc::bad_spi_size},
        {protocol_id{0}, "c4fab33d", errc::bad_protocol, errc::bad_protocol},
    }));
    const auto spi = unhex(r.spi);
    CAPTURE(name_of(r.protocol), r.spi);
    const proposal p{.protocol = r.protocol, .spi = spi};
    CHECK(fault_of(check_phase1_proposal(p)) == r.phase1);
    CHECK(fault_of(read_phase2_spi(p)) == r.phase2);
}

// req: rfc2408-5.6-6, rfc2408-5.6-7
TEST_CASE("phase 1 has one proposal, and the first wanted transform wins", "[isakmp][offer]") {
    // req: rfc2409-5-10, rfc2409-5-11
    std::array<std::byte, 512> room{};
    const auto des3 = unhex("80010005 80020001 80030001 80040002");
    const auto aes = unhex("80010007 800e0080 80020002 80030001 8004000e");
    const auto broken = unhex("80010007");
    builder b{room};
    b.sa().proposal(1, protocol_id::isakmp);
    b.transform(1, key_ike)
        .attributes(broken)
        .transform(2, 99)
        .transform(3, key_ike)
        .attributes(des3)
        .transform(4, key_ike)
        .attributes(aes);
    const auto tree = sa_tree::parse(b.finish()->subspan(4));
    REQUIRE(tree);
    const auto p = phase1_proposal(*tree);
    REQUIRE(p);
    CHECK(choose_phase1(*tree, **p, [](const phase1_offer&) { return true; })->value.number == 3);
    CHECK(choose_phase1(*tree, **p, [](const phase1_offer& o) { return o.key_length == 128; })->value.number == 4);
    CHECK(choose_phase1(*tree, **p, [](const phase1_offer&) { return false; }) == nullptr);

    builder two{room};
    two.sa().proposal(1, protocol_id::isakmp).transform(1, 1).proposal(2, protocol_id::isakmp).transform(1, 1);
    CHECK(phase1_proposal(sa_tree::parse(two.finish()->subspan(4)).value()).error() == errc::too_many_proposals);
}
