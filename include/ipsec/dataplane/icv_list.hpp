#pragma once
/// The ICVs of AH for a burst: each step of the work for all packets, and SAs unwrapped once for packets that follow each other.
#include <array>
#include <cstddef>
#include <span>

#include "ipsec/ah/detail/icv.hpp"

namespace ipsec::dataplane {

/// Up to `Capacity` packets whose ICV is to be computed, and where they come from: the caller's place of the packet.
template <class Sa, std::size_t Capacity>
class icv_list {
public:
    void clear() noexcept { size_ = 0; }
    /// Lays the packet out for its ICV. @pre `size() < Capacity`; `job` stays where it is until `run` returns
    void add(std::size_t place, Sa& sa, const ah::icv_job& job) noexcept {
        lay_out(sa, job, works_[size_]);
        sas_[size_] = &sa;
        places_[size_] = place;
        ++size_;
    }
    [[nodiscard]] auto size() const noexcept -> std::size_t { return size_; }

    /// Computes all ICVs, then calls `done(place, sa, work)` for each, in the order in which they were added: for the last step.
    template <class Done> void run(Done&& done) noexcept {
        for (std::size_t from = 0, end = 0; from < size_; from = end) {
            for (end = from + 1; end < size_ && sas_[end] == sas_[from];) ++end;
            ah::run(*sas_[from], std::span{works_}.subspan(from, end - from));
        }
        for (std::size_t i = 0; i < size_; ++i) done(places_[i], *sas_[i], works_[i]);
    }

private:
    std::array<ah::icv_work, Capacity> works_;
    std::array<Sa*, Capacity> sas_;
    std::array<std::size_t, Capacity> places_;
    std::size_t size_ = 0;
};

}  // namespace ipsec::dataplane
