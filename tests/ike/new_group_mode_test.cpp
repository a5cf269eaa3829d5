// New Group Mode: private groups of both kinds, agreed on before the Quick Mode that wants one; refusals, bad links, bad peers.
//                                                                                                         RFC 2409 §5.6
#include <algorithm>

#include "support/botan_ends.hpp"
#include "support/catch.hpp"
#include "support/group_scene.hpp"

using namespace ipsec;
using namespace ipsec::test;
using own::count_of;
using own::ec2n;
using own::own_number;
using own::told_not_supported;
using ike::errc;
using testing::side;

namespace {

using octets = std::vector<std::byte>;
auto modp(crypto::group_id like = crypto::group_id::modp1024) -> crypto::private_group { return own::modp("02", like); }

/// Small groups, so that the tests are quick.
auto group_config(bool left, const crypto::private_group& g) -> v1::config {
    auto c = ike_config(left);
    auto& p = c.peers[0];
    p.private_groups = {{own_number, g}};
    p.new_group_limits = {.least_modp_bits = 768, .least_field_bits = 150, .rounds = 2};
    p.send_initial_contact = false;
    p.children[0].pfs = own_number;
    return c;
}
auto header_at(const auto& ends, std::size_t i) -> isakmp::header { return *isakmp::header::parse(ends.sent.at(i).octets); }

}  // namespace

// pitfall 3, IKE1-098; req: rfc2409-5.6-1, rfc2409-5.6-2, rfc2409-5.6-3, rfc2409-5.5-3, rfc2409-5-3
TEST_CASE("a Quick Mode whose PFS group is a private one is preceded by New Group Mode, once",
          "[ike][new_group][IKE1-098][pitfall-3]") {
    const bool binary = GENERATE(false, true);
    CAPTURE(binary);
    const auto g = binary ? ec2n() : modp();
    real_ends ends{group_config(true, g), group_config(false, g)};
    REQUIRE(ends.left.ike.start(ends.now, sa::policy_id{1}));
    REQUIRE(ends.left.ike.start(ends.now, sa::policy_id{1}));
    ends.run(seconds(1));
    CHECK(ends.left.failures.empty());
    CHECK(ends.right.failures.empty());
    CHECK(ends.left.table.size() == 2);
    CHECK(ike_ends<crypto::botan::provider>::covers(ends.left, ends.right));
    CHECK(ike_ends<crypto::botan::provider>::covers(ends.right, ends.left));
    std::vector<isakmp::exchange_type> order;
    for (const auto& m : ends.sent)
        if (const auto t = isakmp::header::parse(m)->exchange; order.empty() || order.back() != t) order.push_back(t);
    CHECK(order == std::vector{isakmp::exchange_type::identity_protection, isakmp::exchange_type::new_group_mode,
                               isakmp::exchange_type::quick_mode});
    const auto new_groups = [&] {
        return std::ranges::count_if(ends.sent, [](const octets& m) {
            return isakmp::header::parse(m)->exchange == isakmp::exchange_type::new_group_mode;
        });
    };
    CHECK(new_groups() == 2);
    // Each end's own message sent back to it does nothing: HASH(1) and HASH(2) are made alike, the IV is not.     cve-44
    for (const octets& m : ends.sent) {
        if (isakmp::header::parse(m)->exchange != isakmp::exchange_type::new_group_mode) continue;
        const auto before = ends.left.record.audits.size() + ends.right.record.audits.size();
        ends.left.ike.handle_datagram(ends.now, left_path, m);
        ends.right.ike.handle_datagram(ends.now, ike::reversed(left_path), m);
        CHECK(ends.left.record.audits.size() + ends.right.record.audits.size() > before);
    }
    CHECK(ends.left.failures.empty());
    // Either end may use the number from now on, and nobody asks again.
    ends.right.ike.handle(ends.now, sa::soft_expired{ends.right.ike.children().at(0).outbound[0], sa::policy_id{101}});
    ends.run(seconds(1));
    CHECK(ends.right.children.size() == 2);
    CHECK(new_groups() == 3);  // with the answer to the message that came again
}

