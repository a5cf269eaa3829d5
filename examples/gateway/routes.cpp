#include "routes.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/fib_rules.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "ipsec/ip/prefix.hpp"

namespace gateway {

using namespace ipsec;

auto own_addresses() -> std::vector<ip::address> {
    std::vector<ip::address> out;
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return out;
    for (const ifaddrs* i = all; i != nullptr; i = i->ifa_next) {
        if (i->ifa_addr == nullptr) continue;
        if (i->ifa_addr->sa_family == AF_INET) {
            const auto* a = reinterpret_cast<const sockaddr_in*>(i->ifa_addr);
            if (const auto made = ip::address::from(std::as_bytes(std::span{&a->sin_addr, 1}))) out.push_back(*made);
        } else if (i->ifa_addr->sa_family == AF_INET6) {
            const auto* a = reinterpret_cast<const sockaddr_in6*>(i->ifa_addr);
            if (const auto made = ip::address::from(std::as_bytes(std::span{&a->sin6_addr, 1}))) out.push_back(*made);
        }
    }
    ::freeifaddrs(all);
    return out;
}

namespace {

/// A netlink request in the making.
class request {
public:
    template <class Body> request(std::uint16_t type, std::uint16_t flags, const Body& body) {
        nlmsghdr h{};
        h.nlmsg_type = type;
        h.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
        append(&h, sizeof h);
        append(&body, sizeof body);
    }
    auto attribute(std::uint16_t type, const void* data, std::size_t size) -> request& {
        rtattr a{};
        a.rta_type = type;
        a.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(size));
        append(&a, sizeof a);
        append(data, size);
        return *this;
    }
    auto number(std::uint16_t type, std::uint32_t v) -> request& { return attribute(type, &v, sizeof v); }
    auto address(std::uint16_t type, const ip::address& a) -> request& {
        return attribute(type, a.octets().data(), a.octets().size());
    }
    [[nodiscard]] auto data() -> const void* {
        nlmsghdr h{};
        std::memcpy(&h, room_.data(), sizeof h);
        h.nlmsg_len = static_cast<std::uint32_t>(size_);
        std::memcpy(room_.data(), &h, sizeof h);
        return room_.data();
    }
    [[nodiscard]] auto size() const -> std::size_t { return size_; }

private:
    void append(const void* data, std::size_t size) {
        std::memcpy(room_.data() + size_, data, size);
        size_ = NLMSG_ALIGN(size_ + size);
    }
    alignas(nlmsghdr) std::array<std::byte, 512> room_{};
    std::size_t size_ = 0;
};

}  // namespace

auto routes::open(unsigned device) -> io::os_result<routes> {
    routes r;
    r.device_ = device;
    r.fd_.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!r.fd_) return std::unexpected{io::os_error{io::errc::cannot_open, errno, "opening rtnetlink"}};
    for (const bool v6 : {false, true}) {
        (void)r.rule(false, v6);  // one that a gateway left behind
        if (auto ok = r.rule(true, v6); !ok && !v6) return std::unexpected{ok.error()};  // a system may do without IPv6
    }
    return r;
}
routes::~routes() {
    if (!fd_) return;
    (void)replace({});
    for (const bool v6 : {false, true}) (void)rule(false, v6);
}

auto routes::replace(std::span<const wish> all) -> std::vector<std::pair<ip::range, io::os_error>> {
    std::vector<std::pair<ip::range, io::os_error>> without;
    std::vector<known> wanted;
    const auto mine = own_addresses();
    for (const wish& w : all) {
        const auto prefix = w.far.as_prefix();
        if (!prefix) {
            without.emplace_back(w.far, io::os_error{io::errc::not_supported, 0, "routing to a range that is no subnet"});
            continue;
        }
        known k{.first = w.far.first(), .length = prefix->length()};
        if (const auto a = std::ranges::find_if(mine, [&](const auto& one) { return w.near.contains(one); }); a != mine.end())
            k.source = *a;
        const auto has = [&k](const known& o) { return o.same_destination(k); };
        if (std::ranges::any_of(wanted, has)) continue;
        if (std::ranges::find(known_, k) == known_.end())
            if (const auto ok = route(true, k); !ok) {
                without.emplace_back(w.far, ok.error());
                continue;
            }
        wanted.push_back(k);
    }
    for (const known& k : known_)
        if (std::ranges::none_of(wanted, [&k](const known& o) { return o.same_destination(k); })) (void)route(false, k);
    known_ = std::move(wanted);
    return without;
}

auto routes::rule(bool add, bool v6) const -> io::os_result<void> {
    fib_rule_hdr body{};
    body.family = v6 ? AF_INET6 : AF_INET;
    body.action = FR_ACT_TO_TBL;
    body.flags = FIB_RULE_INVERT;
    request r{static_cast<std::uint16_t>(add ? RTM_NEWRULE : RTM_DELRULE),
              static_cast<std::uint16_t>(add ? NLM_F_CREATE | NLM_F_EXCL : 0), body};
    r.number(FRA_FWMARK, mark).number(FRA_FWMASK, 0xffff'ffffU).number(FRA_TABLE, table).number(FRA_PRIORITY, priority);
    return ask(r.data(), r.size(), "making a routing rule");
}
auto routes::route(bool add, const known& k) const -> io::os_result<void> {
    rtmsg body{};
    body.rtm_family = k.first.is_v6() ? AF_INET6 : AF_INET;
    body.rtm_dst_len = static_cast<std::uint8_t>(k.length);
    body.rtm_protocol = RTPROT_STATIC;
    body.rtm_scope = RT_SCOPE_UNIVERSE;
    body.rtm_type = RTN_UNICAST;
    request r{static_cast<std::uint16_t>(add ? RTM_NEWROUTE : RTM_DELROUTE),
              static_cast<std::uint16_t>(add ? NLM_F_CREATE | NLM_F_REPLACE : 0), body};
    r.number(RTA_TABLE, table).number(RTA_OIF, device_).address(RTA_DST, k.first);
    if (k.source) r.address(RTA_PREFSRC, *k.source);
    return ask(r.data(), r.size(), "making a route");
}
auto routes::ask(const void* data, std::size_t size, const char* doing) const -> io::os_result<void> {
    std::array<std::byte, 1024> answer{};
    if (::send(fd_.get(), data, size, 0) < 0 || ::recv(fd_.get(), answer.data(), answer.size(), 0) < 0)
        return std::unexpected{io::os_error{io::errc::cannot_configure, errno, doing}};
    nlmsgerr e{};
    std::memcpy(&e, answer.data() + sizeof(nlmsghdr), sizeof e);
    if (e.error != 0) return std::unexpected{io::os_error{io::errc::cannot_configure, -e.error, doing}};
    return {};
}

}  // namespace gateway
