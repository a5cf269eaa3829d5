#pragma once
/// Writes states and policies as commands for `ip -batch`, or as the kernel lists them.
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

#include "ipsec/ip/text.hpp"
#include "ipsec/xfrm/algorithms.hpp"
#include "ipsec/xfrm/detail/protocol_names.hpp"
#include "ipsec/xfrm/errc.hpp"
#include "ipsec/xfrm/parse.hpp"

namespace ipsec::xfrm {

/// Both say the same but for what one has no words for: a command the marks within a window, a listing limits and `extra-flag`;
/// neither has words for what was used of the limits.
enum class form : std::uint8_t { batch = 1, listing };

namespace detail {

class text_maker {
public:
    text_maker(std::span<char> out, form f) noexcept : out_{out}, listing_{f == form::listing} {}

    void put(const state& s) noexcept {
        if (!listing_) out_.put("xfrm state add ");
        out_.put("src ");
        ip::detail::put(out_, s.source);
        out_.put(" dst ");
        ip::detail::put(out_, s.id.destination);
        out_.put(listing_ ? "\n\tproto " : " proto ").put(s.id.protocol == sa::protocol::ah ? "ah" : "esp");
        out_.put(" spi 0x").hexadecimal(s.id.spi.value(), 8).put(" reqid ").decimal(s.reqid);
        put_mode(s.mode);
        put_window(s);
        put_algorithms(s);
        if (s.encapsulation) put_encapsulation(s);
        if (listing_) put_context(s);
        if (s.tfcpad != 0) out_.put(listing_ ? "\n\ttfcpad " : " tfcpad ").decimal(s.tfcpad);
        if (s.direction) out_.put(listing_ ? "\n\tdir " : " dir ").put(name_of(*s.direction));
        put_selectors(s);
        if (!listing_) {
            put_limits("soft", s.soft);
            put_limits("hard", s.hard);
        }
        out_.put('\n');
    }
    void put(const policy_rule& p) noexcept {
        if (!listing_) out_.put("xfrm policy add dir ").put(name_of(p.direction)).put(' ');
        if (!p.selectors.source.family()) inexpressible_ = true;
        put(p.selectors, p.written);
        if (listing_) out_.put(" \n\tdir ").put(name_of(p.direction));
        if (!p.allow) out_.put(" action block");
        if (listing_ || p.priority != 0) out_.put(" priority ").decimal(p.priority);
        if (listing_) out_.put(" ptype main ");
        auto family = p.selectors.source.family().value_or(ip::family::v4);
        for (const auto& t : p.templates) put(t, family);
        out_.put('\n');
    }
    /// @return the text; `errc::no_room`, `errc::inexpressible`
    [[nodiscard]] auto finish() const noexcept -> std::expected<std::string_view, errc> {
        if (inexpressible_) return std::unexpected{errc::inexpressible};
        const auto text = out_.finish();
        if (!text) return std::unexpected{errc::no_room};
        return *text;
    }

private:
    void put_mode(sa::mode m) noexcept { out_.put(m == sa::mode::tunnel ? " mode tunnel" : " mode transport"); }
    void put_number(std::string_view name, std::uint64_t v) noexcept {
        if (v != 0) out_.put(' ').put(name).put(' ').decimal(v);
    }
    void put_window(const state& s) noexcept {
        const bool shown_below = listing_ && has_wide_window(s);
        out_.put(listing_ ? "\n\treplay-window " : " replay-window ").decimal(shown_below ? 0 : s.replay_window);
        if (listing_) out_.put(' ');
        if (!listing_) {
            put_number("replay-seq", s.received & 0xffffffffU);
            put_number("replay-seq-hi", s.received >> 32);
            put_number("replay-oseq", s.sent & 0xffffffffU);
            put_number("replay-oseq-hi", s.sent >> 32);
        }
        bool first = true;
        const auto flag = [&](bool is_set, std::string_view name) {
            if (is_set) out_.put(!first ? " " : listing_ ? "flag " : " flag ").put(name);
            first = first && !is_set;
        };
        flag(s.flags.noecn, "noecn");
        flag(s.flags.nopmtudisc, "nopmtudisc");
        flag(s.flags.af_unspec, "af-unspec");
        flag(s.flags.align4, "align4");
        flag(s.flags.esn, "esn");
        if (!listing_ && s.flags.dont_encap_dscp) out_.put(" extra-flag dont-encap-dscp");
    }
    void put_algorithms(const state& s) noexcept {
        const auto id = s.transform.encryption;
        const bool combined = crypto::is_combined(id), is_ah = s.id.protocol == sa::protocol::ah;
        const std::size_t mac_size = crypto::is_known(s.transform.integrity) ? crypto::info_of(s.transform.integrity).key : 0U;
        const bool no_mac = s.transform.integrity == crypto::integrity_id::none;
        const bool mac_said = no_mac ? !is_ah : !kernel_name(s.transform.integrity).empty();
        if (kernel_name(id).empty() || !mac_said || s.keymat.size() < mac_size) {
            inexpressible_ = true;
            return;
        }
        const byte_view cipher_key = s.keymat.view().first(s.keymat.size() - mac_size);
        if (mac_size != 0) {
            put_algorithm("auth-trunc", kernel_name(s.transform.integrity), s.keymat.view().subspan(cipher_key.size()));
            out_.put(' ').decimal(icv_bits(s.transform.integrity));
        }
        if (is_ah) return;
        put_algorithm(combined ? "aead" : "enc", kernel_name(id), cipher_key);
        if (combined) out_.put(' ').decimal(icv_bits(id));
    }
    void put_algorithm(std::string_view kind, std::string_view name, byte_view key) noexcept {
        out_.put(listing_ ? "\n\t" : " ").put(kind).put(listing_ ? " " : " '").put(name).put(listing_ ? " " : "' ");
        if (key.empty() && !listing_) out_.put("\"\"");
        if (!key.empty()) out_.put("0x");
        for (const auto b : key) out_.hexadecimal(std::to_integer<unsigned>(b), 2);
    }
    void put_encapsulation(const state& s) noexcept {
        out_.put(listing_ ? "\n\tencap type espinudp sport " : " encap espinudp ").decimal(s.encapsulation.local);
        out_.put(listing_ ? " dport " : " ").decimal(s.encapsulation.remote).put(listing_ ? " addr " : " ");
        ip::detail::put(out_, s.original);
    }
    void put_context(const state& s) noexcept {
        const auto item = [&](std::string_view name, std::uint64_t v) { out_.put(name).put(" 0x").hexadecimal(v & 0xffffffffU); };
        if (!has_wide_window(s)) {
            item("\n\tanti-replay context: seq", s.received);
            item(", oseq", s.sent);
            out_.put(", bitmap 0x").hexadecimal(s.bitmap.empty() ? 0 : s.bitmap[0], 8);
            return;
        }
        const std::size_t words = (s.replay_window + 31U) / 32U;
        if (words > state::max_bitmap) inexpressible_ = true;
        item("\n\tanti-replay esn context:\n\t seq-hi", s.received >> 32);
        item(", seq", s.received);
        item(", oseq-hi", s.sent >> 32);
        item(", oseq", s.sent);
        out_.put("\n\t replay_window ").decimal(s.replay_window).put(", bitmap-length ").decimal(words);
        for (std::size_t i = 0; i < words && i < state::max_bitmap; ++i)  // eight on a line
            out_.put(i % 8 == 0 ? "\n\t " : "").hexadecimal(i < s.bitmap.size() ? s.bitmap[i] : 0, 8).put(' ');
    }
    void put_selectors(const state& s) noexcept {
        const bool is_default = s.selectors == default_selectors(s.id, s.flags);
        if (is_default && (!listing_ || s.flags.af_unspec)) return;
        out_.put(listing_ ? "\n\tsel " : " sel ");
        put(s.selectors);
        if (listing_) out_.put(' ');
    }
    void put_limits(std::string_view kind, const state_limits& l) noexcept {
        const auto limit = [&](std::string_view of, std::uint64_t v) {
            if (v != 0) out_.put(" limit ").put(of).put(kind).put(' ').decimal(v);
        };
        limit("time-", l.seconds);
        limit("byte-", l.octets);
        limit("packet-", l.packets);
    }
    /// @param family  of the packet by then: before the template, and after it
    void put(const policy_template& t, ip::family& family) noexcept {
        family = t.source ? t.source->family() : t.destination ? t.destination->family() : t.family.value_or(family);
        out_.put(listing_ ? "\n\ttmpl" : " tmpl");
        const auto end = [&](std::string_view name, const std::optional<ip::address>& a) {
            if (a || listing_) ip::detail::put(out_.put(name), a.value_or(ip::address::lowest(family)));
        };
        if (t.family && !listing_) ip::detail::put(out_.put(" src "), ip::address::lowest(family));
        end(" src ", t.source);
        end(" dst ", t.destination);
        out_.put(listing_ ? "\n\t\tproto " : " proto ").put(t.protocol == sa::protocol::ah ? "ah" : "esp");
        if (t.spi.value() != 0) out_.put(" spi 0x").hexadecimal(t.spi.value(), 8);
        if (listing_ || t.reqid != 0) out_.put(" reqid ").decimal(t.reqid);
        put_mode(t.mode);
    }
    /// `src P dst P proto X sport N dport N type N code N`, as far as they are not any. No addresses: of both families.
    void put(const ip::selector& s, const written_addresses& written = {}) noexcept {
        if (s.source.family() || s.destination.family()) {
            put_side("src ", s.source, written.source);
            put_side(" dst ", s.destination, written.destination);
        }
        const auto protocol = s.protocol.value();
        if (protocol) {
            out_.put(" proto ");
            put_protocol(*protocol);
        } else if (!listing_ && (!s.source_port.is_any() || !s.destination_port.is_any())) {
            out_.put(" proto 0");
        }
        put_port(" sport ", s.source_port);
        put_port(" dport ", s.destination_port);
        const auto& i = s.icmp;
        const auto type = static_cast<std::uint8_t>(i.first() >> 8);
        const bool has_ports = !s.source_port.is_any() || !s.destination_port.is_any();
        if (s.protocol.is_opaque() || (has_ports && protocol && !ip::has_ports(*protocol))) inexpressible_ = true;
        if (!s.mobility.is_any()) {
            if (protocol != ip::next_header::mobility || !s.mobility.is_single()) inexpressible_ = true;
            out_.put(" type ").decimal(s.mobility.first());
        }
        if (i.is_any()) return;
        if (!protocol || !ip::is_icmp(*protocol)) inexpressible_ = true;
        out_.put(" type ").decimal(type);
        if (i.is_single()) out_.put(" code ").decimal(i.first() & 0xffU);
        else if (i != ip::port_range::icmp(type)) inexpressible_ = true;
    }
    void put_side(std::string_view name, const ip::range& r, const std::optional<ip::address>& written) noexcept {
        out_.put(name);
        const auto p = r.as_prefix();
        if (!p || (written && !p->contains(*written))) inexpressible_ = true;
        else if (written) ip::detail::put(out_, *written), out_.put('/').decimal(p->length());
        else ip::detail::put(out_, *p);
    }
    void put_port(std::string_view name, const ip::port_range& p) noexcept {
        if (p.is_any()) return;
        if (!p.is_single() || p.first() == 0) inexpressible_ = true;
        out_.put(name).decimal(p.first());
    }
    void put_protocol(ip::next_header h) noexcept {
        const auto number = static_cast<std::uint8_t>(h);
        const auto name = name_of_protocol(number);
        if (h == ip::next_header::hop_by_hop) inexpressible_ = true;  // 0 is any protocol to the kernel
        if (name.empty()) out_.decimal(number);
        else out_.put(name);
    }

