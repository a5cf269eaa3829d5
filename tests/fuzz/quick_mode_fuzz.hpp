#pragma once
#include "fuzz/ike_v1_common.hpp"

namespace ipsec::fuzz {

/// Quick Mode and Informational messages from the inside: octet 0 says which message (first, second, third, Informational to
/// an end without SAs, a first one with a HASH of the fuzzer's own, Informational to an end that waits for an answer, to one
/// whose SAs stand, and to that under the ID of the Quick Mode that made them), octet 1 is the type of the payload behind the
/// HASH, the rest is that chain. HASH and encryption come out right, so that everything behind them is reached.
inline void quick_mode(byte_view in) {
    if (in.size() < 2 || in.size() > 8000) return;
    const auto kind = std::to_integer<unsigned>(in[0]) % 8;
    const auto first = static_cast<isakmp::payload_type>(in[1]);
    const byte_view rest = in.subspan(2);
    const bool informs = kind == 3 || kind >= 5;
    ike_v1_pair ends{kind == 1 ? 7U : kind == 2 ? 8U : kind >= 6 ? 9U : 6U};  // up to the message that this one answers
    const bool to_right = kind != 1 && kind != 5;
    auto& to = to_right ? ends.right : ends.left;
    const auto& spy = ends.right.spy;
    isakmp::header h;
    h.initiator = spy.cookies.initiator;
    h.responder = spy.cookies.responder;
    h.exchange = informs ? isakmp::exchange_type::informational : isakmp::exchange_type::quick_mode;
    h.id = isakmp::message_id{0x600df00d};
    std::vector<std::byte> ni, nr;
    if (kind == 1 || kind == 2 || kind == 7) {
        const auto last = isakmp::header::parse(ends.last);
        if (!last) return;
        h.id = last->id;
        ni = spy.ni;
        nr = spy.nr;
    }
    std::vector<std::byte> room(rest.size() + 128);
    isakmp::builder b{room};
    h.flags = isakmp::encrypted;
    b.start(h).claim(isakmp::payload_type::hash, 20);
    if (first != isakmp::payload_type::none) b.lie_next(first);
    b.append(rest);
    const auto whole = b.pad_to(16).finish();
    if (!whole) return;
    const auto prf = crypto::prf_id::hmac_sha1;
    // HASH runs over the payloads, not over what pads them.
    const auto chain = isakmp::chain::parse(isakmp::payload_type::hash, byte_view{*whole}.subspan(28),
                                            {.behind = isakmp::trailing::tolerated, .unknown = isakmp::unknown_payloads::kept});
    const byte_view covered = chain ? chain->behind(0) : rest;
    auto hash = kind == 2
                    ? v1::hash_3(to.crypto, prf, spy.skeyid_a, h.id.value(), ni, nr)
                    : v1::hash_1_2(to.crypto, prf, spy.skeyid_a, h.id.value(), kind == 1 ? byte_view{ni} : byte_view{}, covered);
    if (hash && kind != 4) copy_octets(hash->view(), whole->subspan(32));
    const auto before = to.installed;
    ends.say(to, to_right ? ike::reversed(ike_v1_left) : ike_v1_left, *whole);
    if (kind == 4) expect(to.installed == before);  // no HASH, no SA
}

}  // namespace ipsec::fuzz
