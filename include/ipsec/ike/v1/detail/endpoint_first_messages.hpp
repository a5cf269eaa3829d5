#pragma once
/// Bodies of `endpoint`: the first messages of strangers. Those of Main Mode cost little and leave nothing behind; those of
/// Aggressive Mode cost a Diffie-Hellman key pair, and are limited.
#include <algorithm>

#include "ipsec/ike/v1/endpoint.hpp"
#include "ipsec/ike/v1/misfit.hpp"

namespace ipsec::ike::v1 {

/// On whose behalf a Main Mode from there may be answered: the peer of that address, or else those that stand for all of any.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::doors_to_main_mode(const ike::path& at) const -> std::vector<peer_id> {
    if (const auto peer = find_peer(at)) return {*peer};
    const auto found = main_doors_.find({at.local.address, house<Traits>::any_like(at.remote.address)});
    return found == main_doors_.end() ? std::vector<peer_id>{} : found->second;
}
/// What of an offer a peer takes. Of one that may be anywhere an encrypted identity would be needed before there is a key to
/// answer with: it takes no such method.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::pick_for(peer_id peer, byte_view sai_b) const -> admitted<picked_ike> {
    const peer_config& p = house_->peer(peer);
    auto picked = pick_ike(p, sai_b, {}, groups_of(peer));
    if (picked && serves_anybody(p) && is_by_encryption(*proof_by(picked->agreed.suite.authentication)))
        return std::unexpected{fault{errc::no_proposal_chosen}};
    return picked;
}
/// Message 1: answered without keeping anything of the sender, and without any arithmetic but hashes.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::answer_first_message(std::span<const peer_id> doors, const isakmp::header& h, const ike::path& at,
                                            byte_view datagram) {
    const auto refuse = [&](const fault& f) { house_->report(f, at, h); };
    const auto in = main_mode::detail::read_clear(h, datagram, 1);
    if (!in) return refuse(in.error());
    const byte_view sai_b = in->find(isakmp::payload_type::security_association)->body;
    peer_id peer = doors.front();
    auto picked = pick_for(peer, sai_b);
    for (std::size_t i = 1; i < doors.size() && !picked; ++i) picked = pick_for(peer = doors[i], sai_b);
    if (!picked) {
        refuse(picked.error());
        const auto [why, detail] = picked.error();
        if (why == errc::no_proposal_chosen)
            tell_misfits(house_->watcher, {house_->now, at, h.initiator, {}, {}}, house_->peer(peer), sai_b);
        // One answer to one message, and no longer than it; an initiator that believes it is that initiator's fault.
        // RFC 2408 §5.4, §5.5, §5.6, RFC 2407 §4.2                                req: rfc2407-4.2.2-2, rfc2407-4.2.3-2
        const auto type = detail ? isakmp::notify_for(*detail) : notify_type_for(why);
        if (type) notify_clear(*type, h, at);
        return;
    }
    const auto asked = phase_1::read_requests(*in, house_->peer(peer), picked->agreed.suite);
    const first_words said{read_vendor_ids(*in), asked};
    const auto mark = mark_of(house_->crypto, sai_b, said);
    if (!mark) return refuse(mark.error());
    // A cookie is good in its slot and in the next one.
    const instant until = house_->now + house_->settings.cookie_slot + house_->settings.cookie_slot;
    offer_shelves::offer o{.sai_b = to_octets(sai_b),
                           .said = said,
                           .suite = picked->suite,
                           .reply = std::move(picked->reply),
                           .mark = *mark,
                           .until = until};
    const auto& limits = house_->settings.limits;
    shelves_.expire(house_->now);
    const auto& kept = shelves_.keep(peer.value(), std::move(o), limits.offers_per_peer, limits.offers);
    const auto cky_r = jar_.make(house_->crypto, house_->now, at, h.initiator, kept.sai_b, kept.said);
    if (!cky_r) return refuse(cky_r.error());
    message_writer w{header_of({h.initiator, *cky_r}, isakmp::exchange_type::identity_protection)};
    w.add(isakmp::payload_type::security_association, kept.reply);
    add_vendor_ids(w, own_extensions(house_->peer(peer)));
    auto m = w.finish();
    if (!m) return refuse(m.error());
    house_->trace_in(at, h, datagram, datagram.subspan(isakmp::header::size), "no state");
    house_->send(at, m->datagram, m->payloads, "no state", 1);
}

