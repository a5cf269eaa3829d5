// Our side of the matrix against the Linux kernel, which scripts/interop linux drives: for each cell, a line of JSON on the
// standard input says what the SAs and the packets are; echo requests go over the cable, protected by the library; the kernel's
// answers are opened by it, and a line of JSON on the standard output says what came of it.
//
//     kernel_peer DEVICE OWN-MAC PEER-MAC
//
// {"xfrm": text, "mine": [addresses], "spi": of the kernel's outermost SA,
//  "probe": {"source", "destination", "answering", "options", "headers", "first_header", "udp": true for datagrams to port 7},
//  "nat": {"address", "port"} as which we are seen, "least": octets that every ESP packet has at least,
//  "router": address or absent, "flip": place of an octet to change, "patience": milliseconds,
//  "cut_first": octets of the pieces that packets are cut into before they are sealed,
//  "rounds": [{"sizes": [octets], "send": [places], "take": [places], "answers": n}],
//  "text": what the kernel says by itself in UDP, in a cell without probes}
//
// A round seals a packet of each size in turn and sends them in the order `send`; with `take`, the answers are first gathered and
// then opened in that order.
#include <algorithm>
#include <chrono>
#include <iostream>

#include <nlohmann/json.hpp>

#include "association.hpp"
#include "fragments.hpp"
#include "ipsec/ip/udp.hpp"
#include "ipsec/ip/udp_encap.hpp"
#include "nat.hpp"
#include "probe.hpp"
#include "support/hex.hpp"

namespace kernel_peer {
namespace {

using namespace ipsec;
using nlohmann::json;
using clock = std::chrono::steady_clock;

constexpr int patience = 3000;  // milliseconds without a packet after which no more is awaited
constexpr std::size_t in_flight = 16;  // requests before their answers are looked for

auto address_of(const json& j) -> ip::address { return *ip::parse_address(j.get<std::string>()); }

class cell {
public:
    cell(const json& what, const ethernet& cable) : what_{what}, cable_{cable} {
        for (const json& a : what.at("mine")) mine_.push_back(address_of(a));
        if (!what.contains("probe")) return;
        const json& p = what.at("probe");
        form_ = {.source = address_of(p.at("source")),
                 .destination = address_of(p.at("destination")),
                 .options = test::unhex(p.value("options", "")),
                 .headers = test::unhex(p.value("headers", "")),
                 .first_header = p.value("first_header", std::uint8_t{0}),
                 .udp = p.value("udp", false)};
        if (what.contains("nat"))
            nat_ = nat{.inside = form_.source,
                       .outside = address_of(what.at("nat").at("address")),
                       .inside_port = ip::udp_encap::port,
                       .outside_port = what.at("nat").at("port").get<std::uint16_t>()};
        answering_ = p.contains("answering") ? address_of(p.at("answering")) : form_.destination;
    }

    auto run() -> json {
        auto made = association::make(what_.at("xfrm").get<std::string>(), mine_);
        if (!made) return {{"refused", made.error().text}, {"lacking", made.error().is_lacking}};
        sas_ = std::move(*made);
        json out{{"rounds", json::array()}};
        for (const json& r : what_.at("rounds")) out["rounds"].push_back(run_round(r));
        out["faults"] = faults_;
        out["lacking"] = is_lacking_;
        return out;
    }

private:
    auto run_round(const json& r) -> json {
        std::vector<std::vector<octets>> sealed;
        sizes_.clear();
        const auto first = next_number_;
        for (const json& size : r.at("sizes")) {
            sizes_.push_back(size.get<std::size_t>());
            sealed.push_back(seal(make_probe(form_, next_number_++, sizes_.back())));
        }
        first_number_ = first;
        const auto send = r.value("send", places(sealed.size()));
        const bool gathers = r.contains("take");
        std::size_t wanted = r.value("answers", send.size());
        if (!send.empty())
            wanted = std::min<std::size_t>(
                wanted, static_cast<std::size_t>(std::ranges::count_if(send, [&](auto i) { return !sealed[i].empty(); })));
        answers_.clear();
        delivered_.clear();
        seen_on_wire_ = 0;
        std::size_t sent = 0;
        const auto have = [&] { return gathers ? answers_.size() : delivered_.size(); };
        for (const std::size_t i : send) {
            for (const octets& piece : sealed[i])
                if (!cable_.send(piece)) fault("not taken by the cable");
            if (++sent % in_flight == 0) listen(gathers, [&] { return have() >= std::min(sent, wanted); });
        }
        listen(gathers, [&] { return have() >= wanted; });
        if (gathers)
            for (const json& i : r.at("take"))
                if (const auto at = i.get<std::size_t>(); at < answers_.size()) open(answers_[at]);
        return {{"sent", sent}, {"answers", seen_on_wire_}, {"delivered", delivered_}};
    }
    static auto places(std::size_t n) -> std::vector<std::size_t> {
        std::vector<std::size_t> all(n);
        for (std::size_t i = 0; i < n; ++i) all[i] = i;
        return all;
    }
    void fault(const std::string& why) { faults_[why] = faults_.value(why, 0) + 1; }

