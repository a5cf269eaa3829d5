#pragma once
/// Authorities and revocation lists, and the proof of a peer's key by a chain of certificates.           RFC 5280 §6, RFC 4945 §5
#include <botan/certstor.h>
#include <botan/x509_crl.h>
#include <botan/x509cert.h>
#include <botan/x509path.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "ipsec/crypto/botan/keys.hpp"
#include "ipsec/crypto/certificate_view.hpp"

namespace ipsec::crypto::botan {

/// Which hash may stand in a signature that an authority made. A root's own signature proves nothing and is not judged.
enum class signature_hashes : std::uint8_t {
    sha2 = 1,       ///< SHA-224 and better: what collisions of SHA-1 do not reach. The default.
    sha1_too,       ///< for gateways whose certificates are as old as they are
    md5_too,        ///< forged certificates have been made with it: in a laboratory only
};

struct certificate_policy {
    signature_hashes hashes = signature_hashes::sha2;
    public_key_limits keys{};
    bool require_revocation =
        false;  ///< every certificate below the root needs a current list that does not name it  RFC 4945 §5.2
    bool obsolete_purposes = false;   ///< the three extendedKeyUsage values of 1999 count as IKE's            RFC 4945 §5.1.3.12
    std::size_t most_depth = 8;       ///< certificates from the peer's to the authority's, both counted
    std::size_t most_certificates = 16;
    std::size_t most_lists = 8;
    std::size_t most_octets = 65536;  ///< of all certificates and lists of one proof
};

/// Knows authorities by number. Reads no clock and fetches nothing: time is an argument, lists are given (cve-43).
class trust_store {
public:
    explicit trust_store(certificate_policy policy = {}) : policy_{policy} {}

    /// A root that may end a chain, or the certificate of one peer that is trusted as it is; PEM or DER. Botan ends no chain at
    /// an authority that another one vouches for: that is refused here, before it surprises somebody.
    /// @return its number; `bad_certificate`, `untrusted` for an authority that is no root
    [[nodiscard]] auto add_anchor(byte_view file) noexcept -> result<std::uint32_t> {
        return shim::fenced([&]() -> result<std::uint32_t> {
            const auto der = der_of(file, "CERTIFICATE");
            if (!certificate_view::parse(der)) return std::unexpected{errc::bad_certificate};
            const Botan::X509_Certificate c{shim::octets(byte_view{der}), der.size()};
            if (c.is_CA_cert() && !c.is_self_signed()) return std::unexpected{errc::untrusted};
            anchors_.push_back(c);
            return static_cast<std::uint32_t>(anchors_.size() - 1);
        }, errc::bad_certificate);
    }
    /// A revocation list that the user has fetched. A newer one of the same issuer takes the place of an older one.
    /// @return `bad_certificate` for what is none, or is a delta, or has a critical extension that is not known here
    // req: rfc4945-3.2.3-6, rfc4945-5.2.2.4.1-1, rfc4945-5.2.2.4.1-2
    [[nodiscard]] auto add_list(byte_view file) noexcept -> result<void> {
        return shim::fenced([&]() -> result<void> {
            const auto der = der_of(file, "X509 CRL");
            if (!is_whole_list(der)) return std::unexpected{errc::bad_certificate};
            put(lists_, Botan::X509_CRL{shim::vector_of(der)});
            return {};
        }, errc::bad_certificate);
    }
    /// DER of the Name of an authority: what a certificate request asks for. @return `unknown_key`
    [[nodiscard]] auto subject_of(std::uint32_t anchor) const noexcept -> result<std::vector<std::byte>> {
        if (anchor >= anchors_.size()) return std::unexpected{errc::unknown_key};
        return shim::fenced([&]() -> result<std::vector<std::byte>> {
            const auto der = anchors_[anchor].BER_encode();
            const auto view = certificate_view::parse(std::as_bytes(std::span{der}));
            if (!view) return std::unexpected{view.error()};
            return std::vector<std::byte>{view->subject.begin(), view->subject.end()};
        });
    }
    [[nodiscard]] auto policy() const noexcept -> const certificate_policy& { return policy_; }

