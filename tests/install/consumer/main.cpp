// What a consumer writes first: a reader over octets, from the installed headers.
#include <array>
#include <cstddef>
#include <cstdint>

#include "ipsec/wire/reader.hpp"

#ifdef CONSUMER_HAS_PARTS
#include <botan/version.h>
#include <fmt/core.h>
#include <pcap/pcap.h>
#include <asio/version.hpp>
#endif

int main() {
    constexpr std::array octets{std::byte{0x12}, std::byte{0x34}};
    ipsec::wire::reader r{octets};
    const bool good = r.take<std::uint16_t>() == 0x1234;
#ifdef CONSUMER_HAS_PARTS
    const bool parts =
        ASIO_VERSION > 0 && Botan::version_major() >= 2 && pcap_lib_version() != nullptr && !fmt::format("{}", 1).empty();
#else
    const bool parts = true;
#endif
    return good && parts ? 0 : 1;
}