/// Whether a group that stands in an offer is one; few are looked at in a second, whoever asks. Whoever has shown no cookie has
/// a limit of his own, and pushes out nothing that is known.
/// @return `errc::group_refused`; `limit_reached`, `no_randomness`: another time, perhaps
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::judge_group(peer_id peer, const crypto::private_group& g, bool is_proven) -> result<void> {
    auto& limit = is_proven ? group_checks_ : unproven_group_checks_;
    if (!house_->verdict_on(peer, g) && !limit.take(house_->now)) return std::unexpected{errc::limit_reached};
    if (const auto ok = house_->judge(peer, g, is_proven); !ok) return std::unexpected{errc_of(ok.error())};
    return {};
}

/// Message 3: the cookie says which offer it goes with.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::take_third_message(std::span<const peer_id> doors, const isakmp::header& h, const ike::path& at,
                                          byte_view datagram) {
    const auto refuse = [&](const fault& f) { house_->report(f, at, h); };
    if (h.flags.encrypted()) return refuse(errc::unknown_cookie);
    if (!jar_.was_made_here(house_->crypto, house_->now, at, h.initiator, h.responder)) return refuse(errc::bad_cookie);
    const auto find_offer = [&](peer_id door) {
        const auto& all = shelves_.of(door.value());
        const auto it = std::ranges::find_if(all, [&](const auto& o) {
            return jar_.is_ours(house_->crypto, house_->now, at, h.initiator, h.responder, o.sai_b, o.said);
        });
        return it == all.end() ? nullptr : &*it;
    };
    for (const peer_id peer : doors) {
        const offer_shelves::offer* const found = find_offer(peer);
        if (found == nullptr) continue;
        const auto& o = *found;
        auto picked = pick_for(peer, o.sai_b);
        if (!picked) return refuse(picked.error());
        picked->agreed.asked = o.said.asked;
        if (const auto& parts = picked->agreed.parts) {
            // A stranger's group is worth no arithmetic before he is known to be there; in it, none before it is found to be one.
            if (const auto ok = judge_group(peer, *parts, !serves_anybody(house_->peer(peer))); !ok) {
                refuse(ok.error());
                if (ok.error() == errc::group_refused) notify_clear(isakmp::notify_type::attributes_not_supported, h, at);
                return;
            }
        }
        const extensions both = own_extensions(house_->peer(peer)) & o.said.peer;
        auto e = house_->env(peer, at);
        auto msg = main_mode::admit_first_key_exchange(picked->agreed, both, h, datagram, e);
        if (!msg) return refuse(msg.error());
        const bool stranger = serves_anybody(house_->peer(peer));
        if (stranger && !may_be_stranger(at)) return refuse(errc::limit_reached);
        if (!jar_.spend(h.responder)) return refuse(errc::spent_cookie);
        make_room_for_half_open(peer, at.remote.address);
        house_->trace_in(at, h, datagram, datagram.subspan(isakmp::header::size), "no state");
        sa_type& sa = take_in(std::make_unique<sa_type>(*house_, peer, at, role::responder), h.cookies());
        sa.begin(h.cookies(), picked->agreed, both, o.sai_b, std::move(*msg), datagram);
        sa.begun_under(o.mark);
        if (stranger) strangers_.push_back(h.cookies());
        return settle(peer);
    }
    refuse(errc::offer_forgotten);
}

