#pragma once
// Two endpoints on identity crypto, taken to any point of an exchange, for fuzz targets that speak from the inside. Nothing is
// encrypted, so that what a target is given is what lies under the encryption.
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "fuzz/expect.hpp"
#include "ipsec/ike/v1/endpoint.hpp"
#include "ipsec/testing/identity_keys.hpp"

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
    std::vector<std::byte> gxi, gxr, gxy, ni, nr;  ///< nonces of the last Quick Mode
    isakmp::cookie_pair cookies;
    std::size_t refused = 0, refused_under_protection = 0;
    void on(const v1::phase_1_secrets& s) noexcept {
        skeyid = s.keys->skeyid.clone();
        skeyid_a = s.keys->skeyid_a.clone();
        gxi.assign(s.gxi.begin(), s.gxi.end());
        gxr.assign(s.gxr.begin(), s.gxr.end());
        gxy.assign(s.gxy.begin(), s.gxy.end());
        cookies = s.cookies;
    }
    void on(const v1::child_secrets& s) noexcept {
        ni.assign(s.ni.begin(), s.ni.end());
        nr.assign(s.nr.begin(), s.nr.end());
    }
    void on(const ike::audit_record& r) noexcept {
        ++(r.authenticated ? refused_under_protection : refused);
        if (ike_v1_count == nullptr) return;
        ++(r.authenticated ? ike_v1_count->refused_under_protection : ike_v1_count->refused)[static_cast<std::size_t>(r.why)];
    }
    void on(const ike::notify_record& r) noexcept {
        if (ike_v1_count != nullptr && r.authenticated) ++ike_v1_count->notes;
    }
};
struct ike_v1_traits {
    using provider = testing::identity_key_provider;
    using observer = ike_v1_spy;
};

/// Room for one message; made once, since clearing it would cost more than most messages do.
[[nodiscard]] inline auto ike_v1_scratch() -> byte_span {
    static std::vector<std::byte> room(16384);
    return room;
}

namespace detail {
/// The payloads of a message. Nothing is encrypted.
inline auto chain_of(byte_view m) -> std::optional<isakmp::chain> {
    if (m.size() < isakmp::header::size) return std::nullopt;
    auto c = isakmp::chain::parse(static_cast<isakmp::payload_type>(m[16]), m.subspan(isakmp::header::size),
                                  {.behind = isakmp::trailing::tolerated, .unknown = isakmp::unknown_payloads::kept});
    return c ? std::optional{*c} : std::nullopt;
}
}  // namespace detail

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

struct ike_v1_end {
    using endpoint = v1::endpoint<ike_v1_traits>;
    ike_v1_end(v1::config c, std::uint64_t seed) : crypto{seed}, ike{std::move(*endpoint::make(std::move(c), crypto, spy))} {}
    void drain(instant now) {
        while (auto ev = ike.poll_event()) {
            if (std::holds_alternative<sa::install_inbound>(*ev)) ++installed;
            if (std::holds_alternative<sa::install_outbound>(*ev)) ++installed;
            if (std::holds_alternative<sa::remove>(*ev)) ++removed;
            if (std::holds_alternative<v1::exchange_failed>(*ev) || std::holds_alternative<v1::ike_closed>(*ev)) ++ended;
            if (const auto* closed = std::get_if<v1::ike_closed>(&*ev); closed != nullptr && ike_v1_count != nullptr)
                ++ike_v1_count->refused_under_protection[static_cast<std::size_t>(closed->why)];
            ike.answer(*ev, true);
        }
        // A user who lets everybody in, and gives everybody the same address.
        while (const auto d = ike.poll_dialogue()) {
            if (const auto* a = std::get_if<v1::xauth_attempt>(&*d)) ike.answer(now, *a, true);
            if (const auto* p = std::get_if<v1::xauth_prompt>(&*d)) {
                // With one-time passwords at hand, and nothing else.
                const v1::credentials given{.user = "carol", .password = secret<128>{std::array<std::byte, 8>{}}};
                ike.answer(now, *p, p->type == isakmp::xauth_type::generic ? nullptr : &given);
            }
            if (const auto* w = std::get_if<v1::configuration_wanted>(&*d))
                ike.answer(now, *w,
                           v1::configuration{}.add(isakmp::config_attribute::internal_ip4_address, ip::address::v4(10, 1, 0, 9)));
            if (const auto* x = std::get_if<v1::xauth_ended>(&*d)) passed += x->passed ? 1U : 0U;
            if (std::holds_alternative<v1::configured>(*d)) ++configured;
        }
    }
    /// What may not change by a message that nothing vouches for.
    [[nodiscard]] auto gained() const {
        return std::array{ike.established_count(), ike.children().size(), installed, removed, passed, configured};
    }
    /// Nor by one that is refused.
    [[nodiscard]] auto standing() const {
        return std::pair{gained(), std::array{ike.half_open_count(), ike.ike_sa_count(), ended}};
    }
    testing::identity_key_provider crypto;
    ike_v1_spy spy;
    endpoint ike;
    std::size_t installed = 0, removed = 0, ended = 0, passed = 0, configured = 0;
};

