#pragma once
/// Messages of the Transaction exchange, two of them each: HDR*, HASH, ATTR.              draft-dukes-ike-mode-cfg-02 §3.1
///
/// The first is a REQUEST or a SET, the second a REPLY or an ACK; either end of an ISAKMP SA may begin.
#include <algorithm>
#include <array>

#include "ipsec/ike/v1/detail/main_mode_states.hpp"
#include "ipsec/ike/v1/dialogue.hpp"
#include "ipsec/ike/v1/radius_chap.hpp"
#include "ipsec/isakmp/payloads/attributes.hpp"
#include "ipsec/isakmp/shape.hpp"

namespace ipsec::ike::v1::transaction {

/// What one message says. Its octets may hold a password: they are wiped with it.
struct content {
    isakmp::config_message message = isakmp::config_message::reserved;
    std::uint16_t identifier = 0;
    secret<2048> attributes{};

    /// @return false when there is no room for it
    [[nodiscard]] auto put(isakmp::config_attribute a, byte_view value) -> bool {
        std::array<std::byte, 4> head{};
        wire::store(byte_span{head}, static_cast<std::uint16_t>(a));
        wire::store(byte_span{head}.subspan(2), static_cast<std::uint16_t>(value.size()));
        return attributes.append(head) && attributes.append(value);
    }
    [[nodiscard]] auto put(isakmp::config_attribute a, std::string_view text) -> bool {
        return put(a, std::as_bytes(std::span{text}));
    }
    [[nodiscard]] auto put_number(isakmp::config_attribute a, std::uint16_t value) -> bool {
        std::array<std::byte, 4> all{};
        wire::store(byte_span{all}, static_cast<std::uint16_t>(static_cast<unsigned>(a) | 0x8000U));
        wire::store(byte_span{all}.subspan(2), value);
        return attributes.append(all);
    }
};

/// Zeros in place of what nobody may read in a trace.
inline void blank_secrets(isakmp::payload_type first, byte_span payloads) {
    const auto chain = isakmp::chain::parse(first, payloads, {.behind = isakmp::trailing::tolerated,
                                                              .unknown = isakmp::unknown_payloads::kept});
    const auto* p = chain ? chain->find(isakmp::payload_type::attributes) : nullptr;
    const auto in = isakmp::attributes::parse(p != nullptr ? p->body : byte_view{});
    if (!in) return;
    for (const isakmp::attribute a : in->list)
        switch (static_cast<isakmp::config_attribute>(a.type)) {
            case isakmp::config_attribute::xauth_user_password:
            case isakmp::config_attribute::xauth_passcode:
            case isakmp::config_attribute::xauth_next_pin:
            case isakmp::config_attribute::xauth_answer:
                wipe(payloads.subspan(static_cast<std::size_t>(a.value.data() - payloads.data()), a.value.size()));
                break;
            default: break;
        }
}

/// HASH = prf(SKEYID_a, M-ID | ATTR).                                                          §3.1.1
template <class P>
[[nodiscard]] auto write(const content& c, isakmp::message_id id, const iv& first, const main_mode::keyed& ike, P& p)
    -> result<sealed_message> {
    isakmp::attributes body{.message = c.message, .identifier = c.identifier, .list = {}};
    const auto list = isakmp::attribute_list::parse(c.attributes.view());
    if (!list) return std::unexpected{errc::limit_reached};
    body.list = *list;
    isakmp::header h = header_of(ike.cky, isakmp::exchange_type::transaction, id);
    h.flags = isakmp::encrypted;
    auto room = secret<3072>::zeros(3072);
    isakmp::builder b{room.octets()};
    const std::size_t hash_size = ike.keys.skeyid_a.size();
    const byte_view chain = b.start(h).claim(isakmp::payload_type::hash, hash_size).add(body).close().chain_so_far();
    const byte_view behind = chain.subspan(std::min(chain.size(), hash_size + isakmp::generic_header::size));
    const auto hash = hash_1_2(p, ike.prf, ike.keys.skeyid_a, id.value(), {}, behind);
    if (!hash) return std::unexpected{errc_of(hash.error())};
    copy_octets(hash->view().first(std::min(hash->size(), b.claimed().size())), b.claimed());
    const auto all = b.pad_to(ike.cipher.block).finish();
    if (!all) return std::unexpected{errc::limit_reached};
    const byte_span text = all->subspan(isakmp::header::size);
    sealed_message m;
    m.payloads = to_octets(text);
    blank_secrets(isakmp::payload_type::hash, m.payloads);
    if (const auto ok = p.encrypt(ike.cipher.cipher, ike.cipher.key.view(), first.view(), text); !ok)
        return std::unexpected{errc_of(ok.error())};
    m.next = make_iv(byte_view{text}.last(ike.cipher.block));
    m.datagram = to_octets(*all);
    return m;
}

/// A message whose HASH holds; views of `body` are into `payloads`, which are wiped in the end.
struct proven {
    octets payloads;
    isakmp::attributes body;
    iv next;
    proven(octets p, const isakmp::attributes& b, const iv& n) : payloads{std::move(p)}, body{b}, next{n} {}
    proven(proven&&) noexcept = default;
    auto operator=(proven&&) noexcept -> proven& = default;
    ~proven() { wipe(payloads); }
};

namespace detail {
inline constexpr std::array rules{isakmp::payload_rule{isakmp::payload_type::hash, 1, 1},
                                  isakmp::payload_rule{isakmp::payload_type::attributes, 1, 1}};
inline constexpr std::array leading{isakmp::payload_type::hash};
inline constexpr isakmp::shape form{"Transaction", rules, leading};
}  // namespace detail

/// Decrypts and authenticates; changes nothing.
template <class P>
[[nodiscard]] auto admit(const isakmp::header& h, byte_view datagram, const iv& first, const main_mode::keyed& ike, P& p)
    -> admitted<proven> {
    if (!h.flags.encrypted()) return std::unexpected{fault{errc::wrong_flags}};
    auto m = open_message(p, ike.cipher, first, datagram);
    if (!m) return std::unexpected{fault{m.error()}};
    proven all{std::move(m->payloads), {}, m->next};
    const auto chain = isakmp::chain::parse(h.next_payload, all.payloads,
                                            {.behind = isakmp::trailing::tolerated, .unknown = isakmp::unknown_payloads::kept});
    if (!chain) return std::unexpected{fault{chain.error()}};
    if (auto ok = isakmp::check_shape(*chain, detail::form); !ok) return std::unexpected{fault{ok.error()}};
    const auto expected = hash_1_2(p, ike.prf, ike.keys.skeyid_a, h.id.value(), {}, chain->behind(0));
    if (!expected) return std::unexpected{fault{errc_of(expected.error())}};
    if (!ct_equal(expected->view(), (*chain)[0].body)) return std::unexpected{fault{errc::bad_hash}};
    const auto body = isakmp::attributes::parse(chain->find(isakmp::payload_type::attributes)->body);
    if (!body) return std::unexpected{fault{body.error()}};
    all.body = *body;
    return all;
}

// --- what the machines of XAUTH and Mode Config have in common -----------------------------------------------------------------

/// Events: a message whose HASH holds. Views.
struct request {
    isakmp::attributes in{};
};
struct set {
    isakmp::attributes in{};
};
struct reply {
    isakmp::attributes in{};
};
struct ack {
    isakmp::attributes in{};
};
/// What XAUTH wants of a crypto provider, whatever its type. Without one all of it fails.
struct xauth_crypto {
    void* provider = nullptr;
    bool (*fill)(void*, byte_span) = [](void*, byte_span) { return false; };
    /// RADIUS-CHAP of a password and a challenge, under a random ID.
    result<secret<128>> (*chap)(void*, byte_view, byte_view) = [](void*, byte_view, byte_view) -> result<secret<128>> {
        return std::unexpected{errc::crypto_failed};
    };
    template <class P> [[nodiscard]] static auto of(P& p) -> xauth_crypto {
        return {&p, [](void* at, byte_span out) -> bool { return static_cast<P*>(at)->fill(out); },
                [](void* at, byte_view password, byte_view challenge) -> result<secret<128>> {
                    P& own = *static_cast<P*>(at);
                    std::byte id{};
                    if (!own.fill(byte_span{&id, 1})) return std::unexpected{errc::no_randomness};
                    auto made = radius_chap::answer(own, id, password, challenge);
                    if (!made) return std::unexpected{errc_of(made.error())};
                    return std::move(*made);
                }};
    }
};
/// What a transition may use. It outlives the call.
struct environment {
    const peer_config& peer;
    peer_id id;
    isakmp::cookie_pair cookies;
    xauth_crypto crypto{};
};
/// What a transition wants done beside the change of state.
struct effects {
    std::optional<content> say{};  ///< REQUEST and SET begin an exchange, REPLY and ACK end one
    std::optional<dialogue> ask{};
    std::optional<errc> report{};
};
/// A transition's result. A pair of state and event without a transition does not compile.
template <class... Next> struct step {
    std::variant<Next...> state;
    effects out{};
};

/// The message that answers `m`.
[[nodiscard]] constexpr auto answer_to(isakmp::config_message m) noexcept -> isakmp::config_message {
    return m == isakmp::config_message::request ? isakmp::config_message::reply : isakmp::config_message::ack;
}

}  // namespace ipsec::ike::v1::transaction
