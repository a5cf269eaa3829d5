// Message 3 of Aggressive Mode comes protected or in the clear, as the initiator likes.                        RFC 2409 §5
#include "support/catch.hpp"
#include "support/good_end.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;

namespace {

auto aggressive(bool left) -> v1::config {
    auto c = ike_config(left);
    auto& p = c.peers[0];
    p.local_id = *ike::identity::of_text(ike::id_type::fqdn, left ? "left.example" : "right.example");
    p.remote_id = *ike::identity::of_text(ike::id_type::fqdn, left ? "right.example" : "left.example");
    p.suites[0].group = crypto::group_id::modp768;
    p.modes = {.begin_aggressive = left, .accept_aggressive = !left, .accept_main = false};
    return c;
}
using message = std::vector<std::byte>;

/// The same payloads without protection and without its padding; crypto is the identity here.
/// @param vendor  octets of a vendor id behind them
/// @param tail    octets behind the last payload
auto in_clear(const message& sealed, std::size_t vendor, const message& tail) -> message {
    const auto h = isakmp::header::parse(sealed);
    REQUIRE(h);
    REQUIRE(h->flags.encrypted());
    const auto in =
        isakmp::chain::parse(h->next_payload, byte_view{sealed}.subspan(isakmp::header::size), isakmp::rules_decrypted);
    REQUIRE(in);
    isakmp::header clear = *h;
    clear.flags = {};
    message room(sealed.size() + 64);
    isakmp::builder b{room};
    b.start(clear);
    for (const auto& p : *in) b.add(p.type, p.body);
    if (vendor > 0) b.add(isakmp::payload_type::vendor_id, message(vendor, std::byte{0x61}));
    const auto all = b.finish();
    REQUIRE(all);
    message out{all->begin(), all->end()};
    out.insert(out.end(), tail.begin(), tail.end());
    wire::store(byte_span{out}.subspan(24), static_cast<std::uint32_t>(out.size()));
    return out;
}
/// Both ends with message 3 on its way.
struct third {
    third() {
        ends.wire.cut();
        REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
        ends.flush(ends.left, testing::side::left);
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), ends.sent.at(0).octets);
        ends.flush(ends.right, testing::side::right);
        ends.left.ike.handle_datagram(ends.now(), left_path, ends.sent.at(1).octets);
        ends.flush(ends.left, testing::side::left);
    }
    auto octets() -> const message& { return ends.sent.at(2).octets; }
    /// @return whether the responder stands after it
    auto take(const message& m) -> bool {
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), m);
        ends.flush(ends.right, testing::side::right);
        return !ends.right.established.empty();
    }
    identity_ends ends{aggressive(true), aggressive(false)};
};

}  // namespace

// req: rfc2409-5-8
// pitfall 19: others refuse the one or the other.
// req: rfc2408-3.1-8, rfc2408-3.1-9
TEST_CASE("message 3 is accepted protected and in the clear", "[ike][aggressive][IKE1-043]") {
    struct row {
        const char* what;
        bool sealed;
        std::size_t vendor;
        message tail;
        bool stands;
    };
    const std::byte zero{0}, one{1};
    const auto r = GENERATE_COPY(values<row>({
        {"protected", true, 0, {}, true},
        {"in the clear", false, 0, {}, true},
        {"in the clear, no multiple of four", false, 3, {}, true},
        {"in the clear, and zeros up to a multiple of four: libreswan ends all its messages so", false, 3, {zero}, true},
        {"the same with three of them", false, 1, {zero, zero, zero}, true},
        {"zeros beyond a multiple of four", false, 3, {zero, zero, zero, zero, zero}, false},
        {"zeros that make no multiple of four", false, 1, {zero}, false},
        {"something else than zeros", false, 3, {one}, false},
    }));
    CAPTURE(r.what);
    third t;
    CHECK(t.take(r.sealed ? t.octets() : in_clear(t.octets(), r.vendor, r.tail)) == r.stands);
    // What was refused has ended nothing: the genuine one may come yet.
    if (!r.stands) CHECK(t.take(t.octets()));
    CHECK(t.ends.right.record.audits.size() == (r.stands ? 0 : 1));
}

TEST_CASE("a HASH_I in the clear that does not hold is as good as none", "[ike][aggressive][cve-33]") {
    third t;
    auto m = in_clear(t.octets(), 0, {});
    m.back() ^= std::byte{1};
    CHECK_FALSE(t.take(m));
    CHECK(t.ends.right.record.count(errc::bad_hash) == 1);
    CHECK(t.take(t.octets()));
}
