#include "ipsec/io/pcap.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
using ipsec::test::unhex;

namespace {

/// A folder of its own for one test case.
struct scratch {
    std::filesystem::path folder = [] {
        std::string name = (std::filesystem::temp_directory_path() / "ipsecpp-pcap-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) std::abort();
        return name;
    }();
    ~scratch() { std::filesystem::remove_all(folder); }
    auto file(const char* name) const -> std::string { return (folder / name).string(); }
    auto with(const char* name, const std::vector<std::byte>& octets) const -> std::string {
        std::ofstream{file(name), std::ios::binary}.write(reinterpret_cast<const char*>(octets.data()),
                                                          static_cast<std::streamsize>(octets.size()));
        return file(name);
    }
};

const auto v4 = unhex("4500001800000000401100000a0100010a02000101020304");
const auto v6 = unhex("6000000000043b40fd010000000000000000000000000001fd020000000000000000000000000001aabbccdd");

auto slurp(const std::string& name) -> std::vector<std::byte> {
    std::ifstream in{name, std::ios::binary};
    const std::string text{std::istreambuf_iterator<char>{in}, {}};
    const auto octets = std::as_bytes(std::span{text});
    return {octets.begin(), octets.end()};
}

}  // namespace

TEST_CASE("what the writer wrote the reader reads, to the nanosecond", "[io][pcap]") {
    const scratch dir;
    const auto link = GENERATE(io::link_type::raw_ip, io::link_type::ethernet);
    const std::string name = dir.file("out.pcap");
    const instant at{1'700'000'000'123'456'789};
    {
        auto w = io::pcap_writer::open(name, link);
        REQUIRE(w.has_value());
        REQUIRE(w->write(at, v4).has_value());
        REQUIRE(w->write(at + seconds(1), v6).has_value());
        CHECK(w->written() == 2);
        REQUIRE(w->close().has_value());
        CHECK(w->write(at, v4).error().code == io::errc::cannot_write);
    }
    auto r = io::pcap_reader::open(name);
    REQUIRE(r.has_value());
    CHECK(r->link() == link);
    for (const auto& [packet, time] : {std::pair{v4, at}, std::pair{v6, at + seconds(1)}}) {
        const auto c = r->next();
        REQUIRE(c.has_value());
        REQUIRE(c->has_value());
        CHECK((*c)->time == time);
        REQUIRE((*c)->packet.has_value());
        CHECK(std::vector<std::byte>((*c)->packet->begin(), (*c)->packet->end()) == packet);
    }
    const auto end = r->next();
    REQUIRE(end.has_value());
    CHECK_FALSE(end->has_value());
    CHECK(r->frames() == 2);
    CHECK(r->offset() == std::filesystem::file_size(name));
}

TEST_CASE("pcapng is read like pcap", "[io][pcap]") {
    const scratch dir;
    // Section header, one raw IP interface with microseconds, one enhanced packet block with the IPv4 packet above.
    const auto file = unhex(
        "0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000"
        "0100000014000000650000000000040014000000"
        "06000000380000000000000001000000020000001800000018000000"
        "4500001800000000401100000a0100010a02000101020304" "38000000");
    auto r = io::pcap_reader::open(dir.with("a.pcapng", file));
    REQUIRE(r.has_value());
    const auto c = r->next();
    REQUIRE(c.has_value());
    REQUIRE(c->has_value());
    CHECK((*c)->time == instant{((std::int64_t{1} << 32) + 2) * 1000});
    REQUIRE((*c)->packet.has_value());
    CHECK(std::vector<std::byte>((*c)->packet->begin(), (*c)->packet->end()) == v4);
}

TEST_CASE("a file that is no usable capture is refused with a code and a sentence that names it", "[io][pcap]") {
    const scratch dir;
    const std::string head = "d4c3b2a1020004000000000000000000ffff0000";
    struct row {
        const char* what;
        std::string name;
        io::errc code;
    };
    const std::vector<row> rows{
        {"missing", dir.file("nowhere.pcap"), io::errc::cannot_open},
        {"a folder", dir.folder.string(), io::errc::cannot_open},
        {"empty", dir.with("empty.pcap", {}), io::errc::foreign},
        {"text", dir.with("text.pcap", unhex("48656c6c6f2c20776f726c642c2068656c6c6f2c20776f726c64")), io::errc::foreign},
        {"half a file header", dir.with("half.pcap", unhex("d4c3b2a10200")), io::errc::foreign},
        {"wireless frames", dir.with("wlan.pcap", unhex(head + "69000000")), io::errc::unsupported_link},
    };
    for (const row& r : rows) {
        CAPTURE(r.what);
        const auto opened = io::pcap_reader::open(r.name);
        REQUIRE_FALSE(opened.has_value());
        CHECK(opened.error().code == r.code);
        CHECK(opened.error().text.find(r.name) == 0);
        CHECK(opened.error().text.size() > r.name.size() + 2);
    }
}

TEST_CASE("a capture that breaks off gives its whole frames and then says where", "[io][pcap]") {
    const scratch dir;
    const std::string name = dir.file("whole.pcap");
    {
        auto w = io::pcap_writer::open(name);
        REQUIRE(w.has_value());
        REQUIRE(w->write(instant{}, v4).has_value());
        REQUIRE(w->write(instant{}, v6).has_value());
        REQUIRE(w->close().has_value());
    }
    auto octets = slurp(name);
    const auto lost = GENERATE(std::size_t{1}, std::size_t{43}, std::size_t{44}, std::size_t{59});
    octets.resize(octets.size() - lost);
    auto r = io::pcap_reader::open(dir.with("cut.pcap", octets));
    REQUIRE(r.has_value());
    const auto first = r->next();
    REQUIRE(first.has_value());
    REQUIRE(first->has_value());
    const auto second = r->next();
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().code == io::errc::damaged);
    CHECK(second.error().text.find("after frame 1") != std::string::npos);
}

TEST_CASE("a writer says why it cannot write", "[io][pcap]") {
    const scratch dir;
    const auto missing = io::pcap_writer::open(dir.file("no/such/folder.pcap"));
    REQUIRE_FALSE(missing.has_value());
    CHECK(missing.error().code == io::errc::cannot_open);
    CHECK(io::pcap_writer::open(dir.file("x"), io::link_type::linux_cooked).error().code == io::errc::unsupported_link);

    auto w = io::pcap_writer::open(dir.file("y"));
    REQUIRE(w.has_value());
    CHECK(w->write(instant{}, {}).error().code == io::errc::cannot_write);

    if (std::filesystem::exists("/dev/full")) {
        auto full = io::pcap_writer::open("/dev/full");
        // The file header may already be refused; what is buffered must be by the time it is closed.
        if (full) {
            (void)full->write(instant{}, v4);
            const auto closed = full->close();
            REQUIRE_FALSE(closed.has_value());
            CHECK(closed.error().code == io::errc::cannot_write);
        }
    }
}
