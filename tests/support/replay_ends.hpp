#pragma once
// An IKEv1 endpoint that has no chance in it, and everything that it told: for recorded exchanges.
#include <map>
#include <string>
#include <vector>

#include "ipsec/ike/v1/endpoint.hpp"
#include "support/hex.hpp"
#include "support/replay_provider.hpp"

namespace ipsec::test {

/// What an endpoint told its observer.
struct watcher {
    struct sa_secret {
        std::uint32_t spi;
        bool inbound;
        std::string seed, keymat;
    };
    std::map<std::string, std::string> phase_1;
    std::vector<sa_secret> children;
    std::map<std::uint32_t, std::vector<std::string>> ivs;
    std::vector<ike::audit_record> audits;
    std::vector<ike::notify_record> notes;
    std::vector<std::string> hashes, hashes_out;  ///< HASH payloads of the messages that came in, and of those that went out

    void on(const ike::v1::phase_1_secrets& s) noexcept {
        phase_1 = {{"skeyid", hex(s.keys->skeyid.view())},
                   {"skeyid_d", hex(s.keys->skeyid_d.view())},
                   {"skeyid_a", hex(s.keys->skeyid_a.view())},
                   {"skeyid_e", hex(s.keys->skeyid_e.view())},
                   {"encr_key", hex(s.encryption_key)},
                   {"initial_iv", hex(s.initial_iv.view())},
                   {"dh_secret", hex(s.gxy)},
                   {"spi_i", hex(s.cookies.initiator.octets())},
                   {"spi_r", hex(s.cookies.responder.octets())}};
    }
    void on(const ike::v1::child_secrets& s) noexcept {
        std::array<std::byte, 5> head{s.protocol == sa::protocol::esp ? std::byte{3} : std::byte{2}};
        wire::store(byte_span{head}.subspan(1), s.spi.value());
        children.push_back({s.spi.value(), s.inbound, hex(s.gqm_xy) + hex(head) + hex(s.ni) + hex(s.nr), hex(s.keymat)});
    }
    void on(const ike::v1::iv_secret& s) noexcept { ivs[s.message_id.value()].push_back(hex(s.next.view())); }
    void on(const ike::audit_record& r) noexcept { audits.push_back(r); }
    void on(const ike::notify_record& r) noexcept { notes.push_back(r); }
    void on(const ike::message_trace& m) noexcept {
        const auto chain = isakmp::chain::parse(m.header.next_payload, m.payloads, isakmp::rules_decrypted);
        if (const auto* h = chain ? chain->find(isakmp::payload_type::hash) : nullptr)
            (m.direction == ike::direction::in ? hashes : hashes_out).push_back(hex(h->body));
    }
};

struct replay_traits {
    using provider = replay_provider;
    using observer = watcher;
};

}  // namespace ipsec::test

#ifdef IPSECPP_ENDS_MADE_ONCE  // see tests/support/made_once
extern template class ipsec::ike::v1::ike_sa<ipsec::test::replay_traits>;
extern template class ipsec::ike::v1::endpoint<ipsec::test::replay_traits>;
#endif
