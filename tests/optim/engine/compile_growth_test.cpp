#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include <damo/core.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/optim/engine/pipeline.hpp>
#include "tests/support/rewrite.hpp"

// How the work of rewriting grows with graphs of kinds that have been slow, counted in nodes: time
// is no test.
using namespace damo;

namespace {

std::size_t count(const FunctionGraph& graph) {
  std::size_t n = 0;
  for (const Apply* node : graph.order())
    n += 1 + (node->op().body() != nullptr ? count(*node->op().body()) : 0);
  return n;
}

std::size_t most_inputs(const FunctionGraph& graph) {
  std::size_t n = 0;
  for (const Apply* node : graph.order()) n = std::max(n, node->inputs().size());
  return n;
}

struct Work {
  double made;    ///< nodes that were made on the way
  double visits;  ///< nodes that were looked at
  double nodes;   ///< of the result
  double widest;  ///< inputs of the node that has most
};

/// What it takes to rewrite `outputs` in mode fast.
Work work(const Vars& outputs) {
  FunctionGraph graph;
  graph.outputs = outputs;
  for (const Var& leaf : leaves(outputs)) {
    if (is_input(leaf)) graph.inputs.push_back(leaf);
  }
  Trace trace;
  const std::uint64_t before = scalar().owner().id();
  const FunctionGraph result = optimize(graph, Mode::fast(), &trace);
  const std::uint64_t after = scalar().owner().id();
  return {static_cast<double>(after - before), static_cast<double>(trace.visits()),
          static_cast<double>(count(result)), static_cast<double>(most_inputs(result))};
}

void check_linear(const std::function<Vars(int)>& make, int small, int large) {
  const Work few = work(make(small));
  const Work many = work(make(large));
  const double most = 1.5 * large / small;
  INFO("made ", few.made, " and ", many.made, ", looked at ", few.visits, " and ", many.visits,
       ", left ", few.nodes, " and ", many.nodes);
  CHECK(many.made < most * (few.made + small));
  CHECK(many.visits < most * few.visits);
  CHECK(many.nodes < most * few.nodes);
}

/// The value itself; counts how often it is asked what is known of it.
class Asked final : public OpOf<Asked> {
 public:
  std::string name() const override { return "asked"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override { return {in[0]}; }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    return {shapes[0]};
  }
  void facts(const Apply&, std::span<const Fact>, std::span<Fact>) const override { ++times; }
  friend bool operator==(const Asked&, const Asked&) { return true; }
  static inline std::size_t times = 0;
};

}  // namespace

TEST_CASE("growth: joins of joins, as many as one likes") {
  const auto joined = [](int n) {
    const Var x = vector("x");
    Var y = x;
    for (int i = 0; i < n; ++i) y = concatenate({y, x}, 0);
    return y;
  };
  check_linear([&](int n) { return Vars{joined(n)}; }, 104, 1040);
  check_linear([&](int n) { return Vars{joined(n)[range(0, 3)]}; }, 104, 1040);
  check_linear(
      [&](int n) {
        const Var y = joined(n);
        return Vars{grad(sum(sqr(y)), leaves(Vars{y})[0])};
      },
      104, 416);
  check_linear([&](int n) { return Vars{log(sigmoid(joined(n)))}; }, 104, 416);
}

TEST_CASE("growth: the gradient of a join of many pieces") {
  const auto slopes = [](int n) {
    const Var x = vector("x");
    Vars pieces;
    for (int i = 0; i < n; ++i) pieces.push_back(tanh(x[range(i, i + 1)]));
    return Vars{grad(sum(sqr(concatenate(pieces, 0))), x)};
  };
  CHECK(toposort(slopes(200)).size() < 5 * toposort(slopes(50)).size());
  check_linear(slopes, 50, 200);
}

TEST_CASE("growth: a recurrent network written out step by step, with gradient") {
  const auto network = [](int n) {
    const Var x = tensor3("x"), U = matrix("U"), W = matrix("W");
    Var h = dot(x[0], U);
    for (int t = 1; t < n; ++t) h = tanh(dot(x[t], U) + dot(h, W));
    return grad(sum(h), Vars{U, W});
  };
  check_linear(network, 100, 400);
  // What is made anew at each step is of a size that does not grow with the steps.
  CHECK(work(network(400)).widest < 60);
}

