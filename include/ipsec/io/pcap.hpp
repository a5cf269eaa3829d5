#pragma once
/// Captures in and out through libpcap, one packet at a time and in constant memory. CMake target `ipsecpp::pcap`.
#include <pcap/pcap.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "ipsec/core/instant.hpp"
#include "ipsec/io/errc.hpp"
#include "ipsec/io/frame.hpp"

namespace ipsec::io {

/// A code to branch on and a sentence to print.
struct pcap_error {
    errc code = errc::cannot_open;
    std::string text;
};
template <class T> using pcap_result = std::expected<T, pcap_error>;

/// One frame of a capture. The views live until the next call of `next()`.
struct captured {
    std::uint64_t number = 0;                        ///< counts from 1, as other tools show it
    instant time;                                    ///< nanoseconds since 1970
    byte_view frame;                                 ///< from the link header on, as far as it was captured
    std::expected<byte_view, no_packet> packet{};    ///< the IP packet in it, or why there is none
};

/// Reads pcap and pcapng as libpcap does.
class pcap_reader {
public:
    /// @param name  a file, or `-` for the standard input
    /// @return      `cannot_open`, `foreign` when libpcap knows no such format, `unsupported_link`
    [[nodiscard]] static auto open(const std::string& name) -> pcap_result<pcap_reader>;

    /// The next frame; nothing at the end. @return `damaged` when the file breaks off within a record or does not parse
    [[nodiscard]] auto next() -> pcap_result<std::optional<captured>>;

    [[nodiscard]] auto link() const noexcept -> link_type { return link_; }
    [[nodiscard]] auto frames() const noexcept -> std::uint64_t { return number_; }
    /// Place in the file in octets, for a progress display; nothing where the input cannot tell (a pipe).
    [[nodiscard]] auto offset() const noexcept -> std::optional<std::uint64_t>;

private:
    struct closer {
        void operator()(pcap_t* p) const noexcept { pcap_close(p); }
    };
    std::unique_ptr<pcap_t, closer> handle_;
    std::string name_;
    link_type link_ = link_type::ethernet;
    std::uint64_t number_ = 0;
};

/// Writes IP packets into a pcap file with nanosecond timestamps.
class pcap_writer {
public:
    /// @param link  `raw_ip`, or `ethernet` with locally administered addresses; anything else is `unsupported_link`
    [[nodiscard]] static auto open(const std::string& name, link_type link = link_type::raw_ip) -> pcap_result<pcap_writer>;

    /// @return `cannot_write`; octets may still be on their way to the disk until `close`
    [[nodiscard]] auto write(instant time, byte_view ip_packet) -> pcap_result<void>;
    /// Puts everything on the disk. @return `cannot_write` when any of it failed. A writer that is destroyed closes silently.
    [[nodiscard]] auto close() -> pcap_result<void>;
    [[nodiscard]] auto written() const noexcept -> std::uint64_t { return written_; }

private:
    struct closer {
        void operator()(pcap_dumper_t* d) const noexcept { pcap_dump_close(d); }
    };
    static constexpr std::size_t ethernet_header = 14, longest = 65535 + 40;
    [[nodiscard]] auto fault(const char* doing) const -> std::unexpected<pcap_error> {
        return std::unexpected{pcap_error{errc::cannot_write, name_ + ": " + doing + ": " + std::strerror(errno)}};
    }
    std::unique_ptr<pcap_dumper_t, closer> dump_;
    std::unique_ptr<std::array<std::byte, ethernet_header + longest>> frame_;
    std::string name_;
    link_type link_ = link_type::raw_ip;
    std::uint64_t written_ = 0;
};

namespace detail {

/// @return the link type for libpcap's number (which differs by system for raw IP), or nothing
[[nodiscard]] inline auto link_type_of(int dlt) noexcept -> std::optional<link_type> {
    switch (dlt) {
        case 1: return link_type::ethernet;                             // DLT_EN10MB
        case 12:
        case 14:
        case 101:
        case 228:
        case 229: return link_type::raw_ip;  // DLT_RAW here and elsewhere, DLT_IPV4, DLT_IPV6
        case 113: return link_type::linux_cooked;                       // DLT_LINUX_SLL
        case 276: return link_type::linux_cooked_v2;                    // DLT_LINUX_SLL2
        case 0: case 108: return link_type::bsd_loopback;               // DLT_NULL, DLT_LOOP
        default: return std::nullopt;
    }
}

}  // namespace detail

inline auto pcap_reader::open(const std::string& name) -> pcap_result<pcap_reader> {
    const bool piped = name == "-";
    const std::string shown = piped ? "standard input" : name;
    errno = 0;
    std::FILE* file = piped ? stdin : std::fopen(name.c_str(), "rb");
    if (file == nullptr) return std::unexpected{pcap_error{errc::cannot_open, shown + ": " + std::strerror(errno)}};
    std::array<char, PCAP_ERRBUF_SIZE> why{};
    pcap_reader r;
    r.handle_.reset(pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, why.data()));
    if (!r.handle_) {
        if (!piped) std::fclose(file);
        // A directory opens like a file and fails on the first read.
        const errc code = errno == EISDIR ? errc::cannot_open : errc::foreign;
        return std::unexpected{pcap_error{code, shown + ": " + why.data()}};
    }
    const int dlt = pcap_datalink(r.handle_.get());
    const auto link = detail::link_type_of(dlt);
    if (!link) {
        const char* known = pcap_datalink_val_to_description(dlt);
        return std::unexpected{pcap_error{errc::unsupported_link, shown + ": link type " + std::to_string(dlt) + " (" +
                                                                      (known != nullptr ? known : "unknown") + ")"}};
    }
    r.name_ = shown;
    r.link_ = *link;
    return r;
}

