#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

RuleCases specialize_cases() {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  const Var m = matrix("m", float64);
  const Var n = matrix("n", float64);
  const Var d = dot(m, n);
  return {
      {"pow_two", pow(x, 2), pow(x, 2.5)},
      {"pow_one", pow(x, 1), pow(x, 1.5)},
      {"pow_zero", pow(x, 0), pow(x, 0.5)},
      {"pow_three", pow(x, 3), pow(x, 3.5)},
      {"pow_four", pow(x, 4), pow(x, 5)},
      {"pow_minus_one", pow(x, -1), pow(x, -0.5)},
      {"pow_minus_two", pow(x, -2), pow(x, -3)},
      {"divide_by_power_of_two", x / 4, x / 3},
      {"square", x * x, x * y},
      {"dot_neg_left", dot(-m, n), dot(m, n)},
      {"dot_neg_right", dot(m, -n), dot(m, n)},
      {"dot_neg_transposed_left", dot((-m).T(), n), dot(m.T(), n)},
      {"dot_neg_transposed_right", dot(m, (-n).T()), dot(m, n.T())},
      {"dot_transposed", dot(m, n).T(), d.T() + d},
      {"neg_dot_transposed", (-dot(m, n)).T(), (-d).T() + exp(d)},
  };
}

const RuleTheme specializes(specialize_cases);

}  // namespace

TEST_CASE("rules: of cheaper ways apply where they should and nowhere else") {
  check_cases(specialize_cases());
}
