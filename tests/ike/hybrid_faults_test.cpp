// Hybrid authentication gone wrong: nothing is trusted before XAUTH is over, and neither end takes the place of the other.
#include <algorithm>
#include <memory>

#include "ipsec/ike/v1/authorization.hpp"
#include "support/catch.hpp"
#include "support/good_end.hpp"
#include "support/hybrid_scene.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using isakmp::oakley_authentication;
using isakmp::payload_type;
using testing::fate;
using testing::side;

namespace {

using immediate = hybrid_scene<signing_ends>;
using deferred = hybrid_scene<deferred_signing_ends>;

template <class Ends> void check_neither_stands(const Ends& ends) {
    CHECK(ends.left.established.empty());
    CHECK(ends.right.established.empty());
    CHECK(ends.left.table.empty());
    CHECK(ends.right.table.empty());
}
auto count_from(const immediate& ends, side from, isakmp::exchange_type t) -> std::size_t {
    return static_cast<std::size_t>(std::ranges::count_if(
        ends.sent, [&](const auto& m) { return m.from == from && isakmp::header::parse(m.octets)->exchange == t; }));
}
/// The keys of an end, with the IV that follows on message `last` of phase 1.
auto keys_after(immediate& ends, immediate::end& e, std::size_t last) -> const v1::main_mode::keyed& {
    auto& k = e.record.phase_1.at(0);
    k.next = v1::make_iv(byte_view{ends.sent.at(last).octets}.last(k.cipher.block));
    return k;
}
/// REQUEST or SET as whoever has the keys of phase 1 could say it.
auto transaction_message(immediate& ends, immediate::end& e, const v1::transaction::content& c, std::uint32_t id)
    -> std::vector<std::byte> {
    const auto& k = keys_after(ends, e, 5);
    const auto first = v1::phase_2_iv(e.crypto, k.agreed.suite.hash, k.next, id);
    return v1::transaction::write(c, isakmp::message_id{id}, *first, k, e.crypto)->datagram;
}
/// The body of a payload of a message that went out in the clear.
auto body_of(const immediate& ends, std::size_t n, payload_type type) -> std::vector<std::byte> {
    const auto& m = ends.sent.at(n).octets;
    const auto chain = isakmp::chain::parse(isakmp::header::parse(m)->next_payload,
                                            byte_view{m}.subspan(isakmp::header::size), isakmp::rules_in_clear);
    REQUIRE(chain);
    const byte_view body = chain->find(type)->body;
    return {body.begin(), body.end()};
}
/// A second hybrid peer of an edge device.
auto another_at(const ip::address& remote, bool is_looked_at) -> v1::peer_config {
    auto p = std::move(hybrid_config(false, {}).peers[0]);
    p.path.remote.address = remote;
    p.remote_id = *ike::identity::of_text(ike::id_type::fqdn, "second.example.org");
    p.children.clear();
    p.xauth.allow_unproven_name = is_looked_at;
    return p;
}
/// XAUTH whose edge device says nothing yet.
void nobody_answers(immediate& s) {
    s.script = [](auto&, auto&, const auto&) {};
}

}  // namespace

// --- nothing before XAUTH is over ---------------------------------------------------------------------------------------------

// draft-ietf-ipsec-isakmp-hybrid-auth-05 §4: the ISAKMP SA serves no other exchange before the User is authenticated
TEST_CASE("hybrid: a Quick Mode of a client that skips XAUTH is refused, and goes on once its user is known",
          "[ike][hybrid][xauth]") {
    immediate ends{hybrid_case{}};
    nobody_answers(ends);
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(1)));
    REQUIRE(ends.of<v1::xauth_attempt>().size() == 1);
    // The client believes that it has passed, by a SET that its edge device never said.
    v1::transaction::content set{.message = isakmp::config_message::set, .identifier = 0, .attributes = {}};
    REQUIRE(set.put_number(isakmp::config_attribute::xauth_status, 1));
    ends.left.ike.handle_datagram(ends.now(), left_path, transaction_message(ends, ends.right, set, 77));
    REQUIRE(ends.talk(seconds(2)));
    REQUIRE(count_from(ends, side::left, isakmp::exchange_type::quick_mode) > 0);
    CHECK(ends.left.established.size() == 1);
    CHECK(ends.right.established.empty());
    CHECK(ends.right.table.empty());
    CHECK(count_from(ends, side::right, isakmp::exchange_type::quick_mode) == 0);
    CHECK(ends.right.record.count(errc::unexpected_message) > 0);
    ends.right.ike.answer(ends.now(), *ends.of<v1::xauth_attempt>()[0], true);
    REQUIRE(ends.talk(seconds(40)));
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.right.table.size() == 2);
}

