#pragma once
#include <optional>
#include <utility>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/models/energy/units/units.hpp>

namespace damo::energy {

/// Random values for all that an energy depends on, for questions that its graph leaves open.
class Probe {
 public:
  /// `params` are moved away from their present values, so that weights that start at zero count;
  /// other shared variables keep theirs. Every state has `rows` rows, all rows alike where `alike`.
  Probe(const Var& energy, const Units& units, const Vars& params, std::int64_t rows,
        std::uint64_t seed, bool alike);
  /// An input whose sizes are not known, so that no value can be made for it; empty when there is
  /// none.
  const Var& missing() const { return missing_; }
  Array value(const Var& v, const std::vector<std::pair<Var, Array>>& more = {}) const;
  const Array& state(const Unit& unit) const;

 private:
  std::vector<std::pair<Var, Array>> values_;
  Var missing_;
};

/// Random states of a unit: (rows, n), or (rows, n, classes).
Array random_states(const Unit& unit, std::int64_t rows, std::uint64_t seed);

/// Which sites' slopes move with which sites' states: second derivatives of the energy on random
/// states, (sites, sites). `slope` is the energy's derivative in the unit. Throws GraphError where
/// an input of unknown size stands in the way.
std::vector<std::vector<bool>> couplings(const Var& slope, const Unit& unit, const Units& units,
                                         const Vars& params);
/// Whether only the diagonal is set.
bool is_diagonal(const std::vector<std::vector<bool>>& couplings);
/// A colour for each site, from 0, so that coupled ones differ.
std::vector<int> coloring(const std::vector<std::vector<bool>>& couplings);

}  // namespace damo::energy