    /// Whose key the first certificate of `chain` is, once one of the anchors vouches for it at this time. The other certificates
    /// may come in any order; those that do not parse, or that nobody vouches for, are passed over, and so are lists.
    /// @param anchors  numbers of `add_anchor`; empty: all
    /// @return `bad_certificate`, `untrusted`, `expired_certificate`, `revoked`, `revocation_unknown`, `weak_certificate`,
    ///         `critical_extension`, `not_for_ike`, `bad_key`, `unknown_key` for a number that no anchor has, `bad_length` beyond
    ///         the limits of the policy
    [[nodiscard]] auto prove(std::span<const byte_view> chain, std::span<const byte_view> lists,
                             std::span<const std::uint32_t> anchors, std::int64_t unix_seconds) const noexcept
        -> result<certified> {
        if (chain.empty()) return std::unexpected{errc::bad_certificate};
        if (auto ok = check_sizes(chain, lists); !ok) return std::unexpected{ok.error()};
        for (const auto a : anchors)
            if (a >= anchors_.size()) return std::unexpected{errc::unknown_key};
        const auto peer = certificate_view::parse(chain.front());
        if (!peer) return std::unexpected{peer.error()};
        if (!peer->is_for_ike(policy_.obsolete_purposes) || !(peer->may_sign() || peer->may_decrypt()))
            return std::unexpected{errc::not_for_ike};
        return shim::fenced([&]() -> result<certified> {
            const Botan::X509_Certificate end{shim::octets(chain.front()), chain.front().size()};
            std::vector<Botan::X509_Certificate> trusted;
            for (std::uint32_t i = 0; i < anchors_.size(); ++i)
                if (anchors.empty() || std::ranges::find(anchors, i) != anchors.end()) trusted.push_back(anchors_[i]);
            const auto path = vouched_for(end, chain.subspan(1), trusted);
            if (!path) return std::unexpected{path.error()};
            if (auto ok = validate(*path, trusted, lists, unix_seconds); !ok) return std::unexpected{ok.error()};
            const auto key = end.subject_public_key_info();
            auto names = peer->names();
            if (!names) return std::unexpected{names.error()};
            return certified{.key = {shim::bytes_of(key)},
                             .subject = {peer->subject.begin(), peer->subject.end()},
                             .names = std::move(*names),
                             .may_sign = peer->may_sign(),
                             .may_decrypt = peer->may_decrypt()};
        }, errc::bad_certificate);
    }

private:
    using certificates = std::vector<Botan::X509_Certificate>;

    [[nodiscard]] auto check_sizes(std::span<const byte_view> chain, std::span<const byte_view> lists) const noexcept
        -> result<void> {
        std::size_t octets = 0;
        for (const auto v : chain) octets += v.size();
        for (const auto v : lists) octets += v.size();
        if (chain.size() > policy_.most_certificates || lists.size() > policy_.most_lists || octets > policy_.most_octets)
            return std::unexpected{errc::bad_length};
        return {};
    }
    /// The peer's certificate, and those of `others` that an anchor vouches for, directly or through others of them.
    ///
    /// Each signature is checked before what it vouches for is used, so that somebody who sends many certificates with the same
    /// names makes work for at most one check per pair, never for a search through all ways to put them in order.
    [[nodiscard]] auto vouched_for(const Botan::X509_Certificate& end, std::span<const byte_view> others,
                                   const certificates& trusted) const -> result<certificates> {
        certificates path{end};
        if (std::ranges::find(trusted, end) != trusted.end()) return path;
        certificates left;
        for (const byte_view der : others) {
            if (!certificate_view::parse(der)) continue;
            auto c = shim::fenced([&]() -> result<Botan::X509_Certificate> {
                return Botan::X509_Certificate{shim::octets(der), der.size()};
            }, errc::bad_certificate);
            if (c && c->is_CA_cert() && *c != end && std::ranges::find(left, *c) == left.end()) left.push_back(std::move(*c));
        }
        certificates good = trusted;
        for (std::size_t from = 0; from < good.size(); ++from) {
            const auto issuer = good[from];  // a copy: the list grows
            std::erase_if(left, [&](const Botan::X509_Certificate& c) {
                if (!is_signed_by(c, issuer)) return false;
                good.push_back(c);
                path.push_back(c);
                return true;
            });
        }
        for (const auto& issuer : good)
            if (is_signed_by(end, issuer)) return path;
        return std::unexpected{errc::untrusted};
    }
    template <class Signed>
    [[nodiscard]] static auto is_signed_by(const Signed& what, const Botan::X509_Certificate& issuer) noexcept -> bool {
        return shim::fenced([&]() -> result<void> {
            if (what.issuer_dn() != issuer.subject_dn()) return std::unexpected{errc::untrusted};
            const std::unique_ptr<Botan::Public_Key> key{issuer.subject_public_key()};
            if (key == nullptr || !what.check_signature(*key)) return std::unexpected{errc::untrusted};
            return {};
        }).has_value();
    }

