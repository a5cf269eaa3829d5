#pragma once
// The run: input, two gateways, the link between them, and virtual time.
#include <csignal>
#include <map>
#include <optional>
#include <string>

#include "../common/progress.hpp"
#include "comparison.hpp"
#include "gateway.hpp"
#include "ipsec/io/pcap.hpp"
#include "options.hpp"
#include "output_folder.hpp"
#include "plan.hpp"
#include "secrets.hpp"
#include "sides.hpp"
#include "timeline.hpp"

namespace two_gateways {

/// Set by a signal: the run stops and leaves nothing behind.
inline volatile std::sig_atomic_t interrupted = 0;

class simulation {
public:
    simulation(const options& what, sides where, const plan& p, output_folder& out, timeline& log, progress& bar,
               ipsec::io::pcap_writer tap, ipsec::io::pcap_writer recovered);

    /// Carries every packet of the input across. @return what is wrong with the input, or with the configuration
    [[nodiscard]] auto run(ipsec::io::pcap_reader& input) -> std::optional<std::string>;
    /// Writes what is left to write. @return what went wrong with any file
    [[nodiscard]] auto finish() -> std::optional<std::string>;
    /// The last line, and whether everything came out as it went in.
    [[nodiscard]] auto summary() const -> std::string;
    [[nodiscard]] auto holds() const -> bool { return check_.holds() && !stuck_ && !nothing_came_out(); }

private:
    /// A run that was given packets and brought none across shows nothing, whatever the reasons are.
    [[nodiscard]] auto nothing_came_out() const -> bool { return check_.packets_in() > 0 && check_.equal() == 0; }
    void take(const ipsec::io::captured& c);
    [[nodiscard]] auto step(ipsec::instant until) -> bool;
    void run_until(ipsec::instant t);
    void drain();

    const options& what_;
    sides where_;
    output_folder& out_;
    timeline& log_;
    progress& bar_;
    run_clock time_;
    comparison check_;
    secrets keys_;
    ladder picture_;
    ipsec::io::pcap_writer recovered_;
    wire link_;
    surroundings around_;
    gateway left_, right_;
    std::size_t policies_;
    std::map<std::string, std::uint64_t> aside_;  ///< frames that are not for the gateways, by reason
    std::uint64_t idle_steps_ = 0;
    bool stuck_ = false;
};

}  // namespace two_gateways
