// Messages that other implementations made: read to the bottom and built again octet for octet; malformed ones refused.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "fuzz/isakmp_chain_fuzz.hpp"
#include "fuzz/isakmp_header_fuzz.hpp"
#include "fuzz/replay.hpp"
#include "ipsec/isakmp/offer.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"
#include "support/pcap_lite.hpp"

using namespace ipsec;
using namespace ipsec::isakmp;

namespace {

using octets = std::vector<std::byte>;

/// The ISAKMP messages of a capture: UDP on port 500, or on 4500 behind the non-ESP marker.
auto messages_of(const std::filesystem::path& path) -> std::vector<octets> {
    std::vector<octets> out;
    for (const octets& ip : test::read_ip_packets(path.string())) {
        const bool v4 = (std::to_integer<unsigned>(ip.at(0)) >> 4) == 4;
        const std::size_t at = v4 ? (std::to_integer<std::size_t>(ip[0]) & 15U) * 4 : 40;
        if (std::to_integer<unsigned>(ip.at(v4 ? 9 : 6)) != 17 || ip.size() < at + 8) continue;
        const byte_view udp = byte_view{ip}.subspan(at);
        const auto port = [&](std::size_t i) { return wire::load<std::uint16_t>(udp.subspan(i)); };
        byte_view in = udp.subspan(8);
        if (port(0) == 4500 || port(2) == 4500) {
            if (in.size() < 4 || wire::load<std::uint32_t>(in) != 0) continue;
            in = in.subspan(4);
        } else if (port(0) != 500 && port(2) != 500) {
            continue;
        }
        out.emplace_back(in.begin(), in.end());
    }
    return out;
}

struct counts {
    std::map<errc, std::size_t> faults;
    std::map<payload_type, std::size_t> types;
    void fault(errc e) { ++faults[e]; }
    void type(payload_type t) { ++types[t]; }
};

auto shared_captures() -> std::filesystem::path {
    const char* shared = std::getenv("IPSECPP_SHARED");
    const auto folder = std::filesystem::path{shared != nullptr ? shared : ""} / "captures" / "external";
    return shared != nullptr && std::filesystem::is_directory(folder) ? folder : std::filesystem::path{};
}

}  // namespace

TEST_CASE("the messages of real peers are read and built again octet for octet", "[isakmp][capture]") {
    const auto* name = GENERATE("v1-main-psk-3des-md5-modp1024", "v1-rekeys", "v1-transport-3des-sha1", "v1-ah-sha1");
    CAPTURE(name);
    const auto folder = std::filesystem::path{IPSECPP_TEST_DATA} / "captures" / name;
    std::size_t clear = 0;
    std::size_t closed = 0;
    std::size_t offers = 0;
    for (const octets& in : messages_of(folder / "ike.pcap")) {
        const auto m = parse_message(in);
        REQUIRE(m);
        std::array<std::byte, header::size> again{};
        m->head.emit(again);
        CHECK(test::hex(again) == test::hex(byte_view{in}.first(header::size)));
        if (m->head.flags.encrypted()) {
            ++closed;
            continue;
        }
        ++clear;
        std::vector<std::byte> room(in.size());
        builder b{room};
        b.start(m->head);
        for (const payload_view& p : m->payloads) b.add(p.type, p.body);
        const auto built = b.finish();
        REQUIRE(built);
        CHECK(test::hex(*built) == test::hex(in));
        counts seen;
        for (const payload_view& p : m->payloads) fuzz::isakmp_one_payload(p, seen);
        for (const auto& [e, n] : seen.faults) FAIL_CHECK(name_of(e) << " " << n);
        if (const payload_view* sa = m->payloads.find(payload_type::security_association)) {
            const auto tree = sa_tree::parse(sa->body);
            REQUIRE(tree);
            const auto p = phase1_proposal(*tree);
            REQUIRE(p);
            for (const transform_node& t : tree->transforms(**p)) {
                const auto o = read_phase1(t.value);
                REQUIRE(o);
                CHECK(o->authentication == oakley_authentication::pre_shared_key);
                CHECK(o->life.seconds.has_value());
                ++offers;
            }
        }
    }
    CHECK(clear >= 4);
    CHECK(closed >= 5);
    CHECK(offers >= 2);
}

