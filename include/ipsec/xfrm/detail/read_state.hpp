#pragma once
/// The words of a state, of a command and of a listing alike.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string_view>

#include "ipsec/xfrm/detail/read_algorithms.hpp"
#include "ipsec/xfrm/detail/read_counters.hpp"
#include "ipsec/xfrm/detail/read_selector.hpp"
#include "ipsec/xfrm/detail/words.hpp"
#include "ipsec/xfrm/state.hpp"

namespace ipsec::xfrm::detail {

/// `proto`, of the SA. @pre the word `proto` was taken
[[nodiscard]] inline auto take_ipsec_protocol(words& in) noexcept -> sa::protocol {
    constexpr std::array<std::string_view, 2> names{"esp", "ah"};
    constexpr std::array<std::string_view, 3> others{"comp", "route2", "hao"};
    return take_choice(in, names, others) == 0 ? sa::protocol::esp : sa::protocol::ah;
}
[[nodiscard]] inline auto take_mode(words& in) noexcept -> sa::mode {
    constexpr std::array<std::string_view, 2> names{"transport", "tunnel"};
    constexpr std::array<std::string_view, 4> others{"beet", "ro", "in_trigger", "iptfs"};
    return take_choice(in, names, others) == 0 ? sa::mode::transport : sa::mode::tunnel;
}

class state_reader {
public:
    explicit state_reader(words& in) noexcept : in_{in} { s_.line.number = in.start().line; }

    /// Takes all words of the entry. @return the state; without meaning when `in` has a fault then
    auto read() noexcept -> state {
        while (in_.peek() != nullptr)
            if (!algorithms_.take_from(in_)) take_word();
        finish();
        return std::move(s_);
    }
    /// Whether it was one in a listing without algorithms: an SPI that the kernel keeps for an SA which is still negotiated.
    [[nodiscard]] auto is_larval() const noexcept -> bool { return is_larval_; }

private:
    void take_word() noexcept {
        const word w = in_.take();
        const std::string_view name = w.text;
        if (name == "limit") return take_limit(in_, said_, s_.soft, s_.hard);
        if (name == "flag" || name == "extra-flag" || name == "extra_flag") return take_flags(name == "flag");
        if (name == "anti-replay" && in_.is_listing()) return said_.once(in_, w) ? take_context() : void();
        if (in_.is_listing() && take_counters(w)) return;
        if (!known(name)) return in_.fail(is_unsupported(name) ? errc::unsupported : errc::unknown_word, w);
        if (!said_.once(in_, w)) return;
        if (name == "src") s_.source = take_end(in_);
        else if (name == "dst") s_.id.destination = take_end(in_);
        else if (name == "proto") s_.id.protocol = take_ipsec_protocol(in_);
        else if (name == "spi") s_.id.spi = sa::spi{take_shown_number<std::uint32_t>(in_)};
        else if (name == "mode") s_.mode = take_mode(in_);
        else if (name == "reqid") s_.reqid = take_shown_number<std::uint32_t>(in_);
        else if (name == "replay-window") s_.replay_window = take_number<std::uint32_t>(in_, widest);
        else if (name == "replay-oseq") s_.sent |= take_number<std::uint32_t>(in_);
        else if (name == "replay-seq") s_.received |= take_number<std::uint32_t>(in_);
        else if (name == "replay-oseq-hi") s_.sent |= high(take_number<std::uint32_t>(in_));
        else if (name == "replay-seq-hi") s_.received |= high(take_number<std::uint32_t>(in_));
        else if (name == "dir") take_direction();
        else if (name == "encap") take_encapsulation();
        else if (name == "tfcpad") take_padding(w);
        else if (name == "sel") take_selectors(w);
        else take_nothing(in_, w);
    }
    static auto known(std::string_view name) noexcept -> bool {
        constexpr std::array<std::string_view, 18> names{
            "mark",  "seq",    "if_id",         "src",         "dst",        "proto",          "spi",
            "mode",  "reqid",  "replay-window", "replay-oseq", "replay-seq", "replay-oseq-hi", "replay-seq-hi",
            "encap", "tfcpad", "dir",           "sel"};
        return std::ranges::find(names, name) != names.end();
    }
    static auto is_unsupported(std::string_view name) noexcept -> bool {
        constexpr std::array<std::string_view, 7> names{"coa", "ctx", "security", "offload", "crypto", "output-mark", "pcpu-num"};
        return std::ranges::find(names, name) != names.end();
    }
    static constexpr std::uint32_t widest = state::max_bitmap * 32;
    static constexpr auto high(std::uint32_t half) noexcept -> std::uint64_t { return std::uint64_t{half} << 32; }

