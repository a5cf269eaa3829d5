// Files of keys in JSON.
#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "../common/algorithm_names.hpp"
#include "../common/whole_file.hpp"
#include "ipsec/crypto/algorithms.hpp"
#include "ipsec/ike/v1/keymat.hpp"
#include "keyring.hpp"

namespace ipsec_decode {
namespace {

using json = nlohmann::json;

/// What is wrong, and where in the file; it ends the reading.
struct bad_entry {
    std::string what;
};

/// The file as a tree. There are keys in its texts: they are wiped when it goes.
class key_tree {
public:
    /// @throws json::parse_error, bad_entry
    explicit key_tree(std::string_view text) {
        // Read once without a tree, since half a tree goes unwiped; and a deep one would be wiped by calls as deep.
        all_ = json::parse(text, [](int depth, json::parse_event_t, json&) {
            if (depth > deepest) throw bad_entry{fmt::format("nests more than {} lists and objects", deepest)};
            return false;
        });
        all_ = json::parse(text);
    }
    key_tree(const key_tree&) = delete;
    auto operator=(const key_tree&) -> key_tree& = delete;
    ~key_tree() { wipe_texts(all_); }
    [[nodiscard]] auto get() const noexcept -> const json& { return all_; }

private:
    static constexpr int deepest = 64;  ///< files of keys need 4
    static void wipe_texts(json& j) noexcept {
        if (auto* const text = j.get_ptr<json::string_t*>()) wipe(std::as_writable_bytes(std::span{*text}));
        if (j.is_structured())
            for (auto& inner : j) wipe_texts(inner);
    }
    json all_;
};

/// One object of the file, and its name for complaints: "ipsec_sas[3]".
class entry {
public:
    entry(const json& j, std::string name) : json_{&j}, name_{std::move(name)} {
        if (!j.is_object()) fail("is no object");
    }
    [[noreturn]] void fail(std::string_view why) const { throw bad_entry{fmt::format("{} {}", name_, why)}; }
    [[nodiscard]] auto has(const char* key) const -> bool { return json_->contains(key) && !(*json_)[key].is_null(); }
    /// @return false where there is none
    [[nodiscard]] auto is_true(const char* key) const -> bool {
        if (!has(key)) return false;
        if (!(*json_)[key].is_boolean()) fail(fmt::format("has neither true nor false in {}", key));
        return (*json_)[key].get<bool>();
    }
    /// Text; empty where there is none.
    [[nodiscard]] auto text(const char* key) const -> std::string {
        if (!has(key)) return {};
        if (!(*json_)[key].is_string()) fail(fmt::format("has no text in {}", key));
        return (*json_)[key].get<std::string>();
    }
    [[nodiscard]] auto number(const char* key) const -> std::uint64_t {
        if (!has(key) || !(*json_)[key].is_number_unsigned()) fail(fmt::format("has no whole number in {}", key));
        return (*json_)[key].get<std::uint64_t>();
    }
    /// A number that an attribute of phase 1 has in two octets.
    [[nodiscard]] auto number16(const char* key) const -> std::uint16_t {
        const auto n = number(key);
        if (n > 65535) fail(fmt::format("has {} in {}, more than 65535", n, key));
        return static_cast<std::uint16_t>(n);
    }
    /// An address; none where there is none.
    [[nodiscard]] auto address(const char* key) const -> std::optional<ip::address> {
        if (!has(key)) return {};
        const auto a = ip::parse_address(text(key));
        if (!a) fail(fmt::format("has no address in {}", key));
        return *a;
    }
    /// Octets in hexadecimal; none where there is no such text.
    [[nodiscard]] auto octets(const char* key) const -> std::vector<std::byte> {
        std::string whole = text(key);
        const std::string_view digits = std::string_view{whole}.substr(whole.starts_with("0x") ? 2 : 0);
        std::vector<std::byte> out;
        out.reserve(digits.size() / 2);
        for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
            unsigned v = 0;
            const auto [end, error] = std::from_chars(digits.data() + i, digits.data() + i + 2, v, 16);
            if (error != std::errc{} || end != digits.data() + i + 2) break;
            out.push_back(static_cast<std::byte>(v));
        }
        const bool is_whole = out.size() * 2 == digits.size();
        wipe(std::as_writable_bytes(std::span{whole}));
        if (!is_whole) {
            wipe(out);
            fail(fmt::format("has no octets in hexadecimal in {}", key));
        }
        return out;
    }
    template <std::size_t N>
    [[nodiscard]] auto secret_octets(const char* key) const -> secret<N> {
        auto plain = octets(key);
        if (plain.size() > N) {
            wipe(plain);
            fail(fmt::format("has {} octets in {}, more than any key has", plain.size(), key));
        }
        secret<N> out{plain};
        wipe(plain);
        return out;
    }
    template <class Cookie>
    [[nodiscard]] auto cookie(const char* key) const -> Cookie {
        const auto o = octets(key);
        if (o.size() != Cookie::size) fail(fmt::format("has no cookie of 8 octets in {}", key));
        return Cookie{byte_view{o}.first<Cookie::size>()};
    }
    [[nodiscard]] auto spi(const char* key) const -> sa::spi {
        const auto o = octets(key);
        if (o.size() != 4) fail(fmt::format("has no SPI of 8 digits in {}", key));
        return sa::spi{wire::load<std::uint32_t>(o)};
    }
    [[nodiscard]] auto inner(const char* key) const -> entry {
        static const json none = json::object();
        return {has(key) ? (*json_)[key] : none, name_ + "." + key};
    }

private:
    const json* json_;
    std::string name_;
};

/// Finds the algorithms; a name that the library does not have is kept for what is said of the packets.
void name_algorithms(packet_key& k, const std::string& encryption, const std::string& integrity) {
    const auto c = algorithm_names::find_cipher(encryption.empty() ? "NULL" : encryption);
    if (!c) k.lacks = encryption;
    crypto::transform t;
    if (c) {
        t.encryption = c->id;
        const auto& info = crypto::info_of(c->id);
        if (info.key_length_attribute && k.cipher_key.size() > info.salt)
            t.key_bits = static_cast<std::uint16_t>((k.cipher_key.size() - info.salt) * 8);
    }
    k.integrity = algorithm_names::find_integrity(integrity.empty() ? "NONE" : integrity);
    if (k.integrity) t.integrity = *k.integrity;
    else k.lacks += (k.lacks.empty() ? "" : ", ") + integrity;
    if (c && k.integrity) k.transform = t;
}

/// `ipsec_sas`: each with its SPI, addresses, algorithms and keys.
auto ipsec_sa(const entry& e) -> packet_key {
    packet_key k;
    const std::string proto = algorithm_names::plain(e.text("proto"));
    if (proto != "ESP" && proto != "AH") e.fail("is neither ESP nor AH");
    k.protocol = proto == "AH" ? sa::protocol::ah : sa::protocol::esp;
    k.spi = e.spi("spi");
    k.destination = e.address("dst");
    static_cast<void>(e.address("src"));  // an SA is found without it, but what is no address is a slip
    k.in_udp = e.is_true("udp_encap");
    k.cipher_key = e.secret_octets<128>("encr_key");
    k.integrity_key = e.secret_octets<128>("auth_key");
    name_algorithms(k, e.text("encr"), e.text("auth"));
    return k;
}

/// `child_sas`: a pair of SAs as one of the two peers named it. `_i` is what the initiator of the exchange sends with.
void child_sa(const entry& e, keyring& to) {
    const entry suite = e.inner("suite");
    const std::string role = e.text("role");
    if (!role.empty() && role != "initiator" && role != "responder") e.fail("is neither initiator nor responder in role");
    const bool initiated = role != "responder";
    for (const bool inbound : {true, false}) {
        packet_key k;
        k.protocol = suite.has("encryption") ? sa::protocol::esp : sa::protocol::ah;
        k.spi = e.spi(inbound ? "spi_in" : "spi_out");
        k.in_udp = true;
        const bool of_initiator = initiated != inbound;
        k.cipher_key = e.secret_octets<128>(of_initiator ? "encr_i" : "encr_r");
        k.integrity_key = e.secret_octets<128>(of_initiator ? "integ_i" : "integ_r");
        name_algorithms(k, suite.text("encryption"), suite.text("integrity"));
        to.packets.push_back(std::move(k));
    }
}

/// `ike_sas` of version 1: algorithms by number, or in strongSwan's words ("AES_CBC_128/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024").
auto ike_sa(const entry& e) -> ike_v1_key {
    ike_v1_key k;
    k.initiator = e.cookie<isakmp::cookie_i>(e.has("cookie_i") ? "cookie_i" : "spi_i");
    if (e.has("spi_r")) k.responder = e.cookie<isakmp::cookie_r>("spi_r");
    k.encryption_key = e.secret_octets<64>(e.has("encryption_key") ? "encryption_key" : "encr_key");
    k.initial_iv = e.octets("initial_iv");
    k.skeyid = e.secret_octets<64>("skeyid");
    k.skeyid_a = e.secret_octets<64>("skeyid_a");
    if (e.has("oakley_encr")) {
        const auto encryption = e.number16("oakley_encr"), hash = e.number16("oakley_hash");
        const auto* const c = crypto::find_phase_1_encryption(encryption);
        if (c != nullptr) k.cipher = c->id;
        else k.lacks = fmt::format("encryption algorithm {} of IKEv1", encryption);
        const auto* const h = crypto::find_phase_1_hash(hash);
        if (h != nullptr) k.hash = h->id;
        else k.lacks += fmt::format("{}hash algorithm {} of IKEv1", k.lacks.empty() ? "" : ", ", hash);
        return k;
    }
    std::string proposal = e.text("proposal");
    while (!proposal.empty()) {
        const auto slash = proposal.find('/');
        const std::string word = proposal.substr(0, slash);
        proposal.erase(0, slash == std::string::npos ? slash : slash + 1);
        if (const auto c = algorithm_names::find_cipher(word); c && !k.cipher && k.lacks.empty()) k.cipher = c->id;
        else if (const auto h = algorithm_names::find_prf_hash(word)) k.hash = *h;
        else if (!k.cipher && k.lacks.empty()) k.lacks = word;
    }
    if (!k.hash) e.fail("names no pseudo-random function in proposal, and no oakley_hash");
    return k;
}

/// `ike_sas` of version 2, whose messages are listed and not opened: nothing is kept, and what no such SA has is refused.
void ike_v2_sa(const entry& e) {
    for (const char* key : {"spi_i", "spi_r"})
        if (e.has(key) && e.octets(key).size() != 8) e.fail(fmt::format("has no SPI of 8 octets in {}", key));
    for (const char* key : {"skeyseed", "sk_d", "sk_ai", "sk_ar", "sk_ei", "sk_er", "sk_pi", "sk_pr"})
        static_cast<void>(e.secret_octets<128>(key));
    const entry listed = e.inner("keys");
    for (const char* key : {"SK_d", "SK_ai", "SK_ar", "SK_ei", "SK_er", "SK_pi", "SK_pr"})
        static_cast<void>(listed.secret_octets<128>(key));
    static_cast<void>(e.secret_octets<1024>("dh_secret"));
    for (const char* key : {"proposal", "encr", "prf", "integ"}) static_cast<void>(e.text(key));
}

/// `credentials`: an end's private key in PEM. Keys that only sign open nothing.
void credential(const entry& e, private_keys& to) {
    if (!e.has("private_key")) return;
    std::string pem = e.text("private_key");
    const auto number = to.ring.add_decryption(std::as_bytes(std::span{pem}));
    wipe(std::as_writable_bytes(std::span{pem}));
    if (number) to.numbers.push_back(*number);
    else if (number.error() != crypto::errc::wrong_key_type)
        e.fail(fmt::format("has no usable private key: {}", name_of(number.error())));
}

template <class F>
void for_each(const json& all, const char* list, F f) {
    if (!all.contains(list)) return;
    if (!all[list].is_array()) throw bad_entry{fmt::format("{} is no list", list)};
    for (std::size_t i = 0; i < all[list].size(); ++i) f(entry{all[list][i], fmt::format("{}[{}]", list, i)});
}

}  // namespace

