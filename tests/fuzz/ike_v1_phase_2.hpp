#pragma once
// Whatever goes under an ISAKMP SA, from the inside: which exchange, how far it has come, and the right HASH for what is said.
#include "fuzz/ike_v1_common.hpp"

namespace ipsec::fuzz {

/// What the two ends are about.
enum class ike_v1_scene : std::uint8_t {
    plain,
    pfs,
    private_group,
    commit,
    commit_by_right,
    xauth,
    asks_address,
    tells_address,
    asks_if_alive,
    xauth_radius_chap,
    xauth_otp,
    xauth_s_key
};
/// What HASH is made of, beside the message ID and what follows it.
enum class ike_v1_hash : std::uint8_t { nothing, ni, both_nonces };

/// A message under an ISAKMP SA that stands after six others: where it fits in.
struct ike_v1_place {
    std::size_t after;  ///< messages delivered, Main Mode included
    bool to_right;
    isakmp::exchange_type exchange;
    bool goes_on = false;  ///< under the ID of the message before it, else under one of its own
    ike_v1_scene scene = ike_v1_scene::plain;
    ike_v1_hash hash = ike_v1_hash::nothing;
};
inline constexpr std::array ike_v1_places = [] {
    using enum isakmp::exchange_type;
    using enum ike_v1_scene;
    constexpr bool right = true, left = false;
    return std::to_array<ike_v1_place>({
        {6, right, quick_mode},  // 0
        {7, left, quick_mode, true, plain, ike_v1_hash::ni},
        {8, right, quick_mode, true, plain, ike_v1_hash::both_nonces},
        {6, right, informational},  // 3: to an end without SAs
        {6, right, quick_mode},     // 4: its HASH is the fuzzer's
        {6, left, informational},   // to an end that waits for an answer
        {9, right, informational},  // to one whose SAs stand
        {9, right, informational, true},
        {6, right, new_group_mode, false, private_group},  // 8
        {7, left, new_group_mode, true, private_group},
        {7, left, informational, false, private_group},  // 10: in place of the answer
        {6, right, quick_mode, false, pfs},
        {7, left, quick_mode, true, pfs, ike_v1_hash::ni},
        {9, right, informational, true, commit},  // 13: CONNECTED, and as a fourth message
        {9, right, quick_mode, true, commit},
        {6, left, transaction, false, xauth},  // 15: REQUEST, REPLY, SET, ACK
        {7, right, transaction, true, xauth},
        {8, left, transaction, false, xauth},
        {9, right, transaction, true, xauth},
        {6, right, transaction, false, asks_address},  // 19: REQUEST, REPLY
        {7, left, transaction, true, asks_address},
        {6, left, transaction, false, tells_address},  // 21: SET, ACK
        {7, right, transaction, true, tells_address},
        {9, left, informational, false, asks_if_alive},  // 23: to an end that waits for R-U-THERE-ACK
        {8, right, informational, false, xauth},         // 24: of a client that has not passed
        {8, right, quick_mode, false, xauth},
        {9, left, informational, true, commit_by_right},  // 26: as with 13, the other way
        {9, left, quick_mode, true, commit_by_right},
        {6, left, transaction, false, xauth_radius_chap},  // 28: REQUEST, REPLY
        {7, right, transaction, true, xauth_radius_chap},
        {6, left, transaction, false, xauth_otp},  // 30
        {7, right, transaction, true, xauth_otp},
        {6, left, transaction, false, xauth_s_key},  // 32
        {7, right, transaction, true, xauth_s_key},
        {9, left, quick_mode, false, xauth},  // 34: to a client that rests after its ACK
    });
}();

[[nodiscard]] inline auto ike_v1_config_of(ike_v1_scene scene, bool left) -> v1::config {
    auto c = ike_v1_config(left);
    auto& p = c.peers[0];
    auto& child = p.children[0];
    switch (scene) {
        case ike_v1_scene::plain: break;
        case ike_v1_scene::pfs: child.pfs = crypto::group_id::modp768; break;
        case ike_v1_scene::private_group: {
            constexpr crypto::group_id own{40000};
            // A safe prime so short that it is checked in no time.
            const auto prime = crypto::detail::octets_from_hex("ffffffffffffffffffffffffffffc3a7");
            p.private_groups = {{own, crypto::modp_parameters{{prime.begin(), prime.end()}, {std::byte{2}}, {}}}};
            p.new_group_limits = {.least_modp_bits = 64,
                                  .largest_modp_bits = 192,
                                  .least_field_bits = 8,
                                  .largest_field_bits = 64,
                                  .rounds = 2};
            p.accept_new_groups = !left;
            child.pfs = own;
            break;
        }
        case ike_v1_scene::commit: child.commit_bit = true; break;
        case ike_v1_scene::commit_by_right: child.commit_bit = !left; break;
        case ike_v1_scene::xauth_radius_chap: p.xauth.question.type = isakmp::xauth_type::radius_chap; break;
        case ike_v1_scene::xauth_otp:
            p.xauth.question.type = isakmp::xauth_type::otp;
            p.xauth.question.challenge = "otp-md5 499 ke1234 ext";
            break;
        case ike_v1_scene::xauth_s_key:
            p.xauth.question.type = isakmp::xauth_type::s_key;
            p.xauth.question.challenge = "s/key 99 ke1234";
            break;
        case ike_v1_scene::xauth: break;
        case ike_v1_scene::asks_address:
        case ike_v1_scene::tells_address:
            p.mode_config.part = left ? v1::config_part::client : v1::config_part::server;
            p.mode_config.push = scene == ike_v1_scene::tells_address;
            break;
        case ike_v1_scene::asks_if_alive: p.dpd.delay = seconds(left ? 10 : 0); break;
    }
    if (scene == ike_v1_scene::xauth || scene >= ike_v1_scene::xauth_radius_chap) {
        p.xauth.part = left ? v1::xauth_part::client : v1::xauth_part::edge_device;
        p.xauth.allow_group_secret = true;
        if (left) p.xauth.user = "carol";
        if (left) p.xauth.password = secret<128>{std::as_bytes(std::span{std::string_view{"Ar3etTnp"}})};
    }
    return c;
}

/// The ends of a place, ready for the message.
struct ike_v1_phase_2 : ike_v1_pair {
    explicit ike_v1_phase_2(const ike_v1_place& place)
        : ike_v1_pair{place.after, ike_v1_config_of(place.scene, true), ike_v1_config_of(place.scene, false)}, where{place} {
        if (where.scene != ike_v1_scene::asks_if_alive) return;
        now = now + seconds(11);
        left.ike.handle_timeout(now);
        left.drain(now);
        hold_back();
    }
    /// HDR*, HASH, and the chain `rest` that begins with a payload of type `next`. @return nothing where it has no room
    [[nodiscard]] auto write(isakmp::payload_type next, byte_view rest, bool hash_is_right) -> std::vector<std::byte> {
        const auto& spy = right.spy;
        const auto before = isakmp::header::parse(last);
        isakmp::header h;
        h.initiator = spy.cookies.initiator;
        h.responder = spy.cookies.responder;
        h.exchange = where.exchange;
        h.flags = isakmp::encrypted;
        h.id = where.goes_on && before ? before->id : isakmp::message_id{0x600df00d};
        std::vector<std::byte> room(rest.size() + 128);
        isakmp::builder b{room};
        b.start(h).claim(isakmp::payload_type::hash, 20);
        if (next != isakmp::payload_type::none) b.lie_next(next);
        const auto whole = b.append(rest).pad_to(16).finish();
        if (!whole) return {};
        constexpr auto prf = crypto::prf_id::hmac_sha1;
        // HASH runs over the payloads, not over what pads them.
        const auto chain = isakmp::chain::parse(isakmp::payload_type::hash, byte_view{*whole}.subspan(28), tolerant);
        const byte_view covered = chain ? chain->behind(0) : rest;
        const byte_view ni = where.hash == ike_v1_hash::ni ? byte_view{spy.ni} : byte_view{};
        const auto hash = where.hash == ike_v1_hash::both_nonces
                              ? v1::hash_3(right.crypto, prf, spy.skeyid_a, h.id.value(), spy.ni, spy.nr)
                              : v1::hash_1_2(right.crypto, prf, spy.skeyid_a, h.id.value(), ni, covered);
        if (hash) copy_octets(hash->view(), whole->subspan(32));
        if (!hash_is_right) (*whole)[32] ^= std::byte{1};
        return {whole->begin(), whole->end()};
    }
    static constexpr isakmp::chain_rules tolerant{.behind = isakmp::trailing::tolerated,
                                                  .unknown = isakmp::unknown_payloads::kept};
    ike_v1_place where;
};

}  // namespace ipsec::fuzz
