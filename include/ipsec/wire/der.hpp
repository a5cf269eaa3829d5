#pragma once
/// Elements of ASN.1's distinguished encoding: enough to find the parts of keys, names and certificates.       X.690 §8.1, §10
///
/// Only what is distinguished passes: tags of one octet, definite lengths in their shortest form. What an element means is not
/// looked at. Nothing is copied and nothing recurses; views go into the input.
#include "ipsec/core/bytes.hpp"
#include "ipsec/wire/errc.hpp"

namespace ipsec::wire::der {

/// The first octet of an element, number and "constructed" in one.
enum class tag : std::uint8_t {
    boolean = 0x01, integer = 0x02, bit_string = 0x03, octet_string = 0x04, null = 0x05, object_id = 0x06, utf8_string = 0x0c,
    printable_string = 0x13, teletex_string = 0x14, ia5_string = 0x16, universal_string = 0x1c, bmp_string = 0x1e,
    sequence = 0x30, set = 0x31
};
/// `[n]`, with something constructed inside.
[[nodiscard]] constexpr auto context(std::uint8_t n) noexcept -> tag { return static_cast<tag>(0xa0U | n); }
/// `[n]` in place of the tag of something that is not constructed.
[[nodiscard]] constexpr auto context_primitive(std::uint8_t n) noexcept -> tag { return static_cast<tag>(0x80U | n); }

struct element {
    tag kind{};
    byte_view content{};
    byte_view whole{};  ///< tag and length included
};

/// Reads elements that stand side by side. After a fault every further take fails, and `ok()` is false for good.
class reader {
public:
    constexpr explicit reader(byte_view in) noexcept : left_{in} {}

    /// The next element, whatever it is; an empty one after a fault or at the end.
    [[nodiscard]] constexpr auto take() noexcept -> element {
        const auto size = frame();
        if (!size) {
            bad_ = true;
            return {};
        }
        const element e{static_cast<tag>(left_[0]), left_.subspan(size->head, size->body), left_.first(size->head + size->body)};
        left_ = left_.subspan(size->head + size->body);
        return e;
    }
    /// The next element, which must be of this kind.
    [[nodiscard]] constexpr auto take(tag kind) noexcept -> element {
        if (!next_is(kind)) bad_ = true;
        return bad_ ? element{} : take();
    }
    /// The content of the next element as a reader of its own.
    [[nodiscard]] constexpr auto enter(tag kind) noexcept -> reader {
        reader inside{take(kind).content};
        inside.bad_ = bad_;
        return inside;
    }
    /// Passes over the next element if it is of this kind.
    constexpr void skip_if(tag kind) noexcept {
        if (next_is(kind)) (void)take();
    }
    [[nodiscard]] constexpr auto next_is(tag kind) const noexcept -> bool {
        return !bad_ && !left_.empty() && left_[0] == static_cast<std::byte>(kind);
    }
    [[nodiscard]] constexpr auto ok() const noexcept -> bool { return !bad_; }
    /// Nothing is left, and nothing was wrong.
    [[nodiscard]] constexpr auto is_done() const noexcept -> bool { return !bad_ && left_.empty(); }
    /// Whether there is something left to take.
    [[nodiscard]] constexpr auto more() const noexcept -> bool { return !bad_ && !left_.empty(); }

private:
    struct sizes {
        std::size_t head, body;
    };
    [[nodiscard]] constexpr auto frame() const noexcept -> std::expected<sizes, errc> {
        if (bad_ || left_.size() < 2 || (left_[0] & std::byte{0x1f}) == std::byte{0x1f}) return std::unexpected{errc::truncated};
        const auto first = std::to_integer<std::size_t>(left_[1]);
        sizes s{2, first};
        if (first >= 0x80) {
            const std::size_t count = first & 0x7fU;
            if (count == 0 || count > 3 || left_.size() < 2 + count) return std::unexpected{errc::truncated};
            s = {2 + count, 0};
            for (std::size_t i = 0; i < count; ++i) s.body = s.body << 8 | std::to_integer<std::size_t>(left_[2 + i]);
            if (s.body < (count == 1 ? std::size_t{0x80} : std::size_t{1} << (8 * (count - 1))))
                return std::unexpected{errc::truncated};
        }
        if (s.body > left_.size() - s.head) return std::unexpected{errc::truncated};
        return s;
    }
    byte_view left_;
    bool bad_ = false;
};

/// The only element of `in`: nothing may follow it. @return `errc::truncated`, `errc::trailing`
[[nodiscard]] constexpr auto only(byte_view in, tag kind) noexcept -> result<element> {
    reader r{in};
    const element e = r.take(kind);
    if (!r.ok()) return std::unexpected{errc::truncated};
    if (!r.is_done()) return std::unexpected{errc::trailing};
    return e;
}

}  // namespace ipsec::wire::der
