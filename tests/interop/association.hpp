#pragma once
// Our side of one cell: SAs and policies of a text in the words of `ip xfrm`, and both walks over them.
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ethernet.hpp"
#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/dataplane/inbound.hpp"
#include "ipsec/dataplane/outbound.hpp"
#include "ipsec/dataplane/padding.hpp"
#include "ipsec/policy/spd.hpp"
#include "ipsec/sa/sadb.hpp"
#include "ipsec/testing/packet_buffer.hpp"
#include "ipsec/xfrm/bind.hpp"

namespace kernel_peer {

using packet = ipsec::testing::packet_buffer;

/// Why a text did not become SAs.
struct refusal {
    std::string text;
    bool is_lacking = false;  ///< the library does not have it, and says so; else something is wrong
};

/// Keeps what a walk emits.
struct collector {
    struct item {
        octets what;
        ipsec::dataplane::verdict verdict;
    };
    std::vector<item> items;
    void emit(packet&& p, const ipsec::dataplane::verdict& v) noexcept {
        const auto o = std::as_const(p).octets();
        items.push_back({{o.begin(), o.end()}, v});
    }
    [[nodiscard]] auto make(std::size_t size) noexcept -> std::optional<packet> { return packet::of_size(size); }
};

class association {
public:
    /// Extended numbers with keys given by hand are refused by the library (RFC 4303 §2.2.1). The kernel takes them, and here a
    /// key is used once: so the flag is taken off the text's states before they are bound, and set on what comes out.
    [[nodiscard]] static auto make(const std::string& text, const std::vector<ipsec::ip::address>& mine)
        -> std::expected<std::unique_ptr<association>, refusal> {
        using namespace ipsec;
        auto file = xfrm::parse(text);
        if (!file) return refused(file.error());
        std::map<sa::spi, bool> extended;
        for (auto& s : file->states) extended[s.id.spi] = std::exchange(s.flags.esn, false);
        auto bound = xfrm::bind(*file, mine, {.allow_static_counter_keys = true, .dangers = {.no_integrity = true}});
        if (!bound) return refused(bound.error());
        auto made = std::make_unique<association>();
        if (auto ok = xfrm::append_to(made->spd_, *bound); !ok) return refused(name_of(ok.error()), false);
        const auto make_suite = [](const crypto::transform& t) {
            return crypto::botan::make_esp_suite(t, {.no_integrity = true});
        };
        const auto make_mac = [](crypto::integrity_id i) { return crypto::botan::make_mac(i); };
        for (auto& s : bound->outbound) {
            extend(s.parameters, extended[s.parameters.id.spi]);
            if (auto ok = xfrm::install_outbound(made->sadb_, s, make_suite, make_mac, made->random_, instant{}); !ok)
                return refused(name_of(ok.error()), condition_of(ok.error()) == condition::unsupported);
        }
        for (auto& s : bound->inbound) {
            extend(s.parameters, extended[s.parameters.id.spi]);
            if (auto ok = xfrm::install_inbound(made->sadb_, s, make_suite, make_mac, made->random_, instant{}); !ok)
                return refused(name_of(ok.error()), condition_of(ok.error()) == condition::unsupported);
        }
        return made;
    }

    association() = default;
    association(const association&) = delete;
    auto operator=(const association&) -> association& = delete;

    [[nodiscard]] auto protect(const octets& plain) -> collector::item {
        return walk(outbound_, plain, [](const packet&) { return 0U; },
                    ipsec::dataplane::random_padding<ipsec::crypto::botan::random>{&random_});
    }
    [[nodiscard]] auto open(const octets& sealed) -> collector::item { return walk(inbound_, sealed); }

private:
    using suite = ipsec::crypto::botan::gateway_suite;
    using mac = ipsec::crypto::botan::any_mac;
    using sadb = ipsec::sa::sadb<suite, mac>;

    static void extend(ipsec::sa::parameters& p, bool is_extended) {
        p.extended_sequence = is_extended;
        if (is_extended) p.manual = false;
    }
    static auto refused(const ipsec::xfrm::fault& f) -> std::unexpected<refusal> {
        return std::unexpected{refusal{std::string{text_of(f).view()}, condition_of(f.code) == ipsec::condition::unsupported}};
    }
    static auto refused(std::string_view why, bool is_lacking) -> std::unexpected<refusal> {
        return std::unexpected{refusal{std::string{why}, is_lacking}};
    }
    template <class Walk, class... More> auto walk(Walk& w, const octets& one, More&&... more) -> collector::item {
        collector to;
        struct {
        } nobody;
        packet p{one, 256, 2048};
        w.process(std::span{&p, 1}, ipsec::instant{}, to, nobody, std::forward<More>(more)...);
        return std::move(to.items.at(0));
    }

    ipsec::crypto::botan::random random_;
    sadb sadb_{16};
    ipsec::policy::spd<> spd_;
    ipsec::dataplane::event_queue<> events_;
    ipsec::dataplane::outbound<sadb, ipsec::policy::spd<>, packet, 1> outbound_{sadb_, spd_, events_};
    ipsec::dataplane::inbound<sadb, ipsec::policy::spd<>, packet, 1> inbound_{sadb_, spd_, events_};
};

}  // namespace kernel_peer
