#include "read_secrets.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "read_key_file.hpp"
#include "read_remote_access.hpp"
#include "values.hpp"

namespace gateway {

using namespace ipsec;

namespace {

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

}  // namespace

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

}  // namespace gateway
