// Keys from `ip xfrm` lines.
#include <algorithm>

#include <fmt/format.h>

#include "../common/rule_limits.hpp"
#include "../common/whole_file.hpp"
#include "ipsec/crypto/algorithms.hpp"
#include "ipsec/xfrm/parse.hpp"
#include "keyring.hpp"

namespace ipsec_decode {

auto read_xfrm(const std::string& file) -> std::expected<keyring, std::string> {
    const auto text = command_line::file_text::read(file);
    if (!text) return std::unexpected{text.error()};
    const auto all = xfrm::parse(text->view(), command_line::most_rules);
    if (!all)
        return std::unexpected{
            fmt::format("{}: {}: {}", file, text_of(all.error()).view(), command_line::what_to_do(all.error()))};
    keyring keys;
    for (const xfrm::state& s : all->states) {
        packet_key k;
        k.protocol = s.id.protocol;
        k.spi = s.id.spi;
        k.destination = s.id.destination;
        k.in_udp = static_cast<bool>(s.encapsulation);
        k.numbers = s.flags.esn ? extended::yes : extended::no;
        k.high = static_cast<std::uint32_t>(std::max(s.sent, s.received) >> 32);
        k.transform = s.transform;
        k.integrity = s.transform.integrity;
        const auto* const mac = crypto::find(s.transform.integrity);
        const std::size_t of_cipher = s.keymat.size() - (mac != nullptr ? mac->key : 0U);
        k.cipher_key = secret<128>{s.keymat.view().first(of_cipher)};
        k.integrity_key = secret<128>{s.keymat.view().subspan(of_cipher)};
        keys.packets.push_back(std::move(k));
    }
    return keys;
}

}  // namespace ipsec_decode
