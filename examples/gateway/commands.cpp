// What others ask of the gateway by its two sockets, and the files that it reads.
#include <map>
#include <sstream>

#include <fmt/format.h>

#include "ipsec/xfrm/manual_sa.hpp"
#include "ipsec/xfrm/parse.hpp"
#include "loop.hpp"

namespace gateway {

using namespace ipsec;

auto read_files(const options& o, policy_ids& ids) -> std::expected<files, std::string> {
    files f;
    if (!o.config.empty()) {
        auto settings = read_config(o.config, ids, !o.xfrm.empty());
        if (!settings) return std::unexpected{settings.error().text()};
        f.settings = std::move(*settings);
    }
    if (!o.xfrm.empty()) {
        auto text = read_text(o.xfrm);
        if (!text) return std::unexpected{o.xfrm + ": " + text.error()};
        auto parsed = xfrm::parse(*text);
        const std::string fault = parsed ? std::string{} : std::string{xfrm::text_of(parsed.error()).view()};
        wipe(std::as_writable_bytes(std::span{*text}));
        if (!parsed) return std::unexpected{o.xfrm + ": " + fault};
        for (const xfrm::state& s : parsed->states)
            if (const auto ok = xfrm::manual_sa_of(s, {.allow_static_counter_keys = o.allow_static_counter_keys}); !ok)
                return std::unexpected{o.xfrm + ": " + std::string{xfrm::text_of(ok.error()).view()}};
        f.xfrm = std::move(*parsed);
    }
    return f;
}

auto loop::reload(instant at) -> std::optional<std::string> {
    auto f = read_files(options_, ids_);
    auto bad = f ? load(at, std::move(*f)) : std::optional{f.error()};
    report_.line(bad ? json{{"event", "reload_refused"}, {"why", *bad}} : json{{"event", "reloaded"}});
    return bad;
}

void loop::serve_control(instant at) {
    control_.accept(at);
    const auto reply = [](const std::string& bad) {
        return one_line(bad.empty() ? json{{"ok", true}} : json{{"ok", false}, {"error", bad}});
    };
    std::map<std::string, std::pair<bool, std::string>> told;  // several may wait for one child
    for (auto& c : control_.clients()) {
        if (!c.waits_for.empty()) {
            if (auto fate = engine_->outcome_of(c.waits_for)) told[c.waits_for] = std::move(*fate);
            if (const auto fate = told.find(c.waits_for); fate != told.end())
                unix_server::answer(c, reply(fate->second.first ? "" : fate->second.second));
            else if (c.until < at) unix_server::answer(c, reply("no outcome within 60 s"));
        } else if (unix_server::read(c)) {
            if (const auto text = obey(at, c)) unix_server::answer(c, *text == "" ? reply("") : *text);
        }
    }
    control_.forget(at);
}

/// @return the answer; nothing when it comes later
auto loop::obey(instant at, unix_server::client& c) -> std::optional<std::string> {
    std::istringstream words{c.line};
    std::string verb, what, more;
    words >> verb >> what >> more;
    const auto fault = [](const std::string& text) { return one_line(json{{"ok", false}, {"error", text}}); };
    if (verb == "list") {
        std::string all;
        for (const json& j : engine_->list()) all += one_line(j);
        return all + one_line(engine_->statistics()) + one_line(json{{"ok", true}});
    }
    if (verb == "initiate" && !what.empty()) {
        if (const auto bad = engine_->initiate(at, what); !bad.empty()) return fault(bad);
        c.waits_for = what;
        c.until = at + seconds(60);
        return std::nullopt;
    }
    if (verb == "terminate" && !what.empty()) {
        const auto bad = what == "ike" && !more.empty() ? engine_->terminate_ike(at, more) : engine_->terminate(at, what);
        return bad.empty() ? "" : fault(bad);
    }
    if (verb == "flush" && (what == "ike" || what == "sa")) {
        if (what == "sa") engine_->flush_sas(at);
        else
            for (const connection& of : engine_->settings().connections) (void)engine_->terminate_ike(at, of.name);
        return "";
    }
    if (verb == "reload") {
        const auto bad = reload(at);
        return bad ? fault(*bad) : "";
    }
    return fault("commands are: list, initiate CHILD, terminate CHILD, terminate ike CONNECTION, flush ike|sa, reload");
}

void loop::serve_metrics(instant at) {
    metrics_.accept(at);
    // Who speaks HTTP gets an answer in HTTP; who says nothing gets the text as soon as it hangs up its side.
    for (auto& c : metrics_.clients()) {
        if (!unix_server::read(c)) continue;
        const std::string body = engine_->metrics();
        const bool http = c.line.starts_with("GET ");
        unix_server::answer(c, http ? fmt::format("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
                                                  "Content-Length: {}\r\nConnection: close\r\n\r\n{}",
                                                  body.size(), body)
                                    : body);
    }
    metrics_.forget(at);
}

}  // namespace gateway
