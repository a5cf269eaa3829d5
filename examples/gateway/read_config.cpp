#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "config.hpp"

#include "ipsec/ike/v1/config_check.hpp"
#include "ipsec/sa/replay_window.hpp"
#include "plan.hpp"
#include "read_remote_access.hpp"
#include "reading.hpp"
#include "values.hpp"

namespace gateway {

using namespace ipsec;

namespace {

// --- keys of a section --------------------------------------------------------------------------------------------------------

/// A key, and what reads its value into a `T`.
template <class T> struct key {
    std::string_view name;
    std::optional<bad_value> (*read)(std::string_view, T&);
};

/// A value read by `Read` goes to a member.
template <auto Read, auto Member, class T> auto store(std::string_view text, T& into) -> std::optional<bad_value> {
    auto v = Read(text);
    if (!v) return std::move(v.error());
    into.*Member = std::move(*v);
    return {};
}
/// Read elsewhere.
template <class T> auto later(std::string_view, T&) -> std::optional<bad_value> { return {}; }
/// A flag that must be off, since this gateway does not know how.
template <class T> auto only_no(std::string_view text, T&) -> std::optional<bad_value> {
    const auto v = read_flag(text);
    if (!v) return v.error();
    if (*v) return bad_value{in_quotes(text) + " is not supported: this gateway takes 'no' only"};
    return {};
}
auto only(std::string_view text, std::string_view wanted) -> std::optional<bad_value> {
    if (text == wanted) return {};
    return bad_value{in_quotes(text) + " is not supported: this gateway takes " + in_quotes(wanted) + " only"};
}
template <class N, N Most> auto number(std::string_view text) -> value_result<N> {
    const auto n = read_number(text, 0, Most);
    if (!n) return std::unexpected{n.error()};
    return static_cast<N>(*n);
}

template <class T, std::size_t N>
auto read_keys(const section& s, const std::string& where, const std::array<key<T>, N>& keys, words elsewhere, T& into)
    -> outcome {
    for (const setting& one : s.settings) {
        const auto it = std::ranges::find(keys, std::string_view{one.key}, &key<T>::name);
        if (it == keys.end()) {
            std::array<std::string_view, N> names{};
            std::ranges::transform(keys, names.begin(), &key<T>::name);
            return unknown(one.key_at, "key", one.key, where, names, elsewhere);
        }
        if (auto bad = it->read(one.value, into)) return at_value(one, where, *bad);
    }
    return {};
}
// --- children -----------------------------------------------------------------------------------------------------------------

struct child_draft {
    child out;
    std::optional<duration> rekey_time{}, life_time{}, rand_time{};
    std::optional<std::uint64_t> rekey_bytes{}, life_bytes{}, rekey_packets{}, life_packets{};
};

auto read_mode(std::string_view text, child_draft& c) -> std::optional<bad_value> {
    if (text != "tunnel" && text != "transport")
        return bad_value{in_quotes(text) + " is not supported: write tunnel or transport"};
    c.out.mode = text == "tunnel" ? sa::mode::tunnel : sa::mode::transport;
    return {};
}
template <auto Member> auto read_side(std::string_view text, child_draft& c) -> std::optional<bad_value> {
    return store<read_traffic, Member>(text, c.out);
}
template <auto Member> auto read_reaction(std::string_view text, child_draft& c) -> std::optional<bad_value> {
    return store<read_action, Member>(text, c.out);
}
auto read_start_action(std::string_view text, child_draft& c) -> std::optional<bad_value> {
    for (const list_word& word : split_list(text, '|')) {
        if (word.text == "trap") c.out.trap = true;
        else if (word.text == "start") c.out.start = true;
        else if (word.text != "none" || word.text != text)
            return bad_value{in_quotes(word.text) + " is no start_action: write none, trap, start or trap|start", word.offset};
    }
    return {};
}
auto read_replay_window(std::string_view text, child_draft& c) -> std::optional<bad_value> {
    const auto n = read_number(text, 0, sa::dynamic_window::max_width);
    if (!n) return n.error();
    if (*n % 32 != 0) return bad_value{in_quotes(text) + " is no multiple of 32"};
    c.out.replay_window = static_cast<std::uint32_t>(*n);
    return {};
}
auto read_copy_dscp(std::string_view text, child_draft& c) -> std::optional<bad_value> {
    if (text != "out" && text != "no")
        return bad_value{in_quotes(text) + " is not supported: the inner DSCP is never changed, write out or no"};
    c.out.tunnel.dscp = text == "no" ? std::optional<std::uint8_t>{std::uint8_t{0}} : std::nullopt;
    return {};
}
auto read_copy_df(std::string_view text, child_draft& c) -> std::optional<bad_value> {
    const auto yes = read_flag(text);
    if (!yes) return yes.error();
    c.out.tunnel.df = *yes ? ip::df_rule::copy : ip::df_rule::clear;
    return {};
}
auto read_copy_ecn(std::string_view text, child_draft& c) -> std::optional<bad_value> {
    const auto yes = read_flag(text);
    if (!yes) return yes.error();
    c.out.tunnel.ecn = *yes ? ip::ecn_mode::normal : ip::ecn_mode::compatibility;
    return {};
}

constexpr std::uint64_t most = ~std::uint64_t{0} / 2;
using cd = child_draft;
constexpr std::array child_keys{
    key<cd>{"local_ts", read_side<&child::local>},
    key<cd>{"remote_ts", read_side<&child::remote>},
    key<cd>{"mode", read_mode},
    key<cd>{"esp_proposals", later},
    key<cd>{"ah_proposals", later},
    key<cd>{"start_action", read_start_action},
    key<cd>{"dpd_action", read_reaction<&child::dpd_action>},
    key<cd>{"close_action", read_reaction<&child::close_action>},
    key<cd>{"rekey_time", store<read_time, &cd::rekey_time>},
    key<cd>{"life_time", store<read_time, &cd::life_time>},
    key<cd>{"rand_time", store<read_time, &cd::rand_time>},
    key<cd>{"rekey_bytes", store<read_bytes, &cd::rekey_bytes>},
    key<cd>{"life_bytes", store<read_bytes, &cd::life_bytes>},
    key<cd>{"rekey_packets", store<number<std::uint64_t, most>, &cd::rekey_packets>},
    key<cd>{"life_packets", store<number<std::uint64_t, most>, &cd::life_packets>},
    key<cd>{"replay_window", read_replay_window},
    key<cd>{"copy_dscp", read_copy_dscp},
    key<cd>{"copy_df", read_copy_df},
    key<cd>{"copy_ecn", read_copy_ecn},
};
constexpr std::array<std::string_view, 26> child_keys_elsewhere{
    "sha256_96",   "updown",    "hostaccess", "policies",    "policies_fwd_out", "ipcomp",      "inactivity",   "reqid",
    "priority",    "interface", "mark_in",    "mark_in_sa",  "mark_out",         "set_mark_in", "set_mark_out", "if_id_in",
    "if_id_out",   "label",     "label_mode", "tfc_padding", "hw_offload",       "rand_bytes",  "rand_packets", "per_cpu_sas",
    "reauth_time", "esn"};

/// 10 percent more.
auto with_margin(std::uint64_t n) -> std::uint64_t { return n + n / 10; }

/// Soft and hard limits with strongSwan's defaults: what is not said of one follows from the other.
auto settle_life(const section& s, const std::string& where, child_draft& d) -> outcome {
    const auto too_soon = [&](std::string_view rekey, std::string_view life) {
        const setting* at = s.find(life);
        if (at == nullptr) at = s.find(rekey);
        return fault{at->value_at,
                     at->key + " in " + where + ": " + std::string{life} + " must be longer than " + std::string{rekey}};
    };
    const auto in_kilobytes = [](std::uint64_t octets) { return octets / 1024 + (octets % 1024 != 0 ? 1 : 0); };
    sa::lifetimes& l = d.out.life;
    l.soft.time = d.rekey_time.value_or(seconds(3600));
    l.hard.time = d.life_time.value_or(l.soft.time + l.soft.time / 10);
    if (!d.rekey_time && l.hard.time <= l.soft.time) l.soft.time = l.hard.time - l.hard.time / 10;
    if (l.hard.time != duration{} && l.hard.time <= l.soft.time) return too_soon("rekey_time", "life_time");
    d.out.rand_time = d.rand_time.value_or(l.soft.time == duration{} ? duration{} : l.hard.time - l.soft.time);
    if (d.out.rand_time > l.soft.time) {
        if (d.rand_time && l.soft.time != duration{})
            return fault{s.find("rand_time")->value_at, "rand_time in " + where + ": longer than rekey_time"};
        d.out.rand_time = l.soft.time;
    }
    const std::uint64_t bytes = d.rekey_bytes.value_or(0), life_bytes = d.life_bytes.value_or(with_margin(bytes));
    l.soft.kilobytes = in_kilobytes(bytes);
    l.hard.kilobytes = in_kilobytes(life_bytes);
    if (life_bytes != 0 && life_bytes <= bytes) return too_soon("rekey_bytes", "life_bytes");
    l.soft.packets = d.rekey_packets.value_or(0);
    l.hard.packets = d.life_packets.value_or(with_margin(l.soft.packets));
    if (l.hard.packets != 0 && l.hard.packets <= l.soft.packets) return too_soon("rekey_packets", "life_packets");
    if (l.hard.time == duration{} && l.hard.kilobytes == 0)
        return fault{s.find("rekey_time")->value_at,
                     "rekey_time in " + where + ": without it a child needs life_time or life_bytes"};
    return {};
}

/// ESP, AH, or with both: every pair of them.
auto settle_suites(const section& s, const std::string& where, child& c) -> outcome {
    const setting *esp = s.find("esp_proposals"), *ah = s.find("ah_proposals");
    child_proposals e, a;
    if (esp != nullptr || ah == nullptr) {
        auto read = read_esp_proposals(esp != nullptr ? esp->value : "default", ah != nullptr);
        if (!read) return at_value(*esp, where, read.error());
        e = std::move(*read);
    }
    if (ah != nullptr) {
        auto read = read_ah_proposals(ah->value);
        if (!read) return at_value(*ah, where, read.error());
        a = std::move(*read);
    }
    if (esp != nullptr && ah != nullptr && (e.pfs != a.pfs || e.extended_sequence != a.extended_sequence))
        return fault{ah->value_at, "ah_proposals in " + where + ": another group or other sequence numbers than esp_proposals"};
    c.pfs = ah != nullptr ? a.pfs : e.pfs;
    c.extended_sequence = ah != nullptr ? a.extended_sequence : e.extended_sequence;
    const auto add = [&c](const ike::v1::child_suite& suite) {
        if (std::ranges::find(c.suites, suite) == c.suites.end()) c.suites.push_back(suite);
    };
    for (const auto& one : e.esp)
        for (std::size_t i = 0; i < std::max<std::size_t>(a.ah.size(), 1); ++i)
            add({.esp = one, .ah = a.ah.empty() ? std::nullopt : std::optional{a.ah[i]}});
    if (e.esp.empty())
        for (const auto one : a.ah) add({.esp = std::nullopt, .ah = one});
    return {};
}

/// Whether the traffic can be negotiated and protected between these ends.
auto check_traffic(const section& s, const std::string& where, const connection& of, const child& c) -> outcome {
    const auto at = [&](const char* name) {
        const setting* one = s.find(name);
        return one != nullptr ? one->value_at : s.at;
    };
    if (c.mode == sa::mode::transport) {
        const auto is_end = [](const traffic& t, const ip::address& end) {
            return !t.addresses || *t.addresses == ip::range{end};
        };
        if (of.access.takes_address || of.access.lease)
            return fault{at("mode"), "mode in " + where + ": transport mode is not supported with vips and pools"};
        const std::string why = ": transport mode protects the traffic of the two ends themselves: write dynamic";
        if (!is_end(c.local, of.path.local.address)) return fault{at("local_ts"), "local_ts in " + where + why};
        if (!is_end(c.remote, of.path.remote.address)) return fault{at("remote_ts"), "remote_ts in " + where + why};
    }
    if (of.access.takes_address && c.trap)
        return fault{at("start_action"),
                     "start_action in " + where + ": with vips no packet can have the right source before IKE: write start"};
    const auto entry = make_entry(of, c);
    const auto& t = entry.selectors.traffic;
    if (t.source.family() != t.destination.family())
        return fault{at("remote_ts"), "remote_ts in " + where + ": IPv4 on one side and IPv6 on the other"};
    if (c.local.protocol != 0 && c.remote.protocol != 0 && c.local.protocol != c.remote.protocol)
        return fault{at("remote_ts"), "remote_ts in " + where + ": another protocol than in local_ts"};
    if (const auto bad = policy::validate(entry); bad != policy::entry_fault::none)
        return fault{s.at, where + ": " + std::string{name_of(bad)}};
    return {};
}

auto read_child(const section& s, const std::string& where, connection& of, policy_ids& ids) -> outcome {
    if (auto bad = twice(s, where)) return bad;
    child_draft d;
    d.out.name = s.name;
    if (auto bad = read_keys(s, where, child_keys, child_keys_elsewhere, d)) return bad;
    if (!s.sections.empty()) return unknown(s.sections.front().at, "section", s.sections.front().name, where, {}, {});
    if (auto bad = settle_life(s, where, d)) return bad;
    if (auto bad = settle_suites(s, where, d.out)) return bad;
    if (auto bad = check_traffic(s, where, of, d.out)) return bad;
    d.out.policy = ids.of(of.name, s.name);
    of.children.push_back(std::move(d.out));
    return {};
}

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
    if (text != "always" && text != "never")
        return bad_value{in_quotes(text) + " is not supported: write always (asked for or not) or never"};
    c.out.keys.send = text == "always";
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

/// One end in an authentication round.
struct auth_draft {
    bool has_auth = false, is_pubkey = false, is_xauth = false;
    std::string user{};  ///< xauth_id
    std::optional<ike::identity> id{};
    const section* round = nullptr;
    std::string where{};
    [[nodiscard]] auto as_user() const -> xauth_round { return {has_auth ? round : nullptr, where, user}; }
};
auto read_auth(std::string_view text, auth_draft& a) -> std::optional<bad_value> {
    a.has_auth = true;
    a.is_pubkey = text == "pubkey";
    a.is_xauth = text == "xauth" || text == "xauth-generic";
    if (text == "psk" || a.is_pubkey || a.is_xauth) return {};
    return bad_value{in_quotes(text) + " is not supported: this gateway takes psk, pubkey and, in a second round, xauth"};
}
constexpr std::array auth_keys{key<auth_draft>{"auth", read_auth}, key<auth_draft>{"id", store<read_identity, &auth_draft::id>},
                               key<auth_draft>{"certs", later}, key<auth_draft>{"pubkeys", later},
                               key<auth_draft>{"cacerts", later},
                               key<auth_draft>{"xauth_id", [](std::string_view text, auth_draft& a) -> std::optional<bad_value> {
                                                   if (text.size() > 128) return bad_value{"is longer than 128 octets"};
                                                   a.user = text;
                                                   return {};
                                               }}};
constexpr std::array<std::string_view, 9> auth_keys_elsewhere{"round", "cert_policy", "aaa_id", "eap_id", "groups",
                                                              "ca_id", "revocation",  "cert",   "cacert"};

auto read_round(const section& round, const std::string& where, auth_draft& a) -> outcome {
    a.round = &round;
    a.where = where;
    if (auto bad = twice(round, where)) return bad;
    if (auto bad = read_keys(round, where, auth_keys, auth_keys_elsewhere, a)) return bad;
    if (!round.sections.empty()) return unknown(round.sections.front().at, "section", round.sections.front().name, where, {}, {});
    if (!a.has_auth) return fault{round.at, where + ": auth is missing, for strongSwan that is pubkey: write auth = psk"};
    if (!a.user.empty() && !a.is_xauth)
        return fault{round.find("xauth_id")->key_at, "xauth_id in " + where + ": needs auth = xauth"};
    if (!a.is_xauth) return {};
    for (const char* name : {"certs", "pubkeys", "cacerts"})
        if (const setting* one = round.find(name)) return fault{one->key_at, one->key + " in " + where + ": needs auth = pubkey"};
    return {};
}
/// `local`, `local-1` and so on; there must be one, and there may be one more with `auth = xauth`.
auto read_auth_sections(const section& s, const std::string& where, const std::string& kind, auth_draft& a, auth_draft& xauth)
    -> outcome {
    for (const section& one : s.sections) {
        if (!one.name.starts_with(kind)) continue;
        const std::string in = where + "." + one.name;
        auth_draft read;
        if (auto bad = read_round(one, in, read)) return bad;
        auth_draft& into = read.is_xauth ? xauth : a;
        if (into.has_auth)
            return fault{one.at, in + (read.is_xauth ? ": a second round of XAUTH is not supported"
                                                     : ": a second authentication round is not supported but for auth = xauth")};
        into = std::move(read);
    }
    if (!a.has_auth) return fault{s.at, where + ": section " + kind + " is missing: write " + kind + " { auth = psk }"};
    return {};
}

/// Where files come from, and which private keys the section `secrets` has.
struct keys_there {
    const key_files& files;
    std::span<const private_file> own;
    std::span<const user> users;
};
/// What `Read` makes of the file that a setting names.
template <auto Read> auto read_file(const setting& s, const std::string& where, const char* folder, const key_files& files) {
    using made = decltype(Read(std::string_view{}));
    std::expected<typename made::value_type, fault> out;
    const auto refuse_file = [&](std::string_view why) {
        out = std::unexpected{at_value(s, where, {in_quotes(s.value) + " " + std::string{why}})};
    };
    if (s.value.find(',') != std::string::npos) {
        refuse_file("is not supported: write one file");
        return out;
    }
    auto text = files ? files(folder, s.value) : std::unexpected{std::string{"no files are read here"}};
    if (!text) {
        refuse_file("cannot be read in " + std::string{folder} + ": " + text.error());
        return out;
    }
    auto read = Read(*text);
    wipe(std::as_writable_bytes(std::span{*text}));
    if (read) out = std::move(*read);
    else refuse_file(read.error());
    return out;
}
/// Keys and certificates of both ends; nothing with pre-shared keys.
auto settle_keys(const auth_draft& local, const auth_draft& remote, const keys_there& there, credentials& c) -> outcome {
    if (local.is_pubkey != remote.is_pubkey)
        return fault{remote.round->find("auth")->value_at, "auth in " + remote.where + ": another method than in " + local.where};
    for (const auth_draft* a : {&local, &remote}) {
        const setting *certs = a->round->find("certs"), *raw = a->round->find("pubkeys"), *roots = a->round->find("cacerts");
        if (!a->is_pubkey) {
            for (const setting* one : {certs, raw, roots})
                if (one != nullptr) return fault{one->key_at, one->key + " in " + a->where + ": needs auth = pubkey"};
            continue;
        }
        if (!a->id)
            return fault{a->round->at, a->where + ": id is missing, for strongSwan that is the certificate's subject: write id = "
                                                  "and a name or address that the certificate has"};
        if (a == &local && roots != nullptr)
            return fault{roots->key_at, "cacerts in " + a->where + ": authorities are for the other end: write it in remote"};
        if (certs != nullptr && raw != nullptr)
            return fault{raw->key_at, "pubkeys in " + a->where + ": certs is there too: write one of them"};
        if (certs == nullptr && raw == nullptr && roots == nullptr)
            return fault{a->round->at, a->where + (a == &local ? ": certs or pubkeys is missing: write certs = and a file of x509"
                                                               : ": cacerts, certs or pubkeys is missing: write cacerts = and a "
                                                                 "file of x509ca")};
        if (certs != nullptr) {
            auto read = read_file<read_certificate>(*certs, a->where, "x509", there.files);
            if (!read) return std::move(read.error());
            if (a == &local) {
                c.half = key_in(*read);
                c.certificate = std::move(*read);
            } else {
                c.known.push_back(*read);
                c.anchors.push_back(std::move(*read));
            }
        }
        if (raw != nullptr) {
            auto read = read_file<read_public_key>(*raw, a->where, "pubkey", there.files);
            if (!read) return std::move(read.error());
            if (a == &local) c.half = std::move(*read);
            else c.peer_key = std::move(*read);
        }
        if (roots != nullptr) {
            auto read = read_file<read_certificate>(*roots, a->where, "x509ca", there.files);
            if (!read) return std::move(read.error());
            c.anchors.push_back(std::move(*read));
        }
    }
    if (!local.is_pubkey) return {};
    const setting* const named = local.round->find(c.certificate ? "certs" : "pubkeys");
    const auto own = std::ranges::find(there.own, c.half, &private_file::half);
    if (own == there.own.end())
        return at_value(*named, local.where, {in_quotes(named->value) + ": no private key fits: write secrets { private-gw { "
                                                                        "file = and a file of private } }"});
    c.private_key = own->octets.clone();
    c.method = method_of(c.half).value();  // `read_private_key` took it
    key_provider trial;
    if (const auto bad = equip(trial, c)) return fault{remote.round->at, remote.where + ": " + *bad};
    return {};
}

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
    c.local_id = local.id;
    c.remote_id = remote.id;
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

// --- secrets ------------------------------------------------------------------------------------------------------------------

struct shared_secret {
    secret<128> octets;
    std::vector<ike::identity> owners{};
};

/// Any key that begins with `id` names an owner.
auto read_shared_secret(const section& s, const std::string& where) -> std::expected<shared_secret, fault> {
    static constexpr std::array<std::string_view, 2> known{"secret", "id<suffix>"};
    static constexpr std::array<std::string_view, 1> elsewhere{"file"};
    if (auto bad = twice(s, where)) return std::unexpected{std::move(*bad)};
    shared_secret out;
    for (const setting& one : s.settings) {
        if (one.key == "secret") {
            auto v = read_secret(one.value);
            if (!v) return std::unexpected{at_value(one, where, v.error())};
            out.octets = std::move(*v);
        } else if (one.key.starts_with("id")) {
            const auto v = read_identity(one.value);
            if (!v) return std::unexpected{at_value(one, where, v.error())};
            out.owners.push_back(*v);
        } else {
            return std::unexpected{unknown(one.key_at, "key", one.key, where, known, elsewhere)};
        }
    }
    if (!s.sections.empty())
        return std::unexpected{unknown(s.sections.front().at, "section", s.sections.front().name, where, {}, {})};
    if (out.octets.empty()) return std::unexpected{fault{s.at, where + ": secret is missing"}};
    return out;
}

struct secrets {
    std::vector<user> users{};
    std::vector<shared_secret> shared{};
    std::vector<private_file> keys{};
};

/// A private key by the name of its file. @param folder  swanctl's for its kind
auto read_private_section(const section& s, const std::string& where, const char* folder, const key_files& files)
    -> std::expected<private_file, fault> {
    static constexpr std::array<std::string_view, 1> known{"file"}, elsewhere{"secret"};
    if (auto bad = twice(s, where)) return std::unexpected{std::move(*bad)};
    for (const setting& one : s.settings)
        if (one.key != "file") return std::unexpected{unknown(one.key_at, "key", one.key, where, known, elsewhere)};
    if (!s.sections.empty())
        return std::unexpected{unknown(s.sections.front().at, "section", s.sections.front().name, where, {}, {})};
    if (s.settings.empty()) return std::unexpected{fault{s.at, where + ": file is missing"}};
    return read_file<read_private_key>(s.settings.front(), where, folder, files);
}

auto read_secrets(const section& s, const key_files& files) -> std::expected<secrets, fault> {
    static constexpr std::array<std::string_view, 6> known{"ike<suffix>",   "private<suffix>", "rsa<suffix>",
                                                           "ecdsa<suffix>", "pkcs8<suffix>",   "xauth<suffix>"};
    static constexpr std::array<const char*, 4> folders{"private", "rsa", "ecdsa", "pkcs8"};
    static constexpr std::array<std::string_view, 5> elsewhere{"eap", "ntlm", "ppk", "pkcs12", "token"};
    if (!s.settings.empty())
        return std::unexpected{unknown(s.settings.front().key_at, "key", s.settings.front().key, "secrets", {}, {})};
    secrets out;
    for (const section& one : s.sections) {
        if (const auto kind = std::ranges::find_if(folders, [&](const char* f) { return one.name.starts_with(f); });
            kind != folders.end()) {
            auto read = read_private_section(one, "secrets." + one.name, *kind, files);
            if (!read) return std::unexpected{std::move(read.error())};
            out.keys.push_back(std::move(*read));
            continue;
        }
        if (one.name.starts_with("xauth")) {
            if (auto bad = read_users(one, "secrets." + one.name, out.users)) return std::unexpected{std::move(*bad)};
            continue;
        }
        if (!one.name.starts_with("ike")) {
            for (const auto kind : elsewhere)
                if (one.name.starts_with(kind))
                    return std::unexpected{fault{
                        one.at, "section " + in_quotes(one.name) + " in secrets: strongSwan has it, this gateway does not"}};
            return std::unexpected{unknown(one.at, "section", one.name, "secrets", known, {})};
        }
        auto read = read_shared_secret(one, "secrets." + one.name);
        if (!read) return std::unexpected{std::move(read.error())};
        out.shared.push_back(std::move(*read));
    }
    return out;
}

/// The secret whose owners fit best: both ends, else the other end, else this one, else one without owners; of equals the first.
auto pick(const std::vector<shared_secret>& all, const connection& c) -> const shared_secret* {
    const shared_secret* best = nullptr;
    int best_score = -1;
    for (const shared_secret& s : all) {
        const auto owned_by = [&s](const std::optional<ike::identity>& id, const ip::address& end) {
            return std::ranges::any_of(s.owners, [&](const ike::identity& o) {
                return o.same_party(ike::identity::of(end)) || (id && o.same_party(*id));
            });
        };
        const int score =
            (owned_by(c.remote_id, c.path.remote.address) ? 2 : 0) + (owned_by(c.local_id, c.path.local.address) ? 1 : 0);
        if (score == 0 && !s.owners.empty()) continue;
        if (score <= best_score) continue;
        best = &s;
        best_score = score;
    }
    return best;
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
