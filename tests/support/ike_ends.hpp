#pragma once
// Two IKEv1 endpoints over a bad link in virtual time, each with a table of the SAs it was told to install.
#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ipsec/core/overloaded.hpp"
#include "ipsec/ike/v1/endpoint.hpp"
#include "ipsec/isakmp/payloads/nat_oa.hpp"
#include "ipsec/testing/deferred_dh.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "ipsec/testing/lossy_link.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "support/hex.hpp"

namespace ipsec::test {

namespace v1 = ike::v1;

/// Everything that an endpoint told its observer.
struct ike_record {
    std::vector<ike::audit_record> audits;
    std::vector<ike::notify_record> notes;
    std::vector<std::string> messages;  ///< "-> Main Mode" and so on
    std::size_t sent_deletes = 0;       ///< messages with a Delete, the first time each was sent
    struct step {
        isakmp::exchange_type exchange;
        isakmp::message_id id;
        isakmp::cookie_i cookie;
        std::string_view state;
    };
    std::vector<step> steps;  ///< states by their names, as messages came and went
    std::vector<ike::path_record> moves;
    std::vector<v1::misfit> misfits;  ///< of all offers that were refused
    std::vector<v1::misfit> misfits_of_answers;
    std::vector<std::string> original_addresses;  ///< of NAT-OA payloads that came in
    std::string ke_i, ke_r;                     ///< of the last phase 1 by the revised mode of encryption
    std::vector<std::vector<std::byte>> certificates;  ///< bodies of CERT payloads that were sent, once each
    std::vector<v1::main_mode::keyed> phase_1;  ///< what one needs to speak under an ISAKMP SA, where crypto is the identity
    std::function<void(const ike::message_trace&)> look;  ///< is shown each message as well
    void on(const v1::phase_1_secrets& s) noexcept {
        v1::main_mode::keyed k;
        k.cky = s.cookies;
        k.agreed.suite = s.suite;
        k.prf = v1::prf_of(s.suite);
        k.keys = {s.keys->skeyid.clone(), s.keys->skeyid_d.clone(), s.keys->skeyid_a.clone(), s.keys->skeyid_e.clone()};
        k.cipher = {s.suite.encryption, s.initial_iv.size, v1::encryption_key{s.encryption_key}};
        k.next = s.initial_iv;
        ke_i = hex(s.ke_i);
        ke_r = hex(s.ke_r);
        phase_1.push_back(std::move(k));
    }
    void on(const ike::audit_record& r) noexcept { audits.push_back(r); }
    void on(const ike::path_record& r) noexcept { moves.push_back(r); }
    void on(const ike::notify_record& r) noexcept { notes.push_back(r); }
    void on(const v1::misfit_record& r) noexcept {
        auto& to = r.of_answer ? misfits_of_answers : misfits;
        to.insert(to.end(), r.misfits.begin(), r.misfits.end());
    }
    void on(const ike::message_trace& m) noexcept {
        if (look) look(m);
        steps.push_back({m.header.exchange, m.header.id, m.header.initiator, m.state});
        messages.push_back(std::string{m.direction == ike::direction::in ? "<- " : "-> "} +
                           std::string{isakmp::name_of(m.header.exchange)});
        const auto chain = isakmp::chain::parse(m.header.next_payload, m.payloads, isakmp::rules_decrypted);
        if (m.direction == ike::direction::out && m.transmission == 1 && chain &&
            chain->count(isakmp::payload_type::delete_sa) > 0)
            ++sent_deletes;
        if (m.direction == ike::direction::out && m.transmission == 1 && chain)
            for (const isakmp::payload_view& p : *chain)
                if (p.type == isakmp::payload_type::certificate) certificates.emplace_back(p.body.begin(), p.body.end());
        if (m.direction == ike::direction::in && chain)
            for (const isakmp::payload_view& p : *chain)
                if (const auto oa = isakmp::nat_oa::parse(p.body); p.type == isakmp::payload_type::nat_oa && oa)
                    original_addresses.push_back(hex(oa->address));
    }
    [[nodiscard]] auto count(ike::errc e) const -> std::size_t {
        return static_cast<std::size_t>(std::ranges::count(audits, e, &ike::audit_record::why));
    }
};

template <class Provider> struct ike_traits {
    using provider = Provider;
    using observer = ike_record;
};

inline const ip::address left_address = ip::address::v4(192, 0, 2, 1);
inline const ip::address right_address = ip::address::v4(198, 51, 100, 1);
inline const ike::path left_path{{left_address, 500}, {right_address, 500}, {}};

/// A configuration with one peer: the same policy seen from either end.
[[nodiscard]] inline auto ike_config(bool left, std::string_view psk = "correct horse") -> v1::config {
    v1::config c;
    v1::peer_config p;
    p.path = left ? left_path : ike::reversed(left_path);
    p.psk = v1::psk_of(psk);
    p.suites = {{crypto::encryption_id::aes_cbc, 128, crypto::hash_id::sha2_256, crypto::group_id::modp2048}};
    v1::child_config child;
    const ike::client net_l{.addresses = *ip::parse_range("10.1.0.0/16")}, net_r{.addresses = *ip::parse_range("10.2.0.0/16")};
    child.local = left ? net_l : net_r;
    child.remote = left ? net_r : net_l;
    child.policy = sa::policy_id{left ? 1U : 101U};
    p.children.push_back(child);
    c.peers.push_back(std::move(p));
    return c;
}

template <class Provider>
struct ike_end {
    using endpoint = v1::endpoint<ike_traits<Provider>>;
    struct sa_entry {
        bool inbound = false;
        sa::mode mode{};
        ip::address source;
        sa::policy_id policy;
        crypto::transform transform;
        std::string key;
        ip::selector selectors;
        sa::lifetimes lifetimes;
        bool esn = false;
        sa::bundle_place bundle;
        instant when;
        sa::udp_encapsulation encapsulation;
    };

