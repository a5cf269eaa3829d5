// XAUTH beyond a name and a password: what may be asked, every type and attribute between two endpoints in several rounds, and
// what a REPLY or a REQUEST that the draft does not allow comes to.                             draft-beaulieu-ike-xauth-02
#include <algorithm>
#include <map>
#include <set>

#include "ipsec/crypto/botan/provider.hpp"
#include "support/catch.hpp"
#include "support/dialogue_scene.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using isakmp::config_attribute;
using enum isakmp::config_attribute;

namespace {

constexpr auto radius_chap_type = isakmp::xauth_type::radius_chap;

auto as_octets(std::string_view s) -> byte_view { return std::as_bytes(std::span{s}); }
auto as_text(const secret<128>& s) -> std::string {
    return {reinterpret_cast<const char*>(s.view().data()), s.size()};
}
auto asked_for(std::vector<config_attribute> wanted, std::string message = {}) -> v1::xauth_question {
    return {.type = {}, .wanted = std::move(wanted), .message = std::move(message)};
}
auto of_type(isakmp::xauth_type type, std::string challenge = {},
             std::vector<config_attribute> wanted = {xauth_user_name, xauth_user_password}) -> v1::xauth_question {
    return {.type = type, .wanted = std::move(wanted), .message = {}, .challenge = std::move(challenge)};
}

}  // namespace

TEST_CASE("a question has the attributes beside each other that the draft allows", "[ike][xauth][xauth_types]") {
    struct row {
        const char* what;
        v1::xauth_question q;
        bool allowed;
    };
    const auto in_domain = [](std::vector<config_attribute> wanted) {
        auto q = asked_for(std::move(wanted));
        q.domain = "example";
        return q;
    };
    const auto r = GENERATE_COPY(values<row>({
        {"a name and a password", {}, true},
        {"a passcode", asked_for({xauth_user_name, xauth_passcode}), true},
        {"all of the two factors", asked_for({xauth_user_name, xauth_user_password, xauth_passcode}), true},
        {"a domain", asked_for({xauth_user_name, xauth_domain, xauth_user_password}), true},
        {"a new PIN", asked_for({xauth_next_pin}), true},
        {"a new PIN with a message", asked_for({xauth_next_pin}, "4-6 digits"), true},
        {"a new PIN and a name", asked_for({xauth_user_name, xauth_next_pin}), false},
        {"a new PIN in a domain", in_domain({xauth_next_pin}), false},
        {"a new PIN for a challenge", of_type(isakmp::xauth_type::otp, "ext", {xauth_next_pin}), false},
        {"an answer to a message", asked_for({xauth_answer}, "y/n"), true},
        {"an answer to nothing", asked_for({xauth_answer}), false},
        {"an answer and a name", asked_for({xauth_user_name, xauth_answer}, "y/n"), false},
        {"generic, by name", of_type(isakmp::xauth_type::generic), true},
        {"generic with a challenge", of_type(isakmp::xauth_type::generic, "1234"), false},
        {"no type, with a challenge", {.type = {}, .challenge = "1234"}, false},
        {"RADIUS-CHAP", of_type(radius_chap_type, "1234"), true},
        {"RADIUS-CHAP that draws a challenge", of_type(radius_chap_type), true},
        {"RADIUS-CHAP of a name that was said before", of_type(radius_chap_type, "1234", {xauth_user_password}), true},
        {"RADIUS-CHAP without a password", of_type(radius_chap_type, "1234", {xauth_user_name}), false},
        {"OTP that asks for a name first", of_type(isakmp::xauth_type::otp, {}, {xauth_user_name}), true},
        {"OTP", of_type(isakmp::xauth_type::otp, "otp-md5 499 ke1234 ext"), true},
        {"S/KEY", of_type(isakmp::xauth_type::s_key, "s/key 99 ke1234"), true},
        {"a type that nobody knows", of_type(isakmp::xauth_type{4}), false},
        {"a type of private use", of_type(isakmp::xauth_type{32768}), false},
        {"nothing", asked_for({}), false},
        {"a name twice", asked_for({xauth_user_name, xauth_user_name}), false},
        {"a domain that is told", in_domain({xauth_user_name}), true},
        {"a domain that is told, and asked for", in_domain({xauth_user_name, xauth_domain}), false},
        {"a status", asked_for({xauth_user_name, xauth_status}), false},
        {"an address", asked_for({internal_ip4_address}), false},
        {"a message as long as may be", asked_for({xauth_user_name}, std::string(255, 'x')), true},
        {"a longer one", asked_for({xauth_user_name}, std::string(256, 'x')), false},
        {"a challenge that is longer", of_type(isakmp::xauth_type::otp, std::string(256, 'x')), false},
    }));
    CAPTURE(r.what);
    const auto verdict = v1::check(r.q);
    CHECK(verdict.has_value() == r.allowed);
    if (!verdict) CHECK(verdict.error() == errc::bad_question);
    // and so says the check of a configuration, of the end that asks
    auto c = xauth_config(false, true);
    c.peers[0].xauth.question = r.q;
    CHECK(v1::check(c).has_value() == r.allowed);
    c.peers[0].xauth.part = v1::xauth_part::client;
    CHECK(v1::check(c));
}

