#pragma once
// Finds ESP, AH and ISAKMP in the frames of a capture and says of each what the keys give.
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ike_v1.hpp"
#include "ipsec/ike/v1/fragmentation.hpp"
#include "ipsec/io/pcap.hpp"
#include "ipsec/ip/flow.hpp"
#include "ipsec/ip/reassembly.hpp"
#include "keyring.hpp"
#include "packet_sa.hpp"

namespace ipsec_decode {

/// One ESP, AH or ISAKMP packet.
struct finding {
    nlohmann::ordered_json entry;  ///< as a line of --json has it
    std::string note;              ///< what is inside, for people
    bool is_open = false;          ///< or has nothing to open
};

/// Says that the packet was not opened, and why.
void leave_closed(finding& f, icv verdict, const std::string& why);

class decoder {
public:
    /// Keeps a reference: private keys change with each use. @param link  how the frames begin
    decoder(keyring& keys, io::link_type link);

    /// What is in one frame: several findings where ESP stands behind AH, or a visible tunnel holds more.
    [[nodiscard]] auto frame(const io::captured& c) -> std::vector<finding>;
    /// Frames that hold no whole IP packet, by reason.
    [[nodiscard]] auto without_packet() const -> const std::map<std::string_view, std::uint64_t>& { return without_packet_; }

private:
    static constexpr int deepest = 8;
    struct place {
        byte_view packet;       ///< from its IP header on, link padding cut off; zeros where it was not captured
        std::size_t shown = 0;  ///< octets of it that were captured
        std::size_t at = 0;
        ip::flow flow;
        int depth = 0;
        [[nodiscard]] auto is_cut() const -> bool { return shown < packet.size(); }
        /// Whether so many octets from `at` on were captured.
        [[nodiscard]] auto shows(std::size_t octets) const -> bool { return at + octets <= shown; }
    };
    struct message_in_pieces {
        ip::address from;
        isakmp::cookie_pair cookies;
        std::uint16_t id = 0;
        friend auto operator<=>(const message_in_pieces&, const message_in_pieces&) = default;
    };
    static constexpr std::size_t most_in_pieces = 256;  ///< messages that wait for pieces; the oldest goes
    using list = std::vector<finding>;

    void packet(byte_view octets, std::size_t shown, int depth, list& to);
    void cut_packet(byte_view frame, list& to);
    void only_in_part(finding f, list& to) const;
    void upper(ip::next_header what, const place& p, list& to);
    void piece_of_packet(ip::next_header what, const place& p, list& to);
    void esp(const place& p, bool in_udp, list& to);
    void ah(const place& p, list& to);
    void udp(const place& p, list& to);
    void isakmp(const place& p, list& to);
    void ike_v1(const isakmp::header& h, byte_view datagram, const ip::address& from, finding& f);
    void ike_piece(const isakmp::header& h, const isakmp::fragment& piece, const ip::address& from, finding& f);
    [[nodiscard]] auto join(const message_in_pieces& of, const isakmp::fragment& piece)
        -> ike::result<std::optional<ike::v1::octets>>;
    [[nodiscard]] auto find(sa::protocol protocol, sa::spi spi, const ip::address& to, bool in_udp) -> std::vector<packet_sa*>;
    [[nodiscard]] auto begin(const char* kind, const place& p) const -> finding;

    struct known_sa {
        std::optional<ip::address> destination;
        bool in_udp = false;
        packet_sa sa;
    };
    std::multimap<std::pair<sa::protocol, sa::spi>, known_sa> sas_;
    ike_v1_observer ike_;
    /// Pieces of IKEv1 messages. A table holds one message of each pair of cookies: a sender who mixes several has one for each.
    std::map<message_in_pieces, ike::v1::fragment_table> pieces_;
    std::unique_ptr<ip::reassembly<>> fragments_ = std::make_unique<ip::reassembly<>>();  ///< of IP packets
    std::map<std::string_view, std::uint64_t> without_packet_;
    std::uint64_t number_ = 0;
    instant now_{};  ///< of the frame that is looked at
    io::link_type link_;
};

}  // namespace ipsec_decode
