#pragma once
#include <optional>
#include <utility>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/models/energy/units/units.hpp>

namespace damo::energy {

/// Which states of units with finitely many of them are tried: theirs, or numbers between them.
enum class States : std::uint8_t { of_the_support, between };

/// Random values for all that an energy depends on, for questions that its graph leaves open.
class Probe {
 public:
  /// `params`, and what is zero everywhere, are moved away from their present values, so that
  /// weights that start at zero count; other shared variables keep theirs. Every state has `rows`
  /// rows, all rows alike where `alike`.
  Probe(const Var& energy, const Units& units, const Vars& params, std::int64_t rows,
        std::uint64_t seed, bool alike, States which = States::of_the_support);
  /// An input whose sizes are not known, so that no value can be made for it; empty when there is
  /// none.
  const Var& missing() const { return missing_; }
  /// Throws GraphError where there is one: `unit` cannot be tried.
  void require_all(const Unit& unit) const;
  /// In float64, whatever the dtype of `v`, where that can be.
  Array value(const Var& v, const std::vector<std::pair<Var, Array>>& more = {}) const;
  const Array& state(const Unit& unit) const;

 private:
  std::vector<std::pair<Var, Array>> values_;
  Var missing_;
};

/// Random states of a unit: (rows, n), or (rows, n, classes).
Array random_states(const Unit& unit, std::int64_t rows, std::uint64_t seed,
                    States which = States::of_the_support);

/// The error, relative to what is compared, that may be one of rounding.
double resolution(const Unit& unit, const Array& found);
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
