// Every payload body: what parses, what it says, that it is emitted as it was, and what is refused as what.
#include "ipsec/isakmp/chain.hpp"
#include "ipsec/isakmp/payloads/certificate.hpp"
#include "ipsec/isakmp/payloads/delete_sa.hpp"
#include "ipsec/isakmp/payloads/hash.hpp"
#include "ipsec/isakmp/payloads/identification.hpp"
#include "ipsec/isakmp/payloads/key_exchange.hpp"
#include "ipsec/isakmp/payloads/nat_d.hpp"
#include "ipsec/isakmp/payloads/nat_oa.hpp"
#include "ipsec/isakmp/payloads/nonce.hpp"
#include "ipsec/isakmp/payloads/notification.hpp"
#include "ipsec/isakmp/payloads/signature.hpp"
#include "ipsec/isakmp/payloads/vendor_id.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
using namespace ipsec::isakmp;
using test::unhex;

namespace {

/// The fault of parsing `octets` as a P, after checking that what parses is emitted as it was.
template <class P>
auto fault_of(const std::vector<std::byte>& octets) -> std::optional<errc> {
    static_assert(payload<P>);
    const auto p = P::parse(octets);
    if (!p) return p.error();
    CHECK(p->size() == octets.size());
    std::vector<std::byte> again(octets.size());
    wire::writer w{again};
    p->emit(w);
    CHECK(w.ok());
    CHECK(test::hex(again) == test::hex(octets));
    CHECK(*p == *P::parse(again));
    return std::nullopt;
}
auto zeros(std::size_t n) -> std::vector<std::byte> { return std::vector<std::byte>(n); }

struct row {
    const char* what;
    const char* octets;
    std::optional<errc> fault;
};

}  // namespace

// pitfall 26
TEST_CASE("opaque payloads have at least one octet, nonces 8 to 256", "[isakmp][payloads]") {
    CHECK(fault_of<key_exchange>(zeros(128)) == std::nullopt);
    CHECK(fault_of<key_exchange>({}) == errc::bad_key_exchange);
    CHECK(fault_of<hash_data>(zeros(20)) == std::nullopt);
    CHECK(fault_of<hash_data>({}) == errc::bad_hash);
    CHECK(fault_of<signature_data>(zeros(256)) == std::nullopt);
    CHECK(fault_of<signature_data>({}) == errc::bad_signature);
    CHECK(fault_of<nat_d>(zeros(16)) == std::nullopt);
    CHECK(fault_of<nat_d>({}) == errc::bad_nat_d);
    CHECK(fault_of<vendor_id>(zeros(16)) == std::nullopt);
    CHECK(fault_of<vendor_id>({}) == std::nullopt);
    // req: rfc2409-5-7
    CHECK(fault_of<nonce>(zeros(7)) == errc::bad_nonce_size);
    CHECK(fault_of<nonce>(zeros(8)) == std::nullopt);
    CHECK(fault_of<nonce>(zeros(256)) == std::nullopt);
    CHECK(fault_of<nonce>(zeros(257)) == errc::bad_nonce_size);
}

