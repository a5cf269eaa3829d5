#pragma once
// ESP and AH once more, in the most obvious way, straight from RFC 4303 and RFC 4302: every step makes a new vector, nothing is
// clever, nothing is shared with the library but its names and plain values. The fast transform is held against it.
#include <algorithm>
#include <optional>
#include <set>

#include "ipsec/sa/parameters.hpp"
#include "twin/slow_crypto.hpp"

namespace ipsec::twin {

/// What is wrong with a packet; the library tells some of these further apart.
enum class fault {
    header = 1,  ///< of IP, or a chain that cannot be walked
    fragment,
    other_protocol,
    too_short,
    spi,
    before_first,
    zero,
    old,
    seen_before,
    length,
    icv,
    pad_length,
    padding,
    dummy,
    inner,
    ecn
};

/// One SA, at either end.
struct association {
    sa::parameters p;
    const cipher_row* cipher = nullptr;  ///< none: AH
    const mac_row* mac = nullptr;        ///< none: the cipher authenticates, or nobody
    octets key, salt, mac_key;
    std::uint64_t sent = 0;              ///< the last number
    std::uint64_t top = 0;               ///< highest number that was accepted
    std::uint64_t begin = 0;             ///< it and those before it count as accepted
    std::set<std::uint64_t> accepted{};
};
inline auto make(const sa::parameters& p, const cipher_row* cipher, const mac_row* mac, const octets& keymat) -> association {
    const std::size_t key = cipher != nullptr ? cipher->key : 0, salt = cipher != nullptr ? cipher->salt : 0;
    return {.p = p, .cipher = cipher, .mac = mac, .key = part(keymat, 0, key), .salt = part(keymat, key, salt),
            .mac_key = part(keymat, key + salt, keymat.size() - key - salt)};
}

// --- IP ----------------------------------------

inline auto is_v6(const octets& packet) -> bool { return !packet.empty() && value_of(packet, 0, 1) >> 4 == 6; }

/// Where headers are in a packet.
struct places {
    std::size_t length = 0;   ///< as the header says
    std::size_t end = 0;      ///< of all headers
    std::size_t end_names = 0;  ///< the octet that names what begins there
    std::size_t inner = 0, inner_names = 0;  ///< the same for where ESP goes: destination options stay behind it
};
/// The length that a packet states; nothing when its first header is none.
inline auto stated_length(const octets& p) -> std::optional<std::size_t> {
    if (p.size() < 20 || (is_v6(p) && p.size() < 40)) return std::nullopt;
    std::size_t header = 40, length = 0;
    if (is_v6(p)) {
        length = 40 + value_of(p, 4, 2);
        if (length == 40 && value_of(p, 6, 1) == 0) return std::nullopt;  // a jumbogram
    } else {
        header = (value_of(p, 0, 1) & 15) * 4;
        length = value_of(p, 2, 2);
        if (value_of(p, 0, 1) >> 4 != 4 || header < 20) return std::nullopt;
    }
    if (length < header || length > p.size()) return std::nullopt;
    return length;
}
inline auto read(const octets& p, places& at) -> std::optional<fault> {
    const auto length = stated_length(p);
    if (!length) return fault::header;
    at.length = *length;
    if (!is_v6(p)) {
        at.end = at.inner = (value_of(p, 0, 1) & 15) * 4;
        at.end_names = at.inner_names = 9;
        if ((value_of(p, 6, 2) & 0x3fff) != 0) return fault::fragment;
        return std::nullopt;
    }
    at.end = at.inner = 40;
    at.end_names = at.inner_names = 6;
    for (int headers = 0;; ++headers) {
        const auto type = value_of(p, at.end_names, 1);
        if (type != 0 && type != 43 && type != 44 && type != 60) return std::nullopt;
        if ((type == 0 && headers != 0) || headers == 16 || at.length - at.end < 8) return fault::header;
        const std::size_t size = type == 44 ? 8 : (value_of(p, at.end + 1, 1) + 1) * 8;
        if (at.length - at.end < size) return fault::header;
        if (type == 44 && (value_of(p, at.end + 2, 2) & 0xfff9) != 0) return fault::fragment;
        at.end_names = at.end;
        at.end += size;
        if (type != 60) {
            at.inner = at.end;
            at.inner_names = at.end_names;
        }
    }
}
inline auto put(octets packet, std::size_t at, std::uint64_t value, std::size_t size) -> octets {
    const octets n = number(value, size);
    std::copy(n.begin(), n.end(), packet.begin() + static_cast<std::ptrdiff_t>(at));
    return packet;
}
/// HC' = ~(~HC + ~m + m'): a wrong checksum stays wrong.                                                   RFC 1624 §3
inline auto mended(std::uint64_t checksum, std::uint64_t before, std::uint64_t after) -> std::uint64_t {
    std::uint64_t sum = (~checksum & 0xffff) + (~before & 0xffff) + after;
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}
/// Sets 16 bits of an IPv4 header and mends its checksum.
inline auto put_v4(octets packet, std::size_t at, std::uint64_t value) -> octets {
    const auto sum = mended(value_of(packet, 10, 2), value_of(packet, at, 2), value);
    return put(put(std::move(packet), at, value, 2), 10, sum, 2);
}
/// Length field and protocol of a packet whose size or payload changed.
inline auto relabelled(octets packet, std::size_t names, std::uint64_t protocol) -> octets {
    if (is_v6(packet)) {
        const std::size_t payload = packet.size() - 40;
        return put(put(std::move(packet), 4, payload, 2), names, protocol, 1);
    }
    const auto word = (value_of(packet, 8, 2) & 0xff00) | protocol;
    const std::size_t whole = packet.size();
    return put_v4(put_v4(std::move(packet), 2, whole), 8, word);
}
inline auto traffic_class(const octets& p) -> std::uint64_t {
    return is_v6(p) ? value_of(p, 0, 2) >> 4 & 0xff : value_of(p, 1, 1);
}
inline auto address_of(const ip::address& a) -> octets { return {a.octets().begin(), a.octets().end()}; }

/// A tunnel's outer header with the library's defaults: DSCP, ECN and DF copied, hop limit 64.  RFC 4301 §5.1.2, RFC 6040 §4.1
inline auto outer_header(const association& sa, const octets& inner, std::uint64_t protocol, std::size_t behind) -> octets {
    const auto from = address_of(sa.p.source), to = address_of(sa.p.id.destination);
    if (sa.p.source.is_v6())
        return join(
            {number(6U << 28 | traffic_class(inner) << 20, 4), number(behind, 2), number(protocol, 1), number(64, 1), from, to});
    const bool keeps_whole = is_v6(inner) || (value_of(inner, 6, 2) & 0x4000) != 0;
    octets h = join({number(0x45, 1), number(traffic_class(inner), 1), number(20 + behind, 2), number(sa.sent, 2),
                     number(keeps_whole ? 0x4000 : 0, 2), number(64, 1), number(protocol, 1), number(0, 2), from, to});
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < 20; i += 2) sum += value_of(h, i, 2);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return put(std::move(h), 10, ~sum & 0xffff, 2);
}
/// What came out of a tunnel with the outer ECN field merged in.                                    RFC 6040 §4.2, figure 4
inline auto decapsulated(const octets& inner, std::uint64_t next, std::uint64_t outer_class, octets& out)
    -> std::optional<fault> {
    if (next != 4 && next != 41) return fault::inner;
    const auto length = stated_length(inner);
    if (!length || is_v6(inner) != (next == 41)) return fault::inner;
    out = part(inner, 0, *length);
    constexpr char not_ect = 0, ect1 = 1, ect0 = 2, ce = 3, drop = 4;
    static constexpr char figure_4[4][4] = {
        {not_ect, not_ect, not_ect, drop},  // inner not-ECT; outer not-ECT, ECT(1), ECT(0), CE
        {ect1, ect1, ect1, ce},
        {ect0, ect1, ect0, ce},
        {ce, ce, ce, ce}};
    const auto before = traffic_class(out);
    const auto ecn = static_cast<std::uint64_t>(figure_4[before & 3][outer_class & 3]);
    if (ecn == drop) return fault::ecn;
    const auto after = (before & 0xfc) | ecn;
    if (after == before) return std::nullopt;
    if (is_v6(out)) out = put(out, 0, 6U << 12 | after << 4 | (value_of(out, 1, 1) & 15), 2);
    else out = put_v4(out, 0, (value_of(out, 0, 1) << 8) | after);
    return std::nullopt;
}

