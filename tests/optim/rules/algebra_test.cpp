#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

Var number(double value) { return constant(Array::scalar(value)); }

RuleCases number_cases() {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  const Var n = lvector("n");
  const Var p = bvector("p");
  const Var q = bvector("q");
  const Var single = vector("single", float32);
  return {
      {"exact_arithmetic", number(2) + number(3), number(0.1) + number(0.2)},
      {"mul_zero", cast(n, float64) * 0, x * 0},
      {"gather_sum_constants", (x + 1) - 0.5, (x + 3) - 2},
      {"gather_product_constants", 2 * (3 * x), 3 * (5 * x)},
      {"cast_of_cast", cast(cast(single, float64), float32), cast(cast(x, float32), float64)},
      {"add_zero", x + 0, x + 1e-300},
      {"add_minus_zero", x + (-0.0), x + 0},
      {"sub_zero", x - 0, x - 1e-300},
      {"zero_minus", 0 - x, 1 - x},
      {"integer_difference", n - n, x - x},
      {"mul_one", x * 1, x * (1 + 1e-15)},
      {"div_one", x / 1, x / 3},
      {"mul_minus_one", x * -1, x * -3},
      {"div_minus_one", x / -1, x / -3},
      {"where_true", where(true, x, y), where(p, x, y)},
      {"where_false", where(false, x, y), where(p, x, y)},
      {"where_same", where(p, x, x), where(p, x, y)},
      {"where_not", where(not_(p), x, y), where(p, x, y)},
      {"maximum_same", maximum(x, x), maximum(x, y)},
      {"minimum_same", minimum(x, x), minimum(x, y)},
      {"and_same", and_(p, p), and_(p, q)},
      {"or_same", or_(p, p), or_(p, q)},
      {"not_not", not_(not_(p)), not_(p)},
  };
}

RuleCases sign_cases() {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  return {
      {"neg_neg", -(-x), -x},
      {"neg_difference", -(x - y), -(x + y)},
      {"add_neg", x + (-y), x - y},
      {"sub_neg", x - (-y), x - y},
      {"neg_minus", (-x) - y, x - y},
      {"mul_neg", x * (-y), x * y},
      {"neg_over", (-x) / y, x / y},
      {"over_neg", x / (-y), x / y},
      {"abs_nonnegative", abs(exp(x)), abs(x)},
      {"relu_nonnegative", relu(exp(x)), relu(x)},
      {"abs_neg", abs(-x), abs(x)},
      {"abs_abs", abs(abs(x)), abs(x)},
      {"sqr_neg", sqr(-x), sqr(x)},
      {"sqr_abs", sqr(abs(x)), sqr(x)},
  };
}

const RuleTheme numbers(number_cases);
const RuleTheme signs(sign_cases);

}  // namespace

TEST_CASE("rules: of numbers and signs apply where they should and nowhere else") {
  check_cases(number_cases());
  check_cases(sign_cases());
}

TEST_CASE("rules: zeros and ones vanish and signs move outwards") {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  check_rewrite(0 + x * 1, x);
  check_rewrite(-x - (-y), y - x);
  check_rewrite((-x) * (-y), x * y);
  check_rewrite((-x) / (y * -1), x / y);
  check_rewrite(where(not_(not_(x > 0)), x, y), where(x > 0, x, y));
}
