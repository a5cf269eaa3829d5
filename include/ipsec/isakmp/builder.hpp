#pragma once
/// Writes a message into octets of the caller's: lengths, next payloads and counts come out right by themselves, or wrong
/// on purpose.                                                                           RFC 2408 §3, §5.3
#include <optional>

#include "ipsec/isakmp/attribute.hpp"
#include "ipsec/isakmp/chain.hpp"
#include "ipsec/isakmp/header.hpp"

namespace ipsec::isakmp {

/// @code
/// builder b{scratch};
/// b.start(head).sa().proposal(1, protocol_id::isakmp).transform(1, key_ike).number(1, 7).number(14, 128).add(nonce{{ni}});
/// auto octets = b.finish();
/// @endcode
///
/// A payload ends where the next one on its level begins, or at `finish`. Faults are remembered, and told by `finish`.
/// To build a message that lies, name the lie behind the payload it belongs to: `lie_length`, `lie_next`, `lie_reserved`, ….
class builder {
public:
    constexpr explicit builder(byte_span out) noexcept : out_{out}, w_{out} {}

    /// The header; `next_payload` and `length` are filled in at the end. Without it the octets are a chain only.
    constexpr auto start(const header& h) noexcept -> builder& {
        if (w_.size() != 0) return fail(errc::bad_nesting);
        has_header_ = true;
        const byte_span room = w_.claim(header::size);
        if (room.size() == header::size) h.emit(room.first<header::size>());
        return *this;
    }
    /// A whole payload.
    template <payload P>
    constexpr auto add(const P& p) noexcept -> builder& {
        open_top(P::type);
        p.emit(w_);
        return *this;
    }
    /// A whole payload of any type and any body.
    constexpr auto add(payload_type type, byte_view body) noexcept -> builder& {
        open_top(type);
        w_.put_octets(body);
        return *this;
    }
    /// A payload whose body of `n` octets is filled in later, through the octets of `finish` or `claimed`: a HASH, say.
    constexpr auto claim(payload_type type, std::size_t n) noexcept -> builder& {
        open_top(type);
        claimed_at_ = w_.size();
        claimed_size_ = n;
        w_.put_zeros(n);
        return *this;
    }
    /// Body of the payload that `claim` opened last; empty when it did not fit.
    [[nodiscard]] constexpr auto claimed() const noexcept -> byte_span {
        return w_.ok() ? out_.subspan(claimed_at_, claimed_size_) : byte_span{};
    }

    /// A security association; proposals follow.
    constexpr auto sa(const situation& where = {}, doi_id doi = doi_id::ipsec) noexcept -> builder& {
        open_top(payload_type::security_association);
        in_sa_ = true;
        w_.put(doi);
        where.emit(w_);
        return *this;
    }
    /// The same under another DOI.
    template <domain_of_interpretation Doi>
    constexpr auto sa(const typename Doi::situation& where) noexcept -> builder& {
        open_top(payload_type::security_association);
        in_sa_ = true;
        w_.put(Doi::number);
        where.emit(w_);
        return *this;
    }
    /// A proposal of the security association; transforms follow. The number of transforms is filled in.
    constexpr auto proposal(std::uint8_t number, protocol_id protocol, byte_view spi = {}) noexcept -> builder& {
        if (!in_sa_) return fail(errc::bad_nesting);
        if (spi.size() > 0xff) return fail(errc::no_room);
        open(levels_[level_proposal], payload_type::proposal);
        count_at_ = w_.size() + 3;
        transforms_ = 0;
        w_.put(number).put(protocol).put(static_cast<std::uint8_t>(spi.size())).put(std::uint8_t{0}).put_octets(spi);
        return *this;
    }
    /// A transform of the proposal; attributes follow.
    constexpr auto transform(std::uint8_t number, transform_number id) noexcept -> builder& {
        if (!levels_[level_proposal].is_open) return fail(errc::bad_nesting);
        if (transforms_ == 0xff) return fail(errc::no_room);
        open(levels_[level_transform], payload_type::transform);
        w_.put(number).put(id).put(std::uint16_t{0});
        w_.patch(count_at_, ++transforms_);
        return *this;
    }
    /// A transform with number, id and attributes exactly as in one that was received.   RFC 2408 §4.2, RFC 2409 §5
    // req: rfc2409-5-13, rfc2408-4.2-9
    constexpr auto transform(const isakmp::transform& t) noexcept -> builder& {
        transform(t.number, t.id);
        return attributes(t.attributes.octets());
    }
    /// An attribute: basic where two octets hold it, else variable.
    template <class Type>
        requires(std::is_enum_v<Type> || std::integral<Type>)
    constexpr auto number(Type type, std::uint64_t value) noexcept -> builder& {
        if (!levels_[level_transform].is_open) return fail(errc::bad_nesting);
        put_number(w_, static_cast<std::uint16_t>(type), value);
        return *this;
    }
    /// An attribute in the variable encoding.
    template <class Type>
        requires(std::is_enum_v<Type> || std::integral<Type>)
    constexpr auto variable(Type type, byte_view value) noexcept -> builder& {
        if (!levels_[level_transform].is_open) return fail(errc::bad_nesting);
        if (value.size() > 0xffff) return fail(errc::no_room);
        put_variable(w_, static_cast<std::uint16_t>(type), value);
        return *this;
    }
    /// Attributes as they are.
    constexpr auto attributes(byte_view octets) noexcept -> builder& {
        if (!levels_[level_transform].is_open) return fail(errc::bad_nesting);
        w_.put_octets(octets);
        return *this;
    }

