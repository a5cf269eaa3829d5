// The seeds of the ISAKMP fuzz targets reach every payload type and every fault.
#include <filesystem>
#include <map>
#include <set>

#include "fuzz/isakmp_attribute_fuzz.hpp"
#include "fuzz/isakmp_builder_fuzz.hpp"
#include "fuzz/isakmp_cert_fuzz.hpp"
#include "fuzz/isakmp_certreq_fuzz.hpp"
#include "fuzz/isakmp_chain_fuzz.hpp"
#include "fuzz/isakmp_config_fuzz.hpp"
#include "fuzz/isakmp_delete_fuzz.hpp"
#include "fuzz/isakmp_fragment_fuzz.hpp"
#include "fuzz/isakmp_hash_fuzz.hpp"
#include "fuzz/isakmp_header_fuzz.hpp"
#include "fuzz/isakmp_id_fuzz.hpp"
#include "fuzz/isakmp_ke_fuzz.hpp"
#include "fuzz/isakmp_nat_d_fuzz.hpp"
#include "fuzz/isakmp_nat_oa_fuzz.hpp"
#include "fuzz/isakmp_nonce_fuzz.hpp"
#include "fuzz/isakmp_notify_fuzz.hpp"
#include "fuzz/isakmp_sa_fuzz.hpp"
#include "fuzz/isakmp_sig_fuzz.hpp"
#include "fuzz/isakmp_vid_fuzz.hpp"
#include "fuzz/replay.hpp"
#include "support/catch.hpp"

using namespace ipsec;

namespace {

struct counts {
    std::map<isakmp::errc, std::size_t> faults;
    std::map<isakmp::payload_type, std::size_t> types;
    void fault(isakmp::errc e) { ++faults[e]; }
    void type(isakmp::payload_type t) { ++types[t]; }
};
struct target {
    const char* name;
    void (*run)(byte_view, counts&);
};
constexpr target targets[] = {
    {"isakmp_header", &fuzz::isakmp_header_seen<counts>},   {"isakmp_chain", &fuzz::isakmp_chain_seen<counts>},
    {"isakmp_sa", &fuzz::isakmp_sa_seen<counts>},           {"isakmp_attribute", &fuzz::isakmp_attribute_seen<counts>},
    {"isakmp_ke", &fuzz::isakmp_ke_seen<counts>},           {"isakmp_id", &fuzz::isakmp_id_seen<counts>},
    {"isakmp_cert", &fuzz::isakmp_cert_seen<counts>},       {"isakmp_certreq", &fuzz::isakmp_certreq_seen<counts>},
    {"isakmp_hash", &fuzz::isakmp_hash_seen<counts>},       {"isakmp_sig", &fuzz::isakmp_sig_seen<counts>},
    {"isakmp_nonce", &fuzz::isakmp_nonce_seen<counts>},     {"isakmp_notify", &fuzz::isakmp_notify_seen<counts>},
    {"isakmp_delete", &fuzz::isakmp_delete_seen<counts>},   {"isakmp_vid", &fuzz::isakmp_vid_seen<counts>},
    {"isakmp_nat_d", &fuzz::isakmp_nat_d_seen<counts>},     {"isakmp_nat_oa", &fuzz::isakmp_nat_oa_seen<counts>},
    {"isakmp_builder", &fuzz::isakmp_builder_seen<counts>}, {"isakmp_config", &fuzz::isakmp_config_seen<counts>},
    {"isakmp_fragment", &fuzz::isakmp_fragment_seen<counts>},
};

auto folder(const char* name) -> std::filesystem::path {
    return std::filesystem::path{IPSECPP_TEST_DATA}.parent_path() / "fuzz" / "corpus" / name;
}

auto count_all() -> counts {
    counts seen;
    for (const target& t : targets)
        for (const auto& entry : std::filesystem::directory_iterator{folder(t.name)}) t.run(fuzz::read_file(entry.path()), seen);
    return seen;
}

}  // namespace

TEST_CASE("the corpus reaches every fault of isakmp", "[isakmp][corpus]") {
    const counts seen = count_all();
    std::size_t reached = 0;
    for (int n = 1; n <= static_cast<int>(isakmp::last_errc); ++n) {
        const auto e = static_cast<isakmp::errc>(n);
        CAPTURE(n, name_of(e));
        CHECK(seen.faults.contains(e));
        reached += seen.faults.contains(e) ? 1U : 0U;
    }
    CHECK(reached == static_cast<std::size_t>(isakmp::last_errc));
    CHECK(seen.faults.size() == reached);  // and no number that has no name
}

TEST_CASE("the corpus reaches every payload type, and reads it", "[isakmp][corpus]") {
    using enum isakmp::payload_type;
    const counts seen = count_all();
    for (const auto t :
         {security_association, proposal, transform, key_exchange, identification, certificate, certificate_request, hash,
          signature, nonce, notification, delete_sa, vendor_id, nat_d, nat_oa, attributes, nat_d_draft, fragment}) {
        CAPTURE(name_of(t));
        CHECK(seen.types.contains(t));
    }
}

TEST_CASE("the corpus of each target reaches both what parses and what does not", "[isakmp][corpus]") {
    for (const target& t : targets) {
        counts seen;
        for (const auto& entry : std::filesystem::directory_iterator{folder(t.name)}) t.run(fuzz::read_file(entry.path()), seen);
        CAPTURE(t.name);
        const bool takes_all = std::string_view{t.name} == "isakmp_vid";  // no octets are a wrong vendor id
        CHECK((takes_all || !seen.faults.empty()));
        const bool reads_payloads =
            std::string_view{t.name} != "isakmp_attribute" && std::string_view{t.name} != "isakmp_builder";
        CHECK((!reads_payloads || !seen.types.empty()));
    }
}
