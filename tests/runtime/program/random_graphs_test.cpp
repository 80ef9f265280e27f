#include <functional>
#include <random>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace {

constexpr int n_graphs = 400;
constexpr int n_steps = 14;

/// An input of which only sizes of 1 are known.
Var unsized_input(Shape dims) {
  for (std::int64_t& n : dims) n = n == 1 ? 1 : unknown;
  return input({float64, dims}, "x");
}

/// A graph as a recipe: each step makes a variable from the pool so far. Steps are drawn to fit the
/// shapes of a trial run; the recipe can then be built on other inputs of those shapes.
class Recipe {
 public:
  explicit Recipe(unsigned seed) : rng_(seed) {
    for (const Shape& s : input_shapes()) {
      pool_.push_back(unsized_input(s));
      zeros_.emplace_back(pool_.back(), Array(float64, s));
      shapes_.push_back(s);
    }
    while (steps_.size() < n_steps) add_step();
  }

  static std::vector<Shape> input_shapes() { return {{3, 4}, {3, 4}, {1, 4}, {3, 1}, {4}, {}}; }

  Vars build(const Vars& inputs) const {
    Vars pool = inputs;
    for (const Step& step : steps_) pool.push_back(step(pool));
    return pool;
  }

 private:
  using Step = std::function<Var(const Vars&)>;

  std::size_t pick(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(rng_);
  }
  std::size_t any() {  // later ones more often, so that graphs get deep
    return pool_.size() - 1 - std::min(pick(pool_.size()), pick(pool_.size()));
  }
  const Shape& shape(std::size_t i) const { return shapes_[i]; }
  int axis_of(std::size_t i) { return static_cast<int>(pick(shape(i).rank())); }

  void add_step() {
    const Step step = draw_step();
    if (!step) return;
    const Var made = step(pool_);
    if (made.ndim() > 4) return;
    const Shape shape = evaluate(made, zeros_).shape();
    if (shape.elements() > 200 || shape.elements() == 0) return;
    pool_.push_back(made);
    shapes_.push_back(shape);
    steps_.push_back(step);
  }

  Step draw_step() {
    switch (pick(6)) {
      case 0:
        return unary(any());
      case 1:
        return binary(any(), any());
      case 2:
        return movement(any());
      case 3:
        return reduction(any());
      case 4:
        return product(any(), any());
      default:
        return change(any());
    }
  }

  Step unary(std::size_t i) {
    using F = Var (*)(const Var&);
    static const F functions[] = {
        [](const Var& x) { return tanh(x); },
        [](const Var& x) { return sigmoid(x); },
        [](const Var& x) { return 1 - sigmoid(x); },
        [](const Var& x) { return log(sigmoid(x)); },
        [](const Var& x) { return log(1 - sigmoid(x)); },
        [](const Var& x) { return log(1 + exp(x)); },
        [](const Var& x) { return exp(-sqr(x)); },
        [](const Var& x) { return -x; },
        [](const Var& x) { return x / 2; },
        [](const Var& x) { return 0 * x + 1.5; },
        [](const Var& x) { return sqr(tanh(x)); },
        [](const Var& x) { return log(softplus(x) + 0.5); },
        [](const Var& x) { return where(x > 0.123, x, 0.5 * x); },
        [](const Var& x) { return cast(cast(x > 0.2, int64), float64) * x; },
        [](const Var& x) { return sqrt(1 + sqr(x)); },
    };
    const F f = functions[pick(std::size(functions))];
    return [=](const Vars& pool) { return f(pool[i]); };
  }

  /// Whether axes that differ are known to be 1, also on inputs of unknown size.
  bool stretches(std::size_t i, std::size_t j) const {
    const Shape &a = shape(i), &b = shape(j);
    if (a.rank() != b.rank()) return a.rank() == 0 || b.rank() == 0;
    for (std::size_t axis = 0; axis < a.rank(); ++axis) {
      if (a[axis] != b[axis] && !pool_[i].type().broadcastable(axis) &&
          !pool_[j].type().broadcastable(axis))
        return false;
    }
    return true;
  }

  Step binary(std::size_t i, std::size_t j) {
    if (!stretches(i, j)) return {};
    using F = Var (*)(const Var&, const Var&);
    static const F functions[] = {
        [](const Var& x, const Var& y) { return x + y; },
        [](const Var& x, const Var& y) { return x - y; },
        [](const Var& x, const Var& y) { return tanh(x) * y; },
        [](const Var& x, const Var& y) { return x / (1.5 + tanh(y)); },
        [](const Var& x, const Var& y) { return maximum(x, y + 0.01); },
        [](const Var& x, const Var& y) { return logaddexp(x, y); },
        [](const Var& x, const Var& y) { return sigmoid(x) * log(sigmoid(y)); },
        [](const Var& x, const Var& y) { return where(y > 0.05, x, tanh(y)); },
    };
    const F f = functions[pick(std::size(functions))];
    return [=](const Vars& pool) { return f(pool[i], pool[j]); };
  }