inline auto pcap_reader::next() -> pcap_result<std::optional<captured>> {
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    const int got = pcap_next_ex(handle_.get(), &header, &data);
    if (got == PCAP_ERROR_BREAK) return std::optional<captured>{};
    if (got != 1)
        return std::unexpected{
            pcap_error{errc::damaged, name_ + ": after frame " + std::to_string(number_) + ": " + pcap_geterr(handle_.get())}};
    captured c;
    c.number = ++number_;
    // The precision asked for is nanoseconds: then that is what tv_usec holds.
    c.time =
        instant{static_cast<std::int64_t>(header->ts.tv_sec) * 1'000'000'000 + static_cast<std::int64_t>(header->ts.tv_usec)};
    c.frame = std::as_bytes(std::span{data, header->caplen});
    c.packet = ip_packet_in(link_, c.frame, header->len);
    return std::optional{c};
}

inline auto pcap_reader::offset() const noexcept -> std::optional<std::uint64_t> {
    std::FILE* f = pcap_file(handle_.get());
    const long at = f != nullptr ? std::ftell(f) : -1;
    if (at < 0) return std::nullopt;
    return static_cast<std::uint64_t>(at);
}

inline auto pcap_writer::open(const std::string& name, link_type link) -> pcap_result<pcap_writer> {
    if (link != link_type::raw_ip && link != link_type::ethernet)
        return std::unexpected{pcap_error{errc::unsupported_link, name + ": this link type is only read"}};
    struct dead_closer {
        void operator()(pcap_t* p) const noexcept { pcap_close(p); }
    };
    const std::unique_ptr<pcap_t, dead_closer> shape{
        pcap_open_dead_with_tstamp_precision(link == link_type::ethernet ? DLT_EN10MB : DLT_RAW,
                                             static_cast<int>(ethernet_header + longest), PCAP_TSTAMP_PRECISION_NANO)};
    if (!shape) return std::unexpected{pcap_error{errc::cannot_write, name + ": out of memory"}};
    std::FILE* file = std::fopen(name.c_str(), "wb");
    if (file == nullptr) return std::unexpected{pcap_error{errc::cannot_open, name + ": " + std::strerror(errno)}};
    pcap_writer w;
    w.dump_.reset(pcap_dump_fopen(shape.get(), file));
    if (!w.dump_) {
        std::fclose(file);
        return std::unexpected{pcap_error{errc::cannot_write, name + ": " + pcap_geterr(shape.get())}};
    }
    if (link == link_type::ethernet) w.frame_ = std::make_unique<std::array<std::byte, ethernet_header + longest>>();
    w.name_ = name;
    w.link_ = link;
    return w;
}

inline auto pcap_writer::write(instant time, byte_view ip_packet) -> pcap_result<void> {
    if (!dump_) return std::unexpected{pcap_error{errc::cannot_write, name_ + ": already closed"}};
    if (ip_packet.empty() || ip_packet.size() > longest)
        return std::unexpected{
            pcap_error{errc::cannot_write, name_ + ": no IP packet is of " + std::to_string(ip_packet.size()) + " octets"}};
    byte_view out = ip_packet;
    if (frame_) {
        constexpr std::array<std::byte, 12> addresses{0x02_b, 0_b, 0_b, 0_b, 0_b, 0x02_b, 0x02_b, 0_b, 0_b, 0_b, 0_b, 0x01_b};
        const bool v6 = std::to_integer<unsigned>(ip_packet[0]) >> 4 == 6;
        const byte_span frame{*frame_};
        copy_octets(addresses, frame);
        wire::store(frame.subspan(12), v6 ? detail::ethertype_ipv6 : detail::ethertype_ipv4);
        copy_octets(ip_packet, frame.subspan(ethernet_header));
        out = frame.first(ethernet_header + ip_packet.size());
    }
    pcap_pkthdr header{};
    header.ts.tv_sec = static_cast<decltype(header.ts.tv_sec)>(time.nanoseconds() / 1'000'000'000);
    header.ts.tv_usec = static_cast<decltype(header.ts.tv_usec)>(time.nanoseconds() % 1'000'000'000);
    header.caplen = header.len = static_cast<bpf_u_int32>(out.size());
    errno = 0;
    pcap_dump(reinterpret_cast<u_char*>(dump_.get()), &header, reinterpret_cast<const u_char*>(out.data()));
    if (std::ferror(pcap_dump_file(dump_.get())) != 0) return fault("writing");
    ++written_;
    return {};
}

inline auto pcap_writer::close() -> pcap_result<void> {
    if (!dump_) return {};
    errno = 0;
    const bool bad = pcap_dump_flush(dump_.get()) != 0 || std::ferror(pcap_dump_file(dump_.get())) != 0;
    const auto error = bad ? pcap_result<void>{fault("writing")} : pcap_result<void>{};
    dump_.reset();
    return error;
}

}  // namespace ipsec::io
