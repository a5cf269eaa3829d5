#pragma once
// Two IKEv1 endpoints in hybrid authentication: the edge device signs, the client is asked by XAUTH.
#include <functional>

#include "support/dialogue_scene.hpp"
#include "support/signing_ends.hpp"

namespace ipsec::test {

/// Who begins in which mode, and what the edge device signs with.
struct hybrid_case {
    isakmp::oakley_authentication by = isakmp::oakley_authentication::rsa_signatures;
    bool aggressive = false;
    bool edge_begins = false;
    crypto::hash_id hash = crypto::hash_id::sha2_256;
};
/// The left end begins; the edge device is "gw.example.org", and its client has no name.
[[nodiscard]] inline auto hybrid_config(bool left, const hybrid_case& c, std::string_view user = "carol",
                                        std::string_view password = "Ar3etTnp") -> v1::config {
    const bool dss = c.by == isakmp::oakley_authentication::dss_signatures;
    const signing_method m{c.by, dss ? 2U : 1U, dss ? 2U : 1U};
    auto out = signing_config(left, m, c.aggressive, c.hash);
    auto& p = out.peers[0];
    const bool edge = left == c.edge_begins;
    const auto name = ike::identity::of_text(ike::id_type::fqdn, "gw.example.org");
    p.suites[0].hybrid = true;
    p.local_id.reset();
    p.remote_id.reset();
    (edge ? p.local_id : p.remote_id) = *name;
    if (edge) p.keys.peer_keys.clear();
    else p.keys.sign_with.clear();
    p.xauth.part = edge ? v1::xauth_part::edge_device : v1::xauth_part::client;
    if (edge) p.remote_id = ike::identity::none();
    if (!edge) {
        p.xauth.user = user;
        p.xauth.password = secret_text(password);
    }
    return out;
}

template <class Ends> struct hybrid_scene : Ends {
    using end = std::remove_reference_t<decltype(std::declval<Ends&>().left)>;
    using typename Ends::side;
    using Ends::Ends;
    explicit hybrid_scene(const hybrid_case& c, typename Ends::link over = typename Ends::link{})
        : Ends(hybrid_config(true, c), hybrid_config(false, c), std::move(over)) {}

    std::function<void(hybrid_scene&, end&, const v1::dialogue&)> script = [](auto& s, auto& e, const auto& d) {
        if (const auto* a = std::get_if<v1::xauth_attempt>(&d))
            e.ike.answer(s.now(), *a, a->user == "carol" && is_text(a->password, "Ar3etTnp"));
    };
    std::vector<v1::dialogue> seen;

    /// As `run`, with dialogues answered a moment after they came.
    auto talk(duration how_long = seconds(60)) -> bool {
        const instant until = this->now() + how_long;
        while (this->now() < until) {
            if (!this->run(milliseconds(10))) return false;
            for (end* e : {&this->left, &this->right})
                while (auto d = e->ike.poll_dialogue()) {
                    script(*this, *e, *d);
                    seen.push_back(std::move(*d));
                }
            this->flush(this->left, side::left);
            this->flush(this->right, side::right);
        }
        return true;
    }
    /// A message of an exchange, the first time it went out.
    [[nodiscard]] auto exchanges() const -> std::vector<isakmp::exchange_type> {
        std::vector<isakmp::exchange_type> out;
        for (const auto& m : this->sent) out.push_back(isakmp::header::parse(m.octets)->exchange);
        return out;
    }
    template <class T> [[nodiscard]] auto of() const -> std::vector<const T*> {
        std::vector<const T*> out;
        for (const auto& d : seen)
            if (const auto* t = std::get_if<T>(&d)) out.push_back(t);
        return out;
    }
};

}  // namespace ipsec::test
