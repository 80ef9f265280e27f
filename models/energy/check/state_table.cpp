#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/models/energy/check/state_table.hpp>
#include <damo/models/energy/derivation/probe.hpp>
#include <damo/models/energy/model_data.hpp>
#include <damo/models/energy/units/enumerate.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>

namespace damo::energy {
namespace {

constexpr double most_states_log2 = 20;
constexpr std::int64_t random_rows = 64;

// One row, as many times as there are states.
Array repeated(const Array& row, std::size_t rows) {
  Shape shape = row.shape();
  if (shape.rank() == 0 || shape[0] != 1) return row;
  const std::vector<double> one = doubles(row);
  std::vector<double> all;
  for (std::size_t r = 0; r < rows; ++r) all.insert(all.end(), one.begin(), one.end());
  shape[0] = static_cast<std::int64_t>(rows);
  return Array::from(all, shape).cast(row.dtype());
}

}  // namespace

std::vector<double> doubles(const Array& a) {
  const Array wide = a.cast(float64);
  return {wide.values<double>().begin(), wide.values<double>().end()};
}

StateTable::StateTable(const EnergyModel& model, const std::vector<std::pair<Var, Array>>& inputs,
                       std::uint64_t seed)
    : units_(model.units()) {
  double log2_rows = 0;
  for (const Unit& unit : units_) {
    const double log2_count = Enumeration(unit).log2_count();
    const bool finite = std::isfinite(log2_count);
    finite_ = finite_ && finite;
    log2_rows += finite ? log2_count : 0;
    if (log2_rows > most_states_log2)
      throw GraphError(fmt::format(
          "check: the model has 2^{:.0f} or more joint states; build it smaller, with at most "
          "2^{:.0f}",
          log2_rows, most_states_log2));
    count_.push_back(finite ? static_cast<std::size_t>(Enumeration(unit).count()) : 1);
    stride_.push_back(rows_);
    rows_ *= count_.back();
  }
  const std::size_t block = rows_;  // states of the finite units, for one of the others
  if (!finite_) rows_ *= random_rows;
  for (std::size_t u = 0; u < units_.size(); ++u) {
    const Unit& unit = units_[u];
    if (!std::isfinite(Enumeration(unit).log2_count())) {
      states_.push_back(evaluate(repeat(constant(random_states(unit, random_rows, seed + u)),
                                        static_cast<long>(block), 0)));
      continue;
    }
    std::vector<std::int64_t> number;
    for (std::size_t r = 0; r < rows_; ++r)
      number.push_back(static_cast<std::int64_t>(index(u, r)));
    states_.push_back(evaluate(Enumeration(unit).states(constant(Array::from(number)))));
  }
  for (const auto& [v, value] : inputs) inputs_.emplace_back(v, repeated(value, rows_));
  log_weights_ = numbers(-model.energy());
  for (const Unit& unit : units_) {
    if (!unit.kind().log_base) continue;
    const std::vector<double> base = numbers(unit.kind().log_base(unit));
    for (std::size_t r = 0; r < rows_; ++r) log_weights_[r] += base[r];
  }
}

std::vector<double> StateTable::numbers(const Var& v) const {
  return numbers(v, units_.front(), states_.front());
}

std::vector<double> StateTable::numbers(const Var& v, const Unit& unit, const Array& states) const {
  std::vector<std::pair<Var, Array>> bindings = inputs_;
  for (std::size_t u = 0; u < units_.size(); ++u)
    bindings.emplace_back(units_[u], same(units_[u], unit) ? states : states_[u]);
  std::vector<double> all = doubles(evaluate(v, bindings));
  if (all.size() == 1) all.assign(rows_, all.front());
  return all;
}

std::vector<std::size_t> StateTable::groups(const Units& left_out) const {
  std::vector<std::size_t> group(rows_);
  for (std::size_t r = 0; r < rows_; ++r) {
    std::size_t row = r;
    for (std::size_t u = 0; u < units_.size(); ++u) {
      if (contains(left_out, units_[u])) row = with(row, u, 0);
    }
    group[r] = row;
  }
  return group;
}

std::string StateTable::text(std::size_t r) const {
  std::string all;
  for (std::size_t u = 0; u < units_.size(); ++u) {
    const std::vector<double> x = doubles(states_[u]);
    const std::size_t width = x.size() / rows_;
    std::string row;
    for (std::size_t i = 0; i < std::min<std::size_t>(width, 12); ++i)
      row += fmt::format("{}{:.4g}", i > 0 ? ", " : "", x[r * width + i]);
    all += fmt::format("{}{} = [{}{}]", u > 0 ? ", " : "", units_[u].name(), row,
                       width > 12 ? ", ..." : "");
  }
  return all;
}

std::vector<double> log_sums(const std::vector<double>& w, const std::vector<std::size_t>& groups) {
  const double top = *std::max_element(w.begin(), w.end());
  std::map<std::size_t, double> sum;
  for (std::size_t r = 0; r < w.size(); ++r) sum[groups[r]] += std::exp(w[r] - top);
  std::vector<double> result(w.size());
  for (std::size_t r = 0; r < w.size(); ++r) result[r] = std::log(sum[groups[r]]) + top;
  return result;
}

}  // namespace damo::energy
