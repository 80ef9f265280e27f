#pragma once
#include <damo/models/energy/estimators/objective.hpp>

// What several estimators share.
namespace damo::energy {

/// The data as states of the visible units.
Vars visible_states(const EnergyModel& model, const VarsOf& data);
/// States as constants of a cost.
Vars as_constants(const Vars& states);
/// The first states, those of the visible units.
Vars visible_part(const EnergyModel& model, const Vars& states);
/// log p(x) + log Z at states of the visible units, one number a row.
Var log_weight(const EnergyModel& model, const Vars& x);
/// The mean log-probability of data given the means of hidden units: see `contrastive_divergence`.
Var reconstruction(const EnergyModel& model, const Vars& data);

/// dF/dx on the placeholders of visible units that are real numbers: read elsewhere by
/// substitution, so that no derivative runs through how a state was made.
class Slopes {
 public:
  /// Throws GraphError, in the name of `who`, for units that are no real numbers.
  Slopes(const EnergyModel& model, const char* who);
  /// An expression of the placeholders at states of the visible units.
  Var there(const Var& v, const Vars& x) const;

  Vars at;  ///< the placeholders
  Vars slope;

 private:
  Units units_;
};

/// Chains that go on from update to update, with only the states that a sweep reads.
class PersistentChains {
 public:
  PersistentChains(const EnergyModel& model, std::int64_t rows, RandomStream rng);
  /// States of all units; an empty Var where none is kept.
  const Vars& start() const { return start_; }
  /// The updates that put these states in their place.
  Updates moved_to(const Vars& end) const;

 private:
  Vars start_;
};

}  // namespace damo::energy