// IKE1-048, cve-19; req: rfc2408-5.8-7
TEST_CASE("an identification fits its type", "[isakmp][payloads][identification]") {
    const auto r = GENERATE(values<row>({
        {"IPv4", "01 11 01f4 0a000001", {}},
        {"IPv4, three octets", "01 00 0000 0a0000", errc::bad_id_data},
        {"IPv4, five octets", "01 00 0000 0a00000102", errc::bad_id_data},
        {"FQDN", "02 00 0000 666f6f2e626172", {}},
        {"FQDN, empty", "02 00 0000", errc::bad_id_data},
        {"FQDN with terminator", "02 00 0000 666f6f00", errc::bad_id_data},
        {"USER_FQDN", "03 00 0000 6140622e63", {}},
        {"IPv4 subnet", "04 06 0050 0a000000 ffffff00", {}},
        {"IPv4 subnet, no mask", "04 06 0050 0a000000", errc::bad_id_data},
        {"IPv6", "05 00 0000 20010db8000000000000000000000001", {}},
        {"IPv6 subnet", "06 00 0000 20010db8000000000000000000000000 ffffffffffffffff0000000000000000", {}},
        {"IPv4 range", "07 00 0000 0a000001 0a000009", {}},
        {"IPv4 range of one", "07 00 0000 0a000001 0a000001", {}},
        {"IPv4 range backwards", "07 00 0000 0a000009 0a000001", errc::bad_id_data},
        {"IPv6 range backwards", "08 00 0000 20010db8000000000000000000000002 20010db8000000000000000000000001",
         errc::bad_id_data},
        {"DN", "09 00 0000 3003310100", {}},
        {"DN, trailing octet", "09 00 0000 300331010000", errc::bad_id_data},
        {"DN, cut", "09 00 0000 30033101", errc::bad_id_data},
        {"DN, empty", "09 00 0000", errc::bad_id_data},
        {"DN, long form for a short length", "09 00 0000 308103310100", errc::bad_id_data},
        {"DN, indefinite", "09 00 0000 30800000", errc::bad_id_data},
        {"DN, not a sequence", "09 00 0000 0401ff", errc::bad_id_data},
        {"GN", "0a 00 0000 8203616263", {}},
        {"GN, cut", "0a 00 0000 82036162", errc::bad_id_data},
        {"KEY_ID", "0b 00 0000 00", {}},
        {"KEY_ID, empty", "0b 00 0000", errc::bad_id_data},
        {"type 0", "00 00 0000 00", errc::bad_id_type},
        {"type 12", "0c 00 0000 00", errc::bad_id_type},
        {"cut", "01 00 00", errc::truncated},
    }));
    CAPTURE(r.what);
    CHECK(fault_of<identification>(unhex(r.octets)) == r.fault);
}

// IKE1-048, pitfall 25
TEST_CASE("a phase 1 identity names no port but 500", "[isakmp][payloads][identification]") {
    // req: rfc2407-4.6.2-2, rfc2407-4.6.2-3
    struct port_row {
        std::uint8_t protocol;
        std::uint16_t port;
        bool plain;
        bool nat;
    };
    const auto r = GENERATE(values<port_row>({{0, 0, true, true},
                                              {17, 500, true, true},
                                              {17, 0, false, true},  // req: rfc3947-4-13
                                              {17, 4500, false, true},
                                              {0, 500, false, false},
                                              {6, 500, false, false},
                                              {17, 501, false, false},
                                              {6, 0, false, false}}));
    CAPTURE(int{r.protocol}, r.port);
    identification id;
    id.protocol = r.protocol;
    id.port = r.port;
    CHECK(id.check_phase1().has_value() == r.plain);
    CHECK(id.check_phase1(true).has_value() == r.nat);
    if (!r.plain) CHECK(id.check_phase1().error() == errc::bad_id_port);
}

// req: rfc2408-5.9-7, rfc2408-5.10-7
TEST_CASE("certificates and requests have a defined encoding", "[isakmp][payloads]") {
    CHECK(fault_of<certificate>(unhex("04 3000")) == std::nullopt);
    CHECK(fault_of<certificate>(unhex("0a 30")) == std::nullopt);
    CHECK(fault_of<certificate>(unhex("04")) == errc::bad_certificate);
    CHECK(fault_of<certificate>(unhex("00 30")) == errc::bad_cert_encoding);
    CHECK(fault_of<certificate>(unhex("0b 30")) == errc::bad_cert_encoding);
    CHECK(fault_of<certificate>({}) == errc::truncated);
    CHECK(fault_of<certificate_request>(unhex("04 3000")) == std::nullopt);
    CHECK(fault_of<certificate_request>(unhex("04")) == std::nullopt);  // req: rfc2408-3.10-5
    CHECK(fault_of<certificate_request>(unhex("ff")) == errc::bad_cert_encoding);
    CHECK(fault_of<certificate_request>({}) == errc::truncated);  // cve-03
}

