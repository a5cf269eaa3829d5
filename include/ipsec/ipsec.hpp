#pragma once
/// Everything that needs the standard library only. Programs that care for compile time include what they use instead.
///
/// Opt-in beside it: `ipsec/fmt.hpp`, `ipsec/crypto/botan/*.hpp`, `ipsec/crypto/legacy.hpp`, `ipsec/io/pcap.hpp`,
/// `ipsec/io/asio.hpp`, `ipsec/io/linux/*.hpp`, `ipsec/testing/*.hpp`.
#include "ipsec/ah/open.hpp"
#include "ipsec/ah/seal.hpp"
#include "ipsec/crypto/any_suite.hpp"
#include "ipsec/crypto/esp_suite.hpp"
#include "ipsec/crypto/proposal_name.hpp"
#include "ipsec/dataplane/fitting.hpp"
#include "ipsec/dataplane/inbound.hpp"
#include "ipsec/dataplane/outbound.hpp"
#include "ipsec/dataplane/padding.hpp"
#include "ipsec/dataplane/path_mtu_input.hpp"
#include "ipsec/dataplane/reassembling.hpp"
#include "ipsec/esp/open.hpp"
#include "ipsec/esp/seal.hpp"
#include "ipsec/ike/v1/endpoint.hpp"
#include "ipsec/io/datagram.hpp"
#include "ipsec/ip/selector_text.hpp"
#include "ipsec/ip/udp_encap.hpp"
#include "ipsec/policy/inbound_check.hpp"
#include "ipsec/policy/spd.hpp"
#include "ipsec/sa/events.hpp"
#include "ipsec/sa/sadb.hpp"
#include "ipsec/xfrm/bind.hpp"
#include "ipsec/xfrm/write.hpp"
