// Every pair of state and event of Main Mode and Quick Mode, against the figures of RFC 2409 §5.4 and §5.5.
#include <map>
#include <string>
#include <tuple>

#include "ipsec/ike/v1/quick_mode.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "support/catch.hpp"

using namespace ipsec;
namespace v1 = ipsec::ike::v1;
namespace mm = v1::main_mode;
namespace qm = v1::quick_mode;
using ike::errc;

namespace {

using provider = testing::identity_provider;
using key = provider::dh_key;
using environment = v1::environment<provider, null_observer>;
using quick_environment = qm::environment<provider, null_observer>;
using generated = v1::dh_generated<key>;

/// What a transition did: the next state, and the message in the RFC's notation.
struct edge {
    std::string next, sent;
    friend auto operator==(const edge&, const edge&) -> bool = default;
};
auto operator<<(std::ostream& out, const edge& e) -> std::ostream& { return out << e.next << " [" << e.sent << "]"; }
using table = std::map<std::pair<std::string, std::string>, edge>;

auto notation(const v1::sealed_message& m) -> std::string {
    const auto h = isakmp::header::parse(m.datagram);
    REQUIRE(h);
    const auto chain = isakmp::chain::parse(h->next_payload, m.payloads, isakmp::rules_decrypted);
    REQUIRE(chain);
    std::string out = h->flags.encrypted() ? "HDR*" : "HDR";
    for (const auto& p : *chain) {
        using enum isakmp::payload_type;
        out += p.type == security_association ? ", SA"
               : p.type == key_exchange       ? ", KE"
               : p.type == nonce              ? ", N"
               : p.type == identification     ? ", ID"
               : p.type == hash               ? ", HASH"
               : p.type == vendor_id          ? ", VID"
                                              : ", ?";
    }
    return out;
}
template <class... Next> auto describe(const v1::step<Next...>& s) -> edge {
    edge e{std::visit([](const auto& x) { return std::string{std::decay_t<decltype(x)>::name}; }, s.state),
           s.out.send ? notation(*s.out.send) : ""};
    if (s.out.report) e.sent = std::string{name_of(*s.out.report)};
    return e;
}
template <class T, class... Next> auto only(v1::step<Next...>&& s) -> T {
    REQUIRE(std::holds_alternative<T>(s.state));
    return std::get<T>(std::move(s.state));
}

/// One peer's view, and the states of Main Mode as an honest exchange makes them.
struct phase_1 {
    phase_1() {
        for (auto* p : {&left, &right}) {
            p->path = {{ip::address::v4(192, 0, 2, 1), 500}, {ip::address::v4(198, 51, 100, 1), 500}, {}};
            p->psk = v1::psk_of("correct horse");
            p->suites = {{crypto::encryption_id::aes_cbc, 128, crypto::hash_id::sha1, crypto::group_id::modp768}};
        }
        right.path = ike::reversed(left.path);
    }
    auto i() -> environment { return {instant{}, crypto, nobody, left, v1::peer_id{0}}; }
    auto r() -> environment { return {instant{}, crypto, nobody, right, v1::peer_id{0}}; }
    auto dh() -> generated { return {std::move(*crypto.generate({}, crypto::group_id::modp768))}; }
    static auto ke() -> mm::key_exchange { return {v1::octets(96, std::byte{7}), v1::octets(32, std::byte{9})}; }
    static auto gxy() -> v1::dh_agreed { return {crypto::dh_secret::zeros(96)}; }
    static auto who() -> mm::authenticated { return {.remote = {}, .next = v1::make_iv(v1::octets(16))}; }
    auto picked() -> mm::reply_sa {
        return {
            isakmp::cookie_r{std::array<std::byte, 8>{std::byte{2}}}, v1::pick_ike(right, v1::write_ike_offer(left))->agreed, {}};
    }

    template <class S> auto state() -> S {
        auto ei = i(), er = r();
        if constexpr (std::same_as<S, mm::sent_sa>) return only<S>(mm::start(ei));
        else if constexpr (std::same_as<S, mm::making_ke_i>) return only<S>(mm::on(state<mm::sent_sa>(), picked(), ei));
        else if constexpr (std::same_as<S, mm::sent_ke<key>>) return only<S>(mm::on(state<mm::making_ke_i>(), dh(), ei));
        else if constexpr (std::same_as<S, mm::agreeing_i<key>>) return only<S>(mm::on(state<mm::sent_ke<key>>(), ke(), ei));
        else if constexpr (std::same_as<S, mm::sent_auth>) return only<S>(mm::on(state<mm::agreeing_i<key>>(), gxy(), ei));
        else if constexpr (std::same_as<S, mm::making_ke_r>)
            return only<S>(mm::begin({}, picked().agreed, {}, v1::write_ike_offer(left), ke(), er));
        else if constexpr (std::same_as<S, mm::agreeing_r<key>>) return only<S>(mm::on(state<mm::making_ke_r>(), dh(), er));
        else if constexpr (std::same_as<S, mm::expecting_auth>) return only<S>(mm::on(state<mm::agreeing_r<key>>(), gxy(), er));
        else return only<S>(mm::on(state<mm::sent_auth>(), who(), ei));
    }

