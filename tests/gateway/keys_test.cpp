// Connections with `auth = pubkey`: which files they take, what becomes of them, and what is said of bad ones.
#include <map>

#include "gateway/plan.hpp"
#include "gateway/texts.hpp"
#include "ipsec/ike/v1/config_check.hpp"
#include "support/test_pki.hpp"

namespace {

using namespace gateway;
using namespace gateway::testing;
using namespace ipsec;
using method = isakmp::oakley_authentication;

constexpr std::string_view signing = R"(connections {
  gw {
    version = 1
    local_addrs = 192.0.2.1
    remote_addrs = 192.0.2.2
    local { auth = pubkey
      certs = gw.pem
      id = gw.example.org }
    remote { auth = pubkey
      cacerts = root.pem
      id = b.example.org }
  }
}
secrets {
  private-1 { file = gw.key }
}
)";

auto text_of(const std::vector<std::byte>& octets) -> std::string {
    return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}
/// What is in the folders of swanctl: an RSA gateway with its authority, and public keys of curves.
auto files() -> const std::map<std::string, std::string>& {
    namespace keys = test::keys;
    const auto raw = [](std::string_view key) { return text_of(test::pki::spki(key)); };
    static const std::map<std::string, std::string> all{
        {"x509/gw.pem", text_of(test::pki::gateway().der())},
        {"x509ca/root.pem", text_of(test::pki::root().der())},
        {"x509ca/middle.pem", text_of(test::pki::middle().der())},
        {"x509/junk.pem", "junk"},
        {"x509/curve.pem", text_of(test::pki::certificate{.subject = test::pki::name("b.example.org"),
                                                          .key = keys::p256,
                                                          .issuer = test::pki::root_name,
                                                          .signer = test::pki::root().signer}
                                       .der())},
        {"private/gw.key", keys::pem("PRIVATE KEY", keys::rsa_2048_pkcs8)},
        {"private/weak.key", keys::pem("RSA PRIVATE KEY", keys::rsa_512)},
        {"ecdsa/p256.key", keys::pem("EC PRIVATE KEY", keys::p256)},
        {"pubkey/p256.pub", raw(keys::p256)},
        {"pubkey/p384.pub", raw(keys::p384)},
    };
    return all;
}
auto read_keys(const std::string& text) -> result<config> {
    const auto settings = parse_settings({"f.conf", text});
    REQUIRE(settings);
    policy_ids ids;
    return read_config(*settings, ids, false, [](const std::string& folder, const std::string& name) {
        const auto at = files().find(folder + "/" + name);
        return at == files().end() ? std::unexpected{std::string{"it is not there"}}
                                   : std::expected<std::string, std::string>{at->second};
    });
}
auto other(std::string_view line, std::string_view instead) -> std::string {
    std::string out{signing};
    const auto at = out.find(line);
    REQUIRE(at != std::string::npos);
    return out.replace(at, line.size(), instead);
}
auto raw_keys(std::string_view peer) -> std::string {
    std::string out = other("certs = gw.pem", "pubkeys = p256.pub");
    const auto swap = [&out](std::string_view was, std::string_view is) { out.replace(out.find(was), was.size(), is); };
    swap("cacerts = root.pem", "pubkeys = " + std::string{peer});
    swap("private-1 { file = gw.key }", "ecdsa-1 { file = p256.key }");
    return out;
}

}  // namespace

TEST_CASE("a connection with certificates signs with its key and believes its authority", "[gateway][keys]") {
    const auto c = read_keys(std::string{signing});
    INFO((c ? std::string{} : c.error().text()));
    REQUIRE(c);
    const auto peer = make_peer(c->connections[0]);
    CHECK(peer.suites[0].authentication == method::rsa_signatures);
    REQUIRE(peer.keys.sign_with.size() == 1);
    CHECK(peer.keys.sign_with[0].method == method::rsa_signatures);
    REQUIRE(peer.keys.sign_with[0].certificate.size() == 1);
    CHECK(peer.keys.sign_with[0].certificate[0] == test::pki::gateway().der());
    REQUIRE(peer.keys.trust);
    REQUIRE(peer.keys.trust->authorities.size() == 1);
    CHECK(peer.keys.trust->authorities[0] == test::pki::root_name);
    CHECK(peer.keys.trust->ask);
    CHECK(peer.psk.empty());
    CHECK(describe(*c).find("RSA signatures") != std::string::npos);
    key_provider p;
    REQUIRE(!equip(p, c->connections[0].keys));
    CHECK(p.keys().public_of(peer.keys.sign_with[0].key)->spki == test::pki::spki(test::keys::rsa_2048_pkcs8));
    CHECK(p.trust().subject_of(0) == test::pki::root_name);
}

// draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2
TEST_CASE("where one end has XAUTH alone, the other end signs alone", "[gateway][keys][xauth][hybrid]") {
    const std::string users = "secrets {\n  xauth-1 {\n id = carol\n secret = Ar3etTnp\n }\n";
    const auto with_users = [&](std::string text) {
        text.replace(text.find("secrets {\n"), 10, users);
        return text;
    };
    const std::string cut_local = "local { auth = pubkey\n      certs = gw.pem\n      id = gw.example.org }";
    const std::string cut_remote = "remote { auth = pubkey\n      cacerts = root.pem\n      id = b.example.org }";
    const std::string key_of_ours = "  private-1 { file = gw.key }\n";
    SECTION("the client knows an authority, and has no key") {
        auto text = with_users(other(cut_local, "local { auth = xauth\n xauth_id = carol }"));
        text.replace(text.find(key_of_ours), key_of_ours.size(), "");
        const auto c = read_keys(text);
        INFO((c ? std::string{} : c.error().text()));
        REQUIRE(c);
        const auto peer = make_peer(c->connections[0]);
        CHECK(peer.suites[0].authentication == method::rsa_signatures);
        CHECK(peer.suites[0].hybrid);
        CHECK(peer.keys.sign_with.empty());
        CHECK(peer.keys.trust);
        CHECK_FALSE(peer.local_id);
        CHECK(peer.xauth.part == ike::v1::xauth_part::client);
        CHECK(ike::v1::check(make_config(*c)));
        CHECK(describe(*c).find("RSA signatures of one end alone") != std::string::npos);
        CHECK(describe(*c).find("ends a client without identity and b.example.org, ") != std::string::npos);
        key_provider p;
        CHECK_FALSE(equip(p, c->connections[0].keys));
    }
    SECTION("the edge device signs, and knows users") {
        const auto c = read_keys(with_users(other(cut_remote, "remote { auth = xauth }")));
        INFO((c ? std::string{} : c.error().text()));
        REQUIRE(c);
        const auto peer = make_peer(c->connections[0]);
        CHECK(peer.suites[0].hybrid);
        CHECK(peer.keys.sign_with.size() == 1);
        CHECK_FALSE(peer.keys.trust);
        REQUIRE(peer.remote_id);
        CHECK(peer.remote_id->is_none());
        CHECK(describe(*c).find("ends gw.example.org and a client without identity, ") != std::string::npos);
        CHECK(peer.xauth.part == ike::v1::xauth_part::edge_device);
        CHECK(ike::v1::check(make_config(*c)));
    }
    SECTION("a key that hybrid authentication has no number for") {
        auto text = with_users(other("certs = gw.pem", "pubkeys = p256.pub"));
        text.replace(text.find(cut_remote), cut_remote.size(), "remote { auth = xauth }");
        text.replace(text.find(key_of_ours), key_of_ours.size(), "  ecdsa-1 { file = p256.key }\n");
        const auto c = read_keys(text);
        REQUIRE_FALSE(c);
        CHECK(c.error().text() ==
              "f.conf:7:17: pubkeys in connections.gw.local: is no key of RSA, which hybrid authentication needs");
    }
    SECTION("a certificate of such a key") {
        auto text = with_users(other(cut_local, "local { auth = xauth\n xauth_id = carol }"));
        text.replace(text.find(key_of_ours), key_of_ours.size(), "");
        const std::string_view line = "cacerts = root.pem";
        text.replace(text.find(line), line.size(), "certs = curve.pem");
        const auto c = read_keys(text);
        REQUIRE_FALSE(c);
        CHECK(c.error().text() ==
              "f.conf:9:15: certs in connections.gw.remote: has no key of RSA, which hybrid authentication needs");
        text.replace(text.find("curve.pem"), 9, "gw.pem");
        CHECK(read_keys(text));
    }
    SECTION("an authority for whoever has no certificate") {
        auto text = with_users(other(cut_remote, "remote { auth = xauth }"));
        const std::string_view line = "certs = gw.pem";
        text.replace(text.find(line), line.size(), "certs = gw.pem\n cacerts = root.pem");
        const auto c = read_keys(text);
        REQUIRE_FALSE(c);
        CHECK(c.error().text() == "f.conf:8:2: cacerts in connections.gw.local: the other end proves itself by a password alone");
    }
}

TEST_CASE("send_cert, send_certreq, aggressive and fragmentation reach the library", "[gateway][keys]") {
    const auto c = read_keys(
        other("version = 1", "version = 1\n send_cert = never\n send_certreq = no\n aggressive = yes\n fragmentation = yes"));
    REQUIRE(c);
    const auto peer = make_peer(c->connections[0]);
    CHECK(peer.keys.sign_with[0].certificate.empty());
    CHECK_FALSE(peer.keys.send_unasked);
    for (const bool always : {false, true}) {
        const auto sends = read_keys(other("version = 1", always ? "version = 1\n send_cert = always" : "version = 1"));
        REQUIRE(sends);
        CHECK(make_peer(sends->connections[0]).keys.sign_with[0].certificate.size() == 1);
        CHECK(make_peer(sends->connections[0]).keys.send_unasked == always);
    }
    CHECK_FALSE(peer.keys.trust->ask);
    CHECK((peer.modes.begin_aggressive && peer.modes.accept_aggressive && !peer.modes.accept_main));
    CHECK(peer.fragmentation.enabled);
}