TEST_CASE("the messages of New Group Mode have the hashes of its figure", "[ike][new_group][pitfall-3]") {
    const auto g = modp();
    identity_ends ends{group_config(true, g), group_config(false, g)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(milliseconds(200)));
    REQUIRE(ends.sent.size() >= 8);
    const auto& keys = ends.left.record.phase_1.at(0);
    for (const std::size_t i : {6U, 7U}) {
        CAPTURE(i);
        const auto h = header_at(ends, i);
        CHECK(h.exchange == isakmp::exchange_type::new_group_mode);
        CHECK(h.flags.encrypted());
        CHECK(h.id == header_at(ends, 6).id);
        const auto chain =
            isakmp::chain::parse(h.next_payload, byte_view{ends.sent[i].octets}.subspan(28), isakmp::rules_decrypted);
        REQUIRE(chain);
        REQUIRE(chain->size() == 2);
        CHECK((*chain)[0].type == isakmp::payload_type::hash);
        CHECK((*chain)[1].type == isakmp::payload_type::security_association);
        // HASH = prf(SKEYID_a, M-ID | SA), its generic header included, both times.
        std::array<std::byte, 4> id{};
        wire::store(byte_span{id}, h.id.value());
        const std::array<byte_view, 2> parts{id, chain->behind(0)};
        const auto expected = ends.left.crypto.prf(keys.prf, keys.keys.skeyid_a.view(), parts);
        REQUIRE(expected);
        CHECK(hex(expected->view()) == hex((*chain)[0].body));
        const auto tree = isakmp::sa_tree::parse((*chain)[1].body);
        REQUIRE(tree);
        const auto& t = tree->transforms(tree->proposals()[0])[0].value;
        CHECK(tree->proposals()[0].value.protocol == isakmp::protocol_id::isakmp);
        CHECK(t.id == isakmp::key_ike);
        CHECK(v1::read_group(t.attributes) == g);
    }
}

// IKE1-098; req: rfc2409-5.6-4
TEST_CASE("a group that is none, or not wanted, is refused by ATTRIBUTES-NOT-SUPPORTED", "[ike][new_group][IKE1-098]") {
    struct row {
        const char* what;
        crypto::private_group left, right;
        bool right_takes_any;
        std::size_t right_least;
        bool served;
    };
    auto even = std::get<crypto::modp_parameters>(modp());
    even.prime.back() ^= std::byte{1};
    auto composite = std::get<crypto::modp_parameters>(modp());
    composite.prime.back() ^= std::byte{2};
    auto trivial = std::get<crypto::modp_parameters>(modp());
    trivial.generator = unhex("01");
    const auto r = GENERATE_COPY(values<row>({
        {"the same at both ends", modp(), modp(), false, 768, true},
        {"any that is one", modp(), modp(crypto::group_id::modp768), true, 768, false},  // another of that number is configured
        {"other parts", modp(), modp(crypto::group_id::modp768), false, 768, false},
        {"below the policy's size", modp(), modp(), false, 2048, false},
        {"a binary one", ec2n(), ec2n(), false, 768, true},
    }));
    CAPTURE(r.what);
    auto l = group_config(true, r.left), right = group_config(false, r.right);
    right.peers[0].accept_new_groups = r.right_takes_any;
    right.peers[0].new_group_limits.least_modp_bits = r.right_least;
    identity_ends ends{std::move(l), std::move(right)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(5)));
    CHECK(told_not_supported(ends.left) == (r.served ? 0 : 1));
    CHECK((ends.right.record.count(errc::group_refused) == 0) == r.served);
    if (r.served) return;
    CHECK(ends.left.table.empty());
    CHECK(count_of(ends, isakmp::exchange_type::quick_mode) == 0);
    REQUIRE(ends.left.failures.size() == 2);  // New Group Mode, and the Quick Mode that waited for it
    CHECK(ends.left.failures[0].why == errc::refused_by_peer);
    CHECK(ends.left.failures[1].policy == sa::policy_id{1});
    // A wish that comes again asks again.
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(5)));
    CHECK(told_not_supported(ends.left) == 2);
}

