#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/models/energy/check/checker.hpp>
#include <damo/models/energy/estimators/objective.hpp>
#include <damo/models/energy/evaluation/annealing.hpp>
#include <damo/models/energy/model_data.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/reduction/reductions.hpp>

// Draws, gradients and annealing.
namespace damo::energy {
namespace {

bool inside(const Support& support, double x) {
  switch (support.set) {
    case Support::Set::levels:
      return std::count(support.levels.begin(), support.levels.end(), x) == 1;
    case Support::Set::one_hot:
      return x == 0 || x == 1;
    case Support::Set::counts:
      return x >= 0 && x == std::floor(x);
    case Support::Set::real:
      return std::isfinite(x);
    case Support::Set::nonnegative:
      return x >= 0 && std::isfinite(x);
    case Support::Set::interval:
      return x >= 0 && x <= 1;
  }
  return false;
}

// Up to a few places of a parameter.
std::vector<std::int64_t> some_places(const Array& a) {
  std::vector<std::int64_t> places;
  const std::int64_t step = std::max<std::int64_t>(a.elements() / 3, 1);
  for (std::int64_t i = 0; i < a.elements(); i += step) places.push_back(i);
  return places;
}

}  // namespace

void Checker::draws() {
  for (const Unit& unit : model_.units()) {
    const std::string what = fmt::format("draws of {} '{}'", unit.kind().name, unit.name());
    attempt(what, [&] {
      RandomStream rng(options_.seed);
      const bool colors = model_.derivation(unit).mask.defined();
      const Conditional p = colors ? model_.conditional(unit, 0) : model_.conditional(unit);
      for (const double x : table_.numbers(p.sample(rng))) {
        if (inside(unit.kind().support, x)) continue;
        report_.add({what, false, fmt::format("{} is not in the support", x)});
        return;
      }
      report_.add({what, true, "in the support"});
    });
  }
}

bool Checker::cannot_sum(const std::string& what) {
  if (!table_.finite()) {
    skip(what, "not checked: some units have infinitely many states");
  } else if (!options_.inputs.empty()) {
    skip(what, "not checked: each value of the further inputs has one of its own");
  } else {
    return false;
  }
  return true;
}

bool Checker::cannot_train(const std::string& what) {
  if (model_.params().empty()) {
    skip(what, "not checked: the model has no parameters");
  } else if (model_.visible().empty()) {
    skip(what, "not checked: the model has no visible units");
  } else {
    return cannot_sum(what);
  }
  return true;
}

// The exact likelihood's gradient against differences of the enumerated log Z and free energy.
void Checker::likelihood_gradient() {
  if (cannot_train("gradient of the exact likelihood")) return;
  attempt("gradient of the exact likelihood", [&] {
    Vars data;
    for (std::size_t u = 0; u < model_.visible().size(); ++u)
      data.push_back(constant(table_.states(u)));
    Objective objective;
    try {
      objective = exact_likelihood(model_, data);
    } catch (const GraphError&) {
      skip("gradient of the exact likelihood", "not checked: no closed form");
      return;
    }
    const bool wide = model_.energy().dtype() == float64;
    const double h = wide ? 1e-5 : 2e-2;
    std::vector<double> actual, expected;
    for (const SharedVar& p : model_.params()) {
      const std::vector<double> g = doubles(evaluate(objective.gradients({p}).front()));
      for (const std::int64_t i : some_places(p.value())) {
        const auto cost_at = [&](double shift) {
          Array moved = p.value().cast(float64);
          moved.data<double>()[i] += shift;
          const std::vector<std::pair<Var, Array>> there{{p, moved.cast(p.dtype())}};
          return evaluate(objective.cost, there).item<double>();
        };
        actual.push_back(g[static_cast<std::size_t>(i)]);
        expected.push_back((cost_at(h) - cost_at(-h)) / (2 * h));
      }
    }
    const double exact = tolerance_;
    tolerance_ = wide ? std::max(tolerance_, 1e-6) : 2e-2;
    compare("gradient of the exact likelihood", actual, expected);
    tolerance_ = exact;
  });
}

// With data and ends of chains held: the mean of dE/dparameter under p(h | data), less that at the
// ends.
void Checker::contrastive_gradient() {
  if (cannot_train("gradient of contrastive divergence")) return;
  attempt("gradient of contrastive divergence", [&] {
    Vars data;
    for (std::size_t u = 0; u < model_.visible().size(); ++u)
      data.push_back(constant(table_.states(u)));
    Objective objective;
    try {
      objective =
          contrastive_divergence(model_, data, {.k = 1, .rng = RandomStream(options_.seed)});
    } catch (const GraphError&) {
      skip("gradient of contrastive divergence", "not checked: no closed free energy");
      return;
    }
    const std::vector<Array> ends = evaluate(objective.held);
    // The share of each joint state in the mean at its visible state.
    const std::vector<double> total =
        log_sums(table_.log_weights(), table_.groups(model_.hidden()));
    std::vector<double> share(table_.rows());
    for (std::size_t r = 0; r < share.size(); ++r)
      share[r] = std::exp(table_.log_weights()[r] - total[r]);
    const auto n = static_cast<double>(table_.rows());
    const std::vector<double> up = visible_counts(data.size(), {});
    const std::vector<double> down = visible_counts(data.size(), ends);
    std::vector<double> weight(table_.rows());
    for (std::size_t r = 0; r < weight.size(); ++r) weight[r] = share[r] * (up[r] - down[r]) / n;
    const Var cost =
        sum(constant(Array::from(weight).cast(model_.energy().dtype())) * model_.energy());
    std::vector<double> actual, expected;
    for (const SharedVar& p : model_.params()) {
      Var at = grad(cost, p);
      for (std::size_t u = 0; u < model_.units().size(); ++u)
        at = clone(at, {{model_.units()[u], constant(table_.states(u))}});
      const std::vector<double> e = doubles(evaluate(at));
      const std::vector<double> a = doubles(evaluate(objective.gradients({p}).front()));
      expected.insert(expected.end(), e.begin(), e.end());
      actual.insert(actual.end(), a.begin(), a.end());
    }
    compare("gradient of contrastive divergence", actual, expected);
  });
}

// How often the visible part of each row stands among `states` (of every row, where empty: the
// table's own).
std::vector<double> Checker::visible_counts(std::size_t n, const std::vector<Array>& states) const {
  std::map<std::vector<double>, double> seen;
  const auto key_of = [&](const std::vector<std::vector<double>>& values, std::size_t r) {
    std::vector<double> key;
    for (const auto& x : values) {
      const std::size_t width = x.size() / table_.rows();
      key.insert(key.end(), x.begin() + static_cast<std::ptrdiff_t>(r * width),
                 x.begin() + static_cast<std::ptrdiff_t>((r + 1) * width));
    }
    return key;
  };
  std::vector<std::vector<double>> own, other;
  for (std::size_t u = 0; u < n; ++u) {
    own.push_back(doubles(table_.states(u)));
    other.push_back(states.empty() ? own.back() : doubles(states[u]));
  }
  for (std::size_t r = 0; r < table_.rows(); ++r) seen[key_of(other, r)] += 1;
  std::vector<double> counts(table_.rows());
  for (std::size_t r = 0; r < table_.rows(); ++r) {
    const auto it = seen.find(key_of(own, r));
    counts[r] = it == seen.end() ? 0 : it->second;
  }
  return counts;
}

void Checker::annealing() {
  if (cannot_sum("annealing")) return;
  attempt("annealing", [&] {
    const double truth =
        log_sums(table_.log_weights(), std::vector<std::size_t>(table_.rows(), 0)).front();
    const LogZ z =
        estimate_log_z(model_, {.chains = 200, .steps = 300, .rng = RandomStream(options_.seed)});
    // Bounds of a number that is exact at both ends may touch it.
    const double slack = tolerance_ + 1e-6;
    const bool ok = z.lower <= truth + slack && truth <= z.upper + slack;
    report_.add(
        {"annealing", ok,
         fmt::format("log Z is {:.6f}, its bracket [{:.6f}, {:.6f}]", truth, z.lower, z.upper)});
  });
}

}  // namespace damo::energy
