#include "ike_v1.hpp"

#include <algorithm>

#include "ipsec/core/ct_equal.hpp"
#include "ipsec/crypto/algorithms.hpp"

namespace ipsec_decode {
namespace {

using isakmp::payload_type;

auto copy_of(byte_view v) -> std::vector<std::byte> { return {v.begin(), v.end()}; }
auto body_of(const isakmp::chain& c, payload_type type, std::size_t n = 0) -> byte_view {
    const auto* const p = c.find(type, n);
    return p != nullptr ? p->body : byte_view{};
}
auto is_phase_1(const isakmp::header& h) -> bool {
    return h.exchange == isakmp::exchange_type::identity_protection || h.exchange == isakmp::exchange_type::aggressive;
}
void keep(std::deque<ike::v1::iv>& all, const ike::v1::iv& block, std::size_t most) {
    if (std::ranges::find(all, block) != all.end()) return;
    all.push_back(block);
    if (all.size() > most) all.erase(all.begin() + 1);  // the first message may come again
}

}  // namespace

ike_v1_observer::ike_v1_observer(const std::vector<ike_v1_key>& keys, private_keys& rsa) : rsa_{&rsa} {
    for (const ike_v1_key& k : keys) {
        association a;
        a.key = &k;
        if (!k.initial_iv.empty() && k.initial_iv.size() <= 16) a.phase_1.push_back(ike::v1::make_iv(k.initial_iv));
        all_.push_back(std::move(a));
    }
}

auto ike_v1_observer::find(const isakmp::header& h) -> association* {
    for (association& a : all_)
        if (a.key->initiator == h.initiator &&
            (h.responder.is_zero() || !a.key->responder || *a.key->responder == h.responder))
            return &a;
    return nullptr;
}

auto ike_v1_observer::in_clear(const isakmp::header& h, const isakmp::chain& payloads) -> unsealed {
    association* const a = find(h);
    if (a == nullptr || !is_phase_1(h)) return {};
    const byte_view sa = body_of(payloads, payload_type::security_association);
    const bool came_before = h.responder.is_zero() && !a->sai.empty();  // and may have been answered since
    if (const auto tree = isakmp::sa_tree::parse(sa); !came_before && tree && !tree->proposals().empty())
        if (const auto all = tree->transforms(tree->proposals()[0]); !all.empty())
            if (const auto offer = isakmp::read_phase1(all[0].value)) a->offer = *offer;
    unsealed hidden = unseal(*rsa_, crypto_, h, payloads, a->offer);
    const auto said = [&](payload_type type) {
        const auto at = std::ranges::find(hidden.parts, type, &unsealed::part::type);
        return at != hidden.parts.end() ? byte_view{at->body} : body_of(payloads, type);
    };
    // The initiator speaks first; what comes twice is no news.
    const auto take = [](octets& first, octets& second, byte_view body) {
        if (body.empty()) return;
        if (first.empty()) first = copy_of(body);
        else if (second.empty() && !std::ranges::equal(body, first)) second = copy_of(body);
    };
    if (hidden.closed == 0) {
        take(a->gxi, a->gxr, said(payload_type::key_exchange));
        take(a->idii, a->idir, said(payload_type::identification));
    }
    if (h.responder.is_zero()) a->sai = copy_of(sa);
    return hidden;
}

auto ike_v1_observer::first_of_phase_1(association& a) -> bool {
    if (!a.phase_1.empty()) return true;
    if (a.gxr.empty()) return false;
    const auto made = ike::v1::phase_1_iv(crypto_, *a.key->hash, a.gxi, a.gxr, crypto::info_of(*a.key->cipher).block);
    if (made) a.phase_1.push_back(*made);
    return made.has_value();
}

auto ike_v1_observer::exchange_of(association& a, std::uint32_t id) -> exchange* {
    if (const auto known = a.exchanges.find(id); known != a.exchanges.end()) return &known->second;
    if (a.exchanges.size() >= most_exchanges) a.exchanges.clear();
    exchange x;
    // The newest block first of all; a peer may have gone on from an earlier one when a message came twice.
    for (const ike::v1::iv& last : a.phase_1)
        if (const auto made = ike::v1::phase_2_iv(crypto_, *a.key->hash, last, id)) x.next.push_back(*made);
    return x.next.empty() ? nullptr : &a.exchanges.emplace(id, std::move(x)).first->second;
}

auto ike_v1_observer::try_ivs(const association& a, const ivs& next, const isakmp::header& h, byte_view sealed,
                              opened_message& out) -> bool {
    for (auto iv = next.rbegin(); iv != next.rend(); ++iv) {
        out.text = copy_of(sealed);
        if (const auto done = crypto_.decrypt(*a.key->cipher, a.key->encryption_key.view(), iv->view(), out.text); !done) {
            out.why_not = name_of(done.error());
            return false;
        }
        auto c = isakmp::chain::parse(h.next_payload, out.text, lenient_rules);
        if (!c || c->empty()) continue;
        out.payloads = *c;
        out.iv = copy_of(iv->view());
        return true;
    }
    out.why_not = "no IV that the capture shows gives payloads";
    return false;
}

auto ike_v1_observer::open(const isakmp::header& h, byte_view datagram) -> opened_message {
    association* const a = find(h);
    if (a == nullptr) return {.why_not = "no key is known for it"};
    if (!a->key->cipher || !a->key->hash) return {.why_not = "this library lacks " + a->key->lacks};
    const std::size_t block = crypto::info_of(*a->key->cipher).block;
    const byte_view sealed = datagram.subspan(isakmp::header::size);
    if (sealed.empty() || sealed.size() % block != 0) return {.why_not = "its length is no multiple of the cipher's block"};
    if (!first_of_phase_1(*a)) return {.why_not = "the KE payloads, from which the IV follows, are not in the capture"};
    opened_message out;
    out.by_own_prf = a->offer.prf.has_value();
    const auto last = ike::v1::make_iv(sealed.last(block));
    if (is_phase_1(h)) {
        if (!try_ivs(*a, a->phase_1, h, sealed, out)) return out;
        keep(a->phase_1, last, most_ivs);
        out.hash = phase_1_hash(*a, h, out.payloads);
        return out;
    }
    exchange* const x = exchange_of(*a, h.id.value());
    if (x == nullptr) return {.why_not = "no IV can be made for it"};
    if (!try_ivs(*a, x->next, h, sealed, out)) return out;
    keep(x->next, last, most_ivs);
    out.hash = phase_2_hash(*a, h, out.payloads, *x);
    return out;
}

/// HASH_I or HASH_R, where the key of both is known.                                            RFC 2409 §5
auto ike_v1_observer::phase_1_hash(const association& a, const isakmp::header& h, const isakmp::chain& c) -> icv {
    const byte_view told = body_of(c, payload_type::hash);
    if (told.empty() || a.key->skeyid.empty()) return icv::none;
    if (a.offer.prf) return icv::unknown;
    if (a.gxr.empty() || a.sai.empty()) return icv::none;
    const byte_view in_message = body_of(c, payload_type::identification);
    const byte_view id_i = in_message.empty() ? byte_view{a.idii} : in_message;
    const byte_view id_r = in_message.empty() ? byte_view{a.idir} : in_message;
    const auto prf = ike::v1::prf_of(*a.key->hash);
    const byte_view cky_i = h.initiator.octets(), cky_r = h.responder.octets();
    const auto i = ike::v1::phase_1_hash(crypto_, prf, a.key->skeyid, a.gxi, a.gxr, cky_i, cky_r, a.sai, id_i);
    const auto r = ike::v1::phase_1_hash(crypto_, prf, a.key->skeyid, a.gxr, a.gxi, cky_r, cky_i, a.sai, id_r);
    if (!i || !r) return icv::unknown;
    return ct_equal(i->view(), told) || ct_equal(r->view(), told) ? icv::ok : icv::bad;
}

/// HASH(1), HASH(2) or HASH(3): which one it is follows from what is in the message.            RFC 2409 §5.5, §5.7
auto ike_v1_observer::phase_2_hash(const association& a, const isakmp::header& h, const isakmp::chain& c, exchange& x) -> icv {
    const byte_view nonce = body_of(c, payload_type::nonce);
    if (!nonce.empty()) {
        if (x.ni.empty()) x.ni = copy_of(nonce);
        else if (x.nr.empty() && !std::ranges::equal(nonce, x.ni)) x.nr = copy_of(nonce);
    }
    if (c[0].type != payload_type::hash || a.key->skeyid_a.empty()) return icv::none;
    if (a.offer.prf) return icv::unknown;
    const auto prf = ike::v1::prf_of(*a.key->hash);
    const auto made = [&]() -> crypto::result<crypto::digest> {
        const std::uint32_t id = h.id.value();
        if (c.size() == 1 && !x.nr.empty()) return ike::v1::hash_3(crypto_, prf, a.key->skeyid_a, id, x.ni, x.nr);
        const bool is_answer = !nonce.empty() && !std::ranges::equal(nonce, x.ni);
        return ike::v1::hash_1_2(crypto_, prf, a.key->skeyid_a, id, is_answer ? byte_view{x.ni} : byte_view{}, c.behind(0));
    }();
    if (!made) return icv::unknown;
    return ct_equal(made->view(), c[0].body) ? icv::ok : icv::bad;
}

}  // namespace ipsec_decode
