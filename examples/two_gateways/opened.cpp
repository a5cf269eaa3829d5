#include "opened.hpp"

#include <algorithm>

#include "../common/wireshark.hpp"
#include "ipsec/ah/open.hpp"
#include "ipsec/esp/open.hpp"
#include "ipsec/ip/flow.hpp"
#include "ipsec/ip/udp.hpp"
#include "ipsec/isakmp/chain.hpp"

namespace two_gateways {

using namespace ipsec;
using wireshark::hex;
using wireshark::spi_text;

void opened_frames::on(const ike::v1::phase_1_secrets& s) {
    if (!full_)
        ike_keys_.insert_or_assign(s.cookies, ike_key{s.suite.encryption, {s.encryption_key.begin(), s.encryption_key.end()}});
}

void opened_frames::on(const ike::message_trace& m) {
    if (full_ || m.direction != ike::direction::out || !m.header.flags.encrypted()) return;
    messages_.push_back({{m.datagram.begin(), m.datagram.end()}, {m.payloads.begin(), m.payloads.end()}});
}

/// Whatever becomes of the SA later, its packets are in the capture; nothing here asks for their order.
void opened_frames::installed(const sa::install& e) {
    if (full_) return;
    const auto put = [&](auto& sas, auto suite) {
        if (!suite) return;
        sa::parameters p = sa::parameters_of(e);
        p.anti_replay = false;
        using type = std::remove_cvref_t<decltype(sas)>::mapped_type;
        if (auto made = type::make(std::move(p), std::move(*suite), e.keymat.view(), random_, instant{}))
            sas.insert_or_assign(place{e.id.spi, e.id.destination}, std::move(*made));
    };
    if (e.id.protocol == sa::protocol::esp)
        put(esp_, crypto::botan::make_esp_suite(e.transform, {.no_integrity = e.bundle.size > 1}));
    else put(ah_, crypto::botan::make_mac(e.transform.integrity));
}

void opened_frames::written(std::uint64_t number, byte_view packet) {
    const auto seen = ip::read_overview(packet);
    if (!seen) return;
    const byte_view whole = packet.first(seen->length);
    if (seen->flow.protocol == ip::next_header::udp)
        return ike(number, whole.subspan(seen->upper_offset + ip::udp::header::size));
    const bool is_ah = seen->flow.protocol == ip::next_header::ah;
    if ((!is_ah && seen->flow.protocol != ip::next_header::esp) || !has_room()) return;
    std::vector<std::byte> copy(whole.begin(), whole.end());  // it is opened in place
    if (is_ah) ah(number, copy, seen->upper_offset, seen->flow.destination);
    else esp(number, byte_span{copy}.subspan(seen->upper_offset), seen->flow.destination);
}

/// The sender told the text of the message. What the key makes of the octets must be the same, but for the first block, which
/// takes the IV as well: and that gives the IV.
void opened_frames::ike(std::uint64_t number, byte_view datagram) {
    const auto h = isakmp::header::parse(datagram);
    if (!h || !h->flags.encrypted() || !has_room()) return;
    json entry{{"frame", number},
               {"kind", "IKEv1 encrypted"},
               {"exchange", static_cast<unsigned>(h->exchange)},
               {"message_id", spi_text(h->id.value())}};
    const auto told = std::ranges::find_if(messages_, [&](const message& m) { return std::ranges::equal(m.datagram, datagram); });
    const auto key = ike_keys_.find(h->cookies());
    if (told == messages_.end() || key == ike_keys_.end()) return add_closed(std::move(entry), "nobody said what is in it");
    const std::vector<std::byte> text = std::move(told->text);
    messages_.erase(told);

    const byte_view sealed = datagram.subspan(isakmp::header::size);
    std::vector<std::byte> plain(sealed.begin(), sealed.end());
    const std::size_t block = crypto::find(key->second.cipher)->block;
    const std::vector<std::byte> zeros(block);
    const auto chain = isakmp::chain::parse(h->next_payload, text, isakmp::rules_decrypted);
    if (!chain || plain.size() != text.size() || plain.size() < block ||
        !crypto_.decrypt(key->second.cipher, key->second.key, zeros, plain) ||
        !std::equal(plain.begin() + static_cast<std::ptrdiff_t>(block), plain.end(),
                    text.begin() + static_cast<std::ptrdiff_t>(block)))
        return add_closed(std::move(entry), "the key does not give what the sender said");
    std::size_t padding = text.size();
    json types = json::array();
    for (const auto& p : *chain) {
        padding -= p.raw.size();
        types.push_back(static_cast<unsigned>(p.type));
    }
    std::vector<std::byte> iv(block);
    for (std::size_t i = 0; i < block; ++i) iv[i] = plain[i] ^ text[i];
    entry["padding_octets"] = padding;
    entry["iv"] = hex(iv);
    entry["first_payload"] = static_cast<unsigned>(h->next_payload);
    entry["payload_types"] = std::move(types);
    entry["plaintext"] = hex(text);
    add(std::move(entry), text);
}

void opened_frames::ah(std::uint64_t number, byte_span packet, std::size_t at, const ip::address& to) {
    const auto h = ah::header::parse(packet.subspan(at));
    if (!h || h->length() < ah::header::size || at + h->length() > packet.size()) return;
    json entry{{"frame", number},
               {"kind", "AH"},
               {"spi", spi_text(h->id.value())},
               {"next_header", static_cast<unsigned>(h->next)},
               {"seq", h->sequence.value()}};
    const auto it = ah_.find({h->id, to});
    if (it == ah_.end()) return add_closed(std::move(entry), "no SA is known for it");
    const ah::icv_job job{.packet = packet,
                          .ah_at = static_cast<std::uint32_t>(at),
                          .ah_size = static_cast<std::uint32_t>(h->length()),
                          .sequence = sa::sequence64{h->sequence.value()}};
    if (const auto ok = ah::compute(it->second, job); !ok) return add_closed(std::move(entry), "its ICV does not hold");
    const byte_span payload = packet.subspan(at + h->length());
    entry["payload"] = hex(payload);
    add(std::move(entry), payload);
    if (h->next == ip::next_header::esp) esp(number, payload, to);
}

void opened_frames::esp(std::uint64_t number, byte_span packet, const ip::address& to) {
    const auto h = esp::header::parse(packet);
    if (!h) return;
    json entry{{"frame", number}, {"kind", "ESP"}, {"spi", spi_text(h->id.value())}, {"seq", h->sequence.value()}};
    const auto it = esp_.find({h->id, to});
    if (it == esp_.end()) return add_closed(std::move(entry), "no SA is known for it");
    auto& s = it->second;
    const std::size_t before = esp::header::size + s.suite().iv_size();
    if (packet.size() < before + esp::trailer_size + s.suite().icv_size() ||
        !s.suite().open(s.keys(), s.scratch(), crypto::open_job{.packet = packet, .sequence = h->sequence.value()}))
        return add_closed(std::move(entry), "its ICV does not hold");
    const byte_view text = packet.subspan(before, packet.size() - before - s.suite().icv_size());
    const auto end = esp::parse_trailer(text);
    if (!end) return add_closed(std::move(entry), "its padding is wrong");
    entry["iv"] = hex(packet.subspan(esp::header::size, s.suite().iv_size()));
    entry["next_header"] = static_cast<unsigned>(end->next);
    entry["pad_length"] = text.size() - esp::trailer_size - end->text;
    entry["payload"] = hex(text.first(end->text));
    add(std::move(entry), text);
}

void opened_frames::add(json entry, byte_view text) {
    list_.push_back(std::move(entry));
    octets_ += text.size();
    ++verified_;
}
void opened_frames::add_closed(json entry, const char* why) {
    entry["not_opened"] = why;
    list_.push_back(std::move(entry));
}

auto opened_frames::has_room() -> bool {
    if (!full_ && frames_ < max_frames && octets_ < max_octets) {
        ++frames_;
        return true;
    }
    ++left_out_;
    if (!std::exchange(full_, true)) {
        ike_keys_.clear();
        messages_.clear();
        esp_.clear();
        ah_.clear();
    }
    return false;
}

}  // namespace two_gateways