// draft-ietf-ipsec-isakmp-hybrid-auth-05 §4
TEST_CASE("hybrid: Mode Config is not answered before XAUTH is over", "[ike][hybrid][xauth][mode_config]") {
    auto edge = hybrid_config(false, {});
    edge.peers[0].mode_config.part = v1::config_part::server;
    immediate ends{hybrid_config(true, {}), std::move(edge)};
    nobody_answers(ends);
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
    REQUIRE(ends.talk(seconds(1)));
    REQUIRE(ends.of<v1::xauth_attempt>().size() == 1);
    v1::transaction::content ask{.message = isakmp::config_message::request, .identifier = 0, .attributes = {}};
    REQUIRE(ask.put(isakmp::config_attribute::internal_ip4_address, byte_view{}));
    const auto said = ends.sent.size();
    ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), transaction_message(ends, ends.left, ask, 78));
    ends.flush(ends.right, side::right);
    CHECK(ends.sent.size() == said);
    CHECK(ends.right.record.count(errc::unexpected_message) == 1);
    CHECK(ends.of<v1::configuration_wanted>().empty());
}

// draft-ietf-ipsec-isakmp-hybrid-auth-05 §4
TEST_CASE("hybrid: nobody asks whether the other is there before XAUTH is over, or answers that", "[ike][hybrid][xauth][dpd]") {
    auto edge = hybrid_config(false, {}), client = hybrid_config(true, {});
    for (auto* one : {&edge, &client}) one->peers[0].dpd = {.delay = seconds(3), .timeout = seconds(3)};
    immediate ends{std::move(client), std::move(edge)};
    nobody_answers(ends);
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
    REQUIRE(ends.talk(seconds(20)));
    REQUIRE(ends.of<v1::xauth_attempt>().size() == 1);
    const auto informational = isakmp::exchange_type::informational;
    CHECK(count_from(ends, side::left, informational) + count_from(ends, side::right, informational) == 0);
    // A query of whoever has nothing but the keys of phase 1.
    const auto& k = keys_after(ends, ends.left, 5);
    v1::informational::content c;
    c.payloads.push_back(v1::informational::notify_of(isakmp::notify_type::r_u_there, isakmp::protocol_id::isakmp, k.cky.octets(),
                                                      unhex("00000001")));
    const auto query = v1::informational::write(c, isakmp::message_id{79}, k, ends.left.crypto);
    REQUIRE(query);
    ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), query->datagram);
    ends.flush(ends.right, side::right);
    CHECK(count_from(ends, side::right, informational) == 0);
    CHECK(ends.right.record.count(errc::unexpected_message) == 1);
    ends.right.ike.answer(ends.now(), *ends.of<v1::xauth_attempt>()[0], true);
    REQUIRE(ends.talk(seconds(20)));
    CHECK(ends.right.established.size() == 1);
    CHECK(count_from(ends, side::right, informational) > 0);
}

// draft-ietf-ipsec-isakmp-hybrid-auth-05 §4: a User who fails has the ISAKMP SA discarded
TEMPLATE_TEST_CASE("hybrid: a wrong password ends the ISAKMP SA at both ends", "[ike][hybrid][xauth]", immediate, deferred) {
    const bool aggressive = GENERATE(false, true), edge_begins = GENERATE(false, true);
    CAPTURE(aggressive, edge_begins);
    const hybrid_case c{.aggressive = aggressive, .edge_begins = edge_begins};
    auto l = hybrid_config(true, c, "carol", "wrong"), r = hybrid_config(false, c, "carol", "wrong");
    for (auto* one : {&l, &r}) one->peers[0].xauth.tries = 1;
    TestType ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(10)));
    check_neither_stands(ends);
    REQUIRE(ends.template of<v1::xauth_ended>().size() == 2);
    CHECK_FALSE(ends.template of<v1::xauth_ended>()[0]->passed);
    CHECK(ends.left.ike.ike_sa_count() == 0);
    CHECK(ends.right.ike.ike_sa_count() == 0);
    REQUIRE(ends.left.failures.size() == 1);
    CHECK(ends.left.failures[0].why == errc::xauth_failed);
}

