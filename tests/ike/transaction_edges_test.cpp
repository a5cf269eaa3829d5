// XAUTH and Mode Config, walked: every state of each machine, with every event that it may get, made of real messages. The edges
// that were gone are those that were typed from the drafts (rfc2409_edges.txt), all of them and no others; and what is said and
// asked on the way is what the figures of the drafts have.
//                                            draft-beaulieu-ike-xauth-02 §5, §6; draft-dukes-ike-mode-cfg-02 §2, §3
#include <cstdlib>
#include <fstream>
#include <list>
#include <map>
#include <set>

#include "ipsec/core/overloaded.hpp"
#include "ipsec/ike/v1/machines.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "support/catch.hpp"

using namespace ipsec;
namespace v1 = ipsec::ike::v1;
namespace tr = v1::transaction;
namespace xa = v1::xauth_mode;
namespace mc = v1::mode_config;
using isakmp::config_attribute;
using isakmp::config_message;
using enum isakmp::config_attribute;

namespace {

auto text_of(byte_view b) -> std::string { return {reinterpret_cast<const char*>(b.data()), b.size()}; }
auto raw(std::string_view s) -> byte_view { return std::as_bytes(std::span{s}); }

/// One message, as the drafts write it: "REPLY(NAME=joe PASSWORD=foobar)".
auto notation(const isakmp::attributes& in) -> std::string {
    static const std::map<config_attribute, const char*> names{{xauth_type, "TYPE"},
                                                               {xauth_user_name, "NAME"},
                                                               {xauth_user_password, "PASSWORD"},
                                                               {xauth_message, "MESSAGE"},
                                                               {xauth_passcode, "PASSCODE"},
                                                               {xauth_status, "STATUS"},
                                                               {xauth_next_pin, "NEXT_PIN"},
                                                               {xauth_challenge, "CHALLENGE"},
                                                               {xauth_answer, "ANSWER"},
                                                               {internal_ip4_address, "ADDRESS"},
                                                               {internal_ip4_dns, "DNS"},
                                                               {internal_ip4_netmask, "NETMASK"},
                                                               {internal_ip4_nbns, "NBNS"}};
    std::string out{isakmp::name_of(in.message).substr(std::string_view{"ISAKMP_CFG_"}.size())};
    char before = '(';
    for (const isakmp::attribute a : in.list) {
        const auto type = static_cast<config_attribute>(a.type);
        const auto at = names.find(type);
        out += std::exchange(before, ' ') + std::string{at != names.end() ? at->second : "?"};
        const bool is_number = type == xauth_status || type == xauth_type;
        if (a.value.empty()) continue;
        if (isakmp::is_xauth(a.type)) out += "=" + (is_number ? std::to_string(a.number().value_or(99)) : text_of(a.value));
        else out += "=" + std::to_string(std::to_integer<int>(a.value.back()));
    }
    return before == '(' ? out : out + ")";
}

/// An ISAKMP SA that the messages are protected by, and what was received under it.
struct under_sa {
    under_sa() {
        ike.cky = {isakmp::cookie_i{std::array<std::byte, 8>{std::byte{1}}},
                   isakmp::cookie_r{std::array<std::byte, 8>{std::byte{2}}}};
        ike.agreed.suite = {crypto::encryption_id::aes_cbc, 128, crypto::hash_id::sha1, crypto::group_id::modp768};
        ike.prf = crypto::prf_id::hmac_sha1;
        const auto key = [] { return crypto::digest::zeros(20); };
        ike.keys = {key(), key(), key(), key()};
        ike.cipher = {crypto::encryption_id::aes_cbc, 16, v1::encryption_key::zeros(16)};
        peer.xauth.user = "joe";
        peer.xauth.password = secret<128>{raw("foobar")};
        peer.mode_config.wanted = {internal_ip4_address, internal_ip4_dns};
    }
    /// Writes a message, decrypts it and checks its HASH.
    auto carried(const tr::content& c) -> const isakmp::attributes& {
        const v1::iv first = v1::make_iv(v1::octets(16, std::byte{3}));
        const isakmp::message_id id{77};
        const auto m = tr::write(c, id, first, ike, crypto);
        REQUIRE(m);
        const auto h = isakmp::header::parse(m->datagram);
        REQUIRE(h);
        auto in = tr::admit(*h, m->datagram, first, ike, crypto);
        REQUIRE(in);
        received.push_back(std::move(*in));
        return received.back().body;
    }
    testing::identity_provider crypto{5};
    v1::main_mode::keyed ike;
    v1::peer_config peer;
    tr::environment env{peer, v1::peer_id{0}, {}};
    std::list<tr::proven> received;
};

struct said {
    std::string next, what;
    friend auto operator==(const said&, const said&) -> bool = default;
};
auto operator<<(std::ostream& out, const said& s) -> std::ostream& { return out << s.next << " [" << s.what << "]"; }
/// (state, event), each with what tells it from others of its kind in brackets, and what came of it.
using walk = std::map<std::pair<std::string, std::string>, said>;

struct walker {
    std::string machine;
    under_sa sa{};
    walk seen{};
    std::set<std::string> edges{};