TEST_CASE("growth: gates written out step by step make few nodes in vain") {
  const auto network = [](int n) {
    const Var x = tensor3("x"), U = matrix("U"), W = matrix("W");
    Var h = dot(x[0], U);
    for (int t = 1; t < n; ++t) {
      const Var z = dot(x[t], U) + dot(h, W), gate = sigmoid(z);
      h = gate * h + (1 - gate) * tanh(z + 1);
    }
    return grad(sum(sqr(h)), Vars{U, W});
  };
  check_linear(network, 50, 200);
  const Vars slopes = network(100);
  CHECK(work(slopes).made < 4 * static_cast<double>(toposort(slopes).size()));
}

TEST_CASE("growth: a hundred choices, each inside the one before, with gradient") {
  const auto choices = [](int n) {
    const Var x = scalar("x");
    Var y = x;
    for (int i = 0; i < n; ++i) y = ifelse(x > i * 0.01, sin(y) * x, y + i);
    return Vars{y, grad(y, x)};
  };
  check_linear(choices, 100, 300);
  const Vars asked = choices(100);
  CHECK(work(asked).nodes <= static_cast<double>(toposort(asked).size()));
}

TEST_CASE("growth: logarithms of softmax by hand, three thousand of them") {
  check_linear(
      [](int n) {
        Var y = vector("x");
        const Var x = y;
        for (int i = 0; i < n; ++i) {
          const Var e = exp(y);
          y = log(e / sum(e)) + x;
        }
        return Vars{y};
      },
      300, 3000);
}

TEST_CASE("growth: a chain of y + y * y is not expanded") {
  const auto chain = [](int n) {
    const Var x = vector("x");
    Var y = x;
    for (int i = 0; i < n; ++i) y = y + y * y;
    return Vars{y, grad(sum(y), x)};
  };
  check_linear(chain, 100, 1000);
  CHECK(work(chain(100)).made < 100 * 150);
}

TEST_CASE("growth: layer norm by hand has no more nodes than what was written") {
  const auto network = [](int n) {
    const Var x = matrix("x");
    Var h = x;
    Vars parameters;
    for (int i = 0; i < n; ++i) {
      const Var mean_of_row = mean(h, 1, {.keepdims = true});
      const Var spread = mean(sqr(h - mean_of_row), 1, {.keepdims = true});
      parameters.push_back(vector("gain"));
      parameters.push_back(vector("bias"));
      h = (h - mean_of_row) / sqrt(spread + 1e-5) * parameters[parameters.size() - 2] +
          parameters.back();
    }
    Vars outputs = grad(sum(sqr(h)), parameters);
    outputs.push_back(sum(h));
    return outputs;
  };
  check_linear(network, 10, 30);
  const Vars asked = network(10);
  CHECK(work(asked).nodes <= static_cast<double>(toposort(asked).size()));
  CHECK(work(asked).made < 20 * static_cast<double>(toposort(asked).size()));
}

TEST_CASE("growth: loops six deep") {
  const std::function<Var(int, const Var&, const Var&)> nest = [&](int depth, const Var& x,
                                                                   const Var& h0) -> Var {
    if (depth == 0) return tanh(h0 * 0.5 + x);
    return scan([&](const Var& h) { return nest(depth - 1, x, h); },
                {.outputs_info = {h0}, .n_steps = 2})
        .outputs[0][-1];
  };
  check_linear(
      [&](int depth) {
        const Var x = vector("x");
        const Var y = sum(nest(depth, x, x));
        return Vars{y, grad(y, x)};
      },
      2, 6);
}

TEST_CASE("growth: what is known of loops in loops is found in one go") {
  const std::function<Var(int, const Var&)> nest = [&](int depth, const Var& h0) -> Var {
    if (depth == 0) return make_var(std::make_shared<Asked>(), {h0});
    return scan([&](const Var& h) { return nest(depth - 1, h); },
                {.outputs_info = {h0}, .n_steps = 2})
        .outputs[0][-1];
  };
  const auto asked = [&](int depth) {
    Asked::times = 0;
    static_cast<void>(work({nest(depth, vector("x"))}));
    return static_cast<double>(Asked::times);
  };
  // Each level's pass asks for what is below it.
  CHECK(asked(6) < 12 * asked(2));
}
