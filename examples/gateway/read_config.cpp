#include <algorithm>
#include <array>
#include <utility>

#include "config.hpp"

#include "ipsec/ike/v1/config_check.hpp"
#include "plan.hpp"
#include "read_auth.hpp"
#include "read_child.hpp"
#include "read_remote_access.hpp"
#include "read_secrets.hpp"
#include "reading.hpp"
#include "section_keys.hpp"
#include "values.hpp"

namespace gateway {

using namespace ipsec;

namespace {

// --- connections --------------------------------------------------------------------------------------------------------------

struct connection_draft {
    connection out;
    bool has_version = false;
    std::optional<ip::address> local{}, remote{};
    std::optional<duration> rekey_time{}, over_time{}, rand_time{};
    const setting* pools = nullptr;
};

auto read_version(std::string_view text, connection_draft& c) -> std::optional<bad_value> {
    c.has_version = true;
    if (text == "0") return bad_value{"'0' (IKEv1 or IKEv2) is not supported: write version = 1"};
    if (text == "2") return bad_value{"'2' (IKEv2) is not supported: write version = 1"};
    return only(text, "1");
}
template <auto Side> auto read_port(std::string_view text, connection_draft& c) -> std::optional<bad_value> {
    const auto n = read_number(text, 1, 65535);
    if (!n) return n.error();
    (c.out.path.*Side).port = static_cast<std::uint16_t>(*n);
    return {};
}
template <auto Read, auto Member> auto in_connection(std::string_view text, connection_draft& c) -> std::optional<bad_value> {
    return store<Read, Member>(text, c.out);
}

auto read_send_cert(std::string_view text, connection_draft& c) -> std::optional<bad_value> {
    if (text != "always" && text != "ifasked" && text != "never")
        return bad_value{in_quotes(text) + " is not supported: write ifasked, always (asked for or not) or never"};
    c.out.keys.send = text != "never";
    c.out.keys.send_unasked = text == "always";
    return {};
}
auto read_send_certreq(std::string_view text, connection_draft& c) -> std::optional<bad_value> {
    const auto yes = read_flag(text);
    if (!yes) return yes.error();
    c.out.keys.ask = *yes;
    return {};
}

auto read_vips(std::string_view text, connection_draft& c) -> std::optional<bad_value> {
    if (text != "0.0.0.0") return bad_value{in_quotes(text) + " is not supported: write 0.0.0.0, for what the peer gives"};
    c.out.access.takes_address = true;
    return {};
}

using nd = connection_draft;
constexpr std::array connection_keys{
    key<nd>{"version", read_version},
    key<nd>{"local_addrs", store<read_address, &nd::local>},
    key<nd>{"remote_addrs", store<read_address, &nd::remote>},
    key<nd>{"local_port", read_port<&ike::path::local>},
    key<nd>{"remote_port", read_port<&ike::path::remote>},
    key<nd>{"proposals", in_connection<read_ike_proposals, &connection::suites>},
    key<nd>{"rekey_time", store<read_time, &nd::rekey_time>},
    key<nd>{"over_time", store<read_time, &nd::over_time>},
    key<nd>{"rand_time", store<read_time, &nd::rand_time>},
    key<nd>{"dpd_delay", in_connection<read_time, &connection::dpd_delay>},
    key<nd>{"dpd_timeout", in_connection<read_time, &connection::dpd_timeout>},
    key<nd>{"encap", in_connection<read_flag, &connection::encap>},
    key<nd>{"keyingtries", in_connection<number<std::uint32_t, 0xffff'ffff>, &connection::keyingtries>},
    key<nd>{"unique", [](std::string_view text, nd&) { return only(text, "no"); }},
    key<nd>{"mobike", only_no},
    key<nd>{"aggressive", in_connection<read_flag, &connection::aggressive>},
    key<nd>{"fragmentation", in_connection<read_flag, &connection::fragmentation>},
    key<nd>{"send_cert", read_send_cert},
    key<nd>{"send_certreq", read_send_certreq},
    key<nd>{"vips", read_vips},
    key<nd>{"pools", later},
    key<nd>{"pull", [](std::string_view text, nd& c) { return store<read_flag, &remote_access::pull>(text, c.out.access); }},
};
constexpr std::array<std::string_view, 12> connection_keys_elsewhere{
    "dscp",     "reauth_time", "childless", "mediation",    "mediated_by", "mediation_peer",
    "if_id_in", "if_id_out",   "ppk_id",    "ppk_required", "ocsp",        "childless_ike_sa"};

auto settle_times(const section& s, const std::string& where, connection_draft& d) -> outcome {
    connection& c = d.out;
    c.rekey_time = d.rekey_time.value_or(seconds(4 * 3600));
    if (c.rekey_time == duration{})
        return fault{s.find("rekey_time")->value_at,
                     "rekey_time in " + where + ": '0' is not supported: an ISAKMP SA has an end"};
    c.over_time = d.over_time.value_or(c.rekey_time / 10);
    c.rand_time = d.rand_time.value_or(c.over_time);
    if (c.rand_time > c.rekey_time) {
        if (d.rand_time) return fault{s.find("rand_time")->value_at, "rand_time in " + where + ": longer than rekey_time"};
        c.rand_time = c.rekey_time;
    }
    if (c.rekey_time + c.over_time > seconds(0xffff'ffff)) {
        const setting* at = s.find(d.over_time ? "over_time" : "rekey_time");
        return fault{at->value_at, at->key + " in " + where + ": with rekey_time and over_time together longer than 4294967295s"};
    }
    return {};
}

auto read_connection(const section& s, const std::string& where, policy_ids& ids, const keys_there& there,
                     std::vector<pool>& leases)
    -> std::expected<connection, fault> {
    const auto give_up = [](outcome bad) { return std::unexpected{std::move(*bad)}; };
    if (auto bad = twice(s, where)) return give_up(std::move(bad));
    connection_draft d;
    connection& c = d.out;
    c.name = s.name;
    c.suites = ike::v1::peer_config{}.suites;
    c.dpd_timeout = seconds(150);
    if (auto bad = read_keys(s, where, connection_keys, connection_keys_elsewhere, d)) return give_up(std::move(bad));
    for (const section& one : s.sections) {
        static constexpr std::array<std::string_view, 3> known{"children", "local", "remote"};
        if (one.name == "children" || one.name.starts_with("local") || one.name.starts_with("remote")) continue;
        return give_up(unknown(one.at, "section", one.name, where, known, {}));
    }
    if (!d.has_version) return give_up(fault{s.at, where + ": version is missing, for strongSwan that is 0: write version = 1"});
    if (!d.local) return give_up(fault{s.at, where + ": local_addrs is missing: write the address of this end"});
    if (!d.remote) return give_up(fault{s.at, where + ": remote_addrs is missing: write the address of the other end"});
    if (d.local->family() != d.remote->family())
        return give_up(
            fault{s.find("remote_addrs")->value_at, "remote_addrs in " + where + ": IPv4 on one end and IPv6 on the other"});
    if (*d.local == *d.remote)
        return give_up(fault{s.find("remote_addrs")->value_at, "remote_addrs in " + where + ": both ends have the same address"});
    c.path.local.address = *d.local;
    c.path.remote.address = *d.remote;
    auth_draft local, remote, we_say, they_say;
    if (auto bad = read_auth_sections(s, where, "local", local, we_say)) return give_up(std::move(bad));
    if (auto bad = read_auth_sections(s, where, "remote", remote, they_say)) return give_up(std::move(bad));
    if (auto bad = settle_keys(local, remote, there, c.keys)) return give_up(std::move(bad));
    if (auto bad = settle_xauth(we_say.as_user(), they_say.as_user(), there.users, c.access)) return give_up(std::move(bad));
    if (auto bad = settle_address(s, where, leases, c.access)) return give_up(std::move(bad));
    if (c.access.takes_address && d.local->is_v6())
        return give_up(fault{s.find("vips")->key_at, "vips in " + where + ": not supported between addresses of IPv6"});
    c.local_id = local.has_auth ? local.id : we_say.id;
    c.remote_id = remote.has_auth ? remote.id : they_say.id;
    if (auto bad = settle_times(s, where, d)) return give_up(std::move(bad));
    if (const section* children = s.find_section("children")) {
        const std::string in = where + ".children";
        if (!children->settings.empty())
            return give_up(unknown(children->settings.front().key_at, "key", children->settings.front().key, in, {}, {}));
        for (const section& one : children->sections)
            if (auto bad = read_child(one, in + "." + one.name, c, ids)) return give_up(std::move(bad));
    }
    return std::move(d.out);
}

}  // namespace

auto read_config(const section& file, policy_ids& ids, bool may_be_empty, const key_files& files) -> result<config> {
    static constexpr std::array<std::string_view, 3> known{"connections", "secrets", "pools"};
    static constexpr std::array<std::string_view, 1> elsewhere{"authorities"};
    if (!file.settings.empty())
        return std::unexpected{unknown(file.settings.front().key_at, "key", file.settings.front().key, "", {}, {})};
    for (const section& s : file.sections)
        if (std::ranges::find(known, s.name) == known.end() && !s.is_template)
            return std::unexpected{unknown(s.at, "section", s.name, "", known, elsewhere)};
    const section* const connections = file.find_section("connections");
    if (connections != nullptr && !connections->settings.empty())
        return std::unexpected{
            unknown(connections->settings.front().key_at, "key", connections->settings.front().key, "connections", {}, {})};
    secrets there;
    if (const section* const s = file.find_section("secrets")) {
        auto read = read_secrets(*s, files);
        if (!read) return std::unexpected{std::move(read.error())};
        there = std::move(*read);
    }
    std::vector<pool> pools;
    if (const section* const s = file.find_section("pools")) {
        auto read = read_pools(*s);
        if (!read) return std::unexpected{std::move(read.error())};
        pools = std::move(*read);
    }
    config out;
    if (connections == nullptr || connections->sections.empty()) {
        if (may_be_empty) return out;
        return std::unexpected{fault{connections != nullptr ? connections->at : file.at, "there are no connections"}};
    }
    for (const section& s : connections->sections) {
        const std::string where = "connections." + s.name;
        auto c = read_connection(s, where, ids, {files, there.keys, there.users}, pools);
        if (!c) return std::unexpected{std::move(c.error())};
        const shared_secret* const psk = c->keys.is_pubkey() ? nullptr : pick(there.shared, *c);
        if (psk == nullptr && !c->keys.is_pubkey())
            return std::unexpected{fault{s.at, where + ": no secret fits: write secrets { ike-" + s.name + " { id = " +
                                                   std::string{ip::to_text(c->path.remote.address).view()} + " ... } }"}};
        if (psk != nullptr) c->psk = psk->octets.clone();
        for (const connection& other : out.connections)
            if (other.path.local.address == c->path.local.address && other.path.remote.address == c->path.remote.address)
                return std::unexpected{fault{
                    s.at, where + ": its two addresses are those of connections." + other.name + ": put its children there"}};
        ike::v1::config alone;
        alone.peers.push_back(make_peer(*c));
        if (const auto ok = ike::v1::check(alone); !ok)
            return std::unexpected{fault{s.at, where + ": " + std::string{name_of(ok.error())}}};
        out.connections.push_back(std::move(*c));
    }
    return out;
}

auto read_config(const std::filesystem::path& file, policy_ids& ids, bool may_be_empty) -> result<config> {
    auto settings = read_settings(file);
    if (!settings) return std::unexpected{settings.error()};
    const key_files beside = [&file](const std::string& folder, const std::string& name) {
        return read_text(file.parent_path() / folder / name);  // an absolute name stays as it is
    };
    auto out = read_config(*settings, ids, may_be_empty, beside);
    wipe_values(*settings);
    return out;
}

}  // namespace gateway