TEST_CASE("a notification fits its protocol and its type", "[isakmp][payloads][notification]") {
    const auto r = GENERATE(values<row>({
        {"NO-PROPOSAL-CHOSEN under the ISAKMP DOI", "00000000 01 00 000e", {}},
        {"ISAKMP SPI of 8, ignored", "00000001 01 08 000e 0102030405060708", {}},  // req: rfc2408-3.14-1
        {"ISAKMP SPI of 17", "00000001 01 11 000e 0102030405060708090a0b0c0d0e0f1011", errc::bad_spi_size},
        {"INITIAL-CONTACT", "00000001 01 10 6002 01020304050607080102030405060708", {}},
        {"REPLAY-STATUS on", "00000001 03 04 6001 c4fab33d 00000001", {}},
        {"REPLAY-STATUS off", "00000001 03 04 6001 c4fab33d 00000000", {}},
        {"REPLAY-STATUS 2", "00000001 03 04 6001 c4fab33d 00000002", errc::bad_notify_data},
        {"REPLAY-STATUS without data", "00000001 03 04 6001 c4fab33d", errc::bad_notify_data},
        {"RESPONDER-LIFETIME", "00000001 03 04 6000 c4fab33d 80010001 8002 0258", {}},
        {"RESPONDER-LIFETIME, attribute cut", "00000001 03 04 6000 c4fab33d 80010001 8002", errc::bad_notify_data},
        {"RESPONDER-LIFETIME without data", "00000001 03 04 6000 c4fab33d", errc::bad_notify_data},
        {"R-U-THERE", "00000001 01 10 8d28 01020304050607080102030405060708 00000007", {}},
        {"R-U-THERE, short", "00000001 01 10 8d28 01020304050607080102030405060708 07", errc::bad_notify_data},
        {"private", "00000001 01 00 9e37 74657874", {}},
        {"DOI 7", "00000007 01 00 000e", errc::unsupported_doi},
        {"protocol 0", "00000001 00 00 000e", errc::bad_protocol},
        {"protocol 5", "00000001 05 04 000e c4fab33d", errc::bad_protocol},
        {"ESP SPI of 5", "00000001 03 05 000e c4fab33d00", errc::bad_spi_size},
        {"SPI past the end", "00000001 03 04 000e c4fab3", errc::length_past_end},
        {"type 0", "00000001 01 00 0000", errc::bad_notify_type},
        {"cut", "00000001 01 00 00", errc::truncated},
    }));
    CAPTURE(r.what);
    CHECK(fault_of<notification>(unhex(r.octets)) == r.fault);
}

TEST_CASE("a delete holds exactly the SPIs that it counts", "[isakmp][payloads][delete]") {
    // cve-03: the product of the two fields is held against the body before anything is cut by it
    const auto r = GENERATE(values<row>({
        {"two of ESP", "00000001 03 04 0002 c4fab33d 01020304", {}},
        {"none", "00000001 03 04 0000", {}},
        {"one counted, two there", "00000001 03 04 0001 c4fab33d 01020304", errc::bad_spi_count},
        {"three counted, two there", "00000001 03 04 0003 c4fab33d 01020304", errc::bad_spi_count},
        {"65535 counted", "00000001 03 04 ffff c4fab33d 01020304", errc::bad_spi_count},
        {"ISAKMP", "00000001 01 10 0001 01020304050607080102030405060708", {}},
        {"ISAKMP without cookies", "00000001 01 00 0001", {}},
        {"ISAKMP without cookies, many times", "00000001 01 00 ffff", errc::bad_spi_count},
        {"ISAKMP, SPI of 8", "00000001 01 08 0001 0102030405060708", errc::bad_spi_size},
        {"ESP, SPI of 0", "00000001 03 00 0001", errc::bad_spi_size},
        {"AH, SPI of 5", "00000001 02 05 0001 0102030405", errc::bad_spi_size},
        {"IPCOMP, CPI of 2", "00000001 04 02 0001 0102", {}},
        {"IPCOMP, CPI of 3", "00000001 04 03 0001 010203", errc::bad_spi_size},
        {"protocol 0", "00000001 00 04 0001 c4fab33d", errc::bad_protocol},
        {"DOI 2", "00000002 03 04 0001 c4fab33d", errc::unsupported_doi},
        {"cut", "00000001 03 04 00", errc::truncated},
    }));
    CAPTURE(r.what);
    const auto octets = unhex(r.octets);
    CHECK(fault_of<delete_sa>(octets) == r.fault);
    if (!r.fault)
        if (const auto d = delete_sa::parse(octets); d->count == 2) CHECK(test::hex(d->spi(1)) == "01020304");
}

