// A policy that is a constant is checked while it compiles: an entry that never decides any packet is an error.
// expect: static assertion failed | static_assert failed
#include "ipsec/policy/questions.hpp"

using namespace ipsec;

constexpr auto entry_for(std::uint32_t id, policy::action what, std::string_view destination) -> policy::entry {
    policy::entry e;
    e.id = sa::policy_id{id};
    e.action = what;
    e.selectors.traffic.destination = ip::parse_range(destination).value();
    return e;
}

constexpr std::array office{
    entry_for(1, policy::action::bypass, "10.0.0.0/9"),
    entry_for(2, policy::action::bypass, "10.128.0.0/9"),
#ifdef IPSECPP_LEGAL
    entry_for(3, policy::action::discard, "0.0.0.0/0"),
#else
    entry_for(3, policy::action::discard, "10.0.0.0/8"),
#endif
};
static_assert(policy::is_sound(office));