  Step movement(std::size_t i) {
    const std::size_t rank = shape(i).rank();
    if (rank == 0) return {};
    const int axis = axis_of(i);
    const std::int64_t n = shape(i)[static_cast<std::size_t>(axis)];
    const auto at = static_cast<std::int64_t>(pick(static_cast<std::size_t>(n)));
    const auto indexed = [=](const Var& x, const Index& entry) {
      std::vector<Index> index(static_cast<std::size_t>(axis), all());
      index.push_back(entry);
      return index_with(x, index, {});
    };
    switch (pick(8)) {
      case 0:
        return [=](const Vars& pool) { return pool[i].T(); };
      case 1:
        return [=](const Vars& pool) { return ravel(pool[i]); };
      case 2:
        return [=](const Vars& pool) { return expand_dims(pool[i], axis); };
      case 3:
        return [=](const Vars& pool) { return indexed(pool[i], at); };
      case 4:
        return [=](const Vars& pool) { return indexed(pool[i], range(-1, -9, -2)); };
      case 5:
        return [=](const Vars& pool) {
          return indexed(pool[i], constant(Array::from<std::int64_t>({at, -1, at})));
        };
      case 6:
        return [=](const Vars& pool) { return concatenate({pool[i], -pool[i]}, axis); };
      default:
        return [=](const Vars& pool) {
          return reshape(pool[i], {-1, pool[i].shape(static_cast<int>(rank) - 1)});
        };
    }
  }

  Step reduction(std::size_t i) {
    if (shape(i).rank() == 0) return {};
    const int axis = axis_of(i);
    const bool keep = pick(2) == 0;
    switch (pick(7)) {
      case 0:
        return [=](const Vars& pool) { return sum(pool[i], axis, {.keepdims = keep}) / 3; };
      case 1:
        return [=](const Vars& pool) { return mean(pool[i], axis, {.keepdims = keep}); };
      case 2:
        return [=](const Vars& pool) { return max(pool[i], axis, {.keepdims = keep}); };
      case 3:
        return [=](const Vars& pool) { return softmax(pool[i], axis); };
      case 4:
        return [=](const Vars& pool) { return logsumexp(pool[i], axis, {.keepdims = keep}); };
      case 5:
        return [=](const Vars& pool) { return log(sum(exp(tanh(pool[i])), axis)); };
      default:
        return [=](const Vars& pool) { return cumsum(pool[i], axis) / 2; };
    }
  }

  Step product(std::size_t i, std::size_t j) {
    const Shape &a = shape(i), &b = shape(j);
    if (a.rank() < 1 || a.rank() > 2 || b.rank() < 1 || b.rank() > 2) return {};
    if (a.back() == b[0]) return [=](const Vars& pool) { return 0.3 * dot(pool[i], pool[j]); };
    if (b.rank() == 2 && a.back() == b[1])
      return [=](const Vars& pool) { return 0.3 * dot(pool[i], pool[j].T()); };
    return {};
  }

  Step change(std::size_t i) {
    if (shape(i).rank() == 0) return {};
    const auto at = static_cast<std::int64_t>(pick(static_cast<std::size_t>(shape(i)[0])));
    switch (pick(5)) {
      case 0:
        return
            [=](const Vars& pool) { return set_subtensor(pool[i][at], 1 - sigmoid(pool[i][at])); };
      case 1:
        return [=](const Vars& pool) { return inc_subtensor(pool[i][range(at, 9)], 0.5); };
      case 2:
        return [=](const Vars& pool) {
          return inc_subtensor(pool[i][constant(Array::from<std::int64_t>({at, at}))],
                               expand_dims(pool[i][0], 0));
        };
      case 3:
        return [=](const Vars& pool) {
          const Var x = pool[i];
          return scan([](Var row, Var h) { return tanh(row + h); },
                      {.sequences = {x}, .outputs_info = {zeros_like(x[0])}})
              .outputs[0];
        };
      default:
        return [=](const Vars& pool) {
          const Var x = pool[i];
          return scan([](Var h) { return sigmoid(h) * 0.9; }, {.outputs_info = {x}, .n_steps = 3})
              .outputs[0][-1];
        };
    }
  }

  std::mt19937 rng_;
  Vars pool_;
  Bindings zeros_;
  std::vector<Shape> shapes_;
  std::vector<Step> steps_;
};

void compare(unsigned seed, const Mode& mode) {
  Vars inputs;
  for (const Shape& shape : Recipe::input_shapes()) inputs.push_back(unsized_input(shape));
  const Vars pool = Recipe(seed).build(inputs);
  Vars outputs(pool.end() - 3, pool.end());
  Var cost = sum(sqr(outputs[0]));
  for (std::size_t i = 1; i < outputs.size(); ++i) cost = cost + sum(outputs[i]);
  for (const Var& g : grad(cost, inputs, {.disconnected_inputs = Disconnected::ignore}))
    outputs.push_back(g);
  Vars used = inputs;
  const Vars needed = leaves(outputs);
  std::erase_if(used, [&](const Var& x) {
    return std::none_of(needed.begin(), needed.end(), [&](const Var& v) { return same(v, x); });
  });
  Function f = function(used, outputs, {.mode = mode});

  std::mt19937 rng(seed);
  std::normal_distribution<double> normal;
  Bindings at;
  std::vector<Argument> arguments;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Array value(float64, Recipe::input_shapes()[i]);
    for (std::int64_t k = 0; k < value.elements(); ++k) value.data<double>()[k] = normal(rng);
    at.emplace_back(inputs[i], std::move(value));
  }
  for (const Var& x : used) {
    for (const auto& [v, value] : at) {
      if (same(v, x)) arguments.emplace_back(value);
    }
  }
  const auto expected = evaluate(outputs, at);
  const Outputs compiled = f.call(arguments);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    CAPTURE(i);
    check_close(compiled[i], expected[i], 1e-9);
  }
}

}  // namespace

TEST_CASE("function: random graphs and their gradients compute what the reference does") {
  for (const Mode& mode : {Mode::fast(), Mode::none()}) {
    for (unsigned seed = 0; seed < n_graphs; ++seed) {
      CAPTURE(mode.text());
      CAPTURE(seed);
      try {
        compare(seed, mode);
      } catch (const Error& e) {
        FAIL_CHECK(std::string(e.what()));
      }
    }
  }
}
