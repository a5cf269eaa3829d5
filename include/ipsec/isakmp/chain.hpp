#pragma once
/// The chain of payloads behind a header, and the chains inside a security association.  RFC 2408 §3.2, §4.2, §5.3 - §5.6
#include <algorithm>
#include <optional>

#include "ipsec/core/static_vector.hpp"
#include "ipsec/isakmp/header.hpp"
#include "ipsec/isakmp/payloads/proposal.hpp"
#include "ipsec/isakmp/payloads/security_association.hpp"
#include "ipsec/isakmp/payloads/transform.hpp"

namespace ipsec::isakmp {

/// One payload where it lies in the message.
struct payload_view {
    payload_type type = payload_type::none;
    byte_view body{};  ///< behind the generic header
    byte_view raw{};   ///< with the generic header: what HASH(1) and its kin run over  RFC 2409 §5.5
};

/// Octets behind the last payload.
enum class trailing : std::uint8_t {
    refused,        ///< nothing may follow
    zeros_to_four,  ///< in the clear: no more than makes the length a multiple of four, as libreswan and others have all messages
    tolerated       ///< decrypted: padding, whatever it holds                       RFC 2409 App. B
};
/// Payload types without a definition (private ones need a familiar vendor id first, RFC 2408 §3.16).
enum class unknown_payloads : std::uint8_t {
    refused,
    kept  ///< listed like the others; types 0, P and T are refused all the same
};
/// What a receiver insists on. The defaults are for a message in the clear: the RFC's, but for zeros behind the last payload.
struct chain_rules {
    trailing behind = trailing::zeros_to_four;
    unknown_payloads unknown = unknown_payloads::refused;
    bool reserved_must_be_zero = true;  ///< RFC 2408 §5.3: MUST verify
};
inline constexpr chain_rules rules_in_clear{};
inline constexpr chain_rules rules_decrypted{.behind = trailing::tolerated};

/// The payloads of one message in order, at most `Capacity`; views into the octets that were parsed.
template <std::size_t Capacity>
class basic_chain {
public:
    static constexpr std::size_t capacity = Capacity;

    /// Walks the chain that starts with a payload of type `first`. Allocates nothing and copies nothing.
    ///
    /// @return `errc::truncated`, `length_below_header`, `length_past_end`, `reserved_not_zero`, `bad_next_payload`,
    ///         `too_many_payloads`, `trailing_octets`. The bodies are not looked into.
    [[nodiscard]] static constexpr auto parse(payload_type first, byte_view octets, const chain_rules& rules = {}) noexcept
        -> result<basic_chain> {
        basic_chain chain;
        byte_view left = octets;
        for (payload_type type = first; type != payload_type::none;) {
            const bool nested_only = type == payload_type::proposal || type == payload_type::transform;  // req: rfc2408-3.4-1
            if (nested_only || (rules.unknown == unknown_payloads::refused && !is_known_in_chain(type)))
                return std::unexpected{errc::bad_next_payload};
            const auto piece = cut(left, rules.reserved_must_be_zero);
            if (!piece) return std::unexpected{piece.error()};
            if (!chain.payloads_.push_back({type, piece->raw.subspan(generic_header::size), piece->raw}))
                return std::unexpected{errc::too_many_payloads};
            left = left.subspan(piece->raw.size());
            type = piece->next;
        }
        const bool to_four = left.size() < 4 && octets.size() % 4 == 0 &&
                             std::ranges::all_of(left, [](std::byte b) { return b == std::byte{}; });
        if (!left.empty() && rules.behind != trailing::tolerated && !(to_four && rules.behind == trailing::zeros_to_four))
            return std::unexpected{errc::trailing_octets};
        chain.octets_ = octets.first(octets.size() - left.size());
        return chain;
    }

    [[nodiscard]] constexpr auto begin() const noexcept { return payloads_.begin(); }
    [[nodiscard]] constexpr auto end() const noexcept { return payloads_.end(); }
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return payloads_.size(); }
    [[nodiscard]] constexpr auto empty() const noexcept -> bool { return payloads_.empty(); }
    [[nodiscard]] constexpr auto operator[](std::size_t i) const noexcept -> const payload_view& { return payloads_[i]; }

