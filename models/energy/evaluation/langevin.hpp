#pragma once
#include <damo/models/energy/energy_model.hpp>

namespace damo::energy {

struct LangevinOptions {
  Arg k = 1;                          ///< steps
  Arg step = 0.01;                    ///< e in x' = x - e/2 dF/dx + sqrt(e) noise
  std::optional<RandomStream> rng{};  ///< must be given
  /// Whether steps are accepted or refused so that the model is kept exactly (Metropolis; Roberts
  /// and Tweedie 1996); without, each step is taken, with an error of the order of e.
  bool adjusted = true;
};
struct Langevin {
  Vars state;      ///< of the visible units after the last step
  Vars path;       ///< of each visible unit after every step, (k, rows, n)
  Var acceptance;  ///< the share of accepted steps, (k,); 1 where they are not adjusted
  Updates updates;
};
/// Chains through the states of visible units that are real numbers, along the slope of their free
/// energy: for energies of any form, which have no conditionals to draw from. `start`: states of
/// the visible units. Throws GraphError for units that are no real numbers.
Langevin langevin(const EnergyModel& model, const VarsOf& start, const LangevinOptions& options);

}  // namespace damo::energy
