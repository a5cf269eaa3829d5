#pragma once
// What is asked of one responder, and what its answers mean: datagrams out and in, no socket and no clock.
//
// Every question is a first message of Main Mode. A round of suites, each with all methods, comes first; then, for each method,
// one question with all suites that were taken. An answer costs the responder no Diffie-Hellman, and no exchange goes further.
#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ipsec/core/instant.hpp"
#include "ipsec/crypto/proposal_name.hpp"
#include "ipsec/ike/path.hpp"
#include "ipsec/isakmp/builder.hpp"
#include "ipsec/isakmp/chain.hpp"
#include "ipsec/isakmp/offer.hpp"
#include "ipsec/isakmp/payloads/notification.hpp"
#include "ipsec/isakmp/payloads/security_association.hpp"

namespace probing {

using namespace ipsec;
using suite = crypto::ike_v1_proposal;
using method = isakmp::oakley_authentication;

enum class verdict { waiting, silent, taken, refused };
[[nodiscard]] constexpr auto name_of(verdict v) -> std::string_view {
    switch (v) {
        case verdict::waiting: return "not asked";
        case verdict::silent: return "no answer";
        case verdict::taken: return "taken";
        case verdict::refused: return "refused";
    }
    return "";
}

/// One datagram: some suites with some methods.
struct question {
    std::vector<suite> suites;
    std::vector<method> methods;
    isakmp::cookie_i cookie{};
    unsigned sent = 0;
    instant due{};  ///< when it counts as lost
    verdict outcome = verdict::waiting;
    std::optional<method> chosen_method{};
    std::optional<isakmp::notify_type> reason{};  ///< what a refusal said
};

/// All that is asked of one address.
class probe {
public:
    probe(ip::address who, std::vector<suite> suites, std::vector<method> methods)
        : who_{who}, methods_{std::move(methods)} {
        for (const suite& s : suites) add({{s}, methods_});
    }

    /// The next datagram, made into `scratch`; nothing when no question waits to be sent.
    template <rng R> [[nodiscard]] auto next(instant now, duration patience, R& random, byte_span scratch) -> byte_view {
        for (; unsent_ < questions_.size() || !again_.empty();) {
            const std::size_t at = again_.empty() ? unsent_++ : again_.front();
            if (!again_.empty()) again_.pop_front();
            question& q = questions_[at];
            if (q.outcome != verdict::waiting) continue;
            if (q.sent == 0) {
                std::array<std::byte, isakmp::cookie_i::size> octets{};
                if (!random.fill(octets)) return {};
                q.cookie = isakmp::cookie_i{octets};
                by_cookie_[q.cookie] = at;
            }
            ++q.sent;
            q.due = now + patience;
            return write(q, scratch);
        }
        return {};
    }
    /// What was asked and got no answer in time is asked again, `tries` times in all.
    void handle_timeout(instant now, unsigned tries) {
        for (std::size_t i = 0; i < unsent_; ++i) {
            question& q = questions_[i];
            if (q.outcome != verdict::waiting || q.due > now || std::ranges::find(again_, i) != again_.end()) continue;
            if (q.sent < tries) again_.push_back(i);
            else q.outcome = verdict::silent;
        }
    }
    /// One datagram from the address. What answers no question is passed over.
    void handle(byte_view datagram) {
        const auto h = isakmp::header::parse(datagram);
        if (!h) return;
        const auto at = by_cookie_.find(h->initiator);
        if (at == by_cookie_.end()) return;
        question& q = questions_[at->second];
        if (q.outcome == verdict::taken || q.outcome == verdict::refused || h->flags.encrypted()) return;
        const auto chain = isakmp::chain::parse(h->next_payload, datagram.subspan(isakmp::header::size),
                                                {.unknown = isakmp::unknown_payloads::kept});
        if (!chain) return;
        for (const isakmp::payload_view& p : *chain) {
            if (p.type == isakmp::payload_type::vendor_id) remember(p.body);
            if (p.type == isakmp::payload_type::notification) {
                const auto n = isakmp::notification::parse(p.body);
                q.outcome = verdict::refused;
                if (n) q.reason = n->message;
            }
            if (p.type != isakmp::payload_type::security_association) continue;
            const auto tree = isakmp::sa_tree::parse(p.body);
            if (!tree || tree->proposals().empty() || tree->transforms(tree->proposals()[0]).size() != 1) return;
            const auto offer = isakmp::read_phase1(tree->transforms(tree->proposals()[0])[0].value);
            q.outcome = verdict::taken;
            if (offer) q.chosen_method = offer->authentication;
        }
        if (q.outcome == verdict::taken) ask_methods();
    }