TEST_CASE("an edge device with fewer rounds than tries has a limit that nobody means", "[ike][xauth][xauth_types]") {
    auto c = xauth_config(false, true);
    c.peers[0].xauth.tries = c.peers[0].xauth.rounds = 4;
    CHECK(v1::check(c));
    c.peers[0].xauth.rounds = 3;
    CHECK(v1::check(c).error() == errc::bad_limit);
    c.peers[0].xauth.part = v1::xauth_part::client;  // who has no tries to give
    CHECK(v1::check(c));
    c.peers[0].xauth.rounds = 0;
    CHECK(v1::check(c).error() == errc::bad_limit);
}

// The hash is that of Python's hashlib over the same octets: md5(aa | "Ar3etTnp" | 01020304050607080910111213141516).
TEST_CASE("RADIUS-CHAP is an ID and MD5 over ID, password and challenge", "[ike][xauth][xauth_types]") {
    crypto::botan::provider p;
    const auto challenge = unhex("01020304050607080910111213141516");
    const auto made = v1::radius_chap::answer(p, std::byte{0xaa}, as_octets("Ar3etTnp"), challenge);
    REQUIRE(made);
    CHECK(hex(made->view()) == "aa2b032b32f555e9a0fc02d390384c6b09");
    v1::xauth_attempt a{};
    a.asked = of_type(radius_chap_type, {reinterpret_cast<const char*>(challenge.data()), challenge.size()});
    a.password = made->clone();
    const auto holds = [&](std::string_view password = "Ar3etTnp") {
        return v1::radius_chap::holds(p, a, as_octets(password)).value();
    };
    CHECK(holds());
    CHECK_FALSE(holds("Ar3etTnq"));
    a.password.octets()[0] ^= std::byte{1};  // the ID is under the hash
    CHECK_FALSE(holds());
    a.password.octets()[0] ^= std::byte{1};
    a.asked.challenge[15] = '\x17';
    CHECK_FALSE(holds());
    a.asked.challenge[15] = '\x16';
    a.password.truncate(16);
    CHECK_FALSE(holds());
    a.password = made->clone();
    a.asked.type = isakmp::xauth_type::otp;
    CHECK_FALSE(holds());
}