    ip::text_writer out_;
    bool listing_;
    bool inexpressible_ = false;
};

template <class... Values>
[[nodiscard]] auto write_one(std::span<char> out, form f, const Values&... values) noexcept
    -> std::expected<std::string_view, errc> {
    text_maker maker{out, f};
    (maker.put(values), ...);
    return maker.finish();
}

}  // namespace detail

/// Writes one entry to the front of `out`: a line for `ip -batch`, or the lines of a listing. It has the keys: the caller wipes
/// `out`.
/// @return the text; `errc::no_room`: `max_text` characters are always enough; `errc::inexpressible`: a selector that is no
///         prefix or single port, an algorithm that the kernel has no name for, or AH without one
[[nodiscard]] inline auto write(std::span<char> out, const state& s, form f) noexcept -> std::expected<std::string_view, errc> {
    return detail::write_one(out, f, s);
}
[[nodiscard]] inline auto write(std::span<char> out, const policy_rule& p, form f) noexcept
    -> std::expected<std::string_view, errc> {
    return detail::write_one(out, f, p);
}
/// All of a file: states, then policies; in a listing the newest first. @return as above
[[nodiscard]] inline auto write(std::span<char> out, const file& all, form f) noexcept -> std::expected<std::string_view, errc> {
    detail::text_maker maker{out, f};
    const auto put = [&](const auto& entries) {
        for (std::size_t i = 0; i < entries.size(); ++i)
            maker.put(entries[f == form::listing ? entries.size() - 1 - i : i]);
    };
    put(all.states);
    put(all.policies);
    return maker.finish();
}
/// Characters that any text form of the file fits into.
[[nodiscard]] inline auto room_for(const file& all) noexcept -> std::size_t {
    return all.states.size() * state::max_text + all.policies.size() * policy_rule::max_text;
}

}  // namespace ipsec::xfrm
