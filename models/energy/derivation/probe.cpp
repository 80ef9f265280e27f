#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/map_graph.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/walk.hpp>
#include <damo/models/energy/derivation/probe.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo::energy {
namespace {

using Generator = std::mt19937_64;

Array normal_array(DType dtype, const Shape& shape, double scale, Generator& g) {
  std::normal_distribution<double> normal(0, scale);
  std::vector<double> values(static_cast<std::size_t>(shape.elements()));
  for (double& v : values) v = normal(g);
  return Array::from(values, shape).cast(dtype);
}

Array alike_rows(const Array& states) {
  const Array wide = states.cast(float64);
  const auto width = static_cast<std::size_t>(states.elements() / states.shape()[0]);
  std::vector<double> values(wide.values<double>().begin(), wide.values<double>().end());
  for (std::size_t i = width; i < values.size(); ++i) values[i] = values[i - width];
  return Array::from(values, states.shape()).cast(states.dtype());
}

// Of a unit of finitely many states: somewhere between them.
void fill_between(const Support& support, double* site, std::int64_t classes, Generator& g) {
  std::uniform_real_distribution<double> share(0.1, 0.9);
  double total = 0;
  switch (support.set) {
    case Support::Set::levels:
      *site = support.levels.front() + share(g) * (support.levels.back() - support.levels.front());
      break;
    case Support::Set::one_hot:
      for (std::int64_t c = 0; c < classes; ++c) total += site[c] = share(g);
      for (std::int64_t c = 0; c < classes; ++c) site[c] /= total;
      break;
    default:
      *site = 3 * share(g);
  }
}

void fill_site(const Support& support, double* site, std::int64_t classes, Generator& g) {
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  switch (support.set) {
    case Support::Set::levels: {
      std::uniform_int_distribution<std::size_t> level(0, support.levels.size() - 1);
      *site = support.levels[level(g)];
      break;
    }
    case Support::Set::one_hot:
      site[std::uniform_int_distribution<std::int64_t>(0, classes - 1)(g)] = 1;
      break;
    case Support::Set::counts:
      *site = static_cast<double>(std::uniform_int_distribution<int>(0, 3)(g));
      break;
    case Support::Set::real:
      *site = normal(g);
      break;
    case Support::Set::nonnegative:
      *site = std::abs(normal(g));
      break;
    case Support::Set::interval:
      *site = uniform(g);
      break;
  }
}

bool all_zero(const Array& a) {
  const Array wide = a.cast(float64);
  const auto values = wide.values<double>();
  return std::all_of(values.begin(), values.end(), [](double x) { return x == 0; });
}

// The sum of the row is the unit's total where it has one.
void spread_total(double* row, std::int64_t n, std::int64_t total, Generator& g) {
  if (total == 0) return;
  std::fill(row, row + n, 0.0);
  for (std::int64_t i = 0; i < total; ++i)
    row[std::uniform_int_distribution<std::int64_t>(0, n - 1)(g)] += 1;
}

// `v` with float64 in the place of float32; `values` become those of its leaves.
Var widened(const Var& v, std::vector<std::pair<Var, Array>>& values) {
  VarMap known;
  for (const Var& leaf : leaves(std::span(&v, 1))) {
    if (leaf.dtype() != float32) continue;
    const auto given = std::find_if(values.begin(), values.end(),
                                    [&](const auto& bound) { return same(bound.first, leaf); });
    if (given != values.end()) {
      const Var wide = input({float64, leaf.type().dims}, leaf.name());
      *given = {wide, given->second.cast(float64)};
      known[leaf] = wide;
    } else if (is_shared(leaf)) {
      known[leaf] = constant(SharedVar(leaf).value().cast(float64));
    } else if (const Array* value = constant_value(leaf)) {
      known[leaf] = constant(value->cast(float64));
    }
  }
  const Visit widen = [](const Apply& node, const Apply&) -> std::optional<Vars> {
    Vars outputs = node.outputs();
    for (Var& out : outputs) {
      if (out.dtype() == float32) out = cast(out, float64);
    }
    return outputs;
  };
  return map_graph(std::span(&v, 1), widen, known).front();
}

}  // namespace

Array random_states(const Unit& unit, std::int64_t rows, std::uint64_t seed, States which) {
  Generator g(seed);
  const bool between = which == States::between && unit.finite();
  const std::int64_t classes = std::max<std::int64_t>(unit.classes(), 1);
  std::vector<double> values(static_cast<std::size_t>(rows * unit.n() * classes));
  for (std::int64_t s = 0; s < rows * unit.n(); ++s)
    (between ? fill_between : fill_site)(
        unit.kind().support, &values[static_cast<std::size_t>(s * classes)], classes, g);
  for (std::int64_t r = 0; r < rows && !between; ++r)
    spread_total(&values[static_cast<std::size_t>(r * unit.n())], unit.n(), unit.total(), g);
  const Shape shape =
      unit.classes() > 0 ? Shape{rows, unit.n(), unit.classes()} : Shape{rows, unit.n()};
  return Array::from(values, shape).cast(unit.dtype());
}

