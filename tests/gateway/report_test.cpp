// What the gateway says of things that an administrator has to find.
#include <array>

#include "gateway/report.hpp"
#include "support/catch.hpp"

using namespace ipsec;

TEST_CASE("a refused offer is told attribute by attribute, by name", "[gateway][report][misfit]") {
    using part = ike::v1::misfit::part;
    const std::array misfits{
        ike::v1::misfit{1, 2, isakmp::protocol_id::isakmp, part::attribute,
                        static_cast<std::uint16_t>(isakmp::oakley_attribute::key_length), std::nullopt, 128},
        ike::v1::misfit{3, 1, isakmp::protocol_id::ipsec_esp, part::attribute,
                        static_cast<std::uint16_t>(isakmp::sa_attribute::group_description), 2, 14},
        ike::v1::misfit{4, 0, isakmp::protocol_id::ipsec_ah, part::protocol, 0, std::nullopt, 2}};
    ike::v1::misfit_record r{};
    r.path = {{ip::address::v4(192, 0, 2, 1), 500}, {ip::address::v4(198, 51, 100, 7), 500}, {}};
    r.misfits = misfits;
    const auto j = gateway::describe(r);
    CHECK(j["event"] == "refused_offer");
    CHECK(j["path"].get<std::string>().find("198.51.100.7") != std::string::npos);
    REQUIRE(j["misfits"].size() == 3);
    CHECK(j["misfits"][0].dump() ==
          R"({"proposal":1,"transform":2,"of":"PROTO_ISAKMP","what":"Key Length","offered":null,"wanted":128})");
    CHECK(j["misfits"][1]["what"] == "Group Description");
    CHECK(j["misfits"][1]["offered"] == 2);
    CHECK(j["misfits"][2]["what"] == "protocol");
    CHECK(j["misfits"][2]["of"] == "PROTO_IPSEC_AH");
}
