#pragma once
#include <damo/models/energy/energy_model.hpp>

namespace damo::energy {

/// States of all units of a small model and their numbers: every joint state where all units are
/// finite, else all states of the finite units with random ones of the others.
class StateTable {
 public:
  /// Throws GraphError for more than 2^20 states.
  StateTable(const EnergyModel& model, const std::vector<std::pair<Var, Array>>& inputs,
             std::uint64_t seed);
  std::size_t rows() const { return rows_; }
  bool finite() const { return finite_; }
  /// An expression of the units' placeholders at each state; a single number counts for all.
  std::vector<double> numbers(const Var& v) const;
  /// The same at given states of one unit.
  std::vector<double> numbers(const Var& v, const Unit& unit, const Array& states) const;
  /// -E and what the states count for themselves.
  const std::vector<double>& log_weights() const { return log_weights_; }
  /// The number of unit `u`'s state in row `r`, and the row that differs from `r` in that alone.
  std::size_t index(std::size_t u, std::size_t r) const { return r / stride_[u] % count_[u]; }
  std::size_t with(std::size_t r, std::size_t u, std::size_t index) const {
    return r + index * stride_[u] - this->index(u, r) * stride_[u];
  }
  /// Rows with equal numbers agree in all units but those of `left_out`.
  std::vector<std::size_t> groups(const Units& left_out) const;
  const Array& states(std::size_t u) const { return states_[u]; }
  /// "v = [1, 0], h = [0]".
  std::string text(std::size_t r) const;

 private:
  Units units_;
  std::vector<std::pair<Var, Array>> inputs_;
  std::vector<Array> states_;
  std::vector<std::size_t> count_, stride_;
  std::size_t rows_ = 1;
  bool finite_ = true;
  std::vector<double> log_weights_;
};

/// The elements in row-major order.
std::vector<double> doubles(const Array& a);
/// log of the sum of exp(w) over each group, at each row of it.
std::vector<double> log_sums(const std::vector<double>& w, const std::vector<std::size_t>& groups);

}  // namespace damo::energy