Probe::Probe(const Var& energy, const Units& units, const Vars& params, std::int64_t rows,
             std::uint64_t seed, bool alike, States which) {
  Generator g(seed);
  for (const Unit& unit : units) {
    Array states = random_states(unit, rows, g(), which);
    values_.emplace_back(unit, alike ? alike_rows(states) : std::move(states));
  }
  for (const Var& leaf : leaves(std::span(&energy, 1))) {
    const bool is_unit =
        std::any_of(units.begin(), units.end(), [&](const Unit& u) { return same(u, leaf); });
    if (is_unit) continue;
    const bool is_param =
        std::any_of(params.begin(), params.end(), [&](const Var& p) { return same(p, leaf); });
    if (is_shared(leaf)) {
      const Array stored = SharedVar(leaf).value();
      if (is_float(leaf.dtype()) && (is_param || all_zero(stored))) {
        Array moved = stored.cast(float64);
        const Array noise = normal_array(float64, moved.shape(), 0.5, g);
        for (std::int64_t i = 0; i < moved.elements(); ++i)
          moved.data<double>()[i] += noise.data<double>()[i];
        values_.emplace_back(leaf, moved.cast(leaf.dtype()));
      }
    } else if (is_input(leaf)) {
      Shape shape = leaf.type().dims;
      if (shape.rank() > 0 && shape[0] == unknown) shape[0] = rows;
      if (std::any_of(shape.begin(), shape.end(), [](auto d) { return d == unknown; })) {
        missing_ = leaf;
      } else {
        values_.emplace_back(leaf, normal_array(leaf.dtype(), shape, 0.5, g));
      }
    }
  }
}

void Probe::require_all(const Unit& unit) const {
  if (!missing_.defined()) return;
  throw GraphError(fmt::format(
      "EnergyModel: whether the sites of {} interact cannot be seen, nor tried on random states: "
      "the sizes of {} are not known. Make it with damo::input and its sizes",
      describe(unit), describe(missing_)));
}

Array Probe::value(const Var& v, const std::vector<std::pair<Var, Array>>& more) const {
  std::vector<std::pair<Var, Array>> all = values_;
  all.insert(all.end(), more.begin(), more.end());
  std::vector<std::pair<Var, Array>> wide_values = all;
  try {
    const Var wide = widened(v, wide_values);
    return evaluate(wide, wide_values);
  } catch (const Error&) {  // a loop of float32, say
    return evaluate(v, all);
  }
}

const Array& Probe::state(const Unit& unit) const {
  for (const auto& [v, value] : values_) {
    if (same(v, unit)) return value;
  }
  throw InternalError("probe: a unit without a state");
}

double resolution(const Unit& unit, const Array& found) {
  if (found.dtype() != float64) return 1e-4;
  return unit.dtype() == float64 ? 1e-10 : 1e-7;
}

std::vector<std::vector<bool>> couplings(const Var& slope, const Unit& unit, const Units& units,
                                         const Vars& params) {
  const std::int64_t classes = std::max<std::int64_t>(unit.classes(), 1);
  const std::int64_t width = unit.n() * classes;
  const auto n = static_cast<std::size_t>(unit.n());
  std::vector<std::vector<bool>> coupled(n, std::vector<bool>(n, false));
  const Var direction = input(unit.type(), "direction");
  const Var moved = Rop(slope, unit, direction);
  const Shape shape =
      unit.classes() > 0 ? Shape{width, unit.n(), unit.classes()} : Shape{width, unit.n()};
  const Array each = evaluate(reshape(eye(width, unit.dtype()), Sizes(shape)));
  // Between the states too: there, products of many sites are zero nowhere.
  for (const std::uint64_t seed : {11, 12, 13, 14, 15}) {
    const bool between = seed > 13;
    const Probe probe(slope, units, params, width, seed, true,
                      between ? States::between : States::of_the_support);
    probe.require_all(unit);
    const Array found = probe.value(moved, {{direction, each}}), h = found.cast(float64);
    const auto second = h.values<double>();
    double largest = 0;
    for (const double x : second) largest = std::max(largest, std::abs(x));
    const double least = largest * resolution(unit, found);
    for (std::int64_t i = 0; i < width; ++i) {
      for (std::int64_t j = 0; j < width; ++j) {
        const double x = std::abs(second[static_cast<std::size_t>(i * width + j)]);
        // Not a number counts as coupled.
        if (between ? x > least : !(x <= least))
          coupled[static_cast<std::size_t>(i / classes)][static_cast<std::size_t>(j / classes)] =
              true;
      }
    }
  }
  return coupled;
}

bool is_diagonal(const std::vector<std::vector<bool>>& couplings) {
  for (std::size_t i = 0; i < couplings.size(); ++i) {
    for (std::size_t j = 0; j < couplings.size(); ++j) {
      if (i != j && couplings[i][j]) return false;
    }
  }
  return true;
}

std::vector<int> coloring(const std::vector<std::vector<bool>>& couplings) {
  const std::size_t n = couplings.size();
  std::vector<int> color(n, -1);
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<bool> taken(n, false);
    for (std::size_t j = 0; j < i; ++j) {
      if (couplings[i][j] || couplings[j][i]) taken[static_cast<std::size_t>(color[j])] = true;
    }
    color[i] = static_cast<int>(std::find(taken.begin(), taken.end(), false) - taken.begin());
  }
  return color;
}

}  // namespace damo::energy
