// An authenticated identity has SAs for what the peer authorization database gives it, and for nothing else.
#include <memory>

#include "ipsec/ike/v1/authorization.hpp"
#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using form = policy::peer_identity::form;
using ike::errc;

namespace {
const std::vector<ip::range> left_net{*ip::parse_range("10.1.0.0/16")};
const std::vector<ip::range> half_of_it{*ip::parse_range("10.1.0.0/17")};

/// The left end is `name`; the right end has `entries`.
auto ends_with(const char* name, std::vector<policy::peer_entry> entries) -> std::unique_ptr<identity_ends> {
    auto l = ike_config(true), r = ike_config(false);
    if (name != nullptr) {
        const auto id = *ike::identity::of_text(ike::id_type::fqdn, name);
        l.peers[0].local_id = id;
        r.peers[0].remote_id = id;
    }
    r.authorization = std::move(entries);
    return std::make_unique<identity_ends>(std::move(l), std::move(r));
}
}  // namespace

// req: rfc4301-4.4.3.3-1
TEST_CASE("a child is given by what the database says of the identity", "[ike][authorization]") {
    struct row {
        const char* what;
        const char* name;
        std::vector<policy::peer_entry> entries;
        bool stands, has_child;
    };
    const std::vector<row> rows{
        {"no database", nullptr, {}, true, true},
        {"the name, its net", "gw.example.org", {{.who = {.text = "gw.example.org"}, .addresses = left_net}}, true, true},
        {"a tree of names", "gw.example.org", {{.who = {.text = ".example.org"}, .addresses = left_net}}, true, true},
        {"half of the net", "gw.example.org", {{.who = {.text = "gw.example.org"}, .addresses = half_of_it}}, true, false},
        {"nothing", "gw.example.org", {{.who = {.text = "gw.example.org"}}}, true, false},
        {"the first entry counts",
         "gw.example.org",
         {{.who = {.text = ".example.org"}}, {.who = {.text = "gw.example.org"}, .addresses = left_net}},
         true,
         false},
        {"another name", "gw.example.org", {{.who = {.text = "other.example.org"}, .addresses = left_net}}, false, false},
        {"by address",
         nullptr,
         {{.who = {.kind = form::address, .addresses = ip::range{left_address}}, .addresses = left_net}},
         true,
         true},
        {"another address",
         nullptr,
         {{.who = {.kind = form::address, .addresses = ip::range{right_address}}, .addresses = left_net}},
         false,
         false},
        {"by the SPD's own names",
         "gw.example.org",
         {{.who = {.text = "gw.example.org"}, .lookup = policy::child_lookup::by_identity}},
         true,
         true},
    };
    for (const row& r : rows) {
        CAPTURE(r.what);
        auto ends = ends_with(r.name, r.entries);
        REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
        REQUIRE(ends->run(seconds(5)));
        CHECK(ends->right.ike.established_count() == (r.stands ? 1U : 0U));
        CHECK(ends->right.table.size() == (r.has_child ? 2U : 0U));
        CHECK(ends->left.table.size() == ends->right.table.size());
        if (!r.stands) {
            REQUIRE(ends->right.closed.size() == 1);
            CHECK(ends->right.closed[0].why == errc::not_authorized);
            REQUIRE(ends->left.closed.size() >= 1);  // and was told
        } else if (!r.has_child) {
            REQUIRE(ends->right.failures.size() == 1);
            CHECK(ends->right.failures[0].why == errc::not_authorized);
            REQUIRE(ends->left.failures.size() == 1);
            CHECK(ends->left.failures[0].why == errc::refused_by_peer);
        }
        // The same from the other side: nobody asks for what he would not give.
        const auto asked = ends->right.ike.start(ends->now(), sa::policy_id{101});
        if (r.stands && !r.has_child) CHECK(asked == std::unexpected{errc::not_authorized});
    }
}

TEST_CASE("the ISAKMP SA of a peer that may have nothing any more is not taken up again", "[ike][authorization]") {
    auto ends = ends_with("gw.example.org", {{.who = {.text = "gw.example.org"}, .addresses = left_net}});
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(5)));
    REQUIRE(ends->right.table.size() == 2);
    const auto kept = ends->right.ike.store(ends->now(), ends->right.established[0].cookies);
    REQUIRE(kept);
    // This end is restarted, and its database has no entry for the peer any more.
    auto r = ike_config(false);
    r.peers[0].remote_id = *ike::identity::of_text(ike::id_type::fqdn, "gw.example.org");
    r.authorization = {{.who = {.text = "other.example.org"}, .addresses = left_net}};
    CHECK(ike_end<testing::identity_provider>::make(std::move(r), ends->right.crypto, ends->right.record)
              .restore(ends->now(), *kept) == std::unexpected{errc::not_authorized});
}

TEST_CASE("identities are said in the words of the database", "[ike][authorization]") {
    std::string room;
    ike::identity id;
    const auto of = [&](ike::id_type t, std::string_view text) {
        id = *ike::identity::of_text(t, text);
        return v1::to_peer_identity(id, room);
    };
    CHECK(of(ike::id_type::fqdn, "a.example")->kind == form::dns_name);
    CHECK(of(ike::id_type::user_fqdn, "a@b.example")->kind == form::mail);
    CHECK(of(ike::id_type::key_id, "12")->text == "12");
    CHECK(v1::to_peer_identity(ike::identity::of(left_address), room)->address == left_address);
    const auto dn = [&](std::string_view hexed) {
        id = *ike::identity::of_octets(ike::id_type::der_asn1_dn, unhex(hexed));
        return v1::to_peer_identity(id, room);
    };
    // C=US, CN=Kent
    const auto kent = dn("301c310b3009060355040613025553310d300b060355040313044b656e74");
    REQUIRE(kent);
    CHECK(kent->kind == form::dn);
    CHECK(kent->text == "C=US, CN=Kent");
    // A comma in a value could be read as one more name: O=a,b
    CHECK_FALSE(dn("300e310c300a060355040a1303612c62"));
    CHECK_FALSE(dn("3003"));
    CHECK_FALSE(of(ike::id_type::der_asn1_gn, "x"));
}
