#include "ladder.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "../common/payload_text.hpp"
#include "timeline.hpp"

namespace two_gateways {
namespace {

using namespace ipsec;

auto escaped(std::string_view s) -> std::string {
    std::string out;
    for (const char c : s) {
        if (c == '&') out += "&amp;";
        else if (c == '<') out += "&lt;";
        else if (c == '>') out += "&gt;";
        else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) out += '.';
        else out += c;
    }
    return out;
}
/// One line of text. The classes are in the style of the picture.
auto text(double x, double y, std::string_view kind, std::string_view what) -> std::string {
    return fmt::format("<text x=\"{:.0f}\" y=\"{:.0f}\" class=\"{}\">{}</text>\n", x, y, kind, escaped(what));
}

constexpr double width = 1640, left_x = 510, right_x = 1130, middle = (left_x + right_x) / 2, line_height = 15;
constexpr std::size_t widest_head = 84;  // characters between the two ends
constexpr std::string_view style =
    "text{font:12px ui-monospace,DejaVu Sans Mono,monospace;fill:#1b2733}"
    ".title{font-size:17px;font-weight:bold;text-anchor:middle}.end{font-size:14px;font-weight:bold;text-anchor:middle}"
    ".head{font-weight:bold;text-anchor:middle}.said{fill:#40566b;text-anchor:middle}"
    ".left{text-anchor:end;fill:#1f6f43}.right{text-anchor:start;fill:#1f6f43}.time{fill:#7a8a99;text-anchor:start}"
    ".life{stroke:#9fb0c0;stroke-width:2}.go{stroke:#1d5fa8;stroke-width:2;fill:none}"
    ".lost{stroke:#b3423a;stroke-width:2;stroke-dasharray:6 4;fill:none}.why{fill:#b3423a;text-anchor:middle}"
    ".key{fill:#8a5a00}";

}  // namespace

void ladder::on(testing::side where, const ike::message_trace& m) {
    if (m.direction == ike::direction::in) {
        // The newest copy that was sent from the other end and has not arrived yet.
        for (std::size_t i = lines_.size(); i-- > 0;) {
            line& l = lines_[i];
            if (!l.is_message || l.arrived || l.where == where || !std::ranges::equal(l.datagram, m.datagram)) continue;
            l.arrived = true;
            l.taken_by = m.state;
            return;
        }
        return;
    }
    if (lines_.size() >= most) {
        ++left_out_;
        return;
    }
    line l{.when = m.when, .where = where, .is_message = true, .arrived = false, .headline = {}, .state = std::string{m.state},
           .taken_by = {}, .said = {}, .datagram = {m.datagram.begin(), m.datagram.end()}};
    std::string names;
    if (const auto chain = isakmp::chain::parse(m.header.next_payload, m.payloads, isakmp::rules_decrypted)) {
        names = payload_text::names(method_, m.header, *chain);
        for (std::size_t n = 0; n < chain->size() && m.transmission == 1; ++n)
            for (auto& what : payload_text::of((*chain)[n], payload_text::hidden_by(method_, m.header, *chain, n)))
                l.said.push_back(std::move(what));
    }
    l.headline = fmt::format("{}{}: HDR{}{}{}", name_of(m.header.exchange),
                             m.header.id.value() != 0 ? fmt::format(" {:08x}", m.header.id.value()) : "",
                             m.header.flags.encrypted() ? "*" : "", names,
                             m.transmission > 1 ? fmt::format(" (sent {} times)", m.transmission) : "");
    lines_.push_back(std::move(l));
}
void ladder::on(testing::side where, const ike::v1::phase_1_secrets& s) {
    if (lines_.size() >= most || lines_.empty()) return;
    const auto key = [](std::string_view name, byte_view octets) {
        return fmt::format("{} {}", name, payload_text::hex(octets, 20));
    };
    line l{.when = lines_.back().when, .where = where, .headline = "keys of the ISAKMP SA", .state = {}, .taken_by = {},
           .said = {key("SKEYID  ", s.keys->skeyid.view()), key("SKEYID_d", s.keys->skeyid_d.view()),
                    key("SKEYID_a", s.keys->skeyid_a.view()), key("SKEYID_e", s.keys->skeyid_e.view()),
                    key("cipher  ", s.encryption_key)},
           .datagram = {}};
    lines_.push_back(std::move(l));
}
void ladder::on(testing::side where, const ike::v1::child_secrets& s) {
    if (lines_.size() >= most || lines_.empty()) return;
    lines_.push_back({.when = lines_.back().when,
                      .where = where,
                      .headline = fmt::format("{} SA, SPI {:08x}, {}", s.protocol == sa::protocol::esp ? "ESP" : "AH",
                                              s.spi.value(), s.inbound ? "inbound" : "outbound"),
                      .state = {},
                      .taken_by = {},
                      .said = {"KEYMAT " + payload_text::hex(s.keymat, 20)},
                      .datagram = {}});
}
void ladder::note(instant when, testing::side where, std::string text) {
    if (lines_.size() < most)
        lines_.push_back({.when = when, .where = where, .headline = std::move(text), .state = {}, .taken_by = {}, .said = {},
                          .datagram = {}});
}

