// The transition tables of IKEv1, as the code has them: in the language of Graphviz, or as lines.
//
//     ike_tables "Quick Mode" responder | dot -Tsvg > quick_mode.svg
//     ike_tables --list                 each edge of each exchange in a line of its own
#include <fmt/format.h>

#include <string>

#include "common/command_line.hpp"
#include "ipsec/ike/v1/machines.hpp"
#include "ipsec/testing/identity_crypto.hpp"

using namespace ipsec;
namespace v1 = ipsec::ike::v1;

auto main(int argc, char** argv) -> int {
    CLI::App app{"Prints the transition tables of IKEv1 as the code has them. Exit code: 2 for an exchange that there is not.",
                 "ike_tables"};
    std::string exchange, role = "initiator";
    bool list = false;
    app.add_flag("--list", list, "each edge of each exchange in a line of its own");
    app.add_option("EXCHANGE", exchange, "for Graphviz, by its name: 'Quick Mode'")->excludes("--list");
    app.add_option("ROLE", role, "whose table")->excludes("--list")->capture_default_str();
    if (const auto code = command_line::parse(app, argc, argv)) return *code;
    return command_line::whole_run("ike_tables", [&] {
        std::string exchanges, roles;  // that there are, for whoever asks for others
        bool found = false;
        const auto add = [](std::string& to, const std::string& word) {
            if (to.find(word) == std::string::npos) to += (to.empty() ? "" : ", ") + word;
        };
        v1::for_each_machine<testing::identity_provider>([&]<class M>(std::type_identity<M>) {
            const auto edges = v1::edges_of<M>();
            add(exchanges, fmt::format("'{}'", M::exchange));
            if (exchange == M::exchange) add(roles, std::string{v1::name_of(M::role)});
            if (list || exchange.empty()) {
                for (const v1::edge& e : edges)
                    fmt::print("{} | {} | {} | {} | {}\n", e.exchange, e.role, e.state, e.event, e.next);
                found = true;
            } else if (exchange == M::exchange && role == v1::name_of(M::role)) {
                fmt::print("{}", v1::to_graphviz(edges));
                found = true;
            }
        });
        if (found) return 0;
        return command_line::complain("ike_tables",
                                      roles.empty() ? fmt::format("'{}': no such exchange: give one of {}", exchange, exchanges)
                                                    : fmt::format("'{}': no role in it is '{}': give {}", exchange, role, roles));
    });
}
