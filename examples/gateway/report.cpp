#include "report.hpp"

#include <poll.h>
#include <unistd.h>

#include <chrono>

#include <fmt/format.h>

#include "ipsec/crypto/proposal_name.hpp"

namespace gateway {

using namespace ipsec;

auto text(sa::spi spi) -> std::string { return fmt::format("{:08x}", spi.value()); }
auto text(const ike::path& p) -> std::string {
    return fmt::format("{}:{} - {}:{}", text(p.local.address), p.local.port, text(p.remote.address), p.remote.port);
}
auto text(const sa::install& e) -> std::string {
    if (e.id.protocol == sa::protocol::esp) return std::string{crypto::to_text(e.transform).view()};
    const auto* i = crypto::find(e.transform.integrity);
    return std::string{i != nullptr ? i->name : "?"};
}

void report::line(json fields) {
    json all;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    all["time"] = std::chrono::duration<double>(std::chrono::duration_cast<std::chrono::milliseconds>(now)).count();
    all.update(fields);
    if (unheard_ > 0) all["unheard"] = unheard_;
    // Whoever reads too slowly, or not at all, misses lines: the gateway waits for nobody. A pipe that is writable takes a line.
    const std::string octets = one_line(all);
    pollfd out{STDOUT_FILENO, POLLOUT, 0};
    const bool taken = ::poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0 &&
                       ::write(STDOUT_FILENO, octets.data(), octets.size()) == static_cast<ssize_t>(octets.size());
    unheard_ = taken ? 0 : unheard_ + 1;
}
auto one_line(const json& j) -> std::string { return j.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"; }

void report::audit(instant now, json fields) {
    ++audits_;
    if (const std::int64_t second = now.nanoseconds() / 1'000'000'000; second != second_) {
        if (unsaid_ > 0) line({{"event", "audit"}, {"unsaid", unsaid_}});
        second_ = second;
        said_ = 0;
        unsaid_ = 0;
    }
    if (said_ == most_per_second) {
        ++unsaid_;
        return;
    }
    ++said_;
    line(std::move(fields));
}

auto describe(const ike::audit_record& r) -> json {
    json j{{"event", "audit"}, {"side", "ike"}, {"why", std::string{name_of(r.why)}}};
    if (r.detail) j["detail"] = std::string{name_of(*r.detail)};
    j["path"] = text(r.path);
    j["exchange"] = std::string{name_of(r.exchange)};
    j["authenticated"] = r.authenticated;
    return j;
}
auto describe(const ike::v1::misfit_record& r) -> json {
    json j{{"event", r.of_answer ? "refused_answer" : "refused_offer"}, {"path", text(r.path)}, {"misfits", json::array()}};
    for (const ike::v1::misfit& m : r.misfits) {
        const bool phase_1 = m.protocol == isakmp::protocol_id::isakmp;
        std::string what{m.what == ike::v1::misfit::part::protocol ? "protocol" : "transform id"};
        if (m.what == ike::v1::misfit::part::attribute)
            what = phase_1 ? name_of(isakmp::oakley_attribute{m.attribute}) : name_of(isakmp::sa_attribute{m.attribute});
        json one{{"proposal", m.proposal}, {"transform", m.transform}, {"of", std::string{name_of(m.protocol)}}, {"what", what}};
        one["offered"] = m.offered ? json(*m.offered) : json();
        one["wanted"] = m.wanted ? json(*m.wanted) : json();
        if (m.offered_bits != 0) one["offered_bits"] = m.offered_bits;
        if (m.wanted_bits != 0) one["wanted_bits"] = m.wanted_bits;
        j["misfits"].push_back(std::move(one));
    }
    return j;
}
auto describe(const dataplane::audit_record& r) -> json {
    json j{{"event", "audit"},
           {"side", r.direction == dataplane::direction::inbound ? "inbound" : "outbound"},
           {"why", std::string{name_of(r.event)}},
           {"source", text(r.source)},
           {"destination", text(r.destination)}};
    if (r.spi) {
        j["protocol"] = r.protocol == sa::protocol::esp ? "esp" : "ah";
        j["spi"] = text(*r.spi);
    }
    if (r.sequence) j["sequence"] = r.sequence->value();
    if (r.flow_id) j["flow_id"] = *r.flow_id;
    j["flow"] = std::string{ip::to_text(r.flow).view()};
    if (r.expected) j["expected"] = std::string{ip::to_text(*r.expected).view()};
    return j;
}

}  // namespace gateway
