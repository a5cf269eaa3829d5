// Mode Config between two endpoints: an address is asked for or given, and phase 2 waits for it where it is to.
#include "support/catch.hpp"
#include "support/dialogue_scene.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using enum isakmp::config_attribute;

namespace {

auto with_config(v1::config c, v1::config_part part, bool push = false, bool required = true) -> v1::config {
    auto& m = c.peers[0].mode_config;
    m.part = part;
    m.push = push;
    m.required = required;
    return c;
}
auto pool() -> v1::configuration {
    v1::configuration c;
    c.add(internal_ip4_address, ip::address::v4(10, 3, 0, 7))
        .add(internal_ip4_netmask, ip::address::v4(255, 255, 0, 0))
        .add(internal_ip4_dns, ip::address::v4(10, 2, 0, 53))
        .add(internal_ip4_dns, ip::address::v4(10, 2, 0, 54))
        .add(internal_address_expiry, 3600U)
        .add(unity_banner, std::as_bytes(std::span{std::string_view{"hello"}}));
    return c;
}
void gives(dialogue_scene& s, dialogue_scene::end& e, const v1::dialogue& d) {
    if (const auto* w = std::get_if<v1::configuration_wanted>(&d)) e.ike.answer(s.now(), *w, pool());
}

}  // namespace

TEST_CASE("a client asks for an address and gets it before phase 2 begins", "[ike][mode_config][IKE1-096]") {
    const bool server_initiates = GENERATE(false, true);
    const auto part = [&](bool left) { return left == server_initiates ? v1::config_part::server : v1::config_part::client; };
    dialogue_scene ends{with_config(ike_config(true), part(true)), with_config(ike_config(false), part(false))};
    ends.script = gives;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(5)));
    auto& client = server_initiates ? ends.seen_right : ends.seen_left;
    auto& server = server_initiates ? ends.seen_left : ends.seen_right;
    REQUIRE(dialogue_scene::of<v1::configuration_wanted>(server).size() == 1);
    const auto& asked = dialogue_scene::of<v1::configuration_wanted>(server)[0]->asked;
    REQUIRE(asked.items.size() == 4);
    CHECK(asked.has(internal_ip4_address));
    CHECK(asked.items[0].value.empty());
    REQUIRE(dialogue_scene::of<v1::configured>(client).size() == 1);
    CHECK(dialogue_scene::of<v1::configured>(client)[0]->given == pool());
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
    bool quick = false;
    std::size_t transactions = 0;
    for (const auto& m : ends.sent) {
        const auto x = isakmp::header::parse(m.octets)->exchange;
        quick = quick || x == isakmp::exchange_type::quick_mode;
        if (x != isakmp::exchange_type::transaction) continue;
        ++transactions;
        CHECK_FALSE(quick);
    }
    CHECK(transactions == 2);
    CHECK(ends.left.record.audits.empty());
    CHECK(ends.right.record.audits.empty());
}

TEST_CASE("a server pushes what the client did not ask for, and hears what was taken", "[ike][mode_config][IKE1-096]") {
    dialogue_scene ends{with_config(ike_config(true), v1::config_part::client, true),
                        with_config(ike_config(false), v1::config_part::server, true)};
    ends.script = gives;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(5)));
    REQUIRE(dialogue_scene::of<v1::configured>(ends.seen_left).size() == 1);
    CHECK(dialogue_scene::of<v1::configured>(ends.seen_left)[0]->given == pool());
    REQUIRE(dialogue_scene::of<v1::configured>(ends.seen_right).size() == 1);
    CHECK(dialogue_scene::of<v1::configured>(ends.seen_right)[0]->given == pool());
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
}