    provider crypto{3};
    null_observer nobody;
    v1::peer_config left, right;
};

template <class State> void walk_main_mode(const std::string& state, table& seen) {
    phase_1 p;
    const auto put = [&](const char* event, auto value) {
        auto e = p.i();
        seen[{state, event}] = describe(mm::on(p.template state<State>(), std::move(value), e));
    };
    put("SA", p.picked());
    put("KE", phase_1::ke());
    put("g^x", p.dh());
    put("no g^x", generated{std::unexpected{crypto::errc::provider_failed}});
    put("g^xy", phase_1::gxy());
    put("no g^xy", v1::dh_agreed{std::unexpected{crypto::errc::provider_failed}});
    put("HASH", phase_1::who());
    put("HASH of another", mm::misidentified{});
}

/// Quick Mode under an ISAKMP SA, with or without PFS; the peer is the same machine.
struct phase_2 {
    explicit phase_2(bool pfs) {
        v1::child_config child;
        const ike::client l{.addresses = *ip::parse_range("10.1.0.0/16")}, r{.addresses = *ip::parse_range("10.2.0.0/16")};
        child.pfs = pfs ? crypto::group_id::modp768 : crypto::group_id::none;
        child.local = l;
        child.remote = r;
        p.left.children = {child};
        child.local = r;
        child.remote = l;
        p.right.children = {child};
    }
    auto i() -> quick_environment { return {p.i(), up}; }
    auto r() -> quick_environment { return {p.r(), up}; }
    auto first() -> v1::step<qm::making_ke_i, qm::sent_offer<key>, v1::failed> {
        auto e = i();
        const auto& c = p.left.children[0];
        return qm::start({id, 0, c.local, c.remote}, {{1000, 1001}}, e);
    }
    /// The messages of one honest exchange, as they were sent; the initiator's state is the one that made them.
    auto exchange(std::size_t messages) -> std::vector<v1::octets> {
        std::vector<v1::octets> out;
        auto ei = i(), er = r();
        auto one = first();
        if (auto* ke = std::get_if<qm::making_ke_i>(&one.state)) {
            auto two = qm::on(std::move(*ke), p.dh(), ei);
            offered.emplace(only<qm::sent_offer<key>>(std::move(two)));
            out.push_back(two.out.send->datagram);
        } else {
            out.push_back(one.out.send->datagram);
            offered.emplace(only<qm::sent_offer<key>>(std::move(one)));
        }
        if (messages == 1) return out;
        auto installing = answering(out[0]);
        auto two = qm::on(std::move(installing), qm::installed{}, er);
        out.push_back(two.out.send->datagram);
        expecting.emplace(only<qm::expecting_proof>(std::move(two)));
        return out;
    }
    auto offer(const v1::octets& m) -> qm::offer {
        auto e = r();
        auto got = qm::admit_offer(*isakmp::header::parse(m), m, e);
        REQUIRE(got);
        return std::move(*got);
    }
    auto begun(const v1::octets& m) -> v1::step<qm::making_ke_r, qm::installing_r, v1::failed> {
        auto e = r();
        return qm::begin(id, offer(m), own, e);
    }
    auto answering(const v1::octets& m) -> qm::installing_r {
        auto e = r();
        auto s = begun(m);
        if (auto* ke = std::get_if<qm::making_ke_r>(&s.state))
            return only<qm::installing_r>(
                qm::on(only<qm::agreeing_r<key>>(qm::on(std::move(*ke), p.dh(), e)), phase_1::gxy(), e));
        return only<qm::installing_r>(std::move(s));
    }
    auto answer() -> qm::answer {
        const auto m = exchange(2);
        auto e = i();
        auto got = qm::admit(*offered, *isakmp::header::parse(m[1]), m[1], e);
        REQUIRE(got);
        return std::move(*got);
    }
    auto proof() -> qm::proof {
        auto e = i();
        auto er = r();
        auto a = answer();
        auto s = installing(qm::on(std::move(*offered), std::move(a), e));
        auto last = qm::on(std::move(s), qm::installed{}, e);
        const auto& m = last.out.send->datagram;
        auto got = qm::admit(*expecting, *isakmp::header::parse(m), m, er);
        REQUIRE(got);
        return std::move(*got);
    }
    auto installing(v1::step<qm::agreeing_i<key>, qm::installing_i, v1::failed> s) -> qm::installing_i {
        auto e = i();
        if (auto* dh = std::get_if<qm::agreeing_i<key>>(&s.state))
            return only<qm::installing_i>(qm::on(std::move(*dh), phase_1::gxy(), e));
        return only<qm::installing_i>(std::move(s));
    }
    template <class S> auto state() -> S {
        auto ei = i(), er = r();
        if constexpr (std::same_as<S, qm::making_ke_i>) return only<S>(first());
        else if constexpr (std::same_as<S, qm::sent_offer<key>>) return exchange(1), std::move(*offered);
        else if constexpr (std::same_as<S, qm::agreeing_i<key>>) {
            auto a = answer();
            return only<S>(qm::on(std::move(*offered), std::move(a), ei));
        } else if constexpr (std::same_as<S, qm::installing_i>) {
            auto a = answer();
            return installing(qm::on(std::move(*offered), std::move(a), ei));
        } else if constexpr (std::same_as<S, qm::making_ke_r>) return only<S>(begun(exchange(1)[0]));
        else if constexpr (std::same_as<S, qm::agreeing_r<key>>)
            return only<S>(qm::on(state<qm::making_ke_r>(), p.dh(), er));
        else if constexpr (std::same_as<S, qm::installing_r>) return answering(exchange(1)[0]);
        else if constexpr (std::same_as<S, qm::expecting_proof>) return exchange(2), std::move(*expecting);
        else return only<S>(qm::on(state<qm::installing_i>(), qm::installed{}, ei));
    }