TEST_CASE("what a peer makes up is checked: primes, generators, fields, numbers", "[ike][new_group][bad_peer][cve-22]") {
    auto l = group_config(true, modp()), r = group_config(false, modp());
    r.peers[0].private_groups.clear();
    r.peers[0].accept_new_groups = true;
    l.peers[0].children[0].pfs = crypto::group_id::none;
    r.peers[0].children[0].pfs = crypto::group_id::none;
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), ike::v1::peer_id{0}));
    REQUIRE(ends.run(seconds(5)));
    const auto& keys = ends.left.record.phase_1.at(0);
    v1::peer_config nobody;
    v1::quick_mode::environment<testing::identity_provider, ike_record> e{
        {ends.now(), ends.left.crypto, ends.left.record, nobody, v1::peer_id{0}, left_path}, keys};
    std::uint32_t id = 100;
    const auto offer = [&](const crypto::group_id number, const crypto::private_group& g) {
        const isakmp::message_id mid{++id};
        const auto first = v1::phase_2_iv(ends.left.crypto, keys.agreed.suite.hash, keys.next, mid.value());
        const auto m = v1::new_group_mode::detail::write(mid, v1::new_group_mode::detail::write_sa({number, g}), *first, e);
        const auto before = ends.right.record.count(errc::group_refused);
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), m->datagram);
        ends.flush(ends.right, side::right);
        REQUIRE(ends.run(seconds(1)));
        return ends.right.record.count(errc::group_refused) == before;
    };
    auto even = std::get<crypto::modp_parameters>(modp());
    even.prime.back() ^= std::byte{1};
    auto composite = std::get<crypto::modp_parameters>(modp());
    composite.prime.back() ^= std::byte{4};
    auto trivial = std::get<crypto::modp_parameters>(modp());
    trivial.generator = unhex("01");
    auto reducible = std::get<crypto::ec2n_parameters>(ec2n());
    reducible.polynomial.back() ^= std::byte{1};
    auto no_order = std::get<crypto::ec2n_parameters>(ec2n());
    no_order.order = unhex("0800000000000000000057db5698537193aef945");
    CHECK_FALSE(offer(own_number, even));
    CHECK_FALSE(offer(own_number, composite));
    CHECK_FALSE(offer(own_number, trivial));
    CHECK_FALSE(offer(own_number, reducible));
    CHECK_FALSE(offer(own_number, no_order));
    CHECK_FALSE(offer(crypto::group_id{2}, modp()));       // not a number for a private group
    CHECK_FALSE(offer(crypto::group_id{0x7fff}, modp()));
    CHECK(offer(crypto::group_id{0x8000}, modp()));
    CHECK(offer(crypto::group_id{0xffff}, ec2n()));
    CHECK(offer(crypto::group_id{0xffff}, modp()));        // and anew
    CHECK(offer(crypto::group_id{0xfffe}, modp()));
    CHECK(offer(crypto::group_id{0xfffd}, modp()));
    // As many as the limit allows, and no more.
    (void)offer(crypto::group_id{0xfffc}, modp());
    CHECK(ends.right.record.count(errc::limit_reached) == 1);
    CHECK(told_not_supported(ends.left) == 8);
}

TEST_CASE("New Group Mode comes through a bad link, and ends in time on one that is cut", "[ike][new_group][bad_link]") {
    const auto lost = GENERATE(as<std::size_t>{}, 6, 7, 8, 9, 10);
    const auto fate = GENERATE(testing::fate::drop, testing::fate::duplicate, testing::fate::swap);
    CAPTURE(lost, fate);
    const auto g = modp();
    identity_ends ends{group_config(true, g), group_config(false, g),
                       testing::lossy_link<ike::path>{testing::link_options{}, {{lost, fate, {}, {}}}}};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(20)));
    CHECK(count_of(ends, isakmp::exchange_type::new_group_mode) >= 2);
    CHECK(count_of(ends, isakmp::exchange_type::quick_mode) >= 1);
    CHECK(ends.right.record.count(errc::group_refused) == 0);
}