namespace {

/// What the edge device's user does with each answer, and what the client's user gives.
struct course {
    const char* name;
    v1::xauth_question first;
    std::function<void(dialogue_scene&, dialogue_scene::end&, const v1::xauth_attempt&)> judge;
    v1::credentials (*give)(const v1::xauth_prompt&);
    std::size_t rounds;
    bool passes = true;
};

auto joe(std::string_view password, std::string_view passcode = {}, std::string_view pin = {}, std::string_view reply = {})
    -> v1::credentials {
    return {.user = "joe",
            .domain = "example",
            .password = secret_text(password),
            .passcode = secret_text(passcode),
            .next_pin = secret_text(pin),
            .reply = secret_text(reply)};
}
void ask_next(dialogue_scene& s, dialogue_scene::end& e, const v1::xauth_attempt& a, const v1::xauth_question& q) {
    CHECK(e.ike.answer(s.now(), a, q));
}

auto courses() -> std::vector<course> {
    using attempt = v1::xauth_attempt;
    using end = dialogue_scene::end;
    return {
        {"§5.2: a message tells what to enter",
         {},
         [](dialogue_scene& s, end& e, const attempt& a) {
             if (a.asked.message.empty())
                 return ask_next(s, e, a, asked_for({xauth_user_name, xauth_user_password}, "and the PIN"));
             e.ike.answer(s.now(), a, is_text(a.password, "foobar0985124"));
         },
         [](const v1::xauth_prompt& p) { return joe(p.message.empty() ? "foobar" : "foobar0985124"); },
         2},
        {"§5.3: two factors, and another passcode", asked_for({xauth_user_name, xauth_user_password, xauth_passcode}),
         [](dialogue_scene& s, end& e, const attempt& a) {
             CHECK(is_text(a.password, "foobar"));
             if (is_text(a.passcode, "323415")) return ask_next(s, e, a, a.asked);
             e.ike.answer(s.now(), a, is_text(a.passcode, "513212"));
         },
         [](const v1::xauth_prompt& p) {
             static bool again = false;
             CHECK(p.wanted == std::vector{xauth_user_name, xauth_user_password, xauth_passcode});
             again = !again;
             return joe("foobar", again ? "323415" : "513212");
         },
         2},
        {"§5.4: OTP, a name and then a challenge of its own", of_type(isakmp::xauth_type::otp, {}, {xauth_user_name}),
         [](dialogue_scene& s, end& e, const attempt& a) {
             CHECK(a.user == "joe");
             if (a.asked.challenge.empty()) return ask_next(s, e, a, of_type(isakmp::xauth_type::otp, "otp-md5 499 ke1234"));
             e.ike.answer(s.now(), a, is_text(a.password, "5bf0 75d9 959d 036f"));
         },
         [](const v1::xauth_prompt& p) {
             CHECK(p.type == isakmp::xauth_type::otp);
             return joe(p.challenge == "otp-md5 499 ke1234" ? "5bf0 75d9 959d 036f" : "");
         },
         2},
        {"S/KEY with a domain",
         {.type = isakmp::xauth_type::s_key,
          .wanted = {xauth_user_name, xauth_domain, xauth_user_password},
          .message = {},
          .challenge = "s/key 99 ke1234"},
         [](dialogue_scene& s, end& e, const attempt& a) {
             e.ike.answer(s.now(), a, a.domain == "example" && is_text(a.password, "A B C D E F"));
         },
         [](const v1::xauth_prompt& p) { return joe(p.challenge == "s/key 99 ke1234" ? "A B C D E F" : ""); },
         1},
        {"A-6: a choice, a new PIN, and the passcode made with it", asked_for({xauth_user_name, xauth_passcode}),
         [](dialogue_scene& s, end& e, const attempt& a) {
             CHECK(a.user == "joe");  // in every round, though two do not ask for it
             if (is_text(a.passcode, "1637364856")) return ask_next(s, e, a, asked_for({xauth_answer}, "your own PIN (y/n)?"));
             if (is_text(a.reply, "y")) return ask_next(s, e, a, asked_for({xauth_next_pin}, "4-6 digits"));
             if (is_text(a.next_pin, "1234")) return ask_next(s, e, a, asked_for({xauth_user_name, xauth_passcode}));
             e.ike.answer(s.now(), a, is_text(a.passcode, "1234764456"));
         },
         [](const v1::xauth_prompt& p) {
             static bool has_pin = false;
             if (p.wanted.front() == xauth_next_pin) has_pin = true;
             return joe("never",
                        std::exchange(has_pin, has_pin && p.wanted.front() == xauth_next_pin) ? "1234764456" : "1637364856",
                        "1234", "y");
         },
         4},
        {"A-8: RADIUS-CHAP", of_type(radius_chap_type),
         [](dialogue_scene& s, end& e, const attempt& a) {
             CHECK(a.asked.challenge.size() == 16);
             CHECK(a.password.size() == 17);
             e.ike.answer(s.now(), a, v1::radius_chap::holds(e.crypto, a, as_octets("foobar")).value());
         },
         [](const v1::xauth_prompt& p) {
             CHECK(p.challenge.size() == 16);
             return joe("foobar");
         },
         1},
        {"RADIUS-CHAP with the wrong password, until no try is left", of_type(radius_chap_type),
         [](dialogue_scene& s, end& e, const attempt& a) {
             e.ike.answer(s.now(), a, v1::radius_chap::holds(e.crypto, a, as_octets("foobar")).value());
         },
         [](const v1::xauth_prompt&) { return joe("Foobar"); }, 3, false},
        {"types one after another in one transaction",
         {},
         [](dialogue_scene& s, end& e, const attempt& a) {
             if (!a.asked.type) return ask_next(s, e, a, of_type(radius_chap_type));
             if (a.asked.type == radius_chap_type)
                 return ask_next(s, e, a, of_type(isakmp::xauth_type::otp, "otp-sha1 1 ab ext"));
             e.ike.answer(s.now(), a, true);
         },
         [](const v1::xauth_prompt&) { return joe("foobar"); },
         3},
        {"an edge device that asks and asks",
         {},
         [](dialogue_scene& s, end& e, const attempt& a) { ask_next(s, e, a, asked_for({xauth_user_name, xauth_passcode})); },
         [](const v1::xauth_prompt&) { return joe("foobar", "1234"); },
         8,
         false},
    };
}

/// Runs one course; @return the scene when it is over
auto play(const course& c, dialogue_scene& ends, duration how_long = seconds(10)) -> void {
    ends.script = [&](dialogue_scene& s, dialogue_scene::end& e, const v1::dialogue& d) {
        if (const auto* a = std::get_if<v1::xauth_attempt>(&d)) c.judge(s, e, *a);
        if (const auto* p = std::get_if<v1::xauth_prompt>(&d)) {
            const auto given = c.give(*p);
            e.ike.answer(s.now(), *p, &given);
        }
    };
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(how_long));
}
auto edge_that_asks(const v1::xauth_question& q) -> v1::config {
    auto c = xauth_config(false, true);
    c.peers[0].xauth.question = q;
    return c;
}

}  // namespace

