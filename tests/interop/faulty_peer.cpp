// Our side of the matrix's `faults/*` cells: an IKEv1 endpoint that does one of the faults below on purpose, to a peer that
// nobody here wrote. It begins, or answers, as `start` is said or not, and asks for an echo through the tunnel that came about.
//
//     faulty_peer OWN-ADDRESS PEER-ADDRESS SECRET FAULT
//
// Lines on the standard input: `start`, `ping`, `list`, `close`. Each is answered by a line of JSON, the state after it:
// {"ike": ISAKMP SAs, "installed": IPsec SAs, "children": [[SPI in, SPI out]], "done": faults done, "echoes": answers opened,
//  "cookies": of initiators, "message_ids": of Quick Modes, "failures": [why], "refused": what of the peer's was refused}.
// Ends with the input.
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include <functional>
#include <iostream>
#include <map>

#include <nlohmann/json.hpp>

#include "../../examples/common/wireshark.hpp"
#include "association.hpp"
#include "ipsec/core/overloaded.hpp"
#include "ipsec/ike/v1/endpoint.hpp"
#include "ipsec/ike/v1/suite_name.hpp"
#include "ipsec/io/linux/udp.hpp"
#include "ipsec/ip/udp_encap.hpp"
#include "ipsec/testing/faults.hpp"
#include "probe.hpp"

namespace {

using namespace ipsec;
using namespace ipsec::testing;
namespace v1 = ike::v1;
using kernel_peer::octets;
using nlohmann::json;
using isakmp::payload_type;

constexpr auto main_mode = isakmp::exchange_type::identity_protection;
constexpr auto quick_mode = isakmp::exchange_type::quick_mode;
constexpr std::size_t echo_size = 40;

auto octets_of(std::initializer_list<unsigned> v) -> octets {
    octets out;
    for (const unsigned i : v) out.push_back(static_cast<std::byte>(i));
    return out;
}
/// The same for each message of ours, whichever end begins: three of Main Mode and up to two of Quick Mode.
void to_all(fault_plan& p, const datagram_fault& f) {
    for (const std::size_t n : {1U, 2U, 3U}) p.add({main_mode, n}, f);
    for (const std::size_t n : {1U, 2U}) p.add({quick_mode, n}, f);
}

/// Faults by their names. "Genuine": a HASH covers the fault.
auto faults() -> const std::map<std::string, std::function<void(fault_plan&)>>& {
    using p = fault_plan;
    static const std::map<std::string, std::function<void(p&)>> all{
        {"none", [](p&) {}},
        // on the way: made up for
        {"dropped", [](p& f) { to_all(f, drop{}); }},
        {"doubled", [](p& f) { to_all(f, twice{}); }},
        {"delayed", [](p& f) { to_all(f, behind{1}); }},
        {"replayed",
         [](p& f) {
             // Not the first message: upon that one strongSwan lets go of a Main Mode that waits for message 5.
             f.add({main_mode, 3}, replay{{main_mode, 2}});
             f.add({quick_mode, 1}, replay{{main_mode, 3}});
             f.add({quick_mode, 2}, replay{{quick_mode, 1}});
         }},
        // a field
        {"no-such-cipher",
         [](p& f) { f.add({main_mode, 1}, set_octets{payload_type::security_association, 31, octets_of({99})}); }},
        {"bad-hash", [](p& f) { f.add({main_mode, 3}, set_octets{payload_type::hash, 0, octets_of({1, 2, 3})}); }},
        {"no-such-transform",
         [](p& f) { f.add({quick_mode, 1}, set_octets{payload_type::security_association, 25, octets_of({99})}); }},
        {"not-the-hash-of-it",
         [](p& f) {
             f.add({quick_mode, 1}, set_octets{payload_type::security_association, 25, octets_of({99})},
                   hashed::before_the_fault);
         }},
        {"other-client", [](p& f) { f.add({quick_mode, 1}, set_octets{payload_type::identification, 4, octets_of({172, 16})}); }},
        // a payload that is not there, or twice
        {"no-ke", [](p& f) { f.add({main_mode, 2}, omit{payload_type::key_exchange}); }},
        {"no-nonce", [](p& f) { f.add({quick_mode, 1}, omit{payload_type::nonce}); }},
        {"two-offers", [](p& f) { f.add({main_mode, 1}, repeat{payload_type::security_association}); }},
        {"two-identities", [](p& f) { f.add({main_mode, 3}, repeat{payload_type::identification}); }},
        {"two-nonces", [](p& f) { f.add({quick_mode, 1}, repeat{payload_type::nonce}); }},
        // values that chance would not give
        {"forced",
         [](p& f) {
             f.force_cookie(isakmp::cookie_i{std::array<std::byte, 8>{std::byte{0xc0}, std::byte{0x0c}}});
             f.force_nonce(octets(200, std::byte{0x55}));  // of phase 1
             f.force_nonce(octets(8));                     // of Quick Mode: as short as may be, and all zero
             f.force_message_id(isakmp::message_id{0x1234});
         }},
        {"message-id-again",  // the second Quick Mode has that of the first
         [](p& f) {
             f.force_message_id(isakmp::message_id{0x1234});
             f.force_message_id(isakmp::message_id{0x1234});
         }},
    };
    return all;
}

auto now() -> instant {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return instant{static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec};
}

/// What the endpoint refuses.
struct watcher {
    std::vector<std::string> refused{};
    void on(const ike::audit_record& r) noexcept { refused.emplace_back(ike::name_of(r.why)); }
};
struct traits {
    using provider = faulty<crypto::botan::provider>;
    using observer = watcher;
};
using endpoint = v1::endpoint<traits>;

class peer {
public:
    peer(const ip::address& own, const ip::address& other, std::string_view secret, const std::string& fault)
        : own_{own}, other_{other}, ike_port_{open(500)}, nat_port_{open(ip::udp_encap::port)} {
        faults().at(fault)(crypto_.plan);
        v1::config c;
        c.retransmit = {.first = milliseconds(200), .longest = seconds(2), .tries = 3};
        v1::peer_config p;
        p.path = {{own, 500}, {other, 500}, {}};
        p.psk = v1::psk_of(secret);
        p.suites = v1::parse_ike_suites("aes128-sha1-modp1024").value();
        p.send_initial_contact = false;
        v1::child_config child;
        child.suites = {{.esp = crypto::transform{crypto::encryption_id::aes_cbc, 128, crypto::integrity_id::hmac_sha1_96}}};
        child.local = ike::client{.addresses = *ip::parse_range("10.1.0.0/24")};
        child.remote = ike::client{.addresses = *ip::parse_range("10.2.0.0/24")};
        p.children.push_back(child);
        c.peers.push_back(std::move(p));
        auto made = endpoint::make(std::move(c), crypto_, watcher_);
        if (!made) throw std::runtime_error{std::string{ike::name_of(made.error())}};
        ike_.emplace(std::move(*made));
    }
    /// Until the input ends.
    void run() {
        std::string line;
        for (bool open = true; open;) {
            const auto left = (ike_->poll_timeout() - now()).nanoseconds() / 1'000'000;
            pollfd all[] = {{0, POLLIN, 0}, {ike_port_.fd(), POLLIN, 0}, {nat_port_.fd(), POLLIN, 0}};
            (void)::poll(all, 3, static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000)));
            for (auto* socket : {&ike_port_, &nat_port_})
                while (const auto got = socket->receive(scratch_)) take(got->path, got->octets);
            ike_->handle_timeout(now());
            flush();
            if (all[0].revents == 0) continue;
            char c = 0;
            open = ::read(0, &c, 1) == 1;
            if (c != '\n') {
                line += c;
                continue;
            }
            obey(std::exchange(line, {}));
            flush();
            std::cout << state().dump() << std::endl;
        }
    }