    /// @param args  of the provider
    template <class... Args> explicit ike_end(v1::config c, Args&&... args)
        : ike_end(with_provider{}, std::move(c), Provider(std::forward<Args>(args)...)) {}
    ike_end(const ike_end&) = delete;
    ~ike_end();

    static auto make(v1::config c, Provider& p, ike_record& r) -> endpoint;
    /// SAs by direction, SPI and protocol: "in esp 0000abcd".
    static auto name(const sa::id& id, bool inbound) -> std::string;
    void drain_events(instant now);
    auto take(const sa::install& e, bool inbound, instant now) -> bool;

    Provider crypto;
    ike_record record;
    endpoint ike;
    std::map<std::string, sa_entry> table;
    std::size_t removed = 0;
    std::vector<v1::ike_established> established;
    std::vector<v1::exchange_failed> failures;
    std::vector<v1::ike_closed> closed;
    std::vector<v1::child_established> children;
    int refuse_installs = 0;  ///< counts down; the install that makes it 0 is refused
    std::vector<sa::id> refused;  ///< what was refused so

private:
    struct with_provider {};
    ike_end(with_provider, v1::config c, Provider p);
};

/// A NAT in front of the left end: what leaves gets an address and ports of its own, what comes back finds its way.
struct nat_box {
    ip::address outside;
    std::uint16_t next_port = 40001;
    std::map<std::uint16_t, std::uint16_t> ports{};  ///< inner to outer
    /// The mappings are forgotten, and the next packets get others.
    void reboot() { ports.clear(); }
    [[nodiscard]] auto translate(testing::side from, ike::path p) -> ike::path {
        if (from == testing::side::left) {
            const auto [it, fresh] = ports.try_emplace(p.local.port, next_port);
            if (fresh) ++next_port;
            p.local = {outside, it->second};
        } else {
            for (const auto& [inner, outer] : ports)
                if (p.remote == ike::socket_address{outside, outer}) {
                    p.remote = {left_address, inner};
                    break;
                }
        }
        return p;
    }
};

template <class Provider>
struct ike_ends {
    using side = testing::side;
    using link = testing::lossy_link<ike::path>;

    explicit ike_ends(v1::config l = ike_config(true), v1::config r = ike_config(false), link wire_ = link{},
                      std::uint64_t seed = 1)
        requires std::constructible_from<Provider, std::uint64_t>;
    ike_ends(const ike_ends&) = delete;
    ~ike_ends();

    [[nodiscard]] auto now() const -> instant { return clock.now(); }
    void flush(ike_end<Provider>& end, side from);
    /// One instant: everything that has arrived, timers, deferred answers, output.
    void turn();
    auto answer_tickets(ike_end<Provider>& end) -> bool;
    /// Runs until nothing is under way and no timer falls before `end`. @return false if it never came to rest
    auto run(duration how_long = seconds(300)) -> bool;
    /// Whether each side's inbound SAs are the other's outbound SAs, with the same keys, transforms and traffic.
    [[nodiscard]] auto equal_sas() const -> bool;
    static auto covers(const ike_end<Provider>& a, const ike_end<Provider>& b) -> bool;

    struct message {
        side from;
        std::vector<std::byte> octets;
        ike::path path;
    };
    testing::clock clock;
    ike_end<Provider> left, right;
    link wire;
    std::vector<message> sent;
    bool hold_tickets = false;
    std::optional<nat_box> nat{};
};

/// Two ends and no link between them.
template <class Provider> struct ends_without_link {
    ends_without_link(v1::config l, v1::config r);
    ~ends_without_link();
    void run(duration d);
    testing::seeded_rng rng_l{3}, rng_r{4};
    ike_end<Provider> left, right;
    std::vector<std::vector<std::byte>> sent;
    instant now{1'000'000'000};
};

/// The first message that an endpoint of this configuration sends; nothing where it sends none.
template <class Provider = testing::identity_provider>
auto first_message(v1::config c, std::uint64_t seed) -> std::vector<std::byte>;

using identity_ends = ike_ends<testing::identity_provider>;
using deferred_ends = ike_ends<testing::deferred_dh<testing::identity_provider>>;

}  // namespace ipsec::test

#include "support/ike_ends_bodies.hpp"

#ifdef IPSECPP_ENDS_MADE_ONCE  // their code is in the objects of tests/support/made_once: most tests need no more
#define IPSECPP_ENDS_ELSEWHERE(...) IPSECPP_ENDS(extern template, __VA_ARGS__)
#else
#define IPSECPP_ENDS_ELSEWHERE(...)
#endif
/// All code of two ends on a provider. `kind`: `template` in the file that has it, `extern template` in all others.
#define IPSECPP_ENDS(kind, ...)                                              \
    kind class ipsec::ike::v1::ike_sa<ipsec::test::ike_traits<__VA_ARGS__>>;   \
    kind class ipsec::ike::v1::endpoint<ipsec::test::ike_traits<__VA_ARGS__>>; \
    kind struct ipsec::test::ike_end<__VA_ARGS__>;                             \
    kind struct ipsec::test::ike_ends<__VA_ARGS__>;
IPSECPP_ENDS_ELSEWHERE(ipsec::testing::identity_provider)
IPSECPP_ENDS_ELSEWHERE(ipsec::testing::deferred_dh<ipsec::testing::identity_provider>)
#ifdef IPSECPP_ENDS_MADE_ONCE
extern template auto ipsec::test::first_message<ipsec::testing::identity_provider>(ipsec::ike::v1::config, std::uint64_t)
    -> std::vector<std::byte>;
#endif
