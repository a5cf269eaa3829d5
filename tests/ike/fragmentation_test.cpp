// IKE messages in pieces: cut only for peers that understand it, put together within bounds.
#include <algorithm>

#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;

namespace {

auto text(std::string_view s) -> byte_view { return std::as_bytes(std::span{s}); }
auto cookies(unsigned n) -> isakmp::cookie_pair {
    std::array<std::byte, 8> o{};
    o[0] = 1_b;
    wire::store(byte_span{o}.subspan(4), n);
    return {isakmp::cookie_i{o}, isakmp::cookie_r{o}};
}
struct piece {
    unsigned id = 1, number = 1;
    bool last = false;
    std::string_view data;
};
/// What the last of the pieces brings: the message, "" while some are missing, or the name of the fault.
auto put(v1::fragment_table& t, std::initializer_list<piece> pieces, instant now = {}, unsigned peer = 0) -> std::string {
    std::string out;
    for (const piece& p : pieces) {
        isakmp::fragment f;
        f.id = static_cast<std::uint16_t>(p.id);
        f.number = static_cast<std::uint8_t>(p.number);
        f.flags = p.last ? 1 : 0;
        f.data = text(p.data);
        const auto r = t.take(now, cookies(peer), f, {.messages = 4, .pieces = 8, .octets = 64});
        out = !r    ? std::string{ike::name_of(r.error())}
              : !*r ? std::string{}
                    : std::string(reinterpret_cast<const char*>((*r)->data()), (*r)->size());
    }
    return out;
}
const std::string bad{ike::name_of(errc::bad_fragment)}, limit{ike::name_of(errc::limit_reached)};

auto with_pieces(v1::config c, std::size_t size = 200, bool enabled = true) -> v1::config {
    c.peers[0].fragmentation = {.enabled = enabled, .size = size};
    return c;
}
auto is_piece(const identity_ends::message& m) -> bool {
    const byte_view all{m.octets};
    const auto h = isakmp::header::parse(m.path.link.kind == ike::link_kind::udp_encap && all.size() > 4 ? all.subspan(4) : all);
    return h && h->next_payload == isakmp::payload_type::fragment;
}
auto count_pieces(const identity_ends& ends) -> std::size_t {
    return static_cast<std::size_t>(std::ranges::count_if(ends.sent, is_piece));
}

}  // namespace

TEST_CASE("pieces make their message in any order, doubled or not", "[ike][fragmentation][IKE1-097]") {
    v1::fragment_table t;
    CHECK(put(t, {{.number = 1, .last = true, .data = "whole"}}) == "whole");
    CHECK(put(t, {{.number = 1, .data = "ab"}, {.number = 2, .data = "cd"}, {.number = 3, .last = true, .data = "e"}}) ==
          "abcde");
    CHECK(put(t, {{.number = 3, .last = true, .data = "e"}, {.number = 1, .data = "ab"}, {.number = 2, .data = "cd"}}) ==
          "abcde");
    CHECK(put(t, {{.number = 2, .last = true, .data = "cd"},
                  {.number = 2, .last = true, .data = "cd"},
                  {.number = 1, .data = "ab"}}) == "abcd");
    CHECK(t.size() == 0);
    CHECK(t.octets_held() == 0);
}

