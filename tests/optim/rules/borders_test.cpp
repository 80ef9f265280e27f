#include <doctest/doctest.h>

#include <damo/core.hpp>
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

RuleCases softmax_cases() {
  const Var x = matrix("x", float64);
  const Var y = matrix("y", float64);
  const Var z = matrix("z", float64);
  return {
      {"log_of_reduction", log(sum(exp(x), 1)), log(sum(tanh(x), 1))},
      {"log_of_sum", log(exp(x) + exp(y) + exp(z)), log(exp(x) + exp(y) + tanh(z))},
      {"log_of_distance", log(abs(exp(x) - exp(y))), log(abs(exp(x) - y))},
      {"log_of_dot", log(dot(exp(x), sigmoid(y))), log(dot(exp(x), y))},
      {"log_of_scatter", log(inc_subtensor(zeros_like(x)[range(1)], exp(x)[range(1)])),
       log(inc_subtensor(y[range(1)], exp(x)[range(1)]))},
      {"log_of_extremum", log(maximum(exp(x), sigmoid(y))), log(maximum(exp(x), y))},
      {"log_of_softplus", log(softplus(x)), log(softplus(x) - 3)},
      {"log_of_moved", log(sum(exp(x), 1)[range(0, 2)]), log(sum(x, 1)[range(0, 2)])},
      {"log1p_of_sum", log1p(sum(exp(x), 1)), log1p(sum(x, 1))},
      {"exp_of_log_softmax", exp(log_softmax(x)), exp(log_softmax(x) - y)},
      {"quotient_of_weighted_sums", sum(y * exp(x)) / sum(exp(x)), sum(y * x) / sum(exp(x))},
      {"log_of_softmax", log(softmax(x)), log(softmax(x) + 1e-7)},
      {"quotient_of_sums", exp(x) / sum(exp(x), 1, {.keepdims = true}),
       exp(y) / sum(tanh(x), 1, {.keepdims = true})},
      {"minus_log_sum_exp", x - logsumexp(x, {1}, {.keepdims = true}),
       y - logsumexp(x, {1}, {.keepdims = true})},
  };
}

RuleCases cancel_cases() {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  const Var m = matrix("m", float64);
  const Var c = col("c", float64);
  const Var e = exp(x);
  const Var p = sigmoid(x);
  const Var s = p * sigmoid(-x);
  return {
      {"cancel_factors", y * sqr(e) / e, y * sqr(x) / x},
      {"product_into_where", where(x > 0, 0.0, y / sigmoid(x)) * (sigmoid(x) * sigmoid(-x)),
       where(x > 0, 0.0, y) * tanh(x)},
      {"product_into_sum", (y / sigmoid(x) + tanh(y)) * (sigmoid(x) * sigmoid(-x)),
       (y + tanh(y)) * tanh(x)},
      {"join_powers", y * e / sqrt(e), y * x / sqrt(x)},
      {"product_of_roots", sqrt(e) * sqrt(e), sqrt(x) * sqrt(x)},
      {"divisor_out_of_sum", sum(m / sigmoid(c), 1), sum(m / exp(c), 1)},
      {"cancel_in_scatter", inc_subtensor(zeros_like(x)[range(1)], y / p[range(1)]) * s,
       inc_subtensor(zeros_like(x)[range(1)], y / p[range(1)]) * sigmoid(y)},
  };
}

RuleCases barrier_cases() {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  const Var s = sigmoid(x);
  const auto trace = map([](Var v) { return sigmoid(v); }, {x}).outputs[0];
  const auto other = map([](Var v) { return tanh(v); }, {x}).outputs[0];
  const auto between = map([](Var v) { return sigmoid(v) * sigmoid(sqr(v)); }, {x}).outputs[0];
  return {
      {"into_join", log(concatenate({s, y}, 0)), log(concatenate({x, y}, 0))},
      {"into_clip", log(clip(s, 1e-7, 0.9)), log(clip(s, 0.9, 1e-7))},
      {"log_of_product", log(3 * s), log(3 * x)},
      {"log_of_power", log(sqrt(s)), log(sqrt(x))},
      {"other_base", log2(s), log2(x)},
      {"log1p_of_join", log1p(-concatenate({s, y}, 0)), log1p(-concatenate({x, y}, 0))},
      {"xlogy_of_stable", xlogy0(y, s), xlogy0(y, x)},
      {"into_loop", log(between), log(other)},
      {"out_of_loop", log(trace), log(between)},
  };
}

const RuleTheme softmaxes(softmax_cases);
const RuleTheme cancelling(cancel_cases);
const RuleTheme barriers(barrier_cases);

}  // namespace

TEST_CASE("rules: of sums of exponentials apply where they should and nowhere else") {
  check_cases(softmax_cases());
}

TEST_CASE("rules: of factors that cancel apply where they should and nowhere else") {
  check_cases(cancel_cases());
}

TEST_CASE("rules: across joins and loops apply where they should and nowhere else") {
  check_cases(barrier_cases());
}
