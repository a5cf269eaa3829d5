// Hybrid authentication: the edge device signs in phase 1, the client says HASH and is asked by XAUTH.
#include <algorithm>

#include "support/catch.hpp"
#include "support/good_end.hpp"
#include "support/hybrid_scene.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using isakmp::oakley_authentication;

namespace {

using immediate = hybrid_scene<signing_ends>;
using deferred = hybrid_scene<deferred_signing_ends>;

/// The payloads of a message, NAT-D and vendor IDs aside: "IDE HASH".
auto names_in(const ike::message_trace& m) -> std::string {
    using enum isakmp::payload_type;
    std::string out;
    const auto chain = isakmp::chain::parse(m.header.next_payload, m.payloads, isakmp::rules_decrypted);
    if (!chain) return "?";
    for (const isakmp::payload_view& p : *chain) {
        std::string_view name;
        switch (p.type) {
            case security_association: name = "SA"; break;
            case key_exchange: name = "KE"; break;
            case nonce: name = "N"; break;
            case identification: name = p.body.size() == 4 && p.body[0] == std::byte{0} ? "ID()" : "ID"; break;
            case hash: name = "HASH"; break;
            case signature: name = "SIG"; break;
            case certificate: name = p.body.size() == 1 ? "CERT()" : "CERT"; break;
            case certificate_request: name = "CERTREQ"; break;
            case vendor_id:
            case nat_d: continue;
            default: name = "other"; break;
        }
        if (!out.empty()) out += " ";
        out += name;
    }
    return out;
}
/// What both ends said in phase 1, in the order in which they said it.
template <class Ends> struct overheard {
    std::vector<std::string> said;
    explicit overheard(Ends& ends) {
        for (auto* e : {&ends.left, &ends.right})
            e->record.look = [this](const ike::message_trace& m) {
                const bool phase_1 = m.header.exchange == isakmp::exchange_type::identity_protection ||
                                     m.header.exchange == isakmp::exchange_type::aggressive;
                if (phase_1 && m.direction == ike::direction::out && m.transmission == 1) said.push_back(names_in(m));
            };
    }
};
/// The method of authentication in the first message.
auto offered_method(std::span<const std::byte> datagram) -> std::uint64_t {
    const auto h = isakmp::header::parse(datagram);
    const auto chain = isakmp::chain::parse(h->next_payload, datagram.subspan(isakmp::header::size), isakmp::rules_in_clear);
    const auto tree = isakmp::sa_tree::parse(chain->find(isakmp::payload_type::security_association)->body);
    for (const auto& t : tree->transforms(tree->proposals()[0]))
        for (const isakmp::attribute a : t.value.attributes)
            if (a.type == static_cast<std::uint16_t>(isakmp::oakley_attribute::authentication_method)) return *a.number();
    return 0;
}

}  // namespace

// draft-ietf-ipsec-isakmp-hybrid-auth-05 §3.2.1, §4.2, §5
TEMPLATE_TEST_CASE("hybrid: one end signs, the other says HASH and a password, and only then Quick Mode begins",
                   "[ike][hybrid][xauth][IKE1-096]", immediate, deferred) {
    using said = std::vector<std::string>;
    struct row {
        bool aggressive, edge_begins, dss;
        std::uint64_t method;
        said messages;
    };
    const said main_client{"SA", "SA", "KE N", "KE N", "ID() HASH", "ID SIG"},
        main_edge{"SA", "SA", "KE N", "KE N", "ID SIG", "ID() HASH"};
    const said aggressive_client{"SA KE N ID()", "SA KE N ID SIG", "HASH"},
        aggressive_edge{"SA KE N ID", "SA KE N ID() HASH", "SIG"};
    const row rows[] = {
        {false, false, false, 64221, main_client},      {false, true, false, 64222, main_edge},
        {false, false, true, 64223, main_client},       {false, true, true, 64224, main_edge},
        {true, false, false, 64221, aggressive_client}, {true, true, false, 64222, aggressive_edge},
        {true, false, true, 64223, aggressive_client},  {true, true, true, 64224, aggressive_edge},
    };
    for (const row& r : rows)
        for (const auto hash : {crypto::hash_id::sha1, crypto::hash_id::sha2_256}) {
            CAPTURE(r.method, r.aggressive, static_cast<int>(hash));
            const auto by = r.dss ? oakley_authentication::dss_signatures : oakley_authentication::rsa_signatures;
            TestType ends{hybrid_case{by, r.aggressive, r.edge_begins, hash}};
            overheard<TestType> heard{ends};
            REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
            REQUIRE(ends.talk(seconds(5)));
            check_good_end(ends);
            if (std::same_as<TestType, immediate>) {  // REQUEST overtakes what a provider takes its time for, and comes again
                CHECK(ends.left.record.audits.empty());
                CHECK(ends.right.record.audits.empty());
            }
            CHECK(heard.said == r.messages);
            CHECK(offered_method(ends.sent.at(0).octets) == r.method);
            // The Transaction Exchange is the next thing after phase 1, and the edge device begins it.                  §4
            const auto order = ends.exchanges();
            const std::size_t n = r.messages.size();
            REQUIRE(order.size() >= n + 7);
            CHECK(order[n] == isakmp::exchange_type::transaction);
            CHECK((ends.sent[n].from == testing::side::left) == r.edge_begins);
            for (std::size_t i = n; i < n + 4; ++i) CHECK(order[i] == isakmp::exchange_type::transaction);
            REQUIRE(ends.template of<v1::xauth_attempt>().size() == 1);
            CHECK(ends.template of<v1::xauth_attempt>()[0]->user == "carol");
            CHECK(ends.left.established[0].suite.hybrid);
        }
}