    /// The `n`-th payload of a type, counted from 0; null when there are not that many.
    [[nodiscard]] constexpr auto find(payload_type type, std::size_t n = 0) const noexcept -> const payload_view* {
        for (const payload_view& p : payloads_)
            if (p.type == type && n-- == 0) return &p;
        return nullptr;
    }
    [[nodiscard]] constexpr auto count(payload_type type) const noexcept -> std::size_t {
        std::size_t n = 0;
        for (const payload_view& p : payloads_) n += p.type == type ? 1U : 0U;
        return n;
    }
    /// The `n`-th payload of P's type, parsed. @return `errc::missing_payload`, or what `P::parse` says
    template <class P>
    [[nodiscard]] constexpr auto get(std::size_t n = 0) const noexcept -> result<P> {
        const payload_view* const p = find(P::type, n);
        if (p == nullptr) return std::unexpected{errc::missing_payload};
        return P::parse(p->body);
    }
    /// All payloads with their generic headers; padding excluded.
    [[nodiscard]] constexpr auto octets() const noexcept -> byte_view { return octets_; }
    /// All that follows payload `i`, generic headers included, padding excluded: what HASH(1) covers.  RFC 2409 §5.5
    /// @pre `i < size()`
    [[nodiscard]] constexpr auto behind(std::size_t i) const noexcept -> byte_view {
        std::size_t n = 0;
        for (std::size_t k = 0; k <= i; ++k) n += payloads_[k].raw.size();
        return octets_.subspan(n);
    }

    struct piece {
        payload_type next;
        byte_view raw;
    };
    /// The first payload of `in` by its generic header, whose length is checked before anything is cut by it.
    // req: rfc2408-2.5.2-2
    [[nodiscard]] static constexpr auto cut(byte_view in, bool reserved_must_be_zero) noexcept -> result<piece> {
        const auto h = generic_header::parse(in);
        if (!h) return std::unexpected{h.error()};
        if (h->length < generic_header::size) return std::unexpected{errc::length_below_header};
        if (h->length > in.size()) return std::unexpected{errc::length_past_end};
        if (reserved_must_be_zero && h->reserved != 0) return std::unexpected{errc::reserved_not_zero};
        return piece{h->next, in.first(h->length)};
    }

private:
    static_vector<payload_view, Capacity> payloads_;
    byte_view octets_{};
};
using chain = basic_chain<32>;

/// A message in the clear, or one whose encryption is still on: then `payloads` is empty.
template <std::size_t Capacity>
struct basic_message {
    header head;
    basic_chain<Capacity> payloads;
    byte_view behind_header{};  ///< the payloads as they came: ciphertext where the header says so
};
using message = basic_message<32>;

/// Header and, in the clear, chain of one datagram.                                     RFC 2408 §5.2, §5.3
/// @return any fault of `parse_header` and `basic_chain::parse`
template <std::size_t Capacity = 32>
[[nodiscard]] constexpr auto parse_message(byte_view datagram, const header_rules& on_header = {},
                                           const chain_rules& on_chain = {}) noexcept -> result<basic_message<Capacity>> {
    const auto h = parse_header(datagram, on_header);
    if (!h) return std::unexpected{h.error()};
    basic_message<Capacity> m{*h, {}, datagram.subspan(header::size)};
    if (h->flags.encrypted()) return m;
    const auto c = basic_chain<Capacity>::parse(h->next_payload, m.behind_header, on_chain);
    if (!c) return std::unexpected{c.error()};
    m.payloads = *c;
    return m;
}

/// One transform of an offer, and where it lies.
struct transform_node {
    transform value;
    byte_view raw{};  ///< with the generic header
};
/// One proposal of an offer; its transforms stand in the tree's list from `first_transform` on.
struct proposal_node {
    proposal value;
    byte_view raw{};  ///< with the generic header and all transforms
    std::size_t first_transform = 0;
};