// --- sequence numbers ----------------------------------------

/// All 64 bits: the first number with these low 32 bits that is not left of the window.                    RFC 4303 Appendix A
inline auto judged(const association& sa, std::uint64_t low, std::uint64_t& whole) -> std::optional<fault> {
    whole = low;
    const std::uint64_t window = sa.p.window;
    if (sa.p.extended_sequence) {
        const std::uint64_t high = sa.top >> 32;
        bool found = false;
        for (std::uint64_t h = high == 0 ? 0 : high - 1; h <= high + 1 && !found; ++h) {
            whole = h << 32 | low;
            found = whole + window > sa.top;
        }
        // An SA that never saw the first subspace's end: what lies left of its beginning would be a number below zero.
        if (sa.top < window - 1 && low >= (std::uint64_t{1} << 32) + sa.top - (window - 1)) return fault::before_first;
    }
    if (!sa.p.anti_replay) return std::nullopt;
    if (whole == 0) return fault::zero;
    if (whole + window <= sa.top) return fault::old;
    if (whole <= sa.begin || sa.accepted.contains(whole)) return fault::seen_before;
    return std::nullopt;
}
inline void accept(association& sa, std::uint64_t whole) {
    if (sa.p.anti_replay) sa.accepted.insert(whole);
    if (sa.p.anti_replay || sa.p.extended_sequence) sa.top = std::max(sa.top, whole);
}

