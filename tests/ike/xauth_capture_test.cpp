// A recorded XAUTH of two strongSwan peers: this library plays the client and the edge device, octet for octet.
#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/ike/v1/xauth.hpp"
#include "ipsec/ike/v1/ike_proposals.hpp"
#include "ipsec/ike/v1/nat_traversal.hpp"
#include "support/catch.hpp"
#include "support/derived_capture.hpp"
#include "support/hex.hpp"

using namespace ipsec;
using namespace ipsec::test;
namespace v1 = ipsec::ike::v1;
namespace xm = ipsec::ike::v1::xauth_mode;
namespace tx = ipsec::ike::v1::transaction;

namespace {

struct recording {
    std::vector<std::vector<std::byte>> main, talk;  ///< Main Mode 1 to 6; REQUEST, REPLY, SET, ACK
    v1::main_mode::keyed keys;  ///< from the recorded g^xy and what was sent (derived_capture_test.cpp)

    recording() {
        derived_capture all{"v1-xauth-psk"};
        for (const auto& m : all.sas.at(0).phase_1) main.push_back(m.octets);
        for (const auto& m : all.later)
            if (m.head.exchange == isakmp::exchange_type::transaction) talk.push_back(m.octets);
        REQUIRE(main.size() == 6);
        REQUIRE(talk.size() == 4);
        keys = std::move(all.sas[0].keys);
    }
    [[nodiscard]] auto sa_body(std::size_t n) const -> std::vector<std::byte> {
        const auto chain = isakmp::chain::parse(isakmp::payload_type::security_association, byte_view{main[n]}.subspan(28));
        REQUIRE(chain);
        const auto body = chain->find(isakmp::payload_type::security_association)->body;
        return {body.begin(), body.end()};
    }
};

auto config_of(v1::xauth_part part) -> v1::peer_config {
    v1::peer_config p;
    p.suites = {{crypto::encryption_id::aes_cbc, 128, crypto::hash_id::sha1, crypto::group_id::modp2048}};
    p.lifetime = {.seconds = 15840, .kilobytes = 0};
    p.psk = v1::psk_of("interop-psk");
    p.xauth.part = part;
    p.xauth.allow_group_secret = true;
    p.xauth.user = "carol";
    p.xauth.password = secret<128>{std::as_bytes(std::span{std::string_view{"Ar3etTnp"}})};
    return p;
}

struct player {
    recording r{};
    crypto::botan::provider crypto{};
    v1::peer_config peer;
    explicit player(v1::xauth_part part) : peer{config_of(part)} {}
    [[nodiscard]] auto env() const -> xm::environment { return {peer, v1::peer_id{0}, r.keys.cky}; }
    [[nodiscard]] auto id(std::size_t n) const { return isakmp::parse_header(r.talk[n])->id; }
    [[nodiscard]] auto first_iv(std::size_t n) {
        const auto iv = v1::phase_2_iv(crypto, r.keys.agreed.suite.hash, r.keys.next, id(n).value());
        REQUIRE(iv);
        return *iv;
    }
    [[nodiscard]] auto take(std::size_t n, const v1::iv& iv) {
        const auto h = isakmp::parse_header(r.talk[n]);
        auto m = tx::admit(*h, r.talk[n], iv, r.keys, crypto);
        REQUIRE(m);
        return std::move(*m);
    }
    /// What is said is what was said then; and the trace of it shows no password.
    auto say(const tx::content& c, std::size_t n, const v1::iv& iv) -> v1::iv {
        const auto m = tx::write(c, id(n), iv, r.keys, crypto);
        REQUIRE(m);
        CHECK(hex(m->datagram) == hex(r.talk[n]));
        CHECK(hex(m->payloads).find(hex(peer.xauth.password.view())) == std::string::npos);
        return m->next;
    }
};

}  // namespace

TEST_CASE("as the client, strongSwan's REQUEST and SET are answered in the octets of strongSwan",
          "[ike][xauth][capture][IKE1-096]") {
    player p{v1::xauth_part::client};
    const auto request = p.take(0, p.first_iv(0));
    auto asked = xm::on(xm::expecting{}, tx::request{request.body}, p.env());
    REQUIRE(asked.out.say);
    CHECK_FALSE(asked.out.ask);
    CHECK(std::get<xm::expecting>(asked.state).told);
    p.say(*asked.out.say, 1, request.next);

    const auto set = p.take(2, p.first_iv(2));
    auto told = xm::on(std::get<xm::expecting>(asked.state), tx::set{set.body}, p.env());
    REQUIRE(told.out.say);
    CHECK(std::holds_alternative<xm::passed>(told.state));
    p.say(*told.out.say, 3, set.next);
}

