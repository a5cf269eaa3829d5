#pragma once
/// One visitor out of several lambdas.

namespace ipsec {

template <class... F> struct overloaded : F... { using F::operator()...; };
template <class... F> overloaded(F...) -> overloaded<F...>;

}  // namespace ipsec
