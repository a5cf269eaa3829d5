#pragma once
// Two endpoints on identity crypto, taken to any point of an exchange, for fuzz targets that speak from the inside.
#include <array>
#include <vector>

#include "fuzz/expect.hpp"
#include "ipsec/ike/v1/endpoint.hpp"
#include "ipsec/testing/identity_crypto.hpp"

namespace ipsec::fuzz {

namespace v1 = ike::v1;

/// What inputs reached, for the test that looks at the corpus.
struct ike_v1_tally {
    std::array<std::size_t, 256> refused{}, refused_under_protection{};  ///< by `ike::errc`
    std::size_t established = 0, installed = 0, removed = 0, notes = 0;
};
inline ike_v1_tally* ike_v1_count = nullptr;

/// Keeps what is needed to write genuine messages.
struct ike_v1_spy {
    crypto::digest skeyid, skeyid_a, skeyid_d;
    std::vector<std::byte> gxi, gxr, ni, nr;  ///< nonces of the last Quick Mode
    isakmp::cookie_pair cookies;
    std::size_t audits = 0;
    void on(const v1::phase_1_secrets& s) noexcept {
        skeyid = s.keys->skeyid.clone();
        skeyid_a = s.keys->skeyid_a.clone();
        gxi.assign(s.gxi.begin(), s.gxi.end());
        gxr.assign(s.gxr.begin(), s.gxr.end());
        cookies = s.cookies;
    }
    void on(const v1::child_secrets& s) noexcept {
        ni.assign(s.ni.begin(), s.ni.end());
        nr.assign(s.nr.begin(), s.nr.end());
    }
    void on(const ike::audit_record& r) noexcept {
        ++audits;
        if (ike_v1_count == nullptr) return;
        ++(r.authenticated ? ike_v1_count->refused_under_protection : ike_v1_count->refused)[static_cast<std::size_t>(r.why)];
    }
    void on(const ike::notify_record& r) noexcept {
        if (ike_v1_count != nullptr && r.authenticated) ++ike_v1_count->notes;
    }
};
struct ike_v1_traits {
    using provider = testing::identity_provider;
    using observer = ike_v1_spy;
};

/// Room for one message; made once, since clearing it would cost more than most messages do.
[[nodiscard]] inline auto ike_v1_scratch() -> byte_span {
    static std::vector<std::byte> room(16384);
    return room;
}

inline const ike::path ike_v1_left{{ip::address::v4(192, 0, 2, 1), 500}, {ip::address::v4(198, 51, 100, 1), 500}, {}};

[[nodiscard]] inline auto ike_v1_config(bool left) -> v1::config {
    v1::config c;
    v1::peer_config p;
    p.path = left ? ike_v1_left : ike::reversed(ike_v1_left);
    p.psk = v1::psk_of("correct horse");
    p.suites = {{crypto::encryption_id::aes_cbc, 128, crypto::hash_id::sha1, crypto::group_id::modp768}};
    p.send_initial_contact = false;
    v1::child_config child;
    child.suites = {{.esp = crypto::transform{crypto::encryption_id::aes_cbc, 128, crypto::integrity_id::hmac_sha1_96}},
                    {.ah = crypto::integrity_id::hmac_sha1_96},
                    {.esp = crypto::transform{crypto::encryption_id::aes_cbc, 128, crypto::integrity_id::none},
                     .ah = crypto::integrity_id::hmac_sha1_96}};
    const ike::client l{.addresses = *ip::parse_range("10.1.0.0/16")}, r{.addresses = *ip::parse_range("10.2.0.0/16")};
    child.local = left ? l : r;
    child.remote = left ? r : l;
    child.allow_narrower = true;
    p.children.push_back(child);
    c.peers.push_back(std::move(p));
    c.limits.message = 16384;
    return c;
}

template <class Traits> struct ike_v1_end_of {
    using endpoint = v1::endpoint<Traits>;
    ike_v1_end_of(v1::config c, std::uint64_t seed) : crypto{seed}, ike{std::move(*endpoint::make(std::move(c), crypto, spy))} {}
    void drain() {
        while (auto ev = ike.poll_event()) {
            if (std::holds_alternative<sa::install_inbound>(*ev)) ++installed;
            if (std::holds_alternative<sa::install_outbound>(*ev)) ++installed;
            if (std::holds_alternative<sa::remove>(*ev)) ++removed;
            if (const auto* closed = std::get_if<v1::ike_closed>(&*ev); closed != nullptr && ike_v1_count != nullptr)
                ++ike_v1_count->refused_under_protection[static_cast<std::size_t>(closed->why)];
            ike.answer(*ev, true);
        }
    }
    typename Traits::provider crypto;
    ike_v1_spy spy;
    endpoint ike;
    std::size_t installed = 0, removed = 0;
};

/// Runs the honest exchange until `stop` messages were delivered.
template <class Traits> struct ike_v1_pair_of {
    using end = ike_v1_end_of<Traits>;
    explicit ike_v1_pair_of(std::size_t stop, v1::config l = ike_v1_config(true), v1::config r = ike_v1_config(false))
        : left{std::move(l), 11}, right{std::move(r), 12} {
        (void)left.ike.start(now, sa::policy_id{1});
        for (std::size_t i = 0; i < 12 && delivered < stop; ++i) {
            carry(left, right, stop, ike::reversed(ike_v1_left));
            carry(right, left, stop, ike_v1_left);
        }
        left.drain();
        right.drain();
        // What both hold back from here on is thrown away: the fuzzer speaks next.
        const byte_span scratch = ike_v1_scratch();
        for (end* e : {&left, &right})
            while (const auto tx = e->ike.poll_transmit(scratch))
                if (held_back.empty()) held_back.assign(tx->octets.begin(), tx->octets.end());
    }
    void carry(end& from, end& to, std::size_t stop, const ike::path& at) {
        const byte_span scratch = ike_v1_scratch();
        from.drain();
        while (delivered < stop) {
            const auto tx = from.ike.poll_transmit(scratch);
            if (!tx) return;
            last.assign(tx->octets.begin(), tx->octets.end());
            to.ike.handle_datagram(now, at, tx->octets);
            to.drain();
            ++delivered;
        }
    }
    /// Delivers a message of the fuzzer's and checks what must hold whatever it says.
    void say(end& to, const ike::path& at, byte_view m) {
        const auto stood = to.ike.established_count(), had = to.installed, lost = to.removed;
        to.ike.handle_datagram(now, at, m);
        to.drain();
        if (ike_v1_count != nullptr) {
            ike_v1_count->established += to.ike.established_count() > stood ? 1U : 0U;
            ike_v1_count->installed += to.installed - had;
            ike_v1_count->removed += to.removed - lost;
        }
        const byte_span scratch = ike_v1_scratch();
        while (auto tx = to.ike.poll_transmit(scratch)) {
            // Behind a NAT there is a marker in front, or the datagram only keeps its mapping.
            const bool in_udp = tx->path.link.kind == ike::link_kind::udp_encap;
            if (in_udp && tx->octets.size() == 1) continue;
            const auto h = isakmp::parse_header(in_udp ? tx->octets.subspan(4) : tx->octets);
            expect(h.has_value());  // whatever came in, what goes out is well formed
        }
        expect(to.ike.ike_sa_count() <= 4);
        expect(to.installed >= to.removed);
        for (int i = 0; i < 4; ++i) {  // and time ends it
            now = now + seconds(100);
            to.ike.handle_timeout(now);
            to.drain();
            while (to.ike.poll_transmit(scratch)) {}
        }
        expect(to.ike.half_open_count() == 0);
    }
    instant now{3'600'000'000'000};
    end left, right;
    std::size_t delivered = 0;
    std::vector<std::byte> last;       ///< delivered
    std::vector<std::byte> held_back;  ///< that would have come next, if there is one
};
using ike_v1_end = ike_v1_end_of<ike_v1_traits>;
using ike_v1_pair = ike_v1_pair_of<ike_v1_traits>;

}  // namespace ipsec::fuzz

#ifdef IPSECPP_ENDS_MADE_ONCE  // see tests/support/made_once
extern template class ipsec::ike::v1::ike_sa<ipsec::fuzz::ike_v1_traits>;
extern template class ipsec::ike::v1::endpoint<ipsec::fuzz::ike_v1_traits>;
#endif
