// Nothing is allocated per packet once an SA is made: malloc, calloc, realloc, the aligned ones and new are counted, and Botan's
// own pool, which would hide some of them, is switched off.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "ah/fixture.hpp"
#include "esp/fixture.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "support/alloc_counter.hpp"
#include "support/placements.hpp"

using namespace ipsec;
using namespace ipsec::test;
using crypto::encryption_id;
using crypto::integrity_id;
using gateway = crypto::botan::gateway_suite;

namespace {

struct named_transform {
    const char* name;
    crypto::transform transform;
};
constexpr std::array suites{
    named_transform{"null-md5", {encryption_id::null, 0, integrity_id::hmac_md5_96}},
    named_transform{"des-sha1", {encryption_id::des_cbc, 0, integrity_id::hmac_sha1_96}},
    named_transform{"3des-sha1", {encryption_id::des3_cbc, 0, integrity_id::hmac_sha1_96}},
    named_transform{"aes128-sha1", {encryption_id::aes_cbc, 128, integrity_id::hmac_sha1_96}},
    named_transform{"aes192-sha384", {encryption_id::aes_cbc, 192, integrity_id::hmac_sha2_384_192}},
    named_transform{"aes256-sha256", {encryption_id::aes_cbc, 256, integrity_id::hmac_sha2_256_128}},
    named_transform{"aes256-sha512", {encryption_id::aes_cbc, 256, integrity_id::hmac_sha2_512_256}},
    named_transform{"aes128gcm16", {encryption_id::aes_gcm_16, 128, integrity_id::none}},
    named_transform{"aes256gcm8", {encryption_id::aes_gcm_8, 256, integrity_id::none}},
    named_transform{"chacha20poly1305", {encryption_id::chacha20_poly1305, 0, integrity_id::none}},
};

/// Seals and opens packets of many sizes, forges some, and says what was allocated.
struct count {
    std::size_t genuine = 0, forged = 0, packets = 0;
};
template <class Seal, class Open>
auto run(Seal&& seal, Open&& open) -> count {
    count c;
    std::vector<packet_buffer> packets;
    for (std::size_t i = 0; i < 200; ++i) {
        packets.emplace_back(i % 2 == 0 ? v4_packet(i * 7) : v6_packet(i * 7));
    }
    for (const auto& row : placements()) packets.emplace_back(row.packet);  // options and extension headers
    for (auto& p : packets) {
        allocations sealing;
        const bool sealed = seal(p);
        c.genuine += sealing.count();
        REQUIRE(sealed);
        packet_buffer bad = p.clone();
        bad.octets()[bad.octets().size() - 1] ^= std::byte{1};
        allocations forging;
        const bool taken = open(bad);
        c.forged += forging.count();
        REQUIRE_FALSE(taken);
        allocations opening;
        const bool opened = open(p);
        c.genuine += opening.count();
        REQUIRE(opened);
        ++c.packets;
    }
    return c;
}

}  // namespace

TEST_CASE("counted: ESP and AH allocate nothing per packet", "[.][allocation]") {
    REQUIRE(std::string{std::getenv("BOTAN_MLOCK_POOL_SIZE")} == "0");
    {
        allocations check;
        ::operator delete(::operator new(100));
        std::free(std::calloc(3, 100));
        REQUIRE(check.count() == 2);
    }
    for (const auto mode : {sa::mode::transport, sa::mode::tunnel})
        for (const auto& s : suites) {
            CAPTURE(s.name, static_cast<int>(mode));
            auto pair = make_esp_pair(esp_parameters(mode), *crypto::botan::make_esp_suite(s.transform),
                                      *crypto::botan::make_esp_suite(s.transform));
            const auto c = run([&](auto& p) { return esp::seal(pair.out, p, instant{}).has_value(); },
                               [&](auto& p) { return esp::open(pair.in, p, instant{}).has_value(); });
            CHECK(c.genuine == 0);
            if (c.forged != 0)
                WARN(s.name << ": " << c.forged << " allocations for " << c.packets << " forged packets (the provider throws)");
        }
    for (const auto mode : {sa::mode::transport, sa::mode::tunnel})
        for (const auto id : {integrity_id::hmac_md5_96, integrity_id::hmac_sha1_96, integrity_id::hmac_sha2_256_128,
                              integrity_id::hmac_sha2_512_256}) {
            CAPTURE(static_cast<int>(id), static_cast<int>(mode));
            auto pair = make_ah_pair(ah_parameters(mode), *crypto::botan::make_mac(id));
            const auto c = run([&](auto& p) { return ah::seal(pair.out, p, instant{}).has_value(); },
                               [&](auto& p) { return ah::open(pair.in, p, instant{}).has_value(); });
            CHECK(c.genuine == 0);
            CHECK(c.forged == 0);
        }
}

TEST_CASE("ESP and AH allocate nothing per packet", "[esp][ah][allocation]") {
    if (!allocations_are_counted) {
        WARN("skipped: the allocator of a sanitizer is in the way");
        return;
    }
    // In a process of its own: Botan reads the size of its pool before main begins.
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        setenv("BOTAN_MLOCK_POOL_SIZE", "0", 1);
        execl("/proc/self/exe", "test_esp", "[allocation]~[esp]", static_cast<char*>(nullptr));
        _exit(127);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}