private:
    [[nodiscard]] auto open(std::uint16_t port) const -> io::udp_link<ike::path> {
        auto made = io::udp_socket::open({.local = {own_, port}});
        if (!made) throw std::runtime_error{made.error().text()};
        const auto kind = port == 500 ? ike::link_kind::udp : ike::link_kind::udp_encap;
        return io::udp_link<ike::path>{std::move(*made), ike::path{{}, {}, {.kind = kind}}};
    }
    void take(const ike::path& at, byte_view datagram) {
        if (at.local.port == ip::udp_encap::port) {
            const auto c = ip::udp_encap::classify(datagram);
            if (!c || c->kind == ip::udp_encap::kind::keepalive) return;
            if (c->kind == ip::udp_encap::kind::esp) return open_packet(datagram);
        }
        ike_->handle_datagram(now(), at, datagram);
        flush();
    }
    void flush() {
        while (const auto ev = ike_->poll_event()) {
            std::visit(
                overloaded{
                    [&](const sa::install_inbound& e) { install(e, true); },
                    [&](const sa::install_outbound& e) { install(e, false); },
                    [&](const sa::remove& e) { std::erase_if(sas_, [&](const auto& s) { return s.first == e.id.spi; }); },
                    [&](const v1::ike_established& e) { cookies_.push_back(wireshark::hex(e.cookies.initiator.octets())); },
                    [&](const v1::child_established& e) { ids_.push_back(e.message_id.value()); },
                    [&](const v1::exchange_failed& e) { failures_.emplace_back(ike::name_of(e.why)); }, [](const auto&) {}},
                *ev);
            ike_->answer(*ev, true);
        }
        octets out(endpoint::max_message);
        while (const auto tx = ike_->poll_transmit(out))
            (void)(tx->path.local.port == 500 ? ike_port_ : nat_port_).send(tx->path, tx->octets);
    }
    /// The SA as `ip xfrm` has it, for the walks of the matrix.
    void install(const sa::install& e, bool inbound) {
        const auto [encryption, integrity] = wireshark::split(e.transform, e.id.protocol, e.keymat.view());
        const auto at = [](const ip::address& a) { return std::string{ip::to_text(a).view()}; };
        const std::string where = "src " + at(e.source) + " dst " + at(e.id.destination) + " proto esp";
        const std::string text = "xfrm state add " + where + " spi 0x" + wireshark::spi_text(e.id.spi.value()) +
                                 " mode tunnel enc cbc(aes) 0x" + encryption + " auth-trunc hmac(sha1) 0x" + integrity +
                                 " 96\nxfrm policy add src 10." +
                                 (inbound ? "2.0.0/24 dst 10.1.0.0/24 dir in" : "1.0.0/24 dst 10.2.0.0/24 dir out") + " tmpl " +
                                 where + " mode tunnel\n";
        sas_.emplace_back(e.id.spi, entry{inbound, text});
        walks_.reset();
    }
    /// Of the newest pair.
    [[nodiscard]] auto walks() -> kernel_peer::association* {
        if (walks_) return walks_.get();
        std::string in, out;
        for (const auto& [spi, e] : sas_) (e.inbound ? in : out) = e.text;
        if (in.empty() || out.empty()) return nullptr;
        auto made = kernel_peer::association::make(in + out, {own_});
        if (!made) throw std::runtime_error{made.error().text};
        walks_ = std::move(*made);
        return walks_.get();
    }
    void ping() {
        const auto probe = kernel_peer::make_probe(
            {.source = ip::address::v4(10, 1, 0, 1), .destination = ip::address::v4(10, 2, 0, 1), .options = {}, .headers = {}},
            ++echo_, echo_size);
        auto* w = walks();
        if (w == nullptr) return;
        const auto sealed = w->protect(probe);
        if (sealed.what.size() > 20)
            (void)nat_port_.send({{own_, ip::udp_encap::port}, {other_, ip::udp_encap::port}, {}},
                                 byte_view{sealed.what}.subspan(20));
    }
    void open_packet(byte_view esp) {
        auto* w = walks();
        if (w == nullptr) return;
        octets whole(20 + esp.size());
        ip::v4::header h;
        h.total_length = static_cast<std::uint16_t>(whole.size());
        h.time_to_live = 64;
        h.protocol = ip::next_header::esp;
        h.source = other_;
        h.destination = own_;
        (void)h.emit_with_checksum(whole);
        copy_octets(esp, byte_span{whole}.subspan(20));
        const auto opened = w->open(whole);
        std::uint16_t number = 0;
        const auto wrong = kernel_peer::fault_of_answer(opened.what, ip::address::v4(10, 2, 0, 1), ip::address::v4(10, 1, 0, 1),
                                                        echo_size, number);
        if (wrong.empty()) ++echoes_;
    }
    void obey(const std::string& what) {
        if (what == "start") {
            if (!ike_->start(now(), sa::policy_id{1})) failures_.emplace_back("not started");
        } else if (what == "close") {
            ike_->close(now());
        } else if (what == "ping") {
            ping();
        }
    }
    [[nodiscard]] auto state() const -> json {
        json children = json::array();
        for (const auto& c : ike_->children())
            if (!c.inbound.empty() && !c.outbound.empty())
                children.push_back(
                    {wireshark::spi_text(c.inbound[0].spi.value()), wireshark::spi_text(c.outbound[0].spi.value())});
        return {{"ike", ike_->established_count()}, {"installed", sas_.size()},   {"children", children},
                {"done", crypto_.plan.done()},      {"echoes", echoes_},          {"cookies", cookies_},
                {"message_ids", ids_},              {"failures", failures_},      {"refused", watcher_.refused}};
    }

    struct entry {
        bool inbound = false;
        std::string text;
    };
    ip::address own_, other_;
    io::udp_link<ike::path> ike_port_, nat_port_;
    traits::provider crypto_{};
    watcher watcher_{};
    std::optional<endpoint> ike_{};
    std::vector<std::pair<sa::spi, entry>> sas_{};
    std::unique_ptr<kernel_peer::association> walks_{};
    octets scratch_ = octets(65536);
    std::vector<std::string> cookies_{}, failures_{};
    std::vector<std::uint32_t> ids_{};
    std::uint16_t echo_ = 0;
    std::size_t echoes_ = 0;
};

}  // namespace

int main(int count, char** words) {
    try {
        const auto own = ip::parse_address(count == 5 ? words[1] : ""), other = ip::parse_address(count == 5 ? words[2] : "");
        if (!own || !other || !faults().contains(words[4])) {
            std::cerr << "faulty_peer OWN-ADDRESS PEER-ADDRESS SECRET FAULT\n";
            for (const auto& [name, does] : faults()) std::cerr << "  " << name << "\n";
            return 2;
        }
        peer{*own, *other, words[3], words[4]}.run();
    } catch (const std::exception& e) {
        std::cerr << "faulty_peer: " << e.what() << "\n";
        return 1;
    }
    return 0;
}
