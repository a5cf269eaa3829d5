// Walks over an SPD behind caches, over one in its three pieces, and on several cores over SAs that they share.
#include "ipsec/policy/cached_spd.hpp"

#include <set>

#include "dataplane/gateways.hpp"
#include "ipsec/policy/split_spd.hpp"
#include "ipsec/sa/shared_sequence.hpp"
#include "ipsec/testing/identity_crypto.hpp"

using namespace ipsec;
using namespace ipsec::test;
using dataplane::drop;
using dataplane::fate;
using testing::checksum_mac;
using testing::identity_suite;

namespace {

const maker<identity_suite, checksum_mac> plain{[] { return identity_suite{}; }, [] { return checksum_mac{}; }};
const std::vector<layer> tunnel{{sa::protocol::esp, sa::mode::tunnel, left_end, right_end}};
using system_ = gateway<identity_suite, checksum_mac>;

auto bypass_of(std::uint32_t id, ip::next_header protocol, policy::action action = policy::action::bypass) -> policy::entry {
    policy::entry e;
    e.id = sa::policy_id{id};
    e.action = action;
    e.selectors.traffic.protocol = protocol;
    return e;
}
/// The same packets through walks over the SPD itself and over `Other`, which `make` gives.
template <class Other>
struct both_walks {
    system_& s;
    const Other& other;
    dataplane::event_queue<> events{};
    dataplane::outbound<system_::database, Other, packet_buffer> out{s.sadb, other, events};
    dataplane::inbound<system_::database, Other, packet_buffer> in{s.sadb, other, events};
    audit_log log{};

    auto send(std::vector<packet_buffer> packets) -> std::vector<collecting_sink::item> {
        collecting_sink sink;
        out.process(std::span{packets}, s.now, sink, log);
        return std::move(sink.items);
    }
    auto receive(std::vector<packet_buffer> packets) -> std::vector<collecting_sink::item> {
        collecting_sink sink;
        in.process(std::span{packets}, s.now, sink, log);
        return std::move(sink.items);
    }
};
auto of_protocol(ip::next_header protocol) -> std::vector<std::byte> {
    auto p = v4_packet(40);
    p[9] = static_cast<std::byte>(protocol);
    mend_checksum(p);
    return p;
}
auto verdicts(const std::vector<collecting_sink::item>& items) -> std::vector<std::pair<fate, drop>> {
    std::vector<std::pair<fate, drop>> out;
    for (const auto& i : items) out.emplace_back(i.verdict.fate, i.verdict.reason);
    return out;
}
const std::vector all_kinds{of_protocol(ip::next_header::udp), of_protocol(ip::next_header::gre),
                            of_protocol(ip::next_header::sctp), of_protocol(ip::next_header::udp)};

}  // namespace

TEST_CASE("walks over a cached SPD say what those over the SPD say, before and after every change", "[dataplane][cached_spd]") {
    system_ s;
    policy::cached_spd<policy::spd<>, 64> cached{s.spd};
    both_walks<policy::cached_spd<policy::spd<>, 64>> walks{s, cached};
    insert_outbound(s, parameters_of(tunnel, 0, 0x1000, 0x1000), plain);
    const auto same = [&] {
        for (int twice = 0; twice < 2; ++twice) {
            CHECK(verdicts(walks.send(burst_of(all_kinds))) == verdicts(s.send(burst_of(all_kinds))));
            CHECK(verdicts(walks.receive(burst_of(all_kinds))) == verdicts(s.receive(burst_of(all_kinds))));
        }
    };
    same();  // nothing is there
    REQUIRE(s.spd.append_pair(bypass_of(1, ip::next_header::gre)));
    same();
    auto all = apply_entry(tunnel);
    REQUIRE(s.spd.append_pair(all));
    same();
    CHECK(verdicts(walks.send(burst_of(all_kinds)))[0].first == fate::protect);
    // A discard in front of what was let through a moment ago, and the entry behind it gone.
    REQUIRE(s.spd.outbound.insert(0, bypass_of(2, ip::next_header::gre, policy::action::discard)));
    REQUIRE(s.spd.inbound.insert(0, bypass_of(2, ip::next_header::gre, policy::action::discard)));
    same();
    CHECK(verdicts(walks.send(burst_of(all_kinds)))[1].second == drop::discarded);
    REQUIRE(s.spd.outbound.erase(2));
    same();
    CHECK(cached.hits() > 20);
}

