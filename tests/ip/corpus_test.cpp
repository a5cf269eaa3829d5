#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "ip/build.hpp"
#include "ipsec/ip/transport.hpp"
#include "ipsec/ip/tunnel.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using ip::errc;

TEST_CASE("the corpus reaches every error that octets can cause, every protocol and every kind of fragment", "[ip][fuzz]") {
    std::set<errc> faults;
    std::set<ip::next_header> protocols, extensions;
    std::set<ip::fragment> fragments;
    const auto note = [&faults](const auto& r) {
        if (!r) faults.insert(r.error());
    };
    for (const auto& file :
         std::filesystem::directory_iterator{std::filesystem::path{IPSECPP_TEST_DATA}.parent_path() / "fuzz/corpus/ip"}) {
        std::ifstream in{file.path(), std::ios::binary};
        const std::string text{std::istreambuf_iterator<char>{in}, {}};
        test::octets p(text.size());
        for (std::size_t i = 0; i < text.size(); ++i) p[i] = static_cast<std::byte>(text[i]);
        for (const auto n : {std::size_t{12}, p.size()}) {
            const auto whole = byte_view{p}.first(std::min(n, p.size()));
            note(ip::read_overview(whole));
            note(ip::find_insertion_point(whole));
            if (!whole.empty() && (whole[0] >> 4) != std::byte{6}) note(ip::v4::check_header(whole));
        }
        const auto o = ip::read_overview(p);
        if (!o) continue;
        protocols.insert(o->flow.protocol);
        fragments.insert(o->flow.fragment);
        auto inner = p;
        note(ip::decapsulate(inner, o->flow.protocol, 3));
        note(ip::decapsulate(inner, ip::tunnelled(o->flow.family()), 3));
        note(ip::decrement_hop_limit(inner));
        if (o->flow.family() != ip::family::v6) continue;
        ip::ext_header_walk walk{byte_view{p}.first(o->length)};
        for (ip::ext_header h; walk.next(h).value();) {
            extensions.insert(h.type);
            if (h.type != ip::next_header::hop_by_hop && h.type != ip::next_header::destination_options) continue;
            ip::ext_option_walk options{byte_view{p}.subspan(h.offset, h.size)};
            ip::ext_option option;
            auto more = options.next(option);
            while (more && *more) more = options.next(option);
            note(more);
        }
    }
    for (int i = static_cast<int>(errc::truncated); i <= static_cast<int>(errc::not_tunnelled); ++i) {
        const auto e = static_cast<errc>(i);
        if (e == errc::too_long) continue;  // takes a packet of 64 KiB: transport_test, tunnel_test
        CAPTURE(name_of(e));
        CHECK(faults.contains(e));
    }
    using enum ip::next_header;
    for (const auto h :
         {tcp, udp, ip::next_header::icmp, icmp_v6, esp, ah, gre, sctp, none, ip::next_header::ipv4, ip::next_header::ipv6}) {
        CAPTURE(name_of(h));
        CHECK(protocols.contains(h));
    }
    for (const auto h : {hop_by_hop, routing, fragment, destination_options}) CHECK(extensions.contains(h));
    CHECK(fragments.size() == 3);
}
