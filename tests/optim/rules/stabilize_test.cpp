#include <doctest/doctest.h>

#include <cmath>

#include <damo/core.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/shape/shape.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

const std::vector<DType> float_dtypes{DType::float32, DType::float64};

void each_input(const std::function<void(const Var&)>& check) {
  for (const DType dtype : float_dtypes) {
    check(vector("x", dtype));
    check(matrix("x", dtype));
    check(scalar("x", dtype));
  }
}

RuleCases logarithm_cases() {
  const Var x = vector("x", float64);
  const Var a = vector("a", float64);
  const Var b = vector("b", float64);
  return {
      {"log_sigmoid", log(sigmoid(x)), log(sigmoid(x) + 1e-7)},
      {"log_one_minus_sigmoid", log(1 - sigmoid(x)), log(1 - sigmoid(x) + 1e-7)},
      {"log1p_minus_sigmoid", log1p(-sigmoid(x)), log1p(-2 * sigmoid(x))},
      {"log_one_plus_exp", log(1 + exp(x)), log(1 + 2 * tanh(x))},
      {"log1p_exp", log1p(exp(x)), log1p(-exp(x))},
      {"log_one_minus_exp", log(1 - exp(x)), log(1.5 - exp(x))},
      {"log1p_minus_exp", log1p(-exp(x)), log1p(exp(x))},
      {"log_minus_expm1", log(-expm1(x)), log(expm1(x))},
      {"log_exp", log(exp(x)), log(exp(x) + tanh(a))},
      {"log_exp_minus_exp", log(exp(a) - exp(b)), log(exp(a) - tanh(b))},
      {"log_exp_plus_exp", log(exp(a) + exp(b)), log(exp(a) + tanh(b))},
      {"softplus_difference", softplus(x) - softplus(-x), softplus(x) - softplus(-a)},
      {"softplus_log", softplus(log(x)), softplus(log1p(x))},
      {"log1mexp_log", log1mexp(log(x)), log1mexp(log1p(x))},
      {"log1mexp_log1mexp", log1mexp(log1mexp(x)), log1mexp(-log1mexp(x))},
      {"log_of_cosh", log(cosh(x)), log(cosh(x) - 3)},
      {"log_of_sinh", log(sinh(x)), log(sinh(x) - 3)},
      {"log_of_tanh", log(tanh(x)), log(tanh(x) - 3)},
      {"log_of_sech_squared", log(sech_squared(x)), log(sech_squared(x) + 3)},
      {"log_of_expm1", log(expm1(x)), log(expm1(x) - 3)},
      {"log_of_expm1_over", log(expm1(x) / x), log(expm1(x) / a)},
      {"log_of_minus_expm1_over", log((1 - exp(-x)) / x), log((1 - exp(-x)) / a)},
      {"log_of_over_expm1", log(x / expm1(x)), log(a / expm1(x))},
      {"log_exp2", log(exp2(x)), log(exp2(x) + tanh(a))},
      {"log2_exp2", log2(exp2(x)), log2(exp2(x) + tanh(a))},
      {"log_of_abs_expm1", log(abs(expm1(x))), log(abs(expm1(x) - 3))},
      {"log_half_erfc", log(erfc(x) / 2), log(erfc(x) / 3)},
      {"log_of_erfc", log(erfc(x)), log(erfc(x) - 3)},
      {"log1p_expm1", log1p(expm1(x)), log1p(-expm1(x))},
      {"sqrt_sqr", sqrt(sqr(x)), sqrt(sqr(x) + 1)},
      {"log_one_plus", log(1 + x), log(1 + x - 1e-7)},
  };
}