// --- ESP ----------------------------------------

struct wishes {
    std::size_t tfc_padding = 0, extra_padding = 0;
    // What only an odd peer sends: bits that are turned in the first octet of the padding, in Pad Length and in Next Header.
    std::uint64_t odd_padding = 0, odd_length = 0, odd_next = 0;
};
inline auto high_of(const association& sa, std::uint64_t sequence) -> octets {
    return sa.p.extended_sequence ? number(sequence >> 32, 4) : octets{};
}
/// SPI to ICV. RFC 4303 §3.3.2: encrypt, then authenticate; or both at once.
inline auto protect(const association& sa, std::uint64_t sequence, const octets& iv, const octets& text) -> octets {
    const cipher_row& c = *sa.cipher;
    const octets spi = number(sa.p.id.spi.value(), 4), low = number(sequence & 0xffffffff, 4), high = high_of(sa, sequence);
    if (c.how == way::combined || c.how == way::authenticate) {
        const octets nonce = join({sa.salt, c.iv == 0 ? number(sequence, 8) : iv}), covered = join({spi, high, low});
        if (c.how == way::combined) return join({spi, low, iv, *combine(c, sa.key, nonce, covered, text, true)});
        return join({spi, low, iv, text, *combine(c, sa.key, nonce, join({covered, iv, text}), {}, true)});
    }
    octets hidden = text;
    if (c.how == way::cbc) hidden = chain(c, sa.key, iv, text, true);
    if (c.how == way::counter) hidden = count(c, sa.key, sa.salt, iv, text);
    const octets packet = join({spi, low, iv, hidden});
    if (sa.mac == nullptr) return packet;
    return join({packet, mac(*sa.mac, sa.mac_key, join({packet, high}))});
}
/// The text of what `protect` made; nothing when the ICV does not hold.
inline auto uncover(const association& sa, std::uint64_t sequence, const octets& esp) -> std::optional<octets> {
    const cipher_row& c = *sa.cipher;
    const octets spi = part(esp, 0, 4), low = part(esp, 4, 4), iv = part(esp, 8, c.iv), high = high_of(sa, sequence);
    if (c.how == way::combined || c.how == way::authenticate) {
        const octets nonce = join({sa.salt, c.iv == 0 ? number(sequence, 8) : iv}), covered = join({spi, high, low});
        const octets rest = part(esp, 8 + c.iv, esp.size() - 8 - c.iv);
        if (c.how == way::combined) return combine(c, sa.key, nonce, covered, rest, false);
        const octets text = part(rest, 0, rest.size() - c.icv), icv = part(rest, text.size(), c.icv);
        if (!combine(c, sa.key, nonce, join({covered, iv, text}), icv, false)) return std::nullopt;
        return text;
    }
    const std::size_t icv = sa.mac != nullptr ? sa.mac->icv : 0;
    const octets packet = part(esp, 0, esp.size() - icv);
    if (sa.mac != nullptr && mac(*sa.mac, sa.mac_key, join({packet, high})) != part(esp, packet.size(), icv)) return std::nullopt;
    const octets hidden = part(packet, 8 + c.iv, packet.size() - 8 - c.iv);
    if (c.how == way::cbc) return chain(c, sa.key, iv, hidden, false);
    if (c.how == way::counter) return count(c, sa.key, sa.salt, iv, hidden);
    return hidden;
}

