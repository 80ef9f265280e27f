#include <cmath>

#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

RuleCases log_of_sum_cases() {
  const Var x = matrix("x", float64);
  const Var y = matrix("y", float64);
  const Var z = matrix("z", float64);
  return {
      {"log_of_reduction", log(sum(exp(x), 1)), log(sum(tanh(x), 1))},
      {"log_of_sum", log(exp(x) + exp(y) + exp(z)), log(exp(x) + exp(y) + tanh(z))},
      {"log_of_growing_and_constant", log(exp(x) - 1 + 1e-7), log(exp(x) - 1 + y)},
      {"log_of_distance", log(abs(exp(x) - exp(y))), log(abs(exp(x) - y))},
      {"log_of_dot", log(dot(exp(x), sigmoid(y))), log(dot(exp(x), y))},
      {"log1p_of_sum", log1p(sum(exp(x), 1)), log1p(sum(x, 1))},
      {"log_of_running", log(cumsum(exp(x), 1)), log(cumsum(tanh(x), 1))},
  };
}

const RuleTheme log_of_sums(log_of_sum_cases);

}  // namespace

TEST_CASE("rules: of logarithms of sums apply where they should and nowhere else") {
  check_cases(log_of_sum_cases());
}

TEST_CASE("logarithms of sums: a product that has been shifted is not shifted again") {
  const Var v = vector("v", float64), w = matrix("w", float64);
  const Var row = dimshuffle(exp(v), {newaxis, 0});
  const Var column = dimshuffle(softmax(w, 1)[0], {0, newaxis});
  for (const Var& product : {dot(column, row), dot(ones({w.shape(0), 1}, float64), row),
                             dot(exp(w), cast(cast(exp(w.T()), float64), float64))}) {
    Function f = function({v, w}, {log(product)}, {.on_unused_input = Unused::ignore});
    const Array V = Array::from(std::vector<double>{-1000, 0, 1000}, Shape{3});
    const Array W = Array::from(std::vector<double>{700, 0, -700, 3}, Shape{2, 2});
    for (const double x : f(V, W)[0].values<double>()) CHECK(std::isfinite(x));
  }
}

TEST_CASE("logarithms of sums: of nothing, they come to an end") {
  const Var m = input({float64, {3, 0}}, "m", Site::here());
  const Var q = input({float64, {0, 3}}, "q", Site::here());
  const Var x = log(sigmoid(q));
  for (const Var& y : {log1p(dot(sigmoid(m), sigmoid(x))), log1p(dot(cast(m > 0, float64), exp(x))),
                       log(1 + dot(exp(m), exp(x))), log1p(sum(exp(m), 1) + sum(exp(q), 0))}) {
    Function f = function({m, q}, {y, grad(sum(y), q)}, {.on_unused_input = Unused::ignore});
    const Outputs out = f(Array(float64, {3, 0}), Array(float64, {0, 3}));
    for (const double value : out[0].values<double>()) CHECK(value == 0);
    CHECK(to_string(out[1].shape()) == "(0, 3)");
  }
}