    /// What the kernel counted, and limits the way `ip -s` shows them. @return false when `w` is none of their words
    auto take_counters(const word& w) noexcept -> bool {
        if (w.text == "lifetime") {
            const word which = in_.take();
            if (which.text != "config:" && which.text != "current:") in_.fail(errc::unknown_word, which);
            if (in_.failed() || !said_.once(in_, which)) return true;
            if (which.text == "config:") take_configured_lifetimes(in_, s_.soft, s_.hard);
            else s_.used = take_current_lifetimes(in_);
            return true;
        }
        if (w.text != "lastused" && w.text != "stats:" && w.text != "seq") return false;
        if (!said_.once(in_, w)) return true;
        if (w.text == "lastused") skip_time(in_);
        else if (w.text == "stats:") skip_statistics(in_);
        else (void)in_.take();  // of the acquire that the state answers: decimal digits behind "0x"
        return true;
    }
    void take_selectors(const word& w) noexcept {
        sel_ = w;
        while (selector_.take_from(in_)) {}
    }
    void take_direction() noexcept {
        constexpr std::array<std::string_view, 2> directions{"in", "out"};
        constexpr std::array<std::string_view, 0> none{};
        s_.direction = take_choice(in_, directions, none) == 0 ? direction::in : direction::out;
    }
    /// `flag F...`: as many as follow.
    void take_flags(bool plain) noexcept {
        bool any = false;
        for (const word* w = in_.peek(); w != nullptr; w = in_.peek(), any = true) {
            bool* const flag = plain ? flag_of(w->text) : w->text == "dont-encap-dscp" ? &s_.flags.dont_encap_dscp : nullptr;
            if (flag == nullptr) {
                constexpr std::array<std::string_view, 4> others{"decap-dscp", "wildrecv", "icmp", "oseq-may-wrap"};
                if (std::ranges::find(others, w->text) != others.end()) return in_.fail(errc::unsupported, in_.take());
                break;
            }
            *flag = true;
            (void)in_.take();
        }
        if (any) return (void)skip_parenthesis(in_);
        if (skip_no_flags(in_)) return;
        const word w = in_.take();
        in_.fail(errc::bad_value, w);
    }
    auto flag_of(std::string_view name) noexcept -> bool* {
        if (name == "noecn") return &s_.flags.noecn;
        if (name == "nopmtudisc") return &s_.flags.nopmtudisc;
        if (name == "af-unspec") return &s_.flags.af_unspec;
        if (name == "align4") return &s_.flags.align4;
        if (name == "esn") return &s_.flags.esn;
        return nullptr;
    }
    void take_padding(const word& w) noexcept {
        tfcpad_ = w;
        s_.tfcpad = take_number<std::uint32_t>(in_);
    }
    /// `espinudp SPORT DPORT ADDRESS`, in a listing `type espinudp sport SPORT dport DPORT addr ADDRESS`.
    void take_encapsulation() noexcept {
        const bool listed = in_.is_listing() && in_.take_if("type");
        constexpr std::array<std::string_view, 1> names{"espinudp"};
        constexpr std::array<std::string_view, 2> others{"espinudp-nonike", "espintcp"};
        (void)take_choice(in_, names, others);
        const auto take_port = [this](std::uint16_t& into) {
            const word* const at = in_.peek();
            const word w = at != nullptr ? *at : word{};
            into = take_number<std::uint16_t>(in_);
            if (into == 0 && !in_.failed()) in_.fail(errc::bad_value, w);
        };
        if (listed) expect(in_, "sport");
        take_port(s_.encapsulation.local);
        if (listed) expect(in_, "dport");
        take_port(s_.encapsulation.remote);
        if (listed) expect(in_, "addr");
        s_.original = take_address(in_);
    }
    /// `anti-replay context: seq 0x4, oseq 0x0, bitmap 0x0000000f`, or the form for 64-bit numbers and wide windows:
    /// `anti-replay esn context: seq-hi 0x7, seq 0x1, oseq-hi 0x0, oseq 0x0 replay_window 32, bitmap-length 1 e0000001`
    void take_context() noexcept {
        const bool wide = in_.take_if("esn");
        expect(in_, "context:");
        if (wide) s_.received |= high(take_item("seq-hi"));
        s_.received |= take_item("seq");
        if (wide) s_.sent |= high(take_item("oseq-hi"));
        s_.sent |= take_item("oseq");
        if (!wide) {
            (void)s_.bitmap.push_back(take_item("bitmap"));
            return;
        }
        s_.replay_window = take_item("replay_window", widest);
        expect(in_, "bitmap-length");
        const word length = in_.peek() != nullptr ? *in_.peek() : word{};
        const auto count = take_number<std::uint32_t>(in_);
        if (count != (s_.replay_window + 31) / 32) return in_.fail(errc::bad_value, length);
        for (std::uint32_t i = 0; i < count && !in_.failed(); ++i) {
            const word w = in_.take();
            std::uint32_t bits = 0;
            const char* const end = w.text.data() + w.text.size();
            const auto [stopped, error] = std::from_chars(w.text.data(), end, bits, 16);
            if (error != std::errc{} || stopped != end) in_.fail(errc::bad_value, w);
            (void)s_.bitmap.push_back(bits);
        }
    }
    /// As many words as the window has, or none where nothing is marked.
    void fit_bitmap() noexcept {
        const std::size_t size = has_wide_window(s_) ? (s_.replay_window + 31U) / 32U : 1U;
        while (s_.bitmap.size() > size) s_.bitmap.pop_back();
        if (std::ranges::all_of(s_.bitmap, [](std::uint32_t bits) { return bits == 0; })) s_.bitmap.clear();
        while (!s_.bitmap.empty() && s_.bitmap.size() < size) (void)s_.bitmap.push_back(0);
    }
    /// `NAME NUMBER`, the number with or without a comma behind it.
    auto take_item(std::string_view name, std::uint32_t most = std::numeric_limits<std::uint32_t>::max()) noexcept
        -> std::uint32_t {
        expect(in_, name);
        const word w = in_.take();
        if (in_.failed()) return 0;
        const auto text = w.text.ends_with(',') ? w.text.substr(0, w.text.size() - 1) : w.text;
        const auto v = read_number(text, most);
        if (!v) in_.fail(errc::bad_value, w);
        return static_cast<std::uint32_t>(v.value_or(0));
    }

