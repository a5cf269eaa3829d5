// Sensitivity levels by the packets' own labels, in both walks: policy, SAs and bursts take them where the user says so.
#include "ipsec/dataplane/labels.hpp"

#include <array>
#include <vector>

#include "dataplane/gateways.hpp"
#include "ipsec/testing/identity_crypto.hpp"

using namespace ipsec;
using namespace ipsec::test;
using dataplane::drop;
using dataplane::fate;
using policy::label_option;
using testing::checksum_mac;
using testing::identity_suite;

namespace {

const maker<identity_suite, checksum_mac> plain{[] { return identity_suite{}; }, [] { return checksum_mac{}; }};
using system_ = gateway<identity_suite, checksum_mac>;
const std::vector<layer> tunnel{{sa::protocol::esp, sa::mode::tunnel, left_end, right_end}};
constexpr sa::policy_id unlabelled_number{9};

auto labelled(const char* options) -> std::vector<std::byte> {
    auto p = v4_packet(30);
    const auto o = unhex(options);
    p.insert(p.begin() + 20, o.begin(), o.end());
    p[0] = static_cast<std::byte>(0x45U + o.size() / 4);
    put16(p, 2, p.size());
    mend_checksum(p);
    return p;
}
/// CIPSO with that level and no categories.
auto of_level(unsigned level) -> std::vector<std::byte> {
    auto p = labelled("860a 00000003 0104 0000 0000");
    p[29] = static_cast<std::byte>(level);
    mend_checksum(p);
    return p;
}
/// Level 5 to 7 goes into the tunnel, no label past it, and all else has no entry.
void set_policy(system_& s, bool mirror) {
    auto e = apply_entry(tunnel);
    e.selectors.sensitivity = {5, 7};
    REQUIRE(s.spd.append_pair(mirror ? mirrored(e) : e));
    policy::entry clear;
    clear.id = unlabelled_number;
    clear.action = policy::action::bypass;
    clear.selectors.sensitivity = {0, 0};
    REQUIRE(s.spd.append_pair(clear));
}
struct two_systems {
    system_ left, right;
    explicit two_systems(dataplane::options how) : left{how}, right{how} {
        set_policy(left, false);
        set_policy(right, true);
        join(left, right, tunnel, plain);
    }
};
constexpr dataplane::options by_label{.labels = dataplane::label_source{label_option::commercial, 3}};

struct row {
    const char* what;
    std::vector<std::byte> packet;
    fate then;
    drop reason;
};
auto rows() -> std::vector<row> {
    return {
        {"level 5", of_level(5), fate::protect, drop::none},
        {"level 7", of_level(7), fate::protect, drop::none},
        {"level 4", of_level(4), fate::drop, drop::no_policy},
        {"level 8", of_level(8), fate::drop, drop::no_policy},
        {"no label", v4_packet(30), fate::bypass, drop::none},
        {"the label of the other option", labelled("8203ab00"), fate::bypass, drop::none},
        {"a label of another domain", labelled("860a 00000009 0104 0005 0000"), fate::drop, drop::bad_label},
        {"two labels", labelled("860a 00000003 0104 0005 860a 00000003 0104 0005 0000 0000"), fate::drop, drop::bad_label},
        {"a tag that nobody knows", labelled("860a 00000003 0904 0005 0000"), fate::drop, drop::bad_label},
    };
}

}  // namespace

// req: rfc2401-4.4.2-5, rfc2401-8.1-3
TEST_CASE("outbound, a packet's own label is held against the sensitivity levels of policy", "[dataplane][label]") {
    for (const auto& r : rows()) {
        CAPTURE(r.what);
        two_systems s{by_label};
        const auto out = s.left.send({r.packet});
        CHECK(out[0].verdict.fate == r.then);
        CHECK(out[0].verdict.reason == r.reason);
    }
    // In one burst as one by one, though all are of one flow.
    two_systems s{by_label};
    std::vector<std::vector<std::byte>> all;
    for (int twice = 0; twice < 2; ++twice)
        for (const auto& r : rows()) all.push_back(r.packet);
    const auto out = s.left.send(all);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto r = rows()[i % rows().size()];
        CAPTURE(i, r.what);
        CHECK(out[i].verdict.fate == r.then);
        CHECK(out[i].verdict.reason == r.reason);
    }
}