    static auto kind(const std::string& s) -> std::string { return s.substr(0, s.find(" (")); }
    template <class... Next> void note(const std::string& state, const std::string& event, const tr::step<Next...>& s) {
        const std::string next{std::visit([](const auto& x) { return std::decay_t<decltype(x)>::name; }, s.state)};
        std::string what = s.out.say ? notation(sa.carried(*s.out.say)) : "";
        if (s.out.ask)
            what += std::visit(overloaded{[](const v1::xauth_attempt& a) { return "is it " + a.user + "?"; },
                                          [](const v1::xauth_prompt&) { return std::string{"who are you?"}; },
                                          [](const v1::xauth_ended& x) {
                                              return std::string{x.passed ? "; passed" : "; refused"};
                                          },
                                          [](const v1::configuration_wanted&) { return std::string{"what to give?"}; },
                                          [](const v1::configured& c) {
                                              return "; has " + std::to_string(c.given.items.size());
                                          }},
                               *s.out.ask);
        if (s.out.report) what += std::string{name_of(*s.out.report)};
        seen[{state, event}] = {next, what};
        edges.insert(machine + " | " + kind(state) + " | " + kind(event) + " | " + next);
    }
    /// Each state with each event, where there is a transition at all: most pairs do not compile.
    template <class State, class Event>
    void go(const std::string& name, const State& s, const std::string& event, const Event& e) {
        if constexpr (requires { on(copy(s), e, sa.env); }) note(name, event, on(copy(s), e, sa.env));
    }
    template <class S> static auto copy(const S& s) -> S { return s; }
};

auto edges_in_file(const std::string& machine) -> std::set<std::string> {
    const char* top = std::getenv("IPSECPP_SOURCE");
    REQUIRE(top != nullptr);
    std::ifstream file{std::string{top} + "/tests/ike/rfc2409_edges.txt"};
    REQUIRE(file);
    std::set<std::string> out;
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("[" + machine + " | ")) out.insert(line.substr(1, line.size() - 2));
    return out;
}
void compare(const walker& w, const walk& figure) {
    CHECK(w.edges == edges_in_file(w.machine));
    for (const auto& [pair, what] : w.seen) {
        CAPTURE(pair.first, pair.second, what);
        const auto at = figure.find(pair);
        CHECK(at != figure.end());
        if (at != figure.end()) CHECK(what == at->second);
    }
    for (const auto& [pair, what] : figure) {
        CAPTURE(pair.first, pair.second);
        CHECK(w.seen.contains(pair));
    }
}