TEST_CASE("a peer that answers no New Group Mode fails it, and what waited, in time", "[ike][new_group][bad_link]") {
    const auto g = modp();
    identity_ends ends{group_config(true, g), group_config(false, g)};
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
    REQUIRE(ends.run(seconds(2)));
    ends.wire.cut();
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(400)));
    CHECK(count_of(ends, isakmp::exchange_type::new_group_mode) == 6);
    REQUIRE(ends.left.failures.size() >= 2);
    CHECK(ends.left.failures[0].why == errc::timed_out);
    CHECK(ends.left.failures[1].policy == sa::policy_id{1});
    CHECK(ends.left.table.empty());
}

// req: rfc2409-5.6-1
// req: rfc2409-4-3
TEST_CASE("messages of New Group Mode that are not genuine, or come before phase 1 is over, do nothing",
          "[ike][new_group][bad_peer][cve-39]") {
    const auto g = modp();
    identity_ends ends{group_config(true, g), group_config(false, g),
                       testing::lossy_link<ike::path>{testing::link_options{}, {{7, testing::fate::drop, {}, {}}}}};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(milliseconds(500)));
    REQUIRE(ends.sent.size() >= 8);
    const auto one = ends.sent[6].octets, two = ends.sent[7].octets;
    const auto feed = [&](const octets& m) {
        ends.left.ike.handle_datagram(ends.now(), left_path, m);
        ends.left.drain_events(ends.now());
    };
    for (std::size_t n = isakmp::header::size; n < two.size(); n += 7) {
        auto bad = two;
        bad[n] ^= std::byte{0x20};
        if (n < two.size() - 16) feed(bad);  // the last block may be padding
        feed({two.begin(), two.begin() + static_cast<std::ptrdiff_t>(n)});
    }
    auto clear = two;
    clear[19] = std::byte{0};
    feed(clear);
    CHECK(count_of(ends, isakmp::exchange_type::quick_mode) == 0);
    CHECK(ends.left.failures.empty());
    // A genuine message 2 with another group is not what was offered.
    const auto& keys = ends.right.record.phase_1.at(0);
    v1::peer_config nobody;
    v1::quick_mode::environment<testing::identity_provider, ike_record> e{
        {ends.now(), ends.right.crypto, ends.right.record, nobody, v1::peer_id{0}, ike::reversed(left_path)}, keys};
    const auto next = v1::make_iv(byte_view{one}.last(16));
    const auto other = v1::new_group_mode::detail::write(
        header_at(ends, 6).id, v1::new_group_mode::detail::write_sa({own_number, modp(crypto::group_id::modp768)}), next, e);
    feed(other->datagram);
    REQUIRE(ends.left.failures.size() == 2);
    CHECK(ends.left.failures[0].why == errc::not_what_was_offered);
    // Under cookies of nobody, and before the keys are there.
    identity_ends fresh{group_config(true, g), group_config(false, g)};
    fresh.right.ike.handle_datagram(fresh.now(), ike::reversed(left_path), one);
    CHECK(fresh.right.record.count(errc::unknown_cookie) == 1);
}

TEST_CASE("private groups are configured by numbers of their own", "[ike][config]") {
    auto c = group_config(true, modp());
    CHECK(v1::check(c));
    c.peers[0].private_groups.push_back({own_number, ec2n()});
    CHECK(v1::check(c).error() == errc::unusable_algorithm);
    c.peers[0].private_groups[1].id = crypto::group_id{14};
    CHECK(v1::check(c).error() == errc::unusable_algorithm);
}
