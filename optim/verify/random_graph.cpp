#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/located_error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/optim/verify/random_graph.hpp>

namespace damo::optim {
namespace {

constexpr std::int64_t most_elements = 100;

/// An input whose sizes other than 1 are known or not.
Var made_input(DType dtype, Shape shape, bool known, const std::string& name) {
  for (std::int64_t& n : shape) n = n == 1 || known ? n : unknown;
  return input({dtype, shape}, name);
}

}  // namespace

struct Pool::Trial {
  explicit Trial(std::vector<std::pair<Var, Array>> values)
      : bindings(std::move(values)), evaluation(bindings) {}
  std::vector<std::pair<Var, Array>> bindings;
  Evaluation evaluation;
};

Pool::Pool(Dice& dice, std::vector<std::pair<Var, Array>> trial)
    : dice_(dice), trial_(std::make_unique<Trial>(std::move(trial))) {
  for (const auto& [v, value] : trial_->bindings) add(v);
}
Pool::~Pool() = default;

const Shape& Pool::shape(const Var& v) const {
  std::size_t i = 0;
  while (!same(vars_[i], v)) ++i;
  return shapes_[i];
}

bool Pool::add(const Var& v) {
  if (!v.defined() || v.ndim() > 4) return false;
  try {
    const Shape shape = trial_->evaluation.value(v).shape;
    if (shape.elements() > most_elements) return false;
    vars_.push_back(v);
    shapes_.push_back(shape);
    return true;
  } catch (const LocatedError&) {
  } catch (const Error&) {
  }
  return false;
}

Var Pool::any_float() {
  return pick([](const Var& v) { return is_float(v.dtype()); });
}
Var Pool::tensor() {
  return pick([](const Var& v) { return is_float(v.dtype()) && v.ndim() > 0; });
}

RandomGraph::RandomGraph(std::uint64_t seed, RandomGraphOptions options) {
  Dice dice(seed);
  const DType real = dice.one_in(2) ? DType::float32 : DType::float64;
  const DType other = real == DType::float32 ? DType::float64 : DType::float32;
  const std::vector<std::int64_t> sizes{3, 3, 3, 2, 2, 1, 0};
  const std::int64_t n = dice.of(sizes);
  const std::int64_t m = dice.of(sizes);
  const bool known = dice.one_in(3);
  const auto add = [&](DType dtype, const Shape& shape, const char* name) {
    inputs_.push_back(made_input(dtype, shape, known, name));
    shapes_.push_back(shape);
  };
  add(real, {n}, "x");
  add(real, {n}, "y");
  add(real, {n, m}, "A");
  add(real, {m, n}, "B");
  add(real, {}, "s");
  if (dice.one_in(2)) add(real, {1, m}, "r");
  if (dice.one_in(2)) add(real, {n, 1}, "c");
  if (dice.one_in(3)) add(other, {n}, "z");
  add(DType::int64, {}, "k");
  add(DType::int64, {n}, "idx");
  add(DType::boolean, {n}, "mask");
  Pool pool(dice, values(dice, 0));
  for (std::size_t i = 0; i < 3 * options.steps; ++i) {
    if (pool.vars().size() >= inputs_.size() + options.steps) break;
    try {
      add_step(pool);
    } catch (const Error&) {  // operands that do not fit
    }
  }
  outputs_.push_back(pool.vars().back());
  if (pool.vars().size() > 3) outputs_.push_back(pool.vars()[pool.vars().size() - 3]);
  if (!options.gradients || dice.one_in(2)) return;
  Var cost;
  for (const Var& v : outputs_) {
    if (is_float(v.dtype())) cost = cost.defined() ? cost + sum(v) : sum(v);
  }
  if (!cost.defined()) return;
  Vars wrt;
  for (const Var& v : inputs_) {
    if (is_float(v.dtype())) wrt.push_back(v);
  }
  try {
    const Vars g = grad(cost, wrt, {.disconnected_inputs = Disconnected::ignore});
    outputs_.push_back(g[dice.below(g.size())]);
    outputs_.push_back(g[dice.below(g.size())]);
  } catch (const Error&) {  // what has no derivative
  }
}

std::vector<std::pair<Var, Array>> RandomGraph::values(Dice& dice, std::size_t extreme) const {
  std::vector<std::pair<Var, Array>> all;
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    all.emplace_back(inputs_[i], drawn(dice, inputs_[i].dtype(), shapes_[i], extreme));
  return all;
}

}  // namespace damo::optim
