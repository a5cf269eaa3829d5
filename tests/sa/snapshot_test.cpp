#include "ipsec/sa/sealed_snapshot.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/esp/open.hpp"
#include "ipsec/esp/seal.hpp"
#include "ipsec/testing/packet_buffer.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"
#include "support/packets.hpp"

using namespace ipsec;
using sa::sequence64;
using suite_type = crypto::botan::gateway_suite;
using out_sa = sa::outbound<suite_type>;
using in_sa = sa::inbound<suite_type>;

namespace {

constexpr instant start{5'000'000'000};
constexpr std::uint64_t two32 = std::uint64_t{1} << 32;
const crypto::transform cbc{crypto::encryption_id::aes_cbc, 256, crypto::integrity_id::hmac_sha2_256_128};
const crypto::transform gcm{crypto::encryption_id::aes_gcm_16, 128, crypto::integrity_id::none};

const ip::dscp_map some_map = [] {
    ip::dscp_map m{};
    for (std::size_t i = 0; i < m.size(); ++i) m[i] = static_cast<std::uint8_t>(63 - i);
    return m;
}();

/// Nothing in it has its default value.
auto full_parameters(crypto::transform t = gcm) -> sa::parameters {
    sa::parameters p;
    p.id = {.spi = sa::spi{0xa1b2c3d4}, .destination = *ip::parse_address("2001:db8::2"), .protocol = sa::protocol::esp};
    p.source = *ip::parse_address("2001:db8::1");
    p.policy = sa::policy_id{77};
    p.selectors.source = *ip::parse_range("10.1.0.0/16");
    p.selectors.destination = *ip::parse_range("10.2.0.3-10.2.0.9");
    p.selectors.protocol = ip::next_header::tcp;
    p.selectors.source_port = ip::port_range::opaque();
    p.selectors.destination_port = *ip::port_range::make(80, 443);
    p.selectors.icmp = ip::port_range::icmp(8);
    p.traffic_class = 9;
    p.bundle = {.pair = 3, .position = 1, .size = 3};
    p.extended_sequence = true;
    p.window = 128;
    p.lifetimes.soft = {.time = seconds(100), .kilobytes = 10'000, .packets = 50'000};
    p.lifetimes.hard = {.time = seconds(200), .kilobytes = 20'000, .packets = 60'000};
    p.tunnel.df = ip::df_rule::set;
    p.tunnel.ecn = ip::ecn_mode::ignored;
    p.tunnel.dscp = std::uint8_t{46};
    p.tunnel.map = &some_map;
    p.tunnel.hop_limit = 31;
    p.tunnel.copy_flow_label = true;
    p.tunnel.flow_label = 0xabcde;
    p.encapsulation = {.local = 4500, .remote = 1024};
    p.transform = t;
    p.exportable = true;
    p.resync = {.after = 20, .ahead = 3};
    p.found_by = sa::lookup::by_spi;
    p.icv_alignment = 8;
    p.selectors.mobility = ip::port_range{5};
    p.tunnel.fragment_first = true;
    p.fragments_by_state = true;
    p.tfc = {.what = sa::tfc_policy::kind::random, .size = 300};
    p.destination_options = ip::destination_options_place::in_front;
    return p;
}
auto plain_parameters(crypto::transform t = gcm) -> sa::parameters {
    sa::parameters p;
    p.id = {.spi = sa::spi{0x1000}, .destination = ip::address::v4(192, 0, 2, 2), .protocol = sa::protocol::esp};
    p.source = ip::address::v4(192, 0, 2, 1);
    p.transform = t;
    p.exportable = true;
    return p;
}
auto keymat_for(crypto::transform t) -> std::vector<std::byte> {
    std::vector<std::byte> k(*crypto::keymat_size(t));
    for (std::size_t i = 0; i < k.size(); ++i) k[i] = static_cast<std::byte>(0xc0 + i * 7);
    return k;
}
template <class Sa> auto make(const sa::parameters& p, instant now = start) -> Sa {
    testing::seeded_rng random;
    auto made = Sa::make(p, *crypto::botan::make_esp_suite(p.transform), keymat_for(p.transform), random, now);
    REQUIRE(made);
    return std::move(*made);
}
template <class Sa> auto again(const sa::snapshot& s, instant now = start, duration away = {}) -> sa::result<Sa> {
    testing::seeded_rng random{2};
    return sa::restore<Sa>(s, *crypto::botan::make_esp_suite(s.parameters.transform), random, now, away);
}
auto text_of(const sa::snapshot& s) -> std::vector<std::byte> {
    std::vector<std::byte> room(sa::snapshot::max_size);
    const auto written = sa::emit(s, room);
    REQUIRE(written);
    room.resize(written->size());
    return room;
}
/// One packet from `from` to `to`. @return whether it came through
auto passes(out_sa& from, in_sa& to, instant now = start) -> bool {
    testing::packet_buffer packet{test::v4_packet(40)};
    REQUIRE(esp::seal(from, packet, now));
    return esp::open(to, packet, now).has_value();
}
const auto key = keymat_for(cbc);

/// Takes a snapshot and confirms it, as if it was stored in between. @return whether both went well
template <class Sa> auto keep(Sa& which, std::uint64_t numbers) -> bool {
    const auto s = sa::take(which, numbers, start);
    return s && sa::confirm(which, *s);
}

}  // namespace

TEST_CASE("a snapshot says everything about an SA", "[sa][snapshot]") {
    auto p = full_parameters();
    auto before = make<out_sa>(p);
    before.resume_at(sequence64{5 * two32 + 17});
    REQUIRE(before.charge(1500, start));
    const auto s = sa::parse(text_of(*sa::take(before, 100, start + seconds(30))));
    REQUIRE(s);
    CHECK(s->direction == sa::snapshot::way::outbound);
    CHECK(s->dscp_map == some_map);
    p.tunnel.map = nullptr;
    CHECK(s->parameters == p);
    CHECK(std::ranges::equal(s->keymat.view(), keymat_for(gcm)));
    CHECK(s->number == sequence64{5 * two32 + 117});
    auto used = before.lifetime().usage(start + seconds(30));
    used.packets += 100;  // what it may send up to the number
    used.octets += 100 * 65535;
    CHECK(s->used == used);
    CHECK(s->used.soft_left == seconds(70));

    auto copy = *sa::parse(text_of(*s));
    CHECK(again<out_sa>(copy).error() == sa::errc::bad_snapshot);  // the map was left behind
    copy.parameters.tunnel.map = &some_map;
    const auto after = again<out_sa>(copy, instant{}, seconds(15));
    REQUIRE(after);
    CHECK(after->parameters() == full_parameters());
    CHECK(after->last_sequence() == s->number);
    CHECK(after->lifetime().octets() == 1500 + 100 * 65535);
    CHECK(after->lifetime().packets() == 101);
    CHECK(after->lifetime().deadline() == instant{} + seconds(55));
}

TEST_CASE("every form of selector, address and algorithm survives a snapshot", "[sa][snapshot]") {
    auto p = plain_parameters(cbc);
    SECTION("everything") {}
    SECTION("one family") { p.selectors.source = ip::range::any(ip::family::v6); }
    SECTION("opaque") {
        p.selectors.protocol = ip::protocol_selector::opaque();
        p.selectors.destination_port = ip::port_range::opaque();
    }
    SECTION("all ports that are shown") { p.selectors.source_port = *ip::port_range::make(0, 65535); }
    SECTION("transport") { p.mode = sa::mode::transport; }
    SECTION("by hand") { p.manual = true, p.anti_replay = false; }
    SECTION("a group with one source") { p.found_by = sa::lookup::by_source; }
    SECTION("GCM") { p.transform = gcm; }
    auto sa_out = make<out_sa>(p);
    const auto s = sa::parse(text_of(*sa::take(sa_out, 0, start)));
    REQUIRE(s);
    CHECK(s->parameters == p);
}

// req: rfc4303-3.3.3-4, rfc4303-3.3.3-1
// cve-58
TEST_CASE("what was restored never uses a number again", "[sa][snapshot][rfc4303-3.3.3]") {
    auto p = plain_parameters();
    p.extended_sequence = GENERATE(false, true);
    auto before = make<out_sa>(p);
    for (int i = 0; i < 5; ++i) REQUIRE(before.next_sequence());
    const auto s = sa::take(before, 3, start);
    REQUIRE(s);
    const auto text = text_of(*s);

    // The SA goes on, but not behind what was set apart, until the next snapshot is confirmed.
    REQUIRE(sa::confirm(before, *s));
    std::uint64_t last = 0;
    for (int i = 0; i < 3; ++i) last = before.next_sequence()->value();
    CHECK(last == 8);
    CHECK(before.next_sequence() == std::unexpected{sa::errc::reserve_used});
    CHECK_FALSE(before.lifetime().is_expired());
    const auto later = sa::take(before, 1, start);
    REQUIRE(later);
    CHECK(before.next_sequence() == std::unexpected{sa::errc::reserve_used});  // a crash now would restore the one before
    REQUIRE(sa::confirm(before, *later));
    CHECK(before.next_sequence()->value() == 9);

    // However often a snapshot is restored: there is no number before the next one is confirmed.
    for (int crash = 0; crash < 3; ++crash) {
        auto after = again<out_sa>(*sa::parse(text_of(*later)));
        REQUIRE(after);
        CHECK(after->next_sequence() == std::unexpected{sa::errc::reserve_used});
        const auto next = sa::take(*after, 2, start);
        REQUIRE(next);
        CHECK(next->number == sequence64{11});
        CHECK(after->next_sequence() == std::unexpected{sa::errc::reserve_used});
        CHECK(again<out_sa>(*next)->last_sequence() == sequence64{11});
    }
}

// req: rfc4303-3.3.3-1, rfc2406-3.3.3-1
TEST_CASE("a restore at the end of the numbers is refused", "[sa][snapshot][rfc4303-3.3.3-1]") {
    auto p = plain_parameters();
    p.extended_sequence = GENERATE(false, true);
    const std::uint64_t end = sa::sequence_counter{p.extended_sequence}.last_number().value();
    auto before = make<out_sa>(p);
    before.resume_at(sequence64{end - 10});
    CHECK(again<out_sa>(*sa::take(before, 9, start)));
    CHECK(again<out_sa>(*sa::take(before, 10, start)).error() == sa::errc::sequence_exhausted);
    const auto all = sa::take(before, 1000, start);
    CHECK(again<out_sa>(*all).error() == sa::errc::sequence_exhausted);
    REQUIRE(sa::confirm(before, *all));
    for (int i = 0; i < 10; ++i) CHECK(before.next_sequence());
    CHECK(before.next_sequence() == std::unexpected{sa::errc::sequence_exhausted});
    CHECK(before.lifetime().is_expired());
}

// req: rfc4303-3.4.3-5
TEST_CASE("a window that was restored has seen everything up to the jump", "[sa][snapshot][rfc4303-3.4.3-5]") {
    auto p = plain_parameters();
    p.extended_sequence = GENERATE(false, true);
    auto sender = make<out_sa>(p);
    auto receiver = make<in_sa>(p);
    std::vector<testing::packet_buffer> sent;
    for (int i = 0; i < 40; ++i) {
        sent.emplace_back(test::v4_packet(40));
        REQUIRE(esp::seal(sender, sent.back(), start));
        if (i % 3 == 0) continue;  // lost or late
        auto copy = sent.back().clone();
        if (i < 20) REQUIRE(esp::open(receiver, copy, start));
    }
    const auto s = sa::take(receiver, 10, start);
    REQUIRE(s);
    CHECK(s->number == sequence64{30});
    auto after = again<in_sa>(*sa::parse(text_of(*s)));
    REQUIRE(after);
    REQUIRE(keep(*after, 100));
    for (std::size_t i = 0; i < sent.size(); ++i) {
        const auto opened = esp::open(*after, sent[i], start);
        CAPTURE(i);
        if (i < 30) CHECK(opened.error() == esp::errc::replayed);
        else CHECK(opened);
    }
}

TEST_CASE("a pair of SAs carries packets on after a restart", "[sa][snapshot]") {
    const auto t = GENERATE(cbc, gcm);
    auto out = make<out_sa>(plain_parameters(t));
    auto in = make<in_sa>(plain_parameters(t));
    for (int i = 0; i < 10; ++i) REQUIRE(passes(out, in));
    auto out2 = again<out_sa>(*sa::take(out, 64, start));
    auto in2 = again<in_sa>(*sa::take(in, 0, start));
    REQUIRE((out2 && in2));
    REQUIRE((keep(*out2, 1000) && keep(*in2, 1000)));
    for (int i = 0; i < 10; ++i) CHECK(passes(*out2, *in2));
    CHECK(out2->last_sequence() == sequence64{84});
}

TEST_CASE("lifetimes run on while nobody is there", "[sa][snapshot][lifetime]") {
    auto p = plain_parameters();
    p.lifetimes.soft = {.time = seconds(100), .packets = 10};
    p.lifetimes.hard = {.time = seconds(200), .packets = 20};
    auto before = make<out_sa>(p);
    for (int i = 0; i < 10; ++i) REQUIRE(before.charge(1, start));
    CHECK(before.lifetime().take_expiry() == sa::expiry::soft);
    const auto s = sa::take(before, 5, start + seconds(50));
    REQUIRE(s);
    auto soon = again<out_sa>(*s, instant{}, seconds(20));
    REQUIRE(soon);
    CHECK(soon->lifetime().take_expiry() == sa::expiry::none);  // the soft one was told before
    CHECK(soon->charge(1, instant{} + seconds(129)));
    CHECK_FALSE(soon->charge(1, instant{} + seconds(130)));
    auto late = again<out_sa>(*s, instant{}, seconds(150));
    REQUIRE(late);
    CHECK(late->lifetime().is_expired());
    CHECK(late->lifetime().take_expiry() == sa::expiry::hard);
}

TEST_CASE("keys leave an SA only if it was made so", "[sa][snapshot]") {
    auto p = plain_parameters();
    p.exportable = false;
    auto out = make<out_sa>(p);
    CHECK(out.keymat().empty());
    CHECK(sa::take(out, 1, start).error() == sa::errc::keys_not_exportable);
    CHECK(out.next_sequence());  // and nothing was held back
    CHECK(out.next_sequence());
    auto in = make<in_sa>(p);
    CHECK(sa::take(in, 1, start).error() == sa::errc::keys_not_exportable);
}

TEST_CASE("what cannot be restored is refused with the reason", "[sa][snapshot]") {
    auto out = make<out_sa>(plain_parameters());
    auto s = *sa::take(out, 1, start);
    CHECK(again<in_sa>(s).error() == sa::errc::bad_snapshot);  // the other direction
    s.number = sequence64{two32};
    CHECK(again<out_sa>(s).error() == sa::errc::bad_snapshot);  // 33 bits of a 32-bit number
    s.number = {};
    s.parameters.id.spi = sa::spi{7};
    CHECK(again<out_sa>(s).error() == sa::errc::reserved_spi);
    s.parameters.id.spi = sa::spi{0x1000};
    s.keymat.truncate(5);
    CHECK(again<out_sa>(s).error() == sa::errc::bad_key_size);
    s.parameters.transform = {};
    std::array<std::byte, sa::snapshot::max_size> room{};
    CHECK(sa::emit(s, room).error() == sa::errc::unknown_algorithm);
}

TEST_CASE("the open form of a snapshot is read strictly", "[sa][snapshot]") {
    auto out = make<out_sa>(full_parameters(cbc));
    const auto text = text_of(*sa::take(out, 1, start));
    CHECK(text.size() < sa::snapshot::max_size);
    for (std::size_t n = 0; n < text.size(); ++n) {
        CAPTURE(n);
        CHECK(sa::parse(byte_view{text}.first(n)).error() == sa::errc::snapshot_truncated);
    }
    auto changed = text;
    changed[0] = std::byte{'X'};
    CHECK(sa::parse(changed).error() == sa::errc::bad_snapshot);
    changed = text;
    changed[5] = std::byte{2};
    CHECK(sa::parse(changed).error() == sa::errc::snapshot_version);
    changed = text;
    changed[6] = std::byte{2};
    CHECK(sa::parse(changed).error() == sa::errc::bad_snapshot);
    changed[6] = std::byte{1};
    CHECK(sa::parse(changed).error() == sa::errc::snapshot_key);
    changed = text;
    changed.push_back({});
    CHECK(sa::parse(changed).error() == sa::errc::bad_snapshot);
}

TEST_CASE("a snapshot is the same on every machine", "[sa][snapshot]") {
    sa::parameters p = plain_parameters(cbc);
    p.policy = sa::policy_id{0x01020304};
    auto out = make<out_sa>(p);
    const auto text = text_of(*sa::take(out, 0x0a0b, start));
    const byte_view all{text};
    CHECK(test::hex(all.first(9)) == "49507361" "0001" "00" + test::hex(all.subspan(7, 2)));
    CHECK((std::to_integer<std::size_t>(text[7]) << 8 | std::to_integer<std::size_t>(text[8])) == text.size() - 9);
    CHECK(test::hex(all.subspan(9, 22)) == "02" "00001000" "04c0000202" "32" "02" "04c0000201" "01020304" "04");
    const std::string name = "aes256-sha256";
    CHECK_FALSE(std::ranges::search(all, std::as_bytes(std::span{name})).empty());
}

TEST_CASE("a sealed snapshot is read with its key alone", "[sa][snapshot]") {
    crypto::botan::provider provider;
    auto out = make<out_sa>(full_parameters(cbc));
    const auto s = sa::take(out, 1, start);
    REQUIRE(s);
    std::vector<std::byte> text(sa::max_sealed_snapshot);
    const auto written = sa::seal(provider, key, provider, *s, text);
    REQUIRE(written);
    text.resize(written->size());
    const auto back = sa::open(provider, key, text);
    REQUIRE(back);
    CHECK(back->parameters == s->parameters);
    CHECK(back->keymat == s->keymat);
    CHECK(std::ranges::search(text, keymat_for(cbc)).empty());
    const auto piece = byte_view{s->keymat.view()}.first(8);
    CHECK(std::ranges::search(text, piece).empty());

    auto other_key = key;
    other_key.back() ^= std::byte{1};
    CHECK(sa::open(provider, other_key, text).error() == sa::errc::snapshot_key);
    CHECK(sa::parse(text).error() == sa::errc::snapshot_key);
    CHECK(sa::open(provider, key, text_of(*s)).error() == sa::errc::snapshot_key);
    for (std::size_t n = 0; n < text.size(); ++n) {
        CAPTURE(n);
        CHECK(sa::open(provider, key, byte_view{text}.first(n)).error() == sa::errc::snapshot_truncated);
        auto changed = text;
        changed[n] ^= std::byte{0x10};
        const auto fault = sa::open(provider, key, changed).error();
        if (n < 4 || n == 6) CHECK(fault == sa::errc::bad_snapshot);
        else if (n < 6) CHECK(fault == sa::errc::snapshot_version);
        else if (n < 9) CHECK((fault == sa::errc::snapshot_truncated || fault == sa::errc::bad_snapshot));
        else if (n < 49) CHECK(fault == sa::errc::snapshot_key);  // salt, and which key it is
        else CHECK(fault == sa::errc::snapshot_altered);
    }
}

TEST_CASE("two sealed snapshots of one SA have nothing in common", "[sa][snapshot]") {
    crypto::botan::provider provider;
    auto out = make<out_sa>(full_parameters(cbc));
    const auto s = sa::take(out, 1, start);
    std::array<std::byte, sa::max_sealed_snapshot> a{}, b{};
    const auto x = sa::seal(provider, key, provider, *s, a), y = sa::seal(provider, key, provider, *s, b);
    REQUIRE((x && y));
    std::size_t equal = 0;
    for (std::size_t i = 9; i < x->size(); ++i) equal += a[i] == b[i] ? 1U : 0U;
    CHECK(equal < 20);
}

TEST_CASE("a seal that fails leaves nothing in clear", "[sa][snapshot]") {
    crypto::botan::provider provider;
    auto out = make<out_sa>(full_parameters(cbc));
    const auto s = sa::take(out, 1, start);
    std::array<std::byte, sa::max_sealed_snapshot> room{};
    CHECK(sa::seal(provider, byte_view{key}.first(15), provider, *s, room).error() == sa::errc::bad_key_size);
    testing::seeded_rng dry;
    dry.fail_after(0);
    CHECK(sa::seal(provider, key, dry, *s, room).error() == sa::errc::no_randomness);
    const std::size_t whole = sa::seal(provider, key, provider, *s, room)->size();
    for (std::size_t n = 0; n < whole; n += 3) {
        std::vector<std::byte> small(n);
        CHECK(sa::seal(provider, key, provider, *s, small).error() == sa::errc::bad_snapshot);
        const auto piece = s->keymat.view().first(4);
        CHECK(std::ranges::search(small, piece).empty());
    }
}

TEST_CASE("a snapshot has no value that no SA has", "[sa][snapshot]") {
    struct row {
        const char* what;
        void (*spoil)(sa::snapshot&);
        void (*hold)(sa::snapshot&);  // the last value that is good
    };
    std::array<std::byte, sa::snapshot::max_size> room{};
    const row rows[] = {
        {"alignment", [](auto& s) { s.parameters.icv_alignment = 16; }, [](auto& s) { s.parameters.icv_alignment = 4; }},
        {"soft time", [](auto& s) { s.parameters.lifetimes.soft.time = duration{-1}; },
         [](auto& s) { s.parameters.lifetimes.soft.time = duration{}; }},
        {"hard time", [](auto& s) { s.parameters.lifetimes.hard.time = duration{-1}; },
         [](auto& s) { s.parameters.lifetimes.hard.time = duration{}; }},
        {"map", [](auto& s) { (*s.dscp_map)[63] = 64; }, [](auto& s) { (*s.dscp_map)[63] = 63; }},
        {"flow label", [](auto& s) { s.parameters.tunnel.flow_label = 0x100000; },
         [](auto& s) { s.parameters.tunnel.flow_label = 0xfffff; }},
        {"resync", [](auto& s) { s.parameters.resync.ahead = 65537; }, [](auto& s) { s.parameters.resync.ahead = 65536; }},
        {"DSCP", [](auto& s) { s.parameters.tunnel.dscp = std::uint8_t{64}; },
         [](auto& s) { s.parameters.tunnel.dscp = std::uint8_t{63}; }},
        {"exportable", [](auto& s) { s.parameters.exportable = false; }, [](auto& s) { s.parameters.exportable = true; }},
    };
    for (const row& r : rows) {
        CAPTURE(r.what);
        auto out = make<out_sa>(full_parameters());
        auto s = *sa::take(out, 1, start);
        r.hold(s);
        CHECK(sa::emit(s, room));
        CHECK(sa::parse(text_of(s)));
        r.spoil(s);
        CHECK(sa::emit(s, room).error() == sa::errc::bad_snapshot);
    }
}

TEST_CASE("octets with a value that no SA has are refused", "[sa][snapshot]") {
    // Each differs from a good one in octets that are found by comparing two good ones.
    struct row {
        const char* what;
        void (*change)(sa::parameters&);
        std::byte to;  // into the first octet in which the two differ
    };
    static constexpr ip::dscp_map zeros{};
    const row rows[] = {
        {"alignment", [](auto& p) { p.icv_alignment = 4; }, std::byte{3}},
        {"soft time", [](auto& p) { p.lifetimes.soft.time = duration{std::int64_t{1} << 60}; }, std::byte{0x80}},
        {"hard time", [](auto& p) { p.lifetimes.hard.time = duration{std::int64_t{1} << 60}; }, std::byte{0x80}},
        {"map", [](auto& p) { p.tunnel.map = &zeros; }, std::byte{64}},
        {"flow label", [](auto& p) { p.tunnel.flow_label = 0x1abcd; }, std::byte{0x1f}},
        {"resync", [](auto& p) { p.resync.ahead = 65536; }, std::byte{2}},
    };
    const auto text_with = [](const sa::parameters& p) {
        auto out = make<out_sa>(p);
        return text_of(*sa::take(out, 1, start));
    };
    for (const row& r : rows) {
        CAPTURE(r.what);
        auto p = full_parameters();
        r.change(p);
        const auto a = text_with(full_parameters()), b = text_with(p);
        REQUIRE(a.size() == b.size());
        const auto at = std::ranges::mismatch(a, b).in1 - a.begin();
        auto bad = b;
        bad[static_cast<std::size_t>(at)] = r.to;
        CHECK(sa::parse(b));
        CHECK(sa::parse(bad).error() == sa::errc::bad_snapshot);
    }
    // Whether the SA is exportable stands behind whether counter keys may be static.
    auto p = full_parameters();
    p.allow_static_counter_keys = true;
    const auto a = text_with(full_parameters()), b = text_with(p);
    const auto at = static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin()) + 1;
    auto bad = b;
    REQUIRE(std::exchange(bad[at], std::byte{0}) == std::byte{1});
    CHECK(sa::parse(b));
    CHECK(sa::parse(bad).error() == sa::errc::bad_snapshot);
}

TEST_CASE("the sizes of a tunnel's padding have to be put back", "[sa][snapshot]") {
    static constexpr std::array<std::uint16_t, 2> sizes{500, 1000};
    auto p = plain_parameters();
    p.tfc = {.what = sa::tfc_policy::kind::to_sizes, .sizes = sizes};
    auto out = make<out_sa>(p);
    auto s = *sa::parse(text_of(*sa::take(out, 1, start)));
    CHECK(again<out_sa>(s).error() == sa::errc::bad_snapshot);
    s.parameters.tfc.sizes = sizes;
    CHECK(again<out_sa>(s));
}

TEST_CASE("an open form that fails leaves no key behind", "[sa][snapshot]") {
    auto out = make<out_sa>(full_parameters(cbc));
    const auto s = sa::take(out, 1, start);
    const std::size_t whole = text_of(*s).size();
    for (std::size_t n = 0; n < whole; ++n) {
        CAPTURE(n);
        std::vector<std::byte> small(n, std::byte{0xee});
        CHECK(sa::emit(*s, small).error() == sa::errc::bad_snapshot);
        CHECK(std::ranges::all_of(small, [](std::byte b) { return b == std::byte{}; }));
    }
}