TEST_CASE("inbound, the label of what came out of the tunnel counts, and not that of the buffer", "[dataplane][label]") {
    // The left side protects by what its user says of the buffers, so that packets of any label come through the same SA.
    two_systems s{by_label};
    system_ sender;
    REQUIRE(sender.spd.append_pair(apply_entry(tunnel)));
    insert_outbound(sender, parameters_of(tunnel, 0, 0x1000, 0x1000), plain);
    std::vector<std::vector<std::byte>> sealed;
    for (const auto& r : rows()) {
        const auto out = sender.send({r.packet});
        REQUIRE(out[0].verdict.fate == fate::protect);
        sealed.push_back(octets_in(out[0].packet));
    }
    auto burst = burst_of(sealed);
    for (auto& p : burst) p.set_metadata({.sensitivity = 6});  // says nothing any more
    const auto in = s.right.receive(std::move(burst));
    for (std::size_t i = 0; i < in.size(); ++i) {
        const auto r = rows()[i];
        CAPTURE(r.what);
        const bool passes = r.then == fate::protect;
        CHECK(in[i].verdict.fate == (passes ? fate::deliver : fate::drop));
        // What is unlabelled may pass in the clear alone.
        CHECK(in[i].verdict.reason == (r.then == fate::bypass ? drop::wrong_bundle : r.reason));
    }
    // In the clear: an unlabelled packet passes, one of level 5 wants protection.
    CHECK(s.right.receive({v4_packet(30)})[0].verdict.fate == fate::bypass);
    CHECK(s.right.receive({of_level(5)})[0].verdict.reason == drop::not_protected);
    CHECK(s.right.receive({labelled("860a 00000003 0904 0005 0000")})[0].verdict.reason == drop::bad_label);
}

// req: rfc2401-8.1-3
TEST_CASE("labels outside of the clearance are a drop in both directions, for their categories as for their level",
          "[dataplane][label]") {
    // Tag 1: a bit map, the highest bit first. Categories 0 and 1 are cleared, and 0 is the least.
    const auto with_map = [](unsigned level, unsigned map) {
        auto p = labelled("860b 00000003 0105 0000 00 00");
        p[29] = static_cast<std::byte>(level);
        p[30] = static_cast<std::byte>(map);
        mend_checksum(p);
        return p;
    };
    struct {
        const char* what;
        std::vector<std::byte> packet;
        fate then;
        drop reason;
    } const held[] = {
        {"the low end", with_map(5, 0x80), fate::protect, drop::none},
        {"the high end", with_map(6, 0xc0), fate::protect, drop::none},
        {"above, though policy would take it", with_map(7, 0x80), fate::drop, drop::bad_label},
        {"a category too many", with_map(5, 0xa0), fate::drop, drop::bad_label},
        {"a category too few", with_map(6, 0x40), fate::drop, drop::bad_label},
        {"below", with_map(4, 0x80), fate::drop, drop::bad_label},
        {"no label", v4_packet(30), fate::drop, drop::bad_label},
    };
    policy::label low{.domain = 3, .level = 5}, high{.domain = 3, .level = 6};
    low.add(0);
    high.add(0);
    high.add(1);
    const policy::label_range between{low, high};
    auto cleared = by_label;
    cleared.labels->clearance = &between;
    two_systems s{cleared};
    for (const auto& r : held) {
        CAPTURE(r.what);
        const auto out = s.left.send({r.packet});
        CHECK(out[0].verdict.fate == r.then);
        CHECK(out[0].verdict.reason == r.reason);
    }
    // IPv6 has the level of its buffer, and no categories: what demands one stays shut, a range of levels alone lets it in.
    const policy::label_range levels{{.domain = 3, .level = 5}, {.domain = 3, .level = 6}};
    auto by_level = by_label;
    by_level.labels->clearance = &levels;
    two_systems six{by_level};
    for (const std::uint32_t level : {0U, 4U, 5U, 6U, 7U, 255U, 261U}) {
        CAPTURE(level);
        auto packets = burst_of({v6_packet(30)});
        packets[0].set_metadata({.sensitivity = level});
        CHECK(six.left.send(std::move(packets))[0].verdict.reason == (level == 5 || level == 6 ? drop::none : drop::bad_label));
        packets = burst_of({v6_packet(30)});
        packets[0].set_metadata({.sensitivity = level});
        CHECK(s.left.send(std::move(packets))[0].verdict.reason == drop::bad_label);
    }
    // What somebody else lets into the tunnel is held against it as it comes out.
    system_ sender;
    REQUIRE(sender.spd.append_pair(apply_entry(tunnel)));
    insert_outbound(sender, parameters_of(tunnel, 0, 0x1000, 0x1000), plain);
    for (const auto& r : held) {
        CAPTURE(r.what);
        const auto out = sender.send({r.packet});
        REQUIRE(out[0].verdict.fate == fate::protect);
        const auto in = s.right.receive({octets_in(out[0].packet)});
        CHECK(in[0].verdict.fate == (r.reason == drop::none ? fate::deliver : fate::drop));
        CHECK(in[0].verdict.reason == r.reason);
    }
}