TEST_CASE("a NAT-OA holds one address", "[isakmp][payloads]") {
    CHECK(fault_of<nat_oa>(unhex("01 000000 0a000001")) == std::nullopt);
    CHECK(fault_of<nat_oa>(unhex("05 000000 20010db8000000000000000000000001")) == std::nullopt);
    CHECK(fault_of<nat_oa>(unhex("04 000000 0a000000ffffff00")) == errc::bad_nat_oa);
    CHECK(fault_of<nat_oa>(unhex("01 000000 0a0000")) == errc::bad_nat_oa);
    CHECK(fault_of<nat_oa>(unhex("01 000001 0a000001")) == errc::reserved_not_zero);
    CHECK(fault_of<nat_oa>(unhex("01 0000")) == errc::truncated);
}

// req: rfc2408-5.4-8, rfc2409-4-6, rfc2407-4.6.1-m2
TEST_CASE("a situation is read by its bits", "[isakmp][payloads][sa]") {
    // req: rfc2407-4.6.1-1, rfc2407-4.6.1-2, rfc2407-4.6.1-3, rfc2407-4.6.1-4, rfc2408-2.5.2-2
    const auto r = GENERATE(values<row>({
        {"identity only", "00000001 00000001", {}},
        {"secrecy", "00000001 00000003 00000005 0003 0000 53454300 0009 0000 ff800000", {}},
        {"secrecy, padding not zero", "00000001 00000003 00000005 0003 0000 53454301 0009 0000 ff800000",
         errc::reserved_not_zero},
        {"secrecy, RESERVED not zero", "00000001 00000003 00000005 0003 0001 53454300 0009 0000 ff800000",
         errc::reserved_not_zero},
        {"secrecy, length past the end", "00000001 00000003 00000005 00ff 0000 53454300 0009 0000 ff800000", errc::truncated},
        {"secrecy and integrity", "00000001 00000007 00000005 0000 0000 0000 0000 0004 0000 48494748 0000 0000", {}},
        {"no bits", "00000001 00000000", errc::unsupported_situation},
        {"without identity", "00000001 00000002 00000005 0000 0000 0000 0000", errc::unsupported_situation},
        {"an unknown bit", "00000001 00000009", errc::unsupported_situation},
        {"DOI 0", "00000000 00000001", errc::unsupported_doi},
        {"DOI 2", "00000002 00000001", errc::unsupported_doi},
        {"cut in the DOI", "000000", errc::truncated},
        {"cut in the situation", "00000001 0000", errc::truncated},
    }));
    CAPTURE(r.what);
    CHECK(fault_of<security_association>(unhex(r.octets)) == r.fault);
}

TEST_CASE("proposal and transform are emitted as they were", "[isakmp][payloads]") {
    CHECK(fault_of<proposal>(unhex("01 03 04 01 c4fab33d 00000008 01030000")) == std::nullopt);
    CHECK(fault_of<proposal>(unhex("01 03 04 01 c4fab3")) == errc::length_past_end);
    CHECK(fault_of<proposal>(unhex("01 03 04")) == errc::truncated);
    CHECK(fault_of<transform>(unhex("01 0c 0000 80050002 00020004 00015180")) == std::nullopt);
    CHECK(fault_of<transform>(unhex("01 0c 0001 80050002")) == errc::reserved_not_zero);
    CHECK(fault_of<transform>(unhex("01 0c 0000 8005")) == errc::truncated);
    CHECK(fault_of<transform>(unhex("01 0c 00")) == errc::truncated);
}

TEST_CASE("every number has a name for timelines, unknown ones too", "[isakmp][doi]") {
    for (int n = 0; n < 256; ++n) {
        CAPTURE(n);
        const auto octet = static_cast<std::uint8_t>(n);
        CHECK_FALSE(name_of(payload_type{octet}).empty());
        CHECK_FALSE(name_of(exchange_type{octet}).empty());
        CHECK_FALSE(name_of(id_type{octet}).empty());
        for (const auto p :
             {protocol_id::isakmp, protocol_id::ipsec_ah, protocol_id::ipsec_esp, protocol_id::ipcomp, protocol_id{9}})
            CHECK_FALSE(name_of_transform(p, octet).empty());
    }
    CHECK(name_of_transform(protocol_id::ipsec_esp, 12) == "ESP_AES-CBC");
    CHECK(name_of_transform(protocol_id::ipsec_ah, 3) == "AH_SHA");
    CHECK(name_of(id_type::ipv4_addr_subnet) == "ID_IPV4_ADDR_SUBNET");
    CHECK(name_of(payload_type{200}) == "private payload");
    CHECK(name_of(payload_type{33}) == "reserved payload");
}
