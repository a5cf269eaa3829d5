#pragma once
// A domain of interpretation that nobody else has: couriers, porters and the weather. Nothing in isakmp/ knows of it.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "ipsec/isakmp/builder.hpp"
#include "ipsec/isakmp/payloads/delete_sa.hpp"
#include "ipsec/isakmp/payloads/notification.hpp"

namespace ipsec::test::toy {

/// The situation: one octet of weather, one of hurry.
struct situation {
    std::uint8_t weather = 1, hurry = 0;
    [[nodiscard]] static constexpr auto take(wire::reader& r) noexcept -> isakmp::result<situation> {
        const situation s{r.take<std::uint8_t>(), r.take<std::uint8_t>()};
        if (!r.ok()) return std::unexpected{isakmp::errc::truncated};
        if (s.weather == 0 || s.weather > 3) return std::unexpected{isakmp::errc::unsupported_situation};
        return s;
    }
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return 2; }
    constexpr void emit(wire::writer& w) const noexcept { w.put(weather).put(hurry); }
    friend auto operator==(const situation&, const situation&) -> bool = default;
};

inline constexpr auto courier = isakmp::protocol_id{200};  ///< has an SPI of three octets
inline constexpr auto porter = isakmp::protocol_id{201};   ///< has an SPI of one
enum class vehicle : std::uint8_t { bicycle = 1, mule = 2, balloon = 250 };
enum class attribute : std::uint16_t { speed = 1, motto = 300 };
inline constexpr auto lost_parcel = isakmp::notify_type{40001};  ///< its data is one octet

struct doi {
    static constexpr auto number = isakmp::doi_id{0x00c0'ffee};
    using situation = toy::situation;
    [[nodiscard]] static constexpr auto spi_size(isakmp::protocol_id p) noexcept -> std::size_t { return p == courier ? 3 : 1; }
    [[nodiscard]] static constexpr auto is_protocol(isakmp::protocol_id p) noexcept -> bool {
        return p == isakmp::protocol_id::isakmp || p == courier || p == porter;
    }
    [[nodiscard]] static constexpr auto fits_notification(isakmp::protocol_id p, std::size_t n) noexcept -> bool {
        return p == isakmp::protocol_id::isakmp ? n <= 16 : is_protocol(p) && n == spi_size(p);
    }
    [[nodiscard]] static constexpr auto fits_delete(isakmp::protocol_id p, std::size_t n) noexcept -> bool {
        return is_protocol(p) && n == spi_size(p);
    }
    [[nodiscard]] static constexpr auto check_notify_data(isakmp::notify_type t, byte_view data) noexcept
        -> isakmp::result<void> {
        if (t == lost_parcel && data.size() != 1) return std::unexpected{isakmp::errc::bad_notify_data};
        return {};
    }
};
using sa_tree = isakmp::basic_sa_tree<8, 16, 8, doi>;
using security_association = isakmp::basic_security_association<doi>;
using notification = isakmp::basic_notification<doi>;
using delete_sa = isakmp::basic_delete_sa<doi>;

/// What one end can do: for a protocol, the transforms that it has, and the least speed it takes.
struct skill {
    isakmp::protocol_id protocol;
    std::vector<vehicle> vehicles;
    std::uint64_t least_speed = 0;
};
struct abilities {
    std::vector<std::vector<skill>> suites;  ///< alternatives in order of preference; the skills of one hold together
    toy::situation where{};
};

/// The body of an SA payload that offers all of it.
[[nodiscard]] inline auto write_offer(const abilities& a) -> std::vector<std::byte> {
    std::vector<std::byte> room(2048);
    isakmp::builder b{room};
    b.sa<doi>(a.where);
    std::uint8_t number = 0;
    for (const auto& suite : a.suites) {
        ++number;
        for (const skill& s : suite) {
            const std::vector<std::byte> spi(doi::spi_size(s.protocol), std::byte{number});
            b.proposal(number, s.protocol, spi);
            std::uint8_t n = 0;
            for (const vehicle v : s.vehicles)
                b.transform(++n, static_cast<isakmp::transform_number>(v))
                    .number(attribute::speed, s.least_speed + 10)
                    .variable(attribute::motto, std::as_bytes(std::span{"swift", 5}));
        }
    }
    const auto all = b.finish();
    if (!all) return {};
    const auto body = byte_view{*all}.subspan(isakmp::generic_header::size);
    return {body.begin(), body.end()};
}

[[nodiscard]] inline auto takes(const abilities& a, const isakmp::proposal& p, const isakmp::transform& t) -> bool {
    if (p.spi.size() != doi::spi_size(p.protocol)) return false;
    const auto speed = t.attributes.find(static_cast<std::uint16_t>(attribute::speed));
    return std::ranges::any_of(a.suites, [&](const auto& suite) {
        return std::ranges::any_of(suite, [&](const skill& s) {
            return s.protocol == p.protocol && std::ranges::find(s.vehicles, vehicle{t.id}) != s.vehicles.end() && speed &&
                   speed->number().value_or(0) >= s.least_speed;
        });
    });
}
/// The first alternative of an offer whose every protocol has a transform that `a` takes, as the body of the answer.
// req: rfc2408-4.2-6, rfc2408-4.2-7, rfc2408-4.2-8, rfc2408-4.2-9
[[nodiscard]] inline auto choose(const abilities& a, byte_view offer) -> isakmp::result<std::vector<std::byte>> {
    const auto tree = sa_tree::parse(offer);
    if (!tree) return std::unexpected{tree.error()};
    std::optional<std::vector<std::byte>> found;
    tree->for_each_alternative([&](std::span<const isakmp::proposal_node> all) {
        std::vector<std::byte> room(2048);
        isakmp::builder b{room};
        b.sa<doi>(tree->sa().where);
        for (const auto& p : all) {
            const auto transforms = tree->transforms(p);
            const auto it = std::ranges::find_if(transforms, [&](const auto& t) { return takes(a, p.value, t.value); });
            if (it == transforms.end()) return true;
            b.proposal(p.value.number, p.value.protocol, p.value.spi).transform(it->value);
        }
        if (const auto done = b.finish()) {
            const auto body = byte_view{*done}.subspan(isakmp::generic_header::size);
            found.emplace(body.begin(), body.end());
        }
        return false;
    });
    return found.value_or(std::vector<std::byte>{});  // empty: nothing fits
}
/// Whether an answer is one alternative of the offer, with one transform of each protocol.
// req: rfc2408-4.2-10
[[nodiscard]] inline auto is_answer_to(byte_view offer, byte_view answer) -> bool {
    const auto o = sa_tree::parse(offer), a = sa_tree::parse(answer);
    if (!o || !a || a->alternative_count() != 1 || !(o->sa().where == a->sa().where)) return false;
    bool fits = false;
    o->for_each_alternative([&](std::span<const isakmp::proposal_node> all) {
        const auto chosen = a->proposals();
        fits = all.size() == chosen.size();
        for (std::size_t i = 0; fits && i < all.size(); ++i)
            fits = all[i].value.number == chosen[i].value.number && all[i].value.protocol == chosen[i].value.protocol &&
                   a->transforms(chosen[i]).size() == 1 &&
                   std::ranges::any_of(o->transforms(all[i]),
                                       [&](const auto& t) { return t.value == a->transforms(chosen[i])[0].value; });
        return !fits;
    });
    return fits;
}

}  // namespace ipsec::test::toy