auto content_of(config_message m, const std::vector<std::pair<config_attribute, std::string>>& list) -> tr::content {
    tr::content c{.message = m, .identifier = 9, .attributes = {}};
    for (const auto& [type, value] : list)
        if (type == xauth_status || type == xauth_type)
            REQUIRE(c.put_number(type, static_cast<std::uint16_t>(std::stoul(value))));
        else REQUIRE(c.put(type, std::string_view{value}));
    return c;
}

}  // namespace

TEST_CASE("the edge device of XAUTH goes by the edges of the draft and no others", "[ike][edges][xauth]") {
    walker w{"XAUTH | edge device"};
    w.note("-", "started", xa::ask(w.sa.env));
    // The environment has no provider, so that no challenge can be drawn.
    auto& first = w.sa.peer.xauth.question;
    first.type = isakmp::xauth_type::radius_chap;
    w.note("-", "started (RADIUS-CHAP, without chance)", xa::ask(w.sa.env));
    first.challenge = "pebbles";
    w.note("-", "started (RADIUS-CHAP)", xa::ask(w.sa.env));
    first = {};
    const v1::xauth_question pin{.type = {}, .wanted = {xauth_next_pin}, .message = "4 digits"};
    const auto from = [&]<class S>(const std::string& name, const S& s) {
        const auto reply = [&](const char* event, std::vector<std::pair<config_attribute, std::string>> list) {
            w.go(name, s, event, tr::reply{w.sa.carried(content_of(config_message::reply, list))});
        };
        reply("reply (name)", {{xauth_user_name, "joe"}, {xauth_user_password, "foobar"}});
        reply("reply (no name)", {{xauth_user_password, "foobar"}});
        reply("reply (another type)", {{xauth_type, "2"}, {xauth_user_name, "joe"}, {xauth_user_password, "foobar"}});
        reply("reply (FAIL)", {{xauth_user_name, "joe"}, {xauth_status, "0"}});
        w.go(name, s, "verdict (right)", xa::verdict{true, {}});
        w.go(name, s, "verdict (wrong)", xa::verdict{false, "again"});
        w.go(name, s, "question", xa::question{pin});
        w.go(name, s, "ack", tr::ack{w.sa.carried(content_of(config_message::ack, {{xauth_status, "1"}}))});
        w.go(name, s, "request", tr::request{w.sa.carried(content_of(config_message::request, {{xauth_user_name, ""}}))});
    };
    from("REQUEST sent", xa::asking{{2, 2}});
    from("judging (tries left)", xa::judging{{1, 1}});
    from("judging (last try)", xa::judging{{0, 1}});
    from("judging (last round)", xa::judging{{1, 0}});
    from("SET sent (OK)", xa::telling{true});
    from("SET sent (FAIL)", xa::telling{false});
    // Who is shut out stays so, whatever comes. (`passed` is a state of the client as well, which takes a REQUEST there.)
    from("refused", xa::refused{});
    compare(w, {
                   {{"-", "started"}, {"REQUEST sent", "REQUEST(NAME PASSWORD)"}},
                   {{"REQUEST sent", "reply (name)"}, {"judging", "is it joe?"}},
                   {{"-", "started (RADIUS-CHAP, without chance)"},
                    {"SET sent", "SET(STATUS=0)" + std::string{name_of(ike::errc::no_randomness)}}},
                   {{"-", "started (RADIUS-CHAP)"}, {"REQUEST sent", "REQUEST(TYPE=1 NAME PASSWORD CHALLENGE=pebbles)"}},
                   {{"REQUEST sent", "reply (no name)"},
                    {"SET sent", "SET(STATUS=0)" + std::string{name_of(ike::errc::malformed)}}},
                   {{"REQUEST sent", "reply (another type)"},
                    {"SET sent", "SET(STATUS=0)" + std::string{name_of(ike::errc::xauth_type)}}},
                   {{"REQUEST sent", "reply (FAIL)"}, {"SET sent", "SET(STATUS=0)"}},
                   {{"judging (tries left)", "verdict (right)"}, {"SET sent", "SET(STATUS=1)"}},
                   {{"judging (tries left)", "verdict (wrong)"}, {"REQUEST sent", "REQUEST(NAME PASSWORD MESSAGE=again)"}},
                   {{"judging (last try)", "verdict (right)"}, {"SET sent", "SET(STATUS=1)"}},
                   {{"judging (last try)", "verdict (wrong)"}, {"SET sent", "SET(STATUS=0 MESSAGE=again)"}},
                   {{"judging (last round)", "verdict (right)"}, {"SET sent", "SET(STATUS=1)"}},
                   {{"judging (last round)", "verdict (wrong)"}, {"SET sent", "SET(STATUS=0 MESSAGE=again)"}},
                   {{"judging (tries left)", "question"}, {"REQUEST sent", "REQUEST(NEXT_PIN MESSAGE=4 digits)"}},
                   {{"judging (last try)", "question"}, {"REQUEST sent", "REQUEST(NEXT_PIN MESSAGE=4 digits)"}},
                   {{"judging (last round)", "question"},
                    {"SET sent", "SET(STATUS=0)" + std::string{name_of(ike::errc::limit_reached)}}},
                   {{"SET sent (OK)", "ack"}, {"passed", "; passed"}},
                   {{"SET sent (FAIL)", "ack"}, {"refused", "; refused"}},
               });
}

