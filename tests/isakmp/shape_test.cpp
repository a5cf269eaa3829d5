#include "ipsec/isakmp/shape.hpp"

#include "ipsec/isakmp/builder.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using namespace ipsec::isakmp;

namespace {

using types = std::vector<payload_type>;
using enum payload_type;
constexpr auto sa_payload = payload_type::security_association;

auto verdict(const types& payloads, const shape& s) -> std::optional<errc> {
    std::array<std::byte, 512> room{};
    builder b{room};
    constexpr std::array<std::byte, 8> body{};
    for (const payload_type t : payloads) b.add(t, body);
    const auto octets = b.finish();
    REQUIRE(octets);
    const auto c = chain::parse(b.first(), *octets);
    REQUIRE(c);
    const auto ok = check_shape(*c, s);
    return ok ? std::nullopt : std::optional{ok.error()};
}

struct message_row {
    const shape* of;
    types payloads;  ///< as in the figures of RFC 2409 §5
};
auto figures() -> std::vector<message_row> {
    return {
        {&shapes::main_mode_psk[0], {sa_payload}},
        {&shapes::main_mode_psk[1], {sa_payload}},
        {&shapes::main_mode_psk[2], {key_exchange, nonce}},
        {&shapes::main_mode_psk[3], {key_exchange, nonce}},
        {&shapes::main_mode_psk[4], {identification, hash}},
        {&shapes::main_mode_psk[5], {identification, hash}},
        {&shapes::main_mode_signature[4], {identification, signature}},
        {&shapes::main_mode_encryption[2], {key_exchange, identification, nonce}},
        {&shapes::main_mode_encryption[3], {key_exchange, identification, nonce}},
        {&shapes::main_mode_encryption[4], {hash}},
        {&shapes::main_mode_encryption[5], {hash}},
        {&shapes::aggressive_psk[0], {sa_payload, key_exchange, nonce, identification}},
        {&shapes::aggressive_psk[1], {sa_payload, key_exchange, nonce, identification, hash}},
        {&shapes::aggressive_psk[2], {hash}},
        {&shapes::aggressive_signature[1], {sa_payload, key_exchange, nonce, identification, signature}},
        {&shapes::aggressive_signature[2], {signature}},
        {&shapes::quick_mode[0], {hash, sa_payload, nonce}},
        {&shapes::quick_mode[1], {hash, sa_payload, nonce}},
        {&shapes::quick_mode[2], {hash}},
        {&shapes::informational, {hash}},
        {&shapes::informational_in_clear, {notification}},
    };
}

}  // namespace

TEST_CASE("every message needs each payload of its figure, and takes it once", "[isakmp][shape][cve-05]") {
    for (const message_row& m : figures()) {
        CAPTURE(m.of->name);
        CHECK(verdict(m.payloads, *m.of) == std::nullopt);
        for (std::size_t i = 0; i < m.payloads.size(); ++i) {
            CAPTURE(name_of(m.payloads[i]));
            types less = m.payloads;
            less.erase(less.begin() + static_cast<std::ptrdiff_t>(i));
            CHECK(verdict(less, *m.of) == errc::missing_payload);
            types more = m.payloads;
            more.push_back(m.payloads[i]);
            const bool several = m.payloads[i] == notification ||                                  // in an Informational
                                 (m.payloads[i] == sa_payload && m.payloads[0] == hash);  // in Quick Mode
            CHECK(verdict(more, *m.of) == (several ? std::nullopt : std::optional{errc::doubled_payload}));
        }
    }
}

// req: rfc2409-5-5, rfc2409-5.5-2, rfc2408-4.1-1
TEST_CASE("a message takes only what belongs to it", "[isakmp][shape]") {
    // req: rfc2408-3.16-5, rfc2408-3.9-2, rfc2408-3.10-2, rfc2408-3.16-2
    struct row {
        const char* what;
        const shape* of;
        types payloads;
        std::optional<errc> fault;
    };
    const row rows[] = {
        {"vendor ids in phase 1", &shapes::main_mode_psk[0], {sa_payload, vendor_id, vendor_id}, {}},
        {"a vendor id in Quick Mode", &shapes::quick_mode[0], {hash, sa_payload, nonce, vendor_id}, errc::unexpected_payload},
        {"a certificate and a request at any point", &shapes::quick_mode[2], {hash, certificate, certificate_request}, {}},
        {"NAT-D in the third message", &shapes::main_mode_psk[2], {key_exchange, nonce, nat_d, nat_d, nat_d}, {}},
        {"NAT-D in the first message", &shapes::main_mode_psk[0], {sa_payload, nat_d}, errc::unexpected_payload},
        {"a delete in phase 1", &shapes::main_mode_psk[4], {identification, hash, delete_sa}, errc::unexpected_payload},
        {"a notification with the identity", &shapes::main_mode_psk[4], {identification, hash, notification}, {}},
        {"a notification in the clear of Main Mode",
         &shapes::main_mode_psk[2],
         {key_exchange, nonce, notification},
         errc::unexpected_payload},
        {"a nonce with the offer", &shapes::main_mode_psk[0], {sa_payload, nonce}, errc::unexpected_payload},
        {"SA not first", &shapes::main_mode_psk[0], {vendor_id, sa_payload}, errc::payload_out_of_order},
        {"HASH not first in Quick Mode", &shapes::quick_mode[0], {sa_payload, hash, nonce}, errc::payload_out_of_order},
        {"SA not behind HASH", &shapes::quick_mode[0], {hash, nonce, sa_payload}, errc::payload_out_of_order},
        {"Quick Mode with everything",
         &shapes::quick_mode[0],
         {hash, sa_payload, sa_payload, nonce, key_exchange, identification, identification, nat_oa, nat_oa},
         {}},
        {"one client identity", &shapes::quick_mode[0], {hash, sa_payload, nonce, identification}, errc::missing_payload},
        {"three client identities",
         &shapes::quick_mode[0],
         {hash, sa_payload, nonce, identification, identification, identification},
         errc::doubled_payload},
        {"two KE", &shapes::quick_mode[0], {hash, sa_payload, nonce, key_exchange, key_exchange}, errc::doubled_payload},
        {"deletes and notifications under HASH", &shapes::informational, {hash, delete_sa, notification, delete_sa}, {}},
        {"a delete before HASH", &shapes::informational, {delete_sa, hash}, errc::payload_out_of_order},
        {"a delete in the clear", &shapes::informational_in_clear, {notification, delete_sa}, errc::unexpected_payload},
        {"nothing at all", &shapes::main_mode_psk[0], {}, errc::missing_payload},
    };
    for (const row& r : rows) {
        CAPTURE(r.what);
        CHECK(verdict(r.payloads, *r.of) == r.fault);
    }
}