TEST_CASE("every type and attribute is asked and answered, in as many rounds as it takes",
          "[ike][xauth][xauth_types][IKE1-096]") {
    for (const course& c : courses()) {
        CAPTURE(c.name);
        dialogue_scene ends{xauth_config(true, false, ""), edge_that_asks(c.first)};
        play(c, ends);
        CHECK(dialogue_scene::of<v1::xauth_attempt>(ends.seen_right).size() == c.rounds);
        CHECK(dialogue_scene::of<v1::xauth_prompt>(ends.seen_left).size() == c.rounds);
        REQUIRE(dialogue_scene::of<v1::xauth_ended>(ends.seen_left).size() == 1);
        CHECK(dialogue_scene::of<v1::xauth_ended>(ends.seen_left)[0]->passed == c.passes);
        CHECK(ends.left.table.size() == (c.passes ? 2U : 0U));
        CHECK(ends.right.ike.ike_sa_count() == (c.passes ? 1U : 0U));
        if (c.passes) CHECK(ends.equal_sas());
        if (c.passes) CHECK(ends.left.record.audits.empty());
        if (c.passes) CHECK(ends.right.record.audits.empty());
        else CHECK(ends.right.closed.at(0).why == errc::xauth_failed);
        // The challenge is another one each time.                                                       RFC 1994 §4.1
        std::set<std::string> challenges;
        std::size_t drawn = 0;
        for (const auto* p : dialogue_scene::of<v1::xauth_prompt>(ends.seen_left))
            if (p->type == radius_chap_type) drawn += challenges.insert(p->challenge).second ? 1U : 100U;
        CHECK(drawn == challenges.size());
    }
}

TEST_CASE("rounds over a bad link end as they do over a good one", "[ike][xauth][xauth_types][bad_link]") {
    for (const course& c : courses()) {
        if (std::string_view{c.name}.starts_with("§5.3")) continue;  // what its user gives goes by how often he was asked
        for (std::uint64_t seed = 1; seed <= 6; ++seed) {
            CAPTURE(c.name, seed);
            dialogue_scene ends{xauth_config(true, false, ""), edge_that_asks(c.first),
                                identity_ends::link{{.loss = 0.1, .duplicate = 0.2, .swap = 0.1, .delay = 0.2, .seed = seed}}};
            play(c, ends, seconds(58));
            const auto judged = dialogue_scene::of<v1::xauth_attempt>(ends.seen_right).size();
            // Phase 1 may begin anew where its last message was lost for good; a round is judged once in any case.
            CHECK(judged == c.rounds * ends.right.record.phase_1.size());
            CHECK((ends.left.table.size() == 2) == c.passes);
            if (c.passes) CHECK(ends.equal_sas());
        }
    }
}

TEST_CASE("the configured password answers RADIUS-CHAP, and neither OTP nor S/KEY", "[ike][xauth][xauth_types]") {
    struct row {
        v1::xauth_question q;
        bool by_itself;
    };
    const auto r = GENERATE(values<row>({{of_type(radius_chap_type), true},
                                         {of_type(isakmp::xauth_type::generic), true},
                                         {of_type(isakmp::xauth_type::otp, "otp-md5 1 ab ext"), false},
                                         {of_type(isakmp::xauth_type::s_key, "s/key 1 ab"), false},
                                         {asked_for({xauth_user_name, xauth_passcode}), false}}));
    dialogue_scene ends{xauth_config(true, false), edge_that_asks(r.q)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(1)));
    const auto attempts = dialogue_scene::of<v1::xauth_attempt>(ends.seen_right);
    REQUIRE(attempts.size() == (r.by_itself ? 1U : 0U));
    CHECK(dialogue_scene::of<v1::xauth_prompt>(ends.seen_left).size() == (r.by_itself ? 0U : 1U));
    if (!r.by_itself) return;
    CHECK(attempts[0]->user == "carol");
    const bool is_chap = r.q.type == radius_chap_type;
    CHECK((is_chap ? v1::radius_chap::holds(ends.right.crypto, *attempts[0], as_octets("Ar3etTnp")).value()
                   : is_text(attempts[0]->password, "Ar3etTnp")));
}

