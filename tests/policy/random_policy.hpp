#pragma once
/// Policies and packets by chance: few values, so that selectors overlap, touch and shadow each other.
#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <random>
#include <vector>

#include "ipsec/policy/entry.hpp"

namespace ipsec::test {

class random_policy {
public:
    explicit random_policy(unsigned seed) : rng_{seed} {}

    auto below(std::uint32_t n) -> std::uint32_t { return static_cast<std::uint32_t>(rng_()) % n; }
    auto one_in(std::uint32_t n) -> bool { return below(n) == 0; }

    auto address(ip::family f) -> ip::address {
        const auto small = [this] { return static_cast<std::uint8_t>(one_in(4) ? 255 * below(2) : below(4)); };
        if (f == ip::family::v4) return ip::address::v4(10, small(), small(), small());
        return ip::address::v6({0x2001, 0xdb8, small(), 0, static_cast<std::uint16_t>(small() << 8), 0, 0, small()});
    }
    auto range(ip::family f) -> ip::range {
        if (one_in(6)) return ip::range::any();
        if (one_in(8)) return ip::range::any(f);
        if (one_in(4)) {
            auto a = address(f), b = address(f);
            if (b < a) std::swap(a, b);
            return *ip::range::make(a, b);
        }
        static constexpr std::array<unsigned, 6> v4{0, 8, 16, 23, 24, 32}, v6{0, 32, 48, 79, 80, 128};
        return *ip::prefix::make(address(f), (f == ip::family::v4 ? v4 : v6)[below(6)]);
    }
    auto port() -> std::uint16_t { return static_cast<std::uint16_t>(one_in(8) ? 65535 : below(12)); }
    auto ports() -> ip::port_range {
        switch (below(5)) {
            case 0: return port();
            case 1: {
                const auto a = port(), b = port();
                return *ip::port_range::make(std::min(a, b), std::max(a, b));
            }
            case 2: return one_in(3) ? ip::port_range::opaque() : ip::port_range::any();
            default: return ip::port_range::any();
        }
    }
    auto messages() -> ip::port_range {
        if (one_in(3)) return ip::port_range::icmp(static_cast<std::uint8_t>(below(3)));
        if (one_in(8)) return ip::port_range::opaque();
        if (one_in(3)) return ip::port_range::icmp(static_cast<std::uint8_t>(below(3)), static_cast<std::uint8_t>(below(3)));
        return ip::port_range::any();
    }
    auto protocol() -> ip::next_header {
        static constexpr std::array all{ip::next_header::mobility, ip::next_header::tcp, ip::next_header::udp,
                                        ip::next_header::icmp,     ip::next_header::gre, ip::next_header::icmp_v6,
                                        ip::next_header::esp};
        return all[below(all.size())];
    }
    auto family() -> ip::family { return one_in(2) ? ip::family::v4 : ip::family::v6; }

    auto selector() -> ip::selector {
        const auto f = family();
        ip::selector s;
        s.source = range(f);
        s.destination = range(f);
        if (one_in(2)) s.protocol = protocol();
        else if (one_in(8)) s.protocol = ip::protocol_selector::opaque();
        s.source_port = one_in(3) ? ports() : ip::port_range::any();
        s.destination_port = ports();
        if (one_in(5)) s.icmp = messages();
        if (one_in(8)) s.mobility = one_in(4) ? ip::port_range::opaque() : ip::port_range{static_cast<std::uint16_t>(below(3))};
        return s;
    }
    auto entry(std::uint32_t id, bool with_labels = true) -> policy::entry {
        policy::entry e;
        e.id = sa::policy_id{id};
        e.selectors.traffic = selector();
        if (one_in(5))
            lists_.push_back({selector(), selector()});
        if (one_in(5) && !lists_.empty()) {
            auto& l = e.selectors.lists;
            const auto& two = lists_[below(static_cast<std::uint32_t>(lists_.size()))];
            if (one_in(2)) l.also = two;
            else l.except = std::span{two}.first(1);
            l.are_reversed = one_in(2);
        }
        if (with_labels && one_in(6)) e.selectors.sensitivity = {1, 1 + below(3)};
        if (with_labels && one_in(10))
            e.selectors.name = *policy::name_selector::make(policy::name_form::system_fqdn, "host.example");
        switch (below(3)) {
            case 0: e.action = policy::action::discard; break;
            case 1: e.action = policy::action::bypass; break;
            default: e.action = policy::action::apply; (void)e.protections.push_back({});
        }
        return e;
    }
    /// A packet as the walk reads one: ports or messages only where its protocol has them, and none in later fragments.
    auto flow() -> ip::flow {
        ip::flow f;
        const auto kind = family();
        f.source = address(kind);
        f.destination = address(kind);
        f.protocol = protocol();
        show(f, port(), port());
        return f;
    }
    /// A packet at an edge of a selector, inside or just outside of it.
    auto flow_at(const ip::selector& s) -> ip::flow {
        auto f = flow();
        const auto kind = s.source.family() ? *s.source.family() : s.destination.family().value_or(f.family());
        const auto edge = [&](const ip::range& r) {
            if (!r.family()) return address(kind);
            const auto& a = one_in(2) ? r.first() : r.last();
            auto n = a.numbers();
            if (one_in(4)) {
                const bool up = one_in(2);
                auto& part = a.is_v4() ? n.high : n.low;
                const auto unit = a.is_v4() ? std::uint64_t{1} << 32 : 1;
                part = up ? part + unit : part - unit;
            }
            return ip::address::from_numbers(kind, n);
        };
        f.source = edge(s.source);
        f.destination = edge(s.destination);
        if (const auto one = s.protocol.value(); one && !one_in(8)) f.protocol = *one;
        const auto value = [&](const ip::port_range& r) {
            if (!r.is_specific()) return port();
            const auto v = one_in(2) ? r.first() : r.last();
            return one_in(4) ? static_cast<std::uint16_t>(one_in(2) ? v + 1 : v - 1) : v;
        };
        const auto target = ip::is_icmp(f.protocol)                     ? value(s.icmp)
                            : f.protocol == ip::next_header::mobility ? value(s.mobility)
                                                                      : value(s.destination_port);
        show(f, value(s.source_port), target);
        return f;
    }
    auto metadata() -> io::metadata {
        io::metadata m;
        if (one_in(2)) m.sensitivity = below(5);
        if (one_in(3)) m.user = "HOST.example";
        return m;
    }

private:
    void show(ip::flow& f, std::uint16_t source_port, std::uint16_t target) {
        f.source_port = f.destination_port = std::nullopt;
        f.icmp_type = f.icmp_code = f.mobility_type = std::nullopt;
        f.fragment = ip::fragment::none;
        f.is_protocol_hidden = false;
        if (one_in(6)) {
            f.fragment = ip::fragment::later;
            if (f.family() == ip::family::v6 && one_in(3)) {
                f.is_protocol_hidden = true;
                f.protocol = ip::next_header::destination_options;
            }
            return;
        }
        if (ip::has_ports(f.protocol)) {
            f.source_port = source_port;
            f.destination_port = target;
        } else if (ip::is_icmp(f.protocol)) {
            f.icmp_type = static_cast<std::uint8_t>(target >> 8);
            f.icmp_code = static_cast<std::uint8_t>(target & 0xffU);
        } else if (f.protocol == ip::next_header::mobility) {
            f.mobility_type = static_cast<std::uint8_t>(target);
        }
    }
    std::mt19937 rng_;
    std::deque<std::array<ip::selector, 2>> lists_;  // that entries point to
};

}  // namespace ipsec::test
