#pragma once
// The library's transforms and their slow twins over the same packets: what differs is said in words.
#include <string>
#include <utility>

#include "ipsec/ah/open.hpp"
#include "ipsec/ah/seal.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/esp/open.hpp"
#include "ipsec/esp/seal.hpp"
#include "ipsec/testing/packet_buffer.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "twin/slow_twin.hpp"

namespace ipsec::twin {

/// What the library says of a packet, in the words of the twin; nothing for what no packet can cause here.
inline auto in_words_of_the_twin(esp::errc e) -> std::optional<fault> {
    using enum esp::errc;
    switch (e) {
        case truncated: return fault::too_short;
        case not_ip:
        case unsupported_header: return fault::header;
        case not_esp: return fault::other_protocol;
        case esp::errc::fragment: return fault::fragment;
        case reserved_spi:
        case wrong_sa: return fault::spi;
        case bad_length: return fault::length;
        case left_of_window: return fault::old;
        case replayed: return fault::seen_before;
        case zero_sequence: return fault::zero;
        case esp::errc::before_first: return fault::before_first;
        case unauthentic: return fault::icv;
        case bad_padding: return fault::padding;
        case bad_pad_length: return fault::pad_length;
        case esp::errc::dummy: return fault::dummy;
        case bad_inner_packet: return fault::inner;
        case ecn_drop: return fault::ecn;
        default: return std::nullopt;
    }
}
inline auto in_words_of_the_twin(ah::errc e) -> std::optional<fault> {
    using enum ah::errc;
    switch (e) {
        case truncated: return fault::too_short;
        case not_ip: return fault::header;
        case not_ah: return fault::other_protocol;
        case ah::errc::fragment: return fault::fragment;
        case reserved_spi:
        case wrong_sa: return fault::spi;
        case bad_payload_length: return fault::length;
        case left_of_window: return fault::old;
        case replayed: return fault::seen_before;
        case zero_sequence: return fault::zero;
        case ah::errc::before_first: return fault::before_first;
        case unauthentic: return fault::icv;
        case bad_inner_packet: return fault::inner;
        case ecn_drop: return fault::ecn;
        default: return std::nullopt;
    }
}

/// Both ends of one SA, made fast and slow from the same keying material.
class ends {
public:
    /// @param before  the number before the first one
    ends(const sa::parameters& p, const cipher_row* cipher, const mac_row* integrity, const octets& keymat, std::uint64_t before)
        : sender{make(p, cipher, integrity, keymat)}, receiver{sender}, before_{before} {
        testing::seeded_rng random{before + keymat.size()};
        sender.sent = receiver.top = receiver.begin = before;
        if (p.id.protocol == sa::protocol::ah) {
            ah_out_.emplace(*sa::outbound<mac_type>::make(p, *crypto::botan::make_mac(integrity->id), keymat, random, instant{}));
            ah_out_->resume_at(sa::sequence64{before});
        } else {
            esp_out_.emplace(*sa::outbound<suite_type>::make(p, suite(), keymat, random, instant{}));
            esp_out_->resume_at(sa::sequence64{before});
        }
        keymat_ = keymat;
        restart();
    }

    /// Both receivers as they were at the beginning.
    void restart() {
        testing::seeded_rng random{1};
        receiver.top = before_;
        receiver.accepted.clear();
        if (receiver.cipher == nullptr) {
            auto mac = *crypto::botan::make_mac(receiver.mac->id);
            ah_in_.emplace(*sa::inbound<mac_type>::make(receiver.p, std::move(mac), keymat_, random, instant{}));
            if (before_ != 0) ah_in_->resume_at(sa::sequence64{before_});
        } else {
            esp_in_.emplace(*sa::inbound<suite_type>::make(receiver.p, suite(), keymat_, random, instant{}));
            if (before_ != 0) esp_in_->resume_at(sa::sequence64{before_});
        }
    }

