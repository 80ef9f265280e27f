#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <tuple>

#include <damo/core.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/walk.hpp>
#include "tests/support/rewrite.hpp"

// Logarithms of what loops hand out: their values, and what the loops then compute.
using namespace damo;
using namespace damo::test;

namespace {

bool close(double actual, double truth, DType dtype) {
  return std::abs(actual - truth) <= (dtype == DType::float32 ? 2e-6 : 4e-15) * std::abs(truth);
}

/// How many nodes the bodies of loops have, and how many of them are of an op.
struct Bodies {
  std::size_t nodes = 0;
  std::size_t logarithms = 0;
};
Bodies bodies_of(const Vars& outputs) {
  Bodies count;
  for (const Apply* loop : toposort(outputs)) {
    if (loop->op().body() == nullptr) continue;
    for (const Apply* node : loop->op().body()->order()) {
      const std::string name = node->op().name();
      count.nodes += node->inputs().empty() ? 0 : 1;
      count.logarithms += name == "log" || name == "log1p" || name == "softplus" ? 1 : 0;
    }
  }
  return count;
}

/// A loop of sigmoids and the same that hands out what goes into them.
struct TwoLoops {
  Var probabilities;
  Var arguments;
};
TwoLoops of_rows(const Var& x, const Var& w) {
  const auto argument = [&](const Var& v) { return dot(v, w); };
  return {map([&](Var v) { return sigmoid(argument(v)); }, {x}).outputs[0],
          map([&](Var v) { return argument(v); }, {x}).outputs[0]};
}
TwoLoops recurrent(const Var& x, const Var& w) {
  const auto argument = [&](const Var& v, const Var& h) { return v + dot(h, w); };
  return {scan([&](Var v, Var h) { return sigmoid(argument(v, h)); },
               {.sequences = {x}, .outputs_info = {x[0]}})
              .outputs[0],
          scan(
              [&](Var v, Var h) {
                const Var a = argument(v, h);
                return Vars{sigmoid(a), a};
              },
              {.sequences = {x}, .outputs_info = {x[0], none}})
              .outputs[1]};
}

}  // namespace

TEST_CASE("stable: logarithms of a loop's last value that started from zeros") {
  for (const DType dtype : {DType::float32, DType::float64}) {
    const Var x = vector("x", dtype);
    const Var zero = constant(array_of({0}, dtype))[0];
    const Var r = scan([](Var v, Var h) { return sigmoid(v + h); },
                       {.sequences = {x}, .outputs_info = {zero}})
                      .outputs[0][-1];
    const std::vector<std::tuple<Var, double, double>> cases{
        {log(0.5 * r), -1000.6931471805599, 1},
        {log(r * r), -2000, 2},
        {log(sqrt(r)), -500, 0.5},
        {xlogy0(0.25, r), -250, 0.25},
        {log(1 + r), 0, 0},
        {sum(log(stack({r, r}, 0))), -2000, 2},
        {log(1 / r), 1000, -1},
        {log2(r), -1442.6950408889634, 1.4426950408889634},
        {log(pow(r, 3)), -3000, 3}};
    for (const auto& [y, value, slope] : cases) {
      for (const Mode& mode : {Mode::fast(), Mode::fast_compile()}) {
        const Vars out = rewritten({y, grad(y, x)}, mode);
        const auto values =
            evaluate(out, std::vector<std::pair<Var, Array>>{{x, array_of({-900, -1000}, dtype)}});
        INFO(pprint(y), " in ", mode.text());
        CHECK(close(values_of(values[0])[0], value, dtype));
        CHECK(close(values_of(values[1])[1], slope, dtype));
      }
    }
  }
}

TEST_CASE("stable: a loop whose logarithms are read computes no more than one written for it") {
  using F = std::function<Var(const Var&)>;
  const std::vector<std::pair<F, F>> costs{
      {[](const Var& p) { return sum(log(p)); }, [](const Var& a) { return -sum(softplus(-a)); }},
      {[](const Var& p) { return sum(log(p[-1])); },
       [](const Var& a) { return -sum(softplus(-a[-1])); }},
      {[](const Var& p) { return sum(log(1 - p)); },
       [](const Var& a) { return -sum(softplus(a)); }},
      {[](const Var& p) { return sum(log(1 - p[-1])); },
       [](const Var& a) { return -sum(softplus(a[-1])); }},
      {[](const Var& p) { return -sum(0.25 * log(p) + 0.75 * log(1 - p)); },
       [](const Var& a) { return sum(0.25 * softplus(-a) + 0.75 * softplus(a)); }}};
  const Var x = matrix("x", float64);
  const Var w = matrix("w", float64);
  for (const TwoLoops& loops : {of_rows(x, w), recurrent(x, w)}) {
    for (const auto& [of_probabilities, of_arguments] : costs) {
      for (const Mode& mode : {Mode::fast(), Mode::fast_compile()}) {
        for (const bool differentiate : {false, true}) {
          const auto bodies = [&](const Var& cost) {
            Vars out{cost};
            if (differentiate) out.push_back(grad(cost, w));
            return bodies_of(rewritten(out, mode));
          };
          const Bodies plain = bodies(of_probabilities(loops.probabilities));
          INFO(pprint(of_probabilities(loops.probabilities)), " in ", mode.text(),
               std::string(differentiate ? " with gradient" : ""));
          const std::size_t by_hand = bodies(of_arguments(loops.arguments)).nodes;
          // The second mode leaves what nobody reads: the sigmoid.
          CHECK(plain.nodes <= by_hand + (mode == Mode::fast() ? 0 : 1));
          CHECK(plain.logarithms == 0);
        }
      }
    }
  }
}