TEST_CASE("a question that may not be asked is refused, and the attempt still waits", "[ike][xauth][xauth_types]") {
    dialogue_scene ends{xauth_config(true, false), xauth_config(false, true)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(1)));
    const auto* attempt = dialogue_scene::of<v1::xauth_attempt>(ends.seen_right).at(0);
    const auto refused = ends.right.ike.answer(ends.now(), *attempt, asked_for({xauth_answer}));
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == errc::bad_question);
    ends.right.ike.answer(ends.now(), *attempt, true);
    REQUIRE(ends.talk(seconds(4)));
    CHECK(ends.left.table.size() == 2);
}

TEST_CASE("an answer to an earlier round is none to this one", "[ike][xauth][xauth_types]") {
    // Two answers to round one at either end: the second of them comes when round two waits.
    dialogue_scene ends{xauth_config(true, false, ""), xauth_config(false, true)};
    const auto second = asked_for({xauth_user_name, xauth_passcode});
    const v1::credentials first_given = joe("foobar"), never = joe("", "stale");
    ends.script = [&](dialogue_scene& s, dialogue_scene::end& e, const v1::dialogue& d) {
        const auto* a = std::get_if<v1::xauth_attempt>(&d);
        if (a != nullptr && a->passcode.empty()) ask_next(s, e, *a, second);
        const auto* p = std::get_if<v1::xauth_prompt>(&d);
        if (p != nullptr && p->round == 1) e.ike.answer(s.now(), *p, &first_given);
        if (p != nullptr && p->round == 2) {
            e.ike.answer(s.now(), *dialogue_scene::of<v1::xauth_prompt>(ends.seen_left).at(0), &never);
            const auto given = joe("", "1234");
            e.ike.answer(s.now(), *p, &given);
        }
    };
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(2)));
    const auto attempts = dialogue_scene::of<v1::xauth_attempt>(ends.seen_right);
    REQUIRE(attempts.size() == 2);
    CHECK(is_text(attempts[1]->passcode, "1234"));
    ends.right.ike.answer(ends.now(), *attempts[0], true);
    ends.right.ike.answer(ends.now(), *attempts[0], false);
    CHECK(ends.right.ike.answer(ends.now(), *attempts[0], second));
    REQUIRE(ends.talk(seconds(2)));
    CHECK(ends.left.table.empty());
    CHECK(dialogue_scene::of<v1::xauth_attempt>(ends.seen_right).size() == 2);
    ends.right.ike.answer(ends.now(), *attempts[1], true);
    REQUIRE(ends.talk(seconds(5)));
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
}

// --- what a peer may not say: one machine, with messages of the other side typed here ------------------------------------------

namespace {

struct attributes_in {
    explicit attributes_in(const v1::transaction::content& c) : octets(v1::to_octets(c.attributes.view())) {
        body.message = c.message;
        body.list = isakmp::attribute_list::parse(octets).value();
    }
    attributes_in(const attributes_in&) = delete;
    auto operator=(const attributes_in&) -> attributes_in& = delete;
    v1::octets octets;
    isakmp::attributes body{};
};
using said_list = std::vector<std::pair<config_attribute, std::string>>;
auto message(isakmp::config_message m, const said_list& list) -> v1::transaction::content {
    v1::transaction::content c{.message = m, .identifier = 0, .attributes = {}};
    for (const auto& [type, value] : list)
        if (type == xauth_type || type == xauth_status)
            REQUIRE(c.put_number(type, static_cast<std::uint16_t>(std::stoul(value))));
        else REQUIRE(c.put(type, std::string_view{value}));
    return c;
}

}  // namespace