TEST_CASE("the client of XAUTH goes by the edges of the draft and no others", "[ike][edges][xauth]") {
    walker w{"XAUTH | client"};
    w.note("-", "started", xa::expect(w.sa.env));
    v1::credentials given{.user = "joe", .domain = {}, .password = secret<128>{raw("other")}};
    const auto from = [&]<class S>(const std::string& name, const S& s) {
        const auto message = [&]<class Event>(std::type_identity<Event>, config_message m, const char* event,
                                              std::vector<std::pair<config_attribute, std::string>> list) {
            w.go(name, s, event, Event{w.sa.carried(content_of(m, list))});
        };
        const std::type_identity<tr::request> request;
        const std::type_identity<tr::set> set;
        message(request, config_message::request, "request (name, password)", {{xauth_user_name, ""}, {xauth_user_password, ""}});
        message(request, config_message::request, "request (passcode)", {{xauth_user_name, ""}, {xauth_passcode, ""}});
        message(request, config_message::request, "request (type 4)", {{xauth_type, "4"}, {xauth_user_name, ""}});
        message(request, config_message::request, "request (generic with a challenge)",
                {{xauth_user_name, ""}, {xauth_challenge, "pebbles"}});
        message(set, config_message::set, "set (OK)", {{xauth_status, "1"}});
        message(set, config_message::set, "set (FAIL)", {{xauth_status, "0"}});
        message(set, config_message::set, "set (no status)", {{xauth_message, "hello"}});
        message(std::type_identity<tr::reply>{}, config_message::reply, "reply", {{xauth_user_name, "joe"}});
        w.go(name, s, "answer (given)", xa::answer{&given});
        w.go(name, s, "answer (none)", xa::answer{});
    };
    const xa::prompting asked{{.rounds = 1}, 9, {}};
    from("expecting REQUEST", xa::expecting{});
    from("expecting REQUEST (told)", xa::expecting{{.told = true}});
    from("expecting REQUEST (eight came)", xa::expecting{{.rounds = 8}});
    from("prompting", asked);
    from("passed", xa::passed{});
    from("refused", xa::refused{});
    const std::string own = "REPLY(NAME=joe PASSWORD=foobar)";
    walk figure{
        {{"-", "started"}, {"expecting REQUEST", ""}},
        {{"expecting REQUEST (told)", "request (name, password)"}, {"prompting", "who are you?"}},  // it was wrong: once, no more
        {{"expecting REQUEST (told)", "request (passcode)"}, {"prompting", "who are you?"}},
        {{"prompting", "answer (given)"}, {"expecting REQUEST", "REPLY(NAME=joe PASSWORD=other)"}},
        {{"prompting", "answer (none)"}, {"expecting REQUEST", "REPLY(STATUS=0)"}},
    };
    for (const char* state : {"expecting REQUEST", "prompting", "passed"}) {
        figure[{state, "request (name, password)"}] = {"expecting REQUEST", own};
        figure[{state, "request (passcode)"}] = {"prompting", "who are you?"};
    }
    for (const char* state : {"expecting REQUEST", "expecting REQUEST (told)", "prompting", "passed"}) {
        figure[{state, "request (type 4)"}] = {"expecting REQUEST",
                                               "REPLY(TYPE=4 STATUS=0)" + std::string{name_of(ike::errc::xauth_type)}};
        figure[{state, "request (generic with a challenge)"}] = {"expecting REQUEST",
                                                                 "REPLY(STATUS=0)" + std::string{name_of(ike::errc::malformed)}};
    }
    const std::string too_many = "REPLY(STATUS=0)" + std::string{name_of(ike::errc::limit_reached)};
    for (const char* which : {"request (name, password)", "request (passcode)", "request (generic with a challenge)"})
        figure[{"expecting REQUEST (eight came)", which}] = {"expecting REQUEST", too_many};
    figure[{"expecting REQUEST (eight came)", "request (type 4)"}] = {
        "expecting REQUEST", "REPLY(TYPE=4 STATUS=0)" + std::string{name_of(ike::errc::limit_reached)}};
    for (const char* state :
         {"expecting REQUEST", "expecting REQUEST (told)", "expecting REQUEST (eight came)", "prompting", "passed"}) {
        figure[{state, "set (OK)"}] = {"passed", "ACK(STATUS); passed"};
        figure[{state, "set (FAIL)"}] = {"refused", "ACK(STATUS); refused"};
        figure[{state, "set (no status)"}] = {"refused", "ACK(STATUS); refused"};
    }
    compare(w, figure);
}

