#pragma once
#include "ipsec/isakmp/domain.hpp"

namespace ipsec::isakmp {

/// The fixed part of a security association payload; proposals follow inside of it.     RFC 2408 §3.4, RFC 2407 §4.6.1
///
/// Parsed, `proposals` views the proposal chain for `parse_sa`. To build one, hand DOI and situation to `builder::sa`.
template <domain_of_interpretation Doi>
struct basic_security_association {
    static constexpr payload_type type = payload_type::security_association;
    using situation = typename Doi::situation;
    doi_id doi = Doi::number;
    situation where{};
    byte_view proposals{};  ///< views the input

    /// @return `errc::truncated`, `errc::unsupported_doi` (any but `Doi`: nobody can read its situation), or what its situation says:
    ///         `errc::unsupported_situation`, `errc::reserved_not_zero`
    [[nodiscard]] static constexpr auto parse(byte_view body) noexcept -> result<basic_security_association> {
        wire::reader r{body};
        basic_security_association sa;
        sa.doi = r.take<doi_id>();
        if (!r.ok()) return std::unexpected{errc::truncated};
        if (sa.doi != Doi::number) return std::unexpected{errc::unsupported_doi};
        const auto s = situation::take(r);
        if (!s) return std::unexpected{s.error()};
        sa.where = *s;
        sa.proposals = r.take_rest();
        return sa;
    }
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return 4 + where.size() + proposals.size(); }
    constexpr void emit(wire::writer& w) const noexcept {
        w.put(doi);
        where.emit(w);
        w.put_octets(proposals);
    }
    friend constexpr auto operator==(const basic_security_association& a, const basic_security_association& b) noexcept -> bool {
        return a.doi == b.doi && a.where == b.where && detail::same_octets(a.proposals, b.proposals);
    }
};
using security_association = basic_security_association<ipsec_doi>;

}  // namespace ipsec::isakmp