/// Whoever begins encrypted is known only once that is decrypted: until then an exchange is begun on behalf of one peer of many
/// that have the same suites and are spoken to by the same keys of ours.                         RFC 2409 §5.2, §5.3
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::open_door(peer_id peer) {
    const peer_config& p = house_->peer(peer);
    if (std::ranges::none_of(p.suites, [](const ike_suite& s) { return is_by_encryption(*proof_by(s.authentication)); })) return;
    auto& doors = doors_[{p.path.local.address, p.path.remote.address}];
    const auto is_like = [&](peer_id other) {
        const peer_config& o = house_->peer(other);
        return o.suites == p.suites && o.private_groups == p.private_groups && o.new_group_limits == p.new_group_limits &&
               o.keys.decrypt_with == p.keys.decrypt_with;
    };
    if (std::ranges::any_of(doors, is_like)) return;
    // To whom certificates of ours are known HASH(1) says something: they are asked first.
    const bool knows_names = std::ranges::any_of(p.keys.decrypt_with, [](const auto& own) { return !own.certificate.empty(); });
    doors.insert(knows_names ? doors.begin() : doors.end(), peer);
}
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::doors_at(const ike::path& at) const -> std::vector<peer_id> {
    std::vector<peer_id> out;
    for (const ip::address& remote : {at.remote.address, house<Traits>::any_like(at.remote.address)})
        if (const auto found = doors_.find({at.local.address, remote}); found != doors_.end())
            out.insert(out.end(), found->second.begin(), found->second.end());
    return out;
}
/// Whether one more Aggressive Mode of a stranger fits: into the number of half-open ones, into those of its address, into the
/// rate. The limits are its own, so that a flood of them pushes no Main Mode out.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::may_come_in(const std::vector<isakmp::cookie_pair>& others, token_bucket& rate, const ike::path& at)
    -> bool {
    const auto& l = house_->settings.limits;
    std::size_t all = 0, of_source = 0;
    for (const isakmp::cookie_pair& cky : others) {
        const sa_type* const sa = find_sa(cky);
        if (sa == nullptr || sa->is_proven()) continue;
        ++all;
        if (sa->path().remote.address == at.remote.address) ++of_source;
    }
    return all < l.aggressive_half_open && of_source < l.aggressive_per_source && rate.take(house_->now);
}
/// Whoever comes by Main Mode from an address that no peer has is somewhere, as his cookie says, and nobody yet: he causes no
/// more Diffie-Hellman than strangers may, and takes the place of none who is there.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::may_be_stranger(const ike::path& at) -> bool {
    std::erase_if(strangers_, [&](const isakmp::cookie_pair& cky) {
        const sa_type* const sa = find_sa(cky);
        return sa == nullptr || sa->is_proven();
    });
    return half_open_.size() < house_->settings.limits.half_open && may_come_in(strangers_, stranger_rate_, at);
}
/// Message 1 of an Aggressive Mode. Whoever is not known by name gets no answer at all: HASH_R is something to guess by. Where
/// the name is encrypted, an answer says nothing to whoever has not the key that it is encrypted to.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::answer_aggressive(const isakmp::header& h, const ike::path& at, byte_view datagram) {
    const auto refuse = [&](const fault& f) { house_->report(f, at, h); };
    std::erase_if(aggressive_, [&](const isakmp::cookie_pair& cky) { return find_sa(cky) == nullptr; });
    for (const isakmp::cookie_pair& cky : aggressive_)
        if (cky.initiator == h.initiator) {  // sent again, since message 2 was lost
            sa_type* const sa = find_sa(cky);
            const peer_id whose = sa->peer();
            sa->handle(h, at, datagram, pairs_coming(whose));
            return settle(whose);
        }
    const auto who = aggressive_mode::read_claimed_identity(h, datagram);
    if (!who) return refuse(who.error());
    std::vector<peer_id> candidates;
    if (!*who) candidates = doors_at(at);
    else
        for (const peer_id named : house_->find_all_by_name(at, **who)) candidates.push_back(named);
    std::optional<peer_id> peer;
    admitted<aggressive_mode::offer> msg = std::unexpected{fault{errc::unknown_peer}};
    for (std::size_t i = 0; i < candidates.size() && !msg; ++i) {
        peer = candidates[i];
        auto e = house_->env(*peer, at);
        msg = aggressive_mode::admit_first(h, datagram, e);
    }
    if (!msg) return refuse(msg.error());
    const auto& parts = msg->picked.agreed.parts;
    if (parts && house_->verdict_on(*peer, *parts) == false) return refuse(errc::group_refused);
    if (!may_come_in(aggressive_, aggressive_rate_, at)) return refuse(errc::limit_reached);
    // No cookie shows that anybody is there: this group is looked at within the limits of strangers and of their groups.
    if (parts)
        if (const auto ok = judge_group(*peer, *parts, false); !ok) return refuse(ok.error());
    if (const auto ok = aggressive_mode::judge_public_value(*msg); !ok) return refuse(ok.error());
    const auto cky_r = jar_.make(house_->crypto, house_->now, at, h.initiator, msg->sai_b);
    if (!cky_r) return refuse(cky_r.error());
    const isakmp::cookie_pair cky{h.initiator, *cky_r};
    if (!jar_.spend(*cky_r) || find_sa(cky) != nullptr) return refuse(errc::spent_cookie);
    make_room_for_half_open(*peer, at.remote.address);
    house_->trace_in(at, h, datagram, datagram.subspan(isakmp::header::size), "no state");
    if (aggressive_.size() == house_->settings.limits.half_open) aggressive_.erase(aggressive_.begin());
    aggressive_.push_back(cky);
    take_in(std::make_unique<sa_type>(*house_, *peer, at, role::responder), cky).begin(cky, std::move(*msg), datagram);
    settle(*peer);
}