TEST_CASE("a REPLY has the type and all of what was asked for; what was not asked for is nobody's answer",
          "[ike][xauth][xauth_types]") {
    namespace xm = v1::xauth_mode;
    struct row {
        const char* what;
        v1::xauth_question asked;
        said_list said;
        std::optional<errc> fault;
    };
    const v1::xauth_question plain{};
    const auto chap = of_type(radius_chap_type, "0123456789abcdef");
    const auto r = GENERATE_COPY(values<row>({
        {"as asked", plain, {{xauth_user_name, "joe"}, {xauth_user_password, "foobar"}}, {}},
        {"in another order", plain, {{xauth_user_password, "foobar"}, {xauth_user_name, "joe"}}, {}},
        {"generic, where no type was asked for",
         plain,
         {{xauth_type, "0"}, {xauth_user_name, "joe"}, {xauth_user_password, ""}},
         {}},
        {"nothing filled in, which is for the user to judge", plain, {{xauth_user_name, ""}, {xauth_user_password, ""}}, {}},
        {"another type", plain, {{xauth_type, "1"}, {xauth_user_name, "joe"}, {xauth_user_password, "foobar"}}, errc::xauth_type},
        {"no type where one was asked for",
         chap,
         {{xauth_user_name, "joe"}, {xauth_user_password, std::string(17, 'x')}},
         errc::xauth_type},
        {"RADIUS-CHAP", chap, {{xauth_type, "1"}, {xauth_user_name, "joe"}, {xauth_user_password, std::string(17, 'x')}}, {}},
        {"RADIUS-CHAP of 16 octets",
         chap,
         {{xauth_type, "1"}, {xauth_user_name, "joe"}, {xauth_user_password, std::string(16, 'x')}},
         errc::malformed},
        {"no name", plain, {{xauth_user_password, "foobar"}}, errc::malformed},
        {"no password", plain, {{xauth_user_name, "joe"}}, errc::malformed},
        {"a passcode in place of a password", plain, {{xauth_user_name, "joe"}, {xauth_passcode, "1234"}}, errc::malformed},
        {"a passcode beside it",
         plain,
         {{xauth_user_name, "joe"}, {xauth_user_password, "foobar"}, {xauth_passcode, "1234"}},
         {}},
        {"a PIN, an answer, a domain beside it",
         plain,
         {{xauth_user_name, "joe"}, {xauth_user_password, "x"}, {xauth_next_pin, "1"}, {xauth_answer, "y"}, {xauth_domain, "d"}},
         {}},
        {"a new PIN", asked_for({xauth_next_pin}), {{xauth_next_pin, "1234"}}, {}},
        {"an answer in place of a new PIN", asked_for({xauth_next_pin}), {{xauth_answer, "1234"}}, errc::malformed},
        {"a password as long as may be", plain, {{xauth_user_name, "joe"}, {xauth_user_password, std::string(128, 'x')}}, {}},
        {"a longer one", plain, {{xauth_user_name, "joe"}, {xauth_user_password, std::string(129, 'x')}}, errc::malformed},
        {"a name of 256 octets", plain, {{xauth_user_name, std::string(256, 'x')}, {xauth_user_password, "x"}}, errc::malformed},
    }));
    CAPTURE(r.what);
    const v1::peer_config peer;
    const attributes_in in{message(isakmp::config_message::reply, r.said)};
    auto out = xm::on(xm::asking{{2, 2, r.asked, {}}}, v1::transaction::reply{in.body}, {peer, v1::peer_id{0}, {}});
    CHECK(out.out.report == r.fault);
    CHECK(std::holds_alternative<xm::telling>(out.state) == r.fault.has_value());
    if (r.fault) {
        REQUIRE(out.out.say);
        CHECK(hex(out.out.say->attributes.view()) == "c08f0000");  // STATUS, a basic attribute: FAIL
        return;
    }
    // What reaches the user is what was asked for.
    std::map<config_attribute, std::string> said;
    for (const auto& [type, value] : r.said)
        if (v1::wants(r.asked, type)) said[type] = value;
    const auto& a = std::get<v1::xauth_attempt>(out.out.ask.value());
    CHECK(a.user == said[xauth_user_name]);
    CHECK(a.domain == said[xauth_domain]);
    CHECK(as_text(a.password) == said[xauth_user_password]);
    CHECK(as_text(a.passcode) == said[xauth_passcode]);
    CHECK(as_text(a.next_pin) == said[xauth_next_pin]);
    CHECK(as_text(a.reply) == said[xauth_answer]);
    CHECK(a.asked == r.asked);
}

TEST_CASE("a REQUEST that may not be made is answered with FAIL, and the type it has", "[ike][xauth][xauth_types]") {
    namespace xm = v1::xauth_mode;
    struct row {
        const char* what;
        said_list said;
        std::optional<errc> fault;
        const char* reply = "c08f0000";  ///< attributes of the REPLY
    };
    const auto r = GENERATE(values<row>({
        {"a passcode", {{xauth_user_name, ""}, {xauth_passcode, ""}}, {}},
        {"a type of later days", {{xauth_type, "4"}, {xauth_user_name, ""}}, errc::xauth_type, "c0880004c08f0000"},
        {"a type of private use", {{xauth_type, "40000"}, {xauth_user_name, ""}}, errc::xauth_type, "c0889c40c08f0000"},
        {"generic with a challenge",
         {{xauth_type, "0"}, {xauth_user_name, ""}, {xauth_challenge, "x"}},
         errc::malformed,
         "c0880000c08f0000"},
        {"RADIUS-CHAP without a challenge",
         {{xauth_type, "1"}, {xauth_user_name, ""}, {xauth_user_password, ""}},
         errc::malformed,
         "c0880001c08f0000"},
        {"a passcode twice", {{xauth_user_name, ""}, {xauth_passcode, ""}, {xauth_passcode, ""}}, {}},
        {"a new PIN and a name", {{xauth_user_name, ""}, {xauth_next_pin, ""}}, errc::malformed},
        {"a question without a message", {{xauth_answer, ""}}, errc::malformed},
        {"a question", {{xauth_answer, ""}, {xauth_message, "y/n"}}, {}},
        {"a message of any length", {{xauth_user_name, ""}, {xauth_passcode, ""}, {xauth_message, std::string(900, 'x')}}, {}},
    }));
    CAPTURE(r.what);
    auto p = std::move(xauth_config(true, false).peers[0]);
    const attributes_in in{message(isakmp::config_message::request, r.said)};
    testing::identity_provider crypto;
    const auto out = xm::on(xm::expecting{}, v1::transaction::request{in.body},
                            {p, v1::peer_id{0}, {}, v1::transaction::xauth_crypto::of(crypto)});
    CHECK(out.out.report == r.fault);
    CHECK(std::holds_alternative<xm::prompting>(out.state) != r.fault.has_value());
    CHECK(out.out.ask.has_value() != r.fault.has_value());
    REQUIRE(out.out.say.has_value() == r.fault.has_value());
    if (r.fault) CHECK(hex(out.out.say->attributes.view()) == r.reply);
}

