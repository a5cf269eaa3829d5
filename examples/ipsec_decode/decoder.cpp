#include "decoder.hpp"

#include <algorithm>

#include "../common/wireshark.hpp"
#include "describe.hpp"
#include "ipsec/ip/udp.hpp"
#include "ipsec/ip/udp_encap.hpp"

namespace ipsec_decode {
namespace {

/// What the headers of a fragment say of its place: octets from the start of what was cut.
auto place_of_fragment(byte_view packet) -> nlohmann::ordered_json {
    if ((packet[0] >> 4) == std::byte{4}) {
        const auto h = *ip::v4::header::parse(packet);
        return {{"id", h.identification}, {"offset", h.fragment_offset * 8U}, {"last", !h.more_fragments}};
    }
    ip::ext_header_walk walk{packet};
    for (ip::ext_header h; walk.next(h).value_or(false);)
        if (walk.is_fragment())
            if (const auto f = ip::fragment_header::parse(packet.subspan(h.offset)))
                return {{"id", f->identification}, {"offset", f->offset * 8U}, {"last", !f->more_fragments}};
    return {{"id", 0U}, {"offset", 0U}, {"last", false}};  // no fragment: nobody asks
}

}  // namespace

using wireshark::hex;
using wireshark::spi_text;

void leave_closed(finding& f, icv verdict, const std::string& why) {
    f.entry["icv"] = name_of(verdict);
    f.entry["not_opened"] = why;
    f.note = why;
    f.is_open = false;
}

decoder::decoder(keyring& keys, io::link_type link) : ike_{keys.ike, keys.rsa}, link_{link} {
    for (const packet_key& k : keys.packets)
        sas_.emplace(std::pair{k.protocol, k.spi}, known_sa{k.destination, k.in_udp, packet_sa{k}});
}

auto decoder::frame(const io::captured& c) -> list {
    number_ = c.number;
    now_ = c.time;
    list found;
    if (c.packet) {
        packet(*c.packet, c.packet->size(), 0, found);
    } else {
        ++without_packet_[name_of(c.packet.error())];
        if (c.packet.error() == io::no_packet::captured_in_part) cut_packet(c.frame, found);
    }
    return found;
}

auto decoder::begin(const char* kind, const place& p) const -> finding {
    finding f;
    f.entry["frame"] = number_;
    f.entry["kind"] = kind;
    f.entry["icv"] = name_of(icv::unknown);
    f.entry["src"] = ip::to_text(p.flow.source).view();
    f.entry["dst"] = ip::to_text(p.flow.destination).view();
    return f;
}

auto decoder::find(sa::protocol protocol, sa::spi spi, const ip::address& to, bool in_udp) -> std::vector<packet_sa*> {
    std::vector<packet_sa*> fit;
    const auto [first, last] = sas_.equal_range({protocol, spi});
    for (auto i = first; i != last; ++i)
        if ((!i->second.destination || *i->second.destination == to) && (!in_udp || i->second.in_udp))
            fit.push_back(&i->second.sa);
    return fit;
}

void decoder::cut_packet(byte_view frame, list& to) {
    std::vector<std::byte> whole(frame.begin(), frame.end());
    whole.resize(frame.size() + 65535 + 40);  // as long as any packet: what is read of it is held against what was captured
    if (const auto p = io::ip_packet_in(link_, whole, whole.size())) {
        const auto front = static_cast<std::size_t>(p->data() - whole.data());
        if (front < frame.size()) packet(*p, std::min(frame.size() - front, p->size()), 0, to);
    }
}

void decoder::only_in_part(finding f, list& to) const {
    leave_closed(f, icv::unknown, std::string{name_of(io::no_packet::captured_in_part)});
    to.push_back(std::move(f));
}

void decoder::packet(byte_view octets, std::size_t shown, int depth, list& to) {
    ip::overview seen;
    const auto done = ip::read_overview_into(octets, seen);
    const bool is_cut = shown < octets.size();
    // Of a packet that is not judged, a first fragment of a length that none has shows its ports like any other.
    const bool is_odd = !done && is_cut && done.error() == ip::errc::bad_fragment && (octets[0] >> 4) == std::byte{4} &&
                        (wire::load<std::uint16_t>(octets.subspan(6)) & 0x1fffU) == 0;
    if (!done && !is_odd) {
        if (depth == 0 && !is_cut) ++without_packet_[name_of(done.error())];
        return;
    }
    if (shown < seen.upper_offset) return;  // what its headers say was not captured
    const std::size_t length = seen.length;
    upper(seen.flow.protocol, {octets.first(length), std::min(shown, length), seen.upper_offset, seen.flow, depth}, to);
}

/// A fragment. With the last one that was missing the lines are those of the whole packet. What it is of may show in the first
/// one alone: then the others have no line by themselves.
void decoder::piece_of_packet(ip::next_header what, const place& p, list& to) {
    const auto is_port = [](std::uint16_t n) { return n == ip::udp_encap::ike_port || n == ip::udp_encap::port; };
    const bool is_ike = is_port(p.flow.source_port.value_or(0)) || is_port(p.flow.destination_port.value_or(0));
    const bool is_esp = what == ip::next_header::esp;
    const bool has_line = is_esp || what == ip::next_header::ah || is_ike;
    finding f = begin(is_ike ? "IKE-other" : is_esp ? "ESP" : "AH", p);
    if (p.is_cut()) {
        leave_closed(f, icv::unknown, "a fragment");
        if (has_line) to.push_back(std::move(f));
        return;
    }
    const auto size = fragments_->add(p.packet, now_);
    const auto about = place_of_fragment(p.packet);
    if (size && *size != 0) {
        std::vector<std::byte> whole(*size);
        fragments_->take(whole);
        list inside;
        packet(whole, whole.size(), p.depth, inside);
        for (finding& one : inside) {
            one.entry["fragment"] = about;
            one.entry["joined"] = true;
            to.push_back(std::move(one));
        }
        return;
    }
    if (!has_line) return;
    f.entry["fragment"] = about;
    f.entry["icv"] = name_of(icv::none);
    f.note = fmt::format("fragment at octet {} of packet {}", about["offset"].get<unsigned>(), about["id"].get<std::uint32_t>());
    f.is_open = true;  // there is nothing to open in it by itself
    if (!size) leave_closed(f, icv::unknown, fmt::format("{}: {}", f.note, name_of(size.error())));
    to.push_back(std::move(f));
}

void decoder::upper(ip::next_header what, const place& p, list& to) {
    const byte_view rest = p.packet.subspan(p.at);
    const bool is_tunnel = what == ip::next_header::ipv4 || what == ip::next_header::ipv6;
    if (p.depth >= deepest) return;
    if (p.flow.is_fragment() && !(p.is_cut() && p.flow.fragment == ip::fragment::first)) piece_of_packet(what, p, to);
    else if (what == ip::next_header::esp) esp(p, false, to);
    else if (what == ip::next_header::ah) ah(p, to);
    else if (what == ip::next_header::udp) udp(p, to);
    else if (is_tunnel && p.shows(0)) packet(rest, std::min(p.shown - p.at, rest.size()), p.depth + 1, to);
}

void decoder::esp(const place& p, bool in_udp, list& to) {
    const byte_view octets = p.packet.subspan(p.at);
    finding f = begin("ESP", p);
    if (p.is_cut() && !p.shows(esp::header::size)) return only_in_part(std::move(f), to);
    const auto h = esp::header::parse(octets);
    if (!h) {
        leave_closed(f, icv::unknown, "malformed: shorter than its header");
        return to.push_back(std::move(f));
    }
    f.entry["spi"] = spi_text(h->id.value());
    f.entry["seq"] = h->sequence.value();
    if (in_udp) f.entry["udp_encap"] = true;
    if (p.is_cut()) return only_in_part(std::move(f), to);
    if (p.depth >= deepest) {
        leave_closed(f, icv::unknown, "nested too deep");
        return to.push_back(std::move(f));
    }
    opened_esp best{.why_not = "no SA is known for it"};
    std::vector<std::byte> room;
    for (packet_sa* const s : find(sa::protocol::esp, h->id, p.flow.destination, false)) {
        best = s->open(octets, room);
        if (best.verdict == icv::ok || (best.verdict == icv::none && best.why_not.empty())) break;
    }
    if (!best.why_not.empty()) {
        leave_closed(f, best.verdict, best.why_not);
        return to.push_back(std::move(f));
    }
    f.entry["icv"] = name_of(best.verdict);
    const std::size_t pad = std::to_integer<std::size_t>(best.text[best.text.size() - 2]);
    const auto next = static_cast<ip::next_header>(best.text.back());
    f.entry["iv"] = hex(best.iv);
    f.entry["next_header"] = static_cast<unsigned>(next);
    f.entry["pad_length"] = pad;
    if (pad > best.text.size() - 2) {
        leave_closed(f, best.verdict, "malformed: more padding than text");
        return to.push_back(std::move(f));
    }
    const byte_view payload = best.text.first(best.text.size() - 2 - pad);
    f.entry["payload"] = hex(payload);
    f.note = describe(next, payload);
    f.is_open = true;
    // What was hidden stands inside its packet's line.
    list hidden;
    if (next == ip::next_header::ipv4 || next == ip::next_header::ipv6) packet(payload, payload.size(), p.depth + 1, hidden);
    else if (next == ip::next_header::esp) esp({payload, payload.size(), 0, p.flow, p.depth + 1}, false, hidden);
    for (finding& inner : hidden) {
        f.note += fmt::format(" [{}: {}]", inner.entry["kind"].get<std::string>(), inner.note);
        f.entry["inner"].push_back(std::move(inner.entry));
    }
    to.push_back(std::move(f));
}

void decoder::ah(const place& p, list& to) {
    finding f = begin("AH", p);
    if (p.is_cut() && !p.shows(ah::header::size)) return only_in_part(std::move(f), to);
    const byte_view octets = p.packet.subspan(p.at);
    const auto h = ah::header::parse(octets);
    if (!h || h->length() < ah::header::size || h->length() > octets.size()) {
        leave_closed(f, icv::unknown, "malformed: its length field is not that of an AH");
        return to.push_back(std::move(f));
    }
    f.entry["spi"] = spi_text(h->id.value());
    f.entry["next_header"] = static_cast<unsigned>(h->next);
    f.entry["seq"] = h->sequence.value();
    const place behind{p.packet, p.shown, p.at + h->length(), p.flow, p.depth + 1};
    if (p.is_cut()) {
        only_in_part(std::move(f), to);
        if (h->next != ip::next_header::ah && behind.shows(0)) upper(h->next, behind, to);
        return;
    }
    checked_ah best{.why_not = "no SA is known for it"};
    for (packet_sa* const s : find(sa::protocol::ah, h->id, p.flow.destination, false)) {
        best = s->check(p.packet, p.at, *h);
        if (best.verdict == icv::ok) break;
    }
    const byte_view payload = octets.subspan(h->length());
    f.entry["icv"] = name_of(best.verdict);
    f.note = describe(h->next, payload);
    f.is_open = best.verdict == icv::ok;
    if (!f.is_open) {
        f.entry["not_opened"] = best.why_not;
        f.note = best.why_not + "; " + f.note;
    }
    f.entry["payload"] = hex(payload);  // in the clear, whatever the ICV says
    to.push_back(std::move(f));
    if (h->next == ip::next_header::ah) return;  // its ICV covers an IP header that says AH once
    upper(h->next, behind, to);
}

void decoder::udp(const place& p, list& to) {
    const byte_view octets = p.packet.subspan(p.at);
    if (p.is_cut() && !p.shows(4)) return;  // no ports
    const auto h = ip::udp::header::parse(octets);
    const auto has_port = [&](std::uint16_t port) {
        return p.flow.source_port == port || p.flow.destination_port == port ||
               (h && (h->source_port == port || h->destination_port == port));
    };
    const bool natt = has_port(ip::udp_encap::port), ike = has_port(ip::udp_encap::ike_port);
    const bool has_header = p.shows(ip::udp::header::size);
    if (!h || !has_header) {
        if (!natt && !ike) return;
        finding f = begin("IKE-other", p);
        if (p.is_cut()) return only_in_part(std::move(f), to);
        leave_closed(f, icv::unknown, "malformed: the length of its UDP header is wrong");
        return to.push_back(std::move(f));
    }
    const byte_view datagram = octets.first(h->length).subspan(ip::udp::header::size);
    const std::size_t end = p.at + h->length;
    place inside{p.packet.first(end), std::min(p.shown, end), p.at + ip::udp::header::size, p.flow, p.depth};
    const auto spi = esp::header::parse(datagram);
    if (natt) {
        if (inside.is_cut() && !inside.shows(ip::udp_encap::non_esp_marker.size())) {  // ESP or IKE, and not told which
            if (datagram.size() > ip::udp_encap::nat_keepalive.size()) only_in_part(begin("IKE-other", p), to);
            return;
        }
        const auto what = ip::udp_encap::classify(datagram);
        if (what && what->kind == ip::udp_encap::kind::keepalive) return;
        if (what && what->kind == ip::udp_encap::kind::ike) {
            inside.at += what->offset;
            return isakmp(inside, to);
        }
        return esp(inside, true, to);
    }
    if (spi && inside.shows(esp::header::size) && !find(sa::protocol::esp, spi->id, p.flow.destination, true).empty())
        return esp(inside, true, to);
    if (ike && datagram.size() > 1) isakmp(inside, to);
}

}  // namespace ipsec_decode