RuleCases exponential_cases() {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  return {
      {"expm1_softplus", expm1(softplus(x)), expm1(-softplus(x))},
      {"exp_softplus", exp(softplus(x)), exp(softplus(x) - y)},
      {"exp_log_sigmoid", exp(-softplus(x)), exp(-relu(x))},
      {"exp_minus_one", exp(x) - 1, exp(x) - exp(y) - 1},
      {"one_minus_exp", 1 - exp(x), 2 - exp(x)},
      {"sigmoid_logit", sigmoid(log(x / (1 - x))), sigmoid(log(x / (2 - x)))},
      {"sigmoid_logit1p", sigmoid(log(x) - log1p(-x)), sigmoid(log(x) - log1p(-y))},
      {"exp_over_one_plus_exp", exp(x) / (1 + exp(x)), exp(x) / (2 + exp(x))},
      {"one_over_one_plus_exp", 1 / (1 + exp(-x)), 3 / (1 + exp(-x))},
      {"exp_times_sigmoid", exp(x) * sigmoid(-x), exp(x) * sigmoid(x)},
      {"sigmoid_over_exp", sigmoid(x) / exp(x), sigmoid(x) / exp(y)},
      {"exp_over_sum_of_exp", exp(x) / (exp(x) + exp(y)), exp(x) / (exp(x) + tanh(y))},
      {"exp_over_difference", exp(x) / (exp(x) - exp(y)), exp(x) / (exp(x) - tanh(y))},
      {"exp_over_difference_minus", exp(y) / (exp(x) - exp(y)), exp(y) / (tanh(x) - exp(y))},
      {"sigmoid_times_one_plus_exp", sigmoid(x) * (1 + exp(-x)), sigmoid(x) * (1 + exp(x))},
      {"exp_over_exp", exp(x) / exp(y), exp(x) * exp(y)},
      {"exp_minus_softplus", exp(x - softplus(x)), exp(x - softplus(y))},
      {"one_minus_erf", 1 - erf(x), 2 - erf(x)},
      {"one_plus_erf", 1 + erf(x), 2 + erf(x)},
      {"erf_minus_one", erf(x) - 1, erf(x) - 2},
      {"one_minus_erfc", 1 - erfc(x), 3 - erfc(x)},
      {"two_minus_erfc", 2 - erfc(x), 2 + erfc(x)},
      {"one_minus_half_erfc", 1 - erfc(x) / 2, 1 - erfc(x) / 3},
      {"exp_times_exp_minus", exp(x) * exp(-x), exp(x) * exp(x)},
  };
}

RuleCases sigmoid_cases() {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  const Var slope = 1 - sqr(tanh(x / 2));
  return {
      {"minus_times_sigmoid", y - y * sigmoid(x), y - x * sigmoid(x)},
      {"times_sigmoid_minus", y * sigmoid(x) - y, y * sigmoid(x) - x},
      {"odds_of_sigmoid", sigmoid(x) / sigmoid(-x), sigmoid(x) / sigmoid(-y)},
      {"one_minus_sigmoid", 1 - sigmoid(x), 2 - sigmoid(x)},
      {"sigmoid_minus_one", sigmoid(x) - 1, sigmoid(x) - 2},
      {"one_minus_sigmoid_squared", 1 - sqr(sigmoid(x)), 2 - sqr(sigmoid(x))},
      {"one_minus_tanh", 1 - tanh(x), 2 - tanh(x)},
      {"one_plus_tanh", 1 + tanh(x), 2 + tanh(x)},
      {"tanh_minus_one", tanh(x) - 1, tanh(x) - 2},
      {"sigmoid_of_tanh", 0.5 * tanh(x / 2) + 0.5, 0.5 * tanh(x / 2) + 0.25},
      {"sigmoid_of_one_plus_tanh", 0.5 * (1 + tanh(x / 2)), 0.25 * (1 + tanh(x / 2))},
      {"log_of_tanh_slope", log(1 - sqr(tanh(x))), log(1 - sqr(tanh(x)) + 1e-7)},
      {"sech_squared_over_sigmoid", sech_squared(x / 2) / sigmoid(x), sech_squared(x) / sigmoid(x)},
      {"sech_squared_over_sigmoid_minus", sech_squared(x / 2) / sigmoid(-x),
       sech_squared(x) / sigmoid(-x)},
      {"softplus_minus", softplus(x) - x, softplus(x) - y},
      {"minus_logaddexp", x - logaddexp(x, y), x - logaddexp(y, y)},
      {"minus_softplus", x - softplus(x), y - softplus(x)},
      {"common_constant", 3 - 3 * sigmoid(x), 3 - 2 * sigmoid(x)},
      {"tanh_slope", 1 - sqr(tanh(x)), 1 - sqr(tanh(tanh(x)))},
      {"tanh_slope_minus", sqr(tanh(x)) - 1, sqr(tanh(x)) - 2},
      {"tanh_slope_over_sigmoid", slope / sigmoid(x), slope / sigmoid(y)},
      {"tanh_slope_over_sigmoid_minus", slope / sigmoid(-x), slope / sigmoid(-y)},
      {"sigmoid_minus_of_tanh", 0.5 - 0.5 * tanh(x / 2), 0.25 - 0.5 * tanh(x / 2)},
      {"sigmoid_of_one_minus_tanh", 0.5 * (1 - tanh(x / 2)), 0.25 * (1 - tanh(x / 2))},
  };
}

