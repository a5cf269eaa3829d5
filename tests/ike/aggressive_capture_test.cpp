// Recorded Aggressive Modes, of strongSwan with strongSwan and of strongSwan with racoon: a whole endpoint plays each of the two
// against what the other one sent, octets that others made.
#include <algorithm>

#include "ipsec/ike/v1/endpoint.hpp"
#include "support/catch.hpp"
#include "support/derived_capture.hpp"
#include "support/hex.hpp"
#include "support/replay_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using isakmp::payload_type;
namespace v1 = ipsec::ike::v1;

namespace {

struct recording {
    explicit recording(const std::string& name) : all{name} { REQUIRE(messages.size() == 3); }
    derived_capture all;
    const nlohmann::json& keys = all.record.at("ike_sas").at(0);
    const std::vector<recorded_message>& messages = all.sas.at(0).phase_1;
    [[nodiscard]] auto hash(const char* which) const -> const std::string& { return all.recorded.at(which).at(0); }
};

const ike::path alice_path{{ip::address::v4(10, 77, 0, 1), 500}, {ip::address::v4(10, 77, 0, 2), 500}, {}};

auto config_of(bool as_alice, crypto::hash_id hash) -> v1::config {
    const auto alice = *ike::identity::of_text(ike::id_type::fqdn, "alice.example"),
               bob = *ike::identity::of_text(ike::id_type::fqdn, "bob.example");
    v1::peer_config p;
    p.path = as_alice ? alice_path : ike::reversed(alice_path);
    p.psk = v1::psk_of("interop-psk");
    p.local_id = as_alice ? alice : bob;
    p.remote_id = as_alice ? bob : alice;
    p.suites = {{crypto::encryption_id::des3_cbc, 0, hash, crypto::group_id::modp1024}};
    p.lifetime = {.seconds = 15840, .kilobytes = 0};
    p.modes = {.begin_aggressive = as_alice, .accept_aggressive = true, .accept_main = false};
    p.send_initial_contact = false;
    v1::config c;
    c.peers.push_back(std::move(p));
    return c;
}
template <class Endpoint> auto sent_by(Endpoint& e) -> std::vector<std::vector<std::byte>> {
    std::vector<std::vector<std::byte>> out;
    std::vector<std::byte> scratch(Endpoint::max_message);
    while (auto tx = e.poll_transmit(scratch)) out.emplace_back(tx->octets.begin(), tx->octets.end());
    return out;
}
void check_keys(const watcher& seen, const recording& r) {
    CHECK(seen.phase_1.size() == 9);
    for (const auto& [name, value] : seen.phase_1) {
        if (name.starts_with("spi_")) continue;
        CAPTURE(name);
        CHECK(value == r.keys.at(name).get<std::string>());
    }
}
constexpr std::array recorded{std::pair{"v1-aggr-psk-3des-sha1-modp1024", crypto::hash_id::sha1},
                              std::pair{"v1-racoon-aggr-psk", crypto::hash_id::md5}};

}  // namespace

// req: rfc2409-5-1, rfc2409-5-8, rfc2408-4.7-1, rfc2408-4.7-2
TEST_CASE("as the initiator of a recorded Aggressive Mode: keys, HASH_R and HASH_I are those of then",
          "[ike][aggressive][capture]") {
    for (const auto& [name, hash] : recorded) {
        CAPTURE(name);
        const recording r{name};
        const auto& m = r.messages;
        replay_provider crypto;
        const auto cky = m[0].head.initiator.octets();
        crypto.will_fill({cky.begin(), cky.end()});
        crypto.will_fill(m[0].body(payload_type::nonce));
        crypto.will_agree(m[0].body(payload_type::key_exchange), m[1].body(payload_type::key_exchange),
                          unhex(r.keys.at("dh_secret").get<std::string>()));
        watcher seen;
        auto e = v1::endpoint<replay_traits>::make(config_of(true, hash), crypto, seen);
        REQUIRE(e);
        REQUIRE(e->start(instant{}, v1::peer_id{0}));
        const auto first = sent_by(*e);
        REQUIRE(first.size() == 1);
        // Our offer is the recorded one octet for octet: HASH_R covers it.
        const auto chain = isakmp::chain::parse(payload_type::security_association, byte_view{first[0]}.subspan(28), {});
        REQUIRE(chain);
        CHECK(hex(chain->find(payload_type::security_association)->body) == hex(m[0].body(payload_type::security_association)));
        SECTION(std::string{"a changed octet, then the genuine message: "} + name) {
            auto changed = m[1].octets;
            const auto h = m[1].body(payload_type::hash);
            const auto at = std::ranges::search(changed, h).begin();
            REQUIRE(at != changed.end());
            *at ^= std::byte{1};
            e->handle_datagram(instant{}, alice_path, changed);
            CHECK(e->established_count() == 0);
            REQUIRE(seen.audits.size() == 1);
            CHECK(seen.audits[0].why == ike::errc::bad_hash);
        }
        e->handle_datagram(instant{}, alice_path, m[1].octets);
        CHECK(e->established_count() == 1);
        check_keys(seen, r);
        const auto third = sent_by(*e);
        REQUIRE(third.size() == 1);
        REQUIRE(seen.hashes_out.size() == 1);
        CHECK(seen.hashes_out[0] == r.hash("HASH_I"));
        CHECK(seen.hashes.back() == r.hash("HASH_R"));
        CHECK(m[2].head.flags.encrypted());
    }
}

TEST_CASE("as the responder of a recorded Aggressive Mode: HASH_R is the one of then, and HASH_I holds",
          "[ike][aggressive][capture]") {
    for (const auto& [name, hash] : recorded) {
        CAPTURE(name);
        const recording r{name};
        const auto& m = r.messages;
        replay_provider crypto;
        crypto.will_fill(std::vector<std::byte>(32, std::byte{1}));  // the secret of the cookie jar
        crypto.will_answer(m[1].head.cookies());
        crypto.will_fill(m[1].body(payload_type::nonce));
        crypto.will_agree(m[1].body(payload_type::key_exchange), m[0].body(payload_type::key_exchange),
                          unhex(r.keys.at("dh_secret").get<std::string>()));
        watcher seen;
        auto e = v1::endpoint<replay_traits>::make(config_of(false, hash), crypto, seen);
        REQUIRE(e);
        e->handle_datagram(instant{}, ike::reversed(alice_path), m[0].octets);
        if (m[1].body(payload_type::nonce).size() != v1::own_nonce) {
            // racoon's nonce has another length than ours: the script does not fit, and says so.
            CHECK_FALSE(crypto.is_spent());
            continue;
        }
        const auto second = sent_by(*e);
        REQUIRE(second.size() == 1);
        CHECK(seen.hashes_out == std::vector{r.hash("HASH_R")});
        CHECK(seen.phase_1.empty());  // g^xy is not made before message 3
        e->handle_datagram(instant{}, ike::reversed(alice_path), m[2].octets);
        CHECK(e->established_count() == 1);
        CHECK(seen.hashes.back() == r.hash("HASH_I"));
        check_keys(seen, r);
        CHECK(seen.audits.empty());
        CHECK(crypto.is_spent());
    }
}
