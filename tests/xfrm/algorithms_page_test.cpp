#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/xfrm/algorithms.hpp"
#include "support/catch.hpp"

// docs/algorithms.md is drawn from the table of the library, its provider and the names of the kernel.
// IPSECPP_UPDATE=1 writes it anew.

using namespace ipsec;

namespace {

auto number(unsigned n) -> std::string { return n == 0 ? "" : std::to_string(n); }
auto code(std::string_view s) -> std::string { return s.empty() ? "" : "`" + std::string{s} + "`"; }
auto lengths(const crypto::encryption_info& e) -> std::string {
    if (e.variable_key) return std::to_string(e.key_bits[0]) + " to " + std::to_string(e.key_bits[1]);
    std::string out;
    for (const auto bits : e.key_bits)
        if (bits != 0) out += (out.empty() ? "" : ", ") + std::to_string(bits);
    return out;
}
/// What Botan makes suites of, by the longest and the shortest key.
auto has(const crypto::encryption_info& e) -> std::string {
    const crypto::dangers all{.no_integrity = true};
    const auto makes = [&](std::uint16_t bits) {
        const auto mac = e.combined ? crypto::integrity_id::none : crypto::integrity_id::hmac_sha2_256_128;
        const auto suite = crypto::botan::make_esp_suite({e.id, e.key_length_attribute ? bits : std::uint16_t{0}, mac}, all);
        if (!suite) return false;
        std::vector<std::byte> keymat(suite->keymat_size());  // no weak key
        for (std::size_t i = 0; i < keymat.size(); ++i) keymat[i] = static_cast<std::byte>(i * 37 + 11);
        return suite->make_keys(keymat).has_value();
    };
    if (!e.variable_key) return makes(e.key_bits[0]) ? "yes" : "no";
    std::uint16_t first = 0, last = 0;
    for (std::uint16_t bits = e.key_bits[0]; bits <= e.key_bits[1]; bits = static_cast<std::uint16_t>(bits + 8)) {
        if (!makes(bits)) continue;
        if (first == 0) first = bits;
        last = bits;
    }
    if (first == 0) return "no";
    if (first == e.key_bits[0] && last == e.key_bits[1]) return "yes";
    return std::to_string(first) + " to " + std::to_string(last) + " bits";
}
auto word_of(const crypto::encryption_info& e) -> std::string {
    std::string out{e.name};
    if (e.key_length_attribute) out += "*N*";
    return out + std::string{e.suffix};
}

auto drawn() -> std::string {
    std::ostringstream out;
    out << "| ciphers | key bits | block | IV | ICV | IKEv1 | ESP | IKEv2 | Botan | Linux | RFC 8221 | RFC |\n"
           "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
    for (const auto& e : crypto::encryption_algorithms)
        out << "| " << word_of(e) << " | " << lengths(e) << " | " << unsigned{e.block} << " | " << number(e.iv) << " | "
            << number(e.icv) << " | " << number(e.ike_v1) << " | " << number(e.esp_v1) << " | " << number(e.ike_v2) << " | "
            << has(e) << " | " << code(xfrm::kernel_name(e.id)) << " | " << name_of(e.esp) << " | " << e.rfc << " |\n";
    for (const auto& r : crypto::refused_ciphers)
        out << "| " << r.name << " | | | | | " << number(r.ike_v1) << " | " << number(r.phase_2) << " | " << number(r.ike_v2)
            << " | refused: " << r.why << " | | | |\n";
    out << "\n| integrity | key | ICV | IKEv1 | AH | IKEv2 | Botan | Linux | RFC 8221 | RFC |\n"
           "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
    for (const auto& i : crypto::integrity_algorithms) {
        const bool made = crypto::botan::make_mac(i.id).has_value();
        out << "| " << i.name << " | " << unsigned{i.key} << " | " << unsigned{i.icv} << " | " << number(i.auth_v1) << " | "
            << number(i.ah_v1) << " | " << number(i.ike_v2) << " | " << (made ? "yes" : "no") << " | "
            << code(xfrm::kernel_name(i.id)) << " | " << name_of(i.esp) << " | " << i.rfc << " |\n";
    }
    for (const auto& r : crypto::refused_macs)
        out << "| " << r.name << " | | | " << number(r.ike_v1) << " | " << number(r.phase_2) << " | " << number(r.ike_v2)
            << " | refused: " << r.why << " | | | |\n";
    return out.str();
}

}  // namespace

TEST_CASE("the page of algorithms says what is there", "[docs]") {
    const char* const source = std::getenv("IPSECPP_SOURCE");
    if (source == nullptr) {
        SUCCEED("run by ctest, which says where the sources are");
        return;
    }
    const std::string path = std::string{source} + "/docs/algorithms.md";
    std::stringstream text;
    text << std::ifstream{path}.rdbuf();
    std::string page = text.str();
    const std::string begin = "<!-- table: algorithms -->\n", end = "<!-- end -->";
    const auto from = page.find(begin);
    REQUIRE(from != std::string::npos);
    const auto to = page.find(end, from);
    REQUIRE(to != std::string::npos);
    const auto wanted = drawn();
    if (std::getenv("IPSECPP_UPDATE") != nullptr) {
        page.replace(from + begin.size(), to - from - begin.size(), wanted);
        std::ofstream{path} << page;
        return;
    }
    CHECK(page.substr(from + begin.size(), to - from - begin.size()) == wanted);
}
