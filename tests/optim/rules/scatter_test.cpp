#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

RuleCases scatter_cases() {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  const Var p = sigmoid(x);
  const Var s = p * sigmoid(-x);
  return {
      {"cancel_in_scatter", inc_subtensor(zeros_like(x)[range(1)], y / p[range(1)]) * s,
       inc_subtensor(zeros_like(x)[range(1)], y / p[range(1)]) * sigmoid(y)},
  };
}

const RuleTheme scatters(scatter_cases);

}  // namespace

TEST_CASE(
    "rules: of factors that cancel across indexing apply where they should and nowhere else") {
  check_cases(scatter_cases());
}
