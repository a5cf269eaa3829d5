#include "packet_sa.hpp"

#include "ipsec/ah/open.hpp"

namespace ipsec_decode {
namespace {

auto joined(const packet_key& k) -> secret<256> {
    secret<256> all{k.cipher_key.view()};
    (void)all.append(k.integrity_key.view());
    return all;
}

}  // namespace

packet_sa::packet_sa(const packet_key& key) : lacks_{key.lacks}, numbers_{key.numbers}, high_{key.high} {
    const bool has_mac = key.integrity && *key.integrity != crypto::integrity_id::none;
    if (key.protocol == sa::protocol::ah) {
        make_ah(key);
    } else if (key.transform) {
        make_esp(*key.transform, joined(key).view());
    } else if (has_mac) {  // the ICV can be judged without the cipher
        reads_text_ = false;
        make_esp({.encryption = crypto::encryption_id::null, .key_bits = 0, .integrity = *key.integrity},
                 key.integrity_key.view());
    } else {
        why_not_ = "this library lacks " + key.lacks;
    }
}

void packet_sa::make_esp(const crypto::transform& t, byte_view keymat) {
    auto suite = crypto::botan::make_esp_suite(t, {.no_integrity = true});
    if (!suite) return void(why_not_ = name_of(suite.error()));
    auto keys = suite->make_keys(keymat);
    if (!keys) return void(why_not_ = name_of(keys.error()));
    auto scratch = suite->make_scratch(*keys, random_);
    if (!scratch) return void(why_not_ = name_of(scratch.error()));
    esp_.emplace(esp_part{std::move(*suite), std::move(*keys), std::move(*scratch)});
}

void packet_sa::make_ah(const packet_key& key) {
    if (!key.integrity) return void(why_not_ = "this library lacks " + key.lacks);
    auto mac = crypto::botan::make_mac(*key.integrity);
    if (!mac) return void(why_not_ = name_of(mac.error()));
    sa::parameters p;
    p.id = {sa::spi{256}, {}, sa::protocol::ah};  // none of it is looked at
    p.anti_replay = false;
    auto made = ah_sa::make(std::move(p), std::move(*mac), key.integrity_key.view(), random_, instant{});
    if (!made) return void(why_not_ = name_of(made.error()));
    ah_.emplace(std::move(*made));
}

template <class Right>
auto packet_sa::find_number(std::uint32_t low, bool may_differ, Right right) -> bool {
    if (numbers_ != extended::yes && right(std::uint64_t{low}, false)) {
        if (may_differ) numbers_ = extended::no;
        return true;
    }
    if (numbers_ == extended::no || !may_differ) return false;
    for (const std::uint32_t high : {high_, high_ + 1, high_ - 1}) {
        if (!right(std::uint64_t{high} << 32 | low, true)) continue;
        numbers_ = extended::yes;
        high_ = high;
        return true;
    }
    return false;
}

auto packet_sa::open(byte_view packet, std::vector<std::byte>& room) -> opened_esp {
    opened_esp out;
    if (!esp_) return {.why_not = why_not_};
    const auto h = esp::header::parse(packet);
    const std::size_t iv = esp_->suite.iv_size(), icv_octets = esp_->suite.icv_size(), before = esp::header::size + iv;
    if (!h || packet.size() < before + 2 + icv_octets) return {.why_not = "too short for IV, trailer and ICV"};
    if ((packet.size() - before - icv_octets) % esp_->suite.block_size() != 0)
        return {.why_not = "its length is no multiple of the cipher's block"};
    const bool authenticates = esp_->suite.authenticates();
    const bool right = find_number(h->sequence.value(), authenticates, [&](std::uint64_t number, bool is_extended) {
        room.assign(packet.begin(), packet.end());
        return esp_->suite
            .open(esp_->keys, esp_->scratch, {.packet = room, .sequence = number, .extended = is_extended})
            .has_value();
    });
    if (!right) return {.verdict = authenticates ? icv::bad : icv::none, .why_not = "its ICV does not hold"};
    out.verdict = authenticates ? icv::ok : icv::none;
    if (!reads_text_) {
        out.why_not = "this library lacks " + lacks_;
        return out;
    }
    out.iv = byte_view{room}.subspan(esp::header::size, iv);
    out.text = byte_view{room}.subspan(before, room.size() - before - icv_octets);
    return out;
}

auto packet_sa::check(byte_view packet, std::size_t at, const ah::header& h) -> checked_ah {
    if (!ah_) return {.why_not = why_not_};
    std::vector<std::byte> room(packet.begin(), packet.end());  // mutable fields are zeroed in place, and restored
    ah::icv_job job{.packet = room,
                    .ah_at = static_cast<std::uint32_t>(at),
                    .ah_size = static_cast<std::uint32_t>(h.length()),
                    .sequence = {}};
    crypto::result<void> outcome;
    const bool right = find_number(h.sequence.value(), true, [&](std::uint64_t number, bool is_extended) {
        job.sequence = sa::sequence64{number};
        job.extended = is_extended;
        outcome = ah::compute(*ah_, job);
        return outcome.has_value();
    });
    if (right) return {.verdict = icv::ok};
    if (outcome.error() == crypto::errc::unauthentic) return {.verdict = icv::bad, .why_not = "its ICV does not hold"};
    return {.why_not = "its length or its headers are not those of AH with this algorithm"};
}

}  // namespace ipsec_decode
