#pragma once
// What is inside of the first frames of protected.pcap, for keys.json: what a decoder that has the keys should find there.
#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/ike/audit.hpp"
#include "ipsec/ike/v1/events.hpp"
#include "ipsec/sa/events.hpp"
#include "ipsec/sa/inbound.hpp"

namespace two_gateways {

/// Opens frames as they are written, by the keys alone: what does not open is listed without its text. Its memory does not grow
/// with the capture: after `max_frames` frames, or `max_octets` of text, it only counts.
class opened_frames {
public:
    static constexpr std::size_t max_frames = 2000, max_octets = 1U << 20;

    void on(const ipsec::ike::v1::phase_1_secrets& s);
    /// A message goes out: what is encrypted in it stands in the frame that follows.
    void on(const ipsec::ike::message_trace& m);
    /// An SA was installed, before its first packet leaves.
    void installed(const ipsec::sa::install& sa);
    /// A frame was written. @param number  its place in the capture, from 1
    void written(std::uint64_t number, ipsec::byte_view packet);

    /// The frames that have something to open, in their order: objects with `frame`, `kind` and so on.
    [[nodiscard]] auto list() const -> const nlohmann::ordered_json& { return list_; }
    /// Those of the list whose text is what the keys give.
    [[nodiscard]] auto verified() const -> std::uint64_t { return verified_; }
    /// Frames that had something to open when the list was full.
    [[nodiscard]] auto left_out() const -> std::uint64_t { return left_out_; }

private:
    using json = nlohmann::ordered_json;
    using esp_sa = ipsec::sa::inbound<ipsec::crypto::botan::gateway_suite>;
    using ah_sa = ipsec::sa::inbound<ipsec::crypto::botan::any_mac>;
    using place = std::pair<ipsec::sa::spi, ipsec::ip::address>;  // SPI and destination
    struct ike_key {
        ipsec::crypto::encryption_id cipher;
        std::vector<std::byte> key;
    };
    struct message {
        std::vector<std::byte> datagram, text;
    };

    void ike(std::uint64_t number, ipsec::byte_view datagram);
    void ah(std::uint64_t number, ipsec::byte_span packet, std::size_t at, const ipsec::ip::address& to);
    void esp(std::uint64_t number, ipsec::byte_span packet, const ipsec::ip::address& to);
    void add(json entry, ipsec::byte_view text);
    void add_closed(json entry, const char* why);
    /// Whether there is room for what a frame holds; else it is counted.
    [[nodiscard]] auto has_room() -> bool;

    std::map<ipsec::isakmp::cookie_pair, ike_key> ike_keys_;
    std::deque<message> messages_;  // on their way into the capture
    std::map<place, esp_sa> esp_;
    std::map<place, ah_sa> ah_;
    ipsec::crypto::botan::random random_;
    ipsec::crypto::botan::provider crypto_{random_};
    json list_ = json::array();
    std::size_t frames_ = 0, octets_ = 0;
    std::uint64_t verified_ = 0, left_out_ = 0;
    bool full_ = false;
};

}  // namespace two_gateways