// draft-ietf-ipsec-isakmp-hybrid-auth-05 §6: the client can and must find out who is in the middle
TEMPLATE_TEST_CASE("hybrid: an edge device that signs with another key hears no password", "[ike][hybrid][signatures]", immediate,
                   deferred) {
    const bool aggressive = GENERATE(false, true), edge_begins = GENERATE(false, true);
    CAPTURE(aggressive, edge_begins);
    const hybrid_case c{.aggressive = aggressive, .edge_begins = edge_begins};
    auto l = hybrid_config(true, c), r = hybrid_config(false, c);
    (edge_begins ? l : r).peers[0].keys.sign_with[0].key = crypto::signing_key{0};
    TestType ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(100)));
    auto& client = edge_begins ? ends.right : ends.left;
    CHECK(client.record.count(errc::bad_signature) > 0);
    check_neither_stands(ends);
    const side of_client = edge_begins ? side::right : side::left;
    CHECK(std::ranges::none_of(ends.sent, [&](const auto& m) {
        return m.from == of_client && isakmp::header::parse(m.octets)->exchange == isakmp::exchange_type::transaction;
    }));
    CHECK(ends.template of<v1::xauth_attempt>().empty());
}

// --- messages that are not what they should be ---------------------------------------------------------------------------------

// draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2, RFC 2407 §4.6.2
TEST_CASE("hybrid: message 5 of a client has HASH that holds, and no SIG in its place", "[ike][hybrid][bad_peer]") {
    struct row {
        const char* what;
        std::string_view id;  ///< body in hex
        payload_type proof;
        bool holds;
        std::optional<errc> why;  ///< nothing: it is taken
    };
    const row rows[] = {
        {"HASH that does not hold", "00000000", payload_type::hash, false, errc::bad_hash},
        {"SIG where HASH was agreed on", "00000000", payload_type::signature, true, errc::malformed},
        {"an identity of type 0 that has data", "0000000001", payload_type::hash, true, errc::bad_identity},
        {"an empty identity", "00000000", payload_type::hash, true, {}},
        {"an empty identity with UDP and port 500", "001101f4", payload_type::hash, true, {}},
        {"an empty identity with UDP and another port", "001101f5", payload_type::hash, true, errc::bad_identity},
        {"an empty identity with TCP", "000601f4", payload_type::hash, true, errc::bad_identity},
    };
    for (const row& r : rows) {
        CAPTURE(r.what);
        immediate ends{hybrid_case{}, immediate::link{{}, {{.index = 4, .what = fate::drop, .from = {}, .extra = {}}}}};
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.talk(milliseconds(100)));
        REQUIRE(ends.sent.size() == 5);
        auto& k = ends.left.record.phase_1.at(0);  // with the IV of message 5
        const auto said = unhex(r.id);
        const auto hash = v1::phase_1_hash(ends.left.crypto, k.prf, k.keys.skeyid, body_of(ends, 2, payload_type::key_exchange),
                                           body_of(ends, 3, payload_type::key_exchange), k.cky.initiator.octets(),
                                           k.cky.responder.octets(), body_of(ends, 0, payload_type::security_association), said);
        REQUIRE(hash);
        std::vector<std::byte> proof{hash->view().begin(), hash->view().end()};
        if (!r.holds) proof[0] ^= 1_b;
        if (r.proof == payload_type::signature) proof.resize(256);
        v1::message_writer w{v1::header_of(k.cky, isakmp::exchange_type::identity_protection)};
        w.add(payload_type::identification, said).add(r.proof, proof);
        const auto m = w.finish(ends.left.crypto, k.cipher, k.next);
        REQUIRE(m);
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), m->datagram);
        if (r.why) CHECK(ends.right.record.count(*r.why) == 1);
        ends.flush(ends.right, side::right);
        if (!r.why) {
            CHECK(ends.sent.size() == 7);  // message 6 and the REQUEST of XAUTH
            continue;
        }
        CHECK(ends.sent.size() == 5);  // nobody learns anything from an answer
        const bool is_over = *r.why == errc::bad_identity;  // whoever has the keys, and says what he may not
        CHECK(ends.right.ike.ike_sa_count() == (is_over ? 0 : 1));
        if (is_over) continue;
        REQUIRE(ends.talk(seconds(5)));  // and the genuine message still comes through
        check_good_end(ends);
    }
}

// draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2
TEST_CASE("hybrid: HASH of an Aggressive Mode that was changed on the way proves nobody", "[ike][hybrid][bad_peer]") {
    immediate ends{hybrid_case{.aggressive = true, .edge_begins = true},
                   immediate::link{{}, {{.index = 1, .what = fate::drop, .from = {}, .extra = {}}}}};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(milliseconds(100)));
    REQUIRE(ends.sent.size() == 2);
    auto spoilt = ends.sent[1].octets;
    const auto h = isakmp::header::parse(spoilt);
    const auto chain =
        isakmp::chain::parse(h->next_payload, byte_view{spoilt}.subspan(isakmp::header::size), isakmp::rules_in_clear);
    REQUIRE(chain);
    const byte_view proof = chain->find(payload_type::hash)->body;
    spoilt[static_cast<std::size_t>(proof.data() - spoilt.data())] ^= 1_b;
    ends.left.ike.handle_datagram(ends.now(), left_path, spoilt);
    CHECK(ends.left.record.count(errc::bad_hash) == 1);
    CHECK(ends.left.record.phase_1.size() == 1);
    REQUIRE(ends.talk(seconds(10)));
    check_good_end(ends);
}

// draft-ietf-ipsec-isakmp-hybrid-auth-05 §5
TEST_CASE("hybrid: an answer that has the ends change places is not what was offered", "[ike][hybrid][proposals][bad_peer]") {
    const bool aggressive = GENERATE(false, true);
    CAPTURE(aggressive);
    immediate ends{hybrid_case{.aggressive = aggressive},
                   immediate::link{{}, {{.index = 1, .what = fate::drop, .from = {}, .extra = {}}}}};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(milliseconds(100)));
    REQUIRE(ends.sent.size() == 2);
    auto turned = ends.sent[1].octets;
    const std::array init{std::byte{0xfa}, std::byte{0xdd}};
    const auto at = std::ranges::search(turned, init);
    REQUIRE(at.size() == 2);
    at[1] = std::byte{0xde};  // HybridRespRSA
    ends.left.ike.handle_datagram(ends.now(), left_path, turned);
    CHECK(ends.left.record.count(errc::not_what_was_offered) == 1);
    REQUIRE(ends.talk(seconds(10)));
    check_good_end(ends);
}

// draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2
TEST_CASE("hybrid: a client that is asked for a certificate of any kind sends an empty one of that kind",
          "[ike][hybrid][certificates]") {
    // X.509 for signatures and for key exchange, PKCS #7, PGP, a key in the DNS, a list, SPKI
    const std::string kind = GENERATE("04", "05", "01", "02", "03", "07", "09");
    CAPTURE(kind);
    immediate ends{hybrid_case{}, immediate::link{{}, {{.index = 3, .what = fate::drop, .from = {}, .extra = {}}}}};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(milliseconds(100)));
    REQUIRE(ends.sent.size() == 4);
    // Message 4 with a request behind it, as an edge device may send it that has other peers too.
    const auto& fourth = ends.sent[3].octets;
    const auto h = isakmp::header::parse(fourth);
    const auto chain =
        isakmp::chain::parse(h->next_payload, byte_view{fourth}.subspan(isakmp::header::size), isakmp::rules_in_clear);
    REQUIRE(chain);
    v1::message_writer w{v1::header_of(h->cookies(), isakmp::exchange_type::identity_protection)};
    for (const isakmp::payload_view& p : *chain) w.add(p.type, p.body);
    const auto m = w.add(payload_type::certificate_request, unhex(kind)).finish();
    REQUIRE(m);
    ends.left.ike.handle_datagram(ends.now(), left_path, m->datagram);
    REQUIRE(ends.talk(seconds(5)));
    REQUIRE(ends.left.record.certificates.size() == 1);
    CHECK(hex(ends.left.record.certificates[0]) == kind);
    check_good_end(ends);
}

// --- who may speak with whom ---------------------------------------------------------------------------------------------------

