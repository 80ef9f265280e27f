#pragma once
#include <vector>

#include <damo/models/energy/units/units.hpp>

namespace damo::energy {

/// The states of a finite unit, or of some of its sites (`sites`, the others 0), numbered from 0.
class Enumeration {
 public:
  explicit Enumeration(const Unit& unit, std::vector<bool> sites = {});
  /// log2 of the number of states; infinity where there is no end of them.
  double log2_count() const;
  /// For up to 2^62 states.
  std::int64_t count() const;
  /// The states of these numbers (int64, (rows,)), one a row, as the unit's state.
  Var states(const Var& numbers) const;

 private:
  Unit unit_;
  std::vector<bool> sites_;
};

}  // namespace damo::energy
