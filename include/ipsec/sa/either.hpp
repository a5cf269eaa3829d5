#pragma once
/// What a database holds of one SA, whichever protocol it is for.                              RFC 2401 §4.4.3
#include <utility>
#include <variant>

#include "ipsec/sa/bundle.hpp"
#include "ipsec/sa/lifetime.hpp"
#include "ipsec/sa/parameters.hpp"
#include "ipsec/sa/path_mtu.hpp"

namespace ipsec::sa {

/// An ESP SA or an AH SA of one direction.
template <class Esp, class Ah>
class either {
public:
    explicit either(Esp&& e) noexcept : sa_{std::in_place_index<0>, std::move(e)} {}
    explicit either(Ah&& a) noexcept : sa_{std::in_place_index<1>, std::move(a)} {}
    [[nodiscard]] auto esp() noexcept -> Esp* { return std::get_if<0>(&sa_); }   ///< null for an AH SA
    [[nodiscard]] auto ah() noexcept -> Ah* { return std::get_if<1>(&sa_); }     ///< null for an ESP SA
    [[nodiscard]] auto parameters() const noexcept -> const sa::parameters& {
        const Esp* const e = std::get_if<0>(&sa_);
        return e != nullptr ? e->parameters() : std::get_if<1>(&sa_)->parameters();
    }
    [[nodiscard]] auto lifetime() noexcept -> sa::lifetime& { return esp() != nullptr ? esp()->lifetime() : ah()->lifetime(); }
    [[nodiscard]] auto lifetime() const noexcept -> const sa::lifetime& {
        const Esp* const e = std::get_if<0>(&sa_);
        return e != nullptr ? e->lifetime() : std::get_if<1>(&sa_)->lifetime();
    }
    /// Of an outbound SA.
    [[nodiscard]] auto path() noexcept -> path_mtu& { return esp() != nullptr ? esp()->path() : ah()->path(); }
    /// The number of the last packet, of an outbound SA.
    [[nodiscard]] auto last_sequence() noexcept -> sequence64 {
        return esp() != nullptr ? esp()->last_sequence() : ah()->last_sequence();
    }

    bundle_handle in_bundle;  ///< for the database

private:
    std::variant<Esp, Ah> sa_;
};

}  // namespace ipsec::sa
