#pragma once
// A capture that cannot be read on.
#include <string>

#include "ipsec/io/pcap.hpp"

namespace command_line {

/// What is wrong, and what to do about it.
[[nodiscard]] inline auto broken_capture(const ipsec::io::pcap_error& e) -> std::string {
    // libpcap has no code for a pcapng file whose interfaces differ in link type or snap length: its words tell.
    const bool differ = e.text.find("an interface has a ") != std::string::npos;
    return e.text + (differ ? ": give the frames of one interface" : ": give a whole capture");
}

}  // namespace command_line
