#pragma once
// Packets over the MTU of the cable, cut and put together again by the library.
#include <memory>

#include "ethernet.hpp"
#include "ipsec/ip/fragment.hpp"
#include "ipsec/ip/reassembly.hpp"

namespace kernel_peer {

/// The packet in pieces of up to `mtu` octets; nothing when it cannot be cut.
inline auto pieces_of(octets whole, std::uint32_t identification, std::size_t mtu = ethernet::mtu) -> std::vector<octets> {
    const auto cut = ipsec::ip::fragmentation::plan(whole, mtu, identification);
    if (!cut) return {};
    std::vector<octets> out;
    for (std::size_t i = 0; i + 1 < cut->pieces(); ++i) {
        out.emplace_back(cut->size_of(i));
        cut->write(i, whole, out.back());
    }
    const auto begin = static_cast<std::ptrdiff_t>(cut->write_last(whole));
    out.emplace_back(whole.begin() + begin, whole.end());
    return out;
}

class reassembler {
public:
    /// The packet itself when it is whole, the datagram when this was its last fragment; empty when more has to come.
    auto add(octets one, bool is_fragment) -> octets {
        if (!is_fragment) return one;
        const auto size = table_->add(one, ipsec::instant{});
        if (!size || *size == 0) return {};
        octets all(*size);
        table_->take(all);
        return all;
    }

private:
    std::unique_ptr<ipsec::ip::reassembly<>> table_ = std::make_unique<ipsec::ip::reassembly<>>();
};

}  // namespace kernel_peer