    phase_1 p;
    mm::established up = p.state<mm::established>();
    isakmp::message_id id{77};
    std::vector<v1::child_spis> own{{2000, 2001}};
    std::optional<qm::sent_offer<key>> offered;
    std::optional<qm::expecting_proof> expecting;
};

template <class State> void walk_quick_mode(const std::string& state, bool pfs, table& seen) {
    phase_2 p{pfs};
    const auto put = [&](const char* event, auto make) {
        auto e = p.i();
        auto value = make();
        // The event comes first: it is that of the exchange which the state is of, where it fits it.
        if constexpr (std::same_as<State, qm::sent_offer<key>> && std::same_as<decltype(value), qm::answer>) {
            seen[{state, event}] = describe(qm::on(std::move(*p.offered), std::move(value), e));
        } else {
            seen[{state, event}] = describe(qm::on(p.template state<State>(), std::move(value), e));
        }
    };
    put("message 2", [&] { return p.answer(); });
    put("message 3", [&] { return p.proof(); });
    put("installed", [] { return qm::installed{}; });
    put("g^x", [&] { return p.p.dh(); });
    put("no g^x", [] { return generated{std::unexpected{crypto::errc::provider_failed}}; });
    put("g^xy", [] { return phase_1::gxy(); });
    put("no g^xy", [] { return v1::dh_agreed{std::unexpected{crypto::errc::provider_failed}}; });
}

/// Every edge of `figure` is there, and no pair beside them does anything but report.
void compare(const table& seen, const table& figure) {
    for (const auto& [pair, what] : seen) {
        CAPTURE(pair.first, pair.second);
        const auto it = figure.find(pair);
        const edge stays{pair.first.substr(0, pair.first.find(" (")), std::string{name_of(errc::unexpected_message)}};
        CHECK(what == (it != figure.end() ? it->second : stays));
    }
    for (const auto& [pair, what] : figure) {
        CAPTURE(pair.first, pair.second);
        CHECK(seen.contains(pair));
    }
}

}  // namespace

