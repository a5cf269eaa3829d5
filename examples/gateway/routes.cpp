#include "routes.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/fib_rules.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "ipsec/ip/prefix.hpp"

namespace gateway {

using namespace ipsec;

namespace {

/// Calls `f(address, device)` for every address of this system.
template <class F> void each_address(F&& f) {
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return;
    for (const ifaddrs* i = all; i != nullptr; i = i->ifa_next) {
        if (i->ifa_addr == nullptr) continue;
        if (i->ifa_addr->sa_family == AF_INET) {
            const auto* a = reinterpret_cast<const sockaddr_in*>(i->ifa_addr);
            if (const auto made = ip::address::from(std::as_bytes(std::span{&a->sin_addr, 1}))) f(*made, i->ifa_name);
        } else if (i->ifa_addr->sa_family == AF_INET6) {
            const auto* a = reinterpret_cast<const sockaddr_in6*>(i->ifa_addr);
            if (const auto made = ip::address::from(std::as_bytes(std::span{&a->sin6_addr, 1}))) f(*made, i->ifa_name);
        }
    }
    ::freeifaddrs(all);
}

}  // namespace

auto own_addresses() -> std::vector<ip::address> {
    std::vector<ip::address> out;
    each_address([&](const ip::address& a, const char*) { out.push_back(a); });
    return out;
}

auto outer_link_of(std::span<const ip::address> ours) -> outer_link {
    outer_link out{.mtu = 65535};
    const io::descriptor any{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    each_address([&](const ip::address& a, const char* device) {
        if (std::ranges::find(ours, a) == ours.end()) return;
        (a.is_v4() ? out.v4 : out.v6) = a;
        ifreq asked{};
        std::strncpy(asked.ifr_name, device, sizeof asked.ifr_name - 1);
        if (::ioctl(any.get(), SIOCGIFMTU, &asked) == 0 && asked.ifr_mtu > 0)
            out.mtu = std::min(out.mtu, static_cast<std::uint32_t>(asked.ifr_mtu));
    });
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

namespace {

/// The fewest blocks that are the range; none for one of both families.
auto blocks_of(const ip::range& r) -> std::vector<ip::prefix> {
    std::vector<ip::prefix> out;
    if (!r.family()) return out;
    const auto bits = static_cast<unsigned>(r.first().size() * 8);
    for (ip::address at = r.first();;) {
        unsigned length = 0;
        auto block = ip::prefix::host(at);
        for (; length < bits; ++length)
            if (const auto wider = ip::prefix::make(at, length); wider && wider->first() == at && r.contains(wider->last())) {
                block = *wider;
                break;
            }
        out.push_back(block);
        if (block.last() == r.last()) return out;
        auto next = block.last().numbers();
        if (bits == 32) next.high += std::uint64_t{1} << 32;
        else if (++next.low == 0) ++next.high;
        at = ip::address::from_numbers(at.family(), next);
    }
}

}  // namespace

auto routes::open(unsigned device) -> io::os_result<routes> {
    routes r;
    r.device_ = device;
    if (!r.take_number())
        return std::unexpected{io::os_error{io::errc::address_in_use, 0, "finding a routing table that no other gateway has"}};
    r.fd_.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!r.fd_) return std::unexpected{io::os_error{io::errc::cannot_open, errno, "opening rtnetlink"}};
    for (const bool v6 : {false, true}) {
        while (r.rule(false, v6)) {}
        r.flush(v6);
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
        const auto blocks = blocks_of(w.far);
        if (blocks.empty())
            without.emplace_back(w.far, io::os_error{io::errc::not_supported, 0, "routing to addresses of both families"});
        for (const ip::prefix& block : blocks) {
            known k{.first = block.first(), .length = block.length()};
            if (const auto a = std::ranges::find_if(mine, [&](const auto& one) { return w.near.contains(one); }); a != mine.end())
                k.source = *a;
            const auto has = [&k](const known& o) { return o.same_destination(k); };
            if (std::ranges::any_of(wanted, has)) continue;
            if (std::ranges::find(known_, k) == known_.end()) {
                auto ok = std::ranges::any_of(known_, has) ? io::os_result<void>{} : route(true, k, false);
                if (ok) ok = route(true, k, true);
                if (!ok) {
                    without.emplace_back(w.far, ok.error());
                    continue;
                }
            }
            wanted.push_back(k);
        }
    }
    for (const known& k : known_)
        if (std::ranges::none_of(wanted, [&k](const known& o) { return o.same_destination(k); }))
            for (const bool to_device : {true, false}) (void)route(false, k, to_device);
    known_ = std::move(wanted);
    return without;
}

auto routes::hold(const std::vector<ip::address>& all) -> io::os_result<void> {
    io::os_result<void> out;
    for (const ip::address& a : all)
        if (std::ranges::find(held_, a) == held_.end())
            if (auto ok = address(true, a); !ok) out = std::move(ok);
    for (const ip::address& a : held_)
        if (std::ranges::find(all, a) == all.end()) (void)address(false, a);
    held_ = all;
    return out;
}
auto routes::address(bool add, const ip::address& a) const -> io::os_result<void> {
    ifaddrmsg body{};
    body.ifa_family = a.is_v6() ? AF_INET6 : AF_INET;
    body.ifa_prefixlen = static_cast<std::uint8_t>(a.size() * 8);
    body.ifa_index = device_;
    request r{static_cast<std::uint16_t>(add ? RTM_NEWADDR : RTM_DELADDR),
              static_cast<std::uint16_t>(add ? NLM_F_CREATE | NLM_F_REPLACE : 0), body};
    r.address(IFA_LOCAL, a).address(IFA_ADDRESS, a);
    return ask(r.data(), r.size(), "taking an address");
}

auto routes::rule(bool add, bool v6) const -> io::os_result<void> {
    fib_rule_hdr body{};
    body.family = v6 ? AF_INET6 : AF_INET;
    body.action = FR_ACT_TO_TBL;
    body.flags = FIB_RULE_INVERT;
    request r{static_cast<std::uint16_t>(add ? RTM_NEWRULE : RTM_DELRULE),
              static_cast<std::uint16_t>(add ? NLM_F_CREATE | NLM_F_EXCL : 0), body};
    r.number(FRA_FWMARK, mark).number(FRA_FWMASK, 0xffff'ffffU).number(FRA_TABLE, table_).number(FRA_PRIORITY, table_);
    return ask(r.data(), r.size(), "making a routing rule");
}
auto routes::route(bool add, const known& k, bool to_device) const -> io::os_result<void> {
    rtmsg body{};
    body.rtm_family = k.first.is_v6() ? AF_INET6 : AF_INET;
    body.rtm_dst_len = static_cast<std::uint8_t>(k.length);
    body.rtm_protocol = RTPROT_STATIC;
    body.rtm_scope = RT_SCOPE_UNIVERSE;
    body.rtm_type = to_device ? RTN_UNICAST : RTN_UNREACHABLE;
    request r{static_cast<std::uint16_t>(add ? RTM_NEWROUTE : RTM_DELROUTE),
              static_cast<std::uint16_t>(add ? NLM_F_CREATE | NLM_F_REPLACE : 0), body};
    r.number(RTA_TABLE, table_).address(RTA_DST, k.first);
    if (!to_device) r.number(RTA_PRIORITY, 0x7fff'ffffU);
    else if (r.number(RTA_OIF, device_); k.source) r.address(RTA_PREFSRC, *k.source);
    return ask(r.data(), r.size(), "making a route");
}
/// The names of such sockets belong to the network namespace, as tables and rules do, and go with their holder.
auto routes::take_number() -> bool {
    for (std::uint32_t i = 0; i < tables; ++i) {
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        const std::string text = "ipsecpp-gateway-" + std::to_string(first_table + i);
        text.copy(name.sun_path + 1, text.size());
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
        number_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        if (!number_ || ::bind(number_.get(), reinterpret_cast<const sockaddr*>(&name), size) != 0) continue;
        table_ = first_table + i;
        return true;
    }
    return false;
}
/// Takes away every route of the table: what the system lists is sent back as it came, to be deleted.
void routes::flush(bool v6) const {
    rtmsg body{};
    body.rtm_family = v6 ? AF_INET6 : AF_INET;
    request all{RTM_GETROUTE, NLM_F_DUMP, body};
    const io::descriptor list{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
    if (!list || ::send(list.get(), all.data(), all.size(), 0) < 0) return;
    std::vector<std::byte> room(1U << 16);
    for (bool more = true; more;) {
        const auto got = ::recv(list.get(), room.data(), room.size(), 0);
        if (got <= 0) return;
        for (std::size_t at = 0; at + sizeof(nlmsghdr) <= static_cast<std::size_t>(got);) {
            auto* const h = reinterpret_cast<nlmsghdr*>(room.data() + at);
            if (h->nlmsg_len < sizeof(nlmsghdr) || at + h->nlmsg_len > static_cast<std::size_t>(got)) return;
            at += NLMSG_ALIGN(h->nlmsg_len);
            if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR) more = false;
            if (h->nlmsg_type != RTM_NEWROUTE) continue;
            auto* const r = static_cast<rtmsg*>(NLMSG_DATA(h));
            std::uint32_t table = r->rtm_table;
            auto size = static_cast<int>(RTM_PAYLOAD(h));
            for (const auto* a = RTM_RTA(r); RTA_OK(a, size); a = RTA_NEXT(a, size))
                if (a->rta_type == RTA_TABLE) std::memcpy(&table, RTA_DATA(a), sizeof table);
            if (table != table_) continue;
            nlmsghdr head = *h;
            head.nlmsg_type = RTM_DELROUTE;
            head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
            std::vector<std::byte> back(h->nlmsg_len);
            std::memcpy(back.data(), h, back.size());
            std::memcpy(back.data(), &head, sizeof head);
            (void)ask(back.data(), back.size(), "taking away a route");
        }
    }
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
