#pragma once
#include <algorithm>
#include <cmath>
#include <map>

#include <damo/damo.hpp>
#include "tests/support/values.hpp"

// All joint states of small finite models, and what follows from their energies alone.
namespace damo::test {

using energy::Conditional;
using energy::EnergyModel;
using energy::Unit;
using energy::Units;

struct FloatXScope {
  explicit FloatXScope(DType dtype) : before(floatX()) { set_floatX(dtype); }
  ~FloatXScope() { set_floatX(before); }
  DType before;
};

inline SharedVar weights(const Sizes& size, std::uint64_t seed, const char* name,
                         double scale = 0.6) {
  return models::normal_parameter(size, scale, seed, name);
}

/// An RBM small enough for everything to be summed, and some data.
struct SmallRbm {
  SharedVar W = weights({4, 3}, 1, "W"), b = weights({4}, 2, "b"), c = weights({3}, 3, "c");
  Unit v = energy::bernoulli("v", 4), h = energy::bernoulli("h", 3);
  EnergyModel model{-dot(v, b) - dot(h, c) - sum(dot(v, W) * h, 1),
                    {.visible = {v}, .hidden = {h}, .params = {W, b, c}}};
  Var x = constant(evaluate(RandomStream(9).bernoulli(0.5 * ones({6, 4}))));
};

inline double value(const Var& v) { return evaluate(v).item<double>(); }

using Numbers = std::vector<double>;

inline Numbers numbers(const Array& a) {
  const Array wide = a.cast(float64);
  return {wide.data<double>(), wide.data<double>() + wide.elements()};
}

/// All states of one unit, each as its numbers in row-major order.
inline std::vector<Numbers> states_of(const Unit& unit) {
  std::vector<Numbers> site;  // of one site
  const auto& support = unit.kind().support;
  const auto classes = static_cast<std::size_t>(unit.classes());
  if (classes > 0) {
    for (std::size_t c = 0; c < classes; ++c) {
      site.emplace_back(classes, 0.0);
      site.back()[c] = 1;
    }
  } else if (unit.total() > 0) {
    for (std::int64_t k = 0; k <= unit.total(); ++k) site.push_back({static_cast<double>(k)});
  } else {
    for (const double level : support.levels) site.push_back({level});
  }
  std::vector<Numbers> all{{}};
  for (std::int64_t i = 0; i < unit.n(); ++i) {
    std::vector<Numbers> longer;
    for (const Numbers& head : all) {
      for (const Numbers& tail : site) {
        longer.push_back(head);
        longer.back().insert(longer.back().end(), tail.begin(), tail.end());
      }
    }
    all = longer;
  }
  if (unit.total() > 0) {
    std::erase_if(all, [&](const Numbers& x) {
      double sum = 0;
      for (const double k : x) sum += k;
      return sum != static_cast<double>(unit.total());
    });
  }
  return all;
}

/// Every combination of states of some units.
class Joint {
 public:
  explicit Joint(Units units) : units_(std::move(units)) {
    std::vector<std::vector<Numbers>> each;
    for (const Unit& u : units_) each.push_back(states_of(u)), rows *= each.back().size();
    index.assign(units_.size(), std::vector<std::size_t>(rows));
    for (std::size_t u = 0, inner = 1; u < units_.size(); inner *= each[u].size(), ++u) {
      Numbers all;
      for (std::size_t r = 0; r < rows; ++r) {
        index[u][r] = r / inner % each[u].size();
        const Numbers& x = each[u][index[u][r]];
        all.insert(all.end(), x.begin(), x.end());
      }
      Shape shape = units_[u].type().dims;
      shape[0] = static_cast<std::int64_t>(rows);
      values.push_back(Array::from(all, shape).cast(units_[u].dtype()));
    }
  }
  std::vector<std::pair<Var, Array>> bindings() const {
    std::vector<std::pair<Var, Array>> all;
    for (std::size_t u = 0; u < units_.size(); ++u) all.emplace_back(units_[u], values[u]);
    return all;
  }
  Numbers value(const Var& v) const { return numbers(evaluate(v, bindings())); }
  /// The same number for rows that agree in all units but `left_out`.
  std::vector<std::size_t> groups(const Units& left_out) const {
    std::map<std::vector<std::size_t>, std::size_t> seen;
    std::vector<std::size_t> group(rows);
    for (std::size_t r = 0; r < rows; ++r) {
      std::vector<std::size_t> key;
      for (std::size_t u = 0; u < units_.size(); ++u) {
        const bool out = std::any_of(left_out.begin(), left_out.end(),
                                     [&](const Unit& o) { return same(o, units_[u]); });
        if (!out) key.push_back(index[u][r]);
      }
      group[r] = seen.emplace(key, seen.size()).first->second;
    }
    return group;
  }