TEST_CASE("public keys by themselves do without certificates; the method follows the curve", "[gateway][keys]") {
    const auto c = read_keys(raw_keys("p256.pub"));
    INFO((c ? std::string{} : c.error().text()));
    REQUIRE(c);
    const auto peer = make_peer(c->connections[0]);
    CHECK(peer.suites[0].authentication == method::ecdsa_256);
    CHECK(peer.keys.sign_with[0].certificate.empty());
    REQUIRE(peer.keys.peer_keys.size() == 1);
    CHECK(peer.keys.peer_keys[0].method == method::ecdsa_256);
    CHECK_FALSE(peer.keys.trust);
}

TEST_CASE("another key, certificate or mode is another connection", "[gateway][keys]") {
    const auto a = read_keys(std::string{signing});
    REQUIRE(a);
    CHECK(a->connections[0].same_but_children(read_keys(std::string{signing})->connections[0]));
    for (const char* line : {"aggressive = yes", "fragmentation = yes", "send_cert = never", "send_cert = always",
                             "send_certreq = no"}) {
        const auto b = read_keys(other("version = 1", "version = 1\n" + std::string{line}));
        INFO(line);
        REQUIRE(b);
        CHECK_FALSE(a->connections[0].same_but_children(b->connections[0]));
    }
}

TEST_CASE("what is wrong with keys and certificates is said with its place", "[gateway][keys]") {
    struct row {
        const char* name;
        std::string text, says;
    };
    const std::vector<row> rows{
        {"no such file", other("gw.pem", "x.pem"),
         "f.conf:7:15: certs in connections.gw.local: 'x.pem' cannot be read in x509: it is not there"},
        {"several", other("gw.pem", "gw.pem, b.pem"),
         "f.conf:7:15: certs in connections.gw.local: 'gw.pem, b.pem' is not supported: write one file"},
        {"no certificate", other("gw.pem", "junk.pem"),
         "f.conf:7:15: certs in connections.gw.local: 'junk.pem' is no X.509 certificate in PEM or DER"},
        {"no key for it", other("private-1 { file = gw.key }", "ecdsa-1 { file = p256.key }"),
         "f.conf:7:15: certs in connections.gw.local: 'gw.pem': no private key fits: write secrets { private-gw { file = and a "
         "file of private } }"},
        {"a weak key", other("gw.key", "weak.key"),
         "f.conf:15:22: file in secrets.private-1: 'weak.key' is no private key that can be used (" +
             std::string{name_of(crypto::errc::bad_key)} +
             "): write one of RSA with 1024 bits or more, or of ECDSA on P-256, P-384 or P-521, not encrypted"},
        {"an authority that is no root", other("root.pem", "middle.pem"),
         "f.conf:9:5: connections.gw.remote: " + std::string{name_of(crypto::errc::untrusted)}},
        {"nobody to believe", other("cacerts = root.pem", ""),
         "f.conf:9:5: connections.gw.remote: cacerts, certs or pubkeys is missing: write cacerts = and a file of x509ca"},
        {"nothing to show", other("certs = gw.pem", ""),
         "f.conf:6:5: connections.gw.local: certs or pubkeys is missing: write certs = and a file of x509"},
        {"who it is", other("id = b.example.org", ""),
         "f.conf:9:5: connections.gw.remote: id is missing, for strongSwan that is the certificate's subject: write id = and a "
         "name or address that the certificate has"},
        {"an authority of our own", other("certs = gw.pem", "cacerts = root.pem"),
         "f.conf:7:7: cacerts in connections.gw.local: authorities are for the other end: write it in remote"},
        {"a certificate and a key", other("certs = gw.pem", "certs = gw.pem\npubkeys = p256.pub"),
         "f.conf:8:1: pubkeys in connections.gw.local: certs is there too: write one of them"},
        {"a passphrase", other("file = gw.key", "secret = open"),
         "f.conf:15:15: key 'secret' in secrets.private-1: strongSwan has it, this gateway does not"},
        {"no file", other("{ file = gw.key }", "{ }"), "f.conf:15:3: secrets.private-1: file is missing"},
        {"curves that differ", raw_keys("p384.pub"),
         "f.conf:2:3: connections.gw: " + std::string{name_of(ike::errc::no_key_for_method)}},
    };
    for (const row& r : rows) {
        INFO(r.name);
        const auto c = read_keys(r.text);
        REQUIRE_FALSE(c);
        CHECK(c.error().text() == r.says);
    }
    policy_ids ids;
    CHECK(read_config(*parse_settings({"f.conf", std::string{signing}}), ids).error().text() ==
          "f.conf:15:22: file in secrets.private-1: 'gw.key' cannot be read in private: no files are read here");
}