RuleCases hyperbolic_cases() {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  return {
      {"exp_times_exp", exp(2 * x) * exp(1 - x), exp(x) * exp(y)},
      {"exp_over_expm1", exp(x) / expm1(x), exp(x) / expm1(y)},
      {"sinh_over_cosh", sinh(x) / cosh(x), sinh(x) / cosh(y)},
      {"cosh_over_sinh", cosh(x) / sinh(x), cosh(x) / sinh(y)},
      {"expm1_times_sigmoid", expm1(x) * sigmoid(-x), expm1(x) * sigmoid(x)},
      {"one_plus_exp_over_expm1", (1 + exp(x)) / expm1(x), (1 + exp(x)) / expm1(y)},
      {"sinh_over_one_plus_cosh", sinh(x) / (1 + cosh(x)), sinh(x) / (2 + cosh(x))},
  };
}

const RuleTheme logarithms(logarithm_cases);
const RuleTheme exponentials(exponential_cases);
const RuleTheme sigmoids(sigmoid_cases);
const RuleTheme hyperbolic(hyperbolic_cases);

}  // namespace

TEST_CASE(
    "rules: of exponentials, logarithms and sigmoids apply where they should and nowhere else") {
  check_cases(logarithm_cases());
  check_cases(exponential_cases());
  check_cases(sigmoid_cases());
  check_cases(hyperbolic_cases());
}

TEST_CASE("log of a sigmoid in every spelling becomes a softplus") {
  each_input([](const Var& x) {
    check_rewrite(log(sigmoid(x)), -softplus(-x));
    check_rewrite(log(1 - sigmoid(x)), -softplus(x));
    check_rewrite(log(-sigmoid(x) + 1), -softplus(x));
    check_rewrite(log(-(sigmoid(x) - 1)), -softplus(x));
    check_rewrite(log1p(-sigmoid(x)), -softplus(x));
    check_rewrite(log1p(-1 * sigmoid(x)), -softplus(x));
    check_rewrite(log(1 / (1 + exp(-x))), -softplus(-x));
    check_rewrite(log(exp(x) / (1 + exp(x))), -softplus(-x));
    check_rewrite(log(1 - 1 / (1 + exp(-x))), -softplus(x));
    check_rewrite(log(sigmoid(x) + 0), -softplus(-x));
    check_rewrite(log(abs(sigmoid(x))), -softplus(-x));
    check_rewrite(log(0.5 * tanh(x / 2) + 0.5), -softplus(-x));
    check_rewrite(log(0.5 * (1 + tanh(0.5 * x))), -softplus(-x));
  });
}

TEST_CASE("log of one plus an exponential is softplus in every order") {
  each_input([](const Var& x) {
    check_rewrite(log(1 + exp(x)), softplus(x));
    check_rewrite(log(exp(x) + 1), softplus(x));
    check_rewrite(log1p(exp(x)), softplus(x));
    check_rewrite(log(1 + exp(-x)), softplus(-x));
    check_rewrite(log(1 + exp(2 * x + 3)), softplus(2 * x + 3));
  });
}

TEST_CASE("log of one minus an exponential is log1mexp in every spelling") {
  each_input([](const Var& x) {
    check_rewrite(log(1 - exp(x)), log1mexp(x));
    check_rewrite(log1p(-exp(x)), log1mexp(x));
    check_rewrite(log(-expm1(x)), log1mexp(x));
    check_rewrite(log(-(exp(x) - 1)), log1mexp(x));
    check_rewrite(log(1 - exp(-x)), log1mexp(-x));
  });
}

TEST_CASE("quotients of exponentials become sigmoids") {
  each_input([](const Var& x) {
    const Var y = x * 3;
    check_rewrite(exp(x) / (1 + exp(x)), sigmoid(x));
    check_rewrite(1 / (1 + exp(-x)), sigmoid(x));
    check_rewrite(-1 / (1 + exp(-x)), -sigmoid(x));
    check_rewrite(reciprocal(1 + exp(x)), sigmoid(-x));
    check_rewrite(y / (1 + exp(x)) * exp(x), y * sigmoid(x));
    check_rewrite((-exp(x)) / ((1 + exp(x)) * (1 + exp(-x))), -(sigmoid(x) * sigmoid(x)));
    check_rewrite(exp(x) * sigmoid(-x), sigmoid(x));
    check_rewrite(exp(-x) * sigmoid(x), sigmoid(-x));
    check_rewrite(-(y * exp(-x)) * sigmoid(x), -(y * sigmoid(-x)));
    check_rewrite(1 - sigmoid(x), sigmoid(-x));
    check_rewrite(sigmoid(x) / (1 - sigmoid(x)), exp(x));
    check_rewrite((1 - sigmoid(x)) / sigmoid(x), exp(-x));
    check_rewrite(log(sigmoid(x) / (1 - sigmoid(x))), x);
    check_rewrite(sigmoid(log(x / (1 - x))), where(and_(x >= 0, x <= 1), x, NAN));
  });
}

