#pragma once
#include <damo/models/energy/energy_model.hpp>

namespace damo::energy {

struct AnnealingOptions {
  std::int64_t chains = 100;
  std::int64_t steps = 10000;         ///< temperatures, one sweep each
  std::optional<RandomStream> rng{};  ///< left out: one of its own
  /// An energy without interactions on the model's units, from which annealing starts (for example
  /// -dot(v, log odds of the data)); empty: `base_energy()`.
  Var base{};
  /// Sweeps at beta 1 between the annealing there and the one back; -1: a tenth of `steps`.
  std::int64_t settle = -1;
};

/// An estimate of log Z.
struct LogZ {
  double value = 0;             ///< by annealing from the base model to the model
  double standard_error = 0;    ///< from the spread of the chains' weights
  double effective_chains = 0;  ///< as many equally weighted chains say as much
  double lower = 0;             ///< `value` less three standard errors
  double upper = 0;             ///< by annealing back, plus three standard errors
  double reverse = 0;           ///< by annealing back
  /// Whether both ways agree: the bracket is at most one nat wide and neither estimate rests on a
  /// few chains.
  bool converged = false;
  /// "log Z 451.30 in [451.21, 451.42]", and that it is not converged where it is not, with why.
  std::string text() const;
};

/// log Z by annealed importance sampling (Neal 2001) with what can be summed out summed out, and a
/// bound from the other side by annealing back from states of the model (Burda, Grosse and
/// Salakhutdinov 2015; Grosse, Ghahramani and Adams 2015). E[Z] is exact on the way there, so
/// `value` tends to be low; the way back tends to be high, as far as its first states are the
/// model's: they are the ends of the first run, drawn by weight and then settled.
LogZ estimate_log_z(const EnergyModel& model, const AnnealingOptions& options = {});

/// The same as a graph: the weights of chains along `betas`, a float vector.
struct Annealing {
  Var log_weights;  ///< float64 (chains,): log of f_last(x) / f_first(x) along each chain
  Vars state;       ///< of each unit, at the last beta
  Updates updates;
};
/// `start`: states of all units at the first beta; of those that a sweep sets before it reads them
/// it may have none. `base`: as in `AnnealingOptions`.
Annealing anneal(const EnergyModel& model, const Vars& start, const Var& betas, RandomStream rng,
                 const Var& base = {});

}  // namespace damo::energy
