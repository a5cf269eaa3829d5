#pragma once
/// The words of a selector: `src PREFIX dst PREFIX proto P [sport N] [dport N] [type N [code N]]`.          RFC 2401 §4.4.2
#include <optional>
#include <string_view>

#include "ipsec/ip/selector.hpp"
#include "ipsec/xfrm/detail/protocol_names.hpp"
#include "ipsec/xfrm/detail/words.hpp"
#include "ipsec/xfrm/policy_rule.hpp"

namespace ipsec::xfrm::detail {

/// Takes selectors word by word, for as long as the words are of one.
class selector_reader {
public:
    /// Takes the next word and its value when it belongs to a selector. @return false when it does not, or there is none
    auto take_from(words& in) noexcept -> bool {
        const word* const w = in.peek();
        if (w == nullptr) return false;
        const std::string_view name = w->text;
        if (name == "src") take_prefix(in, source_, written_.source);
        else if (name == "dst") take_prefix(in, destination_, written_.destination);
        else if (name == "proto") take_protocol(in);
        else if (name == "sport") take_port(in, source_port_);
        else if (name == "dport") take_port(in, destination_port_);
        else if (name == "type") take_message(in, type_);
        else if (name == "code") take_message(in, code_);
        else if (name == "uid" && in.is_listing()) skip_user(in);
        else if (name == "dev" && in.is_listing()) take_device(in);
        else if (name == "dev" || name == "key") in.fail(errc::unsupported, in.take());
        else return false;
        return true;
    }
    /// The addresses with bits behind their prefix.
    [[nodiscard]] auto written() const noexcept -> const written_addresses& { return written_; }
    /// Faults of what was passed over, since the entry may have been one to pass over as a whole.
    void check(words& in) const noexcept {
        if (device_) in.fail(errc::unsupported, *device_);
    }
    /// What was said. Where no address was, `family` says which addresses are meant; absent: of both families.
    [[nodiscard]] auto finish(std::optional<ip::family> family) const noexcept -> ip::selector {
        if (source_) family = source_->family();
        else if (destination_) family = destination_->family();
        ip::selector s;
        if (family) s.source = s.destination = ip::range::any(*family);
        if (source_) s.source = *source_;
        if (destination_) s.destination = *destination_;
        s.protocol = protocol_;
        if (source_port_ && *source_port_ != 0) s.source_port = *source_port_;  // 0 is any port to the kernel
        if (destination_port_ && *destination_port_ != 0) s.destination_port = *destination_port_;
        if (type_ && protocol_.value() == ip::next_header::mobility) s.mobility = *type_;
        else if (type_) s.icmp = code_ ? ip::port_range::icmp(*type_, *code_) : ip::port_range::icmp(*type_);
        return s;
    }

private:
    void take_prefix(words& in, std::optional<ip::prefix>& into, std::optional<ip::address>& written) noexcept {
        const word name = in.take();
        const word value = in.take();
        if (into) return in.fail(errc::repeated_word, name);
        const auto slash = value.text.find('/');
        const auto a = read_address(value.text.substr(0, slash));
        const auto most = a && a->is_v4() ? 32U : 128U;
        const auto length = slash == value.text.npos ? most : read_number(value.text.substr(slash + 1), most);
        const auto p = a && length ? ip::prefix::make(*a, static_cast<unsigned>(*length)) : std::unexpected{ip::errc::bad_text};
        if (!p) return in.fail(errc::bad_value, value);
        into = *p;
        if (p->address() != *a) written = *a;
        if (source_ && destination_ && source_->family() != destination_->family()) in.fail(errc::mixed_families, value);
    }
    void take_device(words& in) noexcept {
        if (!device_) device_ = in.take();
        (void)in.take();
    }
    /// The kernel keeps this number and never looks at it.
    static void skip_user(words& in) noexcept {
        (void)in.take();
        (void)take_number<std::uint32_t>(in);
    }
    void take_protocol(words& in) noexcept {
        const word name = in.take();
        const word value = in.take();
        if (has_protocol_) return in.fail(errc::repeated_word, name);
        has_protocol_ = true;
        std::optional<std::uint64_t> number = protocol_of(value.text);
        if (!number) number = read_number(value.text, 255);
        if (!number) return in.fail(errc::bad_value, value);
        const bool has_ports = source_port_ || destination_port_;
        if (has_ports && *number != 0 && !ip::has_ports(static_cast<ip::next_header>(*number)))
            return in.fail(errc::bad_value, value);
        if (*number != 0) protocol_ = static_cast<ip::next_header>(*number);  // 0 is any protocol to the kernel
    }
    /// Without `proto` they are those of any protocol that has ports.
    void take_port(words& in, std::optional<std::uint16_t>& into) noexcept {
        const word name = in.take();
        const auto value = take_number<std::uint16_t>(in);
        const auto p = protocol_.value();
        if (p && !ip::has_ports(*p)) return in.fail(errc::unknown_word, name);
        if (into) return in.fail(errc::repeated_word, name);
        into = value;
    }
    void take_message(words& in, std::optional<std::uint8_t>& into) noexcept {
        const word name = in.take();
        const auto value = take_number<std::uint8_t>(in);
        const auto p = protocol_.value();
        if (!p || !ip::has_message(*p)) return in.fail(errc::unknown_word, name);
        if (into) return in.fail(errc::repeated_word, name);
        // a code of every type, or one of a mobility header, which has none
        if (&into == &code_ && (!type_ || !ip::is_icmp(*p))) return in.fail(errc::unsupported, name);
        into = value;
    }

    std::optional<ip::prefix> source_, destination_;
    written_addresses written_;
    std::optional<word> device_;
    bool has_protocol_ = false;
    ip::protocol_selector protocol_;
    std::optional<std::uint16_t> source_port_, destination_port_;
    std::optional<std::uint8_t> type_, code_;
};

}  // namespace ipsec::xfrm::detail