TEST_CASE("main mode of a real peer has the shapes of its figure, and one transform is chosen from the offer",
          "[isakmp][capture][shape]") {
    // req: rfc2408-4.2-10
    const auto all =
        messages_of(std::filesystem::path{IPSECPP_TEST_DATA} / "captures" / "v1-main-psk-3des-md5-modp1024" / "ike.pcap");
    REQUIRE(all.size() >= 6);
    for (std::size_t i = 0; i < 4; ++i) {
        const auto m = parse_message(all[i]);
        REQUIRE(m);
        CAPTURE(i);
        CHECK(check_shape(m->payloads, shapes::main_mode_psk.at(i)));
    }
    const auto offer = parse_message(all[0]);
    const auto answer = parse_message(all[1]);
    const auto offered = sa_tree::parse(offer->payloads.find(payload_type::security_association)->body);
    const auto chosen = sa_tree::parse(answer->payloads.find(payload_type::security_association)->body);
    REQUIRE((offered && chosen));
    const auto want = read_phase1(chosen->transforms(chosen->proposals()[0])[0].value);
    REQUIRE(want);
    CHECK(want->encryption == oakley_encryption::des3_cbc);
    CHECK(want->hash == oakley_hash::md5);
    CHECK(want->group == crypto::group_id::modp1024);
    CHECK(choose_phase1(*offered, offered->proposals()[0], [&](const phase1_offer& o) { return o == *want; }) != nullptr);
}

TEST_CASE("malformed captures of other projects are refused cleanly", "[isakmp][capture][external]") {
    const auto folder = shared_captures();
    if (folder.empty()) {
        WARN("skipped: no shared data");
        return;
    }
    const auto* name = GENERATE("tcpdump/isakmp-delete-segfault.pcap", "tcpdump/isakmp-pointer-loop.pcap",
                                "tcpdump/isakmpv1-attr-oobr.pcap", "libreswan/isakmp-crash1.pcap");
    CAPTURE(name);
    // The frames are cut short and lie about their own lengths too, so every place in the file is tried as the start of a message
    // and, with two octets for rules and first payload, of a chain.
    const octets file = fuzz::read_file(folder / name);
    counts seen;
    std::size_t accepted = 0;
    for (std::size_t at = 0; at < file.size(); ++at) {
        const octets in(file.begin() + static_cast<std::ptrdiff_t>(at), file.end());  // an end that a sanitizer watches
        fuzz::isakmp_header_seen(in, seen);
        fuzz::isakmp_chain_seen(in, seen);
        accepted += parse_message(in) ? 1U : 0U;
    }
    CHECK(accepted == 0);
    CHECK(seen.faults.size() >= 3);
}

// IKE1-045, pitfall 13
TEST_CASE("what other implementations sent under encryption is read, padding and all", "[isakmp][capture][external]") {
    const auto folder = shared_captures();
    if (folder.empty()) {
        WARN("skipped: no shared data");
        return;
    }
    std::size_t chains = 0;
    std::size_t whole = 0;
    std::map<std::string, std::size_t> refused;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{folder}) {
        if (entry.path().extension() != ".json" || entry.path().filename() == "INDEX.json") continue;
        std::ifstream file{entry.path()};
        const auto j = nlohmann::json::parse(file);
        if (!j.contains("packets")) continue;
        for (const auto& p : j["packets"]) {
            const auto kind = p.value("kind", std::string{});
            if (!kind.starts_with("IKEv1") || !p.contains("plaintext") || !p.contains("first_payload")) continue;
            ++chains;
            INFO(entry.path() << " frame " << p.value("frame", 0));
            auto text = test::unhex(p["plaintext"].get<std::string>());
            const auto padding = test::unhex(p.value("padding", std::string{}));
            const payload_type first{p["first_payload"].get<std::uint8_t>()};
            counts seen;
            octets in{std::byte{3}, static_cast<std::byte>(first)};
            in.insert(in.end(), text.begin(), text.end());
            fuzz::isakmp_chain_seen(in, seen);
            const auto c = chain::parse(first, text, {.behind = trailing::tolerated, .unknown = unknown_payloads::kept});
            if (!c) {
                ++refused[std::string{name_of(c.error())}];
                continue;
            }
            ++whole;
            std::vector<unsigned> types;
            for (const payload_view& v : *c) types.push_back(static_cast<unsigned>(v.type));
            if (p.contains("payload_types")) CHECK(types == p["payload_types"].get<std::vector<unsigned>>());
        }
    }
    for (const auto& [fault, n] : refused) UNSCOPED_INFO(fault << ": " << n);
    CHECK(chains > 0);
    CHECK(whole == chains);
}