TEST_CASE("the client of Mode Config goes by the edges of the draft and no others", "[ike][edges][mode_config]") {
    walker w{"Mode Config | client"};
    auto& settings = w.sa.peer.mode_config;
    const auto start = [&](const char* how) { w.note("-", std::string{"started ("} + how + ")", mc::begin_client(w.sa.env)); };
    start("it asks");
    settings.push = true;
    start("the server pushes");
    settings.push = false;
    const auto wanted = std::exchange(settings.wanted, std::vector<config_attribute>(600, internal_ip4_dns));
    start("more than fits");
    settings.wanted = wanted;
    const std::string address{"\x0a\x03\x00\x07", 4};
    const auto from = [&]<class S>(const std::string& name, const S& s) {
        for (const bool good : {true, false}) {
            const std::string value = good ? address : address.substr(1);
            const char* which = good ? " (an address)" : " (of three octets)";
            w.go(name, s, std::string{"reply"} + which,
                 tr::reply{w.sa.carried(content_of(config_message::reply, {{internal_ip4_address, value}}))});
            w.go(name, s, std::string{"set"} + which,
                 tr::set{w.sa.carried(content_of(config_message::set, {{internal_ip4_address, value}}))});
        }
        w.go(name, s, "ack", tr::ack{});
    };
    from("REQUEST sent", mc::asking{});
    from("expecting SET", mc::expecting_set{});
    from("done", mc::done{});
    settings.required = false;
    from("REQUEST sent (phase 2 goes without)", mc::asking{});
    const std::string bad{name_of(ike::errc::malformed)};
    walk figure{
        {{"-", "started (it asks)"}, {"REQUEST sent", "REQUEST(ADDRESS DNS)"}},
        {{"-", "started (the server pushes)"}, {"expecting SET", ""}},
        {{"-", "started (more than fits)"}, {"failed", ""}},
        {{"REQUEST sent", "reply (of three octets)"}, {"failed", bad}},
        {{"REQUEST sent (phase 2 goes without)", "reply (of three octets)"}, {"done", bad}},
        {{"expecting SET", "set (of three octets)"}, {"expecting SET", bad}},
        {{"done", "set (of three octets)"}, {"done", bad}},
    };
    for (const char* state : {"REQUEST sent", "REQUEST sent (phase 2 goes without)"}) {
        figure[{state, "reply (an address)"}] = {"done", "; has 1"};
        figure[{state, "set (of three octets)"}] = {"REQUEST sent", bad};
    }
    for (const char* state : {"REQUEST sent", "REQUEST sent (phase 2 goes without)", "expecting SET", "done"})
        figure[{state, "set (an address)"}] = {"done", "ACK(ADDRESS); has 1"};
    compare(w, figure);
}