TEST_CASE("a provider without MD5 cannot say RADIUS-CHAP, and says so", "[ike][xauth][xauth_types]") {
    namespace xm = v1::xauth_mode;
    struct no_md5 {
        auto fill(byte_span) -> bool { return true; }
        auto hash(crypto::hash_id, std::span<const byte_view>) noexcept -> crypto::result<crypto::digest> {
            return std::unexpected{crypto::errc::unsupported_algorithm};
        }
    } crypto;
    auto p = std::move(xauth_config(true, false).peers[0]);
    const attributes_in in{message(isakmp::config_message::request, {{xauth_type, "1"}, {xauth_user_name, ""},
                                                                    {xauth_user_password, ""}, {xauth_challenge, "pebbles"}})};
    const auto out = xm::on(xm::expecting{}, v1::transaction::request{in.body},
                            {p, v1::peer_id{0}, {}, v1::transaction::xauth_crypto::of(crypto)});
    CHECK(out.out.report == errc::unusable_algorithm);
    REQUIRE(out.out.say);
    CHECK(hex(out.out.say->attributes.view()) == "c0880001c08f0000");
}

TEST_CASE("whichever end has had enough rounds ends it", "[ike][xauth][xauth_types]") {
    const bool edge_has_enough = GENERATE(false, true);
    auto client = xauth_config(true, false, ""), edge = xauth_config(false, true);
    auto& fewer = (edge_has_enough ? edge : client).peers[0].xauth;
    fewer.tries = fewer.rounds = 3;
    course c = std::move(courses().back());
    dialogue_scene ends{std::move(client), std::move(edge)};
    play(c, ends);
    CHECK(dialogue_scene::of<v1::xauth_prompt>(ends.seen_left).size() == 3);
    CHECK(dialogue_scene::of<v1::xauth_attempt>(ends.seen_right).size() == 3);
    CHECK(ends.left.record.count(errc::limit_reached) == (edge_has_enough ? 0U : 1U));
    CHECK(ends.right.record.count(errc::limit_reached) == (edge_has_enough ? 1U : 0U));
    CHECK(ends.left.ike.ike_sa_count() == 0);
    CHECK(ends.right.ike.ike_sa_count() == 0);
}

TEST_CASE("the configured password goes out once, whatever was asked before and beside it", "[ike][xauth][xauth_types]") {
    namespace xm = v1::xauth_mode;
    struct row {
        const char* what;
        std::vector<said_list> asked;
        std::vector<bool> by_itself;
    };
    const auto r = GENERATE(values<row>({
        {"a password again", {{{xauth_user_name, ""}, {xauth_user_password, ""}}, {{xauth_user_password, ""}}}, {true, false}},
        {"a message first", {{{xauth_message, "hello"}}, {{xauth_user_name, ""}, {xauth_user_password, ""}}}, {true, true}},
        {"a name first",
         {{{xauth_user_name, ""}},
          {{xauth_type, "1"}, {xauth_user_password, ""}, {xauth_challenge, "0123456789abcdef"}},
          {{xauth_user_name, ""}, {xauth_user_password, ""}}},
         {true, true, false}},
        {"a password twice in one", {{{xauth_user_password, ""}, {xauth_user_password, ""}}}, {true}},
    }));
    CAPTURE(r.what);
    const auto p = std::move(xauth_config(true, false).peers[0]);
    testing::identity_provider crypto;
    xm::expecting state{};
    for (std::size_t i = 0; i < r.asked.size(); ++i) {
        CAPTURE(i);
        const attributes_in in{message(isakmp::config_message::request, r.asked[i])};
        auto out = xm::on(state, v1::transaction::request{in.body},
                          {p, v1::peer_id{0}, {}, v1::transaction::xauth_crypto::of(crypto)});
        CHECK_FALSE(out.out.report);
        REQUIRE(std::holds_alternative<xm::expecting>(out.state) == r.by_itself[i]);
        if (!r.by_itself[i]) continue;
        state = std::get<xm::expecting>(out.state);
        const auto password = v1::wants(xm::detail::question_in(in.body), xauth_user_password);
        const attributes_in said{out.out.say.value()};
        CHECK_FALSE(said.body.find(xauth_status));
        CHECK(said.body.find(xauth_user_password).has_value() == password);
    }
}