TEST_CASE("without the option a label says nothing, and the buffer's level counts", "[dataplane][label]") {
    two_systems s{{}};
    CHECK(s.left.send({of_level(5)})[0].verdict.fate == fate::bypass);
    auto burst = burst_of({v4_packet(30), labelled("860a 00000003 0904 0005 0000")});
    for (auto& p : burst) p.set_metadata({.sensitivity = 6});
    for (const auto& out : s.left.send(std::move(burst))) CHECK(out.verdict.fate == fate::protect);
}

TEST_CASE("IPv6, fragments and transport mode: who can have no label is judged by the buffer, all others by their own",
          "[dataplane][label]") {
    // IPv6 has no such options: what the system says of the buffer stays.
    two_systems s{by_label};
    auto six = burst_of({v6_packet(30), v6_packet(30)});
    six[0].set_metadata({.sensitivity = 6});
    const auto out = s.left.send(std::move(six));
    CHECK(out[0].verdict.fate == fate::protect);
    CHECK(out[1].verdict.fate == fate::bypass);
    // Either option is copied into every fragment, and each is judged by its own.
    auto first = of_level(6), later = of_level(6), other = of_level(8);
    const auto cut = [](std::vector<std::byte>& p, unsigned flags) {
        p.resize(p.size() - 6);  // 24 octets behind the header: a fragment has whole units of eight
        put16(p, 2, p.size());
        put16(p, 6, flags);
        mend_checksum(p);
    };
    cut(first, 0x2000);
    cut(later, 0x0004);
    cut(other, 0x0004);
    const auto pieces = s.left.send({first, later, other});
    CHECK(pieces[0].verdict.fate == fate::protect);
    CHECK(pieces[1].verdict.fate == fate::protect);
    CHECK(pieces[2].verdict.reason == drop::no_policy);
    // In transport mode the label stays outside, and is the same at both ends.
    const std::vector<layer> hosts{{sa::protocol::ah, sa::mode::transport, left_host, right_host}};
    system_ left{by_label}, right{by_label};
    auto e = apply_entry(hosts);
    e.selectors.sensitivity = {5, 7};
    REQUIRE(left.spd.append_pair(e));
    REQUIRE(right.spd.append_pair(mirrored(e)));
    join(left, right, hosts, plain);
    auto sealed = left.send({of_level(5)});
    REQUIRE(sealed[0].verdict.fate == fate::protect);
    CHECK(right.receive({octets_in(sealed[0].packet)})[0].verdict.fate == fate::deliver);
    CHECK(left.send({of_level(4)})[0].verdict.reason == drop::no_policy);
}
