#include <doctest/doctest.h>

#include <cmath>

#include <damo/core.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/loop/scan_op.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

std::size_t count_scans(const Vars& outputs) {
  std::size_t n = 0;
  for (const Apply* node : toposort(outputs)) n += node->op().body() != nullptr ? 1 : 0;
  return n;
}

/// Binary cross-entropy written outside the loop, as a mean over all elements.
Var cross_entropy(const Var& p, const Var& t) { return mean(-(t * log(p) + (1 - t) * log(1 - p))); }

void check_cost_and_gradient(const Var& cost, const Var& x, const std::vector<double>& at,
                             double expected, const std::vector<double>& slope) {
  for (const Mode& mode : {Mode::fast(), Mode::fast_compile()}) {
    const Vars out = rewritten(Vars{cost, grad(cost, x)}, mode);
    INFO(mode.text(), "\n", debugprint(out));
    const auto values =
        evaluate(out, std::vector<std::pair<Var, Array>>{{x, array_of(at, x.dtype())}});
    CHECK(ulps(values[0].item<double>(), expected, x.dtype()) <= 4);
    const auto g = values_of(values[1]);
    REQUIRE(g.size() == slope.size());
    for (std::size_t i = 0; i < g.size(); ++i) {
      INFO("element ", i, ": ", g[i], ", truth ", slope[i]);
      CHECK(ulps(g[i], slope[i], x.dtype()) <= 4);
    }
  }
}

const double tail = 4.248354255291589e-18;  // e^-40, and so 1 - sigmoid(40)

RuleCases log_through_scan_cases() {
  const Var x = vector("x", float64);
  const auto trace = map([](Var v) { return sigmoid(v); }, {x}).outputs[0];
  const auto other = map([](Var v) { return tanh(v); }, {x}).outputs[0];
  const auto between = map([](Var v) { return sigmoid(v) * sigmoid(sqr(v)); }, {x}).outputs[0];
  return {
      {"into_loop", log(between), log(other)},
      {"out_of_loop", log(trace), log(between)},
  };
}

const RuleTheme log_through_scans(log_through_scan_cases);

}  // namespace

TEST_CASE("rules: of logarithms across a loop's border apply where they should and nowhere else") {
  check_cases(log_through_scan_cases());
}

TEST_CASE("cross-entropy outside a map loop is stable with its gradient") {
  const Var x = vector("x", float64);
  const Var t = constant(Array::from(std::vector<double>{1.0, 0.0}));
  const auto p = map([](Var v) { return sigmoid(v); }, {x}).outputs[0];
  check_cost_and_gradient(cross_entropy(p, t), x, {40, -40}, tail, {-tail / 2, tail / 2});
  check_cost_and_gradient(cross_entropy(p, t), x, {-1000, 1000}, 1000, {-0.5, 0.5});
}

TEST_CASE("cross-entropy of a recurrent loop's further output is stable with its gradient") {
  const Var x = vector("x", float64);
  const auto outs = scan(
                        [](Var v, Var h) {
                          const Var next = h + v;
                          return Vars{next, sigmoid(next)};
                        },
                        {.sequences = {x}, .outputs_info = {constant(Array::scalar(0.0)), none}})
                        .outputs;
  // The sums are 1000 and -1000.
  const Var t = constant(Array::from(std::vector<double>{0.0, 1.0}));
  check_cost_and_gradient(cross_entropy(outs[1], t), x, {1000, -2000}, 1000, {0, -0.5});
}

TEST_CASE("the last step alone is stable and nothing else is kept") {
  const Var x = vector("x", float64);
  const auto p = map([](Var v) { return sigmoid(v); }, {x}).outputs[0];
  const Var cost = log(p[-1]);
  check_cost_and_gradient(cost, x, {3, -1000}, -1000, {0, 1});
  const Var alone = rewritten(cost);
  for (const Apply* node : toposort(std::span(&alone, 1))) {
    const auto* scan = dynamic_cast<const Scan*>(&node->op());
    if (scan == nullptr) continue;
    REQUIRE(scan->spec().outputs.size() == 1);
    CHECK(scan->spec().outputs[0].keep == Scan::Keep::last_strict);
  }
}

TEST_CASE("a recurrent sigmoid is stable outside its loop") {
  const Var x = vector("x", float64);
  const auto h = scan([](Var v, Var h) { return sigmoid(v + h); },
                      {.sequences = {x}, .outputs_info = {constant(Array::scalar(0.0))}})
                     .outputs[0];
  const Var result = rewritten(log(h));
  const auto values = values_of(
      evaluate(result, std::vector<std::pair<Var, Array>>{{x, array_of({-1000, -900}, float64)}}));
  CHECK(values[0] == -1000);
  CHECK(values[1] == -900);
  CHECK(count_scans({result}) == 1);
}

TEST_CASE("log meets a sigmoid two loops deep") {
  const Var x = matrix("x", float64);
  const auto p =
      map([](Var row) { return map([](Var v) { return sigmoid(v); }, {row}).outputs[0]; }, {x})
          .outputs[0];
  const Var result = rewritten(log(p));
  INFO(debugprint(result));
  const Array at = Array::from(std::vector<double>{-1000, 3, 800, -745}, Shape{2, 2});
  const auto values = values_of(evaluate(result, std::vector<std::pair<Var, Array>>{{x, at}}));
  CHECK(values[0] == -1000);
  CHECK(values[3] == -745);
}

TEST_CASE("log meets a sigmoid in a loop that stops early") {
  const Var x = vector("x", float64);
  const auto p = scan([](Var v) { return until(sigmoid(v), v > 5); },
                      {.sequences = {x}, .outputs_info = {none}})
                     .outputs[0];
  const Var result = rewritten(log(p));
  const auto values = values_of(evaluate(
      result, std::vector<std::pair<Var, Array>>{{x, array_of({-1000, 3, 6, -1000}, float64)}}));
  REQUIRE(values.size() == 3);
  CHECK(values[0] == -1000);
}

TEST_CASE("several functions of one loop's values join one loop") {
  const Var x = vector("x", float64);
  const auto p = map([](Var v) { return sigmoid(v); }, {x}).outputs[0];
  const Vars out = rewritten(Vars{log(p), log(1 - p), log2(p), p});
  INFO(debugprint(out));
  CHECK(count_scans(out) == 1);
  const auto values =
      evaluate(out, std::vector<std::pair<Var, Array>>{{x, array_of({-1000, 1000}, float64)}});
  CHECK(values_of(values[0])[0] == -1000);
  CHECK(values_of(values[1])[1] == -1000);
  CHECK(values_of(values[3])[1] == 1);
}

TEST_CASE("barriers stack with loops") {
  const Var x = vector("x", float64);
  const auto p = map([](Var v) { return sigmoid(v); }, {x}).outputs[0];
  const auto at = std::vector<std::pair<Var, Array>>{{x, array_of({-1000, 1000}, float64)}};
  CHECK(values_of(evaluate(rewritten(log(0.5 * p)), at))[0] ==
        doctest::Approx(-1000.6931471805599));
  CHECK(values_of(evaluate(rewritten(log(sqr(p))), at))[0] == -2000);
  CHECK(values_of(evaluate(rewritten(xlogy0(1.0, p)), at))[0] == -1000);
  CHECK(values_of(evaluate(rewritten(log(p[range(0, 1)])), at))[0] == -1000);
}