    [[nodiscard]] auto validate(const certificates& path, const certificates& trusted, std::span<const byte_view> lists,
                                std::int64_t unix_seconds) const -> result<void> {
        constexpr std::int64_t end_of_9999 = 253402300799;
        if (unix_seconds < 0 || unix_seconds > end_of_9999) return std::unexpected{errc::expired_certificate};
        const std::chrono::system_clock::time_point now{std::chrono::seconds{unix_seconds}};
        if (std::ranges::find(trusted, path.front()) != trusted.end()) {  // the peer's own: nobody needs to vouch for it
            const Botan::X509_Time time{now};
            if (time < path.front().not_before() || time > path.front().not_after())
                return std::unexpected{errc::expired_certificate};
            return check_keys(path);
        }
        Botan::Certificate_Store_In_Memory roots;
        for (const auto& c : trusted) roots.add_certificate(c);
        for (const auto& l : current_lists(path, trusted, lists, now)) roots.add_crl(l);
        const Botan::Path_Validation_Restrictions rules{policy_.require_revocation, 0, false, hash_names(policy_.hashes)};
        const std::vector<Botan::Certificate_Store*> stores{&roots};
        const auto verdict = Botan::x509_path_validate(path, rules, stores, "", Botan::Usage_Type::UNSPECIFIED, now);
        if (!verdict.successful_validation()) return std::unexpected{meaning_of(verdict.result())};
        const auto& found = verdict.cert_path();
        if (found.size() > policy_.most_depth) return std::unexpected{errc::untrusted};
        if (policy_.require_revocation && found.size() > 1 && !each_has_a_list(verdict))
            return std::unexpected{errc::revocation_unknown};
        return check_keys(found);
    }
    /// Certificates stand in a path by pointer or by value, as Botan's version has it.
    [[nodiscard]] static auto at(const Botan::X509_Certificate& c) noexcept -> const Botan::X509_Certificate& { return c; }
    [[nodiscard]] static auto at(const std::shared_ptr<const Botan::X509_Certificate>& c) noexcept
        -> const Botan::X509_Certificate& {
        return *c;
    }
    template <class Path>
    [[nodiscard]] auto check_keys(const Path& found) const -> result<void> {
        bool is_peer = true;
        for (const auto& c : found) {
            const std::unique_ptr<Botan::Public_Key> key{at(c).subject_public_key()};
            // IKE's kinds of keys are asked of the peer; an authority may sign with another, but not with a weak RSA key.
            const auto kind = kind_of(*key, policy_.keys);
            if (!kind && (is_peer || dynamic_cast<const Botan::RSA_PublicKey*>(key.get()) != nullptr))
                return std::unexpected{is_peer ? errc::bad_key : errc::weak_certificate};
            is_peer = false;
        }
        return {};
    }
    [[nodiscard]] static auto each_has_a_list(const Botan::Path_Validation_Result& verdict) -> bool {
        const auto& all = verdict.all_statuses();
        for (std::size_t i = 0; i + 1 < all.size(); ++i)
            if (!all[i].contains(Botan::Certificate_Status_Code::VALID_CRL_CHECKED)) return false;
        return true;
    }
    /// The lists that the user gave, and those of the message that an authority of this chain signed and that are current.
    /// A list that nobody signed, or an old one, must not push out what is known already.
    // req: rfc4945-5.2.1-1
    [[nodiscard]] auto current_lists(const certificates& path, const certificates& trusted, std::span<const byte_view> lists,
                                     std::chrono::system_clock::time_point now) const -> std::vector<Botan::X509_CRL> {
        auto all = lists_;
        const Botan::X509_Time time{now};
        for (const byte_view der : lists) {
            if (!is_whole_list(der)) continue;
            const auto one = shim::fenced([&]() -> result<Botan::X509_CRL> {
                Botan::X509_CRL l{shim::vector_of(der)};
                const auto vouches = [&](const Botan::X509_Certificate& c) { return c.is_CA_cert() && is_signed_by(l, c); };
                const bool is_signed = std::ranges::any_of(trusted, vouches) || std::ranges::any_of(path, vouches);
                if (!is_signed || l.this_update() > time || (l.next_update().time_is_set() && l.next_update() < time))
                    return std::unexpected{errc::untrusted};
                return l;
            });
            if (one) put(all, *one);
        }
        return all;
    }
    /// One list per issuer, the newest.
    static void put(std::vector<Botan::X509_CRL>& all, const Botan::X509_CRL& more) {
        for (auto& l : all) {
            if (l.issuer_dn() != more.issuer_dn() || l.authority_key_id() != more.authority_key_id()) continue;
            if (l.this_update() <= more.this_update()) l = more;
            return;
        }
        all.push_back(more);
    }
    /// A list that can be used as it is: DER, no delta, and no critical extension but those that Botan reads.
    [[nodiscard]] static auto is_whole_list(byte_view der) noexcept -> bool {
        using wire::der::tag;
        wire::der::reader file{der};
        auto list = file.enter(tag::sequence);
        auto body = list.enter(tag::sequence);
        body.skip_if(tag::integer);
        (void)body.take(tag::sequence);
        (void)body.take(tag::sequence);
        while (body.more() && !body.next_is(wire::der::context(0))) (void)body.take();  // times, and the revoked
        if (body.more()) {
            auto extensions = body.enter(wire::der::context(0)).enter(tag::sequence);
            while (extensions.more()) {
                auto e = extensions.enter(tag::sequence);
                const auto id = e.take(tag::object_id).content;
                const bool is_critical = e.next_is(tag::boolean);
                const auto n = id.size() == 3 && id[0] == 0x55_b && id[1] == 0x1d_b ? std::to_integer<unsigned>(id[2]) : 0U;
                if (n == 27 || (is_critical && n != 20 && n != 28 && n != 35)) return false;
            }
            if (!extensions.is_done()) return false;
        }
        return body.is_done() && file.is_done();
    }
    [[nodiscard]] static auto der_of(byte_view file, const char* label) -> std::vector<std::byte> {
        if (!file.empty() && file.front() == std::byte{0x30}) return {file.begin(), file.end()};
        Botan::DataSource_Memory source{shim::octets(file), file.size()};
        return shim::bytes_of(Botan::PEM_Code::decode_check_label(source, label));
    }
    [[nodiscard]] static auto hash_names(signature_hashes h) -> std::set<std::string> {
        std::set<std::string> names{"SHA-224",     "SHA-256",    "SHA-384",    "SHA-512",
                                    "SHA-512-256", "SHA-3(256)", "SHA-3(384)", "SHA-3(512)"};
        if (h != signature_hashes::sha2) names.insert({"SHA-1", "SHA-160"});
        if (h == signature_hashes::md5_too) names.insert("MD5");
        return names;
    }
    [[nodiscard]] static auto meaning_of(Botan::Certificate_Status_Code code) noexcept -> errc {
        using status = Botan::Certificate_Status_Code;
        switch (code) {
            case status::CERT_IS_REVOKED: return errc::revoked;
            case status::CERT_NOT_YET_VALID:
            case status::CERT_HAS_EXPIRED: return errc::expired_certificate;
            case status::NO_REVOCATION_DATA:
            case status::NO_MATCHING_CRLDP:
            case status::CRL_NOT_YET_VALID:
            case status::CRL_HAS_EXPIRED:
            case status::CRL_BAD_SIGNATURE:
            case status::CA_CERT_NOT_FOR_CRL_ISSUER: return errc::revocation_unknown;
            case status::UNKNOWN_CRITICAL_EXTENSION: return errc::critical_extension;
            case status::SIGNATURE_METHOD_TOO_WEAK:
            case status::UNTRUSTED_HASH: return errc::weak_certificate;
            case status::INVALID_USAGE: return errc::not_for_ike;
            case status::DUPLICATE_CERT_EXTENSION:
            case status::EXT_IN_V1_V2_CERT:
            case status::V2_IDENTIFIERS_IN_V1_CERT: return errc::bad_certificate;
            default: return errc::untrusted;
        }
    }

    certificate_policy policy_;
    certificates anchors_;
    std::vector<Botan::X509_CRL> lists_;
};

}  // namespace ipsec::crypto::botan
