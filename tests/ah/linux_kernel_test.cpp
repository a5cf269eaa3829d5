#include "support/catch.hpp"
#include "support/kernel_vectors.hpp"

// req: rfc2402-5-4, rfc2402-5-5
TEST_CASE("AH packets of the Linux kernel are verified, and ours equal them octet for octet", "[ah][seal][open][linux]") {
    const auto seen = ipsec::test::check_kernel_cases("ah");
    CHECK(seen.left_out.empty());
    CHECK(seen.packets == 184);
}

// Recorded by scripts/record_ah_options.py: the kernel forwarded each packet without AH and with it.
// checklist: AH-01, AH-02, AH-05, AH-06, AH-08, AH-09, pitfalls 43, 44, 45 and 46
// req: rfc2402-A-m1, rfc2402-A-m2, rfc2402-3.3.3.1.2.2-m1, rfc2402-5-5
TEST_CASE("what the Linux kernel makes of options and extension headers under AH, we make octet for octet",
          "[ah][options][linux]") {
    using namespace ipsec;
    namespace botan = crypto::botan;
    std::ifstream in{std::string{IPSECPP_TEST_DATA} + "/linux-kernel/ah-options.json"};
    const auto all = nlohmann::json::parse(in);
    testing::seeded_rng random{1};
    int equal = 0, opened = 0, on_the_way = 0;
    for (const auto& v : all.at("vectors")) {
        const auto name = v.at("name").get<std::string>();
        CAPTURE(name);
        const auto plain = test::unhex(v.at("plain").get<std::string>());
        const auto goal = test::unhex(v.at("packet").get<std::string>());
        const auto key = test::unhex(v.at("key").get<std::string>());
        sa::parameters p;
        p.id = {.spi = sa::spi{v.at("spi").get<std::uint32_t>()},
                .destination = *ip::parse_address(v.at("family") == "v4" ? "10.88.0.1" : "fd88::1"),
                .protocol = sa::protocol::ah};
        p.source = *ip::parse_address(v.at("family") == "v4" ? "10.66.0.1" : "fd66::1");
        p.mode = sa::mode::transport;
        p.icv_alignment = v.at("alignment") == 8 ? sa::linux_icv_alignment : std::uint8_t{4};
        if (v.at("destination_options") == "in_front") p.destination_options = ip::destination_options_place::in_front;
        const auto id =
            v.at("auth") == "hmac(sha1)" ? crypto::integrity_id::hmac_sha1_96 : crypto::integrity_id::hmac_sha2_256_128;
        auto out = sa::outbound<botan::any_mac>::make(p, *botan::make_mac(id), key, random, instant{});
        auto back = sa::inbound<botan::any_mac>::make(p, *botan::make_mac(id), key, random, instant{});
        REQUIRE((out && back));
        testing::packet_buffer packet{plain};
        const auto job = ah::prepare(*out, packet, instant{});
        REQUIRE(job);
        // The kernel leaves in the padding of the ICV what was in memory.
        const auto icv = out->suite().icv_size();
        copy_octets(byte_view{goal}.subspan(job->ah_at + ah::header::size + icv, job->icv_field().size() - icv),
                    job->icv_field().subspan(icv));
        REQUIRE(ah::compute(*out, *job));
        CHECK(test::hex(packet.octets()) == test::hex(goal));
        ++equal;
        testing::packet_buffer received{goal};
        const auto done = ah::open(*back, received, instant{});
        if (done == std::unexpected{ah::errc::unfinished_route}) {
            ++on_the_way;
            continue;
        }
        REQUIRE(done);
        CHECK(test::hex(received.octets()) == test::hex(plain));
        ++opened;
    }
    CHECK(equal == 64);
    CHECK(opened == 50);
    CHECK(on_the_way == 14);
}
