#pragma once
#include <functional>

#include <damo/models/energy/check/check.hpp>
#include <damo/models/energy/check/state_table.hpp>

namespace damo::energy {

/// The checks that `check` makes, one member each, over one table of states.
class Checker {
 public:
  Checker(const EnergyModel& model, const CheckOptions& options);
  void conditionals();
  void free_energy();
  void log_z();
  void invariance();
  void draws();
  void likelihood_gradient();
  void contrastive_gradient();
  void annealing();
  const Report& report() const { return report_; }

 private:
  /// Adds an item that says how far `actual` is off at worst.
  void compare(const std::string& what, const std::vector<double>& actual,
               const std::vector<double>& expected);
  /// Adds an error that `f` throws as a failure.
  void attempt(const std::string& what, const std::function<void()>& f);
  void skip(const std::string& what, const std::string& why) { report_.add({what, true, why}); }
  /// Whether states cannot all be summed over, or the model cannot be trained: said in the report.
  bool cannot_sum(const std::string& what);
  bool cannot_train(const std::string& what);
  /// log p(x | rest) of a unit, or of each of its colours.
  std::vector<Var> claimed_log_probs(const Unit& unit) const;
  void finite_conditional(const Unit& unit);
  void infinite_conditional(const Unit& unit);
  void integral_of(const Unit& unit, const Var& claim, std::size_t u);
  void block_invariance(const Units& block);
  void block_apart(const Units& block);
  /// Other states of the unit with that number, one for each row of the table.
  Array other_states(std::size_t u) const;
  std::vector<double> visible_counts(std::size_t n, const std::vector<Array>& states) const;
  std::vector<std::size_t> color_groups(std::size_t u, int color) const;

  const EnergyModel& model_;
  const CheckOptions& options_;
  StateTable table_;
  double tolerance_ = 0;
  Report report_;
};

}  // namespace damo::energy