auto ladder::svg(std::string_view title) const -> std::string {
    std::string body;
    const instant start = lines_.empty() ? instant{} : lines_.front().when;
    double y = 84;
    for (const line& l : lines_) {
        const bool from_left = l.where == testing::side::left;
        const double here = from_left ? left_x : right_x, there = from_left ? right_x : left_x;
        const std::string_view own = from_left ? "left" : "right", other = from_left ? "right" : "left";
        const double beside = from_left ? -12.0 : 12.0;
        body += text(12, y, "time", fmt::format("{:.3f} s", static_cast<double>((l.when - start).nanoseconds()) / 1e9));
        if (l.is_message) {
            std::string_view head = l.headline;
            if (head.size() > widest_head) {
                const auto end = head.rfind(", ", widest_head);
                body += text(middle, y, "head", head.substr(0, end + 1));
                head.remove_prefix(end + 2);
                y += line_height;
            }
            body += text(middle, y, "head", head);
            body += text(here + beside, y + 12, own, l.state);
            body += text(there - beside, y + 12, other, l.taken_by);
            const double end = l.arrived ? there + (from_left ? -3.0 : 3.0) : middle + (from_left ? 60.0 : -60.0);
            body += fmt::format("<path class=\"{}\" d=\"M{:.0f} {:.0f}H{:.0f}\" marker-end=\"url(#{})\"/>\n",
                                l.arrived ? "go" : "lost", here, y + 8, end, l.arrived ? "tip" : "cross");
            y += 24;
            if (!l.arrived) {
                body += text(middle, y, "why", "did not arrive, or said nothing new");
                y += line_height;
            }
            for (const auto& s : l.said) {
                body += text(middle, y, "said", s);
                y += line_height;
            }
        } else {
            body += text(here + beside, y, own, l.headline);
            for (const auto& s : l.said) body += text(here + beside, y += line_height, fmt::format("{} key", own), s);
            y += line_height;
        }
        y += 12;
    }
    if (left_out_ > 0) body += text(middle, y, "head", fmt::format("… and {} more messages", left_out_));
    std::string out = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} "
        "{1:.0f}\" role=\"img\">\n<title>{2}</title>\n<style>{3}</style>\n",
        width, y + 40, escaped(title), style);
    out +=
        "<defs><marker id=\"tip\" markerWidth=\"9\" markerHeight=\"8\" refX=\"8\" refY=\"4\" orient=\"auto\">"
        "<path d=\"M0 0L9 4L0 8Z\" fill=\"#1d5fa8\"/></marker><marker id=\"cross\" markerWidth=\"10\" markerHeight=\"10\" "
        "refX=\"5\" "
        "refY=\"5\"><path d=\"M1 1L9 9M9 1L1 9\" stroke=\"#b3423a\" stroke-width=\"1.5\"/></marker></defs>\n";
    out += fmt::format("<rect width=\"{:.0f}\" height=\"{:.0f}\" fill=\"#fff\"/>\n", width, y + 40);
    out +=
        text(width / 2, 26, "title", title) + text(left_x, 56, "end", "left gateway") + text(right_x, 56, "end", "right gateway");
    for (const double x : {left_x, right_x})
        out += fmt::format("<path class=\"life\" d=\"M{0:.0f} 64V{1:.0f}\"/>\n", x, y + 20);
    return out + body + "</svg>\n";
}

auto ladder::write(const std::string& file, std::string_view title) const -> std::expected<void, std::string> {
    std::ofstream out{file, std::ios::binary};
    const bool html = file.ends_with(".html");
    if (html)
        out << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" << escaped(title)
            << "</title><style>body{margin:0;background:#f3f6f9;text-align:center}svg{max-width:100%;height:auto}</style></head>"
               "<body>\n";
    out << svg(title);
    if (html) out << "</body></html>\n";
    out.close();
    if (!out) return std::unexpected{file + ": " + std::strerror(errno)};
    return {};
}

}  // namespace two_gateways
