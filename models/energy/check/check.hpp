#pragma once
#include <string>
#include <vector>

#include <damo/models/energy/energy_model.hpp>

namespace damo::energy {

/// Formulas to be held against the energy; those left out are the model's own, derived ones.
struct Claims {
  /// log p(x | all other units), of a unit's state `x`, one number a row.
  std::function<Var(const Unit& unit, const Var& x)> log_prob{};
  /// Of states of the visible units, one number a row.
  std::function<Var(const Vars& visible)> free_energy{};
  Var log_z{};
  /// Units that a sweep draws together, one group after the other.
  std::vector<Units> blocks{};
};

struct CheckOptions {
  Claims claims{};
  std::uint64_t seed = 1;
  /// Values of further inputs of the energy: of one row, repeated for every state.
  std::vector<std::pair<Var, Array>> inputs{};
  /// Largest error that passes, relative to the energies' size; left out: 1e-8 in float64, 1e-3 in
  /// float32.
  std::optional<double> tolerance{};
};

/// What `check` found.
class Report {
 public:
  struct Item {
    std::string what;  ///< "conditional of bernoulli 'h'"
    bool ok = true;
    std::string said;  ///< by how much it is off, at which state; or why it was not checked
  };
  bool ok() const;
  /// One line an item, failures first.
  std::string text() const;
  const std::vector<Item>& items() const { return items_; }
  void add(Item item) { items_.push_back(std::move(item)); }

 private:
  std::vector<Item> items_;
};

/// Holds what has been derived from an energy (or claimed) against the energy itself, on a model
/// small enough to enumerate (up to 2^20 joint states; units with infinitely many states are
/// checked at random states, and by integrals): conditionals are ratios of Boltzmann weights, the
/// free energy and log Z are sums over them, each block's update leaves p invariant (units with
/// infinitely many states: what is drawn together does not read each other), gradients of
/// the exact likelihood are finite differences, those of contrastive divergence are positive less
/// negative statistics, draws stay in the support, and annealing brackets log Z. Parameters keep
/// their values.
Report check(const EnergyModel& model, const CheckOptions& options = {});

}  // namespace damo::energy
