// The transition tables of IKEv1, as the code has them: in the language of Graphviz, or as lines.
//
//     ike_tables "Quick Mode" responder | dot -Tsvg > quick_mode.svg
//     ike_tables --list                 each edge of each exchange in a line of its own
#include <fmt/format.h>

#include "ipsec/ike/v1/machines.hpp"
#include "ipsec/testing/identity_crypto.hpp"

using namespace ipsec;
namespace v1 = ipsec::ike::v1;

int main(int argc, char** argv) {
    const std::string_view wanted = argc > 1 ? argv[1] : "--list", role = argc > 2 ? argv[2] : "initiator";
    std::size_t found = 0;
    v1::for_each_machine<testing::identity_provider>([&]<class M>(std::type_identity<M>) {
        const auto edges = v1::edges_of<M>();
        if (wanted == "--list") {
            for (const v1::edge& e : edges) fmt::print("{} | {} | {} | {} | {}\n", e.exchange, e.role, e.state, e.event, e.next);
            ++found;
        } else if (wanted == M::exchange && role == v1::name_of(M::role)) {
            fmt::print("{}", v1::to_graphviz(edges));
            ++found;
        }
    });
    if (found > 0) return 0;
    fmt::print(stderr, "usage: ike_tables --list | ike_tables EXCHANGE [ROLE]\nexchanges and roles:");
    v1::for_each_machine<testing::identity_provider>([]<class M>(std::type_identity<M>) {
        fmt::print(stderr, "\n    \"{}\" \"{}\"", M::exchange, v1::name_of(M::role));
    });
    fmt::print(stderr, "\n");
    return 2;
}