// draft-ietf-ipsec-isakmp-hybrid-auth-05 §5
TEST_CASE("hybrid: ends that do not mean the same method come to nothing", "[ike][hybrid][proposals]") {
    const auto plain_xauth = [](v1::config c) {
        auto& p = c.peers[0];
        p.suites[0].hybrid = false;
        p.keys.sign_with = {{p.suites[0].authentication, crypto::signing_key{0}, {}}};
        p.keys.peer_keys = {{p.suites[0].authentication, {pki::spki(keys::rsa_2048)}, {}}};
        p.remote_id = p.local_id = *ike::identity::of_text(ike::id_type::fqdn, "gw.example.org");
        return c;
    };
    const auto no_xauth = [&](v1::config c) {
        c = plain_xauth(std::move(c));
        c.peers[0].xauth.part = v1::xauth_part::none;
        return c;
    };
    const auto dss = hybrid_case{.by = oakley_authentication::dss_signatures};
    const hybrid_case from_client{}, from_edge{.edge_begins = true};
    const auto refused = [](v1::config l, v1::config r) {
        REQUIRE(v1::check(l));
        REQUIRE(v1::check(r));
        immediate ends{std::move(l), std::move(r)};
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.talk(seconds(2)));
        CHECK(ends.right.record.count(errc::no_proposal_chosen) > 0);
        check_neither_stands(ends);
    };
    SECTION("hybrid offered where both have to sign") {
        refused(hybrid_config(true, from_client), plain_xauth(hybrid_config(false, from_client)));
    }
    SECTION("both sign, and hybrid is wanted") {
        refused(plain_xauth(hybrid_config(true, from_client)), hybrid_config(false, from_client));
    }
    SECTION("no XAUTH at all") { refused(no_xauth(hybrid_config(true, from_client)), hybrid_config(false, from_client)); }
    SECTION("another way of signing") { refused(hybrid_config(true, dss), hybrid_config(false, from_client)); }
    SECTION("two clients") { refused(hybrid_config(true, from_client), hybrid_config(false, from_edge)); }
    SECTION("two edge devices") { refused(hybrid_config(true, from_edge), hybrid_config(false, from_client)); }
}

// draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2: the identity should be empty; where one comes, nothing proves it
TEST_CASE("hybrid: what a client says of itself finds it nothing that is another's", "[ike][hybrid][authorization]") {
    struct row {
        const char* what;
        bool says_name, wants_name;
        std::vector<policy::peer_entry> entries;
        bool stands;
    };
    static const std::vector<ip::range> net{*ip::parse_range("10.1.0.0/16")};
    const std::vector<policy::peer_entry> carols{{.who = {.text = "carol.example.org"}, .addresses = net}};
    const std::vector<row> rows{
        {"nothing said, nothing wanted", false, false, {}, true},
        {"a name that nobody asks for", true, false, {}, true},
        {"the name that is wanted", true, true, {}, true},
        {"nothing said where a name is wanted: it is whoever the policy says", false, true, carols, true},
        {"its own", true, true, carols, true},
    };
    for (const bool aggressive : {false, true})
        for (const row& r : rows) {
            CAPTURE(r.what, aggressive);
            const auto name = *ike::identity::of_text(ike::id_type::fqdn, "carol.example.org");
            auto l = hybrid_config(true, {.aggressive = aggressive}), e = hybrid_config(false, {.aggressive = aggressive});
            if (r.says_name) l.peers[0].local_id = name;
            if (r.wants_name) e.peers[0].remote_id = name;
            e.authorization = r.entries;
            immediate ends{std::move(l), std::move(e)};
            REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
            REQUIRE(ends.talk(seconds(5)));
            CHECK(ends.right.ike.established_count() == (r.stands ? 1 : 0));
            CHECK(ends.right.table.size() == (r.stands ? 2 : 0));
        }
}

// draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2
TEST_CASE("hybrid: a name that is another peer's keeps no client out, nor does an empty one", "[ike][hybrid][anybody]") {
    struct row {
        const char* what;
        bool says_name, wants_name, is_alone, stands;
    };
    const row rows[] = {
        {"the name of a group with a pre-shared key", true, false, true, true},
        {"no name, where one is wanted", false, true, true, true},
        {"no name, where no name is wanted", false, false, true, true},
        {"no name, where two names are wanted: nobody can say whose it is", false, true, false, false},
    };
    for (const row& r : rows) {
        CAPTURE(r.what);
        const hybrid_case c{.aggressive = true};
        const auto vpn = *ike::identity::of_text(ike::id_type::key_id, "vpn");
        auto client = hybrid_config(true, c), edge = hybrid_config(false, c);
        if (r.says_name) client.peers[0].local_id = vpn;
        auto& hybrid = edge.peers[0];
        if (r.wants_name) hybrid.remote_id = *ike::identity::of_text(ike::id_type::fqdn, "carol.example.org");
        hybrid.path.remote.address = ip::address::v4(0, 0, 0, 0);
        hybrid.xauth.allow_unproven_name = !r.is_alone;
        auto second = another_at(ip::address::v4(0, 0, 0, 0), true);
        second.modes = hybrid.modes;
        auto group = std::move(hybrid_config(false, c).peers[0]);
        group.path.remote.address = ip::address::v4(0, 0, 0, 0);
        group.remote_id = vpn;
        group.children.clear();
        group.suites[0].hybrid = false;
        group.suites[0].authentication = oakley_authentication::pre_shared_key;
        group.psk = v1::psk_of("correct horse");
        group.xauth.allow_group_secret = true;
        edge.peers.insert(edge.peers.begin(), std::move(group));
        if (!r.is_alone) edge.peers.push_back(std::move(second));
        REQUIRE(v1::check(edge));
        immediate ends{std::move(client), std::move(edge)};
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.talk(seconds(5)));
        CHECK(ends.right.ike.established_count() == (r.stands ? 1 : 0));
        CHECK(ends.right.table.size() == (r.stands ? 2 : 0));
        CHECK(ends.right.record.count(errc::unknown_peer) == (r.stands ? 0 : ends.sent.size()));
    }
}

TEST_CASE("hybrid: an edge device takes it beside XAUTH of a client that signs too", "[ike][hybrid][proposals]") {
    const bool aggressive = GENERATE(false, true), hybrid = GENERATE(false, true);
    CAPTURE(aggressive, hybrid);
    const auto name = *ike::identity::of_text(ike::id_type::fqdn, "carol.example.org");
    auto l = hybrid_config(true, {.aggressive = aggressive}), r = hybrid_config(false, {.aggressive = aggressive});
    auto &client = l.peers[0], &edge = r.peers[0];
    client.local_id = edge.remote_id = name;
    edge.modes.accept_main = true;  // whoever may begin with Aggressive Mode alone has to say a name, or none, for all suites
    edge.suites.push_back(edge.suites[0]);
    edge.suites[1].hybrid = false;
    edge.keys.peer_keys = {{oakley_authentication::rsa_signatures, {pki::spki(keys::rsa_2048)}, {}}};
    client.suites[0].hybrid = hybrid;
    client.keys.sign_with = {{oakley_authentication::rsa_signatures, crypto::signing_key{0}, {}}};
    immediate ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(5)));
    check_good_end(ends);
    REQUIRE(ends.right.established.size() == 1);
    CHECK(ends.right.established[0].suite.hybrid == hybrid);
    CHECK(ends.of<v1::xauth_attempt>().size() == 1);
}

TEST_CASE("hybrid: another name than the one that is wanted is refused", "[ike][hybrid]") {
    auto l = hybrid_config(true, {}), r = hybrid_config(false, {});
    l.peers[0].local_id = *ike::identity::of_text(ike::id_type::fqdn, "mallory.example.org");
    r.peers[0].remote_id = *ike::identity::of_text(ike::id_type::fqdn, "carol.example.org");
    immediate ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(5)));
    CHECK(ends.right.record.count(errc::identity_mismatch) == 1);
    CHECK(ends.of<v1::xauth_attempt>().empty());
    check_neither_stands(ends);
}

TEST_CASE("hybrid: clients come from anywhere, in both modes", "[ike][hybrid][anybody]") {
    const bool aggressive = GENERATE(false, true), says_address = GENERATE(false, true);
    CAPTURE(aggressive, says_address);
    auto l = hybrid_config(true, {.aggressive = aggressive}), r = hybrid_config(false, {.aggressive = aggressive});
    r.peers[0].path.remote.address = ip::address::v4(0, 0, 0, 0);
    if (says_address) l.peers[0].local_id = ike::identity::of(left_address);  // as many others do
    immediate ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(5)));
    check_good_end(ends);
}