    /// Seals a packet both ways. @return what differs; nothing when nothing does. `sealed` is empty when both refuse
    auto seal(const octets& packet, octets& sealed, const esp::shape& shape = {}) -> std::string {
        testing::packet_buffer fast{packet, 192, 1024};
        sealed.clear();
        const bool is_ah = ah_out_.has_value();
        const bool done = is_ah ? ah::seal(*ah_out_, fast, instant{}).has_value()
                                : esp::seal(*esp_out_, fast, instant{}, shape).has_value();
        const octets result(fast.octets().begin(), fast.octets().end());
        std::optional<octets> slow;
        if (is_ah) {
            slow = ah_seal(sender, packet);
        } else {
            slow = esp_seal(sender, packet, done ? iv_in(result) : octets(sender.cipher->iv),
                            {.tfc_padding = shape.tfc_padding, .extra_padding = shape.extra_padding});
        }
        if (done != slow.has_value()) return done ? "the twin refuses to seal" : "the library refuses to seal";
        if (!done) return result == packet ? "" : "a refused packet was changed";
        if (result != *slow) return "sealed otherwise";
        sealed = result;
        return {};
    }
    /// Opens a packet both ways. @return what differs. `verdict` and `opened` are of both then
    auto open(const octets& packet, std::optional<fault>& verdict, octets& opened) -> std::string {
        testing::packet_buffer fast{packet, 0, 0};
        std::optional<fault> said;
        bool has_words = true;
        const auto take = [&](const auto& result) {
            if (result) return;
            said = in_words_of_the_twin(result.error());
            has_words = said.has_value();
        };
        const bool is_ah = ah_in_.has_value();
        if (is_ah) take(ah::open(*ah_in_, fast, instant{}));
        else take(esp::open(*esp_in_, fast, instant{}));
        opened.clear();
        verdict = is_ah ? ah_open(receiver, packet, opened) : esp_open(receiver, packet, opened);
        if (!has_words) return "the library says what no packet can cause";
        if (said != verdict)
            return "verdicts differ: fast " + std::to_string(said ? static_cast<int>(*said) : 0) + ", slow " +
                   std::to_string(verdict ? static_cast<int>(*verdict) : 0);
        if (!verdict && opened != octets(fast.octets().begin(), fast.octets().end())) return "opened otherwise";
        const auto top = is_ah ? ah_in_->window().top() : esp_in_->window().top();
        if (top.value() != receiver.top) return "windows differ";
        return {};
    }

    association sender, receiver;

private:
    using suite_type = crypto::botan::gateway_suite;
    using mac_type = crypto::botan::any_mac;
    [[nodiscard]] auto suite() const -> suite_type {
        const auto integrity = receiver.mac != nullptr ? receiver.mac->id : crypto::integrity_id::none;
        return *crypto::botan::make_esp_suite({receiver.cipher->id, receiver.cipher->bits, integrity}, {.no_integrity = true});
    }
    [[nodiscard]] auto iv_in(const octets& sealed) const -> octets {
        places at;
        const auto none = read(sealed, at);
        return none ? octets{} : part(sealed, at.end + 8, sender.cipher->iv);
    }

    std::uint64_t before_;
    octets keymat_;
    std::optional<sa::outbound<suite_type>> esp_out_;
    std::optional<sa::inbound<suite_type>> esp_in_;
    std::optional<sa::outbound<mac_type>> ah_out_;
    std::optional<sa::inbound<mac_type>> ah_in_;
};

/// Every pair of algorithms that ESP may have, by the rows of the twin; AH: every MAC.
struct pair_of_rows {
    const cipher_row* cipher;
    const mac_row* mac;
};
inline auto esp_pairs() -> std::vector<pair_of_rows> {
    std::vector<pair_of_rows> all;
    for (const auto& c : ciphers) {
        const bool authenticates = c.how == way::combined || c.how == way::authenticate;
        // Of the others: encryption alone, which a counter mode never is (RFC 3686 §3.3).
        if (c.how != way::nothing && c.how != way::counter) all.push_back({&c, nullptr});
        if (!authenticates)
            for (const auto& m : macs) all.push_back({&c, &m});
    }
    return all;
}
inline auto keymat_size(const pair_of_rows& r) -> std::size_t {
    return (r.cipher != nullptr ? r.cipher->key + r.cipher->salt : 0) + (r.mac != nullptr ? r.mac->key : 0);
}

/// Whether AH of the twin knows such a packet: no IPv4 options, no IPv6 extension headers on either side of AH. Others are not
/// compared: what AH makes of mutable options and headers is proven by tests/ah alone.
inline auto has_plain_headers(const octets& packet) -> bool {
    if (packet.size() < 40) return true;
    if (!is_v6(packet)) return (value_of(packet, 0, 1) & 15) <= 5;
    const auto is_extension = [](std::uint64_t type) { return type == 0 || type == 43 || type == 44 || type == 60; };
    const auto next = value_of(packet, 6, 1);
    return !is_extension(next) && !(next == 51 && packet.size() > 40 && is_extension(value_of(packet, 40, 1)));
}

}  // namespace ipsec::twin