    void finish() noexcept {
        if (in_.failed()) return;
        for (const std::string_view name : {"src", "dst", "proto", "spi"})
            if (!said_.has(name)) return in_.fail_entry(errc::missing_word, name);
        is_larval_ = in_.is_listing() && !algorithms_.has_any();
        if (is_larval_) return;
        if (s_.source.family() != s_.id.destination.family()) return in_.fail_entry(errc::mixed_families, "src");
        if (s_.encapsulation && s_.id.protocol != sa::protocol::esp) return in_.fail_entry(errc::unsupported, "encap");
        if (s_.tfcpad != 0 && (s_.id.protocol != sa::protocol::esp || s_.mode != sa::mode::tunnel))
            return in_.fail(errc::unsupported, tfcpad_);  // nor does the kernel: only an inner IP header says its length
        algorithms_.finish(in_, s_);
        if (s_.flags.esn && s_.replay_window == 0) return in_.fail_entry(errc::missing_word, "replay-window");
        if (!s_.flags.esn && ((s_.sent | s_.received) >> 32) != 0) return in_.fail_entry(errc::missing_word, "esn");
        fit_bitmap();
        s_.selectors = default_selectors(s_.id, s_.flags);
        selector_.check(in_);
        if (said_.has("sel")) s_.selectors = selector_.finish(s_.selectors.source.family());
        // A header of the other family can only be put around a packet.                                   RFC 2401 §4.1
        const auto selected = s_.selectors.source.family();
        if (s_.mode == sa::mode::transport && selected && *selected != s_.source.family()) in_.fail(errc::mixed_families, sel_);
    }

    words& in_;
    state s_;
    said_words said_;
    word tfcpad_, sel_;
    algorithm_reader algorithms_;
    selector_reader selector_;
    bool is_larval_ = false;
};

}  // namespace ipsec::xfrm::detail