// cve-08
TEST_CASE("pieces that contradict each other cost their message, and nothing else", "[ike][fragmentation][cve-08]") {
    struct row {
        const char* what;
        std::initializer_list<piece> pieces;
        std::string outcome;
    };
    for (const auto& r :
         {row{"number 0", {{.number = 0, .data = "x"}}, bad}, row{"empty", {{.number = 1, .data = ""}}, bad},
          row{"empty and last", {{.number = 1, .last = true, .data = ""}}, bad},
          row{"same number, other octets", {{.number = 1, .data = "a"}, {.number = 1, .data = "b"}}, bad},
          row{"same number, other length", {{.number = 1, .data = "a"}, {.number = 1, .data = "aa"}}, bad},
          row{"same number, now last", {{.number = 1, .data = "a"}, {.number = 1, .last = true, .data = "a"}}, bad},
          row{"behind the last", {{.number = 2, .last = true, .data = "b"}, {.number = 3, .data = "c"}}, bad},
          row{"two last ones", {{.number = 3, .last = true, .data = "c"}, {.number = 2, .last = true, .data = "b"}}, bad},
          row{"last before others", {{.number = 3, .data = "c"}, {.number = 2, .last = true, .data = "b"}}, bad},
          row{"too many", {{.number = 9, .data = "x"}}, limit},
          row{"number 255", {{.number = 255, .last = true, .data = "x"}}, limit},
          row{"too long",
              {{.number = 1, .data = "0123456789012345678901234567890123456789"},
               {.number = 2, .data = "0123456789012345678901234567890123456789"}},
              limit}}) {
        CAPTURE(r.what);
        v1::fragment_table t;
        CHECK(put(t, r.pieces) == r.outcome);
        CHECK(t.octets_held() == 0);
        // the peer sends all of it again
        CHECK(put(t, {{.number = 1, .data = "ab"}, {.number = 2, .last = true, .data = "cd"}}) == "abcd");
    }
}

TEST_CASE("another identifier begins another message, and pieces of the old one are gone", "[ike][fragmentation][cve-08]") {
    v1::fragment_table t;
    CHECK(put(t, {{.id = 1, .number = 1, .data = "ab"}, {.id = 2, .number = 2, .last = true, .data = "zz"}}).empty());
    CHECK(t.octets_held() == 2);
    CHECK(put(t, {{.id = 2, .number = 1, .data = "yy"}}) == "yyzz");
    CHECK(put(t, {{.id = 1, .number = 2, .last = true, .data = "cd"}}).empty());  // its first piece was let go
}

TEST_CASE("what waits for pieces is bounded in number and time", "[ike][fragmentation][cve-08]") {
    v1::fragment_table t;
    instant now{};
    for (unsigned peer = 0; peer < 100; ++peer) {
        now = now + milliseconds(1);
        CHECK(put(t, {{.number = 2, .data = "0123456789"}}, now, peer).empty());
        CHECK(t.size() <= 4);
    }
    CHECK(t.octets_held() == 40);
    CHECK(put(t, {{.number = 1, .data = "a"}, {.number = 3, .last = true, .data = "b"}}, now, 99) == "a0123456789b");
    CHECK(t.due() == instant{} + milliseconds(97) + seconds(15));
    CHECK(t.expire(t.due()) == 1);
    CHECK(t.expire(now + seconds(16)) == 2);
    CHECK(t.due() == instant::never());
}

TEST_CASE("messages that are too large go in pieces once the peer said that it understands them",
          "[ike][fragmentation][IKE1-097]") {
    identity_ends ends{with_pieces(ike_config(true)), with_pieces(ike_config(false))};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(10)));
    REQUIRE(ends.left.established.size() == 1);
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
    CHECK(count_pieces(ends) >= 4);
    CHECK_FALSE(is_piece(ends.sent[0]));  // nobody has said anything yet
    std::map<std::pair<testing::side, unsigned>, unsigned> ids;
    for (const auto& m : ends.sent) {
        if (m.octets.size() > 200) CHECK(&m - ends.sent.data() < 2);
        if (!is_piece(m)) continue;
        const auto h = isakmp::parse_header(m.octets);
        REQUIRE(h);
        CHECK_FALSE(h->flags.encrypted());
        CHECK(h->length == m.octets.size());
        const auto f = isakmp::fragment::parse(byte_view{m.octets}.subspan(32));
        REQUIRE(f);
        CHECK(f->number == ++ids[{m.from, f->id}]);
    }
    CHECK(ends.left.record.audits.empty());
    CHECK(ends.right.record.audits.empty());
}