    /// The pieces that go over the cable.
    auto seal(const octets& plain) -> std::vector<octets> {
        if (!what_.contains("cut_first")) return seal_piece(plain);
        std::vector<octets> all;
        const auto pieces = pieces_of(plain, next_number_, what_.at("cut_first").get<std::size_t>());
        if (pieces.empty()) fault("out: cannot be cut for the cable");
        for (const octets& piece : pieces)
            for (octets& sealed : seal_piece(piece)) all.push_back(std::move(sealed));
        return all;
    }
    auto seal_piece(const octets& plain) -> std::vector<octets> {
        auto [sealed, verdict] = sas_->protect(plain);
        if (verdict.fate != dataplane::fate::protect) {
            fault("out: " + std::string{name_of(verdict.reason)});
            is_lacking_ = is_lacking_ || condition_of(verdict.reason) == condition::unsupported;
            return {};
        }
        if (!is_long_enough(sealed)) return {};
        if (verdict.encapsulation) sealed = into_udp(sealed, verdict.encapsulation);
        if (nat_) nat_->outward(sealed);
        if (what_.contains("router")) pass_router(sealed);
        if (what_.contains("flip")) {
            sealed[what_.at("flip").get<std::size_t>()] ^= std::byte{1};
            if (auto v = ip::v4::view::of(sealed)) v->renew_checksum();
        }
        auto pieces = pieces_of(std::move(sealed), next_number_);
        if (pieces.empty()) fault("out: cannot be cut for the cable");
        return pieces;
    }
    /// One that is padded hides the length of what it has inside.                                   RFC 4303 §2.7
    auto is_long_enough(const octets& p) -> bool {
        const bool good = p.size() >= what_.value("least", std::size_t{0});
        if (!good) fault("shorter than it is to look");
        return good;
    }
    void pass_router(octets& p) const {
        if ((p[0] >> 4) == std::byte{6}) route_v6(p);
        else route_v4(p, address_of(what_.at("router")));
    }
    /// What a UDP socket makes of a sealed packet.                                              RFC 3948 §2.1
    static auto into_udp(const octets& sealed, const sa::udp_encapsulation& ports) -> octets {
        const auto where = ip::udp_encap::strip(sealed).value();
        octets out(where.offset + 8 + where.length);
        copy_octets(byte_view{sealed}.first(where.offset), out);
        const auto datagram = std::span{out}.subspan(where.offset);
        copy_octets(byte_view{sealed}.subspan(where.offset, where.length), datagram.subspan(8));
        ip::udp::header{.source_port = ports.local, .destination_port = ports.remote}.emit(datagram);
        (void)ip::udp::finish(datagram, where.outer.source, where.outer.destination);
        const bool v6 = where.outer.source.family() == ip::family::v6;
        out[v6 ? 6 : 9] = std::byte{17};
        if (v6) {
            wire::store(std::span{out}.subspan(4), static_cast<std::uint16_t>(out.size() - 40));
            return out;
        }
        wire::store(datagram.subspan(6), std::uint16_t{0});  // req: rfc3948-2.1-3: none over IPv4
        wire::store(std::span{out}.subspan(2), static_cast<std::uint16_t>(out.size()));
        wire::store(std::span{out}.subspan(10), std::uint16_t{0});
        wire::store(std::span{out}.subspan(10), wire::checksum_of(byte_view{out}.first(where.offset)));
        return out;
    }
    static auto out_of_udp(const octets& p, const ip::overview& seen) -> octets {
        const auto datagram = byte_view{p}.subspan(seen.upper_offset, seen.length - seen.upper_offset);
        if (datagram.size() < 8 || !ip::udp::has_valid_checksum(datagram, seen.flow.source, seen.flow.destination)) return {};
        const ip::udp_encap::outer outer{.source = seen.flow.source, .destination = seen.flow.destination};
        octets out(outer_size(outer) + datagram.size() - 8);
        copy_octets(datagram.subspan(8), std::span{out}.subspan(outer_size(outer)));
        if (!ip::udp_encap::make_outer(out, outer)) return {};
        return out;
    }