TEST_CASE("XAUTH comes first, then the address, then phase 2", "[ike][mode_config][xauth]") {
    dialogue_scene ends{with_config(xauth_config(true, false), v1::config_part::client),
                        with_config(xauth_config(false, true), v1::config_part::server)};
    std::vector<std::string> course;
    ends.script = [&](dialogue_scene& s, dialogue_scene::end& e, const v1::dialogue& d) {
        knows_carol(s, e, d);
        gives(s, e, d);
        if (std::holds_alternative<v1::xauth_attempt>(d)) course.push_back("attempt");
        if (std::holds_alternative<v1::configuration_wanted>(d)) course.push_back("wanted");
        if (std::holds_alternative<v1::configured>(d)) course.push_back("configured");
    };
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(5)));
    CHECK(course == std::vector<std::string>{"attempt", "wanted", "configured"});
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
}

TEST_CASE("nobody gets an address before XAUTH is passed", "[ike][mode_config][xauth]") {
    // the client asks at once, since it believes in no XAUTH: its REQUEST is genuine, and refused
    dialogue_scene ends{with_config(xauth_config(true, false), v1::config_part::client),
                        with_config(xauth_config(false, true), v1::config_part::server)};
    ends.script = gives;  // nobody judges the attempt
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(1)));
    REQUIRE(ends.right.record.phase_1.size() == 1);
    auto& keys = ends.right.record.phase_1[0];
    keys.next = v1::make_iv(byte_view{ends.sent[5].octets}.last(keys.cipher.block));
    testing::identity_provider p;
    v1::transaction::content ask{.message = isakmp::config_message::request, .identifier = 9, .attributes = {}};
    REQUIRE(ask.put(internal_ip4_address, byte_view{}));
    const auto iv = v1::phase_2_iv(p, keys.agreed.suite.hash, keys.next, 99);
    const auto m = v1::transaction::write(ask, isakmp::message_id{99}, *iv, keys, p);
    REQUIRE(m);
    ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), m->datagram);
    CHECK(ends.right.record.count(errc::unexpected_message) == 1);
    REQUIRE(ends.talk(seconds(1)));
    CHECK(dialogue_scene::of<v1::configuration_wanted>(ends.seen_right).empty());
    // once XAUTH is over the same message is answered, once; another one under its ID is not
    ends.right.ike.answer(ends.now(), *dialogue_scene::of<v1::xauth_attempt>(ends.seen_right)[0], true);
    ends.script = [](auto&, auto&, const auto&) {};
    REQUIRE(ends.talk(seconds(1)));
    const auto wanted = [&] { return dialogue_scene::of<v1::configuration_wanted>(ends.seen_right).size(); };
    const std::size_t before = wanted();
    CHECK(before == 1);
    for (int i = 0; i < 3; ++i) ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), m->datagram);
    REQUIRE(ends.talk(milliseconds(100)));
    CHECK(wanted() == before + 1);
    ask.identifier = 10;
    const auto other = v1::transaction::write(ask, isakmp::message_id{99}, *iv, keys, p);
    ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), other->datagram);
    CHECK(ends.right.record.count(errc::replayed_message_id) == 1);
}

TEST_CASE("where it is not required phase 2 does not wait for an address", "[ike][mode_config]") {
    dialogue_scene ends{with_config(ike_config(true), v1::config_part::client, false, false),
                        with_config(ike_config(false), v1::config_part::server, false, false)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(5)));
    CHECK(ends.left.table.size() == 2);
    // the answer may come later
    REQUIRE(dialogue_scene::of<v1::configuration_wanted>(ends.seen_right).size() == 1);
    ends.right.ike.answer(ends.now(), *dialogue_scene::of<v1::configuration_wanted>(ends.seen_right)[0], pool());
    REQUIRE(ends.talk(seconds(1)));
    CHECK(dialogue_scene::of<v1::configured>(ends.seen_left).size() == 1);
}

TEST_CASE("an end without a part in it answers no REQUEST and takes no SET", "[ike][mode_config]") {
    dialogue_scene ends{with_config(ike_config(true), v1::config_part::client), ike_config(false)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(90)));
    CHECK(ends.right.record.count(errc::unexpected_message) > 0);
    CHECK(ends.left.table.empty());
    CHECK(ends.left.established.empty());
}