// req: rfc2409-4-1
// IKE1-040; req: rfc2408-5.2-5, rfc2408-5.7-2, rfc2408-3.1-8, rfc2408-3.1-9
TEST_CASE("Main Mode has the edges of its figure and no others", "[ike][edges]") {
    table seen;
    walk_main_mode<mm::sent_sa>("SA sent", seen);
    walk_main_mode<mm::making_ke_i>("making KE (i)", seen);
    walk_main_mode<mm::sent_ke<key>>("KE sent", seen);
    walk_main_mode<mm::agreeing_i<key>>("making g^xy (i)", seen);
    walk_main_mode<mm::sent_auth>("HASH_I sent", seen);
    walk_main_mode<mm::making_ke_r>("making KE (r)", seen);
    walk_main_mode<mm::agreeing_r<key>>("making g^xy (r)", seen);
    walk_main_mode<mm::expecting_auth>("waiting for HASH_I", seen);
    walk_main_mode<mm::established>("established", seen);
    CHECK(seen.size() == 9 * 8);
    compare(seen, {
                      // Initiator
                      {{"SA sent", "SA"}, {"making KE", ""}},
                      {{"making KE (i)", "g^x"}, {"KE sent", "HDR, KE, N"}},
                      {{"making KE (i)", "no g^x"}, {"failed", ""}},
                      {{"KE sent", "KE"}, {"making g^xy", ""}},
                      {{"making g^xy (i)", "g^xy"}, {"HASH_I sent", "HDR*, ID, HASH"}},
                      {{"making g^xy (i)", "no g^xy"}, {"failed", ""}},
                      {{"HASH_I sent", "HASH"}, {"established", ""}},
                      {{"HASH_I sent", "HASH of another"}, {"failed", ""}},
                      // Responder; its answer to message 1 has no state
                      {{"making KE (r)", "g^x"}, {"making g^xy", "HDR, KE, N"}},
                      {{"making KE (r)", "no g^x"}, {"failed", ""}},
                      {{"making g^xy (r)", "g^xy"}, {"waiting for HASH_I", ""}},
                      {{"making g^xy (r)", "no g^xy"}, {"failed", ""}},
                      {{"waiting for HASH_I", "HASH"}, {"established", "HDR*, ID, HASH"}},
                      {{"waiting for HASH_I", "HASH of another"}, {"failed", ""}},
                  });
    phase_1 p;
    auto e = p.i();
    CHECK(describe(mm::start(e)) == edge{"SA sent", "HDR, SA, VID, VID"});
}

// req: rfc2409-5.5-1
TEST_CASE("Quick Mode has the edges of its figure and no others", "[ike][edges]") {
    const bool pfs = GENERATE(false, true);
    CAPTURE(pfs);
    table seen, figure{
                    {{"offer sent", "message 2"}, {pfs ? "making g(qm)^xy" : "installing inbound SAs", ""}},
                    {{"installing inbound SAs (i)", "installed"}, {"done", "HDR*, HASH"}},
                    {{"installing inbound SAs (r)", "installed"},
                     {"waiting for HASH(3)", pfs ? "HDR*, HASH, SA, N, KE, ID, ID" : "HDR*, HASH, SA, N, ID, ID"}},
                    {{"waiting for HASH(3)", "message 3"}, {"done", ""}},
                };
    walk_quick_mode<qm::sent_offer<key>>("offer sent", pfs, seen);
    walk_quick_mode<qm::installing_i>("installing inbound SAs (i)", pfs, seen);
    walk_quick_mode<qm::installing_r>("installing inbound SAs (r)", pfs, seen);
    walk_quick_mode<qm::expecting_proof>("waiting for HASH(3)", pfs, seen);
    walk_quick_mode<qm::done>("done", pfs, seen);
    phase_2 p{pfs};
    if (pfs) {
        walk_quick_mode<qm::making_ke_i>("making KE (i)", pfs, seen);
        walk_quick_mode<qm::agreeing_i<key>>("making g(qm)^xy (i)", pfs, seen);
        walk_quick_mode<qm::making_ke_r>("making KE (r)", pfs, seen);
        walk_quick_mode<qm::agreeing_r<key>>("making g(qm)^xy (r)", pfs, seen);
        figure.merge(table{
            {{"making KE (i)", "g^x"}, {"offer sent", "HDR*, HASH, SA, N, KE, ID, ID"}},
            {{"making KE (i)", "no g^x"}, {"failed", ""}},
            {{"making g(qm)^xy (i)", "g^xy"}, {"installing inbound SAs", ""}},
            {{"making g(qm)^xy (i)", "no g^xy"}, {"failed", ""}},
            {{"making KE (r)", "g^x"}, {"making g(qm)^xy", ""}},
            {{"making KE (r)", "no g^x"}, {"failed", ""}},
            {{"making g(qm)^xy (r)", "g^xy"}, {"installing inbound SAs", ""}},
            {{"making g(qm)^xy (r)", "no g^xy"}, {"failed", ""}},
        });
        CHECK(describe(p.first()) == edge{"making KE", ""});
        CHECK(describe(p.begun(p.exchange(1)[0])) == edge{"making KE", ""});
    } else {
        CHECK(describe(p.first()) == edge{"offer sent", "HDR*, HASH, SA, N, ID, ID"});
        CHECK(describe(p.begun(p.exchange(1)[0])) == edge{"installing inbound SAs", ""});
    }
    CHECK(seen.size() == (pfs ? 9U : 5U) * 7);
    compare(seen, figure);
}