// req: rfc2408-3.16-1, rfc2408-5.2-11
TEST_CASE("a peer that does not understand pieces gets none, and its own are not taken", "[ike][fragmentation][rfc2408-3.16-1]") {
    identity_ends ends{with_pieces(ike_config(true)), with_pieces(ike_config(false), 200, false)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(10)));
    CHECK(ends.left.table.size() == 2);
    CHECK(count_pieces(ends) == 0);
    // a piece for an SA that stands
    const auto cky = ends.left.established[0].cookies;
    std::array<std::byte, 200> room{};
    isakmp::fragment f;
    f.id = f.number = 1;
    f.data = text("data");
    const auto m = isakmp::builder{room}.start(v1::header_of(cky, isakmp::exchange_type::informational)).add(f).finish();
    REQUIRE(m);
    ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), *m);
    REQUIRE(ends.right.record.audits.size() == 1);
    CHECK(ends.right.record.audits[0].detail == isakmp::errc::bad_next_payload);
}

TEST_CASE("nothing is kept of pieces whose cookies nobody was given", "[ike][fragmentation][cve-08]") {
    identity_ends ends{with_pieces(ike_config(true)), with_pieces(ike_config(false))};
    std::array<std::byte, 200> room{};
    for (unsigned n = 1; n < 50; ++n) {
        isakmp::fragment f;
        f.id = f.number = 1;
        f.data = text("data");
        auto cky = cookies(n);
        if (n % 2 == 0) cky.responder = {};
        isakmp::builder b{room};
        const auto m = b.start(v1::header_of(cky, isakmp::exchange_type::identity_protection)).add(f).finish();
        REQUIRE(m);
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), *m);
    }
    CHECK(ends.right.record.count(errc::unknown_cookie) == 49);
    CHECK(ends.right.ike.poll_timeout() == instant::never());
}

TEST_CASE("pieces through a NAT have the marker of its port", "[ike][fragmentation][nat]") {
    auto l = with_pieces(ike_config(true), 150), r = with_pieces(ike_config(false), 150);
    l.peers[0].nat.force = r.peers[0].nat.force = true;
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(10)));
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
    bool marked = false;
    for (const auto& m : ends.sent) {
        if (&m - ends.sent.data() >= 2) CHECK(m.octets.size() <= 150);
        marked = marked || (is_piece(m) && m.path.link.kind == ike::link_kind::udp_encap);
    }
    CHECK(marked);
}

TEST_CASE("whoever sends pieces with the right cookies spoils one message, which comes again", "[ike][fragmentation][cve-08]") {
    identity_ends ends{with_pieces(ike_config(true)), with_pieces(ike_config(false))};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    std::array<std::byte, 200> room{};
    for (int i = 0; i < 40; ++i) {
        ends.clock.advance(milliseconds(1));
        ends.turn();
        if (ends.sent.size() < 3) continue;
        const auto h = isakmp::header::parse(ends.sent[2].octets);
        isakmp::fragment f;
        f.id = 1;
        f.number = static_cast<std::uint8_t>(1 + i % 3);
        f.data = text("forged");
        isakmp::builder b{room};
        const auto m = b.start(v1::header_of(h->cookies(), isakmp::exchange_type::identity_protection)).add(f).finish();
        REQUIRE(m);
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), *m);
        ends.left.ike.handle_datagram(ends.now(), left_path, *m);
    }
    REQUIRE(ends.run(seconds(60)));
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
}

TEST_CASE("pieces over a bad link end with equal SAs", "[ike][fragmentation][bad_link]") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        identity_ends ends{with_pieces(ike_config(true)), with_pieces(ike_config(false)),
                           identity_ends::link{{.loss = 0.1, .duplicate = 0.2, .swap = 0.1, .delay = 0.2, .seed = seed}}};
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(200)));
        CHECK(ends.left.table.size() == 2);
        CHECK(ends.equal_sas());
        CHECK(count_pieces(ends) > 0);
    }
}

TEST_CASE("sizes that make no sense are refused with the configuration", "[ike][fragmentation]") {
    CHECK(v1::check(with_pieces(ike_config(true), 128)));
    CHECK(v1::check(with_pieces(ike_config(true), 127)).error() == errc::bad_limit);
    auto c = with_pieces(ike_config(true));
    c.limits.fragments = 0;
    CHECK(v1::check(c).error() == errc::bad_limit);
}
