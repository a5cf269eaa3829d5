#pragma once
/// Messages as IKEv1 sends them: header, payloads in a row, padding, encryption.                RFC 2408 §3.1, RFC 2409 App. B
#include <algorithm>
#include <vector>

#include "ipsec/crypto/concepts.hpp"
#include "ipsec/ike/v1/crypto_fault.hpp"
#include "ipsec/ike/v1/keymat.hpp"
#include "ipsec/isakmp/builder.hpp"
#include "ipsec/isakmp/header.hpp"

namespace ipsec::ike::v1 {

/// Octets on the control path: bounded by `limits`, never per packet.
using octets = std::vector<std::byte>;
[[nodiscard]] inline auto to_octets(byte_view v) -> octets { return {v.begin(), v.end()}; }

/// The header of a message of ours; a message ID of zero belongs to phase 1.                    RFC 2408 §3.1
[[nodiscard]] inline auto header_of(const isakmp::cookie_pair& cky, isakmp::exchange_type exchange, isakmp::message_id id = {})
    -> isakmp::header {
    isakmp::header h;
    h.initiator = cky.initiator;
    h.responder = cky.responder;
    h.exchange = exchange;
    h.id = id;
    return h;
}

/// Cipher and key of one ISAKMP SA.
struct message_cipher {
    crypto::encryption_id cipher = crypto::encryption_id::aes_cbc;
    std::size_t block = 16;
    encryption_key key;
};

/// One message ready to be sent, and what its payloads were before encryption.
struct sealed_message {
    octets datagram;
    octets payloads;  ///< the chain in clear
    iv next;          ///< of the next message of the exchange; empty when not encrypted
};

/// When a provider that spoils messages may still change one: `testing/faults.hpp`. With any other nothing of it is there.
enum class message_stage : std::uint8_t { before_hash, before_encryption };
template <class P> concept spoils_messages =
    requires(P& p, isakmp::builder& b, byte_span room) { p.spoil(b, room, message_stage::before_hash); };

/// A message in the making. Payloads go in through `build()`; a HASH that stands first is claimed, and filled in when the rest
/// of the message is there.
class message_writer {
public:
    explicit message_writer(const isakmp::header& h) : room_(message_room), b_{room_} { b_.start(h); }
    message_writer(const message_writer&) = delete;
    auto operator=(const message_writer&) -> message_writer& = delete;

    auto add(isakmp::payload_type type, byte_view body) -> message_writer& {
        b_.add(type, body);
        return *this;
    }
    [[nodiscard]] auto build() noexcept -> isakmp::builder& { return b_; }
    /// What follows the first payload, which is a HASH of `hash_size` octets: input of HASH(1) and HASH(2).
    [[nodiscard]] auto behind_hash(std::size_t hash_size) noexcept -> byte_view {
        const byte_view chain = b_.close().chain_so_far();
        return chain.subspan(std::min(chain.size(), hash_size + isakmp::generic_header::size));
    }
    template <class P> [[nodiscard]] auto behind_hash(std::size_t hash_size, P& p) -> byte_view {
        if constexpr (spoils_messages<P>) p.spoil(b_, room_, message_stage::before_hash);
        return behind_hash(hash_size);
    }
    /// Writes the HASH that was claimed first.
    void set_hash(byte_view hash) noexcept { copy_octets(hash.first(std::min(hash.size(), b_.claimed().size())), b_.claimed()); }

    [[nodiscard]] auto finish() -> result<sealed_message> {
        const auto all = b_.finish();
        if (!all) return std::unexpected{errc::limit_reached};
        return sealed_message{to_octets(*all), to_octets(byte_view{*all}.subspan(isakmp::header::size)), {}};
    }
    /// Pads with zeros to whole blocks and encrypts everything behind the header; the length covers the padding.
    // req: rfc2409-3.2-2, rfc2409-3.2-3, rfc2409-B-3
    template <crypto::cbc_provider P>
    [[nodiscard]] auto finish(P& p, const message_cipher& c, const iv& first) -> result<sealed_message> {
        if constexpr (spoils_messages<P>) p.spoil(b_, room_, message_stage::before_encryption);
        auto m = (b_.pad_to(c.block), finish());
        if (!m) return m;
        m->datagram[flags_at] |= std::byte{isakmp::header_flags::encryption_bit};
        const byte_span text = byte_span{m->datagram}.subspan(isakmp::header::size);
        if (const auto ok = p.encrypt(c.cipher, c.key.view(), first.view(), text); !ok)
            return std::unexpected{errc_of(ok.error())};
        m->next = make_iv(byte_view{text}.last(c.block));
        return m;
    }

private:
    static constexpr std::size_t message_room = 16384;
    static constexpr std::size_t flags_at = 19;
    octets room_;
    isakmp::builder b_;
};

/// A message in clear: the payload chain, padding included, and the IV that the exchange goes on with if it is accepted.
struct opened_message {
    octets payloads;
    iv next;
};

/// Decrypts what follows the header; changes nothing.
/// @return `errc::not_decryptable` when the text is no whole number of blocks, `errc::crypto_failed`
template <crypto::cbc_provider P>
[[nodiscard]] auto open_message(P& p, const message_cipher& c, const iv& first, byte_view datagram) -> result<opened_message> {
    const byte_view text = datagram.subspan(std::min(datagram.size(), isakmp::header::size));
    if (text.empty() || text.size() % c.block != 0) return std::unexpected{errc::not_decryptable};
    opened_message m{to_octets(text), make_iv(text.last(c.block))};
    if (const auto ok = p.decrypt(c.cipher, c.key.view(), first.view(), m.payloads); !ok)
        return std::unexpected{errc_of(ok.error())};
    return m;
}

}  // namespace ipsec::ike::v1
