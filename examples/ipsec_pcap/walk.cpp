#include "walk.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ipsec/xfrm/manual_sa.hpp"
#include "udp_wrap.hpp"

namespace ipsec_pcap {
namespace {

/// "cbc(cast5) of 40 bits, hmac(sha1)": what a fault of the makers may be about.
auto algorithms_of(const xfrm::manual_sa& m) -> std::string {
    const std::string mac{xfrm::kernel_name(m.transform.integrity)};
    if (m.parameters.id.protocol == sa::protocol::ah) return mac;
    const auto* const integrity = crypto::find(m.transform.integrity);
    const std::size_t of_cipher = m.keymat.size() - (integrity != nullptr ? integrity->key : 0U);
    const std::size_t salt = crypto::info_of(m.transform.encryption).salt;
    return fmt::format("{} of {} bits{}{}", xfrm::kernel_name(m.transform.encryption), (of_cipher - salt) * 8,
                       mac.empty() ? "" : ", ", mac);
}

}  // namespace

auto walk::install(const xfrm::bound& b, instant now) -> std::optional<std::string> {
    const auto make_suite = [](const crypto::transform& t) {
        return crypto::botan::make_esp_suite(t, {.no_integrity = true});  // what is allowed was judged when the file was read
    };
    const auto make_mac = [](crypto::integrity_id i) { return crypto::botan::make_mac(i); };
    if (const auto ok = xfrm::append_to(spd_, b); !ok) return std::string{name_of(ok.error())};
    if (unmatched_pass_) {
        const policy::entry all{.id = sa::policy_id{0xffffffffU}, .action = policy::action::bypass, .selectors = {},
                                .protections = {}, .take = {}};
        for (auto* list : {&spd_.outbound, &spd_.inbound})
            if (const auto ok = list->append(all); !ok) return std::string{name_of(ok.error())};
    }
    for (const auto& m : job_ == job::protect ? b.outbound : b.inbound) {
        if (const auto& end = m.parameters.id.destination; std::ranges::find(our_ends_, end) == our_ends_.end())
            our_ends_.push_back(end);
        if (const auto& udp = m.parameters.encapsulation) {
            udp_ports_.push_back(udp.local);
            udp_ports_.push_back(udp.remote);
        }
        const auto fault = [&]() -> std::optional<sa::errc> {
            if (job_ == job::open) {
                const auto done = xfrm::install_inbound(sadb_, m, make_suite, make_mac, random_, now);
                return done ? std::nullopt : std::optional{done.error()};
            }
            const auto done = xfrm::install_outbound(sadb_, m, make_suite, make_mac, random_, now);
            return done ? std::nullopt : std::optional{done.error()};
        }();
        if (fault) return fmt::format("line {}: {}: {}: correct the line", m.line.number, algorithms_of(m), name_of(*fault));
    }
    return {};
}

auto walk::frame(const io::captured& c) -> std::optional<std::string> {
    if (!c.packet) {
        if (c.packet.error() == io::no_packet::captured_in_part) {  // there was a packet, and it does not go through
            ++in_.packets;
            count_drop(name_of(c.packet.error()));
        } else {
            ++without_packet_[name_of(c.packet.error())];
        }
        return {};
    }
    const byte_view octets = *c.packet;
    if (job_ == job::open && is_keepalive(octets, udp_ports_)) {
        ++without_packet_["NAT keepalive"];
        return {};
    }
    ++in_.packets;
    in_.octets += octets.size();
    if (c.time != now_)  // lifetimes and replay windows go by the time of each packet: a burst is of one time
        if (auto fault = run()) return fault;
    now_ = c.time;
    packets_[waiting_].assign(octets, head_room, tail_room);
    if (++waiting_ < burst) return {};
    return run();
}

auto walk::run() -> std::optional<std::string> {
    if (waiting_ == 0) return {};
    const std::span some{packets_.data(), waiting_};
    null_observer nobody;
    const auto one_class = [](const testing::packet_buffer&) { return 0U; };
    const auto pad = [this](const sa::parameters& p, std::size_t size, std::size_t room) {
        return dataplane::random_padding<crypto::botan::random>{&random_}(p, size, std::min(room, longest_padded));
    };
    if (job_ == job::protect) outbound_.process(some, now_, *this, nobody, one_class, pad);
    else joining_.process(behind_joining_, some, now_, *this, nobody);
    waiting_ = 0;
    while (events_.poll()) {}  // nobody here makes SAs
    return fault_;
}

auto walk::finish() -> std::optional<std::string> {
    if (auto fault = run()) return fault;
    fragments_->expire(instant::never());
    const auto& seen = fragments_->counters();
    for (auto lost = seen.timed_out + seen.pushed_out; lost > 0; --lost) count_drop("fragments of a packet that is not whole");
    return {};
}

auto walk::make(std::size_t size) noexcept -> std::optional<testing::packet_buffer> {
    return testing::packet_buffer::of_size(size, head_room, tail_room);
}

auto walk::is_for_us(const ip::flow& f) const noexcept -> bool {
    return std::ranges::find(our_ends_, f.destination) != our_ends_.end();
}

void walk::emit(testing::packet_buffer&& p, const dataplane::verdict& v) noexcept {
    if (v.fate == dataplane::fate::held) {
        ++joined_.packets;
        joined_.octets += std::as_const(p).octets().size();
        return;
    }
    if (v.fate == dataplane::fate::drop) return count_drop(name_of(v.reason));
    byte_view octets = std::as_const(p).octets();
    if (v.fate == dataplane::fate::protect && v.encapsulation) {
        if (!wrap(octets, v.encapsulation, room_)) return count_drop(name_of(dataplane::drop::too_long));
        octets = room_;
    }
    tally& t = v.fate == dataplane::fate::bypass ? passed_ : changed_;
    ++t.packets;
    t.octets += octets.size();
    if (const auto ok = out_.write(now_, octets); !ok && !fault_) fault_ = ok.error().text;
}

void walk::count_drop(std::string_view why) {
    ++dropped_;
    ++drops_[why];
}

auto walk::report() const -> nlohmann::ordered_json {
    using json = nlohmann::ordered_json;
    const auto of = [](const tally& t) { return json{{"packets", t.packets}, {"octets", t.octets}}; };
    json r{{"in", of(in_)},
           {job_ == job::protect ? "protected" : "opened", of(changed_)},
           {"passed", of(passed_)},
           {"dropped", dropped_},
           {"drops", json::object()},
           {"without_packet", json::object()}};
    if (joined_.packets != 0) r["joined"] = of(joined_);
    for (const auto& [why, n] : drops_) r["drops"][std::string{why}] = n;
    for (const auto& [why, n] : without_packet_) r["without_packet"][std::string{why}] = n;
    return r;
}

}  // namespace ipsec_pcap
