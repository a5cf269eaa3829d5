#pragma once
// Two IKEv1 endpoints of which one asks the other for more than phase 1: dialogues are kept, and answered by a script.
#include <functional>

#include "support/ike_ends.hpp"

namespace ipsec::test {

inline auto secret_text(std::string_view s) -> secret<128> { return secret<128>{std::as_bytes(std::span{s})}; }
inline auto is_text(const secret<128>& s, std::string_view t) -> bool {
    return hex(s.view()) == hex(std::as_bytes(std::span{t}));
}

inline auto carols_credentials() -> v1::credentials {
    v1::credentials c;
    c.user = "carol";
    c.password = secret_text("Ar3etTnp");
    return c;
}

struct dialogue_scene : identity_ends {
    using identity_ends::identity_ends;
    using end = ike_end<testing::identity_provider>;

    std::function<void(dialogue_scene&, end&, const v1::dialogue&)> script = [](auto&, auto&, const auto&) {};
    std::vector<v1::dialogue> seen_left, seen_right;

    /// As `run`, with dialogues answered a moment after they came.
    auto talk(duration how_long = seconds(60)) -> bool {
        const instant until = now() + how_long;
        while (now() < until) {
            if (!run(milliseconds(10))) return false;
            for (end* e : {&left, &right})
                while (auto d = e->ike.poll_dialogue()) {
                    script(*this, *e, *d);
                    (e == &left ? seen_left : seen_right).push_back(std::move(*d));
                }
            flush(left, side::left);
            flush(right, side::right);
        }
        return true;
    }
    template <class T> [[nodiscard]] static auto of(const std::vector<v1::dialogue>& all) -> std::vector<const T*> {
        std::vector<const T*> out;
        for (const auto& d : all)
            if (const auto* t = std::get_if<T>(&d)) out.push_back(t);
        return out;
    }
};

/// What an edge device could say under the SA that it recorded: phase 2 IVs come from the last block of message 6.
inline auto edge_device_message(const ike_record& of_edge, byte_view message_6, const v1::transaction::content& c,
                                std::uint32_t id) -> std::vector<std::byte> {
    const auto& k = of_edge.phase_1.at(0);
    v1::main_mode::keyed keys;
    keys.cky = k.cky;
    keys.agreed.suite = k.agreed.suite;
    keys.prf = k.prf;
    keys.keys = {k.keys.skeyid.clone(), k.keys.skeyid_d.clone(), k.keys.skeyid_a.clone(), k.keys.skeyid_e.clone()};
    keys.cipher = {k.cipher.cipher, k.cipher.block, v1::encryption_key{k.cipher.key.view()}};
    keys.next = v1::make_iv(message_6.last(k.cipher.block));
    testing::identity_provider p;
    const auto first = v1::phase_2_iv(p, keys.agreed.suite.hash, keys.next, id);
    return v1::transaction::write(c, isakmp::message_id{id}, first.value(), keys, p).value().datagram;
}
/// The same under the SA of a scene.
inline auto edge_device_message(const dialogue_scene& ends, const v1::transaction::content& c, std::uint32_t id)
    -> std::vector<std::byte> {
    return edge_device_message(ends.right.record, ends.sent.at(5).octets, c, id);
}

/// Left is the client, right the edge device, unless `swapped`.
inline auto xauth_config(bool left, bool edge, std::string_view user = "carol", std::string_view password = "Ar3etTnp")
    -> v1::config {
    auto c = ike_config(left);
    auto& x = c.peers[0].xauth;
    x.part = edge ? v1::xauth_part::edge_device : v1::xauth_part::client;
    x.allow_group_secret = true;
    if (!edge) {
        x.user = user;
        x.password = secret_text(password);
    }
    return c;
}
/// An edge device that knows one user.
inline void knows_carol(dialogue_scene& s, dialogue_scene::end& e, const v1::dialogue& d) {
    if (const auto* a = std::get_if<v1::xauth_attempt>(&d))
        e.ike.answer(s.now(), *a, a->user == "carol" && is_text(a->password, "Ar3etTnp"));
}

}  // namespace ipsec::test
