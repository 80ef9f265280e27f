#pragma once
#include <damo/graph/updates.hpp>
#include <damo/ops/random/random_stream.hpp>

namespace damo::models {

/// An estimate of log Z for each of n RBMs.
struct AisGraph {
  Var log_z;           ///< float64 (n,)
  Var standard_error;  ///< of log_z, float64 (n,), from the spread of the runs' weights
  Var effective_runs;  ///< of the runs, how many equally weighted ones say as much; float64 (n,)
  Var log_weights;     ///< float64 (runs, n): of Z, relative to Z of the RBM without weights
  Var log_base_z;      ///< log Z of that, float64
  Var v_sample;        ///< (runs, n, n_visible): each run's last state
  Updates updates;     ///< of the random streams
};

/// Annealed importance sampling (Neal 2001; Salakhutdinov and Murray 2008) of the RBMs that share
/// `W` and have the rows of `bv` (n, n_visible) and `bh` (n, n_hidden) as biases: each run goes
/// from an RBM without weights whose visible biases are `base_bias` (n_visible,), a data set's log
/// odds for example, to the RBM in question along `betas`, a float vector that rises from 0 to 1: a
/// NumericError otherwise, when the graph is built for constants, else when it runs.
/// Sums are in float64. E[Z] is exact, so log Z tends to come out low, and a likelihood high.
AisGraph build_ais(const Var& W, const Var& bv, const Var& bh, const Var& base_bias,
                   const Var& betas, const Arg& runs, RandomStream rng);

/// The log odds of being on of each column of 0s and 1s (frames, n), a column counting as on and as
/// off once more than it was: what `base_bias` should be. (n,), in the dtype of `frames`.
Var log_odds(const Var& frames);

}  // namespace damo::models