    /// Ends the last payload, then zeros up to a multiple of `block` behind the header.   RFC 2409 App. B
    constexpr auto pad_to(std::size_t block) noexcept -> builder& {
        close_from(level_top);
        const std::size_t over = block == 0 ? 0 : (w_.size() - (has_header_ ? header::size : 0)) % block;
        if (over != 0) w_.put_zeros(block - over);
        return *this;
    }
    /// Octets behind everything so far, in no payload.
    constexpr auto append(byte_view octets) noexcept -> builder& {
        close_from(level_top);
        w_.put_octets(octets);
        return *this;
    }

    /// The innermost payload that is open says this length, RESERVED field or next payload, whatever is true.
    constexpr auto lie_length(std::uint16_t v) noexcept -> builder& { return lie([&](level& l) { l.length = v; }); }
    constexpr auto lie_reserved(std::uint8_t v) noexcept -> builder& {
        return lie([&](level& l) { w_.patch(l.at + 1, v); });
    }
    constexpr auto lie_next(payload_type v) noexcept -> builder& { return lie([&](level& l) { l.next = v; }); }
    /// The open proposal says this number of transforms. Add the transforms first.
    constexpr auto lie_transform_count(std::uint8_t v) noexcept -> builder& {
        if (!levels_[level_proposal].is_open) return fail(errc::bad_nesting);
        w_.patch(count_at_, v);
        return *this;
    }
    /// The header says this length or first payload.
    constexpr auto lie_message_length(std::uint32_t v) noexcept -> builder& {
        message_length_ = v;
        return *this;
    }
    constexpr auto lie_first(payload_type v) noexcept -> builder& {
        first_lie_ = v;
        lies_about_first_ = true;
        return *this;
    }

    /// Ends all payloads so that `chain_so_far` is complete; more may follow.
    constexpr auto close() noexcept -> builder& {
        close_from(level_top);
        return *this;
    }
    /// The payloads so far, without the header. The next payload of the last one is still 0.
    [[nodiscard]] constexpr auto chain_so_far() const noexcept -> byte_view {
        const byte_view all = w_.written();
        return all.subspan(has_header_ && all.size() >= header::size ? header::size : 0);
    }
    /// Type of the first payload, for the header of a chain that is built apart.
    [[nodiscard]] constexpr auto first() const noexcept -> payload_type { return lies_about_first_ ? first_lie_ : first_; }

    /// Patches the header. @return the whole message, in the caller's octets; or the first fault:
    ///         `errc::no_room` (also: a payload over 65535 octets, over 255 transforms or octets of SPI), `errc::bad_nesting`
    [[nodiscard]] constexpr auto finish() noexcept -> result<byte_span> {
        close_from(level_top);
        if (fault_) return std::unexpected{*fault_};
        if (!w_.ok()) return std::unexpected{errc::no_room};
        if (has_header_) {
            w_.patch(16, first());
            w_.patch(24, message_length_.value_or(static_cast<std::uint32_t>(w_.size())));
        }
        return out_.first(w_.size());
    }

private:
    static constexpr std::size_t level_top = 0;
    static constexpr std::size_t level_proposal = 1;
    static constexpr std::size_t level_transform = 2;
    struct level {
        bool is_open = false;
        std::size_t at = 0;                  ///< of the generic header of the open payload
        std::optional<std::size_t> last;     ///< of the one before it on this level, to be chained
        std::optional<std::uint16_t> length;
        std::optional<payload_type> next;
        bool next_is_fixed = false;          ///< the one before lied about its next payload
    };

    constexpr auto fail(errc e) noexcept -> builder& {
        if (!fault_) fault_ = e;
        return *this;
    }
    template <class F>
    constexpr auto lie(F f) noexcept -> builder& {
        for (std::size_t i = level_transform + 1; i-- > 0;)
            if (levels_[i].is_open) {
                f(levels_[i]);
                return *this;
            }
        return fail(errc::bad_nesting);
    }
    constexpr void open_top(payload_type type) noexcept {
        const bool is_first = !levels_[level_top].is_open && !levels_[level_top].last;
        open(levels_[level_top], type);
        if (is_first) first_ = type;
        in_sa_ = false;
    }
    /// Ends what is open on this level and below, chains the payload before to the new one, writes a generic header.
    constexpr void open(level& l, payload_type type) noexcept {
        close_from(static_cast<std::size_t>(&l - levels_));
        if (l.last && !l.next_is_fixed) w_.patch(*l.last, type);
        l.next_is_fixed = false;
        l.is_open = true;
        l.at = w_.size();
        w_.put_zeros(generic_header::size);
    }
    constexpr void close_from(std::size_t from) noexcept {
        for (std::size_t i = level_transform + 1; i-- > from;) {
            level& l = levels_[i];
            if (i > from) l.last.reset();  // a chain inside of the payload that ends here ends with it
            if (!l.is_open) continue;
            const std::size_t true_length = w_.size() - l.at;
            if (true_length > 0xffff && w_.ok()) fail(errc::no_room);
            w_.patch(l.at + 2, l.length.value_or(static_cast<std::uint16_t>(true_length)));
            if (l.next) w_.patch(l.at, *l.next);
            l.next_is_fixed = l.next.has_value();
            if (i == from) l.last = l.at;
            l.length.reset();
            l.next.reset();
            l.is_open = false;
        }
        if (from == level_top) in_sa_ = false;
    }

    byte_span out_;
    wire::writer w_;
    level levels_[3];
    bool has_header_ = false;
    bool in_sa_ = false;
    std::size_t count_at_ = 0;
    std::uint8_t transforms_ = 0;
    std::size_t claimed_at_ = 0;
    std::size_t claimed_size_ = 0;
    payload_type first_ = payload_type::none;
    payload_type first_lie_ = payload_type::none;
    bool lies_about_first_ = false;
    std::optional<std::uint32_t> message_length_{};
    std::optional<errc> fault_{};
};

}  // namespace ipsec::isakmp