/// Runs the honest exchange until `stop` messages were delivered.
struct ike_v1_pair {
    using end = ike_v1_end;
    explicit ike_v1_pair(std::size_t stop, v1::config l = ike_v1_config(true), v1::config r = ike_v1_config(false))
        : left{std::move(l), 11}, right{std::move(r), 12} {
        (void)left.ike.start(now, sa::policy_id{1});
        for (std::size_t i = 0; i < 12 && delivered < stop; ++i) {
            carry(left, right, stop, ike::reversed(ike_v1_left));
            carry(right, left, stop, ike_v1_left);
        }
        left.drain(now);
        right.drain(now);
        hold_back();
    }
    /// What both would say next is thrown away, but for the first message: the fuzzer speaks next.
    void hold_back() {
        const byte_span scratch = ike_v1_scratch();
        for (end* e : {&left, &right})
            while (const auto tx = e->ike.poll_transmit(scratch)) {
                if (!held_back.empty()) continue;
                held_back.assign(tx->octets.begin(), tx->octets.end());
                held_for = e == &left ? &right : &left;
                if (first.empty()) first = held_back;
            }
    }
    void carry(end& from, end& to, std::size_t stop, const ike::path& at) {
        const byte_span scratch = ike_v1_scratch();
        from.drain(now);
        while (delivered < stop) {
            const auto tx = from.ike.poll_transmit(scratch);
            if (!tx) return;
            last.assign(tx->octets.begin(), tx->octets.end());
            if (first.empty()) first = last;
            to.ike.handle_datagram(now, at, tx->octets);
            to.drain(now);
            ++delivered;
        }
    }
    /// Delivers a message of the fuzzer's and checks what must hold whatever it says.
    /// @param is_proven  nothing vouches for it otherwise, so that nothing may come of it
    void say(bool to_right, byte_view m, bool is_proven = true) {
        end& to = to_right ? right : left;
        const ike::path at = to_right ? ike::reversed(ike_v1_left) : ike_v1_left;
        const auto before = to.standing();
        const auto refused = to.spy.refused;
        const auto stood = to.ike.established_count(), had = to.installed, lost = to.removed;
        to.ike.handle_datagram(now, at, m);
        to.drain(now);
        if (!is_proven) expect(to.gained() == before.first);
        now = now + milliseconds(60);  // whoever rests after an answer goes on
        to.ike.handle_timeout(now);
        to.drain(now);
        if (ike_v1_count != nullptr) {
            ike_v1_count->established += to.ike.established_count() > stood ? 1U : 0U;
            ike_v1_count->installed += to.installed - had;
            ike_v1_count->removed += to.removed - lost;
        }
        const bool answered = listen(to);
        if (to.spy.refused > refused && !answered && to.standing() == before) go_on(to, at);
        expect(to.ike.ike_sa_count() <= 4);
        expect(to.installed >= to.removed);
        for (int i = 0; i < 4; ++i) {  // and time ends it
            now = now + seconds(100);
            to.ike.handle_timeout(now);
            to.drain(now);
            while (to.ike.poll_transmit(ike_v1_scratch())) {}
        }
        expect(to.ike.half_open_count() == 0);
    }
    instant now{3'600'000'000'000};
    end left, right;
    std::size_t delivered = 0;
    std::vector<std::byte> first, last;  ///< delivered; the first one is held back where none was
    std::vector<std::byte> held_back;    ///< that would have come next, if there is one
    end* held_for = nullptr;

private:
    /// Whatever came in, what goes out is well formed. @return whether anything does
    auto listen(end& e) -> bool {
        bool any = false;
        while (auto tx = e.ike.poll_transmit(ike_v1_scratch())) {
            // Behind a NAT there is a marker in front, or the datagram only keeps its mapping.
            const bool in_udp = tx->path.link.kind == ike::link_kind::udp_encap;
            if (in_udp && tx->octets.size() == 1) continue;
            expect(isakmp::parse_header(in_udp ? tx->octets.subspan(4) : tx->octets).has_value());
            any = true;
        }
        return any;
    }
    /// Who refused a message is where it was: it takes the honest one as if nothing had come before.
    void go_on(end& e, const ike::path& at) {
        if (held_for != &e) return;
        auto* const count = std::exchange(ike_v1_count, nullptr);
        const auto before = e.standing();
        e.ike.handle_datagram(now, at, held_back);
        e.drain(now);
        const bool answered = listen(e);
        expect(answered || e.standing() != before);
        ike_v1_count = count;
    }
};

}  // namespace ipsec::fuzz

#ifdef IPSECPP_ENDS_MADE_ONCE  // see tests/support/made_once
extern template class ipsec::ike::v1::ike_sa<ipsec::fuzz::ike_v1_traits>;
extern template class ipsec::ike::v1::endpoint<ipsec::fuzz::ike_v1_traits>;
#endif