/// The oldest half-open SA goes: of the same peer, where that has too many; of all, where there are too many. Where many peers
/// come by one door, whoever is in there already makes room for himself, and pushes nobody else out.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::make_room_for_half_open(peer_id peer, const ip::address& source) {
    const auto& limits = house_->settings.limits;
    peer_id whose = peer;
    if (stations_[peer.value()].half_open < limits.half_open_per_peer) {
        if (half_open_.size() < limits.half_open) return;
        whose = half_open_.begin()->second;
    }
    end_oldest_half_open(whose, whose == peer ? &source : nullptr);
}
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::end_oldest_half_open(peer_id whose, const ip::address* source) {
    // They stand there in the order in which they were begun.
    const auto& all = sas_of(whose);
    auto oldest = std::ranges::find_if(all, [&](const resident& r) {
        return r.half_open != 0 && source != nullptr && r.sa->path().remote.address == *source;
    });
    if (oldest == all.end()) oldest = std::ranges::find_if(all, [](const resident& r) { return r.half_open != 0; });
    if (oldest == all.end()) return;
    oldest->sa->close(errc::limit_reached, false);
    put_out(whose, static_cast<std::size_t>(oldest - all.begin()));
    arm(whose);
}

/// To a message that nothing vouches for: not longer than it, whoever is made to get the answer.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::notify_clear(isakmp::notify_type type, const isakmp::header& h, const ike::path& at) {
    std::array<std::byte, 4> id{};
    (void)house_->crypto.fill(id);
    informational::content c;
    c.payloads.push_back(informational::notify_of(type, isakmp::protocol_id::isakmp, {}));
    const auto m = informational::write_clear(c, isakmp::message_id{wire::load<std::uint32_t>(id)}, h.cookies());
    if (m && m->datagram.size() <= h.length)
        house_->send(at, m->datagram, m->payloads, "no state", 1);
}

}  // namespace ipsec::ike::v1