    /// Takes what comes until `enough`, or nothing has come for a while.
    template <class Enough> void listen(bool gathers, Enough enough) {
        auto until = clock::now() + patience_;
        while (!enough() && clock::now() < until) {
            auto p = cable_.receive(20);
            if (!p) continue;
            if (take(std::move(*p), gathers)) until = clock::now() + patience_;
        }
    }
    /// @return whether it belongs here
    auto take(octets p, bool gathers) -> bool {
        if (what_.contains("router")) pass_router(p);
        if (nat_) nat_->inward(p);
        auto seen = ip::read_overview(p);
        if (seen && what_.contains("care_of") && seen->flow.destination == address_of(what_.at("care_of"))) {
            visit_v6(p, std::byte{2});  // we are a mobile node, whose home address stands in the header
            seen = ip::read_overview(p);
        }
        if (!seen || std::ranges::find(mine_, seen->flow.destination) == mine_.end()) return false;
        p.resize(seen->length);
        p = wire_.add(std::move(p), seen->flow.is_fragment());
        if (p.empty()) return true;
        seen = ip::read_overview(p);
        if (!seen) return false;
        if (seen->flow.protocol == ip::next_header::udp && seen->flow.destination_port == ip::udp_encap::port) {
            p = out_of_udp(p, *seen);
            if (p.empty()) {
                fault("in: bad UDP datagram");
                return true;
            }
            seen = ip::read_overview(p);
        }
        const bool is_ah = seen->flow.protocol == ip::next_header::ah;
        if (!is_ah && seen->flow.protocol != ip::next_header::esp) {
            fault("in the clear: protocol " + std::to_string(static_cast<int>(seen->flow.protocol)) + " type " +
                  std::to_string(seen->flow.icmp_type.value_or(0)));
            return true;
        }
        // Those of an earlier cell may be late.
        if (wire::load<std::uint32_t>(byte_view{p}.subspan(seen->upper_offset + (is_ah ? 4 : 0))) != what_.at("spi"))
            return false;
        ++seen_on_wire_;
        if (!is_long_enough(p)) return true;
        if (gathers) answers_.push_back(std::move(p));
        else open(p);
        return true;
    }
    void open(const octets& sealed) {
        auto [plain, verdict] = sas_->open(sealed);
        if (verdict.fate != dataplane::fate::deliver) {
            is_lacking_ = is_lacking_ || condition_of(verdict.reason) == condition::unsupported;
            return fault("in: " + std::string{name_of(verdict.reason)});
        }
        const auto seen = ip::read_overview(plain);
        plain = inner_.add(std::move(plain), seen && seen->flow.is_fragment());
        if (plain.empty()) return;
        if (what_.contains("text")) return hear(plain);
        std::uint16_t number = 0;
        auto why = fault_of_answer(plain, answering_, form_.source, 0, number);
        const auto place = static_cast<std::size_t>(number - first_number_);
        if (why == "other length" && number >= first_number_ && place < sizes_.size())
            why = fault_of_answer(plain, answering_, form_.source, sizes_[place], number);
        if (!why.empty()) return fault("in: " + why);
        delivered_.push_back(place);
    }
    /// A datagram that the kernel sent of its own accord.
    void hear(const octets& plain) {
        const auto seen = ip::read_overview(plain);
        const auto text = what_.at("text").get<std::string>();
        const auto said = byte_view{plain}.subspan(seen->upper_offset, seen->length - seen->upper_offset);
        if (seen->flow.protocol != ip::next_header::udp || said.size() < 8 ||
            !ip::udp::has_valid_checksum(said, seen->flow.source, seen->flow.destination) ||
            !std::ranges::equal(said.subspan(8), std::as_bytes(std::span{text})))
            return fault("in: other words than were sent");
        delivered_.push_back(0);
    }

    const json& what_;
    const ethernet& cable_;
    std::vector<ip::address> mine_;
    probe_form form_;
    std::optional<nat> nat_;
    ip::address answering_;
    std::unique_ptr<association> sas_;
    reassembler wire_, inner_;
    std::vector<octets> answers_;  ///< as they came over the cable, without UDP
    std::vector<std::size_t> delivered_, sizes_;
    std::size_t seen_on_wire_ = 0;
    std::uint16_t next_number_ = 1, first_number_ = 1;
    json faults_ = json::object();
    std::chrono::milliseconds patience_{what_.value("patience", patience)};
    bool is_lacking_ = false;
};

auto mac_of(const std::string& text) -> mac_address {
    const auto all = test::unhex(text);
    mac_address m{};
    if (all.size() == m.size()) std::ranges::copy(all, m.begin());
    return m;
}
/// Every algorithm that the library knows, with its sizes in octets and what the kernel calls it.
auto algorithms() -> json {
    json all{{"encryption", json::array()}, {"integrity", json::array()}};
    for (const auto& e : crypto::encryption_algorithms)
        all["encryption"].push_back({{"name", std::string{e.name} + std::string{e.suffix}},
                                     {"kernel", xfrm::kernel_name(e.id)},
                                     {"key_bits", e.key_bits},
                                     {"salt", e.salt},
                                     {"combined", e.combined},
                                     {"icv", e.icv}});
    for (const auto& i : crypto::integrity_algorithms)
        all["integrity"].push_back({{"name", i.name}, {"kernel", xfrm::kernel_name(i.id)}, {"key", i.key}, {"icv", i.icv}});
    return all;
}

}  // namespace
}  // namespace kernel_peer

int main(int argc, char** argv) {
    using namespace kernel_peer;
    if (argc == 2 && std::string{argv[1]} == "--algorithms") {
        std::cout << algorithms() << '\n';
        return 0;
    }
    if (argc != 4) {
        std::cerr << "kernel_peer DEVICE OWN-MAC PEER-MAC | --algorithms\n";
        return 2;
    }
    const auto cable = ethernet::open(argv[1], mac_of(argv[2]), mac_of(argv[3]));
    if (!cable) {
        std::cerr << "kernel_peer: " << cable.error().text() << '\n';
        return 1;
    }
    for (std::string line; std::getline(std::cin, line);) {
        const auto what = json::parse(line);
        std::cout << cell{what, *cable}.run() << std::endl;
    }
}