/// A security association with everything in it, read to the bottom.                    RFC 2408 §4.2
///
/// The limits bound memory and work, whatever a peer sends; over them is an error of its own, not a cut.
template <std::size_t Proposals, std::size_t Transforms, std::size_t Attributes, domain_of_interpretation Doi = ipsec_doi>
class basic_sa_tree {
public:
    using sa_payload = basic_security_association<Doi>;
    /// @param body  of the SA payload, behind its generic header
    /// @return what `security_association::parse`, `proposal::parse`, `transform::parse` say; `no_proposal`,
    ///         `too_many_proposals`, `bad_proposal_order`, `no_transform`, `too_many_transforms`, `bad_transform_count`,
    ///         `bad_transform_order`, `too_many_attributes`, `bad_next_payload` (a chain of something else),
    ///         `trailing_octets` (behind the last transform or proposal), and the faults of a generic header
    // req: rfc2408-3.5-1, rfc2408-3.6-1
    [[nodiscard]] static constexpr auto parse(byte_view body, bool reserved_must_be_zero = true) noexcept
        -> result<basic_sa_tree> {
        const auto sa = sa_payload::parse(body);
        if (!sa) return std::unexpected{sa.error()};
        basic_sa_tree tree;
        tree.sa_ = *sa;
        if (sa->proposals.empty()) return std::unexpected{errc::no_proposal};
        byte_view left = sa->proposals;
        for (payload_type type = payload_type::proposal; type != payload_type::none;) {
            if (type != payload_type::proposal) return std::unexpected{errc::bad_next_payload};
            const auto piece = basic_chain<1>::cut(left, reserved_must_be_zero);
            if (!piece) return std::unexpected{piece.error()};
            if (const auto ok = tree.take_proposal(piece->raw, reserved_must_be_zero); !ok) return std::unexpected{ok.error()};
            left = left.subspan(piece->raw.size());
            type = piece->next;
        }
        if (!left.empty()) return std::unexpected{errc::trailing_octets};
        return tree;
    }

    [[nodiscard]] constexpr auto sa() const noexcept -> const sa_payload& { return sa_; }
    [[nodiscard]] constexpr auto proposals() const noexcept -> std::span<const proposal_node> { return proposals_; }
    /// The transforms of one of `proposals()`, in the sender's order of preference.
    [[nodiscard]] constexpr auto transforms(const proposal_node& p) const noexcept -> std::span<const transform_node> {
        return std::span<const transform_node>{transforms_}.subspan(p.first_transform, p.value.transform_count);
    }
    /// Visits the alternatives of the offer in order: each a run of proposals of one number, which hold together (AND).
    /// `f(std::span<const proposal_node>) -> bool` says whether to go on.                RFC 2408 §4.2
    // req: rfc2408-4.2-1, rfc2408-4.2-2
    template <class F>
    constexpr void for_each_alternative(F&& f) const {
        const std::span<const proposal_node> all = proposals();
        for (std::size_t i = 0; i < all.size();) {
            std::size_t n = 1;
            while (i + n < all.size() && all[i + n].value.number == all[i].value.number) ++n;
            if (!f(all.subspan(i, n))) return;
            i += n;
        }
    }
    [[nodiscard]] constexpr auto alternative_count() const noexcept -> std::size_t {
        std::size_t n = 0;
        for_each_alternative([&n](std::span<const proposal_node>) { return ++n > 0; });
        return n;
    }

private:
    constexpr auto take_proposal(byte_view raw, bool reserved_must_be_zero) noexcept -> result<void> {
        const auto p = proposal::parse(raw.subspan(generic_header::size));
        if (!p) return std::unexpected{p.error()};
        // A number that comes back after another one would tear an AND group apart.  req: rfc2408-4.2-3
        if (!proposals_.empty() && p->number < proposals_.back().value.number) return std::unexpected{errc::bad_proposal_order};
        const std::size_t first = transforms_.size();
        if (!proposals_.push_back({*p, raw, first})) return std::unexpected{errc::too_many_proposals};
        if (p->transforms.empty()) return std::unexpected{errc::no_transform};
        byte_view left = p->transforms;
        for (payload_type type = payload_type::transform; type != payload_type::none;) {
            if (type != payload_type::transform) return std::unexpected{errc::bad_next_payload};
            const auto piece = basic_chain<1>::cut(left, reserved_must_be_zero);
            if (!piece) return std::unexpected{piece.error()};
            const auto t = transform::parse(piece->raw.subspan(generic_header::size), Attributes);
            if (!t) return std::unexpected{t.error()};
            if (transforms_.size() > first && t->number <= transforms_.back().value.number)
                return std::unexpected{errc::bad_transform_order};  // req: rfc2408-4.2-5
            if (!transforms_.push_back({*t, piece->raw})) return std::unexpected{errc::too_many_transforms};
            left = left.subspan(piece->raw.size());
            type = piece->next;
        }
        if (!left.empty()) return std::unexpected{errc::trailing_octets};
        if (transforms_.size() - first != p->transform_count) return std::unexpected{errc::bad_transform_count};
        return {};
    }

    sa_payload sa_;
    static_vector<proposal_node, Proposals> proposals_;
    static_vector<transform_node, Transforms> transforms_;
};
/// Room for what large gateways offer: 16 proposals, 128 transforms in all, 32 attributes each.
using sa_tree = basic_sa_tree<16, 128, 32>;

}  // namespace ipsec::isakmp