// cve-08
TEST_CASE("hybrid: whoever has shown nothing but a HASH stays a stranger", "[ike][hybrid][anybody][cve-08]") {
    const bool aggressive = GENERATE(false, true);
    CAPTURE(aggressive);
    auto edge = hybrid_config(false, {.aggressive = aggressive});
    edge.peers[0].path.remote.address = ip::address::v4(0, 0, 0, 0);
    immediate ends{hybrid_config(true, {.aggressive = aggressive}, ""), std::move(edge)};
    nobody_answers(ends);
    for (unsigned i = 0; i < 6; ++i) {
        REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
        REQUIRE(ends.talk(milliseconds(500)));
        ends.left.ike =
            immediate::end::make(hybrid_config(true, {.aggressive = aggressive}, ""), ends.left.crypto, ends.left.record);
    }
    CHECK(ends.right.ike.ike_sa_count() == 4);  // `limits::aggressive_per_source`
    CHECK(ends.right.ike.established_count() == 0);
    CHECK(ends.right.record.count(errc::limit_reached) >= 2);
}

// --- configurations ------------------------------------------------------------------------------------------------------------

TEST_CASE("hybrid: what cannot be served is refused with the configuration", "[ike][hybrid][config]") {
    struct row {
        const char* what;
        bool client;
        void (*change)(v1::config&);
        std::optional<errc> why;
    };
    const row rows[] = {
        {"a client as it is", true, [](v1::config&) {}, {}},
        {"an edge device as it is", false, [](v1::config&) {}, {}},
        {"a client without XAUTH", true, [](v1::config& c) { c.peers[0].xauth.part = v1::xauth_part::none; },
         errc::hybrid_without_xauth},
        {"an edge device without XAUTH", false, [](v1::config& c) { c.peers[0].xauth.part = v1::xauth_part::none; },
         errc::hybrid_without_xauth},
        {"a client that knows no key of its edge device", true, [](v1::config& c) { c.peers[0].keys.peer_keys.clear(); },
         errc::no_key_for_method},
        {"an edge device that cannot sign", false, [](v1::config& c) { c.peers[0].keys.sign_with.clear(); },
         errc::no_key_for_method},
        {"ECDSA, which has no number", true,
         [](v1::config& c) { c.peers[0].suites[0].authentication = oakley_authentication::ecdsa_256; }, errc::unusable_algorithm},
        {"a pre-shared key", true,
         [](v1::config& c) {
             c.peers[0].suites[0].authentication = oakley_authentication::pre_shared_key;
             c.peers[0].psk = v1::psk_of("correct horse");
             c.peers[0].xauth.allow_group_secret = true;
         },
         errc::unusable_algorithm},
        {"a client without a name for its edge device", true, [](v1::config& c) { c.peers[0].remote_id = ike::identity::none(); },
         errc::bad_identity},
        {"an edge device without a name of its own", false, [](v1::config& c) { c.peers[0].local_id = ike::identity::none(); },
         errc::bad_identity},
        {"no name where each has to have an authorization, which is found by it", false,
         [](v1::config& c) {
             static const std::vector<ip::range> net{*ip::parse_range("10.1.0.0/16")};
             c.authorization = {{.who = {.text = "carol.example.org"}, .addresses = net}};
         },
         errc::bad_identity},
        {"no name where another suite proves one", false,
         [](v1::config& c) {
             c.peers[0].suites.push_back(c.peers[0].suites[0]);
             c.peers[0].suites[1].hybrid = false;
             c.peers[0].keys.peer_keys = {{oakley_authentication::rsa_signatures, {pki::spki(keys::rsa_2048)}, {}}};
         },
         errc::bad_identity},
        {"two peers that a name tells apart", false,
         [](v1::config& c) {
             auto second = hybrid_config(false, {});
             second.peers[0].path.remote.address = c.peers[0].path.remote.address = ip::address::v4(0, 0, 0, 0);
             second.peers[0].remote_id = *ike::identity::of_text(ike::id_type::fqdn, "second.example.org");
             second.peers[0].children.clear();
             c.peers.push_back(std::move(second.peers[0]));
         },
         errc::unproven_name},
        {"the same, of a user who looks at it",
         false,
         [](v1::config& c) {
             auto second = hybrid_config(false, {});
             second.peers[0].path.remote.address = c.peers[0].path.remote.address = ip::address::v4(0, 0, 0, 0);
             second.peers[0].remote_id = *ike::identity::of_text(ike::id_type::fqdn, "second.example.org");
             second.peers[0].children.clear();
             second.peers[0].xauth.allow_unproven_name = c.peers[0].xauth.allow_unproven_name = true;
             c.peers.push_back(std::move(second.peers[0]));
         },
         {}},
        {"one at an address and one at any, which come from there alike", false,
         [](v1::config& c) { c.peers.push_back(another_at(ip::address::v4(0, 0, 0, 0), false)); }, errc::unproven_name},
        {"the same in the other order", false,
         [](v1::config& c) { c.peers.insert(c.peers.begin(), another_at(ip::address::v4(0, 0, 0, 0), false)); },
         errc::unproven_name},
        {"the same, where one of the two is looked at", false,
         [](v1::config& c) { c.peers.push_back(another_at(ip::address::v4(0, 0, 0, 0), true)); }, errc::unproven_name},
        {"the same, of a user who looks at both", false,
         [](v1::config& c) {
             c.peers[0].xauth.allow_unproven_name = true;
             c.peers.push_back(another_at(ip::address::v4(0, 0, 0, 0), true));
         },
         {}},
        {"one at an address and one at another", false,
         [](v1::config& c) { c.peers.push_back(another_at(ip::address::v4(192, 0, 2, 77), false)); }, {}},
        {"Aggressive Mode with a suite by which it has to say its name", true,
         [](v1::config& c) {
             auto& p = c.peers[0];
             p.modes = {.begin_aggressive = true, .accept_aggressive = true, .accept_main = false};
             p.suites.push_back(p.suites[0]);
             p.suites[1].hybrid = false;
             p.keys.sign_with.push_back({oakley_authentication::rsa_signatures, crypto::signing_key{0}, {}});
         },
         errc::not_for_aggressive_mode},
    };
    for (const row& r : rows) {
        CAPTURE(r.what);
        auto c = hybrid_config(r.client, {});
        r.change(c);
        const auto ok = v1::check(c);
        CHECK(ok.has_value() == !r.why.has_value());
        if (!ok && r.why) CHECK(name_of(ok.error()) == name_of(*r.why));
    }
}