TEST_CASE("what is asked for goes out filled in, or FAIL does", "[ike][xauth][xauth_types]") {
    namespace xm = v1::xauth_mode;
    struct row {
        config_attribute asked;
        bool may_be_empty;
    };
    const auto r = GENERATE(values<row>({{xauth_user_name, false},
                                         {xauth_user_password, true},
                                         {xauth_passcode, false},
                                         {xauth_domain, true},
                                         {xauth_next_pin, false},
                                         {xauth_answer, false}}));
    CAPTURE(r.asked);
    const v1::peer_config p;
    testing::identity_provider crypto;
    const v1::transaction::environment e{p, v1::peer_id{0}, {}, v1::transaction::xauth_crypto::of(crypto)};
    const v1::credentials empty{}, all = joe("foobar", "1", "2", "3");
    const auto said = [&](const v1::credentials& given) {
        return hex(xm::on(xm::prompting{{}, 0, asked_for({r.asked})}, xm::answer{&given}, e).out.say.value().attributes.view());
    };
    CHECK((said(empty) == "c08f0000") == !r.may_be_empty);
    CHECK(said(all) != "c08f0000");
}

TEST_CASE("a new PIN needs no MD5, whatever type it is asked for under", "[ike][xauth][xauth_types]") {
    namespace xm = v1::xauth_mode;
    const v1::peer_config p;  // its environment has no provider
    const auto given = joe("foobar", "1", "1234");
    const xm::prompting waits{{}, 0, of_type(radius_chap_type, {}, {xauth_next_pin})};
    CHECK(hex(xm::on(waits, xm::answer{&given}, {p, v1::peer_id{0}, {}}).out.say.value().attributes.view()) ==
          "c0880001" "4090000431323334");
}

TEST_CASE("a person may type as long as the edge device has patience, not as long as it repeats its REQUEST",
          "[ike][xauth][xauth_types]") {
    const auto types_for = GENERATE(seconds(5), seconds(50), seconds(70));
    auto client = xauth_config(true, false, ""), edge = xauth_config(false, true);
    client.peers[0].xauth.patience = seconds(300);
    client.retransmit = edge.retransmit = {.first = milliseconds(500), .longest = seconds(4), .tries = 5};  // 11.5 s
    dialogue_scene ends{std::move(client), std::move(edge)};
    ends.script = knows_carol;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(types_for));
    const auto prompts = dialogue_scene::of<v1::xauth_prompt>(ends.seen_left);
    REQUIRE(prompts.size() == 1);
    const auto carol = carols_credentials();
    ends.left.ike.answer(ends.now(), *prompts[0], &carol);
    REQUIRE(ends.talk(seconds(5)));
    const bool in_time = types_for < seconds(60);
    CHECK(ends.left.table.size() == (in_time ? 2U : 0U));
    if (in_time) CHECK(ends.equal_sas());
    else CHECK(ends.right.closed.at(0).why == errc::timed_out);
}

TEST_CASE("no two prompts of an ISAKMP SA have one number, though SET came between them", "[ike][xauth][xauth_types]") {
    namespace xm = v1::xauth_mode;
    const auto p = std::move(xauth_config(true, false, "").peers[0]);
    const v1::transaction::environment e{p, v1::peer_id{0}, {}};
    const attributes_in request{message(isakmp::config_message::request, {{xauth_user_name, ""}})};
    const attributes_in set{message(isakmp::config_message::set, {{xauth_status, "1"}})};
    auto first = xm::on(xm::expecting{}, v1::transaction::request{request.body}, e);
    auto over = xm::on(std::get<xm::prompting>(std::move(first.state)), v1::transaction::set{set.body}, e);
    auto second = xm::on(std::get<xm::passed>(over.state), v1::transaction::request{request.body}, e);
    const auto number = [](const auto& step) { return std::get<v1::xauth_prompt>(step.out.ask.value()).round; };
    CHECK(number(first) == 1);
    CHECK(number(second) == 2);
    CHECK(std::get<xm::prompting>(second.state).rounds == 1);  // the limit counts anew
}
