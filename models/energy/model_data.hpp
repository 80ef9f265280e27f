#pragma once
#include <algorithm>
#include <map>

#include <damo/models/energy/energy_model.hpp>

namespace damo::energy {

/// What copies of a model share. Derivations are made when they are asked for, and kept.
struct EnergyModel::Data {
  Var energy;
  EnergyModelOptions options;
  Units units;
  std::vector<Term> terms{};
  std::map<std::size_t, Derivation> derivations{};
  /// Of units that are drawn one site at a time and yet have a distribution as a whole.
  std::map<std::size_t, Derivation> wholes{};
  Trace trace{};
  /// Of a tempered model: derivations are linear in the energy, so they are made of those of its
  /// ends.
  struct Mix {
    EnergyModel hot;
    Var beta;
    std::optional<EnergyModel> base;
  };
  std::shared_ptr<const Mix> mix{};
};

/// The stream, or a GraphError that names who needs one.
RandomStream required(const std::optional<RandomStream>& rng, const char* who);
/// Throws GraphError, in the name of `who`, for units whose mean energy is not the energy at their
/// mean.
void require_mean_energy(const Units& units, const char* who);

inline bool contains(const Units& units, const Var& v) {
  return std::any_of(units.begin(), units.end(), [&](const Unit& u) { return same(u, v); });
}

/// Zeros for a unit: `rows` of its states.
Var zeros_of(const Unit& unit, const Arg& rows);
/// Zeros for a unit whose states are gone from an expression: as many rows as the first unit has
/// that is not gone; one where all are.
Var zero_state(const Unit& unit, const Units& units, const Units& gone);

}  // namespace damo::energy