auto read_json(const std::string& file) -> std::expected<keyring, std::string> {
    const auto text = command_line::file_text::read(file);
    if (!text) return std::unexpected{text.error()};
    try {
        const key_tree tree{text->view()};
        const json& all = tree.get();
        if (!all.is_object()) throw bad_entry{"the file is no object"};
        const auto is_there = [&](const char* list) { return all.contains(list); };
        if (std::ranges::none_of(std::array{"ipsec_sas", "child_sas", "ike_sas", "credentials"}, is_there))
            return std::unexpected{file + ": no keys: give a file with ipsec_sas, child_sas, ike_sas or credentials"};
        keyring keys;
        for_each(all, "ipsec_sas", [&](const entry& e) { keys.packets.push_back(ipsec_sa(e)); });
        for_each(all, "child_sas", [&](const entry& e) { child_sa(e, keys); });
        for_each(all, "ike_sas", [&](const entry& e) {
            const auto version = e.has("version") ? e.number("version") : 1;
            if (version == 1) keys.ike.push_back(ike_sa(e));
            else if (version == 2) ike_v2_sa(e);
            else e.fail("is neither of version 1 nor of version 2");
        });
        for_each(all, "credentials", [&](const entry& e) { credential(e, keys.rsa); });
        return keys;
    } catch (const json::parse_error& e) {
        return std::unexpected{fmt::format("{}: no JSON at octet {}: give a file of keys", file, e.byte)};
    } catch (const json::exception&) {
        return std::unexpected{file + ": no file of keys: give one with ipsec_sas, child_sas or ike_sas"};
    } catch (const bad_entry& e) {
        return std::unexpected{fmt::format("{}: {}: correct it", file, e.what)};
    }
}

}  // namespace ipsec_decode
