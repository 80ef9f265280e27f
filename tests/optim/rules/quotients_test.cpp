#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

RuleCases quotient_cases() {
  const Var x = matrix("x", float64);
  const Var y = matrix("y", float64);
  return {
      {"quotient_of_weighted_sums", sum(y * exp(x)) / sum(exp(x)), sum(y * x) / sum(exp(x))},
      {"quotient_of_sums", exp(x) / sum(exp(x), 1, {.keepdims = true}),
       exp(y) / sum(tanh(x), 1, {.keepdims = true})},
      {"sum_over_exp", exp(-x) * sum(exp(x)), exp(-y) * sum(exp(x))},
      {"quotient_of_exponentials", (exp(x) - 2) / (exp(x) + 3), (exp(x) - 2) / (exp(y) + 3)},
  };
}

const RuleTheme quotients(quotient_cases);

}  // namespace

TEST_CASE("rules: of quotients out of range apply where they should and nowhere else") {
  check_cases(quotient_cases());
}