/// RFC 4303 §3.3. `iv` is the sender's to choose.
inline auto esp_seal(association& sa, const octets& packet, const octets& iv, const wishes& w = {}) -> std::optional<octets> {
    const bool is_tunnel = sa.p.mode == sa::mode::tunnel;
    const auto length = stated_length(packet);
    places at;
    if (!length || (!is_tunnel && (read(packet, at) || w.tfc_padding != 0))) return std::nullopt;
    const octets whole = part(packet, 0, *length);
    octets text = is_tunnel ? whole : part(whole, at.inner, whole.size() - at.inner);
    text.resize(text.size() + w.tfc_padding);
    const auto next = is_tunnel ? (is_v6(packet) ? 41U : 4U) : value_of(packet, at.inner_names, 1);

    const auto is_aligned = [&](std::size_t n) {  // RFC 4303 §2.4
        return (text.size() + n + 2) % sa.cipher->block == 0 && (8 + iv.size() + text.size() + n + 2) % 4 == 0;
    };
    std::size_t pad = 0;
    while (!is_aligned(pad)) ++pad;
    if (w.extra_padding != 0)
        for (pad += w.extra_padding; !is_aligned(pad);) ++pad;
    if (pad > 255) return std::nullopt;
    octets trailer;
    for (std::size_t i = 1; i <= pad; ++i) trailer.push_back(static_cast<std::byte>(i == 1 ? i ^ w.odd_padding : i));
    trailer = join({trailer, number(pad ^ w.odd_length, 1), number(next ^ w.odd_next, 1)});
    ++sa.sent;
    const octets esp = protect(sa, sa.sent, iv, join({text, trailer}));
    if (is_tunnel) return join({outer_header(sa, whole, 50, esp.size()), esp});
    return relabelled(join({part(whole, 0, at.inner), esp}), at.inner_names, 50);
}

/// RFC 4303 §3.4
inline auto esp_open(association& sa, const octets& packet, octets& out) -> std::optional<fault> {
    places at;
    if (const auto bad = read(packet, at)) return bad;
    if (value_of(packet, at.end_names, 1) != 50) return fault::other_protocol;
    const octets esp = part(packet, at.end, at.length - at.end);
    if (esp.size() < 8) return fault::too_short;
    if (value_of(esp, 0, 4) != sa.p.id.spi.value()) return fault::spi;
    std::uint64_t sequence = 0;
    if (const auto bad = judged(sa, value_of(esp, 4, 4), sequence)) return bad;
    const std::size_t icv = sa.mac != nullptr ? sa.mac->icv : sa.cipher->icv;
    const std::size_t around = 8 + sa.cipher->iv + icv;
    if (esp.size() < around + 2) return fault::too_short;
    if ((esp.size() - around) % sa.cipher->block != 0 || (esp.size() - icv) % 4 != 0) return fault::length;
    const auto text = uncover(sa, sequence, esp);
    if (!text) return fault::icv;
    accept(sa, sequence);
    const auto pad = value_of(*text, text->size() - 2, 1), next = value_of(*text, text->size() - 1, 1);
    if (pad + 2 > text->size()) return fault::pad_length;
    const std::size_t payload = text->size() - 2 - pad;
    for (std::size_t i = 0; i < pad; ++i)
        if (value_of(*text, payload + i, 1) != i + 1) return fault::padding;
    if (next == 59) return fault::dummy;
    const octets inner = part(*text, 0, payload);
    if (sa.p.mode == sa::mode::tunnel) return decapsulated(inner, next, traffic_class(packet), out);
    out = relabelled(join({part(packet, 0, at.end), inner}), at.end_names, next);
    return std::nullopt;
}