TEST_CASE("as the edge device, REQUEST and SET are the octets of strongSwan, and its answers are read",
          "[ike][xauth][capture][IKE1-096]") {
    player p{v1::xauth_part::edge_device};
    auto asking = xm::ask(p.env());
    const auto iv = p.say(*asking.out.say, 0, p.first_iv(0));
    const auto reply = p.take(1, iv);
    auto judged = xm::on(std::get<xm::asking>(asking.state), tx::reply{reply.body}, p.env());
    REQUIRE(judged.out.ask);
    const auto& attempt = std::get<v1::xauth_attempt>(*judged.out.ask);
    CHECK(attempt.user == "carol");
    CHECK(hex(attempt.password.view()) == hex(p.peer.xauth.password.view()));
    auto telling = xm::on(std::get<xm::judging>(judged.state), xm::verdict{true}, p.env());
    REQUIRE(telling.out.say);
    const auto iv2 = p.say(*telling.out.say, 2, p.first_iv(2));
    const auto ack = p.take(3, iv2);
    CHECK(ack.body.message == isakmp::config_message::ack);
    const auto end = xm::on(std::get<xm::telling>(telling.state), tx::ack{ack.body}, p.env());
    CHECK(std::holds_alternative<xm::passed>(end.state));
}

TEST_CASE("one bit in any octet of a recorded Transaction message is found", "[ike][xauth][capture]") {
    player p{v1::xauth_part::client};
    const auto iv = p.first_iv(0);
    std::size_t taken = 0;
    for (std::size_t i = 28; i < p.r.talk[0].size(); ++i) {
        auto m = p.r.talk[0];
        m[i] ^= 1_b;
        const auto h = isakmp::parse_header(m);
        REQUIRE(h);
        taken += tx::admit(*h, m, iv, p.r.keys, p.crypto) ? 1 : 0;
    }
    CHECK(taken == 0);
}

TEST_CASE("phase 1 with XAUTH is offered and answered in the octets of strongSwan", "[ike][xauth][capture]") {
    const recording r;
    const auto client = config_of(v1::xauth_part::client), edge = config_of(v1::xauth_part::edge_device);
    CHECK(hex(v1::write_ike_offer(client)) == hex(r.sa_body(0)));
    const auto picked = v1::pick_ike(edge, r.sa_body(0));
    REQUIRE(picked);
    CHECK(hex(picked->reply) == hex(r.sa_body(1)));
    CHECK(picked->agreed.xauth == v1::xauthenticated::initiator);
    const auto agreed = v1::verify_ike_reply(r.sa_body(0), r.sa_body(1));
    REQUIRE(agreed);
    CHECK(agreed->xauth == v1::xauthenticated::initiator);
    // who has no part in XAUTH takes no such offer, and the other way round
    v1::peer_config plain = config_of(v1::xauth_part::none);
    CHECK(v1::pick_ike(plain, r.sa_body(0)).error().why == ike::errc::no_proposal_chosen);
    CHECK(v1::pick_ike(edge, v1::write_ike_offer(plain)).error().why == ike::errc::no_proposal_chosen);
    CHECK(v1::pick_ike(client, r.sa_body(0)).error().why == ike::errc::no_proposal_chosen);
    // and its vendor IDs say what is in them
    const auto chain = isakmp::chain::parse(isakmp::payload_type::security_association, byte_view{r.main[0]}.subspan(28));
    REQUIRE(chain);
    const auto says = v1::read_vendor_ids(*chain);
    CHECK((says.extended_authentication && says.fragmentation && says.dead_peer_detection && says.nat_rfc && says.nat_drafts));
}

TEST_CASE("authentication methods with XAUTH go to their base and back", "[ike][xauth]") {
    for (std::uint64_t base = 1; base <= 5; ++base)
        for (const auto who : {v1::xauthenticated::initiator, v1::xauthenticated::responder}) {
            const auto m = v1::with_xauth(base, who);
            CHECK(v1::base_method(m) == base);
            CHECK(v1::asks_xauth(m) == who);
        }
    CHECK(v1::with_xauth(3, v1::xauthenticated::initiator) == 65005);
    CHECK(v1::with_xauth(5, v1::xauthenticated::responder) == 65010);
    for (const std::uint64_t m : {0U, 1U, 9U, 64220U, 64225U, 65000U, 65011U}) {
        CHECK(v1::base_method(m) == m);
        CHECK(v1::asks_xauth(m) == v1::xauthenticated::nobody);
    }
}
