#pragma once
/// One of several suites, as negotiated: a variant of suites that is a suite itself, unwrapped once per group of a burst.
#include "ipsec/crypto/any_of.hpp"
#include "ipsec/crypto/concepts.hpp"

namespace ipsec::crypto {

/// Holds whichever suite was agreed. The first one is found first: put there what carries most packets.
template <esp_suite... Suites>
class any_suite : public any_of<Suites...> {
    using base = any_of<Suites...>;

public:
    using typename base::keys;
    using typename base::scratch;
    using base::base;

    [[nodiscard]] constexpr auto iv_size() const noexcept -> std::size_t {
        return base::ask([](const auto& s) { return s.iv_size(); });
    }
    [[nodiscard]] constexpr auto block_size() const noexcept -> std::size_t {
        return base::ask([](const auto& s) { return s.block_size(); });
    }
    [[nodiscard]] constexpr auto is_counter_mode() const noexcept -> bool {
        return base::ask([](const auto& s) { return s.is_counter_mode(); });
    }
    [[nodiscard]] constexpr auto authenticates() const noexcept -> bool {
        return base::ask([](const auto& s) { return s.authenticates(); });
    }
    [[nodiscard]] auto seal(const keys& k, scratch& t, const seal_job& job) const noexcept -> result<void> {
        return base::unwrap(k, t, [&](const auto& s, const auto& mine, auto& room) { return s.seal(mine, room, job); });
    }
    [[nodiscard]] auto open(const keys& k, scratch& t, const open_job& job) const noexcept -> result<void> {
        return base::unwrap(k, t, [&](const auto& s, const auto& mine, auto& room) { return s.open(mine, room, job); });
    }
};

}  // namespace ipsec::crypto