// --- AH: packets without IPv4 options and IPv6 extension headers ----------------------------------------

/// Over the packet with ICV and mutable fields zero, and the high half of the number.      RFC 4302 §3.3.3, Appendix A
inline auto ah_icv(const association& sa, std::uint64_t sequence, octets packet) -> octets {
    const std::size_t at = is_v6(packet) ? 40 : 20;
    for (std::size_t i = 0; i < sa.mac->icv; ++i) packet[at + 12 + i] = std::byte{0};
    if (is_v6(packet)) packet = put(put(packet, 0, 6U << 28, 4), 7, 0, 1);
    else packet = put(put(put(put(packet, 1, 0, 1), 6, 0, 2), 8, 0, 1), 10, 0, 2);
    return mac(*sa.mac, sa.mac_key, join({packet, high_of(sa, sequence)}));
}
/// RFC 4302 §3.3
inline auto ah_seal(association& sa, const octets& packet) -> std::optional<octets> {
    const bool is_tunnel = sa.p.mode == sa::mode::tunnel;
    const auto length = stated_length(packet);
    places at;
    if (!length || (!is_tunnel && read(packet, at))) return std::nullopt;
    const octets whole = part(packet, 0, *length);
    const bool over_v6 = is_tunnel ? sa.p.source.is_v6() : is_v6(whole);
    const std::size_t unit = over_v6 ? 8 : 4;
    const std::size_t size = (12 + sa.mac->icv + unit - 1) / unit * unit;
    const auto next = is_tunnel ? (is_v6(packet) ? 41U : 4U) : value_of(packet, at.end_names, 1);
    ++sa.sent;
    const octets ah = join({number(next, 1), number(size / 4 - 2, 1), number(0, 2), number(sa.p.id.spi.value(), 4),
                            number(sa.sent & 0xffffffff, 4), octets(size - 12)});
    octets out =
        is_tunnel ? join({outer_header(sa, whole, 51, size + whole.size()), ah, whole})
                  : relabelled(join({part(whole, 0, at.end), ah, part(whole, at.end, whole.size() - at.end)}), at.end_names, 51);
    const octets icv = ah_icv(sa, sa.sent, out);
    std::copy(icv.begin(), icv.end(), out.begin() + (over_v6 ? 52 : 32));
    return out;
}
/// RFC 4302 §3.4
inline auto ah_open(association& sa, const octets& packet, octets& out) -> std::optional<fault> {
    places at;
    if (const auto bad = read(packet, at)) return bad;
    if (value_of(packet, at.end_names, 1) != 51) return fault::other_protocol;
    const octets whole = part(packet, 0, at.length);
    if (whole.size() - at.end < 12) return fault::too_short;
    if (value_of(whole, at.end + 4, 4) != sa.p.id.spi.value()) return fault::spi;
    std::uint64_t sequence = 0;
    if (const auto bad = judged(sa, value_of(whole, at.end + 8, 4), sequence)) return bad;
    const std::size_t size = (value_of(whole, at.end + 1, 1) + 2) * 4, icv = sa.mac->icv;
    const bool fits = size == (12 + icv + 7) / 8 * 8 || (!is_v6(whole) && size == (12 + icv + 3) / 4 * 4);
    if (!fits) return fault::length;
    if (whole.size() < at.end + size) return fault::too_short;
    if (ah_icv(sa, sequence, whole) != part(whole, at.end + 12, icv)) return fault::icv;
    accept(sa, sequence);
    const auto next = value_of(whole, at.end, 1);
    const octets rest = part(whole, at.end + size, whole.size() - at.end - size);
    if (sa.p.mode == sa::mode::tunnel) return decapsulated(rest, next, traffic_class(whole), out);
    out = relabelled(join({part(whole, 0, at.end), rest}), at.end_names, next);
    return std::nullopt;
}

}  // namespace ipsec::twin