TEST_CASE("the server of Mode Config goes by the edges of the draft and no others", "[ike][edges][mode_config]") {
    walker w{"Mode Config | server"};
    auto& settings = w.sa.peer.mode_config;
    w.note("-", "started (it waits)", mc::begin_server(w.sa.env));
    settings.push = true;
    w.note("-", "started (it pushes)", mc::begin_server(w.sa.env));
    const std::string address{"\x0a\x03\x00\x07", 4};
    v1::configuration asked, given, too_much;
    asked.add(internal_ip4_address);
    given.add(internal_ip4_address, raw(address)).add(internal_ip4_dns, ip::address::v4(10, 2, 0, 53));
    for (int i = 0; i < 300; ++i) too_much.add(internal_ip4_dns, ip::address::v4(10, 2, 0, 53));
    const auto from = [&]<class S>(const std::string& name, const S& s) {
        for (const bool good : {true, false}) {
            const std::string value = good ? "" : address.substr(1);
            w.go(name, s, good ? "request (an address)" : "request (of three octets)",
                 tr::request{w.sa.carried(content_of(config_message::request, {{internal_ip4_address, value}}))});
            w.go(name, s, good ? "ack (an address)" : "ack (of three octets)",
                 tr::ack{w.sa.carried(content_of(config_message::ack, {{internal_ip4_address, value}}))});
        }
        w.go(name, s, "configuration (an address)", given);
        w.go(name, s, "configuration (too much)", too_much);
    };
    from("expecting REQUEST", mc::expecting_request{});
    from("serving", mc::serving{asked, 9});
    from("composing", mc::composing{});
    from("SET sent", mc::setting{given});
    from("done", mc::done{});
    settings.required = false;
    from("SET sent (phase 2 goes without)", mc::setting{given});
    const std::string bad{name_of(ike::errc::malformed)}, full{name_of(ike::errc::limit_reached)};
    walk figure{
        {{"-", "started (it waits)"}, {"expecting REQUEST", ""}},
        {{"-", "started (it pushes)"}, {"composing", "what to give?"}},
        {{"serving", "configuration (an address)"}, {"done", "REPLY(ADDRESS=7 DNS=53)"}},
        {{"serving", "configuration (too much)"}, {"serving", full}},
        {{"composing", "configuration (an address)"}, {"SET sent", "SET(ADDRESS=7 DNS=53)"}},
        {{"composing", "configuration (too much)"}, {"composing", full}},
        {{"SET sent", "ack (an address)"}, {"done", "; has 1"}},
        {{"SET sent", "ack (of three octets)"}, {"failed", bad}},
        {{"SET sent (phase 2 goes without)", "ack (an address)"}, {"done", "; has 1"}},
        {{"SET sent (phase 2 goes without)", "ack (of three octets)"}, {"done", bad}},
    };
    for (const char* state :
         {"expecting REQUEST", "serving", "composing", "SET sent", "SET sent (phase 2 goes without)", "done"}) {
        figure[{state, "request (an address)"}] = {"serving", "what to give?"};
        const std::string same = walker::kind(state);
        figure[{state, "request (of three octets)"}] = {same, bad};
    }
    compare(w, figure);
}