// draft-ietf-ipsec-isakmp-hybrid-auth-05 §3.2.1
TEST_CASE("hybrid methods go to their base and back", "[ike][hybrid][xauth]") {
    struct row {
        std::uint64_t number;
        oakley_authentication base;
        v1::xauthenticated who;
        std::string_view name, suite;
    };
    const row rows[] = {
        {64221, oakley_authentication::rsa_signatures, v1::xauthenticated::initiator, "HybridInitRSA", "hybridrsa"},
        {64222, oakley_authentication::rsa_signatures, v1::xauthenticated::responder, "HybridRespRSA", "hybridrsa"},
        {64223, oakley_authentication::dss_signatures, v1::xauthenticated::initiator, "HybridInitDSS", "hybriddss"},
        {64224, oakley_authentication::dss_signatures, v1::xauthenticated::responder, "HybridRespDSS", "hybriddss"},
    };
    for (const row& r : rows) {
        CAPTURE(r.name);
        CHECK(v1::is_hybrid(r.number));
        CHECK(v1::base_method(r.number) == static_cast<std::uint64_t>(r.base));
        CHECK(v1::asks_xauth(r.number) == r.who);
        CHECK(name_of(oakley_authentication{static_cast<std::uint16_t>(r.number)}) == r.name);
        const auto suite = v1::parse_ike_suite("aes128-sha256-modp2048-" + std::string{r.suite});
        REQUIRE(suite);
        CHECK(v1::method_number(*suite, r.who) == r.number);
    }
    CHECK_FALSE(v1::is_hybrid(64220));
    CHECK_FALSE(v1::is_hybrid(64225));
}

// draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2; req: rfc2408-3.10-3
TEST_CASE("hybrid: the edge device sends its certificate to a client that asks beside its HASH", "[ike][hybrid][certificates]") {
    const bool aggressive = GENERATE(false, true), edge_begins = GENERATE(false, true);
    CAPTURE(aggressive, edge_begins);
    const hybrid_case c{.aggressive = aggressive, .edge_begins = edge_begins};
    auto l = hybrid_config(true, c), r = hybrid_config(false, c);
    auto &client = (edge_begins ? r : l).peers[0].keys, &edge = (edge_begins ? l : r).peers[0].keys;
    client.peer_keys.clear();
    client.trust.emplace();
    client.trust->anchors = {0};
    client.trust->authorities = {pki::root_name};
    edge.sign_with[0].certificate = {pki::gateway().der()};
    immediate ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(5)));
    check_good_end(ends);
    const auto& sent = (edge_begins ? ends.left : ends.right).record.certificates;
    REQUIRE(sent.size() == 1);
    CHECK(hex(byte_view{sent[0]}.subspan(1)) == hex(pki::gateway().der()));
    CHECK((edge_begins ? ends.right : ends.left).record.certificates.empty());
}
