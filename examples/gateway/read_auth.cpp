#include "read_auth.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "read_key_file.hpp"
#include "section_keys.hpp"
#include "values.hpp"

namespace gateway {

using namespace ipsec;

namespace {

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
}  // namespace

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
    if (!a.has_auth && !xauth.has_auth)
        return fault{s.at, where + ": section " + kind + " is missing: write " + kind + " { auth = psk }"};
    return {};
}

auto settle_keys(const auth_draft& local, const auth_draft& remote, const keys_there& there, credentials& c) -> outcome {
    c.hybrid = !local.has_auth ? hybrid_part::client : !remote.has_auth ? hybrid_part::edge_device : hybrid_part::none;
    if (!local.has_auth && !remote.has_auth) return {};  // `settle_xauth` says what is wrong
    if (const auth_draft& other = local.has_auth ? local : remote; c.hybrid != hybrid_part::none && !other.is_pubkey)
        return fault{other.round->find("auth")->value_at,
                     "auth in " + other.where + ": needs to be pubkey, since the other end has auth = xauth alone"};
    if (c.hybrid == hybrid_part::none && local.is_pubkey != remote.is_pubkey)
        return fault{remote.round->find("auth")->value_at, "auth in " + remote.where + ": another method than in " + local.where};
    for (const auth_draft* a : {&local, &remote}) {
        if (!a->has_auth) continue;
        const setting *certs = a->round->find("certs"), *raw = a->round->find("pubkeys"), *roots = a->round->find("cacerts");
        if (!a->is_pubkey) {
            for (const setting* one : {certs, raw, roots})
                if (one != nullptr) return fault{one->key_at, one->key + " in " + a->where + ": needs auth = pubkey"};
            continue;
        }
        if (!a->id)
            return fault{a->round->at, a->where + ": id is missing, for strongSwan that is the certificate's subject: write id = "
                                                  "and a name or address that the certificate has"};
        if (c.hybrid == hybrid_part::edge_device && roots != nullptr)
            return fault{roots->key_at, "cacerts in " + a->where + ": the other end proves itself by a password alone"};
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
    if (c.hybrid == hybrid_part::client) {
        // Only RSA has a number there: whoever knows the other end's key or certificate sees its kind. The authority of one that
        // is still to come does not say it.
        c.method = isakmp::oakley_authentication::rsa_signatures;
        const auto is_other = [&](const crypto::public_key& key) { return method_of(key) != c.method; };
        if (c.peer_key && is_other(*c.peer_key))
            return at_value(*remote.round->find("pubkeys"), remote.where,
                            {"is no key of RSA, which hybrid authentication needs"});
        if (std::ranges::any_of(c.known, [&](const der& one) { return is_other(key_in(one)); }))
            return at_value(*remote.round->find("certs"), remote.where,
                            {"has no key of RSA, which hybrid authentication needs"});
        key_provider trial;
        if (const auto bad = equip(trial, c)) return fault{remote.round->at, remote.where + ": " + *bad};
        return {};
    }
    if (!local.is_pubkey) return {};
    const setting* const named = local.round->find(c.certificate ? "certs" : "pubkeys");
    const auto own = std::ranges::find(there.own, c.half, &private_file::half);
    if (own == there.own.end())
        return at_value(*named, local.where, {in_quotes(named->value) + ": no private key fits: write secrets { private-gw { "
                                                                        "file = and a file of private } }"});
    c.private_key = own->octets.clone();
    c.method = method_of(c.half).value();  // `read_private_key` took it
    if (c.hybrid != hybrid_part::none && c.method != isakmp::oakley_authentication::rsa_signatures)
        return at_value(*named, local.where, {"is no key of RSA, which hybrid authentication needs"});
    key_provider trial;
    const auth_draft& checked = remote.has_auth ? remote : local;
    if (const auto bad = equip(trial, c)) return fault{checked.round->at, checked.where + ": " + *bad};
    return {};
}

}  // namespace gateway
