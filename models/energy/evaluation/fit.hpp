#pragma once
#include <damo/models/energy/evaluation/annealing.hpp>

namespace damo::energy {

/// How well a model fits data that it was trained on and data that it was not.
struct Fit {
  double free_energy_train = 0;  ///< means of F; base measures, where units have some, included
  double free_energy_valid = 0;
  LogZ log_z;

  /// The mean free energy of the others less that of the training data: it grows when a model
  /// begins to learn the training data by heart (Hinton 2010, A practical guide, section 6).
  double gap() const { return free_energy_valid - free_energy_train; }
  /// Mean log-likelihoods, as far as log Z is known.
  double train() const { return -free_energy_train - log_z.value; }
  double valid() const { return -free_energy_valid - log_z.value; }
  /// "log-likelihood: train -84.1, valid -86.2 in [-86.4, -86.1]; free-energy gap 2.1; log Z ...",
  /// and that it is not converged where it is not.
  std::string text() const;
};

/// Measures it: free energies exactly, log Z by `estimate_log_z`. `train` and `valid` have states
/// of the visible units, in their order. Throws GraphError where the hidden units cannot be summed
/// out.
Fit measure_fit(const EnergyModel& model, const std::vector<Array>& train,
                const std::vector<Array>& valid, const AnnealingOptions& options = {});

}  // namespace damo::energy
