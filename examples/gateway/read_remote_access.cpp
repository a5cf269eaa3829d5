#include "read_remote_access.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace gateway {

using namespace ipsec;

namespace {

/// The address so many further on. IPv4 only.
auto moved(const ip::address& a, int by) -> ip::address {
    auto n = a.numbers();
    n.high += static_cast<std::uint64_t>(by) << 32;
    return ip::address::from_numbers(a.family(), n);
}

}  // namespace

auto read_users(const section& s, const std::string& where, std::vector<user>& all) -> outcome {
    static constexpr std::array<std::string_view, 2> known{"secret", "id<suffix>"};
    if (auto bad = twice(s, where)) return bad;
    secret<128> octets;
    const auto first = all.size();
    for (const setting& one : s.settings) {
        if (one.key == "secret") {
            auto v = read_secret(one.value);
            if (!v) return at_value(one, where, v.error());
            octets = std::move(*v);
        } else if (!one.key.starts_with("id")) {
            return unknown(one.key_at, "key", one.key, where, known, {});
        } else if (one.value.size() > 128) {
            return at_value(one, where, {"is longer than 128 octets"});
        } else if (std::ranges::find(all, one.value, &user::name) != all.end()) {
            return at_value(one, where, {in_quotes(one.value) + " has a secret already"});
        } else {
            all.push_back({one.value, {}});
        }
    }
    if (!s.sections.empty()) return unknown(s.sections.front().at, "section", s.sections.front().name, where, {}, {});
    if (octets.empty()) return fault{s.at, where + ": secret is missing"};
    if (all.size() == first) return fault{s.at, where + ": id is missing: write the name of the user"};
    for (user& one : std::span{all}.subspan(first)) one.password = octets.clone();
    return {};
}

auto settle_xauth(const xauth_round& local, const xauth_round& remote, std::span<const user> all, remote_access& a) -> outcome {
    if (local.round == nullptr && remote.round == nullptr) return {};
    if (local.round != nullptr && remote.round != nullptr)
        return fault{remote.round->at, remote.where + ": XAUTH at both ends: one of them says a password, the other one asks"};
    const auto take = [&a](const user& one) { a.users.push_back({one.name, one.password.clone()}); };
    if (remote.round != nullptr) {
        a.xauth = ike::v1::xauth_part::edge_device;
        for (const user& one : all)
            if (remote.user.empty() || one.name == remote.user) take(one);
        if (!a.users.empty()) return {};
        const std::string who = remote.user.empty() ? "nobody" : "no " + in_quotes(remote.user);
        return fault{remote.round->at,
                     remote.where + ": " + who + " is known: write secrets { xauth-1 { id = NAME and secret = ... } }"};
    }
    a.xauth = ike::v1::xauth_part::client;
    if (local.user.empty())
        return fault{local.round->at, local.where + ": xauth_id is missing: write the name of the user that this end is"};
    const auto own = std::ranges::find(all, local.user, &user::name);
    if (own == all.end())
        return fault{local.round->find("xauth_id")->value_at, "xauth_id in " + local.where + ": " + in_quotes(local.user) +
                                                                  " has no secret: write secrets { xauth-1 { id = NAME and "
                                                                  "secret = ... } }"};
    take(*own);
    return {};
}

auto settle_address(const section& s, const std::string& where, std::vector<pool>& pools, remote_access& a) -> outcome {
    const setting* const named = s.find("pools");
    if (named == nullptr) return {};
    if (a.takes_address)
        return fault{named->key_at, "pools in " + where + ": vips is there too: an end gives an address or takes one"};
    const auto it = std::ranges::find(pools, named->value, &pool::name);
    if (it == pools.end())
        return at_value(*named, where,
                        {"there is no pool " + in_quotes(named->value) + ": write pools { NAME { addrs = ... } }"});
    if (!it->next) return at_value(*named, where, {in_quotes(named->value) + " has no address left for this connection"});
    a.lease = *it->next;
    a.name_servers = it->name_servers;
    it->next = *a.lease == it->last ? std::nullopt : std::optional{moved(*a.lease, 1)};
    return {};
}

auto read_pools(const section& s) -> std::expected<std::vector<pool>, fault> {
    static constexpr std::array<std::string_view, 2> known{"addrs", "dns"};
    static constexpr std::array<std::string_view, 7> elsewhere{"nbns",   "dhcp",          "netmask",      "server",
                                                               "subnet", "split_include", "split_exclude"};
    if (!s.settings.empty())
        return std::unexpected{unknown(s.settings.front().key_at, "key", s.settings.front().key, "pools", {}, {})};
    std::vector<pool> out;
    for (const section& one : s.sections) {
        const std::string where = "pools." + one.name;
        if (auto bad = twice(one, where)) return std::unexpected{std::move(*bad)};
        if (!one.sections.empty())
            return std::unexpected{unknown(one.sections.front().at, "section", one.sections.front().name, where, {}, {})};
        pool p;
        p.name = one.name;
        for (const setting& k : one.settings) {
            if (k.key == "dns") {
                for (const list_word& word : split_list(k.value)) {
                    const auto a = read_address(word.text);
                    if (!a) return std::unexpected{at_value(k, where, {a.error().what, word.offset + a.error().offset})};
                    if (a->is_v6()) return std::unexpected{at_value(k, where, {"IPv4 only is supported", word.offset})};
                    p.name_servers.push_back(*a);
                }
            } else if (k.key == "addrs") {
                const auto t = read_traffic(k.value);
                if (!t) return std::unexpected{at_value(k, where, t.error())};
                if (!t->addresses || t->addresses->family() != ip::family::v4 || t->protocol != 0)
                    return std::unexpected{at_value(k, where, {in_quotes(k.value) + " is no subnet or range of IPv4"})};
                // The first address of a subnet and the one to all of it are nobody's.
                const ip::address &first = t->addresses->first(), &last = t->addresses->last();
                const auto others = (last.numbers().high - first.numbers().high) >> 32;
                const int edge = k.value.find('/') != std::string::npos && others > 1 ? 1 : 0;
                p.next = moved(first, edge);
                p.last = moved(last, -edge);
            } else {
                return std::unexpected{unknown(k.key_at, "key", k.key, where, known, elsewhere)};
            }
        }
        if (!p.next) return std::unexpected{fault{one.at, where + ": addrs is missing"}};
        out.push_back(std::move(p));
    }
    return out;
}

}  // namespace gateway
