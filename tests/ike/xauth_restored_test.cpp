// A client of XAUTH whose SA was written down and taken up again is asked anew like one that was there all the time.
#include "support/catch.hpp"
#include "support/dialogue_scene.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using testing::side;

TEST_CASE("a client's SA that was taken up again answers an edge device that asks anew", "[ike][xauth][snapshot]") {
    const bool restored = GENERATE(false, true);
    const bool passes = GENERATE(false, true);
    CAPTURE(restored, passes);
    dialogue_scene ends{xauth_config(true, false), xauth_config(false, true)};
    ends.script = knows_carol;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(5)));
    REQUIRE(ends.left.table.size() == 2);
    if (restored) {
        const auto kept = ends.left.ike.store(ends.now(), ends.left.established.at(0).cookies);
        REQUIRE(kept);
        ends.left.ike = dialogue_scene::end::make(xauth_config(true, false), ends.left.crypto, ends.left.record);
        REQUIRE(ends.left.ike.restore(ends.now(), *kept));
    }
    ends.wire.cut();  // the genuine edge device knows nothing of what is said here
    const auto before = ends.sent.size();
    ends.left.ike.handle_datagram(ends.now(), left_path, edge_device_message(ends, v1::xauth_mode::detail::request({}), 0x77));
    ends.flush(ends.left, side::left);
    CHECK(ends.left.record.audits.empty());
    REQUIRE(ends.sent.size() == before + 1);
    const auto& reply = ends.sent.back().octets;
    CHECK(isakmp::header::parse(reply)->id == isakmp::message_id{0x77});
    CHECK(hex(reply).find(hex(std::as_bytes(std::span{std::string_view{"carol"}}))) != std::string::npos);
    // What it is told then counts, and the SA stands meanwhile.
    CHECK(ends.left.ike.established_count() == 1);
    ends.left.ike.handle_datagram(ends.now(), left_path,
                                  edge_device_message(ends, v1::xauth_mode::detail::status(passes, {}), 0x78));
    ends.flush(ends.left, side::left);
    CHECK(ends.left.ike.established_count() == (passes ? 1 : 0));
    CHECK(ends.left.closed.size() == (passes ? 0 : 1));
}

TEST_CASE("an SA taken up again by an end without XAUTH or Mode Config takes no Transaction", "[ike][xauth][snapshot]") {
    dialogue_scene ends;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(5)));
    const auto kept = ends.left.ike.store(ends.now(), ends.left.established.at(0).cookies);
    REQUIRE(kept);
    ends.left.ike = dialogue_scene::end::make(ike_config(true), ends.left.crypto, ends.left.record);
    REQUIRE(ends.left.ike.restore(ends.now(), *kept));
    ends.left.ike.handle_datagram(ends.now(), left_path, edge_device_message(ends, v1::xauth_mode::detail::request({}), 0x77));
    CHECK(ends.left.record.count(errc::unexpected_message) == 1);
    CHECK(ends.left.ike.established_count() == 1);
}
