// What the decoder says of ISAKMP messages.
#include <algorithm>

#include "../common/payload_text.hpp"
#include "../common/wireshark.hpp"
#include "decoder.hpp"
#include "describe.hpp"

namespace ipsec_decode {

using wireshark::hex;
using wireshark::spi_text;
using ordered = nlohmann::ordered_json;

void decoder::isakmp(const place& p, list& to) {
    const byte_view datagram = p.packet.subspan(p.at);
    // Of a header that was captured in part no field behind the version is told.
    const auto h = isakmp::header::parse(datagram);
    const bool has_header = p.shows(isakmp::header::size), has_version = has_header || (p.is_cut() && p.shows(18));
    const unsigned version = h && has_version ? h->version.major_number() : 0;
    finding f = begin(version == 1 ? "IKEv1" : version == 2 ? "IKEv2" : "IKE-other", p);
    if (h && has_header) {
        f.entry["exchange"] = static_cast<unsigned>(h->exchange);
        f.entry["message_id"] = version == 2 ? ordered(h->id.value()) : ordered(spi_text(h->id.value()));
        f.entry["spi_i"] = hex(h->initiator.octets());
        f.entry["spi_r"] = hex(h->responder.octets());
        f.entry["first_payload"] = static_cast<unsigned>(h->next_payload);
    }
    if (p.is_cut()) {
        if (version == 1 && has_header && h && h->flags.encrypted()) f.entry["kind"] = "IKEv1 encrypted";
        return only_in_part(std::move(f), to);
    }
    if (!h) leave_closed(f, icv::unknown, "malformed: shorter than its header");
    else if (h->length < isakmp::header::size || h->length > datagram.size())
        leave_closed(f, icv::unknown, "malformed: its length field does not fit the datagram");
    else if (version == 1) ike_v1(*h, datagram.first(h->length), p.flow.source, f);
    else if (version == 2) leave_closed(f, icv::unknown, "IKEv2 is listed, not opened");
    else leave_closed(f, icv::unknown, "neither version 1 nor 2");
    to.push_back(std::move(f));
}

void decoder::ike_v1(const isakmp::header& h, byte_view datagram, const ip::address& from, finding& f) {
    const auto list_payloads = [&f](const isakmp::chain& c) {
        f.entry["payload_types"] = ordered::array();
        for (const auto& one : c) {
            f.entry["payload_types"].push_back(static_cast<unsigned>(one.type));
            if (one.type == isakmp::payload_type::security_association)
                f.entry["offers"].push_back(payload_text::of_sa(one.body));
        }
    };
    if (!h.flags.encrypted()) {
        const auto c = isakmp::chain::parse(h.next_payload, datagram.subspan(isakmp::header::size), lenient_rules);
        if (!c) return leave_closed(f, icv::unknown, fmt::format("malformed: {}", name_of(c.error())));
        if (c->size() == 1 && (*c)[0].type == isakmp::payload_type::fragment && !f.entry.contains("joined"))
            if (const auto piece = isakmp::fragment::parse((*c)[0].body)) return ike_piece(h, *piece, from, f);
        const unsealed hidden = ike_.in_clear(h, *c);
        f.entry["icv"] = name_of(icv::none);
        list_payloads(*c);
        f.entry["plaintext"] = hex(c->octets());
        f.note = describe(*c);
        f.is_open = hidden.closed == 0;
        for (const auto& part : hidden.parts) {
            f.entry["opened"].push_back({{"payload", static_cast<unsigned>(part.type)}, {"body", hex(part.body)}});
            f.note += fmt::format("{} {}", &part == hidden.parts.data() ? ", by a private key" : "", name_of(part.type));
        }
        if (!f.is_open) {
            f.entry["not_opened"] = fmt::format("{} payloads are {}", hidden.closed,
                                                hidden.by_own_prf ? "under keys by a prf of private use"
                                                                  : "for a private key that is not there");
            f.note += ", " + f.entry["not_opened"].get<std::string>();
        }
        return;
    }
    f.entry["kind"] = "IKEv1 encrypted";
    const auto m = ike_.open(h, datagram);
    if (!m.why_not.empty()) return leave_closed(f, icv::unknown, m.why_not);
    f.entry["icv"] = name_of(m.hash);
    f.entry["padding_octets"] = m.text.size() - m.payloads.octets().size();
    f.entry["iv"] = hex(m.iv);
    list_payloads(m.payloads);
    f.entry["plaintext"] = hex(m.text);
    f.note = describe(m.payloads);
    f.is_open = m.hash != icv::bad;
    if (!f.is_open) f.note += ", and its HASH does not hold";
    if (m.hash == icv::unknown && m.by_own_prf) f.note += ", and its HASH is by a prf of private use";
}

/// Puts a piece to the others of its message. What is out of order, or mixed with pieces of others, is no matter for an observer;
/// what contradicts itself is nobody's message. @return the message when it is complete, nothing while pieces are missing
auto decoder::join(const message_in_pieces& of, const isakmp::fragment& piece) -> ike::result<std::optional<ike::v1::octets>> {
    std::erase_if(pieces_, [this](const auto& one) { return one.second.size() == 0 || one.second.due() <= now_; });
    if (!pieces_.contains(of) && pieces_.size() >= most_in_pieces)
        pieces_.erase(std::ranges::min_element(pieces_, {}, [](const auto& one) { return one.second.due(); }));
    return pieces_[of].take(now_, of.cookies, piece, {.messages = 1, .pieces = 255, .octets = 65535, .time = seconds(60)});
}

/// A piece of a message. With the last one that was missing the line is that of the whole message.
void decoder::ike_piece(const isakmp::header& h, const isakmp::fragment& piece, const ip::address& from, finding& f) {
    f.entry["fragment"] = {{"id", piece.id}, {"number", piece.number}, {"last", piece.is_last()}};
    f.entry["icv"] = name_of(icv::none);
    f.note = fmt::format("piece {} of message {}{}", piece.number, piece.id, piece.is_last() ? ", the last" : "");
    f.is_open = true;  // there is nothing to open in it by itself
    const auto whole = join({from, {h.initiator, h.responder}, piece.id}, piece);
    if (!whole) return leave_closed(f, icv::unknown, fmt::format("{}: {}", f.note, name_of(whole.error())));
    if (!*whole) return;
    const auto inner = isakmp::header::parse(**whole);
    if (!inner || inner->length != (*whole)->size() || inner->initiator != h.initiator || inner->responder != h.responder)
        return leave_closed(f, icv::unknown, "malformed: its pieces make no message of this ISAKMP SA");
    if (inner->version.major_number() != 1)
        return leave_closed(f, icv::unknown, "malformed: its pieces make no message of version 1");
    f.entry["joined"] = true;
    f.entry["exchange"] = static_cast<unsigned>(inner->exchange);
    f.entry["message_id"] = spi_text(inner->id.value());
    f.entry["first_payload"] = static_cast<unsigned>(inner->next_payload);
    const std::string last = std::exchange(f.note, {});
    ike_v1(*inner, **whole, from, f);
    f.note = f.note.empty() ? last : fmt::format("{} ({})", f.note, last);
}

}  // namespace ipsec_decode