  std::size_t rows = 1;
  std::vector<Array> values;
  std::vector<std::vector<std::size_t>> index;

 private:
  Units units_;
};

/// log of the weight of each joint state: -E, and what each state counts for itself.
inline Numbers log_weights(const EnergyModel& m, const Joint& joint) {
  Numbers w = joint.value(m.energy());
  for (double& x : w) x = -x;
  for (std::size_t u = 0; u < m.units().size(); ++u) {
    const Unit& unit = m.units()[u];
    if (!unit.kind().log_base) continue;
    const Numbers base = joint.value(unit.kind().log_base(unit));
    for (std::size_t r = 0; r < joint.rows; ++r) w[r] += base[r];
  }
  return w;
}

inline Numbers log_sums(const Numbers& w, const std::vector<std::size_t>& group) {
  std::map<std::size_t, long double> sum;
  const double top = *std::max_element(w.begin(), w.end());
  for (std::size_t r = 0; r < w.size(); ++r) sum[group[r]] += std::exp((long double)(w[r] - top));
  Numbers result(w.size());
  for (std::size_t r = 0; r < w.size(); ++r)
    result[r] = static_cast<double>(std::log(sum[group[r]])) + top;
  return result;
}

/// Checks `actual` against `expected`, number by number.
inline void check_numbers(const Numbers& actual, const Numbers& expected, double tolerance) {
  REQUIRE(actual.size() == expected.size());
  double worst = 0;
  for (std::size_t i = 0; i < actual.size(); ++i)
    worst = std::max(worst, std::isnan(actual[i]) ? INFINITY
                                                  : std::abs(actual[i] - expected[i]) /
                                                        std::max(1.0, std::abs(expected[i])));
  CHECK(worst <= tolerance);
}

inline double tolerance(DType dtype) { return dtype == float64 ? 1e-11 : 3e-5; }

/// Every conditional is the ratio of Boltzmann weights, and its mean that of the enumeration.
inline void check_conditionals(const EnergyModel& m) {
  const Joint joint(m.units());
  const Numbers w = log_weights(m, joint);
  for (std::size_t u = 0; u < m.units().size(); ++u) {
    const Unit& unit = m.units()[u];
    CAPTURE(unit.name());
    const auto group = joint.groups({unit});
    const Numbers total = log_sums(w, group);
    Numbers expected(joint.rows);
    for (std::size_t r = 0; r < joint.rows; ++r) expected[r] = w[r] - total[r];
    const Conditional p = m.conditional(unit);
    check_numbers(joint.value(p.log_prob(unit)), expected, tolerance(unit.dtype()));
    const Numbers x = numbers(joint.values[u]);
    const std::size_t width = x.size() / joint.rows;
    std::map<std::size_t, Numbers> mean;
    for (std::size_t r = 0; r < joint.rows; ++r) {
      Numbers& m_r = mean.emplace(group[r], Numbers(width, 0.0)).first->second;
      for (std::size_t i = 0; i < width; ++i) m_r[i] += std::exp(expected[r]) * x[r * width + i];
    }
    Numbers means;
    for (std::size_t r = 0; r < joint.rows; ++r)
      means.insert(means.end(), mean[group[r]].begin(), mean[group[r]].end());
    Numbers actual = joint.value(p.mean());
    if (actual.size() < means.size()) {  // one row for all
      const Numbers row = actual;
      while (actual.size() < means.size()) actual.insert(actual.end(), row.begin(), row.end());
    }
    check_numbers(actual, means, tolerance(unit.dtype()));
  }
}

/// The marginal energy of `units` is that of enumeration.
inline void check_marginal(const EnergyModel& m, const Units& units) {
  const Joint joint(m.units());
  Numbers expected = log_sums(log_weights(m, joint), joint.groups(units));
  // What the remaining units count for themselves is not part of the energy.
  for (std::size_t u = 0; u < m.units().size(); ++u) {
    const Unit& unit = m.units()[u];
    const bool gone =
        std::any_of(units.begin(), units.end(), [&](const Unit& o) { return same(o, unit); });
    if (gone || !unit.kind().log_base) continue;
    const Numbers base = joint.value(unit.kind().log_base(unit));
    for (std::size_t r = 0; r < joint.rows; ++r) expected[r] -= base[r];
  }
  for (double& e : expected) e = -e;
  Numbers actual = joint.value(m.marginal_energy(units));
  if (actual.size() == 1) actual.assign(joint.rows, actual[0]);
  check_numbers(actual, expected, tolerance(m.energy().dtype()));
}

inline double exact_log_z(const EnergyModel& m) {
  const Joint joint(m.units());
  return log_sums(log_weights(m, joint), std::vector<std::size_t>(joint.rows, 0))[0];
}

}  // namespace damo::test