    /// The round of methods begins, whether or not all suites were answered.
    void finish_first_round() {
        if (std::exchange(methods_asked_, true)) return;
        std::vector<suite> taken;
        for (const question& q : questions_)
            if (q.outcome == verdict::taken && taken.size() < 40) taken.push_back(q.suites.front());
        if (taken.empty()) return;
        for (const method m : methods_)
            if (const auto known = taken_methods(); std::ranges::find(known, m) == known.end()) add({taken, {m}});
    }


    [[nodiscard]] auto who() const -> const ip::address& { return who_; }
    [[nodiscard]] auto questions() const -> const std::vector<question>& { return questions_; }
    [[nodiscard]] auto vendor_ids() const -> const std::vector<std::vector<std::byte>>& { return vendor_ids_; }
    [[nodiscard]] auto answered() const -> std::size_t {
        return static_cast<std::size_t>(std::ranges::count_if(
            questions_, [](const question& q) { return q.outcome == verdict::taken || q.outcome == verdict::refused; }));
    }
    [[nodiscard]] auto is_over() const -> bool {
        return std::ranges::none_of(questions_, [](const question& q) { return q.outcome == verdict::waiting; });
    }
    /// What became of one suite of the first round; the methods' round asks for many at once.
    [[nodiscard]] auto suites() const -> std::vector<const question*> {
        std::vector<const question*> out;
        for (std::size_t i = 0; i < first_round_; ++i) out.push_back(&questions_[i]);
        return out;
    }
    [[nodiscard]] auto taken_methods() const -> std::vector<method> {
        std::vector<method> out;
        for (const question& q : questions_)
            if (q.outcome == verdict::taken && q.chosen_method && std::ranges::find(out, *q.chosen_method) == out.end())
                out.push_back(*q.chosen_method);
        std::ranges::sort(out);
        return out;
    }

private:
    void add(question q) {
        questions_.push_back(std::move(q));
        if (!methods_asked_) ++first_round_;
    }
    /// Once the first round is answered: which of the other methods does it take, with any suite that it takes?
    void ask_methods() {
        if (methods_asked_ || methods_.size() < 2) return;
        const auto open = [](const question& q) { return q.outcome == verdict::waiting; };
        if (std::ranges::any_of(questions_, open)) return;
        finish_first_round();
    }

    [[nodiscard]] static auto write(const question& q, byte_span scratch) -> byte_view {
        using isakmp::oakley_attribute;
        isakmp::header h;
        h.initiator = q.cookie;
        h.exchange = isakmp::exchange_type::identity_protection;
        isakmp::builder b{scratch};
        b.start(h).sa().proposal(1, isakmp::protocol_id::isakmp);
        std::uint8_t n = 0;
        for (const suite& s : q.suites)
            for (const method m : q.methods) {
                b.transform(++n, isakmp::key_ike)
                    .number(oakley_attribute::encryption_algorithm, crypto::find(s.encryption)->ike_v1);
                if (s.key_bits != 0) b.number(oakley_attribute::key_length, s.key_bits);
                b.number(oakley_attribute::hash_algorithm, crypto::find(s.hash)->ike_v1)
                    .number(oakley_attribute::group_description, static_cast<std::uint64_t>(s.group))
                    .number(oakley_attribute::authentication_method, static_cast<std::uint64_t>(m))
                    .number(oakley_attribute::life_type, 1U)
                    .number(oakley_attribute::life_duration, 28800U);
            }
        const auto made = b.finish();
        return made ? byte_view{*made} : byte_view{};
    }
    void remember(byte_view id) {
        std::vector<std::byte> octets{id.begin(), id.end()};
        if (std::ranges::find(vendor_ids_, octets) == vendor_ids_.end() && vendor_ids_.size() < 64)
            vendor_ids_.push_back(std::move(octets));
    }

    ip::address who_;
    std::vector<method> methods_;
    std::vector<question> questions_{};
    std::size_t first_round_ = 0, unsent_ = 0;
    bool methods_asked_ = false;
    std::deque<std::size_t> again_{};
    std::map<isakmp::cookie_i, std::size_t> by_cookie_{};
    std::vector<std::vector<std::byte>> vendor_ids_{};
};

}  // namespace probing