TEST_CASE("what came through SAs passes a cached SPD by the entry that asks for them, the first one or a later one",
          "[dataplane][cached_spd]") {
    system_ left, right;
    REQUIRE(left.spd.append_pair(apply_entry(tunnel)));
    // Inbound, another entry with SAs stands in front of the one that these are of.
    const std::vector<layer> elsewhere{{sa::protocol::ah, sa::mode::tunnel, left_end, right_end}};
    REQUIRE(right.spd.append_pair(mirrored(apply_entry(elsewhere, sa::policy_id{77}))));
    REQUIRE(right.spd.append_pair(mirrored(apply_entry(tunnel))));
    join(left, right, tunnel, plain);
    policy::cached_spd<policy::spd<>> cached{right.spd};
    both_walks<policy::cached_spd<policy::spd<>>> walks{right, cached};
    const auto wire = [&] {
        std::vector<std::vector<std::byte>> out;
        for (const auto& i : left.send(burst_of(all_kinds))) out.push_back(octets_in(i.packet));
        return out;
    };
    for (const auto& v : verdicts(walks.receive(burst_of(wire())))) CHECK(v.first == fate::deliver);
    for (const auto& v : verdicts(walks.receive(burst_of(all_kinds)))) CHECK(v.second == drop::not_protected);
    REQUIRE(right.spd.inbound.erase(1));
    for (const auto& v : verdicts(walks.receive(burst_of(wire())))) CHECK(v.first == fate::drop);
}

// req: rfc4301-4.4.1-4
TEST_CASE("walks over the pieces of an SPD say what the ordered lists say, by the first entry alone", "[dataplane][split]") {
    system_ left, s;
    REQUIRE(left.spd.append_pair(apply_entry(tunnel)));
    REQUIRE(s.spd.append_pair(bypass_of(1, ip::next_header::gre)));
    REQUIRE(s.spd.append_pair(bypass_of(2, ip::next_header::sctp, policy::action::discard)));
    REQUIRE(s.spd.append_pair(mirrored(apply_entry(tunnel))));
    join(left, s, tunnel, plain);
    insert_outbound(s, parameters_of({{sa::protocol::esp, sa::mode::tunnel, right_end, left_end}}, 0, 0x2000, 0x2000), plain);
    const auto split = policy::split_spd::make(s.spd).value();
    both_walks<policy::split_spd> walks{s, split};
    CHECK(verdicts(walks.send(burst_of(all_kinds))) == verdicts(s.send(burst_of(all_kinds))));
    CHECK(verdicts(walks.receive(burst_of(all_kinds))) == verdicts(s.receive(burst_of(all_kinds))));
    std::vector<std::vector<std::byte>> wire;
    for (const auto& i : left.send(burst_of(all_kinds))) wire.push_back(octets_in(i.packet));
    const auto got = verdicts(walks.receive(burst_of(wire)));
    CHECK(got[0].first == fate::deliver);                     // UDP, which is to be protected
    CHECK(got[1].second == drop::wrong_bundle);               // GRE, which goes in the clear
    CHECK(got[2].second == drop::discarded);
    // The ordered lists go on to the entry behind, which asks for these SAs.
    for (auto& v : verdicts(s.receive(burst_of(wire)))) CHECK(v.second == drop::replayed);
    std::vector<std::vector<std::byte>> more;
    for (const auto& i : left.send(burst_of(all_kinds))) more.push_back(octets_in(i.packet));
    CHECK(verdicts(s.receive(burst_of(more)))[1].first == fate::deliver);
}

// req: rfc4303-3.3.3-1
TEST_CASE("cores with a database each share an SA: no number twice, and the receiver takes all", "[dataplane][sequence]") {
    using shared =
        sa::sadb<identity_suite, checksum_mac, sa::dynamic_window, sa::hash_index<sa::id>, sa::max_bundle, sa::shared_sequence>;
    system_ right;
    REQUIRE(right.spd.append_pair(mirrored(apply_entry(tunnel))));
    const auto p = parameters_of(tunnel, 0, 0x1000, 0x1000);
    insert_inbound(right, p, plain);
    policy::spd<> spd;
    REQUIRE(spd.append_pair(apply_entry(tunnel)));
    sa::sequence_space space{p.extended_sequence, {}, 2};
    shared databases[2];
    dataplane::event_queue<> events[2];
    for (auto& d : databases) {
        testing::seeded_rng random{1};
        auto made = shared::esp_outbound::make(p, identity_suite{}, keymat_of(identity_suite{}.keymat_size()), random, instant{},
                                               sa::shared_sequence{space, 4});
        REQUIRE(made);
        REQUIRE(d.insert(std::move(*made)));
    }
    dataplane::outbound<shared, policy::spd<>, packet_buffer> cores[2]{{databases[0], spd, events[0]},
                                                                       {databases[1], spd, events[1]}};
    std::set<std::uint32_t> numbers;
    audit_log log{};
    for (int round = 0; round < 12; ++round) {
        collecting_sink sink;
        auto packets = burst_of(all_kinds);
        cores[round % 3 == 0 ? 1 : 0].process(std::span{packets}, instant{}, sink, log);
        for (const auto& i : sink.items) {
            REQUIRE(i.verdict.fate == fate::protect);
            const auto octets = octets_in(i.packet);
            CHECK(numbers.insert(wire::load<std::uint32_t>(byte_view{octets}.subspan(24))).second);
            CHECK(right.receive({octets})[0].verdict.fate == fate::deliver);
        }
    }
    CHECK(numbers.size() == 48);
}