// --- links and snapshots -------------------------------------------------------------------------------------------------------

TEMPLATE_TEST_CASE("hybrid over a bad link: one message lost, doubled, swapped or late", "[ike][hybrid][bad_link]", immediate,
                   deferred) {
    for (const bool aggressive : {false, true})
        for (const bool edge_begins : {false, true})
            for (std::size_t i = 0; i < (aggressive ? 10U : 13U); ++i)
                for (const auto what : {fate::drop, fate::duplicate, fate::swap, fate::delay}) {
                    CAPTURE(aggressive, edge_begins, i, static_cast<int>(what));
                    TestType ends{
                        hybrid_case{.aggressive = aggressive, .edge_begins = edge_begins},
                        typename TestType::link{{}, {{.index = i, .what = what, .from = {}, .extra = milliseconds(500)}}}};
                    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
                    REQUIRE(ends.talk(seconds(100)));
                    check_good_end(ends);
                }
}

TEST_CASE("hybrid: an SA that was written down and taken up again serves its peer", "[ike][hybrid][snapshot]") {
    const bool of_edge = GENERATE(false, true);
    CAPTURE(of_edge);
    immediate ends{hybrid_case{}};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(5)));
    REQUIRE(ends.left.table.size() == 2);
    auto& e = of_edge ? ends.right : ends.left;
    const auto kept = e.ike.store(ends.now(), e.established.at(0).cookies);
    REQUIRE(kept);
    e.ike = immediate::end::make(hybrid_config(!of_edge, {}), e.crypto, e.record);
    REQUIRE(e.ike.restore(ends.now(), *kept));
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));  // another Quick Mode under it
    REQUIRE(ends.talk(seconds(5)));
    CHECK(ends.of<v1::xauth_attempt>().size() == 1);  // nobody is asked again
    CHECK(ends.left.table.size() == 4);
    CHECK(ends.right.table.size() == 4);
    // What is not over yet is no SA to be kept.
    immediate waiting{hybrid_case{}};
    nobody_answers(waiting);
    REQUIRE(waiting.left.ike.start(waiting.now(), sa::policy_id{1}));
    REQUIRE(waiting.talk(seconds(1)));
    REQUIRE(waiting.of<v1::xauth_attempt>().size() == 1);
    CHECK(waiting.right.ike.store(waiting.now(), waiting.right.record.phase_1.at(0).cky).error() == errc::unknown_cookie);
}