TEST_CASE("a server gives no more addresses than it was asked for, and no mask without one", "[ike][mode_config]") {
    v1::configuration asked, given;
    asked.add(internal_ip4_address).add(internal_ip4_netmask);
    given.add(internal_ip4_address, ip::address::v4(10, 0, 0, 1))
        .add(internal_ip4_address, ip::address::v4(10, 0, 0, 2))
        .add(internal_ip4_netmask, ip::address::v4(255, 0, 0, 0))
        .add(internal_ip4_netmask, ip::address::v4(255, 255, 0, 0))
        .add(internal_ip6_netmask, ip::address::v6({}))
        .add(internal_ip4_dns);
    const auto out = v1::mode_config::answer(asked, given);
    REQUIRE(out.items.size() == 2);
    CHECK(hex(out.items[0].value) == "0a000001");
    CHECK(hex(out.items[1].value) == "ff000000");
    CHECK(v1::mode_config::answer(asked, {}).items.empty());
}

TEST_CASE("values of a wrong length are refused in both directions", "[ike][mode_config]") {
    for (const auto a : {internal_ip4_address, internal_ip4_netmask, internal_ip4_dns, internal_ip4_nbns, internal_address_expiry,
                         internal_ip4_dhcp, internal_ip6_address, internal_ip6_netmask, internal_ip6_dns, internal_ip6_nbns,
                         internal_ip6_dhcp, internal_ip4_subnet, internal_ip6_subnet}) {
        CAPTURE(std::string{name_of(a)});
        const std::size_t size = isakmp::config_value_size(a).value();
        for (const std::size_t n : {std::size_t{0}, std::size_t{1}, size - 1, size, size + 1}) {
            const std::vector<std::byte> value(n);
            v1::transaction::content raw;
            REQUIRE(raw.put(a, byte_view{value}));
            const auto list = isakmp::attribute_list::parse(raw.attributes.view());
            REQUIRE(list);
            const bool fits = n == 0 || n == size;
            CHECK(v1::mode_config::read(*list).has_value() == fits);
            v1::configuration c;
            c.add(a, byte_view{value});
            CHECK(v1::mode_config::write(isakmp::config_message::set, 0, c).has_value() == fits);
        }
    }
    v1::transaction::content odd;
    REQUIRE(odd.put(supported_attributes, std::string_view{"abc"}));
    CHECK_FALSE(v1::mode_config::read(*isakmp::attribute_list::parse(odd.attributes.view())));
    v1::configuration much;
    for (int i = 0; i < 300; ++i) much.add(internal_ip4_dns, ip::address::v4(1, 2, 3, 4));
    CHECK(v1::mode_config::write(isakmp::config_message::set, 0, much).error() == errc::limit_reached);
}

TEST_CASE("Mode Config over a bad link ends with equal SAs and the same address at both ends", "[ike][mode_config][bad_link]") {
    const bool push = GENERATE(false, true);
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed, push);
        auto client = with_config(xauth_config(true, false), v1::config_part::client, push);
        client.peers[0].mode_config.patience = seconds(120);  // a request whose answer is lost four times has one more
        dialogue_scene ends{std::move(client), with_config(xauth_config(false, true), v1::config_part::server, push),
                            identity_ends::link{{.loss = 0.1, .duplicate = 0.2, .swap = 0.1, .delay = 0.2, .seed = seed}}};
        ends.script = [](dialogue_scene& s, dialogue_scene::end& e, const v1::dialogue& d) {
            knows_carol(s, e, d);
            gives(s, e, d);
        };
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.talk(seconds(150)));
        CHECK(ends.left.table.size() == 2);
        CHECK(ends.equal_sas());
        const auto got = dialogue_scene::of<v1::configured>(ends.seen_left);
        REQUIRE_FALSE(got.empty());
        CHECK(got.back()->given == pool());
    }
}
