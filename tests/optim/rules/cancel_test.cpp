#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

RuleCases cancel_cases() {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  const Var m = matrix("m", float64);
  const Var c = col("c", float64);
  const Var e = exp(x);
  return {
      {"cancel_factors", y * sqr(e) / e, y * sqr(x) / x},
      {"product_into_where", where(x > 0, 0.0, y / sigmoid(x)) * (sigmoid(x) * sigmoid(-x)),
       where(x > 0, 0.0, y) * tanh(x)},
      {"product_into_sum", (y / sigmoid(x) + tanh(y)) * (sigmoid(x) * sigmoid(-x)),
       (y + tanh(y)) * tanh(x)},
      {"join_powers", y * e / sqrt(e), y * x / sqrt(x)},
      {"product_of_roots", sqrt(e) * sqrt(e), sqrt(x) * sqrt(x)},
      {"divisor_out_of_sum", sum(m / sigmoid(c), 1), sum(m / exp(c), 1)},
  };
}

const RuleTheme cancels(cancel_cases);

}  // namespace

TEST_CASE("rules: of factors that cancel apply where they should and nowhere else") {
  check_cases(cancel_cases());
}
