#pragma once
// The section `secrets`, and which of them is a connection's.
#include <expected>
#include <vector>

#include "config.hpp"
#include "credentials.hpp"
#include "ipsec/core/secret.hpp"
#include "reading.hpp"

namespace gateway {

struct shared_secret {
    ipsec::secret<128> octets;
    std::vector<ipsec::ike::identity> owners{};
};
struct secrets {
    std::vector<user> users{};
    std::vector<shared_secret> shared{};
    std::vector<private_file> keys{};
};
[[nodiscard]] auto read_secrets(const section& s, const key_files& files) -> std::expected<secrets, fault>;

/// The secret whose owners fit best: both ends, else the other end, else this one, else one without owners; of equals the first.
[[nodiscard]] auto pick(const std::vector<shared_secret>& all, const connection& c) -> const shared_secret*;

}  // namespace gateway
