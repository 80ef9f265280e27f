#pragma once
#include <damo/models/energy/energy_model.hpp>

// What chains are worth, as graph functions of a trajectory (steps, chains) of one number each.
namespace damo::energy {

/// The autocorrelation at lags 0 .. lags, the mean over chains; (lags + 1,), 1 at lag 0.
Var autocorrelation(const Var& trajectory, std::int64_t lags);
/// 1 + 2 (the autocorrelations summed up to lag `lags`, or to the first pair of lags whose sum is
/// not positive: Geyer 1992), in steps. A scalar, at least 1 for chains that do not alternate.
Var autocorrelation_time(const Var& trajectory, std::int64_t lags);
/// Steps times chains over the autocorrelation time.
Var effective_sample_size(const Var& trajectory, std::int64_t lags);
/// Gelman and Rubin 1992: the standard deviation of all states over that within chains; near 1 when
/// the chains agree. Needs two chains.
Var r_hat(const Var& trajectory);

struct ParallelTemperingOptions {
  Arg k = 1;                          ///< sweeps between exchanges
  std::optional<RandomStream> rng{};  ///< must be given
  std::vector<double> betas{};        ///< from 1 downwards
  Arg rounds = 1;                     ///< of k sweeps and an exchange
};
struct ParallelTempering {
  Vars state;      ///< of each unit: rows of the first beta first
  Var swap_rates;  ///< of accepted exchanges between neighbours (betas - 1,), over chains and
                   ///< rounds
  Updates updates;
};
/// Chains at several temperatures that exchange states (Swendsen and Wang 1986; Geyer 1991):
/// `start` has a state of every unit, as many rows for each beta, those of the first beta first.
ParallelTempering parallel_tempering(const EnergyModel& model, const Vars& start,
                                     const ParallelTemperingOptions& options);

}  // namespace damo::energy