TEST_CASE("exponentials and logarithms of each other cancel") {
  each_input([](const Var& x) {
    check_rewrite(exp(softplus(x)), 1 + exp(x));
    check_rewrite(expm1(softplus(x)), exp(x));
    check_rewrite(softplus(log(x)), where(x >= 0, log1p(x), NAN));
    check_rewrite(log1mexp(log(x)), where(x >= 0, log1p(-x), NAN));
    check_rewrite(log1mexp(log1mexp(x)), where(x <= 0, x, NAN));
    check_rewrite(log(1 + x), log1p(x));
    check_rewrite(exp(x) - 1, expm1(x));
    check_rewrite(log(exp(x)), x);
  });
}

TEST_CASE("log of a sum or difference of exponentials stays finite") {
  each_input([](const Var& a) {
    const Var b = 2 * a;
    check_rewrite(log(exp(a) + exp(b)), logaddexp(a, b));
    check_rewrite(log(exp(a) - exp(b)), where(eq(b, -INFINITY), a, a + log1mexp(b - a)));
  });
}

TEST_CASE("near misses are left alone") {
  each_input([](const Var& x) {
    check_lacks(exp(x) / (2 + exp(x)), "sigmoid");
    check_lacks(exp(x) / (1 - exp(x)), "sigmoid");
    check_lacks(exp(x + 1) / (1 + exp(x)), "sigmoid");
    check_lacks(1.1 / (1 + exp(-x)), "sigmoid");
    check_lacks(log(1 + 2 * exp(x)), "softplus");
    check_lacks(log(exp(x) - 1), "softplus");
    const double off = x.dtype() == DType::float32 ? 1 - 9e-6 : 1 - 1e-9;
    check_lacks(log(off + exp(x)), "softplus");
    check_lacks(exp(x) / (off + exp(x)), "sigmoid");
    const double close = x.dtype() == DType::float32 ? 1 + 1e-7 : 1 + 2e-16;
    check_lacks(log(close + exp(x)), "softplus");
    check_lacks(log(1 - x + (close - 1)), "log1p");
    const Var same_signs = rewritten(-exp(x) / ((1 + exp(x)) * (1 + exp(x))));
    CHECK_FALSE(same_graph(same_signs, rewritten(-sqr(sigmoid(x)))));
  });
}

TEST_CASE("rules see through conversions and changes of layout") {
  const Var x = matrix("x", float32);
  check_rewrite(log(cast(sigmoid(x), float64)), -softplus(-cast(x, float64)));
  check_rewrite(log(sigmoid(x).T()), -softplus(-x.T()));
  check_rewrite(log(flatten(sigmoid(x))), -softplus(-flatten(x)));
  check_rewrite(log(1 - reshape(sigmoid(x), {-1, 2})), -softplus(reshape(x, {-1, 2})));
  const Var v = vector("v", float32);
  const Var row_of_v = dimshuffle(v, {newaxis, 0});
  check_rewrite(log(dimshuffle(sigmoid(v), {newaxis, 0})), -softplus(-row_of_v));
  const Var y = matrix("y", float32);
  check_rewrite(y / (1 + exp(v)) * exp(v), y * sigmoid(v));
}

TEST_CASE("the constant may have any shape") {
  const Var x = matrix("x", float64);
  const Var ones = constant(Array::from(std::vector<double>(6, 1.0), Shape{2, 3}));
  const Var result = rewritten(log(ones + exp(x)));
  CHECK(applies(result, "softplus"));
  const Array value =
      evaluate(result, {{{x, Array::from(std::vector<double>(6, 800.0), Shape{2, 3})}}});
  CHECK(values_of(value)[5] == 800.0);
}

TEST_CASE("a constant is folded after stabilizing") {
  const Var c = constant(Array::scalar(800.0));
  const Var result = rewritten(log(1 + exp(c)));
  CHECK(*scalar_constant(result) == 800.0);
  CHECK(*scalar_constant(rewritten(log(sigmoid(-c)))) == -800.0);
}
